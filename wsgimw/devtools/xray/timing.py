"""`Server-Timing`: what each layer has taken until the head leaves, for the browser's own tools.

https://www.w3.org/TR/server-timing/ : a list of metrics, each a token with `dur` in milliseconds
and `desc`. Only what is known before the head leaves can be told: the way in, the app until it gave
its head, and what layers did to the head.

>>> metric("Compress(level=6)", 0.0004123)
'Compress;dur=0.412;desc="Compress(level=6)"'
>>> metric('<Flask "shop">', 0.0039)
'Flask;dur=3.900;desc="<Flask \\\\"shop\\\\">"'
"""

from __future__ import annotations

import re
from time import perf_counter
from typing import Any

from wsgimw.devtools.xray.tape import HEAD, Trace

__all__ = ["timed"]

MOST_METRICS = 30
_WORD = re.compile(r"[A-Za-z0-9_]+")
_UNSEEN = re.compile(r"[^\x20-\x7e]")


def timed(trace: Trace, start_response: Any) -> Any:
    """Return the outer `start_response` with the header added to each head."""

    def start(status: Any, headers: Any, *exc_info: Any) -> Any:
        try:
            if type(headers) is list:
                headers = [*headers, ("Server-Timing", value(trace))]
            return start_response(status, headers, *exc_info)
        finally:
            exc_info = ()  # rule 9

    return start


def value(trace: Trace) -> str:
    """Return the value of the header for now."""
    now = perf_counter()
    chain = [trace.spies[0]]
    while (number := chain[-1].child) is not None and len(chain) < MOST_METRICS:
        chain.append(trace.spies[number])
    heads = {event[1]: event[5] for event in trace.tape if event[0] == HEAD}
    metrics = []
    for spy in chain:
        asked = heads.get(spy.number, now)  # when it gave its head to what lies outside
        if spy.child is None:
            own = asked - spy.came
        else:
            child = trace.spies[spy.child]
            own = child.came - spy.came + max(0.0, asked - heads.get(child.number, asked))
        metrics.append(metric(spy.inner.name, max(0.0, own)))
    metrics.append(f"total;dur={(now - chain[0].came) * 1000:.3f}")
    return ", ".join(metrics)


def metric(name: str, seconds: float) -> str:
    """Return one metric."""
    word = _WORD.search(name.removeprefix("partial("))
    shown = _UNSEEN.sub("?", name[:60]).replace("\\", "\\\\").replace('"', '\\"')
    return f'{word[0] if word else "layer"};dur={seconds * 1000:.3f};desc="{shown}"'
