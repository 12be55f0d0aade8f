"""Require: which rule is asked, whatever the spelling of path and method; explain and lint."""

from __future__ import annotations

from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.auth_kit import ask, posting
from wsgimw.auth import (
    Authenticate,
    Bearer,
    Identity,
    Require,
    Tokens,
    all_of,
    any_of,
    hash_token,
    role,
    scope,
    user,
)
from wsgimw.auth.rules import _UNDONE, methods_of
from wsgimw.http.paths import canonical

EXAMPLE: dict[str, Any] = {
    "/": "authenticated",
    "/health": "anyone",
    "/admin": role("admin"),
    "POST /orders": scope("orders.write"),
}
ADA = Identity("ada")
ADMIN = Identity("root", roles=frozenset({"admin"}))
WRITER = Identity("writer", scopes=frozenset({"orders.write"}))
_PUBLIC: dict[str, Any] = {
    "/": "anyone",
    "/admin": role("admin"),
    "/Docs": user("writer"),
    "GET /get": "nobody",
}


def wsgi(path: str) -> str:
    return path.encode().decode("latin-1")


def status(rules: Any, who: Any = None, path: str = "/", **keys: Any) -> str:
    keys = {"wsgimw.identity": who, "PATH_INFO": wsgi(path)} | keys
    return ask(Require(rules), **keys).status[:3]


@pytest.mark.parametrize(
    ("path", "method", "who", "wanted"),
    [
        pytest.param("/", "GET", None, "401", id="nobody"),
        pytest.param("/", "GET", ADA, "200", id="somebody"),
        pytest.param("", "GET", None, "401", id="the empty path is /"),
        pytest.param("/health", "GET", None, "200", id="open"),
        pytest.param("/health/deep", "DELETE", None, "200", id="open below"),
        pytest.param("/healthy", "GET", None, "401", id="a prefix ends on a segment"),
        pytest.param("/health?", "GET", None, "401", id="a question mark in the path"),
        pytest.param("/admin", "GET", ADA, "403", id="another role"),
        pytest.param("/admin", "GET", None, "401", id="no role"),
        pytest.param("/admin/x/y", "PUT", ADMIN, "200", id="the role"),
        pytest.param("/orders", "GET", ADA, "200", id="another method falls to /"),
        pytest.param("/orders/1", "POST", ADA, "403", id="the method"),
        pytest.param("/orders/1", "POST", WRITER, "200", id="the scope"),
        pytest.param("/orders", "post", ADA, "403", id="a method in small letters"),
        pytest.param("admin", "GET", ADA, "403", id="without a leading slash"),
        pytest.param("*", "OPTIONS", ADA, "200", id="the asterisk form"),
        pytest.param("*", "OPTIONS", None, "401", id="the asterisk form, nobody"),
    ],
)
def test_the_example(path: str, method: str, who: Identity | None, wanted: str) -> None:
    assert status(EXAMPLE, who, path, REQUEST_METHOD=method) == wanted


@pytest.mark.parametrize(
    "path",
    [
        "//admin",
        "///admin///x",
        "/ADMIN",
        "/Admin/x",
        "/admin;x=1",
        "/admin;/x",
        "/admin.",
        "/admin /x",
        "/%61dmin",
        "/%2561dmin",
        "/admin%2Fx",
        "\\admin",
        "/\\admin",
        "/\uff41dmin",
        "/admin\\x",
        "//admin//public",
        "/;x/admin",
        "admin/x",
    ],
)
def test_no_spelling_slips_past_a_rule(path: str) -> None:
    assert status(_PUBLIC, ADA, path) == "403"
    assert status(_PUBLIC, ADMIN, path) == "200"


@pytest.mark.parametrize(
    "path",
    [
        "/public/../admin",
        "/./admin",
        "/admin/..",
        "/public/%2e%2e/admin",
        "/public/%252e%252e/admin",
        "/public/..;x/admin",
        "/public\\..\\admin",
        "/a/ . /b",
        "/a\nb",
        "/a\x00",
        "/a%00",
        "/a\x7f",
        "/‥/admin",
    ],
)
def test_a_path_that_cannot_be_decided_is_400(path: str) -> None:
    for rules in (_PUBLIC, "anyone"):
        assert status(rules, ADMIN, path) == "400"
    assert Require(_PUBLIC).explain(f"GET {path}".replace("\n", "%0A")).endswith("DENY 400")


def test_bytes_that_are_not_utf_8_are_400() -> None:
    assert status(_PUBLIC, ADMIN, PATH_INFO="/\xe9") == "400"


@pytest.mark.parametrize(
    ("path", "who", "wanted"),
    [
        pytest.param("/Docs", WRITER, "200", id="as written"),
        pytest.param("/docs", ADA, "403", id="a plain path meets the rule in capitals"),
        pytest.param("/docs", WRITER, "200", id="and may pass it"),
        pytest.param("/DOCS/x", ADA, "403", id="another case"),
        pytest.param("/docs2", ADA, "200", id="another segment"),
    ],
)
def test_prefixes_in_both_spellings(path: str, who: Identity, wanted: str) -> None:
    assert status(_PUBLIC, who, path) == wanted


def test_an_opening_in_capitals_is_one_only_as_written() -> None:
    rules = {"/": "nobody", "/Docs": "anyone"}
    found = [status(rules, ADA, path) for path in ("/Docs", "/Docs/x", "/docs", "/DOCS", "/Docs2")]
    assert found == ["200", "200", "403", "403", "403"]


def test_rules_that_differ_in_case_alone_are_both_asked() -> None:
    rules = {"/": "anyone", "/docs": user("a"), "GET /Docs": user("b")}
    one = {
        "/": "anyone",
        "/docs": any_of(user("a"), user("c")),
        "/Docs": any_of(user("b"), user("c")),
    }
    for who, path, wanted in (("a", "/docs", "403"), ("b", "/docs", "403"), ("b", "/Docs", "403")):
        assert status(rules, Identity(who), path) == wanted, (who, path)
    assert status(one, Identity("c"), "/DOCS") == "200"
    assert status(rules, Identity("a"), "/docs", REQUEST_METHOD="PUT") == "200"


def test_every_rule_above_counts_where_the_path_may_be_half_undone() -> None:
    rules = {"/": "anyone", "/admin": role("admin"), "/admin/public": "anyone"}
    for path in ("/admin/public", "/admin/public/x"):
        assert status(rules, None, path) == "200"
    for path in (
        "//admin//public",
        "/admin/public//x",
        "/admin/public;a",
        "/admin%2Fpublic",
        "/admin\\public",
        "/admin\uff0fpublic.",
        "/admin/public\uff1ba",
    ):
        assert status(rules, None, path) == "401"
        assert status(rules, ADMIN, path) == "200"


def test_whatever_becomes_a_divider_may_be_half_undone() -> None:
    """NFKC makes a slash of U+FF0F, and of some characters that one would not think of."""
    found = [
        char
        for char in map(chr, [*range(0x80, 0xD800), *range(0xE000, 0x110000)])
        if not {*"/\\;%"}.isdisjoint(normalize("NFKC", char))
    ]
    assert len(found) >= 12
    for char in found:
        assert _UNDONE(f"/admin{char}"), hex(ord(char))
    assert not _UNDONE("/Zo\xeb/50%.x/\u3042")


METHODS = {"/": "anyone", "DELETE,PUT /": "nobody", "/x": "anyone", "GET /x": "nobody"}


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        pytest.param({}, "200", id="POST"),
        pytest.param({"REQUEST_METHOD": "DELETE"}, "401", id="DELETE"),
        pytest.param({"REQUEST_METHOD": "PUT"}, "401", id="PUT"),
        pytest.param({"REQUEST_METHOD": "delete"}, "401", id="small letters"),
        pytest.param({"HTTP_X_HTTP_METHOD_OVERRIDE": "DELETE"}, "401", id="X-HTTP-Method-Override"),
        pytest.param({"HTTP_X_METHOD_OVERRIDE": " delete "}, "401", id="X-Method-Override"),
        pytest.param({"HTTP_X_HTTP_METHOD": "PATCH,DELETE"}, "401", id="X-HTTP-Method, merged"),
        pytest.param({"HTTP_X_HTTP_METHOD": "PATCH"}, "200", id="a method that is allowed"),
        pytest.param({"QUERY_STRING": "_method=DELETE"}, "401", id="_method"),
        pytest.param({"QUERY_STRING": "a=1&_method=delete"}, "401", id="_method, second"),
        pytest.param({"QUERY_STRING": "a=1;%5Fmethod=%44ELETE"}, "401", id="_method, escaped"),
        pytest.param({"QUERY_STRING": "_METHOD=PUT"}, "401", id="_METHOD"),
        pytest.param({"QUERY_STRING": "_method=PATCH&_method=PUT"}, "401", id="_method twice"),
        pytest.param({"QUERY_STRING": "method=PUT&x=%41"}, "200", id="another parameter"),
        pytest.param({"PATH_INFO": "/x"}, "200", id="POST /x"),
        pytest.param({"PATH_INFO": "/x", "REQUEST_METHOD": "GET"}, "401", id="GET /x"),
        pytest.param({"PATH_INFO": "/x", "REQUEST_METHOD": "HEAD"}, "401", id="GET covers HEAD"),
        pytest.param({"PATH_INFO": "/x", "REQUEST_METHOD": "DELETE"}, "200", id="longest wins"),
    ],
)
def test_methods(keys: dict[str, str], wanted: str) -> None:
    assert status(METHODS, **{"REQUEST_METHOD": "POST"} | keys) == wanted


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        pytest.param({}, [""], id="nothing at all"),
        pytest.param({"REQUEST_METHOD": "GET"}, ["GET"], id="no query"),
        pytest.param({"REQUEST_METHOD": "get", "QUERY_STRING": ""}, ["get", "GET"], id="small"),
        pytest.param(
            {
                "REQUEST_METHOD": "POST",
                "HTTP_X_HTTP_METHOD_OVERRIDE": "put",
                "HTTP_X_METHOD_OVERRIDE": " Patch ,",
                "HTTP_X_HTTP_METHOD": "PUT",
                "QUERY_STRING": "a=_method&_method=delete;_Method=%50ut&_method",
            },
            ["POST", "PUT", "PATCH", "DELETE"],
            id="all of them, each once",
        ),
    ],
)
def test_the_methods_that_a_request_may_be_taken_for(
    environ: dict[str, str], wanted: list[str]
) -> None:
    assert methods_of(environ) == wanted


def test_head_may_have_a_rule_of_its_own() -> None:
    rules = {"/": "nobody", "GET /": "nobody", "HEAD /": "anyone"}
    assert status(rules, REQUEST_METHOD="HEAD") == "200"


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param({"QUERY_STRING": "/health"}, id="GHSA-7rh7-c77v-6434: query"),
        pytest.param({"PATH_INFO": "/admin#/health"}, id="GHSA-pxq7-h93f-9jrg: fragment"),
        pytest.param({"HTTP_X_FORWARDED_URI": "/health"}, id="GHSA-7x63-xv5r-3p2x"),
        pytest.param({"HTTP_X_ORIGINAL_URL": "/health"}, id="X-Original-URL"),
        pytest.param({"HTTP_X_REWRITE_URL": "/health"}, id="X-Rewrite-URL"),
        pytest.param({"HTTP_USER_AGENT": "GoogleHC/1.0"}, id="GHSA-5hvv-m4w4-gf6v"),
        pytest.param({"REQUEST_URI": "/health", "RAW_URI": "/health"}, id="REQUEST_URI"),
    ],
)
def test_only_path_info_is_the_path(keys: dict[str, str]) -> None:
    assert status(EXAMPLE, None, **{"PATH_INFO": "/admin"} | keys) == "401"


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        pytest.param({"wsgimw.identity": ADA}, "200", id="the identity"),
        pytest.param({"wsgimw.identity": None}, "401", id="Authenticate let nobody in"),
        pytest.param({"wsgimw.identity": None, "REMOTE_USER": "ada"}, "401", id="and that decides"),
        pytest.param({"REMOTE_USER": "ada"}, "200", id="REMOTE_USER where it stands alone"),
        pytest.param({}, "403", id="nobody to ask for credentials"),
        pytest.param({"REMOTE_USER": ""}, "403", id="an empty REMOTE_USER"),
        pytest.param({"REMOTE_USER": "\xe9"}, "403", id="a REMOTE_USER that is no UTF-8"),
        pytest.param({"REMOTE_USER": "a\nb"}, "403", id="a REMOTE_USER with a newline"),
    ],
)
def test_who_it_is(keys: dict[str, Any], wanted: str) -> None:
    assert ask(Require("authenticated"), **keys).status[:3] == wanted


@pytest.mark.parametrize(
    ("predicate", "who", "wanted"),
    [
        pytest.param("anyone", None, True, id="anyone"),
        pytest.param("nobody", ADMIN, False, id="nobody"),
        pytest.param(role("x", "admin"), ADMIN, True, id="any of the roles"),
        pytest.param(role("x"), ADMIN, False, id="none of the roles"),
        pytest.param(role("x"), None, False, id="roles of nobody"),
        pytest.param(scope("orders.write"), WRITER, True, id="the scope"),
        pytest.param(scope("orders.write", "x"), WRITER, False, id="all of the scopes"),
        pytest.param(scope("x"), None, False, id="scopes of nobody"),
        pytest.param(user("x", "ada"), ADA, True, id="any of the users"),
        pytest.param(user("Ada"), ADA, False, id="exactly"),
        pytest.param(all_of("authenticated", user("ada")), ADA, True, id="all_of"),
        pytest.param(all_of(user("ada"), role("x")), ADA, False, id="not all_of"),
        pytest.param(any_of("nobody", user("ada")), ADA, True, id="any_of"),
        pytest.param(any_of("nobody", role("x")), ADA, False, id="not any_of"),
        pytest.param(lambda who, environ: who.subject == "ada", ADA, True, id="a function"),
        pytest.param(lambda who, environ: 0, ADA, False, id="a function's truth"),
    ],
)
def test_predicates(predicate: Any, who: Identity | None, wanted: bool) -> None:
    for rules in (predicate, {"/": predicate}):
        assert (status(rules, who) == "200") is wanted


def test_a_predicate_that_raises_is_503(caplog: pytest.LogCaptureFixture) -> None:
    def raising(who: Any, environ: Any) -> bool:
        raise ValueError(environ["HTTP_AUTHORIZATION"])

    call = ask(Require({"/": raising}), auth="Bearer hunter2-canary")
    assert call.status[:3] == "503" and call.values("Retry-After") == ["1"]
    assert "the rule '/' of Require() failed" in caplog.text
    assert "hunter2" not in caplog.text


TOKENS = Tokens({"ci": hash_token("x")}, scopes={"ci": ["read"]}, roles={"ci": ["bot"]})


@pytest.mark.parametrize(
    ("predicate", "scopes"),
    [
        pytest.param(scope("write"), "write", id="one"),
        pytest.param(scope("b", "a"), "b a", id="in order"),
        pytest.param(all_of(scope("read"), scope("write")), "write", id="all_of"),
        pytest.param(any_of(user("x"), scope("write")), "write", id="any_of"),
        pytest.param(all_of(role("x"), scope("write")), None, id="a role is missing as well"),
        pytest.param(any_of(user("x"), role("y")), None, id="no scope"),
        pytest.param(role("x"), None, id="a role"),
    ],
)
def test_a_bearer_hears_which_scope_is_missing(predicate: Any, scopes: str | None) -> None:
    """RFC 6750, 3.1."""
    call = ask(Authenticate(Bearer(TOKENS)), Require(predicate), auth="Bearer x")
    asked = [f'Bearer error="insufficient_scope", scope="{scopes}"'] if scopes else []
    assert call.status == "403 Forbidden"
    assert call.values("WWW-Authenticate") == asked
    assert call.values("Cache-Control") == ["no-store"]
    assert call.values("Vary") == ["Authorization"]
    assert call.environ["wsgimw.record"].reasons[-1] == "require:/"


def test_a_401_gets_the_challenges_of_outside() -> None:
    call = ask(Authenticate(Bearer(TOKENS), required=False), Require("authenticated"))
    assert call.status == "401 Unauthorized"
    assert call.values("WWW-Authenticate") == ['Bearer realm="Restricted"']


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_answers(method: str) -> None:
    call = ask(Require("nobody"), REQUEST_METHOD=method)
    assert call.headers == [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", "14"),
        ("Cache-Control", "no-store"),
    ]
    assert call.raw == (b"" if method == "HEAD" else b"403 Forbidden\n")
    assert ask(Require("nobody"), **posting(b"x")).status[:3] == "403"
    assert "wsgimw.record" not in call.environ


@pytest.mark.parametrize(
    ("rules", "error", "says"),
    [
        pytest.param({}, ValueError, 'no rule for "/"', id="no rule"),
        pytest.param({"/x": "anyone"}, ValueError, 'no rule for "/"', id="no rule for /"),
        pytest.param({"GET /": "anyone"}, ValueError, 'no rule for "/"', id="/ for one method"),
        pytest.param({"/": "anyon"}, ValueError, "did you mean 'anyone'", id="misspelt"),
        pytest.param({"/": "admin"}, ValueError, r"a role is role\('admin'\)", id="a role"),
        pytest.param("everybody", ValueError, "the words are anyone", id="unknown word"),
        pytest.param({"/": role}, TypeError, r'the class role; write role\("name"\)', id="class"),
        pytest.param({"/": 3}, TypeError, "it takes a word", id="a number"),
        pytest.param({"/": lambda: True}, TypeError, "function of", id="no arguments"),
        pytest.param(
            {"/": "anyone", "x": "anyone"}, ValueError, "begins with a slash: '/x'", id="no slash"
        ),
        pytest.param({"/": "anyone", "//": "nobody"}, ValueError, "write '/'", id="slashes alone"),
        pytest.param({"/": "anyone", "/a//b": "anyone"}, ValueError, "'/a/b'", id="double slash"),
        pytest.param({"/": "anyone", "/a;b": "anyone"}, ValueError, "'/a'", id="params"),
        pytest.param({"/": "anyone", "/a/../b": "anyone"}, ValueError, "dot segments", id="dots"),
        pytest.param({"/": "anyone", "/%61": "anyone"}, ValueError, "'/a'", id="escape"),
        pytest.param({"/": "anyone", "/a.": "anyone"}, ValueError, "'/a'", id="dot at the end"),
        pytest.param({"/": "anyone", "get /a": "anyone"}, ValueError, "capital", id="small"),
        pytest.param({"/": "anyone", "GET, PUT /a": "anyone"}, ValueError, "capital", id="blank"),
        pytest.param(
            {"/": "anyone", "/a": "nobody", "/a/": "anyone"}, ValueError, "keep one", id="2"
        ),
        pytest.param(
            {"/": "anyone", "GET,GET /a": "nobody"}, ValueError, "keep one", id="GET twice"
        ),
        pytest.param({"/": "anyone", 3: "anyone"}, TypeError, "is a str", id="a key of 3"),
        pytest.param(["authenticated"], TypeError, "takes one predicate", id="a list"),
    ],
)
def test_rules_that_make_no_sense(rules: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Require(rules)


@pytest.mark.parametrize(
    "make",
    [
        lambda: role(),
        lambda: role(""),
        lambda: role(3),  # type: ignore[arg-type]
        lambda: scope("a b"),
        lambda: scope('a"'),
        lambda: all_of(),
        lambda: any_of("evrybody"),
        lambda: all_of(role),  # type: ignore[arg-type]
    ],
)
def test_predicates_that_make_no_sense(make: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        make()


def test_they_are_values() -> None:
    assert role("a", "b") == role("a", "b") != role("b")
    assert role("a") != user("a")  # type: ignore[comparison-overlap]
    assert repr(all_of("authenticated", any_of(role("a"), scope("b")))) == (
        "all_of('authenticated', any_of(role('a'), scope('b')))"
    )
    assert Require(EXAMPLE) == Require(dict(EXAMPLE)) != Require("anyone")
    assert repr(Require(role("a"))) == "Require(role('a'))"
    assert repr(Require({"/": "anyone"})) == "Require({'/': 'anyone'})"
    assert isinstance(hash(Require(EXAMPLE)), int)


@pytest.mark.parametrize(
    ("request_line", "who", "wanted"),
    [
        pytest.param("GET //admin/x", ADA, "DENY 403", id="refused"),
        pytest.param("GET //admin/x", ADMIN, "ALLOW", id="allowed"),
        pytest.param("/health", None, "ALLOW", id="no method"),
        pytest.param("GET /a", None, "DENY 401", id="nobody"),
        pytest.param("GET /%2e%2e/a", ADMIN, "DENY 400", id="undecided"),
        pytest.param("GET /orders?_method=POST", ADA, "DENY 403", id="an override"),
        pytest.param("GET /admin#/health", ADA, "DENY 403", id="a fragment"),
        pytest.param("GET /%C3%A9", ADA, "ALLOW", id="UTF-8"),
        pytest.param("GET /é", ADA, "ALLOW", id="text"),
    ],
)
def test_explain(request_line: str, who: Identity | None, wanted: str) -> None:
    text = Require(EXAMPLE).explain(request_line, who)
    assert text.splitlines()[-1] == wanted


def test_explain_says_which_rule_and_why() -> None:
    text = Require(EXAMPLE).explain("GET /orders?_method=POST", ADA)
    assert text == (
        "GET /orders?_method=POST\n"
        "as it came, /orders: the rule '/' is 'authenticated': allows\n"
        "as it came, /orders as POST: the rule 'POST /orders' is scope('orders.write'): refuses\n"
        "DENY 403"
    )


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        pytest.param(EXAMPLE, [], id="the example"),
        pytest.param("anyone", [], id="one predicate"),
        pytest.param(
            {"/": "anyone", "POST /orders": scope("a")},
            ["/orders is guarded for POST only; all other methods fall to the rule '/'"],
            id="guarded for one method",
        ),
        pytest.param(
            {"/": "authenticated", "/x": "anyone", "PUT,POST /x/y": "nobody"},
            ["/x/y is guarded for PUT, POST only; all other methods fall to the rule '/x'"],
            id="guarded for two",
        ),
        pytest.param(
            {"/": "nobody", "/admin": role("a"), "/admin/login": "anyone"},
            ["'/admin/login' is 'anyone' below '/admin', which is role('a')"],
            id="open below a guard",
        ),
        pytest.param(
            {"/": role("a"), "/x": "anyone", "/x/y/z": "anyone"}, [], id="open below open"
        ),
    ],
)
def test_lint(rules: Any, says: list[str]) -> None:
    found = Require(rules).lint()
    assert len(found) == len(says)
    for line, start in zip(found, says, strict=True):
        assert line.startswith(start)


SEGMENTS = st.sampled_from(
    ["admin", "Admin", "public", "x", "", ";a", "admin.", "%61dmin", "\uff41dmin"]
)
PATHS = st.lists(SEGMENTS, max_size=5).map(lambda parts: "/" + "/".join(parts))


@settings(max_examples=500, derandomize=True, deadline=None)
@given(PATHS, st.sampled_from(["/", "//", "\\"]))
def test_no_reading_is_let_through_that_a_rule_forbids(path: str, slash: str) -> None:
    """If the canonical form of a path is under a guarded prefix, nobody gets past it."""
    path = path.replace("/", slash)
    form = canonical(path)
    code = status({"/": "anyone", "/admin": "nobody"}, None, path)
    if form is None:
        assert code == "400"
    elif form == "/admin" or form.startswith("/admin/"):
        assert code == "401"
    else:
        assert code == "200"


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.text(max_size=30), st.text(max_size=20), st.text(max_size=8))
def test_no_request_raises(path: str, query: str, method: str) -> None:
    """Whatever path, query and method: allowed, or a refusal that the table knows."""
    keys: dict[str, Any] = {
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_METHOD": method,
        "HTTP_X_HTTP_METHOD": method,
        "wsgimw.identity": None,
    }
    heads: list[str] = []

    def allowed(environ: Any, start_response: Any) -> list[bytes]:
        heads.append("200")
        return [b""]

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        heads.append(status[:3])

    Require(EXAMPLE)(allowed)(keys, start_response)
    assert heads in (["200"], ["400"], ["401"])
