"""Three ways to write a layer, here one that says in a field of the response who served it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from wsgimw import Exchange, Hooks, compose, layer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


# 1. Any function from app to app; nothing to import, and every rule of WSGI is yours to keep. The
# header list is copied, because the app may have given us a constant; `exc_info` goes through, and
# the `write` that comes back is returned. The body is handed on as it is, and so is its `close()`.
def plain(app: WSGIApplication) -> WSGIApplication:
    def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            headers = [*headers, ("X-Served-By", socket.gethostname())]
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return bound


# 2. Hooks: a frozen dataclass with any of `on_request`, `on_head` and `on_end`, as the layers of
# this package have them. The rules are kept for you, and you pay for the hooks that you write.
@dataclass(frozen=True, slots=True, kw_only=True)
class ServedBy(Hooks):
    """Say in a field of the response who served it."""

    name: str = "X-Served-By"

    def on_head(self, x: Exchange) -> None:
        x.headers.append((self.name, socket.gethostname()))


# 3. A generator, read from top to bottom: the way in, the head, the end of the body. What it needs
# of the request it reads on the way in, because the app may change environ.
@layer
def served_by(
    environ: WSGIEnvironment, *, name: str = "X-Served-By"
) -> Generator[None, Exchange, None]:
    path, started = environ["PATH_INFO"], perf_counter()
    head = yield
    head.headers.append((name, socket.gethostname()))
    end = yield
    print(f"{path}: {end.status}, {end.bytes} B, {(perf_counter() - started) * 1000:.1f} ms")


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Look at the fields of this response.\n"]


application = compose(plain, ServedBy(name="X-By-Hooks"), served_by(name="X-By-Generator"))(app)

# wsgimw run examples.write_your_own_layer:application
