"""Find the route of a request: tuple-space search.

There is one hash table per *shape*, the tuple of the ranks of a pattern's segments; its key is the
tuple of the static ones. A path is split once, and each shape that has so many segments costs one
dict probe, in the order of rank: the first that fits is the most specific one. So the work grows
with shapes, not with routes, and the order of registration cannot matter. Converters run only
after the static part matched. No regex over a path, no recursion, no backtracking.

`loop` is the specification: plain, and as fast as a compiled router. `wsgimw.routing.compiled`
writes the same out for each list of shapes.

Nothing grows with traffic: what is made lazily is kept by the first segments and numbers of
segments that the routes have, and making it twice does no harm, so there is no lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, Protocol, TypeAlias

from wsgimw.routing.converters import MANY, NO, REST, STATIC
from wsgimw.routing.patterns import AnyItem, Redirect, Segments, bare, example
from wsgimw.routing.urls import Target

ROUTE, MOUNT, REDIRECT, SLASH = range(4)


class Entry:
    """One pattern as the tables hold it: the item, and what a match needs of it."""

    __slots__ = (
        "app",
        "cut",
        "explicit",
        "host",
        "host_names",
        "item",
        "kind",
        "methods",
        "name",
        "names",
        "pattern",
        "quiet",
        "segments",
        "site",
        "target",
    )

    item: AnyItem
    app: Any
    cut: int
    """How much of PATH_INFO is the prefix of a static Mount; -1 if it depends on the path."""
    kind: int
    pattern: str
    """The whole pattern, through Include; of a Mount the prefix, `""` at the root."""
    segments: Segments
    names: tuple[str, ...]
    host: Segments
    host_names: tuple[str, ...]
    explicit: tuple[str, ...] | None
    methods: frozenset[str] | None
    """`explicit` and the HEAD that GET adds; None: every method."""
    quiet: bool
    """It is one catch-all and nothing else, so it proves nothing about any path."""
    name: str | None
    site: Any
    target: Target | None

    def slashless(self) -> Entry:
        """Return the entry that redirects the same path without its slash to this one."""
        entry = Entry()
        for slot in Entry.__slots__:
            setattr(entry, slot, getattr(self, slot))
        entry.kind, entry.app, entry.target = SLASH, None, None
        entry.segments = self.segments[:-1]
        entry.item = Redirect(self.pattern[:-1], bare(self.pattern), methods=self.explicit)
        return entry


Cell: TypeAlias = "dict[str | None, Entry]"
Table: TypeAlias = "dict[Any, Cell]"
Found: TypeAlias = "tuple[Any, dict[str, Any]] | tuple[()] | None"
"""A match, the entry or its item; `()`, a path that fits and perhaps no method; None, nothing."""
Search: TypeAlias = Callable[[str, "list[str]"], Found]


class Shape:
    """The ranks of a pattern's segments, and how its key and its values are read.

    Indexes count from 1, as a split path begins with an empty text; after a catch-all they count
    from the end.
    """

    __slots__ = (
        "after",
        "first",
        "key",
        "keys",
        "mount",
        "open",
        "params",
        "rank",
        "size",
        "values",
    )

    def __init__(self, kinds: tuple[Any, ...]) -> None:
        many = [at for at, kind in enumerate(kinds) if kind not in (STATIC, REST) and kind.many]
        self.mount = kinds[-1:] == (REST,)
        self.open = self.mount or bool(many)
        self.size = len(kinds) + (not self.mount)
        """How many texts a split path has at least (if `open`) or exactly."""
        self.first = kinds[:1] == (STATIC,)
        rank: list[tuple[Any, ...]] = []
        keys: list[int] = []
        params: list[tuple[int, Any]] = []
        self.after = len(kinds) - many[0] - 1 if many else 0
        """How many segments stand after the catch-all."""
        for at, kind in enumerate(kinds):
            index = at - len(kinds) if many and at > many[0] else at + 1
            if kind is STATIC:
                rank.append((STATIC,))
                if at or not self.first:
                    keys.append(index)
            elif kind is REST:
                rank.append((REST,))
            elif kind.many:
                # After a catch-all a longer pattern comes first.
                rank.append((MANY, at - len(kinds), *kind.rank[1:]))
                params.append((index, kind))
            else:
                rank.append(kind.rank)
                params.append((index, kind))
        self.rank = tuple(rank)
        self.keys = tuple(keys)
        self.key: Callable[[Any], Any] = itemgetter(*keys) if keys else _no_key
        self.params = tuple(params)
        self.values = _reader(self.params, self.after) if params else _no_values


def _no_key(texts: Sequence[str]) -> tuple[()]:
    return ()


def _no_values(texts: Sequence[str]) -> list[Any]:
    return []


def _reader(params: Sequence[tuple[int, Any]], after: int) -> Callable[[Any], Sequence[Any] | None]:
    """Return a function from the texts of a path to the values of the parameters, or None."""
    if all(kind.word == "s" for _, kind in params):
        get = itemgetter(*[at for at, _ in params])
        if len(params) == 1:
            return lambda texts: [get(texts)] if get(texts) else None
        return lambda texts: None if "" in (found := get(texts)) else found

    plan = [
        (slice(at, -after or None) if kind.many else at, kind.many, kind.bind, kind.is_mixed)
        for at, kind in params
    ]

    def values(texts: Any) -> list[Any] | None:
        bound: list[Any] = []
        for at, many, bind, mixed in plan:
            value = bind("/".join(texts[at]) if many else texts[at])
            if value is NO:
                return None
            if mixed:
                bound += value
            else:
                bound.append(value)
        return bound

    return values


class Tables:
    """The routes of one host, or of none, in tables by shape."""

    def __init__(self) -> None:
        self.static: Table = {}
        """Whole static paths."""
        self.parts: dict[str | None, dict[Shape, Table]] = {}
        """By the first segment, where it is static, else None."""
        self.top = 2
        """A path of so many texts or more can match open shapes only."""
        self._shapes: dict[tuple[Any, ...], Shape] = {}
        self._plans: dict[Any, list[tuple[Shape, int]]] = {}

    def cell(self, segments: Segments, mount: bool = False) -> Cell:
        """Return the cell of a pattern, made if it is new."""
        kinds: list[Any] = []
        statics: list[str] = []
        for segment in segments:
            if isinstance(segment, str):
                kinds.append(STATIC)
                statics.append(segment)
            else:
                kinds.append(segment.kind)
        if len(statics) == len(kinds) and not mount:
            return self.static.setdefault("/".join(["", *statics]), {})
        if mount:
            kinds.append(REST)
        named = tuple(kinds)
        shape = self._shapes.get(named)
        if shape is None:
            shape = self._shapes[named] = Shape(named)
            self.top = max(self.top, shape.size + 1)
        part = self.parts.setdefault(statics.pop(0) if shape.first else None, {})
        key = statics[0] if len(statics) == 1 else tuple(statics)
        return part.setdefault(shape, {}).setdefault(key, {})

    def plan(self, first: str | None, size: int) -> list[tuple[Shape, Table]]:
        """Return the shapes that a path can have, by rank, each with its table.

        `first`: the first segment if it is one of `parts`, else None. `size`: the number of texts
        of the split path, `top` for any more.
        """
        own = self.parts.get(first, {}) if first is not None else {}
        free = self.parts.get(None, {})
        shapes = (*own, *free)
        order = self._plans.get((shapes, size))
        if order is None:
            fits = [
                (shape, at)
                for at, shape in enumerate(shapes)
                if (shape.size <= size if shape.open else shape.size == size)
            ]
            order = self._plans[shapes, size] = sorted(fits, key=lambda fit: fit[0].rank)
        tables = (*own.values(), *free.values())
        return [(shape, tables[at]) for shape, at in order]

    def near(self, texts: Sequence[str]) -> list[tuple[Shape, Table]]:
        """Return the plan of a split path."""
        first = texts[1] if len(texts) > 1 and texts[1] in self.parts else None
        return self.plan(first, min(len(texts), self.top))

    def walk(self, texts: Sequence[str]) -> Iterator[tuple[Cell, Sequence[Any]]]:
        """Yield every cell that a split path fits, the most specific first, with its values."""
        if not any("/" in text for text in texts):
            cell = self.static.get("/".join(texts))
            if cell is not None:
                yield cell, []
        for shape, table in self.near(texts):
            cell = table.get(shape.key(texts))
            if cell is not None:
                values = shape.values(texts)
                if values is not None:
                    yield cell, values

    def mount(self, texts: Sequence[str], valid: int) -> Found:
        """Find the Mount of a split path of which only the first `valid` texts can be read."""
        for shape, table in self.near(texts):
            if shape.mount and shape.size <= valid:
                cell = table.get(shape.key(texts))
                values = None if cell is None else shape.values(texts)
                if cell is not None and values is not None:
                    return cell[None], dict(zip(cell[None].names, values, strict=True))
        return None


def loop(tables: Tables, first: str | None, size: int, items: bool) -> Search:
    """Return the search of one list of shapes: the readable form. `items`: not the entries."""
    plan = [(table.get, shape.key, shape.values) for shape, table in tables.plan(first, size)]

    def search(method: str, texts: list[str]) -> Found:
        missed: Found = None
        for get, key, read in plan:
            cell = get(key(texts))
            if cell is None:
                continue
            entry = cell.get(method) or cell.get(None)
            if entry is None:
                missed = ()
                continue
            values = read(texts)
            # A catch-all may bind the slash that a slash redirect would add.
            if values is not None and (entry.kind != SLASH or texts[-1]):
                params = dict(zip(entry.names, values))  # noqa: B905  (for the price)
                return (entry.item if items else entry), params
        return missed

    return search


Make: TypeAlias = Callable[[Tables, "str | None", int, bool], Search]


def finder(tables: Tables, make: Make) -> tuple[Callable[[str, str], Found], Search]:
    """Return two ways to ask `tables` for an entry: with a path, and with one split before."""
    static, top = tables.static.get, tables.top
    searches, other, split = _rows(tables, make, items=False)

    def find(method: str, path: str) -> Found:
        cell = static(path)
        if cell is not None:
            entry = cell.get(method) or cell.get(None)
            if entry is not None:
                return entry, {}
        texts = path.split("/")
        if texts[0]:
            return None
        size = len(texts)
        try:
            row = searches(texts[1], other)
        except IndexError:  # the path is empty
            row = other
        search = row[size if size < top else top]
        return search(method, texts) if cell is None else search(method, texts) or ()

    return find, split


def match_for(tables: Tables, make: Make, slow: Match) -> Match:
    """Return `match`: the same as `find` for an item, written out once more for the price."""
    static, top = tables.static.get, tables.top
    searches, other, _ = _rows(tables, make, items=True)

    def match(method: str, path: str, host: str = "") -> tuple[AnyItem, dict[str, Any]] | None:
        cell = static(path)
        if cell is not None:
            entry = cell.get(method) or cell.get(None)
            if entry is not None:
                return entry.item, {}
        texts = path.split("/")
        if texts[0]:
            return None
        size = len(texts)
        try:
            row = searches(texts[1], other)
        except IndexError:  # the path is empty
            row = other
        search = row[size if size < top else top]
        found: Any = search(method, texts)
        if found:
            # Decoded text may still hold a lone surrogate.
            return found if path.isascii() else slow(method, path, host)
        return None

    return match


class Match(Protocol):
    """What `Router.match` is."""

    def __call__(
        self, method: str, path: str, host: str = ""
    ) -> tuple[AnyItem, dict[str, Any]] | None: ...


def _rows(
    tables: Tables, make: Make, items: bool
) -> tuple[Callable[..., list[Search]], list[Search], Search]:
    """Return the searches by first segment and size; each is made when it is first asked."""
    top = tables.top
    rows: dict[str, list[Search]] = {}

    def split(method: str, texts: list[str]) -> Found:
        first = texts[1] if len(texts) > 1 and texts[1] in rows else None
        size = min(len(texts), top)
        row = other if first is None else rows[first]
        if row[size] is split:
            row[size] = make(tables, first, size, items)
        return row[size](method, texts)

    other: list[Search] = [split] * (top + 1)
    for first in tables.parts:
        if first is not None:
            rows[first] = [split] * (top + 1)
    return rows.get, other, split


def put(cell: Cell, entry: Entry) -> None:
    """Put an entry into its cell; ValueError if another one takes the same method there.

    An explicit HEAD comes before the one that GET adds.
    """
    for method in entry.explicit or (None,):
        other = cell.get(method)
        if other is not None and (method is None or method in (other.explicit or ())):
            raise ValueError(_conflict(other, entry, method))
        cell[method] = entry
    if entry.methods and "HEAD" in entry.methods:
        cell.setdefault("HEAD", entry)


def _conflict(one: Entry, other: Entry, method: str | None) -> str:
    witness = example(one.segments)
    taken = "every method" if method is None else method
    return (
        f"{one.pattern or '/'!r} and {other.pattern or '/'!r} match the same paths, such as "
        f"{witness!r}, and both take {taken}; leave one out, or give them other methods"
    )


def put_below(rows: Iterable[tuple[Cell, Entry]]) -> None:
    """Put entries where no entry of `put` takes the method: the other forms of patterns."""
    rows = list(rows)
    for cell, entry in rows:
        for method in entry.explicit or ():
            if None not in cell:
                cell.setdefault(method, entry)
    for cell, entry in rows:
        if entry.methods and "HEAD" in entry.methods and None not in cell:
            cell.setdefault("HEAD", entry)
    for cell, entry in rows:
        if entry.methods is None:
            cell.setdefault(None, entry)
