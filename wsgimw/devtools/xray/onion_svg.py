"""Draw a stack as an onion: the app in the middle, a ring for each layer, the outermost outside.

>>> svg = onion(["RequestId()", "Compress()", "<Flask 'shop'>"])
>>> svg.count("<circle"), ">Compress<" in svg
(7, True)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from wsgimw.devtools.xray.drawing import Pen, fitted
from wsgimw.devtools.xray.reading import call, items, mapping, number, plural, short, shown

RADIUS = 78.0
CORE = 19.0
LABELS = 122.0
"""Room for the names, in pixels."""
PITCH = 16.0
"""From name to name, at the least."""
RISE = 0.88
"""How high on its ring a name points, if there is room: the sine of the angle."""

Layers = Sequence[str | Mapping[str, Any]]


def onion(layers: Layers, *, dark: bool = False) -> str:
    """Return an SVG of a stack.

    `layers`: outermost first, the app last; each a text, or a dict of `explain` with `layer`,
    `depth` and `findings`. What lies on a branch (of `when`, of a router) is left out: it is not
    round the app. `dark`: in the colours of a dark page.
    """
    named = [_named(layer) for layer in layers]
    least = min([depth for _, depth, _ in named], default=0)
    rings = [(text, worst) for text, depth, worst in named if depth == least]
    pen = Pen(dark=dark)
    middle = RADIUS + 4.0
    bottom = max([2 * RADIUS + 8, *(y + 12 for y in _heights(len(rings), middle))])
    return pen.picture(
        2 * RADIUS + 22 + LABELS,
        bottom,
        _says([text for text, _ in rings]),
        _circles(pen, rings, middle) + _names(pen, rings, middle),
        "onion",
    )


def _named(layer: str | Mapping[str, Any]) -> tuple[str, float, str]:
    if isinstance(layer, str):
        return shown(layer, 300), 0, ""
    severities = {str(mapping(each).get("severity")) for each in items(layer.get("findings"))}
    worst = next((each for each in ("error", "warning") if each in severities), "")
    return call(layer), number(layer.get("depth")), worst


def _says(names: list[str]) -> str:
    if not names:
        return "An empty stack"
    inside = ", then ".join(names[:-1])
    return f"The stack as an onion of {plural(len(names) - 1, 'layer')}" + (
        f": outermost {inside}; in the middle {names[-1]}" if inside else f" round {names[-1]}"
    )


def _radius(index: int, count: int) -> float:
    """Return the outer radius of a ring; the last is the core."""
    if count == 1:
        return CORE * 1.6
    return RADIUS - (RADIUS - CORE) * index / (count - 1)


def _heights(count: int, middle: float) -> list[float]:
    """Return where the names stand, each beside its ring or as near below as there is room."""
    heights: list[float] = []
    for index in range(count):
        wanted = middle - _middle_of(index, count) * RISE
        heights.append(max(wanted, heights[-1] + PITCH) if heights else wanted)
    return heights


def _middle_of(index: int, count: int) -> float:
    """Return the radius of the middle of a ring; that of the core is 0."""
    if index == count - 1:
        return 0.0
    return (_radius(index, count) + _radius(index + 1, count)) / 2


def _circles(pen: Pen, rings: list[tuple[str, str]], middle: float) -> str:
    shapes = []
    for index, (_, worst) in enumerate(rings):
        radius = _radius(index, len(rings))
        place = {"cx": middle, "cy": middle, "r": radius}
        if index == len(rings) - 1:
            shapes.append(pen("circle", "card", **place) + pen("circle", "core", **place))
        else:
            # One over the other: the further in, the deeper.
            shapes.append(
                pen("circle", "ring", **place, fill_opacity=f"{min(0.13, 0.8 / len(rings)):.3f}")
            )
        if worst:
            line = "badline" if worst == "error" else "warnline"
            shapes.append(pen("circle", line, **place, fill="none", stroke_width=2.0))
    return "\n".join(shapes) + "\n"


def _names(pen: Pen, rings: list[tuple[str, str]], middle: float) -> str:
    shapes = []
    count = len(rings)
    label = 2 * RADIUS + 24
    for index, ((text, worst), y) in enumerate(zip(rings, _heights(count, middle), strict=True)):
        radius = _middle_of(index, count)
        rise = max(-radius * RISE, min(radius * 0.3, y - middle))
        dot_x, dot_y = middle + math.sqrt(max(0.0, radius**2 - rise**2)), middle + rise
        line = f"M{dot_x:.1f} {dot_y:.1f}L{label - 16:.1f} {y:.1f}H{label - 6:.1f}"
        shapes.append(
            pen("path", "leader", d=line, fill="none", stroke_width=1.0, stroke_opacity="0.5")
            + pen("circle", "coreself" if index == count - 1 else "self", cx=dot_x, cy=dot_y, r=2.6)
        )
        colour = {"error": "bad", "warning": "warn"}.get(worst, "ink")
        mark = {"error": " ✕", "warning": " !"}.get(worst, "")
        name = fitted(short(text) + mark, LABELS - 6, 7.2)
        weight = "600" if index == count - 1 else "400"
        shapes.append(pen("text", colour, name, x=label, y=y + 4, font_size=13, font_weight=weight))
    return "\n".join(shapes) + "\n"
