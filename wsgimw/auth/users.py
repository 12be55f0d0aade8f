"""`Users`: password hashes by name, from a mapping.

>>> users = Users({"ada": "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="}, roles={"ada": ["admin"]})
>>> users
Users(<1 user>, roles={'ada': ['admin']})
>>> users.lookup("ada"), users.lookup("eve")
(Account(roles=frozenset({'admin'})), None)

Use it for the few accounts that a deployment has; `HtpasswdFile` for a file that others edit; a
class of your own with a `lookup` method for a database. Every hash is looked at when the table is
built: an unknown format, plain text too, is an error then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from wsgimw.auth.identities import Account, is_subject, names
from wsgimw.auth.parts import Part, Secret
from wsgimw.auth.passwords import verifier

__all__ = ["Names", "Users", "accounts", "asker", "checked_name"]

Names: TypeAlias = Mapping[str, Iterable[str]] | Callable[[str], Iterable[str]]
"""Roles or scopes: a mapping from name to names, or a function that is asked."""


@dataclass(frozen=True, slots=True)
class Users(Part):
    """Username to password hash, and roles by username.

    Raises `ValueError` naming the user, never the value, for a hash that cannot be used.
    """

    mapping: Mapping[str, str] = field(hash=False)
    """Username to hash; see `wsgimw.auth.passwords` for the formats."""
    roles: Names | None = field(default=None, hash=False)
    """Username to roles: a mapping, or a function that is asked at each lookup."""
    _accounts: dict[str, Account] = field(init=False, repr=False, compare=False)
    _hashes: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _live: Callable[[str], frozenset[str]] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        given: Any = self.mapping
        table = given.value if isinstance(given, Secret) else given
        if not isinstance(table, Mapping):
            raise TypeError(
                f"Users() takes a mapping of username to hash, and was given a "
                f'{type(table).__name__}; write Users({{"ada": hash_password("...")}})'
            )
        if not table:
            raise ValueError('Users() is empty; write Users({"ada": hash_password("...")})')
        for name, stored in table.items():
            checked_name(name, "Users()")
            try:
                verifier(stored if isinstance(stored, str) else "")
            except ValueError as error:
                raise ValueError(f"Users(): the hash of {name!r} is of {error}") from None
        label = f"<{len(table)} user{'s' if len(table) > 1 else ''}>"
        object.__setattr__(self, "mapping", Secret(dict(table), label))
        object.__setattr__(self, "_live", self.roles if callable(self.roles) else None)
        made = accounts(table, asker(self.roles, "Users(roles=...)"))
        object.__setattr__(self, "_accounts", made)
        object.__setattr__(self, "_hashes", tuple([account.hash for account in made.values()]))

    def __reduce__(self) -> tuple[Any, ...]:
        given: Any = self.mapping
        return Users, (given.value, self.roles)

    @property
    def _find(self) -> Callable[[str], Account | None]:
        """The lookup without a call in between, where nobody is asked for roles."""
        return self.lookup if self._live is not None else self._accounts.get

    def lookup(self, username: str) -> Account | None:
        """Give the account of that name, or None."""
        account = self._accounts.get(username)
        if account is not None and self._live is not None:
            return Account(account.hash, names(self._live(username), "roles"))
        return account

    def decoy(self, n: int) -> str:
        """Give the hash of some user, picked by a number."""
        return self._hashes[n % len(self._hashes)]


def checked_name(name: object, where: str) -> None:
    """Raise unless a client can send it as a username."""
    fits = isinstance(name, str) and is_subject(name) and ":" not in name
    if not fits or len(str(name).encode()) > 256:
        raise ValueError(
            f"{where} has the user {name!r}; a name has 1 to 256 bytes, no colon and no control "
            "character"
        )


def asker(given: Names | None, where: str) -> Callable[[str], frozenset[str]]:
    """Make the function that gives the roles or scopes of a name."""
    if given is None:
        return lambda name: frozenset()
    if isinstance(given, Mapping):
        fixed = {name: names(values, where) for name, values in given.items()}
        return lambda name: fixed.get(name, frozenset())
    if not callable(given):
        raise TypeError(
            f"{where} is a {type(given).__name__}; it takes a mapping of name to names, such as "
            '{"ada": ["admin"]}, or a function of the name'
        )
    ask = given
    return lambda name: names(ask(name), where)


def accounts(
    table: Mapping[str, str], roles: Callable[[str], frozenset[str]]
) -> dict[str, Account]:
    """Make the accounts of a table whose hashes were looked at."""
    return {name: Account(stored, roles(name)) for name, stored in table.items()}
