"""Entity tags of coded bodies: one for each coding, and back again. RFC 9110, 8.8.3.3.

A strong tag says "these very bytes", so the body that is sent in gzip needs another one than the
plain one. `Compress` writes the coding into the tag, and takes it out again where a client sends
the tag back; nothing is weakened (that would destroy `If-Match`), nothing is remembered.

>>> coded_tag('"x"', "gzip"), coded_tag('W/"x"', "gzip")
('"x--gzip"', 'W/"x"')
>>> field, held = with_plain_tags('"a", W/"x--gzip"', "gzip")
>>> field, held
('"a", W/"x--gzip", "x"', {'"x"': '"x--gzip"'})
>>> for_if_match('"x--br", W/"y--gzip"')
'"x--br", W/"y--gzip", "x", W/"y"'

Tags are added, never replaced: an app that makes such tags of its own still finds them. What is no
entity tag, and `*`, stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from wsgimw.codings import LEVELS
from wsgimw.http.validators import entity_tags, is_strong

__all__ = ["coded_tag", "for_if_match", "with_plain_tags"]

_MARK = "--"
_ENDS = tuple(f'{_MARK}{coding}"' for coding in LEVELS)
_NONE: Mapping[str, str] = MappingProxyType({})


def coded_tag(etag: str, coding: str) -> str:
    """Return the tag of the coded body; a weak or malformed one stays."""
    return f'{etag[:-1]}{_MARK}{coding}"' if is_strong(etag) else etag


def with_plain_tags(field: str, coding: str) -> tuple[str, Mapping[str, str]]:
    """Add to an `If-None-Match` the plain form of each tag of ours for this coding.

    Return the field, and which coded tag each added one stands for. The tags of other codings get
    nothing: their client holds a body that it would not be sent now. A tag of ours that a proxy has
    made weak counts: the comparison is the weak one (13.1.2), and the app's own tag is strong.
    """
    end = f'{_MARK}{coding}"'
    if end not in field:
        return field, _NONE
    tags = entity_tags(field)
    held = {
        tag[:-1].removeprefix("W/").removesuffix(end[:-1]) + '"': tag.removeprefix("W/")
        for tag in tags
        if tag.endswith(end)
    }
    return _with(field, tags, list(held)), held


def for_if_match(field: str) -> str:
    """Add to an `If-Match` the plain form of each tag of ours, whatever its coding; weak ones weak.

    The client asks whether the thing is still what it was, and no coding changes that.
    """
    if _MARK not in field:
        return field
    tags = entity_tags(field)
    plain = [tag.removesuffix(end) + '"' for tag in tags for end in _ENDS if tag.endswith(end)]
    return _with(field, tags, plain)


def _with(field: str, tags: list[str], more: list[str]) -> str:
    new = [tag for tag in dict.fromkeys(more) if tag not in tags]
    return ", ".join([field, *new])
