"""Read `MODULE:ATTR`, the name of an object: for the command, and for ini files.

`MODULE` is a module that can be imported, `ATTR` a name in it, which may be dotted
(`shop.web:site.app`) or a call with literal arguments (`shop:create(debug=True)`).

>>> load("decimal:Decimal('1.5')"), load("logging:INFO")
(Decimal('1.5'), 20)
>>> is_target("shop.web:app"), is_target("10.0.0.0/8"), is_target("::1")
(True, False, False)
"""

from __future__ import annotations

import ast
import difflib
import re
import traceback
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["TargetError", "is_target", "load"]

_NAME = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_TARGET = re.compile(rf"{_NAME}:\s*{_NAME}\s*(?:\(.*\))?", re.DOTALL).fullmatch


class TargetError(ValueError):
    """What was named is not there: the text is one line, for the person who wrote the name."""


def is_target(text: str) -> bool:
    """Tell whether a text looks like `MODULE:ATTR`; whether it names something is not asked."""
    return _TARGET(text) is not None


def load(target: str) -> Any:
    """Return the object that `MODULE:ATTR` names.

    Raises `TargetError`, with the one line to show, where there is no such object or making it
    fails.

    >>> load("shop")
    Traceback (most recent call last):
    wsgimw.targets.TargetError: 'shop' is not MODULE:ATTR; write it as in shop.web:app
    """
    module_name, colon, attribute = target.partition(":")
    if not (colon and module_name and attribute.strip()):
        raise TargetError(f"{target!r} is not MODULE:ATTR; write it as in shop.web:app")
    names, call = _read_attribute(attribute, target)
    found: Any = _import(module_name)
    path = module_name
    for separator, name in zip([":", *"." * len(names)], names, strict=False):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise TargetError(_no_attribute(found, path, name)) from None
        path += separator + name
    if call is None:
        return found
    arguments, options = call
    try:
        return found(*arguments, **options)
    except Exception as error:
        raise TargetError(f"{target} raised {_told(error)}") from None


Arguments = tuple[list[Any], dict[str, Any]]


def _read_attribute(attribute: str, target: str) -> tuple[list[str], Arguments | None]:
    """Split `a.b` or `a.b(1, c=2)` into its names and the arguments of its call, if it is one."""
    wrong = TargetError(
        f"{target!r}: after the colon stands a name, dotted or not, or its call with literal "
        "arguments, as in shop:create(debug=True)"
    )
    try:
        node = ast.parse(attribute.strip(), mode="eval").body
    except SyntaxError:
        raise wrong from None
    call: Arguments | None = None
    try:
        if isinstance(node, ast.Call):
            arguments = [ast.literal_eval(argument) for argument in node.args]
            options = {str(o.arg): ast.literal_eval(o.value) for o in node.keywords}
            node, call = node.func, (arguments, options)
    except ValueError:
        raise wrong from None
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise wrong
    return [node.id, *reversed(names)], call


def _import(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        # Not found is the module itself or a package above it; else it is the module that fails.
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise TargetError(f"no module {name!r} can be imported from here ({error})") from None
        raise TargetError(f"{name} cannot be imported: {_told(error)}") from None
    except (Exception, SystemExit) as error:
        raise TargetError(f"{name} cannot be imported: {_told(error)}") from None


def _no_attribute(found: object, path: str, name: str) -> str:
    near = difflib.get_close_matches(name, dir(found), n=1)
    return f"{path} has no {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _told(error: BaseException) -> str:
    """Say on one line what was raised and where."""
    text = traceback.format_exception_only(error)[-1].strip()
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(str(Path.cwd()))]
    frame = (own or frames)[-1]
    if isinstance(error, SyntaxError):
        return f"{text} ({error.filename}, line {error.lineno})"
    if frame.filename == __file__:  # raised by the call, not inside of it
        return text
    return f"{text} ({frame.filename}, line {frame.lineno})"
