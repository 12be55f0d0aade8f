"""Byte ranges: read ``Range``, write what a 206 and a 416 need. RFC 9110, 14.

Use it where a part of a representation of known size can be sent. The conditions come first
(``validators.precondition``, then ``validators.if_range``), and only a GET has ranges.

>>> parse_range("bytes=0-0,500-", 1000)
[(0, 1), (500, 1000)]
>>> content_range(0, 1, 1000)
'bytes 0-0/1000'
>>> parse_range("bytes=1000-", 1000), parse_range("lines=1-2", 1000)
([], None)

No function raises for anything that a field may hold, and each takes time linear in it. What one
request may ask for is bounded: overlapping ranges are merged, so that no answer has more content
than the representation (CVE-2011-3192).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_SPECIFIER = re.compile(r"([0-9]*)-([0-9]*)").fullmatch
# What nearly all clients send, and too short to need care.
_SINGLE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{0,18})").fullmatch
_DIGITS = 19
"""No position of more digits than this lies in a representation; ``int()`` has a limit, too."""


def parse_range(
    field: str, size: int, *, limit: int = 16, gap: int = 80
) -> list[tuple[int, int]] | None:
    """Read a ``Range`` field against a representation of ``size`` bytes.

    None: ignore it and send all of it (another unit, not the grammar, more than ``limit`` members,
    or nothing to take a part of). ``[]``: nothing can be satisfied, 416. Else half-open pairs:
    members that overlap, touch, or have fewer than ``gap`` bytes between them are one, which stands
    where the first of its members stood.

    >>> parse_range("bytes=-1", 10), parse_range("bytes=5-6, 0-3", 1000, gap=1)
    ([(9, 10)], [(5, 7), (0, 4)])
    >>> parse_range("bytes=5-4", 10), parse_range("bytes=10-", 10), parse_range("bytes=-0", 10)
    (None, [], [])
    """
    single = _SINGLE(field)
    if single and size:
        first, last = single.groups()
        start, stop = int(first), int(last) + 1 if last else size
        if stop > start:
            return [(start, min(stop, size))] if start < size else []
    unit, equals, members = field.partition("=")
    if not equals or unit.lower() != "bytes" or not size or members.count(",") >= limit:
        return None
    found: list[tuple[int, int]] = []
    seen = False
    for member in _members(members):
        if not member:
            continue
        specifier = _SPECIFIER(member)
        if not specifier or member == "-":
            return None
        first, last = (digits.lstrip("0") for digits in specifier.groups())
        seen = True
        if not specifier[1]:
            found.append((max(0, size - _position(last)), size))
        elif specifier[2] and (len(first), first) > (len(last), last):
            return None
        else:
            stop = _position(last) + 1 if specifier[2] else size
            found.append((_position(first), min(stop, size)))
    if not seen:
        return None
    return _merged([pair for pair in found if pair[0] < pair[1]], max(gap, 1))


def _members(members: str) -> list[str]:
    """Split at the commas; white space may stand round these alone."""
    split = members.split(",")
    last = len(split) - 1
    for index, member in enumerate(split):
        if index < last:
            member = member.rstrip(" \t")
        split[index] = member.lstrip(" \t") if index else member
    return split


def _position(digits: str) -> int:
    """Read digits that have no zero in front; "" is 0."""
    return int(digits or "0") if len(digits) <= _DIGITS else 10**_DIGITS


def _merged(pairs: list[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    if len(pairs) < 2:
        return pairs
    clusters: list[tuple[int, int, int]] = []  # the place of the first member, start, stop
    for start, stop, place in sorted((*pair, place) for place, pair in enumerate(pairs)):
        if clusters and start - clusters[-1][2] < gap:
            first, begun, ended = clusters[-1]
            clusters[-1] = (min(first, place), begun, max(ended, stop))
        else:
            clusters.append((place, start, stop))
    return [(start, stop) for _, start, stop in sorted(clusters)]


def content_range(start: int, stop: int, size: int) -> str:
    """Write the ``Content-Range`` of a part, given half-open. RFC 9110, 14.4.

    >>> content_range(0, 500, 1234)
    'bytes 0-499/1234'
    """
    return f"bytes {start}-{stop - 1}/{size}"


def unsatisfied(size: int) -> str:
    """Write the ``Content-Range`` of a 416.

    >>> unsatisfied(1234)
    'bytes */1234'
    """
    return f"bytes */{size}"


def multipart(
    parts: Iterable[tuple[int, int]], size: int, content_type: str, boundary: str
) -> tuple[list[bytes], int]:
    r"""Make the frames of a ``multipart/byteranges`` body, and its exact length. RFC 9110, 14.6.

    The frames are the bytes before each part, then the closing ones.

    >>> frames, length = multipart([(0, 2), (8, 10)], 10, "text/plain", "b")
    >>> frames[1]
    b'\r\n--b\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\n'
    >>> frames[2], length == sum(map(len, frames)) + 4
    (b'\r\n--b--\r\n', True)
    """
    frames: list[bytes] = []
    length = 0
    for start, stop in parts:
        head = (
            f"--{boundary}\r\nContent-Type: {content_type}\r\n"
            f"Content-Range: {content_range(start, stop, size)}\r\n\r\n"
        )
        frames.append((("\r\n" if frames else "") + head).encode("latin-1"))
        length += stop - start
    frames.append(f"\r\n--{boundary}--\r\n".encode("latin-1"))
    return frames, length + sum(map(len, frames))
