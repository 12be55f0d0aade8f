"""`StaticFiles` beside WhiteNoise 6, werkzeug's SharedDataMiddleware and webob.static."""

from __future__ import annotations

import gc
import gzip
import os
import socket
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path
from time import perf_counter
from typing import Any

from tests.bench.drive import answer, drive, make_environ
from tests.bench.frame import Bench, Case, Ratio
from tests.venvs import ROOT
from wsgimw import StaticFiles
from wsgimw.static.build import build

OLD = 1_700_000_000
KB, MB = 1024, 1024 * 1024
SITE_FILES = 50_000
SOCKET_REQUESTS = {"1 KB": 300, "64 KB": 150, "1 MB": 30}

Files = dict[str, bytes]


def text(size: int) -> bytes:
    """Return text that compresses about as a style sheet does."""
    lines = b"".join(
        b".rule-%d { margin: %dpx; color: #%06x }\n" % (i, i % 7, i * 7919 % 16777216)
        for i in range(size // 30 + 1)
    )
    return lines[:size]


def site() -> Files:
    """Return the files that are asked for."""
    import brotli

    page = text(20 * KB)
    return {
        "1k.css": text(KB),
        "64k.css": text(64 * KB),
        "1m.bin": os.urandom(MB),
        "coded.css": page,
        "coded.css.br": brotli.compress(page),
        "coded.css.gz": gzip.compress(page, mtime=0),
    }


def lay_out(root: Path, files: Files) -> None:
    """Write the files, long settled."""
    for name, data in files.items():
        path = root / name
        path.write_bytes(data)
        os.utime(path, (OLD, OLD))
    os.utime(root, (OLD, OLD))


def inner(environ: Any, start_response: Any) -> list[bytes]:
    """Answer what no layer answers."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


def webob_app(root: str) -> Any:
    """Return webob's directory app below the prefix, as SharedData and WhiteNoise have it."""
    from webob.static import DirectoryApp

    directory = DirectoryApp(root)

    def application(environ: Any, start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        if not path.startswith("/static/"):
            return inner(environ, start_response)
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/static", path[len("/static") :]
        return directory(environ, start_response)

    return application


def apps(root: str) -> dict[str, Any]:
    """Return the same site behind each of them."""
    from werkzeug.middleware.shared_data import SharedDataMiddleware
    from whitenoise import WhiteNoise

    return {
        "ours, frozen": StaticFiles(root, mode="frozen")(inner),
        "ours, check": StaticFiles(root)(inner),
        "WhiteNoise, frozen": WhiteNoise(inner, root, prefix="static"),
        "WhiteNoise, autorefresh": WhiteNoise(inner, root, prefix="static", autorefresh=True),
        "SharedData": SharedDataMiddleware(inner, {"/static": root}),
        "webob.static": webob_app(root),
    }


FROZEN, CHECK = "ours, frozen", "ours, check"
PEER, REFRESH = "WhiteNoise, frozen", "WhiteNoise, autorefresh"

Target = tuple[str, str, float]


def in_process(root: str) -> Iterator[Bench]:
    """Yield the tables of single requests."""
    all_apps = apps(root)
    tags = {
        name: find(answer(app, make_environ("/static/1k.css"))[1], "ETag")
        for name, app in all_apps.items()
    }
    date = find(answer(all_apps[PEER], make_environ("/static/1k.css"))[1], "Last-Modified")
    both: list[Target] = [(FROZEN, PEER, 0.10), (CHECK, PEER, 0.35), (CHECK, REFRESH, 0.08)]
    tables: list[tuple[str, str, str, dict[str, str], int, list[Target]]] = [
        ("GET 1 KB", "/static/1k.css", "GET", {}, KB, both),
        ("GET 64 KB", "/static/64k.css", "GET", {}, 64 * KB, both),
        (
            "GET 20 KB, br sibling",
            "/static/coded.css",
            "GET",
            {"HTTP_ACCEPT_ENCODING": "gzip, deflate, br"},
            0,
            [(FROZEN, PEER, 0.10)],
        ),
        (
            "GET 1 MB, no file_wrapper",
            "/static/1m.bin",
            "GET",
            {},
            MB,
            [(FROZEN, PEER, 0.40), (CHECK, PEER, 0.40)],
        ),
        (
            "304 by tag",
            "/static/1k.css",
            "GET",
            {"HTTP_IF_NONE_MATCH": "its own"},
            0,
            [(FROZEN, PEER, 0.65)],
        ),
        (
            "304 by date",
            "/static/1k.css",
            "GET",
            {"HTTP_IF_MODIFIED_SINCE": date},
            0,
            [(FROZEN, PEER, 0.35)],
        ),
        ("HEAD 1 KB", "/static/1k.css", "HEAD", {}, 0, [(FROZEN, PEER, 0.30)]),
        (
            "206, 1 KB out of 1 MB",
            "/static/1m.bin",
            "GET",
            {"HTTP_RANGE": "bytes=500000-501023"},
            KB,
            [(FROZEN, PEER, 0.60), (CHECK, PEER, 0.75)],
        ),
        ("miss inside the prefix", "/static/none.css", "GET", {}, 2, [(CHECK, REFRESH, 0.50)]),
    ]
    for title, path, method, headers, size, targets in tables:
        cases = []
        for name, app in all_apps.items():
            own = {
                key: tags[name] if value == "its own" else value for key, value in headers.items()
            }
            if title.startswith("304 by tag") and not tags[name]:
                continue
            environ = make_environ(path, method, **own)
            got = answer(app, environ)
            if name in (FROZEN, CHECK, PEER, REFRESH):
                assert got[0][:3] == (
                    "304" if title[:3] == "304" else title[:3] if title[:3] == "206" else "200"
                ), (title, name, got[:2])
                assert not size or len(got[2]) == size, (title, name, len(got[2]))
            cases.append(Case(name, partial(drive, app, environ)))
        yield Bench(
            title,
            cases,
            [Ratio(f"{of} / {over}", of, over, target) for of, over, target in targets],
        )
    outside = make_environ("/about")
    cases = [Case(name, partial(drive, app, outside)) for name, app in all_apps.items()]
    cases.append(Case("bare app", partial(drive, inner, outside)))
    yield Bench(
        "miss outside the prefix",
        cases,
        [
            Ratio(f"{FROZEN} / {PEER}", FROZEN, PEER, 0.90),
            Ratio(f"{CHECK} / {PEER}", CHECK, PEER, 0.90),
        ],
    )


def find(headers: list[tuple[str, str]], wanted: str) -> str:
    """Return the value of a field, or ""."""
    return next((value for name, value in headers if name.lower() == wanted.lower()), "")


def spread(root: Path) -> None:
    """Write many small files into some directories."""
    for number in range(SITE_FILES):
        folder = root / f"d{number // 500:03}"
        if number % 500 == 0:
            folder.mkdir()
        (folder / f"module-{number:05}.js").write_bytes(b"export default %d\n" % number)


def peak(make: Callable[[], object]) -> float:
    """Return the bytes that stay allocated, as a number of ns: the frame knows only times.

    They are the same each time, and it takes long: the cases remember them.
    """
    gc.collect()
    tracemalloc.start()
    try:
        kept = make()
        gc.collect()
        size = tracemalloc.get_traced_memory()[0]
        del kept
    finally:
        tracemalloc.stop()
    return size * 1e-9


def timed(make: Callable[[], object]) -> float:
    """Return the seconds of one start."""
    started = perf_counter()
    make()
    return perf_counter() - started


def start_up() -> Iterator[Bench]:
    """Yield the tables of the start with many files."""
    from whitenoise import WhiteNoise

    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory, "root")
        root.mkdir()
        spread(root)
        snapshot = str(Path(directory, "snapshot.json"))
        build(str(root), snapshot=snapshot, say=lambda line: None)
        makers: dict[str, Callable[[], object]] = {
            FROZEN: partial(StaticFiles(str(root), mode="frozen"), inner),
            CHECK: partial(StaticFiles(str(root)), inner),
            "ours, snapshot": partial(
                StaticFiles(str(root), mode="frozen", snapshot=snapshot), inner
            ),
            PEER: partial(WhiteNoise, inner, str(root), prefix="static"),
        }
        yield Bench(
            "start with 50,000 files",
            [
                Case(name, partial(timed, make), reports_seconds=True)
                for name, make in makers.items()
            ],
            [
                Ratio(f"{FROZEN} / {PEER}", FROZEN, PEER, 0.10),
                Ratio(f"{CHECK} / {PEER}", CHECK, PEER, 0.10),
                Ratio(f"ours, snapshot / {PEER}", "ours, snapshot", PEER, 0.04),
            ],
        )
        yield Bench(
            "memory after the start with 50,000 files (bytes in place of ns)",
            [
                Case(name, cache(partial(peak, make)), reports_seconds=True)
                for name, make in makers.items()
            ],
            [
                Ratio(f"{FROZEN} / {PEER}", FROZEN, PEER, 0.20),
                Ratio(f"{CHECK} / {PEER}", CHECK, PEER, 0.20),
            ],
        )


APPLICATION = """
from wsgimw import StaticFiles
from whitenoise import WhiteNoise
def inner(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
ours = StaticFiles({root!r}, mode="frozen")(inner)
ours_check = StaticFiles({root!r})(inner)
peer = WhiteNoise(inner, {root!r}, prefix="static")
"""

SERVERS = {
    "gunicorn": "import sys; from gunicorn.app.wsgiapp import run; sys.argv = ['gunicorn', "
    "'--no-control-socket', '-k', 'gthread', '--threads', '2', '--keep-alive', '75', "
    "'--log-level', 'error', '-b', 'fd://{fd}', 'served:{app}']; run()",
    "waitress": "import socket, waitress, served; waitress.serve(served.{app}, "
    "sockets=[socket.socket(fileno={fd})], threads=2)",
    "cheroot": "import socket, served; from cheroot.wsgi import Server\n"
    "server = Server(('127.0.0.1', 0), served.{app}, numthreads=2, timeout=75)\n"
    "server.max_keepalive_requests = 0\n"
    "server.prepare(); print(server.bind_addr[1], flush=True); server.serve()",
}


@contextmanager
def served(kind: str, app: str, directory: str) -> Iterator[int]:
    """Run a server in a process of its own; give its port, and end it by its pid."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        # What accepts has it, too; else each small answer waits 40 ms for the client's ACK.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.set_inheritable(True)
        port = int(listening.getsockname()[1])
        program = SERVERS[kind].format(fd=listening.fileno(), app=app)
        path = os.pathsep.join([directory, str(ROOT)])
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONPATH": path},
            cwd=directory,
            pass_fds=[listening.fileno()],
            stdout=subprocess.PIPE,
            text=True,
        )
    try:
        if kind == "cheroot":
            assert process.stdout is not None
            port = int(process.stdout.readline())
        yield port
    finally:
        process.terminate()
        process.communicate(timeout=20)


def fetch(connection: socket.socket, path: str, size: int, times: int) -> float:
    """Return the seconds of so many requests, one after the other, on one connection."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    buffer = bytearray(MB + 65536)
    started = perf_counter()
    for _ in range(times):
        connection.sendall(request)
        got, total = 0, 0
        while not total or got < total:
            count = connection.recv_into(memoryview(buffer)[got:])
            assert count, "the server closed the connection"
            got += count
            if not total:
                end = buffer.find(b"\r\n\r\n", 0, got)
                if end > 0:
                    assert buffer.startswith(b"HTTP/1.1 200"), bytes(buffer[:200])
                    total = end + 4 + size
    return perf_counter() - started


def over_sockets(root: str, directory: str) -> Iterator[Bench]:
    """Yield the tables of keep-alive requests to real servers."""
    Path(directory, "served.py").write_text(APPLICATION.format(root=root))
    files = {
        "1 KB": ("/static/1k.css", KB),
        "64 KB": ("/static/64k.css", 64 * KB),
        "1 MB": ("/static/1m.bin", MB),
    }
    names = {FROZEN: "ours", CHECK: "ours_check", PEER: "peer"}
    for kind in SERVERS:
        with ExitStack() as stack:
            connections: dict[str, socket.socket] = {}
            for name, app in names.items():
                port = stack.enter_context(served(kind, app, directory))
                connection = socket.create_connection(("127.0.0.1", port), timeout=30)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[name] = stack.enter_context(connection)
            for size, (path, length) in files.items():
                times = SOCKET_REQUESTS[size]
                yield Bench(
                    f"{kind}, {size}, keep-alive (ns of {times} requests)",
                    [
                        Case(
                            name,
                            partial(fetch, connection, path, length, times),
                            reports_seconds=True,
                        )
                        for name, connection in connections.items()
                    ],
                    [
                        Ratio(f"{FROZEN} / {PEER}", FROZEN, PEER, 1.03),
                        Ratio(f"{CHECK} / {PEER}", CHECK, PEER, 1.03),
                    ],
                )


def benches() -> Iterator[Bench]:
    """Yield all tables."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory, "public")
        root.mkdir()
        lay_out(root, site())
        yield from in_process(str(root))
        yield from over_sockets(str(root), directory)
    yield from start_up()
