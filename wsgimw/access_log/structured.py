"""JSON and logfmt: every field that is there, by its name, in the order of the entry.

JSON is one object of ASCII. In logfmt a value is quoted, with JSON's escapes, where it is empty or
has anything outside `[A-Za-z0-9._~:/?&%+@,;!$'()*#-]`; `extra` becomes `extra.name=`, `reasons` are
joined by commas.

>>> logfmt({"method": "GET", "status": 200, "user": None, "referer": "a b", "extra": {"n": 5}})
'method=GET status=200 referer="a b" extra.n=5'
"""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring_ascii
from typing import Any

from wsgimw.access_log.clock import rfc3339
from wsgimw.access_log.template import join_reasons

__all__ = ["JSON_SCALAR", "json_line", "logfmt"]

_BARE = re.compile(r"[A-Za-z0-9._~:/?&%+@,;!$'()*#-]+").fullmatch
_NAME = re.compile(r"[^A-Za-z0-9_.~-]")
JSON_SCALAR = re.compile(
    r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
).fullmatch
"""What a bare value of an extra must look like to be more than a string."""


def json_line(entry: dict[str, Any]) -> str:
    """Write an entry as one JSON object."""
    fields = [f'"{name}":{_json(name, entry[name])}' for name in _there(entry)]
    return _printable(f"{{{','.join(fields)}}}")


def _printable(line: str) -> str:
    return line.replace("\x7f", "\\u007f")  # the one control that JSON lets pass, in strings alone


def _there(entry: dict[str, Any]) -> list[str]:
    return [name for name, value in entry.items() if value is not None]


def _json(name: str, value: Any) -> str:
    if type(value) is str:
        return encode_basestring_ascii(value)
    if name == "time":
        return f'"{rfc3339(value)}"'
    if type(value) is float:
        return f"{value:.3f}"
    return str(value) if type(value) is int else json.dumps(value, separators=(",", ":"))


def logfmt(entry: dict[str, Any]) -> str:
    """Write an entry as `key=value` pairs."""
    pairs: list[str] = []
    for name in _there(entry):
        value = entry[name]
        if name == "extra":
            pairs += [f"extra.{_encoded(key)}={_extra(value[key])}" for key in value]
        else:
            pairs.append(f"{name}={_logfmt(name, value)}")
    return _printable(" ".join(pairs))


def _logfmt(name: str, value: Any) -> str:
    if type(value) is str:
        return _quoted(value)
    if name == "time":
        return rfc3339(value)
    if name == "reasons":
        return _quoted(join_reasons(value))
    return f"{value:.3f}" if type(value) is float else str(value)


def _quoted(text: str) -> str:
    return text if _BARE(text) else encode_basestring_ascii(text)


def _extra(value: Any) -> str:
    if type(value) is str:
        return encode_basestring_ascii(value) if JSON_SCALAR(value) else _quoted(value)
    return json.dumps(value)


def _encoded(name: str) -> str:
    return _NAME.sub(_percent, name)


def _percent(match: re.Match[str]) -> str:
    return "".join([f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass")])
