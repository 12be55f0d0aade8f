"""Take bound apps apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

from wsgimw import AccessLog, CatchErrors, Compress, Hooks, RequestId, compose, unless, when
from wsgimw.devtools.walk import holds, peel

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
