"""The stacks of the bench do the same work, and what `wrk` says is read right."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench import bench_stack, load
from tests.bench.bench_stack import BLOCKS, STYLE, hello, pulled, stream
from tests.bench.drive import answer, make_environ
from tests.bench.stacks import CREDENTIALS, WRONG, floor, ours

P = pytest.param
MAKERS = [P(ours, id="ours"), P(floor, id="floor")]
GZIP = {"HTTP_ACCEPT_ENCODING": "gzip"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the file of the bench."""
    directory = tmp_path_factory.mktemp("static")
    (directory / "site.css").write_bytes(STYLE)
    return directory


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("app", "path", "keys", "status", "content"),
    [
        P(hello, "/app/hello", {}, "200 OK", b"Hello, world!", id="hello"),
        P(hello, "/app/hello", GZIP, "200 OK", b"Hello, world!", id="too small for gzip"),
        P(hello, "/static/site.css", {}, "200 OK", STYLE, id="static"),
        P(hello, "/none", {}, "404 Not Found", None, id="not mounted"),
        P(hello, "/app/", {"HTTP_AUTHORIZATION": WRONG}, "401 Unauthorized", None, id="wrong"),
        P(hello, "/app/", {"HTTP_AUTHORIZATION": ""}, "401 Unauthorized", None, id="nobody"),
        P(hello, "/app/", {"HTTP_AUTHORIZATION": "Basic x"}, "401 Unauthorized", None, id="junk"),
        P(stream, "/app/", {}, "200 OK", bench_stack.BLOCK * BLOCKS, id="stream"),
        P(stream, "/app/", GZIP, "200 OK", bench_stack.BLOCK * BLOCKS, id="gzip stream"),
    ],
)
def test_the_same_work(
    make: Any,
    app: Any,
    path: str,
    keys: dict[str, str],
    status: str,
    content: bytes | None,
    root: Path,
) -> None:
    environ = make_environ(path, **{"HTTP_AUTHORIZATION": CREDENTIALS, **keys})
    given, headers, body = answer(make(app, root), environ)
    fields = {name.lower(): value for name, value in headers}
    assert given == status
    coded = fields.get("content-encoding") == "gzip"
    assert coded is (app is stream and bool(keys))
    if content is not None:
        assert (gzip.decompress(body) if coded else body) == content


@pytest.mark.parametrize("make", MAKERS)
def test_one_block_before_the_first_byte(make: Any, root: Path) -> None:
    assert pulled(make, root) == 1e-9


@pytest.mark.parametrize("make", MAKERS)
def test_a_whole_body_has_its_length(make: Any, root: Path) -> None:
    def page(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [STYLE]

    keys = {"HTTP_AUTHORIZATION": CREDENTIALS, **GZIP}
    _, headers, body = answer(make(page, root), make_environ("/app/", **keys))
    assert dict(headers)["Content-Length"] == str(len(body))
    assert gzip.decompress(body) == STYLE


def test_a_file_by_hand_is_conditional(root: Path) -> None:
    app = floor(hello, root)
    tag = dict(answer(app, make_environ("/static/site.css"))[1])["ETag"]
    given = answer(app, make_environ("/static/site.css", HTTP_IF_NONE_MATCH=tag))
    assert (given[0], given[2]) == ("304 Not Modified", b"")


WRK = """Running 1s test @ http://127.0.0.1:8000/
  1 threads and 16 connections
  2300 requests in 1.00s, 300.00KB read
{errors}Requests/sec:   2299.50
"""


def test_what_wrk_says() -> None:
    assert load.read(WRK.format(errors="")) == (2300, 2299.5)


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        P(WRK.format(errors="  Non-2xx or 3xx responses: 7\n"), "responses: 7", id="401"),
        P(WRK.format(errors="  Socket errors: connect 1\n"), "connect 1", id="sockets"),
        P("unable to connect", "unable to connect", id="nobody listens"),
        P("0 requests in 1.00s\nRequests/sec: 0.00", "0 requests", id="no answer"),
    ],
)
def test_a_run_with_errors_is_refused(output: str, problem: str) -> None:
    with pytest.raises(RuntimeError, match=problem):
        load.read(output)


def test_processor_time_is_that_of_the_family() -> None:
    command = "import subprocess, sys; subprocess.run([sys.executable, '-c', {!r}])"
    burn = "sum(range(3_000_000)); print('burnt', flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", command.format(burn)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()
        assert len(list(load.family(process.pid))) == 2
        assert load.ticks(process.pid) > 0
        process.stdin.close()


@pytest.mark.parametrize(
    ("wrk", "found", "said"),
    [
        P(None, True, "sockets left out: there is no wrk", id="no wrk"),
        P("wrk", False, "granian left out: granian is not installed", id="no servers"),
    ],
)
def test_what_is_absent_is_said(
    wrk: str | None,
    found: bool,
    said: str,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: wrk)
    monkeypatch.setattr(bench_stack, "find_spec", lambda name: found or None)
    assert list(bench_stack.over_sockets(root, root)) == []
    assert said in capsys.readouterr().err


def test_a_server_that_does_not_start_is_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(load.COMMANDS, "none", ("-c", "pass"))
    with (
        pytest.raises(RuntimeError, match="did not start"),
        load.served("none", "bare", root, root, os.devnull),
    ):
        pass
