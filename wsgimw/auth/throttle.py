"""`Throttle`: how many failures a client, and an account, may have in a while.

Only failures are counted, and nobody can lock out a working user: what the verified cache knows is
never held back, and an address that has succeeded for an account within a day is not held by the
failures of others at that account.

>>> Throttle(per_client=(5, 60))
Throttle(per_client=(5, 60))

It is off unless given to `Basic(throttle=...)`: behind a proxy all clients share one address until
ProxyFix has repaired it. `store=LimitsStore("redis://...")` counts for all processes together; by
default each process counts for itself. If the store is down, requests are let through, with one
event per second at most.
"""

from __future__ import annotations

import hashlib
import logging
import math
import threading
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from ipaddress import IPv6Network
from time import monotonic
from typing import TYPE_CHECKING, Any

from wsgimw.auth.contracts import ThrottleStore
from wsgimw.auth.identities import Denied
from wsgimw.auth.outcomes import Emitter, Listeners, Refusal
from wsgimw.auth.parts import Part
from wsgimw.auth.stores import MemoryStore
from wsgimw.describe import describe
from wsgimw.forks import after_fork
from wsgimw.peers import address

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["Throttle"]

MOST_PAIRS = 4096
DAY = 86400.0
_log = logging.getLogger("wsgimw.auth")


class _State:
    """Who has succeeded lately, and whether the store answers."""

    __slots__ = ("__weakref__", "down_until", "listeners", "lock", "pairs")

    def __init__(self) -> None:
        self.pairs: dict[tuple[str, str], float] = {}
        self.down_until = 0.0
        self.listeners = Listeners()
        self.after_fork()
        after_fork(self)

    def after_fork(self) -> None:
        self.lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Throttle(Part):
    """Allow so many failures in so many seconds.

    Raises `TypeError` and `ValueError` for options that make no sense.
    """

    _: KW_ONLY
    per_client: tuple[int, float] | None = (20, 60)
    """Failures and seconds, for each address (IPv6: each /64); None: not limited."""
    per_account: tuple[int, float] | None = (100, 900)
    """The same for each username, whether there is such an account or not."""
    store: ThrottleStore | None = None
    """Where failures are counted; None: in this process."""
    client: Callable[[WSGIEnvironment], str] | None = None
    """Names the client of a request; None: `REMOTE_ADDR`."""
    _counts: ThrottleStore = field(init=False, repr=False, compare=False)
    _state: _State = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_rate("per_client", self.per_client)
        _check_rate("per_account", self.per_account)
        if self.store is not None and not isinstance(self.store, ThrottleStore):
            raise TypeError(
                f"Throttle(store=...) is {describe(self.store)}, which has no wait() and fail(); "
                'write store=LimitsStore("redis://...")'
            )
        if self.client is not None and not callable(self.client):
            raise TypeError(
                f"Throttle(client=...) is {describe(self.client)}; it takes a function of environ"
            )
        object.__setattr__(self, "_counts", MemoryStore() if self.store is None else self.store)
        object.__setattr__(self, "_state", _State())

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self.per_client, self.per_account, self.store, self.client)

    def _keys(self, environ: WSGIEnvironment, username: str) -> tuple[str, str]:
        """Name client and account as the store knows them: no name goes there as it is."""
        if self.client is None:
            client = environ.get("REMOTE_ADDR") or ""
        else:
            client = str(self.client(environ))
        found = address(client)
        if found is not None and found.version == 6:
            client = str(IPv6Network((found, 64), strict=False))
        elif found is not None:
            client = str(found)
        return f"client:{_digest(client)}", f"account:{_digest(username)}"

    def _wait(self, keys: tuple[str, str]) -> Refusal | None:
        """Refuse if one of them has failed too often."""
        waits = [0.0]
        if self.per_client is not None:
            waits.append(self._ask(keys[0], self.per_client))
        if self.per_account is not None and self._state.pairs.get(keys, 0.0) <= monotonic():
            waits.append(self._ask(keys[1], self.per_account))
        wait = max(waits)
        return Refusal(Denied(429, "throttled", retry_after=max(1, wait))) if wait > 0 else None

    def _failed(self, keys: tuple[str, str]) -> None:
        for key, rate in zip(keys, (self.per_client, self.per_account), strict=True):
            if rate is not None:
                self._guarded(self._counts.fail, key, *rate)

    def _succeeded(self, keys: tuple[str, str]) -> None:
        pairs = self._state.pairs
        with self._state.lock:
            pairs.pop(keys, None)
            while len(pairs) >= MOST_PAIRS:
                del pairs[next(iter(pairs))]
            pairs[keys] = monotonic() + DAY

    def _ask(self, key: str, rate: tuple[int, float]) -> float:
        wait = self._guarded(self._counts.wait, key, *rate)
        return float(wait or 0.0)

    def _guarded(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Ask the store; one that is down is not asked again for a second."""
        state = self._state
        if monotonic() < state.down_until:
            return None
        try:
            return work(*arguments)
        except Exception as error:
            state.down_until = monotonic() + 1.0
            # Its message may hold the URL of the store, and so a password.
            _log.warning("the throttle store is down (%s); not throttled", type(error).__name__)
            state.listeners.tell("unavailable", "Basic", "throttle-store")
            return None

    def _listen(self, emitter: Emitter) -> None:
        self._state.listeners.add(emitter)


def _made(per_client: Any, per_account: Any, store: Any, client: Any) -> Throttle:
    return Throttle(per_client=per_client, per_account=per_account, store=store, client=client)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _check_rate(name: str, rate: Any) -> None:
    if rate is None:
        return
    example = f"{name}=(20, 60): 20 failures in 60 seconds"
    if not isinstance(rate, tuple) or len(rate) != 2:
        raise TypeError(f"Throttle({name}=...) is {describe(rate)}; write {example}")
    count, seconds = rate
    numbers = isinstance(count, int) and isinstance(seconds, (int, float))
    if not numbers or isinstance(count, bool) or not (count >= 1 and math.isfinite(seconds)):
        raise ValueError(f"Throttle({name}={rate!r}): write {example}")
    if not 1 <= seconds <= DAY * 31:
        raise ValueError(f"Throttle({name}={rate!r}): it takes 1 s to 31 days; write {example}")
