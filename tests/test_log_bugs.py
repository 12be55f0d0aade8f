"""Bugs of other access logs and request ids; each is a test whose id names it.

Those that need a table of their own stand there, with the name in their ids:
`test_access_log_formats.py` (caddy, mojibake, zones), `test_access_log_outcomes.py` (OpenTelemetry,
Sentry, goiabada, serverless-rack), `test_access_log_servers.py` (gunicorn, over sockets).
"""

from __future__ import annotations

import contextvars
import io
import logging
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.wsgi import make_environ, serve
from wsgimw import AccessLog, CatchErrors, RequestId, compose
from wsgimw.access_log import parse
from wsgimw.record import record
from wsgimw.request_id import current

HEAD = [("Content-Type", "text/plain")]
FORMATS = ["common", "combined", "vhost", "json", "logfmt", "dev"]
P = pytest.param


def app(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", HEAD)
    return [b"hello"]


def stream(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", HEAD)
    yield b"a"
    yield b"b"


def failing(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", HEAD)
    yield b"a"
    raise KeyError("late")


def entries_of(application: Any, environ: Any = None, **how: Any) -> list[dict[str, Any]]:
    """Serve one request, and return what the log got."""
    entries: list[dict[str, Any]] = []
    layers = compose(RequestId(), AccessLog(sink=entries.append))
    serve(layers(application), make_environ() if environ is None else environ, **how)
    return entries


@pytest.mark.parametrize(
    ("key", "value"),
    [
        P("PATH_INFO", "/\x1b[2J\x1b]0;owned\x07", id="rack-CVE-2022-30123-escape-sequences"),
        P("REMOTE_USER", "ada\r\n10.0.0.1 - - forged", id="rack-CVE-2025-25184-user"),
        P("PATH_INFO", "/\x1b[31m\r\nINFO: forged", id="uvicorn-CVE-2020-7694-path"),
        P("PATH_INFO", "/\n\u2028forged", id="django-CVE-2025-48432-path"),
        P("PATH_INFO", "/x\r\nforged", id="flask-cors-CVE-2024-1681-path"),
        P("HTTP_USER_AGENT", 'x" 200 5 "-" "forged', id="translogger-user-agent-breaks-out"),
    ],
)
@pytest.mark.parametrize("format", FORMATS)
def test_a_line_is_not_forged(format: str, key: str, value: str) -> None:
    lines = io.StringIO()
    known = make_environ(**{key: value})
    serve(AccessLog(format=format, sink=lines)(app), known)
    line = lines.getvalue()
    assert line.count("\n") == 1 and line.endswith("\n")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", line)
    if format != "dev":
        assert parse(line, format)["status"] == 200


def test_translogger_a_handler_more_per_instance() -> None:
    logger = logging.getLogger("tests.translogger")
    for _ in range(3):
        serve(AccessLog(sink=logger)(app), make_environ())
    assert logger.handlers == []


@pytest.mark.parametrize("name", ["translogger", "chi-GHSA-3fxj-6jh8-hvhx", "rails-CVE-2015-3224"])
@pytest.mark.parametrize(
    "key",
    ["HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_TRUE_CLIENT_IP", "HTTP_FORWARDED"],
)
def test_an_address_is_not_spoofed(name: str, key: str) -> None:
    (entry,) = entries_of(app, make_environ(REMOTE_ADDR="192.0.2.9", **{key: "127.0.0.1"}))
    assert (entry["remote_addr"], entry["peer_addr"]) == ("192.0.2.9", None)


@pytest.mark.parametrize("name", ["wsgi-request-logger-9", "wsgi-request-logger-16"])
def test_a_generator_is_not_emptied(name: str) -> None:
    pulled: list[int] = []

    def inner(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", HEAD)
        for number in range(2):
            pulled.append(number)
            yield b"x"

    body: Any = AccessLog(sink=lambda entry: None)(inner)(make_environ(), lambda *head: print)
    assert pulled == []
    assert [len(pulled) for _ in body] == [1, 2]
    body.close()


@pytest.mark.parametrize("name", ["gunicorn-1060", "gunicorn-2907", "pino-http-116"])
def test_a_client_that_left_has_its_line(name: str) -> None:
    (entry,) = entries_of(stream, stop=1)
    assert (entry["outcome"], entry["status"], entry["bytes"]) == ("client_gone", 200, 1)


@pytest.mark.parametrize("name", ["gunicorn-2907", "django-structlog-747"])
def test_an_app_that_fails_late_has_its_line_and_the_exception_goes_on(name: str) -> None:
    entries: list[dict[str, Any]] = []
    served = serve(AccessLog(sink=entries.append)(failing), make_environ())
    assert isinstance(served.error, KeyError)
    assert [(e["outcome"], e["status"], e["error"]) for e in entries] == [
        ("failed_midstream", 200, "KeyError")
    ]


def test_django_structlog_789_the_id_is_there_in_the_stream_and_its_end() -> None:
    seen: list[str | None] = []

    def inner(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", HEAD)
        try:
            seen.append(current())
            yield b"a"
            seen.append(current())
        finally:
            seen.append(current())

    (entry,) = entries_of(inner)
    assert seen == [entry["request_id"]] * 3
    assert current() is None


def test_sentry_3836_no_thread_is_started() -> None:
    before = threading.active_count()
    seen: list[int] = []

    def inner(environ: Any, start_response: Any) -> Iterator[bytes]:
        seen.append(threading.active_count())
        yield from stream(environ, start_response)
        seen.append(threading.active_count())

    layers = compose(RequestId(), AccessLog(sink=lambda entry: None), CatchErrors(log=False))
    serve(layers(inner), make_environ())
    assert seen == [before, before]
    assert threading.active_count() == before


def test_sentry_5107_a_file_wrapper_stays_the_object_that_the_server_knows() -> None:
    class Wrapper:
        def __init__(self, file: Any) -> None:
            self.file = file
            made.append(self)

        def __iter__(self) -> Iterator[bytes]:
            return iter([self.file.read()])

        def close(self) -> None:
            self.file.close()

    made: list[Any] = []

    def inner(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", HEAD)
        return environ["wsgi.file_wrapper"](io.BytesIO(b"x"))

    layers = compose(RequestId(), AccessLog(sink=lambda entry: None), CatchErrors(log=False))
    body: Any = layers(inner)(make_environ(**{"wsgi.file_wrapper": Wrapper}), lambda *head: print)
    assert body is made[0]
    body.close()


def test_sentry_an_attribute_error_of_close_is_not_swallowed() -> None:
    class Body(list[bytes]):
        def close(self) -> None:
            raise AttributeError("in close()")

    def inner(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", HEAD)
        return Body([b"x"])

    entries: list[dict[str, Any]] = []
    served = serve(AccessLog(sink=entries.append)(inner), make_environ())
    assert isinstance(served.error, AttributeError)
    assert entries[0]["outcome"] == "failed_in_close"


@pytest.mark.parametrize("name", ["formance-619", "pino-http-116"])
@pytest.mark.parametrize("hook", ["sink", "keep", "level"])
def test_a_hook_of_the_log_that_raises_costs_nobody_the_answer(name: str, hook: str) -> None:
    def broken(*args: Any) -> Any:
        raise RuntimeError("in a hook")

    logger = logging.getLogger("tests.hooks")
    options: dict[str, Any] = {"sink": {hook: broken}.get("sink", logger)}
    if hook != "sink":
        options[hook] = broken
    served = serve(AccessLog(**options)(app), make_environ())
    assert (served.status, served.blocks, served.error) == ("200 OK", [b"hello"], None)


def test_otel_python_2606_each_step_may_have_a_context_of_its_own() -> None:
    layers = compose(RequestId(), AccessLog(sink=lambda entry: None))
    body: Any = contextvars.Context().run(layers(stream), make_environ(), lambda *head: print)
    steps = contextvars.Context().run(iter, body)
    while contextvars.Context().run(next, steps, None) is not None:
        assert current() is None
    contextvars.Context().run(body.close)


@pytest.mark.parametrize("name", ["asgi-correlation-id-19", "asgi-correlation-id-104"])
def test_the_500_has_the_id(name: str) -> None:
    def inner(environ: Any, start_response: Any) -> Any:
        raise KeyError("x")

    environ = make_environ()
    served = serve(compose(RequestId(), CatchErrors(log=False))(inner), environ)
    assert served.status[:3] == "500"
    assert dict(served.headers)["X-Request-ID"] == environ["wsgimw.request_id"]


def test_asgi_correlation_id_55_the_id_is_there_for_whom_an_error_is_told() -> None:
    seen: list[Any] = []

    def inner(environ: Any, start_response: Any) -> Any:
        raise KeyError("x")

    def handler(error: Exception) -> int:
        seen.append(current())
        return 500

    def report(report: Any, error: Exception) -> None:
        seen.extend([current(), report["request_id"]])

    def page(problem: dict[str, Any]) -> str:
        seen.extend([current(), problem["request_id"]])
        return "sorry"

    layer = CatchErrors(
        log=False, handlers={KeyError: handler}, report=report, render={"text/plain": page}
    )
    environ = make_environ(HTTP_ACCEPT="text/plain")
    serve(compose(RequestId(), layer)(inner), environ)
    assert seen == [environ["wsgimw.request_id"]] * 5


def test_asgi_correlation_id_85_an_id_that_does_not_fit_is_told_from_none() -> None:
    environ = make_environ(HTTP_X_REQUEST_ID="from outside, with spaces")
    serve(RequestId(trust=True)(app), environ)
    known = record(environ)
    assert re.fullmatch("[0-9a-f]{32}", known.request_id or "")
    assert known.upstream_id is None  # it does not fit the grammar, so it is in no log
