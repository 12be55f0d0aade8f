"""One recorded request as text: the way in, the way out, and what each layer did.

>>> request = {"method": "GET", "path": "/", "query": "", "status": "200 OK", "total_ms": 0.4,
...     "first_byte_ms": 0.3, "headers": [{"name": "Vary", "value": "Origin", "by": "CORS()"}],
...     "layers": [
...         {"layer": "CORS()", "answered": False, "status": ["200 OK", "200 OK"], "error": None,
...          "environ": {"added": {"a.key": "1"}, "changed": {}, "removed": {}},
...          "head": {"added": [["Vary", "Origin"]], "changed": [], "removed": []},
...          "blocks": [1, 1], "bytes": [5, 5], "write": False, "closed": 0.4, "faults": [],
...          "ms": {"in": 0.1, "self": 0.1, "total": 0.4}},
...         {"layer": "app", "answered": True, "status": [None, "200 OK"], "error": None,
...          "environ": {"added": {}, "changed": {}, "removed": {}},
...          "head": {"added": [["X", "y"]], "changed": [], "removed": []},
...          "blocks": [0, 1], "bytes": [0, 5], "write": False, "closed": 0.4, "faults": [],
...          "ms": {"in": 0.3, "self": 0.3, "total": 0.3}}]}
>>> print(waterfall(request))
GET /  200 OK  0.40 ms
<BLANKLINE>
in       out     self    layer   what it did
+0.00ms  0.40ms  0.10ms  CORS()  environ +a.key · header +Vary
+0.10    0.30    0.30    app     200 OK · 1 block 5 B · first byte 0.30 ms · closed
<BLANKLINE>
Vary: Origin  by CORS()

`in` is when the request came to the layer, `out` how long it was until the layer had done with it,
`self` what of this is the layer's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from wsgimw.errors.tree import clean

__all__ = ["waterfall"]

MOST_NAMES = 6
MOST_NAME = 60
MOST_TEXT = 200


def waterfall(request: dict[str, Any]) -> str:
    """Return the text of a request, as `recording.requests` has it."""
    layers = request["layers"]
    rows: list[tuple[str, ...]] = [("in", "out", "self", "layer", "what it did")]
    came = 0.0
    for index, layer in enumerate(layers):
        ms = layer["ms"]
        unit = "" if index else "ms"
        did = " · ".join(_did(layer, request, index == len(layers) - 1)) or "-"
        rows.append(
            (
                f"+{came:.2f}{unit}",
                f"{ms['total']:.2f}{unit}",
                f"{ms['self']:.2f}{unit}",
                _line(layer["layer"], MOST_NAME),
                did,
            )
        )
        came += ms["in"]
    for layer in layers:
        for fault in layer["faults"]:
            name, message = _line(layer["layer"], MOST_NAME), _line(fault["message"], 400)
            rows.append(("!", "", "", name, f"{message.rstrip('.')} — rule {fault['rule']}"))
    target = request["path"] + (f"?{request['query']}" if request["query"] else "")
    title = f"{_line(request['method'])} {_line(target)}  {_line(request['status'] or 'no head')}"
    parts = [f"{title}  {request['total_ms']:.2f} ms", _table(rows)]
    if request["headers"]:
        parts.append(
            _table(
                [
                    (f"{_line(field['name'])}: {_line(field['value'])}", f"by {_line(field['by'])}")
                    for field in request["headers"]
                ]
            )
        )
    return "\n\n".join(parts)


def _did(layer: dict[str, Any], request: dict[str, Any], innermost: bool) -> Iterator[str]:
    environ, head = layer["environ"], layer["head"]
    inner, outer = layer["status"]
    if edits := _edits(environ["added"], environ["changed"], environ["removed"]):
        yield f"environ {edits}"
    if innermost and layer["answered"]:
        yield _line(outer or "no head")
    elif layer["answered"]:
        yield f"answered {_line(outer or 'without a head')}"
    elif inner != outer:
        yield f"status {_line(inner or 'none')} → {_line(outer or 'none')}"
    names = [[item[0] for item in head[key]] for key in ("added", "changed", "removed")]
    if not layer["answered"] and (edits := _edits(*names)):
        yield f"header {edits}"
    yield from _body(layer)
    if layer["write"]:
        yield "write()"
    if layer["error"]:
        yield _line(layer["error"])
    if innermost:
        if request["first_byte_ms"] is not None:
            yield f"first byte {request['first_byte_ms']:.2f} ms"
        if layer["closed"] is not None:
            yield "never closed" if layer["closed"] is False else "closed"


def _edits(added: Iterable[str], changed: Iterable[str], removed: Iterable[str]) -> str:
    names = [f"+{_line(name, MOST_NAME)}" for name in added]
    names += [f"~{_line(name, MOST_NAME)}" for name in changed]
    names += [f"−{_line(name, MOST_NAME)}" for name in removed]  # noqa: RUF001
    more = len(names) - MOST_NAMES
    return " ".join([*names[:MOST_NAMES], *([f"and {more} more"] if more > 0 else [])])


def _body(layer: dict[str, Any]) -> Iterator[str]:
    (blocks_in, blocks_out), (bytes_in, bytes_out) = layer["blocks"], layer["bytes"]
    if blocks_out is None or bytes_out is None:
        yield "file wrapper"
    elif layer["answered"]:
        yield f"{_count(blocks_out)} {bytes_out:,} B"
    elif None not in (blocks_in, bytes_in) and (blocks_in, bytes_in) != (blocks_out, bytes_out):
        after = "" if blocks_in == blocks_out else f"{_count(blocks_out)} "
        yield f"{_count(blocks_in)} {bytes_in:,} B → {after}{bytes_out:,} B"


def _count(blocks: int) -> str:
    return f"{blocks:,} block{'' if blocks == 1 else 's'}"


def _line(text: str, most: int = MOST_TEXT) -> str:
    """Return text that cannot leave its line, nor steer a terminal."""
    return clean(text, most).replace("\n", "\\n")


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    return "\n".join(
        "  ".join(
            [*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[-1]]
        )
        for row in rows
    )
