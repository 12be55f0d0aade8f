"""Each example runs: imported, under the linter, and over a real server."""

from __future__ import annotations

import ast
import importlib
import json
import re
import socket
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
import webtest
from werkzeug.test import Client

from tests.serving import serving
from tests.venvs import ROOT
from wsgimw.cli import main
from wsgimw.testing import lint

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
STACKED = {
    "raw_app": "application",
    "flask_app": "app",
    "django_app": "application",
    "bottle_app": "application",
    "falcon_app": "application",
}
EXPORTING = ["flask_app", "django_app", "bottle_app", "falcon_app"]


def load(name: str) -> Any:
    """Import an example as `wsgimw run` does."""
    return importlib.import_module(f"examples.{name}")


def client(name: str) -> webtest.TestApp:
    return webtest.TestApp(lint(getattr(load(name), STACKED[name])))


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in EXAMPLES])
def test_begins_with_a_sentence_and_ends_with_its_command(path: Path) -> None:
    source = path.read_text()
    docstring = ast.get_docstring(ast.parse(source)) or ""
    assert docstring.endswith(".") and "\n\n" not in docstring
    last = source.splitlines()[-1]
    assert last.startswith(("# wsgimw run ", "# wsgimw check "))
    assert f"examples.{path.stem}:" in last


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in EXAMPLES])
def test_imports_alone(path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", f"import examples.{path.stem}"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)


@pytest.mark.parametrize("name", STACKED)
def test_page(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer = client(name).get("/", headers={"User-Agent": "tester"})
    request_id = answer.headers["X-Request-ID"]
    assert len(request_id) == 32
    assert request_id in answer.text
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert '"GET / HTTP/1.0" 200 ' in line and line.endswith('"tester"\n')


@pytest.mark.parametrize(
    "name",
    ["raw_app", "flask_app", "bottle_app"],  # Django leaves it to its server, Falcon to the app
)
def test_head(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer = client(name).head("/")
    assert (answer.status_int, answer.body) == (200, b"")
    assert '"HEAD / HTTP/1.0" 200 ' in capsys.readouterr().err


@pytest.mark.parametrize("name", STACKED)
@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_error(name: str, accept: str, capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"paste.throw_errors": False}  # WebTest would have errors raised, a server has not
    answer = client(name).get(
        "/fail", headers={"Accept": accept}, extra_environ=environ, expect_errors=True
    )
    request_id = answer.headers["X-Request-ID"]
    assert answer.status_int == 500
    assert "no such order" not in answer.text
    if accept == "*/*":
        assert request_id in answer.text
    else:
        assert json.loads(answer.text)["request_id"] == request_id
    assert '"GET /fail HTTP/1.0" 500 ' in capsys.readouterr().err


@pytest.mark.parametrize("name", EXPORTING)
def test_export_is_a_compressed_stream(name: str) -> None:
    app = lint(getattr(load(name), STACKED[name]))  # WebTest would decode the content
    with Client(app).get("/export", headers={"Accept-Encoding": "gzip"}, buffered=False) as answer:
        blocks = [*answer.iter_encoded()]
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Content-Length" not in answer.headers
    rows = zlib.decompress(b"".join(blocks), 31).splitlines()
    assert (len(rows), rows[-1]) == (1000, b"999,998001")
    assert len(blocks) >= 10


@pytest.mark.parametrize("name", EXPORTING)
def test_when_leaves_other_pages_alone(name: str) -> None:
    answer = client(name).get("/", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers


def test_unless_leaves_the_health_page_unlogged(capsys: pytest.CaptureFixture[str]) -> None:
    assert client("raw_app").get("/health").status_int == 200
    assert capsys.readouterr().err == ""


def test_proxy_fix_is_a_layer(capsys: pytest.CaptureFixture[str]) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9"}
    client("raw_app").get("/", headers=headers, extra_environ={"REMOTE_ADDR": "127.0.0.1"})
    assert capsys.readouterr().err.startswith("203.0.113.9 - - [")


def test_three_ways_to_write_a_layer(capsys: pytest.CaptureFixture[str]) -> None:
    example = load("write_your_own_layer")
    answer = webtest.TestApp(lint(example.application)).get("/")
    for name in ("X-Served-By", "X-By-Hooks", "X-By-Generator"):
        assert answer.headers[name] == socket.gethostname()
    assert re.fullmatch(r"/: 200 OK, 37 B, \d+\.\d ms\n", capsys.readouterr().out)


@pytest.mark.parametrize("layer", ["plain", "ServedBy()", "served_by()"])
def test_own_layers_are_clean(layer: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", f"examples.write_your_own_layer:{layer}"]) == 0


@pytest.mark.parametrize("name", STACKED)
def test_over_a_real_server(name: str) -> None:
    command = (ROOT / "examples" / f"{name}.py").read_text().splitlines()[-1].removeprefix("# ")
    with serving(*command.split(), "--port", "0", "--threads") as server:
        status, fields, page = server.get("/")
        failed = server.get("/fail", headers={"Accept": "application/json"})
        server.until('"GET / HTTP/1.1" 200 ')
        server.until('"GET /fail HTTP/1.1" 500 ')
    assert status == 200
    assert fields["X-Request-ID"].encode() in page
    assert json.loads(failed[2])["request_id"] == failed[1]["X-Request-ID"]
    assert server.output.count('"GET / HTTP/1.1" 200 ') == 1
    assert server.output.count('"GET /fail HTTP/1.1" 500 ') == 1
    assert server.output.count("LookupError: no such order") == 1
