"""Take a bound app apart again: which layers lie round it, and what lies inside of them.

>>> from wsgimw.compose import compose, describe
>>> from wsgimw.exchange import Hooks
>>> class Nothing(Hooks):
...     pass
>>> def app(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain")])
...     return [b"hello"]
>>> layers, inner = peel(compose(Nothing(), Nothing())(app))
>>> layers, inner is app
((Nothing(), Nothing()), True)
>>> class Published:
...     def __init__(self, app):
...         self.app = app
...     def __call__(self, environ, start_response):
...         return self.app(environ, start_response)
>>> [step.kind for step in steps(Nothing()(Published(Nothing()(app))))]
['layer', 'middleware', 'layer', 'app']

`peel` sees what can be bound anew: our layers, whatever `compose()` bound, and a Flask-like object
whose `wsgi_app` was replaced by them. `steps` also looks into middleware that was bound by hand:
into the attributes in which published middleware holds its inner app, and into closures that hold
exactly one app. Both never call the app, run no property, no `__getattr__` and no descriptor of
anybody's, and end where an app holds itself.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from wsgimw import misuse
from wsgimw.compose import Layer, Stack, outermost

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["Step", "flat", "holds", "is_framework", "key", "own", "peel", "steps"]

# Where published middleware holds its inner app; an earlier one goes first.
HELD = (
    "app",
    "application",
    "wsgi_app",
    "wsgi",
    "_app",
    "wrap_app",
    "_application",
    "_wsgi_app",
    "wsgi_application",
    "wrapped_app",
    "next_app",
    "middleware_wraps",  # webob.dec.wsgify.middleware
)
# The last class of an app's that comes from here says that there is nothing inside.
FRAMEWORKS = frozenset({"bottle", "cherrypy", "django", "falcon", "flask", "morepath", "pyramid"})
# Django's handler that serves static files is middleware, whatever it derives from.
NO_FRAMEWORK = frozenset({("django.contrib.staticfiles.handlers", "StaticFilesHandler")})
_MISSING: Any = object()
_ROUTINES = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, functools.partial)
# How C types and `__slots__` hold what belongs to an object: to read it runs nobody's code.
_SLOTS = (types.MemberDescriptorType, types.GetSetDescriptorType)

Kind = Literal["layer", "middleware", "passage", "app"]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """An app on the way inwards, as its outer neighbour calls it, and what it holds."""

    bound: Any
    kind: Kind
    """`layer`: it can be bound anew; `middleware`: it was bound by hand; `passage`: no layer, it
    calls the next one as it is; `app`: the end."""
    layer: Layer | None = None
    """What bound it, of a `layer`."""
    inner: Any = None
    """The app that it holds; None at the end."""
    held: str = ""
    """The attribute in which an object holds `inner`; empty for a closure or a layer."""


def steps(app: Any) -> Iterator[Step]:
    """Yield all that lies on the way into `app`, the outermost first; the last step is the app."""
    seen: dict[object, Any] = {}  # the values keep the objects alive, so that no key is used twice
    bound = app
    while True:
        seen[key(bound)] = bound
        step = _step(bound, seen)
        yield step
        if step.kind == "app":
            return
        bound = step.inner
        if key(bound) in seen:  # an app that holds itself
            yield Step(bound, "app")
            return


def peel(app: WSGIApplication) -> tuple[tuple[Layer, ...], WSGIApplication]:
    """Return the layers round `app` that can be bound anew, and the app inside of them."""
    layers: list[Layer] = []
    inside = app
    for step in steps(app):
        if step.layer is not None:
            layers.append(step.layer)
            inside = step.inner
        elif step.kind != "passage":
            break
        elif not step.held:  # a checker of the linter; of a framework's object it is the object
            inside = step.inner
    return tuple(layers), inside


def holds(app: WSGIApplication, kind: type) -> bool:
    """Tell whether a layer of `kind` lies round `app`, in a branch of `when` or `unless` too."""
    return any(isinstance(layer, kind) for layer in flat(peel(app)[0]))


def flat(layers: Iterable[Layer]) -> Iterator[Layer]:
    """Yield layers and those in the branches of `when` and `unless`."""
    for layer in layers:
        yield layer
        branch = getattr(layer, "layers", None)
        if isinstance(branch, Stack):
            yield from flat(branch)


def key(bound: Any) -> object:
    """Tell apps apart; a bound method is a new object each time."""
    if type(bound) is types.MethodType:
        return id(bound.__self__), id(bound.__func__)
    return id(bound)


def _step(bound: Any, seen: dict[object, Any]) -> Step:
    found = outermost(bound)
    if found is not None:
        return Step(bound, "layer", *found)
    kind: Kind = "middleware"
    if type(bound) is types.FunctionType and "__wsgimw_boundary__" in bound.__dict__:
        kind = "passage"
    elif is_framework(bound) or _replaced(bound):
        # `flask_app.wsgi_app = stack(flask_app.wsgi_app)`: the object itself is no layer.
        inner = own(bound, "wsgi_app")
        if _is_app(inner, seen):
            return Step(bound, "passage", None, inner, "wsgi_app")
        return Step(bound, "app")
    for name, inner in _candidates(bound, seen):
        return Step(bound, kind, None, inner, name)
    return Step(bound, "app")


def is_framework(bound: Any) -> bool:
    """Tell whether an app, or the object that a bound method belongs to, is a framework's."""
    owner = bound.__self__ if type(bound) is types.MethodType else bound
    for cls in type(owner).__mro__:
        module = str(cls.__dict__.get("__module__", ""))
        if (module, cls.__name__) in NO_FRAMEWORK:
            return False
        if module.partition(".")[0] in FRAMEWORKS:
            return True
    return False


def _replaced(bound: Any) -> bool:
    """Was the method `wsgi_app` of an object's class replaced on the object, as Flask's may be?"""
    of_class = inspect.getattr_static(type(bound), "wsgi_app", _MISSING)
    return of_class is not _MISSING and own(bound, "wsgi_app") is not _MISSING


def own(obj: Any, name: str) -> Any:
    """Return what an object itself holds under a name, not its class; run no code of anybody's."""
    try:
        value = inspect.getattr_static(obj, name)
        if type(value) in _SLOTS:
            return value.__get__(obj, type(obj))
        return value if value is not inspect.getattr_static(type(obj), name, _MISSING) else _MISSING
    except Exception:  # a slot that is empty, a class of an unusual kind
        return _MISSING


def _is_app(value: Any, seen: dict[object, Any]) -> bool:
    return (
        value is not _MISSING
        and callable(value)
        and key(value) not in seen
        and _accepts(value, 2) is not False
    )


def _accepts(value: Any, count: int) -> bool | None:
    """Tell whether a callable takes so many positionals; None if it cannot be told.

    An object is judged by the `__call__` of its class: to ask it for a signature may run its code.
    """
    if type(value) in _ROUTINES or issubclass(type(value), type):
        return misuse.accepts(value, count)
    call = inspect.getattr_static(type(value), "__call__", None)
    return misuse.accepts(call, count + 1) if type(call) is types.FunctionType else None


def _candidates(bound: Any, seen: dict[object, Any]) -> Iterator[tuple[str, Any]]:
    """Yield (attribute, inner app); the first is taken."""
    if type(bound) is types.FunctionType:
        inner = bound.__dict__.get("__wrapped__", _MISSING)
        if _is_app(inner, seen) and _accepts(inner, 1) is False:
            yield "", inner
        yield from _enclosed(_cells(bound), seen)
        return
    if type(bound) is functools.partial:
        pairs = [("", value) for value in bound.args]
        yield from _enclosed([*pairs, *bound.keywords.items()], seen)
        return
    owner = bound.__self__ if type(bound) is types.MethodType else bound
    for name in (*HELD, "__wrapped__"):
        inner = own(owner, name)
        if inner is not owner and _is_app(inner, seen):
            yield name, inner


def _cells(function: types.FunctionType) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            found.append((name, cell.cell_contents))
        except ValueError:  # a name that is not bound yet
            continue
    return found


def _enclosed(values: list[tuple[str, Any]], seen: dict[object, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the one app among what a function encloses: of several, the one with a usual name."""
    apps = [(name, value) for name, value in values if _is_app(value, seen)]
    sure = [value for _, value in apps if _takes_two(value)]
    if len(sure) != 1:
        sure = [value for name, value in apps if name in HELD]
    if len(sure) == 1:
        yield "", sure[0]


def _takes_two(value: Any) -> bool:
    """Can it be called with two positionals, and not with one, nor with any number?"""
    counts = [_accepts(value, count) for count in (1, 2, 99)]
    return counts == [False, True, False]
