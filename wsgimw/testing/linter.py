"""Watch every boundary of a stack, and name the layer that breaks a rule.

Use it in tests, round an app or a whole stack; `lint` raises a `Fault` where the first rule is
broken, with the rule's number and the layer that broke it. Not for production: it looks at
everything. To judge one layer under many requests, use `check_middleware`.

>>> from wsgimw import compose
>>> def app(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain")])
...     yield b"hello"
>>> def forgets_close(app):                             # broken: rule 22
...     def forgetting(environ, start_response):
...         yield from app(environ, start_response)
...     return forgetting
>>> def identity(app):
...     return app
>>> from wsgimw.testing.server import Call, make_environ
>>> faults = []
>>> linted = lint(compose(identity, forgets_close, identity), report=faults.append)(app)
>>> Call(linted, make_environ()).run().raw
b'hello'
>>> for fault in faults:
...     print(fault.rule, fault.layer, "|", fault.message)
22 forgets_close | The body of the inner app was never closed; close() goes on to it.

- `lint(app)` is a checked app. An app that was made by `compose`, or by layers of ours, is taken
  apart and bound anew, so that its layers are told apart, too.
- `lint(stack)`, or a single layer, is a layer that has a checker on every boundary; it looks into
  `when` and `unless` as well.
- By default the first fault of a request raises `Fault`, an `AssertionError`, where it happens: in
  `start_response`, in `write()`, in the pull of a block, in `close()`. A layer in between, or the
  app, may catch it (`CatchErrors` does): so it is raised again when the request next passes the
  outermost boundary. That cannot be done for a body that is dropped and never closed.
- `report=faults.append` gets each fault instead, and what passes is not changed. It hears of a body
  that was never closed, too, when that is freed. In pytest the fixture `wsgi_lint` does all this.
- Blame: a fault of a head or a block is blamed on what lies just inside the innermost boundary that
  saw it; a fault of environ on what lies outside of it, or on `"server"`; what got lost between two
  boundaries (`close()`, exc_info, `write()`, blocks, an exception) on the layer between them. One
  fault, one blame: who passes it on is innocent.
- Silent, because it is legal or nobody can tell: the `close()` of a file wrapper, which passes as
  the very object; an error of `close()` that is hidden, which may be the layer's job; a layer that
  answers by itself, whatever the inner app said; `read()` without a size.
- environ keys: `wsgi.input` and `wsgi.errors` are replaced by objects that pass everything on.
- What it costs: 15 to 40 microseconds for each boundary.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any, Protocol, cast, overload

from wsgimw import misuse
from wsgimw.compose import Layer, Stack, _Branch, _note, compose, describe, named, outermost
from wsgimw.exchange import Blocks, Flow, WatchedBlocks, flow_through
from wsgimw.testing.crossing import NEVER_CLOSED, SERVER, Boundary, Crossing, Request, Room, running
from wsgimw.testing.faults import Fault, size_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    Report = Callable[[Fault], object]

__all__ = ["Fault", "Linter", "lint"]


@overload
def lint(app_or_stack: Layer, *, report: Report | None = None) -> Layer: ...
@overload
def lint(app_or_stack: WSGIApplication, *, report: Report | None = None) -> WSGIApplication: ...
def lint(app_or_stack: Any, *, report: Report | None = None) -> Any:
    """Return an app that is checked, or a layer with a checker on each boundary.

    `report` is called with each `Fault`; without it the first one of a request is raised. Raises
    `TypeError` for what is neither an app nor a layer.
    """
    return Linter(report).lint(app_or_stack)


class Linter:
    """What `lint` makes: it puts checkers on boundaries, and hears of each fault.

    `crossing` is the class that looks on; a subclass may have its own.
    """

    crossing: type[Crossing] = Crossing

    def __init__(self, report: Report | None = None) -> None:
        self.report = report
        self._open: weakref.WeakSet[Crossing] = weakref.WeakSet()

    def lint(self, app_or_stack: Any) -> Any:
        """Return the checked app or layer, see `lint()`."""
        if not callable(app_or_stack) or misuse.is_layer_class(app_or_stack):
            misuse.check_layer(app_or_stack, "lint() item 1")
        if getattr(type(app_or_stack), "__wsgimw_layer_value__", False):
            return self._layer(app_or_stack)
        if misuse.accepts(app_or_stack, 1) is not True:
            return self._app(app_or_stack)
        if isinstance(app_or_stack, type) or misuse.accepts(app_or_stack, 2) is False:
            return self._layer(app_or_stack)

        def either(*args: Any) -> Any:  # its signature takes anything: the call will tell
            made = self._layer if len(args) == 1 else self._app
            return made(app_or_stack)(*args)

        return either

    def unclosed(self) -> list[Fault]:
        """Return a fault for each body that is not closed yet, and say no more of them."""
        faults = []
        for crossing in [*self._open]:
            if not crossing.closed:
                crossing.closed = True
                faults.append(Fault(22, crossing.boundary.outer.name, NEVER_CLOSED))
        self._open.clear()
        return faults

    def tell(
        self,
        request: Request,
        fault: Fault,
        cause: BaseException | None = None,
        quiet: bool = False,
    ) -> None:
        """Report a fault, or raise it; `quiet`: where nothing can be raised."""
        if self.report is not None:
            self.report(fault)
            return
        request.over = True
        request.pending = fault
        if quiet:
            return
        if cause is not None:
            raise fault from cause
        raise fault

    def _layer(self, layer: Any) -> Layer:
        layers = compose(layer)

        def linted(app: WSGIApplication, /) -> WSGIApplication:
            misuse.check_app(app)
            return self._bind(layers, app)

        linted.__qualname__ = f"lint({describe(layer)})"
        return linted

    def _app(self, app: Any) -> WSGIApplication:
        misuse.check_app(app)
        return self._bind(compose(), app)

    def _bind(self, outer: Stack, app: WSGIApplication) -> WSGIApplication:
        inner, app = take_apart(app)
        stack = compose(outer, *inner)
        room, bound = self._wrap(stack, Room(describe(app), 0), app)
        return self._boundary(SERVER, room, bound)

    def _wrap(self, stack: Stack, room: Room, app: WSGIApplication) -> tuple[Room, WSGIApplication]:
        for index in reversed(range(len(stack))):
            layer = stack[index]
            within = len(layer.layers) if isinstance(layer, _Branch) else 0
            outer = Room(describe(layer), room.depth + within + 1)
            inner = self._boundary(outer, room, app)
            if isinstance(layer, _Branch):
                branch = type(layer)(layer.condition, self._inside(layer.layers, outer, room, app))
                bound = named(branch(inner), layer, inner)
            else:
                bound = layer(inner)
                misuse.check_bound(bound, layer, f"lint() item {index + 1}")
            if bound is not inner:
                _note(bound, layer, inner, stack, index)
            room, app = outer, bound
        return room, app

    def _inside(self, layers: Stack, outer: Room, room: Room, app: WSGIApplication) -> Layer:
        """Return the layer that stands for those of a `when`: the same, with checkers."""

        def inside(_: WSGIApplication, /) -> WSGIApplication:
            return self._boundary(outer, *self._wrap(layers, room, app))

        return inside

    def _boundary(self, outer: Room, inner: Room, app: WSGIApplication) -> WSGIApplication:
        boundary = Boundary(self, outer, inner)
        through = flow_through(app, Checker, Checker.begin)

        def checked(*args: Any, **keywords: Any) -> Any:
            crossing = self.crossing(boundary, args[1] if len(args) > 1 else None)
            if crossing.root and not crossing.strayed:
                self._open.add(crossing)
            try:
                if keywords or len(args) != 2:
                    what = "keyword arguments" if keywords else f"{len(args)} arguments"
                    crossing.closed = True
                    crossing.blame_outside(
                        1,
                        "arguments of an app",
                        f"The app was called with {what}; it takes two positional ones: "
                        "(environ, start_response).",
                    )
                    return app(*args, **keywords)
                crossing.came(args[0])
                if not hasattr(args[0], "get"):
                    crossing.closed = True
                    return app(*args)
                return through(args[0], crossing.start_response)
            except BaseException:
                crossing.closed = True
                if crossing.root:
                    crossing.request.pending = None  # it is on its way out; rule 39
                raise

        checked.__name__ = getattr(app, "__name__", type(app).__name__)
        checked.__qualname__ = inner.name
        vars(checked).update(__wrapped__=app, __signature__=SIGNATURE, __wsgimw_boundary__=True)
        return checked


def take_apart(app: Any) -> tuple[list[Layer], Any]:
    """Return the layers round an app, as far as they are known, and the innermost app.

    >>> from wsgimw import compose
    >>> def app(environ, start_response): ...
    >>> def layer(app):
    ...     return lambda environ, start_response: app(environ, start_response)
    >>> layers, innermost = take_apart(compose(layer)(app))
    >>> layers == [layer], innermost is app
    (True, True)
    """
    layers: list[Layer] = []
    while (found := outermost(app)) is not None:
        layer, app = found
        layers.append(layer)
    return layers, app


class Checker(Flow):
    """A request at one boundary: what passes is shown to its crossing, and passes unchanged."""

    __slots__ = ("_formers", "crossing")

    changes = False
    size = staticmethod(size_of)
    crossing: Crossing
    _formers: list[Any]

    def begin(self) -> None:
        # No `start` of our own: the app must not hold this object, or nobody hears of its death.
        self.crossing = cast("_Method", self.start_response).__self__
        self._formers = []

    def enter(self) -> None:
        former = running.get()
        self._formers.append(former)
        running.set((self.crossing.boundary.inner, self.crossing, former))

    def leave(self) -> None:
        running.set(self._formers.pop())

    def hand_on(self, body: Any, final: bool, /) -> bool:
        self.crossing.deliver()
        self.crossing.returned(body, final)
        if self.crossing.opaque:
            self.crossing.closed = True
        return self.crossing.opaque

    def block(self, block: bytes, /) -> bytes:
        self.crossing.block(block)
        self.crossing.deliver()
        return block

    def finish(self) -> bytes:
        self.crossing.finish()
        self.crossing.deliver()
        return b""

    def failed(self, error: Exception, /) -> None:
        self.crossing.deliver(error)

    def close_failed(self, error: BaseException, /) -> bool:
        self.crossing.deliver(error)
        return False

    def ended(self) -> None:
        self.crossing.ended(self.complete, self.error, self.bytes)
        self.crossing.deliver()

    def _broke(self, error: BaseException) -> Any:
        self.crossing.failed()  # here, not in `failed`, which hears of no BaseException
        return super()._broke(error)

    def _carry(self, body: Any, file_wrapper: Any) -> Any:
        if isinstance(body, Stream) and body._flow.crossing.closing:
            self.crossing.handed_on_closed()
        out = super()._carry(body, file_wrapper)
        if out is not self:
            return out
        if hasattr(type(body), "__len__"):
            self.crossing.promised = len(cast("Sized", body))
            return SizedStream(self)
        return Stream(self)

    def _carry_list(self, body: Any, kind: type) -> Any:
        if isinstance(body, Blocks):
            inside, body._flow = body._flow, None
            if inside is None:
                self.crossing.handed_on_closed()
            self._inside = inside
            self._close = None if inside is None else inside.close
        else:
            self._close = getattr(body, "close", None)
        listed = body if isinstance(body, Listed) else Listed(body[:])
        listed._flow = self
        listed._iterator = None
        listed._crossing = self.crossing
        self.crossing.body = weakref.ref(listed)
        return listed


class _Method(Protocol):
    __self__: Crossing


class Stream:
    """The body that goes out for a stream: it sees what is done to it after its end."""

    __slots__ = ("_flow",)

    def __init__(self, flow: Checker) -> None:
        self._flow = flow

    def __iter__(self) -> Iterator[bytes]:
        crossing = self._flow.crossing
        if crossing.closed:
            crossing.pulled_after_close()
        for block in cast("Iterable[bytes]", self._flow):
            yield block
            if crossing.closed:
                crossing.pulled_after_close()

    def close(self) -> None:
        if self._flow.crossing.closing:
            self._flow.crossing.closed_again()
        self._flow.crossing.closing = True
        self._flow.close()

    def __del__(self) -> None:
        self._flow.crossing.dropped()


class SizedStream(Stream):
    """The same for a body that has a `len()`, which servers ask for."""

    __slots__ = ()

    def __len__(self) -> int:
        return self._flow.crossing.promised or 0


class Listed(WatchedBlocks):
    """The body that goes out for a list or tuple."""

    __slots__ = ("__weakref__", "_crossing")

    _crossing: Crossing  # of the outermost boundary that it has passed

    def close(self) -> None:
        flow = self._flow
        if flow is None:
            self._crossing.closed_again()
            return
        while flow is not None:
            if isinstance(flow, Checker):
                flow.crossing.iterated = self._iterator is not None
            flow = flow._inside
        try:
            super().close()
        finally:
            self._iterator = None  # counting the blocks has made one; any other comes too late

    def __del__(self) -> None:
        if self._flow is not None:
            super().__del__()
            self._crossing.dropped()
        elif self.was_pulled_late():
            self._crossing.pulled_after_close(quiet=True)

    def was_pulled_late(self) -> bool:
        """Tell whether it was iterated after its close."""
        return self._flow is None and self._iterator is not None


SIGNATURE = inspect.signature(lambda environ, start_response, /: None)
