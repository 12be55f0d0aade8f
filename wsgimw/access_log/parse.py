"""Read back what the log wrote: `parse(line, format)`.

For every format but `dev`, and every template that has a literal between two directives, the law
holds: `parse(written)[field] == entry[field]` for each field that the format holds; times and
durations to the precision of the format.

>>> parse('10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /a?b=1 HTTP/1.1" 200 -', "common")
{'remote_addr': '10.0.0.1', 'user': None, 'time': 971211336.0, 'method': 'GET', 'path': '/a', \
'query': 'b=1', 'protocol': 'HTTP/1.1', 'status': 200, 'bytes': 0}
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from wsgimw.access_log.clock import apache_seconds, rfc3339_seconds
from wsgimw.access_log.entry import FIELDS
from wsgimw.access_log.escaping import numbered, unescape
from wsgimw.access_log.structured import JSON_SCALAR
from wsgimw.access_log.template import (
    WRITTEN_ABSENT,
    Directive,
    Template,
    check_format,
    kind_of_field,
    template_of,
)
from wsgimw.http.paths import unescape as percent_decode

__all__ = ["parse"]


def parse(line: str, format: str = "combined") -> dict[str, Any]:
    """Read one line, with or without its newline.

    `format` is what the AccessLog was given. An absent value is None (0 for `bytes`). Raises
    ValueError with the column (from 1) for a line that does not fit, for `dev`, and for a template
    in which two directives have nothing between them.
    """
    check_format(format)
    line = line[:-1] if line.endswith("\n") else line
    if format == "dev":
        raise ValueError("the format 'dev' is for people, and cannot be read back")
    if format == "json":
        return _json(line)
    if format == "logfmt":
        return _logfmt(line)
    template = template_of(format)
    assert template is not None
    return _template(line, template)


def _misfit(column: int, why: object) -> ValueError:
    return ValueError(f"the line does not fit its format at column {column}: {why}")


def _template(line: str, template: Template) -> dict[str, Any]:
    for literal, after in zip(template.literals[1:-1], template.directives[1:], strict=True):
        if not literal:
            raise ValueError(
                f"format has nothing before {after.text} at column {after.column}, so that nobody "
                "can tell where the value before it ends"
            )
    found: dict[str, Any] = {}
    at = _literal(line, 0, template.literals[0])
    for directive, literal in zip(template.directives, template.literals[1:], strict=True):
        end = _end(line, at, directive, literal[:1])
        try:
            _read(directive, line[at:end], literal[:1], found)
        except ValueError as error:
            raise _misfit(at + 1, error) from None
        at = _literal(line, end, literal)
    if at != len(line):
        raise _misfit(at + 1, f"{line[at : at + 10]!r} is too much")
    return found


def _literal(line: str, at: int, literal: str) -> int:
    if not line.startswith(literal, at):
        raise _misfit(at + 1, f"{literal!r} is expected")
    return at + len(literal)


def _end(line: str, at: int, directive: Directive, first: str) -> int:
    """Find where a value ends: at the first character of the literal that is in no escape."""
    if directive.kind == "time":
        return at + 28
    if first == "-" and directive.kind not in ("query", "request") and line.startswith("-", at):
        return at + 1  # absent: no value is empty, or holds the character as it is
    match = _value(first).match(line, at)
    assert match is not None
    return match.end()


_CODES = r"x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}"
_TOKENS = re.compile(rf'\\(?:["\\]|{_CODES})|.', re.DOTALL).findall


@lru_cache(256)
def _value(first: str) -> re.Pattern[str]:
    """Make what matches a value up to a literal that begins so."""
    if first == "\\":  # doubled where it is a literal, a number in values
        return re.compile(rf'(?:\\(?:"|{_CODES})|[^\\])*')
    return re.compile(rf'(?:\\(?:["\\]|{_CODES})|[^\\{re.escape(first)}])*')


def _read(directive: Directive, raw: str, first: str, found: dict[str, Any]) -> None:
    """Read one value into `found`; ValueError says why it cannot be."""
    kind, key = directive.kind, directive.key
    if kind == "request":
        found.update(_request_line(raw, first))
    elif kind == "query":
        text = unescape(raw)
        if text and text[0] != "?":
            raise ValueError(f"a query begins with '?': {text[:10]!r}")
        found[key] = text[1:] or None
    elif kind == "time":
        found.setdefault(key, apache_seconds(raw))
    elif not raw:
        raise ValueError("a value is expected")
    else:
        value = _READ[kind](None if raw == "-" else unescape(raw))
        # Of several that say the same the most precise one counts.
        if key and (kind not in _COARSE or key not in found):
            found[key] = value


_COARSE = frozenset(["ms", "s"])


def _request_line(raw: str, first: str) -> dict[str, str | None]:
    gap = numbered(" ") if first == " " else " "
    absent = WRITTEN_ABSENT if first == "-" else "-"
    parts = [""]
    for token in _TOKENS(raw):
        if token == gap:
            parts.append("")
        else:
            parts[-1] += token
    if len(parts) != 3:
        raise ValueError("method, target and protocol are expected")
    method, target, protocol = parts
    path, mark, query = unescape(target).partition("?")
    return {
        "method": None if method == absent else unescape(method),
        "path": None if path == "-" and target.startswith(absent) else path,
        "query": query if mark else None,
        "protocol": None if protocol == absent else unescape(protocol),
    }


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"a number is expected: {text[:10]!r}")
    return int(text)


def _float(text: str | None) -> float | None:
    return None if text is None else float(text)


def _thousandths(per_ms: float) -> Callable[[str | None], float | None]:
    def read(text: str | None) -> float | None:
        number = _number(text)
        return None if number is None else number / per_ms

    return read


def _seconds(text: str | None) -> float | None:
    return None if text is None else rfc3339_seconds(text)


def _reasons(text: str | None) -> list[str] | None:
    if text is None:
        return None
    return [part.replace("%2C", ",").replace("%25", "%") for part in text.split(",")]


_READ: dict[str, Callable[[str | None], Any]] = {
    "text": lambda text: text,
    "int": _number,
    "bytes": lambda text: _number(text) or 0,
    "float": _float,
    "us": _thousandths(1000),
    "ms": _thousandths(1),
    "s": _thousandths(0.001),
    "rfc3339": _seconds,
    "reasons": _reasons,
    "json": lambda text: None if text is None else json.loads(text),
}


def _json(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise _misfit(error.colno, error.msg) from None
    except (ValueError, RecursionError) as error:
        raise _misfit(1, error) from None
    if not isinstance(found, dict):
        raise _misfit(1, "an object is expected")
    try:
        if "time" in found:
            found["time"] = rfc3339_seconds(found["time"])
    except (TypeError, ValueError) as error:
        raise _misfit(1, error) from None
    return dict.fromkeys(FIELDS) | found


_PAIR = re.compile(r'([^\s="]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)(?: (?=.)|$)')


def _logfmt(line: str) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys(FIELDS)
    at = 0
    while at < len(line) or not line:
        pair = _PAIR.match(line, at)
        if pair is None:
            raise _misfit(at + 1, "key=value is expected")
        try:
            _pair(pair[1], pair[2], found)
        except ValueError as error:
            raise _misfit(at + 1, error) from None
        at = pair.end()
    return found


def _pair(key: str, raw: str, found: dict[str, Any]) -> None:
    text = json.loads(raw) if raw.startswith('"') else raw
    if key.startswith("extra."):
        name = percent_decode(key[6:].encode("utf-8", "surrogatepass"))
        extra = found["extra"] = found["extra"] or {}
        extra[name.decode("utf-8", "surrogatepass")] = json.loads(raw) if JSON_SCALAR(raw) else text
    elif key in found:
        found[key] = _READ[kind_of_field(key)](text)
    else:
        raise ValueError(f"no field is named {key!r}")
