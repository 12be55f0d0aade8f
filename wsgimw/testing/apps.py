"""The apps' side of a probe: apps and bodies that stand inside the layer under test, and count.

>>> body = Body(b"one", b"two")
>>> [block for block in body], body.pulled, body.closes
([b'one', b'two'], 2, 0)
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from wsgimw.testing.server import App, Environ, Headers, StartResponse

TEXT = ("Content-Type", "text/plain; charset=utf-8")
PNG = ("Content-Type", "image/png")
MARK = ("X-App", "yes")
NAME = "kit.name"  # an environ key by which an app knows which of several requests it serves
OK = "200 OK"
MENDED = "203 Non-Authoritative Information"  # no error status: layers may replace error pages

# Long enough to be worth coding, so that a compressing layer really is exercised.
BLOCKS = tuple(
    f"The {n} block of a body that is long enough to be worth coding. ".encode() * 10
    for n in ("first", "second", "third")
)
WHOLE = b"".join(BLOCKS)
LENGTH = ("Content-Length", str(len(WHOLE)))


class Planted(Exception):
    """The error that a probe's app raises; a layer may let it up or answer it."""


class Leaving(SystemExit):
    """A planted `sys.exit()`."""


class Interrupted(KeyboardInterrupt):
    """A planted Ctrl-C, told from a real one by its class."""


class Body:
    """A body that counts its pulls and closes. An exception among its items is raised there."""

    def __init__(self, *items: bytes | BaseException, close_error: BaseException | None = None):
        self.items = items
        self.close_error = close_error
        self.pulled = 0
        self.closes = 0

    def __iter__(self) -> Iterator[bytes]:
        for item in self.items:
            self.pulled += 1
            if isinstance(item, BaseException):
                raise item
            yield item

    def close(self) -> None:
        self.closes += 1
        if self.close_error is not None:
            raise self.close_error


class ListBody(list[bytes]):
    """A list that counts its closes, as layers that keep `len()` hand it out."""

    closes = 0

    def close(self) -> None:
        self.closes += 1


def answer(body: Iterable[bytes], *headers: tuple[str, str], status: str = OK) -> App:
    """Return an app that starts its response in the call and returns `body`."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, [TEXT, MARK, *headers])
        return body

    return app


def late(*blocks: bytes, headers: Headers | None = None) -> App:
    """Return a generator app: nothing happens before its body is iterated."""

    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response(OK, [TEXT, MARK] if headers is None else headers)
        yield from blocks

    return app


def failure() -> Any:
    """Return the `exc_info` of an error that is over."""
    try:
        raise Planted("an error that the app answers by itself")
    except Planted:
        return sys.exc_info()
