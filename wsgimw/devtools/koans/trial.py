"""The trial: a koan is judged in a process of its own.

Whatever the file does there, this process goes on: one that does not come back within `LIMIT`
seconds is ended, and where it stood is told; one that takes the process down, or all memory, is
told as well. The verdict comes back as JSON in a file, what the koan prints is caught by the judge.
"""

from __future__ import annotations

import dataclasses
import faulthandler
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import wsgimw
from wsgimw.devtools.koans.judge import Verdict, judge
from wsgimw.devtools.koans.lessons import KOANS, Koan

LIMIT = 10.0  # seconds for one koan, which needs less than one
GRACE = 5.0  # seconds more until it is ended from outside
MEMORY = 2 << 30  # bytes of address space

# The child imports this very package, wherever it is, and nothing from beside the koans.
CHILD = """
import os, sys
sys.path.insert(0, sys.argv[1])
import wsgimw
del sys.path[0]
from wsgimw.devtools.koans.trial import child
child(*sys.argv[2:])
os._exit(0)  # a thread of the koan may still be waiting
"""


def try_koan(koan: Koan, path: Path, limit: float = LIMIT) -> Verdict:
    """Judge the file `path` as a try at this koan, in a child process."""
    package = str(Path(wsgimw.__file__).parent.parent)
    with tempfile.TemporaryDirectory() as directory:
        verdict, trace = Path(directory, "verdict"), Path(directory, "trace")
        command = [sys.executable, "-P", "-c", CHILD, package, koan.name, str(path)]
        command += [str(verdict), str(limit)]
        with trace.open("wb") as stderr:
            status = _end_of(command, stderr.fileno(), limit + GRACE)
        try:
            return read(verdict.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            seen = trace.read_text(encoding="utf-8", errors="replace")
            return Verdict("trouble", _without_verdict(koan, path, status, seen, limit))


def _end_of(command: list[str], stderr: int, limit: float) -> int | None:
    """Run a command to its end; None if it had to be ended."""
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            timeout=limit,
        ).returncode
    except subprocess.TimeoutExpired:
        return None


def _without_verdict(koan: Koan, path: Path, status: int | None, trace: str, limit: float) -> str:
    """Say why there is no verdict."""
    if status is None or "Timeout (" in trace:
        own = re.compile(rf'File "{re.escape(str(path))}", line (\d+)')
        lines = [int(found[1]) for found in own.finditer(trace)]
        place = f"\n  it was in line {lines[0]}" if lines else ""
        return (
            f"{koan.layer} did not come back within {limit:g} seconds: an endless loop, or it "
            f"waits for something that never comes{place}"
        )
    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    return f"the file ended the process that judged it ({how}); a layer must not do that"


def child(name: str, path: str, verdict: str, limit: str) -> None:
    """Judge one koan and leave the verdict in a file: what runs in the process of its own."""
    _bound_memory()
    faulthandler.dump_traceback_later(float(limit), exit=True)
    try:
        koan = next(koan for koan in KOANS if koan.name == name)
        try:
            source = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            found = Verdict("trouble", f"the file cannot be read: {error}")
        else:
            sys.path.append(os.path.dirname(path))  # a koan may import what lies beside it
            try:
                found = judge(koan, source, path)
            finally:
                sys.path.pop()
    finally:
        faulthandler.cancel_dump_traceback_later()
    Path(verdict).write_text(json.dumps(dataclasses.asdict(found)), encoding="utf-8")


def _bound_memory() -> None:
    """A body that grows without end fails, before the machine does."""
    try:
        import resource
    except ImportError:  # not on this system
        return
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY or most > MEMORY:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, most))


def read(text: str) -> Verdict:
    """Return the verdict that a child left."""
    fields = json.loads(text)
    tuples = {"probes": tuple(fields["probes"]), "transcript": tuple(fields["transcript"])}
    return Verdict(**{**fields, **tuples})
