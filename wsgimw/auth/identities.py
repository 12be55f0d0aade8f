"""Who is asking: `Identity`, and `identity(environ)` that finds it.

>>> ada = Identity("ada", roles={"admin"}, claims={"email": "ada@example.org"})
>>> ada
Identity(subject='ada', scheme='', roles=frozenset({'admin'}), scopes=frozenset(), expires=None)
>>> identity({"wsgimw.identity": ada}) is ada, identity({})
(True, None)

An Identity is a frozen value; its `claims` are read-only and not in its `repr`. Apps read it from
`environ["wsgimw.identity"]`, in which None stands for an anonymous request that was let in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["KEY", "Account", "Denied", "Identity", "Unavailable", "identity", "is_subject", "names"]

KEY = "wsgimw.identity"

# No control character (C0, DEL, C1), no lone surrogate: what goes into logs and headers.
_SUBJECT = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,256}").fullmatch
_NO_CLAIMS: Mapping[str, Any] = MappingProxyType({})


def is_subject(text: object) -> bool:
    r"""Can it name somebody: 1 to 256 characters, no control character, no lone surrogate?

    >>> is_subject("Zoë"), is_subject(""), is_subject("a\nb"), is_subject("x" * 257)
    (True, False, False, False)
    """
    return isinstance(text, str) and _SUBJECT(text) is not None


def names(values: Iterable[str], what: str) -> frozenset[str]:
    """Make a frozenset of names; TypeError for a bare string, which is an iterable of letters.

    >>> sorted(names(["b", "a"], "roles"))
    ['a', 'b']
    """
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"{what} is a {type(values).__name__}; write a collection: {what}=('a',)")
    found = values if isinstance(values, frozenset) else frozenset(values)
    for name in found:
        if not isinstance(name, str):
            raise TypeError(f"{what} holds a {type(name).__name__}; each of them is a str")
    return found


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who was authenticated.

    Raises `ValueError` for a subject that cannot name anybody, `TypeError` for a bare string as
    roles or scopes.
    """

    subject: str
    """The name, real Unicode text of 1 to 256 characters."""
    scheme: str = ""
    """By which scheme; Authenticate fills it in."""
    roles: frozenset[str] = frozenset()
    """What `role()` asks for."""
    scopes: frozenset[str] = frozenset()
    """What `scope()` asks for."""
    claims: Mapping[str, Any] = field(default_factory=lambda: _NO_CLAIMS, repr=False, hash=False)
    """Whatever else is known, read-only: the claims of a JWT."""
    expires: float | None = None
    """When it ends, in seconds since the epoch."""

    def __post_init__(self) -> None:
        if not isinstance(self.subject, str):
            raise TypeError(f"Identity(subject) is a {type(self.subject).__name__}; it is a str")
        if not is_subject(self.subject):
            raise ValueError(
                f"Identity(subject) has {len(self.subject)} characters; it takes 1 to 256, none of "
                "them a control character or a lone surrogate"
            )
        for name in ("roles", "scopes"):
            object.__setattr__(self, name, names(getattr(self, name), name))
        if not isinstance(self.claims, MappingProxyType):
            object.__setattr__(self, "claims", MappingProxyType(dict(self.claims)))

    def __reduce__(self) -> tuple[Any, ...]:
        # A read-only mapping cannot be copied; who is asking may be told to another process.
        given = (self.subject, self.scheme, self.roles, self.scopes)
        return type(self), (*given, dict(self.claims), self.expires)


@dataclass(frozen=True, slots=True)
class Account:
    """What a password table knows of one user: the stored hash, never shown, and the roles."""

    hash: str = field(repr=False)
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Denied:
    """What a scheme answers to credentials that do not hold.

    `status`: 400 to 599. `code`: a short word for logs and events; of Bearer, the `error` of the
    challenge. `description`: for people, without anything of the credential. `retry_after`:
    seconds.

    >>> Denied(401, "wrong")
    Denied(status=401, code='wrong', description='', retry_after=None)
    """

    status: int
    code: str
    description: str = ""
    retry_after: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.status, int) or not 400 <= self.status <= 599:
            raise ValueError(f"Denied(status) is {self.status!r}; it is a status from 400 to 599")


class Unavailable(Exception):
    """Raised by a verifier that cannot tell now: the answer is 503 with `Retry-After` seconds.

    >>> Unavailable(5).retry_after
    5
    """

    def __init__(self, retry_after: float = 1) -> None:
        super().__init__(f"unavailable for {retry_after} s")
        self.retry_after = retry_after


def identity(environ: WSGIEnvironment) -> Identity | None:
    """Give who is asking, or None: nobody is known, or no Authenticate stands outside.

    >>> identity({"wsgimw.identity": None}) is None
    True
    """
    found = environ.get(KEY)
    return found if isinstance(found, Identity) else None
