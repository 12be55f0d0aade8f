"""One request on its way through the log: its clocks, its bytes, and how it ended.

| outcome | when | status |
| --- | --- | --- |
| `complete` | the body was exhausted; for HEAD, 1xx, 204, 304: closed, iterated or not | as sent |
| `client_gone` | closed before it was exhausted | as given |
| `failed_before_bytes` | an exception left the app, or no head was given, before a block that is \
not empty | 500: what the server will answer |
| `failed_midstream` | an exception after bytes, or `write()`, had left | as sent |
| `failed_in_close` | the body was complete, its `close()` raised | as sent |
| `length_mismatch` | complete, but not as long as its Content-Length says | as sent |
| `handed_off` | a file wrapper went out as the same object, its end cannot be seen | as sent |
| `not_closed` | the server never closed the body; said when the body dies | as given |

The first failure wins: a body that is closed early and then fails in `close()` is `client_gone`,
with the `error`.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from wsgimw.exchange import Flow, WatchedStream
from wsgimw.http.headers import find
from wsgimw.record import type_name
from wsgimw.remembered import Remembered

if TYPE_CHECKING:
    from _typeshed import OptExcInfo

    from wsgimw.record import Record

__all__ = ["OUTCOMES", "USUAL", "HeadLogFlow", "LogFlow", "TimedLogFlow", "status_code"]

OUTCOMES = (
    "complete",
    "client_gone",
    "failed_before_bytes",
    "failed_midstream",
    "failed_in_close",
    "length_mismatch",
    "handed_off",
    "not_closed",
)


USUAL = (
    "REMOTE_ADDR",
    "REQUEST_METHOD",
    "SCRIPT_NAME",
    "PATH_INFO",
    "QUERY_STRING",
    "SERVER_PROTOCOL",
    "HTTP_HOST",
)
"""Environ keys that nearly every request has: they are read in one step where all are there."""


class LogFlow(Flow):
    """Watches one request; `done` is called with it once, when its end is known.

    `time`: epoch seconds at the start. `state`, `referer`, `agent`, `more`: what was read of
    environ at the start (`state` by the keys of `USUAL`). `code`,
    `sent`, `outcome`, `failure`: set at the end. No other clock is read: this is the flow of lines
    that show no duration.
    """

    __slots__ = (
        "agent",
        "code",
        "code_text",
        "declared",
        "done",
        "failure",
        "more",
        "outcome",
        "record",
        "referer",
        "sent",
        "sent_text",
        "time",
    )

    counts = True
    streams: type[WatchedStream] | None = WatchedStream

    # Nothing sets these here: see `TimedLogFlow`.
    app = duration = left = started = 0.0

    agent: Any
    code: int | None
    code_text: str
    declared: str | None
    failure: str | None
    done: Callable[[LogFlow], object]
    more: dict[str, Any]
    outcome: str
    record: Record
    referer: Any
    sent: int
    sent_text: str
    time: float

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        declared = None
        try:  # read before it is sent on: the receiver may change the list
            for name, value in headers:
                if name == "Content-Length":  # nearly all write it so, and then this is cheapest
                    declared = value
                    break
            else:
                declared = find(headers, "Content-Length")
        except Exception:
            declared = None  # it is the server that refuses a head
        if exc_info is None:
            self._write = self.start_response(status, headers)
        else:
            self._write = self.start_response(status, headers, exc_info)
        # Only now: a second head is refused after bytes, and the first one was sent.
        self.status = status
        self.headers = headers
        self.declared = declared
        return self

    __call__ = Flow.write
    """So the flow itself is the `write` that goes inwards, and a bound method less is made."""

    def ended(self) -> None:
        sent = self.bytes
        self.code, self.code_text, bodyless = _statuses[self.status]
        if bodyless or self.state[1] == "HEAD":
            bodyless, sent = True, 0
        self.sent = sent = sent or 0
        self.sent_text = text = f"{sent}" if sent else "-"
        if self.error is not None:
            self._failed(self.error, bodyless)
        else:
            self.failure = None
            if not self.complete or self.code is None:
                self._broken_off(bodyless)
            elif bodyless or self.declared is None or self.declared == text:
                self.outcome = "complete"
            else:
                self.outcome = "length_mismatch" if _differs(self.declared, sent) else "complete"
        self.done(self)

    def _broken_off(self, bodyless: bool) -> None:
        if self.complete is None:
            self.outcome = "handed_off"
        elif self.status is None and (self.complete or self.bytes):
            self.code, self.code_text = 500, "500"
            self.outcome = "failed_before_bytes"
        elif self.status is not None and (self.complete or bodyless):
            self.outcome = "complete"
        else:
            self.outcome = "client_gone"

    def _failed(self, error: BaseException, bodyless: bool) -> None:
        given = self.status is not None
        if self.failed_in_close and given:
            self.failure = type_name(type(error))
            self.outcome = "failed_in_close" if self.complete or bodyless else "client_gone"
        elif self.failed_in_close and not (self.complete or self.bytes):
            self.failure = type_name(type(error))
            self.outcome = "client_gone"
        else:
            self._broke_down(error)

    def _broke_down(self, error: BaseException) -> None:
        self.failure = type_name(type(error))
        if self.bytes and self.status is not None:
            self.outcome = "failed_midstream"
        else:
            self.code, self.code_text = 500, "500"
            self.outcome = "failed_before_bytes"

    def lost(self) -> None:
        self.code, self.code_text, bodyless = _statuses[self.status]
        self.sent = 0 if bodyless or self.state[1] == "HEAD" else self.bytes
        self.sent_text = str(self.sent or "-")
        self.failure = None
        self.outcome = "not_closed"
        if self.error is not None:  # the first failure wins
            self._broke_down(self.error)
        self.done(self)


class TimedLogFlow(LogFlow):
    """The same with clocks.

    `started`: at the start. `app`: seconds inside of us. `left`: when the first block that is not
    empty left. `duration`: set by `done`.
    """

    __slots__ = ("app", "duration", "left", "started")

    entered = True  # `begin` sets `app`: the start of the request is that of the call
    streams = None

    app: float
    duration: float
    left: float
    started: float

    def write(self, data: bytes, /) -> object:
        if data and not self.bytes:
            self.left = perf_counter()
        self.bytes += len(data)
        return self._write(data)

    __call__ = write

    def enter(self) -> None:
        self.app -= perf_counter()

    def leave(self) -> None:
        now = perf_counter()
        self.app += now
        if not self.bytes:  # the block that this pull brought is counted afterwards
            self.left = now


class HeadLogFlow(TimedLogFlow):
    """The same for a format that shows response fields: the receiver may change the list."""

    __slots__ = ()

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        kept = [*headers]
        write = TimedLogFlow.start(self, status, headers, exc_info)
        self.headers = kept
        return write


def _read_status(status: Any) -> tuple[int | None, str, bool]:
    """Read the code of a status line, its text, and whether no body goes with it."""
    code = status_code(status)
    return code, str(code or "-"), code is not None and (code in (204, 304) or code < 200)


_statuses: Remembered[tuple[int | None, str, bool]] = Remembered(_read_status, 256)


def status_code(status: Any) -> int | None:
    """Read the code of a status line, as lenient as a server may be; None where there is none.

    >>> status_code("204"), status_code("200 OK"), status_code("OK"), status_code(None)
    (204, 200, None, None)
    """
    try:
        code = int(status[:3])
    except (TypeError, ValueError):
        return None
    return code if 100 <= code <= 599 else None


def _differs(declared: Any, sent: Any) -> bool:
    try:
        return bool(declared.isascii() and declared.isdigit() and int(declared) != sent)
    except (AttributeError, ValueError):
        return False
