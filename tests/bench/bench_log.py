"""AccessLog and RequestId beside Paste TransLogger and a naive logger: what each adds to an app."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from paste.translogger import TransLogger

from tests.bench.drive import drive, make_environ
from tests.bench.frame import Bench, Case, Ratio
from wsgimw import AccessLog, RequestId, compose

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
    return TransLogger(app, logger=to, setup_console_handler=False, set_logger_level=None)


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


def case(name: str, app: Any) -> Case:
    """Return a case that makes one request."""
    return Case(name, partial(drive, app, make_environ()))


def benches() -> Iterator[Bench]:
    """Yield the tables."""
    null = logger("null", logging.NullHandler())
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
                case("naive logger", naive(hello, null)),
                case("combined", AccessLog(sink=Null())(hello)),  # type: ignore[arg-type]
                case("combined to a path", AccessLog(sink=path)(hello)),
                case("json", AccessLog(format="json", sink=Null())(hello)),  # type: ignore[arg-type]
                case("logger", AccessLog(sink=null)(hello)),
                case("level off", AccessLog(sink=off)(hello)),
                case("RequestId", RequestId()(hello)),
                case("both", compose(RequestId(), AccessLog(sink=Null()))(hello)),  # type: ignore[arg-type]
            ],
            ratios=[
                Ratio(f"{of} / {over}, added", of=of, over=over, minus="bare", target=target)
                for of, over, target in (
                    ("combined", "TransLogger, null handler", 0.36),
                    ("combined", "naive logger", 0.45),
                    ("combined to a path", "TransLogger, FileHandler", 0.45),
                    ("json", "TransLogger, null handler", 0.50),
                    ("logger", "TransLogger, null handler", None),
                    ("level off", "TransLogger, level off", 0.10),
                    ("RequestId", "TransLogger, null handler", None),
                    # The target is that of RequestId, AccessLog and CatchErrors together.
                    ("both", "TransLogger, null handler", 0.65),
                )
            ],
        )
        handler.close()
    yield Bench(
        f"a stream of {BLOCKS} blocks",
        cases=[
            case("bare", stream),
            case("bare generator", generator(stream)),
            case("combined", AccessLog(sink=Null())(stream)),  # type: ignore[arg-type]
            case("RequestId", RequestId()(stream)),
        ],
        ratios=[
            Ratio(f"{of} / bare generator, added", of=of, over="bare generator", minus="bare")
            for of in ("combined", "RequestId")
        ],
    )
