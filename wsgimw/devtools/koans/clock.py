"""A clock that goes only when a scene says so.

>>> import time
>>> clock = Clock()
>>> with clock.put_up():
...     started = time.perf_counter()
...     clock.tick(2)
...     print(time.perf_counter() - started)
2.0
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = ("perf_counter", "monotonic", "time", "process_time")


class Clock:
    """Stands in for the clocks of `time`, so that a scene needs no waiting and no luck."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def tick(self, seconds: float) -> None:
        """Let some seconds go by."""
        self.seconds += seconds

    @contextmanager
    def put_up(self) -> Iterator[None]:
        """Replace the clocks of `time`, those in nanoseconds too, for a while."""
        nanoseconds = [f"{name}_ns" for name in NAMES]
        real = {name: getattr(time, name) for name in (*NAMES, *nanoseconds)}
        stand_ins = dict.fromkeys(NAMES, lambda: self.seconds)
        stand_ins |= dict.fromkeys(nanoseconds, lambda: round(self.seconds * 1e9))
        try:
            for name, clock in stand_ins.items():
                setattr(time, name, clock)
            yield
        finally:
            for name, clock in real.items():
                setattr(time, name, clock)
