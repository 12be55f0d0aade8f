"""Authentication beside the plainest thing that could be called so, and beside a hash each time.

The unit of most ratios is P: what a 20-line Basic middleware adds that decodes the header, compares
one plain password and sets REMOTE_USER. The other two tables are no ratios of times of one call:
memory and answers under parallel guesses, and one user's requests among eight attackers.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
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
            if user == USER and password == PASSWORD:
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
import base64, json, resource, sys, threading, time
from wsgimw.auth import Authenticate, Basic, HashGuard, Users, hash_password
from tests.bench.drive import answer, make_environ
from tests.bench.bench_auth import hello, peak

kind, threads = sys.argv[1], int(sys.argv[2])
users = Users({"ada": hash_password("correct horse")})
guard = HashGuard(2) if kind == "guarded" else HashGuard(1000)
app = Authenticate(Basic(users, guard=guard))(hello)

def guess(number):
    header = base64.b64encode(f"ada:guess {number}".encode()).decode()
    started = time.perf_counter()
    status = answer(app, make_environ(HTTP_AUTHORIZATION=f"Basic {header}"))[0]
    took.append((status[:3], time.perf_counter() - started))

took = []
idle = peak()
guess("alone")
alone, one = took.pop()[1], peak() - idle
crowd = [threading.Thread(target=guess, args=(number,)) for number in range(threads)]
for thread in crowd: thread.start()
for thread in crowd: thread.join()
json.dump({"one": one, "all": peak() - idle, "alone": alone, "slowest": max(t for _, t in took)},
    sys.stdout)
"""


def peak() -> int:
    """Return the most memory this process has held so far, in bytes."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))


def _measure(program: str, *arguments: str) -> dict[str, float]:
    command = [sys.executable, "-c", program, *arguments]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
