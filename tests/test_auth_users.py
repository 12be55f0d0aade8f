"""The tables: Users and HtpasswdFile, what they refuse, and files that change under them."""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.auth_kit import ADA, PASSWORD, Clock, ask, basic, sha
from wsgimw.auth import Account, Authenticate, Basic, Event, HtpasswdFile, Users, htpasswd
from wsgimw.auth.htpasswd import parse

SCRYPT = "scrypt:16:1:1$a$" + "0" * 128
PBKDF2 = "pbkdf2:sha256:10$a$" + "0" * 64


def test_users_knows_its_own() -> None:
    users = Users({ADA: sha("a"), "Zoë": sha("z")}, roles={ADA: ["admin"], "other": ["x"]})
    assert users.lookup(ADA) == Account(sha("a"), frozenset({"admin"}))
    assert users.lookup("Zoë") == Account(sha("z"))
    assert users.lookup("eve") is None
    assert {users.decoy(n) for n in range(5)} == {sha("a"), sha("z")}


def test_roles_of_a_function_are_asked_each_time() -> None:
    roles = {"ada": ["one"]}
    users = Users({ADA: sha("a")}, roles=lambda name: roles[name])
    found = [users.lookup(ADA)]
    roles["ada"] = ["two"]
    found.append(users.lookup(ADA))
    assert [account.roles for account in found if account] == [
        frozenset({"one"}),
        frozenset({"two"}),
    ]


def test_a_table_is_a_value_that_shows_nothing() -> None:
    users = Users({ADA: sha("a")}, roles={ADA: ["x"]})
    assert users == Users({ADA: sha("a")}, roles={ADA: ["x"]}) == replace(users)
    assert users != Users({ADA: sha("b")}, roles={ADA: ["x"]})
    assert repr(users) == "Users(<1 user>, roles={'ada': ['x']})"
    assert repr(users.lookup(ADA)) == "Account(roles=frozenset({'x'}))"
    assert isinstance(hash(users), int)


@pytest.mark.parametrize(
    ("table", "error", "says"),
    [
        pytest.param({}, ValueError, "is empty", id="empty"),
        pytest.param([("ada", "x")], TypeError, "takes a mapping", id="a list"),
        pytest.param({ADA: "hunter2!"}, ValueError, "hash of 'ada' is of no known", id="plain"),
        pytest.param({ADA: b"hunter2!"}, ValueError, "hash of 'ada' is of no known", id="bytes"),
        pytest.param({ADA: None}, ValueError, "hash of 'ada' is of no known", id="None"),
        pytest.param({"": sha("a")}, ValueError, "1 to 256 bytes", id="no name"),
        pytest.param({"a:b": sha("a")}, ValueError, "no colon", id="colon"),
        pytest.param({"a\nb": sha("a")}, ValueError, "no control", id="newline"),
        pytest.param({"é" * 129: sha("a")}, ValueError, "1 to 256 bytes", id="258 bytes"),
        pytest.param({1: sha("a")}, ValueError, "has the user 1", id="a number"),
    ],
)
def test_users_refuses(table: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        Users(table)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("roles", "says"),
    [
        pytest.param({ADA: "admin"}, "write a collection", id="a bare str"),
        pytest.param({ADA: [1]}, "each of them is a str", id="a number"),
        pytest.param(["admin"], "a mapping of name to names", id="a list"),
        pytest.param({ADA: 3}, "write a collection", id="an int"),
    ],
)
def test_roles_that_are_none(roles: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        Users({ADA: sha("a")}, roles=roles)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param(f"ada:{sha('a')}\n", {ADA: sha("a")}, id="one line"),
        pytest.param(f"ada:{sha('a')}", {ADA: sha("a")}, id="no newline at the end"),
        pytest.param(f"\ufeffada:{sha('a')}\r\n", {ADA: sha("a")}, id="BOM and CRLF"),
        pytest.param(f"# staff\n\n  \nada:{sha('a')}\n", {ADA: sha("a")}, id="comments, blanks"),
        pytest.param(f"ada:{sha('a')}:Ada L.:x\n", {ADA: sha("a")}, id="more fields"),
        pytest.param(f"ada:{sha('a')}  \t\n", {ADA: sha("a")}, id="blanks at the end"),
        pytest.param(f"Zoë:{sha('a')}\n", {"Zoë": sha("a")}, id="UTF-8"),
        pytest.param(f"a b:{sha('a')}\n", {"a b": sha("a")}, id="a space in the name"),
        pytest.param(f"a:{SCRYPT}\nb:{SCRYPT}:more", {"a": SCRYPT, "b": SCRYPT}, id="scrypt"),
        pytest.param(f"a:{PBKDF2}\nb:{PBKDF2}:more", {"a": PBKDF2, "b": PBKDF2}, id="pbkdf2"),
    ],
)
def test_lines_of_a_file(text: str, wanted: dict[str, str]) -> None:
    assert parse(text.encode(), "x") == wanted


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"", "x: no users", id="empty"),
        pytest.param(b"# nobody\n", "x: no users", id="comments alone"),
        pytest.param(b"hunter2\n", "x, line 1: no colon", id="no colon"),
        pytest.param(b"\nada:hunter2!\n", "x, line 2: the hash of 'ada'", id="plain text"),
        pytest.param(b"a\xe9:{SHA}x\n", "x, line 1: not UTF-8", id="latin-1"),
        pytest.param(b":{SHA}x\n", "x, line 1 has the user ''", id="no name"),
        pytest.param(
            f"a:{sha('a')}\nb:{sha('b')}\na:{sha('c')}".encode(),
            "x, line 3: the user 'a' is there twice",
            id="a user twice",
        ),
        pytest.param(f"ada:{SCRYPT}0\n".encode(), "x, line 1: the hash of 'ada'", id="scrypt"),
    ],
)
def test_a_bad_line_is_named_and_not_shown(data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        parse(data, "x")
    assert "hunter2" not in str(caught.value)


def test_there_is_no_limit_to_the_size() -> None:
    lines = "".join(f"user{number}:{sha('a')}\n" for number in range(20_000))
    assert len(parse(lines.encode(), "x")) == 20_000


# A file that changes.


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(htpasswd, "monotonic", clock)
    return clock


class File:
    """An htpasswd file whose times are set, not waited for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ticks = 0
        self.write(ada="one")

    def write(self, text: str | None = None, **users: str) -> None:
        lines = "".join(f"{name}:{sha(password)}\n" for name, password in users.items())
        self.path.write_text(lines if text is None else text)
        self.touch()

    def touch(self) -> None:
        self.ticks += 1
        os.utime(self.path, ns=(self.ticks * 10**9, self.ticks * 10**9))


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "users.htpasswd")


def is_one(table: HtpasswdFile, password: str) -> bool:
    account = table.lookup(ADA)
    return account is not None and account.hash == sha(password)


def test_a_change_is_loaded_after_two_looks_that_agree(file: File, clock: Clock) -> None:
    table = HtpasswdFile(file.path)
    file.write(ada="two")
    assert is_one(table, "one"), "no look before a second has passed"
    clock.now += 1
    assert is_one(table, "one"), "the first look remembers"
    clock.now += 0.9
    assert is_one(table, "one")
    clock.now += 0.1
    assert is_one(table, "two"), "the second look loads"


def test_a_file_that_is_being_written_is_left_alone(file: File, clock: Clock) -> None:
    table = HtpasswdFile(file.path)
    whole = f"ada:{sha('two')}\nbob:{sha('b')}\n"
    for cut in (5, 20, 40):
        file.write(whole[:cut])
        clock.now += 1
        assert is_one(table, "one")
    file.write(whole)
    clock.now += 1
    assert is_one(table, "one")
    clock.now += 1
    assert is_one(table, "two")


def test_a_file_that_is_written_to_while_it_is_read(
    file: File, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = HtpasswdFile(file.path)
    file.write(ada="two")
    clock.now += 1
    table.lookup(ADA)
    stamps = [htpasswd._stamp(os.stat(file.path)), (0, 0, 0), (0, 0, 0)]
    with monkeypatch.context() as patch:
        patch.setattr(htpasswd, "_stamp", lambda stat: stamps.pop(0))
        clock.now += 1
        assert is_one(table, "one")
    for _ in range(2):
        clock.now += 1
        table.lookup(ADA)
    assert is_one(table, "two")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda file: file.write("ada:hunter2!\n"), id="bad"),
        pytest.param(lambda file: file.write(""), id="empty"),
        pytest.param(lambda file: file.path.unlink(), id="gone"),
        pytest.param(lambda file: (file.path.unlink(), file.path.mkdir()), id="unreadable"),
    ],
)
def test_a_bad_file_keeps_the_last_good_table_and_says_so_once(
    file: File, clock: Clock, caplog: pytest.LogCaptureFixture, spoil: Any
) -> None:
    table = HtpasswdFile(file.path)
    events: list[Event] = []
    layer = Authenticate(Basic(table, cache=None), on_event=events.append)
    bound = layer(lambda environ, start_response: [])
    spoil(file)
    for _ in range(5):
        clock.now += 1
        assert is_one(table, "one")
    assert [event for event in events if event.kind == "config"] == [
        Event("config", "Basic", None, "htpasswd", "")
    ]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "the last good table stays" in record.getMessage()
    assert "hunter2" not in caplog.text
    if file.path.is_dir():
        file.path.rmdir()
    file.write(ada="two")
    for _ in range(2):
        clock.now += 1
        table.lookup(ADA)
    assert is_one(table, "two")
    spoil(file)
    for _ in range(3):
        clock.now += 1
        table.lookup(ADA)
    assert len(events) == 2, "it was good again, so this is news"
    assert bound is not None


def test_a_file_that_can_be_read_again_is_read(
    file: File, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A changed mode or owner shows in none of the things that are compared."""
    table = HtpasswdFile(file.path)
    file.write(ada="two")

    def forbidden(*arguments: Any) -> Any:
        raise PermissionError("not yours")

    with monkeypatch.context() as patch:
        patch.setattr(htpasswd, "open", forbidden, raising=False)
        for _ in range(4):
            clock.now += 1
            assert is_one(table, "one")
    assert len(caplog.records) == 1
    clock.now += 1
    assert is_one(table, "two")
    assert not table._state.told


def test_a_file_that_is_back_as_it_was_is_good_again(file: File, clock: Clock) -> None:
    table = HtpasswdFile(file.path)
    away = file.path.with_suffix(".away")
    file.path.rename(away)
    for _ in range(3):
        clock.now += 1
        table.lookup(ADA)
    assert table._state.told
    away.rename(file.path)
    for _ in range(2):
        clock.now += 1
        table.lookup(ADA)
    assert not table._state.told


def test_reload_loads_at_once_and_raises(file: File, clock: Clock) -> None:
    table = HtpasswdFile(file.path)
    file.write(ada="two")
    table.reload()
    assert is_one(table, "two")
    file.write("")
    with pytest.raises(ValueError, match="no users"):
        table.reload()
    file.path.unlink()
    with pytest.raises(FileNotFoundError):
        table.reload()
    assert is_one(table, "two")


def test_reload_none_never_looks(file: File, clock: Clock) -> None:
    table = HtpasswdFile(file.path, reload=None)
    file.write(ada="two")
    clock.now += 10**9
    table.lookup(ADA)
    clock.now += 10**9
    assert is_one(table, "one")


def test_roles_by_function_and_by_mapping(file: File) -> None:
    by_mapping = HtpasswdFile(file.path, roles={ADA: ["a"]}).lookup(ADA)
    by_function = HtpasswdFile(file.path, roles=lambda name: [name]).lookup(ADA)
    assert by_mapping and by_mapping.roles == {"a"}
    assert by_function and by_function.roles == {ADA}


def test_a_changed_and_a_removed_password_fail_on_the_next_request(
    file: File, clock: Clock
) -> None:
    table = HtpasswdFile(file.path)
    layer = Authenticate(Basic(table))
    one, two = basic(ADA, "one"), basic(ADA, "two")
    assert [ask(layer, auth=one).status[:3] for _ in range(2)] == ["200", "200"]
    file.write(ada="two")
    table.reload()
    assert ask(layer, auth=one).status[:3] == "401"
    assert ask(layer, auth=two).status[:3] == "200"
    file.write(bob="b")
    table.reload()
    assert ask(layer, auth=two).status[:3] == "401"


def test_one_looks_and_the_others_do_not_wait(file: File, clock: Clock) -> None:
    table = HtpasswdFile(file.path)
    clock.now += 1
    with table._state.lock:
        assert is_one(table, "one")
    table._look()
    table._look()  # somebody else has just done it
    assert table._state.next == clock.now + 1


def test_an_options_table_of_the_file(file: File) -> None:
    path = str(file.path)
    table = HtpasswdFile(path, reload=None, roles={ADA: ["x"]})
    assert repr(table) == f"HtpasswdFile({path!r}, reload=None, roles={{'ada': ['x']}})"
    assert table == HtpasswdFile(path, reload=None, roles={ADA: ["x"]}) != HtpasswdFile(path)
    again = pickle.loads(pickle.dumps(table))
    assert again == table and again.lookup(ADA) == table.lookup(ADA)
    assert HtpasswdFile(path).decoy(7) == sha("one")


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        pytest.param({"reload": "1"}, TypeError, "takes seconds", id="reload of text"),
        pytest.param({"reload": True}, TypeError, "takes seconds", id="reload of True"),
        pytest.param({"reload": 0.01}, ValueError, "0.1 to 86400", id="reload too often"),
        pytest.param({"roles": 3}, TypeError, "mapping of name", id="roles"),
        pytest.param({"relaod": 1}, TypeError, "did you mean reload", id="misspelt"),
    ],
)
def test_options_that_make_no_sense(
    file: File, options: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        HtpasswdFile(file.path, **options)


def test_a_path_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="takes the path"):
        HtpasswdFile(3)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        HtpasswdFile(tmp_path / "none")


WRITER = """
import sys
path, *texts = sys.argv[1:]
for number in range(300):
    with open(path, "w") as out:
        for line in texts[number % 2].splitlines(keepends=True):
            out.write(line)
            out.flush()
"""


def test_rewrites_in_place_under_threads(file: File) -> None:
    """`htpasswd` rewrites in place: of 1967 reads beside it 264 were cut. None may be seen here."""
    table = HtpasswdFile(file.path, reload=0.1)
    texts = [
        "".join(f"user{number}:{sha(word)}\n" for number in range(50)) + f"ada:{sha(word)}\n"
        for word in ("one", "two")
    ]
    wrong: list[object] = []
    done = threading.Event()

    def read() -> None:
        while not done.wait(0.002):
            account = table.lookup(ADA)
            if account is None or account.hash not in (sha("one"), sha("two")):
                wrong.append(account)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        command = [sys.executable, "-c", WRITER, str(file.path), *texts]
        subprocess.run(command, check=True, timeout=60)
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert not wrong
    for _ in range(2):
        table._state.next = 0.0
        table._look()
    assert is_one(table, "two")
    assert ask(Authenticate(Basic(table)), auth=basic(ADA, PASSWORD)).status[:3] == "401"
