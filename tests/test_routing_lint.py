"""check() and explain(): witnesses that hold, winners that win, near misses in order."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.routing_apps import App
from tests.test_routing_match import Weighed, a_router_table
from wsgimw import Host, Include, Mount, Redirect, Route, Router
from wsgimw.routing import Explanation, Finding, Near

app = App("app")


def routes(*patterns: str) -> list[Any]:
    return [Mount(text[1:], app) if text[0] == "M" else Route(text, app) for text in patterns]


def named(item: Any) -> str:
    return ("M" if isinstance(item, Mount) else "") + str(item.pattern)


@pytest.mark.parametrize(
    ("patterns", "kind", "witness", "winner"),
    [
        (["/<x>/b", "/a/<y>"], "ambiguous", "/a/b", "/a/<y>"),
        (["/<int:x>/<y>", "/<x>/<int:y>"], "ambiguous", "/1/1", "/<int:x>/<y>"),
        (["/<x>/b/<y>/d", "/<x>/<z>/c/d"], "ambiguous", "/x/b/c/d", "/<x>/b/<y>/d"),
        (["/<path:p>/edit", "/a/<x>"], "ambiguous", "/a/edit", "/a/<x>"),
        (["/a/<path:p>", "/<path:p>/z"], "ambiguous", "/a/z", "/a/<path:p>"),
        (["M/<x>/b", "/a/<y>"], "ambiguous", "/a/b", "/a/<y>"),
        (["M/<x>/b", "M/a/<y>"], "ambiguous", "/a/b", "M/a/<y>"),
        (["/<x>/b", "/a<y>/<z>"], "ambiguous", "/ax/b", "/a<y>/<z>"),
        (["/<int(min=5):x>", "/<int(max=9):y>"], "tie", "/9", "/<int(max=9):y>"),
        (["/<any(a,b):x>", "/<any(b,c):y>"], "tie", "/b", "/<any(a,b):x>"),
        (["/a<x>", "/<x>b"], "tie", "/axxb", "/<x>b"),
        (["/<string(length=2):x>", "/<string(2,5):x>"], "tie", "/xx", "/<string(length=2):x>"),
        (["/<c:x>", "/<d:x>"], "tie", "/x", "/<c:x>"),
    ],
)
def test_findings(patterns: list[str], kind: str, witness: str, winner: str) -> None:
    converters = {"c": Weighed, "d": Weighed}
    for order in (patterns, patterns[::-1]):
        router = Router(routes(*order), converters=converters)
        (finding,) = router.check()
        assert isinstance(finding, Finding)
        assert (finding.kind, named(finding.winner)) == (kind, winner)
        assert finding.witness == witness
        assert [named(item) for item in finding.routes] == order
        for item in finding.routes:
            alone = Router([item], converters=converters).match("GET", finding.witness)
            assert alone is not None and alone[0] is item
        for text in (witness, *(text.removeprefix("M") for text in patterns)):
            assert text in finding.message


@pytest.mark.parametrize(
    "patterns",
    [
        [],
        ["/"],
        ["/users/me", "/users/<name>"],
        ["/<int:x>", "/<x>"],
        ["/<int(min=1):x>", "/<int:x>"],
        ["/a/<x>", "/b/<y>"],
        ["/a/<x>/c", "/<y>/b"],
        ["/<path:p>", "/a/<x>", "/a/b"],
        ["M/a", "/a/<x>", "M/", "M/a/b"],
        ["/<any(a):x>", "/<any(b):x>"],
        ["/<int(max=3):x>", "/<int(min=5):x>"],
        ["/v<x>", "/w<x>"],
        ["/<x>.a", "/<x>.b"],
        ["/<x>/b", "/a/<y>", "/a/b"],
        ["/<int:x>/b", "/a/<y>"],
        ["/<path:p>/a", "/<path:p>/b"],
    ],
)
def test_no_findings(patterns: list[str]) -> None:
    assert Router(routes(*patterns)).check() == ()


def test_only_a_common_method_counts() -> None:
    one, other = Route("/<x>/b", app, methods=["GET"]), Route("/a/<y>", app, methods=["POST"])
    assert Router([one, other]).check() == ()
    head = Route("/a/<y>", app, methods=["HEAD"])
    (finding,) = Router([one, head]).check()
    assert finding.winner is head


def test_findings_of_one_host_and_of_includes() -> None:
    pair = [Route("/<x>/b", app), Route("/a/<y>", app)]
    (hosted,) = Router([Host("h", pair), Host("i", pair[:1]), pair[1]]).check()
    assert hosted.routes == (pair[0], pair[1])
    (included,) = Router([Include("/i", pair)]).check()
    assert included.witness == "/i/a/b" and "'/i/a/<y>' wins" in included.message


def test_another_witness_is_looked_for() -> None:
    patterns = ["/<any(x,y,z):p>/<q>", "/<p>/<any(x,y,z):q>", "/x/x"]
    (finding,) = Router(routes(*patterns)).check()
    assert finding.witness != "/x/x" and named(finding.winner) == patterns[0]


def test_many_routes_are_checked_by_shape() -> None:
    patterns = [f"/r{at}/<x>" for at in range(3000)] + [f"/<y>/s{at}" for at in range(2)]
    findings = Router(routes(*patterns)).check()
    assert len(findings) == 6000


def test_every_finding_holds() -> None:
    """Law: both routes match the witness alone, and the winner gets it from the whole router."""
    random = Random(17)

    class Many(Weighed):
        part_isolating = False

    converters = {"c": Weighed, "many": Many}
    seen = 0
    for _ in range(150):
        items = [item for item in a_router_table(random) if not isinstance(item, Host | Include)]
        router = Router(items, converters=converters)
        for finding in router.check():
            seen += 1
            methods = ["GET", "HEAD", "POST", "PUT"]
            for item in finding.routes:
                alone = Router([item], converters=converters)
                found = [alone.match(method, finding.witness) for method in methods]
                assert any(one is not None and one[0] is item for one in found)
            won = [router.match(method, finding.witness) for method in methods]
            assert any(one is not None and one[0] is finding.winner for one in won)
    assert seen > 50


TABLE = [
    Route("/", app),
    Route("/users/<int:id>", app, methods=["GET"], name="user"),
    Route("/users/me", app),
    Route("/users/<int:id>/posts", app, methods=["POST"]),
    Route("/dir/", app),
    Route("/files/<path:p>", app),
    Route("/v<int:n>/x", app),
    Redirect("/old", "/users/me"),
    Mount("/admin", app),
    Host("api.example.org", [Route("/only", app)]),
]


@pytest.mark.parametrize(
    ("method", "path", "outcome", "pattern"),
    [
        ("GET", "/users/7", "found", "/users/<int:id>"),
        ("GET", "/admin/x", "found", "/admin"),
        ("GET", "/dir", "redirect", "/dir/"),
        ("GET", "/old", "redirect", "/old"),
        ("PUT", "/users/7", "method", ""),
        ("GET", "/users/x", "none", ""),
        ("GET", "", "redirect", "/"),
        ("GET", "x", "none", ""),
        ("GET", "/\ud800", "none", ""),
    ],
)
def test_explain(method: str, path: str, outcome: str, pattern: str) -> None:
    router = Router(TABLE)
    explanation = router.explain(method, path)
    assert isinstance(explanation, Explanation)
    found = router.match(method, path)
    assert explanation.outcome == outcome
    assert explanation.item == (found and found[0])
    assert explanation.params == (found[1] if found else {})
    assert explanation.allowed == router.allowed(path)
    page = str(explanation)
    assert pattern in page and f"{method} {path}" in page


@pytest.mark.parametrize(
    ("method", "path", "reasons"),
    [
        ("PUT", "/users/7", [("method", 0, "/users/<int:id>")]),
        ("GET", "/users/x", [("converter", 2, "/users/<int:id>")]),
        ("GET", "/users/mee", [("converter", 2, "/users/<int:id>"), ("static", 2, "/users/me")]),
        ("GET", "/user/7", [("static", 1, "/users/<int:id>")]),
        ("GET", "/users/7/", [("slash", 0, "/users/<int:id>")]),
        ("GET", "/users/7/posts", [("method", 0, "/users/<int:id>/posts")]),
        ("GET", "/users/7/posts/1/2/3", [("static", 1, "/files/<path:p>")]),
        ("GET", "/users", [("static", 1, "/old")]),
        ("GET", "/vx/x", [("converter", 1, "/v<int:n>/x")]),
        ("GET", "/files/", [("converter", 2, "/files/<path:p>")]),
        ("GET", "/admn/y", [("static", 1, "/admin")]),
        ("GET", "/only", []),
    ],
)
def test_near(method: str, path: str, reasons: list[tuple[str, int, str]]) -> None:
    near = Router(TABLE).explain(method, path).near
    got = [(one.reason, one.segment, one.pattern) for one in near]
    assert got[: len(reasons)] == reasons
    order = ["method", "slash", "converter", "static", "length"]
    assert [order.index(one.reason) for one in near] == sorted(
        order.index(one.reason) for one in near
    )
    assert all(str(one) in str(Router(TABLE).explain(method, path)) for one in near)


def test_a_path_of_another_length() -> None:
    router = Router([Route("/users/<int:id>", app), Route("/users/<int:id>/posts/<x>", app)])
    (near,) = router.explain("GET", "/users/7/posts").near[:1]
    assert (near.reason, near.pattern) == ("length", "/users/<int:id>")
    assert router.explain("GET", "/users").near[0].pattern == "/users/<int:id>"
    assert router.explain("GET", "/users/7/x").near[0].reason == "length"


def test_near_of_a_host() -> None:
    explanation = Router(TABLE).explain("GET", "/onl", "api.example.org")
    assert explanation.near[0].pattern == "/only"
    assert "api.example.org/onl" in str(explanation)


def test_at_most_ten_and_the_closest_first() -> None:
    router = Router(routes(*[f"/item{at}" for at in range(30)], "/itemx", "/zzz"))
    near = router.explain("GET", "/itemxx").near
    assert len(near) == 10
    assert near[0].pattern == "/itemx" and near[0] == Near(near[0].item, "static", 1, "/itemx")


def test_strict_slashes_are_explained() -> None:
    router = Router([Route("/dir/", app), Route("/file", app)], slashes="strict")
    assert router.explain("GET", "/dir").near[0].reason == "slash"
    assert router.explain("GET", "/file/").near[0].reason == "slash"


def test_an_explanation_is_never_an_error() -> None:
    random = Random(23)

    class Many(Weighed):
        part_isolating = False

    for _ in range(60):
        items = a_router_table(random)
        router = Router(items, converters={"c": Weighed, "many": Many})
        for _ in range(20):
            path = "/".join(random.choices(["", "a", "1", "é", "x.y", "\n"], k=4))
            explanation = router.explain("GET", path, random.choice(["", "a.x"]))
            assert str(explanation) and len(explanation.near) <= 10
