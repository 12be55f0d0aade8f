"""What other routers got wrong, one test for each, named after it."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from werkzeug.routing import BaseConverter, Map, Rule, ValidationError

from tests.routing_apps import App, ask, get, key
from wsgimw import Host, Include, Mount, Redirect, Route, Router, not_found, params
from wsgimw.routing.patterns import Item

app = App("app")
ARGS = "wsgiorg.routing_args"


def serve(*routes: Item, **options: Any) -> Any:
    return Router(routes, **options)(not_found)


def location(bound: Any, path: str, **more: Any) -> str:
    answer = get(bound, path, check=False, **more)
    assert answer.code == 308, answer
    return answer["Location"]


# Redirects.


def test_chi_ghsa_vrw8_fxc6_2r93_host_in_the_redirect() -> None:
    for host in ("evil.example", "evil.example:80", "a\\b", "[::1]"):
        assert location(serve(Route("/d/", app)), "/d", HTTP_HOST=host) == "/d/"


class Everything:
    """A catch-all that binds leading slashes, which ours never does."""

    regex = r"(?s:.+)"
    part_isolating = False

    def __init__(self, map: Any) -> None: ...

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("//evil.example", id="chi-595"),
        pytest.param("/\\evil.example", id="datasette-2680"),
        pytest.param("//evil.example/x", id="streamlit-9754"),
        pytest.param("/\\/evil.example", id="datasette-2680 both"),
    ],
)
def test_redirects_to_another_site(path: str) -> None:
    bound = serve(Route("/<every:x>/", app), converters={"every": Everything})
    url = location(bound, path)
    assert url.startswith("/evil.example") and url.endswith("/")


def test_starlette_2748_root_path_is_kept_once() -> None:
    bound = serve(Route("/d/", app))
    assert location(bound, "/d", SCRIPT_NAME="/base") == "/base/d/"
    mounted = serve(Mount("/m", bound))
    assert location(mounted, "/m/d", SCRIPT_NAME="/base") == "/base/m/d/"


def test_werkzeug_2834_repeated_slashes_do_not_redirect() -> None:
    bound = serve(Route("/a/<path:p>", app), Route("/b/c", app))
    assert get(bound, "/b//c").code == 404
    assert get(bound, "//b/c").code == 404
    assert get(bound, "/a/x//y").code == 200


def test_werkzeug_1286_the_query_goes_with_a_redirect() -> None:
    query = "a=1&a=2&b=%2F+%20&c"
    bound = serve(Route("/d/", app), Redirect("/o/<x>", "/n/<x>"))
    assert location(bound, "/d", QUERY_STRING=query) == f"/d/?{query}"
    assert location(bound, "/o/1", QUERY_STRING=query) == f"/n/1?{query}"


def test_werkzeug_360_a_redirect_keeps_the_method() -> None:
    bound = serve(Route("/d/", app, methods=["POST"]))
    assert get(bound, "/d", "POST").status == "308 Permanent Redirect"
    assert get(bound, "/d", "GET").code == 404


# Mounts.


def test_anycorn_65_a_prefix_ends_on_a_segment() -> None:
    bound = serve(Mount("/foo", App("foo")), Mount("/foobar", App("foobar")))
    assert get(bound, "/foobar/x").body == b"foobar"
    assert get(bound, "/foo/bar").body == b"foo"
    assert get(bound, "/fooba").code == 404


def test_chi_115_the_root_of_a_mount() -> None:
    inner = serve(Route("/", App("root")), Route("/x", App("x")))
    bound = serve(Mount("/m", inner))
    assert get(bound, "/m/").body == b"root"
    assert location(bound, "/m") == "/m/"
    assert get(bound, "/m/x").body == b"x"


def test_rack_370_mounts_that_hold_the_same_path() -> None:
    foo = serve(Route("/test", App("foo")))
    bar = serve(Route("/test", App("bar")))
    bound = serve(Mount("/", foo), Mount("/bar", bar))
    assert get(bound, "/test").body == b"foo"
    assert get(bound, "/bar/test").body == b"bar"


def test_dd_trace_py_17739_script_name_is_not_doubled() -> None:
    page = App("page")
    bound = serve(Mount("/a", serve(Mount("/b", serve(Route("/c", page))))))
    get(bound, "/a/b/c", SCRIPT_NAME="/s")
    assert (page.last["SCRIPT_NAME"], page.last["PATH_INFO"]) == ("/s/a/b", "/c")
    assert page.last["wsgimw.route"] == "/a/b/c"


def test_hanami_router_263_the_root_script_name_is_empty() -> None:
    page = App("page")
    get(serve(Mount("/", page)), "/x")
    assert (page.last["SCRIPT_NAME"], page.last["PATH_INFO"]) == ("", "/x")


def test_starlette_869_a_slash_below_a_mount() -> None:
    inner = [Route("/", App("list")), Route("/<name>", App("one"))]
    for bound in (serve(Mount("/users", serve(*inner))), serve(Include("/users", inner))):
        assert get(bound, "/users/").body == b"list"
        assert location(bound, "/users") == "/users/"
        assert get(bound, "/users/bob").body == b"one"
        assert get(bound, "/users/bob/").code == 404
        assert get(bound, "/usersa").code == 404


def test_chi_792_parameters_of_a_mount_reach_its_inside() -> None:
    page = App("page")
    bound = serve(Mount("/t/<a>", serve(Mount("/<int:b>", serve(Route("/<c>", page))))))
    get(bound, "/t/x/7/z")
    assert params(page.last) == {"a": "x", "b": 7, "c": "z"}


def test_werkzeug_dispatcher_a_slash_at_the_end_of_a_prefix() -> None:
    assert get(serve(Mount("/x/", App("x"))), "/x/y").body == b"x"


def test_werkzeug_dispatcher_an_asterisk_stays_out_of_script_name() -> None:
    inner = App("inner")
    bound = Router([Mount("/", App("root")), Mount("/x", app)])(inner)
    get(bound, "*", "OPTIONS", check=False)
    assert (inner.last["SCRIPT_NAME"], inner.last["PATH_INFO"]) == ("", "*")


def test_werkzeug_dispatcher_a_prefix_that_is_not_ascii() -> None:
    page = App("page")
    path = "/caf\xc3\xa9/x"
    get(serve(Mount("/café", page)), path)
    assert page.last["SCRIPT_NAME"] + page.last["PATH_INFO"] == path
    assert page.last["SCRIPT_NAME"] == "/caf\xc3\xa9"


def test_paste_urlmap_an_asterisk_is_no_assertion_error() -> None:
    answer = get(serve(Mount("/x", app)), "*", "OPTIONS", check=False)
    assert answer.code == 404


def test_paste_urlmap_a_host_that_is_an_ipv6_address() -> None:
    bound = serve(Host("[::1]", [Route("/", App("six"))]), Route("/", App("other")))
    assert get(bound, "/", HTTP_HOST="[::1]:8080").body == b"six"


# Methods.


def test_httprouter_52_a_catch_all_of_another_method() -> None:
    bound = serve(
        Route("/v1/search", App("search"), methods=["GET"]),
        Route("/<path:p>", App("options"), methods=["OPTIONS"]),
    )
    assert get(bound, "/v1/search").body == b"search"
    assert get(bound, "/v1/search", "OPTIONS").body == b"options"
    assert get(bound, "/mine", "GET").code == 404


def test_fastroute_25_the_next_route_is_asked_before_405() -> None:
    for order in (1, -1):
        routes = [
            Route("/user/<name>", App("get"), methods=["GET"]),
            Route("/user/<int:id>", App("post"), methods=["POST"]),
        ][::order]
        bound = serve(*routes)
        assert get(bound, "/user/7", "GET").body == b"get"
        assert get(bound, "/user/7", "POST").body == b"post"
        assert get(bound, "/user/7", "PUT")["Allow"] == "GET, HEAD, OPTIONS, POST"


def test_golang_74743_a_slash_that_is_missing_is_no_405() -> None:
    bound = serve(Route("/d/", app, methods=["POST"]))
    assert get(bound, "/d", "GET").code == 404
    assert get(bound, "/d/", "GET")["Allow"] == "OPTIONS, POST"


def test_hono_5223_405_not_404() -> None:
    assert get(serve(Route("/", app, methods=["GET"])), "/", "POST").code == 405


def test_chi_1029_allow_has_no_doubles() -> None:
    bound = serve(
        Route("/a/<x>", app, methods=["GET", "POST"]),
        Route("/a/<int:x>", app, methods=["GET"]),
        Route("/<x>/b", app, methods=["GET", "HEAD"]),
        Include("/a", [Route("/b", app, methods=["POST", "PUT"])]),
    )
    answer = get(bound, "/a/b", "DELETE")
    assert answer.all("Allow") == ["GET, HEAD, OPTIONS, POST, PUT"]


def test_fastapi_15356_head_where_there_is_get() -> None:
    answer = get(serve(Route("/", app, methods=["GET"])), "/", "HEAD", check=False)
    assert answer.code == 200


def test_falcon_head_is_no_405() -> None:
    bound = serve(Route("/<x>", app, methods=["GET"]), Route("/<int:x>", app, methods=["PUT"]))
    assert get(bound, "/7", "HEAD", check=False).code == 200


def test_starlette_allow_is_that_of_all_routes() -> None:
    bound = serve(Route("/a", app, methods=["PUT"]), Route("/a", app, methods=["PATCH"]))
    assert get(bound, "/a")["Allow"] == "OPTIONS, PATCH, PUT"


# Encoding.


@pytest.mark.parametrize("name", ["falcon-1895", "bottle-450", "werkzeug-2471", "waitress-212"])
def test_an_encoded_slash_in_a_parameter(name: str) -> None:
    page = App("page")
    routes = [Route("/test/<x>", page), Route("/test/foo/bar", App("static"))]
    kept = serve(*routes, encoded_slashes="keep")
    raw = {"falcon-1895": "RAW_URI", "bottle-450": "REQUEST_URI"}.get(name, "REQUEST_URI")
    assert get(kept, "/test/foo/bar", **key(raw, "/test/foo%2Fbar")).body == b"page"
    assert params(page.last) == {"x": "foo/bar"}
    assert get(kept, "/test/foo/bar", **key(raw, "/test/foo/bar")).body == b"static"
    assert get(serve(*routes), "/test/foo/bar", **key(raw, "/test/foo%2Fbar")).body == b"static"


@pytest.mark.parametrize("name", ["pyramid-2047", "webob-161", "falcon-2340"])
@pytest.mark.parametrize("path", ["/\xff", "/a/\xc3", "/\xed\xa0\x80", "/\xc0\xaf", "/\xf8\x88"])
def test_invalid_utf_8_is_a_miss(name: str, path: str) -> None:
    page = App("page")
    bound = serve(Route("/<x>", page), Route("/<path:x>", page), Route("/\ufffd", page))
    assert get(bound, path).code == 404
    assert not page.seen


def test_selector_a_newline_at_the_end() -> None:
    bound = serve(Route("/a", app), Route("/<int:x>", app))
    assert get(bound, "/a\n").code == get(bound, "/1\n").code == 404


def test_starlette_cve_2026_48710_nothing_is_rebuilt_from_the_host() -> None:
    bound = serve(Route("/admin", App("admin")), Route("/public", App("public")))
    for host in ("x/admin?", "x/admin#", "\\admin", "admin", "x:80/admin"):
        assert get(bound, "/public", HTTP_HOST=host, check=False).body == b"public"
        assert get(bound, "/none", HTTP_HOST=host, check=False).code == 404


def test_a_path_is_not_decoded_twice() -> None:
    page = App("page")
    get(serve(Route("/<x>", page), Route("/a/b", app)), "/a%2Fb")
    assert params(page.last) == {"x": "a%2Fb"}


# Converters.


@pytest.mark.parametrize("digits", ["٣", "²", "१", "1_0", "+1", " 1", "1 "])
def test_falcon_and_werkzeug_digits(digits: str) -> None:
    assert Router([Route("/<int:x>", app)]).match("GET", f"/{digits}") is None


@pytest.mark.parametrize("text", ["1.2.3", "nan", "inf", "1e5", ".5"])
def test_bottle_floats(text: str) -> None:
    assert Router([Route("/<float:x>", app)]).match("GET", f"/{text}") is None


@pytest.mark.parametrize("name", ["falcon", "golang-81222"])
def test_an_empty_segment_binds_nothing(name: str) -> None:
    router = Router([Route("/s/<x>/e", app), Route("/s/<x>", app)])
    assert router.match("GET", "/s//e") is None
    assert router.match("GET", "/s/") is None


def test_sanic_routing_48_catch_alls_with_what_follows() -> None:
    story = Route("/conversation/<path:id>/story", app, methods=["GET"])
    events = Route("/conversation/<path:id>/tracker/events", app, methods=["PUT"])
    router = Router([story, events])
    assert router.match("GET", "/conversation/a-b/story") == (story, {"id": "a-b"})
    assert router.match("PUT", "/conversation/a/b/tracker/events") == (events, {"id": "a/b"})


def test_sanic_routing_72_types_beside_a_catch_all() -> None:
    found = Router([Route("/<id:int>".replace("id:int", "int:id") + "/<path:sub>", app)]).match(
        "GET", "/7/a/b"
    )
    assert found is not None and found[1] == {"id": 7, "sub": "a/b"}


def test_hono_1982_a_value_is_that_of_its_own_name() -> None:
    routes = [Route("/<int:a>/x", app), Route("/<b>/<c>", app), Route("/<d>/x/<e>", app)]
    router = Router(routes)
    assert router.match("GET", "/n/x") == (routes[1], {"b": "n", "c": "x"})
    assert router.match("GET", "/7/x") == (routes[0], {"a": 7})
    assert router.match("GET", "/7/x/y") == (routes[2], {"d": "7", "e": "y"})


class Regex(BaseConverter):
    def __init__(self, map: Any, regex: str) -> None:
        super().__init__(map)
        self.regex = regex


def test_werkzeug_2481_groups_in_a_regex() -> None:
    pattern = "/static/<regex('(privacy|jamstack|capabilities)'):folder>/<image>"
    router = Router([Route(pattern, app)], converters={"regex": Regex})
    found = router.match("GET", "/static/jamstack/random.png")
    assert found is not None
    assert found[1] == {"folder": "jamstack", "image": "random.png"}


def test_werkzeug_2491_a_regex_that_matches_slashes() -> None:
    class Remainder(Regex):
        part_isolating = False

    router = Router(
        [Route("/<one:a>/<rest('[^:]+'):b>", app)],
        converters={"one": _one("[^/:]+"), "rest": Remainder},
    )
    found = router.match("GET", "/asdfsa/sth/qwer/asdf")
    assert found is not None and found[1] == {"a": "asdfsa", "b": "sth/qwer/asdf"}
    assert router.match("GET", "/a/b:c") is None


def _one(text: str) -> type[BaseConverter]:
    class One(BaseConverter):
        regex = text

    return One


def test_werkzeug_2510_a_refusal_means_the_next_route() -> None:
    class Even(BaseConverter):
        regex = "[0-9]+"

        def to_python(self, value: str) -> int:
            if int(value) % 2:
                raise ValidationError
            return int(value)

    even, text = Route("/<even:n>", app, methods=["GET"]), Route("/<x>", app)
    router = Router([even, text], converters={"even": Even})
    assert router.match("GET", "/4") == (even, {"n": 4})
    assert router.match("GET", "/5") == (text, {"x": "5"})
    only = Router([even], converters={"even": Even})
    assert only.match("GET", "/5") is None
    assert only.allowed("/5") == frozenset()


def test_werkzeug_3094_a_url_matches_its_own_route() -> None:
    routes = [Route("/s/<x>", app, name="s"), Route("/n/<int:n>", app, name="n")]
    router = Router(routes)
    for name, value in (("s", "a/b"), ("s", ""), ("n", -1)):
        with pytest.raises(ValueError):
            router.url_for(name, **{routes[name == "n"].pattern[-2]: value})


def test_werkzeug_3156_an_unrelated_route_changes_nothing() -> None:
    routes = [
        Route("/<any(foo, bar):value>", app),
        Route("/<string:value>", app),
        Route("/<string:value>/unrelated", app),
    ]
    for seed in range(6):
        shuffled = Random(seed).sample(routes, 3)
        assert Router(shuffled).match("GET", "/foo") == (routes[0], {"value": "foo"})
        assert Router(shuffled[:2]).match("GET", "/foo") != (routes[2], {"value": "foo"})


def test_falcon_663_two_names_at_one_level() -> None:
    one, two = Route("/foo/<key>", app), Route("/foo/<id>/bar", app)
    router = Router([one, two])
    assert router.match("GET", "/foo/1") == (one, {"key": "1"})
    assert router.match("GET", "/foo/1/bar") == (two, {"id": "1"})


def test_falcon_702_a_static_segment_masks_no_parameter() -> None:
    router = Router([Route("/v2.0", app), Route("/<version>/thing", app)])
    found = router.match("GET", "/v2.0/thing")
    assert found is not None and found[1] == {"version": "v2.0"}


def test_4301_digits_are_a_miss() -> None:
    router = Router([Route("/<int:x>", app), Route("/a/<int:x>-<y>", app)])
    assert router.match("GET", "/" + "1" * 4301) is None
    assert router.match("GET", "/a/" + "1" * 4301 + "-x") is None


# Hosts.


def test_werkzeug_487_each_host_has_its_own_routes() -> None:
    bound = serve(
        Host("my.domain.com", [Route("/", App("my"))]),
        Host("www.domain.com", [Route("/", App("www"))]),
    )
    assert get(bound, "/", HTTP_HOST="www.domain.com").body == b"www"
    assert get(bound, "/", HTTP_HOST="my.domain.com").body == b"my"


@pytest.mark.parametrize(
    "host", ["\x8a", "\xff.example.com", "a" * 5000, "..", "xn--\xe9", "[", ""]
)
def test_werkzeug_640_a_host_that_is_no_name(host: str) -> None:
    bound = serve(Host("<h>.example.com", [Route("/", app)]), Route("/", App("other")))
    assert get(bound, "/", HTTP_HOST=host, check=False).body == b"other"


def test_werkzeug_3063_routes_without_a_host_serve_every_host() -> None:
    bound = serve(Host("a.example", [Route("/a", App("a"))]), Route("/b", App("b")))
    for host in ("a.example", "b.example", "[::1]", "127.0.0.1:80"):
        assert get(bound, "/b", HTTP_HOST=host).body == b"b"


# Speed: counted, not timed. A text is looked at a bounded number of times.


class Counting(BaseConverter):
    """Counts how often it is asked."""

    regex = "[a-z]+"
    asked = 0

    def to_python(self, value: str) -> Any:
        Counting.asked += 1
        return value


@pytest.mark.parametrize(
    ("name", "pattern", "path"),
    [
        ("find-my-way CVE-2024-45813", "/<c:a>-<c:b>-", "/" + "a-" * 500),
        ("path-to-regexp CVE-2024-45296", "/<c:a>-<c:b>.x", "/" + "a-" * 500 + "b"),
        ("bottle-908", "/<c:a>/<c:b>/<c:d>/end", "/a/b/c/nowhere"),
    ],
)
def test_no_going_back(name: str, pattern: str, path: str) -> None:
    router = Router([Route(pattern, app)], converters={"c": Counting})
    Counting.asked = 0
    assert router.match("GET", path) is None
    assert Counting.asked <= 4


def test_falcon_1550_deep_trees_need_no_recursion() -> None:
    deep = "".join(f"/<p{at}>" for at in range(1500))
    router = Router([Route(deep, app), Route("/a" * 1500, app)])
    found = router.match("GET", "/x" * 1500)
    assert found is not None and len(found[1]) == 1500
    assert router.match("GET", "/a" * 1500) == (Route("/a" * 1500, app), {})


def test_werkzeug_512_siblings_cost_one_probe() -> None:
    routes = [Route(f"/<a>/r{at}", app) for at in range(2000)]
    tables = Router(routes)._index.site.tables
    assert len(tables.near(["", "x", "r7"])) == 1


# Logs.


@pytest.mark.parametrize("name", ["dd-trace-py-3061", "opentelemetry-python-contrib-2891"])
def test_the_mount_prefix_is_not_lost(name: str) -> None:
    class Record:
        route: str | None = None

    record = Record()
    page = App("page")
    bound = serve(Mount("/api/<v>", serve(Route("/users/<int:id>", page))))
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/api/v1/users/7", "wsgimw.record": record}
    ask(bound, environ)
    assert page.last["wsgimw.route"] == record.route == "/api/<v>/users/<int:id>"


def test_what_werkzeug_does_with_the_host() -> None:
    """The reason of the first test of this file, seen in the oracle itself."""
    from werkzeug.routing import RequestRedirect

    map_ = Map([Rule("/d/", endpoint="d")])
    with pytest.raises(RequestRedirect) as raised:
        map_.bind("evil.example").match("/d")
    assert raised.value.new_url == "http://evil.example/d/"
