"""Call WSGI apps in process, as lean as a server could: the same driver for every case."""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import BytesIO
from itertools import repeat
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType
    from typing import TypeAlias

    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

    ExcInfo: TypeAlias = (
        tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None] | None
    )


def make_environ(path: str = "/", method: str = "GET", **more: Any) -> WSGIEnvironment:
    """Return what a server hands over for a small browser request; `more` adds or replaces keys."""
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "RAW_URI": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "bench",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "54321",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0",
        "HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8",
        "HTTP_ACCEPT_LANGUAGE": "en",
        "HTTP_CONNECTION": "keep-alive",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **more,
    }


def drive(app: WSGIApplication, environ: WSGIEnvironment) -> None:
    """Make one request, take the body to its end and close it."""
    # Each request has its own environ: layers write into it.
    body = app(environ.copy(), start_response)
    try:
        for _ in body:
            pass
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()


def start_response(
    status: str, headers: list[tuple[str, str]], exc_info: ExcInfo = None, /
) -> Callable[[bytes], object]:
    """Take the head and forget it."""
    return write


def write(block: bytes, /) -> None:
    """Take a block and forget it."""


def deep(
    layer: Callable[[WSGIApplication], WSGIApplication], n: int, app: WSGIApplication
) -> WSGIApplication:
    """Wrap `app` `n` times in the same layer."""
    for _ in range(n):
        app = layer(app)
    return app


def difference(full: Callable[[], object], without: Callable[[], object]) -> float:
    """Return the seconds that one call of `full` takes longer, by interleaved pairs."""
    best = [inf, inf]
    for _ in range(25):
        for number, call in enumerate((full, without)):
            started = perf_counter()
            for _ in repeat(None, 25):
                call()
            best[number] = min(best[number], (perf_counter() - started) / 25)
    return best[0] - best[1]


def answer(
    app: WSGIApplication, environ: WSGIEnvironment
) -> tuple[str, list[tuple[str, str]], bytes]:
    """Return status, headers and body, to see before timing that all cases do the same work."""
    head: list[tuple[str, list[tuple[str, str]]]] = []
    blocks: list[bytes] = []

    def keep(
        status: str, headers: list[tuple[str, str]], exc_info: ExcInfo = None, /
    ) -> Callable[[bytes], object]:
        head.append((status, list(headers)))
        return blocks.append

    body = app(environ.copy(), keep)
    try:
        blocks.extend(body)
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()
    return (*head[-1], b"".join(blocks))
