"""The fingerprint of an error: twelve hex digits that say "this bug again".

One value joins the log line, the page, the report and the `X-Error-Fingerprint` field. It is the
same for other messages, paths, machines, processes, recursion depths, and after edits elsewhere in
the file; it is another for another place. It says nothing about the code to who does not have it.

>>> def fail(message):
...     raise ValueError(message)
>>> def of(message):
...     try:
...         fail(message)
...     except ValueError as error:
...         return fingerprint(error)
>>> of("a") == of("b"), len(of("a"))
(True, 12)

What goes in: the types of the exception, of its causes or contexts and of the children of groups;
and for each frame of application code the module, the qualified name and the line within the
function. Application code is what lies outside of site-packages, the standard library and wsgimw;
where an error has no such frame all others count.
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from types import CodeType, FrameType, TracebackType

from wsgimw.record import type_name

MOST_ERRORS = 100
"""How many exceptions of a chain or group are looked at."""

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LIBRARY = tuple(
    path + os.sep
    for name in ("stdlib", "platstdlib")
    if (path := sysconfig.get_path(name)) is not None
)
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def fingerprint(error: BaseException) -> str:
    """Return the twelve digits for an exception. It runs none of the exception's own code."""
    parts: list[str] = []
    for each in related(error):
        parts.append(type_name(type(each)))
        parts += places(each.__traceback__)
    return sha256("\n".join(parts).encode(errors="surrogatepass")).hexdigest()[:12]


def related(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what belongs to it, each once: children, then cause or context."""
    seen: set[int] = set()
    waiting = [error]
    while waiting and len(seen) < MOST_ERRORS:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        behind = each.__cause__
        if behind is None and not each.__suppress_context__:
            behind = each.__context__
        if behind is not None:
            waiting.append(behind)
        if isinstance(each, BaseExceptionGroup):
            waiting += reversed(each.exceptions[:MOST_ERRORS])


def frames(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    """Yield the frames of a traceback with their line numbers, the outermost first."""
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def places(traceback: TracebackType | None) -> list[str]:
    """Return the places that count, each once, so that recursion is no deeper than once."""
    by_kind: dict[str, dict[str, None]] = {"application": {}, "library": {}, "wsgimw": {}}
    for frame, line in frames(traceback):
        code = frame.f_code
        # The line of a module's own code is no line of a function: any edit would move it.
        at = 0 if code.co_name == "<module>" else (line or 0) - code.co_firstlineno
        place = f"{frame.f_globals.get('__name__')}:{code.co_qualname}:{at}"
        by_kind[kind_of(code)][place] = None
    return list(by_kind["application"] or by_kind["library"] or by_kind["wsgimw"])


def kind_of(code: CodeType) -> str:
    """Tell whose code it is: `application`, `library` or `wsgimw`."""
    return _kind_of(code.co_filename)


@lru_cache(1024)
def _kind_of(filename: str) -> str:
    if filename.startswith(_OURS):
        return "wsgimw"
    if any(part in filename for part in _INSTALLED) or filename.startswith("<frozen "):
        return "library"
    return "library" if filename.startswith(_LIBRARY) else "application"
