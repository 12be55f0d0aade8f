"""Lay a whole app out as a list of places: its layers, their branches and routes, and the apps.

>>> from wsgimw import Hooks, compose, when
>>> class Nothing(Hooks):
...     pass
>>> def app(environ, start_response): ...
>>> for place in survey(compose(when("/x", Nothing()), Nothing())(app)):
...     print("  " * place.depth + place.text, place.outside)
when('/x', ...) ()
  Nothing() (0,)
Nothing() (0, 1)
app (0, 1, 2)

The order is that of a request on its way in. `outside` has the layers that lie between the server
and a place; those of another route, or of an app beside it, are not among them.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

from wsgimw.compose import Stack, _Branch, unless
from wsgimw.describe import describe
from wsgimw.devtools.conditions import Condition, opposite, starts_with, under
from wsgimw.devtools.known import facts_of, name_of
from wsgimw.devtools.walk import Step, is_framework, key, own, steps
from wsgimw.facts import Facts
from wsgimw.routing import Host, Include, Mount, Route, Router
from wsgimw.routing.patterns import Item

__all__ = ["Place", "is_branch", "is_unless", "moved_away", "survey"]

Kind = Literal["layer", "route", "app"]


@dataclass(slots=True, eq=False)
class Place:
    """A line of the list."""

    index: int
    kind: Kind
    text: str
    depth: int
    layer: Any
    """What bound it, where that is known, or the item of a routing table."""
    bound: Any
    """The app as its outer neighbour calls it, where there is one."""
    facts: Facts | None
    outside: tuple[int, ...]
    conditions: tuple[Condition, ...]
    mounts: tuple[str, ...]
    """The prefixes that are no longer in `PATH_INFO` here."""


@dataclass(frozen=True, slots=True)
class _Way:
    """How a request gets to where the survey is."""

    depth: int = 0
    outside: tuple[int, ...] = ()
    conditions: tuple[Condition, ...] = ()
    mounts: tuple[str, ...] = ()

    def whole(self, prefix: str) -> str | None:
        """Return a prefix of `PATH_INFO` as one of the whole path; None where nobody knows it."""
        text = "".join(mount.rstrip("/") for mount in self.mounts) + prefix
        return None if "<" in text else text

    def deeper(self) -> _Way:
        return _Way(self.depth + 1, self.outside, self.conditions, self.mounts)

    def past(self, *indexes: int) -> _Way:
        return _Way(self.depth, (*self.outside, *indexes), self.conditions, self.mounts)

    def only(self, condition: Condition) -> _Way:
        return _Way(self.depth, self.outside, (*self.conditions, condition), self.mounts)

    def below(self, mount: str) -> _Way:
        return _Way(self.depth, self.outside, self.conditions, (*self.mounts, mount))


def survey(app: Any) -> list[Place]:
    """Return all places of an app, in the order in which a request comes to them."""
    found = _Survey()
    found.chain(app, _Way())
    return found.places


class _Survey:
    def __init__(self) -> None:
        self.places: list[Place] = []
        self.walked: dict[object, Any] = {}

    def chain(self, app: Any, way: _Way) -> None:
        for step in steps(app):
            if step.kind == "passage":
                continue
            known = key(step.bound)
            again = known in self.walked
            if step.kind == "app" or again:
                text = text_of(step)
                index = self.add("app", f"{text} (as above)" if again else text, step, way)
                if not again and _apps(step.bound):
                    self.walked[known] = step.bound
                    self.branches(index, step.bound, way)
                return
            self.walked[known] = step.bound
            index = self.add("layer", text_of(step), step, way)
            way = self.branches(index, step.bound if step.layer is None else step.layer, way)

    def add(self, kind: Kind, text: str, step: Step, way: _Way) -> int:
        index = len(self.places)
        facts = facts_of(step.layer, step.bound) if kind == "layer" else None
        self.places.append(
            Place(
                index,
                kind,
                text,
                way.depth,
                step.layer,
                step.bound,
                facts,
                way.outside,
                way.conditions,
                way.mounts,
            )
        )
        return index

    def branches(self, index: int, layer: Any, way: _Way) -> _Way:
        """List what a layer leads to besides its inner app; return the way to that."""
        way = way.past(index)
        if is_branch(layer):
            return self.branch(layer, way)
        if is_router(layer):
            self.routes(layer.routes, way.deeper())
        else:
            for prefix, app in _apps(layer):
                self.mounted(repr(prefix), prefix, app, way.deeper(), None)
        return way

    def branch(self, layer: _Branch, way: _Way) -> _Way:
        condition: Condition
        if isinstance(layer.condition, str):
            condition = under(way.whole(layer.condition))
        else:
            condition = Condition(True, key(layer.condition))
        if is_unless(layer):
            condition = opposite(condition)
        inside = self.layers(layer.layers, way.deeper().only(condition))
        # What comes after a branch lies inside of it, for the requests that go through it.
        return way.past(*inside.outside[len(way.outside) :])

    def layers(self, layers: Stack, way: _Way) -> _Way:
        for layer in layers:
            index = self.add("layer", text_of_layer(layer), Step(None, "layer", layer), way)
            way = self.branches(index, layer, way)
        return way

    def routes(self, items: Any, way: _Way, included: str = "") -> None:
        """List routes; `included`: the prefix that the patterns of an Include go on from."""
        for item in items:
            if isinstance(item, Include):
                prefix = included + item.prefix
                self.item(_elided(item, item.routes), item, way)
                self.routes(item.routes, way.deeper().only(under(way.whole(prefix))), prefix)
            elif isinstance(item, Host):
                self.item(_elided(item, item.routes), item, way)
                self.routes(item.routes, way.deeper())
            elif isinstance(item, Mount):
                self.mounted(None, included + item.pattern, item.app, way, item)
            elif isinstance(item, Route):
                inside = way.deeper().only(under(way.whole(included + item.pattern)))
                self.target(None, item.app, way, inside, item)
            else:
                self.item(describe(item), item, way)

    def mounted(
        self, text: str | None, prefix: str, app: Any, way: _Way, item: Item | None
    ) -> None:
        inside = way.deeper().only(under(way.whole(prefix))).below(prefix)
        self.target(text, app, way, inside, item)

    def target(
        self, text: str | None, app: Any, way: _Way, inside: _Way, item: Item | None
    ) -> None:
        first = next(steps(app))
        plain = first.kind == "app" and not _apps(app)
        if item is not None:
            text = describe(item) if plain else _elided(item, app)
            self.item(text, item, way)
        else:
            self.item(f"{text}: {text_of(first)}" if plain else f"{text}:", None, way)
        if not plain:
            self.chain(app, inside)

    def item(self, text: str, item: Item | None, way: _Way) -> None:
        self.add("route", text, Step(None, "app", item), way)  # type: ignore[arg-type]


def is_branch(layer: Any) -> TypeGuard[_Branch]:
    """Tell `when` and `unless`; not by `isinstance`, which asks a proxy for its `__class__`."""
    return issubclass(type(layer), _Branch)


def is_unless(layer: Any) -> bool:
    """Tell `unless` from `when`."""
    return issubclass(type(layer), unless)


def is_router(layer: Any) -> TypeGuard[Router]:
    """Tell a Router."""
    return issubclass(type(layer), Router)


def _elided(item: Item, inside: Any) -> str:
    return describe(item).replace(describe(inside), "[...]" if type(inside) is tuple else "...", 1)


def _apps(bound: Any) -> list[tuple[str, Any]]:
    """Return the prefixes and apps of published dispatchers."""
    mounts = own(bound, "mounts")  # werkzeug's DispatcherMiddleware
    if issubclass(type(mounts), Mapping) and all(isinstance(prefix, str) for prefix in mounts):
        return [(prefix, app) for prefix, app in mounts.items() if callable(app)]
    if type(bound).__module__ == "paste.urlmap":
        pairs = own(bound, "applications")
        return [(prefix or "/", app) for (_, prefix), app in pairs]
    if type(bound).__module__ == "paste.cascade":
        return [("/", app) for app in own(bound, "apps")]
    return []


def text_of(step: Step) -> str:
    """Return what an app on the way inwards is called: the call that made it, if that is known."""
    if step.layer is not None:
        text = text_of_layer(step.layer)
        return text if "<lambda>" not in text else text_of(Step(step.bound, "middleware"))
    bound = step.bound
    if step.kind == "app":
        if type(bound) is types.MethodType and is_framework(bound):
            return describe(bound.__self__)
        return describe(bound)
    if type(bound) is types.FunctionType:
        return f"{name_of(bound)}(...)"
    text = describe(bound)
    if type(bound) is functools.partial:
        return text
    name = type(bound).__qualname__
    return f"{name}(...)" if text in (name, text_of_class(bound)) else text


def text_of_class(bound: Any) -> str:
    """Return the name of the class that a bound method's object has."""
    owner = bound.__self__ if type(bound) is types.MethodType else bound
    return type(owner).__qualname__


def text_of_layer(layer: Any) -> str:
    """Return the call that made a layer; what is listed beneath it is left out."""
    if is_branch(layer):
        return f"{type(layer).__name__}({describe(layer.condition)}, ...)"
    text = describe(layer)
    if is_router(layer) and layer.routes:
        return text.replace(describe(layer.routes), "[...]", 1)
    return text


def moved_away(prefix: str, mounts: tuple[str, ...]) -> str | None:
    """Return the mount whose prefix a condition still waits for, though it was moved away."""
    whole = "".join(mount.rstrip("/") for mount in mounts)
    for mount in (whole, *mounts):
        named = [s for s in mount.strip("/").split("/") if s and "<" not in s]
        if named and starts_with(prefix, mount):
            return mount
    return None
