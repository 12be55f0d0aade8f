"""`wsgimw xray`, `wsgimw run --xray`, and the waterfall that is printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.test_xray import hello
from wsgimw import AccessLog, Compress, RequestId, compose, xray
from wsgimw.cli import main
from wsgimw.devtools import serve
from wsgimw.devtools.xray.waterfall import waterfall
from wsgimw.testing.server import Call, make_environ

SHOP = """
from wsgimw import Compress, RequestId, compose

def app(environ, start_response):
    body = environ["wsgi.input"].read()
    text = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {environ['QUERY_STRING']} "
    text += f"{environ.get('CONTENT_TYPE', '')} {body!r} {environ.get('HTTP_X_NOTE', '')}"
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Seen", text)])
    return [text.encode() * 50]

def textbook(app):
    def bound(environ, start_response):
        yield from app(environ, start_response)
    return bound

def boom(environ, start_response):
    raise ValueError("no such page")

def endless(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    while True:
        yield b"x" * 1_000_000

good = compose(RequestId(), Compress())(app)
bad = compose(RequestId(), textbook)(app)
layer = RequestId()
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "shop_of_the_xray"
    (tmp_path / f"{name}.py").write_text(SHOP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    target, *rest = arguments
    status = main(["xray", f"shop_of_the_xray:{target}", *rest])
    out, err = capsys.readouterr()
    return status, out, err


def test_a_clean_request(shop: None, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "good", "/a?b=c", "-H", "Accept-Encoding: gzip", "-H", "X-Note: é")
    assert status == 0
    lines = out.splitlines()
    assert lines[0].startswith("GET /a?b=c  200 OK  ")
    assert lines[2].split() == ["in", "out", "self", "layer", "what", "it", "did"]
    assert lines[3].startswith("+0.00ms") and "RequestId()" in lines[3]
    assert "header +X-Request-ID" in lines[3]
    assert "B → " in lines[4] and "+Content-Encoding" in lines[4]
    assert "200 OK · 1 block" in lines[5] and lines[5].endswith("closed")
    assert any(line.startswith("X-Seen: GET /a b=c") and line.endswith("by app") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        (["/a", "-d", "x=1"], "POST /a  application/x-www-form-urlencoded b'x=1'"),
        (["PUT", "/a", "-d", "{}", "-H", "Content-Type: text/json"], "PUT /a  text/json b'{}'"),
        (["DELETE", "/a"], "DELETE /a"),
        (["/%C3%A9?q=%20"], "q=%20"),
    ],
)
def test_requests(
    shop: None, capsys: pytest.CaptureFixture[str], arguments: list[str], seen: str
) -> None:
    status, out, _ = run(capsys, "app", *arguments)
    assert status == 0 and seen in out


def test_a_fault_is_a_finding(shop: None, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "bad", "/")
    assert status == 1 and out.count("\n!") == 1 and "textbook" in out and "— rule 22" in out
    status, out, _ = run(capsys, "boom", "/")
    assert status == 1
    assert "raised ValueError" in out and out.endswith("raised ValueError: no such page\n")
    status, out, _ = run(capsys, "endless", "/")
    assert "left before its end" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["GET", "a"], "'a' is no path; it begins with a slash: /a"),
        (["GET", "HEAD", "/a"], "'GET HEAD /a' is no request"),
        (["G T", "/a"], "'G T' is no method"),
        (["/a", "-H", "Accept"], "'Accept' is no header"),
        (["/a", "-H", "A: b\r\nC: d"], "is no header"),
    ],
)
def test_mistakes(
    shop: None, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    status, _, err = run(capsys, "app", *arguments)
    assert status == 2 and message in err and err.count("\n") == 1


def test_a_layer_is_a_mistake(shop: None, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, "layer", "/")
    assert status == 2 and "shop_of_the_xray:layer" in err


def test_faults_stand_below_with_their_rule() -> None:
    def textbook(app: Any) -> Any:
        def bound(environ: Any, start_response: Any) -> Any:
            yield from app(environ, start_response)

        return bound

    textbook.__qualname__ = "textbook"

    def lost(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    app = xray(compose(RequestId(), textbook)(lost))
    Call(app, make_environ()).run()
    text = waterfall(app.recording.requests[0])
    last = text.split("\n\n")[1].splitlines()[-1]
    assert re.fullmatch(
        r"! +textbook +The body of the inner app was never closed; .* — rule 22", last
    )


def test_hostile_text_cannot_leave_its_line() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 \x1b[31mOK", [("X-Evil\n", "a\r\nb\x1b[2J")])
        return [b""]

    xrayed = xray(app)
    Call(xrayed, make_environ(PATH_INFO="/\n\x1b[1m")).run()
    text = waterfall(xrayed.recording.requests[0])
    assert "\x1b" not in text and "\r" not in text
    assert len(text.splitlines()) == text.count("\n") + 1 == 9, "two faults, and no line of theirs"


def test_run_puts_the_xray_outside_of_the_log() -> None:
    shown: Any = serve.shown(compose(Compress())(hello), True)
    assert shown.recording.requests == ()
    body = Call(shown, make_environ(**{"wsgi.errors": Discard()})).run()
    assert body.raw == b"hello"
    assert [lane["layer"] for lane in shown.recording.requests[0]["layers"]] == [
        repr(AccessLog(format="dev")),
        "Compress()",
        "hello",
    ]
    assert not hasattr(serve.shown(hello, False), "recording")


class Discard:
    """A `wsgi.errors` that keeps nothing."""

    def write(self, text: str) -> None: ...

    def writelines(self, lines: list[str]) -> None: ...

    def flush(self) -> None: ...
