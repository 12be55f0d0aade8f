"""Bodies out of files that end where the head said, or not at all.

`FileBody` reads parts of a file; `PromisedFile` is what the server's `wsgi.file_wrapper` gets. Both
own their descriptor, stop at the promised length when the file has grown, and raise when it has
become too short: a server that hears of it cuts the connection, so that nobody takes a part for
the whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import FileIO
from threading import Lock

BLOCK = 256 * 1024
"""Bytes of one read. Blocks of 8 KB cost four times as much at 1 MB."""


class ShortFile(OSError):
    """The file became shorter than its head said while it was sent."""


class FileBody:
    """A body of parts: bytes as they are, pairs `(start, stop)` out of the file.

    `close()` is its own method and not a generator's, which does nothing unless it was started
    (rule 22). It may come from another thread (rule 26), so the descriptor is closed under a lock:
    a read that comes after must never meet another file under the same number.
    """

    __slots__ = ("_fd", "_lock", "_parts")

    def __init__(self, fd: int, parts: Sequence[bytes | tuple[int, int]]) -> None:
        self._fd = fd
        self._parts = parts
        self._lock = Lock()

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            if isinstance(part, bytes):
                yield part
                continue
            start, stop = part
            while start < stop:
                with self._lock:
                    if self._fd < 0:
                        return
                    block = os.pread(self._fd, min(BLOCK, stop - start), start)
                if not block:
                    raise ShortFile(f"the file ended at {start} bytes, {stop} were promised")
                start += len(block)
                yield block

    def close(self) -> None:
        """Close the file; again does nothing."""
        with self._lock:
            fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        # A consumer that forgets to close must not cost a descriptor.
        with suppress(AttributeError, OSError):
            self.close()


class PromisedFile(FileIO):
    """A file for `wsgi.file_wrapper`, at its beginning: sendfile works, and `read` keeps to `size`.

    Servers that hand on all that they read (wsgiref) would send what the file has grown by.
    """

    def __init__(self, fd: int, size: int) -> None:
        super().__init__(fd, "rb")
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes:
        """Read on, never beyond the promised size."""
        place = self.tell()
        left = self._size - place
        if size is None or size < 0 or size > left:
            size = max(left, 0)
        block = super().read(size)
        if size and not block:
            raise ShortFile(f"the file ended at {place} bytes, {self._size} were promised")
        return block or b""
