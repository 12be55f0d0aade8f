"""Which route wins: rank, methods, hosts; the order of routes never; both forms the same."""

from __future__ import annotations

import io
import keyword
import tokenize
from itertools import permutations, product
from random import Random
from typing import Any

import pytest

from tests.routing_apps import App
from wsgimw import Host, Include, Mount, Redirect, Route, Router
from wsgimw.routing.compiled import source
from wsgimw.routing.index import host_labels
from wsgimw.routing.matcher import Shape
from wsgimw.routing.patterns import Item

app = App("app")


def winner(patterns: list[str], path: str, **options: Any) -> str | None:
    """Return the pattern that wins, whatever the order of registration and in both forms."""
    answers = set()
    orders = list(permutations(patterns)) if len(patterns) < 4 else [patterns, patterns[::-1]]
    for order in orders:
        for compiled in (True, False):
            items: list[Item] = [
                Mount(pattern[1:], app) if pattern[0] == "M" else Route(pattern, app)
                for pattern in order
            ]
            found = Router(items, compiled=compiled, **options).match("GET", path)
            item = found[0] if found else None
            answers.add(
                None
                if item is None
                else "redirect"
                if isinstance(item, Redirect)
                else ("M" if isinstance(item, Mount) else "") + item.pattern  # type: ignore[union-attr]
            )
    (answer,) = answers
    return answer


class Weighed:
    regex = ".*"

    def __init__(self, map: Any, weight: float = 100) -> None:
        self.weight = weight

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


@pytest.mark.parametrize(
    ("better", "worse", "path"),
    [
        ("/me", "/<x>", "/me"),
        ("/me", "/m<x>", "/me"),
        ("/me", '/<any("me"):x>', "/me"),
        ("/v<int:n>", "/<x>", "/v1"),
        ("/ver<x>", "/v<x>", "/ver1"),
        ("/ab<x>", "/a<x>", "/abc"),
        ("/a<x>", "/<x>a<y>", "/aaa"),
        ("/a<int:x>", "/a<x>", "/a1"),
        ("/a<int(min=1):x>", "/a<int:x>", "/a1"),
        ("/<x>.y", '/<any("x.y"):x>', "/x.y"),
        ('/<any("1"):x>', "/<int:x>", "/1"),
        ("/<int:x>", "/<c:x>", "/1"),
        ("/<float:x>", "/<c:x>", "/1.5"),
        ("/<uuid:x>", "/<c:x>", "/12345678-1234-1234-1234-123456789abc"),
        ("/<c(50):x>", "/<c(70):x>", "/a"),
        ("/<c:x>", "/<x>", "/a"),
        ("/<int(min=5):x>", "/<int:x>", "/7"),
        ("/<string(length=1):x>", "/<x>", "/a"),
        ("/<x>", "/<path:x>", "/a"),
        ("/<x>", "M/", "/a"),
        ("/<path:x>", "M/", "/a"),
        ("/<many:x>", "/<path:x>", "/a"),
        ("/a/<x>", "/<x>/b", "/a/b"),
        ("/<int:x>/<y>", "/<x>/<int:y>", "/1/1"),
        ("/a/<path:x>", "/<y>/b", "/a/b"),
        ("/a/b", "/a/<path:x>", "/a/b"),
        ("/<path:x>/b", "/<path:x>", "/a/b"),
        ("/<path:x>/<y>/<z>", "/<path:x>/c", "/a/b/c"),
        ("/<path:x>/c", "/<path:x>/<y>", "/a/c"),
        ("/<path:x>/c/<y>", "/<many:x>/<y>", "/a/c/d"),
        ("/<path:x>/", "/<path:x>", "/a/"),
        ("M/a/b", "M/a", "/a/b/c"),
        ("M/a", "M/", "/a/b"),
        ("M/a/<x>", "M/a", "/a/b"),
        ("M/a", "M/<x>", "/a/b"),
        ("/a", "M/a", "/a"),
        ("/a/", "M/a", "/a/"),
        ("/a/<path:x>", "M/a", "/a/b"),
        ("M/a/b", "/a/<path:x>", "/a/b/c"),
        ("M/<x>", "/<path:x>", "/a/b"),
        ("/<x>/b/<z>/d", "/<x>/<y>/c/d", "/a/b/c/d"),
    ],
)
def test_the_more_specific_one_wins(better: str, worse: str, path: str) -> None:
    class Many(Weighed):
        part_isolating = False

    converters = {"c": Weighed, "many": Many}
    assert winner([worse, better], path, converters=converters) == better
    assert winner([worse], path, converters=converters) == worse


@pytest.mark.parametrize(
    ("patterns", "path", "expected"),
    [
        (["/<int(min=5):x>", "/<x>"], "/3", "/<x>"),
        (["/a/<int:x>", "/<y>/b"], "/a/b", "/<y>/b"),
        (["/a/x", "/<y>/b"], "/a/b", "/<y>/b"),
        (["/a/<x>/c", "/<x>/<path:y>"], "/a/b/d", "/<x>/<path:y>"),
        (["M/a/b", "M/a"], "/a/bc", "M/a"),
        (["M/foo"], "/foobar", None),
        (["M/foo"], "/foo", "M/foo"),
        (["M/foo/"], "/foo/x", "M/foo/"),
        (["M/"], "/", "M/"),
        (["/me/", "/<x>"], "/me", "redirect"),
        (["/<int:x>/", "/<x>"], "/5", "redirect"),
        (["/<int:x>", "/<x>/"], "/5", "/<int:x>"),
        (["/<x>/"], "/a/b", None),
        (["/<path:x>/"], "/a/b", "redirect"),
        (["/<path:x>/e/"], "/a/b/e", "redirect"),
        (["/a"], "/a/", None),
    ],
)
def test_no_failure_hides_another_route(
    patterns: list[str], path: str, expected: str | None
) -> None:
    assert winner(patterns, path) == expected


@pytest.mark.parametrize(
    ("slashes", "path", "expected"),
    [
        ("redirect", "/d", "redirect"),
        ("redirect", "/f/", None),
        ("strict", "/d", None),
        ("strict", "/f/", None),
        ("ignore", "/d", "/d/"),
        ("ignore", "/f/", "/f"),
        ("ignore", "/d/", "/d/"),
        ("ignore", "/p/a/b", "/p/<path:x>/"),
        ("ignore", "/q/a/", "/q/<path:x>"),
        ("ignore", "/f//", None),
    ],
)
def test_slashes(slashes: str, path: str, expected: str | None) -> None:
    patterns = ["/d/", "/f", "/p/<path:x>/", "/q/<path:x>"]
    assert winner(patterns, path, slashes=slashes) == expected


def test_a_slash_redirect_comes_back_as_a_redirect() -> None:
    router = Router([Route("/u/<int:id>/<a>-<b>/", app, methods=["POST"])])
    found = router.match("POST", "/u/7/x-y")
    assert found == (
        Redirect("/u/<int:id>/<a>-<b>", "/u/<id>/<a>-<b>/", methods=["POST"]),
        {"id": 7, "a": "x", "b": "y"},
    )
    assert router.match("GET", "/u/7/x-y") is None
    odd = Router([Route("/a?>%/<x>/", app)]).match("GET", "/a?>%/b")
    assert odd is not None and odd[0] == Redirect("/a?>%/<x>", "/a%3F%3E%25/<x>/")


METHODS = [
    Route("/r", App("get"), methods=["GET"]),
    Route("/r", App("post"), methods=["POST"]),
    Route("/r", App("any")),
    Route("/<x>", App("delete"), methods=["DELETE"]),
]


@pytest.mark.parametrize(
    ("routes", "method", "expected"),
    [
        ([0, 1, 2], "GET", "get"),
        ([0, 1, 2], "HEAD", "get"),
        ([0, 1, 2], "POST", "post"),
        ([0, 1, 2], "PUT", "any"),
        ([0, 1], "PUT", None),
        ([0, 1, 3], "DELETE", "delete"),
        ([0, 1, 2, 3], "DELETE", "any"),
        ([0, 1], "get", None),
        ([2], "get", "any"),
        ([2], "", "any"),
    ],
)
def test_methods(routes: list[int], method: str, expected: str | None) -> None:
    for order in permutations(routes):
        for compiled in (True, False):
            router = Router([METHODS[at] for at in order], compiled=compiled)
            found = router.match(method, "/r")
            assert (found and str(found[0].app)) == expected  # type: ignore[union-attr]


def test_an_explicit_head_beats_the_one_of_get() -> None:
    get, head, every = (
        Route("/r", app, methods=["GET"]),
        Route("/r", app, methods=["HEAD"]),
        Route("/r", app),
    )
    for order in permutations([get, head, every]):
        router = Router(order)
        assert router.match("HEAD", "/r") == (head, {})
        assert router.match("GET", "/r") == (get, {})
    assert Router([every, get]).match("HEAD", "/r") == (get, {})


def test_a_real_route_beats_a_slash_redirect_for_its_methods() -> None:
    short = Route("/a", app, methods=["GET"])
    for routes in permutations([short, Route("/a/", app)]):
        router = Router(routes)
        assert router.match("GET", "/a") == (short, {})
        assert router.match("HEAD", "/a") == (short, {})
        assert isinstance(router.match("POST", "/a")[0], Redirect)  # type: ignore[index]
    every = Route("/a", app)
    for routes in permutations([every, Route("/a/", app, methods=["GET"])]):
        assert Router(routes).match("GET", "/a") == (every, {})


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/r", "DELETE GET HEAD OPTIONS POST"),
        ("/other", "DELETE OPTIONS"),
        ("/n/1", "OPTIONS PUT"),
        ("/n/x", ""),
        ("/spa/deep", ""),
        ("/files/x", "GET HEAD OPTIONS"),
        ("/dir/", "OPTIONS PATCH"),
        ("/dir", "DELETE OPTIONS"),
        ("/any/x", ""),
        ("/red/x", "OPTIONS POST"),
        ("/mount/x", ""),
        ("nothing", ""),
        ("", ""),
        ("/\ud800", ""),
    ],
)
def test_allowed(path: str, allowed: str) -> None:
    router = Router(
        [
            *METHODS,
            Route("/n/<int:x>", app, methods=["PUT"]),
            Route("/<path:p>", app, methods=["GET"]),
            Route("/files/<path:p>", app, methods=["GET"]),
            Route("/dir/", app, methods=["PATCH"]),
            Route("/any/<x>", app),
            Redirect("/red/<x>", "/r", methods=["POST"]),
            Mount("/mount", app),
        ]
    )
    assert router.allowed(path) == frozenset(allowed.split())


HOSTS = [
    Host("www.example.com", [Route("/", App("www"))]),
    Host("<tenant>.example.com", [Route("/", App("tenant")), Route("/x/<y>", App("x"))]),
    Host("<int:n>.example.com", [Route("/", App("number"))]),
    Host("api-<v>.example.com", [Route("/", App("mixed"))]),
    Host("<a>.<b>.com", [Route("/deep", App("deep")), Route("/", App("two"))]),
    Host("[::1]", [Route("/", App("six"))]),
    Host("Only.Example.ORG.", [Include("/i", [Route("/", App("included"))])]),
    Route("/", App("none")),
    Route("/everywhere", App("everywhere"), methods=["GET"]),
    Host("<a>.example.net", [Route("/everywhere", App("net"), methods=["POST"])]),
]


@pytest.mark.parametrize(
    ("host", "path", "expected", "params"),
    [
        ("www.example.com", "/", "www", {}),
        ("WWW.Example.Com:8080", "/", "www", {}),
        ("www.example.com.", "/", "www", {}),
        ("www.example.com.:80", "/", "www", {}),
        ("shop.example.com", "/", "tenant", {"tenant": "shop"}),
        ("Shop.example.com", "/x/Y", "x", {"tenant": "shop", "y": "Y"}),
        ("7.example.com", "/", "number", {"n": 7}),
        ("api-2.example.com", "/", "mixed", {"v": "2"}),
        ("www.example.com", "/deep", "deep", {"a": "www", "b": "example"}),
        ("a.other.com", "/", "two", {"a": "a", "b": "other"}),
        ("a.b.example.com", "/", "none", {}),
        ("example.com", "/", "none", {}),
        (".example.com", "/", "none", {}),
        ("[::1]", "/", "six", {}),
        ("[::1]:8080", "/", "six", {}),
        ("only.example.org", "/i/", "included", {}),
        ("www.example.com", "/everywhere", "everywhere", {}),
        ("a.example.net", "/everywhere", "everywhere", {}),
        ("", "/", "none", {}),
        ("é.example.com", "/", "none", {}),
        ("a b", "/", "none", {}),
        ("a..b", "/", "none", {}),
        ("www.example.com:x", "/", "none", {}),
        ("[::1", "/", "none", {}),
        ("[::1]x", "/", "none", {}),
        ("[x]", "/", "none", {}),
        ("www.example.com@evil", "/", "none", {}),
        ("a" * 300 + ".example.com", "/", "none", {}),
    ],
)
def test_hosts(host: str, path: str, expected: str, params: Any) -> None:
    for routes, compiled in product((HOSTS, HOSTS[::-1]), (True, False)):
        found = Router(routes, compiled=compiled).match("GET", path, host)
        assert found is not None
        assert (str(found[0].app), found[1]) == (expected, params)  # type: ignore[union-attr]


def test_methods_of_all_hosts_are_united() -> None:
    assert Router(HOSTS).allowed("/everywhere", "a.example.net") == {
        "GET",
        "HEAD",
        "OPTIONS",
        "POST",
    }


def test_host_labels() -> None:
    assert host_labels("") is None
    assert host_labels("a" * 253) == ["a" * 253]
    assert host_labels("a" * 254) is None
    assert host_labels("[fe80::1.2.3.4]") == ["[fe80::1.2.3.4]"]
    assert host_labels("x_y.z-") == ["z-", "x_y"]


@pytest.mark.parametrize(
    ("path", "pattern", "params"),
    [
        ("/api", "", {}),
        ("/api/", "/", {}),
        ("/api/items/7", "/items/<int:id>", {"id": 7}),
        ("/api/v2/x/y", "/x/<z>", {"v": 2, "z": "y"}),
        ("/api/m/x", "/m", {}),
        ("/root", "/root", {}),
    ],
)
def test_includes_are_flat(path: str, pattern: str, params: Any) -> None:
    router = Router(
        [
            Include(
                "/api/",
                [
                    Route("", app),
                    Route("/", app),
                    Route("/items/<int:id>", app),
                    Include("/v<int:v>", [Include("", [Route("/x/<z>", app)])]),
                    Mount("/m", app),
                ],
            ),
            Include("/", [Route("/root", app)]),
        ]
    )
    found = router.match("GET", path)
    assert found is not None
    assert (found[0].pattern, found[1]) == (pattern, params)  # type: ignore[union-attr]


def test_lone_surrogates_bind_nothing() -> None:
    router = Router([Route("/<x>", app), Mount("/m", app), Route("/<path:p>", app)])
    assert router.match("GET", "/\ud800") is None
    assert router.match("GET", "/a\udfff/b") is None
    assert router.match("GET", "/m/\ud800") == (Mount("/m", app), {})
    assert router.match("GET", "/é") == (Route("/<x>", app), {"x": "é"})


@pytest.mark.parametrize("path", ["", "*", "a", "a/b", "x:/y"])
def test_paths_without_a_slash_in_front(path: str) -> None:
    routes = [Route("/<path:p>", app), Route("/a/b", app), Route("/<x>", app)]
    assert Router(routes).match("GET", path) is None
    assert Router([Route("/", app)]).match("GET", path) is None or path == ""


def test_the_params_are_a_new_dict_each_time() -> None:
    router = Router([Route("/a", app), Route("/<x>", app), Mount("/m", app)])
    for path in ("/a", "/b", "/m/x"):
        first, second = router.match("GET", path), router.match("GET", path)
        assert first is not None and second is not None
        assert first[1] == second[1] and first[1] is not second[1]


# Everything at once, for the two forms and for shuffles.
EVERYTHING = [
    "",
    "a",
    "b",
    "1",
    "é",
    "<{}>",
    "<int:{}>",
    "<int(min=5):{}>",
    "<float:{}>",
    "<uuid:{}>",
    "<any(a, '1'):{}>",
    "<any(b, '1'):{}>",
    "<string(length=1):{}>",
    "<c:{}>",
    "<c(50):{}>",
    "v<int:{}>",
    "<{}>.<{}>",
    "<{}>-<{}>-<{}>",
    "<path:{}>",
    "<many:{}>",
]
PATHS = ["a", "b", "1", "7", "é", "1.5", "v1", "x.y", "1-2-3", "zz", "", "\n", "\ud800", "a\0"]


def a_router_table(random: Random) -> list[Item]:
    """Return routes, mounts, redirects, includes and hosts that can stand together."""

    class Many(Weighed):
        part_isolating = False

    items: list[Item] = []
    while len(items) < random.randint(3, 14):
        names = iter("abcdefghijklmnop")
        segments = [
            text.format(*[next(names) for _ in range(text.count("{}"))])
            for text in random.choices(EVERYTHING, k=random.randint(1, 3))
        ]
        pattern = "/" + "/".join(segments)
        methods = random.choice([None, None, ["GET"], ["POST"], ["GET", "PUT"]])
        route = Route(pattern, app, methods=methods)
        item: Item = random.choice(
            [
                route,
                route,
                Mount(pattern, app),
                Redirect(pattern, "/x", methods=methods),
                Include("/a", [route]),
                Host("<h>.x", [route]),
            ]
        )
        try:
            Router([*items, item], converters={"c": Weighed, "many": Many})
        except ValueError:
            continue
        items.append(item)
    return items


def same_answers(seed: int, tables: int, lookups: int) -> int:
    """Ask both forms, and both shuffled, for random paths; return how many found something."""

    class Many(Weighed):
        part_isolating = False

    random = Random(seed)
    hits = 0
    for _ in range(tables):
        items = a_router_table(random)
        options: dict[str, Any] = {
            "converters": {"c": Weighed, "many": Many},
            "slashes": random.choice(["redirect", "redirect", "strict", "ignore"]),
        }
        shuffled = random.sample(items, len(items))
        routers = [
            Router(routes, compiled=compiled, **options)
            for routes in (items, shuffled)
            for compiled in (True, False)
        ]
        for _ in range(lookups):
            path = "/" + "/".join(random.choices(PATHS, k=random.randint(1, 4)))
            method = random.choice(["GET", "POST", "HEAD", "PUT"])
            host = random.choice(["", "a.x", "b.y"])
            answers = [
                (router.match(method, path, host), router.allowed(path, host)) for router in routers
            ]
            assert all(answer == answers[0] for answer in answers), (items, method, path, host)
            hits += answers[0][0] is not None
    return hits


def test_shuffles_and_both_forms_give_the_same() -> None:
    """Law: neither the order of routes nor the form of the search changes an answer."""
    assert same_answers(31, tables=120, lookups=40) > 800


@pytest.mark.slow
@pytest.mark.unmeasured
def test_shuffles_and_both_forms_give_the_same_at_length() -> None:
    """The same law on 60,000 look-ups."""
    assert same_answers(32, tables=1000, lookups=60) > 10_000


WORDS = {"def", "make", "find", "return", "if", "is", "not", "and", "or", "else", "in", "None"}
NAMES = {"int", "len", "isdigit", "isascii", "get", "names", "join", "item", "r", "m", "s", "x"}


def test_no_text_of_a_route_enters_the_source() -> None:
    random = Random(7)
    seen = set()
    for _ in range(150):
        items = a_router_table(random)
        router = Router(
            [item for item in items if isinstance(item, Route)],
            converters={"c": Weighed, "many": Weighed},
        )
        tables = router._index.site.tables
        for first, size in product([None, *[f for f in tables.parts if f]], range(tables.top + 1)):
            shapes = tuple(shape for shape, _ in tables.plan(first, size))
            simple = [shape for shape in shapes if is_written(shape)]
            seen.add(source(tuple(simple), size, size == tables.top, random.random() < 0.5))
    assert len(seen) > 50
    for text in seen:
        compile(text, "source", "exec")
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NAME:
                known = token.string in WORDS | NAMES or token.string in ("c", "e")
                assert known or (token.string[0] in "stkvn" and token.string[1:].isdigit())
                assert not keyword.iskeyword(token.string) or token.string in WORDS
            elif token.type == tokenize.NUMBER:
                assert token.string.isdigit()
            elif token.type == tokenize.STRING:
                assert token.string == '"/"'


def is_written(shape: Shape) -> bool:
    return all(kind.word != "x" and not (kind.many and shape.after) for _, kind in shape.params)


def test_nothing_grows_with_traffic() -> None:
    router = Router(
        [Route(f"/r{at}/<x>", app) for at in range(20)]
        + [Route("/<path:p>/end", app), Mount("/m", app), Route("/<a>/<b>", app)]
    )

    def sizes() -> tuple[int, int, int]:
        tables = router._index.site.tables
        return (
            len(tables._plans),
            sum(len(part) for part in tables.parts.values()),
            len(tables.static),
        )

    random = Random(3)
    for at in range(21):
        for size in range(1, 12):
            router.match("GET", f"/r{at}" + "/x" * size)
            router.match("GET", "/other" * size)
            router.match("GET", "/m" * size)
    before = sizes()
    for _ in range(3000):
        segments = [str(random.random()) for _ in range(random.randint(1, 30))]
        router.match(random.choice(["GET", "X", "Y"]), "/" + "/".join(segments))
    assert sizes() == before


def test_more_shapes_than_are_written_use_the_loop() -> None:
    kinds = ["<int:{}>", "<{}>"]
    routes = [
        Route("/" + "/".join(k.format(f"p{at}") for at, k in enumerate(choice)) + "/end", app)
        for choice in product(kinds, repeat=9)
    ]
    router = Router(routes)
    assert router.match("GET", "/1" * 9 + "/end")[1] == {f"p{at}": 1 for at in range(9)}  # type: ignore[index]
    assert router.match("GET", "/x" * 9 + "/end")[1] == {f"p{at}": "x" for at in range(9)}  # type: ignore[index]
    assert router.match("GET", "/x" * 9 + "/no") is None
