"""The trial of a koan in a process of its own: it always ends, with a sentence."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.koans_chapter import solution
from wsgimw.devtools.koans import trial
from wsgimw.devtools.koans.judge import Verdict
from wsgimw.devtools.koans.lessons import KOANS
from wsgimw.devtools.koans.trial import child, read, try_koan

KOAN = KOANS[4]  # size

LOOP = """\
def size(app):
    def bound(environ, start_response):
        while True:
            pass
    return bound
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "05_close.py"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        pytest.param(solution(KOAN), "passed", "", id="a solution"),
        pytest.param(LOOP, "trouble", "within 3 seconds: an endless loop, or it waits", id="loop"),
        pytest.param(
            "import os\nos._exit(7)\n",
            "trouble",
            "the file ended the process that judged it (exit status 7); a layer must not do that",
            id="leaves",
        ),
        pytest.param(
            "size = 'x' * (4 << 30)\n", "trouble", "MemoryError\n  line 1: size =", id="memory"
        ),
    ],
)
def test_each_ends(path: Path, source: str, kind: str, message: str) -> None:
    path.write_text(source)
    verdict = try_koan(KOAN, path, limit=3.0 if source is LOOP else trial.LIMIT)
    assert verdict.kind == kind
    assert message in verdict.message
    if source is LOOP:
        assert verdict.message.endswith(("\n  it was in line 3", "\n  it was in line 4"))


class Ran:
    """A child that leaves a verdict, or what it is told to leave."""

    def __init__(self, verdict: str, trace: str, status: int | None) -> None:
        self.verdict, self.trace, self.status = verdict, trace, status
        self.command: list[str] = []

    def __call__(self, command: list[str], stderr: int, limit: float) -> int | None:
        self.command = command
        Path(command[-2]).write_text(self.verdict)
        with open(stderr, "w", closefd=False) as file:
            file.write(self.trace)
        return self.status


@pytest.mark.parametrize(
    ("verdict", "trace", "status", "message"),
    [
        pytest.param("", "", None, "did not come back within 10 seconds", id="ended from outside"),
        pytest.param(
            "",
            'Timeout (0:00:10)!\n  File "PATH", line 7 in bound\n  File "PATH", line 2 in x\n',
            1,
            "never comes\n  it was in line 7",
            id="ended by itself",
        ),
        pytest.param("", "", -11, "(signal 11)", id="a crash"),
        pytest.param("{", "", 0, "(exit status 0)", id="half a verdict"),
    ],
)
def test_no_verdict(
    monkeypatch: pytest.MonkeyPatch,
    path: Path,
    verdict: str,
    trace: str,
    status: int | None,
    message: str,
) -> None:
    monkeypatch.setattr(trial, "_end_of", Ran(verdict, trace.replace("PATH", str(path)), status))
    found = try_koan(KOAN, path)
    assert found.kind == "trouble"
    assert message in found.message


def test_a_verdict_comes_back_whole(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    path.write_text(KOAN.source)
    verdict = path.with_name("verdict")
    before = list(sys.path)
    child(KOAN.name, str(path), str(verdict), "60")
    ran = Ran(verdict.read_text(), "", 0)
    monkeypatch.setattr(trial, "_end_of", ran)
    found = try_koan(KOAN, path)
    assert (found.kind, found.rule) == ("broken", 22)
    assert isinstance(found, Verdict)
    assert isinstance(found.transcript, tuple)
    assert ran.command[:3] == [sys.executable, "-P", "-c"]
    assert sys.path == before


@pytest.fixture(autouse=True)
def _no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the memory of the tests' own process alone."""
    monkeypatch.setattr(trial, "_bound_memory", lambda: None)


def test_a_file_that_is_no_text(path: Path) -> None:
    path.write_bytes(b"\xff")
    child(KOAN.name, str(path), str(path.with_name("verdict")), "60")
    assert "the file cannot be read: " in read(path.with_name("verdict").read_text()).message


@pytest.mark.parametrize(
    ("hard", "set_to"),
    [
        pytest.param(-1, [(9, (2 << 30, -1))], id="no bound"),
        pytest.param(1 << 30, [], id="a lower one"),
        pytest.param(1 << 40, [(9, (2 << 30, 1 << 40))], id="a higher one"),
    ],
)
def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch, hard: int, set_to: list[Any]) -> None:
    class Resource:
        RLIMIT_AS, RLIM_INFINITY = 9, -1

        def __init__(self) -> None:
            self.calls: list[Any] = []

        def getrlimit(self, what: int) -> tuple[int, int]:
            return -1, hard

        def setrlimit(self, what: int, limits: tuple[int, int]) -> None:
            self.calls.append((what, limits))

    resource = Resource()
    monkeypatch.setitem(sys.modules, "resource", resource)
    BOUND()
    assert resource.calls == set_to


BOUND = trial._bound_memory


def test_memory_is_not_bounded_where_it_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    BOUND()  # nothing is raised


def test_a_command_that_does_not_end_is_ended() -> None:
    with open("/dev/null", "wb") as null:
        assert trial._end_of([sys.executable, "-c", "input()"], null.fileno(), 60) == 1
        wait = "import threading; threading.Event().wait()"
        assert trial._end_of([sys.executable, "-c", wait], null.fileno(), 0.3) is None


def test_read_is_the_reverse_of_what_is_kept() -> None:
    verdict = Verdict("broken", "m", 22, ("close_full",), ("> GET /",), "p")
    kept = {name: getattr(verdict, name) for name in verdict.__slots__}
    assert read(json.dumps(kept)) == verdict
