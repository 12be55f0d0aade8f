"""Portable on a list body beside the bare call, with an app that does least.

No peer does what it does; the price is that of a whole layer that holds the head back.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from tests.bench.drive import answer, drive, make_environ
from tests.bench.frame import Bench, Case

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HEAD = [("Content-Type", "text/plain"), ("Content-Length", "5"), ("Cache-Control", "no-store")]


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Answer with one list."""
    start_response("200 OK", HEAD)
    return [b"hello"]


def stream(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """Answer with ten blocks, and a late head."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    for _ in range(10):
        yield b"hello"


def benches() -> Iterator[Bench]:
    """Yield a table for a list and one for a stream."""
    from wsgimw import Portable

    environ = make_environ()
    for title, app in (("list body", hello), ("stream of 10 blocks, late head", stream)):
        mended = Portable()(app)
        if answer(mended, environ) != answer(app, environ):
            raise AssertionError(f"Portable changes what {app.__name__} answers")
        yield Bench(
            f"portable: {title}",
            cases=[
                Case("bare", partial(drive, app, environ)),
                Case("Portable", partial(drive, mended, environ)),
            ],
            ratios=[],
        )
