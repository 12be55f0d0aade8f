"""The environment is chosen by Python version and refreshed when what it depends on changes."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import venvs


def venv(directory: Path, line: str) -> Path:
    """Make what looks like a virtual environment."""
    (directory / "bin").mkdir(parents=True, exist_ok=True)
    for name in ("python", "pip"):
        (directory / "bin" / name).touch()
    (directory / "pyvenv.cfg").write_text(f"home = /usr/bin\n{line}\n")
    return directory


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("version = 3.12.1", ".venv", id="same version"),
        pytest.param("version_info = 3.12.1.final.0", ".venv", id="made by virtualenv"),
        pytest.param("version = 3.11.2", ".venv-3.12", id="other version"),
        pytest.param("version = 3.1.2", ".venv-3.12", id="version that begins alike"),
        pytest.param("", ".venv-3.12", id="version not told"),
    ],
)
def test_directory(tmp_path: Path, line: str, expected: str) -> None:
    venv(tmp_path / ".venv", line)
    assert venvs.venv_directory(tmp_path, "3.12") == tmp_path / expected


def test_directory_of_a_fresh_checkout(tmp_path: Path) -> None:
    assert venvs.venv_directory(tmp_path, "3.12") == tmp_path / ".venv"


def test_directory_that_is_no_environment_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    assert venvs.venv_directory(tmp_path, "3.12") == tmp_path / ".venv-3.12"


def test_fingerprint_depends_on_metadata_version_and_place(tmp_path: Path) -> None:
    places = [tmp_path / "a", tmp_path / "b"]
    for place in places:
        place.mkdir()
        (place / "pyproject.toml").write_text("one")
    prints = {venvs.fingerprint(place, version) for place in places for version in ("3.12", "3.13")}
    (places[0] / "pyproject.toml").write_text("two")
    prints.add(venvs.fingerprint(places[0], "3.12"))
    assert len(prints) == 5


class Recorder:
    """Stands where processes would be started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        self.commands: list[list[str]] = []
        self.executed: list[list[str]] = []
        monkeypatch.setattr(venvs, "ROOT", root)
        monkeypatch.setattr(subprocess, "call", self.call)
        monkeypatch.setattr(os, "execv", lambda path, arguments: self.executed.append(arguments))
        monkeypatch.setattr(os, "chdir", lambda path: None)

    def call(self, command: list[str], cwd: Path) -> int:
        self.commands.append(command)
        if command[1:3] == ["-m", "venv"]:
            venv(Path(command[-1]), f"version = {venvs.VERSION}.0")
        return 0


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Recorder:
    (tmp_path / "pyproject.toml").write_text("[project]")
    return Recorder(monkeypatch, tmp_path)


def test_cold_then_warm(recorder: Recorder, tmp_path: Path) -> None:
    venvs.reenter("tests", ["-k", "x"], group="dev")
    python = str(tmp_path / ".venv" / "bin" / "python")
    assert recorder.commands[0] == [
        sys.executable,
        "-m",
        "venv",
        "--clear",
        str(tmp_path / ".venv"),
    ]
    assert recorder.commands[1][-2:] == ["--upgrade", "pip"]
    assert recorder.commands[2][-4:] == ["--editable", ".[all]", "--group", "dev"]
    assert recorder.executed == [[python, "-m", "tests", "-k", "x"]]
    recorder.commands.clear()
    venvs.reenter("tests", [], group="dev")
    assert recorder.commands == []


def test_new_metadata_installs_again_and_each_group_by_itself(
    recorder: Recorder, tmp_path: Path
) -> None:
    venvs.reenter("tests", [], group="dev")
    recorder.commands.clear()
    venvs.reenter("tests.bench", [], group="bench")
    (tmp_path / "pyproject.toml").write_text("[project] # changed")
    venvs.reenter("tests", [], group="dev")
    groups = [command[-1] for command in recorder.commands if "--group" in command]
    assert groups == ["bench", "dev"]


def test_inside_the_environment_it_returns(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    venvs.reenter("tests", [], group="dev")
    assert recorder.executed == []


@pytest.mark.parametrize(
    ("lost", "options"),
    [
        pytest.param("python", ["--clear"], id="its interpreter was removed"),
        pytest.param("pip", [], id="made by a Python without ensurepip"),
    ],
)
def test_broken_environment_is_made_again(
    recorder: Recorder, tmp_path: Path, lost: str, options: list[str]
) -> None:
    directory = venv(tmp_path / ".venv", f"version = {venvs.VERSION}.0")
    (directory / "bin" / lost).unlink()
    venvs.reenter("tests", [], group="dev")
    assert recorder.commands[0] == [sys.executable, "-m", "venv", *options, str(directory)]


def test_no_ensurepip(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"^[^\n]+: apt install python3-venv$"):
        venvs.reenter("tests", [], group="dev")
    assert recorder.commands == []


def test_failed_install_leaves_no_stamp(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv(tmp_path / ".venv", f"version = {venvs.VERSION}.0")
    monkeypatch.setattr(subprocess, "call", lambda command, cwd: 3)
    with pytest.raises(SystemExit, match=r"^exit status 3 from: .*pip"):
        venvs.reenter("tests", [], group="dev")
    assert not list(tmp_path.rglob("*.stamp"))
