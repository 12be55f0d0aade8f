"""wsgimw.compress on real servers: events arrive one by one, heads say what is true."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browsing import absent
from tests.compressing import CODINGS, PAGE, decode
from wsgimw import Compress, compose, when

pytestmark = pytest.mark.slow

ROOT = str(Path(__file__).parent.parent)
SECONDS = 20  # a bound for what hangs, not a wait
GO = threading.Event()

SERVERS = {
    "gunicorn": [
        *("-m", "gunicorn", "--bind", "fd://{fd}", "--worker-class", "gthread", "--threads", "4"),
        *(
            "--no-control-socket",
            "--log-level",
            "warning",
            "tests.test_compress_servers:application",
        ),
    ],
    "waitress": [
        "-c",
        "import socket, waitress\n"
        "from tests.test_compress_servers import application\n"
        "waitress.serve(application, sockets=[socket.socket(fileno={fd})], threads=4)\n",
    ],
    "wsgiref": [
        "-c",
        "import socket, socketserver\n"
        "from wsgiref.simple_server import WSGIServer, WSGIRequestHandler\n"
        "from tests.test_compress_servers import application\n"
        "class Server(socketserver.ThreadingMixIn, WSGIServer): daemon_threads = True\n"
        "server = Server(('127.0.0.1', 0), WSGIRequestHandler)\n"
        "server.socket.close()\n"
        "server.socket = socket.socket(fileno={fd})\n"
        "server.set_app(application)\n"
        "server.serve_forever()\n",
    ],
}


def site(environ: Any, start_response: Any) -> Any:
    """Events, the second of which is made when the client has said that the first is there."""
    path = environ["PATH_INFO"]
    if path == "/go":
        GO.set()
        start_response("204 No Content", [])
        return [b""]
    if path.endswith("/events"):
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return events()
    if path == "/short":
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "999")])
        return iter([b"short"])
    if path == "/fails":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return fails()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [PAGE]


def events() -> Iterator[bytes]:
    GO.clear()
    yield b"data: first\n\n"
    if GO.wait(SECONDS):
        yield b"data: second\n\n"


def fails() -> Iterator[bytes]:
    yield PAGE
    raise ValueError("in mid-stream, as it should be")


one_coding = [when(f"/{coding}", Compress(codings=(coding,))) for coding in CODINGS]
application = compose(Compress(), *one_coding)(site)


@pytest.fixture(scope="module", params=list(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    """A server on a free port of this machine, with the listening socket handed over."""
    if request.param != "wsgiref":
        pytest.importorskip(request.param)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        fd = listening.fileno()
        command = [part.replace("{fd}", str(fd)) for part in SERVERS[request.param]]
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            pass_fds=[fd],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield request.param, port
        finally:
            process.terminate()
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def go(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    with contextlib.closing(connection):
        connection.request("GET", "/go")
        connection.getresponse().read()


def ask(port: int, path: str, coding: str, method: str = "GET") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), SECONDS)
    connection.settimeout(SECONDS)
    connection.sendall(
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Accept-Encoding: {coding}\r\n\r\n".encode()
    )
    return connection


def unchunked(raw: bytes) -> tuple[bytes, bool]:
    """Take as many whole chunks as have come; say whether the last was among them."""
    content = b""
    while b"\r\n" in raw:
        size, _, rest = raw.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return content, True
        if len(rest) < length + 2:
            break
        content, raw = content + rest[:length], rest[length + 2 :]
    return content, False


def content_of(raw: bytes) -> tuple[bytes, bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        return head, unchunked(body)[0]
    return head, body


@pytest.mark.parametrize("coding", CODINGS)
def test_the_first_event_is_there_before_the_second_is_made(
    server: tuple[str, int], coding: str
) -> None:
    port = server[1]
    raw = b""
    with ask(port, "/events", coding) as connection:
        while decode(coding, content_of(raw)[1])[0] != b"data: first\n\n":
            more = connection.recv(65536)
            assert more, raw
            raw += more
        go(port)
        while more := connection.recv(65536):
            raw += more
    head, content = content_of(raw)
    assert f"content-encoding: {coding}".encode() in head.lower()
    assert decode(coding, content) == (b"data: first\n\ndata: second\n\n", True)


@pytest.mark.parametrize("coding", CODINGS)
def test_events_through_curl(server: tuple[str, int], coding: str) -> None:
    if shutil.which("curl") is None:
        absent("curl is not installed")
    port = server[1]
    command = ["curl", "-sN", "--max-time", str(SECONDS), "-H", f"Accept-Encoding: {coding}"]
    process = subprocess.Popen(
        [*command, "--compressed", f"http://127.0.0.1:{port}/events"], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    with process.stdout as out:
        assert out.readline() == b"data: first\n"
        go(port)
        assert out.read() == b"\ndata: second\n\n"
    assert process.wait(SECONDS) == 0


READ = """async coding => {
    const whole = await fetch("/" + coding + "/page");
    const text = await whole.text();
    const events = await fetch("/" + coding + "/events");
    const reader = events.body.pipeThrough(new TextDecoderStream()).getReader();
    const first = (await reader.read()).value;
    await fetch("/go");
    let rest = "";
    for (let part; !(part = await reader.read()).done; rest += part.value);
    const names = [whole, events].map(each => each.headers.get("content-encoding"));
    return {text, first, rest, names};
}"""


@pytest.mark.parametrize("coding", CODINGS)
def test_pages_and_events_in_chromium(server: tuple[str, int], browser: Any, coding: str) -> None:
    """To a page of this machine Chromium takes zstd and brotli without TLS, too."""
    page = browser.new_page()
    page.set_default_timeout(1000 * SECONDS)
    page.goto(f"http://127.0.0.1:{server[1]}/identity")
    read = page.evaluate(READ, coding)
    page.close()
    assert read["text"].encode() == PAGE
    assert read["names"] == [coding, coding]
    assert (read["first"], read["rest"]) == ("data: first\n\n", "data: second\n\n")


@pytest.mark.parametrize("coding", CODINGS)
def test_whole_bodies_and_heads(server: tuple[str, int], coding: str) -> None:
    port = server[1]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    with contextlib.closing(connection):
        connection.request("GET", "/", headers={"Accept-Encoding": coding})
        response = connection.getresponse()
        body = response.read()
        assert response.headers["Content-Length"] == str(len(body))
        assert decode(coding, body) == (PAGE, True)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    with contextlib.closing(connection):
        connection.request("HEAD", "/", headers={"Accept-Encoding": coding})
        response = connection.getresponse()
        assert response.read() == b""
        assert response.headers["Content-Encoding"] == coding
        # matrix.md S1: no server may make a Content-Length: 0 of it.
        assert response.headers["Content-Length"] is None


@pytest.mark.parametrize("path", ["/short", "/fails"])
def test_what_broke_off_is_no_complete_stream(server: tuple[str, int], path: str) -> None:
    raw = b""
    # A server may end a failed response by a reset.
    with (
        ask(server[1], path, "gzip") as connection,
        contextlib.suppress(ConnectionResetError),
    ):
        while more := connection.recv(65536):
            raw += more
    content = content_of(raw)[1]
    stream = zlib.decompressobj(31)
    assert (b"short" if path == "/short" else PAGE).startswith(stream.decompress(content))
    assert not stream.eof
