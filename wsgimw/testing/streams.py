"""The `wsgi.input` and `wsgi.errors` that stand in for the server's while the linter looks on.

They have every method and attribute of what they stand for, and tell of what PEP 3333, "Input and
Error Streams" forbids: reading past CONTENT_LENGTH, closing, writing anything but `str`. `read()`
without a size is legal.

>>> from io import BytesIO
>>> class Watch:
...     def tell(self, rule, key, sentence, who=None):
...         print(rule, sentence)
...     def reader(self):
...         return None
...     def call(self, method, *args):
...         return method(*args)
>>> stream = watched(Input, BytesIO(b"hello"), Watch(), 5)
>>> stream.read(4), stream.tell(), stream.read(4)
30 wsgi.input.read(4) asks for more than the 1 byte that CONTENT_LENGTH leaves.
(b'hell', 4, b'o')
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Protocol, TypeVar

from wsgimw.testing.faults import kind, show

Method = Callable[..., Any]


class Place(Protocol):
    """A layer, and how far out it is: the innermost app is 0."""

    name: str
    depth: float


class Watch(Protocol):
    """Who hears of what is done to a stream."""

    def tell(self, rule: int, key: Hashable, sentence: str, who: Place | None = None) -> None:
        """Hear of a fault of `who`, or of who is running."""

    def reader(self) -> Place | None:
        """Return who is running, or None."""

    def call(self, method: Method, *args: Any) -> Any:
        """Call a method of the stream itself: it may be a layer's, so others run then."""


class Watched:
    """An object that passes on everything, and tells of what must not be done to it."""

    __slots__ = ("_stream", "_watch")

    _key = ""
    _rule = 0

    def __init__(self, stream: Any, watch: Watch) -> None:
        self._stream = stream
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._stream, name)
        guard = getattr(type(self), f"_guard_{name}", None)
        return value if guard is None else functools.partial(guard, self, value)

    def _ask(self, method: str, size: Any) -> None:
        """Hear that `size` bytes are to be read, all of them if it is negative."""

    def _took(self, count: int) -> None:
        """Hear that `count` bytes were read."""

    def _closed(self) -> None:
        sentence = f"{self._key} was closed; the server opened it, and the server closes it."
        self._watch.tell(self._rule, "closed", sentence)

    def _guard_close(self, close: Method) -> object:
        self._closed()
        return self._watch.call(close)


class Input(Watched):
    """The request body. `limit` is how many bytes of it there are, None if it is not known."""

    __slots__ = ("_left", "_taken")

    _key = "wsgi.input"
    _rule = 30

    def __init__(self, stream: Any, watch: Watch, limit: int | None) -> None:
        self._stream = stream  # written out: there is one for each request
        self._watch = watch
        self._left = limit
        self._taken: set[Place] = set()  # who has read something

    def _ask(self, method: str, size: Any) -> None:
        reader = self._watch.reader()
        for taker in self._taken:
            if reader is not None and taker.depth > reader.depth:
                sentence = "wsgi.input was read, and the inner app finds it read; who reads it "
                sentence += "puts an equal stream back."
                self._watch.tell(30, "consumed", sentence, taker)
                return
        left = self._left
        if left is None or type(size) is not int or size < 0 or size <= left:
            return
        left = max(left, 0)
        amount = f"{left} byte{'' if left == 1 else 's'} that CONTENT_LENGTH leaves."
        sentence = f"wsgi.input.{method}({size}) asks for more than the {amount}"
        self._watch.tell(30, "read past the end", sentence)

    def _took(self, count: int) -> None:
        if self._left is not None:
            self._left -= count
        reader = self._watch.reader()
        if count and reader is not None:
            self._taken.add(reader)

    def _guard_read(self, read: Method, *args: Any) -> Any:
        self._ask("read", args[0] if args else -1)
        data = self._watch.call(read, *args)
        self._took(len(data))
        return data

    _guard_read1 = _guard_read

    def _guard_readinto(self, readinto: Method, buffer: Any) -> Any:
        self._ask("readinto", len(buffer))
        count = self._watch.call(readinto, buffer)
        self._took(count or 0)
        return count

    def _guard_readline(self, readline: Method, *args: Any) -> Any:
        self._ask("readline", -1)
        line = self._watch.call(readline, *args)
        self._took(len(line))
        return line

    def _guard_readlines(self, readlines: Method, *args: Any) -> Any:
        self._ask("readlines", -1)
        lines = self._watch.call(readlines, *args)
        self._took(sum(map(len, lines)))
        return lines

    def _guard_seek(self, seek: Method, *args: Any) -> Any:
        self._left = None  # from here on only the stream knows how much of it is left
        self._taken.clear()
        return seek(*args)


class Errors(Watched):
    """The error stream."""

    __slots__ = ()

    _key = "wsgi.errors"
    _rule = 31

    def _guard_write(self, write: Method, text: Any) -> object:
        if type(text) is not str:
            sentence = f"wsgi.errors.write got {show(text)}, {kind(text)}; it takes exactly a str."
            self._watch.tell(31, "type", sentence)
        return self._watch.call(write, text)


# What Python looks up on the type alone, and so cannot be passed on by `__getattr__`.


def _iter(self: Watched) -> Iterator[bytes]:
    self._ask("__iter__", -1)
    for line in self._stream:
        self._took(len(line))
        yield line


def _next(self: Watched) -> Any:
    self._ask("__next__", -1)
    line = next(self._stream)
    self._took(len(line))
    return line


def _enter(self: Watched) -> Watched:
    self._stream.__enter__()
    return self


def _exit(self: Watched, *exc_info: Any) -> Any:
    self._closed()
    return self._stream.__exit__(*exc_info)


def _len(self: Watched) -> int:
    return len(self._stream)


_SPECIAL = {
    "__iter__": _iter,
    "__next__": _next,
    "__enter__": _enter,
    "__exit__": _exit,
    "__len__": _len,
}

W = TypeVar("W", bound=Watched)


_kinds: weakref.WeakKeyDictionary[type, dict[type, type]] = weakref.WeakKeyDictionary()


def watched(cls: type[W], stream: Any, *args: Any) -> W:
    """Return a watched `stream`, with those special methods that it has itself."""
    of = type(stream)
    kinds = _kinds.setdefault(of, {})
    if cls not in kinds:
        methods = {name: method for name, method in _SPECIAL.items() if hasattr(of, name)}
        kinds[cls] = type(cls.__name__, (cls,), {"__slots__": (), **methods})
    made: W = kinds[cls](stream, *args)
    return made
