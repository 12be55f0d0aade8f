"""What is noted of one request while it is on its way: the tape, and the spies that write on it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from wsgimw.testing.crossing import Room

if TYPE_CHECKING:
    from wsgimw.devtools.xray.bodies import SpiedBlocks
    from wsgimw.devtools.xray.spy import Spy

MOST_EVENTS = 500
"""Of one request. Blocks are counted; what an app writes beyond it is no longer judged."""
MOST_CROSSINGS = 1000
"""Of one request: a layer that calls its app over and over is no longer looked at."""

# What is noted: (what, which spy, ...).
CAME, HEAD, HEAD_DONE, WRITE, WRITTEN, RETURNED, BLOCK, FINISHED, FAILED, ENDED = range(10)
HANDED_ON_CLOSED, PULLED_LATE, CLOSED_AGAIN, CUT = range(10, 14)

current: ContextVar[Any] = ContextVar("wsgimw.devtools.xray", default=None)


class Trace:
    """One request while it is on its way: its spies, and the tape of what they saw."""

    __slots__ = (
        "cut",
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
