"""The judge of one koan: what is wrong with it, if anything is.

The file is run, its layer is played on the stage and put through the conformance kit. Whatever it
does, a verdict comes out; what it never comes back from is for `trial`.

>>> from wsgimw.devtools.koans.lessons import KOANS
>>> koan = KOANS[2]
>>> verdict = judge(koan, koan.source, "03_text.py")
>>> verdict.kind, verdict.rule, verdict.message
('broken', 20, "the server cannot send 'well ✓': it is a str, and no bytes")
>>> judge(koan, "health = 3", "03_text.py").message
'health is 3, and no layer any more'
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import linecache
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from wsgimw.devtools.koans.clock import Clock
from wsgimw.devtools.koans.lessons import Koan
from wsgimw.devtools.koans.props import page
from wsgimw.devtools.koans.scenes import SCENES
from wsgimw.devtools.koans.stage import Endless, NoLayer, Stage, show, words
from wsgimw.testing import Report, check_middleware
from wsgimw.testing.probes import RULES

Kind = Literal["passed", "broken", "lost", "trouble"]

MOST_STORIES = 3  # of what the kit tried
MOST_PRINTED = 2000  # characters of what a koan prints


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found: `broken` a rule, `lost` its meaning, or in `trouble` before either."""

    kind: Kind
    message: str = ""
    rule: int | None = None
    probes: tuple[str, ...] = ()
    """Those of the kit that failed; empty if the koan's own scene tells it."""
    transcript: tuple[str, ...] = ()
    printed: str = ""

    @property
    def finding(self) -> str:
        """What is wrong, as far as it matters for hints: they grow while this stays the same."""
        return self.kind if self.kind != "broken" else f"broken {self.rule}"


class Printed(io.StringIO):
    """What a koan prints, up to a bound."""

    def write(self, text: str, /) -> int:
        left = MOST_PRINTED - self.tell()
        super().write(text[: max(left, 0)])
        return len(text)


def judge(koan: Koan, source: str, path: str) -> Verdict:
    """Return the verdict on `source`, which stands in `path`, as a try at this koan."""
    printed = Printed()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
        hook, sys.unraisablehook = sys.unraisablehook, lambda unraisable: None
        try:
            return _judge(koan, source, path, printed)
        finally:
            sys.unraisablehook = hook
            linecache.cache.pop(path, None)


def _judge(koan: Koan, source: str, path: str, printed: Printed) -> Verdict:
    stage: Stage | None = None
    clock = Clock()
    said: str | None = None
    try:
        with clock.put_up(), _run(source, path) as module:
            stage = Stage(_layer(module, koan), clock)
            _try_out(stage, koan)
            before = printed.tell()
            SCENES[koan.name](stage)
            said = printed.getvalue()[before:]
        verdict = _decide(koan, stage, path)
    except _Trouble as trouble:
        verdict = Verdict("trouble", str(trouble))
    except (NoLayer, Endless) as trouble:
        verdict = Verdict("trouble", f"{koan.layer}: {trouble}")
    except (Exception, SystemExit) as error:  # when the layer was bound
        verdict = Verdict("trouble", told(error, path))
    shows = verdict.kind != "passed" and not verdict.probes
    lines = stage.transcript if stage and shows else ()
    said = printed.getvalue() if said is None else said
    return dataclasses.replace(verdict, transcript=lines, printed=said)


class _Trouble(Exception):
    """The koan cannot be played; the text says why."""


@contextlib.contextmanager
def _run(source: str, path: str) -> Iterator[ModuleType]:
    """Run the file as a module, which is known to `sys.modules` meanwhile."""
    module = ModuleType("koan")
    module.__file__ = path
    sys.modules["koan"] = module
    try:
        try:
            exec(compile(source, path, "exec"), module.__dict__)
        except (Exception, SystemExit) as error:
            raise _Trouble(told(error, path)) from None
        yield module
    finally:
        del sys.modules["koan"]


def _layer(module: ModuleType, koan: Koan) -> Any:
    missing = object()
    layer = getattr(module, koan.layer, missing)
    if layer is missing:
        raise _Trouble(
            f"the file does not define {koan.layer} any more, and that is the layer to repair"
        )
    if not callable(layer):
        raise _Trouble(f"{koan.layer} is {show(layer)}, and no layer any more")
    return layer


def _try_out(stage: Stage, koan: Koan) -> None:
    """Play the plainest request there is; what fails now has nothing to do with a rule."""
    bystander = Stage(stage.layer)
    bystander.serve(page(b"hello"), **koan.environ)
    if bystander.errors:
        stage.lines += bystander.lines
        raise bystander.errors[0]


def told(error: BaseException, path: str) -> str:
    """Say what was raised, and in which line of the koan."""
    text = words(error)
    if isinstance(error, SyntaxError):
        line = f"\n  line {error.lineno}: {(error.text or '').strip()}"
        return f"Python cannot read the file: {type(error).__name__}: {error.msg}{line}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == path:
            return f"{text}\n  line {frame.lineno}: {frame.line or ''}".rstrip()
    return text


def _decide(koan: Koan, stage: Stage, path: str) -> Verdict:
    """Weigh what was found: the koan's own rule first, then what keeps it from being judged."""
    seen = {fault.rule: fault.message for fault in reversed(stage.faults)}
    if koan.rule in seen:
        return Verdict("broken", seen[koan.rule], koan.rule)
    if stage.errors:
        return Verdict("trouble", told(stage.errors[0], path))
    if stage.faults:
        return Verdict("broken", stage.faults[0].message, stage.faults[0].rule)
    if stage.lost:
        return Verdict("lost", stage.lost[0])
    report = check_middleware(stage.layer, skip=koan.skip, environ=koan.environ)
    return _by_the_kit(koan, report) if report.failures else Verdict("passed")


def _by_the_kit(koan: Koan, report: Report) -> Verdict:
    """Tell of a rule that the scene does not show broken, so that no transcript does."""
    rules = [result.rule for result in report.failures]
    rule = koan.rule if koan.rule in rules else rules[0]
    found = [result for result in report.failures if result.rule == rule]
    stories = [RULES[result.rule].probes[result.id].story for result in found[:MOST_STORIES]]
    message = "\n".join([found[0].message, *(f"tried: {story}" for story in stories)])
    return Verdict("broken", message, rule, tuple(result.id for result in found))
