"""Keys that verify JWTs: what is read, which may be used for an algorithm, which is meant.

A key is used for the algorithms of its own kind alone, so that no token can have an RSA key taken
for an HMAC secret (CVE-2015-9235 and its many heirs). `kid` is a key into a dictionary and no more.
Keys that are for encryption, bound to another algorithm, too short or not understood are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from wsgimw.auth.parts import missing_extra

__all__ = ["KINDS", "KeySet", "VerifyKey", "read_keys"]

# Algorithm: kind of key, and curves. RFC 7518, 3.1; RFC 8037; RFC 9864.
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "HS256": ("oct", ()),
    "HS384": ("oct", ()),
    "HS512": ("oct", ()),
    "RS256": ("RSA", ()),
    "RS384": ("RSA", ()),
    "RS512": ("RSA", ()),
    "PS256": ("RSA", ()),
    "PS384": ("RSA", ()),
    "PS512": ("RSA", ()),
    "ES256": ("EC", ("P-256",)),
    "ES384": ("EC", ("P-384",)),
    "ES512": ("EC", ("P-521",)),
    "ES256K": ("EC", ("secp256k1",)),
    "EdDSA": ("OKP", ("Ed25519", "Ed448")),
    "Ed25519": ("OKP", ("Ed25519",)),
    "Ed448": ("OKP", ("Ed448",)),
}
_LEAST_SECRET = 32
_LEAST_RSA = 2048


class VerifyKey(NamedTuple):
    """One key: joserfc's object, and what decides whether it may be used."""

    key: Any
    kind: str
    curve: str | None
    kid: str | None
    alg: str | None

    def fits(self, alg: str) -> bool:
        """May it verify that algorithm?"""
        kind, curves = KINDS[alg]
        if self.alg is not None and self.alg != alg:
            return False
        return self.kind == kind and (not curves or self.curve in curves)


class KeySet:
    """Keys by their ids. `lone`: one key without an id, which any token may mean."""

    __slots__ = ("by_kid", "fingerprint", "keys", "lone")

    def __init__(self, keys: Iterable[VerifyKey], *, lone: bool = False) -> None:
        self.keys = tuple(keys)
        self.lone = lone
        self.by_kid: dict[str, list[VerifyKey]] = {}
        for key in self.keys:
            if key.kid is not None:
                self.by_kid.setdefault(key.kid, []).append(key)
        self.fingerprint = json.dumps(
            [[key.kid, key.alg, key.kind, _public(key)] for key in self.keys], sort_keys=True
        )

    def find(self, kid: str | None, alg: str) -> VerifyKey | None:
        """Give the one key that is meant and fits, or None."""
        named = self.keys if kid is None or self.lone else self.by_kid.get(kid, ())
        fitting = [key for key in named if key.fits(alg)]
        return fitting[0] if len(fitting) == 1 else None


def _public(key: VerifyKey) -> Any:
    return "" if key.kind == "oct" else key.key.as_dict(private=False)


def read_keys(given: Any, algorithms: tuple[str, ...]) -> KeySet:
    """Read what a JWT was given as its keys; raises without showing any of it."""
    kinds = {KINDS[alg][0] for alg in algorithms}
    if isinstance(given, (bytes, bytearray)):
        return KeySet([_secret(bytes(given), kinds)], lone=True)
    if isinstance(given, str):
        return KeySet([_pem(given, kinds)], lone=True)
    if not isinstance(given, Mapping):
        raise TypeError(
            f"JWT() was given keys of type {type(given).__name__}; it takes bytes (a secret), a "
            "PEM str, a JWK or JWK Set as a dict, or JWKS(url)"
        )
    several = "keys" in given
    keys = read_set(given, secrets=True) if several else [_jwk(given, secrets=True)]
    usable = [key for key in keys if key is not None and any(map(key.fits, algorithms))]
    if not usable:
        raise ValueError(
            f"JWT(): none of the keys can verify {', '.join(algorithms)}: a secret has at least "
            f"{_LEAST_SECRET} bytes, an RSA key {_LEAST_RSA} bits, and its use, if any, is sig"
        )
    return KeySet(usable, lone=not several and usable[0].kid is None)


def read_set(given: Mapping[str, Any], *, secrets: bool = False) -> list[VerifyKey]:
    """Read a JWK Set (RFC 7517, 5); keys that are not understood are left out, as it says."""
    listed = given.get("keys")
    if not isinstance(listed, list):
        raise ValueError("a JWK Set is a JSON object with a list under keys")
    read = [_jwk(item, secrets=secrets) for item in listed]
    return [key for key in read if key is not None]


def _jwk(given: Any, *, secrets: bool) -> VerifyKey | None:
    """Read one JWK, or give None for what cannot be used. RFC 7517, 4."""
    try:
        from joserfc.jwk import JWKRegistry
    except ImportError as error:
        raise missing_extra("jwt", "JWT", error) from None
    if not isinstance(given, Mapping) or given.get("use", "sig") != "sig":
        return None
    operations = given.get("key_ops")
    if isinstance(operations, list) and "verify" not in operations:
        return None
    kid, alg, kind = given.get("kid"), given.get("alg"), given.get("kty")
    if not all(value is None or isinstance(value, str) for value in (kid, alg)):
        return None
    if kind == "oct" and not secrets:  # a secret that was published is none
        return None
    # Only what makes the key: joserfc has opinions of its own about the rest.
    members = ("kty", "k", "n", "e", "d", "p", "q", "dp", "dq", "qi", "crv", "x", "y")
    try:
        key = JWKRegistry.import_key({name: given[name] for name in members if name in given})
        return _checked(key, str(kind), kid, alg)
    except Exception:
        return None


def _checked(key: Any, kind: str, kid: str | None, alg: str | None) -> VerifyKey | None:
    if kind == "oct":
        if len(key.raw_value) < _LEAST_SECRET:
            return None
        return VerifyKey(key, kind, None, kid, alg)
    shown = key.as_dict(private=False)
    if shown.get("kty") != kind:
        return None
    if kind == "RSA" and key.public_key.key_size < _LEAST_RSA:
        return None
    return VerifyKey(key, kind, shown.get("crv"), kid, alg)


def _secret(given: bytes, kinds: set[str]) -> VerifyKey:
    if kinds != {"oct"}:
        raise ValueError(
            "JWT() was given bytes, which are a secret, and algorithms for public keys; give a PEM "
            'as a str, or algorithms=["HS256"]'
        )
    if b"-----BEGIN" in given or given.startswith((b"ssh-", b"ecdsa-")):
        raise ValueError(
            "JWT() was given a public or private key as a secret: everybody who knows it could "
            'sign; give the PEM as a str, with algorithms=["RS256"] or the like'
        )
    if len(given) < _LEAST_SECRET:
        raise ValueError(
            f"JWT(): a secret has at least {_LEAST_SECRET} bytes, this one has {len(given)}; make "
            "one with secrets.token_bytes(32)"
        )
    try:
        from joserfc.jwk import OctKey
    except ImportError as error:
        raise missing_extra("jwt", "JWT", error) from None
    return VerifyKey(OctKey.import_key(given), "oct", None, None, None)


def _pem(given: str, kinds: set[str]) -> VerifyKey:
    if "-----BEGIN" not in given:
        raise ValueError(
            "JWT() was given a str that is no PEM; a secret is bytes, a file is read first: "
            'JWT(Path("public.pem").read_text(), ...)'
        )
    try:
        from joserfc.jwk import JWKRegistry
    except ImportError as error:
        raise missing_extra("jwt", "JWT", error) from None
    for kind in sorted(kinds - {"oct"}):
        try:
            found = _checked(JWKRegistry.import_key(given, kind), kind, None, None)
        except Exception:
            continue
        if found is not None:
            return found
    raise ValueError(
        "JWT(): the PEM holds no key for these algorithms, or an RSA key of less than "
        f"{_LEAST_RSA} bits"
    )
