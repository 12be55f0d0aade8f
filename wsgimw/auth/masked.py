"""Tell an error without its secrets: the traceback, with what the client sent masked in it.

An error of a scheme may say what it stumbled over, and that may be a password: a database quotes
the statement, a parser the text. So the traceback is written here, and everything that was sent is
looked for in it: as it came, decoded, its parts (those of a cookie too), and the ways in which
Python and the web spell them. A part so short that its absence would tell nothing hides the whole
message.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import traceback
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote

from wsgimw.http.headers import is_token
from wsgimw.shapes import mask_shapes

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["log_masked"]

_log = logging.getLogger("wsgimw.auth")
_SHORT = 4
_MOST = 16384
_DEPTH = 8
_PIECES = 256
_PIECE = re.compile(r"[^\s,;]+").findall
_NOT_STANDARD = re.compile(r"[^A-Za-z0-9+/]").sub
_NOT_URL_SAFE = re.compile(r"[^A-Za-z0-9\-_]").sub


def log_masked(
    where: str, error: BaseException, environ: WSGIEnvironment, keys: Iterable[str]
) -> None:
    """Log an exception on `wsgimw.auth`; what stands in `environ` under `keys` is masked in it."""
    try:
        secrets = _secrets(environ, keys)
        text = "".join(_told(traceback.TracebackException.from_exception(error), secrets, _DEPTH))
    except Exception as broken:  # a `__str__` that raises
        text = f"{type(error).__name__}; it cannot be shown: {type(broken).__name__}\n"
    _log.error("%s failed:\n%s", where, text[:_MOST].rstrip())


def _secrets(environ: WSGIEnvironment, keys: Iterable[str]) -> list[str]:
    """Find everything that must not be shown, the longest first."""
    found: set[str] = set()
    for key in keys:
        value = environ.get(key)
        if isinstance(value, str):
            found.update(_parts(value[:_MOST]))
    return sorted({spelt for part in found for spelt in _spelt(part)} - {""}, key=len, reverse=True)


def _parts(value: str) -> Iterable[str]:
    yield value
    scheme, _, rest = value.strip().partition(" ")
    rest = rest.strip()
    for part in (rest or scheme, *rest.split(".")):
        yield part
        for decoded in _decoded(part):
            yield decoded
            user, colon, password = decoded.partition(":")
            if colon:
                yield user
                yield password
    # Cookies, parameters, signatures: there is no telling which of them is the credential.
    for part in _PIECE(rest if is_token(scheme) and rest else value)[:_PIECES]:
        content = part.partition("=")[2].strip('"')
        for piece in (part, *content.split("."), content, unquote(content)):
            yield from (text for text in (piece, *_decoded(piece)) if len(text) >= _SHORT)


def _decoded(part: str) -> Iterable[str]:
    """Decode base64 as a careless scheme would: what is no part of an alphabet is dropped."""
    for dropped, altchars in ((_NOT_STANDARD, b"+/"), (_NOT_URL_SAFE, b"-_")):
        text = dropped("", part)
        text = text[:-1] if len(text) % 4 == 1 else text
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars)
        yield data.decode("utf-8", "replace")


def _spelt(part: str) -> Iterable[str]:
    yield part
    yield repr(part)[1:-1]
    yield ascii(part)[1:-1]
    yield json.dumps(part)[1:-1]
    data = part.encode("utf-8", "surrogatepass")
    yield repr(data)[2:-1]
    yield data.decode("latin-1")
    yield quote(data)
    yield quote_plus(data)


def _told(shown: traceback.TracebackException, secrets: list[str], depth: int) -> Iterable[str]:
    """Write a traceback, causes first, as `traceback` does."""
    before = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)
    if before is not None and depth:
        yield from _told(before, secrets, depth - 1)
        yield "\nand then:\n\n"
    for line in shown.stack.format():
        yield _masked(line, [secret for secret in secrets if len(secret) >= _SHORT])
    message = "".join(shown.format_exception_only())
    if any(secret in message for secret in secrets if len(secret) < _SHORT):
        message = f"{_name(shown)}: [redacted {len(message)} chars]\n"
    yield _masked(message, secrets)
    for inner in shown.exceptions or () if depth else ():
        yield from _told(inner, secrets, depth - 1)


def _name(shown: traceback.TracebackException) -> str:
    name: str = getattr(shown, "exc_type_str", "")  # from Python 3.13 on, which warns of the other
    if not name and shown.exc_type:
        name = shown.exc_type.__name__
    return name.rpartition(".")[2] or "an exception"


def _masked(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, f"[redacted {len(secret)} chars]")
    return mask_shapes(text)
