"""wsgimw.decompress: request bodies that come compressed, bounded."""

from __future__ import annotations

import doctest
import gzip
import importlib
import io
import random
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import webtest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compressing import CODINGS, NOISE, PAGE, run
from wsgimw import Decompress, compose, decompress
from wsgimw.codings import CodingError, compressor, decoded, encoder
from wsgimw.testing import check_middleware
from wsgimw.testing.server import Call, FileWrapper, make_environ

law = settings(derandomize=True, database=None, deadline=None, max_examples=200)
each_coding = pytest.mark.parametrize("coding", CODINGS)
ROOT = str(Path(__file__).parent.parent)


def code(coding: str, data: bytes) -> bytes:
    return compressor(coding, 5)(data)


class Source:
    """A wsgi.input that tells how much was asked of it, and gives no more than it has."""

    def __init__(self, data: bytes, most: int = 10**9) -> None:
        self.data = io.BytesIO(data)
        self.most = most
        self.asked = 0
        self.reads = 0

    def read(self, size: int) -> bytes:
        self.asked += size
        self.reads += 1
        return self.data.read(min(size, self.most))


def echo(environ: Any, start_response: Any) -> Any:
    """An app that reads by CONTENT_LENGTH and sends back what it saw."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    data = environ["wsgi.input"].read(length)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(data)))])
    return [data]


def post(
    data: bytes,
    coding: str | None,
    layer: Any = None,
    app: Any = echo,
    length: str | None = "true",
    source: Any = None,
    **keys: Any,
) -> Call:
    environ = make_environ(REQUEST_METHOD="POST", **keys)
    environ["wsgi.input"] = source or Source(data)
    if length is not None:
        environ["CONTENT_LENGTH"] = str(len(data)) if length == "true" else length
    if coding is not None:
        environ["HTTP_CONTENT_ENCODING"] = coding
    return Call((layer or Decompress())(app), environ).run()


def test_docstrings_are_true() -> None:
    assert doctest.testmod(decompress).failed == 0


def test_imports_alone() -> None:
    code = (
        f"import sys; sys.path.insert(0, {ROOT!r}); import wsgimw.decompress\n"
        "assert 'wsgimw.compress' not in sys.modules\n"
        "assert 'werkzeug' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True)


# Options


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"codings": "gzip"}, TypeError, "codings=('gzip',)"),
        ({"codings": ()}, ValueError, "codings is empty"),
        ({"codings": ("identity",)}, ValueError, "'identity', which is not known"),
        ({"max_size": -1}, ValueError, "max_size=-1 is negative"),
        ({"max_size": 1.5}, TypeError, "max_size: 1.5 must be an int"),
        ({"maxsize": 1}, TypeError, "did you mean max_size?"),
    ],
)
def test_each_option_is_checked(options: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error) as raised:
        Decompress(**options)
    assert says in str(raised.value)


def test_is_a_value() -> None:
    assert repr(Decompress(max_size=9)) == "Decompress(max_size=9)"
    assert Decompress() == Decompress()
    assert len({Decompress(), Decompress()}) == 1
    with pytest.raises(TypeError, match=r"write Decompress\(\)\(app\)"):
        Decompress(echo)  # type: ignore[call-arg, arg-type]


# What the app sees


@each_coding
@pytest.mark.parametrize("data", [b"", b"x", PAGE, NOISE, PAGE * 1000], ids=len)
@pytest.mark.parametrize("most", [1, 7, 10**9])
def test_the_app_sees_a_plain_body(coding: str, data: bytes, most: int) -> None:
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        seen.append(
            (
                environ["CONTENT_LENGTH"],
                environ["wsgi.input_terminated"],
                "HTTP_CONTENT_ENCODING" in environ,
            )
        )
        return echo(environ, start_response)

    coded = code(coding, data)
    source = Source(coded, most)
    done = post(coded, coding, app=app, source=source)
    assert (done.status, done.raw) == ("200 OK", data)
    assert seen == [(str(len(data)), True, False)]


@each_coding
def test_the_file_reads_in_every_way(coding: str) -> None:
    lines = b"one\ntwo\nthree"

    def app(environ: Any, start_response: Any) -> Any:
        source = environ["wsgi.input"]
        seen = [source.readline(), source.read(2), source.read(), source.read(1)]
        source.seek(0)
        assert source.readlines() == list(io.BytesIO(lines))
        source.seek(0)
        assert list(source) == list(io.BytesIO(lines))
        assert seen == [b"one\n", b"tw", b"o\nthree", b""]
        return echo(environ, start_response)

    post(code(coding, lines), coding, app=app)


@pytest.mark.parametrize("name", ["GZIP", "x-gzip", " gzip ", "X-Gzip,", ", gzip"])
def test_names_of_codings(name: str) -> None:
    assert post(code("gzip", PAGE), name).raw == PAGE


@pytest.mark.parametrize("name", ["identity", "Identity", "", " ", ","])
def test_identity_is_taken_out(name: str) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        assert "HTTP_CONTENT_ENCODING" not in environ
        assert environ["wsgi.input"] is source
        return echo(environ, start_response)

    source = Source(PAGE)
    done = post(PAGE, name, app=app, source=source)
    assert done.raw == PAGE


def test_without_the_header_nothing_happens() -> None:
    source = Source(PAGE)
    done = post(PAGE, None, source=source)
    assert (done.raw, source.reads) == (PAGE, 1)


@each_coding
def test_a_body_without_a_length(coding: str) -> None:
    coded = code(coding, PAGE)
    keys: Any = {"wsgi.input_terminated": True}
    ended = post(coded, coding, length=None, **keys)
    assert ended.raw == PAGE
    blank = post(coded, coding, length="", **keys)
    assert blank.raw == PAGE
    source = Source(coded)
    unknown = post(coded, coding, length=None, source=source)
    assert (unknown.raw, source.reads) == (b"", 0)


@each_coding
def test_never_reads_past_the_length(coding: str) -> None:
    coded = code(coding, PAGE)
    source = Source(coded + b"the next request")
    done = post(coded, coding, source=source)
    assert done.raw == PAGE
    assert source.asked == len(coded)
    assert source.data.read() == b"the next request"


# Members and frames


def test_several_members_and_frames() -> None:
    members = code("gzip", b"one ") + gzip.compress(b"") + code("gzip", b"two")
    assert post(members, "gzip").raw == b"one two"
    skippable = struct.pack("<II", 0x184D2A53, 5) + b"hello"
    frames = skippable + code("zstd", b"one ") + skippable + code("zstd", b"two") + skippable
    assert post(frames, "zstd").raw == b"one two"
    for coding, data in (("gzip", members), ("zstd", frames)):
        for most in (1, 3):
            assert post(data, coding, source=Source(data, most)).raw == b"one two"


@law
@given(
    coding=st.sampled_from(CODINGS),
    parts=st.lists(st.binary(max_size=300), max_size=4),
    size=st.integers(1, 50),
)
def test_law_of_decoding(coding: str, parts: list[bytes], size: int) -> None:
    """However it was flushed and however it is cut, it decodes to what went in."""
    stream = encoder(coding, 3)
    raw = b"".join(stream.flushed(part) for part in parts) + stream.end()
    blocks = [raw[n : n + size] for n in range(0, len(raw), size)]
    assert b"".join(decoded(coding, blocks)) == b"".join(parts)


# Refusals


@pytest.mark.parametrize(
    "name",
    ["deflate", "gzip, gzip", "gzip, identity", "gz ip", "br;q=1", "\x80", "a" * 5000, '"'],
)
def test_415_and_the_body_unread(name: str) -> None:
    source = Source(PAGE)
    done = post(PAGE, name, source=source)
    assert done.status == "415 Unsupported Media Type"
    assert done.values("Accept-Encoding") == ["zstd, br, gzip"]
    assert done.values("Content-Type") == ["text/plain; charset=utf-8"]
    assert done.values("Content-Length") == [str(len(done.raw))]
    assert source.reads == 0


def test_415_for_a_coding_that_was_not_chosen() -> None:
    done = post(code("br", PAGE), "br", Decompress(codings=("gzip",)))
    assert (done.status[:3], done.values("Accept-Encoding")) == ("415", ["gzip"])
    assert post(code("gzip", PAGE), "x-gzip", Decompress(codings=("br",))).status[:3] == "415"


def test_413_by_the_length_and_the_body_unread() -> None:
    for length in ("101", "9" * 30):
        source = Source(PAGE)
        done = post(PAGE, "gzip", Decompress(max_size=100), length=length, source=source)
        assert (done.status, source.reads) == ("413 Content Too Large", 0)


@each_coding
def test_413_by_the_decoded_size(coding: str) -> None:
    layer = Decompress(max_size=1000)
    assert post(code(coding, b"a" * 1000), coding, layer).raw == b"a" * 1000
    assert post(code(coding, b"a" * 1001), coding, layer).status[:3] == "413"


def test_413_counts_over_all_members() -> None:
    layer = Decompress(max_size=1000)
    assert post(code("gzip", b"a" * 500) * 2, "gzip", layer).raw == b"a" * 1000
    assert post(code("gzip", b"a" * 501) * 2, "gzip", layer).status[:3] == "413"
    assert post(code("zstd", b"a" * 501) * 2, "zstd", layer).status[:3] == "413"


def test_413_for_an_endless_body_that_decodes_to_nothing() -> None:
    empty = gzip.compress(b"")
    keys: Any = {"wsgi.input_terminated": True}
    layer = Decompress(max_size=1000)
    assert post(empty * 100, "gzip", layer, length=None, **keys).status[:3] == "413"
    assert post(empty * 10, "gzip", layer, length=None, **keys).raw == b""
    exact = code("gzip", NOISE)
    sized = Decompress(max_size=len(exact))
    assert post(exact, "gzip", sized, length=None, **keys).raw == NOISE


@each_coding
@pytest.mark.parametrize("most", [1, 10**9])
def test_400_for_what_is_cut_off(coding: str, most: int) -> None:
    coded = code(coding, PAGE + NOISE)
    for end in (1, 2, len(coded) // 2, len(coded) - 1):
        cut = coded[:end]
        done = post(cut, coding, source=Source(cut, most))
        assert done.status == "400 Bad Request"
    short = post(coded, coding, length=str(len(coded) + 1))
    assert short.status == "400 Bad Request"


@each_coding
@pytest.mark.parametrize("most", [1, 10**9])
def test_400_for_garbage_after_the_end(coding: str, most: int) -> None:
    for garbage in (b"\0", b"garbage", b"\0" * 100):
        data = code(coding, PAGE) + garbage
        assert post(data, coding, source=Source(data, most)).status[:3] == "400"


@each_coding
def test_400_for_another_coding(coding: str) -> None:
    for other in CODINGS:
        if other != coding:
            assert post(code(other, NOISE), coding).status[:3] in ("400", "413")
    assert post(PAGE, coding).status[:3] == "400"


@pytest.mark.parametrize("length", ["-1", "1e3", "+5", "abc", "\xb2"])
def test_400_for_a_length_that_is_none(length: str) -> None:
    assert post(PAGE, "gzip", length=length).status[:3] == "400"


def test_400_for_a_read_that_fails_and_other_errors_go_up() -> None:
    class Broken:
        def __init__(self, error: BaseException) -> None:
            self.error = error

        def read(self, size: int) -> bytes:
            raise self.error

    assert post(PAGE, "gzip", source=Broken(OSError("gone"))).status[:3] == "400"
    with pytest.raises(KeyboardInterrupt):
        post(PAGE, "gzip", source=Broken(KeyboardInterrupt()))


@each_coding
def test_bit_flips_are_refused_or_harmless(coding: str) -> None:
    """It never raises, never gives a 5xx, and gzip never lets a wrong byte pass."""
    dice = random.Random(7)
    coded = code(coding, PAGE + NOISE[:200])
    for _ in range(300):
        flipped = bytearray(coded)
        flipped[dice.randrange(len(coded))] ^= 1 << dice.randrange(8)
        done = post(bytes(flipped), coding)
        assert done.status[:3] in ("200", "400", "413")
        if coding == "gzip" and done.status[:3] == "200":
            assert done.raw == PAGE + NOISE[:200]  # a bit of the header that means nothing


@law
@given(data=st.binary(max_size=200), coding=st.sampled_from(CODINGS))
def test_any_bytes_are_answered(data: bytes, coding: str) -> None:
    """Whatever comes: an answer, and none of ours is a 5xx."""
    assert post(data, coding).status[:3] in ("200", "400", "413")


def test_head_has_no_body() -> None:
    done = run(echo, layer=Decompress(), REQUEST_METHOD="HEAD", HTTP_CONTENT_ENCODING="x")
    assert (done.status[:3], done.raw) == ("415", b"")


def test_a_zstd_window_above_8_mib_is_refused() -> None:
    zstd: Any = importlib.import_module(
        "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    )
    level = zstd.CompressionParameter.compression_level
    options = {level: 3, zstd.CompressionParameter.window_log: 24}
    stream = zstd.ZstdCompressor(options=options)
    frame = stream.compress(PAGE) + stream.flush()
    with pytest.raises(CodingError):
        b"".join(decoded("zstd", [frame]))


# Bounds


@each_coding
@pytest.mark.slow
def test_a_bomb_costs_little(coding: str) -> None:
    """64 MiB in some hundred bytes cost less than max_size + 4 MiB, in a process of its own."""
    code = (
        "import io, resource, sys\n"
        f"sys.path.insert(0, {ROOT!r})\n"
        "from wsgimw import Decompress\n"
        "from wsgimw.codings import compressor, encoder\n"
        f"coding = {coding!r}\n"
        "stream = encoder(coding, 1)\n"
        "bomb = b''.join(stream.encode(bytes(1 << 20)) for _ in range(64)) + stream.end()\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        "app = Decompress()(None.__class__ and (lambda e, s: [b'']))\n"
        "def post(data):\n"
        "    heads = []\n"
        "    environ = {'CONTENT_LENGTH': str(len(data)), 'wsgi.input': io.BytesIO(data),\n"
        "               'HTTP_CONTENT_ENCODING': coding, 'REQUEST_METHOD': 'POST'}\n"
        "    list(app(environ, lambda *head: heads.append(head[0])))\n"
        "    return heads\n"
        "post(compressor(coding, 1)(b'warm'))\n"
        "before = peak()\n"
        "assert post(bomb) == ['413 Content Too Large']\n"
        "grown = peak() - before\n"
        "assert grown < 12 * 1024 * 1024, grown\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@each_coding
def test_no_piece_is_longer_than_64_kib(coding: str) -> None:
    """(headroom#3325: the limit was looked at too late.)"""
    bomb = code(coding, bytes(5_000_000))
    pieces = list(decoded(coding, [bomb]))
    assert sum(map(len, pieces)) == 5_000_000
    assert max(map(len, pieces)) <= 65536


@each_coding
def test_the_file_is_closed_at_the_end(coding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files: list[Any] = []
    real = decompress._new_file

    def new_file() -> Any:
        files.append(real())
        return files[-1]

    monkeypatch.setattr(decompress, "_new_file", new_file)

    def streaming(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        while data := environ["wsgi.input"].read(500_000):
            yield data

    def failing(environ: Any, start_response: Any) -> Any:
        raise ValueError("oh")

    big = code(coding, PAGE * 1000)  # above what is held in memory
    assert post(big, coding, app=streaming).raw == PAGE * 1000
    assert post(big, coding).raw == PAGE * 1000
    with pytest.raises(ValueError, match="oh"):
        post(big, coding, app=failing)
    assert post(big[:-1], coding).status[:3] == "400"
    assert post(big, coding, Decompress(max_size=10**6)).status[:3] == "413"
    assert [file.closed for file in files] == [True] * 5


def test_a_file_wrapper_on_the_body_itself_is_not_closed_under_it() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return environ["wsgi.file_wrapper"](environ["wsgi.input"])

    keys: Any = {"wsgi.file_wrapper": FileWrapper}
    assert post(code("gzip", PAGE * 1000), "gzip", app=app, **keys).raw == PAGE * 1000


def test_eight_threads() -> None:
    bound = Decompress()(echo)
    barrier = threading.Barrier(8)

    def work(seed: int) -> bool:
        barrier.wait()
        for number in range(20):
            page = PAGE + b"%d" % (seed * number)
            coding = CODINGS[number % 3]
            if post(code(coding, page), coding, lambda _: bound).raw != page:
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


# The protocol


@pytest.mark.parametrize("depth", [1, 6])
def test_protocol(depth: int) -> None:
    layer = compose(*[Decompress()] * depth)
    assert check_middleware(layer)
    assert check_middleware(layer, environ={"HTTP_CONTENT_ENCODING": "identity"})


# Bugs of others


@pytest.mark.parametrize("cut", [False, True], ids=["members", "truncation"])
def test_body_parser_454_and_qontract_reconcile_5747(cut: bool) -> None:
    data = code("gzip", b"one") + code("gzip", b"two")
    done = post(data[:-4] if cut else data, "gzip")
    assert done.status[:3] == "400" if cut else done.raw == b"onetwo"


@each_coding
def test_echo_3000_the_length_of_the_coded_body_is_kept(coding: str) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        assert environ["CONTENT_LENGTH"] == str(len(PAGE))
        return echo(environ, start_response)

    assert post(code(coding, PAGE), coding, app=app).raw == PAGE


def test_dulwich_418_a_limit_outside_is_no_limit() -> None:
    """The layer's own limit counts decoded bytes; what an outer limit lets in stays bounded."""
    bomb = code("gzip", bytes(10**6))
    assert len(bomb) < 2000
    assert post(bomb, "gzip", Decompress(max_size=2000)).status[:3] == "413"


def test_through_frameworks() -> None:
    """Flask and Django see nothing of a body without a CONTENT_LENGTH."""
    flask = importlib.import_module("flask")
    app = flask.Flask(__name__)
    app.add_url_rule("/", "index", lambda: flask.request.get_json()["name"], methods=["POST"])
    client: Any = webtest.TestApp(Decompress()(app.wsgi_app))
    for coding in CODINGS:
        answer = client.post(
            "/",
            code(coding, b'{"name": "Ada"}'),
            headers={"Content-Encoding": coding, "Content-Type": "application/json"},
        )
        assert answer.body == b"Ada"


def test_zlib_errors_name_the_coding() -> None:
    with pytest.raises(CodingError, match="the bytes are no gzip"):
        list(decoded("gzip", [b"nonsense"]))
    assert zlib.error not in CodingError.__mro__
