"""The head of a response as `Compress` sees it: read once, judged by a table, edited in place.

`look` makes one pass over the header list and tells where the fields stand that matter. `Verdict`s
are the rows of the table: a code, which is the reason that is told, and whether the answer depends
on `Accept-Encoding`, so that `Vary` must say it (RFC 9110, 12.5.5). `make_coded` edits a list that
is the caller's own.

>>> headers = [("Content-Type", "text/plain"), ("ETag", '"x"'), ("Content-Length", "1000")]
>>> found = look(headers)
>>> content_length(headers, found)
1000
>>> make_coded(headers, found, "gzip", 73)
>>> for header in headers:
...     print(*header, sep=": ")
Content-Type: text/plain
ETag: "x--gzip"
Content-Length: 73
Content-Encoding: gzip
Vary: Accept-Encoding
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from wsgimw.coded_tags import coded_tag
from wsgimw.http.headers import Headers, add_vary, has_directive

Found: TypeAlias = dict[str, list[int]]

_VARY = ("Vary", "Accept-Encoding")
# RFC 9110, 14.3; RFC 9530: they speak of the bytes that the app had in mind.
_GONE = ("accept-ranges", "content-md5", "digest", "content-digest", "repr-digest")
_LOOKED_AT = frozenset(
    {
        *_GONE,
        "access-control-allow-credentials",
        "cache-control",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "etag",
        "transfer-encoding",
        "vary",
        "x-accel-redirect",
        "x-sendfile",
    }
)
_SPELLINGS_MAX = 1024
_spellings: dict[str, str] = {}


class Verdict(NamedTuple):
    """A row of the table: why a response goes out as it does."""

    code: str
    varies: bool

    @property
    def reason(self) -> str:
        """The code as the record has it."""
        return f"compress:{self.code}"


def look(headers: Headers) -> Found:
    """Map the lower-case name of each field that matters to the places where it stands."""
    found: Found = {}
    for place, (name, _) in enumerate(headers):
        known = _spellings.get(name)
        if known is None:
            known = _learn(name)
        if known:
            if known in found:
                found[known].append(place)
            else:
                found[known] = [place]
    return found


def _learn(name: str) -> str:
    """Fold a spelling once: a process meets few, and `lower()` for each header is what costs."""
    folded = name.lower()
    known = folded if folded in _LOOKED_AT else ""
    if len(_spellings) < _SPELLINGS_MAX:
        _spellings[name] = known
    return known


def is_identity(headers: Headers, found: Found) -> bool:
    """Does Content-Encoding say that there is none? RFC 9110, 8.4, says that nobody should."""
    members = [
        member.strip(" \t").lower()
        for place in found.get("content-encoding", ())
        for member in headers[place][1].split(",")
    ]
    return set(members) == {"identity"}


def content_length(headers: Headers, found: Found) -> int | None:
    """Return the declared length, or None if there is none, or none that can be believed."""
    values = {headers[place][1] for place in found.get("content-length", ())}
    if len(values) != 1:
        return None
    value = values.pop()
    # int() takes more than the grammar, and refuses what is very long.
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def says(headers: Headers, found: Found, directive: str) -> bool:
    """Does Cache-Control of the response hold this directive?"""
    places = found.get("cache-control")
    return places is not None and has_directive(
        ", ".join([headers[place][1] for place in places]), directive
    )


def is_trusted_elsewhere(headers: Headers, found: Found) -> bool:
    """Does it say that other sites may read it, or that it is the same for everyone?"""
    return says(headers, found, "public") or any(
        headers[place][1].strip(" \t") == "true"
        for place in found.get("access-control-allow-credentials", ())
    )


def vary(headers: Headers, found: Found) -> None:
    """Say in Vary that the coding was negotiated."""
    if "vary" in found:
        add_vary(headers, "Accept-Encoding")
    else:
        headers.append(_VARY)


def make_coded(headers: Headers, found: Found, coding: str, length: int | None) -> None:
    """Make it the head of the coded body, in place. `length` is that of the body, or unknown."""
    gone: list[int] = []
    for place in found.get("etag", ()):
        name, etag = headers[place]
        headers[place] = (name, coded_tag(etag, coding))
    lengths = found.get("content-length", ())
    if length is None:
        gone.extend(lengths)
    elif lengths:
        headers[lengths[0]] = (headers[lengths[0]][0], str(length))
        gone.extend(lengths[1:])
    else:
        headers.append(("Content-Length", str(length)))
    for name in _GONE:
        if name in found:
            gone.extend(found[name])
    if gone:
        places = frozenset(gone)
        headers[:] = [item for place, item in enumerate(headers) if place not in places]
    headers.append(("Content-Encoding", coding))
    vary(headers, found)  # last: it may take lines out, and the places would be others


def without_identity(headers: Headers, found: Found) -> Headers:
    """Return the list without its `Content-Encoding: identity`."""
    places = found["content-encoding"]
    return [item for place, item in enumerate(headers) if place not in places]


def with_held_tag(headers: Headers, found: Found, held: Mapping[str, str]) -> None:
    """Give a 304 the tag under which the client has the coded body (RFC 9110, 15.4.5)."""
    for place in found.get("etag", ()):
        name, etag = headers[place]
        headers[place] = (name, held.get(etag, etag))
