"""What the primitive costs beside the code that it replaces, six deep.

The peers do the same work, as lean as it can be written. There are two textbook generators: one has
its work written into it, the other calls the same hooks as ours, as a toolkit must. Both break rule
22 (no `close()` when they were never started), and make a stream of each list (rule 21).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from tests.bench.drive import answer, deep, drive, make_environ
from tests.bench.frame import Bench, Case, Ratio
from wsgimw.compose import compose
from wsgimw.exchange import Exchange, Hooks
from wsgimw.onion import layer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

DEPTH = 6
FIELD = ("X-Served-By", "wsgimw")


def list_app(environ: Any, start_response: Any) -> Any:
    """Answer with a list of one block."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


def blocks_app(environ: Any, start_response: Any) -> Any:
    """Answer with a stream of ten blocks."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "50")])
    return (b"hello" for _ in range(10))


def seen(
    status: Any, count: int | None, started: float, error: BaseException | None, whole: bool | None
) -> None:
    """Take what an end has to tell, and forget it."""


# Layers of ours.


@dataclass(frozen=True, slots=True)
class Nothing(Hooks):
    """No hook at all."""


@dataclass(frozen=True, slots=True)
class Head(Hooks):
    """Adds a header."""

    def on_head(self, x: Exchange) -> None:
        x.headers.append(FIELD)


@dataclass(frozen=True, slots=True)
class HeadAndEnd(Hooks):
    """Adds a header and sees how many bytes were sent."""

    def on_head(self, x: Exchange) -> None:
        x.headers.append(FIELD)

    def on_end(self, x: Exchange) -> None:
        seen(x.status, x.bytes, x.started, x.error, x.complete)


@dataclass(frozen=True, slots=True)
class Watch(Hooks):
    """Sees how many bytes were sent."""

    def on_end(self, x: Exchange) -> None:
        seen(x.status, x.bytes, x.started, x.error, x.complete)


@layer
def onion(environ: Any) -> Generator[None, Exchange, None]:
    """Do the same as a generator."""
    head = yield
    head.headers.append(FIELD)
    end = yield
    seen(end.status, end.bytes, end.started, end.error, end.complete)


# What they stand beside.


def closure(app: WSGIApplication) -> WSGIApplication:
    """Pass on."""

    def bound(environ: Any, start_response: Any) -> Any:
        return app(environ, start_response)

    return bound


def header_closure(app: WSGIApplication) -> WSGIApplication:
    """Add a header, by hand."""

    def bound(environ: Any, start_response: Any) -> Any:
        def start(status: Any, headers: Any, exc_info: Any = None) -> Any:
            headers = [*headers, FIELD]
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return bound


def textbook(app: WSGIApplication) -> WSGIApplication:
    """Do what tutorials and tracers show: call the app, hand out a generator round its body."""

    def bound(environ: Any, start_response: Any) -> Any:
        started = perf_counter()
        given = None

        def start(status: Any, headers: Any, exc_info: Any = None) -> Any:
            nonlocal given
            given = status
            headers = [*headers, FIELD]
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        body = app(environ, start)

        def stream() -> Iterator[bytes]:
            count, complete, error = 0, False, None
            try:
                for block in body:
                    count += len(block)
                    yield block
                complete = True
            except Exception as raised:
                error = raised
                raise
            finally:
                close = getattr(body, "close", None)
                if close is not None:
                    close()
                seen(given, count, started, error, complete)

        return stream()

    return bound


class Facts:
    """What a hook sees, where a generator calls it."""

    __slots__ = ("bytes", "complete", "environ", "error", "headers", "started", "state", "status")

    bytes: int
    complete: bool
    environ: Any
    error: BaseException | None
    headers: Any
    started: float
    state: Any
    status: Any


def hooked(layer: Any) -> Callable[[WSGIApplication], WSGIApplication]:
    """Return the textbook generator that calls the hooks of a layer."""

    def wrap(app: WSGIApplication) -> WSGIApplication:
        def bound(environ: Any, start_response: Any) -> Any:
            x = Facts()
            x.environ = environ
            x.started = perf_counter()
            x.bytes = 0
            x.complete = False
            x.state = x.status = x.headers = x.error = None

            def start(status: Any, headers: Any, exc_info: Any = None) -> Any:
                x.status = status
                x.headers = [*headers]
                layer.on_head(x)
                if exc_info is None:
                    return start_response(x.status, x.headers)
                return start_response(x.status, x.headers, exc_info)

            return stream(app(environ, start), x)

        def stream(body: Any, x: Facts) -> Iterator[bytes]:
            try:
                for block in body:
                    x.bytes += len(block)
                    yield block
                x.complete = True
            except Exception as raised:
                x.error = raised
                raise
            finally:
                try:
                    close = getattr(body, "close", None)
                    if close is not None:
                        close()
                finally:
                    layer.on_end(x)
                    x.error = None

        return bound

    return wrap


def table(
    title: str, app: WSGIApplication, layers: dict[str, Callable[..., Any]], target: float
) -> Bench:
    """Return the bench of layers beside each other: the first is held against each other one."""
    environ = make_environ()
    bound = {name: deep(each, DEPTH, app) for name, each in layers.items()}
    ours, *peers = bound
    for peer in peers:
        if answer(bound[ours], environ) != answer(bound[peer], environ):
            raise AssertionError(f"{title}: {ours} and {peer} do not do the same work")
    return Bench(
        title,
        cases=[Case(name, partial(drive, app, environ)) for name, app in bound.items()],
        ratios=[Ratio(f"{ours} / {peer}", of=ours, over=peer, target=target) for peer in peers],
    )


def flask_table() -> Bench:
    """Return the bench of a whole small site: hello by Flask, watched by six layers."""
    from flask import Flask

    hello = Flask("hello")

    @hello.get("/")
    def index() -> str:
        return "hello"

    environ = make_environ()
    bare: WSGIApplication = hello.wsgi_app
    watched = compose(*[Watch() for _ in range(DEPTH)])(bare)
    return Bench(
        "Flask hello",
        cases=[
            Case("bare", partial(drive, bare, environ)),
            Case("six observing layers", partial(drive, watched, environ)),
        ],
        ratios=[Ratio("watched / bare", of="six observing layers", over="bare", target=1.2)],
    )


def benches() -> Iterator[Bench]:
    """Yield one table for each row of the targets."""
    hooks = HeadAndEnd()
    ends: dict[str, Callable[..., Any]] = {
        "head, bytes and end by hooks": hooks,
        "textbook generator that calls hooks": hooked(hooks),
        "textbook generator": textbook,
    }
    yield table(
        "no hooks, list",
        list_app,
        {"layer without hooks": Nothing(), "closure that passes on": closure},
        1.5,
    )
    yield table(
        "head, list",
        list_app,
        {"head hook": Head(), "hand-written header closure": header_closure},
        1.5,
    )
    yield table("head, bytes and end, list", list_app, ends, 1.3)
    yield table("head, bytes and end, 10 blocks", blocks_app, ends, 1.4)
    for body, app in (("list", list_app), ("10 blocks", blocks_app)):
        yield table(f"@layer, {body}", app, {"@layer": onion(), "the same by hooks": hooks}, 2.2)
    yield flask_table()
