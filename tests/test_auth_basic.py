"""Basic: the grammar, the verified cache, decoys, and the order of the work."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.auth_kit import ADA, PASSWORD, Clock, ask, basic, encoded, sent, sha, status_of
from wsgimw.auth import (
    Account,
    Authenticate,
    Basic,
    Denied,
    Event,
    HashGuard,
    HtpasswdFile,
    Identity,
    Throttle,
    Users,
    passwords,
    verified,
)
from wsgimw.auth import basic as basic_module
from wsgimw.auth.basic_header import parse

USERS = Users({ADA: sha(PASSWORD), "bob": sha("b:o:b"), "Zoë": sha("pässword")})


def status(header: str, users: Any = USERS) -> str:
    return ask(Authenticate(Basic(users)), auth=header).status[:3]


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        pytest.param(basic(), (ADA, PASSWORD), id="plain"),
        pytest.param(basic().replace("Basic", "bAsIc"), (ADA, PASSWORD), id="any case"),
        pytest.param(basic().replace(" ", "   "), (ADA, PASSWORD), id="more spaces"),
        pytest.param(f"{basic()}  ", (ADA, PASSWORD), id="spaces at the end"),
        pytest.param(basic("bob", "b:o:b"), ("bob", "b:o:b"), id="django-basicauth: colons"),
        pytest.param(basic("Zoë", "pässword"), ("Zoë", "pässword"), id="Flask-HTTPAuth: not ASCII"),
        pytest.param(basic("x" * 256, ""), ("x" * 256, ""), id="256 bytes of user, no password"),
        pytest.param(basic("u", "y" * 1024), ("u", "y" * 1024), id="1024 bytes of password"),
        pytest.param(basic("u", "\ufffd"), ("u", "\ufffd"), id="Hono: U+FFFD is a character"),
        pytest.param(
            "Basic" + encoded("ada:xyz").rjust(8192 - len("Basic")), (ADA, "xyz"), id="8 KiB"
        ),
    ],
)
def test_credentials_that_are_well_formed(header: str, wanted: tuple[str, str]) -> None:
    assert parse(header) == wanted


MALFORMED = {
    "Paste, wsgi-basic-auth: Basic alone": "Basic",
    "Basic and a space": "Basic ",
    "Paste, wsgi-basic-auth: bad base64": "Basic !!!!",
    "junk in the base64": f"Basic {encoded('ada:x')[:4]}\x0b{encoded('ada:x')[4:]}",
    "junk behind the padding": f"Basic {encoded('ada:xy')}junk",
    "five peers: two of them": f"{basic()}, {basic()}",
    "a parameter": f"{basic()}, realm=x",
    "two tokens": f"{basic()} x",
    "a tab": basic().replace(" ", "\t"),
    "a tab at the end": f"{basic()}\t",
    "a newline at the end": f"{basic()}\n",
    "padding left out": sent("ada:x").rstrip("="),
    "padding too much": f"Basic {encoded('ada:xxx')}=",
    "padding where there is none to do": f"Basic {encoded('ada:xx')}=",
    "and twice": f"Basic {encoded('ada:xx')}==",
    "padding in the middle": f"Basic {encoded('ada:x')}{encoded('ada:x')}",
    "url-safe alphabet": sent("ada:???>>>").replace("/", "_").replace("+", "-"),
    "Rack#1138, h3#1393: no colon": sent("ada"),
    "byte 0xE9: 500 in Flask": sent(b"ad\xe9:x"),
    "overlong UTF-8": sent(b"ada\xc0\xba:x"),
    "a surrogate in UTF-8": sent(b"\xed\xa0\x80:x"),
    "UTF-16": sent("ada:x".encode("utf-16")),
    "a newline in the user": sent("a\nda:x"),
    "CR LF in the password": sent("ada:x\r\nSet-Cookie: a=b"),
    "NUL in the user": sent("ada\x00:x"),
    "NUL in the password": sent("ada:correct horse\x00"),
    "DEL": sent("ada:x\x7f"),
    "C1 in the user": sent("ada\x85:x"),
    "no user": sent(":x"),
    "257 bytes of user": basic("x" * 257, "x"),
    "256 characters and 257 bytes of user": basic("é" + "x" * 255, "x"),
    "129 two-byte characters of user": basic("é" * 129, "x"),
    "1025 bytes of password": basic("u", "y" * 1025),
    "100 kB": basic("u", "y" * 100_000),
    "over 8 KiB of spaces": "Basic" + " " * 8192 + encoded("ada:x"),
    "latin-1 in the header": "Basic \xe9\xe9\xe9\xe9",
    "beyond latin-1, of a broken server": "Basic \u20ac",
    "a lone surrogate, of a broken server": "Basic \ud800",
    "an asterisk": "Basic *",
    "only padding": "Basic ====",
}


@pytest.mark.parametrize("header", [pytest.param(v, id=k) for k, v in MALFORMED.items()])
def test_malformed_credentials_are_401_with_the_challenge(header: str) -> None:
    call = ask(Authenticate(Basic(USERS), realm="R"), auth=header)
    assert call.status == "401 Unauthorized"
    assert call.values("WWW-Authenticate") == ['Basic realm="R", charset="UTF-8"']
    assert parse(header) is None
    optional = ask(Authenticate(Basic(USERS), required=False), auth=header)
    assert optional.status[:3] == "401", "bad credentials never become anonymous"


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("", id="empty"),
        pytest.param("   ", id="blank"),
        pytest.param("Digest username=ada", id="another scheme"),
        pytest.param("Basicx YTpi", id="a longer name"),
        pytest.param("Bearer abc", id="Bearer"),
        pytest.param(f"Digest x, {basic()}", id="another first"),
        pytest.param(encoded("ada:x"), id="no scheme"),
    ],
)
def test_another_scheme_is_nothing_sent(header: str) -> None:
    assert ask(Authenticate(Basic(USERS), required=False), auth=header).raw == b"nobody"
    assert status(header) == "401"


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(basic(ADA, "wrong"), id="wrong password"),
        pytest.param(basic("eve", PASSWORD), id="unknown user"),
        pytest.param(basic(ADA, ""), id="empty password"),
        pytest.param(basic("ADA", PASSWORD), id="another case"),
        pytest.param(basic(ADA, f"{PASSWORD} "), id="a space more"),
        pytest.param(basic("Zoe\u0308", "pässword"), id="NFD in the user"),
        pytest.param(basic("Zoë", "pa\u0308ssword"), id="NFD in the password"),
        pytest.param(basic(ADA, sha(PASSWORD)), id="the stored hash"),
        pytest.param(sent("Zoë:pässword".encode("latin-1")), id="latin-1"),
    ],
)
def test_wrong_credentials(header: str) -> None:
    assert status(header) == "401"


def test_an_empty_password_is_only_ever_wrong() -> None:
    """An LDAP server takes it for an anonymous bind; and a hash may be of nothing."""
    assert status(basic(ADA, ""), Users({ADA: sha("")})) == "401"
    assert status(basic(ADA, ""), lambda user, password: True) == "401"


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.text(max_size=40) | st.binary(max_size=60).map(lambda b: sent(b)))
def test_no_header_raises(header: str) -> None:
    """Whatever comes: credentials that read back as they were written, or None."""
    found = parse(header)
    if found is not None:
        assert basic(*found).split()[1] == header.split()[1]


# The verified cache.


class Table:
    """A table that counts, and can be changed."""

    def __init__(self, **users: str) -> None:
        self.users = {name: Account(sha(password)) for name, password in users.items()}
        self.lookups = 0

    def lookup(self, username: str) -> Account | None:
        self.lookups += 1
        return self.users.get(username)

    def decoy(self, n: int) -> str:
        return sha("decoy")


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note each hash that is computed."""
    made: list[str] = []
    real = passwords.verifier

    def noting(stored: str) -> Callable[[bytes], bool]:
        made.append(stored)
        return real(stored)

    monkeypatch.setattr(basic_module, "verifier", noting)
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(verified, "monotonic", clock)
    monkeypatch.setattr(basic_module, "monotonic", clock)
    return clock


def test_a_success_is_remembered_and_expires_without_sliding(
    hashes: list[str], clock: Clock
) -> None:
    layer = Authenticate(Basic(Table(ada=PASSWORD), cache=60))
    for age, count in ((0, 1), (30, 1), (29.9, 1), (0.2, 2)):
        clock.now += age
        assert ask(layer, auth=basic()).status[:3] == "200"
        assert len(hashes) == count


def test_failures_are_never_remembered(hashes: list[str]) -> None:
    """A negative cache tells by its speed what was tried before."""
    layer = Authenticate(Basic(Table(ada=PASSWORD)))
    for count in (1, 2, 3):
        assert ask(layer, auth=basic(ADA, "wrong")).status[:3] == "401"
        assert len(hashes) == count


def test_without_a_cache_every_request_pays(hashes: list[str]) -> None:
    layer = Authenticate(Basic(Table(ada=PASSWORD), cache=None))
    for count in (1, 2):
        assert ask(layer, auth=basic()).status[:3] == "200"
        assert len(hashes) == count


def test_a_hit_counts_only_if_the_table_still_has_the_hash() -> None:
    table = Table(ada=PASSWORD)
    layer = Authenticate(Basic(table))
    assert ask(layer, auth=basic()).status[:3] == "200"
    table.users[ADA] = Account(sha("changed"))
    assert ask(layer, auth=basic()).status[:3] == "401"
    table.users[ADA] = Account(sha(PASSWORD))
    assert ask(layer, auth=basic()).status[:3] == "200"
    del table.users[ADA]
    assert ask(layer, auth=basic()).status[:3] == "401"


def test_roles_change_at_once(hashes: list[str]) -> None:
    table = Table(ada=PASSWORD)
    layer = Authenticate(Basic(table))
    seen = []
    for roles in ("a", "b", "b"):
        table.users[ADA] = Account(sha(PASSWORD), frozenset({roles}))
        seen.append(ask(layer, auth=basic()).environ["wsgimw.identity"].roles)
    assert seen == [{"a"}, {"b"}, {"b"}]
    assert len(hashes) == 1


@pytest.mark.parametrize("name", [ADA, None])
def test_forget(hashes: list[str], name: str | None) -> None:
    scheme = Basic(Table(ada=PASSWORD, bob="b"))
    layer = Authenticate(scheme)
    ask(layer, auth=basic())
    ask(layer, auth=basic("bob", "b"))
    scheme.forget(name)
    ask(layer, auth=basic())
    ask(layer, auth=basic("bob", "b"))
    assert len(hashes) == (3 if name else 4)


def test_what_is_being_verified_while_it_is_forgotten_is_not_remembered(
    hashes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scheme = Basic(Table(ada=PASSWORD))
    real = passwords.verifier

    def forgetting(stored: str) -> Callable[[bytes], bool]:
        scheme.forget()
        return real(stored)

    with monkeypatch.context() as patch:
        patch.setattr(basic_module, "verifier", forgetting)
        assert ask(Authenticate(scheme), auth=basic()).status[:3] == "200"
    assert not scheme._verified.entries


def test_the_oldest_of_1024_leaves_first(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = verified.VerifiedCache(60)
    for number in range(1030):
        key = number.to_bytes(2, "big")
        cache.keep(key, "x", None, number, generation=0, ttl=60)
    assert len(cache.entries) == 1024
    assert [entry.grant for entry in cache.entries.values()] == [*range(6, 1030)]
    cache.keep((6).to_bytes(2, "big"), "x", None, 6, generation=0, ttl=60)
    cache.keep(b"new", "x", None, "new", generation=0, ttl=60)
    assert [entry.grant for entry in cache.entries.values()][-2:] == [6, "new"]
    cache.keep(b"over", "x", None, None, generation=0, ttl=0)
    assert b"over" not in cache.entries


def test_an_entry_that_was_forgotten_is_not_renewed() -> None:
    cache = verified.VerifiedCache(60)
    cache.keep(b"key", "x", None, 1, generation=0, ttl=60)
    entry = cache.entries[b"key"]
    cache.renew(b"key", entry, None, 2)
    assert cache.entries[b"key"].grant == 2
    cache.forget()
    cache.renew(b"key", entry, None, 3)
    assert not cache.entries


def test_keys_are_of_the_process_and_in_no_repr_and_no_pickle() -> None:
    """CVE-2026-88010 and its like: a cache key that others can compute, or that collides."""
    scheme = Basic(USERS)
    assert ask(Authenticate(scheme), auth=basic()).status[:3] == "200"
    (digest,) = scheme._verified.entries
    assert digest != Basic(USERS)._verified.digest(basic())
    assert len(digest) == 16
    again = pickle.loads(pickle.dumps(scheme))
    assert again == scheme and not again._verified.entries
    assert pickle.loads(pickle.dumps(scheme._verified)).entries == {}
    for text in (repr(scheme), repr(scheme._verified), str(pickle.dumps(scheme._verified))):
        assert digest.hex() not in text and ADA not in text and basic() not in text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(("a", "b:c"), basic("ab", ":c"), id="CVE-2026-41263: where the colon is"),
        pytest.param(("ada", "x"), basic("ada", "x").lower(), id="case of the base64"),
        pytest.param(("ada", "x"), basic("ada", "x\x00"), id="GHSA-6765-c87h-8mrf: NUL"),
        pytest.param(("ada", "x"), basic("ada\x00", "x"), id="NUL in the user"),
        pytest.param(("ada", "y" * 72), basic("ada", "y" * 73), id="73 bytes"),
        pytest.param(("ada", "y" * 1024), basic("ada", "y" * 1025), id="1025 bytes"),
    ],
)
def test_entries_are_kept_apart(one: tuple[str, str], other: str) -> None:
    scheme = Basic(lambda user, password: (user, password) == one)
    layer = Authenticate(scheme)
    for _ in range(2):
        call = ask(layer, auth=basic(*one))
        assert (call.status[:3], call.environ["REMOTE_USER"]) == ("200", one[0])
        assert ask(layer, auth=other).status[:3] == "401"
    assert [*scheme._verified.entries] == [scheme._verified.digest(basic(*one))]


def test_what_is_forgotten_is_shared_with_nobody_who_comes_later() -> None:
    """A check that began before `forget` must not answer for a request that came after it."""
    asked: list[str] = []
    begun, go = threading.Event(), threading.Event()
    right = ["old"]

    def check(user: str, password: str) -> bool:
        asked.append(password)
        matches = password == right[0]
        if len(asked) == 1:
            begun.set()
            assert go.wait(20)
        return matches

    scheme = Basic(check)
    layer = Authenticate(scheme)
    before: list[str] = []
    late: list[str] = []
    first, second = (
        threading.Thread(target=lambda said=said: said.append(status_of(layer, basic(ADA, "old"))))
        for said in (before, late)
    )
    first.start()
    try:
        assert begun.wait(20)
        right[0] = "new"
        scheme.forget(ADA)
        second.start()
        second.join(1)  # were the check shared, this would wait for the first one
    finally:
        go.set()
        first.join()
    second.join()
    assert (before, late) == (["200"], ["401"])
    assert asked == ["old", "old"] and not scheme._verified.entries
    assert ask(layer, auth=basic(ADA, "old")).status[:3] == "401"


def test_a_fork_starts_empty_with_another_key() -> None:
    scheme = Basic(USERS)
    layer = Authenticate(scheme)
    ask(layer, auth=basic())
    before = scheme._verified.digest("x")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        same = scheme._verified.digest("x") == before
        works = ask(layer, auth=basic()).status[:3] == "200"
        remembered = len(scheme._verified.entries) - 1  # its own
        os.write(write, f"{same} {remembered} {works}".encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    assert said == "False 0 True"
    assert scheme._verified.digest("x") == before and len(scheme._verified.entries) == 1


def test_no_lock_that_was_held_at_the_fork_is_held_in_the_child(tmp_path: Path) -> None:
    """Another thread may have held any of them, and is not there to give it back."""
    path = tmp_path / "users"
    path.write_text(f"{ADA}:{sha(PASSWORD)}")
    table, throttle = HtpasswdFile(path), Throttle(per_client=(1, 60))
    scheme = Basic(table, throttle=throttle, guard=HashGuard(1))
    counts: Any = throttle._counts
    locks: list[Callable[[], threading.Lock]] = [
        lambda: table._state.lock,
        lambda: throttle._state.lock,
        lambda: counts._lock,
        lambda: scheme._verified._lock,
        lambda: scheme.guard._state.lock,
    ]
    read, write = os.pipe()
    with contextlib.ExitStack() as held:
        for lock in locks:
            held.enter_context(lock())
        child = os.fork()
        if child == 0:
            try:
                signal.alarm(20)
                free = [lock().acquire(blocking=False) for lock in locks]
                for lock in locks:
                    lock().release()
                table.reload()
                codes = [
                    status_of(Authenticate(scheme), basic(ADA, password))
                    for password in (PASSWORD, "no", "no")
                ]
                os.write(write, f"{free} {codes}".encode())
            finally:
                os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    assert said == f"{[True] * 5} {['200', '401', '429']}"


def test_a_guard_that_was_full_at_the_fork_is_free_in_the_child() -> None:
    guard = HashGuard(1, wait=0)
    read, write = os.pipe()

    def forking() -> bool:
        child = os.fork()
        if child == 0:
            os.write(write, str(guard.run("other", lambda: True)).encode())
            os._exit(0)
        return os.waitpid(child, 0)[1] == 0

    assert guard.run("key", forking)
    os.close(write)
    with os.fdopen(read) as pipe:
        assert pipe.read() == "True"


# Decoys and the order of the work.


def test_an_unknown_user_is_verified_against_the_hash_of_a_real_one(hashes: list[str]) -> None:
    """CVE-2024-39329, CVE-2025-13473: by the time of the answer, users could be told."""
    users = Users({name: sha(name) for name in "abcdefgh"})
    layer = Authenticate(Basic(users))
    for name in ("eve", "eve", "mallory", "trent", "walter", "oscar"):
        assert ask(layer, auth=basic(name, "x")).status[:3] == "401"
    assert hashes[0] == hashes[1], "the same name meets the same decoy"
    assert set(hashes) <= {sha(name) for name in "abcdefgh"}
    assert len(set(hashes)) > 1, "several names meet several"


def test_a_table_without_decoy_gets_one_when_basic_is_built(
    hashes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Plain:
        def lookup(self, username: str) -> Account | None:
            return None

    monkeypatch.setattr(basic_module, "hash_password", sha)
    scheme = Basic(Plain())
    ask(Authenticate(scheme), auth=basic())
    ask(Authenticate(scheme), auth=basic("eve"))
    assert len(hashes) == 2 and len(set(hashes)) == 1


def test_the_decoys_password_is_no_way_in() -> None:
    assert status(basic("eve", "decoy"), Table(ada=PASSWORD)) == "401"


def test_the_order_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """parse, cache, throttle, guard, hash, then count a failure or store a success."""
    steps: list[str] = []

    class Store:
        def wait(self, key: str, limit: int, window: float) -> float:
            steps.append("throttle")
            return 0.0

        def fail(self, key: str, limit: int, window: float) -> None:
            steps.append("count")

    guard = HashGuard()
    run = HashGuard.run

    def running(self: HashGuard, key: Any, work: Any) -> Any:
        steps.append("guard")
        return run(self, key, work)

    monkeypatch.setattr(HashGuard, "run", running)
    real = passwords.verifier

    def noting(stored: str) -> Callable[[bytes], bool]:
        steps.append("hash")
        return real(stored)

    monkeypatch.setattr(basic_module, "verifier", noting)
    throttle = Throttle(store=Store(), per_account=None)
    layer = Authenticate(Basic(USERS, guard=guard, throttle=throttle))
    assert ask(layer, auth="Basic !").status[:3] == "401"
    assert steps == []
    assert ask(layer, auth=basic(ADA, "no")).status[:3] == "401"
    assert steps == ["throttle", "guard", "hash", "count"]
    steps.clear()
    assert ask(layer, auth=basic()).status[:3] == "200"
    assert steps == ["throttle", "guard", "hash"]
    steps.clear()
    assert ask(layer, auth=basic()).status[:3] == "200"
    assert steps == []


# A function in place of a table.


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        pytest.param(True, "200", id="True"),
        pytest.param(Identity("somebody"), "200", id="an Identity"),
        pytest.param(None, "401", id="None"),
        pytest.param(False, "401", id="False"),
        pytest.param("ada", "503", id="a str is a mistake"),
        pytest.param(1, "503", id="a number is a mistake"),
    ],
)
def test_what_a_function_says(said: Any, wanted: str) -> None:
    call = ask(Authenticate(Basic(lambda user, password: said)), auth=basic())
    assert call.status[:3] == wanted
    if wanted == "200":
        identity = call.environ["wsgimw.identity"]
        assert identity.subject == ("somebody" if isinstance(said, Identity) else ADA)
        assert identity.scheme == call.environ["AUTH_TYPE"] == "Basic"


def test_a_function_is_remembered_for_30_seconds_at_most(clock: Clock) -> None:
    asked: list[str] = []

    def check(user: str, password: str) -> bool:
        asked.append(user)
        return True

    layer = Authenticate(Basic(check, cache=600))
    for age in (0, 29, 2):
        clock.now += age
        ask(layer, auth=basic())
    assert len(asked) == 2


def test_an_identity_that_expires_is_not_remembered_beyond(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = Clock(5000.0)
    monkeypatch.setattr(basic_module, "time", wall)
    scheme = Basic(lambda user, password: Identity(user, expires=5010.0))
    ask(Authenticate(scheme), auth=basic())
    (entry,) = scheme._verified.entries.values()
    assert entry.expires <= time.monotonic() + 10
    wall.now = 5011.0
    scheme.forget()
    ask(Authenticate(scheme), auth=basic())
    assert not scheme._verified.entries


# Options.


@pytest.mark.parametrize(
    ("arguments", "options", "error", "says"),
    [
        pytest.param([], {}, TypeError, "needs users", id="nothing"),
        pytest.param([3], {}, TypeError, "was given a int", id="a number"),
        pytest.param([{"ada": "hunter2"}], {}, TypeError, "was given a dict", id="a bare dict"),
        pytest.param([Users], {}, TypeError, "was given Users", id="a class"),
        pytest.param([USERS], {"cache": "1"}, TypeError, "takes seconds", id="cache of text"),
        pytest.param([USERS], {"cache": 0}, ValueError, "1 to 600 seconds", id="cache of 0"),
        pytest.param([USERS], {"cache": 601}, ValueError, "1 to 600 seconds", id="cache of 601"),
        pytest.param([USERS], {"guard": None}, TypeError, "write guard=", id="no guard"),
        pytest.param([USERS], {"throttle": 3}, TypeError, "write throttle=", id="throttle"),
        pytest.param([USERS], {"chace": 1}, TypeError, "did you mean cache", id="misspelt"),
        pytest.param([USERS, "hunter2"], {}, TypeError, "keyword-only", id="a positional option"),
    ],
)
def test_options_that_make_no_sense(
    arguments: list[Any], options: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        Basic(*arguments, **options)
    assert "hunter2" not in str(caught.value)


def test_it_is_a_value() -> None:
    scheme = Basic(USERS, cache=30)
    assert scheme == Basic(USERS, cache=30) != Basic(USERS)
    assert replace(scheme, cache=60.0) == Basic(USERS)
    assert repr(scheme) == "Basic(Users(<3 users>), cache=30)"
    assert isinstance(hash(Authenticate(scheme)), int)


def test_it_can_be_asked_directly() -> None:
    scheme = Basic(USERS)
    assert scheme.authenticate({}) is None
    assert scheme.authenticate({"HTTP_AUTHORIZATION": "Basic"}) == Denied(401, "malformed")
    found = scheme.authenticate({"HTTP_AUTHORIZATION": basic()})
    assert isinstance(found, Identity) and found.subject == ADA


def test_events_name_a_user_only_if_there_is_one() -> None:
    """What is typed into the field for the user is now and then the password."""
    events: list[Event] = []
    layer = Authenticate(Basic(USERS), on_event=events.append)
    for header in (basic(), basic(), basic(ADA, "no"), basic("hunter2", "x"), "Basic"):
        ask(layer, auth=header, REMOTE_ADDR="192.0.2.9")
    assert [(event.kind, event.subject, event.code) for event in events] == [
        ("granted", ADA, "verified"),
        ("denied", ADA, "wrong"),
        ("denied", None, "wrong"),
        ("denied", None, "malformed"),
    ]
    assert {event.client for event in events} == {"192.0.2.9"}


def test_eight_threads_share_one_layer() -> None:
    layer = Authenticate(Basic(Table(**{f"u{n}": f"p{n}" for n in range(8)})))
    wrong: list[str] = []

    def run(number: int) -> None:
        for turn in range(60):
            right = turn % 3 != 0
            header = basic(f"u{number}", f"p{number}" if right else "no")
            call = ask(layer, auth=header)
            wanted = f"u{number}".encode() if right else b"401 Unauthorized\n"
            if call.raw != wanted:
                wrong.append(call.status)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_password_that_changes_under_threads() -> None:
    """Nobody gets in by the old password in a request that began after the change."""
    table = Table(ada="0")
    layer = Authenticate(Basic(table, guard=HashGuard(9, wait=60)))
    changing = -1
    current = [0]
    wrong: list[tuple[int, int, str]] = []
    done = threading.Event()

    def run() -> None:
        while not done.is_set():
            before = current[0]
            if before == changing:
                continue
            said = status_of(layer, basic(ADA, str(before)))
            if said != "200" and current[0] == before:
                wrong.append((before, current[0], said))
            if before and status_of(layer, basic(ADA, str(before - 1))) != "401":
                wrong.append((before, current[0], "the old one"))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, 12):
            assert status_of(layer, basic(ADA, str(number - 1))) == "200"
            current[0] = changing
            table.users[ADA] = Account(sha(str(number)))
            current[0] = number
            assert status_of(layer, basic(ADA, str(number - 1))) == "401"
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not wrong
