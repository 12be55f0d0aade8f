"""`wsgimw check`: layers by the kit, apps under the linter."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from wsgimw.cli import main
from wsgimw.devtools import check

THINGS = '''
    import sys
    from functools import partial
    from werkzeug.middleware.proxy_fix import ProxyFix
    from wsgimw import AccessLog, CatchErrors, Compress, RequestId, compose

    fix = partial(ProxyFix, x_for=1)
    stack = compose(RequestId(), AccessLog(), CatchErrors(), fix, Compress())

    def identity(app):
        return app

    def joins(app):
        """Loses `close()`, and the pace of a stream."""
        def bound(environ, start_response):
            return [b"".join(app(environ, start_response))]
        return bound

    def forgets(app):
        """Loses `close()`."""
        def bound(environ, start_response):
            yield from app(environ, start_response)
        return bound

    class Body:
        def __init__(self, blocks):
            self.blocks = blocks
        def __iter__(self):
            return iter(self.blocks)
        def close(self):
            pass

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
        return Body([b"hello"] if environ["REQUEST_METHOD"] != "HEAD" else [])

    def no_head(environ, start_response):
        return [b"hello"]

    def wrong_length(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
        return [b"hello"]

    def raises(environ, start_response):
        raise LookupError("no prices")

    def raises_at_close(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "0")])
        class Closing(list):
            def close(self):
                raise OSError("it is gone")
        return Closing()

    def endless(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        while environ["REQUEST_METHOD"] != "HEAD":
            yield b"x" * 1_000_000

    def none(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])

    def text(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return ["hello"]

    def bare(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return b"hello"

    def number_status(environ, start_response):
        start_response(200, [("Content-Type", "text/plain")])
        return []

    def euro(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain"), ("X-Price", "1 \\u20ac")])
        return []

    def triple(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain", "x")])
        return []

    def restarts(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"hello"
        try:
            raise LookupError("no prices")
        except LookupError:
            start_response("500 Oh", [("Content-Type", "text/plain")], sys.exc_info())

    def writes(environ, start_response):
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        if environ["REQUEST_METHOD"] != "HEAD":
            write(b"hello")
        return []

    def odd(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain"), ("Expires", "soon")])
        return [b"hello"] if environ["REQUEST_METHOD"] != "HEAD" else []

    good = stack(app)
    guilty = compose(RequestId(), forgets, CatchErrors())(app)
    mended = compose(RequestId(), AccessLog(), CatchErrors())(raises)
    both_counts = compose
    number = 3
'''


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "things.py").write_text(textwrap.dedent(THINGS))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop("things", None)


@pytest.mark.usefixtures("things")
@pytest.mark.parametrize(
    ("target", "text"),
    [
        pytest.param("identity", "<Report on identity: ", id="function"),
        pytest.param("fix", "probes passed", id="partial of somebody's middleware"),
        pytest.param("Compress()", "<Report on Compress(): ", id="ours"),
        pytest.param(
            "stack",
            "left out, because CatchErrors is there to break them: rules 25, 27",
            id="stack",
        ),
        pytest.param("app", "app: no faults", id="app"),
        pytest.param("good", "app: no faults", id="app in a stack"),
        pytest.param("writes", "writes: no faults", id="app that writes"),
        pytest.param("endless", "endless: no faults", id="endless stream"),
        pytest.param("mended", "500 Internal Server Error, ", id="error that is caught"),
    ],
)
def test_clean(target: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["check", f"things:{target}"])
    out = capsys.readouterr().out
    assert status == 0, out
    assert text in out


@pytest.mark.usefixtures("things")
@pytest.mark.parametrize(
    ("target", "texts"),
    [
        pytest.param("joins", ["joins breaks the protocol", "rule 22: "], id="layer"),
        pytest.param("no_head", ["rule ", "no_head"], id="no head"),
        pytest.param("wrong_length", ["rule 15, ", "wrong_length"], id="wrong length"),
        pytest.param("guilty", ["rule 22, forgets: "], id="the guilty layer of three"),
        pytest.param(
            "raises",
            ["raises raised LookupError: no prices (GET, HEAD, abandoned GET, POST)"],
            id="raises",
        ),
        pytest.param("none", ["rule 20, none: ", "none: 1 fault\n"], id="no body"),
        pytest.param("text", ["rule 20, text: "], id="text for bytes"),
        pytest.param("bare", ["rule 20, bare: "], id="bytes for a list"),
        pytest.param("number_status", ["number_status: "], id="status that is a number"),
        pytest.param("euro", [", euro: "], id="field that is not latin-1"),
        pytest.param("triple", [", triple: "], id="field of three"),
        pytest.param("restarts", ["restarts raised LookupError: no prices"], id="late head"),
        pytest.param("raises_at_close", ["raised OSError: it is gone"], id="raises at close"),
    ],
)
def test_findings(target: str, texts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", f"things:{target}"]) == 1
    out = capsys.readouterr().out
    for text in texts:
        assert text in out


@pytest.mark.usefixtures("things")
def test_endless_stream_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "PATIENCE", 0.0)
    assert main(["check", "things:endless"]) == 0
    assert capsys.readouterr().out.startswith("GET             200 OK, 1,000,000 B\n")


@pytest.mark.usefixtures("things")
def test_nobody_else_is_blamed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", "things:guilty"])
    blamed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("rule")]
    assert blamed
    assert all(", forgets: " in line for line in blamed)


@pytest.mark.usefixtures("things")
@pytest.mark.parametrize(
    ("target", "text"),
    [
        pytest.param("Compress", "this is a class; Compress() would be a layer", id="class"),
        pytest.param("number", "the app is 3, which is not callable", id="number"),
        pytest.param("Body([])", "after the colon stands a name", id="no such call"),
    ],
)
def test_usage(target: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    target = target.replace("Body([])", "Body(x)")
    assert main(["check", f"things:{target}"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert text in err and err.count("\n") == 1


@pytest.mark.usefixtures("things")
def test_requests_that_an_app_gets(capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", "things:good"])
    out, err = capsys.readouterr()
    names = [line.partition("  ")[0] for line in out.splitlines()[:4]]
    assert names == ["GET", "HEAD", "abandoned GET", "POST"]
    assert len(err.splitlines()) == 4  # the app's own log lines


@pytest.mark.usefixtures("things")
def test_notes_change_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("httplint")
    assert main(["check", "things:odd"]) == 0
    out = capsys.readouterr().out
    assert "  note: BAD: The Expires header" in out


@pytest.mark.usefixtures("things")
def test_without_httplint_there_are_no_notes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "httplint", None)
    assert main(["check", "things:odd"]) == 0
    assert "note:" not in capsys.readouterr().out
