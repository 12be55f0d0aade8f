"""Stacks of ini files under real servers: a Pyramid app under `pserve`, and `gunicorn --paste`."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tests.serving import Server, environment, serving
from tests.test_paste import metadata
from tests.venvs import ROOT

__all__ = ["metadata"]  # a fixture

pytestmark = pytest.mark.slow

EXAMPLE = ROOT / "examples" / "pyramid_paste"
PSERVE = ("pyramid.scripts.pserve", "development.ini")
GUNICORN = ("gunicorn", "--paste", "development.ini", "--bind", "127.0.0.1:0")
FILTER_APP = """
[filter-app:main]
use = egg:wsgimw#compress
codings = gzip
min_size = 1_000
next = logged

[pipeline:logged]
pipeline = request_id access_log errors static private shop
"""


@pytest.fixture
def shop(metadata: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example, whose server takes any free port."""
    directory = tmp_path / "shop"
    shutil.copytree(EXAMPLE, directory, ignore=shutil.ignore_patterns("__pycache__"))
    path = directory / "development.ini"
    text = path.read_text()
    assert "127.0.0.1:6543" in text
    path.write_text(text.replace("127.0.0.1:6543", "127.0.0.1:0"))
    known = os.pathsep.join(filter(None, [str(metadata), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", known)
    return directory


def check(server: Server) -> None:
    """Ask for what each filter of the example does."""
    status, fields, page = server.get("/", headers={"User-Agent": "tester"})
    assert status == 200
    assert fields["X-Request-ID"].encode() in page
    server.until(r'"GET / HTTP/1\.1" 200 \d+ "-" "tester"')

    accepts = {"Accept-Encoding": "gzip"}
    status, fields, coded = server.get("/catalogue", headers=accepts)
    assert (status, fields["Content-Encoding"]) == (200, "gzip")
    assert zlib.decompress(coded, 31).endswith(b"999,998001\n")
    assert "Content-Encoding" not in server.get("/", headers=accepts)[1]

    status, fields, css = server.get("/static/shop.css")
    assert (status, fields["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert css == (EXAMPLE / "public" / "shop.css").read_bytes()

    assert server.get("/orders")[0] == 401
    known = {"Authorization": f"Basic {base64.b64encode(b'ada:ada').decode()}"}
    assert b"Orders, ada" in server.get("/orders", headers=known)[2]

    status, fields, page = server.get("/fail")
    assert status == 500
    assert b"no such order" not in page and fields["X-Request-ID"].encode() in page
    server.until(r'"GET /fail HTTP/1\.1" 500 ')
    assert server.output.count("LookupError: no such order") == 1


@pytest.mark.parametrize(
    ("command", "says"),
    [
        pytest.param(PSERVE, r"Serving on http://127\.0\.0\.1:(\d+)", id="pserve"),
        pytest.param(GUNICORN, r"http://127\.0\.0\.1:(\d+)", id="gunicorn --paste"),
    ],
)
def test_the_example_serves(command: tuple[str, ...], says: str, shop: Path) -> None:
    with serving(*command, says=says, cwd=shop) as server:
        check(server)


def test_a_filter_app_serves(shop: Path) -> None:
    path = shop / "development.ini"
    before, _, after = path.read_text().partition("[pipeline:main]")
    path.write_text(before + FILTER_APP + after.partition("private shop\n")[2])
    with serving(*GUNICORN, cwd=shop) as server:
        check(server)


@pytest.mark.parametrize("command", [PSERVE, GUNICORN], ids=["pserve", "gunicorn --paste"])
def test_a_mistake_ends_the_server_and_is_named(command: tuple[str, ...], shop: Path) -> None:
    path = shop / "development.ini"
    path.write_text(path.read_text().replace("min_size = 1_000", "min_size = 1k"))
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=shop,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    said = "[filter:compress] of development.ini: min_size = '1k': it takes a whole number"
    assert said in done.stdout + done.stderr


def test_the_example_says_what_it_is_and_how_it_is_run() -> None:
    for name in ("shop.py", "development.ini"):
        lines = (EXAMPLE / name).read_text().splitlines()
        assert lines[0].endswith(('."""', "."))
        assert lines[-1].startswith("# cd examples/pyramid_paste && ")
    commands = (EXAMPLE / "development.ini").read_text().splitlines()[-2:]
    assert f"python -m {' '.join(PSERVE)}" in commands[0]
    assert " ".join(GUNICORN[:3]) in commands[1]
