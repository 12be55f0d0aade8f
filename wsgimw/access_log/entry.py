"""The entry: what is known of one request at its end, by the names that every format shares.

| field | what it is |
| --- | --- |
| `time` | epoch seconds at the start |
| `remote_addr` | `REMOTE_ADDR` at the end, so that a ProxyFix inside counts |
| `peer_addr` | that of the start, where different |
| `method path query protocol host` | of the start; path and query percent-encoded |
| `status` | as sent, 500 where the server has to answer by itself |
| `bytes` | what the server pulled or `write()` got; 0 for HEAD, 1xx, 204, 304 |
| `outcome` | see `wsgimw.access_log.flow` |
| `duration_ms app_ms client_ms first_byte_ms` | milliseconds, three decimals |
| `user route request_id trace_id span_id error fingerprint` | from the record |
| `referer user_agent` | of the start |
| `reasons` | list, from the record |
| `extra` | dict, from the record; values are JSON scalars |

Every entry has every field; what is absent or empty is None. Secrets are masked already.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from wsgimw.access_log.escaping import join_surrogates
from wsgimw.http.paths import percent_path, percent_query
from wsgimw.redact import REDACTED, Secret, mask_query, mask_url, secret_names
from wsgimw.remembered import Remembered

if TYPE_CHECKING:
    from wsgimw.access_log.flow import LogFlow

__all__ = ["FIELDS", "HIDDEN", "Masks", "make_entry", "plain_text", "scalar"]

FIELDS = (
    "time",
    "remote_addr",
    "peer_addr",
    "method",
    "path",
    "query",
    "protocol",
    "host",
    "status",
    "bytes",
    "outcome",
    "duration_ms",
    "app_ms",
    "client_ms",
    "first_byte_ms",
    "user",
    "route",
    "request_id",
    "trace_id",
    "span_id",
    "error",
    "fingerprint",
    "referer",
    "user_agent",
    "reasons",
    "extra",
)


class Masks:
    """The masking of one layer: what its queries, referers and named values become."""

    __slots__ = ("query", "referer", "secret")

    def __init__(self, redact: Collection[str] | bool) -> None:
        """`redact` is more names to mask; False masks nothing."""
        self.secret: Secret | None = None if redact is False else secret_names(_names(redact))
        secret = self.secret
        self.query: Remembered[str] = Remembered(
            percent_query
            if secret is None
            else lambda query: percent_query(mask_query(query, secret)),
            512,
        )
        """Encode and mask a query, without its `?`."""
        self.referer: Remembered[str] = Remembered(
            str if secret is None else lambda url: mask_url(url, secret), 512
        )
        """Mask a URL."""

    def hidden(self, environ: dict[str, Any]) -> Collection[str]:
        """Return the environ keys that somebody asked to hide."""
        found = environ.get("wsgimw.redact") if self.secret else None
        return found if found and isinstance(found, Collection) else ()

    def value(self, name: str, key: str, text: str | None, hidden: Collection[str]) -> str | None:
        """Mask the value of an environ key or of a field; what is absent stays so."""
        if text and self.secret and (self.secret(name) or key in hidden):
            return REDACTED
        return text


def _names(redact: Collection[str] | bool) -> Collection[str]:
    return redact if isinstance(redact, Collection) else ()


def make_entry(flow: LogFlow, masks: Masks) -> dict[str, Any]:
    """Make the entry of a request whose end was seen. It does not raise for any environ."""
    start_addr, method, script, path, query, protocol, host = flow.state
    environ, known = flow.environ, flow.record
    duration = int(flow.duration * 1e6 + 0.5)
    app = min(int(flow.app * 1e6 + 0.5), duration)
    first = int((flow.left - flow.started) * 1e6 + 0.5)
    addr = environ.get("REMOTE_ADDR", start_addr)
    query, referer = plain_text(query), plain_text(flow.referer)
    entry: dict[str, Any] = {
        "time": flow.time,
        "remote_addr": plain_text(addr),
        "peer_addr": plain_text(start_addr) if start_addr != addr else None,
        "method": plain_text(method),
        "path": percent_path(f"{plain_text(script) or ''}{plain_text(path) or ''}") or None,
        "query": query and masks.query[query],
        "protocol": plain_text(protocol),
        "host": plain_text(host),
        "status": flow.code,
        "bytes": flow.sent,
        "outcome": flow.outcome,
        "duration_ms": duration / 1000,
        "app_ms": app / 1000,
        "client_ms": (duration - app) / 1000,
        "first_byte_ms": first / 1000 if flow.bytes else None,
        "user": plain_text(known.user or environ.get("REMOTE_USER")),
        "route": plain_text(known.route or environ.get("wsgimw.route")),
        "request_id": plain_text(known.request_id),
        "trace_id": plain_text(known.trace_id),
        "span_id": plain_text(known.span_id),
        "error": plain_text(known.error or flow.failure),
        "fingerprint": plain_text(known.fingerprint),
        "referer": referer and masks.referer[referer],
        "user_agent": plain_text(flow.agent),
        "reasons": None,
        "extra": None,
    }
    if known.reasons:
        entry["reasons"] = [text for text in map(plain_text, known.reasons) if text] or None
    if known.extra:
        pairs = [*known.extra.items()]  # in one step: a thread of the app may add to it
        entry["extra"] = {plain_text(name) or "": scalar(value) for name, value in pairs}
    if "wsgimw.redact" in environ:
        _hide(entry, masks.hidden(environ))
    return entry


_HIDDEN_BY = {
    "REMOTE_ADDR": ("remote_addr", "peer_addr"),
    "REQUEST_METHOD": ("method",),
    "SCRIPT_NAME": ("path",),
    "PATH_INFO": ("path",),
    "QUERY_STRING": ("query",),
    "SERVER_PROTOCOL": ("protocol",),
    "HTTP_HOST": ("host",),
    "HTTP_REFERER": ("referer",),
    "HTTP_USER_AGENT": ("user_agent",),
    "REMOTE_USER": ("user",),
}
HIDDEN = frozenset(_HIDDEN_BY)
"""Environ keys whose being hidden is seen in an entry."""


def _hide(entry: dict[str, Any], hidden: Collection[str]) -> None:
    """Mask the fields that come of environ keys which somebody asked to hide."""
    for key, names in _HIDDEN_BY.items():
        if key in hidden:
            for name in names:
                if entry[name] is not None:
                    entry[name] = REDACTED


def plain_text(value: object) -> str | None:
    """Return a value as text of exact type `str`, None for what is absent or empty."""
    if type(value) is str:
        return (value if value.isascii() else join_surrogates(value)) or None
    if value is None:
        return None
    try:
        text = str.__str__(value) if isinstance(value, str) else str(value)
        return join_surrogates(str.__str__(text)) or None
    except Exception:
        return type(value).__name__


def scalar(value: Any) -> Any:
    """Return a value as JSON has it: `str int float bool None`; else its text.

    >>> scalar([1]), scalar(float("nan")), scalar(True)
    ('[1]', None, True)
    """
    if value is None or value is True or value is False:
        return value
    if isinstance(value, int):
        exact = int.__pos__(value)
        # Longer ones can neither be written nor read: `sys.set_int_max_str_digits`.
        return exact if -(10**300) < exact < 10**300 else type(value).__name__
    if isinstance(value, float):
        return float.__pos__(value) if math.isfinite(value) else None
    text = plain_text(value)
    return "" if text is None else text
