"""`wsgimw demo`: the site behind the stack, over a real server."""

from __future__ import annotations

import html
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import webtest
from werkzeug.serving import BaseWSGIServer

from tests.serving import serving
from tests.venvs import ROOT
from wsgimw import CatchErrors, Compress, Layer, RequestId, Stack, compose
from wsgimw.cli import main
from wsgimw.devtools import demo, demo_check, visitor
from wsgimw.devtools.demo_check import CHECKS
from wsgimw.devtools.site import ADDRESSES, BLOCKS, site
from wsgimw.devtools.visitor import Lines, Reader, Wrong
from wsgimw.testing import lint

UNWHOLE = ("/events", "/fail", "/broken-stream")


def test_check_in_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "wsgimw", "demo", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    *rows, _, total = done.stdout.splitlines()
    assert len(rows) == 1 + len(CHECKS) + 5
    assert all(row.startswith("ok ") for row in rows[1:])
    assert re.fullmatch(r"(\d+) of \1 checks passed", total)


def test_check_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--check"]) == 0
    assert "WRONG" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("layers", "wrong"),
    [
        pytest.param(lambda log: compose(log, CatchErrors(), Compress()), "RequestId", id="no id"),
        pytest.param(
            lambda log: compose(RequestId(), log, CatchErrors()), "Compress", id="no compression"
        ),
        pytest.param(
            lambda log: compose(RequestId(), log, Compress()), "CatchErrors", id="no catch"
        ),
        pytest.param(
            lambda log: compose(RequestId(), Compress(), CatchErrors(), log),
            "AccessLog",
            id="log inside compression",
        ),
    ],
)
def test_check_finds_a_stack_that_lacks_something(
    layers: Callable[[Layer], Stack],
    wrong: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(demo_check, "stack", layers)
    monkeypatch.setattr(visitor, "PATIENCE", 0.3)
    assert main(["demo", "--check"]) == 1
    rows = capsys.readouterr().out.splitlines()
    assert any(row.startswith("WRONG") and wrong in row for row in rows)


def test_stack_of_the_demo_is_that_of_the_readme() -> None:
    assert f"{demo.stack()!r}\n" in (ROOT / "README.md").read_text()


def test_serves_until_ctrl_c() -> None:
    with serving("wsgimw", "demo", "--port", "0") as server:
        first = server.get("/json", headers={"Accept-Encoding": "gzip"})
        failed = server.get("/fail")
        server.until("GET /json 200 .*\n")
        server.until("GET /fail 500 .*\n")
        assert server.stop(signal.SIGINT) == 0
    assert first[0] == 200
    request_id = failed[1]["X-Request-ID"]
    assert request_id.encode() in failed[2]
    assert repr(demo.stack()) in server.output
    for address in ADDRESSES:
        assert f"http://127.0.0.1:{server.port}{address.path} " in server.output
    assert len(re.findall(r"^\d\d:\d\d:\d\d GET /(?:json 200|fail 500) ", server.output, re.M)) == 2
    assert server.output.count("Traceback") == 1
    assert "KeyboardInterrupt" not in server.output


def test_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["demo", "--port", str(port)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"wsgimw demo: cannot listen on http://127.0.0.1:{port}: Address already in use; "
        "choose another port with --port\n"
    )


def test_serves_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    served: list[int] = []

    def serve_forever(server: BaseWSGIServer, poll_interval: float = 0.5) -> None:
        served.append(server.port)
        server.server_close()

    monkeypatch.setattr(BaseWSGIServer, "serve_forever", serve_forever)
    assert main(["demo", "--port", "0"]) == 0
    assert f"http://127.0.0.1:{served[0]}/order " in capsys.readouterr().out


def client(pace: Callable[[float], object] = lambda seconds: None) -> webtest.TestApp:
    return webtest.TestApp(lint(site(demo.stack(), pace=pace)))


@pytest.mark.parametrize("path", [a.path for a in ADDRESSES if a.path not in UNWHOLE])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_page(path: str, method: str) -> None:
    answer = client().request(path, method=method, expect_errors=True)
    assert answer.status_int == (404 if path == "/missing" else 200)
    assert answer.headers["Content-Type"] in ("text/html; charset=utf-8", "application/json")
    assert (answer.body == b"") is (method == "HEAD")


def test_index_explains_the_stack_it_is_given() -> None:
    text = client().get("/").text
    for layer in demo.stack():
        assert text.count(html.escape(repr(layer))) == 2  # as written, and as an onion
    for address in ADDRESSES:
        assert f'href="{address.path}"' in text
    assert "curl -i http://localhost:80/json" in text


def test_json_is_what_the_app_was_given() -> None:
    answer = client().get("/json?q=1", headers={"X-Thing": "<b>"})
    assert answer.json["query"] == "q=1"
    assert answer.json["fields"]["X-Thing"] == "<b>"


def test_stream_is_paced() -> None:
    pauses: list[float] = []
    answer = client(pauses.append).get("/stream")
    assert len(pauses) == BLOCKS
    assert f"Block {BLOCKS} of {BLOCKS}" in answer.text


def test_events_are_made_one_at_a_time() -> None:
    pauses: list[float] = []
    app = site(demo.stack(), pace=pauses.append)
    body: Any = app({"REQUEST_METHOD": "GET", "PATH_INFO": "/events"}, lambda *head: lambda data: 0)
    events = iter(body)
    assert next(events).startswith(b"id: 1\ndata: event 1, made at ")
    assert pauses == []
    assert next(events).startswith(b"id: 2\n")
    assert pauses == [1.0]
    body.close()


@pytest.mark.parametrize(
    ("path", "error"),
    [pytest.param("/fail", ValueError), pytest.param("/broken-stream", RuntimeError)],
)
def test_page_fails(path: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        client().get(path)


def test_other_methods_are_refused() -> None:
    answer = client().post("/", status=405)
    assert answer.headers["Allow"] == "GET, HEAD"


def test_reader_says_what_did_not_come() -> None:
    class Ended:
        headers: dict[str, str] = {}  # noqa: RUF012 (a stand-in)

        def read1(self, size: int) -> bytes:
            return b""

    with pytest.raises(Wrong, match="the end before 'x'"):
        Reader(Ended()).until(b"x")  # type: ignore[arg-type]


def test_lines_say_what_did_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor, "PATIENCE", 0.0)
    with pytest.raises(Wrong, match="the line did not come within 0 s"):
        Lines().wait(lambda lines: lines, "the line")
