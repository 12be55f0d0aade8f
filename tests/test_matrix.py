"""Servers x frameworks: bare and behind the whole stack they agree, but for what is known."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from tests.matrix import checks
from tests.matrix.apps import FRAMEWORKS, here
from tests.matrix.checks import CHECKS, Check, Difference, Pairs, Sent, compare, judge, judge_line
from tests.matrix.known import BROKEN, DIFFERENCES, NEED_PORTABLE, Known
from tests.matrix.page import BEGIN, END, names, tables
from tests.matrix.running import prepare, run, stale, unknown, verdict
from tests.matrix.wire import Answer, body_so_far, is_whole, parse
from tests.servers import SERVERS, running
from tests.serving import serving
from tests.venvs import ROOT

P = pytest.param


def frameworks() -> list[str]:
    """Return those that are here; in CI all must be."""
    missing = sorted({*FRAMEWORKS} - {*here()})
    if missing and os.environ.get("CI"):
        pytest.fail(f"not installed: {', '.join(missing)}")
    return here()


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVERS)
def test_bare_and_wrapped_agree(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATRIX_ROOM", str(tmp_path))
    prepare(tmp_path)
    present = frameworks()
    pairs = run(name, running(name, "tests.matrix.served:application"), tmp_path, present)
    assert verdict(name, pairs, present) == []
    sent = sum(len(check.codings) for check in CHECKS) * len(present)
    assert len(pairs.sent) == sent * len(pairs.variants)
    if name in NEED_PORTABLE:
        # Portable without its option for chunks mends all the rest.
        left = {one.check for one in pairs.broken} - {one.check for one in pairs.mended}
        assert left <= {"chunked upload"}


@pytest.mark.slow
@pytest.mark.parametrize("name", NEED_PORTABLE)
def test_without_portable_they_do_not(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the docs say of the servers that need it is still so."""
    monkeypatch.setenv("MATRIX_ROOM", str(tmp_path))
    prepare(tmp_path)
    broken = {"granian": ("page", "coding"), "hypercorn": ("204", "request id")}
    with running(name, "tests.matrix.served:application") as server:
        pairs = Pairs(server.port, tmp_path, ("wrapped",))
        pairs.run(["flask"], tuple(check for check in CHECKS if check.name == broken[name][0]))
    assert broken[name] in {(one.check, one.what) for one in pairs.differences}


LAUNCHED = {
    "gunicorn factory": (
        *("gunicorn", "--no-control-socket", "--bind", "127.0.0.1:0", "--threads", "4"),
        "tests.matrix.launched:create()",
    ),
    "flask run": ("flask", "--app", "tests.matrix.launched:create", "run", "--port", "0"),
    "runserver": ("django", "runserver", "--noreload", "127.0.0.1:0"),
}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHED)
def test_by_the_command_of_the_framework(
    launcher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATRIX_ROOM", str(tmp_path))
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.matrix.launched")
    prepare(tmp_path)
    server, framework = {
        "gunicorn factory": ("gunicorn gthread", "flask"),
        "flask run": ("werkzeug", "flask"),
        "runserver": ("runserver", "django"),
    }[launcher]
    pairs = run(server, serving(*LAUNCHED[launcher]), tmp_path, [framework], prefix="")
    assert unknown(server, pairs.differences, DIFFERENCES) == []
    assert {one.check for one in pairs.broken} <= {"chunked upload", "HEAD"}
    assert len(pairs.sent) > 60


PREFIXED = {"gunicorn": "gunicorn gthread", "waitress": "waitress", "cheroot": "cheroot"}


@pytest.mark.slow
@pytest.mark.parametrize("name", PREFIXED)
def test_below_the_prefix_of_a_server(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATRIX_ROOM", str(tmp_path))
    prepare(tmp_path)
    server = serving("tests.matrix.prefixed", name)
    pairs = run(PREFIXED[name], server, tmp_path, ["flask"], prefix="/mounted")
    assert unknown(PREFIXED[name], pairs.differences, DIFFERENCES) == []
    assert unknown(PREFIXED[name], pairs.broken, BROKEN) == []
    where = [sent.answer for sent in pairs.sent.values() if sent.check.name == "mount prefix"]
    assert [checks.in_json(answer.content) for answer in where] == [
        {"script": "/mounted", "path": "/where"}
    ] * 2


def test_the_docs_have_the_tables() -> None:
    page = (ROOT / "docs" / "matrix.md").read_text()
    assert page[page.index(BEGIN) : page.index(END) + len(END)] == tables()


# The parts that judge.

PAGE = Check("page", "/page", content=b"hello")
SOUND = Answer(
    200,
    "OK",
    [("content-type", "text/html"), ("content-length", "5"), ("etag", '"a"')],
    b"hello",
    "length",
)
WRAPPED = Answer(
    200,
    "OK",
    [*SOUND.fields, ("x-request-id", "1"), ("vary", "Accept-Encoding, Authorization")],
    b"hello",
    "length",
)


def changed(answer: Answer, **fields: object) -> Answer:
    """The same answer with something else in it."""
    names = ("status", "reason", "fields", "content", "framing", "fault")
    return Answer(*[fields.get(name, getattr(answer, name)) for name in names])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bare", "wrapped", "found"),
    [
        P(SOUND, WRAPPED, [], id="agree"),
        P(SOUND, SOUND, ["request id"], id="no id"),
        P(SOUND, changed(WRAPPED, status=404), ["status"], id="status"),
        P(SOUND, changed(WRAPPED, reason=""), ["reason"], id="reason"),
        P(SOUND, changed(WRAPPED, content=b"hell"), ["content"], id="content"),
        P(SOUND, changed(WRAPPED, framing="chunked"), ["framing"], id="framing"),
        P(SOUND, changed(WRAPPED, fault="cut"), ["fault"], id="cut"),
        P(SOUND, changed(WRAPPED, fields=WRAPPED.fields[1:]), ["fields"], id="a field lost"),
        P(
            SOUND,
            changed(WRAPPED, fields=[*WRAPPED.fields, ("etag", '"a"')]),
            ["fields"],
            id="a field doubled",
        ),
        P(
            changed(SOUND, fields=[*SOUND.fields, ("vary", "Cookie")]),
            WRAPPED,
            ["fields"],
            id="Vary lost",
        ),
        P(
            SOUND,
            changed(
                WRAPPED,
                fields=[*WRAPPED.fields, ("content-encoding", "gzip")],
                content=gzip.compress(b"hello"),
            ),
            ["coding"],
            id="coded, and not asked for",
        ),
    ],
)
def test_compare(bare: Answer, wrapped: Answer, found: list[str]) -> None:
    assert [what for what, _, _ in compare(PAGE, "", bare, wrapped)] == found


def test_an_answer_of_catch_errors_is_compared_by_its_status() -> None:
    error = Check("error", "/error", status=500)
    ours = changed(
        WRAPPED, status=500, fields=[("x-request-id", "1"), ("x-error-fingerprint", "2")]
    )
    assert list(compare(error, "", changed(SOUND, status=500), ours)) == []
    assert [what for what, _, _ in compare(error, "", SOUND, ours)] == ["status"]


@pytest.mark.parametrize(
    ("check", "answer", "found"),
    [
        P(PAGE, SOUND, [], id="sound"),
        P(PAGE, changed(SOUND, status=500), ["status"], id="status"),
        P(PAGE, changed(SOUND, fault="cut"), ["framing"], id="framing"),
        P(PAGE, changed(SOUND, content=b""), ["content"], id="content"),
        P(Check("JSON", "/", json=[1]), changed(SOUND, content=b"[1]"), [], id="JSON"),
        P(Check("JSON", "/", json=[1]), SOUND, ["content"], id="no JSON"),
        P(Check("204", "/", status=204), changed(SOUND, status=204), ["length"], id="length"),
    ],
)
def test_judge(check: Check, answer: Answer, found: list[str]) -> None:
    assert [what for what, _, _ in judge(check, "raw", answer)] == found


LINE = {"status": 200, "request_id": "1", "outcome": "complete", "bytes": 5}


@pytest.mark.parametrize(
    ("check", "line", "found"),
    [
        P(PAGE, LINE, [], id="true"),
        P(PAGE, LINE | {"status": 500}, ["logged status"], id="status"),
        P(PAGE, LINE | {"request_id": "2"}, ["logged id"], id="id"),
        P(PAGE, LINE | {"bytes": 4}, ["logged bytes"], id="bytes"),
        P(PAGE, LINE | {"outcome": "not_closed"}, ["outcome"], id="outcome"),
        P(PAGE, LINE | {"outcome": "handed_off", "bytes": 4}, [], id="handed off"),
        P(checks.ABORTED, LINE, ["outcome"], id="nobody saw the client go"),
        P(checks.ABORTED, LINE | {"outcome": "client_gone"}, [], id="client gone"),
    ],
)
def test_judge_line(check: Check, line: dict[str, object], found: list[str]) -> None:
    sent = Sent("wrapped", "raw", check, "", WRAPPED)
    assert [what for what, _, _ in judge_line(sent, line)] == found


def test_lines_are_counted(tmp_path: Path) -> None:
    pairs = Pairs(0, tmp_path)
    pairs.sent = {n: Sent("wrapped", "raw", PAGE, "", WRAPPED) for n in (1, 2, 3)}
    line = '{"user_agent": "matrix/%d", "status": 200, "request_id": "1", "outcome": "complete", '
    line += '"bytes": 5}\n'
    pairs.lines(line % 1 + line % 2 + line % 2)
    assert [(one.what, one.wrapped) for one in pairs.differences] == [
        ("log lines", 2),
        ("log lines", 0),
    ]
    with pytest.raises(AssertionError, match="no request through the stack"):
        pairs.lines(line % 7)


def test_what_has_no_row_and_what_no_longer_comes_true() -> None:
    row = Known(("waitress",), ("raw", "flask"), "HEAD", ("fault",), "seen", "why")
    seen = Difference("wrapped", "raw", "HEAD", "gzip", "fault", "", "bytes")
    other = Difference("wrapped", "raw", "page", "", "status", 200, 500)
    assert unknown("waitress", [seen, other], (row,)) == [str(other)]
    assert unknown("cheroot", [seen], (row,)) == [str(seen)]
    assert list(stale("waitress", ["raw", "flask"], [seen], (row,))) == [
        "waitress, flask, HEAD: not seen: seen"
    ]
    assert not list(stale("cheroot", ["raw"], [], (row,)))
    assert str(seen) == "wrapped raw, HEAD, gzip: fault: '' / 'bytes'"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        P(SERVERS, "all", id="all"),
        P(SERVERS[1:], "all but wsgiref", id="all but one"),
        P(("wsgiref", "cheroot"), "wsgiref, cheroot", id="two"),
    ],
)
def test_names(given: tuple[str, ...], text: str) -> None:
    assert names(given, SERVERS) == text


HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
NONE = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize(
    ("received", "method", "content", "framing", "fault"),
    [
        P(HEAD + b"5\r\nhello\r\n0\r\n\r\n", "GET", b"hello", "chunked", "", id="chunked"),
        P(HEAD + b"5\r\nhel", "GET", b"hel", "chunked", "cut", id="a chunk cut"),
        P(HEAD + b"5\r\nhello\r\n", "GET", b"hello", "chunked", "cut", id="no end"),
        P(HEAD + b"0\r\n\r\nx", "GET", b"", "chunked", "more bytes", id="more chunks"),
        P(HEAD + b"0\r\n\r\n", "HEAD", b"", "chunked", "bytes without a body", id="HEAD"),
        P(HEAD, "HEAD", b"", "chunked", "", id="HEAD alone"),
        P(LENGTH + b"hello", "GET", b"hello", "length", "", id="length"),
        P(LENGTH + b"hell", "GET", b"hell", "length", "cut", id="cut"),
        P(LENGTH + b"hellos", "GET", b"hello", "length", "more bytes", id="more"),
        P(NONE, "GET", b"", "close", "", id="204"),
        P(NONE + b"x", "GET", b"", "close", "bytes without a body", id="204 with more"),
        P(b"HTTP/1.0 200 OK\r\n\r\nhello", "GET", b"hello", "close", "", id="close"),
        P(b"hello", "GET", b"hello", "none", "no answer", id="nothing"),
    ],
)
def test_parse(received: bytes, method: str, content: bytes, framing: str, fault: str) -> None:
    answer = parse(received, method)
    assert (answer.content, answer.framing, answer.fault) == (content, framing, fault)
    whole = framing in ("length", "chunked") and not fault and method == "GET"
    assert is_whole(received, method) is whole


@pytest.mark.parametrize(
    ("received", "found"),
    [
        P(HEAD + b"5\r\nhello\r\n5\r\nwor", ("", b"hellowor"), id="chunked"),
        P(b"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\nxyz", ("gzip", b"xyz"), id="coded"),
    ],
)
def test_body_so_far(received: bytes, found: tuple[str, bytes]) -> None:
    assert body_so_far(received) == found
