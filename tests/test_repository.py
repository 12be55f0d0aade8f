"""What stands in the repository, whatever the code does."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.venvs import ROOT

# Written in pieces, or this file would be found itself.
MACHINE_PATH = re.compile(rb"(?<![\w.*-])/(?:" + b"|".join([b"work", b"home", b"root"]) + rb")/")
REGISTRY_HOST = re.compile(
    rb"\b(?:"
    + rb"|".join([rb"(?:test\.)?py" + rb"pi\.org", rb"python" + rb"hosted\.org"])
    + rb"|"
    + rb"|".join([rb"npm" + rb"js\.(?:org|com)", rb"crates" + rb"\.io", rb"ana" + rb"conda\.org"])
    + rb")\b"
)


def tracked_files() -> list[str]:
    """Return the names of all files under version control, by `git`."""
    # CI may have cloned as another user, whom git distrusts.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in names.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize(
    "forbidden",
    [
        pytest.param(MACHINE_PATH, id="absolute path of a machine"),
        pytest.param(REGISTRY_HOST, id="host of a package registry"),
    ],
)
def test_no_file_names(forbidden: re.Pattern[bytes]) -> None:
    found = [
        f"{name}: {match[0]!r}"
        for name in tracked_files()
        if (match := forbidden.search(Path(ROOT, name).read_bytes()))
    ]
    assert not found


@pytest.mark.parametrize(
    ("forbidden", "text", "matches"),
    [
        pytest.param(MACHINE_PATH, b'"/ho' + b'me/someone/x.py"', True, id="home"),
        pytest.param(MACHINE_PATH, b"/ro" + b"ot/x", True, id="root"),
        pytest.param(MACHINE_PATH, b"/homework/, docs/work/x", False, id="other paths"),
        pytest.param(REGISTRY_HOST, b"https://py" + b"pi.org/simple", True, id="registry"),
        pytest.param(REGISTRY_HOST, b"https://files.python" + b"hosted.org/x", True, id="files"),
        pytest.param(REGISTRY_HOST, b"https://docs.python.org", False, id="docs"),
    ],
)
def test_what_is_forbidden(forbidden: re.Pattern[bytes], text: bytes, matches: bool) -> None:
    assert bool(forbidden.search(text)) is matches


def test_changelog_has_its_headings() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    for heading in ("## [Unreleased]", "### Added", "### Protocol changes"):
        assert f"\n{heading}\n" in changelog


def test_pre_commit_clones_no_hooks() -> None:
    config = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"repo: (.*)", config) == ["local"]


def test_ci_calls_the_one_command() -> None:
    assert "\npython3 -m tests\n" in (ROOT / ".ci" / "run").read_text()
