"""What one bound `StaticFiles` knows: the index of its roots, and the versions it has made.

`places` maps PATH_INFO to what stands there, at first a mere name, after the first hit a
`Resource`. It is looked up without a lock and swapped whole; what changes it does so under one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from re import Pattern
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any, TypeAlias

from wsgimw.http.paths import to_wsgi
from wsgimw.static import snapshot
from wsgimw.static.hashes import LEAST_KEPT, Hashes
from wsgimw.static.loading import SUFFIXES, Loader
from wsgimw.static.media_types import content_type
from wsgimw.static.names import readable, untagged, visibility
from wsgimw.static.opening import Gone, Root, StatKey, stat_file, stat_key
from wsgimw.static.resources import Resource
from wsgimw.static.tree import UP, Directory, Named, Place, Tree
from wsgimw.static.versions import SMALL, Budget, Lease, Version

if TYPE_CHECKING:
    from wsgimw.static.static_files import StaticFiles

Found: TypeAlias = Resource | Place

IMMUTABLE = "public, max-age=31536000, immutable"
NO_CACHE = "no-cache"
_STRIPES = 16


class Site:
    """The state of one bound app: what is on the disk, as far as it is known."""

    def __init__(self, layer: StaticFiles) -> None:
        self.layer = layer
        self.check = layer.mode == "check"
        self.prefix = to_wsgi(layer.prefix)
        self.inside = f"{self.prefix}/"
        self.budget = Budget(layer.memory)
        self.types = {ending.lower(): value for ending, value in (layer.types or {}).items()}
        exists = self._exists = visibility(layer.dotfiles, layer.hide)
        roots = layer.roots
        self.trees = tuple(
            Tree(Root(path, order, layer.follow_symlinks), self.prefix, layer.index, exists)
            for order, path in enumerate(roots)
        )
        self._is_immutable = _immutable(layer.immutable)
        self._snapshot: snapshot.Entries = {}
        self._loader = Loader(
            media_type=lambda name: content_type(name, self.types),
            sibling_names=self._sibling_names if layer.precompressed else _no_siblings,
            known_tag=self._known_tag,
        )
        self.places: dict[str, Found] = {}
        self.tagged: dict[str, Resource] = {}
        self._versions: dict[tuple[Root, str], Version] = {}
        self.hashes = Hashes(
            check=self.check,
            version=lambda root, name: self._versions.get((root, name)),
            noted=self._known_tag,
            limit=lambda: 4 * len(self.places),
        )
        self._swap_lock = Lock()
        self._scan_lock = Lock()
        self._locks = [RLock() for _ in range(_STRIPES)]
        self._begin()

    def _begin(self) -> None:
        """Make the first index: of the snapshot, if there is one, else by reading directories."""
        for tree in self.trees:
            path = tree.root.path
            if os.path.exists(path) and not os.path.isdir(path):
                raise ValueError(
                    f"the root {os.fsdecode(path)!r} of StaticFiles is not a directory; "
                    "write the directory that the files are in"
                )
        first, *others = self.trees
        noted = snapshot.read(os.fspath(self.layer.snapshot)) if self.layer.snapshot else None
        if noted is None:
            first.scan()
        else:
            if self.layer.hide or (not self.layer.dotfiles and _has_dots(noted)):
                noted = _visible(noted, self._exists)
            self._snapshot = noted
            first.fill(noted, self.check)
        for tree in others:
            tree.scan()
        self._swap()

    # The index.

    def refresh(self, path: str, before: int | None = None) -> bool:
        """Read the directories again in which PATH_INFO would lie, if they have changed.

        `before`: of the roots before that one only. Return whether any had changed.
        """
        read = False
        for tree in self.trees[:before]:
            if tree.changed(path) is not None:
                read = True
                with self._scan_lock:
                    directory: Directory | None = tree.changed(path)
                    if directory is not None:  # else another thread has read it meanwhile
                        tree.reread(directory)
                        self._swap()
        return read

    def _swap(self) -> None:
        places: dict[str, Found] = {}
        for tree in reversed(self.trees):
            places.update(tree.aliases)
        for tree in reversed(self.trees):
            places.update(tree.names)
        with self._swap_lock:
            for (root, name), version in list(self._versions.items()):
                key = self.inside + name
                if self._place(root, key) is None:
                    version.release()
                    del self._versions[root, name]
                elif places.get(key) is root:
                    places[key] = self.view(version)
            self.places = places

    def _place(self, root: Root, path: str) -> Place | None:
        """Return what stands at PATH_INFO in one root."""
        tree = self.trees[root.order]
        return tree.names.get(path) or tree.aliases.get(path)

    def file(self, root: Root, name: str) -> str | None:
        """Return the name of the file that a root has under a name, or None."""
        place = self._place(root, self.inside + name)
        if place is UP or isinstance(place, Root):
            return name
        return place.name if isinstance(place, Named) else None

    def _sibling_names(self, root: Root, name: str) -> Mapping[str, str]:
        """Return the names of siblings that may be there, by coding. Hidden ones are not."""
        names = {coding: name + suffix for coding, suffix in SUFFIXES.items()}
        if self.check:  # they may have come since the directory was read
            return {c: n for c, n in names.items() if self._exists(n.rpartition("/")[2], n)}
        known = self.trees[root.order].names
        return {c: n for c, n in names.items() if self.inside + n in known}

    # Versions.

    def view(self, version: Version, cache_control: str | None = "") -> Resource:
        """Return a version under a Cache-Control; by default under that of its name."""
        if cache_control == "":
            cache_control = self._cache_control(version.name)
        found = version.views.get(cache_control)
        if found is None:
            found = Resource(version, cache_control, self.layer.cors, self.layer.headers)
            found = version.views.setdefault(cache_control, found)
        return found

    def _cache_control(self, name: str) -> str | None:
        if self._is_immutable(readable(name)):
            return IMMUTABLE
        age = self.layer.max_age
        return None if age is None else f"public, max-age={age}"

    def is_current(self, version: Version) -> bool:
        """Is this what the disk has? In frozen mode it is taken to be. Raises Gone, Exhausted."""
        return not self.check or (
            stat_key(stat_file(version.path)) == version.key and version.settled
        )

    def current(self, root: Root, name: str) -> Version:
        """Return the version of a file, made if need be. Raises Gone, Exhausted."""
        version = self._versions.get((root, name))
        if version is not None and self.is_current(version):
            return version
        with self._locks[hash(name) % _STRIPES]:
            again = self._versions.get((root, name))
            if again is not None and again is not version and self.is_current(again):
                return again
            made, lease = self._load(root, name)
            lease.close()
            return made

    def renew(self, root: Root, name: str, *, siblings: bool) -> tuple[Version, Lease]:
        """Make a version anew and keep what it was made of, for the answer that waits for it.

        Without siblings it is made for this one answer.
        """
        if not siblings:
            made, lease = self._loader.load(root, name, siblings=False)
            made.varies = True
            return made, lease
        with self._locks[hash(name) % _STRIPES]:
            return self._load(root, name)

    def _load(self, root: Root, name: str) -> tuple[Version, Lease]:
        made, lease = self._loader.load(root, name)
        with self._swap_lock:
            old = self._versions.get((root, name))
            if old is not None and old.same_as(made):
                old.settled = made.settled
                return old, lease
            if old is not None:
                old.release()
            made.hold(self.budget, self.layer.compress)
            self._versions[root, name] = made
        return made, lease

    def install(self, path: str, resource: Resource) -> None:
        """Put a resource where its name stood, so that the next request finds it at once."""
        version = resource.version
        with self._swap_lock:
            place = self._place(version.root, path)
            if self._versions.get((version.root, version.name)) is version and (
                place is version.root or isinstance(place, Named)
            ):
                found = self.places.get(path)
                if isinstance(found, Resource):
                    found = found.version.root
                if found is version.root or found == place:
                    self.places[path] = resource

    def drop(self, root: Root, name: str, path: str, *, kept: bool) -> None:
        """Forget a file that is not to be had; `kept`: its name may still be there."""
        with self._swap_lock:
            old = self._versions.pop((root, name), None)
            if old is not None:
                old.release()
            self.tagged.pop(path, None)
            place = self._place(root, path)
            if place is None:
                return
            if kept:
                self.places[path] = place
            else:
                self.places.pop(path, None)
                tree = self.trees[root.order]
                tree.names.pop(path, None)
                tree.aliases.pop(path, None)
        if not kept and self.check:
            self.trees[root.order].mark(path)

    # Fingerprints.

    def fingerprinted(self, path: str) -> Resource | None:
        """Return what a fingerprinted PATH_INFO stands for, if any root has it."""
        form = untagged(path[len(self.inside) :])
        if form is None:
            return None
        wanted, tag = form
        for tree in self.trees:
            name = self.file(tree.root, wanted)
            if name is None:
                continue
            try:
                found, key = self.hashes.tag(tree.root, name)
                if found != tag:
                    continue
                version = self.current(tree.root, name)
            except Gone:
                continue
            if version.key != key or (key[2] <= SMALL and version.identity.tag != tag):
                continue  # it changed in between
            if len(self.tagged) > 2 * len(self.places) + LEAST_KEPT:
                self.tagged.clear()  # of versions that are no more
            resource = self.view(version, IMMUTABLE)
            self.tagged[path] = resource
            return resource
        return None

    def _known_tag(self, root: Root, name: str, key: StatKey) -> str | None:
        """Return the tag that the snapshot has for this very version."""
        if root.order == 0:
            noted: Any = self._snapshot.get(name)
            if noted is not None and noted[0] == key[2] and noted[1] == key[3]:
                return str(noted[2])
        return None


def _immutable(given: str | Pattern[str] | Callable[[str], bool] | None) -> Callable[[str], object]:
    if given is None:
        return lambda name: False
    return given if callable(given) else re.compile(given).search


def _no_siblings(root: Root, name: str) -> Mapping[str, str]:
    return {}


def _has_dots(noted: snapshot.Entries) -> bool:
    names = "\n".join(noted)
    return names.startswith(".") or "\n." in names or "/." in names


def _visible(noted: snapshot.Entries, exists: Callable[[str, str], bool]) -> snapshot.Entries:
    """Leave out what the options of this layer hide."""
    return {name: entry for name, entry in noted.items() if _all_exist(name, exists)}


def _all_exist(name: str, exists: Callable[[str, str], bool]) -> bool:
    place = 0
    while True:
        end = name.find("/", place)
        if end < 0:
            return exists(name[place:], name)
        if not exists(name[place:end], name[:end]):
            return False
        place = end + 1
