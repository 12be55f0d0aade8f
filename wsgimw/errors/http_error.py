"""`HTTPError`: an exception that says which 4xx or 5xx the client gets.

Raise it anywhere inside `CatchErrors`, in an app, in a layer, in a function that knows nothing of
WSGI. Its `detail` and its members reach the client; nothing else of it does. Do not use it for
what your framework already answers by an exception of its own.

>>> error = HTTPError(409, "Your copy is older than mine.", current_version=7)
>>> error.status, error.members
(409, {'current_version': 7})
>>> HTTPError(503, headers=[("Retry-After", "30")])
HTTPError(503, headers=(('Retry-After', '30'),))

The members go into the problem document (RFC 9457, 3.2). Costs nothing until it is raised.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from wsgimw.answers import reason
from wsgimw.http.headers import is_field_value, is_token

__all__ = ["HTTPError", "check_status"]

_MEMBER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,}", re.ASCII).fullmatch
# The five of RFC 9457, 3.1, and the two that CatchErrors writes.
_TAKEN = frozenset(("type", "title", "status", "detail", "instance", "request_id", "fingerprint"))
# What frames the body, or belongs to the connection (rule 14).
_NOT_YOURS = frozenset(
    (
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


class HTTPError(Exception):
    """An error with a status from 400 to 599, for the client.

    `detail`: a sentence for the people at the other end. `headers`: fields that the answer gets
    besides (`Allow`, `Retry-After`). `members`: JSON values for the problem document, with names of
    three characters or more out of letters, digits and `_` (RFC 9457, 3.2).

    Raises `TypeError` for a wrong kind, `ValueError` for a status, field or member that cannot be.
    """

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        *,
        headers: Iterable[tuple[str, str]] = (),
        **members: Any,
    ) -> None:
        check_status(status, "HTTPError()")
        if detail is not None and not isinstance(detail, str):
            raise TypeError(
                f"HTTPError() was given detail={detail!r}; it is a str, or None: "
                f"HTTPError({status}, 'what went wrong')"
            )
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.headers = tuple(_checked(field) for field in headers)
        for name, value in members.items():
            _check_member(name, value)
        self.members = members

    def __str__(self) -> str:
        text = f"{self.status} {reason(self.status)}"
        return text if self.detail is None else f"{text}: {self.detail}"

    def __repr__(self) -> str:
        shown = [repr(self.status)]
        if self.detail is not None:
            shown.append(repr(self.detail))
        if self.headers:
            shown.append(f"headers={self.headers!r}")
        shown += [f"{name}={value!r}" for name, value in self.members.items()]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception is pickled by its `args`, which know nothing of keywords.
        state = {"headers": self.headers, "members": self.members}
        return type(self), (self.status, self.detail), state


def check_status(status: object, place: str) -> None:
    """Raise unless it is an int from 400 to 599; `place` begins the message."""
    accepted = "a status of an error is an int from 400 to 599, such as 404"
    if not isinstance(status, int) or isinstance(status, bool):
        raise TypeError(f"{place} was given the status {status!r}; {accepted}")
    if not 400 <= status <= 599:
        raise ValueError(f"{place} was given the status {status}; {accepted}")


def _checked(field: Any) -> tuple[str, str]:
    example = "headers=[('Retry-After', '30')]"
    if (
        not isinstance(field, tuple)
        or len(field) != 2
        or not all(isinstance(part, str) for part in field)
    ):
        raise TypeError(f"HTTPError() was given the header {field!r}; write {example}")
    name, value = field
    if not is_token(name) or not is_field_value(value):
        raise ValueError(
            f"HTTPError() was given the header {field!r}; a name is a token and a value has no "
            f"control characters and only latin-1: {example}"
        )
    if name.lower() in _NOT_YOURS:
        raise ValueError(
            f"HTTPError() was given the header {name}, which CatchErrors or the server writes; "
            "leave it out"
        )
    return name, value


def _check_member(name: str, value: object) -> None:
    if name in _TAKEN or not _MEMBER(name):
        raise ValueError(
            f"HTTPError() was given the member {name!r}; a name has three characters or more out "
            f"of letters, digits and _, and is none of {', '.join(sorted(_TAKEN))}"
        )
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"HTTPError() was given {name}, which is no JSON value: {error}") from None
