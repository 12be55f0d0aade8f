"""The scenes whose fault is in the head, in environ, or in who answers.

Docstrings are missing on purpose: the koan of the same name says what the layer is meant to do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from wsgimw.devtools.koans.props import OK, TEXT, arrives, logged, page, scene
from wsgimw.devtools.koans.stage import Request, Stage, words
from wsgimw.testing.server import Environ, StartResponse


@scene("01_order.py")
def order(stage: Stage) -> None:
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


@scene("03_text.py")
def text(stage: Stage) -> None:
    request = stage.serve(page(status="404 Not Found"), path="/health")
    if request.call.status != OK and request.error is None:
        stage.misses(f"/health should be answered by the layer; {request.call.status} came")
    elif not stage.faults and request.error is None:
        came = request.call.raw.decode("utf-8", "replace")
        if came != "well ✓":
            stage.misses(f'/health should say "well ✓" in UTF-8; {came!r} came')
    arrives(stage, stage.serve(page(b"the app"), path="/other"), b"the app")


@scene("08_exc_info.py")
def exc_info(stage: Stage) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(OK, [TEXT])
        try:
            raise LookupError("no such row")
        except LookupError:
            start_response("500 Sorry", [TEXT], sys.exc_info())
        return [b"sorry"]

    request = stage.serve(app)
    came = request.call.values("X-Served-By")
    if request.error is not None:
        stage.breaks(
            8,
            "expected the second head to reach the server with its exc_info; but "
            f"{words(request.error)}",
        )
    elif arrives(stage, request, b"sorry", "500 Sorry") and came != ["koans"]:
        stage.misses("the error page came without the header X-Served-By: koans")


@scene("09_write.py")
def write(stage: Stage) -> None:
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


@scene("10_late.py")
def late(stage: Stage) -> None:
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
            raised = words(request.error)
            if rule == 5:
                stage.breaks(
                    5, f"expected a head that comes with a block to be waited for; but {raised}"
                )
        elif entries == [wanted]:
            continue
        elif rule is None or not entries:
            logged(stage, request, wanted, f"after {path}")
        else:
            came = " and ".join(map(repr, entries))
            stage.breaks(rule, f"expected {wanted!r} in the log, once; but it says {came}: {why}")


@scene("11_self.py")
def self(stage: Stage) -> None:
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
        came = ", ".join(
            f"{name} was told {' and '.join(v) or 'nothing'}" for name, v in told.items()
        )
        stage.breaks(38, f"expected each client to be told its own name; but {came}")
    nobody = stage.serve(page(b"the app")).call.values("X-Asked-By")
    if not any(told.values()) or nobody != ["nobody"]:
        stage.misses("every answer should say who asked in X-Asked-By, or nobody; it does not")


@scene("12_head.py")
def head(stage: Stage) -> None:
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


@scene("13_not_modified.py")
def not_modified(stage: Stage) -> None:
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


@scene("15_environ.py")
def environ(stage: Stage) -> None:
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
