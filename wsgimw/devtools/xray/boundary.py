"""Put a spy on the boundary between two rooms."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from wsgimw.devtools.xray.spy import Spy
from wsgimw.devtools.xray.tape import CAME, MOST_CROSSINGS, Trace, current
from wsgimw.exchange import own_code
from wsgimw.testing.crossing import Room

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment


def bind_spy(
    app: WSGIApplication, outer: Room, inner: Room, live: list[Trace]
) -> tuple[WSGIApplication, Callable[..., Any]]:
    """Return the spied app, and the function that begins a trace there.

    The app passes on where nothing is recorded: `live` holds the traces that are on their way.
    """

    rooms = outer, inner  # one pair for all requests

    def spied(environ: WSGIEnvironment, start_response: Any) -> Any:
        if not live:
            return app(environ, start_response)
        former = current.get()
        parent = former
        while parent is not None and parent.inner is not outer:
            parent = parent.parent
        if parent is None or len(parent.trace.spies) >= MOST_CROSSINGS:
            return app(environ, start_response)
        return cross(environ, start_response, parent.trace, parent, former)

    def cross(
        environ: WSGIEnvironment, start_response: Any, trace: Trace, parent: Spy | None, former: Any
    ) -> Any:
        spy = Spy()
        spy.start_response = start_response
        spy.bytes = spy.writes = 0
        spy.complete = False
        spy.error = spy._body = spy._close = spy._inside = None
        spy.child = spy.sizes = None
        spy.out = spy.over = spy.shut = False
        spy.heading = spy.called = 0.0
        spy.inner = inner
        spy.parent = parent
        spy.trace = trace
        spy.tape = tape = trace.tape
        spies = trace.spies
        spy.number = number = len(spies)
        spies.append(spy)
        spy.environ = environ
        if parent is not None:
            parent.child = number
            if environ is not parent.environ:
                trace.environs.append(environ)
            try:
                same = type(environ) is dict and environ == parent.snapshot
            except Exception:  # a value of somebody's fails to compare itself
                same = False
            if same:
                spy.snapshot = parent.snapshot
                tape.append((CAME, number, parent.number, None, None, rooms))
            elif not spy.look(environ, rooms):
                return app(environ, start_response)
        else:
            trace.environs.append(environ)
            spy.look(environ, rooms)  # a dict: `xray` records no others
        current.set(spy)
        spy.came = began = perf_counter()
        try:
            body = app(environ, spy.start)
        except BaseException as error:
            spy.called = perf_counter() - began
            current.set(former)
            spy._broke(error)
            spy.close()
            raise
        spy.called = perf_counter() - began
        current.set(former)
        return spy.carry(body)

    return own_code(spied), own_code(cross)
