"""What people do wrong, and what they are told: the text of every message."""

from __future__ import annotations

import collections
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import bottle
import falcon
import pytest
from django.core.handlers.wsgi import WSGIHandler
from flask import Flask
from paste.translogger import TransLogger
from werkzeug.local import LocalProxy
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.middleware.shared_data import SharedDataMiddleware
from whitenoise import WhiteNoise

from wsgimw import Exchange, Hooks, compose, layer, misuse, unless, when
from wsgimw.misuse import accepts, check_options, is_app


@dataclass(frozen=True, slots=True, kw_only=True)
class Squeeze(Hooks):
    level: int = 6
    min_bytes: int = 500

    def on_end(self, x: Exchange) -> None: ...


@dataclass(frozen=True, slots=True)
class Files(Hooks):
    root: str
    prefix: str = "/"


@dataclass(frozen=True, slots=True, init=False)
class Login(Hooks):
    schemes: tuple[Any, ...]

    def __init__(self, *schemes: Any, required: bool = True) -> None:
        object.__setattr__(self, "schemes", schemes)


@layer
def timing(environ: Any, *, header: str = "X-Elapsed") -> Any:
    yield


def app(environ: Any, start_response: Any) -> Any: ...


def good(app: Any) -> Any:
    return lambda environ, start_response: app(environ, start_response)


class Returns:
    """A layer that returns what it was told to."""

    def __init__(self, bound: Any) -> None:
        self.bound = bound

    def __call__(self, app: Any) -> Any:
        return self.bound

    def __repr__(self) -> str:
        return "Returns()"


class ClassApp:
    """An app in the manner of PEP 3333's `AppClass`."""

    def __init__(self, environ: Any, start_response: Any) -> None: ...


flask_app = Flask("shop")
django_app = WSGIHandler.__new__(WSGIHandler)  # its `__init__` wants settings
SECOND = "put the app in the second call: compose(...)(app)"
LAYER = "a layer is a callable that takes a WSGI app and returns one"
APP = "a WSGI app is a callable that takes (environ, start_response)"
WRAPPED = "with its options, so that compose() can wrap"
ONE = "which can be called with one argument, so it is a layer and not an app"
FIRST = "layers go into the first call: compose(layer)(app)"


def generator() -> Iterator[Any]:
    yield good


@pytest.mark.parametrize(
    ("found", "message"),
    [
        # a class of ours, not called
        pytest.param(
            Squeeze,
            "Squeeze, which was not called; write Squeeze() to make the layer",
            id="a class of ours",
        ),
        pytest.param(
            Files,
            "Files, which was not called; write Files(...) to make the layer",
            id="a class of ours that needs something",
        ),
        pytest.param(
            Login,
            "Login, which was not called; write Login() to make the layer",
            id="a class of ours that takes any number",
        ),
        pytest.param(
            when,
            "when, which was not called; write when(...) to make the layer",
            id="when itself",
        ),
        pytest.param(
            timing,
            "timing, which was not called; write timing() to make the layer",
            id="a @layer function",
        ),
        # an app
        pytest.param(app, f"app, a WSGI app; {SECOND}", id="a function app"),
        pytest.param(flask_app, f"<Flask 'shop'>, a WSGI app; {SECOND}", id="Flask"),
        pytest.param(
            flask_app.wsgi_app, f"<Flask 'shop'>, a WSGI app; {SECOND}", id="Flask's wsgi_app"
        ),
        pytest.param(django_app, f"WSGIHandler, a WSGI app; {SECOND}", id="Django"),
        pytest.param(falcon.App(), f"App, a WSGI app; {SECOND}", id="Falcon"),
        pytest.param(bottle.Bottle(), f"Bottle, a WSGI app; {SECOND}", id="Bottle"),
        pytest.param(partial(app), f"partial(app), a WSGI app; {SECOND}", id="a partial of an app"),
        # an app with an app in it
        pytest.param(
            ProxyFix(app),
            f"ProxyFix, already wrapped round an app (its .app); "
            f"write partial(ProxyFix, ...) {WRAPPED}",
            id="ProxyFix(app)",
        ),
        pytest.param(
            TransLogger(app),
            f"TransLogger, already wrapped round an app (its .application); "
            f"write partial(TransLogger, ...) {WRAPPED}",
            id="TransLogger(app)",
        ),
        pytest.param(
            WhiteNoise(app),
            f"WhiteNoise, already wrapped round an app (its .application); "
            f"write partial(WhiteNoise, ...) {WRAPPED}",
            id="WhiteNoise(app)",
        ),
        pytest.param(
            Squeeze(level=9)(app),
            "Squeeze(level=9), already wrapped round an app; write Squeeze(level=9)",
            id="a layer of ours, bound",
        ),
        pytest.param(
            compose(Squeeze(), good)(app),
            "Squeeze(), already wrapped round an app; write Squeeze()",
            id="a stack, bound",
        ),
        # a container
        pytest.param([good], "[good], a list; unpack it: compose(*layers)", id="a list"),
        pytest.param((good,), "(good,), a tuple; unpack it: compose(*layers)", id="a tuple"),
        pytest.param({good}, "set, a set; unpack it: compose(*layers)", id="a set"),
        pytest.param(
            frozenset([good]),
            "frozenset, a frozenset; unpack it: compose(*layers)",
            id="a frozenset",
        ),
        pytest.param(
            generator(), "generator, a generator; unpack it: compose(*layers)", id="a generator"
        ),
        # no layer at all
        pytest.param(3, f"3, which is not callable; {LAYER}", id="a number"),
        pytest.param("Gzip", f"'Gzip', which is not callable; {LAYER}", id="a str"),
        pytest.param({}, f"{{}}, which is not callable; {LAYER}", id="a dict"),
        pytest.param(collections.UserList(), f"[], which is not callable; {LAYER}", id="an object"),
        pytest.param(
            generator,
            f"generator, which cannot be called with one argument; {LAYER}",
            id="a function without arguments",
        ),
        pytest.param(
            ClassApp,
            "ClassApp, a class that cannot be called with an app alone; write "
            "partial(ClassApp, ...) with its other arguments or, if it is an app itself, "
            "put it in the second call: compose(...)(ClassApp)",
            id="a class that is an app",
        ),
        pytest.param(
            SharedDataMiddleware,
            "SharedDataMiddleware, a class that cannot be called with an app alone; write "
            "partial(SharedDataMiddleware, ...) with its other arguments or, if it is an app "
            "itself, put it in the second call: compose(...)(SharedDataMiddleware)",
            id="a class that needs more than an app",
        ),
    ],
)
def test_what_is_no_layer(found: Any, message: str) -> None:
    """It is found when composing; positions count from 1, and None counts."""
    with pytest.raises(TypeError) as raised:
        compose(good, None, found)
    assert str(raised.value) == f"compose() item 3 is {message}"
    for branch in (when, unless):
        with pytest.raises(TypeError) as raised:
            compose(good, branch("/x", found))
        expected = message.replace("compose(*layers)", f"{branch.__name__}(condition, *layers)")
        assert str(raised.value) == f"{branch.__name__}() item 1 is {expected}"


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        pytest.param(None, "returned None for its app; it must return the wrapped app", id="None"),
        pytest.param(3, f"returned 3, which is not callable; {APP}", id="a number"),
        pytest.param(
            generator,
            f"returned generator, which cannot be called with two arguments; {APP}",
            id="a function without arguments",
        ),
        pytest.param(
            good, f"returned good, which cannot be called with two arguments; {APP}", id="a layer"
        ),
    ],
)
def test_a_layer_that_returns_no_app(bound: Any, message: str) -> None:
    """It is found when binding, and named with its position where it was written."""
    bad: Any = Returns(bound)
    with pytest.raises(TypeError) as raised:
        compose(good, None, compose(good, bad), good)(app)
    assert str(raised.value) == f"compose() item 2, Returns(), {message}"
    with pytest.raises(TypeError) as raised:
        when("/x", good, good, bad)(app)
    assert str(raised.value) == f"when() item 3, Returns(), {message}"
    with pytest.raises(TypeError) as raised:
        compose(good, good, bad)[1:](app)
    assert str(raised.value) == f"compose() item 3, Returns(), {message}"


@pytest.mark.parametrize("stack", [compose(), compose(good)], ids=["empty", "one layer"])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param(Squeeze(), f"Squeeze(), a layer; {FIRST}", id="a layer of ours"),
        pytest.param(Squeeze, f"Squeeze, a layer; {FIRST}", id="a class of ours"),
        pytest.param(timing, f"timing, a layer; {FIRST}", id="a @layer function"),
        pytest.param(compose(), f"compose(), a layer; {FIRST}", id="a stack"),
        pytest.param(None, f"None, which is not callable; {APP}", id="None"),
        pytest.param(3, f"3, which is not callable; {APP}", id="a number"),
        pytest.param(
            good,
            f"good, {ONE}; {FIRST}",
            id="a function layer",
        ),
        pytest.param(
            partial(ProxyFix, x_for=1),
            f"partial(ProxyFix, x_for=1), {ONE}; {FIRST}",
            id="a partial layer",
        ),
        pytest.param(
            ProxyFix,
            f"ProxyFix, {ONE}; {FIRST}",
            id="a class of others",
        ),
        pytest.param(
            generator,
            f"generator, which cannot be called with two arguments; {APP}",
            id="a function without arguments",
        ),
    ],
)
def test_what_is_no_app(stack: Any, given: Any, message: str) -> None:
    for wrap in (stack, Squeeze(), timing(), when("/", good)):
        with pytest.raises(TypeError) as raised:
            wrap(given)
        assert str(raised.value) == f"the app is {message}"


class Arguments:
    def __init__(self, *arguments: Any) -> None: ...


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(app, id="a function"),
        pytest.param(flask_app, id="Flask"),
        pytest.param(flask_app.wsgi_app, id="Flask's wsgi_app"),
        pytest.param(django_app, id="Django"),
        pytest.param(falcon.App(), id="Falcon"),
        pytest.param(bottle.Bottle(), id="Bottle"),
        pytest.param(ProxyFix(app), id="ProxyFix(app)"),
        pytest.param(ClassApp, id="a class app"),
        pytest.param(Arguments, id="a class that takes any number"),
        pytest.param(lambda *arguments: None, id="a function that takes any number"),
        pytest.param(lambda environ, start_response=None: None, id="a function with a default"),
        pytest.param(max, id="a C function without a signature"),
    ],
)
def test_what_is_an_app(given: Any) -> None:
    assert compose()(given) is given
    assert callable(compose(good, Squeeze())(given))


class Odd:
    """Its signature cannot be read."""

    @property
    def __signature__(self) -> Any:
        raise RuntimeError("odd")

    def __call__(self, *arguments: Any) -> Any:
        return app


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(Odd(), id="an odd descriptor"),
        pytest.param(type("Lies", (Odd,), {"__signature__": 3})(), id="no signature at all"),
        pytest.param(max, id="a C function"),
        pytest.param(LintMiddleware, id="a class"),
        pytest.param(partial(ProxyFix, x_for=1), id="a partial"),
        pytest.param(partial(SharedDataMiddleware, exports={}), id="a partial of what needs more"),
        pytest.param(lambda *arguments: app, id="a function that takes any number"),
        pytest.param(lambda app, option=None: app, id="a function with an option"),
    ],
)
def test_what_is_a_layer(given: Any) -> None:
    assert list(compose(given)) == [given]


def test_signatures_that_cannot_be_read() -> None:
    assert accepts(Odd(), 1) is None
    assert accepts(max, 2) is None
    assert not is_app(Odd())


# Options of our layers.


def everything(
    app: Any = None, /, required: Any = None, *rest: Any, key: Any, **more: Any
) -> None: ...


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(
            lambda: Squeeze(app),  # type: ignore[call-arg, arg-type]
            "Squeeze() was given app as a positional argument; "
            "options are keyword-only, write Squeeze()(app) to wrap an app",
            id="an app, in place of a second call",
        ),
        pytest.param(
            lambda: Squeeze(flask_app, level=3),  # type: ignore[misc, arg-type]
            "Squeeze() was given <Flask 'shop'> as a positional argument; "
            "options are keyword-only, write Squeeze()(app) to wrap an app",
            id="an app and an option",
        ),
        pytest.param(
            lambda: Files("public", "/static", app),  # type: ignore[call-arg]
            "Files() was given app as a positional argument; "
            "options are keyword-only, write Files(...)(app) to wrap an app",
            id="an app after an argument",
        ),
        pytest.param(
            lambda: Squeeze(9),  # type: ignore[call-arg]
            "Squeeze() was given 9 as a positional argument; "
            "options are keyword-only: level, min_bytes",
            id="a positional option",
        ),
        pytest.param(
            lambda: Squeeze(lvl=3),  # type: ignore[call-arg]
            "Squeeze() has no option 'lvl'; did you mean level?",
            id="a misspelt option",
        ),
        pytest.param(
            lambda: Squeeze(colour=3),  # type: ignore[call-arg]
            "Squeeze() has no option 'colour'; its options are level, min_bytes",
            id="an option that is like none",
        ),
        pytest.param(
            lambda: Login(app, requird=False),  # type: ignore[call-arg]
            "Login() has no option 'requird'; did you mean required?",
            id="a misspelt option after a star",
        ),
        pytest.param(
            lambda: Files(),  # type: ignore[call-arg]
            "Files() needs root: write Files(...)",
            id="a required argument left out",
        ),
        pytest.param(
            lambda: Files(prefix="/"),  # type: ignore[call-arg]
            "Files() needs root: write Files(...)",
            id="a required argument left out, an option given",
        ),
        pytest.param(
            lambda: Files("a", root="b"),  # type: ignore[misc]
            "Files(): multiple values for argument 'root'",
            id="given twice",
        ),
        pytest.param(
            lambda: when(),  # type: ignore[call-arg]
            "when() needs condition: write when(...)",
            id="when without anything",
        ),
        pytest.param(
            lambda: when("/x"),
            "when() needs at least one layer after its condition: when('/x', layer)",
            id="when without a layer",
        ),
        pytest.param(
            lambda: unless("/x", None, compose()),
            "unless() needs at least one layer after its condition: unless('/x', layer)",
            id="unless with nothing but None",
        ),
    ],
)
def test_options(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError) as raised:
        call()
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        pytest.param((), {}, "X() needs key: write X(key=...)", id="a required keyword"),
        pytest.param((1, 2, 3), {"other": 4}, "X() needs key: write X(key=...)", id="any others"),
    ],
)
def test_options_of_any_signature(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(TypeError) as raised:
        check_options("X", inspect.signature(everything), arguments, options)
    assert str(raised.value) == message


def test_positional_only_arguments_are_arguments() -> None:
    def takes(root: str, /, *, prefix: str) -> None: ...

    with pytest.raises(TypeError) as raised:
        check_options("X", inspect.signature(takes), ("public",), {})
    assert str(raised.value) == "X() needs prefix: write X(prefix=...)"
    with pytest.raises(TypeError) as raised:
        check_options("X", inspect.signature(takes), ("public", "more"), {"prefix": "/"})
    assert str(raised.value) == (
        "X() was given 'more' as a positional argument; options are keyword-only: prefix"
    )


def test_a_layer_without_options() -> None:
    class Bare(Hooks): ...

    with pytest.raises(TypeError) as raised:
        Bare(level=3)  # type: ignore[call-arg]
    assert str(raised.value) == "Bare() has no option 'level'; its options are none"


# Conditions.


@pytest.mark.parametrize(
    ("condition", "shown"),
    [
        pytest.param(3, "3", id="a number"),
        pytest.param(None, "None", id="None"),
        pytest.param(b"/admin", "b'/admin'", id="bytes"),
        pytest.param(Squeeze(), "Squeeze()", id="a layer"),
        pytest.param(Squeeze, "Squeeze", id="a class of ours"),
        pytest.param(compose(), "compose()", id="a stack"),
        pytest.param(app, "app", id="an app"),
        pytest.param(generator, "generator", id="a function without arguments"),
    ],
)
def test_what_is_no_condition(condition: Any, shown: str) -> None:
    for branch in (when, unless):
        with pytest.raises(TypeError) as raised:
            branch(condition, good)
        assert str(raised.value) == (
            f"{branch.__name__}() takes a condition first, and was given {shown}; "
            "write a path prefix such as '/admin', or a function of environ that returns a bool"
        )


@pytest.mark.parametrize("prefix", ["admin", "", "*", " /admin"])
def test_a_prefix_that_does_not_begin_with_a_slash(prefix: str) -> None:
    for branch in (when, unless):
        with pytest.raises(ValueError, match="a path prefix begins with") as raised:
            branch(prefix, good)
        assert repr("/" + prefix) in str(raised.value)


def test_a_proxy_is_not_asked_for_what_it_stands_for() -> None:
    """An app may be a proxy of something that is there during a request only."""

    def no_request() -> Any:
        raise RuntimeError("there is no request here")

    proxy: Any = LocalProxy(no_request)
    assert not misuse.is_layer_class(proxy)
    assert not misuse.is_middleware_class(proxy)
    misuse.check_app(proxy)
    assert callable(compose(ProxyFix)(proxy))
