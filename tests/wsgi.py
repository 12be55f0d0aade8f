"""A strict little server for tests: one request, everything that happened kept."""

from __future__ import annotations

from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment


def make_environ(**more: Any) -> WSGIEnvironment:
    """Return the environ of a small request; `more` replaces keys, None removes them."""
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "srv",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.1",
        "HTTP_HOST": "example.org",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    environ.update(more)
    return {key: value for key, value in environ.items() if value is not None}


class Served:
    """What one request gave: `heads` (all of them), `blocks`, `written`, `error`."""

    def __init__(self) -> None:
        self.heads: list[tuple[str, list[tuple[str, str]], Any]] = []
        self.blocks: list[bytes] = []
        self.written: list[bytes] = []
        self.error: BaseException | None = None

    @property
    def status(self) -> str:
        return self.heads[-1][0]

    @property
    def headers(self) -> list[tuple[str, str]]:
        return self.heads[-1][1]

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        try:
            if exc_info and (self.blocks or self.written):
                raise exc_info[1]
            if self.heads and not exc_info:
                raise AssertionError("a second head without exc_info")
        finally:
            has_info, exc_info = exc_info is not None, None
        self.heads.append((status, list(headers), has_info))
        return self.written.append


def serve(
    app: WSGIApplication,
    environ: WSGIEnvironment | None = None,
    *,
    stop: int | None = None,
    close: bool = True,
) -> Served:
    """Make one request; `stop`: pull so many blocks at the most; what was raised is kept."""
    served = Served()
    body: Any = None
    try:
        body = app(make_environ() if environ is None else environ, served.start_response)
        if stop != 0:
            for block in body:
                if block and not served.heads:
                    raise AssertionError("a block before the head")
                served.blocks.append(block)
                if stop is not None and len(served.blocks) >= stop:
                    break
    except BaseException as error:
        served.error = error
    finally:
        try:
            if close and hasattr(body, "close"):
                body.close()
        except BaseException as error:
            served.error = served.error or error
    return served
