"""What layers say of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.layers import Row, rows
from tests.venvs import ROOT
from wsgimw import (
    AccessLog,
    Authenticate,
    CatchErrors,
    Host,
    Include,
    Mount,
    RequestId,
    Require,
    Route,
    Router,
    not_found,
)
from wsgimw.auth import Basic, RemoteUser, Signature, Throttle, TrustedHeader
from wsgimw.devtools.known import facts_of
from wsgimw.facts import CHANGES, COSTS, DOES, READS, Facts


def test_all_is_optional_and_a_value() -> None:
    assert Facts() == Facts(reads=[], does=())
    assert Facts(does=["logs", "routes"]) == Facts(does={"routes", "logs"})
    assert hash(Facts(headers=["Vary"])) == hash(Facts(headers=("Vary",)))
    assert Facts(headers=["B", "A"]).headers == ("B", "A")


def test_words_are_one_set() -> None:
    facts = Facts(reads=["body"], changes=["body", "path"], does=["compresses"], once=["x"])
    assert facts.words == {"reads body", "changes body", "changes path", "compresses"}


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        pytest.param(
            {"does": ["logg"]}, ValueError, "Facts(does=...) holds 'logg'; did you mean", id="near"
        ),
        pytest.param(
            {"reads": ["zzz"]}, ValueError, "holds 'zzz'; write some of body, client", id="unknown"
        ),
        pytest.param({"changes": "body"}, TypeError, "it takes words: changes=[...]", id="str"),
        pytest.param({"once": 3}, TypeError, "Facts(once=...) is 3; it takes words", id="number"),
        pytest.param(
            {"headers": [b"Vary"]}, TypeError, "holds b'Vary', which is no str", id="bytes"
        ),
        pytest.param(
            {"cost": "much"}, ValueError, "write one of nothing, head, end, body", id="cost"
        ),
        pytest.param(
            {"own_check": print}, TypeError, "it names a method", id="check that is no name"
        ),
    ],
)
def test_refused(options: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        Facts(**options)
    assert text in str(raised.value)


def test_no_word_is_in_two_tables_and_none_has_a_separator() -> None:
    words = [*DOES, *(f"reads {w}" for w in READS), *(f"changes {w}" for w in CHANGES)]
    assert len(words) == len(set(words))
    assert not [word for word in words if "|" in word or word.startswith("not ")]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_every_layer_of_ours_has_facts_and_a_cost(row: Row) -> None:
    facts = facts_of(row.layer)
    assert facts is not None
    assert facts.cost in COSTS


def test_costs_are_those_of_the_readme() -> None:
    """The table of the README says what each layer costs; so do its facts."""
    table = (ROOT / "README.md").read_text().partition("## Layers")[2]
    for layer in (RequestId(), AccessLog(), CatchErrors()):
        name = f"`{type(layer).__name__}()`"
        row = next(line for line in table.splitlines() if line.startswith(f"| {name}"))
        facts = facts_of(layer)
        assert facts is not None
        assert row.split(" | ")[2] == facts.cost


basic = Basic(lambda name, password: None)
throttled = Basic(lambda name, password: None, throttle=Throttle())
by_header = Basic(lambda name, password: None, throttle=Throttle(client=str))
by_account = Basic(lambda name, password: None, throttle=Throttle(per_client=None))


@pytest.mark.parametrize(
    ("layer", "field", "expected"),
    [
        pytest.param(RequestId(), "reads", set(), id="RequestId asks nobody"),
        pytest.param(RequestId(trust=["::1"]), "reads", {"peer"}, id="RequestId trusts a peer"),
        pytest.param(RequestId(header="X-Id"), "headers", {"X-Id"}, id="header of RequestId"),
        pytest.param(
            RequestId(trace=True),
            "once",
            {"an id in X-Request-ID", "trace context"},
            id="RequestId traces",
        ),
        pytest.param(AccessLog(sink="a"), "once", {"a log line to 'a'"}, id="one log for a sink"),
        pytest.param(CatchErrors(), "does", {"catches errors"}, id="CatchErrors"),
        pytest.param(
            CatchErrors(debug=True), "does", {"catches errors", "shows internals"}, id="debug"
        ),
        pytest.param(Authenticate(basic), "reads", set(), id="Basic"),
        pytest.param(Authenticate(throttled), "reads", {"client"}, id="Basic with a throttle"),
        pytest.param(Authenticate(by_header), "reads", set(), id="throttle of one's own"),
        pytest.param(Authenticate(by_account), "reads", set(), id="throttle of accounts"),
        pytest.param(
            Authenticate(TrustedHeader("X-User", proxies=["::1"])),
            "reads",
            {"peer"},
            id="TrustedHeader",
        ),
        pytest.param(Authenticate(Signature(b"s" * 16)), "reads", {"input"}, id="Signature"),
        pytest.param(
            Authenticate(Signature(b"s" * 16)),
            "does",
            {"authenticates", "answers early", "refuses strangers", "limits input"},
            id="Signature bounds the body",
        ),
        pytest.param(
            Authenticate(Signature(b"s" * 16), required=False),
            "does",
            {"authenticates", "answers early", "limits input"},
            id="Authenticate that lets strangers pass",
        ),
        pytest.param(
            Require({"/": "nobody", "/a": "anyone"}),
            "does",
            {"authorizes", "answers early", "lets strangers in"},
            id="Require with a rule for anyone",
        ),
        pytest.param(
            Require("authenticated"), "does", {"authorizes", "answers early"}, id="Require"
        ),
        pytest.param(Router([]), "changes", set(), id="Router"),
        pytest.param(Router([Mount("/x", not_found)]), "changes", {"path"}, id="Mount"),
        pytest.param(
            Router([Include("/a", [Mount("/x", not_found)])]),
            "changes",
            {"path"},
            id="Mount in an Include",
        ),
        pytest.param(
            Router([Host("a.example", [Route("/x", not_found)])]), "reads", {"client"}, id="Host"
        ),
    ],
)
def test_facts_depend_on_options(layer: Any, field: str, expected: set[str]) -> None:
    facts = facts_of(layer)
    assert facts is not None
    assert set(getattr(facts, field)) == expected


def test_what_is_not_forwarded_is_among_the_keys() -> None:
    kept, gone = Authenticate(basic), Authenticate(basic, forward_credentials=False)
    assert "HTTP_AUTHORIZATION" not in kept.facts.environ
    assert "HTTP_AUTHORIZATION" in gone.facts.environ


def test_a_scheme_of_ones_own_may_have_facts() -> None:
    @dataclass(frozen=True)
    class Geo(RemoteUser):
        facts = Facts(reads=["client"])

    assert Authenticate(Geo()).facts.reads == {"client"}


def test_nothing_below_imports_it() -> None:
    """`import wsgimw` is cheap: the core does without the type of facts."""
    for name in ("compose", "exchange", "onion", "describe", "misuse"):
        lines = Path(ROOT, "wsgimw", f"{name}.py").read_text().splitlines()
        assert not [x for x in lines if x.startswith("from wsgimw.facts")]
