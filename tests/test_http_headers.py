"""wsgimw.http.headers: header lists, Vary, Cache-Control, grammar."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsgimw.http import headers as module
from wsgimw.http.headers import (
    Headers,
    add_directive,
    add_vary,
    directives,
    find,
    find_all,
    has_directive,
    is_field_value,
    is_token,
    joined,
    put,
    remove,
    split_list,
)

law = settings(derandomize=True, database=None, deadline=None, max_examples=300)

TCHARS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
tokens = st.text(TCHARS, min_size=1, max_size=8)
ows = st.text(" \t", max_size=2)


def test_docstrings_are_true() -> None:
    assert doctest.testmod(module).failed == 0
    assert doctest.testmod(module).attempted > 20


def test_imports_alone_and_only_the_standard_library() -> None:
    root = str(Path(__file__).parent.parent)
    code = (
        f"import sys; sys.path.insert(0, {root!r}); import wsgimw; before = set(sys.modules)\n"
        "import wsgimw.http.headers\n"
        "for name in set(sys.modules) - before:\n"
        "    known = name.partition('.')[0] in sys.stdlib_module_names\n"
        "    assert known or name.startswith('wsgimw.http'), name\n"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True)


# Grammar


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("X-Request-ID", id="a name"),
        pytest.param(TCHARS, id="every tchar of RFC 9110 5.6.2"),
    ],
)
def test_is_token(text: str) -> None:
    assert is_token(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("a\n", id="a newline at the end"),
        pytest.param("a b", id="space"),
        pytest.param("a:b", id="colon"),
        pytest.param("caf\xe9", id="latin-1"),
        pytest.param("K\u212a", id="a letter that folds to ASCII"),
        *[pytest.param(f"a{char}", id=f"delimiter {char}") for char in '"(),/;<=>?@[\\]{}'],
    ],
)
def test_is_no_token(text: str) -> None:
    assert not is_token(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("text/html; charset=utf-8", id="printable"),
        pytest.param("\x80\xff", id="latin-1 is legal, C1 included"),
    ],
)
def test_is_field_value(text: str) -> None:
    assert is_field_value(text)


@pytest.mark.parametrize(
    "text",
    [
        *[pytest.param(f"a{chr(code)}b", id=f"control {code:02x}") for code in (*range(32), 127)],
        pytest.param("a\n", id="a newline at the end"),
        pytest.param("\u20ac", id="outside latin-1"),
        pytest.param("\ud800", id="lone surrogate"),
    ],
)
def test_is_no_field_value(text: str) -> None:
    assert not is_field_value(text)


# Lists


@pytest.mark.parametrize(
    ("text", "members"),
    [
        pytest.param("", [], id="empty"),
        pytest.param(" ,\t,, ", [], id="only commas and space"),
        pytest.param("a,b", ["a", "b"], id="no space"),
        pytest.param("\t a \t,  b", ["a", "b"], id="space and tab round members"),
        pytest.param("a\xa0,\x0bb", ["a\xa0", "\x0bb"], id="other white space belongs to a member"),
        pytest.param('"a,b",c', ['"a,b"', "c"], id="a comma in quotes"),
        pytest.param(r'"a\",b",c', [r'"a\",b"', "c"], id="an escaped quote"),
        pytest.param(r'"a\\",b', [r'"a\\"', "b"], id="an escaped backslash before the quote"),
        pytest.param('a="x", b', ['a="x"', "b"], id="quotes inside a member"),
        pytest.param('a, "b, c', ["a", '"b, c'], id="never closed runs to the end"),
        pytest.param('"a\\', ['"a\\'], id="ends in a backslash"),
        pytest.param('"a\n,b",c', ['"a\n,b"', "c"], id="a newline is a character"),
    ],
)
def test_split_list(text: str, members: list[str]) -> None:
    assert split_list(text) == members


def test_split_list_at_semicolons() -> None:
    assert split_list('a;b="c;d,e"; ; f,g', ";") == ["a", 'b="c;d,e"', "f,g"]


quoted = st.text(min_size=0, max_size=8).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)


@law
@given(st.lists(st.tuples(ows, st.lists(st.one_of(tokens, quoted), min_size=1, max_size=3), ows)))
def test_law_split_list_finds_the_members_that_were_joined(
    parts: list[tuple[str, list[str], str]],
) -> None:
    """Splitting undoes joining, whatever the quoted strings hold."""
    members = ["=".join(pieces) for _, pieces, _ in parts]
    text = ",".join(before + "=".join(pieces) + after for before, pieces, after in parts)
    assert split_list(text) == members


# find, put, remove

PAIRS = [("Content-Type", "text/html"), ("SET-COOKIE", "a"), ("set-cookie", "b"), ("X", "c")]


@pytest.mark.parametrize(
    ("name", "first", "every"),
    [
        pytest.param("Content-Type", "text/html", ["text/html"], id="as spelled"),
        pytest.param("CONTENT-TYPE", "text/html", ["text/html"], id="in another case"),
        pytest.param("Set-Cookie", "a", ["a", "b"], id="twice"),
        pytest.param("Content-Typo", None, [], id="another name of that length"),
        pytest.param("Cookie", None, [], id="a part of a name"),
        pytest.param("", None, [], id="no name"),
    ],
)
def test_find(name: str, first: str | None, every: list[str]) -> None:
    pairs = PAIRS.copy()
    assert find(pairs, name) == first
    assert find_all(pairs, name) == every
    assert joined(pairs, name) == (", ".join(every) if every else None)
    assert pairs == PAIRS


@pytest.mark.parametrize(
    ("name", "after"),
    [
        pytest.param("x-new", [*PAIRS, ("x-new", "v")], id="absent: at the end"),
        pytest.param("x", [*PAIRS[:3], ("x", "v")], id="once: in its place"),
        pytest.param(
            "Set-Cookie", [PAIRS[0], ("Set-Cookie", "v"), PAIRS[3]], id="twice: the first's place"
        ),
    ],
)
def test_put(name: str, after: Headers) -> None:
    pairs = PAIRS.copy()
    same = pairs
    put(pairs, name, "v")
    assert pairs is same
    assert pairs == after


@pytest.mark.parametrize(
    ("names", "after"),
    [
        pytest.param(("Server",), PAIRS, id="absent"),
        pytest.param((), PAIRS, id="no names"),
        pytest.param(("SET-cookie",), [PAIRS[0], PAIRS[3]], id="every one of a name"),
        pytest.param(("x", "content-type"), PAIRS[1:3], id="several names"),
    ],
)
def test_remove(names: tuple[str, ...], after: Headers) -> None:
    pairs = PAIRS.copy()
    same = pairs
    remove(pairs, *names)
    assert pairs is same
    assert pairs == after


# Vary


@pytest.mark.parametrize(
    ("lines", "fields", "after"),
    [
        pytest.param([], ["Accept-Encoding"], ["Accept-Encoding"], id="none yet"),
        pytest.param([], ["Cookie", "Origin"], ["Cookie, Origin"], id="several at once"),
        pytest.param([], ["Cookie, Origin"], ["Cookie, Origin"], id="several in one text"),
        pytest.param([], [], [], id="nothing to add"),
        pytest.param([""], ["Origin"], ["Origin"], id="an empty line"),
        pytest.param(
            ["Cookie"], ["Accept-Encoding"], ["Cookie, Accept-Encoding"], id="tower-http-578"
        ),
        pytest.param(["accept-encoding"], ["Accept-Encoding"], None, id="tower-http-570"),
        pytest.param(
            ["accept-encoding,accept-version"],
            ["Accept-Encoding"],
            None,
            id="fastify-compress-145",
        ),
        pytest.param(
            ["X-Accept-Encoding"],
            ["Accept-Encoding"],
            ["X-Accept-Encoding, Accept-Encoding"],
            id="tower-http-572: X-Accept-Encoding is another field",
        ),
        pytest.param(
            ["Accept-Encoding-X"],
            ["Accept-Encoding"],
            ["Accept-Encoding-X, Accept-Encoding"],
            id="a longer name is another field",
        ),
        pytest.param(["Cookie", "ORIGIN"], ["origin"], None, id="held by the second line"),
        pytest.param(
            ["Cookie", "Origin"],
            ["Accept"],
            ["Cookie, Origin, Accept"],
            id="fastify-compress-172: lines become one",
        ),
        pytest.param(["Cookie,, COOKIE"], ["X"], ["Cookie, X"], id="never doubled"),
        pytest.param(["Cookie"], ["X", "x"], ["Cookie, X"], id="the same name added twice"),
        pytest.param(["*"], ["Accept-Encoding"], None, id="a star is left alone"),
        pytest.param(["Cookie", " * "], ["X"], None, id="a star in another line, with space"),
        pytest.param(["Cookie"], ["*"], ["*"], id="a star that is added stands alone"),
        pytest.param(["x" * 2000], ["Y"], ["x" * 2000 + ", Y"], id="a long line"),
    ],
)
def test_add_vary(lines: list[str], fields: list[str], after: list[str] | None) -> None:
    pairs = [("A", "1"), *[("vary", line) for line in lines], ("B", "2")]
    before = pairs.copy()
    add_vary(pairs, *fields)
    if after is None:
        assert pairs == before
    elif lines:
        assert pairs == [("A", "1"), *[("vary", line) for line in after], ("B", "2")]
    else:
        assert pairs == [*before, *[("Vary", line) for line in after]]


field_names = st.sampled_from(["Accept", "ACCEPT", "accept-encoding", "Accept-Encoding", "X", "*"])


@law
@given(st.lists(st.lists(field_names, max_size=3), max_size=3), st.lists(field_names, min_size=1))
def test_laws_of_vary(lines: list[list[str]], fields: list[str]) -> None:
    """The result names what either named, once; a star stands for all; again changes nothing."""
    pairs = [("Vary", ",".join(line)) for line in lines]
    add_vary(pairs, *fields)
    after = pairs.copy()
    add_vary(pairs, *fields)
    assert pairs == after
    held = {name.lower() for line in lines for name in line}
    wanted = {name.lower() for name in fields}
    now = [member.lower() for member in split_list(joined(pairs, "Vary") or "")]
    if "*" in held:
        assert pairs == [("Vary", ",".join(line)) for line in lines]
    elif "*" in wanted:
        assert now == ["*"]
    else:
        assert set(now) == held | wanted
        if not wanted <= held:
            assert len(now) == len(set(now))
            assert len(pairs) == 1


# Cache-Control


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        pytest.param(None, {}, id="absent"),
        pytest.param("", {}, id="empty"),
        pytest.param("no-transform", {"no-transform": None}, id="bare"),
        pytest.param(
            "No-Store,MAX-AGE=60", {"no-store": None, "max-age": "60"}, id="in any case, no space"
        ),
        pytest.param(
            'private="Set-Cookie, X"', {"private": "Set-Cookie, X"}, id="a quoted list of fields"
        ),
        pytest.param(r'ext="a\"b\\"', {"ext": 'a"b\\'}, id="escapes in quotes are undone"),
        pytest.param('max-age="60"', {"max-age": "60"}, id="a number in quotes"),
        pytest.param('a=""', {"a": ""}, id="an empty argument in quotes"),
        pytest.param("a=", {"a": ""}, id="no argument after the sign"),
        pytest.param("max-age = 60", {"max-age": "60"}, id="space round the sign is forgiven"),
        pytest.param("max-age=1, max-age=2", {"max-age": "1"}, id="the first counts"),
        pytest.param('private="x", private', {"private": None}, id="a bare one counts before all"),
        pytest.param("private, private=x", {"private": None}, id="a bare one stays"),
        pytest.param('a="x, private', {"a": "x, private"}, id="quotes never closed"),
        pytest.param('"no-transform"', {}, id="a quoted string is no directive"),
        pytest.param("no transform, =, a/b", {}, id="no tokens"),
        pytest.param("x" * 2000, {"x" * 2000: None}, id="a long field"),
    ],
)
def test_directives(field: str | None, expected: dict[str, str | None]) -> None:
    assert directives(field) == expected


def test_what_is_remembered_is_bounded() -> None:
    for number in range(600):
        add_vary([("Vary", f"X-{number}")], "Origin")
        directives(f"x-{number}")
        directives("x" * 2000 + str(number))
    for cache in (module.merged_vary, module._directives):
        info = cache.cache_info()
        assert info.maxsize == 256
        assert info.currsize <= 256
    before = module._directives.cache_info().misses
    directives("y" * 1025)
    assert module._directives.cache_info().misses == before


def test_directives_are_read_only_since_they_are_shared() -> None:
    with pytest.raises(TypeError):
        directives("no-store")["x"] = None  # type: ignore[index]  # pyright: ignore[reportIndexIssue]


@pytest.mark.parametrize(
    ("field", "held"),
    [
        pytest.param("no-transform", True, id="alone"),
        pytest.param("public,No-Transform", True, id="second, in another case"),
        pytest.param("no-transform=1", True, id="with an argument"),
        pytest.param("x-no-transform", False, id="inside another token"),
        pytest.param("no-transformer", False, id="at the start of another token"),
        pytest.param('a="no-transform"', False, id="as an argument"),
        pytest.param('a="b, no-transform, c"', False, id="inside quotes"),
        pytest.param(None, False, id="no field"),
    ],
)
def test_has_directive(field: str | None, held: bool) -> None:
    assert has_directive(field, "no-transform") is held
    assert has_directive(field, "NO-transform") is held


arguments = st.one_of(st.none(), tokens, st.text(max_size=8))


@law
@given(st.dictionaries(tokens.map(str.lower), arguments, max_size=5), st.data())
def test_law_directives_read_what_was_written(
    written: dict[str, str | None], data: st.DataObject
) -> None:
    """What a sender writes, on however many lines, quoted or not, is read back."""
    lines: list[list[str]] = [[]]
    for name, argument in written.items():
        spelled = data.draw(st.sampled_from([name, name.upper()]))
        if argument is None:
            member = spelled
        elif is_token(argument) and data.draw(st.booleans()):
            member = f"{spelled}={argument}"
        else:
            escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
            member = f'{spelled}="{escaped}"'
        if data.draw(st.booleans()):
            lines.append([])
        lines[-1].append(member)
    pairs = [("cache-control", ", ".join(line)) for line in lines]
    assert directives(joined(pairs, "Cache-Control")) == written


@pytest.mark.parametrize(
    ("lines", "directive", "after"),
    [
        pytest.param([], "private", ["private"], id="no field"),
        pytest.param([""], "private", ["private"], id="an empty field"),
        pytest.param(["max-age=60"], "private", ["max-age=60, private"], id="added at the end"),
        pytest.param(["Private"], "private", ["Private"], id="held in another case"),
        pytest.param(["a", "private"], "private", ["a", "private"], id="held by the second line"),
        pytest.param(["a", "b"], "private", ["a, private", "b"], id="joins the first line"),
        pytest.param(["max-age=1"], "max-age=60", ["max-age=1"], id="the argument held stays"),
        pytest.param(["no-cache"], "max-age=60", ["no-cache, max-age=60"], id="with an argument"),
        pytest.param(["private"], 'private="x"', ["private"], id="bare is stricter"),
        pytest.param(
            ['private="x"'], "private", ['private="x", private'], id="rfc-9111-5.2.2.7: qualified"
        ),
        pytest.param(
            ['a="b, c'], "private", ['private, a="b, c'], id="before quotes that are never closed"
        ),
    ],
)
def test_add_directive(lines: list[str], directive: str, after: list[str]) -> None:
    pairs = [("Cache-Control", line) for line in lines]
    add_directive(pairs, directive)
    assert pairs == [("Cache-Control", line) for line in after]


@law
@given(st.lists(st.text('a=", \\private-', max_size=12), max_size=3))
def test_law_what_was_added_is_seen(lines: list[str]) -> None:
    """After adding, a reader of the joined lines or of any one line finds the directive."""
    pairs = [("Cache-Control", line) for line in lines]
    already = "private" in directives(joined(pairs, "Cache-Control"))
    add_directive(pairs, "private")
    assert directives(joined(pairs, "Cache-Control"))["private"] is None
    if not already:
        assert any(has_directive(line, "private") for line in find_all(pairs, "Cache-Control"))


# Bounds


@pytest.mark.parametrize(
    "unit",
    [
        pytest.param('"', id="quotes"),
        pytest.param('"\\', id="quotes and backslashes"),
        pytest.param("\\", id="backslashes"),
        pytest.param(",", id="commas"),
        pytest.param('a="', id="openings"),
        pytest.param("private,", id="one directive"),
    ],
)
def test_a_megabyte_comes_back(unit: str) -> None:
    """What is quadratic takes hours here: the watchdog of pytest's settings ends it."""
    text = unit * (2**20 // len(unit))
    pairs = [("Cache-Control", text), ("Vary", text)]
    assert split_list(text, ";") or not text.strip(";, ")
    add_directive(pairs, "no-store")
    add_vary(pairs, "Origin")
    assert [name for name, _ in pairs] == ["Cache-Control", "Vary"]
