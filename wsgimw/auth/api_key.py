"""`APIKey`: a token in a header of its own.

>>> from wsgimw.auth import APIKey, Authenticate, Tokens, hash_token
>>> Authenticate(APIKey(Tokens({"ci": hash_token("example")}), header="X-Token"))
Authenticate(APIKey(Tokens(<1 token>), header='X-Token'))

Use it for clients that cannot send `Authorization`. There is no query parameter: URLs end in logs,
in histories and in `Referer`.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from wsgimw.auth.bearer import Ask, Verifier, asking, check_verifier, well_formed
from wsgimw.auth.challenges import challenge
from wsgimw.auth.identities import Denied
from wsgimw.auth.outcomes import BuiltIn, Emitter, Grant, Refusal
from wsgimw.describe import describe
from wsgimw.http.headers import is_token

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["APIKey", "header_key"]

_MALFORMED = Refusal(Denied(401, "malformed"))


@dataclass(frozen=True, slots=True)
class APIKey(BuiltIn):
    """Ask for a token in a header.

    Raises `TypeError` for what is no verifier, `ValueError` for what is no header.
    """

    verifier: Verifier
    """Who tells whose a token is."""
    _: KW_ONLY
    header: str = "X-API-Key"
    """The header that holds it."""
    reads: frozenset[str] = field(init=False, repr=False, compare=False)
    _key: str = field(init=False, repr=False, compare=False)
    _verify: Ask = field(init=False, repr=False, compare=False)

    name = "ApiKey"

    def __post_init__(self) -> None:
        check_verifier(self.verifier, "APIKey")
        key = header_key(self.header, "APIKey(header=...)")
        object.__setattr__(self, "_key", key)
        object.__setattr__(self, "reads", frozenset({key}))
        refusal = Refusal(Denied(401, "wrong"))
        object.__setattr__(self, "_verify", asking(self.verifier, "ApiKey", refusal))

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self.verifier, self.header)

    def challenge(self, realm: str, denied: Denied | None) -> str | None:
        """Ask for a key."""
        return challenge("ApiKey", realm=realm)

    def _ask(self, environ: WSGIEnvironment) -> Grant | Refusal | None:
        token = environ.get(self._key)
        if token is None:
            return None
        return self._verify(token) if well_formed(token) else _MALFORMED

    def _listen(self, emitter: Emitter) -> None:
        self._listen_to(self.verifier, emitter)


def _made(verifier: Any, header: str) -> APIKey:
    return APIKey(verifier, header=header)


def header_key(header: object, where: str) -> str:
    """Give the environ key of a header; raise for what is none, or what CGI keeps elsewhere."""
    if not isinstance(header, str):
        raise TypeError(f"{where} is {describe(header)}; it takes the name of a header")
    if not is_token(header) or "_" in header:
        raise ValueError(
            f"{where} is {header!r}, which is no name of a header; write letters, digits and "
            'dashes, such as "X-API-Key"'
        )
    key = header.upper().replace("-", "_")
    if key in ("CONTENT_TYPE", "CONTENT_LENGTH", "HOST"):
        raise ValueError(f"{where} is {header!r}, which has a meaning of its own")
    return f"HTTP_{key}"
