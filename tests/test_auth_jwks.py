"""JWKS: keys that are fetched beside the requests; outages, rotation, forks."""

from __future__ import annotations

import http.server
import json
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from tests.auth_kit import Clock, ask, status_of
from tests.test_auth_jwt import CLAIMS, NOW, signed
from wsgimw.auth import ANY, JWKS, JWT, Authenticate, Bearer, Event, Unavailable, jwks, jwt

ONE, TWO = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
PATIENCE = 20.0


def document(**keys: Any) -> bytes:
    listed = [key.as_dict(private=False) | {"kid": kid} for kid, key in keys.items()]
    return json.dumps({"keys": listed}).encode()


class Provider:
    """A server of keys, on 127.0.0.1 and a free port."""

    def __init__(self) -> None:
        self.answer: tuple[int, bytes] = (200, document(one=ONE))
        self.headers: dict[str, str] = {}
        self.fetches = 0
        self.gate: threading.Event | None = None
        self.asked = threading.Semaphore(0)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.fetches += 1
                outer.asked.release()
                if outer.gate is not None:
                    outer.gate.wait(PATIENCE)
                status, data = outer.answer
                self.send_response(status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys?x=1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def redirect(self) -> None:
        self.answer = (302, b"")
        self.headers = {"Location": self.url}

    def stop(self) -> None:
        if self.gate is not None:
            self.gate.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    try:
        yield provider
    finally:
        provider.stop()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(jwks, "monotonic", clock)
    monkeypatch.setattr(jwt, "time", Clock(NOW))
    monkeypatch.setattr("random.uniform", lambda low, high: 1.0)
    return clock


def keys_of(provider: Provider, **options: Any) -> JWKS:
    return JWKS(provider.url, allow_http=True, **options)


def verifier(keys: JWKS) -> JWT:
    return JWT(keys, algorithms=["ES256"], issuer=ANY, audience=ANY)


def token(kid: str | None = "one", key: Any = ONE, **claims: Any) -> str:
    return signed({"alg": "ES256"} | ({"kid": kid} if kid else {}), CLAIMS | claims, key)


def settled(keys: JWKS) -> None:
    """Wait until nothing is being fetched."""
    with keys._state.changed:
        assert keys._state.changed.wait_for(lambda: keys._state.thread is None, PATIENCE)


def status(keys: JWKS, text: str | None = None) -> str:
    return ask(Authenticate(Bearer(verifier(keys))), auth=f"Bearer {text or token()}").status[:3]


def test_nothing_is_fetched_before_the_first_token(provider: Provider, clock: Clock) -> None:
    keys = keys_of(provider)
    checked = verifier(keys)
    assert checked.verify("junk") is None
    assert provider.fetches == 0
    assert checked.verify(token())
    assert checked.verify(token(None))
    assert provider.fetches == 1


def test_no_proxy_is_asked(
    provider: Provider, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert status(keys_of(provider)) == "200"


def test_old_keys_are_used_while_new_ones_are_fetched(provider: Provider, clock: Clock) -> None:
    keys = keys_of(provider, refresh=300)
    assert status(keys) == "200"
    provider.gate = threading.Event()
    provider.answer = (200, document(two=TWO))
    clock.now += 300
    assert status(keys) == "200", "no request waits"
    assert provider.asked.acquire(timeout=PATIENCE) and provider.asked.acquire(timeout=PATIENCE)
    assert status(keys) == "200"
    assert provider.fetches == 2
    provider.gate.set()
    settled(keys)
    assert status(keys, token("two", TWO)) == "200"
    assert status(keys) == "401", "the old key is gone, and what was verified with it too"


def test_the_same_keys_are_the_same_object(provider: Provider, clock: Clock) -> None:
    keys = keys_of(provider)
    before = keys.load()
    clock.now += 301
    keys.peek()
    settled(keys)
    assert provider.fetches == 2
    assert keys.peek() is before


OUTAGES: dict[str, Callable[[Provider], None]] = {
    "500": lambda p: setattr(p, "answer", (500, b"no")),
    "no JSON": lambda p: setattr(p, "answer", (200, b"<html>")),
    "a list": lambda p: setattr(p, "answer", (200, b"[]")),
    "no keys": lambda p: setattr(p, "answer", (200, b'{"keys": []}')),
    "keys no list": lambda p: setattr(p, "answer", (200, b'{"keys": 1}')),
    "secrets alone": lambda p: setattr(
        p,
        "answer",
        (200, json.dumps({"keys": [OctKey.import_key(bytes(32)).as_dict()]}).encode()),
    ),
    "too long": lambda p: setattr(p, "answer", (200, document(one=ONE) + b" " * 600_000)),
    "a redirect": lambda p: p.redirect(),
}


@pytest.mark.parametrize("fail", [pytest.param(v, id=k) for k, v in OUTAGES.items()])
def test_an_outage_after_the_first_load(
    provider: Provider, clock: Clock, fail: Any, caplog: pytest.LogCaptureFixture
) -> None:
    keys = keys_of(provider, refresh=300, stale=86400)
    events: list[Event] = []
    layer = Authenticate(Bearer(verifier(keys)), on_event=events.append)
    bound = layer(lambda environ, start: [])
    assert status(keys) == "200"
    fail(provider)
    clock.now += 300
    assert status(keys) == "200"
    settled(keys)
    paused = []
    for _ in range(8):
        fetches = provider.fetches
        paused.append(keys._state.pause_until - clock.now)
        for moment in (0, paused[-1] - 0.01):
            clock.now += moment
            assert status(keys) == "200"
            assert provider.fetches == fetches, "no fetch within a pause"
        clock.now += 0.01
        assert status(keys) == "200"
        settled(keys)
        assert provider.fetches == fetches + 1
    assert paused == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60])
    assert [event.code for event in events if event.kind == "unavailable"] == ["jwks"]
    assert len(caplog.records) == 1
    clock.now += 86400
    assert status(keys) == "503", "too old to be believed"
    settled(keys)
    provider.answer, provider.headers = (200, document(one=ONE)), {}
    clock.now += 61
    assert status(keys) == "200"
    assert keys._state.failures == 0
    assert bound is not None


def test_an_outage_before_the_first_load(provider: Provider, clock: Clock) -> None:
    provider.answer = (503, b"")
    keys = keys_of(provider)
    layer = Authenticate(Bearer(verifier(keys)))
    call = ask(layer, auth=f"Bearer {token()}")
    assert call.status[:3] == "503" and call.values("Retry-After") == ["1"]
    clock.now += 0.5
    assert ask(layer, auth=f"Bearer {token()}").status[:3] == "503"
    assert provider.fetches == 1, "the pause holds before the first load too"
    clock.now += 0.5
    provider.answer = (200, document(one=ONE))
    assert ask(layer, auth=f"Bearer {token()}").status[:3] == "200"


def test_the_first_request_does_not_wait_for_ever(provider: Provider, clock: Clock) -> None:
    provider.gate = threading.Event()
    keys = keys_of(provider, timeout=0.05)
    with pytest.raises(Unavailable):
        keys.load()
    provider.gate.set()
    settled(keys)


def test_pauses_differ_by_a_fifth(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = JWKS("https://id.example/keys")
    pauses = []
    for _ in range(200):
        keys._state.failures = 3
        keys._ended(None, OSError())
        pauses.append(keys._state.pause_until - time.monotonic())
    assert 6.3 < min(pauses) < 7.2 and 8.8 < max(pauses) <= 9.6


def test_rotation_is_found_by_an_unknown_kid(provider: Provider, clock: Clock) -> None:
    keys = keys_of(provider)
    assert status(keys) == "200"
    provider.answer = (200, document(one=ONE, two=TWO))
    assert status(keys, token("two", TWO)) == "200"
    assert provider.fetches == 2
    assert status(keys) == "200"


def test_there_are_four_searches_and_one_more_each_15_seconds(
    provider: Provider, clock: Clock
) -> None:
    keys = keys_of(provider)
    assert status(keys) == "200"
    assert [status(keys, token(f"x{n}")) for n in range(6)] == ["401"] * 6
    assert provider.fetches == 1 + 4
    clock.now += 14.9
    assert status(keys, token("x")) == "401" and provider.fetches == 5
    clock.now += 0.2
    assert status(keys, token("x")) == "401" and provider.fetches == 6
    assert status(keys) == "200"


def test_others_get_503_while_one_searches(provider: Provider, clock: Clock) -> None:
    keys = keys_of(provider)
    assert status(keys) == "200"
    assert provider.asked.acquire(timeout=PATIENCE)
    provider.gate = threading.Event()
    provider.answer = (200, document(one=ONE, two=TWO))
    found: list[str] = []
    first = threading.Thread(target=lambda: found.append(status(keys, token("two", TWO))))
    first.start()
    assert provider.asked.acquire(timeout=PATIENCE)
    assert status(keys, token("two", TWO)) == "503"
    assert status(keys) == "200", "a known key waits for nobody"
    provider.gate.set()
    first.join()
    settled(keys)
    assert found[0] in ("200", "503")
    assert status(keys, token("two", TWO)) == "200"


def test_who_searches_waits_a_second_at_most(
    provider: Provider, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "SEARCH_WAIT", 0.05)
    keys = keys_of(provider)
    assert status(keys) == "200"
    provider.gate = threading.Event()
    assert status(keys, token("two", TWO)) == "503"
    provider.gate.set()
    settled(keys)


def test_a_search_that_fails_is_503_and_makes_a_pause(provider: Provider, clock: Clock) -> None:
    keys = keys_of(provider)
    assert status(keys) == "200"
    provider.answer = (500, b"")
    assert status(keys, token("x")) == "503"
    assert status(keys, token("x")) == "503"
    assert provider.fetches == 2, "the pause holds for searches too"
    assert status(keys) == "200"


def test_keys_that_cannot_be_used_are_skipped(provider: Provider, clock: Clock) -> None:
    read = json.loads(document(one=ONE))
    more = [
        3,
        {"kty": "martian"},
        ONE.as_dict(private=False) | {"kid": "enc", "use": "enc"},
        {"kty": "RSA", "kid": "bad", "n": "!", "e": "AQAB"},
        OctKey.import_key(bytes(32)).as_dict() | {"kid": "secret"},
        RSAKey.generate_key(2048).as_dict(private=False) | {"kid": "rsa"},
    ]
    provider.answer = (200, json.dumps({"keys": more + read["keys"]}).encode())
    found = keys_of(provider).load()
    assert [key.kid for key in found.keys] == ["rsa", "one"]


def test_a_published_secret_signs_nothing(provider: Provider, clock: Clock) -> None:
    with pytest.raises(ValueError, match="cannot verify HS256"):
        JWT(keys_of(provider), algorithms=["HS256"], issuer=ANY, audience=ANY)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_in_the_middle_of_a_fetch(provider: Provider, clock: Clock) -> None:
    keys = keys_of(provider)
    assert status(keys) == "200"
    provider.gate = threading.Event()
    clock.now += 300
    assert status(keys) == "200"
    assert keys._state.thread is not None
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        free = keys._state.thread is None and keys._state.changed.acquire(blocking=False)
        os.write(write, f"{free} {status(keys) if free else ''}".encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    provider.gate.set()
    settled(keys)
    assert said.startswith("True 200")


def test_requests_during_an_outage_under_threads(provider: Provider, clock: Clock) -> None:
    keys = keys_of(provider)
    layer = Authenticate(Bearer(verifier(keys)))
    header = f"Bearer {token()}"
    assert ask(layer, auth=header).status[:3] == "200"
    provider.gate = threading.Event()
    provider.answer = (500, b"")
    clock.now += 300
    wrong: list[str] = []

    def run() -> None:
        for _ in range(30):
            code = ask(layer, auth=header).status[:3]
            if code != "200":
                wrong.append(code)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert provider.fetches <= 2
    provider.gate.set()
    settled(keys)


def test_rotation_under_threads(provider: Provider, clock: Clock) -> None:
    """The old key is good until it is gone; the new one is found by one fetch, not by eight."""
    keys = keys_of(provider)
    layer = Authenticate(Bearer(verifier(keys)))
    old, new = f"Bearer {token()}", f"Bearer {token('two', TWO)}"
    assert ask(layer, auth=old).status[:3] == "200"
    provider.answer = (200, document(one=ONE, two=TWO))
    seen: dict[str, set[str]] = {old: set(), new: set()}
    start = threading.Barrier(8)

    def run(number: int) -> None:
        start.wait(PATIENCE)
        for turn in range(40):
            header = (old, new)[(number + turn) % 2]
            seen[header].add(status_of(layer, header))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settled(keys)
    assert seen[old] == {"200"}, "no request with a known key is touched"
    assert seen[new] <= {"200", "503"}
    assert provider.fetches == 2
    assert ask(layer, auth=new).status[:3] == "200"
    provider.answer = (200, document(two=TWO))
    clock.now += 300
    ask(layer, auth=new)
    settled(keys)
    assert ask(layer, auth=old).status[:3] == "401"
    assert ask(layer, auth=new).status[:3] == "200"


def test_no_more_threads(provider: Provider, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = keys_of(provider)

    class Full(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading, "Thread", Full)
        assert status(keys) == "503"
    clock.now += 1
    assert status(keys) == "200"


def test_a_slow_answer_is_cut_off(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    from wsgimw.auth import fetching

    moments = iter([0.0, 100.0, 200.0])
    monkeypatch.setattr(fetching, "monotonic", lambda: next(moments))
    with pytest.raises(TimeoutError):
        fetching.fetch(provider.url, timeout=3, max_bytes=10**6)


def test_https_checks_the_certificate(provider: Provider) -> None:
    from wsgimw.auth import fetching

    with pytest.raises(OSError):
        fetching.fetch(provider.url.replace("http:", "https:"), timeout=2, max_bytes=100)


@pytest.mark.parametrize(
    ("url", "options", "error", "says"),
    [
        (3, {}, TypeError, "takes a URL"),
        ("", {}, ValueError, "no URL"),
        ("https://", {}, ValueError, "no URL"),
        ("https://a b/", {}, ValueError, "no URL"),
        ("https://a:x/", {}, ValueError, "no URL"),
        ("https://[/", {}, ValueError, "no URL"),
        ("https://a/\n", {}, ValueError, "no URL"),
        ("http://id.example/", {}, ValueError, "allow_http=True"),
        ("file://x/etc/passwd", {"allow_http": True}, ValueError, "not of https"),
        ("https://u:hunter2@id.example/", {}, ValueError, "with a user in it"),
        ("https://id.example/", {"refresh": "1"}, TypeError, "takes a number"),
        ("https://id.example/", {"timeout": 0}, ValueError, "above 0"),
        ("https://id.example/", {"stale": 10}, ValueError, "less than refresh"),
        ("https://id.example/", {"refesh": 10}, TypeError, "did you mean refresh"),
    ],
)
def test_options_that_make_no_sense(
    url: Any, options: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        JWKS(url, **options)
    assert "hunter2" not in str(caught.value)


def test_it_is_a_value_that_masks_its_url() -> None:
    keys = JWKS("https://id.example/keys?token=hunter2", refresh=60)
    assert repr(keys) == "JWKS('https://id.example/keys?token=[redacted]', refresh=60)"
    assert keys == JWKS("https://id.example/keys?token=hunter2", refresh=60)
    assert pickle.loads(pickle.dumps(keys)) == keys
