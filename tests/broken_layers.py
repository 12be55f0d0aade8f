"""Layers that break one rule each, and the probes of the conformance kit that must say so.

Each is small and believable: a mistake that somebody made, or would make. `BROKEN` names for each
exactly the probes that fail, so that the kit is held to two promises: every probe can fail, and it
fails for what is broken and not for what follows from it.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
import zlib
from collections import ChainMap, UserDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from wsgimw.testing.server import App, Environ, Headers, StartResponse

Layer = Callable[[Any], Any]
L = TypeVar("L", bound=Callable[..., Any])
GZIP = {"HTTP_ACCEPT_ENCODING": "gzip"}


@dataclass(frozen=True)
class Broken:
    """A layer, exactly the probes that must fail, and the environ keys to run it with."""

    layer: Layer
    probes: tuple[str, ...]
    environ: Environ = field(default_factory=dict)


BROKEN: dict[str, Broken] = {}


def breaks(*probes: str, **environ: str) -> Callable[[L], L]:
    """Enter a layer under its own name in `BROKEN`."""

    def enter(layer: L) -> L:
        BROKEN[layer.__name__] = Broken(layer, probes, environ)
        return layer

    return enter


# ---- correct parts, to be broken in one place ------------------------------------------------


class Wrapper:
    """A correct body: close() is its own method and reaches the iterable once."""

    def __init__(self, body: Any, environ: Environ | None = None) -> None:
        self.body = body
        self.environ: Environ = environ or {}
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for block in self.body:
            yield block
            if self.closed:
                return

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            close = getattr(self.body, "close", None)
            if close is not None:
                close()


def is_stream(body: Any, environ: Environ) -> bool:
    """Whether a body may be wrapped without losing its len() or the server's sendfile."""
    wrapper = environ.get("wsgi.file_wrapper")
    if isinstance(wrapper, type):
        return not isinstance(body, (list, tuple, wrapper))
    return not isinstance(body, (list, tuple)) and not hasattr(body, "read")


def body_layer(wrapper: Callable[..., Any], also: tuple[type, ...] = ()) -> Layer:
    """Return a layer that wraps streams (and the types in `also`) and lets all else pass."""

    def layer(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            before = dict(environ)
            body = app(environ, start_response)
            if is_stream(body, before) or isinstance(body, also):
                wrapped: Iterable[bytes] = wrapper(body, before)
                return wrapped
            return body

        return bound

    return layer


def head_layer(start: Callable[..., Any]) -> Layer:
    """Return a layer whose start_response is `start(server's, status, headers, *exc_info)`."""

    def layer(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            def own(status: str, headers: Headers, *exc_info: Any) -> Any:
                return start(start_response, status, headers, *exc_info)

            return app(environ, own)

        return bound

    return layer


def environ_layer(edit: Callable[[Environ], Any]) -> Layer:
    """Return a layer that calls the app with `edit(environ)`, or with environ if that is None."""

    def layer(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            edited = edit(environ)
            return app(environ if edited is None else edited, start_response)

        return bound

    return layer


def named(name: str, layer: Layer, *probes: str, **environ: str) -> None:
    """Enter a layer that has no name of its own."""
    BROKEN[name] = Broken(layer, probes, environ)


# ---- Calling (1 to 4) -------------------------------------------------------------------------


@breaks("reentrant")
def calls_by_keyword(app: App) -> App:
    return lambda environ, start_response: app(environ=environ, start_response=start_response)  # type: ignore[call-arg]


@breaks("reentrant", "threads")
def refuses_to_be_called_twice(app: App) -> App:
    running: list[bool] = []

    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if running:
            raise RuntimeError("this app is running already")
        running.append(True)
        try:
            return app(environ, start_response)
        finally:
            running.pop()

    return bound


@breaks("reentrant", "interleaved", "threads", "freed_list", "freed_stream", "freed_error")
def one_head_for_all_streams(app: App) -> App:
    class Streams:
        last: Any = None

    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        Streams.last = start_response
        return app(environ, lambda *head: Streams.last(*head))

    return bound


named(
    "start_response_by_keyword",
    head_layer(
        lambda start, status, headers, *exc: start(
            status, headers, exc_info=exc[0] if exc else None
        )
    ),
    "positional",
    "two_arguments",
)
named(
    "start_response_takes_two",
    lambda app: lambda environ, start: app(environ, lambda status, headers: start(status, headers)),
    "positional",
    "restart_in_call",
    "restart_in_body",
    "restart_after_bytes",
    "restart_after_write",
    "exc_info_forwarded",
    "generator_final_head",
)
named(
    "passes_none_on",
    head_layer(lambda start, status, headers, exc_info=None: start(status, headers, exc_info)),
    "two_arguments",
)


class Recorder(dict[str, Any]):
    """A dict subclass that watches environ."""


named("dict_subclass", environ_layer(Recorder), "environ_type")
named("chain_map", environ_layer(lambda environ: ChainMap({}, environ)), "environ_type")
named("user_dict", environ_layer(lambda environ: UserDict(environ)), "environ_type")


@breaks("environ_emptied")
def environ_after_the_call(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = app(environ, start_response)
        environ["REQUEST_METHOD"]
        return body

    return bound


@breaks("environ_emptied")
def environ_at_the_end(app: App) -> App:
    class Reads(Wrapper):
        def close(self) -> None:
            super().close()
            self.environ["PATH_INFO"]

    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        before = dict(environ)
        body = app(environ, start_response)
        return Reads(body, environ) if is_stream(body, before) else body

    return bound


def _mount(environ: Environ) -> None:
    if environ["PATH_INFO"].startswith("/a/"):
        environ["SCRIPT_NAME"] += "/a"
        environ["PATH_INFO"] = environ["PATH_INFO"][2:]


named("mounts_in_place", environ_layer(_mount), "environ_outside")


@breaks("environ_outside")
def restores_after_the_call(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        former = environ["REQUEST_METHOD"]
        environ["REQUEST_METHOD"] = "POST"
        try:
            return app(environ, start_response)
        finally:
            environ["REQUEST_METHOD"] = former

    return bound


# ---- Starting the response (5 to 16) ----------------------------------------------------------


@breaks(
    "late_generator",
    "late_class",
    "late_empty",
    "head_before_block",
    "interleaved",
    "nothing_pulled",
    "close_on_error",
    "generator_commit",
    "error_first",
    "head_unchanged",
)
def status_at_return(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        heads: list[str] = []

        def own(status: str, headers: Headers, *exc_info: Any) -> Any:
            heads.append(status)
            return start_response(status, headers, *exc_info)

        body = app(environ, own)
        if not heads:
            raise AssertionError("the app did not start its response")
        return body

    return bound


@breaks("late_empty")
def drops_the_body_of_head(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        body = app(environ, start_response)
        if method != "HEAD":
            return body
        Wrapper(body).close()
        return [b""]

    return bound


class HeldHead:
    """A start_response that holds the head until it is asked to send it."""

    def __init__(self, start_response: StartResponse) -> None:
        self.start_response = start_response
        self.head: tuple[Any, ...] = ()
        self.sent = False

    def __call__(self, *head: Any) -> Any:
        if self.sent:
            return self.start_response(*head)
        self.head = head
        return self.write

    def write(self, data: bytes) -> None:
        self.send()(data)

    def send(self) -> Any:
        if not self.sent and self.head:
            self.sent = True
            head, self.head = self.head, ()
            self.real = self.start_response(*head)
        return getattr(self, "real", None)


def holding(body_of: Callable[[HeldHead, Any], Any]) -> Layer:
    """Return a layer that holds the head; `body_of` returns the body that sends it."""

    def layer(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            offered = {"wsgi.file_wrapper": environ.get("wsgi.file_wrapper")}
            held = HeldHead(start_response)
            body = app(environ, held)
            if not is_stream(body, offered):
                try:
                    held.send()
                except BaseException:
                    Wrapper(body).close()
                    raise
                return body
            wrapped: Iterable[bytes] = body_of(held, body)
            return wrapped

        return bound

    return layer


class Committing(Wrapper):
    """A correct body over a held head: it is sent with the first block, or at the end."""

    def __init__(self, held: HeldHead, body: Any) -> None:
        super().__init__(body)
        self.held = held

    def __iter__(self) -> Iterator[bytes]:
        for block in super().__iter__():
            self.held.send()
            yield block
        self.held.send()


class HeadAfterFirst(Committing):
    def __iter__(self) -> Iterator[bytes]:
        for block in super(Committing, self).__iter__():
            yield block
            self.held.send()
        self.held.send()


class HeadAtTheEnd(Committing):
    def __iter__(self) -> Iterator[bytes]:
        sent = False
        for block in super(Committing, self).__iter__():
            if not sent:
                sent = True
                self.held.send()
            yield block


named(
    "head_after_the_first_block",
    holding(HeadAfterFirst),
    "restart_in_body",
    "exc_info_freed",
    "generator_final_head",
    "head_before_block",
    "generator_commit",
)
named(
    "no_head_for_empty_streams",
    holding(HeadAtTheEnd),
    "head_request",
    "no_content",
    "not_modified",
    "late_empty",
    "generator_commit",
)


@breaks("restart_in_call", "restart_in_body")
def adds_to_the_first_head(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        own: Headers = []

        def start(status: str, headers: Headers, *exc_info: Any) -> Any:
            own.append(("X-Frame-Options", "DENY"))
            return start_response(status, [*headers, *own], *exc_info)

        return app(environ, start)

    return bound


@breaks("restart_in_body")
def adds_to_a_head_after_the_call(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        own: Headers = [("X-Frame-Options", "DENY")]

        def start(status: str, headers: Headers, *exc_info: Any) -> Any:
            return start_response(status, [*headers, *own], *exc_info)

        before = dict(environ)
        body = app(environ, start)
        if is_stream(body, before):
            own *= 2
        return body

    return bound


def _swallows(start: StartResponse, status: str, headers: Headers, *exc_info: Any) -> Any:
    try:
        return start(status, headers, *exc_info)
    except Exception:
        return lambda data: None


def _only_first(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        written: list[bool] = []

        def start(status: str, headers: Headers, *exc_info: Any) -> Any:
            if written:
                return lambda data: None
            write = start_response(status, headers, *exc_info)

            def noted(data: bytes) -> None:
                written.append(True)
                write(data)

            return noted

        return app(environ, start)

    return bound


named(
    "swallows_the_refusal_of_a_late_head",
    head_layer(_swallows),
    "restart_after_bytes",
    "restart_after_write",
)
named("ignores_a_head_after_write", _only_first, "restart_after_write")
named(
    "drops_exc_info",
    lambda app: (
        lambda environ, start: app(
            environ, lambda status, headers, exc_info=None: start(status, headers)
        )
    ),
    "restart_in_call",
    "restart_in_body",
    "restart_after_bytes",
    "restart_after_write",
    "exc_info_forwarded",
    "generator_final_head",
)
named(
    "empties_exc_info",
    head_layer(
        lambda start, status, headers, *exc: start(
            status, headers, *((None, exc[0][1], None) for _ in exc if exc[0])
        )
    ),
    "exc_info_forwarded",
)
named(
    "rebuilds_exc_info",
    head_layer(
        lambda start, status, headers, *exc: start(
            status, headers, *((item[0], item[1], item[2]) for item in exc if item)
        )
    ),
    "exc_info_forwarded",
)


@breaks("exc_info_freed")
def keeps_exc_info(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        kept: Any = None

        def start(status: str, headers: Headers, *exc_info: Any) -> Any:
            nonlocal kept
            kept = exc_info
            return start_response(status, headers, *exc_info)

        return app(environ, start)

    return bound


def _returns_none(start: StartResponse, *head: Any) -> None:
    start(*head)


def _deaf(start: StartResponse, *head: Any) -> Any:
    start(*head)
    return lambda data: None


@breaks("write_at_once", "write_order")
def writes_last(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        written: list[bytes] = []

        def start(*head: Any) -> Any:
            start_response(*head)
            return written.append

        body = app(environ, start)
        return [*body, *written] if isinstance(body, list) and written else body

    return bound


@breaks("write_at_once")
def writes_at_return(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        written: list[bytes] = []
        real: list[Any] = []

        def start(*head: Any) -> Any:
            real.append(start_response(*head))
            return written.append

        body = app(environ, start)
        for data in written:
            real[0](data)
        return body

    return bound


@breaks("write_only")
def forgets_the_third_write(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        written: list[bytes] = []

        def start(*head: Any) -> Any:
            real = start_response(*head)

            def write(data: bytes) -> None:
                written.append(data)
                if len(written) < 3:
                    real(data)

            return write

        return app(environ, start)

    return bound


named("returns_no_write", head_layer(_returns_none), "write_order", "write_at_once", "write_only")
named("deaf_write", head_layer(_deaf), "write_order", "write_at_once", "write_only")


@breaks("write_not_for_blocks")
def writes_the_list(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        writes: list[Any] = []

        def start(*head: Any) -> Any:
            writes.append(start_response(*head))
            return writes[-1]

        body = app(environ, start)
        if type(body) is list and len(body) == 1 and body[0]:
            writes[-1](body[0][:10])
            return [body[0][10:]]
        return body

    return bound


def _in_place(start: StartResponse, status: str, headers: Headers, *exc_info: Any) -> Any:
    headers.append(("X-Frame-Options", "DENY"))
    return start(status, headers, *exc_info)


OWN: Headers = []


def _shared(start: StartResponse, status: str, headers: Headers, *exc_info: Any) -> Any:
    OWN[:] = [*headers, *(item for item in OWN if item[0] == "X-Server")]
    return start(status, OWN, *exc_info)


def head_edit(edit: Callable[[str, Headers], tuple[Any, Any]]) -> Layer:
    return head_layer(lambda start, status, headers, *exc: start(*edit(status, headers), *exc))


named("headers_in_place", head_layer(_in_place), "header_constant")
named("headers_shared", head_layer(_shared), "header_constant")
named(
    "headers_a_tuple",
    head_edit(lambda status, headers: (status, tuple(headers))),
    "header_constant",
)
named(
    "header_items_lists",
    head_edit(lambda status, headers: (status, [list(item) for item in headers])),
    "header_constant",
)
named(
    "headers_a_dict",
    head_edit(lambda status, headers: (status, dict(headers))),
    "header_constant",
    "head_unchanged",
)
named(
    "headers_lower_cased",
    head_edit(lambda status, headers: (status, [(name.lower(), value) for name, value in headers])),
    "head_unchanged",
)
named(
    "headers_sorted", head_edit(lambda status, headers: (status, sorted(headers))), "head_unchanged"
)
named(
    "header_with_line_end",
    head_edit(lambda status, headers: (status, [*headers, ("X-Other", "a\r\nSet-Cookie: b")])),
    "head_unchanged",
)
named(
    "header_name_no_token",
    head_edit(lambda status, headers: (status, [*headers, ("X Name", "a")])),
    "head_unchanged",
)
named(
    "header_beyond_latin_1",
    head_edit(lambda status, headers: (status, [*headers, ("X-Other", "\u65e5")])),
    "head_unchanged",
)
named(
    "loses_the_reason",
    head_edit(
        lambda status, headers: (
            status if status[:3] != "203" or "  " not in status else "203",
            headers,
        )
    ),
    "head_unchanged",
)
named(
    "says_connection_close",
    head_edit(lambda status, headers: (status, [*headers, ("Connection", "close")])),
    "hop_by_hop",
)
named(
    "frames_by_itself",
    head_edit(lambda status, headers: (status, [*headers, ("transfer-encoding", "chunked")])),
    "hop_by_hop",
)
named(
    "false_content_length",
    head_edit(
        lambda status, headers: (
            status,
            [*headers, ("Content-Length", "5")]
            if len(headers) == 2 and status == "200 OK"
            else headers,
        )
    ),
    "length_true",
    "head_request",
)


@breaks("length_true", **GZIP)
def gzip_with_the_old_length(app: App) -> App:
    return gzip_layer(app, keep_length=True)


def _head_length(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]

        def start(status: str, headers: Headers, *exc_info: Any) -> Any:
            kept = [item for item in headers if item[0].lower() != "content-length"]
            if method == "HEAD":
                return start_response(status, [*kept, ("Content-Length", "0")], *exc_info)
            return start_response(status, headers, *exc_info)

        return app(environ, start)

    return bound


def _default_type(status: str, headers: Headers) -> tuple[str, Headers]:
    names = [name.lower() for name, _ in headers]
    return status, headers if "content-type" in names else [*headers, ("Content-Type", "text/html")]


def _zero_length(status: str, headers: Headers) -> tuple[str, Headers]:
    return status, [*headers, ("Content-Length", "0")] if status.startswith("204") else headers


def _on_304(status: str, headers: Headers) -> tuple[str, Headers]:
    return status, [*headers, ("Content-Encoding", "gzip")] if status.startswith("304") else headers


def _no_etag_on_304(status: str, headers: Headers) -> tuple[str, Headers]:
    return status, [item for item in headers if item[0] != "ETag" or not status.startswith("304")]


named("length_0_on_head", _head_length, "head_request")
named("a_type_for_everything", head_edit(_default_type), "no_content", "not_modified")
named("length_on_204", head_edit(_zero_length), "no_content")
named("coding_on_304", head_edit(_on_304), "not_modified")
named("no_etag_on_304", head_edit(_no_etag_on_304), "not_modified")


@breaks("head_request", "no_content", "not_modified", **GZIP)
def gzip_of_nothing(app: App) -> App:
    return gzip_layer(app, always=True)


# ---- Body (17 to 29) --------------------------------------------------------------------------


def gzip_layer(
    app: App,
    *,
    keep_length: bool = False,
    always: bool = False,
    flush: bool = True,
    files: bool = True,
) -> App:
    """A plain but correct gzip layer, unless an option breaks it: flushed at every block."""

    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if "gzip" not in environ.get("HTTP_ACCEPT_ENCODING", ""):
            return app(environ, start_response)
        method = environ["REQUEST_METHOD"]
        offered = {"wsgi.file_wrapper": environ.get("wsgi.file_wrapper")}
        coder: Any = None

        def start(status: str, headers: Headers, *exc_info: Any) -> Any:
            nonlocal coder
            kind = dict(headers).get("Content-Type", "")
            bare = status[:3] in ("204", "304") or method == "HEAD"
            coder = None
            if always or (kind.startswith("text/") and not bare):
                coder = zlib.compressobj(6, zlib.DEFLATED, 31)
                headers = [*headers, ("Content-Encoding", "gzip")]
            if (coder or method == "HEAD") and not keep_length:
                headers = [item for item in headers if item[0].lower() != "content-length"]
            write = start_response(status, headers, *exc_info)
            return (lambda data: write(code(data))) if coder is not None else write

        def code(block: bytes) -> bytes:
            if not block:
                return block
            data: bytes = coder.compress(block)
            return data + coder.flush(zlib.Z_SYNC_FLUSH) if flush else data

        class Coded(Wrapper):
            def __iter__(self) -> Iterator[bytes]:
                for block in super().__iter__():
                    yield code(block) if coder is not None else block
                if coder is not None and not self.closed:
                    yield coder.flush()

        body = app(environ, start)
        if isinstance(body, (list, tuple)):
            if coder is None:
                return body
            coded = ClosingList([b"".join(map(code, body)) + coder.flush()])
            coded.close = Wrapper(body).close
            return coded
        if not is_stream(body, offered) and (coder is None or not files):
            return body
        return Coded(body)

    return bound


class ClosingList(list[bytes]):
    """A list with a close(), so that len() survives."""

    close: Callable[[], None]


@breaks("nothing_pulled")
def primes(app: App) -> App:
    class Primed(Wrapper):
        def __init__(self, body: Any, environ: Environ) -> None:
            super().__init__(body)
            try:
                self.iterator = iter(body)
                self.first = next(self.iterator, None)
            except BaseException:
                self.close()
                raise

        def __iter__(self) -> Iterator[bytes]:
            if self.first is not None:
                yield self.first
                yield from self.iterator

    bound: App = body_layer(Primed)(app)
    return bound


class Joined(Wrapper):
    """One block for all."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"".join(self.body)


class LooksAhead(Wrapper):
    """Correct for pages: one block of look-ahead. Not for event streams."""

    def __iter__(self) -> Iterator[bytes]:
        held: list[bytes] = []
        for block in super().__iter__():
            held.append(block)
            if len(held) > 1:
                yield held.pop(0)
        yield from held


class ThreeAhead(Wrapper):
    def __iter__(self) -> Iterator[bytes]:
        held: list[bytes] = []
        for block in super().__iter__():
            held.append(block)
            if len(held) > 3:
                yield held.pop(0)
        yield from held


class AddsABlock(Wrapper):
    def __iter__(self) -> Iterator[bytes]:
        yield b""
        yield from super().__iter__()


class StopsAtEmpty(Wrapper):
    def __iter__(self) -> Iterator[bytes]:
        for block in super().__iter__():
            if not block:
                return
            yield block


class DropsEmpty(Wrapper):
    def __iter__(self) -> Iterator[bytes]:
        return filter(None, super().__iter__())


named("joins_the_body", body_layer(Joined), "pace", "event_stream", "empty_blocks")
named("looks_ahead_in_event_streams", body_layer(LooksAhead), "event_stream")
named("holds_three_blocks", body_layer(ThreeAhead), "pace", "event_stream", "empty_blocks")
named("adds_a_block", body_layer(AddsABlock), "pace", "empty_blocks")
named("stops_at_an_empty_block", body_layer(StopsAtEmpty), "empty_blocks", "restart_in_body")
named("drops_empty_blocks", body_layer(DropsEmpty), "empty_blocks")


@breaks(
    "nothing_pulled",
    "len_invented",
    "pace",
    "event_stream",
    "empty_blocks",
    "file_wrapper_type",
    "file_wrapper_function",
    "close_full",
    "close_early",
    "close_unstarted",
    "close_on_error",
    "close_falsy",
    "close_on_iterable",
    "close_once",
)
def lists_the_body(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = app(environ, start_response)
        return list(body)

    return bound


@breaks("event_stream", "write_at_once", **GZIP)
def gzip_that_never_flushes(app: App) -> App:
    return gzip_layer(app, flush=False)


class Texts(Wrapper):
    def __iter__(self) -> Iterator[Any]:
        return (block.decode("latin-1") for block in super().__iter__())


class ByteArrays(Wrapper):
    def __iter__(self) -> Iterator[Any]:
        return map(bytearray, super().__iter__())


@breaks("block_type")
def hands_out_the_only_block(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = app(environ, start_response)
        if type(body) is tuple:
            return b"".join(body)  # type: ignore[return-value]
        return body

    return bound


named("text_blocks", body_layer(Texts), "block_type")
named("bytearray_blocks", body_layer(ByteArrays), "block_type")


class FalseLength(Wrapper):
    def __len__(self) -> int:
        return 1


named("a_false_length", body_layer(FalseLength), "len_invented")
named("loses_the_length", body_layer(Wrapper, also=(list, tuple)), "len_one")


# close() (22 to 28)


def textbook(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        offered = {"wsgi.file_wrapper": environ.get("wsgi.file_wrapper")}
        body = app(environ, start_response)
        return body if not is_stream(body, offered) else stream(body)

    def stream(body: Any) -> Iterator[bytes]:
        try:
            yield from body
        finally:
            if hasattr(body, "close"):
                body.close()

    return bound


BROKEN["textbook_generator"] = Broken(textbook, ("close_unstarted",))


class NeverCloses(Wrapper):
    def close(self) -> None:
        self.closed = True


class ClosesTheIterator(Wrapper):
    def __iter__(self) -> Iterator[bytes]:
        self.body = iter(self.body)
        return super().__iter__()


class ClosesAtTheEnd(Wrapper):
    """Closes when the body is exhausted, and has no close() of its own."""

    def __iter__(self) -> Iterator[bytes]:
        yield from super().__iter__()
        super().close()

    def close(self) -> None:
        pass


class ClosesUnlessFailed(Wrapper):
    failed = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from super().__iter__()
        except Exception:
            self.failed = True
            raise

    def close(self) -> None:
        if not self.failed:
            super().close()


class ClosesOnlyFinished(Wrapper):
    begun = finished = False

    def __iter__(self) -> Iterator[bytes]:
        self.begun = True
        try:
            yield from super().__iter__()
        finally:
            self.finished = True

    def close(self) -> None:
        if self.finished or not self.begun:
            super().close()


class ClosesOnlyUnfinished(Wrapper):
    finished = False

    def __iter__(self) -> Iterator[bytes]:
        yield from super().__iter__()
        self.finished = True

    def close(self) -> None:
        if not self.finished:
            super().close()


class ClosesTwice(Wrapper):
    def __iter__(self) -> Iterator[bytes]:
        yield from super().__iter__()
        self.body.close() if hasattr(self.body, "close") else None


class PassesEveryClose(Wrapper):
    def close(self) -> None:
        self.closed = False
        super().close()


class Reporting(Wrapper):
    def __init__(self, body: Any, environ: Environ) -> None:
        super().__init__(body, environ)
        self.errors = environ["wsgi.errors"]


class ReportsFirst(Reporting):
    def close(self) -> None:
        self.errors.write("the request is over\n")
        super().close()


class ReportsUnlessFailed(Reporting):
    def close(self) -> None:
        super().close()
        self.errors.write("the request is over\n")


class HidesCloseErrors(Wrapper):
    def close(self) -> None:
        with contextlib.suppress(Exception):
            super().close()


class DrainsOnClose(Wrapper):
    def __iter__(self) -> Iterator[bytes]:
        self.iterator = super().__iter__()
        return self.iterator

    def close(self) -> None:
        for _ in getattr(self, "iterator", ()):
            pass
        super().close()


class DrainsWhenDropped(Wrapper):
    def __iter__(self) -> Iterator[bytes]:
        self.iterator = iter(self.body)
        for block in self.iterator:
            yield block
            if self.closed:
                return

    def __del__(self) -> None:
        if not self.closed:
            for _ in getattr(self, "iterator", ()):
                pass


class ComplainsWhenDropped(Wrapper):
    def __del__(self) -> None:
        if not self.closed:
            raise RuntimeError("this body was never closed")


class OwnedByOneThread(Wrapper):
    def __init__(self, body: Any, environ: Environ) -> None:
        super().__init__(body)
        self.owner = threading.get_ident()

    def close(self) -> None:
        if threading.get_ident() == self.owner:
            super().close()


class LockedByOneThread(Wrapper):
    def __init__(self, body: Any, environ: Environ) -> None:
        super().__init__(body)
        self.lock = threading.RLock()
        self.lock.acquire()

    def close(self) -> None:
        if not self.closed:
            self.lock.release()
        super().close()


@breaks("close_falsy", "close_full")
def if_body(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return app(environ, start_response) or [b""]

    return bound


named(
    "never_closes",
    body_layer(NeverCloses),
    "close_full",
    "close_early",
    "close_unstarted",
    "close_on_error",
    "close_falsy",
    "close_on_iterable",
)
named(
    "closes_the_iterator",
    body_layer(ClosesTheIterator),
    "close_full",
    "close_early",
    "close_on_error",
    "close_falsy",
    "close_on_iterable",
)
named(
    "closes_at_the_end_alone",
    body_layer(ClosesAtTheEnd),
    "close_early",
    "close_unstarted",
    "close_on_error",
    "close_on_iterable",
)
named("no_close_after_an_error", body_layer(ClosesUnlessFailed), "close_on_error")
named(
    "no_close_after_an_early_stop",
    body_layer(ClosesOnlyFinished),
    "close_early",
    "close_on_iterable",
)
named(
    "no_close_after_the_end",
    body_layer(ClosesOnlyUnfinished),
    "close_full",
    "close_falsy",
    "close_on_iterable",
)
named("closes_twice", body_layer(ClosesTwice), "close_once")
named("passes_every_close", body_layer(PassesEveryClose), "close_once")
named("reports_before_the_inner_close", body_layer(ReportsFirst), "close_order")
named("forgets_its_own_work", body_layer(ReportsUnlessFailed), "close_order")
named("hides_a_close_error", body_layer(HidesCloseErrors), "close_error")
named("drains_on_close", body_layer(DrainsOnClose), "after_close", "close_elsewhere")
named("drains_when_dropped", body_layer(DrainsWhenDropped), "dropped")
named("complains_when_dropped", body_layer(ComplainsWhenDropped), "dropped")
named("closes_on_its_own_thread_alone", body_layer(OwnedByOneThread), "close_elsewhere")
named("holds_a_lock_of_one_thread", body_layer(LockedByOneThread), "close_elsewhere")


def guarding(
    kinds: type[BaseException] | tuple[type[BaseException], ...],
    *,
    calls: bool = False,
    blocks: bool = False,
    first: bool = False,
) -> Layer:
    """Return a layer that swallows errors of these kinds, from the call or from the body."""

    class Guarded(Wrapper):
        def __iter__(self) -> Iterator[bytes]:
            count = 0
            try:
                for block in super().__iter__():
                    count += 1
                    yield block
            except kinds:
                if first and count:
                    raise
                if not first and not count:
                    raise

    def layer(app: App) -> App:
        inner = body_layer(Guarded)(app) if blocks else app

        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            try:
                return inner(environ, start_response)
            except kinds:
                if not calls:
                    raise
                start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
                return [b"an error"]

        return bound

    return layer


class AppendsAnErrorPage(Wrapper):
    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from super().__iter__()
        except Exception:
            yield b"<h1>an error</h1>"
            raise


class WrapsErrors(Wrapper):
    def __iter__(self) -> Iterator[bytes]:
        count = 0
        try:
            for block in super().__iter__():
                count += 1
                yield block
        except Exception as error:
            if count:
                raise RuntimeError("the stream failed") from error
            raise


named("swallows_an_error_of_the_call", guarding(Exception, calls=True), "error_at_call")
named(
    "swallows_an_error_of_the_first_block",
    guarding(Exception, blocks=True, first=True),
    "error_first",
)
named("swallows_an_error_of_the_stream", guarding(Exception, blocks=True), "error_midstream")
named("appends_an_error_page", body_layer(AppendsAnErrorPage), "error_midstream")
named("replaces_the_error", body_layer(WrapsErrors), "error_midstream")
named("swallows_system_exit", guarding(SystemExit, calls=True), "base_exception")
named("swallows_ctrl_c_in_the_stream", guarding(KeyboardInterrupt, blocks=True), "base_exception")


@breaks("released_on_raise")
def keeps_its_permit(app: App) -> App:
    permits = threading.BoundedSemaphore(8)

    class Releasing(Wrapper):
        def close(self) -> None:
            if not self.closed:
                permits.release()
            super().close()

        __del__ = close

    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not permits.acquire(blocking=False):
            start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
            return [b"busy"]
        body = app(environ, start_response)
        if is_stream(body, environ):
            return Releasing(body)
        permits.release()
        return body

    return bound


@breaks("released_on_raise")
def leaves_a_file_open(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        spool = open(__file__, "rb")  # noqa: SIM115
        body = app(environ, start_response)
        spool.close()
        return body

    return bound


current: contextvars.ContextVar[Any] = contextvars.ContextVar("current", default=None)


@breaks("released_on_raise")
def leaves_its_context_variable(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        former = current.get()
        current.set(object())
        body = app(environ, start_response)
        current.set(former)
        return body

    return bound


@breaks("file_wrapper_type", "file_wrapper_function")
def wraps_files(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = app(environ, start_response)
        return body if isinstance(body, (list, tuple)) else Wrapper(body)

    return bound


@breaks("file_wrapper_function", "bypass")
def asks_isinstance(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        wrapper = environ.get("wsgi.file_wrapper")
        body = app(environ, start_response)
        if isinstance(body, (list, tuple)) or (wrapper is not None and isinstance(body, wrapper)):
            return body
        return Wrapper(body)

    return bound


@breaks("file_wrapper_type")
def asks_for_iter(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = app(environ, start_response)
        return body if hasattr(body, "__iter__") else Wrapper(body)

    return bound


# ---- Request (30 to 41) -----------------------------------------------------------------------


class Sized:
    """An input that wants a size, as wsgiref.validate's does."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def read(self, size: int) -> Any:
        return self.stream.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.stream)


def _eats_the_form(environ: Environ) -> None:
    if environ["REQUEST_METHOD"] == "POST":
        environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))


def _wants_a_size(environ: Environ) -> None:
    environ["wsgi.input"] = Sized(environ["wsgi.input"])


@breaks("input_equal")
def drains_the_input(app: App) -> App:
    class Drains(Wrapper):
        def close(self) -> None:
            super().close()
            stream = self.environ["wsgi.input"]
            if stream.tell():
                stream.read()

    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        kept = dict(environ)
        body = app(environ, start_response)
        return Drains(body, kept) if is_stream(body, kept) else body

    return bound


@breaks("input_equal")
def closes_the_input(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        stream = environ["wsgi.input"]
        try:
            return app(environ, start_response)
        finally:
            stream.close()

    return bound


@breaks("errors_open")
def closes_the_errors(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        stream = environ["wsgi.errors"]
        try:
            return app(environ, start_response)
        finally:
            stream.close()

    return bound


@breaks("errors_open")
def logs_bytes(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.errors"].write(b"a request")
        return app(environ, start_response)

    return bound


def _decodes_the_path(environ: Environ) -> None:
    environ["PATH_INFO"] = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")


def _decodes_a_header(environ: Environ) -> None:
    if "HTTP_X_NAME" in environ:
        environ["HTTP_X_NAME"] = environ["HTTP_X_NAME"].encode("latin-1").decode("utf-8", "ignore")


def _port_as_int(environ: Environ) -> None:
    environ["SERVER_PORT"] = int(environ["SERVER_PORT"])


def _moves_the_path(environ: Environ) -> Environ:
    return {**environ, "PATH_INFO": environ["PATH_INFO"].replace("//", "/")}


def _script_slash(environ: Environ) -> Environ:
    path = environ["PATH_INFO"]
    if environ["SCRIPT_NAME"] or not path.startswith("/"):
        return environ
    return {**environ, "SCRIPT_NAME": "/", "PATH_INFO": path[1:]}


def _flag(name: str, value: bool) -> Layer:
    return environ_layer(lambda environ: environ.update({name: value}))


named("eats_the_form", environ_layer(_eats_the_form), "input_equal", "no_early_read")
named("wants_a_size", environ_layer(_wants_a_size), "input_equal")
named("decodes_the_path", environ_layer(_decodes_the_path), "native_strings")
named("decodes_a_header", environ_layer(_decodes_a_header), "native_strings")
named("port_as_int", environ_layer(_port_as_int), "native_strings")
named("merges_slashes", environ_layer(_moves_the_path), "path_sum")
named("script_name_a_slash", environ_layer(_script_slash), "path_sum")
named("says_one_thread", _flag("wsgi.multithread", False), "flags")
named("says_run_once", _flag("wsgi.run_once", True), "flags")


@breaks("no_early_read")
def peeks_at_the_form(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "POST":
            stream = environ["wsgi.input"]
            stream.read(1)
            stream.seek(0)
        return app(environ, start_response)

    return bound


@breaks("bypass", "file_wrapper_type", "file_wrapper_function", **GZIP)
def gzip_that_files_bypass(app: App) -> App:
    return gzip_layer(app, files=False)


class Shouting(Wrapper):
    def __iter__(self) -> Iterator[bytes]:
        return (block.upper() for block in super().__iter__())


@breaks("contexts", "close_elsewhere")
def resets_a_token(app: App) -> App:
    class Resetting(Wrapper):
        def __init__(self, body: Any, environ: Environ) -> None:
            super().__init__(body)
            self.token = current.set("a request")

        def close(self) -> None:
            if not self.closed:
                current.reset(self.token)
            super().close()

    bound: App = body_layer(Resetting)(app)
    return bound


@breaks("threads", "interleaved", "two_apps")
def state_on_the_bound_app(app: App) -> App:
    class Bound:
        name: Any = None

        def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            self.name = environ.get("kit.name")

            def start(status: str, headers: Headers, *exc_info: Any) -> Any:
                named = [
                    (key, self.name if key == "X-Kit-Name" else value) for key, value in headers
                ]
                return start_response(status, named, *exc_info)

            return app(environ, start)

    return Bound()


@breaks("two_apps")
class OneApp:
    """A layer that keeps the app on its class."""

    app: Any

    def __init__(self, app: App) -> None:
        OneApp.app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body: Iterable[bytes] = OneApp.app(environ, start_response)
        return body


@breaks("freed_list", "freed_stream", "freed_error")
def leaves_a_cycle(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        request: dict[str, Any] = {"environ": environ}
        request["itself"] = request
        return app(environ, start_response)

    return bound


@breaks("freed_list")
def remembers_lists(app: App) -> App:
    last: list[Any] = []

    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = app(environ, start_response)
        if isinstance(body, list):
            last.append(body)
        return body

    bound.last = last  # type: ignore[attr-defined]
    last.append(bound)
    return bound


class Selfish(Wrapper):
    def __init__(self, body: Any, environ: Environ) -> None:
        super().__init__(body, environ)
        self.own_close = self.close


class KeepsItsError(Wrapper):
    error: Any = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from super().__iter__()
        except Exception as error:
            self.error = error
            raise


named("stream_cycle", body_layer(Selfish), "freed_stream", "freed_error")
named("keeps_the_error", body_layer(KeepsItsError), "freed_error")


@breaks("generator_final_head")
def edits_the_first_head_alone(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        edited: list[bool] = []

        def start(status: str, headers: Headers, *exc_info: Any) -> Any:
            own = [] if edited else [("X-Frame-Options", "DENY")]
            edited.append(True)
            return start_response(status, [*headers, *own], *exc_info)

        return app(environ, start)

    return bound


@breaks("generator_commit")
def no_head_for_tuples(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        held = HeldHead(start_response)
        body = app(environ, held)
        if type(body) is not tuple:
            try:
                held.send()
            except BaseException:
                Wrapper(body).close()
                raise
            held.sent = True
        return body

    return bound
