"""read_body: the one bounded reader of request bodies."""

from __future__ import annotations

import io
from typing import Any

import pytest

from wsgimw.exchange import BodyError, read_body


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
