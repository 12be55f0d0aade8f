"""`explain`: what it returns, what it prints, and the command."""

from __future__ import annotations

import importlib
import io
import json
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from werkzeug.local import LocalProxy
from werkzeug.middleware.proxy_fix import ProxyFix

import wsgimw
from tests.layers import rows
from tests.venvs import ROOT
from wsgimw import (
    AccessLog,
    CatchErrors,
    Compress,
    Mount,
    RequestId,
    Require,
    Router,
    StaticFiles,
    compose,
    explain,
    when,
)
from wsgimw.cli import main
from wsgimw.devtools import demo
from wsgimw.devtools.site import site
from wsgimw.testing import lint

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise AssertionError("the app is never called")


def unknown(app: Any) -> Any:
    def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        return app(environ, start_response)

    return bound


def test_it_is_at_the_front_door() -> None:
    from wsgimw.devtools.explain import explain as there

    assert wsgimw.explain is there


def test_lines() -> None:
    guard = Require("anyone")
    bound = compose(RequestId(), when("/x", guard), ProxyFix)(app)
    explanation = explain(bound)
    shown = [(each.text, each.kind, each.depth, each.cost) for each in explanation.layers]
    assert shown == [
        ("RequestId()", "layer", 0, "body"),
        ("when('/x', ...)", "layer", 0, "nothing"),
        ("Require('anyone')", "layer", 1, "nothing"),
        ("ProxyFix", "layer", 0, "nothing"),
        ("app", "app", 0, "app"),
    ]
    assert explanation.layers[0].bound is bound
    assert explanation.layers[2].layer is guard
    assert explanation.layers[2].bound is None
    assert explanation.layers[3].layer is ProxyFix
    assert explanation.layers[-1].bound is app
    assert explanation.layers[-1].facts is None


def test_findings_are_at_their_layers_and_together() -> None:
    explanation = explain(compose(Compress(), AccessLog())(app), server="hypercorn")
    whole, *others = explanation.findings
    assert (whole.id, whole.layer) == ("repair-missing", None)
    assert [f.id for f in others] == ["log-inside-compression", "abort-seen-late"]
    assert explanation.layers[1].findings == tuple(others)
    assert explanation.layers[0].findings == ()
    assert [explanation.count(name) for name in ("error", "warning", "note")] == [0, 2, 1]


def test_it_is_a_value() -> None:
    bound = compose(Compress(), AccessLog())(app)
    assert explain(bound) == explain(bound)
    assert explain(bound) != explain(bound, ignore={"log-inside-compression"})


def test_plain_data() -> None:
    explanation = explain(compose(Compress(), AccessLog(), unknown)(app), server="gunicorn")
    data = json.loads(json.dumps(explanation.to_dict()))
    assert data["version"] == 1
    assert data["server"] == "gunicorn"
    assert [each["layer"] for each in data["layers"]] == [
        *("Compress()", "AccessLog()", "unknown", "app")
    ]
    assert data["layers"][1] | {"findings": None} == {
        "layer": "AccessLog()",
        "kind": "layer",
        "depth": 0,
        "cost": "body",
        "headers": [],
        "environ": ["wsgimw.record"],
        "reads": ["peer", "request id"],
        "changes": [],
        "does": ["logs"],
        "known": True,
        "findings": None,
    }
    assert (data["layers"][2]["known"], data["layers"][2]["cost"]) == (False, "?")
    assert data["layers"][3]["cost"] is None
    assert data["layers"][1]["findings"] == data["findings"]
    (finding,) = data["findings"]
    assert (finding["id"], finding["layer"], finding["other"]) == ("log-inside-compression", 1, 0)
    assert set(finding) == {"id", "severity", "message", "why", "fix", "layer", "other"}


def test_printed() -> None:
    stack = compose(when("/x", StaticFiles(ROOT / "docs"), AccessLog()), unknown, Compress())
    text = str(explain(stack(app), server="granian"))
    lines = text.splitlines()
    assert lines[0] == "cost     layer"
    assert "?        unknown" in lines
    assert "body         AccessLog()" in lines
    note = lines.index("body         AccessLog()") + 2
    assert lines[note].startswith("               note answers-unlogged: it stands inside of Stat")
    assert lines[note + 1].startswith("                 ")
    assert lines[-1] == "0 errors, 1 warning, 1 note"
    assert "warning repair-missing: nothing in the stack repairs servers." in text
    assert max(map(len, lines)) <= 100


def test_a_deep_tree_is_not_squeezed() -> None:
    inner: Any = compose(Compress(), AccessLog())(app)
    for _ in range(20):
        inner = Router([Mount("/m", inner)])(app)
    text = str(explain(inner))
    assert "log-inside-compression: it" in text


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        pytest.param(Compress(), TypeError, "layers go into the first call", id="a layer"),
        pytest.param(compose(Compress()), TypeError, "a layer", id="a stack"),
        pytest.param(3, TypeError, "not callable", id="no app"),
    ],
)
def test_refused(given: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        explain(given)


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="did you mean 'once-only'"):
        explain(app, ignore=["once-onyl"])
    with pytest.raises(ValueError, match="did you mean 'granian'"):
        explain(app, server="grania")


def test_nothing_is_called() -> None:
    inner = mock.MagicMock(side_effect=AssertionError)
    explain(compose(*(row.layer for row in rows()), ProxyFix)(inner))
    explain(ProxyFix(inner))
    inner.assert_not_called()


@pytest.mark.parametrize(
    "strange",
    [
        pytest.param(LocalProxy(lambda: 1 / 0), id="proxy that fails"),
        pytest.param(mock.MagicMock(), id="mock"),
        pytest.param(print, id="built-in"),
        pytest.param(lambda *args: None, id="lambda"),
    ],
)
def test_strange_apps_are_named(strange: Any) -> None:
    (line,) = explain(strange).layers
    assert line.kind == "app"
    assert line.text
    assert "0x" not in line.text
    assert [each.kind for each in explain(ProxyFix(strange)).layers] == ["layer", "app"]


def test_a_linted_stack_reads_as_the_bare_one() -> None:
    stack = compose(RequestId(), CatchErrors())
    assert explain(lint(stack)(app)).outline() == explain(stack(app)).outline()


@pytest.mark.parametrize(
    "path",
    # Django can be configured once in a process: its example is explained in one of its own.
    sorted({*(ROOT / "examples").glob("*.py")} - {ROOT / "examples" / "django_app.py"}),
    ids=lambda path: path.stem,
)
def test_examples_have_nothing_to_warn_of(path: Path) -> None:
    found = vars(importlib.import_module(f"examples.{path.stem}"))
    application = found.get("application") or found.get("app") or found["stack"](app)
    explanation = explain(application)
    assert [str(f) for f in explanation.findings if f.severity != "note"] == []


def test_a_very_long_stack() -> None:
    bound = compose(*[RequestId()] * 300)(app)
    assert len(explain(bound, ignore={"once-only"}).layers) == 301


def test_stack_of_the_demo_is_clean() -> None:
    layers = demo.stack(AccessLog(sink=io.StringIO()))
    assert explain(layers(site(layers))).findings == ()


SHOP = """
    from werkzeug.debug import DebuggedApplication
    from wsgimw import AccessLog, Authenticate, CatchErrors, Compress, Require, compose
    from wsgimw.auth import RemoteUser

    def app(environ, start_response):
        raise AssertionError("the app is never called")

    good = compose(AccessLog(), CatchErrors(), Compress())(app)
    warned = compose(Compress(), AccessLog())(app)
    wrong = compose(Require("authenticated"), Authenticate(RemoteUser()))(app)
    console = DebuggedApplication(app, evalex=True, pin_security=False)
    stack = compose(Compress())
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with an app to name, which is the current one."""
    (tmp_path / "explained_shop.py").write_text(textwrap.dedent(SHOP))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    sys.modules.pop("explained_shop", None)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        pytest.param(["good"], 0, id="good"),
        pytest.param(["good", "--strict"], 0, id="good, strictly"),
        pytest.param(["warned"], 0, id="a warning"),
        pytest.param(["warned", "--strict"], 1, id="a warning, strictly"),
        pytest.param(
            ["warned", "--strict", "--ignore", "log-inside-compression"], 0, id="left out"
        ),
        pytest.param(["wrong"], 1, id="an error"),
        pytest.param(["wrong", "--ignore", "require-outside-auth"], 0, id="an error left out"),
        pytest.param(["console"], 0, id="no server is named"),
        pytest.param(["console", "--server", "gunicorn"], 1, id="a server is"),
        pytest.param(["good", "--server", "hypercorn", "--strict"], 1, id="for the whole stack"),
    ],
)
def test_exit_status(
    shop: Path, arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *options = arguments
    assert main(["explain", f"explained_shop:{name}", *options]) == status
    out, err = capsys.readouterr()
    assert out.startswith("cost     layer\n")
    assert err == ""


def test_json(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "explained_shop:warned", "--json", "--strict"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert [each["id"] for each in data["findings"]] == ["log-inside-compression"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        pytest.param(["good", "--ignore", "log"], "ignore holds 'log', which is no rule", id="id"),
        pytest.param(["good", "--server", "iis"], "server is 'iis', which is not", id="server"),
        pytest.param(["stack"], "layers go into the first call", id="a stack"),
        pytest.param(["none"], "explained_shop has no 'none'", id="no such name"),
    ],
)
def test_usage(
    shop: Path, arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *options = arguments
    assert main(["explain", f"explained_shop:{name}", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert text in err


@pytest.mark.parametrize(
    ("target", "named"),
    [("flask_app:app", "<Flask 'examples.flask_app'>"), ("django_app:application", "WSGIHandler")],
)
def test_as_a_process(target: str, named: str) -> None:
    command = [sys.executable, "-m", "wsgimw", "explain", f"examples.{target}", "--strict"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"\napp      {named}\n" in done.stdout
