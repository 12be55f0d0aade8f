"""What `import wsgimw` brings, whatever was imported before: each case in a fresh interpreter."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import pytest

import wsgimw
from tests.gate import CORE
from tests.venvs import ROOT


def run(code: str) -> str:
    """Run a program in a fresh interpreter and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    return done.stdout.strip()


def exists(module: str, name: str = "__name__") -> bool:
    """Tell whether a module, and what it stands on, is written yet."""
    try:
        getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if str(error.name).startswith("wsgimw."):
            return False
        raise
    return True


def lazy_names() -> dict[str, str]:
    lazy: dict[str, str] = wsgimw.__dict__["_LAZY"]
    return lazy


@pytest.mark.parametrize(
    "first",
    [
        pytest.param("pass", id="nothing"),
        pytest.param("import wsgimw.compose", id="the module of its name"),
        pytest.param("import wsgimw.compose as module", id="the module, under another name"),
        pytest.param("from wsgimw.compose import compose, Stack", id="from the module"),
        pytest.param("import wsgimw.exchange", id="the primitive"),
        pytest.param("import wsgimw.onion", id="generators"),
        pytest.param("import wsgimw.misuse, wsgimw.describe", id="what is below"),
        pytest.param("import wsgimw.http.paths", id="the bottom"),
        pytest.param("import importlib; importlib.import_module('wsgimw.compose')", id="importlib"),
        *(
            pytest.param(f"import {module}", id=module)
            for module in sorted({*lazy_names().values(), "wsgimw.testing"})
            if exists(module)
        ),
    ],
)
def test_compose_is_the_function(first: str) -> None:
    code = (
        f"{first}\nimport wsgimw\nfrom wsgimw import compose\nimport wsgimw.compose\n"
        "import wsgimw.compose as again\n"
        "assert compose is wsgimw.compose is again\n"
        "import importlib\nmodule = importlib.import_module('wsgimw.compose')\n"
        "assert module.compose is compose\n"
        "print(type(compose).__name__, compose())"
    )
    assert run(code) == "function compose()"


def test_a_star_imports_everything() -> None:
    if not all(exists(module, name) for name, module in lazy_names().items()):
        pytest.skip("not every layer is there yet")
    code = "from wsgimw import *\nimport wsgimw\nprint(all(map(globals().get, wsgimw.__all__)))"
    assert run(code) == "True"


def test_the_module_is_there_for_who_asks_importlib() -> None:
    module = importlib.import_module("wsgimw.compose")
    assert module.compose is wsgimw.compose
    assert module.__name__ == "wsgimw.compose"


def test_no_other_module_has_the_name_of_what_the_package_offers() -> None:
    offered = set(wsgimw.__all__) - {"compose"}
    modules = {path.stem for path in (ROOT / "wsgimw").iterdir() if path.suffix in ("", ".py")}
    assert not offered & modules


def test_importing_the_package_loads_the_core_alone() -> None:
    code = (
        "import sys\nbefore = set(sys.modules)\nimport wsgimw\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = run(code).split()
    ours = {name for name in loaded if name.partition(".")[0] == "wsgimw"}
    assert ours == {"wsgimw", "wsgimw.http", "wsgimw.http.paths", *(f"wsgimw.{x}" for x in CORE)}
    others = {name.partition(".")[0] for name in loaded} - {"wsgimw"}
    assert others <= sys.stdlib_module_names


@pytest.mark.parametrize("name", sorted(set(wsgimw.__all__) - {*lazy_names()}))
def test_a_name_of_the_core_is_there_at_once(name: str) -> None:
    assert name in vars(wsgimw)


@pytest.mark.parametrize(("name", "module"), sorted(lazy_names().items()))
def test_a_layer_is_loaded_when_its_name_is_asked_for(name: str, module: str) -> None:
    if not exists(module, name):
        pytest.skip(f"{module} is not there yet")
    code = (
        f"import sys, wsgimw\nassert {module!r} not in sys.modules\n"
        f"from wsgimw import {name}\nassert {module!r} in sys.modules\n"
        f"assert {name} is wsgimw.{name} is vars(wsgimw)[{name!r}]\n"
        f"print({name}.__name__)"
    )
    assert run(code) == name


@pytest.mark.parametrize(("name", "module"), sorted(lazy_names().items()))
def test_a_layer_is_kept_once_it_was_loaded(
    name: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exists(module, name):
        pytest.skip(f"{module} is not there yet")
    monkeypatch.delitem(vars(wsgimw), name, raising=False)
    loaded = getattr(wsgimw, name)
    assert vars(wsgimw)[name] is loaded is getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("name", ["Compres", "gzip", "linter", "__wrapped__"])
def test_a_misspelt_name_is_an_attribute_error(name: str) -> None:
    package: Any = wsgimw
    with pytest.raises(AttributeError, match=f"module 'wsgimw' has no attribute '{name}'"):
        getattr(package, name)
    with pytest.raises(ImportError, match=f"cannot import name '{name}'"):
        exec(f"from wsgimw import {name}")


def test_everything_that_is_offered_is_listed() -> None:
    assert set(wsgimw.__all__) <= set(dir(wsgimw))
    assert list(wsgimw.__all__) == sorted(wsgimw.__all__)
    assert {*lazy_names()} <= set(wsgimw.__all__)


@pytest.mark.parametrize("module", [*CORE, "http.paths"])
def test_each_module_can_be_imported_first(module: str) -> None:
    assert run(f"import wsgimw.{module}; print('done')") == "done"
