"""`import wsgimw` beside the imports that any typed package pays for."""

import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from tests.bench.frame import Bench, Case, Ratio

# Timed inside the new interpreter: its start would hide the import.
PROGRAM = """
from time import perf_counter
started = perf_counter()
import {modules}
print(perf_counter() - started)
"""


def import_seconds(modules: str) -> float:
    """Return how long an import takes in a fresh interpreter."""
    command = [sys.executable, "-I", "-c", PROGRAM.format(modules=modules)]
    return float(subprocess.run(command, check=True, capture_output=True).stdout)


def benches() -> Iterator[Bench]:
    """Yield the one table."""
    ours, floor = "wsgimw", "dataclasses, typing"
    yield Bench(
        "import in a fresh interpreter",
        cases=[
            Case(modules, partial(import_seconds, modules), reports_seconds=True)
            for modules in (ours, floor)
        ],
        ratios=[Ratio(f"{ours} / {floor}", of=ours, over=floor, target=1.5)],
    )
