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
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from wsgimw.devtools.xray.bodies import SizedStream, SpiedBlocks, SpiedStream
from wsgimw.devtools.xray.tape import (
    BLOCK,
    CAME,
    CUT,
    ENDED,
    FAILED,
    HANDED_ON_CLOSED,
    HEAD,
    HEAD_DONE,
    MOST_EVENTS,
    RETURNED,
    WRITE,
    WRITTEN,
    Trace,
    current,
)
from wsgimw.devtools.xray.things import (
    changes,
    head_of,
    items_of,
    kept_head,
    plain,
    sizes_of,
    thing,
)
from wsgimw.exchange import _CLOSED, Blocks, Flow, SizedBlocks, is_file_wrapper
from wsgimw.testing.crossing import Room
from wsgimw.testing.faults import body_fault, size_of

if TYPE_CHECKING:
    from collections.abc import Sized

_ABSENT: Any = object()
_LIST_ITERATORS = (list.__iter__, tuple.__iter__, Blocks.__iter__)


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
        "over",
        "parent",
        "shut",
        "sizes",
        "snapshot",
        "tape",
        "trace",
        "writes",
    )

    changes = False

    inner: Room
    parent: Spy | None
    trace: Trace
    tape: list[tuple[Any, ...]]
    snapshot: dict[str, Any]
    number: int
    child: int | None  # the number of the last one; not itself, for rule 39
    sizes: Any  # of a list
    out: bool  # the call has returned
    over: bool  # it is closed
    shut: bool  # it is being closed
    writes: int
    came: float
    called: float
    heading: float

    pulled = writing = 0.0
    blocks = empties = sent = written = held = 0
    promised: int | None = None
    iterated = last_empty = False

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
            given: Any = tuple(headers)
            if given != trace.sound or type(status) is not str:
                status, given = self._kept(status, given)
            self.tape.append((HEAD, self.number, status, given, None, began))
            if trace.watched:
                write = self._outward(self.start_response, sent, headers)
            else:
                write = self.start_response(sent, headers)
            self._write = write
            self.heading += perf_counter() - began
            if type(write) is Spy or callable(write):  # nearly always it is the next one
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
        noted = len(self.tape) < MOST_EVENTS
        if noted:
            self.tape.append((WRITE, self.number, size, odd))
        elif not self.trace.cut:
            self.trace.cut = True
            self.tape.append((CUT, self.number))
        if size:
            self.mark_first()
        try:
            result = self._outward(self._write, data)
        finally:
            self.writing += perf_counter() - began
        if noted:
            self.tape.append((WRITTEN, self.number))
        self.written += size
        return result

    def mark_first(self) -> None:
        """Note when the first byte left."""
        if self.parent is None and self.trace.first is None:
            self.trace.first = perf_counter()

    # The request

    def look(self, environ: Any, rooms: tuple[Room, Room]) -> bool:
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
        self.tape.append((CAME, self.number, above, edits, kind, rooms))
        if kind is None or hasattr(environ, "get"):
            return True
        self.over = True
        self.came = perf_counter()
        return False

    # The body

    def carry(self, body: Any) -> Any:
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
            if kind is SizedBlocks and self.parent is not None:
                # The layer outside would know its kind, and not that of ours.
                body = body.as_list()
                kind = type(body)
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
            # Rule 3: the one that was there before the call.
            is_file = is_file_wrapper(body, self.snapshot.get("wsgi.file_wrapper"))
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
        out = SpiedBlocks(blocks)
        if self._inside is not None:  # `_spy_list` takes it for one that is known
            self.trace.lists.append(weakref.ref(out))
        return self._spy_list(out, sizes_of(blocks))

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
        """Count a block; note those up to the first that is not empty, and what is not bytes."""
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
        if self.child is None or self.trace.over:
            return self.tally(), None
        return self.tally(), (self.child, self.trace.spies[self.child].tally())

    def tally(self) -> tuple[int, int, int, int, bool] | None:
        """Return the counts of a stream."""
        if self.sizes is not None or not self.out:
            return None
        return self.blocks, self.empties, self.sent, self.held, self.last_empty

    def _broke(self, error: BaseException) -> Any:
        self.error = error
        self.tape.append((FAILED, self.number, type(error).__name__))

    def close(self) -> None:
        # `Flow.close` for all spies of one list at once: of the app's, only what lies inside of the
        # last of them runs.
        if self._body is _CLOSED:
            return
        last: Spy = self
        chain: list[Spy] = [self]
        inside = self._inside
        if inside is not None and not self.writes:
            sizes, trace = self.sizes, self.trace  # another X-ray's spies end for themselves
            while type(inside) is Spy and inside.sizes == sizes and inside.trace is trace:
                if inside.writes:
                    break
                chain.append(inside)
                last, inside = inside, inside._inside
        close = last._close
        for spy in chain:
            spy._body = _CLOSED
            spy._close = spy._inside = None
        began = perf_counter()
        if inside is None and close is None:
            self._end(chain, began, 0.0)
            return
        try:
            if inside is not None:
                inside.close()
            elif close is not None:
                last._close_inner(close)
        except BaseException as error:
            for spy in chain:
                if spy.error is None:
                    spy.error = error
            raise
        finally:
            now = perf_counter()
            self._end(chain, now, now - began)

    def _end(self, chain: list[Spy], now: float, closing: float) -> None:
        """Note the end of spies that end as this one does."""
        name = "" if self.error is None else type(self.error).__name__
        for spy in chain:
            spy.over = spy.shut = True
            spy.error = None  # rules 9, 39
        chain.reverse()  # the innermost first
        self.tape.append(
            (
                ENDED,
                [(spy.number, spy.came, spy.called, spy.heading) for spy in chain],
                self.complete,
                name,
                self.bytes,
                self.iterated,
                self.tallies() if self.sizes is None else None,
                self.shared(now, closing),
            )
        )
        if self.parent is None:
            self.trace.end()

    def facts(self) -> tuple[Any, ...]:
        """Return what was counted until now, in the order of `telling.Facts`."""
        return (self.came, self.called, self.heading, *self.shared(None, 0.0))

    def shared(self, closed: float | None, closing: float) -> tuple[Any, ...]:
        """Return those facts that spies which end together have in common."""
        sizes = self.sizes
        return (
            closing,
            closed,
            self.complete if self.over else False,
            self.out,
            self.blocks if sizes is None else sizes[0],
            self.sent if sizes is None else self.bytes,
            self.pulled,
            self.writing,
            self.writes,
            self.written,
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
