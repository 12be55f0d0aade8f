"""URLs that a Router writes: url_for with its proof, redirects and what cannot get into them."""

from __future__ import annotations

import string
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.routing_apps import App, get
from wsgimw import Host, Include, Mount, Redirect, Route, Router, not_found

app = App("app")


class Slug:
    """A converter that writes what it likes."""

    regex = ".+"

    def __init__(self, map: Any, url: str | None = None) -> None:
        self.url = url

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: Any) -> str:
        return self.url or str(value)


class Deep(Slug):
    part_isolating = False


TABLE = Router(
    [
        Route("/", app, name="home"),
        Route("/u/<int:id>", app, name="user"),
        Route("/n/<int(fixed_digits=3):n>", app, name="fixed"),
        Route("/i/<int(signed=True, min=-9):n>", app, name="signed"),
        Route("/f/<float:x>", app, name="float"),
        Route("/id/<uuid:x>", app, name="uuid"),
        Route("/any/<any(a, 'b c'):x>", app, name="any"),
        Route("/s/<name>", app, name="name"),
        Route("/s/me", app),
        Route("/p/<path:p>", app, name="path"),
        Route("/p/<path:p>/edit", app, name="edit"),
        Route("/m/<a>.<b>", app, name="mixed"),
        Route("/v<int:n>", app, name="version"),
        Route("/é t/<x>", app, name="accent"),
        Route("/dir/", app, name="dir"),
        Route("/./dot", app, name="dot"),
        Route("/c/<slug:x>", app, name="custom"),
        Route("/c2/<slug('%2e%2e'):x>", app, name="dots"),
        Route("/d/<deep:x>", app, name="deep"),
        Route("/<deep:x>", app, name="bare"),
        Mount("/mount/<t>", app, name="mount"),
        Mount("/static", app, name="static"),
        Mount("/", app, name="root"),
        Redirect("/old/<x>", "/s/<x>", name="old"),
        Include("/api", [Include("/v1", [Route("/x/<y>", app, name="x")], name="v1")], name="api"),
        Include("/plain", [Route("", app, name="plain")]),
        Host("<h>.x", [Route("/h/<a>", app, name="host")]),
        Route("/get/<x>", app, methods=["GET"], name="get"),
        Route("/get/<int:x>", app, methods=["POST"], name="post"),
        Route("/two/<x>", app, methods=["GET", "PUT"], name="two"),
        Route("/two/me", app, methods=["GET"]),
        Route("/all/<x>", app, name="all"),
        Route("/all/me", app, methods=["GET"]),
    ],
    converters={"slug": Slug, "deep": Deep},
)


@pytest.mark.parametrize(
    ("name", "params", "url"),
    [
        ("home", {}, "/"),
        ("user", {"id": 7}, "/u/7"),
        ("user", {"id": "7"}, "/u/7"),
        ("user", {"id": 7.0}, "/u/7"),
        ("fixed", {"n": 7}, "/n/007"),
        ("signed", {"n": -5}, "/i/-5"),
        ("float", {"x": 1.5}, "/f/1.5"),
        ("float", {"x": 2}, "/f/2.0"),
        ("uuid", {"x": UUID(int=5)}, "/id/00000000-0000-0000-0000-000000000005"),
        ("uuid", {"x": "0" * 32}, "/id/00000000-0000-0000-0000-000000000000"),
        ("any", {"x": "b c"}, "/any/b%20c"),
        ("name", {"name": "a b%/é"[:4]}, "/s/a%20b%25"),
        ("name", {"name": "é?#"}, "/s/%C3%A9%3F%23"),
        ("name", {"name": "a\nb\0"}, "/s/a%0Ab%00"),
        ("name", {"name": "!$&'()*+,;=:@-._~"}, "/s/!$&'()*+,;=:@-._~"),
        ("name", {"name": 5}, "/s/5"),
        ("path", {"p": "a/b c"}, "/p/a/b%20c"),
        ("path", {"p": "a//b/"}, "/p/a//b/"),
        ("edit", {"p": "a/b"}, "/p/a/b/edit"),
        ("mixed", {"a": "x.tar", "b": "gz"}, "/m/x.tar.gz"),
        ("version", {"n": 2}, "/v2"),
        ("accent", {"x": "ü"}, "/%C3%A9%20t/%C3%BC"),
        ("dir", {}, "/dir/"),
        ("custom", {"x": "a%20b"}, "/c/a%20b"),
        ("deep", {"x": "a/b"}, "/d/a/b"),
        ("mount", {"t": "x"}, "/mount/x"),
        ("static", {}, "/static"),
        ("root", {}, "/"),
        ("old", {"x": "a"}, "/old/a"),
        ("api.v1.x", {"y": "z"}, "/api/v1/x/z"),
        ("plain", {}, "/plain"),
        ("host", {"a": "b"}, "/h/b"),
        ("get", {"x": "5"}, "/get/5"),
        ("post", {"x": 5}, "/get/5"),
        ("two", {"x": "you"}, "/two/you"),
    ],
)
def test_url_for(name: str, params: dict[str, Any], url: str) -> None:
    assert TABLE.url_for(name, **params) == url


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("hoem", {}, "no route named 'hoem'; did you mean 'home'"),
        ("zzz", {}, "no route named 'zzz'; there are: home, user"),
        ("x", {"y": "z"}, "no route named 'x'"),
        ("user", {}, "route 'user' needs the parameter 'id'; there are: none"),
        ("user", {"ids": 5}, "no parameter 'ids'; did you mean 'id'"),
        ("user", {"id": 5, "x": 1}, "route 'user' has no parameter 'x'"),
        ("host", {"a": "b", "h": "c"}, "no parameter 'h'"),
        ("user", {"id": -1}, "'/u/-1' would be the URL of '/u/<int:id>', but it leads to"),
        ("user", {"id": "x"}, "route 'user', '/u/<int:id>': invalid literal"),
        ("user", {"id": 5.5}, "5.5 is no whole number"),
        ("user", {"id": None}, "route 'user'"),
        ("user", {"id": float("inf")}, "route 'user'"),
        ("fixed", {"n": 12345}, "but it leads to"),
        ("signed", {"n": -10}, "but it leads to"),
        ("float", {"x": float("nan")}, "but it leads to"),
        ("float", {"x": float("inf")}, "but it leads to"),
        ("float", {"x": 1e301}, "but it leads to"),
        ("float", {"x": -1.5}, "but it leads to"),
        ("uuid", {"x": "x"}, "route 'uuid'"),
        ("any", {"x": "c"}, "'c' is not one of 'a', 'b c'"),
        ("name", {"name": "a/b"}, "but it leads to"),
        ("name", {"name": ""}, "but it leads to"),
        ("name", {"name": None}, "None is no text"),
        ("name", {"name": b"x"}, "b'x' is no text"),
        (
            "name",
            {"name": "me"},
            "'/s/me' would be the URL of '/s/<name>', but it leads to '/s/me'",
        ),
        ("name", {"name": "\ud800"}, "route 'name'"),
        ("name", {"name": "."}, "every client resolves its dot segment"),
        ("name", {"name": ".."}, "every client resolves its dot segment"),
        ("path", {"p": "a/../b"}, "dot segment"),
        ("path", {"p": "/a"}, "but it leads to"),
        ("path", {"p": ""}, "but it leads to"),
        ("path", {"p": "a/edit"}, "but it leads to '/p/<path:p>/edit'"),
        ("mixed", {"a": "x", "b": "tar.gz"}, "it is read as {'a': 'x.tar', 'b': 'gz'}"),
        ("mixed", {"a": "", "b": "x"}, "but it leads to"),
        ("version", {"n": -1}, "but it leads to"),
        ("dot", {}, "dot segment"),
        ("dots", {"x": 1}, "dot segment"),
        ("custom", {"x": "%FF"}, "it is no valid text"),
        ("bare", {"x": "/evil.example"}, "it would name another host"),
        ("bare", {"x": "static/x"}, "but it leads to '/static'"),
        ("mount", {"t": "a/b"}, "but it leads to|is read as"),
        ("mount", {"t": ".."}, "dot segment"),
        ("two", {"x": "me"}, "but it leads to '/two/me'"),
        ("all", {"x": "me"}, "but it leads to '/all/me'"),
    ],
)
def test_url_for_refuses(name: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TABLE.url_for(name, **params)


def test_a_custom_url_that_is_none_is_encoded() -> None:
    assert TABLE.url_for("custom", x="a b?#%") == "/c/a%20b%3F%23%25"


def test_an_encoded_slash_where_it_is_kept() -> None:
    routes = [Route("/f/<x>", app, name="f"), Route("/f/a/b", app)]
    assert Router(routes, encoded_slashes="keep").url_for("f", x="a/b") == "/f/a%2Fb"
    with pytest.raises(ValueError, match="leads to '/f/a/b'"):
        Router(routes).url_for("f", x="a/b")


def test_no_names() -> None:
    with pytest.raises(ValueError, match="there are: none"):
        Router([]).url_for("x")


@given(st.text(max_size=8), st.booleans())
@example("a/b", True)
@example("..", True)
@example("me", False)
def test_a_url_leads_back(text: str, keep: bool) -> None:
    """Law: what url_for returns is matched by the same route, with the same value."""
    router = Router(
        [Route("/s/<name>", app, name="n"), Route("/s/me", app), Route("/s/<name>.<ext>", app)],
        encoded_slashes="keep" if keep else "split",
    )
    try:
        url = router.url_for("n", name=text)
    except ValueError:
        return
    assert url.isascii() and "//" not in url and not set(url) & set(' "<>\\^`{|}')
    if keep and "%2F" in url:
        path = unquote(url)
        target = App("n")
        bound = Router([Route("/s/<name>", target)], encoded_slashes="keep")(not_found)
        wsgi = path.encode().decode("latin-1")
        assert get(bound, wsgi, RAW_URI=url, check=False).code == 200
        assert target.last["wsgiorg.routing_args"][1] == {"name": text}
    else:
        assert router.match("GET", unquote(url)) == (
            Route("/s/<name>", app, name="n"),
            {"name": text},
        )


VALUES = st.one_of(st.integers(), st.floats(), st.text(max_size=6), st.uuids(), st.none())


@given(
    st.sampled_from(["user", "fixed", "signed", "float", "uuid", "any", "name", "path", "version"]),
    VALUES,
)
def test_a_url_of_any_kind_leads_back(name: str, value: Any) -> None:
    """Law: a URL comes back to the route that wrote it, or there is none."""
    entry = TABLE._index.names[name][0]
    (param,) = entry.names
    try:
        url = TABLE.url_for(name, **{param: value})
    except ValueError:
        assume(value is not None)
        return
    found = TABLE.match("GET", unquote(url))
    assert found is not None and found[0] is entry.item
    assert TABLE.url_for(name, **found[1]) == url


# Redirects.


def location(routes: Any, path: str, **more: Any) -> str:
    answer = get(Router(routes)(not_found), path, check=False, **more)
    assert 300 < answer.code < 309
    return answer["Location"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_whole_answer(status: int) -> None:
    bound = Router([Redirect("/a", "/b", status=status)])(not_found)
    answer = get(bound, "/a", "POST")
    assert answer.code == status and answer.body.startswith(str(status).encode())
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    head = get(bound, "/a", "HEAD")
    assert (head.headers, head.body) == (answer.headers, b"")


@pytest.mark.parametrize(
    ("pattern", "to", "path", "query", "script", "expected"),
    [
        ("/a", "/b", "/a", "", "", "/b"),
        ("/a", "/b", "/a", "x=1", "", "/b?x=1"),
        ("/a", "/b?y=2", "/a", "x=1", "", "/b?y=2&x=1"),
        ("/a", "/b#top", "/a", "x=1", "", "/b?x=1#top"),
        ("/a", "/b", "/a", "x=%2F+a&b=\"'", "", "/b?x=%2F+a&b=\"'"),
        ("/a", "/b", "/a", "x=\r\n\t é", "", "/b?x=%0D%0A%09%20%E9"),
        ("/a", "/b", "/a", "", "/app", "/app/b"),
        ("/a", "/b", "/a", "", "/a\xc3\xa9 b", "/a%C3%A9%20b/b"),
        ("/a", "/", "/a", "", "", "/"),
        ("/a", "/é b%20c%", "/a", "", "", "/%C3%A9%20b%20c%25"),
        ("/o/<int:id>", "/n/<id>", "/o/007", "", "", "/n/7"),
        ("/o/<x>", "/n/<x>", "/o/a b", "", "", "/n/a%20b"),
        ("/o/<x>", "/n/<x>/<x>", "/o/a", "", "", "/n/a/a"),
        ("/o/<x>", "/n?q=<x>&r", "/o/a&b=c+d;?#/", "", "", None),
        ("/o/<x>", "/n?q=<x>&r", "/o/a&b=c+d;?#", "", "", "/n?q=a%26b%3Dc%2Bd%3B%3F%23&r"),
        ("/o/<path:p>", "/n/<p>", "/o/a/b c", "", "", "/n/a/b%20c"),
        ("/o/<path:p>", "/<p>", "/o/a//b", "", "", "/a//b"),
        ("/o/<a>-<int:b>", "/<b>/<a>", "/o/x-07", "", "", "/7/x"),
        ("/o", "https://example.org", "/o", "q", "/app", "https://example.org?q"),
        ("/o/<x>", "https://example.org:8/a?b=<x>", "/o/é", "", "", None),
        ("/o", "http://[::1]:80/x", "/o", "", "", "http://[::1]:80/x"),
    ],
)
def test_redirects(
    pattern: str, to: str, path: str, query: str, script: str, expected: str | None
) -> None:
    path = path.encode().decode("latin-1")
    query = query.encode("latin-1").decode("latin-1")
    if expected is None:
        bound = Router([Redirect(pattern, to)])(not_found)
        answer = get(bound, path, check=False, QUERY_STRING=query, SCRIPT_NAME=script)
        if answer.code == 308:
            assert answer["Location"] == "https://example.org:8/a?b=%C3%A9"
        return
    assert location([Redirect(pattern, to)], path, QUERY_STRING=query, SCRIPT_NAME=script) == (
        expected
    )


def test_a_redirect_in_an_include_and_below_a_mount() -> None:
    routes = [Include("/i/<t>", [Redirect("/a", "/b/<t>")])]
    assert location(routes, "/i/x/a") == "/b/x"
    inner = Router([Redirect("/a", "/b")])(not_found)
    assert location([Mount("/m", inner)], "/m/a") == "/m/b"
    host = [Host("<h>.x", [Redirect("/a", "/<h>")])]
    assert location(host, "/a", HTTP_HOST="Z.x") == "/z"


def test_redirects_set_no_keys() -> None:
    seen: list[Any] = []
    router = Router([Redirect("/a", "/b"), Route("/d/", app)])(not_found)
    for path in ("/a", "/d"):
        environ: dict[str, Any] = {"REQUEST_METHOD": "GET", "PATH_INFO": path}
        before = dict(environ)
        list(router(environ, lambda *args: seen.append(args)))  # type: ignore[arg-type]
        assert environ == before


@pytest.mark.parametrize(
    ("path", "query", "script", "expected"),
    [
        ("/d", "", "", "/d/"),
        ("/d", "a=1&b=%20", "", "/d/?a=1&b=%20"),
        ("/d", "", "/app", "/app/d/"),
        ("/x/a b", "", "", "/x/a%20b/"),
        ("/x/%2F?#", "", "", "/x/%252F%3F%23/"),
        ("/x/\xc3\xa9", "", "", "/x/%C3%A9/"),
        ("/x/a\r\nb", "\r\n", "", "/x/a%0D%0Ab/?%0D%0A"),
        ("/p/a//b", "", "", "/p/a//b/"),
    ],
)
def test_slash_redirects(path: str, query: str, script: str, expected: str) -> None:
    routes = [Route("/d/", app), Route("/x/<x>/", app), Route("/p/<path:p>/", app)]
    assert location(routes, path, QUERY_STRING=query, SCRIPT_NAME=script) == expected


EVIL = [
    "//evil.example",
    "/\\evil.example",
    "/%5cevil.example",
    "///evil.example",
    "/\\/evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\x00/evil.example",
    "/ /evil.example",
    "/https://evil.example",
    "/@evil.example",
    "/;//evil.example",
    "/\r\nLocation: //evil.example",
    "/\xe2\x80\xa8/evil.example",
]


class Anything(Deep):
    """A catch-all that binds leading slashes, too."""

    regex = r"(?s:.+)"


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("script", ["", *EVIL])
def test_no_redirect_leaves_the_site(evil: str, script: str) -> None:
    routes = [
        Route("/<any:x>/", app),
        Redirect("/go/<any:x>", "/<x>"),
        Redirect("/to/<any:x>", "/to/<x>?n=<x>"),
    ]
    bound = Router(routes, converters={"any": Anything})(not_found)
    for path in (evil, f"/go{evil}", f"/to{evil}", f"/go/{evil}"):
        answer = get(bound, path, check=False, SCRIPT_NAME=script, HTTP_HOST="evil.example")
        if answer.code != 308:
            continue
        url = answer["Location"]
        assert url[0] == "/" and url[1:2] not in ("/", "\\")
        assert url.isascii() and not set(url) & (set(string.whitespace) | set("\\\0"))
        # As browsers read it: tabs and line ends dropped, backslashes turned.
        assert urlsplit(url.replace("\\", "/")).netloc == ""


def test_a_redirect_never_holds_the_host() -> None:
    more = {
        "HTTP_HOST": "evil.example",
        "HTTP_X_FORWARDED_HOST": "evil.example",
        "HTTP_X_FORWARDED_PROTO": "https",
        "wsgi.url_scheme": "https",
    }
    assert location([Route("/d/", app)], "/d", **more) == "/d/"
    assert location([Redirect("/r", "/x")], "/r", **more) == "/x"
