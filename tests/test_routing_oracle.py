"""Router beside werkzeug's Map: tens of thousands of look-ups, and each intended difference.

The oracle gets the routes in our order of rank, as it settles what it takes for ties by the order
of registration (werkzeug#3156). Where a rule here says otherwise, the oracle is told so, one
difference at a time; then not one answer may differ, parameters and `Allow` included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

import pytest
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, RequestRedirect, Rule

from wsgimw import Redirect, Route, Router
from wsgimw.routing.patterns import Parser, parse_arguments

Answer = tuple[Any, ...]


def app(environ: Any, start_response: Any) -> Any:
    raise AssertionError("no app is called here")


STATIC = ["a", "b", "c", "me", "1", "é", "x.y", "v1", "1-2", "a b"]
SINGLE = [
    "<int:{}>",
    "<{}>",
    "<string:{}>",
    "<float:{}>",
    "<any(a, me, 'x.y'):{}>",
    "<string(length=2):{}>",
    "<string(minlength=2, maxlength=3):{}>",
    "<uuid:{}>",
    "<int(signed=True):{}>",
    "<float(signed=True):{}>",
]
MIXED = [
    "ver-<{}>",
    "ver-<int:{}>",
    "@@<{}>",
    "<{}>.<{}>",
    "<int:{}>-<int:{}>",
    "<{}>-<{}>",
    "v<int:{}>.<int:{}>",
    "<{}>.tar.<{}>",
]
TEXTS = [
    *STATIC,
    "7",
    "007",
    "-5",
    "1.5",
    "-1.5",
    ".5",
    "1e5",
    "nan",
    "ver-x",
    "ver-3",
    "@@joe",
    "a.b",
    "a.tar.gz",
    "a.b.tar.gz.c",
    "1-2-3",
    "v1.2",
    "v1.2.3",
    "-",
    ".",
    "a.",
    ".a",
    "a..b",
    "zzz",
    "ab",
    "%",
    "a%2Fb",
    "12345678-1234-1234-1234-123456789ABC",
    "12345678-1234-1234-1234-12345678",
]
METHODS = [None, None, ("GET",), ("GET",), ("POST",), ("GET", "POST"), ("PUT", "DELETE"), ("HEAD",)]
ASKED = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]


def a_pattern(random: Random, *, tail: bool = True) -> str:
    """Return a pattern of one to four segments, perhaps with a catch-all or a slash at its end."""
    names = iter("pqrstuvwxyz")
    segments = []
    for _ in range(random.randint(1, 4)):
        kind = random.random()
        text = random.choice(STATIC if kind < 0.5 else SINGLE if kind < 0.85 else MIXED)
        segments.append(text.format(*[next(names) for _ in range(text.count("{}"))]))
    end = random.random()
    if tail and end < 0.12:
        segments.append("<path:rest>")
    if end < 0.3 or end > 0.95:
        segments.append("")
    if random.random() < 0.03:
        segments = ["<path:rest>"]
    if random.random() < 0.03:
        segments = [""]
    return "/" + "/".join(segments)


def a_table(random: Random, count: int, pattern: Callable[[Random], str]) -> list[Route]:
    """Return routes that do not conflict, in an order without meaning."""
    routes: list[Route] = []
    while len(routes) < count:
        route = Route(pattern(random), app, methods=random.choice(METHODS))
        try:
            Router([*routes, route])
        except ValueError:
            continue
        routes.append(route)
    return routes


def a_path(random: Random, routes: Sequence[Route]) -> str:
    """Return a path that is likely to fit some route, or to miss one by a little."""
    segments = random.choice(routes).pattern[1:].split("/")
    texts = [
        text if "<" not in text and random.random() < 0.8 else random.choice(TEXTS)
        for text in segments
        if text or random.random() < 0.5
    ]
    change = random.random()
    if change < 0.1:
        texts.append(random.choice(["", "a", "7"]))
    elif change < 0.15 and len(texts) > 1:
        texts.pop()
    elif change < 0.18 and texts:
        texts.insert(random.randint(1, len(texts)), "")
    if "<path" in segments[-1] and random.random() < 0.5:
        texts += random.choices(TEXTS, k=random.randint(1, 3))
    path = "/" + "/".join(texts).lstrip("/")
    # Runs of slashes at either end: another test.
    return path.rstrip("/") + "/" if path.endswith("//") else path


def ranked(routes: Iterable[Route]) -> list[Route]:
    """Sort routes as our tables rank them: what an order of registration has to say to ties."""
    index = Router(list(routes))._index
    order: dict[int, Any] = {}
    for entry in index.entries:
        kinds = [(0,) if isinstance(one, str) else one.kind.rank for one in entry.segments]
        explicit = entry.explicit
        order[id(entry.item)] = (kinds, explicit is None, "HEAD" not in (explicit or ()))
    return sorted(routes, key=lambda route: order[id(route)])


def a_map(routes: Sequence[Route], **options: Any) -> Map:
    """Return werkzeug's Map of these routes, which settles ties as we do."""
    rules = [Rule(route.pattern, methods=route.methods, endpoint=route) for route in ranked(routes)]
    return Map(rules, merge_slashes=False, **options)


def theirs(map_: Map, method: str, path: str) -> Answer:
    try:
        endpoint, found = map_.bind("example.org").match(path, method)
    except RequestRedirect:
        return ("redirect",)
    except MethodNotAllowed as error:
        return ("method", frozenset(error.valid_methods or ()) - {"OPTIONS"})
    except NotFound:
        return ("none",)
    return ("found", endpoint.pattern, endpoint.methods, dict(found))


def ours(router: Router, method: str, path: str) -> Answer:
    found = router.match(method, path)
    if found is not None:
        item, values = found
        if isinstance(item, Redirect):
            return ("redirect",)
        assert isinstance(item, Route)
        return ("found", item.pattern, item.methods, values)
    allowed = router.allowed(path)
    return ("method", allowed - {"OPTIONS"}) if allowed else ("none",)


def is_quiet(route: Route) -> bool:
    return route.pattern == "/<path:rest>"


def takes(route: Route, method: str) -> bool:
    methods = route.methods
    return (
        methods is None or method in methods or (method == "HEAD" and "GET" in methods)
    )


def quiet_is_dumb(routes: Sequence[Route], method: str) -> list[Route]:
    """Leave out the quiet catch-all where it would only be evidence: an intended difference."""
    return [route for route in routes if not is_quiet(route) or takes(route, method)]


def compare(seed: int, tables: int, lookups: int, **options: Any) -> int:
    """Compare so many look-ups, in both forms of the router and a shuffled one; return how many."""
    random = Random(seed)
    done = 0
    for _ in range(tables):
        routes = a_table(random, random.randint(2, 12), a_pattern)
        shuffled = random.sample(routes, len(routes))
        routers = [
            Router(routes, **options),
            Router(routes, compiled=False, **options),
            Router(shuffled, **options),
        ]
        strict = options.get("slashes", "redirect") != "ignore"
        maps = {}
        for method in ASKED:
            left = quiet_is_dumb(routes, method)
            key = len(left) == len(routes) or method
            if key not in maps:
                maps[key] = a_map(left, strict_slashes=strict)
        for _ in range(lookups):
            method, path = random.choice(ASKED), a_path(random, routes)
            key = len(quiet_is_dumb(routes, method)) == len(routes) or method
            expected = theirs(maps[key], method, path)
            for router in routers:
                answer = ours(router, method, path)
                if not strict and {answer[0], expected[0]} <= {"method", "none"}:
                    continue
                assert answer == expected, (method, path, [route.pattern for route in routes])
            done += 1
    return done


def test_no_answer_differs() -> None:
    """Law: on 50,000 look-ups both routers give the same route, parameters and methods."""
    assert compare(20_240, tables=500, lookups=100) == 50_000


def test_slashes_ignored() -> None:
    compare(77, tables=100, lookups=60, slashes="ignore")
