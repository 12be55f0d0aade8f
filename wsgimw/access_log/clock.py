"""The start of a request as text: `%t` of Apache, RFC 3339, and the time of day.

Each second is formatted once. Two threads may both do it; a tuple is swapped in one step.
"""

from __future__ import annotations

import time
from calendar import timegm
from math import floor

__all__ = ["apache", "apache_seconds", "rfc3339", "rfc3339_seconds", "time_of_day"]

# `strftime` would write the months of the locale.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NUMBERS = {month: number for number, month in enumerate(MONTHS, 1)}

# The names of the zone stand for it: `tzset` makes a new tuple.
local: tuple[float, object, str] = (-1.0, None, "")
_utc: tuple[float, str] = (-1.0, "")
_MILLISECONDS = tuple([f".{number:03d}Z" for number in range(1000)])


def apache(seconds: float) -> str:
    """Write local time as Apache does: `[10/Oct/2000:13:55:36 -0700]`, always 28 characters.

    The offset is that of this very moment (`tm_gmtoff`), in whole minutes.
    """
    global local
    second, names, text = local
    # Floats on both sides: the interpreter has a quick way for those, and none for a mixture.
    if 0.0 <= seconds - second < 1.0 and names is time.tzname:
        return text
    second = float(floor(seconds))
    t = time.localtime(second)
    minutes = abs(t.tm_gmtoff) // 60
    text = (
        f"[{t.tm_mday:02d}/{MONTHS[t.tm_mon - 1]}/{t.tm_year:04d}:"
        f"{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} "
        f"{'-' if t.tm_gmtoff < 0 else '+'}{minutes // 60:02d}{minutes % 60:02d}]"
    )
    local = (second, time.tzname, text)
    return text


def apache_seconds(text: str) -> float:
    """Read what `apache` wrote; ValueError for anything else.

    >>> apache_seconds("[10/Oct/2000:13:55:36 -0700]")
    971211336.0
    """
    month = _NUMBERS.get(text[4:7])
    if month is None or len(text) != 28 or not text[1:3].isdigit():
        raise ValueError(f"no time: {text!r}")
    day, year = int(text[1:3]), int(text[8:12])
    hour, minute, second = int(text[13:15]), int(text[16:18]), int(text[19:21])
    offset = (int(text[23:25]) * 60 + int(text[25:27])) * 60
    utc = timegm((year, month, day, hour, minute, second))
    return float(utc + offset if text[22] == "-" else utc - offset)


def rfc3339(seconds: float) -> str:
    """Write UTC with milliseconds (cut, not rounded).

    >>> rfc3339(971211336.0625)
    '2000-10-10T20:55:36.062Z'
    """
    global _utc
    second, text = _utc
    since = seconds - second
    if not 0.0 <= since < 1.0:
        second = float(floor(seconds))
        since = seconds - second
        t = time.gmtime(second)
        text = (
            f"{t.tm_year:04d}-{t.tm_mon:02d}-{t.tm_mday:02d}"
            f"T{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d}"
        )
        _utc = (second, text)
    return f"{text}{_MILLISECONDS[int(since * 1000)]}"


def rfc3339_seconds(text: str) -> float:
    """Read what `rfc3339` wrote; ValueError for anything else.

    >>> rfc3339_seconds("2000-10-10T20:55:36.062Z")
    971211336.062
    """
    seconds = timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))
    if len(text) != 24 or text[19] != "." or text[23] != "Z" or not text[20:23].isdigit():
        raise ValueError(f"no time: {text!r}")
    return seconds + int(text[20:23]) / 1000


def time_of_day(seconds: float) -> str:
    """Write the local time of day: `12:01:04`."""
    return apache(seconds)[13:21]
