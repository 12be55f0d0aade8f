"""Lay an app out: what is listed, under which name, in which order, and what lies outside of it."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.local import LocalProxy
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from wsgimw import (
    Compress,
    Gzip,
    Hooks,
    Host,
    Include,
    Mount,
    Redirect,
    RequestId,
    Route,
    Router,
    compose,
    layer,
    unless,
    when,
)
from wsgimw.devtools.places import moved_away, survey

if TYPE_CHECKING:
    from collections.abc import Generator

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from wsgimw import Exchange


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise AssertionError("the app is never called")


def other(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise AssertionError("the app is never called")


@dataclass(frozen=True, slots=True)
class A(Hooks):
    """A layer that does nothing."""


@dataclass(frozen=True, slots=True)
class B(Hooks):
    """Another one."""


def by_function(app: Any) -> Any:
    def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        return app(environ, start_response)

    return bound


@layer
def generator(environ: WSGIEnvironment, *, size: int = 1) -> Generator[None, Exchange, None]:
    yield


def outline(bound: Any) -> list[str]:
    return ["  " * place.depth + place.text for place in survey(bound)]


def raw(bound: Any) -> Any:
    """Bind as somebody does who does not use `compose`."""

    class Application:
        def __init__(self, inner: Any) -> None:
            self.app = inner

        def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any: ...

    return Application(bound)


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        pytest.param(app, ["app"], id="an app alone"),
        pytest.param(compose(A(), B())(app), ["A()", "B()", "app"], id="a stack"),
        pytest.param(
            compose(partial(ProxyFix, x_for=2))(app),
            ["partial(ProxyFix, x_for=2)", "app"],
            id="anybody's class",
        ),
        pytest.param(ProxyFix(app), ["ProxyFix(...)", "app"], id="the same by hand"),
        pytest.param(by_function(app), ["by_function(...)", "app"], id="a function by hand"),
        pytest.param(compose(by_function)(app), ["by_function", "app"], id="a function"),
        pytest.param(
            compose(lambda app: ProxyFix(app))(app), ["ProxyFix(...)", "app"], id="a lambda"
        ),
        pytest.param(functools.partial(print, 1), ["partial(print, 1)"], id="a partial"),
        pytest.param(compose(generator(size=2))(app), ["generator(size=2)", "app"], id="@layer"),
        pytest.param(
            A()(ProxyFix(B()(app))), ["A()", "ProxyFix(...)", "B()", "app"], id="ours round theirs"
        ),
        pytest.param(
            compose(when("/x", A(), unless("/x/y", B())), A())(app),
            ["when('/x', ...)", "  A()", "  unless('/x/y', ...)", "    B()", "A()", "app"],
            id="branches",
        ),
        pytest.param(
            compose(
                Router(
                    [
                        Route("/", other),
                        Route("/z", Gzip()(other), methods=["GET"]),
                        Redirect("/old", "/new"),
                        Mount("/m", other),
                        Include("/i", [Route("/a", other)], name="i"),
                        Host("a.example", [Route("/h", A()(other))]),
                    ],
                    slashes="strict",
                )
            )(app),
            [
                "Router([...], slashes='strict')",
                "  Route('/', other)",
                "  Route('/z', ..., methods=('GET',))",
                "    Compress(codings=('gzip',), levels={'gzip': 6})",
                "    other",
                "  Redirect('/old', '/new')",
                "  Mount('/m', other)",
                "  Include('/i', [...], name='i')",
                "    Route('/a', other)",
                "  Host('a.example', [...])",
                "    Route('/h', ...)",
                "      A()",
                "      other",
                "app",
            ],
            id="routes",
        ),
        pytest.param(Router([])(app), ["Router(())", "app"], id="no routes"),
        pytest.param(
            when("/x", Router([Mount("/m", A()(other))]))(app),
            [
                "when('/x', ...)",
                "  Router([...])",
                "    Mount('/m', ...)",
                "      A()",
                "      other",
                "app",
            ],
            id="a router in a branch",
        ),
        pytest.param(
            Router([Mount("/m", Router([Route("/x", other)])(other))])(app),
            [
                "Router([...])",
                "  Mount('/m', ...)",
                "    Router([...])",
                "      Route('/x', other)",
                "    other",
                "app",
            ],
            id="a router in a router",
        ),
        pytest.param(
            DispatcherMiddleware(A()(app), {"/x": B()(other), "/y": other}),
            [
                "DispatcherMiddleware(...)",
                "  '/x':",
                "    B()",
                "    other",
                "  '/y': other",
                "A()",
                "app",
            ],
            id="werkzeug's dispatcher",
        ),
    ],
)
def test_outline(bound: Any, expected: list[str]) -> None:
    assert outline(bound) == expected


def test_dispatchers_of_paste() -> None:
    urlmap = pytest.importorskip("paste.urlmap")
    cascade = pytest.importorskip("paste.cascade")
    mapped = urlmap.URLMap()
    mapped["/x"] = A()(other)
    mapped[""] = app
    assert outline(mapped) == ["URLMap", "  '/x':", "    A()", "    other", "  '/': app"]
    assert outline(cascade.Cascade([A()(app), other])) == [
        *("Cascade", "  '/':", "    A()", "    app", "  '/': other")
    ]


def test_a_dispatcher_that_holds_itself_ends() -> None:
    mapped = pytest.importorskip("paste.urlmap").URLMap()
    mapped["/x"] = mapped
    assert outline(mapped) == ["URLMap", "  '/x':", "    URLMap (as above)"]


def test_an_app_that_is_reached_twice_is_listed_once() -> None:
    shared = compose(A(), B())(other)
    router = Router([Mount("/a", shared), Mount("/b", shared)])(app)
    assert outline(router) == [
        *("Router([...])", "  Mount('/a', ...)", "    A()", "    B()", "    other"),
        *("  Mount('/b', ...)", "    A() (as above)", "app"),
    ]


def test_routers_that_hold_each_other_end() -> None:
    outer: Any = raw(None)
    outer.app = Router([Mount("/x", A()(outer))])(app)
    name = f"{type(outer).__qualname__}"
    assert outline(outer) == [
        *(f"{name}(...)", "Router([...])", "  Mount('/x', ...)", "    A()"),
        *(f"    {name}(...) (as above)", "app"),
    ]


def test_names_show_no_address_and_run_nothing() -> None:
    def gone() -> Any:
        raise RuntimeError("there is no request here")

    assert outline(raw(LocalProxy(gone)))[-1] == "<LocalProxy unbound>"
    flask = pytest.importorskip("flask").Flask("shop")
    flask.wsgi_app = A()(flask.wsgi_app)
    assert outline(flask) == ["A()", "<Flask 'shop'>"]


def places(bound: Any) -> dict[str, Any]:
    return {place.text: place for place in survey(bound)}


def test_what_lies_outside() -> None:
    router = Router([Route("/r", Compress()(other)), Route("/s", Gzip()(other))])
    found = places(compose(A(), when("/x", B()), router, RequestId())(app))
    texts = [
        place.text for place in survey(compose(A(), when("/x", B()), router, RequestId())(app))
    ]

    def outside(text: str) -> list[str]:
        return [texts[index] for index in found[text].outside]

    assert outside("A()") == []
    assert outside("B()") == ["A()", "when('/x', ...)"]
    assert outside("Router([...])") == ["A()", "when('/x', ...)", "B()"]
    assert outside("Compress()") == ["A()", "when('/x', ...)", "B()", "Router([...])"]
    assert outside("RequestId()") == outside("Compress()")
    assert outside("app") == [*outside("RequestId()"), "RequestId()"]


def test_conditions_are_of_whole_paths() -> None:
    inner = compose(when("/x", A()))(other)
    found = places(Router([Include("/i", [Mount("/m", inner)])])(app))
    assert [c.what for c in found["A()"].conditions] == ["/i", "/i/m", "/i/m/x"]
    assert found["A()"].mounts == ("/i/m",)


def test_a_prefix_with_a_parameter_is_not_known() -> None:
    inner = compose(when("/x", A()))(other)
    found = places(Router([Mount("/t/<name>", inner)])(app))
    assert [c.what for c in found["A()"].conditions] == [None, None]


@pytest.mark.parametrize(
    ("prefix", "mounts", "expected"),
    [
        ("/adm/x", ("/adm",), "/adm"),
        ("/x", ("/adm",), None),
        ("/x", (), None),
        ("/x", ("/",), None),
        ("/a/b/x", ("/a", "/b"), "/a/b"),
        ("/b/x", ("/a", "/b"), "/b"),
        ("/t/ada/x", ("/t/<name>",), "/t/<name>"),
        ("/x", ("/<name>",), None),
    ],
)
def test_moved_away(prefix: str, mounts: tuple[str, ...], expected: str | None) -> None:
    assert moved_away(prefix, mounts) == expected
