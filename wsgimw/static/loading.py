"""Make versions out of files: read what is small, look at siblings, hash what has no time.

Nothing is believed that could have changed while it was looked at: the stat before and after the
reading must agree, else the version is used once and made again for the next request.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Mapping
from typing import Final

from wsgimw.http.validators import content_tag
from wsgimw.static.hashes import hash_file
from wsgimw.static.opening import Exhausted, Gone, Root, StatKey, failure, stat_key
from wsgimw.static.versions import RACY, SMALL, Content, Lease, Version

SUFFIXES: Mapping[str, str] = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
"""The ending of a precompressed sibling, by coding, in order of preference."""

PINNED_BEFORE: Final = 315_619_200
"""1980-01-02: earlier times (0, 1, the zip and SOURCE_DATE_EPOCH constants) mean nothing."""


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
        except (OSError, Gone):
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
        except OSError as error:
            problem = failure(error)
            if isinstance(problem, Exhausted):
                raise problem from None
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
