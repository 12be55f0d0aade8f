"""`Authenticate`: find out who is asking; `Require` then says whether they may.

>>> from wsgimw import Authenticate, Require, compose
>>> from wsgimw.auth import Basic, Users
>>> users = Users({"ada": "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="})
>>> stack = compose(Authenticate(Basic(users), realm="Staff"), Require("authenticated"))
>>> def app(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain")])
...     return [f"hello {environ['REMOTE_USER']}".encode()]
>>> environ = {"REQUEST_METHOD": "GET", "HTTP_AUTHORIZATION": "Basic YWRhOnBhc3N3b3Jk"}
>>> stack(app)(environ, lambda status, headers: print(status, *headers[1:], sep="\\n"))
200 OK
('Vary', 'Authorization')
('Cache-Control', 'private')
[b'hello ada']

Use it round what needs to know its users, over TLS. The schemes are asked in the order given; the
first to which something was sent decides, so bad credentials never become anonymous. It never looks
at the path: to let some requests through use `required=False` and `Require`, or `unless`.

**On the way in** the keys that say who somebody is are deleted first, whoever set them
(`REMOTE_USER`, `AUTH_TYPE`, `wsgimw.identity`, `HTTP_REMOTE_USER`, `HTTP_AUTH_TYPE`, the headers of
a `TrustedHeader` from a stranger). Then `REMOTE_USER` (a WSGI string), `AUTH_TYPE` and
`wsgimw.identity` are set; of an anonymous request the last is there and None. What the schemes read
goes into `wsgimw.redact`, so that logs and error pages mask it. `wsgimw.record` gets user and
reason.

**On the way out** `Vary` names what the schemes read, on every response; a response to somebody
known gets `Cache-Control: private`, unless it says itself how it may be stored: a shared cache
keeps apart only what came with `Authorization` (RFC 9111, 3.5). A 401 of the app without a
challenge gets the challenges.

**A refusal** is 401 with a challenge for each scheme, 400, 413, 429 or 503, never a 500, whatever
was sent. The request body is read up to `drain` bytes first, or the client may not see the answer.
What a scheme raises is logged on `wsgimw.auth`, without what was sent, and answered with 503.

It belongs inside the layers that log and compress, outside of `Require`. It costs a head, and what
its schemes cost: on a remembered password a keyed digest.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsgimw.auth.challenges import check_realm
from wsgimw.auth.contracts import PasswordTable, Scheme, TokenVerifier
from wsgimw.auth.deciding import Decision
from wsgimw.auth.outcomes import Event
from wsgimw.compose import BaseLayer
from wsgimw.describe import describe
from wsgimw.facts import Facts

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["Authenticate"]

_KEYS = (
    "REMOTE_USER",
    "AUTH_TYPE",
    "wsgimw.identity",
    "wsgimw.redact",
    "wsgimw.record",
    "HTTP_REMOTE_USER",
    "HTTP_AUTH_TYPE",
)


@dataclass(frozen=True, slots=True, init=False)
class Authenticate(BaseLayer):
    """Find out who is asking, by one or more schemes.

    `realm`: what the challenges name. `required`: False lets requests without credentials in, as
    anonymous. `forward_credentials`: False takes what the schemes read out of environ. `drain`:
    bytes of a body that are read before a refusal. `on_event`: a function of an `Event`; what it
    raises is swallowed. Raises `TypeError` and `ValueError` for what makes no sense.
    """

    schemes: tuple[Scheme, ...]
    realm: str
    required: bool
    forward_credentials: bool
    drain: int
    on_event: Callable[[Event], object] | None

    def __init__(
        self,
        *schemes: Scheme,
        realm: str = "Restricted",
        required: bool = True,
        forward_credentials: bool = True,
        drain: int = 8 << 20,
        on_event: Callable[[Event], object] | None = None,
    ) -> None:
        if not schemes:
            raise TypeError(
                "Authenticate() needs at least one scheme: "
                'Authenticate(Basic(HtpasswdFile("users.htpasswd")))'
            )
        for number, scheme in enumerate(schemes, 1):
            _check_scheme(scheme, f"Authenticate() item {number}")
        check_realm(realm)
        for name, flag in (("required", required), ("forward_credentials", forward_credentials)):
            if not isinstance(flag, bool):
                raise TypeError(f"Authenticate({name}=...) is {describe(flag)}; True or False")
        if isinstance(drain, bool) or not isinstance(drain, int):
            raise TypeError(f"Authenticate(drain=...) is {describe(drain)}; it is bytes")
        if drain < 0:
            raise ValueError(f"Authenticate(drain={drain}): it is a number of bytes, 0 or more")
        if on_event is not None and not callable(on_event):
            raise TypeError(
                f"Authenticate(on_event=...) is {describe(on_event)}; it takes a function of an "
                "event"
            )
        object.__setattr__(self, "schemes", schemes)
        object.__setattr__(self, "realm", realm)
        object.__setattr__(self, "required", required)
        object.__setattr__(self, "forward_credentials", forward_credentials)
        object.__setattr__(self, "drain", drain)
        object.__setattr__(self, "on_event", on_event)

    @property
    def facts(self) -> Facts:
        """What `wsgimw.explain` knows of it; a scheme may have `facts` of its own, which count."""
        theirs = [getattr(scheme, "facts", None) for scheme in self.schemes]
        parts = [part for part in theirs if isinstance(part, Facts)]
        does = [word for part in parts for word in part.does]
        strict = ["refuses strangers"] if self.required else []
        forgotten = [] if self.forward_credentials else {k for s in self.schemes for k in s.reads}
        return Facts(
            reads=[word for part in parts for word in part.reads],
            changes=["identity", *(word for part in parts for word in part.changes)],
            does=["authenticates", "answers early", *strict, *does],
            once=["authentication"],
            cost="head",
            headers=["WWW-Authenticate", "Vary", "Cache-Control"],
            environ=[*_KEYS, *sorted(forgotten)],
        )

    def _bind(self, app: WSGIApplication) -> WSGIApplication:
        decide = Decision(
            self.schemes,
            realm=self.realm,
            required=self.required,
            forward=self.forward_credentials,
            drain_bytes=self.drain,
            on_event=self.on_event,
        )
        return decide.bind(app)


def _check_scheme(scheme: Any, place: str) -> None:
    found = f"{place} is {_named(scheme)}"
    if isinstance(scheme, type):
        raise TypeError(f"{found}, a class; write {scheme.__name__}(...) to make the scheme")
    if isinstance(scheme, (list, tuple, set, frozenset)):
        raise TypeError(f"{found}; unpack it: Authenticate(*schemes)")
    if isinstance(scheme, PasswordTable):
        raise TypeError(f"{found}, a table of users; write Basic({_named(scheme)})")
    if isinstance(scheme, TokenVerifier):
        raise TypeError(f"{found}, a verifier of tokens; write Bearer({_named(scheme)})")
    if not isinstance(scheme, Scheme):
        raise TypeError(
            f"{found}, which is no scheme: it has no name, reads, authenticate and challenge; "
            "write Basic(...), Bearer(...) or a class of your own"
        )
    if not isinstance(scheme.name, str) or not scheme.name:
        raise TypeError(f"{found}; its name is a str, which becomes AUTH_TYPE")
    if isinstance(scheme.reads, str) or not isinstance(scheme.reads, Collection):
        raise TypeError(f'{found}; it reads a set of environ keys: frozenset({{"HTTP_COOKIE"}})')


def _named(scheme: Any) -> str:
    if isinstance(scheme, (str, bytes, list, tuple, set, frozenset, dict)):
        return f"a {type(scheme).__name__}"
    return describe(scheme)
