"""One request on its way through `Portable`: its head is held until the first byte goes out.

`wsgimw.portable` says what is promised; here it is kept, for all that comes from the app.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from io import BytesIO
from os import fstat
from typing import IO, TYPE_CHECKING, Any, NoReturn

from wsgimw.answers import text_answer
from wsgimw.exchange import PrimedFlow

if TYPE_CHECKING:
    from _typeshed import OptExcInfo

    from wsgimw.exchange import Block

__all__ = ["BufferedFlow", "ExitedError", "PortableFlow", "RefusedError", "ShortBodyError", "take"]


class RefusedError(ValueError):
    """What the app gave can be sent by no server."""


class ShortBodyError(ValueError):
    """The body ended before its Content-Length: the connection must be cut."""


class ExitedError(RuntimeError):
    """The app raised SystemExit after bytes had left."""


class PortableFlow(PrimedFlow):
    """One request: its head is held until the first byte goes out."""

    __slots__ = (
        *("declared", "_exc_info", "guards", "is_head", "_left", "_mute", "written"),
        *("full", "ready"),
    )

    answers = (Exception, SystemExit)

    declared: str | None
    _exc_info: OptExcInfo | None
    guards: bool
    is_head: bool
    _left: int | None  # bytes of Content-Length that are still to come
    _mute: bool  # no byte of the body may go out
    written: list[Block] | None
    ready: bool  # the head is out
    full: bool

    # The head.

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[Block], object]:
        if self.status is not None and (not exc_info or self.ready or self.written):
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
        self.declared = None if is_framed else length
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
        return self.is_head or status[:3] in ("204", "304") or status[:1] == "1"

    def _length(self) -> int | None:
        """Return the Content-Length, as far as it says anything."""
        declared = self.declared
        return int(declared) if declared and declared.isascii() and declared.isdigit() else None

    # The body.

    def hand_on(self, body: Any, final: bool, /) -> bool:
        self._left, self._mute, self.full, self._out = None, False, False, None
        if not final or isinstance(body, (list, tuple)):
            return False
        return self.status is not None and self.written is None and self._hand_file(body)

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
        if self.written:
            blocks[:0] = self.written
            self.written = None
        try:
            size = sum(map(_size, blocks))
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
        _size(block)
        if self.written:
            block = b"".join((*self.written, block))
            self.written = None
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
        last = self.block(b"") if self.written else b""
        if not self.ready:
            self._left = self._length()
            self._commit()
        if self._left and not self._mute:
            raise ShortBodyError(f"the body ended {self._left} bytes before its Content-Length")
        return last

    def write(self, data: Block, /) -> object:
        if _size(data):
            if self.written is None:
                self.written = []
            self.written.append(data)
        return None

    # What fails.

    def failed(self, error: Exception, /) -> Iterable[Block] | None:
        exits = isinstance(error, SystemExit)
        if exits and (not self.guards or _is_from_signal(error)):
            return None
        if exits or isinstance(error, RefusedError):
            if not self.ready:
                return self._refuse(error)
            if exits:
                self._tell(error)
                raise ExitedError(f"the app raised SystemExit({error}) in mid-stream") from error
        return None

    def close_failed(self, error: Exception, /) -> bool:
        if not self.guards or not isinstance(error, SystemExit) or _is_from_signal(error):
            return False
        self._tell(error)
        return True

    def _refuse(self, error: BaseException) -> list[Block]:
        """Answer in the app's place: nothing of it has left."""
        self._tell(error)
        status, headers, body = text_answer(500, method="HEAD" if self.is_head else "GET")
        self.status, self.headers = status, headers
        self._exc_info = self.written = self._left = None
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


def _size(block: object) -> int:
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


class BufferedFlow(PortableFlow):
    """One request whose body was read: its file is closed at the end."""

    __slots__ = ("file",)

    file: IO[bytes]

    def hand_on(self, body: Any, final: bool, /) -> bool:
        self._left, self._mute, self.full, self._out = None, False, False, None
        return False  # the end is to be seen

    def ended(self) -> None:
        self.file.close()


def take(flow: PortableFlow, blocks: list[bytes]) -> list[bytes] | None:
    """Let a plain list pass with which nothing is wrong: `hand_on`, made short for most of all."""
    status = flow.status
    if status is None or flow.is_head or flow.written is not None or not blocks:
        return None
    if status != "200 OK" and flow._has_no_body(status):
        return None
    size = 0
    for block in blocks:
        if type(block) is not bytes:
            return None
        size += len(block)
    if flow.declared is not None and flow.declared != str(size):
        return None
    flow.ready = True
    exc_info, flow._exc_info = flow._exc_info, None  # rule 9
    if exc_info is None:
        flow.start_response(status, flow.headers)
    else:
        flow.start_response(status, flow.headers, exc_info)
    return blocks
