"""One version of a file: its content in each coding, told apart by what is on the disk.

A `Version` is what one `stat_key` stands for. Small content (up to `SMALL` bytes) is read whole
when the version is made, so its tag names the bytes themselves; it is kept as long as the budget of
the layer allows. Larger content stays on the disk.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Final

from wsgimw.codings import CODINGS, compressor
from wsgimw.http.validators import content_tag
from wsgimw.static.media_types import is_compressible
from wsgimw.static.opening import Promise, Root, StatKey

if TYPE_CHECKING:
    from wsgimw.static.resources import Resource

SMALL: Final = 64 * 1024
LEAST: Final = 512
"""Bytes below which compressing is not worth while."""

MEMORY_LEVELS: Mapping[str, int] = {"br": 9, "zstd": 15, "gzip": 9}

RACY: Final = 2_000_000_000
"""Nanoseconds within which a second change may leave the same mtime (2 s on FAT)."""


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
