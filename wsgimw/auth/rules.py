"""Rules by path prefix and method, asked so that no spelling of a path slips past one.

A rule is `"/prefix"` or `"METHOD[,METHOD] /prefix"`. The longest prefix wins, at equal length the
one with a method; their order means nothing. `GET` covers `HEAD`.

A path is read as it came and in its canonical form (`wsgimw.http.paths`), and the rule of each
reading must allow. The first meets the prefixes as written, the canonical form meets them
case-folded; a path with one reading meets both. Where the path holds `//`, a backslash, `;` or an
escape, something downstream may undo half of it: then every rule above its canonical form must
allow as well. A method that a header or the query would put in place of the real one must be
allowed as well as that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from urllib.parse import unquote_plus

from wsgimw.auth.predicates import compiled
from wsgimw.describe import describe
from wsgimw.http.headers import is_token
from wsgimw.http.paths import canonical

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from wsgimw.auth.contracts import Predicate

__all__ = ["Consulted", "Rule", "Rules"]

OVERRIDES = ("HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_X_METHOD_OVERRIDE", "HTTP_X_HTTP_METHOD")
# The last are what NFKC makes a slash, backslash, semicolon or percent sign of.
_UNDONE = re.compile(
    r"//|\\|;|%[0-9A-Fa-f]{2}"
    r"|[\u037e\u2100\u2101\u2105\u2106\ufe14\ufe54\ufe68\ufe6a\uff05\uff0f\uff1b\uff3c]"
).search


class Rule(NamedTuple):
    """One rule: as it was written, and what it asks."""

    text: str
    prefix: str  # without a slash at its end, so "" is everything
    method: str | None
    predicate: Predicate
    shown: str


class Consulted(NamedTuple):
    """A rule that is asked, and why: which reading, which method."""

    why: str
    path: str
    method: str
    rule: Rule


Level: TypeAlias = dict[str | None, tuple[Rule, ...]]
Table: TypeAlias = dict[str, Level]


class Rules:
    """The rules of one Require, in two tables: prefixes as written, and case-folded."""

    __slots__ = ("by_method", "folded", "longest", "rules", "written")

    def __init__(self, rules: Mapping[str, Any]) -> None:
        self.rules = [rule for text, given in rules.items() for rule in _parsed(text, given)]
        self.by_method = any(rule.method is not None for rule in self.rules)
        self.written = _table(self.rules, fold=False)
        folded = _table(self.rules, fold=True)
        # One table where all is lower case: then a path needs to be asked about once.
        self.folded = self.written if folded.keys() == self.written.keys() else folded
        self.longest = max((len(prefix) for prefix in (*self.written, *folded)), default=0) + 1
        if not any(rule.prefix == "" and rule.method is None for rule in self.rules):
            raise ValueError(
                'Require() has no rule for "/": what no other rule covers needs one, such as '
                '"/": "authenticated"'
            )

    def winners(self, table: Table, path: str, method: str) -> tuple[Rule, ...]:
        """Give the rule of the longest prefix; several where prefixes differ in case alone."""
        if len(path) > self.longest:
            path = path[: self.longest]
        while True:
            level = table.get(path)
            if level is not None:
                found = at_level(level, method)
                if found:
                    return found
            slash = path.rfind("/")
            path = path[:slash] if slash > 0 else ""

    def above(self, table: Table, path: str, method: str) -> Iterator[Rule]:
        """Yield the rules of all prefixes of a path."""
        path = path[: self.longest]
        while True:
            level = table.get(path)
            if level is not None:
                yield from at_level(level, method)
            if not path:
                return
            slash = path.rfind("/")
            path = path[:slash] if slash > 0 else ""

    def consult(self, readings: tuple[str, ...], methods: list[str]) -> Iterator[Consulted]:
        """Yield every rule that must allow a request."""
        came, form = readings[0], readings[-1]
        for method in methods:
            for rule in self.winners(self.written, came, method):
                yield Consulted("as it came", came, method, rule)
            if len(readings) == 2 or self.folded is not self.written:
                for rule in self.winners(self.folded, form, method):
                    yield Consulted("canonical", form, method, rule)
            if len(readings) == 2 and _UNDONE(came):
                for rule in self.above(self.folded, form, method):
                    yield Consulted("half undone", form, method, rule)


def at_level(level: Level, method: str) -> tuple[Rule, ...]:
    """Give the rule of one prefix for a method; RFC 9110, 9.3.2: HEAD is GET without a body."""
    found = level.get(method)
    if found is None and method == "HEAD":
        found = level.get("GET")
    return found if found is not None else level.get(None, ())


def methods_of(environ: WSGIEnvironment) -> list[str]:
    """Give the methods that something downstream may take the request for."""
    method = str(environ.get("REQUEST_METHOD") or "")
    found = [method, method.upper()]
    for key in OVERRIDES:
        if key in environ:
            found += _listed(str(environ[key]))
    query = environ.get("QUERY_STRING")
    if query and ("%" in query or "_method" in query.lower()):
        for pair in re.split("[&;]", query):
            name, _, value = pair.partition("=")
            if unquote_plus(name).strip().lower() == "_method":
                found += _listed(unquote_plus(value))
    return list(dict.fromkeys(found))


def _listed(text: str) -> list[str]:
    return [method for part in text.split(",") if (method := part.strip().upper())]


def _table(rules: list[Rule], *, fold: bool) -> Table:
    table: Table = {}
    for rule in rules:
        level = table.setdefault(rule.prefix.casefold() if fold else rule.prefix, {})
        level[rule.method] = (*level.get(rule.method, ()), rule)
    if fold:
        for level in table.values():
            _share(level)
    return table


def _share(level: Level) -> None:
    """Where prefixes differ in case alone, a rule without a method is also asked for each method.

    `GET /Docs` must not take the place of `/docs`: of the two nobody knows which is meant.
    """
    plain = level.get(None, ())
    for method, rules in level.items():
        if method is not None:
            spelt = {rule.prefix for rule in rules}
            level[method] = (*rules, *(rule for rule in plain if rule.prefix not in spelt))


def _parsed(text: Any, given: Any) -> list[Rule]:
    if not isinstance(text, str):
        raise TypeError(
            f'Require() has the rule {describe(text)}; a rule is a str: "/prefix" or "GET /prefix"'
        )
    predicate = compiled(given, f"the rule {text!r} of Require()")
    methods, slash, rest = ("", "", text) if text.startswith("/") else text.partition(" /")
    prefix = f"/{rest}" if slash else text
    if not prefix.startswith("/"):
        raise ValueError(
            f"Require() has the rule {text!r}; a prefix begins with a slash: {'/' + prefix!r}"
        )
    form = canonical(prefix)
    if form is None or form.rstrip("/") != prefix.rstrip("/").casefold() or "//" in prefix:
        fix = "without dot segments and control characters" if form is None else f"{form!r}"
        raise ValueError(
            f"Require() has the rule {text!r}, whose prefix is not in canonical form; write {fix}"
        )
    wanted: list[str | None] = []
    for method in methods.split(",") if methods else ():
        if not is_token(method) or method != method.upper():
            raise ValueError(
                f"Require() has the rule {text!r}; methods are capital letters, separated by "
                'commas without spaces: "GET,POST /prefix"'
            )
        wanted.append(method)
    return [
        Rule(text, prefix.rstrip("/"), method, predicate, describe(given))
        for method in wanted or [None]
    ]


def check_doubles(rules: list[Rule]) -> None:
    """Raise where two rules are for the same prefix and method."""
    seen: dict[tuple[str, str | None], str] = {}
    for rule in rules:
        key = (rule.prefix, rule.method)
        if key in seen:
            raise ValueError(
                f"Require() has {seen[key]!r} and {rule.text!r} for the same requests; keep one"
            )
        seen[key] = rule.text
