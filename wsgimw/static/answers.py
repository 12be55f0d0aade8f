"""Answer one request for one file: decide, open what is needed, send. RFC 9110, 9.3, 13, 14, 15.

`decide` looks at the request and at the resource, and opens nothing; `explain` shows what it finds.
`deliver` opens files and starts the response. What it opens must be the version that the head
speaks of, else it raises `Stale`, and everything is decided again on what the disk has now.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from wsgimw.http.paths import location_query, percent_path
from wsgimw.http.ranges import content_range, multipart, parse_range, unsatisfied
from wsgimw.http.validators import if_range, precondition
from wsgimw.static.bodies import BLOCK, FileBody, PromisedFile
from wsgimw.static.opening import Gone, Stale
from wsgimw.static.resources import Representation, Resource
from wsgimw.static.versions import SMALL, Content, Lease

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_PLAIN = ("Content-Type", "text/plain; charset=utf-8")
_EMPTY = ("Content-Length", "0")
_PARTIAL = "206 Partial Content"
_ALLOW = ("Allow", "GET, HEAD, OPTIONS")


Body = TypeVar("Body")


class Decision(NamedTuple):
    """What a request for a resource gets; `ranges` are half-open, for a 206."""

    status: int
    representation: Representation
    ranges: Sequence[tuple[int, int]] = ()
    frames: Sequence[bytes] = ()
    boundary: str = ""
    length: int = 0


def decide(resource: Resource, environ: WSGIEnvironment) -> Decision:
    """Decide on a GET or HEAD: representation, preconditions, ranges, in this order."""
    accept = environ.get("HTTP_ACCEPT_ENCODING")
    chosen: Representation | None = None
    ranges: list[tuple[int, int]] | None = None
    wanted = environ.get("HTTP_RANGE")
    if wanted and environ["REQUEST_METHOD"] == "GET":
        chosen = resource.for_range(
            accept, environ.get("HTTP_IF_RANGE"), environ.get("HTTP_IF_MATCH")
        )
        if "HTTP_IF_RANGE" not in environ or if_range(
            environ, chosen.etag, chosen.last_modified, time.time()
        ):
            ranges = parse_range(wanted.strip(" \t"), chosen.content.size)
    if chosen is None or ranges is None:
        # A Range that is ignored does not choose, either.
        chosen = resource.negotiate(accept)
    if (
        "HTTP_IF_NONE_MATCH" in environ
        or "HTTP_IF_MODIFIED_SINCE" in environ
        or "HTTP_IF_MATCH" in environ
        or "HTTP_IF_UNMODIFIED_SINCE" in environ
    ):
        status = precondition(environ, chosen.etag, chosen.last_modified)
        if status:
            return Decision(status, chosen)
    if ranges is None:
        return Decision(200, chosen)
    if len(ranges) > 1:
        return _several(resource, accept, chosen, ranges)
    return Decision(206 if ranges else 416, chosen, ranges)


def _several(
    resource: Resource, accept: str | None, chosen: Representation, ranges: list[tuple[int, int]]
) -> Decision:
    boundary = secrets.token_hex(16)
    frames, length = multipart(ranges, chosen.size, chosen.content_type, boundary)
    if length >= chosen.size:
        return Decision(200, resource.negotiate(accept))
    return Decision(206, chosen, ranges, frames, boundary, length)


def deliver(
    decision: Decision,
    lease: Lease | None,
    environ: WSGIEnvironment,
    start_response: StartResponse,
) -> Iterable[bytes]:
    """Send what was decided. Raises Stale, Gone, Exhausted before anything is sent."""
    status, chosen = decision.status, decision.representation
    body: Iterable[bytes]
    if status == 206:
        if decision.frames:
            return _send(start_response, _PARTIAL, _several_head(decision), _parts(decision, lease))
        start, stop = decision.ranges[0]
        body = _part(chosen, lease, start, stop)
        head = [
            *chosen.before_length,
            ("Content-Length", str(stop - start)),
            *chosen.after_length,
            ("Content-Range", content_range(start, stop, chosen.content.size)),
        ]
        return _send(start_response, _PARTIAL, head, body)
    if status == 200:
        if environ["REQUEST_METHOD"] == "HEAD":
            body = [b""]
        else:
            body = _whole(chosen, lease, environ.get("wsgi.file_wrapper"))
        return _send(start_response, "200 OK", list(chosen.head), body)
    if status == 304:
        # An iterator: of a list of one, servers make a Content-Length.
        return _send(start_response, "304 Not Modified", list(chosen.bare), iter((b"",)))
    head = [_PLAIN, _EMPTY, *chosen.bare]
    if status == 412:
        return _send(start_response, "412 Precondition Failed", head, [b""])
    head.append(("Content-Range", unsatisfied(chosen.size)))
    return _send(start_response, "416 Range Not Satisfiable", head, [b""])


def _send(
    start_response: StartResponse, status: str, head: list[tuple[str, str]], body: Body
) -> Body:
    try:
        start_response(status, head)
    except BaseException:
        close = getattr(body, "close", None)
        if close is not None:  # rule 28
            close()
        raise
    return body


def _whole(chosen: Representation, lease: Lease | None, file_wrapper: Any) -> Any:
    content = chosen.content
    if content.data is not None:
        return [content.data]
    fd = _opened(chosen, lease)
    try:
        if content.size <= SMALL:
            data = _piece(content, lease, fd, 0, content.size)
            os.close(fd)
            return [data]
        if file_wrapper is None:
            return FileBody(fd, [(0, content.size)])
    except BaseException:
        os.close(fd)
        raise
    file = PromisedFile(fd, content.size)
    try:
        return file_wrapper(file, BLOCK)
    except BaseException:
        file.close()
        raise


def _part(chosen: Representation, lease: Lease | None, start: int, stop: int) -> Any:
    if chosen.data is not None:
        return [chosen.data[start:stop]]
    fd = _opened(chosen, lease)
    if stop - start > SMALL:
        return FileBody(fd, [(start, stop)])
    try:
        return [_piece(chosen.content, lease, fd, start, stop)]
    finally:
        os.close(fd)


def _parts(decision: Decision, lease: Lease | None) -> Any:
    chosen, ranges, frames = decision.representation, decision.ranges, decision.frames
    fd = -1
    if chosen.data is None:
        fd = _opened(chosen, lease)
        if decision.length > SMALL:
            return FileBody(fd, _interleaved(frames, ranges))
    try:
        pieces = [_piece(chosen.content, lease, fd, start, stop) for start, stop in ranges]
    finally:
        if fd >= 0:
            os.close(fd)
    return [b"".join(_interleaved(frames, pieces))]


def _interleaved(frames: Sequence[bytes], parts: Sequence[Any]) -> Sequence[Any]:
    """Put the frames of a multipart body round its parts."""
    mixed: list[Any] = []
    for frame, part in zip(frames, parts, strict=False):
        mixed += frame, part
    return [*mixed, frames[-1]]


def _piece(content: Content, lease: Lease | None, fd: int, start: int, stop: int) -> bytes:
    data = content.data
    if data is None and lease is not None and lease.key == content.key:
        data = lease.data
    if data is not None:
        return data[start:stop]
    data = os.pread(fd, stop - start, start)
    if len(data) != stop - start:
        raise Stale
    return data


def _opened(chosen: Representation, lease: Lease | None) -> int:
    """Return a descriptor of the very version that the head speaks of: the promise check."""
    content = chosen.content
    if lease is not None and lease.fd >= 0 and lease.key == content.key:
        return lease.take()
    try:
        return chosen.root.reopen(content)
    except Gone:
        if content.coding:  # a sibling: the file itself may still be there
            raise Stale from None
        raise


def _several_head(decision: Decision) -> list[tuple[str, str]]:
    """Return the head of a multipart 206; each part has a Content-Range of its own."""
    kind = ("Content-Type", f"multipart/byteranges; boundary={decision.boundary}")
    chosen = decision.representation
    rest = (*chosen.before_length, *chosen.after_length)
    kept = [pair for pair in rest if pair[0].lower() != "content-type"]
    return [kind, ("Content-Length", str(decision.length)), *kept]


def redirect(
    environ: WSGIEnvironment, start_response: StartResponse, to_directory: bool
) -> list[bytes] | None:
    """Lead to the directory of a path, or from an index page to its directory.

    None: there is no segment to lead to, the root of a host without a path is the same as `/`.
    """
    target = "./"
    if to_directory:
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        segment = path.rpartition("/")[2]
        if not segment:
            return None
        target = f"./{percent_path(segment)}/"
    query = environ.get("QUERY_STRING")
    if query:
        target = f"{target}?{location_query(query)}"
    return _send(start_response, "302 Found", [_PLAIN, _EMPTY, ("Location", target)], [b""])


def wrong_method(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer any method but GET and HEAD on what is there."""
    if environ["REQUEST_METHOD"] == "OPTIONS":
        return _send(start_response, "204 No Content", [_ALLOW], iter((b"",)))
    return _send(start_response, "405 Method Not Allowed", [_PLAIN, _EMPTY, _ALLOW], [b""])


def not_found(start_response: StartResponse) -> list[bytes]:
    """Answer a miss of ours."""
    head = [_PLAIN, _EMPTY, ("Cache-Control", "no-store")]
    return _send(start_response, "404 Not Found", head, [b""])


def exhausted(start_response: StartResponse) -> list[bytes]:
    """Answer while the process has no descriptor or memory left."""
    head = [_PLAIN, _EMPTY, ("Cache-Control", "no-store"), ("Retry-After", "1")]
    return _send(start_response, "503 Service Unavailable", head, [b""])
