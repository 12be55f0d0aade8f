"""StaticFiles under real servers, asked by real clients."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

from tests.serving import environment
from tests.static_site import gz, text, write
from wsgimw.static.bodies import BLOCK

pytestmark = pytest.mark.slow

PATIENCE = 30
BIG = 3_000_000
APP = """
from wsgimw import StaticFiles
ranges = []
def inner(environ, start_response):
    if environ["PATH_INFO"] == "/said":
        print(environ["QUERY_STRING"], *ranges, flush=True)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return [b"app"]
static = StaticFiles({root!r}, mode={mode!r})(inner)
def application(environ, start_response):
    ranges.append(environ.get("HTTP_RANGE", "-"))
    return static(environ, start_response)
"""

# Each listens on the socket that it is handed, or says its port.
SERVERS = {
    "wsgiref": (
        "import site_app; from wsgiref.simple_server import *\n"
        "class Quiet(WSGIRequestHandler):\n"
        "    protocol_version = 'HTTP/1.0'\n"
        "    def log_message(self, *args): pass\n"
        "server = make_server('127.0.0.1', 0, site_app.application, handler_class=Quiet)\n"
        "print(server.server_port, flush=True); server.serve_forever()"
    ),
    "waitress": (
        "import site_app, waitress\n"
        "server = waitress.create_server(site_app.application, host='127.0.0.1', port=0)\n"
        "print(server.effective_port, flush=True); server.run()"
    ),
    "cheroot": (
        "import site_app; from cheroot.wsgi import Server\n"
        "server = Server(('127.0.0.1', 0), site_app.application, numthreads=4)\n"
        "server.prepare(); print(server.bind_addr[1], flush=True); server.serve()"
    ),
    "gunicorn sync": "gunicorn -k sync",
    "gunicorn gthread": "gunicorn -k gthread --threads 4",
}
GUNICORN = (
    "import sys; from gunicorn.app.wsgiapp import run\n"
    "sys.argv = ['gunicorn', *{options!r}.split(), '--no-control-socket', '--log-level', 'error',\n"
    "            '-b', 'fd://{fd}', 'site_app:application']\n"
    "print({port}, flush=True); run()"
)


@contextmanager
def serving(kind: str, directory: Path, mode: str) -> Iterator[tuple[int, IO[str]]]:
    """Run a server over `directory/public`; give its port and output, and end it by its pid."""
    pytest.importorskip(kind.split()[0])
    (directory / "site_app.py").write_text(APP.format(root=str(directory / "public"), mode=mode))
    program = SERVERS[kind]
    listening = socket.create_server(("127.0.0.1", 0))
    with listening:
        fds: list[int] = []
        if program.startswith("gunicorn"):
            fds = [listening.fileno()]
            program = GUNICORN.format(
                options=program.removeprefix("gunicorn "),
                fd=listening.fileno(),
                port=listening.getsockname()[1],
            )
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=directory,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            pass_fds=fds,
            text=True,
        )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process.stdout
    finally:
        process.terminate()
        try:
            process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("served")
    public = directory / "public"
    write(public / "small.css", text(2000))
    write(public / "coded.css", text(5000))
    write(public / "coded.css.gz", gz(text(5000)))
    write(public / "empty.txt", b"")
    write(public / "big.bin", os.urandom(BIG))
    return directory


class Browser:
    """Ask one server, each time on a connection of its own."""

    def __init__(self, port: int) -> None:
        self.port = port

    def __call__(
        self, path: str, method: str = "GET", **fields: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        with closing(connection):
            connection.request(method, f"/static/{path}", headers=headers)
            with connection.getresponse() as response:
                body = response.read()
                names = [name.lower() for name, _ in response.getheaders()]
                assert len(names) == len(set(names))
                return (
                    response.status,
                    {name.lower(): value for name, value in response.getheaders()},
                    body,
                )


@pytest.mark.parametrize("mode", ["check", "frozen"])
@pytest.mark.parametrize("kind", SERVERS)
def test_a_server(files: Path, kind: str, mode: str) -> None:
    """Everything that StaticFiles sends, over a socket."""
    big = (files / "public" / "big.bin").read_bytes()
    with serving(kind, files, mode) as (port, _):
        ask = Browser(port)
        for _ in range(2):
            status, head, body = ask("big.bin")
            assert (status, body == big, head["content-length"]) == (200, True, str(BIG))
            status, head, body = ask("small.css")
            assert (status, body) == (200, text(2000))
            tag = head["etag"]
            status, head, body = ask("small.css", If_None_Match=tag)
            assert (status, body) == (304, b"")
            assert "content-length" not in head and head["etag"] == tag
            status, head, body = ask("coded.css", Accept_Encoding="gzip")
            assert (head["content-encoding"], body) == ("gzip", gz(text(5000)))
            for first, last in ((0, 0), (BIG - 1, BIG - 1), (1000, 1000 + 2 * BLOCK), (5, BIG - 1)):
                status, head, body = ask("big.bin", Range=f"bytes={first}-{last}")
                assert (status, body == big[first : last + 1]) == (206, True)
                assert head["content-range"] == f"bytes {first}-{last}/{BIG}"
            status, head, body = ask("big.bin", Range="bytes=0-9,100000-2000000")
            assert status == 206 and head["content-length"] == str(len(body))
            status, head, body = ask("big.bin", Range=f"bytes={BIG}-")
            assert (status, head["content-range"], body) == (416, f"bytes */{BIG}", b"")
            status, head, body = ask("big.bin", "HEAD")
            assert (status, head["content-length"], body) == (200, str(BIG), b"")
            assert ask("small.css", "POST")[0] == 405
            status, head, body = ask("small.css", "OPTIONS")
            assert (status, head["allow"], body) == (204, "GET, HEAD, OPTIONS", b"")
            assert "content-length" not in head
            assert ask("empty.txt")[::2] == (200, b"")
            assert ask("none")[2] == b"app"


@pytest.mark.parametrize("kind", SERVERS)
def test_changes_under_a_server(tmp_path: Path, kind: str) -> None:
    """Never a 500, a wrong length or another file's bytes."""
    path = write(tmp_path / "public" / "a.bin", b"1" * 300_000)
    write(tmp_path / "public" / "b.css", text(1000))
    write(tmp_path / "secret", b"SECRET" * 100_000)
    with serving(kind, tmp_path, "frozen") as (port, _):
        ask = Browser(port)
        assert ask("a.bin")[2] == b"1" * 300_000
        for number, content in enumerate((b"2" * 100, b"3" * 900_000, b"4" * 300_000)):
            write(path, content, mtime=1_700_000_001 + number)
            status, head, body = ask("a.bin")
            assert (status, body == content) == (200, True)
            assert head["content-length"] == str(len(content))
        path.unlink()
        os.symlink(tmp_path / "secret", path)
        assert ask("a.bin")[2] == b"app"


@pytest.mark.parametrize("kind", ["waitress", "gunicorn gthread", "cheroot"])
def test_a_client_that_goes_away(files: Path, kind: str) -> None:
    """The file is closed, and the server goes on."""
    with serving(kind, files, "check") as (port, _):
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
                connection.sendall(b"GET /static/big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
                connection.recv(1000)
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        assert Browser(port)("small.css")[0] == 200


def test_curl_resumes_a_download(files: Path) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    big = (files / "public" / "big.bin").read_bytes()
    with serving("gunicorn gthread", files, "check") as (port, _):
        url = f"http://127.0.0.1:{port}/static/big.bin"
        part = files / "part.bin"
        part.write_bytes(big[:1_234_567])
        command = [curl, "--silent", "--show-error", "--fail", "--max-time", str(PATIENCE)]
        subprocess.run([*command, "-C", "-", "-o", str(part), url], check=True)
        assert part.read_bytes() == big
        subprocess.run([*command, "-C", "-", "-o", str(part), url], check=False)
        assert part.read_bytes() == big
        etag, out = files / "etag", files / "out.bin"
        for _ in range(2):
            save = ["--etag-compare", str(etag), "--etag-save", str(etag), "-o", str(out), url]
            subprocess.run([*command, *save], check=True)
        assert out.read_bytes() == big
        url = url.replace("big.bin", "coded.css")
        coded = [*command, "--compressed", url]
        assert subprocess.run(coded, check=True, capture_output=True).stdout == text(5000)


SEEK = """<!doctype html><title>seek</title>
<video id="video" muted preload="metadata" src="/static/long.wav"></video>
<script>
const video = document.getElementById("video");
video.onerror = () => fetch("/said?error");
video.onloadedmetadata = () => { video.currentTime = 0.9 * video.duration; };
video.onseeked = () => fetch("/said?" + Math.round(video.currentTime));
</script>
"""


def wave(seconds: int) -> bytes:
    """Return silence, in a format that every browser plays: 8,000 samples of 2 bytes a second."""
    data = bytes(seconds * 16_000)
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16_000, 2, 16)
    body = b"WAVE" + head + struct.pack("<4sI", b"data", len(data)) + data
    return struct.pack("<4sI", b"RIFF", len(body)) + body


@pytest.mark.parametrize("kind", ["gunicorn gthread", "waitress", "cheroot"])
def test_chromium_seeks_in_a_video(tmp_path: Path, kind: str) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    write(tmp_path / "public" / "long.wav", wave(1000))
    write(tmp_path / "public" / "page.html", SEEK)
    with serving(kind, tmp_path, "check") as (port, said):
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        command += ["--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'profile'}"]
        browser = subprocess.Popen(
            [*command, "--remote-debugging-port=0", f"http://127.0.0.1:{port}/static/page.html"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        patience = threading.Timer(2 * PATIENCE, say, [port, "nothing"])
        patience.start()
        try:
            place, *ranges = said.readline().split()
        finally:
            patience.cancel()
            stop(browser)
            browser.wait()
    assert place == "900"
    assert max(int(wanted[6:].partition("-")[0]) for wanted in ranges if wanted != "-") > 10_000_000


def say(port: int, what: str) -> None:
    """Say something in the place of the page, which took too long."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", f"/said?{what}")
        connection.getresponse().read()


def stop(browser: subprocess.Popen[bytes]) -> None:
    """End a browser and what it has started."""
    with suppress(ProcessLookupError):
        os.killpg(browser.pid, signal.SIGKILL)
