"""The strict reading of a JWT: its parts, its header, its claims. RFC 7515, 7519, 8725.

Nothing here verifies a signature, and nothing raises for what a client may send: what breaks a rule
is None. JSON with a name twice, with NaN or numbers beyond bounds is none.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from wsgimw.auth.identities import Identity, is_subject

__all__ = ["Parts", "identity_of", "numeric", "split"]

_PARTS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)").fullmatch
_DIGITS = 18


class Parts(NamedTuple):
    """A token taken apart, nothing of it verified."""

    header: dict[str, Any]
    payload: bytes
    signature: bytes
    signed: bytes


def split(token: str) -> Parts | None:
    """Take a token in compact form apart. RFC 7515, 3.1.

    >>> split("e30.e30.AA").header, split("e30.e30."), split("e30.e30.AA.AA.AA")
    ({}, None, None)
    """
    found = _PARTS(token)
    if found is None:
        return None
    header, payload, signature = map(_decoded, found.groups())
    if header is None or payload is None or signature is None:
        return None
    read = read_object(header)
    if read is None:
        return None
    return Parts(read, payload, signature, token.rpartition(".")[0].encode())


def _decoded(text: str) -> bytes | None:
    if len(text) % 4 == 1:
        return None
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def read_object(data: bytes) -> dict[str, Any] | None:
    """Read a JSON object strictly.

    >>> read_object(b'{"a": 1}'), read_object(b'{"a": 1, "a": 2}'), read_object(b'{"a": NaN}')
    ({'a': 1}, None, None)
    """
    try:
        found = json.loads(
            data.decode("utf-8"),
            parse_constant=_refuse,
            parse_int=_integer,
            parse_float=_finite,
            object_pairs_hook=_unique,
        )
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refuse(text: str) -> Any:
    raise ValueError


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def header_allows(header: dict[str, Any], types: frozenset[str]) -> bool:
    """Does the header ask for nothing beyond us? RFC 7515, 4.1.11; RFC 8725, 3.11.

    `jwk`, `jku`, `x5u` and `x5c` are not looked at: a key that a token brings proves nothing.
    """
    if "crit" in header or "b64" in header:
        return False
    kind = header.get("typ")
    if kind is None:
        return "typ" not in header
    return isinstance(kind, str) and kind.lower().removeprefix("application/") in types


def numeric(value: Any) -> float | None:
    """Give a NumericDate (RFC 7519, 2), or None for what is no number.

    >>> numeric(1), numeric(True), numeric("1")
    (1.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value)


def in_time(claims: dict[str, Any], now: float, leeway: float) -> bool:
    """Has it begun, and not ended? `exp` must be there; RFC 7519, 4.1.4 to 4.1.6."""
    expires = numeric(claims.get("exp"))
    if expires is None or now >= expires + leeway:
        return False
    for name in ("nbf", "iat"):
        if name in claims:
            begins = numeric(claims[name])
            if begins is None or begins > now + leeway:
                return False
    return True


def one_of(wanted: frozenset[str] | None) -> Callable[[Any], bool]:
    """Make the question whether a claim is one of these, or a list that holds one; None: no check.

    Compared exactly: no prefix, no case, no slash more or less (GHSA-75c5-xw7c-p5pm).
    """

    def holds(value: Any) -> bool:
        if wanted is None:
            return True
        if isinstance(value, list):
            return any(isinstance(item, str) and item in wanted for item in value)
        return isinstance(value, str) and value in wanted

    return holds


def identity_of(claims: dict[str, Any]) -> Identity | None:
    """Make the Identity; None without a subject that can name somebody."""
    subject = claims.get("sub")
    if not is_subject(subject):
        return None
    scopes: Any = claims.get("scope")
    if not isinstance(scopes, str):
        scopes = claims.get("scp")  # a list of Okta's, text of Microsoft Entra's
    scopes = scopes.split(" ") if isinstance(scopes, str) else _texts(scopes)
    return Identity(
        str(subject),
        roles=frozenset(_texts(claims.get("roles"))),
        scopes=frozenset(filter(None, scopes)),
        claims=claims,
        expires=numeric(claims.get("exp")),
    )


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
