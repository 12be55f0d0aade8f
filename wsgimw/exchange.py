"""The one primitive: follow a request through a layer, from its head to the end of its body.

This is the only file that wraps a body, calls an inner body's `close()` or forwards `write()`.
Three ways stand on it:

- `Hooks`, for layers that look on: a frozen, slotted dataclass with any of `on_request`,
  `on_head`, `on_end`. It pays only for the hooks it has.
- `@layer` generators (`wsgimw.onion`), the same read from top to bottom.
- `Flow`, for layers that hold the head back, change blocks, answer errors, or work round each
  pull. Not public in this release; the built-in layers use it.

>>> from dataclasses import dataclass
>>> @dataclass(frozen=True, slots=True, kw_only=True)
... class ServedBy(Hooks):
...     name: str = "X-Served-By"
...     def on_head(self, x):
...         x.headers.append((self.name, "wsgimw"))
>>> ServedBy(name="X-By")
ServedBy(name='X-By')

What it costs: nothing for a layer without hooks, one object per request for a head hook, and a
wrapped body for an end hook. A list body stays a list, a file wrapper the very same object.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from gc import get_referents
from time import perf_counter
from types import FunctionType, GeneratorType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from wsgimw.compose import BaseLayer
from wsgimw.request_body import drain

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    Block: TypeAlias = bytes  # in a class that has `bytes`, the name means that

__all__ = ["Exchange", "Flow", "Hooks", "drain"]


class Exchange:
    """What a hook sees of one request.

    `environ`: the request. `state`: what `on_request` returned, else None. `started`:
    `perf_counter()` when the request came, in seconds. `status` and `headers`: the head, None
    until it is given. Of the end: `bytes`, how many the server pulled or `write()` got;
    `error`, the exception that ended it; `complete`, True when the body was exhausted and closed,
    None when it cannot be seen (a file wrapper was handed on; `bytes` is its Content-Length then).
    """

    __slots__ = ("bytes", "complete", "environ", "error", "headers", "started", "state", "status")

    environ: WSGIEnvironment
    state: Any
    started: float
    status: Any
    headers: Any
    bytes: int | None
    error: BaseException | None
    complete: bool | None


class Hooks(BaseLayer):
    """The base of layers that look on: define any of the three hooks on a frozen dataclass.

    `facts`, a class attribute or property, tells `wsgimw.explain` what it reads, changes and does
    (`wsgimw.facts`); what it costs is told by the hooks that it has.
    """

    __slots__ = ()

    def on_request(self, environ: WSGIEnvironment) -> Any:
        """See the request before the inner app.

        Return None to go on. A callable is a WSGI app: it answers, and neither the inner app nor
        this layer's other hooks are called. Anything else is kept as `x.state`.
        """

    def on_head(self, x: Exchange) -> None:
        """Edit `x.status` and `x.headers` (a fresh list), at each `start_response`.

        Rule 7: it may run twice. It starts from the app's own head each time.
        """

    def on_end(self, x: Exchange) -> None:
        """See the end, once, after the inner `close()`, whatever happened.

        What it raises goes up, after every other end hook has run.
        """

    def _bind(self, app: WSGIApplication) -> WSGIApplication:
        cls = type(self)
        asks = cls.on_request is not Hooks.on_request
        heads = cls.on_head is not Hooks.on_head
        if cls.on_end is not Hooks.on_end:
            return _bind_end(self, app, asks, heads)
        if heads:
            return _bind_head(self, app, asks)
        return _bind_request(self, app) if asks else _bind_nothing(app)


def _bind_nothing(app: WSGIApplication) -> WSGIApplication:
    def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[Block]:
        return app(environ, start_response)

    return bound


def _bind_request(layer: Hooks, app: WSGIApplication) -> WSGIApplication:
    on_request = layer.on_request

    def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        answer = on_request(environ)
        if callable(answer):
            return answer(environ, start_response)
        return app(environ, start_response)

    return bound


class _HeadExchange(Exchange):
    """The exchange of a layer that edits the head and does not look past it."""

    __slots__ = ("_layer", "_start_response")

    # Nothing sets these: there is no end to see, and slots that stay empty cost nothing.
    bytes = 0
    error = None
    complete = False

    _layer: Hooks
    _start_response: StartResponse

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[Block], object]:
        self.status = status
        self.headers = [*headers]  # rule 12: a fresh list, the app may have given us a constant
        self._layer.on_head(self)
        if exc_info is None:  # rule 2: some drivers take two arguments only
            return self._start_response(self.status, self.headers)
        return self._start_response(self.status, self.headers, exc_info)


class _UnaskedHeadExchange(_HeadExchange):
    """The same where there is no `on_request`, and so no state."""

    __slots__ = ()

    state = None


def _bind_head(layer: Hooks, app: WSGIApplication, asks: bool) -> WSGIApplication:
    kind = _HeadExchange if asks else _UnaskedHeadExchange

    def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        x = kind()
        x.environ = environ
        x.started = perf_counter()
        x._layer = layer
        x._start_response = start_response
        if asks:
            answer = layer.on_request(environ)
            if callable(answer):
                return answer(environ, start_response)
            x.state = answer
        return app(environ, x.start_response)

    return bound


_CLOSED: Any = iter(())
_END: Any = object()

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


def own_code(function: AnyFunction) -> AnyFunction:
    """Return a copy of a function that shares no code object with it.

    The interpreter specialises each code object for the types that it meets. What serves several
    kinds of flow would meet several, and pay for it at every attribute.
    """
    if type(function) is not FunctionType:
        return function
    source: Any = function
    copied: Any = FunctionType(
        source.__code__.replace(),
        source.__globals__,
        source.__name__,
        source.__defaults__,
        source.__closure__,
    )
    copied.__doc__ = source.__doc__
    return copied  # type: ignore[no-any-return]


_iterate_list = list.__iter__


def _lets_go() -> bool:
    iterator = iter([b""])
    list(iterator)
    return not get_referents(iterator)


_LETS_GO = _lets_go()
"""Does an exhausted list iterator let its list go? Then to look whether it still holds one takes
half the time of `__reduce__`. Builds without the global lock keep it."""


class Blocks(list[bytes]):
    """A list body with a `close()`: `len()` and C-speed iteration survive (rule 21).

    Outer flows join the list that an inner one made, they do not copy it. How much was delivered is
    asked of the list's C iterator when it ends, so a block costs nothing.
    """

    __slots__ = ("_flow", "_iterator")

    _flow: Flow | None
    _iterator: Any

    def __iter__(self) -> Iterator[Block]:
        self._iterator = iterator = _iterate_list(self)
        return iterator

    def close(self) -> None:
        flow, iterator = self._flow, self._iterator
        if flow is None:  # rule 23
            return
        self._flow = self._iterator = None  # rule 39: the iterator holds the list
        if iterator is None:
            pulled, complete = 0, False
        elif len(self) == 1 and type(block := self[0]) is bytes:  # `_delivered` without the call
            if iterator.__length_hint__():
                pulled, complete = 0, False
            elif _LETS_GO:
                pulled, complete = len(block), not get_referents(iterator)
            else:
                pulled, complete = self._delivered(iterator)
        else:
            pulled, complete = self._delivered(iterator)
        if flow._inside is None:
            flow._close_list(pulled, complete)
            return
        inside: Flow | None = flow
        while inside is not None:
            inside.bytes += pulled
            inside.complete = complete
            inside = inside._inside
        flow.close()

    def _delivered(self, iterator: Any) -> tuple[int, bool]:
        if iterator is None:
            return 0, False
        state = iterator.__reduce__()  # (iter, (blocks,), index); without index when exhausted
        try:
            if len(state) == 2:
                # Not `self`: its `__iter__` notes an iterator, and here nobody pulls.
                return sum(map(len, list.__iter__(self))), True
            return sum(map(len, self[: state[2]])), False
        except Exception:  # a block that has no length is the app's fault, and loses no close
            return 0, False


class WatchedBlocks(Blocks):
    """The same where a flow wants to know of its death: `__del__` has its price."""

    __slots__ = ()

    def __del__(self) -> None:
        flow = self._flow
        if flow is None:
            return
        self._flow = None
        pulled, complete = self._delivered(self._iterator)
        while flow is not None:
            flow.bytes += pulled
            flow.complete = complete
            flow.lost()
            flow._inside, flow = None, flow._inside  # rule 39


class Stream:
    """A streamed body that layers watch, as `Blocks` is for lists: outer layers join it.

    So the blocks are counted once, however many layers see the end.
    """

    __slots__ = ("_body", "_complete", "_error", "_flow", "_opens", "_pulled")

    _body: Any
    _complete: bool
    _error: BaseException | None
    _flow: Flow | None
    _opens: bool
    _pulled: int

    def __init__(self, flow: Flow, body: Any, opens: bool) -> None:
        self._flow = flow
        self._body = body
        self._opens = opens
        self._pulled = 0
        self._complete = False
        self._error = None

    def join(self, flow: Flow, opens: bool) -> Stream:
        """Let the layer outside of the others see the end, too; `opens`: it holds the head."""
        flow._inside = self._flow
        self._flow = flow
        self._opens = self._opens or opens
        return self

    def __iter__(self) -> Iterator[bytes]:
        try:
            blocks: Any = self._body
            if self._opens:
                blocks = iter(blocks)
                for block in blocks:
                    opened = self._open()
                    self._pulled += len(block)
                    yield block
                    if self._body is _CLOSED:
                        return
                    if opened:
                        break
                else:
                    self._open()
            for block in blocks:
                # On the object, since a local is lost on an early stop.
                self._pulled += len(block)
                yield block
                if self._body is _CLOSED:  # rule 26: closed while it waited
                    return
        except GeneratorExit:
            raise
        except BaseException as error:
            self._error = error
            raise
        self._complete = True

    def _open(self) -> bool:
        return self._flow is None or self._flow.opened()

    def close(self) -> None:
        flow = self._flow
        if flow is None:  # rule 23
            return
        pulled, complete, error = self._pulled, self._complete, self._error
        self._body = _CLOSED
        self._flow = self._error = None  # rule 39: its traceback holds our frame
        inside: Flow | None = flow
        while inside is not None:
            inside.bytes += pulled
            inside.complete = complete
            inside.error = error
            inside = inside._inside
        del error  # rule 39
        flow.close()


class WatchedStream(Stream):
    """The same for one flow that wants to know of its death. It is not joined."""

    __slots__ = ()

    def __del__(self) -> None:
        flow = self._flow
        if flow is None:
            return
        flow.bytes += self._pulled
        flow.complete = self._complete
        flow.error = self._error
        self._flow = self._error = None
        try:
            flow.lost()
        finally:
            flow.error = None  # rule 39


class Flow(Exchange):
    """One request on its way through one layer that does more than look on.

    A layer subclasses this, overrides what it wants to say, and binds with `flow_through`. What
    is not overridden costs nothing. Loops, `close()`, `write()`, lists and file wrappers stay here.

    | override | is called |
    | --- | --- |
    | `start` | as the inner app's `start_response`; `forward` sends a head on |
    | `write` | with what the inner app writes |
    | `enter`, `leave` | round all inner code: the call, each pull, `close()`; they must not raise |
    | `hand_on` | with the body that the inner app returned, and whether it is a list, a tuple or \
a file wrapper, so that no head comes late; True: it goes out as it is |
    | `whole` | with a list or tuple body; returns the list that goes out, or None: it goes out \
block by block, as a stream without a `len()` |
    | `block` | with each block that was pulled; returns the block that goes out |
    | `opened` | in a `Stream`, before each block until it says True, and at an end without one |
    | `finish` | when the body is exhausted; returns a last block, `b""` for none |
    | `failed` | with an `Exception` of the call or a pull; None: it goes up; else the body to \
send, which `block`, `whole` and `finish` do not see; its `close()` comes after the inner one |
    | `close_failed` | with an `Exception` of the inner `close()`; True: it is dealt with |
    | `ended` | once, after the inner `close()`, whatever happened; not after `hand_on` |
    | `lost` | in place of `ended`, when the body dies and nobody closed it; must not raise |
    """

    __slots__ = ("_body", "_close", "_inside", "_write", "start_response")

    bytes: Any
    start_response: StartResponse
    _body: Any
    _close: Callable[[], object] | None
    _inside: Flow | None
    _write: Callable[[Block], object]

    counts = False
    """Class option: keep `bytes` of streams and `write()` too. Those of a list are always kept.

    Without it `bytes` of a stream only tells whether a block that is not empty has left."""
    changes: bool | None = None
    """Class option: False if `block` and `finish` only look on; lists and files pass then."""
    ends: bool | None = None
    """Class option: False if `ended` matters for streams only; a list need not be wrapped then."""
    settled = False
    """A class that has a slot of this name may set it True in `start`: the body goes out as it is,
    and `hand_on` is not asked. `complete` is None as soon as that was done."""
    entered = False
    """Class option: True if `begin` has done already what `enter` does, so that one clock, or one
    look at a context, serves for both. It must do that last: nothing calls `leave` if it raises."""
    streams: type[WatchedStream] | None = None
    """Class option: `WatchedStream` for a flow that overrides `start`, `write`, `ended` and `lost`
    at most. Then that, and not the flow, goes out for a stream, and the flow of a list need not
    have a `__del__`, which has its price."""
    size: Callable[[Any], int] = len
    """Class option: the length of a block, for those that may meet what has none."""
    answers: type[BaseException] | tuple[type[BaseException], ...] = Exception
    """Class option: what `failed` and `close_failed` are asked about."""
    primes = False
    """Class option, of `PrimedFlow`: the first blocks are pulled before the layer returns."""

    def __init_subclass__(cls) -> None:
        """Decide once what a class pays for."""
        super().__init_subclass__()

        def says(*names: str) -> bool:
            return any(getattr(cls, name) is not getattr(Flow, name) for name in names)

        cls._starts = cls.counts or says("start", "write")
        cls._writes = cls.counts or says("write")
        cls._surrounds = says("enter", "leave")
        sees = says("whole", "block", "finish")
        cls._changes = sees if cls.changes is None else cls.changes
        cls._ends = says("ended") if cls.ends is None else cls.ends
        cls._wraps = cls._surrounds or says("ended") or sees or says("failed", "close_failed")
        cls._looks_on = not cls._changes and not says("hand_on")
        if says("lost"):
            cls._blocks = WatchedBlocks
            if cls.streams is None:
                cls.__del__ = cls._died  # type: ignore[attr-defined]
        if cls._surrounds:
            loop = cls._worked
        elif cls.primes:
            loop = cls._resumed  # type: ignore[attr-defined]
        elif sees:
            loop = cls._changed
        else:
            loop = cls._counted if cls.counts else cls._passed
        cls.__iter__ = loop  # type: ignore[attr-defined]
        for name in (
            "close",
            "_close_list",
            "_join",
            "_surround",
            *filter(says, ("start", "ended")),
        ):
            setattr(cls, name, own_code(getattr(cls, name)))

    _starts = _writes = _surrounds = _changes = _ends = _wraps = _looks_on = False
    _blocks = Blocks

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[Block], object]:
        write = self.forward(status, headers, exc_info)
        return self.write if self._writes else write

    def forward(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None
    ) -> Callable[[Block], object]:
        """Send a head on to the outer `start_response`."""
        if exc_info is None:  # rule 2: some drivers take two arguments only
            self._write = self.start_response(status, headers)
        else:
            self._write = self.start_response(status, headers, exc_info)
        return self._write

    def write(self, data: Block, /) -> object:
        self.bytes += len(data)
        return self._write(data)

    def enter(self) -> None: ...

    def leave(self) -> None: ...

    def hand_on(self, body: Any, final: bool, /) -> bool:
        return False

    def whole(self, blocks: list[Block]) -> list[Block] | None:
        blocks = [self.block(block) for block in blocks]
        last = self.finish()
        return [*blocks, last] if last else blocks

    def block(self, block: Block, /) -> Block:
        return block

    def finish(self) -> Block:
        return b""

    def failed(self, error: Exception, /) -> Iterable[Block] | None:
        return None

    def close_failed(self, error: Exception, /) -> bool:
        return False

    def ended(self) -> None: ...

    def lost(self) -> None: ...

    def opened(self) -> bool:
        return self._inside is None or self._inside.opened()

    @property
    def failed_in_close(self) -> bool:
        """In `ended`: is `error` what the inner `close()` raised, and nothing failed before?"""
        return self._close is not None

    # From here on: what no layer overrides.

    def _carry(self, body: Any, file_wrapper: Any) -> Any:
        """Return what goes out for the body that the inner app returned."""
        kind = type(body)
        if kind is SizedBlocks:  # this layer is outside of the one that made it
            body = body.as_list()
            kind = Blocks
        try:
            listed = kind is list or (isinstance(body, (list, tuple)) and kind.__iter__ in _PLAIN)
            is_file = not listed and is_file_wrapper(body, file_wrapper)
            if self.hand_on(body, listed or is_file):
                self.complete = None
                return body
            if listed:
                return self._carry_list(body, kind)
            if not self._wraps:
                return body
            if is_file and not self._changes:
                # Rule 29: the very object, and so the end cannot be seen.
                self.bytes, self.complete = _declared_length(self), None
                self.close()
                return body
            self._close = getattr(body, "close", None)
        except BaseException as error:  # the server never gets this body, so it closes nothing
            self._drop(body, error)
            raise
        return self._hold_stream(body)

    def _hold_stream(self, body: Any) -> Any:
        if self.streams is not None:
            return self.streams(self, body, False)
        self._body = body
        return self

    def _drop(self, body: Any, error: BaseException) -> None:
        close = getattr(body, "close", None)
        if self._body is not _CLOSED:
            self.error = error
            self._close = close
            self.close()
        elif close is not None:  # a file wrapper, whose end came already
            close()

    def _carry_list(self, body: list[Block] | tuple[Block, ...], kind: type) -> Any:
        close = None if kind is list or kind is tuple else getattr(body, "close", None)
        if self._changes:
            blocks = [*body]  # through __iter__, so that inner ends see it pulled
            out: Any = self.whole(blocks)
            if out is None:
                # matrix.md S1: hypercorn makes a 500 of a body without any block.
                self._body = blocks or [b""]
                self._close = close
                return self
        elif isinstance(body, Blocks) and self._wraps:
            return self._join(body)
        else:
            out = body
        return self._hold_list(out, close)

    def _join(self, body: Any) -> Any:
        self._inside = body._flow
        if self._blocks is WatchedBlocks and type(body) is Blocks:
            body._flow = None
            body = WatchedBlocks(body)
        body._flow = self
        body._iterator = None  # a layer between may have looked
        return body

    def _hold_list(self, out: Any, close: Callable[[], object] | None) -> Any:
        if not self._ends and (close is None or not self._wraps):
            self.error = None  # of an answer to an error; no `close()` will clear it
            return out
        self._close = close
        wrapped = self._blocks(out)
        wrapped._flow = self
        wrapped._iterator = None
        return wrapped

    def _passed(self) -> Iterator[Block]:
        """Pass blocks on: the loop of a layer that waits for the end, or for an error."""
        answer: Iterable[Block] | None = None
        try:
            blocks = iter(self._body)
            for block in blocks:
                if block:
                    self.bytes = len(block)
                yield block
                if self._body is _CLOSED:  # rule 26: closed while it waited
                    return
                if block:
                    break
            else:
                blocks = _CLOSED
            for block in blocks:  # the same, without a question to each block
                yield block
                if self._body is _CLOSED:
                    return
        except GeneratorExit:
            raise
        except BaseException as error:
            answer = self._broke(error)
            if answer is None:
                raise
        if answer is not None:
            yield from self._answered(answer)
        self.complete = self._body is not _CLOSED

    def _counted(self) -> Iterator[Block]:
        """Pass blocks on and count their bytes, on the object: a local is lost on an early stop."""
        answer: Iterable[Block] | None = None
        try:
            for block in self._body:
                self.bytes += len(block)
                yield block
                if self._body is _CLOSED:
                    return
        except GeneratorExit:
            raise
        except BaseException as error:
            answer = self._broke(error)
            if answer is None:
                raise
        if answer is not None:
            yield from self._answered(answer)
        self.complete = self._body is not _CLOSED

    def _changed(self) -> Iterator[Block]:
        """Show each block to the layer, which may change it, and ask it for a last one."""
        answer: Iterable[Block] | None = None
        try:
            for block in self._body:
                out = self.block(block)
                self.bytes += len(out)
                yield out
                if self._body is _CLOSED:
                    return
            if self._body is _CLOSED:  # before it was started
                return
            last = self.finish()
            if last:
                self.bytes += len(last)
                yield last
        except GeneratorExit:
            raise
        except BaseException as error:
            answer = self._broke(error)
            if answer is None:
                raise
        if answer is not None:
            yield from self._answered(answer)
        self.complete = self._body is not _CLOSED

    def _worked(self) -> Iterator[Block]:
        """Do all of it, and let the layer work round each pull."""
        answer: Iterable[Block] | None = None
        iterator: Iterator[Block] | None = None
        try:
            while self._body is not _CLOSED:
                self.enter()
                try:
                    if iterator is None:
                        iterator = iter(self._body)
                    block = next(iterator, _END)
                finally:
                    self.leave()
                if block is _END:
                    last = self.finish()
                    if last:
                        self.bytes += len(last)
                        yield last
                    break
                out = self.block(block)
                self.bytes += self.size(out)
                yield out
            else:
                return
        except GeneratorExit:
            raise
        except BaseException as error:
            answer = self._broke(error)
            if answer is None:
                raise
        if answer is not None:
            yield from self._answered(answer)
        self.complete = self._body is not _CLOSED

    def _broke(self, error: BaseException) -> Iterable[Block] | None:
        self.error = error
        return self.failed(error) if isinstance(error, self.answers) else None  # type: ignore[arg-type]

    def _answered(self, answer: Iterable[Block]) -> Iterator[Block]:
        close = getattr(answer, "close", None)
        if close is not None:
            self._close = functools.partial(_close_both, self._close, close)
        for block in answer:
            self.bytes += len(block)
            yield block
            if self._body is _CLOSED:
                return

    def _raised(self, error: BaseException) -> Any:
        """Return the answer to an inner call that raised, or None: rule 28, nothing to close."""
        blocks: Any = None
        try:
            answer = self._broke(error)
            if answer is not None and self._ends:
                self._close = getattr(answer, "close", None)
                blocks = self._hold_list([*answer], self._close)
            elif answer is not None:
                self.error = None
                blocks = answer
        finally:
            if blocks is None:
                self.close()
        return blocks

    def close(self) -> None:
        """Close what is inside, once, then see the end (rules 23, 24)."""
        if self._body is _CLOSED:
            return
        inside, close = self._inside, self._close
        self._body = _CLOSED
        self._close = self._inside = None  # rule 39: a body may hold our start_response
        try:
            if self._surrounds:
                self._surround(close if inside is None else inside.close)
            elif inside is not None:  # its list was joined
                inside.close()
            elif close is not None:
                close()
        except BaseException as error:
            if self.error is None:
                self.error = error
                self._close = close if inside is None else inside.close  # `failed_in_close`
            if not isinstance(error, self.answers) or not self.close_failed(error):  # type: ignore[arg-type]
                raise
        finally:
            try:
                self.ended()
            finally:
                self.error = self._close = None  # rules 9, 39

    def _close_list(self, pulled: int, complete: bool) -> None:
        """Do what `close` does for a list that is not joined."""
        self.bytes += pulled
        self.complete = complete
        if self._close is not None:
            self.close()
            return
        self._body = _CLOSED  # nothing to close: only the end to tell
        try:
            self.ended()
        finally:
            self.error = None

    def _died(self) -> None:
        if self._body is not _CLOSED and self._body is not None:  # a list tells it itself
            self.lost()

    def _surround(self, close: Callable[[], object] | None) -> None:
        if close is None:
            return
        self.enter()
        try:
            close()
        finally:
            self.leave()


class SizedBlocks:
    """A list body with a `close()`, and no list itself: granian closes nothing that is a list."""

    __slots__ = ("_blocks", "_flow", "_iterator")

    _flow: Flow | None
    _iterator: Any

    def __init__(self, blocks: list[Block]) -> None:
        self._blocks = blocks

    def __len__(self) -> int:
        return len(self._blocks)

    def __iter__(self) -> Iterator[Block]:
        return iter(self._blocks)

    def as_list(self) -> Blocks:
        """Return the list that outer flows join."""
        blocks = Blocks(self._blocks)
        blocks._flow, self._flow = self._flow, None
        blocks._iterator = None
        return blocks

    def close(self) -> None:
        flow, self._flow = self._flow, None
        if flow is not None:  # rule 23
            flow.close()


class PrimedFlow(Flow):
    """A flow that pulls the first blocks of a stream before its layer returns (rule 40).

    So a late head, or an error in place of one, comes while the server still looks. Blocks are
    pulled until `ready` is True after one; an empty stream becomes one empty block. A list whose
    `close()` matters goes out as `SizedBlocks`. `_out`: what is still to come, past `_first`.
    """

    __slots__ = ("_first", "_out")

    primes = True
    ready = False
    """A slot or property that says whether enough was pulled."""
    full = False
    """A slot or property that says, after a block, that the body ends with it."""
    _blocks = SizedBlocks  # type: ignore[assignment]
    _first: list[Block]
    _out: Iterator[Block] | None

    def _hold_stream(self, body: Any) -> Any:
        self._body = self._until_full(body)
        self._first = first = []
        self._out = out = self._changed()
        try:
            for block in out:
                first.append(block)
                if self.ready:
                    break
        except BaseException:  # rule 28: the server gets no body, so it closes none
            self.close()
            raise
        if not first:
            first.append(b"")  # matrix.md S1: an empty iterator is a 500 on hypercorn
        return self

    def _resumed(self) -> Iterator[Block]:
        """Give what was pulled before, then go on."""
        out, self._out = self._out, None
        if out is None:  # a list that goes out as a stream, or a second iteration
            if self._body is not _CLOSED:
                self._body = self._until_full(self._body)
            out = self._changed()
        else:
            for block in self._first:
                yield block
                if self._body is _CLOSED:
                    return
        yield from out

    def _until_full(self, body: Any) -> Iterator[Block]:
        """Pull no further once the layer has said, of the block before, that it is the last."""
        for block in body:
            yield block
            if self.full:
                return

    def close(self) -> None:
        self._out = None  # rule 39: its frame holds this flow
        Flow.close(self)


class ContextFlow(Flow):
    """A flow of which a context variable tells inner code, and nobody else.

    `value`: what the variable is set to; `begin` does so, after it has kept the value of before as
    `former`. `ended`, `failed` and `close_failed` are not asked.
    """

    __slots__ = ("former", "value")

    entered = True
    variable: ContextVar[Any]
    former: Any
    value: Any

    def enter(self) -> None:
        self.former = self.variable.get()
        self.variable.set(self.value)

    def leave(self) -> None:
        # Rule 37: by value, since this may be another context than the one that entered.
        self.variable.set(self.former)

    def close(self) -> None:
        # `Flow.close`, written out for the price, as in `_HookFlow`.
        inside, close = self._inside, self._close
        if self._body is _CLOSED:
            return
        self._body = _CLOSED
        self._close = self._inside = self.error = None
        if inside is not None:
            close = inside.close
        if close is None:
            return
        variable = self.variable
        former = variable.get()
        variable.set(self.value)
        try:
            close()
        finally:
            variable.set(former)


def _close_both(first: Callable[[], object] | None, then: Callable[[], object]) -> None:
    try:
        if first is not None:
            first()
    finally:
        then()


_PLAIN = (list.__iter__, tuple.__iter__, Blocks.__iter__)


def is_file_wrapper(body: object, file_wrapper: Any) -> bool:
    """Tell whether `body` came out of the server's `wsgi.file_wrapper` (rule 29).

    It is a type on gunicorn and wsgiref, a function that hands back the file itself on uWSGI.
    """
    if isinstance(file_wrapper, type):
        return isinstance(body, file_wrapper)
    return file_wrapper is not None and hasattr(body, "read")


def _declared_length(x: Exchange) -> int | None:
    for name, value in getattr(x, "headers", None) or ():
        if name.lower() == "content-length" and value.isascii() and value.isdigit():
            return int(value)
    return None


FlowType = TypeVar("FlowType", bound=Flow)


def flow_through(
    app: WSGIApplication, kind: type[FlowType], begin: Callable[[FlowType], Any] | None = None
) -> WSGIApplication:
    """Return the bound app that sends each request through a new flow of this `kind`.

    `begin(flow)` fills in what the layer needs, before the inner call: `flow.environ` is there.
    If it returns an app, that answers, as if the layer were not there.
    """
    starts, surrounds = kind._starts, kind._surrounds
    looks_on, ends, wraps = kind._looks_on, kind._ends, kind._wraps
    enters, make_blocks = not kind.entered, kind._blocks
    settles = kind.settled is not False  # a slot then, whose value each flow has
    if begin is not None:
        begin = own_code(begin)

    def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        flow = kind()
        flow.environ = environ
        flow.start_response = start_response
        flow.bytes = 0
        flow.complete = False
        flow.error = flow._body = flow._close = flow._inside = None
        if begin is not None:
            answer = begin(flow)
            if answer is not None:
                return answer(environ, start_response)
        file_wrapper = environ.get("wsgi.file_wrapper")  # rule 3: before the call
        try:
            if surrounds:
                if enters:
                    flow.enter()
                try:
                    body = app(environ, flow.start if starts else start_response)
                finally:
                    flow.leave()
            else:
                body = app(environ, flow.start if starts else start_response)
        except BaseException as error:
            body = flow._raised(error)
            if body is None:
                raise
            return body
        if settles and flow.settled:
            flow.complete = None
            return body
        if looks_on:  # what `_carry` comes to, without asking
            of = type(body)
            if of is list:
                if not ends:
                    return body
                blocks = make_blocks(body)
                blocks._flow = flow
                blocks._iterator = None
                return blocks
            if wraps and (of is WatchedBlocks or of is Blocks):
                return flow._join(body)
        return flow._carry(body, file_wrapper)

    return own_code(bound)


def flow_held(
    app: WSGIApplication,
    kind: type[FlowType],
    begin: Callable[[FlowType], Any],
    take: Callable[[FlowType, list[Block]], list[Block] | None],
) -> WSGIApplication:
    """Return a bound app like that of `flow_through`, for a `kind` that holds its head back.

    `begin` sets what `start` and `write` need, `bytes` and `complete` among it. `take(flow, body)`
    gets a plain list, and returns the one that goes out; then the rest of the flow, which only
    other bodies need, is not made. None: it goes the way of other bodies.
    """
    begin, take = own_code(begin), own_code(take)
    settles = kind.settled is not False

    def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        flow = kind()
        flow.environ = environ
        flow.start_response = start_response
        answer = begin(flow)
        if answer is not None:
            return answer(environ, start_response)
        file_wrapper = environ.get("wsgi.file_wrapper")  # rule 3: before the call
        try:
            body: Any = app(environ, flow.start)
            if settles and flow.settled:
                flow.complete = None
                return body
            if type(body) is list:
                taken = take(flow, body)
                if taken is not None:
                    return taken
        except BaseException as error:
            flow.error = flow._body = flow._close = flow._inside = None
            body = flow._raised(error)
            if body is None:
                raise
            return body
        flow.error = flow._body = flow._close = flow._inside = None
        return flow._carry(body, file_wrapper)

    return own_code(bound)


def flow_after(
    app: WSGIApplication, kind: type[FlowType], begin: Callable[[FlowType, Any], object]
) -> WSGIApplication:
    """Return a bound app like that of `flow_through`, which makes its flow after the inner call.

    For a `kind` that has nothing to say before that, of a list, or at an end: `start`, `enter`,
    `ended` and the like are not asked. So a list costs no more than a `try`, and a flow is made for
    an `Exception` and for every other body alone. `begin(flow, method)` gets the REQUEST_METHOD of
    before the call (rule 3).
    """

    def make(environ: WSGIEnvironment, start_response: StartResponse, method: Any) -> FlowType:
        flow = kind()
        flow.environ = environ
        flow.start_response = start_response
        flow.bytes = 0
        flow.complete = False
        flow.error = flow._body = flow._close = flow._inside = None
        begin(flow, method)
        return flow

    def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        method = environ.get("REQUEST_METHOD")
        file_wrapper = environ.get("wsgi.file_wrapper")
        try:
            body: Any = app(environ, start_response)
        except Exception as error:
            body = make(environ, start_response, method)._raised(error)
            if body is None:
                raise
            return body
        if type(body) is list:
            return body
        return make(environ, start_response, method)._carry(body, file_wrapper)

    return bound


class _HookFlow(Flow):
    """The flow of a layer that has an end hook."""

    __slots__ = ("_layer",)

    counts = True
    _layer: Hooks

    __call__ = Flow.write
    """So the flow itself is the `write` that goes inwards, and a bound method less is made."""

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[Block], object]:
        sent, fields = self.status, self.headers
        self.status = status
        self.headers = [*headers]  # rule 12: a fresh list, the app may have given us a constant
        try:
            self._layer.on_head(self)
            if exc_info is None:
                self._write = self.start_response(self.status, self.headers)
            else:
                self._write = self.start_response(self.status, self.headers, exc_info)
        except BaseException:
            self.status, self.headers = sent, fields  # the end tells the head that was sent
            raise
        return self

    def ended(self) -> None:
        self._layer.on_end(self)

    def _hold_stream(self, body: Any) -> Any:
        return Stream(self, body, False)

    def close(self) -> None:
        # `Flow.close`, written out for the price: each layer of each request comes here, once,
        # since the list or stream that it is behind closes once.
        inside, close = self._inside, self._close
        self._body = _CLOSED
        self._close = self._inside = None
        try:
            if inside is not None:
                inside.close()
            elif close is not None:
                close()
        except BaseException as error:
            if self.error is None:
                self.error = error
            raise
        finally:
            try:
                self._layer.on_end(self)
            finally:
                self.error = None


class _EndFlow(_HookFlow):
    """The same for a layer that leaves the head alone."""

    __slots__ = ()

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[Block], object]:
        if exc_info is None:
            self._write = self.start_response(status, headers)
        else:
            self._write = self.start_response(status, headers, exc_info)
        self.status = status  # after it: the end tells the head that was sent
        self.headers = headers
        return self


def _bind_end(layer: Hooks, app: WSGIApplication, asks: bool, heads: bool) -> WSGIApplication:
    # `flow_through`, written out for the price: no call but those that the hooks need.
    kind = _HookFlow if heads else _EndFlow

    def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        x = kind()
        x.environ = environ
        x.start_response = start_response
        x.started = perf_counter()
        x._layer = layer
        x.bytes = 0
        x.complete = False
        x.state = x.status = x.headers = x.error = x._body = x._close = x._inside = None
        if asks:
            answer = layer.on_request(environ)
            if callable(answer):
                return answer(environ, start_response)
            x.state = answer
        file_wrapper = environ.get("wsgi.file_wrapper")  # rule 3: before the call
        try:
            body: Any = app(environ, x.start)
        except BaseException as error:
            x._raised(error)
            raise
        of = type(body)
        if of is list:
            blocks = Blocks(body)
            blocks._flow = x
            blocks._iterator = None
            return blocks
        if of is Blocks and body._flow is not None:
            x._inside = body._flow
            body._flow = x
            body._iterator = None  # a layer between may have looked at the blocks
            return body
        if of is Stream and body._flow is not None:  # `join`, which here has no head to open
            x._inside = body._flow
            body._flow = x
            return body
        if of is GeneratorType:
            x._close = body.close
            return Stream(x, body, False)
        return x._carry(body, file_wrapper)

    return bound
