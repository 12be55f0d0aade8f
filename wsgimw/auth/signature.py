"""`Signature`: a webhook whose body is signed with a shared secret.

>>> from wsgimw.auth import Authenticate, Signature
>>> Authenticate(Signature("at least sixteen bytes", style="standard"))
Authenticate(Signature(<a secret>, style='standard'))

Use it for the one path that receives webhooks: the body is read whole, up to `max_body`, before the
app is called, and `wsgi.input` becomes a copy. Several secrets: any may match, so that one can be
replaced.

| style | headers | what is signed |
| --- | --- | --- |
| `github` | `X-Hub-Signature-256: sha256=<hex>` | the body |
| `standard` (Standard Webhooks) | `webhook-id`, `webhook-timestamp`, `webhook-signature` | \
`id.timestamp.body`, the timestamp within `tolerance` seconds |

The standard one protects against a replay after `tolerance`; within it, remember `webhook-id`. An
id that holds a full stop, which divides what is signed, is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from io import BytesIO
from time import time
from typing import TYPE_CHECKING, Any, Literal

from wsgimw.auth.challenges import LONGEST, challenge
from wsgimw.auth.identities import Denied, Identity, is_subject
from wsgimw.auth.outcomes import BuiltIn, Grant, Refusal
from wsgimw.auth.parts import Secret
from wsgimw.describe import describe
from wsgimw.facts import Facts
from wsgimw.request_body import BodyError, read_body

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["Signature"]

GITHUB = "HTTP_X_HUB_SIGNATURE_256"
ID, STAMP, SIGNED = "HTTP_WEBHOOK_ID", "HTTP_WEBHOOK_TIMESTAMP", "HTTP_WEBHOOK_SIGNATURE"

_HEX = re.compile(r"sha256=([0-9a-fA-F]{64})").fullmatch
_SECONDS = re.compile(r"[0-9]{1,12}").fullmatch
_LEAST = 16
_MALFORMED = Refusal(Denied(401, "malformed"))
_WRONG = Refusal(Denied(401, "wrong"))
_OLD = Refusal(Denied(401, "timestamp"))


@dataclass(frozen=True, slots=True, init=False)
class Signature(BuiltIn):
    """Check the signature of a webhook.

    `secrets`: bytes or text of at least 16 bytes (`whsec_` and base64 with the standard style).
    `tolerance`: seconds that a timestamp may be off. `max_body`: bytes. `subject`: whose it is.
    Raises `TypeError` and `ValueError` for options that make no sense.
    """

    secrets: tuple[Secret, ...]
    style: Literal["github", "standard"]
    tolerance: float
    max_body: int
    subject: str
    reads: frozenset[str] = field(init=False, repr=False, compare=False)
    _grant: Grant = field(init=False, repr=False, compare=False)

    name = "Signature"
    facts = Facts(reads=["input"], does=["limits input"])

    def __init__(
        self,
        *secrets: str | bytes | Secret,
        style: Literal["github", "standard"] = "github",
        tolerance: float = 300,
        max_body: int = 1 << 20,
        subject: str = "webhook",
    ) -> None:
        if style not in ("github", "standard"):
            raise ValueError(f'Signature(style={style!r}): it is "github" or "standard"')
        if not secrets:
            raise TypeError('Signature() needs a secret: Signature(os.environ["WEBHOOK_SECRET"])')
        if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float)):
            raise TypeError(f"Signature(tolerance=...) is {describe(tolerance)}; it is seconds")
        if isinstance(max_body, bool) or not isinstance(max_body, int):
            raise TypeError(f"Signature(max_body=...) is {describe(max_body)}; it is bytes")
        if not 1 <= tolerance <= 86400 or max_body < 0:
            raise ValueError("Signature(): tolerance is 1 to 86400 seconds, max_body 0 or more")
        if not is_subject(subject):
            raise ValueError("Signature(subject=...) has 1 to 256 characters, no control character")
        keys = tuple([Secret(_key(secret, style), "<a secret>") for secret in secrets])
        object.__setattr__(self, "secrets", keys)
        object.__setattr__(self, "style", style)
        object.__setattr__(self, "tolerance", tolerance)
        object.__setattr__(self, "max_body", max_body)
        object.__setattr__(self, "subject", subject)
        headers = {GITHUB} if style == "github" else {ID, STAMP, SIGNED}
        object.__setattr__(self, "reads", frozenset(headers))
        object.__setattr__(self, "_grant", Grant(Identity(subject), self.name, "verified"))

    def challenge(self, realm: str, denied: Denied | None) -> str | None:
        """Say that a signature is asked for (RFC 9110, 15.5.2: a 401 has a challenge)."""
        return (
            challenge("Signature", realm=realm) if denied is None or denied.status == 401 else None
        )

    def _ask(self, environ: WSGIEnvironment) -> Grant | Refusal | None:
        if self.style == "github":
            value = environ.get(GITHUB)
            if value is None:
                return None
            found = _HEX(value)
            if found is None:
                return _MALFORMED
            candidates = [bytes.fromhex(found[1])]
            prefix = b""
        else:
            value = environ.get(SIGNED)
            if value is None:
                return None
            read = self._read_standard(environ, value)
            if isinstance(read, Refusal):
                return read
            candidates, prefix = read
        try:
            body = read_body(environ, self.max_body)
        except BodyError as error:
            return Refusal(Denied(error.status, "body"))
        environ["wsgi.input"] = BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        matches = False
        for secret in self.secrets:
            made = hmac.new(secret.value, prefix + body, hashlib.sha256).digest()
            for candidate in candidates:
                matches |= hmac.compare_digest(made, candidate)
        return self._grant if matches else _WRONG

    def _read_standard(
        self, environ: WSGIEnvironment, value: str
    ) -> tuple[list[bytes], bytes] | Refusal:
        """Read the three headers: the signatures, and what is signed before the body."""
        name, stamp = environ.get(ID), environ.get(STAMP)
        if not name or not stamp or not _SECONDS(stamp) or len(name) + len(value) > LONGEST:
            return _MALFORMED
        if "." in name:  # what was signed could be divided in another way
            return _MALFORMED
        if abs(time() - int(stamp)) > self.tolerance:
            return _OLD
        try:
            prefix = f"{name}.{stamp}.".encode("latin-1")
        except UnicodeEncodeError:
            return _MALFORMED
        candidates = []
        for item in value.split(" "):
            version, _, text = item.partition(",")
            if version == "v1":
                try:
                    candidates.append(base64.b64decode(text, validate=True))
                except (binascii.Error, ValueError):
                    continue
        return (candidates, prefix) if candidates else _MALFORMED


def _key(secret: Any, style: str) -> bytes:
    if isinstance(secret, Secret):
        return secret.value  # type: ignore[no-any-return]
    if isinstance(secret, str) and style == "standard" and secret.startswith("whsec_"):
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("Signature(): after whsec_ a secret is base64") from None
    elif isinstance(secret, str):
        key = secret.encode()
    elif isinstance(secret, bytes):
        key = secret
    else:
        raise TypeError(f"Signature(): a secret is a str or bytes, not a {type(secret).__name__}")
    if len(key) < _LEAST:
        raise ValueError(
            f"Signature(): a secret has at least {_LEAST} bytes, this one has {len(key)}; make one "
            "with wsgimw.auth.new_token()"
        )
    return key
