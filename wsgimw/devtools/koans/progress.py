"""What `check` remembers between two calls, in `.koans.json` beside the koans.

Two things. Which files have passed, by a digest, so that only what was changed is judged again. And
how often the same thing was found wrong with the koan at hand, since hints grow with that: as long
as an edit does not change what is wrong, the next hint is bigger; when it does, that is progress,
and hints begin anew. Without the file, all is judged again and hints begin anew.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as directory:
...     progress = Progress(Path(directory))
...     [progress.asked("05_close.py", "broken 22") for _ in range(2)]
[1, 2]
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import wsgimw

NAME = ".koans.json"
VERSION = 1


class Progress:
    """The memory of one directory of koans."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / NAME
        kept = _read(self.path)
        self.passed: dict[str, str] = kept.get("passed", {})
        self.finding: list[Any] = kept.get("finding", [])

    def has_passed(self, path: Path) -> bool:
        """Whether this very file has passed before, here and with this release."""
        return self.passed.get(path.name) == _digest(path)

    def passes(self, path: Path) -> None:
        """Note that a file has passed."""
        self.passed[path.name] = _digest(path)
        if self.finding[:1] == [path.name]:
            self.finding = []

    def asked(self, name: str, finding: str) -> int:
        """Note what was found wrong with a koan; return how often in a row that was found."""
        before = self.finding[2] if self.finding[:2] == [name, finding] else 0
        self.finding = [name, finding, before + 1]
        return before + 1

    def keep(self) -> None:
        """Write it down, if that can be done."""
        kept = {"version": VERSION, "passed": self.passed, "finding": self.finding}
        with contextlib.suppress(OSError):
            self.path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _digest(path: Path) -> str:
    about = f"{wsgimw.__version__} {sys.version_info[:2]} ".encode()
    return hashlib.sha256(about + path.read_bytes()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    """Return what was kept, or nothing if that is not what we wrote."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        sound = (
            kept["version"] == VERSION
            and isinstance(kept["passed"], dict)
            and (kept["finding"] == [] or isinstance(kept["finding"][2], int))
        )
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        return {}
    return kept if sound else {}
