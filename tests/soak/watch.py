"""Watch the process under fire, and judge: what grows does not stop growing."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.soak.site import MEANT

MEMORY = 4 * 2**20
"""Bytes that the process may have grown between two quarters of a run, and a twentieth of it:
what allocators and threads take and keep."""
OBJECTS = 1500
FILES = 4
FEWEST = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process held at a moment."""

    rss: int
    files: int
    objects: int
    threads: int


def look(port: int) -> Sample:
    """Ask the process; it frees its garbage first."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with closing(connection):
        connection.request("GET", "/soak", headers={"Connection": "close"})
        with connection.getresponse() as response:
            return Sample(**json.loads(response.read()))


def growth(samples: Sequence[Sample], *, memory: bool = True) -> Iterator[str]:
    """Yield a line for everything that is not flat; memory may be left out.

    The second quarter of the samples is held against the last: in the first, caches fill. Requests
    are on their way while it is looked, so medians are compared.
    """
    if len(samples) < FEWEST:
        yield f"only {len(samples)} samples: too short a run to say anything about growth"
        return
    quarter = len(samples) // 4
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    for name, unit, allowed in (
        ("rss", "bytes", MEMORY),
        ("objects", "objects", OBJECTS),
        ("files", "file descriptors", FILES),
        ("threads", "threads", FILES),
    ):
        before = median(getattr(sample, name) for sample in early)
        after = median(getattr(sample, name) for sample in late)
        if name == "rss" and not memory:
            continue
        share = before / 20 if name == "rss" else 0
        if after - before > allowed + share:
            yield f"{after - before:.0f} {unit} more than before ({before:.0f}, {after:.0f})"


EXCEPTION = re.compile(r"^\s*([A-Za-z_.]+(?:Error|Exception|Exit)\b.*)")

# Sockets, and what else a server wraps in objects of its own, are the server's.
UNCLOSED = re.compile(r"(unclosed file <_io.*|Exception ignored.*)")


def complaints(text: str) -> Iterator[str]:
    """Yield what a server wrote of exceptions, warnings and unclosed files that nobody meant."""
    for line in text.splitlines():
        found = EXCEPTION.match(line) or UNCLOSED.search(line)
        if found and MEANT not in line:
            yield found[1].strip()


class Log:
    """The access log, read while it is written, and moved away now and then, as in production."""

    def __init__(self, path: Path, *, largest: int = 16 * 2**20) -> None:
        self._path = path
        self._largest = largest
        self._file = path.open(encoding="ascii")
        self._rest = ""
        self._away: Path | None = None

    def lines(self) -> Iterator[str]:
        """Yield the whole lines that have come since."""
        yield from self._new()
        if self._away is not None:
            # The process follows within a second of its next line; then nothing more comes here.
            if self._path.exists() and self._path.stat().st_size:
                yield from self._new()
                self._file.close()
                self._away.unlink()
                self._away = None
                self._file = self._path.open(encoding="ascii")
        elif self._file.tell() > self._largest:
            self._away = self._path.rename(self._path.with_suffix(".old"))

    def close(self) -> None:
        """Close what is open."""
        self._file.close()

    def _new(self) -> Iterator[str]:
        while text := self._file.readline():
            self._rest += text
            if self._rest.endswith("\n"):
                yield self._rest
                self._rest = ""
