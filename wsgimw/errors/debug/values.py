"""Show the value of a local variable without running a line of the code that it came from.

Only exact built-in types are shown by their repr, cut to 1 KB, three levels and twenty items;
anything else as its type and id. What a dict has of the process environment (wsgiref puts all of it
into environ) is left out. A user's `__repr__`, `__str__`, property or `__getattr__` does not
run.

>>> show([1, "a" * 3000])[:40] + "..."
"[1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa..."
>>> class Loud:
...     def __repr__(self):
...         raise SystemExit
>>> show({"password": "hunter2", "who": Loud()})[:60]
"{'password': [redacted 7 chars], 'who': <wsgimw.errors.debug"
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from wsgimw.errors.tree import cut
from wsgimw.redact import is_secret, of_the_process
from wsgimw.shapes import mask_shapes

MOST_VALUE = 1024
MOST_DEPTH = 3
MOST_ITEMS = 20
MOST_LOOKED_AT = 200
_MOST_BITS = 4096

_PLAIN = {bool, float, complex, type(None), type(...), type(NotImplemented), range}
_BRACKETS: dict[type, Sequence[str]] = {
    list: "[]",
    tuple: "()",
    set: "{}",
    frozenset: ("frozenset({", "})"),
    dict: "{}",
}
# By the descriptors of `type`: a metaclass may have properties of these names.
_qualified = type.__dict__["__qualname__"].__get__
_module = type.__dict__["__module__"].__get__


def show(value: Any, name: str = "") -> str:
    """Return the words for a value; masked whole if its name is a secret's."""
    if name and is_secret(name):
        return masked(value)
    return cut(mask_shapes(_show(value, 0, [MOST_VALUE])), MOST_VALUE)


def masked(value: Any) -> str:
    """Return what stands for a secret."""
    kind = type(value)
    if kind is str or kind is bytes:
        return f"[redacted {len(value)} chars]"
    return "[redacted]"


def _show(value: Any, depth: int, room: list[int]) -> str:
    """`room`: how many characters are left for all that is in a value."""
    shown = _shown(value, depth, room)
    if type(value) not in _BRACKETS:  # what is in it was counted
        room[0] -= len(shown)
    return shown


def _shown(value: Any, depth: int, room: list[int]) -> str:
    kind = type(value)
    if kind is str or kind is bytes:
        if len(value) <= MOST_VALUE:
            return repr(value)
        return f"{value[:MOST_VALUE]!r}... ({len(value)} long)"
    if kind is int:
        bits = value.bit_length()
        return repr(value) if bits <= _MOST_BITS else f"<int of {bits} bits>"
    if kind in _PLAIN:
        return repr(value)
    if kind is bytearray:
        return f"bytearray({bytes(value[:MOST_VALUE])!r})"
    if kind in _BRACKETS:
        return _items(value, kind, depth, room)
    return f"<{class_name(kind)} at {id(value):#x}>"


def _items(value: Any, kind: type, depth: int, room: list[int]) -> str:
    first, last = _BRACKETS[kind]
    if not value:
        return repr(value)
    if depth == MOST_DEPTH:
        return f"{first}...{last}"
    parts: list[str] = []
    # Pairs, never look-ups: those would ask a key of the user's for its hash.
    of_process = shown_items = 0
    # In one step: a thread of the app may add to it.
    seen = [*islice(value.items() if kind is dict else value, MOST_LOOKED_AT)]
    hidden = _hidden(seen) if kind is dict else set()
    for item in seen:
        if shown_items == MOST_ITEMS or room[0] <= 0:
            break
        if kind is dict and of_the_process(*item):
            of_process += 1
            continue
        shown_items += 1
        if kind is not dict:
            parts.append(_show(item, depth + 1, room))
            continue
        key, held = item
        secret = type(key) is str and (is_secret(key) or key in hidden)
        shown = masked(held) if secret else _show(held, depth + 1, room)
        parts.append(f"{_show(key, depth + 1, room)}: {shown}")
    rest = len(value) - shown_items - of_process
    if rest > 0:
        parts.append(f"... {rest} more")
    if of_process:
        parts.append(f"... {of_process} of the process environment")
    comma = "," if kind is tuple and len(parts) == 1 else ""
    return f"{first}{', '.join(parts)}{comma}{last}"


def _hidden(items: list[tuple[Any, Any]]) -> set[str]:
    """Return the keys that an environ asks to hide."""
    for key, held in items:
        if type(key) is str and key == "wsgimw.redact" and type(held) in _BRACKETS:
            return {name for name in [*islice(held, MOST_LOOKED_AT)] if type(name) is str}
    return set()


def class_name(cls: type) -> str:
    """Return the qualified name of a class, whatever its metaclass says."""
    try:
        return f"{_module(cls)}.{_qualified(cls)}"
    except Exception:
        return "object"
