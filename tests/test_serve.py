"""The development server of `wsgimw run`; over real processes it is tested in test_cli.py."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.serving import BaseWSGIServer

from wsgimw import AccessLog, compose
from wsgimw.devtools import serve
from wsgimw.devtools.serve import CannotListen, listen, logged

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


def stream(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"one "
    if environ["PATH_INFO"] == "/broken":
        raise RuntimeError("half-way")
    yield b"two"


@contextmanager
def served(served_app: WSGIApplication, *, threads: bool) -> Iterator[int]:
    server = listen(served_app, threads=threads)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        thread.join(10)


def get(port: int, path: str = "/") -> tuple[http.client.HTTPResponse, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        with response:
            return response, response.read()


@pytest.mark.parametrize("threads", [False, True])
def test_answers_in_silence(threads: bool, capfd: pytest.CaptureFixture[str]) -> None:
    with served(app, threads=threads) as port:
        response, body = get(port)
    assert (response.status, body) == (200, b"hello")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("threads", [False, True])
def test_stream_goes_out_in_chunks(threads: bool) -> None:
    with served(stream, threads=threads) as port:
        response, body = get(port)
    assert response.headers["Transfer-Encoding"] == "chunked"
    assert body == b"one two"


@pytest.mark.parametrize("threads", [False, True])
def test_broken_stream_is_seen_as_such(threads: bool, capfd: pytest.CaptureFixture[str]) -> None:
    with (
        serve.silent(),
        served(stream, threads=threads) as port,
        pytest.raises(http.client.IncompleteRead),
    ):
        get(port, "/broken")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("host", "text"),
    [
        pytest.param(
            "127.0.0.1", ": Address already in use; choose another port with --port", id="in use"
        ),
        pytest.param(
            "192.0.2.1",
            ": Cannot assign requested address; choose an address of this machine with --host",
            id="address of another machine",
        ),
        pytest.param(
            "nowhere.invalid", "; choose an address of this machine with --host", id="no address"
        ),
    ],
)
def test_cannot_listen(host: str, text: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen) as raised:
            listen(app, host, port)
    assert str(raised.value).startswith(f"cannot listen on http://{host}:{port}: ")
    assert str(raised.value).endswith(text)


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "http://127.0.0.1:80"), ("::1", "http://[::1]:80")],
)
def test_address(host: str, address: str) -> None:
    assert serve.address(host, 80) == address


def test_app_without_a_log_gets_one() -> None:
    bound: Any = logged(app)
    assert bound.__wsgimw_layer__ == AccessLog(format="dev")
    assert bound.__wrapped__ is app


def test_app_with_a_log_is_left_alone() -> None:
    bound = compose(AccessLog())(app)
    assert logged(bound) is bound


def test_run_says_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served: list[BaseWSGIServer] = []

    def serve_forever(server: BaseWSGIServer) -> None:
        served.append(server)
        server.server_close()

    monkeypatch.setattr(BaseWSGIServer, "serve_forever", serve_forever)
    serve.run(app, "127.0.0.1", 0, threads=True)
    (server,) = served
    where = f"serving on http://127.0.0.1:{server.port}/ for development; Ctrl-C ends it\n"
    assert capsys.readouterr().out == where
    assert server.multithread


class Mistake(Exception):
    """What a loader raises for an app that cannot be loaded."""


def fails() -> WSGIApplication:
    raise Mistake("shop cannot be imported")


def works() -> WSGIApplication:
    return app


@pytest.mark.parametrize(
    ("load", "in_child", "answer"),
    [
        pytest.param(works, True, b"hello", id="the app"),
        pytest.param(fails, True, b"shop cannot be imported\n", id="the reason"),
        pytest.param(fails, False, None, id="the first process loads nothing"),
    ],
)
def test_run_reloading(
    load: Callable[[], WSGIApplication],
    in_child: bool,
    answer: bytes | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(serve, "is_running_from_reloader", lambda: in_child)
    monkeypatch.setattr(serve, "run_simple", lambda *args, **options: given.extend([args, options]))
    serve.run_reloading(load, Mistake, "127.0.0.1", 0, threads=True)
    (host, port, served_app), options = given
    assert (host, port) == ("127.0.0.1", 0)
    assert options == {"use_reloader": True, "threaded": True, "request_handler": serve.Handler}
    if answer is not None:
        with served(served_app, threads=False) as port:
            response, body = get(port)
        assert (response.status, body) == (200 if load is works else 500, answer)
