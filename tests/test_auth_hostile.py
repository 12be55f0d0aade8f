"""A corpus of credentials: 0 exceptions, 0 answers of 500, 0 wrong permits; on real servers too."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.auth_hostile import HOSTILE, KEYS, LAYERS, PASSWORD, SIGNATURES, TOKEN, USER, page
from tests.auth_kit import ask, posting, sent
from tests.serving import PATIENCE, environment
from tests.venvs import ROOT

RIGHT = {"Authorization": sent(f"{USER}:{PASSWORD}")}


def test_the_corpus_is_large() -> None:
    assert len(HOSTILE) > 150


@pytest.mark.parametrize(
    "header", [pytest.param(v, id=f"{n}: {v[:30]!r}") for n, v in enumerate(HOSTILE)]
)
def test_no_credential_gets_in_or_makes_a_fault(
    header: str, caplog: pytest.LogCaptureFixture
) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        call = ask(*LAYERS, app=page, auth=header, REQUEST_METHOD=method)
        assert call.status[:3] in ("400", "401"), call.status
        assert call.values("Cache-Control") == ["no-store"]
    assert not caplog.records, "nothing was raised that had to be logged"


@pytest.mark.parametrize("value", KEYS)
@pytest.mark.parametrize("name", ["HTTP_X_API_KEY", "HTTP_X_USER"])
def test_other_headers(name: str, value: str, caplog: pytest.LogCaptureFixture) -> None:
    call = ask(*LAYERS, app=page, **{name: value})
    assert call.status[:3] in ("400", "401") and not caplog.records


@pytest.mark.parametrize("value", SIGNATURES)
def test_signatures(value: str, caplog: pytest.LogCaptureFixture) -> None:
    call = ask(*LAYERS, app=page, **posting(b"x", HTTP_X_HUB_SIGNATURE_256=value))
    assert call.status[:3] in ("400", "401") and not caplog.records


def test_the_right_ones_get_in() -> None:
    assert ask(*LAYERS, app=page, auth=RIGHT["Authorization"]).raw == b"ada"
    assert ask(*LAYERS, app=page, auth=f"Bearer {TOKEN}").raw == b"ci"
    assert ask(*LAYERS, app=page, HTTP_X_API_KEY=TOKEN).raw == b"ci"


SERVERS = {
    "wsgiref": (
        "import socket\n"
        "from wsgiref.simple_server import WSGIServer, WSGIRequestHandler\n"
        "server = WSGIServer(('127.0.0.1', 0), WSGIRequestHandler, bind_and_activate=False)\n"
        "server.socket.close()\n"
        "server.socket = socket.socket(fileno={fd})\n"
        "server.server_name, server.server_port = 'localhost', 80\n"
        "server.setup_environ()\n"
        "server.set_app(application)\n"
        "server.serve_forever()\n"
    ),
    "waitress": (
        "import socket, waitress\n"
        "waitress.serve(application, sockets=[socket.socket(fileno={fd})], threads=4)\n"
    ),
    "gunicorn": (
        "import sys\n"
        "from gunicorn.app.wsgiapp import run\n"
        "sys.argv = ['gunicorn', '--bind', 'fd://{fd}', '--threads', '4', '--no-control-socket',\n"
        "    '--log-level', 'warning', 'tests.auth_hostile:application']\n"
        "run()\n"
    ),
}


# The second that `drain` has is not enough for 8 MB on every busy machine.
PATIENT = (
    "from tests.auth_hostile import application\n"
    "from wsgimw.exchange import drain\n"
    "drain.__defaults__ = (30.0,)\n"
)


@pytest.fixture(scope="module", params=list(SERVERS))
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """Serve the application on a free port, the listening socket handed over."""
    if request.param != "wsgiref":
        pytest.importorskip(request.param)
    program = PATIENT + SERVERS[request.param]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        fd = listening.fileno()
        process = subprocess.Popen(
            [sys.executable, "-c", program.replace("{fd}", str(fd))],
            cwd=ROOT,
            env=environment(),
            pass_fds=[fd],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield listening.getsockname()[1]
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def send(port: int, **headers: str) -> tuple[int, bytes]:
    """Send one request as bytes, since no client library would send these; give the answer."""
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
    request = f"GET / HTTP/1.0\r\nHost: localhost\r\n{''.join(lines)}\r\n"
    with closing(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)) as connection:
        connection.sendall(request.encode("latin-1"))
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return int(answer.split(b" ", 2)[1]), answer.partition(b"\r\n\r\n")[2]


@pytest.mark.slow
def test_on_a_real_server(port: int) -> None:
    wrong = []
    for header in HOSTILE:
        if header != header.rstrip("\t"):
            continue  # RFC 9110, 5.5: a server takes that away, and then it may be right
        status, _ = send(port, Authorization=header)
        if status not in (400, 401, 431):  # the last by a server with its own bound
            wrong.append((status, header[:60]))
    for name, values in (
        ("X_API_Key", KEYS),
        ("X_User", KEYS),
        ("X_Hub_Signature_256", SIGNATURES),
    ):
        for value in values:
            status, _ = send(port, **{name: value})
            if status not in (400, 401):
                wrong.append((status, f"{name}: {value[:60]}"))
    assert not wrong
    assert send(port, **RIGHT) == (200, b"ada")
    assert send(port, Authorization=f"Bearer {TOKEN}") == (200, b"ci")


@pytest.mark.slow
def test_a_refused_upload_still_hears_why(port: int) -> None:
    """Unread, the connection is reset: clients of wsgiref and gunicorn saw 0 of 10 answers."""
    body = bytes(8 << 20)
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    for _ in range(3):
        with closing(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)) as connection:
            connection.sendall(head.encode() + body)
            assert connection.recv(65536).split(b" ", 2)[1] == b"401"
