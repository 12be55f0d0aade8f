"""Serve an app for development, with werkzeug's server: `wsgimw run`.

Not for production: use gunicorn, uWSGI or mod_wsgi there. Each request is one line, that of
AccessLog. Werkzeug's server would write a line of its own for each, so its `log_request` is
silenced; an app without an AccessLog gets `AccessLog(format="dev")` round it.

Streams go out block by block, in chunks, so that a client can tell a stream that was cut from one
that ended.
"""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from werkzeug.serving import (
    BaseWSGIServer,
    WSGIRequestHandler,
    is_running_from_reloader,
    make_server,
    run_simple,
)

from wsgimw.access_log import AccessLog
from wsgimw.devtools.walk import holds
from wsgimw.devtools.xray import xray

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["CannotListen", "listen", "logged", "run", "run_reloading", "shown", "silent"]


class CannotListen(Exception):
    """The address cannot be listened on; the text says why and what to do."""


class Handler(WSGIRequestHandler):
    """Werkzeug's handler without its line for each request."""

    protocol_version = "HTTP/1.1"  # else a server without threads cannot send in chunks

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing: AccessLog does."""


def listen(
    app: WSGIApplication,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    threads: bool = True,
    handler: type[WSGIRequestHandler] = Handler,
) -> BaseWSGIServer:
    """Return a server that listens and does not serve yet; `port` 0 is any free one.

    Raises `CannotListen`. Werkzeug itself would print two lines and end the process.
    """
    with _bind(host, port) as bound:
        return make_server(
            host, port, app, threaded=threads, request_handler=handler, fd=bound.fileno()
        )


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]  # it goes on with the address
        taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
        hint = "another port with --port" if taken else "an address of this machine with --host"
        place = address(host, port)
        raise CannotListen(f"cannot listen on {place}: {reason}; choose {hint}") from None


def address(host: str, port: int) -> str:
    """Return the URL of an address, without a path."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def logged(app: WSGIApplication) -> WSGIApplication:
    """Return `app` if it logs its requests by AccessLog, else `app` in one that does."""
    return app if holds(app, AccessLog) else AccessLog(format="dev")(app)


@contextmanager
def silent() -> Iterator[None]:
    """Keep the server from telling again what CatchErrors has told."""
    log = logging.getLogger("werkzeug")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


def shown(app: WSGIApplication, xrayed: bool) -> WSGIApplication:
    """Return `app` as it is served: logged, and under the X-ray if it is asked for.

    The X-ray is outermost, so that its page, which asks again and again, is not in the log.
    """
    app = logged(app)
    return xray(app) if xrayed else app


def run(app: WSGIApplication, host: str, port: int, *, threads: bool, xrayed: bool = False) -> None:
    """Serve `app` until Ctrl-C. Raises `CannotListen`."""
    server = listen(shown(app, xrayed), host, port, threads=threads)
    announce(host, server.port)
    if xrayed:
        print(f"each request is shown at {address(host, server.port)}/_xray/", flush=True)
    server.serve_forever()  # ends at Ctrl-C, and closes what it listened on


def announce(host: str, port: int) -> None:
    """Say where the server is."""
    print(f"serving on {address(host, port)}/ for development; Ctrl-C ends it", flush=True)


def run_reloading(
    load: Callable[[], WSGIApplication],
    mistake: type[Exception],
    host: str,
    port: int,
    *,
    threads: bool,
    xrayed: bool = False,
) -> None:
    """Serve what `load()` returns, in a process that is started anew when a source file changes.

    An app that cannot be loaded (`load` raises `mistake`) answers with the reason until a file
    changes: an unfinished line must not end the server. Raises `CannotListen`.
    """
    if not is_running_from_reloader():
        _bind(host, port).close()  # werkzeug binds again, and would end the process
        app = _unloaded("the first process only watches the other")
    else:
        try:
            app = shown(load(), xrayed)
        except mistake as error:
            print(f"wsgimw run: {error}", flush=True)
            app = logged(_unloaded(str(error)))
    run_simple(host, port, app, use_reloader=True, threaded=threads, request_handler=Handler)


def _unloaded(reason: str) -> WSGIApplication:
    text = f"{reason}\n".encode()

    def unloaded(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        fields = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(text)))]
        start_response("500 Internal Server Error", fields)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else text]

    return unloaded
