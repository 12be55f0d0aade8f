"""Where the lanes of a waterfall lie: time to the right, the stack downwards.

The request enters a lane on its left, goes down to the app, and comes up on the right of each lane.
A lane is as wide as its time and a step wider than the lane inside it, so that the way down and up
is seen even where it took no time.

>>> request = {"layers": [{"ms": {"in": 1, "self": 2, "total": 4}}, {"ms": {"total": 2}}]}
>>> for lane in lanes(request, left=0, right=100, step=10):
...     print(lane.start, lane.end, lane.own_before, lane.own_after)
0.0 100.0 20.0 20.0
30.0 70.0 40.0 0.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wsgimw.devtools.xray.reading import items, layers, mapping, number, two

MOST_LANES = 60
"""Of a picture; the page lists them all."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One layer in the picture, in pixels from the left, and how many bytes come up out of it."""

    index: int
    layer: Mapping[str, Any]
    start: float
    end: float
    own_before: float
    """Its own time on the way in, as a width."""
    own_after: float
    """Its own time afterwards: head, stream and close."""
    size: float
    """Bytes out."""
    innermost: bool

    @property
    def faulty(self) -> bool:
        """Whether it broke a rule or raised."""
        raised = str(self.layer.get("error") or "").startswith("raised")
        return raised or bool(items(self.layer.get("faults")))

    @property
    def failed(self) -> bool:
        """Whether an exception came out of it, and no head."""
        return bool(self.layer.get("error")) and not two(self.layer.get("status"))[1]


def lanes(
    request: Mapping[str, Any], *, left: float, right: float, step: float, least: float = 0.0
) -> tuple[Lane, ...]:
    """Return the lanes of a request, outermost first.

    From `left` to `right`; `step`: how much wider each lane is than its time says, on each side;
    `least`: the width of an app that took no time.
    """
    found = layers(request)[:MOST_LANES]
    count = len(found)
    room = right - left - least
    step = min(step, room * 0.6 / max(1, 2 * count))
    spans = _spans(found)
    whole = max((end for _, end in spans), default=0.0)
    scale = (room - 2 * step * max(0, count - 1)) / whole if whole else 0.0
    made = []
    for index, (layer, (start, end)) in enumerate(zip(found, spans, strict=True)):
        ms = mapping(layer.get("ms"))
        x_start = left + step * index + scale * start
        x_end = right - step * index - scale * (whole - end)
        innermost = index == count - 1
        before = (
            (x_end - x_start) if innermost else min(scale * number(ms.get("in")), x_end - x_start)
        )
        own = max(0.0, number(ms.get("self")) - number(ms.get("in")))
        after = 0.0 if innermost else min(scale * own, x_end - x_start - before)
        size = number(two(layer.get("bytes"))[1])
        made.append(Lane(index, layer, x_start, x_end, before, after, size, innermost))
    return tuple(made)


def _spans(found: list[Mapping[str, Any]]) -> list[tuple[float, float]]:
    """Return when each layer began and was done; none lies outside the one round it."""
    spans: list[tuple[float, float]] = []
    start, end = 0.0, 0.0
    for index, layer in enumerate(found):
        ms = mapping(layer.get("ms"))
        done = start + number(ms.get("total"))
        end = min(done, end) if index else done
        start = min(start, end)
        spans.append((start, end))
        start = min(start + number(ms.get("in")), end)
    return spans
