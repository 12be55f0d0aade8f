"""The body of a request: read whole and bounded, or got rid of (auth.md 3.3)."""

from __future__ import annotations

import io
from typing import Any

import pytest

from wsgimw import request_body
from wsgimw.request_body import BodyError, drain, read_body


def environ(data: bytes, length: Any = None, **keys: Any) -> dict[str, Any]:
    given = {} if length is None else {"CONTENT_LENGTH": length}
    return {"wsgi.input": io.BytesIO(data), **given, **keys}


@pytest.mark.parametrize(
    ("request_keys", "wanted"),
    [
        pytest.param(environ(b"hello", "5"), b"hello", id="all of it"),
        pytest.param(environ(b"hello, you", "5"), b"hello", id="no more than its length"),
        pytest.param(environ(b"x" * 100, "100"), b"x" * 100, id="at the bound"),
        pytest.param(environ(b"x" * 100, "0000100"), b"x" * 100, id="zeros in front"),
        pytest.param(environ(b"hello"), b"", id="no length"),
        pytest.param(environ(b"hello", ""), b"", id="an empty length"),
        pytest.param(environ(b"hello", "0"), b"", id="nothing"),
        pytest.param(environ(b"hello", **{"wsgi.input_terminated": True}), b"hello", id="ended"),
    ],
)
def test_a_body(request_keys: dict[str, Any], wanted: bytes) -> None:
    assert read_body(request_keys, 100) == wanted


@pytest.mark.parametrize(
    ("request_keys", "status"),
    [
        pytest.param(environ(b"x" * 101, "101"), 413, id="one too many"),
        pytest.param(environ(b"", "9" * 5000), 413, id="5000 digits"),
        pytest.param(environ(b"x" * 101, **{"wsgi.input_terminated": True}), 413, id="ended late"),
        pytest.param(environ(b"", "x"), 400, id="no number"),
        pytest.param(environ(b"", "-1"), 400, id="below nought"),
        pytest.param(environ(b"", "+1"), 400, id="a plus"),
        pytest.param(environ(b"", "٣"), 400, id="other digits"),
        pytest.param(environ(b"abc", "5"), 400, id="cut short"),
        pytest.param({"CONTENT_LENGTH": "5"}, 400, id="no input"),
    ],
)
def test_a_body_that_is_refused(request_keys: dict[str, Any], status: int) -> None:
    with pytest.raises(BodyError) as caught:
        read_body(request_keys, 100)
    assert caught.value.status == status


def test_a_long_one_is_not_read() -> None:
    keys = environ(b"x" * 200, "200")
    with pytest.raises(BodyError):
        read_body(keys, 100)
    assert keys["wsgi.input"].tell() == 0


def test_it_is_read_in_pieces_that_may_be_short() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 3))

    assert (
        read_body({"wsgi.input": Slow(b"hello, you"), "CONTENT_LENGTH": "10"}, 10) == b"hello, you"
    )


class Input:
    """A request body that notes how it was read."""

    def __init__(self, data: bytes, *, error: BaseException | None = None) -> None:
        self.data = io.BytesIO(data)
        self.error = error
        self.reads: list[int] = []

    def read(self, size: int) -> bytes:
        self.reads.append(size)
        if self.error is not None:
            raise self.error
        return self.data.read(size)


K = 16384


@pytest.mark.parametrize(
    ("environ", "data", "most", "drained", "reads"),
    [
        pytest.param({"CONTENT_LENGTH": "5"}, b"hello", 5, True, [5], id="as long as allowed"),
        pytest.param({"CONTENT_LENGTH": "6"}, b"hello!", 5, False, [], id="longer: not begun"),
        pytest.param({"CONTENT_LENGTH": "0"}, b"", 5, True, [], id="empty"),
        pytest.param({"CONTENT_LENGTH": ""}, b"", 5, True, [], id="no body at all"),
        pytest.param({}, b"", 5, True, [], id="no length"),
        pytest.param(
            {"HTTP_TRANSFER_ENCODING": "chunked"}, b"x", 5, False, [], id="chunked, end unknown"
        ),
        pytest.param(
            {"wsgi.input_terminated": True}, b"hello", 5, True, [6, 1], id="chunked, end known"
        ),
        pytest.param(
            {"wsgi.input_terminated": True}, b"hello!", 5, False, [6], id="chunked and longer"
        ),
        pytest.param({"CONTENT_LENGTH": "9"}, b"hello", 9, False, [9, 4], id="the client is gone"),
        pytest.param(
            {"CONTENT_LENGTH": "9", "wsgi.input_terminated": True},
            b"hello",
            9,
            True,
            [9, 4],
            id="shorter than said, and its end is known",
        ),
        pytest.param(
            {"CONTENT_LENGTH": str(2 * K + 1)},
            bytes(2 * K + 1),
            3 * K,
            True,
            [K, K, 1],
            id="in pieces of 16 KiB",
        ),
        pytest.param(
            {"CONTENT_LENGTH": "5", "HTTP_EXPECT": "100-Continue"},
            b"",
            9,
            False,
            [],
            id="the client waits for 100",
        ),
        pytest.param({"CONTENT_LENGTH": "-5"}, b"", 9, False, [], id="a negative length"),
        pytest.param({"CONTENT_LENGTH": "\xb2"}, b"", 9, False, [], id="digits that are none"),
        pytest.param({"CONTENT_LENGTH": "9" * 5000}, b"", 9, False, [], id="a length without end"),
    ],
)
def test_drain(environ: Any, data: bytes, most: int, drained: bool, reads: list[int]) -> None:
    stream = Input(data)
    assert drain({**environ, "wsgi.input": stream}, most) is drained
    assert stream.reads == reads


def test_drain_of_an_input_that_fails() -> None:
    environ = {"CONTENT_LENGTH": "5"}
    assert drain({**environ, "wsgi.input": Input(b"", error=OSError())}, 5) is False
    assert drain(environ, 5) is False
    with pytest.raises(KeyboardInterrupt):
        drain({**environ, "wsgi.input": Input(b"", error=KeyboardInterrupt())}, 5)


def test_drain_of_an_input_that_gives_more_than_asked_for() -> None:
    class Generous(Input):
        def read(self, size: int) -> bytes:
            return super().read(size) + b"more"

    assert drain({"CONTENT_LENGTH": "5", "wsgi.input": Generous(b"hello")}, 5) is True


def test_drain_stops_when_its_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.0, 10.5, 11.0, 11.5])
    monkeypatch.setattr(request_body, "perf_counter", lambda: next(now))
    stream = Input(bytes(5 * K))
    assert drain({"CONTENT_LENGTH": str(5 * K), "wsgi.input": stream}, 5 * K) is False
    assert stream.reads == [K]
