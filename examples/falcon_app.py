"""A Falcon app behind the stack: resources as ever, and errors that reach the stack."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NoReturn

import falcon
from werkzeug.middleware.proxy_fix import ProxyFix

from wsgimw import AccessLog, CatchErrors, Gzip, RequestId, compose, when


class Index:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = falcon.MEDIA_HTML
        resp.text = f"<h1>Hello</h1><p>This is request {req.env['wsgimw.request_id']}.</p>"


class Export:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = "text/csv; charset=utf-8"
        resp.stream = squares()


def squares() -> Iterator[bytes]:
    """Make CSV, a hundred rows to a block: each block is compressed and sent at once."""
    for start in range(0, 1000, 100):
        rows = "".join(f"{number},{number**2}\n" for number in range(start, start + 100))
        yield rows.encode()


class Fail:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        raise LookupError("no such order")


def reraise(req: falcon.Request, resp: falcon.Response, error: Exception, params: Any) -> NoReturn:
    raise error


app = falcon.App()
app.add_error_handler(Exception, reraise)  # or Falcon answers its errors before CatchErrors can
app.add_route("/", Index())
app.add_route("/export", Export())
app.add_route("/fail", Fail())

stack = compose(  # the first is the outermost
    RequestId(),
    AccessLog(format="combined"),
    CatchErrors(),
    partial(ProxyFix, x_for=1),  # anybody's middleware is a layer
    when("/export", Gzip()),
)
application = stack(app)

# wsgimw run examples.falcon_app:application
