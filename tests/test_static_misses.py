"""StaticFiles: misses, single-page applications, fingerprints, snapshots, and the command."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.static_site import LARGE, OLD, Client, gz, settle, static, text, write
from wsgimw import StaticFiles, compose
from wsgimw.cli import main
from wsgimw.codings import CODINGS
from wsgimw.http.validators import content_tag
from wsgimw.static import Assets
from wsgimw.static.audit import findings
from wsgimw.static.build import build
from wsgimw.static.opening import Gone
from wsgimw.static.site import Site

MODES = pytest.mark.parametrize("mode", ["check", "frozen"])
PAGE = "<!doctype html><title>app</title>"
HTML = "text/html,application/xhtml+xml,*/*;q=0.8"
YEAR = "public, max-age=31536000, immutable"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "dist"
    write(root / "index.html", PAGE)
    write(root / "app.css", text(2000))
    write(root / "big.bin", b"x" * LARGE)
    return settle(root)


# Misses


@MODES
@pytest.mark.parametrize(
    ("path", "method", "fields", "expected"),
    [
        pytest.param("users/7", "GET", {"sec_fetch_dest": "document"}, "page", id="a navigation"),
        pytest.param("users/7", "HEAD", {"sec_fetch_dest": "iframe"}, "page", id="HEAD, a frame"),
        pytest.param("x", "GET", {"sec_fetch_dest": "embed"}, "page", id="embed"),
        pytest.param("x", "GET", {"sec_fetch_dest": "object"}, "page", id="object"),
        pytest.param("x.js", "GET", {"sec_fetch_dest": "document"}, "page", id="as browsers say"),
        pytest.param(
            "chunk.js",
            "GET",
            {"sec_fetch_dest": "script", "accept": HTML},
            "404",
            id="PostHog-7000 no HTML for a script",
        ),
        pytest.param(
            "a.css",
            "GET",
            {"sec_fetch_dest": "style", "accept": HTML},
            "404",
            id="PostHog-7463 no HTML for a style sheet",
        ),
        pytest.param("x", "GET", {"sec_fetch_dest": "image"}, "404", id="an image"),
        pytest.param("x", "GET", {"sec_fetch_dest": "worker"}, "404", id="a worker"),
        pytest.param(
            "api", "GET", {"sec_fetch_dest": "empty", "accept": HTML}, "app", id="fetch()"
        ),
        pytest.param("users/7", "GET", {"accept": HTML}, "page", id="Accept names HTML"),
        pytest.param("old.html", "GET", {"accept": HTML}, "page", id="an HTML ending"),
        pytest.param("old.htm", "GET", {"accept": HTML}, "page", id="an HTM ending"),
        pytest.param("users/j.doe", "GET", {"accept": HTML}, "page", id="no known ending"),
        pytest.param(
            "users/j.js",
            "GET",
            {"accept": HTML},
            "404",
            id="devtools-3174 replayio: a known ending",
        ),
        pytest.param("users/j.JS", "GET", {"accept": HTML}, "404", id="in another case"),
        pytest.param("x.own", "GET", {"accept": HTML}, "404", id="an ending of `types`"),
        pytest.param("users/7", "GET", {"accept": "*/*"}, "app", id="a wildcard names nothing"),
        pytest.param("users/7", "GET", {"accept": "text/html;q=0"}, "app", id="HTML refused"),
        pytest.param("users/7", "GET", {}, "app", id="no Accept"),
        pytest.param("a.png", "GET", {"accept": "*/*"}, "404", id="an asset by its ending"),
        pytest.param("users/7", "POST", {"accept": HTML}, "app", id="POST"),
        pytest.param("a.png", "POST", {"sec_fetch_dest": "image"}, "app", id="POST of an asset"),
        pytest.param("users/7", "OPTIONS", {"accept": HTML}, "app", id="OPTIONS"),
        pytest.param(
            "users/7", "GET", {"accept": HTML, "sec_fetch_dest": " "}, "page", id="a blank field"
        ),
    ],
)
def test_spa(
    root: Path, mode: Any, path: str, method: str, fields: dict[str, str], expected: str
) -> None:
    for miss in ("app", "404"):
        client = static(root, mode=mode, spa="index.html", types={".own": "a/b"}, miss=miss)
        answer = client(f"/static/{path}", method, **fields)
        if expected == "page":
            assert (answer.status, answer["Cache-Control"]) == (200, "no-cache")
            assert answer["Content-Type"] == "text/html; charset=utf-8"
            assert answer.body == (PAGE.encode() if method == "GET" else b"")
        elif expected == "404" or (miss == "404" and method in ("GET", "HEAD")):
            assert (answer.status, answer["Cache-Control"]) == (404, "no-store")
            assert (answer.body, answer["Content-Type"]) == (b"", "text/plain; charset=utf-8")
        else:
            assert answer.from_app


@MODES
def test_the_page_as_usual(root: Path, mode: Any) -> None:
    client = static(root, mode=mode, spa="index.html")
    page = client("/static/x", accept=HTML)
    tag = str(page["ETag"])
    again = client("/static/y/z", accept=HTML, if_none_match=tag)
    assert (again.status, again["Cache-Control"]) == (304, "no-cache")
    assert client("/static/x", accept=HTML, range="bytes=0-4").body == b"<!doc"
    assert client("/static/index.html")["Cache-Control"] == "public, max-age=60"
    assert client("/other", accept=HTML).from_app
    write(root / "index.html", "new", mtime=OLD + 1)
    assert client("/static/x", accept=HTML).body == (b"new" if mode == "check" else PAGE.encode())


@MODES
def test_a_page_that_is_not_there(root: Path, mode: Any) -> None:
    client = static(root, mode=mode, spa="none.html", miss="404")
    assert client("/static/x", accept=HTML).status == 404
    client = static([root, root], mode=mode, spa="index.html", memory=0, index="index.html")
    assert client("/static/x", accept=HTML).status == 200
    (root / "index.html").unlink()
    assert client("/static/x", accept=HTML).from_app


@MODES
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_404(root: Path, mode: Any, method: str) -> None:
    answer = static(root, mode=mode, miss="404")("/static/none", method)
    assert answer.line == "404 Not Found"
    assert answer.head == [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", "0"),
        ("Cache-Control", "no-store"),
    ]


# Fingerprints


def assets_of(client: Client) -> Assets:
    found = client("/about").environ["wsgimw.static"]
    assert isinstance(found, Assets)
    return found


@MODES
@pytest.mark.parametrize("name", ["app.css", "big.bin", "d/LICENSE", "é b%.css"])
def test_url(root: Path, mode: Any, name: str) -> None:
    data = (root / name).read_bytes() if (root / name).exists() else b"some"
    write(root / name, data)
    client = static(root, mode=mode)
    assets = assets_of(client)
    url = assets.url(name)
    assert url == assets.url(name)
    tag = content_tag(data)
    assert f".~{tag}" in url and url.isascii()
    path = url.replace("%C3%A9", "\xc3\xa9").replace("%20", " ").replace("%25", "%")
    answer = client(path)
    for again in (answer, client(path)):
        assert (again.status, again.body, again["Cache-Control"]) == (200, data, YEAR)
    assert client(path, "HEAD")["Content-Length"] == str(len(data))
    assert client(path, if_none_match=str(answer["ETag"])).status == 304
    assert client(path, range="bytes=1-2").body == data[1:3]
    assert client(path, "POST").status == 405
    digest = base64.b64encode(hashlib.sha384(data).digest()).decode()
    assert assets.integrity(name) == assets.integrity(name) == f"sha384-{digest}"


def test_a_url_is_coded_too(root: Path) -> None:
    client = static(root)
    answer = client(assets_of(client).url("app.css"), accept_encoding="gzip")
    assert (answer["Content-Encoding"], answer["Vary"]) == ("gzip", "Accept-Encoding")


@MODES
@pytest.mark.parametrize("miss", ["app", "404"])
@pytest.mark.parametrize("spa", [None, "index.html"])
def test_a_tag_that_nobody_has(root: Path, mode: Any, miss: Any, spa: Any) -> None:
    """404 no-store, never other bytes, never a page."""
    client = static(root, mode=mode, miss=miss, spa=spa)
    for path in (
        "/static/app.~0123456789abcdef.css",
        "/static/big.~0123456789abcdef.bin",
        "/static/none.~0123456789abcdef.css",
    ):
        for method in ("GET", "HEAD"):
            answer = client(path, method, accept=HTML, sec_fetch_dest="document")
            assert (answer.status, answer["Cache-Control"]) == (404, "no-store")
        assert client(path, "POST").from_app
    outside = client("/elsewhere/app.~0123456789abcdef.css")
    assert outside.from_app


def test_a_changed_file_has_a_new_url_at_once(root: Path) -> None:
    for name, size in (("app.css", 2000), ("big.bin", LARGE)):
        client = static(root)
        assets = assets_of(client)
        old = assets.url(name)
        assert client(old).status == 200
        write(root / name, text(size, "b"), mtime=OLD + 1)
        new = assets.url(name)
        assert new != old
        assert client(new).body == text(size, "b")
        assert client(old).status == 404
        (root / name).unlink()
        assert client(new).status == 404
        with pytest.raises(KeyError):
            assets.url(name)


def test_a_frozen_url_is_that_of_what_is_sent(root: Path) -> None:
    client = static(root, mode="frozen")
    assets = assets_of(client)
    assert client("/static/app.css").status == 200
    url = assets.url("app.css")
    write(root / "app.css", "new", mtime=OLD + 1)
    assert assets.url("app.css") == url
    assert client(url).body == text(2000)


@MODES
def test_the_previous_build_stays(tmp_path: Path, mode: Any) -> None:
    now, previous = tmp_path / "dist", tmp_path / "dist-previous"
    for size in (2000, LARGE):
        write(previous / "app.css", text(size, "old"))
        write(now / "app.css", text(size, "new"))
        before = assets_of(static(previous, mode=mode)).url("app.css")
        client = static([now, previous], mode=mode)
        for _ in range(2):
            assert client(before).body == text(size, "old")
            assert client(assets_of(client).url("app.css")).body == text(size, "new")
        assert client("/static/app.css").body == text(size, "new")


def test_a_real_file_of_that_name_comes_first(root: Path) -> None:
    path = write(root / "app.~0123456789abcdef.css", "real")
    answer = static(root)("/static/" + path.name)
    assert (answer.body, answer["Cache-Control"]) == (b"real", "public, max-age=60")


@pytest.mark.parametrize("memory", [32 * 2**20, 0], ids=["held", "not held"])
@pytest.mark.parametrize("size", [2000, LARGE])
def test_a_fingerprint_never_gives_other_bytes(
    root: Path, monkeypatch: pytest.MonkeyPatch, size: int, memory: int
) -> None:
    """The file changes after its tag was compared and before it is opened."""
    write(root / "app.css", text(size))
    client = static(root, mode="frozen", memory=memory)
    url = assets_of(client).url("app.css")
    assert client(url).status == 200
    write(root / "tmp", text(size, "b"), mtime=OLD + 1)
    os.replace(root / "tmp", root / "app.css")
    answer = client(url)
    if memory and size == 2000:
        assert answer.body == text(size)
    else:
        assert answer.status == 404
    (root / "app.css").unlink()
    answer = client(url)
    assert answer.status == (200 if memory and size == 2000 else 404)


def test_a_file_that_changes_while_its_tag_is_compared(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = static(root)
    url = assets_of(client).url("app.css")
    current = Site.current

    def busy(self: Site, *args: Any) -> Any:
        write(root / "app.css", "other", mtime=OLD + 1)
        return current(self, *args)

    monkeypatch.setattr(Site, "current", busy)
    assert client(url).status == 404

    def gone(self: Site, *args: Any) -> Any:
        raise Gone("gone")

    monkeypatch.undo()
    monkeypatch.setattr(Site, "current", gone)
    url = assets_of(client).url("app.css")
    assert client(url).status == 404


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("css/app.css", "did you mean 'app.css'?", id="the nearest"),
        pytest.param("/app.css", "did you mean 'app.css'?", id="a slash in front"),
        pytest.param("zzzzzz", "no static file 'zzzzzz'", id="none near"),
        pytest.param("", "no static file ''", id="nothing"),
        pytest.param("../x", "no static file '../x'", id="dots"),
        pytest.param(".env", "no static file '.env'", id="a dotfile"),
        pytest.param("\ud800", "is no name of a file", id="a surrogate"),
    ],
)
def test_an_unknown_name(root: Path, name: str, message: str) -> None:
    write(root / ".env", "x")
    assets = assets_of(static(root))
    for method in (assets.url, assets.integrity):
        with pytest.raises(KeyError) as caught:
            method(name)
        assert message in str(caught.value.args[0])


def test_below_a_mount(root: Path) -> None:
    client = static(root, prefix="/assets")
    client.environ["SCRIPT_NAME"] = "/my shop"
    assets = client("/about").environ["wsgimw.static"]
    assert assets.url("app.css").startswith("/my%20shop/assets/app.~")


def test_two_layers(tmp_path: Path) -> None:
    """Names that the inner object does not know are asked of the outer one."""
    write(tmp_path / "outer" / "o.css", "o")
    write(tmp_path / "outer" / "both.css", "o")
    write(tmp_path / "inner" / "i.css", "i")
    write(tmp_path / "inner" / "both.css", "i")
    layer = compose(
        StaticFiles(str(tmp_path / "outer"), prefix="/o"),
        StaticFiles(str(tmp_path / "inner"), prefix="/i"),
    )
    client = Client(layer)
    assets = assets_of(client)
    assert assets.url("o.css").startswith("/o/o.~")
    assert assets.url("i.css").startswith("/i/i.~")
    assert assets.url("both.css").startswith("/i/both.~")
    assert assets.integrity("o.css") != assets.integrity("i.css")
    with pytest.raises(KeyError, match=r"did you mean 'o\.css'"):
        assets.url("oo.css")
    environ = client("/about").environ
    for _ in range(3):  # the same environ again does not make a chain
        client.app(environ, lambda *head: None)
    assert environ["wsgimw.static"]._outer._outer is None


def test_url_of_pages_and_of_young_files(root: Path) -> None:
    write(root / "young.css", "1", mtime=None)
    client = static(root, index="index.html")
    assets = assets_of(client)
    assert client(assets.url("index.html")).body == PAGE.encode()
    first = assets.url("young.css")
    write(root / "young.css", "2", mtime=None)
    second = assets.url("young.css")
    assert first != second
    assert client(second).body == b"2"
    write(root / "new.css", "new")
    assert client(assets.url("new.css")).body == b"new"


def test_hashes_are_bounded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from wsgimw.static import hashes, site

    monkeypatch.setattr(hashes, "LEAST_KEPT", 0)
    monkeypatch.setattr(site, "LEAST_KEPT", 0)
    client = static(root, prefix="/")
    assets = assets_of(client)
    for number in range(40):
        write(root / "big.bin", bytes([number]) * LARGE, mtime=OLD + number)
        assert client(assets.url("big.bin")).status == 200
        assert assets.integrity("big.bin")
    found = assets._site
    assert len(found.hashes._tags) <= 4 * len(found.places)
    assert len(found.hashes._integrities) <= 4 * len(found.places)
    assert len(found.tagged) <= 2 * len(found.places) + 1


# Snapshots


@MODES
def test_a_snapshot(root: Path, tmp_path: Path, mode: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = tmp_path / "snapshot.json"
    write(root / "é" / "a.css", text(900))
    write(root / ".env", "secret")
    build(str(root), snapshot=str(snapshot), say=lambda line: None)
    noted = json.loads(snapshot.read_bytes())
    assert noted["version"] == 1
    assert noted["files"]["big.bin"] == [LARGE, OLD * 10**9, content_tag(b"x" * LARGE)]
    assert "é/a.css" in noted["files"] and ".env" not in noted["files"]

    scans: list[object] = []
    scandir = os.scandir

    def scanning(path: bytes) -> Any:
        scans.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scanning)
    client = static(root, mode=mode, snapshot=snapshot)
    assert scans == []
    answer = client("/static/big.bin")
    assert answer["ETag"] == f'"{content_tag(b"x" * LARGE)}"'
    assert assets_of(client).url("big.bin").endswith(f".~{content_tag(b'x' * LARGE)}.bin")
    assert client("/static/\xc3\xa9/a.css").body == text(900)
    assert client("/static/app.css", accept_encoding="gzip")["Content-Encoding"] == "gzip"
    write(root / "big.bin", b"y" * LARGE, mtime=OLD + 1)
    changed = client("/static/big.bin")
    assert changed["ETag"] == f'"{(OLD + 1) * 10**9:x}-{LARGE:x}"'
    assert changed.body == b"y" * LARGE
    write(root / "é" / "new.css", "new")
    assert client("/static/\xc3\xa9/new.css").from_app is (mode == "frozen")
    write(root / "f" / "new.css", "new")
    assert client("/static/f/new.css").from_app is (mode == "frozen")
    (root / "index.html").unlink()
    assert client("/static/index.html").from_app
    write(root / "index.html", PAGE)
    hidden = static(root, mode=mode, snapshot=snapshot, hide=("é", "*.bin"))
    assert hidden("/static/\xc3\xa9/a.css").from_app and hidden("/static/big.bin").from_app
    paged = static(root, mode=mode, snapshot=snapshot, index="index.html", dotfiles=True)
    assert paged("/static/").body == PAGE.encode()
    assert paged("/static/\xc3\xa9/a.css").status == 200


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="missing"),
        pytest.param("", id="empty"),
        pytest.param("{", id="cut"),
        pytest.param("[]", id="a list"),
        pytest.param('"x"', id="a string"),
        pytest.param('{"version": 2, "files": {}}', id="another version"),
        pytest.param('{"version": 1}', id="no files"),
        pytest.param('{"version": 1, "files": []}', id="a list of files"),
        pytest.param('{"version": 1, "files": {"a": 1}}', id="no entry"),
        pytest.param('{"version": 1, "files": {"a": [1, 2]}}', id="a short entry"),
        pytest.param('{"version": 1, "files": {"a": [1, 2, 3]}}', id="a tag that is none"),
        pytest.param('{"version": 1, "files": {"a": ["1", 2, "x"]}}', id="a size that is none"),
        pytest.param('{"version": 1, "files": {"../s": [1, 2, "x"]}}', id="dots"),
        pytest.param('{"version": 1, "files": {"a/../../s": [1, 2, "x"]}}', id="dots inside"),
        pytest.param('{"version": 1, "files": {"/etc/passwd": [1, 2, "x"]}}', id="absolute"),
        pytest.param('{"version": 1, "files": {"a//b": [1, 2, "x"]}}', id="two slashes"),
        pytest.param('{"version": 1, "files": {"": [1, 2, "x"]}}', id="no name"),
        pytest.param('{"version": 1, "files": {"a\\nb": [1, 2, "x"]}}', id="a line end"),
        pytest.param('{"version": 1, "files": {"a\\u0000b": [1, 2, "x"]}}', id="NUL"),
        pytest.param('{"version": 1, "files": {"a\\ud800b": [1, 2, "x"]}}', id="a surrogate"),
        pytest.param("[" * 100_000, id="deep"),
    ],
)
def test_a_broken_snapshot(
    root: Path, tmp_path: Path, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning, and a scan."""
    snapshot = tmp_path / "snapshot.json"
    write(tmp_path / "s", "secret")
    if content is not None:
        snapshot.write_text(content)
    client = static(root, mode="frozen", snapshot=snapshot)
    assert client("/static/app.css").status == 200
    assert len(caplog.records) == 1
    assert "snapshot" in caplog.text


def test_names_in_a_snapshot_as_bytes(tmp_path: Path) -> None:
    root = tmp_path / "public"
    write(root / "a.txt", "a")
    with open(os.path.join(os.fsencode(root), b"\xff.txt"), "wb") as file:
        file.write(b"odd")
    snapshot = tmp_path / "s.json"
    build(str(root), snapshot=str(snapshot), say=lambda line: None)
    client = static(root, mode="frozen", snapshot=str(snapshot))
    client.checked = client.app
    assert client("/static/\xff.txt").body == b"odd"


def test_an_empty_snapshot(tmp_path: Path) -> None:
    snapshot = write(tmp_path / "s.json", '{"version": 1, "files": {}}')
    assert static(tmp_path, mode="frozen", snapshot=snapshot)("/static/s.json").from_app


# The command


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = main(["static", *arguments])
    captured = capsys.readouterr()
    return status, captured.out + captured.err


def test_build(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = text(200_000)
    write(root / "large.js", data)
    write(root / "tiny.js", b"x" * 511)
    write(root / "noise.wasm", os.urandom(2000))
    status, said = run(capsys, "build", str(root))
    assert status == 0
    endings = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
    for name in ("app.css", "large.js"):
        for coding in CODINGS:
            sibling = root / (name + endings[coding])
            assert sibling.stat().st_mtime_ns == (root / name).stat().st_mtime_ns
            assert sibling.name in said
    assert not list(root.glob("tiny.js.*")) and not list(root.glob("noise.wasm.*"))
    assert not list(root.glob("*.tmp")) and not list(root.glob(".*"))
    assert run(capsys, "build", str(root)) == (0, "")  # fresh ones are left alone
    client = static(root, compress=False)
    for coding in ("gzip", "br"):
        assert client("/static/large.js", accept_encoding=coding)["Content-Encoding"] == coding
    write(root / "app.css", text(3000), mtime=OLD + 9)
    status, said = run(capsys, "build", str(root), "--snapshot", str(root / "snapshot.json"))
    assert "app.css.gz" in said and "large.js" not in said.replace("snapshot", "")
    assert "snapshot.json" not in json.loads((root / "snapshot.json").read_bytes())["files"]


def test_build_leaves_nothing_behind(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*args: Any, **options: Any) -> Any:
        raise OSError(28, "No space left on device")

    before = sorted(os.listdir(root))
    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
        patched.setattr(os, "utime", refuse)
        build(str(root))
    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
        patched.setattr(os, "replace", refuse)
        build(str(tmp_path / "dist"), snapshot=str(tmp_path / "s.json"))
    assert sorted(os.listdir(root)) == before
    assert os.listdir(tmp_path) == ["dist"]


def test_build_says_what_it_cannot_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refusing(path: Any, *args: Any, **options: Any) -> int:
        if os.fsencode(path).endswith(b"/app.css"):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **options)

    monkeypatch.setattr(os, "open", refusing)
    said: list[str] = []
    build(str(root), snapshot=str(root.parent / "s.json"), say=said.append)
    assert said[0] == "app.css: left out, Permission denied"
    noted = json.loads((root.parent / "s.json").read_bytes())["files"]
    assert set(noted) == {"index.html", "big.bin"}


def test_build_reports_a_full_disk_as_usage(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = run(capsys, "build", str(root), "--snapshot", str(root / "no" / "s.json"))
    assert status == 2
    assert said.splitlines()[-1].startswith("wsgimw static: ")


def codes(root: Path) -> set[tuple[str, str, str]]:
    return {(found.severity, found.code, found.name) for found in findings(str(root))}


def test_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "public"
    data = text(2000)
    for secret in (".env.local", ".htpasswd", "server.PEM", "id.key", "m.pyc", "db.sqlite3"):
        write(root / secret, "x")
    write(root / ".git" / "config", "x")
    write(root / "d" / "x.bak", "x")
    write(root / "stale.css", data)
    write(root / "stale.css.gz", gz(data), mtime=OLD - 1)
    write(root / "fresh.css", data)
    write(root / "fresh.css.gz", gz(data))
    write(root / "CASE.txt", "x")
    write(root / "case.TXT", "x")
    write(root / "cafe\u0301.txt", "x")
    write(root / "caf\u00e9.txt", "x")
    write(root / "odd.xyz", "x")
    write(root / "pinned.png", "x", mtime=0)
    write(root / "app.js.map", "x")
    write(tmp_path / "outside", "x")
    os.symlink("../outside", root / "out")
    os.symlink("none", root / "broken")
    os.symlink("stale.css", root / "in.css")
    os.symlink("d", root / "linked")
    os.mkfifo(root / "fifo")
    with open(os.path.join(os.fsencode(root), b"\xff.txt"), "wb"):
        pass
    found = codes(root)
    errors = {(code, name) for severity, code, name in found if severity == "error"}
    assert errors == {
        ("secret", ".env.local"),
        ("secret", ".htpasswd"),
        ("secret", "server.PEM"),
        ("secret", "id.key"),
        ("secret", "m.pyc"),
        ("secret", "db.sqlite3"),
        ("secret", ".git"),
        ("secret", "d/x.bak"),
        ("stale-sibling", "stale.css.gz"),
        ("collision", "case.TXT"),
        ("collision", "caf\u00e9.txt"),
        ("escape", "out"),
        ("broken-link", "broken"),
        ("special", "fifo"),
    }
    warnings = {(code, name) for severity, code, name in found if severity == "warning"}
    assert {
        ("unknown-type", "odd.xyz"),
        ("pinned-mtime", "pinned.png"),
        ("source-map", "app.js.map"),
    } <= warnings
    if len(CODINGS) > 1:
        assert ("missing-sibling", "fresh.css") in warnings
    status, said = run(capsys, "check", str(root))
    assert status == 1
    assert "error secret .env.local: .env* must not be served\n" in said
    assert all(line.split()[0] in ("error", "warning") for line in said.splitlines())


def test_check_of_what_is_clean(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(str(root), say=lambda line: None)
    assert run(capsys, "check", str(root)) == (0, "")
    write(root / "x.unknown", "x")
    status, said = run(capsys, "check", str(root))
    assert (status, said) == (
        0,
        "warning unknown-type x.unknown: is sent as application/octet-stream\n",
    )


def test_check_of_what_cannot_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root / "d" / "a.txt", "x")
    scandir, opened = os.scandir, os.open

    def refusing(path: Any) -> Any:
        if os.fsencode(path).endswith(b"/d"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    def not_opening(path: Any, *args: Any) -> Any:
        if os.fsencode(path).endswith(b"/app.css"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *args)

    monkeypatch.setattr(os, "scandir", refusing)
    monkeypatch.setattr(os, "open", not_opening)
    assert {("error", "special", "d/"), ("error", "special", "app.css")} <= codes(root)
    with pytest.raises(NotADirectoryError):
        findings(str(root / "app.css"))


@pytest.mark.parametrize(
    ("path", "arguments", "status", "lines"),
    [
        pytest.param(
            "/static/app.css",
            [],
            0,
            ["name: 'app.css' is 'app.css' of the index", "conditions: none", "200 OK"],
            id="a hit",
        ),
        pytest.param(
            "/static/app.css?x=1",
            ["-H", "Accept-Encoding: gzip", "-H", "Accept-Encoding: br"],
            0,
            ["codings: br, zstd, gzip (made in memory)", "Content-Encoding: br"],
            id="a coding",
        ),
        pytest.param(
            "/static/big.bin",
            ["-H", "Range: bytes=0-9"],
            0,
            ["range: 0-9", "206 Partial Content", "Content-Range: bytes 0-9/65537"],
            id="a range",
        ),
        pytest.param(
            "/static/big.bin",
            ["-H", "Range: bytes=99999-"],
            0,
            ["range: nothing of it is there", "416 Range Not Satisfiable"],
            id="a range that is not there",
        ),
        pytest.param(
            "/static/big.bin",
            ["-H", "Range: x"],
            0,
            ["200 OK", "range: ignored, it is no set of at most 16 byte ranges"],
            id="no range",
        ),
        pytest.param(
            "/static/app.css",
            ["-H", "Range: bytes=0-900,1000-1900"],
            0,
            ["range: ignored, all of it is not longer than its parts", "200 OK"],
            id="two halves",
        ),
        pytest.param(
            "/static/big.bin",
            ["-H", "Range: bytes=0-9", "-H", 'If-Range: "x"'],
            0,
            ["range: ignored, since If-Range names another version"],
            id="If-Range",
        ),
        pytest.param(
            "/static/app.css",
            ["-H", "If-None-Match: *"],
            0,
            ["preconditions: the client has this version", "304 Not Modified"],
            id="304",
        ),
        pytest.param(
            "/static/app.css",
            ["-H", 'If-Match: "x"'],
            0,
            ["preconditions: do not hold", "412 Precondition Failed"],
            id="412",
        ),
        pytest.param(
            "/static/none",
            [],
            1,
            [
                "name: 'none' is not in the index",
                "miss: the request goes to the inner app, unchanged",
            ],
            id="a miss",
        ),
        pytest.param(
            "/elsewhere", [], 1, ["prefix: '/elsewhere' is not below '/static'"], id="elsewhere"
        ),
        pytest.param(
            "/static/app.~0123456789abcdef.css",
            [],
            1,
            [
                "fingerprint: no file of that name has the content 0123456789abcdef",
                "miss: answered with 404",
                "404 Not Found",
            ],
            id="a wrong fingerprint",
        ),
        pytest.param(
            "/static/%C3%A9.css", [], 0, ["name: 'é.css' is 'é.css' of the index"], id="escaped"
        ),
        pytest.param("/app.css", ["--prefix", "/"], 0, ["200 OK"], id="another prefix"),
    ],
)
def test_explain(
    root: Path,
    capsys: pytest.CaptureFixture[str],
    path: str,
    arguments: list[str],
    status: int,
    lines: list[str],
) -> None:
    write(root / "é.css", "x")
    if path.startswith("/static/app.css?") and "zstd" not in CODINGS:
        pytest.skip("the codings that are named need their packages")
    got, said = run(capsys, "explain", str(root), path, *arguments)
    assert got == status
    for line in lines:
        assert line in said.splitlines()
    assert ("miss" in said) is bool(status)


def test_explain_a_fingerprint_a_page_and_a_redirect(root: Path) -> None:
    from wsgimw.static.explain import explain, is_miss

    layer = StaticFiles(str(root), index="index.html", spa="index.html")
    url = assets_of(Client(layer)).url("app.css")
    assert f"fingerprint: the content is {content_tag(text(2000))}, {YEAR}" in explain(
        layer, url, []
    )
    assert "name: 'index.html' leads to ./" in explain(layer, "/static/index.html", [])
    assert "name: '' leads to ./name/" in explain(layer, "/static", [])
    page = explain(layer, "/static/users/7", [("Accept", HTML)])
    assert "spa: the request is for: page" in page and "200 OK" in page and not is_miss(page)
    assert explain(layer, "/static/", [])[0] == "name: '' is 'index.html' of the index"


def test_explain_a_file_that_is_gone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from wsgimw.static.explain import explain

    def gone(self: Site, *args: Any) -> Any:
        raise Gone("No such file or directory")

    monkeypatch.setattr(Site, "current", gone)
    lines = explain(StaticFiles(str(root)), "/static/app.css", [])
    assert "cannot be had: No such file or directory" in lines[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["build", "none"], "'none' is not a directory", id="no directory"),
        pytest.param(["explain", ".", "app.css"], "write /app.css", id="no slash"),
        pytest.param(["explain", ".", "/", "--prefix", "x"], "must begin with", id="prefix"),
        pytest.param(["explain", ".", "/", "-H", "x"], "is no field", id="no field"),
        pytest.param([], "ACTION", id="no action"),
        pytest.param(["mend", "."], "mend", id="an unknown action"),
    ],
)
def test_usage(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    status, said = run(capsys, *arguments)
    assert status == 2
    assert message in said
