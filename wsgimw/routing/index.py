"""All routes of one Router, read into tables, and the questions that are asked of all of them.

A `Site` holds the routes of one host; the routes without a Host are a site, too, the last one to be
asked. Items are read in one pass: Includes are flattened, conflicts and double names are errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from wsgimw.http.paths import to_wsgi
from wsgimw.routing.matcher import (
    MOUNT,
    REDIRECT,
    ROUTE,
    SLASH,
    Cell,
    Entry,
    Found,
    Make,
    Tables,
    finder,
    put,
    put_below,
)
from wsgimw.routing.patterns import AnyItem, Host, Include, Mount, Parser, Redirect, Segments
from wsgimw.routing.urls import Target

_LABELS = re.compile(r"[a-z0-9_-]++(?:\.[a-z0-9_-]++)*+").fullmatch
_ADDRESS = re.compile(r"\[[0-9a-f:.]+\]").fullmatch
_PORT = re.compile(r"(?::[0-9]*)?").fullmatch
_HOST_MAX = 253  # RFC 1035, 2.3.4, as it is written


class Site:
    """The routes of one host, or those of none."""

    __slots__ = ("find", "split", "tables")

    find: Callable[[str, str], Found]
    split: Callable[[str, list[str]], Found]

    def __init__(self) -> None:
        self.tables = Tables()


class Index:
    """The routes of one Router. Immutable once it is made, but for the lazy parts of its sites."""

    def __init__(
        self,
        routes: Sequence[AnyItem],
        *,
        slashes: str,
        converters: Mapping[str, Callable[..., Any]],
        make: Make,
    ) -> None:
        self.slashes = slashes
        self.site = Site()
        self.hosts: Tables | None = None
        self.entries: list[Entry] = []
        self.names: dict[str, list[Entry]] = {}
        self.methods: set[str] = set()
        self._parser = Parser(converters)
        for item in routes:
            if isinstance(item, Host):
                self._read_host(item)
            else:
                self._read(item, "", "", False, (), self.site)
        self._put_other_forms()
        for site in self.all_sites():
            site.find, site.split = finder(site.tables, make)

    def _read_host(self, item: Host) -> None:
        labels = self._parser.host(item.pattern)
        if self.hosts is None:
            self.hosts = Tables()
        cell = self.hosts.cell(labels)
        if None not in cell:
            # Hosts of one shape share their tables; the names of their parameters are each entry's.
            cell[None] = Entry()
            cell[None].site = Site()
        for inner in item.items:
            self._read(inner, "", "", False, labels, cell[None].site)

    def _read(
        self, item: AnyItem, prefix: str, named: str, inside: bool, host: Segments, site: Site
    ) -> None:
        if isinstance(item, Include):
            name = f"{named}{item.name}." if item.name else named
            for inner in item.items:
                self._read(inner, prefix + item.prefix.rstrip("/"), name, True, host, site)
            if not (item.prefix or inside):
                raise ValueError("Include has an empty prefix; write '/'")
            return
        assert not isinstance(item, Host)
        if not (item.pattern or inside):
            raise ValueError(f"{type(item).__name__} has an empty pattern; write '/'")
        entry = Entry()
        entry.item, entry.site, entry.host = item, site, host
        entry.kind, entry.app, entry.target, entry.explicit = ROUTE, None, None, None
        whole = prefix + item.pattern
        if isinstance(item, Mount):
            whole = prefix + item.pattern.rstrip("/")
            entry.kind, entry.app = MOUNT, item.app
        else:
            entry.explicit = None if item.methods is None else tuple(item.methods)
            if isinstance(item, Redirect):
                entry.kind, entry.target = REDIRECT, Target(item.to)
            else:
                entry.app = item.app
        if not (whole or entry.kind == MOUNT):
            raise ValueError(f"{type(item).__name__} has an empty pattern as a whole; write '/'")
        entry.pattern = whole
        entry.segments = self._parser.path(whole) if whole else ()
        entry.cut = -1 if "<" in whole else len(to_wsgi(whole))
        self._name(entry, f"{named}{item.name}" if item.name else None)
        entry.methods = _with_head(entry.explicit)
        self.methods.update(entry.methods or ())
        put(site.tables.cell(entry.segments, entry.kind == MOUNT), entry)
        self.entries.append(entry)

    def _name(self, entry: Entry, name: str | None) -> None:
        """Set all that concerns names: those of the parameters, and the entry's own."""
        entry.names, many = _names(entry.segments)
        entry.host_names = _names(entry.host)[0] if entry.host else ()
        entry.quiet = many and len(entry.segments) == 1
        together = entry.host_names + entry.names
        if len(set(together)) != len(together):
            twice = next(one for one in together if together.count(one) > 1)
            raise ValueError(f"pattern {entry.pattern!r} has two parameters named {twice!r}")
        if many and entry.kind == MOUNT:
            raise ValueError(f"Mount {entry.pattern!r} has a catch-all; a prefix cannot have one")
        if entry.target is not None and not entry.target.names <= set(together):
            unknown = min(entry.target.names - set(together))
            raise ValueError(
                f"Redirect {entry.pattern!r} has no parameter {unknown!r} "
                f"for its target {entry.item.to!r}"  # type: ignore[union-attr]
            )
        entry.name = name
        if name is not None:
            held = self.names.setdefault(name, [])
            if held and held[0].pattern != entry.pattern:
                raise ValueError(
                    f"the name {name!r} is used for two patterns, "
                    f"{held[0].pattern!r} and {entry.pattern!r}"
                )
            held.append(entry)

    def _put_other_forms(self) -> None:
        """Put what matches a path with the slash at its end missing, or one too many."""
        rows: list[tuple[Cell, Entry]] = []
        for entry in self.entries:
            if entry.kind == MOUNT or self.slashes == "strict":
                continue
            segments = entry.segments
            if segments[-1] == "":
                other = entry if self.slashes == "ignore" else entry.slashless()
                rows.append((entry.site.tables.cell(segments[:-1]), other))
            elif self.slashes == "ignore" and not _names(segments[-1:])[1]:
                rows.append((entry.site.tables.cell((*segments, "")), entry))
        put_below(rows)

    def all_sites(self) -> Iterator[Site]:
        """Yield every site once."""
        yield self.site
        if self.hosts is not None:
            cells = list(self.hosts.static.values())
            for part in self.hosts.parts.values():
                for table in part.values():
                    cells += table.values()
            for cell in cells:
                yield cell[None].site

    def sites(self, host: str) -> Iterator[tuple[Site, Sequence[Any]]]:
        """Yield the sites of a host, the most specific first, with the values of its labels."""
        if self.hosts is not None:
            labels = host_labels(host)
            if labels:
                for cell, values in self.hosts.walk(["", *labels]):
                    yield cell[None].site, values
        yield self.site, ()

    def search(self, method: str, path: str | list[str], host: str) -> Found:
        """Find the route of a path, or of one that was split where its raw form has slashes."""
        missed: Found = None
        for site, values in self.sites(host):
            found = site.find(method, path) if isinstance(path, str) else site.split(method, path)
            if found:
                return _with_host(found, values)
            missed = missed if found is None else found
        return missed

    def mount(self, texts: Sequence[str], valid: int, host: str) -> Found:
        """Find the Mount of a path of which only the first `valid` texts are text."""
        for site, values in self.sites(host):
            found = site.tables.mount(texts, valid)
            if found:
                return _with_host(found, values)
        return None

    def allowed(self, texts: Sequence[str], host: str, mounted: bool = False) -> frozenset[str]:
        """Return the methods that routes say of a split path; none: they say nothing.

        `mounted`: below a Mount a catch-all has text before it, and so is no longer quiet.
        """
        methods: set[str] = set()
        if texts[0]:
            return frozenset()
        for site, _ in self.sites(host):
            for cell, _ in site.tables.walk(texts):
                for entry in cell.values():
                    if entry.methods and entry.kind != SLASH and (mounted or not entry.quiet):
                        methods |= entry.methods
        return frozenset({*methods, "OPTIONS"} if methods else ())


def _with_host(found: tuple[Entry, dict[str, Any]], values: Sequence[Any]) -> Found:
    if not values:
        return found
    entry, params = found
    return entry, {**dict(zip(entry.host_names, values, strict=True)), **params}


def _names(segments: Segments) -> tuple[tuple[str, ...], bool]:
    """Return the names of parameters, and whether there is a catch-all."""
    names: tuple[str, ...] = ()
    many = False
    for segment in segments:
        if not isinstance(segment, str):
            names += segment.names
            many = many or segment.kind.many
    return names, many


def _with_head(methods: Sequence[str] | None) -> frozenset[str] | None:
    if methods is None:
        return None
    return frozenset({*methods, "HEAD"} if "GET" in methods else methods)


def host_labels(host: str) -> list[str] | None:
    """Return the labels of a host from the right, or None for what is no valid name.

    Lower-cased, port and one trailing dot off; an IPv6 address in its brackets is one label.

    >>> host_labels("Shop.Example.com.:8080"), host_labels("[::1]:80"), host_labels("a..b")
    (['com', 'example', 'shop'], ['[::1]'], None)
    """
    name = host.lower()
    if len(name) > _HOST_MAX + 7 or not name.isascii():
        return None
    if name.startswith("["):
        address, bracket, port = name.partition("]")
        address += bracket
        return [address] if _ADDRESS(address) and _PORT(port) else None
    name, colon, port = name.partition(":")
    name = name.removesuffix(".")
    if len(name) > _HOST_MAX or not _PORT(colon + port) or not _LABELS(name):
        return None
    return name.split(".")[::-1]
