"""Say what went wrong while composing or binding, and the line to write instead.

Every function here raises, or returns in silence. All of it runs when a stack is built or bound,
nothing per request. Each message names the place, what was found, and the fix.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, TypeGuard

from wsgimw.describe import describe

LAYER = "a layer is a callable that takes a WSGI app and returns one"
APP = "a WSGI app is a callable that takes (environ, start_response)"


def accepts(obj: Any, count: int) -> bool | None:
    """Tell whether `obj` may be called with `count` positionals; None if it cannot be known."""
    try:
        signature = inspect.signature(obj, follow_wrapped=False)
    except Exception:  # whatever an odd descriptor raises
        return None
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def is_app(obj: Any) -> bool:
    """Tell whether `obj` can be called as an app and cannot be called as a layer."""
    return callable(obj) and accepts(obj, 2) is True and accepts(obj, 1) is False


def is_layer_class(obj: object) -> TypeGuard[type | types.FunctionType]:
    """Tell whether `obj` is what makes a layer of ours: a class, a `@layer` function, `Gzip`."""
    # Not `isinstance`, which asks a proxy for the class of what it stands for.
    if not issubclass(type(obj), (type, types.FunctionType)):
        return False
    maker = type(obj) if issubclass(type(obj), type) else obj
    return getattr(maker, "__wsgimw_makes_layers__", False) is True


def is_middleware_class(obj: object) -> bool:
    """Tell whether `obj` is a class that takes an app and perhaps options, as `ProxyFix` does.

    A class may also be an app: then it needs two arguments, or takes whatever comes.
    """
    return issubclass(type(obj), type) and accepts(obj, 1) is True and accepts(obj, 99) is False


def holds_app(obj: Any) -> str | None:
    """Return the attribute in which a middleware instance holds its inner app, or None.

    A framework's own `wsgi_app` is a method of its class: that is an app, not a wrapper.
    """
    for name in ("app", "application", "wsgi_app"):
        if callable(getattr(obj, name, None)) and not callable(getattr(type(obj), name, None)):
            return name
    return None


def check_layer(obj: Any, place: str) -> None:
    """Raise `TypeError` unless `obj` may be a layer; `place` is `compose() item 2` and the like."""
    found = f"{place} is {describe(obj)}"
    if is_layer_class(obj):
        needs = any(map(_is_required, inspect.signature(obj).parameters.values()))
        call = f"{obj.__name__}({'...' if needs else ''})"
        raise TypeError(f"{found}, which was not called; write {call} to make the layer")
    if isinstance(obj, (list, tuple, set, frozenset, types.GeneratorType)):
        caller = place.partition("()")[0]
        call = f"{caller}({'' if caller == 'compose' else 'condition, '}*layers)"
        raise TypeError(f"{found}, a {type(obj).__name__}; unpack it: {call}")
    if not callable(obj):
        raise TypeError(f"{found}, which is not callable; {LAYER}")
    bound = getattr(obj, "__wsgimw_layer__", None)
    if bound is not None and is_app(obj):
        raise TypeError(f"{found}, already wrapped round an app; write {describe(bound)}")
    if not isinstance(obj, type) and is_app(obj):
        name = type(obj).__name__
        if not isinstance(obj, types.FunctionType | types.MethodType) and holds_app(obj):
            raise TypeError(
                f"{found}, already wrapped round an app (its .{holds_app(obj)}); "
                f"write partial({name}, ...) with its options, so that compose() can wrap"
            )
        raise TypeError(f"{found}, a WSGI app; put the app in the second call: compose(...)(app)")
    if accepts(obj, 1) is False:
        if isinstance(obj, type):
            raise TypeError(
                f"{found}, a class that cannot be called with an app alone; write "
                f"partial({obj.__name__}, ...) with its other arguments or, if it is an app "
                f"itself, put it in the second call: compose(...)({obj.__name__})"
            )
        raise TypeError(f"{found}, which cannot be called with one argument; {LAYER}")


def check_condition(obj: Any, name: str) -> None:
    """Raise `TypeError` unless `obj`, which is no `str`, may be the condition of `when()`."""
    is_layer = is_layer_class(obj) or getattr(type(obj), "__wsgimw_layer_value__", False)
    if is_layer or not callable(obj) or accepts(obj, 1) is False:
        raise TypeError(
            f"{name} takes a condition first, and was given {describe(obj)}; write "
            "a path prefix such as '/admin', or a function of environ that returns a bool"
        )


def check_app(obj: Any) -> None:
    """Raise `TypeError` unless `obj` may be the app in `stack(app)` or `layer(app)`."""
    found = f"the app is {describe(obj)}"
    if is_layer_class(obj) or getattr(type(obj), "__wsgimw_layer_value__", False):
        raise TypeError(f"{found}, a layer; layers go into the first call: compose(layer)(app)")
    if not callable(obj):
        raise TypeError(f"{found}, which is not callable; {APP}")
    fits = accepts(obj, 2)
    if is_middleware_class(obj) or (fits is False and accepts(obj, 1)):
        raise TypeError(
            f"{found}, which can be called with one argument, so it is a layer and not an app; "
            "layers go into the first call: compose(layer)(app)"
        )
    if fits is False:
        raise TypeError(f"{found}, which cannot be called with two arguments; {APP}")


def check_bound(bound: Any, layer: object, place: str) -> None:
    """Raise `TypeError` unless `bound`, what `layer` returned for an app, may be an app."""
    who = f"{place}, {describe(layer)},"
    if bound is None:
        raise TypeError(f"{who} returned None for its app; it must return the wrapped app")
    if not callable(bound):
        raise TypeError(f"{who} returned {describe(bound)}, which is not callable; {APP}")
    if accepts(bound, 2) is False:
        raise TypeError(
            f"{who} returned {describe(bound)}, which cannot be called with two arguments; {APP}"
        )


def check_options(
    name: str, signature: inspect.Signature, args: tuple[Any, ...], options: dict[str, Any]
) -> None:
    """Raise `TypeError` with the line to write unless the call fits the layer's `signature`."""
    try:
        signature.bind(*args, **options)
    except TypeError as error:
        reason = str(error)
    else:
        return
    parameters = signature.parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    starred = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    known = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for option in options:
            if option not in known:
                _unknown_option(name, option, known)
    if len(args) > len(positional) and not starred:
        _too_many(name, args, len(positional), known)
    for parameter in filter(_is_required, parameters):
        if parameter.name not in options and parameter not in positional[: len(args)]:
            raise TypeError(f"{name}() needs {parameter.name}: write {name}({_example(parameter)})")
    raise TypeError(f"{name}(): {reason}")


def _is_required(parameter: inspect.Parameter) -> bool:
    starred = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return parameter.default is parameter.empty and not starred


def _unknown_option(name: str, option: str, known: list[str]) -> NoReturn:
    raise TypeError(f"{name}() has no option {option!r}; {hint(option, known)}")


def hint(option: str, known: Sequence[str]) -> str:
    """Return the nearest of the names that are known, or all of them, as the end of a message."""
    import difflib  # only for this message

    near = difflib.get_close_matches(option, known, n=1)
    return f"did you mean {near[0]}?" if near else f"its options are {_listed(known)}"


def _too_many(name: str, args: tuple[Any, ...], room: int, known: list[str]) -> NoReturn:
    extra = args[room]
    found = f"{name}() was given {describe(extra)} as a positional argument"
    if callable(extra) and accepts(extra, 2) is not False:
        call = f"{name}()" if len(args) == 1 else f"{name}(...)"
        raise TypeError(f"{found}; options are keyword-only, write {call}(app) to wrap an app")
    raise TypeError(f"{found}; options are keyword-only: {_listed(known)}")


def _example(parameter: inspect.Parameter) -> str:
    return f"{parameter.name}=..." if parameter.kind is parameter.KEYWORD_ONLY else "..."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
