"""Read what a Router matches from an environ: the path, split into texts, and the host.

PATH_INFO is decoded once, as strict UTF-8, and never percent-decoded again. With `keep` the raw
request target is split first, so that a `%2F` stays inside its segment; it counts only while it is
the same path as SCRIPT_NAME + PATH_INFO: otherwise some layer has rewritten that, and is right.

>>> environ = {"PATH_INFO": "/files/a/b", "REQUEST_URI": "/files/a%2Fb?x=1"}
>>> read(environ, keep=False).texts, read(environ, keep=True).texts
(['', 'files', 'a', 'b'], ['', 'files', 'a/b'])
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from wsgimw.http.paths import from_wsgi, unescape

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


class Reading(NamedTuple):
    """A path as it is matched."""

    texts: list[str]
    """Its segments, with an empty text in front; what follows `valid` is no text."""
    valid: int
    """How many of `texts` are valid UTF-8, from the left."""
    path: str | None
    """All of it, unless a slash stays inside a segment."""
    raw: list[str] | None = None
    """The WSGI strings of `texts` where the raw form was split."""
    raw_whole: list[str] | None = None
    """The same with the segments of SCRIPT_NAME in front."""

    @property
    def whole(self) -> bool:
        """Is all of it text?"""
        return self.valid == len(self.texts)

    @classmethod
    def of_text(cls, path: str) -> Reading:
        """Read decoded text; lone surrogates are no text."""
        texts = path.split("/")
        if path.isascii():
            return cls(texts, len(texts), path)
        valid = next((at for at, text in enumerate(texts) if not _is_text(text)), len(texts))
        return cls(texts, valid, path)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read(environ: WSGIEnvironment, *, keep: bool) -> Reading:
    """Read the path of a request."""
    script: str = environ.get("SCRIPT_NAME", "")
    came: str = environ.get("PATH_INFO", "") or ("" if script else "/")
    if keep:
        whole = _raw_segments(environ, script + came)
        below = _below(whole, script) if whole else None
        if below:
            return _decoded(below, below, whole)
    return _decoded(came.split("/"))


def _decoded(
    segments: list[str], raw: list[str] | None = None, whole: list[str] | None = None
) -> Reading:
    decoded = [from_wsgi(segment) for segment in segments]
    valid = decoded.index(None) if None in decoded else len(decoded)
    texts = [text or "" for text in decoded]
    path = None if any("/" in text for text in texts) else "/".join(texts)
    return Reading(texts, valid, path, raw, whole)


def _raw_segments(environ: WSGIEnvironment, path: str) -> list[str] | None:
    """Split the raw target into WSGI strings; None if it holds no encoded slash, or is not ours."""
    target = environ.get("REQUEST_URI") or environ.get("RAW_URI")
    if not isinstance(target, str) or "%2f" not in target.lower():
        return None
    target = target.partition("?")[0]
    if origin := _ORIGIN.match(target):
        target = target[origin.end() :]
    try:
        segments = [
            unescape(segment.encode("latin-1")).decode("latin-1") for segment in target.split("/")
        ]
    except UnicodeEncodeError:
        return None
    return segments if "/".join(segments) == path else None


def _below(segments: list[str], script: str) -> list[str] | None:
    """Take SCRIPT_NAME off, if it ends on a segment."""
    length = 0
    for at, segment in enumerate(segments):
        length += len(segment) + (at > 0)
        if length == len(script):
            return ["", *segments[at + 1 :]]
        if length > len(script):
            break
    return None


def host_of(environ: WSGIEnvironment) -> str:
    """Return the host that a request names, as it came; `""` for none."""
    host: str = environ.get("HTTP_HOST") or environ.get("SERVER_NAME") or ""
    # SERVER_NAME holds an IPv6 address bare.
    return f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host
