"""Authentication and authorization: `Authenticate` finds out who asks, `Require` whether they may.

>>> from wsgimw import compose
>>> from wsgimw.auth import Authenticate, Basic, Require, Users, role
>>> compose(
...     Authenticate(Basic(Users({"ada": "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="})), required=False),
...     Require({"/": "authenticated", "/health": "anyone", "/admin": role("admin")}),
... )
compose(
    Authenticate(Basic(Users(<1 user>)), required=False),
    Require({'/': 'authenticated', '/health': 'anyone', '/admin': role('admin')}),
)

Each name is loaded when it is first asked for.
"""

from typing import TYPE_CHECKING

from wsgimw.lazy import lazily

if TYPE_CHECKING:
    from wsgimw.auth.api_key import APIKey as APIKey
    from wsgimw.auth.authenticate import Authenticate as Authenticate
    from wsgimw.auth.basic import Basic as Basic
    from wsgimw.auth.bearer import Bearer as Bearer
    from wsgimw.auth.contracts import PasswordTable as PasswordTable
    from wsgimw.auth.contracts import Predicate as Predicate
    from wsgimw.auth.contracts import Scheme as Scheme
    from wsgimw.auth.contracts import ThrottleStore as ThrottleStore
    from wsgimw.auth.contracts import TokenVerifier as TokenVerifier
    from wsgimw.auth.hash_guard import HashGuard as HashGuard
    from wsgimw.auth.htpasswd import HtpasswdFile as HtpasswdFile
    from wsgimw.auth.identities import Account as Account
    from wsgimw.auth.identities import Denied as Denied
    from wsgimw.auth.identities import Identity as Identity
    from wsgimw.auth.identities import Unavailable as Unavailable
    from wsgimw.auth.identities import identity as identity
    from wsgimw.auth.jwks import JWKS as JWKS
    from wsgimw.auth.jwt import ANY as ANY
    from wsgimw.auth.jwt import JWT as JWT
    from wsgimw.auth.outcomes import Event as Event
    from wsgimw.auth.passwords import hash_password as hash_password
    from wsgimw.auth.predicates import all_of as all_of
    from wsgimw.auth.predicates import any_of as any_of
    from wsgimw.auth.predicates import is_preflight as is_preflight
    from wsgimw.auth.predicates import role as role
    from wsgimw.auth.predicates import scope as scope
    from wsgimw.auth.predicates import user as user
    from wsgimw.auth.remote_user import RemoteUser as RemoteUser
    from wsgimw.auth.require import Require as Require
    from wsgimw.auth.signature import Signature as Signature
    from wsgimw.auth.stores import LimitsStore as LimitsStore
    from wsgimw.auth.throttle import Throttle as Throttle
    from wsgimw.auth.tokens import Tokens as Tokens
    from wsgimw.auth.tokens import hash_token as hash_token
    from wsgimw.auth.tokens import new_token as new_token
    from wsgimw.auth.trusted_header import TrustedHeader as TrustedHeader
    from wsgimw.auth.users import Users as Users

__all__ = [
    "ANY",
    "JWKS",
    "JWT",
    "APIKey",
    "Account",
    "Authenticate",
    "Basic",
    "Bearer",
    "Denied",
    "Event",
    "HashGuard",
    "HtpasswdFile",
    "Identity",
    "LimitsStore",
    "PasswordTable",
    "Predicate",
    "RemoteUser",
    "Require",
    "Scheme",
    "Signature",
    "Throttle",
    "ThrottleStore",
    "TokenVerifier",
    "Tokens",
    "TrustedHeader",
    "Unavailable",
    "Users",
    "all_of",
    "any_of",
    "hash_password",
    "hash_token",
    "identity",
    "is_preflight",
    "new_token",
    "role",
    "scope",
    "user",
]

_LAZY = {
    "ANY": "wsgimw.auth.jwt",
    "APIKey": "wsgimw.auth.api_key",
    "Account": "wsgimw.auth.identities",
    "Authenticate": "wsgimw.auth.authenticate",
    "Basic": "wsgimw.auth.basic",
    "Bearer": "wsgimw.auth.bearer",
    "Denied": "wsgimw.auth.identities",
    "Event": "wsgimw.auth.outcomes",
    "HashGuard": "wsgimw.auth.hash_guard",
    "HtpasswdFile": "wsgimw.auth.htpasswd",
    "Identity": "wsgimw.auth.identities",
    "JWKS": "wsgimw.auth.jwks",
    "JWT": "wsgimw.auth.jwt",
    "LimitsStore": "wsgimw.auth.stores",
    "PasswordTable": "wsgimw.auth.contracts",
    "Predicate": "wsgimw.auth.contracts",
    "RemoteUser": "wsgimw.auth.remote_user",
    "Require": "wsgimw.auth.require",
    "Scheme": "wsgimw.auth.contracts",
    "Signature": "wsgimw.auth.signature",
    "Throttle": "wsgimw.auth.throttle",
    "ThrottleStore": "wsgimw.auth.contracts",
    "TokenVerifier": "wsgimw.auth.contracts",
    "Tokens": "wsgimw.auth.tokens",
    "TrustedHeader": "wsgimw.auth.trusted_header",
    "Unavailable": "wsgimw.auth.identities",
    "Users": "wsgimw.auth.users",
    "all_of": "wsgimw.auth.predicates",
    "any_of": "wsgimw.auth.predicates",
    "hash_password": "wsgimw.auth.passwords",
    "hash_token": "wsgimw.auth.tokens",
    "identity": "wsgimw.auth.identities",
    "is_preflight": "wsgimw.auth.predicates",
    "new_token": "wsgimw.auth.tokens",
    "role": "wsgimw.auth.predicates",
    "scope": "wsgimw.auth.predicates",
    "user": "wsgimw.auth.predicates",
}


if not TYPE_CHECKING:  # a visible __getattr__ makes checkers accept any misspelt name
    __getattr__, __dir__ = lazily(globals(), _LAZY)
