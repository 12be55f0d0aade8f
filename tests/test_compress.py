"""wsgimw.compress: options, the table of decisions, negotiation, head, entity tags."""

from __future__ import annotations

import copy
import dataclasses
import doctest
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import wsgimw
from tests.compressing import (
    CODINGS,
    EVENTS,
    JSON,
    NOISE,
    PAGE,
    TEXT,
    app_of,
    call,
    reasons,
    run,
    stream_of,
    value,
    wire,
)
from tests.gate import CORE
from wsgimw import (
    Compress,
    Gzip,
    codings,
    compose,
    compress,
    compress_flow,
    compress_head,
    unless,
    when,
)
from wsgimw.compose import origin
from wsgimw.http.headers import find
from wsgimw.record import Record
from wsgimw.testing.server import Call, make_environ

MODULES = (
    "codings",
    "coded_cache",
    "coded_tags",
    "compress",
    "compress_flow",
    "compress_head",
    "compress_options",
    "compressible",
    "record",
    "remembered",
    "http.validators",
)


@pytest.mark.parametrize("name", MODULES)
def test_docstrings_are_true(name: str) -> None:
    __import__(f"wsgimw.{name}")
    outcome = doctest.testmod(sys.modules[f"wsgimw.{name}"])
    assert outcome.failed == 0
    assert outcome.attempted > 1


@pytest.mark.parametrize("name", MODULES)
def test_imports_alone(name: str) -> None:
    root = str(Path(__file__).parent.parent)
    code = (
        f"import sys; sys.path.insert(0, {root!r})\n"
        f"import wsgimw.{name}\n"
        "assert not {'werkzeug', 'wsgimw.testing'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True)


def test_a_layer_imports_no_other_layer() -> None:
    code = (
        "import sys, wsgimw.compress\n"
        "print(*sorted(name for name in sys.modules if name.startswith('wsgimw')))\n"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert set(out.stdout.split()) == {
        "wsgimw",
        *(f"wsgimw.{name}" for name in MODULES),
        *(f"wsgimw.{name}" for name in (*CORE, "facts")),
        *(f"wsgimw.http{name}" for name in ("", ".headers", ".negotiation", ".paths")),
    }


def test_works_without_any_extra() -> None:
    root = str(Path(__file__).parent.parent)
    code = (
        f"import sys; sys.path.insert(0, {root!r})\n"
        "for name in ('brotli', 'backports', 'compression', 'deflate', 'zlib_ng'):\n"
        "    sys.modules[name] = None\n"
        "from wsgimw import Compress, Gzip\n"
        "from wsgimw.codings import CODINGS, compressor, encoder\n"
        "import gzip\n"
        "assert CODINGS == ('gzip',), CODINGS\n"
        "assert Compress().codings == ('gzip',)\n"
        "assert gzip.decompress(compressor('gzip', 6)(b'x' * 99)) == b'x' * 99\n"
        "stream = encoder('gzip', 6)\n"
        "assert gzip.decompress(stream.flushed(b'a') + stream.end()) == b'a'\n"
        "for coding in ('br', 'zstd'):\n"
        "    try: Compress(codings=(coding,))\n"
        "    except ImportError as error: assert 'wsgimw[compress]' in str(error), error\n"
        "    else: raise AssertionError(coding)\n"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True)


# Options


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"codings": "gzip"}, TypeError, "codings=('gzip',)"),
        ({"codings": {"gzip"}}, TypeError, "must be a tuple of str"),
        ({"codings": (1,)}, TypeError, "codings holds 1; its members must be str"),
        ({"codings": ()}, ValueError, "codings is empty; name one or more of zstd, br, gzip"),
        ({"codings": ("deflate",)}, ValueError, "'deflate', which is not known"),
        ({"codings": ("GZIP",)}, ValueError, "'GZIP', which is not known"),
        ({"codings": ("gzip", "br", "gzip")}, ValueError, "'gzip' more than once"),
        ({"types": "text/*"}, TypeError, "types=('text/*',)"),
        ({"types": None}, TypeError, "types=None must be a tuple of str"),
        ({"types": (b"text/*",)}, TypeError, "its members must be str"),
        ({"levels": 6}, TypeError, "levels={'gzip': 6}"),
        ({"levels": {"deflate": 6}}, ValueError, "names 'deflate', which is not known"),
        ({"levels": {"gzip": 0}}, ValueError, "the level of gzip, 0, is out of range; give 1 to 9"),
        ({"levels": {"gzip": 10}}, ValueError, "give 1 to 9"),
        ({"levels": {"br": 0}}, ValueError, "give 1 to 11"),
        ({"levels": {"br": 12}}, ValueError, "give 1 to 11"),
        ({"levels": {"zstd": 0}}, ValueError, "give 1 to 19"),
        ({"levels": {"zstd": 20}}, ValueError, "give 1 to 19"),
        ({"levels": {"gzip": 6.0}}, TypeError, "the level of gzip, 6.0 must be an int, 1 to 9"),
        ({"levels": {"gzip": "6"}}, TypeError, "must be an int"),
        ({"levels": {"gzip": True}}, TypeError, "must be an int"),
        ({"min_size": -1}, ValueError, "min_size=-1 is negative"),
        ({"min_size": 500.0}, TypeError, "min_size: 500.0 must be an int, a number of bytes"),
        ({"min_size": "500"}, TypeError, "must be an int"),
        ({"min_size": True}, TypeError, "must be an int"),
        ({"cache_size": -1}, ValueError, "cache_size=-1 is negative"),
        ({"cache_size": 1e6}, TypeError, "must be an int"),
        ({"flush": 1}, TypeError, "flush=1 must be True or False"),
        ({"breach_guard": None}, TypeError, "breach_guard=None must be True or False"),
        ({"server_timing": "yes"}, TypeError, "server_timing='yes' must be True or False"),
        ({"levls": {}}, TypeError, "Compress() has no option 'levls'; did you mean levels?"),
        ({"skip": "/x"}, TypeError, "Compress() has no option 'skip'"),
    ],
    ids=lambda item: str(item) if isinstance(item, dict) else "",
)
def test_each_option_is_checked(options: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error) as raised:
        Compress(**options)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("misuse", "says"),
    [
        (lambda: Compress(app_of()), "write Compress()(app)"),  # type: ignore[call-arg, arg-type]
        (lambda: Gzip(app_of()), "write Gzip()(app)"),  # type: ignore[call-arg, arg-type]
        (lambda: Gzip(lvl=3), "Gzip() has no option 'lvl'; did you mean level?"),  # type: ignore[call-arg]
        (lambda: Gzip(codings=("br",)), "Gzip() has no option 'codings'"),  # type: ignore[call-arg]
        (lambda: compose(Gzip), "write Gzip()"),  # type: ignore[arg-type]
        (lambda: compose(Compress), "write Compress()"),  # type: ignore[arg-type]
        (lambda: Gzip()(Gzip()), "layers go into the first call"),  # type: ignore[arg-type]
        (lambda: Gzip(level="9"), "the level of gzip, '9' must be an int"),  # type: ignore[arg-type]
    ],
    ids=["app", "app to Gzip", "near name", "codings of Gzip", "Gzip", "Compress", "swap", "kind"],
)
def test_misuse_names_the_line_to_write(misuse: Any, says: str) -> None:
    with pytest.raises(TypeError) as raised:
        misuse()
    assert says in str(raised.value)


def test_a_coding_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codings, "CODINGS", ("gzip",))
    with pytest.raises(ImportError, match=r'"wsgimw\[compress\]"'):
        Compress(codings=("br",))
    assert Compress(codings=("gzip",)).codings == ("gzip",)


def test_is_a_value() -> None:
    assert Gzip() == Compress(codings=("gzip",))
    assert hash(Gzip()) == hash(Compress(codings=("gzip",)))
    assert Gzip(level=9) != Gzip()
    assert hash(Gzip(level=9)) == hash(Gzip())
    assert Compress(levels={"zstd": 3, "br": 5, "gzip": 6}) == Compress()
    assert Compress(codings=("gzip",), levels={"br": 9}) == Gzip()
    assert Compress(codings=("br", "gzip")) != Compress(codings=("gzip", "br"))
    assert Compress() != "Compress()"
    assert Compress(types=["text/*"], codings=["gzip"]) == Gzip(types=("text/*",))  # type: ignore[arg-type]
    assert dataclasses.replace(Gzip(level=2), min_size=9) == Gzip(level=2, min_size=9)
    layer = Compress(levels={"gzip": 9}, min_size=7)
    assert pickle.loads(pickle.dumps(layer)) == copy.deepcopy(layer) == layer
    assert compose(Gzip()) == compose(Gzip())


@pytest.mark.parametrize(
    ("layer", "shown"),
    [
        (Compress(), "Compress()"),
        (Gzip(), "Compress(codings=('gzip',), levels={'gzip': 6})"),
        (Compress(levels={}), "Compress()"),
        (
            Compress(levels={"gzip": 9}, flush=False, breach_guard=False, server_timing=True),
            "Compress(levels={'gzip': 9}, flush=False, breach_guard=False, server_timing=True)",
        ),
    ],
)
def test_repr_is_the_call(layer: Compress, shown: str) -> None:
    assert repr(layer) == shown
    assert eval(shown) == layer


def test_levels_are_an_own_copy() -> None:
    levels = {"gzip": 9}
    layer = Compress(levels=levels)
    levels["gzip"] = 1
    assert layer.levels == {"gzip": 9}
    assert (len(layer.levels), list(layer.levels), layer.levels["gzip"]) == (1, ["gzip"], 9)
    with pytest.raises(TypeError):
        layer.levels["gzip"] = 1  # type: ignore[index]


def test_bound_app_is_a_plain_function() -> None:
    app = app_of()
    bound = Compress()(app)
    assert bound.__name__ == "Compress"
    assert bound.__wrapped__ is app  # type: ignore[attr-defined]
    stack = compose(Gzip())
    made = stack(app)
    noted = origin(made)
    assert noted is not None
    assert noted.layer == Gzip()


def test_the_front_door() -> None:
    assert wsgimw.Compress is compress.Compress
    assert wsgimw.Gzip is compress.Gzip
    assert set(compress.CODINGS) == set(CODINGS)


# The table: one row, one reason. (Rows that need a body are in test_compress_body.py, too.)

OK = "200 OK"
FOREIGN = {"HTTP_SEC_FETCH_SITE": "cross-site", "HTTP_COOKIE": "s=1"}


@pytest.mark.parametrize(
    ("status", "headers", "keys", "reason", "varies"),
    [
        pytest.param(OK, [TEXT], {}, "gzip", True, id="compressed"),
        pytest.param(OK, [TEXT], {"wsgimw.compress": False}, "opt-out", False, id="opt-out"),
        pytest.param(OK, [TEXT], {"wsgimw.compress": None}, "gzip", True, id="None is no opt-out"),
        pytest.param(
            OK, [TEXT, ("content-encoding", " Identity ")], {}, "opt-out", False, id="identity"
        ),
        pytest.param(
            OK,
            [TEXT, ("Content-Encoding", "identity"), ("Content-Encoding", "gzip")],
            {},
            "encoded",
            False,
            id="identity and another",
        ),
        pytest.param(OK, [TEXT, ("Content-Encoding", "br")], {}, "encoded", False, id="encoded"),
        pytest.param(OK, [TEXT, ("CONTENT-ENCODING", "x")], {}, "encoded", False, id="unknown"),
        pytest.param(
            OK, [TEXT, ("Transfer-Encoding", "chunked")], {}, "encoded", False, id="framed (S5)"
        ),
        pytest.param("101 Switching Protocols", [TEXT], {}, "status", False, id="101"),
        pytest.param("204 No Content", [TEXT], {}, "status", False, id="204"),
        pytest.param("205 Reset Content", [TEXT], {}, "status", False, id="205"),
        pytest.param("304 Not Modified", [TEXT], {}, "status", True, id="304"),
        pytest.param("304 Not Modified", [("ETag", '"x"')], {}, "status", True, id="304 bare"),
        pytest.param(
            "304 Not Modified", [("Content-Type", "image/png")], {}, "type", False, id="304 png"
        ),
        pytest.param(
            "304 Not Modified", [], {"wsgimw.compress": False}, "opt-out", False, id="304 opt-out"
        ),
        pytest.param(
            OK,
            [TEXT, ("Cache-Control", "public, No-Transform")],
            {},
            "no-transform",
            False,
            id="no-transform in the response",
        ),
        pytest.param(
            OK,
            [TEXT, ("Cache-Control", "public"), ("cache-control", "no-transform")],
            {},
            "no-transform",
            False,
            id="no-transform in a second line",
        ),
        pytest.param(
            OK, [TEXT, ("Cache-Control", "x-no-transform")], {}, "gzip", True, id="another token"
        ),
        pytest.param(
            OK,
            [TEXT, ("Cache-Control", 'x="no-transform"')],
            {},
            "gzip",
            True,
            id="quoted no-transform",
        ),
        pytest.param(
            OK,
            [TEXT],
            {"HTTP_CACHE_CONTROL": "max-age=0, no-transform"},
            "no-transform",
            False,
            id="no-transform in the request",
        ),
        pytest.param(OK, [TEXT], {"HTTP_CACHE_CONTROL": "no-cache"}, "gzip", True, id="no-cache"),
        pytest.param(OK, [("Content-Type", "image/png")], {}, "type", False, id="png"),
        pytest.param(OK, [("Content-Type", "")], {}, "type", False, id="blank type"),
        pytest.param(OK, [("X-A", "b")], {}, "type", False, id="no type"),
        pytest.param("206 Partial Content", [TEXT], {}, "range", True, id="206"),
        pytest.param(
            OK, [TEXT, ("Content-Range", "bytes 0-1/9")], {}, "range", True, id="Content-Range"
        ),
        pytest.param(
            "416 Range Not Satisfiable",
            [TEXT, ("Content-Range", "bytes */9")],
            {},
            "range",
            True,
            id="416",
        ),
        pytest.param(OK, [TEXT, ("X-Sendfile", "/x")], {}, "sendfile", True, id="X-Sendfile"),
        pytest.param(OK, [TEXT, ("x-accel-redirect", "/x")], {}, "sendfile", True, id="X-Accel"),
        pytest.param(
            OK, [TEXT], {"HTTP_ACCEPT_ENCODING": "identity"}, "accept", True, id="identity wanted"
        ),
        pytest.param(OK, [TEXT], FOREIGN, "cross-site", True, id="cross-site"),
        pytest.param(
            OK,
            [TEXT, ("Content-Length", "0")],
            {},
            "empty",
            True,
            id="length 0",
        ),
        pytest.param(OK, [TEXT, ("Content-Length", "499")], {}, "too-small", True, id="length 499"),
        pytest.param("404 Not Found", [TEXT], {}, "gzip", True, id="404"),
        pytest.param("500 Oh", [TEXT], {}, "gzip", True, id="500"),
        pytest.param(OK, [TEXT], {"REQUEST_METHOD": "POST"}, "gzip", True, id="POST"),
        pytest.param(OK, [TEXT], {"REQUEST_METHOD": "PURGE"}, "gzip", True, id="PURGE"),
        # The order: the first row that fits.
        pytest.param(
            "204 No Content", [("Content-Encoding", "br")], {}, "encoded", False, id="encoded, 204"
        ),
        pytest.param(
            OK,
            [TEXT, ("Content-Encoding", "br")],
            {"wsgimw.compress": False},
            "opt-out",
            False,
            id="opt-out, encoded",
        ),
        pytest.param(
            OK,
            [("Content-Type", "image/png"), ("Cache-Control", "no-transform")],
            {},
            "no-transform",
            False,
            id="no-transform, type",
        ),
        pytest.param(
            "206 Partial Content",
            [TEXT],
            {"HTTP_ACCEPT_ENCODING": ""},
            "range",
            True,
            id="range, accept",
        ),
        pytest.param(
            OK,
            [TEXT, ("Content-Length", "3")],
            {"HTTP_ACCEPT_ENCODING": "", **FOREIGN},
            "accept",
            True,
            id="accept, cross-site",
        ),
        pytest.param(
            OK, [TEXT, ("Content-Length", "3")], FOREIGN, "cross-site", True, id="cross-site, small"
        ),
    ],
)
def test_table(status: str, headers: Any, keys: Any, reason: str, varies: bool) -> None:
    app = app_of([PAGE], *headers, status=status)
    done = run(app, **keys)
    assert reasons(done) == [reason]
    assert done.status == status
    assert value(done, "Vary") == ("Accept-Encoding" if varies else None)
    if ("Content-Encoding", "br") not in headers and reason != "encoded":
        assert value(done, "Content-Encoding") == ("gzip" if reason == "gzip" else None)
    if reason != "gzip":
        assert done.raw == PAGE
    if reason == "opt-out":
        assert "identity" not in str(done.headers).lower()


@pytest.mark.parametrize("coding", CODINGS)
def test_a_skipped_body_is_the_very_object(coding: str) -> None:
    body = iter([PAGE])
    done = call(app_of(lambda: body, ("Content-Type", "image/png")), coding)
    assert done.body is body
    listed: Any = [PAGE]
    assert call(app_of(lambda: listed, ("Content-Type", "image/png")), coding).body is listed
    assert call(app_of(lambda: listed), None).body is listed
    small: Any = [b"small"]
    assert call(app_of(lambda: small), coding).body is small


def test_a_skipped_head_without_vary_is_the_very_list() -> None:
    fields = [("Content-Type", "image/png")]

    def app(environ: Any, start_response: Any) -> Any:
        start_response(OK, fields)
        return [PAGE]

    assert call(app).given_headers is fields


def test_opt_out_of_an_inner_layer_counts_at_the_time_of_the_head() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        environ["wsgimw.compress"] = False
        yield from app_of()(environ, start_response)

    assert reasons(run(app)) == ["opt-out"]


def test_identity_is_the_wish_for_outer_layers_too() -> None:
    done = run(
        app_of([PAGE], TEXT, ("Content-Encoding", "identity")), layer=compose(Gzip(), Gzip())
    )
    assert reasons(done) == ["opt-out", "opt-out"]
    assert done.raw == PAGE
    assert done.headers == [TEXT]


def test_six_deep_compresses_once() -> None:
    done = run(app_of(), layer=compose(*[Compress()] * 6))
    assert sorted(reasons(done)) == [*["encoded"] * 5, "gzip"]
    assert wire(done) == (PAGE, True)
    assert value(done, "Vary") == "Accept-Encoding"


def test_when_and_unless_are_the_way_to_exempt() -> None:
    layer = compose(when("/api", Gzip()), unless("/api", Gzip(min_size=10**6)))
    assert run(app_of(), layer=layer, PATH_INFO="/api/x").coding == "gzip"
    assert run(app_of(), layer=layer, PATH_INFO="/x").coding == ""


def test_uses_the_record_that_is_there() -> None:
    record = Record()
    keys: Any = {"wsgimw.record": record}
    run(app_of(), **keys)
    assert record.reasons == ["compress:gzip"]


def test_the_request_is_read_before_the_call() -> None:
    record = Record()

    def app(environ: Any, start_response: Any) -> Any:
        environ.clear()
        start_response(OK, [TEXT])
        return [PAGE]

    keys: Any = {"wsgimw.record": record}
    done = run(app, **keys)
    assert wire(done) == (PAGE, True)
    assert record.reasons == ["compress:gzip"]


# Types


@pytest.mark.parametrize(
    ("content_type", "compressed"),
    [
        *[
            (content_type, True)
            for content_type in (
                "text/html; charset=utf-8",
                "TEXT/HTML",
                "text/x-anything",
                "application/json",
                "application/problem+json",
                "application/vnd.api+JSON;version=1",
                "image/svg+xml",
                "application/rss+xml",
                "application/openapi+yaml",
                "application/x-foo+text",
                "application/javascript",
                "application/x-javascript",
                "application/xml",
                "application/wasm",
                "application/x-ndjson",
                "application/jsonl",
                "application/json-seq",
                "application/yaml",
                "application/toml",
                "application/graphql",
                "application/sql",
                "application/rtf",
                "application/vnd.ms-fontobject",
                "font/ttf",
                "font/otf",
                "image/bmp",
                "image/x-icon",
                "image/vnd.microsoft.icon",
                " text/plain ; x=y",
            )
        ],
        *[
            (content_type, False)
            for content_type in (
                "image/png",
                "image/jpeg",
                "font/woff2",
                "font/woff",
                "application/zip",
                "application/octet-stream",
                "application/jsonx",
                "xtext/plain",
                "video/mp4",
                "multipart/form-data",
                "text",
                ";text/plain",
                "application/pdf",
            )
        ],
    ],
)
def test_types(content_type: str, compressed: bool) -> None:
    done = run(app_of([PAGE], ("Content-Type", content_type)))
    assert reasons(done) == ["gzip" if compressed else "type"]


def test_types_can_be_extended_and_replaced() -> None:
    model = app_of([PAGE], ("Content-Type", "model/Obj"))
    assert run(model, layer=Gzip(types=(*compress.TYPES, "MODEL/*"))).coding == "gzip"
    assert run(app_of(), layer=Gzip(types=("model/*",))).coding == ""
    assert run(app_of(), layer=Gzip(types=())).coding == ""
    assert run(app_of(), layer=Gzip(types=("*",))).coding == "gzip"
    assert reasons(run(app_of([PAGE], ("X-A", "b")), layer=Gzip(types=("*",)))) == ["type"]
    assert (
        run(app_of([PAGE], ("Content-Type", "text.plain")), layer=Gzip(types=("t.xt*",))).coding
        == ""
    )


# Size


@pytest.mark.parametrize("size", [0, 1, 499, 500, 501])
@pytest.mark.parametrize("min_size", [0, 1, 500])
@pytest.mark.parametrize("declared", [False, True])
def test_min_size_itself_is_compressed(size: int, min_size: int, declared: bool) -> None:
    headers = [TEXT, ("Content-Length", str(size))] if declared else [TEXT]
    done = run(app_of([b"a" * size], *headers), layer=Gzip(min_size=min_size))
    (reason,) = reasons(done)
    expected = "empty" if not size else "too-small" if size < min_size else "gzip"
    assert reason == expected or (size == 1 and reason == "no-gain")
    assert wire(done)[0] == b"a" * size
    if declared and reason != "gzip":
        assert value(done, "Content-Length") == str(size)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("declared", [False, True])
def test_no_gain_sends_the_original(coding: str, declared: bool) -> None:
    headers = [TEXT, ("ETag", '"x"'), ("Accept-Ranges", "bytes")]
    if declared:
        headers.append(("Content-Length", str(len(NOISE))))
    done = run(app_of([NOISE[:1000], NOISE[1000:]], *headers), coding)
    assert reasons(done) == ["no-gain"]
    assert done.raw == NOISE
    assert done.headers == [*headers, ("Vary", "Accept-Encoding")]
    first = run(app_of(stream_of(NOISE), TEXT, ("Content-Length", str(len(NOISE)))), coding)
    assert (reasons(first), first.blocks) == (["no-gain"], [NOISE])


@pytest.mark.parametrize(
    "length", ["+5", "1_0", " 5", "", "-1", "0x5", "five", "5, 5", "9" * 30, "\xb2", "1e3"]
)
def test_a_length_that_is_no_length_is_unknown(length: str) -> None:
    done = run(app_of([PAGE], TEXT, ("Content-Length", length)))
    assert wire(done) == (PAGE, True)
    assert value(done, "Content-Length") == str(len(done.raw))


def test_two_lengths_are_one_true_one() -> None:
    length = ("Content-Length", str(len(PAGE)))
    done = run(app_of([PAGE], TEXT, length, length))
    assert wire(done) == (PAGE, True)
    assert value(done, "Content-Length") == str(len(done.raw))


# The head


@pytest.mark.parametrize("coding", CODINGS)
def test_the_head_of_a_coded_body(coding: str) -> None:
    headers = [
        ("X-First", "1"),
        ("content-type", "text/html"),
        ("Set-Cookie", "a=1"),
        ("CONTENT-LENGTH", str(len(PAGE))),
        ("Accept-Ranges", "bytes"),
        ("Set-Cookie", "b=2"),
        ("Content-MD5", "x"),
        ("Digest", "x"),
        ("Content-Digest", "x"),
        ("repr-digest", "x"),
        ("ETag", '"x"'),
        ("X-Last", "2"),
    ]
    done = run(app_of([PAGE], *headers), coding)
    assert done.headers == [
        ("X-First", "1"),
        ("content-type", "text/html"),
        ("Set-Cookie", "a=1"),
        ("CONTENT-LENGTH", str(len(done.raw))),
        ("Set-Cookie", "b=2"),
        ("ETag", f'"x--{coding}"'),
        ("X-Last", "2"),
        ("Vary", "Accept-Encoding"),
        ("Content-Encoding", coding),
    ]
    assert type(done.given_headers) is list


def test_the_list_of_the_app_is_never_edited() -> None:
    fields = [TEXT, ("ETag", '"x"'), ("Vary", "Cookie"), ("Content-Length", str(len(PAGE)))]
    before = list(fields)

    def app(environ: Any, start_response: Any) -> Any:
        start_response(OK, fields)
        return [PAGE]

    for accept in ("gzip", None, "br"):
        run(app, accept)
        assert fields == before


@pytest.mark.parametrize(
    ("lines", "after"),
    [
        ([], ["Accept-Encoding"]),
        (["Cookie"], ["Cookie, Accept-Encoding"]),
        (["accept-encoding"], ["accept-encoding"]),
        (["Cookie , ACCEPT-ENCODING"], ["Cookie , ACCEPT-ENCODING"]),
        (["X-Accept-Encoding"], ["X-Accept-Encoding, Accept-Encoding"]),
        (["*"], ["*"]),
        (["Cookie", "Origin"], ["Cookie, Origin, Accept-Encoding"]),
        (["Cookie", "Accept-Encoding"], ["Cookie", "Accept-Encoding"]),
        ([""], ["Accept-Encoding"]),
    ],
)
@pytest.mark.parametrize("accept", ["gzip", "identity"])
def test_vary_is_merged_by_token(lines: list[str], after: list[str], accept: str) -> None:
    headers = [TEXT, *(("vary", line) for line in lines), ("ETag", '"e"')]
    assert run(app_of([PAGE], *headers), accept).values("Vary") == after


@pytest.mark.parametrize(
    ("etag", "after"),
    [
        ('"x"', '"x--gzip"'),
        ('""', '"--gzip"'),
        ('"a,b"', '"a,b--gzip"'),
        ('"x--gzip"', '"x--gzip--gzip"'),
        ('W/"x"', 'W/"x"'),
        ('w/"x"', 'w/"x"'),
        ("x", "x"),
        ('"x', '"x'),
        ('"a b"', '"a b"'),
        ("", ""),
    ],
)
def test_etag_out(etag: str, after: str) -> None:
    assert value(run(app_of([PAGE], TEXT, ("ETag", etag))), "ETag") == after
    assert value(run(app_of([PAGE], TEXT, ("ETag", etag)), None), "ETag") == etag


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ('"x--gzip"', '"x--gzip", "x"'),
        ('W/"x--gzip"', 'W/"x--gzip", "x"'),
        ('"a", "x--gzip"', '"a", "x--gzip", "x"'),
        ('"x", "x--gzip"', '"x", "x--gzip"'),
        ('"x--gzip", "y--gzip"', '"x--gzip", "y--gzip", "x", "y"'),
        ('"x--gzip--gzip"', '"x--gzip--gzip", "x--gzip"'),
        ('"x--br"', '"x--br"'),
        ('"x--zstd", "y--gzip"', '"x--zstd", "y--gzip", "y"'),
        ('"a,b--gzip"', '"a,b--gzip", "a,b"'),
        ("*", "*"),
        ("x--gzip", "x--gzip"),
        ('"x--gzip', '"x--gzip'),
        ('w/"x--gzip"', 'w/"x--gzip"'),
        ('"x-gzip"', '"x-gzip"'),
        ('"x--GZIP"', '"x--GZIP"'),
        ("", ""),
    ],
)
def test_if_none_match_in(sent: str, seen: str) -> None:
    done = run(app_of(), HTTP_IF_NONE_MATCH=sent)
    assert done.environ["HTTP_IF_NONE_MATCH"] == seen


def test_if_none_match_of_another_coding_gets_nothing() -> None:
    for accept in ("br", None, "identity", "gzip;q=0"):
        done = run(app_of(), accept, HTTP_IF_NONE_MATCH='"x--gzip"')
        assert done.environ["HTTP_IF_NONE_MATCH"] == '"x--gzip"'
    kept = run(app_of(), HTTP_IF_NONE_MATCH='"x--gzip"', HTTP_CACHE_CONTROL="no-transform")
    assert kept.environ["HTTP_IF_NONE_MATCH"] == '"x--gzip"'


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ('"x--gzip"', '"x--gzip", "x"'),
        ('W/"x--br"', 'W/"x--br", W/"x"'),
        ('"x--zstd", "y--br"', '"x--zstd", "y--br", "x", "y"'),
        ('"x--br", "x--gzip"', '"x--br", "x--gzip", "x"'),
        ("*", "*"),
        ("x--gzip", "x--gzip"),
        ('"x"', '"x"'),
        ('"x--deflate"', '"x--deflate"'),
    ],
)
@pytest.mark.parametrize("accept", ["gzip", "br", None])
def test_if_match_in(sent: str, seen: str, accept: str | None) -> None:
    done = run(app_of(), accept, HTTP_IF_MATCH=sent, HTTP_IF_RANGE='"x--gzip"')
    assert done.environ["HTTP_IF_MATCH"] == seen
    assert done.environ["HTTP_IF_RANGE"] == '"x--gzip"'


def conditional(etag: str) -> Any:
    """An app that answers 304 when If-None-Match holds its tag."""

    def app(environ: Any, start_response: Any) -> Any:
        tags = environ.get("HTTP_IF_NONE_MATCH", "").split(", ")
        if etag in tags:
            start_response("304 Not Modified", [("ETag", etag)])
            return []
        start_response(OK, [TEXT, ("ETag", etag)])
        return [PAGE]

    return app


@pytest.mark.parametrize("coding", CODINGS)
def test_a_304_carries_the_tag_of_the_200(coding: str) -> None:
    first = run(conditional('"x"'), coding)
    tag = value(first, "ETag")
    assert tag == f'"x--{coding}"'
    for sent in (tag, f"W/{tag}", f'"other", {tag}'):
        again = run(conditional('"x"'), coding, HTTP_IF_NONE_MATCH=sent)
        assert (again.status, value(again, "ETag")) == ("304 Not Modified", tag)
        assert value(again, "Vary") == "Accept-Encoding"
        assert again.raw == b""
    plain = run(conditional('"x"'), None, HTTP_IF_NONE_MATCH='"x"')
    assert (plain.status, value(plain, "ETag")) == ("304 Not Modified", '"x"')
    other = run(conditional('"x"'), None, HTTP_IF_NONE_MATCH=tag)
    assert other.status == OK


def test_an_app_with_such_tags_of_its_own_finds_them() -> None:
    own = run(conditional('"x--gzip"'), HTTP_IF_NONE_MATCH='"x--gzip"')
    assert (own.status, value(own, "ETag")) == ("304 Not Modified", '"x--gzip"')
    ours = run(conditional('"x--gzip"'), HTTP_IF_NONE_MATCH='"x--gzip--gzip"')
    assert (ours.status, value(ours, "ETag")) == ("304 Not Modified", '"x--gzip--gzip"')
    weak = run(conditional('W/"x"'), HTTP_IF_NONE_MATCH='W/"x"')
    assert (weak.status, value(weak, "ETag")) == ("304 Not Modified", 'W/"x"')


def test_translation_through_six_layers() -> None:
    layer = compose(*[Compress()] * 6)
    again = run(conditional('"x"'), layer=layer, HTTP_IF_NONE_MATCH='"x--gzip"')
    assert (again.status, value(again, "ETag")) == ("304 Not Modified", '"x--gzip"')


# HEAD

HEAD = {"REQUEST_METHOD": "HEAD"}


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(
    "body", [[], [b""], [PAGE], [b"", PAGE]], ids=["none", "b''", "all", "two"]
)
@pytest.mark.parametrize("kind", [list, tuple, iter])
@pytest.mark.parametrize("declared", [False, True])
def test_head_is_decided_as_get(coding: str, body: list[bytes], kind: Any, declared: bool) -> None:
    headers = [JSON, ("ETag", '"x"'), ("Accept-Ranges", "bytes")]
    if declared:
        headers.append(("Content-Length", str(len(PAGE))))
    done = run(app_of(lambda: kind(body), *headers), coding, **HEAD)
    assert done.raw == b""
    assert done.headers == [
        JSON,
        ("ETag", f'"x--{coding}"'),
        ("Vary", "Accept-Encoding"),
        ("Content-Encoding", coding),
    ]
    assert reasons(done) == [coding]
    # matrix.md S1: a server would make Content-Length: 0 of a list, and one of them a 500 of [].
    assert not hasattr(done.body, "__len__")
    if kind is not iter:
        assert done.blocks


def test_head_runs_no_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: Any, **options: Any) -> Any:
        raise AssertionError("a codec was run")

    layer = Gzip()
    monkeypatch.setattr(compress_flow, "encoder", never)
    monkeypatch.setattr(compress_flow, "compressor", lambda coding, level: never)

    def writing(environ: Any, start_response: Any) -> Any:
        write = start_response(OK, [TEXT])
        write(PAGE)
        return []

    def late(environ: Any, start_response: Any) -> Any:
        start_response(OK, [TEXT, ("Content-Length", str(len(PAGE)))])
        yield PAGE

    for app in (app_of(), app_of(stream_of(PAGE)), writing, late):
        done = run(app, layer=layer, **HEAD)
        assert (done.coding, done.raw, value(done, "Content-Length")) == ("gzip", b"", None)


def test_head_by_its_size() -> None:
    assert reasons(run(app_of([b"x"], TEXT), **HEAD)) == ["too-small"]
    assert reasons(run(app_of([], TEXT, ("Content-Length", "9")), **HEAD)) == ["too-small"]
    assert reasons(run(app_of([], TEXT, ("Content-Length", "0")), **HEAD)) == ["empty"]
    small = run(app_of([], TEXT, ("Content-Length", "9")), **HEAD)
    assert value(small, "Content-Length") == "9"

    def late(environ: Any, start_response: Any) -> Any:
        start_response(OK, [TEXT])
        return
        yield

    assert reasons(run(late, **HEAD)) == ["gzip"]


def test_live_type_of_head_is_that_of_get() -> None:
    accept = "zstd, br, gzip"
    stream = app_of(stream_of(b"data: 1\n\n"), EVENTS)
    assert run(stream, accept).coding == run(stream, accept, **HEAD).coding == "gzip"


# Which coding (the grammar has its own tests, in test_http_negotiation.py)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, ""),
        ("", ""),
        ("  ", ""),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("deflate", ""),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip;q=1.0, br;q=0.9", "gzip"),
        ("gzip ; Q=0.5,,br;q=.2", "gzip"),
        ("*", "zstd"),
        ("*, zstd;q=0", "br"),
        ("*;q=0.5, gzip", "gzip"),
        ("gzip;q=0", ""),
        ("gzip;q=", ""),
        ("gzip;q=2", ""),
        ("gzip;q=nan", ""),
        ("gzip, gzip;q=0", ""),
        ("identity, gzip;q=0.5", ""),
        ("identity;q=0.5, gzip", "gzip"),
        ("identity, gzip", "gzip"),
        ("identity;q=0, *;q=0", ""),
        ("*;q=0", ""),
        ("gzip" + " " * 1020, "gzip"),
        ("gzip" + " " * 1021, ""),
    ],
)
def test_which_coding(accept: str | None, chosen: str) -> None:
    done = run(app_of(), accept)
    assert done.coding == chosen
    assert done.status == OK
    assert wire(done) == (PAGE, True)
    assert value(done, "Vary") == "Accept-Encoding"


def test_ties_go_to_the_order_of_codings() -> None:
    for order in (("gzip", "br"), ("br", "gzip"), ("gzip",)):
        assert run(app_of(), "br, gzip", layer=Compress(codings=order)).coding == order[0]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("zstd, br, gzip", "gzip"),
        ("zstd, br, gzip;q=0.9", "zstd"),
        ("zstd;q=0.5, br;q=0.5", "zstd"),
        ("br", "br"),
        ("*", "gzip"),
    ],
)
@pytest.mark.parametrize(
    "live",
    ["text/event-stream", "application/x-ndjson", "application/jsonl", "application/json-seq"],
)
def test_live_types_prefer_gzip(accept: str, chosen: str, live: str) -> None:
    done = run(app_of(stream_of(b"x" * 9), ("Content-Type", live)), accept)
    assert done.coding == chosen
    known = run(app_of([PAGE], ("Content-Type", live), ("Content-Length", str(len(PAGE)))), accept)
    assert known.coding == run(app_of(), accept).coding


# Server-Timing


@pytest.mark.parametrize("body", [[PAGE], stream_of(PAGE)], ids=["whole", "stream"])
def test_server_timing(body: Any) -> None:
    own = ("Server-Timing", "db;dur=5")
    done = run(app_of(body, TEXT, own), layer=Gzip(server_timing=True))
    mine, added = done.values("Server-Timing")
    assert mine == "db;dur=5"
    name, described, *duration = added.split(";")
    assert (name, described) == ("compress", 'desc="gzip"')
    assert bool(duration) is isinstance(body, list)
    if duration:
        assert float(duration[0].removeprefix("dur=")) >= 0


@pytest.mark.parametrize("keys", [{}, HEAD], ids=["GET", "HEAD"])
def test_server_timing_tells_why_not(keys: Any) -> None:
    layer = Gzip(server_timing=True)
    png = run(app_of([PAGE], ("Content-Type", "image/png")), layer=layer, **keys)
    assert value(png, "Server-Timing") == 'compress;desc="type"'
    small = run(app_of([b"x"]), layer=layer, **keys)
    assert value(small, "Server-Timing") == 'compress;desc="too-small"'
    assert value(run(app_of()), "Server-Timing") is None


# The guard


@pytest.mark.parametrize(
    ("keys", "headers", "compressed"),
    [
        pytest.param(FOREIGN, [], False, id="a foreign page with a cookie"),
        pytest.param(
            {"HTTP_SEC_FETCH_SITE": "cross-site", "HTTP_AUTHORIZATION": "Basic x"},
            [],
            False,
            id="with Authorization",
        ),
        pytest.param({"HTTP_SEC_FETCH_SITE": "cross-site"}, [], True, id="no credentials"),
        pytest.param({"HTTP_COOKIE": "s=1"}, [], True, id="no mark"),
        pytest.param({**FOREIGN, "HTTP_SEC_FETCH_SITE": "same-site"}, [], True, id="same-site"),
        pytest.param({**FOREIGN, "HTTP_SEC_FETCH_SITE": "same-origin"}, [], True, id="same-origin"),
        pytest.param({**FOREIGN, "HTTP_SEC_FETCH_SITE": "none"}, [], True, id="typed in"),
        pytest.param({**FOREIGN, "HTTP_SEC_FETCH_USER": "?1"}, [], True, id="a real click"),
        pytest.param(FOREIGN, [("Cache-Control", "max-age=5, Public")], True, id="public"),
        pytest.param(FOREIGN, [("Cache-Control", "x-public")], False, id="another token"),
        pytest.param(
            FOREIGN, [("Access-Control-Allow-Credentials", "true")], True, id="trusted by CORS"
        ),
        pytest.param(
            FOREIGN, [("Access-Control-Allow-Credentials", "TRUE")], False, id="not by CORS"
        ),
    ],
)
def test_guard(keys: Any, headers: Any, compressed: bool) -> None:
    done = run(app_of([PAGE], TEXT, *headers), **keys)
    assert reasons(done) == ["gzip" if compressed else "cross-site"]
    assert value(done, "Vary") == "Accept-Encoding"
    off = run(app_of([PAGE], TEXT, *headers), layer=Gzip(breach_guard=False), **keys)
    assert reasons(off) == ["gzip"]


# What a head does that replaces another (rule 7)


def restarting(first: Any, second: Any, before: bytes | None, rest: bytes = PAGE) -> Any:
    """An app that begins with one head, fails after `before`, and begins anew."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response(*first)
        if before is not None:
            yield before
        try:
            raise ValueError("oh")
        except ValueError:
            start_response(*second, sys.exc_info())
        yield rest

    return app


ERROR = "500 Oh"


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("before", [None, b""], ids=["at once", "after an empty block"])
@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        pytest.param([TEXT], [TEXT], "coding", id="both"),
        pytest.param([TEXT], [("Content-Type", "image/png")], "type", id="then type"),
        pytest.param([("Content-Type", "image/png")], [TEXT], "coding", id="first type"),
        pytest.param([TEXT, ("Content-Length", "9999")], [TEXT], "coding", id="first length"),
        pytest.param([EVENTS], [TEXT, ("Content-Length", str(len(PAGE)))], "coding", id="then one"),
        pytest.param([TEXT], [TEXT, ("Content-Encoding", "x")], "encoded", id="then encoded"),
    ],
)
def test_a_second_head_is_decided_anew(
    coding: str, before: bytes | None, first: Any, second: Any, reason: str
) -> None:
    done = run(restarting((OK, first), (ERROR, second), before), coding)
    assert done.status == ERROR
    assert reasons(done) == [coding if reason == "coding" else reason]
    assert done.values("Content-Encoding") == {"coding": [coding], "encoded": ["x"]}.get(reason, [])
    if reason != "encoded":
        assert wire(done) == (PAGE, True)


def test_a_second_head_after_the_body_was_handed_on() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(OK, [("Content-Type", "image/png")])

        def body() -> Any:
            yield b""
            try:
                raise ValueError
            except ValueError:
                start_response(ERROR, [TEXT], sys.exc_info())
            yield PAGE

        return body()

    done = run(app)
    assert (done.status, done.raw, reasons(done)) == (ERROR, PAGE, ["late"])
    assert value(done, "Vary") == "Accept-Encoding"


@pytest.mark.parametrize("coding", CODINGS)
def test_after_an_unflushed_start_the_codec_starts_anew(coding: str) -> None:
    """Blocks went in and nothing came out: for the server nothing has left (rule 7)."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response(OK, [TEXT])
        yield b"a"
        try:
            raise ValueError
        except ValueError:
            start_response(ERROR, [TEXT], sys.exc_info())
        yield PAGE

    done = call(app, coding, layer=Compress(flush=False))
    if done.pull():
        with pytest.raises(ValueError):
            done.rest()
    else:
        done.rest()
        assert (done.status, wire(done)) == (ERROR, (PAGE, True))


@pytest.mark.parametrize("coding", CODINGS)
def test_after_bytes_the_server_raises_again(coding: str) -> None:
    app = restarting((OK, [TEXT]), (ERROR, [TEXT]), PAGE)
    done = call(app, coding)
    done.pull()
    with pytest.raises(ValueError, match="oh"):
        done.pull()
    done.close()
    assert reasons(done) == [coding]
    assert wire(done) == (PAGE, False)


def test_a_lax_server_gets_no_other_coding_in_mid_stream() -> None:
    app = restarting((OK, [TEXT]), (ERROR, [("Content-Type", "image/png")]), PAGE, b"more")
    heads: list[Any] = []

    def lax(*head: Any) -> Any:
        heads.append(head)

    bound = Gzip()(app)
    body: Any = bound(make_environ(HTTP_ACCEPT_ENCODING="gzip"), lax)
    raw = b"".join(body)
    body.close()
    assert find(heads[0][1], "Content-Encoding") == "gzip"
    done = Call(bound, {})
    done.headers, done.raw = heads[0][1], raw
    assert wire(done) == (PAGE + b"more", True)


@pytest.mark.parametrize("first", [TEXT, ("Content-Type", "image/png")])
def test_a_second_head_without_exc_info_is_refused(first: Any) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(OK, [first])
        start_response(ERROR, [TEXT])
        return [PAGE]

    with pytest.raises(Exception, match="second time without exc_info"):
        run(app)


def test_a_name_in_any_spelling() -> None:
    done = run(
        app_of([PAGE], TEXT, ("X-Other", "1"), ("eTAG", '"x"'), ("content-LENGTH", str(len(PAGE))))
    )
    assert value(done, "ETag") == '"x--gzip"'
    assert [name for name, _ in done.headers or ()] == [
        *("Content-Type", "X-Other", "eTAG", "content-LENGTH", "Vary", "Content-Encoding")
    ]


def test_spellings_are_remembered_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    bits: dict[str, int | None] = {"Content-Type": 1}
    monkeypatch.setattr(compress_head, "_bits", bits)
    monkeypatch.setattr(compress_head, "_SPELLINGS_MAX", 2)
    for number in range(5):
        done = run(app_of([PAGE], TEXT, (f"X-{number}", "1"), ("eTAG", '"x"')))
        assert value(done, "ETag") == '"x--gzip"'
    assert len(bits) == 2


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(iter([TEXT]), id="an iterator"),
        pytest.param(None, id="none"),
        pytest.param([5], id="no pairs"),
        pytest.param([("Content-Type", "text/html", "x")], id="three"),
        pytest.param([(5, "text/html")], id="a name that is no text"),
        pytest.param([("Content-Type", 5)], id="a value that is no text"),
        pytest.param([("Content-Length", 5), ("Content-Length", 5)], id="two of them"),
    ],
)
def test_a_head_that_cannot_be_read_goes_on_as_it_came(headers: Any) -> None:
    """It is the server that refuses it, and it must see what the app has given."""
    given: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response(OK, headers)
        return [PAGE]

    def start_response(*head: Any) -> Any:
        given.append(head)

    environ = make_environ(HTTP_ACCEPT_ENCODING="gzip", HTTP_IF_NONE_MATCH='"x--gzip"')
    body = Compress()(app)(environ, start_response)
    assert list(body) == [PAGE]
    assert given == [(OK, headers)]
    assert given[0][1] is headers
    assert environ["wsgimw.record"].reasons == ["compress:unreadable"]


def test_a_second_head_that_cannot_be_read_does_not_spoil_the_first() -> None:
    given: list[Any] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        given.append(headers)
        if type(headers[0][1]) is not str:
            raise TypeError("a value is no text")
        return print

    def app(environ: Any, start_response: Any) -> Any:
        start_response(OK, [TEXT, ("Content-Length", str(len(PAGE))), ("ETag", '"x"')])
        try:
            raise ValueError
        except ValueError:
            with pytest.raises(TypeError, match="no text"):
                start_response(ERROR, [("Content-Type", 5)], sys.exc_info())
        return [PAGE]

    environ = make_environ(HTTP_ACCEPT_ENCODING="gzip")
    body: Any = Gzip()(app)(environ, start_response)
    refused, sent = given
    assert refused == [("Content-Type", 5)]
    assert sent == [
        TEXT,
        ("Content-Length", str(len(body[0]))),
        ("ETag", '"x--gzip"'),
        ("Vary", "Accept-Encoding"),
        ("Content-Encoding", "gzip"),
    ]


def test_two_lines_of_vary_leave_the_length_where_it_is() -> None:
    headers = [("content-length", str(len(PAGE))), TEXT, ("Vary", "Cookie"), ("Vary", "Origin")]
    done = run(app_of([PAGE], *headers))
    assert [name for name, _ in done.headers or ()] == [
        *("content-length", "Content-Type", "Vary", "Content-Encoding")
    ]
    assert value(done, "Vary") == "Cookie, Origin, Accept-Encoding"
    assert value(done, "content-length") == str(len(done.raw))
