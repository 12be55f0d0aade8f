"""AccessLog and RequestId beside Paste TransLogger and a naive logger: what each adds to an app.

All make the combined line of the request, to its last character. TransLogger makes it itself and
hands it to a null handler, as the targets say; the naive logger leaves that to `logging`, so it has
a handler that makes the line and writes it to a null stream, as ours does. (With a null handler it
would make no line at all.)
"""

from __future__ import annotations

import io
import logging
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, TextIO, cast

from paste.translogger import TransLogger

from tests.bench.drive import drive, make_environ
from tests.bench.frame import Bench, Case, Ratio
from wsgimw import AccessLog, RequestId, compose
from wsgimw.access_log import parse

BLOCKS = 200


class Null:
    """A stream that takes everything and keeps nothing."""

    def write(self, text: str) -> None:
        """Take a line."""

    def flush(self) -> None:
        """Do nothing."""


def hello(environ: Any, start_response: Any) -> list[bytes]:
    """Answer with a list of one block."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, world!"]


def stream(environ: Any, start_response: Any) -> Iterator[bytes]:
    """Answer with many blocks."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    for _ in range(BLOCKS):
        yield b"Hello, world!"


def generator(app: Any) -> Any:
    """Wrap a body in a bare generator, as the textbook has it."""

    def bound(environ: Any, start_response: Any) -> Any:
        yield from (block for block in app(environ, start_response))

    return bound


def logger(name: str, handler: logging.Handler, level: int = logging.DEBUG) -> logging.Logger:
    """Return a logger of its own with one handler."""
    found = logging.getLogger(f"wsgimw.bench.{name}")
    found.propagate = False
    found.setLevel(level)
    found.handlers[:] = [handler]
    return found


def translogger(app: Any, to: logging.Logger) -> Any:
    """Wrap an app in Paste's access log."""
    # A call of its own: the default of `set_logger_level` is a level, None is allowed all the same.
    options: dict[str, Any] = {"setup_console_handler": False, "set_logger_level": None}
    return TransLogger(app, logger=to, **options)


def naive(app: Any, to: logging.Logger) -> Any:
    """Log as one would in an afternoon: the same line at the head, by `logging`."""

    def bound(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            to.info(
                '%s - %s [%s] "%s %s %s" %s %s "%s" "%s"',
                environ.get("REMOTE_ADDR", "-"),
                environ.get("REMOTE_USER", "-"),
                time.strftime("%d/%b/%Y:%H:%M:%S %z"),
                environ["REQUEST_METHOD"],
                environ.get("PATH_INFO", ""),
                environ.get("SERVER_PROTOCOL", "-"),
                status.split()[0],
                dict(headers).get("Content-Length", "-"),
                environ.get("HTTP_REFERER", "-"),
                environ.get("HTTP_USER_AGENT", "-"),
            )
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return bound


def check_lines() -> None:
    """See that all write the same line, but for the time."""
    lines = io.StringIO()
    to = logger("check", logging.StreamHandler(lines))
    for wrapped in (AccessLog(sink=lines)(hello), translogger(hello, to), naive(hello, to)):
        drive(wrapped, make_environ())
    ours, *others = [parse(line) for line in lines.getvalue().splitlines(keepends=True)]
    for other in others:
        if other != ours | {"time": other["time"]}:
            raise AssertionError(f"a peer writes another line: {other}, not {ours}")


def case(name: str, app: Any) -> Case:
    """Return a case that makes one request."""
    return Case(name, partial(drive, app, make_environ()))


def benches() -> Iterator[Bench]:
    """Yield the tables."""
    check_lines()
    null_stream = cast(TextIO, Null())
    null = logger("null", logging.NullHandler())
    written = logger("written", logging.StreamHandler(null_stream))
    off = logger("off", logging.NullHandler(), logging.WARNING)
    with tempfile.TemporaryDirectory() as directory:
        handler = logging.FileHandler(Path(directory, "paste.log"))
        path = Path(directory, "ours.log")
        yield Bench(
            "one line, list body",
            cases=[
                case("bare", hello),
                case("TransLogger, null handler", translogger(hello, null)),
                case("TransLogger, FileHandler", translogger(hello, logger("file", handler))),
                case("TransLogger, level off", translogger(hello, off)),
                case("naive logger, null stream", naive(hello, written)),
                case("combined", AccessLog(sink=null_stream)(hello)),
                case("combined to a path", AccessLog(sink=path)(hello)),
                case("json", AccessLog(format="json", sink=null_stream)(hello)),
                case("logger", AccessLog(sink=null)(hello)),
                case("level off", AccessLog(sink=off)(hello)),
                case("RequestId", RequestId()(hello)),
                case("both", compose(RequestId(), AccessLog(sink=null_stream))(hello)),
            ],
            ratios=[
                Ratio(f"{of} / {over}, added", of=of, over=over, minus="bare", target=target)
                for of, over, target in (
                    ("combined", "TransLogger, null handler", 0.36),
                    ("combined", "naive logger, null stream", 0.45),
                    ("combined to a path", "TransLogger, FileHandler", 0.45),
                    ("json", "TransLogger, null handler", 0.50),
                    ("logger", "TransLogger, null handler", None),
                    ("level off", "TransLogger, level off", 0.10),
                    ("RequestId", "TransLogger, null handler", None),
                    # Those two and CatchErrors have a target; see `bench_errors`.
                    ("both", "TransLogger, null handler", None),
                )
            ],
        )
        handler.close()
    yield Bench(
        f"a stream of {BLOCKS} blocks",
        cases=[
            case("bare", stream),
            case("bare generator", generator(stream)),
            case("combined", AccessLog(sink=null_stream)(stream)),
            case("RequestId", RequestId()(stream)),
        ],
        ratios=[
            Ratio(f"{of} / bare generator, added", of=of, over="bare generator", minus="bare")
            for of in ("combined", "RequestId")
        ],
    )
