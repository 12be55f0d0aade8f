r"""Short answers of ours: a status line, a few lines of text, the right head for `HEAD`.

Use it wherever a layer answers by itself and has no more to say than a status: a refusal, a
redirect, a last resort. Pages, and all that is negotiated, are `wsgimw.errors`.

>>> text_answer(401, method="GET").body
[b'401 Unauthorized\n']
>>> text_answer(401, method="HEAD").body
[b'']
>>> app = answer_app(404, [("Cache-Control", "no-store")])
>>> app({"REQUEST_METHOD": "GET"}, lambda status, headers: print(status))
404 Not Found
[b'404 Not Found\n']

Sets `Content-Type` and `Content-Length`, reads `REQUEST_METHOD`. An empty body is `[b""]`, never
`[]`, which hypercorn turns into a 500 (pgjones/hypercorn#331).
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# RFC 9110 renamed these; Python follows in 3.13.
_RENAMED = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
_REASONS = {status.value: status.phrase for status in HTTPStatus} | _RENAMED
_CLASSES = ("Informational", "Success", "Redirection", "Client Error", "Server Error")


class Answer(NamedTuple):
    """A whole answer: what goes to `start_response`, and the body."""

    status: str
    headers: list[tuple[str, str]]
    body: list[bytes]


def reason(code: int) -> str:
    """Return the reason phrase of a status code from 100 to 599; never an empty one (rule 13).

    >>> reason(422), reason(599)
    ('Unprocessable Content', 'Server Error')
    """
    return _REASONS.get(code) or _CLASSES[code // 100 - 1]


def status_line(code: int) -> str:
    """Return the status for `start_response`.

    >>> status_line(404)
    '404 Not Found'
    """
    return f"{code} {reason(code)}"


def whole(
    code: int,
    content_type: str,
    data: bytes,
    headers: Iterable[tuple[str, str]] = (),
    *,
    method: str | None,
) -> Answer:
    """Return an answer that has this body, with its true length; without the body for HEAD."""
    head = [("Content-Type", content_type), ("Content-Length", str(len(data))), *headers]
    return Answer(status_line(code), head, [b"" if method == "HEAD" else data])


def text_answer(
    code: int,
    headers: Iterable[tuple[str, str]] = (),
    *,
    method: str | None,
    text: str | None = None,
) -> Answer:
    """Return a text answer; its text is the status line unless there is another.

    >>> text_answer(503, [("Retry-After", "5")], method="GET", text="later").headers[1:]
    [('Content-Length', '6'), ('Retry-After', '5')]
    """
    data = f"{status_line(code) if text is None else text}\n".encode(errors="backslashreplace")
    return whole(code, "text/plain; charset=utf-8", data, headers, method=method)


def answer_app(
    code: int, headers: Iterable[tuple[str, str]] = (), *, text: str | None = None
) -> WSGIApplication:
    """Return an app that gives one text answer to every request; all of it is made now."""
    status, head, (block,) = text_answer(code, headers, method=None, text=text)

    def answering(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response(status, [*head])  # rule 12: the receiver may change it
        return [b"" if environ.get("REQUEST_METHOD") == "HEAD" else block]

    return answering
