"""An exception as plain data: its chain, its groups, its frames, and its text.

Everything here is JSON-able, masked and bounded; no frame, traceback or exception is in it. Of the
exception's own code only `__str__` runs, guarded.

>>> try:
...     raise ValueError("no such day: 31")
... except ValueError as error:
...     told = tree(error)
>>> told["type"], told["message"], len(told["frames"]), told["cause"]
('ValueError', 'no such day: 31', 1, None)

Bounds: 100 exceptions, 100 frames of each (the outermost and the innermost fifty) and 300 in all,
2,048 characters of a message, ten notes, 64 Ki characters of text. What was cut says so.
"""

from __future__ import annotations

import linecache
import re
import traceback
from typing import Any, TypedDict

from wsgimw.errors.fingerprint import MOST_ERRORS, frames, kind_of
from wsgimw.record import type_name
from wsgimw.shapes import mask_shapes

MOST_MESSAGE = 2048
MOST_FRAMES = 100
MOST_NOTES = 10
MOST_TEXT = 64 * 1024
MOST_LINE = 500

# What could steer a terminal or hide text in a log; line feeds and tabs are the text's own.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff]"
)
# Not by `getattr`: an exception may have properties.
_attributes = BaseException.__dict__["__dict__"].__get__
_WORD = re.compile(r"\S*+")


class FrameData(TypedDict):
    """One frame: where it is, whose code it is (`application`, `library`, `wsgimw`), its source."""

    file: str
    line: int
    function: str
    module: str
    kind: str
    source: str


class ErrorData(TypedDict):
    """One exception: `suppressed` says that its context is not the story (`raise ... from`)."""

    type: str
    message: str
    notes: list[str]
    frames: list[FrameData]
    cut: int
    cause: ErrorData | None
    context: ErrorData | None
    suppressed: bool
    group: list[ErrorData]


def tree(error: BaseException) -> ErrorData:
    """Return the exception and all that belongs to it, each once: groups, causes, contexts."""
    room = _Room()
    made: dict[int, ErrorData] = {id(error): _alone(error, room)}
    waiting = [error]
    # Not recursive: a chain may be as long as the recursion that made it.
    while waiting:
        each = waiting.pop(0)
        data = made[id(each)]

        def told(inner: BaseException | None) -> ErrorData | None:
            if inner is None or id(inner) in made or len(made) >= MOST_ERRORS:
                return None
            made[id(inner)] = alone = _alone(inner, room)
            waiting.append(inner)
            return alone

        if isinstance(each, BaseExceptionGroup):
            data["group"] = [child for e in each.exceptions[:MOST_ERRORS] if (child := told(e))]
        data["cause"] = told(each.__cause__)
        data["context"] = told(each.__context__)
    return made[id(error)]


class _Room:
    """What is left for one tree: frames, and characters of what exceptions say."""

    frames = 300
    characters = 64 * 1024

    def words(self, text: str) -> str:
        made = clean(text, max(100, min(MOST_MESSAGE, self.characters)))
        self.characters -= len(made)
        return made


def _alone(error: BaseException, room: _Room) -> ErrorData:
    raw = _attributes(error).get("__notes__")
    notes = [note for note in raw if type(note) is str] if type(raw) is list else []
    shown = [*frames(error.__traceback__)]
    most = max(2, min(MOST_FRAMES, room.frames))
    left_out = max(0, len(shown) - most)
    if left_out:
        shown = shown[: most // 2] + shown[-most // 2 :]
    room.frames -= len(shown)
    return {
        "type": type_name(type(error)),
        "message": room.words(message(error)),
        "notes": [room.words(note) for note in notes[:MOST_NOTES]],
        "frames": [_frame(frame, line) for frame, line in shown],
        "cut": left_out,
        "cause": None,
        "context": None,
        "suppressed": error.__suppress_context__,
        "group": [],
    }


def _frame(frame: Any, line: int | None) -> FrameData:
    code = frame.f_code
    module = frame.f_globals.get("__name__")
    source = linecache.getline(code.co_filename, line or 0, frame.f_globals).strip()
    return {
        "file": clean(code.co_filename, MOST_LINE),
        "line": line or 0,
        "function": clean(code.co_qualname, MOST_LINE),
        "module": clean(module, MOST_LINE) if type(module) is str else "",
        "kind": kind_of(code),
        "source": clean(source, MOST_LINE),
    }


def message(error: BaseException, most: int = MOST_MESSAGE) -> str:
    """Return what the exception says of itself, masked and cut; its `__str__` may be broken."""
    try:
        return clean(str(error), most)
    except Exception as broken:
        return f"[no message: {type(error).__name__}.__str__ raised {type(broken).__name__}]"


def text(error: BaseException) -> str:
    """Return the traceback as Python prints it, groups, causes, contexts and notes included."""
    try:
        lines = traceback.format_exception(error)
    except Exception as broken:  # a `__notes__` or `__cause__` of somebody's own
        name = type_name(type(error))
        return f"{name}: {message(error)}\n[no traceback: {type(broken).__name__}]\n"
    return clean("".join(lines), MOST_TEXT)


def clean(text: str, most: int) -> str:
    """Cut in the middle, then mask, then show what is not seen as an escape."""
    return _visible(mask_shapes(cut(text, most)))


def cut(text: str, most: int) -> str:
    """Return at most `most` characters, and how many were left out."""
    if len(text) > most:  # first: what follows takes time for every character
        half = most // 2
        # The end begins with a whole word: half a secret has not the shape of one.
        end = text[_WORD.match(text, len(text) - half).end() :]  # type: ignore[union-attr]
        text = f"{text[:half]}[... {len(text) - half - len(end)} characters ...]{end}"
    return text


def _visible(text: str) -> str:
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
