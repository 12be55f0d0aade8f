"""`CatchErrors(debug=True)` with one request: it watches the head, and answers with more detail.

The gates are asked before the inner call (rule 3). A request for which one is closed gets the
production body, and a line on `wsgi.errors` that says which and how to open it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from wsgimw.errors import pages
from wsgimw.errors.catching import Catching, Page
from wsgimw.errors.debug.hints import NO_HEAD, ProtocolError, check_block, checked, hints
from wsgimw.errors.debug.values import show
from wsgimw.errors.report import MOST_FIELDS, Report, write_error
from wsgimw.errors.tree import clean, cut
from wsgimw.exchange import flow_through
from wsgimw.peers import closed_gates, trust
from wsgimw.record import record
from wsgimw.redact import REDACTED, is_secret

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import WSGIApplication

MOST_JSON = 200 * 1024
_OFF = "WSGIMW_DEBUG=0 stands in the environment of the process; take it out"


def bind(
    app: WSGIApplication,
    begin: Callable[[Catching, Any], object],
    hosts: Collection[str],
    peers: Collection[str],
) -> WSGIApplication:
    """Return the bound app of `CatchErrors(debug=True)`."""
    is_peer = trust("debug_peers", peers)

    def begin_debug(flow: DebugCatching) -> None:
        environ = flow.environ
        begin(flow, environ.get("REQUEST_METHOD"))
        flow.asked = environ.copy()
        flow.closed = closed_gates(environ, hosts, is_peer, "CatchErrors(debug_")
        flow.heads = flow.plain_heads = flow.blocks = 0
        flow.status = flow.headers = None

    return flow_through(checked(app), DebugCatching, begin_debug)


class DebugCatching(Catching):
    """A request whose head and blocks are watched."""

    __slots__ = ("asked", "blocks", "closed", "heads", "plain_heads")

    counts = True
    changes = False

    asked: dict[str, Any]
    closed: list[str]
    heads: int
    plain_heads: int
    blocks: int

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        self.heads += 1
        self.plain_heads += exc_info is None
        self.status, self.headers = status, headers
        self.forward(status, headers, exc_info)
        return self.write

    def block(self, block: bytes, /) -> bytes:
        check_block(block)
        if block and not self.heads:
            raise ProtocolError(NO_HEAD)
        self.blocks += 1
        return block

    def _page(self, problem: pages.Problem, media_type: str, error: Exception) -> Page:
        if problem["status"] < 500:
            return super()._page(problem, media_type, error)
        closed = [_OFF] if os.environ.get("WSGIMW_DEBUG") == "0" else self.closed
        if closed:
            said = clean("; ".join(closed), 2000).replace("\n", "\\n")
            write_error(self.environ, f"wsgimw CatchErrors: debug page withheld: {said}\n")
            return super()._page(problem, media_type, error)
        report = self.teller.report(
            error,
            self.asked,
            record=record(self.environ),
            fingerprint=problem["fingerprint"],
            status=problem["status"],
            phase="before_bytes",
            method=self.method,
        )
        try:
            return self._detailed(problem, media_type, report, error)
        except (MemoryError, RecursionError):
            raise  # to the bytes that were made beforehand
        except Exception:
            text = f"{pages.text_page(problem)}\n{cut(report['text'], MOST_JSON)}"
            data = text.encode(errors="backslashreplace")
            return pages.TEXT, data, pages.fields(pages.TEXT, own=False)

    def _detailed(
        self, problem: pages.Problem, media_type: str, report: Report, error: Exception
    ) -> Page:
        fields = pages.fields(media_type, own=False)
        if media_type == pages.PROBLEM:
            data = json.dumps({**problem, "exception": report["exception"]}).encode()
            if len(data) > MOST_JSON:
                data = json.dumps({**problem, "traceback": cut(report["text"], 40_000)}).encode()
            return media_type, data, fields
        if media_type == pages.TEXT:
            text = f"{pages.text_page(problem)}\n{report['text']}"
            return media_type, text.encode(errors="backslashreplace"), fields
        from wsgimw.errors.debug.page import Scene, debug_page

        scene = Scene(
            error=error,
            environ=self.asked,
            route=record(self.environ).route or _text(self.environ.get("wsgimw.route")),
            hints=hints(error, self.plain_heads, self.headers),
            heads=self.heads,
            status=self.status,
            headers=_shown(self.headers),
            blocks=self.blocks,
        )
        data, policy = debug_page(report, scene)
        kept = [field for field in fields if field[0] != "Content-Security-Policy"]
        return media_type, data, [*kept, *policy]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _shown(headers: Any) -> list[tuple[str, str]]:
    """Return the app's head as text, masked; it may be anything."""
    shown = []
    for item in headers[:MOST_FIELDS] if type(headers) is list else ():
        name, value = item if type(item) is tuple and len(item) == 2 else (item, "")
        name = clean(name, 200) if type(name) is str else show(name)
        shown.append((name, clean(value, 500) if type(value) is str else show(value)))
    return [(name, REDACTED if is_secret(name) else value) for name, value in shown]
