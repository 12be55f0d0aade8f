"""The lower form, `Flow`: what each override may do, alone and together, and what it leaves."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from tests.strict_server import (
    HEADERS,
    App,
    Body,
    ClosingList,
    LazyList,
    Refused,
    Server,
    app_of,
    iterator_app,
    late_app,
    raising_app,
    writing_app,
)
from wsgimw import exchange
from wsgimw.exchange import (
    Blocks,
    ContextFlow,
    Flow,
    PrimedFlow,
    WatchedStream,
    flow_after,
    flow_held,
    flow_through,
    own_code,
)

OOPS = ValueError("oops")
LATER = KeyError("later")


def flow(app: App, begin: Any = None, **overrides: Any) -> App:
    """Bind an app by a flow with these overrides."""
    kind = type("Tried", (Flow,), {"__slots__": (), **overrides})
    return flow_through(app, kind, begin)


class Trace(list[Any]):
    """Notes what was called, in order."""

    def note(self, name: str, answer: Any = None) -> Callable[..., Any]:
        def noted(flow: Any, *args: Any) -> Any:
            self.append((name, *args) if args else name)
            return answer

        return noted


# What costs nothing.


@pytest.mark.parametrize(
    "body",
    [[b"a"], (b"a",), Body(b"a"), ClosingList([b"a"]), None, b"a", 3],
    ids=["list", "tuple", "iterable", "list-with-close", "None", "bytes", "int"],
)
@pytest.mark.parametrize("overrides", [{}, {"counts": True}], ids=["nothing", "counts"])
def test_a_flow_that_says_nothing_passes_the_very_body(body: Any, overrides: Any) -> None:
    assert Server().call(flow(app_of(body), **overrides)) is body


@pytest.mark.parametrize(
    ("overrides", "bare"),
    [
        pytest.param({}, True, id="nothing"),
        pytest.param({"ended": lambda self: None}, True, id="end"),
        pytest.param({"block": lambda self, block: block}, True, id="block"),
        pytest.param({"counts": True}, False, id="counts"),
        pytest.param({"write": lambda self, data: None}, False, id="write"),
        pytest.param({"start": Flow.forward}, False, id="start"),
    ],
)
def test_who_gets_the_bare_start_response(overrides: Any, bare: bool) -> None:
    given: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        given.append(start_response)
        return [b""]

    server = Server()
    list(server.call(flow(app, **overrides)))
    assert (given[0] == server.start_response) is bare


@pytest.mark.parametrize(
    ("overrides", "same"),
    [
        pytest.param({"start": Flow.start}, True, id="head only"),
        pytest.param({"failed": lambda self, error: None}, True, id="errors"),
        pytest.param({"enter": lambda self: None}, True, id="surrounded"),
        pytest.param({"close_failed": lambda self, error: False}, True, id="close errors"),
        pytest.param({"changes": False, "block": lambda self, block: block}, True, id="looks on"),
        pytest.param({"ended": lambda self: None, "ends": False}, True, id="ends of streams"),
        pytest.param({"ended": lambda self: None}, False, id="ends"),
        pytest.param({"block": lambda self, block: block}, False, id="changes"),
    ],
)
def test_who_leaves_a_plain_list_alone(overrides: Any, same: bool) -> None:
    body = [b"a"]
    out = Server().call(flow(app_of(body), **overrides))
    assert (out is body) is same
    assert out == body


# write()


def test_an_overridden_write_is_used_without_counting() -> None:
    trace = Trace()

    def write(self: Any, data: bytes) -> object:
        trace.append(data)
        return Flow.write(self, data.upper())

    server = Server()
    assert server.serve(flow(writing_app(b"a", b"b", body=[b"c"]), write=write)) == b"ABc"
    assert trace == [b"a", b"b"]


def test_write_goes_out_at_once() -> None:
    server = Server()

    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [*HEADERS])
        write(b"a")
        assert server.sent == b"a"
        return []

    server.serve(flow(app, counts=True, ended=lambda self: None))


def test_write_during_iteration_is_passed_on_and_counted() -> None:
    """Rule 11 forbids it to an app; a layer is no judge of that."""
    counts: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [*HEADERS])

        def blocks() -> Iterator[bytes]:
            write(b"w")
            yield b"abc"

        return blocks()

    def ended(self: Any) -> None:
        counts.append(self.bytes)

    assert sorted(Server().serve(flow(app, counts=True, ended=ended))) == sorted(b"wabc")
    assert counts == [4]


# block, whole and finish


CHANGES: dict[str, Any] = {
    "block": lambda self, block: block.upper(),
    "finish": lambda self: b"!",
}


@pytest.mark.parametrize("surrounded", [False, True], ids=["", "surrounded"])
@pytest.mark.parametrize(
    "app",
    [
        pytest.param(app_of([b"a", b"", b"b"]), id="list"),
        pytest.param(app_of((b"a", b"b")), id="tuple"),
        pytest.param(iterator_app(b"a", b"", b"b"), id="stream"),
        pytest.param(late_app(b"a", b"b"), id="late"),
        pytest.param(app_of(ClosingList([b"a", b"b"])), id="closing list"),
    ],
)
def test_blocks_are_changed_and_a_last_one_is_added(app: App, surrounded: bool) -> None:
    counts: list[Any] = []

    def ended(self: Any) -> None:
        counts.append((self.bytes, self.complete))

    overrides = dict(CHANGES, ended=ended)
    if surrounded:
        overrides["enter"] = overrides["leave"] = lambda self: None
    assert Server().serve(flow(app, **overrides)) == b"AB!"
    assert counts == [(3, True)]


@pytest.mark.parametrize("surrounded", [False, True], ids=["", "surrounded"])
def test_no_last_block_is_no_block(surrounded: bool) -> None:
    more = {"enter": lambda self: None} if surrounded else {}
    body = Server().call(flow(iterator_app(b"a"), finish=lambda self: b"", **more))
    assert list(body) == [b"a"]


def test_a_block_for_a_block() -> None:
    """Rule 18."""
    inner = Body(b"a", b"b")
    out = iter(Server().call(flow(app_of(inner), block=lambda self, block: b"")))
    assert (next(out), inner.pulled) == (b"", 1)
    assert (next(out), inner.pulled) == (b"", 2)


@pytest.mark.parametrize("surrounded", [False, True], ids=["", "surrounded"])
@pytest.mark.parametrize("started", [False, True], ids=["unstarted", "started"])
def test_a_closed_body_is_not_finished(started: bool, surrounded: bool) -> None:
    more = {"enter": lambda self: None} if surrounded else {}
    out = Server().call(flow(app_of(Body(b"a", b"b")), **CHANGES, **more))
    iterator = iter(out)
    if started:
        assert next(iterator) == b"A"
    out.close()
    assert list(iterator) == []


def test_whole_may_change_the_whole_list() -> None:
    app = flow(app_of([b"a", b"b"]), whole=lambda self, blocks: [b"".join(blocks)])
    assert Server().call(app) == [b"ab"]


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        pytest.param([b"a", b"b"], [b"a", b"b"], id="two blocks"),
        pytest.param([], [b""], id="hypercorn wants a block"),
    ],
)
def test_whole_may_let_a_list_go_out_as_a_stream(blocks: Any, expected: Any) -> None:
    body = ClosingList(blocks)
    out = Server().call(flow(app_of(body), whole=lambda self, blocks: None))
    assert not hasattr(out, "__len__")
    assert list(out) == expected
    out.close()
    assert body.closed == 1


def test_whole_that_fails_closes_the_body_and_sees_the_end() -> None:
    ends: list[Any] = []

    def whole(self: Any, blocks: Any) -> Any:
        raise OOPS

    body = ClosingList([b"a"])
    with pytest.raises(ValueError, match="oops"):
        Server().call(flow(app_of(body), whole=whole, ended=lambda self: ends.append(self.error)))
    assert body.closed == 1
    assert ends == [OOPS]


def test_a_changed_list_is_pulled_from_inner_ends() -> None:
    ends: list[Any] = []
    inner = flow(app_of([b"a", b"b"]), ended=lambda self: ends.append((self.bytes, self.complete)))
    out = Server().call(flow(inner, **CHANGES))
    assert out == [b"A", b"B", b"!"]
    assert ends == []
    out.close()
    assert ends == [(2, True)]


def test_a_list_that_iterates_by_itself_is_a_stream() -> None:
    assert list(Server().call(flow(app_of(LazyList([b"x"])), **CHANGES))) == [b"LA", b"ZY", b"!"]


@pytest.mark.parametrize("changes", [False, True])
def test_a_file_passes_unless_it_is_changed(changes: bool) -> None:
    import io

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [*HEADERS])
        return environ["wsgi.file_wrapper"](io.BytesIO(b"hello"))

    bound = flow(app, changes=changes, block=lambda self, block: block.upper())
    out = Server().call(bound, {"wsgi.file_wrapper": FileWrapper})
    assert isinstance(out, FileWrapper) is not changes
    assert b"".join(out) == (b"HELLO" if changes else b"hello")
    out.close()


# hand_on


def test_hand_on_is_asked_with_what_is_final() -> None:
    asked: list[Any] = []

    def hand_on(self: Any, body: Any, final: bool) -> bool:
        asked.append(final)
        return True

    def ended(self: Any) -> None:
        raise AssertionError("after it was handed on")

    for body in ([b"a"], (b"a",), Body(b"a"), LazyList(), None):
        assert Server().call(flow(app_of(body), hand_on=hand_on, ended=ended)) is body
    assert asked == [True, True, False, False, False]


@pytest.mark.parametrize(
    "make", [Body, lambda *blocks: ClosingList(blocks)], ids=["stream", "list"]
)
def test_hand_on_that_fails_closes_the_body_and_sees_the_end(make: Any) -> None:
    """So a head that was held back, and is refused when it is sent on, leaks nothing."""
    ends: list[Any] = []

    def hand_on(self: Any, body: Any, final: bool) -> bool:
        self.forward("200 OK", [*HEADERS], None)
        return False

    body = make(b"a")

    def app(environ: Any, start_response: Any) -> Any:
        return body

    bound = flow(app, hand_on=hand_on, ended=lambda self: ends.append(type(self.error)))
    with pytest.raises(Refused):
        Server(1).serve(bound)
    assert body.closed == 1
    assert ends == [Refused]


# failed


def answering(*blocks: bytes) -> dict[str, Any]:
    return {"failed": lambda self, error: [*blocks]}


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="alone"),
        pytest.param({"counts": True}, id="counting"),
        pytest.param(CHANGES, id="changing"),
        pytest.param({**CHANGES, "enter": lambda self: None}, id="surrounded and changing"),
        pytest.param({"enter": lambda self: None}, id="surrounded"),
    ],
)
@pytest.mark.parametrize(
    ("app", "before"),
    [
        pytest.param(raising_app(OOPS, head=False), b"", id="the call"),
        pytest.param(app_of(Body(OOPS)), b"", id="the first pull"),
        pytest.param(app_of(Body(b"a", OOPS)), b"a", id="a later pull"),
        pytest.param(app_of(None), b"", id="a body that is none"),
    ],
)
def test_an_error_is_answered(app: App, before: bytes, more: Any) -> None:
    """The answer is what `failed` gave: no block of it is changed, and it is not finished."""
    ends: list[Any] = []
    overrides = {**answering(b"so", b"rry"), **more}
    bound = flow(app, **overrides)
    sent = before.upper() if "block" in more else before
    assert Server().serve(bound) == sent + b"sorry"

    def ended(self: Any) -> None:
        ends.append((self.bytes, type(self.error) if self.error is None else self.error))

    seen = flow(app, ended=ended, **{**overrides, "counts": True})
    assert Server().serve(seen) == sent + b"sorry"
    assert len(ends) == 1
    assert ends[0][0] == len(sent) + 5
    assert isinstance(ends[0][1], Exception)


@pytest.mark.parametrize("inner", [raising_app(OOPS), app_of(Body(OOPS))], ids=["call", "pull"])
@pytest.mark.parametrize("ends", [True, False], ids=["with an end", "without an end"])
def test_an_answer_may_have_a_close(inner: App, ends: bool) -> None:
    answer = Body(b"sorry")
    more = {"ended": lambda self: None} if ends else {}
    assert Server().serve(flow(inner, failed=lambda self, error: answer, **more)) == b"sorry"
    assert answer.closed == 1


def test_an_answer_with_a_close_to_a_body_without() -> None:
    answer = Body(b"sorry")
    bound = flow(app_of(None), failed=lambda self, error: answer)
    assert Server().serve(bound) == b"sorry"
    assert answer.closed == 1


def test_the_close_of_an_answer_comes_after_the_inner_one() -> None:
    order: list[str] = []

    class Noted(Body):
        name = "inner"

        def close(self) -> None:
            order.append(self.name)
            super().close()

    inner = Noted(OOPS, at_close=LATER)
    answer = Noted(b"sorry")
    answer.name = "answer"
    with pytest.raises(KeyError):
        Server().serve(flow(app_of(inner), failed=lambda self, error: answer))
    assert order == ["inner", "answer"]


@pytest.mark.parametrize("inner", [raising_app(OOPS), app_of(Body(OOPS))], ids=["call", "pull"])
def test_an_answer_that_fails_is_closed_too(inner: App) -> None:
    ends: list[Any] = []
    answer = Body(LATER)
    bound = flow(
        inner, failed=lambda self, error: answer, ended=lambda self: ends.append(self.error)
    )
    with pytest.raises(KeyError):
        Server().serve(bound)
    assert answer.closed == 1
    assert ends == [OOPS]


@pytest.mark.parametrize("inner", [raising_app(OOPS), app_of(Body(OOPS))], ids=["call", "pull"])
def test_failed_may_fail_itself(inner: App) -> None:
    ends: list[Any] = []

    def failed(self: Any, error: Exception) -> Any:
        raise LATER

    bound = flow(inner, failed=failed, ended=lambda self: ends.append(self.error))
    with pytest.raises(KeyError):
        Server().serve(bound)
    assert ends == [OOPS]


@pytest.mark.parametrize("inner", [raising_app(OOPS), app_of(Body(OOPS))], ids=["call", "pull"])
def test_an_error_that_is_not_answered_goes_up(inner: App) -> None:
    with pytest.raises(ValueError, match="oops"):
        Server().serve(flow(inner, failed=lambda self, error: None))


@pytest.mark.parametrize(
    "make", [raising_app, lambda error: app_of(Body(error))], ids=["call", "pull"]
)
@pytest.mark.parametrize("error", [SystemExit(), KeyboardInterrupt(), GeneratorExit()], ids=repr)
def test_what_is_no_exception_is_not_asked_about(make: Any, error: BaseException) -> None:
    trace = Trace()
    with pytest.raises(type(error)):
        Server().serve(flow(make(error), failed=trace.note("failed", [b"sorry"])))
    assert trace == []


def test_an_answer_stops_when_it_is_closed() -> None:
    out = Server().call(flow(app_of(Body(OOPS)), **answering(b"a", b"b")))
    iterator = iter(out)
    assert next(iterator) == b"a"
    out.close()
    assert list(iterator) == []


@pytest.mark.parametrize("ends", [True, False], ids=["with an end", "without an end"])
@pytest.mark.parametrize("late", [True, False], ids=["pull", "call"])
def test_an_answered_error_is_freed(late: bool, ends: bool) -> None:
    class Kept(Exception): ...

    gone: list[Any] = []

    def fails() -> Iterator[bytes]:
        error = Kept()
        gone.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error
        yield b""

    def app(environ: Any, start_response: Any) -> Any:
        return fails() if late else next(fails())

    more = {"ended": lambda self: None} if ends else {}
    gc.disable()
    try:
        assert Server().serve(flow(app, **answering(b"sorry"), **more)) == b"sorry"
        assert gone[0]() is None
    finally:
        gc.enable()


# close_failed, ended


def test_a_close_that_fails_may_be_dealt_with() -> None:
    dealt: list[Any] = []

    def close_failed(self: Any, error: Exception) -> bool:
        dealt.append(error)
        return True

    ends: list[Any] = []

    def ended(self: Any) -> None:
        ends.append((self.error, self.failed_in_close))

    bound = flow(app_of(Body(b"a", at_close=OOPS)), close_failed=close_failed, ended=ended)
    assert Server().serve(bound) == b"a"
    assert dealt == [OOPS]
    assert ends == [(OOPS, True)]


@pytest.mark.parametrize(
    ("body", "in_close"),
    [
        pytest.param(Body(b"a"), False, id="nothing failed"),
        pytest.param(Body(OOPS), False, id="a pull failed"),
        pytest.param(Body(OOPS, at_close=LATER), False, id="a pull failed, and the close"),
        pytest.param(Body(b"a", at_close=LATER), True, id="the close failed"),
    ],
)
def test_failed_in_close(body: Any, in_close: bool) -> None:
    ends: list[Any] = []
    bound = flow(app_of(body), ended=lambda self: ends.append(self.failed_in_close))
    try:
        Server().serve(bound)
    except (ValueError, KeyError):
        assert body.blocks[0] is OOPS or body.at_close is LATER
    assert ends == [in_close]


@pytest.mark.parametrize("error", [SystemExit(), KeyboardInterrupt()], ids=repr)
def test_an_exit_out_of_close_always_passes(error: BaseException) -> None:
    trace = Trace()
    bound = flow(app_of(Body(b"a", at_close=error)), close_failed=trace.note("asked", True))
    with pytest.raises(type(error)):
        Server().serve(bound)
    assert trace == []


def test_close_failed_of_a_list() -> None:
    body = ClosingList([b"a"])
    body.at_close = OOPS
    assert Server().serve(flow(app_of(body), close_failed=lambda self, error: True)) == b"a"
    assert body.closed == 1


# enter, leave


def test_all_inner_code_is_surrounded() -> None:
    trace = Trace()

    class Noted(Body):
        def __iter__(self) -> Iterator[bytes]:
            trace.append("iter")
            for block in super().__iter__():
                trace.append("pull")
                yield block

        def close(self) -> None:
            trace.append("close")

    def app(environ: Any, start_response: Any) -> Any:
        trace.append("call")
        start_response("200 OK", [*HEADERS])
        return Noted(b"a", b"b")

    bound = flow(
        app,
        enter=trace.note("("),
        leave=trace.note(")"),
        block=lambda self, block: block,
        changes=False,
        ended=trace.note("ended"),
    )
    assert Server().serve(bound) == b"ab"
    assert "".join(trace) == "(call)(iterpull)(pull)()(close)ended"


@pytest.mark.parametrize("names", [("enter",), ("leave",), ("enter", "leave")], ids="+".join)
@pytest.mark.parametrize(
    ("app", "pairs"),
    [
        pytest.param(raising_app(OOPS), 1, id="the call raises"),
        pytest.param(app_of(Body(OOPS)), 3, id="a pull raises"),
        pytest.param(app_of(Body(b"a", at_close=OOPS)), 4, id="the close raises"),
    ],
)
def test_leave_follows_enter_whatever_happens(app: App, pairs: int, names: Any) -> None:
    trace = Trace()
    with pytest.raises(ValueError, match="oops"):
        Server().serve(flow(app, **{name: trace.note(name) for name in names}))
    assert trace == [*names] * pairs


def test_a_joined_list_is_closed_within_too() -> None:
    trace = Trace()
    inner = flow(app_of([b"a"]), ended=trace.note("inner"))
    outer = flow(inner, enter=trace.note("("), leave=trace.note(")"), ended=trace.note("outer"))
    assert Server().serve(outer) == b"a"
    assert trace == ["(", ")", "(", "inner", ")", "outer"]


def test_a_surrounded_list_needs_nothing_at_its_end() -> None:
    trace = Trace()
    assert Server().serve(flow(app_of([b"a"]), enter=trace.note("("))) == b"a"
    assert trace == ["("]


# lost


LOSES = [
    pytest.param(lambda: app_of([b"a"]), 1, id="a list"),
    pytest.param(lambda: app_of(Body(b"a")), 1, id="a stream"),
]


@pytest.mark.parametrize(("app", "count"), LOSES)
@pytest.mark.parametrize("started", [False, True], ids=["unstarted", "started"])
def test_a_body_that_dies_unclosed_is_heard_of(app: Any, count: int, started: bool) -> None:
    trace = Trace()
    out = Server().call(
        flow(app(), counts=True, lost=trace.note("lost"), ended=trace.note("ended"))
    )
    if started:
        assert next(iter(out)) == b"a"
    del out
    gc.collect()
    assert trace == ["lost"]


@pytest.mark.parametrize(("app", "count"), LOSES)
def test_a_body_that_was_closed_is_not_lost(app: Any, count: int) -> None:
    trace = Trace()
    Server().serve(flow(app(), lost=trace.note("lost"), ended=trace.note("ended")))
    gc.collect()
    assert trace == ["ended"]


def test_a_call_that_raises_is_not_lost() -> None:
    trace = Trace()
    with pytest.raises(ValueError, match="oops"):
        Server().serve(flow(raising_app(OOPS), lost=trace.note("lost")))
    gc.collect()
    assert trace == []


def test_every_flow_of_a_joined_list_hears_of_its_death() -> None:
    said: list[Any] = []

    def hearing(name: str) -> dict[str, Any]:
        def lost(self: Any) -> None:
            said.append((name, self.bytes, self.complete))

        return {"lost": lost, "ended": lambda self: None}

    inner = flow(app_of([b"a", b"b"]), **hearing("inner"))
    middle = flow(inner, ended=lambda self: None)
    out = Server().call(flow(middle, **hearing("outer")))
    next(iter(out))
    del out
    gc.collect()
    assert said == [("outer", 1, False), ("inner", 1, False)]


def test_a_plain_list_is_watched_once_an_outer_flow_wants_to_know() -> None:
    trace = Trace()
    inner = flow(app_of([b"a", b"b"]), ended=trace.note("inner ended"))
    out = Server().call(flow(inner, lost=trace.note("lost"), ended=trace.note("outer ended")))
    assert isinstance(out, Blocks)
    assert list(out) == [b"a", b"b"]
    out.close()
    assert trace == ["inner ended", "outer ended"]


@pytest.mark.parametrize("ends", ["dies", "closed", "cut"])
def test_a_stream_that_is_watched_for_a_flow(ends: str) -> None:
    said: list[Any] = []

    def note(name: str) -> Any:
        return lambda self: said.append((name, self.bytes, self.complete, self.error))

    inner = Body(b"ab", b"c")
    out = Server().call(
        flow(app_of(inner), streams=WatchedStream, lost=note("lost"), ended=note("ended"))
    )
    assert type(out) is WatchedStream
    iterator = iter(out)
    assert next(iterator) == b"ab"
    if ends == "closed":
        assert list(iterator) == [b"c"]
    if ends != "dies":
        out.close()
        out.close()
    del out, iterator
    gc.collect()
    assert said == [
        {
            "dies": ("lost", 2, False, None),
            "closed": ("ended", 3, True, None),
            "cut": ("ended", 2, False, None),
        }[ends]
    ]
    assert inner.closed == (ends != "dies")


def test_a_watched_stream_that_fails_and_dies_tells_the_error() -> None:
    said: list[Any] = []

    def lost(self: Any) -> None:
        said.append((self.bytes, self.error))

    error = ValueError("oops")
    watches: Any = {"streams": WatchedStream, "lost": lost, "ended": lambda self: None}
    out = Server().call(flow(app_of(Body(b"ab", error)), **watches))
    with pytest.raises(ValueError, match="oops"):
        list(out)
    del out
    error.__traceback__ = None  # its frames hold the stream
    gc.collect()
    assert said == [(2, error)]


# begin, and a flow made after the call


def test_begin_may_have_entered() -> None:
    trace = Trace()
    marks = {"enter": trace.note("("), "leave": trace.note(")")}
    app = flow(app_of(Body(b"a")), lambda flow: trace.append("begin"), entered=True, **marks)
    assert Server().serve(app) == b"a"
    assert trace == ["begin", ")", "(", ")", "(", ")", "(", ")"]


VALUE: ContextVar[Any] = ContextVar("value", default=None)


def in_context(app: App, value: Any) -> App:
    def begin(flow: Any) -> None:
        flow.value, flow.former = value, VALUE.get()
        VALUE.set(value)

    return flow_through(app, type("In", (ContextFlow,), {"variable": VALUE}), begin)


@pytest.mark.parametrize(
    ("app", "seen"),
    [
        pytest.param(lambda look: flow(app_of([b"a"]), ended=look), ["in"], id="a joined list"),
        pytest.param(lambda look: flow(app_of(Body(b"a")), ended=look), ["in"], id="a stream"),
        pytest.param(lambda look: app_of([b"a"]), [], id="a list"),
    ],
)
def test_a_context_is_there_for_what_is_inside_alone(app: Any, seen: list[Any]) -> None:
    found: list[Any] = []
    inner = app(lambda self: found.append(VALUE.get()))

    def looking(environ: Any, start_response: Any) -> Any:
        assert VALUE.get() == "in"
        return inner(environ, start_response)

    out = Server().call(in_context(looking, "in"))
    assert VALUE.get() is None
    assert list(out) == [b"a"]
    for _ in range(2):
        getattr(out, "close", lambda: None)()
        assert VALUE.get() is None
    assert found == seen


def test_a_context_goes_when_inner_code_raises() -> None:
    for app in (raising_app(OOPS), app_of(Body(OOPS)), app_of(Body(b"a", at_close=OOPS))):
        with pytest.raises(ValueError, match="oops"):
            Server().serve(in_context(app, "in"))
        assert VALUE.get() is None


def test_code_of_its_own() -> None:
    def function(a: int, b: int = 2) -> int:
        """Say something."""
        return a + b

    own = own_code(function)
    assert (own(1), own.__doc__, own.__name__) == (3, "Say something.", "function")
    assert own.__code__ is not function.__code__
    assert own_code(len) is len


def test_begin_may_answer() -> None:
    def begin(flow: Any) -> Any:
        return app_of([b"answer"]) if flow.environ["answers"] else None

    def ended(self: Any) -> None:
        assert not self.environ["answers"]

    bound = flow(app_of([b"inner"]), begin, ended=ended)
    assert Server().serve(bound, {"answers": True}) == b"answer"
    assert Server().serve(bound, {"answers": False}) == b"inner"


def after(app: App, **overrides: Any) -> tuple[App, list[Any]]:
    begun: list[Any] = []

    def begin(flow: Any, method: Any) -> None:
        begun.append(method)

    kind = type("After", (Flow,), {"__slots__": (), **overrides})
    return flow_after(app, kind, begin), begun


def test_a_flow_after_the_call_is_not_made_for_a_list() -> None:
    body = [b"a"]
    bound, begun = after(app_of(body), **answering(b"sorry"))
    assert Server().call(bound) is body
    assert begun == []


@pytest.mark.parametrize(
    ("app", "sent"),
    [
        pytest.param(app_of((b"a",)), b"a", id="a tuple"),
        pytest.param(app_of(Body(b"a")), b"a", id="a stream"),
        pytest.param(app_of(Body(b"a", OOPS)), b"asorry", id="an error in a stream"),
        pytest.param(raising_app(OOPS), b"sorry", id="an error in the call"),
    ],
)
def test_a_flow_after_the_call(app: App, sent: bytes) -> None:
    bound, begun = after(app, **answering(b"sorry"))
    assert Server().serve(bound, {"REQUEST_METHOD": "GET"}) == sent
    assert begun == ["GET"]


def test_a_flow_after_the_call_does_not_answer_what_it_cannot() -> None:
    bound, begun = after(raising_app(OOPS), failed=lambda self, error: None)
    with pytest.raises(ValueError, match="oops"):
        Server().serve(bound)
    assert begun == [None]
    bound, begun = after(raising_app(SystemExit()), **answering(b"sorry"))
    with pytest.raises(SystemExit):
        Server().serve(bound)
    assert begun == []


# Counting


@pytest.mark.parametrize(
    ("blocks", "stop", "counted"),
    [
        pytest.param([b"", b"", b"abc", b"d"], 4, 3, id="the first block that is not empty"),
        pytest.param([b"", b""], 2, 0, id="none but empty ones"),
        pytest.param([b"", b"abc"], 1, 0, id="stopped before it"),
        pytest.param([b"abc", b"d"], 1, 3, id="stopped after it"),
        pytest.param([b"abc", b"d", b"e"], 2, 3, id="stopped still later"),
        pytest.param([b"abc", b"d", b"", b"e"], 4, 3, id="many"),
    ],
)
def test_without_counting_bytes_tells_whether_any_left(
    blocks: Any, stop: int, counted: int
) -> None:
    counts: list[Any] = []
    inner = Body(*blocks)
    out = Server().call(flow(app_of(inner), ended=lambda self: counts.append(self.bytes)))
    iterator = iter(out)
    assert [next(iterator) for _ in range(stop)] == blocks[:stop]
    out.close()
    assert list(iterator) == []
    assert counts == [counted]
    assert inner.closed == 1
    counts.clear()
    whole = flow(app_of(Body(*blocks)), ended=lambda self: counts.append(self.complete))
    assert Server().serve(whole) == b"".join(blocks)
    assert counts == [True]


# A list that goes out as a stream, an end that lists do not need, a head that settles it all.


@pytest.mark.parametrize(
    ("body", "blocks"),
    [
        pytest.param([], [b""], id="empty"),  # matrix.md S1: never a body without a block
        pytest.param([b"a", b"b"], [b"A", b"B"], id="list"),
        pytest.param((b"a",), [b"A"], id="tuple"),
        pytest.param(ClosingList([b"a"]), [b"A"], id="list with a close"),
    ],
)
def test_a_list_may_go_out_as_a_stream(body: Any, blocks: list[bytes]) -> None:
    server = Server()
    answer = server.call(
        flow(
            app_of(body),
            whole=lambda self, blocks: None,
            block=lambda self, block: block.upper(),
        )
    )
    assert not hasattr(answer, "__len__")
    assert list(answer) == blocks
    answer.close()
    if isinstance(body, ClosingList):
        assert body.closed == 1


def test_an_end_that_matters_for_streams_only() -> None:
    ends: list[bool | None] = []
    bound = flow(
        app_of([b"a"]),
        ends=False,
        whole=lambda self, blocks: blocks,
        ended=lambda self: ends.append(self.complete),
    )
    assert type(Server().call(bound)) is list
    stream = flow(iterator_app(b"a"), ends=False, ended=lambda self: ends.append(self.complete))
    body: Any = Server().call(stream)
    list(body)
    body.close()
    assert ends == [True]


@pytest.mark.parametrize("lets_go", [True, False], ids=["as it is", "where lists are kept"])
@pytest.mark.parametrize(
    ("asked", "end"),
    [(0, (0, False)), (1, (1, False)), (2, (1, True))],
    ids=["untouched", "one block", "exhausted"],
)
def test_what_a_list_of_one_block_says(
    asked: int, end: Any, lets_go: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question leaves the iterator where it was, for servers that pull after `close()`."""
    if not lets_go:
        monkeypatch.setattr(exchange, "_LETS_GO", False)
    ends: list[Any] = []
    bound = flow(
        app_of([b"a"]), ended=lambda self: ends.append((self.bytes, self.complete)), counts=True
    )
    body: Any = Server().call(bound)
    blocks = iter(body)
    for _ in range(asked):
        next(blocks, None)
    body.close()
    assert ends == [end]
    assert list(blocks) == ([] if asked else [b"a"])


@pytest.mark.parametrize("error", [TypeError, RuntimeError])
def test_a_list_of_what_has_no_length_is_closed(error: type[Exception]) -> None:
    class Block:
        def __len__(self) -> int:
            raise error("no")

    block: Any = Block()
    inner = ClosingList([block])
    body: Any = Server().call(flow(app_of(inner), ended=lambda self: None))
    assert [*iter(body)] == [block]
    body.close()
    assert inner.closed == 1


def test_what_is_settled_at_the_head_is_not_asked_about() -> None:
    class Settled(Flow):
        __slots__ = ("settled",)

        settled: bool

        def start(self, status: Any, headers: Any, exc_info: Any = None, /) -> Any:
            self.settled = True
            flows.append(self)
            return self.forward(status, headers, exc_info)

        def hand_on(self, body: Any, final: bool, /) -> bool:
            raise AssertionError("asked")

    flows: list[Settled] = []
    body = Body(b"a")

    def begin(flow: Settled) -> None:
        flow.settled = False

    assert Server().call(flow_through(app_of(body), Settled, begin)) is body
    assert flows[0].complete is None


def test_a_counted_stream_that_fails_goes_on_with_the_answer() -> None:
    def inner(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"one"
        raise ValueError("x")

    bound = flow(inner, counts=True, failed=lambda self, error: [b"sorry"])
    assert Server().serve(bound) == b"onesorry"


# A flow that pulls ahead.


class Primed(PrimedFlow):
    __slots__ = ("ready",)

    ready: bool

    def block(self, block: bytes, /) -> bytes:
        self.ready = True
        return block


def test_a_body_that_was_pulled_ahead_ends_when_it_is_closed() -> None:
    def begin(flow: Primed) -> None:
        flow.ready = False

    body: Any = Server().call(flow_through(iterator_app(b"a", b"b", b"c"), Primed, begin))
    blocks = iter(body)
    assert next(blocks) == b"a"
    body.close()
    assert list(blocks) == []


def test_a_held_flow_may_let_another_app_answer() -> None:
    def begin(flow: Primed) -> App:
        return app_of([b"another"])

    bound = flow_held(raising_app(OOPS), Primed, begin, lambda flow, blocks: None)
    assert Server().serve(bound) == b"another"
