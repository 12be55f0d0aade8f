"""A clock by server-sent events: each event leaves at once, compressed, until the reader goes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from wsgimw import AccessLog, Compress, Route, Router, compose, not_found

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PAGE = b"""<!doctype html>
<html lang="en">
<title>Server-sent events</title>
<p>It is <output>...</output>
<script>
  new EventSource("events").onmessage = event => {
    document.querySelector("output").value = event.data;
  };
</script>
</html>
"""


def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    fields = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(PAGE)))]
    start_response("200 OK", fields)
    return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [PAGE]


def events(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    # A browser that lost the connection says what it has seen last, and we go on from there.
    last = environ.get("HTTP_LAST_EVENT_ID", "")
    seen = int(last) if last.isascii() and last.isdigit() else 0
    fields = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")]
    start_response("200 OK", fields)
    return iter([b""]) if environ["REQUEST_METHOD"] == "HEAD" else ticks(seen)


def ticks(seen: int) -> Iterator[bytes]:
    """Make an event each half second; one block of the body is one event."""
    try:
        while True:
            seen += 1
            yield f"id: {seen}\ndata: {time.strftime('%X')}\n\n".encode()
            time.sleep(0.5)
    finally:  # the server closes the body when the reader has gone
        print(f"closed after event {seen}", flush=True)


stack = compose(
    AccessLog(format="json"),  # its line tells how the stream ended: "client_gone"
    Compress(),  # flushes after each block; whether the body is a stream it sees by itself
    Router([Route("/", page, methods=["GET"]), Route("/events", events, methods=["GET"])]),
)
application: WSGIApplication = stack(not_found)

# wsgimw run examples.server_sent_events:application --threads
