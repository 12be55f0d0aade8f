"""The scenes: each koan's layer is played before a client, with an app that shows its fault.

A scene says two things apart: that a rule was broken (`stage.breaks`), and that the layer does not
do what it is meant to do (`stage.misses`), so that to delete a layer's work is no repair.

>>> from wsgimw.devtools.koans.stage import Stage
>>> stage = Stage(lambda app: app)
>>> SCENES["served_by"](stage)
>>> stage.lost
['the error page came without the header X-Served-By: koans']
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from wsgimw.devtools.koans.stage import Request, Stage
from wsgimw.testing.server import App, Environ, FileWrapper, Headers, StartResponse, file_itself

OK = "200 OK"
TEXT = ("Content-Type", "text/plain")
BLOCKS = (b"one", b"two", b"three")
WHOLE = f"{sum(map(len, BLOCKS))} bytes"

SCENES: dict[str, Callable[[Stage], None]] = {}


def scene(play: Callable[[Stage], None]) -> Callable[[Stage], None]:
    """Enter a scene under the name of the layer that it plays."""
    SCENES[play.__name__] = play
    return play


def page(*blocks: bytes, status: str = OK, headers: Iterable[tuple[str, str]] = (TEXT,)) -> App:
    """Return an app that answers with a list."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, list(headers))
        return list(blocks)

    return app


class Held:
    """A body that tells when a block is made and when it is closed."""

    def __init__(self, stage: Stage, *, tells: bool = False) -> None:
        self.stage = stage
        self.tells = tells
        self.closes = 0
        self.made = 0

    def __iter__(self) -> Iterator[bytes]:
        for block in BLOCKS:
            self.made += 1
            if self.tells:
                self.stage.tell(f"* the app makes {block!r}")
            yield block

    def close(self) -> None:
        self.closes += 1
        self.stage.tell("* the app's body is closed")

    def app(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(OK, [TEXT])
        return self


def arrives(stage: Stage, request: Request, content: bytes, status: str = OK) -> bool:
    """Expect that an app's own answer comes through."""
    call = request.call
    if (call.status, call.raw) == (status, content) or request.error is not None:
        return request.error is None
    came = f"{call.status or 'no head'} with {len(call.raw)} bytes came"
    stage.misses(f"the app answered {request.path} with {status} and {len(content)} bytes; {came}")
    return False


@scene
def stack(stage: Stage) -> None:
    name, value = "X-Content-Type-Options", "nosniff"
    stranger = stage.serve(page(b"the app"))
    if stranger.call.status != "401 Unauthorized":
        came = stranger.call.status or "no head"
        stage.misses(f"a stranger should get 401 Unauthorized; {came} came")
    elif stranger.call.values(name) != [value]:
        stage.breaks(
            None,
            f"expected the 401 to have {name}: {value}; but it has not: the 401 is made outside of "
            "the layer that adds the header, and never passes it",
        )
    member = stage.serve(page(b"the app"), REMOTE_USER="ada")
    if arrives(stage, member, b"the app") and member.call.values(name) != [value]:
        stage.misses(f"a member's page should have {name}: {value} once; it has not")


@scene
def diary(stage: Stage) -> None:
    for pulls in (-1, 1):
        log, made = _diary(stage, pulls)
        ends = [place for entry, place in log if entry == "end"]
        if [entry for entry, _ in log][:1] != ["begin"] or log[0][1]:
            stage.misses('the log should say "begin" before the response')
        if len(ends) != 1:
            said = "never does" if not ends else f"does so {len(ends)} times"
            stage.misses(f'the log should say "end" once, when a response is over; it {said}')
        elif ends[0] < made:
            stage.breaks(
                17,
                f'expected "end" when all of the response is over; but it stood in the log when '
                f"{ends[0] or 'none'} of its {made} blocks had been made",
            )


def _diary(stage: Stage, pulls: int) -> tuple[list[tuple[str, int]], int]:
    """Play one request; return what was logged, each with the number of blocks made by then."""
    body = Held(stage, tells=True)
    log: list[tuple[str, int]] = []
    request = stage.request(body.app)
    write = request.log.write

    def noting(text: str, /) -> int:
        log.extend((line, body.made) for line in text.split())
        return write(text)

    request.log.write = noting  # type: ignore[method-assign]
    request.begin()
    while pulls and request.pull():
        pulls -= 1
    if not pulls:
        stage.tell("* the client leaves after a block")
    request.finish()
    return log, body.made


@scene
def health(stage: Stage) -> None:
    request = stage.serve(page(status="404 Not Found"), path="/health")
    if request.call.status != OK and request.error is None:
        stage.misses(f"/health should be answered by the layer; {request.call.status} came")
    elif not stage.faults and request.error is None:
        came = request.call.raw.decode("utf-8", "replace")
        if came != "well ✓":
            stage.misses(f'/health should say "well ✓" in UTF-8; {came!r} came')
    arrives(stage, stage.serve(page(b"the app"), path="/other"), b"the app")


def _logged(stage: Stage, request: Request, wanted: str, when: str) -> None:
    """Expect exactly one entry in the log of a request."""
    if request.error is None and request.log.entries != [wanted]:
        came = " and ".join(map(repr, request.log.entries)) or "nothing"
        stage.misses(f'{when} the log should say "{wanted}", once; it says {came}')


@scene
def size(stage: Stage) -> None:
    """Koan 4."""
    body = Held(stage, tells=True)
    ahead = 0
    request = stage.request(body.app).begin()
    while request.pull():
        ahead = max(ahead, body.made - len(request.call.blocks))
    request.finish()
    if ahead:
        stage.breaks(
            18,
            "expected each block to be at the client before the next is made; but "
            f"{ahead + 1} had been made when the first came",
        )
    if arrives(stage, request, b"".join(BLOCKS)):
        _logged(stage, request, WHOLE, "after a whole response")


def size_closed(stage: Stage) -> None:
    """Koan 5."""
    for pulls, when in ((-1, "after the end"), (1, "after an early stop")):
        body = Held(stage)
        request = stage.serve(body.app, pulls=pulls)
        _closed(stage, body, when)
        if pulls < 0 and arrives(stage, request, b"".join(BLOCKS)):
            _logged(stage, request, WHOLE, "after a whole response")


def size_unstarted(stage: Stage) -> None:
    """Koan 6."""
    for pulls, when, wanted in (
        (-1, "after the end", WHOLE),
        (0, "though the body was never started", "0 bytes"),
    ):
        body = Held(stage)
        request = stage.serve(body.app, pulls=pulls)
        _closed(stage, body, when)
        _logged(stage, request, wanted, f"{when}," if pulls else "when the client is gone at once,")


def _closed(stage: Stage, body: Held, when: str) -> None:
    if not body.closes:
        stage.tell("! the app's body is never closed: what it holds stays open")
        stage.breaks(22, f"expected the body's close() to be called {when}; but it never was")


SCENES["size, closed"] = size_closed
SCENES["size, unstarted"] = size_unstarted


@scene
def crlf(stage: Stage) -> None:
    for name in ("Content-Length", "content-length"):
        constant = [("Content-Type", "text/csv"), (name, "8")]

        def app(
            environ: Environ, start_response: StartResponse, headers: Headers = constant
        ) -> Iterable[bytes]:
            start_response(OK, headers)
            return iter([b"a,1\n", b"b,2\n"])

        request = stage.serve(app, path="/prices.csv")
        if request.error is None and request.call.raw != b"a,1\r\nb,2\r\n":
            stage.misses(
                f"CSV should come with \\r\\n at each line's end; {request.call.raw!r} came"
            )
        elif request.error is None and len(request.call.blocks) != 2:
            came = len(request.call.blocks)
            stage.breaks(18, f"expected 2 blocks out for 2 blocks in; but {came} came")
        if len(constant) != 2:
            stage.breaks(
                12, "expected the app's own list of headers to stay; but the layer changed it"
            )
    headers = [TEXT, ("Content-Length", "5")]
    other = stage.serve(page(b"a\nb\nc", headers=headers), path="/notes")
    if arrives(stage, other, b"a\nb\nc") and other.call.values("Content-Length") != ["5"]:
        stage.misses("an answer that is no CSV should keep its Content-Length; it is gone")


@scene
def served_by(stage: Stage) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(OK, [TEXT])
        try:
            raise LookupError("no such row")
        except LookupError:
            start_response("500 Sorry", [TEXT], sys.exc_info())
        return [b"sorry"]

    request = stage.serve(app)
    if request.error is not None:
        stage.breaks(
            8,
            "expected the second head to reach the server with its exc_info; but "
            f"{type(request.error).__name__} was raised: {request.error}",
        )
    elif arrives(stage, request, b"sorry", "500 Sorry") and request.call.values("X-Served-By") != [
        "koans"
    ]:
        stage.misses("the error page came without the header X-Served-By: koans")


@scene
def visited(stage: Stage) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        write = start_response(OK, [TEXT])
        if not callable(write):
            stage.breaks(
                10, f"expected start_response to return the server's write(); but {write!r} came"
            )
        write(b"hello ")
        return [b"world"]

    request = stage.serve(app)
    if request.error is None and request.call.raw != b"hello world":
        stage.breaks(
            10,
            "expected what the app writes to come, and before what it returns; but "
            f"{request.call.raw!r} came",
        )
    if request.error is None and request.call.values("Set-Cookie") != ["visited=yes"]:
        stage.misses("an answer should have Set-Cookie: visited=yes, once; it has not")


@scene
def status_log(stage: Stage) -> None:
    def late(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response(OK, [TEXT])
        yield b"news"

    def failing(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response(OK, [TEXT])
        try:
            raise LookupError("no such row")
        except LookupError:
            start_response("500 Sorry", [TEXT], sys.exc_info())
        yield b"sorry"

    for app, path, rule, why in (
        (late, "/news", 5, "its head came with the first block"),
        (failing, "/broken", 7, "a second head had replaced the first"),
        (page(b"plain"), "/plain", None, ""),
    ):
        request = stage.serve(app, path=path)
        wanted, entries = f"{path} {request.call.status}", request.log.entries
        if request.error is not None:
            raised = f"{type(request.error).__name__} was raised: {request.error}"
            if rule == 5:
                stage.breaks(
                    5, f"expected a head that comes with a block to be waited for; but {raised}"
                )
        elif entries == [wanted]:
            continue
        elif rule is None or not entries:
            _logged(stage, request, wanted, f"after {path}")
        else:
            came = " and ".join(map(repr, entries))
            stage.breaks(rule, f"expected {wanted!r} in the log, once; but it says {came}: {why}")


@scene
def AskedBy(stage: Stage) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response(OK, [TEXT])
        yield f"hello {environ.get('REMOTE_USER')}".encode()

    bound = stage.bind(app)
    requests = {
        name: Request(stage, bound, "GET", "/", client=name, REMOTE_USER=name)
        for name in ("ada", "bob")
    }
    for request in requests.values():
        request.begin()
    for request in requests.values():
        request.pull()
    for request in requests.values():
        request.pull()
        request.finish()
    told = {name: request.call.values("X-Asked-By") for name, request in requests.items()}
    if any(told.values()) and told != {"ada": ["ada"], "bob": ["bob"]}:
        came = ", ".join(f"{name} was told {' and '.join(v) or None}" for name, v in told.items())
        stage.breaks(38, f"expected each client to be told its own name; but {came}")
    nobody = stage.serve(page(b"the app")).call.values("X-Asked-By")
    if not any(told.values()) or nobody != ["nobody"]:
        stage.misses("every answer should say who asked in X-Asked-By, or nobody; it does not")


@scene
def robots(stage: Stage) -> None:
    app = page(status="404 Not Found")
    head = stage.serve(app, "HEAD", "/robots.txt")
    get = stage.serve(app, "GET", "/robots.txt")
    if head.call.status != OK and head.error is None:
        stage.misses(f"HEAD /robots.txt should be answered as GET is; {head.call.status} came")
    elif sorted(head.call.headers) != sorted(get.call.headers):
        stage.breaks(
            16,
            f"expected HEAD to have GET's headers, {get.call.headers}; but {head.call.headers} "
            "came",
        )
    if not get.call.raw.startswith(b"User-agent: *") and get.error is None:
        stage.misses("GET /robots.txt should be answered with the text; it is not")
    other = stage.serve(page(b"the app"), path="/other")
    arrives(stage, other, b"the app")


@scene
def default_type(stage: Stage) -> None:
    tag = ("ETag", '"v1"')
    for status, headers in (
        ("304 Not Modified", [tag]),
        ("204 No Content", []),
        ("304 Same As Yours", [tag]),
    ):
        request = stage.serve(page(status=status, headers=headers))
        if request.call.values("Content-Type"):
            stage.breaks(16, f"expected no new Content-Type with {status}; but one came")
    for given in ([], [("content-type", "text/csv")]):
        request = stage.serve(page(b"<p>", headers=given))
        wanted = [given[0][1]] if given else ["text/html; charset=utf-8"]
        if request.error is None and request.call.values("Content-Type") != wanted:
            came = request.call.values("Content-Type")
            stage.misses(f"a page should come with Content-Type {wanted}; {came} came")


_TOOK = re.compile(r"took (\d+\.\d{3}) s")


@scene
def timing(stage: Stage) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(OK, [TEXT])
        stage.clock.tick(1)
        stage.tell("* one second goes by in the call")
        return slow()

    def slow() -> Iterator[bytes]:
        for block in BLOCKS[:2]:
            stage.clock.tick(1)
            stage.tell("* one second goes by before the next block")
            yield block

    for pulls, wanted in ((-1, "3.000"), (1, "2.000")):
        request = stage.serve(app, pulls=pulls)
        if request.error is not None:
            continue
        took = [match[1] for entry in request.log.entries if (match := _TOOK.fullmatch(entry))]
        if len(took) != 1 or len(request.log.entries) != 1:
            when = "after a whole response" if pulls < 0 else "when the client leaves early,"
            _logged(stage, request, f"took {wanted} s", when)
        elif took[0] > wanted:
            stage.breaks(17, "expected no block to be made after the client had left; but one was")
        elif took[0] < wanted:
            stage.breaks(
                37,
                f'expected "took {wanted} s", to the end of the body; but the log says "took '
                f'{took[0]} s"',
            )


@scene
def shop(stage: Stage) -> None:
    views: list[tuple[str, str]] = []

    def look(environ: Environ, when: str) -> None:
        view = (environ["SCRIPT_NAME"], environ["PATH_INFO"])
        views.append(view)
        stage.tell(f"* {when} sees SCRIPT_NAME {view[0]!r}, PATH_INFO {view[1]!r}")

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        look(environ, "the app")
        start_response(OK, [TEXT])
        return stream(environ)

    def stream(environ: Environ) -> Iterator[bytes]:
        look(environ, "the app's body")
        yield b"cart"

    request = stage.request(app, path="/shop/cart").begin()
    look(request.call.environ, "the layer outside")
    while request.pull():
        pass
    request.finish()
    if request.error is None and len(views) != 3:
        stage.misses("the app below /shop should be asked for /shop/cart; it was not")
    elif request.error is None:
        inside, outside, streaming = views
        if inside != ("/shop", "/cart"):
            stage.misses(f"the app should see SCRIPT_NAME '/shop', PATH_INFO '/cart', not {inside}")
        elif outside != ("", "/shop/cart"):
            stage.breaks(
                4,
                "expected PATH_INFO outside to stay '/shop/cart'; but a layer outside of this one "
                f"sees {outside[1]!r} after the call",
            )
        elif streaming != inside:
            stage.breaks(
                4,
                f"expected the app to see {inside} while its body runs; but it sees {streaming}",
            )
    other = stage.serve(page(b"the app"), path="/shopping")
    if other.call.status != "404 Not Found" and other.error is None:
        stage.misses(f"/shopping is not below /shop and should get 404; {other.call.status} came")


@scene
def traffic(stage: Stage) -> None:
    for kind, wrapper in (("type", FileWrapper), ("function", file_itself)):

        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            start_response(OK, [TEXT, ("Content-Length", "11")])
            made: Iterable[bytes] = environ["wsgi.file_wrapper"](io.BytesIO(b"".join(BLOCKS)))
            return made

        options: dict[str, Any] = {"path": "/film", "wsgi.file_wrapper": wrapper}
        request = stage.request(app, **options).begin()
        body = request.call.body
        kept = type(body) in (FileWrapper, io.BytesIO)
        if request.error is None:
            what = f"a {type(body).__name__}" + (", and lets the kernel send it" if kept else "")
            stage.tell(f"{'*' if kept else '!'} the server gets {what}")
        while request.pull():
            pass
        request.finish()
        if request.error is None and not kept:
            stage.breaks(
                29,
                f"expected the server's own file object (its wsgi.file_wrapper is a {kind}); but "
                f"a {type(body).__name__} came, and the file is copied through Python",
            )
        else:
            _logged(stage, request, "a file", f"after a file (file_wrapper is a {kind})")
    for app in (Held(stage).app, page(*BLOCKS)):
        request = stage.serve(app)
        if arrives(stage, request, b"".join(BLOCKS)):
            _logged(stage, request, WHOLE, "after a page")
