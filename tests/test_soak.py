"""The soak: one minute of it, that it finds what it looks for, and the parts that judge."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.soak import __main__ as command
from tests.soak.client import head_of, status_and_id
from tests.soak.ledger import MOST_PROBLEMS, Ledger
from tests.soak.requests import Plan, draw
from tests.soak.watch import FEWEST, Log, Sample, complaints, growth

P = pytest.param
HONEST = Plan("page", "/")
MB = 2**20


@pytest.mark.slow
def test_a_minute() -> None:
    assert command.soak("gunicorn", 60) == []


@pytest.mark.slow
def test_faults_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    """A run over a site that leaks, fails, complains, and logs twice."""
    found = "\n".join(command.soak("gunicorn", 6, application="tests.soak.faulty:application"))
    for fault in (
        "bytes more than before",
        "objects more than before",
        "has 2 lines",
        "status 503",
        "the server wrote: ValueError: nobody meant it",
    ):
        assert fault in found
    assert "problems" in capsys.readouterr().out


def entry_of(number: int, **fields: Any) -> str:
    """A line of the log."""
    entry = {
        "user_agent": f"soak/{number}",
        "status": 200,
        "request_id": "id",
        "outcome": "complete",
        "bytes": 5,
    }
    return json.dumps(entry | fields)


def answered(ledger: Ledger, plan: Plan = HONEST, status: int = 200, size: int | None = 5) -> int:
    """A request that got its answer."""
    number = ledger.number(plan)
    ledger.answered(plan, number, status, "id", size)
    return number


@pytest.mark.parametrize("first", [P("client", id="answer first"), P("line", id="line first")])
def test_a_line_that_fits(first: str) -> None:
    ledger = Ledger()
    if first == "client":
        ledger.line(entry_of(answered(ledger)))
    else:
        number = ledger.number(HONEST)
        ledger.line(entry_of(number))
        ledger.answered(HONEST, number, 200, "id", 5)
    ledger.finish()
    assert ledger.problems == []
    assert (ledger.counts["lines"], ledger.outcomes["complete"]) == (1, 1)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        P({"status": 404}, "the line has (404, 'id')", id="another status"),
        P({"request_id": "x"}, "the line has (200, 'x')", id="another id"),
        P({"bytes": 4}, "4 bytes on the line, 5 at the client", id="another size"),
        P({"outcome": "client_gone"}, "outcome client_gone", id="another outcome"),
        P({"outcome": "not_closed"}, "outcome not_closed", id="not closed"),
    ],
)
def test_a_line_that_does_not_fit(fields: dict[str, Any], problem: str) -> None:
    ledger = Ledger()
    ledger.line(entry_of(answered(ledger), **fields))
    assert [problem in found for found in ledger.problems] == [True]


def test_a_handed_off_file_has_no_size_of_its_own() -> None:
    ledger = Ledger()
    ledger.line(json.dumps(json.loads(entry_of(answered(ledger), outcome="handed_off"))))
    ledger.line(entry_of(answered(ledger), outcome="handed_off", bytes=None))
    assert ledger.problems == []


def test_no_line_and_too_many() -> None:
    ledger = Ledger()
    answered(ledger)
    twice = answered(ledger)
    ledger.line(entry_of(twice))
    ledger.line(entry_of(twice))
    ledger.line(entry_of(7))
    ledger.finish()
    assert len(ledger.problems) == 3
    assert "request 1 has 2 lines" in ledger.problems[0]
    assert "request 7, which was never sent" in ledger.problems[1]
    assert ledger.problems[2] == "page 0: no line"


@pytest.mark.parametrize(
    ("plan", "status", "identity", "is_problem"),
    [
        P(Plan("page"), 404, "id", True, id="another status"),
        P(Plan("page"), 200, None, True, id="not through the stack"),
        P(Plan("odd", status=()), 404, "id", False, id="hostile, refused"),
        P(Plan("odd", status=()), 500, "id", True, id="hostile, our error"),
        P(Plan("odd", status=()), 501, "id", True, id="hostile, our 501"),
        P(Plan("odd", status=()), 400, None, False, id="refused by the server"),
        P(Plan("odd", status=()), 501, None, False, id="not implemented by the server"),
        P(Plan("odd", status=()), 500, None, True, id="raised through the stack"),
        P(Plan("odd", status=()), 200, None, True, id="round the stack"),
        P(Plan("error", status=(500,)), 500, "id", False, id="meant"),
    ],
)
def test_statuses(plan: Plan, status: int, identity: str | None, is_problem: bool) -> None:
    ledger = Ledger()
    ledger.answered(plan, ledger.number(plan), status, identity, 0)
    assert bool(ledger.problems) is is_problem


@pytest.mark.parametrize("before", [P(True, id="line before"), P(False, id="line after")])
@pytest.mark.parametrize(("status", "is_problem"), [(200, False), (400, False), (500, True)])
def test_the_line_of_a_client_that_left(before: bool, status: int, is_problem: bool) -> None:
    ledger = Ledger()
    plan = Plan("leaves", leaves="body")
    number = ledger.number(plan)
    if before:
        ledger.line(entry_of(number, status=status, outcome="client_gone"))
    ledger.left(plan, number)
    if not before:
        ledger.line(entry_of(number, status=status, outcome="client_gone"))
    ledger.finish()
    assert bool(ledger.problems) is is_problem
    assert ledger.counts["left"] == 1


def test_a_failed_client() -> None:
    ledger = Ledger()
    for plan in (HONEST, Plan("odd", status=()), Plan("leaves", leaves="head")):
        ledger.failed(plan, ledger.number(plan), TimeoutError("late"))
    assert [problem.partition(" ")[0] for problem in ledger.problems] == ["page"]
    assert ledger.lag == 0


def test_lines_of_others_are_counted() -> None:
    ledger = Ledger()
    for text in ("", "{}", '{"user_agent": "curl"}', "[]"):
        ledger.line(text)
    assert ledger.counts["lines without a number"] == 4


def test_problems_are_bounded() -> None:
    ledger = Ledger()
    for _ in range(MOST_PROBLEMS + 5):
        ledger.problem(Plan("page", "/" + "x" * 999), 0, "y" * 9999)
    assert ledger.counts["problems"] == MOST_PROBLEMS + 5
    assert len(ledger.problems) == MOST_PROBLEMS
    assert max(map(len, ledger.problems)) < 500


FLAT = [Sample(60 * MB, 20, 30_000, 9)] * 12


def rising(**steps: int) -> list[Sample]:
    """Samples that rise by so much each."""
    return [
        Sample(
            60 * MB + steps.get("rss", 0) * number,
            20 + steps.get("files", 0) * number,
            30_000 + steps.get("objects", 0) * number,
            9 + steps.get("threads", 0) * number,
        )
        for number in range(12)
    ]


@pytest.mark.parametrize(
    ("samples", "found"),
    [
        P(FLAT, [], id="flat"),
        P(FLAT[: FEWEST - 1], ["only 7 samples"], id="too short"),
        P([Sample(1, 1, 1, 1)] * 3 + FLAT[3:], [], id="warming up"),
        P(rising(rss=2 * MB), ["bytes"], id="memory"),
        P(rising(objects=1000), ["objects"], id="objects"),
        P(rising(files=1), ["file descriptors"], id="files"),
        P(rising(threads=1), ["threads"], id="threads"),
        P([*FLAT[:-1], Sample(900 * MB, 90, 90_000, 90)], [], id="one odd look"),
    ],
)
def test_growth(samples: Sequence[Sample], found: list[str]) -> None:
    lines = list(growth(samples))
    assert len(lines) == len(found)
    assert all(word in line for word, line in zip(found, lines, strict=True))


def test_the_memory_of_a_buffering_server_is_its_own() -> None:
    assert not list(growth(rising(rss=2 * MB), memory=False))
    assert len(list(growth(rising(rss=2 * MB, files=1), memory=False))) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        P("[INFO] Booting worker", [], id="a note"),
        P("Traceback:\n  File x\ntests.soak.site.SoakError: meant", [], id="meant"),
        P("KeyError: 'x'", ["KeyError: 'x'"], id="an error"),
        P("a.b.SomeException: x", ["a.b.SomeException: x"], id="an exception"),
        P("ResourceWarning: unclosed file <_io.X x>", ["unclosed file <_io.X x>"], id="a file"),
        P("ResourceWarning: unclosed file <waitress.x>", [], id="a wrapper of the server"),
        P("ResourceWarning: unclosed <socket.socket fd=3>", [], id="a socket of the server"),
        P("Exception ignored in: <x>", ["Exception ignored in: <x>"], id="ignored"),
    ],
)
def test_complaints(text: str, found: list[str]) -> None:
    assert list(complaints(text)) == found


def test_the_log_is_read_while_it_is_written(tmp_path: Path) -> None:
    """Half a line waits for its end; a long file is moved away, and no line is lost."""
    path = tmp_path / "access.log"
    path.touch()
    log = Log(path, largest=10)
    with path.open("a", buffering=1) as file:
        file.write("one\ntw")
        file.flush()
        assert list(log.lines()) == ["one\n"]
        file.write("o\nand three\n")
        assert list(log.lines()) == ["two\n", "and three\n"]
        assert not path.exists()  # moved
        file.write("four\n")
        assert list(log.lines()) == ["four\n"]
        path.write_text("five\n")
        file.write("late\n")
    assert list(log.lines()) == ["late\n"]
    assert list(log.lines()) == ["five\n"]
    assert [found.name for found in tmp_path.iterdir()] == ["access.log"]
    log.close()


def test_requests_can_be_had_again() -> None:
    first, again, other = (
        [draw(random, 0.05) for random in [Random(seed)] for _ in range(400)] for seed in "aab"
    )
    assert first == again
    assert first != other
    leaves = sum(bool(plan.leaves) for plan in first)
    hostile = sum(plan.status in ((), (401, 429), (405,)) for plan in first)
    assert 5 <= leaves <= 40
    assert 40 <= hostile <= 130


def test_a_head_has_its_number() -> None:
    head = head_of(Plan("upload", "/u", "POST", {"Host": "y", "A": "\xff"}, b"abc"), 7)
    assert head == (
        b"POST /u HTTP/1.1\r\nHost: y\r\nUser-Agent: soak/7\r\nA: \xff\r\nContent-Length: 3\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("received", "found"),
    [
        P(b"", (0, None), id="nothing"),
        P(b"hello", (0, None), id="no status"),
        P(b"HTTP/1.1 400 Bad\r\nA: b\r\n\r\nX-Request-ID: z", (400, None), id="no id"),
        P(b"HTTP/1.1 200 OK\r\nx-request-id: abc\r\n\r\n", (200, "abc"), id="an id"),
    ],
)
def test_status_and_id(received: bytes, found: tuple[int, str | None]) -> None:
    assert status_and_id(received) == found


@pytest.mark.parametrize(
    "arguments",
    [
        P(["--minutes", "0"], id="no time"),
        P(["--aborted", "2"], id="no share"),
        P(["--server", "none"], id="no such server"),
    ],
)
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        command.main(arguments)
    assert exit.value.code == 2
    assert "usage: python3 -m tests.soak" in capsys.readouterr().err


@pytest.mark.parametrize(("found", "status"), [([], 0), (["one"], 1)])
def test_the_exit_status(
    found: list[str],
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given: list[Any] = []

    def run(*arguments: Any, **options: Any) -> list[str]:
        given.append(arguments)
        return found

    monkeypatch.setattr(command, "reenter", lambda *arguments, **group: None)
    monkeypatch.setattr(command, "soak", run)
    assert command.main(["--minutes", "2", "--server", "waitress"]) == status
    assert given == [("waitress", 120)]
    assert ("FAILED:\none" if found else "all good") in capsys.readouterr().out
