"""`Bearer`: a token in the `Authorization` header. RFC 6750.

>>> from wsgimw.auth import Authenticate, Bearer, Tokens, hash_token
>>> Authenticate(Bearer(Tokens({"ci": hash_token("example")})))
Authenticate(Bearer(Tokens(<1 token>)))

Use it for APIs, over TLS. The token is read from the header alone, never from a form or the query,
which are logged. `verifier` is `Tokens`, `JWT`, anything with `verify(token)`, or a function of the
token that returns an Identity, a subject, or None.

What is malformed gets 400 and `error="invalid_request"`, a token that does not hold 401 and
`error="invalid_token"`; where nothing was sent the challenge has no `error` (RFC 6750, 3.1).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from wsgimw.auth.challenges import B64TOKEN, LONGEST, challenge, scheme_of
from wsgimw.auth.contracts import TokenVerifier
from wsgimw.auth.identities import Denied, Identity, is_subject
from wsgimw.auth.outcomes import BuiltIn, Emitter, Grant, Refusal
from wsgimw.describe import describe

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["Ask", "Bearer", "asking", "check_verifier"]

Verifier: TypeAlias = TokenVerifier | Callable[[str], Identity | str | None]
Ask: TypeAlias = Callable[[str], Grant | Refusal]


@runtime_checkable
class Remembering(Protocol):
    """A verifier of ours that remembers, and so can tell what is no news."""

    def recall(self, scheme: str, token: str, /) -> Grant | None: ...

    def grant(self, scheme: str, token: str, /) -> Grant | None: ...


_BEARER = re.compile(r"[ \t]*[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9\-._~+/]+=*) *").fullmatch
_NOT_DESCRIPTION = re.compile(r"[^ !#-\[\]-~]")

_MALFORMED = Refusal(Denied(400, "invalid_request", "The header holds no bearer token"))
_INVALID = Denied(401, "invalid_token", "The token is not valid")


@dataclass(frozen=True, slots=True)
class Bearer(BuiltIn):
    """Ask for a bearer token.

    Raises `TypeError` for what is no verifier.
    """

    verifier: Verifier
    """Who tells whose a token is."""
    _verify: Ask = field(init=False, repr=False, compare=False)
    _recall: Callable[[str, str], Grant | None] | None = field(
        init=False, repr=False, compare=False
    )

    name = "Bearer"
    reads = frozenset({"HTTP_AUTHORIZATION"})

    def __post_init__(self) -> None:
        check_verifier(self.verifier, "Bearer")
        object.__setattr__(self, "_verify", asking(self.verifier, "Bearer", Refusal(_INVALID)))
        recall = self.verifier.recall if isinstance(self.verifier, Remembering) else None
        object.__setattr__(self, "_recall", recall)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.verifier,)

    def challenge(self, realm: str, denied: Denied | None) -> str | None:
        """Ask for a token; say what was wrong with the one that came (RFC 6750, 3)."""
        if denied is None or denied.status not in (400, 401):
            return challenge("Bearer", realm=realm) if denied is None else None
        parameters = {"realm": realm, "error": denied.code}
        if denied.description:
            # RFC 6750, 3: printable ASCII without quotes and backslashes.
            parameters["error_description"] = _NOT_DESCRIPTION.sub("?", denied.description)
        return challenge("Bearer", **parameters)

    def _ask(self, environ: WSGIEnvironment) -> Grant | Refusal | None:
        header = environ.get("HTTP_AUTHORIZATION")
        if not header:
            return None
        spaced = header[:7].lower() == "bearer "
        if not spaced and scheme_of(header) != "bearer":
            return None
        if spaced and self._recall is not None and header.isascii():
            # What is remembered was well-formed when it came, behind a space.
            known = self._recall("Bearer", header[7:])
            if known is not None:
                return known
        found = _BEARER(header) if len(header) <= LONGEST else None
        return _MALFORMED if found is None else self._verify(found[1])

    def _listen(self, emitter: Emitter) -> None:
        self._listen_to(self.verifier, emitter)


def check_verifier(verifier: Any, name: str) -> None:
    """Raise unless it can tell whose a token is."""
    fits = isinstance(verifier, TokenVerifier) or callable(verifier)
    if isinstance(verifier, type) or not fits:
        found = describe(verifier) if isinstance(verifier, type) else type(verifier).__name__
        raise TypeError(
            f"{name}() takes a verifier or a function of the token, and was given {found}; write "
            f'{name}(Tokens({{"ci": hash_token(token)}})) or {name}(JWT(...))'
        )


def asking(verifier: Any, scheme: str, refusal: Refusal) -> Ask:
    """Make the function that turns a token that is well-formed into what Authenticate is told."""
    verify: Callable[[str], Any] = (
        verifier.verify if isinstance(verifier, TokenVerifier) else verifier
    )
    # A verifier of ours that remembers says so: what was seen before is no news.
    remembering: Remembering | None = verifier if isinstance(verifier, Remembering) else None

    def ask(token: str) -> Grant | Refusal:
        if remembering is not None:
            known = remembering.recall(scheme, token) or remembering.grant(scheme, token)
            return known or refusal
        found = verify(token)
        if found is None:
            return refusal
        if isinstance(found, str):
            if not is_subject(found):  # made of the token, which is the client's
                return refusal
            found = Identity(found)
        if not isinstance(found, Identity):
            raise TypeError(
                f"the verifier of {scheme}() returned a {type(found).__name__}; it returns an "
                "Identity, a subject, or None"
            )
        return Grant(found, scheme, "verified")

    return ask


def well_formed(token: str) -> bool:
    """Is it in the alphabet of tokens, and not too long? RFC 6750, 2.1."""
    return len(token) <= LONGEST and B64TOKEN(token) is not None
