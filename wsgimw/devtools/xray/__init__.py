"""See one request, layer by layer: what changed between two layers, and who broke a rule.

When: to find the layer that added a header, ate the time, or lost the `close()`; to see how a chain
works. Not: in production, save with a small `sample`; it keeps what requests and answers say, with
secrets masked by their names.

>>> from wsgimw import Compress, RequestId, compose, xray
>>> def app(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain")])
...     return [b"hello " * 500]
>>> application = xray(compose(RequestId(), Compress())(app))

Each request that passes is recorded, one lane for each layer, the outermost first:

>>> from werkzeug.test import Client
>>> with Client(application).get("/", headers={"Accept-Encoding": "gzip"}) as answer:
...     answer.status
'200 OK'
>>> (request,) = application.recording.requests
>>> for lane in request["layers"]:
...     print(lane["layer"], lane["blocks"], sorted(name for name, _ in lane["head"]["added"]))
RequestId() [1, 1] ['X-Request-ID']
Compress() [1, 1] ['Content-Encoding', 'Content-Length', 'Vary']
app [0, 1] ['Content-Type']
>>> [field["by"] for field in request["headers"] if field["name"] == "Vary"]
['Compress()']

- `GET /_xray/` is a page about the last requests, `/_xray/requests.json` the same as JSON. Both are
  for this machine alone: a loopback peer, no field of a proxy, a Host of this machine. A request
  from elsewhere goes to the app.
- The app that is given stays as it is; its layers are bound anew with spies between them. A
  middleware that was bound by hand (`ProxyFix(app)`) is copied; where that cannot be done, it is
  one lane with what lies inside of it.
- Rules are those of `wsgimw.testing`'s linter, and blame is laid as it does; what it cannot see is
  in docs/xray.md, as is the JSON.
- Where it goes: outermost, round the whole app. It is no layer.
- What it costs: a call for each layer while nothing is recorded, as much as a hundred calls for
  each layer of a request that is; without `xray` nothing.
"""

from __future__ import annotations

import math
import re
from random import random
from typing import TYPE_CHECKING, Any, Protocol, cast

from wsgimw import misuse
from wsgimw.describe import describe
from wsgimw.devtools.xray.binding import Binder
from wsgimw.devtools.xray.recording import Recording
from wsgimw.devtools.xray.serving import Serving
from wsgimw.devtools.xray.tape import current
from wsgimw.devtools.xray.timing import timed
from wsgimw.devtools.xray.watching import watch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["Recording", "Xrayed", "xray"]

_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")


class Xrayed(Protocol):
    """What `xray` returns: a WSGI app that has a `recording`."""

    recording: Recording

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse, /
    ) -> Iterable[bytes]:
        """Answer a request as the app does, and record it."""
        raise NotImplementedError


def xray(
    app: WSGIApplication,
    *,
    capacity: int = 100,
    sample: float = 1.0,
    slow_ms: float | None = None,
    path: str = "/_xray",
    server_timing: bool = False,
) -> Xrayed:
    """Return an app that does what `app` does, and records what each layer of it does.

    `capacity`: how many requests are kept, the last ones. `sample`: the part of the requests that
    is recorded, from 0 to 1, chosen by chance. `slow_ms`: keep only those that took at least so
    many milliseconds. `path`: where the page is. `server_timing`: tell each client what the layers
    took, in the header `Server-Timing` (W3C Server Timing); this goes to everybody.

    The app that is returned has `recording`: `.requests`, a tuple of plain dicts, the newest last,
    and `.clear()`. Raises `TypeError` and `ValueError` for an option of the wrong kind or value,
    `TypeError` for what is no app.

    >>> xray(print, capacity=0)
    Traceback (most recent call last):
    ValueError: capacity is 0; write how many requests are kept, 1 or more: capacity=100
    """
    misuse.check_app(app)
    _check(capacity, sample, slow_ms, path, server_timing)
    recording = Recording(capacity, None if slow_ms is None else slow_ms / 1000)
    live = recording.live
    bound, cross = Binder(live).bind(app)
    serving = Serving(recording, path, app)

    def xrayed(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        asked = environ.get("PATH_INFO")
        # `in` takes half the time of `startswith`, and says no to nearly all.
        if type(asked) is str and path in asked and asked.startswith(path):
            answer = serving.answer(environ)
            if answer is not None:
                start_response(answer.status, answer.headers)
                return answer.body
        former = current.get() if live else None
        # What an app asks of itself while it is recorded is recorded as a request of its own.
        if sample < 1 and former is None and random() >= sample:
            return bound(environ, start_response)
        if not isinstance(environ, dict):
            return bound(environ, start_response)
        trace = recording.begin()
        watch(environ, trace)
        start = timed(trace, start_response) if server_timing else start_response
        return cross(environ, start, trace, None, former)

    made = cast("Any", xrayed)
    made.recording = recording
    made.__wrapped__ = app
    made.__wsgimw_boundary__ = True  # so that `explain` looks through it
    return cast("Xrayed", made)


def _check(capacity: Any, sample: Any, slow_ms: Any, path: Any, server_timing: Any) -> None:
    if type(capacity) is not int:
        raise TypeError(f"capacity is {describe(capacity)}; it takes a whole number: capacity=100")
    if capacity < 1:
        raise ValueError(
            f"capacity is {capacity}; write how many requests are kept, 1 or more: capacity=100"
        )
    _check_number("sample", sample, "the part that is recorded, from 0 to 1: sample=0.01")
    if not 0 <= sample <= 1:
        raise ValueError(
            f"sample is {sample!r}; write the part that is recorded, from 0 to 1: sample=0.01"
        )
    if slow_ms is not None:
        _check_number("slow_ms", slow_ms, "milliseconds, or None to keep all: slow_ms=200")
        if slow_ms < 0:
            raise ValueError(
                f"slow_ms is {slow_ms!r}; write milliseconds from 0 on, or None: slow_ms=200"
            )
    if not isinstance(path, str):
        raise TypeError(f"path is {describe(path)}; it takes a str: path='/_xray'")
    if not _PATH.fullmatch(path):
        raise ValueError(
            f"path is {path!r}; it begins with a slash, does not end with one, and has letters, "
            "digits and -._~ between slashes: path='/_xray'"
        )
    if type(server_timing) is not bool:
        raise TypeError(f"server_timing is {describe(server_timing)}; write True or False")


def _check_number(name: str, value: Any, takes: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is {describe(value)}; it takes a number, {takes}")
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value!r}; it takes a number, {takes}")
