"""Read the body of a request: to get rid of it, or whole and bounded.

`wsgi.input` may lie in every way: a length that is no number, a body that is shorter or longer, a
`read` that raises, no end at all. What an answer of ours needs is known here, once.

>>> from io import BytesIO
>>> environ = {"CONTENT_LENGTH": "9", "wsgi.input": BytesIO(b"left over")}
>>> drain(environ, max_bytes=100), environ["wsgi.input"].read()
(True, b'')
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["BodyError", "body_pieces", "drain", "read_body"]


def drain(environ: WSGIEnvironment, max_bytes: int, max_seconds: float = 1.0) -> bool:
    """Read and discard the request body, so that an early answer reaches the client.

    A server that closes the connection on unread data may cut the answer off. At most `max_bytes`
    are read (and one more of a body without a length, to tell a longer one), for at most
    `max_seconds` (the clock is looked at between pieces of 16 KiB). Nothing is read when the body
    is longer than that, when the client waits for `100 Continue` (rule 36), or when its end cannot
    be known. Errors of `read` end it silently. Return whether nothing of the body is left.

    >>> from io import BytesIO
    >>> drain({"CONTENT_LENGTH": "5", "wsgi.input": BytesIO(b"hello")}, max_bytes=100)
    True
    >>> drain({"CONTENT_LENGTH": "500", "wsgi.input": BytesIO(b"")}, max_bytes=100)
    False
    """
    length = str(environ.get("CONTENT_LENGTH") or "0")
    if not (length.isascii() and length.isdigit()) or len(length) > 18:
        return False
    left = int(length)
    if not environ.get("CONTENT_LENGTH"):
        if not environ.get("wsgi.input_terminated"):
            return not environ.get("HTTP_TRANSFER_ENCODING")
        left = max_bytes + 1  # one more than is allowed tells a longer body
    elif left == 0:
        return True
    elif left > max_bytes:
        return False
    if "100-continue" in environ.get("HTTP_EXPECT", "").lower():
        return False
    deadline = perf_counter() + max_seconds
    known = bool(environ.get("CONTENT_LENGTH"))
    try:
        read = environ["wsgi.input"].read
        while left > 0 and perf_counter() < deadline:
            piece = read(min(left, 16384))
            if not piece:
                return not known or bool(environ.get("wsgi.input_terminated"))
            left -= len(piece)
    except Exception:
        return False
    return left <= 0 and known


class BodyError(ValueError):
    """Raised by `read_body`; `status` is the answer: 413 too long, 400 not to be read."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def read_body(environ: WSGIEnvironment, max_bytes: int) -> bytes:
    """Read the whole request body, of at most `max_bytes`.

    Nothing is read of a longer one. A body without a length is read to its end where the server
    says that it has one (`wsgi.input_terminated`), and is empty otherwise, as PEP 3333 has it. Who
    calls this puts an equal stream back (rule 30). Raises `BodyError`.

    >>> from io import BytesIO
    >>> read_body({"CONTENT_LENGTH": "5", "wsgi.input": BytesIO(b"hello, you")}, 100)
    b'hello'
    >>> read_body({"CONTENT_LENGTH": "500", "wsgi.input": BytesIO(b"")}, 100)
    Traceback (most recent call last):
    wsgimw.request_body.BodyError: the body has 500 bytes, 100 are allowed
    """
    return b"".join(body_pieces(environ, max_bytes))


def body_pieces(environ: WSGIEnvironment, max_bytes: int) -> Iterator[bytes]:
    """Yield what `read_body` joins, as it comes."""
    declared = str(environ.get("CONTENT_LENGTH") or "")
    if declared and not (declared.isascii() and declared.isdigit()):
        raise BodyError(400, "Content-Length is no number")
    if len(declared.lstrip("0")) > 18 or int(declared or "0") > max_bytes:
        raise BodyError(413, f"the body has {declared[:20]} bytes, {max_bytes} are allowed")
    if not declared and not environ.get("wsgi.input_terminated"):
        return
    left = int(declared) if declared else max_bytes + 1  # one more tells a longer body
    while left > 0 and (piece := _read(environ, min(left, 65536))):
        left -= len(piece)
        if declared or left > 0:
            yield piece
    if declared and left > 0:
        raise BodyError(400, f"the body ended {left} bytes early")
    if not declared and left <= 0:
        raise BodyError(413, f"the body is longer than the {max_bytes} bytes that are allowed")


def _read(environ: WSGIEnvironment, size: int) -> bytes:
    try:
        piece: bytes = environ["wsgi.input"].read(size)
    except Exception as error:
        raise BodyError(400, "the body cannot be read") from error
    return piece
