"""The chapter says what the koans say: it is made from them."""

from __future__ import annotations

import re

import pytest

from tests.koans_chapter import CHAPTER, chapter, solution
from wsgimw.devtools.koans.judge import judge
from wsgimw.devtools.koans.lessons import KOANS, Koan

TEXT = CHAPTER.read_text(encoding="utf-8")
SECTIONS = re.split(r"^## ", TEXT, flags=re.MULTILINE)


def code(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_it_is_what_the_koans_make_of_it() -> None:
    """If not: `python -m tests.koans_chapter` writes it anew."""
    assert chapter() == TEXT


@pytest.mark.parametrize("koan", KOANS, ids=lambda koan: koan.name)
def test_its_code_is_broken_and_then_repaired(koan: Koan) -> None:
    (section,) = [part for part in SECTIONS if part.startswith(f"{koan.number}. ")]
    before, fold, after = section.partition("<details>")
    (broken,), (repaired,) = code(before), code(after)
    assert fold
    assert (broken, repaired) == (koan.source, solution(koan))
    assert judge(koan, broken, "docs").kind == "broken"
    assert judge(koan, repaired, "docs").kind == "passed"


def test_the_last_example_runs() -> None:
    (example,) = code(SECTIONS[-1])
    exec(compile(example, "docs", "exec"), {})
