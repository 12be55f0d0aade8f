"""`wsgimw static check ROOT`: what should not lie in a directory that is served, what is missing.

One line per finding, `error|warning CODE NAME: reason`. It looks at everything that is there, also
at what the layer would not serve: another server may.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple
from unicodedata import normalize

from wsgimw.codings import CODINGS
from wsgimw.http.paths import from_wsgi
from wsgimw.static.build import loader
from wsgimw.static.loading import PINNED_BEFORE, SUFFIXES
from wsgimw.static.media_types import TYPES, content_type, extension, is_compressible
from wsgimw.static.names import readable
from wsgimw.static.opening import Exhausted, Gone, Root
from wsgimw.static.versions import LEAST

_SECRET_PARTS = (".git", ".hg", ".svn", ".aws", ".ssh", ".env*", ".ht*")
_SECRETS = ("*.pem", "*.key", "*.pyc", "*.sqlite3", "*.bak", "*.swp")
_ENDINGS = {suffix: coding for coding, suffix in SUFFIXES.items()}
_STALE = "not a regular file of this content that is smaller and not older than its source"


class Finding(NamedTuple):
    """One line of the report."""

    severity: str
    code: str
    name: str
    reason: str

    def __str__(self) -> str:
        name = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in self.name)
        return f"{self.severity} {self.code} {name}: {self.reason}"


class _Audit:
    def __init__(self, path: str) -> None:
        self.root = Root(path, 0, False)
        self.loader = loader()
        self.files: dict[str, os.stat_result] = {}
        self.all: list[str] = []

    def findings(self) -> Iterator[Finding]:
        yield from self.walk("")
        for name, st in self.files.items():
            yield from self.file(name, st)
        yield from self.collisions()

    def walk(self, folder: str) -> Iterator[Finding]:
        """Look at the kinds of all that is there; follow no link to a directory."""
        try:
            with os.scandir(self.root.join(folder[:-1])) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            yield _error("special", folder or "./", f"cannot be read: {error.strerror}")
            return
        for entry in entries:
            segment = entry.name.decode("latin-1")
            name = folder + segment
            self.all.append(name)
            secret = _is_secret(segment)
            if secret:
                yield _error("secret", name, f"{secret} must not be served")
            if entry.is_dir(follow_symlinks=False):
                if not secret:  # one line for all of a .git
                    yield from self.walk(f"{name}/")
            else:
                yield from self.kind(name, entry)

    def kind(self, name: str, entry: os.DirEntry[bytes]) -> Iterator[Finding]:
        try:
            st = entry.stat()
        except OSError as error:
            yield _error("broken-link", name, f"leads nowhere: {error.strerror}")
            return
        if entry.is_symlink() and not self.root.holds(os.path.realpath(entry.path)):
            yield _error("escape", name, "a link that leads out of the root")
        elif stat.S_ISREG(st.st_mode):
            self.files[name] = st
        elif not stat.S_ISDIR(st.st_mode):
            yield _error("special", name, "neither a file nor a directory")

    def file(self, name: str, st: os.stat_result) -> Iterator[Finding]:
        ending = extension(name)
        if st.st_mtime < PINNED_BEFORE:
            yield _warning("pinned-mtime", name, "its mtime is a constant, so no Last-Modified")
        if ending == ".map":
            yield _warning("source-map", name, "shows the sources of the site")
        if ending not in TYPES:
            yield _warning("unknown-type", name, "is sent as application/octet-stream")
        yield from self.siblings(name, st)

    def siblings(self, name: str, st: os.stat_result) -> Iterator[Finding]:
        there = {c: name + suffix for c, suffix in SUFFIXES.items() if name + suffix in self.files}
        wanted = is_compressible(content_type(name, {})) and st.st_size >= LEAST
        if not there and not wanted:
            return
        try:
            version, lease = self.loader.load(self.root, name)
        except (Gone, Exhausted) as problem:
            yield _error("special", name, f"cannot be read: {problem}")
            return
        lease.close()
        fresh = {content.coding for content in version.siblings}
        for coding, sibling in there.items():
            if coding not in fresh:
                yield _error("stale-sibling", sibling, _STALE)
        missing = [SUFFIXES[c] for c in SUFFIXES if c in CODINGS and c not in there]
        if wanted and missing:
            endings = ", ".join(missing)
            yield _warning("missing-sibling", name, f"no {endings}; run wsgimw static build")

    def collisions(self) -> Iterator[Finding]:
        seen: dict[str, str] = {}
        for name in self.all:
            text = from_wsgi(name)
            if text is None:
                continue
            first = seen.setdefault(normalize("NFC", normalize("NFC", text).casefold()), name)
            if first != name:
                same = f"the same as {readable(first)} where case or Unicode form do not count"
                yield _error("collision", name, same)


def findings(root: str) -> list[Finding]:
    """Return all findings about a root, in the order of their names. OSError if it is not there."""
    if not os.path.isdir(root):
        raise NotADirectoryError(f"{root!r} is not a directory")
    return sorted(_Audit(root).findings(), key=lambda found: (found.name, found.code))


def _is_secret(segment: str) -> str | None:
    for glob in (*_SECRET_PARTS, *_SECRETS):
        if fnmatchcase(segment, glob) or fnmatchcase(segment.lower(), glob):
            return glob
    return None


def _error(code: str, name: str, reason: str) -> Finding:
    return Finding("error", code, readable(name), reason)


def _warning(code: str, name: str, reason: str) -> Finding:
    return Finding("warning", code, readable(name), reason)
