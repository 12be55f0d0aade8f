"""The lines that are written most, straight from the request: no entry is made.

Each function gives exactly the line that the entry would (the tests compare the two), or None if
something is out of the ordinary: then the entry is made. What a text becomes on the line is
remembered by the text, bounded in number and in length: user agents, addresses, methods and paths
come again and again.
"""

from __future__ import annotations

import time as tz
from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING

from wsgimw.access_log import clock
from wsgimw.access_log.clock import rfc3339
from wsgimw.access_log.entry import Masks, plain_text
from wsgimw.access_log.escaping import escape
from wsgimw.http.paths import percent_path

if TYPE_CHECKING:
    from wsgimw.access_log.flow import LogFlow

__all__ = ["FAST", "Line"]

Line = Callable[["LogFlow", Masks], str | None]

THOUSANDTHS = tuple([f".{number:03d}" for number in range(1000)])

LONG = 512
"""Longer texts are not remembered, and take the slow way."""


@lru_cache(2048)
def _spaced(value: object) -> str:
    """Show a text that is followed by a space."""
    text = plain_text(value)
    return "-" if text is None else escape(text, " ")


@lru_cache(2048)
def _quoted(value: object) -> str:
    """Show a text that stands in quotes."""
    text = plain_text(value)
    return "-" if text is None else escape(text, '"')


@lru_cache(2048)
def _target(path: str) -> str:
    """Show a path that is followed by a space."""
    return escape(percent_path(path)) if path else "-"


def combined(flow: LogFlow, masks: Masks) -> str | None:
    """Write `common`, and Referer and User-Agent behind it."""
    addr, method, script, path, query, protocol, _, referer, agent = flow.state
    get = flow.environ.get
    user = flow.record.user or get("REMOTE_USER")
    if script:
        path = f"{script}{path or ''}"
    if get("wsgimw.redact") or len(f"{path}{referer}{agent}") > LONG:
        return None
    second, names, stamp = clock.local
    if not 0 <= flow.time - second < 1 or names is not tz.tzname:
        stamp = clock.apache(flow.time)
    return (
        f"{_spaced(get('REMOTE_ADDR', addr))} - {_spaced(user) if user else '-'} "
        f'{stamp} "{_spaced(method)} {_target(path)}'
        f'{"?" + masks.query(query) if query else ""} {_spaced(protocol)}" '
        f"{flow.code_text} {flow.sent_text} "
        f'"{_quoted(masks.referer(referer)) if referer else "-"}" "{_quoted(agent)}"\n'
    )


def once(value: object) -> str:
    """Show a text in JSON that comes once, such as an id."""
    text = plain_text(value)
    return encode_basestring_ascii(text or "").replace("\x7f", "\\u007f")


_json = lru_cache(2048)(once)


@lru_cache(2048)
def _json_path(path: str) -> str:
    return f'"{percent_path(path)}"'


_REMOTE_ADDR, _PEER_ADDR, _METHOD, _PATH, _QUERY, _PROTOCOL, _HOST, _STATUS = [
    f',"{name}":'
    for name in (
        "remote_addr",
        "peer_addr",
        "method",
        "path",
        "query",
        "protocol",
        "host",
        "status",
    )
]
_USER, _ROUTE, _REQUEST_ID, _TRACE_ID, _SPAN_ID, _ERROR, _FINGERPRINT = [
    f',"{name}":'
    for name in ("user", "route", "request_id", "trace_id", "span_id", "error", "fingerprint")
]


def json_line(flow: LogFlow, masks: Masks) -> str | None:
    """Write the JSON object of an entry without `reasons` and `extra`."""
    start_addr, method, script, path, query, protocol, host, referer, agent = flow.state
    known, environ = flow.record, flow.environ
    get = environ.get
    if known.reasons or known.extra or get("wsgimw.redact"):
        return None
    addr = get("REMOTE_ADDR", start_addr)
    user = known.user or get("REMOTE_USER")
    route = known.route or get("wsgimw.route")
    error = known.error or flow.failure
    if script:
        path = f"{script}{path or ''}"
    if len(f"{path}{agent}{referer}{host}") > LONG:
        return None
    # Thousandths by a table: `{:.3f}` would be a third of the line.
    duration = int(flow.duration * 1e6 + 0.5)
    app = min(int(flow.app * 1e6 + 0.5), duration)
    client = duration - app
    line = (
        f'{{"time":"{rfc3339(flow.time)}"{_REMOTE_ADDR + _json(addr) if addr else ""}'
        f"{_PEER_ADDR + _json(start_addr) if start_addr != addr and start_addr else ''}"
        f"{_METHOD + _json(method) if method else ''}{_PATH + _json_path(path) if path else ''}"
        f"{_QUERY + once(masks.query(query)) if query else ''}"
        f"{_PROTOCOL + _json(protocol) if protocol else ''}{_HOST + _json(host) if host else ''}"
        f"{_STATUS + flow.code_text if flow.code else ''}"
        f',"bytes":{flow.sent},"outcome":"{flow.outcome}",'
        f'"duration_ms":{duration // 1000}{THOUSANDTHS[duration % 1000]},'
        f'"app_ms":{app // 1000}{THOUSANDTHS[app % 1000]},'
        f'"client_ms":{client // 1000}{THOUSANDTHS[client % 1000]}'
    )
    if flow.bytes:
        first = int((flow.left - flow.started) * 1e6 + 0.5)
        line = f'{line},"first_byte_ms":{first // 1000}{THOUSANDTHS[first % 1000]}'
    if user or route or known.request_id or known.trace_id or known.span_id:
        line = (
            f"{line}{_USER + _json(user) if user else ''}{_ROUTE + _json(route) if route else ''}"
            f"{_REQUEST_ID + once(known.request_id) if known.request_id else ''}"
            f"{_TRACE_ID + once(known.trace_id) if known.trace_id else ''}"
            f"{_SPAN_ID + once(known.span_id) if known.span_id else ''}"
        )
    if error or known.fingerprint:
        line = (
            f"{line}{_ERROR + _json(error) if error else ''}"
            f"{_FINGERPRINT + _json(known.fingerprint) if known.fingerprint else ''}"
        )
    if referer:
        line = f'{line},"referer":{_json(masks.referer(referer))}'
    return f'{line},"user_agent":{_json(agent)}}}\n' if agent else f"{line}}}\n"


FAST: dict[str, Line] = {"combined": combined, "json": json_line}
