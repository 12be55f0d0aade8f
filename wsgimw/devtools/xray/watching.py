"""Who does what to `wsgi.input` and `wsgi.errors`, by the linter's own stand-ins for them.

They pass everything on and tell at once of what PEP 3333, "Input and Error Streams" forbids; so the
request body is the one thing that is not judged afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from wsgimw.devtools.xray.tape import Trace, current
from wsgimw.testing.crossing import SERVER, Room
from wsgimw.testing.streams import Errors, Input, Place, Watched, watched

MOST_KINDS = 64
_NO_LIMIT: dict[type, tuple[Any, ...]] = {Input: (None,), Errors: ()}
_kinds: dict[tuple[type, type], type] = {}  # those of `watched`, found in a fifth of the time


class StreamWatch:
    """Blames faults of the streams of one request on who is running."""

    __slots__ = ("seen", "trace")

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.seen: set[Hashable] = set()

    def reader(self) -> Room | None:
        """Return who is running, or None."""
        spy = current.get()
        return spy.inner if spy is not None and spy.trace is self.trace else None

    def tell(self, rule: int, key: Hashable, sentence: str, who: Place | None = None) -> None:
        """Note a fault of `who`, or of who is running."""
        room: Any = who or self.reader()
        if room is None or room is SERVER or self.trace.over or (rule, key, room) in self.seen:
            return
        self.seen.add((rule, key, room))
        self.trace.streams.append((room, rule, sentence))

    def call(self, method: Callable[..., Any], *args: Any) -> Any:
        """Call a method of the server's stream: no layer runs then."""
        former = current.get()
        current.set(None)
        try:
            return method(*args)
        finally:
            current.set(former)


def watch(environ: dict[str, Any], trace: Trace) -> None:
    """Put the stand-ins into environ."""
    watch = StreamWatch(trace)
    errors, body = environ.get("wsgi.errors"), environ.get("wsgi.input")
    if errors is not None:
        errors = _bare(errors)
        environ["wsgi.errors"] = _kind(Errors, errors)(errors, watch)
    if body is None:
        return
    limit = None
    length = environ.get("CONTENT_LENGTH")
    if length or environ.get("HTTP_TRANSFER_ENCODING"):
        trace.watched = True
        if not environ.get("wsgi.input_terminated"):
            text = str(length)
            known = text.isascii() and text.isdigit() and len(text) < 19
            limit = int(text) if known else None
    body = _bare(body)
    environ["wsgi.input"] = _kind(Input, body)(body, watch, limit)


def _kind(cls: Any, stream: Any) -> Any:
    kind = _kinds.get((cls, type(stream)))
    if kind is None:
        if len(_kinds) >= MOST_KINDS:
            _kinds.clear()
        kind = _kinds[cls, type(stream)] = type(watched(cls, stream, None, *_NO_LIMIT[cls]))
    return kind


def _bare(stream: Any) -> Any:
    """Return the stream of the server: the environ of an app that calls itself has ours."""
    while isinstance(stream, Watched) and isinstance(stream._watch, StreamWatch):
        stream = stream._stream
    return stream
