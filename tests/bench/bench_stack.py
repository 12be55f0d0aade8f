"""Whole stacks beside each other: ours, published parts, and the floor written by hand.

In process by the driver of the benches; over sockets by `wrk`, which is reported and held against
no target. Who asks for it sends the password, as a browser does that has asked its user.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.bench.drive import answer, drive, make_environ
from tests.bench.frame import Bench, Case, Ratio
from tests.bench.load import Load, served
from tests.bench.stacks import CREDENTIALS, MOUNT, WRONG, App, floor, ours, peers

BARE, FLOOR, PEERS, OURS, FAST = "bare", "floor by hand", "peers", "ours", "ours, compress-fast"
STYLE = b".page { color: #123456; margin: 0 auto }\n" * 64
BLOCK = b"It was the best of times, it was the worst of times. ".ljust(4096, b"x")
BLOCKS = 64
ROWS = [{"id": n, "name": f"user{n * 7919 % 9999}", "score": n / 7} for n in range(1000)]


def hello(environ: Any, start_response: Any) -> list[bytes]:
    """Answer with a list of one block."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, world!"]


def stream(environ: Any, start_response: Any) -> Iterator[bytes]:
    """Answer with many blocks."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (BLOCK for _ in range(BLOCKS))


def flask_app() -> App:
    """Return a Flask app with a small page, and one of 48 KB of JSON."""
    from flask import Flask, Response

    app = Flask("bench")

    @app.get("/hello")
    def say_hello() -> str:
        return "Hello, world!"

    @app.get("/json")
    def say_json() -> Response:
        return Response(json.dumps(ROWS), mimetype="application/json")

    return app


def contestants(app: App, root: Path) -> dict[str, App]:
    """Return the stacks round an app, by name."""
    return {
        BARE: app,
        FLOOR: floor(app, root),
        PEERS: peers(app, root),
        OURS: ours(app, root),
    }


def scenario(
    title: str,
    app: App,
    root: Path,
    path: str,
    *,
    over_peers: float,
    over_floor: float | None = None,
    over_fast: float | None = None,
    status: str = "200",
    mounted: bool = True,
    **keys: Any,
) -> Bench:
    """Return a table of what each stack adds to the app, which is asked without its mount."""
    keys = {"HTTP_AUTHORIZATION": CREDENTIALS, "HTTP_X_FORWARDED_FOR": "203.0.113.9", **keys}
    stacks = contestants(app, root)
    if over_fast is not None:
        stacks[FAST] = ours(app, root, fast=True)
    cases = []
    for name, stack in stacks.items():
        prefix = MOUNT if mounted and stack is not app else ""
        environ = make_environ(prefix + path, **keys)
        given = answer(stack, environ)[0]
        assert stack is app or given.startswith(status), (title, name, given)
        cases.append(Case(name, partial(drive, stack, environ)))
    ratios = [
        Ratio("ours / peers, added", OURS, PEERS, over_peers, BARE),
        Ratio("ours / floor, added", OURS, FLOOR, over_floor, BARE),
    ]
    if over_fast is not None:
        ratios.append(Ratio("ours, compress-fast / peers, added", FAST, PEERS, over_fast, BARE))
    return Bench(title, cases, ratios)


def in_process(root: Path) -> Iterator[Bench]:
    """Yield the tables of the driver."""
    flask = flask_app()
    yield scenario("raw hello", hello, root, "/hello", over_peers=0.40, over_floor=2.2)
    yield scenario(
        "raw hello, Accept-Encoding sent",
        *(hello, root, "/hello"),
        over_peers=0.30,
        HTTP_ACCEPT_ENCODING="gzip",
    )
    yield scenario("Flask hello", flask, root, "/hello", over_peers=0.45)
    yield scenario("static 2.5 KB", hello, root, "/static/site.css", over_peers=0.35, mounted=False)
    yield scenario(
        "wrong password (401)",
        *(hello, root, "/hello"),
        over_peers=0.12,
        status="401",
        HTTP_AUTHORIZATION=WRONG,
    )
    yield scenario("stream 64 x 4 KB", stream, root, "/", over_peers=0.5)
    yield scenario(
        "Flask 48 KB JSON, gzip 6",
        *(flask, root, "/json"),
        over_peers=1.0,
        over_fast=0.5,
        HTTP_ACCEPT_ENCODING="gzip",
    )


def pulled(make: Callable[[App, Path], App], root: Path) -> float:
    """Return the blocks that are pulled before the first bytes of a gzip stream, as ns."""
    count = 0

    def counting(environ: Any, start_response: Any) -> Iterable[bytes]:
        def blocks() -> Iterator[bytes]:
            nonlocal count
            for _ in range(BLOCKS):
                count += 1
                yield BLOCK

        start_response("200 OK", [("Content-Type", "text/plain")])
        return blocks()

    environ = make_environ(MOUNT + "/", HTTP_AUTHORIZATION=CREDENTIALS, HTTP_ACCEPT_ENCODING="gzip")
    body: Any = make(counting, root)(environ, lambda *head: print)
    next(block for block in body if block)
    seen = count
    if hasattr(body, "close"):
        body.close()
    return seen * 1e-9


def laziness(root: Path) -> Bench:
    """Return the table of blocks; its numbers are no times."""
    makers = {FLOOR: floor, PEERS: peers, OURS: ours}
    return Bench(
        "blocks pulled before the first byte of a gzip stream (blocks in place of ns)",
        [
            Case(name, partial(pulled, make, root), reports_seconds=True)
            for name, make in makers.items()
        ],
        [Ratio("ours / floor", OURS, FLOOR, 1.0)],
    )


SERVERS = {
    "gunicorn gthread": ("gunicorn", "0.92 of bare, peers 0.75"),
    "granian": ("granian", "0.58 of bare, peers 0.40 to 0.54"),
}


def over_sockets(root: Path, directory: Path) -> Iterator[Bench]:
    """Yield the tables of `wrk`: 16 connections, a second for each timing."""
    wrk = shutil.which("wrk")
    if wrk is None:
        print("sockets left out: there is no wrk (apt install wrk)", file=sys.stderr)
        return
    for title, (package, expected) in SERVERS.items():
        if find_spec(package) is None:
            print(f"{title} left out: {package} is not installed", file=sys.stderr)
            continue
        with ExitStack() as stack:
            loads = {
                name: stack.enter_context(served(package, name, root, directory, wrk))
                for name in (BARE, FLOOR, PEERS, OURS)
            }
            yield from table_of(title, expected, loads)


def table_of(title: str, expected: str, loads: dict[str, Load]) -> Iterator[Bench]:
    """Yield one server's tables: the time of a request, and that of its processor."""
    others = [name for name in loads if name != BARE]
    yield Bench(
        f"{title} over sockets: hello, seconds of a request ({expected} expected)",
        [Case(name, load.seconds, reports_seconds=True) for name, load in loads.items()],
        [Ratio(f"requests per second, {name} / bare", BARE, name) for name in others],
    )
    yield Bench(
        f"{title} over sockets: hello, processor time of a request, in the same rounds",
        [Case(name, load.processor, reports_seconds=True) for name, load in loads.items()],
        [Ratio(f"{name} / bare", name, BARE) for name in others],
    )


def benches() -> Iterator[Bench]:
    """Yield all tables."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name, "static")
        root.mkdir()
        (root / "site.css").write_bytes(STYLE)
        yield from in_process(root)
        yield laziness(root)
        yield from over_sockets(root, Path(name))
