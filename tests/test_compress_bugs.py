"""Bugs of others, each once per coding where it applies: the id of a test names the report."""

from __future__ import annotations

import importlib
import sys
import threading
import weakref
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import webtest

from tests.compressing import (
    CODINGS,
    EVENTS,
    JSON,
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
from wsgimw import Compress, Gzip, codings, compress
from wsgimw.testing.server import Call

Check = Callable[[str], None]
CASES: list[Any] = []
LINT: Any = importlib.import_module("webtest.lint").middleware
LENGTH = ("Content-Length", str(len(PAGE)))


def seen(*reports: str, once: bool = False) -> Callable[[Check], Check]:
    """Run a check under the name of each report, for each coding (`once`: for gzip)."""

    def add(check: Check) -> Check:
        for report in reports:
            for coding in ("gzip",) if once else CODINGS:
                CASES.append(pytest.param(check, coding, id=f"{report}-{coding}"))
        return check

    return add


def tag_of(done: Call) -> str | None:
    return value(done, "ETag")


# Streams


@seen("starlette-2753", "starlette-3230", "tower-http-419", "hono-3833", "rack-123", "caddy-7905")
def event_withheld(coding: str) -> None:
    """An event reaches the client before the next one is made."""
    made: list[int] = []

    def events() -> Iterator[bytes]:
        for number in range(5):
            made.append(number)
            yield b"data: %d\n\n" % number

    done = call(app_of(events, EVENTS), coding)
    for number in range(5):
        done.pull()
        assert made == list(range(number + 1))
        assert wire(done)[0].endswith(b"data: %d\n\n" % number)


@seen("farm.js-1126")
def only_one_coding_stalled(coding: str) -> None:
    """A big block, then a small one: none waits in any codec, at any level."""
    for level in {"zstd": (1, 19), "br": (1, 11), "gzip": (1, 9)}[coding]:
        done = call(
            app_of(stream_of(NOISE * 30, b"small")), coding, Compress(levels={coding: level})
        )
        done.pull()
        assert wire(done)[0] == NOISE * 30
        done.pull()
        assert wire(done)[0] == NOISE * 30 + b"small"
        done.close()


@seen("go-via-66")
def raw_bytes_before_the_stream(coding: str) -> None:
    """What is written before the first block is in the stream, too."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [EVENTS])(b"data: hello\n\n")
        return iter([b"data: 1\n\n"])

    done = run(app, coding)
    assert wire(done) == (b"data: hello\n\ndata: 1\n\n", True)


@seen("django-24242")
def tiny_flushes(coding: str) -> None:
    """A body of known length in tiny blocks is not flushed for each: it stays small."""
    tiny = [PAGE[n : n + 8] for n in range(0, len(PAGE), 8)]
    done = run(app_of(stream_of(*tiny), TEXT, LENGTH), coding)
    whole = run(app_of(), coding)
    assert len(done.raw) < len(whole.raw) + 64
    listed = run(app_of(tiny), coding)
    assert listed.raw == whole.raw


@seen("flask-compress-30", "flask-compress-42")
def stream_buffered(coding: str) -> None:
    """A stream without an end can be read."""

    def endless() -> Iterator[bytes]:
        while True:
            yield PAGE

    done = call(app_of(endless), coding)
    for _ in range(5):
        done.pull()
    assert wire(done)[0] == PAGE * 5
    done.close()


@seen("rack-1931", "werkzeug-1259", "backlash-19")
def close_lost(coding: str) -> None:
    """`close()` belongs to the iterable, comes once, and also when nothing was iterated."""

    class Body:
        closed = 0

        def __iter__(self) -> Iterator[bytes]:
            return iter([PAGE])

        def close(self) -> None:
            self.closed += 1

        def __len__(self) -> int:
            return 0  # webob#74: such a body is false

    for iterated in (True, False):
        body = Body()
        done = call(app_of(lambda body=body: body), coding)  # type: ignore[misc]
        if iterated:
            done.pull()
        done.close()
        done.close()
        assert body.closed == 1


@seen("next.js-94919", "jetty-14028")
def encoder_leaks_on_abort(coding: str) -> None:
    """What is dropped in mid-stream is gone at once, encoder and all."""
    mark = weakref.WeakSet[Any]()

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield PAGE

    def body() -> Any:
        made = Body()
        mark.add(made)
        return made

    done = call(app_of(body), coding)
    done.pull()
    done.close()
    done.drop()
    done.events.clear()
    assert not list(mark)


@seen("caddy-7235")
def error_page_in_a_stream(coding: str) -> None:
    """After bytes have left, an error page is refused; what was sent has no end."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [TEXT])
        yield PAGE
        try:
            raise ValueError("oh")
        except ValueError:
            start_response("500 Oh", [TEXT], sys.exc_info())
        yield b"<h1>Error</h1>"

    done = call(app, coding)
    with pytest.raises(ValueError, match="oh"):
        done.rest()
    assert wire(done) == (PAGE, False)


@seen("django-http-compression-8")
def a_member_per_chunk(coding: str) -> None:
    """One stream, not one for each block: a decoder that stops at the first end reads it all."""
    done = run(app_of(stream_of(PAGE, PAGE, PAGE)), coding)
    if coding == "gzip":
        decoder = zlib.decompressobj(31)
        assert decoder.decompress(done.raw) == PAGE * 3
        assert decoder.unused_data == b""
    alone = run(app_of(stream_of(PAGE)), coding)
    assert len(done.raw) < 2 * len(alone.raw)


# Head


@seen("paste-43", "rack-1142", "rack-1490")
def twenty_bytes_for_nothing(coding: str) -> None:
    """An empty body has no coding and no bytes."""
    for body in ([], [b""], stream_of()):
        done = run(app_of(body), coding)
        assert (done.raw, done.coding) == (b"", "")
    for status in ("204 No Content", "304 Not Modified", "205 Reset Content"):
        done = run(app_of([], TEXT, status=status), coding)
        assert (done.raw, done.coding) == (b"", "")


@seen("compression-6", "starlette-803", "starlette-1579")
def length_of_the_plain_body(coding: str) -> None:
    """Content-Length is that of the coded body, or gone."""
    for body in ([PAGE], stream_of(PAGE), stream_of(PAGE[:9], PAGE[9:])):
        done = run(app_of(body, TEXT, LENGTH), coding)
        assert value(done, "Content-Length") in (None, str(len(done.raw)))
        assert wire(done) == (PAGE, True)


@seen("compression-44", "caddy-5849")
def vary_missing_on_304(coding: str) -> None:
    done = run(app_of([], ("ETag", '"x"'), status="304 Not Modified"), coding)
    assert value(done, "Vary") == "Accept-Encoding"


@seen("starlette-2863", "flask-compress-28", "hono-5137")
def vary_missing_on_identity(coding: str) -> None:
    for accept in (None, "", "identity", f"{coding};q=0"):
        done = run(app_of(), accept, Compress(codings=(coding,)))
        assert (done.coding, value(done, "Vary")) == ("", "Accept-Encoding")
    small = run(app_of([b"small"]), coding)
    assert value(small, "Vary") == "Accept-Encoding"


@seen("connect-848")
def vary_on_images(coding: str) -> None:
    """What is never compressed does not vary."""
    done = run(app_of([NOISE], ("Content-Type", "image/png")), coding)
    assert value(done, "Vary") is None


@seen("tower-http-578", "fastify-compress-285")
def vary_by_substring(coding: str) -> None:
    done = run(app_of([PAGE], TEXT, ("Vary", "X-Accept-Encoding")), coding)
    assert value(done, "Vary") == "X-Accept-Encoding, Accept-Encoding"
    again = run(app_of([PAGE], TEXT, ("Vary", "ACCEPT-encoding")), coding)
    assert value(again, "Vary") == "ACCEPT-encoding"


@seen("rack-577", "hono-4845", "compression-45")
def strong_tag_shared(coding: str) -> None:
    """Two bodies with different bytes have different strong tags."""
    coded = run(app_of([PAGE], TEXT, ("ETag", '"x"')), coding)
    plain = run(app_of([PAGE], TEXT, ("ETag", '"x"')), None)
    assert coded.raw != plain.raw
    assert tag_of(coded) != tag_of(plain) == '"x"'
    others = {
        tag_of(run(app_of([PAGE], TEXT, ("ETag", '"x"')), accept)) for accept in (*CODINGS, None)
    }
    assert len(others) == 4


def revalidating(environ: Any, start_response: Any) -> Any:
    if '"x"' in environ.get("HTTP_IF_NONE_MATCH", ""):
        start_response("304 Not Modified", [("ETag", '"x"')])
        return []
    if '"x"' not in environ.get("HTTP_IF_MATCH", '"x"'):
        start_response("412 Precondition Failed", [TEXT])
        return [b"changed"]
    start_response("200 OK", [TEXT, ("ETag", '"x"')])
    return [PAGE]


@seen("flask-compress-65", "rails-19056")
def revalidation_lost(coding: str) -> None:
    """The tag that was given is known when it comes back."""
    tag = tag_of(run(revalidating, coding))
    assert tag is not None
    assert run(revalidating, coding, HTTP_IF_NONE_MATCH=tag).status == "304 Not Modified"
    assert run(revalidating, coding, HTTP_IF_MATCH=tag).status == "200 OK"
    assert run(revalidating, None, HTTP_IF_MATCH=tag).status == "200 OK"
    assert run(revalidating, coding, HTTP_IF_MATCH='"old"').status.startswith("412")


@seen("jetty-623", "caddy-7096")
def tag_of_304_differs(coding: str) -> None:
    tag = tag_of(run(revalidating, coding))
    assert tag_of(run(revalidating, coding, HTTP_IF_NONE_MATCH=tag)) == tag


@seen("rack-2372")
def mtime(coding: str) -> None:
    """The same page has the same bytes, whatever the clock says."""
    first = run(app_of(), coding).raw
    assert run(app_of(), coding).raw == first
    if coding == "gzip":
        assert first[4:8] == b"\0\0\0\0"


@seen("koa-compress-300", "starlette-3420", "fastify-compress-402", "bandit-677")
def ranges(coding: str) -> None:
    """A part of a plain body is not coded, and not mistaken for a part of a coded one."""
    part = [TEXT, ("Content-Range", f"bytes 0-999/{len(PAGE)}"), ("ETag", '"x"')]
    done = run(app_of([PAGE[:1000]], *part, status="206 Partial Content"), coding)
    assert (done.raw, done.coding, tag_of(done)) == (PAGE[:1000], "", '"x"')
    assert value(done, "Vary") == "Accept-Encoding"


@seen("caddy-5039")
def accept_ranges(coding: str) -> None:
    done = run(app_of([PAGE], TEXT, ("accept-ranges", "bytes")), coding)
    assert value(done, "Accept-Ranges") is None
    assert value(run(app_of([PAGE], TEXT, ("Accept-Ranges", "bytes")), None), "Accept-Ranges")


@seen("oxidizer-746")
def digests(coding: str) -> None:
    names = ("Content-MD5", "Digest", "Content-Digest", "Repr-Digest")
    done = run(app_of([PAGE], TEXT, *((name, "x") for name in names)), coding)
    assert [value(done, name) for name in names] == [None] * 4
    plain = run(app_of([PAGE], TEXT, *((name, "x") for name in names)), None)
    assert [value(plain, name) for name in names] == ["x"] * 4


@seen("compression-117")
def head(coding: str) -> None:
    """HEAD has the headers of GET, and no body."""
    app = app_of([PAGE], JSON, ("ETag", '"x"'))
    got, headed = run(app, coding), run(app, coding, REQUEST_METHOD="HEAD")
    assert headed.raw == b""
    without = [item for item in got.headers if item[0] != "Content-Length"]
    assert headed.headers == without


# Negotiation


@seen("flask-compress-19", "whitenoise-352", once=True)
def weights_by_substring(_: str) -> None:
    """`gzip;q=0` is a refusal, and what only looks like gzip is none."""
    for accept in ("gzip;q=0", "gzip; q=0.0", "xgzip", "gzipped", "not-gzip", "br;q=0,gzip ;Q=0"):
        assert run(app_of(), accept).coding == ""


@seen("whitenoise-707", "klauspost-compress-1116", once=True)
def order_of_weights(_: str) -> None:
    assert run(app_of(), "gzip;q=1, br;q=0.1").coding == "gzip"
    assert run(app_of(), "gzip;q=0.1, br;q=0.2, zstd;q=0.15").coding == "br"


@seen("tower-http-215", "tower-http-693", once=True)
def identity_weighed(_: str) -> None:
    assert run(app_of(), "identity, gzip;q=0.9").coding == ""
    assert run(app_of(), "identity;q=0.5, gzip;q=0.9").coding == "gzip"
    assert run(app_of(), "identity;q=0").status == "200 OK"


@seen("klauspost-compress-1149", once=True)
def wildcard(_: str) -> None:
    assert run(app_of(), "*;q=0").coding == ""
    assert run(app_of(), "gzip;q=0, *").coding in ("br", "zstd")


@seen("hono-4951", once=True)
def case(_: str) -> None:
    assert run(app_of(), "GZip").coding == "gzip"
    assert run(app_of(), "X-GZIP").coding == "gzip"


@seen("echo-3021", once=True)
def whitespace(_: str) -> None:
    assert run(app_of(), " ,\tgzip ; q=1 ,").coding == "gzip"


@seen("caddy-7772", once=True)
def nonsense_refuses(_: str) -> None:
    for weight in ("", "2", "-1", "nan", "inf", "1e0", "0x1", "1.", "+1", "\u0661"):
        assert run(app_of(), f"gzip;q={weight}").coding == ""


# Codecs


@seen("tower-http-488", once=True)
def window(_: str) -> None:
    """RFC 9659: no window above 8 MiB, at any level, whole or streamed."""
    for level in (1, 3, 19):
        stream = codings.encoder("zstd", level)
        whole = codings.compressor("zstd", level)
        for frame in (stream.flushed(PAGE), whole(PAGE)):
            assert window_of(frame) <= 8 * 1024 * 1024
    with pytest.raises(ValueError, match="give 1 to 19"):
        Compress(levels={"zstd": 20})


def window_of(frame: bytes) -> int:
    """Read the window size out of a zstd frame header. RFC 8878, 3.1.1.1."""
    assert frame[:4] == b"\x28\xb5\x2f\xfd"
    descriptor = frame[4]
    if descriptor & 0x20:  # a single segment: the window is the content
        size = {0: 1, 1: 2, 2: 4, 3: 8}[descriptor >> 6]
        return int.from_bytes(frame[5 : 5 + size], "little") + (256 if size == 2 else 0)
    exponent, mantissa = frame[5] >> 3, frame[5] & 7
    base = 1 << (10 + exponent)
    return base + base // 8 * mantissa


@seen("tower-http-356", once=True)
def brotli_11(_: str) -> None:
    """The default level is for answers that are made now, not for files."""
    assert codings.LEVELS["br"].default == 5


@seen("python-zstandard-244", "djust-1430")
def threads(coding: str) -> None:
    """Nothing is shared that two threads may not use at once."""
    code = codings.compressor(coding, codings.LEVELS[coding].default)
    barrier = threading.Barrier(8)

    def work(seed: int) -> bool:
        barrier.wait()
        pages = [PAGE + b"%d" % (seed * number) for number in range(60)]
        return all(decode_whole(coding, code(page)) == page for page in pages)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def decode_whole(coding: str, data: bytes) -> bytes:
    content, complete = decode(coding, data)
    assert complete
    return content


@seen("flask-compress-53", "wai-243")
def cache_key(coding: str) -> None:
    """A cached body is never given for another page, nor in another coding."""
    pages = {"/a": PAGE, "/b": PAGE + b"b"}

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [TEXT])
        return [pages[environ["PATH_INFO"]]]

    bound = Compress(cache_size=10**6)(app)
    for _ in range(4):
        for accept in (coding, *CODINGS, None):
            for path in pages:
                done = run(app, accept, lambda _: bound, PATH_INFO=path)
                assert wire(done) == (pages[path], True)
                assert done.coding == (accept or "")
    pages["/a"] = PAGE + b"changed"
    assert wire(run(app, coding, lambda _: bound, PATH_INFO="/a"))[0] == pages["/a"]


@pytest.mark.parametrize(("check", "coding"), CASES)
def test_bug_of_others(check: Check, coding: str) -> None:
    check(coding)


# Through a client, its lint on


def site(environ: Any, start_response: Any) -> Any:
    path = environ["PATH_INFO"]
    if path == "/stream":
        start_response("200 OK", [EVENTS])
        return (b"data: %d\n\n" % number for number in range(3))
    if path == "/empty":
        start_response("204 No Content", [])
        return []
    if '"x"' in environ.get("HTTP_IF_NONE_MATCH", ""):
        start_response("304 Not Modified", [("ETag", '"x"')])
        return []
    start_response("200 OK", [JSON, ("ETag", '"x"')])
    return [PAGE]


@pytest.mark.parametrize("coding", CODINGS)
def test_through_webtest(coding: str) -> None:
    """Its client decodes gzip only, so the others are asked for without it; its lint is on."""
    app = LINT(Compress()(site))

    def get(path: str, **options: Any) -> Any:
        request = webtest.TestRequest.blank(path, **options)
        request.headers["Accept-Encoding"] = coding
        for name, header in options.get("headers", {}).items():
            request.headers[name] = header
        answer = request.get_response(app)
        assert answer.body is not None  # WebOb closes when it has read
        return answer

    whole = get("/")
    assert whole.headers["Content-Encoding"] == coding
    assert int(whole.headers["Content-Length"]) == len(whole.body)
    assert decode(coding, whole.body) == (PAGE, True)
    streamed = get("/stream")
    assert decode(coding, streamed.body) == (b"data: 0\n\ndata: 1\n\ndata: 2\n\n", True)
    assert get("/", method="HEAD").headers["Content-Encoding"] == coding
    assert get("/empty").body == b""
    again = get("/", headers={"If-None-Match": whole.headers["ETag"]})
    assert (again.status_int, again.headers["ETag"]) == (304, whole.headers["ETag"])


def test_through_the_client_of_webtest() -> None:
    client = webtest.TestApp(Gzip()(site), lint=True)
    whole = client.get("/", headers={"Accept-Encoding": "gzip"})
    assert (whole.body, whole.headers["ETag"]) == (PAGE, '"x--gzip"')
    assert client.get("/stream", headers={"Accept-Encoding": "gzip"}).body.startswith(b"data: 0")
    assert client.get("/").headers["Vary"] == "Accept-Encoding"


def test_every_report_is_here() -> None:
    """Gzip has each of them; a table that is not run is no test."""
    reports = {case.id.rsplit("-", 1)[0] for case in CASES}
    assert len(reports) >= 45
    assert compress.Gzip is Gzip
    assert reasons(run(app_of())) == ["gzip"]
