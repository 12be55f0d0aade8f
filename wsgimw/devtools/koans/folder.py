"""The learner's directory: what `wsgimw koans new DIR` writes."""

from __future__ import annotations

from pathlib import Path

from wsgimw.devtools.koans.lessons import KOANS
from wsgimw.devtools.koans.progress import NAME

README = """\
# Koans

Here are {count} small WSGI layers, and each is broken in one place. Repair them in order:

    wsgimw koans check {directory}

says which one is next, which rule it breaks, what a client saw, and gives a hint. Edit that file,
save it, and ask again. As long as the same thing is wrong, each call gives a bigger hint.

The comment at the top of a file says what the layer is meant to do: it must still do it when you
are done. `print()` works, its output is shown. A koan is not judged by what a later koan teaches.

In the transcript `>` is what the client asked, `<` what it got, `*` what happened behind the
scenes, and `!` what went wrong.

To begin a koan anew, write a second directory with `wsgimw koans new` and copy the file from it.
To be judged anew on everything, delete `{memory}`.
"""


class NotEmpty(Exception):
    """The directory holds what would be overwritten; the text says so."""


def write(directory: Path, shown: str) -> None:
    """Write all koans and a README into `directory`, which is made if it is not there.

    Raises `NotEmpty`, and writes nothing, if one of the files is there already; `OSError` if the
    directory cannot be written.
    """
    files = {koan.name: koan.source for koan in KOANS}
    files["README.md"] = README.format(count=len(KOANS), directory=shown, memory=NAME)
    directory.mkdir(parents=True, exist_ok=True)
    there = [name for name in (*files, NAME) if (directory / name).exists()]
    if there:
        raise NotEmpty(
            f"{shown} holds {there[0]} already, and nothing is overwritten; name another directory"
        )
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
