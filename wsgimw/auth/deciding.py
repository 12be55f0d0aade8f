"""What a bound `Authenticate` does with a request, and with the head of its response.

Everything that can be is worked out once: challenges, the `Vary` line and the answer to a request
without credentials when the layer is bound, each refusal of our schemes when it is first met. The
path of a success is written for speed, since each request takes it. Bodies pass as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from wsgimw.answers import answer_app
from wsgimw.auth.challenges import challenge
from wsgimw.auth.contracts import Scheme
from wsgimw.auth.identities import KEY, Denied, Identity, Unavailable
from wsgimw.auth.masked import log_masked
from wsgimw.auth.outcomes import BuiltIn, Emitter, Event, Grant, Refusal
from wsgimw.auth.remote_user import RemoteUser
from wsgimw.auth.trusted_header import TrustedHeader
from wsgimw.describe import describe
from wsgimw.http.headers import add_directive, add_vary, directives, is_field_value, joined
from wsgimw.record import KEY as RECORD
from wsgimw.record import Record
from wsgimw.request_body import drain

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["NO_STORE", "Deciding", "Decision", "refusal_answer", "wait"]

NO_STORE = ("Cache-Control", "no-store")
PRIVATE = ("Cache-Control", "private")
_SERVERS = ("REMOTE_USER", "AUTH_TYPE")
_FORGED = (*_SERVERS, KEY, "HTTP_REMOTE_USER", "HTTP_AUTH_TYPE")
_CREDENTIALS = ("HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION")
# The lengths of the names that are edited: nobody else's name is folded.
_LOOKED_AT = frozenset([len("Vary"), len("Cache-Control"), len("WWW-Authenticate")])

Ask = Callable[[Any], Any]


class Deciding:
    """The head of one request, which is edited; the body passes. `grant`: None is anonymous."""

    __slots__ = ("decision", "environ", "grant", "start_response", "told")

    decision: Decision
    environ: WSGIEnvironment
    grant: Grant | None
    start_response: StartResponse
    told: bool

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        varies = controls = asks = False
        for name, _ in headers:
            if len(name) in _LOOKED_AT:
                folded = name.lower()
                varies = varies or folded == "vary"
                controls = controls or folded == "cache-control"
                asks = asks or folded == "www-authenticate"
        decision = self.decision
        if varies or controls or self.grant is None:
            headers = [*headers]  # rule 12
            if varies:
                add_vary(headers, *decision.vary)
            else:
                headers += decision.vary_line
            if self.grant is not None:
                self._keep_private(headers)
        else:
            headers = [*headers, *decision.private_lines]
        if not asks and status[:3] == "401":
            headers += decision.challenges
        if exc_info is None:  # rule 2
            return self.start_response(status, headers)
        return self.start_response(status, headers, exc_info)

    def _keep_private(self, headers: list[tuple[str, str]]) -> None:
        """Add `private`, unless the response says itself how it may be stored. RFC 9111, 5.2.2."""
        line = joined(headers, "Cache-Control")
        if line is None:
            headers.append(PRIVATE)
            return
        held = directives(line)
        if held.get("private", "") is None or "no-store" in held:
            return
        if "public" not in held and "s-maxage" not in held:
            add_directive(headers, "private")
        elif self.grant is not None and not hasattr(self, "told"):
            self.told = True
            identity = self.grant.identity
            self.decision.emit(
                "shared-cache", identity.scheme, identity.subject, "public", self.environ
            )


class Decision:
    """What one bound Authenticate knows; nothing of a request."""

    def __init__(
        self,
        schemes: tuple[Scheme, ...],
        *,
        realm: str,
        required: bool,
        forward: bool,
        drain_bytes: int,
        on_event: Callable[[Event], object] | None,
    ) -> None:
        self.schemes = schemes
        self.realm = realm
        self.required = required
        self.drain_bytes = drain_bytes
        self.emitter = Emitter(on_event)
        self.listened = on_event is not None
        self.asks = [_ask_of(scheme) for scheme in schemes]
        # The `AUTH_TYPE` of a RemoteUser is the server's.
        self.types = [None if isinstance(s, RemoteUser) else s.name for s in schemes]
        self.proxied = [scheme for scheme in schemes if isinstance(scheme, TrustedHeader)]
        believed = {key for scheme in self.proxied for key in scheme.reads}
        # What a TrustedHeader reads is deleted, or not, by who the peer is.
        self.forged = [key for key in _FORGED if key not in believed]
        if None in self.types:
            self.forged = [key for key in self.forged if key not in _SERVERS]
        self.reads = tuple(dict.fromkeys(key for s in schemes for key in sorted(s.reads)))
        self.secret = (*self.reads, *(key for key in _CREDENTIALS if key not in self.reads))
        self.forgotten = () if forward else self.reads
        self.vary = tuple(dict.fromkeys(name for key in self.reads if (name := _header_of(key))))
        self.vary_line = [("Vary", ", ".join(self.vary))] if self.vary else []
        self.private_lines = [*self.vary_line, PRIVATE]
        self.challenges = self._challenges()
        self.missing = answer_app(401, [NO_STORE, *self.vary_line, *self.challenges])
        # Our schemes ask the same of the same; what another one asks may be of this moment.
        self.repeats = all(isinstance(scheme, BuiltIn) for scheme in schemes)
        self.answer_again = lru_cache(64)(self._answer)
        for scheme in schemes:
            BuiltIn._listen_to(scheme, self.emitter)

    def bind(self, app: WSGIApplication) -> WSGIApplication:
        """Return the app that decides on each request, and lets it in or answers it."""
        forged, proxied, secret, asks = tuple(self.forged), self.proxied, self.secret, self.asks
        forgotten, types, listened = self.forgotten, self.types, self.listened
        required = self.required

        def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            for key in forged:
                if key in environ:
                    del environ[key]
            if proxied:
                self._disbelieve(environ)
            masked = environ.get("wsgimw.redact")
            environ["wsgimw.redact"] = {*secret} if masked is None else {*masked, *secret}
            known = environ.get(RECORD)
            if known is None:
                known = environ[RECORD] = Record()
            found: Any = None
            place = 0
            try:
                for ask in asks:
                    found = ask(environ)
                    if found is not None:
                        break
                    place += 1
            except Exception as error:
                found = self._raised(place, error, environ)
            if type(found) is Grant:
                identity = found.identity
                environ["REMOTE_USER"] = found.user
                environ["AUTH_TYPE"] = types[place] or identity.scheme
                environ[KEY] = identity
                known.user = identity.subject
                known.reasons.append(found.reason)
                if listened and found.fresh:
                    code = found.reason.rpartition(":")[2]
                    self.emit("granted", self.schemes[place].name, identity.subject, code, environ)
            elif found is not None:
                return self._refuse(place, found, environ, known)(environ, start_response)
            else:
                for key in _SERVERS:  # a RemoteUser that found nothing in them
                    environ.pop(key, None)
                if required:
                    return self._missing(environ, known)(environ, start_response)
                environ[KEY] = None
                known.reasons.append("auth:anonymous")
            for key in forgotten:
                environ.pop(key, None)
            head = Deciding()
            head.decision = self
            head.environ = environ
            head.grant = found
            head.start_response = start_response
            return app(environ, head.start)

        return bound

    def _raised(self, place: int, error: Exception, environ: WSGIEnvironment) -> Refusal:
        if isinstance(error, Unavailable):
            return Refusal(Denied(503, "unavailable", retry_after=error.retry_after))
        # Not its `repr`, which of a scheme of somebody's own may show anything.
        log_masked(f"the scheme {self.schemes[place].name}", error, environ, self.secret)
        return Refusal(Denied(503, "error", retry_after=1))

    def emit(
        self, kind: str, scheme: str, subject: str | None, code: str, environ: WSGIEnvironment
    ) -> None:
        """Send an event of a request."""
        self.emitter.emit(kind, scheme, subject, code, environ.get("REMOTE_ADDR") or "")

    def _disbelieve(self, environ: WSGIEnvironment) -> None:
        believed: set[str] = set()
        for scheme in self.proxied:
            if scheme._trusted(environ):
                believed |= scheme.reads
        for scheme in self.proxied:
            for key in scheme.reads - believed:
                environ.pop(key, None)

    def _missing(self, environ: WSGIEnvironment, known: Record) -> WSGIApplication:
        known.reasons.append("auth:missing")
        if self.listened:
            self.emit("denied", "", None, "missing", environ)
        self._drain(environ)
        return self.missing

    def _refuse(
        self, place: int, refusal: Refusal, environ: WSGIEnvironment, known: Record
    ) -> WSGIApplication:
        denied = refusal.denied
        name = self.schemes[place].name
        known.reasons.append(f"auth:{name.lower()}:{denied.code}")
        if self.listened:
            kind = {429: "throttled", 503: "unavailable"}.get(denied.status, "denied")
            self.emit(kind, name, refusal.subject, denied.code, environ)
        try:
            if self.repeats and denied.retry_after is None:
                answer = self.answer_again(place, denied)
            else:
                answer = self._answer(place, denied)
        except Exception as error:
            log_masked(f"the challenge of {name}", error, environ, self.secret)
            headers = [NO_STORE, *self.vary_line]
            headers += self.challenges if denied.status == 401 else []
            answer = refusal_answer(denied.status, headers, denied.retry_after)
        environ.pop("REMOTE_USER", None)
        self._drain(environ)
        return answer

    def _answer(self, place: int, denied: Denied) -> WSGIApplication:
        headers = [NO_STORE, *self.vary_line]
        if denied.status == 401:
            headers += self._challenges(place, denied)
        elif denied.status in (400, 403):
            scheme = self.schemes[place]
            own = scheme.challenge(self.realm, denied)
            headers += _checked(scheme, own) if own and denied.status == 400 else []
        return refusal_answer(denied.status, headers, denied.retry_after)

    def _challenges(
        self, place: int | None = None, denied: Denied | None = None
    ) -> list[tuple[str, str]]:
        lines: list[tuple[str, str]] = []
        for number, scheme in enumerate(self.schemes):
            text = scheme.challenge(self.realm, denied if number == place else None)
            if text is not None:
                lines += _checked(scheme, text)
        # RFC 9110, 15.5.2: a 401 has at least one.
        return lines or [("WWW-Authenticate", challenge(self.schemes[0].name, realm=self.realm))]

    def _drain(self, environ: WSGIEnvironment) -> None:
        if environ.get("CONTENT_LENGTH") or environ.get("HTTP_TRANSFER_ENCODING"):
            drain(environ, self.drain_bytes)


def refusal_answer(
    status: int, headers: list[tuple[str, str]], retry_after: float | None = None
) -> WSGIApplication:
    """Make the app that answers with a refusal."""
    if status == 503 or retry_after is not None:
        headers = [*headers, ("Retry-After", wait(retry_after))]
    return answer_app(status, headers)


def wait(seconds: float | None) -> str:
    """Write `Retry-After`: whole seconds, at least one. RFC 9110, 10.2.3.

    >>> wait(0.2), wait(1.1), wait(None)
    ('1', '2', '1')
    """
    # It may be of a scheme of somebody's own: whatever it is, the answer is a number.
    if not isinstance(seconds, (int, float)) or not -math.inf < seconds < math.inf:
        return "1"
    return str(math.ceil(min(max(1, seconds), 86400)))


def _checked(scheme: Scheme, text: str) -> list[tuple[str, str]]:
    if not isinstance(text, str) or not is_field_value(text):
        raise ValueError(f"the challenge of {describe(scheme)} cannot stand in a header")
    return [("WWW-Authenticate", text)]


def _header_of(key: str) -> str:
    """Give the name of the request header that stands in environ under a key, or nothing."""
    if key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        return key.title().replace("_", "-")
    return key[5:].title().replace("_", "-") if key.startswith("HTTP_") else ""


def _ask_of(scheme: Scheme) -> Ask:
    """Make the question to a scheme: ours say more than the protocol asks for."""
    if isinstance(scheme, BuiltIn) and type(scheme).authenticate is BuiltIn.authenticate:
        return scheme._ask

    def ask(environ: WSGIEnvironment) -> Grant | Refusal | None:
        found = scheme.authenticate(environ)
        if found is None:
            return None
        if isinstance(found, Identity):
            return Grant(found, scheme.name, "verified")
        if isinstance(found, Denied):
            return Refusal(found)
        raise TypeError(
            f"{describe(scheme)}.authenticate() returned a {type(found).__name__}; it returns an "
            "Identity, Denied, or None"
        )

    return ask
