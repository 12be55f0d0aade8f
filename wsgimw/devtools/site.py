"""The small site of `wsgimw demo`: a plain WSGI app whose pages give each layer something to do.

>>> app = site(Stack())
>>> head = []
>>> body = app({"REQUEST_METHOD": "GET", "PATH_INFO": "/json"}, lambda *given: head.extend(given))
>>> head[0], json.loads(b"".join(body))["path"]
('200 OK', '/json')

It knows nothing of the layers round it. Pages are whole bodies with their length, or streams that
are made while they are sent.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from wsgiref.util import application_uri

from wsgimw.compose import Stack, describe

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["ADDRESSES", "Address", "site"]

HTML = "text/html; charset=utf-8"
BLOCKS = 8
Pace = Callable[[float], object]


@dataclass(frozen=True, slots=True)
class Address:
    """A page of the site, and in one sentence what there is to see."""

    path: str
    shows: str


ADDRESSES = (
    Address("/", "this page: a whole body, compressed in one go"),
    Address("/order", "an article, long enough to be worth compressing: how a stack is read"),
    Address("/json", "what the app was given: its request id and the request's fields"),
    Address("/stream", "a page that is made while you read it, compressed block by block"),
    Address("/events", "server-sent events, one a second: close the tab, and the log says so"),
    Address("/slow", "a page that takes half a second: the log has the time"),
    Address("/fail", "a page that raises: the answer has an id, the log has the traceback"),
    Address("/broken-stream", "a stream that raises half-way: the connection is cut, and logged"),
    Address("/missing", "a page that is not there"),
)

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #0a7f5a }
@media (prefers-color-scheme: dark) { :root { --accent: #4fd1a5 } }
body { font: 17px/1.6 system-ui, sans-serif; max-width: 46rem; margin: 2.5rem auto;
  padding: 0 1rem }
h1 { font-size: 1.9rem; line-height: 1.2 } h2 { margin-top: 2.2rem; font-size: 1.2rem }
a { color: var(--accent) } code, pre { font: .86em/1.5 ui-monospace, monospace }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 8px; padding: 1rem;
  overflow-x: auto }
table { border-collapse: collapse; width: 100% }
td { border-top: 1px solid var(--line); padding: .45rem .8rem .45rem 0; vertical-align: top }
.shell { border: 2px solid var(--line); border-radius: 14px; padding: .5rem .8rem .8rem }
.shell code { display: block; padding-bottom: .5rem }
.app { background: var(--soft); border-radius: 8px; padding: .8rem; text-align: center }
#clock { font-variant-numeric: tabular-nums; color: var(--accent) }
"""

INDEX = """
<h1>A small site behind a stack of middleware</h1>
<p>Every request passes these layers from the outside to the app, and every answer passes them
back. The first one written is the outermost.</p>
<pre>{stack}</pre>
<div aria-label="The same stack as an onion">{onion}</div>
<h2>Addresses to try</h2>
<p>Watch the terminal: each request is one line there, written when its body has ended.</p>
<table>{rows}</table>
<h2>From a terminal</h2>
<pre>curl -i {base}/json
curl -i --compressed {base}/order
curl -N --compressed {base}/events        # Ctrl-C: the log line says client_gone
curl -i -H 'Accept: application/json' {base}/fail
curl -I {base}/</pre>
<p>Events of this page, live through the whole stack: <span id="clock">none yet</span></p>
<script>
new EventSource("/events").onmessage = e => document.getElementById("clock").textContent = e.data;
</script>
"""

ORDER = """
<h1>How a stack is read</h1>
<p>A layer takes an app and returns an app. <code>compose(A(), B())(app)</code> is
<code>A()(B()(app))</code>: the server calls A, A calls B, B calls the app. On the way in A sees the
request first, on the way out it sees the answer last. So the order is the meaning.</p>
<h2>The request id stands outermost</h2>
<p>Whatever happens further in, it has a name by then. The id is on the answer, on the log line, and
on the error page that a visitor reads out to you.</p>
<h2>The log stands outside of what changes the answer</h2>
<p>Then its line shows the status and the size that were really sent: the bytes after compression,
the 500 that an error became. It is written when the body has ended and not when the app has
returned, because a WSGI app may still be making its body long after it returned. That is why the
log can tell a visitor who left from a page that failed.</p>
<h2>Errors are caught inside the log, outside the rest</h2>
<p>An exception in the app or in an inner layer becomes a plain answer, as long as no byte has left.
After that nobody can take back what the client has, and the honest thing is to let the server cut
the connection: the client then knows that it does not have everything.</p>
<h2>Compression stands near the app</h2>
<p>A whole body is compressed in one go and leaves with its exact length. A stream is compressed
block by block: each block can be read by the client before the next one is made. A layer that
collected the stream first would turn a live page into a long wait.</p>
<h2>Three misreadings</h2>
<ul><li>After the call is not after the answer: code behind
<code>app(environ, start_response)</code> runs before the body was sent, often before it was
made.</li>
<li>The inner body has a <code>close()</code>, and it must be called even if nobody ever read a
block, or files and database connections stay open.</li>
<li><code>start_response</code> may come late, and may come twice: an app that fails after it has
given its head gives another one, with the exception.</li></ul>
<p><a href="/">Back</a></p>
"""


def site(stack: Stack, *, pace: Pace = time.sleep) -> WSGIApplication:
    """Return the app. `stack` is what its index explains.

    `pace` is called with the seconds between two blocks of a stream.
    """
    pages: dict[str, Callable[[WSGIEnvironment], Answer]] = {
        "/": lambda environ: Answer(HTML, [_index(stack, environ)]),
        "/order": lambda environ: Answer(HTML, [_page("How a stack is read", ORDER)]),
        "/json": lambda environ: Answer("application/json", [_given(environ)]),
        "/stream": lambda environ: Answer(HTML, _stream(pace)),
        "/events": lambda environ: Answer("text/event-stream", _events(pace)),
        "/slow": lambda environ: Answer(HTML, [_slow()]),
        "/fail": lambda environ: Answer(HTML, [_fail()]),
        "/broken-stream": lambda environ: Answer(HTML, _broken_stream(pace)),
    }

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            answer = Answer(
                HTML, [_page("405", "<h1>Only GET and HEAD here</h1>")], "405 Method Not Allowed"
            )
        else:
            answer = pages.get(environ["PATH_INFO"], _missing)(environ)
        fields = [("Content-Type", answer.type), *answer.fields()]
        if answer.status.startswith("405"):
            fields.append(("Allow", "GET, HEAD"))
        start_response(answer.status, fields)
        return [b""] if environ["REQUEST_METHOD"] == "HEAD" else answer.body

    return app


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page answers: a list is a whole body, anything else a stream."""

    type: str
    body: Iterable[bytes]
    status: str = "200 OK"

    def fields(self) -> list[tuple[str, str]]:
        if isinstance(self.body, list):
            return [("Content-Length", str(sum(map(len, self.body))))]
        return [("Cache-Control", "no-store")]


def _page(title: str, content: str) -> bytes:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><style>{STYLE}</style><main>{content}</main></html>'
    ).encode()


def _index(stack: Stack, environ: WSGIEnvironment) -> bytes:
    onion = '<div class="app">the app</div>'
    for layer in reversed(tuple(stack)):
        onion = f'<div class="shell"><code>{escape(describe(layer))}</code>{onion}</div>'
    rows = "".join(
        f'<tr><td><a href="{a.path}"><code>{a.path}</code></a><td>{escape(a.shows)}'
        for a in ADDRESSES
    )
    base = escape(application_uri(environ).rstrip("/"))
    content = INDEX.format(stack=escape(repr(stack)), onion=onion, rows=rows, base=base)
    return _page("wsgimw demo", content)


def _given(environ: WSGIEnvironment) -> bytes:
    fields = {
        key[5:].replace("_", "-").title(): environ[key]
        for key in sorted(environ)
        if key.startswith("HTTP_")
    }
    given = {
        "request_id": environ.get("wsgimw.request_id"),
        "method": environ["REQUEST_METHOD"],
        "path": environ["PATH_INFO"],
        "query": environ.get("QUERY_STRING", ""),
        "fields": fields,
    }
    return json.dumps(given, indent=2).encode() + b"\n"


def _stream(pace: Pace) -> Iterator[bytes]:
    started = time.perf_counter()
    # Padded: browsers wait for the first kilobyte before they show anything.
    yield _page("A stream", "<h1>Made while you read</h1>").replace(
        b"</main></html>", b"<!--" + b" " * 1024 + b"-->"
    )
    for number in range(1, BLOCKS + 1):
        pace(0.4)
        elapsed = time.perf_counter() - started
        yield f"<p>Block {number} of {BLOCKS}, made {elapsed:.1f} s after the head.</p>\n".encode()
    yield b'<p><a href="/">Back</a></p></main></html>\n'


def _events(pace: Pace) -> Iterator[bytes]:
    number = 0
    while True:  # ends when the client leaves
        number += 1
        now = time.strftime("%H:%M:%S")
        yield f"id: {number}\ndata: event {number}, made at {now}\n\n".encode()
        pace(1.0)


def _slow() -> bytes:
    time.sleep(0.5)
    return _page("Slow", '<h1>That took half a second</h1><p><a href="/">Back</a></p>')


def _fail() -> bytes:
    prices = {"tea": "3.20", "cake": "4,50"}  # the comma is the mistake
    total = sum(float(price) for price in prices.values())
    return _page("Bill", f"<h1>{total}</h1>")


def _broken_stream(pace: Pace) -> Iterator[bytes]:
    yield _page("Broken", "<h1>This list has three entries</h1>").replace(b"</main></html>", b"")
    for number in (1, 2):
        pace(0.4)
        yield f"<p>Entry {number}</p>\n".encode()
    raise RuntimeError("the third entry could not be read")


def _missing(environ: WSGIEnvironment) -> Answer:
    content = '<h1>There is no such page</h1><p><a href="/">Back</a></p>'
    return Answer(HTML, [_page("404", content)], "404 Not Found")
