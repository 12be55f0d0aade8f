"""The table of published middleware is what the kit finds, and is written as the data says."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.judged import PUBLISHED
from tests.venvs import ROOT
from tests.verdicts import DATA, PAGE, counts, numbers, page, slug, table
from wsgimw.testing.rules import RULES

STATED: list[dict[str, Any]] = json.loads(DATA.read_text())
# What the tests need anyway; everything else is installed with the group `published`.
OURS = ("Paste", "werkzeug", "whitenoise", "sentry-sdk")


def test_the_page_has_the_table_of_the_data() -> None:
    assert page(STATED) == PAGE.read_text()


def test_at_least_twenty_are_judged() -> None:
    layers = [(one["package"], one["layer"]) for one in STATED]
    assert len(layers) >= 20
    assert layers == [(one.package, one.shown) for one in PUBLISHED]


def test_the_data_names_probes_that_are() -> None:
    for one in STATED:
        for rule, probes in one["fails"].items():
            assert set(probes) <= set(RULES[int(rule)].probes)


@pytest.mark.slow
def test_the_kit_finds_what_the_table_says() -> None:
    # In a process of its own: some of them change what all threads and loggers share.
    command = [sys.executable, "-W", "ignore", "-m", "tests.verdicts", *OURS]
    done = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300
    )
    found = {(one["package"], one["layer"]): one for one in json.loads(done.stdout)}
    stated = {(one["package"], one["layer"]): one for one in STATED}
    same = [key for key in found if found[key]["version"] == stated[key]["version"]]
    assert found and {key: found[key] for key in same} == {key: stated[key] for key in same}


def test_what_is_said_of_some() -> None:
    found: list[dict[str, Any]] = [
        {"package": "a", "version": "1", "layer": "A(app)", "fails": {}},
        {"package": "b", "version": "2", "layer": "B(app)", "fails": {"2": ["two_arguments"]}},
        {
            "package": "c",
            "version": "3",
            "layer": "C(app)",
            "fails": {"22": ["close_early"], "39": ["freed_list"]},
            "left_out": [25, 27],
        },
    ]
    assert (
        counts(found) == "Of 3 middlewares 1 break a MUST, and 1 break no rule that the kit knows."
    )
    assert table(found).splitlines()[2:5] == [
        "| c 3 | `C(app)` \\* | [22] | [39] |",
        "| b 2 | `B(app)` | - | [2] |",
        "| a 1 | `A(app)` | - | - |",
    ]


def test_anchors_are_those_of_the_page() -> None:
    assert slug(22) == "22-close-always-arrives"
    assert numbers([22, 5]) == "[5], [22]"
