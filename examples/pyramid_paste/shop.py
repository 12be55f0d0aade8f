"""A Pyramid app; the stack round it is in `development.ini`, and changes without a line of code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response

from wsgimw import compose
from wsgimw.auth import Authenticate, Basic, Require, Users, hash_password

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def index(request: Request) -> Response:
    return Response(f"<h1>Hello</h1><p>Request {request.environ['wsgimw.request_id']}.</p>")


def catalogue(request: Request) -> Response:
    rows = (f"{number},{number**2}\n" for number in range(1000))
    return Response("".join(rows), content_type="text/csv", charset="utf-8")


def orders(request: Request) -> Response:
    return Response(f"<h1>Orders, {request.remote_user}</h1>")


def fail(request: Request) -> Response:
    raise LookupError("no such order")  # Pyramid lets it through, to the stack


# What an ini file cannot say it names: `layers = shop:private`. (The password is `ada`.)
private = compose(
    Authenticate(Basic(Users({"ada": hash_password("ada")})), realm="Orders"),
    Require("authenticated"),
)


def main(global_config: dict[str, str], **settings: str) -> WSGIApplication:
    """Make the app, as PasteDeploy asks for it."""
    config = Configurator(settings=settings)
    for view in (index, catalogue, orders, fail):
        name = view.__name__
        config.add_route(name, "/" if view is index else f"/{name}")
        config.add_view(view, route_name=name)
    app: WSGIApplication = config.make_wsgi_app()
    return app


# cd examples/pyramid_paste && python -m pyramid.scripts.pserve development.ini
