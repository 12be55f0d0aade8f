"""Options, sinks, and what happens when the log itself fails."""

from __future__ import annotations

import dataclasses
import doctest
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import webtest

from tests.wsgi import make_environ, serve
from wsgimw import AccessLog, RequestId, compose
from wsgimw.access_log import notes, parse, sinks

P = pytest.param

HERE = Path(__file__).parent.parent / "wsgimw" / "access_log"
MODULES = [
    "wsgimw.access_log",
    *[f"wsgimw.access_log.{file.stem}" for file in sorted(HERE.glob("[a-z]*.py"))],
]


def app(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


@pytest.mark.parametrize("module", MODULES)
def test_alone(module: str) -> None:
    """It imports alone, and brings no other layer and no werkzeug."""
    program = (
        f"import sys, {module}; "
        "print([name for name in sys.modules if name.split('.')[0] == 'werkzeug' or name in "
        "('wsgimw.request_id', 'wsgimw.compress', 'wsgimw.errors')])"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    root = Path(__file__).parent.parent
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: str) -> None:
    import_module(module)
    assert doctest.testmod(sys.modules[module]).failed == 0


# Options.


@pytest.mark.parametrize(
    ("layer", "shown"),
    [
        P(AccessLog(), "AccessLog()", id="default"),
        P(AccessLog(format="json"), "AccessLog(format='json')", id="format"),
        P(AccessLog(redact=["a"]), "AccessLog(redact=('a',))", id="a list becomes a tuple"),
        P(AccessLog(redact=False), "AccessLog(redact=False)", id="redact=False"),
        P(AccessLog(sink="x.log", level=10), "AccessLog(sink='x.log', level=10)", id="path"),
    ],
)
def test_repr(layer: AccessLog, shown: str) -> None:
    assert repr(layer) == shown
    assert layer == dataclasses.replace(layer)
    assert hash(layer) == hash(dataclasses.replace(layer))
    assert not hasattr(layer, "__dict__")


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        P({"format": "jsn"}, ValueError, "did you mean 'json'", id="format"),
        P({"format": b"json"}, TypeError, "format is b'json'; it takes", id="format, kind"),
        P({"sink": 5}, TypeError, r"sink=...\) is 5; it takes None", id="sink"),
        P({"sink": b"x.log"}, TypeError, "it takes None", id="sink, bytes"),
        P({"sink": ""}, ValueError, "names no file; write sink=None", id="sink, empty"),
        P({"sink": io.BytesIO()}, TypeError, "a binary stream", id="sink, binary"),
        P({"sink": logging.Logger}, TypeError, "it takes None", id="sink, a class"),
        P({"sink": print, "format": "json"}, ValueError, "gets the entry, not a line", id="both"),
        P({"level": "INFO"}, TypeError, "is 'INFO'; it takes a level", id="level"),
        P({"level": True}, TypeError, "is True; it takes a level", id="level, bool"),
        P({"keep": 400}, TypeError, "is 400; it takes a function", id="keep"),
        P({"redact": "iban"}, TypeError, r"one string; .*redact=\('iban',\)", id="redact, string"),
        P({"redact": True}, TypeError, "is True; it takes names", id="redact, True"),
        P({"redact": [5]}, TypeError, r"is \[5\]; it takes names", id="redact, kind"),
        P({"fromat": "json"}, TypeError, "did you mean format", id="unknown"),
    ],
)
def test_misuse(options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        AccessLog(**options)


# Sinks.


def test_stderr_is_looked_up_at_each_line(monkeypatch: pytest.MonkeyPatch) -> None:
    log = AccessLog()(app)
    for _ in range(2):
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        serve(log)
        assert stream.getvalue().count("\n") == 1
    monkeypatch.setattr(sys, "stderr", None)
    assert serve(log).error is None


class Stream:
    """Keeps what was called."""

    def __init__(self, line_buffering: bool = False) -> None:
        self.calls: list[str] = []
        self.line_buffering = line_buffering

    def write(self, text: str) -> None:
        self.calls.append(text)

    def flush(self) -> None:
        self.calls.append("flush")


class Bare:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def write(self, text: str) -> None:
        self.calls.append(text)


@pytest.mark.parametrize(
    ("stream", "calls"),
    [
        P(Stream(), ["200\n", "flush"], id="buffered"),
        P(Stream(line_buffering=True), ["200\n"], id="line-buffered"),
        P(Bare(), ["200\n"], id="no flush"),
    ],
)
@pytest.mark.parametrize("keep", [None, lambda entry: True])
def test_stream(stream: Any, calls: list[str], keep: Any) -> None:
    stream.calls.clear()
    serve(AccessLog(format="%s", sink=stream, keep=keep)(app))
    assert stream.calls == calls


def test_stderr_that_is_line_buffered(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(line_buffering=True)
    monkeypatch.setattr(sys, "stderr", stream)
    serve(AccessLog(format="%s")(app))
    assert stream.calls == ["200\n"]


def test_dev_on_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    serve(AccessLog(format="dev")(app))
    assert " GET / 200 5 B " in stream.getvalue()


@pytest.mark.parametrize("kind", [str, Path])
def test_path(tmp_path: Path, kind: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Appended; opened when bound; the directory of the process may change."""
    path = tmp_path / "x.log"
    path.write_text("before\n")
    monkeypatch.chdir(tmp_path)
    log = AccessLog(format="%s", sink=kind(Path("x.log")))(app)
    monkeypatch.chdir("/")
    serve(log)
    serve(log)
    assert path.read_text() == "before\n200\n200\n"


def test_path_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        AccessLog(sink=tmp_path / "no" / "x.log")(app)


def test_path_is_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most once a second it is looked whether the path still is the file."""
    now = [0.0]
    monkeypatch.setattr(sinks, "monotonic", lambda: now[0])
    path = tmp_path / "x.log"
    log = AccessLog(format="%U", sink=path)(app)
    serve(log, make_environ(PATH_INFO="/a"))
    path.rename(tmp_path / "x.log.1")
    serve(log, make_environ(PATH_INFO="/b"))
    now[0] = 1.5
    serve(log, make_environ(PATH_INFO="/c"))
    now[0] = 3.0
    serve(log, make_environ(PATH_INFO="/d"))
    (tmp_path / "other").write_text("")
    os.replace(tmp_path / "other", path)
    now[0] = 4.5
    serve(log, make_environ(PATH_INFO="/e"))
    assert (tmp_path / "x.log.1").read_text() == "/a\n/b\n"
    assert path.read_text() == "/e\n"


def test_path_gives_its_descriptor_back(tmp_path: Path) -> None:
    sink = sinks.PathSink(tmp_path / "x.log")
    fd = sink._fd
    os.fstat(fd)
    del sink
    with pytest.raises(OSError):
        os.fstat(fd)


def test_path_takes_what_utf8_cannot_hold(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    sinks.PathSink(path)("\udc80\n")
    assert path.read_text() == "\\udc80\n"


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("access")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(Kept())
    yield logger
    logger.handlers.clear()


def records(logger: logging.Logger) -> list[Any]:
    (records,) = [one.records for one in logger.handlers if isinstance(one, Kept)]
    return records


def test_logger(logger: logging.Logger) -> None:
    """The message is the line, whatever is in it; no handler is added, TransLogger."""
    app_ = compose(RequestId(), AccessLog(sink=logger, format="%U %q %L"))(app)
    served = serve(app_, make_environ(QUERY_STRING="a=%s%d"))
    (record,) = records(logger)
    request_id = dict(served.headers)["X-Request-ID"]
    assert record.getMessage() == f"/ ?a=%s%d {request_id}"
    assert record.wsgi["status"] == 200
    assert (record.request_id, record.levelno, record.name) == (request_id, logging.INFO, "access")


def test_logger_level_off_calls_the_app_directly(logger: logging.Logger) -> None:
    logger.setLevel(logging.WARNING)
    environ = make_environ()

    def inner(environ: Any, start_response: Any) -> Any:
        assert "wsgimw.record" not in environ
        return body

    body: list[bytes] = []
    log = AccessLog(sink=logger)(inner)
    assert log(environ, print) is body  # type: ignore[arg-type]
    logger.setLevel(logging.INFO)
    serve(AccessLog(sink=logger)(app))
    assert len(records(logger)) == 1


def test_logger_level_of_the_entry(logger: logging.Logger) -> None:
    logger.setLevel(logging.INFO)
    levels = {"/": logging.ERROR, "/quiet": logging.DEBUG}
    log = AccessLog(sink=logger, level=lambda entry: levels[entry["path"]])(app)
    for path in ("/", "/quiet"):
        serve(log, make_environ(PATH_INFO=path))
    assert [record.levelno for record in records(logger)] == [logging.ERROR]
    environ = make_environ(PATH_INFO="/else")
    serve(log, environ)
    assert records(logger)[-1].levelno == logging.INFO
    assert "level raised KeyError" in environ["wsgi.errors"].getvalue()


def test_the_record_factory_is_asked(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mine(logging.LogRecord):
        pass

    monkeypatch.setattr(logging, "_logRecordFactory", Mine)
    serve(AccessLog(sink=logger)(app))
    assert isinstance(records(logger)[0], Mine)


def test_function() -> None:
    entries: list[dict[str, Any]] = []
    serve(AccessLog(sink=entries.append)(app))
    assert entries[0]["path"] == "/"


def test_keep() -> None:
    lines = io.StringIO()
    log = AccessLog(format="%U", sink=lines, keep=lambda entry: entry["path"] == "/kept")(app)
    for path in ("/kept", "/dropped"):
        serve(log, make_environ(PATH_INFO=path))
    assert lines.getvalue() == "/kept\n"


# When the log itself fails: formance-619, pino-http-116.


def boom(*args: Any) -> Any:
    raise RuntimeError("bo\nom")


class BrokenStream(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError("disk full")


class BrokenLogger(logging.Logger):
    def handle(self, record: logging.LogRecord) -> None:
        raise OSError("no handler")


@pytest.mark.parametrize(
    ("options", "note"),
    [
        P({"sink": BrokenStream()}, "writing a line raised OSError: disk full", id="stream"),
        P({"sink": BrokenStream(), "keep": bool}, "raised OSError: disk full", id="stream, keep"),
        P({"sink": boom}, "raised RuntimeError: bo\\x0aom", id="function"),
        P({"sink": BrokenLogger("x")}, "raised OSError: no handler", id="logger"),
    ],
)
def test_a_sink_that_raises(options: dict[str, Any], note: str) -> None:
    """The client hears nothing, no body is lost, one note says it."""
    environ = make_environ()
    served = serve(AccessLog(**options)(app), environ)
    assert (served.status, served.blocks, served.error) == ("200 OK", [b"hello"], None)
    said = environ["wsgi.errors"].getvalue()
    assert said.startswith("wsgimw AccessLog: ") and note in said and said.count("\n") == 1


def test_keep_that_raises_writes_the_line() -> None:
    lines = io.StringIO()
    environ = make_environ()
    serve(AccessLog(format="%s", sink=lines, keep=boom)(app), environ)
    assert lines.getvalue() == "200\n"
    assert "keep raised RuntimeError" in environ["wsgi.errors"].getvalue()


def test_one_note_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(notes, "monotonic", lambda: now[0])
    log = AccessLog(sink=boom)(app)
    said = io.StringIO()
    for at in (0.0, 59.0, 60.0, 61.0):
        now[0] = at
        serve(log, make_environ(**{"wsgi.errors": said}))
    assert said.getvalue().count("\n") == 2


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def test_a_note_that_cannot_be_written() -> None:
    def sink(entry: Any) -> None:
        raise Unspeakable

    environ = make_environ(**{"wsgi.errors": BrokenStream()})
    assert serve(AccessLog(sink=sink)(app), environ).error is None
    environ = make_environ()
    serve(AccessLog(sink=sink)(app), environ)
    assert "raised Unspeakable:  (" in environ["wsgi.errors"].getvalue()


def test_a_note_for_an_emptied_environ(capsys: pytest.CaptureFixture[str]) -> None:
    def inner(environ: Any, start_response: Any) -> Any:
        environ.clear()
        return app(environ, start_response)

    serve(AccessLog(sink=boom)(inner))
    assert "raised RuntimeError" in capsys.readouterr().err


def test_base_exceptions_of_a_sink_pass() -> None:
    def sink(entry: Any) -> None:
        raise KeyboardInterrupt

    assert isinstance(serve(AccessLog(sink=sink)(app)).error, KeyboardInterrupt)


def test_an_odd_record_does_no_harm() -> None:
    lines = io.StringIO()
    environ = make_environ(**{"wsgimw.record": object()})
    assert serve(AccessLog(sink=lines)(app), environ).error is None
    assert "writing a line raised AttributeError" in environ["wsgi.errors"].getvalue()


# With a client.


def test_with_webtest(tmp_path: Path) -> None:
    lines = io.StringIO()

    def inner(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/gone":
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"no"]
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
        return (block for block in (b"he", b"llo"))

    client = webtest.TestApp(AccessLog(format="json", sink=lines)(inner))
    client.get("/a?b=1", headers={"User-Agent": "webtest"})
    client.head("/a")
    client.get("/gone", status=404)
    first, second, third = [parse(line, "json") for line in lines.getvalue().splitlines()]
    assert (first["query"], first["bytes"], first["user_agent"]) == ("b=1", 5, "webtest")
    assert (second["method"], second["bytes"], second["outcome"]) == ("HEAD", 0, "complete")
    assert (third["status"], third["outcome"]) == (404, "complete")
    assert json.loads(lines.getvalue().splitlines()[0])["host"] == "localhost:80"
