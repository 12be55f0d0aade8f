"""What a routing table consists of (`Route`, `Mount`, `Redirect`, `Include`, `Host`); the parser.

The rule syntax is werkzeug's: `/users/<int:id>`, `/wiki/<path:page>/edit`, `/<name>.<ext>`. A
segment is static text, one parameter, or *mixed*: parameters separated by literals.

>>> [segment if isinstance(segment, str) else (segment.kind.text, segment.names)
...  for segment in Parser({}).path("/files/v<int:n>/<path:rest>")]
['files', ('v<int>', ('n',)), ('path', ('rest',))]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from wsgimw.describe import constructor_call, describe
from wsgimw.http.headers import is_token
from wsgimw.http.paths import percent_path, to_wsgi
from wsgimw.misuse import is_layer_class
from wsgimw.routing.converters import NAMES, NO, Kind, builtin, custom, mixed
from wsgimw.routing.urls import Target

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

STATUSES = (301, 302, 303, 307, 308)

_PARAMETER = r"<(?:([A-Za-z_][A-Za-z0-9_]*)(?:\((.*?)\))?:)?([^\W\d]\w*)>"
_parameters = re.compile(_PARAMETER, re.DOTALL).finditer
_slashes = re.compile(rf"{_PARAMETER}|(/)", re.DOTALL).finditer
_dots = re.compile(rf"{_PARAMETER}|(\.)", re.DOTALL).finditer
_argument = re.compile(
    r"""\s*(?:(?P<name>\w+)\s*=\s*)?
    (?:[uUrR]?(?P<quoted>"[^"]*"|'[^']*')|(?P<bare>-?[\w.]+))\s*(?:,|\Z)""",
    re.VERBOSE,
).match
_CONSTANTS = {"None": None, "True": True, "False": False}


class Item:
    """The base of what stands in a routing table: frozen values whose `repr` is their call."""

    __slots__ = ()

    def __repr__(self) -> str:
        return constructor_call(self)


@dataclass(frozen=True, slots=True, repr=False)
class Route(Item):
    """Send what matches `pattern` to `app`, any WSGI app.

    `methods`: None means every method, the app decides; `GET` adds `HEAD`. `name`: for `url_for`.

    >>> Route("/users/<int:id>", print, methods=["GET"], name="user")
    Route('/users/<int:id>', print, methods=('GET',), name='user')
    """

    pattern: str
    app: WSGIApplication
    _: KW_ONLY
    methods: Collection[str] | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        _check_pattern(self, self.pattern)
        _check_app(self, self.app)
        _check_methods(self)
        _check_name(self)


@dataclass(frozen=True, slots=True, repr=False)
class Mount(Item):
    """Send everything under a prefix to `app`, the prefix moved from PATH_INFO to SCRIPT_NAME.

    `pattern`: may hold parameters, but no catch-all; it ends on a segment; `"/"` is the root.
    """

    pattern: str
    app: WSGIApplication
    _: KW_ONLY
    name: str | None = None

    def __post_init__(self) -> None:
        _check_pattern(self, self.pattern)
        _check_app(self, self.app)
        _check_name(self)


@dataclass(frozen=True, slots=True, repr=False)
class Redirect(Item):
    """Answer what matches `pattern` with a redirect.

    `to`: a path of this site or a whole `http(s)://` URL, with the pattern's `<name>`s. `status`:
    301, 302, 303, 307 or 308.
    """

    pattern: str
    to: str
    _: KW_ONLY
    status: int = 308
    methods: Collection[str] | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        _check_pattern(self, self.pattern)
        Target(self.to)
        if type(self.status) is not int:
            raise TypeError(f"status is {self.status!r}; write one of {STATUSES}")
        if self.status not in STATUSES:
            raise ValueError(f"{self.status} is no status of a redirect; write one of {STATUSES}")
        _check_methods(self)
        _check_name(self)


@dataclass(frozen=True, slots=True, repr=False)
class Include(Item):
    """Put routes under a prefix, into the same tables, so that nesting costs nothing.

    With a `name`, theirs become `name.theirs`.
    """

    prefix: str
    routes: Collection[Item]
    _: KW_ONLY
    name: str | None = None

    def __post_init__(self) -> None:
        _check_pattern(self, self.prefix)
        object.__setattr__(self, "routes", check_routes(self.routes, "Include", nested=True))
        _check_name(self)

    @property
    def items(self) -> tuple[AnyItem, ...]:
        """The same as `routes`, which the check has made a tuple."""
        return cast("tuple[AnyItem, ...]", self.routes)


@dataclass(frozen=True, slots=True, repr=False)
class Host(Item):
    """Ask routes only for requests to a host, such as `<tenant>.example.com`. Top level only."""

    pattern: str
    routes: Collection[Item]

    def __post_init__(self) -> None:
        if not isinstance(self.pattern, str):
            raise TypeError(f"Host takes its pattern first, and was given {describe(self.pattern)}")
        object.__setattr__(self, "routes", check_routes(self.routes, "Host", nested=True))

    @property
    def items(self) -> tuple[AnyItem, ...]:
        """The same as `routes`, which the check has made a tuple."""
        return cast("tuple[AnyItem, ...]", self.routes)


AnyItem: TypeAlias = Route | Mount | Redirect | Include | Host
ITEMS = (Route, Mount, Redirect, Include, Host)


def check_routes(routes: Any, owner: str, *, nested: bool = False) -> tuple[AnyItem, ...]:
    """Return routes as a tuple; TypeError for anything that is none, ValueError for a nested Host.

    >>> check_routes(print, "Router")
    Traceback (most recent call last):
        ...
    TypeError: Router takes a list of routes, and was given print; write Router([...])(app)
    """
    if isinstance(routes, (str, bytes, *ITEMS)) or not isinstance(routes, Iterable):
        call = "write Router([...])(app)" if callable(routes) else f"write {owner}([Route(...), ])"
        raise TypeError(f"{owner} takes a list of routes, and was given {describe(routes)}; {call}")
    items = tuple(routes)
    for number, item in enumerate(items, 1):
        if not isinstance(item, ITEMS):
            raise TypeError(
                f"{owner} item {number} is {describe(item)}; "
                "write Route, Mount, Redirect, Include or Host"
            )
        if nested and isinstance(item, Host):
            raise ValueError(
                f"{owner} item {number} is Host({item.pattern!r}, ...); "
                "a Host stands at the top level of a Router only"
            )
    return items


def _check_pattern(item: object, pattern: Any) -> None:
    who = type(item).__name__
    if not isinstance(pattern, str):
        raise TypeError(f"{who} takes its pattern first, and was given {describe(pattern)}")
    if pattern and pattern[0] != "/":
        raise ValueError(f"pattern {pattern!r} begins with no slash; write {'/' + pattern!r}")


def _check_app(item: Any, app: Any) -> None:
    who = f"{type(item).__name__}({item.pattern!r}, ...)"
    if not callable(app):
        raise TypeError(
            f"{who} was given {describe(app)}, which is not callable; a target is an app"
        )
    if is_layer_class(app) or getattr(type(app), "__wsgimw_layer_value__", False):
        raise TypeError(f"{who} was given {describe(app)}, a layer; call it with an app first")


def _check_methods(item: Any) -> None:
    methods = item.methods
    if methods is None:
        return
    if isinstance(methods, (str, bytes)) or not isinstance(methods, Iterable):
        hint = f"({methods!r},)" if isinstance(methods, str) else '("GET", "POST")'
        raise TypeError(f"methods is {describe(methods)}; write methods={hint}")
    methods = tuple(sorted(methods) if isinstance(methods, (set, frozenset)) else methods)
    if not methods:
        raise ValueError("methods is empty; leave it out for every method")
    for method in methods:
        if not isinstance(method, str):
            raise TypeError(f"methods holds {describe(method)}; methods are texts such as 'GET'")
        if not is_token(method):
            raise ValueError(f"methods holds {method!r}, which is no method")
        if method != method.upper():
            raise ValueError(
                f"methods holds {method!r}; methods compare case-sensitively: "
                f"write {method.upper()!r}"
            )
    object.__setattr__(item, "methods", methods)


def _check_name(item: Any) -> None:
    if item.name is not None and not isinstance(item.name, str):
        raise TypeError(f"name is {describe(item.name)}; a name is a text")
    if item.name == "":
        raise ValueError("name is empty; leave it out")


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment with parameters: what binds it, their names here, and the kind of each."""

    kind: Kind
    names: tuple[str, ...]
    kinds: tuple[Kind, ...]


Segments: TypeAlias = tuple[str | Segment, ...]


class Parser:
    """Reads the patterns of one Router; each segment text is read once."""

    def __init__(self, converters: Mapping[str, Callable[..., Any]]) -> None:
        self._converters = converters
        self._read: dict[str, Segment] = {}
        self._kinds: dict[tuple[object, ...], Kind] = {}

    def path(self, pattern: str) -> Segments:
        """Read a path pattern, with its slash in front."""
        segments = self._split(pattern, pattern[1:], _slashes, "/")
        if "" in segments[:-1]:
            raise ValueError(f"pattern {pattern!r} holds '//', which no pattern may")
        if sum(not isinstance(segment, str) and segment.kind.many for segment in segments) > 1:
            raise ValueError(f"pattern {pattern!r} has two catch-alls; one is the most")
        return segments

    def host(self, pattern: str) -> Segments:
        """Read a host pattern; the labels come from the right."""
        text = pattern.removesuffix(".")
        if text.startswith("[") and text.endswith("]"):
            return (text.lower(),)
        labels = self._split(pattern, text, _dots, ".")
        for label in labels:
            if isinstance(label, str):
                if not re.fullmatch(r"[A-Za-z0-9_-]+", label):
                    raise ValueError(
                        f"host {pattern!r}: {label!r} is no label of a host; a host has no port, "
                        "and is written in ASCII (xn--...)"
                    )
            elif label.kind.many:
                raise ValueError(f"host {pattern!r}: a parameter takes one label, no catch-all")
        lowered = [label.lower() if isinstance(label, str) else label for label in labels]
        return tuple(reversed(lowered))

    def _split(
        self, pattern: str, text: str, separators: Callable[[str], Any], separator: str
    ) -> Segments:
        if not pattern.isascii():
            try:
                pattern.encode()
            except UnicodeEncodeError:
                raise ValueError(f"pattern {pattern!r} is no valid text") from None
        if "<" not in text:
            return tuple(text.split(separator))
        texts = text.split(separator)
        if "(" in text:  # arguments may hold separators
            texts, start = [], 0
            for found in separators(text):
                if found[4]:
                    texts.append(text[start : found.start()])
                    start = found.end()
            texts.append(text[start:])
        segments: list[str | Segment] = []
        for one in texts:
            if "<" not in one:
                segments.append(one)
                continue
            segment = self._read.get(one)
            if segment is None:
                segment = self._read[one] = self._segment(pattern, one)
            segments.append(segment)
        return tuple(segments)

    def _segment(self, pattern: str, text: str) -> Segment:
        literals, kinds, names = [""], list[Kind](), list[str]()
        end = 0
        for found in _parameters(text):
            literals[-1] = text[end : found.start()]
            converter, arguments, name = found.groups()
            if not name.isidentifier():
                raise ValueError(f"pattern {pattern!r}: {name!r} is no identifier")
            kinds.append(self._kind(pattern, converter or "default", arguments))
            names.append(name)
            literals.append("")
            end = found.end()
        literals[-1] = text[end:]
        if any("<" in literal for literal in literals):
            raise ValueError(
                f"pattern {pattern!r} is malformed at {text!r}; a parameter is written <name>, "
                "<converter:name> or <converter(arguments):name>"
            )
        if literals == ["", ""]:
            return Segment(kinds[0], tuple(names), tuple(kinds))
        if not all(literals[1:-1]):
            raise ValueError(
                f"pattern {pattern!r}: nothing separates the parameters in {text!r}; "
                "write a literal between them"
            )
        for kind in kinds:
            if kind.many:
                raise ValueError(
                    f"pattern {pattern!r}: {kind.text} binds whole segments, "
                    f"so it cannot be a part of {text!r}"
                )
        kind = mixed(literals, kinds)
        kind = self._kinds.setdefault(kind.rank, kind)
        return Segment(kind, tuple(names), tuple(kinds))

    def _kind(self, pattern: str, name: str, arguments: str | None) -> Kind:
        cls = self._converters.get(name)
        if cls is None and name not in NAMES:
            known = sorted({*NAMES, *self._converters})
            import difflib  # only for this message

            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise ValueError(f"pattern {pattern!r}: there is no converter {name!r}; {hint}")
        try:
            args, kwargs = parse_arguments(arguments or "")
            kind = custom(name, cls, args, kwargs) if cls else builtin(name, args, kwargs)
        except (TypeError, ValueError, re.error) as error:
            raise ValueError(f"pattern {pattern!r}: converter {name}: {error}") from error
        return self._kinds.setdefault(kind.rank, kind)


def parse_arguments(text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Read the arguments of a converter: numbers, constants, quoted or bare texts.

    >>> parse_arguments('2, max=3.5, x=None, y="a, b", bare.text')
    ((2, 'bare.text'), {'max': 3.5, 'x': None, 'y': 'a, b'})
    """
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    position = 0
    while position < len(text.rstrip()):
        found = _argument(text, position)
        if found is None:
            raise ValueError(f"cannot read the argument {text[position:].strip()!r}")
        quoted = found["quoted"]
        value = quoted[1:-1] if quoted is not None else _value(found["bare"])
        if found["name"]:
            kwargs[found["name"]] = value
        else:
            args.append(value)
        position = found.end()
    return tuple(args), kwargs


def _value(text: str) -> Any:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text


def example(segments: Iterable[str | Segment]) -> str:
    """Return a path that fits, as far as a sample can tell: for messages.

    >>> example(Parser({}).path("/users/<int:id>"))
    '/users/1'
    """
    return "/" + "/".join(
        segment if isinstance(segment, str) else samples(segment.kind)[0] for segment in segments
    )


def bare(pattern: str) -> str:
    """Return a pattern as the target of a redirect: encoded, its converters left out.

    >>> bare("/a?b/<int:id>/")
    '/a%3Fb/<id>/'
    """
    parts: list[str] = []
    end = 0
    for found in _parameters(pattern):
        parts += percent_path(to_wsgi(pattern[end : found.start()])), f"<{found[3]}>"
        end = found.end()
    return "".join([*parts, percent_path(to_wsgi(pattern[end:]))])


def samples(kind: Kind) -> list[str]:
    """Return texts that a kind binds; its own text in brackets when none of ours fits."""
    return [text for text in kind.samples if kind.bind(text) is not NO] or [f"<{kind.text}>"]
