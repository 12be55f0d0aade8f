"""Put the whole stack under fire: `python3 -m tests.soak --minutes N [--server NAME]`.

A threaded server in a process of its own gets honest requests, hostile ones, and such whose client
leaves (5 %). It fails, with exit status 1, if memory, objects, file descriptors or threads grow, if
an answered request has not exactly one line that fits it, if an answer is an error that the app did
not mean, or if the server wrote of an exception or a file left open.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.serving import PATIENCE, environment
from tests.soak.client import Client
from tests.soak.ledger import Ledger
from tests.soak.watch import Log, Sample, complaints, growth, look
from tests.venvs import ROOT, reenter
from tests.whole_stack import lay_out

APP = "tests.soak.site:application"
GUNICORN = ("--worker-class", "gthread", "--threads", "8", "--keep-alive", "75")
SERVERS = {
    "gunicorn": ["-m", "gunicorn", "--no-control-socket", "--bind", "fd://{fd}", *GUNICORN, APP],
    "waitress": [
        "-c",
        "import socket, waitress\n"
        "from tests.soak.site import application\n"
        "waitress.serve(application, sockets=[socket.socket(fileno={fd})], threads=8)\n",
    ],
}
# waitress keeps up to 16 MB for each client that left a stream; a bare app makes it grow as much.
BUFFERING = ("waitress",)
CLIENTS = 6
HEAD = "   min   requests    /s   left  hostile   MB RSS  objects  files  threads  problems"


@contextmanager
def running(name: str, directory: Path, application: str = APP) -> Iterator[int]:
    """Run a server in a process of its own; give its port, and end it by its pid."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        listening.set_inheritable(True)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port = int(listening.getsockname()[1])
        command = [
            part.replace("{fd}", str(listening.fileno())).replace(APP, application)
            for part in SERVERS[name]
        ]
        with (directory / "server.txt").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-W", "default::ResourceWarning", *command],
                cwd=ROOT,
                env=environment()
                | {"SOAK_LOG": str(directory / "access.log"), "SOAK_ROOT": str(directory / "root")},
                pass_fds=[listening.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
    try:
        yield port
    finally:
        process.send_signal(signal.SIGINT if name == "waitress" else signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def soak(
    server: str, seconds: float, *, aborted: float = 0.05, seed: int = 1, application: str = APP
) -> list[str]:
    """Run; print figures as it goes; return what was wrong."""
    ledger = Ledger()
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        lay_out(directory / "root")
        (directory / "access.log").touch()
        log = Log(directory / "access.log")
        with running(server, directory, application) as port:
            samples.append(look(port))
            clients = [
                threading.Thread(
                    target=Client(port, Random(f"{seed} {number}"), ledger, aborted).run
                )
                for number in range(CLIENTS)
            ]
            for client in clients:
                client.start()
            try:
                watch(port, seconds, ledger, log, samples)
            finally:
                ledger.closing.set()
                for client in clients:
                    client.join()
        for line in log.lines():
            ledger.line(line)
        log.close()
        ledger.finish()
        output = (directory / "server.txt").read_text(errors="replace")
    found = [*ledger.problems, *growth(samples[1:], memory=server not in BUFFERING)]
    found += [f"the server wrote: {line}" for line in complaints(output)][:20]
    tell(ledger)
    return found


def watch(port: int, seconds: float, ledger: Ledger, log: Log, samples: list[Sample]) -> None:
    """Read the log and look at the process until the time is over."""
    pause = max(0.5, min(seconds / 40, 15))
    started = looked = time.monotonic()
    row = 0
    print(HEAD, flush=True)
    while (now := time.monotonic()) - started < seconds:
        for line in log.lines():
            ledger.line(line)
        if now - looked >= pause:
            looked = now
            samples.append(look(port))
            if len(samples) % 4 == 0:
                print(figures(samples[-1], ledger, now - started, row), flush=True)
                row += 1
        time.sleep(0.2)


def figures(sample: Sample, ledger: Ledger, seconds: float, row: int) -> str:
    """Write one row of the table."""
    counts = ledger.counts
    hostile = sum(
        counts[f"kind {kind}"]
        for kind in ("odd path", "odd field", "odd method", "guesses", "not HTTP")
    )
    return (
        f"{seconds / 60:6.1f} {counts['requests']:10} {counts['requests'] / seconds:5.0f} "
        f"{counts['left']:6} {hostile:8} {sample.rss / 2**20:8.1f} {sample.objects:8} "
        f"{sample.files:6} {sample.threads:8} {counts['problems']:9}"
    )


def tell(ledger: Ledger) -> None:
    """Print what was counted."""
    for name, count in sorted(ledger.counts.items()):
        print(f"{name}: {count}")
    print("outcomes:", ", ".join(f"{n} {c}" for n, c in sorted(ledger.outcomes.items())))


def main(arguments: Sequence[str]) -> int:
    """Return the exit status: 0 if nothing was wrong, else 1."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.soak", description="Run the soak.")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long (1)")
    parser.add_argument("--server", choices=sorted(SERVERS), default="gunicorn")
    parser.add_argument("--aborted", type=float, default=0.05, help="share that leaves (0.05)")
    parser.add_argument("--seed", type=int, default=1, help="for another run of requests (1)")
    options = parser.parse_args(arguments)
    if options.minutes <= 0:
        parser.error(f"--minutes {options.minutes}: more than none")
    if not 0 <= options.aborted <= 0.5:
        parser.error(f"--aborted {options.aborted}: a share between 0 and 0.5")
    reenter("tests.soak", arguments, group="dev")
    print(f"{options.server}, {options.minutes:g} minutes, {os.cpu_count()} cores", flush=True)
    found = soak(options.server, options.minutes * 60, aborted=options.aborted, seed=options.seed)
    print("\n".join(["FAILED:", *found]) if found else "all good")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
