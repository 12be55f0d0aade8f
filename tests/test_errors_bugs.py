"""Bugs of other error layers; each is a test whose id names it."""

from __future__ import annotations

import gc
import json
import sys
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tests.errors_apps import HEAD, Body, Fault, ask, lazy, printed, raised, raising, returning
from wsgimw import CatchErrors
from wsgimw.testing.server import Call, Environ, StartResponse, make_environ

DEBUG = CatchErrors(debug=True, log=False)
HTML = {"HTTP_ACCEPT": "text/html"}


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(raising(Fault()), id="call"),
        pytest.param(lazy(b"", Fault()), id="body"),
    ],
)
def test_paste_the_error_page_under_the_apps_200(app: Any) -> None:
    call = ask(app)
    assert call.status[:3] == "500"
    for name in ("ETag", "Set-Cookie", "Content-Encoding"):
        assert call.values(name) == []


def test_paste_the_error_page_inside_of_a_json_stream() -> None:
    call = Call(CatchErrors(log=False)(lazy(b'{"a": ', Fault())), make_environ())
    assert isinstance(raised(call.run), Fault)
    assert call.raw == b'{"a": '


def test_paste_write_ends_in_the_error_page() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", HEAD)(b"written, ")
        return [b"listed"]

    call = ask(app)
    assert (call.status, call.raw, printed(call)) == ("200 OK", b"written, listed", "")


def test_paste_a_bad_str() -> None:
    class Bad(Exception):
        def __str__(self) -> str:
            raise ZeroDivisionError

    call = ask(raising(Bad()))
    assert call.status[:3] == "500"
    assert "Bad" in printed(call)


@pytest.mark.parametrize("accept", ["text/html", "application/json", "text/plain"])
def test_paste_the_query_string_raw_in_the_page(accept: str) -> None:
    keys = {"QUERY_STRING": "<script>alert(1)</script>", "PATH_INFO": "/<script>"}
    assert b"script>" not in ask(raising(Fault()), HTTP_ACCEPT=accept, **keys).raw


def test_werkzeug_an_empty_200() -> None:
    call = ask(lazy(Fault(), late=False))
    assert call.status[:3] == "500"
    assert call.raw


def test_werkzeug_swallowed_midstream() -> None:
    call = Call(CatchErrors(log=False)(lazy(b"a", Fault())), make_environ())
    assert isinstance(raised(call.run), Fault)


@pytest.mark.parametrize("blocks", [(b"a",), (Fault(),), (b"a", Fault())], ids=repr)
def test_werkzeug_two_closes(blocks: Any) -> None:
    body = Body(*blocks)
    raised(lambda: ask(returning(body), CatchErrors(log=False)))
    assert body.closes == 1


def test_werkzeug_the_iterable_leaks_when_never_started() -> None:
    body = Body(b"a")
    call = Call(CatchErrors()(returning(body)), make_environ()).begin()
    call.close()
    assert body.closes == 1


def test_werkzeug_frames_are_kept_for_ever() -> None:
    class Local:
        pass

    alive: list[weakref.ref[Any]] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        local = Local()
        alive.append(weakref.ref(local))
        raise Fault("x")

    gc.disable()
    try:
        assert ask(app, DEBUG, **HTML).status[:3] == "500"
        assert [each() for each in alive] == [None]
    finally:
        gc.enable()


@pytest.mark.parametrize("host", ["evil.test", "localhost.evil.test", "127.0.0.1.evil.test", ""])
def test_werkzeug_cve_2024_34069_a_page_under_the_name_of_somebody_else(host: str) -> None:
    call = ask(raising(Fault("the message")), DEBUG, **HTML, HTTP_HOST=host)
    assert call.status[:3] == "500"
    assert b"the message" not in call.raw


@pytest.mark.parametrize("name", ["werkzeug-1001", "werkzeug-2719", "werkzeug-cve-2024-34069"])
@pytest.mark.parametrize(
    "query", ["__debugger__=yes&cmd=1%2B1&frm=0&s=x", "__debugger__=yes&cmd=printpin&s=x"]
)
def test_a_console_a_pin_or_a_secret_is_nowhere(name: str, query: str, capsys: Any) -> None:
    seen: list[str] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        seen.append(environ["QUERY_STRING"])
        raise Fault("x")

    call = ask(app, DEBUG, **HTML, QUERY_STRING=query)
    assert seen == [query]  # it is the app's request like any other
    assert call.values("Set-Cookie") == []
    script = call.raw.partition(b"<script nonce=")[2].lower()
    for word in (b"fetch(", b"xmlhttprequest", b"eval(", b"pin", b"secret", b"websocket"):
        assert word not in script
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "path", ["/_ignition/execute-solution", "/_ignition/health-check", "/console", "/_debug/1"]
)
def test_ignition_cve_2021_3129_there_is_no_extra_url(path: str) -> None:
    call = ask(returning([b"the app"]), DEBUG, PATH_INFO=path, REQUEST_METHOD="POST")
    assert (call.status, call.raw) == ("200 OK", b"the app")


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param({"QUERY_STRING": "a=<script>x</script>"}, id="laravel-cve-2024-13918-query"),
        pytest.param({"HTTP_X_A": "<script>x</script>"}, id="laravel-cve-2024-13918-field"),
        pytest.param({"wsgimw.route": "<script>x</script>"}, id="laravel-cve-2024-13919-route"),
        pytest.param({"PATH_INFO": "/<script>x</script>"}, id="laravel-cve-2024-13919-path"),
    ],
)
def test_what_came_with_the_request_stays_text(keys: Any) -> None:
    raw = ask(raising(Fault()), DEBUG, **HTML, **keys).raw
    assert b"<script>x" not in raw
    assert b"script" in raw.partition(b"<script nonce")[0]


def test_starlette_3205_a_local_with_a_bad_repr() -> None:
    class Bad:
        def __repr__(self) -> str:
            raise ZeroDivisionError("in repr")

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        local = [Bad(), {"key": Bad()}]
        raise Fault(len(local))

    raw = ask(app, DEBUG, **HTML).raw
    assert b'<section id="frames">' in raw
    assert b"Bad at 0x" in raw


def test_werkzeug_3049_an_exception_group_is_shown_whole() -> None:
    said = printed(ask(raising(ExceptionGroup("many", [KeyError("one"), OSError("two")]))))
    assert "KeyError: 'one'" in said
    assert "OSError: two" in said


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda cause: Fault("outer"), id="cause"),
        pytest.param(lambda cause: ExceptionGroup("outer", [Fault("inner")]), id="group"),
    ],
)
def test_django_32174_causes_and_notes_are_in_the_log(make: Any) -> None:
    error = make(None)
    error.__cause__ = KeyError("the cause")
    error.add_note("a note")
    said = printed(ask(raising(error)))
    assert "KeyError: 'the cause'" in said
    assert "a note" in said


def test_raven_885_close_is_that_of_the_iterable() -> None:
    class Iterable_:
        closes = 0

        def __iter__(self) -> Iterator[bytes]:
            yield b"x"

        def close(self) -> None:
            self.closes += 1

    body = Iterable_()
    ask(returning(body))
    assert body.closes == 1


def test_webob_74_a_falsy_body_is_closed() -> None:
    class Falsy(Body):
        def __bool__(self) -> bool:
            return False

    body = Falsy(b"x")
    assert ask(returning(body)).raw == b"x"
    assert body.closes == 1


def test_formance_619_a_hook_that_raises() -> None:
    def hook(report: Any, error: Exception) -> None:
        raise KeyError("hook")

    assert ask(raising(Fault()), CatchErrors(report=hook)).status[:3] == "500"


@pytest.mark.parametrize("limit", [60, 90, 120])
def test_a_recursion_error_close_to_the_limit(limit: int) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return app(environ, start_response)

    depth = 0
    frame: Any = sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    bound = CatchErrors(log=False)(app)
    old = sys.getrecursionlimit()
    call = Call(bound, make_environ())
    try:
        sys.setrecursionlimit(depth + limit)
        call.run()
    finally:
        sys.setrecursionlimit(old)
    assert call.status[:3] == "500"


def test_a_report_of_a_recursion_error_is_small() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return app(environ, start_response)

    reports: list[Any] = []
    ask(app, CatchErrors(log=False, report=lambda report, error: reports.append(report)))
    assert len(json.dumps(reports[0])) < 262_144
