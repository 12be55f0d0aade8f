"""StaticFiles: HEAD, ranges, preconditions, the choice of the representation."""

from __future__ import annotations

import email
import email.policy
import zlib
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

import brotli
import pytest

from tests.static_site import LARGE, OLD, OLD_DATE, Answer, Client, gz, settle, static, text, write
from wsgimw import Compress, StaticFiles, compose

DIGITS = b"0123456789"
BIG = bytes(range(256)) * 1024
PAGE = text(20_000)
HELD = text(3_000)

MODES = pytest.mark.parametrize("mode", ["check", "frozen"])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "public"
    write(root / "digits.txt", DIGITS)
    write(root / "one.txt", b"x")
    write(root / "empty.txt", b"")
    write(root / "big.bin", BIG)
    write(root / "font.woff2", b"w" * 100)
    write(root / "page.css", PAGE)
    write(root / "page.css.gz", gz(PAGE))
    write(root / "page.css.br", brotli.compress(PAGE))
    write(root / "held.js", HELD)
    return settle(root)


@MODES
@pytest.mark.parametrize("memory", [32 * 2**20, 0], ids=["held", "not held"])
@pytest.mark.parametrize(
    ("path", "wanted", "status", "body", "content_range"),
    [
        pytest.param("digits.txt", "bytes=0-0", 206, b"0", "bytes 0-0/10", id="whitenoise-711"),
        pytest.param("digits.txt", "bytes=9-9", 206, b"9", "bytes 9-9/10", id="the last byte"),
        pytest.param("digits.txt", "bytes=-3", 206, b"789", "bytes 7-9/10", id="whitenoise-322"),
        pytest.param("digits.txt", "bytes=0-", 206, DIGITS, "bytes 0-9/10", id="caddy-7040 all"),
        pytest.param("digits.txt", "bytes=0-99", 206, DIGITS, "bytes 0-9/10", id="beyond"),
        pytest.param(
            "digits.txt", "bytes=0-2,3-5", 206, b"012345", "bytes 0-5/10", id="one of two"
        ),
        pytest.param("digits.txt", "bytes=10-", 416, b"", "bytes */10", id="whitenoise-301"),
        pytest.param("digits.txt", "bytes=-0", 416, b"", "bytes */10", id="whitenoise-341"),
        pytest.param("digits.txt", "bytes=5-4", 200, DIGITS, None, id="CVE-2022-44570"),
        pytest.param("digits.txt", "items=0-0", 200, DIGITS, None, id="another unit"),
        pytest.param("digits.txt", "bytes=--1", 200, DIGITS, None, id="webob --1"),
        pytest.param("digits.txt", "bytes=" + "9" * 5000 + "-", 416, b"", "bytes */10", id="webob"),
        pytest.param("digits.txt", "", 200, DIGITS, None, id="blank"),
        pytest.param(
            "digits.txt", "bytes=" + "0-0," * 5000, 200, DIGITS, None, id="CVE-2025-62727"
        ),
        pytest.param("one.txt", "bytes=0-0", 206, b"x", "bytes 0-0/1", id="outline-13695"),
        pytest.param("empty.txt", "bytes=0-0", 200, b"", None, id="an empty file"),
        pytest.param("empty.txt", "bytes=-1", 200, b"", None, id="the end of an empty file"),
        pytest.param(
            "big.bin",
            "bytes=65535-65537",
            206,
            BIG[65535:65538],
            "bytes 65535-65537/262144",
            id="gunicorn-2669 out of a large file",
        ),
        pytest.param(
            "big.bin",
            "bytes=1000-99999",
            206,
            BIG[1000:100000],
            "bytes 1000-99999/262144",
            id="uwsgi-1230 a large part",
        ),
        pytest.param(
            "big.bin", "bytes=-1", 206, BIG[-1:], "bytes 262143-262143/262144", id="falcon-1991"
        ),
        pytest.param("big.bin", "bytes=262144-", 416, b"", "bytes */262144", id="caddy-7250"),
    ],
)
def test_a_range(
    root: Path,
    mode: str,
    memory: int,
    path: str,
    wanted: str,
    status: int,
    body: bytes,
    content_range: str | None,
) -> None:
    client = static(root, mode=mode, memory=memory)
    for _ in range(2):
        answer = client(f"/static/{path}", range=wanted)
        assert (answer.status, answer.body) == (status, body)
        assert answer["Content-Range"] == content_range
        assert answer["Content-Length"] == str(len(body))
        assert answer["Content-Type"] is not None


@MODES
def test_a_wrapper_is_for_whole_files(root: Path, mode: str) -> None:
    """gunicorn-2669, uwsgi-1230, falcon-1991: wrappers know neither a place nor an end."""
    client = static(root, mode=mode)
    client.environ["wsgi.file_wrapper"] = FileWrapper
    whole = client("/static/big.bin")
    assert whole.body == BIG
    body = client.app(whole.environ, lambda *head: None)
    assert type(body) is FileWrapper
    body.close()
    part = client("/static/big.bin", range="bytes=5-100004")
    assert part.body == BIG[5:100005]
    assert part.environ["wsgi.file_wrapper"] is FileWrapper


def parts_of(answer: Answer) -> list[tuple[Any, Any, Any]]:
    head = f"Content-Type: {answer['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + answer.body, policy=email.policy.HTTP)
    return [
        (part["Content-Range"], part.get_payload(decode=True), part["Content-Type"])
        for part in message.iter_parts()
    ]


@MODES
@pytest.mark.parametrize("memory", [32 * 2**20, 0], ids=["held", "not held"])
@pytest.mark.parametrize(
    ("path", "data", "wanted"),
    [
        pytest.param("big.bin", BIG, [(0, 10), (5000, 5001), (200, 300)], id="small parts"),
        pytest.param("big.bin", BIG, [(0, 70_000), (100_000, 170_000)], id="large parts"),
        pytest.param("page.css", PAGE, [(0, 1), (19_999, 20_000)], id="the two ends"),
    ],
)
def test_several_ranges(
    root: Path, mode: str, memory: int, path: str, data: bytes, wanted: list[tuple[int, int]]
) -> None:
    client = static(root, mode=mode, memory=memory)
    field = "bytes=" + ", ".join(f"{start}-{stop - 1}" for start, stop in wanted)
    answer = client(f"/static/{path}", range=field)
    assert answer.status == 206
    assert answer["Content-Range"] is None
    assert [(place, part) for place, part, _ in parts_of(answer)] == [
        (f"bytes {start}-{stop - 1}/{len(data)}", data[start:stop]) for start, stop in wanted
    ]
    assert answer["Content-Length"] == str(len(answer.body))
    whole = client(f"/static/{path}")
    same = whole.names - {"Content-Type", "Content-Length"}
    assert {name: answer[name] for name in same} == {name: whole[name] for name in same}
    again = client(f"/static/{path}", range=field)
    assert again["Content-Type"] != answer["Content-Type"]  # a boundary of its own


def test_parts_that_are_longer_than_the_file(root: Path) -> None:
    answer = static(root)("/static/page.css", range="bytes=0-9900,9990-19999")
    assert (answer.status, answer.body) == (200, PAGE)


def test_a_range_of_a_head_is_ignored(root: Path) -> None:
    """rack-2159, tower-http-556."""
    for wanted in ("bytes=0-0", "bytes=99-", "x"):
        answer = static(root)("/static/digits.txt", "HEAD", range=wanted)
        assert (answer.status, answer["Content-Length"]) == (200, "10")
        assert answer["Content-Range"] is None


@MODES
def test_206_and_416_carry_the_fields_of_the_200(root: Path, mode: str) -> None:
    """whitenoise-711: CORS and cache fields were lost."""
    client = static(root, mode=mode, cors="*")
    whole = client("/static/page.css")
    for wanted in ("bytes=0-0", "bytes=99999-"):
        answer = client("/static/page.css", range=wanted)
        for name in (
            "ETag",
            "Last-Modified",
            "Cache-Control",
            "Vary",
            "Access-Control-Allow-Origin",
            "X-Content-Type-Options",
        ):
            assert answer[name] == whole[name] is not None, name
    assert static(root)("/static/font.woff2", range="bytes=999-")["Access-Control-Allow-Origin"]


# Preconditions


@MODES
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["digits.txt", "big.bin", "page.css"])
def test_not_modified(root: Path, mode: str, method: str, path: str) -> None:
    client = static(root, mode=mode, cors="*")
    whole = client(f"/static/{path}", method)
    tag = whole["ETag"]
    assert tag and whole["Last-Modified"] == OLD_DATE
    for fields in (
        {"if_none_match": tag},
        {"if_none_match": f'"x", W/{tag}'},
        {"if_none_match": "*"},
        {"if_modified_since": OLD_DATE},
        {"if_modified_since": "Tue, 14 Nov 2023 22:13:21 GMT"},
        {"if_modified_since": "Tuesday, 14-Nov-23 22:13:20 GMT"},
        {"if_none_match": tag, "if_modified_since": "Tue, 14 Nov 2000 22:13:20 GMT"},
        {"if_match": tag, "if_none_match": tag},
    ):
        answer = client(f"/static/{path}", method, **fields)
        assert answer.status == 304, fields
        gone = {"Content-Type", "Content-Length", "Content-Encoding", "Accept-Ranges"}
        assert answer.head == [pair for pair in whole.head if pair[0] not in gone]


@MODES
@pytest.mark.parametrize(
    ("fields", "status"),
    [
        pytest.param({"if_none_match": '"x"', "if_modified_since": OLD_DATE}, 200, id="tag first"),
        pytest.param({"if_none_match": "x"}, 200, id="whitenoise-129 no quotes"),
        pytest.param({"if_modified_since": "nonsense"}, 200, id="Firefox 91 mangled date"),
        pytest.param({"if_modified_since": f"{OLD_DATE}; length=10"}, 200, id="bottle-1538"),
        pytest.param({"if_modified_since": "Tue, 14 Nov 2023 22:13:19 GMT"}, 200, id="older"),
        pytest.param({"if_match": "*"}, 200, id="werkzeug If-Match star"),
        pytest.param({"if_match": '"x"'}, 412, id="If-Match another"),
        pytest.param({"if_match": '"x"', "if_none_match": "*"}, 412, id="If-Match before"),
        pytest.param({"if_unmodified_since": "Tue, 14 Nov 2023 22:13:19 GMT"}, 412, id="modified"),
        pytest.param({"if_unmodified_since": OLD_DATE}, 200, id="unmodified"),
        pytest.param({"if_match": '"x"', "range": "bytes=0-0"}, 412, id="412 before 206"),
        pytest.param({"if_none_match": "*", "range": "bytes=99999-"}, 304, id="304 before 416"),
    ],
)
def test_conditions(root: Path, mode: str, fields: dict[str, str], status: int) -> None:
    client = static(root, mode=mode)
    for _ in range(2):
        answer = client("/static/digits.txt", **fields)
        assert answer.status == status
        if status == 412:
            assert answer["Content-Type"] == "text/plain; charset=utf-8"
            assert answer["Content-Length"] == "0"
            assert answer["ETag"] and answer["Cache-Control"]
            assert answer["Accept-Ranges"] is None


def test_a_method_that_is_wrong_comes_before_conditions(root: Path) -> None:
    answer = static(root)("/static/digits.txt", "PUT", if_match='"x"')
    assert answer.status == 405


@pytest.mark.parametrize(
    ("field", "status"),
    [
        pytest.param("the tag", 206, id="our tag"),
        pytest.param(OLD_DATE, 206, id="our date"),
        pytest.param("the weak tag", 200, id="our tag made weak"),
        pytest.param('"x"', 200, id="another tag"),
        pytest.param("Tue, 14 Nov 2023 22:13:19 GMT", 200, id="another date"),
        pytest.param("garbage", 200, id="garbage"),
        pytest.param("*", 200, id="a star"),
    ],
)
@pytest.mark.parametrize("wanted", ["bytes=2-3", "bytes=99-"])
def test_if_range(root: Path, field: str, status: int, wanted: str) -> None:
    """What does not fit is 200, never 416."""
    client = static(root)
    tag = str(client("/static/digits.txt")["ETag"])
    field = {"the tag": tag, "the weak tag": f"W/{tag}"}.get(field, field)
    answer = client("/static/digits.txt", if_range=field, range=wanted)
    assert answer.status == (416 if status == 206 and wanted == "bytes=99-" else status)
    if status == 200:
        assert answer.body == DIGITS
    assert client("/static/digits.txt", if_range='"x"').status == 200


# The representation


def decoded(answer: Answer) -> bytes:
    match answer["Content-Encoding"]:
        case "gzip":
            return zlib.decompress(answer.body, 31)
        case "br":
            return bytes(brotli.decompress(answer.body))
        case "zstd":
            zstd = pytest.importorskip("backports.zstd")
            return bytes(zstd.decompress(answer.body))
        case _:
            return answer.body


@MODES
@pytest.mark.parametrize("path", ["page.css", "held.js"])
@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        pytest.param(None, None, id="absent"),
        pytest.param("", None, id="blank"),
        pytest.param("gzip", "gzip", id="gzip"),
        pytest.param("X-GZIP", "gzip", id="x-gzip"),
        pytest.param("br", "br", id="br"),
        pytest.param("gzip, br", "br", id="both: the smaller, or br"),
        pytest.param("gzip;q=1, br;q=0.5", "gzip", id="by weight"),
        pytest.param("gzip;q=0", None, id="whitenoise-352 q=0 is a refusal"),
        pytest.param("gzip;q=0, *;q=0", None, id="whitenoise-707 all refused"),
        pytest.param("gzip;q=0.000", None, id="q=0.000"),
        pytest.param("identity;q=0", None, id="identity refused, nothing else named"),
        pytest.param("identity, gzip;q=0.5", None, id="identity preferred"),
        pytest.param("xgzip", None, id="a substring is not it"),
        pytest.param("deflate, compress", None, id="others"),
        pytest.param("gzip" + " " * 2000, None, id="too long"),
    ],
)
def test_codings(root: Path, mode: str, path: str, accept: str | None, coding: str | None) -> None:
    client = static(root, mode=mode)
    fields = {} if accept is None else {"accept_encoding": accept}
    for _ in range(2):
        answer = client(f"/static/{path}", **fields)
        assert (answer.status, answer["Content-Encoding"]) == (200, coding)
        assert decoded(answer) == {"page.css": PAGE, "held.js": HELD}[path]
        assert answer["Vary"] == "Accept-Encoding"
        head = client(f"/static/{path}", "HEAD", **fields)
        assert head.head == answer.head


@MODES
@pytest.mark.parametrize("path", ["page.css", "held.js"])
def test_each_coding_has_a_tag_of_its_own(root: Path, mode: str, path: str) -> None:
    client = static(root, mode=mode)
    answers = [client(f"/static/{path}", accept_encoding=coding) for coding in ("gzip", "br", "x")]
    assert len({answer["ETag"] for answer in answers}) == 3
    for answer, coding in zip(answers, ("gzip", "br", "x"), strict=True):
        tag = str(answer["ETag"])
        again = client(f"/static/{path}", accept_encoding=coding, if_none_match=tag)
        assert again.status == 304
        assert again["Vary"] == "Accept-Encoding"  # caddy-5849
        other = client(
            f"/static/{path}",
            accept_encoding={"gzip": "br"}.get(coding, "gzip"),
            if_none_match=tag,
        )
        assert other.status == 200


def test_the_smallest_sibling_among_equals(tmp_path: Path) -> None:
    write(tmp_path / "a.css", PAGE)
    write(tmp_path / "a.css.gz", gz(PAGE))
    write(tmp_path / "a.css.br", brotli.compress(PAGE) + b" " * 9000)
    answer = static(tmp_path)("/static/a.css", accept_encoding="br, gzip")
    assert answer["Content-Encoding"] == "gzip"


def test_no_more_than_64_values_are_remembered(root: Path) -> None:
    client = static(root)
    for number in range(200):
        assert client("/static/page.css", accept_encoding=f"gzip, x{number}").status == 200
    resource = client.app.__closure__
    places = next(c.cell_contents for c in resource if hasattr(c.cell_contents, "places")).places
    assert len(places["/static/page.css"].ready) == 64


@MODES
@pytest.mark.parametrize("path", ["page.css", "held.js"])
def test_a_download_goes_on_in_the_coding_it_began_in(root: Path, mode: str, path: str) -> None:
    """Range is for the bytes that the client holds: those that If-Range or If-Match name."""
    client = static(root, mode=mode)
    first = client(f"/static/{path}", accept_encoding="gzip")
    tag = str(first["ETag"])
    fresh = static(root, mode=mode)  # a restart: nothing was made yet
    for fields in ({"if_range": tag}, {"if_match": tag}):
        rest = fresh(f"/static/{path}", accept_encoding="gzip", range="bytes=100-", **fields)
        assert (rest.status, rest["Content-Encoding"]) == (206, "gzip")
        assert first.body[:100] + rest.body == first.body
    plain = client(f"/static/{path}", accept_encoding="gzip", range="bytes=0-9")
    assert (plain["Content-Encoding"], plain.status) == (None, 206)
    refused = client(f"/static/{path}", accept_encoding="x-gzip, *;q=0", range="bytes=0-9")
    assert (refused["Content-Encoding"], refused.body) == ("gzip", first.body[:10])
    identity = str(plain["ETag"])
    rest = client(f"/static/{path}", accept_encoding="gzip", range="bytes=5-", if_range=identity)
    assert (rest.status, rest["Content-Encoding"]) == (206, None)
    # Not acceptable any more: all of it.
    rest = client(f"/static/{path}", accept_encoding="br", range="bytes=5-", if_range=tag)
    assert (rest.status, rest["Content-Encoding"]) == (200, "br")


def test_composed_with_compress(root: Path) -> None:
    """geolens-1540, bandit-677: no coding round a part, and none round another."""
    layer = compose(Compress(), StaticFiles(str(root), compress=False))
    client = Client(layer)
    part = client("/static/held.js", accept_encoding="gzip", range="bytes=0-999")
    assert (part.status, part["Content-Encoding"], part.body) == (206, None, HELD[:1000])
    whole = client("/static/page.css", accept_encoding="gzip")
    assert decoded(whole) == PAGE
    assert whole["Vary"] == "Accept-Encoding"
    assert client("/static/held.js", accept_encoding="gzip")["Content-Encoding"] == "gzip"


def test_dates_are_of_the_file(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", b"a" * LARGE, mtime=OLD + 0.9)
    answer = static(tmp_path)("/static/a.txt")
    assert answer["Last-Modified"] == OLD_DATE
    assert static(tmp_path)("/static/a.txt", if_modified_since=OLD_DATE).status == 304
