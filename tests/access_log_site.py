"""What the access log is tried with on real servers: `python -m tests.access_log_site SERVER`.

Each path ends in another way. Lines go to the file that `WSGIMW_TEST_LOG` names.
"""

from __future__ import annotations

import io
import os
import socketserver
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from wsgimw import AccessLog, CatchErrors, RequestId, compose

App = Callable[[dict[str, Any], Any], Iterable[bytes]]

PLAIN = [("Content-Type", "text/plain")]
BLOCK = b"x" * 65536
MOST = 4096  # blocks of a stream that nobody reads to the end: more than any buffer holds


class Closing:
    """A body that fails in `close()`."""

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"hello"])

    def close(self) -> None:
        raise OSError("in close, as it should be")


def stream(blocks: int = 3) -> Iterator[bytes]:
    for _ in range(blocks):
        yield BLOCK


def broken() -> Iterator[bytes]:
    yield b"hello"
    raise ValueError("in mid-stream, as it should be")


def late() -> Iterator[bytes]:
    yield b""
    raise ValueError("before any byte, as it should be")


def site(environ: dict[str, Any], start_response: Any) -> Any:
    path = environ["PATH_INFO"].removeprefix("/caught")
    if path == "/raises":
        raise KeyError("in the call, as it should be")
    if path in ("/204", "/304"):
        start_response({"/204": "204 No Content", "/304": "304 Not Modified"}[path], [])
        return []
    size = {"/list": "5", "/gone-list": str(1024 * len(BLOCK)), "/short": "9"}.get(path)
    start_response("200 OK", [*PLAIN, *([("Content-Length", size)] if size else [])])
    if path == "/file":
        wrapper = environ.get("wsgi.file_wrapper")
        return wrapper(io.BytesIO(BLOCK)) if wrapper else iter([BLOCK])
    bodies: dict[str, Callable[[], Iterable[bytes]]] = {
        "/list": lambda: [b"hello"],
        "/short": lambda: [b"hello"],
        "/stream": stream,
        "/gone": lambda: stream(MOST),
        "/gone-list": lambda: [1024 * BLOCK],
        "/late": late,
        "/broken": broken,
        "/close": Closing,
    }
    return bodies[path]()


_outer = [RequestId(), AccessLog(format="json", sink=os.environ.get("WSGIMW_TEST_LOG", os.devnull))]
_bare = compose(*_outer)(site)
_caught = compose(*_outer, CatchErrors(log=False))(site)


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """`/caught/...` has a CatchErrors within."""
    app = _caught if environ["PATH_INFO"].startswith("/caught") else _bare
    return app(environ, start_response)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        return


class _Threads(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


def _wsgiref() -> tuple[int, Callable[[], object]]:
    server = _Threads(("127.0.0.1", 0), _Quiet)
    server.set_app(application)
    return server.server_port, server.serve_forever


def _werkzeug() -> tuple[int, Callable[[], object]]:
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, application, threaded=True)
    return server.server_port, server.serve_forever


def _waitress() -> tuple[int, Callable[[], object]]:
    from waitress.server import create_server

    server: Any = create_server(application, host="127.0.0.1", port=0, threads=4)
    return int(server.effective_port), server.run


def _cheroot() -> tuple[int, Callable[[], object]]:
    from cheroot.wsgi import Server

    server: Any = Server(("127.0.0.1", 0), application)
    server.prepare()
    return int(server.bind_addr[1]), server.serve


RUN = {"wsgiref": _wsgiref, "werkzeug": _werkzeug, "waitress": _waitress, "cheroot": _cheroot}


def main(name: str) -> None:
    port, serve = RUN[name]()
    print(f"http://127.0.0.1:{port}", flush=True)
    try:
        serve()
    except KeyboardInterrupt:
        os._exit(0)  # whatever threads it has


if __name__ == "__main__":
    main(sys.argv[1])
