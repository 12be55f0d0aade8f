"""Hashes of whole files, remembered for the version they are of.

A hash belongs to `(st_dev, st_ino, st_size, st_mtime_ns)`. One of a file that was written in the
last two seconds is not remembered: it may be written again without a trace.
"""

from __future__ import annotations

import os
import time
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256, sha384
from typing import TYPE_CHECKING

from wsgimw.http.validators import short_tag
from wsgimw.static.opening import Root, StatKey, failure, stat_file, stat_key
from wsgimw.static.versions import RACY, SMALL, Version

if TYPE_CHECKING:
    import hashlib

LEAST_KEPT = 4096
_PIECE = 1024 * 1024


class Hashes:
    """The hashes that one bound app knows.

    `check`: ask the disk each time. `version` gives the version that is in use, `noted` the tag
    that the snapshot has for one. At most `limit()` are kept.
    """

    def __init__(
        self,
        *,
        check: bool,
        version: Callable[[Root, str], Version | None],
        noted: Callable[[Root, str, StatKey], str | None],
        limit: Callable[[], int],
    ) -> None:
        self._check = check
        self._version = version
        self._noted = noted
        self._limit = limit
        self._tags: dict[StatKey, str] = {}
        self._integrities: dict[StatKey, str] = {}

    def tag(self, root: Root, name: str) -> tuple[str, StatKey]:
        """Return the content tag of a file, and of which version it is. Raises Gone, Exhausted."""
        version, key = self._now(root, name)
        if version is not None and key[2] <= SMALL:
            return version.identity.tag, key
        noted = self._noted(root, name, key)
        if noted is not None:
            return noted, key
        return self._known(self._tags, hash_file, root, name, key)

    def integrity(self, root: Root, name: str) -> str:
        """Return the Subresource Integrity value of a file. Raises Gone, Exhausted."""
        version, key = self._now(root, name)
        if version is not None and version.identity.data is not None:
            return _integrity(sha384(version.identity.data).digest())
        return self._known(self._integrities, _integrity_of, root, name, key)[0]

    def _now(self, root: Root, name: str) -> tuple[Version | None, StatKey]:
        """Return the version in use, if it is what is on the disk, and what is there."""
        version = self._version(root, name)
        if version is not None and not self._check:
            return version, version.key
        key = stat_key(stat_file(root.join(name)))
        current = version is not None and version.key == key and version.settled
        return version if current else None, key

    def _known(
        self,
        known: dict[StatKey, str],
        make: Callable[[int], str],
        root: Root,
        name: str,
        key: StatKey,
    ) -> tuple[str, StatKey]:
        found = known.get(key)
        if found is not None:
            return found, key
        began = time.time_ns()
        fd, st = root.open(root.join(name))
        try:
            found = make(fd)
            key = stat_key(os.fstat(fd))
        except OSError as error:
            raise failure(error) from None
        finally:
            os.close(fd)
        if key == stat_key(st) and abs(began - key[3]) >= RACY:
            if len(known) >= max(LEAST_KEPT, self._limit()):
                known.clear()
            known[key] = found
        return found, key


def hash_file(fd: int) -> str:
    """Return the content tag of an open file, read piece by piece."""
    return short_tag(_digest(fd, sha256()))


def _integrity_of(fd: int) -> str:
    return _integrity(_digest(fd, sha384()))


def _integrity(digest: bytes) -> str:
    return "sha384-" + b64encode(digest).decode("ascii")


def _digest(fd: int, digest: hashlib._Hash) -> bytes:
    place = 0
    while piece := os.pread(fd, _PIECE, place):
        digest.update(piece)
        place += len(piece)
    return digest.digest()
