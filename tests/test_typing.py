"""What type checkers accept, and that each mistake in `typing/rejected.py` really is one.

`python3 -m tests` runs mypy and pyright over both files, where an ignore that is not needed is an
error. Here the ignores are taken away, so that nothing but they keeps the file from failing.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tests.typing.accepted
from tests.venvs import ROOT

ACCEPTED = ROOT / "tests" / "typing" / "accepted.py"
REJECTED = ROOT / "tests" / "typing" / "rejected.py"
IGNORE = re.compile(r"  # type: ignore\[[\w, -]+\]")


def numbered(text: str) -> set[int]:
    """Return the numbers of the lines that hold an ignore."""
    return {number for number, line in enumerate(text.splitlines(), 1) if IGNORE.search(line)}


@pytest.fixture
def stripped(tmp_path: Path) -> Path:
    path = tmp_path / "stripped.py"
    path.write_text(IGNORE.sub("", REJECTED.read_text()))
    return path


def mypy(path: Path, cache: Path) -> set[int]:
    """Return the lines of a file in which mypy --strict finds an error."""
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml"]
    command += ["--no-error-summary", "--cache-dir", str(cache), str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    lines = re.findall(rf"{re.escape(path.name)}:(\d+): error:", done.stdout)
    return set(map(int, lines))


def pyright(path: Path) -> set[int]:
    """Return the lines of a file in which pyright finds an error."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    config = path.with_name("pyrightconfig.json")
    settings: dict[str, Any] = {"include": [path.name], "extraPaths": [str(ROOT)]}
    config.write_text(json.dumps(settings))
    done = subprocess.run(
        [*command, "--project", str(config)], cwd=path.parent, capture_output=True, check=False
    )
    found = json.loads(done.stdout)["generalDiagnostics"]
    return {
        each["range"]["start"]["line"] + 1
        for each in found
        if each["severity"] == "error" and Path(each["file"]).name == path.name
    }


def test_what_is_accepted_can_be_run() -> None:
    """Importing it composes and binds everything in it."""
    module = tests.typing.accepted
    assert len(module.stack) == module.count
    assert module.a_stack == module.stack[1:]


def test_every_statement_of_the_rejected_has_its_ignore() -> None:
    text = REJECTED.read_text()
    body = text[text.index("# At the front door.") :].splitlines()
    code = [line for line in body if line and not line.lstrip().startswith(("#", "class", '"""'))]
    assert [line for line in code if not IGNORE.search(line)] == []


@pytest.mark.slow
def test_mypy_rejects_every_line(stripped: Path, tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    assert mypy(stripped, tmp_path / "cache") == numbered(REJECTED.read_text())


@pytest.mark.slow
def test_pyright_rejects_every_line(stripped: Path) -> None:
    pytest.importorskip("pyright")
    assert pyright(stripped) == numbered(REJECTED.read_text())


def test_lines_are_counted_right() -> None:
    """One line per mistake: the numbers above stay those of the file."""
    text = REJECTED.read_text()
    assert len(text.splitlines()) == len(IGNORE.sub("", text).splitlines())
    assert len(numbered(text)) > 30
    assert numbered(ACCEPTED.read_text()) != set()  # Flask's assignment, as the docs say
