"""What the built-in schemes tell Authenticate, beyond what the Scheme protocol says.

A `Grant` has what Authenticate writes, worked out once and kept with a cached success; a `Refusal`
adds for whom it was, where that is known.
"""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from wsgimw.auth.identities import Denied, Identity
from wsgimw.auth.parts import Part
from wsgimw.http.paths import to_wsgi

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["BuiltIn", "Emitter", "Event", "Grant", "Listeners", "Refusal"]


class Event(NamedTuple):
    """Something that happened, without any secret.

    `kind`: `granted`, `denied`, `throttled`, `unavailable`, `config` or `shared-cache`. `scheme`:
    the name of the scheme. `subject`: who it is, of denials only if there is such an account.
    `code`: why. `client`: `REMOTE_ADDR`.
    """

    kind: str
    scheme: str
    subject: str | None
    code: str
    client: str


class Emitter:
    """Sends events to the `on_event` of one Authenticate. What that raises is swallowed."""

    __slots__ = ("__weakref__", "_on_event")

    def __init__(self, on_event: Callable[[Event], object] | None) -> None:
        self._on_event = on_event

    def emit(self, kind: str, scheme: str, subject: str | None, code: str, client: str) -> None:
        if self._on_event is not None:
            try:
                self._on_event(Event(kind, scheme, subject, code, client))
            except Exception:
                return


class Listeners:
    """Who hears what happens apart from any one request: a file that is broken, keys that are gone.

    Held weakly, so that a part that outlives a bound app does not keep it.
    """

    __slots__ = ("_emitters",)

    def __init__(self) -> None:
        self._emitters: weakref.WeakSet[Emitter] = weakref.WeakSet()

    def add(self, emitter: Emitter) -> None:
        self._emitters.add(emitter)

    def tell(self, kind: str, scheme: str, code: str) -> None:
        for emitter in list(self._emitters):
            emitter.emit(kind, scheme, None, code, "")


class Grant:
    """Who it is, as Authenticate writes it. `fresh`: it was worked out now, not remembered."""

    __slots__ = ("fresh", "identity", "reason", "user")

    def __init__(self, identity: Identity, scheme: str, code: str, *, fresh: bool = True) -> None:
        self.identity = identity if identity.scheme else replace(identity, scheme=scheme)
        self.reason = f"auth:{scheme.lower()}:{code}"
        self.user = to_wsgi(identity.subject)
        self.fresh = fresh


class Refusal(NamedTuple):
    """Why it is nobody; `subject` only if there is such an account, so that it is no secret."""

    denied: Denied
    subject: str | None = None


class BuiltIn(Part):
    """The base of our schemes: they answer `_ask` with more than `authenticate` may say."""

    __slots__ = ()

    name: str

    def authenticate(self, environ: WSGIEnvironment) -> Identity | Denied | None:
        """Say who it is, why it is nobody, or None: nothing of mine was sent."""
        found = self._ask(environ)
        if found is None:
            return None
        return found.identity if isinstance(found, Grant) else found.denied

    def challenge(self, realm: str, denied: Denied | None) -> str | None:
        """Give the `WWW-Authenticate` value, or None: for the same always the same."""
        return None

    def _ask(self, environ: WSGIEnvironment) -> Grant | Refusal | None:
        raise NotImplementedError

    def _listen(self, emitter: Emitter) -> None:
        """Send what happens apart from a request there."""

    @staticmethod
    def _listen_to(part: Any, emitter: Emitter) -> None:
        listen = getattr(part, "_listen", None)
        if listen is not None:
            listen(emitter)
