"""One site of several apps: each keeps its own URLs, and none knows where it is mounted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bottle import Bottle
from flask import Flask, url_for

from wsgimw import AccessLog, CatchErrors, Mount, Redirect, RequestId, Route, Router, compose
from wsgimw import not_found as nothing_here
from wsgimw.auth import Authenticate, Basic, Require, Users, hash_password

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

blog = Flask("blog")
shop: Any = Bottle()  # it is untyped
# Errors of all apps go to the one CatchErrors.
blog.config["PROPAGATE_EXCEPTIONS"] = True
shop.catchall = False


@blog.get("/posts/<int:number>")
def post(number: int) -> str:
    # Flask writes its URLs below SCRIPT_NAME, so the link leads to /blog/posts/...
    return f'<h1>Post {number}</h1><a href="{url_for("post", number=number + 1)}">next</a>'


@shop.get("/cart")
def cart() -> str:
    return "<h1>Your cart</h1>"


def report(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Be an app of its own: PATH_INFO begins below the prefix, SCRIPT_NAME is the prefix."""
    text = f"{environ['PATH_INFO']} below {environ['SCRIPT_NAME']}\n".encode()
    fields = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(text)))]
    start_response("200 OK", fields)
    return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [text]


def index(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    links = "".join(f'<li><a href="{path}">{path}</a>' for path in ("/blog/posts/1", "/shop/cart"))
    page = f"<!doctype html><title>Many apps</title><ul>{links}</ul>\n".encode()
    fields = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page)))]
    start_response("200 OK", fields)
    return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [page]


# A layer for one of the apps goes round that app. (The password of this example is its user.)
for_staff = compose(
    Authenticate(Basic(Users({"staff": hash_password("staff")})), realm="Reports"),
    Require("authenticated"),
)

router = Router(  # in any order: the most specific route wins
    [
        Route("/", index, methods=["GET"]),
        Mount("/blog", blog),
        Mount("/shop", shop),
        Mount("/reports", for_staff(report)),
        Redirect("/cart", "/shop/cart"),
    ]
)

# What all of them need stands round the router, once.
application: WSGIApplication = compose(
    RequestId(), AccessLog(format="combined"), CatchErrors(), router
)(nothing_here)

# wsgimw run examples.mounting_many_apps:application
