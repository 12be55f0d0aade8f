r"""Make any app right on any server: `Portable`.

Use it where an app meets a server that breaks PEP 3333, or the other way round: under granian,
hypercorn, uvicorn with a2wsgi and other bridges, and where you do not know what your users run.
Leave it out on gunicorn, waitress and cheroot under a framework that keeps the rules: there it
changes nothing, and costs a microsecond.

>>> from wsgimw import compose
>>> def app(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
...     yield b"hello, and what the server should have cut"
>>> application = compose(Portable())(app)
>>> body = application({"REQUEST_METHOD": "GET"}, lambda status, headers: print(status))
200 OK
>>> list(body)
[b'hello']

The head was given late, at the first block, and yet came before the app returned. All that is done:

| what comes | what is done |
| --- | --- |
| a `start_response` at the first block | blocks are pulled until one is not empty, in the call |
| a second head, with `exc_info`, before the first byte | replaces the first, which was held |
| `write()` | there always is one; its data goes out first, with the next block |
| `[]`, an iterator without blocks | an empty block goes out |
| bytes for HEAD, 1xx, 204, 304 | stay here |
| more bytes than Content-Length | are cut off, and no more is pulled |
| fewer | `ShortBodyError`, so that the server cuts the connection |
| a block that is not bytes; CR, LF or NUL in the head; no head, or a second one | 500, and a \
message on `wsgi.errors`; an exception where bytes have left |
| `SystemExit` (`guard_exit`) | 500 and the traceback on `wsgi.errors`; the process lives on |
| a chunked request body (`buffer_chunked`) | is read first, and gets its CONTENT_LENGTH |
| `SERVER_PORT` as a number, and the like | becomes a string |
| PATH_INFO as text or still encoded | becomes what PEP 3333 wants, where that can be told |
| a list with a `close()` | the same blocks in what is no list, which granian closes |

A plain list goes out as the same object, and a file wrapper, too, if it is at its beginning and as
long as its Content-Length. A response with Transfer-Encoding keeps its blocks as they are.

It breaks rules 10 (`write()` is held until the next block), 17 (the first blocks of a stream are
pulled in the call) and 27 (`SystemExit` does not go up) on purpose. So what an app writes before it
returns is held in memory: stream by blocks. A `SystemExit` that a signal handler raised passes:
that is how gunicorn ends a worker.

Environ: may change `PATH_INFO` and CGI keys that are no strings; with `buffer_chunked` replaces
`wsgi.input`, sets `CONTENT_LENGTH` and `wsgi.input_terminated`, removes `HTTP_TRANSFER_ENCODING`.
In the order it is the outermost. It costs one look at the head and the lengths of a body.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from wsgimw.answers import answer_app
from wsgimw.compose import BaseLayer
from wsgimw.exchange import flow_held, flow_through
from wsgimw.facts import Facts
from wsgimw.http.paths import pep_path
from wsgimw.portable_flow import (
    BufferedFlow,
    ExitedError,
    PortableFlow,
    RefusedError,
    ShortBodyError,
    take,
)
from wsgimw.request_body import BodyError
from wsgimw.spooled import spool_body

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

__all__ = ["ExitedError", "Portable", "RefusedError", "ShortBodyError"]

_STRINGS = (
    *("SERVER_NAME", "SERVER_PORT", "REMOTE_ADDR", "REMOTE_PORT", "CONTENT_TYPE"),
    *("CONTENT_LENGTH", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Portable(BaseLayer):
    """Mend what servers break, and refuse what no server can send. PEP 3333, outermost of all.

    Raises `TypeError` for an option of the wrong kind, and `ValueError` for a wrong value.

    >>> Portable(buffer_chunked=65536)
    Portable(buffer_chunked=65536)
    """

    buffer_chunked: int | None = None
    """Read chunked request bodies first, so many bytes in memory, more in a temporary file."""
    max_body: int = 16 * 1024 * 1024
    """The most bytes that such a body may have; 413 for more."""
    guard_exit: bool = True
    """Answer SystemExit from the app with a 500, in place of ending the server's process."""

    @property
    def facts(self) -> Facts:
        """What `wsgimw.explain` knows of it."""
        reads = self.buffer_chunked is not None
        held = ("CONTENT_LENGTH", "wsgi.input", "wsgi.input_terminated", "HTTP_TRANSFER_ENCODING")
        return Facts(
            changes=["input"] if reads else [],
            does=["repairs servers"],
            once=["the repair of the server"],
            cost="body",
            environ=[*_STRINGS, *(key for key in held if reads and key not in _STRINGS)],
        )

    def __post_init__(self) -> None:
        if self.buffer_chunked is not None:
            _check_bytes("buffer_chunked", self.buffer_chunked, "a number of bytes, or None: 65536")
        _check_bytes("max_body", self.max_body, "a number of bytes: 16777216")
        if not isinstance(self.guard_exit, bool):
            raise TypeError(f"guard_exit={self.guard_exit!r}: write True or False")

    def _bind(self, app: WSGIApplication) -> WSGIApplication:
        passing = flow_held(app, PortableFlow, _beginner(self), take)
        if self.buffer_chunked is None:
            return passing
        buffering = flow_through(app, BufferedFlow, _buffering(self, self.buffer_chunked))

        def bound(environ: WSGIEnvironment, start_response: Any) -> Any:
            if environ.get("CONTENT_LENGTH") or not _is_chunked(environ):
                return passing(environ, start_response)
            return buffering(environ, start_response)

        return bound


def _check_bytes(name: str, value: object, accepted: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}={value!r}: write {accepted}")
    if value < 0:
        raise ValueError(f"{name}={value!r}: it cannot be negative; write {accepted}")


def _beginner(layer: Portable) -> Callable[[PortableFlow], None]:
    guards = layer.guard_exit

    def begin(flow: PortableFlow) -> None:
        environ = flow.environ
        get = environ.get
        if (  # written out for the price; those are what servers get wrong
            type(get("SERVER_PORT", "")) is not str
            or type(get("REMOTE_PORT", "")) is not str
            or type(get("REMOTE_ADDR", "")) is not str
            or type(get("CONTENT_LENGTH", "")) is not str
        ):
            _make_strings(environ)
        path = get("PATH_INFO", "")
        if not path.isascii() or "%" in path:
            environ["PATH_INFO"] = pep_path(environ)
        flow.guards = guards
        flow.is_head = get("REQUEST_METHOD") == "HEAD"
        flow.status = flow.declared = flow.written = None
        flow.ready = flow.complete = False
        flow.bytes = 0

    return begin


def _make_strings(environ: WSGIEnvironment) -> None:
    for name in _STRINGS:
        value = environ.get(name, "")
        if value is None:
            del environ[name]
        elif isinstance(value, bytes):
            environ[name] = value.decode("latin-1")
        elif not isinstance(value, str):
            environ[name] = str(value)


def _is_chunked(environ: WSGIEnvironment) -> bool:
    """Tell whether a body without a length may come, and its end can be known."""
    if "HTTP_TRANSFER_ENCODING" not in environ and environ.get("SERVER_PROTOCOL") != "HTTP/2":
        return False
    if environ.get("wsgi.input_terminated"):
        return True
    # hypercorn and a2wsgi do not say so, and read the whole body, or to its end.
    return isinstance(environ.get("wsgi.input"), BytesIO) or "asgi.scope" in environ


def _buffering(layer: Portable, in_memory: int) -> Callable[[BufferedFlow], WSGIApplication | None]:
    begin = _beginner(layer)
    answers = {code: answer_app(code) for code in (400, 413)}

    def begin_buffered(flow: BufferedFlow) -> WSGIApplication | None:
        begin(flow)
        environ = flow.environ
        environ["wsgi.input_terminated"] = True
        try:
            flow.file = file = spool_body(environ, layer.max_body, in_memory)
        except BodyError as error:
            return answers[error.status]
        environ["CONTENT_LENGTH"] = str(file.seek(0, 2))
        file.seek(0)
        environ["wsgi.input"] = file
        environ.pop("HTTP_TRANSFER_ENCODING", None)  # werkzeug believes it before the length
        return None

    return begin_buffered
