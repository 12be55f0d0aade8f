"""The fingerprint: what is the same error, and what is another."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.venvs import ROOT
from wsgimw.errors.fingerprint import fingerprint, kind_of, related
from wsgimw.record import type_name


def caught(function: Callable[[], object]) -> BaseException:
    try:
        function()
    except Exception as error:
        return error
    raise AssertionError("it did not raise")


def load(source: str, name: str = "shop", filename: str = "/srv/shop.py") -> Any:
    """Return the function `view` of some source."""
    space: dict[str, Any] = {"__name__": name}
    exec(compile(textwrap.dedent(source), filename, "exec"), space)
    return space["view"]


VIEW = """
def view(n=0):
    x = 1
    raise ValueError("message")
"""
RECURSIVE = """
def view(n=3):
    if n == 0:
        raise ValueError("end")
    view(n - 1)
"""


def of(source: str, *args: Any, **where: str) -> str:
    view = load(source, **where)
    return fingerprint(caught(lambda: view(*args)))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda: of(VIEW.replace("message", "other")), id="another message"),
        pytest.param(lambda: of(VIEW, filename="/opt/x/shop.py"), id="another path"),
        pytest.param(lambda: of("\n\nimport os\n\n" + VIEW), id="edits above it"),
        pytest.param(lambda: of(VIEW + "\n\ndef more(): ...\n"), id="edits below it"),
    ],
)
def test_the_same(other: Callable[[], str]) -> None:
    assert other() == of(VIEW)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda: of(VIEW.replace("ValueError", "TypeError")), id="another type"),
        pytest.param(lambda: of(VIEW.replace("x = 1\n", "x = 1\n    y = 2\n")), id="another line"),
        pytest.param(lambda: of(VIEW, name="other"), id="another module"),
        pytest.param(
            lambda: of("class A:\n    @staticmethod\n" + textwrap.indent(VIEW, "    ").strip("\n")
                       + "\nview = A.view"), id="another function"
        ),
    ],
)  # fmt: skip
def test_another(other: Callable[[], str]) -> None:
    assert other() != of(VIEW)


def test_any_depth_of_recursion_is_the_same() -> None:
    assert of(RECURSIVE, 3) == of(RECURSIVE, 1) == of(RECURSIVE, 500)


def test_another_process_has_the_same() -> None:
    program = "from tests.test_errors_fingerprint import *; print(of(VIEW), of(RECURSIVE))"
    command = [sys.executable, "-c", program]
    found = {
        subprocess.run(
            command, cwd=ROOT, env={"PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2")
    }
    assert found == {f"{of(VIEW)} {of(RECURSIVE)}\n".encode()}


def test_causes_contexts_and_children_count() -> None:
    plain = ValueError("x")
    caused, contextual, hidden = ValueError("x"), ValueError("x"), ValueError("x")
    caused.__cause__ = KeyError()
    contextual.__context__ = TypeError()
    hidden.__context__ = TypeError()
    hidden.__suppress_context__ = True
    group, other = ExceptionGroup("g", [plain]), ExceptionGroup("g", [KeyError()])
    found = [fingerprint(error) for error in (plain, caused, contextual, group, other)]
    assert len(set(found)) == 5
    assert fingerprint(hidden) == fingerprint(plain)


def test_library_frames_count_only_without_frames_of_the_application() -> None:
    import json

    def one() -> None:
        json.loads("{")

    def two() -> None:
        json.loads("[")

    assert fingerprint(caught(lambda: json.loads("{"))) != fingerprint(caught(one))
    error = caught(one)
    while error.__traceback__ and kind_of(error.__traceback__.tb_frame.f_code) == "application":
        error.__traceback__ = error.__traceback__.tb_next
    assert error.__traceback__ is not None
    assert fingerprint(error) != fingerprint(caught(two).with_traceback(None))


@pytest.mark.parametrize(
    ("filename", "kind"),
    [
        (str(ROOT / "wsgimw" / "exchange.py"), "wsgimw"),
        (__file__, "application"),
        ("<string>", "application"),
        ("<frozen importlib._bootstrap>", "library"),
        ("/x/lib/python3.11/site-packages/flask/app.py", "library"),
        ("/usr/lib/python3/dist-packages/flask/app.py", "library"),
        (str(Path(textwrap.__file__)), "library"),
    ],
)
def test_whose_code(filename: str, kind: str) -> None:
    assert kind_of(compile("0", filename, "exec")) == kind


def test_module_code_has_no_line_of_its_own() -> None:
    one, two = (caught(lambda s=s: load(s)) for s in ("1/0", "\n\n1/0"))  # type: ignore[misc]
    assert fingerprint(one) == fingerprint(two)


def test_cycles_and_great_numbers_end() -> None:
    error = ValueError()
    error.__cause__ = error.__context__ = error
    assert list(related(error)) == [error]
    group = ExceptionGroup("g", [ExceptionGroup("h", [KeyError(n)] * 3) for n in range(500)])
    assert len(list(related(group))) == 100
    assert len(fingerprint(group)) == 12


def test_names_of_types() -> None:
    assert type_name(KeyError) == "KeyError"
    assert type_name(subprocess.CalledProcessError) == "subprocess.CalledProcessError"
