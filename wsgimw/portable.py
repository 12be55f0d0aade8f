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
In the order it is the outermost. It costs about 1.5 us.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from os import fstat
from typing import IO, TYPE_CHECKING, Any, NoReturn

from wsgimw.answers import answer_app, text_answer
from wsgimw.compose import BaseLayer
from wsgimw.exchange import BodyError, PrimedFlow, flow_held, flow_through, spool_body
from wsgimw.http.paths import pep_path

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

    from wsgimw.exchange import Block

__all__ = ["Portable", "RefusedError", "ShortBodyError"]

_STRINGS = (
    *("SERVER_NAME", "SERVER_PORT", "REMOTE_ADDR", "REMOTE_PORT", "CONTENT_TYPE"),
    *("CONTENT_LENGTH", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"),
)


class RefusedError(ValueError):
    """What the app gave can be sent by no server."""


class ShortBodyError(ValueError):
    """The body ended before its Content-Length: the connection must be cut."""


class ExitedError(RuntimeError):
    """The app raised SystemExit after bytes had left."""


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

    def __post_init__(self) -> None:
        if self.buffer_chunked is not None:
            _check_bytes("buffer_chunked", self.buffer_chunked, "a number of bytes, or None: 65536")
        _check_bytes("max_body", self.max_body, "a number of bytes: 16777216")
        if not isinstance(self.guard_exit, bool):
            raise TypeError(f"guard_exit={self.guard_exit!r}: write True or False")

    def _bind(self, app: WSGIApplication) -> WSGIApplication:
        passing = flow_held(app, _PortableFlow, _beginner(self), _take)
        if self.buffer_chunked is None:
            return passing
        buffering = flow_through(app, _BufferedFlow, _buffering(self, self.buffer_chunked))

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


class _PortableFlow(PrimedFlow):
    """One request: its head is held until the first byte goes out."""

    __slots__ = (
        *("_declared", "_exc_info", "_guards", "_is_head", "_left", "_mute", "_written"),
        *("full", "ready"),
    )

    answers = (Exception, SystemExit)

    _declared: str | None
    _exc_info: OptExcInfo | None
    _guards: bool
    _is_head: bool
    _left: int | None  # bytes of Content-Length that are still to come
    _mute: bool  # no byte of the body may go out
    _written: list[Block] | None
    ready: bool  # the head is out
    full: bool

    # The head.

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[Block], object]:
        if self.status is not None and (not exc_info or self.ready or self._written):
            self._refuse_second(exc_info)
        length, is_framed = None, False
        try:
            text = status + ""
            for name, value in headers:
                text += name + value
                size = len(name)
                if size == 14 and name.lower() == "content-length":
                    length = value
                elif size == 17 and name.lower() == "transfer-encoding":
                    is_framed = True
        except (TypeError, ValueError) as error:
            raise RefusedError(
                f"start_response got {status!r}, {headers!r}; status, names and values are str"
            ) from error
        if "\r" in text or "\n" in text or "\0" in text:
            _refuse_head(status, headers)
        # matrix.md S5: an app that frames its own chunks counts otherwise.
        self._declared = None if is_framed else length
        self.status = status
        self.headers = [*headers]  # held, and the app may have given us a constant
        self._exc_info = exc_info
        return self.write

    def _refuse_second(self, exc_info: OptExcInfo | None) -> NoReturn:
        try:
            if exc_info and exc_info[1] is not None:  # bytes have left: PEP 3333, Error Handling
                raise exc_info[1].with_traceback(exc_info[2])
        finally:
            exc_info = None  # rule 9
        raise RefusedError("start_response was called a second time, without exc_info")

    def _commit(self) -> None:
        """Send the head."""
        status = self.status
        if status is None:
            raise RefusedError("the app has not called start_response before its first byte")
        self._mute = self._has_no_body(status)
        exc_info, self._exc_info = self._exc_info, None  # rule 9
        self.ready = True
        self.forward(status, self.headers, exc_info)

    def _has_no_body(self, status: str) -> bool:
        return self._is_head or status[:3] in ("204", "304") or status[:1] == "1"

    def _length(self) -> int | None:
        """Return the Content-Length, as far as it says anything."""
        declared = self._declared
        return int(declared) if declared and declared.isascii() and declared.isdigit() else None

    # The body.

    def hand_on(self, body: Any, final: bool, /) -> bool:
        self._left, self._mute, self.full, self._out = None, False, False, None
        if not final or isinstance(body, (list, tuple)):
            return False
        return self.status is not None and self._written is None and self._hand_file(body)

    def _hand_file(self, body: Any) -> bool:
        """Hand a file wrapper on if the server can do nothing wrong with it."""
        left = self._length()
        if self._has_no_body(self.status):
            self.full = True  # nobody reads a file for nothing
            return False
        if left is not None and left != _size_of(body):
            return False
        self._commit()
        return True

    def whole(self, blocks: list[Block]) -> list[Block] | None:
        if self._written:
            blocks[:0] = self._written
            self._written = None
        try:
            size = sum(map(_length, blocks))
            self._left = left = self._length()
            self._commit()
        except RefusedError as error:
            return [*self._refuse(error)]
        if self._mute:
            # matrix.md S1: servers make a length of a list, which for HEAD is not the true one.
            return [b""] if left is not None else None
        if left is not None and size != left:
            if size < left:
                return None  # block by block, and an error at the end
            return [b"".join(blocks)[:left]]
        return blocks or [b""]

    def block(self, block: Block, /) -> Block:
        _length(block)
        if self._written:
            block = b"".join((*self._written, block))
            self._written = None
        if not self.ready:
            if not block:  # rule 19: no reason to send the head, and some servers do
                return block
            self._left = self._length()
            self._commit()
        if self._mute:
            return b""
        left = self._left
        if left is None:
            return block
        if len(block) > left:
            block = block[:left]
            self.full = True
        self._left = left - len(block)
        return block

    def finish(self) -> Block:
        last = self.block(b"") if self._written else b""
        if not self.ready:
            self._left = self._length()
            self._commit()
        if self._left and not self._mute:
            raise ShortBodyError(f"the body ended {self._left} bytes before its Content-Length")
        return last

    def write(self, data: Block, /) -> object:
        if _length(data):
            if self._written is None:
                self._written = []
            self._written.append(data)
        return None

    # What fails.

    def failed(self, error: Exception, /) -> Iterable[Block] | None:
        exits = isinstance(error, SystemExit)
        if exits and (not self._guards or _is_from_signal(error)):
            return None
        if exits or isinstance(error, RefusedError):
            if not self.ready:
                return self._refuse(error)
            if exits:
                self._tell(error)
                raise ExitedError(f"the app raised SystemExit({error}) in mid-stream") from error
        return None

    def close_failed(self, error: Exception, /) -> bool:
        if not self._guards or not isinstance(error, SystemExit) or _is_from_signal(error):
            return False
        self._tell(error)
        return True

    def _refuse(self, error: BaseException) -> list[Block]:
        """Answer in the app's place: nothing of it has left."""
        self._tell(error)
        status, headers, body = text_answer(500, method="HEAD" if self._is_head else "GET")
        self.status, self.headers = status, headers
        self._exc_info = self._written = self._left = None
        self.ready = True
        self.forward(status, headers, None)
        return body

    def _tell(self, error: BaseException) -> None:
        said = f"wsgimw: Portable refused the response: {error}\n"
        if isinstance(error, SystemExit):
            trace = "".join(traceback.format_exception(error))
            said = f"{trace}wsgimw: Portable kept this SystemExit from ending the server\n"
        (self.environ.get("wsgi.errors") or sys.stderr).write(said)


def _refuse_head(status: str, headers: list[tuple[str, str]]) -> None:
    for name, value in [("status", status), *headers]:
        for text in (name, value):
            if any(character in text for character in "\r\n\0"):
                raise RefusedError(f"{name!r}: {value!r} has a CR, LF or NUL")


def _length(block: object) -> int:
    """Return the length of a block, which must be bytes."""
    if isinstance(block, bytes):
        return len(block)
    kind = type(block).__name__
    hint = " (the body itself is bytes: return [body])" if kind == "int" else ""
    raise RefusedError(f"a block of the body is {kind}, not bytes: {block!r:.60}{hint}")


def _size_of(body: Any) -> int | None:
    """Return the size of a wrapped file that is at its beginning, as far as that can be told."""
    file = getattr(body, "filelike", None) or getattr(body, "file", None) or body
    try:
        if file.tell():
            return None  # matrix.md S6: some servers send it from its beginning
        if isinstance(file, BytesIO):
            return file.getbuffer().nbytes
        return fstat(file.fileno()).st_size
    except (AttributeError, OSError, ValueError):
        return None


def _is_from_signal(error: BaseException) -> bool:
    """Tell whether a signal handler raised this: so gunicorn ends a worker."""
    codes = set()
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        codes.add(getattr(getattr(handler, "__func__", handler), "__code__", None))
    codes.discard(None)
    return any(frame.f_code in codes for frame, _ in traceback.walk_tb(error.__traceback__))


# The request.


def _beginner(layer: Portable) -> Callable[[_PortableFlow], None]:
    guards = layer.guard_exit

    def begin(flow: _PortableFlow) -> None:
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
        flow._guards = guards
        flow._is_head = get("REQUEST_METHOD") == "HEAD"
        flow.status = flow._written = None
        flow.ready = False

    return begin


def _take(flow: _PortableFlow, body: list[bytes]) -> bool:
    """Let a plain list pass with which nothing is wrong: `hand_on`, made short for most of all."""
    status = flow.status
    if status is None or flow._is_head or flow._written is not None or not body:
        return False
    if status != "200 OK" and flow._has_no_body(status):
        return False
    size = 0
    for block in body:
        if type(block) is not bytes:
            return False
        size += len(block)
    if flow._declared is not None and flow._declared != str(size):
        return False
    flow.ready = True
    exc_info, flow._exc_info = flow._exc_info, None  # rule 9
    if exc_info is None:
        flow.start_response(status, flow.headers)
    else:
        flow.start_response(status, flow.headers, exc_info)
    return True


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


class _BufferedFlow(_PortableFlow):
    """One request whose body was read: its file is closed at the end."""

    __slots__ = ("_file",)

    _file: IO[bytes]

    def hand_on(self, body: Any, final: bool, /) -> bool:
        self._left, self._mute, self.full, self._out = None, False, False, None
        return False  # the end is to be seen

    def ended(self) -> None:
        self._file.close()


def _buffering(
    layer: Portable, in_memory: int
) -> Callable[[_BufferedFlow], WSGIApplication | None]:
    begin = _beginner(layer)
    answers = {code: answer_app(code) for code in (400, 413)}

    def begin_buffered(flow: _BufferedFlow) -> WSGIApplication | None:
        begin(flow)
        environ = flow.environ
        environ["wsgi.input_terminated"] = True
        try:
            flow._file = file = spool_body(environ, layer.max_body, in_memory)
        except BodyError as error:
            return answers[error.status]
        environ["CONTENT_LENGTH"] = str(file.seek(0, 2))
        file.seek(0)
        environ["wsgi.input"] = file
        environ.pop("HTTP_TRANSFER_ENCODING", None)  # werkzeug believes it before the length
        return None

    return begin_buffered
