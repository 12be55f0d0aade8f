"""A scheme of one's own: a cookie that itsdangerous has signed, without a login form."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from itsdangerous import BadSignature, TimestampSigner

from wsgimw import Authenticate, CatchErrors, Require, compose
from wsgimw.auth import Denied, Identity, identity

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """Whoever was given a cookie by `cookie_for` is known for `max_age` seconds."""

    signer: TimestampSigner = field(repr=False)
    cookie: str = "session"
    max_age: int = 8 * 3600
    name = "Session"
    reads = frozenset({"HTTP_COOKIE"})

    def authenticate(self, environ: WSGIEnvironment) -> Identity | Denied | None:
        try:
            found = SimpleCookie(environ.get("HTTP_COOKIE", "")).get(self.cookie)
            if found is None:
                return None
            return Identity(self.signer.unsign(found.value, max_age=self.max_age).decode())
        except (CookieError, BadSignature, ValueError):
            return Denied(401, "session")

    def challenge(self, realm: str, denied: Denied | None) -> str | None:
        return f'Session realm="{realm}"'

    def cookie_for(self, user: str) -> str:
        value = self.signer.sign(user).decode()
        # Over TLS, as it should be, `Secure` belongs in here too.
        return f"{self.cookie}={value}; Path=/; Max-Age={self.max_age}; HttpOnly; SameSite=Lax"


sessions = SessionCookie(TimestampSigner(os.environ.get("SECRET") or os.urandom(32)))


def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    headers = [("Content-Type", "text/plain; charset=utf-8")]
    if environ["PATH_INFO"] == "/enter":  # in earnest: after a form with a password
        headers.append(("Set-Cookie", sessions.cookie_for("guest")))
    known = identity(environ)
    start_response("200 OK", headers)
    return [f"Hello, {known.subject if known else 'stranger'}\n".encode()]


application = compose(
    CatchErrors(),
    Authenticate(sessions, required=False),
    Require({"/": "authenticated", "/enter": "anyone"}),
)(page)

# wsgimw run examples.session_cookie:application
