"""Take bound apps apart."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from werkzeug.local import LocalProxy
from werkzeug.middleware.proxy_fix import ProxyFix

from wsgimw import AccessLog, CatchErrors, Compress, Hooks, RequestId, compose, unless, when
from wsgimw.devtools.walk import holds, is_framework, peel, steps
from wsgimw.testing import lint

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return []


@dataclass(frozen=True, slots=True)
class Same(Hooks):
    """A layer of ours that does nothing."""


fix = partial(ProxyFix, x_for=1)


@pytest.mark.parametrize(
    "layers",
    [
        pytest.param((), id="none"),
        pytest.param((Same(),), id="ours"),
        pytest.param((RequestId(), CatchErrors(), Compress()), id="built in"),
        pytest.param((Same(), fix, Same()), id="others between ours"),
        pytest.param((fix,), id="others alone"),
        pytest.param((when("/x", Same()), Same()), id="a branch is one layer"),
    ],
)
def test_peel(layers: tuple[Any, ...]) -> None:
    found, inner = peel(compose(*layers)(app))
    assert found == layers
    assert inner is app


def test_peel_sees_a_layer_that_was_bound_by_hand() -> None:
    assert peel(Same()(Same()(app))) == ((Same(), Same()), app)


def test_peel_stops_at_what_it_does_not_know() -> None:
    unknown = ProxyFix(Same()(app))
    assert peel(compose(Same())(unknown)) == ((Same(),), unknown)


def test_peel_goes_through_a_flask_app() -> None:
    flask = pytest.importorskip("flask")
    shop = flask.Flask("shop")
    whole = shop.wsgi_app
    assert peel(shop) == ((), shop)
    shop.wsgi_app = compose(Same(), Same())(whole)
    assert peel(shop) == ((Same(), Same()), whole)


def test_peel_ends_where_an_app_holds_itself() -> None:
    class Loop:
        def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
            raise AssertionError("the app is never called")

        wsgi_app = __call__

    loop = Loop()
    loop.wsgi_app = compose(Same())(loop)  # type: ignore[method-assign, assignment]
    assert peel(loop) == ((Same(),), loop)


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        pytest.param(app, False, id="bare"),
        pytest.param(Same()(app), False, id="another"),
        pytest.param(AccessLog()(app), True, id="itself"),
        pytest.param(compose(Same(), AccessLog())(app), True, id="inside of another"),
        pytest.param(unless("/health", AccessLog())(app), True, id="in a branch"),
        pytest.param(when("/a", unless("/b", AccessLog()))(app), True, id="in a branch's branch"),
        pytest.param(when("/a", Same())(app), False, id="not in the branch"),
    ],
)
def test_holds(bound: WSGIApplication, expected: bool) -> None:
    assert holds(bound, AccessLog) is expected


class Published:
    """Middleware as it is published: the app comes first and is held by an attribute."""

    def __init__(self, inner: Any, name: str = "app") -> None:
        setattr(self, name, inner)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        raise AssertionError("nothing is ever called")

    def as_method(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        raise AssertionError("nothing is ever called")


class Slotted:
    """The same with a slot."""

    __slots__ = ("app", "application")

    def __init__(self, inner: Any) -> None:
        self.application = inner

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        raise AssertionError("nothing is ever called")


def closed_over(app: Any, report: Any = print, retries: int = 3) -> Any:
    def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        report(retries)
        return app(environ, start_response)

    return bound


def other_name(inside: Any) -> Any:
    def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        return inside(environ, start_response)

    return bound


def two_apps(app: Any, other: Any) -> Any:
    def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        return (app if environ else other)(environ, start_response)

    return bound


def two_strange(one: Any, other: Any) -> Any:
    def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        return (one if environ else other)(environ, start_response)

    return bound


def wrapped(app: Any) -> Any:
    @functools.wraps(app)
    def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        return app(environ, start_response)

    return bound


def with_options(app: Any, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
    raise AssertionError("nothing is ever called")


def elsewhere(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return []


@pytest.mark.parametrize(
    "bind",
    [
        *(
            pytest.param(functools.partial(Published, name=name), id=f"attribute {name}")
            for name in ("app", "application", "wsgi_app", "wsgi", "_app", "wrap_app")
        ),
        pytest.param(Slotted, id="a slot, another one empty"),
        pytest.param(lambda app: Published(app).as_method, id="method of an object"),
        pytest.param(closed_over, id="closure"),
        pytest.param(other_name, id="closure, any name"),
        pytest.param(lambda app: two_apps(app, elsewhere), id="of two apps the usual name"),
        pytest.param(wrapped, id="functools.wraps"),
        pytest.param(lambda app: functools.partial(with_options, app), id="partial"),
    ],
)
def test_steps_look_into_what_was_bound_by_hand(bind: Any) -> None:
    outer = bind(Same()(app))
    found = [*steps(Same()(outer))]
    assert [step.kind for step in found] == ["layer", "middleware", "layer", "app"]
    assert found[1].bound is outer
    assert found[-1].bound is app


def test_steps_go_through_a_copy_of_our_names() -> None:
    """`functools.wraps` copies `__wsgimw_layer__` to a wrapper, which is no layer of ours."""
    found = [*steps(wrapped(Same()(app)))]
    assert [step.kind for step in found] == ["middleware", "layer", "app"]


def test_one_layer_bound_twice_by_hand_is_two() -> None:
    same = RequestId()
    assert [step.layer for step in steps(same(same(app)))] == [same, same, None]


def test_checkers_of_the_linter_are_no_layers() -> None:
    found = [*steps(lint(compose(Same(), fix))(app))]
    assert [step.layer for step in found if step.kind == "layer"] == [Same(), fix]
    assert {step.kind for step in found} == {"layer", "passage", "app"}
    assert peel(lint(compose(Same(), fix))(app)) == ((Same(), fix), app)


class Raises:
    """An app each of whose attributes fails."""

    @property
    def app(self) -> Any:
        raise AssertionError("no property is read")

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"__getattr__({name!r}) is not called")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any: ...


class Endless:
    """An app that makes an app of every attribute."""

    def __getattr__(self, name: str) -> Any:
        return Endless()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any: ...


class Refuses:
    """An app whose class answers nothing."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any: ...


def itself() -> Any:
    found = Published(None)
    found.app = found  # type: ignore[attr-defined]
    return found


def no_request() -> Any:
    raise RuntimeError("there is no request here")


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(Raises, id="properties that raise"),
        pytest.param(Endless, id="__getattr__ for all"),
        pytest.param(Refuses, id="__getattribute__"),
        pytest.param(itself, id="holds itself"),
        pytest.param(lambda: LocalProxy(no_request), id="proxy of nothing"),
        pytest.param(lambda: LocalProxy(lambda: Same()(app)), id="proxy of a layer"),
        pytest.param(mock.MagicMock, id="mock"),
        pytest.param(lambda: two_strange(app, elsewhere), id="closure over two apps"),
        pytest.param(lambda: Published(3), id="attribute that is no app"),
        pytest.param(lambda: Published(len), id="attribute of one argument"),
        pytest.param(lambda: print, id="built-in"),
    ],
)
def test_steps_end_at_what_they_do_not_know(made: Any) -> None:
    trap = made()
    for bound in (trap, Same()(trap)):
        *_, last = found = [*steps(bound)]
        assert len(found) <= 2
        assert last.kind == "app"
        assert last.bound is trap


def test_steps_end_where_two_hold_each_other() -> None:
    one = Published(None)
    two = Published(one)
    one.app = two  # type: ignore[attr-defined]
    assert [step.bound for step in steps(one)] == [one, two]
    assert [step.kind for step in steps(one)] == ["middleware", "app"]


def test_an_empty_cell_is_passed_over() -> None:
    bound = other_name(app)
    del bound.__closure__[0].cell_contents
    assert [step.kind for step in steps(bound)] == ["app"]


def bottle_app() -> Any:
    return pytest.importorskip("bottle").Bottle()


def falcon_app() -> Any:
    return pytest.importorskip("falcon").App()


def django_app() -> Any:
    return pytest.importorskip("django.core.handlers.wsgi").WSGIHandler.__new__(
        pytest.importorskip("django.core.handlers.wsgi").WSGIHandler
    )


def pyramid_app() -> Any:
    router = pytest.importorskip("pyramid.router").Router
    return router.__new__(router)


@pytest.mark.parametrize("made", [bottle_app, falcon_app, django_app, pyramid_app])
def test_steps_end_at_frameworks(made: Any) -> None:
    framework = made()
    if hasattr(framework, "__dict__"):
        framework.app = app  # what a framework keeps for itself is not looked at
    assert is_framework(framework)
    assert [step.bound for step in steps(framework)] == [framework]


def test_steps_go_through_a_flask_app_whose_stack_was_bound_by_hand() -> None:
    shop = pytest.importorskip("flask").Flask("shop")
    whole = shop.wsgi_app
    shop.wsgi_app = ProxyFix(Same()(whole))
    kinds = [step.kind for step in steps(shop)]
    assert kinds == ["passage", "middleware", "layer", "app"]
    assert peel(shop) == ((), shop)


def test_djangos_handler_of_static_files_is_middleware() -> None:
    handlers = pytest.importorskip("django.contrib.staticfiles.handlers")
    bound = handlers.StaticFilesHandler.__new__(handlers.StaticFilesHandler)
    bound.application = app
    assert [step.kind for step in steps(bound)] == ["middleware", "app"]
