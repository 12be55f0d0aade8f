"""`RemoteUser`: the server, or a layer outside, has authenticated already.

>>> from wsgimw.auth import Authenticate, RemoteUser
>>> Authenticate(RemoteUser())
Authenticate(RemoteUser())

Use it under Apache's `AuthType` or another layer that sets `REMOTE_USER`. Authenticate deletes that
key unless this scheme is listed; a client cannot set it: its headers all begin with `HTTP_`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wsgimw.auth.identities import Denied, Identity, is_subject
from wsgimw.auth.outcomes import BuiltIn, Grant, Refusal
from wsgimw.http.paths import from_wsgi

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["RemoteUser"]

_MALFORMED = Refusal(Denied(401, "malformed"))


@dataclass(frozen=True, slots=True)
class RemoteUser(BuiltIn):
    """Keep `REMOTE_USER` and `AUTH_TYPE` as they are."""

    name = "RemoteUser"
    # Not read from the client, and no secret: neither `Vary` nor the logs' mask is for it.
    reads = frozenset[str]()

    def _ask(self, environ: WSGIEnvironment) -> Grant | Refusal | None:
        user = environ.get("REMOTE_USER")
        if not user:
            return None
        subject = from_wsgi(user)
        if subject is None or not is_subject(subject):
            return _MALFORMED
        kind = environ.get("AUTH_TYPE") or self.name
        return Grant(Identity(subject, scheme=kind), self.name, "server")
