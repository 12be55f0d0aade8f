"""What servers really do (matrix.md 1), and that no layer of ours minds.

S3, S6 (a wrapper with `__getitem__` alone), S8 and S9 are probes of the conformance kit, which runs
on every layer. What Portable mends is tried on the servers themselves.
"""

from __future__ import annotations

import ast
import gzip
import io
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from tests.layers import Row, rows
from tests.odd_servers import OddServer, WaryInput
from tests.strict_server import app_of
from tests.venvs import ROOT
from wsgimw import (
    Authenticate,
    CatchErrors,
    Decompress,
    Require,
    Route,
    Router,
    StaticFiles,
    compose,
    not_found,
)
from wsgimw.auth import Basic
from wsgimw.request_body import drain, read_body

ROWS = rows()
TEXT = [("Content-Type", "text/plain")]
each_layer = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def failing(environ: Any, start_response: Any) -> Any:
    raise ValueError("as it should be")


def nobody(username: str, password: str) -> None:
    return None


OWN_ANSWERS: list[tuple[str, Any, dict[str, str]]] = [
    ("CatchErrors", CatchErrors(log=False)(failing), {}),
    ("Require", Require({"/": "nobody"})(failing), {}),
    ("Authenticate", Authenticate(Basic(nobody))(failing), {}),
    ("Router", Router([Route("/", not_found)])(failing), {}),
    ("Decompress", Decompress()(failing), {"HTTP_CONTENT_ENCODING": "zip"}),
    (
        "StaticFiles",
        StaticFiles(Path(__file__).parent, prefix="/t")(failing),
        {"PATH_INFO": "/t/wsgi.py"},
    ),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("app", "more"), [pytest.param(app, more, id=name) for name, app, more in OWN_ANSWERS]
)
def test_s1_s11_our_own_answers(app: Any, more: dict[str, str], method: str) -> None:
    """An empty body is one empty block; our values are ASCII, and there is a reason."""
    server = OddServer(REQUEST_METHOD=method, **more)
    body = server.serve(app)
    assert server.status
    assert (body == b"") == (method == "HEAD")


@each_layer
@pytest.mark.parametrize("blocks", [[b"hello"], [b"hel", b"lo"]], ids=["list", "blocks"])
def test_s2_s12_a_server_without_write(row: Row, blocks: list[bytes]) -> None:
    for body in (blocks, iter(blocks)):
        server = OddServer()
        assert server.serve(row.layer(app_of(body))) == b"hello"
        assert server.status == "200 OK"


@each_layer
def test_s4_no_more_than_the_length(row: Row) -> None:
    """A file that is longer than its Content-Length: it passes for the server to cut, or is cut."""
    file = io.BytesIO(b"x" * 10_000)
    headers = [*TEXT, ("Content-Length", "500")]
    server = OddServer(HTTP_ACCEPT_ENCODING="gzip", **{"wsgi.file_wrapper": FileWrapper})
    got: list[Any] = []

    def kept(environ: Any, start_response: Any) -> Any:
        got.append(row.layer(app_of(FileWrapper(file), headers=headers))(environ, start_response))
        return got[0]

    data = server.serve(kept)
    if not isinstance(got[0], FileWrapper):
        coded = dict(server.headers).get("Content-Encoding") == "gzip"
        plain = gzip.decompress(data) if coded else data
        assert len(plain) == 500 or not _touches_bodies(row)


def _touches_bodies(row: Row) -> bool:
    return row.name in ("Compress", "Gzip", "Portable")


@each_layer
def test_s5_own_chunks_are_not_touched(row: Row) -> None:
    """Quixote frames its own chunks."""
    data = b"5\r\nhello\r\n0\r\n\r\n"
    headers = [*TEXT, ("Transfer-Encoding", "chunked")]
    server = OddServer(HTTP_ACCEPT_ENCODING="gzip")
    assert server.serve(row.layer(app_of([data], headers=headers))) == data
    assert ("Transfer-Encoding", "chunked") in server.headers
    assert "Content-Encoding" not in dict(server.headers)


def test_s6_a_range_is_no_file_wrapper(tmp_path: Path) -> None:
    """uWSGI ignores where the file stands."""
    (tmp_path / "file.txt").write_bytes(b"0123456789")
    wrapped: list[Any] = []

    def wrapper(file: Any, size: int = 8192) -> Any:
        wrapped.append(file)
        return FileWrapper(file, size)

    app = StaticFiles(tmp_path, prefix="/f")(failing)
    environ = {"wsgi.file_wrapper": wrapper, "PATH_INFO": "/f/file.txt", "HTTP_RANGE": "bytes=3-5"}
    server = OddServer(**environ)
    assert (server.serve(app), server.status, wrapped) == (b"345", "206 Partial Content", [])


@pytest.mark.parametrize("length", ["5", "0", "", None])
def test_s7_input_is_read_by_its_length(length: str | None) -> None:
    size = int(length or 0)
    environ = OddServer(CONTENT_LENGTH=length).environ
    environ["wsgi.input"] = WaryInput(b"hello"[:size])
    assert read_body(environ, 100) == b"hello"[:size]
    environ["wsgi.input"] = WaryInput(b"hello"[:size])
    assert drain(environ, 100)


def test_s7_decompress() -> None:
    data = gzip.compress(b"hello")
    server = OddServer(CONTENT_LENGTH=str(len(data)), HTTP_CONTENT_ENCODING="gzip")
    server.environ["wsgi.input"] = WaryInput(data)

    def reading(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [*TEXT])
        return [environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))]

    assert server.serve(Decompress()(reading)) == b"hello"


@each_layer
@pytest.mark.parametrize(
    "odd",
    [
        {"SERVER_PORT": 8000},
        {"REMOTE_ADDR": None},
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": "192.0.2.1:5000"},
        {"REMOTE_ADDR": "::ffff:192.0.2.1"},
        {"CONTENT_LENGTH": ""},
        {"CONTENT_LENGTH": "0"},
        {"PATH_INFO": ""},
        {"PATH_INFO": None},
        {"PATH_INFO": "/\xff"},
        {"PATH_INFO": "/\xef\xbf\xbd"},
        {"PATH_INFO": "/a%2Fb"},
    ],
    ids=repr,
)
def test_s13_s14_odd_environs(row: Row, odd: dict[str, Any]) -> None:
    server = OddServer(**odd)
    body = server.serve(row.layer(app_of([b"hello"])))
    if row.name == "Require" and odd.get("PATH_INFO") == "/\xff":
        assert server.status == "400 Bad Request"  # a guard lets no path pass that is not UTF-8
    else:
        assert body == b"hello"


def test_s14_paths_are_decoded_in_one_place() -> None:
    found = []
    for path in (ROOT / "wsgimw").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "urllib.parse":
                names = {alias.name for alias in node.names}
                if names & {"unquote", "unquote_to_bytes"}:
                    found.append(str(path.relative_to(ROOT)))
    # The latter reads what a client sent as credentials.
    assert set(found) <= {"wsgimw/http/paths.py", "wsgimw/auth/masked.py"}


def _flask() -> Any:
    import flask

    app = flask.Flask("s16")
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.add_url_rule("/", view_func=lambda: str(1 // 0))
    return app


def _bottle() -> Any:
    import bottle

    app: Any = bottle.Bottle()
    app.catchall = False
    app.route("/", callback=lambda: 1 // 0)
    return app


def _falcon() -> Any:
    import falcon

    class Failing:
        def on_get(self, request: Any, response: Any) -> None:
            response.text = str(1 // 0)

    def reraise(request: Any, response: Any, error: Exception, params: Any) -> None:
        raise error

    app: Any = falcon.App()
    app.add_route("/", Failing())
    app.add_error_handler(Exception, reraise)
    return app


@pytest.mark.parametrize("make", [_flask, _bottle, _falcon], ids=["flask", "bottle", "falcon"])
def test_s16_the_switch_that_lets_exceptions_out(make: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        OddServer(HTTP_HOST="localhost").serve(make())
    server = OddServer(HTTP_HOST="localhost")
    server.serve(compose(CatchErrors(log=False))(make()))
    assert server.status == "500 Internal Server Error"


def test_s16_django() -> None:
    import os
    import subprocess
    import sys

    code = (
        "from django.conf import settings\n"
        "from django.urls import path\n"
        "settings.configure(ALLOWED_HOSTS=['*'], SECRET_KEY='x', DEBUG_PROPAGATE_EXCEPTIONS=True,\n"
        "    ROOT_URLCONF=type('u', (), {'urlpatterns': [path('', lambda r: 1 // 0)]}))\n"
        "import django; django.setup()\n"
        "from django.core.handlers.wsgi import WSGIHandler\n"
        "from tests.odd_servers import OddServer\n"
        "try: OddServer().serve(WSGIHandler())\n"
        "except ZeroDivisionError: print('out')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "out\n"
