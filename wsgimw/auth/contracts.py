"""The extension points of authentication; these are all.

A scheme reads a request, a table knows password hashes, a verifier knows tokens, a store counts
failures. Write one of your own by defining its methods; nothing needs to be derived.

>>> class Cookie:
...     name = "Cookie"
...     reads = frozenset({"HTTP_COOKIE"})
...     def authenticate(self, environ): ...
...     def challenge(self, realm, denied): ...
>>> isinstance(Cookie(), Scheme)
True
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from wsgimw.auth.identities import Account, Denied, Identity

    Predicate: TypeAlias = Callable[[Identity | None, WSGIEnvironment], bool]
else:
    Predicate = Callable[[Any, Any], bool]

__all__ = ["PasswordTable", "Predicate", "Scheme", "ThrottleStore", "TokenVerifier"]


@runtime_checkable
class Scheme(Protocol):
    """One way to say who one is."""

    @property
    def name(self) -> str:
        """What becomes `AUTH_TYPE`."""
        ...

    @property
    def reads(self) -> frozenset[str]:
        """The environ keys that it looks at; `Vary` and what logs mask are derived from them."""
        ...

    def authenticate(self, environ: WSGIEnvironment, /) -> Identity | Denied | None:
        """Say who it is, or why it is nobody; None: nothing of mine was sent."""
        ...

    def challenge(self, realm: str, denied: Denied | None, /) -> str | None:
        """Give the `WWW-Authenticate` value, or None; `denied` is what this scheme said."""
        ...


@runtime_checkable
class PasswordTable(Protocol):
    """Stored hashes by username. It may also have `decoy(n: int) -> str`: the hash of some user."""

    def lookup(self, username: str, /) -> Account | None:
        """Give the account of that name, or None."""
        ...


@runtime_checkable
class TokenVerifier(Protocol):
    """Who a token belongs to."""

    def verify(self, token: str, /) -> Identity | None:
        """Say who it is; None: invalid. May raise `Unavailable`."""
        ...


@runtime_checkable
class ThrottleStore(Protocol):
    """Counts failures; `limit` of them are allowed in `window` seconds."""

    def wait(self, key: str, limit: int, window: float, /) -> float:
        """Give the seconds still to wait, 0.0 for none."""
        ...

    def fail(self, key: str, limit: int, window: float, /) -> None:
        """Count one failure."""
        ...
