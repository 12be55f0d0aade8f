"""Entity tags: the grammar of ``ETag``, ``If-Match`` and ``If-None-Match``. RFC 9110, 8.8.3, 13.1.

Use it to read the members of a conditional field, or to see whether a value is an entity tag at
all. A tag is ``[W/]"..."`` with ``%x21 / %x23-7E / %x80-FF`` inside, so a comma may stand in it, a
space or a quote may not; ``W`` is case-sensitive.

>>> entity_tags('"a,b", W/"c", unquoted,, "d"')
['"a,b"', 'W/"c"', '"d"']

No function raises for anything that a field may hold, and each takes time linear in it.
"""

from __future__ import annotations

import re

_OPAQUE = r'"[!#-~\x80-\xff]*+"'
_STRONG = re.compile(_OPAQUE).fullmatch
_MEMBER = re.compile(rf"((?:W/)?{_OPAQUE})[ \t]*+(?=,|\Z)").match
_BETWEEN = re.compile(r"[ \t,]*+").match


def is_strong(etag: str) -> bool:
    """Is it a well-formed entity tag, and not a weak one?

    >>> is_strong('"a"'), is_strong('W/"a"'), is_strong("a"), is_strong('"a b"')
    (True, False, False, False)
    """
    return _STRONG(etag) is not None


def entity_tags(field: str) -> list[str]:
    """Read the members of a conditional field, ``W/`` and quotes kept.

    A member that is no entity tag is left out, the others still count. ``*`` is none.

    >>> entity_tags('"a", b", W/"", w/"c"'), entity_tags("*")
    (['"a"', 'W/""'], [])
    """
    tags: list[str] = []
    place = 0
    while True:
        between = _BETWEEN(field, place)
        place = between.end() if between else place
        member = _MEMBER(field, place)
        if member:
            tags.append(member[1])
            place = member.end()
            continue
        place = field.find(",", place)
        if place < 0:
            return tags
