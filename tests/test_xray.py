"""The X-ray: what it records of a request and its layers, and that it changes nothing."""

from __future__ import annotations

import gc
import inspect
import json
import re
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from io import BytesIO
from typing import Any
from wsgiref.util import FileWrapper

import flask
import pytest
import webtest
from werkzeug.middleware.proxy_fix import ProxyFix

import wsgimw
from tests.broken_layers import GZIP
from tests.layers import rows
from tests.venvs import ROOT
from wsgimw import (
    AccessLog,
    CatchErrors,
    Compress,
    Exchange,
    Hooks,
    Mount,
    RequestId,
    Route,
    Router,
    StatusPages,
    compose,
    layer,
    not_found,
    unless,
    when,
    xray,
)
from wsgimw.compose import origin
from wsgimw.devtools.walk import holds
from wsgimw.testing import Fault, check_middleware, lint
from wsgimw.testing.server import App, Call, Environ, StartResponse, make_environ

Recorded = dict[str, Any]
TEXT = ("Content-Type", "text/plain")
QUIET = AccessLog(sink=lambda line: None)


def hello(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("Content-Length", "5")])
    return [b"hello"]


def stream(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    yield b"one"
    yield b""
    yield b"three"


def boom(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    raise ValueError("the price is secret")


def passing(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return app(environ, start_response)

    return bound


def asked(app: Any, path: str = "/", **keys: Any) -> Recorded:
    """Return what is recorded of one request to an app under the X-ray."""
    xrayed: Any = app if hasattr(app, "recording") else xray(app)
    xrayed.recording.clear()
    with suppress(Exception):
        Call(xrayed, make_environ(PATH_INFO=path, **keys)).run()
    (request,) = xrayed.recording.requests
    return request  # type: ignore[no-any-return]


def names(request: Recorded) -> list[str]:
    return [lane["layer"] for lane in request["layers"]]


# ---- the shape --------------------------------------------------------------------------------

REQUEST = [
    "id",
    "time",
    "method",
    "path",
    "query",
    "request_headers",
    "status",
    "total_ms",
    "first_byte_ms",
    "headers",
    "layers",
]
LAYER = [
    "layer",
    "answered",
    "environ",
    "status",
    "head",
    "blocks",
    "bytes",
    "ms",
    "write",
    "closed",
    "error",
    "faults",
]
MS = ["in", "inner", "head", "stream", "close", "self", "total"]


def test_the_shape_is_the_documented_one() -> None:
    request = asked(compose(RequestId(), passing)(hello))
    assert [*request] == REQUEST
    assert [[*lane] for lane in request["layers"]] == [LAYER] * 3
    for lane in request["layers"]:
        assert [*lane["ms"]] == MS
        assert [*lane["environ"]] == [*lane["head"]] == ["added", "changed", "removed"]
    documented = (ROOT / "docs" / "xray.md").read_text()
    for key in [*REQUEST, *LAYER]:
        assert re.search(rf"^\| .*`{key}`", documented, re.MULTILINE), key
    assert "`" + '{"version": 1, "requests": [...]}' in documented


def test_it_is_json_and_the_same_dict_each_time() -> None:
    xrayed = xray(compose(RequestId())(stream))
    Call(xrayed, make_environ()).run()
    recording = xrayed.recording
    assert recording.requests[0] is recording.requests[0]
    assert json.loads(recording.as_json()) == {"version": 1, "requests": [*recording.requests]}


def test_a_request() -> None:
    request = asked(hello, "/a", SCRIPT_NAME="/shop", QUERY_STRING="b=1&token=hunter2")
    assert (request["method"], request["path"], request["status"]) == ("GET", "/shop/a", "200 OK")
    assert request["query"] == "b=1&token=[redacted]"
    assert isinstance(request["time"], float) and request["first_byte_ms"] >= 0
    (lane,) = request["layers"]
    assert lane["layer"] == "hello" and lane["answered"] is True
    assert (lane["status"], lane["blocks"], lane["bytes"]) == ([None, "200 OK"], [0, 1], [0, 5])
    assert lane["head"]["added"] == [[*TEXT], ["Content-Length", "5"]]
    assert (lane["write"], lane["error"], lane["faults"]) == (False, None, [])
    assert lane["closed"] >= 0


def test_the_headers_of_a_request_are_those_that_came(monkeypatch: pytest.MonkeyPatch) -> None:
    def edits(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            environ["HTTP_X_ADDED"] = "1"
            del environ["HTTP_ACCEPT"]
            environ["wsgimw.redact"] = {"HTTP_X_CARD", "CONTENT_TYPE"}
            return app(environ, start_response)

        return bound

    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test")
    request = asked(
        edits(hello),
        CONTENT_TYPE="text/plain",
        CONTENT_LENGTH="0",
        HTTP_HOST="localhost",
        HTTP_ACCEPT="*/*",
        HTTP_PROXY="http://proxy.test",  # as wsgiref gives what is in the process environment
        HTTP_AUTHORIZATION="Basic aHVudGVyMg==",
        HTTP_COOKIE="sid=hunter2",
        HTTP_X_API_KEY="hunter2",
        HTTP_X_CARD="4111",
        HTTP_X_NOTE="Bearer hunter2hunter2",
        HTTP_REFERER="https://ada:pw@example.org/?token=1&a=b",
        HTTP_X_LONG="x" * 600,
        HTTP_X_LONGER="y" * 6000,
        HTTP_X_RAW="caf\xc3\xa9",
        HTTP_X_OBJECT=object(),
    )
    found = {field["name"]: field["value"] for field in request["request_headers"]}
    assert [[*field] for field in request["request_headers"]] == [["name", "value"]] * len(found)
    assert found == {
        "Content-Type": "[redacted]",
        "Content-Length": "0",
        "Host": "localhost",
        "Accept": "*/*",
        "Authorization": "[redacted]",
        "Cookie": "[redacted]",
        "X-Api-Key": "[redacted]",
        "X-Card": "[redacted]",
        "X-Note": "Bearer [redacted 14 chars]",
        "Referer": "https://[redacted]@example.org/?token=[redacted]&a=b",
        "X-Long": "x" * 500 + " ...",
        "X-Longer": "y" * 500 + " ...",
        "X-Raw": "caf\xc3\xa9",
    }


def test_keys_that_are_no_text_are_no_headers() -> None:
    odd: Any = {5: "a", b"HTTP_B": "b", "HTTP_X": "x", "HTTPS": "on", "HTTP`": "`", "HTTP": "1"}
    seen: Any = xray(hello)
    seen({**make_environ(), **odd}, lambda *_: lambda data: None).close()
    found = {f["name"]: f["value"] for f in seen.recording.requests[0]["request_headers"]}
    assert found.pop("Host")
    assert found == {"X": "x"}
    assert [f["name"] for f in asked(hello, HTTPS="on", HTTP="1")["request_headers"]] == ["Host"]


@pytest.mark.parametrize(
    ("key", "path", "query"),
    [
        pytest.param("QUERY_STRING", "/a", "[redacted]", id="query"),
        pytest.param("PATH_INFO", "/[redacted]", "b=1", id="path"),
        pytest.param("SCRIPT_NAME", "/[redacted]", "b=1", id="mount"),
        pytest.param("HTTP_A", "/a", "b=1", id="neither"),
    ],
)
def test_an_app_may_hide_where_it_was_asked(key: str, path: str, query: str) -> None:
    request = asked(hello, "/a", QUERY_STRING="b=1", **{"wsgimw.redact": {key}})
    assert (request["path"], request["query"]) == (path, query)


# ---- what layers did --------------------------------------------------------------------------


def test_environ() -> None:
    def edits(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            environ["shop.session"] = object()
            environ["HTTP_X_API_KEY"] = "hunter2"
            environ["REMOTE_ADDR"] = "203.0.113.7"
            environ["shop.user"] = "ada"
            environ["HTTP_REFERER"] = "https://ada:pw@example.org/?token=1"
            environ["wsgimw.redact"] = {"shop.card"}
            environ["shop.card"] = "4111"
            del environ["SERVER_SOFTWARE"]
            return app(environ, start_response)

        return bound

    lane, app = asked(compose(edits)(hello), REMOTE_ADDR="127.0.0.1", SERVER_SOFTWARE="test")[
        "layers"
    ]
    assert lane["environ"]["added"] == {
        "shop.session": "[redacted]",
        "HTTP_X_API_KEY": "[redacted]",
        "shop.user": "ada",
        "HTTP_REFERER": "https://[redacted]@example.org/?token=[redacted]",
        "wsgimw.redact": "<set>",
        "shop.card": "[redacted]",
    }
    assert lane["environ"]["changed"] == {"REMOTE_ADDR": ["127.0.0.1", "203.0.113.7"]}
    assert lane["environ"]["removed"] == {"SERVER_SOFTWARE": "test"}
    assert app["environ"] == {"added": {}, "changed": {}, "removed": {}}


def test_head_and_provenance() -> None:
    def edits(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            def start(status: str, headers: Any, *exc: Any) -> Any:
                kept = [item for item in headers if item[0] not in ("Vary", "X-Old")]
                return start_response("203 Other", [*kept, ("Vary", "A, B")], *exc)

            return app(environ, start)

        return bound

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        cookies = [("Set-Cookie", "sid=hunter2"), ("Set-Cookie", "a=b")]
        start_response("200 OK", [TEXT, ("Vary", "A"), ("X-Old", "1"), *cookies])
        return [b"hello"]

    request = asked(compose(passing, edits, RequestId())(app))
    outer, lane, inner, _ = request["layers"]
    assert outer["head"] == {"added": [], "changed": [], "removed": []}
    assert lane["head"] == {
        "added": [],
        "changed": [["Vary", "A", "A, B"]],
        "removed": [["X-Old", "1"]],
    }
    assert lane["status"] == ["200 OK", "203 Other"]
    by = [(field["name"], field["value"], field["by"]) for field in request["headers"]]
    assert by[:3] == [
        (*TEXT, names(request)[-1]),
        ("Set-Cookie", "[redacted]", names(request)[-1]),
        ("Set-Cookie", "[redacted]", names(request)[-1]),
    ]
    assert by[3][0] == "X-Request-ID" and by[3][2] == "RequestId()"
    assert by[4] == ("Vary", "A, B", names(request)[1])
    assert [name for name, _ in inner["head"]["added"]] == ["X-Request-ID"]


def test_body_of_compress() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT, ("Content-Length", "3000")])
        return [b"x" * 3000]

    lane = asked(compose(Compress())(app), HTTP_ACCEPT_ENCODING="gzip")["layers"][0]
    before, after = lane["bytes"]
    assert before == 3000 > after
    changed = {name: (old, new) for name, old, new in lane["head"]["changed"]}
    assert changed["Content-Length"] == ("3000", str(after))


def test_streams_are_counted_by_the_block() -> None:
    request = asked(compose(passing, passing)(stream))
    assert [lane["blocks"] for lane in request["layers"]] == [[3, 3], [3, 3], [0, 3]]
    assert [lane["bytes"] for lane in request["layers"]] == [[8, 8], [8, 8], [0, 8]]


def test_write() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT])(b"written")
        return [b"yielded"]

    lanes = asked(compose(passing)(app))["layers"]
    assert [lane["write"] for lane in lanes] == [True, True]
    assert [(lane["blocks"], lane["bytes"]) for lane in lanes] == [
        ([2, 2], [14, 14]),
        ([0, 2], [0, 14]),
    ]


def test_a_layer_that_answers_is_the_last_lane() -> None:
    def refuses(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            assert app is not None, "it holds its app, and does not ask it"
            start_response("403 Forbidden", [TEXT])
            return [b"no"]

        return bound

    request = asked(compose(passing, refuses)(hello))
    assert [lane["answered"] for lane in request["layers"]] == [False, True]
    assert request["layers"][1]["status"] == [None, "403 Forbidden"]


def test_errors() -> None:
    request = asked(compose(passing, CatchErrors(), passing)(boom))
    assert [lane["error"] for lane in request["layers"]] == [
        None,
        "handled ValueError",
        "passed on ValueError",
        "raised ValueError",
    ]
    assert request["status"] == "500 Internal Server Error"
    assert [field["by"] for field in request["headers"]] == ["CatchErrors()"] * len(
        request["headers"]
    )
    assert "secret" not in json.dumps(request)
    unhandled = asked(compose(passing)(boom))
    assert unhandled["status"] is None and unhandled["first_byte_ms"] is None
    assert [lane["closed"] for lane in unhandled["layers"]] == [None, None]


def test_a_second_head_replaces_the_first() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT, ("X-First", "1")])
        try:
            raise ValueError
        except ValueError:
            start_response("500 Oh", [TEXT], sys.exc_info())
        return [b"sorry"]

    request = asked(compose(passing, RequestId())(app))
    assert request["status"] == "500 Oh"
    assert "X-First" not in [field["name"] for field in request["headers"]]
    assert not [fault for lane in request["layers"] for fault in lane["faults"]]


def test_a_lost_close_is_told() -> None:
    def textbook(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            yield from app(environ, start_response)

        return bound

    lanes = asked(compose(passing, textbook, passing)(hello))["layers"]
    assert [lane["closed"] is False for lane in lanes] == [False, False, True, True]
    assert [[fault["rule"] for fault in lane["faults"]] for lane in lanes] == [[], [22], [], []]


def three(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    return [b"one", b"", b"three"]


def taking(take: Callable[[Any], Any]) -> Callable[[App], App]:
    """Return a layer that gives on what it takes of the body, and closes nothing."""

    def forgets(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Any:
            return take(app(environ, start_response))

        return bound

    return forgets


KEPT: list[Any] = []


def first(body: Any) -> list[bytes]:
    """Return the first block; the rest waits in the list, which is in a circle."""
    return [next(iter(body))]


def kept(body: Any) -> list[bytes]:
    KEPT.append(body)
    return [*body]


@pytest.mark.parametrize("app", [three, stream], ids=["list", "stream"])
@pytest.mark.parametrize(
    ("take", "came"),
    [
        pytest.param(lambda body: (block for block in body), 8, id="a generator"),
        pytest.param(lambda body: [*body], 8, id="a copy"),
        pytest.param(lambda body: [b"".join(body)], 8, id="joined"),
        pytest.param(first, 3, id="the first block"),
        pytest.param(kept, 8, id="a body that lives on"),
        pytest.param(lambda body: [], 0, id="nothing"),
    ],
)
@pytest.mark.parametrize(
    "inside",
    [pytest.param([], id="app"), pytest.param([passing, QUIET, passing], id="layers")],
)
def test_bytes_of_a_body_that_is_never_closed(
    app: App, take: Any, came: int, inside: list[Any]
) -> None:
    """They were pulled, whoever forgot to close it afterwards."""
    lanes = asked(compose(passing, taking(take), *inside)(app))["layers"]
    KEPT.clear()
    assert lanes[1]["bytes"] == [came, came]
    assert [lane["bytes"][1] for lane in lanes] == [came] * len(lanes)
    assert [lane["closed"] is False for lane in lanes[2:]] == [True] * len(lanes[2:])


def test_bytes_of_a_layers_own_list_that_is_never_closed() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT])
        return [b"x" * 3000]

    stack = compose(taking(first), Compress())
    forgetting, compress, last = asked(stack(app), HTTP_ACCEPT_ENCODING="gzip")["layers"]
    size = forgetting["bytes"][1]
    assert 0 < size < 100
    assert [forgetting["bytes"], compress["bytes"]] == [[size, size], [3000, size]]
    assert last["bytes"] == [0, 3000]


def test_bytes_when_the_server_closes_nothing() -> None:
    xrayed: Any = xray(compose(passing)(three))
    assert [*xrayed(make_environ(), lambda *_: lambda data: None)] == [b"one", b"", b"three"]
    (request,) = xrayed.recording.requests
    assert [lane["bytes"] for lane in request["layers"]] == [[8, 8], [0, 8]]


def test_a_log_inside_of_who_forgets_close_has_its_line() -> None:
    """It hears that its list was lost, as it does without the X-ray."""
    entries: list[Any] = []
    stack = compose(taking(lambda body: [*body]), AccessLog(sink=entries.append))
    for app in (stack(three), xray(stack(three))):
        Call(app, make_environ()).run()
    assert [(entry["bytes"], entry["outcome"]) for entry in entries] == [(8, "not_closed")] * 2


def test_a_file_wrapper_passes_as_the_very_object() -> None:
    files = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT])
        files.append(environ["wsgi.file_wrapper"](BytesIO(b"hello")))
        return files[-1]  # type: ignore[no-any-return]

    xrayed = xray(compose(passing)(app))
    call = Call(xrayed, make_environ(**{"wsgi.file_wrapper": FileWrapper})).begin()
    assert call.body is files[0]
    call.close()
    for lane in xrayed.recording.requests[0]["layers"]:
        assert (lane["blocks"][1], lane["bytes"][1], lane["closed"]) == (None, None, None)


@pytest.mark.parametrize("app", [hello, stream], ids=["list", "stream"])
def test_an_aborted_client(app: App) -> None:
    xrayed = xray(compose(passing, Ending(), passing)(app))
    call = Call(xrayed, make_environ()).begin()
    call.pull()
    call.close()
    (request,) = xrayed.recording.requests
    assert [lane["bytes"][1] for lane in request["layers"]] == [5 if app is hello else 3] * 4
    assert all(lane["closed"] for lane in request["layers"])
    assert not [fault for lane in request["layers"] for fault in lane["faults"]]


@pytest.mark.parametrize("app", [hello, stream], ids=["list", "stream"])
def test_a_body_that_is_never_closed_is_recorded_when_it_is_gone(app: App) -> None:
    xrayed = xray(compose(passing)(app))
    body: Any = xrayed(make_environ(), lambda *_: lambda data: None)
    assert not xrayed.recording.requests
    gc.disable()
    try:
        del body
        (request,) = xrayed.recording.requests
    finally:
        gc.enable()
    assert [lane["closed"] for lane in request["layers"]] == [False, False]
    assert not xrayed.recording.live


# ---- which layers -----------------------------------------------------------------------------


class Ending(Hooks):
    """A layer that sees ends."""

    def on_end(self, x: Exchange) -> None:
        assert x.environ is not None


@layer
def timing(environ: Environ) -> Any:
    head = yield
    head.headers.append(("X-Timing", "1"))
    yield


def test_lanes_are_called_as_explain_calls_them() -> None:
    app = compose(RequestId(), partial(ProxyFix, x_for=1), timing())(ProxyFix(Compress()(hello)))
    text = [line.text for line in wsgimw.explain(app).layers]
    assert names(asked(app)) == text
    assert text[0] == "RequestId()" and text[-1] == "hello"


@pytest.mark.parametrize(
    ("path", "condition"),
    [("/admin/x", "when"), ("/", "when"), ("/admin/x", "unless"), ("/", "unless")],
)
def test_branches_have_lanes_where_they_took_part(path: str, condition: str) -> None:
    branch = (when if condition == "when" else unless)("/admin", RequestId(), Ending())
    inside = (path != "/") == (condition == "when")
    request = asked(compose(passing, branch)(hello), path)
    assert names(request)[1:] == [
        f"{condition}('/admin', ...)",
        *(["RequestId()", "Ending()"] if inside else []),
        "hello",
    ]


def test_routes_have_lanes_of_their_own() -> None:
    router = Router([Route("/a", compose(RequestId())(hello)), Mount("/b", stream)])
    app = compose(passing, router)(not_found)
    assert names(asked(app, "/a"))[2:] == ["RequestId()", "hello"]
    mounted = asked(app, "/b/c")
    assert names(mounted)[2:] == ["stream"]
    assert mounted["layers"][1]["environ"]["changed"]["PATH_INFO"] == ["/b/c", "/c"]
    assert names(asked(app, "/c"))[2:] == ["not_found"]
    assert [getattr(item, "app", None) for item in router.routes][1] is stream


def test_middleware_bound_by_hand_is_copied() -> None:
    class Published:
        def __init__(self, app: App) -> None:
            self.app = self.application = app

        def __call__(self, environ: Environ, start_response: StartResponse) -> Any:
            return self.app(environ, start_response)

    bound = Published(hello)
    assert names(asked(RequestId()(bound))) == [
        "RequestId()",
        "test_middleware_bound_by_hand_is_copied.<locals>.Published(...)",
        "hello",
    ]
    assert bound.app is bound.application is hello


def test_devtools_look_through_it() -> None:
    app = compose(RequestId(), QUIET)(hello)
    assert str(wsgimw.explain(xray(app))) == str(wsgimw.explain(app))
    assert holds(xray(app), AccessLog)
    assert inspect.unwrap(xray(app)) is hello


def test_an_xray_in_an_xray_and_a_linter_go_on_looking() -> None:
    inner = xray(compose(RequestId())(hello))
    outer = xray(compose(Ending())(inner))
    Call(outer, make_environ()).run()
    assert len(names(inner.recording.requests[0])) == len(names(outer.recording.requests[0])) == 2
    faults: list[Fault] = []

    def broken(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200", [TEXT])
        return [b"hello"]

    linted: Any = lint(compose(Ending()), report=faults.append)
    Call(xray(linted(broken)), make_environ()).run()
    assert [fault.rule for fault in faults] == [13]


def test_a_thread_of_a_layers_own_is_one_lane() -> None:
    def elsewhere(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(app, environ, start_response).result()

        return bound

    request = asked(compose(elsewhere, Ending())(hello))
    assert len(request["layers"]) == 1 and request["layers"][0]["answered"]
    assert not request["layers"][0]["faults"]


def test_what_cannot_be_copied_is_one_lane() -> None:
    class Stubborn:
        def __init__(self, app: App) -> None:
            self.app = app

        def __call__(self, environ: Environ, start_response: StartResponse) -> Any:
            return self.app(environ, start_response)

        def __copy__(self) -> Any:
            raise TypeError("no")

    request = asked(RequestId()(Stubborn(Ending()(hello))))
    assert len(request["layers"]) == 2 and request["layers"][1]["answered"]


def test_flask() -> None:
    app = flask.Flask("shop")
    app.get("/")(lambda: "hello")
    app.wsgi_app = compose(RequestId(), Compress())(app.wsgi_app)  # type: ignore
    before = app.wsgi_app
    assert names(asked(app)) == ["RequestId()", "Compress()", "<Flask 'shop'>"]
    assert app.wsgi_app is before


def test_the_given_app_stays_as_it_is() -> None:
    app = compose(RequestId(), Ending())(hello)
    seen = origin(app), app.__closure__, vars(app).copy()
    xrayed = xray(app)
    Call(xrayed, make_environ()).run()
    assert (origin(app), app.__closure__, vars(app)) == seen
    xrayed.recording.clear()
    Call(app, make_environ()).run()
    assert xrayed.recording.requests == ()


def test_a_layer_that_asks_twice_is_one_lane() -> None:
    def retries(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            first: Any = app(dict(environ), lambda *_: lambda data: None)
            first.close()
            return app(environ, start_response)

        return bound

    request = asked(compose(retries)(hello))
    assert len(request["layers"]) == 2
    assert not [fault for lane in request["layers"] for fault in lane["faults"]]


def test_an_app_that_asks_itself_is_recorded_as_two_requests() -> None:
    def asks(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/":
            Call(application, make_environ(PATH_INFO="/inner")).run()
        return hello(environ, start_response)

    application = xray(compose(passing)(asks))
    Call(application, make_environ()).run()
    requests = application.recording.requests
    assert [request["path"] for request in requests] == ["/inner", "/"]
    assert [len(request["layers"]) for request in requests] == [2, 2]


# ---- times ------------------------------------------------------------------------------------


@pytest.mark.parametrize("app", [hello, stream, boom], ids=["list", "stream", "error"])
def test_the_self_times_add_up(app: App) -> None:
    request = asked(compose(RequestId(), CatchErrors(), Compress(), timing(), Ending())(app))
    lanes = [lane["ms"] for lane in request["layers"]]
    assert sum(ms["self"] for ms in lanes) == pytest.approx(request["total_ms"], rel=0.05)
    for ms in lanes:
        assert all(value >= 0 for value in ms.values())
        own = ms["in"] + ms["head"] + ms["stream"] + ms["close"]
        assert ms["self"] == pytest.approx(own, abs=0.002)
        assert ms["total"] == pytest.approx(ms["self"] + ms["inner"], abs=0.002)


def test_where_the_time_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    for module in ("spy", "bodies", "boundary"):
        monkeypatch.setattr(f"wsgimw.devtools.xray.{module}.perf_counter", lambda: now)

    def work(seconds: float) -> None:
        nonlocal now
        now += seconds

    class Body:
        def __init__(self, body: Any) -> None:
            self.body = body

        def __iter__(self) -> Iterator[bytes]:
            for block in self.body:
                work(0.030)
                yield block

        def close(self) -> None:
            work(0.040)
            if hasattr(self.body, "close"):
                self.body.close()

    def works(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Any:
            def start(*args: Any) -> Any:
                work(0.020)
                return start_response(*args)

            work(0.010)
            return Body(app(environ, start))

        return bound

    def slow(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        work(0.1)
        start_response("200 OK", [TEXT])
        return [b"one", b"two"]

    xrayed = xray(compose(passing, works)(slow))
    call = Call(xrayed, make_environ()).begin()
    work(5)  # the server's own
    call.rest()
    (request,) = xrayed.recording.requests
    passed, worked, app = [lane["ms"] for lane in request["layers"]]
    assert passed == {
        "in": 0, "inner": 230, "head": 0, "stream": 0, "close": 0, "self": 0, "total": 230
    }  # fmt: skip
    assert worked == {
        "in": 10, "inner": 100, "head": 20, "stream": 60, "close": 40, "self": 130, "total": 230
    }  # fmt: skip
    assert (app["in"], app["total"], request["total_ms"]) == (100, 100, 230)
    assert request["first_byte_ms"] == 5160


# ---- which requests ---------------------------------------------------------------------------


def test_capacity_and_clear() -> None:
    xrayed = xray(hello, capacity=3)
    for number in range(5):
        Call(xrayed, make_environ(PATH_INFO=f"/{number}")).run()
    assert [request["path"] for request in xrayed.recording.requests] == ["/2", "/3", "/4"]
    assert len({request["id"] for request in xrayed.recording.requests}) == 3
    xrayed.recording.clear()
    assert xrayed.recording.requests == ()


def test_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    none = xray(compose(passing)(hello), sample=0)
    assert Call(none, make_environ()).run().raw == b"hello"
    assert none.recording.requests == ()
    chances = iter([0.4, 0.6, 0.4])
    monkeypatch.setattr("wsgimw.devtools.xray.random", lambda: next(chances))
    half = xray(compose(passing)(hello), sample=0.5)
    for number in range(3):
        Call(half, make_environ(PATH_INFO=f"/{number}")).run()
    assert [request["path"] for request in half.recording.requests] == ["/0", "/2"]


def test_a_request_that_is_not_sampled_is_not_mistaken_for_one_that_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chances = iter([0.1, 0.9])
    monkeypatch.setattr("wsgimw.devtools.xray.random", lambda: next(chances))
    xrayed = xray(compose(passing)(stream), sample=0.5)
    open_one = Call(xrayed, make_environ(PATH_INFO="/open")).begin()
    Call(xrayed, make_environ(PATH_INFO="/other")).run()
    open_one.rest()
    (request,) = xrayed.recording.requests
    assert request["path"] == "/open" and len(request["layers"]) == 2


def test_slow_ms(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    for module in ("spy", "bodies", "boundary"):
        monkeypatch.setattr(f"wsgimw.devtools.xray.{module}.perf_counter", lambda: now)

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        nonlocal now
        now += float(environ["PATH_INFO"].strip("/"))
        return hello(environ, start_response)

    xrayed = xray(compose(passing)(app), slow_ms=200)
    for seconds in ("0.1", "0.3", "0.2"):
        Call(xrayed, make_environ(PATH_INFO=f"/{seconds}")).run()
    assert [request["path"] for request in xrayed.recording.requests] == ["/0.3", "/0.2"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"capacity": 0}, ValueError, "capacity is 0; write how many requests are kept"),
        ({"capacity": "9"}, TypeError, "capacity is '9'; it takes a whole number"),
        ({"capacity": True}, TypeError, "capacity is True"),
        ({"sample": 2}, ValueError, "sample is 2; write the part that is recorded"),
        ({"sample": None}, TypeError, "sample is None; it takes a number"),
        ({"sample": float("nan")}, ValueError, "sample is nan"),
        ({"slow_ms": -1}, ValueError, "slow_ms is -1; write milliseconds"),
        ({"slow_ms": "1"}, TypeError, "slow_ms is '1'"),
        ({"path": 1}, TypeError, "path is 1; it takes a str"),
        ({"path": "/"}, ValueError, "path is '/'; it begins with a slash"),
        ({"path": "xray"}, ValueError, "path is 'xray'"),
        ({"path": "/a/"}, ValueError, "path is '/a/'"),
        ({"server_timing": 1}, TypeError, "server_timing is 1; write True or False"),
    ],
)
def test_bad_options(options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        xray(hello, **options)


def test_a_layer_is_no_app() -> None:
    with pytest.raises(TypeError):
        xray(RequestId())  # type: ignore[arg-type]


# ---- that it changes nothing, and keeps nothing ------------------------------------------------


def under(stack: Any) -> Callable[[App], App]:
    return lambda app: xray(compose(stack)(app))


ROWS = {row.name: row for row in rows()}


@pytest.mark.unmeasured
@pytest.mark.slow
@pytest.mark.parametrize("environ", [{}, GZIP], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", ROWS)
def test_the_kit_finds_nothing_changed(name: str, environ: Environ) -> None:
    row = ROWS[name]
    assert check_middleware(under(compose(*[row.layer] * 2)), skip=row.skip, environ=environ)


def test_the_kit_finds_a_bare_app_unchanged() -> None:
    assert check_middleware(xray)


def test_the_linter_is_silent() -> None:
    faults: list[Fault] = []
    stack = compose(RequestId(), QUIET, CatchErrors(), timing(), Compress(), StatusPages())
    linted: Any = lint(under(stack), report=faults.append)
    for app in (hello, stream, boom):
        with suppress(Exception):
            Call(linted(app), make_environ(**GZIP)).run()
    assert not faults


def test_a_client_sees_the_same() -> None:
    stack = compose(Compress(), StatusPages(), timing())
    for app in (hello, stream, not_found):
        answers = [
            webtest.TestApp(made, lint=True).get("/", expect_errors=True)
            for made in (stack(app), xray(stack(app)))
        ]
        assert len({(answer.status, answer.body) for answer in answers}) == 1
        assert answers[0].headerlist == answers[1].headerlist


def test_blocks_pass_one_by_one() -> None:
    made = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT])
        for number in range(5):
            made.append(number)
            yield b"block"

    call = Call(xray(compose(passing, Ending(), passing)(app)), make_environ()).begin()
    assert made == []
    for number in range(5):
        call.pull()
        assert made == [*range(number + 1)]
    call.close()


def drive(app: App, blocks: int | None) -> None:
    """Stand in the server's place, and keep nothing."""
    body: Any = app(make_environ(), lambda *_: lambda data: None)
    try:
        for _ in zip(body, range(100 if blocks is None else blocks), strict=False):
            pass
    finally:
        body.close()


class Thing:
    """Something that can be watched."""


@pytest.mark.parametrize("kind", ["list", "stream", "error", "aborted"])
def test_nothing_of_a_request_outlives_it(kind: str) -> None:
    alive: list[weakref.ref[Any]] = []

    def app(environ: Environ, start_response: StartResponse) -> Any:
        environ["shop.thing"] = thing = Thing()
        error = ValueError("no")
        error.thing = Thing()  # type: ignore[attr-defined]
        alive.extend([weakref.ref(thing), weakref.ref(error.thing)])  # type: ignore[attr-defined]
        try:
            if kind == "error":
                raise error
        finally:
            del error  # else the app itself makes a cycle
        start_response("200 OK", [TEXT])
        return [b"hello"] if kind == "list" else iter([b"one", b"two"])

    xrayed = xray(compose(passing, passing, Ending())(app))
    gc.collect()
    gc.disable()
    try:
        with suppress(ValueError):
            drive(xrayed, None if kind != "aborted" else 1)
        assert len(alive) == 2 and not [ref() for ref in alive if ref() is not None]
    finally:
        gc.enable()
    assert len(xrayed.recording.requests) == 1


def test_threads() -> None:
    xrayed = xray(compose(RequestId(), passing, Compress())(stream), capacity=1000)

    def ask(name: str) -> None:
        for number in range(25):
            Call(xrayed, make_environ(PATH_INFO=f"/{name}/{number}")).run()

    threads = [threading.Thread(target=ask, args=(str(name),)) for name in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        xrayed.recording.as_json()
    for thread in threads:
        thread.join()
    requests = xrayed.recording.requests
    assert len({request["path"] for request in requests}) == len(requests) == 200
    assert len({request["id"] for request in requests}) == 200
    assert {len(request["layers"]) for request in requests} == {4}
    assert not [f for request in requests for lane in request["layers"] for f in lane["faults"]]


def test_long_streams_are_bounded_and_counted() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[Any]:
        start_response("200 OK", [TEXT])
        for number in range(5000):
            yield b"" if number % 7 == 0 else b"block"

    xrayed = xray(compose(passing, passing)(app))
    Call(xrayed, make_environ()).run()
    (kept,) = xrayed.recording._kept
    assert kept.noted is not None and len(kept.noted[3]) < 600
    (request,) = xrayed.recording.requests
    assert {lane["blocks"][1] for lane in request["layers"]} == {5000}
    assert not [fault for lane in request["layers"] for fault in lane["faults"]]


def test_many_writes_are_bounded_and_counted() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        write = start_response("200 OK", [TEXT, ("Content-Length", "2000")])
        for _ in range(1000):
            write(b"ab")
        return []

    xrayed = xray(compose(passing, passing)(app))
    Call(xrayed, make_environ()).run()
    (kept,) = xrayed.recording._kept
    assert kept.noted is not None and len(kept.noted[3]) < 600
    (request,) = xrayed.recording.requests
    assert [lane["bytes"][1] for lane in request["layers"]] == [2000] * 3
    assert not [fault for lane in request["layers"] for fault in lane["faults"]]


def test_a_value_that_does_not_compare_harms_nobody() -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("no")

        __hash__ = None  # type: ignore[assignment]

        def __repr__(self) -> str:
            raise RuntimeError("no")

    def puts(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Any:
            environ["shop.odd"] = Odd()
            return app(environ, start_response)

        return bound

    request = asked(compose(puts, puts)(hello))
    assert request["layers"][0]["environ"]["added"] == {"shop.odd": "<Odd>"}
    assert request["layers"][1]["environ"]["changed"] == {"shop.odd": ["<Odd>", "<Odd>"]}


def test_faults_show_no_secret() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT, ("Set-Cookie", "sid=hunter2\r\nX: y")])
        return [b"hello"]

    request = asked(app)
    assert [fault["rule"] for fault in request["layers"][0]["faults"]] == [13]
    assert "hunter2" not in json.dumps(request)


def test_a_request_body_is_watched() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT])
        return [environ["wsgi.input"].read()]

    xrayed = xray(compose(passing)(app))
    assert webtest.TestApp(xrayed).post("/", "a=b").body == b"a=b"
    assert not [f for lane in xrayed.recording.requests[0]["layers"] for f in lane["faults"]]
