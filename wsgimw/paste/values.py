r"""Read the text of an ini file as the value that an option takes, by the option's declared type.

| the type takes | it is written |
| --- | --- |
| `bool` | `true yes on 1` or `false no off 0`; where a text would do, too, `true` or `false` |
| `int`, `float` | `500`, `8_000_000`, `0.5` |
| `None` | `none` |
| one of some words | the word |
| a function, an object | `MODULE:ATTR`, as `wsgimw.targets` reads it |
| several of anything | one a line, or with commas; an object that is a list gives its members |
| a mapping | `KEY = VALUE`, one a line or with commas; or `MODULE:ATTR` |
| a class of exceptions | `KeyError`, or `MODULE:ATTR` |
| a path | relative to the directory of the ini file |
| `str` | as it is; where a `Path` would do, too, it is a path unless there is a `<` in it |

>>> scope = Scope("wsgimw.static.static_files", here="/srv/shop")
>>> read("public", "str | os.PathLike[str]", scope)
'/srv/shop/public'
>>> read("4_096", "int | None", scope), read("none", "int | None", scope)
(4096, None)
>>> read("\n.glb = model/gltf-binary\n.map = application/json", "Mapping[str, str]", scope)
{'.glb': 'model/gltf-binary', '.map': 'application/json'}
>>> read("lots", "int | None", scope)
Traceback (most recent call last):
ValueError: it takes a whole number or none

Types are the annotations of the layers themselves. A name in them that only type checkers know
stands for an object.
"""

from __future__ import annotations

import builtins
import inspect
import math
import os
import re
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from wsgimw.targets import is_target, load

__all__ = ["Option", "Scope", "accepted", "options_of", "read"]

_TRUE = ("true", "yes", "on", "y", "t", "1")
_FALSE = ("false", "no", "off", "n", "f", "0")
_COMMA = re.compile(r",(?![^()]*\))")  # but not between the arguments of a call
_WHOLE = re.compile(r"[+-]?[0-9]+(?:_[0-9]+)*").fullmatch
_SEVERAL = (Collection, Iterable, Sequence, tuple, list, set, frozenset)
_NOTHING: Any = object()


class Option(NamedTuple):
    """One option of a layer: its annotation, whether it is needed, and how it is passed."""

    hint: Any
    required: bool
    kind: Any


class Scope(NamedTuple):
    """Where the names of annotations come from, and the directory from which paths start."""

    module: str
    here: str | None = None


class _UnknownType(type):
    """Lets what is unknown have attributes, and parameters, which are unknown, too."""

    def __getattr__(cls, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls

    def __getitem__(cls, _: object) -> type:
        return cls


class _Unknown(metaclass=_UnknownType):
    """What only type checkers know: an object, whatever it may be."""


class _Names(dict[str, Any]):
    """The names of a module; any other is unknown."""

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, _Unknown)


def options_of(maker: Any) -> dict[str, Option]:
    """Return the options of what makes a layer, by name, as its signature has them.

    >>> from wsgimw import Decompress
    >>> [name for name in options_of(Decompress)], options_of(Decompress)["max_size"].hint
    (['codings', 'max_size'], 'int')
    """
    found = {}
    for parameter in inspect.signature(maker).parameters.values():
        hint, starred = parameter.annotation, parameter.kind is parameter.VAR_POSITIONAL
        if starred:
            hint = f"tuple[{hint}, ...]"
        required = starred or parameter.default is parameter.empty
        found[parameter.name] = Option(hint, required, parameter.kind)
    return found


class _Kinds(NamedTuple):
    """The members of a type, sorted by how they are written."""

    none: bool
    flag: bool
    whole: bool
    number: bool
    words: tuple[str, ...]
    an_object: bool
    exception: bool
    mapping: tuple[Any, Any] | None
    several: tuple[Callable[[Any], Any], Any] | None
    path: Any
    text: bool

    @property
    def is_written(self) -> bool:
        """Tell whether `yes` or `1` might be a name as well."""
        return bool(self.several or self.path or self.text)


def _members(hint: Any, scope: Scope) -> list[Any]:
    """Return the members of a union, strings evaluated where the layer is defined."""
    if isinstance(hint, str):
        hint = eval(hint, _Names(vars(import_module(scope.module))))
    if get_origin(hint) in (Union, types.UnionType):
        return [member for part in get_args(hint) for member in _members(part, scope)]
    return [hint]


def _kinds(hint: Any, scope: Scope) -> _Kinds:
    plain: set[Any] = set()
    words: tuple[str, ...] = ()
    mapping = several = None
    exception = False
    for member in _members(hint, scope):
        origin = get_origin(member)
        if origin is Literal:
            words += tuple(word for word in get_args(member) if word is not None)
        elif origin is Mapping:
            key, value = get_args(member)
            mapping = (key, value)
        elif origin in _SEVERAL:
            made = origin if origin in (list, set, frozenset) else tuple
            several = (made, get_args(member)[0])
        elif origin is type:
            exception = True
        else:
            plain.add(os.PathLike if origin is os.PathLike else member)
    known = {type(None), bool, int, float, str, Path, os.PathLike}
    return _Kinds(
        none=type(None) in plain,
        flag=bool in plain,
        whole=int in plain,
        number=float in plain,
        words=words,
        an_object=bool(plain - known),
        exception=exception,
        mapping=mapping,
        several=several,
        path=next((kind for kind in (Path, os.PathLike) if kind in plain), None),
        text=str in plain,
    )


def read(text: str, hint: Any, scope: Scope) -> Any:
    """Return the value that a text means for a type; raise `ValueError` with what is accepted."""
    text = text.strip()
    kinds = _kinds(hint, scope)
    found = _plain(text, kinds)
    if found is not _NOTHING:
        return found
    if kinds.exception and isinstance(getattr(builtins, text, None), type):
        return getattr(builtins, text)
    if (kinds.an_object or kinds.mapping or kinds.exception) and is_target(text):
        return load(text)
    alone = not (kinds.text or kinds.path)
    if kinds.mapping and (alone or "=" in text):
        return _mapping(text, *kinds.mapping, scope)
    if kinds.several and (alone or len(_pieces(text)) > 1):
        return _several(text, *kinds.several, scope)
    # A `str` beside `os.PathLike` is a path; beside `Path` it is something else, such as a page.
    if kinds.path and not (kinds.path is Path and "<" in text):
        whole = os.path.join(scope.here or "", text) if text else text
        return Path(whole) if kinds.path is Path else whole
    if kinds.text:
        return text
    raise ValueError(f"it takes {accepted(hint, scope)}")


def _plain(text: str, kinds: _Kinds) -> Any:
    """Return what is written as one word, or `_NOTHING`."""
    word = text.lower()
    if kinds.none and word == "none":
        return None
    if kinds.flag:
        for value, words in ((True, _TRUE), (False, _FALSE)):
            if word in (words[:1] if kinds.is_written else words):
                return value
    if kinds.whole and _WHOLE(text):
        return int(text)
    if kinds.number:
        try:
            number = float(text)
        except ValueError:
            return _NOTHING
        return number if math.isfinite(number) else _NOTHING
    return text if text in kinds.words else _NOTHING


def _pieces(text: str) -> list[str]:
    pieces = text.splitlines() if "\n" in text else _COMMA.split(text)
    return [piece.strip() for piece in pieces if piece.strip()]


def _mapping(text: str, key: Any, value: Any, scope: Scope) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for piece in _pieces(text):
        name, equals, rest = piece.partition(" = " if " = " in piece else "=")
        if not equals:
            raise ValueError(f"{piece!r} is not KEY = VALUE")
        found_key = read(name, key, scope)
        if found_key in found:
            raise ValueError(f"{name.strip()!r} is there twice")
        found[found_key] = _member(rest, value, scope)
    return found


def _several(text: str, made: Callable[[Any], Any], hint: Any, scope: Scope) -> Any:
    found: list[Any] = []
    for piece in _pieces(text):
        member = _member(piece, hint, scope)
        found += member if isinstance(member, (list, tuple, set, frozenset)) else [member]
    return made(found)


def _member(text: str, hint: Any, scope: Scope) -> Any:
    try:
        return read(text, hint, scope)
    except ValueError as error:
        raise ValueError(f"{text.strip()!r}: {error}") from None


def accepted(hint: Any, scope: Scope) -> str:
    """Return in words what the texts of a type are.

    >>> accepted("bool | Callable[[str], bool]", Scope("wsgimw.compose"))
    'true or false or MODULE:ATTR'
    """
    kinds = _kinds(hint, scope)
    pairs = kinds.mapping and " = ".join(accepted(part, scope) for part in kinds.mapping)
    each = kinds.several and accepted(kinds.several[1], scope)
    alone = [
        "true or false" if kinds.flag else "",
        "a whole number" if kinds.whole else "",
        "a number" if kinds.number else "",
        *kinds.words,
        "an exception" if kinds.exception else "",
        "a path" if kinds.path else "",
        "a text" if kinds.text and kinds.path is not os.PathLike else "",
        f"lines of {pairs}" if pairs else "",
        "MODULE:ATTR" if kinds.an_object or kinds.mapping else "",
        "none" if kinds.none else "",
    ]
    shown = [words for words in alone if words and words != each]
    shown += [f"{each}, one or more"] if each else []
    if pairs or each:
        return "; or ".join(shown)
    return f"{', '.join(shown[:-1])} or {shown[-1]}" if len(shown) > 1 else shown[0]
