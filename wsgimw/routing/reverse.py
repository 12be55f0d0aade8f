"""Write the URL of a named route, and prove that it leads back.

Each parameter is written by its converter; then the result is decoded and matched, must lead to the
same route, and that must write the same URL again. So a URL is never one of another route, nor one
that no route knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from wsgimw.http.paths import unescape
from wsgimw.routing.converters import encode
from wsgimw.routing.index import Index
from wsgimw.routing.matcher import MOUNT, Entry, Found

_OTHER = "\0"
"""A method that no request and no route has: it stands for all that no route names."""


def url_for(index: Index, name: str, params: Mapping[str, Any], *, keep: bool) -> str:
    """Return the percent-encoded path of a named route; ValueError where there is none."""
    entries = index.names.get(name)
    if entries is None:
        _unknown(f"there is no route named {name!r}", name, index.names)
    entry = entries[0]
    for param in params:
        if param not in entry.names:
            _unknown(f"route {name!r} has no parameter {param!r}", param, entry.names)
    for param in entry.names:
        if param not in params:
            _unknown(f"route {name!r} needs the parameter {param!r}", param, params)
    try:
        url = _write(entry, params)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"route {name!r}, {entry.pattern!r}: {error}") from error
    for one in entries:
        _prove(index, one, url, _written(entry, params), keep)
    return url


def _unknown(message: str, given: str, known: Iterable[str]) -> NoReturn:
    import difflib  # only for this message

    near = difflib.get_close_matches(str(given), known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known) or 'none'}"
    raise ValueError(f"{message}; {hint}")


def _write(entry: Entry, params: Mapping[str, Any]) -> str:
    parts = [""]
    for segment in entry.segments:
        if isinstance(segment, str):
            parts.append(encode(segment))
        elif segment.kind is segment.kinds[0]:
            parts.append(segment.kind.write(params[segment.names[0]]))
        else:
            parts.append(segment.kind.write([params[name] for name in segment.names]))
    return "/".join(parts) or "/"


def _written(entry: Entry, params: Mapping[str, Any]) -> list[str]:
    """Return what the converters write, one by one: a mixed segment may split elsewhere."""
    return [
        kind.write(params[name])
        for segment in entry.segments
        if not isinstance(segment, str)
        for name, kind in zip(segment.names, segment.kinds, strict=True)
    ]


def _prove(index: Index, entry: Entry, url: str, written: list[str], keep: bool) -> None:
    refused = f"{url!r} would be the URL of {entry.pattern!r}, but "
    try:
        if keep:
            texts = [unescape(text.encode()).decode() for text in url.split("/")]
        else:
            texts = unescape(url.encode()).decode().split("/")
    except UnicodeError:
        raise ValueError(f"{refused}it is no valid text") from None
    if "." in texts or ".." in texts:
        raise ValueError(f"{refused}every client resolves its dot segment")
    if len(texts) > 2 and not texts[1]:
        raise ValueError(f"{refused}it would name another host")
    for method in _methods(index, entry):
        found = _ask(entry, method, texts)
        if not found or found[0] is not entry:
            other = f"it leads to {found[0].pattern!r}" if found else "no route matches it"
            raise ValueError(refused + other)
        if _written(entry, found[1]) != written:
            raise ValueError(f"{refused}it is read as {found[1]!r}")


def _ask(entry: Entry, method: str, texts: list[str]) -> Found:
    if entry.kind == MOUNT:
        found: Found = entry.site.tables.mount(texts, len(texts))
    elif any("/" in text for text in texts):
        found = entry.site.split(method, texts)
    else:
        found = entry.site.find(method, "/".join(texts))
    return found


def _methods(index: Index, entry: Entry) -> Sequence[str]:
    """Return the methods that lead to the entry unless a more specific route takes them."""
    if entry.kind == MOUNT:
        return [_OTHER]
    cell = entry.site.tables.cell(entry.segments)
    asked = [_OTHER, *sorted(index.methods)] if entry.methods is None else sorted(entry.methods)
    return [method for method in asked if (cell.get(method) or cell.get(None)) is entry]
