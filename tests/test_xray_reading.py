"""A recording is read whatever stands in it."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.failing_site import VECTORS
from tests.xray_recording import RECORDING, SHOP
from wsgimw.devtools.xray import reading
from wsgimw.devtools.xray.page import page, request_page
from wsgimw.devtools.xray.replay import curl, webtest

JUNK = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
KEYS = ["id", "time", "method", "path", "query", "status", "total_ms", "first_byte_ms", "headers"]
LAYER = ["layer", "answered", "environ", "status", "head", "blocks", "bytes", "ms", "write"]
LAYER += ["closed", "error", "faults"]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        pytest.param("plain", "plain", id="text"),
        pytest.param(None, "", id="nothing"),
        pytest.param(5, "5", id="number"),
        pytest.param("a\0b\r\n\x7f", "a\\x00b\\r\\n\\x7f", id="controls"),
        pytest.param("\u202egnp.exe", "\\u202egnp.exe", id="turned round"),
        pytest.param("\ud800", "\\ud800", id="half a pair"),
        pytest.param("x" * 3000, "x" * 1024 + "[... 1976 characters ...]", id="long"),
    ],
)
def test_shown(value: Any, says: str) -> None:
    assert reading.shown(value) == says


@pytest.mark.parametrize(
    ("value", "says"),
    [
        pytest.param([["a", "1", "2"]], [("a", "1", "2")], id="triples"),
        pytest.param({"a": ["1", "2"]}, [("a", "1", "2")], id="mapping"),
        pytest.param([{"name": "a", "from": "1", "to": "2"}], [("a", "1", "2")], id="dicts"),
        pytest.param([["a", ["1", "2"]]], [("a", "1", "2")], id="name and pair"),
        pytest.param(["a"], [("a", "", "")], id="names"),
        pytest.param([["a", "2"]], [("a", "", "2")], id="the value after"),
        pytest.param(5, [], id="neither"),
    ],
)
def test_changes(value: Any, says: list[Any]) -> None:
    assert reading.changes(value) == says


@pytest.mark.parametrize(
    ("value", "says"),
    [
        pytest.param(1e300, ("", ""), id="beyond all years"),
        pytest.param(True, ("", "True"), id="a truth"),
        pytest.param(None, ("", ""), id="none"),
    ],
)
def test_moment(value: Any, says: tuple[str, str]) -> None:
    assert reading.moment(value) == says


@pytest.mark.parametrize(
    ("path", "query", "says"),
    [
        pytest.param("/caf\xc3\xa9", "", "/café", id="UTF-8"),
        pytest.param("/caf\xe9", "a=1", "/caf\xe9?a=1", id="latin-1"),
        pytest.param("", "", "/", id="none"),
        pytest.param(None, "a", "/?a", id="nothing"),
    ],
)
def test_target(path: Any, query: str, says: str) -> None:
    assert reading.target({"path": path, "query": query}) == says


def test_no_more_than_there_is_room_for() -> None:
    requests = [{"id": str(number)} for number in range(2000)]
    found = reading.requests({"requests": requests})
    assert len(found) == reading.MOST_REQUESTS
    assert found[-1] == {"id": "1999"}
    assert reading.requests({}) == []
    assert len(reading.pairs([["a", "b"]] * 500)) == reading.MOST_ROWS


@settings(max_examples=30)
@given(
    st.dictionaries(st.sampled_from(KEYS), JUNK),
    st.lists(st.dictionaries(st.sampled_from(LAYER), JUNK), max_size=4),
    JUNK,
)
def test_any_recording_gives_a_page(request: Any, layers: Any, stack: Any) -> None:
    """Whatever JSON a recording holds, there is a page of it, and a command and a test."""
    recording = {"version": 1, "requests": [{**request, "layers": layers, "id": "x"}]}
    explained = {"layers": [stack]}
    assert request_page(recording, "x", path="/x", stack=explained, nonce="n")
    assert page({"requests": request}, path="/x", stack={"layers": stack}, nonce="n")


@pytest.mark.parametrize("name", VECTORS)
def test_replay_of_hostile_requests(name: str) -> None:
    vector = VECTORS[name]
    hostile = {"method": vector, "path": f"/{vector}", "query": vector, "status": vector}
    words = shlex.split(curl(hostile))
    assert words[:3] == ["curl", "-X", vector]
    assert words[3] == "--globoff"
    assert len(words) == 5
    assert words[4].isascii()
    assert not set(words[4]) & set(' "\n#')
    space: dict[str, Any] = {}
    exec(webtest(hostile), space)
    assert list(space)[-1] == "test_replay"
    assert vector in space["test_replay"].__code__.co_consts


def test_replay_of_what_the_shell_would_take() -> None:
    evil = "/$(touch x)`id`'\"; rm -rf /\n&& echo\\"
    words = shlex.split(curl({"method": "HEAD", "path": evil, "query": "$HOME;a=1"}))
    assert words == [
        "curl",
        "-X",
        "HEAD",
        "--globoff",
        "--head",
        "http://127.0.0.1:8000/$(touch%20x)%60id%60'%22;%20rm%20-rf%20/%0A&&%20echo%5C?$HOME;a=1",
    ]


def test_the_test_runs() -> None:
    space: dict[str, Any] = {}
    exec(webtest({**SHOP, "query": "page=2"}), space)
    asked = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        asked.append(environ["PATH_INFO"] + "?" + environ["QUERY_STRING"])
        start_response(status, [("Content-Type", "text/plain")])
        return [b""]

    status = "200 OK"
    space["test_replay"](app)
    assert asked == ["/items?page=2"]
    status = "404 Not Found"
    with pytest.raises(AssertionError):
        space["test_replay"](app)


def test_the_names_of_layers() -> None:
    assert reading.layer_names(None) == frozenset()
    layers = [{"layer": "A()"}, {"layer": "app", "kind": "app"}]
    assert reading.layer_names({"layers": layers}) == {"A()"}
    assert [reading.faults(request) for request in RECORDING["requests"]] == [0, 2, 0]
