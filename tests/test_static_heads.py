"""StaticFiles: options, types, tags, heads, methods, redirects, and the kit."""

from __future__ import annotations

import doctest
import gc
import importlib
import os
import pickle
import re
import subprocess
import sys
import threading
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest

from tests.static_site import (
    LARGE,
    OLD,
    OLD_DATE,
    Client,
    gz,
    inner,
    open_files,
    static,
    text,
    write,
)
from tests.venvs import ROOT
from wsgimw import StaticFiles, compose, unless
from wsgimw.http.validators import content_tag
from wsgimw.testing import check_middleware

MODULES = sorted(
    path.stem for path in (ROOT / "wsgimw" / "static").glob("*.py") if path.stem != "__init__"
)
MODES = pytest.mark.parametrize("mode", ["check", "frozen"])


@pytest.mark.parametrize("name", MODULES)
def test_docstrings_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"wsgimw.static.{name}")).failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_imports_alone(name: str) -> None:
    code = f"import wsgimw.static.{name}"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=ROOT)


def test_the_page_is_true() -> None:
    import wsgimw.static

    assert doctest.testmod(wsgimw.static).failed == 0


def test_import_loads_no_layer() -> None:
    code = "import wsgimw, sys; assert 'wsgimw.static' not in sys.modules; wsgimw.StaticFiles"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


# The layer as a value


def test_value() -> None:
    layer = StaticFiles("public")
    assert repr(layer) == "StaticFiles('public')"
    assert layer == StaticFiles(Path("public"), prefix="/static/")
    assert hash(layer) == hash(StaticFiles("public"))
    assert repr(StaticFiles(["a", Path("b")], prefix="/", hide=["*.map"])) == (
        "StaticFiles(('a', 'b'), prefix='', hide=('*.map',))"
    )
    assert replace(layer, mode="frozen").mode == "frozen"
    assert repr(StaticFiles("a", types={".x": "a/b"})) == "StaticFiles('a', types={'.x': 'a/b'})"
    assert hash(StaticFiles("a", types={".x": "a/b"}))
    with pytest.raises(FrozenInstanceError):
        layer.mode = "frozen"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(layer)) == layer


def test_own_copy_of_types() -> None:
    types = {".x": "a/b"}
    layer = StaticFiles("a", types=types)
    types[".x"] = "c/d"
    assert layer.types == {".x": "a/b"}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        pytest.param({"root": 3}, TypeError, "root is 3; write a path such as 'public'", id="root"),
        pytest.param({"root": b"x"}, TypeError, "root is b'x'; write a path", id="root of bytes"),
        pytest.param({"root": [b"x"]}, TypeError, "write a path of str", id="root in a list"),
        pytest.param({"root": [3]}, TypeError, "root is 3; write a path", id="a number in a list"),
        pytest.param({"root": []}, ValueError, "write at least one path", id="no root"),
        pytest.param({"root": ""}, ValueError, "write the directory", id="empty root"),
        pytest.param({"root": "a\0b"}, ValueError, "write the directory", id="NUL in a root"),
        pytest.param({"prefix": 1}, TypeError, "write a path such as '/static'", id="prefix"),
        pytest.param({"prefix": "static"}, ValueError, "write '/static'", id="prefix, no slash"),
        pytest.param({"prefix": "/a//b"}, ValueError, "a segment that is empty", id="prefix //"),
        pytest.param({"prefix": "/../a"}, ValueError, "a segment that is empty", id="prefix .."),
        pytest.param({"prefix": "/\ud800"}, ValueError, "surrogates", id="prefix, surrogate"),
        pytest.param({"mode": "fast"}, ValueError, "write one of 'check', 'frozen'", id="mode"),
        pytest.param({"mode": True}, TypeError, "write one of 'check', 'frozen'", id="mode bool"),
        pytest.param({"index": 1}, TypeError, "such as 'index.html'", id="index"),
        pytest.param({"index": "a/b"}, ValueError, "not a file name", id="index, slash"),
        pytest.param({"index": ""}, ValueError, "not a file name", id="index, empty"),
        pytest.param({"spa": "/index.html"}, ValueError, "a path below the root", id="spa"),
        pytest.param({"spa": "../x"}, ValueError, "a path below the root", id="spa, dots"),
        pytest.param({"miss": "403"}, ValueError, "write one of 'app', '404'", id="miss"),
        pytest.param({"miss": 404}, TypeError, "write one of 'app', '404'", id="miss, number"),
        pytest.param({"miss": None}, ValueError, "write one of 'app', '404'", id="miss, None"),
        pytest.param({"max_age": "60"}, TypeError, "whole number of seconds, or None", id="age"),
        pytest.param({"max_age": 1.5}, TypeError, "whole number of seconds", id="age, float"),
        pytest.param({"max_age": True}, TypeError, "whole number of seconds", id="age, bool"),
        pytest.param({"max_age": -1}, ValueError, "0 or more seconds", id="age, negative"),
        pytest.param({"memory": None}, TypeError, "whole number of bytes", id="memory"),
        pytest.param({"memory": -1}, ValueError, "0 or more bytes", id="memory, negative"),
        pytest.param({"immutable": 3}, TypeError, "write a regex", id="immutable"),
        pytest.param({"immutable": re.compile(b"x")}, TypeError, "write a regex", id="of bytes"),
        pytest.param({"immutable": "("}, ValueError, "which is no regex", id="immutable, broken"),
        pytest.param({"precompressed": 1}, TypeError, "write True or False", id="precompressed"),
        pytest.param({"compress": "br"}, TypeError, "write True or False", id="compress"),
        pytest.param({"dotfiles": None}, TypeError, "write True or False", id="dotfiles"),
        pytest.param({"follow_symlinks": 0}, TypeError, "write True or False", id="follow"),
        pytest.param({"hide": "*.map"}, TypeError, "write a tuple of globs: ('*.map',)", id="hide"),
        pytest.param({"hide": 3}, TypeError, "write a tuple of globs", id="hide, number"),
        pytest.param({"hide": [3]}, TypeError, "write a tuple of globs", id="hide, list of one"),
        pytest.param({"hide": [""]}, ValueError, "an empty glob", id="hide, empty"),
        pytest.param({"types": [".x"]}, TypeError, "write a mapping", id="types"),
        pytest.param({"types": {".x": 1}}, TypeError, "write str to str", id="types, number"),
        pytest.param({"types": {"x": "a/b"}}, ValueError, "write one such as '.x'", id="no dot"),
        pytest.param({"types": {".a.x": "a/b"}}, ValueError, "such as '.x'", id="two dots"),
        pytest.param({"types": {".x": "text"}}, ValueError, "write type/subtype", id="no slash"),
        pytest.param({"types": {".x": "a/b\r\nX: y"}}, ValueError, "type/subtype", id="CR LF"),
        pytest.param({"cors": "all"}, ValueError, "write one of 'fonts', '*', None", id="cors"),
        pytest.param({"cors": True}, TypeError, "write one of 'fonts', '*', None", id="cors bool"),
        pytest.param({"headers": [("A", "b")]}, TypeError, "lambda name, head", id="headers"),
        pytest.param({"snapshot": 3}, TypeError, "wsgimw static build", id="snapshot"),
        pytest.param({"snapshot": b"x"}, TypeError, "wsgimw static build", id="snapshot, bytes"),
        pytest.param({"prefx": "/x"}, TypeError, "did you mean prefix?", id="an unknown option"),
    ],
)
def test_misuse(options: dict[str, Any], error: type[Exception], message: str) -> None:
    given = {"root": "public", **options}
    with pytest.raises(error) as caught:
        StaticFiles(given.pop("root"), **given)
    assert message in str(caught.value)


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    layer = StaticFiles(write(tmp_path / "a.txt", "x"))  # the layer touches no disk
    with pytest.raises(ValueError, match="is not a directory; write the directory"):
        layer(inner)


@MODES
def test_a_missing_root(tmp_path: Path, mode: Any, caplog: pytest.LogCaptureFixture) -> None:
    """whitenoise-95, whitenoise-263: one warning; in check mode it is taken up when it comes."""
    client = static(tmp_path / "later", mode=mode)
    assert client("/static/a.txt").from_app
    assert client("/static/a.txt").from_app
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "later" in caplog.text
    write(tmp_path / "later" / "a.txt", "here")
    assert client("/static/a.txt").from_app is (mode == "frozen")
    assert len(caplog.records) == 1


def test_the_kit(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "x")
    for layer in (
        StaticFiles(str(tmp_path)),
        StaticFiles(str(tmp_path), mode="frozen"),
        StaticFiles(str(tmp_path), prefix="/"),
        compose(*[StaticFiles(str(tmp_path), prefix=f"/{n}") for n in range(6)]),
        compose(*[StaticFiles(str(tmp_path))] * 6),
    ):
        assert check_middleware(layer)


# Heads


@MODES
@pytest.mark.parametrize("size", [10, LARGE], ids=["small", "large"])
def test_the_whole_head(tmp_path: Path, mode: Any, size: int) -> None:
    data = b"x" * size
    write(tmp_path / "a.bin", data)
    answer = static(tmp_path, mode=mode)("/static/a.bin")
    tag = content_tag(data) if size == 10 else f"{OLD * 10**9:x}-{size:x}"
    assert answer.line == "200 OK"
    assert answer.head == [
        ("Content-Type", "application/octet-stream"),
        ("Content-Length", str(size)),
        ("Accept-Ranges", "bytes"),
        ("ETag", f'"{tag}"'),
        ("Last-Modified", OLD_DATE),
        ("Cache-Control", "public, max-age=60"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    assert answer.body == data


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("a.js", "text/javascript; charset=utf-8", id="js"),
        pytest.param("a.mjs", "text/javascript; charset=utf-8", id="mjs"),
        pytest.param("a.HTML", "text/html; charset=utf-8", id="any case"),
        pytest.param("a.wasm", "application/wasm", id="wasm"),
        pytest.param("a.webmanifest", "application/manifest+json", id="manifest"),
        pytest.param("a.map", "application/json", id="source map"),
        pytest.param("a.json", "application/json", id="json has no charset"),
        pytest.param("a.svg", "image/svg+xml", id="svg"),
        pytest.param("a.avif", "image/avif", id="avif"),
        pytest.param("a.webp", "image/webp", id="webp"),
        pytest.param("a.woff", "font/woff", id="woff"),
        pytest.param("a.woff2", "font/woff2", id="woff2"),
        pytest.param("a.ttf", "font/ttf", id="ttf"),
        pytest.param("a.otf", "font/otf", id="otf"),
        pytest.param("a.tar.gz", "application/gzip", id="gz by its own URL"),
        pytest.param("a.xyz", "application/octet-stream", id="unknown"),
        pytest.param("LICENSE", "application/octet-stream", id="none"),
        pytest.param("a.glb2", "model/gltf-binary", id="own"),
        pytest.param("a.old", "text/plain; charset=iso-8859-1", id="own charset"),
        pytest.param("a.own", "text/x-own; charset=utf-8", id="own text"),
    ],
)
def test_types(tmp_path: Path, name: str, expected: str) -> None:
    write(tmp_path / name, b"\x1f\x8b" + b"x" * 10)
    own = {
        ".GLB2": "model/gltf-binary",
        ".old": "text/plain; charset=iso-8859-1",
        ".own": "text/x-own",
    }
    answer = static(tmp_path, types=own)(f"/static/{name}", "HEAD")
    assert (answer["Content-Type"], answer["Content-Encoding"]) == (expected, None)


@pytest.mark.parametrize(
    ("options", "name", "expected"),
    [
        pytest.param({}, "a.css", "public, max-age=60", id="by default"),
        pytest.param({"max_age": 0}, "a.css", "public, max-age=0", id="0 is sent"),
        pytest.param({"max_age": None}, "a.css", None, id="None"),
        pytest.param(
            {"immutable": r"-[0-9a-f]{8}\."},
            "a-0123abcd.css",
            "public, max-age=31536000, immutable",
            id="a regex",
        ),
        pytest.param({"immutable": r"-[0-9a-f]{8}\."}, "a.css", "public, max-age=60", id="not it"),
        pytest.param(
            {"immutable": re.compile("^d/")},
            "d/a.css",
            "public, max-age=31536000, immutable",
            id="a pattern",
        ),
        pytest.param(
            {"immutable": lambda name: name == "d/é.css"},
            "d/é.css",
            "public, max-age=31536000, immutable",
            id="a question",
        ),
        pytest.param(
            {"immutable": "x", "max_age": None},
            "x.css",
            "public, max-age=31536000, immutable",
            id="immutable without max_age",
        ),
    ],
)
def test_cache_control(tmp_path: Path, options: Any, name: str, expected: str | None) -> None:
    write(tmp_path / name, "a{}")
    path = f"/static/{name}".encode().decode("latin-1")
    assert static(tmp_path, **options)(path)["Cache-Control"] == expected


@pytest.mark.parametrize(
    ("cors", "font", "other"), [("fonts", "*", None), ("*", "*", "*"), (None, None, None)]
)
def test_cors(tmp_path: Path, cors: Any, font: str | None, other: str | None) -> None:
    write(tmp_path / "a.woff2", "x")
    write(tmp_path / "a.css", "x")
    client = static(tmp_path, cors=cors)
    assert client("/static/a.woff2")["Access-Control-Allow-Origin"] == font
    assert client("/static/a.css")["Access-Control-Allow-Origin"] == other
    tag = str(client("/static/a.woff2")["ETag"])
    again = client("/static/a.woff2", if_none_match=tag)
    assert (again.status, again["Access-Control-Allow-Origin"]) == (304, font)  # whitenoise-711


@MODES
def test_headers(tmp_path: Path, mode: Any) -> None:
    """Called once per version of a representation; what it says is on all answers."""
    write(tmp_path / "é.css", text(2000))
    calls: list[tuple[str, str | None]] = []

    def edit(name: str, head: list[tuple[str, str]]) -> None:
        calls.append((name, dict(head).get("Content-Encoding")))
        head[:] = [pair for pair in head if pair[0] not in ("Last-Modified", "Content-Length")]
        head.append(("Timing-Allow-Origin", "*"))

    client = static(tmp_path, mode=mode, headers=edit)
    path = "/static/é.css".encode().decode("latin-1")
    for fields in ({}, {}, {"accept_encoding": "gzip"}, {"range": "bytes=0-0"}):
        answer = client(path, **fields)
        assert answer["Timing-Allow-Origin"] == "*"
        assert answer["Last-Modified"] is None
        assert answer["Content-Length"] == str(len(answer.body))
    tag = str(client(path)["ETag"])
    assert client(path, if_none_match=tag)["Timing-Allow-Origin"] == "*"
    assert client(path, if_modified_since=OLD_DATE).status == 200
    assert calls == [("é.css", None), ("é.css", "gzip")]


@pytest.mark.parametrize(
    "pair",
    [("X-A", "a\r\nSet-Cookie: b"), ("X A", "a"), ("X-A", 3), ["X-A", "a"], ("X-A",), "XY"],
    ids=repr,
)
def test_headers_that_nobody_can_send(tmp_path: Path, pair: Any) -> None:
    write(tmp_path / "a.css", "x")
    client = static(tmp_path, headers=lambda name, head: head.append(pair))
    with pytest.raises(ValueError, match=r"headers= of StaticFiles left .* in the head"):
        client("/static/a.css")


@MODES
@pytest.mark.parametrize("size", [10, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    "mtime", [0, 1, 315532800, 315619199, -5], ids=["0", "1", "zip", "the last", "negative"]
)
def test_a_pinned_mtime(tmp_path: Path, mode: Any, size: int, mtime: int) -> None:
    """caddy-5546, nixpkgs-54955, whitenoise-222: such a time tells no version from another."""
    for content in (b"a" * size, b"b" * size):
        write(tmp_path / "a.bin", content, mtime=mtime)
        answer = static(tmp_path, mode=mode)("/static/a.bin")
        assert answer["Last-Modified"] is None
        assert answer["ETag"] == f'"{content_tag(content)}"'
        assert (
            static(tmp_path, mode=mode)("/static/a.bin", if_modified_since=OLD_DATE).status == 200
        )


def test_a_pinned_large_sibling(tmp_path: Path) -> None:
    data = os.urandom(LARGE * 2)
    coded = gz(data)
    write(tmp_path / "a.css", data + bytes(2000), mtime=1)
    sibling = coded[:-4] + (len(data) + 2000).to_bytes(4, "little")
    write(tmp_path / "a.css.gz", sibling, mtime=1)
    client = static(tmp_path)
    head = client("/static/a.css", "HEAD", accept_encoding="gzip")
    assert head["ETag"] == f'"{content_tag(sibling)}-gzip"'


@pytest.mark.parametrize("size", [10, LARGE], ids=["small", "large"])
def test_an_mtime_in_the_future(tmp_path: Path, size: int) -> None:
    """RFC 9110, 8.8.2.1: no Last-Modified later than the answer."""
    write(tmp_path / "a.bin", b"x" * size, mtime=4_000_000_000)
    answer = static(tmp_path)("/static/a.bin")
    assert (answer["Last-Modified"], answer.status) == (None, 200)
    assert answer["ETag"]


def test_the_tag_is_of_the_content(tmp_path: Path) -> None:
    """caddy-1531: never of the clock, the path or the time zone."""
    for name in ("a.css", "d/b.css"):
        write(tmp_path / name, "same", mtime=OLD + len(name))
    client = static(tmp_path)
    assert client("/static/a.css")["ETag"] == client("/static/d/b.css")["ETag"]


def test_heads_are_not_shared(tmp_path: Path) -> None:
    """Servers and layers change the list that they get."""
    write(tmp_path / "a.css", "x")
    client = static(tmp_path)
    heads = []

    def start_response(status: str, head: Any, exc_info: Any = None) -> Any:
        heads.append(list(head))
        head.clear()

    for _ in range(3):
        client.app({"REQUEST_METHOD": "GET", "PATH_INFO": "/static/a.css"}, start_response)
    assert heads[0] == heads[1] == heads[2] != []


# Methods


@MODES
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "get", "X", "TRACE"])
def test_other_methods(tmp_path: Path, mode: Any, method: str) -> None:
    write(tmp_path / "a.css", "x")
    write(tmp_path / "d" / "index.html", "x")
    client = static(tmp_path, mode=mode, index="index.html")
    for path in ("/static/a.css", "/static/d", "/static/d/", "/static/d/index.html"):
        for _ in range(2):
            answer = client(path, method)
            assert answer.line == "405 Method Not Allowed"
            assert answer.head == [
                ("Content-Type", "text/plain; charset=utf-8"),
                ("Content-Length", "0"),
                ("Allow", "GET, HEAD, OPTIONS"),
            ]
    assert client("/static/none.css", method).from_app


@MODES
def test_options(tmp_path: Path, mode: Any) -> None:
    write(tmp_path / "a.css", "x")
    client = static(tmp_path, mode=mode)
    answer = client("/static/a.css", "OPTIONS")
    assert (answer.line, answer.head) == ("204 No Content", [("Allow", "GET, HEAD, OPTIONS")])
    assert client("/static/none", "OPTIONS").from_app
    assert client("*", "OPTIONS").from_app
    assert static(tmp_path, prefix="/")("*", "OPTIONS").from_app


# Index pages


@MODES
@pytest.mark.parametrize(
    ("path", "status", "location"),
    [
        pytest.param("/static/d/", 200, None, id="a directory"),
        pytest.param("/static/", 200, None, id="the root"),
        pytest.param("/static/d", 302, "./d/", id="no slash"),
        pytest.param("/static", 302, "./static/", id="the prefix"),
        pytest.param("/static/d/index.html", 302, "./", id="the page by its name"),
        pytest.param("/static/d//", None, None, id="CVE-2015-1164 two slashes"),
        pytest.param("//evil.example/static/d", None, None, id="CVE-2021-28861"),
        pytest.param("/static//evil.example/..", None, None, id="CVE-2018-14574"),
        pytest.param("/static/none/", None, None, id="no page there"),
        pytest.param("/static/a b;c:d%20?#", 302, "./a%20b;c:d%2520%3F%23/", id="odd name"),
        pytest.param('/static/"<script>', 302, "./%22%3Cscript%3E/", id="CVE-2024-43799"),
        pytest.param("/static/back\\slash", 302, "./back%5Cslash/", id="a backslash"),
        pytest.param("/static/d/\xc3\xa9", 302, "./%C3%A9/", id="not ASCII"),
    ],
)
def test_index(tmp_path: Path, mode: Any, path: str, status: int | None, location: Any) -> None:
    for folder in (".", "d", "a b;c:d%20?#", '"<script>', "back\\slash", "d/é"):
        write(tmp_path / folder / "index.html", "<p>page")
    (tmp_path / "none").mkdir()
    client = static(tmp_path, mode=mode, index="index.html")
    for query in ("", "a=1&b=%20c d"):
        client.environ["QUERY_STRING"] = query
        answer = client(path)
        if status is None:
            assert answer.from_app
            continue
        assert answer.status == status
        kept = "?a=1&b=%20c%20d" if query else ""
        assert answer["Location"] == (None if location is None else location + kept)
        if location is None:
            assert (answer["Content-Type"], answer.body) == ("text/html; charset=utf-8", b"<p>page")
        else:
            assert answer.body == b""
            assert client(path, "HEAD").status == 302


@pytest.mark.parametrize(
    ("script_name", "path", "expected"),
    [
        pytest.param("", "", 200, id="the empty path"),
        pytest.param("", "/", 200, id="a slash"),
        pytest.param("/app", "", "./app/", id="a mount without a slash"),
        pytest.param("/app", "/", 200, id="a mount"),
        pytest.param("/app", "/d", "./d/", id="below a mount"),
    ],
)
def test_index_of_the_whole_space(
    tmp_path: Path, script_name: str, path: str, expected: int | str
) -> None:
    write(tmp_path / "index.html", "x")
    write(tmp_path / "d" / "index.html", "x")
    client = static(tmp_path, prefix="/", index="index.html")
    client.environ["SCRIPT_NAME"] = script_name
    answer = client(path)
    assert (answer["Location"] or answer.status) == expected


def test_without_an_index_there_is_none(tmp_path: Path) -> None:
    write(tmp_path / "d" / "index.html", "x")
    client = static(tmp_path)
    assert client("/static/d/").from_app and client("/static/d").from_app
    assert client("/static/d/index.html").status == 200


def test_exempting_is_unless(tmp_path: Path) -> None:
    write(tmp_path / "a.css", "x")
    client = Client(unless("/static/a.css", StaticFiles(str(tmp_path))))
    assert client("/static/a.css").from_app


# What is kept, and what is not


def test_descriptors_and_memory_stay_flat(tmp_path: Path) -> None:
    """10,000 requests, one in twenty aborted: bottle-611, bottle-1000, webob."""
    write(tmp_path / "big.bin", b"x" * LARGE * 4)
    write(tmp_path / "a.css", text(3000))
    app: Any = StaticFiles(str(tmp_path))(inner)

    def request(number: int) -> None:
        path = "/static/big.bin" if number % 2 else "/static/a.css"
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path}
        if number % 3 == 0:
            environ["HTTP_RANGE"] = f"bytes={number}-"
        body = app(environ, lambda status, head: None)
        if number % 20:
            for _ in body:
                pass
        if hasattr(body, "close"):
            body.close()
            body.close()

    for number in range(200):
        request(number)
    gc.collect()
    before = open_files(), len(gc.get_objects())
    for number in range(10_000):
        request(number)
    gc.collect()
    assert open_files() == before[0]
    assert len(gc.get_objects()) <= before[1] + 50


def test_memory_is_a_limit(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / f"{number}.bin", bytes([number]) * 60_000)
    client = static(tmp_path, memory=150_000)
    for _ in range(2):
        for number in range(4):
            assert client(f"/static/{number}.bin").body == bytes([number]) * 60_000
    site = site_of(client)
    assert site.budget.left == 30_000
    write(tmp_path / "0.bin", b"new", mtime=OLD + 5)
    assert client("/static/0.bin").body == b"new"
    assert site.budget.left == 150_000 - 60_000 - 3
    (tmp_path / "1.bin").unlink()
    assert client("/static/1.bin").from_app
    assert site.budget.left == 150_000 - 3


def test_no_memory_at_all(tmp_path: Path) -> None:
    write(tmp_path / "a.css", text(3000))
    client = static(tmp_path, memory=0)
    for _ in range(2):
        answer = client("/static/a.css", accept_encoding="gzip")
        assert (answer.body, answer["Content-Encoding"]) == (text(3000), None)
    assert site_of(client).budget.left == 0


def site_of(client: Client) -> Any:
    cells = [cell.cell_contents for cell in client.app.__closure__]
    return next(cell for cell in cells if hasattr(cell, "places"))


@pytest.mark.parametrize("size", [511, 512, 64 * 1024, LARGE])
def test_what_is_compressed_in_memory(tmp_path: Path, size: int) -> None:
    write(tmp_path / "a.css", text(size))
    write(tmp_path / "a.bin", text(size))
    client = static(tmp_path)
    held = 512 <= size <= 64 * 1024
    answer = client("/static/a.css", accept_encoding="gzip")
    assert answer["Content-Encoding"] == ("gzip" if held else None)
    assert answer["Vary"] == ("Accept-Encoding" if held else None)
    other = client("/static/a.bin", accept_encoding="gzip")
    assert (other["Content-Encoding"], other["Vary"]) == (None, None)
    off = static(tmp_path, compress=False)("/static/a.css", accept_encoding="gzip")
    assert (off["Content-Encoding"], off["Vary"]) == (None, None)


def test_what_does_not_shrink_stays(tmp_path: Path) -> None:
    noise = b"\0asm" + os.urandom(1000)
    write(tmp_path / "b.wasm", noise)
    client = static(tmp_path)
    for _ in range(2):
        answer = client("/static/b.wasm", accept_encoding="gzip")
        assert (answer.body, answer["Content-Encoding"]) == (noise, None)
        assert answer["Vary"] == "Accept-Encoding"


def test_no_room_for_a_coding(tmp_path: Path) -> None:
    write(tmp_path / "a.css", text(3000))
    answer = static(tmp_path, memory=3010)("/static/a.css", accept_encoding="gzip")
    assert answer.body == text(3000)


def test_eight_threads_on_a_cold_index(tmp_path: Path) -> None:
    """One of them makes what is missing; all get it."""
    for number in range(20):
        write(tmp_path / f"{number}.css", text(20_000, str(number)))
    calls: list[str] = []
    client = static(tmp_path, headers=lambda name, head: calls.append(name))
    barrier = threading.Barrier(8)
    failures: list[object] = []

    def run() -> None:
        barrier.wait()
        for number in range(20):
            environ = {
                "REQUEST_METHOD": "GET",
                "PATH_INFO": f"/static/{number}.css",
                "HTTP_ACCEPT_ENCODING": "gzip",
            }
            heads: list[Any] = []
            body = b"".join(client.app(environ, lambda *head: heads.append(head)))  # noqa: B023
            tag = dict(heads[0][1])["ETag"]
            if tag != f'"{content_tag(body)}-gzip"':
                failures.append((number, tag))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert sorted(calls) == sorted(f"{number}.css" for number in range(20))
