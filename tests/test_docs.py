"""The guides say what is: the snippets of those that stand alone run."""

from __future__ import annotations

import re

import pytest

from tests.venvs import ROOT
from wsgimw.access_log.flow import OUTCOMES
from wsgimw.access_log.template import FORMATS

SNIPPETS = [
    pytest.param(text, id=f"{path.name}-{number}")
    for path in [
        ROOT / "docs" / f"{name}.md" for name in ("access_log", "errors", "portable", "xray")
    ]
    for number, text in enumerate(
        re.findall(r"^```python\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE), 1
    )
]


@pytest.mark.parametrize("source", SNIPPETS)
def test_each_snippet_runs(source: str) -> None:
    exec(compile(source, "docs", "exec"), {})


def test_all_outcomes_and_formats_are_told() -> None:
    text = (ROOT / "docs" / "access_log.md").read_text()
    assert not [name for name in OUTCOMES if f"| `{name}` |" not in text]
    assert not [name for name in FORMATS if f'`"{name}"`' not in text]
