"""The access log on real servers: one line for each request, with what became of it.

gunicorn-1060, gunicorn-2907: no line when the client had gone, or when the app failed late.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.access_log_site import BLOCK, RUN
from tests.serving import Server, serving

pytestmark = pytest.mark.slow

SECONDS = 20  # a bound for what hangs, not a wait
GUNICORN = ("gunicorn", "--no-control-socket", "--bind", "127.0.0.1:0", "--threads")
COMMANDS = {
    **{name: ("tests.access_log_site", name) for name in RUN},
    "gunicorn sync": (*GUNICORN, "1", "tests.access_log_site:application"),
    "gunicorn gthread": (*GUNICORN, "4", "tests.access_log_site:application"),
}
# What takes a whole block from the app, and sends it when it likes.
BUFFERING = {"waitress"}
# What sends the head with an empty block (PEP 3333: only with the first that is not), and so
# refuses the head of an error page after it.
HASTY = {"wsgiref", "werkzeug", "gunicorn sync", "gunicorn gthread"}
NO_FILE_WRAPPER = {"werkzeug", "cheroot"}


@dataclass(frozen=True)
class Case:
    """A request, and what its line must say."""

    path: str
    outcome: str = "complete"
    status: int = 200
    bytes: int | None = 0
    error: str | None = None
    method: str = "GET"
    leaves: bool = False

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


CASES = [
    Case("/list", bytes=5),
    Case("/stream", bytes=3 * len(BLOCK)),
    Case("/list", method="HEAD"),
    Case("/stream", method="HEAD"),
    Case("/204", status=204),
    Case("/304", status=304),
    Case("/file", "handed_off"),
    Case("/file", method="HEAD", bytes=0, outcome="handed_off"),
    Case("/short", "length_mismatch", bytes=5),
    Case("/raises", "failed_before_bytes", 500, error="KeyError"),
    Case("/late", "failed_before_bytes", 500, error="ValueError"),
    Case("/broken", "failed_midstream", bytes=5, error="ValueError"),
    Case("/close", "failed_in_close", bytes=5, error="OSError"),
    Case("/caught/list", bytes=5),
    Case("/caught/raises", "complete", 500, None, "KeyError"),
    Case("/caught/late", "complete", 500, None, "ValueError"),
    Case("/caught/broken", "failed_midstream", bytes=5, error="ValueError"),
    Case("/caught/close", bytes=5, error="OSError"),
    Case("/gone", "client_gone", bytes=None, leaves=True),
    Case("/caught/gone", "client_gone", bytes=None, leaves=True),
    Case("/gone-list", "client_gone", bytes=1024 * len(BLOCK), leaves=True),
]


@dataclass
class Seen:
    """What a server was asked, what it answered, and the lines that it wrote."""

    name: str
    entries: list[dict[str, Any]]
    ids: dict[str, str | None]


@pytest.fixture(scope="module", params=list(COMMANDS))
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Send all requests to a server, one after the other, and stop it: no line can come later."""
    name: str = request.param
    log = tmp_path_factory.mktemp("log") / "access.log"
    log.touch()
    ids = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSGIMW_TEST_LOG", str(log))
        with serving(*COMMANDS[name]) as server:
            for count, case in enumerate(CASES, 1):
                ids[case.name] = leave(server, case) if case.leaves else ask(server, case)
                wait_for(log, count, case)
    return Seen(name, [json.loads(line) for line in log.read_text().splitlines()], ids)


def ask(server: Server, case: Case) -> str | None:
    """Send a request, read until the server ends the connection; return the id in the answer."""
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), SECONDS) as connection:
        send(connection, case)
        # Some servers reset the connection if the app has failed.
        with contextlib.suppress(ConnectionError):
            while more := connection.recv(65536):
                received += more
    return request_id(received)


def leave(server: Server, case: Case) -> str | None:
    """Send a request, and reset the connection as soon as the head has come."""
    received = b""
    with socket.socket() as connection:
        connection.settimeout(SECONDS)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        send(connection, case)
        while b"\r\n\r\n" not in received:
            more = connection.recv(1024)
            assert more, received
            received += more
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return request_id(received)


def send(connection: socket.socket, case: Case) -> None:
    head = f"{case.method} {case.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    connection.sendall(head.encode())


def request_id(received: bytes) -> str | None:
    head = received.partition(b"\r\n\r\n")[0]
    found = re.search(rb"(?im)^x-request-id: (\S+)", head)
    return found[1].decode() if found else None


def wait_for(log: Path, lines: int, case: Case) -> None:
    """The line comes when the body is closed; the client may have its answer before."""
    deadline = time.monotonic() + SECONDS
    while log.read_bytes().count(b"\n") < lines:
        assert time.monotonic() < deadline, f"no line for {case.name}"
        time.sleep(0.01)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_line_that_is_true(seen: Seen, case: Case) -> None:
    lines = [
        entry
        for entry in seen.entries
        if (entry["method"], entry["path"]) == (case.method, case.path)
    ]
    assert len(lines) == 1
    (entry,) = lines
    outcome, sent = case.outcome, case.bytes
    if outcome == "handed_off" and seen.name in NO_FILE_WRAPPER:
        outcome, sent = "complete", len(BLOCK) if case.method == "GET" else 0
    if case.path == "/caught/late" and seen.name in HASTY:
        outcome = "failed_before_bytes"
    if case.path == "/gone-list" and seen.name in BUFFERING:
        outcome = "complete"
    assert (entry["outcome"], entry["status"], entry.get("error")) == (
        outcome,
        case.status,
        case.error,
    )
    if sent is not None:
        assert entry["bytes"] == sent
    assert bool(entry.get("fingerprint")) is (case.error is not None and "/caught" in case.path)
    assert entry["remote_addr"] == "127.0.0.1"
    assert entry["app_ms"] + entry["client_ms"] == pytest.approx(entry["duration_ms"], abs=1)
    # A server that answers by itself knows no id.
    if case.outcome != "failed_before_bytes":
        assert seen.ids[case.name] == entry["request_id"]


def test_nothing_else_is_written(seen: Seen) -> None:
    assert len(seen.entries) == len(CASES)
    assert len({entry["request_id"] for entry in seen.entries}) == len(CASES)
