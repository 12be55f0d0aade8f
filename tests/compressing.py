"""What the tests of `Compress` share: apps, requests, decoders."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from wsgimw import Compress
from wsgimw.testing.server import App, Call, Environ, Headers, decode, make_environ

CODINGS = ("zstd", "br", "gzip")
JSON = ("Content-Type", "application/json")
TEXT = ("Content-Type", "text/plain; charset=utf-8")
EVENTS = ("Content-Type", "text/event-stream")
PAGE = b"<p>It was the best of times, it was the worst of times.</p>\n" * 40
NOISE = random.Random(1).randbytes(3000)


def app_of(
    body: Iterable[bytes] | Callable[[], Iterable[bytes]] = (PAGE,),
    *headers: tuple[str, str],
    status: str = "200 OK",
) -> App:
    """An app that answers with this body (a function is called for each request)."""
    fields = headers or (TEXT,)

    def app(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response(status, [*fields])
        return body() if callable(body) else list(body)

    return app


def stream_of(*blocks: bytes) -> Callable[[], Iterator[bytes]]:
    """A function that gives these blocks as a stream without a length."""
    return lambda: iter(blocks)


def call(app: App, accept: str | None = "gzip", layer: Any = None, **keys: Any) -> Call:
    """Begin one request through `layer` (`Compress()`)."""
    environ = make_environ(**keys)
    if accept is not None:
        environ.setdefault("HTTP_ACCEPT_ENCODING", accept)
    bound = (Compress() if layer is None else layer)(app)
    return Call(bound, environ).begin()


def run(app: App, accept: str | None = "gzip", layer: Any = None, **keys: Any) -> Call:
    """Make one request to its end."""
    return call(app, accept, layer, **keys).rest()


def reasons(done: Call) -> list[str]:
    """The codes that were told."""
    found: list[str] = done.environ["wsgimw.record"].reasons
    return [reason.removeprefix("compress:") for reason in found]


def value(done: Call, name: str) -> str | None:
    """The one value of a field, or None."""
    values = done.values(name)
    assert len(values) < 2, f"{name} is there {len(values)} times"
    return values[0] if values else None


def wire(done: Call) -> tuple[bytes, bool]:
    """What a client makes of the bytes: the content, and whether it is complete."""
    return decode(done.coding, done.raw)


__all__ = [
    "CODINGS",
    "EVENTS",
    "JSON",
    "NOISE",
    "PAGE",
    "TEXT",
    "App",
    "Call",
    "Environ",
    "Headers",
    "app_of",
    "call",
    "decode",
    "reasons",
    "run",
    "stream_of",
    "value",
    "wire",
]
