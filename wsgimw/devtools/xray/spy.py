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

from wsgimw.devtools.xray.things import changes, head_of, kept_head, plain, sizes_of, thing
from wsgimw.exchange import (
    _CLOSED,
    Blocks,
    Flow,
    WatchedBlocks,
    is_file_wrapper,
    own_code,
)
from wsgimw.testing.crossing import Room
from wsgimw.testing.faults import body_fault, size_of

if TYPE_CHECKING:
    from collections.abc import Sized

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
_END: Any = object()


class Trace:
    """One request while it is on its way: its spies, and the tape of what they saw."""

    __slots__ = (
        "finish",
        "first",
        "lists",
        "over",
        "sound",
        "spies",
        "streams",
        "tape",
        "time",
        "watched",
    )

    def __init__(self, finish: Callable[[Trace], None], time: float) -> None:
        self.finish = finish
        self.time = time  # seconds since 1970
        self.first: float | None = None  # when the first byte left
        self.over = False
        self.sound: Any = None  # headers that are plain data
        self.watched = False  # there is a request body
        self.spies: list[Spy] = []
        self.lists: list[weakref.ref[SpiedBlocks]] = []
        self.tape: list[tuple[Any, ...]] = []
        self.streams: list[tuple[Room, int, str]] = []  # faults of wsgi.input, told at once

    def end(self) -> None:
        """Hand over what was noted."""
        if self.over:
            return
        for made in self.lists:
            listing = made()
            if listing is not None:
                listing.look()
        self.over = True
        try:
            self.finish(self)
        finally:
            for spy in self.spies:
                spy.child = None  # rule 39
            self.spies = []


class Spy(Flow):
    """One request at one boundary.

    Times are seconds: `called` of the inner call, `pulled` of the blocks, `closing` of `close()`;
    `heading` and `writing` of what is outside, while the inner side waits for it.
    """

    __slots__ = (
        "__dict__",  # of what is rare: its defaults stand below, and cost nothing
        "called",
        "came",
        "child",
        "heading",
        "inner",
        "number",
        "out",
        "outer",
        "over",
        "parent",
        "shut",
        "sizes",
        "snapshot",
        "tape",
        "trace",
    )

    changes = False

    outer: Room
    inner: Room
    parent: Spy | None
    trace: Trace
    tape: list[tuple[Any, ...]]
    snapshot: dict[str, Any]
    number: int
    child: Spy | None  # the last one
    sizes: Any  # of a list
    out: bool  # the call has returned
    over: bool  # it is closed
    shut: bool  # it is being closed
    came: float
    called: float
    heading: float

    pulled = writing = 0.0
    blocks = empties = sent = writes = written = held = 0
    promised: int | None = None
    iterated = last_empty = False
    failed_type = ""

    # The head

    def start(
        self,
        status: Any = _ABSENT,
        headers: Any = _ABSENT,
        exc_info: Any = None,
        /,
        *more: Any,
        **keywords: Any,
    ) -> Any:
        began = perf_counter()
        sent = status
        if exc_info is None and type(headers) is list and not more and not keywords:
            trace = self.trace
            given: Any = (*headers,)
            if given != trace.sound or type(status) is not str:
                status, given = self._kept(status, given)
            self.tape.append((HEAD, self.number, status, given, None, began))
            if trace.watched:
                write = self._outward(self.start_response, sent, headers)
            else:
                write = self.start_response(sent, headers)
            self._write = write
            self.heading += perf_counter() - began
            if callable(write):
                return self
            self.tape.append((HEAD_DONE, self.number, plain(write), False))
            return write
        try:
            values = [value for value in (status, headers, exc_info) if value is not _ABSENT]
            if exc_info is None:  # rule 2: some drivers take two arguments only
                values.remove(None)
            return self._odd_start([*values, *more], keywords)
        finally:
            exc_info, values = None, []  # rules 9, 39
            self.heading += perf_counter() - began

    def _kept(self, status: Any, headers: Any) -> tuple[Any, Any]:
        """Return status and headers as plain data, and remember those that are."""
        kept = kept_head(status, headers)
        if kept[1] is headers:
            self.trace.sound = headers
        return kept

    def _odd_start(self, values: list[Any], keywords: dict[str, Any]) -> Any:
        """Pass on a head that has an exc_info, or that is not given as it should be."""
        tape, number = self.tape, self.number
        status, headers, rest = head_of(values, keywords)
        tape.append((HEAD, number, *kept_head(status, headers), rest, perf_counter()))
        came = raised = False
        write: Any = None
        try:
            self._write = write = self._outward(self.start_response, *values, **keywords)
            came = True
        except BaseException as error:
            raised = len(values) > 2 and type(values[2]) is tuple and error in values[2][1:2]
            raise
        finally:
            usable = not came or callable(write)
            tape.append((HEAD_DONE, number, True if usable else plain(write), raised))
            values, keywords = [], {}  # rules 9, 39
        return self if callable(write) else write

    def _outward(self, function: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
        """Call what lies outside: its code, not the inner one's, runs then."""
        former = current.get()
        current.set(self.parent)
        try:
            return function(*args, **keywords)
        finally:
            current.set(former)
            args, keywords = (), {}

    def __call__(self, data: Any, /) -> Any:
        """Stand in for the outer `write()`."""
        began = perf_counter()
        self.writes += 1
        size = size_of(data)
        odd = None if type(data) is bytes else (plain(data),)
        self.tape.append((WRITE, self.number, size, odd))
        if size:
            self.mark_first()
        try:
            result = self._outward(self._write, data)
        finally:
            self.writing += perf_counter() - began
        self.tape.append((WRITTEN, self.number))
        self.written += size
        return result

    def mark_first(self) -> None:
        """Note when the first byte left."""
        if self.parent is None and self.trace.first is None:
            self.trace.first = perf_counter()

    # The request

    def look(self, environ: Any) -> bool:
        """Note an environ that is not as the layer outside got it; tell whether it is of use."""
        kind = None
        if type(environ) is dict:
            self.snapshot = environ.copy()
        else:
            self.snapshot, kind = items_of(environ), thing(environ)
        parent = self.parent
        above = edits = None
        if parent is not None:
            above = parent.number
            edits = changes(parent.snapshot, self.snapshot)
        self.tape.append((CAME, self.number, above, edits, kind))
        if kind is None or hasattr(environ, "get"):
            return True
        self.over = True
        self.came = perf_counter()
        return False

    # The body

    def carry(self, body: Any, file_wrapper: Any) -> Any:
        """Return what goes out for the body that the inner app returned."""
        kind = type(body)
        self.out = True
        try:
            if kind is list:
                return self._spy_list(SpiedBlocks(body), sizes_of(body))
            if kind is SpiedBlocks:
                # As flows do, it joins the list that a spy further in has made.
                self._inside = body._flow
                sizes = body.spy.sizes
                if self._inside is None:
                    self.tape.append((HANDED_ON_CLOSED, self.number))
                elif sizes[0] == len(body) and self.parent is not None:
                    self.sizes = sizes
                    body._flow = body.spy = self
                    body._iterator = None
                    self.tape.append((RETURNED, self.number, sizes, True, None))
                    return body
                return self._spy_list(body, sizes_of(body))
            if isinstance(body, (list, tuple)) and kind.__iter__ in _LIST_ITERATORS:
                return self._carry_odd_list(body, kind)
            if body_fault(body):
                self.over = True
                self.tape.append((RETURNED, self.number, (plain(body),), False, None))
                if self.parent is None:
                    self.trace.end()
                return body
            if isinstance(body, SpiedStream) and body._spy.shut:
                self.tape.append((HANDED_ON_CLOSED, self.number))
            is_file = is_file_wrapper(body, file_wrapper)
            if not is_file and hasattr(kind, "__len__"):
                self.promised = len(cast("Sized", body))
            self.tape.append((RETURNED, self.number, None, is_file, self.promised))
            if is_file:  # rule 29: the very object, and so the end cannot be seen
                self.complete = None
                self.mark_first()
                self.close()
                return body
            self._close = getattr(body, "close", None)
            self._body = body
            return SpiedStream(self) if self.promised is None else SizedStream(self)
        except BaseException as error:  # the server never gets this body, so it closes nothing
            self._drop(body, error)
            raise

    def _carry_odd_list(self, body: Any, kind: type) -> Any:
        """Carry a tuple, a list with a `close()` of its own, or a list of another flow's."""
        if isinstance(body, Blocks):
            self._inside, body._flow = body._flow, None
        else:
            self._close = getattr(body, "close", None)
        blocks = body[:]  # no `__iter__`: a list of ours would take itself for pulled
        return self._spy_list(SpiedBlocks(blocks), sizes_of(blocks))

    def _spy_list(self, out: SpiedBlocks, sizes: Any) -> SpiedBlocks:
        self.sizes = sizes
        out._flow = out.spy = self
        out._iterator = None
        if self._inside is None:
            self.trace.lists.append(weakref.ref(out))
        if self.parent is None and self.trace.first is None and sizes[2]:
            self.trace.first = perf_counter()
        self.tape.append((RETURNED, self.number, sizes, True, None))
        return out

    def note(self, block: Any) -> None:
        """Note a block that is not like the one before: the first, an empty one, no bytes."""
        odd = None
        if type(block) is bytes:
            size = len(block)
        else:
            size, odd = size_of(block), (plain(block),)
        self.blocks += 1
        if not size:
            self.empties += 1
        elif not self.sent:
            self.mark_first()
        self.last_empty = not size
        if (odd is not None or not self.sent) and len(self.tape) < MOST_EVENTS:
            self.tape.append((BLOCK, self.number, size, odd))
        self.sent += size
        self.look_outside()

    def look_outside(self) -> None:
        """See whether the layer outside holds blocks back."""
        parent = self.parent
        if parent is not None and self.blocks - self.empties > parent.blocks + 2:
            self.held = self.held or (18 if parent.out else 17)

    def tallies(self) -> tuple[Any, Any]:
        """Return the counts of a stream, and of the one that it comes from."""
        child = self.child
        return self.tally(), None if child is None else (child.number, child.tally())

    def tally(self) -> tuple[int, int, int, int, bool] | None:
        """Return the counts of a stream."""
        if self.sizes is not None or not self.out:
            return None
        return self.blocks, self.empties, self.sent, self.held, self.last_empty

    def _broke(self, error: BaseException) -> Any:
        self.error = error
        self.failed_type = type(error).__name__
        self.tape.append((FAILED, self.number, self.failed_type))

    def close(self) -> None:
        # `Flow.close`, written out for the price, and with a clock.
        if self._body is _CLOSED:
            return
        inside, close = self._inside, self._close
        self._body = _CLOSED
        self._close = self._inside = None
        began = perf_counter()
        try:
            if inside is not None:
                inside.close()
            elif close is not None:
                self._close_inner(close)
        except BaseException as error:
            if self.error is None:
                self.error = error
            raise
        finally:
            now = perf_counter()
            self.over = self.shut = True
            name = ""
            if self.error is not None:
                name = type(self.error).__name__
                self.failed_type = self.failed_type or name
                self.error = None  # rules 9, 39
            sizes = self.sizes
            self.tape.append(
                (
                    ENDED,
                    self.number,
                    self.complete,
                    name,
                    self.bytes,
                    self.iterated,
                    self.tallies() if sizes is None else None,
                    self.facts(now, now - began),
                )
            )
            if self.parent is None:
                self.trace.end()

    def facts(self, closed: float | None = None, closing: float = 0.0) -> tuple[Any, ...]:
        """Return what was counted, in the order of `telling.Facts`."""
        sizes = self.sizes
        return (
            self.came,
            self.called,
            self.pulled,
            closing,
            self.heading,
            self.writing,
            closed,
            self.complete if self.over else False,
            self.blocks if sizes is None else sizes[0],
            self.sent if sizes is None else self.bytes,
            self.writes,
            self.written,
            self.failed_type,
            self.out,
        )

    def _close_inner(self, close: Callable[[], object]) -> None:
        former = current.get()
        current.set(self)
        try:
            close()
        finally:
            current.set(former)

    def _close_list(self, pulled: int, complete: bool) -> None:
        self.bytes += pulled
        self.complete = complete
        self.close()


_LIST_ITERATORS = (list.__iter__, tuple.__iter__, Blocks.__iter__)


class SpiedStream:
    """The body that goes out for a stream: it hears of what is done to it after its end, too."""

    __slots__ = ("__weakref__", "_spy")

    def __init__(self, spy: Spy) -> None:
        self._spy = spy

    def __iter__(self) -> Iterator[bytes]:
        # A loop of its own, like those of `exchange`: two generators for each block are dear.
        spy = self._spy
        if spy.over:
            spy.tape.append((PULLED_LATE, spy.number))
        put, clock, parent = current.set, perf_counter, spy.parent
        iterator: Any = None
        began = 0.0
        try:
            # Inner code may call its app as late as this, so it is told who is running.
            while not spy.sent or spy.trace.watched:
                former = current.get()
                put(spy)
                began = clock()
                try:
                    if iterator is None:
                        iterator = iter(spy._body)
                    block = next(iterator, _END)
                finally:
                    spy.pulled += clock() - began
                    began = 0.0
                    put(former)
                if block is _END:
                    break
                spy.note(block)
                yield block
                if spy.over:
                    spy.tape.append((PULLED_LATE, spy.number))
                    return
            else:
                began = clock()
                for block in iterator:
                    spy.pulled += clock() - began
                    began = 0.0
                    size = len(block) if type(block) is bytes else 0
                    if size:
                        spy.blocks += 1
                        spy.sent += size
                        if parent is not None and spy.blocks - spy.empties > parent.blocks + 2:
                            spy.look_outside()
                        spy.last_empty = False
                    else:
                        spy.note(block)
                    yield block
                    if spy.over:
                        spy.tape.append((PULLED_LATE, spy.number))
                        return
                    began = clock()
                spy.pulled += clock() - began
            if spy._body is not _CLOSED:
                spy.tape.append((FINISHED, spy.number, spy.tallies()))
                spy.complete = True
        except GeneratorExit:
            raise
        except BaseException as error:
            if began:
                spy.pulled += clock() - began
            spy._broke(error)
            raise

    def close(self) -> None:
        spy = self._spy
        if spy.shut:
            spy.tape.append((CLOSED_AGAIN, spy.number))
        spy.shut = True
        spy.bytes = spy.sent
        spy.close()

    def __del__(self) -> None:
        spy = self._spy
        if not spy.over:
            spy._body = _CLOSED  # rule 39: it may hold our start_response
            if spy.parent is None:
                spy.trace.end()


class SizedStream(SpiedStream):
    """The same for a body that has a `len()`, which servers ask for."""

    __slots__ = ()

    def __len__(self) -> int:
        return self._spy.promised or 0


class SpiedBlocks(WatchedBlocks):
    """The body that goes out for a list or tuple."""

    __slots__ = ("__weakref__", "spy")

    spy: Spy  # of the outermost boundary that it has passed

    def close(self) -> None:
        flow = self._flow
        if flow is None:
            self.spy.tape.append((CLOSED_AGAIN, self.spy.number))
            return
        if self._iterator is not None and self._iterator.__length_hint__():
            self._stopped(flow)
        super().close()

    def _stopped(self, flow: Any) -> None:
        """Tell all spies that somebody began to pull it, and did not go on to the end."""
        while flow is not None:
            if isinstance(flow, Spy):
                flow.iterated = True
            flow = flow._inside

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
            spy.trace.end()


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
        spy.child = spy.sizes = None
        spy.out = spy.over = spy.shut = False
        spy.heading = spy.called = 0.0
        spy.outer = outer
        spy.inner = inner
        spy.parent = parent
        spy.trace = trace
        spy.tape = tape = trace.tape
        spies = trace.spies
        spy.number = number = len(spies)
        spies.append(spy)
        if parent is not None:
            parent.child = spy
            try:
                same = type(environ) is dict and environ == parent.snapshot
            except Exception:  # a value of somebody's fails to compare itself
                same = False
            if same:
                spy.snapshot = parent.snapshot
                tape.append((CAME, number, parent.number, None, None))
            elif not spy.look(environ):
                return app(environ, start_response)
        elif not spy.look(environ):
            return app(environ, start_response)
        file_wrapper = environ.get("wsgi.file_wrapper")  # rule 3: before the call
        current.set(spy)
        spy.came = began = perf_counter()
        try:
            body = app(environ, spy.start)
        except BaseException as error:
            spy.called = perf_counter() - began
            current.set(former)
            spy._broke(error)
            spy.close()
            raise
        spy.called = perf_counter() - began
        current.set(former)
        return spy.carry(body, file_wrapper)

    return own_code(spied), own_code(cross)


def items_of(environ: Any) -> dict[Any, Any]:
    """Return what is in an environ that is no exact dict, as far as it can be had."""
    try:
        return {**environ}
    except Exception:
        return {}
