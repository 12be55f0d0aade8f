"""The pages of docs/ say what is: every block runs, every output is what comes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pages import FENCE, main, masked, play, rewritten, session
from tests.venvs import ROOT

# These have tests of their own, which run them with the names that they speak of.
ELSEWHERE = {
    *("access_log.md", "auth.md", "errors.md", "routing.md", "static.md"),
    *("frameworks.md", "koans.md", "paste_deploy.md", "servers.md"),
    *("explain.md", "matrix.md", "portable.md", "xray.md"),
}
PAGES = [
    path
    for path in sorted((ROOT / "docs").rglob("*.md"))
    if FENCE.search(path.read_text()) and path.name not in ELSEWHERE
]
HEAVY = re.compile(r"^\$ (pytest|wsgimw|python) ", re.MULTILINE)  # starts processes


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path,
            id=str(path.relative_to(ROOT / "docs")),
            marks=[pytest.mark.slow] if HEAVY.search(path.read_text()) else [],
        )
        for path in PAGES
    ],
)
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
def test_each_page_runs(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with session(tmp_path):
        outputs = list(play(path.read_text(), tmp_path))
    assert [masked(output.came) for output in outputs] == [
        masked(output.said) for output in outputs
    ]


@pytest.mark.parametrize(
    ("page", "came"),
    [
        pytest.param("```python\nx = 1\n```\n", [], id="nothing is said"),
        pytest.param("```python\nprint(1)\n```\n\n```text\n2\n```\n", ["1\n"], id="printed"),
        pytest.param("```text\n2\n```\n", [], id="text alone is for reading"),
        pytest.param("```sh\nrm -r x\n```\n", [], id="sh is for reading"),
        pytest.param(
            "```python\n# one.py\nx = 1\n```\n\n```python\nimport one\nprint(one.x, x)\n```\n"
            "\n```text\n```\n",
            ["1 1\n"],
            id="a file, and its names",
        ),
        pytest.param(
            '```python\n# say.py\nprint("hi", __name__)\n```\n'
            "\n```console\n$ python say.py\nx\n```\n",
            ["$ python say.py\nhi __main__\n"],
            id="a command",
        ),
        pytest.param(
            "```ini\n# a.ini\n[x]\n```\n\n```python\nprint(open('a.ini').read())\n```\n"
            "\n```text\n```\n",
            ["# a.ini\n[x]\n\n"],
            id="an ini file",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_play(page: str, came: list[str], tmp_path: Path) -> None:
    with session(tmp_path):
        assert [output.came for output in play(page, tmp_path)] == came


def test_a_page_that_fails_names_its_line(tmp_path: Path) -> None:
    with session(tmp_path), pytest.raises(ZeroDivisionError) as caught:
        list(play("# Title\n\n```python\nx = 1\n1 / 0\n```\n", tmp_path))
    assert (caught.traceback[-1].path, caught.traceback[-1].lineno) == ("page", 4)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("took 0.5 ms", "took 12.25 ms", True, id="times"),
        pytest.param("17:44:48 GET / 200 116 B", "09:01:02 GET / 200 118 B", True, id="a line"),
        pytest.param("GET / 200", "GET / 404", False, id="a status"),
        pytest.param("a  b", "a b", True, id="columns"),
        pytest.param("ab", "a b", False, id="words"),
        pytest.param("id " + "0" * 32, "id " + "f" * 32, True, id="ids"),
    ],
)
def test_what_is_masked(one: str, other: str, same: bool) -> None:
    assert (masked(one) == masked(other)) is same


def test_outputs_are_written_anew() -> None:
    page = "```python\nprint(1)\n```\n\n```text\n2\n```\n\nText.\n"
    assert rewritten(page) == page.replace("2", "1")
    assert rewritten(rewritten(page)) == rewritten(page)


@pytest.mark.parametrize("whole", [True, False])
def test_times_are_written_anew_on_demand(whole: bool) -> None:
    page = '```python\nprint("0.5 ms")\n```\n\n```text\n0.7 ms\n```\n'
    assert ("0.7 ms" in rewritten(page, whole=whole)) is not whole


def test_the_page_of_the_rules_is_what_the_kit_says() -> None:
    from wsgimw.testing.kit import rules_markdown

    # To write it anew: python -m tests.pages
    assert (ROOT / "docs" / "reference" / "rules.md").read_text() == rules_markdown()


def test_main_writes_pages(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1)\n```\n\n```text\n```\n")
    before = (ROOT / "docs" / "reference" / "rules.md").read_text()
    main(["--whole", str(page)])
    assert "```text\n1\n```" in page.read_text()
    assert (ROOT / "docs" / "reference" / "rules.md").read_text() == before
