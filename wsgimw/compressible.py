"""Which media types are worth compressing, and which are live. RFC 9110, 8.3.

Types are allowed by rule: lists of exact names miss `application/problem+json`, and lists of what
to leave alone squeeze PNGs. A pattern is a media type in which `*` is any run of characters; case
and parameters are ignored.

>>> kind = kinds(TYPES)
>>> kind["text/HTML; charset=utf-8"], kind["text/event-stream"], kind["image/png"]
(1, 2, 0)
>>> kinds((*TYPES, "model/*"))["model/obj"]
1
"""

from __future__ import annotations

import re

from wsgimw.remembered import Remembered

__all__ = ["LEFT_ALONE", "LIVE", "LIVE_TYPES", "TYPES", "WORTHWHILE", "kinds"]

TYPES: tuple[str, ...] = (
    "text/*",
    "*+json",
    "*+xml",
    "*+yaml",
    "*+text",
    "application/json",
    "application/javascript",
    "application/x-javascript",
    "application/xml",
    "application/wasm",
    "application/x-ndjson",
    "application/jsonl",
    "application/json-seq",
    "application/yaml",
    "application/toml",
    "application/graphql",
    "application/sql",
    "application/rtf",
    "application/vnd.ms-fontobject",
    "font/ttf",
    "font/otf",
    "image/bmp",
    "image/x-icon",
    "image/vnd.microsoft.icon",
)
"""The patterns that are taken when none are given. Extend them: `(*TYPES, "x/y")`."""

LIVE_TYPES = frozenset(
    {
        "text/event-stream",
        "application/x-ndjson",
        "application/jsonl",
        "application/json-seq",
    }
)
"""Types whose blocks are events that somebody waits for, where the length is unknown."""

LEFT_ALONE, WORTHWHILE, LIVE = range(3)


def kinds(patterns: tuple[str, ...]) -> Remembered[int]:
    """Map a Content-Type value to LEFT_ALONE, WORTHWHILE or LIVE, by the raw value, bounded."""
    matches = re.compile(
        "|".join(".*".join(map(re.escape, pattern.split("*"))) for pattern in patterns),
        re.DOTALL | re.IGNORECASE,
    ).fullmatch

    def kind_of(content_type: str) -> int:
        media_type = content_type.partition(";")[0].strip(" \t").lower()
        if not media_type or not patterns or not matches(media_type):
            return LEFT_ALONE
        return LIVE if media_type in LIVE_TYPES else WORTHWHILE

    return Remembered(kind_of, 256)
