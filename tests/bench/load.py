"""Load a server over sockets with `wrk`, and read what its processes cost."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.stacks import CREDENTIALS, MOUNT
from tests.venvs import ROOT

CONNECTIONS = 16
LATEST = 20.0  # seconds for a server to listen, or to end
PROGRAM = """
from pathlib import Path
from tests.bench.bench_stack import contestants, hello
application = contestants(hello, Path({root!r}))[{name!r}]
"""
COMMANDS = {
    "gunicorn": (
        *("-m", "gunicorn", "--no-control-socket", "--bind", "127.0.0.1:{port}"),
        *("--worker-class", "gthread", "--threads", "4", "--keep-alive", "75"),
        *("--log-level", "error", "{module}:application"),
    ),
    "granian": (
        *("-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", "{port}"),
        *("--log-level", "error", "{module}:application"),
    ),
}


@dataclass(slots=True)
class Load:
    """One server under `wrk`."""

    pid: int
    url: str
    wrk: str
    _costs: deque[float] = field(default_factory=deque)

    def seconds(self) -> float:
        """Load the server for a second; return the seconds of one request."""
        before = ticks(self.pid)
        output = subprocess.run(
            [
                *(self.wrk, "--threads", "1", "--connections", str(CONNECTIONS)),
                *("--duration", "1s", "--header", f"Authorization: {CREDENTIALS}", self.url),
            ],
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        spent = ticks(self.pid) - before
        requests, rate = read(output)
        self._costs.append(spent / os.sysconf("SC_CLK_TCK") / requests)
        return 1 / rate

    def processor(self) -> float:
        """Return the processor seconds of a request, of one round after the other."""
        return self._costs.popleft()


def read(output: str) -> tuple[int, float]:
    """Read the number of requests and the rate; refuse a run that had errors."""
    wrong = re.search(r"Non-2xx or 3xx responses: .*|Socket errors: .*", output)
    if wrong:
        raise RuntimeError(f"wrk: {wrong[0]}")
    requests = re.search(r"(\d+) requests in ", output)
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", output)
    if requests is None or rate is None or not int(requests[1]):
        raise RuntimeError(f"wrk said: {output}")
    return int(requests[1]), float(rate[1])


def family(pid: int) -> Iterator[int]:
    """Yield a process and all that came from it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def ticks(pid: int) -> int:
    """Return the clock ticks that a server has run, in its own code and in the system's."""
    total = 0
    for member in family(pid):
        # The name, in parentheses, may hold spaces.
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total


@contextmanager
def served(kind: str, name: str, root: Path, directory: Path, wrk: str) -> Iterator[Load]:
    """Run a server in a process of its own, and end it by its pid."""
    module = f"served_{abs(hash(name)) % 10**8}"
    (directory / f"{module}.py").write_text(PROGRAM.format(root=str(root), name=name))
    port = free_port()
    command = [part.format(port=port, module=module) for part in COMMANDS[kind]]
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(directory), str(ROOT)])},
        stdin=subprocess.DEVNULL,
    )
    try:
        wait_for(port, process)
        path = "/hello" if name == "bare" else f"{MOUNT}/hello"
        yield Load(process.pid, f"http://127.0.0.1:{port}{path}", wrk)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(LATEST)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port that nobody has at this moment."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        return int(listening.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when the server listens."""
    deadline = time.monotonic() + LATEST
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the server did not start: {process.args!r}")
