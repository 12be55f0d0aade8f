"""`TrustedHeader`: a reverse proxy has authenticated, and names the user in a header.

>>> from wsgimw.auth import Authenticate, TrustedHeader
>>> Authenticate(TrustedHeader("X-Forwarded-User", proxies=["10.0.0.0/8"]))
Authenticate(TrustedHeader('X-Forwarded-User', proxies=('10.0.0.0/8',)))

Use it behind oauth2-proxy, Authelia, a mesh; `proxies` says from which addresses the header counts,
and has no default, since a header that anybody can send is no proof. Only the peer of the socket is
asked (`wsgimw.peers`), also where a ProxyFix stands outside. From anybody else the headers are
deleted before the app can see them. A value with a comma is two headers that a server has merged
into one: 400.

Take care that the proxy deletes what the client sent under this name, in every spelling: WSGI
cannot tell `X_Forwarded_User` from `X-Forwarded-User`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from wsgimw.auth.api_key import header_key
from wsgimw.auth.identities import Denied, Identity, is_subject
from wsgimw.auth.outcomes import BuiltIn, Grant, Refusal
from wsgimw.facts import Facts
from wsgimw.http.paths import from_wsgi
from wsgimw.peers import members, trust

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["TrustedHeader"]

_MERGED = Refusal(Denied(400, "merged"))
_MALFORMED = Refusal(Denied(400, "malformed"))


@dataclass(frozen=True, slots=True)
class TrustedHeader(BuiltIn):
    """Believe a header that a proxy has set.

    Raises `TypeError` and `ValueError` for headers and networks that are none.
    """

    header: str
    """The header that names the user."""
    _: KW_ONLY
    proxies: Collection[str]
    """Addresses and networks of the proxies; `"unix"` for the peer of a Unix socket."""
    roles_header: str | None = None
    """A header of the same proxy with roles, separated by commas."""
    reads: frozenset[str] = field(init=False, repr=False, compare=False)
    _key: str = field(init=False, repr=False, compare=False)
    _roles_key: str | None = field(init=False, repr=False, compare=False)
    _trusted: Callable[[WSGIEnvironment], bool] = field(init=False, repr=False, compare=False)

    name = "TrustedHeader"
    facts = Facts(reads=["peer"])

    def __post_init__(self) -> None:
        key = header_key(self.header, "TrustedHeader()")
        roles_key = None
        if self.roles_header is not None:
            roles_key = header_key(self.roles_header, "TrustedHeader(roles_header=...)")
            if roles_key == key:
                raise ValueError(f"TrustedHeader({self.header!r}): roles come in another header")
        proxies = members("TrustedHeader(proxies=...)", self.proxies)
        if not proxies:
            raise ValueError(
                "TrustedHeader(proxies=...) is empty, so no header would ever count; write the "
                'address of the proxy: proxies=["10.0.0.1"]'
            )
        is_trusted = trust("TrustedHeader(proxies=...)", proxies)
        object.__setattr__(self, "proxies", proxies)
        object.__setattr__(self, "_key", key)
        object.__setattr__(self, "_roles_key", roles_key)
        object.__setattr__(self, "_trusted", is_trusted)
        object.__setattr__(self, "reads", frozenset({key, roles_key} - {None}))

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self.header, self.proxies, self.roles_header)

    def _ask(self, environ: WSGIEnvironment) -> Grant | Refusal | None:
        value = environ.get(self._key)
        if not value or not self._trusted(environ):
            return None
        if "," in value:
            return _MERGED
        subject = from_wsgi(value.strip(" \t"))
        if subject is None or not is_subject(subject):
            return _MALFORMED
        roles: list[str] = []
        if self._roles_key is not None:
            text = from_wsgi(environ.get(self._roles_key, ""))
            if text is None:
                return _MALFORMED
            roles = [role for part in text.split(",") if (role := part.strip(" \t"))]
        return Grant(Identity(subject, roles=frozenset(roles)), self.name, "proxy")


def _made(header: str, proxies: Any, roles_header: str | None) -> TrustedHeader:
    return TrustedHeader(header, proxies=proxies, roles_header=roles_header)
