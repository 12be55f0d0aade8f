"""A recording is read whatever stands in it."""

from __future__ import annotations

import shlex
import subprocess
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
KEYS += ["request_headers"]
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


def sent(**request: Any) -> list[bytes]:
    """Return what a shell gives to `curl`."""
    script = "curl() { printf '%s\\0' \"$@\"; }\n" + curl({"method": "GET", **request})
    done = subprocess.run(["sh"], input=script.encode(), capture_output=True, timeout=60)
    assert done.stderr == b""
    return done.stdout.split(b"\0")[:-1]


def field(name: Any, value: Any) -> dict[str, Any]:
    return {"name": name, "value": value}


HOSTILE = {
    "quotes": "it's \"5\" o'clock",
    "backslashes": "C:\\n\\",
    "dollar": "$HOME ${IFS} $(id)",
    "backtick": "`id`",
    "history": "!! !-1",
    "percent": "100% %s %n",
    "operators": "; rm -rf / && echo | cat > x # y",
    "braces and stars": "[a-z]{1,2}* ~ ?",
    "at": "@/etc/passwd",
    "tab": "a\tb",
    "UTF-8": "caf\xc3\xa9 \xe2\x82\xac",
    "latin-1": 'caf\xe9 - $(id) `id` "%s" \\ !! \'',
    "turned round": "\xe2\x80\xaegnp.exe",
    "control": "\x1b[31m\x7f\x80",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_shell_sends_the_very_bytes(name: str) -> None:
    value = HOSTILE[name]
    headers = [field("X-Evil", value), field("-x`!'", value), field("X-Empty", "")]
    assert sent(path="/", request_headers=headers)[-6:] == [
        b"-H",
        f"X-Evil: {value}".encode("latin-1"),
        b"-H",
        f"-x`!': {value}".encode("latin-1"),
        b"-H",
        b"X-Empty;",
    ]


@pytest.mark.parametrize("name", [*HOSTILE, *VECTORS])
def test_the_test_sends_the_very_headers(name: str) -> None:
    value = {**HOSTILE, **VECTORS}[name]
    headers = [field("X-Evil", value), field("Content-Type", "a/b"), field("Host", "shop.test:81")]
    seen: list[str] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.extend(environ[key] for key in ("HTTP_X_EVIL", "CONTENT_TYPE", "HTTP_HOST"))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b""]

    space: dict[str, Any] = {}
    exec(webtest({**SHOP, "query": "", "request_headers": headers}), space)
    space["test_replay"](app)
    assert seen == [value, "a/b", "shop.test:81"]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([field("X Y", "a"), field("", "a"), field("@x", "a")], id="no names"),
        pytest.param([field("X", "a\r\nY: b"), field("X", "a\0")], id="another line"),
        pytest.param([field("X", "\u20ac")], id="no WSGI string"),
        pytest.param([field("X", 5), field(None, "a"), "X: a", None], id="no text"),
        pytest.param([field("X" * 501, "a")], id="a long name"),
        pytest.param([field("Content-Length", "0"), field("Expect", "x")], id="of the body"),
        pytest.param("X: a", id="no list"),
        pytest.param(None, id="nothing"),
    ],
)
def test_what_cannot_be_sent_is_left_out(headers: Any) -> None:
    bare = {"method": "GET", "path": "/"}
    assert curl({**bare, "request_headers": headers}) == curl(bare)
    assert webtest({**bare, "request_headers": headers}) == webtest(bare)


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        pytest.param({"request_headers": [field("Authorization", "[redacted]")]}, "Authorization",
                     id="by name"),
        pytest.param({"request_headers": [field("X", "Bearer [redacted 9 chars]")]}, "X",
                     id="by shape"),
        pytest.param({"request_headers": [field("X", "a" * 500 + " ...")]}, "X", id="cut"),
        pytest.param({"query": "a=1&token=[redacted]"}, "the query", id="query"),
        pytest.param({"path": "/[redacted]"}, "the path", id="path"),
    ],
)  # fmt: skip
def test_what_is_masked_or_cut_is_told(request_: Any, says: str) -> None:
    first, command = curl(request_).split("\n")
    assert first == f"# Masked or cut in the recording, so put in yours: {says}."
    assert command.startswith("curl ")
    noted = [line for line in webtest(request_).split("\n") if "# masked or cut" in line]
    assert len(noted) == 1
    assert ("/" in noted[0].partition("#")[0]) is says.startswith("the ")


def test_a_comment_is_harmless_where_a_shell_knows_none() -> None:
    name = "`id`$HOME|'&token"
    first, _ = curl({"request_headers": [field(name, "[redacted]")]}).split("\n")
    done = subprocess.run(
        ["sh"], input=f"echo {first[1:]}".encode(), capture_output=True, timeout=60
    )
    says = f"Masked or cut in the recording, so put in yours: {name}.\n"
    assert (done.stdout, done.stderr) == (says.encode(), b"")


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        pytest.param([field("Content-Length", "12")], "a body of 12 bytes", id="length"),
        pytest.param([field("Transfer-Encoding", "chunked")], "a body", id="chunked"),
        pytest.param([field("Content-Length", "0")], "", id="empty"),
        pytest.param([field("Content-Length", "x\n")], "", id="no length"),
    ],
)
def test_a_body_is_told(headers: Any, says: str) -> None:
    request = {"method": "POST", "path": "/", "request_headers": headers}
    comments = [line for line in curl(request).split("\n") if line.startswith("#")]
    assert comments == (
        [f"# The request had {says}, not recorded: add it by --data-binary @FILE."] if says else []
    )
    assert (f"    # The request had {says}, which is not recorded.\n" in webtest(request)) is bool(
        says
    )


def test_codings_are_decoded() -> None:
    words = sent(path="/", request_headers=[field("Accept-Encoding", "gzip")])
    assert words[2:] == [
        b"--globoff", b"--compressed", b"http://127.0.0.1:8000/", b"-H", b"Accept-Encoding: gzip",
    ]  # fmt: skip


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
