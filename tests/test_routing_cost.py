"""What matching costs: linear in the path, whatever the path; one probe per shape."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from itertools import product
from types import FrameType

import pytest

from tests.bench.drive import make_environ
from tests.bench.routing_api import pairs, path, pattern
from tests.routing_apps import App, ask
from wsgimw import Mount, Route, Router, not_found

app = App("app")
MEGABYTE = 1_048_576


def calls(call: Callable[[], object]) -> int:
    """Count the calls of functions, those written in C included, that `call` comes to."""
    count = 0

    def seen(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    former = sys.getprofile()
    sys.setprofile(seen)
    try:
        call()
    finally:
        sys.setprofile(former)
    return count


ROUTES = [
    Route("/u/<a>-<b>-<c>-<d>x", app),
    Route("/n/<int:a>-<int:b>", app),
    Route("/i/<int:n>", app),
    Route("/f/<float:n>", app),
    Route("/w/<path:p>/edit/<int:n>", app),
    Route("/w/<path:p>", app),
    Route("/s/<string(maxlength=99999999):s>/end", app),
    Mount("/m/<t>", app),
]


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(
    ("start", "run"),
    [
        pytest.param("/u/", "-", id="dashes"),
        pytest.param("/u/", "a-", id="dashes between"),
        pytest.param("/n/", "1-", id="numbers and dashes"),
        pytest.param("/", "/", id="slashes"),
        pytest.param("/w", "/", id="slashes below a catch-all"),
        pytest.param("/w", "/x", id="segments below a catch-all"),
        pytest.param("/m", "/x", id="segments below a mount"),
        pytest.param("/i/", "1", id="digits"),
        pytest.param("/f/1.", "1", id="digits after the point"),
        pytest.param("/s/", "é", id="not ASCII"),
        pytest.param("/none/", "x", id="nothing"),
    ],
)
def test_a_path_of_a_megabyte_comes_back(start: str, run: str, compiled: bool) -> None:
    """A search that is not linear would not: pytest's watchdog ends the run."""
    router = Router(ROUTES, compiled=compiled)
    text = start + run * ((MEGABYTE - len(start)) // len(run))
    found = router.match("GET", text)
    answer = ask(router(not_found), make_environ(text.encode().decode("latin-1")))
    assert answer.code == (404 if found is None else 200)


def test_a_deep_table_of_all_combinations() -> None:
    """All 1,024 combinations of int and string, ten deep: less than ten calls for each of them."""
    kinds = ("<int:p{}>", "<p{}>")
    routes = [
        Route("/" + "/".join(kind.format(at) for at, kind in enumerate(choice)) + "/end", app)
        for choice in product(kinds, repeat=10)
    ]
    match = Router(routes).match
    assert match("GET", "/1" * 10 + "/no") is None
    for at in ("/x" * 10 + "/end", "/x" + "/1" * 9 + "/end", "/1" * 9 + "/x/end"):
        assert match("GET", at) is not None
        assert calls(partial(match, "GET", at)) < 10_240
    assert calls(partial(match, "GET", "/1" * 10 + "/no")) < 10_240


def test_probes_grow_with_shapes_not_with_routes() -> None:
    routes = [
        Route(pattern(segments, lambda name: f"<{name}>"), app, methods=(method,))
        for method, segments in pairs()
    ]
    assert len(routes) == 200
    tables = Router(routes)._index.site.tables
    probes = [len(tables.near(path(segments).split("/"))) for _, segments in pairs()]
    assert max(probes) <= 5


def test_ten_thousand_routes_share_their_source() -> None:
    router = Router([Route(f"/res{at}/<id>", app) for at in range(10_000)])
    for at in range(0, 10_000, 997):
        found = router.match("GET", f"/res{at}/x")
        assert found is not None and found[1] == {"id": "x"}
    tables = router._index.site.tables
    assert len(tables._plans) == 1 and len(tables._shapes) == 1
