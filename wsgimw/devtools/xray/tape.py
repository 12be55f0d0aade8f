"""What is noted of one request while it is on its way: the tape, and the spies that write on it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from wsgimw.testing.crossing import SERVER, Room
from wsgimw.testing.streams import Place

if TYPE_CHECKING:
    from wsgimw.devtools.xray.bodies import SpiedBlocks
    from wsgimw.devtools.xray.spy import Spy

MOST_EVENTS = 500
"""Of one request. Blocks are counted; what an app writes beyond it is no longer judged."""
MOST_CROSSINGS = 1000
"""Of one request: a layer that calls its app over and over is no longer looked at."""

# What is noted: (what, which spy, ...); of ENDED which spies, with `came`, `called` and `heading`.
CAME, HEAD, HEAD_DONE, WRITE, WRITTEN, RETURNED, BLOCK, FINISHED, FAILED, ENDED = range(10)
HANDED_ON_CLOSED, PULLED_LATE, CLOSED_AGAIN, CUT = range(10, 14)

current: ContextVar[Any] = ContextVar("wsgimw.devtools.xray", default=None)

Streams = dict[tuple[Room, int, Hashable], str]
"""The faults of wsgi.input and wsgi.errors: whose, which rule, what kind; and the sentence."""


class Trace:
    """One request while it is on its way: its spies, and the tape of what they saw.

    It is the `Watch` of the request's streams, too (`wsgimw.testing.streams`): it hears of their
    faults, and lays them on who is running.
    """

    __slots__ = (
        "cut",
        "environs",
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
        self.cut = False  # not all was noted
        self.sound: Any = None  # headers that are plain data
        self.watched = False  # there is a request body
        self.spies: list[Spy] = []
        self.environs: list[Any] = []  # the server's, and those that layers made
        self.lists: list[weakref.ref[SpiedBlocks]] = []
        self.tape: list[tuple[Any, ...]] = []
        self.streams: Streams = {}

    def reader(self) -> Room | None:
        """Return who is running, or None."""
        spy = current.get()
        return spy.inner if spy is not None and spy.trace is self else None

    def tell(self, rule: int, key: Hashable, sentence: str, who: Place | None = None) -> None:
        """Note a fault of `who`, or of who is running, once."""
        room: Any = who or self.reader()
        if room is not None and room is not SERVER and not self.over:
            self.streams.setdefault((room, rule, key), sentence)

    def call(self, method: Callable[..., Any], *args: Any) -> Any:
        """Call a method of the server's stream: no layer runs then."""
        former = current.get()
        current.set(None)
        try:
            return method(*args)
        finally:
            current.set(former)

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
        finally:  # rule 39
            self.spies, self.environs = [], []
