"""One version of a file: its content in each coding, told apart by what is on the disk.

A `Version` is what one `stat_key` stands for. Small content (up to `SMALL` bytes) is read whole
when the version is made, so its tag names the bytes themselves; it is kept as long as the budget of
the layer allows. Larger content stays on the disk.
"""

from __future__ import annotations

import os
import stat
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256, sha384
from threading import Lock
from typing import TYPE_CHECKING, Final

from wsgimw.codings import CODINGS, compressor
from wsgimw.http.validators import content_tag, short_tag
from wsgimw.static.media_types import is_compressible
from wsgimw.static.opening import Exhausted, Gone, Promise, Root, StatKey, failure, stat_key

if TYPE_CHECKING:
    import hashlib

    from wsgimw.static.resources import Resource

SMALL: Final = 64 * 1024
LEAST: Final = 512
"""Bytes below which compressing is not worth while."""

SUFFIXES: Mapping[str, str] = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
"""The ending of a precompressed sibling, by coding, in order of preference."""

MEMORY_LEVELS: Mapping[str, int] = {"br": 9, "zstd": 15, "gzip": 9}

PINNED_BEFORE: Final = 315_619_200
"""1980-01-02: earlier times (0, 1, the zip and SOURCE_DATE_EPOCH constants) mean nothing."""

RACY: Final = 2_000_000_000
"""Nanoseconds within which a second change may leave the same mtime (2 s on FAT)."""

_PIECE = 1024 * 1024


class Budget:
    """The bytes of content that one bound app may still hold."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._lock = Lock()

    def take(self, size: int) -> bool:
        """Take so many bytes, or nothing."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def give(self, size: int) -> None:
        """Give bytes back."""
        with self._lock:
            self._left += size

    @property
    def left(self) -> int:
        """How many bytes there are."""
        return self._left


class Content(Promise):
    """The bytes of one coding of one version: held as `data`, or in the file at `path`."""

    __slots__ = ("coding", "data", "size", "tag")

    def __init__(
        self, coding: str, path: bytes, key: StatKey, size: int, tag: str, data: bytes | None
    ) -> None:
        super().__init__(path, key)
        self.coding = coding  # "" is identity
        self.size = size
        self.tag = tag
        self.data = data


class Version:
    """One version of a file, with its fresh siblings, and the codings that were made of it."""

    __slots__ = (
        "_budget",
        "_held",
        "_locks",
        "coded",
        "content_type",
        "identity",
        "key",
        "makeable",
        "name",
        "path",
        "root",
        "settled",
        "siblings",
        "varies",
        "views",
    )

    def __init__(
        self,
        root: Root,
        name: str,
        content_type: str,
        identity: Content,
        siblings: Sequence[Content],
        settled: bool,
    ) -> None:
        self.root = root
        self.name = name
        self.path = identity.path
        self.key = identity.key
        self.content_type = content_type
        self.identity = identity
        self.siblings = siblings
        self.settled = settled
        self.varies = bool(siblings)
        self.views: dict[str | None, Resource] = {}
        self.makeable: tuple[str, ...] = ()
        self.coded: dict[str, Content | None] = {c.coding: c for c in siblings}
        self._locks: dict[str, Lock] = {}
        self._budget: Budget | None = None
        self._held = 0

    def hold(self, budget: Budget, makes: bool) -> None:
        """Keep what was read as far as the budget allows. `makes`: codings may be made of it."""
        self._budget = budget
        for content in (self.identity, *self.siblings):
            if content.data is not None:
                if budget.take(content.size):
                    self._held += content.size
                else:
                    content.data = None
        if (
            makes
            and not self.siblings
            and self.identity.data is not None
            and LEAST <= self.identity.size <= SMALL
            and is_compressible(self.content_type)
        ):
            self.makeable = tuple(coding for coding in MEMORY_LEVELS if coding in CODINGS)
            self._locks = {coding: Lock() for coding in self.makeable}
            self.varies = True

    @property
    def offers(self) -> tuple[str, ...]:
        """The codings that it may be sent in, those first that are sent among equals."""
        return self.makeable or tuple(c.coding for c in sorted(self.siblings, key=_size))

    def content(self, coding: str) -> Content:
        """Return the content in a coding; in identity, if that is not to be had or not smaller."""
        if coding in self._locks and coding not in self.coded:
            with self._locks[coding]:  # one thread makes it, the others find it made
                if coding not in self.coded:
                    self.coded[coding] = self._made(coding)
        return self.coded.get(coding) or self.identity

    def _made(self, coding: str) -> Content | None:
        source = self.identity
        assert source.data is not None and self._budget is not None
        data = compressor(coding, MEMORY_LEVELS[coding])(source.data)
        if len(data) >= source.size or not self._budget.take(len(data)):
            return None
        self._held += len(data)
        tag = f"{content_tag(data)}-{coding}"
        return Content(coding, source.path, source.key, len(data), tag, data)

    def release(self) -> None:
        """Give back what this version held. Requests that still have it keep its bytes alive."""
        held, self._held = self._held, 0
        if self._budget is not None:
            self._budget.give(held)

    def same_as(self, other: Version) -> bool:
        """Is it all the same bytes, as far as anybody can tell?"""
        return self._identifiers() == other._identifiers()

    def _identifiers(self) -> tuple[object, ...]:
        each = (self.identity, *self.siblings)
        return (self.root, self.name, *((c.coding, c.key, c.tag) for c in each))


def _size(content: Content) -> int:
    return content.size


class Lease:
    """What was read or opened to make a version, for the answer that is waiting for it."""

    __slots__ = ("data", "fd", "key")

    def __init__(self, key: StatKey, fd: int) -> None:
        self.key = key
        self.fd = fd
        self.data: bytes | None = None

    def take(self) -> int:
        """Hand the descriptor over."""
        fd, self.fd = self.fd, -1
        return fd

    def close(self) -> None:
        """Close the descriptor, unless it was taken."""
        if self.fd >= 0:
            os.close(self.take())


class Loader:
    """Make versions out of files. It keeps nothing."""

    def __init__(
        self,
        *,
        media_type: Callable[[str], str],
        sibling_names: Callable[[Root, str], Mapping[str, str]],
        known_tag: Callable[[Root, str, StatKey], str | None],
    ) -> None:
        self._media_type = media_type
        self._sibling_names = sibling_names
        self._known_tag = known_tag

    def load(self, root: Root, name: str, *, siblings: bool = True) -> tuple[Version, Lease]:
        """Make the version of a file as it is now. Who calls closes the lease."""
        path = root.join(name)
        began = time.time_ns()
        fd, st = root.open(path)
        lease = Lease(stat_key(st), fd)
        try:
            identity, settled = self._identity(root, name, path, lease, st, began)
            found = self._siblings(root, name, st) if siblings else []
        except BaseException as error:
            lease.close()
            if isinstance(error, OSError):
                raise failure(error) from None
            raise
        settled = settled and not any(_is_racy(content.key[3], began) for content in found)
        return Version(root, name, self._media_type(name), identity, found, settled), lease

    def _identity(
        self, root: Root, name: str, path: bytes, lease: Lease, st: os.stat_result, began: int
    ) -> tuple[Content, bool]:
        key = lease.key
        settled = not _is_racy(key[3], began)
        if st.st_size > SMALL:
            tag = self._large_tag(root, name, lease.fd, st)
            return Content("", path, key, st.st_size, tag, None), settled
        data = _read(lease.fd, st.st_size)
        if stat_key(os.fstat(lease.fd)) != key or len(data) != st.st_size:
            settled = False  # somebody writes into it: what was read is what is sent, this once
        lease.data = data
        return Content("", path, key, len(data), content_tag(data), data), settled

    def _siblings(self, root: Root, name: str, source: os.stat_result) -> list[Content]:
        found = []
        for coding, sibling in self._sibling_names(root, name).items():
            content = self._sibling(root, sibling, coding, source)
            if content is not None:
                found.append(content)
        return found

    def _sibling(
        self, root: Root, name: str, coding: str, source: os.stat_result
    ) -> Content | None:
        """Return what the sibling holds, or None: then it is as if it were not there."""
        path = root.join(name)
        try:
            st = os.lstat(path)
            if not stat.S_ISLNK(st.st_mode) and not _is_fresh(st, source):
                return None
            fd, st = root.open(path)
        except (OSError, Gone, Exhausted):
            return None
        try:
            if not _is_fresh(st, source):
                return None
            key = stat_key(st)
            data = _read(fd, st.st_size) if st.st_size <= SMALL else None
            last = data[-4:] if data is not None else os.pread(fd, 4, st.st_size - 4)
            size = (source.st_size % 2**32).to_bytes(4, "little")
            if coding == "gzip" and last != size:
                return None
            if data is not None and (len(data) != st.st_size or stat_key(os.fstat(fd)) != key):
                return None
            tag = self._large_tag(root, name, fd, st) if data is None else content_tag(data)
        except OSError:
            return None
        finally:
            os.close(fd)
        return Content(coding, path, key, st.st_size, f"{tag}-{coding}", data)

    def _large_tag(self, root: Root, name: str, fd: int, st: os.stat_result) -> str:
        key = stat_key(st)
        tag = self._known_tag(root, name, key)
        if tag is None and st.st_mtime < PINNED_BEFORE:
            tag = hash_file(fd)  # such a time is the same before and after a change
        return tag or f"{key[3]:x}-{key[2]:x}"


def _is_fresh(st: os.stat_result, source: os.stat_result) -> bool:
    return (
        stat.S_ISREG(st.st_mode)
        and 0 < st.st_size < source.st_size
        and st.st_mtime_ns >= source.st_mtime_ns
    )


def _is_racy(mtime_ns: int, began: int) -> bool:
    return abs(began - mtime_ns) < RACY


def _read(fd: int, size: int) -> bytes:
    """Read so many bytes from the beginning, or fewer if there are not so many."""
    data = os.pread(fd, size, 0)
    while 0 < len(data) < size:
        more = os.pread(fd, size - len(data), len(data))
        if not more:
            break
        data += more
    return data


def hash_file(fd: int) -> str:
    """Return the content tag of an open file, read piece by piece."""
    return short_tag(_digest(fd, sha256()))


def integrity_of(fd: int) -> str:
    """Return the Subresource Integrity value of an open file."""
    return "sha384-" + b64encode(_digest(fd, sha384())).decode("ascii")


def _digest(fd: int, digest: hashlib._Hash) -> bytes:
    place = 0
    while piece := os.pread(fd, _PIECE, place):
        digest.update(piece)
        place += len(piece)
    return digest.digest()
