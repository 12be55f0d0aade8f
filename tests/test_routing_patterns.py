"""Items, patterns and converters: what is accepted, what it binds, and every message."""

from __future__ import annotations

import copy
import sys
from dataclasses import FrozenInstanceError, replace
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.routing import BaseConverter, IntegerConverter
from werkzeug.routing.rules import parse_converter_args

from tests.routing_apps import App
from wsgimw import Host, Include, Mount, Redirect, Route, Router, compose, not_found
from wsgimw.routing.converters import NO, builtin, mixed
from wsgimw.routing.patterns import Parser, parse_arguments

app = App("app")


class Slug(BaseConverter):
    """As a Flask user writes one."""

    regex = r"[a-z]+(-[a-z]+)*"
    weight = 90

    def to_python(self, value: str) -> tuple[str, ...]:
        return tuple(value.split("-"))

    def to_url(self, value: Any) -> str:
        return "-".join(value)


class Plain:
    """The protocol without werkzeug."""

    regex = "[0-9]{2}"

    def __init__(self, map: Any, base: int = 0) -> None:
        assert map is None
        self.base = base

    def to_python(self, value: str) -> int:
        if value == "99":
            raise ValueError("no")
        return int(value) + self.base

    def to_url(self, value: Any) -> str:
        return f"{value - self.base:02}"


def bound(pattern: str, path: str, **converters: Any) -> Any:
    """Return what the one pattern binds, or None."""
    found = Router([Route(pattern, app)], converters=converters).match("GET", path)
    return None if found is None or isinstance(found[0], Redirect) else found[1]


@pytest.mark.parametrize(
    ("pattern", "path", "params"),
    [
        ("/", "/", {}),
        ("/a/b", "/a/b", {}),
        ("/é", "/é", {}),
        ("/a b%", "/a b%", {}),
        ("/<x>", "/a", {"x": "a"}),
        ("/<x>", "/a/", None),
        ("/<x>", "/", None),
        ("/<x>", "/a\n", {"x": "a\n"}),
        ("/<x>", "/\0", {"x": "\0"}),
        ("/<x>", "/%2F", {"x": "%2F"}),
        ("/<x>/", "//", None),
        ("/<string:x>", "/a", {"x": "a"}),
        ("/<default:x>", "/a", {"x": "a"}),
        ("/<string(length=2):x>", "/éé", {"x": "éé"}),
        ("/<string(length=2):x>", "/ééé", None),
        ("/<string(2, 3):x>", "/a", None),
        ("/<string(2, 3):x>", "/abc", {"x": "abc"}),
        ("/<string(minlength=2):x>", "/" + "a" * 999, {"x": "a" * 999}),
        ("/<string(minlength=0):x>", "/", None),
        ("/<string(maxlength=1):x>", "/ab", None),
        ("/<int:x>", "/007", {"x": 7}),
        ("/<int:x>", "/+5", None),
        ("/<int:x>", "/-5", None),
        ("/<int:x>", "/1_0", None),
        ("/<int:x>", "/٣", None),
        ("/<int:x>", "/²", None),
        ("/<int:x>", "/ 1", None),
        ("/<int:x>", "/1\n", None),
        ("/<int:x>", "/" + "9" * 640, {"x": 10**640 - 1}),
        ("/<int:x>", "/" + "9" * 4300, {"x": 10**4300 - 1}),
        ("/<int:x>", "/" + "9" * 4301, None),
        ("/<int(signed=True):x>", "/-5", {"x": -5}),
        ("/<int(signed=True):x>", "/--5", None),
        ("/<int(signed=True):x>", "/-", None),
        ("/<int(fixed_digits=3):x>", "/007", {"x": 7}),
        ("/<int(fixed_digits=3):x>", "/7", None),
        ("/<int(3):x>", "/0007", None),
        ("/<int(min=5, max=7):x>", "/4", None),
        ("/<int(min=5, max=7):x>", "/7", {"x": 7}),
        ("/<int(min=5, max=7):x>", "/8", None),
        ("/<int(min=-5, signed=True):x>", "/-5", {"x": -5}),
        ("/<float:x>", "/1.50", {"x": 1.5}),
        ("/<float:x>", "/.5", None),
        ("/<float:x>", "/5.", None),
        ("/<float:x>", "/5", None),
        ("/<float:x>", "/1e5", None),
        ("/<float:x>", "/nan", None),
        ("/<float:x>", "/1.2.3", None),
        ("/<float:x>", "/\u0661.\u0662", None),
        ("/<float:x>", "/-1.5", None),
        ("/<float(signed=True):x>", "/-1.5", {"x": -1.5}),
        ("/<float(min=2):x>", "/1.5", None),
        ("/<float(max=2.5):x>", "/2.5", {"x": 2.5}),
        (
            "/<uuid:x>",
            "/12345678-1234-1234-1234-123456789ABC",
            {"x": UUID("12345678-1234-1234-1234-123456789abc")},
        ),
        ("/<uuid:x>", "/12345678123412341234123456789abc", None),
        ("/<uuid:x>", "/{12345678-1234-1234-1234-123456789abc}", None),
        ('/<any(a, "b.c"):x>', "/b.c", {"x": "b.c"}),
        ('/<any(a, "b.c"):x>', "/bxc", None),
        ('/<any(a, "b.c"):x>', "/A", None),
        ('/<any("a/b", "1"):x>', "/1", {"x": "1"}),
        ("/<path:x>", "/a/b", {"x": "a/b"}),
        ("/<path:x>", "/a//b", {"x": "a//b"}),
        ("/<path:x>", "/a/", {"x": "a/"}),
        ("/<path:x>", "/", None),
        ("/<path:x>", "//a", None),
        ("/<path:x>", "/a\nb/c", {"x": "a\nb/c"}),
        ("/f/<path:x>/edit", "/f/a/b/edit", {"x": "a/b"}),
        ("/f/<path:x>/edit", "/f/edit", None),
        ("/f/<path:x>/edit", "/f/edit/edit", {"x": "edit"}),
        ("/<path:x>/<int:n>", "/a/b/7", {"x": "a/b", "n": 7}),
        ("/<path:x>/<int:n>", "/a/b/c", None),
        ("/<path:x>/", "/a/b/", {"x": "a/b"}),
        ("/v<int:n>", "/v2", {"n": 2}),
        ("/v<int:n>", "/v", None),
        ("/v<int:n>", "/w2", None),
        ("/@<user>", "/@joe", {"user": "joe"}),
        ("/<name>.<ext>", "/a.tar.gz", {"name": "a.tar", "ext": "gz"}),
        ("/<name>.<ext>", "/.gz", None),
        ("/<name>.<ext>", "/a.", None),
        ("/<name>.<ext>", "/a..", {"name": "a", "ext": "."}),
        ("/<int:a>-<b>", "/1-2-3", {"a": 1, "b": "2-3"}),
        ("/<a>-<int:b>", "/1-2-3", {"a": "1-2", "b": 3}),
        ("/<int:y>-<int:m>", "/2024-05", {"y": 2024, "m": 5}),
        ("/<int:y>-<int:m>", "/1-2-3", None),
        ("/<a>--<b>-<c>", "/x---y-z", {"a": "x-", "b": "y", "c": "z"}),
        ("/<a>ab<b>", "/abab", None),
        ("/<a>ab<b>", "/xababx", {"a": "xab", "b": "x"}),
        ("/x<a>x", "/xx", None),
        ("/x<a>x", "/xxx", {"a": "x"}),
        ("/a<x>/b<y>", "/a1/b2", {"x": "1", "y": "2"}),
        ("/<slug:x>", "/a-b", {"x": ("a", "b")}),
        ("/<slug:x>", "/a-b-", None),
        ("/<plain:x>", "/42", {"x": 42}),
        ("/<plain(base=100):x>", "/42", {"x": 142}),
        ("/<plain:x>", "/99", None),
        ("/<plain:x>", "/42\n", None),
        ("/<integer:x>", "/42", {"x": 42}),
        ("/<_x1:x>", "/a", {"x": "a"}),
    ],
)
def test_binds(pattern: str, path: str, params: Any) -> None:
    converters = {"slug": Slug, "plain": Plain, "integer": IntegerConverter, "_x1": AnyText}
    for compiled in (True, False):
        router = Router([Route(pattern, app)], converters=converters, compiled=compiled)
        found = router.match("GET", path)
        values = None if found is None or isinstance(found[0], Redirect) else found[1]
        assert values == params
        if params is not None and values is not None:
            assert list(map(type, values.values())) == list(map(type, params.values()))


class AnyText(BaseConverter):
    regex = ".+"


class Deep(BaseConverter):
    regex = "[a-z]+/[a-z]+"


class Forced(BaseConverter):
    regex = "[a-z]+(?:/[a-z]+)*"
    part_isolating = True


@pytest.mark.parametrize(
    ("cls", "path", "value"),
    [
        pytest.param(Deep, "/x/a/b/end", "a/b", id="a slash in the regex makes a catch-all"),
        pytest.param(Deep, "/x/a/b/c/end", None, id="its regex is matched in full"),
        pytest.param(Forced, "/x/a/b/end", None, id="part_isolating is believed"),
        pytest.param(Forced, "/x/a/end", "a", id="one segment"),
    ],
)
def test_part_isolating(cls: Any, path: str, value: str | None) -> None:
    found = bound("/x/<c:v>/end", path, c=cls)
    assert found == (None if value is None else {"v": value})


def test_a_plain_class_isolates_unless_it_says_otherwise() -> None:
    class Many(Plain):
        regex = "[0-9/]+"
        part_isolating = False

        def to_python(self, value: str) -> Any:
            return value

    assert bound("/<c:v>", "/1/2", c=Many) == {"v": "1/2"}
    assert bound("/<c:v>", "/12", c=Plain) == {"v": 12}


def test_other_errors_of_a_converter_go_up() -> None:
    class Broken(Plain):
        def to_python(self, value: str) -> int:
            raise KeyError(value)

    with pytest.raises(KeyError):
        bound("/<c:v>", "/12", c=Broken)


ARGUMENTS = [
    "",
    "1",
    "1, 2",
    "minlength=1",
    " minlength = 1 , maxlength=2 ",
    "True, False, None",
    "a, b.c, _d",
    "\"a, b\", 'c)'",
    "x=None",
    "1.5, 2.25",
    "min=1.5",
    "Truest, Nonesuch",
    'a, "1", "True"',
    "007",
    "1_000",
    "1.2.3",
    "a,b,",
    'x="", y=""',
    "é, ü=ö",
]


@pytest.mark.parametrize("text", ARGUMENTS)
def test_arguments_are_read_as_werkzeug_reads_them(text: str) -> None:
    def outcome(read: Any) -> Any:
        try:
            return repr(read(text))
        except (ValueError, IndexError) as error:
            return type(error) is not None

    assert outcome(parse_arguments) == outcome(parse_converter_args)


def test_arguments_at_random_are_read_as_werkzeug_reads_them() -> None:
    random = Random(5)
    words = ["1", "2.5", "True", "None", "a", "b_c", '"x y"', "'z'", "0", "12", "q.r"]
    for _ in range(3000):
        items = [
            random.choice(["", "k=", " k2 = "]) + random.choice(words)
            for _ in range(random.randint(1, 4))
        ]
        # Werkzeug reads `12,12` as one text: the dot of its numbers stands for any character.
        text = random.choice([", ", " ,"]).join(items)
        assert repr(parse_arguments(text)) == repr(parse_converter_args(text)), text


@pytest.mark.parametrize("text", ["-", "a b", "@", '"open', "a=", "=1", "1, @", "a,,b"])
def test_arguments_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match="cannot read the argument"):
        parse_arguments(text)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Route("a", app), ValueError, "begins with no slash; write '/a'"),
        (lambda: Router([Route("", app)]), ValueError, "Route has an empty pattern; write '/'"),
        (lambda: Router([Include("", [])]), ValueError, "Include has an empty prefix; write '/'"),
        (
            lambda: Router([Include("/", [Route("", app)])]),
            ValueError,
            "empty pattern as a whole; write '/'",
        ),
        (lambda: Router([Route("//a", app)]), ValueError, "holds '//'"),
        (lambda: Router([Route("/a//b", app)]), ValueError, "holds '//'"),
        (lambda: Router([Route("/a//", app)]), ValueError, "holds '//'"),
        (lambda: Router([Route("/<x", app)]), ValueError, "malformed at '<x'"),
        (lambda: Router([Route("/<>", app)]), ValueError, "malformed at '<>'"),
        (lambda: Router([Route("/<int:>", app)]), ValueError, "malformed"),
        (lambda: Router([Route("/<1x>", app)]), ValueError, "malformed"),
        (lambda: Router([Route("/< x>", app)]), ValueError, "malformed"),
        (lambda: Router([Route("/<x\u00b2>", app)]), ValueError, "is no identifier"),
        (lambda: Router([Route("/<a><b>", app)]), ValueError, "nothing separates"),
        (lambda: Router([Route("/<path:a>.x", app)]), ValueError, "path binds whole segments"),
        (lambda: Router([Route("/<path:a>/<path:b>", app)]), ValueError, "two catch-alls"),
        (lambda: Router([Route("/<a>/<a>", app)]), ValueError, "two parameters named 'a'"),
        (lambda: Router([Route("/<a>-<a>", app)]), ValueError, "two parameters named 'a'"),
        (
            lambda: Router([Include("/<a>", [Route("/<a>", app)])]),
            ValueError,
            "'/<a>/<a>' has two parameters named 'a'",
        ),
        (
            lambda: Router([Host("<a>.x", [Route("/<a>", app)])]),
            ValueError,
            "two parameters named 'a'",
        ),
        (
            lambda: Router([Route("/<itn:a>", app)]),
            ValueError,
            "no converter 'itn'; did you mean int",
        ),
        (lambda: Router([Route("/<zzz:a>", app)]), ValueError, "there are any, default, float"),
        (lambda: Router([Route("/<int(mni=1):a>", app)]), ValueError, "converter int: .*mni"),
        (lambda: Router([Route("/<int(min=a):a>", app)]), ValueError, "'a' is no number"),
        (lambda: Router([Route("/<float(a):a>", app)]), ValueError, "'a' is no number"),
        (lambda: Router([Route("/<path(1):a>", app)]), ValueError, "converter path"),
        (lambda: Router([Route("/<string(length=x):a>", app)]), ValueError, "converter string"),
        (lambda: Router([Route("/<any():a>", app)]), ValueError, "at least one text"),
        (lambda: Router([Route("/<any(1):a>", app)]), ValueError, "write '1' in quotes"),
        (lambda: Router([Route("/<int(@):a>", app)]), ValueError, "cannot read the argument '@'"),
        (lambda: Router([Route("/\ud800", app)]), ValueError, "no valid text"),
        (lambda: Router([Mount("/<path:a>", app)]), ValueError, "a prefix cannot have one"),
        (lambda: Route(None, app), TypeError, "Route takes its pattern first"),  # type: ignore[arg-type]
        (lambda: Mount("/a", None), TypeError, "None, which is not callable"),  # type: ignore[arg-type]
        (lambda: Route("/a", Router([])), TypeError, "a layer; call it with an app first"),  # type: ignore[arg-type]
        (lambda: Route("/a", compose(Router([]))), TypeError, "a layer; call it"),  # type: ignore[arg-type]
        (lambda: Route("/a", Router), TypeError, "a layer; call it"),  # type: ignore[arg-type]
        (lambda: Route("/a", app, methods="GET"), TypeError, r"write methods=\('GET',\)"),
        (lambda: Route("/a", app, methods=5), TypeError, "methods is 5"),  # type: ignore[arg-type]
        (lambda: Route("/a", app, methods=[5]), TypeError, "methods holds 5"),  # type: ignore[list-item]
        (lambda: Route("/a", app, methods=[]), ValueError, "leave it out for every method"),
        (lambda: Route("/a", app, methods=["get"]), ValueError, "write 'GET'"),
        (lambda: Route("/a", app, methods=[""]), ValueError, "holds '', which is no method"),
        (lambda: Route("/a", app, methods=["G T"]), ValueError, "which is no method"),
        (lambda: Route("/a", app, name=""), ValueError, "name is empty"),
        (lambda: Route("/a", app, name=5), TypeError, "a name is a text"),  # type: ignore[arg-type]
        (lambda: Redirect("/a", "/b", status=300), ValueError, "300 is no status of a redirect"),
        (lambda: Redirect("/a", "/b", status="308"), TypeError, "status is '308'"),  # type: ignore[arg-type]
        (lambda: Redirect("/a", 5), TypeError, "a Redirect goes to a text"),  # type: ignore[arg-type]
        (lambda: Redirect("/a", "b"), ValueError, "write '/path', or 'https://host/path'"),
        (lambda: Redirect("/a", "//b"), ValueError, "holds '//'"),
        (lambda: Redirect("/a", "/\\b"), ValueError, "holds '//'"),
        (lambda: Redirect("/a", "/b//c"), ValueError, "holds '//'"),
        (lambda: Redirect("/a", "ftp://b/"), ValueError, "cannot go to 'ftp://b/'"),
        (lambda: Redirect("/a", "javascript:alert(1)"), ValueError, "cannot go to"),
        (lambda: Redirect("/<a>", "https://<a>/x"), ValueError, "no parameter in its host"),
        (lambda: Redirect("/<a>", "https://x<a>"), ValueError, "no parameter in its host"),
        (lambda: Redirect("/<a>", "https://u@x/"), ValueError, "cannot go to"),
        (lambda: Redirect("/<a>", "/<int:a>"), ValueError, "write a parameter as <name>"),
        (lambda: Redirect("/a", "/\ud800"), ValueError, "no valid text"),
        (
            lambda: Router([Redirect("/<a>", "/<b>")]),
            ValueError,
            "no parameter 'b' for its target '/<b>'",
        ),
        (lambda: Router(app), TypeError, r"was given app; write Router\(\[...\]\)\(app\)"),  # type: ignore[arg-type]
        (lambda: Router("/a"), TypeError, "was given '/a'"),  # type: ignore[arg-type]
        (lambda: Router(5), TypeError, "takes a list of routes"),  # type: ignore[arg-type]
        (lambda: Router(Route("/a", app)), TypeError, "takes a list of routes"),  # type: ignore[arg-type]
        (lambda: Router([("/a", app)]), TypeError, "Router item 1 is "),  # type: ignore[list-item]
        (lambda: Include("/a", [app]), TypeError, "Include item 1 is app"),  # type: ignore[list-item]
        (lambda: Include("/a", [Host("x", [])]), ValueError, "a Host stands at the top level"),
        (lambda: Host("a", [Host("x", [])]), ValueError, "a Host stands at the top level"),
        (lambda: Host(5, []), TypeError, "Host takes its pattern first"),  # type: ignore[arg-type]
        (lambda: Router([Host("a:80", [])]), ValueError, "a host has no port"),
        (lambda: Router([Host("é.x", [])]), ValueError, "written in ASCII"),
        (lambda: Router([Host("", [])]), ValueError, "no label of a host"),
        (lambda: Router([Host("<path:a>.x", [])]), ValueError, "takes one label, no catch-all"),
        (lambda: Router([], slashes="maybe"), ValueError, "slashes is 'maybe'; write one of"),
        (lambda: Router([], method_mismatch=405), TypeError, "method_mismatch is 405; write"),  # type: ignore[arg-type]
        (lambda: Router([], encoded_slashes=""), ValueError, "encoded_slashes is ''"),
        (lambda: Router([], compiled=1), TypeError, "compiled is 1; write True or False"),  # type: ignore[arg-type]
        (lambda: Router([], converters=5), TypeError, "converters is 5"),  # type: ignore[arg-type]
        (lambda: Router([], converters={"a-b": Slug}), ValueError, "a name is an identifier"),
        (lambda: Router([], converters={"a": 5}), TypeError, "which is no class"),  # type: ignore[dict-item]
        (
            lambda: Router([Route("/<a:x>", app)], converters={"a": lambda map: object()}),
            ValueError,
            "converter 'a' has no regex, to_python, to_url",
        ),
        (lambda: Router([], slash="strict"), TypeError, "no option 'slash'; did you mean slashes"),  # type: ignore[call-arg]
        (
            lambda: Router([Route("/a", app, name="n"), Route("/b", app, name="n")]),
            ValueError,
            "the name 'n' is used for two patterns, '/a' and '/b'",
        ),
        (
            lambda: Router([Route("/<a>/x", app), Route("/<b>/x", app)]),
            ValueError,
            "'/<a>/x' and '/<b>/x' match the same paths, such as '/x/x', and both take every",
        ),
        (
            lambda: Router(
                [Route("/a", app, methods=["GET"]), Redirect("/a", "/b", methods=["GET", "POST"])]
            ),
            ValueError,
            "both take GET",
        ),
        (
            lambda: Router([Route("/p/<int:a>", app), Include("/p", [Route("/<int:b>", app)])]),
            ValueError,
            "'/p/<int:a>' and '/p/<int:b>' match the same paths, such as '/p/1'",
        ),
        (
            lambda: Router([Mount("/m/", app), Mount("/m", app)]),
            ValueError,
            "'/m' and '/m' match the same paths",
        ),
        (lambda: Router([Mount("/", app), Mount("/", app)]), ValueError, "'/' and '/' match"),
        (
            lambda: Router([Route("/<string:a>", app), Route("/<default:b>", app)]),
            ValueError,
            "match the same paths",
        ),
        (
            lambda: Router([Route("/<any(a,b):x>", app), Route("/<any(b,a):x>", app)]),
            ValueError,
            "match the same paths, such as '/a'",
        ),
        (
            lambda: Router([Host("A.x", [Route("/", app)]), Host("a.X", [Route("/", app)])]),
            ValueError,
            "match the same paths",
        ),
        (
            lambda: Router([Host("<a>.x", [Route("/", app)]), Host("<b>.x", [Route("/", app)])]),
            ValueError,
            "match the same paths",
        ),
    ],
)
def test_misuse(build: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        build()


def test_same_pattern_other_methods_is_no_conflict() -> None:
    Router(
        [
            Route("/a", app, methods=["GET"], name="n"),
            Route("/a", app, methods=["POST"], name="n"),
            Route("/a", app, methods=["HEAD"]),
            Route("/a", app),
            Host("x", [Route("/a", app, name="n")]),
        ]
    )


def test_items_are_values() -> None:
    route = Route("/a", app, methods=["GET"])
    assert route == Route("/a", app, methods=("GET",)) != Route("/a", app)
    assert len({route, Route("/a", app, methods=("GET",))}) == 1
    assert route.methods == ("GET",)
    assert Route("/a", app, methods={"POST", "GET"}).methods == ("GET", "POST")
    with pytest.raises(FrozenInstanceError):
        route.pattern = "/b"  # type: ignore[misc]
    include = Include("/a", [route])
    assert include.routes == (route,) and hash(include) == hash(Include("/a", (route,)))
    assert (include.prefix, Host("x", []).pattern, Mount("/m/", app).pattern) == ("/a", "x", "/m/")


def test_reprs_are_the_calls() -> None:
    items = [
        Route("/a", app, methods=["GET"], name="n"),
        Mount("/m", app),
        Redirect("/r", "/a", status=302),
        Include("/i", [Route("/x", app)], name="i"),
        Host("h", [Route("/", app)]),
    ]
    assert [repr(item) for item in items] == [
        "Route('/a', app, methods=('GET',), name='n')",
        "Mount('/m', app)",
        "Redirect('/r', '/a', status=302)",
        "Include('/i', (Route('/x', app),), name='i')",
        "Host('h', (Route('/', app),))",
    ]
    assert repr(Router([], slashes="strict")) == "Router((), slashes='strict')"
    assert repr(Router([Route("/", app)])) == "Router((Route('/', app),))"


def test_a_router_is_a_value() -> None:
    routes = [Route("/a/", app)]
    router = Router(routes, converters={"slug": Slug})
    same = Router(iter(routes), converters={"slug": Slug})  # type: ignore[arg-type]
    assert router == same and hash(router) == hash(same) and router.routes == (routes[0],)
    assert router != Router(routes)
    strict = replace(router, slashes="strict")
    assert strict.slashes == "strict" and strict.match("GET", "/a") is None
    assert isinstance(router.match("GET", "/a")[0], Redirect)  # type: ignore[index]
    assert copy.copy(router) == router
    with pytest.raises(FrozenInstanceError):
        router.slashes = "ignore"  # type: ignore[misc]
    bound_app = router(not_found)
    assert bound_app.__name__ == "Router"
    assert bound_app.__wrapped__ is not_found  # type: ignore[attr-defined]


def test_converters_may_replace_ours() -> None:
    routes = [Route("/<string:x>", app), Route("/n/<int:x>", app)]
    router = Router(routes, converters={"string": Slug, "int": Plain})
    assert router.match("GET", "/a-b") == (routes[0], {"x": ("a", "b")})
    assert router.match("GET", "/A") is None
    assert router.match("GET", "/n/12") == (routes[1], {"x": 12})
    # `<x>` is still ours, and another kind than the replaced one.
    both = Router([*routes, Route("/<x>", app)], converters={"string": Slug, "int": Plain})
    assert both.match("GET", "/A") == (Route("/<x>", app), {"x": "A"})


def test_arguments_that_say_nothing_are_none() -> None:
    parser = Parser({})
    kinds = [
        parser.path(f"/{text}")[0].kind  # type: ignore[union-attr]
        for text in ("<int:a>", "<int():b>", "<int(signed=False):c>", "<int(0):d>")
    ]
    assert len(set(kinds)) == 1


def test_separators_of_arguments_do_not_split() -> None:
    (segment,) = Parser({}).path('/<any("a/b", "c)>"):x>')
    assert segment.kind.text == "any('a/b', 'c)>')"  # type: ignore[union-attr]


@given(st.text(min_size=1, alphabet="ab-."), st.sampled_from(["-", ".", "--", "ab", "-."]))
def test_mixed_segments_split_as_the_greedy_regex(text: str, separator: str) -> None:
    """Law: with two plain parameters the split is what `(.+)separator(.+)` finds."""
    import re

    string = builtin("string", (), {})
    found = mixed(["", separator, ""], [string, string]).bind(text)
    match = re.fullmatch(f"(.+){re.escape(separator)}(.+)", text)
    assert found == (match.groups() if match else found)
    assert (found is NO) is (match is None)


def test_int_takes_what_the_interpreter_takes() -> None:
    limit = sys.get_int_max_str_digits()
    try:
        sys.set_int_max_str_digits(640)
        assert bound("/<int:x>", "/" + "1" * 641) is None
        assert bound("/<int:x>", "/" + "1" * 640) is not None
    finally:
        sys.set_int_max_str_digits(limit)
