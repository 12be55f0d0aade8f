"""How a request ended: one line, exactly, in every phase of failure."""

from __future__ import annotations

import gc
import io
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from tests.wsgi import Served, make_environ, serve
from wsgimw import AccessLog, RequestId, compose
from wsgimw.access_log import flow as flow_module
from wsgimw.access_log.flow import OUTCOMES, status_code

HEAD = [("Content-Type", "text/plain")]


class Body:
    """An iterable whose `close()` is watched, and may raise."""

    def __init__(self, *blocks: Any, close: BaseException | None = None) -> None:
        self.blocks, self.fails, self.closed = blocks, close, 0

    def __iter__(self) -> Iterator[bytes]:
        for block in self.blocks:
            if isinstance(block, BaseException):
                raise block
            yield block

    def close(self) -> None:
        self.closed += 1
        if self.fails:
            raise self.fails


class ListBody(list[bytes]):
    """A list with a `close()` that may raise."""

    fails: BaseException | None = None

    def close(self) -> None:
        if self.fails:
            raise self.fails


def answering(body: Any, status: str = "200 OK", headers: Any = HEAD) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, headers)
        return body

    return app


def late(*blocks: Any, status: str = "200 OK") -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, HEAD)
        for block in blocks:
            if isinstance(block, BaseException):
                raise block
            yield block

    return app


def raising(error: BaseException, *, after_head: bool = False, write: bytes = b"") -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        if after_head:
            out = start_response("200 OK", HEAD)
            if write:
                out(write)
        raise error

    return app


def writing(*blocks: bytes) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", HEAD)
        for block in blocks:
            write(block)
        return [b"after"]

    return app


def restarting(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", HEAD)
    try:
        raise ValueError("late")
    except ValueError:
        start_response("503 Service Unavailable", HEAD, sys.exc_info())
    return [b"sorry"]


def restarting_after_bytes(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", HEAD)
    yield b"some"
    try:
        raise ValueError("late")
    except ValueError:
        start_response("500 Oops", HEAD, sys.exc_info())
    yield b"never"


class Wrapper:
    def __init__(self, file: Any, size: int = 8192) -> None:
        self.file = file

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.file.read(10), b"")

    def close(self) -> None:
        self.file.close()


def sending(headers: Any) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", headers)
        return environ["wsgi.file_wrapper"](io.BytesIO(b"0123456789"))

    return app


def no_head(environ: Any, start_response: Any) -> Any:
    return [b"x"]


def no_head_no_body(environ: Any, start_response: Any) -> Any:
    return []


def no_head_stream(environ: Any, start_response: Any) -> Any:
    yield b"x"


def length(size: object) -> list[tuple[str, str]]:
    return [("content-length", str(size))]


def log_of(
    app: Any, environ: Any = None, *, stop: int | None = None, close: bool = True
) -> tuple[dict[str, Any], Served]:
    """Serve one request and return its one entry."""
    entries: list[dict[str, Any]] = []
    served = serve(AccessLog(sink=entries.append)(app), environ, stop=stop, close=close)
    if not close:
        gc.collect()
    assert len(entries) == 1
    return entries[0], served


P = pytest.param
GET: dict[str, str] = {}
IS_HEAD = {"REQUEST_METHOD": "HEAD"}


@pytest.mark.parametrize(
    ("app", "more", "stop", "outcome", "status", "sent", "error"),
    [
        P(answering([b"ab", b"c"]), GET, None, "complete", 200, 3, None, id="list"),
        P(answering((b"ab", b"c")), GET, None, "complete", 200, 3, None, id="tuple"),
        P(answering([]), GET, None, "complete", 200, 0, None, id="empty list"),
        P(answering(Body(b"ab", b"")), GET, None, "complete", 200, 2, None, id="iterable"),
        P(answering(Body()), GET, None, "complete", 200, 0, None, id="empty iterable"),
        P(late(b"ab"), GET, None, "complete", 200, 2, None, id="late head"),
        P(late(), GET, None, "complete", 200, 0, None, id="late head, empty"),
        P(writing(b"ab", b""), GET, None, "complete", 200, 7, None, id="write counts"),
        P(restarting, GET, None, "complete", 503, 5, None, id="second head, Paste TransLogger"),
        P(
            restarting_after_bytes, GET, None, "failed_midstream", 200, 4, "ValueError",
            id="second head is refused after bytes",
        ),
        P(answering([b"ab", b"c"]), GET, 1, "client_gone", 200, 2, None, id="list, stopped"),
        P(answering([b"ab"]), GET, 1, "client_gone", 200, 2, None, id="list, not asked again"),
        P(answering([b"ab"]), GET, 0, "client_gone", 200, 0, None, id="list, never started"),
        P(answering(Body(b"ab", b"c")), GET, 1, "client_gone", 200, 2, None, id="stream, stopped"),
        P(
            answering(Body(b"ab")), GET, 0, "client_gone", 200, 0, None,
            id="stream, never started, opentelemetry",
        ),
        P(late(b"ab"), GET, 0, "client_gone", None, 0, None, id="late head, never started"),
        P(
            lambda environ, start_response: Body(close=OSError()), GET, 0, "client_gone", None, 0,
            "OSError", id="no head, never started, close raises",
        ),
        P(
            answering(Body(b"ab", b"c", close=OSError())), GET, 1, "client_gone", 200, 2, "OSError",
            id="stopped, then close raises",
        ),
        P(
            answering(Body(b"ab", b"c", close=SystemExit())), GET, 1, "client_gone", 200, 2,
            "SystemExit", id="stopped, then close exits",
        ),
        P(
            late(b""), {"REQUEST_METHOD": "HEAD"}, 0, "client_gone", None, 0, None,
            id="HEAD, no head was ever given",
        ),
        P(
            raising(KeyError("k")), GET, None, "failed_before_bytes", 500, 0, "KeyError",
            id="call raises, Paste TransLogger",
        ),
        P(
            raising(KeyError("k"), after_head=True), GET, None, "failed_before_bytes", 500, 0,
            "KeyError", id="call raises after the head",
        ),
        P(
            raising(SystemExit(1)), GET, None, "failed_before_bytes", 500, 0, "SystemExit",
            id="call exits",
        ),
        P(
            raising(KeyError("k"), after_head=True, write=b"abc"), GET, None, "failed_midstream",
            200, 3, "KeyError", id="call raises after write",
        ),
        P(late(ValueError()), GET, None, "failed_before_bytes", 500, 0, "ValueError",
            id="first pull raises"),
        P(late(b"", ValueError()), GET, None, "failed_before_bytes", 500, 0, "ValueError",
            id="raises after an empty block"),
        P(late(b"abc", ValueError()), GET, None, "failed_midstream", 200, 3, "ValueError",
            id="raises after a block"),
        P(late(b"abc", KeyboardInterrupt()), GET, None, "failed_midstream", 200, 3,
            "KeyboardInterrupt", id="interrupted after a block"),
        P(
            answering(Body(b"abc", ValueError(), close=OSError())), GET, None, "failed_midstream",
            200, 3, "ValueError", id="raises, and close raises too",
        ),
        P(no_head, GET, None, "failed_before_bytes", 500, 1, None, id="no head, list"),
        P(no_head_stream, GET, None, "failed_before_bytes", 500, 1, None, id="no head, stream"),
        P(no_head_no_body, GET, None, "failed_before_bytes", 500, 0, None, id="no head, empty"),
        P(
            answering(Body(b"abc", close=OSError())), GET, None, "failed_in_close", 200, 3,
            "OSError", id="close raises, sentry-swallowed",
        ),
        P(
            answering(Body(b"abc", close=SystemExit())), GET, None, "failed_in_close", 200, 3,
            "SystemExit", id="close exits",
        ),
        P(
            answering(Body(b"abc", close=OSError())), IS_HEAD, 0, "failed_in_close", 200, 0,
            "OSError", id="HEAD, close raises",
        ),
        P(answering([b"abc"], headers=length(4)), GET, None, "length_mismatch", 200, 3, None,
            id="too short"),
        P(answering(Body(b"abc"), headers=length(2)), GET, None, "length_mismatch", 200, 3, None,
            id="too long"),
        P(answering([b"abc"], headers=length(3)), GET, None, "complete", 200, 3, None,
            id="length is true"),
        P(answering([b"abc"], headers=length("03")), GET, None, "complete", 200, 3, None,
            id="length with a zero"),
        P(answering([b"abc"], headers=length("three")), GET, None, "complete", 200, 3, None,
            id="length is no number"),
        P(answering([b"abc"], headers=[("content-length", 3)]), GET, None, "complete", 200, 3, None,
            id="length is no text"),
        P(answering([b"abc"], headers=length(9)), GET, 1, "client_gone", 200, 3, None,
            id="too short because stopped"),
        P(answering([b"abc"], headers=length(9)), IS_HEAD, None, "complete", 200, 0, None,
            id="HEAD, iterated"),
        P(answering(Body(b"abc")), IS_HEAD, 0, "complete", 200, 0, None, id="HEAD, not iterated"),
        P(answering([], "204 No Content"), GET, 0, "complete", 204, 0, None, id="204"),
        P(answering([], "204"), GET, None, "complete", 204, 0, None, id="204 bare, opentelemetry"),
        P(answering([b"x"], "304 Not Modified", length(9)), GET, None, "complete", 304, 0, None,
            id="304"),
        P(answering([], "103 Early Hints"), GET, 0, "complete", 103, 0, None, id="103"),
        P(answering([b"x"], "0 None"), GET, None, "complete", None, 1, None, id="goiabada-203"),
        P(answering([b"x"], "OK"), GET, None, "complete", None, 1, None, id="status is no number"),
        P(
            sending(length(10)), {"wsgi.file_wrapper": Wrapper}, None, "handed_off", 200, 10, None,
            id="file wrapper, a type",
        ),
        P(
            sending(HEAD), {"wsgi.file_wrapper": lambda file: file}, None, "handed_off", 200, 0,
            None, id="file wrapper, a function",
        ),
    ],
)  # fmt: skip
def test_outcome(
    app: Any,
    more: dict[str, Any],
    stop: int | None,
    outcome: str,
    status: int | None,
    sent: int,
    error: str | None,
) -> None:
    entry, _ = log_of(app, make_environ(**more), stop=stop)
    assert (entry["outcome"], entry["status"], entry["bytes"], entry["error"]) == (
        outcome,
        status,
        sent,
        error,
    )
    assert outcome in OUTCOMES


@pytest.mark.parametrize(
    ("body", "stop", "sent"),
    [
        P([b"ab", b"c"], None, 3, id="list, run out"),
        P([b"ab", b"c"], 1, 2, id="list, stopped"),
        P([b"ab", b"c"], 0, 0, id="list, never started"),
        P((b"ab",), None, 2, id="tuple"),
        P(ListBody([b"ab"]), None, 2, id="list with close, serverless-rack-26"),
        P(Body(b"ab", b"c"), None, 3, id="stream, run out"),
        P(Body(b"ab", b"c"), 1, 2, id="stream, stopped"),
        P(Body(b"ab", b"c"), 0, 0, id="stream, never started"),
        P([], None, 0, id="empty list"),
    ],
)
@pytest.mark.parametrize("stacked", [False, True])
def test_not_closed(body: Any, stop: int | None, sent: int, stacked: bool) -> None:
    entries: list[dict[str, Any]] = []
    log = AccessLog(sink=entries.append)
    app = (
        compose(RequestId(), log, RequestId())(answering(body)) if stacked else log(answering(body))
    )
    served = serve(app, stop=stop, close=False)
    del served
    gc.collect()
    assert [(e["outcome"], e["status"], e["bytes"]) for e in entries] == [("not_closed", 200, sent)]


def test_not_closed_over_a_list_of_an_inner_log() -> None:
    """The list that an inner layer made is watched as well; both say it, once."""
    entries: list[dict[str, Any]] = []
    log = AccessLog(sink=entries.append)
    serve(log(log(answering([b"abc"]))), close=False)
    gc.collect()
    assert [(e["outcome"], e["bytes"]) for e in entries] == [("not_closed", 3)] * 2


def test_failed_and_then_not_closed() -> None:
    """The first failure wins."""
    entries: list[dict[str, Any]] = []
    served = serve(AccessLog(sink=entries.append)(late(b"abc", ValueError())), close=False)
    served.error = None  # its traceback holds the body
    gc.collect()
    assert [(e["outcome"], e["error"]) for e in entries] == [("failed_midstream", "ValueError")]


def test_the_same_exception_at_the_pull_and_in_close() -> None:
    error = ValueError()
    entry, _ = log_of(answering(Body(b"abc", error, close=error)))
    assert entry["outcome"] == "failed_midstream"


def test_a_refused_head_is_not_the_one_that_was_sent() -> None:
    def refuses(status: str, headers: Any, exc_info: Any = None) -> Any:
        raise AssertionError("no such head")

    entries: list[dict[str, Any]] = []
    with pytest.raises(AssertionError):
        AccessLog(sink=entries.append)(answering([b"x"], "299 Odd"))(make_environ(), refuses)
    assert [(e["outcome"], e["status"]) for e in entries] == [("failed_before_bytes", 500)]


@pytest.mark.parametrize(
    "headers", [P([(1, 2)], id="no text"), P([()], id="no pair"), P(3, id="3")]
)
def test_a_malformed_head_is_the_servers_to_refuse(headers: Any) -> None:
    seen: list[Any] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        seen.append(headers)
        return print

    app = AccessLog(sink=lambda entry: None)(answering([], headers=headers))
    app(make_environ(), start_response).close()  # type: ignore[attr-defined]
    assert seen[0] is headers


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("204", 204),
        ("200 OK", 200),
        ("99 X", None),
        ("600 X", None),
        ("", None),
        (7, None),
        (None, None),
    ],
)
def test_status_code(status: Any, code: int | None) -> None:
    assert status_code(status) == code


def test_exceptions_go_up_and_close_comes_once() -> None:
    body = Body(b"a", ValueError("mine"))
    _, served = log_of(answering(body))
    assert isinstance(served.error, ValueError)
    assert body.closed == 1


def test_exc_info_is_forwarded() -> None:
    _, served = log_of(restarting)
    assert [has_info for _, _, has_info in served.heads] == [False, True]


def test_the_head_list_of_the_app_is_passed_as_it_is() -> None:
    """The log changes nothing: the very list goes on."""
    seen: list[Any] = []
    app = AccessLog(sink=lambda entry: None)(answering([b"x"]))
    app(make_environ(), lambda status, headers: seen.append(headers))  # type: ignore[arg-type]
    assert seen[0] is HEAD


# The clocks.


class Clock:
    """A clock that every call moves by `step`, and the tests by more."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    import wsgimw.access_log as package

    clock = Clock()
    monkeypatch.setattr(flow_module, "perf_counter", clock)
    monkeypatch.setattr(package, "perf_counter", clock)
    return clock


def split(entry: dict[str, Any]) -> tuple[float, float, float, float | None]:
    return entry["duration_ms"], entry["app_ms"], entry["client_ms"], entry["first_byte_ms"]


def drive(app: Any, clock: Clock, pause: float, stop: int | None = None) -> None:
    """Serve, the client taking `pause` for each block, and before the close."""
    body = app(make_environ(), lambda status, headers: lambda data: clock.pass_(0.5))
    for number, _ in enumerate(body, 1):
        clock.pass_(pause)
        if number == stop:
            break
    body.close()


def test_clocks_of_a_stream(clock: Clock) -> None:
    """otel: a stream has a duration; app and client are told apart."""
    entries: list[dict[str, Any]] = []

    class Slow:
        def __iter__(self) -> Iterator[bytes]:
            clock.pass_(0.002)
            yield b""
            clock.pass_(0.003)
            yield b"x"
            clock.pass_(0.004)
            yield b"y"

        def close(self) -> None:
            clock.pass_(0.005)

    def app(environ: Any, start_response: Any) -> Any:
        clock.pass_(0.001)
        start_response("200 OK", HEAD)
        return Slow()

    drive(AccessLog(sink=entries.append)(app), clock, 0.010)
    # The client: three pauses. The first byte: call, two pulls and the pause between.
    assert split(entries[0]) == (45.0, 15.0, 30.0, 16.0)


def test_clocks_of_a_list(clock: Clock) -> None:
    entries: list[dict[str, Any]] = []

    def app(environ: Any, start_response: Any) -> Any:
        clock.pass_(0.001)
        start_response("200 OK", HEAD)
        body = ListBody([b"x"])
        return body

    drive(AccessLog(sink=entries.append)(app), clock, 0.010)
    assert split(entries[0]) == (11.0, 1.0, 10.0, 1.0)


def test_clocks_of_write(clock: Clock) -> None:
    entries: list[dict[str, Any]] = []

    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", HEAD)
        clock.pass_(0.001)
        write(b"")
        clock.pass_(0.001)
        write(b"x")
        clock.pass_(0.001)
        return []

    drive(AccessLog(sink=entries.append)(app), clock, 0)
    assert split(entries[0])[3] == 502.0


def test_no_first_byte(clock: Clock) -> None:
    assert log_of(answering([b""]))[0]["first_byte_ms"] is None


# State, cycles, threads.


def test_freed_without_the_collector() -> None:
    class Witness:
        pass

    for app in (answering([b"x"]), late(b"x"), answering(Body(b"a")), answering([b"x"])):
        witness = Witness()
        gone = weakref.ref(witness)
        environ = make_environ(witness=witness)
        gc.disable()
        try:
            serve(compose(RequestId(trace=True), AccessLog(sink=lambda entry: None))(app), environ)
            del witness, environ
            assert gone() is None
        finally:
            gc.enable()


def test_an_exception_is_not_kept() -> None:
    class Boom(Exception):
        pass

    gone: list[weakref.ref[Boom]] = []

    def app(environ: Any, start_response: Any) -> Any:
        error = Boom()
        gone.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error

    environ = make_environ()
    gc.disable()
    try:
        with suppress(Boom):
            compose(RequestId(), AccessLog(sink=lambda entry: None))(app)(environ, print)  # type: ignore[arg-type]
        assert gone[0]() is None
        record = environ["wsgimw.record"]
        assert record.error is None or isinstance(record.error, str)
    finally:
        gc.enable()


def test_threads() -> None:
    """Eight threads through one bound app: as many lines as requests, each whole."""
    lines = io.StringIO()
    app = AccessLog(sink=lines)(answering([b"x"]))

    def work(number: int) -> None:
        for _ in range(50):
            serve(app, make_environ(PATH_INFO=f"/{number}" * 50))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = lines.getvalue().splitlines()
    assert len(written) == 400
    assert {line.count("HTTP/1.1") for line in written} == {1}


def test_closed_on_another_thread() -> None:
    entries: list[dict[str, Any]] = []
    body = AccessLog(sink=entries.append)(late(b"a", b"b"))(make_environ(), lambda *head: print)
    assert next(iter(body)) == b"a"
    thread = threading.Thread(target=body.close)  # type: ignore[attr-defined]
    thread.start()
    thread.join()
    body.close()  # type: ignore[attr-defined]
    assert [entry["outcome"] for entry in entries] == ["client_gone"]


def test_nothing_is_left_by_many_requests() -> None:
    """2,000 requests, one in twenty given up: no object more than before."""
    app = compose(RequestId(), AccessLog(sink=lambda entry: None))(late(b"a", b"b"))

    def many() -> None:
        for number in range(1000):
            serve(app, stop=1 if number % 20 == 0 else None)

    many()
    gc.collect()
    before = len(gc.get_objects())
    many()
    gc.collect()
    assert len(gc.get_objects()) - before < 50


def test_a_strict_server_and_a_strict_app() -> None:
    """`wsgiref.validate` on both sides."""

    def inner(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"a"
        yield b"b"

    entries: list[dict[str, Any]] = []
    layers = compose(RequestId(), AccessLog(sink=entries.append))
    environ: Any = {}
    setup_testing_defaults(environ)
    environ["QUERY_STRING"] = ""
    served = serve(validator(layers(validator(inner))), environ)
    assert (served.blocks, served.error, entries[0]["bytes"]) == ([b"a", b"b"], None, 2)


def test_generators_arrive_block_by_block() -> None:
    """wsgi-request-logger-9, wsgi-request-logger-16: the log must not empty a generator."""
    pulled: list[int] = []

    def inner(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", HEAD)
        for number in range(3):
            pulled.append(number)
            yield b"%d" % number

    body: Any = AccessLog(sink=lambda entry: None)(inner)(make_environ(), lambda *head: print)
    assert not pulled
    seen = [(block, len(pulled)) for block in body]
    assert seen == [(b"0", 1), (b"1", 2), (b"2", 3)]
    body.close()


def test_a_file_wrapper_passes_as_the_same_object() -> None:
    """Rule 29."""
    made: list[Any] = []

    class Keeping(Wrapper):
        def __init__(self, file: Any) -> None:
            super().__init__(file)
            made.append(self)

    layers = compose(RequestId(), AccessLog(sink=lambda entry: None))
    environ = make_environ(**{"wsgi.file_wrapper": Keeping})
    assert layers(sending(HEAD))(environ, lambda *head: print) is made[0]


def test_a_list_keeps_its_length() -> None:
    """Rule 21: wsgiref and waitress make Content-Length of it."""
    layers = compose(RequestId(), AccessLog(sink=lambda entry: None))
    body: Any = layers(answering([b"abc"]))(make_environ(), lambda *head: print)
    assert (len(body), body[0]) == (1, b"abc")
    body.close()
