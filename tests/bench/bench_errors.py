"""CatchErrors beside Paste's ErrorMiddleware and Werkzeug's DebuggedApplication: the happy path.

An error layer is paid for by the requests that do not fail.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, TextIO, cast

from tests.bench.drive import answer, drive, make_environ
from tests.bench.frame import Bench, Case, Ratio

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

BLOCKS = 200
HEAD = [("Content-Type", "text/plain"), ("Content-Length", "5")]


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Answer with one list."""
    start_response("200 OK", HEAD)
    return [b"hello"]


class Stream:
    """A body of many blocks at the price of none: an iterator in C."""

    def __iter__(self) -> Iterator[bytes]:
        return repeat(b"x", BLOCKS)


def stream(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with many blocks."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return Stream()


class Null:
    """A stream that keeps nothing."""

    def write(self, text: str) -> None:
        """Take a line."""

    def flush(self) -> None:
        """Do nothing."""


def generator(app: WSGIApplication) -> WSGIApplication:
    """Pass blocks on by a bare generator, which loses `close()`: the floor."""

    def each(body: Iterable[bytes]) -> Iterator[bytes]:
        for block in body:  # noqa: UP028  (what a layer that looks at blocks must do)
            yield block

    return lambda environ, start_response: each(app(environ, start_response))


def benches() -> Iterator[Bench]:
    """Yield a table for a list and one for a stream."""
    from paste.exceptions.errormiddleware import ErrorMiddleware
    from paste.translogger import TransLogger
    from werkzeug.debug import DebuggedApplication

    from wsgimw import AccessLog, CatchErrors, RequestId, compose

    environ = make_environ()
    peers: dict[str, Callable[[WSGIApplication], WSGIApplication]] = {
        "CatchErrors": CatchErrors(),
        "Paste ErrorMiddleware": partial(ErrorMiddleware, debug=False),
        "Werkzeug DebuggedApplication": partial(DebuggedApplication, evalex=False),
    }
    for name, wrap in peers.items():
        for app in (hello, stream):
            if answer(wrap(app), environ) != answer(app, environ):
                raise AssertionError(f"{name} changes what {app.__name__} answers")
    yield Bench(
        "errors: list body",
        cases=[
            Case("bare", partial(drive, hello, environ)),
            *(Case(name, partial(drive, wrap(hello), environ)) for name, wrap in peers.items()),
        ],
        ratios=[
            Ratio(
                "CatchErrors / Paste ErrorMiddleware, added",
                of="CatchErrors",
                over="Paste ErrorMiddleware",
                minus="bare",
                target=0.25,
            ),
            Ratio(
                "CatchErrors / Werkzeug DebuggedApplication, added",
                of="CatchErrors",
                over="Werkzeug DebuggedApplication",
                minus="bare",
                target=0.03,
            ),
        ],
    )
    yield Bench(
        f"errors: stream of {BLOCKS} blocks",
        cases=[
            Case("bare", partial(drive, stream, environ)),
            Case("bare generator", partial(drive, generator(stream), environ)),
            *(Case(name, partial(drive, wrap(stream), environ)) for name, wrap in peers.items()),
        ],
        ratios=[
            Ratio(
                "CatchErrors / bare generator, added",
                of="CatchErrors",
                over="bare generator",
                minus="bare",
                target=2.0,
            ),
            Ratio(
                "CatchErrors / Paste ErrorMiddleware, added",
                of="CatchErrors",
                over="Paste ErrorMiddleware",
                minus="bare",
            ),
        ],
    )
    null = logging.getLogger("wsgimw.bench.errors")
    null.propagate = False
    null.setLevel(logging.INFO)
    null.handlers[:] = [logging.NullHandler()]
    three = compose(RequestId(), AccessLog(sink=cast(TextIO, Null())), CatchErrors())
    trans_logger = TransLogger(hello, logger=null, setup_console_handler=False)
    yield Bench(
        "errors: with the two other outer layers",
        cases=[
            Case("bare", partial(drive, hello, environ)),
            Case("RequestId, AccessLog, CatchErrors", partial(drive, three(hello), environ)),
            Case("Paste TransLogger, null handler", partial(drive, trans_logger, environ)),
        ],
        ratios=[
            Ratio(
                "the three / Paste TransLogger, added",
                of="RequestId, AccessLog, CatchErrors",
                over="Paste TransLogger, null handler",
                minus="bare",
                target=0.65,
            )
        ],
    )
