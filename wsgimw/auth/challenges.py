r"""Words of HTTP authentication: quoted strings, challenges, tokens. RFC 9110, 11.

>>> challenge("Basic", realm='Staff "A"', charset="UTF-8")
'Basic realm="Staff \\"A\\"", charset="UTF-8"'
>>> scheme_of("Bearer abc"), scheme_of("  basic"), scheme_of("")
('bearer', 'basic', '')
"""

from __future__ import annotations

import re

from wsgimw.describe import describe
from wsgimw.http.headers import is_field_value

__all__ = ["B64TOKEN", "LONGEST", "challenge", "check_realm", "scheme_of"]

LONGEST = 8192
"""The longest credential that is looked at, in characters."""

# RFC 6750, 2.1: the characters of token68.
B64TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*").fullmatch

_SCHEME = re.compile(r"[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]*)").match


def scheme_of(authorization: str) -> str:
    """Give the scheme of an `Authorization` value in lower case, `""` if it has none."""
    found = _SCHEME(authorization)
    return found[1].lower() if found else ""


def challenge(scheme: str, **parameters: str) -> str:
    """Write a challenge; `"` and backslash are escaped (RFC 9110, 5.6.4)."""
    pairs = [f'{name}="{_escaped(value)}"' for name, value in parameters.items()]
    return f"{scheme} {', '.join(pairs)}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def check_realm(realm: object) -> None:
    """Raise unless it can stand in a quoted string: latin-1 without control characters."""
    if not isinstance(realm, str):
        raise TypeError(f"Authenticate(realm=...) is {describe(realm)}; it takes a str")
    if not is_field_value(realm) or not realm:
        raise ValueError(
            f"Authenticate(realm={realm!r}): a realm is latin-1 text without control characters, "
            'such as realm="Staff"'
        )
