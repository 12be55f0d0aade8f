"""`@layer`: the onion from top to bottom, and when its head is committed (rule 41)."""

from __future__ import annotations

import gc
import inspect
import io
import pickle
import sys
import weakref
from collections.abc import Generator, Iterator
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from tests.strict_server import (
    HEADERS,
    App,
    Body,
    ClosingList,
    Refused,
    Server,
    app_of,
    iterator_app,
    late_app,
    raising_app,
    writing_app,
)
from wsgimw import Exchange, Hooks, compose, layer
from wsgimw.exchange import Blocks
from wsgimw.facts import Facts

OOPS = ValueError("oops")
Onion = Generator[None, Exchange, Any]


@layer
def timing(environ: Any, *, header: str = "X-Elapsed", digits: int = 6) -> Onion:
    """Tell how long it took."""
    head = yield
    head.headers.append((header, "0." + digits * "0"))
    yield


@layer
def forgetful(environ: Any) -> Onion:
    yield


@layer
def needing(environ: Any, *, name: str, extra: Any = []) -> Onion:  # noqa: B006
    head = yield
    head.headers.append((name, str(extra)))


happened: list[Any] = []


@pytest.fixture(autouse=True)
def trace() -> list[Any]:
    happened.clear()
    return happened


@layer
def tracing(environ: Any) -> Onion:
    """Note everything that happens."""
    happened.append("in")
    try:
        head = yield
        happened.append((head.status, [*head.headers]))
        head.headers.append(("X-Onion", "1"))
        end = yield
        happened.append((end.status, end.bytes, end.error, end.complete))
    except BaseException as error:
        happened.append(type(error).__name__)
        raise
    finally:
        happened.append("out")


HEAD = ("200 OK", HEADERS)


# The factory.


def test_the_factory_looks_like_its_function() -> None:
    assert timing.__name__ == "timing"
    assert timing.__qualname__ == "timing"
    assert timing.__module__ == __name__
    assert timing.__doc__ == "Tell how long it took."
    parameters = inspect.signature(timing).parameters
    assert list(parameters) == ["header", "digits"]
    assert {parameter.kind for parameter in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert parameters["header"].default == "X-Elapsed"


def test_its_layer_is_a_value() -> None:
    made = timing(header="X-Time", digits=6)
    assert repr(made) == "timing(header='X-Time')"
    assert made == timing(header="X-Time")
    assert made != timing()
    assert hash(made) == hash(timing(header="X-Time"))
    assert pickle.loads(pickle.dumps(made)) == made
    assert repr(forgetful()) == "forgetful()"
    assert forgetful() != timing()
    with pytest.raises(AttributeError):
        made.header = "X"  # type: ignore[attr-defined]


def test_an_unhashable_default() -> None:
    server = Server()
    server.serve(needing(name="X-Name")(app_of([b"a"])))
    assert server.heads[0][1][-1] == ("X-Name", "[]")
    assert repr(needing(name="X")) == "needing(name='X')"


def test_its_bound_app_is_named_after_it() -> None:
    app = app_of([b"a"])
    bound: Any = timing()(app)
    assert bound.__name__ == "timing"
    assert bound.__qualname__ == "timing()"
    assert inspect.unwrap(bound) is app
    assert bound.__wsgimw_layer__ == timing()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(
            lambda: timing(heder="X"),  # type: ignore[call-arg]
            "timing() has no option 'heder'; did you mean header?",
            id="a misspelt option",
        ),
        pytest.param(
            lambda: timing("X"),  # type: ignore[call-arg]
            "timing() was given 'X' as a positional argument; "
            "options are keyword-only: header, digits",
            id="a positional option",
        ),
        pytest.param(
            lambda: needing(),  # type: ignore[call-arg]
            "needing() needs name: write needing(name=...)",
            id="a required option left out",
        ),
        pytest.param(
            lambda: compose(timing),  # type: ignore[arg-type]
            "compose() item 1 is timing, which was not called; write timing() to make the layer",
            id="not called",
        ),
        pytest.param(
            lambda: compose(needing),  # type: ignore[arg-type]
            "compose() item 1 is needing, which was not called; "
            "write needing(...) to make the layer",
            id="not called, and it needs an option",
        ),
    ],
)
def test_misuse_of_the_factory(call: Any, message: str) -> None:
    with pytest.raises(TypeError) as raised:
        call()
    assert str(raised.value) == message


def no_yield(environ: Any) -> None: ...


def no_environ() -> Iterator[None]:
    yield


def keyword_environ(*, environ: Any) -> Iterator[None]:
    yield


def starred(environ: Any, *args: Any) -> Iterator[None]:
    yield


def double_starred(environ: Any, **options: Any) -> Iterator[None]:
    yield


async def asynchronous(environ: Any) -> Any:
    yield


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_yield, "@layer no_yield has no yield; a layer without one is a function app -> app"),
        (
            asynchronous,
            "@layer asynchronous has no yield; a layer without one is a function app -> app",
        ),
        (no_environ, "@layer no_environ must take environ: def no_environ(environ, ...)"),
        (
            keyword_environ,
            "@layer keyword_environ must take environ: def keyword_environ(environ, ...)",
        ),
        (starred, "@layer starred: option *args: 'Any' must be a named one: *, name=default"),
        (
            double_starred,
            "@layer double_starred: option **options: 'Any' must be a named one: *, name=default",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_misuse_of_the_decorator(function: Any, message: str) -> None:
    with pytest.raises(TypeError) as raised:
        layer(function)
    assert str(raised.value) == message


def test_a_layer_of_a_function_within_another() -> None:
    @layer
    def local(environ: Any, prefix: str = "x") -> Onion:
        head = yield
        head.status = f"200 {prefix}"

    assert local.__qualname__.endswith("<locals>.local")
    server = Server()
    server.serve(local(prefix="y")(app_of([b"a"])))
    assert server.heads == [("200 y", HEADERS)]


def test_a_layer_with_facts() -> None:
    told = Facts(does=["logs"])

    @layer(facts=told)
    def telling(environ: Any, *, size: int = 1) -> Onion:
        head = yield
        head.status = f"200 {size}"

    made: Any = telling(size=2)
    assert made.facts is told
    assert repr(made) == "telling(size=2)"
    server = Server()
    server.serve(made(app_of([b"a"])))
    assert server.heads == [("200 2", HEADERS)]


def test_facts_beside_an_option_of_that_name() -> None:
    def telling(environ: Any, *, facts: int = 1) -> Onion:
        yield

    with pytest.raises(TypeError, match="has an option facts, and was given facts="):
        layer(facts=Facts())(telling)
    assert repr(layer(telling)(facts=2)).endswith("telling(facts=2)")


# Before the first yield.


@layer
def guard(environ: Any, *, answer: Any = None) -> Onion:
    if "allowed" not in environ:
        return answer
    head = yield
    head.headers.append(("X-Guard", "1"))


def test_returning_an_app_answers() -> None:
    server = Server()
    forbidden = app_of([b"no"], status="403 Forbidden")
    assert server.serve(guard(answer=forbidden)(raising_app(OOPS))) == b"no"
    assert server.heads == [("403 Forbidden", HEADERS)]


def test_returning_nothing_steps_aside() -> None:
    body = Body(b"a")
    given: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        given.append(start_response)
        return body

    server = Server()
    assert server.call(guard()(app)) is body
    assert given == [server.start_response]


def test_going_on() -> None:
    server = Server()
    server.serve(guard()(app_of([b"a"])), {"allowed": True})
    assert server.heads == [("200 OK", [*HEADERS, ("X-Guard", "1")])]


def test_returning_something_else() -> None:
    with pytest.raises(TypeError) as raised:
        Server().call(guard(answer=3)(app_of([])))
    assert str(raised.value) == (
        "guard(answer=3) returned 3 before its first yield; "
        "return a WSGI app, which answers, or nothing, which steps aside"
    )


def test_raising_before_the_first_yield() -> None:
    @layer
    def failing(environ: Any) -> Onion:
        raise OOPS
        yield

    with pytest.raises(ValueError, match="oops"):
        Server().call(failing()(app_of([])))


# The head and its commit.


@pytest.mark.parametrize(
    ("app", "sent"),
    [
        pytest.param(app_of([b"abc"]), b"abc", id="list"),
        pytest.param(app_of([]), b"", id="empty list"),
        pytest.param(app_of((b"abc",)), b"abc", id="tuple"),
        pytest.param(app_of(ClosingList([b"abc"])), b"abc", id="list with a close"),
        pytest.param(app_of(Body(b"a", b"bc")), b"abc", id="stream"),
        pytest.param(app_of(Body()), b"", id="empty stream"),
        pytest.param(late_app(b"abc"), b"abc", id="late head"),
        pytest.param(late_app(), b"", id="late head, no block"),
        pytest.param(writing_app(b"a", body=[b"bc"]), b"abc", id="written, then a list"),
        pytest.param(writing_app(b"a", body=Body(b"bc")), b"abc", id="written, then a stream"),
        pytest.param(writing_app(b"abc"), b"abc", id="written alone"),
    ],
)
def test_from_top_to_bottom(app: App, sent: bytes) -> None:
    server = Server()
    assert server.serve(tracing()(app)) == sent
    assert server.heads == [("200 OK", [*HEADERS, ("X-Onion", "1")])]
    assert happened == ["in", HEAD, ("200 OK", len(sent), None, True), "out"]


def test_the_head_is_committed_when_a_list_is_returned() -> None:
    server = Server()
    body = server.call(tracing()(app_of([b"a"])))
    assert isinstance(body, Blocks)
    assert len(server.heads) == 1
    body.close()
    assert happened[-2] == ("200 OK", 0, None, False)


def test_the_head_of_a_stream_is_committed_at_its_first_block() -> None:
    server = Server()
    body = server.call(tracing()(iterator_app(b"", b"a")))
    assert server.heads == []
    assert next(iter(body)) == b""
    assert len(server.heads) == 1
    body.close()


def test_the_head_is_committed_by_write() -> None:
    server = Server()

    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [*HEADERS])
        assert server.heads == []
        write(b"a")
        assert len(server.heads) == 1
        assert server.sent == b"a"
        return []

    server.serve(tracing()(app))


def test_the_head_is_committed_once() -> None:
    server = Server()
    server.serve(tracing()(writing_app(b"a", b"b", body=Body(b"c", b"d"))))
    assert len(server.heads) == 1
    assert happened[-2] == ("200 OK", 4, None, True)


def test_what_an_app_does_after_the_close_reaches_the_server() -> None:
    """Nobody may do so; the layer is over, and stands in nobody's way."""
    server = Server()
    kept: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        kept.append(start_response("200 OK", [*HEADERS]))
        return Body(b"a")

    server.call(tracing()(app)).close()
    kept[0](b"late")
    assert (server.heads, server.sent) == ([HEAD], b"late")
    assert happened == ["in", "GeneratorExit", "out"]


def test_the_head_of_a_file_is_committed_at_return() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "5")])
        return FileWrapper(io.BytesIO(b"hello"))

    server = Server()
    body = server.call(tracing()(app), {"wsgi.file_wrapper": FileWrapper})
    assert isinstance(body, FileWrapper)
    assert server.heads == [("200 OK", [("Content-Length", "5"), ("X-Onion", "1")])]
    assert happened[-2:] == [("200 OK", 5, None, None), "out"]
    body.close()


def restart(start_response: Any, status: str = "500 Oops") -> None:
    try:
        raise OOPS
    except ValueError:
        start_response(status, [("X-Second", "2")], sys.exc_info())


def test_the_generator_sees_only_the_final_head() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [*HEADERS])
        restart(start_response)
        return [b"error"]

    server = Server()
    server.serve(tracing()(app))
    assert server.heads == [("500 Oops", [("X-Second", "2"), ("X-Onion", "1")])]
    assert server.exc_infos[0][1] is OOPS
    assert happened[1] == ("500 Oops", [("X-Second", "2")])


def test_a_second_head_in_the_body_before_its_first_block() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [*HEADERS])

        def blocks() -> Iterator[bytes]:
            restart(start_response)
            yield b"error"

        return blocks()

    server = Server()
    assert server.serve(tracing()(app)) == b"error"
    assert server.heads == [("500 Oops", [("X-Second", "2"), ("X-Onion", "1")])]


def test_a_head_after_the_commit_is_forwarded_unedited() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [*HEADERS])
        yield b""
        restart(start_response)
        yield b"error"

    server = Server()
    assert server.serve(tracing()(app)) == b"error"
    assert server.heads[1] == ("500 Oops", [("X-Second", "2")])
    assert server.exc_infos[1][1] is OOPS
    assert happened[-2] == ("500 Oops", 5, None, True)


def test_a_head_that_is_refused_after_bytes() -> None:
    server = Server()

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [*HEADERS])
        yield b"abc"
        restart(start_response)

    body = server.call(tracing()(app))
    with pytest.raises(ValueError, match="oops"):
        for block in body:
            server.blocks.append(block)
    body.close()
    assert happened[-2] == ("200 OK", 3, OOPS, False)


def test_two_heads_without_exc_info_reach_the_server() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [*HEADERS])
        start_response("201 Created", [*HEADERS])
        return []

    with pytest.raises(AssertionError, match="a second head without exc_info"):
        Server().serve(tracing()(app))


def test_no_head_at_all_is_the_apps_affair() -> None:
    for body in ([b"a"], Body(b"a")):
        happened.clear()
        server = Server()
        assert server.serve(tracing()(lambda *_, body=body: body)) == b"a"
        assert server.heads == []
        assert happened == ["in", "GeneratorExit", "out"]


def test_the_list_of_headers_is_a_fresh_one() -> None:
    constant = [*HEADERS]

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", constant)
        return [b"a"]

    Server().serve(tracing()(app))
    assert constant == HEADERS


@pytest.mark.parametrize(
    "make", [Body, lambda *blocks: ClosingList(blocks)], ids=["stream", "list"]
)
def test_a_head_that_is_refused_leaks_nothing(make: Any) -> None:
    body = make(b"a")
    with pytest.raises(Refused):
        Server(1).serve(tracing()(app_of(body)))
    assert body.closed == 1
    status, count, error, complete = happened[-2]
    assert (status, count, type(error), complete) == ("200 OK", 0, Refused, False)
    assert happened[-1] == "out"


def test_a_head_that_is_refused_for_a_plain_list_is_an_end() -> None:
    with pytest.raises(Refused):
        Server(1).serve(tracing()(app_of([b"a"])))
    status, count, error, complete = happened[-2]
    assert (status, count, type(error), complete) == ("200 OK", 0, Refused, False)
    assert happened[-1] == "out"


@pytest.mark.parametrize(
    "make", [Body, lambda *blocks: ClosingList(blocks)], ids=["stream", "list"]
)
def test_a_generator_that_fails_at_the_head(make: Any) -> None:
    @layer
    def failing(environ: Any) -> Onion:
        yield
        raise OOPS

    body = make(b"a")
    server = Server()
    with pytest.raises(ValueError, match="oops"):
        server.serve(failing()(app_of(body)))
    assert body.closed == 1
    assert server.heads == []


# The end.


def test_a_generator_that_ends_at_the_head_is_done() -> None:
    @layer
    def head_only(environ: Any) -> Onion:
        head = yield
        head.status = "201 Created"

    for app in (app_of([b"a"]), late_app(b"a"), writing_app(b"a"), app_of(Body(b"a"))):
        server = Server()
        assert server.serve(head_only()(app)) == b"a"
        assert server.heads == [("201 Created", HEADERS)]


def test_a_done_generator_leaves_the_body_alone() -> None:
    body = [b"a"]
    assert Server().call(needing(name="X")(app_of(body))) is body
    stream = Body(b"b")
    assert Server().call(needing(name="X")(writing_app(b"a", body=stream))) is stream


@pytest.mark.parametrize(
    "make", [Body, lambda *blocks: ClosingList(blocks)], ids=["stream", "list"]
)
def test_a_third_yield_is_an_error_once_everything_is_closed(make: Any) -> None:
    body = make(b"a")

    @layer
    def greedy(environ: Any, *, n: int = 3) -> Onion:
        try:
            for _ in range(n):
                yield
                happened.append(body.closed)
        finally:
            happened.append("out")

    with pytest.raises(RuntimeError) as raised:
        Server().serve(greedy(n=4)(app_of(body)))
    assert str(raised.value) == (
        "greedy(n=4) yields a third time; a layer yields twice at the most, "
        "for the head and for the end"
    )
    assert happened == [0, 1, "out"]


def test_a_generator_that_fails_at_the_end() -> None:
    @layer
    def failing(environ: Any) -> Onion:
        yield
        yield
        raise OOPS

    body = Body(b"a")
    with pytest.raises(ValueError, match="oops"):
        Server().serve(compose(tracing(), failing())(app_of(body)))
    assert body.closed == 1
    assert happened[-2] == ("200 OK", 1, OOPS, True)


def test_a_body_that_is_closed_early() -> None:
    body = Server().call(tracing()(app_of(Body(b"a", b"b"))))
    next(iter(body))
    body.close()
    assert happened == ["in", HEAD, ("200 OK", 1, None, False), "out"]


@pytest.mark.parametrize("app", [late_app(b"a"), app_of(Body(b"a"))], ids=["late", "stream"])
def test_a_body_that_is_closed_unstarted_sends_no_head(app: App) -> None:
    server = Server()
    body = server.call(tracing()(app))
    body.close()
    body.close()
    assert server.heads == []
    assert happened == ["in", "GeneratorExit", "out"]


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(raising_app(OOPS, head=False), id="the call, before a head"),
        pytest.param(raising_app(OOPS), id="the call, after a head"),
        pytest.param(app_of(Body(OOPS)), id="the first pull"),
    ],
)
def test_an_error_before_the_head_was_sent_is_raised_at_the_first_yield(app: App) -> None:
    server = Server()
    with pytest.raises(ValueError, match="oops") as raised:
        server.serve(tracing()(app))
    assert raised.value is OOPS
    assert server.heads == []
    assert happened == ["in", "ValueError", "out"]


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(raising_app(OOPS, b"abc"), id="the call, after writing"),
        pytest.param(app_of(Body(b"abc", OOPS)), id="midstream"),
    ],
)
def test_an_error_after_the_head_is_told_at_the_end(app: App) -> None:
    with pytest.raises(ValueError, match="oops"):
        Server().serve(tracing()(app))
    assert happened == ["in", HEAD, ("200 OK", 3, OOPS, False), "out"]


def _swallows() -> Onion:
    try:
        yield
    except ValueError:
        return


def _goes_on() -> Onion:
    try:
        yield
    except ValueError:
        yield


def _raises() -> Onion:
    try:
        yield
    except ValueError:
        raise KeyError("mine") from None


def _raises_the_like() -> Onion:
    try:
        yield
    except ValueError:
        raise ValueError("mine") from None


@layer
def told(environ: Any, *, how: Any) -> Onion:
    return (yield from how())


@pytest.mark.parametrize(
    ("how", "notes"),
    [
        pytest.param(_swallows, [], id="swallows it"),
        pytest.param(_goes_on, [], id="goes on"),
        pytest.param(_raises, ["KeyError('mine')"], id="raises another"),
        pytest.param(_raises_the_like, ["ValueError('mine')"], id="raises another of its kind"),
    ],
)
def test_the_error_goes_up_whatever_the_generator_does(how: Any, notes: list[str]) -> None:
    error = ValueError("oops")
    with pytest.raises(ValueError, match="oops") as raised:
        Server().serve(told(how=how)(raising_app(error)))
    assert raised.value is error
    assert getattr(error, "__notes__", []) == [
        f"and told(how={how.__name__}) raised {note} while it was told" for note in notes
    ]


def test_an_exit_of_the_generator_passes() -> None:
    def exits() -> Onion:
        try:
            yield
        except ValueError:
            sys.exit(3)

    with pytest.raises(SystemExit):
        Server().serve(told(how=exits)(raising_app(ValueError())))


def test_an_exit_of_the_app_is_told_and_passes() -> None:
    with pytest.raises(KeyboardInterrupt):
        Server().serve(tracing()(raising_app(KeyboardInterrupt())))
    assert happened == ["in", "KeyboardInterrupt", "out"]


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(app_of([b"a"]), id="list"),
        pytest.param(late_app(b"a"), id="stream"),
        pytest.param(raising_app(ValueError("x")), id="error in the call"),
        pytest.param(raising_app(ValueError("x"), b"a"), id="error after writing"),
        pytest.param(app_of(Body(ValueError("x"))), id="error at the first pull"),
    ],
)
@pytest.mark.parametrize("made", [tracing(), forgetful()], ids=repr)
def test_nothing_is_left_to_the_garbage_collector(made: Any, app: App) -> None:
    class Token: ...

    bound = compose(made, made)(app)
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
        happened.clear()
        del token, server
        assert gone() is None
    finally:
        gc.enable()


def test_it_stands_among_other_layers() -> None:
    ends: list[Any] = []

    class Watch(Hooks):
        def on_end(self, x: Exchange) -> None:
            ends.append((x.status, x.bytes, x.complete))

    server = Server()
    stack = compose(Watch(), tracing(), Watch(), timing(), Watch())
    assert server.serve(stack(app_of([b"abc"]))) == b"abc"
    assert ends == [("200 OK", 3, True)] * 3
    assert [name for name, value in server.heads[0][1]] == ["Content-Type", "X-Elapsed", "X-Onion"]


def test_nothing_is_pulled_after_an_early_close() -> None:
    pulled: list[bytes] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        for block in (b"one", b"two", b"three"):
            pulled.append(block)
            yield block

    start: Any = lambda status, headers: None  # noqa: E731
    body: Any = timing()(app)({}, start)
    blocks = iter(body)
    assert next(blocks) == b"one"
    body.close()
    assert list(blocks) == []
    assert pulled == [b"one"]


def test_empty_blocks_before_the_head() -> None:
    heads: list[str] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        yield b""
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"one"

    start: Any = lambda status, headers: heads.append(status)  # noqa: E731
    body: Any = timing()(app)({}, start)
    blocks = iter(body)
    assert (next(blocks), heads) == (b"", [])
    assert (next(blocks), heads) == (b"one", ["200 OK"])
    assert list(blocks) == []
    body.close()
