"""A strict server in a few lines, and bodies that count what is done to them: for the core's tests.

The conformance kit has a server of its own; this one does only what a test tells it to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

App = Callable[..., Any]

HEADERS = [("Content-Type", "text/plain")]


class Refused(Exception):
    """What the server raises in place of taking a head."""


class Server:
    """Takes heads and blocks as PEP 3333 wants it; `refuse` names heads that it refuses, from 1."""

    def __init__(self, *refuse: int) -> None:
        self.refuse = refuse
        self.calls = 0
        self.heads: list[tuple[str, Any]] = []
        self.exc_infos: list[Any] = []
        self.blocks: list[bytes] = []

    @property
    def sent(self) -> bytes:
        """What has left so far."""
        return b"".join(self.blocks)

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        self.calls += 1
        if self.calls in self.refuse:
            raise Refused(status)
        if exc_info is None:
            assert not self.heads, "a second head without exc_info"
        elif self.sent:
            raise exc_info[1]
        self.heads.append((status, list(headers)))
        self.exc_infos.append(exc_info)
        return self.blocks.append

    def call(self, app: App, environ: dict[str, Any] | None = None) -> Any:
        """Call the app, as the first half of serving it."""
        return app({} if environ is None else environ, self.start_response)

    def serve(self, app: App, environ: dict[str, Any] | None = None) -> bytes:
        """Do all that a server does; what the app raises goes up, after `close()`."""
        body = self.call(app, environ)
        try:
            self.blocks.extend(body)
        finally:
            if hasattr(body, "close"):
                body.close()
        return self.sent


class Body:
    """A body that is its own iterable and counts its pulls and closes.

    An exception among the blocks is raised when its turn comes; `at_close` is raised by `close()`.
    """

    def __init__(self, *blocks: bytes | BaseException, at_close: BaseException | None = None):
        self.blocks = blocks
        self.at_close = at_close
        self.pulled = 0
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        for block in self.blocks:
            self.pulled += 1
            if isinstance(block, BaseException):
                raise block
            yield block

    def close(self) -> None:
        self.closed += 1
        if self.at_close is not None:
            raise self.at_close


class ClosingList(list[bytes]):
    """A list with a `close()` of its own."""

    at_close: BaseException | None = None
    closed = 0

    def close(self) -> None:
        self.closed += 1
        if self.at_close is not None:
            raise self.at_close


class ClosingTuple(tuple[bytes, ...]):
    """A tuple with a `close()` of its own."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


class LazyList(list[bytes]):
    """A list that does not hold what it iterates: its `__iter__` is its own."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"la"
        yield b"zy"


def app_of(body: Any, *, status: str = "200 OK", headers: Iterable[Any] = HEADERS) -> App:
    """Return an app that gives its head and returns this very body."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, list(headers))
        return body

    return app


def late_app(*blocks: bytes, status: str = "200 OK") -> App:
    """Return a generator app: its head comes with the first pull (rule 5)."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, [*HEADERS])
        yield from blocks

    return app


def iterator_app(*blocks: Any) -> App:
    """Return an app whose body is an iterator without a `close()`, a new one for each request."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [*HEADERS])
        return iter(blocks)

    return app


def writing_app(*written: bytes, body: Any = (), status: str = "200 OK") -> App:
    """Return an app that uses `write()` before it returns its body (rule 10)."""

    def app(environ: Any, start_response: Any) -> Any:
        write = start_response(status, [*HEADERS])
        for block in written:
            write(block)
        return body

    return app


def raising_app(error: BaseException, *written: bytes, head: bool = True) -> App:
    """Return an app whose call raises, perhaps after its head and some writing."""

    def app(environ: Any, start_response: Any) -> Any:
        if head:
            write = start_response("200 OK", [*HEADERS])
            for block in written:
                write(block)
        raise error

    return app
