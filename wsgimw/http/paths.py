r"""Request paths: decoded, read in every way that matters, and percent-encoded.

Use it wherever the path of a request is compared with something: a guard that looks at PATH_INFO
alone is passed by ``//admin``, ``/ADMIN``, ``/admin;x`` or ``/%61dmin`` as soon as something behind
it tidies the path up. Do not use it to look up files: those are found by the name as it arrives.

>>> readings({"PATH_INFO": "/admin/users"})     # its own canonical form: one reading
('/admin/users',)
>>> readings({"PATH_INFO": "//Admin;v=1/%75sers."})
('//Admin;v=1/%75sers.', '/admin/users')
>>> readings({"PATH_INFO": "/public/../admin"}) is None
True

A **WSGI string** is what stands in ``environ``, each character one byte (PEP 3333, "Unicode
Issues"); **text** is what ``from_wsgi`` makes of it; an **encoded** path is ASCII.

Reads ``PATH_INFO``, changes nothing; a plain lower-case ASCII path costs one regular expression.
Every function is linear in its input, and none raises for anything that a request may hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from unicodedata import combining, normalize

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# Segments of printable ASCII without `%`, `;`, `\` and capitals that do not end in a dot or a space
# (first those without any, which are the many). Possessive throughout: no input makes it go back.
_CLEAN = r"[!-$&-\-0-:<-@\[\]-~]++"
_PLAIN = re.compile(rf"/(?:{_CLEAN}/)*+(?:[. ]*+{_CLEAN}/?+)*+").fullmatch
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]").search
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")

# Whatever NFKD begins with a combining mark lies in here, and some symbols besides.
_MARKS = re.compile(r"(?:[^\w\x00-\x7f]|[\uff9e\uff9f]){31,}")
_MARKS_MAX = 30  # the bound of Unicode's stream-safe text format (UAX 15, section 13)
_ROUNDS = 4


def from_wsgi(text: str) -> str | None:
    """Decode a WSGI string as strict UTF-8, or give None where its bytes are no UTF-8.

    Also None for what is no WSGI string at all. ASCII comes back as the same object.

    >>> from_wsgi("/caf\xc3\xa9")
    '/café'
    >>> from_wsgi("/caf\xe9") is None
    True
    """
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return None


def to_wsgi(text: str) -> str:
    """Turn text into a WSGI string: its UTF-8 bytes, one character each.

    UnicodeEncodeError (a ValueError) for a lone surrogate, which no UTF-8 can hold.

    >>> to_wsgi("/é")
    '/Ã©'
    """
    return text if text.isascii() else text.encode("utf-8").decode("latin-1")


def unescape(data: bytes) -> bytes:
    """Decode each ``%XX`` once; a malformed escape stays text. RFC 3986, 2.1.

    >>> unescape(b"a%2Fb%252F%zz%")
    b'a/b%2F%zz%'
    """
    return _ESCAPE.sub(lambda escape: bytes((int(escape[1], 16),)), data)


def pep_path(environ: WSGIEnvironment) -> str:
    r"""Give ``PATH_INFO`` in the form of PEP 3333, where what the server gave can be told from it.

    Characters above U+00FF are no bytes: such a path is text, and becomes its UTF-8. More can be
    told where the server gives the target of the request as well (``RAW_URI``, ``REQUEST_URI``, an
    ASGI ``raw_path``): a path that is still encoded, is its text, or has U+FFFD in the place of
    what is no UTF-8 becomes the bytes that came. All else stays as it is: something may have
    rewritten it, and cheroot leaves ``%2F`` alone on purpose.

    >>> pep_path({"PATH_INFO": "/\u20ac"}), pep_path({"PATH_INFO": "/a%20b", "RAW_URI": "/a%20b?c"})
    ('/â\x82¬', '/a b')
    >>> pep_path({"PATH_INFO": "/a%20b", "RAW_URI": "/a%2520b"}), pep_path({"PATH_INFO": "/a"})
    ('/a%20b', '/a')
    """
    path: str = environ.get("PATH_INFO") or ""
    if path.isascii() and "%" not in path:
        return path
    prefix: str = environ.get("SCRIPT_NAME") or ""
    raw = _raw_path(environ)
    came = unescape(raw)
    true, text = came.decode("latin-1"), came.decode("utf-8", "replace")
    whole = prefix + path
    given = (raw.decode("latin-1"), text, to_wsgi(text))
    if raw and whole != true and whole in given and true.startswith(prefix):
        return true[len(prefix) :]
    try:
        return path if max(path) < "\u0100" else to_wsgi(path)
    except UnicodeEncodeError:
        return path


def _raw_path(environ: WSGIEnvironment) -> bytes:
    """Give the path of the request's target as it came, or nothing where it is not known."""
    target = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if target is None:
        scope = environ.get("asgi.scope")
        target = scope.get("raw_path") if isinstance(scope, dict) else None
    if isinstance(target, str):
        target = target.encode("latin-1", "replace")
    if not isinstance(target, bytes) or not target.startswith(b"/"):
        return b""
    return target.partition(b"?")[0]


def readings(environ: WSGIEnvironment) -> tuple[str, ...] | None:
    r"""Read the path of a request in each way in which something downstream may read it.

    The first reading is ``PATH_INFO`` decoded, the second, where it differs, its ``canonical``
    form. None: it cannot be decided, its bytes are not UTF-8 or it has no canonical form. An empty
    or absent path is ``/``.

    >>> readings({}), readings({"PATH_INFO": "/Docs"})
    (('/',), ('/Docs', '/docs'))
    >>> readings({"PATH_INFO": "/a\tb"}) is None
    True
    """
    came = environ.get("PATH_INFO") or "/"
    if _PLAIN(came):
        return (came,)
    text = from_wsgi(came)
    form = None if text is None else canonical(text)
    if text is None or form is None:
        return None
    return (text,) if form == text else (text, form)


def canonical(path: str) -> str | None:
    r"""Give the one form of a decoded path that all its disguises share, or None.

    In this order: backslash to slash, percent-decoded once more, ``;params`` cut per segment,
    trailing dots and spaces of a segment cut, ``//`` collapsed, NFKC and case fold; a leading slash
    is supplied (routers do so too), save to the ``*`` of ``OPTIONS *``. Repeated until nothing
    changes, since a step may uncover work for an earlier one (NFKC makes a slash of U+FF0F, a ``%``
    of U+FF05): the result is a fixed point.

    None: a control character; escapes that are not UTF-8; a segment of only dots and spaces; a lone
    surrogate; over 30 combining marks on end (sorting them is quadratic); more than four rounds.

    >>> canonical("/x\\Docs/%2565n.;v=2//"), canonical("/\uff21dmin\uff0f\uff05\uff16\uff11")
    ('/x/docs/en/', '/admin/a')
    >>> canonical("/a/\u2025/b") is None
    True
    """
    path = path or "/"
    for _ in range(_ROUNDS):
        if _PLAIN(path):
            return path
        form = _fold(path)
        if form is None or form == path:
            return form
        path = form
    return None


def _fold(path: str) -> str | None:
    """Go through the steps of ``canonical`` once."""
    try:
        text = unescape(path.encode("utf-8")).decode("utf-8")
    except UnicodeError:
        return None
    if _CONTROL(text):
        return None
    if text == "*":
        return text
    segments: list[str] = []
    cut = ""
    for segment in text.replace("\\", "/").split("/"):
        name = segment.partition(";")[0]
        cut = name.rstrip(". ")
        if cut:
            segments.append(cut)
        elif name:
            return None
    text = "/" + "/".join(segments)
    # What is cut away whole, as in `/a/;x`, leaves the slash before it.
    if segments and not cut:
        text += "/"
    if text.isascii():
        return text.lower()
    if _crowded(text):
        return None
    return normalize("NFKC", text).casefold()


def _crowded(text: str) -> bool:
    """Are there so many combining marks on end that normalising gets slow?"""
    for run in _MARKS.finditer(text):
        count = 0
        for char in run[0]:
            count = count + 1 if combining(normalize("NFKD", char)[0]) else 0
            if count > _MARKS_MAX:
                return True
    return False


def under(path: str, prefix: str) -> bool:
    """Is ``path`` the prefix itself, or below it? A prefix ends on a segment.

    ``prefix`` has no slash at its end; ``""`` and ``"/"`` are above everything.

    >>> [under(path, "/admin") for path in ("/admin", "/admin/x", "/administrator")]
    [True, True, False]
    """
    return path == prefix or path.startswith(prefix + "/") or prefix in ("", "/")


def any_reading_under(prefix: str) -> Callable[[WSGIEnvironment], bool]:
    """Make the question whether a request may be under ``prefix``: what a guard asks.

    The predicate is true when any reading is under the prefix, and when there is no reading. The
    path as it came meets the prefix as written, the canonical form that of the prefix; a path with
    one reading meets both. ValueError for a prefix (text) without ``/`` in front.

    >>> guarded = any_reading_under("/Admin")
    >>> [guarded({"PATH_INFO": path}) for path in ("//admin", "/ADMIN/x", "/x/../admin", "/admins")]
    [True, True, True, False]
    """
    written, folded = _spellings(prefix)
    below = folded + "/"

    def may_be_under(environ: WSGIEnvironment) -> bool:
        path: str = environ.get("PATH_INFO") or "/"
        if _PLAIN(path):
            return path == folded or path.startswith(below)
        found = readings(environ)
        return found is None or under(found[-1], folded) or under(found[0], written)

    return may_be_under


def all_readings_under(prefix: str) -> Callable[[WSGIEnvironment], bool]:
    """Make the question whether a request is surely under ``prefix``: what an exemption asks.

    As above, but every reading must be under the prefix, and there must be one.

    >>> exempt = all_readings_under("/public")
    >>> [exempt({"PATH_INFO": path}) for path in ("/public/x", "/Public", "/public/../admin")]
    [True, False, False]
    """
    written, folded = _spellings(prefix)
    below = folded + "/"
    # A plain path can be under the prefix as written only if that is plain, so its own fold.
    same = written == folded

    def is_under(environ: WSGIEnvironment) -> bool:
        path: str = environ.get("PATH_INFO") or "/"
        if _PLAIN(path):
            return same and (path == folded or path.startswith(below))
        found = readings(environ)
        return found is not None and under(found[-1], folded) and under(found[0], written)

    return is_under


def _spellings(prefix: str) -> tuple[str, str]:
    """Give the prefix as written and as canonical paths meet it, a slash at the end dropped."""
    if not prefix.startswith("/"):
        raise ValueError(f'a path prefix begins with "/": got {prefix!r}, write {"/" + prefix!r}')
    form = canonical(prefix)
    return prefix.rstrip("/"), (prefix.casefold() if form is None else form).rstrip("/")


def _encoder(kept: str) -> Callable[[str], str]:
    whole = re.compile(f"[{kept}]*").fullmatch
    table = [chr(byte) if whole(chr(byte)) else f"%{byte:02X}" for byte in range(256)]

    def encode(text: str) -> str:
        if whole(text):
            return text
        try:
            data = text.encode("latin-1")
        except UnicodeEncodeError:
            data = text.encode("utf-8", "surrogatepass")
        return "".join([table[byte] for byte in data])

    return encode


_path = _encoder(r"A-Za-z0-9\-._~!$&'()*+,;=:@/")
_logged_query = _encoder(r"!#-\[\]-~")
_sent_query = _encoder("!-~")


def percent_path(path: str) -> str:
    """Percent-encode a path from its WSGI string: RFC 3986 pchar and ``/`` stay, ``%`` does not.

    Outside latin-1 it is encoded as UTF-8, lone surrogates too. Text goes through ``to_wsgi``
    first; ``.replace("/", "%2F")`` afterwards makes one segment of it.

    >>> percent_path(to_wsgi("/é t/100%;v=1"))
    '/%C3%A9%20t/100%25;v=1'
    """
    return _path(path)


def percent_query(query: str) -> str:
    r"""Write a ``QUERY_STRING`` for a log: only space, ``"``, ``\``, CTL, non-ASCII as ``%XX``.

    >>> percent_query('a=%20b&c="d e"')
    'a=%20b&c=%22d%20e%22'
    """
    return _logged_query(query)


def location(path: str, query: str = "") -> str:
    r"""Make the ``Location`` of a path on this site from WSGI strings. RFC 9110, 10.2.2.

    It begins with exactly one ``/``, since a run of ``/`` and ``\`` would name another host.

    >>> location("//evil.example/a b", "next=%2F")
    '/evil.example/a%20b?next=%2F'
    """
    target = "/" + _path(path.lstrip("/\\"))
    return f"{target}?{_sent_query(query)}" if query else target


def location_query(query: str) -> str:
    """Write a ``QUERY_STRING`` byte for byte, but for controls, space and non-ASCII as ``%XX``.

    >>> location_query('a="%20"&b=c d')
    'a="%20"&b=c%20d'
    """
    return _sent_query(query)
