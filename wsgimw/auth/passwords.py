"""Stored password hashes: which formats are read, what is refused, and how one is checked.

| needs | formats |
| --- | --- |
| nothing | `{SHA}`, `{SSHA}`; Werkzeug's `scrypt:N:r:p$salt$hex`, `pbkdf2:sha256:N$salt$hex` |
| extra `passwords` | `$argon2id$`, `$argon2i$`; `$2a$`, `$2b$`, `$2y$` (bcrypt) |
| extra `htpasswd-legacy` | `$apr1$`, `$1$`, `$5$`, `$6$`, DES |

A format that is not known, plain text too, is an error when the table is loaded, and so are costs
that could hurt the server. The stored hash itself is never a password: no format is compared with
anything but what a hash function made.

>>> verifier("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=")(b"password")
True
>>> verifier("password")
Traceback (most recent call last):
ValueError: no known format; make one with wsgimw.auth.hash_password, or htpasswd -B
"""

from __future__ import annotations

import binascii
import hashlib
import re
import secrets
from collections.abc import Callable
from functools import partial
from hmac import compare_digest
from typing import TypeAlias

from wsgimw.auth.parts import missing_extra

__all__ = ["COLONS", "hash_password", "verifier"]

Verify: TypeAlias = Callable[[bytes], bool]

COLONS = re.compile(
    r"(?:scrypt:\d+:\d+:\d+|pbkdf2:sha256:\d+)\$[^$:\s]+\$[0-9a-f]+(?=:|$)", re.ASCII
).match
"""The formats that hold colons, which separate the fields of an htpasswd line too."""

_MEMORY = 256 << 20
_SCRYPT = re.compile(r"scrypt:(\d{1,9}):(\d{1,4}):(\d{1,4})\$([^$:\s]+)\$([0-9a-f]{128})", re.ASCII)
_PBKDF2 = re.compile(r"pbkdf2:sha256:(\d{1,9})\$([^$:\s]+)\$([0-9a-f]{64})", re.ASCII)
_ARGON2 = re.compile(
    r"\$argon2(id|i)\$(?:v=(?:16|19)\$)?m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})"
    r"\$[A-Za-z0-9+/]{11,128}\$[A-Za-z0-9+/]{16,512}",
    re.ASCII,
)
_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}", re.ASCII)
_LEGACY = [
    # Format, and the name of passlib's handler; the handlers only, never its contexts or files.
    (re.compile(r"\$apr1\$[./0-9A-Za-z]{0,8}\$[./0-9A-Za-z]{22}"), "apr_md5_crypt"),
    (re.compile(r"\$1\$[./0-9A-Za-z]{0,8}\$[./0-9A-Za-z]{22}"), "md5_crypt"),
    (
        re.compile(r"\$5\$(?:rounds=(\d{1,9})\$)?[./0-9A-Za-z]{0,16}\$[./0-9A-Za-z]{43}"),
        "sha256_crypt",
    ),
    (
        re.compile(r"\$6\$(?:rounds=(\d{1,9})\$)?[./0-9A-Za-z]{0,16}\$[./0-9A-Za-z]{86}"),
        "sha512_crypt",
    ),
    (re.compile(r"[./0-9A-Za-z]{13}"), "des_crypt"),
]
_ROUNDS = 1_000_000
_BCRYPT_LONGEST = 72


def verifier(stored: str) -> Verify:
    """Return the check of a password (UTF-8 bytes) against a stored hash.

    Raises `ValueError` that says what is wrong with the hash, without showing it, and `ImportError`
    naming the extra that it needs.
    """
    if stored.startswith("{SHA}"):
        return partial(_sha, _decoded(stored[5:], 20, 20), b"")
    if stored.startswith("{SSHA}"):
        data = _decoded(stored[6:], 21, 84)
        return partial(_sha, data[:20], data[20:])
    if found := _SCRYPT.fullmatch(stored):
        n, r, p = map(int, found.group(1, 2, 3))
        return _scrypt(n, r, p, found[4].encode(), found[5].encode())
    if found := _PBKDF2.fullmatch(stored):
        return _pbkdf2(int(found[1]), found[2].encode(), found[3].encode())
    if found := _ARGON2.fullmatch(stored):
        return _argon2(stored, found[1], *map(int, found.group(2, 3, 4)))
    if found := _BCRYPT.fullmatch(stored):
        return _bcrypt(stored.encode(), int(found[1]))
    for pattern, name in _LEGACY:
        if found := pattern.fullmatch(stored):
            rounds = int(found[1] or 0) if pattern.groups else 0
            return _legacy(stored, name, rounds)
    raise ValueError("no known format; make one with wsgimw.auth.hash_password, or htpasswd -B")


def _refuse(what: str) -> ValueError:
    return ValueError(f"{what}: checking it could stop the server; hash the password anew")


def _decoded(text: str, least: int, most: int) -> bytes:
    try:
        data = binascii.a2b_base64(text.encode(), strict_mode=True)
    except (binascii.Error, ValueError):
        data = b""
    if not least <= len(data) <= most:
        raise ValueError("a malformed {SHA} or {SSHA}")
    return data


def _sha(digest: bytes, salt: bytes, password: bytes) -> bool:
    return compare_digest(hashlib.sha1(password + salt).digest(), digest)


def _scrypt(n: int, r: int, p: int, salt: bytes, digest: bytes) -> Verify:
    if 128 * n * r > _MEMORY:
        raise _refuse(f"scrypt with {128 * n * r >> 20} MiB is more than {_MEMORY >> 20} MiB")
    if p > 16:
        raise _refuse(f"scrypt with p={p} is more than 16")
    if n < 2 or n & (n - 1) or not r or not p:
        raise ValueError("a malformed scrypt: N is a power of two, r and p are at least 1")

    room = 128 * r * (n + p + 2) + 4096  # what OpenSSL counts, and some more

    def verify(password: bytes) -> bool:
        made = hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=room)
        return compare_digest(made.hex().encode(), digest)

    return verify


def _pbkdf2(rounds: int, salt: bytes, digest: bytes) -> Verify:
    if rounds > 10_000_000:
        raise _refuse(f"pbkdf2 with {rounds} iterations is more than 10 million")
    if not rounds:
        raise ValueError("a malformed pbkdf2: at least one iteration")

    def verify(password: bytes) -> bool:
        made = hashlib.pbkdf2_hmac("sha256", password, salt, rounds)
        return compare_digest(made.hex().encode(), digest)

    return verify


def _argon2(stored: str, variant: str, memory: int, time: int, lanes: int) -> Verify:
    if memory > _MEMORY >> 10:
        raise _refuse(f"argon2 with {memory >> 10} MiB is more than {_MEMORY >> 20} MiB")
    if time > 32:
        raise _refuse(f"argon2 with t={time} is more than 32")
    if lanes > 16:
        raise _refuse(f"argon2 with p={lanes} is more than 16")
    if not time or not lanes or memory < 8 * lanes:
        raise ValueError("a malformed argon2: t and p are at least 1, m at least 8 p")
    try:
        from argon2 import exceptions, low_level
    except ImportError as error:
        raise missing_extra("passwords", "an argon2 hash", error) from None
    kind = low_level.Type.ID if variant == "id" else low_level.Type.I

    def verify(password: bytes) -> bool:
        try:
            return low_level.verify_secret(stored.encode(), password, kind)
        except exceptions.VerifyMismatchError:
            return False

    return verify


def _bcrypt(stored: bytes, cost: int) -> Verify:
    if cost > 16:
        raise _refuse(f"bcrypt with cost {cost} is more than 16")
    if cost < 4:
        raise ValueError("a malformed bcrypt: its cost is at least 4")
    try:
        import bcrypt
    except ImportError as error:
        raise missing_extra("passwords", "a bcrypt hash", error) from None

    def verify(password: bytes) -> bool:
        # bcrypt reads 72 bytes: what is longer is refused, after as much work as any other.
        same = bcrypt.checkpw(password[:_BCRYPT_LONGEST], stored)
        return same and len(password) <= _BCRYPT_LONGEST

    return verify


def _legacy(stored: str, name: str, rounds: int) -> Verify:
    if rounds > _ROUNDS:
        raise _refuse(f"{name} with {rounds} rounds is more than {_ROUNDS}")
    try:
        import passlib.hash
    except ImportError as error:
        raise missing_extra("htpasswd-legacy", f"a hash of {name}", error) from None
    handler = getattr(passlib.hash, name)
    try:
        handler.from_string(stored)
    except ValueError:
        raise ValueError(f"a malformed {name}") from None

    def verify(password: bytes) -> bool:
        return bool(handler.verify(password, stored))

    return verify


def hash_password(password: str) -> str:
    """Hash a password for a table: argon2id, or scrypt without the extra `passwords`.

    It takes about 100 ms and 64 MiB (scrypt: 32 MiB), as each uncached check of it does. Raises
    `ValueError` for an empty password, one over 1024 bytes, and one with control characters, which
    no browser could send.

    >>> verifier(hash_password("correct horse"))(b"correct horse")
    True
    """
    data = password.encode()
    if not 1 <= len(data) <= 1024:
        raise ValueError(f"a password has 1 to 1024 bytes; this one has {len(data)}")
    if re.search(rb"[\x00-\x1f\x7f]", data):
        raise ValueError("this password has a control character, which no client can send")
    try:
        from argon2 import PasswordHasher
    except ImportError:
        salt = secrets.token_urlsafe(12)
        made = hashlib.scrypt(data, salt=salt.encode(), n=32768, r=8, p=1, maxmem=132 << 18)
        return f"scrypt:32768:8:1${salt}${made.hex()}"
    return PasswordHasher().hash(data)
