"""Stack layers between a server and an app: `compose`, `Stack`, `when`, `unless`.

A *layer* is any callable that takes a WSGI app and returns one. `compose(a, b, c)(app)` is
`a(b(c(app)))`: the first layer is the outermost, always.

>>> def shout(app):
...     def shouting(environ, start_response):
...         return [block.upper() for block in app(environ, start_response)]
...     return shouting
>>> stack = compose(shout, None)
>>> stack
compose(
    shout,
)
>>> compose(compose(shout)) == stack
True

The laws, each a property test: `compose()(app) is app`; a Stack among the layers is spliced in,
so composing is associative; `None` is skipped; a Stack is an immutable value. Misuse is found
when composing or binding, never at the first request. What it costs: nothing per request, but
for the question that `when` and `unless` ask.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from wsgimw import misuse
from wsgimw.describe import constructor_call, describe
from wsgimw.http.paths import all_readings_under, any_reading_under

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    Layer: TypeAlias = Callable[[WSGIApplication], WSGIApplication]
    Condition: TypeAlias = str | Callable[[WSGIEnvironment], bool]
else:
    Layer = Callable[[Any], Any]
    Condition = str | Callable[[Any], bool]

Bound = TypeVar("Bound", bound=Callable[..., Any])

__all__ = [
    "BaseLayer",
    "Layer",
    "Origin",
    "Stack",
    "compose",
    "describe",
    "origin",
    "outermost",
    "unless",
    "when",
]


class LayerType(type):
    """The metaclass of our layers: a call that does not fit gets a message with the line to write.

    No layer writes messages about its option names; they all come from here.
    """

    __wsgimw_makes_layers__ = True

    if not TYPE_CHECKING:  # a visible `__call__` makes pyright take every layer for Any

        def __call__(cls, *args, **options):
            misuse.check_options(cls.__name__, cls.__signature__, args, options)
            return super().__call__(*args, **options)

        @property
        def __signature__(cls):
            if cls.__init__ is object.__init__:  # which claims to take anything
                return inspect.Signature()
            parameters = list(inspect.signature(cls.__init__).parameters.values())
            return inspect.Signature(parameters[1:])


class BaseLayer(metaclass=LayerType):
    """The base of our layers: frozen, slotted dataclasses that hold configuration only.

    A subclass says in `_bind(app)` what it returns for an app: a plain function. `repr` is the
    constructor call, with options at their default left out.
    """

    __slots__ = ()
    __wsgimw_layer_value__ = True

    def __init_subclass__(cls) -> None:
        # A dataclass writes its own `__repr__` unless the class itself has one.
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = cls.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        return constructor_call(self)

    def __call__(self, app: WSGIApplication, /) -> WSGIApplication:
        misuse.check_app(app)
        bound = self._bind(app)
        return bound if bound is app else named(bound, self, app)

    def _bind(self, app: WSGIApplication) -> WSGIApplication:
        raise TypeError(f"{type(self).__name__} does not say what it does with an app")


def named(bound: Bound, layer: object, app: WSGIApplication) -> Bound:
    """Give a bound app the name of its layer, and the way inwards that `inspect.unwrap` takes."""
    bound.__name__ = type(layer).__name__
    bound.__qualname__ = repr(layer)
    bound.__wrapped__ = app  # type: ignore[attr-defined]
    bound.__wsgimw_layer__ = layer  # type: ignore[attr-defined]
    return bound


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a bound app came from: its layer, what it wraps, and its place in a stack."""

    layer: Layer
    inner: WSGIApplication | None
    stack: Stack
    index: int


_Note: TypeAlias = tuple["weakref.ref[Any]", Callable[[], "Origin"]]
_notes: dict[int, _Note] = {}  # by identity: bound apps of others may be equal, or have no hash


def origin(bound: object) -> Origin | None:
    """Return what `compose()` noted about a bound app while binding it, or None.

    A layer that returned its app unchanged, and an object that cannot be weakly referenced, have
    none. `inner` is None when only this layer knew it and let it go.
    """
    note = _notes.get(id(bound))
    return note[1]() if note and note[0]() is bound else None


def outermost(bound: Any) -> tuple[Layer, WSGIApplication] | None:
    """Return the outermost layer of a bound app, and what it wraps, as far as they are known.

    Known is what `compose()` noted, and what layers of ours wrote on the function that they
    returned. It reads no attribute of anybody's object, so nothing of theirs runs.
    """
    noted = origin(bound)
    if noted is not None and noted.inner is not None:
        return noted.layer, noted.inner
    if type(bound) is not FunctionType:
        return None
    layer: Any = bound.__dict__.get("__wsgimw_layer__")
    inner: Any = bound.__dict__.get("__wrapped__")
    if layer is None or inner is None:
        return None
    # `functools.wraps` copies our names to what others put round a bound app of ours; what one
    # layer has bound twice by hand comes from one file.
    copied = (
        type(inner) is FunctionType
        and inner.__dict__.get("__wsgimw_layer__") is layer
        and inner.__code__.co_filename != bound.__code__.co_filename
    )
    return None if copied else (layer, inner)


def _note(bound: Any, layer: Layer, inner: Any, stack: Stack, index: int) -> None:
    """Note an origin, holding the inner app weakly: an app that holds its stack must stay free."""
    key = id(bound)
    forget = _notes.pop  # bound here: when the interpreter ends, a module's names go first
    hold: Callable[[], Any]
    try:
        hold = weakref.ref(inner)
    except TypeError:
        hold = partial(_itself, inner)
    try:
        alive = weakref.ref(bound, lambda _: forget(key, None))
    except TypeError:
        return
    _notes[key] = alive, lambda: Origin(layer, hold(), stack, index)


def _itself(app: Any) -> Any:
    return app


@dataclass(frozen=True, slots=True, repr=False)
class Stack:
    """What `compose()` returns: an immutable sequence of layers, the outermost first; a layer."""

    _layers: tuple[Layer, ...] = ()
    _places: tuple[str, ...] = field(default=(), compare=False)

    __wsgimw_layer_value__ = True

    def __call__(self, app: WSGIApplication, /) -> WSGIApplication:
        """Bind: wrap `app` in every layer, the last one first. May be called many times."""
        misuse.check_app(app)
        for index in reversed(range(len(self._layers))):
            layer = self._layers[index]
            bound = layer(app)
            misuse.check_bound(bound, layer, self._places[index])
            if bound is not app:
                _note(bound, layer, app, self, index)
            app = bound
        return app

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self._layers)

    @overload
    def __getitem__(self, index: int) -> Layer: ...
    @overload
    def __getitem__(self, index: slice) -> Stack: ...
    def __getitem__(self, index: int | slice) -> Layer | Stack:
        if isinstance(index, slice):
            return Stack(self._layers[index], self._places[index])
        return self._layers[index]

    def __repr__(self) -> str:
        if not self._layers:
            return "compose()"
        lines = "".join(f"    {describe(layer)},\n" for layer in self._layers)
        return f"compose(\n{lines})"


def compose(*layers: Layer | None) -> Stack:
    """Stack layers, the first the outermost, into one layer.

    `None` is skipped (`Gzip() if prod else None`), a Stack is spliced in. Raises `TypeError` with
    the position, what was found and the line to write, for anything that is no layer.

    >>> len(compose(None, compose(None)))
    0
    """
    return _stack(layers, "compose()")


def _stack(layers: tuple[Any, ...], caller: str) -> Stack:
    flat: list[Layer] = []
    places: list[str] = []
    for number, layer in enumerate(layers, 1):
        if isinstance(layer, Stack):
            flat += layer._layers
            places += layer._places
        elif layer is not None:
            place = f"{caller} item {number}"
            misuse.check_layer(layer, place)
            flat.append(layer)
            places.append(place)
    return Stack(tuple(flat), tuple(places))


@dataclass(frozen=True, slots=True, repr=False, init=False)
class _Branch(BaseLayer):
    """The two layers that apply others to some requests only. Both branches are bound once."""

    condition: Condition
    layers: Stack

    def __init__(self, condition: Condition, *layers: Layer | None) -> None:
        name = f"{type(self).__name__}()"
        if isinstance(condition, str):
            any_reading_under(condition)  # raises the ValueError of a prefix without a slash
            condition = condition.rstrip("/") or "/"
        else:
            misuse.check_condition(condition, name)
        stack = _stack(layers, name)
        if not stack:
            raise TypeError(
                f"{name} needs at least one layer after its condition: "
                f"{type(self).__name__}({describe(condition)}, layer)"
            )
        object.__setattr__(self, "condition", condition)
        object.__setattr__(self, "layers", stack)


class when(_Branch):
    """Apply layers to the requests for which `condition` holds.

    `condition` is a path prefix (a `str`, ends on a segment) or a callable that gets `environ`
    and is asked once per request; its truth counts, its exceptions go up. In doubt the layers
    apply: a prefix holds if ANY reading of the path is under it, or if the path cannot be read
    (`wsgimw.http.paths`). The path is `PATH_INFO` as this layer finds it.

    Raises `TypeError` for a wrong kind, `ValueError` for a prefix that does not begin with `/`.

    >>> from wsgimw.compose import when
    >>> def guard(app):
    ...     return lambda environ, start_response: app(environ, start_response)
    >>> when("/admin/", guard)
    when('/admin', guard)
    """

    __slots__ = ()

    def _bind(self, app: WSGIApplication) -> WSGIApplication:
        inside = self.layers(app)
        holds: Any = self.condition
        if isinstance(holds, str):
            holds = any_reading_under(holds)

        def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
            return (inside if holds(environ) else app)(environ, start_response)

        return bound


class unless(_Branch):
    """Apply layers to all requests but those for which `condition` holds.

    The mirror of `when`, and as careful: a prefix exempts a request only if ALL readings of its
    path are under it, so that `/public/../admin` cannot use the exemption of `/public`.

    >>> def guard(app):
    ...     return lambda environ, start_response: app(environ, start_response)
    >>> unless("/health", guard)
    unless('/health', guard)
    """

    __slots__ = ()

    def _bind(self, app: WSGIApplication) -> WSGIApplication:
        inside = self.layers(app)
        holds: Any = self.condition
        if isinstance(holds, str):
            holds = all_readings_under(holds)

        def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
            return (app if holds(environ) else inside)(environ, start_response)

        return bound
