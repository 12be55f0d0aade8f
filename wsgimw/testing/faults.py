"""What a fault is, and what can be seen to be wrong by looking at one thing: an environ, a head.

A `Fault` names the rule of PROTOCOL.md that was broken and the layer that broke it. The functions
here look at a value and yield what is wrong with it, as `(rule, key, sentence)`: `key` tells the
same fault when it is seen again further out. Who is to blame is not their affair but that of
`wsgimw.testing.linter`.

>>> for rule, key, sentence in head_faults("200", [("X-Note", "a\\r\\nb")]):
...     print(rule, sentence)
13 The status is '200'; a status is three digits from 100 to 599, a space and a reason: '200 OK'.
13 The value of the header 'X-Note' is 'a\\r\\nb'; it holds no NUL, CR, LF, DEL or other control.
>>> raise Fault(22, "Compress()", "The body was never closed.")
Traceback (most recent call last):
wsgimw.testing.faults.Fault: Compress(): The body was never closed. (rule 22)
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from typing import Any, TypeAlias

from wsgimw.describe import describe

__all__ = ["Fault"]

Found: TypeAlias = tuple[int, Hashable, str]

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 5.6.2
STATUS = re.compile(r"[1-5][0-9][0-9] [^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
CGI = re.compile(  # RFC 3875 4.1
    r"HTTP_.*|HTTPS|AUTH_TYPE|CONTENT_(?:LENGTH|TYPE)|GATEWAY_INTERFACE|PATH_(?:INFO|TRANSLATED)|"
    r"QUERY_STRING|REMOTE_(?:ADDR|HOST|IDENT|USER)|REQUEST_METHOD|SCRIPT_NAME|"
    r"SERVER_(?:NAME|PORT|PROTOCOL|SOFTWARE)",
    re.DOTALL,
)
HOP_BY_HOP = re.compile(
    r"connection|keep-alive|proxy-(?:authenticate|authorization|connection)|te|trailers?|"
    r"transfer-encoding|upgrade",
    re.IGNORECASE,
)
NO_BODY = (204, 304)

# What environ must hold, and the rule that says so.
REQUIRED = {
    "REQUEST_METHOD": 3,
    "SERVER_NAME": 3,
    "SERVER_PORT": 3,
    "wsgi.version": 3,
    "wsgi.url_scheme": 3,
    "wsgi.input": 30,
    "wsgi.errors": 31,
    "wsgi.multithread": 34,
    "wsgi.multiprocess": 34,
    "wsgi.run_once": 34,
}
INPUT_METHODS = ("read", "readline", "readlines", "__iter__")
ERRORS_METHODS = ("write", "writelines", "flush")


class Fault(AssertionError):
    """A broken rule: `rule`, its number in PROTOCOL.md; `layer`, who broke it; `message`, how.

    `layer` is what `describe` says of a layer or of the innermost app, or `"server"`.
    """

    def __init__(self, rule: int, layer: str, message: str) -> None:
        super().__init__(rule, layer, message)
        self.rule = rule
        self.layer = layer
        self.message = message

    def __str__(self) -> str:
        return f"{self.layer}: {self.message} (rule {self.rule})"


def show(value: object) -> str:
    """Return `value` as a message shows it: its `repr`, cut short, or its name for an object."""
    text = repr(value) if isinstance(value, (str, bytes, int, tuple, dict)) else describe(value)
    return text if len(text) <= 80 else f"{text[:76]} ..."


def kind(value: object) -> str:
    """Return the name of the type of `value`, as in "it is a str"."""
    return "None" if value is None else f"a {type(value).__name__}"


def is_status(status: object) -> bool:
    return type(status) is str and STATUS.fullmatch(status) is not None and _latin1(status)


def code_of(status: object) -> int:
    """Return the number of a status, 0 if it has none."""
    start = status[:3] if isinstance(status, str) else ""
    return int(start) if start.isascii() and start.isdigit() else 0


def has_no_body(method: object, code: int) -> bool:
    """Tell whether a response has no body by its nature (RFC 9110 6.4.1)."""
    return method == "HEAD" or code in NO_BODY or 100 <= code < 200


def lengths_of(headers: Any) -> list[str]:
    """Return the values of all Content-Length headers, of whatever came as headers."""
    return [value for name, value in pairs_of(headers) if name == "content-length"]


def type_of(headers: Any) -> str | None:
    """Return the Content-Type, of whatever came as headers, or None."""
    for name, value in pairs_of(headers):
        if name == "content-type":
            return value
    return None


def pairs_of(headers: Any) -> Iterator[tuple[str, str]]:
    """Yield the pairs of strings among `headers`, names in lower case."""
    if not isinstance(headers, (list, tuple)):
        return
    for item in headers:
        if isinstance(item, (list, tuple)) and len(item) == 2:
            name, value = item
            if isinstance(name, str) and isinstance(value, str):
                yield name.lower(), value


def environ_faults(environ: Any) -> Iterator[Found]:
    """Yield what is wrong with an environ."""
    if type(environ) is not dict:
        sentence = f"environ is {kind(environ)}; it is exactly a dict, no subclass and no proxy."
        yield 3, "environ type", sentence
    if not isinstance(environ, dict):
        return
    for key, rule in REQUIRED.items():
        if key not in environ:
            yield rule, ("required", key), f"environ has no {key!r}; PEP 3333 requires it."
    for key, value in environ.items():
        if type(key) is not str:
            yield 32, ("key", show(key)), f"environ has the key {show(key)}; all keys are str."
        elif CGI.fullmatch(key):
            yield from _variable_faults(key, value)
    yield from _path_faults(environ)
    for key, rule, names in (
        ("wsgi.input", 30, INPUT_METHODS),
        ("wsgi.errors", 31, ERRORS_METHODS),
    ):
        lacks = [name for name in names if key in environ and not hasattr(environ[key], name)]
        if lacks:
            has = ", ".join(names)
            yield rule, (key, *lacks), f"{key} has no {', '.join(lacks)}; it must have {has}."


def _variable_faults(key: str, value: object) -> Iterator[Found]:
    if type(value) is not str:
        sentence = f"environ[{key!r}] is {show(value)}, {kind(value)}; a CGI variable is a str."
        yield 32, ("variable", key), sentence
    elif not _latin1(value):
        yield (
            32,
            ("variable", key),
            f"environ[{key!r}] is {show(value)}, which latin-1 cannot encode; a CGI variable holds "
            "the bytes of the request, each as one character, and no decoded text.",
        )
    elif key == "CONTENT_LENGTH" and value and not _digits(value):
        sentence = f"environ[{key!r}] is {show(value)}; it is digits, or absent, or ''."
        yield 30, ("variable", key), sentence
    if key in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"):
        sentence = f"environ has {key!r}; PEP 3333 calls it {key.removeprefix('HTTP_')!r}."
        yield 32, ("http", key), sentence


def _path_faults(environ: dict[Any, Any]) -> Iterator[Found]:
    for key in ("SCRIPT_NAME", "PATH_INFO"):
        value = environ.get(key, "")
        if type(value) is not str or not value:
            continue
        if not value.startswith("/") and not (key == "PATH_INFO" and value == "*"):
            yield 33, ("path", key), f"environ[{key!r}] is {show(value)}; it begins with a slash."
        elif key == "SCRIPT_NAME" and value == "/":
            yield 33, ("path", key), "environ['SCRIPT_NAME'] is '/'; at the root it is ''."


def head_faults(status: Any, headers: Any) -> Iterator[Found]:
    """Yield what is wrong with a status and headers, each by itself and together."""
    if type(status) is not str:
        sentence = f"The status is {show(status)}, {kind(status)}; it is exactly a str."
        yield 13, ("status", show(status)), sentence
    elif not is_status(status):
        yield (
            13,
            ("status", status),
            f"The status is {show(status)}; a status is three digits from 100 to 599, a space and "
            "a reason: '200 OK'.",
        )
    if type(headers) is not list:
        sentence = f"The headers are {kind(headers)}; they are exactly a list."
        yield 12, ("headers", type(headers)), sentence
        if not isinstance(headers, (list, tuple)):
            return
    for item in headers:
        yield from _field_faults(item)
    yield from _length_faults(code_of(status), lengths_of(headers))


def _field_faults(item: Any) -> Iterator[Found]:
    if type(item) is not tuple or len(item) != 2:
        sentence = f"A header is {show(item)}; each is exactly a tuple of a name and a value."
        yield 12, ("item", show(item)), sentence
        return
    name, value = item
    for part, text in (("name", name), ("value", value)):
        if type(text) is not str:
            sentence = f"In the header {show(item)} the {part} is {kind(text)}; both are str."
            yield 12, ("item", show(item)), sentence
            return
    if not TOKEN.fullmatch(name):
        sentence = f"A header is called {show(name)}; a name is a token: letters, digits, hyphens."
        yield 13, ("name", name), sentence
    elif HOP_BY_HOP.fullmatch(name):
        sentence = f"The header {name!r} is hop-by-hop; those belong to the server alone."
        yield 14, ("name", name.lower()), sentence
    elif name.lower() == "status":
        sentence = "There is a header 'Status'; the status is given beside the headers."
        yield 13, ("name", "status"), sentence
    where = f"The value of the header {show(name)} is {show(value)}"
    if CONTROL.search(value):
        sentence = f"{where}; it holds no NUL, CR, LF, DEL or other control."
        yield 13, ("value", name.lower(), value), sentence
    elif not _latin1(value):
        sentence = f"{where}; it holds latin-1 alone, encode the rest (RFC 8187)."
        yield 13, ("value", name.lower(), value), sentence


def _length_faults(code: int, lengths: list[str]) -> Iterator[Found]:
    if len(lengths) > 1:
        shown = " and ".join(lengths)
        yield 15, "two lengths", f"There are {len(lengths)} headers Content-Length: {shown}; one."
    elif lengths and not _digits(lengths[0]):
        sentence = f"The Content-Length is {show(lengths[0])}; it is digits."
        yield 15, ("length", lengths[0]), sentence
    if lengths and (code == 204 or 100 <= code < 200):
        yield 16, "length without body", f"A Content-Length goes with a {code}, which has no body."


def exc_info_fault(exc_info: Any) -> str | None:
    """Return what is wrong with an `exc_info` that is not None, if anything is."""
    if type(exc_info) is tuple and len(exc_info) == 3:
        kind_of, error, _ = exc_info
        if isinstance(kind_of, type) and isinstance(error, BaseException):
            return None
    return (
        f"start_response got {show(exc_info)} as exc_info; it is what sys.exc_info() returns while "
        "an exception is handled."
    )


def body_fault(body: Any) -> str | None:
    """Return what is wrong with a body as a whole, if anything is."""
    if body is None:
        return "The body is None; it is an iterable of bytes, and [] if there is nothing to send."
    if isinstance(body, (str, bytes, bytearray, memoryview)):
        return f"The body is {kind(body)}; it is an iterable of bytes, put it in a list: [body]."
    if getattr(type(body), "__iter__", None) is None and not hasattr(body, "__getitem__"):
        return f"The body is {kind(body)}, which is not iterable; it is an iterable of bytes."
    return None


def block_fault(block: Any) -> str | None:
    """Return what is wrong with a block, if anything is."""
    if type(block) is bytes:
        return None
    return f"A block is {show(block)}, {kind(block)}; each is exactly bytes."


def content_length(headers: Any) -> int | None:
    """Return the one Content-Length, or None if there is none or it means nothing."""
    lengths = lengths_of(headers)
    return int(lengths[0]) if len(lengths) == 1 and _digits(lengths[0]) else None


def size_of(block: Any) -> int:
    """Return the length of a block, 0 if it has none, or will not tell it."""
    try:
        return len(block)
    except Exception:
        return 0


def _digits(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 18


def _latin1(value: str) -> bool:
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True
