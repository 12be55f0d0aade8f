"""Every server of the matrix over any app, on a free port: `python -m tests.servers NAME APP`.

`running(name, "module:app")` does so in a process of its own. The port is never picked and then
taken: the listening socket is made here and handed over. granian makes its own, on a port that a
bound socket of ours keeps for it. What a server writes goes to the file that `WSGIMW_SERVER_LOG`
names (it must exist), else nowhere.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pytest

from tests.serving import PATIENCE, Server, serving

HOST = "127.0.0.1"
# What each needs to be importable.
NEEDS: dict[str, tuple[str, ...]] = {
    "wsgiref": (),
    "werkzeug": ("werkzeug",),
    "gunicorn sync": ("gunicorn",),
    "gunicorn gthread": ("gunicorn",),
    "gunicorn gevent": ("gunicorn", "gevent"),
    "waitress": ("waitress",),
    "cheroot": ("cheroot",),
    "granian": ("granian",),
    "hypercorn": ("hypercorn",),
    "uvicorn": ("uvicorn", "a2wsgi"),
    "gevent": ("gevent",),
}
SERVERS = tuple(NEEDS)
# Those that come to WSGI over another protocol, and break most.
BRIDGES = ("granian", "hypercorn", "uvicorn")


def need(name: str) -> None:
    """Skip the test if a server is not installed; where `CI` is set, that is a failure."""
    for package in NEEDS[name]:
        if importlib.util.find_spec(package) is None:
            say = pytest.fail if os.environ.get("CI") else pytest.skip
            say(f"{name} cannot be tried: {package} is not installed")


@contextmanager
def running(name: str, target: str, *options: str) -> Iterator[Server]:
    """Run a server of `SERVERS` over an app until the block ends; `options` go to gunicorn."""
    need(name)
    with serving("tests.servers", name, target, *options) as server:
        yield server


def exchange(port: int, request: bytes, *, limit: int = 50_000_000) -> bytes:
    """Send a request as it is, and return what comes until the server ends the connection."""
    with socket.create_connection((HOST, port), PATIENCE) as connection:
        connection.sendall(request)
        received = bytearray()
        with suppress(ConnectionError):  # a cut
            while len(received) < limit and (more := connection.recv(65536)):
                received += more
    return bytes(received)


def _app(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        return


class _Threads(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


def _listen() -> socket.socket:
    return socket.create_server((HOST, 0))


def _say(port: int, out: int = 1) -> None:
    os.write(out, f"http://{HOST}:{port}\n".encode())
    _hush()


def _hush() -> None:
    """Send what is written from here on to a file: nobody empties the pipe, and it would fill."""
    log = os.open(os.environ.get("WSGIMW_SERVER_LOG", os.devnull), os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def _wsgiref(target: str) -> None:
    server = _Threads((HOST, 0), _Quiet)
    server.set_app(_app(target))
    _say(server.server_port)
    server.serve_forever()


def _werkzeug(target: str) -> None:
    from werkzeug.serving import WSGIRequestHandler as Handler
    from werkzeug.serving import make_server

    class Quiet(Handler):
        def log(self, type: str, message: str, *args: Any) -> None:
            return

    server = make_server(HOST, 0, _app(target), threaded=True, request_handler=Quiet)
    _say(server.server_port)
    server.serve_forever()


def _gunicorn(*worker: str) -> Callable[..., None]:
    def run(target: str, *options: str) -> None:
        from gunicorn.app.wsgiapp import run as serve

        listening = _listen()
        sys.argv = [
            *("gunicorn", "--bind", f"fd://{listening.fileno()}", "--log-level", "error"),
            *("--no-control-socket", *worker, *options, target),
        ]
        _say(listening.getsockname()[1])
        serve()

    return run


def _waitress(target: str) -> None:
    from waitress.server import create_server

    server: Any = create_server(_app(target), host=HOST, port=0, threads=4)
    _say(int(server.effective_port))
    server.run()


def _cheroot(target: str) -> None:
    from cheroot.wsgi import Server

    server: Any = Server((HOST, 0), _app(target), numthreads=4)
    server.prepare()
    _say(int(server.bind_addr[1]))
    server.serve()


def _granian(target: str) -> None:
    from granian import Granian
    from granian.constants import Interfaces

    # Bound and not listening: it keeps the port, and its worker may bind there, too.
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    kept.bind((HOST, 0))
    port = kept.getsockname()[1]
    # A worker that died (of `sys.exit()` in an app) comes again.
    server = Granian(
        target,
        address=HOST,
        port=port,
        interface=Interfaces.WSGI,
        blocking_threads=4,
        respawn_failed_workers=True,
        respawn_interval=0,
        log_enabled=False,  # it would say the port before its worker listens
        workers_kill_timeout=2,
    )
    # The thread would load it for its connection; a worker forked just then could never do so.
    HOST.encode("idna")
    threading.Thread(target=_say_when_open, args=(port, os.dup(1)), daemon=True).start()
    _hush()  # before its worker takes the pipe over
    with closing(kept):
        server.serve()


def _say_when_open(port: int, out: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            _say(port, out)
            return


def _hypercorn(target: str) -> None:
    import asyncio

    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    listening = _listen()
    config = Config()
    config.bind = [f"fd://{listening.fileno()}"]
    config.graceful_timeout = 1
    config.loglevel = "ERROR"
    _say(listening.getsockname()[1])
    asyncio.run(serve(_app(target), config, mode="wsgi"))


def _uvicorn(target: str) -> None:
    import uvicorn
    from a2wsgi import WSGIMiddleware

    listening = _listen()
    app: Any = WSGIMiddleware(_app(target))
    config = uvicorn.Config(
        app, access_log=False, log_level="error", lifespan="off", timeout_graceful_shutdown=1
    )
    _say(listening.getsockname()[1])
    uvicorn.Server(config).run(sockets=[listening])


def _gevent(target: str) -> None:
    from gevent import socket as green
    from gevent.pywsgi import WSGIServer as Pywsgi

    listener: Any = green.socket()
    listener.bind((HOST, 0))
    listener.listen(64)
    _say(listener.getsockname()[1])
    Pywsgi(listener, _app(target), log=None).serve_forever()


RUN: dict[str, Callable[..., None]] = {
    "wsgiref": _wsgiref,
    "werkzeug": _werkzeug,
    "gunicorn sync": _gunicorn(),
    "gunicorn gthread": _gunicorn("--worker-class", "gthread", "--threads", "4"),
    "gunicorn gevent": _gunicorn("--worker-class", "gevent"),
    "waitress": _waitress,
    "cheroot": _cheroot,
    "granian": _granian,
    "hypercorn": _hypercorn,
    "uvicorn": _uvicorn,
    "gevent": _gevent,
}


def main(name: str, *arguments: str) -> None:
    """Serve until Ctrl-C."""
    sys.path.insert(0, os.getcwd())
    try:
        RUN[name](*arguments)
    except KeyboardInterrupt:
        os._exit(0)  # whatever threads it has


if __name__ == "__main__":
    main(*sys.argv[1:])
