"""`python3 -m tests` runs every step and says which failed."""

import subprocess
import sys

import pytest

from tests import __main__ as runner

STATIC = ["ruff check", "ruff format", "mypy", "pyright"]


@pytest.mark.parametrize(
    ("arguments", "headings"),
    [
        pytest.param([], [*STATIC, "pytest", "coverage"], id="everything"),
        pytest.param(["-k", "x"], [*STATIC, "pytest"], id="a part of the tests, no gate"),
        pytest.param(["--only-pytest"], ["pytest"], id="only pytest"),
        pytest.param(["--only-pytest", "-x"], ["pytest"], id="only a part of pytest"),
    ],
)
def test_plan(arguments: list[str], headings: list[str]) -> None:
    assert list(runner.plan("python", arguments)) == headings


def test_arguments_reach_pytest() -> None:
    steps = runner.plan("python", ["tests/test_main.py", "--only-pytest", "-k", "x"])
    assert steps["pytest"] == ["python", "-m", "pytest", "tests/test_main.py", "-k", "x"]


def test_coverage_sees_pytest_from_the_start() -> None:
    step = runner.plan("python", [])["pytest"]
    assert step[:6] == ["python", "-m", "coverage", "run", "--parallel-mode", "-m"]
    assert step[6:] == ["pytest", *runner.SHARED]


def test_all_steps_run_whatever_fails(capfd: pytest.CaptureFixture[str]) -> None:
    steps = {
        name: [sys.executable, "-c", f"print('ran {name}'); raise SystemExit({status})"]
        for name, status in (("one", 1), ("two", 0), ("three", 2))
    }
    assert runner.run(steps) == ["one", "three"]
    out = capfd.readouterr().out
    assert out.split("\n")[1:6:2] == ["=== one ===", "", "ran two"]
    assert "=== three ===\nran three" in out


@pytest.mark.parametrize(
    ("status", "last"),
    [
        pytest.param(0, "all passed", id="all passed"),
        pytest.param(1, "FAILED: pytest", id="the last line names what failed"),
    ],
)
def test_exit_status(
    status: int, last: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "reenter", lambda module, arguments, group: None)
    monkeypatch.setattr(subprocess, "call", lambda command, **options: status)
    assert runner.main(["--only-pytest"]) == status
    assert capsys.readouterr().out.splitlines()[-1] == last
