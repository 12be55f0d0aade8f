"""A site that fails in many ways, for the eyes: every page that an error can give.

    wsgimw run tests.failing_site:application

`/basket/ada` is an error with a cause, `/deep` a recursion, `/group` an exception group, `/long` a
great message, `/none` a fault against PEP 3333, `/hostile/N` the vector N in every place. Below
`/production` the same is answered as to a stranger. `/detail` and `/empty` are answers below 500.
"""

from __future__ import annotations

import json
import linecache
from collections.abc import Callable, Iterable
from types import CodeType
from typing import Any

from wsgimw import CatchErrors, RequestId, StatusPages, compose
from wsgimw.errors import HTTPError
from wsgimw.record import record

App = Callable[[dict[str, Any], Any], Any]

# Each would ask for /owned, or open a dialog, were it more than text.
VECTORS = {
    "script": "<script>alert(1);fetch('/owned')</script>",
    "pre": "</pre></section><script>alert(1)</script>",
    "textarea": "</textarea><img src=/owned onerror=alert(1)>",
    "attribute": '"><svg onload=alert(1)>',
    "apostrophe": "' autofocus onfocus='alert(1)",
    "url": "javascript:alert(1)",
    "comment": "<!--><script>alert(1)</script>-->",
    "style": "</style><style>@import '/owned';</style><link rel=stylesheet href=/owned>",
    "entity": "&lt;script&gt;alert(1)&lt;/script&gt;&#60;img src=x onerror=alert(1)&#62;",
    "template": "{{7*7}}${7*7}<%= 7*7 %>",
    "meta": '<meta http-equiv=refresh content="0;url=/owned"><base href=/owned/>',
    "frame": "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe><object data=/owned>",
}


def price_of(item: dict[str, Any], prices: dict[str, float]) -> float:
    price: float = prices[item["sku"]] * item["amount"]
    return price


def total(items: list[dict[str, Any]]) -> float:
    prices = {"A-1": 12.5, "B-2": 3.75, "C-3": 99.0}
    return sum(price_of(item, prices) for item in items)


def basket(environ: dict[str, Any], start_response: Any) -> Any:
    record(environ).route = "/basket/<name>"
    password = "correct horse battery staple"
    items = [{"sku": "A-1", "amount": 2}, {"sku": "Z-9", "amount": 1}]
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Set-Cookie", f"sid={len(password)}")]
    )
    try:
        amount = total(items)
    except KeyError as error:
        error.add_note("the price list is that of November")
        raise ValueError(f"no price for one of {len(items)} items") from error
    return [json.dumps({"total": amount}).encode()]


def deep(environ: dict[str, Any], start_response: Any, level: int = 0) -> Any:
    return deep(environ, start_response, level + 1)


def group(environ: dict[str, Any], start_response: Any) -> Any:
    failures: list[Exception] = []
    prices: dict[str, int] = {}
    for number in range(6):
        try:
            int(f"x{number}") if number % 2 else prices[f"key {number}"]
        except Exception as error:
            error.add_note(f"worker {number}")
            failures.append(error)
    nested = ExceptionGroup("the second half", failures[3:])
    try:
        raise OSError(111, "Connection refused")
    except OSError:
        raise ExceptionGroup("workers failed", [*failures[:3], nested])  # noqa: B904


def long(environ: dict[str, Any], start_response: Any) -> Any:
    word = "averylongwordwithoutanybreak" * 20
    raise RuntimeError(f"{word}\nthe second line\n    the third, indented\n{'many words ' * 500}")


def none(environ: dict[str, Any], start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "text/plain")])


def detail(environ: dict[str, Any], start_response: Any) -> Any:
    raise HTTPError(409, "Your copy is older than ours; load the page again. " + "W" * 90)


def empty(environ: dict[str, Any], start_response: Any) -> Any:
    start_response("405 Method Not Allowed", [("Allow", "POST")])
    return []


def hostile(environ: dict[str, Any], start_response: Any) -> Any:
    """Plant the vector in every place of the page."""
    vector = VECTORS[environ["PATH_INFO"].rpartition("/")[2]]
    known = record(environ)
    known.route = known.request_id = vector
    start_response(f"200 {vector}", [(vector, vector), ("Content-Length", vector)])
    function = _named(vector)
    error = type("Evil", (Exception,), {"__qualname__": vector, "__module__": vector})(vector)
    error.add_note(vector)
    try:
        function(vector)
    except ZeroDivisionError as cause:
        raise ExceptionGroup(vector, [error, KeyError({vector: vector})]) from cause
    return []


def _named(vector: str) -> Callable[[str], object]:
    """Make a function whose file, name, source line and local names are hostile."""
    source = f"def f(x):\n    local = {{x: [x]}}; 1 / 0  # {vector}\n"
    code = compile(source, f"{vector}.py", "exec")
    linecache.cache[f"{vector}.py"] = (len(source), None, source.splitlines(True), f"{vector}.py")
    (inner,) = [part for part in code.co_consts if isinstance(part, CodeType)]
    names = tuple(vector if name == "local" else name for name in inner.co_varnames)
    named = inner.replace(co_name=vector, co_qualname=vector, co_varnames=names)
    space: dict[str, Any] = {"__name__": vector}
    exec(code.replace(co_consts=(named, *code.co_consts[1:])), space)
    made: Callable[[str], object] = space["f"]
    return made


def planted(app: App) -> App:
    """A layer that puts the vector into what a client sends; no client of ours could."""

    def planting(environ: dict[str, Any], start_response: Any) -> Any:
        vector = VECTORS.get(environ["PATH_INFO"].rpartition("/")[2])
        if vector is not None:
            more = {"HTTP_X_EVIL": vector, f"HTTP_X_{vector}": vector, "CONTENT_LENGTH": vector}
            more |= {"HTTP_COOKIE": f"{vector}=1; b={vector}", "QUERY_STRING": f"{vector}={vector}"}
            more |= {"SERVER_SOFTWARE": vector, "REQUEST_METHOD": vector, "SCRIPT_NAME": vector}
            environ.update(more)
        return app(environ, start_response)

    return planting


def hostile_layer(vector: str) -> Callable[[App], App]:
    def layer(app: App) -> App:
        return lambda environ, start_response: app(environ, start_response)

    layer.__qualname__ = layer.__name__ = vector
    return layer


_PAGES: dict[str, App] = {
    "basket": basket,
    "deep": deep,
    "group": group,
    "long": long,
    "none": none,
    "detail": detail,
    "empty": empty,
    "hostile": hostile,
}


def site(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    app = _PAGES.get(environ["PATH_INFO"].split("/")[1])
    if app is None:
        start_response("404 Not Found", [("Content-Length", "0")])
        return []
    body: Iterable[bytes] = app(environ, start_response)
    return body


_debug = CatchErrors(debug=True, log=False)
debug = compose(RequestId(), _debug, StatusPages())(site)
production = compose(RequestId(), CatchErrors(log=False), StatusPages())(site)
vectors = {
    name: compose(planted, RequestId(), _debug, hostile_layer(vector))(site)
    for name, vector in VECTORS.items()
}


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    app: App = debug
    if path.startswith("/production"):
        environ["PATH_INFO"], app = path.removeprefix("/production"), production
    elif path.startswith("/hostile/"):
        app = vectors[path.removeprefix("/hostile/")]
    body: Iterable[bytes] = app(environ, start_response)
    return body
