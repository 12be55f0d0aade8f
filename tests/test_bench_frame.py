"""The bench frame, on a clock that only the cases move."""

import gc
import math
from collections.abc import Callable

import pytest

from tests.bench.frame import BATCH, Bench, Case, Ratio, calibrate, quotient, run


class Clock:
    """A clock that stands still but for what the cases take."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def case(self, name: str, *seconds: float) -> Case:
        """Return a case whose calls take `seconds` in turn, the last one from then on."""
        left = list(seconds)

        def call() -> None:
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return Case(name, call)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_case_is_called_until_a_batch_is_full(clock: Clock) -> None:
    assert calibrate(clock.case("slow", BATCH), clock) == 1
    assert calibrate(clock.case("quick", BATCH / 1000), clock) in range(1000, 1200)


def test_a_cold_first_call_does_not_fool_the_calibration(clock: Clock) -> None:
    loops = calibrate(clock.case("cold", BATCH * 0.9, BATCH / 1000), clock)
    assert loops in range(1000, 1200)


def test_a_clock_that_sees_nothing_at_first_is_asked_again(clock: Clock) -> None:
    case = clock.case("too quick to see", *[0.0] * 111, BATCH)
    assert calibrate(case, clock) == 1000


def test_seconds_are_those_of_one_call(clock: Clock) -> None:
    result = run(Bench("t", [clock.case("a", 1e-6)], []), rounds=3, clock=clock)
    (case,) = result.cases
    assert case.best == pytest.approx(1e-6)
    assert case.median == pytest.approx(1e-6)
    assert len(case.seconds) == 3


def test_rounds_are_interleaved_and_shuffled(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc, "collect", int)  # beside thousands of tests it is no small thing
    order: list[str] = []

    def case(name: str) -> Case:
        def call() -> float:
            order.append(name)
            return 1.0

        return Case(name, call, reports_seconds=True)

    def reverse(cases: list[Case]) -> None:
        cases.reverse()

    run(Bench("t", [case("a"), case("b"), case("c")], []), rounds=2, clock=clock, shuffle=reverse)
    assert "".join(order) == "abc" + "cba" + "cba", "calibration, then the rounds"
    order.clear()
    run(Bench("t", [case("a"), case("b"), case("c")], []), rounds=40)
    assert {"".join(order[at : at + 3]) for at in range(3, 120, 3)} > {"abc", "cba"}


def test_the_collector_is_off_while_timing_only(clock: Clock) -> None:
    seen: list[bool] = []

    def call() -> None:
        seen.append(gc.isenabled())
        clock.now += 1

    run(Bench("t", [Case("a", call)], []), rounds=2, clock=clock)
    assert seen == [False] * 3
    assert gc.isenabled()


def test_the_collector_is_on_again_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError):
        run(Bench("t", [Case("a", lambda: 1 / 0)], []))
    assert gc.isenabled()


def test_a_case_may_report_its_own_seconds(clock: Clock) -> None:
    numbers = iter([9.0, 3.0, 1.0, 2.0])
    case = Case("child", lambda: next(numbers), reports_seconds=True)
    (result,) = run(Bench("t", [case], []), rounds=3, clock=clock).cases
    assert (result.loops, result.best, result.median) == (1, 1.0, 2.0)


def reporting(name: str, *seconds: float) -> Case:
    """Return a case that reports `seconds` in turn, one for each round."""
    numbers = iter([0.0, *seconds])
    return Case(name, lambda: next(numbers), reports_seconds=True)


def test_a_ratio_is_taken_by_round_and_of_the_bests() -> None:
    cases = [reporting("a", 2.0, 9.0, 8.0), reporting("b", 1.0, 3.0, 8.0)]
    (ratio,) = run(Bench("t", cases, [Ratio("a / b", of="a", over="b")]), rounds=3).ratios
    assert ratio.median == 2.0
    assert ratio.bests == 2.0
    assert ratio.verdict == ""


def test_a_ratio_of_added_costs() -> None:
    cases = [reporting("a", 3.0), reporting("b", 5.0), reporting("bare", 1.0)]
    ratio = Ratio("added", of="a", over="b", minus="bare", target=0.5)
    (result,) = run(Bench("t", cases, [ratio]), rounds=1).ratios
    assert result.bests == result.median == 0.5
    assert result.verdict == "ok"


def test_a_round_without_a_ratio_is_left_out_of_the_median() -> None:
    cases = [reporting("a", 3.0, 2.0), reporting("b", 1.0, 3.0), reporting("bare", 1.0, 1.0)]
    ratio = Ratio("added", of="a", over="b", minus="bare", target=1)
    (result,) = run(Bench("t", cases, [ratio]), rounds=2).ratios
    assert result.median == 0.5
    assert math.isnan(result.bests)
    assert result.verdict == "MISS", "what could not be measured did not reach its target"


@pytest.mark.parametrize(
    ("target", "verdict"),
    [
        pytest.param(2.0, "ok", id="just reached"),
        pytest.param(1.99, "MISS", id="missed"),
        pytest.param(None, "", id="no target"),
    ],
)
def test_verdict(target: float | None, verdict: str) -> None:
    cases = [reporting("a", 2.0), reporting("b", 1.0)]
    bench = Bench("t", cases, [Ratio("a / b", of="a", over="b", target=target)])
    assert run(bench, rounds=1).ratios[0].verdict == verdict


def test_quotient_without_a_divisor() -> None:
    assert math.isnan(quotient(1.0, 0.0, 0.0))


def nothing() -> None:
    """Take no time."""


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(
            lambda: Bench("t", [Case("a", nothing)], [Ratio("r", of="a", over="b")]),
            "no case is named 'b'",
            id="a ratio of nothing",
        ),
        pytest.param(
            lambda: Bench("t", [Case("a", nothing), Case("a", nothing)], []),
            "a name of its own",
            id="two of a name",
        ),
    ],
)
def test_misuse(make: Callable[[], Bench], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
