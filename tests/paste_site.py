"""What the ini files of the tests name: an app, and objects that an ini file cannot say."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from wsgimw import Route, Router, compose, layer, when
from wsgimw.auth import Basic, Users
from wsgimw.routing import Redirect

if TYPE_CHECKING:
    from collections.abc import Generator

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgimw import Exchange


def make_app(global_conf: dict[str, str], **settings: str) -> WSGIApplication:
    """Make the inner app, as PasteDeploy's `paste.app_factory` does."""
    return app


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/fail":
        raise LookupError("no such order")
    page = b"Hello from inside. " * 60
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(page)))])
    return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [page]


def keep(entry: dict[str, Any]) -> bool:
    return int(entry["status"]) >= 400


def send(report: object, error: Exception) -> None:
    """Be a reporter."""


def send_too(report: object, error: Exception) -> None:
    """Be another one."""


def page(problem: dict[str, Any]) -> str:
    return f"<h1>{problem['title']}</h1>"


def gone(error: Exception) -> int:
    return 410


class SoldOut(Exception):
    """A type of the app's own."""


def new_id() -> str:
    return "of-our-own"


def on_event(event: object) -> None:
    """Be told of an event."""


def is_api(environ: WSGIEnvironment) -> bool:
    return str(environ["PATH_INFO"]).startswith("/api")


def edit_head(name: str, headers: list[tuple[str, str]]) -> None:
    """Leave the head as it is."""


def owner(identity: Any, environ: WSGIEnvironment) -> bool:
    return identity is not None and identity.subject == "ada"


class Hex:
    """A converter of werkzeug's protocol."""

    regex = "[0-9a-f]+"

    def __init__(self, *args: object) -> None: ...

    def to_python(self, value: str) -> int:
        return int(value, 16)

    def to_url(self, value: int) -> str:
        return f"{value:x}"


@layer
def stamped(environ: WSGIEnvironment, *, name: str = "X-Stamp") -> Generator[None, Exchange, None]:
    head = yield
    head.headers.append((name, "1"))
    yield


routes = [Route("/users/<int:id>", app, name="user"), Route("/health", app)]
redirect = Redirect("/people", "/users/1")
router = Router(routes)
scheme = Basic(Users({"ada": "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="}))
stamp: Callable[..., Any] = stamped()
stack = compose(stamp, when("/api", stamped(name="X-Api")))
hashed = re.compile(r"-[0-9a-f]{8}\.")
logger = logging.getLogger("tests.paste_site")
levels = {"gzip": 3}
