"""Short text answers."""

from __future__ import annotations

from typing import Any

import pytest

from wsgimw.answers import answer_app, reason, status_line, text_answer
from wsgimw.testing.server import Call, make_environ


@pytest.mark.parametrize(
    ("code", "phrase"),
    [
        (100, "Continue"),
        (200, "OK"),
        (404, "Not Found"),
        (413, "Content Too Large"),
        (414, "URI Too Long"),
        (416, "Range Not Satisfiable"),
        (422, "Unprocessable Content"),
        (199, "Informational"),
        (299, "Success"),
        (399, "Redirection"),
        (499, "Client Error"),
        (599, "Server Error"),
    ],
)
def test_reasons_are_never_empty(code: int, phrase: str) -> None:
    assert reason(code) == phrase
    assert status_line(code) == f"{code} {phrase}"


@pytest.mark.parametrize("method", ["GET", "HEAD", None])
def test_head_has_the_head_of_get(method: str | None) -> None:
    answer = text_answer(401, [("A", "b")], method=method)
    assert answer.status == "401 Unauthorized"
    assert answer.headers == [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", "17"),
        ("A", "b"),
    ]
    assert answer.body == [b"" if method == "HEAD" else b"401 Unauthorized\n"]


def test_a_text_of_ones_own_in_utf_8() -> None:
    answer = text_answer(400, method="GET", text="caf\xe9\ud800")
    assert answer.body == ["caf\xe9\\ud800\n".encode()]
    assert answer.headers[1] == ("Content-Length", str(len(answer.body[0])))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_app_of_it(method: str) -> None:
    app: Any = answer_app(403, [("A", "b")], text="No.")
    for _ in range(2):
        call = Call(app, make_environ(REQUEST_METHOD=method)).run()
        assert (call.status, call.values("A")) == ("403 Forbidden", ["b"])
        assert call.raw == (b"" if method == "HEAD" else b"No.\n")
