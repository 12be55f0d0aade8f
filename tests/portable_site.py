"""What Portable is tried with on real servers: `/bare/X` and `/mended/X` are the same app."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import bottle
import falcon
import flask

from wsgimw import AccessLog, Portable, compose

App = Callable[[dict[str, Any], Any], Any]
TEXT = ("Content-Type", "text/plain")
CLOSED: list[str] = []


def head(start_response: Any, status: str = "200 OK", *headers: tuple[str, str]) -> Any:
    return start_response(status, [TEXT, *headers])


def hello(environ: Any, start_response: Any) -> Any:
    head(start_response, "200 OK", ("Content-Length", "5"))
    return [b"hello"]


def lazy(environ: Any, start_response: Any) -> Iterator[bytes]:
    """A generator app: its 404 comes with its first block (pycnic, wsgidav, CKAN)."""
    head(start_response, "404 Not Found", ("X-Late", "yes"))
    yield b"not "
    yield b"here"


def lazy_error(environ: Any, start_response: Any) -> Iterator[bytes]:
    """An app that replaces its head before its first byte."""
    head(start_response)
    try:
        yield b""
        raise KeyError("as it should be")
    except KeyError:
        head_of_error = [TEXT, ("X-Error", "yes")]
        start_response("503 Service Unavailable", head_of_error, sys.exc_info())
        yield b"sorry"


def writing(environ: Any, start_response: Any) -> Any:
    write = head(start_response)
    write(b"first, ")
    return [b"second"]


def empty(environ: Any, start_response: Any) -> Any:
    head(start_response)
    return []


def empty_iterator(environ: Any, start_response: Any) -> Any:
    head(start_response)
    return iter(())


def no_content(environ: Any, start_response: Any) -> Any:
    start_response("204 No Content", [])
    return []


def not_modified(environ: Any, start_response: Any) -> Any:
    start_response("304 Not Modified", [("ETag", '"a"')])
    return []


def talkative(environ: Any, start_response: Any) -> Any:
    """An app that does not look at the method."""
    head(start_response, "200 OK", ("Content-Length", "5"))
    return iter([b"hel", b"lo"])


def too_long(environ: Any, start_response: Any) -> Any:
    head(start_response, "200 OK", ("Content-Length", "5"))
    return iter([b"hel", b"lo, you", b"and more"])


def long_file(environ: Any, start_response: Any) -> Any:
    """S4: the server is relied on to cut the file."""
    head(start_response, "200 OK", ("Content-Length", "500"))
    file = io.BytesIO(b"x" * 1_000_000)
    wrapper = environ.get("wsgi.file_wrapper")
    return wrapper(file, 8192) if wrapper else iter(lambda: file.read(8192), b"")


def too_short(environ: Any, start_response: Any) -> Any:
    head(start_response, "200 OK", ("Content-Length", "500"))
    return iter([b"hello"])


def text_block(environ: Any, start_response: Any) -> Any:
    head(start_response)
    return ["hello"]


def split(environ: Any, start_response: Any) -> Any:
    head(start_response, "200 OK", ("X-From", "a\r\nX-Smuggled: yes"))
    return [b"hello"]


def exits(environ: Any, start_response: Any) -> Any:
    sys.exit(0)


def pid(environ: Any, start_response: Any) -> Any:
    head(start_response)
    return [str(os.getpid()).encode()]


def keys(environ: Any, start_response: Any) -> Any:
    head(start_response)
    strings = {k: v for k, v in environ.items() if k.isupper() and type(v) is not str}
    path = environ["PATH_INFO"]
    return [json.dumps({"path": path, "odd": sorted(strings)}).encode()]


class Closing(list[bytes]):
    """A list with a `close()`."""

    def close(self) -> None:
        CLOSED.append("list")


def closing(environ: Any, start_response: Any) -> Any:
    head(start_response)
    return Closing([b"hello"])


def closed(environ: Any, start_response: Any) -> Any:
    head(start_response)
    count = len(CLOSED)
    CLOSED.clear()
    return [str(count).encode()]


def upload(environ: Any, start_response: Any) -> Any:
    size = int(environ.get("CONTENT_LENGTH") or 0)
    data = environ["wsgi.input"].read(size)
    head(start_response)
    return [f"{len(data)} of {environ.get('CONTENT_LENGTH')}".encode()]


flask_app = flask.Flask(__name__)


@flask_app.route("/<path:rest>")
def page(rest: str) -> str:
    if rest.endswith("flask-exit"):
        sys.exit(0)
    return "page"


@flask_app.post("/<path:rest>")
def sized(rest: str) -> str:
    return str(len(flask.request.get_data()))


bottle_app = bottle.Bottle()


@bottle_app.post("/<rest:path>")  # type: ignore[untyped-decorator]
def bottle_sized(rest: str) -> str:
    body: Any = bottle.request.body
    return str(len(body.read()))


class _Sized:
    def on_post(self, request: Any, response: Any, rest: str) -> None:
        response.text = str(len(request.bounded_stream.read()))


falcon_app: Any = falcon.App()
falcon_app.add_route("/{rest:path}", _Sized())


def django_app() -> App:
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.urls import re_path

    def view(request: Any, **rest: Any) -> Any:
        return HttpResponse(str(len(request.body)).encode())

    settings.configure(
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="for tests",
        ROOT_URLCONF=type("urls", (), {"urlpatterns": [re_path(".*", view)]}),
        USE_TZ=True,
    )
    django.setup()
    handler: App = WSGIHandler()
    return handler


APPS: dict[str, App] = {
    "hello": hello,
    "lazy": lazy,
    "lazy-error": lazy_error,
    "writing": writing,
    "empty": empty,
    "empty-iterator": empty_iterator,
    "204": no_content,
    "304": not_modified,
    "talkative": talkative,
    "too-long": too_long,
    "long-file": long_file,
    "too-short": too_short,
    "text-block": text_block,
    "split": split,
    "exit": exits,
    "pid": pid,
    "keys": keys,
    "closing": closing,
    "closed": closed,
    "upload": upload,
    "flask": flask_app,
    "flask-exit": flask_app,
    "django": django_app(),
    "falcon": falcon_app,
    "bottle": bottle_app,
}
LOG = os.environ.get("WSGIMW_TEST_LOG", os.devnull)
APPS["logged"] = AccessLog(sink=LOG)(hello)


def site(environ: dict[str, Any], start_response: Any) -> Any:
    name = environ["PATH_INFO"].split("/")[2]
    return APPS[name](environ, start_response)


mended = compose(Portable(buffer_chunked=1000, max_body=100_000))(site)


def application(environ: dict[str, Any], start_response: Any) -> Any:
    app = site if environ["PATH_INFO"].startswith("/bare/") else mended
    return app(environ, start_response)
