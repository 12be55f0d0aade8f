r"""Take request bodies that come compressed: `Decompress`.

Use it where clients send `Content-Encoding` with their requests: log shippers, mobile apps, API
clients. What stands inside sees a plain body with its length. Leave it out where no client does so:
a compressed body that nobody expects is better refused by the app.

>>> import gzip, io
>>> from wsgimw import compose
>>> def app(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain")])
...     return [environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))]
>>> application = compose(Decompress(max_size=1000))(app)
>>> def post(data):
...     environ = {"REQUEST_METHOD": "POST", "HTTP_CONTENT_ENCODING": "gzip",
...                "CONTENT_LENGTH": str(len(data)), "wsgi.input": io.BytesIO(data)}
...     return b"".join(application(environ, lambda status, headers: print(status)))
>>> post(gzip.compress(b"hello"))
200 OK
b'hello'
>>> post(gzip.compress(b"a" * 1001))
413 Content Too Large
b'413 Content Too Large\n'

The body is read and decoded before the app is called, to memory up to 1 MiB and to a temporary file
above it, at most `max_size` bytes. So this layer reads before the app asks, which answers an
`Expect: 100-continue`: that is its job, and `when("/ingest", Decompress())` keeps it to where it is
wanted. It answers by itself:

| input | answer |
| --- | --- |
| a coding that is not in `codings`, more than one, junk | 415 with `Accept-Encoding`, unread |
| Content-Length above `max_size` | 413, unread |
| more than `max_size` bytes, coded or decoded | 413 |
| corrupt, cut off, shorter than its Content-Length, followed by something else | 400 |

There is no limit on the ratio: logs honestly reach 100 to 1, and the size is what bounds the cost.
A body without a length is read to its end where the server says that there is one
(`wsgi.input_terminated`), else it is empty. `identity` is taken out and means nothing.

Environ: replaces `wsgi.input` and `CONTENT_LENGTH`, sets `wsgi.input_terminated`, removes
`HTTP_CONTENT_ENCODING`. In the order it stands inside AccessLog and CatchErrors, and outside of
what verifies or parses bodies. It costs one look into environ where the header is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any

from wsgimw.answers import answer_app
from wsgimw.codings import CODINGS, CodingError, decoded
from wsgimw.compose import BaseLayer
from wsgimw.compress_options import check_codings, check_size
from wsgimw.exchange import Flow, flow_through
from wsgimw.facts import Facts
from wsgimw.http.headers import split_list

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["CODINGS", "Decompress"]

_IN_MEMORY = 1024 * 1024
_PIECE = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Decompress(BaseLayer):
    """Decode request bodies, bounded, before the app is called. RFC 9110, 8.4, 12.5.3.

    Raises `TypeError` for an option of the wrong kind, `ValueError` for a wrong value, and
    `ImportError` for a coding whose package is not installed.

    >>> Decompress(codings=("gzip",))
    Decompress(codings=('gzip',))
    """

    codings: tuple[str, ...] = CODINGS
    """Names out of zstd, br, gzip."""
    max_size: int = 8 * 1024 * 1024
    """The most bytes that a body may have, coded and decoded."""

    facts = Facts(
        reads=["input"],
        changes=["input"],
        does=["decodes input", "limits input", "answers early"],
        cost="nothing",
        headers=["Accept-Encoding"],
        environ=[
            "wsgi.input",
            "CONTENT_LENGTH",
            "wsgi.input_terminated",
            "HTTP_CONTENT_ENCODING",
        ],
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "codings", check_codings(self.codings))
        check_size("max_size", self.max_size)

    def _bind(self, app: WSGIApplication) -> WSGIApplication:
        begin = _beginner(self.codings, self.max_size)
        decoding = flow_through(app, _DecompressFlow, begin)

        def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
            if "HTTP_CONTENT_ENCODING" in environ:
                return decoding(environ, start_response)
            return app(environ, start_response)

        return bound


class _DecompressFlow(Flow):
    """One request whose body was decoded: its file is closed at the end."""

    __slots__ = ("_file",)

    _file: SpooledTemporaryFile[bytes] | None

    def ended(self) -> None:
        file, self._file = self._file, None
        # Rule 29: the end of a file wrapper cannot be seen, and it may stand on this very file.
        if file is not None and self.complete is not None:
            file.close()


class _TooLargeError(Exception):
    """More bytes than are taken."""


def _beginner(
    codings: tuple[str, ...], max_size: int
) -> Callable[[_DecompressFlow], WSGIApplication | None]:
    """Return what is done before the inner call; if it returns an app, that answers."""
    unsupported = answer_app(415, [("Accept-Encoding", ", ".join(codings))])
    too_large, bad = answer_app(413), answer_app(400)
    names = {coding: coding for coding in codings}
    if "gzip" in names:
        names["x-gzip"] = "gzip"  # RFC 9110, 8.4.1.3

    def begin(flow: _DecompressFlow) -> WSGIApplication | None:
        flow._file = None
        environ = flow.environ
        asked = [name.lower() for name in split_list(environ["HTTP_CONTENT_ENCODING"])]
        if not asked or asked == ["identity"]:
            del environ["HTTP_CONTENT_ENCODING"]
            return None
        if len(asked) > 1 or asked[0] not in names:
            return unsupported
        length = str(environ.get("CONTENT_LENGTH") or "")
        if length and not (length.isascii() and length.isdigit()):
            return bad
        if length and (len(length) > 18 or int(length) > max_size):
            return too_large
        file = _new_file()
        try:
            size = 0
            for piece in decoded(names[asked[0]], _blocks(environ, length, max_size)):
                size += len(piece)
                if size > max_size:
                    raise _TooLargeError
                file.write(piece)
            file.seek(0)
        except BaseException as error:
            file.close()
            if isinstance(error, _TooLargeError):
                return too_large
            # What the server's own read() raises at a broken request is a broken request.
            if isinstance(error, (CodingError, OSError, EOFError)):
                return bad
            raise
        flow._file = file
        environ["wsgi.input"] = file
        environ["CONTENT_LENGTH"] = str(size)
        environ["wsgi.input_terminated"] = True
        del environ["HTTP_CONTENT_ENCODING"]
        return None

    return begin


class _File(SpooledTemporaryFile[bytes]):
    """A file that closes itself in silence: a file wrapper may have taken it along."""

    def __del__(self) -> None:
        self.close()


def _new_file() -> SpooledTemporaryFile[bytes]:
    return _File(_IN_MEMORY)


def _blocks(environ: WSGIEnvironment, length: str, max_size: int) -> Iterator[bytes]:
    """Read the coded body, and never past its Content-Length (matrix.md S7)."""
    if not length:
        if not environ.get("wsgi.input_terminated"):
            return
        left = max_size + 1  # one more than is taken tells a longer body
    else:
        left = int(length)
    read = environ["wsgi.input"].read
    while left:
        block = read(min(left, _PIECE))
        if not block:
            if length:
                raise CodingError("the body is shorter than its Content-Length")
            return
        left -= len(block)
        yield block
    if not length:
        raise _TooLargeError
