"""The sections of the debug page that show source: the line that failed, and the frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from wsgimw.errors.debug.frames import Shown, collect, names_on
from wsgimw.errors.debug.markup import escaped, table
from wsgimw.errors.fingerprint import related, type_name
from wsgimw.errors.tree import clean, message

MOST_FRAMES = 76 * 1024
"""Bytes of all frames."""
MOST_ERRORS = 5

Gathered: TypeAlias = list[tuple[str, list[Shown], int]]


def gather(error: BaseException, time_is_up: Callable[[], bool]) -> Gathered:
    """Return the frames of the exception and of those behind it as plain data."""
    gathered: Gathered = []
    for each in related(error):
        if gathered and (time_is_up() or len(gathered) == MOST_ERRORS):
            break
        title = clean(f"{type_name(type(each))}: {message(each)[:200]}", 400)
        gathered.append((title, *collect(each.__traceback__, time_is_up)))
    return gathered


def line(gathered: Gathered) -> str:
    frames = gathered[0][1] if gathered else []
    mine = [frame for frame in frames if frame.kind == "application"] or frames
    if not mine:
        return '<p class="faint">no frame is known</p>\n'
    frame = mine[-1]
    near = [(number, text) for number, text in frame.source if abs(number - frame.line) <= 3]
    on_it = {name for number, text in near if number == frame.line for name in names_on(text)}
    values = [(name, value) for name, value in frame.values if name in on_it]
    where = f"{frame.file}:{frame.line} in {frame.function}"
    return f"<p>{escaped(where, 600)}</p>\n{_code(near, frame)}{table(values) if values else ''}"


def _code(lines: list[tuple[int, str]], frame: Shown) -> str:
    if not lines:
        return '<p class="faint">no source</p>\n'
    width = len(str(lines[-1][0]))
    shown = []
    for number, text in lines:
        row = f"{number:>{width}} {escaped(text, 400)}"
        shown.append(f"<mark>{row}</mark>" if number == frame.line else row)
        if number == frame.line and frame.caret is not None:
            start, stop = frame.caret
            shown.append(" " * (width + 1 + start) + "^" * (stop - start))
    return "<pre>" + "\n".join(shown) + "</pre>\n"


def frames(gathered: Gathered) -> str:
    parts: list[str] = []
    room = MOST_FRAMES
    for title, frames, left_out in gathered:
        parts.append(f"<h3>{escaped(title, 400)}</h3>\n")
        if left_out:
            parts.append(f'<p class="cut">cut: {left_out} frames in the middle</p>\n')
        for run in _folded(frames):
            part = _run(run)
            size = len(part.encode(errors="replace"))
            if size > room:
                parts.append('<p class="cut">cut: no room for more frames</p>\n')
                return "".join(parts)
            room -= size
            parts.append(part)
    return "".join(parts)


def _folded(frames: list[Shown]) -> Iterator[list[Shown]]:
    """Yield application frames one by one, and what lies between them together."""
    run: list[Shown] = []
    for frame in frames:
        if frame.kind != "application":
            run.append(frame)
            continue
        if run:
            yield run
            run = []
        yield [frame]
    if run:
        yield run


def _run(run: list[Shown]) -> str:
    if run[0].kind == "application":
        return _frame(run[0])
    rows = "".join(
        f"<li>{escaped(_where(frame), 600)}<br>"
        f"<code>{escaped(frame.source[0][1] if frame.source else '', 200)}</code></li>\n"
        for frame in run[:40]
    )
    return (
        f'<details class="library"><summary>{len(run)} library frames</summary>'
        f"<ol>\n{rows}</ol></details>\n"
    )


def _where(frame: Shown) -> str:
    again = f" ({frame.repeats} repeats)" if frame.repeats else ""
    return f"{frame.file}:{frame.line} in {frame.function}{again}"


def _frame(frame: Shown) -> str:
    values = ""
    if frame.values:
        cut_off = f'<p class="cut">cut: {frame.hidden} more</p>' if frame.hidden else ""
        values = f"<details><summary>locals</summary>{table(frame.values)}{cut_off}</details>"
    where = escaped(_where(frame), 600)
    return (
        f"<details open><summary>{where}</summary>{_code(frame.source, frame)}{values}</details>\n"
    )
