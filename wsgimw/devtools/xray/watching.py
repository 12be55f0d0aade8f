"""Who does what to `wsgi.input` and `wsgi.errors`, by the linter's own stand-ins for them.

They pass everything on and tell at once of what PEP 3333, "Input and Error Streams" forbids; so the
request body is the one thing that is not judged afterwards.
"""

from __future__ import annotations

from typing import Any

from wsgimw.devtools.xray.tape import Trace
from wsgimw.testing.streams import Errors, Input, Watched, watched

MOST_KINDS = 64

Kinds = tuple[Any, Any]
_kinds: dict[tuple[type, type], Kinds] = {}  # those of `watched`, found in a fifth of the time


def watch(environ: dict[str, Any], trace: Trace) -> None:
    """Put the stand-ins into environ."""
    errors, body = environ.get("wsgi.errors"), environ.get("wsgi.input")
    kinds = _kinds.get((type(errors), type(body)))
    if kinds is None:
        errors, body = _bare(errors), _bare(body)
        kinds = _find_kinds(errors, body)
    if errors is not None:
        environ["wsgi.errors"] = kinds[0](errors, trace)
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
    environ["wsgi.input"] = kinds[1](body, trace, limit)


def _find_kinds(errors: Any, body: Any) -> Kinds:
    """Return the classes that stand in, and remember those for streams of a server's own."""
    kinds = type(watched(Errors, errors, None)), type(watched(Input, body, None, None))
    if not isinstance(errors, Watched) and not isinstance(body, Watched):
        if len(_kinds) >= MOST_KINDS:
            _kinds.clear()
        _kinds[type(errors), type(body)] = kinds
    return kinds


def _bare(stream: Any) -> Any:
    """Return the stream of the server: the environ of an app that calls itself has ours."""
    while isinstance(stream, Watched) and isinstance(stream._watch, Trace):
        stream = stream._stream
    return stream
