"""Draw one request as a waterfall: it dives through the stack to the app and comes back.

>>> app = {"layer": "<Flask 'shop'>", "bytes": [0, 10240], "ms": {"self": 4, "total": 4}}
>>> ms = {"in": 0.1, "self": 0.5, "total": 4.5}
>>> compress = {"layer": "Compress()", "bytes": [10240, 412], "ms": ms}
>>> svg = waterfall({"method": "GET", "path": "/", "layers": [compress, app]})
>>> [text in svg for text in ("Compress()", "0.50 ms", "10,240 B", "412 B")]
[True, True, True, True]
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

from wsgimw.devtools.xray.drawing import MONO, Pen, fitted
from wsgimw.devtools.xray.geometry import Lane, lanes
from wsgimw.devtools.xray.reading import (
    bytes_text,
    mapping,
    name,
    plural,
    short,
    shown,
    target,
    times,
)

ROW = 44.0
BAR = 11.0
TOP = 40.0
MARGIN = 18.0
SIZES = 68.0
"""Room on the right for the bytes."""
THICKEST = 17.0
LEAST = 0.12
"""The width of an app that took no time, as a part of the whole."""
LEGIBLE = 5
"""Characters of a name, if it is cut."""
THINNEST = 2.5
FULL = 4096.0
"""Bytes that are drawn thickest, or the most of the request if those are more."""
CHARACTER = 7.3
"""The width of one, at 12 pixels of a fixed font."""


def waterfall(
    request: Mapping[str, Any], *, dark: bool = False, width: float = 760, link: str = ""
) -> str:
    """Return an SVG of a request, a dict of the recording.

    `dark`: in the colours of a dark page. `width`: in pixels, at least 300.
    `link`: makes each lane a link to `link` and the number of its layer, and adds the dot that the
    page's "play" moves; without it the picture stands alone.
    """
    pen = Pen(dark=dark)
    wide = max(width, 300.0)
    step = 13.0 if wide > 500 else 8.0
    made = lanes(request, left=MARGIN, right=wide - SIZES, step=step, least=wide * LEAST)
    most = max((lane.size for lane in made), default=0.0)
    height = TOP + ROW * len(made) + 10
    shapes = [_ends(pen, request, made)]
    shapes += [_lane(pen, made, index, link, wide) for index in range(len(made))]
    crossings = "".join(_crossing(pen, made, index, most) for index in range(len(made)))
    shapes.append(f'<g pointer-events="none">{crossings}</g>\n')  # the lane beneath is the link
    if link:
        shapes.append(pen("circle", "accent", data_dot="", r=6, cx=-20, cy=0))
    drawn = pen.picture(wide, height, _says(request, made), "".join(shapes), "waterfall")
    # Links in an image are not reached; a group says what it is and lets them be.
    return drawn.replace('role="img"', 'role="group"') if link else drawn


def _says(request: Mapping[str, Any], made: tuple[Lane, ...]) -> str:
    inner = ", then ".join(f"{name(lane.layer)} {_self(lane)}" for lane in made)
    what = f"{shown(request.get('method'), 40)} {target(request)}"
    return f"Waterfall of {what} through {plural(len(made), 'lane')}: {inner}"


def _self(lane: Lane) -> str:
    return times(mapping(lane.layer.get("ms")).get("self"))


def _bar(index: int) -> float:
    """Return the top of a lane's bar."""
    return TOP + ROW * index + 23


def _thickness(size: float, most: float) -> float:
    return THINNEST + (THICKEST - THINNEST) * math.sqrt(size / max(most, FULL))


def _ends(pen: Pen, request: Mapping[str, Any], made: tuple[Lane, ...]) -> str:
    """Draw what is above the outermost lane: the request that comes, the response that goes."""
    if not made:
        return pen("text", "soft", "No layer was recorded.", x=MARGIN, y=24, font_size=13)
    first = made[0]
    room = first.end - first.start
    what = f"{shown(request.get('method'), 40)} {target(request)}"
    status = shown(request.get("status"), 80)
    spent = times(request.get("total_ms"))
    right = fitted(f"{status} · {spent}", room * 0.5, 6.6)
    left = fitted(what, room - len(right) * 6.8 - 20, 6.9)
    style: dict[str, str | float] = {"font_size": 12.5, "font_weight": "600"}
    return pen("text", "ink", left, x=first.start, y=16, **style) + pen(
        "text", "ink", right, x=first.end, y=16, text_anchor="end", **style
    )


def _crossing(pen: Pen, made: tuple[Lane, ...], index: int, most: float) -> str:
    """Draw the boundary above a lane: down on the left, up on the right, as thick as its bytes."""
    lane = made[index]
    above = _bar(index - 1) + BAR if index else 22.0
    below = _bar(index)
    x = lane.start + 3
    down = pen(
        "path", "wire", d=f"M{x:.1f} {above:.1f}V{below - 4:.1f}", fill="none", stroke_width=2
    )
    tip = f"M{x - 4.5:.1f} {below - 6:.1f}L{x:.1f} {below - 0.5:.1f}L{x + 4.5:.1f} {below - 6:.1f}Z"
    thick = _thickness(lane.size, most)
    right, left = lane.end, lane.end - thick
    kind = "bad" if lane.failed else "flow"
    if index:
        shape = f"M{left:.1f} {below:.1f}V{above:.1f}H{right:.1f}V{below:.1f}Z"
    else:  # the response leaves by an arrow
        middle, half = lane.end - thick / 2, thick / 2 + 4
        shape = (
            f"M{left:.1f} {below:.1f}V{above + 8:.1f}H{middle - half:.1f}L{middle:.1f} {above:.1f}"
            f"L{middle + half:.1f} {above + 8:.1f}H{right:.1f}V{below:.1f}Z"
        )
    up = pen("path", kind, d=shape)
    outer = made[index - 1].size if index else -1.0
    said = bytes_text(lane.size) if lane.size != outer and (index or lane.size) else ""
    if lane.failed:
        within = made[index + 1 : index + 2]
        said = "" if within and within[0].failed else "exception"
    size = ""
    if said:
        place = {"x": lane.end + 9, "y": below - 8, "font_size": 11.5}
        size = pen("text", "bad" if lane.failed else "soft", said, **place)
    return down + pen("path", "flow", d=tip) + up + size


def _lane(pen: Pen, made: tuple[Lane, ...], index: int, link: str, wide: float) -> str:
    lane = made[index]
    y = _bar(index)
    body, own = ("core", "coreself") if lane.innermost else ("bar", "self")
    size = {"y": y, "height": BAR}
    shapes = [pen("rect", body, x=lane.start, width=max(2.0, lane.end - lane.start), rx=3, **size)]
    if lane.innermost:
        shapes.append(pen("rect", own, x=lane.start, width=max(2.0, lane.own_before), rx=3, **size))
    else:
        before, after = max(2.0, lane.own_before), max(2.0, lane.own_after)
        shapes.append(pen("rect", own, x=lane.start, width=before, rx=1.5, **size))
        shapes.append(pen("rect", own, x=lane.end - after, width=after, rx=1.5, **size))
    if lane.faulty:
        frame = {"x": lane.start - 2, "y": y - 2, "rx": 5, "height": BAR + 4}
        frame["width"] = max(2.0, lane.end - lane.start) + 4
        shapes.append(pen("rect", "badline", **frame, fill="none", stroke_width=1.6))
    shapes.append(_text(pen, lane, y - 8))
    inner = "".join(shapes)
    if not link:
        return f"{inner}\n"
    places = " ".join(f"{each:.1f}" for each in (lane.start + 3, lane.end - 3, y + BAR / 2))
    label = escape(f"{name(lane.layer)}: what it did")
    # The whole row is the link's, not the strokes alone.
    row = pen("rect", "card", x=0, y=y - 26, width=wide, height=ROW, fill_opacity="0")
    return (
        f'<a class="x-lane" href="{escape(link)}{lane.index}" data-layer="{lane.index}" '
        f'data-at="{places}" aria-label="{label}">{row}{inner}</a>\n'
    )


def _text(pen: Pen, lane: Lane, y: float) -> str:
    """Name a lane: between its ways down and up if there is room, or beside it."""
    spent = _self(lane)
    mark = "! " if lane.faulty else ""
    kind = "bad" if mark else "ink"
    inside = lane.end - lane.start - 14 - THICKEST - 8
    beside = lane.start - 12
    style: dict[str, str | float] = {"y": y, "font_size": 12, "font_family": MONO}

    def within(text: str, kind: str) -> str:
        return pen("text", kind, text, x=lane.start + 13, **style)

    def before(text: str, kind: str) -> str:
        return pen("text", kind, text, x=lane.start - 8, text_anchor="end", **style)

    def both(words: str) -> str:
        right = lane.end - THICKEST - 6
        return within(words, kind) + pen("text", "soft", spent, x=right, text_anchor="end", **style)

    also = (len(spent) + 2) * CHARACTER
    called = name(lane.layer)
    for words in (mark + called, mark + short(called)):
        need = len(words) * CHARACTER
        if need + also <= inside:
            return both(words)
        if need <= inside and also <= beside:
            return within(words, kind) + before(spent, "soft")
        if need + also <= beside:
            return before(f"{words}  {spent}", kind)
        if need <= beside and also <= inside:
            return before(words, kind) + within(spent, "soft")
    if max(inside, beside) - also >= LEGIBLE * CHARACTER:
        if inside > beside:
            return both(fitted(words, inside - also, CHARACTER))
        return before(f"{fitted(words, beside - also, CHARACTER)}  {spent}", kind)
    # The name alone: the time is told below the picture, too.
    write, room = (within, inside) if inside > beside else (before, beside)
    return write(fitted(words, room, CHARACTER), kind)
