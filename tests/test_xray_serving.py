"""What the X-ray answers by itself, and to whom; and `Server-Timing`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import webtest

from wsgimw import AccessLog, Compress, RequestId, compose, xray
from wsgimw.testing.server import App, Call, Environ, StartResponse, make_environ

TEXT = ("Content-Type", "text/plain")


def echo(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with the path that the app got."""
    start_response("200 OK", [TEXT])
    return [f"app got {environ['PATH_INFO']}".encode()]


def client(app: Any, **environ: str) -> webtest.TestApp:
    given = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost:8000"}
    return webtest.TestApp(app, extra_environ={**given, **environ}, lint=True)


def test_the_json() -> None:
    app = xray(compose(RequestId())(echo))
    local = client(app)
    local.get("/a")
    answer = local.get("/_xray/requests.json")
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert json.loads(answer.body) == {"version": 1, "requests": [*app.recording.requests]}
    assert [request["path"] for request in app.recording.requests] == ["/a"], "not its own"
    head = local.head("/_xray/requests.json")
    assert head.body == b"" and head.headers["Content-Length"] == str(len(answer.body))


def test_the_page() -> None:
    log = AccessLog(sink=lambda line: None)
    app = xray(compose(RequestId(), Compress(), log)(echo))
    local = client(app, SCRIPT_NAME="/shop")
    assert local.get("/_xray", status=308).headers["Location"] == "/shop/_xray/"
    local.get("/items?token=hunter2")
    (request,) = app.recording.requests
    page = local.get("/_xray/")
    assert page.content_type == "text/html" and "/shop/items" in page.text
    assert "hunter2" not in page.text and 'data-requests="/shop/_xray/requests.json"' in page.text
    assert "log-inside-compression" in page.text, "what the doctor says of the stack"
    policy = page.headers["Content-Security-Policy"]
    (nonce,) = set(re.findall(r"'nonce-([^']+)'", policy))
    assert f'nonce="{nonce}"' in page.text
    assert nonce not in local.get("/_xray/").text, "a new one for each response"
    one = local.get(f"/_xray/?id={request['id']}")
    assert "RequestId()" in one.text and "/shop/items" in one.text
    assert "no longer" in local.get("/_xray/?id=nothing", status=404).text


def test_other_methods_and_paths() -> None:
    local = client(xray(echo))
    assert local.post("/_xray/", status=405).headers["Allow"] == "GET, HEAD"
    assert local.get("/_xray/other", status=404).content_type == "text/plain"
    assert local.get("/_xrays").text == "app got /_xrays"
    own = client(xray(echo, path="/debug/xray"))
    assert own.get("/_xray/").text == "app got /_xray/"
    assert own.get("/debug/xray/requests.json").json["version"] == 1


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({"REMOTE_ADDR": "192.0.2.7"}, id="another peer"),
        pytest.param({"REMOTE_ADDR": ""}, id="no peer"),
        pytest.param({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, id="a proxy"),
        pytest.param({"HTTP_FORWARDED": "for=127.0.0.1"}, id="Forwarded"),
        pytest.param({"HTTP_VIA": "1.1 proxy"}, id="Via"),
        pytest.param({"HTTP_HOST": "shop.example.org"}, id="another Host"),
        pytest.param({"HTTP_HOST": "localhost.example.org"}, id="a Host like localhost"),
    ],
)
@pytest.mark.parametrize("path", ["/_xray", "/_xray/", "/_xray/requests.json"])
def test_from_elsewhere_it_is_the_apps(environ: dict[str, str], path: str) -> None:
    app = xray(compose(RequestId())(echo))
    assert client(app, **environ).get(path).text == f"app got {path}"
    assert [request["path"] for request in app.recording.requests] == [path]


@pytest.mark.parametrize("path", ["/shop/_xray", "/shop/_xray/requests.json", "/_xrays"])
def test_a_path_that_has_the_pages_within_is_the_apps(path: str) -> None:
    assert client(xray(echo)).get(path).text == f"app got {path}"


@pytest.mark.parametrize("path", [None, b"/_xray/", 7], ids=repr)
def test_a_path_that_is_no_text_is_the_apps(path: Any) -> None:
    app: Any = xray(echo)
    heads: list[Any] = []
    body = app({"PATH_INFO": path}, lambda *head: heads.append(head))
    assert b"".join(body) == f"app got {path}".encode() and heads[0][0] == "200 OK"


def test_an_app_that_explain_cannot_walk_has_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(app: App) -> None:
        raise RuntimeError

    monkeypatch.setattr("wsgimw.devtools.explain.explain", fails)
    assert client(xray(echo)).get("/_xray/").status_int == 200


# ---- Server-Timing ----------------------------------------------------------------------------

TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
QUOTED = r'"(?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"'
METRIC = rf"{TOKEN}(?:;{TOKEN}=(?:{TOKEN}|{QUOTED}))*"
VALUE = re.compile(rf"{METRIC}(?:, {METRIC})*")


def test_server_timing() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT, ("Server-Timing", "db;dur=5")])
        return [b"hello"]

    app.__qualname__ = 'a "name" \\ \u20ac'
    stack = compose(RequestId(), Compress())
    answer = client(xray(stack(app), server_timing=True)).get("/")
    own, ours = answer.headers.getall("Server-Timing")
    assert own == "db;dur=5"
    assert VALUE.fullmatch(ours)
    assert [metric.split(";")[0] for metric in ours.split(", ")] == [
        "RequestId",
        "Compress",
        "a",
        "total",
    ]
    assert r'desc="a \"name\" \\ ?"' in ours
    assert "Server-Timing" not in client(xray(stack(echo))).get("/").headers
    durations = [float(found) for found in re.findall(r"dur=([0-9.]+)", ours)]
    assert sum(durations[:-1]) <= durations[-1] * 1.5


def test_server_timing_of_a_layer_that_answers_and_of_a_second_head() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT])
        try:
            raise ValueError
        except ValueError:
            start_response("500 Oh", [TEXT], sys.exc_info())
        return [b"sorry"]

    xrayed = xray(app, server_timing=True)
    call = Call(xrayed, make_environ()).run()
    assert [name for name, _ in call.headers].count("Server-Timing") == 1
    (request,) = xrayed.recording.requests
    assert "Server-Timing" not in [field["name"] for field in request["headers"]]


def by_tuple(start_response: Any) -> Any:
    return start_response("200 OK", (TEXT,))


def by_name(start_response: Any) -> Any:
    return start_response(status="200 OK", headers=[TEXT])


@pytest.mark.parametrize("start", [by_tuple, by_name])
def test_an_odd_head_is_passed_on_as_it_is(start: Callable[[Any], Any]) -> None:
    given: list[Any] = []

    def start_response(*args: Any, **named: Any) -> Any:
        given.append((args, named))
        return given.append

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start(start_response)
        return []

    body: Any = xray(app)(make_environ(), start_response)
    body.close()
    bare: list[Any] = []
    start(lambda *args, **named: bare.append((args, named)))
    assert given == bare
