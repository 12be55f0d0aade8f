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
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, Any

from wsgimw.exchange import Flow

if TYPE_CHECKING:
    from _typeshed import OptExcInfo

    from wsgimw.record import Record

__all__ = ["OUTCOMES", "HeadLogFlow", "LogFlow", "status_code"]

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


class LogFlow(Flow):
    """Watches one request; `done` is called with it once, when its end is known.

    `time`: epoch seconds at the start. `state`: what was read of environ at the start. `app`:
    seconds inside of us. `left`: when the first block that is not empty left. `duration`, `code`,
    `sent`, `outcome`, `failure`: set at the end.
    """

    __slots__ = (
        "app",
        "code",
        "declared",
        "done",
        "duration",
        "failure",
        "left",
        "more",
        "outcome",
        "record",
        "sent",
        "time",
    )

    counts = True

    app: float
    code: int | None
    declared: str | None
    duration: float
    failure: str | None
    done: Callable[[LogFlow], object]
    left: float
    more: dict[str, Any]
    outcome: str
    record: Record
    sent: int
    time: float

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        declared = None
        try:  # read before it is sent on: the receiver may change the list
            for name, value in headers:
                if len(name) == 14 and name.lower() == "content-length":
                    declared = value
                    break
        except (TypeError, ValueError, AttributeError):
            pass  # it is the server that refuses a head
        if exc_info is None:
            self._write = self.start_response(status, headers)
        else:
            self._write = self.start_response(status, headers, exc_info)
        # Only now: a second head is refused after bytes, and the first one was sent.
        self.status = status
        self.headers = headers
        self.declared = declared
        return self.write

    def write(self, data: bytes, /) -> object:
        if data and not self.bytes:
            self.left = perf_counter()
        self.bytes += len(data)
        return self._write(data)

    def enter(self) -> None:
        self.app -= perf_counter()

    def leave(self) -> None:
        now = perf_counter()
        self.app += now
        if not self.bytes:  # the block that this pull brought is counted afterwards
            self.left = now

    def ended(self) -> None:
        self.duration = perf_counter() - self.started
        error, sent, complete = self.error, self.bytes, self.complete
        self.code, bodyless = _read_status(self.status)
        bodyless = bodyless or self.state[1] == "HEAD"
        self.sent = 0 if bodyless or sent is None else sent
        if error is None:
            self.failure = None
            if complete is None:
                self.outcome = "handed_off"
            elif self.status is None and (complete or sent):
                self.code = 500
                self.outcome = "failed_before_bytes"
            elif self.status is None or not (complete or bodyless):
                self.outcome = "client_gone"
            elif bodyless:
                self.outcome = "complete"
            elif (
                self.declared is not None
                and self.declared != str(sent)
                and (_differs(self.declared, sent))
            ):
                self.outcome = "length_mismatch"
            else:
                self.outcome = "complete"
        else:
            self.failure = type(error).__qualname__
            if self.failed_in_close and self.status is not None:
                self.outcome = "failed_in_close" if complete or bodyless else "client_gone"
            elif self.failed_in_close and not (complete or sent):
                self.outcome = "client_gone"
            elif sent and self.status is not None:
                self.outcome = "failed_midstream"
            else:
                self.code = 500
                self.outcome = "failed_before_bytes"
        self.done(self)

    def lost(self) -> None:
        self.duration = perf_counter() - self.started
        self.code, bodyless = _read_status(self.status)
        self.sent = 0 if bodyless or self.state[1] == "HEAD" else self.bytes
        self.failure = None if self.error is None else type(self.error).__qualname__
        self.outcome = "not_closed"
        self.done(self)


class HeadLogFlow(LogFlow):
    """The same for a format that shows response fields: the receiver may change the list."""

    __slots__ = ()

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        kept = [*headers]
        write = LogFlow.start(self, status, headers, exc_info)
        self.headers = kept
        return write


@lru_cache(256)
def _read_status(status: str | None) -> tuple[int | None, bool]:
    """Read the code of a status line, and whether no body goes with it."""
    code = status_code(status)
    return code, code is not None and (code in (204, 304) or code < 200)


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
