"""The chapter on the koans, `docs/koans.md`: made from the koans, their solutions, and their judge.

`python -m tests.koans_chapter` writes it anew; a test compares what is there with what would be.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

from tests.venvs import ROOT
from wsgimw.devtools.koans.judge import judge
from wsgimw.devtools.koans.lessons import KOANS, Koan, named

CHAPTER = ROOT / "docs" / "koans.md"
SOLUTIONS = ROOT / "tests" / "koans"

INTRODUCTION = f"""\
# Koans: learn WSGI middleware by repairing it

```console
$ wsgimw koans new koans
$ wsgimw koans check koans
```

The first command writes {len(KOANS)} small layers, each broken in one place, in the order in which
people err. The second judges them up to the first that is broken: which rule it breaks, what a
client saw, and a hint. Edit the file, check again. No framework, no server, no network: Python and
wsgimw are enough.

- **Hints grow** while the same thing is wrong: three for each koan, the third says the line. An
  edit that changes what is wrong begins with the first hint again.
- **A koan must still do its work**: the comment at its top says what that is. To delete the work
  repairs nothing.
- **Every rule counts, but none too early**: a layer is held to all rules that `check_middleware`
  knows, except those that a later koan teaches. One probe is never asked for: leaving out a third
  argument that is `None` is a courtesy to odd test drivers, and PEP 3333 itself passes it on.
- **Nothing can hang**: each koan is judged in a process of its own, with ten seconds and two
  gigabytes. What it prints is shown.
- What has passed is remembered in `.koans.json`; only files that changed are judged again. Delete
  it to begin anew.

In what the client saw, `>` is asked, `<` is answered, `*` happens behind the scenes, and `!` goes
wrong.

The rest of this chapter tells the solutions. Try first.
"""

END = """
## And then

What you have repaired by hand the library does for you: a layer by `Hooks` or `@layer` never
touches a body, so there is nothing to close, to join or to count wrongly. Your own layers, in
whatever form, get the same judge in one line:

```python
from wsgimw.testing import check_middleware


def mine(app):
    return app


assert check_middleware(mine)
```
"""


def chapter() -> str:
    """Return the whole chapter."""
    return INTRODUCTION + "".join(f"\n{section}" for section in map(_section, KOANS)) + END


def solution(koan: Koan) -> str:
    """Return the source of the solution of a koan."""
    return (SOLUTIONS / koan.name).read_text(encoding="utf-8")


def _section(koan: Koan) -> str:
    return "\n".join(_lines(koan)) + "\n"


def _lines(koan: Koan) -> Iterator[str]:
    verdict = judge(koan, koan.source, koan.name)
    title, source = named(koan.rule)
    rule = "The law of order" if koan.rule is None else f"Rule {koan.rule}"
    yield f"## {koan.number}. {koan.topic}\n"
    yield f"**{rule}: {title}.** {source}.\n"
    yield f"```python\n{koan.source}```\n"
    yield f"{textwrap.fill(koan.mistake, 100, break_on_hyphens=False)}\n"
    yield "What the client sees:\n"
    yield "```text"
    yield from verdict.transcript
    yield "```\n"
    yield f"The judge: *{_plain(verdict.message)}.*\n"
    yield "<details>\n<summary>The solution</summary>\n"
    yield f"{koan.lesson}\n"
    yield f"```python\n{solution(koan)}```\n"
    yield "</details>"


def _plain(text: str) -> str:
    return text.replace("*", "\\*").replace("<", "\\<").replace("_", "\\_")


if __name__ == "__main__":
    Path(CHAPTER).write_text(chapter(), encoding="utf-8")
