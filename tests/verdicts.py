"""Which published middleware breaks which rule: `python -m tests.verdicts [--write]`.

The conformance kit is run on the middleware of others that `tests.judged` lists. What it finds is
printed; `--write` puts it, with the versions, into docs/data/published.json, from which
docs/published.md has its table. The packages are the dependency group `published`.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Container, Sequence
from typing import Any

from tests.judged import PUBLISHED
from tests.venvs import ROOT
from wsgimw.testing.rules import RULES

DATA = ROOT / "docs" / "data" / "published.json"
PAGE = ROOT / "docs" / "published.md"
# Probes that ask for more than the words of PEP 3333 do, though their rule is a MUST.
MORE = {"two_arguments", "len_one", "released_on_raise", "reentrant", "path_sum", "no_early_read"}
BEGIN, END = "<!-- table: python -m tests.verdicts --write -->", "<!-- end of the table -->"


def judged(packages: Container[str] | None = None) -> list[dict[str, Any]]:
    """Return what the kit finds now, for some packages or for all that are installed."""
    found = []
    for one in PUBLISHED:
        installed = one.version()
        if installed is None or (packages is not None and one.package not in packages):
            continue
        fails: dict[str, list[str]] = {}
        for result in one.judge():
            fails.setdefault(str(result.rule), []).append(result.id)
        found.append(
            {"package": one.package, "version": installed, "layer": one.shown, "fails": fails}
            | ({"left_out": [25, 27]} if one.catches else {})
        )
    return found


def table(found: list[dict[str, Any]]) -> str:
    """Return the Markdown table of what was found, the clean ones last."""
    lines = [
        "| package | layer | breaks a MUST | breaks HTTP or quality |",
        "| --- | --- | --- | --- |",
    ]
    for one in sorted(found, key=lambda one: -len(one["fails"])):
        musts = [int(number) for number in one["fails"] if is_must(one, number)]
        others = [int(number) for number in one["fails"] if not is_must(one, number)]
        layer = f"`{one['layer']}`" + (" \\*" if "left_out" in one else "")
        cells = f"{layer} | {numbers(musts)} | {numbers(others)} |"
        lines.append(f"| {one['package']} {one['version']} | {cells}")
    broken = sorted({int(number) for one in found for number in one["fails"]})
    links = [f"[{rule}]: reference/rules.md#{slug(rule)}" for rule in broken]
    return "\n".join([*lines, "", *links])


def is_must(one: dict[str, Any], rule: str) -> bool:
    """Tell whether what was broken of a rule is a MUST of PEP 3333."""
    return RULES[int(rule)].kind == "M" and not MORE.issuperset(one["fails"][rule])


def numbers(rules: list[int]) -> str:
    """Return links to rules."""
    return ", ".join(f"[{rule}]" for rule in sorted(rules)) or "-"


def slug(rule: int) -> str:
    """Return the anchor of a rule on its page, as GitHub and MyST make it of the heading."""
    text = re.sub(r"[^\w\- ]", "", f"{rule}. {RULES[rule].title}".lower())
    return text.replace(" ", "-")


def counts(found: list[dict[str, Any]]) -> str:
    """Return the sentence above the table."""
    musts = sum(any(is_must(one, rule) for rule in one["fails"]) for one in found)
    clean = sum(not one["fails"] for one in found)
    return (
        f"Of {len(found)} middlewares {musts} break a MUST, and {clean} break no rule that the kit "
        "knows."
    )


def page(found: list[dict[str, Any]]) -> str:
    """Return docs/published.md with what was found between its two marks."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{counts(found)}\n\n{table(found)}\n\n{END}{after}"


def main(arguments: Sequence[str]) -> int:
    """Print what is found of the packages that are named, or of all; write it with `--write`."""
    packages = [argument for argument in arguments if argument != "--write"]
    found = judged(packages or None)
    print(json.dumps(found, indent=1))
    if "--write" in arguments:
        DATA.write_text(json.dumps(found, indent=1) + "\n")
        PAGE.write_text(page(found))
    return 0


if __name__ == "__main__":
    # Some leave threads that would keep the process.
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)
