"""Layers that break one rule each, and the probes of the conformance kit that must say so.

Each is small and believable: a mistake that somebody made, or would make. `BROKEN` names for each exactly the probes that
fail, so that the kit is held to two promises: every probe can fail, and it fails for what is broken and not for what
follows from it.
"""

from __future__ import annotations

import contextvars
import threading
import zlib
from collections import ChainMap, UserDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from wsgimw.testing.server import App, Environ, Headers, StartResponse

Layer = Callable[[Any], Any]
GZIP = {"HTTP_ACCEPT_ENCODING": "gzip"}


@dataclass(frozen=True)
class Broken:
    """A layer, the ids of exactly those probes that must fail, and the environ keys to run it with."""

    layer: Layer
    probes: tuple[str, ...]
    environ: Environ = field(default_factory=dict)


BROKEN: dict[str, Broken] = {}


def breaks(*probes: str, **environ: str) -> Callable[[Layer], Layer]:
    """Enter a layer under its own name in `BROKEN`."""

    def enter(layer: Layer) -> Layer:
        BROKEN[layer.__name__] = Broken(layer, probes, environ)
        return layer

    return enter


# ---- correct parts, to be broken in one place ------------------------------------------------


class Wrapper:
    """A correct body: close() is its own method, reaches the iterable once, and nothing is pulled after it."""

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
            offered = {"wsgi.file_wrapper": environ.get("wsgi.file_wrapper")}
            body = app(environ, start_response)
            if is_stream(body, offered) or isinstance(body, also):
                wrapped: Iterable[bytes] = wrapper(body, environ)
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


@breaks("reentrant")
def refuses_to_be_called_twice(app: App) -> App:
    running = []

    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if running:
            raise RuntimeError("this app is running already")
        running.append(True)
        try:
            return app(environ, start_response)
        finally:
            running.pop()

    return bound


@breaks("interleaved")
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

    return body_layer(Reads)(app)


def _mount(environ: Environ) -> None:
    environ["SCRIPT_NAME"] += environ["PATH_INFO"].rstrip("/")
    environ["PATH_INFO"] = "/" if environ["PATH_INFO"].endswith("/") else ""


named(
    "mounts_in_place",
    environ_layer(lambda environ: environ.update(QUERY_STRING="x=1")),
    "environ_outside",
)


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


@breaks("late_generator", "late_class", "late_empty", "head_before_block")
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
    "head_after_the_first_block", holding(HeadAfterFirst), "head_before_block", "generator_commit"
)
named("no_head_for_empty_streams", holding(HeadAtTheEnd), "late_empty", "generator_commit")


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
def adds_to_a_head_in_the_body(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        own: Headers = []
        returned: list[bool] = []

        def start(status: str, headers: Headers, *exc_info: Any) -> Any:
            if returned:
                own.append(("X-Frame-Options", "DENY"))
            return start_response(
                status, [*headers, *(own or [("X-Frame-Options", "DENY")])], *exc_info
            )

        body = app(environ, start)
        start_response = start_response
        if is_stream(body, environ):
            own.append(("X-Frame-Options", "DENY"))
            returned.append(True)
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
            status, headers, *(tuple(list(item)) for item in exc if item)
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
def takes_an_empty_list_for_no_body(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        written: list[bytes] = []
        real: list[Any] = []

        def start(*head: Any) -> Any:
            real.append(start_response(*head))
            return write

        def write(data: bytes) -> None:
            if len(written) < 2:
                real[-1](data)
            written.append(data)

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
        if type(body) is list and len(body) == 1 and body[0] and len(environ) > 0:
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


@breaks("head_request", "no_content", "not_modified", "late_empty", "empty_blocks", **GZIP)
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
    """A plain but correct gzip layer, unless an option breaks it: streams are flushed at each block."""

    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if "gzip" not in environ.get("HTTP_ACCEPT_ENCODING", ""):
            return app(environ, start_response)
        method = environ["REQUEST_METHOD"]
        offered = {"wsgi.file_wrapper": environ.get("wsgi.file_wrapper")}
        coder: Any = None

        def start(status: str, headers: Headers, *exc_info: Any) -> Any:
            nonlocal coder
            kind = dict(headers).get("Content-Type", "")
            coder = None
            if (
                kind.startswith("text/") and status[:3] not in ("204", "304") and method != "HEAD"
            ) or always:
                coder = zlib.compressobj(6, zlib.DEFLATED, 31)
                headers = [*headers, ("Content-Encoding", "gzip")]
                if not keep_length:
                    headers = [item for item in headers if item[0].lower() != "content-length"]
            write = start_response(status, headers, *exc_info)

            def coded(data: bytes) -> None:
                write(code(data) if coder is not None else data)

            return coded

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
        if isinstance(body, (list, tuple)) and coder is None and not always:
            return body
        if isinstance(body, (list, tuple)) and type(body) in (list, tuple):
            whole = b"".join(map(code, body))
            return [whole + coder.flush()] if whole or always or list(body) else body
        if not files and not is_stream(body, offered):
            return body
        if not is_stream(body, offered) and coder is None:
            return body
        return Coded(body)

    return bound


@breaks("nothing_pulled")
def primes(app: App) -> App:
    class Primed(Wrapper):
        def __init__(self, body: Any, environ: Environ) -> None:
            super().__init__(body)
            self.iterator = iter(body)
            try:
                self.first = next(self.iterator, None)
            except BaseException:
                self.close()
                raise

        def __iter__(self) -> Iterator[bytes]:
            if self.first is not None:
                yield self.first
                yield from self.iterator

    return body_layer(Primed)(app)


@breaks("pace", "event_stream", "empty_blocks", "contexts")
def collects_blocks(app: App) -> App:
    class Collected(Wrapper):
        def __iter__(self) -> Iterator[bytes]:
            yield b"".join(self.body)

    return body_layer(Collected)(app)
