"""Check the options of `StaticFiles`: what was given, what is accepted, the line to write."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from wsgimw.describe import describe
from wsgimw.http.paths import to_wsgi

_MEDIA_TYPE = re.compile(r"[!#$&^_.+\-A-Za-z0-9]+/[!#$&^_.+\-A-Za-z0-9]+( *;[ !-~]*)?").fullmatch


def roots(given: Any) -> str | tuple[str, ...]:
    """Return the root as `str`, or several as a tuple of them."""
    if isinstance(given, (str, os.PathLike)):
        return _root(given)
    if not isinstance(given, Sequence) or isinstance(given, (bytes, bytearray)):
        raise TypeError(
            f"root is {describe(given)}; write a path such as 'public', or a sequence of paths"
        )
    if not given:
        raise ValueError("root is an empty sequence; write at least one path: ['public']")
    return tuple([_root(path) for path in given])


def _root(given: Any) -> str:
    path = os.fspath(given) if isinstance(given, (str, os.PathLike)) else given
    if not isinstance(path, str):
        raise TypeError(f"root is {describe(given)}; write a path of str or pathlib.Path: 'public'")
    if not path or "\0" in path:
        raise ValueError(f"root is {path!r}; write the directory that the files are in: 'public'")
    return path


def prefix(given: Any) -> str:
    """Return the prefix without a slash at its end; "" is the whole space."""
    if not isinstance(given, str):
        raise TypeError(f"prefix is {describe(given)}; write a path such as '/static'")
    if given in ("", "/"):
        return ""
    if not given.startswith("/"):
        raise ValueError(f'prefix is {given!r} and must begin with "/"; write {"/" + given!r}')
    short = given.removesuffix("/")
    if any(segment in ("", ".", "..") for segment in short[1:].split("/")):
        raise ValueError(
            f"prefix is {given!r}; it has a segment that is empty or of dots, which no request has"
        )
    to_wsgi(short)  # raises the ValueError of a lone surrogate
    return short


def one_of(option: str, given: Any, *accepted: str | None) -> None:
    """Raise unless the option is one of these words."""
    words = ", ".join(map(repr, accepted))
    if given is not None and not isinstance(given, str):
        raise TypeError(f"{option} is {describe(given)}; write one of {words}")
    if given not in accepted:
        raise ValueError(f"{option} is {given!r}; write one of {words}")


def flag(option: str, given: Any) -> None:
    """Raise unless the option is a bool."""
    if not isinstance(given, bool):
        raise TypeError(f"{option} is {describe(given)}; write True or False")


def count(option: str, given: Any, unit: str, *, none: str = "") -> None:
    """Raise unless the option is an int of at least 0; or None, where `none` says its meaning."""
    if given is None and none:
        return
    other = f", or None {none}" if none else ""
    if not isinstance(given, int) or isinstance(given, bool):
        raise TypeError(f"{option} is {describe(given)}; write a whole number of {unit}{other}")
    if given < 0:
        raise ValueError(f"{option} is {given}; write 0 or more {unit}{other}")


def file_name(option: str, given: Any, *, below: bool) -> None:
    """Raise unless the option is None, or a name: of a file, or `below` the root."""
    if given is None:
        return
    example = "'app/index.html'" if below else "'index.html'"
    if not isinstance(given, str):
        raise TypeError(f"{option} is {describe(given)}; write a name such as {example}, or None")
    segments = given.split("/")
    if (not below and len(segments) > 1) or any(s in ("", ".", "..") for s in segments):
        kind = "a path below the root" if below else "a file name without a slash"
        raise ValueError(f"{option} is {given!r}, which is not {kind}; write {example}")


def globs(given: Any) -> tuple[str, ...]:
    """Return the globs of `hide`."""
    if isinstance(given, str):
        raise TypeError(f"hide is {given!r}, one str; write a tuple of globs: ({given!r},)")
    if not isinstance(given, (list, tuple, set, frozenset)) or not all(
        isinstance(glob, str) for glob in given
    ):
        raise TypeError(f"hide is {describe(given)}; write a tuple of globs: ('*.map',)")
    if "" in given:
        raise ValueError("hide has an empty glob, which hides nothing; leave it out")
    return tuple(given)


def types(given: Any) -> dict[str, str] | None:
    """Return an own copy of the types."""
    if given is None:
        return None
    example = "{'.glb': 'model/gltf-binary'}"
    if not isinstance(given, Mapping):
        raise TypeError(f"types is {describe(given)}; write a mapping: {example}")
    for ending, media_type in given.items():
        if not isinstance(ending, str) or not isinstance(media_type, str):
            raise TypeError(f"types has {ending!r}: {media_type!r}; write str to str: {example}")
        if not ending.startswith(".") or len(ending) < 2 or "/" in ending or "." in ending[1:]:
            fixed = "." + ending.rpartition(".")[2]
            raise ValueError(f"types has the extension {ending!r}; write one such as {fixed!r}")
        if not _MEDIA_TYPE(media_type):
            raise ValueError(
                f"types has {media_type!r} for {ending!r}; write type/subtype: {example}"
            )
    return dict(given)


def immutable(given: Any) -> None:
    """Raise unless the option is None, a regex, or a callable."""
    if given is None or callable(given):
        return
    pattern = given.pattern if isinstance(given, re.Pattern) else given
    if not isinstance(pattern, str):
        raise TypeError(
            f"immutable is {describe(given)}; write a regex such as r'-[0-9a-f]{{8}}\\.', or a "
            "function of a name that returns a bool"
        )
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"immutable is {given!r}, which is no regex: {error}") from None


def head_editor(given: Any) -> None:
    """Raise unless the option is None or a callable."""
    if given is not None and not callable(given):
        raise TypeError(
            f"headers is {describe(given)}; write a function that edits the list of pairs: "
            "lambda name, head: head.append(('Timing-Allow-Origin', '*'))"
        )


def snapshot(given: Any) -> str | None:
    """Return the path of the snapshot as `str`."""
    if given is None:
        return None
    path = os.fspath(given) if isinstance(given, (str, os.PathLike)) else None
    if not isinstance(path, str):
        raise TypeError(
            f"snapshot is {describe(given)}; write the path of the file that "
            "`wsgimw static build ROOT --snapshot FILE` has written"
        )
    return path
