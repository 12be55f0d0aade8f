"""What the tests of the error layers share: apps that fail, bodies that count, one way to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from wsgimw import CatchErrors, compose
from wsgimw.testing.server import App, Call, Environ, Errors, StartResponse, make_environ

HEAD = [
    ("Content-Type", "image/png"),
    ("Content-Length", "1234"),
    ("Content-Encoding", "gzip"),
    ("ETag", '"a"'),
    ("Set-Cookie", "a=b"),
]


class Fault(Exception):
    """What the apps here raise."""


class Body:
    """A body that counts its closes; its iterator is another object, with a `close()` to avoid."""

    def __init__(self, *blocks: Any, close: Any = None) -> None:
        self.blocks = blocks
        self.close_raises = close
        self.closes = 0
        self.pulled = 0

    def __iter__(self) -> Iterator[bytes]:
        return Blocks(self)

    def close(self) -> None:
        self.closes += 1
        if self.close_raises is not None:
            raise self.close_raises


class Blocks:
    """The iterator of a `Body`."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.blocks = iter(body.blocks)

    def __iter__(self) -> Blocks:
        return self

    def __next__(self) -> bytes:
        self.body.pulled += 1
        block = next(self.blocks)
        if isinstance(block, BaseException):
            raise block
        return block  # type: ignore[no-any-return]

    def close(self) -> None:
        raise AssertionError("rule 22: close() belongs to the iterable")


def raising(error: BaseException, *, head: bool = True) -> App:
    """Return an app that raises in the call."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if head:
            start_response("200 OK", HEAD)
        raise error

    return app


def returning(body: Any, status: str = "200 OK") -> App:
    """Return an app that returns this body."""

    def app(environ: Environ, start_response: StartResponse) -> Any:
        start_response(status, HEAD)
        return body

    return app


def lazy(*blocks: Any, late: bool = True) -> App:
    """Return a generator app; an exception among the blocks is raised."""

    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        if late:
            start_response("200 OK", HEAD)
        for block in blocks:
            if isinstance(block, BaseException):
                raise block
            yield block

    return app


def ask(app: App, layer: Any = None, **keys: Any) -> Call:
    """Send one request through a `CatchErrors`, or the layer that is given."""
    layer = CatchErrors() if layer is None else layer
    return Call(compose(layer)(app), make_environ(**keys)).run()


def printed(call: Call) -> str:
    """Return what stands on `wsgi.errors`."""
    errors = call.environ["wsgi.errors"]
    assert isinstance(errors, Errors)
    return errors.getvalue()


def raised(function: Callable[[], object]) -> BaseException | None:
    """Return what a call raises."""
    try:
        function()
    except BaseException as error:
        return error
    return None
