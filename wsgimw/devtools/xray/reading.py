"""Read a recording: its dicts as short texts, pairs and numbers, whatever stands in them.

A recording may come from a file, an older version or a hand, so nothing here raises.

>>> shown("a\\nb"), number("x"), times(0.4123), bytes_text(10240)
('a\\\\nb', 0.0, '0.41 ms', '10,240 B')
>>> pairs({"Vary": "Origin"}), pairs([["Vary", "Origin"]]), pairs(["Vary"])
([('Vary', 'Origin')], [('Vary', 'Origin')], [('Vary', '')])
>>> changes({"status": ["200", "304"]})
[('status', '200', '304')]
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from wsgimw.errors.tree import cut
from wsgimw.http.paths import from_wsgi

MOST = 2048
MOST_ROWS = 200
MOST_REQUESTS = 1000
# Controls, what turns the direction of text, what has no width, and halves of pairs.
_UNSEEN = re.compile(
    "[\0-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufffe\uffff]"
)


def shown(value: Any, most: int = MOST) -> str:
    """Return a value as text of one line: cut, and what cannot be seen as an escape."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), cut(text, most))


def number(value: Any) -> float:
    """Return a number that is none below zero and not without end."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0.0
    return float(value) if math.isfinite(value) and value > 0 else 0.0


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a mapping as it is, and an empty one for all else."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    """Return the items of a list, at most `MOST_ROWS`."""
    return [*value[:MOST_ROWS]] if isinstance(value, (list, tuple)) else []


def two(value: Any) -> tuple[Any, Any]:
    """Return a pair, inner and outer or in and out."""
    found = items(value)
    return (found[0], found[1]) if len(found) == 2 else (None, None)


def pairs(value: Any) -> list[tuple[str, str]]:
    """Return names and values, of a mapping or of a list of pairs, dicts or names."""
    return [(name, _joined(rest)) for name, *rest in _entries(value)]


def changes(value: Any) -> list[tuple[str, str, str]]:
    """Return names, values before and values after."""
    found = []
    for name, *rest in _entries(value):
        values = rest[0] if len(rest) == 1 and isinstance(rest[0], (list, tuple)) else rest
        before, after = values if len(values) == 2 else ("", _joined(values))
        found.append((name, shown(before), shown(after)))
    return found


def _entries(value: Any) -> list[list[Any]]:
    if isinstance(value, Mapping):
        return [[shown(name), item] for name, item in [*value.items()][:MOST_ROWS]]
    found: list[list[Any]] = []
    for item in items(value):
        if isinstance(item, Mapping):
            rest = [each for key, each in item.items() if key not in ("name", "by")]
            found.append([shown(item.get("name")), *rest])
        elif isinstance(item, (list, tuple)) and item:
            found.append([shown(item[0]), *item[1:]])
        else:
            found.append([shown(item)])
    return found


def _joined(values: Sequence[Any]) -> str:
    return ", ".join(shown(value) for value in values)


def requests(recording: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the requests of a recording, newest last, at most the last `MOST_REQUESTS`."""
    found = recording.get("requests")
    if not isinstance(found, (list, tuple)):
        return []
    return [mapping(request) for request in found[-MOST_REQUESTS:]]


def layers(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the layers of a request, outermost first."""
    return [mapping(layer) for layer in items(request.get("layers"))]


def name(layer: Mapping[str, Any]) -> str:
    """Return what a layer is called."""
    return shown(layer.get("layer"), 300) or "?"


def short(text: str) -> str:
    """Return the name in a constructor call.

    >>> short("Compress(level=6)"), short("partial(ProxyFix, x_for=1)"), short("<Flask 'shop'>")
    ('Compress', 'ProxyFix', "Flask 'shop'")
    """
    if text.startswith("partial("):
        return text[8:].split(",")[0].rstrip(")")
    if text.startswith("<") and text.endswith(">"):
        return text[1:-1]
    return text.partition("(")[0] or text


def stack_layers(stack: Any) -> list[Mapping[str, Any]]:
    """Return the layers of an explanation, outermost first."""
    return [mapping(layer) for layer in items(mapping(stack).get("layers"))]


def call(layer: Mapping[str, Any]) -> str:
    """Return how a layer of an explanation was made, as it is written."""
    return shown(layer.get("layer") or layer.get("text"), 300) or "?"


def layer_names(stack: Any) -> frozenset[str]:
    """Return the names of the layers of an explanation; apps and routes are none."""
    found = stack_layers(stack)
    return frozenset([call(each) for each in found if each.get("kind", "layer") == "layer"])


def faults(request: Mapping[str, Any]) -> int:
    """Count the broken rules."""
    return sum(len(items(layer.get("faults"))) for layer in layers(request))


def target(request: Mapping[str, Any]) -> str:
    """Return path and query as they are shown."""
    raw = request.get("path")
    # A WSGI string, which is UTF-8 in disguise.
    path = shown(from_wsgi(raw) or raw if isinstance(raw, str) else raw) or "/"
    query = shown(request.get("query"))
    return f"{path}?{query}" if query else path


def times(milliseconds: Any) -> str:
    """Return a time with its unit.

    >>> times(12.345), times(1234.5), times(None)
    ('12.3 ms', '1,234 ms', '0.00 ms')
    """
    value = number(milliseconds)
    return f"{value:,.{2 if value < 10 else 1 if value < 100 else 0}f} ms"


def bytes_text(size: Any) -> str:
    """Return a size with its unit."""
    return f"{int(number(size)):,} B"


def plural(count: int, noun: str) -> str:
    """Return a count of things.

    >>> plural(1, "block"), plural(2000, "byte")
    ('1 block', '2,000 bytes')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def moment(value: Any) -> tuple[str, str]:
    """Return a time for the machine and for the reader, in UTC where it is a number of seconds.

    >>> moment(0.5), moment("yesterday")
    (('1970-01-01T00:00:00.500000+00:00', '00:00:00'), ('', 'yesterday'))
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            at = datetime.fromtimestamp(value, UTC)
        except (OverflowError, OSError, ValueError):
            return "", ""
        return at.isoformat(), at.strftime("%H:%M:%S")
    return "", shown(value, 40)
