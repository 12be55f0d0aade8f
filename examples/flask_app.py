"""A Flask app behind the stack, which goes round `app.wsgi_app` so that `app` stays Flask's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from flask import Flask, request
from werkzeug.middleware.proxy_fix import ProxyFix

from wsgimw import AccessLog, CatchErrors, Gzip, RequestId, compose, when

app = Flask(__name__)
app.config["PROPAGATE_EXCEPTIONS"] = True  # or Flask answers its errors before CatchErrors can


@app.get("/")
def index() -> str:
    return f"<h1>Hello</h1><p>This is request {request.environ['wsgimw.request_id']}.</p>"


@app.get("/export")
def export() -> tuple[Iterator[str], dict[str, str]]:
    return squares(), {"Content-Type": "text/csv; charset=utf-8"}


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
# Type checkers take `wsgi_app` for the method that it is at first.
app.wsgi_app = stack(app.wsgi_app)  # type: ignore[method-assign, assignment]

# wsgimw run examples.flask_app:app
