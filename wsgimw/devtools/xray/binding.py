"""Take a bound app apart and bind it anew, with a spy on every boundary.

Our layers, and those that `compose()` bound, are called again with the spied app inside of them. A
middleware that was bound by hand, `ProxyFix(app)`, is copied, and the attribute that holds its
inner app replaced; where that cannot be done, it is one lane with what lies inside of it. The app
that was given stays as it is.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wsgimw import Host, Include, Mount, Route, Router, misuse
from wsgimw.compose import Layer, Stack, _Branch, _note, compose, named, origin
from wsgimw.devtools.places import text_of, text_of_layer
from wsgimw.devtools.walk import HELD, Step, own, steps
from wsgimw.devtools.xray.boundary import bind_spy
from wsgimw.testing.crossing import SERVER, Room

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

MOST_LAYERS = 200

Cross = Callable[..., Any]


class Copied:
    """A layer that stands for a middleware which was bound by hand."""

    def __init__(self, step: Step) -> None:
        self.bound = step.bound
        self.inner = step.inner
        self.text = text_of(step)
        self.names = [name for name in HELD if own(step.bound, name) is step.inner]

    def __call__(self, app: WSGIApplication, /) -> Any:
        """Return a copy of the middleware that has another app inside."""
        made = copy.copy(self.bound)
        for name in self.names:
            object.__setattr__(made, name, app)
        return made


def copied(step: Step) -> Copied | None:
    """Return what stands for a middleware that was bound by hand, if it can be copied."""
    if isinstance(step.bound, (type, types.FunctionType, types.MethodType)):
        return None
    layer = Copied(step)
    try:
        made = layer(_nothing)
        fits = type(made) is type(step.bound) and made is not step.bound
        fits = fits and all(own(made, name) is _nothing for name in layer.names)
    except Exception:  # it cannot be copied, or holds its attributes back
        return None
    return layer if layer.names and fits else None


def _nothing(environ: Any, start_response: Any) -> Any: ...


def take_apart(app: Any) -> tuple[list[Any], Any, str]:
    """Return the layers round an app, outermost first, the innermost app, and what it is called."""
    layers: list[Any] = []
    step = Step(app, "app")
    for step in steps(app):
        layer: Any = step.layer
        if step.kind == "middleware":
            layer = copied(step)
        if step.kind == "app" or len(layers) == MOST_LAYERS:
            break
        if step.kind == "passage" and isinstance(step.bound, types.FunctionType):
            break  # a boundary of the linter's, or an X-ray's, which goes on looking
        if step.kind != "passage":
            if layer is None:
                break
            layers.append(layer)
    note = origin(step.bound)  # there is one still where the layer has let its app go
    name = text_of(step) if note is None else text_of_layer(note.layer)
    return layers, step.bound, name


class Binder:
    """Binds apps with spies; `live` is the list that the spies ask."""

    def __init__(self, live: list[Any]) -> None:
        self.live = live

    def bind(self, app: WSGIApplication) -> tuple[WSGIApplication, Cross]:
        """Return the app that is bound anew, and the function that begins a trace with it."""
        room, bound = self._whole(app)
        return bound, bind_spy(bound, SERVER, room, self.live)[1]

    def _whole(self, app: Any) -> tuple[Room, WSGIApplication]:
        layers, inner, name = take_apart(app)
        return self._wrap(compose(*layers), Room(name, 0), inner)

    def _wrap(self, stack: Stack, room: Room, app: WSGIApplication) -> tuple[Room, WSGIApplication]:
        for index in reversed(range(len(stack))):
            layer = stack[index]
            within = len(layer.layers) if isinstance(layer, _Branch) else 0
            text = layer.text if isinstance(layer, Copied) else text_of_layer(layer)
            outer = Room(text, room.depth + within + 1)
            inner = self._boundary(outer, room, app)
            if isinstance(layer, _Branch):
                branch = type(layer)(layer.condition, self._inside(layer.layers, outer, room, app))
                bound = named(branch(inner), layer, inner)
            elif isinstance(layer, Router):
                bound = named(self._router(layer, outer)(inner), layer, inner)
            else:
                bound = layer(inner)
                misuse.check_bound(bound, layer, f"xray() item {index + 1}")
            if bound is inner:  # a layer that has nothing to do for this app
                continue
            _note(bound, getattr(layer, "bound", layer), inner, stack, index)
            room, app = outer, bound
        return room, app

    def _boundary(self, outer: Room, inner: Room, app: WSGIApplication) -> WSGIApplication:
        spied: Any = bind_spy(app, outer, inner, self.live)[0]
        spied.__name__ = getattr(app, "__name__", type(app).__name__)
        spied.__qualname__ = inner.name
        spied.__wrapped__ = app
        spied.__wsgimw_boundary__ = True
        made: WSGIApplication = spied
        return made

    def _inside(self, layers: Stack, outer: Room, room: Room, app: WSGIApplication) -> Layer:
        """Return the layer that stands for those of a `when`: the same, with spies."""

        def inside(_: WSGIApplication, /) -> WSGIApplication:
            return self._boundary(outer, *self._wrap(layers, room, app))

        return inside

    def _router(self, router: Router, outer: Room) -> Router:
        """Return the same router, whose apps have spies."""
        routes = tuple([self._item(item, outer) for item in router.routes])
        return replace(router, routes=routes)

    def _item(self, item: Any, outer: Room) -> Any:
        if isinstance(item, (Route, Mount)):
            return replace(item, app=self._boundary(outer, *self._whole(item.app)))
        if isinstance(item, (Include, Host)):
            return replace(item, routes=tuple([self._item(one, outer) for one in item.routes]))
        return item
