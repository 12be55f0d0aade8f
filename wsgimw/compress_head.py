"""The head of a response as `Compress` sees it: read in one pass, edited in place.

`look` tells which of the fields that matter are there, a bit for each, and the values of the three
that every decision needs. `Verdict`s are the rows of the table of `Compress`: a code, which is the
reason that is told, and whether the answer depends on `Accept-Encoding`, so that `Vary` must say it
(RFC 9110, 12.5.5). What edits, edits a list that is the caller's own.

>>> headers = [("Content-Type", "text/plain"), ("ETag", '"x"'), ("content-length", "1000")]
>>> seen, content_type, cache_control, length = look(headers)
>>> content_type, cache_control, content_length(length), bool(seen & TAG), bool(seen & ENCODING)
('text/plain', None, 1000, True, False)
>>> make_coded(headers, seen, "gzip", 73)
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
from typing import TypeAlias

from wsgimw.coded_tags import coded_tag
from wsgimw.http.headers import Headers, add_vary, has_directive, joined, merged_vary, remove
from wsgimw.remembered import Remembered

Seen: TypeAlias = tuple[int, str | None, str | None, str | None]

VARIES = ("Vary", "Accept-Encoding")
_CODED = {coding: ("Content-Encoding", coding) for coding in ("zstd", "br", "gzip")}

# A bit for each field that matters; the first two are never in the sum, their values are enough.
# TWICE: there are several lines of it. A response with one of the last four is left alone, so these
# are the highest: a comparison tells that there is none.
_TYPE, _CONTROL, _LENGTH, _LENGTH_TWICE, VARY, _VARY_TWICE, TAG, GONE = (1 << n for n in range(8))
SENDFILE, RANGE, TRANSFER, ENCODING = (1 << n for n in range(8, 12))
LEFT_ALONE = SENDFILE
_EDITED = _LENGTH | VARY | TAG | GONE
# RFC 9110, 14.3; RFC 9530: they speak of the bytes that the app had in mind.
_GONE = ("accept-ranges", "content-md5", "digest", "content-digest", "repr-digest")
_BITS = {
    "content-type": _TYPE,
    "cache-control": _CONTROL,
    "content-length": _LENGTH,
    "content-encoding": ENCODING,
    "transfer-encoding": TRANSFER,
    "content-range": RANGE,
    "x-sendfile": SENDFILE,
    "x-accel-redirect": SENDFILE,
    "vary": VARY,
    "etag": TAG,
    **dict.fromkeys(_GONE, GONE),
}
_SPELLINGS_MAX = 1024
_SPELLING_LONGEST = 64
_bits: dict[str, int | None] = {**_BITS}
"""The bits by the spelling, None for other fields.

A process meets few, and `lower()` for each field is what costs.
"""


class Verdict:
    """A row of the table: why a response goes out as it does."""

    __slots__ = ("code", "reason", "varies")

    def __init__(self, code: str, *, varies: bool) -> None:
        self.code = code
        self.reason = f"compress:{code}"
        self.varies = varies


def look(headers: Headers) -> Seen:
    """Return the bits of the fields, and the Content-Type, Cache-Control and Content-Length.

    The lines of a field that stands there more than once are joined, as RFC 9110, 5.3, has it. What
    is no list of pairs of texts mostly raises TypeError, ValueError or AttributeError.
    """
    if type(headers) is not list:
        len(headers)  # of an iterator, which cannot be read twice, there is none
    seen = 0
    content_type = cache_control = length = None
    try:
        for name, value in headers:
            bit = _bits[name]
            if bit is None:
                continue
            if bit == _TYPE:
                if content_type is not None:
                    return _look_again(headers)
                content_type = value
            elif bit == _CONTROL:
                if cache_control is not None:
                    return _look_again(headers)
                cache_control = value
            elif bit == _LENGTH:
                if length is not None:
                    return _look_again(headers)
                length = value
                seen |= bit
            elif seen & bit:
                return _look_again(headers)
            else:
                seen |= bit
    except KeyError:
        return _look_again(headers)
    return seen, content_type, cache_control, length


def _look_again(headers: Headers) -> Seen:
    """Read a head in which a field stands twice, or in a spelling that is new."""
    seen = 0
    for name, _ in headers:
        bit = _bit(name)
        if bit is not None:
            if seen & bit & (_LENGTH | VARY):
                seen |= bit << 1
            seen |= bit
    content_type, cache_control, length = (
        joined(headers, name) for name in ("Content-Type", "Cache-Control", "Content-Length")
    )
    return seen & ~(_TYPE | _CONTROL), content_type, cache_control, length


def _bit(name: str) -> int | None:
    try:
        return _bits[name]
    except KeyError:
        bit = _BITS.get(name.lower())
        if len(_bits) < _SPELLINGS_MAX and len(name) <= _SPELLING_LONGEST:
            _bits[name] = bit
        return bit


def is_identity(headers: Headers) -> bool:
    """Does Content-Encoding say that there is none? RFC 9110, 8.4: nobody should."""
    members = (joined(headers, "Content-Encoding") or "").split(",")
    return {member.strip(" \t").lower() for member in members} == {"identity"}


def content_length(value: str) -> int | None:
    """Return the declared length, or None if it cannot be believed."""
    # int() takes more than the grammar, and refuses what is very long.
    return int(value) if value.isdigit() and value.isascii() and len(value) < 19 else None


forbids: Remembered[bool] = Remembered(lambda value: has_directive(value, "no-transform"), 256)
"""Does this Cache-Control hold `no-transform`? RFC 9111, 5.2.1.6, 5.2.2.6."""


def is_for_all(headers: Headers, cache_control: str | None) -> bool:
    """Does it say that it is the same for everyone, or that other sites may read it?"""
    trusts = joined(headers, "Access-Control-Allow-Credentials")
    if trusts is not None and trusts.strip(" \t") == "true":
        return True
    return has_directive(cache_control, "public")


_varied = Remembered(lambda value: merged_vary((value,), VARIES[1:]) or value, 256)


def vary(headers: Headers, seen: int) -> None:
    """Say in Vary that the coding was negotiated, in place."""
    if not seen & VARY:
        headers.append(VARIES)
    elif seen & _VARY_TWICE:
        add_vary(headers, "Accept-Encoding")
    else:
        for place, (name, value) in enumerate(headers):
            if len(name) == 4 and name.lower() == "vary":
                headers[place] = (name, _varied[value])
                return


def make_coded(headers: Headers, seen: int, coding: str, length: int | None) -> None:
    """Make it the head of the coded body, in place. `length` is that of the body, or unknown."""
    if seen & _EDITED:
        vary(headers, seen)
        _edit(headers, seen, coding, length)
        headers.append(_CODED[coding])
    elif length is None:
        headers += (VARIES, _CODED[coding])
    else:
        headers += (VARIES, ("Content-Length", str(length)), _CODED[coding])


def _edit(headers: Headers, seen: int, coding: str, length: int | None) -> None:
    if seen & GONE:
        remove(headers, *_GONE)
    if seen & _LENGTH_TWICE or length is None:
        remove(headers, "Content-Length")
        seen &= ~_LENGTH
    for place, (name, value) in enumerate(headers):
        bit = _bit(name)
        if bit == TAG:
            headers[place] = (name, coded_tag(value, coding))
        elif bit == _LENGTH:
            headers[place] = (name, str(length))
    if length is not None and not seen & _LENGTH:
        headers.append(("Content-Length", str(length)))


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
