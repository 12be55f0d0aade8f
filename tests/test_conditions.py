"""Which layers one request can meet."""

from __future__ import annotations

import pytest

from wsgimw.devtools.conditions import Condition, opposite, relation, starts_with, under

Conditions = tuple[Condition, ...]

a, b, a_x = under("/a"), under("/b"), under("/a/x")
f, g = Condition(True, len), Condition(True, print)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param((), (), "meet", id="none"),
        pytest.param((a,), (), "meet", id="one has none"),
        pytest.param((a,), (a,), "meet", id="the same"),
        pytest.param((a,), (b,), "apart", id="other prefixes"),
        pytest.param((a,), (a_x,), "meet", id="one prefix in the other"),
        pytest.param((under("/A"),), (a_x,), "meet", id="case is folded"),
        pytest.param((under("/"),), (a,), "meet", id="the root is everything"),
        pytest.param((a,), (under("/ab"),), "apart", id="prefixes end on a segment"),
        pytest.param((a,), (opposite(a),), "apart", id="when and unless"),
        pytest.param((a,), (opposite(a_x),), "meet", id="exempted below"),
        pytest.param((a_x,), (opposite(a),), "apart", id="exempted above"),
        pytest.param((opposite(a),), (opposite(b),), "meet", id="two exemptions"),
        pytest.param((f,), (f,), "meet", id="one function"),
        pytest.param((f,), (opposite(f),), "apart", id="a function and its opposite"),
        pytest.param((f,), (g,), "unknown", id="two functions"),
        pytest.param((f,), (a,), "unknown", id="a function and a prefix"),
        pytest.param((f, a), (g, b), "apart", id="apart for certain"),
        pytest.param((a, f), (a,), "meet", id="what both have does not count"),
        pytest.param((under(None),), (a,), "unknown", id="a prefix that nobody knows"),
    ],
)
def test_relation(one: Conditions, other: Conditions, expected: str) -> None:
    assert relation(one, other) == expected
    assert relation(other, one) == expected


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("/api/x", "/api", True),
        ("/api", "/api/", True),
        ("/API/x", "/api", True),
        ("/apix", "/api", False),
        ("/t/ada/x", "/t/<tenant>", True),
        ("/t", "/t/<tenant>", False),
        ("/x", "/", True),
    ],
)
def test_starts_with(path: str, pattern: str, expected: bool) -> None:
    assert starts_with(path, pattern) is expected
