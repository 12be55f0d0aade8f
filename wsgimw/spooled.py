"""Read the body of a request into a file: in memory while it is short, on disk beyond.

It is a module of its own because `tempfile` is dear to load.
"""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING

from wsgimw.request_body import body_pieces

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["spool_body"]


def spool_body(environ: WSGIEnvironment, max_bytes: int, in_memory: int) -> IO[bytes]:
    """Read the whole request body into a file that is in memory up to `in_memory` bytes.

    As `read_body`; the file stands at its beginning, and who calls this closes it. Above
    `in_memory` bytes it is a temporary file without a name, gone when it is closed.

    >>> from io import BytesIO
    >>> environ = {"wsgi.input": BytesIO(b"hello"), "wsgi.input_terminated": True}
    >>> with spool_body(environ, 100, in_memory=3) as file:
    ...     file.read()
    b'hello'
    """
    file = SpooledFile(in_memory)
    try:
        for piece in body_pieces(environ, max_bytes):
            file.write(piece)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


class SpooledFile(SpooledTemporaryFile[bytes]):
    """A file that closes itself in silence: a file wrapper may have taken it along."""

    def __del__(self) -> None:
        self.close()
