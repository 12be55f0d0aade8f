"""Templates as Apache writes them, compiled once: a list of directives and the literals between.

| directive | what | key of `parse` |
| --- | --- | --- |
| `%h` `%a` | address | `remote_addr` |
| `%l` | always `-` | |
| `%u` | user | `user` |
| `%t` | start, local time | `time` |
| `%r` | `%m %U%q %H` | `method path query protocol` |
| `%m` `%U` `%q` `%H` | method, path, query with its `?` or empty, protocol | their names |
| `%s` `%>s` | status | `status` |
| `%b` `%B` | bytes, `-` for 0; bytes | `bytes` |
| `%D` `%{us}T` `%{ms}T` `%T` | microseconds, the same, milliseconds, seconds | `duration_ms` |
| `%v` `%p` | the name in Host, else SERVER_NAME; SERVER_PORT | `server_name` `server_port` |
| `%P` | process id | `pid` |
| `%L` | request id | `request_id` |
| `%X` | `X` for client gone, else `-` | |
| `%{Name}i` | request field, of the start | `referer`, `user_agent`, `request.name` |
| `%{Name}o` | response field | `response.name` |
| `%{NAME}e` | environ, at the end | `environ.NAME` |
| `%{field}x` | any field of the entry | its name |
| `%%` | a percent sign | |

Literals are printable ASCII; a backslash in one is doubled on the line, since it begins an escape.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from wsgimw.access_log import clock
from wsgimw.access_log.entry import FIELDS, Masks, plain_text
from wsgimw.access_log.escaping import escape, numbered
from wsgimw.describe import describe
from wsgimw.http.headers import is_token

if TYPE_CHECKING:
    from wsgimw.access_log.flow import LogFlow

__all__ = [
    "FORMATS",
    "NAMED",
    "WRITTEN_ABSENT",
    "Directive",
    "Template",
    "check_format",
    "compile_template",
    "kind_of_field",
    "template_of",
]

_COMMON = '%h %l %u %t "%r" %>s %b'
_COMBINED = f'{_COMMON} "%{{Referer}}i" "%{{User-Agent}}i"'

NAMED = {"common": _COMMON, "combined": _COMBINED, "vhost": f"%v:%p {_COMBINED}"}
"""The templates that have a name."""

FORMATS = (*NAMED, "json", "logfmt", "dev")
"""The names of all formats."""

WRITTEN_ABSENT = "\\u002d"
"""What stands for `-`, absent, inside of a `%r` that is followed by a `-`."""

Entry = dict[str, Any]
Get = Callable[[Entry, "LogFlow", Masks], str | None]
"""Gives the text of a value, None where it is absent."""


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive: `kind` says how its text is read, `key` where the value goes."""

    text: str
    column: int
    key: str
    kind: str
    get: Get


@dataclass(frozen=True, slots=True)
class Template:
    """A template: `literals` has one more than `directives`, and stand round them."""

    literals: tuple[str, ...]
    directives: tuple[Directive, ...]
    request_keys: tuple[str, ...]
    """Environ keys that must be read before the inner call."""
    wants_headers: bool
    """Does it show fields of the response?"""
    wants_times: bool
    """Does it show a duration?"""

    def write(self, entry: Entry, flow: LogFlow, masks: Masks) -> str:
        """Write the line of an entry, without its end."""
        parts = [self.literals[0]]
        for directive, literal in zip(self.directives, self.literals[1:], strict=True):
            parts.append(_shown(directive, entry, flow, masks, literal[:1]))
            parts.append(literal)
        return "".join(parts)


def check_format(name: object) -> None:
    """Raise TypeError or ValueError unless it is a name, a template or None."""
    if name is None or (isinstance(name, str) and name in FORMATS):
        return
    if not isinstance(name, str):
        raise TypeError(
            f"format is {describe(name)}; it takes one of {', '.join(FORMATS)}, or a template with "
            "% directives"
        )
    if "%" in name:
        compile_template(name)
        return
    near = get_close_matches(name, FORMATS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"its names are {', '.join(FORMATS)}"
    raise ValueError(f"format {name!r} is not known; {hint} (a template has a % in it)")


def template_of(name: str | None) -> Template | None:
    """Return the template that a format is, or None: it is no template."""
    if name is None:
        name = "combined"
    return compile_template(NAMED.get(name, name)) if name in NAMED or "%" in name else None


def _shown(directive: Directive, entry: Entry, flow: LogFlow, masks: Masks, first: str) -> str:
    if directive.kind == "request":
        return _request_line(entry, first)
    text = directive.get(entry, flow, masks)
    if text is None:
        return "" if directive.kind == "query" else "-"
    return text if directive.kind == "time" else escape(text, first)


def _request_line(entry: Entry, first: str) -> str:
    """Write `%r` so that its spaces tell its parts, whatever they are and whatever follows."""
    gap, space = (numbered(" "), "\\u0020") if first == " " else (" ", numbered(" "))
    absent = WRITTEN_ABSENT if first == "-" else "-"
    method, path, protocol = [
        absent if text is None else escape(text, "" if first == " " else first).replace(" ", space)
        for text in (entry["method"], entry["path"], entry["protocol"])
    ]
    query = "" if entry["query"] is None else escape(f"?{entry['query']}", first)
    return f"{method}{gap}{path}{query}{gap}{protocol}"


_DIRECTIVE = re.compile(r"%(?:\{([^{}]*)\})?(>?[A-Za-z%])")
_UNPRINTABLE = re.compile(r"[^ -~]")


@lru_cache(64)
def compile_template(template: str) -> Template:
    """Compile a template; ValueError naming the directive and its column (from 1)."""
    odd = _UNPRINTABLE.search(template)
    if odd:
        raise ValueError(
            f"format has {odd[0]!r} at column {odd.start() + 1}; between directives stands "
            "printable ASCII alone, and the line ends by itself"
        )
    literals, directives = [""], []
    at = 0
    while at < len(template):
        if template[at] != "%":
            literals[-1] += template[at]
            at += 1
            continue
        match = _DIRECTIVE.match(template, at)
        if match is None:
            raise _unknown(template[at : at + 10], at, "%% is a percent sign")
        if match[0] == "%%":
            literals[-1] += "%"
        else:
            directives.append(_directive(match[0], match[2], match[1], at))
            literals.append("")
        at = match.end()
    return Template(
        tuple([literal.replace("\\", "\\\\") for literal in literals]),
        tuple(directives),
        tuple(dict.fromkeys(key for directive in directives for key in _keys(directive))),
        any(directive.text.endswith("o") for directive in directives),
        any(directive.key.endswith("_ms") for directive in directives),
    )


def _unknown(text: str, at: int, fix: str) -> ValueError:
    return ValueError(f"format has {text!r} at column {at + 1}, which is no directive; {fix}")


def _field(name: str) -> Get:
    return lambda entry, flow, masks: field_text(name, entry[name])


def field_text(name: str, value: Any) -> str | None:
    """Give the text of a field of the entry."""
    if value is None or type(value) is str:
        return value
    if name == "time":
        return clock.rfc3339(value)
    if name == "reasons":
        return join_reasons(value)
    if name == "extra":
        return json.dumps(value)
    return f"{value:.3f}" if type(value) is float else str(value)


def join_reasons(reasons: list[str]) -> str:
    """Join reasons by commas, so that one that has a comma can be told from two."""
    return ",".join([reason.replace("%", "%25").replace(",", "%2C") for reason in reasons])


def _request_key(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


def _keys(directive: Directive) -> tuple[str, ...]:
    """Return the environ keys that a directive needs of the start, and no entry has."""
    if directive.key.startswith("request."):
        return (_request_key(directive.text[2:-2]),)
    return {"%v": ("HTTP_HOST", "SERVER_NAME"), "%p": ("SERVER_PORT",)}.get(directive.text, ())


def _request_field(name: str) -> Get:
    key = _request_key(name)

    def get(entry: Entry, flow: LogFlow, masks: Masks) -> str | None:
        hidden = masks.hidden(flow.environ)
        return masks.value(name, key, plain_text(flow.more.get(key)), hidden)

    return get


def _response_field(name: str) -> Get:
    folded = name.lower()

    def get(entry: Entry, flow: LogFlow, masks: Masks) -> str | None:
        values = [value for key, value in flow.headers or () if key.lower() == folded]
        text = plain_text(", ".join(map(str, values)))
        return masks.value(name, name, text, masks.hidden(flow.environ))

    return get


def _environ(name: str) -> Get:
    def get(entry: Entry, flow: LogFlow, masks: Masks) -> str | None:
        text = plain_text(flow.environ.get(name))
        return masks.value(name, name, text, masks.hidden(flow.environ))

    return get


def _server_name(entry: Entry, flow: LogFlow, masks: Masks) -> str | None:
    host = plain_text(flow.more.get("HTTP_HOST"))
    if host is None:
        return plain_text(flow.more.get("SERVER_NAME"))
    name, colon, port = host.rpartition(":")
    return (name if colon and (not port or port.isdigit()) else host) or None


def _duration(unit: int) -> Get:
    return lambda entry, flow, masks: str(round(entry["duration_ms"] * 1000) // unit)


_PLAIN: dict[str, tuple[str, str, Get]] = {
    "h": ("remote_addr", "text", _field("remote_addr")),
    "a": ("remote_addr", "text", _field("remote_addr")),
    "l": ("", "text", lambda entry, flow, masks: None),
    "u": ("user", "text", _field("user")),
    "t": ("time", "time", lambda entry, flow, masks: clock.apache(entry["time"])),
    "r": ("", "request", lambda entry, flow, masks: None),
    "m": ("method", "text", _field("method")),
    "U": ("path", "text", _field("path")),
    "q": (
        "query",
        "query",
        lambda entry, flow, masks: None if entry["query"] is None else f"?{entry['query']}",
    ),
    "H": ("protocol", "text", _field("protocol")),
    "s": ("status", "int", _field("status")),
    ">s": ("status", "int", _field("status")),
    "b": ("bytes", "bytes", lambda entry, flow, masks: str(entry["bytes"] or "") or None),
    "B": ("bytes", "int", _field("bytes")),
    "D": ("duration_ms", "us", _duration(1)),
    "T": ("duration_ms", "s", _duration(1_000_000)),
    "v": ("server_name", "text", _server_name),
    "p": ("server_port", "text", lambda entry, flow, masks: plain_text(flow.more["SERVER_PORT"])),
    "P": ("pid", "int", lambda entry, flow, masks: str(os.getpid())),
    "L": ("request_id", "text", _field("request_id")),
    "X": ("", "text", lambda entry, flow, masks: "X" if _gone(entry) else None),
}

_KINDS = {"time": "rfc3339", "status": "int", "bytes": "int", "reasons": "reasons", "extra": "json"}


def kind_of_field(name: str) -> str:
    """Say how the text of a field is read."""
    return "float" if name.endswith("_ms") else _KINDS.get(name, "text")


def _gone(entry: Entry) -> bool:
    return bool(entry["outcome"] == "client_gone")


def _directive(text: str, letter: str, argument: str | None, at: int) -> Directive:
    if argument is None:
        known = _PLAIN.get(letter)
        if known is None:
            fix = "see wsgimw.access_log.template for all; %% is a percent sign"
            if letter in "ioex":
                fix = f"it needs a name: %{{Name}}{letter}"
            raise _unknown(text, at, fix)
        return Directive(text, at + 1, *known)
    if letter == "T" and argument in ("ms", "us"):
        unit = {"ms": 1000, "us": 1}[argument]
        return Directive(text, at + 1, "duration_ms", argument, _duration(unit))
    if letter == "x":
        if argument not in FIELDS:
            near = get_close_matches(argument, FIELDS, n=1)
            fix = f"did you mean %{{{near[0]}}}x?" if near else f"fields are {', '.join(FIELDS)}"
            raise _unknown(text, at, fix)
        return Directive(text, at + 1, argument, kind_of_field(argument), _field(argument))
    if letter in ("i", "o") and is_token(argument):
        folded = argument.lower()
        if letter == "o":
            return Directive(text, at + 1, f"response.{folded}", "text", _response_field(argument))
        if folded in ("referer", "user-agent"):
            field = folded.replace("-", "_")
            return Directive(text, at + 1, field, "text", _field(field))
        return Directive(text, at + 1, f"request.{folded}", "text", _request_field(argument))
    if letter == "e" and argument:
        return Directive(text, at + 1, f"environ.{argument}", "text", _environ(argument))
    raise _unknown(text, at, "see wsgimw.access_log.template for all; %% is a percent sign")
