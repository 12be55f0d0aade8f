"""The linter: it sees every fault of the catalogue, blames who did it, and blames nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

from tests.faults import CASES, Case, hello
from wsgimw import Exchange, Hooks, compose, layer
from wsgimw.testing import Fault, lint
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
    if place == "alone":
        linted = lint(case.broken, **options)(case.inner)
    elif place == "innermost":
        linted = lint(compose(*OUTER, *INNER, case.broken), **options)(case.inner)
    else:
        linted = lint(compose(*OUTER, case.broken, *INNER), **options)(case.inner)
    return linted, f"layer: {case.id}"


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
