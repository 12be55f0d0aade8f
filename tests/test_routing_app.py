"""The bound app: what it sets, what it leaves alone, 405 and `Allow`, mounts, hosts, text, kit."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from webtest import TestApp

from tests.bench.drive import make_environ
from tests.http_notes import notes
from tests.routing_apps import Answer, App, ask, get, key
from wsgimw import (
    Exchange,
    Hooks,
    Host,
    Include,
    Mount,
    Redirect,
    Route,
    Router,
    compose,
    not_found,
    params,
)
from wsgimw.routing.patterns import Item
from wsgimw.testing import check_middleware

ARGS = "wsgiorg.routing_args"
OWN = (ARGS, "wsgimw.route", "wsgimw.mount")


def wsgi(text: str) -> str:
    """Return text as it stands in an environ."""
    return text.encode().decode("latin-1")


class Record:
    """As much of a record as a Router needs."""

    route: str | None = None


def test_a_match_sets_keys_and_calls_the_target() -> None:
    user = App("user")
    app = Router([Include("/api", [Route("/users/<int:id>", user)])])(not_found)
    record = Record()
    answer = get(app, "/api/users/7", **key("wsgimw.record", record))
    assert answer.body == b"user"
    assert user.last[ARGS] == ((), {"id": 7})
    assert user.last["wsgimw.route"] == record.route == "/api/users/<int:id>"
    assert "wsgimw.mount" not in user.last
    assert params(user.last) == {"id": 7}
    assert user.last["PATH_INFO"] == "/api/users/7" and user.last["SCRIPT_NAME"] == ""


def test_existing_args_are_joined_in_copies() -> None:
    user = App("user")
    app = Router([Route("/<id>", user)])(not_found)
    args, named = ("x",), {"id": "old", "other": 1}
    get(app, "/new", **key(ARGS, (args, named)))
    assert user.last[ARGS] == (("x",), {"id": "new", "other": 1})
    assert named == {"id": "old", "other": 1}


def test_args_are_new_for_each_request() -> None:
    user = App("user")
    app = Router([Route("/a", user), Route("/<id>", user)])(not_found)
    for path in ("/a", "/b"):
        get(app, path)
        get(app, path)
        first, second = user.seen[-2:]
        assert first[ARGS] == second[ARGS]
        assert first[ARGS][1] is not second[ARGS][1]


def test_params_without_a_router() -> None:
    assert params({}) == {}
    assert params({ARGS: ((), {"a": 1})}) == {"a": 1}


def test_not_found() -> None:
    answer = get(not_found)
    assert (answer.status, answer.body) == ("404 Not Found", b"404 Not Found\n")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Content-Length"] == "14"
    head = get(not_found, method="HEAD")
    assert (head.headers, head.body) == (answer.headers, b"")
    assert ask(not_found, {}).code == 404


def test_head_reaches_the_get_app_as_head() -> None:
    page = App("page")
    get(Router([Route("/", page, methods=["GET"])])(not_found), "/", "HEAD", check=False)
    assert page.last["REQUEST_METHOD"] == "HEAD"


MISSES: list[dict[str, Any]] = [
    {"PATH_INFO": "/no"},
    {"PATH_INFO": "*", "REQUEST_METHOD": "OPTIONS"},
    {"PATH_INFO": "no/slash"},
    {"PATH_INFO": wsgi("/é/no")},
    {"PATH_INFO": "/u/\xff"},
    {"PATH_INFO": "/\xc3"},
    {"PATH_INFO": "//u/7"},
    {"PATH_INFO": "/u//7"},
    {"PATH_INFO": "/u/7/"},
    {"PATH_INFO": "/u/x"},
    {"PATH_INFO": "", "SCRIPT_NAME": "/app"},
    {"PATH_INFO": "/spa/x", "REQUEST_METHOD": "POST"},
    {"PATH_INFO": "/\ufffd\u20ac"},
    {"SCRIPT_NAME": "/app"},
    {"PATH_INFO": "/no", ARGS: (("a",), {"b": 1}), "wsgimw.route": "/outer"},
]


@pytest.mark.parametrize("changes", MISSES)
@pytest.mark.parametrize(
    "options",
    [{}, {"method_mismatch": "next"}, {"encoded_slashes": "keep"}, {"compiled": False}],
)
def test_a_miss_leaves_the_environ_bit_for_bit(
    changes: dict[str, Any], options: dict[str, Any]
) -> None:
    calls: list[tuple[Any, Any]] = []
    body: list[bytes] = [b"inner"]

    def inner(environ: Any, start_response: Any) -> list[bytes]:
        calls.append((environ, start_response))
        start_response("200 OK", [])
        return body

    routes: list[Item] = [
        Route("/u/<int:id>", App("user")),
        Route("/<path:p>", App("spa"), methods=["OPTIONS"]),
        Host("example.org", [Route("/no", App("host"))]),
    ]
    if changes.get("REQUEST_METHOD") != "POST":
        routes.pop(1)
    app = Router(routes, **options)(inner)
    environ = make_environ()
    del environ["PATH_INFO"], environ["SCRIPT_NAME"]
    environ.update(changes)
    before = dict(environ)
    heads: list[Any] = []

    def start_response(*args: Any) -> Any:
        heads.append(args)

    assert app(environ, start_response) is body
    ((seen, given),) = calls
    assert seen is environ and given is start_response
    assert list(environ) == list(before)
    assert all(environ[key] is before[key] for key in before)


REST = [
    Route("/r", App("get"), methods=["GET"]),
    Route("/r", App("post"), methods=["POST", "PUT"]),
    Route("/<x>", App("delete"), methods=["DELETE", "POST"]),
    Route("/n/<int:n>", App("number"), methods=["GET"]),
    Route("/n/<x>", App("text"), methods=["PUT"]),
    Route("/<path:p>", App("spa"), methods=["GET"]),
    Route("/dir/", App("dir"), methods=["GET"]),
    Redirect("/old", "/new", methods=["GET"]),
]


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("PATCH", "/r", 405, "DELETE, GET, HEAD, OPTIONS, POST, PUT"),
        ("OPTIONS", "/r", 204, "DELETE, GET, HEAD, OPTIONS, POST, PUT"),
        ("HEAD", "/n/x", 200, None),
        ("POST", "/n/x", 405, "OPTIONS, PUT"),
        ("POST", "/n/7", 405, "GET, HEAD, OPTIONS, PUT"),
        ("get", "/n/7", 405, "GET, HEAD, OPTIONS, PUT"),
        ("POST", "/deep/down", 404, None),
        ("POST", "/dir", 200, None),
        ("PUT", "/dir/", 405, "GET, HEAD, OPTIONS"),
        ("PATCH", "/old", 405, "DELETE, GET, HEAD, OPTIONS, POST"),
        ("PUT", "/a/b/c", 404, None),
    ],
)
@pytest.mark.parametrize("compiled", [True, False])
def test_methods_that_no_route_takes(
    method: str, path: str, status: int, allow: str | None, compiled: bool
) -> None:
    answer = get(Router(REST, compiled=compiled)(not_found), path, method, check=False)
    assert answer.code == status
    assert answer.all("Allow") == ([] if allow is None else [allow])


def test_405_and_204_are_whole_answers() -> None:
    app = Router([Route("/r", App("r"), methods=["GET"])])(not_found)
    posted = get(app, "/r", "POST")
    assert (posted.status, posted.body) == ("405 Method Not Allowed", b"405 Method Not Allowed\n")
    assert posted["Content-Type"] == "text/plain; charset=utf-8"
    assert posted["Content-Length"] == "23"
    options = get(app, "/r", "OPTIONS")
    assert (options.status, options.body) == ("204 No Content", b"")
    assert options.all("Content-Length") == options.all("Content-Type") == []
    only_post = Router([Route("/r", App("r"), methods=["POST"])])(not_found)
    head = get(only_post, "/r", "HEAD")
    assert (head.code, head.body, head["Content-Length"]) == (405, b"", "23")


def test_an_options_route_answers_itself() -> None:
    own = App("options")
    app = Router([Route("/r", own, methods=["OPTIONS"]), *REST])(not_found)
    assert get(app, "/r", "OPTIONS", check=False).body == b"options"
    every = Router([Route("/r", own), Route("/r", own, methods=["GET"])])(not_found)
    assert get(every, "/r", "OPTIONS", check=False).body == b"options"


def refusing(*lines: tuple[str, str], status: str = "405 No") -> Any:
    def inner(environ: Any, start_response: Any) -> list[bytes]:
        start_response(status, [("Content-Type", "text/plain"), *lines])
        return [b"inner"]

    return inner


@pytest.mark.parametrize(
    ("inner", "allow"),
    [
        (refusing(), ["GET, HEAD, OPTIONS"]),
        (refusing(("Allow", "PATCH, GET")), ["GET, HEAD, OPTIONS, PATCH"]),
        (refusing(("allow", "PUT"), ("Allow", "LINK")), ["GET, HEAD, LINK, OPTIONS, PUT"]),
        (refusing(("Allow", "PUT"), status="200 OK"), ["PUT"]),
        (refusing(status="404 Not Found"), []),
    ],
)
def test_next_joins_the_allow_of_the_inner_app(inner: Any, allow: list[str]) -> None:
    app = Router([Route("/r", App("r"), methods=["GET"])], method_mismatch="next")(inner)
    answer = get(app, "/r", "POST")
    assert answer.body == b"inner"
    assert answer.all("Allow") == allow
    # Where no route of ours fits nothing is joined.
    assert get(app, "/other", "POST").headers == get(inner, "/other", "POST").headers


def test_next_does_not_allow_the_options_that_were_refused() -> None:
    app = Router([Route("/r", App("r"), methods=["GET"])], method_mismatch="next")(refusing())
    assert get(app, "/r", "OPTIONS")["Allow"] == "GET, HEAD"


def test_next_hands_on_the_same_environ() -> None:
    seen: list[Any] = []

    def inner(environ: Any, start_response: Any) -> list[bytes]:
        seen.append((environ, dict(environ)))
        start_response("200 OK", [])
        return []

    app = Router([Route("/r", App("r"), methods=["GET"])], method_mismatch="next")(inner)
    environ = make_environ("/r", "POST")
    before = dict(environ)
    ask(app, environ)
    assert seen[0][0] is environ and seen[0][1] == before


# Mounts.


@pytest.mark.parametrize(
    ("pattern", "path", "script", "rest"),
    [
        ("/foo", "/foo", "/foo", ""),
        ("/foo", "/foo/", "/foo", "/"),
        ("/foo", "/foo/bar", "/foo", "/bar"),
        ("/foo", "/foo//bar", "/foo", "//bar"),
        ("/foo", "/foo/\xff%FF", "/foo", "/\xff%FF"),
        ("/foo", "/foobar", None, None),
        ("/foo", "/Foo", None, None),
        ("/foo", "//foo", None, None),
        ("/foo/", "/foo/x", "/foo", "/x"),
        ("/a/b", "/a/b/c", "/a/b", "/c"),
        ("/a/b", "/a/bc", None, None),
        ("/é", wsgi("/é/ü"), wsgi("/é"), wsgi("/ü")),
        ("/é", "/\xe9/x", None, None),
        ("/<t>", wsgi("/ü/x"), wsgi("/ü"), "/x"),
        ("/<t>", "/a", "/a", ""),
        ("/<t>", "/\xff/x", None, None),
        ("/<t>", "/a/\xff", "/a", "/\xff"),
        ("/t/<int:n>", "/t/7/x/y", "/t/7", "/x/y"),
        ("/t/<int:n>", "/t/x", None, None),
        ("/t/v<n>", "/t/v7//", "/t/v7", "//"),
        ("/", "/", "", "/"),
        ("/", "/x", "", "/x"),
        ("/", "/\xff", "", "/\xff"),
        ("/", "//x", "", "//x"),
        ("/", "*", None, None),
        ("/", "x", None, None),
    ],
)
@pytest.mark.parametrize("outer", ["", "/app", wsgi("/ö")])
@pytest.mark.parametrize("options", [{}, {"compiled": False}, {"encoded_slashes": "keep"}])
def test_mounts(
    pattern: str, path: str, script: str | None, rest: str, outer: str, options: Any
) -> None:
    inner = App("inner")
    app = Router([Mount(pattern, inner)], **options)(not_found)
    answer = get(app, path, check=False, SCRIPT_NAME=outer)
    assert answer.code == (404 if script is None else 200)
    if script is not None:
        assert inner.last["SCRIPT_NAME"] == outer + script
        assert inner.last["PATH_INFO"] == rest
        assert inner.last["wsgimw.mount"] == pattern.rstrip("/")
        assert inner.last["wsgimw.route"] == (pattern.rstrip("/") or "/")


def test_a_mount_without_script_name_or_path_info() -> None:
    inner = App("inner")
    app = Router([Mount("/a", inner), Mount("/", inner)])(not_found)
    ask(app, {"REQUEST_METHOD": "GET", "PATH_INFO": "/a/x"})
    assert (inner.last["SCRIPT_NAME"], inner.last["PATH_INFO"]) == ("/a", "/x")
    ask(app, {"REQUEST_METHOD": "GET"})
    assert "SCRIPT_NAME" not in inner.last and "PATH_INFO" not in inner.last
    ask(app, {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/s", "PATH_INFO": ""})
    assert (inner.last["SCRIPT_NAME"], inner.last["PATH_INFO"]) == ("/s", "")


def test_the_route_pattern_is_whole_across_mounts() -> None:
    page = App("page")
    users = Router([Route("/users/<int:id>", page)])(not_found)
    tenant = Router([Include("/x", [Mount("/y", users)])])(not_found)
    record = Record()
    app = Router([Mount("/t/<tenant>", tenant)])(not_found)
    get(app, "/t/acme/x/y/users/7", **key("wsgimw.record", record))
    assert page.last["wsgimw.route"] == record.route == "/t/<tenant>/x/y/users/<int:id>"
    assert page.last["wsgimw.mount"] == "/t/<tenant>/x/y"
    assert page.last[ARGS] == ((), {"tenant": "acme", "id": 7})
    assert page.last["SCRIPT_NAME"] == "/t/acme/x/y"


def test_a_router_that_is_the_target_of_a_route_doubles_nothing() -> None:
    page = App("page")
    inner = Router([Route("/a/<x>", page)])(not_found)
    app = Router([Mount("/m", Router([Route("/a/<y>", inner)])(not_found))])(not_found)
    get(app, "/m/a/1")
    assert page.last["wsgimw.route"] == "/m/a/<x>"
    assert page.last[ARGS] == ((), {"x": "1", "y": "1"})
    top = Router([Route("/a/<y>", inner)])(not_found)
    get(top, "/a/1")
    assert page.last["wsgimw.route"] == "/a/<x>" and "wsgimw.mount" not in page.last


def test_a_root_mount_in_a_mount() -> None:
    page = App("page")
    inner = Router([Mount("/", Router([Route("/p", page)])(not_found))])(not_found)
    get(Router([Mount("/m", inner)])(not_found), "/m/p")
    assert page.last["wsgimw.route"] == "/m/p" and page.last["wsgimw.mount"] == "/m"


@pytest.mark.parametrize(
    ("slashes", "path", "script", "status"),
    [
        ("redirect", "", "/s", 308),
        ("strict", "", "/s", 404),
        ("ignore", "", "/s", 200),
        ("redirect", "", "", 200),
        ("strict", "", "", 200),
        ("ignore", "", "", 200),
        ("redirect", None, None, 200),
        ("redirect", None, "/s", 308),
    ],
)
def test_an_empty_path(slashes: str, path: str | None, script: str | None, status: int) -> None:
    app = Router([Route("/", App("root"))], slashes=slashes)(not_found)
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "SCRIPT_NAME": script}
    answer = ask(app, {key: value for key, value in environ.items() if value is not None})
    assert answer.code == status
    if status == 308:
        assert answer["Location"] == "/s/"


# Law: a mounted Router and an Include are the same.

PIECES = ["", "/", "/a", "/a/", "/<x>", "/<int:x>/", "/<path:p>", "/<path:p>/e", "/a/<x>", "/é"]
TAILS = ["", "/", "/a", "/a/", "//", "//a", "/7", "/7/", "/a/b", "/x/e", "/é", "/\xff", "/a/\xff"]


def outcome(answer: Answer, target: App) -> Any:
    """Return what the law compares."""
    found = None
    if answer.code == 200:
        last = target.last
        found = (last[ARGS], last["wsgimw.route"])
    return answer.code, answer.all("X-App"), answer.all("Allow"), answer.all("Location"), found


def law(seed: int, tables: int) -> int:
    random = Random(seed)
    hits = 0
    target = App("target")
    for _ in range(tables):
        routes: list[Item] = []
        for piece in random.sample(PIECES[1:], random.randint(1, 6)):
            methods = random.choice([None, ["GET"], ["POST"], ["PUT", "GET"]])
            routes.append(Route(piece, target, methods=methods))
        prefix = random.choice(["/m", "/m/n", "/<t>", "/é", "/", "/v<int:v>"])
        options: Any = {
            "slashes": random.choice(["redirect", "strict", "ignore"]),
            "compiled": random.random() < 0.5,
        }
        try:
            inner = Router(routes, **options)(not_found)
            mounted = Router([Mount(prefix, inner)], **options)(not_found)
            included = Router([Include(prefix, routes)], **options)(not_found)
        except ValueError:
            continue
        start = prefix.replace("<t>", "x").replace("<int:v>", "3").rstrip("/")
        for tail in TAILS:
            path = wsgi(start) + (tail if "\xff" in tail else wsgi(tail))
            method = random.choice(["GET", "POST", "HEAD", "OPTIONS"])
            script = random.choice(["", "/s"])
            more = {"SCRIPT_NAME": script, "QUERY_STRING": "q=1"}
            one = outcome(get(mounted, path, method, check=False, **more), target)
            two = outcome(get(included, path, method, check=False, **more), target)
            assert one == two, (prefix, routes, path, method, options)
            hits += one[0] != 404
    return hits


def test_a_mounted_router_is_an_include() -> None:
    """Law: status, target, parameters, route and `Allow` are the same for every path."""
    assert law(11, tables=150) > 300


@pytest.mark.slow
def test_a_mounted_router_is_an_include_at_length() -> None:
    """The same law on some 20,000 requests."""
    assert law(12, tables=1500) > 3000


# Hosts.


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HTTP_HOST": "shop.example.com"}, b"tenant"),
        ({"HTTP_HOST": "SHOP.example.com.:80"}, b"tenant"),
        ({"HTTP_HOST": "", "SERVER_NAME": "shop.example.com"}, b"tenant"),
        ({"SERVER_NAME": "::1"}, b"six"),
        ({"HTTP_HOST": "[::1]:80"}, b"six"),
        ({"HTTP_HOST": "other.org"}, b"none"),
        ({"HTTP_HOST": "\xff"}, b"none"),
        ({}, b"none"),
    ],
)
@pytest.mark.parametrize("compiled", [True, False])
def test_hosts(environ: dict[str, str], expected: bytes, compiled: bool) -> None:
    tenant = App("tenant")
    app = Router(
        [
            Host("<tenant>.example.com", [Route("/<x>", tenant), Mount("/m", App("mounted"))]),
            Host("[::1]", [Route("/<x>", App("six"))]),
            Route("/<x>", App("none")),
        ],
        compiled=compiled,
    )(not_found)
    answer = ask(app, {"REQUEST_METHOD": "GET", "PATH_INFO": "/a", **environ})
    assert answer.body == expected
    if expected == b"tenant":
        assert tenant.last[ARGS] == ((), {"tenant": "shop", "x": "a"})
        assert tenant.last["wsgimw.route"] == "/<x>"
        mounted = ask(app, {"REQUEST_METHOD": "GET", "PATH_INFO": "/m/\xff", **environ})
        assert mounted.body == b"mounted"


# Encoded slashes.

KEEP = Router(
    [
        Route("/files/<name>", App("file")),
        Route("/files/a/b", App("static")),
        Route("/deep/<path:p>", App("deep")),
        Route("/é/<x>", App("accent")),
        Mount("/m/<t>", App("mounted")),
        Mount("/plain", App("plain")),
        Route("/dir/<x>/", App("dir")),
        Route("/<a>-<b>", App("mixed")),
        Route("/only", App("only"), methods=["GET"]),
    ],
    encoded_slashes="keep",
)


@pytest.mark.parametrize(
    ("uri", "path", "script", "name", "named"),
    [
        ("/files/a%2Fb", "/files/a/b", "", "file", {"name": "a/b"}),
        ("/files/a%2fb?x=%2F", "/files/a/b", "", "file", {"name": "a/b"}),
        ("http://h:80/files/a%2Fb", "/files/a/b", "", "file", {"name": "a/b"}),
        ("/files/a/b?x=%2F", "/files/a/b", "", "static", {}),
        ("/files/a/b", "/files/a/b", "", "static", {}),
        ("/s/files/a%2Fb", "/files/a/b", "/s", "file", {"name": "a/b"}),
        ("/s%2Ft/files/a", "/files/a", "/s/t", "file", {"name": "a"}),
        ("/s%2Ffiles/a/b", "/files/a/b", "/s", "static", {}),
        ("/files/a%252Fb", "/files/a%2Fb", "", "file", {"name": "a%2Fb"}),
        ("/files/a%252Fb%2Fc", "/files/a%2Fb/c", "", "file", {"name": "a%2Fb/c"}),
        ("/files/%2F%zz%", "/files//%zz%", "", "file", {"name": "/%zz%"}),
        ("/deep/a%2Fb/c", "/deep/a/b/c", "", "deep", {"p": "a/b/c"}),
        ("/deep/%2Fa", "/deep//a", "", None, {}),
        ("/%C3%A9/a%2Fb", wsgi("/é/a/b"), "", "accent", {"x": "a/b"}),
        ("/m/a%2Fb/c", "/m/a/b/c", "", "mounted", {"t": "a/b"}),
        ("/plain/a%2Fb", "/plain/a/b", "", "plain", {}),
        ("/x%2Fy-z", "/x/y-z", "", "mixed", {"a": "x/y", "b": "z"}),
        # The target was rewritten by some layer: PATH_INFO is right.
        ("/old/a%2Fb", "/files/a/b", "", "static", {}),
        ("/files/a%2Fb", "/files/x", "", "file", {"name": "x"}),
        ("*%2F", "/files/x", "", "file", {"name": "x"}),
        ("/\u20ac%2F", "/files/x", "", "file", {"name": "x"}),
        ("/files/%2F%FF", "/files//\xff", "", None, {}),
    ],
)
@pytest.mark.parametrize("raw", ["REQUEST_URI", "RAW_URI"])
def test_encoded_slashes_kept(
    uri: str, path: str, script: str, name: str | None, named: Any, raw: str
) -> None:
    app = KEEP(not_found)
    targets = {str(item.app): item.app for item in KEEP.routes}  # type: ignore[attr-defined]
    answer = get(app, path, check=False, SCRIPT_NAME=script, **key(raw, uri))
    if name is None:
        assert answer.code == 404
        return
    assert answer.body.decode() == name
    last = targets[name].last
    assert params(last) == named
    if name == "mounted":
        assert (last["SCRIPT_NAME"], last["PATH_INFO"]) == ("/m/a/b", "/c")
    if name == "plain":
        assert (last["SCRIPT_NAME"], last["PATH_INFO"]) == ("/plain", "/a/b")


def test_encoded_slashes_split_by_default() -> None:
    routes = KEEP.routes
    app = Router(routes)(not_found)
    assert get(app, "/files/a/b", RAW_URI="/files/a%2Fb").body == b"static"


def test_a_kept_slash_stays_encoded_in_a_slash_redirect() -> None:
    app = KEEP(not_found)
    answer = get(app, "/dir/a/b", RAW_URI="/s/dir/a%2fb", SCRIPT_NAME="/s", QUERY_STRING="q")
    assert answer["Location"] == "/s/dir/a%2Fb/?q"


def test_a_kept_slash_and_a_method() -> None:
    app = Router(
        [Route("/f/<x>", App("f"), methods=["GET"]), Route("/f/a/b", App("s"), methods=["PUT"])],
        encoded_slashes="keep",
    )(not_found)
    assert get(app, "/f/a/b", "POST", RAW_URI="/f/a%2Fb")["Allow"] == "GET, HEAD, OPTIONS"
    assert get(app, "/f/a/b", "POST", RAW_URI="/f/a/b")["Allow"] == "OPTIONS, PUT"


def test_keep_in_a_mounted_router() -> None:
    page = App("page")
    inner = Router([Route("/<x>", page)], encoded_slashes="keep")(not_found)
    app = Router([Mount("/<t>", inner)], encoded_slashes="keep")(not_found)
    assert get(app, "/a/b/c/d", RAW_URI="/a%2Fb/c%2Fd").body == b"page"
    assert params(page.last) == {"t": "a/b", "x": "c/d"}


# Layers, threads, memory.


def test_layers_for_one_route() -> None:
    @dataclass(frozen=True, slots=True)
    class Mark(Hooks):
        def on_head(self, x: Exchange) -> None:
            x.headers.append(("X-Mark", "1"))

    app = Router([Route("/a", compose(Mark())(App("a"))), Route("/b", App("b"))])(not_found)
    assert get(app, "/a").all("X-Mark") == ["1"]
    assert get(app, "/b").all("X-Mark") == []


@dataclass(frozen=True, slots=True)
class Watch(Hooks):
    """A layer with every hook, to be paired with."""

    def on_request(self, environ: Any) -> Any:
        return None

    def on_head(self, x: Exchange) -> None: ...

    def on_end(self, x: Exchange) -> None: ...


@dataclass(frozen=True, slots=True)
class Tag(Hooks):
    """A layer that edits the head."""

    def on_head(self, x: Exchange) -> None:
        x.headers.append(("X-Tag", "1"))


ROUTER = Router([Route("/never", App("never"), methods=["GET"]), Mount("/nor-this", App("x"))])
NEXT = Router([Route("/<path:p>", App("x"), methods=["LINK"])], method_mismatch="next")
REFUSED = Router(
    [Route("/", App("x"), methods=["LINK"]), Route("/<a>/<path:p>", App("x"), methods=["LINK"])],
    method_mismatch="next",
)


def target(app: Any) -> Any:
    """Make every request reach the app as the target of routes."""
    every = [Route("/", app), Route("/<path:p>", app)]
    return Router(every)(not_found)


def mounted(app: Any) -> Any:
    """Make every request reach the app through a root mount."""
    return Router([Mount("/", app)])(not_found)


@pytest.mark.parametrize(
    "layer",
    [
        pytest.param(ROUTER, id="falls through"),
        pytest.param(compose(*[ROUTER] * 6), id="six deep"),
        pytest.param(NEXT, id="next, quiet"),
        pytest.param(REFUSED, id="next, joining"),
        pytest.param(compose(*[REFUSED] * 6), id="joining, six deep"),
        pytest.param(target, id="a target"),
        pytest.param(mounted, id="mounted"),
        pytest.param(compose(ROUTER, Watch()), id="outside of hooks"),
        pytest.param(compose(Watch(), ROUTER), id="inside of hooks"),
        pytest.param(compose(REFUSED, Tag()), id="joining, outside of a head hook"),
        pytest.param(compose(Tag(), REFUSED), id="joining, inside of a head hook"),
        pytest.param(compose(Watch(), target, Tag()), id="a target, between hooks"),
        pytest.param(Router([], compiled=False), id="without routes"),
        pytest.param(Router([Host("x", [])], encoded_slashes="keep"), id="hosts, kept slashes"),
    ],
)
def test_the_kit(layer: Any) -> None:
    report = check_middleware(layer)
    assert report, report


def test_webtest_sees_a_sound_app() -> None:
    client = TestApp(
        Router([Route("/a/<int:x>/", App("a"), methods=["GET"]), Redirect("/r", "/a/1/")])(
            not_found
        )
    )
    assert client.get("/a/1/").text == "a"
    assert client.get("/a/1?q=2", status=308).headers["Location"] == "/a/1/?q=2"
    assert client.get("/r").follow().text == "a"
    assert client.head("/r", status=308).body == b""
    assert client.post("/a/1/", status=405).headers["Allow"] == "GET, HEAD, OPTIONS"
    assert client.options("/a/1/", status=204).body == b""
    assert client.get("/none", status=404).text == "404 Not Found\n"


def test_threads() -> None:
    router = Router([Route(f"/r{at}/<int:x>/<y>", App(str(at))) for at in range(50)])
    wrong: list[Any] = []
    start = threading.Barrier(8)

    def ask_many(seed: int) -> None:
        random = Random(seed)
        start.wait()
        for _ in range(1500):
            at, x = random.randrange(50), random.randrange(9)
            found = router.match("GET", f"/r{at}/{x}/z")
            if found is None or found[1] != {"x": x, "y": "z"} or str(found[0].app) != str(at):  # type: ignore[union-attr]
                wrong.append((at, x, found))

    threads = [threading.Thread(target=ask_many, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_no_cycles_are_left() -> None:
    app = Router(REST, method_mismatch="next")(not_found)
    mounts = Router([Mount("/m", app)])(not_found)
    requests = [("GET", "/r"), ("PATCH", "/r"), ("GET", "/m/r"), ("GET", "/m/dir"), ("PUT", "/x")]
    for method, path in requests:
        ask(mounts, make_environ(path, method))
    gc.collect()
    gc.disable()
    try:
        for method, path in requests * 20:
            ask(mounts, make_environ(path, method))
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "module",
    [
        "wsgimw.routing",
        "wsgimw.routing.compiled",
        "wsgimw.routing.converters",
        "wsgimw.routing.index",
        "wsgimw.routing.lint",
        "wsgimw.routing.matcher",
        "wsgimw.routing.patterns",
        "wsgimw.routing.requests",
        "wsgimw.routing.reverse",
        "wsgimw.routing.urls",
        "wsgimw.answers",
    ],
)
def test_imported_alone(module: str) -> None:
    program = (
        f"import sys; import {module}; "
        "assert not {'werkzeug', 'difflib', 'pytest'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_the_front_door() -> None:
    program = (
        "import sys, wsgimw; assert 'wsgimw.routing' not in sys.modules; "
        "from wsgimw import Host, Include, Mount, Redirect, Route, Router, not_found, params; "
        "assert Router([])(not_found).__name__ == 'Router'"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/r", 405),
        ("HEAD", "/posts", 405),
        ("OPTIONS", "/r", 204),
        ("GET", "/d", 308),
        ("HEAD", "/d", 308),
        ("GET", "/o", 302),
        ("GET", "/none", 404),
        ("HEAD", "/none", 404),
    ],
)
def test_httplint_finds_nothing(method: str, path: str, status: int) -> None:
    app = Router(
        [
            Route("/r", App("r"), methods=["GET"]),
            Route("/posts", App("p"), methods=["POST"]),
            Route("/d/", App("d")),
            Redirect("/o", "https://example.org/n", status=302),
        ]
    )(not_found)
    answer = get(app, path, method)
    assert answer.code == status
    assert notes(answer.status, answer.headers, answer.body, method) == []
