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
from time import time
from typing import Any

from wsgimw.devtools.xray.spy import Spy
from wsgimw.devtools.xray.tape import ENDED, Trace
from wsgimw.devtools.xray.telling import VERSION, Kept, tell

REDACT = "wsgimw.redact"
_AFTER_HTTP = f"HTTP{chr(ord('_') + 1)}"  # what follows on all that begins with `HTTP_`
_NO_HTTP = ("CONTENT_TYPE", "CONTENT_LENGTH")  # PEP 3333, "environ Variables"; may be empty


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
                        f"{self._run}-{next(self._numbers)}",
                        trace.time,
                        _request(root.snapshot),
                        tape,
                        [(spy.outer, spy.inner) for spy in trace.spies],
                        [None if spy.shut else spy.facts() for spy in trace.spies],
                        trace.streams,
                        None if trace.first is None else trace.first - root.came,
                        _redacted(trace.spies),
                    )
                )
            )
        except Exception:
            return


def _spent(root: Spy, tape: list[tuple[Any, ...]]) -> float:
    closing = next((event[-1][3] for event in reversed(tape) if event[:2] == (ENDED, 0)), 0.0)
    spent: float = root.called + root.pulled + closing - root.heading - root.writing
    return spent


def _request(environ: dict[str, Any]) -> tuple[str, str, str, list[tuple[str, str]]]:
    """Return method, path, query and the fields, as they came to the outermost boundary."""
    get = environ.get
    path = f"{get('SCRIPT_NAME', '')}{get('PATH_INFO', '')}"
    try:
        # A comparison takes half the time of `startswith`, and this is done while somebody waits.
        fields = [
            (key, value)
            for key, value in environ.items()
            if "HTTP_" <= key < _AFTER_HTTP and type(value) is str
        ]
    except TypeError:  # a key that is no text
        texts = [item for item in environ.items() if type(item[0]) is type(item[1]) is str]
        fields = [item for item in texts if item[0].startswith("HTTP_")]
    for key in _NO_HTTP:
        value = get(key)
        if value and type(value) is str:
            fields.append((key, value))
    return str(get("REQUEST_METHOD", "")), path or "/", str(get("QUERY_STRING", "")), fields


def _redacted(spies: list[Spy]) -> frozenset[str]:
    names: frozenset[str] = frozenset()
    last: Any = None
    for spy in spies:
        environ = spy.environ
        if environ is last:
            continue
        last = environ
        found = environ.get(REDACT) if isinstance(environ, dict) else None
        if isinstance(found, (set, frozenset, list, tuple)):
            names |= {name for name in found if type(name) is str}
    return names
