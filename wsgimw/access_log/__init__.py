"""Write one honest line for each request: what was sent, how it ended, and whose time it took.

Use it just inside `RequestId` and outside everything else, so that the line shows the status that
was really sent. A server's own access log knows neither the user nor the route nor the error, and
counts a broken stream as a success; so switch that off. Do not use it for traces or metrics.

>>> import io
>>> from wsgimw import AccessLog, compose
>>> from wsgimw.access_log import parse
>>> def app(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain")])
...     return [b"hello"]
>>> lines = io.StringIO()
>>> application = compose(AccessLog(sink=lines))(app)
>>> environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_PROTOCOL": "HTTP/1.1",
...     "REMOTE_ADDR": "192.0.2.1", "QUERY_STRING": "q=a&token=secret"}
>>> body = application(environ, lambda status, headers: print)
>>> list(body), body.close()
([b'hello'], None)
>>> lines.getvalue()[-53:]
' "GET /?q=a&token=[redacted] HTTP/1.1" 200 5 "-" "-"\\n'
>>> parse(lines.getvalue())["query"]
'q=a&token=[redacted]'

- **Formats**: `common`, `combined` (the default), `vhost`, `json`, `logfmt`, `dev` for people, or a
  template of Apache's directives (`wsgimw.access_log.template`). The fields are those of
  `wsgimw.access_log.entry`; a line is printable ASCII, whatever a client sends (but for `dev`), and
  `parse(line, format)` reads every format but `dev` back.
- **Outcomes**: `complete`, `client_gone`, `failed_before_bytes`, `failed_midstream`,
  `failed_in_close`, `length_mismatch`, `handed_off`, `not_closed` (`wsgimw.access_log.flow`). There
  is exactly one line for each request, after the inner `close()`, in every phase of failure.
- **Sinks**: None for `sys.stderr`; a text stream; a path, which may be rotated by moving the file
  away; a `logging.Logger`, whose records have the entry as `record.wsgi`; a function of the entry.
  What a sink, `level` or `keep` raises never reaches the client: `wsgi.errors` gets one note a
  minute.
- **Secrets**: values of query parameters and fields with secret names are `[redacted]`, so is the
  userinfo of a Referer, and what stands in `environ["wsgimw.redact"]` (`wsgimw.redact`). What the
  app itself puts in `extra` is not masked.
- **To leave lines out**: `keep=lambda entry: entry["status"] >= 400 or entry["duration_ms"] > 500`.

Reads `REMOTE_ADDR` (never `X-Forwarded-For`: put ProxyFix inside), `REMOTE_USER`, `wsgimw.route`,
`wsgimw.redact`; finds or makes `wsgimw.record`, in which inner layers and the app say what belongs
on the line. It changes nothing of request and response. Some servers need to know: hypercorn and
a2wsgi close a stream only when it has run out, so there a client that went away is seen late.

It costs a head, a surrounded body and a line, and the clock at each block of a stream; with a
logger whose level is off, one question.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from operator import itemgetter
from os import PathLike
from time import perf_counter, time
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

from wsgimw.access_log import sinks
from wsgimw.access_log.entry import Masks
from wsgimw.access_log.finish import make_finish
from wsgimw.access_log.flow import USUAL, HeadLogFlow, LogFlow, TimedLogFlow
from wsgimw.access_log.parse import parse
from wsgimw.access_log.template import Template, check_format, template_of
from wsgimw.compose import BaseLayer
from wsgimw.describe import describe
from wsgimw.exchange import flow_through
from wsgimw.facts import Facts
from wsgimw.record import KEY, Record

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["AccessLog", "parse"]

Entry: TypeAlias = dict[str, Any]
Sink: TypeAlias = (
    TextIO | str | os.PathLike[str] | logging.Logger | Callable[[Entry], object] | None
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLog(BaseLayer):
    """Write a line for each request; see the module for formats, sinks and outcomes.

    >>> AccessLog(format="json", redact=["iban"])
    AccessLog(format='json', redact=('iban',))
    """

    format: str | None = None
    """The name of a format, or a template; None: `combined`."""
    sink: Sink = None
    """Where lines go; None: `sys.stderr`, as it is at each line."""
    level: int | Callable[[Entry], int] = logging.INFO
    """For loggers: the level, or a function of the entry."""
    keep: Callable[[Entry], bool] | None = None
    """Asked at the end whether the line is written; if it raises, it is."""
    redact: Collection[str] | bool = ()
    """More names to mask, each as a word or as the whole name; False masks nothing."""

    def __post_init__(self) -> None:
        check_format(self.format)
        sinks.check_sink(self.sink)
        if self.format is not None and sinks.kind_of(self.sink) == "function":
            raise ValueError(
                f"AccessLog(format={self.format!r}, sink={describe(self.sink)}): a function gets "
                "the entry, not a line; leave format out, or give a stream, a path or a logger"
            )
        _check_level(self.level)
        if self.keep is not None and not callable(self.keep):
            raise TypeError(
                f"AccessLog(keep=...) is {describe(self.keep)}; it takes a function of the entry, "
                'such as keep=lambda entry: entry["status"] >= 400'
            )
        object.__setattr__(self, "redact", _redact(self.redact))

    @property
    def facts(self) -> Facts:
        """What `wsgimw.explain` knows of it: two logs to one place clash, to two they do not."""
        named = self.sink is None or isinstance(self.sink, (str, PathLike, logging.Logger))
        return Facts(
            reads=["peer", "request id"],
            does=["logs"],
            once=[f"a log line to {describe(self.sink or 'sys.stderr')}"] if named else [],
            cost="body",
            environ=["wsgimw.record"],
        )

    def _bind(self, app: WSGIApplication) -> WSGIApplication:
        masks = Masks(self.redact)
        template = template_of(self.format)
        done = make_finish(self, masks, template)
        more = template.request_keys if template else ()
        kind = self._kind(template)
        timed = issubclass(kind, TimedLogFlow)

        usual = itemgetter(*USUAL)

        def timed_done(flow: Any) -> None:
            flow.duration = perf_counter() - flow.started
            done(flow)

        def begin(flow: Any) -> None:
            environ = flow.environ
            get = environ.get
            try:
                flow.state = usual(environ)
            except KeyError:
                flow.state = tuple(_read(environ, USUAL).values())
            flow.referer = get("HTTP_REFERER")
            flow.agent = get("HTTP_USER_AGENT")
            found = get(KEY)
            if found is None:
                found = environ[KEY] = Record()
            flow.record = found
            if more:
                flow.more = _read(environ, more)
            flow.done = timed_done if timed else done
            flow.status = flow.headers = flow.declared = None
            flow.time = time()
            if timed:
                flow.started = started = perf_counter()
                flow.app = -started

        bound = flow_through(app, kind, begin)
        logger, level = self.sink, self.level
        if not isinstance(logger, logging.Logger) or not isinstance(level, int):
            return bound
        is_on = logger.isEnabledFor

        def gate(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
            return (bound if is_on(level) else app)(environ, start_response)

        return gate

    def _kind(self, template: Template | None) -> type[LogFlow]:
        """Choose the flow: an entry that somebody gets, and most formats, have durations."""
        if template is None or self.keep is not None:
            return TimedLogFlow
        if template.wants_headers:
            return HeadLogFlow
        has_entry = sinks.kind_of(self.sink) in ("function", "logger")
        return TimedLogFlow if has_entry or template.wants_times else LogFlow


def _read(environ: WSGIEnvironment, keys: tuple[str, ...]) -> dict[str, Any]:
    # Not in the closure above: a comprehension makes slow variables of its names.
    return {key: environ.get(key) for key in keys}


def _check_level(level: object) -> None:
    if isinstance(level, bool) or not (isinstance(level, int) or callable(level)):
        raise TypeError(
            f"AccessLog(level=...) is {describe(level)}; it takes a level of logging such as "
            "logging.INFO, or a function of the entry that returns one"
        )


def _redact(redact: Any) -> tuple[str, ...] | bool:
    if redact is False:
        return False
    if isinstance(redact, str):
        raise TypeError(
            f"AccessLog(redact={redact!r}) is one string; it takes a collection: "
            f"redact=({redact!r},)"
        )
    if not isinstance(redact, Collection) or not all(isinstance(name, str) for name in redact):
        raise TypeError(
            f"AccessLog(redact=...) is {describe(redact)}; it takes names to mask as well, such as "
            'redact=("iban",), or False to mask nothing'
        )
    return tuple(redact)
