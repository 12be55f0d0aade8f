"""Give each request an id: in environ, on the response, in log records, and in trace context.

Use it outermost (but for `Portable`), so that the access log, the error page, the logs of the app
and the client all name a request by the same id. Do not use `trace=True` beside an OpenTelemetry
instrumentation: both would write `traceparent`, and the spans of one would be lost to the other.

>>> from wsgimw import RequestId, compose
>>> from wsgimw.request_id import current
>>> def app(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain")])
...     return [f"{current() == environ['wsgimw.request_id']}".encode()]
>>> application = compose(RequestId(trust=("10.0.0.0/8",)))(app)
>>> def start_response(status, headers):
...     print(headers[-1])
>>> environ = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_REQUEST_ID": "from-the-proxy"}
>>> application(environ, start_response)
('X-Request-ID', 'from-the-proxy')
[b'True']

To have the id in the records of `logging`, put the filter on a handler, in `dictConfig` so:

    "filters": {"request_id": {"()": "wsgimw.request_id.LogFilter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["request_id"]}},
    "formatters": {"plain": {"format": "%(request_id)s %(levelname)s %(message)s"}},

- An inbound id counts only from a trusted peer (of the socket: `wsgimw.peers`) and if it is 1 to
  128 of `A-Z a-z 0-9 . _ ~ + / = -`; nobody is trusted unless told so. Any other is never taken for
  the id; if it fits the grammar it is kept in the record as `upstream_id`.
- Reads and writes the header (`X-Request-ID`) and its environ key; writes `wsgimw.request_id`, and
  in `wsgimw.record` `request_id` and `upstream_id`. The response has the header once, whatever the
  app said, on a second head with `exc_info` too. Inside another RequestId the outer one's id stays.
- `trace=True` takes part in W3C Trace Context, level 2: reads and writes `HTTP_TRACEPARENT` and
  `HTTP_TRACESTATE`, which an app may send on as they are, and in the record `trace_id`, `span_id`
  and `parent_id`. Without an inbound id (and without `generate`) the request id is the trace id.
- `current()` is set while inner code runs: the call, each block, `close()`. It is not set in
  threads that the app starts, unless they copy the context.

It costs a head and a surrounded body: a random id, and a context variable set and put
back at each step of a stream.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from os import getpid
from typing import TYPE_CHECKING, Any

from wsgimw.compose import BaseLayer
from wsgimw.describe import describe
from wsgimw.exchange import ContextFlow, flow_through
from wsgimw.facts import Facts
from wsgimw.http.headers import is_token, put
from wsgimw.peers import Trust, members, trust
from wsgimw.record import KEY, Record

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

__all__ = ["LogFilter", "RequestId", "current"]

_ID = re.compile(r"[A-Za-z0-9._~+/=-]{1,128}").fullmatch
# W3C Trace Context, 3.2: a version after 00 may go on behind a dash; a comma is two header lines.
_TRACEPARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-[^,]*)?"
).fullmatch
_KNOWN_FLAGS = 0x03  # sampled, random; the others MUST be set to zero (3.2.2.5)
_MOST_MEMBERS = 32
_LONGEST_STATE = 512
_HOP_BY_HOP = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)
_OWNED = frozenset(["content-length", "content-type", "host", "set-cookie"])

_ZEROS = "0" * 32
_AT_ONCE = 64

_current: ContextVar[str | None] = ContextVar("wsgimw.request_id", default=None)


def current() -> str | None:
    """Give the id of the request whose code is running, or None outside of one.

    >>> current() is None
    True
    """
    return _current.get()


class LogFilter(logging.Filter):
    """Add `request_id` to log records: the current id, `"-"` outside a request.

    It belongs on handlers: a filter on a logger does not see the records of loggers below it. A
    record that has the attribute already keeps it. Every record passes.

    >>> log_record = logging.makeLogRecord({"msg": "hello"})
    >>> LogFilter().filter(log_record), log_record.request_id
    (True, '-')
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            record.request_id = _current.get() or "-"
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestId(BaseLayer):
    """Find or make the id of each request; see the module for what it touches.

    >>> RequestId(trust=["127.0.0.1"], trace=True)
    RequestId(trust=('127.0.0.1',), trace=True)
    """

    header: str = "X-Request-ID"
    """The field that is read and written."""
    trust: Trust = ()
    """Whose inbound ids count: True, addresses and networks, `"unix"`, or a function of environ."""
    trace: bool = False
    """Also take part in W3C Trace Context."""
    generate: Callable[[], str] | None = None
    """Makes an id; what it returns must fit the grammar, else the built-in one is used."""

    def __post_init__(self) -> None:
        _check_header(self.header)
        trust("RequestId(trust=...)", self.trust)
        if not isinstance(self.trust, bool) and not callable(self.trust):
            object.__setattr__(self, "trust", members("trust", self.trust))
        if not isinstance(self.trace, bool):
            raise TypeError(
                f"RequestId(trace=...) is {describe(self.trace)}; it takes True or False"
            )
        if self.generate is not None and not callable(self.generate):
            raise TypeError(
                f"RequestId(generate=...) is {describe(self.generate)}; it takes a function "
                "without arguments that returns a str, such as generate=lambda: uuid4().hex"
            )

    @property
    def facts(self) -> Facts:
        """What `wsgimw.explain` knows of it."""
        traces = ["HTTP_TRACEPARENT", "HTTP_TRACESTATE"] if self.trace else []
        return Facts(
            reads=["peer"] if self.trust not in ((), False) else [],
            changes=["request id"],
            once=[f"an id in {self.header}", *(["trace context"] if self.trace else [])],
            cost="body",
            headers=[self.header],
            environ=["wsgimw.request_id", "wsgimw.record", environ_key(self.header), *traces],
        )

    def _bind(self, app: WSGIApplication) -> WSGIApplication:
        generate, trace = self.generate, self.trace
        field = (self.header, len(self.header), self.header.lower())
        key = environ_key(self.header)
        is_trusted = trust("RequestId(trust=...)", self.trust)
        nobody = self.trust == () or self.trust is False
        set_current, random = _current.set, _make_random()

        def begin(flow: _IdFlow) -> None:
            environ = flow.environ
            known = environ.get(KEY)
            if known is None:
                known = environ[KEY] = Record()
            trusted = not nobody and is_trusted(environ)
            chosen: str | None = environ.get("wsgimw.request_id")  # of a RequestId outside
            came = environ.get(key) if chosen is None else None
            if isinstance(came, str) and _ID(came):
                if trusted:
                    chosen = came
                else:
                    known.upstream_id = came
            if trace and known.trace_id is None:
                _take_part(environ, known, trusted, random)
            if chosen is None and generate is not None:
                chosen = _generated(generate)
            found: str = chosen or known.trace_id or random()
            known.request_id = environ[key] = environ["wsgimw.request_id"] = found
            flow.value = found
            flow._name = field
            flow.former = _current.get()
            set_current(found)

        return flow_through(app, _IdFlow, begin)


def environ_key(header: str) -> str:
    """Give the key under which environ has a request header. PEP 3333, `HTTP_` variables."""
    return f"HTTP_{header.upper().replace('-', '_')}"


class _IdFlow(ContextFlow):
    """Adds the header to each head, and sets the context variable round all inner code."""

    __slots__ = ("_name",)

    variable = _current
    _name: tuple[str, int, str]

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        name, size, folded = self._name
        for field, _ in headers:
            if len(field) == size and field.lower() == folded:
                headers = [*headers]  # rule 12
                put(headers, name, self.value)
                break
        else:
            headers = [*headers, (name, self.value)]
        if exc_info is None:  # rule 2
            return self.start_response(status, headers)
        return self.start_response(status, headers, exc_info)


def _check_header(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"RequestId(header=...) is {describe(name)}; it takes the name of a field")
    folded = name.lower()
    if not is_token(name):
        problem = "is no field name"
    elif folded in _HOP_BY_HOP:
        problem = "belongs to one connection, so a WSGI app may not send it (PEP 3333)"
    elif folded in _OWNED:
        problem = "has a meaning of its own"
    else:
        return
    raise ValueError(
        f"RequestId(header={name!r}): {name!r} {problem}; write a name of letters, digits and "
        'dashes, such as header="X-Request-ID"'
    )


def _make_random() -> Callable[[], str]:
    """Return what makes 32 hex digits, never all zero.

    They are read from the system, many at a time: a system call is dearer than all the rest. What
    was read before a fork is not used after it, or two processes would give the same ids. The
    process is asked each time: not every server that forks lets Python know (uWSGI).
    """
    left: list[str] = []
    process = None

    def random() -> str:
        nonlocal process, left
        if process != (now := getpid()):
            left, process = [], now
        while True:
            try:
                return left.pop()  # in one step: no two threads get the same
            except IndexError:
                digits = os.urandom(16 * _AT_ONCE).hex(" ", 16)
                left += [piece for piece in digits.split(" ") if piece != _ZEROS]

    return random


def _generated(generate: Callable[[], str]) -> str | None:
    try:
        made = generate()
    except Exception:  # an id of the user's own is not worth a failed request
        return None
    return made if isinstance(made, str) and _ID(made) else None


def _take_part(
    environ: WSGIEnvironment, known: Record, trusted: bool, random_id: Callable[[], str]
) -> None:
    """Go on with the trace that came in, or begin one. W3C Trace Context level 2, 3.2 and 3.3."""
    came = environ.get("HTTP_TRACEPARENT")
    found = _TRACEPARENT(came) if trusted and isinstance(came, str) else None
    if found and found[1] == "00" and found[5] is not None:
        found = None
    random = os.urandom(24).hex()
    span = random[32:] if random[32:].strip("0") else "1" * 16
    if found:
        trace, flags = found[2], f"{int(found[4], 16) & _KNOWN_FLAGS:02x}"
        known.parent_id = found[3]
    else:
        trace, flags = random[:32] if random[:32].strip("0") else random_id(), "00"
    state = environ.get("HTTP_TRACESTATE")
    if state is not None and not (found and _is_state(state)):
        del environ["HTTP_TRACESTATE"]
    known.trace_id, known.span_id = trace, span
    environ["HTTP_TRACEPARENT"] = f"00-{trace}-{span}-{flags}"


def _is_state(state: Any) -> bool:
    return (
        isinstance(state, str)
        and len(state) <= _LONGEST_STATE
        and sum(1 for member in state.split(",") if member.strip(" \t")) <= _MOST_MEMBERS
    )
