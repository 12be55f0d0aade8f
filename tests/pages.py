"""Run what a page of docs/ shows: `python -m tests.pages [--whole] [PAGE ...]` writes outputs anew.

The fences of a page are one session, from top to bottom, in a directory of its own:

- `python`: executed, with the names of the blocks before. If the first line is a comment that names
  a file (`# hello.py`), the block is that file's content, too.
- `text`, when it follows a `python` block: what that block printed.
- `console`: lines that begin with `$` are commands, the others are what they print. `wsgimw`,
  `python` and `pytest` are run; nothing else is a command of these pages.
- Other fences are for reading. An `ini` or `toml` block
  whose first line names a file is written to that.

Times and ids differ from run to run: where outputs are compared they are masked.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tests.venvs import ROOT

WHOLE = "--whole"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# ([\w./]+\.\w+)\n")
PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore::DeprecationWarning"]
PROGRAMS = {"wsgimw": ["-m", "wsgimw"], "python": [], "pytest": PYTEST}
TRACEBACK = re.compile(r"(Traceback \(most recent call last\):\n)(?: .*\n)+")  # paths of a machine
MASKS = (
    (re.compile(r"\b[0-9a-f]{32}\b"), "ID"),
    (re.compile(r"\b[0-9a-f]{12}\b|\b[0-9a-f]{8}\b"), "ID"),
    (re.compile(r"\b[\d,]+ (?:B|bytes)\b"), "SIZE"),  # coders of several packages differ by bytes
    (re.compile(r"\+?\d+\.\d+ ?m?s\b"), "TIME"),
    (re.compile(r"(?<![\w.])\+?\d+\.\d\d(?![\w.])"), "TIME"),
    (re.compile(r"\d+/\w+/\d{4}[: ][\d:]+( [+-]\d{4})?|\d\d:\d\d:\d\d(\.\d+)?"), "DATE"),
    (re.compile(r"(?<=\.py:)\d+"), "LINE"),
    (re.compile(r"[ ─━-]{2,}"), " "),
)


@dataclass(frozen=True, slots=True)
class Output:
    """What a page says that comes, and what came; `start` and `end` are its place in the page."""

    said: str
    came: str
    start: int
    end: int


def play(page: str, directory: Path) -> Iterator[Output]:
    """Run the fences of a page in a directory; yield each output that the page shows."""
    module = sys.modules["page"] = ModuleType("page")  # dataclasses look their module up
    names = vars(module)
    printed: str | None = None
    for fence in FENCE.finditer(page):
        language, text = fence.groups()
        if language in ("python", "ini", "toml") and (named := FILE.match(text)):
            names["__file__"] = str(directory / named[1])
            (directory / named[1]).parent.mkdir(parents=True, exist_ok=True)
            (directory / named[1]).write_text(text)
        if language == "python":
            line = page.count("\n", 0, fence.start(2))
            with contextlib.redirect_stdout(io.StringIO()) as stream:
                exec(compile("\n" * line + text, "page", "exec"), names)
            printed = stream.getvalue()
        elif language == "text" and printed is not None:
            yield Output(text, printed, *fence.span(2))
            printed = None
        elif language == "console":
            yield Output(text, "".join(console(text, directory)), *fence.span(2))


def console(text: str, directory: Path) -> Iterator[str]:
    """Run the commands of a block; yield its lines as they should be."""
    for line in text.splitlines():
        if not line.startswith("$ "):
            continue
        yield f"{line}\n"
        program, *arguments = shlex.split(line[2:], comments=True)
        done = subprocess.run(
            [sys.executable, *PROGRAMS[program], *arguments],
            cwd=directory,
            env=os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "80"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        printed = done.stdout.replace(str(directory), ".").replace(f"{ROOT}/", "")
        yield TRACEBACK.sub(r"\1  ...\n", printed)


def masked(text: str) -> str:
    """Return an output without what differs from run to run."""
    for pattern, name in MASKS:
        text = pattern.sub(name, text)
    return "\n".join(line.strip() for line in text.strip().splitlines())


@contextlib.contextmanager
def session(directory: Path) -> Iterator[None]:
    """Be in a directory, and find its modules; forget them afterwards."""
    before, path, known = Path.cwd(), [*sys.path], {*sys.modules}
    os.chdir(directory)
    sys.path.insert(0, str(directory))
    try:
        yield
    finally:
        os.chdir(before)
        sys.path[:] = path
        sys.modules.pop("page", None)
        for name in {*sys.modules} - known:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(directory)):
                del sys.modules[name]


def rewritten(page: str, *, whole: bool = False) -> str:
    """Return a page with the outputs that came where they are others than it says.

    `whole`: all of them, those too that differ in times and ids alone.
    """
    with tempfile.TemporaryDirectory() as place, session(Path(place)):
        outputs = list(play(page, Path(place)))
    for output in reversed(outputs):
        if whole or masked(output.said) != masked(output.came):
            page = page[: output.start] + output.came.rstrip("\n") + "\n" + page[output.end :]
    return page


def main(arguments: list[str]) -> None:
    """Write the outputs of pages anew, and the page of the rules."""
    from wsgimw.testing.kit import rules_markdown

    rules = ROOT / "docs" / "reference" / "rules.md"
    if rules.read_text() != rules_markdown():  # else nobody who reads it now finds it empty
        rules.write_text(rules_markdown())
    for name in arguments:
        if name != WHOLE:
            path = Path(name)
            path.write_text(rewritten(path.read_text(), whole=WHOLE in arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
