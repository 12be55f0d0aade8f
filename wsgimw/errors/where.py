"""Where in a stack an error came from: the layers from server to app, and the one that failed.

>>> from wsgimw import compose
>>> def quiet(app):
...     return lambda environ, start_response: app(environ, start_response)
>>> def shout(app):
...     def shouting(environ, start_response):
...         raise ValueError("in the layer")
...     return shouting
>>> def app(environ, start_response): ...
>>> bound = compose(quiet, shout)(app)
>>> try:
...     bound({}, None)
... except ValueError as error:
...     locate(bound, error)
(['quiet', 'shout'], 'shout')

It knows the whole stack of a `compose()`, outer layers included, by what `compose()` noted
(`origin`), and layers that were bound by hand by `__wrapped__`. A frame belongs to an app if its
code is the app's; to a layer if it lies within the function or class that the layer is. The
innermost such frame tells, unless it was pulling a block of something else. An app of an unusual
kind cannot be told from the layer that called it, unless more frames follow.
"""

from __future__ import annotations

import functools
import inspect
import opcode
from collections.abc import Iterator
from types import FrameType
from typing import Any

from wsgimw.compose import origin, outermost
from wsgimw.describe import describe
from wsgimw.errors.fingerprint import frames

MOST_LAYERS = 100
_PULLS = {opcode.opmap.get("FOR_ITER"), opcode.opmap.get("SEND")}  # `for`, `yield from`


def locate(bound: Any, error: BaseException) -> tuple[list[str], str | None]:
    """Return the layers round and inside of `bound`, and which of those inside failed.

    None means the app.
    """
    known = origin(bound)
    outer = [*known.stack[: known.index]] if known else []
    inner = [*_inwards(bound)]
    names = [describe(layer) for layer in [*outer, *(layer for layer, _, _ in inner)]]
    shown = [frame for frame, _ in frames(error.__traceback__)]
    code = _code(inner[-1][2]) if inner else None
    for at in reversed(range(len(shown))):
        if shown[at].f_code is code:
            return names, None
        for layer, seen, _ in reversed(inner[1:]):
            if _belongs(shown[at], layer, seen):
                carries = code is None or _iterates(error, at)
                return names, None if carries and at < len(shown) - 1 else describe(layer)
    return names, None


def _iterates(error: BaseException, place: int) -> bool:
    """Was the frame at this place of the traceback pulling a block? Then what it pulled failed."""
    traceback = error.__traceback__
    while traceback is not None and place:
        traceback, place = traceback.tb_next, place - 1
    return traceback is not None and traceback.tb_frame.f_code.co_code[traceback.tb_lasti] in _PULLS


def _inwards(bound: Any) -> Iterator[tuple[object, Any, Any]]:
    """Yield (layer, bound app, what it wraps), the outermost first."""
    for _ in range(MOST_LAYERS):
        found = outermost(bound)
        if found is None:
            return
        layer, inside = found
        yield layer, bound, inside
        bound = inside


def _belongs(frame: FrameType, layer: Any, bound: Any) -> bool:
    """Is it a frame of this layer? The loops of `exchange.py` belong to none: they only carry."""
    while isinstance(layer, functools.partial):
        layer = layer.func
    maker = layer if inspect.isroutine(layer) or isinstance(layer, type) else type(layer)
    if frame.f_globals.get("__name__") != maker.__module__:
        return False
    if getattr(maker, "__wsgimw_layer_value__", False) and maker.__module__.startswith("wsgimw."):
        return True  # a module is a layer
    name = frame.f_code.co_qualname
    within = name == maker.__qualname__ or name.startswith(f"{maker.__qualname__}.")
    return within or frame.f_code is _code(bound)


def _code(app: Any) -> object:
    """Return the code that runs when an app is called, None if it has none in Python."""
    while isinstance(app, functools.partial):
        app = app.func
    app = inspect.unwrap(app)
    if not inspect.isroutine(app):
        app = type(app).__call__
    return getattr(app, "__code__", None)
