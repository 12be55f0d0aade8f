"""`Basic`: username and password (RFC 7617), checked with care and remembered for a moment.

>>> from wsgimw.auth import Authenticate, Basic, Users
>>> users = Users({"ada": "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="})
>>> Authenticate(Basic(users, cache=30))
Authenticate(Basic(Users(<1 user>), cache=30))

Use it over TLS alone: the password is in every request. The order of work: parse, verified cache,
throttle, HashGuard, hash (a decoy for a user that does not exist), then a failure is counted or the
success remembered. A hit counts only if the table still has the hash that was matched, so that a
changed password fails on the very next request.

`users` is a table (`Users`, `HtpasswdFile`, anything with `lookup(username)`), or a function of
`(username, password)` that returns an Identity, True or None. Of a function a success is remembered
for 30 s at most, and a decoy is its own affair.

Reads `HTTP_AUTHORIZATION`. A remembered password costs a keyed digest, any other its hash.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Hashable
from dataclasses import KW_ONLY, dataclass, field
from time import monotonic, time
from typing import TYPE_CHECKING, Any, TypeAlias

from wsgimw.auth.basic_header import parse
from wsgimw.auth.challenges import challenge, scheme_of
from wsgimw.auth.contracts import PasswordTable
from wsgimw.auth.hash_guard import SHARED, HashGuard
from wsgimw.auth.identities import Account, Denied, Identity
from wsgimw.auth.outcomes import BuiltIn, Emitter, Grant, Refusal
from wsgimw.auth.passwords import hash_password, verifier
from wsgimw.auth.throttle import Throttle
from wsgimw.auth.tokens import new_token
from wsgimw.auth.verified import VerifiedCache, check_ttl
from wsgimw.describe import describe
from wsgimw.facts import Facts

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["Basic"]

Check: TypeAlias = Callable[[str, str], Identity | bool | None]

_MALFORMED = Refusal(Denied(401, "malformed"))
_WRONG = Refusal(Denied(401, "wrong"))
_LONGEST_OF_A_FUNCTION = 30.0


@dataclass(frozen=True, slots=True)
class Basic(BuiltIn):
    """Ask for username and password.

    Raises `TypeError` and `ValueError` for options that make no sense.
    """

    users: PasswordTable | Check
    """A table of hashes, or a function of username and password."""
    _: KW_ONLY
    cache: float | None = 60.0
    """Seconds for which a success is remembered, 1 to 600; None: not at all."""
    guard: HashGuard = SHARED
    """The cap on hashes that run at once."""
    throttle: Throttle | None = None
    """How many failures are allowed; None: any number."""
    _verified: VerifiedCache = field(init=False, repr=False, compare=False)
    _lookup: Callable[[str], Account | None] | None = field(init=False, repr=False, compare=False)
    _decoy: Callable[[int], str] = field(init=False, repr=False, compare=False)

    name = "Basic"
    reads = frozenset({"HTTP_AUTHORIZATION"})

    def __post_init__(self) -> None:
        users: Any = self.users
        example = 'Basic(Users({"ada": hash_password("...")})) or Basic(HtpasswdFile("path"))'
        if isinstance(users, type) or not (isinstance(users, PasswordTable) or callable(users)):
            found = describe(users) if isinstance(users, type) else f"a {type(users).__name__}"
            raise TypeError(
                f"Basic() takes a table or a function, and was given {found}; {example}"
            )
        check_ttl("Basic(cache=...)", self.cache, 1, 600)
        if not isinstance(self.guard, HashGuard):
            raise TypeError(f"Basic(guard=...) is {describe(self.guard)}; write guard=HashGuard(4)")
        if self.throttle is not None and not isinstance(self.throttle, Throttle):
            raise TypeError(
                f"Basic(throttle=...) is {describe(self.throttle)}; write throttle=Throttle()"
            )
        is_table = isinstance(users, PasswordTable)
        ttl = float(self.cache or 0.0)
        verified = VerifiedCache(ttl if is_table else min(ttl, _LONGEST_OF_A_FUNCTION))
        object.__setattr__(self, "_verified", verified)
        find = getattr(users, "_find", users.lookup) if is_table else None
        object.__setattr__(self, "_lookup", find)
        object.__setattr__(self, "_decoy", _decoys(users))

    @property
    def facts(self) -> Facts:
        """What `wsgimw.explain` knows of it: a throttle counts by `REMOTE_ADDR`, unless told so."""
        throttle = self.throttle
        counts = throttle is not None and throttle.client is None and throttle.per_client
        return Facts(reads=["client"] if counts else [])

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self.users, self.cache, self.guard, self.throttle)

    def forget(self, username: str | None = None) -> None:
        """Forget what was verified of one user, or of all: the next request pays for a hash."""
        self._verified.forget(username)

    def challenge(self, realm: str, denied: Denied | None) -> str | None:
        """Ask for credentials in UTF-8 (RFC 7617, 2.1)."""
        return challenge("Basic", realm=realm, charset="UTF-8")

    def _ask(self, environ: WSGIEnvironment) -> Grant | Refusal | None:
        header = environ.get("HTTP_AUTHORIZATION")
        if not header:
            return None
        if header[:6] != "Basic " and header[:6].lower() != "basic ":
            return _MALFORMED if scheme_of(header) == "basic" else None
        verified = self._verified
        state = verified.hasher()  # `verified.digest`, written out
        try:
            state.update(header.encode())
        except UnicodeEncodeError:  # a lone surrogate, of a server that does not keep PEP 3333
            return _MALFORMED
        digest = state.digest()
        entry = verified.entries.get(digest)
        if entry is not None and monotonic() < entry.expires:
            lookup = self._lookup
            if lookup is None:
                return entry.grant  # type: ignore[no-any-return]
            account = lookup(entry.name)
            if account is entry.matched:
                return entry.grant  # type: ignore[no-any-return]
            if account is not None and account.hash == entry.matched.hash:
                # The hash is the same, the roles may not be.
                grant = _granted(entry.name, account, "cached", fresh=False)
                verified.renew(digest, entry, account, grant)
                return grant
        return self._check(environ, header, digest)

    def _check(self, environ: WSGIEnvironment, header: str, digest: bytes) -> Grant | Refusal:
        parsed = parse(header)
        if parsed is None:
            return _MALFORMED
        username, password = parsed
        if not password:  # LDAP takes an empty one for an anonymous bind
            return _WRONG
        generation = self._verified.generation
        throttle = self.throttle
        keys = ("", "")
        if throttle is not None:
            keys = throttle._keys(environ, username)
            refusal = throttle._wait(keys)
            if refusal is not None:
                return refusal
        # With what was forgotten so far, so that nobody shares a check of before.
        account, grant = self._prove(username, password, (id(self), digest, generation))
        if grant is None:
            if throttle is not None:
                throttle._failed(keys)
            return _WRONG if account is None else Refusal(_WRONG.denied, username)
        if throttle is not None:
            throttle._succeeded(keys)
        if self.cache is not None:
            again = Grant(grant.identity, self.name, "cached", fresh=False)
            ends = grant.identity.expires
            ttl = self._verified.ttl if ends is None else ends - time()
            self._verified.keep(digest, username, account, again, generation=generation, ttl=ttl)
        return grant

    def _prove(
        self, username: str, password: str, key: tuple[Hashable, ...]
    ) -> tuple[Account | None, Grant | None]:
        """Spend the hash: give the account, if there is one, and the grant, if it matches."""
        if self._lookup is None:
            check: Any = self.users
            said = self.guard.run(key, lambda: check(username, password))
            return None, _said(username, said)
        account = self._lookup(username)
        stored = self._decoy(_number(username)) if account is None else account.hash
        matches = self.guard.run(
            # With the stored hash: who comes after a change must not share a check of before.
            (*key, stored),
            lambda: verifier(stored)(password.encode()),
        )
        if account is None or not matches:
            return account, None
        return account, _granted(username, account, "verified")

    def _listen(self, emitter: Emitter) -> None:
        self._listen_to(self.users, emitter)
        self._listen_to(self.throttle, emitter)


def _made(users: Any, cache: Any, guard: Any, throttle: Any) -> Basic:
    return Basic(users, cache=cache, guard=guard, throttle=throttle)


def _granted(username: str, account: Account, code: str, *, fresh: bool = True) -> Grant:
    identity = Identity(username, scheme="Basic", roles=account.roles)
    return Grant(identity, "Basic", code, fresh=fresh)


def _said(username: str, said: Identity | bool | None) -> Grant | None:
    """Read what a function of username and password has returned."""
    if said is None or said is False:
        return None
    if said is True:
        said = Identity(username)
    if not isinstance(said, Identity):
        raise TypeError(
            f"the function of Basic() returned a {type(said).__name__}; it returns an Identity, "
            "True, or None"
        )
    return Grant(said, "Basic", "verified")


_PICK = os.urandom(32)


def _number(username: str) -> int:
    """Give a number that only this process can tell from the name, always the same."""
    made = hashlib.blake2b(username.encode(), key=_PICK, digest_size=8)
    return int.from_bytes(made.digest(), "big")


def _decoys(users: Any) -> Callable[[int], str]:
    decoy: Callable[[int], str] | None = getattr(users, "decoy", None)
    if decoy is not None:
        return decoy
    made = hash_password(new_token()) if isinstance(users, PasswordTable) else ""
    return lambda n: made
