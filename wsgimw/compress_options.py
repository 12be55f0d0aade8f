"""Check the options of the layers that code: which codings, at which levels, how many bytes.

Every function returns the checked value, or raises with what was given, what is accepted, and the
line to write: `TypeError` for a wrong kind, `ValueError` for a wrong value, `ImportError` for a
coding whose package is not installed.

>>> check_codings(["gzip"])
('gzip',)
>>> check_levels({"gzip": 9})
{'gzip': 9}
>>> check_size("min_size", -1)
Traceback (most recent call last):
ValueError: min_size=-1 is negative; give a number of bytes, 0 or more
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wsgimw.codings import LEVELS, require
from wsgimw.describe import describe

__all__ = ["LevelMap", "check_bool", "check_codings", "check_levels", "check_names", "check_size"]


class LevelMap(Mapping[str, int]):
    """A mapping of its own that nobody can change, and that shows as a dict."""

    __slots__ = ("_levels",)

    def __init__(self, levels: Mapping[str, int]) -> None:
        self._levels = dict(levels)

    def __getitem__(self, coding: str) -> int:
        return self._levels[coding]

    def __iter__(self) -> Iterator[str]:
        return iter(self._levels)

    def __len__(self) -> int:
        return len(self._levels)

    def __repr__(self) -> str:
        return repr(self._levels)


def check_names(option: str, names: Any, example: str) -> tuple[str, ...]:
    """Return a tuple of str; a str alone is what everybody writes once."""
    if isinstance(names, str):
        raise TypeError(f"{option}={names!r} is a str; write a tuple: {option}=({names!r},)")
    if not isinstance(names, (tuple, list)):
        raise TypeError(
            f"{option}={describe(names)} must be a tuple of str: {option}=({example!r},)"
        )
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{option} holds {describe(name)}; its members must be str")
    return tuple(names)


def check_codings(names: Any) -> tuple[str, ...]:
    """Return names of codings that are known, installed, and there once each."""
    codings = check_names("codings", names, "gzip")
    known = ", ".join(LEVELS)
    if not codings:
        raise ValueError(f"codings is empty; name one or more of {known}, or leave the layer out")
    for coding in codings:
        if coding not in LEVELS:
            raise ValueError(f"codings holds {coding!r}, which is not known; there are {known}")
        if codings.count(coding) > 1:
            raise ValueError(f"codings holds {coding!r} more than once; name each coding once")
        require(coding)
    return codings


def check_levels(levels: Any) -> Mapping[str, int]:
    """Return an immutable copy of a mapping of coding to level."""
    if not isinstance(levels, Mapping):
        raise TypeError(
            f"levels={describe(levels)} must be a mapping of coding to level: levels={{'gzip': 6}}"
        )
    for coding, level in levels.items():
        if coding not in LEVELS:
            raise ValueError(
                f"levels names {coding!r}, which is not known; there are {', '.join(LEVELS)}"
            )
        _, lowest, highest = LEVELS[coding]
        check_int(f"the level of {coding},", level, f"{lowest} to {highest}")
        if not lowest <= level <= highest:
            raise ValueError(
                f"the level of {coding}, {level}, is out of range; give {lowest} to {highest}"
            )
    return LevelMap(levels)


def check_int(what: str, value: Any, accepted: str) -> int:
    """Return an int that is no bool."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{what} {value!r} must be an int, {accepted}")
    return value


def check_size(name: str, size: Any) -> int:
    """Return a number of bytes that is not negative."""
    check_int(f"{name}:", size, "a number of bytes")
    if size < 0:
        raise ValueError(f"{name}={size} is negative; give a number of bytes, 0 or more")
    return int(size)


def check_bool(name: str, value: Any) -> bool:
    """Return a bool that is one."""
    if not isinstance(value, bool):
        raise TypeError(f"{name}={describe(value)} must be True or False")
    return value
