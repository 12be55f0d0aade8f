"""Apply the rules to a survey: which facts of which layers clash.

>>> from wsgimw import AccessLog, Compress, compose
>>> from wsgimw.devtools.places import survey
>>> def app(environ, start_response): ...
>>> for finding in examine(survey(compose(Compress(), AccessLog())(app))):
...     print(finding.id, finding.severity, finding.layer, finding.other)
log-inside-compression warning 1 0

A rule speaks at most once beneath a layer. Two layers clash only if one request can meet both: in
branches with other prefixes, or on other routes, they do not, and where conditions are functions
that cannot be compared the doctor is silent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from wsgimw.devtools.conditions import opposite, relation, under
from wsgimw.devtools.places import Place, is_branch, is_unless, moved_away
from wsgimw.devtools.rules import RULES, Rule, Severity

__all__ = ["Finding", "examine"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What the doctor says: a rule, the place that it is about, and the other one."""

    id: str
    severity: Severity
    message: str
    """What was found here, without the reason."""
    why: str
    """Why it matters, in one sentence."""
    fix: str
    layer: int | None
    """Index among the layers of the explanation; None: the whole stack."""
    other: int | None = None
    """Index of the layer that it clashes with."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.severity} {self.id}: {self.message} {self.why} {self.fix}"


def examine(
    places: list[Place], ignore: Collection[str] = (), server: str | None = None
) -> tuple[Finding, ...]:
    """Return all findings, in the order of the places, whole stacks first."""
    doctor = _Doctor(places)
    found: list[Finding] = []
    for rule in RULES.values():
        if rule.id in ignore or (rule.servers and server not in rule.servers):
            continue
        told: set[int | None] = set()
        for finding in doctor.apply(rule):
            if finding.layer not in told or rule.finds == "own_check":
                told.add(finding.layer)
                found.append(finding)
    return tuple(sorted(found, key=lambda finding: -1 if finding.layer is None else finding.layer))


def _has(place: Place, words: Iterable[str]) -> bool:
    known = place.facts.words if place.facts is not None else frozenset[str]()
    for word in words:
        name = word.removeprefix("not ")
        if (name == word) is known.isdisjoint(name.split("|")):
            return False
    return True


class _Doctor:
    def __init__(self, places: list[Place]) -> None:
        self.places = places
        self.layers = [place for place in places if place.kind == "layer"]

    def apply(self, rule: Rule) -> Iterator[Finding]:
        if rule.finds:
            special: Callable[[Rule], Iterator[Finding]] = getattr(self, rule.finds)
            return special(rule)
        if rule.inner:
            return self.pairs(rule)
        return self.single(rule) if rule.layer else self.stack(rule)

    def outside(self, place: Place) -> Iterator[Place]:
        """Yield the layers outside of a place that one request can meet together with it."""
        for index in place.outside:
            other = self.places[index]
            if relation(other.conditions, place.conditions) == "meet":
                yield other

    def pairs(self, rule: Rule) -> Iterator[Finding]:
        for place in self.layers:
            if not _has(place, rule.inner):
                continue
            for other in self.outside(place):
                if _has(other, rule.outer) and not (not rule.outer and is_branch(other.layer)):
                    yield _finding(rule, f"it stands inside of {other.text}.", place, other)

    def single(self, rule: Rule) -> Iterator[Finding]:
        for place in self.layers:
            if not _has(place, rule.layer):
                continue
            inside = [p for p in self.layers if place.index in p.outside]
            outside = [self.places[index] for index in place.outside]
            message = f"it {rule.layer[0].partition('|')[0]}."
            for word, others, where in (
                (rule.lacks_inside, inside, "inside of it"),
                (rule.lacks_outside, outside, "outside of it"),
                (rule.lacks_anywhere, inside + outside, "outside or inside of it"),
            ):
                if word and any(_may_help(other, word, place) for other in others):
                    break
                message = f"nothing {where} {word}." if word else message
            else:
                yield _finding(rule, message, place)

    def stack(self, rule: Rule) -> Iterator[Finding]:
        word = rule.lacks_anywhere
        if not any(_has(place, [word]) for place in self.layers):
            message = f"nothing in the stack {word}."
            yield Finding(rule.id, rule.severity, message, rule.why, rule.fix, None)

    def once(self, rule: Rule) -> Iterator[Finding]:
        for place in self.layers:
            for other in self.outside(place):
                if place.facts is None or other.facts is None:
                    continue
                shared = sorted({*place.facts.once} & {*other.facts.once})
                if shared:
                    text = f"{other.text} outside of it has {shared[0]}, too."
                    yield _finding(rule, text, place, other)

    def branch(self, rule: Rule) -> Iterator[Finding]:
        for place in self.layers:
            layer = place.layer
            if not is_branch(layer) or not isinstance(layer.condition, str):
                continue
            mount = moved_away(layer.condition, place.mounts)
            if mount is not None:
                yield _finding(
                    rule, f"the Mount outside has moved {mount!r} out of PATH_INFO.", place
                )
                continue
            whole = "".join(m.rstrip("/") for m in place.mounts) + layer.condition
            if "<" in whole:
                continue
            asked = under(whole)
            if relation((asked,), place.conditions) == "apart":
                yield _finding(rule, f"no path under {whole!r} gets here.", place)
            # A `when` that holds for all that come does no harm.
            elif is_unless(layer) and relation((opposite(asked),), place.conditions) == "apart":
                yield _finding(rule, f"only paths under {whole!r} get here.", place)

    def own_check(self, rule: Rule) -> Iterator[Finding]:
        for place in self.layers:
            name = place.facts.own_check if place.facts is not None else ""
            if name and _has(place, rule.layer):
                yield from map(partial(_own, rule, place), _asked(place, name))


def _may_help(other: Place, word: str, place: Place) -> bool:
    return _has(other, [word]) and relation(other.conditions, place.conditions) != "apart"


def _asked(place: Place, name: str) -> list[str]:
    """Ask a layer what is wrong with it; a check that fails is told as what it found."""
    try:
        owner = place.layer if hasattr(place.layer, name) else place.bound
        return [str(getattr(item, "message", item)) for item in getattr(owner, name)()]
    except Exception as error:
        return [f"its {name}() raised {type(error).__name__}: {error}"]


def _own(rule: Rule, place: Place, text: str) -> Finding:
    return _finding(rule, text if text.endswith(".") else f"{text}.", place)


def _finding(rule: Rule, text: str, place: Place, other: Place | None = None) -> Finding:
    index = None if other is None else other.index
    return Finding(rule.id, rule.severity, text, rule.why, rule.fix, place.index, index)
