"""The same small site in six frameworks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs

from tests.matrix.pages import (
    BIG,
    DATA,
    ETAG,
    HTML,
    LAST_MODIFIED,
    PAGE,
    big_file,
    digest,
    endless,
    steps,
)

if TYPE_CHECKING:
    from flask import Flask

App = Callable[[Any, Any], Iterable[bytes]]


def raw() -> App:
    """A WSGI app without a framework."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"].encode("latin-1").decode()
        query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
        number = query.get("n", "")

        def send(body: bytes, kind: str = HTML, *more: tuple[str, str]) -> list[bytes]:
            head = [("Content-Type", kind), ("Content-Length", str(len(body))), *more]
            start_response("200 OK", head)
            return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [body]

        def in_json(value: object) -> list[bytes]:
            return send(json.dumps(value).encode(), "application/json")

        if path == "/page":
            return send(PAGE, HTML, ("ETag", ETAG))
        if path == "/json":
            return in_json(DATA)
        if path in ("/stream", "/gone"):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return endless(number) if path == "/gone" else steps(number)
        if path == "/upload":
            ended = environ.get("wsgi.input_terminated")
            length = int(environ.get("CONTENT_LENGTH") or 0)
            return in_json(digest(environ["wsgi.input"].read(*(() if ended else (length,)))))
        if path == "/error":
            raise RuntimeError("meant")
        if path == "/empty":
            start_response("204 No Content", [("X-Kept", "1")])
            return []
        if path == "/not-modified":
            start_response("304 Not Modified", [("ETag", ETAG)])
            return []
        if path == "/file":
            start_response(
                "200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(BIG)))]
            )
            opened = big_file().open("rb")
            wrapped: Iterable[bytes] = environ.get("wsgi.file_wrapper", blocks)(opened, 65536)
            return wrapped
        if path == "/cookies":
            return send(
                b"two", "text/plain", ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; Path=/")
            )
        if path.startswith("/unicode/"):
            return in_json({"name": path.removeprefix("/unicode/")})
        return in_json({"script": environ["SCRIPT_NAME"], "path": path})

    return app


def blocks(file: Any, size: int) -> Iterator[bytes]:
    """Read a file where the server has no wrapper for it."""
    with file:
        while block := file.read(size):
            yield block


def flask() -> App:
    """The site in Flask."""
    return flask_site().wsgi_app


def flask_site() -> Flask:
    """The site in Flask, as Flask's object."""
    from flask import Flask, Response, request, send_file

    app = Flask("matrix")
    app.logger.disabled = True

    def in_json(value: object) -> Response:
        return Response(json.dumps(value), mimetype="application/json")

    @app.get("/page")
    def page() -> Response:
        return Response(PAGE, content_type=HTML, headers={"ETag": ETAG})

    @app.get("/json")
    def values() -> Response:
        return in_json(DATA)

    @app.get("/stream")
    def stream() -> Response:
        return Response(steps(request.args["n"]), mimetype="text/plain")

    @app.get("/gone")
    def gone() -> Response:
        return Response(endless(request.args["n"]), mimetype="text/plain")

    @app.post("/upload")
    def upload() -> Response:
        return in_json(digest(request.get_data()))

    @app.get("/error")
    def error() -> str:
        raise RuntimeError("meant")

    @app.get("/empty")
    def empty() -> tuple[str, int, dict[str, str]]:
        return "", 204, {"X-Kept": "1"}

    @app.get("/not-modified")
    def not_modified() -> tuple[str, int, dict[str, str]]:
        return "", 304, {"ETag": ETAG}

    @app.get("/file")
    def file() -> Response:
        return send_file(
            big_file(), mimetype="text/plain", etag="file", last_modified=LAST_MODIFIED
        )

    @app.get("/cookies")
    def cookies() -> Response:
        response = Response("two", mimetype="text/plain")
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    @app.get("/unicode/<name>")
    def unicode(name: str) -> Response:
        return in_json({"name": name})

    @app.get("/where")
    def where() -> Response:
        return in_json({"script": request.script_root, "path": request.path})

    return app


def django() -> App:
    """The site in Django."""
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            SECRET_KEY="not one",
            ALLOWED_HOSTS=["*"],
            ROOT_URLCONF="tests.matrix.django_urls",
            MIDDLEWARE=[],
            LOGGING_CONFIG=None,
            LOGGING={},
        )
    import logging

    logging.getLogger("django.request").disabled = True
    from django.core.wsgi import get_wsgi_application

    return cast("App", get_wsgi_application())


def bottle() -> App:
    """The site in Bottle."""
    import bottle as module

    untyped: Any = module
    request, response = untyped.request, untyped.response
    answer, static_file = untyped.HTTPResponse, untyped.static_file
    app = untyped.Bottle()

    def in_json(value: object) -> str:
        response.content_type = "application/json"
        return json.dumps(value)

    @app.get("/page")  # type: ignore[untyped-decorator, unused-ignore]
    def page() -> bytes:
        response.content_type = HTML
        response.set_header("ETag", ETAG)
        return PAGE

    @app.get("/json")  # type: ignore[untyped-decorator, unused-ignore]
    def values() -> str:
        return in_json(DATA)

    @app.get("/stream")  # type: ignore[untyped-decorator, unused-ignore]
    def stream() -> Iterator[bytes]:
        response.content_type = "text/plain"
        return steps(request.query.n)

    @app.get("/gone")  # type: ignore[untyped-decorator, unused-ignore]
    def gone() -> Iterator[bytes]:
        response.content_type = "text/plain"
        return endless(request.query.n)

    @app.post("/upload")  # type: ignore[untyped-decorator, unused-ignore]
    def upload() -> str:
        return in_json(digest(request.body.read()))

    @app.get("/error")  # type: ignore[untyped-decorator, unused-ignore]
    def error() -> str:
        raise RuntimeError("meant")

    @app.get("/empty")  # type: ignore[untyped-decorator, unused-ignore]
    def empty() -> Any:
        return answer(status=204, headers={"X-Kept": "1"})

    @app.get("/not-modified")  # type: ignore[untyped-decorator, unused-ignore]
    def not_modified() -> Any:
        return answer(status=304, headers={"ETag": ETAG})

    @app.get("/file")  # type: ignore[untyped-decorator, unused-ignore]
    def file() -> Any:
        path = big_file()
        return static_file(path.name, root=str(path.parent), mimetype="text/plain")

    @app.get("/cookies")  # type: ignore[untyped-decorator, unused-ignore]
    def cookies() -> str:
        response.content_type = "text/plain"
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return "two"

    @app.get("/unicode/<name>")  # type: ignore[untyped-decorator, unused-ignore]
    def unicode(name: str) -> str:
        return in_json({"name": name})

    @app.get("/where")  # type: ignore[untyped-decorator, unused-ignore]
    def where() -> str:
        return in_json({"script": request.environ["SCRIPT_NAME"], "path": request.path})

    made: App = app
    return made


def falcon() -> App:
    """The site in Falcon."""
    import logging

    import falcon as framework

    logging.getLogger("falcon").disabled = True

    class Page:
        def __init__(self, answer: Callable[..., None]) -> None:
            self.answer = answer

        def on_get(self, request: Any, response: Any, **fields: str) -> None:
            self.answer(request, response, **fields)

        on_head = on_post = on_get

    def in_json(response: Any, value: object) -> None:
        response.content_type = "application/json"
        response.data = json.dumps(value).encode()

    def page(request: Any, response: Any) -> None:
        response.content_type = HTML
        response.set_header("ETag", ETAG)
        response.data = PAGE

    def stream(request: Any, response: Any) -> None:
        response.content_type = "text/plain"
        response.stream = steps(request.get_param("n"))

    def gone(request: Any, response: Any) -> None:
        response.content_type = "text/plain"
        response.stream = endless(request.get_param("n"))

    def error(request: Any, response: Any) -> None:
        raise RuntimeError("meant")

    def empty(request: Any, response: Any) -> None:
        response.status = framework.HTTP_204
        response.set_header("X-Kept", "1")

    def not_modified(request: Any, response: Any) -> None:
        response.status = framework.HTTP_304
        response.set_header("ETag", ETAG)

    def file(request: Any, response: Any) -> None:
        response.content_type = "text/plain"
        response.set_stream(big_file().open("rb"), len(BIG))

    def cookies(request: Any, response: Any) -> None:
        response.content_type = "text/plain"
        response.set_cookie("a", "1", secure=False)
        response.set_cookie("b", "2", secure=False)
        response.data = b"two"

    answers: dict[str, Callable[..., None]] = {
        "/page": page,
        "/json": lambda request, response: in_json(response, DATA),
        "/stream": stream,
        "/gone": gone,
        "/upload": lambda request, response: in_json(
            response, digest(request.bounded_stream.read())
        ),
        "/error": error,
        "/empty": empty,
        "/not-modified": not_modified,
        "/file": file,
        "/cookies": cookies,
        "/unicode/{name}": lambda request, response, name: in_json(response, {"name": name}),
        "/where": lambda request, response: in_json(
            response, {"script": request.root_path, "path": request.path}
        ),
    }
    app = framework.App()
    for path, answer in answers.items():
        app.add_route(path, Page(answer))
    return app


def pyramid() -> App:
    """The site in Pyramid."""
    from pyramid.config import Configurator
    from pyramid.response import FileResponse, Response

    def in_json(value: object) -> Any:
        return Response(json.dumps(value).encode(), content_type="application/json")

    def page(request: Any) -> Any:
        return Response(PAGE, content_type="text/html", charset="utf-8", etag="page")

    def text(body: Iterable[bytes]) -> Any:
        return Response(app_iter=body, content_type="text/plain", charset="utf-8")

    def error(request: Any) -> Any:
        raise RuntimeError("meant")

    def empty(request: Any) -> Any:
        return Response(status=204, headerlist=[("X-Kept", "1")])

    def not_modified(request: Any) -> Any:
        return Response(status=304, headerlist=[("ETag", ETAG)])

    def cookies(request: Any) -> Any:
        response = text([b"two"])
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    views: dict[str, Callable[[Any], Any]] = {
        "/page": page,
        "/json": lambda request: in_json(DATA),
        "/stream": lambda request: text(steps(request.params["n"])),
        "/gone": lambda request: text(endless(request.params["n"])),
        "/upload": lambda request: in_json(digest(request.body)),
        "/error": error,
        "/empty": empty,
        "/not-modified": not_modified,
        "/file": lambda request: FileResponse(
            str(big_file()), request=request, content_type="text/plain"
        ),
        "/cookies": cookies,
        "/unicode/{name}": lambda request: in_json({"name": request.matchdict["name"]}),
        "/where": lambda request: in_json(
            {"script": request.script_name, "path": request.path_info}
        ),
    }
    config = Configurator()
    for path, view in views.items():
        config.add_route(path, path)
        config.add_view(view, route_name=path)
    made: App = config.make_wsgi_app()
    return made


FRAMEWORKS: dict[str, Callable[[], App]] = {
    "raw": raw,
    "flask": flask,
    "django": django,
    "bottle": bottle,
    "falcon": falcon,
    "pyramid": pyramid,
}


def here() -> list[str]:
    """Return the frameworks that are installed."""
    return [name for name in FRAMEWORKS if name == "raw" or find_spec(name)]
