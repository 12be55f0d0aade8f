"""HashGuard, Throttle and its stores: what is capped, what is counted, who is let through."""

from __future__ import annotations

import pickle
import shutil
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.auth_kit import ADA, PASSWORD, Clock, ask, basic, sha
from tests.serving import PATIENCE, environment
from tests.test_auth_passwords import without
from wsgimw.auth import (
    Authenticate,
    Basic,
    Event,
    HashGuard,
    LimitsStore,
    Throttle,
    Unavailable,
    Users,
    passwords,
    stores,
    throttle,
)
from wsgimw.auth import basic as basic_module
from wsgimw.auth.hash_guard import SHARED
from wsgimw.auth.stores import MemoryStore

USERS = Users({ADA: sha(PASSWORD), "bob": sha("b")})


# HashGuard.


def crowd(count: int, work: Any) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_so_many_run_at_once_and_no_more() -> None:
    guard = HashGuard(2, wait=30)
    lock, running, most = threading.Lock(), [0], [0]
    meet = threading.Barrier(2)

    def work() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        meet.wait(PATIENCE)  # so that two are in there at the same time
        with lock:
            running[0] -= 1

    crowd(6, lambda number: guard.run(number, work))
    assert most[0] == 2


def test_who_waits_gets_the_turn_that_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = threading.Event()

    class Noted(threading.Condition):
        def wait_for(self, predicate: Any, timeout: float | None = None) -> Any:
            waiting.set()  # with the lock, so the turn comes back when it waits already
            return super().wait_for(predicate, timeout)

    monkeypatch.setattr("wsgimw.auth.hash_guard.Condition", Noted)
    guard = HashGuard(1, wait=30)
    done: list[str] = []
    second = threading.Thread(target=guard.run, args=("b", lambda: done.append("b")))

    def first() -> None:
        second.start()
        assert waiting.wait(PATIENCE)
        done.append("a")

    guard.run("a", first)
    second.join()
    assert done == ["a", "b"]
    assert guard._state.running == 0


def test_who_gets_no_turn_is_told_to_come_again() -> None:
    guard = HashGuard(1, wait=0)

    def second() -> None:
        with pytest.raises(Unavailable) as caught:
            guard.run("b", lambda: None)
        assert caught.value.retry_after == 1
        assert guard._state.running == 1

    guard.run("a", second)
    assert guard.run("b", lambda: 3) == 3


def test_a_full_queue_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = HashGuard(1, wait=0)
    events: list[Event] = []
    layer = Authenticate(Basic(USERS, guard=guard), on_event=events.append)
    call = guard.run("other", lambda: ask(layer, auth=basic()))
    assert call.status[:3] == "503" and call.values("Retry-After") == ["1"]
    assert [(event.kind, event.code) for event in events] == [("unavailable", "unavailable")]
    assert ask(layer, auth=basic()).status[:3] == "200"


@pytest.mark.parametrize(
    ("result", "wanted"),
    [
        pytest.param(7, [7, 7, 7], id="a result"),
        pytest.param(Unavailable(4), [Unavailable] * 3, id="Unavailable"),
        pytest.param(KeyError("x"), [KeyError, RuntimeError, RuntimeError], id="an exception"),
    ],
)
def test_the_same_header_shares_one_hash(
    result: Any, wanted: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = HashGuard(1)
    begun, go = threading.Event(), threading.Event()
    waiting = threading.Semaphore(0)

    class Noted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waiting.release()
            return super().wait(timeout)

    monkeypatch.setattr("wsgimw.auth.hash_guard.Event", Noted)
    calls: list[int] = []
    found: list[Any] = []

    def work() -> Any:
        calls.append(1)
        begun.set()
        assert go.wait(PATIENCE)
        if isinstance(result, Exception):
            raise result
        return result

    def run() -> None:
        try:
            found.append(guard.run("same", work))
        except Exception as error:
            found.append(type(error))

    threads = [threading.Thread(target=run) for _ in range(3)]
    threads[0].start()
    assert begun.wait(PATIENCE)
    for thread in threads[1:]:
        thread.start()
    for _ in threads[1:]:
        assert waiting.acquire(timeout=PATIENCE)
    go.set()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len(found) == 3
    for item, kind in zip(sorted(found, key=str), sorted(wanted, key=str), strict=True):
        assert item == kind or (isinstance(item, type) and issubclass(item, kind))
    assert not guard._state.jobs


def test_a_check_of_before_a_change_is_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes after the password was changed must not be let in by a check of before."""
    keys: list[Any] = []
    run = HashGuard.run

    def noting(self: HashGuard, key: Any, work: Any) -> Any:
        keys.append(key)
        return run(self, key, work)

    monkeypatch.setattr(HashGuard, "run", noting)
    scheme = Basic(USERS)
    other = Basic(Users({ADA: sha("other")}))
    for each in (scheme, other):
        ask(Authenticate(each), auth=basic())
    assert keys[0][-1] == sha(PASSWORD) and keys[1][-1] == sha("other")
    assert keys[0][0] != keys[1][0]


def test_one_guard_serves_the_process() -> None:
    assert Basic(USERS).guard is Basic(USERS).guard is SHARED
    assert SHARED._state.limit >= 2
    assert pickle.loads(pickle.dumps(HashGuard(3, wait=1))) == HashGuard(3, wait=1) != HashGuard(3)
    assert repr(HashGuard(3)) == "HashGuard(limit=3)"


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ([0], {}, ValueError),
        ([True], {}, TypeError),
        (["2"], {}, TypeError),
        ([2], {"wait": "1"}, TypeError),
        ([2], {"wait": -1}, ValueError),
        ([2], {"wait": 61}, ValueError),
    ],
)
def test_guards_that_make_no_sense(arguments: Any, options: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="HashGuard"):
        HashGuard(*arguments, **options)


# Throttle.


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stores, "monotonic", clock)
    monkeypatch.setattr(throttle, "monotonic", clock)
    return clock


def layer_of(*, cache: float | None = None, **options: Any) -> Any:
    return Authenticate(Basic(USERS, throttle=Throttle(**options), cache=cache))


def answers(layer: Any, *headers: str, **keys: Any) -> list[str]:
    return [ask(layer, auth=header, **keys).status[:3] for header in headers]


WRONG = basic(ADA, "no")


def test_too_many_failures_of_a_client(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    real = passwords.verifier

    def noting(stored: str) -> Any:
        made.append(stored)
        return real(stored)

    monkeypatch.setattr(basic_module, "verifier", noting)
    layer = layer_of(per_client=(2, 60))
    assert answers(layer, WRONG, basic("eve"), WRONG, basic()) == ["401", "401", "429", "429"]
    assert len(made) == 2, "no hash is computed"
    call = ask(layer, auth=WRONG)
    assert call.values("Retry-After") == ["60"]
    assert answers(layer, basic(), REMOTE_ADDR="192.0.2.2") == ["200"]
    clock.now += 59
    assert answers(layer, basic()) == ["429"]
    clock.now += 1
    assert answers(layer, basic()) == ["200"]


def test_successes_do_not_count() -> None:
    layer = layer_of(per_client=(2, 60))
    assert answers(layer, *[basic()] * 5, WRONG, basic()) == [*["200"] * 5, "401", "200"]


def test_a_cache_hit_is_never_throttled(clock: Clock) -> None:
    layer = layer_of(cache=60, per_client=(1, 60))
    assert answers(layer, basic(), WRONG, WRONG, basic()) == ["200", "401", "429", "200"]


@pytest.mark.parametrize("user", [ADA, "nobody of that name"])
def test_too_many_failures_at_an_account(clock: Clock, user: str) -> None:
    layer = layer_of(per_client=None, per_account=(3, 900))
    wrong = basic(user, "no")
    found = [ask(layer, auth=wrong, REMOTE_ADDR=f"192.0.2.{n}").status[:3] for n in range(5)]
    assert found == ["401", "401", "401", "429", "429"]
    assert answers(layer, basic("bob", "b")) == ["200"]


def test_nobody_can_lock_out_a_working_user(clock: Clock) -> None:
    layer = layer_of(per_client=None, per_account=(3, 900))
    home = {"REMOTE_ADDR": "192.0.2.200"}
    assert answers(layer, basic(), **home) == ["200"]
    assert answers(layer, *[WRONG] * 5)[-1] == "429"
    assert answers(layer, basic()) == ["429"], "from where it never worked"
    assert answers(layer, basic(), **home) == ["200"], "from where it did"
    clock.now += 86400 + 1
    answers(layer, *[WRONG] * 5)
    assert answers(layer, basic(), **home) == ["429"], "a day later that is forgotten"


def test_the_memory_of_pairs_is_bounded() -> None:
    limits = Throttle()
    for number in range(5000):
        limits._succeeded((str(number), "x"))
    assert len(limits._state.pairs) == 4096
    assert ("4999", "x") in limits._state.pairs and ("0", "x") not in limits._state.pairs


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("", "nonsense", False),
    ],
)
def test_clients(one: str, other: str, same: bool) -> None:
    keys = [Throttle()._keys({"REMOTE_ADDR": address}, "x")[0] for address in (one, other)]
    assert (keys[0] == keys[1]) is same
    assert "192.0.2" not in "".join(keys)


def test_a_client_of_ones_own() -> None:
    layer = layer_of(per_client=(1, 60), client=lambda environ: environ["HTTP_X_CLIENT"])
    assert [ask(layer, auth=WRONG, HTTP_X_CLIENT=name).status[:3] for name in ("a", "b", "a")] == [
        "401",
        "401",
        "429",
    ]


class Broken:
    """A store that is down."""

    asked = 0

    def wait(self, key: str, limit: int, window: float) -> float:
        self.asked += 1
        raise ConnectionError("redis://:hunter2@127.0.0.1 refused")

    def fail(self, key: str, limit: int, window: float) -> None:
        raise ConnectionError


def test_a_store_that_is_down_lets_through_with_an_event(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    store, events = Broken(), list[Event]()
    scheme = Basic(USERS, throttle=Throttle(store=store), cache=None)
    bound = Authenticate(scheme, on_event=events.append)(lambda environ, start: [])
    assert answers(Authenticate(scheme), basic(), WRONG, WRONG) == ["200", "401", "401"]
    assert store.asked == 1, "it is left alone for a second"
    assert [event for event in events if event.code == "throttle-store"] == [
        Event("unavailable", "Basic", None, "throttle-store", "")
    ]
    assert "ConnectionError" in caplog.text and "hunter2" not in caplog.text
    clock.now += 1
    answers(Authenticate(scheme), basic())
    assert store.asked == 2
    assert bound is not None


def test_the_store_in_process_is_bounded(clock: Clock) -> None:
    store = MemoryStore(most=10)
    for number in range(25):
        store.fail(str(number), 1, 60)
    assert len(store._counts) == 10
    assert store.wait("24", 1, 60) == 60 and store.wait("0", 1, 60) == 0
    clock.now += 61
    assert store.wait("24", 1, 60) == 0
    store.fail("24", 2, 60)
    assert store.wait("24", 2, 60) == 0


def test_the_store_in_process_counts_right_under_threads() -> None:
    store = MemoryStore()

    def fail(number: int) -> None:
        for _ in range(500):
            store.fail("x", 10**6, 600)

    crowd(8, fail)
    assert store._counts["x"][0] == 4000


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"per_client": 20}, TypeError),
        ({"per_client": (0, 60)}, ValueError),
        ({"per_client": (True, 60)}, ValueError),
        ({"per_account": (1, 0.1)}, ValueError),
        ({"per_account": ("1", 60)}, ValueError),
        ({"per_account": (1, float("inf"))}, ValueError),
        ({"store": 3}, TypeError),
        ({"client": "x"}, TypeError),
        ({"per_clent": None}, TypeError),
    ],
)
def test_throttles_that_make_no_sense(options: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="Throttle"):
        Throttle(**options)


def test_a_throttle_is_a_value() -> None:
    assert Throttle(per_client=(5, 60)) == Throttle(per_client=(5, 60)) != Throttle()
    assert repr(Throttle(per_account=None)) == "Throttle(per_account=None)"
    assert pickle.loads(pickle.dumps(Throttle(per_client=(5, 9)))) == Throttle(per_client=(5, 9))


# LimitsStore.


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start Debian's redis-server on a free port; stop it by its pid."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    directory: Path = tmp_path_factory.mktemp("redis")
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    command += ["--appendonly", "no", "--dir", str(directory)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = threading.Timer(PATIENCE, process.kill)
    deadline.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "Ready to accept connections" in line:
                break
        else:
            raise AssertionError("redis-server did not start")
        deadline.cancel()
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        deadline.cancel()
        process.terminate()
        with process:
            process.communicate(timeout=PATIENCE)


COUNTING = """
import sys
from wsgimw.auth import LimitsStore
store = LimitsStore(sys.argv[1])
for _ in range(int(sys.argv[2])):
    store.fail("shared", 6, 600)
print(store.wait("shared", 6, 600) > 0)
"""


def count_elsewhere(uri: str, failures: int) -> str:
    command = [sys.executable, "-c", COUNTING, uri, str(failures)]
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


@pytest.mark.slow
def test_two_processes_count_together(redis: str) -> None:
    store = LimitsStore(redis)
    assert store.wait("shared", 6, 600) == 0.0
    assert count_elsewhere(redis, 3) == "False"
    assert count_elsewhere(redis, 3) == "True"
    assert 0 < store.wait("shared", 6, 600) <= 600
    store._strategy.storage.storage.close()


@pytest.mark.slow
def test_a_throttle_on_redis(redis: str) -> None:
    store = LimitsStore(redis)
    layer = layer_of(per_client=(2, 600), per_account=None, store=store)
    keys = {"REMOTE_ADDR": "203.0.113.7"}
    assert answers(layer, WRONG, WRONG, basic(), **keys) == ["401", "401", "429"]
    held = [str(key) for key in store._strategy.storage.storage.keys("*")]
    assert held and not [key for key in held if ADA in key or "203.0.113.7" in key]
    store._strategy.storage.storage.close()


def test_a_redis_that_is_not_there_is_a_store_that_is_down(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))  # bound and not listening: refused
        port = free.getsockname()[1]
        layer = layer_of(store=LimitsStore(f"redis://:hunter2@127.0.0.1:{port}"))
        assert answers(layer, basic(), WRONG) == ["200", "401"]
    assert "hunter2" not in caplog.text


def test_limits_store_is_a_value_that_shows_no_password() -> None:
    store = LimitsStore("memory://")
    assert store == LimitsStore("memory://")
    assert "hunter2" not in repr(LimitsStore("redis://u:hunter2@127.0.0.1:1/0"))
    assert pickle.loads(pickle.dumps(store)) == store


@pytest.mark.parametrize(
    ("uri", "error", "says"),
    [
        (3, TypeError, "takes a URI"),
        ("nonsense://u:hunter2@x", ValueError, "limits knows"),
        ("redis://:hunter2/and%20more@127.0.0.1:1", ValueError, "percent-encoded"),
        ("redis://:hunter2#@127.0.0.1:1", ValueError, "percent-encoded"),
        ("redis://u:hunter2@127.0.0.1:hunter2", ValueError, "percent-encoded"),
    ],
)
def test_stores_that_are_none(uri: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        LimitsStore(uri)
    assert "hunter2" not in "".join(traceback.format_exception_only(caught.value))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("package", ["limits", "redis"])
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    without(monkeypatch, package)
    with pytest.raises(ImportError, match=r'pip install "wsgimw\[redis\]"'):
        LimitsStore("redis://127.0.0.1")
