"""A strict server in one process: it drives one request step by step and notes what comes.

The conformance kit and its probes stand in a server's place with it. `Call` is one request to an
app: `begin()` calls the app, `pull()` asks for one block, `close()` ends it, `run()` does all three
as a server does. Its `start_response` keeps PEP 3333 to the letter: a second head needs `exc_info`,
replaces the first before bytes have left, and after that the exception is raised again. It is
strict where a layer must see a refusal, and lenient where only the probe of one rule should fail: a
`str` block, say, is noted as it came and counted as bytes.

>>> def app(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain")])
...     return [b"hello"]
>>> call = Call(app, make_environ()).run()
>>> call.status, call.content, [event.kind for event in call.events]
('200 OK', b'hello', ['head', 'block', 'close'])
"""

from __future__ import annotations

import importlib
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
Write = Callable[[bytes], object]
StartResponse = Callable[..., Write]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

MAX_BLOCKS = 10_000  # no probe makes more than ten: a body that goes on is one that never ends


class Refused(Exception):
    """What a strict server raises at a layer that gives a second head without `exc_info`."""


class Input(io.BytesIO):
    """A `wsgi.input` that counts its reads and notes a `close()` without obeying it."""

    def __init__(self, data: bytes = b"") -> None:
        super().__init__(data)
        self.reads = 0
        self.closes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)

    def readline(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().readline(size)

    def readlines(self, hint: int | None = None, /) -> list[bytes]:
        self.reads += 1
        return super().readlines(hint)

    def __next__(self) -> bytes:
        self.reads += 1
        return super().__next__()

    def close(self) -> None:
        self.closes += 1


class Errors(io.StringIO):
    """A `wsgi.errors` that notes what is not `str`, and a `close()` without obeying it."""

    def __init__(self) -> None:
        super().__init__()
        self.closes = 0
        self.not_text: list[object] = []

    def write(self, text: str, /) -> int:
        if not isinstance(text, str):
            self.not_text.append(text)
            return 0
        return super().write(text)

    def close(self) -> None:
        self.closes += 1


class FileWrapper:
    """A `wsgi.file_wrapper` that is a type, as wsgiref's: the server recognises it and may use
    sendfile.
    """

    def __init__(self, file: io.BytesIO, size: int = 8192) -> None:
        self.file = file
        self.size = size

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block = self.file.read(self.size)
        if not block:
            raise StopIteration
        return block

    def close(self) -> None:
        self.file.close()


class ItemWrapper:
    """A `wsgi.file_wrapper` that is a type without `__iter__`, as gunicorn's: `iter()` works by
    `__getitem__`.
    """

    def __init__(self, file: io.BytesIO, size: int = 8192) -> None:
        self.file = file
        self.size = size

    def __getitem__(self, index: int) -> bytes:
        block = self.file.read(self.size)
        if not block:
            raise IndexError(index)
        return block

    def close(self) -> None:
        self.file.close()


def file_itself(file: io.BytesIO, size: int = 8192) -> io.BytesIO:
    """A `wsgi.file_wrapper` that is a function and hands the file back, as uWSGI's."""
    return file


def make_environ(**keys: Any) -> Environ:
    """Return a fresh environ of a plain GET, with `keys` over it."""
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": Input(),
        "wsgi.errors": Errors(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **keys,
    }


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that reached the server: a head, block, write or close; `value` as it came."""

    kind: str
    value: Any = None


class Call:
    """One request, driven step by step as a strict server drives it.

    `status` and `headers` are the head as it stands now (`""` and `[]` before one came), `raw` the
    bytes that came, `content` the same bytes without their Content-Encoding, `blocks` what was
    iterated, `events` everything in order. It keeps no exception: what the app raises simply goes
    up, so that nothing here can make a reference cycle.
    """

    def __init__(self, app: App, environ: Environ) -> None:
        self.app = app
        self.environ = environ
        self.start: StartResponse | None = None  # a probe may put another server's here
        self.body: Any = None
        self.status = ""
        self.headers: Headers = []
        self.given_headers: Any = None  # the very object that came
        self.raw = b""
        self.blocks: list[Any] = []
        self.events: list[Event] = []
        self.headless = False  # bytes came before any head
        self._iterator: Iterator[Any] | None = None

    def start_response(
        self, status: str, response_headers: Headers, exc_info: ExcInfo | None = None
    ) -> Write:
        """Take a head as PEP 3333 "The start_response() Callable" and "Error Handling" say."""
        try:
            if exc_info and self.raw:
                raise exc_info[1].with_traceback(exc_info[2])
            if not exc_info and self.heads:
                raise Refused("start_response() was called a second time without exc_info")
        finally:
            exc_info = None  # rule 9: this frame is part of the traceback
        self.status = status
        self.given_headers = response_headers
        self.headers = _pairs(response_headers)
        self.events.append(Event("head", (status, list(self.headers))))
        return self.write

    def write(self, data: bytes) -> None:
        """Take bytes by the imperative way of PEP 3333 "The write() Callable"."""
        self.events.append(Event("write", data))
        self._send(data)

    def begin(self) -> Call:
        """Call the app."""
        self.body = self.app(self.environ, self.start or self.start_response)
        return self

    def pull(self) -> bytes | None:
        """Ask for one block; None is the end."""
        if self._iterator is None:
            self._iterator = iter(self.body)
        for block in self._iterator:
            self.events.append(Event("block", block))
            self.blocks.append(block)
            if len(self.blocks) > MAX_BLOCKS:
                raise Refused(f"the body went on after {MAX_BLOCKS} blocks")
            self._send(block)
            return _as_bytes(block)
        return None

    def rest(self) -> Call:
        """Pull until the end, and close whatever happens."""
        try:
            while self.pull() is not None:
                pass
        finally:
            self.close()
        return self

    def close(self) -> None:
        """End the request. Rule 22: the iterable is closed, not its iterator; `is not None`, not
        truth.
        """
        self.events.append(Event("close"))
        close = getattr(self.body, "close", None)
        if close is not None:
            close()

    def run(self) -> Call:
        """Begin, pull to the end, close: what a server does with a request."""
        return self.begin().rest()

    def drop(self) -> None:
        """Forget the body without closing it, as a careless consumer does."""
        self.body = self._iterator = None

    @property
    def heads(self) -> int:
        """How many heads were accepted."""
        return sum(event.kind == "head" for event in self.events)

    def values(self, name: str) -> list[str]:
        """All values of one header, whatever the case of its name."""
        return [value for key, value in self.headers if str(key).lower() == name.lower()]

    @property
    def coding(self) -> str:
        """The Content-Encoding of the answer, `""` if it has none."""
        return ", ".join(self.values("Content-Encoding")).strip().lower().replace("identity", "")

    @property
    def content(self) -> bytes:
        """What a client can read by now: the bytes that came, decoded as far as they go."""
        return decode(self.coding, self.raw)[0]

    @property
    def complete(self) -> bool:
        """Whether the coded stream, if it is one, came to its end."""
        return decode(self.coding, self.raw)[1]

    def _send(self, data: object) -> None:
        block = _as_bytes(data)
        if block and not self.heads:
            self.headless = True
        self.raw += block


def decode(coding: str, data: bytes) -> tuple[bytes, bool]:
    """Undo a Content-Encoding as far as `data` goes; say whether the stream is complete.

    Raise `ValueError` for bytes that are not in that coding, or for a coding that cannot be undone
    here.
    """
    if not coding:
        return data, True
    if not data:  # nothing to decode: the head of a HEAD, or an empty body
        return b"", True
    decoded = b""
    complete = True
    try:
        while data:  # several gzip members or zstd frames may follow each other
            stream = _decompressor(coding)
            decoded += _drained(stream, data) if coding == "br" else stream.decompress(data)
            complete = bool(stream.is_finished() if coding == "br" else stream.eof)
            data = b"" if coding == "br" else stream.unused_data
    except ImportError as error:
        raise ValueError(f"Content-Encoding {coding!r} cannot be undone here: {error}") from None
    except Exception as error:
        if isinstance(error, ValueError):
            raise
        raise ValueError(f"the body is no {coding}, though its head says so: {error}") from None
    return decoded, complete


def _drained(stream: Any, data: bytes) -> bytes:
    """Take all that brotli has for `data`: it holds output above 32 KB back until it is asked."""
    decoded = piece = stream.process(data)
    while piece:
        piece = stream.process(b"")
        decoded += piece
    return bytes(decoded)


def _decompressor(coding: str) -> Any:
    if coding in ("gzip", "x-gzip"):
        return zlib.decompressobj(31)
    if coding == "deflate":
        return zlib.decompressobj(15)
    if coding == "br":
        return importlib.import_module("brotli").Decompressor()
    if coding == "zstd":
        try:
            module = importlib.import_module("compression.zstd")
        except ImportError:
            module = importlib.import_module("backports.zstd")
        return module.ZstdDecompressor()
    raise ValueError(f"Content-Encoding {coding!r} is not known to the kit")


def _pairs(headers: Any) -> Headers:
    """Read whatever a layer took for a header list; rule 12's probe judges the object itself."""
    pairs = headers.items() if isinstance(headers, dict) else headers
    return [(name, value) for name, value in pairs]


def _as_bytes(block: Any) -> bytes:
    """Read whatever a layer took for a block; rule 20's probe judges the object itself."""
    if isinstance(block, str):
        return block.encode("utf-8")
    if isinstance(block, int):  # a bare bytes was given as the body
        return bytes((block,))
    return bytes(block)
