"""Examples are run: those of the modules, of the guide, and the raw API."""

from __future__ import annotations

import doctest
import importlib
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from webtest import TestApp

from tests.venvs import ROOT
from wsgimw.testing import lint

MODULES = [
    "wsgimw.answers",
    *(
        "wsgimw.routing" + (f".{path.stem}" if path.stem != "__init__" else "")
        for path in sorted(Path(ROOT, "wsgimw", "routing").glob("*.py"))
    ),
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_modules(name: str) -> None:
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0


def test_examples_of_the_guide() -> None:
    failed, tried = doctest.testfile(str(ROOT / "docs" / "routing.md"), module_relative=False)
    assert tried > 5 and failed == 0


def test_the_guide_names_all_differences() -> None:
    """Each group of intended differences of the oracle's tests is a row of the guide."""
    guide = (ROOT / "docs" / "routing.md").read_text()
    for words in (
        "next route",
        "ASCII digits",
        "order of registration decides",
        "methods=None",
        "no evidence for a 405",
        "newlines",
        "not merged",
        "in the middle",
        "UTF-8 binds nothing",
        "as they are written",
        "two placements",
        "`Location` is a path",
    ):
        assert words in guide.split("## Differences from werkzeug")[1]


def test_raw_api() -> None:
    example = runpy.run_path(str(ROOT / "examples" / "raw_api.py"))
    client = TestApp(lint(example["application"]))
    assert client.get("/").follow().json == ["/notes/1", "/notes/2"]
    shown = client.get("/notes/1")
    assert shown.json == "Routes are values." and shown.headers["Cache-Control"] == "max-age=60"
    assert client.head("/notes/1").body == b""
    added = client.post("/notes", "Mine.", content_type="text/plain", status=201)
    assert added.headers["Location"] == "/notes/3"
    assert client.get("/n/3", status=308).follow().json == "Mine."
    assert client.delete("/notes/3", status=204).body == b""
    client.delete("/notes/3", status=404)
    client.get("/notes/3", status=404)
    client.get("/notes/x", status=404)
    refused = client.put("/notes/1", status=405)
    assert refused.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS"
    below = client.get("/notes", extra_environ={"SCRIPT_NAME": "/api"})
    assert below.json[0] == "/api/notes/1"
    assert example["router"].check() == ()


def test_raw_api_imports_alone() -> None:
    code = "import runpy, sys; runpy.run_path(sys.argv[1])"
    path = str(ROOT / "examples" / "raw_api.py")
    subprocess.run([sys.executable, "-W", "error", "-c", code, path], check=True, cwd=ROOT)
