"""A plain WSGI app behind the stack: no framework, two pages and a stream."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

from wsgimw import AccessLog, CatchErrors, Gzip, RequestId, compose, unless

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/fail":
        raise LookupError("no such order")
    if path == "/count":
        start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return count()
    status = "200 OK" if path in ("/", "/health") else "404 Not Found"
    page = f"{status}\nYou asked for {path}, request {environ['wsgimw.request_id']}.\n".encode()
    fields = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(page)))]
    start_response(status, fields)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [page]


def count() -> Iterator[bytes]:
    """Make a stream: each line leaves before the next one is made."""
    for number in range(1, 4):
        yield f"line {number}\n".encode()
        time.sleep(0.1)


stack = compose(  # the first is the outermost
    RequestId(),
    unless("/health", AccessLog(format="combined")),
    CatchErrors(),
    partial(ProxyFix, x_for=1),  # anybody's middleware is a layer
    Gzip(),
)
application: WSGIApplication = stack(app)

# wsgimw run examples.raw_app:application
