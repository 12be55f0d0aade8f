"""Name things the way their owner would write them: for `repr`, messages, the linter, devtools.

One function serves all, so that a layer reads the same wherever it is shown. It never shows a
memory address and never raises, whatever the object's own `repr` does.

>>> from functools import partial
>>> describe(partial(dict, x_for=1))
'partial(dict, x_for=1)'
>>> describe(["a", len])
"['a', len]"
>>> describe({KeyError: 404})
'{KeyError: 404}'
>>> describe(object())
'object'
"""

from __future__ import annotations

import functools
import inspect
import re
import reprlib
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}")


def describe(obj: object) -> str:
    """Return the words for `obj`: as its constructor call, its qualified name, or its class.

    Layers of ours by their `repr`; `partial(ProxyFix, x_for=1)`; functions and classes by
    `__qualname__`; a bound method of an app (`flask_app.wsgi_app`) by its object; other objects by
    their `repr` if that shows no address, else by their class.
    """
    try:
        return _describe(obj)
    except Exception:
        return type(obj).__qualname__


def _describe(obj: Any) -> str:
    if isinstance(obj, (str, bytes)) or getattr(type(obj), "__wsgimw_layer_value__", False):
        return repr(obj)  # what looks like an address in there was written by its owner
    if isinstance(obj, functools.partial):
        shown = [describe(obj.func), *map(describe, obj.args)]
        shown += [f"{name}={describe(value)}" for name, value in obj.keywords.items()]
        return f"partial({', '.join(shown)})"
    if inspect.ismethod(obj) and callable(obj.__self__) and not isinstance(obj.__self__, type):
        return describe(obj.__self__)
    if isinstance(obj, (type, types.FunctionType, types.MethodType, types.BuiltinFunctionType)):
        return str(obj.__qualname__)
    if type(obj) in (list, tuple) and obj:
        return _items(obj)
    if type(obj) in (dict, types.MappingProxyType):
        return _pairs(obj)
    text = repr(obj)
    return type(obj).__qualname__ if ADDRESS.search(text) else text


@reprlib.recursive_repr()
def _items(values: list[object] | tuple[object, ...]) -> str:
    inner = ", ".join(map(describe, values))
    if isinstance(values, list):
        return f"[{inner}]"
    return f"({inner},)" if len(values) == 1 else f"({inner})"


@reprlib.recursive_repr()
def _pairs(values: Mapping[object, object]) -> str:
    inner = ", ".join(f"{describe(key)}: {describe(value)}" for key, value in values.items())
    return f"{{{inner}}}"


def constructor_call(obj: Any) -> str:
    """Return the call that makes `obj`, a value whose class has a readable signature.

    Options at their default are left out; each parameter is read from the attribute of its name.
    Where there is none, the call cannot be told: `Layer(...)`.
    """
    cls = type(obj)
    factories = {f.name: f.default_factory for f in fields(obj)} if is_dataclass(obj) else {}
    shown: list[str] = []
    for name, parameter in inspect.signature(cls).parameters.items():
        if not hasattr(obj, name):
            return f"{cls.__name__}(...)"
        value = getattr(obj, name)
        if parameter.kind is parameter.VAR_POSITIONAL:
            shown += map(describe, value)
        elif parameter.default is parameter.empty:
            keyword = parameter.kind is parameter.KEYWORD_ONLY
            shown.append(f"{name}={describe(value)}" if keyword else describe(value))
        else:
            factory = factories.get(name)
            default = factory() if callable(factory) else parameter.default
            if value != default:
                shown.append(f"{name}={describe(value)}")
    return f"{cls.__name__}({', '.join(shown)})"
