"""What the primitive costs beside the code that it replaces, six deep (core.md 9).

The peers are written by hand, as lean as the job allows; the textbook generator even breaks rule 22
(no `close()` when it was never started), which ours keeps.
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
    """Do by hand what tutorials show, and tell the end the same facts that an exchange holds."""

    def bound(environ: Any, start_response: Any) -> Any:
        started = perf_counter()
        given = error = None
        count, complete = 0, False

        def start(status: Any, headers: Any, exc_info: Any = None) -> Any:
            nonlocal given
            given = status
            headers = [*headers, FIELD]
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        body = app(environ, start)
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

    return bound


def table(
    title: str, app: WSGIApplication, layers: dict[str, Callable[..., Any]], target: float
) -> Bench:
    """Return the bench of two layers beside each other: the first is held against the second."""
    environ = make_environ()
    bound = {name: deep(each, DEPTH, app) for name, each in layers.items()}
    ours, peer = bound
    if answer(bound[ours], environ) != answer(bound[peer], environ):
        raise AssertionError(f"{title}: {ours} and {peer} do not do the same work")
    return Bench(
        title,
        cases=[Case(name, partial(drive, app, environ)) for name, app in bound.items()],
        ratios=[Ratio(f"{ours} / {peer}", of=ours, over=peer, target=target)],
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
    watched = compose(*[HeadAndEnd() for _ in range(DEPTH)])(bare)
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
    hooks, end, textbooks = HeadAndEnd(), "head, bytes and end by hooks", "textbook generator"
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
    yield table("head, bytes and end, list", list_app, {end: hooks, textbooks: textbook}, 1.3)
    yield table(
        "head, bytes and end, 10 blocks", blocks_app, {end: hooks, textbooks: textbook}, 1.4
    )
    for body, app in (("list", list_app), ("10 blocks", blocks_app)):
        yield table(f"@layer, {body}", app, {"@layer": onion(), "the same by hooks": hooks}, 2.2)
    yield flask_table()
