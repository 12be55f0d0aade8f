"""The client of `wsgimw demo --check`: it asks over real sockets, and step by step.

`Visitor` requests pages and finds their log lines, `Reader` reads a response while it comes,
`Pace` lets the site make its next block when the client has read the one before. Each wait is
bounded; what does not come in time, or is not what it ought to be, is `Wrong`.
"""

from __future__ import annotations

import http.client
import io
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from wsgimw.devtools.demo import HOST

__all__ = ["PATIENCE", "Answer", "Lines", "Pace", "Reader", "Visitor", "Wrong", "expect"]

PATIENCE = 5.0  # seconds for an answer, a block or a log line that ought to come at once


class Wrong(Exception):
    """A check failed: what was seen instead."""


def expect(condition: object, seen: str) -> None:
    """Raise `Wrong` unless `condition` holds."""
    if not condition:
        raise Wrong(seen)


class Lines(io.StringIO):
    """What the access log writes to: lines, and a way to wait for one."""

    def __init__(self) -> None:
        super().__init__()
        self._came = threading.Condition()

    def write(self, text: str, /) -> int:
        with self._came:
            written = super().write(text)
            self._came.notify_all()
        return written

    def wait(self, found: Callable[[list[str]], Any], awaited: str) -> Any:
        """Return what `found` makes of the lines as soon as that is true."""
        with self._came:
            result = self._came.wait_for(lambda: found(self.lines()), PATIENCE)
        expect(result, f"{awaited} did not come within {PATIENCE:g} s")
        return result

    def lines(self) -> list[str]:
        return self.getvalue().splitlines()


class Pace:
    """Lets the site make its next block when the client says so."""

    def __init__(self) -> None:
        self._steps = threading.Semaphore(0)

    def __call__(self, seconds: float) -> None:
        self._steps.acquire(timeout=2 * PATIENCE)

    def step(self, steps: int = 1) -> None:
        self._steps.release(steps)

    def halt(self) -> None:
        """Take back the steps that nobody took."""
        while self._steps.acquire(blocking=False):
            pass


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, as it came and with its content decoded."""

    status: int
    fields: http.client.HTTPMessage
    raw: bytes
    content: bytes

    @property
    def id(self) -> str:
        return self.fields.get("X-Request-ID", "")


class Visitor:
    """The client: it counts its requests, and knows the log's lines of them."""

    def __init__(self, port: int, lines: Lines, errors: io.StringIO, pace: Pace) -> None:
        self.port = port
        self.lines = lines
        self.errors = errors
        self.pace = pace
        self.ids: list[str] = []
        self.paths: set[str] = set()

    @contextmanager
    def open(self, path: str, method: str = "GET", **fields: str) -> Iterator[Any]:
        """Send a request; the body of the response is still to be read."""
        self.paths.add(path)
        self.pace.halt()
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PATIENCE)
        with closing(connection):
            named = {name.replace("_", "-"): value for name, value in fields.items()}
            connection.request(method, path, headers=named)
            with connection.getresponse() as response:
                self.ids.append(response.headers.get("X-Request-ID", ""))
                yield response

    def get(self, path: str, method: str = "GET", **fields: str) -> Answer:
        """Return the whole answer to a request."""
        with self.open(path, method, **fields) as response:
            raw = response.read()
            packed = response.headers.get("Content-Encoding") == "gzip"
            content = zlib.decompress(raw, 31) if packed and raw else raw
            return Answer(response.status, response.headers, raw, content)

    def aside(self, path: str, method: str = "GET") -> Answer:
        """Return the whole answer to a request that no layer sees: it has no id, and no line."""
        answer = self.get(path, method)
        self.ids.pop()
        return answer

    def entry(self, request_id: str = "") -> dict[str, Any]:
        """Return the log line of a request, the last one by default, when it has come."""
        wanted = request_id or self.ids[-1]

        def find(lines: list[str]) -> dict[str, Any] | None:
            entries = (json.loads(line) for line in lines)
            return next((e for e in entries if e.get("request_id") == wanted), None)

        entry: dict[str, Any] = self.lines.wait(find, f"the log line of request {wanted}")
        return entry


class Reader:
    """Reads a response while it comes, and decodes it."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.response = response
        self.content = b""
        coded = response.headers.get("Content-Encoding") == "gzip"
        self._decoder = zlib.decompressobj(31) if coded else None

    def until(self, wanted: bytes) -> None:
        """Read until the content holds `wanted`."""
        while wanted not in self.content:
            try:
                block = self.response.read1(65536)
            except TimeoutError:
                raise Wrong(f"{wanted.decode()!r} did not come") from None
            expect(block, f"the end before {wanted.decode()!r}")
            self.content += self._decoder.decompress(block) if self._decoder else block

    def ended(self) -> bool:
        """Read the rest, of which there must be no content; tell whether the coding ended too."""
        rest = self.response.read()
        if self._decoder is None:
            return rest == b""
        return self._decoder.decompress(rest) == b"" and self._decoder.eof
