"""`Require`: may they? Rules by path and method, decided by identity alone.

>>> from wsgimw.auth import Identity, Require, role, scope
>>> rules = Require({
...     "/": "authenticated",
...     "/health": "anyone",
...     "/admin": role("admin"),
...     "POST /orders": scope("orders.write"),
... })
>>> print(rules.explain("GET //admin//users", Identity("ada")))
GET //admin//users
as it came, //admin//users: the rule '/' is 'authenticated': allows
canonical, /admin/users: the rule '/admin' is role('admin'): refuses
half undone, /admin/users: the rule '/admin' is role('admin'): refuses
half undone, /admin/users: the rule '/' is 'authenticated': allows
DENY 403
>>> rules.lint()
[]

Use it inside `Authenticate`, or alone where something else sets `REMOTE_USER`. One predicate is for
everything: `Require("authenticated")`; a mapping has one for each prefix (`wsgimw.auth.rules`), and
`"/"` must be there: nothing is open or closed by accident. The path is `PATH_INFO` as this layer
finds it.

A path that cannot be decided (a dot segment, a control character, bytes that are not UTF-8) is 400.
Who is not allowed gets 403; who is nobody gets 401 where Authenticate stands outside, which adds
the challenges. A predicate that raises is logged on `wsgimw.auth` and answered with 503. With a
bearer token that lacks a scope the 403 says which (RFC 6750, 3.1).

Reads `wsgimw.identity`, else `REMOTE_USER`; `PATH_INFO`, `REQUEST_METHOD`, the headers and the
parameter `_method` by which frameworks let a client replace it. A `_method` in a form's body is not
seen: turn such a thing off, or guard all methods of the path. Query, fragment and
`X-Forwarded-Uri` never change which rule is asked. It costs a call and one regular expression on
the way in, and nothing on the way out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from wsgimw.answers import answer_app
from wsgimw.auth import explaining
from wsgimw.auth.challenges import challenge
from wsgimw.auth.deciding import NO_STORE, refusal_answer
from wsgimw.auth.identities import KEY, Identity, is_subject
from wsgimw.auth.masked import log_masked
from wsgimw.auth.predicates import compiled, missing_scopes
from wsgimw.auth.rules import OVERRIDES, Rule, Rules, check_doubles, methods_of
from wsgimw.compose import BaseLayer
from wsgimw.facts import Facts
from wsgimw.http.paths import from_wsgi, readings
from wsgimw.record import KEY as RECORD
from wsgimw.request_body import drain

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgimw.auth.contracts import Predicate

__all__ = ["Require"]

_DRAIN = 8 << 20
_MISSING: Any = object()
_UNDECIDED = answer_app(400, [NO_STORE])
_WHO = answer_app(401, [NO_STORE])
_FORBIDDEN = answer_app(403, [NO_STORE])


@dataclass(frozen=True, slots=True)
class Require(BaseLayer):
    """Let in whom the rules allow.

    Raises `TypeError` and `ValueError` for rules that make no sense.
    """

    rules: str | Predicate | Mapping[str, str | Predicate] = field(hash=False)
    """One predicate, or a mapping of `"/prefix"` or `"METHOD /prefix"` to predicates."""
    _rules: Rules = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        given: Any = self.rules
        if isinstance(given, Mapping):
            made = Rules(given)
            check_doubles(made.rules)
            object.__setattr__(self, "rules", MappingProxyType(dict(given)))
        elif isinstance(given, (list, tuple, set, frozenset)):
            raise TypeError(
                f"Require() was given a {type(given).__name__}; it takes one predicate or a "
                'mapping: Require({"/": "authenticated"}); several are all_of(...) or any_of(...)'
            )
        else:
            compiled(given, "the rule of Require()")
            made = Rules({"/": given})
        object.__setattr__(self, "_rules", made)

    @property
    def facts(self) -> Facts:
        """What `wsgimw.explain` knows of it."""
        rules: Any = self.rules
        is_open = "anyone" in (rules.values() if isinstance(rules, Mapping) else (rules,))
        return Facts(
            reads=["identity"],
            does=["authorizes", "answers early", *(["lets strangers in"] if is_open else [])],
            cost="nothing",
            headers=["WWW-Authenticate", "Cache-Control"],
            own_check="lint",
        )

    def explain(self, request: str, identity: Identity | None = None) -> str:
        """Tell how a request such as `"GET //admin/x"` is read, and which rules decide.

        The target is percent-encoded, as it stands on the request line. The last line is `ALLOW`,
        `DENY 401`, `DENY 403` or `DENY 400`.
        """
        return explaining.explain(self._rules, request, identity)

    def lint(self) -> list[str]:
        """Tell which rules may be mistakes: those that let more in than they seem to."""
        return explaining.lint(self._rules)

    def _bind(self, app: WSGIApplication) -> WSGIApplication:
        rules = self._rules
        written, winners, longest = rules.written, rules.winners, rules.longest
        one_table = rules.folded is written
        by_method = rules.by_method
        plain = {} if by_method else {prefix: level[None] for prefix, level in written.items()}
        only = plain.get("") if len(plain) == 1 else None

        def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
            found = readings(environ)
            if found is None:
                return _refuse(self, _UNDECIDED, environ, "path")(environ, start_response)
            identity = environ.get(KEY, _MISSING)
            if identity is _MISSING:
                identity = _remote_user(environ)
            if only is not None:  # whatever the path, and however it is read
                asked = only
            elif not one_table or len(found) == 2:
                methods = methods_of(environ) if by_method else [""]
                asked = tuple([each.rule for each in rules.consult(found, methods)])
            elif not by_method:  # one reading: one rule; `winners`, written out
                path = found[0][:longest]
                while (level := plain.get(path)) is None:
                    slash = path.rfind("/")
                    path = path[:slash] if slash > 0 else ""
                asked = level
            elif not _is_odd(environ):
                asked = winners(written, found[0], environ.get("REQUEST_METHOD") or "")
            else:
                asked = tuple([each.rule for each in rules.consult(found, methods_of(environ))])
            for rule in asked:
                try:
                    allowed = rule.predicate(identity, environ)
                except Exception as error:
                    answer = _failed(self, rule, error, environ)
                    return answer(environ, start_response)
                if not allowed:
                    answer = _deny(self, rule, identity, environ)
                    return answer(environ, start_response)
            return app(environ, start_response)

        return bound


def _is_odd(environ: WSGIEnvironment) -> bool:
    """May somebody downstream take the request for one with another method?"""
    query = environ.get("QUERY_STRING")
    if query and ("%" in query or "_method" in query.lower()):
        return True
    method = environ.get("REQUEST_METHOD")
    if not isinstance(method, str) or method != method.upper():
        return True
    return any(key in environ for key in OVERRIDES)


def _remote_user(environ: WSGIEnvironment) -> Identity | None:
    user = environ.get("REMOTE_USER")
    subject = from_wsgi(user) if user else None
    if subject is None or not is_subject(subject):
        return None
    return Identity(subject, scheme=str(environ.get("AUTH_TYPE") or ""))


def _deny(
    layer: Require, rule: Rule, identity: Identity | None, environ: WSGIEnvironment
) -> WSGIApplication:
    if identity is None:
        answer = _WHO if KEY in environ else _FORBIDDEN
    elif identity.scheme == "Bearer" and (
        missing := missing_scopes(rule.predicate, identity, environ)
    ):
        asked = challenge("Bearer", error="insufficient_scope", scope=" ".join(missing))
        answer = answer_app(403, [NO_STORE, ("WWW-Authenticate", asked)])
    else:
        answer = _FORBIDDEN
    return _refuse(layer, answer, environ, rule.prefix or "/")


def _failed(
    layer: Require, rule: Rule, error: Exception, environ: WSGIEnvironment
) -> WSGIApplication:
    keys = {"HTTP_AUTHORIZATION", *(environ.get("wsgimw.redact") or ())}
    log_masked(f"the rule {rule.text!r} of Require()", error, environ, keys)
    return _refuse(layer, refusal_answer(503, [NO_STORE]), environ, "error")


def _refuse(
    layer: Require, answer: WSGIApplication, environ: WSGIEnvironment, why: str
) -> WSGIApplication:
    known = environ.get(RECORD)
    if known is not None:
        known.reasons.append(f"require:{why}")
    if environ.get("CONTENT_LENGTH") or environ.get("HTTP_TRANSFER_ENCODING"):
        drain(environ, _DRAIN)
    return answer
