"""The conformance kit on every layer: alone, six deep, and in every ordered pair."""

from __future__ import annotations

from itertools import product

import pytest

from tests.layers import Row, rows
from wsgimw import compose
from wsgimw.testing import check_middleware

ROWS = rows()
GZIP = {"HTTP_ACCEPT_ENCODING": "gzip"}
REQUESTS = [pytest.param({}, id="plain"), pytest.param(GZIP, id="gzip")]
# Of the forms in which a layer can be written four stand for all, beside layers that exist.
FORMS = {"no-hooks", "request-hook", "head-hook", "generator-head", "generator-aside", "unless"}
PAIRS = [pair for pair in product(ROWS, ROWS) if not FORMS & {row.name for row in pair}]
READS_IT = {"Gzip", "Compress", "StaticFiles"}  # who looks at Accept-Encoding


@pytest.mark.unmeasured
@pytest.mark.parametrize("environ", REQUESTS)
@pytest.mark.parametrize("depth", [pytest.param(1, id="alone"), pytest.param(6, id="six-deep")])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_layer_keeps_every_rule(row: Row, depth: int, environ: dict[str, str]) -> None:
    stack = compose(*[row.layer] * depth)
    assert check_middleware(stack, skip=row.skip, environ=environ)


@pytest.mark.slow
@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("outer", "inner", "environ"),
    [
        pytest.param(outer, inner, environ, id=f"{outer.name}>{inner.name}-{name}")
        for outer, inner in PAIRS
        for name, environ in (("plain", {}), ("gzip", GZIP))
        if name == "plain" or {outer.name, inner.name} & READS_IT
    ],
)
def test_a_pair_keeps_every_rule(outer: Row, inner: Row, environ: dict[str, str]) -> None:
    stack = compose(outer.layer, inner.layer)
    assert check_middleware(stack, skip={*outer.skip, *inner.skip}, environ=environ)


def test_the_whole_road_keeps_every_rule() -> None:
    stack = compose(*(row.layer for row in ROWS))
    skip = {rule for row in ROWS for rule in row.skip}
    assert check_middleware(stack, skip=skip, environ=GZIP)
