"""The head of a response as `Compress` sees it: read in one pass, edited in place.

`look` tells what the fields say, by their folded names. `Verdict`s are the rows of the table of
`Compress`: a code, which is the reason that is told, and whether the answer depends on
`Accept-Encoding`, so that `Vary` must say it (RFC 9110, 12.5.5). What edits, edits a list that is
the caller's own.

>>> headers = [("Content-Type", "text/plain"), ("ETag", '"x"'), ("content-length", "1000")]
>>> found = look(headers)
>>> content_length(found["content-length"][1])
1000
>>> make_coded(headers, found, "gzip", 73)
>>> for header in headers:
...     print(*header, sep=": ")
Content-Type: text/plain
ETag: "x--gzip"
content-length: 73
Vary: Accept-Encoding
Content-Encoding: gzip
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

from wsgimw.coded_tags import coded_tag
from wsgimw.http.headers import Headers, add_vary, has_directive, merged_vary, remove

Found: TypeAlias = dict[str, tuple[str, str]]

VARY = ("Vary", "Accept-Encoding")
_CODED = {coding: ("Content-Encoding", coding) for coding in ("zstd", "br", "gzip")}
# RFC 9110, 14.3; RFC 9530: they speak of the bytes that the app had in mind.
_GONE = frozenset({"accept-ranges", "content-md5", "digest", "content-digest", "repr-digest"})
_EDITED = _GONE | {"content-length", "etag", "vary"}
_SPELLINGS_MAX = 1024
_spellings: dict[str, str] = {}


class Verdict:
    """A row of the table: why a response goes out as it does."""

    __slots__ = ("code", "reason", "varies")

    def __init__(self, code: str, *, varies: bool) -> None:
        self.code = code
        self.reason = f"compress:{code}"
        self.varies = varies


def look(headers: Headers) -> Found:
    """Map the folded name of each field to its pair of name and value.

    The lines of a field that stands there more than once are joined, as RFC 9110, 5.3, has it.
    """
    found: Found = {}
    folded = _spellings
    try:
        for item in headers:
            found[folded[item[0]]] = item
    except KeyError:
        found = {_fold(item[0]): item for item in headers}
    return found if len(found) == len(headers) else _joined(headers)


def _fold(name: str) -> str:
    """Fold a spelling once: a process meets few, and `lower()` for each header is what costs."""
    folded = name.lower()
    if len(_spellings) < _SPELLINGS_MAX:
        _spellings[name] = folded
    return folded


def _joined(headers: Headers) -> Found:
    found: Found = {}
    for name, value in headers:
        folded = name.lower()
        if folded in found:
            value = f"{found[folded][1]}, {value}"
        found[folded] = (name, value)
    return found


def is_identity(found: Found) -> bool:
    """Does Content-Encoding say that there is none? RFC 9110, 8.4: nobody should."""
    item = found.get("content-encoding")
    members = item[1].split(",") if item else ()
    return {member.strip(" \t").lower() for member in members} == {"identity"}


def content_length(value: str) -> int | None:
    """Return the declared length, or None if it cannot be believed."""
    # int() takes more than the grammar, and refuses what is very long.
    return int(value) if value.isdigit() and value.isascii() and len(value) < 19 else None


@lru_cache(256)
def forbids(cache_control: str) -> bool:
    """Does this Cache-Control hold `no-transform`? RFC 9111, 5.2.1.6, 5.2.2.6."""
    return has_directive(cache_control, "no-transform")


def is_for_all(found: Found) -> bool:
    """Does it say that it is the same for everyone, or that other sites may read it?"""
    trusts = found.get("access-control-allow-credentials")
    if trusts is not None and trusts[1].strip(" \t") == "true":
        return True
    item = found.get("cache-control")
    return item is not None and has_directive(item[1], "public")


def vary(headers: Headers, found: Found) -> None:
    """Say in Vary that the coding was negotiated, in place."""
    item = found.get("vary")
    if item is None:
        headers.append(VARY)
    elif len(found) != len(headers):
        add_vary(headers, "Accept-Encoding")
    else:
        line = merged_vary((item[1],), ("Accept-Encoding",))
        if line is not None:
            headers[headers.index(item)] = (item[0], line)


def make_coded(headers: Headers, found: Found, coding: str, length: int | None) -> None:
    """Make it the head of the coded body, in place. `length` is that of the body, or unknown."""
    if not _EDITED.isdisjoint(found):
        vary(headers, found)
        _edit(headers, found, coding, length)
        headers.append(_CODED[coding])
    elif length is None:
        headers += (VARY, _CODED[coding])
    else:
        headers += (VARY, ("Content-Length", str(length)), _CODED[coding])


def _edit(headers: Headers, found: Found, coding: str, length: int | None) -> None:
    if "etag" in found:
        for place, (name, value) in enumerate(headers):
            if name.lower() == "etag":
                headers[place] = (name, coded_tag(value, coding))
    item = found.get("content-length")
    if item is not None and length is not None and item in headers:
        headers[headers.index(item)] = (item[0], str(length))
    else:
        remove(headers, "Content-Length")
        if length is not None:
            headers.append(("Content-Length", str(length)))
    if not _GONE.isdisjoint(found):
        remove(headers, *_GONE)


def without_identity(headers: Headers) -> Headers:
    """Return the list without its `Content-Encoding: identity`."""
    return [item for item in headers if item[0].lower() != "content-encoding"]


def with_held_tag(headers: Headers, held: Mapping[str, str]) -> Headers:
    """Give a 304 the tag under which the client has the coded body (RFC 9110, 15.4.5)."""
    return [
        (name, held.get(value, value)) if name.lower() == "etag" else (name, value)
        for name, value in headers
    ]


def with_timing(headers: Headers, code: str, seconds: float | None = None) -> Headers:
    """Return the list with one more Server-Timing, which tells what was done, or why not."""
    duration = "" if seconds is None else f";dur={seconds * 1000:.3f}"
    return [*headers, ("Server-Timing", f'compress;desc="{code}"{duration}')]
