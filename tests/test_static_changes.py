"""StaticFiles: files that are deleted, shrunk, grown, replaced, or swapped for links meanwhile."""

from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

import brotli
import pytest

from tests.static_site import (
    LARGE,
    OLD,
    OLD_DATE,
    gz,
    inner,
    open_files,
    settle,
    static,
    text,
    write,
)
from wsgimw import StaticFiles
from wsgimw.http.validators import content_tag
from wsgimw.static.bodies import FileBody, PromisedFile, ShortFile
from wsgimw.static.opening import Exhausted, Gone, Root

MODES = pytest.mark.parametrize("mode", ["check", "frozen"])
SIZES = pytest.mark.parametrize("size", [10, 3000, LARGE * 2], ids=["small", "text", "large"])
SECRET = b"TOP SECRET" * 20_000


def fields_of(answer: Any) -> tuple[Any, ...]:
    return answer.status, answer["ETag"], answer["Content-Length"], answer.body


@SIZES
@pytest.mark.parametrize("settled", [True, False], ids=["old", "just written"])
def test_check_mode_is_always_fresh(tmp_path: Path, size: int, settled: bool) -> None:
    """whitenoise-18, -19: also when size and time of the change tell nothing."""
    client = static(tmp_path)
    for letter in "abcdef":
        write(
            tmp_path / "a.css", text(size, letter), mtime=None if not settled else OLD + ord(letter)
        )
        for accept in ("", "gzip"):
            answer = client("/static/a.css", accept_encoding=accept)
            if not answer["Content-Encoding"]:
                assert answer.body == text(size, letter)
            if size <= 3000:
                assert str(answer["ETag"]).startswith(f'"{content_tag(answer.body)}')


@MODES
@pytest.mark.parametrize("memory", [32 * 2**20, 0], ids=["held", "not held"])
@SIZES
@pytest.mark.parametrize(
    "change", ["deleted", "shrunk", "grown", "replaced", "emptied", "a directory", "a link outside"]
)
def test_a_change_between_two_requests(
    tmp_path: Path, mode: Any, memory: int, size: int, change: str
) -> None:
    """WhiteNoise gives a 500 or a wrong length. Never that, in either mode."""
    root = tmp_path / "public"
    old = text(size)
    path = write(root / "a.css", old)
    write(tmp_path / "secret", SECRET)
    settle(root)
    client = static(root, mode=mode, memory=memory)
    first = client("/static/a.css")
    assert first.body == old
    new: bytes | None = old
    if change == "deleted":
        path.unlink()
        new = None
    elif change in ("shrunk", "grown", "emptied"):
        new = {"shrunk": old[: size // 2], "grown": old * 2, "emptied": b""}[change]
        write(path, new, mtime=OLD + 9)
    elif change == "replaced":
        new = text(size, "b")
        write(root / "tmp", new, mtime=OLD + 9)
        os.replace(root / "tmp", path)
    elif change == "a directory":
        path.unlink()
        path.mkdir()
        new = None
    else:
        path.unlink()
        os.symlink(tmp_path / "secret", path)
        new = None
    frozen_and_held = mode == "frozen" and memory and size <= 64 * 1024
    for method in ("GET", "GET"):
        answer = client("/static/a.css", method)
        if frozen_and_held:
            assert fields_of(answer) == fields_of(first)
        elif new is None:
            assert answer.from_app
        else:
            assert (answer.status, answer.body) == (200, new)
            assert answer["ETag"] != first["ETag"]
    if new is not None and not frozen_and_held:
        part = client("/static/a.css", range="bytes=0-0")
        assert part.body == new[:1]


@pytest.mark.parametrize("size", [10, LARGE])
def test_a_link_that_is_turned_outside(tmp_path: Path, size: int) -> None:
    """The path leads elsewhere by the time it is opened: also by a directory above it."""
    root, other = tmp_path / "public", tmp_path / "other"
    write(root / "v1" / "a.bin", b"1" * size)
    write(root / "v2" / "a.bin", b"2" * size)
    write(other / "a.bin", b"S" * size)
    os.symlink("v1", root / "now")
    for mode in ("check", "frozen"):
        client = static(root, mode=mode, memory=0)
        assert client("/static/now/a.bin").body == b"1" * size
        for target, expected in (("v2", b"2" * size), (str(other), None), ("v1", b"1" * size)):
            os.unlink(root / "now")
            os.symlink(target, root / "now")
            answer = client("/static/now/a.bin")
            if expected is None:
                assert answer.from_app
                if mode == "frozen":
                    break
            else:
                assert answer.body == expected
        os.unlink(root / "now")
        os.symlink("v1", root / "now")


def test_a_file_that_is_moved_out_and_linked(tmp_path: Path) -> None:
    """The same inode, size and time; its real path is outside all the same."""
    root = tmp_path / "public"
    path = write(root / "a.bin", b"x" * LARGE)
    client = static(root, mode="frozen")
    assert client("/static/a.bin").status == client("/static/a.bin").status == 200
    os.rename(path, tmp_path / "moved.bin")
    os.symlink(tmp_path / "moved.bin", path)
    assert client("/static/a.bin").from_app


def test_a_directory_that_is_moved_out_and_linked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files did not change; the place is asked again after a second."""
    from wsgimw.static import opening

    root = tmp_path / "public"
    write(root / "d" / "a.bin", b"x" * LARGE)
    client = static(root, mode="frozen")
    assert client("/static/d/a.bin").status == 200
    os.rename(root / "d", tmp_path / "moved")
    os.symlink(tmp_path / "moved", root / "d")
    later = time.monotonic() + 1.5
    monkeypatch.setattr(opening, "monotonic", lambda: later)
    assert client("/static/d/a.bin").from_app


def test_a_root_that_is_swapped(tmp_path: Path) -> None:
    """A deployment turns the link that the root is."""
    for release in "12":
        write(tmp_path / release / "a.txt", release)
        write(tmp_path / release / "big.bin", release * LARGE)
        write(tmp_path / release / f"only{release}.txt", release)
        settle(tmp_path / release)
    os.symlink("1", tmp_path / "current")
    client = static(tmp_path / "current")
    assert client("/static/a.txt").body == b"1"
    assert client("/static/big.bin").body == b"1" * LARGE
    os.symlink("2", tmp_path / "next")
    os.replace(tmp_path / "next", tmp_path / "current")
    assert client("/static/a.txt").body == b"2"
    assert client("/static/big.bin").body == b"2" * LARGE
    assert client("/static/only2.txt").body == b"2"
    assert client("/static/only1.txt").from_app


def test_a_root_that_comes_and_goes(tmp_path: Path) -> None:
    root = tmp_path / "public"
    client = static(root)
    for _ in range(2):
        write(root / "d" / "a.txt", "x")
        assert client("/static/d/a.txt").body == b"x"
        os.rename(root, tmp_path / f"old{time.monotonic_ns()}")
        assert client("/static/d/a.txt").from_app
        assert client("/static/d/b.txt").from_app


def test_new_names_are_found(tmp_path: Path) -> None:
    """servestatic-74: without a restart, at any depth, and nothing is read that did not change."""
    write(tmp_path / "d" / "a.txt", "a")
    settle(tmp_path)
    client = static(tmp_path)
    assert client("/static/d/b.txt").from_app
    write(tmp_path / "d" / "b.txt", "b")
    assert client("/static/d/b.txt").body == b"b"
    write(tmp_path / "n" / "e" / "w" / "c.txt", "c")
    assert client("/static/n/e/w/c.txt").body == b"c"
    (tmp_path / "d" / "a.txt").unlink()
    assert client("/static/d/a.txt").from_app
    os.rename(tmp_path / "n", tmp_path / "m")
    assert client("/static/n/e/w/c.txt").from_app
    assert client("/static/m/e/w/c.txt").body == b"c"


def test_a_directory_that_is_replaced(tmp_path: Path) -> None:
    write(tmp_path / "d" / "e" / "a.txt", "1")
    client = static(tmp_path)
    assert client("/static/d/e/a.txt").body == b"1"
    write(tmp_path / "x" / "e" / "b.txt", "2")
    os.rename(tmp_path / "d", tmp_path / "y")
    os.rename(tmp_path / "x", tmp_path / "d")
    settle(tmp_path)
    assert client("/static/d/e/b.txt").body == b"2"
    assert client("/static/d/e/a.txt").from_app


def test_kinds_that_change(tmp_path: Path) -> None:
    client = static(tmp_path, index="index.html")
    for _ in range(2):
        write(tmp_path / "d" / "index.html", "page")
        assert client("/static/d/").body == b"page"
        assert client("/static/d").status == 302
        (tmp_path / "d" / "index.html").unlink()
        (tmp_path / "d").rmdir()
        write(tmp_path / "d", "a file")
        assert client("/static/d/").from_app
        client("/static/none")
        assert client("/static/d", "HEAD").status == 200
        (tmp_path / "d").unlink()
        assert client("/static/d").from_app


def test_settled_directories_are_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "d" / "a.txt", "a")
    settle(tmp_path)
    client = static(tmp_path)
    read: list[object] = []
    scandir = os.scandir

    def reading(path: bytes) -> Any:
        read.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", reading)
    for path in ("/static/none", "/static/d/none", "/static/d/x/y/z", "/other"):
        assert client(path).from_app
    assert read == []
    write(tmp_path / "d" / "b.txt", "b")  # younger than two seconds: read each time
    for _ in range(2):
        client("/static/d/none")
    assert len(read) == 2


def test_frozen_mode_stats_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.css", text(3000))
    client = static(tmp_path, mode="frozen")
    client("/static/a.css", accept_encoding="gzip")
    client("/static/a.css")

    def refuse(*args: object, **options: object) -> Any:
        raise AssertionError("asked the disk")

    for name in ("stat", "lstat", "open", "scandir"):
        monkeypatch.setattr(os, name, refuse)
    for fields in ({}, {"accept_encoding": "gzip"}, {"range": "bytes=0-9"}, {"if_none_match": "*"}):
        assert client.app is not None
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/static/a.css"}
        environ |= {f"HTTP_{k.upper()}": v for k, v in fields.items()}
        client.app(environ, lambda *head: None)
    client.app({"REQUEST_METHOD": "GET", "PATH_INFO": "/static/none"}, lambda *head: None)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_nothing_is_opened_for_a_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """HEAD, 304, 412, 416."""
    write(tmp_path / "a.bin", b"x" * LARGE)
    client = static(tmp_path)
    tag = str(client("/static/a.bin", "HEAD")["ETag"])

    def refuse(*args: object, **options: object) -> Any:
        raise AssertionError("opened")

    monkeypatch.setattr(os, "open", refuse)
    if method == "HEAD":
        assert client("/static/a.bin", "HEAD").status == 200
    assert client("/static/a.bin", method, if_none_match=tag).status == 304
    assert client("/static/a.bin", method, if_modified_since=OLD_DATE).status == 304
    assert client("/static/a.bin", method, if_match='"x"').status == 412
    if method == "GET":
        assert client("/static/a.bin", range="bytes=999999-").status == 416


# Siblings


@pytest.mark.parametrize(
    ("case", "coding"),
    [
        pytest.param("fresh", "gzip", id="fresh"),
        pytest.param("older", None, id="older than its source"),
        pytest.param("another", None, id="ISIZE of another content"),
        pytest.param("larger", None, id="not smaller"),
        pytest.param("directory", None, id="a directory"),
        pytest.param("empty", None, id="empty"),
        pytest.param("three bytes", None, id="three bytes"),
        pytest.param("younger", "gzip", id="younger than its source"),
    ],
)
@MODES
def test_a_sibling_that_counts(tmp_path: Path, mode: Any, case: str, coding: str | None) -> None:
    data = text(3000)
    write(tmp_path / "a.css", data)
    coded = gz(data)
    match case:
        case "older":
            write(tmp_path / "a.css.gz", coded, mtime=OLD - 1)
        case "another":
            write(tmp_path / "a.css.gz", gz(data + b"x"))
        case "larger":
            write(tmp_path / "a.css.gz", coded + bytes(3000) + coded[-4:])
        case "directory":
            (tmp_path / "a.css.gz").mkdir()
        case "empty":
            write(tmp_path / "a.css.gz", b"")
        case "three bytes":
            write(tmp_path / "a.css.gz", b"abc")
        case "younger":
            write(tmp_path / "a.css.gz", coded, mtime=OLD + 1)
        case _:
            write(tmp_path / "a.css.gz", coded)
    client = static(tmp_path, mode=mode, compress=False)
    answer = client("/static/a.css", accept_encoding="gzip")
    assert (answer["Content-Encoding"], answer["Vary"]) == (
        coding,
        "Accept-Encoding" if coding else None,
    )
    assert answer.body == (coded if coding else data)
    off = static(tmp_path, mode=mode, compress=False, precompressed=False)
    assert off("/static/a.css", accept_encoding="gzip").body == data
    if coding:
        own = client("/static/a.css.gz", accept_encoding="gzip")
        assert (own["Content-Type"], own["Content-Encoding"]) == ("application/gzip", None)


def test_a_source_that_changes_under_its_sibling(tmp_path: Path) -> None:
    data = text(3000)
    write(tmp_path / "a.css", data)
    write(tmp_path / "a.css.gz", gz(data))
    client = static(tmp_path, compress=False)
    assert client("/static/a.css", accept_encoding="gzip")["Content-Encoding"] == "gzip"
    write(tmp_path / "a.css", text(3000, "b"), mtime=OLD + 5)
    answer = client("/static/a.css", accept_encoding="gzip")
    assert (answer["Content-Encoding"], answer.body) == (None, text(3000, "b"))
    write(tmp_path / "a.css.gz", gz(text(3000, "b")), mtime=OLD + 5)
    os.utime(tmp_path / "a.css", (OLD + 4, OLD + 4))
    assert client("/static/a.css", accept_encoding="gzip")["Content-Encoding"] == "gzip"


@MODES
@pytest.mark.parametrize("change", ["deleted", "replaced", "shrunk"])
def test_a_large_sibling_that_changes(tmp_path: Path, mode: Any, change: str) -> None:
    data = os.urandom(LARGE * 2)
    source = data + bytes(10_000)
    write(tmp_path / "a.css", source)
    path = write(tmp_path / "a.css.br", brotli.compress(source, quality=1))
    client = static(tmp_path, mode=mode)
    first = client("/static/a.css", "HEAD", accept_encoding="br")
    assert first["Content-Encoding"] == "br"
    if change == "deleted":
        path.unlink()
    else:
        new = brotli.compress(source, quality=5) if change == "replaced" else b"x" * (LARGE + 1)
        write(path, new, mtime=OLD + 5)
    before = open_files()
    heads: list[dict[str, str]] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/static/a.css", "HTTP_ACCEPT_ENCODING": "br"}
    raw = client.app(environ, lambda status, head: heads.append(dict(head)))
    body = b"".join(raw)
    raw.close()
    assert heads[0]["Content-Length"] == str(len(body))
    if change == "deleted":
        assert "Content-Encoding" not in heads[0] and body == source
    elif change == "replaced":
        assert brotli.decompress(body) == source
    assert open_files() == before


def test_siblings_that_cannot_be_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = text(3000)
    write(tmp_path / "a.css", data)
    path = write(tmp_path / "a.css.gz", gz(data))
    write(tmp_path / "b.css", data)
    write(tmp_path / "longer", text(4000))
    os.symlink("longer", tmp_path / "b.css.gz")
    coded = {"accept_encoding": "gzip"}
    assert static(tmp_path, compress=False)("/static/b.css", **coded).body == data
    with monkeypatch.context() as patched:
        refuse(patched, "pread", errno.EIO, b"a.css.gz")
        assert static(tmp_path, compress=False)("/static/a.css", **coded).body == data
    for call in ("open", "pread"):
        client = static(tmp_path, compress=False)
        with monkeypatch.context() as patched:
            refuse(patched, call, errno.EMFILE, b"a.css.gz")
            assert client("/static/a.css", **coded).status == 503  # not remembered as missing
        assert client("/static/a.css", **coded).body == gz(data)
    pread = os.pread

    def torn(fd: int, size: int, place: int) -> bytes:
        found = pread(fd, size, place)
        if found == gz(data):
            os.utime(path, (OLD + 7, OLD + 7))
        return found

    client = static(tmp_path, compress=False)
    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", torn)
        assert client("/static/a.css", **coded).body == data


def test_short_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some filesystems give less than was asked for."""
    write(tmp_path / "a.txt", text(3000))
    client = static(tmp_path)
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, size, place: pread(fd, min(size, 1000), place))
    assert client("/static/a.txt").body == text(3000)


def test_what_is_opened_is_closed_whatever_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.txt", "a")
    client = static(tmp_path)

    def broken(*args: Any) -> Any:
        raise RuntimeError("broken")

    before = open_files()
    monkeypatch.setattr(os, "pread", broken)
    with pytest.raises(RuntimeError):
        client("/static/a.txt")
    assert open_files() == before


def test_a_sibling_and_a_file_that_vanish_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stat found it; the open does not."""
    path = write(tmp_path / "a.bin", b"x" * LARGE)
    client = static(tmp_path)
    assert client("/static/a.bin").status == 200
    reopen = Root.reopen

    def vanishing(self: Root, promise: Any) -> int:
        path.unlink(missing_ok=True)
        return reopen(self, promise)

    monkeypatch.setattr(Root, "reopen", vanishing)
    assert client("/static/a.bin").from_app
    assert client("/static/a.bin").from_app


# Inside of one answer


def test_the_third_evaluation_needs_no_luck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer who replaces file and sibling at every chance: head and body are still one's."""
    sizes = iter(range(1, 1000))

    def replace_both() -> None:
        data = os.urandom(LARGE * 2) + bytes(10_000 + next(sizes))
        for name, content in (("a.bin", data), ("a.bin.br", brotli.compress(data, quality=1))):
            write(tmp_path / "tmp", content, mtime=OLD + next(sizes))
            os.replace(tmp_path / "tmp", tmp_path / name)
        os.utime(tmp_path / "a.bin", (OLD, OLD))

    replace_both()
    client = static(tmp_path, mode="frozen")
    reopen = Root.reopen

    def busy(self: Root, promise: Any) -> int:
        replace_both()
        return reopen(self, promise)

    monkeypatch.setattr(Root, "reopen", busy)
    for fields in ({"accept_encoding": "br"}, {}, {"range": "bytes=5-9"}):
        before = open_files()
        answer = client("/static/a.bin", **fields)
        assert answer.status == (206 if "range" in fields else 200)
        assert answer["Content-Length"] == str(len(answer.body))
        assert open_files() == before


def test_small_files_that_are_never_at_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(range(1, 1000))

    def replace() -> None:
        number = next(numbers)
        write(tmp_path / "a.bin", bytes([number % 256]) * number, mtime=OLD + number)

    replace()
    client = static(tmp_path, memory=0)
    reopen = Root.reopen

    def busy(self: Root, promise: Any) -> int:
        replace()
        return reopen(self, promise)

    monkeypatch.setattr(Root, "reopen", busy)
    for _ in range(5):
        answer = client("/static/a.bin")
        assert len(set(answer.body)) == 1
        assert answer["ETag"] == f'"{content_tag(answer.body)}"'
        answer = client("/static/a.bin", range="bytes=0-0")
        assert answer.status == 206


def test_a_write_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read is sent under its own length and tag, and not believed a second time."""
    path = write(tmp_path / "a.txt", "before")
    pread = os.pread

    def torn(fd: int, size: int, place: int) -> bytes:
        data = pread(fd, size, place)
        write(path, "after", mtime=OLD + 1)
        return data[:3] if place == 0 else b""

    client = static(tmp_path)
    monkeypatch.setattr(os, "pread", torn)
    answer = client("/static/a.txt")
    monkeypatch.undo()
    assert (answer.body, answer["Content-Length"]) == (b"bef", "3")
    assert client("/static/a.txt").body == b"after"


@pytest.mark.parametrize("wrapped", [False, True], ids=["our body", "a wrapper"])
@pytest.mark.parametrize("change", ["shrunk", "grown"])
def test_a_change_while_it_is_sent(tmp_path: Path, wrapped: bool, change: str) -> None:
    """Grown: no byte more than was said. Shrunk: it raises, so that the server aborts."""
    data = os.urandom(1_000_000)
    path = write(tmp_path / "a.bin", data)
    client = static(tmp_path)
    environ: dict[str, Any] = {"REQUEST_METHOD": "GET", "PATH_INFO": "/static/a.bin"}
    if wrapped:
        environ["wsgi.file_wrapper"] = FileWrapper
    body = client.app(environ, lambda *head: None)
    blocks = iter(body)
    got = next(blocks)
    with open(path, "r+b") as file:
        if change == "shrunk":
            file.truncate(300_000)
        else:
            file.seek(0, 2)
            file.write(b"more" * 1000)
    try:
        if change == "shrunk":
            with pytest.raises(ShortFile, match="1000000 were promised"):
                for block in blocks:
                    got += block
            assert got == data[:300_000]
        else:
            assert got + b"".join(blocks) == data
    finally:
        body.close()


@pytest.mark.slow
def test_readers_against_a_replacing_writer(tmp_path: Path) -> None:
    """Every answer is one version: its length, its tag, its bytes."""
    done = threading.Event()
    failures: list[object] = []

    def content(number: int) -> bytes:
        return bytes([number % 251]) * (1000 + number * 977 % 200_000)

    def write_on() -> None:
        number = 0
        while not done.is_set():
            number += 1
            (tmp_path / "tmp").write_bytes(content(number))
            os.replace(tmp_path / "tmp", tmp_path / "a.bin")

    write(tmp_path / "a.bin", content(0))
    app: Any = StaticFiles(str(tmp_path))(inner)

    def read_on() -> None:
        for number in range(400):
            environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/static/a.bin"}
            if number % 2:
                environ["HTTP_RANGE"] = "bytes=100-"
            heads: list[Any] = []
            body = app(environ, lambda *head: heads.append(head))  # noqa: B023
            data = b"".join(body)
            if hasattr(body, "close"):
                body.close()
            status, head = heads[0][0], dict(heads[0][1])
            if status[:3] not in ("200", "206") or head["Content-Length"] != str(len(data)):
                failures.append((heads, len(data)))
            elif len(set(data)) != 1:
                failures.append("two versions in one answer")

    writer = threading.Thread(target=write_on)
    readers = [threading.Thread(target=read_on) for _ in range(3)]
    for thread in (writer, *readers):
        thread.start()
    for thread in readers:
        thread.join()
    done.set()
    writer.join()
    assert not failures


# When the operating system says no


@pytest.mark.parametrize(
    "number", [errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG]
)
@MODES
@pytest.mark.parametrize("call", ["open", "fstat", "pread"])
def test_a_file_that_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Any, number: int, call: str
) -> None:
    write(tmp_path / "a.bin", b"x" * 100)
    client = static(tmp_path, mode=mode)
    refuse(monkeypatch, call, number, b"a.bin")
    before = open_files()
    assert client("/static/a.bin").from_app
    assert client("/static/a.bin").from_app
    monkeypatch.undo()
    assert open_files() == before
    if mode == "check" or number == errno.EACCES:
        assert client("/static/a.bin").body == b"x" * 100  # it may be there again


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
@MODES
@pytest.mark.parametrize("call", ["open", "fstat", "pread"])
def test_exhausted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Any, number: int, call: str
) -> None:
    write(tmp_path / "a.bin", b"x" * 100)
    client = static(tmp_path, mode=mode)
    refuse(monkeypatch, call, number, b"a.bin")
    answer = client("/static/a.bin")
    assert answer.line == "503 Service Unavailable"
    assert answer["Retry-After"] == "1"
    assert answer.body == b""
    monkeypatch.undo()
    assert client("/static/a.bin").status == 200


@pytest.mark.parametrize("call", ["scandir", "stat"])
def test_exhausted_while_directories_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """The index stays as it was."""
    write(tmp_path / "d" / "a.txt", "a")
    client = static(tmp_path)
    write(tmp_path / "d" / "b.txt", "b")
    refuse(monkeypatch, call, errno.EMFILE, b"d")
    assert client("/static/d/b.txt").status == 503
    monkeypatch.undo()
    assert client("/static/d/a.txt").body == b"a"
    assert client("/static/d/b.txt").body == b"b"


def test_exhausted_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "scandir", errno.EMFILE, os.fsencode(tmp_path.name))
    with pytest.raises(Exhausted):
        StaticFiles(str(tmp_path))(inner)


def test_an_unreadable_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "d" / "a.txt", "a")
    write(tmp_path / "b.txt", "b")
    refuse(monkeypatch, "scandir", errno.EACCES, b"d")
    client = static(tmp_path)
    assert client("/static/d/a.txt").from_app
    assert client("/static/b.txt").body == b"b"
    assert len(caplog.records) == 1
    monkeypatch.undo()
    assert client("/static/d/a.txt").body == b"a"


def refuse(monkeypatch: pytest.MonkeyPatch, call: str, number: int, name: bytes) -> None:
    """Have a system call fail for what is of that name."""
    real = getattr(os, call)

    def failing(what: Any, *args: Any, **options: Any) -> Any:
        path = what
        if isinstance(what, int):
            path = os.readlink(f"/proc/self/fd/{what}")
        if os.fsencode(path).endswith(b"/" + name):
            raise OSError(number, os.strerror(number))
        return real(what, *args, **options)

    monkeypatch.setattr(os, call, failing)


def test_without_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "public"
    write(root / "a.bin", b"x" * LARGE)
    write(tmp_path / "secret", SECRET)
    real = os.readlink

    def readlink(path: Any, **options: Any) -> Any:
        if b"/proc/" in os.fsencode(path):
            raise FileNotFoundError(errno.ENOENT, "no /proc")
        return real(path, **options)

    monkeypatch.setattr(os, "readlink", readlink)
    client = static(root, mode="frozen")
    assert client("/static/a.bin").body == b"x" * LARGE
    (root / "a.bin").unlink()
    os.symlink(tmp_path / "secret", root / "a.bin")
    assert client("/static/a.bin").from_app

    def exhausted(path: Any, **options: Any) -> Any:
        raise OSError(errno.ENOMEM, "no memory")

    monkeypatch.setattr(os, "readlink", exhausted)
    with pytest.raises(Exhausted):
        Root(str(root.parent), 0, False).open(os.fsencode(tmp_path / "secret"))


def test_replaced_while_it_is_followed_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.txt", "1")
    write(tmp_path / "b.txt", "2")

    def readlink(link: Any, **options: Any) -> Any:
        os.replace(tmp_path / "b.txt", path)
        raise FileNotFoundError(errno.ENOENT, "no /proc")

    root = Root(str(tmp_path), 0, False)
    monkeypatch.setattr(os, "readlink", readlink)
    with pytest.raises(Gone, match="replaced"):
        root.open(os.fsencode(path))


def test_the_root_may_be_the_root() -> None:
    root = Root("/", 0, False)
    fd, _ = root.open(b"/etc/hostname" if os.path.exists("/etc/hostname") else b"/etc/passwd")
    os.close(fd)


# Bodies


def test_a_body_of_parts(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bin", os.urandom(600_000))
    data = path.read_bytes()
    fd = os.open(path, os.O_RDONLY)
    body = FileBody(fd, [b"<", (0, 600_000), b">"])
    assert not hasattr(body, "fileno") and not hasattr(body, "__len__")
    blocks = list(body)
    assert b"".join(blocks) == b"<" + data + b">"
    assert max(map(len, blocks)) == 256 * 1024
    body.close()
    body.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
    assert list(body) == [b"<"]  # rule 26: nothing is read after it was closed


def test_closed_in_the_middle_and_never_started(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bin", b"x" * 600_000)
    before = open_files()
    body = FileBody(os.open(path, os.O_RDONLY), [(0, 600_000)])
    blocks = iter(body)
    next(blocks)
    body.close()
    assert list(blocks) == []
    FileBody(os.open(path, os.O_RDONLY), [(0, 600_000)]).close()
    dropped = FileBody(os.open(path, os.O_RDONLY), [(0, 600_000)])
    del dropped
    assert open_files() == before


def test_a_promised_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bin", b"0123456789")
    with PromisedFile(os.open(path, os.O_RDONLY), 6) as file:
        assert file.fileno() >= 0 and file.tell() == 0
        assert file.read(4) == b"0123"
        assert file.read(4) == b"45"
        assert file.read(4) == b""
        file.seek(0)
        assert file.read(None) == b"012345"
        file.seek(8)
        assert file.read() == b""
    with (
        PromisedFile(os.open(path, os.O_RDONLY), 12) as file,
        pytest.raises(ShortFile, match="12 were promised"),
    ):
        while file.read(4):
            pass


@pytest.mark.parametrize("wrapper", [False, True])
def test_a_server_that_refuses(tmp_path: Path, wrapper: bool) -> None:
    """Rule 28: what was opened is closed."""
    write(tmp_path / "a.bin", b"x" * LARGE)
    app: Any = StaticFiles(str(tmp_path))(inner)
    before = open_files()
    environ: dict[str, Any] = {"REQUEST_METHOD": "GET", "PATH_INFO": "/static/a.bin"}

    def refusing(*args: Any) -> Any:
        raise ValueError("refused")

    if wrapper:
        environ["wsgi.file_wrapper"] = refusing
    with pytest.raises(ValueError, match="refused"):
        app(environ, refusing if not wrapper else lambda *head: None)
    with pytest.raises(ValueError, match="refused"):
        app({**environ, "wsgi.file_wrapper": FileWrapper}, refusing)
    assert open_files() == before
