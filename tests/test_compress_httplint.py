"""httplint finds nothing wrong with what `Compress` and `Decompress` make of a sound answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compressing import CODINGS, EVENTS, JSON, PAGE, TEXT, Call, app_of, run, stream_of
from tests.http_notes import notes
from wsgimw import Compress, Decompress

# What it says of the bare app's response, too.
OF_THE_APP = {"FRESHNESS_HEURISTIC", "DATE_CLOCKLESS"}


def said(done: Call, *allowed: str) -> list[str]:
    """Return what it says of our answer, and not of the app's."""
    method = done.environ["REQUEST_METHOD"]
    return notes(done.status, done.headers, done.raw, method, OF_THE_APP | {*allowed})


# Said of every 400; and of a header that RFC 9110, 12.5.3, has for this very answer.
OF_A_REFUSAL = {"STATUS_BAD_REQUEST", "REQUEST_HDR_IN_RESPONSE"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(600)
TAG = ("ETag", '"x"')
LENGTH = ("Content-Length", str(len(PAGE)))
ANSWERS: dict[str, Any] = {
    "whole": app_of([PAGE], TEXT, TAG, ("Vary", "Cookie"), ("Accept-Ranges", "bytes")),
    "declared": app_of([PAGE], JSON, LENGTH, ("Cache-Control", "max-age=60")),
    "stream": app_of(stream_of(PAGE, PAGE), TEXT),
    "events": app_of(stream_of(b"data: 1\n\n"), EVENTS),
    "small": app_of([b"small"], TEXT, ("Content-Length", "5"), TAG),
    "png": app_of([PNG], ("Content-Type", "image/png"), ("Content-Length", str(len(PNG)))),
    "not modified": app_of([], TAG, status="304 Not Modified"),
    "no content": app_of([], ("X-A", "b"), status="204 No Content"),
    "error": app_of([PAGE], TEXT, status="500 Internal Server Error"),
    "identity": app_of([PAGE], TEXT, ("Content-Encoding", "identity")),
}


@pytest.mark.parametrize("coding", [*CODINGS, None])
@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("server_timing", [False, True])
def test_responses(coding: str | None, name: str, method: str, server_timing: bool) -> None:
    app = ANSWERS[name]
    if method == "HEAD":
        app = app_of([], *app_headers(app), status=app_status(app))
    done = run(app, coding, Compress(server_timing=server_timing), REQUEST_METHOD=method)
    assert said(done) == []


def app_headers(app: Any) -> list[tuple[str, str]]:
    return list(run(app, None, lambda app: app).headers)


def app_status(app: Any) -> str:
    return run(app, None, lambda app: app).status


@pytest.mark.parametrize(
    ("coding", "length", "status"),
    [("x", "1", "415"), ("gzip", "99999999", "413"), ("gzip", "1", "400")],
)
@pytest.mark.parametrize("method", ["POST", "HEAD"])
def test_answers_of_decompress(coding: str, length: str, status: str, method: str) -> None:
    keys: Any = {"HTTP_CONTENT_ENCODING": coding, "CONTENT_LENGTH": length}
    done = run(app_of(), None, Decompress(), REQUEST_METHOD=method, **keys)
    assert done.status[:3] == status
    assert said(done, *OF_A_REFUSAL) == []
