"""The last requests that were recorded, as plain data.

>>> recording = Recording(capacity=100)
>>> recording.requests, recording.as_json()
((), '{"version": 1, "requests": []}')

What the spies noted of a request is told as a dict when somebody reads it, not while the request
waits. The same dict is given each time.
"""

from __future__ import annotations

import itertools
import json
import secrets
import threading
from collections import deque
from collections.abc import Callable
from operator import itemgetter
from time import time
from typing import Any

from wsgimw.devtools.xray.spy import Spy
from wsgimw.devtools.xray.tape import ENDED, Trace
from wsgimw.devtools.xray.telling import LINE, VERSION, Kept, tell

REDACT = "wsgimw.redact"
MOST_WANTED = 64
_FIELDS = ("HTTP_", "CONTENT_")

Wanted = tuple[tuple[str, ...], Callable[[dict[Any, Any]], tuple[Any, ...]]]
_wanted: dict[tuple[str, ...], Wanted] = {}
"""By the keys of an environ; of clients of one kind they are the same each time."""


class Recording:
    """What `app.recording` is: `requests`, newest last, at most `capacity`, and `clear()`."""

    def __init__(self, capacity: int, slow: float | None = None) -> None:
        self._kept: deque[Kept] = deque(maxlen=capacity)
        self._slow = slow
        self._lock = threading.Lock()
        self._run = secrets.token_hex(3)
        self._numbers = itertools.count(1)
        self.live: list[Trace] = []

    @property
    def requests(self) -> tuple[dict[str, Any], ...]:
        """The requests that have ended, the newest last, as plain dicts."""
        with self._lock:
            return tuple([tell(kept) for kept in tuple(self._kept)])

    def clear(self) -> None:
        """Forget all requests."""
        self._kept.clear()

    def as_json(self) -> str:
        """Return what `requests.json` serves."""
        return json.dumps(self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """Return the same as a dict."""
        return {"version": VERSION, "requests": [*self.requests]}

    def begin(self) -> Trace:
        """Return the trace of a request that begins."""
        trace = Trace(self._finish, time())
        self.live.append(trace)
        return trace

    def give_up(self, trace: Trace) -> None:
        """Forget a request that is not to be recorded after all."""
        try:  # no `suppress`: it is an object more for each request
            self.live.remove(trace)
        except ValueError:
            return

    def _finish(self, trace: Trace) -> None:
        """Keep what was noted, as plain data; whatever fails here, the request goes on."""
        self.give_up(trace)
        tape = trace.tape[:]  # who outlives the request goes on with the other one
        try:
            root = trace.spies[0]
            if self._slow is not None and _spent(root, tape) < self._slow:
                return
            self._kept.append(
                Kept(
                    (
                        (self._run, next(self._numbers)),
                        trace.time,
                        _pick(root.snapshot),
                        tape,
                        {spy.number: spy.facts() for spy in trace.spies if not spy.shut},
                        trace.streams,
                        None if trace.first is None else trace.first - root.came,
                        _redacted(trace.environs),
                    )
                )
            )
        except Exception:
            return


def _spent(root: Spy, tape: list[tuple[Any, ...]]) -> float:
    ends = [event for event in tape if event[0] == ENDED and event[1][-1][0] == 0]
    closing = ends[-1][-1][0] if ends else 0.0
    spent: float = root.called + root.pulled + closing - root.heading - root.writing
    return spent


Picked = tuple[tuple[str, ...], tuple[str, ...]]
"""Of an environ: the keys that the page tells of, and their values."""


def _pick(environ: dict[Any, Any]) -> Picked:
    """Return what is told of an environ; all else of it is let go while somebody waits."""
    keys = (*environ,)
    names, take = _wanted.get(keys) or _find_wanted(keys)
    values = take(environ)
    for value in values:
        if type(value) is not str:
            break
    else:
        return names, values
    told = dict(zip(names, values, strict=True))
    texts = {
        name: value if type(value) is str else str(value)
        for name, value in told.items()
        if type(value) is str or not name.startswith(_FIELDS)
    }
    return (*texts,), (*texts.values(),)


def _find_wanted(keys: tuple[Any, ...]) -> Wanted:
    """Return which keys are told, and what takes their values out of an environ."""
    texts = [key for key in keys if type(key) is str]
    names = tuple([key for key in texts if key in LINE or key.startswith("HTTP_")])
    take: Any = itemgetter(*names) if len(names) > 1 else _take_few(names)
    if len(texts) == len(keys):  # nothing of an app is remembered
        if len(_wanted) >= MOST_WANTED:
            _wanted.clear()
        _wanted[keys] = names, take
    return names, take


def _take_few(names: tuple[str, ...]) -> Callable[[dict[Any, Any]], tuple[Any, ...]]:
    # `itemgetter` wants a key, and gives no tuple for a single one.
    return lambda environ: tuple([environ[name] for name in names])


def _redacted(environs: list[Any]) -> frozenset[str]:
    names: frozenset[str] = frozenset()
    for environ in environs:
        found = environ.get(REDACT) if isinstance(environ, dict) else None
        if found is not None and isinstance(found, (set, frozenset, list, tuple)):
            names |= {name for name in found if type(name) is str}
    return names
