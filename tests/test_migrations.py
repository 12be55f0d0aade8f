"""The tables of docs/migrate/: every option that they name is there, on both sides, and none is
missing.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

import wsgimw
import wsgimw.auth
import wsgimw.testing
from tests.venvs import ROOT

NAME = re.compile(r"`([A-Za-z_]\w*)[(=\[`:.]")


def rows(page: str, here: str) -> list[list[str]]:
    """Return the rows of the table of a page whose second column is headed `here`."""
    text = (ROOT / "docs" / "migrate" / f"{page}.md").read_text()
    found = re.search(rf"^\| [^|]* \| {re.escape(here)} \| \|\n\| ---.*\n((?:\|.*\n)+)", text, re.M)
    assert found is not None
    return [[cell.strip() for cell in row[1:-1].split("|")] for row in found[1].splitlines()]


def options(function: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(function).parameters) - {"self"}


def of_whitenoise() -> set[str]:
    return options(imported("whitenoise", "WhiteNoise").__init__) | {"add_files"}


def of_flask_compress() -> set[str]:
    module = pytest.importorskip("flask_compress.flask_compress")
    return set(re.findall(r"\bCOMPRESS_[A-Z_]+\b", inspect.getsource(module)))


def imported(module: str, name: str) -> Any:
    pytest.importorskip(module.partition(".")[0])
    return getattr(importlib.import_module(module), name)


def of_paste_errors() -> set[str]:
    return options(imported("paste.exceptions.errormiddleware", "ErrorMiddleware"))


def of_translogger() -> set[str]:
    return options(imported("paste.translogger", "TransLogger"))


def of_shared_data() -> set[str]:
    return options(imported("werkzeug.middleware.shared_data", "SharedDataMiddleware"))


def of_debugged() -> set[str]:
    return options(imported("werkzeug.debug", "DebuggedApplication"))


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.parametrize(
    ("page", "here", "there"),
    [
        pytest.param("whitenoise", "StaticFiles", of_whitenoise, id="WhiteNoise"),
        pytest.param("flask_compress", "Compress", of_flask_compress, id="Flask-Compress"),
        pytest.param("paste", "AccessLog", of_translogger, id="TransLogger"),
        pytest.param("paste", "CatchErrors", of_paste_errors, id="ErrorMiddleware"),
        pytest.param("werkzeug", "StaticFiles", of_shared_data, id="SharedDataMiddleware"),
        pytest.param("werkzeug", "CatchErrors", of_debugged, id="DebuggedApplication"),
    ],
)
def test_options(page: str, here: str, there: Callable[[], set[str]]) -> None:
    theirs: set[str] = set()
    mine: set[str] = set()
    for left, right, _ in rows(page, f"`{here}`"):
        theirs |= set(NAME.findall(left))
        mine |= set(NAME.findall(right))
    assert theirs == there()
    assert mine <= options(getattr(wsgimw, here))


@pytest.mark.parametrize("page", ["paste", "werkzeug", "flask_httpauth"])
def test_names_of_ours(page: str) -> None:
    known = {*wsgimw.__all__, *wsgimw.auth.__all__, *wsgimw.testing.__all__, "realm"}
    named = {name for _, right, _ in rows(page, "here") for name in NAME.findall(right)}
    assert named and named <= known


# Paste's urlparser imports pkg_resources, which speaks of its own end.
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:pkg_resources:UserWarning")
def test_names_of_paste() -> None:
    pytest.importorskip("paste")
    for left, _, _ in rows("paste", "here"):
        for module, name in re.findall(r"`(paste[\w.]+):(\w+)`", left):
            assert hasattr(importlib.import_module(module), name)


def test_names_of_werkzeug() -> None:

    named = {name for left, _, _ in rows("werkzeug", "here") for name in NAME.findall(left)}
    there = {"DebuggedApplication"}
    for module in ("dispatcher", "http_proxy", "lint", "profiler", "proxy_fix", "shared_data"):
        there |= set(vars(importlib.import_module(f"werkzeug.middleware.{module}")))
    assert named <= there
    everything = {name for name in there if name.endswith("Middleware")} | {"ProxyFix"}
    assert everything <= named


def test_names_of_flask_httpauth() -> None:
    module = pytest.importorskip("flask_httpauth")
    named = {
        name
        for left, _, _ in rows("flask_httpauth", "here")
        for name in NAME.findall(left)
        if name not in ("header", "role", "optional")
    }
    there = {*dir(module.HTTPBasicAuth), *dir(module.HTTPTokenAuth), *vars(module)}
    there |= options(module.HTTPBasicAuth) | options(module.HTTPDigestAuth)
    assert named <= there
    public = {name for name in dir(module.HTTPBasicAuth) if not name.startswith("_")}
    internal = {"authenticate", "ensure_sync", "get_auth_password", "is_compatible_auth"}
    assert public - internal <= named
