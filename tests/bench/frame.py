"""Time cases beside each other, interleaved, so that their ratios mean something.

A bench module `bench_<name>.py` defines `benches()`, which yields one or more of these:

    Bench(
        "six deep",
        cases=[Case("bare", partial(drive, app, environ)), Case("ours", ...), Case("peer", ...)],
        ratios=[Ratio("ours / peer, added", of="ours", over="peer", minus="bare", target=0.4)],
    )

Each round times every case once, in a new order, with the garbage collector off; a slow moment of
the machine so falls on all cases. Peers are imported inside `benches()`, where they are installed.
"""

import gc
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

BATCH = 0.01
"""The least time of one batch of calls, in seconds: far above the resolution of the clock."""


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to time: `call` is called in a loop whose length is found by itself."""

    name: str
    call: Callable[[], Any]
    reports_seconds: bool = False
    """True: one call is one batch, and it returns the seconds that count (a subprocess)."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """One quotient of two cases, perhaps with a third one taken off both (the cost it adds)."""

    label: str
    of: str
    over: str
    target: float | None = None
    """The greatest value that is `ok`; None: no target."""
    minus: str | None = None


@dataclass(frozen=True, slots=True)
class Bench:
    """One table: cases that are timed together, and the ratios to take of them."""

    title: str
    cases: Sequence[Case]
    ratios: Sequence[Ratio]

    def __post_init__(self) -> None:
        """Refuse names that are double, and ratios of cases that are not there."""
        names = [case.name for case in self.cases]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.title}: each case needs a name of its own: {names}")
        for ratio in self.ratios:
            for name in (ratio.of, ratio.over, ratio.minus):
                if name is not None and name not in names:
                    raise ValueError(f"{self.title}: no case is named {name!r}: {names}")


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What one case took: seconds of one call, a number for each round."""

    name: str
    loops: int
    seconds: Sequence[float]

    @property
    def best(self) -> float:
        """The least disturbed round."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """The usual round."""
        return median(self.seconds)


@dataclass(frozen=True, slots=True)
class RatioResult:
    """One ratio, taken in two ways; NaN where what it is taken over is not positive."""

    label: str
    median: float
    """The median of the ratios of the rounds."""
    bests: float
    """The ratio of the best rounds: this one is held against the target."""
    target: float | None

    @property
    def verdict(self) -> str:
        """`ok`, `MISS`, or nothing without a target."""
        if self.target is None:
            return ""
        return "ok" if self.bests <= self.target else "MISS"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one bench."""

    title: str
    rounds: int
    cases: Sequence[CaseResult]
    ratios: Sequence[RatioResult]


def run(
    bench: Bench,
    *,
    rounds: int = 15,
    clock: Callable[[], float] = perf_counter,
    shuffle: Callable[[list[Case]], None] | None = None,
) -> Result:
    """Time the cases of one bench, `rounds` times each, interleaved."""
    shuffle = shuffle or Random(bench.title).shuffle
    loops = {case.name: calibrate(case, clock) for case in bench.cases}
    seconds: dict[str, list[float]] = {case.name: [] for case in bench.cases}
    for _ in range(rounds):
        order = list(bench.cases)
        shuffle(order)
        for case in order:
            took = time_batch(case, loops[case.name], clock)
            seconds[case.name].append(took / loops[case.name])
    return Result(
        bench.title,
        rounds,
        [CaseResult(case.name, loops[case.name], seconds[case.name]) for case in bench.cases],
        [take(ratio, seconds) for ratio in bench.ratios],
    )


def calibrate(case: Case, clock: Callable[[], float]) -> int:
    """Find how many calls fill a batch; this warms the case up, too."""
    loops = 1
    while True:
        took = time_batch(case, loops, clock)
        if case.reports_seconds or took >= BATCH:
            return loops
        # Tenfold at the most: the first calls are cold, and a guess from them is far off.
        guess = math.ceil(1.1 * loops * BATCH / took) if took > 0 else 10 * loops
        loops = max(loops + 1, min(guess, 10 * loops))


def time_batch(case: Case, loops: int, clock: Callable[[], float]) -> float:
    """Return the seconds of `loops` calls, the garbage collector off meanwhile."""
    call = case.call
    gc.collect()
    collecting = gc.isenabled()
    gc.disable()
    try:
        if case.reports_seconds:
            return float(call())
        started = clock()
        for _ in repeat(None, loops):
            call()
        return clock() - started
    finally:
        if collecting:
            gc.enable()


def take(ratio: Ratio, seconds: Mapping[str, Sequence[float]]) -> RatioResult:
    """Take one ratio, round by round and of the bests."""
    of, over = seconds[ratio.of], seconds[ratio.over]
    minus = seconds[ratio.minus] if ratio.minus is not None else [0.0] * len(of)
    each = [quotient(*numbers) for numbers in zip(of, over, minus, strict=True)]
    # A median over NaN would depend on their places.
    whole = [number for number in each if not math.isnan(number)]
    return RatioResult(
        ratio.label,
        median(whole) if whole else math.nan,
        quotient(min(of), min(over), min(minus)),
        ratio.target,
    )


def quotient(of: float, over: float, minus: float) -> float:
    """Divide after subtracting; NaN if there is nothing to divide by."""
    return (of - minus) / (over - minus) if over > minus else math.nan
