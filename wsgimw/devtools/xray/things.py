"""What is kept of values: plain ones as they are, a name for all others.

Nothing of a request may outlive it but plain data: no object of an app, no exception, no frame. And
no code of theirs runs here: no `__repr__`, no `__eq__`.

>>> plain("text"), plain(b"bytes"), plain(None), plain(("a", 1))
('text', b'bytes', None, ('a', 1))
>>> class Session(dict): ...
>>> plain(Session(user="ada"))
<Session>
>>> sizes_of([b"hello", b""]), sizes_of(["text"])
((2, 1, 5, None), (1, 0, 4, ((0, 4, 'text'),)))
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from wsgimw.testing.faults import ERRORS_METHODS, INPUT_METHODS, exc_info_fault, size_of

MOST_TEXT = 1024
MOST_ODD = 20
_PLAIN = frozenset([str, bytes, int, float, bool, type(None)])
_METHODS = {*INPUT_METHODS, *ERRORS_METHODS, "get"}


class Thing(NamedTuple):
    """What stands for an object: the name of its type, its bases, its methods of a stream."""

    kind: str
    base: type
    has: frozenset[str]

    def __repr__(self) -> str:
        return f"<{self.kind}>"


def plain(value: Any, depth: int = 2) -> Any:
    """Return a value that holds nothing of the request but text and numbers."""
    cls = type(value)
    if cls is str or cls is bytes:
        return value if len(value) <= MOST_TEXT else value[:MOST_TEXT]
    if cls in _PLAIN:
        return value
    if cls is tuple and depth and len(value) <= 8:
        return tuple([plain(item, depth - 1) for item in value])
    return thing(value)


def thing(value: Any) -> Thing:
    """Return what stands for an object."""
    cls = type(value)
    base = next((base for base in _BASES if issubclass(cls, base)), object)
    has = frozenset([name for name in _METHODS if hasattr(cls, name)])
    return Thing(cls.__name__, base, has)


_BASES = (str, bytes, bytearray, memoryview, dict, list, tuple)


def stand_in(kept: Any) -> Any:
    """Return an object that the checks take for the one that was there."""
    if type(kept) is not Thing:
        return kept
    if kept.base is memoryview:  # which nobody can inherit from
        return memoryview(b"")
    return _stand_in(kept)()


@lru_cache(256)
def _stand_in(kept: Thing) -> type:
    members: dict[str, Any] = {name: _pass for name in kept.has if not hasattr(kept.base, name)}
    members["__repr__"] = lambda self: f"<{kept.kind}>"
    return type(kept.kind, (kept.base,), members)


def _pass(self: object, *args: Any) -> None: ...


Sizes = tuple[int, int, int, Any]


def sizes_of(blocks: Any) -> Sizes:
    """Return of a list: how many blocks, how many are empty, how many bytes, and the odd ones."""
    if len(blocks) == 1 and type(blocks[0]) is bytes:
        size = len(blocks[0])
        return (1, not size, size, None)
    odd: list[tuple[int, int, Any]] = []
    count = empties = total = 0
    for block in blocks[:]:  # no `__iter__`: a list of ours would take itself for pulled
        if type(block) is bytes:
            size = len(block)
        else:
            size = size_of(block)
            if len(odd) < MOST_ODD:
                odd.append((count, size, plain(block)))
        count += 1
        empties += not size
        total += size
    return (count, empties, total, tuple(odd) or None)


def head_of(values: list[Any], keywords: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Return status, headers and the rest of a call of `start_response` that is not the plain one.

    The rest is `(number of values, whether some had names, exc_info)`; the last is None, True, or
    `(what was given,)` where it is malformed.
    """
    given = [*values, *keywords.values()]
    exc_info = given[2] if len(given) > 2 else None
    if exc_info is not None:
        exc_info = (plain(exc_info),) if exc_info_fault(exc_info) else True
    headers = given[1] if len(given) > 1 else None
    if type(headers) is list:
        headers = (*headers,)
    elif type(headers) is tuple:
        headers = [headers]  # told apart from a list, which is kept as a tuple
    else:
        headers = plain(headers)
    return given[0] if given else None, headers, (len(given), bool(keywords), exc_info)


def kept_head(status: Any, headers: Any) -> tuple[Any, Any]:
    """Return status and headers of a head without any object of the request."""
    if type(status) is not str:
        status = plain(status)
    if type(headers) is tuple:
        for item in headers:
            if type(item) is tuple and len(item) == 2:
                name, value = item
                if isinstance(name, str) and isinstance(value, str):
                    continue
            headers = tuple([_item(item) for item in headers])
            break
    elif type(headers) is list:
        headers = [tuple([_item(item) for item in headers[0]])]
    return status, headers


def _item(item: Any) -> Any:
    if type(item) is list and len(item) <= 8:
        return [plain(part) for part in item]
    return plain(item)


Changes = tuple[dict[Any, Any], dict[Any, tuple[Any, Any]], dict[Any, Any]]
_ABSENT: Any = object()


def changes(before: dict[Any, Any], after: dict[Any, Any]) -> Changes | None:
    """Return what was added, changed and removed; None where nothing was."""
    added, changed = {}, {}
    for key, value in after.items():
        old = before.get(key, _ABSENT)
        if old is value:
            continue
        if old is _ABSENT:
            added[_key(key)] = plain(value)
        elif type(value) is not type(old) or type(value) not in _PLAIN or value != old:
            changed[_key(key)] = (plain(old), plain(value))
    removed = {}
    if len(before) + len(added) != len(after):
        removed = {_key(key): plain(value) for key, value in before.items() if key not in after}
    return (added, changed, removed) if added or changed or removed else None


def _key(key: Any) -> Any:
    return key if type(key) is str else plain(key)


def items_of(environ: Any) -> dict[Any, Any]:
    """Return what is in an environ that is no exact dict, as far as it can be had."""
    try:
        return {**environ}
    except Exception:
        return {}
