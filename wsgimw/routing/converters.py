r"""Converters: what a parameter of a pattern binds, and how its value is written in a URL.

The names, the arguments and the protocol are werkzeug's. A `Kind` is a converter with its arguments
as the matcher knows it: where it ranks, how it binds a text, how it writes a value. A text that
does not fit gives `NO`; nothing here raises for anything that a request may hold.

>>> kind = builtin("int", (), {"min": 5})
>>> kind.text, kind.bind("7"), kind.bind("4") is NO, kind.bind("\u0667") is NO
('int(min=5)', 7, True, True)
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from wsgimw.http.paths import percent_path, to_wsgi

NO: Any = object()
"""What `bind` returns for a text that does not fit."""

# The order in which kinds of segments are tried; only their sizes matter.
STATIC, MIXED, ANY, INT, FLOAT, UUIDS, CUSTOM, STRING, MANY, REST = range(10)

Bind: TypeAlias = Callable[[str], Any]
Write: TypeAlias = Callable[[Any], str]

_FLOAT = re.compile(r"-?+[0-9]++\.[0-9]++").fullmatch
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}").fullmatch
_UUID_SAMPLE = "01234567-89ab-cdef-0123-456789abcdef"
# What may not stand in a URL as it is; a `%` may when an escape follows.
_UNTIDY = re.compile(r"%(?![0-9A-Fa-f]{2})|[^!-~]|[\"<>\\^`{|}]")
_POOL = ("x", "1", "a", "ab", "en", "abc", "12", "1.5", "x-1", "a/b", "2024-01-01", _UUID_SAMPLE)


class Converter(Protocol):
    """What a class of one's own must have: werkzeug's protocol."""

    regex: str

    def to_python(self, value: str) -> Any: ...
    def to_url(self, value: Any) -> str: ...


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A converter with its arguments. `base` ranks it, then `text`; equal text is one object."""

    base: tuple[Any, ...]
    text: str
    bind: Bind
    write: Write
    samples: Sequence[str]
    """Texts that may fit: what `check()` and messages make their witnesses of."""
    word: str = "c"
    """How the fast form writes it: `s`, `i`, `p` inline, `c` as a call, `x` not at all."""
    many: bool = False
    """A catch-all: it binds more than one segment."""

    @property
    def is_mixed(self) -> bool:
        """Does `bind` give a tuple?"""
        return bool(self.base[0] == MIXED)

    @property
    def rank(self) -> tuple[Any, ...]:
        return (*self.base, self.text)


def encode(text: str) -> str:
    """Percent-encode text as one segment. A lone surrogate is a ValueError.

    >>> encode("a/b c")
    'a%2Fb%20c'
    """
    return percent_path(to_wsgi(text)).replace("/", "%2F")


def tidy(url: str, also: str = "") -> str:
    """Encode what cannot stand in a URL, and the characters `also`; escapes stay.

    >>> tidy("/a b%20c%", also="?"), tidy("/é?", also="?")
    ('/a%20b%20c%25', '/%C3%A9%3F')
    """
    url = _UNTIDY.sub(_escape, url)
    for char in also:
        url = url.replace(char, f"%{ord(char):02X}")
    return url


def _escape(found: re.Match[str]) -> str:
    return "".join([f"%{byte:02X}" for byte in found[0].encode()])


def _string(minlength: int = 1, maxlength: int | None = None, length: int | None = None) -> Kind:
    low = int(minlength if length is None else length)
    high = maxlength if length is None else length
    high = None if high is None else int(high)
    if low == 1 and high is None:
        return _kind(STRING, lambda text: text or NO, _write_text, ("x", "1"), word="s")

    def bind(text: str) -> Any:
        size = len(text)
        return text if size >= low and size and (high is None or size <= high) else NO

    samples = ("x" * low, "1" * low, "x", "ab")
    return _kind(STRING, bind, _write_text, samples)


def _write_text(value: Any) -> str:
    if value is None or isinstance(value, bytes):
        raise ValueError(f"{value!r} is no text")
    return encode(str(value))


def _int(
    fixed_digits: int = 0, min: int | None = None, max: int | None = None, signed: bool = False
) -> Kind:
    _check_numbers(fixed_digits, min, max)

    def bind(text: str) -> Any:
        digits = text[1:] if signed and text[:1] == "-" else text
        if not (digits.isascii() and digits.isdigit()):
            return NO
        if fixed_digits and len(text) != fixed_digits:
            return NO
        try:
            value = int(text)
        except ValueError:  # more digits than int() takes
            return NO
        return value if _within(value, min, max) else NO

    def write(value: Any) -> str:
        number = int(value)
        if isinstance(value, float) and number != value:
            raise ValueError(f"{value!r} is no whole number")
        return str(number).zfill(fixed_digits)

    plain = not (fixed_digits or signed) and min is None and max is None
    bounds = [str(bound).zfill(fixed_digits) for bound in (min, max, 1, 0) if bound is not None]
    return _kind(INT, bind, write, bounds, word="i" if plain else "c")


def _float(min: float | None = None, max: float | None = None, signed: bool = False) -> Kind:
    _check_numbers(min, max)

    def bind(text: str) -> Any:
        if not _FLOAT(text) or (text[0] == "-" and not signed):
            return NO
        value = float(text)
        return value if _within(value, min, max) else NO

    bounds = [str(float(bound)) for bound in (min, max, 1.5) if bound is not None]
    return _kind(FLOAT, bind, lambda value: str(float(value)), bounds)


def _check_numbers(*given: object) -> None:
    for value in given:
        if value is not None and not isinstance(value, int | float):
            raise ValueError(f"{value!r} is no number")


def _within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _uuid() -> Kind:
    def bind(text: str) -> Any:
        return UUID(text) if _UUID(text) else NO

    return _kind(UUIDS, bind, lambda value: str(UUID(str(value))), (_UUID_SAMPLE,))


def _any(*items: str) -> Kind:
    if not items:
        raise ValueError("any() needs at least one text")
    for item in items:
        if not isinstance(item, str):
            raise ValueError(f"any() compares texts: write '{item}' in quotes")
    texts = frozenset(items)

    def bind(text: str) -> Any:
        return text if text in texts and text else NO

    def write(value: Any) -> str:
        if value in texts:
            return encode(value)
        raise ValueError(f"{value!r} is not one of {', '.join(map(repr, sorted(texts)))}")

    return _kind(ANY, bind, write, sorted(texts))


def _path() -> Kind:
    def bind(text: str) -> Any:
        return text if text and text[0] != "/" else NO

    def write(value: Any) -> str:
        return _write_text(value).replace("%2F", "/")

    return _kind(MANY, bind, write, ("x", "a/b"), word="p", weight=200, many=True)


def _kind(
    group: int,
    bind: Bind,
    write: Write,
    samples: Sequence[str],
    *,
    word: str = "c",
    weight: float | None = None,
    many: bool = False,
) -> Kind:
    base = (group,) if weight is None else (group, weight)
    return Kind(base, "", bind, write, samples, word, many)


_BUILTIN: dict[str, Callable[..., Kind]] = {
    "string": _string,
    "int": _int,
    "float": _float,
    "uuid": _uuid,
    "any": _any,
    "path": _path,
}
NAMES = ("default", *_BUILTIN)


def builtin(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Kind:
    """Make a kind of one of our converters; TypeError and ValueError for a wrong argument.

    Arguments that say what holds anyway are left out, so that `int(signed=False)` is `int`.
    """
    name = "string" if name == "default" else name
    factory = _BUILTIN[name]
    kind = factory(*args, **kwargs)
    bound = inspect.signature(factory).bind(*args, **kwargs)
    bound.apply_defaults()
    given: list[str] = []
    for parameter in inspect.signature(factory).parameters.values():
        value = bound.arguments[parameter.name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            given += [repr(item) for item in sorted(set(value))]
        elif value != parameter.default:
            given.append(f"{parameter.name}={value!r}")
    return _finished(kind, name, given)


def custom(
    name: str, cls: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Kind:
    """Make a kind of a class of the werkzeug protocol, built as `cls(None, *args, **kwargs)`."""
    converter = cls(None, *args, **kwargs)
    missing = [
        attribute
        for attribute in ("regex", "to_python", "to_url")
        if not hasattr(converter, attribute)
    ]
    if missing:
        raise ValueError(f"converter {name!r} has no {', '.join(missing)}")
    many = not getattr(converter, "part_isolating", True) and _may_bind_slash(converter.regex)
    kind = _kind(
        MANY if many else CUSTOM,
        partial(_bind_custom, re.compile(converter.regex).fullmatch, converter.to_python),
        partial(_write_custom, converter.to_url, "?#" if many else "?#/"),
        _POOL,
        weight=getattr(converter, "weight", 100),
        word="x" if many else "c",
        many=many,
    )
    given = [*map(repr, args), *(f"{key}={kwargs[key]!r}" for key in sorted(kwargs))]
    return _finished(kind, name, given)


# What surely matches no slash: `[^/...]`, ranges of letters and digits, escaped punctuation.
_NO_SLASH = re.compile(r"\[\^[^]\[]*/[^]\[]*\]|[a-zA-Z0-9]-[a-zA-Z0-9]|\\[.dws_-]|\(\?:")


def _may_bind_slash(regex: str) -> bool:
    """Tell whether a regex may match a slash; in doubt it may.

    Werkzeug takes any regex that holds a slash for a catch-all, even one as `[^/]+`.

    >>> [_may_bind_slash(text) for text in ("[^/:]+", r"[a-z]+\\.x", ".+", "[^:]+", "a/b", "[+-9]")]
    [False, False, True, True, True, True]
    """
    return re.search(r"[/.]|\[\^|\\|-|\(\?", _NO_SLASH.sub("", regex)) is not None


def _bind_custom(fits: Callable[[str], object], to_python: Callable[[str], Any], text: str) -> Any:
    # The regex meets the text of its parameter alone, so groups in it do no harm.
    if not text or fits(text) is None:
        return NO
    try:
        return to_python(text)
    except ValueError:  # werkzeug's ValidationError is one
        return NO


def _write_custom(to_url: Callable[[Any], str], also: str, value: Any) -> str:
    return tidy(str(to_url(value)), also)


def _finished(kind: Kind, name: str, given: list[str]) -> Kind:
    text = f"{name}({', '.join(given)})" if given else name
    # A converter with arguments comes before the same one without.
    base = (*kind.base, 0 if given else 1)
    return Kind(base, text, kind.bind, kind.write, kind.samples, kind.word, kind.many)


def mixed(literals: Sequence[str], kinds: Sequence[Kind]) -> Kind:
    """Make the kind of a segment such as `v<int:n>` or `<name>.<ext>`.

    Separators are placed as far right as possible; if a converter refuses that, as far left as
    possible. Two searches, no going back: linear for every input.

    >>> string = builtin("string", (), {})
    >>> mixed(["", ".", ""], [string, string]).bind("a.tar.gz")
    ('a.tar', 'gz')
    """
    prefix, *separators, suffix = literals
    start, end = len(prefix), len(suffix)
    least = sum(map(len, literals)) + len(kinds)
    binds = [kind.bind for kind in kinds]

    def bind(text: str) -> Any:
        if len(text) < least or not (text.startswith(prefix) and text.endswith(suffix)):
            return NO
        middle = text[start : len(text) - end]
        right = _rightmost(middle, separators)
        if right is None:
            return NO
        values = _all(binds, right)
        if values is None and separators:
            left = _leftmost(middle, separators)
            values = None if left == right else _all(binds, left)
        return NO if values is None else values

    def write(values: Sequence[Any]) -> str:
        parts = [encode(prefix)]
        for kind, value, literal in zip(kinds, values, literals[1:], strict=True):
            parts += kind.write(value), encode(literal)
        return "".join(parts)

    pairs = list(zip(kinds, literals[1:], strict=True))
    base = (MIXED, -sum(map(len, literals)), len(kinds), tuple(kind.base for kind in kinds))
    text = prefix + "".join(f"<{kind.text}>{literal}" for kind, literal in pairs)
    samples = []
    for sample in ("x", "1", ""):
        chosen = [sample if kind.bind(sample) is not NO else kind.samples[0] for kind in kinds]
        samples.append(prefix + "".join(a + b for a, b in zip(chosen, literals[1:], strict=True)))
    return Kind(base, text, bind, write, samples, "x")


def _rightmost(text: str, separators: Sequence[str]) -> list[str] | None:
    """Split at separators as far right as possible, each piece not empty."""
    pieces: list[str] = []
    stop = len(text)
    for separator in reversed(separators):
        at = text.rfind(separator, 1, stop - 1)
        if at < 0:
            return None
        pieces.append(text[at + len(separator) : stop])
        stop = at
    pieces.append(text[:stop])
    return pieces[::-1]


def _leftmost(text: str, separators: Sequence[str]) -> list[str]:
    """Split at separators as far left as possible; `_rightmost` has found that it can be done."""
    pieces: list[str] = []
    start = 0
    for separator in separators:
        at = text.find(separator, start + 1)
        pieces.append(text[start:at])
        start = at + len(separator)
    pieces.append(text[start:])
    return pieces


def _all(binds: Sequence[Bind], texts: Sequence[str]) -> tuple[Any, ...] | None:
    values = []
    for bind, text in zip(binds, texts, strict=True):
        value = bind(text)
        if value is NO:
            return None
        values.append(value)
    return tuple(values)
