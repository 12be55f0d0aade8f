"""StaticFiles: what is in the index, and what no request can reach."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.static_site import LARGE, OLD, Client, gz, inner, settle, static, text, write
from wsgimw import StaticFiles
from wsgimw.static.names import composed, nearest, tagged, untagged

MODES = pytest.mark.parametrize("mode", ["check", "frozen"])
SECRET = b"TOP SECRET"

law = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=400,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with secrets round it and in it, that no request must get."""
    root = tmp_path / "public"
    write(root / "a.txt", "a")
    write(root / "d" / "b.txt", "b")
    write(root / "d" / "CON", "c")
    write(root / ".env", SECRET)
    write(root / ".git" / "config", SECRET)
    write(root / "d" / ".htpasswd", SECRET)
    write(root / ".well-known" / "security.txt", "contact")
    write(root / ".well-known" / ".hidden", SECRET)
    write(tmp_path / "secret.txt", SECRET)
    write(tmp_path / "public-other" / "a.txt", SECRET)
    write(tmp_path / "public.txt", SECRET)
    return root


HOSTILE = [
    pytest.param("/static/../secret.txt", id="whitenoise-197 dots"),
    pytest.param("/static/d/../../secret.txt", id="dots from below"),
    pytest.param("/static/d/../a.txt", id="dots inside"),
    pytest.param("/static/./a.txt", id="a dot"),
    pytest.param("/static//a.txt", id="two slashes"),
    pytest.param("//static/a.txt", id="two slashes in front"),
    pytest.param("/static/a.txt/", id="a slash at the end"),
    pytest.param("/static/a.txt/x", id="below a file"),
    pytest.param("/static/a%2etxt", id="an escape"),
    pytest.param("/static/%2e%2e/secret.txt", id="CVE-2026-34786 escaped dots"),
    pytest.param("/static/%252e%252e/secret.txt", id="dots escaped twice"),
    pytest.param("/static/..%2fsecret.txt", id="an escaped slash"),
    pytest.param("/static/..\\secret.txt", id="CVE-2026-48818 a backslash"),
    pytest.param("/static/\\\\host\\share\\x", id="CVE-2026-48818 UNC"),
    pytest.param("/static//host/share/x", id="UNC with slashes"),
    pytest.param("/static/C:/Windows/win.ini", id="CVE-2024-49766 a drive"),
    pytest.param("/static/C:a.txt", id="a drive, relative"),
    pytest.param("/static/NUL", id="CVE-2025-66221 a device"),
    pytest.param("/static/d/con", id="CVE-2026-21860 a device in another case"),
    pytest.param("/static/d/CON.txt", id="CVE-2026-27199 a device with an ending"),
    pytest.param("/static/a.txt::$DATA", id="caddy-5148 a stream"),
    pytest.param("/static/a.txt.", id="caddy-7548 a dot at the end"),
    pytest.param("/static/a.txt ", id="caddy-7952 a space at the end"),
    pytest.param("/static/A.TXT", id="another case"),
    pytest.param("/static/a.txt\0", id="CVE-2023-40587 NUL at the end"),
    pytest.param("/static/\0/a.txt", id="CVE-2025-11149 NUL inside"),
    pytest.param("/static/../public-other/a.txt", id="CVE-2023-29159 a sibling of the prefix"),
    pytest.param("/static-other/a.txt", id="CVE-2026-22860 a prefix that goes on"),
    pytest.param("/static.txt", id="CVE-2025-27610 a prefix with an ending"),
    pytest.param("/statica.txt", id="CVE-2026-34785 no segment"),
    pytest.param("/static/.env", id="a dotfile"),
    pytest.param("/static/.git/config", id="a dot directory"),
    pytest.param("/static/d/.htpasswd", id="a dotfile below"),
    pytest.param("/static/.well-known/.hidden", id="a dotfile in .well-known"),
    pytest.param("/static/d", id="a directory"),
    pytest.param("/static/d/", id="whitenoise-110 a directory with a slash"),
    pytest.param("/static/", id="the root"),
    pytest.param("/static", id="the prefix"),
    pytest.param("/static/" + "a" * 100_000, id="whitenoise-684 100 KB"),
    pytest.param("/static/" + "a/" * 50_000, id="50,000 segments"),
    pytest.param("/static/" + "../" * 30_000, id="30,000 dots"),
    pytest.param("/static/\xff\xfe", id="no UTF-8"),
    pytest.param("/static/\u0130\u20ac", id="CVE-2025-58751 no WSGI string"),
    pytest.param("/static/\ud800", id="a lone surrogate"),
    pytest.param("/static/a.txt\r\nX: y", id="CR LF"),
    pytest.param("/static/a.txt?x", id="a question mark"),
    pytest.param("/static/\uff0e\uff0e/secret.txt", id="wide dots"),
    pytest.param("/static/path|name/", id="tower-http-586 a name that Windows refuses"),
    pytest.param("static/a.txt", id="no slash"),
    pytest.param("http://evil.example/static/a.txt", id="an absolute form"),
    pytest.param("", id="nothing"),
    pytest.param("*", id="a star"),
]


@MODES
@pytest.mark.parametrize("path", HOSTILE)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_plain_miss(root: Path, mode: Any, path: str, method: str) -> None:
    client = static(root, mode=mode)
    for _ in range(2):
        answer = client(path, method)
        assert answer.from_app
        assert answer.environ["PATH_INFO"] == path and answer.environ["SCRIPT_NAME"] == ""
    away = static(root, mode=mode, miss="404")(path, method)
    below = path == "/static" or path.startswith("/static/")
    assert (away.status, away.from_app) == ((404, False) if below else (200, True))


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], list[Client]]:
    base = tmp_path_factory.mktemp("searched")
    files = {"a.txt": b"a", "d/b.txt": b"b", "d/e/c.txt": b"c", "é.txt": b"e"}
    for name, data in files.items():
        write(base / "public" / name, data)
    write(base / "public" / ".env", SECRET)
    write(base / "secret.txt", SECRET)
    os.symlink(base / "secret.txt", base / "public" / "d" / "out.txt")
    settle(base)
    known = {"/static/" + name.encode().decode("latin-1"): data for name, data in files.items()}
    layers = (
        StaticFiles(str(base / "public"), mode="check"),
        StaticFiles(str(base / "public"), mode="frozen"),
        StaticFiles(str(base / "public"), index="b.txt", spa="a.txt"),
    )
    return known, [Client(layer) for layer in layers]


SEGMENTS = ["a.txt", "d", "b.txt", "e", "c.txt", "..", ".", "", ".env", "out.txt", "secret.txt"]
ODD = ["%2e%2e", "\xc3\xa9.txt", "\\", "d\\b.txt", "a.txt\0", "~", "public", "\u212a"]
SEGMENT = st.sampled_from([*SEGMENTS, *ODD, "a.~0123456789abcdef.txt"])
PATHS = st.one_of(
    st.lists(SEGMENT, max_size=5).map(lambda parts: "/static/" + "/".join(parts)),
    st.text(max_size=30).map("/static/".__add__),
    st.text(max_size=30),
)


@law
@given(path=PATHS, method=st.sampled_from(["GET", "HEAD", "POST", "OPTIONS"]))
def test_no_path_leaks_or_raises(
    searched: tuple[dict[str, bytes], list[Client]], path: str, method: str
) -> None:
    """Whatever the path: a file of the root under its very name, or a miss."""
    known, clients = searched
    for client in clients[:2]:
        answer = client(path, method)
        if path in known and method in ("GET", "HEAD"):
            assert answer.body == (known[path] if method == "GET" else b"")
            assert answer.status == 200 and not answer.from_app
        elif path not in known:
            assert answer.from_app or answer.status == 404
        assert SECRET not in answer.body
    assert SECRET not in clients[2](path, method).body


def test_names_as_bytes(tmp_path: Path) -> None:
    """tower-http-204, tower-http-310, tower-http-331: not UTF-8, or what a URL would escape."""
    folder = os.fsencode(tmp_path)
    names = [b"\xff\xfe.txt", b"a b.txt", b"100%.txt", b"a%20b.txt", b"q?.txt", b"#.txt", b"a\\b"]
    for name in names:
        with open(os.path.join(folder, name), "wb") as file:
            file.write(b"<" + name + b">")
        os.utime(os.path.join(folder, name), (OLD, OLD))
    client = static(tmp_path)
    client.checked = client.app
    for name in names:
        answer = client("/static/" + name.decode("latin-1"), "HEAD")
        assert (answer.status, answer["Content-Length"]) == (200, str(len(name) + 2))


@MODES
def test_a_name_that_is_not_nfc_has_an_alias(tmp_path: Path, mode: Any) -> None:
    write(tmp_path / "cafe\u0301" / "re\u0301.css", "decomposed")
    client = static(tmp_path, mode=mode)
    for name in ("cafe\u0301/re\u0301.css", "caf\u00e9/r\u00e9.css"):
        for _ in range(2):
            assert client("/static/" + name.encode().decode("latin-1")).body == b"decomposed"
    mixed = "caf\u00e9/re\u0301.css".encode().decode("latin-1")
    assert client("/static/" + mixed).from_app
    write(tmp_path / "caf\u00e9" / "r\u00e9.css", "composed")
    fresh = static(tmp_path, mode=mode)
    assert (
        fresh("/static/" + "caf\u00e9/r\u00e9.css".encode().decode("latin-1")).body == b"composed"
    )
    assert fresh("/static/" + "cafe\u0301/re\u0301.css".encode().decode("latin-1")).status == 200


@MODES
def test_dotfiles(root: Path, mode: Any) -> None:
    """Every Python peer serves /.env and /.git/config."""
    closed, open_ = static(root, mode=mode), static(root, mode=mode, dotfiles=True)
    for path in ("/static/.env", "/static/.git/config", "/static/.well-known/.hidden"):
        assert closed(path).from_app
        assert open_(path).body == SECRET
    assert closed("/static/.well-known/security.txt").body == b"contact"


@MODES
@pytest.mark.parametrize(
    ("hide", "hidden"),
    [
        pytest.param(["*.map"], {"app.js.map", "d/x.map"}, id="the last segment"),
        pytest.param(["d/*"], {"d/x.map", "d/y.css", "d/e/z.css"}, id="the whole name"),
        pytest.param(["d"], {"d/x.map", "d/y.css", "d/e/z.css"}, id="a directory"),
        pytest.param(["e"], {"d/e/z.css"}, id="a directory below"),
        pytest.param(["*.MAP"], set(), id="case counts"),
        pytest.param(["é*"], {"é.css"}, id="not ASCII"),
        pytest.param(["[ab]*", "*.css"], {"app.js.map", "d/y.css", "d/e/z.css", "é.css"}, id="two"),
    ],
)
def test_hide(tmp_path: Path, mode: Any, hide: list[str], hidden: set[str]) -> None:
    names = {"app.js.map", "d/x.map", "d/y.css", "d/e/z.css", "é.css"}
    for name in names:
        write(tmp_path / name, "{}")
    client = static(tmp_path, mode=mode, hide=hide)
    gone = {n for n in names if client("/static/" + n.encode().decode("latin-1")).from_app}
    assert gone == hidden
    dotted = static(tmp_path, mode=mode, hide=hide, dotfiles=True)
    assert dotted("/static/d/x.map").from_app is ("d/x.map" in hidden)


def test_a_hidden_sibling_is_not_there(tmp_path: Path) -> None:
    data = text(3000)
    write(tmp_path / "a.css", data)
    write(tmp_path / "a.css.gz", gz(data))
    for mode in ("check", "frozen"):
        client = static(tmp_path, mode=mode, hide=("*.gz",), compress=False)
        assert client("/static/a.css", accept_encoding="gzip")["Content-Encoding"] is None


# Links


@MODES
def test_links(tmp_path: Path, mode: Any, caplog: pytest.LogCaptureFixture) -> None:
    """CVE-2024-23334, CVE-2024-42367: what leads outside is not there."""
    root = tmp_path / "public"
    write(root / "a.txt", "a")
    write(root / "d" / "b.txt", "b")
    write(tmp_path / "outside" / "s.txt", SECRET)
    for link, target in {
        "in.txt": "a.txt",
        "in": "d",
        "out.txt": "../outside/s.txt",
        "out": "../outside",
        "d/out.txt": str(tmp_path / "outside" / "s.txt"),
        "broken": "none",
        "self": "self",
    }.items():
        os.symlink(target, root / link)
    client = static(root, mode=mode)
    assert client("/static/in.txt").body == b"a"
    assert client("/static/in/b.txt").body == b"b"
    for path in ("out.txt", "out/s.txt", "d/out.txt", "in/out.txt", "broken", "self"):
        assert client(f"/static/{path}").from_app
    warned = [record.getMessage() for record in caplog.records]
    assert len([line for line in warned if "leads outside" in line]) == 4
    assert len([line for line in warned if "a broken link" in line]) == 2
    caplog.clear()
    client("/static/none")
    assert not caplog.records  # one warning each
    followed = static(root, mode=mode, follow_symlinks=True)
    assert followed("/static/out.txt").body == SECRET
    assert followed("/static/out/s.txt").body == SECRET


def test_a_sibling_link(tmp_path: Path) -> None:
    """CVE-2024-42367: a compressed sibling that is a link outside."""
    root = tmp_path / "public"
    data = text(3000)
    write(root / "a.css", data)
    write(root / "b.css", data)
    write(tmp_path / "x.gz", gz(data))
    write(root / "y.gz", gz(data))
    os.symlink(tmp_path / "x.gz", root / "a.css.gz")
    os.symlink("y.gz", root / "b.css.gz")
    for mode in ("check", "frozen"):
        client = static(root, mode=mode, compress=False)
        assert client("/static/a.css", accept_encoding="gzip").body == data
        assert client("/static/b.css", accept_encoding="gzip").body == gz(data)


@MODES
def test_links_round_in_circles(tmp_path: Path, mode: Any) -> None:
    root = tmp_path / "public"
    write(root / "d" / "a.txt", "a")
    os.symlink("..", root / "d" / "up")
    os.symlink("d", root / "here")
    os.symlink(".", root / "d" / "dot")
    for number in range(8):
        write(root / f"n{number}" / "x.txt", str(number))
        os.symlink(f"../n{number + 1}", root / f"n{number}" / "next")
    client = static(root, mode=mode)
    assert client("/static/here/a.txt").body == b"a"
    for path in ("d/up/d/a.txt", "d/dot/a.txt", "here/up/d/a.txt"):
        assert client(f"/static/{path}").from_app
    four = "n0" + "/next" * 4
    assert client(f"/static/{four}/x.txt").body == b"4"
    assert client(f"/static/{four}/next/x.txt").from_app


@MODES
def test_what_is_no_file(tmp_path: Path, mode: Any, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "a.txt", "a")
    os.mkfifo(tmp_path / "fifo")
    os.symlink("fifo", tmp_path / "link")
    here = os.getcwd()
    listening = socket.socket(socket.AF_UNIX)
    os.chdir(tmp_path)  # a socket's path is short
    listening.bind("socket")
    os.chdir(here)
    os.mknod(tmp_path / "null", 0o666 | 0o020000, os.makedev(1, 3))
    with listening:
        client = static(tmp_path, mode=mode)
        for name in ("fifo", "socket", "null", "link"):
            assert client(f"/static/{name}").from_app
    assert len(caplog.records) == 4


@MODES
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("broken", id="whitenoise-41 a broken link"),
        pytest.param("circle", id="whitenoise-42 a link to itself"),
        pytest.param("bytes", id="whitenoise-166 a name that is not UTF-8"),
        pytest.param("vanished", id="whitenoise-604 an entry that vanishes while it is read"),
        pytest.param("refused", id="whitenoise-605 a directory that may not be read"),
    ],
)
def test_the_start(tmp_path: Path, mode: Any, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It neither hangs nor fails, and serves the rest."""
    write(tmp_path / "a.txt", "a")
    write(tmp_path / "d" / "b.txt", "b")
    scandir = os.scandir

    def reading(path: bytes) -> Any:
        if kind == "refused" and path.endswith(b"/d"):
            raise PermissionError(13, "Permission denied")
        listed = scandir(path)
        if kind == "vanished" and (tmp_path / "d").exists():
            (tmp_path / "d" / "b.txt").unlink()
            (tmp_path / "d").rmdir()
        return listed

    if kind in ("broken", "circle"):
        os.symlink("none" if kind == "broken" else "link", tmp_path / "link")
    elif kind == "bytes":
        with open(os.path.join(os.fsencode(tmp_path), b"\xff.txt"), "wb"):
            pass
    else:
        monkeypatch.setattr(os, "scandir", reading)
    client = static(tmp_path, mode=mode)
    assert client("/static/a.txt").body == b"a"
    assert client("/static/link").from_app


@MODES
def test_a_fifo_that_took_the_place_of_a_file(tmp_path: Path, mode: Any) -> None:
    path = write(tmp_path / "a.bin", b"x" * LARGE)
    client = static(tmp_path, mode=mode)
    assert client("/static/a.bin").status == 200
    path.unlink()
    os.mkfifo(path)
    assert client("/static/a.bin").from_app
    assert client("/static/a.bin").from_app


# Several roots


@MODES
def test_the_first_root_wins(tmp_path: Path, mode: Any) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write(one / "a.txt", "1")
    write(two / "a.txt", "2")
    write(two / "b.txt", "2")
    write(two / "d" / "c.txt", "2")
    write(two / "cafe\u0301", "2")
    client = static([one, two], mode=mode)
    assert [client(f"/static/{n}").body for n in ("a.txt", "b.txt", "d/c.txt")] == [
        b"1",
        b"2",
        b"2",
    ]
    assert client("/static/" + "caf\u00e9".encode().decode("latin-1")).body == b"2"
    write(one / "b.txt", "1")
    write(one / "d" / "c.txt", "1")
    expected = b"1" if mode == "check" else b"2"
    assert client("/static/b.txt").body == expected
    assert client("/static/d/c.txt").body == expected
    (one / "a.txt").unlink()
    assert client("/static/a.txt").body == (b"2" if mode == "check" else b"1")


def test_prefixes(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "a")
    for prefix in ("/", "", "/a/b", "/a/b/", "/é"):
        client = static(tmp_path, prefix=prefix)
        path = f"{prefix.rstrip('/')}/a.txt".encode().decode("latin-1")
        assert client(path).body == b"a"
        assert client("/other").from_app


# The functions


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("a.css", "a.~{}.css", id="an extension"),
        pytest.param("d.d/a.min.css", "d.d/a.min.~{}.css", id="the last of two"),
        pytest.param("LICENSE", "LICENSE.~{}", id="none"),
        pytest.param("d.x/LICENSE", "d.x/LICENSE.~{}", id="none below a dot"),
        pytest.param(".htaccess", ".htaccess.~{}", id="a dotfile"),
        pytest.param("a.", "a.~{}.", id="a dot at the end"),
    ],
)
def test_tagged(name: str, expected: str) -> None:
    tag = "0123456789abcd_-"
    form = expected.format(tag)
    assert tagged(name, tag) == form
    assert untagged(form) == (name, tag)


@law
@given(st.text(alphabet="ab./~-", min_size=1, max_size=12))
def test_a_tag_goes_in_and_comes_out(name: str) -> None:
    """For every name whose last segment is not empty."""
    tag = "0123456789abcd_-"
    if not name.endswith("/"):
        assert untagged(tagged(name, tag)) == (name, tag)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("a.css", id="plain"),
        pytest.param("a.~0123456789abcd_.css", id="15 characters"),
        pytest.param("a.~0123456789abcd_-x.css", id="17 characters"),
        pytest.param("a.~0123456789abcd*-.css", id="not of base64url"),
        pytest.param("a.~0123456789abcd_-.b.css", id="not before the last extension"),
        pytest.param("a.~0123456789abcd_-/b.css", id="of a directory"),
        pytest.param("d/.~0123456789abcd_-.css", id="of no name"),
        pytest.param(".~0123456789abcd_-", id="alone"),
        pytest.param("~" * 100_000, id="long"),
    ],
)
def test_what_is_not_tagged(path: str) -> None:
    assert untagged(path) is None


def test_composed() -> None:
    assert composed("a") is None
    assert composed("\xff") is None
    assert composed("\xc3\xa9") is None


def test_nearest() -> None:
    assert nearest("zzz", ["css/app.css"]) is None
    many = [f"a/{n}.css" for n in range(6000)]
    assert nearest("a/77.cs", ["b.css", *many]) is not None


def test_the_inner_app_sees_an_untouched_environ(root: Path) -> None:
    client = static(root)
    answer = client("/about")
    assert set(answer.environ) - set(client("/static/a.txt").environ) == {"wsgimw.static"}
    assert inner(answer.environ, lambda *head: None)
