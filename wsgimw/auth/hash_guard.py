"""`HashGuard`: a cap on the password hashes that run at once.

argon2 takes 64 MiB and all of a core for each check, so a few guesses in parallel starve everybody
else: that is a cheap way to take a site down. Of those that come at once `limit` are worked on, the
others wait a moment, and who does not get a turn gets 503 with `Retry-After`. Checks of the very
same header share one hash.

>>> guard = HashGuard(limit=4, wait=0.5)
>>> guard, guard.run("key", lambda: "result")
(HashGuard(limit=4, wait=0.5), 'result')

One guard serves the process unless told otherwise (`SHARED`); it costs nothing where the verified
cache answers.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, TypeVar

from wsgimw.auth.identities import Unavailable
from wsgimw.auth.parts import Part, after_fork

__all__ = ["SHARED", "HashGuard"]

T = TypeVar("T")


class _Job:
    """A check that runs: those who want the same wait for it."""

    __slots__ = ("done", "error", "result")

    def __init__(self) -> None:
        self.done = threading.Event()
        self.error: BaseException | None = None
        self.result: Any = None


class _State:
    __slots__ = ("__weakref__", "jobs", "limit", "lock", "slots")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.after_fork()
        after_fork(self)

    def after_fork(self) -> None:
        # A thread that held a slot, or the lock, is not in the child to give it back.
        self.jobs: dict[Hashable, _Job] = {}
        self.lock = threading.Lock()
        self.slots = threading.BoundedSemaphore(self.limit)


@dataclass(frozen=True, slots=True)
class HashGuard(Part):
    """Let `limit` hashes run at once; the others wait at most `wait` seconds.

    Raises `TypeError` and `ValueError` for options that make no sense.
    """

    limit: int | None = None
    """How many; None: the number of processors, and at least two."""
    _: KW_ONLY
    wait: float = 0.25
    """Seconds to wait for a turn before `Unavailable` is raised."""
    _state: _State = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        limit = self.limit
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
            raise TypeError(f"HashGuard(limit) is a {type(limit).__name__}; write HashGuard(4)")
        if limit is not None and limit < 1:
            raise ValueError(f"HashGuard({limit!r}) lets nobody in; write a number of at least 1")
        if isinstance(self.wait, bool) or not isinstance(self.wait, (int, float)):
            raise TypeError(f"HashGuard(wait=...) is a {type(self.wait).__name__}; it is seconds")
        if not 0 <= self.wait <= 60:
            raise ValueError(f"HashGuard(wait={self.wait!r}): it takes 0 to 60 seconds")
        object.__setattr__(self, "_state", _State(limit or max(2, os.cpu_count() or 1)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self.limit, self.wait)

    def run(self, key: Hashable, work: Callable[[], T]) -> T:
        """Do the work when it gets a turn; those who come meanwhile with this `key` share it.

        Raises `Unavailable` if no turn comes in time.
        """
        state = self._state
        with state.lock:
            job = state.jobs.get(key)
            leads = job is None
            if job is None:
                job = state.jobs[key] = _Job()
        if not leads:
            shared: T = self._shared(job)
            return shared
        try:
            if not state.slots.acquire(timeout=self.wait):
                raise Unavailable(1)
            try:
                result = job.result = work()
            finally:
                state.slots.release()
        except BaseException as error:
            job.error = Unavailable(1) if isinstance(error, Unavailable) else _Failed()
            raise
        finally:
            with state.lock:
                state.jobs.pop(key, None)
            job.done.set()
        return result

    @staticmethod
    def _shared(job: _Job) -> Any:
        job.done.wait()
        if isinstance(job.error, Unavailable):
            raise Unavailable(job.error.retry_after)
        if job.error is not None:
            raise _Failed()
        return job.result


class _Failed(RuntimeError):
    """The check of the same header, whose result this one shares, has failed."""


def _made(limit: int | None, wait: float) -> HashGuard:
    return HashGuard(limit, wait=wait)


SHARED = HashGuard()
"""The guard of this process."""
