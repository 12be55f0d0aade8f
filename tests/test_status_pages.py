"""StatusPages: which answers are replaced, by what, and that all else passes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from webtest import TestApp

from tests.errors_apps import Body, Fault, lazy, printed, raised
from tests.venvs import ROOT
from wsgimw import CatchErrors, StatusPages, compose
from wsgimw.record import Record
from wsgimw.testing import check_middleware
from wsgimw.testing.server import App, Call, Environ, FileWrapper, StartResponse, make_environ

PLAIN = [("Content-Type", "text/plain")]
EMPTY = [*PLAIN, ("Content-Length", "0")]


def answering(status: str, headers: Any, body: Any) -> App:
    def app(environ: Environ, start_response: StartResponse) -> Any:
        start_response(status, headers)
        return body() if callable(body) else body

    return app


def late(status: str, headers: Any, *blocks: Any) -> App:
    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response(status, headers)
        for block in blocks:
            if isinstance(block, BaseException):
                raise block
            yield block

    return app


def ask(app: App, layer: Any = None, **keys: Any) -> Call:
    return Call((StatusPages() if layer is None else layer)(app), make_environ(**keys)).run()


def was_replaced(call: Call) -> bool:
    return call.raw.startswith(call.status.encode())


@pytest.mark.parametrize(
    ("app", "replaced"),
    [
        pytest.param(answering("404 Not Found", EMPTY, []), True, id="declared 0, no block"),
        pytest.param(answering("404 Not Found", EMPTY, [b""]), True, id="declared 0"),
        pytest.param(answering("404 Not Found", EMPTY, [b"lie"]), True, id="declared 0, and lied"),
        pytest.param(answering("404 Not Found", PLAIN, []), True, id="empty list"),
        pytest.param(answering("404 Not Found", PLAIN, ()), True, id="empty tuple"),
        pytest.param(answering("404 Not Found", PLAIN, [b"", b""]), True, id="empty blocks"),
        pytest.param(answering("404 Not Found", PLAIN, lambda: iter([])), True, id="no block"),
        pytest.param(answering("404 Not Found", PLAIN, lambda: Body(b"", b"")), True, id="class"),
        pytest.param(late("404 Not Found", PLAIN), True, id="generator"),
        pytest.param(late("404 Not Found", EMPTY, b"lie", b"lie"), True, id="generator that lied"),
        pytest.param(answering("500 Internal Server Error", PLAIN, []), True, id="500"),
        pytest.param(answering("404 Not Found", PLAIN, [b"", b"x"]), False, id="list with a body"),
        pytest.param(late("404 Not Found", PLAIN, b"", b"x", b""), False, id="late body"),
        pytest.param(answering("200 OK", EMPTY, []), False, id="200"),
        pytest.param(answering("304 Not Modified", PLAIN, []), False, id="304"),
        pytest.param(
            answering("404 Not Found", [*PLAIN, ("Content-Length", "1")], []), False, id="length 1"
        ),
        pytest.param(answering("404", PLAIN, []), True, id="no phrase"),
        pytest.param(answering("4 x", PLAIN, []), False, id="no status"),
        pytest.param(answering("", PLAIN, []), False, id="empty status"),
    ],
)
@pytest.mark.parametrize("force", [False, True], ids=["", "force"])
def test_what_is_replaced(app: App, replaced: bool, force: bool) -> None:
    call = ask(app, StatusPages(force=force))
    bare = Call(app, make_environ()).run()
    if force and bare.status[:1] in ("4", "5") and bare.status[:3].isdigit():
        replaced = True
    if replaced:
        assert was_replaced(call)
        assert call.values("Content-Length") == [str(len(call.raw))]
        assert call.values("Content-Type") == ["text/plain; charset=utf-8"]
    else:
        assert (call.status, call.headers, call.raw) == (bare.status, bare.headers, bare.raw)
    assert call.heads == 1


@pytest.mark.parametrize(
    ("headers", "force", "replaced"),
    [
        pytest.param(EMPTY, False, True, id="declared 0"),
        pytest.param(PLAIN, False, False, id="not declared"),
        pytest.param([*PLAIN, ("Content-Length", "9")], False, False, id="declared 9"),
        pytest.param([*PLAIN, ("Content-Length", "9")], True, True, id="declared 9, force"),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["list", "generator"])
def test_head(headers: Any, force: bool, replaced: bool, stream: bool) -> None:
    make = late if stream else (lambda status, headers: answering(status, headers, []))
    call = ask(make("404 Not Found", headers), StatusPages(force=force), REQUEST_METHOD="HEAD")
    assert call.raw == b""
    if replaced:
        like = ask(make("404 Not Found", headers), StatusPages(force=force))
        assert call.headers == like.headers
    else:
        assert call.headers == headers


def test_the_apps_fields_stay_and_those_of_its_body_go() -> None:
    kept = [
        ("Allow", "GET"),
        ("Retry-After", "3"),
        ("WWW-Authenticate", 'Basic realm="a"'),
        ("WWW-Authenticate", "Bearer"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("Location", "/x"),
        ("Vary", "Cookie"),
        ("Cache-Control", "max-age=5"),
        ("Content-Security-Policy", "default-src 'self'"),
    ]
    gone = [
        ("Content-Type", "image/png"),
        ("content-encoding", "gzip"),
        ("Content-Language", "de"),
        ("Content-MD5", "x"),
        ("ETag", '"x"'),
        ("Transfer-Encoding", "chunked"),
        ("Last-Modified", "x"),
        ("Accept-Ranges", "bytes"),
    ]
    given = [*gone, *kept]
    call = ask(answering("405 Method Not Allowed", given, []), HTTP_ACCEPT="text/plain")
    assert call.status == "405 Method Not Allowed"
    assert call.headers == [
        *[field if field[0] != "Vary" else ("Vary", "Cookie, Accept") for field in kept],
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(call.raw))),
        ("X-Content-Type-Options", "nosniff"),
    ]
    assert given == [*gone, *kept]
    page = ask(answering("404 Not Found", given, []), HTTP_ACCEPT="text/html")
    assert len(page.values("Content-Security-Policy")) == 1
    assert "style-src 'sha256-" in page.values("Content-Security-Policy")[0]
    assert ask(answering("404 N", PLAIN, [])).values("Cache-Control") == ["no-store"]


PAGES: dict[Any, Any] = {
    404: "<h1>Lost</h1>",
    "4xx": lambda problem: f"<h1>{problem['status']} {problem['title']}</h1>",
}


@pytest.mark.parametrize(
    ("status", "accept", "body"),
    [
        pytest.param("404 Not Found", "text/html", b"<h1>Lost</h1>", id="the exact one"),
        pytest.param("410 Gone", "text/html", b"<h1>410 Gone</h1>", id="the class"),
        pytest.param("500 X", "text/html", b"", id="no page: left alone"),
        pytest.param("404 Not Found", "text/plain", b"404 Not Found\n", id="text is built in"),
    ],
)
def test_pages(status: str, accept: str, body: bytes) -> None:
    call = ask(answering(status, PLAIN, []), StatusPages(PAGES), HTTP_ACCEPT=accept)
    assert (call.status, call.raw) == (status, body)


def test_problem_json_and_the_request_id() -> None:
    known = Record()
    known.request_id = "abc"
    keys = {"wsgimw.record": known, "HTTP_ACCEPT": "application/json"}
    call = ask(answering("404 Nothing", PLAIN, []), StatusPages(PAGES), **keys)
    assert json.loads(call.raw) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "request_id": "abc",
    }


def test_no_record_is_made() -> None:
    assert "wsgimw.record" not in ask(answering("404 N", PLAIN, [])).environ


def test_a_path_is_read_when_bound(tmp_path: Path) -> None:
    path = tmp_path / "404.html"
    layer = StatusPages({404: path})
    with pytest.raises(FileNotFoundError):
        layer(answering("404 N", PLAIN, []))
    path.write_text("<h1>caf\xe9</h1>", encoding="utf-8")
    app = layer(answering("404 N", PLAIN, []))
    path.unlink()
    call = Call(app, make_environ(HTTP_ACCEPT="text/html")).run()
    assert call.raw == "<h1>caf\xe9</h1>".encode()
    assert "script-src 'self'" in call.values("Content-Security-Policy")[0]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(lambda problem: 1 / 0, id="raises"),
        pytest.param(lambda problem: None, id="no str"),
    ],
)
@pytest.mark.parametrize(
    "app",
    [
        pytest.param(answering("404 N", EMPTY, []), id="list"),
        pytest.param(late("404 N", PLAIN), id="generator"),
        pytest.param(answering("404 N", [("Content-Length", "3")], [b"abc"]), id="list, force"),
        pytest.param(late("404 N", PLAIN, b"a", b"b"), id="generator, force"),
    ],
)
def test_a_page_that_fails_gives_the_original(page: Any, app: App) -> None:
    call = ask(app, StatusPages({"4xx": page}, force=True), HTTP_ACCEPT="text/html")
    bare = Call(app, make_environ()).run()
    assert (call.status, call.headers, call.raw) == (bare.status, bare.headers, bare.raw)
    assert "wsgimw StatusPages: " in printed(call)


class TestFlow:
    """Laziness, `write()`, second heads, closes."""

    @pytest.mark.parametrize(
        "drive",
        [
            pytest.param(lambda call: call.rest(), id="to the end"),
            pytest.param(lambda call: (call.pull(), call.close()), id="one block"),
            pytest.param(lambda call: call.close(), id="unstarted"),
        ],
    )
    @pytest.mark.parametrize("force", [False, True])
    @pytest.mark.parametrize("blocks", [(), (b"",), (b"a", b"b")], ids=str)
    def test_the_original_is_closed_once(self, blocks: Any, force: bool, drive: Any) -> None:
        body = Body(*blocks)
        call = Call(StatusPages(force=force)(answering("404 N", PLAIN, body)), make_environ())
        call.begin()
        assert body.pulled == 0
        drive(call)
        assert body.closes == 1

    def test_a_list_with_close(self) -> None:
        class Closing(list[bytes]):
            closes = 0

            def close(self) -> None:
                self.closes += 1

        body = Closing()
        assert ask(answering("404 N", PLAIN, body)).raw == b"404 Not Found\n"
        assert body.closes == 1

    def test_nothing_more_is_pulled_of_a_body_that_nobody_gets(self) -> None:
        body = Body(*[b"x"] * 100)
        call = ask(answering("404 N", PLAIN, body), StatusPages(force=True))
        assert (call.raw, body.pulled, body.closes) == (b"404 Not Found\n", 1, 1)

    def test_block_for_block(self) -> None:
        call = Call(StatusPages()(late("404 N", PLAIN, b"", b"a", b"", b"b")), make_environ())
        call.begin()
        assert call.pull() == b""
        assert call.heads == 0
        assert call.pull() == b"a"
        assert (call.heads, call.pull(), call.pull(), call.pull()) == (1, b"", b"b", None)

    @pytest.mark.parametrize(
        ("written", "force", "expected"),
        [
            pytest.param(b"w", False, b"w", id="bytes are a body"),
            pytest.param(b"", False, b"404 Not Found\n", id="no bytes are none"),
            pytest.param(b"w", True, b"404 Not Found\n", id="force"),
        ],
    )
    def test_write(self, written: bytes, force: bool, expected: bytes) -> None:
        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            start_response("404 N", PLAIN)(written)
            return []

        assert ask(app, StatusPages(force=force)).raw == expected

    def test_the_write_of_a_replaced_head_still_writes(self) -> None:
        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            write = start_response("404 N", PLAIN)
            try:
                raise Fault
            except Fault:
                start_response("200 OK", PLAIN, sys.exc_info())
            write(b"w")
            return []

        assert ask(app).raw == b"w"

    @pytest.mark.parametrize("second", ["500 Second", "200 Second"])
    def test_a_second_head_replaces_the_held_one(self, second: str) -> None:
        seen: list[Any] = []

        def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            start_response("404 First", [*PLAIN, ("X-First", "1")])
            yield b""
            try:
                raise Fault
            except Fault as error:
                seen.append(error)
                start_response(second, PLAIN, sys.exc_info())

        call = ask(app)
        assert (call.status, call.heads, call.values("X-First")) == (second, 1, [])
        assert bool(call.raw) is (second[0] == "5")

    def test_a_second_head_without_exc_info_is_refused(self) -> None:
        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            start_response("404 First", PLAIN)
            start_response("404 Second", PLAIN)
            return []

        assert raised(lambda: ask(app)) is not None

    def test_an_error_after_a_handed_on_body_gets_its_own_head(self) -> None:
        def body(start_response: StartResponse) -> Iterator[bytes]:
            yield b""
            try:
                raise Fault
            except Fault:
                start_response("500 Late", PLAIN, sys.exc_info())
            yield b"late"

        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            start_response("200 OK", PLAIN)
            return body(start_response)

        call = ask(app)
        assert (call.status, call.raw) == ("500 Late", b"late")

    def test_exceptions_go_up_and_no_head_is_sent(self) -> None:
        call = Call(StatusPages()(late("404 N", PLAIN, Fault("x"))), make_environ())
        assert isinstance(raised(call.run), Fault)
        assert call.heads == 0

    def test_inside_of_catch_errors(self) -> None:
        layers = compose(CatchErrors(log=False), StatusPages())
        assert Call(layers(late("404 N", PLAIN, Fault())), make_environ()).run().status[:3] == "500"
        assert Call(layers(lazy(Fault())), make_environ()).run().status[:3] == "500"

    def test_no_head_at_all_is_left_to_the_server(self) -> None:
        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            return [b"x"]

        call = ask(app)
        assert (call.heads, call.headless) == (0, True)

    def test_a_200_passes_as_the_very_object(self) -> None:
        for body in ([b"x"], (b"x",), iter([b"x"]), Body(b"x")):
            call = Call(StatusPages()(answering("200 OK", PLAIN, body)), make_environ()).begin()
            assert call.body is body

    @pytest.mark.parametrize("force", [False, True])
    def test_files(self, force: bool) -> None:
        file = FileWrapper(io.BytesIO(b"a page of mine"))
        environ = make_environ(**{"wsgi.file_wrapper": FileWrapper})
        call = Call(StatusPages(force=force)(answering("404 N", PLAIN, file)), environ).begin()
        assert (call.body is file) is not force
        assert call.rest().raw == (b"404 Not Found\n" if force else b"a page of mine")
        assert file.file.closed

    def test_the_kit(self) -> None:
        for layer in (StatusPages(), StatusPages(PAGES)):
            assert check_middleware(layer)
            assert check_middleware(compose(*[layer] * 6))

    def test_by_webtest(self) -> None:
        app = TestApp(StatusPages()(answering("404 Not Found", EMPTY, [])))
        answer = app.get("/", headers={"Accept": "text/html"}, status=404)
        assert "There is nothing at this address." in answer.text
        assert app.head("/", headers={"Accept": "text/html"}, status=404).body == b""


class TestOptions:
    """What can be given, and what is said of what cannot."""

    @pytest.mark.parametrize(
        ("pages", "error", "says"),
        [
            pytest.param([404], TypeError, "write StatusPages({404:", id="no mapping"),
            pytest.param("x", TypeError, "given pages='x'", id="str"),
            pytest.param({200: "<p>"}, ValueError, "from 400 to 599", id="200"),
            pytest.param({404.0: "<p>"}, TypeError, "404.0", id="float"),
            pytest.param({"404": "<p>"}, ValueError, "a key is a status such as 404", id="str key"),
            pytest.param({"3xx": "<p>"}, ValueError, "'4xx' or '5xx'", id="3xx"),
            pytest.param({404: 3}, TypeError, "a page is HTML text", id="int page"),
            pytest.param({404: "e/404.html"}, ValueError, "write Path('e/404.html')", id="name"),
        ],
    )
    def test_wrong_ones(self, pages: Any, error: type[Exception], says: str) -> None:
        with pytest.raises(error) as caught:
            StatusPages(pages)
        assert says in str(caught.value)

    def test_force(self) -> None:
        with pytest.raises(TypeError, match="force='yes'"):
            StatusPages(force="yes")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="keyword-only"):
            StatusPages(None, True)  # type: ignore[call-arg]

    def test_value(self) -> None:
        layer = StatusPages({404: "<p>"})
        assert repr(layer) == "StatusPages(pages={404: '<p>'})"
        assert layer == StatusPages({404: "<p>"})
        assert hash(layer) == hash(StatusPages())
        assert replace(layer, force=True).force

    def test_it_loads_alone(self) -> None:
        program = (
            "import sys; from wsgimw import StatusPages; StatusPages(); "
            "bad = {'werkzeug', 'logging', 'wsgimw.errors.catch_errors', 'wsgimw.compress'}; "
            "assert not bad & set(sys.modules), bad & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
