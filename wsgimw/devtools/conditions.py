"""When layers meet: the conditions under which they are reached, compared without asking them.

>>> admin, shop = under("/admin"), under("/shop")
>>> relation((admin,), (under("/admin/users"),)), relation((admin,), (shop,))
('meet', 'apart')
>>> relation((admin,), (opposite(admin),)), relation((admin,), (Condition(True, len),))
('apart', 'unknown')
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Condition", "Relation", "opposite", "relation", "starts_with", "under"]

Relation: TypeAlias = Literal["meet", "apart", "unknown"]


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold, or must not, for a request to get to a layer."""

    holds: bool
    what: object
    """A prefix of the whole path, folded; or what a function is known by, which need not have a
    hash; or None: a prefix that nobody knows."""


def under(prefix: str | None, holds: bool = True) -> Condition:
    """Return the condition that the path is under a prefix."""
    return Condition(holds, None if prefix is None else prefix.rstrip("/").casefold())


def opposite(condition: Condition) -> Condition:
    """Return the condition that the other one does not hold."""
    return Condition(not condition.holds, condition.what)


def relation(one: Iterable[Condition], other: Iterable[Condition]) -> Relation:
    """Tell whether one request can meet both sets of conditions."""
    mine, theirs = set(one), set(other)
    found: Relation = "meet"
    for a in mine - theirs:
        for b in theirs - mine:
            between = _between(a, b)
            if between == "apart":
                return "apart"
            if between == "unknown":
                found = "unknown"
    return found


def _between(a: Condition, b: Condition) -> Relation:
    if a.what is None or b.what is None:
        return "unknown"
    if not (isinstance(a.what, str) and isinstance(b.what, str)):
        if a.what == b.what:  # what holds for both is in both sets
            return "apart"
        return "unknown"
    if a.holds and b.holds:
        inside = starts_with(a.what, b.what) or starts_with(b.what, a.what)
        return "meet" if inside else "apart"
    if a.holds != b.holds:
        yes, no = (a.what, b.what) if a.holds else (b.what, a.what)
        return "apart" if starts_with(yes, no) else "meet"
    return "meet"


def starts_with(path: str, pattern: str) -> bool:
    """Tell whether a path lies under a pattern, in which a segment with `<` stands for any.

    >>> starts_with("/t/x/admin", "/t/<tenant>"), starts_with("/administrator", "/admin")
    (True, False)
    """
    wanted = pattern.rstrip("/").split("/")
    given = path.rstrip("/").split("/")
    return len(given) >= len(wanted) and all(
        "<" in w or w.casefold() == g.casefold() for g, w in zip(given, wanted, strict=False)
    )
