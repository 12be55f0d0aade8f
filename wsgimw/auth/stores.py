"""Where failures are counted: `MemoryStore` in this process, `LimitsStore` for all of them.

>>> store = MemoryStore()
>>> for _ in range(3):
...     store.fail("ada", 3, 60.0)
>>> 59 < store.wait("ada", 3, 60.0) <= 60, store.wait("eve", 3, 60.0)
(True, 0.0)

Both count in fixed windows: the first failure opens one, and at its end the count is nought again.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from wsgimw.auth.parts import Part, missing_extra
from wsgimw.forks import after_fork
from wsgimw.redact import mask_url

__all__ = ["LimitsStore", "MemoryStore"]


class MemoryStore:
    """Counts in a dict that is bounded: the oldest windows leave first."""

    __slots__ = ("__weakref__", "_counts", "_lock", "_most")

    def __init__(self, most: int = 16384) -> None:
        self._most = most
        self._counts: dict[str, tuple[int, float]] = {}
        self.after_fork()
        after_fork(self)

    def after_fork(self) -> None:
        self._lock = threading.Lock()

    def wait(self, key: str, limit: int, window: float) -> float:
        """Give the seconds until the window ends, if the limit is reached; else 0.0."""
        count, ends = self._counts.get(key, (0, 0.0))
        return max(0.0, ends - monotonic()) if count >= limit else 0.0

    def fail(self, key: str, limit: int, window: float) -> None:
        """Count one failure."""
        now = monotonic()
        with self._lock:
            count, ends = self._counts.get(key, (0, 0.0))
            if ends <= now:
                count, ends = 0, now + window
                self._counts.pop(key, None)  # so that it is the youngest
                while len(self._counts) >= self._most:
                    del self._counts[next(iter(self._counts))]
            self._counts[key] = (count + 1, ends)


@dataclass(frozen=True, slots=True)
class LimitsStore(Part):
    """Counts shared by processes and machines, in what `limits` knows: Redis, Memcached.

    `uri` is that of `limits`, such as `"redis://127.0.0.1:6379/0"`. A store that does not answer
    within half a second is down. Raises `ImportError` naming the extra `redis`, and `ValueError`
    for a URI that `limits` does not know.
    """

    uri: str
    """Where the store is; userinfo is masked in `repr`."""
    _strategy: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.uri, str):
            raise TypeError(
                f"LimitsStore() takes a URI, and was given a {type(self.uri).__name__}; write "
                'LimitsStore("redis://127.0.0.1:6379/0")'
            )
        try:
            from limits.errors import ConfigurationError
            from limits.storage import storage_from_string
            from limits.strategies import FixedWindowRateLimiter

            if self.uri.startswith("redis"):
                import redis  # noqa: F401  (of which limits would only say that something is missing)
        except ImportError as error:
            raise missing_extra("redis", "LimitsStore", error) from None
        options: dict[str, Any] = {}
        if self.uri.startswith("redis"):
            options = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}
        try:
            storage = storage_from_string(self.uri, **options)
        except ConfigurationError:
            raise ValueError(
                f'LimitsStore({mask_url(self.uri)!r}): limits knows "redis://host:port/db", '
                '"memcached://host:port" and the like'
            ) from None
        except ValueError:
            # It quotes what it took for the port, which may be a piece of the password.
            raise ValueError(
                "LimitsStore() was given a URI that cannot be read; in a password all but letters, "
                'digits and - . _ ~ is percent-encoded: LimitsStore("redis://:p%2Fw@host:6379/0")'
            ) from None
        object.__setattr__(self, "_strategy", FixedWindowRateLimiter(storage))

    def __repr__(self) -> str:
        return f"LimitsStore({mask_url(self.uri)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return LimitsStore, (self.uri,)

    def wait(self, key: str, limit: int, window: float) -> float:
        """Give the seconds still to wait."""
        ends, left = self._strategy.get_window_stats(_item(limit, window), key)
        return max(0.0, float(ends) - time.time()) if left <= 0 else 0.0

    def fail(self, key: str, limit: int, window: float) -> None:
        """Count one failure."""
        self._strategy.hit(_item(limit, window), key)


def _item(limit: int, window: float) -> Any:
    from limits import RateLimitItemPerSecond

    return RateLimitItemPerSecond(limit, math.ceil(window), namespace="wsgimw")
