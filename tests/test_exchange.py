"""The table of ends, hooks, lists and files, for every form of a layer that sees the end."""

from __future__ import annotations

import gc
import io
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from tests.strict_server import (
    HEADERS,
    App,
    Body,
    ClosingList,
    ClosingTuple,
    LazyList,
    Refused,
    Server,
    app_of,
    iterator_app,
    late_app,
    raising_app,
    writing_app,
)
from wsgimw import Exchange, Hooks, compose
from wsgimw.compose import BaseLayer
from wsgimw.exchange import Blocks, Flow, flow_through, is_file_wrapper

# Four forms of a layer that sees the end; each appends what it saw to its `seen`.

End = tuple[Any, Any, Any, Any]


def facts(x: Exchange) -> End:
    return (x.status, x.bytes, x.error, x.complete)


@dataclass(frozen=True, slots=True)
class Watch(Hooks):
    """The end alone."""

    seen: list[End] = field(default_factory=list)

    def on_end(self, x: Exchange) -> None:
        self.seen.append(facts(x))


@dataclass(frozen=True, slots=True)
class Edit(Hooks):
    """All three hooks."""

    seen: list[End] = field(default_factory=list)

    def on_request(self, environ: Any) -> Any:
        return "kept"

    def on_head(self, x: Exchange) -> None:
        x.headers.append(("X-Edit", x.state))

    def on_end(self, x: Exchange) -> None:
        assert x.state == "kept"
        self.seen.append(facts(x))


@dataclass(frozen=True, slots=True)
class Flows(BaseLayer):
    """The lower form: a flow that keeps its head and tells its end."""

    seen: list[End] = field(default_factory=list)

    def _bind(self, app: App) -> App:
        seen = self.seen

        class Ends(Flow):
            __slots__ = ()
            counts = True

            def start(self, status: str, headers: Any, exc_info: Any = None, /) -> Any:
                self.forward(status, headers, exc_info)
                self.status, self.headers = status, headers
                return self.write

            def ended(self) -> None:
                seen.append(facts(self))

        return flow_through(app, Ends, _begin)


@dataclass(frozen=True, slots=True)
class Surrounding(BaseLayer):
    """The same where each pull is surrounded, and each block seen."""

    seen: list[End] = field(default_factory=list)

    def _bind(self, app: App) -> App:
        seen = self.seen

        class Works(Flow):
            __slots__ = ()
            counts = True
            changes = False

            def start(self, status: str, headers: Any, exc_info: Any = None, /) -> Any:
                self.forward(status, headers, exc_info)
                self.status, self.headers = status, headers
                return self.write

            def enter(self) -> None: ...

            def block(self, block: bytes, /) -> bytes:
                return block

            def ended(self) -> None:
                seen.append(facts(self))

        return flow_through(app, Works, _begin)


def _begin(flow: Flow) -> None:
    flow.status = flow.headers = None


FORMS = [
    pytest.param(Watch, id="end hook"),
    pytest.param(Edit, id="all hooks"),
    pytest.param(Flows, id="flow"),
    pytest.param(Surrounding, id="surrounding flow"),
]

Wrap = Callable[[App], App]


def passing(app: App) -> App:
    """Somebody's layer that passes the body on."""
    return lambda environ, start_response: app(environ, start_response)


def looking(app: App) -> App:
    """Somebody's layer that looks at a list and passes it on."""

    def bound(environ: Any, start_response: Any) -> Any:
        body = app(environ, start_response)
        if isinstance(body, list):
            assert sum(map(len, body)) >= 0
        return body

    return bound


def copying(app: App) -> App:
    """Somebody's layer that consumes the body, closes it, and returns a list of its own."""

    def bound(environ: Any, start_response: Any) -> Any:
        body = app(environ, start_response)
        try:
            return list(body)
        finally:
            if hasattr(body, "close"):
                body.close()

    return bound


def generating(app: App) -> App:
    """Somebody's layer that makes a generator of every body, and closes what is inside."""

    def bound(environ: Any, start_response: Any) -> Any:
        body = app(environ, start_response)

        def blocks() -> Iterator[bytes]:
            yield from body

        class Closes:
            def __iter__(self) -> Iterator[bytes]:
                return blocks()

            def close(self) -> None:
                if hasattr(body, "close"):
                    body.close()

        return Closes()

    return bound


BETWEEN = [
    pytest.param(None, id="alone"),
    pytest.param((), id="two side by side"),
    pytest.param((passing,), id="somebody's layer between"),
    pytest.param((looking,), id="a layer that looks at lists between"),
    pytest.param((generating,), id="a generator between"),
]


def stacked(form: Any, between: Any, app: App) -> tuple[App, list[list[End]]]:
    """Return the app inside one or two layers of this form, and what each saw, inner first."""
    inner = form()
    if between is None:
        return inner(app), [inner.seen]
    outer = form()
    return compose(outer, *between, inner)(app), [inner.seen, outer.seen]


OOPS = ValueError("oops")
LATER = KeyError("later")


# How a consumer may treat a body.


def whole(server: Server, app: App) -> None:
    server.serve(app)


def one_block(server: Server, app: App) -> None:
    body = server.call(app)
    next(iter(body))
    body.close()


def all_but_the_end(server: Server, app: App) -> None:
    body = server.call(app)
    iterator = iter(body)
    next(iterator)
    next(iterator)
    body.close()


def unstarted(server: Server, app: App) -> None:
    server.call(app).close()


def closing_list(*blocks: bytes, at_close: BaseException | None = None) -> ClosingList:
    body = ClosingList(blocks)
    body.at_close = at_close
    return body


TABLE = [
    # what the app does, what the consumer does, what the end says, what is raised
    ("a list is exhausted", app_of([b"a", b"bc"]), whole, ("200 OK", 3, None, True)),
    ("a list of one", app_of([b"abc"]), whole, ("200 OK", 3, None, True)),
    ("an empty list", app_of([]), whole, ("200 OK", 0, None, True)),
    ("a tuple is exhausted", app_of((b"a", b"bc")), whole, ("200 OK", 3, None, True)),
    ("a stream is exhausted", app_of(Body(b"a", b"", b"bc")), whole, ("200 OK", 3, None, True)),
    ("a generator is exhausted", iterator_app(b"abc"), whole, ("200 OK", 3, None, True)),
    ("an empty stream", app_of(Body()), whole, ("200 OK", 0, None, True)),
    ("a late head", late_app(b"abc"), whole, ("200 OK", 3, None, True)),
    ("a late head and no block", late_app(), whole, ("200 OK", 0, None, True)),
    ("a list with a close", app_of(closing_list(b"abc")), whole, ("200 OK", 3, None, True)),
    ("a tuple with a close", app_of(ClosingTuple([b"abc"])), whole, ("200 OK", 3, None, True)),
    ("a list with an iterator of its own", app_of(LazyList()), whole, ("200 OK", 4, None, True)),
    ("written alone", writing_app(b"abc"), whole, ("200 OK", 3, None, True)),
    ("written, then a list", writing_app(b"a", body=[b"bc"]), whole, ("200 OK", 3, None, True)),
    (
        "written, then a stream",
        writing_app(b"a", body=Body(b"bc")),
        whole,
        ("200 OK", 3, None, True),
    ),
    ("a list stopped early", app_of([b"a", b"bc"]), one_block, ("200 OK", 1, None, False)),
    (
        "a list of one, whose end nobody asked for",
        app_of([b"abc"]),
        one_block,
        ("200 OK", 3, None, False),
    ),
    (
        "a list without its end asked for",
        app_of([b"a", b"bc"]),
        all_but_the_end,
        ("200 OK", 3, None, False),
    ),
    ("a tuple stopped early", app_of((b"a", b"bc")), one_block, ("200 OK", 1, None, False)),
    ("a stream stopped early", app_of(Body(b"a", b"bc")), one_block, ("200 OK", 1, None, False)),
    (
        "written, stopped early",
        writing_app(b"a", body=[b"b", b"c"]),
        one_block,
        ("200 OK", 2, None, False),
    ),
    ("a list never started", app_of([b"abc"]), unstarted, ("200 OK", 0, None, False)),
    ("a stream never started", app_of(Body(b"abc")), unstarted, ("200 OK", 0, None, False)),
    ("a late head that never came", late_app(b"abc"), unstarted, (None, 0, None, False)),
    (
        "written, never started",
        writing_app(b"a", body=[b"bc"]),
        unstarted,
        ("200 OK", 1, None, False),
    ),
    ("an error at the first pull", app_of(Body(OOPS)), whole, ("200 OK", 0, OOPS, False)),
    ("an error in midstream", app_of(Body(b"abc", OOPS)), whole, ("200 OK", 3, OOPS, False)),
    (
        "an error in midstream, and at the close",
        app_of(Body(b"abc", OOPS, at_close=LATER)),
        whole,
        ("200 OK", 3, OOPS, False),
    ),
    (
        "an exit in midstream",
        app_of(Body(b"abc", SystemExit(3))),
        whole,
        ("200 OK", 3, SystemExit, False),
    ),
    (
        "close raises after a stream",
        app_of(Body(b"abc", at_close=OOPS)),
        whole,
        ("200 OK", 3, OOPS, True),
    ),
    (
        "close raises after a list",
        app_of(closing_list(b"abc", at_close=OOPS)),
        whole,
        ("200 OK", 3, OOPS, True),
    ),
    (
        "close raises after an early stop",
        app_of(Body(b"abc", b"d", at_close=OOPS)),
        one_block,
        ("200 OK", 3, OOPS, False),
    ),
    (
        "close exits",
        app_of(Body(b"abc", at_close=KeyboardInterrupt())),
        whole,
        ("200 OK", 3, KeyboardInterrupt, True),
    ),
    (
        "the call raises before the head",
        raising_app(OOPS, head=False),
        whole,
        (None, 0, OOPS, False),
    ),
    ("the call raises after the head", raising_app(OOPS), whole, ("200 OK", 0, OOPS, False)),
    ("the call raises after writing", raising_app(OOPS, b"abc"), whole, ("200 OK", 3, OOPS, False)),
    ("the call exits", raising_app(SystemExit()), whole, ("200 OK", 0, SystemExit, False)),
    ("a body that is None", app_of(None), whole, ("200 OK", 0, TypeError, False)),
    ("a body that is a number", app_of(3), whole, ("200 OK", 0, TypeError, False)),
    ("a body that is bytes", app_of(b"abc"), whole, ("200 OK", 0, TypeError, False)),
    ("a stream of numbers", iterator_app(1, 2), whole, ("200 OK", 0, TypeError, False)),
]


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("app", "consume", "expected"), [pytest.param(*row[1:], id=row[0]) for row in TABLE]
)
def test_what_an_end_says(app: App, consume: Any, expected: End, form: Any, between: Any) -> None:
    if between == (generating,) and consume is all_but_the_end:
        pytest.skip("a generator between cannot pass on that a list was not asked for its end")
    bound, seen = stacked(form, between, app)
    server = Server()
    error = expected[2]
    if error is None:
        consume(server, bound)
    else:
        with pytest.raises(
            (error, KeyError) if isinstance(error, type) else (ValueError, KeyError)
        ):
            consume(server, bound)
    for ends in seen:
        assert len(ends) == 1
        status, count, found, complete = ends[0]
        assert (status, count, complete) == (expected[0], expected[1], expected[3])
        assert found is error if not isinstance(error, type) else isinstance(found, error)


# Closing.


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("consume", [whole, one_block, unstarted])
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: Body(b"a", b"b"), id="stream"),
        pytest.param(lambda: closing_list(b"a", b"b"), id="list"),
        pytest.param(lambda: ClosingTuple([b"a", b"b"]), id="tuple"),
    ],
)
def test_the_inner_body_is_closed_once(make: Any, consume: Any, form: Any, between: Any) -> None:
    body = make()
    bound, seen = stacked(form, between, app_of(body))
    consume(Server(), bound)
    assert body.closed == 1
    assert [len(ends) for ends in seen] == [1] * len(seen)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("make", [Body, closing_list], ids=["stream", "list"])
def test_closing_twice_closes_once(make: Any, form: Any) -> None:
    body = make(b"a")
    bound, seen = stacked(form, (), app_of(body))
    out = Server().call(bound)
    out.close()
    out.close()
    assert body.closed == 1
    assert [len(ends) for ends in seen] == [1, 1]


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_pulled_after_close(form: Any) -> None:
    body = Body(b"a", b"b", b"c")
    out = Server().call(form()(app_of(body)))
    iterator = iter(out)
    assert next(iterator) == b"a"
    out.close()
    assert list(iterator) == []
    assert list(out) == []
    assert body.pulled == 1


@pytest.mark.parametrize("form", FORMS)
def test_closing_on_another_thread_between_two_pulls(form: Any) -> None:
    body = Body(b"a", b"b")
    layer = form()
    out = Server().call(layer(app_of(body)))
    iterator = iter(out)
    next(iterator)
    thread = threading.Thread(target=out.close)
    thread.start()
    thread.join()
    assert list(iterator) == []
    assert (body.pulled, body.closed, len(layer.seen)) == (1, 1, 1)


@pytest.mark.parametrize("form", FORMS)
def test_closing_while_a_block_is_being_made(form: Any) -> None:
    class Slow(Body):
        def __iter__(self) -> Iterator[bytes]:
            out.close()  # as if by another thread, in the middle of a pull
            yield b"a"
            raise AssertionError("pulled after close")

    body = Slow()
    layer = form()
    out = Server().call(layer(app_of(body)))
    assert list(out) == [b"a"]
    assert (body.closed, len(layer.seen)) == (1, 1)
    assert layer.seen[0][3] is False


@pytest.mark.parametrize("form", FORMS)
def test_a_first_look_and_a_second_iterator(form: Any) -> None:
    """As others do it: `first = next(iter(body))`, then `chain([first], body)`."""
    layer = form()
    out = Server().call(layer(iterator_app(b"a", b"b", b"c")))
    assert next(iter(out)) == b"a"
    assert list(out) == [b"b", b"c"]
    out.close()
    assert layer.seen == [("200 OK", 3, None, True)]


@pytest.mark.parametrize("form", FORMS)
def test_a_consumer_may_close_the_iterator_too(form: Any) -> None:
    body = Body(b"a", b"b")
    layer = form()
    out = Server().call(layer(app_of(body)))
    iterator = iter(out)
    next(iterator)
    iterator.close()
    before = body.closed
    out.close()
    assert before == 0
    assert body.closed == 1
    assert layer.seen == [("200 OK", 1, None, False)]


def test_hooks_that_raise_keep_no_other_from_running() -> None:
    ran: list[str] = []

    @dataclass(frozen=True, slots=True)
    class Fails(Hooks):
        name: str

        def on_end(self, x: Exchange) -> None:
            ran.append(self.name)
            raise ValueError(self.name)

    for make in (Body, closing_list):
        ran.clear()
        body = make(b"a")
        stack = compose(Fails("outer"), passing, Fails("middle"), Fails("inner"))
        with pytest.raises(ValueError, match="outer") as raised:
            Server().serve(stack(app_of(body)))
        assert ran == ["inner", "middle", "outer"]
        assert str(raised.value.__context__) == "middle"
        assert body.closed == 1


def test_an_inner_hook_that_raises_is_an_error_of_the_close() -> None:
    @dataclass(frozen=True, slots=True)
    class Fails(Hooks):
        def on_end(self, x: Exchange) -> None:
            raise OOPS

    watch = Watch()
    with pytest.raises(ValueError, match="oops"):
        Server().serve(compose(watch, Fails())(app_of([b"a"])))
    assert watch.seen == [("200 OK", 1, OOPS, True)]


# Heads.


@pytest.mark.parametrize("form", FORMS)
def test_a_second_head_replaces_the_first(form: Any) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("X-First", "1")])
        try:
            raise OOPS
        except ValueError:
            start_response("500 Oops", [("X-Second", "2")], sys.exc_info())
        return [b"error"]

    layer = form()
    server = Server()
    assert server.serve(layer(app)) == b"error"
    status, headers = server.heads[-1]
    assert status == "500 Oops"
    assert headers[0] == ("X-Second", "2")
    assert len(headers) == (2 if form is Edit else 1)
    assert server.exc_infos[-1][1] is OOPS
    assert layer.seen == [("500 Oops", 5, None, True)]


@pytest.mark.parametrize("form", FORMS)
def test_after_bytes_the_end_tells_the_head_that_was_sent(form: Any) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [*HEADERS])
        yield b"abc"
        try:
            raise OOPS
        except ValueError:
            start_response("500 Oops", [*HEADERS], sys.exc_info())

    class Streaming(Server):
        def serve(self, app: App, environ: dict[str, Any] | None = None) -> bytes:
            body = self.call(app)
            try:
                for block in body:
                    self.blocks.append(block)
            finally:
                body.close()
            return self.sent

    layer = form()
    with pytest.raises(ValueError, match="oops"):
        Streaming().serve(layer(app))
    assert layer.seen == [("200 OK", 3, OOPS, False)]


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("make", [Body, closing_list], ids=["stream", "list"])
def test_a_head_refused_in_the_call(make: Any, form: Any, between: Any) -> None:
    """The app never returns its body, so there is nothing to close: rule 28."""
    bound, seen = stacked(form, between, app_of(make(b"a")))
    with pytest.raises(Refused):
        Server(1).serve(bound)
    for ends in seen:
        assert [(end[0], type(end[2]), end[3]) for end in ends] == [(None, Refused, False)]


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("form", FORMS)
def test_a_late_head_that_is_refused(form: Any, between: Any) -> None:
    class Late(Body):
        start_response: Any

        def __iter__(self) -> Iterator[bytes]:
            self.start_response("200 OK", [*HEADERS])
            yield b"a"

    body = Late()

    def app(environ: Any, start_response: Any) -> Any:
        body.start_response = start_response
        return body

    bound, seen = stacked(form, between, app)
    with pytest.raises(Refused):
        Server(1).serve(bound)
    assert body.closed == 1
    for ends in seen:
        assert [(end[0], type(end[2]), end[3]) for end in ends] == [(None, Refused, False)]


@pytest.mark.parametrize("form", FORMS)
def test_an_app_may_hand_in_a_constant(form: Any) -> None:
    constant = [("X-App", "1")]

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", constant)
        return [b"a"]

    for _ in range(2):
        Server().serve(form()(app))
    assert constant == [("X-App", "1")]


def test_a_driver_may_take_two_arguments() -> None:
    @dataclass(frozen=True, slots=True)
    class Head(Hooks):
        def on_head(self, x: Exchange) -> None: ...

    start_response: Any = lambda status, headers: None  # noqa: E731
    for layer in (Head(), Watch(), Edit(), Flows(), Surrounding()):
        assert list(layer(app_of([b"a"]))({}, start_response)) == [b"a"]


# Which hooks cost what.


def test_a_layer_without_hooks_passes_everything_on() -> None:
    class Nothing(Hooks): ...

    body = object()
    server = Server()

    def app(environ: Any, start_response: Any) -> Any:
        assert start_response == server.start_response
        return body

    assert server.call(Nothing()(app)) is body
    assert repr(Nothing()) == "Nothing()"


def test_a_layer_without_an_end_never_wraps_the_body() -> None:
    @dataclass(frozen=True, slots=True)
    class Head(Hooks):
        def on_head(self, x: Exchange) -> None:
            x.status = "201 Created"
            x.headers.append(("X-Head", "1"))

    for body in ([b"a"], (b"a",), Body(b"a"), iter([b"a"]), None):
        server = Server()
        assert server.call(Head()(app_of(body))) is body
        assert server.heads == [("201 Created", [*HEADERS, ("X-Head", "1")])]


def test_a_layer_without_a_head_leaves_it_alone() -> None:
    given = [*HEADERS]
    taken: list[Any] = []
    keep: Any = lambda status, headers: taken.append(headers)  # noqa: E731

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", given)
        return [b"a"]

    Watch()(app)({}, keep)
    assert taken[0] is given


def test_what_a_head_hook_may_read() -> None:
    @dataclass(frozen=True, slots=True)
    class Reads(Hooks):
        def on_request(self, environ: Any) -> Any:
            return environ["key"]

        def on_head(self, x: Exchange) -> None:
            x.headers[:] = [("X-State", x.state)]
            assert x.environ == {"key": "value"}
            assert x.started <= perf_counter()
            assert (x.bytes, x.error, x.complete) == (0, None, False)

    server = Server()
    server.serve(Reads()(app_of([b"a"])), {"key": "value"})
    assert server.heads == [("200 OK", [("X-State", "value")])]


def test_a_head_hook_starts_from_the_head_of_the_app_each_time() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("X-App", "1")])
        start_response("500 Oops", [("X-App", "2")], (ValueError, OOPS, None))
        return [b""]

    @dataclass(frozen=True, slots=True)
    class Head(Hooks):
        def on_head(self, x: Exchange) -> None:
            x.headers.append(("X-Head", x.status))

    server = Server()
    server.serve(Head()(app))
    assert server.heads[-1] == ("500 Oops", [("X-App", "2"), ("X-Head", "500 Oops")])
    assert server.exc_infos[-1] == (ValueError, OOPS, None)


HOOKS: dict[str, Any] = {"on_head": lambda self, x: None, "on_end": lambda self, x: 1 / 0}


@pytest.mark.parametrize("names", [(), ("on_head",), ("on_end",), ("on_head", "on_end")], ids=str)
def test_a_request_hook_may_answer(names: tuple[str, ...]) -> None:
    """Neither the inner app nor the layer's other hooks are called."""

    def refuse(environ: Any, start_response: Any) -> Any:
        start_response("403 Forbidden", [])
        return [b"no"]

    Guard: Any = type(
        "Guard",
        (Hooks,),
        {"on_request": lambda self, environ: refuse, **{name: HOOKS[name] for name in names}},
    )
    server = Server()
    assert server.serve(Guard()(raising_app(OOPS))) == b"no"
    assert server.heads == [("403 Forbidden", [])]


@pytest.mark.parametrize("answer", [None, 0, "text", {"a": 1}], ids=repr)
@pytest.mark.parametrize("names", [(), ("on_head",), ("on_end",)], ids=str)
def test_a_request_hook_may_leave_something(names: tuple[str, ...], answer: Any) -> None:
    states: list[Any] = []
    hooks = {name: lambda self, x: states.append(x.state) for name in names}
    Guard: Any = type("Guard", (Hooks,), {"on_request": lambda self, environ: answer, **hooks})
    assert Server().serve(Guard()(app_of([b"yes"]))) == b"yes"
    assert states == [answer] * len(names)


# Lists (rule 21).


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("make", [list, tuple, ClosingList, ClosingTuple])
def test_a_list_stays_a_list(make: Any, form: Any) -> None:
    body = Server().call(stacked(form, (passing,), app_of(make([b"abc"])))[0])
    assert isinstance(body, Blocks)
    assert len(body) == 1
    assert body == [b"abc"]
    assert b"".join(body) == b"abc"


@pytest.mark.parametrize("form", FORMS)
def test_what_iterates_by_itself_is_no_list(form: Any) -> None:
    body = Server().call(form()(app_of(LazyList([b"abc"]))))
    assert not hasattr(body, "__len__")
    assert list(body) == [b"la", b"zy"]


@pytest.mark.parametrize("form", FORMS)
def test_outer_layers_join_the_list_of_an_inner_one(form: Any) -> None:
    inside: list[Any] = []

    def notes(app: App) -> App:
        def bound(environ: Any, start_response: Any) -> Any:
            inside.append(app(environ, start_response))
            return inside[-1]

        return bound

    body = Server().call(compose(form(), notes, Watch(), notes, form())(app_of([b"a"])))
    assert inside == [body, body]
    assert all(each is body for each in inside)


def test_a_list_that_a_layer_between_has_iterated_counts_only_what_the_server_pulls() -> None:
    inner, outer = Watch(), Watch()
    Server().call(compose(outer, looking, inner)(app_of([b"abc"]))).close()
    assert outer.seen == inner.seen == [("200 OK", 0, None, False)]


def test_a_list_that_a_layer_between_has_consumed() -> None:
    inner, outer = Watch(), Watch()
    Server().serve(compose(outer, copying, inner)(app_of([b"abc"])))
    assert outer.seen == inner.seen == [("200 OK", 3, None, True)]


@pytest.mark.parametrize("form", FORMS)
def test_a_list_that_a_layer_between_has_closed_already(form: Any) -> None:
    """As somebody does who reads a list and closes it, and still returns it."""

    def closing(app: App) -> App:
        def bound(environ: Any, start_response: Any) -> Any:
            body = app(environ, start_response)
            body.close()
            return body

        return bound

    inner, outer = Watch(), form()
    assert Server().serve(compose(outer, closing, inner)(app_of([b"abc"]))) == b"abc"
    assert inner.seen == [("200 OK", 0, None, False)]
    assert outer.seen == [("200 OK", 3, None, True)]


def test_a_list_of_what_has_no_length_loses_no_close() -> None:
    watch = Watch()
    body = closing_list(*[1, 2])  # type: ignore[arg-type]
    out = Server().call(watch(app_of(body)))
    assert list(out) == [1, 2]
    out.close()
    assert body.closed == 1
    assert watch.seen == [("200 OK", 0, None, False)]


# File wrappers (rule 29).


def file_app(file: Any, *headers: tuple[str, str], late: bool = False) -> App:
    def app(environ: Any, start_response: Any) -> Any:
        wrapper = environ["wsgi.file_wrapper"]
        environ.clear()  # rule 3
        start_response("200 OK", [*HEADERS, *headers])
        return wrapper(file)

    return app


WRAPPERS = [
    pytest.param(FileWrapper, id="a type"),
    pytest.param(lambda file, size=8192: file, id="a function that hands back the file"),
]


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("headers", "length"),
    [
        pytest.param([("CONTENT-length", "5")], 5, id="with a length"),
        pytest.param([], None, id="without a length"),
        pytest.param([("Content-Length", "five")], None, id="with a length that is none"),
        pytest.param([("Content-Length", "\u0665")], None, id="with digits of another script"),
    ],
)
def test_a_file_passes_as_the_same_object(
    headers: Any, length: Any, form: Any, wrapper: Any
) -> None:
    class Kept(io.BytesIO): ...

    made: list[Any] = []

    def noting(file: Any, size: int = 8192) -> Any:
        made.append(wrapper(file, size))
        return made[-1]

    if isinstance(wrapper, type):

        class Noting(FileWrapper):
            def __init__(self, filelike: Any, blksize: int = 8192) -> None:
                super().__init__(filelike, blksize)
                made.append(self)

        noting = Noting  # type: ignore[assignment]

    file = Kept(b"hello")
    bound, seen = stacked(form, (passing,), file_app(file, *headers))
    out = Server().call(bound, {"wsgi.file_wrapper": noting})
    assert out is made[0]
    assert not file.closed
    assert seen == [[("200 OK", length, None, None)]] * 2
    out.close()


@pytest.mark.parametrize("form", FORMS)
def test_a_file_whose_end_hook_raises_is_closed(form: Any) -> None:
    """The server never gets the file, so it cannot close it."""

    class Fails(Hooks):
        def on_end(self, x: Exchange) -> None:
            raise OOPS

    file = io.BytesIO(b"hello")
    outer = form()
    with pytest.raises(ValueError, match="oops"):
        Server().call(compose(outer, Fails())(file_app(file)), {"wsgi.file_wrapper": FileWrapper})
    assert file.closed
    assert [(end[2], end[3]) for end in outer.seen] == [(OOPS, False)]


def test_a_file_without_a_close_whose_end_hook_raises() -> None:
    class Fails(Hooks):
        def on_end(self, x: Exchange) -> None:
            raise OOPS

    class Bare:
        def read(self, size: int) -> bytes:
            return b""

    environ = {"wsgi.file_wrapper": lambda file: file}
    with pytest.raises(ValueError, match="oops"):
        Server().call(Fails()(file_app(Bare())), environ)


@pytest.mark.parametrize("form", FORMS)
def test_a_head_that_cannot_be_read_loses_neither_close_nor_end(form: Any) -> None:
    file = io.BytesIO(b"hello")
    layer = form()
    app = file_app(file, (3, 4))  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        Server().call(layer(app), {"wsgi.file_wrapper": FileWrapper})
    assert file.closed
    assert len(layer.seen) == 1


@pytest.mark.parametrize(
    ("body", "wrapper", "expected"),
    [
        pytest.param(FileWrapper(io.BytesIO()), FileWrapper, True, id="of the type"),
        pytest.param(io.BytesIO(), FileWrapper, False, id="not of the type"),
        pytest.param(io.BytesIO(), lambda file: file, True, id="a file, by a function"),
        pytest.param(iter(()), lambda file: file, False, id="no file, by a function"),
        pytest.param(io.BytesIO(), None, False, id="a server without file wrappers"),
    ],
)
def test_is_file_wrapper(body: Any, wrapper: Any, expected: bool) -> None:
    assert is_file_wrapper(body, wrapper) is expected


# What is left behind (rules 9, 39).


class Token:
    """Something that can be weakly referenced, to be put into environ."""


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "app",
    [
        pytest.param(app_of([b"a"]), id="list"),
        pytest.param(app_of((b"a",)), id="tuple"),
        pytest.param(late_app(b"a"), id="stream"),
        pytest.param(raising_app(ValueError("x")), id="error in the call"),
        pytest.param(writing_app(b"a"), id="writing"),
    ],
)
def test_nothing_is_left_to_the_garbage_collector(app: App, form: Any, depth: int) -> None:
    bound = compose(*[form() for _ in range(depth)])(app)
    gc.collect()
    gc.disable()
    try:
        token = Token()
        gone = weakref.ref(token)
        server = Server()
        try:
            server.serve(bound, {"token": token})
        except ValueError as error:
            error.__traceback__ = None
        del token, server
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("app", [raising_app(OOPS), app_of(Body(OOPS))], ids=["call", "pull"])
def test_an_error_is_cleared_after_the_hook(app: App) -> None:
    kept: list[Exchange] = []

    class Keeps(Hooks):
        def on_end(self, x: Exchange) -> None:
            assert x.error is OOPS
            kept.append(x)

    with pytest.raises(ValueError, match="oops"):
        Server().serve(compose(Keeps(), Keeps())(app))
    assert [x.error for x in kept] == [None, None]
