"""What mypy --strict and pyright accept: DESIGN.md's example, and what people will write."""

from __future__ import annotations

import wsgiref.validate
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from flask import Flask
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from wsgimw import Compress, Exchange, Hooks, Layer, Stack, compose, explain, layer, unless, when
from wsgimw.facts import Facts

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

production = bool(__debug__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedBy(Hooks):
    """A layer by hooks."""

    name: str = "X-Served-By"

    facts = Facts(reads=["client"], headers=["X-Served-By"])

    def on_request(self, environ: WSGIEnvironment) -> Any:
        return environ.get("REMOTE_ADDR")

    def on_head(self, x: Exchange) -> None:
        x.headers.append((self.name, "wsgimw"))
        x.status = "200 OK"

    def on_end(self, x: Exchange) -> None:
        if x.bytes is not None and x.complete and not x.error:
            print(perf_counter() - x.started, x.bytes + 1, x.environ["PATH_INFO"], x.state)


@layer(facts=Facts(does=["answers early"], cost="end"))
def telling(environ: WSGIEnvironment, *, size: int = 1) -> Generator[None, Exchange, None]:
    """A layer that says what it does."""
    yield


@layer
def timing(
    environ: WSGIEnvironment, *, header: str = "X-Elapsed"
) -> Generator[None, Exchange, WSGIApplication | None]:
    """A layer from top to bottom."""
    if "REMOTE_ADDR" not in environ:
        return forbidden
    started = perf_counter()
    head = yield
    head.headers.append((header, f"{perf_counter() - started:.6f}"))
    end = yield
    print(end.bytes, end.error, end.complete)
    return None


@layer
def silent(environ: WSGIEnvironment) -> Generator[None, Exchange, None]:
    """A layer without options."""
    yield


def forbidden(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """A raw app."""
    start_response("403 Forbidden", [("Content-Type", "text/plain")])
    return [b"no"]


def plain(app: WSGIApplication) -> WSGIApplication:
    """A layer that imports nothing."""
    return app


class Old:
    """Somebody's middleware."""

    def __init__(self, app: WSGIApplication, *, level: int = 6) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        return self.app(environ, start_response)


def is_post(environ: WSGIEnvironment) -> bool:
    """A condition."""
    return bool(environ["REQUEST_METHOD"] == "POST")


flask_app = Flask(__name__)

stack = compose(
    ServedBy(),
    ServedBy(name="X-By") if production else None,
    timing(header="X-Time"),
    silent(),
    partial(ProxyFix, x_for=1),
    ProxyFix,
    LintMiddleware,
    partial(Old, level=3),
    wsgiref.validate.validator,
    Compress() if production else None,
    plain,
    compose(plain, None),
    when("/admin", ServedBy(), plain, None),
    unless(is_post, ServedBy()),
    unless(lambda environ: "X" in environ, plain),
)

application: WSGIApplication = stack(forbidden)
application = stack(flask_app)
application = ServedBy()(flask_app.wsgi_app)
application = timing()(forbidden)
application = when("/", plain)(forbidden)
flask_app.wsgi_app = stack(flask_app.wsgi_app)  # type: ignore[method-assign, assignment]

a_layer: Layer = stack
a_layer = telling(size=2)
a_layer = ServedBy()
a_layer = timing()
a_layer = stack[0]
a_stack: Stack = stack[1:]
layers: list[Layer] = list(stack)
factory: Callable[..., Layer] = timing
count: int = len(stack)
clean: bool = not explain(application, ignore=["once-only"], server="gunicorn").count("warning")
