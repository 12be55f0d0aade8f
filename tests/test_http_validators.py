"""wsgimw.http.validators: dates, entity tags, preconditions, If-Range."""

from __future__ import annotations

import calendar
import doctest
import hashlib
import os
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsgimw.http import validators as module
from wsgimw.http.validators import (
    content_tag,
    entity_tags,
    format_date,
    if_range,
    is_strong,
    parse_date,
    precondition,
    short_tag,
    strong_match,
    weak_match,
)

law = settings(derandomize=True, database=None, deadline=None, max_examples=500)

THEN = 784111777  # Sun, 06 Nov 1994 08:49:37 GMT
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
LATER = "Sun, 06 Nov 1994 08:49:38 GMT"
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"


def test_docstrings_are_true() -> None:
    assert doctest.testmod(module).failed == 0
    assert doctest.testmod(module).attempted > 15


def test_imports_alone_and_only_the_standard_library() -> None:
    root = str(Path(__file__).parent.parent)
    code = (
        f"import sys; sys.path.insert(0, {root!r}); import wsgimw; before = set(sys.modules)\n"
        "import wsgimw.http.validators\n"
        "for name in set(sys.modules) - before:\n"
        "    top = name.partition('.')[0]\n"
        "    assert top in sys.stdlib_module_names or name.startswith('wsgimw.http'), name\n"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True)


# Dates


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param(DATE, THEN, id="IMF-fixdate"),
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", THEN, id="RFC 850"),
        pytest.param("Sun Nov  6 08:49:37 1994", THEN, id="asctime"),
        pytest.param("Sun Nov 16 08:49:37 1994", THEN + 864000, id="asctime, two digits"),
        pytest.param("Sun Nov 06 08:49:37 1994", THEN, id="asctime, a zero"),
        pytest.param("Mon, 06 Nov 1994 08:49:37 GMT", THEN, id="another weekday"),
        pytest.param(f" \t{DATE} ", THEN, id="white space round it"),
        pytest.param("Thu, 29 Feb 2024 00:00:00 GMT", 1709164800, id="leap year"),
        pytest.param("Tue, 29 Feb 2000 00:00:00 GMT", 951782400, id="leap century"),
        pytest.param("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800, id="leap second"),
        pytest.param("Thu, 01 Jan 1970 00:00:00 GMT", 0, id="the epoch"),
        pytest.param("Wed, 31 Dec 1969 23:59:59 GMT", -1, id="before the epoch"),
        pytest.param("Mon, 01 Jan 0001 00:00:00 GMT", -62135596800, id="year one"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", 253402300799, id="year 9999"),
        pytest.param("", None, id="nothing"),
        pytest.param("Mon, 01 Jan 0000 00:00:00 GMT", None, id="year zero"),
        pytest.param("Wed, 29 Feb 2023 00:00:00 GMT", None, id="no leap year"),
        pytest.param("Wed, 29 Feb 1900 00:00:00 GMT", None, id="no leap century"),
        pytest.param("Sun, 31 Nov 1994 08:49:37 GMT", None, id="31 November"),
        pytest.param("Sun, 00 Nov 1994 08:49:37 GMT", None, id="day zero"),
        pytest.param("Sun Nov  0 08:49:37 1994", None, id="day zero, asctime"),
        pytest.param("Sun, 06 Nov 1994 24:00:00 GMT", None, id="hour 24"),
        pytest.param("Sun, 06 Nov 1994 08:60:00 GMT", None, id="minute 60"),
        pytest.param("Sun, 06 Nov 1994 08:49:61 GMT", None, id="second 61"),
        pytest.param("Sun, 6 Nov 1994 08:49:37 GMT", None, id="one digit"),
        pytest.param("Sun, 06 Nov 94 08:49:37 GMT", None, id="two digits of a year"),
        pytest.param("Xyz, 06 Nov 1994 08:49:37 GMT", None, id="no weekday"),
        pytest.param("06 Nov 1994 08:49:37 GMT", None, id="weekday missing"),
        pytest.param("Sunday, 06 Nov 1994 08:49:37 GMT", None, id="a long weekday"),
        pytest.param("Sun, 06-Nov-94 08:49:37 GMT", None, id="RFC 850, a short weekday"),
        pytest.param("Sun, 06 Nom 1994 08:49:37 GMT", None, id="no month"),
        pytest.param("Sun, 06 November 1994 08:49:37 GMT", None, id="a long month"),
        pytest.param(DATE.lower(), None, id="lower case"),
        pytest.param(DATE.upper(), None, id="upper case"),
        pytest.param(DATE + "; length=10", None, id="bottle-1538 a length parameter"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 +0100", None, id="a time zone"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 UTC", None, id="UTC"),
        pytest.param("Sun, 06 Nov 1994 08:49:37", None, id="no zone"),
        pytest.param("Sun,  06 Nov 1994 08:49:37 GMT", None, id="two spaces"),
        pytest.param("784111777", None, id="an epoch"),
        pytest.param("1994-11-06T08:49:37Z", None, id="ISO 8601"),
        pytest.param("Sun, 06 Nov 1994 0 8:49:37 GMT", None, id="Firefox 91 mangled date"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT GMT", None, id="the zone twice"),
        pytest.param("Sun, \u0660\u0666 Nov 1994 08:49:37 GMT", None, id="other digits"),
        pytest.param("0" * 100_000, None, id="very long"),
    ],
)
def test_parse_date(text: str, seconds: int | None) -> None:
    assert parse_date(text) == seconds


@pytest.mark.parametrize("ahead", [49, 50, 51, 0, -1, -49])
def test_two_digits_of_a_year(ahead: int) -> None:
    """More than 50 years ahead is the past century."""
    year = time.gmtime().tm_year + ahead
    text = f"Monday, 01-Jan-{year % 100:02} 00:00:00 GMT"
    century = time.gmtime().tm_year // 100 * 100
    expected = century + year % 100
    if expected > time.gmtime().tm_year + 50:
        expected -= 100
    assert parse_date(text) == int(datetime(expected, 1, 1, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("now", "digits", "year"),
    [
        (2100, "00", 2100),
        (2100, "50", 2150),
        (2100, "51", 2051),
        (2099, "00", 2000),
        (2099, "99", 2099),
        (2000, "50", 2050),
        (2000, "51", 1951),
    ],
)
def test_two_digits_in_another_year(now: int, digits: str, year: int) -> None:
    found = module._parse_date(f"Monday, 01-Jan-{digits} 00:00:00 GMT", now)
    assert found == int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "name", ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
)
def test_the_weekday_is_a_name_and_no_more(name: str) -> None:
    assert parse_date(f"{name[:3]}, 06 Nov 1994 08:49:37 GMT") == THEN
    assert parse_date(f"{name[:3]} Nov  6 08:49:37 1994") == THEN
    assert parse_date(f"{name}, 06-Nov-94 08:49:37 GMT") == THEN
    assert parse_date(f"{name}s, 06-Nov-94 08:49:37 GMT") is None
    assert parse_date(f"{name}, 06 Nov 1994 08:49:37 GMT") is None
    assert parse_date(f"{name[:3]}, 06-Nov-94 08:49:37 GMT") is None


@pytest.mark.parametrize("year", [1900, 1999, 2000, 2023, 2024, 2100])
def test_the_days_that_exist_and_no_others(year: int) -> None:
    names = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"  # not those of a locale
    for month, name in enumerate(names.split(), 1):
        last = calendar.monthrange(year, month)[1]
        for day in range(33):
            found = parse_date(f"Sun, {day:02} {name} {year} 12:34:56 GMT")
            wanted = calendar.timegm((year, month, day, 12, 34, 56))
            assert found == (wanted if 1 <= day <= last else None), (name, day)


@law
@given(st.integers(-62135596800, 253402300799))
def test_dates_come_back(seconds: int) -> None:
    """What is written is read, and is what the standard library makes of it."""
    text = format_date(seconds)
    assert parse_date(text) == seconds
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    year = f"{moment.year:04}"
    assert text == moment.strftime(f"%a, %d %b {year} %H:%M:%S GMT")


def test_fractions_are_cut_off() -> None:
    assert format_date(THEN + 0.999) == DATE
    assert format_date(-0.001) == "Wed, 31 Dec 1969 23:59:59 GMT"


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
def test_the_time_zone_means_nothing(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """WhiteNoise's tag depended on TZ."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert (format_date(THEN), parse_date(DATE)) == (DATE, THEN)
    finally:
        monkeypatch.undo()
        time.tzset()


# Entity tags


@pytest.mark.parametrize(
    ("field", "tags"),
    [
        pytest.param('"a"', ['"a"'], id="one"),
        pytest.param('"a","b"', ['"a"', '"b"'], id="two"),
        pytest.param('"a" \t, \t"b"', ['"a"', '"b"'], id="white space"),
        pytest.param(',, "a",,', ['"a"'], id="empty members"),
        pytest.param('"a,b"', ['"a,b"'], id="a comma inside"),
        pytest.param('W/"a"', ['W/"a"'], id="weak"),
        pytest.param('w/"a"', [], id="a small w"),
        pytest.param('W/ "a"', [], id="space after W/"),
        pytest.param('""', ['""'], id="empty tag"),
        pytest.param('"\xe9\x80\xff"', ['"\xe9\x80\xff"'], id="obs-text"),
        pytest.param('"a b"', [], id="a space inside"),
        pytest.param('"a\x7fb"', [], id="DEL inside"),
        pytest.param("a", [], id="no quotes"),
        pytest.param('"a', [], id="never closed"),
        pytest.param('a"', [], id="never opened"),
        pytest.param('"a"b"', [], id="three quotes"),
        pytest.param('a, "b"', ['"b"'], id="the others still count"),
        pytest.param('"a"x, "b"', ['"b"'], id="something after a tag"),
        pytest.param("*", [], id="a star"),
        pytest.param('*, "a"', ['"a"'], id="a star among others"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_entity_tags(field: str, tags: list[str]) -> None:
    assert entity_tags(field) == tags
    assert all(is_strong(tag) for tag in tags if not tag.startswith("W/"))


@pytest.mark.parametrize(
    ("field", "etag", "strong", "weak"),
    [
        pytest.param('"a"', '"a"', True, True, id="both strong"),
        pytest.param('W/"a"', '"a"', False, True, id="fresh-17 the field is weak"),
        pytest.param('"a"', 'W/"a"', False, True, id="fresh-17 the tag is weak"),
        pytest.param('W/"a"', 'W/"a"', False, True, id="both weak"),
        pytest.param('"b"', '"a"', False, False, id="others"),
        pytest.param('"b", "a"', '"a"', True, True, id="one of two"),
        pytest.param("*", '"a"', True, True, id="a star"),
        pytest.param(" * ", '"a"', True, True, id="a star in white space"),
        pytest.param('*, "b"', '"a"', False, False, id="a star among others is none"),
        pytest.param("a", '"a"', False, False, id="no quotes"),
        pytest.param('"a"', '"A"', False, False, id="case counts"),
        pytest.param('"a,b"', '"a"', False, False, id="a part is not it"),
    ],
)
def test_matches(field: str, etag: str, strong: bool, weak: bool) -> None:
    assert (strong_match(field, etag), weak_match(field, etag)) == (strong, weak)


@law
@given(st.text(max_size=40), st.text(max_size=10))
def test_no_text_raises(field: str, etag: str) -> None:
    """Whatever the fields hold."""
    entity_tags(field)
    strong_match(field, etag)
    weak_match(field, etag)
    parse_date(field)
    for method in ("GET", "PUT"):
        environ = {
            "REQUEST_METHOD": method,
            "HTTP_IF_MATCH": field,
            "HTTP_IF_NONE_MATCH": etag,
            "HTTP_IF_MODIFIED_SINCE": field,
            "HTTP_IF_UNMODIFIED_SINCE": etag,
            "HTTP_IF_RANGE": field,
        }
        assert precondition(environ, etag, 5) in (0, 304, 412)
        assert if_range(environ, etag, 5, 9) in (True, False)


@pytest.mark.parametrize(
    "field", ['"a",' * 200_000, '"' * 500_000, '"a' * 300_000, " " * 500_000, 'W/"' * 200_000]
)
def test_long_fields_take_linear_time(field: str) -> None:
    """There is no clock: what is quadratic takes minutes here."""
    entity_tags(field)
    assert not strong_match(field, '"b"')
    assert not weak_match(field, '"b"')


# Preconditions

OURS, OTHER = '"ours"', '"other"'


def conditions(method: str = "GET", **fields: str) -> dict[str, Any]:
    return {"REQUEST_METHOD": method, **{f"HTTP_{key.upper()}": v for key, v in fields.items()}}


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        pytest.param(conditions(), 0, id="none"),
        pytest.param(conditions(if_match=OURS), 0, id="If-Match is ours"),
        pytest.param(conditions(if_match=OTHER), 412, id="If-Match is another"),
        pytest.param(conditions(if_match=f"{OTHER}, {OURS}"), 0, id="If-Match, one of them"),
        pytest.param(conditions(if_match="*"), 0, id="werkzeug If-Match star is no 304"),
        pytest.param(conditions("HEAD", if_match="*"), 0, id="If-Match star, HEAD"),
        pytest.param(conditions(if_match=f"W/{OURS}"), 412, id="If-Match is weak"),
        pytest.param(conditions(if_match="garbage"), 412, id="If-Match is garbage"),
        pytest.param(conditions(if_match=" "), 0, id="If-Match is blank"),
        pytest.param(conditions(if_none_match=OURS), 304, id="If-None-Match is ours"),
        pytest.param(conditions("HEAD", if_none_match=OURS), 304, id="If-None-Match, HEAD"),
        pytest.param(conditions("PUT", if_none_match=OURS), 412, id="If-None-Match, PUT"),
        pytest.param(conditions(if_none_match=f"W/{OURS}"), 304, id="If-None-Match is weak"),
        pytest.param(conditions(if_none_match=OTHER), 0, id="If-None-Match is another"),
        pytest.param(conditions(if_none_match="*"), 304, id="If-None-Match star"),
        pytest.param(conditions("PUT", if_none_match="*"), 412, id="If-None-Match star, PUT"),
        pytest.param(conditions(if_none_match="ours"), 0, id="whitenoise-129 no quotes"),
        pytest.param(conditions(if_modified_since=DATE), 304, id="the same second"),
        pytest.param(conditions(if_modified_since=LATER), 304, id="a second later"),
        pytest.param(conditions(if_modified_since=BEFORE), 0, id="a second before"),
        pytest.param(
            conditions(if_modified_since="Fri, 31 Dec 9999 23:59:59 GMT"), 304, id="in the future"
        ),
        pytest.param(conditions("PUT", if_modified_since=DATE), 0, id="since, PUT"),
        pytest.param(conditions(if_modified_since="garbage"), 0, id="since garbage"),
        pytest.param(
            conditions(if_modified_since="Sunday, 06-Nov-94 08:49:37 GMT"), 304, id="since RFC 850"
        ),
        pytest.param(
            conditions(if_modified_since="Sun Nov  6 08:49:37 1994"), 304, id="since asctime"
        ),
        pytest.param(
            conditions(if_none_match=OTHER, if_modified_since=DATE), 0, id="the tag goes first"
        ),
        pytest.param(
            conditions(if_none_match="garbage", if_modified_since=DATE),
            0,
            id="a garbled tag goes first, too",
        ),
        pytest.param(
            conditions(if_none_match="", if_modified_since=DATE), 304, id="a blank tag is none"
        ),
        pytest.param(conditions(if_unmodified_since=DATE), 0, id="unmodified since then"),
        pytest.param(conditions(if_unmodified_since=LATER), 0, id="unmodified since later"),
        pytest.param(conditions(if_unmodified_since=BEFORE), 412, id="modified since"),
        pytest.param(conditions(if_unmodified_since="garbage"), 0, id="unmodified since garbage"),
        pytest.param(
            conditions(if_match=OURS, if_unmodified_since=BEFORE), 0, id="If-Match goes first"
        ),
        pytest.param(
            conditions(if_match="", if_unmodified_since=BEFORE), 412, id="blank If-Match is none"
        ),
        pytest.param(
            conditions(if_match=OTHER, if_none_match=OURS), 412, id="If-Match before If-None-Match"
        ),
        pytest.param(
            conditions(if_match=OURS, if_none_match=OURS), 304, id="If-Match holds, then 304"
        ),
        pytest.param(
            conditions(if_unmodified_since=BEFORE, if_modified_since=DATE), 412, id="both dates"
        ),
    ],
)
def test_precondition(environ: dict[str, Any], status: int) -> None:
    assert precondition(environ, OURS, THEN) == status


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        pytest.param(conditions(if_match=OURS), 412, id="no tag fits If-Match"),
        pytest.param(conditions(if_match="*"), 0, id="a star fits what has no tag"),
        pytest.param(conditions(if_none_match='""'), 0, id="no tag fits If-None-Match"),
        pytest.param(conditions(if_none_match="*"), 304, id="a star, If-None-Match"),
        pytest.param(conditions(if_modified_since=DATE), 0, id="whitenoise-202 no Last-Modified"),
        pytest.param(conditions(if_unmodified_since=BEFORE), 0, id="no Last-Modified, unmodified"),
    ],
)
def test_without_validators(environ: dict[str, Any], status: int) -> None:
    assert precondition(environ, None, None) == status


TAG = st.sampled_from(['"a"', '"b"', 'W/"a"', 'W/"b"'])
MATCH = st.one_of(
    st.none(), st.just(""), st.just("*"), st.lists(TAG, min_size=1, max_size=3).map(", ".join)
)
WHEN = st.one_of(st.none(), st.sampled_from([BEFORE, DATE, LATER, "garbage", ""]))


def evaluated(
    method: str,
    match: str | None,
    unmodified: str | None,
    none_match: str | None,
    modified: str | None,
    etag: str,
) -> int:
    """RFC 9110, 13.2.2, step by step, in its words."""
    dates = {BEFORE: THEN - 1, DATE: THEN, LATER: THEN + 1}
    # 1. When If-Match is present, evaluate.
    if match:
        tags = match.split(", ")
        strong = etag in tags and not etag.startswith("W/")
        if match != "*" and not strong:
            return 412
    # 2. When If-Match is not present and If-Unmodified-Since is present.
    elif unmodified in dates and dates[unmodified] < THEN:
        return 412
    # 3. When If-None-Match is present.
    if none_match:
        opaque = [tag.replace("W/", "") for tag in none_match.split(", ")]
        if none_match == "*" or etag.replace("W/", "") in opaque:
            return 304 if method in ("GET", "HEAD") else 412
    # 4. When the method is GET or HEAD, If-None-Match is not present, If-Modified-Since is.
    elif method in ("GET", "HEAD") and modified in dates and not dates[modified] < THEN:
        return 304
    return 0


@law
@given(st.sampled_from(["GET", "HEAD", "PUT", "DELETE"]), MATCH, WHEN, MATCH, WHEN, TAG)
def test_it_agrees_with_the_steps_of_the_rfc(
    method: str,
    match: str | None,
    unmodified: str | None,
    none_match: str | None,
    modified: str | None,
    etag: str,
) -> None:
    """For every mixture of fields: the steps of RFC 9110, 13.2.2, as they stand there."""
    fields = {
        "if_match": match,
        "if_unmodified_since": unmodified,
        "if_none_match": none_match,
        "if_modified_since": modified,
    }
    environ = conditions(method, **{k: v for k, v in fields.items() if v is not None})
    expected = evaluated(method, match, unmodified, none_match, modified, etag)
    assert precondition(environ, etag, THEN) == expected


@pytest.mark.parametrize(
    ("field", "etag", "modified", "now", "applies"),
    [
        pytest.param(None, OURS, THEN, THEN + 9, True, id="absent"),
        pytest.param(" ", OURS, THEN, THEN + 9, True, id="blank"),
        pytest.param(OURS, OURS, THEN, THEN, True, id="our tag"),
        pytest.param(f" {OURS}\t", OURS, THEN, THEN, True, id="our tag in white space"),
        pytest.param(OTHER, OURS, THEN, THEN + 9, False, id="another tag"),
        pytest.param(f"W/{OURS}", OURS, THEN, THEN + 9, False, id="our tag made weak"),
        pytest.param('W/"a"', 'W/"a"', THEN, THEN + 9, False, id="both weak"),
        pytest.param(f"{OURS}, {OTHER}", OURS, THEN, THEN + 9, False, id="a list"),
        pytest.param("*", OURS, THEN, THEN + 9, False, id="a star"),
        pytest.param("garbage", OURS, THEN, THEN + 9, False, id="garbage"),
        pytest.param(DATE, OURS, THEN, THEN + 9, True, id="our date"),
        pytest.param(DATE, OURS, THEN, THEN + 1, True, id="our date, a second old"),
        pytest.param(DATE, OURS, THEN, THEN + 0.9, False, id="our date, not yet a second old"),
        pytest.param(LATER, OURS, THEN, THEN + 9, False, id="a later date"),
        pytest.param(BEFORE, OURS, THEN, THEN + 9, False, id="an earlier date"),
        pytest.param(DATE, OURS, None, THEN + 9, False, id="no Last-Modified"),
        pytest.param("None", None, None, THEN, False, id="no validators"),
        pytest.param("Sun Nov  6 08:49:37 1994", OURS, THEN, THEN + 9, True, id="asctime"),
    ],
)
def test_if_range(
    field: str | None, etag: str | None, modified: int | None, now: float, applies: bool
) -> None:
    environ = {} if field is None else {"HTTP_IF_RANGE": field}
    assert if_range(environ, etag, modified, now) is applies


@law
@given(st.binary(max_size=100))
def test_content_tag(data: bytes) -> None:
    """16 characters of base64url(SHA-256)."""
    digest = hashlib.sha256(data).digest()
    assert content_tag(data) == urlsafe_b64encode(digest).decode()[:16] == short_tag(digest)
    assert is_strong(f'"{content_tag(data)}"')


def test_environ_is_left_alone() -> None:
    environ = conditions(if_match=OURS, if_none_match="", if_range=DATE)
    before = dict(environ)
    precondition(environ, OURS, THEN)
    if_range(environ, OURS, THEN, 0)
    assert environ == before
    assert os.environ is not environ
