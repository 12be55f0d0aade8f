"""`JWT`: JSON Web Tokens, verified strictly (RFC 7519, RFC 8725). Needs the extra `jwt`.

>>> from wsgimw.auth import ANY, JWT, Authenticate, Bearer
>>> secret = bytes(range(32))
>>> tokens = JWT(secret, algorithms=["HS256"], issuer="https://id.example", audience=ANY)
>>> Authenticate(Bearer(tokens))
Authenticate(Bearer(JWT(<keys>, algorithms=('HS256',), issuer='https://id.example', audience=ANY)))

Use it for access tokens of an identity provider: `JWT(JWKS(url), ...)`. Do not use it for sessions
of your own that must end when somebody logs out: a token is good until it expires.

- `algorithms` is what you sign with, never what a token says; `none` is not known, and HMAC never
  stands beside another family. A key verifies the algorithms of its kind alone.
- `exp` is required, `nbf` and `iat` are not in the future, with `leeway` seconds for all three.
- `iss` and `aud` are compared exactly; `ANY` is no check, and has to be written out.
- A `crit` or `b64` in the header is refused, and so is a `typ` that is not among `types`: a token
  that was made for something else (an id token, a logout token) is none for here.
- Roles are taken from `roles` (a list), scopes from `scope` (text) or `scp` (a list, or text as
  Microsoft Entra sends it).

What was verified is remembered for `cache` seconds at most, not beyond `exp`, and not beyond a
change of the keys. joserfc verifies the signature; whatever it raises is an invalid token.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import KW_ONLY, dataclass, field
from time import monotonic, time
from typing import Any, TypeAlias

from wsgimw.auth.challenges import LONGEST
from wsgimw.auth.identities import Identity
from wsgimw.auth.jwks import JWKS
from wsgimw.auth.jwt_claims import header_allows, identity_of, in_time, one_of, read_object, split
from wsgimw.auth.key_sets import KINDS, KeySet, VerifyKey, read_keys
from wsgimw.auth.outcomes import Emitter, Grant
from wsgimw.auth.parts import Part, Secret, missing_extra
from wsgimw.auth.verified import VerifiedCache, check_ttl
from wsgimw.describe import describe

__all__ = ["ANY", "JWT"]


class _Any:
    """No check: of `issuer` or `audience`, where the key alone says enough."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ANY"

    def __reduce__(self) -> str:
        return "ANY"


ANY = _Any()
"""`issuer=ANY`, `audience=ANY`: no check of that claim."""

Names: TypeAlias = str | Collection[str] | _Any


@dataclass(frozen=True, slots=True)
class JWT(Part):
    """Verify JSON Web Tokens.

    Raises `TypeError` and `ValueError` for options that make no sense, `ImportError` naming the
    extra.
    """

    keys: Any = field(hash=False)
    """bytes (a secret for HS), a PEM str, a JWK or JWK Set dict, or `JWKS(url)`."""
    _: KW_ONLY
    algorithms: Iterable[str]
    """What tokens are signed with."""
    issuer: Names
    """Who may have issued them, compared exactly; `ANY`: no check."""
    audience: Names
    """For whom they must be, compared exactly; `ANY`: no check."""
    leeway: float = 30
    """Seconds by which clocks may differ."""
    types: Iterable[str] = ("JWT", "at+jwt")
    """What `typ` may be, if it is there."""
    cache: float | None = 60
    """Seconds for which a verified token is remembered, 1 to 600; None: not at all."""
    _source: Callable[[], KeySet | None] = field(init=False, repr=False, compare=False)
    _models: dict[str, Any] = field(init=False, repr=False, compare=False)
    _issued: Callable[[Any], bool] = field(init=False, repr=False, compare=False)
    _meant: Callable[[Any], bool] = field(init=False, repr=False, compare=False)
    _types: frozenset[str] = field(init=False, repr=False, compare=False)
    _verified: VerifiedCache = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        algorithms = _algorithms(self.algorithms)
        issuer, audience = _names("issuer", self.issuer), _names("audience", self.audience)
        types = self.types
        if isinstance(types, str) or not all(isinstance(kind, str) for kind in types):
            raise TypeError('JWT(types=...) is a collection of str: types=("JWT", "at+jwt")')
        if isinstance(self.leeway, bool) or not isinstance(self.leeway, (int, float)):
            raise TypeError(f"JWT(leeway=...) is {describe(self.leeway)}; it is seconds")
        if not 0 <= self.leeway <= 600:
            raise ValueError(f"JWT(leeway={self.leeway!r}): it takes 0 to 600 seconds")
        check_ttl("JWT(cache=...)", self.cache, 1, 600)
        try:
            from joserfc.jws import JWSRegistry
        except ImportError as error:
            raise missing_extra("jwt", "JWT", error) from None
        given = self.keys.value if isinstance(self.keys, Secret) else self.keys
        if isinstance(given, JWKS):
            if any(KINDS[alg][0] == "oct" for alg in algorithms):
                raise ValueError("JWT(JWKS(...)): what is published cannot verify HS256; use RS256")
            object.__setattr__(self, "_source", given.peek)
        else:
            fixed = read_keys(given, algorithms)
            object.__setattr__(self, "_source", lambda: fixed)
            object.__setattr__(self, "keys", Secret(given, "<keys>"))
        types = frozenset([kind.lower().removeprefix("application/") for kind in types])
        models = {alg: JWSRegistry.algorithms[alg] for alg in algorithms}
        object.__setattr__(self, "algorithms", algorithms)
        object.__setattr__(self, "types", tuple(self.types))
        object.__setattr__(self, "_models", models)
        object.__setattr__(self, "_issued", one_of(issuer))
        object.__setattr__(self, "_meant", one_of(audience))
        object.__setattr__(self, "_types", types)
        object.__setattr__(self, "_verified", VerifiedCache(float(self.cache or 0.0)))

    def verify(self, token: str) -> Identity | None:
        """Say who it is; None for a token that does not hold. Raises `Unavailable`."""
        return self._proven(token)[1]

    def _proven(self, token: str) -> tuple[KeySet | None, Identity | None]:
        """Verify, and give the keys with which it was done as well."""
        nothing = (None, None)
        parts = split(token) if len(token) <= LONGEST else None
        if parts is None:
            return nothing
        header = parts.header
        alg, kid = header.get("alg"), header.get("kid")
        if not isinstance(alg, str) or alg not in self._models:
            return nothing
        if not (isinstance(kid, str) or "kid" not in header):
            return nothing
        if not header_allows(header, self._types):
            return nothing
        keys = self._keys(kid)
        key = None if keys is None else keys.find(kid, alg)
        if key is None or not self._is_signed(alg, key, parts.signed, parts.signature):
            return nothing
        claims = read_object(parts.payload)
        if claims is None or not in_time(claims, time(), self.leeway):
            return nothing
        issuer = claims.get("iss", "")
        if not isinstance(issuer, str) or not self._issued(issuer):
            return nothing
        if not self._meant(claims.get("aud")):
            return nothing
        return keys, identity_of(claims)

    def _keys(self, kid: str | None) -> KeySet | None:
        keys = self._source()
        jwks = self.keys
        if isinstance(jwks, JWKS):
            keys = jwks.load() if keys is None else keys
            if kid is not None and kid not in keys.by_kid:
                keys = jwks.search(kid)
        return keys

    def _is_signed(self, alg: str, key: VerifyKey, signed: bytes, signature: bytes) -> bool:
        try:
            return bool(self._models[alg].verify(signed, signature, key.key))
        except Exception:  # of joserfc and of cryptography, for what a client has made
            return False

    def recall(self, scheme: str, token: str) -> Grant | None:
        """Give what is remembered of an ASCII text, if the keys are still the same."""
        verified = self._verified
        state = verified.hasher()  # `verified.digest`, written out
        state.update(f"{scheme} {token}".encode())
        entry = verified.entries.get(state.digest())
        if entry is not None and monotonic() < entry.expires and self._source() is entry.matched:
            return entry.grant  # type: ignore[no-any-return]
        return None

    def grant(self, scheme: str, token: str) -> Grant | None:
        """Say who it is, as `verify` does, and remember it for this scheme."""
        verified = self._verified
        digest = verified.digest(f"{scheme} {token}")
        generation = verified.generation
        keys, identity = self._proven(token)
        if identity is None:
            return None
        if self.cache is not None and identity.expires is not None:
            again = Grant(identity, scheme, "cached", fresh=False)
            ttl = identity.expires - time()
            verified.keep(digest, identity.subject, keys, again, generation=generation, ttl=ttl)
        return Grant(identity, scheme, "verified")

    def _listen(self, emitter: Emitter) -> None:
        if isinstance(self.keys, JWKS):
            self.keys._listen(emitter)


def _algorithms(given: Any) -> tuple[str, ...]:
    example = 'algorithms=["RS256"]'
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise TypeError(f"JWT(algorithms=...) is a {type(given).__name__}; write {example}")
    found = tuple(given)
    if not found:
        raise ValueError(f"JWT(algorithms=...) is empty; write {example}")
    for alg in found:
        if alg not in KINDS:
            raise ValueError(
                f"JWT(algorithms=...) has {alg!r}; there is {', '.join(KINDS)}, and none is not"
            )
    if len({KINDS[alg][0] == "oct" for alg in found}) > 1:
        raise ValueError(
            f"JWT(algorithms={list(found)!r}): HMAC never stands beside another family, or a "
            f"public key could be taken for its secret; write {example}"
        )
    return found


def _names(option: str, given: Any) -> frozenset[str] | None:
    if isinstance(given, _Any):
        return None
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, Collection) or isinstance(names, (bytes, dict)):
        raise TypeError(
            f"JWT({option}=...) is a {type(given).__name__}; it is a str, a list, or ANY"
        )
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"JWT({option}=...) is empty or holds what is no text; no check is ANY")
    return frozenset(names)
