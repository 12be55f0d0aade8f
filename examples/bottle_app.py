"""A Bottle app behind the stack: the app is wrapped and stays Bottle's own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from bottle import Bottle, request, response
from werkzeug.middleware.proxy_fix import ProxyFix

from wsgimw import AccessLog, CatchErrors, Gzip, RequestId, compose, when

app: Any = Bottle()  # it is untyped
app.catchall = False  # or Bottle answers its errors before CatchErrors can


@app.get("/")
def index() -> str:
    return f"<h1>Hello</h1><p>This is request {request.environ['wsgimw.request_id']}.</p>"


@app.get("/export")
def export() -> Iterator[str]:
    response.content_type = "text/csv; charset=utf-8"
    return squares()


def squares() -> Iterator[str]:
    """Make CSV, a hundred rows to a block: each block is compressed and sent at once."""
    for start in range(0, 1000, 100):
        yield "".join(f"{number},{number**2}\n" for number in range(start, start + 100))


@app.get("/fail")
def fail() -> str:
    raise LookupError("no such order")


stack = compose(  # the first is the outermost
    RequestId(),
    AccessLog(format="combined"),
    CatchErrors(),
    partial(ProxyFix, x_for=1),  # anybody's middleware is a layer
    when("/export", Gzip()),
)
application = stack(app)

# wsgimw run examples.bottle_app:application
