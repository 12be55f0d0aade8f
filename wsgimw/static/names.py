"""Names below a root: which of them exist for a client, and what their fingerprinted form is.

A name is the path below the root with `/`, as a WSGI string (each character one byte of the file
name), so that names that are not UTF-8 work and no request is decoded.

>>> tagged("css/app.min.css", "47DEQpj8HBSa-_TI")
'css/app.min.~47DEQpj8HBSa-_TI.css'
>>> untagged("css/app.min.~47DEQpj8HBSa-_TI.css")
('css/app.min.css', '47DEQpj8HBSa-_TI')
>>> untagged("css/app.css") is None
True
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import translate
from unicodedata import normalize

from wsgimw.http.paths import from_wsgi, to_wsgi

_TAGGED = re.compile(r"\.~([A-Za-z0-9_-]{16})(\.[^./]*)?\Z").search
_LONGEST_ENDING = 255
"""File names have at most 255 bytes; only so much of a path is searched for a tag."""

_NEAREST_OF = 5_000


def readable(name: str) -> str:
    """Return a name as text where its bytes are UTF-8, else as the WSGI string that it is."""
    text = from_wsgi(name)
    return name if text is None else text


def composed(name: str) -> str | None:
    """Return the NFC form of a name as a WSGI string, or None where it is the same.

    >>> composed(to_wsgi("cafe\\u0301")) == to_wsgi("caf\\u00e9"), composed("a.css")
    (True, None)
    """
    text = None if name.isascii() else from_wsgi(name)
    if text is None:
        return None
    form = normalize("NFC", text)
    return None if form == text else to_wsgi(form)


def tagged(name: str, tag: str) -> str:
    """Put a content tag into a name: before the last extension, or at the end.

    >>> tagged("LICENSE", "47DEQpj8HBSa-_TI"), tagged("d.x/.rc", "47DEQpj8HBSa-_TI")
    ('LICENSE.~47DEQpj8HBSa-_TI', 'd.x/.rc.~47DEQpj8HBSa-_TI')
    """
    start = name.rfind("/") + 1
    dot = name.rfind(".", start + 1)
    if dot < 0:
        dot = len(name)
    return f"{name[:dot]}.~{tag}{name[dot:]}"


def untagged(path: str) -> tuple[str, str] | None:
    """Return the plain form of a fingerprinted name or path, and its tag; None for any other."""
    end = path[-_LONGEST_ENDING:]
    found = _TAGGED(end)
    if found is None or found.start() == 0 or end[found.start() - 1] == "/":
        return None
    cut = len(path) - len(end) + found.start()
    return path[:cut] + (found[2] or ""), found[1]


def visibility(dotfiles: bool, hide: Sequence[str]) -> Callable[[str, str], bool]:
    """Make the question whether a name exists for clients, given its last segment and all of it.

    >>> exists = visibility(False, ("*.map", "drafts/*"))
    >>> [exists(n.rpartition("/")[2], n) for n in (".env", ".well-known", "a.map", "drafts/x")]
    [False, True, False, False]
    """
    hidden = re.compile("|".join(translate(readable(glob)) for glob in hide)).match
    if not hide:
        if dotfiles:
            return _always
        return _is_no_dotfile

    def exists(segment: str, name: str) -> bool:
        if not dotfiles and not _is_no_dotfile(segment, name):
            return False
        return not (hidden(readable(segment)) or hidden(readable(name)))

    return exists


def _always(segment: str, name: str) -> bool:
    return True


def _is_no_dotfile(segment: str, name: str) -> bool:
    return segment[0] != "." or segment == ".well-known"


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the name that a mistaken one was perhaps meant to be.

    >>> nearest("css/ap.css", ["js/app.js", "css/app.css"])
    'css/app.css'
    """
    import difflib  # only for this message

    known = [*names]
    if len(known) > _NEAREST_OF:  # comparing takes some microseconds each
        first = name[:1]
        known = [other for other in known if other[:1] == first][:_NEAREST_OF]
    found = difflib.get_close_matches(name, known, n=1)
    return found[0] if found else None
