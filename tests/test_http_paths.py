"""wsgimw.http.paths: decoding, readings, prefixes, percent-encoding."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsgimw.http import paths as module
from wsgimw.http.paths import (
    all_readings_under,
    any_reading_under,
    canonical,
    from_wsgi,
    location,
    location_query,
    pep_path,
    percent_path,
    percent_query,
    readings,
    to_wsgi,
    under,
    unescape,
)

law = settings(derandomize=True, database=None, deadline=None, max_examples=400)

any_text = st.text(st.characters(), max_size=12)
hostile = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *("/", "\\", ".", "..", ";", "%", "25", "2e", "2F", "5c", "%2f", "%25", " ", "A"),
                *("a", "admin", "\uff0f", "\uff3c", "\u2024", "\u2025", "\uff05", "\uff1b"),
                *("\u037e", "\u0390", "\u0130", "\u00df", "\u0345", "\u0301", "\u212a", "\u2100"),
                *("\u3000", "\x00", "\t"),
            ]
        ),
        st.text(max_size=2),
    ),
    max_size=10,
).map("".join)


def wsgi(text: str) -> dict[str, Any]:
    """Make an environ of a path in real text; a lone surrogate passes as it is."""
    try:
        return {"PATH_INFO": to_wsgi(text)}
    except UnicodeEncodeError:
        return {"PATH_INFO": text}


def test_docstrings_are_true() -> None:
    assert doctest.testmod(module).failed == 0
    assert doctest.testmod(module).attempted > 15


def test_imports_alone_and_only_the_standard_library() -> None:
    root = str(Path(__file__).parent.parent)
    code = (
        f"import sys; sys.path.insert(0, {root!r}); import wsgimw; before = set(sys.modules)\n"
        "import wsgimw.http.paths\n"
        "for name in set(sys.modules) - before:\n"
        "    known = name.partition('.')[0] in sys.stdlib_module_names\n"
        "    assert known or name.startswith('wsgimw.http'), name\n"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True)


# Decoding


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("/a%2Fb", "/a%2Fb", id="escapes are not touched"),
        pytest.param("/caf\xc3\xa9", "/café", id="UTF-8 as latin-1"),
        pytest.param("/caf\xe9", None, id="pyramid-2047: latin-1 bytes"),
        pytest.param("/\xc0\xaf", None, id="overlong slash"),
        pytest.param("/\xed\xa0\x80", None, id="an encoded surrogate"),
        pytest.param("/\xc3", None, id="cut short"),
        pytest.param("/\u20ac", None, id="S14: real Unicode is no WSGI string"),
        pytest.param("/\udce9", None, id="a surrogate of os.fsdecode"),
    ],
)
def test_from_wsgi(text: str, expected: str | None) -> None:
    assert from_wsgi(text) == expected


def test_from_wsgi_costs_nothing_for_ascii() -> None:
    path = "/users/42"
    assert from_wsgi(path) is path
    assert to_wsgi(path) is path


def test_to_wsgi_refuses_what_utf8_cannot_hold() -> None:
    with pytest.raises(UnicodeEncodeError):
        to_wsgi("\ud800")


@law
@given(st.text())
def test_law_to_wsgi_and_back(text: str) -> None:
    """Text survives the way into environ and out of it, and in environ it is latin-1."""
    assert from_wsgi(to_wsgi(text)) == text
    to_wsgi(text).encode("latin-1")


@law
@given(st.one_of(st.binary(), st.text("%0aFg2", max_size=12).map(str.encode)))
def test_law_unescape_agrees_with_the_standard_library(data: bytes) -> None:
    """Each escape once, malformed ones untouched."""
    assert unescape(data) == unquote_to_bytes(data)


# Readings

ONE = [
    pytest.param("", ("/",), id="empty is the root"),
    pytest.param("/", ("/",), id="the root"),
    pytest.param("*", ("*",), id="OPTIONS *"),
    pytest.param("/users/42", ("/users/42",), id="plain"),
    pytest.param("/users/42/", ("/users/42/",), id="a slash at the end is kept"),
    pytest.param("/.well-known/a.b.c", ("/.well-known/a.b.c",), id="dots inside"),
    pytest.param("/ a b/..c", ("/ a b/..c",), id="space and dots in front"),
    pytest.param("/100%", ("/100%",), id="a percent that is no escape"),
    pytest.param("/100%zz", ("/100%zz",), id="a percent before what is no hex"),
    pytest.param("/caf\xc3\xa9", ("/café",), id="UTF-8"),
    pytest.param("/~!$&'()*+,=:@-_?#[]<>^`{|}\"", ("/~!$&'()*+,=:@-_?#[]<>^`{|}\"",), id="signs"),
]

TWO = [
    pytest.param("/Docs", "/docs", id="capitals"),
    pytest.param("//admin", "/admin", id="//admin"),
    pytest.param("///a////b//", "/a/b/", id="runs of slashes"),
    pytest.param("\\admin", "/admin", id="backslash"),
    pytest.param("/a\\b", "/a/b", id="backslash inside"),
    pytest.param("admin", "/admin", id="no leading slash: routers supply one"),
    pytest.param("/admin;x", "/admin", id="params"),
    pytest.param("/admin;x=1/y;z", "/admin/y", id="params of each segment"),
    pytest.param("/a/;x/b", "/a/b", id="a segment of params alone"),
    pytest.param("/a/;x", "/a/", id="params after the last slash"),
    pytest.param("/;", "/", id="params of the root"),
    pytest.param("/admin.", "/admin", id="a trailing dot"),
    pytest.param("/admin. . /x ", "/admin/x", id="trailing dots and spaces"),
    pytest.param("/admin.;x", "/admin", id="a trailing dot before params"),
    pytest.param("/%61dmin", "/admin", id="encoded twice"),
    pytest.param("/admin%2f", "/admin/", id="falcon-1895: an encoded slash"),
    pytest.param("/a%2Fb", "/a/b", id="an encoded slash inside"),
    pytest.param("/a%5Cb", "/a/b", id="an encoded backslash"),
    pytest.param("/a%3bb", "/a", id="an encoded semicolon"),
    pytest.param("/a;x=%2fb", "/a/b", id="an encoded slash inside params"),
    pytest.param("/%2561", "/a", id="encoded three times"),
    pytest.param("/50%2525", "/50%", id="a percent sign encoded three times"),
    pytest.param("/%c3%a9", "/é", id="encoded UTF-8"),
    pytest.param("/%2a", "/*", id="an encoded star"),
    pytest.param(to_wsgi("/\uff21dmin"), "/admin", id="full-width letters"),
    pytest.param(to_wsgi("/a\uff0fb"), "/a/b", id="NFKC makes a slash"),
    pytest.param(to_wsgi("/a\uff3cb"), "/a/b", id="NFKC makes a backslash"),
    pytest.param(to_wsgi("/\uff0561"), "/a", id="NFKC makes a percent sign"),
    pytest.param(to_wsgi("/a\uff1bb"), "/a", id="NFKC makes a semicolon"),
    pytest.param(to_wsgi("/a\u037eb"), "/a", id="a Greek question mark is a semicolon"),
    pytest.param(to_wsgi("/a\u2024"), "/a", id="NFKC makes a trailing dot"),
    pytest.param(to_wsgi("/a\u3000/b\xa0"), "/a/b", id="NFKC makes trailing spaces"),
    pytest.param(to_wsgi("/\u2100"), "/a/c", id="a sign that holds a slash"),
    pytest.param(to_wsgi("/\u0130"), "/i\u0307", id="a fold that grows"),
    pytest.param(to_wsgi("/stra\xdfe"), "/strasse", id="sharp s"),
    pytest.param(to_wsgi("/\u0390"), "/\u03b9\u0308\u0301", id="a fold that NFKC would undo"),
    pytest.param(to_wsgi("/\u212a"), "/k", id="Kelvin sign"),
    pytest.param(to_wsgi("/cafe\u0301"), "/café", id="decomposed"),
]

UNDECIDED = [
    pytest.param("/.", id="."),
    pytest.param("/..", id=".."),
    pytest.param("/...", id="only dots"),
    pytest.param("/ /a", id="only spaces"),
    pytest.param("/. ./a", id="only dots and spaces"),
    pytest.param("/x/../admin", id="parent"),
    pytest.param("..", id="parent without a slash"),
    pytest.param("/x\\..\\admin", id="parent behind backslashes"),
    pytest.param("/x/%2e%2e/admin", id="encoded parent"),
    pytest.param("/x/..%2fadmin", id="parent before an encoded slash"),
    pytest.param("/x/%252e%252e/admin", id="parent encoded three times"),
    pytest.param("/x/..;y/admin", id="parent with params"),
    pytest.param("/x/.;y", id="dot with params"),
    pytest.param(to_wsgi("/x/\u2025/admin"), id="NFKC makes a parent"),
    pytest.param(to_wsgi("/x/\u2024\u2024/admin"), id="NFKC makes two dots"),
    pytest.param(to_wsgi("/\u2026"), id="an ellipsis"),
    pytest.param(to_wsgi("/\u3000/a"), id="NFKC makes a segment of space"),
    pytest.param("/adm\tin", id="TAB"),
    pytest.param("/a\x00", id="NUL"),
    pytest.param("/a\x7f", id="DEL"),
    pytest.param("/a\r\nb", id="CR LF"),
    pytest.param(to_wsgi("/a\x85"), id="C1"),
    pytest.param("/a%00", id="encoded NUL"),
    pytest.param("/a%c2%85", id="encoded C1"),
    pytest.param("/%ff", id="encoded bytes that are no UTF-8"),
    pytest.param("/%ed%a0%80", id="an encoded surrogate"),
    pytest.param("/\xff", id="bytes that are no UTF-8"),
    pytest.param("/\u20ac", id="no WSGI string"),
    pytest.param("/\ud800", id="a lone surrogate"),
    pytest.param("/%2525252525252561", id="encoded without end"),
    pytest.param(to_wsgi("/a" + "\u0301" * 31), id="31 combining marks on end"),
    pytest.param(to_wsgi("/" + "\u2500" * 9 + "\u0301" * 31), id="31 marks behind symbols"),
    pytest.param(to_wsgi("/a" + "\u0f81" * 31), id="31 marks of class 0 that decompose to marks"),
]


@pytest.mark.parametrize(("path", "expected"), ONE)
def test_a_path_that_is_its_own_canonical_form_has_one_reading(
    path: str, expected: tuple[str, ...]
) -> None:
    assert readings({"PATH_INFO": path}) == expected


def test_an_absent_path_is_the_root() -> None:
    assert readings({}) == ("/",)


@pytest.mark.parametrize(("path", "form"), TWO)
def test_a_path_in_disguise_has_two_readings(path: str, form: str) -> None:
    assert readings({"PATH_INFO": path}) == (from_wsgi(path), form)


@pytest.mark.parametrize("path", UNDECIDED)
def test_a_path_that_cannot_be_decided_has_no_reading(path: str) -> None:
    assert readings({"PATH_INFO": path}) is None


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/a" + "\u0301" * 30, id="30 combining marks"),
        pytest.param("/" + "\U0001f600" * 100, id="symbols are no marks"),
        pytest.param("/" + "\u2500\u0301" * 40, id="symbols that carry marks"),
    ],
)
def test_what_only_looks_crowded_is_read(path: str) -> None:
    assert readings(wsgi(path)) is not None


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("QUERY_STRING", id="GHSA-7rh7-c77v-6434: query"),
        pytest.param("REQUEST_URI", id="the raw target"),
        pytest.param("HTTP_X_FORWARDED_URI", id="GHSA-7x63-xv5r-3p2x"),
        pytest.param("HTTP_X_ORIGINAL_URL", id="X-Original-URL"),
        pytest.param("HTTP_X_REWRITE_URL", id="X-Rewrite-URL"),
        pytest.param("HTTP_USER_AGENT", id="GHSA-5hvv-m4w4-gf6v"),
        pytest.param("SCRIPT_NAME", id="below a mount it is the rest"),
    ],
)
def test_nothing_but_path_info_is_read(key: str) -> None:
    environ = {"PATH_INFO": "/admin", key: "/public"}
    before = environ.copy()
    assert readings(environ) == ("/admin",)
    assert environ == before


@law
@given(hostile)
def test_law_the_canonical_form_is_a_fixed_point(path: str) -> None:
    """Canonical of canonical is itself, and such a path has that one reading."""
    form = canonical(path)
    if form is not None:
        assert canonical(form) == form
        assert readings(wsgi(form)) == (form,)


@law
@given(hostile)
def test_law_the_canonical_form_hides_nothing(path: str) -> None:
    """It holds no second separator, params, escapes, dot segments, controls or capitals."""
    form = canonical(path)
    if form is None or form == "*":
        return
    assert form[0] == "/"
    assert not re.search(r"//|\\|;|%[0-9a-fA-F]{2}|[\x00-\x1f\x7f-\x9f]|[. ](/|\Z)", form)
    assert form == form.casefold() == unicodedata.normalize("NFKC", form).casefold()


@law
@given(st.one_of(hostile, any_text, st.text(st.characters(max_codepoint=255))))
def test_law_readings_never_raise_and_agree_with_canonical(path: str) -> None:
    """For any str at all: one or two different readings, or None."""
    found = readings({"PATH_INFO": path})
    text = from_wsgi(path or "/")
    if found is None:
        assert text is None or canonical(text) is None
    else:
        assert found[0] == text
        assert found[-1] == canonical(found[0])
        assert len(found) == len(set(found)) <= 2


@law
@given(st.text("/.. ;%aA0-~\\\x00é\n", max_size=12))
def test_law_the_fast_path_is_the_long_way(path: str) -> None:
    """What the one regular expression lets pass is what all the steps leave alone."""
    if module._PLAIN(path):
        assert module._fold(path) == path


def test_each_character_that_normalising_changes_has_a_fixed_point() -> None:
    for code in range(0x80, sys.maxunicode):
        char = chr(code)
        if 0xD800 <= code < 0xE000 or unicodedata.normalize("NFKC", char).casefold() == char:
            continue
        form = canonical(f"/a{char}b")
        if form is not None:
            assert canonical(form) == form


def test_each_character_that_decomposes_to_marks_is_counted_as_one() -> None:
    for code in range(0x80, sys.maxunicode):
        char = chr(code)
        first = unicodedata.normalize("NFKD", char)[0]
        if unicodedata.combining(first):
            assert module._MARKS.search(char * 31), hex(code)


def full_width(char: str) -> str:
    return chr(ord(char) + 0xFEE0)


disguises: list[Callable[[str], str]] = [
    lambda char: char,
    str.upper,
    lambda char: f"%{ord(char):02x}",
    lambda char: f"%25{ord(char):02X}",
    full_width,
]
first = ["/", "//", "\\", "%2f", "%5C", "\uff0f", "/;x/", "%2f%3Bx%2F"]
separators = [*first, ";v=1/", "./", ". /", ".;v\\", "%2E%20%2F", "\uff0e\uff0f"]


@law
@given(st.lists(st.text("abyz019-_", min_size=1, max_size=4), min_size=1, max_size=4), st.data())
def test_law_a_guard_sees_through_disguise(segments: list[str], data: st.DataObject) -> None:
    """However a path is dressed up, its canonical form is the plain one, and a guard applies."""
    dressed = ""
    for segment in segments:
        dressed += data.draw(st.sampled_from(separators if dressed else first))
        for char in segment:
            dressed += data.draw(st.sampled_from(disguises))(char)
    plain = "/" + "/".join(segments)
    assert canonical(dressed) == plain
    assert any_reading_under("/" + segments[0])(wsgi(dressed))
    assert any_reading_under(plain.upper())(wsgi(dressed))


# Prefixes


@pytest.mark.parametrize(
    ("path", "prefix", "expected"),
    [
        pytest.param("/admin", "/admin", True, id="itself"),
        pytest.param("/admin/", "/admin", True, id="with a slash"),
        pytest.param("/admin/x", "/admin", True, id="below"),
        pytest.param("/admin//x", "/admin", True, id="an empty segment"),
        pytest.param("/administrator", "/admin", False, id="CVE-2025-27610: longer segment"),
        pytest.param("/adm", "/admin", False, id="shorter"),
        pytest.param("/Admin", "/admin", False, id="another case"),
        pytest.param("/x/admin", "/admin", False, id="further down"),
        pytest.param("/", "/admin", False, id="the root"),
        pytest.param("/x", "", True, id="empty prefix"),
        pytest.param("/x", "/", True, id="root prefix"),
        pytest.param("", "/", True, id="empty path"),
        pytest.param("*", "/", True, id="no leading slash falls under the root"),
        pytest.param("x", "/x", False, id="no leading slash"),
    ],
)
def test_under(path: str, prefix: str, expected: bool) -> None:
    assert under(path, prefix) is expected


@pytest.mark.parametrize(
    ("prefix", "path", "may", "must"),
    [
        pytest.param("/admin", "/admin", True, True, id="itself"),
        pytest.param("/admin", "/admin/", True, True, id="with a slash"),
        pytest.param("/admin", "/admin/x", True, True, id="below"),
        pytest.param("/admin", "/administrator", False, False, id="ends on a segment"),
        pytest.param("/admin", "/", False, False, id="the root"),
        pytest.param("/admin", "", False, False, id="the empty path"),
        pytest.param("/admin/", "/admin", True, True, id="a slash at the end is dropped"),
        pytest.param("/admin", "//admin", True, False, id="//admin"),
        pytest.param("/admin", "/ADMIN", True, False, id="/ADMIN"),
        pytest.param("/admin", "/x/../admin", True, False, id="/x/../admin"),
        pytest.param("/public", "/public/../admin", True, False, id="/public/../admin"),
        pytest.param("/admin", "/admin;x", True, False, id="params"),
        pytest.param("/admin", "/admin/a;x", True, True, id="params below"),
        pytest.param("/admin", "/admin%2fx", True, False, id="an encoded slash"),
        pytest.param("/admin", "/%61dmin", True, False, id="encoded twice"),
        pytest.param("/admin", "\\admin", True, False, id="backslash"),
        pytest.param("/admin", "admin", True, False, id="no leading slash"),
        pytest.param("/admin", "/adm\tin", True, False, id="control character"),
        pytest.param("/admin", "/\xff", True, False, id="no UTF-8"),
        pytest.param("/admin", "/x;y", False, False, id="elsewhere in disguise"),
        pytest.param("/admin", "*", False, False, id="OPTIONS *"),
        pytest.param("/public", "/admin#/public", False, False, id="GHSA-pxq7-h93f-9jrg: fragment"),
        pytest.param("/Docs", "/docs", True, False, id="when(/Docs) guards /docs"),
        pytest.param("/Docs", "/Docs", True, True, id="unless(/Docs) exempts /Docs"),
        pytest.param("/Docs", "/DOCS/x", True, False, id="a third spelling"),
        pytest.param("/café", to_wsgi("/café/x"), True, True, id="non-ASCII"),
        pytest.param("/café", to_wsgi("/cafe\u0301"), True, False, id="non-ASCII, decomposed"),
        pytest.param("/cafe\u0301", to_wsgi("/café"), True, False, id="a decomposed prefix"),
        pytest.param("/a b", "/a b/c", True, True, id="a space"),
        pytest.param("/v;1", "/v;1/x", True, True, id="a prefix with params"),
        pytest.param("/v;1", "/V;1/x", True, False, id="a prefix with params, in another case"),
        pytest.param("/v;1", "/v", True, False, id="a prefix with params, without them"),
        pytest.param("/a/..", "/b", False, False, id="a prefix that cannot be decided"),
        pytest.param("/", "/x", True, True, id="root prefix"),
        pytest.param("/", "", True, True, id="root prefix, empty path"),
        pytest.param("/", "*", True, True, id="root prefix, OPTIONS *"),
        pytest.param("/", "/a/../b", True, False, id="root prefix, no reading"),
        pytest.param("/;", "/x", True, False, id="a prefix that folds to the root"),
    ],
)
def test_prefixes(prefix: str, path: str, may: bool, must: bool) -> None:
    assert any_reading_under(prefix)({"PATH_INFO": path}) is may
    assert all_readings_under(prefix)({"PATH_INFO": path}) is must


def test_prefixes_without_a_path() -> None:
    assert any_reading_under("/")({}) and all_readings_under("/")({})
    assert not any_reading_under("/x")({}) and not all_readings_under("/x")({})


@pytest.mark.parametrize("make", [any_reading_under, all_readings_under])
@pytest.mark.parametrize("prefix", ["", "admin", "https://x/"])
def test_a_prefix_begins_with_a_slash(make: Callable[[str], object], prefix: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f'begins with "/": got {prefix!r}, write ')):
        make(prefix)


@law
@given(
    st.one_of(hostile, st.text("/aA;", max_size=6)),
    st.one_of(hostile, st.text("/aA;", max_size=4)),
)
def test_laws_of_prefixes(path: str, prefix: str) -> None:
    """Both questions are what core.md 3 says of the readings; surely under implies maybe under."""
    prefix = "/" + prefix
    environ = wsgi(path)
    may = any_reading_under(prefix)(environ)
    must = all_readings_under(prefix)(environ)
    assert may or not must
    found = readings(environ)
    if found is None:
        assert may and not must
        return
    written = prefix.rstrip("/")
    folded = (canonical(prefix) or prefix.casefold()).rstrip("/")
    tests = [under(found[0], written), under(found[-1], folded)]
    assert may == any(tests)
    assert must == all(tests)


@law
@given(hostile.map(lambda text: "/" + text), hostile)
def test_law_what_is_under_a_prefix_as_written_is_guarded(prefix: str, rest: str) -> None:
    """No path that begins with the prefix, segment and all, is outside a guard on it."""
    assert any_reading_under(prefix)(wsgi(prefix))
    assert any_reading_under(prefix)(wsgi(prefix.rstrip("/") + "/" + rest))


# Percent-encoding

latin1 = st.text(st.characters(max_codepoint=255))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("/a-z.A_Z~09/!$&'()*+,;=:@", "/a-z.A_Z~09/!$&'()*+,;=:@", id="pchar stays"),
        pytest.param("/a%2Fb", "/a%252Fb", id="a percent sign does not"),
        pytest.param(' "\\<>^`{|}[]?#', "%20%22%5C%3C%3E%5E%60%7B%7C%7D%5B%5D%3F%23", id="signs"),
        pytest.param("\r\n\x00\x1b\x7f", "%0D%0A%00%1B%7F", id="controls"),
        pytest.param("/caf\xc3\xa9", "/caf%C3%A9", id="UTF-8 reads as in the browser"),
        pytest.param("/\xe9", "/%E9", id="one byte"),
        pytest.param("/\u20ac\xe9", "/%E2%82%AC%C3%A9", id="outside latin-1: UTF-8"),
        pytest.param("/\ud800", "/%ED%A0%80", id="a lone surrogate"),
    ],
)
def test_percent_path(path: str, expected: str) -> None:
    assert percent_path(path) == expected


@pytest.mark.parametrize(
    ("query", "logged", "located"),
    [
        pytest.param("", "", "", id="empty"),
        pytest.param("a=%20&b=+#'<>", "a=%20&b=+#'<>", "a=%20&b=+#'<>", id="stays as it came"),
        pytest.param("a b", "a%20b", "a%20b", id="space"),
        pytest.param('"\\', "%22%5C", '"\\', id="quote and backslash"),
        pytest.param("\r\n\x7f", "%0D%0A%7F", "%0D%0A%7F", id="controls"),
        pytest.param("\xc3\xa9", "%C3%A9", "%C3%A9", id="non-ASCII bytes"),
        pytest.param("\u2028\udfff", *["%E2%80%A8%ED%BF%BF"] * 2, id="outside latin-1"),
    ],
)
def test_queries(query: str, logged: str, located: str) -> None:
    assert percent_query(query) == logged
    assert location_query(query) == located
    assert location("/x", query) == ("/x?" + located if located else "/x")


@law
@given(latin1)
def test_law_percent_path_agrees_with_the_standard_library(path: str) -> None:
    """Decoding gives the bytes back, and what stays is pchar and the slash (RFC 3986, 3.3)."""
    encoded = percent_path(path)
    assert encoded == quote(path.encode("latin-1"), safe="/!$&'()*+,;=:@~")
    assert unescape(encoded.encode()) == path.encode("latin-1")


@law
@given(any_text)
def test_laws_of_what_is_logged(text: str) -> None:
    """Never raises; printable ASCII; nothing that ends a field; a query encoded is left alone."""
    assert re.fullmatch(r"[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*", percent_path(text))
    query = percent_query(text)
    assert re.fullmatch(r"[!-~]*", query) and not set(query) & set('"\\')
    assert percent_query(query) == query


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("", "/", id="empty"),
        pytest.param("/docs/", "/docs/", id="plain"),
        pytest.param("docs/", "/docs/", id="no slash in front"),
        pytest.param("//evil.example/", "/evil.example/", id="CVE-2021-28861"),
        pytest.param("/\\evil.example/", "/evil.example/", id="CVE-2018-14574"),
        pytest.param("\\/\\evil.example", "/evil.example", id="backslash first"),
        pytest.param("/a//b/", "/a//b/", id="inside nothing is merged"),
        pytest.param("/%5cevil.example/", "/%255cevil.example/", id="an escape is text"),
        pytest.param("/\t/evil.example/", "/%09/evil.example/", id="a tab, which browsers drop"),
        pytest.param("/a\r\nSet-Cookie: b", "/a%0D%0ASet-Cookie:%20b", id="CR LF"),
        pytest.param("/a\\b", "/a%5Cb", id="a backslash inside"),
        pytest.param("/caf\xc3\xa9", "/caf%C3%A9", id="non-ASCII"),
    ],
)
def test_location(path: str, expected: str) -> None:
    assert location(path) == expected
    assert location(path, "a=%2F") == expected + "?a=%2F"


@law
@given(st.one_of(hostile, any_text), any_text)
def test_law_a_location_stays_on_this_site(path: str, query: str) -> None:
    """It begins with exactly one slash and holds printable ASCII alone."""
    target = location(path, query)
    assert re.fullmatch(r"/(?![/\\])[!-~]*", target)


# Bounds


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "unit",
    [
        pytest.param("/", id="slashes"),
        pytest.param("\\", id="backslashes"),
        pytest.param(".", id="dots"),
        pytest.param(". ;", id="dots, spaces and params"),
        pytest.param("/a", id="plain"),
        pytest.param("/A", id="capitals"),
        pytest.param("/a.", id="trailing dots"),
        pytest.param("%41", id="escapes"),
        pytest.param("%25", id="escaped escapes"),
        pytest.param("25", id="one escape without end"),
        pytest.param("\u0323\u0301", id="marks in the wrong order"),
        pytest.param("\u0301\uff9e", id="marks that are letters"),
        pytest.param("\u0f81", id="marks of class 0"),
        pytest.param("\U0001f600", id="symbols"),
        pytest.param("\ufdfa", id="a sign that grows by 18"),
        pytest.param("\ud800", id="surrogates"),
    ],
)
def test_a_megabyte_comes_back(unit: str) -> None:
    """What is quadratic takes hours here: the watchdog of pytest's settings ends it."""
    environ = wsgi("/%" + unit * (2**20 // len(unit)) + "x")
    path = environ["PATH_INFO"]
    found = readings(environ)
    assert found is None or all(found)
    assert location(path, path).startswith("/")
    assert percent_query(path)


def test_a_megabyte_of_marks_does_not_stop_the_server() -> None:
    assert readings(wsgi("/" + "\u0301" * 250_000 + "\u0323" * 250_000)) is None


@pytest.mark.parametrize("make", [any_reading_under, all_readings_under])
def test_only_slashes_are_cut_from_the_end_of_a_prefix(make: Any) -> None:
    for prefix in ("/relaX", "/relaX/", "/relaX//"):
        is_there = make(prefix)
        found = [is_there({"PATH_INFO": path}) for path in ("/relaX", "/relaX/a", "/rela", "/rel")]
        assert found == [True, True, False, False], prefix


def test_how_often_a_path_may_be_wrapped() -> None:
    """Three times; who needs more has something to hide."""
    wrapped = ["/a", "/%61", "/%2561", "/%252561", "/%25252561", "/%2525252561"]
    assert [module.canonical(path) for path in wrapped] == ["/a", "/a", "/a", "/a", None, None]


@pytest.mark.parametrize("mark", ["\u0301", "\u0316", "\u20dd"])
def test_thirty_marks_on_end_and_no_more(mark: str) -> None:
    assert [module.canonical("/a" + mark * count) is None for count in (1, 30, 31, 32)] == [
        False,
        False,
        mark != "\u20dd",  # of class 0: nothing to sort
        mark != "\u20dd",
    ]


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        pytest.param({"PATH_INFO": "/\ufffd", "RAW_URI": "/%E9"}, "/\xe9", id="bytes were lost"),
        pytest.param({"PATH_INFO": "/€", "RAW_URI": "/%E2%82%AC"}, "/â\x82¬", id="real Unicode"),
        pytest.param({"PATH_INFO": "/€"}, "/â\x82¬", id="no target"),
        pytest.param({"PATH_INFO": "/\udc80€"}, "/\udc80€", id="what cannot be told"),
        pytest.param({"PATH_INFO": "/a%20b", "RAW_URI": "/a%2520b"}, "/a%20b", id="decoded once"),
        pytest.param({"PATH_INFO": "/a%20b", "REQUEST_URI": "/a%20b"}, "/a b", id="not decoded"),
        pytest.param({}, "", id="no path"),
    ],
)
def test_the_path_as_the_pep_has_it(environ: dict[str, str], path: str) -> None:
    assert pep_path(environ) == path
