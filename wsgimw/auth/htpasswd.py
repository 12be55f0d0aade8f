"""`HtpasswdFile`: the file of Apache and nginx, followed while others rewrite it.

>>> import tempfile, pathlib
>>> path = pathlib.Path(tempfile.mkdtemp(), "users.htpasswd")
>>> _ = path.write_text("ada:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=")
>>> HtpasswdFile(path).lookup("ada")
Account(roles=frozenset())

`htpasswd` rewrites the file in place, so that a reader may see half of it. A change is therefore
loaded only when two looks in a row, `reload` seconds apart, saw the same size, time and inode. Who
asks meanwhile gets the old table. A file that is bad, empty, gone or unreadable keeps the last good
table; that is one warning on the logger `wsgimw.auth` and one `config` event, until it is good
again. `.reload()` loads at once and raises. At the start a file that is not good is a ValueError
with the line.
"""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeAlias

from wsgimw.auth.identities import Account, names
from wsgimw.auth.outcomes import Emitter, Listeners
from wsgimw.auth.parts import Part
from wsgimw.auth.passwords import COLONS, verifier
from wsgimw.auth.users import Names, accounts, asker, checked_name
from wsgimw.describe import describe
from wsgimw.forks import after_fork

__all__ = ["HtpasswdFile", "parse"]

Stamp: TypeAlias = tuple[int, int, int]
_log = logging.getLogger("wsgimw.auth")


class _State:
    """What changes: the table, when it was last looked at, and what was seen then."""

    __slots__ = (
        "__weakref__",
        "accounts",
        "hashes",
        "listeners",
        "loaded",
        "lock",
        "next",
        "refused",
        "seen",
        "told",
    )

    accounts: dict[str, Account]
    hashes: tuple[str, ...]

    def __init__(self) -> None:
        self.listeners = Listeners()
        self.next = 0.0
        self.loaded: Stamp | None = None
        self.seen: Stamp | None = None
        self.refused: Stamp | None = None
        self.told = False
        self.after_fork()
        after_fork(self)

    def after_fork(self) -> None:
        self.lock = threading.Lock()  # who held it is not in the child


@dataclass(frozen=True, slots=True, init=False)
class HtpasswdFile(Part):
    """The users of an htpasswd file, and roles by username.

    `path`: the file. `reload`: seconds between two looks at it, None: never. `roles`: username to
    roles, a mapping or a function that is asked at each lookup. Raises `OSError` where the file
    cannot be read, `ValueError` with the line of what is wrong.
    """

    path: str | os.PathLike[str]
    roles: Names | None = field(default=None, hash=False)
    _every: float | None = 1.0
    _state: _State = field(init=False, repr=False, compare=False)

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        reload: float | None = 1.0,
        roles: Names | None = None,
    ) -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(
                f"HtpasswdFile() takes the path of a file, and was given a {type(path).__name__}"
            )
        if reload is not None and (
            isinstance(reload, bool) or not isinstance(reload, (int, float))
        ):
            raise TypeError(
                f"HtpasswdFile(reload=...) is a {type(reload).__name__}; it takes seconds, or "
                "None: never"
            )
        # Two looks at once would not tell a file that is being written from one that is done.
        if reload is not None and not 0.1 <= reload <= 86400:
            raise ValueError(f"HtpasswdFile(reload={reload!r}): it takes 0.1 to 86400 seconds")
        asker(roles, "HtpasswdFile(roles=...)")
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "roles", roles)
        object.__setattr__(self, "_every", reload)
        object.__setattr__(self, "_state", _State())
        self.reload()

    def __repr__(self) -> str:
        shown = [repr(os.fspath(self.path))]
        if self._every != 1.0:
            shown.append(f"reload={self._every!r}")
        if self.roles is not None:
            shown.append(f"roles={describe(self.roles)}")
        return f"HtpasswdFile({', '.join(shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self.path, self._every, self.roles)

    def lookup(self, username: str) -> Account | None:
        """Give the account of that name, or None."""
        state = self._state
        if monotonic() >= state.next:
            self._look()
        account = state.accounts.get(username)
        if account is not None and callable(self.roles):
            return Account(account.hash, names(self.roles(username), "roles"))
        return account

    def decoy(self, n: int) -> str:
        """Give the hash of some user, picked by a number."""
        hashes = self._state.hashes
        return hashes[n % len(hashes)]

    def reload(self) -> None:
        """Load the file now; raises `OSError` or `ValueError`, and keeps the old table then."""
        state = self._state
        with state.lock:
            with open(self.path, "rb") as file:
                stamp = _stamp(os.fstat(file.fileno()))
                data = file.read()
            self._take(data, stamp)
            self._rest()

    def _listen(self, emitter: Emitter) -> None:
        self._state.listeners.add(emitter)

    def _look(self) -> None:
        """Look whether the file has changed: one thread, the others go on with what there is."""
        state = self._state
        if not state.lock.acquire(blocking=False):
            return
        try:
            if monotonic() < state.next:
                return
            self._rest()
            self._compare()
        finally:
            state.lock.release()

    def _rest(self) -> None:
        every = self._every
        self._state.next = float("inf") if every is None else monotonic() + every

    def _compare(self) -> None:
        state = self._state
        try:
            stamp = _stamp(os.stat(self.path))
        except OSError:
            stamp = None
        settled, state.seen = stamp == state.seen, stamp
        if stamp == state.loaded:
            if state.told:
                self._good()
            return
        if not settled or (stamp is not None and stamp == state.refused):
            return
        try:
            with open(self.path, "rb") as file:
                before = _stamp(os.fstat(file.fileno()))
                data = file.read()
                after = _stamp(os.fstat(file.fileno()))
            if not stamp == before == after:  # it is being written to at this moment
                state.seen = None
                return
            self._take(data, before)
        except OSError as error:
            # It is read again at the next look: a changed mode shows in nothing that is compared.
            self._bad(error)
        except (ValueError, ImportError) as error:
            state.refused = stamp
            self._bad(error)
        else:
            if state.told:
                self._good()

    def _take(self, data: bytes, stamp: Stamp) -> None:
        state = self._state
        table = parse(data, os.fspath(self.path))
        roles = asker(None if callable(self.roles) else self.roles, "HtpasswdFile(roles=...)")
        made = accounts(table, roles)
        state.accounts, state.hashes = made, tuple([account.hash for account in made.values()])
        state.loaded = state.seen = stamp
        state.refused = None

    def _bad(self, error: Exception) -> None:
        if self._state.told:
            return
        self._state.told = True
        _log.warning("%s cannot be loaded, the last good table stays: %s", self.path, error)
        self._state.listeners.tell("config", "Basic", "htpasswd")

    def _good(self) -> None:
        self._state.told = False
        _log.info("%s is good again", self.path)


def _made(path: Any, every: float | None, roles: Any) -> HtpasswdFile:
    return HtpasswdFile(path, reload=every, roles=roles)


def _stamp(stat: os.stat_result) -> Stamp:
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def parse(data: bytes, where: str) -> dict[str, str]:
    """Read the lines of an htpasswd file: username to hash.

    UTF-8, with or without a BOM; LF or CRLF; blank lines and those that begin with `#` are
    skipped. Raises `ValueError` naming line and user, never the value.
    """
    table: dict[str, str] = {}
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        place = f"{where}, line {number}"
        try:
            text = line.decode("utf-8").rstrip(" \t\r")
        except UnicodeDecodeError:
            raise ValueError(f"{place}: not UTF-8") from None
        if not text.strip() or text.startswith("#"):
            continue
        name, colon, rest = text.partition(":")
        if not colon:
            # The whole line may be a password that lost its user: it is not shown.
            raise ValueError(f"{place}: no colon; a line is user:hash")
        checked_name(name, place)
        if name in table:
            raise ValueError(f"{place}: the user {name!r} is there twice")
        found = COLONS(rest)
        stored = found[0] if found else rest.partition(":")[0]
        try:
            verifier(stored)
        except ValueError as error:
            raise ValueError(f"{place}: the hash of {name!r} is of {error}") from None
        table[name] = stored
    if not table:
        raise ValueError(f"{where}: no users in it; make one with: htpasswd -B {where} ada")
    return table
