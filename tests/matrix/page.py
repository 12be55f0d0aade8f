"""The tables of `docs/matrix.md`, from what the tests know: `python3 -m tests.matrix.page`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.matrix.apps import FRAMEWORKS
from tests.matrix.known import BROKEN, DIFFERENCES, NEED_PORTABLE, Known
from tests.servers import SERVERS

BEGIN, END = "<!-- tables: python3 -m tests.matrix.page -->", "<!-- end of tables -->"


def names(given: Sequence[str], everything: Sequence[str]) -> str:
    """Write a list of names, short."""
    left_out = [name for name in everything if name not in given]
    if not left_out:
        return "all"
    if len(left_out) < 3 and len(given) > 3:
        return f"all but {', '.join(left_out)}"
    return ", ".join(given)


def rows(known: Sequence[Known]) -> Iterator[str]:
    """Yield the rows of a table."""
    yield "| servers | frameworks | request | what is seen | cause | upstream |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for row in known:
        cells = (
            names(row.servers, SERVERS),
            names(row.frameworks, tuple(FRAMEWORKS)),
            row.check,
            row.seen,
            row.cause,
            row.reference or "not found",
        )
        yield f"| {' | '.join(cells)} |"


def tables() -> str:
    """Return all that stands between the marks."""
    lines = [BEGIN, "", "## Differences that remain", "", *rows(DIFFERENCES), ""]
    lines += ["## Pairs that are broken without any layer", "", *rows(BROKEN), ""]
    lines += ["## Servers that need `Portable`", ""]
    lines += [f"- {name}: {why}." for name, why in NEED_PORTABLE.items()]
    return "\n".join([*lines, "", END])


if __name__ == "__main__":
    print(tables())
