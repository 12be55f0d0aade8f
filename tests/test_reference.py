"""The page about `explain`: its examples run, its tables are those of the checker."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys

import pytest

from tests.venvs import ROOT
from wsgimw import RequestId
from wsgimw.cli import COMMANDS
from wsgimw.devtools.reference import tables
from wsgimw.devtools.rules import RULES

PAGE = ROOT / "docs" / "explain.md"


def test_examples_of_the_page() -> None:
    failed, tried = doctest.testfile(str(PAGE), module_relative=False)
    assert tried > 10
    assert failed == 0


@pytest.mark.parametrize("name", tables())
def test_generated_part(name: str) -> None:
    """`python3 -m wsgimw.devtools.reference` prints what the page must hold."""
    assert f"<!-- {name} -->\n\n{tables()[name]}\n\n<!-- end -->" in PAGE.read_text()


def test_all_rules_are_in_the_table_the_gravest_first() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (error|warning|note) \|", tables()["rules"], re.M)
    assert {id for id, _ in rows} == set(RULES)
    assert [s for _, s in rows] == sorted([s for _, s in rows], key="error warning note".find)


def test_options_of_the_command_are_those_of_the_page() -> None:
    command = [sys.executable, "-m", "wsgimw", "explain", "--help"]
    usage = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    told = set(re.findall(r"^\| `(--[a-z]+)", PAGE.read_text(), re.M))
    assert told == set(re.findall(r"(--[a-z]+)", usage)) - {"--help"}
    assert "explain" in {command.name for command in COMMANDS}


def test_it_prints_itself() -> None:
    command = [sys.executable, "-m", "wsgimw.devtools.reference"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert all(text in done.stdout for text in tables().values())
    assert repr(RequestId()) in PAGE.read_text()
