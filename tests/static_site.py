"""Directories of static files for tests, and a client that holds every answer to the rules."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

from tests.http_notes import notes
from wsgimw import StaticFiles
from wsgimw.compose import Layer

OLD = 1_700_000_000  # Tue, 14 Nov 2023 22:13:20 GMT: long settled
OLD_DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
LARGE = 64 * 1024 + 1
METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"}

# What a bare app's answer has, too: the server's clock, and no explicit freshness. And `public`: it
# is for requests with Authorization (RFC 9111, 3.5), and the linter sees no request.
ALLOWED_NOTES = {"FRESHNESS_HEURISTIC", "DATE_CLOCKLESS", "STORE_PUBLIC_UNNECESSARY"}


def write(path: Path, data: bytes | str, mtime: float | None = OLD) -> Path:
    """Write a file with an mtime; None: the one it gets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    if mtime is not None:
        os.utime(path, (mtime, mtime))
    return path


def settle(root: Path) -> Path:
    """Give a directory and those in it an old mtime, so that they are not read again."""
    for folder, _, _ in os.walk(root):
        os.utime(folder, (OLD, OLD))
    return root


def text(size: int, seed: str = "a") -> bytes:
    """Return lines that compress."""
    lines = b"".join(b"%s line %d of a text\n" % (seed.encode(), n) for n in range(size // 15 + 1))
    return lines[:size]


def gz(data: bytes) -> bytes:
    """Compress as `gzip -9n` does."""
    return gzip.compress(data, mtime=0)


def inner(environ: Any, start_response: Any) -> list[bytes]:
    """Answer what the layer passes on: 200, and the path in the body."""
    body = f"app {environ['REQUEST_METHOD']} {environ['PATH_INFO']}".encode("latin-1", "replace")
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Inner", "yes")])
    return [body if environ["REQUEST_METHOD"] != "HEAD" else b""]


@dataclass(slots=True)
class Answer:
    """What came back."""

    status: int
    line: str
    head: list[tuple[str, str]]
    body: bytes
    raw: Any
    environ: dict[str, Any]
    from_app: bool = field(init=False)

    def __post_init__(self) -> None:
        self.from_app = self["X-Inner"] == "yes"

    def __getitem__(self, name: str) -> str | None:
        """Return the one value of a field, or None."""
        values = [value for key, value in self.head if key.lower() == name.lower()]
        assert len(values) < 2, (name, values)
        return values[0] if values else None

    @property
    def names(self) -> set[str]:
        """The names of all fields."""
        return {name for name, _ in self.head}


class Client:
    """Ask a bound app; every answer goes through wsgiref.validate and httplint."""

    def __init__(self, layer: Layer, app: Any = inner, **environ: Any) -> None:
        self.app: Any = layer(app)
        self.checked: Any = validator(self.app)
        self.environ = environ

    def __call__(self, path: str, method: str = "GET", **fields: str) -> Answer:
        """Send one request; keyword arguments are fields: `range="bytes=0-1"`."""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            **self.environ,
            **{f"HTTP_{key.upper()}": value for key, value in fields.items()},
        }
        # The validator wants paths as most servers give them; hostile ones go round it.
        plain = path.startswith("/") and method in METHODS and not environ["SCRIPT_NAME"]
        answer = ask(self.checked if plain else self.app, environ)
        if not answer.from_app:
            hold_to_http(answer, method)
        return answer


def ask(app: Any, environ: dict[str, Any]) -> Answer:
    """Send one request as a server does."""
    heads: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[..., None]:
        heads.append((status, headers))
        return lambda data: None

    body = app(environ, start_response)
    try:
        blocks = [*body]
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()
    assert len(heads) == 1
    status, head = heads[0]
    assert type(head) is list
    return Answer(int(status[:3]), status, list(head), b"".join(blocks), body, environ)


def hold_to_http(answer: Answer, method: str) -> None:
    """Assert what is true of every answer of ours, and that httplint has nothing against it."""
    length = answer["Content-Length"]
    if answer.status in (204, 304):
        assert length is None and answer.body == b""
    else:
        assert length is not None
        assert method == "HEAD" or int(length) == len(answer.body)
    if method == "HEAD":
        assert answer.body == b""
    allowed = set(ALLOWED_NOTES)
    if str(answer["Content-Type"]).startswith("multipart/byteranges"):
        # RFC 9110, 15.3.7.2: a multipart 206 has no Content-Range, its parts have.
        allowed.add("PARTIAL_WITHOUT_RANGE")
    if answer.status == 206 and answer["Content-Encoding"]:
        allowed |= {"BAD_GZIP", "BAD_BROTLI"}  # a part of a coded file is no coded file
    bad = notes(answer.line, answer.head, answer.body, method, allowed)
    assert not bad, (bad, answer.line, answer.head)


def static(root: Path | Iterable[Path], **options: Any) -> Client:
    """Return a client of a `StaticFiles`."""
    given: Any = str(root) if isinstance(root, Path) else [str(path) for path in root]
    return Client(StaticFiles(given, **options))


def open_files() -> int:
    """Return how many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))
