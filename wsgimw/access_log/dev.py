"""The format `dev`: one line for people at a terminal, not to be parsed.

>>> dev({"time": 0.0, "method": "GET", "path": "/users/42", "query": None, "status": 200,
...     "bytes": 5, "duration_ms": 1.24, "outcome": "client_gone", "error": None,
...     "fingerprint": None})[9:]
'GET /users/42 200 5 B 1.2 ms client_gone'
"""

from __future__ import annotations

import os
import re
from typing import Any

from wsgimw.access_log.clock import time_of_day
from wsgimw.access_log.escaping import numbered

__all__ = ["coloured", "dev"]

# Controls, C1, line and paragraph separators, bidi controls and marks, surrogates.
_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_STATUS = {2: "32", 3: "36", 4: "33", 5: "31"}
_RED = "31"


def dev(entry: dict[str, Any], colour: bool = False) -> str:
    """Write an entry for people; with ANSI colours if asked."""
    query = "" if entry["query"] is None else f"?{entry['query']}"
    status = entry["status"]
    parts = [
        time_of_day(entry["time"]),
        _safe(entry["method"]),
        _safe(entry["path"]) + _safe(query, ""),
        _painted(str(status or "-"), _STATUS.get((status or 0) // 100), colour),
        _size(entry["bytes"]),
        f"{entry['duration_ms']:.1f} ms",
    ]
    if entry["outcome"] != "complete":
        parts.append(_painted(entry["outcome"], _RED, colour))
    if entry["error"]:
        parts.append(_painted(_safe(entry["error"]), _RED, colour))
    if entry["fingerprint"]:
        parts.append(_safe(entry["fingerprint"]))
    return " ".join(parts)


def _safe(text: str | None, absent: str = "-") -> str:
    return _UNSAFE.sub(lambda match: numbered(match[0]), text) if text else absent


def _painted(text: str, code: str | None, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code else text


def _size(count: int) -> str:
    if count < 10_000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 10_000_000 else f"{count / 1_000_000:.1f} MB"


def coloured(stream: Any) -> bool:
    """Is it a terminal, and did nobody ask for `NO_COLOR`?"""
    if os.environ.get("NO_COLOR"):
        return False
    try:
        return bool(stream.isatty())
    except Exception:
        return False
