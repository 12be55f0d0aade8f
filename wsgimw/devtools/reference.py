"""The tables of docs/explain.md, written from the data that the doctor goes by.

    python3 -m wsgimw.devtools.reference

prints them, each under its name. A test holds the page to them, so that text and checker cannot
part.

>>> tables()["costs"].splitlines()[2]
'| `nothing` | a call |'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from wsgimw.devtools.rules import RULES, SERVERS
from wsgimw.facts import CHANGES, COSTS, DOES, READS

__all__ = ["tables"]


def tables() -> dict[str, str]:
    """Return each generated part of the page by its name, as Markdown."""
    return {
        "costs": _words("cost", COSTS),
        "reads": _words("reads", READS),
        "changes": _words("changes", CHANGES),
        "does": _words("does", DOES),
        "rules": _rules(),
        "servers": ", ".join(f"`{name}`" for name in sorted(SERVERS)) + ".",
    }


def _words(title: str, words: Mapping[str, str]) -> str:
    return _table((title, "meaning"), [(f"`{word}`", text) for word, text in words.items()])


def _rules() -> str:
    order = ("error", "warning", "note")
    rules = sorted(RULES.values(), key=lambda rule: order.index(rule.severity))
    return _table(
        ("rule", "", "what clashes", "why", "what to do"),
        [(f"`{r.id}`", r.severity, r.clash, r.why, r.fix.replace("|", "\\|")) for r in rules],
    )


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    for name, text in tables().items():
        print(f"{name}:\n\n{text}\n")
