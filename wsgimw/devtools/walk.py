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

It sees our layers, whatever `compose()` bound, and a Flask-like object whose `wsgi_app` was
replaced. It never calls the app.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from wsgimw.compose import Layer, Stack, origin

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["flat", "holds", "peel"]


def peel(app: WSGIApplication) -> tuple[tuple[Layer, ...], WSGIApplication]:
    """Return the layers round `app`, the outermost first, and the app inside of them."""
    layers: list[Layer] = []
    seen: set[int] = set()
    bound: Any = app
    while id(bound) not in seen:
        seen.add(id(bound))
        layer, inner = _one(bound)
        if inner is None:
            break
        if layer is not None:
            layers.append(layer)
        bound = inner
    return tuple(layers), bound


def _one(bound: Any) -> tuple[Layer | None, Any]:
    """Return the outermost layer of `bound` and what it wraps; None where there is none."""
    layer = getattr(bound, "__wsgimw_layer__", None)
    if layer is not None:
        return layer, getattr(bound, "__wrapped__", None)
    noted = origin(bound)
    if noted is not None:
        return noted.layer, noted.inner
    # `flask_app.wsgi_app = stack(flask_app.wsgi_app)`: the object itself is no layer.
    replaced = getattr(bound, "__dict__", {}).get("wsgi_app")
    if getattr(replaced, "__wsgimw_layer__", None) is not None or origin(replaced) is not None:
        return None, replaced
    return None, None


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
