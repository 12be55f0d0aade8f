"""Authentication beside the plainest thing that could be called so, and beside a hash each time.

The unit of most ratios is P: what a 20-line Basic middleware adds that decodes the header, compares
one plain password and sets REMOTE_USER. The other tables are no ratios of times of one call: memory
and answers under parallel guesses, one user's requests among eight attackers, users told by time,
requests while a provider of keys is down.
"""

from __future__ import annotations

import base64
import functools
import hmac
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.bench.drive import answer, drive, make_environ
from tests.bench.frame import Bench, Case, Ratio

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HEAD = [("Content-Type", "text/plain"), ("Content-Length", "5")]
USER, PASSWORD = "ada", "correct horse"
HEADER = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with one list."""
    start_response("200 OK", HEAD)
    return [b"hello"]


def plain(app: WSGIApplication) -> WSGIApplication:
    """Do what many write by hand: the unit P."""

    def authenticating(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        scheme, _, data = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                user, _, password = base64.b64decode(data).decode("utf-8").partition(":")
            except ValueError:
                user = password = ""
            # Both, and without a shortcut, as every guide has it.
            same = hmac.compare_digest(user.encode(), USER.encode())
            if hmac.compare_digest(password.encode(), PASSWORD.encode()) and same:
                environ["REMOTE_USER"] = user
                environ["AUTH_TYPE"] = "Basic"
                return app(environ, start_response)
        headers = [("Content-Type", "text/plain"), ("WWW-Authenticate", 'Basic realm="x"')]
        start_response("401 Unauthorized", headers)
        return [b"401 Unauthorized\n"]

    return authenticating


def benches() -> Iterator[Bench]:
    """Yield the tables."""
    yield _requests()
    yield _guesses()
    yield _nine_clients()
    yield _enumeration()
    yield _outage()


def _requests() -> Bench:
    from joserfc import jwt
    from joserfc.jwk import OctKey

    from wsgimw.auth import JWT, Authenticate, Basic, Bearer, Require, Users, hash_password, role

    users = Users({USER: hash_password(PASSWORD)})
    secret = bytes(range(32))
    claims = {"sub": USER, "iss": "id", "aud": "api", "exp": int(time.time()) + 86400}
    token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))
    tokens = JWT(secret, algorithms=["HS256"], issuer="id", audience="api", cache=600)
    rules: dict[str, Any] = {f"/area{number}": role("staff") for number in range(9)}

    with_password = make_environ("/", HTTP_AUTHORIZATION=HEADER)
    with_token = make_environ("/", HTTP_AUTHORIZATION=f"Bearer {token}")
    nobody = make_environ("/")
    inside = make_environ("/users/42/orders")
    inside["wsgimw.identity"] = None
    cases: dict[str, tuple[WSGIApplication, WSGIEnvironment]] = {
        "bare": (hello, with_password),
        "P: 20 lines, plain password": (plain(hello), with_password),
        "Basic, argon2, remembered": (Authenticate(Basic(users, cache=600))(hello), with_password),
        "Basic, argon2, each time": (Authenticate(Basic(users, cache=None))(hello), with_password),
        "Bearer(JWT), remembered": (Authenticate(Bearer(tokens))(hello), with_token),
        "anonymous 401": (Authenticate(Basic(users))(hello), nobody),
        "Require, 10 rules": (Require({"/": "anyone", **rules})(hello), inside),
    }
    for name, (app, environ) in cases.items():
        wanted = "401 Unauthorized" if name == "anonymous 401" else "200 OK"
        if answer(app, environ)[0] != wanted:
            raise AssertionError(f"{name}: {answer(app, environ)}")

    def added(name: str, target: float, over: str = "P: 20 lines, plain password") -> Ratio:
        short = "P" if over.startswith("P") else over
        return Ratio(f"{name} / {short}, added", name, over, minus="bare", target=target)

    return Bench(
        "auth: requests",
        cases=[Case(name, partial(drive, *case)) for name, case in cases.items()],
        ratios=[
            added("Basic, argon2, remembered", 3.0),
            added("Basic, argon2, remembered", 1 / 10_000, "Basic, argon2, each time"),
            added("Bearer(JWT), remembered", 4.0),
            added("anonymous 401", 3.0),
            added("Require, 10 rules", 1.6),
        ],
    )


GUESSES = """
import base64, json, sys, threading, time
from tests.bench.bench_auth import hello, peak
from tests.bench.drive import answer, make_environ
from wsgimw.auth import Authenticate, Basic, HashGuard, Users

limit, threads = int(sys.argv[1]), int(sys.argv[2])
users = Users({"ada": sys.argv[3]})
app = Authenticate(Basic(users, guard=HashGuard(limit)))(hello)
took = []

def guess(number):
    header = base64.b64encode(f"ada:guess {number}".encode()).decode()
    started = time.perf_counter()
    answer(app, make_environ(HTTP_AUTHORIZATION=f"Basic {header}"))
    took.append(time.perf_counter() - started)

idle = peak()
guess("alone")
alone, one = took.pop(), peak() - idle
crowd = [threading.Thread(target=guess, args=(number,)) for number in range(threads)]
for thread in crowd: thread.start()
for thread in crowd: thread.join()
print(json.dumps({"one": one, "all": peak() - idle, "alone": alone, "slowest": max(took)}))
"""

NINE = """
import base64, json, statistics, sys, threading, time
from tests.bench.bench_auth import HEADER, hello
from tests.bench.drive import answer, make_environ
from wsgimw.auth import Authenticate, Basic, HashGuard, Users, hash_password

users = Users({"ada": hash_password("correct horse")})
options = {} if sys.argv[1] == "ours" else {"guard": HashGuard(1000), "cache": None}
app = Authenticate(Basic(users, **options))(hello)
done = threading.Event()

def attack(number):
    turn = 0
    while not done.is_set():
        turn += 1
        header = base64.b64encode(f"ada:{number} {turn}".encode()).decode()
        answer(app, make_environ(HTTP_AUTHORIZATION=f"Basic {header}"))

answer(app, make_environ(HTTP_AUTHORIZATION=HEADER))
crowd = [threading.Thread(target=attack, args=(number,)) for number in range(8)]
for thread in crowd: thread.start()
took, until = [], time.perf_counter() + 2
while not took or (time.perf_counter() < until and len(took) < 2000):
    started = time.perf_counter()
    answer(app, make_environ(HTTP_AUTHORIZATION=HEADER))
    took.append(time.perf_counter() - started)
done.set()
for thread in crowd: thread.join()
print(json.dumps({"p50": statistics.median(took)}))
"""

OUTAGE = """
import http.server, json, sys, threading, time
from joserfc import jwt
from joserfc.jwk import ECKey
from tests.bench.bench_auth import hello
from tests.bench.drive import answer, make_environ
from wsgimw.auth import ANY, JWKS, JWT, Authenticate, Bearer

hang, lasts = float(sys.argv[1]), float(sys.argv[2])
key = ECKey.generate_key("P-256")
keys = json.dumps({"keys": [key.as_dict(private=False) | {"kid": "one"}]}).encode()
down, fetches = threading.Event(), []

class Provider(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        fetches.append(time.perf_counter())
        if down.is_set():
            time.sleep(hang)
        self.send_response(500 if down.is_set() else 200)
        self.send_header("Content-Length", str(len(keys)))
        self.end_headers()
        self.wfile.write(keys)

    def log_message(self, *arguments): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
source = JWKS(f"http://127.0.0.1:{server.server_port}/", refresh=0.1, allow_http=True)
# Without a cache: each request asks for the keys.
tokens = JWT(source, algorithms=["ES256"], issuer=ANY, audience=ANY, cache=None)
app = Authenticate(Bearer(tokens))(hello)
claims = {"sub": "ada", "exp": int(time.time()) + 3600}
token = jwt.encode({"alg": "ES256", "kid": "one"}, claims, key)
environ = make_environ(HTTP_AUTHORIZATION=f"Bearer {token}")
assert answer(app, environ.copy())[0] == "200 OK"
down.set()
before, took, until = len(fetches), [], time.perf_counter() + lasts
while time.perf_counter() < until:
    started = time.perf_counter()
    status = answer(app, environ.copy())[0]
    took.append(time.perf_counter() - started if status == "200 OK" else hang)
    time.sleep(0.001)
server.shutdown()
slow = sum(seconds > hang / 2 for seconds in took)
print(json.dumps({"slow": slow, "all": len(took), "fetches": len(fetches) - before}))
"""

LIMIT, CROWD, WAIT = 2, 16, 0.25
HANG, LASTS = 0.5, 5.0
_MEASURED = 3


def peak() -> int:
    """Return the most memory that this process has held so far, in bytes."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))


class Measured:
    """Figures of a program that takes seconds: it is run a few times, whatever the rounds."""

    def __init__(self, program: str, *arguments: str, runs: int = _MEASURED) -> None:
        self.command = [sys.executable, "-c", program, *arguments]
        self.runs = runs
        self.figures: list[dict[str, float]] = []
        self.turns: dict[str, int] = {}

    def take(self, figure: str, factor: float = 1.0, plus: float = 0.0) -> float:
        """Return one figure of the next run, times `factor` and with `plus`."""
        turn = self.turns.get(figure, 0)
        self.turns[figure] = turn + 1
        if turn >= len(self.figures) and len(self.figures) < self.runs:
            done = subprocess.run(self.command, check=True, capture_output=True)
            self.figures.append(json.loads(done.stdout))
        return self.figures[turn % len(self.figures)][figure] * factor + plus


def _figure(name: str, call: Callable[[], float]) -> Case:
    return Case(name, call, reports_seconds=True)


def _guesses() -> Bench:
    from wsgimw.auth import hash_password

    # Made here: the peak of a process that has made a hash is that of a check already.
    stored = hash_password(PASSWORD)
    ours = Measured(GUESSES, str(LIMIT), str(CROWD), stored)
    bare = Measured(GUESSES, "1000", str(CROWD), stored)
    take = ours.take
    return Bench(
        f"auth: {CROWD} wrong argon2 passwords at once (one byte of memory is shown as one ns)",
        cases=[
            _figure("extra memory, ours", partial(take, "all", 1e-9)),
            _figure("extra memory, without a guard", partial(bare.take, "all", 1e-9)),
            _figure(f"memory of {LIMIT} hashes", partial(take, "one", LIMIT * 1e-9)),
            _figure("slowest answer, ours", partial(take, "slowest")),
            _figure("slowest answer, without a guard", partial(bare.take, "slowest")),
            _figure("wait and two hashes", partial(take, "alone", 2, WAIT)),
        ],
        ratios=[
            Ratio(
                "extra memory / limit x one hash",
                "extra memory, ours",
                f"memory of {LIMIT} hashes",
                target=2.2,
            ),
            Ratio(
                "extra memory, without a guard / limit x one hash",
                "extra memory, without a guard",
                f"memory of {LIMIT} hashes",
            ),
            Ratio(
                "slowest answer / wait and two hashes",
                "slowest answer, ours",
                "wait and two hashes",
                target=1.0,
            ),
        ],
    )


def _nine_clients() -> Bench:
    ours, bare = Measured(NINE, "ours"), Measured(NINE, "bare")
    return Bench(
        "auth: one user among eight attackers, p50 of the user's requests",
        cases=[
            _figure("ours", partial(ours.take, "p50")),
            _figure("no cache, no guard", partial(bare.take, "p50")),
        ],
        ratios=[Ratio("ours / no cache, no guard", "ours", "no cache, no guard", target=0.1)],
    )


def area(known: list[float], unknown: list[float]) -> float:
    """Return the chance that a known user takes longer than an unknown one; 0.5 tells nothing."""
    pairs = [(a > b) + (a == b) / 2 for a in known for b in unknown]
    return sum(pairs) / len(pairs)


def _enumeration() -> Bench:
    """Tell users by the time of a refusal, in a file of fast and slow hashes."""
    from wsgimw.auth import Authenticate, Basic, Users

    rounds = [500, 1000, 2000, 4000, 8000, 16000, 32000, 64000]
    table = {
        f"user{number}": f"pbkdf2:sha256:{count}$salt${'0' * 64}"
        for number, count in enumerate(rounds * 5)
    }
    app = Authenticate(Basic(Users(table)))(hello)

    def took(name: str) -> float:
        header = base64.b64encode(f"{name}:guess".encode()).decode()
        environ = make_environ(HTTP_AUTHORIZATION=f"Basic {header}")
        times = []
        for _ in range(3):  # who measures takes the least disturbed one
            started = time.perf_counter()
            drive(app, environ)
            times.append(time.perf_counter() - started)
        return min(times)

    @functools.cache  # once: the best of many rounds would be the luckiest of many names
    def measure() -> float:
        return area([took(name) for name in table], [took(f"guest{n}") for n in range(120)])

    return Bench(
        "auth: users told by time, a mixed file (AUC, 0.5 tells nothing; shown as seconds)",
        cases=[
            _figure("AUC", measure),
            _figure("off 0.5", lambda: abs(measure() - 0.5)),
            _figure("0.15, so 0.35 to 0.65", lambda: 0.15),
        ],
        ratios=[Ratio("AUC off 0.5 / 0.15", "off 0.5", "0.15, so 0.35 to 0.65", target=1.0)],
    )


def _outage() -> Bench:
    """Ask while the provider of the keys hangs, then fails."""
    # The pauses are 1, 2, 4 s, a fifth less at the least: so many fetches may begin meanwhile.
    steps = 1 + sum(0.8 * (2**number - 1) <= LASTS for number in range(1, 8))
    take = Measured(OUTAGE, str(HANG), str(LASTS), runs=1).take
    return Bench(
        "auth: JWKS down after the first load (one request or fetch is shown as one ns)",
        cases=[
            _figure("requests", partial(take, "all", 1e-9)),
            _figure("slow or refused", partial(take, "slow", 1e-9)),
            _figure("fetches", partial(take, "fetches", 1e-9)),
            _figure("back-off steps", lambda: steps * 1e-9),
        ],
        ratios=[
            Ratio("slow or refused / all", "slow or refused", "requests", target=0.0),
            Ratio("fetches / back-off steps", "fetches", "back-off steps", target=1.0),
        ],
    )
