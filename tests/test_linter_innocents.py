"""The linter blames nobody who keeps the rules, and a linted stack behaves as the bare one."""

from __future__ import annotations

import io
import sys
import threading
import wsgiref.handlers
import wsgiref.simple_server
import wsgiref.util
import wsgiref.validate
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import import_module
from io import BytesIO
from typing import Any
from urllib.request import urlopen

import pytest
import webtest
from werkzeug.middleware.proxy_fix import ProxyFix

from tests.broken_layers import BROKEN, GZIP
from tests.faults import TEXT, hello
from tests.layers import rows
from tests.test_linter import Ending, answering, identity, passing, timing, unexpected
from wsgimw import compose, when
from wsgimw.describe import describe
from wsgimw.testing import Fault, check_middleware, lint
from wsgimw.testing.server import App, Call, Environ, StartResponse, file_itself, make_environ

Layer = Callable[[Any], Any]


def white_noise(app: App) -> App:
    whitenoise = pytest.importorskip("whitenoise")
    made: App = whitenoise.WhiteNoise(app)
    return made


def sentry(app: App) -> App:
    wsgi = pytest.importorskip("sentry_sdk.integrations.wsgi")
    made: App = wsgi.SentryWsgiMiddleware(app)
    return made


INNOCENT: dict[str, Layer] = {
    "identity": identity,
    "a closure": passing,
    "hooks": Ending(),
    "@layer": timing(),
    "ProxyFix": partial(ProxyFix, x_for=1),
    "wsgiref.validate": wsgiref.validate.validator,
    "WhiteNoise": white_noise,
    "Sentry": sentry,
    "when": when("/", passing, Ending()),
    "all of them": compose(
        passing,
        Ending(),
        wsgiref.validate.validator,
        timing(),
        sentry,
        partial(ProxyFix, x_for=1),
        white_noise,
        when(lambda environ: False, Ending()),
        identity,
    ),
}


# ---- apps that keep the rules, each in its own way --------------------------------------------


class Closing:
    """A body of its own, late with its head if it is asked to."""

    def __init__(self, *blocks: bytes, late: Callable[[], Any] = lambda: None) -> None:
        self.blocks = blocks
        self.late = late

    def __iter__(self) -> Iterator[bytes]:
        self.late()
        yield from self.blocks

    def close(self) -> None:
        pass


class Sized(Closing):
    def __len__(self) -> int:
        return len(self.blocks)


def late_generator(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    yield b""
    yield b"one"
    yield b""
    yield b"two"


def after_an_empty_block(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    yield b""
    start_response("200 OK", [TEXT])
    yield b"one"


def late_class(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return Closing(b"one", b"two", late=lambda: start_response("200 OK", [TEXT]))


def late_and_empty(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    yield from ()


def writes(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    write = start_response("200 OK", [TEXT, ("Content-Length", "10")])
    write(b"one")
    write(b"")
    write(b"two")
    return iter([b"four"])


def writes_alone(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])(b"all of it")
    return []


def restart(start_response: StartResponse) -> None:
    try:
        raise ValueError("a page failed")
    except ValueError:
        start_response("500 Internal Server Error", [TEXT], sys.exc_info())


def restarts_in_the_call(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("Content-Length", "99")])
    restart(start_response)
    return [b"an error page"]


def restarts_in_the_body(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("Content-Length", "99")])
    yield b""
    restart(start_response)
    yield b"an error page"


def first_head_with_exc_info(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    restart(start_response)
    return [b"an error page"]


def gives(status: str, *headers: tuple[str, str], body: Any = ()) -> App:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, [*headers])
        return body() if callable(body) else body  # type: ignore[no-any-return]

    return app


def of_a_file(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](BytesIO(b"a file"))
    return wrapped


def reads_a_form(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    stream = environ["wsgi.input"]
    length = int(environ["CONTENT_LENGTH"])
    read = stream.read(2) + stream.readline() + b"".join(stream.readlines()) + stream.read(0)
    assert len(read) == length
    print("read", file=environ["wsgi.errors"])
    environ["wsgi.errors"].flush()
    start_response("200 OK", [TEXT])
    return [read]


def reads_without_a_size(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    return [environ["wsgi.input"].read()]


def seeks(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    stream = environ["wsgi.input"]
    first = stream.read(int(environ["CONTENT_LENGTH"]))
    assert stream.tell() == len(first) and stream.seekable()
    stream.seek(0)
    again = b"".join(stream)
    stream.seek(0)
    assert again.startswith(next(stream)) and len(stream.getvalue()) == len(first)
    start_response("200 OK", [TEXT])
    return [again]


LENGTH = ("Content-Length", "11")
MADE: dict[str, tuple[App, Environ]] = {
    "a list": (hello, {}),
    "a tuple": (gives("200 OK", TEXT, body=(b"one", b"two")), {}),
    "a sized body": (gives("200 OK", TEXT, body=lambda: Sized(b"hello world")), {}),
    "an iterator": (gives("200 OK", TEXT, body=lambda: iter([b"one", b"", b"two"])), {}),
    "an empty list": (gives("200 OK", TEXT, body=[]), {}),
    "no type for no body": (gives("201 Created", body=[b""]), {}),
    "a relative Location": (gives("303 See Other", TEXT, ("Location", "/cart"), body=[]), {}),
    "204": (gives("204 No Content", body=[]), {}),
    "304 with a length": (gives("304 Not Modified", LENGTH, ("ETag", '"a"'), body=[]), {}),
    "HEAD with a length": (gives("200 OK", TEXT, LENGTH, body=[]), {"REQUEST_METHOD": "HEAD"}),
    "a reason of one letter": (gives("299 x", TEXT, ("X-Empty", ""), body=[b"a"]), {}),
    "a tab in a value": (gives("200 OK", TEXT, ("X-Tab", "a\tb"), body=[b"a"]), {}),
    "two cookies": (gives("200 OK", TEXT, *[("Set-Cookie", "a=b")] * 2, body=[b"a"]), {}),
    "late generator": (late_generator, {}),
    "late after an empty block": (after_an_empty_block, {}),
    "late class": (late_class, {}),
    "late and empty": (late_and_empty, {}),
    "write()": (writes, {}),
    "write() alone": (writes_alone, {}),
    "restart in the call": (restarts_in_the_call, {}),
    "restart in the body": (restarts_in_the_body, {}),
    "first head with exc_info": (first_head_with_exc_info, {}),
    "file wrapper, a type": (of_a_file, {"wsgi.file_wrapper": wsgiref.util.FileWrapper}),
    "file wrapper, a function": (of_a_file, {"wsgi.file_wrapper": file_itself}),
    "a form": (reads_a_form, {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "11"}),
    "read() without a size": (reads_without_a_size, {"CONTENT_LENGTH": "11"}),
    "a seekable input": (seeks, {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "11"}),
    "OPTIONS *": (hello, {"REQUEST_METHOD": "OPTIONS", "PATH_INFO": "*"}),
    "below a mount": (hello, {"SCRIPT_NAME": "/shop", "PATH_INFO": ""}),
}
# wsgiref.validate complains of what is legal, and hides what a server's input can do.
NOT_VALIDATED = {
    "a seekable input",
    "a tab in a value",
    "late after an empty block",
    "no type for no body",
    "OPTIONS *",
    "read() without a size",
}


def one_block(call: Call) -> None:
    call.begin().pull()
    call.close()


DRIVES: dict[str, Callable[[Call], Any]] = {
    "whole": lambda call: call.run(),
    "one block": one_block,
    "unstarted": lambda call: call.begin().close(),
}


def call(app: App, keys: Environ) -> Call:
    return Call(app, make_environ(**{"wsgi.input": BytesIO(b"one\ntwo\nend"), **keys}))


VALIDATES = ("wsgiref.validate", "all of them")
PAIRS = [(n, m) for n in INNOCENT for m in MADE if n not in VALIDATES or m not in NOT_VALIDATED]


@pytest.mark.parametrize("drive", DRIVES)
@pytest.mark.parametrize(("name", "made"), PAIRS)
def test_nobody_is_blamed(name: str, made: str, drive: str) -> None:
    app, keys = MADE[made]
    stack = INNOCENT[name]
    bare = call(stack(app), keys)
    DRIVES[drive](bare)
    for report in (None, unexpected):
        linted = call(lint(stack, report=report)(app), keys)
        DRIVES[drive](linted)
        assert (linted.status, linted.headers) == (bare.status, bare.headers)
        assert (linted.raw, linted.blocks) == (bare.raw, bare.blocks)


def boom(*_: Any) -> Any:
    raise ValueError("the app failed")


def boom_in_the_middle(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    yield b"one"
    boom()


class BoomAtClose(Closing):
    def close(self) -> None:
        boom()


@pytest.mark.parametrize("name", INNOCENT)
@pytest.mark.parametrize(
    "app",
    [
        pytest.param(boom, id="in the call"),
        pytest.param(boom_in_the_middle, id="in the middle"),
        pytest.param(gives("200 OK", TEXT, body=lambda: BoomAtClose(b"one")), id="at close"),
    ],
)
def test_nobody_is_blamed_for_an_error_that_goes_up(name: str, app: App) -> None:
    with pytest.raises(ValueError, match="the app failed"):
        call(lint(INNOCENT[name], report=unexpected)(app), {}).run()


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_base_exceptions_pass(kind: type[BaseException]) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT])
        yield b"one"
        raise kind

    with pytest.raises(kind):
        call(lint(compose(passing, Ending(), timing()), report=unexpected)(app), {}).run()


# ---- layers whose job it is -------------------------------------------------------------------


def answers_errors(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return app(environ, start_response)
        except ValueError:
            start_response("500 Internal Server Error", [TEXT], sys.exc_info())
            return [b"an error page"]

    return bound


def answers_not_found(app: App) -> App:
    """Answer 404 with a page of its own, for which it asks the app again."""

    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        heads: list[Any] = []

        def start(*args: Any) -> Any:
            heads.append(args)
            return lambda data: None

        first: Any = app({**environ}, start)
        blocks = [*first]
        if hasattr(first, "close"):
            first.close()
        if not heads[-1][0].startswith("404"):
            start_response(*heads[-1])
            return blocks
        return app(environ | {"PATH_INFO": "/error"}, start_response)

    return bound


def not_found_but_at_error(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/error":
        start_response("200 OK", [("Content-Type", "text/html")])
        yield b"sorry"
    else:
        start_response("404 Not Found", [TEXT])
        yield b"not"
        yield b"found"


def cuts_at_the_length(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body: Any = app(environ, start_response)

        class Cut(Closing):
            def __iter__(self) -> Iterator[bytes]:
                yield next(iter(body))

            def close(self) -> None:
                body.close()

        return Cut()

    return bound


@pytest.mark.parametrize(
    ("layer", "app", "status", "raw"),
    [
        pytest.param(answers_errors, boom, 500, b"an error page", id="an error page"),
        pytest.param(answers_not_found, not_found_but_at_error, 200, b"sorry", id="a page for 404"),
        pytest.param(answering(hello), boom, 200, b"hello", id="answers by itself"),
        pytest.param(
            cuts_at_the_length,
            gives("200 OK", TEXT, ("Content-Length", "3"), body=lambda: iter([b"one"])),
            200,
            b"one",
            id="stops at the length",
        ),
        pytest.param(
            cuts_at_the_length,
            gives("200 OK", TEXT, body=[b"one"]),
            200,
            b"one",
            id="takes the only block",
        ),
    ],
)
def test_no_layer_is_blamed_for_its_job(layer: Layer, app: App, status: int, raw: bytes) -> None:
    done = call(lint(compose(passing, layer, Ending()), report=unexpected)(app), {}).run()
    assert (int(done.status[:3]), done.raw) == (status, raw)


# ---- a linted stack behaves as the bare one ---------------------------------------------------


@pytest.mark.parametrize("name", ["identity", "hooks", "@layer"])
def test_the_kit_finds_nothing_changed(name: str) -> None:
    assert check_middleware(lint(INNOCENT[name], report=lambda fault: None))


def test_what_kind_of_body_it_is_survives() -> None:
    def body_of(app: App, **keys: Any) -> Any:
        linted: Any = lint(compose(passing, Ending(), passing))(app)
        call = Call(linted, make_environ(**keys)).begin()
        body = call.body
        call.close()
        return body

    assert isinstance(body_of(hello), list) and len(body_of(hello)) == 1
    assert len(body_of(gives("200 OK", TEXT, body=(b"a", b"b")))) == 2
    assert not hasattr(body_of(gives("200 OK", TEXT, body=lambda: Closing(b"a"))), "__len__")
    linted: Any = lint(passing)(gives("200 OK", TEXT, body=lambda: Sized(b"a", b"b")))
    assert len(Call(linted, make_environ()).begin().body) == 2
    wrapper = wsgiref.util.FileWrapper
    assert type(body_of(of_a_file, **{"wsgi.file_wrapper": wrapper})) is wrapper
    assert type(body_of(of_a_file, **{"wsgi.file_wrapper": file_itself})) is BytesIO


def test_a_hook_inside_sees_an_early_stop_of_a_list() -> None:
    seen = []

    class Sees(Ending):
        def on_end(self, x: Any) -> None:
            seen.append((x.bytes, x.complete))

    app = gives("200 OK", TEXT, body=[b"one", b"two"])
    stop = call(lint(compose(passing, Sees(), passing))(app), {}).begin()
    stop.pull()
    stop.close()
    assert seen == [(3, False)]


# ---- clients, frameworks, servers -------------------------------------------------------------

STACK = compose(passing, Ending(), timing(), partial(ProxyFix, x_for=1), identity)


def echo(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    import webob

    request = webob.Request(environ)
    text = f"{request.method} {request.path} {sorted(request.params.items())}"
    return webob.Response(text)(environ, start_response)  # type: ignore[no-any-return]


def test_webtest_and_webob() -> None:
    client = webtest.TestApp(lint(STACK)(echo))
    assert client.get("/a?b=c").text == "GET /a [('b', 'c')]"
    assert client.post("/a", {"b": "c"}).text == "POST /a [('b', 'c')]"
    upload = client.post("/a", upload_files=[("f", "name.txt", b"content")])
    assert "FieldStorage" in upload.text
    assert client.put_json("/a", {"b": 1}).status_int == 200
    assert client.head("/a").body == b""
    assert client.delete("/a").text == "DELETE /a []"


def test_flask() -> None:
    flask = pytest.importorskip("flask")
    app = flask.Flask("shop")

    def index() -> Any:
        return {"form": flask.request.form, "json": flask.request.get_json(silent=True)}

    def upload() -> Any:
        return flask.request.files["f"].read()

    def stream() -> Any:
        return (part for part in ("one", "two")), {"Content-Type": "text/plain"}

    def file() -> Any:
        return flask.send_file(BytesIO(b"a file"), download_name="a.txt")

    app.route("/", methods=["GET", "POST"])(index)
    app.post("/upload")(upload)
    app.get("/stream")(stream)
    app.get("/file")(file)
    app.get("/broken")(lambda: boom())
    app.wsgi_app = lint(STACK)(app.wsgi_app)
    client = app.test_client()
    assert client.get("/").json == {"form": {}, "json": None}
    assert client.post("/", data={"a": "b"}).json["form"] == {"a": "b"}
    assert client.post("/", json=[1]).json["json"] == [1]
    assert client.post("/upload", data={"f": (BytesIO(b"data"), "f.txt")}).data == b"data"
    with client.get("/stream") as response:
        assert response.data == b"onetwo"
    with client.get("/file") as response:
        assert response.data == b"a file"
    assert client.get("/nowhere").status_code == 404
    assert client.get("/broken").status_code == 500
    assert client.head("/").data == b""
    assert client.options("/").status_code == 200


def django_index(request: Any) -> Any:
    from django.http import HttpResponse, StreamingHttpResponse

    if "stream" in request.GET:
        return StreamingHttpResponse(iter([b"one", b"two"]))
    text: Any = f"{request.method} {sorted(request.POST.items())} {request.body!r}"
    return HttpResponse(text)


def test_django() -> None:
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import override_settings
    from django.urls import path

    import_module("examples.django_app")  # Django is configured once in a process: by the example
    urls = type(sys)("urls")
    urls.urlpatterns = [path("", django_index)]  # type: ignore[attr-defined]
    with override_settings(ROOT_URLCONF=urls, ALLOWED_HOSTS=["*"]):
        handler: Any = WSGIHandler()
        client = webtest.TestApp(lint(STACK)(handler))
        assert client.get("/").text.startswith("GET []")
        assert client.post("/", {"a": "b"}).text == "POST [('a', 'b')] b'a=b'"
        assert client.get("/?stream=1").text == "onetwo"
        assert client.get("/nowhere", status=404).status_int == 404


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def by_wsgiref(app: App) -> tuple[int, Callable[[], object]]:
    server = wsgiref.simple_server.make_server("127.0.0.1", 0, app, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join(10)

    return server.server_port, stop


def by_waitress(app: App) -> tuple[int, Callable[[], object]]:
    waitress = pytest.importorskip("waitress")
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=1)
    thread = threading.Thread(target=server.run)
    thread.start()

    def stop() -> None:
        server.trigger.pull_trigger(server.close)
        thread.join(10)
        server.task_dispatcher.shutdown()

    return server.effective_port, stop


@pytest.mark.parametrize("serve", [by_wsgiref, by_waitress])
def test_servers(serve: Callable[[App], tuple[int, Callable[[], object]]]) -> None:
    faults: list[Fault] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        name = environ["PATH_INFO"].strip("/")
        if environ["REQUEST_METHOD"] == "POST":
            environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        return MADE[name.replace("%20", " ")][0](environ, start_response)

    port, stop = serve(lint(STACK, report=faults.append)(app))
    try:
        for name in ("a list", "a tuple", "an iterator", "late class", "write()", "204"):
            data = b"a form" if name == "a list" else None
            url = f"http://127.0.0.1:{port}/{name.replace(' ', '%20')}"
            with urlopen(url, data=data, timeout=10) as response:
                bare = io.BytesIO(call(MADE[name][0], {}).run().raw)
                assert response.read() == bare.getvalue(), name
    finally:
        stop()
    assert not faults, [*map(str, faults)]


# ---- all layers that exist, under all probes of the kit ---------------------------------------

ROWS = {row.name: row for row in rows()}


def by_the_kit(layer: Layer, environ: Environ, *skip: Any) -> tuple[bool, set[tuple[int, str]]]:
    """Run the kit on a linted layer; return its verdict, and who was blamed for what."""
    faults: list[Fault] = []
    verdict = check_middleware(lint(layer, report=faults.append), skip=skip, environ=environ)
    return bool(verdict), {(fault.rule, fault.layer) for fault in faults}


@pytest.fixture(scope="module")
def by_the_kit_itself() -> set[tuple[int, str]]:
    """What the kit's own apps, and its client as a server, are blamed for."""
    return by_the_kit(identity, {})[1]


ON_PURPOSE = {(10, "Portable()")}  # it holds what `write()` gets: docs/portable.md


@pytest.mark.slow
@pytest.mark.unmeasured
@pytest.mark.parametrize("environ", [{}, GZIP], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", ROWS)
def test_every_layer_of_ours(
    name: str, environ: Environ, by_the_kit_itself: set[tuple[int, str]]
) -> None:
    row = ROWS[name]
    for stack in (row.layer, compose(*[row.layer] * 3)):
        verdict, blamed = by_the_kit(stack, environ, *row.skip)
        assert verdict
        assert blamed <= by_the_kit_itself | ON_PURPOSE


# One lies to the app about its method and takes it back, which nobody can see; one leaks a file.
ODD = {"restores_after_the_call", "leaves_a_file_open"}


@pytest.mark.unmeasured
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BROKEN.keys() - ODD))
def test_a_broken_layer_alone_is_blamed(name: str, by_the_kit_itself: set[tuple[int, str]]) -> None:
    broken = BROKEN[name]
    _, blamed = by_the_kit(broken.layer, broken.environ)
    assert {layer for _, layer in blamed - by_the_kit_itself} <= {describe(broken.layer)}
