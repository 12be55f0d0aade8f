"""What must not be shared with a child process is told when there is one.

>>> class Pool:
...     def after_fork(self):
...         self.connections = []
>>> pool = Pool()
>>> after_fork(pool)                     # from now on, in each child, as long as `pool` lives
"""

from __future__ import annotations

import os
import weakref
from typing import Any, Protocol

__all__ = ["Forks", "after_fork"]


class Forks(Protocol):
    """What holds locks, threads, keys or randomness that a child process must not share."""

    def after_fork(self) -> None: ...


_forking: weakref.WeakSet[Any] = weakref.WeakSet()


def after_fork(what: Forks) -> None:
    """Have `what.after_fork()` called in each child process, as long as `what` lives."""
    _forking.add(what)


def _in_child() -> None:
    for what in list(_forking):
        what.after_fork()


if hasattr(os, "register_at_fork"):  # where there is a fork at all
    os.register_at_fork(after_in_child=_in_child)
