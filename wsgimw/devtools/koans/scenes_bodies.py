"""The scenes whose fault is in the body: held back, not closed, counted or timed wrongly.

Docstrings are missing on purpose: the koan of the same name says what the layer is meant to do.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

from wsgimw.devtools.koans.props import BLOCKS, OK, TEXT, WHOLE, Held, arrives, logged, page, scene
from wsgimw.devtools.koans.stage import Stage
from wsgimw.testing.server import Environ, FileWrapper, Headers, StartResponse, file_itself

_TOOK = re.compile(r"took (\d+\.\d{3}) s")


@scene("02_after.py")
def after(stage: Stage) -> None:
    for pulls in (-1, 1):
        before = len(stage.lines)
        body = Held(stage, tells=True)
        entries = stage.serve(body.app, pulls=pulls).log.entries
        lines = stage.lines[before:]
        if entries[:1] != ["begin"] or _made(lines, "begin"):
            stage.misses('the log should say "begin" before the response')
        count = entries.count("end")
        if count != 1:
            said = "never does" if not count else f"does so {count} times"
            stage.misses(f'the log should say "end" once, when a response is over; it {said}')
        elif _made(lines, "end") < body.made:
            stage.breaks(
                24,
                'expected "end" when all of the response is over; but it stood in the log when '
                f"{_made(lines, 'end') or 'none'} of its {body.made} blocks had been made",
            )


def _made(lines: list[str], entry: str) -> int:
    """Count the blocks that were made before something stood in the log."""
    line = f"* log: {entry}"
    end = lines.index(line) if line in lines else len(lines)  # if not: written in pieces
    return sum("the app makes" in line for line in lines[:end])


@scene("04_joined.py")
def joined(stage: Stage) -> None:
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
        logged(stage, request, WHOLE, "after a whole response")


@scene("05_close.py")
def close(stage: Stage) -> None:
    for pulls, when in ((-1, "after the end"), (1, "after an early stop")):
        body = Held(stage)
        request = stage.serve(body.app, pulls=pulls)
        _closed(stage, body, when)
        if pulls < 0 and arrives(stage, request, b"".join(BLOCKS)):
            logged(stage, request, WHOLE, "after a whole response")


@scene("06_never_started.py")
def never_started(stage: Stage) -> None:
    for pulls, when, wanted in (
        (-1, "after the end", WHOLE),
        (0, "though the body was never started", "0 bytes"),
    ):
        body = Held(stage)
        request = stage.serve(body.app, pulls=pulls)
        _closed(stage, body, when)
        logged(stage, request, wanted, f"{when}," if pulls else "when the client is gone at once,")


def _closed(stage: Stage, body: Held, when: str) -> None:
    if not body.closes:
        stage.tell("! the app's body is never closed: what it holds stays open")
        stage.breaks(22, f"expected the body's close() to be called {when}; but it never was")


@scene("07_length.py")
def length(stage: Stage) -> None:
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


@scene("14_time.py")
def time_taken(stage: Stage) -> None:
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
            logged(stage, request, f"took {wanted} s", when)
        elif pulls > 0 and took[0] == "3.000":
            stage.breaks(17, "expected no block to be made after the client had left; but one was")
        elif took != [wanted]:
            stage.breaks(
                37,
                f'expected "took {wanted} s", to the end of the body; but the log says "took '
                f'{took[0]} s"',
            )


@scene("16_file_wrapper.py")
def file_wrapper(stage: Stage) -> None:
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
            logged(stage, request, "a file", f"after a file (file_wrapper is a {kind})")
    for other in (Held(stage).app, page(*BLOCKS)):
        request = stage.serve(other)
        if arrives(stage, request, b"".join(BLOCKS)):
            logged(stage, request, WHOLE, "after a page")
