r"""`StatusPages`: a page for the 4xx and 5xx answers that an app leaves empty.

Use it to give bare `404 Not Found` answers, yours and those of the layers inside, one look: HTML
for people, problem+json (RFC 9457) for programs, text for the rest. Do not use it for exceptions:
that is `CatchErrors`, which goes further out; and not where every error of the app has a body of
its own, unless `force=True` is what you want.

>>> from wsgimw import StatusPages, compose
>>> def app(environ, start_response):
...     start_response("405 Method Not Allowed", [("Allow", "GET"), ("Content-Length", "0")])
...     return []
>>> stack = compose(StatusPages({404: "<h1>Lost?</h1>", "4xx": "<h1>That did not work.</h1>"}))
>>> environ = {"REQUEST_METHOD": "GET", "HTTP_ACCEPT": "text/html"}
>>> stack(app)(environ, lambda status, headers: print(status, headers[0]))
405 Method Not Allowed ('Allow', 'GET')
[b'<h1>That did not work.</h1>']

A body counts as empty with `Content-Length: 0`, as an empty list, and as an iterator that ends
without a byte; a byte that is given to `write()` makes it a body. The head waits for the first
block that is not empty, then all passes as it is. For `HEAD` the app must have declared the length
0. Only a status that has a page is replaced, and then whatever the client accepts; HTML comes from
`pages`, the other two are built in.

Reads `REQUEST_METHOD`, `HTTP_ACCEPT`, `HTTP_SEC_FETCH_DEST`, `wsgimw.record` (the request id). The
status and the app's other fields stay (`Allow`, `Retry-After`, `Set-Cookie`, ...); its `Content-*`,
`ETag`, `Transfer-Encoding` and what else described the old body go. `Content-Type`,
`Content-Length`, `Vary`, `X-Content-Type-Options`, with HTML `Content-Security-Policy`, and, where
the app has none, `Cache-Control: no-store` come. Scripts in pages of your own must be files of your
own site.

It goes just inside of `Compress`, so that its pages are compressed, and outside of what answers
404. What it costs: the head; the body only of an error that may be empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from wsgimw.compose import BaseLayer
from wsgimw.describe import describe
from wsgimw.errors import pages as built_in
from wsgimw.errors.http_error import HTTPError, check_status
from wsgimw.errors.report import note_failure
from wsgimw.exchange import Flow, flow_through
from wsgimw.facts import Facts
from wsgimw.http.headers import add_vary, find, put, remove

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import WSGIApplication

__all__ = ["StatusPages"]

StatusPage: TypeAlias = str | Path | built_in.Page

_EXAMPLE = "StatusPages({404: '<h1>Not here</h1>', '5xx': Path('oops.html')})"
_CLASSES = ("4xx", "5xx")
# These speak of the page's powers, not of its bytes; with HTML ours take their place.
_POLICIES = ("content-security-policy", "content-security-policy-report-only")
_OLD_BODY = ("ETag", "Last-Modified", "Accept-Ranges", "Transfer-Encoding", "Digest", "Repr-Digest")


@dataclass(frozen=True, slots=True)
class StatusPages(BaseLayer):
    """Fill empty 4xx and 5xx answers.

    Raises `TypeError` and `ValueError` for options that cannot be; `OSError` when it is bound and
    the file of a page cannot be read.
    """

    pages: Mapping[int | str, StatusPage] | None = field(default=None, hash=False)
    """Status, `"4xx"` or `"5xx"` to HTML text, a `Path`, or `f(problem)`; None: built-in pages."""
    force: bool = field(default=False, kw_only=True)
    """True: replace bodies that are not empty, too."""

    facts = Facts(
        changes=["body"],
        does=["fills errors", "holds the head"],
        cost="head",
        headers=[
            "Content-Type",
            "Content-Length",
            "Vary",
            "X-Content-Type-Options",
            "Cache-Control",
            "Content-Security-Policy",
            *_OLD_BODY,
        ],
    )

    def __post_init__(self) -> None:
        if self.pages is not None:
            object.__setattr__(self, "pages", _check_pages(self.pages))
        if not isinstance(self.force, bool):
            raise TypeError(
                f"StatusPages() was given force={describe(self.force)}; it is True (replace every "
                "body of these statuses) or False (only empty ones)"
            )

    def _bind(self, app: WSGIApplication) -> WSGIApplication:
        pages: dict[str, built_in.Page] = {"4": built_in.html_page, "5": built_in.html_page}
        if self.pages is not None:
            pages = {
                str(key).removesuffix("xx"): _as_page(page) for key, page in self.pages.items()
            }

        def begin(flow: _Fill) -> None:
            environ = flow.environ  # rule 3: what is needed later is read now
            flow.pages = pages
            flow.force = self.force
            flow.method = environ.get("REQUEST_METHOD")
            flow.accept = environ.get("HTTP_ACCEPT")
            flow.destination = environ.get("HTTP_SEC_FETCH_DEST")
            flow.state = environ.get("wsgimw.record")
            flow.status = flow.held = None
            flow.handed_on = flow.sure = False

        return flow_through(app, _Fill, begin)


class _Fill(Flow):
    """Holds the head of an error until it is known whether a body comes."""

    __slots__ = (
        "accept",
        "destination",
        "force",
        "handed_on",
        "held",
        "method",
        "page",
        "pages",
        "sure",
    )

    pages: dict[str, built_in.Page]
    force: bool
    method: Any
    accept: Any
    destination: Any
    page: built_in.Page | None
    held: tuple[str, list[tuple[str, str]], OptExcInfo | None] | None
    sure: bool
    handed_on: bool

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        if self.held is not None and exc_info is None:
            self._commit()  # rule 7: two heads without `exc_info`, which the server must refuse
        first = self.status is None or self.held is not None
        self.status, self.held = status, None
        code = status[:3]
        known = code.isdigit() and len(code) == 3
        self.page = (self.pages.get(code) or self.pages.get(code[0])) if known else None
        if self.page is not None and first and not self.handed_on and self._may_be_empty(headers):
            self.held = (status, headers, exc_info)
            return self.write
        return self.forward(status, headers, exc_info)

    def _may_be_empty(self, headers: list[tuple[str, str]]) -> bool:
        length = find(headers, "Content-Length")
        self.sure = self.force or length == "0"
        # A GET of the same might have a body, and nothing of it shows in the answer to HEAD.
        return self.sure or (length is None and self.method != "HEAD")

    def write(self, data: bytes, /) -> object:
        if self.held is not None:
            if self.sure or not data:
                return None
            self._commit()
        return self._write(data)

    def hand_on(self, body: Any, final: bool, /) -> bool:
        if (
            self.held is not None
            and final
            and not self.sure
            and not isinstance(body, (list, tuple))
        ):
            self._commit()  # a file is a body (rule 29)
        self.handed_on = self.held is None and self.status is not None
        return self.handed_on

    def whole(self, blocks: list[bytes]) -> list[bytes]:
        if self.held is None:
            return blocks
        if self.sure or not any(blocks):
            data = self._replace()
            return blocks if data is None else [data]
        self._commit()
        return blocks

    def block(self, block: bytes, /) -> bytes:
        if self.held is None or not (block or self.sure):
            return block
        if self.sure:
            data = self._replace()
            if data is not None:
                self.close()  # the rest of a body that nobody gets is not pulled
                return data
            return block
        self._commit()
        return block

    def finish(self) -> bytes:
        return b"" if self.held is None else self._replace() or b""

    def ended(self) -> None:
        self.held = None  # rule 9

    def _commit(self) -> None:
        """Let the app's own head go."""
        held, self.held = self.held, None
        if held is not None:
            self.forward(*held)

    def _replace(self) -> bytes | None:
        """Send the head of the page and return its body; None: the page raised, all stays."""
        held, page = self.held, self.page
        if held is None or page is None:
            return None
        status, headers, exc_info = held
        accepted = {"HTTP_ACCEPT": self.accept, "HTTP_SEC_FETCH_DEST": self.destination}
        media_type = built_in.choose(accepted)
        own = media_type == built_in.HTML and page is not built_in.html_page
        request_id = getattr(self.state, "request_id", None)
        problem = built_in.problem(HTTPError(int(status[:3])), request_id, None)
        try:
            data = (
                built_in.made_by(page, problem) if own else built_in.built_in(problem, media_type)
            )
        except Exception as broken:
            note_failure(self.environ, "StatusPages", page, broken)
            self._commit()
            return None
        self.held = None
        self.forward(status, _head(headers, media_type, len(data), own), exc_info)
        return b"" if self.method == "HEAD" else data


def _head(
    headers: list[tuple[str, str]], media_type: str, length: int, own: bool
) -> list[tuple[str, str]]:
    """Return the app's head with what described its body exchanged for what describes ours."""
    kept = [
        (name, value)
        for name, value in headers  # rule 12: a new list
        if not name.lower().startswith("content-") or name.lower() in _POLICIES
    ]
    remove(kept, *_OLD_BODY)
    put(kept, "Content-Type", built_in.content_type(media_type))
    put(kept, "Content-Length", str(length))
    for name, value in built_in.fields(media_type, own=own):
        if name == "Vary":
            add_vary(kept, value)
        elif name != "Cache-Control" or find(kept, name) is None:
            put(kept, name, value)
    return kept


def _as_page(page: StatusPage) -> built_in.Page:
    if isinstance(page, Path):
        page = page.read_text(encoding="utf-8")
    if isinstance(page, str):
        text = page
        return lambda problem: text
    return page


def _check_pages(pages: Any) -> Mapping[int | str, StatusPage]:
    if not isinstance(pages, Mapping):
        raise TypeError(f"StatusPages() was given pages={describe(pages)}; write {_EXAMPLE}")
    for key, page in pages.items():
        if isinstance(key, str):
            if key not in _CLASSES:
                raise ValueError(
                    f"StatusPages() was given a page for {key!r}; a key is a status such as 404, "
                    f"or '4xx' or '5xx': {_EXAMPLE}"
                )
        else:
            check_status(key, "StatusPages()")
        if not isinstance(page, (str, Path)) and not callable(page):
            raise TypeError(
                f"StatusPages() was given {describe(page)} for {key!r}; a page is HTML text, a "
                f"Path or a function of the problem dict: {_EXAMPLE}"
            )
        if isinstance(page, str) and "<" not in page and page.endswith((".html", ".htm")):
            raise ValueError(
                f"StatusPages() was given {page!r} for {key!r}, which is shown as it stands; for "
                f"a file write Path({page!r})"
            )
    return MappingProxyType(dict(pages))
