"""Take a bound app apart and bind it anew, with a spy on every boundary.

Our layers, and those that `compose()` bound, are called again with the spied app inside of them. A
middleware that was bound by hand, `ProxyFix(app)`, is copied, and the attribute that holds its
inner app replaced; where that cannot be done, it is one lane with what lies inside of it. The app
that was given stays as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wsgimw import Host, Include, Mount, Route, Router, misuse
from wsgimw.compose import Layer, Stack, _Branch, _note, compose, describe, named, origin
from wsgimw.devtools.xray.spy import bind_spy
from wsgimw.testing.crossing import SERVER, Room

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

ATTRIBUTES = ("app", "application", "wsgi_app", "wsgi", "_app", "wrap_app", "_application")
"""The names under which published middleware holds its inner app."""
MOST_LAYERS = 200

Cross = Callable[..., Any]
Name = Callable[[Any], str]


class Copied:
    """A layer that stands for a middleware which was bound by hand."""

    def __init__(self, bound: Any, inner: Any) -> None:
        self.bound = bound
        self.inner = inner

    def __call__(self, app: WSGIApplication, /) -> Any:
        """Return a copy of the middleware that has another app inside."""
        made = copy.copy(self.bound)
        for name in held(self.bound, self.inner):
            object.__setattr__(made, name, app)
        return made


def held(bound: Any, inner: Any) -> list[str]:
    """Return the attributes of a middleware in which it holds its inner app."""
    return [name for name in ATTRIBUTES if own(bound, name) is inner]


def own(bound: Any, name: str) -> Any:
    """Return an attribute of the object itself, not of its class; None without one."""
    found = getattr(bound, "__dict__", None)
    if isinstance(found, Mapping) and name in found:
        return found[name]
    slot = getattr(type(bound), name, None)
    if hasattr(type(slot), "__get__") and type(slot).__name__ == "member_descriptor":
        return getattr(bound, name, None)
    return None


def by_hand(bound: Any) -> Copied | None:
    """Return what stands for a middleware instance, if it can be copied."""
    if isinstance(bound, type) or not callable(getattr(type(bound), "__call__", None)):
        return None
    for name in ATTRIBUTES:
        inner = own(bound, name)
        if inner is not None and callable(inner) and misuse.accepts(inner, 2) is not False:
            copied = Copied(bound, inner)
            try:
                made = copied(_nothing)
            except Exception:
                return None
            return copied if type(made) is type(bound) and made is not bound else None
    return None


def _nothing(environ: Any, start_response: Any) -> Any: ...


def take_apart(app: Any) -> tuple[list[Layer], Any]:
    """Return the layers round an app, outermost first, and the innermost app."""
    layers: list[Layer] = []
    seen: set[int] = set()
    while id(app) not in seen and len(layers) < MOST_LAYERS:
        seen.add(id(app))
        note = origin(app)
        if note is not None and note.inner is not None:
            layers.append(note.layer)
            app = note.inner
            continue
        layer = getattr(app, "__wsgimw_layer__", None)
        inner = getattr(app, "__wrapped__", None)
        # functools.wraps copies our names to what others put round a bound app of ours.
        if (
            layer is not None
            and inner is not None
            and getattr(inner, "__wsgimw_layer__", None) is not layer
        ):
            layers.append(layer)
            app = inner
            continue
        replaced = own(app, "wsgi_app")
        if callable(replaced) and callable(getattr(type(app), "wsgi_app", None)):
            # `flask_app.wsgi_app = stack(flask_app.wsgi_app)`: the object itself is no layer.
            app = replaced
            continue
        copied = by_hand(app)
        if copied is None:
            break
        layers.append(copied)
        app = copied.inner
    return layers, app


class Binder:
    """Binds apps with spies; `live` is the list that the spies ask, `name` tells of a layer."""

    def __init__(self, live: list[Any], name: Name | None = None) -> None:
        self.live = live
        self.name = name or name_of

    def bind(self, app: WSGIApplication) -> tuple[WSGIApplication, Cross]:
        """Return the app that is bound anew, and the function that begins a trace with it."""
        room, bound = self._whole(app)
        return bound, bind_spy(bound, SERVER, room, self.live)[1]

    def _whole(self, app: Any) -> tuple[Room, WSGIApplication]:
        layers, inner = take_apart(app)
        note = origin(inner)  # there is one still where the layer has let its app go
        name = self.name(inner if note is None else note.layer)
        return self._wrap(compose(*layers), Room(name, 0), inner)

    def _wrap(self, stack: Stack, room: Room, app: WSGIApplication) -> tuple[Room, WSGIApplication]:
        for index in reversed(range(len(stack))):
            layer = stack[index]
            within = len(layer.layers) if isinstance(layer, _Branch) else 0
            outer = Room(self.name(layer), room.depth + within + 1)
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


def name_of(layer: Any) -> str:
    """Return what a lane is called."""
    if isinstance(layer, Copied):
        text = describe(layer.bound)
        return text if "(" in text or text.startswith("<") else f"{text}(...)"
    return describe(layer)
