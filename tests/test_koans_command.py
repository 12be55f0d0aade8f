"""`wsgimw koans new` and `check`: what a learner reads, and how he gets on."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.koans_chapter import solution
from tests.venvs import ROOT
from wsgimw.cli import main
from wsgimw.devtools.koans import command
from wsgimw.devtools.koans.judge import Verdict, judge
from wsgimw.devtools.koans.lessons import KOANS, Koan
from wsgimw.devtools.koans.progress import NAME


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Judge in this process, and note what was judged."""
    names: list[str] = []

    def try_here(koan: Koan, path: Path) -> Verdict:
        names.append(koan.name)
        return judge(koan, path.read_text(encoding="utf-8"), str(path))

    monkeypatch.setattr(command, "try_koan", try_here)
    return names


@pytest.fixture
def koans(tmp_path: Path, capsys: pytest.CaptureFixture[str], tried: list[str]) -> Path:
    """A fresh directory of koans, which is the current one's `koans`."""
    os.chdir(tmp_path)
    assert main(["koans", "new", "koans"]) == 0
    capsys.readouterr()
    return tmp_path / "koans"


@pytest.fixture(autouse=True)
def _stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)


def checked(capsys: pytest.CaptureFixture[str], directory: str = "koans") -> tuple[int, str]:
    status = main(["koans", "check", directory])
    out, err = capsys.readouterr()
    return status, out + err


def repair(directory: Path, *koans: Koan) -> None:
    for koan in koans:
        (directory / koan.name).write_text(solution(koan), encoding="utf-8")


def test_new(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["koans", "new", "deep/my koans"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "    wsgimw koans check 'deep/my koans'"
    made = tmp_path / "deep" / "my koans"
    assert {path.name for path in made.iterdir()} == {koan.name for koan in KOANS} | {"README.md"}
    assert all((made / koan.name).read_text(encoding="utf-8") == koan.source for koan in KOANS)
    readme = (made / "README.md").read_text(encoding="utf-8")
    assert "wsgimw koans check 'deep/my koans'" in readme
    assert "solution" not in readme


@pytest.mark.parametrize("name", [KOANS[0].name, KOANS[-1].name, "README.md", NAME])
def test_new_overwrites_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / name).write_text("mine")
    assert main(["koans", "new", "."]) == 2
    text = f". holds {name} already, and nothing is overwritten; name another directory"
    assert capsys.readouterr().err == f"wsgimw koans: {text}\n"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_new_beside_other_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["koans", "new", "."]) == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("action", "directory", "text"),
    [
        pytest.param(
            "check", "nowhere", "nowhere holds no koans; write them with: wsgimw", id="no"
        ),
        pytest.param("check", ".", ". holds no koans; write them with: wsgimw koans new .", id="."),
        pytest.param("new", "file", "File exists: 'file'", id="a file"),
        pytest.param("new", "file/x", "Not a directory: 'file/x'", id="below a file"),
    ],
)
def test_a_directory_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], action: str, directory: str, text: str
) -> None:
    (tmp_path / "file").touch()
    assert main(["koans", action, directory]) == 2
    err = capsys.readouterr().err
    assert text in err
    assert err.count("\n") == 1


def test_the_first_page(koans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out = checked(capsys)
    assert status == 1
    assert out == FIRST


FIRST = """\
................  0 of 16

01_order.py: Reading the order of a stack

The law of order is broken: The first layer of a stack is the outermost
  PEP 3333, "Middleware: Components that Play Both Sides"
  expected the 401 to have X-Content-Type-Options: nosniff; but it has not: the 401 is
  made outside of the layer that adds the header, and never passes it

What the client saw:
  > GET /
  < 401 Unauthorized
  < Content-Type: text/plain
  < b'Who are you?'

Hint 1 of 3: A request goes through the list from top to bottom, its answer from bottom
to top. Which layer answers a stranger, and which ones does that answer still pass?

Edit koans/01_order.py, then ask again (as it is, for a bigger hint):

    wsgimw koans check koans
"""


def hint(out: str) -> str:
    return next(line for line in out.splitlines() if line.startswith("Hint "))


def test_hints_grow_while_the_same_is_wrong(
    koans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repair(koans, *KOANS[:4])
    koan = KOANS[4]
    path = koans / koan.name
    hints = [hint(checked(capsys)[1]) for _ in range(4)]
    assert [line[:11] for line in hints] == [f"Hint {n} of 3" for n in (1, 2, 3, 3)]
    last = checked(capsys)[1]
    assert "then ask again:\n" in last
    path.write_text(koan.source + "\n# an edit that changes nothing\n", encoding="utf-8")
    assert hint(checked(capsys)[1]).startswith("Hint 3 of 3")
    path.write_text("def size(app):\n    return app\n", encoding="utf-8")
    out = checked(capsys)[1]
    assert "size does not do what it is meant to do" in out
    assert hint(out).startswith("Hint 1 of 3: The comment at the top of the file says")
    path.write_text(koan.source, encoding="utf-8")
    assert hint(checked(capsys)[1]) == hints[0]


def test_a_rule_that_the_koan_did_not_begin_with(
    koans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    koan = KOANS[1]
    repair(koans, KOANS[0])
    source = solution(koan).replace(
        "        log = ", "        environ = type('Env', (dict,), {})(environ)\n        log = "
    )
    (koans / koan.name).write_text(source, encoding="utf-8")
    out = checked(capsys)[1]
    assert "Rule 3 is broken: environ is a plain dict, and not the layer's" in out
    assert "  That is not the rule that this koan began with.\n" in out
    assert "tried: The app looks at the type of its environ." in out
    assert "What the client saw" not in out
    assert hint(out).startswith("Hint 1 of 2: Frameworks and C servers ask for the exact type")
    assert "Hint 2 of 2: environ stays an exact dict" in checked(capsys)[1]


def test_trouble(koans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (koans / KOANS[0].name).write_text("print('here')\n1 / 0\n", encoding="utf-8")
    status, out = checked(capsys)
    assert status == 1
    assert "stack cannot be judged yet\n  ZeroDivisionError: division by zero\n" in out
    assert "\n    line 2: 1 / 0\n" in out
    assert "What the koan printed:\n  here\n" in out
    assert "Hint 1 of 1: The message says where." in out
    assert "Traceback" not in out


def test_a_terminal_that_does_not_know_the_sign(
    koans: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    repair(koans, *KOANS[:2])
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    assert main(["koans", "check", "koans"]) == 1
    sys.stdout.seek(0)
    assert r"the server cannot send 'well \u2713': it is a str" in sys.stdout.read()


def test_what_has_passed_is_not_judged_again(
    koans: Path, capsys: pytest.CaptureFixture[str], tried: list[str]
) -> None:
    repair(koans, *KOANS[:3])
    out = checked(capsys)[1]
    assert out.count("passed  0") == 3
    assert "###.............  3 of 16" in out
    assert tried == [koan.name for koan in KOANS[:4]]
    tried.clear()
    assert "passed" not in checked(capsys)[1]
    assert tried == [KOANS[3].name]
    tried.clear()
    (koans / KOANS[1].name).write_text(KOANS[1].source, encoding="utf-8")
    assert "#...............  1 of 16" in checked(capsys)[1]
    assert tried == [KOANS[1].name]


@pytest.mark.parametrize(
    "memory",
    [
        pytest.param("", id="empty"),
        pytest.param("[]", id="a list"),
        pytest.param('{"version": 1}', id="without the rest"),
        pytest.param('{"version": 9, "passed": {}, "finding": []}', id="another version"),
        pytest.param('{"version": 1, "passed": [], "finding": []}', id="passed is no dict"),
        pytest.param('{"version": 1, "passed": {}, "finding": ["a"]}', id="a short finding"),
        pytest.param('{"version": 1, "passed": {}, "finding": ["a", "b", "c"]}', id="no number"),
        pytest.param('{"version": 1, "passed": {}, "finding": 3}', id="no list"),
    ],
)
def test_a_memory_that_is_not_ours_is_forgotten(
    koans: Path, capsys: pytest.CaptureFixture[str], memory: str
) -> None:
    (koans / NAME).write_text(memory)
    assert checked(capsys) == (1, FIRST)
    assert json.loads((koans / NAME).read_text())["finding"][2] == 1


def test_a_memory_that_cannot_be_kept(koans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (koans / NAME).mkdir()
    assert [checked(capsys) for _ in range(2)] == [(1, FIRST)] * 2


def test_a_koan_that_is_gone(koans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repair(koans, KOANS[0])
    (koans / KOANS[1].name).unlink()
    status, out = checked(capsys)
    assert status == 1
    assert "1 of 16\n\n02_after.py is not there. To get it back, write a second directory" in out


@pytest.mark.parametrize(
    ("no_color", "coloured"),
    [pytest.param("", True, id="colours"), pytest.param("1", False, id="NO_COLOR")],
)
def test_colours_on_a_terminal(
    koans: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    no_color: str,
    coloured: bool,
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    out = checked(capsys)[1]
    assert ("\x1b[31mThe law of order is broken" in out) is coloured
    assert ("  \x1b[36m< 401 Unauthorized\x1b[0m\n" in out) is coloured
    assert ("\x1b" in out) is coloured


def test_the_whole_way(koans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the first koan to the farewell, each repaired in turn."""
    for done, koan in enumerate(KOANS):
        status, out = checked(capsys)
        assert status == 1
        assert f"  {done} of {len(KOANS)}\n\n{koan.name}: {koan.topic}\n" in out
        title = "The law of order" if koan.rule is None else f"Rule {koan.rule}"
        assert f"\n{title} is broken: " in out
        assert "\nWhat the client saw:\n" in out
        repair(koans, koan)
    status, out = checked(capsys)
    assert status == 0
    assert "################  16 of 16\n" in out
    assert "wsgimw check MODULE:LAYER" in out
    assert "Next: write a layer of your own." in out
    assert checked(capsys)[0] == 0


@pytest.mark.slow
def test_the_command_itself(tmp_path: Path) -> None:
    """Over the command line, with a process for each koan, as a learner does it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    environment.pop("NO_COLOR", None)

    def wsgimw(*arguments: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "wsgimw", "koans", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
        return done.returncode, done.stdout, done.stderr

    assert wsgimw("new", "koans")[0] == 0
    assert wsgimw("check", "koans") == (1, FIRST, "")
    repair(tmp_path / "koans", *KOANS[:8])
    status, out, err = wsgimw("check", "koans")
    assert (status, err) == (1, "")
    assert "########........  8 of 16\n\n09_write.py: " in out
    repair(tmp_path / "koans", *KOANS[8:])
    status, out, err = wsgimw("check", "koans")
    assert (status, err) == (0, "")
    assert "################  16 of 16\n" in out
