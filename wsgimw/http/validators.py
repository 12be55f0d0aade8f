"""Dates, entity tags and preconditions. RFC 9110, 5.6.7, 8.8, 13.

Use it wherever an answer has an ``ETag`` or a ``Last-Modified``: to read and write the two, and to
let the client's conditions decide before anything is sent. It knows no files and sends nothing.

>>> environ = {"REQUEST_METHOD": "GET", "HTTP_IF_NONE_MATCH": 'W/"a,b", "c"'}
>>> precondition(environ, '"c"', None), precondition(environ, '"d"', None)
(304, 0)
>>> environ = {"REQUEST_METHOD": "GET", "HTTP_IF_MODIFIED_SINCE": "Sun, 06 Nov 1994 08:49:37 GMT"}
>>> precondition(environ, None, 784111777), precondition(environ, None, 784111778)
(304, 0)

A tag is ``[W/]"..."`` with ``%x21 / %x23-7E / %x80-FF`` inside, so a comma may stand in it, a space
or a quote may not; ``W`` is case-sensitive. ``etag`` is always a tag with its quotes, the one that
would be sent; ``last_modified`` and all other times are seconds since the epoch. A conditional
field that is blank counts as absent, a date that cannot be read is ignored.

Reads ``HTTP_IF_MATCH``, ``HTTP_IF_NONE_MATCH``, ``HTTP_IF_MODIFIED_SINCE``,
``HTTP_IF_UNMODIFIED_SINCE``, ``HTTP_IF_RANGE``. No function raises for anything that a field may
hold, and each takes time linear in it.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from calendar import timegm
from functools import lru_cache
from hashlib import sha256
from time import gmtime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_OPAQUE = r'"[!#-~\x80-\xff]*+"'
_STRONG = re.compile(_OPAQUE).fullmatch
_MEMBER = re.compile(rf"((?:W/)?{_OPAQUE})[ \t]*+(?=,|\Z)").match
_BETWEEN = re.compile(r"[ \t,]*+").match

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONG_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAY, _LONG_DAY, _MONTH = "|".join(_DAYS), "|".join(_LONG_DAYS), "|".join(_MONTHS)
_CLOCK = r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)"
_IMF = re.compile(rf"(?:{_DAY}), ([0-9]{{2}}) ({_MONTH}) ([0-9]{{4}}) {_CLOCK} GMT").fullmatch
_RFC850 = re.compile(
    rf"(?:{_LONG_DAY}), ([0-9]{{2}})-({_MONTH})-([0-9]{{2}}) {_CLOCK} GMT"
).fullmatch
_ASCTIME = re.compile(rf"(?:{_DAY}) ({_MONTH}) ([0-9]{{2}}| [0-9]) {_CLOCK} ([0-9]{{4}})").fullmatch
_LONGEST_DATE = 33
_MONTH_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

NOT_MODIFIED: Final = 304
FAILED: Final = 412


def parse_date(text: str) -> int | None:
    """Read a date in one of the three forms of RFC 9110, 5.6.7, to seconds since the epoch.

    The day must exist; the weekday must be a name, and is not compared. A two-digit year that would
    be more than 50 years ahead is the past century's. Anything else is None.

    >>> parse_date("Sun, 06 Nov 1994 08:49:37 GMT"), parse_date("Sunday, 06-Nov-94 08:49:37 GMT")
    (784111777, 784111777)
    >>> parse_date("Sun Nov  6 08:49:37 1994"), parse_date("Sun, 06 Nov 1994 08:49:37 +0000")
    (784111777, None)
    """
    text = text.strip(" \t")
    return _parse_date(text, gmtime().tm_year) if len(text) <= _LONGEST_DATE else None


@lru_cache(256)
def _parse_date(text: str, this_year: int) -> int | None:
    if found := _IMF(text):
        day, month, year, hour, minute, second = found.groups()
    elif found := _ASCTIME(text):
        month, day, hour, minute, second, year = found.groups()
    elif found := _RFC850(text):
        day, month, year, hour, minute, second = found.groups()
        near = this_year // 100 * 100 + int(year)
        year = str(near - 100 if near > this_year + 50 else near)
    else:
        return None
    at = (int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second))
    if at[0] == 0 or not 1 <= at[2] <= _month_length(at[0], at[1]):
        return None
    return timegm(at)


def _month_length(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _MONTH_LENGTHS[month - 1] + (leap and month == 2)


def format_date(seconds: float) -> str:
    """Write a time as IMF-fixdate, whatever the locale and the time zone are. RFC 9110, 5.6.7.

    Fractions are cut off downwards: a file is not younger than what is said of it.

    >>> format_date(784111777.9), format_date(-0.5)
    ('Sun, 06 Nov 1994 08:49:37 GMT', 'Wed, 31 Dec 1969 23:59:59 GMT')
    """
    year, month, day, hour, minute, second, weekday = gmtime(seconds // 1)[:7]
    return (
        f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year:04} "
        f"{hour:02}:{minute:02}:{second:02} GMT"
    )


def is_strong(etag: str) -> bool:
    """Is it a well-formed entity tag, and not a weak one?

    >>> is_strong('"a"'), is_strong('W/"a"'), is_strong("a"), is_strong('"a b"')
    (True, False, False, False)
    """
    return _STRONG(etag) is not None


def entity_tags(field: str) -> list[str]:
    """Read the members of a conditional field, ``W/`` and quotes kept.

    A member that is no entity tag is left out, the others still count. ``*`` is none.

    >>> entity_tags('"a", b", W/"", w/"c"'), entity_tags("*")
    (['"a"', 'W/""'], [])
    """
    tags: list[str] = []
    place = 0
    while True:
        between = _BETWEEN(field, place)
        place = between.end() if between else place
        member = _MEMBER(field, place)
        if member:
            tags.append(member[1])
            place = member.end()
            continue
        place = field.find(",", place)
        if place < 0:
            return tags


def strong_match(field: str, etag: str) -> bool:
    """Does an ``If-Match`` field hold this tag, both of them strong? RFC 9110, 8.8.3.2.

    ``*`` matches, as the whole value alone.

    >>> strong_match('"a", "b"', '"b"'), strong_match('W/"b"', '"b"'), strong_match('"b"', 'W/"b"')
    (True, False, False)
    """
    return _is_star(field) or (is_strong(etag) and etag in entity_tags(field))


def weak_match(field: str, etag: str) -> bool:
    """Does an ``If-None-Match`` field hold this tag, whether weak or strong? RFC 9110, 8.8.3.2.

    >>> weak_match('W/"a"', '"a"'), weak_match("*", '"a"'), weak_match('"a", *', '"b"')
    (True, True, False)
    """
    if _is_star(field):
        return True
    opaque = etag.removeprefix("W/")
    return any(tag.removeprefix("W/") == opaque for tag in entity_tags(field))


def _is_star(field: str) -> bool:
    return field.strip(" \t") == "*"


def precondition(environ: WSGIEnvironment, etag: str | None, last_modified: int | None) -> int:
    """Evaluate the preconditions of a request, in the order of RFC 9110, 13.2.2.

    To be asked only when the plain answer would be a success. Returns 0 to go on, 304 or 412. A
    representation without a tag fits no tag, but ``*``; without ``last_modified`` both dates are
    ignored. ``If-Range`` is not among them: see ``if_range``.

    >>> precondition({"REQUEST_METHOD": "GET", "HTTP_IF_MATCH": '"b"'}, '"a"', None)
    412
    >>> precondition({"REQUEST_METHOD": "PUT", "HTTP_IF_NONE_MATCH": "*"}, '"a"', None)
    412
    """
    field = _field(environ, "HTTP_IF_MATCH")
    if field:
        if not strong_match(field, etag or ""):
            return FAILED
    elif last_modified is not None:
        date = parse_date(_field(environ, "HTTP_IF_UNMODIFIED_SINCE"))
        if date is not None and date < last_modified:
            return FAILED
    reads = environ.get("REQUEST_METHOD") in ("GET", "HEAD")
    field = _field(environ, "HTTP_IF_NONE_MATCH")
    if field:
        if _is_star(field) or (etag and weak_match(field, etag)):
            return NOT_MODIFIED if reads else FAILED
    elif reads and last_modified is not None:
        date = parse_date(_field(environ, "HTTP_IF_MODIFIED_SINCE"))
        if date is not None and date >= last_modified:
            return NOT_MODIFIED
    return 0


def if_range(
    environ: WSGIEnvironment, etag: str | None, last_modified: int | None, now: float
) -> bool:
    """May ``Range`` be applied? RFC 9110, 13.1.5.

    Without ``If-Range``, yes. Else it must be the very tag, a strong one, or a date equal to
    ``last_modified`` that was at least one second ago at ``now``: within that second the file may
    have changed twice (8.8.2.2). Anything else is no.

    >>> if_range({}, '"a"', None, 0), if_range({"HTTP_IF_RANGE": 'W/"a"'}, 'W/"a"', None, 0)
    (True, False)
    """
    field = _field(environ, "HTTP_IF_RANGE")
    if not field:
        return True
    if field == etag:
        return is_strong(field)
    if last_modified is None or now - last_modified < 1:
        return False
    return parse_date(field) == last_modified


def _field(environ: WSGIEnvironment, key: str) -> str:
    value: str = environ.get(key) or ""
    return value.strip(" \t")


def content_tag(data: bytes) -> str:
    """Name bytes by what they are: the first 16 characters of base64url(SHA-256), 96 bits.

    >>> content_tag(b"")
    '47DEQpj8HBSa-_TI'
    """
    return short_tag(sha256(data).digest())


def short_tag(digest: bytes) -> str:
    """Make a content tag of a SHA-256 digest, for who hashed piece by piece.

    >>> short_tag(sha256(b"").digest()) == content_tag(b"")
    True
    """
    return urlsafe_b64encode(digest[:12]).decode("ascii")
