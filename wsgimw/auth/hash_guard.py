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
from collections.abc import Callable, Hashable
from dataclasses import KW_ONLY, dataclass, field
from threading import Condition, Event, Lock
from typing import Any, TypeVar

from wsgimw.auth.identities import Unavailable
from wsgimw.auth.parts import Part
from wsgimw.forks import after_fork

__all__ = ["SHARED", "HashGuard"]

T = TypeVar("T")


class _Job:
    """A check that runs: those who want the same wait for it."""

    __slots__ = ("done", "error", "result")

    def __init__(self) -> None:
        # Made by the first who waits: mostly nobody does, and it costs more than the rest.
        self.done: Event | None = None
        self.error: BaseException | None = None
        self.result: Any = None


class _State:
    """The jobs by key, and how many run. One lock is for both, so that a job takes it twice."""

    __slots__ = ("__weakref__", "freed", "jobs", "limit", "lock", "running")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.after_fork()
        after_fork(self)

    def after_fork(self) -> None:
        # A thread that had a turn, or the lock, is not in the child to give it back.
        self.jobs: dict[Hashable, _Job] = {}
        self.lock = Lock()
        self.freed = Condition(self.lock)
        self.running = 0

    def wait_for_turn(self, seconds: float) -> bool:
        with self.lock:
            if not self.freed.wait_for(lambda: self.running < self.limit, seconds):
                return False
            self.running += 1
        return True


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
        done = None
        with state.lock:
            job = state.jobs.get(key)
            if job is not None:
                done = job.done = job.done or Event()
                has_turn = False
            else:
                job = state.jobs[key] = _Job()
                has_turn = state.running < state.limit
                if has_turn:
                    state.running += 1
        if done is not None:
            shared: T = self._shared(job, done)
            return shared
        try:
            has_turn = has_turn or state.wait_for_turn(self.wait)
            if not has_turn:
                raise Unavailable(1)
            result = job.result = work()
        except BaseException as error:
            job.error = Unavailable(1) if isinstance(error, Unavailable) else _Failed()
            raise
        finally:
            with state.lock:
                state.jobs.pop(key, None)
                if has_turn and state.running:  # none runs in a child that `work` has forked
                    state.running -= 1
                    state.freed.notify()
            if job.done is not None:  # nobody finds the job any more, so nobody makes it now
                job.done.set()
        return result

    @staticmethod
    def _shared(job: _Job, done: Event) -> Any:
        done.wait()
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
