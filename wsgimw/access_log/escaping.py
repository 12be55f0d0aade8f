r"""One rule by which any text becomes printable ASCII that can be read back.

Every character outside printable ASCII, `\`, `"`, and the first character of the literal that
follows on the line, becomes `\"`, `\\`, `\xhh`, `\uhhhh` or `\Uhhhhhhhh` (code points, lone
surrogates too). A value that is `-` as a whole becomes `\x2d`, since `-` stands for what is absent.
So no text can begin a new line, move a cursor, or pass for another field.

>>> print(escape('a "b"\n\u202e', first=" "))
a\x20\"b\"\x0a\u202e
>>> unescape(escape('a "b"\n\u202e', first=" "))
'a "b"\n\u202e'
"""

from __future__ import annotations

import re

__all__ = ["PLAIN", "escape", "is_plain", "join_surrogates", "unescape"]

PLAIN = bytes(byte for byte in range(0x20, 0x7F) if byte not in b'"\\')
"""Printable ASCII that needs no escape, as `bytes.translate` takes out what it is told."""
_ODD = re.compile(r'[^ -~]|["\\]')
_ESCAPE = re.compile(r'\\(["\\]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})')
_SURROGATE = re.compile(r"[\ud800-\udfff]").search


def is_plain(text: str) -> bool:
    r"""Is it printable ASCII without `"` and `\`, so that nothing in it needs an escape?

    Asked once of all texts of a line, joined: a fifth of a microsecond.
    """
    return text.isascii() and not text.encode().translate(None, PLAIN)


def escape(text: str, first: str = "") -> str:
    """Escape a value; `first` is the first character of the literal that follows it, if any."""
    if text == "-":
        return "\\x2d"
    if not is_plain(text):
        text = _ODD.sub(_escaped, text)
        if first == "\\":  # a literal backslash is doubled on the line: values have another one
            text = text.replace("\\\\", "\\x5c")
    if first and first not in '"\\' and first in text:
        text = _escape_first(text, first)
    return text


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    return f"\\{char}" if char in '"\\' else numbered(char)


def numbered(char: str) -> str:
    r"""Write a character by its code point: `\xhh`, `\uhhhh` or `\Uhhhhhhhh`."""
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escape_first(text: str, first: str) -> str:
    # The character may be part of an escape (`x`, digits): those are left whole.
    parts = _ESCAPE.split(text)
    parts[::2] = [part.replace(first, numbered(first)) for part in parts[::2]]
    parts[1::2] = [f"\\{part}" for part in parts[1::2]]
    return "".join(parts)


def unescape(text: str) -> str:
    r"""Read back what `escape` wrote; a backslash that begins no escape is a ValueError."""
    if "\\" not in text:
        return text
    return "".join(_read(text))


def _read(text: str) -> list[str]:
    parts = _ESCAPE.split(text)
    for index, part in enumerate(parts):
        if index % 2 == 0:
            if "\\" in part:
                raise ValueError(f"no escape: {part[part.index(chr(92)) :][:10]!r}")
        elif part not in ('"', "\\"):
            code = int(part[1:], 16)
            if code > 0x10FFFF:
                raise ValueError(f"no character: {part!r}")
            parts[index] = chr(code)
    return parts


def join_surrogates(text: str) -> str:
    r"""Make one character of each surrogate pair; lone ones stay.

    JSON could not tell the two apart.

    >>> join_surrogates("\ud83d\ude00 \udc00") == "\U0001f600 \udc00"
    True
    """
    if text.isascii() or not _SURROGATE(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
