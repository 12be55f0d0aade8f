"""The index as a file: names with size, time and tag, written by `wsgimw static build --snapshot`.

It speeds up the start and carries hashes; the disk has the last word, since size and mtime must
agree when a file is first asked for.

    {"version": 1, "files": {"css/app.css": [1234, 1700000000000000000, "47DEQpj8HBSa-_TI"]}}
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from typing import Any, TypeAlias

log = logging.getLogger("wsgimw.static")

FORMAT = 1

Entries: TypeAlias = Mapping[str, Any]
"""By name (a WSGI string): `[size, mtime_ns, tag]`."""


def write(file: str, entries: Entries) -> None:
    """Write a snapshot, whole or not at all."""
    files = {_text(name): entry for name, entry in sorted(entries.items())}
    temporary = f"{file}.{os.getpid()}.tmp"
    try:
        with open(temporary, "w", encoding="ascii") as out:
            json.dump({"version": FORMAT, "files": files}, out, separators=(",", ":"))
        os.replace(temporary, file)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def read(file: str) -> Entries | None:
    """Read a snapshot; None, with one warning, for one that is missing or broken."""
    try:
        with open(file, "rb") as source:
            found = json.loads(source.read())
        if found["version"] != FORMAT:
            raise ValueError(f"its version is {found['version']!r}, not {FORMAT}")
        files: dict[str, Any] = found["files"]
        _check(files)
        if not all(map(str.isascii, files)):
            files = {_wsgi(name): entry for name, entry in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        log.warning("static files: the snapshot %s is not used: %s", file, error or type(error))
        return None
    return files


def _check(files: dict[str, Any]) -> None:
    """Refuse names that no scan would have found: a snapshot must lead nowhere else."""
    names = "\n".join(files)
    lines = f"\n{names}\n".replace("/", "\n")
    if any(part in lines for part in ("\n.\n", "\n..\n", "\0")) or (files and "\n\n" in lines):
        raise ValueError("it has a name that is no path below a root")
    if names.count("\n") + 1 != len(files) and files:
        raise ValueError("it has a name with a line end")
    # Column by column: a loop over all entries would take longer than reading them.
    columns = [set(map(type, column)) for column in zip(*files.values(), strict=True)]
    if files and columns != [{int}, {int}, {str}]:
        raise ValueError("it has an entry that is not [size, mtime_ns, tag]")


def _text(name: str) -> str:
    return name.encode("latin-1").decode("utf-8", "surrogateescape")


def _wsgi(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("latin-1")
