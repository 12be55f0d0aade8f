"""`JWKS`: the published keys of an identity provider, fetched so that no request waits for them.

>>> JWKS("https://id.example/.well-known/jwks.json", refresh=600)
JWKS('https://id.example/.well-known/jwks.json', refresh=600)

Nothing is fetched when it is made. The first token makes a thread fetch the keys and waits for them
at most `timeout` seconds; then it gets 503. From then on no request waits for keys that are known:
a set older than `refresh` seconds is used while a thread fetches another, and if that fails it
stays good until it is `stale` seconds old. Failures are followed by pauses of 1, 2, 4 .. 60 s,
20 % more or less.

A token with an unknown `kid` means that keys were rotated, or nothing at all: it starts one early
fetch and waits for it at most a second; others with unknown kids get 503 meanwhile. There are four
such fetches, and one more each 15 seconds; after that an unknown kid is an invalid token.

One daemon thread at a time, only while it fetches, so that a fork is safe at any moment. No
redirects, no proxies, `https` unless `allow_http=True`, at most `max_bytes`.
"""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import KW_ONLY, dataclass, field
from time import monotonic
from typing import Any

from wsgimw.auth.fetching import check_url, fetch
from wsgimw.auth.identities import Unavailable
from wsgimw.auth.jwt_claims import read_object
from wsgimw.auth.key_sets import KeySet, read_set
from wsgimw.auth.outcomes import Emitter, Listeners
from wsgimw.auth.parts import Part
from wsgimw.describe import describe
from wsgimw.forks import after_fork
from wsgimw.redact import mask_url

__all__ = ["JWKS"]

MOST_SEARCHES = 4
SEARCH_EVERY = 15.0
SEARCH_WAIT = 1.0
LONGEST_PAUSE = 60.0
_log = logging.getLogger("wsgimw.auth")


class _State:
    """What changes; `changed` guards all of it."""

    __slots__ = (
        "__weakref__",
        "changed",
        "failures",
        "keys",
        "listeners",
        "loaded",
        "pause_until",
        "searched",
        "searches",
        "searching",
        "thread",
    )

    def __init__(self) -> None:
        self.keys: KeySet | None = None
        self.loaded = 0.0
        self.failures = 0
        self.pause_until = 0.0
        self.searches = float(MOST_SEARCHES)
        self.searched = 0.0
        self.listeners = Listeners()
        self.after_fork()
        after_fork(self)

    def after_fork(self) -> None:
        self.changed = threading.Condition()
        self.thread: threading.Thread | None = None
        self.searching = False


@dataclass(frozen=True, slots=True)
class JWKS(Part):
    """A key set at a URL, for `JWT`.

    Raises `TypeError` and `ValueError` for options that make no sense.
    """

    url: str
    """Where the JWK Set is."""
    _: KW_ONLY
    refresh: float = 300
    """Seconds after which another is fetched."""
    stale: float = 86400
    """Seconds after which a set that cannot be fetched again is no longer used."""
    timeout: float = 3
    """Seconds for a fetch, and for the first request to wait."""
    max_bytes: int = 512 << 10
    """The longest answer."""
    allow_http: bool = False
    """Allow a URL without TLS."""
    _state: _State = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_url(self.url, "JWKS()", allow_http=self.allow_http is True)
        for name in ("refresh", "stale", "timeout", "max_bytes"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise TypeError(f"JWKS({name}=...) is {describe(value)}; it takes a number")
            if not 0 < value < float("inf"):
                raise ValueError(f"JWKS({name}={value!r}): it takes a number above 0")
        if self.stale < self.refresh:
            raise ValueError(f"JWKS(stale={self.stale!r}) is less than refresh={self.refresh!r}")
        object.__setattr__(self, "_state", _State())

    def __repr__(self) -> str:
        return Part.__repr__(self).replace(repr(self.url), repr(mask_url(self.url)))

    def __reduce__(self) -> tuple[Any, ...]:
        options = (self.refresh, self.stale, self.timeout, self.max_bytes, self.allow_http)
        return _made, (self.url, *options)

    def peek(self) -> KeySet | None:
        """Give the keys, if there are any that may still be used; never waits."""
        state = self._state
        keys = state.keys
        if keys is None:
            return None
        age = monotonic() - state.loaded
        if age >= self.refresh:
            if monotonic() >= state.pause_until and state.thread is None:
                with state.changed:
                    self._start()
            if age >= self.stale:
                return None
        return keys

    def load(self) -> KeySet:
        """Give the keys, and wait for the first ones; raises `Unavailable`."""
        state = self._state
        with state.changed:
            self._start()
            state.changed.wait_for(lambda: state.thread is None, self.timeout)
        keys = self.peek()
        if keys is None:
            raise Unavailable(max(1.0, state.pause_until - monotonic()))
        return keys

    def search(self, kid: str) -> KeySet | None:
        """Look for a key that is not there; None: looked often enough. Raises `Unavailable`."""
        state = self._state
        with state.changed:
            if state.keys is not None and kid in state.keys.by_kid:
                return state.keys
            if state.searching:
                raise Unavailable(1)
            now = monotonic()
            if now < state.pause_until:
                raise Unavailable(max(1.0, state.pause_until - now))
            gained = (now - state.searched) / SEARCH_EVERY
            state.searches = min(float(MOST_SEARCHES), state.searches + gained)
            state.searched = now
            if state.searches < 1:
                return None
            state.searches -= 1
            state.searching = True
            self._start()
            ended = state.changed.wait_for(lambda: state.thread is None, SEARCH_WAIT)
            if not ended or state.failures:
                raise Unavailable(1)
            return state.keys

    def _start(self) -> None:
        """Start to fetch, unless that is being done, or it is too early after a failure."""
        state = self._state
        if state.thread is not None or monotonic() < state.pause_until:
            return
        thread = threading.Thread(target=self._fetch, name="wsgimw-jwks", daemon=True)
        state.thread = thread
        try:
            thread.start()
        except RuntimeError as error:  # no more threads
            self._ended(None, error)

    def _fetch(self) -> None:
        try:
            data = fetch(self.url, timeout=self.timeout, max_bytes=self.max_bytes)
            read = read_object(data)
            if read is None:
                raise ValueError("the answer is no JSON object")
            keys = KeySet(read_set(read))
            if not keys.keys:
                raise ValueError("the answer holds no key that can be used")
        except Exception as error:
            self._ended(None, error)
        else:
            self._ended(keys, None)

    def _ended(self, keys: KeySet | None, error: Exception | None) -> None:
        state = self._state
        with state.changed:
            news = error is not None and state.failures == 0
            if keys is not None:
                # The same set stays the same object: what was verified with it is still good.
                if state.keys is None or state.keys.fingerprint != keys.fingerprint:
                    state.keys = keys
                state.loaded = monotonic()
                state.failures = 0
                state.pause_until = 0.0
            else:
                pause = min(LONGEST_PAUSE, 2.0 ** min(state.failures, 10))
                state.failures += 1
                state.pause_until = monotonic() + pause * random.uniform(0.8, 1.2)
            state.thread = None
            state.searching = False
            state.changed.notify_all()
        if news:
            _log.warning("the keys at %s cannot be fetched: %s", mask_url(self.url), error)
            state.listeners.tell("unavailable", "Bearer", "jwks")

    def _listen(self, emitter: Emitter) -> None:
        self._state.listeners.add(emitter)


def _made(
    url: str, refresh: float, stale: float, timeout: float, max_bytes: int, allow_http: bool
) -> JWKS:
    return JWKS(
        url,
        refresh=refresh,
        stale=stale,
        timeout=timeout,
        max_bytes=max_bytes,
        allow_http=allow_http,
    )
