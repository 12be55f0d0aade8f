"""What the soak serves: every kind of body, behind the whole stack.

`/soak` is answered outside of the stack: how the process is, for those who watch it.
"""

from __future__ import annotations

import gc
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.whole_stack import in_json, whole_stack

WORDS = b"the quick brown fox jumps over the lazy dog, again and again. "
PAGE = b"<!doctype html><title>Soak</title><p>" + WORDS * 200
BLOCK = WORDS * 64  # 4 KB
BLOCKS = 32
EVENTS = 5
MOST = 20_000  # blocks of a stream that nobody reads to the end: more than any buffer holds
MEANT = "SoakError: meant"


class SoakError(Exception):
    """What this app raises on purpose."""


def page(environ: Any, start_response: Any) -> Iterable[bytes]:
    head = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(PAGE)))]
    start_response("200 OK", [*head, ("ETag", '"soak"'), ("Set-Cookie", "a=1")])
    # waitress sends what it is given for HEAD, too.
    return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [PAGE]


def values(environ: Any, start_response: Any) -> Iterable[bytes]:
    user = environ.get("REMOTE_USER")
    return in_json(start_response, {"user": user, "words": [WORDS.decode()] * 20})


def stream(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (BLOCK for _ in range(BLOCKS))


def endless(environ: Any, start_response: Any) -> Iterable[bytes]:
    """A stream that is always left by its client."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return (BLOCK for _ in range(MOST))


def events(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    return paced(EVENTS)


def endless_events(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    return paced(500)


def paced(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield b"data: %d\n\n" % number
        time.sleep(0.002)  # an event comes when it comes


def upload(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Count what is sent; a client that leaves meanwhile is not an error of the app."""
    declared = int(environ.get("CONTENT_LENGTH") or 0)
    taken = 0
    try:
        while taken < declared:
            block = environ["wsgi.input"].read(min(65536, declared - taken))
            if not block:
                break
            taken += len(block)
    except OSError:
        declared = -1
    if taken != declared:
        start_response("400 Bad Request", [("Content-Type", "text/plain")])
        return [b"short\n"]
    return in_json(start_response, {"bytes": taken})


def error(environ: Any, start_response: Any) -> Iterable[bytes]:
    raise SoakError("meant")


def late_error(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "99999")])
    yield BLOCK
    raise SoakError("meant")


def file(environ: Any, start_response: Any) -> Iterable[bytes]:
    """A file of the app's own, by the server's wrapper where it has one."""
    path = Path(os.environ["SOAK_ROOT"], "big.bin")
    size = str(path.stat().st_size)
    head = [("Content-Type", "application/octet-stream"), ("Content-Length", size)]
    start_response("200 OK", head)
    opened = path.open("rb")
    wrapper = environ.get("wsgi.file_wrapper")
    return wrapper(opened, 65536) if wrapper else Blocks(opened)


class Blocks:
    """A file as a body."""

    def __init__(self, opened: Any) -> None:
        self.read = opened.read
        self.close = opened.close

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(65536), b"")


def empty(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("204 No Content", [])
    return []


def missing(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"nothing here\n"]


PATHS: dict[str, Callable[[Any, Any], Iterable[bytes]]] = {
    "/": page,
    "/json": values,
    "/private": values,
    "/stream": stream,
    "/endless": endless,
    "/events": events,
    "/endless-events": endless_events,
    "/upload": upload,
    "/error": error,
    "/late-error": late_error,
    "/file": file,
    "/empty": empty,
}


def site(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Send a request to its page."""
    return PATHS.get(environ["PATH_INFO"], missing)(environ, start_response)


def condition() -> dict[str, int]:
    """Say what this process holds; first what is garbage is freed."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "rss": pages * os.sysconf("SC_PAGE_SIZE"),
        "files": len(os.listdir("/proc/self/fd")),
        "objects": len(gc.get_objects()),
        "threads": threading.active_count(),
    }


def make(log: str, root: str) -> Callable[[Any, Any], Iterable[bytes]]:
    """Return the app to serve."""
    stack = whole_stack(root, log)(site)

    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/soak":
            body = json.dumps(condition()).encode()
            start_response("200 OK", [("Content-Length", str(len(body)))])
            return [body]
        return stack(environ, start_response)

    return application


if "SOAK_LOG" in os.environ:  # else somebody only wants the names above
    application = make(os.environ["SOAK_LOG"], os.environ["SOAK_ROOT"])
