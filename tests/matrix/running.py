"""Run the checks against a server, and hold what is found against what is known."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from tests.matrix.checks import Difference, Pairs
from tests.matrix.known import BROKEN, DIFFERENCES, NEED_PORTABLE, Known
from tests.matrix.pages import BIG, LAST_MODIFIED, PATIENCE
from tests.serving import Server
from tests.whole_stack import lay_out


def prepare(room: Path) -> None:
    """Write what the apps and the stack serve."""
    (room / "big.txt").write_bytes(BIG)
    os.utime(room / "big.txt", (LAST_MODIFIED, LAST_MODIFIED))
    (room / "access.log").touch()
    lay_out(room / "static")


def run(
    name: str,
    server: AbstractContextManager[Server],
    room: Path,
    frameworks: Iterable[str],
    prefix: str = "/site/{framework}",
) -> Pairs:
    """Send everything to a server, stop it, and read its log: no line can come later."""
    variants = ("portable",) if name in NEED_PORTABLE else ("wrapped", "portable")
    with server as running:
        pairs = Pairs(running.port, room, variants, prefix)
        pairs.run(frameworks)
        wait_for(room / "access.log", len(pairs.sent))
    pairs.lines((room / "access.log").read_text())
    return pairs


def wait_for(log: Path, lines: int) -> None:
    """The last line comes when its body is closed; the client may have its answer before."""
    deadline = time.monotonic() + PATIENCE
    while log.read_bytes().count(b"\n") < lines and time.monotonic() < deadline:
        time.sleep(0.01)


def unknown(name: str, found: list[Difference], known: tuple[Known, ...]) -> list[str]:
    """Return what was found and has no row."""
    return [str(one) for one in found if not any(fits(row, name, one) for row in known)]


def stale(
    name: str, frameworks: Iterable[str], found: list[Difference], known: tuple[Known, ...]
) -> Iterator[str]:
    """Yield the rows that should have come true on a server and did not."""
    for row in known:
        for framework in frameworks:
            if name not in row.servers or framework not in row.frameworks:
                continue
            if not any(fits(row, name, one) for one in found if one.framework == framework):
                yield f"{name}, {framework}, {row.check}: not seen: {row.seen}"


def fits(row: Known, name: str, one: Difference) -> bool:
    """Say whether a row is that of a difference."""
    return row.covers(name, one.variant, one.framework, one.check, one.coding, one.what)


def verdict(name: str, pairs: Pairs, frameworks: Iterable[str]) -> list[str]:
    """Return everything that is not as the tables say."""
    frameworks = list(frameworks)
    return [
        *unknown(name, pairs.differences, DIFFERENCES),
        *unknown(name, pairs.broken, BROKEN),
        *stale(name, frameworks, pairs.differences, DIFFERENCES),
        *stale(name, frameworks, pairs.broken, BROKEN),
    ]
