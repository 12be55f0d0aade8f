"""The record: one for a request, shared, and plain."""

from __future__ import annotations

import doctest
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.wsgi import make_environ
from wsgimw.record import KEY, Record, record


@pytest.mark.parametrize("module", ["wsgimw.record", "wsgimw.redact", "wsgimw.peers"])
def test_alone(module: str) -> None:
    program = (
        f"import sys, {module}; print([name for name in sys.modules if "
        "name.split('.')[0] == 'werkzeug' or name in ('wsgimw.request_id', 'wsgimw.access_log')])"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    root = Path(__file__).parent.parent
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("module", ["wsgimw.record", "wsgimw.redact", "wsgimw.peers"])
def test_examples(module: str) -> None:
    assert doctest.testmod(import_module(module)).failed == 0


def test_found_or_made() -> None:
    environ = make_environ()
    made = record(environ)
    assert made is environ[KEY] is record(environ) is record(environ.copy())


def test_one_that_is_there_is_never_replaced() -> None:
    mine = object()
    assert record({KEY: mine}) is mine


def test_slotted_and_its_own() -> None:
    one, other = Record(), Record()
    one.reasons.append("a")
    one.extra["k"] = 1
    assert (other.reasons, other.extra) == ([], {})
    with pytest.raises(AttributeError):
        one.requestid = "x"  # type: ignore[attr-defined]


def test_repr_shows_what_is_known() -> None:
    known = Record()
    assert repr(known) == "Record()"
    known.user, known.reasons = "ada", ["a"]
    assert repr(known) == "Record(reasons=['a'], user='ada')"
