"""The sections of the debug page that show source: the line that failed, and the frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from wsgimw.errors.debug.frames import Shown, collect, names_on
from wsgimw.errors.debug.markup import escaped, table
from wsgimw.errors.fingerprint import related
from wsgimw.errors.tree import clean, message
from wsgimw.record import type_name

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
    frame = _last([frame for frame in frames if frame.kind == "application"]) or _last(frames)
    if frame is None:
        return '<p class="faint">no frame is known</p>\n'
    if frame.kind == "wsgimw":  # a fault that a layer found in what came back
        return '<p class="faint">no line of the application was running</p>\n'
    near = [(number, text) for number, text in frame.source if abs(number - frame.line) <= 3]
    on_it = {name for number, text in near if number == frame.line for name in names_on(text)}
    values = [(name, value) for name, value in frame.values if name in on_it]
    shown = table(values) if values else ""
    return f'<p class="where">{_where(frame)}</p>\n{_code(near, frame)}{shown}'


def _last(frames: list[Shown]) -> Shown | None:
    return frames[-1] if frames else None


def _code(lines: list[tuple[int, str]], frame: Shown) -> str:
    if not lines:
        return '<p class="faint">no source</p>\n'
    width = len(str(lines[-1][0]))
    shown = []
    for number, text in lines:
        # The line feeds stand within the blocks, where they make no empty lines.
        row = f"<i>{number:>{width}}</i>{escaped(text, 400)}\n"
        if number != frame.line:
            shown.append(f"<span>{row}</span>")
            continue
        if frame.caret is not None:
            start, stop = frame.caret
            row += f"<i>{' ' * width}</i>{_blank(text[:start])}<b>{'^' * (stop - start)}</b>\n"
        shown.append(f"<mark>{row}</mark>")
    return f'<pre class="code">{"".join(shown)}</pre>\n'


def _blank(text: str) -> str:
    """Return what is as wide as a text, tabs included, and shows nothing."""
    return "".join("\t" if character == "\t" else " " for character in text)


def frames(gathered: Gathered) -> str:
    parts: list[str] = []
    room = MOST_FRAMES
    for title, frames, left_out in gathered:
        parts.append(f"<h3>{escaped(title, 400)}</h3>\n")
        if not frames:
            parts.append('<p class="faint">it was never raised</p>\n')
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
        f'<li><span class="where">{_where(frame)}</span><br>'
        f"<code>{escaped(frame.source[0][1] if frame.source else '', 200)}</code></li>\n"
        for frame in run[:40]
    )
    return (
        f'<details class="library"><summary>{len(run)} library frames</summary>'
        f"<ol>\n{rows}</ol></details>\n"
    )


def _where(frame: Shown) -> str:
    again = f" ({frame.repeats} repeats)" if frame.repeats else ""
    place = escaped(f"{frame.file}:{frame.line}", 400)
    return f"{place} in <b>{escaped(frame.function, 300)}</b>{again}"


def _frame(frame: Shown) -> str:
    values = ""
    if frame.values:
        cut_off = f'<p class="cut">cut: {frame.hidden} more</p>' if frame.hidden else ""
        values = f"<details><summary>locals</summary>{table(frame.values)}{cut_off}</details>"
    return (
        f'<details open><summary class="where">{_where(frame)}</summary>'
        f"{_code(frame.source, frame)}{values}</details>\n"
    )
