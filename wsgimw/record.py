"""What layers tell each other about one request: `environ["wsgimw.record"]`.

RequestId, AccessLog, CatchErrors, Compress and Authenticate make it where none is; all other layers
add to one that is there. One that is there is used, never replaced. It holds no exception, frame,
environ or app, so it may outlive the request.

>>> environ = {}
>>> record(environ).reasons.append("compress:gzip")
>>> record(environ).reasons
['compress:gzip']
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["Record", "record"]

KEY = "wsgimw.record"


class Record:
    """What is known about one request by now; mutable."""

    __slots__ = (
        "error",
        "extra",
        "fingerprint",
        "parent_id",
        "reasons",
        "request_id",
        "route",
        "span_id",
        "trace_id",
        "upstream_id",
        "user",
    )

    def __init__(self) -> None:
        self.request_id: str | None = None
        self.trace_id: str | None = None
        self.span_id: str | None = None
        self.parent_id: str | None = None
        self.upstream_id: str | None = None
        self.user: str | None = None
        self.route: str | None = None
        self.error: str | None = None
        self.fingerprint: str | None = None
        self.reasons: list[str] = []
        self.extra: dict[str, Any] = {}


def record(environ: WSGIEnvironment) -> Record:
    """Find the record of a request, or make it."""
    found: Record | None = environ.get(KEY)
    if found is None:
        found = environ[KEY] = Record()
    return found
