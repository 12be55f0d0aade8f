"""Header lists: find, put, remove; ``Vary``, ``Cache-Control``, and the grammar of fields.

Use it on the list of ``(name, value)`` pairs that goes to ``start_response``. Names are compared
without regard to case (RFC 9110, 5.1). ``find``, ``find_all`` and ``joined`` only look. ``put``,
``remove``, ``add_vary`` and ``add_directive`` **edit the list they are given, in place**, and
nothing else: hand them a list of your own, never the app's (PROTOCOL.md, rule 12).

>>> headers = [("Content-Type", "text/html"), ("vary", "Cookie")]
>>> add_vary(headers, "Accept-Encoding")
>>> add_directive(headers, "private")
>>> headers
[('Content-Type', 'text/html'), ('vary', 'Cookie, Accept-Encoding'), ('Cache-Control', 'private')]

A layer that looks at many names in each response makes one pass of its own over the list; this is
for those that look at one or two. What ``Vary`` and ``Cache-Control`` mean is remembered by their
text, bounded. No function raises for anything that a field may hold, and each takes time linear in
it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, TypeAlias

Headers: TypeAlias = list[tuple[str, str]]

# Longer texts are worked out each time: what is remembered is memory that a client could fill.
_REMEMBERED = 1024

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_FIELD_VALUE = re.compile(r"[ -~\x80-\xff]*").fullmatch
# A quoted string that nobody closes runs to the end; possessive, so that it is looked for once.
_QUOTED = r'"(?:[^"\\]++|\\.)*+'
_MEMBERS = {
    separator: re.compile(rf'(?:[^"{separator}]++|{_QUOTED}"?+)++', re.DOTALL).findall
    for separator in (",", ";")
}
_CLOSED = re.compile(rf'(?:[^"]++|{_QUOTED}")*+', re.DOTALL).fullmatch
_CONTENT = re.compile(_QUOTED, re.DOTALL).match
_PAIR = re.compile(r"\\(.)", re.DOTALL)
_NONE: Mapping[str, str | None] = MappingProxyType({})


def is_token(text: str) -> bool:
    """Is it a token, as names of fields, codings, directives and methods are? RFC 9110, 5.6.2.

    >>> is_token("X-Request-ID"), is_token("X Request"), is_token("")
    (True, False, False)
    """
    return _TOKEN(text) is not None


def is_field_value(text: str) -> bool:
    r"""Is it latin-1 without control characters? PROTOCOL.md, rule 13; RFC 9110, 5.5.

    PEP 3333 is the stricter one here: it allows no control character, so no TAB either.

    >>> is_field_value("caf\xe9; a=1"), is_field_value("a\r\nb"), is_field_value("\u20ac")
    (True, False, False)
    """
    return _FIELD_VALUE(text) is not None


def split_list(text: str, separator: Literal[",", ";"] = ",") -> list[str]:
    """Split a field into its members, quoted strings left whole. RFC 9110, 5.6.1, 5.6.4.

    Spaces and tabs round a member and empty members are dropped. A quoted string that is never
    closed runs to the end.

    >>> split_list('a, "b, c" ;d=",",,e')
    ['a', '"b, c" ;d=","', 'e']
    """
    parts = _MEMBERS[separator](text) if '"' in text else text.split(separator)
    return [member for part in parts if (member := part.strip(" \t"))]


def find(headers: Headers, name: str) -> str | None:
    """Give the value of the first field of that name, or None.

    >>> find([("content-type", "text/html")], "Content-Type")
    'text/html'
    """
    size = len(name)
    folded = name.lower()
    for key, value in headers:
        if len(key) == size and (key == name or key.lower() == folded):
            return value
    return None


def find_all(headers: Headers, name: str) -> list[str]:
    """Give the values of all fields of that name, in order.

    >>> find_all([("Set-Cookie", "a=1"), ("set-cookie", "b=2")], "Set-Cookie")
    ['a=1', 'b=2']
    """
    size = len(name)
    folded = name.lower()
    return [value for key, value in headers if len(key) == size and key.lower() == folded]


def joined(headers: Headers, name: str) -> str | None:
    """Give all lines of a list field as the one value they stand for, or None. RFC 9110, 5.3.

    >>> joined([("Cache-Control", "no-store"), ("cache-control", "private")], "Cache-Control")
    'no-store, private'
    """
    lines = find_all(headers, name)
    return ", ".join(lines) if lines else None


def put(headers: Headers, name: str, value: str) -> None:
    """Make it the one field of that name, in place: where the first stood, else at the end.

    >>> headers = [("etag", '"a"'), ("Server", "x"), ("ETag", '"b"')]
    >>> put(headers, "ETag", '"c"')
    >>> headers
    [('ETag', '"c"'), ('Server', 'x')]
    """
    at = _places(headers, name)
    if not at:
        headers.append((name, value))
        return
    headers[at[0]] = (name, value)
    for index in reversed(at[1:]):
        del headers[index]


def remove(headers: Headers, *names: str) -> None:
    """Take out every field of these names, in place.

    >>> headers = [("Digest", "x"), ("Server", "y"), ("content-md5", "z")]
    >>> remove(headers, "Content-MD5", "Digest")
    >>> headers
    [('Server', 'y')]
    """
    gone = {name.lower() for name in names}
    kept = [item for item in headers if item[0].lower() not in gone]
    if len(kept) != len(headers):
        headers[:] = kept


def add_vary(headers: Headers, *fields: str) -> None:
    """Merge names of request fields into ``Vary``, in place. RFC 9110, 12.5.5.

    Names are compared as whole tokens, without regard to case, over all lines; none is doubled, and
    lines that have them all stay as they are. Otherwise the lines become one, where the first
    stood. A ``*`` stays alone: it says more than any name could.

    >>> headers = [("Vary", "Cookie"), ("vary", "X-Accept-Encoding")]
    >>> add_vary(headers, "Accept-Encoding", "cookie")
    >>> headers
    [('Vary', 'Cookie, X-Accept-Encoding, Accept-Encoding')]
    """
    at = _places(headers, "Vary")
    lines = tuple([headers[index][1] for index in at])
    value = merged_vary(lines, fields)
    if value is None:
        return
    if at:
        put(headers, headers[at[0]][0], value)
    else:
        headers.append(("Vary", value))


@lru_cache(256)
def merged_vary(lines: tuple[str, ...], fields: tuple[str, ...]) -> str | None:
    """Give the one ``Vary`` line that lines and fields make, or None where the lines are enough.

    This is ``add_vary`` for a layer that has already found the lines.

    >>> merged_vary(("Cookie",), ("Origin",)), merged_vary(("*",), ("Origin",))
    ('Cookie, Origin', None)
    """
    held, wanted = _members(lines), _members(fields)
    if "*" in held or wanted.keys() <= held.keys():
        return None
    return "*" if "*" in wanted else ", ".join((held | (wanted | held)).values())


def _members(lines: tuple[str, ...]) -> dict[str, str]:
    """Map the folded name of each member to its first spelling, in order."""
    members: dict[str, str] = {}
    for member in split_list(",".join(lines)):
        members.setdefault(member.lower(), member)
    return members


def directives(field: str | None) -> Mapping[str, str | None]:
    """Read a ``Cache-Control`` value, in lower case, with the arguments. RFC 9111, 5.2.

    Give it ``joined(headers, "Cache-Control")`` of a response or ``HTTP_CACHE_CONTROL`` of a
    request. A directive without an argument has None. Of several with one name the first counts,
    but one without an argument comes before all: ``private`` is stricter than ``private="x"``. What
    has no token for a name is no directive. The mapping is read-only and shared.

    >>> dict(directives('Private="a, no-store", max-age=60, no-cache'))
    {'private': 'a, no-store', 'max-age': '60', 'no-cache': None}
    """
    if not field:
        return _NONE
    return (_directives if len(field) <= _REMEMBERED else _directives.__wrapped__)(field)


@lru_cache(256)
def _directives(field: str) -> Mapping[str, str | None]:
    found: dict[str, str | None] = {}
    for member in split_list(field):
        name, equals, argument = member.partition("=")
        name = name.rstrip(" \t").lower()
        if not equals:
            found[name] = None
        elif name not in found:
            found[name] = _unquoted(argument.lstrip(" \t"))
    return MappingProxyType({name: found[name] for name in found if is_token(name)})


def _unquoted(argument: str) -> str:
    quoted = _CONTENT(argument)
    return _PAIR.sub(r"\1", quoted[0][1:]) if quoted else argument


def has_directive(field: str | None, name: str) -> bool:
    """Does a ``Cache-Control`` value hold the directive ``name``, with an argument or without?

    It is compared as a token: ``x-no-transform`` or a quoted ``"no-transform"`` is another thing.

    >>> has_directive("max-age=60, No-Transform", "no-transform")
    True
    >>> has_directive('a="x, no-transform"', "no-transform"), has_directive(None, "public")
    (False, False)
    """
    return name.lower() in directives(field)


def add_directive(headers: Headers, directive: str) -> None:
    """Add a directive such as ``private`` or ``max-age=60`` to ``Cache-Control``, in place.

    One that is there stays as it is, whatever its argument; but ``private`` is added to a
    ``private="x"``, which protects only the field x (RFC 9111, 5.2.2.7). It joins the first line.

    >>> headers = [("Cache-Control", "max-age=60")]
    >>> add_directive(headers, "private")
    >>> headers
    [('Cache-Control', 'max-age=60, private')]
    """
    name, argument = directive.partition("=")[::2]
    held = directives(joined(headers, "Cache-Control"))
    if name.lower() in held and (argument or held[name.lower()] is None):
        return
    for index in _places(headers, "Cache-Control"):
        key, line = headers[index]
        # Behind a quoted string that is never closed nobody would see it.
        members = [line, directive] if _CLOSED(line) else [directive, line]
        headers[index] = (key, ", ".join(filter(None, members)))
        return
    headers.append(("Cache-Control", directive))


def _places(headers: Headers, name: str) -> list[int]:
    size = len(name)
    folded = name.lower()
    return [
        index
        for index, (key, _) in enumerate(headers)
        if len(key) == size and key.lower() == folded
    ]
