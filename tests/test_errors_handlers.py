"""Who answers for an exception: `handlers`, `HTTPError`, exceptions that are WSGI apps."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable, Iterator
from typing import Any, cast

import pytest
import webob.exc
import werkzeug.exceptions

from tests.errors_apps import HEAD, Body, Fault, ask, lazy, printed, raised, raising, returning
from wsgimw import CatchErrors
from wsgimw.errors import HTTPError
from wsgimw.testing.server import Call, Environ, StartResponse, make_environ

JSON = {"HTTP_ACCEPT": "application/json"}


class Missing(KeyError):
    """A subclass of something that has a handler."""


def answering(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("418 I'm a teapot", [("Content-Type", "text/plain")])
    return [b"short", b" and stout"]


@pytest.mark.parametrize(
    ("handlers", "error", "status"),
    [
        pytest.param({KeyError: 404}, KeyError("k"), 404, id="the type"),
        pytest.param({KeyError: 404}, Missing("k"), 404, id="a subclass"),
        pytest.param({KeyError: 404, Missing: 410}, Missing("k"), 410, id="the nearest"),
        pytest.param({Missing: 410}, KeyError("k"), 500, id="not a base"),
        pytest.param({LookupError: 404, Exception: 503}, KeyError("k"), 404, id="along the MRO"),
        pytest.param({Exception: 503}, KeyError("k"), 503, id="everything"),
        pytest.param({KeyError: lambda error: 409}, KeyError("k"), 409, id="function to a status"),
        pytest.param(
            {KeyError: lambda error: HTTPError(422, str(error))}, KeyError("k"), 422, id="HTTPError"
        ),
        pytest.param({KeyError: lambda error: answering}, KeyError("k"), 418, id="an app"),
        pytest.param({Exception: 503}, HTTPError(404), 404, id="HTTPError is nearer"),
        pytest.param({HTTPError: 410}, HTTPError(404), 410, id="a handler for HTTPError"),
        pytest.param(
            {Exception: 503}, werkzeug.exceptions.NotFound(), 404, id="an app is nearer, too"
        ),
        pytest.param(
            {werkzeug.exceptions.NotFound: 410},
            werkzeug.exceptions.NotFound(),
            410,
            id="a handler for an app",
        ),
        pytest.param({KeyError: lambda error: 200}, KeyError("k"), 500, id="a wrong status"),
        pytest.param({KeyError: lambda error: "404"}, KeyError("k"), 500, id="a str"),
        pytest.param({KeyError: lambda error: None}, KeyError("k"), 500, id="None"),
        pytest.param({KeyError: lambda error: True}, KeyError("k"), 500, id="a bool"),
    ],
)
@pytest.mark.parametrize("late", [False, True], ids=["call", "body"])
def test_who_answers(handlers: Any, error: Exception, status: int, late: bool) -> None:
    app = lazy(error) if late else raising(error)
    assert ask(app, CatchErrors(handlers=handlers)).status[:3] == str(status)


def test_attributes_are_not_guessed() -> None:
    class Web(Exception):
        status = code = status_code = 404

    assert ask(raising(Web())).status[:3] == "500"


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(HTTPError(404, "no such user"), id="HTTPError"),
        pytest.param(werkzeug.exceptions.NotFound(), id="Werkzeug"),
        pytest.param(Missing("k"), id="handler"),
    ],
)
def test_below_500_nothing_is_told(error: Exception) -> None:
    reports: list[Any] = []
    layer = CatchErrors(handlers={KeyError: 404}, report=lambda *both: reports.append(both))
    call = ask(raising(error), layer)
    assert call.status[:3] == "404"
    assert (reports, printed(call)) == ([], "")
    assert call.values("X-Error-Fingerprint") == []
    known = call.environ.get("wsgimw.record")
    assert known is None or (known.error, known.fingerprint) == (None, None)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(HTTPError(503), id="HTTPError"),
        pytest.param(werkzeug.exceptions.BadGateway(), id="Werkzeug"),
        pytest.param(webob.exc.HTTPServiceUnavailable(), id="WebOb"),
        pytest.param(Missing("k"), id="handler"),
    ],
)
def test_from_500_on_it_is_told_once(error: Exception) -> None:
    reports: list[Any] = []
    layer = CatchErrors(handlers={KeyError: 502}, report=lambda *both: reports.append(both))
    call = ask(raising(error), layer)
    ((report, same),) = reports
    assert same is error
    assert str(report["status"]) == call.status[:3]
    assert printed(call).count("Traceback") == 1


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(werkzeug.exceptions.NotFound(), id="Werkzeug"),
        pytest.param(webob.exc.HTTPNotFound(), id="WebOb"),
    ],
)
def test_an_exception_that_is_an_app_answers_for_itself(error: Any) -> None:
    heads: list[Any] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        heads.append((status, headers, exc_info))
        return lambda block: None

    call = Call(CatchErrors()(raising(error)), make_environ())
    call.start = start_response
    call.run()
    status, headers, exc_info = heads[-1]
    assert status.upper() == "404 NOT FOUND"
    assert exc_info[:2] == (type(error), error)
    alone = Call(error, make_environ()).run()
    assert (headers, call.raw) == (alone.headers, alone.raw)


def test_an_exception_of_500_raises_for_webtest() -> None:
    error = werkzeug.exceptions.BadGateway()
    call = Call(CatchErrors()(raising(error)), make_environ(**{"paste.throw_errors": True}))
    assert raised(call.run) is error
    assert call.environ["wsgimw.record"].error == "werkzeug.exceptions.BadGateway"
    assert printed(call) == ""


class TestAnsweringApps:
    """An app that answers may do all that an app may, and fail as one."""

    def with_app(self, app: Any, **keys: Any) -> Call:
        layer = CatchErrors(handlers={Fault: lambda error: app})
        return Call(layer(raising(Fault("first"))), make_environ(**keys))

    def test_a_stream_with_close_stays_one(self) -> None:
        body = Body(b"a", b"", b"b")
        call = self.with_app(returning(body, "404 Not Found")).begin()
        assert body.pulled == 0
        assert [call.pull(), call.pull(), call.pull(), call.pull()] == [b"a", b"", b"b", None]
        assert body.closes == 0
        call.close()
        assert body.closes == 1

    def test_the_close_of_both_bodies_runs_inner_first(self) -> None:
        order: list[str] = []

        class Named(Body):
            def __init__(self, name: str, *blocks: Any) -> None:
                super().__init__(*blocks)
                self.name = name

            def close(self) -> None:
                order.append(self.name)

        layer = CatchErrors(handlers={Fault: lambda e: returning(Named("answer", b"a"), "404 N")})
        call = Call(layer(returning(Named("app", Fault()))), make_environ()).run()
        assert (call.status, call.raw, order) == ("404 N", b"a", ["app", "answer"])

    def test_write_is_the_servers(self) -> None:
        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            start_response("404 N", [])(b"written")
            return [b"listed"]

        call = self.with_app(app).run()
        assert [event.kind for event in call.events] == ["head", "head", "write", "block", "close"]
        assert call.raw == b"writtenlisted"

    @pytest.mark.parametrize(
        "app",
        [
            pytest.param(raising(KeyError("second")), id="in the call"),
            pytest.param(lazy(KeyError("second")), id="in the first pull"),
            pytest.param(lazy(KeyError("second"), late=False), id="without a head"),
        ],
    )
    def test_one_that_fails_before_bytes_is_a_500(self, app: Any) -> None:
        call = self.with_app(app).run()
        assert call.raw.startswith(b"500 Internal")
        assert "KeyError: 'second'" in printed(call)

    def test_one_that_fails_midstream_goes_up(self) -> None:
        call = self.with_app(lazy(b"a", KeyError("second")))
        assert isinstance(raised(call.run), KeyError)
        assert "KeyError: 'second'" in printed(call)

    def test_one_that_fails_midstream_after_a_failed_body_goes_up(self) -> None:
        layer = CatchErrors(handlers={Fault: lambda e: lazy(b"a", KeyError("second"))})
        call = Call(layer(lazy(b"", Fault())), make_environ())
        assert isinstance(raised(call.run), KeyError)
        assert printed(call).count("Traceback") == 1

    def test_its_second_head_goes_through(self) -> None:
        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            start_response("404 First", [])
            try:
                raise KeyError
            except KeyError:
                import sys

                start_response("410 Second", [], sys.exc_info())
            return [b"x"]

        assert self.with_app(app).run().status == "410 Second"

    def test_two_heads_without_exc_info_are_refused(self) -> None:
        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            start_response("404 First", [])
            start_response("404 Second", [])
            return [b"x"]

        assert self.with_app(app).run().raw.startswith(b"500 Internal")

    @pytest.mark.parametrize("error", [Fault("x"), werkzeug.exceptions.NotFound()], ids=repr)
    def test_after_bytes_the_original_goes_up(self, error: Exception) -> None:
        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            start_response("200 OK", HEAD)(b"written")
            raise error

        reports: list[Any] = []
        layer = CatchErrors(
            handlers={Fault: lambda e: answering}, report=lambda report, e: reports.append(report)
        )
        call = Call(layer(app), make_environ())
        assert raised(call.run) is error
        assert [report["phase"] for report in reports] == ["midstream"]


def test_a_handler_that_raises_is_a_500_with_both_in_the_log() -> None:
    def handler(error: Exception) -> int:
        raise ValueError("in the handler")

    call = ask(raising(Fault("first")), CatchErrors(handlers={Fault: handler}))
    assert call.status[:3] == "500"
    assert "Fault: first" in printed(call)
    assert "ValueError: in the handler" in printed(call)


class TestHTTPError:
    """`HTTPError` itself."""

    def test_what_the_client_sees(self) -> None:
        error = HTTPError(
            429, "Slow down.", headers=[("Retry-After", "5")], limit=10, window_seconds=60
        )
        call = ask(raising(error), **JSON)
        assert call.status == "429 Too Many Requests"
        assert call.values("Retry-After") == ["5"]
        assert json.loads(call.raw) == {
            "type": "about:blank",
            "title": "Too Many Requests",
            "status": 429,
            "detail": "Slow down.",
            "limit": 10,
            "window_seconds": 60,
        }
        assert ask(raising(error)).raw == b"429 Too Many Requests\nSlow down.\n"
        assert b"<p>Slow down.</p>" in ask(raising(error), HTTP_ACCEPT="text/html").raw

    @pytest.mark.parametrize("status", [200, 399, 600, -1, 0])
    def test_no_status_of_an_error(self, status: int) -> None:
        with pytest.raises(ValueError, match="from 400 to 599"):
            HTTPError(status)

    @pytest.mark.parametrize("status", ["404", 404.0, True, None])
    def test_no_int(self, status: Any) -> None:
        with pytest.raises(TypeError, match="from 400 to 599"):
            HTTPError(status)

    @pytest.mark.parametrize(
        "name", ["type", "title", "instance", "request_id", "fingerprint", "ab", "a-b-c", "caf\xe9"]
    )
    def test_members_that_cannot_be(self, name: str) -> None:
        with pytest.raises(ValueError, match="three characters or more"):
            HTTPError(404, None, headers=(), **cast(Any, {name: 1}))

    @pytest.mark.parametrize(
        "value",
        [object(), float("nan"), {1, 2}, b"x"],
        ids=["object", "nan", "set", "bytes"],
    )
    def test_values_that_are_no_json(self, value: Any) -> None:
        with pytest.raises(ValueError, match="no JSON value"):
            HTTPError(404, member=value)

    def test_a_detail_that_is_no_text(self) -> None:
        with pytest.raises(TypeError, match="detail=3"):
            HTTPError(404, 3)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("field", "error"),
        [
            pytest.param(("X-A", "b\r\nSet-Cookie: c=d"), ValueError, id="CRLF"),
            pytest.param(("X A", "b"), ValueError, id="no token"),
            pytest.param(("X-A", "\u20ac"), ValueError, id="not latin-1"),
            pytest.param(("Content-Length", "3"), ValueError, id="framing"),
            pytest.param(("Connection", "close"), ValueError, id="hop-by-hop"),
            pytest.param(["X-A", "b"], TypeError, id="a list"),
            pytest.param(("X-A",), TypeError, id="one"),
            pytest.param(("X-A", 3), TypeError, id="an int"),
        ],
    )
    def test_headers_that_cannot_be(self, field: Any, error: type[Exception]) -> None:
        with pytest.raises(error, match="HTTPError"):
            HTTPError(404, headers=[field])

    @pytest.mark.parametrize(
        "error",
        [HTTPError(404), HTTPError(409, "x", headers=[("A", "b")], member=[1])],
        ids=["short", "long"],
    )
    def test_it_is_a_value_that_can_be_sent(self, error: HTTPError) -> None:
        back = pickle.loads(pickle.dumps(error))
        assert repr(back) == repr(error)
        assert eval(repr(error), {"HTTPError": HTTPError}).members == error.members
        assert str(HTTPError(404)) == "404 Not Found"
        assert str(HTTPError(404, "x")) == "404 Not Found: x"

    def test_one_that_was_spoilt_later_is_a_500(self) -> None:
        error = HTTPError(404, member=1)
        error.members["member"] = object()
        assert ask(raising(error), **JSON).raw == b"500 Internal Server Error\n"


def generator(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    yield b""
    raise HTTPError(404)


def test_a_generator_may_raise_it_before_its_first_block() -> None:
    assert ask(generator).status == "404 Not Found"


def test_midstream_it_cuts_the_response_and_is_told() -> None:
    call = Call(CatchErrors()(lazy(b"a", HTTPError(404))), make_environ())
    assert isinstance(raised(call.run), HTTPError)
    assert "HTTPError: 404 Not Found" in printed(call)
