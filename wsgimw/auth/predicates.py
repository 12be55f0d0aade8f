"""What a rule asks: `role`, `scope`, `user`, `all_of`, `any_of`, a word, or any function.

>>> from wsgimw.auth import Identity
>>> ada = Identity("ada", roles={"admin"}, scopes={"orders.read", "orders.write"})
>>> rule = any_of(user("root"), all_of(role("admin", "staff"), scope("orders.write")))
>>> rule
any_of(user('root'), all_of(role('admin', 'staff'), scope('orders.write')))
>>> rule(ada, {}), rule(Identity("eve"), {}), rule(None, {})
(True, False, False)

The words: `"anyone"`, `"authenticated"`, `"nobody"`. A function of one's own gets the Identity, or
None, and environ.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from wsgimw.auth.identities import Identity
from wsgimw.auth.parts import Part
from wsgimw.describe import describe
from wsgimw.http.headers import is_token
from wsgimw.misuse import accepts

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from wsgimw.auth.contracts import Predicate

__all__ = [
    "all_of",
    "any_of",
    "compiled",
    "is_preflight",
    "missing_scopes",
    "role",
    "scope",
    "user",
]

_SCOPE = re.compile(r"[!#-\[\]-~]+").fullmatch  # RFC 6749, 3.3


def anyone(identity: Identity | None, environ: WSGIEnvironment) -> bool:
    """Let everybody in."""
    return True


def authenticated(identity: Identity | None, environ: WSGIEnvironment) -> bool:
    """Let in who is known."""
    return identity is not None


def nobody(identity: Identity | None, environ: WSGIEnvironment) -> bool:
    """Let nobody in."""
    return False


WORDS: dict[str, Predicate] = {
    "anyone": anyone,
    "authenticated": authenticated,
    "nobody": nobody,
}


@dataclass(frozen=True, slots=True, init=False)
class _Names(Part):
    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        what = type(self).__name__
        if not names:
            raise TypeError(f'{what}() needs at least one: {what}("name")')
        for name in names:
            if not isinstance(name, str):
                raise TypeError(
                    f'{what}() takes names, not a {type(name).__name__}: {what}("a", "b")'
                )
            self._check(name)
        object.__setattr__(self, "names", names)

    def _check(self, name: str) -> None:
        if not name:
            raise ValueError(f"{type(self).__name__}() was given an empty name")


class role(_Names):
    """Let in who has any of the roles.

    >>> role("admin", "staff")(Identity("ada", roles={"staff"}), {})
    True
    """

    __slots__ = ()

    def __call__(self, identity: Identity | None, environ: WSGIEnvironment, /) -> bool:
        return identity is not None and not identity.roles.isdisjoint(self.names)


class scope(_Names):
    """Let in who has all of the scopes.

    >>> scope("read", "write")(Identity("ada", scopes={"write"}), {})
    False
    """

    __slots__ = ()

    def __call__(self, identity: Identity | None, environ: WSGIEnvironment, /) -> bool:
        return identity is not None and identity.scopes.issuperset(self.names)

    def _check(self, name: str) -> None:
        if not _SCOPE(name):
            raise ValueError(
                f"scope({name!r}): a scope is printable ASCII without spaces and quotes (RFC 6749, "
                '3.3); several are several arguments: scope("a", "b")'
            )


class user(_Names):
    """Let in any of the users.

    >>> user("ada", "bob")(Identity("bob"), {})
    True
    """

    __slots__ = ()

    def __call__(self, identity: Identity | None, environ: WSGIEnvironment, /) -> bool:
        return identity is not None and identity.subject in self.names


@dataclass(frozen=True, slots=True, init=False)
class _Several(Part):
    predicates: tuple[str | Predicate, ...]
    _compiled: tuple[Predicate, ...]

    def __init__(self, *predicates: str | Predicate) -> None:
        what = f"{type(self).__name__}()"
        if not predicates:
            raise TypeError(f'{what} needs at least one predicate: role("admin")')
        object.__setattr__(self, "predicates", predicates)
        made = [compiled(item, f"{what} item {n}") for n, item in enumerate(predicates, 1)]
        object.__setattr__(self, "_compiled", tuple(made))


class all_of(_Several):
    """Let in whom all of the predicates let in.

    >>> all_of("authenticated", user("ada"))(Identity("ada"), {})
    True
    """

    __slots__ = ()

    def __call__(self, identity: Identity | None, environ: WSGIEnvironment, /) -> bool:
        return all(predicate(identity, environ) for predicate in self._compiled)


class any_of(_Several):
    """Let in whom any of the predicates lets in.

    >>> any_of(role("admin"), user("ada"))(Identity("ada"), {})
    True
    """

    __slots__ = ()

    def __call__(self, identity: Identity | None, environ: WSGIEnvironment, /) -> bool:
        return any(predicate(identity, environ) for predicate in self._compiled)


def compiled(given: Any, where: str) -> Predicate:
    """Make the function of a word or predicate; raise for what is neither."""
    if isinstance(given, str):
        found = WORDS.get(given)
        if found is None:
            near = difflib.get_close_matches(given, WORDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the words are {', '.join(WORDS)}"
            raise ValueError(f"{where} is {given!r}; {hint}; a role is role({given!r})")
        return found
    if isinstance(given, type):
        raise TypeError(f'{where} is the class {given.__name__}; write {given.__name__}("name")')
    if not callable(given) or accepts(given, 2) is False:
        raise TypeError(
            f"{where} is {describe(given)}; it takes a word ({', '.join(WORDS)}), role(), scope(), "
            "user(), or a function of (identity, environ)"
        )
    return cast("Predicate", given)


def missing_scopes(
    predicate: Predicate, identity: Identity | None, environ: WSGIEnvironment
) -> tuple[str, ...]:
    """Give the scopes for the lack of which a predicate says no, or nothing."""
    if isinstance(predicate, scope):
        return () if predicate(identity, environ) else predicate.names
    if isinstance(predicate, all_of):
        failed = [inner for inner in predicate._compiled if not inner(identity, environ)]
        found = [missing_scopes(inner, identity, environ) for inner in failed]
        # Another role would still be needed: scopes alone would not help.
        return tuple(dict.fromkeys(name for names in found for name in names)) if all(found) else ()
    if isinstance(predicate, any_of):
        for inner in predicate._compiled:
            names = missing_scopes(inner, identity, environ)
            if names:
                return names
    return ()


def is_preflight(environ: WSGIEnvironment) -> bool:
    """Is it a real CORS preflight: what a browser sends before a request, without credentials?

    For `unless(is_preflight, Authenticate(...))`. Not every `OPTIONS` is one: with credentials, a
    body, or without the two headers it is a request like any other.

    >>> is_preflight({"REQUEST_METHOD": "OPTIONS"})
    False
    """
    get: Callable[[str], Any] = environ.get
    method = get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
    return (
        get("REQUEST_METHOD") == "OPTIONS"
        and bool(get("HTTP_ORIGIN"))
        and bool(method and is_token(method))
        and not get("HTTP_AUTHORIZATION")
        and not get("HTTP_COOKIE")
        and get("CONTENT_LENGTH") in (None, "", "0")
        and not get("HTTP_TRANSFER_ENCODING")
    )
