"""Portable on real servers: what each breaks, bare and mended, and that nothing else changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from tests.servers import exchange, running
from tests.serving import Server

pytestmark = pytest.mark.slow

NAMES = ("gunicorn gthread", "waitress", "cheroot", "wsgiref", "granian", "hypercorn", "uvicorn")
CHUNKED = "Transfer-Encoding: chunked\r\n"
EIGHT = b"5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n"
OURS = "500 Internal Server Error\n"


class Case(NamedTuple):
    """A request, and the status and body that come bare and mended; None: it is not looked at."""

    servers: str
    path: str
    bare: tuple[int | None, str | None]
    mended: tuple[int, str]
    method: str = "GET"

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


MENDS = [
    Case("granian", "lazy", (200, "not here"), (404, "not here")),
    Case("granian", "lazy-error", (200, "sorry"), (503, "sorry")),
    Case("gunicorn gthread", "lazy-error", (200, ""), (503, "sorry")),
    Case("wsgiref", "lazy-error", (200, None), (503, "sorry")),
    Case("hypercorn uvicorn", "lazy-error", (200, "sorry"), (503, "sorry")),
    Case("granian hypercorn", "writing", (500, ""), (200, "first, second")),
    Case("hypercorn", "empty", (500, ""), (200, "")),
    Case("hypercorn", "empty-iterator", (500, ""), (200, "")),
    Case("hypercorn", "204", (500, ""), (204, "")),
    Case("hypercorn", "304", (500, ""), (304, "")),
    Case("hypercorn", "flask", (500, ""), (200, ""), "HEAD"),
    Case("waitress cheroot", "talkative", (200, "hello"), (200, ""), "HEAD"),
    Case("cheroot", "too-long", (200, "hello, y"), (200, "hello")),
    Case("hypercorn uvicorn", "too-long", (200, "hel"), (200, "hello")),
    Case("cheroot wsgiref hypercorn", "long-file", (None, None), (200, 500 * "x")),
    Case("granian", "text-block", (500, ""), (500, OURS)),
    Case("gunicorn gthread cheroot hypercorn", "text-block", (200, ""), (500, OURS)),
    Case("granian", "split", (200, "hello"), (500, OURS)),
    Case("cheroot", "split", (200, "hello"), (500, OURS)),
    *(
        Case("gunicorn gthread cheroot granian hypercorn", name, (status, body), (200, "8"), "POST")
        for name, status, body in [
            ("django", 200, "0"),
            ("falcon", 200, "0"),
            ("bottle", 400, None),
        ]
    ),
]
# What asks for no repair, and so is the same byte for byte.
SAME = [
    ("GET", "hello"),
    ("GET", "lazy"),
    ("GET", "writing"),
    ("GET", "empty-iterator"),
    ("GET", "204"),
    ("GET", "304"),
    ("GET", "talkative"),
    ("GET", "too-short"),
    ("GET", "closing"),
    ("GET", "flask"),
    ("HEAD", "flask"),
]


class Answer(NamedTuple):
    """What came: the raw response too, without what depends on the time."""

    status: int
    body: str
    raw: bytes


@pytest.fixture(scope="module")
def started() -> Iterator[Callable[[str], Server]]:
    """Start each server once, when it is first asked for, and stop all at the end."""
    with ExitStack() as stack:
        servers: dict[str, Server] = {}

        def start(name: str) -> Server:
            if name not in servers:
                site = running(name, "tests.portable_site:application")
                servers[name] = stack.enter_context(site)
            return servers[name]

        yield start


@pytest.fixture(params=NAMES)
def server(request: pytest.FixtureRequest, started: Callable[[str], Server]) -> tuple[str, Server]:
    return request.param, started(request.param)


def ask(
    server: Server, path: str, method: str = "GET", fields: str = "", data: bytes = b""
) -> Answer:
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n"
    raw = re.sub(rb"(?i)\r\ndate: [^\r]*", b"", exchange(server.port, head.encode() + data))
    first, _, body = raw.partition(b"\r\n\r\n")
    if re.search(rb"(?i)\r\ntransfer-encoding: chunked", first):
        body = b"".join(re.findall(rb"(?s)[0-9a-fA-F]+\r\n(.*?)\r\n", body))
    return Answer(int(first[9:12]), body.decode("latin-1"), raw)


def post_or_get(server: Server, where: str, case: Case) -> Answer:
    path = f"/{where}/{case.path}"
    if case.method == "POST":
        return ask(server, path, "POST", CHUNKED, EIGHT)
    return ask(server, path, case.method)


@pytest.mark.parametrize(
    ("server", "case"),
    [
        pytest.param(name, case, id=f"{name}: {case.name}")
        for name in NAMES
        for case in MENDS
        if name in case.servers
    ],
    indirect=["server"],
)
def test_a_repair(server: tuple[str, Server], case: Case) -> None:
    _, running_server = server
    status, body = case.bare
    if status is not None:  # a server may do worse than answer: hang, say
        bare = post_or_get(running_server, "bare", case)
        assert bare.status == status
        assert body is None or bare.body == body
    assert post_or_get(running_server, "mended", case)[:2] == case.mended


@pytest.mark.parametrize("server", ["gunicorn gthread", "waitress", "cheroot"], indirect=True)
@pytest.mark.parametrize(("method", "path"), SAME, ids=[f"{m} {path}" for m, path in SAME])
def test_what_needs_no_repair_is_the_same(
    server: tuple[str, Server], method: str, path: str
) -> None:
    _, running_server = server
    bare = ask(running_server, f"/bare/{path}", method)
    assert bare.status in (200, 204, 304, 404)
    assert ask(running_server, f"/mended/{path}", method).raw == bare.raw


def test_a_smuggled_header(server: tuple[str, Server]) -> None:
    """The CR LF of an app reaches no client; cheroot sends it as it is."""
    name, running_server = server
    assert b"X-Smuggled" not in ask(running_server, "/mended/split").raw
    if name == "cheroot":
        assert b"\r\nX-Smuggled: yes" in ask(running_server, "/bare/split").raw


def test_a_short_body_cuts_the_connection(server: tuple[str, Server]) -> None:
    """S10: the Content-Length shows it."""
    raw = exchange(
        server[1].port, b"GET /mended/too-short HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    head, _, body = raw.partition(b"\r\n\r\n")
    if raw:  # granian may cut before anything has left
        assert re.search(rb"(?i)\r\ncontent-length: 500(\r\n|$)", head)
        assert len(body) < 500


def test_exit_leaves_the_process(server: tuple[str, Server]) -> None:
    """The worker ends with an app that calls `sys.exit()`, and another one comes."""
    name, running_server = server
    before = ask(running_server, "/mended/pid").body
    for path in ("/mended/exit", "/mended/flask-exit"):
        assert ask(running_server, path)[:2] == (500, OURS)
    assert ask(running_server, "/mended/pid").body == before
    if name == "gunicorn gthread":
        assert b"200 OK" not in exchange(
            running_server.port, b"GET /bare/exit HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        assert ask(running_server, "/mended/pid").body != before


def test_environ(server: tuple[str, Server]) -> None:
    """SERVER_PORT is a number on hypercorn; U+FFFD is told where the target is given."""
    name, running_server = server
    if name == "hypercorn":
        assert "SERVER_PORT" in ask(running_server, "/bare/keys").body
    answer = ask(running_server, "/mended/keys/%E9")
    assert '"odd": []' in answer.body
    lost = name == "hypercorn"
    assert ('\\u00ef\\u00bf\\u00bd"' if lost else '/\\u00e9"') in answer.body


def test_a_list_is_closed(server: tuple[str, Server]) -> None:
    """granian closes no list: a `close()` and the line of an access log are lost there."""
    name, running_server = server
    ask(running_server, "/mended/closed")
    ask(running_server, "/bare/closing")
    assert ask(running_server, "/mended/closed").body == ("0" if name == "granian" else "1")
    ask(running_server, "/mended/closing")
    assert ask(running_server, "/mended/closed").body == "1"


@pytest.mark.parametrize(
    # waitress gives a length itself, wsgiref reads no chunks
    "server",
    [name for name in NAMES if name not in ("waitress", "wsgiref")],
    indirect=True,
)
def test_an_upload_that_is_too_long(server: tuple[str, Server]) -> None:
    _, running_server = server
    data = b"186a1\r\n" + 100_001 * b"x" + b"\r\n0\r\n\r\n"
    assert ask(running_server, "/mended/upload", "POST", CHUNKED, data).status == 413
