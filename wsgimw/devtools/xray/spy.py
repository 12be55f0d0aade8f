"""The spies of the X-ray: what passes one boundary of a stack is noted, and passes unchanged.

A *boundary* lies between two *rooms*: layers, the innermost app, the server. A `Spy` is one request
on its way through one boundary. What it sees goes on the `Trace` of the request, in the order in
which it happens, as tuples of plain values: the linter's `Crossing` judges them afterwards
(`wsgimw.devtools.xray.judging`), so that the way itself stays short.

Spies find each other by a context variable that tells who is running: so a layer may copy environ,
replace `start_response` or call its app twice. Where no request is being recorded, a spy asks one
list whether it is empty, and that is all.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from wsgimw.devtools.xray.things import changes, head_of, plain, sizes_of, thing
from wsgimw.exchange import Blocks, Flow, WatchedBlocks, is_file_wrapper, own_code
from wsgimw.testing.crossing import Room
from wsgimw.testing.faults import body_fault, size_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

MOST_EVENTS = 500
"""Of one request, kept one by one; blocks beyond it are counted."""
MOST_CROSSINGS = 1000
"""Of one request: a layer that calls its app over and over is no longer looked at."""

# What is noted: (what, which spy, ...).
CAME, HEAD, HEAD_DONE, WRITE, WRITTEN, RETURNED, BLOCK, FINISHED, FAILED, ENDED = range(10)
HANDED_ON_CLOSED, PULLED_LATE, CLOSED_AGAIN = range(10, 13)

current: ContextVar[Any] = ContextVar("wsgimw.devtools.xray", default=None)
_ABSENT: Any = object()
_CLOSED_BODY: Any = iter(())


class Trace:
    """One request while it is on its way: its spies, and the tape of what they saw."""

    __slots__ = ("finish", "first", "over", "spies", "started", "streams", "tape", "time")

    def __init__(self, finish: Callable[[Trace], None], time: float) -> None:
        self.finish = finish
        self.time = time  # seconds since 1970
        self.started = 0.0
        self.first: float | None = None  # when the first byte left
        self.over = False
        self.spies: list[Spy] = []
        self.tape: list[tuple[Any, ...]] = []
        self.streams: list[tuple[Room, int, str]] = []  # faults of wsgi.input, told at once


class Spy(Flow):
    """One request at one boundary.

    Times are seconds: `called` of the inner call, `spent` of what is pulled and then of `close()`,
    `heading` and `writing` of what is outside, while the inner side waits for it.
    """

    __slots__ = (
        "__dict__",  # of what is rare; its defaults stand below
        "came",
        "clock",
        "former",
        "heading",
        "inner",
        "number",
        "outer",
        "parent",
        "snapshot",
        "spent",
        "tape",
        "trace",
    )

    changes = False
    size = staticmethod(size_of)

    outer: Room
    inner: Room
    parent: Spy | None
    trace: Trace
    tape: list[tuple[Any, ...]]
    snapshot: dict[str, Any]
    number: int
    came: float
    clock: float
    spent: float
    heading: float
    former: Any

    called = pulled = writing = 0.0
    closed_at: float | None = None
    blocks = empties = sent = writes = written = 0
    promised: int | None = None
    odd: Any = None  # a block that is not exactly bytes, as a stand-in
    held = 0
    listed = out = opaque = over = closing = False
    counted = False
    failed_type = ""
    whole: Any = None  # complete, as `ended` knows it; a str before that
    iterated = False  # a list: somebody has pulled it
    listing: Any = None  # a weak reference to the list that goes out

    # The head

    def start(  # type: ignore[override]
        self,
        status: Any = _ABSENT,
        headers: Any = _ABSENT,
        exc_info: Any = None,
        /,
        *more: Any,
        **keywords: Any,
    ) -> Any:
        began = perf_counter()
        former = current.get()
        tape, number = self.tape, self.number
        try:
            current.set(self.parent)
            if exc_info is None and type(headers) is list and not more and not keywords:
                tape.append((HEAD, number, status, (*headers,), None))
                write = self.start_response(status, headers)
                self._write = write
                if callable(write):
                    return self.write
                tape.append((HEAD_DONE, number, plain(write), False))
                return write
            values = [value for value in (status, headers, exc_info) if value is not _ABSENT]
            if exc_info is None:  # rule 2: some drivers take two arguments only
                values.remove(None)
            return self._odd_start([*values, *more], keywords)
        finally:
            exc_info, values = None, []  # rules 9, 39
            current.set(former)
            self.heading += perf_counter() - began

    def _odd_start(self, values: list[Any], keywords: dict[str, Any]) -> Any:
        """Pass on a head that has an exc_info, or that is not given as it should be."""
        tape, number = self.tape, self.number
        tape.append((HEAD, number, *head_of(values, keywords)))
        came = raised = False
        write: Any = None
        try:
            self._write = write = self.start_response(*values, **keywords)
            came = True
        except BaseException as error:
            raised = len(values) > 2 and type(values[2]) is tuple and error in values[2][1:2]
            raise
        finally:
            usable = not came or callable(write)
            tape.append((HEAD_DONE, number, True if usable else plain(write), raised))
            values, keywords = [], {}  # rules 9, 39
        return self.write if callable(write) else write

    def write(self, data: Any, /) -> Any:
        began = perf_counter()
        former = current.get()
        self.writes += 1
        size = size_of(data)
        odd = None if type(data) is bytes else (plain(data),)
        self.tape.append((WRITE, self.number, size, odd))
        if size and self.trace.first is None and self.parent is None:
            self.trace.first = began
        try:
            current.set(self.parent)
            result = self._write(data)
        finally:
            current.set(former)
            self.writing += perf_counter() - began
        self.tape.append((WRITTEN, self.number))
        self.written = self.written + size
        return result

    # Round each pull and the close

    def enter(self) -> None:
        self.former = current.get()
        current.set(self)
        self.clock = perf_counter()

    def leave(self) -> None:
        self.spent += perf_counter() - self.clock
        current.set(self.former)
        self.former = None

    # The body

    def block(self, block: Any, /) -> Any:
        odd = None
        if type(block) is bytes:
            size = len(block)
        else:
            size, odd = size_of(block), (plain(block),)
        self.blocks += 1
        if size:
            self.sent += size
            if self.parent is None and self.trace.first is None:
                self.trace.first = perf_counter()
        else:
            self.empties += 1
        if odd is not None or len(self.tape) < MOST_EVENTS:
            self.tape.append((BLOCK, self.number, size, odd))
            return block
        self.counted = True
        parent = self.parent
        if parent is not None and self.blocks - self.empties > parent.blocks + 2:
            self.held = self.held or (18 if parent.out else 17)
        return block

    def finish(self) -> bytes:
        self.tape.append((FINISHED, self.number, self.tally()))
        return b""

    def tally(self) -> tuple[int, int, int, int] | None:
        """Return the counts, where blocks were not noted one by one."""
        return (self.blocks, self.empties, self.sent, self.held) if self.counted else None

    def _broke(self, error: BaseException) -> Any:
        self.failed_type = type(error).__name__
        self.tape.append((FAILED, self.number, self.failed_type))
        return super()._broke(error)

    def ended(self) -> None:
        trace = self.trace
        self.over = self.closing = True
        self.whole = self.complete
        self.closed_at = perf_counter()
        error = self.error
        name = "" if error is None else type(error).__name__
        if name and not self.failed_type:
            self.failed_type = name
        del error  # rule 39
        self.tape.append(
            (ENDED, self.number, self.complete, name, self.bytes, self.iterated, self.tally())
        )
        if self.parent is None:
            self.finish_trace(trace)

    def finish_trace(self, trace: Trace) -> None:
        if not trace.over:
            for spy in trace.spies:
                listing = None if spy.listing is None else spy.listing()
                if listing is not None:
                    listing.look()
            trace.over = True
            trace.finish(trace)
            self.forget()

    def forget(self) -> None:
        """Let go of what must not outlive the request."""
        trace = self.trace
        for spy in trace.spies:
            spy.environ = spy.snapshot = {}
            spy.parent = None
            spy.tape = trace.tape
        trace.spies = []

    def _carry(self, body: Any, file_wrapper: Any) -> Any:
        kind = type(body)
        try:
            listed = kind is list or (
                isinstance(body, (list, tuple)) and kind.__iter__ in _LIST_ITERATORS
            )
            if listed:
                return self._carry_list(body, kind)
            if body_fault(body):
                self.opaque = self.over = self.out = True
                self.tape.append((RETURNED, self.number, (plain(body),), False, None))
                self.finish_at_once()
                return body
            self.out = True
            if isinstance(body, SpiedStream) and body._flow.closing:
                self.tape.append((HANDED_ON_CLOSED, self.number))
            is_file = is_file_wrapper(body, file_wrapper)
            self.promised = len(body) if hasattr(kind, "__len__") and not is_file else None
            self.tape.append((RETURNED, self.number, None, is_file, self.promised))
            if is_file:  # rule 29: the very object, and so the end cannot be seen
                self.bytes, self.complete = 0, None
                self.mark_first()
                self.close()
                return body
            self._close = getattr(body, "close", None)
            self._body = body
            return SpiedStream(self) if self.promised is None else SizedStream(self)
        except BaseException as error:  # the server never gets this body, so it closes nothing
            self._drop(body, error)
            raise

    def _carry_list(self, body: Any, kind: type) -> Any:
        self.out = self.listed = True
        sizes = sizes_of(body)
        self.blocks, self.empties, self.sent = sizes[0], sizes[1], sizes[2]
        tape = self.tape
        if isinstance(body, SpiedBlocks):
            if body._flow is None:
                tape.append((HANDED_ON_CLOSED, self.number))
            self._inside = body._flow
            out = body
        elif isinstance(body, Blocks):
            inside, body._flow = body._flow, None
            self._inside = inside
            out = SpiedBlocks(body[:])
        else:
            self._close = None if kind is list or kind is tuple else getattr(body, "close", None)
            out = SpiedBlocks(body)
        out._flow = self
        out._iterator = None
        out.spy = self
        self.listing = weakref.ref(out)
        if self.sent:
            self.mark_first()
        tape.append((RETURNED, self.number, sizes, True, None))
        return out

    def mark_first(self) -> None:
        if self.parent is None and self.trace.first is None:
            self.trace.first = perf_counter()

    def finish_at_once(self) -> None:
        if self.parent is None:
            self.whole = False
            self.finish_trace(self.trace)


_LIST_ITERATORS = (list.__iter__, tuple.__iter__, Blocks.__iter__)


class SpiedStream:
    """The body that goes out for a stream: it hears of what is done to it after its end."""

    __slots__ = ("_flow",)

    def __init__(self, flow: Spy) -> None:
        self._flow = flow

    def __iter__(self) -> Iterator[bytes]:
        spy = self._flow
        if spy.over:
            spy.tape.append((PULLED_LATE, spy.number))
        for block in cast("Iterable[bytes]", spy):
            yield block
            if spy.over:
                spy.tape.append((PULLED_LATE, spy.number))

    def close(self) -> None:
        spy = self._flow
        if spy.closing:
            spy.tape.append((CLOSED_AGAIN, spy.number))
        spy.closing = True
        spy.pulled, spy.spent = spy.spent, 0.0
        spy.close()

    def __del__(self) -> None:
        spy = self._flow
        if not spy.over:
            spy._body = _CLOSED_BODY  # rule 39: it may hold our start_response
            if spy.parent is None:
                spy.finish_trace(spy.trace)


class SizedStream(SpiedStream):
    """The same for a body that has a `len()`, which servers ask for."""

    __slots__ = ()

    def __len__(self) -> int:
        return self._flow.promised or 0


class SpiedBlocks(WatchedBlocks):
    """The body that goes out for a list or tuple."""

    __slots__ = ("__weakref__", "spy")

    spy: Spy  # of the outermost boundary that it has passed

    def close(self) -> None:
        flow = self._flow
        if flow is None:
            self.spy.tape.append((CLOSED_AGAIN, self.spy.number))
            return
        if self._iterator is not None:
            inside: Any = flow
            while inside is not None:
                if isinstance(inside, Spy):
                    inside.iterated = True
                inside = inside._inside
        try:
            super().close()
        finally:
            self._iterator = None  # counting the blocks has made one; any other comes too late

    def look(self) -> None:
        """Tell of a list that was pulled after it had been closed: nobody hears of it then."""
        if self._flow is None and self._iterator is not None:
            self._iterator = None
            self.spy.tape.append((PULLED_LATE, self.spy.number))

    def __del__(self) -> None:
        spy = self.spy
        if self._flow is None:
            self.look()
            return
        self._flow = self._iterator = None
        if spy.parent is None:
            spy.finish_trace(spy.trace)


def bind_spy(
    app: WSGIApplication, outer: Room, inner: Room, live: list[Trace]
) -> tuple[WSGIApplication, Callable[..., Any]]:
    """Return the spied app, and the function that begins a trace there.

    The app passes on where nothing is recorded: `live` holds the traces that are on their way.
    """

    def spied(environ: WSGIEnvironment, start_response: Any) -> Any:
        if not live:
            return app(environ, start_response)
        former = current.get()
        parent = former
        while parent is not None and parent.inner is not outer:
            parent = parent.parent
        if parent is None or len(parent.trace.spies) >= MOST_CROSSINGS:
            return app(environ, start_response)
        return cross(environ, start_response, parent.trace, parent, former)

    def cross(
        environ: WSGIEnvironment, start_response: Any, trace: Trace, parent: Spy | None, former: Any
    ) -> Any:
        spy = Spy()
        spy.environ = environ
        spy.start_response = start_response
        spy.bytes = 0
        spy.complete = False
        spy.error = spy._body = spy._close = spy._inside = None
        spy.outer = outer
        spy.inner = inner
        spy.parent = parent
        spy.trace = trace
        spy.tape = tape = trace.tape
        spy.spent = spy.heading = 0.0
        spies = trace.spies
        spy.number = number = len(spies)
        spies.append(spy)
        if type(environ) is dict:
            spy.snapshot = now = environ.copy()
            kind = None
        else:
            spy.snapshot = now = items_of(environ)
            kind = thing(environ)
        before = now if parent is None else parent.snapshot
        if before is now or same(before, now):
            tape.append((CAME, number, parent and parent.number, None, kind))
        else:
            tape.append((CAME, number, parent and parent.number, changes(before, now), kind))
        if kind is not None and not hasattr(environ, "get"):
            spy.over = True
            return app(environ, start_response)
        file_wrapper = environ.get("wsgi.file_wrapper")  # rule 3: before the call
        current.set(spy)
        spy.came = began = perf_counter()
        try:
            body = app(environ, spy.start)
        except BaseException as error:
            spy.called = perf_counter() - began
            current.set(former)
            spy._raised(error)
            raise
        spy.called = perf_counter() - began
        current.set(former)
        return spy._carry(body, file_wrapper)

    return own_code(spied), own_code(cross)


def same(before: dict[Any, Any], now: dict[Any, Any]) -> bool:
    """Are two environs the same? A value of somebody's may fail to compare itself."""
    try:
        return before == now
    except Exception:
        return False


def items_of(environ: Any) -> dict[Any, Any]:
    """Return what is in an environ that is no exact dict, as far as it can be had."""
    try:
        return {**environ}
    except Exception:
        return {}
