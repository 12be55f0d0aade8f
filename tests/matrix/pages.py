"""What every app of the matrix has to say: the same content, each in the way of its framework.

What an app and the client tell each other outside of HTTP goes by files of a directory, named by
the number of the request: some servers handle one request at a time.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

HTML = "text/html; charset=utf-8"
PAGE = "<!doctype html><title>Größe</title>\n".encode() + b"<p>It was the best of times.</p>\n" * 90
DATA = {"name": "Größe", "values": list(range(300))}
FIRST = b"first, and long enough to be worth it " * 20
LINE = b"2026-11-20T12:00:00Z INFO the same line, again and again\n"
BIG = (LINE * (1024 * 1024 // len(LINE) + 1))[: 1024 * 1024]
BLOCK = b"x" * 65536
MOST = 512  # blocks of a stream that nobody reads to the end: more than any buffer holds
PATIENCE = 10.0  # seconds: a bound for what hangs, not a wait
ETAG = '"page"'
LAST_MODIFIED = 1_700_000_000


def room() -> Path:
    """Return the directory of the run."""
    return Path(os.environ["MATRIX_ROOM"])


def big_file() -> Path:
    """Return the file of one megabyte."""
    return room() / "big.txt"


def steps(number: str) -> Iterator[bytes]:
    """Yield a block, and the next when the client has said that it has the first."""
    yield FIRST
    signal = room() / f"go-{number}"
    deadline = time.monotonic() + PATIENCE
    while not signal.exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    yield b"in steps" if signal.exists() else b"in one"
    yield b""
    yield b", and the end"


def endless(number: str) -> Iterator[bytes]:
    """Yield until the client has gone; leave a note when it is closed."""
    try:
        for _ in range(MOST):
            yield BLOCK
    finally:
        (room() / f"closed-{number}").touch()


def digest(body: bytes) -> dict[str, object]:
    """Say what came of an upload."""
    return {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
