"""What layers tell each other about one request: `environ["wsgimw.record"]`.

The record is one mutable object for each request. Inner layers and the app add to it, `AccessLog`
writes it, error reports show it. Use it to put something of yours on the log line; do not use it to
keep what must not outlive the request: it holds text alone, never an exception, a frame, environ or
an app.

>>> environ = {}
>>> record(environ).extra["tenant"] = "acme"            # in an app, or a layer of your own
>>> record(environ).extra
{'tenant': 'acme'}

RequestId, AccessLog, CatchErrors, Compress and Authenticate make the record where there is none;
all other layers add to one that is there (`environ.get("wsgimw.record")`) and make none. Inner code
that copies environ still shares it: that is its purpose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["KEY", "Record", "record", "type_name"]

KEY = "wsgimw.record"


class Record:
    """What is known of one request; None, or empty, until somebody says it.

    `request_id`, `trace_id`, `span_id`, `parent_id`, `upstream_id`: by RequestId. `user`: who it
    is; `route`: the pattern that matched; `error`, the qualified name of an exception's type, and
    `fingerprint`, of the place where it was raised: by CatchErrors. `reasons`: codes by which
    layers say why they did what they did. `extra`: whatever else an app wants on the line.

    >>> known = Record()
    >>> known.user = "ada"
    >>> known
    Record(user='ada')
    """

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

    def __repr__(self) -> str:
        said = [(name, getattr(self, name)) for name in sorted(self.__slots__)]
        return f"Record({', '.join(f'{name}={value!r}' for name, value in said if value)})"


def record(environ: WSGIEnvironment) -> Record:
    """Find the record of this request, or make it.

    One that is there is used, never replaced.

    >>> environ = {}
    >>> record(environ) is record(environ) is environ["wsgimw.record"]
    True
    """
    found: Record | None = environ.get(KEY)
    if found is None:
        found = environ[KEY] = Record()
    return found


def type_name(cls: type) -> str:
    """Give the qualified name of a type, as `error` has it; builtins without their module.

    >>> type_name(KeyError), type_name(Record)
    ('KeyError', 'wsgimw.record.Record')
    """
    module = cls.__module__
    return cls.__qualname__ if module == "builtins" else f"{module}.{cls.__qualname__}"
