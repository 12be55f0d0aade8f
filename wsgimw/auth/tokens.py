"""`Tokens`: API tokens by name, of which only digests are kept.

>>> token = new_token()
>>> tokens = Tokens({"ci": hash_token(token)}, scopes={"ci": ["deploy"]})
>>> tokens
Tokens(<1 token>, scopes={'ci': ['deploy']})
>>> tokens.verify(token).subject, tokens.verify("guess")
('ci', None)

A token of 32 random bytes needs no slow hash: SHA-256 of it is looked up in a dict. A name may have
several digests, so that a token can be replaced while the old one still works. Do not use it for
passwords that people choose.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wsgimw.auth.challenges import B64TOKEN, LONGEST
from wsgimw.auth.identities import Identity
from wsgimw.auth.parts import Part, Secret
from wsgimw.auth.users import Names, asker, checked_name

__all__ = ["Tokens", "hash_token", "new_token"]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}").fullmatch


def new_token() -> str:
    """Make a token: 32 random bytes, url-safe.

    >>> len(new_token())
    43
    """
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """Give the digest of a token for `Tokens`; ValueError for what no client could send.

    >>> hash_token("abc")[:20]
    'sha256:ba7816bf8f01c'
    """
    if not isinstance(token, str):
        raise TypeError(f"hash_token() takes a str, and was given a {type(token).__name__}")
    if len(token) > LONGEST or not B64TOKEN(token):
        raise ValueError(
            "hash_token(): a token has letters, digits and - . _ ~ + /, and = at its end (RFC "
            "6750, 2.1); make one with new_token()"
        )
    return f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Tokens(Part):
    """Name to token digest, and roles and scopes by name.

    Raises `ValueError` naming the name, never the value, for what is no digest.
    """

    mapping: Mapping[str, str | Iterable[str]] = field(hash=False)
    """Name to `"sha256:<hex>"`, or to several of them."""
    roles: Names | None = field(default=None, hash=False)
    """Name to roles: a mapping, or a function that is asked at each request."""
    scopes: Names | None = field(default=None, hash=False)
    """Name to scopes, likewise."""
    _owners: dict[str, str] = field(init=False, repr=False, compare=False)
    _known: dict[str, Identity] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        given: Any = self.mapping
        table = given.value if isinstance(given, Secret) else given
        example = 'Tokens({"ci": hash_token(token)})'
        if not isinstance(table, Mapping):
            raise TypeError(
                "Tokens() takes a mapping of name to digest, and was given a "
                f"{type(table).__name__}; write {example}"
            )
        owners: dict[str, str] = {}
        for name, digests in table.items():
            checked_name(name, "Tokens()")
            for digest in [digests] if isinstance(digests, str) else digests:
                if not isinstance(digest, str) or not _DIGEST(digest):
                    raise ValueError(
                        f"Tokens() has no digest for {name!r}: it is sha256: and 64 hex digits; "
                        f"write {example}"
                    )
                if owners.setdefault(digest, name) != name:
                    raise ValueError(
                        f"Tokens() has one digest for {owners[digest]!r} and for {name!r}; give "
                        "each name a token of its own: new_token()"
                    )
        if not owners:
            raise ValueError(f"Tokens() is empty; write {example}")
        label = f"<{len(owners)} token{'s' if len(owners) > 1 else ''}>"
        object.__setattr__(self, "mapping", Secret(dict(table), label))
        object.__setattr__(self, "_owners", owners)
        known = {} if self._live else {name: self._identity(name) for name in owners.values()}
        asker(self.roles, "Tokens(roles=...)")
        asker(self.scopes, "Tokens(scopes=...)")
        object.__setattr__(self, "_known", known)

    def __reduce__(self) -> tuple[Any, ...]:
        given: Any = self.mapping
        return Tokens, (given.value, self.roles, self.scopes)

    @property
    def _live(self) -> bool:
        return callable(self.roles) or callable(self.scopes)

    def verify(self, token: str) -> Identity | None:
        """Give the identity of a token's name, or None."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
        name = self._owners.get(f"sha256:{digest}")
        if name is None:
            return None
        return self._known.get(name) or self._identity(name)

    def _identity(self, name: str) -> Identity:
        roles = asker(self.roles, "Tokens(roles=...)")(name)
        scopes = asker(self.scopes, "Tokens(scopes=...)")(name)
        return Identity(name, roles=roles, scopes=scopes)
