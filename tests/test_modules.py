"""What holds for every module: its examples run, and it can be imported first, and alone."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest

import wsgimw
from tests.venvs import ROOT

MODULES = ["wsgimw", *(m.name for m in pkgutil.walk_packages(wsgimw.__path__, "wsgimw."))]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    importlib.import_module(name)
    # `wsgimw.compose` the attribute is the function.
    assert doctest.testmod(sys.modules[name]).failed == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_imports_alone(name: str) -> None:
    command = [sys.executable, "-W", "error", "-c", f"import {name}"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)


@pytest.mark.parametrize("name", MODULES)
def test_says_what_it_is(name: str) -> None:
    importlib.import_module(name)
    assert sys.modules[name].__doc__
