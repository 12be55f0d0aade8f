"""Start a server in a process of its own, on a free port, and stop it by its pid."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.venvs import ROOT

PATIENCE = 20.0  # seconds for a process to start, or to end


def hear_ctrl_c() -> None:
    """Undo that a shell lets the processes that it runs in the background ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass(slots=True)
class Server:
    """A running server: its process, its port, and what it wrote so far."""

    process: subprocess.Popen[str]
    port: int = 0
    output: str = ""

    def get(
        self, path: str, method: str = "GET", headers: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send one request; return the status, the fields and the body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with closing(connection):
            connection.request(method, path, headers=headers or {})
            with connection.getresponse() as response:
                return response.status, response.headers, response.read()

    def until(self, pattern: str) -> re.Match[str]:
        """Read what the process writes until it fits a pattern.

        The line of a request comes when its body is closed, and that is after the client has it.
        """
        with self._bounded() as stdout:
            while not (found := re.search(pattern, self.output)):
                line = stdout.readline()
                assert line, f"{pattern} did not come: {self.output}"
                self.output += line
        return found

    def stop(self, number: int = signal.SIGINT) -> int:
        """End the process as Ctrl-C does; return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        with self._bounded() as stdout, self.process:
            if not stdout.closed:
                self.output += stdout.read()
        return self.process.returncode

    @contextmanager
    def _bounded(self) -> Iterator[IO[str]]:
        """Kill the process if what is done with its output takes too long."""
        deadline = threading.Timer(PATIENCE, self.process.kill)
        deadline.start()
        try:
            assert self.process.stdout is not None
            yield self.process.stdout
        finally:
            deadline.cancel()


def environment() -> dict[str, str]:
    """Return the environment of a process that runs elsewhere, and finds this checkout's package.

    In the project's own environment it is installed anyway.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}


@contextmanager
def serving(
    *command: str, says: str = r"http://127\.0\.0\.1:(\d+)", cwd: Path = ROOT
) -> Iterator[Server]:
    """Run `python -m COMMAND` and wait for the line in which it says its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=hear_ctrl_c,
    )
    server = Server(process)
    try:
        server.port = int(server.until(says)[1])
        yield server
    finally:
        server.stop()
