"""Bugs of other error layers; each is a test whose id names it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tests.errors_apps import HEAD, Body, Fault, ask, lazy, printed, raised, raising, returning
from wsgimw import CatchErrors
from wsgimw.testing.server import Call, Environ, StartResponse, make_environ


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
