"""wsgimw.codings: whole bodies and streams in gzip, br, zstd; the cache of coded bodies."""

from __future__ import annotations

import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compressing import CODINGS, NOISE, PAGE, decode
from wsgimw import codings
from wsgimw.coded_cache import CodedCache
from wsgimw.codings import LEVELS, compressor, decoded, encoder, require

law = settings(derandomize=True, database=None, deadline=None, max_examples=100)
each_coding = pytest.mark.parametrize("coding", CODINGS)
LEVELS_OF = [(coding, level) for coding in CODINGS for level in {*LEVELS[coding]}]


def test_all_three_are_installed_here() -> None:
    assert codings.CODINGS == CODINGS
    for coding in CODINGS:
        require(coding)


@pytest.mark.parametrize(("coding", "level"), LEVELS_OF)
@pytest.mark.parametrize("data", [b"", b"x", PAGE, NOISE, PAGE * 100], ids=len)
def test_whole(coding: str, level: int, data: bytes) -> None:
    code = compressor(coding, level)
    coded = code(data)
    assert type(coded) is bytes
    assert decode(coding, coded) == (data, True)
    assert code(data) == coded
    assert compressor(coding, level) is code


@pytest.mark.parametrize(("coding", "level"), LEVELS_OF)
@pytest.mark.parametrize("live", [False, True])
def test_stream(coding: str, level: int, live: bool) -> None:
    stream = encoder(coding, level, live=live)
    raw = stream.encode(PAGE)
    raw += stream.flushed(b"event")
    assert decode(coding, raw) == (PAGE + b"event", False)
    raw += stream.flushed(b"")
    assert decode(coding, raw)[0] == PAGE + b"event"
    raw += stream.encode(NOISE) + stream.end()
    assert decode(coding, raw) == (PAGE + b"event" + NOISE, True)


@law
@given(
    coding=st.sampled_from(CODINGS),
    live=st.booleans(),
    steps=st.lists(st.tuples(st.binary(max_size=200), st.booleans()), max_size=10),
)
def test_law_of_flush(coding: str, live: bool, steps: list[tuple[bytes, bool]]) -> None:
    """After a flush all that went in comes out; at no time more than that."""
    stream = encoder(coding, LEVELS[coding].default, live=live)
    raw = fed = b""
    for data, flush in steps:
        raw += (stream.flushed if flush else stream.encode)(data)
        fed += data
        content = decode(coding, raw)[0]
        assert content == fed if flush else fed.startswith(content)
    assert decode(coding, raw + stream.end()) == (fed, True)


@each_coding
def test_a_compressor_that_raised_is_as_good_as_before(coding: str) -> None:
    code: Callable[[Any], bytes] = compressor(coding, 4)
    for _ in range(3):
        with pytest.raises(TypeError):
            code("not bytes")
        assert decode(coding, code(PAGE)) == (PAGE, True)


def test_zstd_compressors_are_pooled_and_dropped_after_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Any] = []
    real = codings._zstd.ZstdCompressor

    class Module:
        class ZstdCompressor:
            FLUSH_FRAME = real.FLUSH_FRAME

            def __init__(self, level: int) -> None:
                made.append(self)
                self.real = real(level=level)

            def compress(self, data: bytes, mode: int) -> bytes:
                coded: bytes = self.real.compress(data, mode)
                return coded

    monkeypatch.setattr(codings, "_zstd", Module)
    code = codings._zstd_compressor(3)
    for _ in range(5):
        code(PAGE)
    assert len(made) == 1
    with pytest.raises(TypeError):
        code("oops")  # type: ignore[arg-type]
    code(PAGE)
    assert len(made) == 2
    barrier = threading.Barrier(8)

    def work(_: int) -> None:
        barrier.wait()
        for _ in range(50):
            assert decode("zstd", code(PAGE)) == (PAGE, True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_live_settings() -> None:
    """gzip with a small window; zstd at level 1, whatever the level; br with a small window."""
    events = b"".join(
        b'data: {"id": %d, "price": %d}\n\n' % (n, n * 7919 % 1000) for n in range(200)
    )

    def size(coding: str, level: int, live: bool) -> int:
        stream = encoder(coding, level, live=live)
        return len(stream.flushed(events) + stream.end())

    assert size("zstd", 19, True) == size("zstd", 1, False)
    assert size("gzip", 6, True) < len(events) / 3
    assert size("br", 5, True) < len(events) / 3


def test_works_with_the_standard_library_alone() -> None:
    """Without libdeflate and zlib-ng: other bytes perhaps, the same content."""
    code = (
        "import sys\n"
        "sys.modules['deflate'] = sys.modules['zlib_ng'] = None\n"
        "import zlib\n"
        "from wsgimw.codings import compressor, encoder\n"
        "assert compressor('gzip', 6)(b'x' * 99) == zlib.compress(b'x' * 99, 6, 31)\n"
        "stream = encoder('gzip', 6)\n"
        "assert zlib.decompress(stream.encode(b'ab') + stream.end(), 31) == b'ab'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_gzip_of_whole_bodies_without_libdeflate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codings, "_deflate", None)
    code = compressor.__wrapped__("gzip", 6)
    assert code(PAGE) == zlib.compress(PAGE, 6, 31)


def test_gzip_that_has_more_than_it_had_room_for() -> None:
    """Wherever the input is cut, what zlib holds back comes out."""
    data = bytes(65536 * 3)
    coded = compressor("gzip", 9)(data)
    for cut in range(len(coded) + 1):
        pieces = list(decoded("gzip", [coded[:cut], coded[cut:]]))
        assert b"".join(pieces) == data
        assert max(map(len, pieces)) <= 65536


# The cache


def counted(log: list[bytes]) -> Callable[[bytes], bytes]:
    def code(data: bytes) -> bytes:
        log.append(data)
        return data[:10]

    return code


def test_cache_keeps_at_the_second_sighting() -> None:
    log: list[bytes] = []
    cache = CodedCache(10_000, {"x": counted(log)})
    for _ in range(5):
        assert cache.coded("x", b"a" * 100) == b"a" * 10
    assert len(log) == 2
    assert len(cache) == 1
    for number in range(50):
        cache.coded("x", b"%d" % number * 20)
    assert len(cache) == 1


def test_cache_drops_what_was_used_least_recently() -> None:
    log: list[bytes] = []
    cache = CodedCache(4 * 110, {"x": counted(log)})
    bodies = [bytes([number]) * 100 for number in range(5)]

    def twice(body: bytes) -> None:
        cache.coded("x", body)
        cache.coded("x", body)

    for body in bodies[:4]:
        twice(body)
    assert len(cache) == 4
    cache.coded("x", bodies[0])  # used
    twice(bodies[4])
    assert len(cache) == 4
    log.clear()
    cache.coded("x", bodies[0])
    assert log == []
    cache.coded("x", bodies[1])
    assert log == [bodies[1]]


def test_cache_takes_nothing_above_a_quarter() -> None:
    cache = CodedCache(439, {"x": counted([])})
    for _ in range(3):
        cache.coded("x", b"a" * 100)
    assert len(cache) == 0
    cache = CodedCache(440, {"x": counted([])})
    for _ in range(3):
        cache.coded("x", b"a" * 100)
    assert len(cache) == 1


def test_cache_remembers_a_bounded_number_of_sightings() -> None:
    cache = CodedCache(10**6, {"x": counted([])})
    for number in range(6000):
        cache.coded("x", b"%d" % number)
    assert len(cache._seen) <= 4096
    assert len(cache) == 0


def test_cache_keeps_codings_apart() -> None:
    cache = CodedCache(10_000, {"a": lambda data: b"a", "b": lambda data: b"b"})
    for _ in range(3):
        assert (cache.coded("a", b"page"), cache.coded("b", b"page")) == (b"a", b"b")


def test_cache_is_not_locked_while_coding_and_two_may_make_the_same() -> None:
    inside = threading.Barrier(2, timeout=10)
    seen: list[bytes] = []

    def code(data: bytes) -> bytes:
        seen.append(data)
        if len(seen) > 1:
            inside.wait()  # passes only if two threads are in here at once
        return b"coded"

    cache = CodedCache(10_000, {"x": code})
    cache.coded("x", b"both")
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: cache.coded("x", b"both"), range(2))) == [b"coded"] * 2
    assert len(cache) == 1
    assert cache._used == len(b"both") + len(b"coded")
    assert cache.coded("x", b"both") == b"coded"
