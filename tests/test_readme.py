"""The README says what is: its snippets run, its links lead somewhere, its tables are complete."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

import wsgimw
from tests.pages import console, masked
from tests.serving import serving
from tests.venvs import ROOT
from tests.verdicts import counts
from wsgimw.cli import main
from wsgimw.testing import lint
from wsgimw.testing.rules import RULES

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
PYTHON = [text for language, text in BLOCKS if language == "python"]
SHELL = [text.strip() for language, text in BLOCKS if language == "sh"]
PLAIN = [text for language, text in BLOCKS if not language]
DEMO = 'python3 -m venv .venv && .venv/bin/pip install -q ".[all]" && .venv/bin/wsgimw demo'


def run(source: str, names: dict[str, Any] | None = None) -> tuple[dict[str, Any], str]:
    """Execute a snippet; return its names and what it printed."""
    names = {} if names is None else names
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(source, "README.md", "exec"), names)
    return names, printed.getvalue()


def answer(app: Any) -> tuple[str, bytes]:
    """Request `/` of an app under the linter; return the status and the body."""
    import webtest

    # WebTest has a linter of its own, in which a HEAD or a stream is as strict.
    response = webtest.TestApp(lint(app)).get("/")
    return response.status, response.body


@pytest.mark.parametrize("source", [pytest.param(text, id=text[:40]) for text in PYTHON])
def test_each_snippet_runs(source: str) -> None:
    run(source)


def test_the_first_snippet_is_short() -> None:
    assert len([line for line in PYTHON[0].splitlines() if line.strip()]) <= 8


def test_printed_stack_is_what_the_snippet_prints() -> None:
    names, printed = run(PYTHON[0])
    assert printed == PLAIN[0]
    assert repr(names["stack"]) + "\n" == PLAIN[0]


def test_snippet_answers(capsys: pytest.CaptureFixture[str]) -> None:
    names, _ = run(PYTHON[0])
    assert answer(names["application"]) == ("200 OK", b"Hello\n")
    assert " GET / 200 " in capsys.readouterr().err


def test_onion_is_of_that_stack() -> None:
    names, _ = run(PYTHON[0])
    titles = re.findall(r"--v-- (.*?) -+\^", PLAIN[1])
    assert titles == [*map(repr, names["stack"]), "app"]


def test_the_two_commands() -> None:
    assert SHELL[:2] == [DEMO, "python3 -m tests"]


def works_with(name: str) -> str:
    found = re.search(rf"^\| {name}[^|]*\| `([^`]*)`", README, re.MULTILINE)
    assert found is not None
    return found[1]


def test_works_with_flask(capsys: pytest.CaptureFixture[str]) -> None:
    flask = pytest.importorskip("flask")
    flask_app = flask.Flask("shop")
    flask_app.add_url_rule("/", view_func=lambda: "Hello")
    names, _ = run(PYTHON[0])
    run(works_with("Flask"), names | {"flask_app": flask_app})
    assert answer(flask_app) == ("200 OK", b"Hello")
    assert " GET / 200 " in capsys.readouterr().err


def test_works_with_django(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("django")

    def get_wsgi_application() -> Any:  # Django can be configured once in a process: an example is
        names, _ = run(PYTHON[0])
        return names["app"]

    names, _ = run(PYTHON[0])
    names, _ = run(works_with("Django"), names | {"get_wsgi_application": get_wsgi_application})
    assert answer(names["application"]) == ("200 OK", b"Hello\n")
    assert " GET / 200 " in capsys.readouterr().err


def test_works_with_any_app(capsys: pytest.CaptureFixture[str]) -> None:
    names, _ = run(PYTHON[0])
    run(works_with("any WSGI app"), names)
    assert answer(names["application"]) == ("200 OK", b"Hello\n")
    assert " GET / 200 " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        pytest.param(works_with("gunicorn"), ["--bind", "127.0.0.1:0"], id="gunicorn"),
        pytest.param("wsgimw run hello:application", ["--port", "0"], id="wsgimw run"),
    ],
)
def test_works_with_server(command: str, extra: list[str], tmp_path: Path) -> None:
    assert f"`{command}`" in README
    (tmp_path / "hello.py").write_text(PYTHON[0])
    with serving(*shlex.split(command), *extra, cwd=tmp_path) as server:
        status, fields, body = server.get("/")
        server.until(r" GET / 200 ")
    assert (status, body) == (200, b"Hello\n")
    assert len(fields["X-Request-ID"]) == 32


def test_its_stack_keeps_the_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hello.py").write_text(PYTHON[0])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    try:
        assert main(["check", "hello:stack"]) == 0
    finally:
        sys.modules.pop("hello", None)
    assert " probes passed" in capsys.readouterr().out
    assert "`wsgimw check hello:stack`" in " ".join(README.split())


def test_local_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_table_has_every_layer() -> None:
    table = README.partition("## Layers")[2].partition("\n## ")[0]
    cells = " ".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))
    named = set(re.findall(r"`@?(\w+)", cells))
    others = {"Exchange", "Layer", "Stack", "compose", "explain", "xray"}  # no layers
    assert named == set(wsgimw.__all__) - others


def test_table_is_in_the_order_that_is_meant() -> None:
    order = (ROOT / "docs" / "order.md").read_text().split("```")[1]
    meant = [name.strip() for name in order.split(">") if name.strip() not in ("guards", "app")]
    table = README.partition("## Layers")[2].partition("\n## ")[0]
    shown = re.findall(r"^\| `(\w+)", table, re.MULTILINE)
    assert [name for name in shown if name in meant] == meant


def test_no_badges() -> None:
    assert "![" not in README


def test_what_it_promises_is_counted() -> None:
    found = json.loads((ROOT / "docs" / "data" / "published.json").read_text())
    probes = sum(len(rule.probes) for rule in RULES.values())
    musts = counts(found).split()[3]
    text = " ".join(README.split())
    assert f"held to {len(RULES)} [rules](docs/reference/rules.md) of WSGI and HTTP" in text
    assert f"by {probes} probes: alone, six deep, and beside every other layer" in text
    assert f"of {len(found)} published ones [{musts} break a MUST]" in text


def test_the_xray_shows_what_is_shown(tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(PYTHON[0])
    command = "wsgimw xray hello:application /"
    assert f"`{command}`" in README
    assert masked(PLAIN[2]) in masked("".join(console(f"$ {command}\n", tmp_path)))


def test_links_into_pages_lead_to_a_heading() -> None:
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", README):
        text = (ROOT / path).read_text() if path else README
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        slugs = [re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in headings]
        assert anchor in slugs
