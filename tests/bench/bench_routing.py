"""Router beside Falcon, werkzeug, bottle, sanic-routing and others, on an API of 200 routes."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from tests.bench.drive import answer, make_environ, start_response
from tests.bench.frame import Bench, Case, Ratio
from tests.bench.routing_api import missing, pairs, path, pattern
from wsgimw import Mount, Route, Router, not_found, params

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

Request = tuple[str, str]
Ask = Callable[[str, str], Any]

PAIRS = pairs()
HITS: list[Request] = [(method, path(segments)) for method, segments in PAIRS]
MISSES: list[Request] = [(method, missing(segments)) for method, segments in PAIRS]
STATIC = [(method, segments) for method, segments in PAIRS if None not in segments][:10]
MANY = 10_000
SOME = [("GET", f"/res{at}/item-04") for at in range(0, MANY, MANY // 200)]


def hello(environ: Any, start_response: Any) -> list[bytes]:
    """Answer as little as an app can."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def ask_all(ask: Ask, requests: Sequence[Request]) -> None:
    """Ask for each request."""
    for method, asked in requests:
        ask(method, asked)


def call_all(app: WSGIApplication, environs: Sequence[WSGIEnvironment]) -> None:
    """Call an app with a copy of each environ."""
    for environ in environs:
        app(environ.copy(), start_response)


def our_routes(routes: Sequence[tuple[str, tuple[str | None, ...]]]) -> list[Route]:
    """Return our routes of these pairs."""
    return [
        Route(pattern(segments, lambda name: f"<{name}>"), hello, methods=(method,))
        for method, segments in routes
    ]


class Resource:
    """What Falcon routes to: a responder for each method."""

    def __init__(self, methods: Sequence[str]) -> None:
        for method in methods:
            setattr(self, f"on_{method.lower()}", self.respond)

    def respond(self, request: Any, response: Any, **params: Any) -> None: ...


def by_pattern(
    routes: Sequence[tuple[str, tuple[str | None, ...]]], write: Callable[[str], str]
) -> dict[str, list[str]]:
    """Return the methods of each pattern."""
    grouped: dict[str, list[str]] = {}
    for method, segments in routes:
        grouped.setdefault(pattern(segments, write), []).append(method)
    return grouped


def falcon_find(routes: Sequence[tuple[str, tuple[str | None, ...]]]) -> Callable[[str], Any]:
    """Return the `find` of Falcon's compiled router."""
    from falcon.routing import CompiledRouter

    router = CompiledRouter()
    for text, methods in by_pattern(routes, lambda name: f"{{{name}}}").items():
        router.add_route(text, Resource(methods))
    router.find("/")
    find: Callable[[str], Any] = router.find
    return find


def find_all(find: Callable[[str], Any], requests: Sequence[Request]) -> None:
    """Ask Falcon's router, and look the method up as its app does: no call of ours between."""
    for method, asked in requests:
        found = find(asked)
        if found is not None:
            found[1].get(method)


def get_all(get: Callable[[Request], Any], requests: Sequence[Request]) -> None:
    """Look each request up in a dict."""
    for request in requests:
        get(request)


def werkzeug_map() -> Any:
    """Return werkzeug's Map of the API."""
    from werkzeug.routing import Map, Rule

    return Map(
        [
            Rule(pattern(segments, lambda name: f"<{name}>"), methods=[method], endpoint=number)
            for number, (method, segments) in enumerate(PAIRS)
        ]
    )


def none_on(errors: Any, call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a call that returns None instead of raising, as the others do."""

    def ask(*args: Any) -> Any:
        try:
            return call(*args)
        except errors:
            return None

    return ask


def werkzeug_asks() -> tuple[Ask, Ask]:
    """Return werkzeug's `match` of an adapter that is bound once, and bound for each request."""
    from werkzeug.exceptions import HTTPException

    map_ = werkzeug_map()
    adapter = map_.bind("example.org")

    def whole(method: str, path: str) -> Any:
        return map_.bind_to_environ(make_environ(path, method)).match()

    bound = none_on(HTTPException, lambda method, path: adapter.match(path, method))
    return bound, none_on(HTTPException, whole)


def bottle_ask() -> Ask:
    """Return bottle's router."""
    import bottle

    router = bottle.Router()
    for number, (method, segments) in enumerate(PAIRS):
        router.add(pattern(segments, lambda name: f"<{name}>"), method, number)

    def ask(method: str, path: str) -> Any:
        return router.match({"PATH_INFO": path, "REQUEST_METHOD": method})

    return none_on(bottle.HTTPError, ask)


def sanic_ask() -> Ask:
    """Return sanic-routing's router."""
    from sanic_routing import BaseRouter
    from sanic_routing.exceptions import NoMethod, NotFound

    class SanicRouter(BaseRouter):
        def get(self, path: str, method: str) -> Any:  # type: ignore[override]
            return self.resolve(path=path, method=method)

    router = SanicRouter()
    for method, segments in PAIRS:
        router.add(pattern(segments, lambda name: f"<{name}>"), hello, methods=[method])
    router.finalize()
    return none_on((NotFound, NoMethod), lambda method, path: router.get(path, method))


def starlette_ask() -> Ask:
    """Return a walk over Starlette's routes, as its router does it."""
    from starlette.routing import Match
    from starlette.routing import Route as StarletteRoute

    def endpoint(request: Any) -> Any: ...

    routes = [
        StarletteRoute(pattern(segments, lambda name: f"{{{name}}}"), endpoint, methods=[method])
        for method, segments in PAIRS
    ]

    def ask(method: str, path: str) -> Any:
        scope = {"type": "http", "method": method, "path": path, "root_path": ""}
        for route in routes:
            match, child = route.matches(scope)
            if match is Match.FULL:
                return child
        return None

    return ask


def match_benches() -> Iterator[Bench]:
    """Compare the routers alone."""
    ours = Router(our_routes(PAIRS)).match
    falcon = falcon_find(PAIRS)
    bound, whole = werkzeug_asks()
    peers = {
        "werkzeug bound": bound,
        "werkzeug whole": whole,
        "bottle": bottle_ask(),
        "sanic-routing": sanic_ask(),
        "Starlette": starlette_ask(),
    }
    for title, requests, target in (("hit", HITS, 0.80), ("404", MISSES, 0.75)):
        asks: dict[str, Ask] = {"ours": ours, "Falcon": lambda _, path: falcon(path), **peers}
        for name, ask in asks.items():
            found = [ask(*request) is not None for request in requests]
            assert all(found) if title == "hit" else not any(found), (name, title)
        yield Bench(
            f"match, 200 routes, {title}: 200 look-ups",
            cases=[
                Case("Router.match", partial(ask_all, ours, requests)),
                Case("Falcon", partial(find_all, falcon, requests)),
                *(Case(name, partial(ask_all, ask, requests)) for name, ask in peers.items()),
            ],
            ratios=[
                Ratio("ours / Falcon", of="Router.match", over="Falcon", target=target),
                *(Ratio(f"{name} / ours", of=name, over="Router.match") for name in peers),
            ],
        )
    few = [(method, path(segments)) for method, segments in STATIC]
    static = Router(our_routes(STATIC)).match
    table = dict.fromkeys(few, hello)
    yield Bench(
        "match, 10 static routes: 10 look-ups",
        cases=[
            Case("Router.match", partial(ask_all, static, few)),
            Case("Falcon", partial(find_all, falcon_find(STATIC), few)),
            Case("dict", partial(get_all, table.get, few)),
        ],
        ratios=[
            Ratio("ours / Falcon", of="Router.match", over="Falcon", target=0.60),
            Ratio("ours / one dict look-up", of="Router.match", over="dict", target=8),
        ],
    )


ARGS = "wsgiorg.routing_args"


def handed_on(
    environ: WSGIEnvironment, start_response: Any, values: dict[str, Any], route: str, app: Any
) -> Any:
    """Set what our bound app sets, and call the target: a router's duty."""
    if "wsgimw.mount" in environ:
        route = environ["wsgimw.mount"] + route
    if ARGS in environ:
        args, named = environ[ARGS]
        environ[ARGS] = (args, {**named, **values})
    else:
        environ[ARGS] = ((), values)
    environ["wsgimw.route"] = route
    if "wsgimw.record" in environ:
        environ["wsgimw.record"].route = route
    return app(environ, start_response)


def falcon_app(inner: WSGIApplication) -> WSGIApplication:
    """Return an app that does our duty with Falcon's router."""
    find = falcon_find(PAIRS)

    def bound(environ: WSGIEnvironment, start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        if not path.isascii():
            path = path.encode("latin-1").decode("utf-8", "replace")
        found = find(path)
        if found is None:
            return inner(environ, start_response)
        _, methods, values, template = found
        if methods.get(environ["REQUEST_METHOD"]) is None:
            return not_found(environ, start_response)
        if "wsgimw.mount" in environ:
            template = environ["wsgimw.mount"] + template
        if ARGS in environ:
            args, named = environ[ARGS]
            environ[ARGS] = (args, {**named, **values})
        else:
            environ[ARGS] = ((), values)
        environ["wsgimw.route"] = template
        if "wsgimw.record" in environ:
            environ["wsgimw.record"].route = template
        return hello(environ, start_response)

    return bound


def werkzeug_app(inner: WSGIApplication) -> WSGIApplication:
    """Return an app that does our duty with werkzeug's Map."""
    from werkzeug.exceptions import NotFound

    map_ = werkzeug_map()

    def bound(environ: WSGIEnvironment, start_response: Any) -> Any:
        try:
            rule, values = map_.bind_to_environ(environ).match(return_rule=True)
        except NotFound:
            return inner(environ, start_response)
        return handed_on(environ, start_response, dict(values), rule.rule, hello)

    return bound


def selector_app() -> WSGIApplication:
    """Return selector's app of the API; it has no inner app."""
    from selector import Selector

    app: Any = Selector()
    for text, methods in by_pattern(PAIRS, lambda name: f"{{{name}}}").items():
        app.add(text, **dict.fromkeys(methods, hello))
    bound: WSGIApplication = app
    return bound


def routes_app() -> WSGIApplication:
    """Return RoutesMiddleware round an app that answers."""
    from routes import Mapper
    from routes.middleware import RoutesMiddleware

    mapper = Mapper()
    for number, (method, segments) in enumerate(PAIRS):
        text = pattern(segments, lambda name: f"{{{name}}}")
        mapper.connect(f"r{number}", text, controller="c", conditions={"method": [method]})
    bound: WSGIApplication = RoutesMiddleware(hello, mapper)
    return bound


def app_benches() -> Iterator[Bench]:
    """Compare bound apps, the inner app's own cost taken off."""
    ours = Router(our_routes(PAIRS))(hello)
    for title, requests, falcon_target, werkzeug_target in (
        ("hit", HITS, 0.90, 0.10),
        ("fall-through", MISSES, 0.75, 0.05),
    ):
        apps = {
            "bare": hello,
            "Router": ours,
            "on Falcon's router": falcon_app(hello),
            "on werkzeug's Map": werkzeug_app(hello),
        }
        if title == "hit":
            apps |= {"selector": selector_app(), "RoutesMiddleware": routes_app()}
        environs = [make_environ(path, method) for method, path in requests]
        for name, app in apps.items():
            assert all(answer(app, environ)[2] == b"hello" for environ in environs), name
        yield Bench(
            f"bound app, 200 routes, {title}: 200 requests",
            cases=[Case(name, partial(call_all, app, environs)) for name, app in apps.items()],
            ratios=[
                Ratio(
                    "ours / on Falcon's router, added",
                    of="Router",
                    over="on Falcon's router",
                    minus="bare",
                    target=falcon_target,
                ),
                Ratio(
                    "ours / on werkzeug's Map, added",
                    of="Router",
                    over="on werkzeug's Map",
                    minus="bare",
                    target=werkzeug_target,
                ),
                *(
                    Ratio(f"{name} / ours, added", of=name, over="Router", minus="bare")
                    for name in ("selector", "RoutesMiddleware")
                    if name in apps
                ),
            ],
        )


def build_many() -> float:
    """Return the seconds of building 10,000 routes and matching each once."""
    gc.collect()
    started = perf_counter()
    match = Router([Route(f"/res{at}/<id>", hello) for at in range(MANY)]).match
    for at in range(MANY):
        match("GET", f"/res{at}/x")
    return perf_counter() - started


def build_werkzeug() -> float:
    """Return the seconds of building werkzeug's Map of 1,000 routes."""
    from werkzeug.routing import Map, Rule

    gc.collect()
    started = perf_counter()
    Map([Rule(f"/res{at}/<id>", endpoint=at) for at in range(MANY // 10)]).update()
    return perf_counter() - started


def many_benches() -> Iterator[Bench]:
    """Compare large tables."""
    yield Bench(
        "10,000 routes of one shape: build, and the first match of each",
        cases=[
            Case("Router, 10,000", build_many, reports_seconds=True),
            Case("werkzeug, build of 1,000", build_werkzeug, reports_seconds=True),
        ],
        ratios=[
            Ratio("ours / a tenth of werkzeug", "Router, 10,000", "werkzeug, build of 1,000", 0.8)
        ],
    )
    many = Router([Route(f"/res{at}/<id>", hello) for at in range(MANY)]).match
    few = Router(our_routes(PAIRS)).match
    ask_all(many, SOME)  # each search is made when it is first asked
    yield Bench(
        "match, 10,000 routes beside 200: 200 look-ups",
        cases=[
            Case("10,000", partial(ask_all, many, SOME)),
            Case("200", partial(ask_all, few, HITS)),
        ],
        ratios=[Ratio("10,000 / 200", of="10,000", over="200", target=1.4)],
    )


def mount_benches() -> Iterator[Bench]:
    """Compare mounts."""
    from paste.urlmap import URLMap
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    for count in (5, 100):
        prefixes = [f"/mount{at}" for at in range(count)]
        environs = [make_environ(f"{prefix}/one/two/three") for prefix in prefixes]
        paste: Any = URLMap()
        for prefix in prefixes:
            paste[prefix] = hello
        apps: dict[str, Any] = {
            "bare": hello,
            "Router": Router([Mount(prefix, hello) for prefix in prefixes])(hello),
            "DispatcherMiddleware": DispatcherMiddleware(hello, dict.fromkeys(prefixes, hello)),
            "Paste URLMap": paste,
        }
        yield Bench(
            f"{count} mounts, three segments below: {count} requests",
            cases=[Case(name, partial(call_all, app, environs)) for name, app in apps.items()],
            ratios=[
                Ratio("ours / Dispatcher", of="Router", over="DispatcherMiddleware", target=1.3),
                Ratio("ours / Dispatcher, added", "Router", "DispatcherMiddleware", minus="bare"),
                Ratio("Paste URLMap / ours", of="Paste URLMap", over="Router"),
            ],
        )
    long = [make_environ("/no" * 500)]
    mounts = [f"/mount{at}" for at in range(5)]
    apps = {
        "Router": Router([Mount(prefix, hello) for prefix in mounts])(hello),
        "DispatcherMiddleware": DispatcherMiddleware(hello, dict.fromkeys(mounts, hello)),
    }
    yield Bench(
        "mounts missed by a path of 500 segments",
        cases=[Case(name, partial(call_all, app, long)) for name, app in apps.items()],
        ratios=[Ratio("ours / Dispatcher", of="Router", over="DispatcherMiddleware", target=0.2)],
    )


def benches() -> Iterator[Bench]:
    """Yield all tables."""
    assert params({}) == {}
    yield from match_benches()
    yield from app_benches()
    yield from many_benches()
    yield from mount_benches()
