"""The X-ray and what is odd: environs, bodies and layers that few have."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.test_xray import TEXT, asked, hello, names, passing, stream
from wsgimw import Host, Include, Route, Router, compose, not_found, xray
from wsgimw.devtools.xray import recording, watching
from wsgimw.devtools.xray.waterfall import waterfall
from wsgimw.testing.server import App, Call, Environ, StartResponse, make_environ


def rules(request: Any) -> list[tuple[int, str]]:
    return [
        (fault["rule"], lane["layer"]) for lane in request["layers"] for fault in lane["faults"]
    ]


def handing(environ_of: Any) -> Any:
    """Return a layer that hands on another environ."""

    def odd(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            return app(environ_of(environ), start_response)

        return bound

    odd.__qualname__ = "odd"
    return odd


class NoDict:
    """No mapping at all."""

    def __getitem__(self, key: str) -> str:
        return ""


def deaf(environ: Any, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    return [b"hello"]


@pytest.mark.parametrize("kind", [UserDict, lambda environ: NoDict()], ids=["UserDict", "object"])
def test_an_environ_that_is_no_dict(kind: Any) -> None:
    request = asked(compose(handing(kind))(deaf))
    assert rules(request) == [(3, "odd")]
    assert request["status"] == "200 OK"


def test_a_layer_bound_anew_is_used_beside_what_is_recorded() -> None:
    """What somebody calls without a request of ours is not recorded, and served."""
    inside: list[App] = []

    def keeping(app: App) -> App:
        inside.append(app)
        return passing(app)

    xrayed = xray(compose(keeping)(hello))
    assert Call(inside[-1], make_environ()).run().raw == Call(hello, make_environ()).run().raw
    assert xrayed.recording.requests == ()


def test_an_app_that_asks_a_layer_outside_of_it() -> None:
    """The second crossing of a boundary, out of what lies within, is a crossing of that one."""
    outside: list[App] = []

    def keeping(app: App) -> App:
        outside.append(app)
        return passing(app)

    def again(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/again":
            return hello(environ, start_response)
        return outside[-1]({**environ, "PATH_INFO": "/again"}, start_response)

    request = asked(compose(keeping, passing)(again))
    assert request["status"] == "200 OK" and rules(request) == []
    assert [lane["answered"] for lane in request["layers"]].count(True) == 1


def test_a_server_with_an_environ_that_is_no_dict_is_served_and_not_recorded() -> None:
    xrayed: Any = xray(compose(passing)(deaf))
    body = xrayed(UserDict(make_environ()), lambda *_: lambda data: None)
    assert [*body] == [b"hello"]
    assert xrayed.recording.requests == ()


class Dict(dict[str, Any]):
    """A subclass."""


def test_a_server_with_a_subclass_of_dict() -> None:
    xrayed: Any = xray(compose(passing)(deaf))
    xrayed(Dict(make_environ()), lambda *_: lambda data: None).close()
    assert len(xrayed.recording.requests[0]["layers"]) == 2


class Closing:
    """A body whose `close()` fails, or that has a false `len()`."""

    def __init__(self, fails: bool = True) -> None:
        self.fails = fails

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"hello"])

    def close(self) -> None:
        if self.fails:
            raise ValueError("close")


class Unsizable(Closing):
    def __len__(self) -> int:
        raise ValueError("len")


def giving(body: Any) -> App:
    def giver(environ: Environ, start_response: StartResponse) -> Any:
        start_response("200 OK", [TEXT])
        return body

    return giver


def test_a_close_that_fails_is_told_and_passes() -> None:
    xrayed = xray(compose(passing)(giving(Closing())))
    with pytest.raises(ValueError, match="close"):
        Call(xrayed, make_environ()).run()
    (request,) = xrayed.recording.requests
    assert [lane["error"] for lane in request["layers"]] == [
        "passed on ValueError",
        "raised ValueError",
    ]
    assert all(lane["closed"] for lane in request["layers"])


def test_a_body_that_cannot_be_taken_is_closed() -> None:
    body = Unsizable(fails=False)
    xrayed = xray(giving(body))
    with pytest.raises(ValueError, match="len"):
        Call(xrayed, make_environ()).run()
    assert xrayed.recording.requests[0]["layers"][0]["closed"]


@pytest.mark.parametrize("listed", [True, False], ids=["a list", "a stream"])
def test_a_block_that_will_not_tell_its_length(listed: bool) -> None:
    class Block:
        def __len__(self) -> int:
            raise RuntimeError("no")

    block: Any = Block()

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT])
        return [block] if listed else iter([block])

    recorded = xray(compose(passing)(app))
    body: Any = recorded(make_environ(), lambda *head: print)
    assert list(body) == [block]
    body.close()
    assert [rule for rule, _ in rules(recorded.recording.requests[0])] == [20]


def test_a_body_that_is_closed_while_it_waits() -> None:
    def closes(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Any:
            body: Any = app(environ, start_response)
            for number, block in enumerate(body):
                yield block
                if number == 2:
                    body.close()

        return bound

    for app in (stream, giving(iter([b"one", b"two", b"three", b"four"]))):
        assert 26 in [rule for rule, _ in rules(asked(compose(closes)(app)))]


def test_a_layer_that_returns_its_app_has_no_lane() -> None:
    def identity(app: App) -> App:
        return app

    assert len(names(asked(compose(identity, passing)(hello)))) == 2


def test_routes_that_are_included_and_of_hosts() -> None:
    router = Router(
        [Include("/api", [Route("/a", hello)]), Host("shop.test", [Route("/b", stream)])]
    )
    app = compose(router)(not_found)
    assert names(asked(app, "/api/a"))[1:] == ["hello"]
    assert names(asked(app, "/b", HTTP_HOST="shop.test"))[1:] == ["stream"]
    assert names(asked(app, "/b", HTTP_HOST="other.test"))[1:] == ["not_found"]


def test_odd_headers_are_kept_as_text() -> None:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [TEXT, ["X-List", "a"], ("X-Object", object()), None])
        return [b"hello"]

    request = asked(app)
    assert ("X-Object", "<object>") in [(f["name"], f["value"]) for f in request["headers"]]
    assert {rule for rule, _ in rules(request)} == {12}


def test_a_header_that_changes_later_does_not_change_what_was_kept() -> None:
    field: Any = ["X-Mode", "before"]

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT, field])
        return [b"hello"]

    xrayed = xray(compose(passing)(app))
    Call(xrayed, make_environ()).run()
    field[1] = "after"
    (request,) = xrayed.recording.requests
    assert "after" not in str(request)
    assert [rule for rule, _ in rules(request)] == [12], "a list is no header"


def test_a_layer_that_keeps_what_is_written_to_itself() -> None:
    """Spies of one list end together, but not where one of them has heard of `write()`."""

    def silencer(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            def start(*head: Any) -> Any:
                start_response(*head)
                return lambda data: None

            return app(environ, start)

        return bound

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT])(b"lost")
        return [b"x"]

    request = asked(compose(passing, silencer)(app))
    outer, layer, inner = request["layers"]
    assert [lane["bytes"] for lane in (outer, layer, inner)] == [[1, 1], [5, 1], [0, 5]]
    assert [lane["blocks"] for lane in (outer, layer, inner)] == [[1, 1], [2, 1], [0, 2]]
    assert [lane["write"] for lane in (outer, layer, inner)] == [False, False, True]
    assert all(lane["closed"] is not False for lane in request["layers"])


def test_the_spies_of_a_list_without_a_close_end_together() -> None:
    request = asked(compose(passing, passing)(hello))
    assert [lane["ms"]["close"] for lane in request["layers"]] == [0, 0, 0]
    assert len({lane["closed"] for lane in request["layers"]}) == 1, "they end together"


class Odd:
    """A key, or a value, that is no text."""

    def __str__(self) -> str:
        return "odd"


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        pytest.param({}, ("", "/", "", []), id="nothing"),
        pytest.param({"PATH_INFO": "/a"}, ("", "/a", "", []), id="one key"),
        pytest.param(
            {"REQUEST_METHOD": "GET", Odd(): "x", "HTTP_HOST": "a"},
            ("GET", "/", "", ["Host"]),
            id="a key that is no text",
        ),
        pytest.param(
            {
                "REQUEST_METHOD": Odd(),
                "PATH_INFO": Odd(),
                "CONTENT_TYPE": Odd(),
                "HTTP_X": Odd(),
                "HTTP_HOST": "a",
            },
            ("odd", "odd", "", ["Host"]),
            id="values that are no text",
        ),
        pytest.param(
            {"CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": ""},
            ("", "/", "", ["Content-Type"]),
            id="a field that is empty",
        ),
    ],
)
def test_what_is_told_of_a_request_that_lacks_much(environ: Any, told: Any) -> None:
    xrayed = xray(deaf)
    for _ in range(2):  # the second time its keys are known
        body: Any = xrayed({**environ}, lambda *head: print)
        body.close()
    for request in xrayed.recording.requests:
        fields = [field["name"] for field in request["request_headers"]]
        assert (request["method"], request["path"], request["query"], fields) == told


def test_sets_of_keys_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    known: Any = {}
    monkeypatch.setattr(recording, "_wanted", known)
    monkeypatch.setattr(recording, "MOST_WANTED", 2)
    xrayed = xray(hello)
    for number in range(5):
        Call(xrayed, make_environ(**{f"HTTP_X_{number}": "1"})).run()
        assert len(known) <= 2
    names = [request["request_headers"][-1]["name"] for request in xrayed.recording.requests]
    assert [name for name in names if name.startswith("X-")] == [f"X-{n}" for n in range(5)]


def test_keys_that_are_no_text_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    known: Any = {}
    monkeypatch.setattr(recording, "_wanted", known)
    xrayed: Any = xray(deaf)
    xrayed({"PATH_INFO": "/", Odd(): "x"}, lambda *head: print).close()
    assert known == {} and len(xrayed.recording.requests) == 1


def test_a_fault_of_a_stream_is_told_once() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        for _ in range(3):
            environ["wsgi.input"].close()
        start_response("200 OK", [TEXT])
        return [b"hello"]

    assert [rule for rule, _ in rules(asked(app))] == [30]


def test_kinds_of_streams_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MOST_KINDS", 3)
    for number in range(9):
        kind: Any = type(f"Stream{number}", (), {"read": lambda self: b""})
        asked(hello, **{"wsgi.input": kind()})
        assert len(watching._kinds) <= 3
    request = asked(hello, "/", **{"wsgi.input": None, "wsgi.errors": None})
    assert request["status"] == "200 OK"


def test_the_waterfall_of_what_is_rare() -> None:
    def answers(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            environ.update({f"shop.key{number}": str(number) for number in range(9)})

            def start(status: str, headers: Any, *exc: Any) -> Any:
                return start_response("404 Not Found", headers, *exc)

            return app(environ, start)

        return bound

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT])(b"written")
        return environ["wsgi.file_wrapper"](None)  # type: ignore[no-any-return]

    class Wrapper:
        def __init__(self, file: Any) -> None:
            self.file = file

        def __iter__(self) -> Iterator[bytes]:
            return iter([b"file"])

    text = waterfall(asked(compose(answers)(app), "/", **{"wsgi.file_wrapper": Wrapper}))
    assert "+shop.key0" in text and "and 3 more" in text
    assert "status 200 OK → 404 Not Found" in text
    assert "file wrapper" in text and "write()" in text

    def refuses(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        raise ValueError

    text = waterfall(asked(compose(passing)(refuses)))
    assert "no head" in text and "passed on ValueError" in text and "raised ValueError" in text


def test_a_layer_that_answers_stands_so_in_the_waterfall() -> None:
    def two(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/in":
                return app(environ, start_response)
            with suppress(ZeroDivisionError):
                app({**environ, "PATH_INFO": "/in"}, start_response)
            return []

        return bound

    def fails(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        raise ZeroDivisionError

    request = asked(compose(two)(fails))
    assert request["layers"][0]["error"] == "handled ZeroDivisionError"
