"""The verified cache: what was proven a moment ago need not be proven again.

A password hash takes 100 ms on purpose; a browser sends the same header with each request. So a
success is remembered for a short time, under a digest of the header that only this process can
make (BLAKE2b with 32 random bytes for a key). Failures are never remembered: a negative cache tells
by its speed what was tried before. What is remembered is asked for without a lock.

An entry holds what was matched, so that its owner can tell that this has changed. Entries are at
most 1024, the oldest leaves first, and none is renewed by being used. After a fork the child starts
empty, with a key of its own; a pickle holds nothing.
"""

from __future__ import annotations

import hashlib
import os
import threading
from time import monotonic
from typing import Any, NamedTuple

from wsgimw.forks import after_fork

__all__ = ["Entry", "VerifiedCache", "check_ttl"]

MOST = 1024


class Entry(NamedTuple):
    """One success: until when (monotonic), whose, what was matched, and what it gave."""

    expires: float
    name: str
    matched: Any
    grant: Any


class VerifiedCache:
    """Successes by digest. `entries` and `digest` are for one who looks; `keep` remembers."""

    __slots__ = ("__weakref__", "_lock", "entries", "generation", "hasher", "ttl")

    def __init__(self, ttl: float) -> None:
        self.ttl = ttl
        self.generation = 0
        self.after_fork()
        after_fork(self)

    def __repr__(self) -> str:
        return f"VerifiedCache({self.ttl!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.ttl,)

    def after_fork(self) -> None:
        """Begin anew: nothing remembered, another key."""
        self.entries: dict[bytes, Entry] = {}
        # Called, it gives a hash object with the key already in it: half the price of a new one.
        self.hasher = hashlib.blake2b(key=os.urandom(32), digest_size=16).copy
        self._lock = threading.Lock()

    def digest(self, text: str) -> bytes:
        """Give the name under which an ASCII text is remembered."""
        state = self.hasher()
        state.update(text.encode())
        return state.digest()

    def keep(
        self, digest: bytes, name: str, matched: Any, grant: Any, *, generation: int, ttl: float
    ) -> None:
        """Remember a success, unless what it rests on was forgotten since `generation` was read."""
        with self._lock:
            if generation != self.generation or ttl <= 0:
                return
            entries = self.entries
            entries.pop(digest, None)  # so that it is the youngest
            while len(entries) >= MOST:
                del entries[next(iter(entries))]
            entries[digest] = Entry(monotonic() + min(ttl, self.ttl), name, matched, grant)

    def renew(self, digest: bytes, entry: Entry, matched: Any, grant: Any) -> None:
        """Put other contents in place of an entry; it expires when it would have."""
        with self._lock:
            if self.entries.get(digest) is entry:
                self.entries[digest] = entry._replace(matched=matched, grant=grant)

    def forget(self, name: str | None = None) -> None:
        """Forget one name, or all; also what is being worked out at this moment."""
        with self._lock:
            self.generation += 1
            if name is None:
                self.entries = {}
            else:
                self.entries = {
                    digest: entry for digest, entry in self.entries.items() if entry.name != name
                }


def check_ttl(where: str, ttl: Any, least: float, most: float) -> None:
    """Raise unless it is None or a number of seconds within bounds."""
    if ttl is None:
        return
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float)):
        raise TypeError(f"{where} is a {type(ttl).__name__}; it takes seconds, or None: no cache")
    if not least <= ttl <= most:
        raise ValueError(
            f"{where} is {ttl!r}; it takes {least:g} to {most:g} seconds, or None: no cache"
        )
