"""The linter: it sees every fault of the catalogue, blames who did it, and blames nobody else."""

from __future__ import annotations

import contextvars
import functools
import gc
import inspect
import pickle
import subprocess
import sys
import threading
import weakref
import wsgiref.validate
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

from tests.faults import CASES, FORM, TEXT, Case, hello
from wsgimw import Exchange, Hooks, compose, layer, misuse, unless, when
from wsgimw.compose import origin
from wsgimw.testing import Fault, lint
from wsgimw.testing.crossing import Crossing
from wsgimw.testing.linter import Linter
from wsgimw.testing.server import App, Call, Environ, StartResponse, make_environ

Layer = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Ending(Hooks):
    """A layer that sees heads and ends."""

    def on_head(self, x: Exchange) -> None:
        x.headers.append(("X-Ending", "yes"))

    def on_end(self, x: Exchange) -> None:
        assert x.environ is not None


@layer
def timing(environ: Environ) -> Any:
    head = yield
    head.headers.append(("X-Timing", "1"))
    yield


def identity(app: App) -> App:
    return app


def passing(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return app(environ, start_response)

    return bound


OUTER: list[Layer] = [passing, Ending(), identity]
INNER: list[Layer] = [timing(), partial(ProxyFix, x_for=1), passing]


def request(case: Case) -> Environ:
    keys = dict(case.environ)
    body = b"hello" if "CONTENT_LENGTH" in keys else b""
    return make_environ(**{"wsgi.input": BytesIO(body), **keys})


def answering(app: App) -> Layer:
    """Return a layer that never asks its app, and answers as another."""

    def bad_layer(_: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            return app(environ, start_response)

        return bound

    bad_layer.__qualname__ = "bad_layer"
    return bad_layer


def placed(case: Case, place: str, **options: Any) -> tuple[App, str]:
    """Return the linted app with the case at its place, and who is to blame."""
    linted: App
    if case.where == "app":
        if place == "alone":
            linted = lint(case.broken, **options)
        elif place == "innermost":
            linted = lint(compose(*OUTER, *INNER), **options)(case.broken)
        else:
            linted = lint(compose(*OUTER, answering(case.broken), *INNER), **options)(hello)
            return linted, "bad_layer"
        return linted, f"app: {case.id}"
    one: Layer = case.broken
    if place == "alone":
        linted = lint(one, **options)(case.inner)
    elif place == "innermost":
        linted = lint(compose(*OUTER, *INNER, case.broken), **options)(case.inner)
    else:
        linted = lint(compose(*OUTER, case.broken, *INNER), **options)(case.inner)
    return linted, f"layer: {case.id}"


def unexpected(fault: Fault) -> None:
    """Fail at once, as a `report`."""
    pytest.fail(str(fault))


PLACES = pytest.mark.parametrize("place", ["innermost", "in the middle", "alone"])
ALL = pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])


def test_the_catalogue_is_large() -> None:
    assert len({case.id for case in CASES}) == len(CASES) >= 100


@ALL
@PLACES
def test_fault_is_reported_once_and_blamed_rightly(case: Case, place: str) -> None:
    faults: list[Fault] = []
    linted, guilty = placed(case, place, report=faults.append)
    with suppress(Exception):  # what is broken may break others
        Call(linted, request(case)).run()
    blamed = [(fault.rule, fault.layer) for fault in faults]
    assert blamed == [(case.rule, guilty)], [*map(str, faults)]


@ALL
@PLACES
def test_fault_is_raised(case: Case, place: str) -> None:
    linted, guilty = placed(case, place)
    with pytest.raises(Fault) as caught:
        Call(linted, request(case)).run()
    assert (caught.value.rule, caught.value.layer) == (case.rule, guilty)
    assert caught.value.message.endswith(".")


def test_it_names_rule_and_layer_in_words() -> None:
    with pytest.raises(Fault) as caught:
        Call(lint(no_reason), make_environ()).run()
    assert str(caught.value) == (
        "no_reason: The status is '200'; a status is three digits from 100 to 599, a space and a "
        "reason: '200 OK'. (rule 13)"
    )
    copied = pickle.loads(pickle.dumps(caught.value))  # as pytest-xdist does
    assert (copied.rule, copied.layer, copied.message) == (13, "no_reason", caught.value.message)
    assert isinstance(copied, AssertionError)


def no_reason(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200", [TEXT])
    return [b"hello"]


# ---- the server, as far as it can be told -----------------------------------------------------


def closes_twice(app: App) -> None:
    call = Call(app, make_environ()).run()
    call.close()


def pulls_after_close(app: App) -> None:
    call = Call(app, make_environ()).begin()
    call.pull()
    call.close()
    call.pull()
    call.drop()


def iterates_after_close(app: App) -> None:
    call = Call(app, make_environ()).begin()
    call.close()
    assert len([*call.body]) < 3
    call.drop()


def gives_no_write(app: App) -> None:
    body: Any = app(make_environ(), lambda *_: None)  # type: ignore[arg-type]
    body.close()


def calls_by_keywords(app: Any) -> None:
    app(environ=make_environ(), start_response=Call(app, {}).start_response)


def calls_with_one_argument(app: Any) -> None:
    with pytest.raises(TypeError, match="start_response"):
        app(make_environ())


def forgets_the_path(app: App) -> None:
    Call(app, make_environ(SERVER_PORT=80)).run()


def gives_none(app: Any) -> None:
    with suppress(TypeError):
        app(None, Call(app, {}).start_response)


def stream(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    return iter([b"one", b"two"] if environ["PATH_INFO"] else [])


@pytest.mark.parametrize("app", [hello, stream])
@pytest.mark.parametrize("outer", [None, passing], ids=["an app", "a stack"])
@pytest.mark.parametrize(
    ("serve", "rule"),
    [
        pytest.param(serve, rule, id=serve.__name__)
        for serve, rule in (
            (closes_twice, 23),
            (pulls_after_close, 26),
            (iterates_after_close, 26),
            (gives_no_write, 10),
            (calls_by_keywords, 1),
            (calls_with_one_argument, 1),
            (forgets_the_path, 32),
            (gives_none, 3),
        )
    ],
)
def test_the_server_is_blamed(
    serve: Callable[[App], None], rule: int, outer: Layer | None, app: App
) -> None:
    if app is hello and serve is pulls_after_close:
        return  # the iterator of a list is none of ours
    faults: list[Fault] = []
    serve(lint(outer, report=faults.append)(app) if outer else lint(app, report=faults.append))
    assert [(fault.rule, fault.layer) for fault in faults] == [(rule, "server")]


@pytest.mark.parametrize("app", [hello, stream])
def test_a_body_that_is_dropped_was_never_closed(app: App) -> None:
    faults: list[Fault] = []
    call = Call(lint(passing, report=faults.append)(app), make_environ()).begin()
    call.pull()
    assert not faults
    call.drop()
    gc.collect()  # a list and its iterator hold each other
    assert [(fault.rule, fault.layer) for fault in faults] == [(22, "server")]
    assert "never closed" in faults[0].message


def test_a_body_that_is_dropped_in_a_cycle_is_told_when_it_is_freed() -> None:
    def late(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT])
        yield b"one"

    faults: list[Fault] = []
    call = Call(lint(compose(Ending(), timing()), report=faults.append)(late), make_environ())
    call.begin().pull()
    call.drop()
    gc.collect()
    assert [(fault.rule, fault.layer) for fault in faults] == [(22, "server")]


def test_without_report_a_dropped_body_goes_unnoticed() -> None:
    call = Call(lint(hello), make_environ()).begin()
    call.drop()


def test_unclosed_tells_bodies_that_are_still_held() -> None:
    linter = Linter()
    call = Call(linter.lint(stream), make_environ()).begin()
    Call(linter.lint(stream), make_environ()).run()
    assert [(fault.rule, fault.layer) for fault in linter.unclosed()] == [(22, "server")]
    assert not linter.unclosed()
    call.close()


# ---- raising ----------------------------------------------------------------------------------


def catching(*instead: str) -> Layer:
    """Return a layer that catches all errors of its app, and answers or raises something else."""

    def catches(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            try:
                body: Any = app(environ, start_response)
                try:
                    return [*body]
                finally:
                    if hasattr(body, "close"):
                        body.close()
            except Exception:
                if instead:
                    raise RuntimeError(*instead) from None
                start_response("500 Internal Server Error", [TEXT], sys.exc_info())
                return [b"sorry"]

        return bound

    return catches


def catching_in_the_stream(app: App) -> App:
    class Catches:
        def __init__(self, body: Any) -> None:
            self.body = body

        def __iter__(self) -> Iterator[bytes]:
            with suppress(Exception):
                yield from self.body

        def close(self) -> None:
            with suppress(Exception):
                self.body.close()

    return lambda environ, start_response: Catches(app(environ, start_response))


def catches_itself(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    with suppress(AssertionError):
        start_response("200", [TEXT])
    start_response("500 Internal Server Error", [TEXT])
    return [b"sorry"]


def bad_block(environ: Environ, start_response: StartResponse) -> Iterable[Any]:
    start_response("200 OK", [TEXT])
    yield b"one"
    yield "two"


def never_closes(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return iter(app(environ, start_response))

    return bound


@pytest.mark.parametrize(
    ("layer", "app", "rule", "guilty"),
    [
        pytest.param(catching(), no_reason, 13, "no_reason", id="answers instead"),
        pytest.param(catching("oops"), no_reason, 13, "no_reason", id="raises instead"),
        pytest.param(passing, catches_itself, 13, "catches_itself", id="the app answers instead"),
        pytest.param(catching_in_the_stream, bad_block, 20, "bad_block", id="ends the stream"),
        pytest.param(
            compose(catching_in_the_stream, never_closes, passing),
            stream,
            22,
            "never_closes",
            id="hides it in close()",
        ),
    ],
)
def test_a_fault_that_is_swallowed_is_raised_again(
    layer: Layer, app: App, rule: int, guilty: str
) -> None:
    linted: App = lint(compose(passing, layer, passing))(app)
    call = Call(linted, make_environ())
    with pytest.raises(Fault) as caught:
        call.run()
    assert (caught.value.rule, caught.value.layer) == (rule, guilty)
    if caught.value.rule != 22:
        call.close()  # once is enough


def test_a_fault_that_went_out_is_not_raised_again() -> None:
    call = Call(lint(passing)(bad_block), make_environ()).begin()
    call.pull()
    with pytest.raises(Fault):
        call.pull()
    call.close()


def test_only_the_first_fault_of_a_request_is_raised() -> None:
    def twice_bad(environ: Environ, start_response: Any) -> Iterable[Any]:
        start_response("200", [TEXT])
        return ["hello"]

    linted: App = lint(passing)(twice_bad)
    for _ in range(2):  # and the next request is judged anew
        with pytest.raises(Fault, match="rule 13"):
            Call(linted, make_environ()).run()
    faults: list[Fault] = []
    Call(lint(passing, report=faults.append)(twice_bad), make_environ()).run()
    assert [fault.rule for fault in faults] == [13, 20]


def test_a_fault_of_a_restart_shows_the_error_behind_it() -> None:
    (case,) = (case for case in CASES if case.id == "exc_info after bytes")
    with pytest.raises(Fault) as caught:
        Call(lint(case.broken), make_environ()).run()
    assert isinstance(caught.value.__cause__, ValueError)


# ---- what is linted, and what it is called ----------------------------------------------------


class Flasklike:
    def __repr__(self) -> str:
        return "<Flask 'shop'>"

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return no_reason(environ, start_response)

    wsgi_app = __call__


class AppClass:
    """An app that is a class, as in PEP 3333."""

    def __init__(self, environ: Environ, start_response: StartResponse) -> None:
        start_response("200", [TEXT])

    def __iter__(self) -> Iterator[bytes]:
        yield b"hello"


@dataclass(frozen=True, slots=True)
class BadHead(Hooks):
    name: str = "X-Bad"

    def on_head(self, x: Exchange) -> None:
        x.headers.append((self.name, "a\nb"))


def any_arguments(*args: Any) -> Any:
    return no_reason(*args)


BLAMED = [
    pytest.param(lambda lint: lint(Flasklike()), "<Flask 'shop'>", id="an object"),
    pytest.param(lambda lint: lint(Flasklike().wsgi_app), "<Flask 'shop'>", id="a bound method"),
    pytest.param(lambda lint: lint(AppClass), "AppClass", id="a class"),
    pytest.param(lambda lint: lint(any_arguments), "any_arguments", id="an app of any arguments"),
    pytest.param(lambda lint: lint(BadHead())(hello), "BadHead()", id="a layer of ours"),
    pytest.param(
        lambda lint: lint(partial(Broken, option=1))(hello),
        "partial(test_linter.Broken, option=1)",
        id="a partial",
    ),
    pytest.param(lambda lint: lint(Broken)(hello), "Broken", id="a layer that is a class"),
    pytest.param(lambda lint: lint(compose())(no_reason), "no_reason", id="the empty stack"),
    pytest.param(
        lambda lint: lint(compose(passing, BadHead(name="X"))(hello)),
        "BadHead(name='X')",
        id="an app made by compose",
    ),
    pytest.param(
        lambda lint: lint(BadHead(name="X")(Ending()(hello))),
        "BadHead(name='X')",
        id="an app made by layers of ours",
    ),
    pytest.param(
        lambda lint: lint(passing)(compose(BadHead(), Ending())(hello)),
        "BadHead()",
        id="a stack round a stack",
    ),
    pytest.param(
        lambda lint: lint(wrapped(BadHead()(hello))), "wrapped.<locals>.bound", id="functools.wraps"
    ),
    pytest.param(
        lambda lint: lint(compose(passing, when("/", Ending(), BadHead()), timing()))(hello),
        "BadHead()",
        id="within when",
    ),
    pytest.param(
        lambda lint: lint(compose(unless("/static", BadHead()), timing()))(hello),
        "BadHead()",
        id="within unless",
    ),
    pytest.param(
        lambda lint: lint(compose(when("/", Ending()), BadHead()))(hello),
        "BadHead()",
        id="inside of when",
    ),
    pytest.param(
        lambda lint: lint(compose(BadHead(), when("/", Ending())))(hello),
        "BadHead()",
        id="outside of when",
    ),
    pytest.param(
        lambda lint: lint(compose(when("/no", Ending()), forgets_the_input, timing()))(hello),
        "forgets_the_input",
        id="environ, inside of when",
    ),
    pytest.param(
        lambda lint: lint(compose(when("/", passing, forgets_the_input, Ending()), timing()))(
            hello
        ),
        "forgets_the_input",
        id="environ, within when",
    ),
]


class Broken:
    def __init__(self, app: App, option: int = 0) -> None:
        self.app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return self.app(environ, lambda status, *rest: start_response(status[:3], *rest))


def wrapped(app: App) -> App:
    """Wrap an app that has one fault, by a layer that hides who made it."""

    @functools.wraps(app)
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return app(environ, start_response)

    bound.__qualname__ = "wrapped.<locals>.bound"
    return bound


def forgets_the_input(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        del environ["wsgi.input"]
        return app(environ, start_response)

    return bound


@pytest.mark.parametrize(("make", "guilty"), BLAMED)
def test_names(make: Callable[[Any], App], guilty: str) -> None:
    faults: list[Fault] = []
    Call(make(partial(lint, report=faults.append)), make_environ()).run()
    assert [fault.layer for fault in faults] == [guilty.replace("test_linter.", "")]
    with pytest.raises(Fault):
        Call(make(lint), make_environ()).run()


def test_ambiguous_signatures_are_told_by_the_call() -> None:
    checked: Any = lint(wsgiref.validate.validator(hello))
    call = Call(checked, make_environ()).run()
    assert call.raw == b"hello"
    assert Call(lint(partial(ProxyFix, x_for=1))(hello), make_environ()).run().raw == b"hello"


def test_a_linted_stack_is_a_layer_like_any_other() -> None:
    faults: list[Fault] = []
    linted = lint(compose(passing, BadHead()), report=faults.append)
    app = compose(Ending(), linted, timing())(hello)
    assert Call(app, make_environ()).run().raw == b"hello"
    assert [fault.layer for fault in faults] == ["BadHead()"]
    assert linted.__qualname__.startswith("lint(compose(")


def test_two_linters_do_not_meddle() -> None:
    outer: list[Fault] = []
    inner: list[Fault] = []
    stack = compose(Ending(), lint(compose(passing, BadHead()), report=inner.append), never_closes)
    Call(lint(stack, report=outer.append)(stream), make_environ()).run()
    assert [fault.layer for fault in inner] == ["BadHead()"]
    assert [(fault.rule, fault.layer) for fault in outer][1:] == [(22, "never_closes")]
    assert outer[0].rule == 13 and "BadHead" in outer[0].layer


def test_the_way_inwards_stays_open() -> None:
    stack = compose(Ending(), passing, timing())
    seen = []

    @layer
    def asks(environ: Environ) -> Any:
        seen.append(environ)
        yield

    linted = lint(compose(stack, asks()))(hello)
    assert inspect.unwrap(lint(compose(Ending(), timing()))(hello)) is hello
    found = origin(vars(linted)["__wrapped__"])
    assert found is not None and found.layer == Ending() and len(found.stack) == 4
    assert misuse.is_app(linted) and linted.__name__ == "Ending"
    with pytest.raises(TypeError, match="a WSGI app"):
        compose(linted)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param(None, "lint() item 1 is None", id="None"),
        pytest.param([Ending()], "unpack it", id="a list"),
        pytest.param(Ending, "write Ending() to make the layer", id="a class of ours"),
    ],
)
def test_misuse(given: Any, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        lint(given)
    assert message in str(caught.value)


def test_misuse_when_binding() -> None:
    with pytest.raises(TypeError, match=r"lint\(\) item 1, .* returned None"):
        lint(lambda app: None)(hello)  # type: ignore[arg-type, return-value]
    with pytest.raises(TypeError, match="the app is"):
        lint(Ending())(Ending())  # type: ignore[arg-type]


# ---- odd ways through a stack -----------------------------------------------------------------


def test_an_app_may_ask_the_whole_stack_again() -> None:
    faults: list[Fault] = []

    def asks_again(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/again":
            return no_reason(environ, start_response)
        inner = Call(linted, environ | {"PATH_INFO": "/again"}).run()
        start_response("200 OK", [TEXT])
        return [inner.raw]

    linted = lint(compose(passing, Ending()), report=faults.append)(asks_again)
    assert Call(linted, make_environ()).run().raw == b"hello"
    assert [fault.rule for fault in faults] == [13]


def test_a_layer_may_ask_its_app_from_its_start_response() -> None:
    def error_page(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            pages: list[bytes] = []

            def start(status: str, headers: Any, *exc_info: Any) -> Any:
                if status.startswith("404"):
                    page = Call(app, environ | {"PATH_INFO": "/page"}).run()
                    pages.append(page.raw)
                    status, headers = "410 Gone", page.headers
                return start_response(status, headers, *exc_info)

            body: Any = app(environ, start)
            if not pages:
                return body  # type: ignore[no-any-return]
            body.close()
            return pages

        return bound

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        found = environ["PATH_INFO"] == "/page"
        start_response("200 OK" if found else "404 Not Found", [TEXT])
        return iter([b"a page"] if found else [])

    linted = lint(compose(passing, error_page, Ending()), report=unexpected)(app)
    assert Call(linted, make_environ()).run().raw == b"a page"


@pytest.mark.parametrize("copy", [True, False], ids=["with the context", "without it"])
def test_a_layer_may_ask_its_app_on_another_thread(copy: bool) -> None:
    def elsewhere(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            bodies: list[Any] = []
            ask = partial(app, environ, start_response)
            run = partial(contextvars.copy_context().run, ask) if copy else ask
            thread = threading.Thread(target=lambda: bodies.append(run()))
            thread.start()
            thread.join(10)
            return bodies[0]  # type: ignore[no-any-return]

        return bound

    linted = lint(compose(passing, elsewhere, Ending()), report=unexpected)(stream)
    environ = make_environ(SERVER_PORT="80")
    assert Call(linted, environ).run().raw == b"onetwo"
    faults: list[Fault] = []
    linted = lint(compose(passing, elsewhere, Ending()), report=faults.append)(hello)
    Call(linted, make_environ(SERVER_PORT=80)).run()
    assert [fault.layer for fault in faults] == ["server"]


def test_a_layer_may_ask_twice() -> None:
    def tries_again(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            try:
                return app(environ | {"PATH_INFO": "/first"}, start_response)
            except ValueError:
                return app(environ, start_response)

        return bound

    def fails_first(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/first":
            raise ValueError("not yet")
        return hello(environ, start_response)

    linted = lint(compose(tries_again, Ending()), report=unexpected)(fails_first)
    assert Call(linted, make_environ()).run().raw == b"hello"


def test_environ_may_be_used_again() -> None:
    environ = make_environ(**{"wsgi.input": BytesIO(b"hellohello"), **FORM})
    before = environ["wsgi.input"]

    def reads(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT])
        return [environ["wsgi.input"].read(5)]

    linted = lint(passing, report=unexpected)(reads)
    assert [Call(linted, environ).run().raw for _ in range(2)] == [b"hello", b"hello"]
    assert environ["wsgi.input"]._stream is before


def test_a_layers_own_input_is_its_own() -> None:
    class Half:
        def __init__(self, stream: Any) -> None:
            self.stream = stream

        def read(self, size: int = -1) -> bytes:
            return self.stream.read(min(size, 2) if size > 0 else 9)  # type: ignore[no-any-return]

        def readline(self) -> bytes:
            return self.read()

        def readlines(self) -> list[bytes]:
            return [self.read()]

        def __iter__(self) -> Iterator[bytes]:
            yield self.read()

    def halves(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            return app(
                environ | {"wsgi.input": Half(environ["wsgi.input"])},
                start_response,
            )

        return bound

    def reads(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT])
        return [environ["wsgi.input"].read(5), environ["wsgi.input"].read()]

    halves.__qualname__ = "halves"
    faults: list[Fault] = []
    environ = make_environ(**{"wsgi.input": BytesIO(b"hello"), **FORM})
    Call(lint(compose(passing, halves, Ending()), report=faults.append)(reads), environ).run()
    assert [(fault.rule, fault.layer) for fault in faults] == [(30, "halves")]


def test_a_generator_layer_makes_write_come_late() -> None:
    def lazy(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            body: Any = app(environ, start_response)
            try:
                yield from body
            finally:
                body.close()

        return bound

    def writes(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT])(b"one")
        return []

    lazy.__qualname__ = "lazy"
    faults: list[Fault] = []
    Call(lint(compose(Ending(), lazy, passing), report=faults.append)(writes), make_environ()).run()
    assert [(fault.rule, fault.layer) for fault in faults] == [(11, "lazy")]


# ---- memory, and observers --------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["list", "stream", "error"])
def test_no_cycle_is_left(kind: str) -> None:
    class Token:
        pass

    alive: list[weakref.ref[Token]] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["token"] = token = Token()
        alive.append(weakref.ref(token))
        start_response("200 OK", [TEXT])
        if kind == "error":
            raise ValueError("the app failed")
        return [b"one"] if kind == "list" else iter([b"one", b"two"])

    linted = lint(compose(passing, Ending(), passing), report=unexpected)(app)
    gc.collect()
    gc.disable()
    try:
        call = Call(linted, make_environ())
        with suppress(ValueError):
            call.run()
        call.drop()
        del call
        assert alive[0]() is None
    finally:
        gc.enable()


def test_a_fault_leaves_no_cycle_once_it_is_handled() -> None:
    linted = lint(compose(passing, passing))(bad_block)
    gc.collect()
    before = {id(thing) for thing in gc.get_objects() if issubclass(type(thing), Crossing)}
    with suppress(Fault):
        Call(linted, make_environ()).run()
    gc.collect()
    assert not [
        thing
        for thing in gc.get_objects()
        if issubclass(type(thing), Crossing) and id(thing) not in before
    ]


def test_an_observer_sees_every_boundary() -> None:
    seen: list[str] = []

    class Spy(Crossing):
        __slots__ = ()

        def came(self, environ: Any) -> None:
            seen.append(f"{self.boundary.outer.name} > {self.boundary.inner.name}")
            super().came(environ)

        def block(self, block: Any) -> None:
            seen.append(f"{self.boundary.inner.name}: {block!r}")
            super().block(block)

    class Spying(Linter):
        crossing = Spy

    Call(Spying().lint(compose(passing, Ending()))(stream), make_environ()).run()
    assert seen[:3] == ["server > passing", "passing > Ending()", "Ending() > stream"]
    assert seen[3:6] == ["stream: b'one'", "Ending(): b'one'", "passing: b'one'"]


def test_it_loads_alone() -> None:
    code = "from wsgimw.testing import Fault, lint; import sys; assert 'pytest' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
