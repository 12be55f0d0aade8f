"""Three ways to write a layer that puts the time a request took so far into its response."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from wsgimw import Exchange, Hooks, compose, layer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


# 1. Any function from app to app; nothing to import, and every rule of WSGI is yours to keep: the
# header list is copied, because the app may have given us a constant; `exc_info` and the `write`
# that comes back are passed on. The body is handed on as it is, so its `close()` is not our affair.
def plain(app: WSGIApplication) -> WSGIApplication:
    def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started = perf_counter()

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            headers = [*headers, ("X-Plain", f"{perf_counter() - started:.6f}")]
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return bound


# 2. Hooks: a frozen dataclass, with any of `on_request`, `on_head` and `on_end`. What the layers of
# this package use; the rules are kept for you.
@dataclass(frozen=True, slots=True, kw_only=True)
class Timed(Hooks):
    """Put the time so far into a header."""

    header: str = "X-Timed"

    def on_head(self, x: Exchange) -> None:
        x.headers.append((self.header, f"{perf_counter() - x.started:.6f}"))


# 3. A generator, read from top to bottom: the way in, the head, the end of the body.
@layer
def timing(
    environ: WSGIEnvironment, *, header: str = "X-Timing"
) -> Generator[None, Exchange, None]:
    started = perf_counter()
    head = yield
    head.headers.append((header, f"{perf_counter() - started:.6f}"))
    end = yield
    print(f"{environ['PATH_INFO']} {end.status}: {end.bytes} B, complete: {end.complete}")


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Look at the fields of this response.\n"]


application = compose(plain, Timed(), timing(header="X-Onion"))(app)

# wsgimw run examples.write_your_own_layer:application
# wsgimw check examples.write_your_own_layer:timing()
