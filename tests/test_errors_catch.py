"""CatchErrors: phases, heads, `close()`, what passes."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from webtest import TestApp

from tests.errors_apps import HEAD, Body, Fault, ask, lazy, printed, raised, raising, returning
from tests.venvs import ROOT
from wsgimw import CatchErrors, Hooks, compose
from wsgimw.testing import check_middleware
from wsgimw.testing.server import App, Call, Environ, FileWrapper, StartResponse, make_environ

TEXT = b"500 Internal Server Error\nFingerprint: "
FIELDS = (
    "Content-Type",
    "Content-Length",
    "Cache-Control",
    "Vary",
    "X-Content-Type-Options",
    "X-Error-Fingerprint",
)
BEFORE_BYTES = [
    pytest.param(lambda: raising(Fault("x")), id="in the call, after a head"),
    pytest.param(lambda: raising(Fault("x"), head=False), id="in the call, no head"),
    pytest.param(lambda: lazy(Fault("x")), id="generator, before the first block"),
    pytest.param(lambda: lazy(Fault("x"), late=False), id="generator that never gave a head"),
    pytest.param(lambda: lazy(b"", b"", Fault("x")), id="after empty blocks"),
    pytest.param(lambda: returning(Body(Fault("x"))), id="class body, at once"),
    pytest.param(lambda: returning(Body(b"", Fault("x"))), id="class body, after an empty block"),
    pytest.param(lambda: returning(3), id="a body that is no iterable"),
    pytest.param(lambda: returning(None), id="None for a body"),
]


@pytest.mark.parametrize("make", BEFORE_BYTES)
def test_before_bytes_it_answers(make: Callable[[], App]) -> None:
    reports: list[Any] = []
    call = ask(make(), CatchErrors(report=lambda report, error: reports.append(report)))
    assert call.status == "500 Internal Server Error"
    assert tuple(name for name, _ in call.headers) == FIELDS
    assert call.raw.startswith(TEXT)
    assert call.values("Content-Length") == [str(len(call.raw))]
    assert call.values("Cache-Control") == ["no-store"]
    assert call.values("Vary") == ["Accept"]
    assert call.values("X-Content-Type-Options") == ["nosniff"]
    (mark,) = call.values("X-Error-Fingerprint")
    assert len(mark) == 12
    assert call.raw == TEXT + mark.encode() + b"\n"
    assert [(report["phase"], report["status"]) for report in reports] == [("before_bytes", 500)]
    assert printed(call).count("Traceback") == 1
    assert call.environ["wsgimw.record"].fingerprint == mark == reports[0]["fingerprint"]


@pytest.mark.parametrize("make", BEFORE_BYTES)
def test_the_head_comes_with_the_very_exception(make: Callable[[], App]) -> None:
    seen: list[Any] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[..., None]:
        seen.append(exc_info)
        return lambda block: None

    call = Call(CatchErrors(log=False)(make()), make_environ())
    call.start = start_response
    call.begin()
    while call.pull() is not None:
        pass
    kind, error, traceback = seen[-1]
    assert type(error) is kind
    assert traceback is not None


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: lazy(b"one", Fault("x")), id="generator"),
        pytest.param(lambda: lazy(b"", b"one", b"two", b"", Fault("x")), id="many blocks"),
        pytest.param(lambda: returning(Body(b"one", Fault("x"))), id="class body"),
    ],
)
def test_midstream_it_reports_and_raises(make: Callable[[], App]) -> None:
    reports: list[Any] = []
    app = CatchErrors(report=lambda report, error: reports.append((report, error)))(make())
    call = Call(app, make_environ())
    error = raised(call.run)
    assert isinstance(error, Fault)
    assert call.status == "200 OK"
    assert call.heads == 1
    assert [(report["phase"], report["status"]) for report, _ in reports] == [("midstream", None)]
    assert reports[0][1] is error
    assert "GET /: the response is cut off" in printed(call)


def write_and_fail(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", HEAD)(b"written")
    raise Fault("after a write")


def test_after_write_it_reports_and_raises() -> None:
    reports: list[Any] = []
    app = CatchErrors(report=lambda report, error: reports.append(report))(write_and_fail)
    call = Call(app, make_environ())
    error = raised(call.run)
    assert isinstance(error, Fault)
    assert (error.__cause__, error.__context__) == (None, None)
    assert call.raw == b"written"
    assert [report["phase"] for report in reports] == ["midstream"]


def test_a_refused_head_lets_the_original_up_with_its_own_traceback() -> None:
    class Other(Exception):
        pass

    def refuse(status: str, headers: Any, exc_info: Any = None) -> Any:
        raise Other

    reports: list[Any] = []
    app = CatchErrors(report=lambda report, error: reports.append(report))(
        raising(Fault("x"), head=False)
    )
    error = raised(lambda: app(make_environ(), refuse))
    assert isinstance(error, Fault)
    assert (error.__cause__, error.__context__, error.__suppress_context__) == (None, None, False)
    names = []
    traceback = error.__traceback__
    while traceback is not None:
        names.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert names[-2:] == ["bound", "app"]
    assert [report["phase"] for report in reports] == ["before_bytes"]
    assert reports[0]["status"] is None


def test_a_cause_survives_a_refused_head() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", HEAD)(b"written")
        raise Fault("x") from KeyError("why")

    error = raised(Call(CatchErrors(log=False)(app), make_environ()).run)
    assert error is not None
    assert isinstance(error.__cause__, KeyError)


@pytest.mark.parametrize(
    ("body", "phases"),
    [
        pytest.param(lambda: Body(b"x", close=Fault("c")), ["in_close"], id="after a whole body"),
        pytest.param(
            lambda: Body(Fault("x"), close=Fault("c")), ["before_bytes", "in_close"], id="after 500"
        ),
    ],
)
def test_what_close_raises_is_reported_and_not_raised(body: Any, phases: list[str]) -> None:
    reports: list[Any] = []
    made = body()
    call = ask(returning(made), CatchErrors(report=lambda report, error: reports.append(report)))
    assert made.closes == 1
    assert [report["phase"] for report in reports] == phases
    assert "raised in close(), after the response" in printed(call)


class ClosingList(list[bytes]):
    closes = 0

    def close(self) -> None:
        self.closes += 1
        raise Fault("c")


def test_what_the_close_of_a_list_raises_is_reported() -> None:
    body = ClosingList([b"x"])
    call = ask(returning(body))
    assert (body.closes, call.raw) == (1, b"x")
    assert "Fault: c" in printed(call)


@pytest.mark.parametrize(
    "drive",
    [
        pytest.param(lambda call: call.rest(), id="to the end"),
        pytest.param(lambda call: (call.pull(), call.close()), id="after one block"),
        pytest.param(lambda call: call.close(), id="unstarted"),
        pytest.param(lambda call: (call.rest(), call.close()), id="twice from above"),
    ],
)
@pytest.mark.parametrize(
    "blocks",
    [
        pytest.param((b"a", b"b"), id="whole"),
        pytest.param((Fault("x"),), id="failing at once"),
        pytest.param((b"a", Fault("x")), id="failing midstream"),
    ],
)
def test_the_inner_close_runs_once(blocks: Any, drive: Callable[[Call], object]) -> None:
    body = Body(*blocks)
    call = Call(CatchErrors(log=False)(returning(body)), make_environ()).begin()
    assert body.pulled == 0
    raised(lambda: drive(call))
    assert body.closes == 1


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(KeyboardInterrupt(), id="KeyboardInterrupt"),
        pytest.param(SystemExit(1), id="SystemExit"),
        pytest.param(GeneratorExit(), id="GeneratorExit"),
        pytest.param(type("Timeout", (BaseException,), {})(), id="gevent Timeout"),
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda error: raising(error), id="call"),
        pytest.param(lambda error: returning(Body(error)), id="first block"),
        pytest.param(lambda error: returning(Body(b"x", error)), id="midstream"),
        pytest.param(lambda error: returning(Body(b"x", close=error)), id="close"),
    ],
)
def test_base_exceptions_pass(make: Callable[[Any], App], error: BaseException) -> None:
    call = Call(CatchErrors()(make(error)), make_environ())
    assert raised(call.run) is error
    assert printed(call) == ""


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    "app", [pytest.param(raising(Fault()), id="call"), pytest.param(lazy(Fault()), id="generator")]
)
def test_head_has_the_same_head_and_no_body(app: App, method: str) -> None:
    call = ask(app, CatchErrors(log=False), REQUEST_METHOD=method)
    like = ask(app, CatchErrors(log=False))
    assert call.headers == like.headers
    assert call.blocks == ([b""] if method == "HEAD" else like.blocks)


def emptying(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    environ.clear()
    raise Fault


def test_an_emptied_environ_still_has_no_body_for_head(capsys: Any) -> None:
    call = ask(emptying, REQUEST_METHOD="HEAD")
    assert (call.status[:3], call.raw) == ("500", b"")
    assert "Fault" in capsys.readouterr().err


class TestThrowErrors:
    """`paste.throw_errors`, which WebTest sets."""

    @pytest.mark.parametrize(
        "app",
        [
            pytest.param(raising(Fault("x")), id="call"),
            pytest.param(lazy(Fault("x")), id="first block"),
            pytest.param(lazy(b"a", Fault("x")), id="midstream"),
            pytest.param(returning(Body(b"a", close=Fault("x"))), id="close"),
        ],
    )
    def test_marks_the_record_raises_and_prints_nothing(self, app: App) -> None:
        reports: list[Any] = []
        layer = CatchErrors(report=lambda report, error: reports.append(report))
        call = Call(layer(app), make_environ(**{"paste.throw_errors": True}))
        assert isinstance(raised(call.run), Fault)
        assert (printed(call), reports) == ("", [])
        known = call.environ["wsgimw.record"]
        assert known.error == f"{Fault.__module__}.Fault"
        assert len(known.fingerprint) == 12

    def test_by_webtest(self) -> None:
        app = TestApp(CatchErrors()(raising(Fault("x"))))
        with pytest.raises(Fault):
            app.get("/")
        told = {"paste.throw_errors": False}
        answer = app.get("/", extra_environ=told, status=500, expect_errors=True)
        assert answer.text.startswith("500 Internal Server Error")
        head = app.head("/", extra_environ=told, status=500, expect_errors=True)
        assert head.headers["Content-Length"] == answer.headers["Content-Length"]

    def test_below_500_it_is_an_answer_all_the_same(self) -> None:
        app = TestApp(CatchErrors(handlers={Fault: 404})(raising(Fault("x"))))
        assert app.get("/", status=404).text == "404 Not Found\n"


class TestHappyPath:
    """What does not fail passes as it is."""

    @pytest.mark.parametrize("body", [[b"a"], (b"a", b"b"), [], ()], ids=repr)
    def test_lists_and_tuples_untouched(self, body: Any) -> None:
        call = Call(CatchErrors()(returning(body)), make_environ()).begin()
        assert call.body is body

    def test_start_response_is_the_servers(self) -> None:
        seen: list[Any] = []

        def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
            seen.append(start_response)
            return []

        def start_response(*args: Any) -> Any: ...

        CatchErrors()(app)(make_environ(), start_response)
        assert seen == [start_response]

    def test_a_file_wrapper_is_the_very_object(self) -> None:
        file = FileWrapper(io.BytesIO(b"file"))
        environ = make_environ(**{"wsgi.file_wrapper": FileWrapper})
        assert Call(CatchErrors()(returning(file)), environ).begin().body is file

    def test_an_iterator_that_goes_on_after_its_end_is_not_asked_again(self) -> None:
        class Odd:
            asked = 0

            def __iter__(self) -> Odd:
                return self

            def __next__(self) -> bytes:
                self.asked += 1
                if self.asked == 1:
                    raise StopIteration
                return b"more"

        assert ask(returning(Odd())).blocks == []

    def test_no_record_is_made(self) -> None:
        assert "wsgimw.record" not in ask(returning([b"a"])).environ

    def test_the_first_stack_entry_for_the_kit(self) -> None:
        layer = CatchErrors(log=False)
        assert check_middleware(layer, skip=(25, 27))
        assert check_middleware(compose(*[layer] * 6), skip=(25, 27))


class TestTwoLayers:
    """Two CatchErrors report once."""

    @pytest.mark.parametrize(
        ("app", "up"),
        [
            pytest.param(raising(Fault("x")), False, id="answered by the inner one"),
            pytest.param(lazy(b"a", Fault("x")), True, id="raised again"),
            pytest.param(write_and_fail, True, id="refused"),
            pytest.param(returning(Body(b"a", close=Fault("x"))), False, id="close"),
        ],
    )
    def test_one_report(self, app: App, up: bool) -> None:
        reports: list[Any] = []
        layer = CatchErrors(report=lambda report, error: reports.append(report))
        call = Call(compose(layer, layer)(app), make_environ())
        assert isinstance(raised(call.run), Fault) is up
        assert len(reports) == 1
        assert printed(call).count("Traceback") == 1

    def test_one_report_under_a_layer_that_holds_blocks(self) -> None:
        def holding(app: App) -> App:
            def bound(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
                yield b"".join(app(environ, start_response))

            return bound

        reports: list[Any] = []
        layer = CatchErrors(report=lambda report, error: reports.append(report))
        call = Call(compose(layer, holding, layer)(lazy(b"a", Fault("x"))), make_environ()).run()
        assert [report["phase"] for report in reports] == ["midstream"]
        assert call.status[:3] == "500"
        assert call.values("X-Error-Fingerprint") == [reports[0]["fingerprint"]]

    def test_one_exception_object_in_many_requests_is_reported_each_time(self) -> None:
        reports: list[Any] = []
        app = CatchErrors(log=False, report=lambda report, error: reports.append(report))(
            raising(Fault("a constant"))
        )
        for _ in range(3):
            Call(app, make_environ()).run()
        assert len(reports) == 3

    def test_an_exception_that_takes_no_attributes_is_told_all_the_same(self) -> None:
        class Closed(Exception):
            __slots__ = ()

            @property
            def __dict__(self) -> Any:  # type: ignore[override]
                raise Fault("no")

        assert "Closed" in printed(ask(raising(Closed())))


class TestLog:
    """`log=`."""

    def test_one_write_with_request_and_fingerprint_over_the_traceback(self) -> None:
        writes: list[str] = []

        class Stream:
            def write(self, text: str) -> None:
                writes.append(text)

            def flush(self) -> None: ...

        call = ask(raising(Fault("why")), PATH_INFO="/a b\n", **{"wsgi.errors": Stream()})
        (text,) = writes
        first, second = text.splitlines()[:2]
        mark = call.values("X-Error-Fingerprint")[0]
        assert first == f"wsgimw CatchErrors: GET /a%20b%0A: answered 500, fingerprint {mark}"
        assert second == "Traceback (most recent call last):"
        assert text.endswith(f"{Fault.__module__}.Fault: why\n")

    def test_false_writes_nothing(self) -> None:
        assert printed(ask(raising(Fault()), CatchErrors(log=False))) == ""

    def test_a_logger_gets_the_exception(self, caplog: pytest.LogCaptureFixture) -> None:
        call = ask(raising(Fault("why")), CatchErrors(log=logging.getLogger("tests.errors")))
        (entry,) = caplog.records
        assert entry.levelno == logging.ERROR
        assert entry.exc_info is not None
        assert isinstance(entry.exc_info[1], Fault)
        assert entry.getMessage().startswith("GET /: answered 500, fingerprint ")
        assert printed(call) == ""

    def test_the_request_id_is_on_the_line(self) -> None:
        from wsgimw.record import Record

        known = Record()
        known.request_id = "abc"
        call = ask(raising(Fault()), **{"wsgimw.record": known})
        assert ", request abc, fingerprint " in printed(call)
        assert b"\nRequest id: abc\n" in call.raw

    @pytest.mark.parametrize("text", ["\ud800", "\x1b[31m", "\u202e", "a\x00b", "\x9b2J"], ids=repr)
    def test_nothing_that_steers_a_terminal(self, text: str) -> None:
        said = printed(ask(raising(Fault(text))))
        assert text not in said
        said.encode()

    @pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
    def test_any_encoding_of_the_stream(self, encoding: str) -> None:
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, encoding=encoding)
        ask(raising(Fault("\u20ac\ud800")), **{"wsgi.errors": stream})
        assert b"Fault: " in raw.getvalue()

    def test_a_broken_stream_breaks_nothing(self) -> None:
        assert ask(raising(Fault()), **{"wsgi.errors": object()}).status[:3] == "500"

    def test_a_broken_logger_breaks_nothing(self) -> None:
        class Broken(logging.Logger):
            def error(self, *args: Any, **options: Any) -> None:
                raise Fault("no disk")

        call = ask(raising(KeyError("k")), CatchErrors(log=Broken("b")))
        assert call.status[:3] == "500"
        assert "no disk" in printed(call)


class TestOptions:
    """What can be given, and what is said of what cannot."""

    @pytest.mark.parametrize(
        ("options", "error", "says"),
        [
            pytest.param({"report": 3}, TypeError, "report=3; write CatchErrors(report=", id="r"),
            pytest.param({"report": [3]}, TypeError, "holds 3, which is not a function", id="r[]"),
            pytest.param({"report": "x"}, TypeError, "given report='x'", id="report str"),
            pytest.param({"report": [Fault]}, TypeError, "holds Fault", id="report class"),
            pytest.param({"log": "x"}, TypeError, "log='x'; it is True", id="log"),
            pytest.param({"log": None}, TypeError, "log=None", id="log None"),
            pytest.param({"handlers": [1]}, TypeError, "handlers={KeyError: 404}", id="handlers"),
            pytest.param({"handlers": {"x": 404}}, TypeError, "the key 'x'", id="key"),
            pytest.param({"handlers": {int: 404}}, TypeError, "the key int", id="key int"),
            pytest.param({"handlers": {SystemExit: 404}}, ValueError, "never caught", id="base"),
            pytest.param({"handlers": {KeyError: 200}}, ValueError, "the status 200", id="200"),
            pytest.param({"handlers": {KeyError: 600}}, ValueError, "from 400 to 599", id="600"),
            pytest.param({"handlers": {KeyError: True}}, TypeError, "status True", id="bool"),
            pytest.param({"handlers": {KeyError: "404"}}, TypeError, "'404'", id="str"),
            pytest.param({"render": 3}, TypeError, "render=...) was given 3", id="render"),
            pytest.param({"render": {"a/b": str}}, ValueError, "text/html", id="media type"),
            pytest.param({"render": {"text/html": "x"}}, TypeError, "is 'x'", id="page"),
            pytest.param({"reports": 3}, TypeError, "did you mean report?", id="unknown"),
        ],
    )
    def test_wrong_ones(self, options: Any, error: type[Exception], says: str) -> None:
        with pytest.raises(error) as caught:
            CatchErrors(**options)
        assert says in str(caught.value)

    def test_value(self) -> None:
        layer = CatchErrors(handlers={KeyError: 404}, render={"text/plain": str}, log=False)
        assert repr(layer) == (
            "CatchErrors(handlers={KeyError: 404}, render={'text/plain': str}, log=False)"
        )
        assert layer == CatchErrors(handlers={KeyError: 404}, render={"text/plain": str}, log=False)
        assert hash(layer) == hash(CatchErrors(log=False))
        assert replace(layer, log=True) != layer
        assert CatchErrors(report=print) == CatchErrors(report=[print])
        assert CatchErrors(report=iter([print])).report == (print,)

    def test_its_mappings_are_its_own(self) -> None:
        handlers: dict[Any, Any] = {KeyError: 404}
        layer = CatchErrors(handlers=handlers)
        handlers[ValueError] = 400
        assert layer.handlers == {KeyError: 404}


class TestReporters:
    """`report=`."""

    def test_one_that_raises_is_noted_and_the_rest_run(self) -> None:
        ran: list[str] = []

        def broken(report: Any, error: Exception) -> None:
            raise OSError("no\nnetwork")

        def works(report: Any, error: Exception) -> None:
            ran.append(report["type"])

        call = ask(raising(KeyError("k")), CatchErrors(log=False, report=(broken, works)))
        assert call.status[:3] == "500"
        assert ran == ["KeyError"]
        where = "TestReporters.test_one_that_raises_is_noted_and_the_rest_run.<locals>.broken"
        assert printed(call) == f"wsgimw CatchErrors: {where} raised OSError: no\\nnetwork\n"

    def test_a_base_exception_of_one_passes(self) -> None:
        def leave(report: Any, error: Exception) -> None:
            raise SystemExit(3)

        assert isinstance(
            raised(lambda: ask(raising(Fault()), CatchErrors(log=False, report=leave))), SystemExit
        )


def test_the_last_resort_when_nothing_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*args: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("wsgimw.errors.pages.choose", no_memory)
    call = ask(raising(Fault("x")))
    assert (call.status[:3], call.raw) == ("500", b"500 Internal Server Error\n")
    assert call.values("Content-Length") == [str(len(call.raw))]
    assert "Fault: x" in printed(call)
    assert ask(raising(Fault("x")), REQUEST_METHOD="HEAD").raw == b""
    assert raised(lambda: Call(CatchErrors()(write_and_fail), make_environ()).run()) is not None


@pytest.mark.parametrize("part", ["fingerprint", "build", "locate", "text"])
def test_a_fault_of_ours_in_a_report_loses_no_answer(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **options: Any) -> Any:
        raise RecursionError

    monkeypatch.setattr(f"wsgimw.errors.telling.{part}", broken)
    call = ask(raising(Fault("x")), CatchErrors(report=lambda report, error: None))
    assert call.status[:3] == "500"


def test_eight_threads_see_their_own() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", HEAD)
        yield b""
        raise Fault(environ["PATH_INFO"])

    wrong: list[str] = []

    def check(report: Any, error: Exception) -> None:
        if str(error) != report["path"]:
            wrong.append(report["path"])

    bound = CatchErrors(log=False, report=check)(app)

    def work(number: int) -> None:
        for turn in range(50):
            path = f"/{number}/{turn}"
            call = Call(bound, make_environ(PATH_INFO=path)).run()
            if call.status[:3] != "500":
                wrong.append(path)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_hooks_and_lists_of_inner_layers_are_joined() -> None:
    ends: list[Any] = []

    class Watch(Hooks):
        __slots__ = ()

        def on_end(self, x: Any) -> None:
            ends.append((x.status, x.bytes, x.complete))
            raise Fault("in a hook")

    call = ask(returning([b"abc"]), compose(CatchErrors(), Watch()))
    assert ends == [("200 OK", 3, True)]
    assert call.raw == b"abc"
    assert "in a hook" in printed(call)


def test_it_loads_alone() -> None:
    program = (
        "import sys; from wsgimw import CatchErrors; CatchErrors(); "
        "loaded = {name.partition('.')[0] for name in sys.modules}; "
        "assert 'werkzeug' not in loaded and 'logging' not in loaded, loaded; "
        "layers = {n for n in sys.modules if n.startswith('wsgimw.')}; "
        "bad = {'wsgimw.compress', 'wsgimw.access_log', 'wsgimw.errors.status_pages'}; "
        "assert not bad & layers, layers"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_partial_layers_are_layers() -> None:
    assert ask(raising(Fault()), partial(CatchErrors(log=False).__call__)).status[:3] == "500"
