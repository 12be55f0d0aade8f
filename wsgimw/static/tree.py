"""The names below one root, read from its directories, and read again when they have changed.

A scan takes names and kinds from `scandir`, and stats no file. It fills `names`: PATH_INFO as it
will arrive, to what stands there. A request is compared with these names and with the names of
known directories; it is never made into a path.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from wsgimw.static.names import composed
from wsgimw.static.opening import Exhausted, Root, failure
from wsgimw.static.versions import RACY

log = logging.getLogger("wsgimw.static")

MOST_LINKS = 4
"""Directory links on the way to a name; what lies behind more is not followed."""

Stamp: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Named:
    """A file that answers under another name than its own: an index page, an NFC alias."""

    root: Root
    name: str

    ready: ClassVar[dict[str | None, Any]] = {}


@dataclass(frozen=True, slots=True)
class Redirect:
    """A place that only leads to another: `./d/` for a directory, `./` for its index page."""

    to_directory: bool

    ready: ClassVar[dict[str | None, Any]] = {}


DOWN, UP = Redirect(True), Redirect(False)
Place: TypeAlias = Root | Named | Redirect


class Directory:
    """A directory of the index. `key`: PATH_INFO of all that is in it begins so."""

    __slots__ = ("children", "key", "links", "parent", "path", "places", "real", "stamp")

    def __init__(
        self, parent: Directory | None, key: str, path: bytes, real: bytes, links: int
    ) -> None:
        self.parent = parent
        self.key = key
        self.path = path
        self.real = real
        self.links = links
        self.children: dict[str, Directory] = {}
        self.places: list[str] = []
        self.stamp: Stamp | None = None
        """What it was like when it was scanned; None: it is to be scanned at the next chance."""

    def ancestors(self) -> Iterator[Directory]:
        """Yield this directory and all above it."""
        directory: Directory | None = self
        while directory is not None:
            yield directory
            directory = directory.parent


class Tree:
    """The index of one root."""

    def __init__(
        self, root: Root, prefix: str, index: str | None, exists: Callable[[str, str], bool]
    ) -> None:
        self.root = root
        self.top = Directory(None, f"{prefix}/", root.path, root.real, 0)
        self.names: dict[str, Place] = {}
        self.aliases: dict[str, Named] = {}
        self._skip = len(prefix) + 1
        self._index = index
        self._exists = exists
        self._warned: set[tuple[str, bytes]] = set()

    def scan(self) -> None:
        """Read all directories."""
        self._rescan(self.top, self.names)

    def fill(self, names: Iterable[str], directories: bool) -> None:
        """Take names that were noted before; directories are read when they are first asked."""
        prefix = self.top.key
        self.names = dict.fromkeys(map(prefix.__add__, names), self.root)
        if self._index or directories or not all(map(str.isascii, self.names)):
            known = {"": self.top}
            for key in list(self.names):
                folder = key[self._skip :].rpartition("/")[0]
                directory = known.get(folder) or self._known(known, folder)
                self._add(directory, key.rpartition("/")[2], self.names)

    def _known(self, known: dict[str, Directory], folder: str) -> Directory:
        above, _, segment = folder.rpartition("/")
        parent = known.get(above) or self._known(known, above)
        child = self._child(parent, segment, b"%s/%s" % (parent.real, segment.encode("latin-1")), 0)
        known[folder] = parent.children[segment] = child
        return child

    def changed(self, path: str) -> Directory | None:
        """Return the directory in which this PATH_INFO would lie, if it is to be read again."""
        directory: Directory | None = self._deepest(path)
        while directory is not None:
            try:
                st = os.stat(directory.path)
            except OSError as error:
                problem = failure(error)
                if isinstance(problem, Exhausted):
                    raise problem from None
                if directory.parent is None and self.names:
                    return directory  # the root is gone
                directory = directory.parent
            else:
                return None if directory.stamp == _stamp(st) else directory
        return None

    def reread(self, directory: Directory) -> None:
        """Read a directory again, and those in it that are new. `names` is swapped whole."""
        names = dict(self.names)
        self._rescan(directory, names)
        self.names = names
        self.aliases = {k: v for k, v in self.aliases.items() if self._key(v.name) in names}

    def mark(self, path: str) -> None:
        """Have the directory of this PATH_INFO read at the next chance."""
        self._deepest(path).stamp = None

    def _deepest(self, path: str) -> Directory:
        directory = self.top
        place = self._skip
        while True:
            end = path.find("/", place)
            child = directory.children.get(path[place:end] if end >= 0 else path[place:])
            if child is None:
                return directory
            directory = child
            if end < 0:
                return directory
            place = end + 1

    def _key(self, name: str) -> str:
        return self.top.key + name

    def _forget(self, directory: Directory, names: dict[str, Place]) -> None:
        """Take a directory that is no more out of the names, with all below it."""
        pending = [directory]
        while pending:
            gone = pending.pop()
            for key in gone.places:
                # A file may have taken the place of a directory that had an index page.
                if key.startswith(gone.key) or names.get(key) is DOWN:
                    names.pop(key, None)
            pending += gone.children.values()

    def _rescan(self, start: Directory, names: dict[str, Place]) -> None:
        pending = [start]
        try:
            while pending:
                pending += self._read(pending.pop(), names, start)
        except Exhausted:
            start.stamp = None
            raise

    def _read(
        self, directory: Directory, names: dict[str, Place], start: Directory
    ) -> list[Directory]:
        """Read one directory; return those in it that were not known."""
        began = time.time_ns()
        stamp: Stamp | None = None
        entries: list[os.DirEntry[bytes]] = []
        try:
            st = os.stat(directory.path)  # before it is listed: a change meanwhile moves it
            if directory is start:  # of the others the entry was looked at just now
                directory.real = os.path.realpath(directory.path)
                if not self.root.holds(directory.real):
                    raise PermissionError(errno.EACCES, "its real path is outside the root")
            with os.scandir(directory.path) as listing:
                entries = [*listing]
            if abs(began - st.st_mtime_ns) >= RACY:
                stamp = _stamp(st)
        except OSError as error:
            problem = failure(error)
            if isinstance(problem, Exhausted):
                raise problem from None
            self._warn(error.strerror or "unreadable", directory.path)
        for key in directory.places:
            names.pop(key, None)
        known, directory.children, directory.places = directory.children, {}, []
        new: list[Directory] = []
        for entry in entries:
            segment = entry.name.decode("latin-1")
            if self._exists(segment, directory.key[self._skip :] + segment):
                child = self._take(directory, entry, segment, names, known.get(segment))
                if child is not None and child is not known.get(segment):
                    new.append(child)
        for segment, child in known.items():
            if directory.children.get(segment) is not child:
                self._forget(child, names)
        directory.stamp = stamp
        return new

    def _take(
        self,
        directory: Directory,
        entry: os.DirEntry[bytes],
        segment: str,
        names: dict[str, Place],
        known: Directory | None,
    ) -> Directory | None:
        """Take one entry into the index; return it if it is a directory."""
        real, links = b"", directory.links
        try:
            if entry.is_file(follow_symlinks=False):
                self._add(directory, segment, names)
                return None
            is_directory = entry.is_dir(follow_symlinks=False)
            if not is_directory:
                if not entry.is_symlink():
                    self._warn("neither a file nor a directory", entry.path)
                    return None
                real = os.path.realpath(entry.path)
                kind = os.stat(entry.path).st_mode
                if not self.root.holds(real):
                    self._warn("a link that leads outside", entry.path)
                    return None
                if stat.S_ISREG(kind):
                    self._add(directory, segment, names)
                    return None
                is_directory = stat.S_ISDIR(kind)
                links += 1
        except OSError as error:
            broken = error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
            self._warn("a broken link" if broken else os.strerror(error.errno or 0), entry.path)
            return None
        if not is_directory:
            self._warn("a link to neither a file nor a directory", entry.path)
            return None
        if real and (links > MOST_LINKS or any(d.real == real for d in directory.ancestors())):
            self._warn("a link to a directory above it, or behind too many links", entry.path)
            return None
        child = known
        if child is None or child.links != links:
            real = real or b"%s/%s" % (directory.real, entry.name)
            child = self._child(directory, segment, real, links)
        directory.children[segment] = child
        return child

    def _child(self, parent: Directory, segment: str, real: bytes, links: int) -> Directory:
        path = b"%s/%s" % (parent.path, segment.encode("latin-1"))
        return Directory(parent, f"{parent.key}{segment}/", path, real, links)

    def _add(self, directory: Directory, segment: str, names: dict[str, Place]) -> None:
        """Put a file into the index."""
        key = directory.key + segment
        directory.places.append(key)
        if segment == self._index:
            names[key] = UP
            names[directory.key] = Named(self.root, key[self._skip :])
            names[directory.key[:-1]] = DOWN
            directory.places += directory.key, directory.key[:-1]
        else:
            names[key] = self.root
        if not key.isascii():
            alias = composed(key)
            if alias is not None:
                self.aliases[alias] = Named(self.root, key[self._skip :])

    def _warn(self, reason: str, path: bytes) -> None:
        if (reason, path) not in self._warned:
            self._warned.add((reason, path))
            shown = path.decode("utf-8", "backslashreplace")
            log.warning("static files: %s is skipped: %s", shown, reason)


def _stamp(st: os.stat_result) -> Stamp:
    return (st.st_dev, st.st_ino, st.st_mtime_ns)
