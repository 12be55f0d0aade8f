"""Frames as plain data for the debug page: source, carets, values, folds.

Library frames in a row are folded, recursion is folded, and what is left over when the time or the
room is used up is counted. No frame outlives `collect`.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CodeType, TracebackType
from typing import Any

from wsgimw.errors.debug.values import show
from wsgimw.errors.fingerprint import kind_of
from wsgimw.errors.tree import clean

MOST_FRAMES = 60
MOST_LOCALS = 30
MOST_LINE = 300
AROUND = 5
FEWEST_REPEATS = 3

_NAME = re.compile(r"[^\W\d]\w{0,63}+")


@dataclass(slots=True)
class Shown:
    """One frame: where, the lines around, the columns that failed, the values of its names."""

    file: str
    line: int
    function: str
    kind: str
    repeats: int = 0
    source: list[tuple[int, str]] = field(default_factory=list)
    caret: tuple[int, int] | None = None
    values: list[tuple[str, str]] = field(default_factory=list)
    hidden: int = 0


def collect(
    traceback: TracebackType | None, time_is_up: Callable[[], bool]
) -> tuple[list[Shown], int]:
    """Return the frames of a traceback, outermost first, and how many were left out."""
    runs = [*_runs(traceback)]
    left_out = max(0, len(runs) - MOST_FRAMES)
    if left_out:  # the ends tell the most
        runs = runs[: MOST_FRAMES // 2] + runs[-MOST_FRAMES // 2 :]
    made = []
    for each, repeats in reversed(runs):  # the innermost first, while there is time
        shown = _shown(each, full=not time_is_up())
        shown.repeats = repeats
        made.append(shown)
    return made[::-1], left_out


def _runs(traceback: TracebackType | None) -> Iterator[tuple[TracebackType, int]]:
    """Yield each entry with how often it repeats: one place, or a cycle of up to four."""
    recent: list[tuple[CodeType, int]] = []
    held: list[TracebackType] = []
    repeats = 0
    while traceback is not None:
        place = (traceback.tb_frame.f_code, traceback.tb_lineno)
        if place in recent:
            repeats += 1
            if repeats < FEWEST_REPEATS:
                held.append(traceback)
        else:
            yield from _run(held, repeats)
            held, repeats = [traceback], 0
            recent = [*recent[-3:], place]
        traceback = traceback.tb_next
    yield from _run(held, repeats)


def _run(held: list[TracebackType], repeats: int) -> Iterator[tuple[TracebackType, int]]:
    """Fold what repeats; what comes back once or twice is no recursion yet."""
    if repeats >= FEWEST_REPEATS:
        yield held[0], repeats
    else:
        yield from ((each, 0) for each in held)


def _shown(traceback: TracebackType, *, full: bool) -> Shown:
    frame, line = traceback.tb_frame, traceback.tb_lineno or 0
    code = frame.f_code
    made = Shown(
        clean(code.co_filename, MOST_LINE), line, clean(code.co_qualname, MOST_LINE), kind_of(code)
    )
    if not full or made.kind != "application":
        text = linecache.getline(code.co_filename, line, frame.f_globals)
        made.source = [(line, _source(text).strip())] if text else []
        return made
    for number in range(max(1, line - AROUND), line + AROUND + 1):
        text = linecache.getline(code.co_filename, number, frame.f_globals)
        if text:
            made.source.append((number, _source(text)))
    made.caret = _caret(code, traceback.tb_lasti, line, frame.f_globals)
    values: Any = frame.f_locals
    if type(values) is not dict and type(values).__name__ != "FrameLocalsProxy":
        return made  # a namespace of the user's own: asking it would run its code
    made.hidden = max(0, len(values) - MOST_LOCALS)
    for name in [*values][:MOST_LOCALS]:
        if type(name) is str:
            made.values.append((clean(name, MOST_LINE), clean(show(values[name], name), 2048)))
    return made


def _source(text: str) -> str:
    return clean(text.rstrip("\r\n\f"), MOST_LINE)


def _caret(
    code: CodeType, instruction: int, line: int, space: dict[str, Any]
) -> tuple[int, int] | None:
    """Return the columns, in characters, of what failed (PEP 657)."""
    if instruction < 0:
        return None
    for number, position in enumerate(code.co_positions()):
        if number != instruction // 2:
            continue
        first, last, start, stop = position
        if first != line or start is None or stop is None:
            return None
        text = linecache.getline(code.co_filename, line, space)
        data = text.encode(errors="replace")  # the columns are those of UTF-8
        if last != first:
            stop = len(data.rstrip())
        begin = len(data[:start].decode(errors="replace"))
        end = len(data[:stop].decode(errors="replace"))
        # A line that was masked or cut has other columns.
        same = _source(text) == text.rstrip("\r\n\f")
        return (begin, end) if same and begin < end else None
    return None


def names_on(line: str) -> list[str]:
    """Return the names on a source line, each once."""
    return [*dict.fromkeys(_NAME.findall(line))]
