"""`wsgimw koans new|check`: the command."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from wsgimw.devtools.koans import folder
from wsgimw.devtools.koans.judge import Verdict
from wsgimw.devtools.koans.lessons import KOANS, Koan, named
from wsgimw.devtools.koans.progress import Progress
from wsgimw.devtools.koans.trial import try_koan
from wsgimw.testing.probes import RULES

WIDTH = 88
COLOURS = {"!": "31", "<": "36", ">": "36", "*": "2"}  # by the mark of a transcript's line
GREEN, RED, BOLD = "32", "31", "1"


class NoKoans(Exception):
    """The directory holds no koans; the text says what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the two actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    action = actions.add_parser("new", help="write the koans into a directory")
    action.add_argument("directory", metavar="DIR", help="is made if it is not there")
    action = actions.add_parser("check", help="judge them, up to the first that is broken")
    action.add_argument("directory", metavar="DIR", help="the directory with the koans")


def run(options: argparse.Namespace) -> int:
    """Do what was asked; return the exit status: 1 for a koan that is broken.

    Raises `folder.NotEmpty`, `NoKoans` or `OSError` for a directory that cannot be used.
    """
    directory = Path(options.directory)
    shown = shlex.quote(options.directory)
    if options.action == "new":
        folder.write(directory, shown)
        print(f"{len(KOANS)} koans are in {shown}, each a small layer that is broken in one place.")
        print("To see what is wrong with the first one:\n")
        print(f"    wsgimw koans check {shown}")
        return 0
    return int(not check(directory, shown))


def check(directory: Path, shown: str) -> bool:
    """Judge the koans in order up to the first that is broken; tell whether all passed."""
    if not any((directory / koan.name).exists() for koan in KOANS):
        raise NoKoans(f"{shown} holds no koans; write them with: wsgimw koans new {shown}")
    progress = Progress(directory)
    for koan in KOANS:
        path = directory / koan.name
        if not path.is_file():
            _say(_bar(koan.number - 1))
            _say(f"\n{koan.name} is not there. To get it back, write a second directory with")
            _say("`wsgimw koans new` and copy the file from it.")
            return False
        if progress.has_passed(path):
            continue
        verdict = try_koan(koan, path)
        if verdict.kind != "passed":
            times = progress.asked(koan.name, verdict.finding)
            progress.keep()
            _say(_bar(koan.number - 1))
            _say("\n".join(_page(koan, verdict, times, path, shown)))
            return False
        progress.passes(path)
        progress.keep()
        first, *rest = _wrap(f"passed  {koan.name}: {koan.lesson}", 8)
        _say("\n".join([first.replace("passed", _paint("passed", GREEN), 1), *rest]))
    _say(_bar(len(KOANS)))
    _say(FAREWELL)
    return True


FAREWELL = """
All of them keep the rules, and so will your own layers: hold each to the same judge.

    wsgimw check MODULE:LAYER        what judged you, all rules at once
    wsgimw demo                      a whole stack at work, to look at

Next: write a layer of your own. README.md of wsgimw shows three ways to do it; with the third,
@layer, it reads from top to bottom, and close(), write() and exc_info are kept for you."""


def _say(text: str) -> None:
    """Print on whatever the terminal is: a koan has text that not all encodings know."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def _bar(done: int) -> str:
    """Show how far the learner is."""
    count = len(KOANS)
    return f"{_paint('#' * done, GREEN)}{'.' * (count - done)}  {done} of {count}"


def _page(koan: Koan, verdict: Verdict, times: int, path: Path, shown: str) -> Iterator[str]:
    """Say what is wrong with a koan."""
    yield f"\n{_paint(f'{koan.name}: {koan.topic}', BOLD)}\n"
    yield from _finding(koan, verdict)
    if verdict.transcript:
        yield "\nWhat the client saw:"
        yield from (_coloured(line) for line in verdict.transcript)
    if verdict.printed.strip():
        yield "\nWhat the koan printed:"
        yield from textwrap.indent(verdict.printed.rstrip(), "  ").splitlines()
    hints = hints_for(koan, verdict)
    place = min(times, len(hints))
    yield ""
    yield from _wrap(f"Hint {place} of {len(hints)}: {hints[place - 1]}")
    again = "" if place == len(hints) else " (as it is, for a bigger hint)"
    yield f"\nEdit {shlex.quote(str(path))}, then ask again{again}:\n"
    yield f"    wsgimw koans check {shown}"


def _finding(koan: Koan, verdict: Verdict) -> Iterator[str]:
    """Name what is broken, in the words of the rules."""
    if verdict.kind == "broken":
        title, source = named(verdict.rule)
        number = "The law of order" if verdict.rule is None else f"Rule {verdict.rule}"
        yield _paint(f"{number} is broken: {title}", RED)
        yield f"  {source}"
        if verdict.rule != koan.rule:
            yield from _wrap("  That is not the rule that this koan began with.")
    elif verdict.kind == "lost":
        yield _paint(f"{koan.layer} does not do what it is meant to do", RED)
    else:
        yield _paint(f"{koan.layer} cannot be judged yet", RED)
    for line in verdict.message.splitlines():
        yield from _wrap(f"  {line}")


def hints_for(koan: Koan, verdict: Verdict) -> tuple[str, ...]:
    """Return the hints, each bigger than the one before."""
    if verdict.kind == "trouble":
        return ("The message says where. The rules are judged when the layer can be called.",)
    if verdict.kind == "lost":
        return (
            "The comment at the top of the file says what the layer is meant to do.",
            f"It should not be repaired by taking away what it does. The rule: {koan.lesson}",
            f"Begin anew: `wsgimw koans new` writes a fresh {koan.name} into another directory.",
        )
    if verdict.rule == koan.rule:
        return koan.hints
    rule = RULES[verdict.rule or 0]
    return (rule.why, rule.text)


def _wrap(text: str, hang: int = 0) -> list[str]:
    indent = " " * (hang or len(text) - len(text.lstrip()))
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False) or [""]


def _coloured(line: str) -> str:
    mark = next((word for word in line.split()[:2] if word in COLOURS), "")
    return f"  {_paint(line, COLOURS[mark]) if mark else line}"


def _paint(text: str, colour: str) -> str:
    """Colour a text, on a terminal, unless somebody asked for `NO_COLOR`."""
    if not text or os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return f"\x1b[{colour}m{text}\x1b[0m"
