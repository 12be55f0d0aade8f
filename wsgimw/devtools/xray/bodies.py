"""The bodies that go out of a boundary: they hear of what is done to them after their end, too."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any

from wsgimw.devtools.xray.tape import CLOSED_AGAIN, FINISHED, PULLED_LATE, current
from wsgimw.exchange import _CLOSED, WatchedBlocks

if TYPE_CHECKING:
    from wsgimw.devtools.xray.spy import Spy

_END: Any = object()


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
            if hasattr(flow, "iterated"):
                flow.iterated = True
            flow = flow._inside

    def look(self) -> None:
        """Tell, at the end, of a list that was pulled when nobody heard of it.

        It had been closed, or it never is: who began to pull it keeps it, or a circle of its own.
        """
        if self._flow is not None:
            self._count()
        elif self._iterator is not None:
            self._iterator = None
            self.spy.tape.append((PULLED_LATE, self.spy.number))

    def _count(self) -> None:
        """Tell all spies what was pulled so far; a layer that sees the end counts for itself."""
        pulled, _ = self._delivered(self._iterator)
        flow: Any = self._flow
        while flow is not None:
            if hasattr(flow, "iterated"):
                flow.bytes += pulled
            flow = flow._inside

    def __del__(self) -> None:
        spy = self.spy
        if self._flow is None:
            if self._iterator is not None:
                self.look()
            return
        super().__del__()  # which counts, as nobody closes it any more
        self._iterator = None
        if spy.parent is None:
            spy.trace.end()
