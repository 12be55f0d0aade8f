"""Roots, and the only way to a file: opened, looked at, and found to lie inside.

Every path here is made of a root and names that were read from its directories; the text of a
request never gets here. Paths are bytes, as the operating system has them.
"""

from __future__ import annotations

import errno
import os
import stat
from time import monotonic
from typing import Any, ClassVar, TypeAlias

StatKey: TypeAlias = tuple[int, int, int, int]
"""`(st_dev, st_ino, st_size, st_mtime_ns)`: what tells one version of a file from another."""

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_TRUSTED = 1.0
"""Seconds for which a place is believed, while the ctime stays as it is."""

# O_NONBLOCK: a FIFO that took the place of a file must not hold a thread for ever.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


class Gone(Exception):
    """There is no such file to be served (any more). `kept`: the name may still be there."""

    def __init__(self, reason: str, *, kept: bool = False) -> None:
        super().__init__(reason)
        self.kept = kept


class Exhausted(Exception):
    """The process is out of descriptors or memory: 503, it may pass."""


def failure(error: OSError) -> Gone | Exhausted:
    """Tell a file that is not to be had from a process that can do no more."""
    if error.errno in _EXHAUSTED:
        return Exhausted(os.strerror(error.errno))
    # The mode of a file may change back, and its directory does not tell.
    return Gone(os.strerror(error.errno or 0), kept=error.errno in (errno.EACCES, errno.EPERM))


def stat_key(st: os.stat_result) -> StatKey:
    """Return what tells this version of a file from another."""
    return (st.st_dev, st.st_ino, st.st_size, st.st_mtime_ns)


def stat_file(path: bytes) -> os.stat_result:
    """Return the stat of a file; raise `Gone` or `Exhausted`."""
    try:
        return os.stat(path)
    except OSError as error:
        raise failure(error) from None


class Stale(Exception):
    """What was opened is another version than the head speaks of."""


class Promise:
    """A file and the version of it that is promised; where it lay is asked again after `until`."""

    __slots__ = ("ctime", "key", "path", "until")

    def __init__(self, path: bytes, key: StatKey) -> None:
        self.path = path
        self.key = key
        self.ctime = -1
        self.until = 0.0


class Root:
    """One directory whose files are served. `order`: its place among the roots, the first wins."""

    __slots__ = ("follow", "order", "path", "real")

    ready: ClassVar[dict[str | None, Any]] = {}  # a name has no answer before its first hit

    def __init__(self, path: str, order: int, follow: bool) -> None:
        self.path = os.fsencode(os.path.abspath(path))
        self.order = order
        self.follow = follow
        self.real = os.path.realpath(self.path)

    def join(self, name: str) -> bytes:
        """Return the path of a name out of the index (a WSGI string)."""
        return b"%s/%s" % (self.path, name.encode("latin-1")) if name else self.path

    def holds(self, real: bytes) -> bool:
        """May what has this real path be served? It must lie inside, or links be followed."""
        return self.follow or self._inside(real) or self._moved(real)

    def _inside(self, real: bytes) -> bool:
        return real.startswith(self.real) and (
            real[len(self.real) : len(self.real) + 1] in (b"/", b"") or self.real == b"/"
        )

    def _moved(self, real: bytes) -> bool:
        """Look anew where the root is: a deployment may have swapped the link that it is."""
        now = os.path.realpath(self.path)
        if now == self.real:
            return False
        self.real = now
        return self._inside(real)

    def open(self, path: bytes) -> tuple[int, os.stat_result]:
        """Open a regular file inside the root; raise `Gone` or `Exhausted`.

        The descriptor is asked where it lies: a path may lead elsewhere by the time it is opened.
        """
        try:
            fd = os.open(path, _FLAGS)
        except OSError as error:
            raise failure(error) from None
        try:
            st = os.fstat(fd)
            if not stat.S_ISREG(st.st_mode):
                raise Gone("not a regular file")
            if not self.follow and not self.holds(_real_path(fd, path, st)):
                raise Gone("its real path is outside the root")
        except BaseException as error:
            os.close(fd)
            if isinstance(error, OSError):
                raise failure(error) from None
            raise
        return fd, st

    def reopen(self, promise: Promise) -> int:
        """Open the very version that was promised, or raise `Gone`, `Exhausted` or `Stale`.

        To ask where a descriptor lies costs more than all the rest. Of a version that was seen to
        lie inside a second ago it is asked again only when its ctime has moved, as it does when a
        file is renamed; what is sent is in any case the file that was inside.
        """
        try:
            fd = os.open(promise.path, _FLAGS)
        except OSError as error:
            raise failure(error) from None
        try:
            st = os.fstat(fd)
            if (st.st_dev, st.st_ino, st.st_size, st.st_mtime_ns) != promise.key:
                raise Stale
            if not self.follow:
                now = monotonic()
                if now > promise.until or st.st_ctime_ns != promise.ctime:
                    if not self.holds(_real_path(fd, promise.path, st)):
                        raise Gone("its real path is outside the root")
                    promise.ctime = st.st_ctime_ns
                    promise.until = now + _TRUSTED
        except BaseException as error:
            os.close(fd)
            if isinstance(error, OSError):
                raise failure(error) from None
            raise
        return fd


def _real_path(fd: int, path: bytes, st: os.stat_result) -> bytes:
    try:
        return os.readlink(b"/proc/self/fd/%d" % fd)
    except OSError as error:
        if error.errno in _EXHAUSTED:
            raise
    # Without /proc: follow the path by hand, and see that it still leads to this very file.
    real = os.path.realpath(path)
    now = os.lstat(real)
    if (now.st_dev, now.st_ino) != (st.st_dev, st.st_ino):
        raise Gone("replaced while it was opened")
    return real
