"""The lines that are written most, straight from the request: no entry is made.

Each function gives exactly the line that the entry would (the tests compare the two), or None if
something is out of the ordinary: then the entry is made. What a text becomes on the line is
remembered by the text, bounded in number and in length: user agents, addresses, methods and paths
come again and again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any

from wsgimw.access_log import clock
from wsgimw.access_log.clock import rfc3339
from wsgimw.access_log.entry import HIDDEN, Masks, plain_text
from wsgimw.access_log.escaping import escape
from wsgimw.http.paths import percent_path
from wsgimw.remembered import Remembered

if TYPE_CHECKING:
    from wsgimw.access_log.flow import LogFlow

__all__ = ["FAST", "Line"]

Line = Callable[["LogFlow", Masks], str | None]


def _remembered(show: Callable[[Any], str]) -> Remembered[str]:
    # A client can fill them, and what is shown may be six times as long: some MiB in all.
    return Remembered(show, 1024, 256)


def _show_spaced(value: object) -> str:
    """Show a text that is followed by a space."""
    text = plain_text(value)
    return "-" if text is None else escape(text, " ")


def _show_quoted(value: object) -> str:
    """Show a text that stands in quotes."""
    text = plain_text(value)
    return "-" if text is None else escape(text, '"')


def _show_target(path: str) -> str:
    """Show a path that is followed by a space."""
    return escape(percent_path(path)) if path else "-"


_spaced, _quoted, _target = (
    _remembered(show) for show in (_show_spaced, _show_quoted, _show_target)
)


def combined(flow: LogFlow, masks: Masks) -> str | None:
    """Write `common`, and Referer and User-Agent behind it."""
    addr, method, script, path, query, protocol, _ = flow.state
    referer, agent = flow.referer, flow.agent
    get = flow.environ.get
    user = flow.record.user or get("REMOTE_USER")
    if script:
        path = f"{script}{path or ''}"
    redact = get("wsgimw.redact")
    if redact and (type(redact) is not set or not HIDDEN.isdisjoint(redact)):
        return None
    second, names, stamp = clock.local
    if not 0.0 <= flow.time - second < 1.0 or names is not time.tzname:
        stamp = clock.apache(flow.time)
    return (
        f"{_spaced[get('REMOTE_ADDR', addr)]} - {_spaced[user] if user else '-'} "
        f'{stamp} "{_spaced[method]} {_target[path]}'
        f'{"?" + masks.query[query] if query else ""} {_spaced[protocol]}" '
        f"{flow.code_text} {flow.sent_text} "
        f'"{_quoted[masks.referer[referer]] if referer else "-"}" "{_quoted[agent]}"\n'
    )


def once(value: object) -> str:
    """Show a text in JSON that comes once, such as an id."""
    text = plain_text(value)
    return encode_basestring_ascii(text or "").replace("\x7f", "\\u007f")


_json = _remembered(once)
_json_path = _remembered(lambda path: f',"path":"{percent_path(path)}"' if path else "")
_json_status = _remembered(lambda code: "" if code == "-" else f',"status":{code}')


def _member(name: str) -> Remembered[str]:
    """Remember a member of the object, with its name and the comma before it; "" where absent."""
    return _remembered(lambda value: f',"{name}":{once(value)}' if value else "")


_addr, _method, _protocol, _host, _agent = [
    _member(name) for name in ("remote_addr", "method", "protocol", "host", "user_agent")
]


def _reasons(reasons: list[Any]) -> str:
    """Show reasons, as far as they are what layers say: texts, and none of them empty."""
    for reason in reasons:
        if type(reason) is not str or not reason:
            return ""
    return f',"reasons":[{",".join([_json[reason] for reason in reasons])}]'


_SHORT = tuple([f"0.{number:03d}" for number in range(1000)])
"""Milliseconds as text, by microseconds: `{:.3f}` is four times dearer."""


def _long(microseconds: int) -> str:
    """Show a millisecond and more."""
    return f"{microseconds // 1000}.{microseconds % 1000:03d}"


def json_line(flow: LogFlow, masks: Masks) -> str | None:
    """Write the JSON object of an entry without `extra`."""
    start_addr, method, script, path, query, protocol, host = flow.state
    referer, agent = flow.referer, flow.agent
    known = flow.record
    get = flow.environ.get
    redact = get("wsgimw.redact")
    if redact and (type(redact) is not set or not HIDDEN.isdisjoint(redact)):
        return None
    reasons = ""
    if known.extra or (known.reasons and not (reasons := _reasons(known.reasons))):
        return None
    addr = get("REMOTE_ADDR", start_addr)
    user = known.user or get("REMOTE_USER")
    route = known.route or get("wsgimw.route")
    request_id = known.request_id
    error = known.error or flow.failure
    if script:
        path = f"{script}{path or ''}"
    duration = int(flow.duration * 1e6 + 0.5)
    app = int(flow.app * 1e6 + 0.5)
    if app > duration:
        app = duration
    client = duration - app
    line = (
        f'{{"time":"{rfc3339(flow.time)}"{_addr[addr]}'
        f"{_PEER_ADDR + _json[start_addr] if start_addr != addr and start_addr else ''}"
        f"{_method[method]}{_json_path[path]}{_QUERY + once(masks.query[query]) if query else ''}"
        f"{_protocol[protocol]}{_host[host]}{_json_status[flow.code_text]}"
        f',"bytes":{flow.sent},"outcome":"{flow.outcome}"'
        f',"duration_ms":{_SHORT[duration] if duration < 1000 else _long(duration)}'
        f',"app_ms":{_SHORT[app] if app < 1000 else _long(app)}'
        f',"client_ms":{_SHORT[client] if client < 1000 else _long(client)}'
    )
    if flow.bytes:
        first = int((flow.left - flow.started) * 1e6 + 0.5)
        line = f'{line},"first_byte_ms":{_SHORT[first] if first < 1000 else _long(first)}'
    if user or route or request_id or known.trace_id or known.span_id:
        line = (
            f"{line}{_USER + _json[user] if user else ''}{_ROUTE + _json[route] if route else ''}"
            f"{_REQUEST_ID + once(request_id) if request_id else ''}"
            f"{_TRACE_ID + once(known.trace_id) if known.trace_id else ''}"
            f"{_SPAN_ID + once(known.span_id) if known.span_id else ''}"
        )
    if error or known.fingerprint:
        line = (
            f"{line}{_ERROR + _json[error] if error else ''}"
            f"{_FINGERPRINT + _json[known.fingerprint] if known.fingerprint else ''}"
        )
    if referer:
        line = f'{line},"referer":{_json[masks.referer[referer]]}'
    return f"{line}{_agent[agent]}{reasons}}}\n"


_PEER_ADDR, _QUERY, _USER, _ROUTE, _REQUEST_ID, _TRACE_ID, _SPAN_ID, _ERROR, _FINGERPRINT = [
    f',"{name}":'
    for name in (
        "peer_addr",
        "query",
        "user",
        "route",
        "request_id",
        "trace_id",
        "span_id",
        "error",
        "fingerprint",
    )
]


FAST: dict[str, Line] = {"combined": combined, "json": json_line}
