"""Send a request to one of many WSGI apps by method, host and path: `Router`.

What no route knows goes to the inner app **untouched**: put new endpoints, mounts and redirects in
front of a Flask or Django app, or let the router be the whole app, `Router(routes)(not_found)`.

>>> from wsgimw.routing import Mount, Redirect, Route, Router, not_found, params
>>> def user(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain")])
...     return [f"user {params(environ)['id']}".encode()]
>>> router = Router([
...     Route("/users/<int:id>", user, methods=["GET"], name="user"),
...     Redirect("/people/<int:id>", "/users/<id>"),
... ])
>>> app = router(not_found)
>>> app({"REQUEST_METHOD": "GET", "PATH_INFO": "/users/7"}, lambda status, headers: print(status))
200 OK
[b'user 7']
>>> router.url_for("user", id=7)
'/users/7'
>>> sorted(router.allowed("/users/7"))
['GET', 'HEAD', 'OPTIONS']

When: an app of several parts, with or without a framework. Not: inside Flask or Django, whose own
routers give their views what they expect.

The most specific route wins; the order of registration never matters. A path that fits while the
method does not is answered 405 with `Allow` (204 for OPTIONS). `check()` finds routes that hide
each other, `explain()` tells why a request goes where it goes; both, and the patterns, are shown in
`docs/routing.md`.

Reads `REQUEST_METHOD`, `PATH_INFO`, `SCRIPT_NAME`; with a Host `HTTP_HOST` or `SERVER_NAME`; with
`encoded_slashes="keep"` `REQUEST_URI` or `RAW_URI`. A match sets `wsgiorg.routing_args` and
`wsgimw.route`; a Mount also `wsgimw.mount`, and moves its prefix from `PATH_INFO` to `SCRIPT_NAME`.
A miss changes nothing. Where: innermost; guards that look at a path stand outside of it.

What it costs: one dict probe per shape of route that a path of its length can have, and two keys of
environ. A body is never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from wsgimw.answers import text_answer
from wsgimw.compose import BaseLayer
from wsgimw.describe import describe
from wsgimw.exchange import Exchange, Hooks
from wsgimw.facts import Facts
from wsgimw.http.headers import joined, put, split_list
from wsgimw.routing import lint
from wsgimw.routing.compiled import fast
from wsgimw.routing.index import Index
from wsgimw.routing.lint import Explanation, Finding, Near
from wsgimw.routing.matcher import MOUNT, SLASH, Entry, Found, Match, loop, match_for
from wsgimw.routing.patterns import (
    AnyItem,
    Host,
    Include,
    Item,
    Mount,
    Redirect,
    Route,
    check_routes,
)
from wsgimw.routing.requests import Reading, host_of, read
from wsgimw.routing.reverse import url_for
from wsgimw.routing.urls import slash_location

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = [
    "Explanation",
    "Finding",
    "Host",
    "Include",
    "Mount",
    "Near",
    "Redirect",
    "Route",
    "Router",
    "not_found",
    "params",
]

_ARGS = "wsgiorg.routing_args"
_CHOICES = {
    "slashes": ("redirect", "strict", "ignore"),
    "method_mismatch": ("405", "next"),
    "encoded_slashes": ("split", "keep"),
}


@dataclass(frozen=True, slots=True, repr=False)
class Router(BaseLayer):
    """Send a request to one of many apps; what no route knows goes to the inner app.

    Raises `TypeError` and `ValueError` when it is built: for bad patterns, for two routes that take
    the same method of the same paths, for a name of two patterns.
    """

    routes: Collection[Item]
    """Route, Mount, Redirect, Include and Host items, in any order."""
    _: KW_ONLY
    slashes: str = "redirect"
    """Of a pattern that ends in `/` where the path does not: `redirect` (308), `strict` (no match),
    `ignore` (a slash at the end is there or not, of every pattern)."""
    method_mismatch: str = "405"
    """Of a path that fits while the method does not: `405`, or `next`, the inner app."""
    encoded_slashes: str = "split"
    """`keep`: a `%2F` of the raw target stays inside its segment. A guard outside of the router
    that looks at PATH_INFO sees the split path."""
    converters: Mapping[str, Callable[..., Any]] = field(default_factory=dict, hash=False)
    """More converters by name, classes of werkzeug's protocol."""
    compiled: bool = True
    """False: a plain loop, no generated code; the same results."""
    _index: Index = field(init=False, repr=False, compare=False)
    match: Match = field(init=False, repr=False, compare=False)
    """`match(method, path, host="")`: the item that takes a request, and its parameters, or None.
    `path` is decoded text. A slash that would be added comes back as a `Redirect`. (A function that
    each router makes for its tables, as it is the one that has a price.)"""

    def __post_init__(self) -> None:
        routes = check_routes(self.routes, "Router")
        object.__setattr__(self, "routes", routes)
        for option, choices in _CHOICES.items():
            value = getattr(self, option)
            if not isinstance(value, str):
                raise TypeError(f"{option} is {describe(value)}; write one of {choices}")
            if value not in choices:
                raise ValueError(f"{option} is {value!r}; write one of {choices}")
        if not isinstance(self.compiled, bool):
            raise TypeError(f"compiled is {describe(self.compiled)}; write True or False")
        object.__setattr__(self, "converters", _converters(self.converters))
        make = fast if self.compiled else loop
        index = Index(
            routes,
            slashes=self.slashes,
            converters=self.converters,
            make=make,
        )
        object.__setattr__(self, "_index", index)
        match = self._match if index.hosts else match_for(index.site.tables, make, self._match)
        object.__setattr__(self, "match", match)

    def _match(
        self, method: str, path: str, host: str = ""
    ) -> tuple[AnyItem, dict[str, Any]] | None:
        found = self._ask(Reading.of_text(path), method, host)
        return (found[0].item, found[1]) if found else None

    def allowed(self, path: str, host: str = "") -> frozenset[str]:
        """Return the methods that explicit `methods=` give a decoded path; empty: nothing."""
        reading = Reading.of_text(path)
        return self._index.allowed(reading.texts, host) if reading.whole else frozenset()

    def url_for(self, name: str, /, **params: Any) -> str:
        """Return the percent-encoded path of a named route, below the router's SCRIPT_NAME.

        ValueError for an unknown name, a missing or unknown parameter, a value that its converter
        cannot write, and a result that would not lead back to the same route. A Mount gives its
        prefix; parameters of a Host are not part of it.
        """
        return url_for(self._index, name, params, keep=self.encoded_slashes == "keep")

    def check(self) -> tuple[Finding, ...]:
        """Return the pairs of routes that hide parts of each other, each with a path that shows it.

        Nothing for a route that is more specific than another one in every segment.
        """
        return lint.check(self._index)

    def explain(self, method: str, path: str, host: str = "") -> Explanation:
        """Tell where a request goes, and which routes it misses in one way only."""
        found = self._ask(Reading.of_text(path), method, host)
        return lint.explain(self._index, method, path, host, found, self.allowed(path, host))

    def _ask(self, reading: Reading, method: str, host: str) -> Found:
        if not reading.whole:
            return self._index.mount(reading.texts, reading.valid, host)
        path = reading.texts if reading.path is None else reading.path
        return self._index.search(method, path, host)

    @property
    def facts(self) -> Facts:
        """What `wsgimw.explain` knows of it."""
        mounts = any(isinstance(item, Mount) for item in _flat(self.routes))
        moved = ["wsgimw.mount", "SCRIPT_NAME", "PATH_INFO"] if mounts else []
        return Facts(
            reads=["client"] if self._index.hosts else [],
            changes=["path"] if mounts else [],
            does=["routes", "answers early"],
            cost="nothing",
            headers=["Allow", "Location"],
            environ=[_ARGS, "wsgimw.route", *moved],
            own_check="check",
        )

    def _bind(self, app: WSGIApplication) -> WSGIApplication:
        index = self._index
        find = index.site.find
        simple = index.hosts is None and self.encoded_slashes == "split"
        refuse = self._refusal(app)

        def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
            path: str = environ.get("PATH_INFO", "")
            if not path:
                # Below a mount this is `/` without its slash.
                path = "" if environ.get("SCRIPT_NAME") else "/"
            method = environ["REQUEST_METHOD"]
            if simple and path.isascii():
                found = find(method, path)
            else:
                found = self._ask(self._reading(environ), method, host_of(environ))
            if not found:
                return (app if found is None else refuse)(environ, start_response)
            entry, values = found
            if entry.app is None:
                return self._redirect(entry, values, environ, start_response)
            route = entry.pattern
            if "wsgimw.mount" in environ:
                route = environ["wsgimw.mount"] + route
            if _ARGS in environ:
                args, named = environ[_ARGS]
                environ[_ARGS] = (args, {**named, **values})
            else:
                environ[_ARGS] = ((), values)
            if entry.kind == MOUNT:
                environ["wsgimw.mount"] = route
                # In place, and not restored afterwards: the body still runs then.
                cut = entry.cut if entry.cut >= 0 else self._prefix(environ, path, entry)
                if cut:
                    environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + path[:cut]
                    environ["PATH_INFO"] = path[cut:]
                else:
                    route = route or "/"
            environ["wsgimw.route"] = route
            if "wsgimw.record" in environ:
                environ["wsgimw.record"].route = route
            return entry.app(environ, start_response)

        return bound

    def _reading(self, environ: WSGIEnvironment) -> Reading:
        return read(environ, keep=self.encoded_slashes == "keep")

    def _prefix(self, environ: WSGIEnvironment, path: str, entry: Entry) -> int:
        """Return how much of PATH_INFO the prefix of a Mount with parameters takes."""
        count = len(entry.segments)
        raw = self._reading(environ).raw if self.encoded_slashes == "keep" else None
        if raw:
            return sum(len(segment) + 1 for segment in raw[1 : count + 1])
        at = 0
        for _ in range(count):
            at = path.find("/", at + 1)
        return len(path) if at < 0 else at

    def _redirect(
        self,
        entry: Entry,
        values: dict[str, Any],
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> list[bytes]:
        script = environ.get("SCRIPT_NAME", "")
        query = environ.get("QUERY_STRING", "")
        status = 308
        if entry.kind == SLASH:
            reading = self._reading(environ)
            url = slash_location(script, environ.get("PATH_INFO", ""), query, reading.raw_whole)
        else:
            assert isinstance(entry.item, Redirect) and entry.target is not None
            status = entry.item.status
            written = {
                name: kind.write(values[name])
                for segment in (*entry.host, *entry.segments)
                if not isinstance(segment, str)
                for name, kind in zip(segment.names, segment.kinds, strict=True)
            }
            url = entry.target.url(written, script, query)
        method = environ["REQUEST_METHOD"]
        answer = text_answer(status, [("Location", url)], method=method)
        start_response(answer.status, answer.headers)
        return answer.body

    def _refusal(self, app: WSGIApplication) -> WSGIApplication:
        """Return the app that answers where a path fits and perhaps no method."""
        index = self._index

        def allowed(environ: WSGIEnvironment) -> frozenset[str]:
            texts = self._reading(environ).texts
            return index.allowed(texts, host_of(environ), bool(environ.get("wsgimw.mount")))

        joining = _JoinAllow(allowed)(app)
        answers = self.method_mismatch == "405"

        def refuse(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
            methods = allowed(environ)
            if not methods:  # a quiet catch-all, or a slash: no evidence
                return app(environ, start_response)
            if not answers:
                return joining(environ, start_response)
            head = [("Allow", ", ".join(sorted(methods)))]
            method = environ["REQUEST_METHOD"]
            if method == "OPTIONS":
                start_response("204 No Content", head)
                return [b""]
            answer = text_answer(405, head, method=method)
            start_response(answer.status, answer.headers)
            return answer.body

        return refuse


@dataclass(frozen=True, slots=True, repr=False)
class _JoinAllow(Hooks):
    """Join our methods to the `Allow` of an inner app that refuses the method, too."""

    methods: Callable[[WSGIEnvironment], frozenset[str]]

    def on_request(self, environ: WSGIEnvironment) -> frozenset[str]:
        # The method that is refused here is in no list of ours, but OPTIONS is in every one.
        return self.methods(environ) - {environ["REQUEST_METHOD"]}

    def on_head(self, x: Exchange) -> None:
        if x.status[:3] == "405":
            members = split_list(joined(x.headers, "Allow") or "")
            put(x.headers, "Allow", ", ".join(sorted({*members, *x.state})))


def _flat(items: Collection[Item]) -> Iterator[Item]:
    for item in items:
        yield item
        if isinstance(item, (Include, Host)):
            yield from _flat(item.routes)


def _converters(converters: Any) -> dict[str, Callable[..., Any]]:
    if not isinstance(converters, Mapping):
        raise TypeError(
            f"converters is {describe(converters)}; write a mapping of names to classes"
        )
    for name, cls in converters.items():
        if not (isinstance(name, str) and name.isascii() and name.isidentifier()):
            raise ValueError(f"converters names {name!r}; a name is an identifier")
        if not callable(cls):
            raise TypeError(f"converters[{name!r}] is {describe(cls)}, which is no class")
    return dict(converters)


def params(environ: WSGIEnvironment) -> dict[str, Any]:
    """Return the named parameters that a Router found, `{}` without any.

    >>> params({"wsgiorg.routing_args": ((), {"id": 7})}), params({})
    ({'id': 7}, {})
    """
    args = environ.get(_ARGS)
    named: dict[str, Any] = args[1] if args else {}
    return named


def not_found(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Answer 404 in plain text: a whole app, for a Router that has nothing behind it."""
    answer = text_answer(404, method=environ.get("REQUEST_METHOD"))
    start_response(answer.status, answer.headers)
    return answer.body
