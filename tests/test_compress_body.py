"""wsgimw.compress: how bodies go out, for each coding."""

from __future__ import annotations

import gc
import io
import sys
import threading
import tracemalloc
import weakref
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compressing import (
    CODINGS,
    EVENTS,
    NOISE,
    PAGE,
    TEXT,
    app_of,
    call,
    decode,
    reasons,
    run,
    stream_of,
    value,
    wire,
)
from wsgimw import Compress, Gzip, codings, compose, compress_flow
from wsgimw.testing import check_middleware
from wsgimw.testing.server import FileWrapper, ItemWrapper, file_itself, make_environ

law = settings(derandomize=True, database=None, deadline=None, max_examples=150)
each_coding = pytest.mark.parametrize("coding", CODINGS)
LENGTH = ("Content-Length", str(len(PAGE)))


class Watched:
    """A stream that tells how far it was pulled and how often it was closed."""

    def __init__(self, *blocks: bytes, error: BaseException | None = None) -> None:
        self.blocks = blocks
        self.error = error
        self.pulled = 0
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        for block in self.blocks:
            self.pulled += 1
            yield block
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        self.closed += 1


# The protocol


@each_coding
@pytest.mark.parametrize("depth", [1, 6])
@pytest.mark.parametrize(
    "options",
    [{}, {"min_size": 0}, {"min_size": 0, "flush": False}, {"min_size": 0, "cache_size": 9999}],
    ids=str,
)
def test_protocol(coding: str, depth: int, options: Any) -> None:
    stack = compose(*[Compress(**options)] * depth)
    assert check_middleware(stack, environ={"HTTP_ACCEPT_ENCODING": coding})


def test_protocol_of_gzip_by_default_and_of_what_is_left_alone() -> None:
    assert check_middleware(Gzip(), environ={"HTTP_ACCEPT_ENCODING": "gzip"})
    assert check_middleware(Gzip())
    assert check_middleware(Gzip(min_size=0), environ={"wsgimw.compress": False})


# Whole bodies


@each_coding
@pytest.mark.parametrize(
    "body", [[PAGE], (PAGE,), [PAGE[:7], b"", PAGE[7:]], [b"", PAGE]], ids=["one", "t", "3", "2"]
)
@pytest.mark.parametrize("declared", [False, True])
def test_a_list_is_one_block_with_an_exact_length(coding: str, body: Any, declared: bool) -> None:
    done = call(app_of(lambda: body, TEXT, *([LENGTH] if declared else [])), coding)
    assert len(done.body) == 1
    done.rest()
    assert len(done.blocks) == 1
    assert value(done, "Content-Length") == str(len(done.raw))
    assert wire(done) == (PAGE, True)
    assert reasons(done) == [coding]


@each_coding
def test_a_list_is_closed(coding: str) -> None:
    closed: list[int] = []

    class Closing(list[bytes]):
        def close(self) -> None:
            closed.append(1)

    done = call(app_of(lambda: Closing([PAGE])), coding)
    assert len(done.body) == 1
    done.rest()
    done.close()
    assert closed == [1]
    assert wire(done) == (PAGE, True)


@each_coding
def test_a_first_block_as_long_as_its_length(coding: str) -> None:
    body = Watched(PAGE)
    done = run(app_of(lambda: body, TEXT, LENGTH), coding)
    assert done.blocks == [done.raw]
    assert value(done, "Content-Length") == str(len(done.raw))
    assert wire(done) == (PAGE, True)
    assert body.closed == 1


@each_coding
def test_further_blocks_add_nothing_after_the_stream(coding: str) -> None:
    body = Watched(PAGE, b"", b"more", b"and more")
    done = run(app_of(lambda: body, TEXT, LENGTH), coding)
    assert done.blocks[1:] == [b""] * 3
    assert value(done, "Content-Length") == str(len(done.raw))
    assert wire(done) == (PAGE, True)


@each_coding
@pytest.mark.parametrize(
    "blocks",
    [
        pytest.param([PAGE + b"more"], id="one"),
        pytest.param([PAGE[:9], PAGE[9:] + b"more", b"more"], id="several"),
    ],
)
@pytest.mark.parametrize("kind", [list, iter])
def test_not_a_byte_more_than_was_declared(coding: str, blocks: list[bytes], kind: Any) -> None:
    """matrix.md S4: apps rely on the server to cut the body at its Content-Length."""
    done = run(app_of(lambda: kind(blocks), TEXT, LENGTH), coding)
    assert wire(done) == (PAGE, True)


@each_coding
def test_bytes_of_a_whole_body_are_the_same_each_time(coding: str) -> None:
    first, second = (run(app_of(), coding).raw for _ in range(2))
    assert first == second


def test_gzip_has_no_clock_in_it() -> None:
    assert run(app_of()).raw[4:8] == bytes(4)
    assert run(app_of(stream_of(PAGE))).raw[4:8] == bytes(4)


# Streams


@each_coding
@pytest.mark.parametrize("content_type", [TEXT, EVENTS], ids=["text", "events"])
@pytest.mark.parametrize("flush", [True, False])
def test_streaming_law(coding: str, content_type: tuple[str, str], flush: bool) -> None:
    """What was yielded up to event n decodes to events 1..n, before event n+1 is pulled."""
    events = [b"data: %d %s\n\n" % (n, b"x" * (n * 37 % 300)) for n in range(40)]
    body = Watched(*events)
    done = call(app_of(lambda: body, content_type), coding, layer=Compress(flush=flush))
    so_far = b""
    lawful = flush or content_type is EVENTS
    for number, event in enumerate(events, 1):
        done.pull()
        so_far += event
        assert body.pulled == number
        content, complete = wire(done)
        assert content == so_far if lawful else so_far.startswith(content)
        assert not complete or not done.raw
    done.rest()
    assert wire(done) == (so_far, True)
    assert value(done, "Content-Length") is None
    assert len(done.blocks) == len(events) + 1


@each_coding
def test_streaming_law_of_write(coding: str) -> None:
    seen: list[bytes] = []

    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [TEXT])
        for event in (b"one", b"", b"two", b"three"):
            write(event)
            seen.append(wire(done)[0])
        yield b"four"
        yield b"five"

    # The call is made when the generator is first pulled.
    done = call(app, coding)
    done.pull()
    assert seen == [b"one", b"one", b"onetwo", b"onetwothree"]
    assert wire(done) == (b"onetwothreefour", False)
    done.rest()
    assert wire(done) == (b"onetwothreefourfive", True)


@each_coding
@pytest.mark.parametrize("kind", [list, iter])
@pytest.mark.parametrize("rest", [[], [b""], [b"tail"]])
@pytest.mark.parametrize("declared", [False, True])
def test_write_then_blocks(coding: str, kind: Any, rest: list[bytes], declared: bool) -> None:
    whole = PAGE + b"".join(rest)

    def app(environ: Any, start_response: Any) -> Any:
        length = [("Content-Length", str(len(whole)))] if declared else []
        start_response("200 OK", [TEXT, *length])(PAGE)
        return kind(rest)

    done = run(app, coding)
    assert wire(done) == (whole, True)
    assert value(done, "Content-Length") is None
    assert [event.kind for event in done.events][:2] == ["head", "write"]
    # A server would make a Content-Length of a list with one block, and forget what was written.
    assert not hasattr(done.body, "__len__")


@each_coding
def test_write_of_what_is_left_alone(coding: str) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "image/png")])(NOISE)
        return [NOISE]

    assert run(app, coding).raw == NOISE * 2


@each_coding
def test_an_old_write_works_after_a_new_head(coding: str) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [TEXT])
        try:
            raise ValueError
        except ValueError:
            start_response("500 Oh", [("Content-Type", "image/png")], sys.exc_info())
        write(NOISE)
        return []

    done = run(app, coding)
    assert (done.coding, done.raw) == ("", NOISE)


@each_coding
def test_a_known_length_is_streamed_and_not_flushed(coding: str) -> None:
    blocks = [PAGE[n : n + 100] for n in range(0, len(PAGE), 100)]
    done = run(app_of(stream_of(*blocks), TEXT, LENGTH), coding)
    assert wire(done) == (PAGE, True)
    assert value(done, "Content-Length") is None
    assert len(done.blocks) == len(blocks)
    assert b"" in done.blocks
    flushed = run(app_of(stream_of(*blocks), TEXT), coding)
    assert len(done.raw) < len(flushed.raw)


@each_coding
@pytest.mark.parametrize("wrapper", [FileWrapper, ItemWrapper, file_itself])
@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize("size", [100, 10**6])
def test_file_wrapper(coding: str, wrapper: Any, declared: bool, size: int) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [TEXT, *([LENGTH] if declared else [])])
        # The file is longer than was declared: matrix.md S4.
        file = io.BytesIO(PAGE + b"more" if declared else PAGE)
        return environ["wsgi.file_wrapper"](file, size)

    done = run(app, coding, **{"wsgi.file_wrapper": wrapper})
    assert wire(done) == (PAGE, True)
    if wrapper is not file_itself and size == 100:
        assert b"" in done.blocks


@each_coding
def test_a_file_wrapper_that_is_left_alone_is_the_very_object(coding: str) -> None:
    made: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "image/png")])
        made.append(environ["wsgi.file_wrapper"](io.BytesIO(NOISE)))
        return made[0]

    done = call(app, coding, **{"wsgi.file_wrapper": FileWrapper})
    assert done.body is made[0]


@each_coding
def test_a_small_stream_of_unknown_length_is_compressed(coding: str) -> None:
    done = run(app_of(stream_of(b"tiny")), coding)
    assert wire(done) == (b"tiny", True)
    assert len(done.raw) < 4 + 30
    assert reasons(done) == [coding]


# Empty ones


@each_coding
@pytest.mark.parametrize("body", [[], [b""], [b"", b""], ()])
def test_no_bytes_for_an_empty_list(coding: str, body: Any) -> None:
    done = call(app_of(lambda: body), coding)
    assert done.body is body
    done.rest()
    assert (done.raw, done.coding, reasons(done)) == (b"", "", ["empty"])
    assert done.headers == [TEXT, ("Vary", "Accept-Encoding")]


@each_coding
@pytest.mark.parametrize("late", [False, True])
def test_no_bytes_for_a_stream_that_ends_without_a_block(coding: str, late: bool) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [TEXT])
        return
        yield

    done = run(app if late else app_of(stream_of()), coding)
    assert (done.raw, done.coding, reasons(done)) == (b"", "", ["empty"])


@each_coding
def test_an_empty_first_block_commits_the_head_and_not_the_codec(
    coding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    real = codings.encoder

    def counting(coding: str, level: int, *, live: bool = False) -> Any:
        made.append(coding)
        return real(coding, level, live=live)

    monkeypatch.setattr(compress_flow, "encoder", counting)
    done = call(app_of(stream_of(b"", b"", PAGE)), coding)
    assert done.pull() == b""
    assert (done.coding, made) == (coding, [])
    done.pull()
    assert made == []
    done.rest()
    assert made == [coding]
    assert wire(done) == (PAGE, True)


@each_coding
def test_empty_blocks_alone_make_a_stream_that_a_decoder_takes(coding: str) -> None:
    done = run(app_of(stream_of(b"", b"")), coding)
    assert done.blocks[:2] == [b"", b""]
    assert wire(done) == (b"", True)


# Incomplete stays incomplete


@each_coding
@pytest.mark.parametrize("headers", [[TEXT], [EVENTS], [TEXT, ("Content-Length", "9999")]])
def test_after_an_error_the_end_is_never_written(coding: str, headers: Any) -> None:
    body = Watched(PAGE, NOISE, error=ValueError("oh"))
    done = call(app_of(lambda: body, *headers), coding)
    with pytest.raises(ValueError, match="oh"):
        done.rest()
    assert body.closed == 1
    content, complete = wire(done)
    assert (PAGE + NOISE).startswith(content)
    assert not complete or not done.raw


@each_coding
def test_after_an_early_stop_the_end_is_never_written(coding: str) -> None:
    body = Watched(PAGE, NOISE, PAGE)
    done = call(app_of(lambda: body), coding)
    done.pull()
    done.pull()
    done.close()
    assert wire(done) == (PAGE + NOISE, False)
    assert (body.closed, body.pulled) == (1, 2)
    assert done.pull() is None
    assert body.pulled == 2


@each_coding
@pytest.mark.parametrize("kind", [list, iter, "write"])
def test_shorter_than_its_length_is_incomplete(coding: str, kind: Any) -> None:
    headers = [TEXT, ("Content-Length", str(len(PAGE) + 1))]

    def writing(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", headers)(PAGE)
        return []

    app = writing if kind == "write" else app_of(lambda: kind([PAGE[:9], PAGE[9:]]), *headers)
    done = run(app, coding)
    assert wire(done) == (PAGE, False)
    assert value(done, "Content-Length") is None
    assert not hasattr(done.body, "__len__")


@each_coding
def test_only_empty_blocks_of_a_declared_length_are_incomplete(coding: str) -> None:
    done = run(app_of(stream_of(b"", b""), TEXT, LENGTH), coding)
    assert (done.raw, done.coding) == (b"", coding)


@each_coding
def test_an_error_before_the_first_block_sends_no_head(coding: str) -> None:
    done = call(app_of(lambda: Watched(error=ValueError("oh"))), coding)
    with pytest.raises(ValueError, match="oh"):
        done.rest()
    assert done.heads == 0


@each_coding
def test_a_body_that_was_never_started_is_closed_once(coding: str) -> None:
    body = Watched(PAGE)
    done = call(app_of(lambda: body), coding)
    done.close()
    done.close()
    assert (body.closed, body.pulled, done.heads) == (1, 0, 0)


@each_coding
def test_the_encoder_is_let_go_at_close(coding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[Any] = []
    real = codings.encoder

    class Marked:
        def __init__(self, encoder: Any) -> None:
            self.encode, self.flushed, self.end = encoder.encode, encoder.flushed, encoder.end

    def marking(*args: Any, **options: Any) -> Any:
        made = Marked(real(*args, **options))
        alive.append(weakref.ref(made))
        return made

    monkeypatch.setattr(compress_flow, "encoder", marking)
    done = call(app_of(stream_of(PAGE, PAGE)), coding)
    done.pull()
    assert alive[0]() is not None
    done.close()  # the server still holds the body
    assert alive[0]() is None


@each_coding
@pytest.mark.parametrize("way", ["close", "drop"])
def test_abandoned_streams_leave_memory_flat(coding: str, way: str) -> None:
    def body() -> Iterator[bytes]:
        while True:
            yield PAGE

    bound = Compress()(app_of(body))

    def once() -> None:
        sent: Any = bound(make_environ(HTTP_ACCEPT_ENCODING=coding), lambda *head: bytes)
        blocks = iter(sent)
        next(blocks)
        next(blocks)
        if way == "close":
            sent.close()

    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            once()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(100):
            once()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
        gc.enable()
    assert grown < 20_000


@pytest.mark.slow
def test_an_open_gzip_event_stream_holds_little() -> None:
    """At most 64 KiB each, measured by the pages of the process."""
    page_size = 4096

    def resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * page_size

    def opened() -> Any:
        done = call(app_of(stream_of(*[b"data: %d\n\n" % n * 20 for n in range(50)]), EVENTS))
        for _ in range(40):
            done.pull()
        return done

    kept = [opened() for _ in range(30)]
    before = resident()
    kept += [opened() for _ in range(300)]
    assert (resident() - before) / 300 < 65536


# Everything with everything


def app_in_style(style: str, blocks: list[bytes], length: str) -> Any:
    whole = b"".join(blocks)
    declared = {"exact": len(whole), "none": None}[length]
    headers = [TEXT, *([("Content-Length", str(declared))] if declared is not None else [])]

    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", headers)
        if style == "write":
            for block in blocks:
                write(block)
            return []
        if style == "write and blocks":
            half = len(blocks) // 2
            for block in blocks[:half]:
                write(block)
            return iter(blocks[half:])
        if style == "watched":
            return Watched(*blocks)
        return (
            tuple(blocks) if style == "tuple" else iter(blocks) if style == "iterator" else blocks
        )

    def late(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", headers)
        yield from blocks

    return late if style == "late" else app


STYLES = ("list", "tuple", "iterator", "watched", "late", "write", "write and blocks")


@law
@given(
    blocks=st.lists(
        st.one_of(
            st.just(b""),
            st.binary(max_size=20),
            st.integers(1, 60).map(lambda n: PAGE[: n * 37]),
            st.just(NOISE[:700]),
        ),
        max_size=6,
    ),
    style=st.sampled_from(STYLES),
    length=st.sampled_from(["exact", "none"]),
    coding=st.sampled_from([*CODINGS, "identity"]),
    flush=st.booleans(),
    min_size=st.sampled_from([0, 500]),
    method=st.sampled_from(["GET", "HEAD"]),
)
def test_decoded_it_is_what_the_app_sent(
    blocks: list[bytes],
    style: str,
    length: str,
    coding: str,
    flush: bool,
    min_size: int,
    method: str,
) -> None:
    """Whatever the blocks, the length, the style and the coding: the same content, and complete."""
    layer = Compress(flush=flush, min_size=min_size)
    done = run(app_in_style(style, blocks, length), coding, layer, REQUEST_METHOD=method)
    whole = b"".join(blocks)
    (reason,) = reasons(done)
    if method == "HEAD" and reason in CODINGS:
        assert (done.raw, value(done, "Content-Length")) == (b"", None)
        return
    assert wire(done) == (whole, True)
    declared = value(done, "Content-Length")
    assert declared is None or int(declared) == len(done.raw)
    assert (done.coding or reason) == reason
    if whole and coding != "identity" and not min_size and reason != "no-gain":
        assert reason == coding
    assert len(done.blocks) <= len(blocks) + 1


@law
@given(
    blocks=st.lists(st.binary(max_size=300), min_size=1, max_size=8),
    coding=st.sampled_from(CODINGS),
)
def test_law_of_streams(blocks: list[bytes], coding: str) -> None:
    """At each block the client has exactly what the app gave so far."""
    done = call(app_of(stream_of(*blocks)), coding)
    so_far = b""
    for block in blocks:
        done.pull()
        so_far += block
        assert wire(done)[0] == so_far
    done.rest()
    assert wire(done) == (so_far, True)


# Threads


@each_coding
@pytest.mark.parametrize("cache_size", [0, 200_000])
def test_eight_threads(coding: str, cache_size: int) -> None:
    def inner(environ: Any, start_response: Any) -> Any:
        return environ["the.app"](environ, start_response)

    bound = Compress(cache_size=cache_size)(inner)
    barrier = threading.Barrier(8)

    def requests(seed: int) -> bool:
        barrier.wait()
        for number in range(30):
            page = PAGE + b"%d" % ((seed * number) % 7)
            body = [page] if number % 2 else iter([page[:50], page[50:]])
            app = app_of(lambda body=body: body)  # type: ignore[misc]
            done = run(app, coding, lambda _: bound, **{"the.app": app})
            if wire(done) != (page, True):
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(requests, range(8)))


# Sent by a thread that did not make it (rule 26)


@each_coding
def test_closed_on_another_thread(coding: str) -> None:
    body = Watched(PAGE, PAGE)
    done = call(app_of(lambda: body), coding)
    done.pull()
    thread = threading.Thread(target=done.close)
    thread.start()
    thread.join()
    assert body.closed == 1
    assert done.pull() is None


# The cache


@each_coding
def test_cache_gives_the_same_bytes_and_never_a_stale_one(coding: str) -> None:
    calls: list[int] = []
    pages = [PAGE, PAGE, PAGE, PAGE + b"new", PAGE]

    def app(environ: Any, start_response: Any) -> Any:
        calls.append(1)
        start_response("200 OK", [TEXT])
        return [pages[len(calls) - 1]]

    bound = Compress(cache_size=100_000)(app)
    for page in pages:
        done = run(app, coding, lambda _: bound)
        assert wire(done) == (page, True)
        assert value(done, "Content-Length") == str(len(done.raw))


def test_cache_is_made_per_bound_app_and_used(monkeypatch: pytest.MonkeyPatch) -> None:
    coded: list[bytes] = []

    def counting(coding: str, level: int) -> Any:
        def code(data: bytes) -> bytes:
            coded.append(data)
            return zlib.compress(data, 6, 31)

        return code

    monkeypatch.setattr(compress_flow, "compressor", counting)
    layer = Gzip(cache_size=100_000)
    first, second = layer(app_of()), layer(app_of())
    for _ in range(5):
        run(app_of(), "gzip", lambda _: first)
    assert len(coded) == 2  # kept on the second sighting
    run(app_of(), "gzip", lambda _: second)
    assert len(coded) == 3


def test_time_is_read_only_when_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compress_flow, "perf_counter", None)
    assert run(app_of()).coding == "gzip"
    with pytest.raises(TypeError):
        run(app_of(), layer=Gzip(server_timing=True))


def test_decode_of_the_kit_sees_what_is_incomplete() -> None:
    """The tests above stand on this."""
    for coding in CODINGS:
        raw = run(app_of(), coding).raw
        assert decode(coding, raw) == (PAGE, True)
        assert not decode(coding, raw[:-1])[1]
        large = run(app_of(stream_of(NOISE * 50)), coding)
        assert wire(large) == (NOISE * 50, True)
