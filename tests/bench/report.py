"""Write the results of benches: text for a terminal, Markdown for the docs, JSON for programs."""

import json
import math
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from tests.bench.frame import Result

CASE_HEAD = ("case", "ns best", "ns median", "calls")
RATIO_HEAD = ("ratio", "bests", "median", "target", "")


def machine() -> str:
    """Name the Python and the platform that the numbers belong to."""
    return f"{platform.python_implementation()} {platform.python_version()}, {platform.platform()}"


def case_rows(result: Result) -> list[tuple[str, ...]]:
    """Return the nanoseconds of a call: for information only, another machine has others."""
    return [
        (case.name, f"{case.best * 1e9:.0f}", f"{case.median * 1e9:.0f}", str(case.loops))
        for case in result.cases
    ]


def ratio_rows(result: Result) -> list[tuple[str, ...]]:
    """Return the ratios beside their targets: these are what a bench states."""
    return [
        (
            ratio.label,
            f"{ratio.bests:.2f}",
            f"{ratio.median:.2f}",
            "" if ratio.target is None else f"<= {ratio.target:g}",
            ratio.verdict,
        )
        for ratio in result.ratios
    ]


def as_text(results: Sequence[Result]) -> str:
    """Return aligned tables."""
    lines = [machine()]
    for result in results:
        lines += ["", f"{result.title} ({result.rounds} rounds)"]
        for head, rows in tables(result):
            lines += ["", *aligned([head, *rows])]
    return "\n".join(lines)


def as_markdown(results: Sequence[Result]) -> str:
    """Return the same tables for a page of the docs."""
    lines = [machine()]
    for result in results:
        lines += ["", f"### {result.title} ({result.rounds} rounds)"]
        for head, rows in tables(result):
            rule = ["---", *["---:"] * (len(head) - 1)]
            lines += ["", *("| " + " | ".join(row) + " |" for row in (head, rule, *rows))]
    return "\n".join(lines)


def as_json(results: Sequence[Result]) -> str:
    """Return everything, the seconds of each round included; a NaN is written as null."""
    benches = []
    for result in results:
        bench = asdict(result)
        for ratio, plain in zip(result.ratios, bench["ratios"], strict=True):
            plain["verdict"] = ratio.verdict
            for key in ("bests", "median"):
                plain[key] = None if math.isnan(plain[key]) else plain[key]
        benches.append(bench)
    return json.dumps({"machine": machine(), "benches": benches}, indent=2, allow_nan=False)


def tables(result: Result) -> Iterator[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    """Yield head and rows of each table that has any rows."""
    for head, rows in ((CASE_HEAD, case_rows(result)), (RATIO_HEAD, ratio_rows(result))):
        if rows:
            yield head, rows


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the rows in columns: names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        padded = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        yield "  ".join(["", name.ljust(widths[0]), *padded]).rstrip()
