"""The lines that are written most, straight from the request: no entry is made.

Each function gives exactly the line that the entry would (the tests compare the two), or None if
anything about the request is out of the ordinary: then the entry is made. All texts of a line are
looked at once, joined, and nothing is escaped here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from wsgimw.access_log.clock import apache, rfc3339
from wsgimw.access_log.entry import Masks
from wsgimw.access_log.escaping import is_plain
from wsgimw.http.paths import percent_path

if TYPE_CHECKING:
    from wsgimw.access_log.flow import LogFlow

__all__ = ["FAST", "Line"]

Line = Callable[["LogFlow", Masks], str | None]


def common(flow: LogFlow, masks: Masks) -> str | None:
    """Write `%h %l %u %t "%r" %>s %b`."""
    addr, method, script, path, query, protocol, _, _, _ = flow.state
    environ = flow.environ
    get = environ.get
    if get("wsgimw.redact"):
        return None
    addr = get("REMOTE_ADDR", addr)
    user = flow.record.user or get("REMOTE_USER") or ""
    target = percent_path((script or "") + (path or ""))
    words = f" {addr} {user} {method} {protocol} {target} "
    if words.count(" ") != 6 or " - " in words or not is_plain(words):
        return None
    return (
        f"{addr or '-'} - {user or '-'} {apache(flow.time)} "
        f'"{method or "-"} {target or "-"}{"?" + masks.query(query) if query else ""} '
        f'{protocol or "-"}" {flow.code or "-"} {flow.sent or "-"}'
    )


def combined(flow: LogFlow, masks: Masks) -> str | None:
    """Write `common`, and Referer and User-Agent behind it."""
    addr, method, script, path, query, protocol, _, referer, agent = flow.state
    environ = flow.environ
    get = environ.get
    if get("wsgimw.redact"):
        return None
    addr = get("REMOTE_ADDR", addr)
    user = flow.record.user or get("REMOTE_USER") or ""
    target = percent_path((script or "") + (path or ""))
    if referer:
        referer = masks.referer(referer)
    words = f" {addr} {user} {method} {protocol} {target} "
    if words.count(" ") != 6 or " - " in words or referer == "-" or agent == "-":
        return None
    if not is_plain(f"{words}{referer}{agent}"):
        return None
    return (
        f"{addr or '-'} - {user or '-'} {apache(flow.time)} "
        f'"{method or "-"} {target or "-"}{"?" + masks.query(query) if query else ""} '
        f'{protocol or "-"}" {flow.code or "-"} {flow.sent or "-"} '
        f'"{referer or "-"}" "{agent or "-"}"'
    )


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
    request_id, trace_id, error = known.request_id, known.trace_id, known.error or flow.failure
    target = percent_path((script or "") + (path or ""))
    if referer:
        referer = masks.referer(referer)
    if not is_plain(
        f"{start_addr}{addr}{method}{protocol}{host}{user}{route}{request_id}{trace_id}"
        f"{known.span_id}{error}{known.fingerprint}{referer}{agent}"
    ):
        return None
    app, duration = flow.app, flow.duration
    client = duration - app
    line = f'{{"time":"{rfc3339(flow.time)}"'
    if addr:
        line += f',"remote_addr":"{addr}"'
    if start_addr and start_addr != addr:
        line += f',"peer_addr":"{start_addr}"'
    if method:
        line += f',"method":"{method}"'
    if target:
        line += f',"path":"{target}"'
    if query:
        line += f',"query":"{masks.query(query)}"'
    if protocol:
        line += f',"protocol":"{protocol}"'
    if host:
        line += f',"host":"{host}"'
    if flow.code:
        line += f',"status":{flow.code}'
    line += (
        f',"bytes":{flow.sent},"outcome":"{flow.outcome}","duration_ms":{duration * 1000:.3f},'
        f'"app_ms":{app * 1000:.3f},"client_ms":{client * 1000 if client > 0 else 0.0:.3f}'
    )
    if flow.bytes:
        line += f',"first_byte_ms":{(flow.left - flow.started) * 1000:.3f}'
    if user:
        line += f',"user":"{user}"'
    if route:
        line += f',"route":"{route}"'
    if request_id:
        line += f',"request_id":"{request_id}"'
    if trace_id:
        line += f',"trace_id":"{trace_id}"'
    if known.span_id:
        line += f',"span_id":"{known.span_id}"'
    if error:
        line += f',"error":"{error}"'
    if known.fingerprint:
        line += f',"fingerprint":"{known.fingerprint}"'
    if referer:
        line += f',"referer":"{referer}"'
    return f'{line},"user_agent":"{agent}"}}' if agent else f"{line}}}"


FAST: dict[str, Line] = {"common": common, "combined": combined, "json": json_line}
