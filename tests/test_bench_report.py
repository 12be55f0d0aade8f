"""What a bench prints."""

import json
import math
import platform

import pytest

from tests.bench.__main__ import names, parse
from tests.bench.frame import CaseResult, RatioResult, Result
from tests.bench.report import as_json, as_markdown, as_text

RESULT = Result(
    "six deep",
    3,
    [CaseResult("ours", 100, [2e-6, 3e-6, 4e-6]), CaseResult("a peer", 10, [20e-6, 30e-6, 40e-6])],
    [
        RatioResult("ours / a peer", 0.1, 0.1, 0.5),
        RatioResult("a peer / ours", 10.0, 10.0, 1.5),
        RatioResult("no target", math.nan, math.nan, None),
    ],
)


def test_text() -> None:
    lines = as_text([RESULT]).splitlines()
    assert platform.python_version() in lines[0]
    assert platform.platform() in lines[0]
    assert lines[1:] == [
        "",
        "six deep (3 rounds)",
        "",
        "  case    ns best  ns median  calls",
        "  ours       2000       3000    100",
        "  a peer    20000      30000     10",
        "",
        "  ratio          bests  median  target",
        "  ours / a peer   0.10    0.10  <= 0.5    ok",
        "  a peer / ours  10.00   10.00  <= 1.5  MISS",
        "  no target        nan     nan",
    ]


def test_markdown() -> None:
    lines = as_markdown([RESULT]).splitlines()
    assert lines[2:7] == [
        "### six deep (3 rounds)",
        "",
        "| case | ns best | ns median | calls |",
        "| --- | ---: | ---: | ---: |",
        "| ours | 2000 | 3000 | 100 |",
    ]
    assert "| a peer / ours | 10.00 | 10.00 | <= 1.5 | MISS |" in lines


def test_json() -> None:
    report = json.loads(as_json([RESULT]))
    (bench,) = report["benches"]
    assert bench["cases"][0] == {"name": "ours", "loops": 100, "seconds": [2e-6, 3e-6, 4e-6]}
    assert [ratio["verdict"] for ratio in bench["ratios"]] == ["ok", "MISS", ""]
    assert bench["ratios"][2]["bests"] is None


def test_a_bench_without_ratios_has_one_table() -> None:
    assert "ratio" not in as_text([Result("t", 1, RESULT.cases, [])])


@pytest.mark.parametrize(
    ("arguments", "write"),
    [([], as_text), (["--markdown"], as_markdown), (["--json"], as_json)],
    ids=["text", "markdown", "json"],
)
def test_command_line(arguments: list[str], write: object) -> None:
    options = parse(["import", "--rounds", "3", *arguments])
    assert (options.names, options.rounds, options.write) == (["import"], 3, write)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["imprt"], "no bench imprt; there is: ", id="unknown name"),
        pytest.param(["--rounds", "0"], "at least one", id="no rounds"),
        pytest.param(["--json", "--markdown"], "not allowed with", id="two forms"),
    ],
)
def test_misuse(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_names() -> None:
    assert "import" in names()
