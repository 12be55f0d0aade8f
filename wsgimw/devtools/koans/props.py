"""What the scenes share: apps that answer, bodies that tell what becomes of them, and the table.

>>> stage = Stage(lambda app: app)
>>> body = Held(stage)
>>> arrives(stage, stage.serve(body.app), b"onetwothree"), body.closes
(True, 1)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from wsgimw.devtools.koans.stage import Request, Stage
from wsgimw.testing.server import App, Environ, StartResponse

OK = "200 OK"
TEXT = ("Content-Type", "text/plain")
BLOCKS = (b"one", b"two", b"three")
WHOLE = f"{sum(map(len, BLOCKS))} bytes"

SCENES: dict[str, Callable[[Stage], None]] = {}


def scene(name: str) -> Callable[[Callable[[Stage], None]], Callable[[Stage], None]]:
    """Enter a scene for the koan of this name."""

    def enter(play: Callable[[Stage], None]) -> Callable[[Stage], None]:
        SCENES[name] = play
        return play

    return enter


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


def logged(stage: Stage, request: Request, wanted: str, when: str) -> None:
    """Expect exactly one entry in the log of a request."""
    if request.error is None and request.log.entries != [wanted]:
        came = " and ".join(map(repr, request.log.entries)) or "nothing"
        stage.misses(f'{when} the log should say "{wanted}", once; it says {came}')
