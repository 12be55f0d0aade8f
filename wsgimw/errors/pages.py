"""Which body an error gets, and how it looks: HTML, problem+json (RFC 9457), or text.

Shared by `CatchErrors` and `StatusPages`; it knows nothing of the flow of a request. All that is
shown comes out of one dict, the *problem*, so that no body can say more than another.

>>> choose({"HTTP_ACCEPT": "application/json, text/plain, */*"})
'application/problem+json'
>>> print(text_page({"status": 404, "title": "Not Found", "detail": "No such user."}), end="")
404 Not Found
No such user.

| Accept | body |
| --- | --- |
| none, empty, `*/*`, `text/*`, malformed, nothing that fits | text (never 406) |
| the same with `Sec-Fetch-Dest: document` | HTML |
| a browser's | HTML |
| `application/json`, any `+json`, `application/*` | problem+json |

Reads `Accept` and `Sec-Fetch-Dest`. A page of one's own that raises, or that is no text, is
replaced by the built-in one.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING, Any, TypeAlias

from wsgimw.answers import reason
from wsgimw.errors.http_error import HTTPError
from wsgimw.http.negotiation import choose_type

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Problem: TypeAlias = dict[str, Any]
Page: TypeAlias = Callable[[Problem], str]

HTML, PROBLEM, TEXT = OFFERS = ("text/html", "application/problem+json", "text/plain")

_TYPES = {
    HTML: "text/html; charset=utf-8",
    PROBLEM: PROBLEM,  # no charset: JSON has none (RFC 8259, 11)
    TEXT: "text/plain; charset=utf-8",
}
_NO_STORE = ("Cache-Control", "no-store")
_VARY = ("Vary", "Accept")
_NO_SNIFF = ("X-Content-Type-Options", "nosniff")

_STYLE = """\
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5c6675;--line:#dde2ea;--back:#f5f7fa;\
--card:#fff;--mark:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e8ebf0;--soft:#9aa4b2;--line:#2e3642;\
--back:#12161c;--card:#1a2028;--mark:#ff8a80}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;\
background:var(--back);color:var(--ink);font:1rem/1.6 system-ui,sans-serif}
main{width:100%;max-width:34rem;padding:2.5rem;background:var(--card);\
border:1px solid var(--line);border-radius:.75rem;border-top:.25rem solid var(--mark)}
.status{margin:0;color:var(--mark);font-weight:600;letter-spacing:.08em}
h1{margin:.25rem 0 1rem;font-size:1.75rem;line-height:1.25}
p{overflow-wrap:anywhere}
dl{margin:2rem 0 0;padding-top:1rem;border-top:1px solid var(--line);font-size:.875rem}
dt{color:var(--soft)}
dd{margin:0 0 .5rem;font-family:ui-monospace,monospace;overflow-wrap:anywhere}
"""
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()

OUR_POLICY = (
    "Content-Security-Policy",
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
)
# A page of somebody's own may look as it likes; what an attacker could inject must not run.
THEIR_POLICY = (
    "Content-Security-Policy",
    "default-src 'self' https: data:; style-src 'self' https: 'unsafe-inline'; "
    "script-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'self'",
)

_SENTENCES = {
    400: "The request could not be understood.",
    401: "You need to sign in to see this page.",
    403: "You may not see this page.",
    404: "There is nothing at this address.",
    405: "This page does not take that kind of request.",
    410: "This page is gone for good.",
    429: "There were too many requests. Please wait a moment.",
    500: "Something went wrong on our side.",
    502: "A server behind this one gave a bad answer. Please try again in a moment.",
    503: "The service is not there right now. Please try again in a moment.",
    504: "A server behind this one did not answer in time. Please try again in a moment.",
}


def choose(environ: WSGIEnvironment) -> str:
    """Return the media type for the answer to this request; there is always one."""
    accept, destination = environ.get("HTTP_ACCEPT"), environ.get("HTTP_SEC_FETCH_DEST")
    return choose_type(accept, OFFERS, destination)


def problem(error: HTTPError, request_id: str | None, fingerprint: str | None) -> Problem:
    """Return the members of the problem document (RFC 9457, 3.1), in their order."""
    made: Problem = {"type": "about:blank", "title": reason(error.status), "status": error.status}
    ours = {"detail": error.detail, "request_id": request_id, "fingerprint": fingerprint}
    made.update((name, value) for name, value in ours.items() if value is not None)
    made.update(error.members)
    return made


def text_page(problem: Problem) -> str:
    """Return the text body: the status line, then what a person would quote to the support."""
    lines = [f"{problem['status']} {problem['title']}"]
    for name, label in _LABELS:
        if name in problem:
            lines.append(f"{label}: {problem[name]}")
    if "detail" in problem:
        lines.append(problem["detail"])
    return "".join(f"{line}\n" for line in lines)


def problem_page(problem: Problem) -> str:
    """Return the problem document, ASCII only."""
    return json.dumps(problem)


def html_page(problem: Problem) -> str:
    """Return the static page: no script, light and dark, nothing loaded from anywhere."""
    status, title = problem["status"], escape(problem["title"])
    said = problem.get("detail") or _SENTENCES.get(status)
    detail = f"<p>{escape(said)}</p>\n" if said else ""
    rows = "".join(
        f"<dt>{label}</dt><dd>{escape(str(problem[name]))}</dd>\n"
        for name, label in _LABELS
        if name in problem
    )
    listed = f"<dl>\n{rows}</dl>\n" if rows else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{status} {title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<p class="status">{status}</p>\n<h1>{title}</h1>\n{detail}{listed}'
        "</main>\n</body>\n</html>\n"
    )


_LABELS = (("request_id", "Request id"), ("fingerprint", "Fingerprint"))
_BUILT_IN: dict[str, Page] = {HTML: html_page, PROBLEM: problem_page, TEXT: text_page}


def built_in(problem: Problem, media_type: str) -> bytes:
    """Return the body of a page of ours."""
    return _BUILT_IN[media_type](problem).encode(errors="backslashreplace")


def made_by(page: Page, problem: Problem) -> bytes:
    """Return the body that somebody's own page makes; what it raises goes up."""
    text = page(dict(problem))
    if not isinstance(text, str):
        raise TypeError(f"a page returns a str, and this one returned {type(text).__name__}")
    return text.encode(errors="backslashreplace")


def fields(media_type: str, *, own: bool) -> list[tuple[str, str]]:
    """Return what the head of a page has beside status, type and length."""
    headers = [_NO_STORE, _VARY, _NO_SNIFF]
    if media_type == HTML:
        headers.append(THEIR_POLICY if own else OUR_POLICY)
    return headers


def content_type(media_type: str) -> str:
    """Return the `Content-Type` for one of the offers."""
    return _TYPES[media_type]


def check_pages(pages: object, place: str) -> dict[str, Page]:
    """Return a copy of pages by media type, or raise `TypeError` or `ValueError`."""
    example = "{'text/html': function}, the function takes the problem dict and returns a str"
    if not isinstance(pages, Mapping):
        raise TypeError(f"{place} was given {pages!r}; write {example}")
    for media_type, page in pages.items():
        if media_type not in OFFERS:
            raise ValueError(
                f"{place} was given the media type {media_type!r}; it is one of "
                f"{', '.join(OFFERS)}: {example}"
            )
        if not callable(page):
            raise TypeError(f"{place}[{media_type!r}] is {page!r}; write {example}")
    return dict(pages)
