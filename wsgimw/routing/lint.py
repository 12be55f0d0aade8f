"""Find routes that hide parts of each other, and explain where a request goes.

>>> from wsgimw.routing import Route, Router
>>> router = Router([Route("/<x>/b", print), Route("/a/<y>", print), Route("/a/<int:z>/", print)])
>>> for finding in router.check():
...     print(finding.message)
'/<x>/b' and '/a/<y>' both match '/a/b'; '/a/<y>' wins, neither is more specific throughout
>>> print(router.explain("GET", "/a/1"))
GET /a/1
    redirect from '/a/<int:z>/', z=1
>>> print(router.explain("GET", "/a/c/"))
GET /a/c/
    none: no route matches
    near '/a/<y>': a slash at the end makes the difference
    near '/a/<int:z>/': its converter refuses segment 2
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement, product
from typing import TYPE_CHECKING, Any

from wsgimw.routing.converters import MANY, NO, REST, STATIC, Kind
from wsgimw.routing.matcher import MOUNT, SLASH, Entry, Found
from wsgimw.routing.patterns import AnyItem, samples

if TYPE_CHECKING:
    from wsgimw.routing.index import Index

NEAR_MAX = 10
REASONS = ("method", "slash", "converter", "static", "length")


@dataclass(frozen=True, slots=True)
class Finding:
    """Two routes that match the same path where the rules of rank give an answer to be known.

    `kind`: `ambiguous`, neither is at least as specific in every segment; `tie`, only the text of
    their converters decides. `witness`: a path that both match; `winner`: the item that gets it.
    """

    kind: str
    routes: tuple[AnyItem, AnyItem]
    witness: str
    winner: AnyItem
    message: str


@dataclass(frozen=True, slots=True)
class Near:
    """A route that a request misses in one way.

    `reason`: `method`, `slash`, `converter`, `static` or `length`. `segment`: the one that does not
    fit, counted from 1, else 0. `pattern`: the whole pattern.
    """

    item: AnyItem
    reason: str
    segment: int = 0
    pattern: str = ""

    def __str__(self) -> str:
        why = {
            "method": "it does not take this method",
            "slash": "a slash at the end makes the difference",
            "converter": f"its converter refuses segment {self.segment}",
            "static": f"segment {self.segment} is another text",
            "length": "the path has more or fewer segments",
        }
        return f"{self.pattern or '/'!r}: {why[self.reason]}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a request goes, and why. `str()` is a short page.

    `outcome`: `found`, `redirect`, `method` (a path that fits, a method that does not) or `none`.
    """

    outcome: str
    item: AnyItem | None
    params: Mapping[str, Any]
    allowed: frozenset[str]
    near: tuple[Near, ...] = ()
    pattern: str = ""
    """The whole pattern of `item`."""
    request: str = field(default="", compare=False)

    def __str__(self) -> str:
        bound = "".join(f", {name}={value!r}" for name, value in self.params.items())
        says = {
            "found": f"found {self.pattern or '/'!r}{bound}",
            "redirect": f"redirect from {self.pattern!r}{bound}",
            "method": f"method: the path takes {', '.join(sorted(self.allowed))}",
            "none": "none: no route matches",
        }
        lines = [self.request, f"    {says[self.outcome]}"]
        return "\n".join([*lines, *(f"    near {near}" for near in self.near)])


def explain(
    index: Index, method: str, path: str, host: str, found: Found, allowed: frozenset[str]
) -> Explanation:
    """Explain what `found`, the answer of the tables, says."""
    request = f"{method} {host}{path}"
    if found:
        entry, params = found
        redirects = entry.kind == SLASH or entry.target is not None
        outcome = "redirect" if redirects else "found"
        return Explanation(outcome, entry.item, params, allowed, (), entry.pattern, request)
    near = tuple(_near(index, method, path, host))
    return Explanation("method" if allowed else "none", None, {}, allowed, near, "", request)


def _near(index: Index, method: str, path: str, host: str) -> list[Near]:
    from difflib import SequenceMatcher  # only here

    if path[:1] != "/":
        return []
    texts = path.split("/")[1:]
    other = texts[:-1] if texts[-1] == "" else [*texts, ""]
    asked = {id(site) for site, _ in index.sites(host)}
    ranked: list[tuple[tuple[float, ...], Near]] = []
    for number, entry in enumerate(index.entries):
        if id(entry.site) not in asked:
            continue
        found = _misses(entry, texts)
        closeness = 0.0
        if found == []:
            reason, segment = "method", 0
        elif entry.kind != MOUNT and _misses(entry, other) == []:
            reason, segment = "slash", 0
        elif found is None:
            if not _begins(entry, texts):
                continue
            reason, segment = "length", 0
            closeness = abs(len(entry.segments) - len(texts))
        elif len(found) == 1:
            at = found[0]
            meant = entry.segments[at]
            segment = at + 1
            reason = "static" if isinstance(meant, str) else "converter"
            if isinstance(meant, str):
                text = _aligned(entry, texts)[at]
                if not (meant and text):  # a slash at the end is no segment to speak of
                    continue
                closeness = -SequenceMatcher(None, meant, text).ratio()
                # What is below a Mount fits anyway: its prefix has to be close.
                if entry.kind == MOUNT and closeness >= -0.5:
                    continue
        else:
            continue
        near = Near(entry.item, reason, segment, entry.pattern)
        ranked.append(((REASONS.index(reason), closeness, number), near))
    return [near for _, near in sorted(ranked, key=lambda pair: pair[0])][:NEAR_MAX]


def _aligned(entry: Entry, texts: Sequence[str]) -> list[str]:
    """Return a text for each segment of a pattern; [] if the path has not as many."""
    size = len(entry.segments)
    more = len(texts) - size
    if more < 0:
        return []
    if entry.kind == MOUNT:
        return [*texts[:size]]
    for at, segment in enumerate(entry.segments):
        if not isinstance(segment, str) and segment.kind.many:
            end = at + more + 1
            return [*texts[:at], "/".join(texts[at:end]), *texts[end:]]
    return [] if more else [*texts]


def _misses(entry: Entry, texts: Sequence[str]) -> list[int] | None:
    """Return which segments do not fit; None if their number does not."""
    aligned = _aligned(entry, texts)
    if not aligned and entry.segments:
        return None
    return [
        at
        for at, (segment, text) in enumerate(zip(entry.segments, aligned, strict=True))
        if not _fits(segment, text)
    ]


def _fits(segment: Any, text: str) -> bool:
    return segment == text if isinstance(segment, str) else segment.kind.bind(text) is not NO


def _begins(entry: Entry, texts: Sequence[str]) -> bool:
    """Do the path and the pattern agree as far as both go?"""
    pairs = list(zip(entry.segments, texts, strict=False))
    return bool(pairs) and all(_fits(segment, text) for segment, text in pairs)


def check(index: Index) -> tuple[Finding, ...]:
    """Return the findings about all pairs of routes of one site."""
    findings: list[Finding] = []
    sites: dict[int, dict[tuple[Any, ...], list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for entry in index.entries:
        kinds = [STATIC if isinstance(one, str) else one.kind for one in entry.segments]
        sites[id(entry.site)][*kinds, *([REST] if entry.kind == MOUNT else [])].append(entry)
    for shapes in sites.values():
        for one, other in combinations_with_replacement(shapes, 2):
            # Two patterns of one shape differ in static text, so no path fits both.
            kind, size = ("", 0) if one == other else _compare(one, other)
            if kind:
                for a, b in _pairs(shapes[one], shapes[other], one, other):
                    finding = _finding(kind, size, a, b)
                    if finding is not None:
                        findings.append(finding)
    order = {id(entry.item): at for at, entry in enumerate(index.entries)}
    return tuple(sorted(findings, key=lambda found: [order[id(item)] for item in found.routes]))


def _spread(kinds: Sequence[Any], size: int) -> list[Any]:
    """Return the kinds of a shape for a path of `size` segments, [] if it cannot have so many."""
    if kinds[-1:] == (REST,):
        more = size - len(kinds) + 1
        return [] if more < 0 else [*kinds[:-1], *[REST] * more]
    more = size - len(kinds)
    for at, kind in enumerate(kinds):
        if kind is not STATIC and kind.many:
            return [] if more < 0 else [*kinds[:at], *[kind] * (more + 1), *kinds[at + 1 :]]
    return [] if more else [*kinds]


def _base(kind: Any) -> tuple[Any, ...]:
    if kind is STATIC or kind is REST:
        return (kind,)
    base: tuple[Any, ...] = kind.base
    return (MANY,) if kind.many else base


def _compare(one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[str, int]:
    """Return how two shapes stand to each other, and for paths of how many segments."""
    least = max(len(one), len(other))
    for size in range(max(least - 1, 0), len(one) + len(other) + 1):
        a, b = _spread(one, size), _spread(other, size)
        if not a or not b:
            continue
        bases = [(_base(x), _base(y)) for x, y in zip(a, b, strict=True)]
        better = any(x < y for x, y in bases)
        worse = any(x > y for x, y in bases)
        if better and worse:
            return "ambiguous", size
        for x, y, (base, base_y) in zip(a, b, bases, strict=True):
            if base != base_y:
                break
            if x is not y and isinstance(x, Kind) and x.rank != y.rank and x.base == y.base:
                return "tie", size
    return "", 0


def _pairs(
    ones: Sequence[Entry], others: Sequence[Entry], one: Sequence[Any], other: Sequence[Any]
) -> Iterator[tuple[Entry, Entry]]:
    """Yield the pairs that agree where both shapes are static from the left."""
    both = []
    for at, (a, b) in enumerate(zip(one, other, strict=False)):
        if a is STATIC and b is STATIC:
            both.append(at)
        elif a is REST or b is REST or any(k is not STATIC and k.many for k in (a, b)):
            break
    by_key: dict[tuple[Any, ...], list[Entry]] = defaultdict(list)
    for entry in others:
        by_key[tuple([entry.segments[at] for at in both])].append(entry)
    for entry in ones:
        for found in by_key.get(tuple([entry.segments[at] for at in both]), ()):
            yield entry, found


def _finding(kind: str, size: int, a: Entry, b: Entry) -> Finding | None:
    methods = _common(a, b)
    if methods is None:
        return None
    for texts in _witnesses(a, b, size):
        found = a.site.find(methods, "/" + "/".join(texts))
        if found and (found[0] is a or found[0] is b):
            winner = found[0]
            names = " and ".join(repr(entry.pattern or "/") for entry in (a, b))
            why = (
                "neither is more specific throughout"
                if kind == "ambiguous"
                else "only the text of the converters decides"
            )
            witness = "/" + "/".join(texts)
            return Finding(
                kind,
                (a.item, b.item),
                witness,
                winner.item,
                f"{names} both match {witness!r}; {winner.pattern or '/'!r} wins, {why}",
            )
    return None


def _common(a: Entry, b: Entry) -> str | None:
    """Return a method that both take, or None."""
    if a.methods is None or b.methods is None:
        return min(a.methods or b.methods or {"GET"})
    return min(a.methods & b.methods, default=None)


def _witnesses(a: Entry, b: Entry, size: int) -> Iterator[list[str]]:
    """Yield some paths of `size` segments that both match."""
    columns = []
    for x, y in zip(_columns(a, size), _columns(b, size), strict=True):
        columns.append(_meeting(x, y))
    for number, texts in enumerate(product(*columns)):
        if number > 200:  # enough to find one that no third route takes
            return
        if not _misses(a, texts) and not _misses(b, texts):
            yield [*texts]


def _columns(entry: Entry, size: int) -> list[Any]:
    segments: list[Any] = [*entry.segments]
    if entry.kind == MOUNT:
        return [*segments, *[None] * (size - len(segments))]
    for at, segment in enumerate(segments):
        if not isinstance(segment, str) and segment.kind.many:
            more = size - len(segments) + 1
            return [*segments[:at], *[None] * more, *segments[at + 1 :]]
    return segments


def _meeting(x: Any, y: Any) -> list[str]:
    """Return texts that may fit two segments; None fits anything."""
    if isinstance(x, str) or isinstance(y, str):
        return [x if isinstance(x, str) else y]
    kinds = [segment.kind for segment in (x, y) if segment is not None]
    kinds.sort(key=lambda kind: kind.rank)
    texts = [text for kind in kinds for text in samples(kind)] + ["x", "y", "1"]
    texts += _woven(kinds)
    fitting = [text for text in texts if all(kind.bind(text) is not NO for kind in kinds)]
    return list(dict.fromkeys(fitting))[:6]


def _woven(kinds: Sequence[Kind]) -> list[str]:
    """Return the literals of two mixed segments put round each other."""
    if len(kinds) < 2:
        return []
    one, other = (samples(kind)[0] for kind in kinds)
    return [one + other, other + one, f"{one}x{other}", f"{other}x{one}", f"{one}1{other}"]
