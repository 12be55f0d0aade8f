"""What `CatchErrors` tells of an error: the `Report`, the log, and who gets it.

A report is plain data, JSON-able, masked (`wsgimw.redact`) and bounded, with all that a replay of
the request needs but its body. It outlives the request: there is no frame, exception or environ in
it.

>>> import json
>>> def send(report: "Report", error: Exception) -> None:
...     print(json.dumps(report)[:40])

The exception is handed over beside it, for services that want the real thing; who keeps it keeps
its frames and all that their locals hold.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from time import time
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

from wsgimw.describe import describe
from wsgimw.errors.tree import ErrorData, clean, cut, message, text, tree
from wsgimw.http.paths import percent_path, percent_query
from wsgimw.record import Record, type_name
from wsgimw.redact import REDACTED, is_secret, mask_query, of_the_process

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Phase: TypeAlias = Literal["before_bytes", "midstream", "in_close"]

MOST_FIELDS = 100
MOST_VALUE = 1024


class Report(TypedDict):
    """One error of one request.

    `time`: epoch seconds. `status`: what was answered, None where it was too late to answer.
    `phase`: `before_bytes`, `midstream`, `in_close`. `path` and `query`: percent-encoded as in the
    access log. `headers`: the request's fields. `layers`: the stack from server to app, as it is
    written in `compose()`; `layer`: the one that failed, None for the app. `exception`: the tree of
    `wsgimw.errors.tree`. `text`: the traceback as Python prints it.
    """

    time: float
    request_id: str | None
    fingerprint: str
    status: int | None
    phase: Phase
    type: str
    message: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    layers: list[str]
    layer: str | None
    exception: ErrorData
    text: str


Reporter: TypeAlias = Callable[[Report, Exception], object]


def build(
    error: Exception,
    environ: WSGIEnvironment,
    *,
    record: Record,
    fingerprint: str,
    status: int | None,
    phase: Phase,
    method: object,
    layers: list[str],
    layer: str | None,
) -> Report:
    """Return the report of an error."""
    return {
        "time": time(),
        "request_id": record.request_id,
        "fingerprint": fingerprint,
        "status": status,
        "phase": phase,
        "type": type_name(type(error)),
        "message": message(error),
        "method": clean(str(method or ""), MOST_VALUE),
        "path": _path(environ),
        "query": _query(environ),
        "headers": _fields(environ),
        "layers": layers,
        "layer": layer,
        "exception": tree(error),
        "text": text(error),
    }


def _text(environ: WSGIEnvironment, key: str) -> str:
    value = environ.get(key)
    return value if isinstance(value, str) else ""


def _asked_to_hide(environ: WSGIEnvironment) -> Collection[str]:
    found = environ.get("wsgimw.redact")
    return found if isinstance(found, Collection) else ()


def _path(environ: WSGIEnvironment) -> str:
    hidden = _asked_to_hide(environ)
    if "SCRIPT_NAME" in hidden or "PATH_INFO" in hidden:
        return f"/{REDACTED}"
    path = _text(environ, "SCRIPT_NAME") + _text(environ, "PATH_INFO")
    return clean(percent_path(path), MOST_VALUE)


def _query(environ: WSGIEnvironment) -> str:
    query = _text(environ, "QUERY_STRING")
    if query and "QUERY_STRING" in _asked_to_hide(environ):
        return REDACTED
    return percent_query(mask_query(cut(query, MOST_VALUE)))


def _fields(environ: WSGIEnvironment) -> dict[str, str]:
    """Return the request's fields by their usual spelling, those with a secret name masked."""
    secrets = _asked_to_hide(environ)
    fields: dict[str, str] = {}
    for key, value in environ.items():
        if not isinstance(key, str) or not isinstance(value, str):
            continue
        if key.startswith("HTTP_"):
            if of_the_process(key, value):  # HTTP_PROXY, which no client has sent
                continue
            name = key[5:].replace("_", "-").title()
        elif key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if not value:
                continue
            name = key.replace("_", "-").title()
        else:
            continue
        hidden = key in secrets or is_secret(name)
        fields[clean(name, MOST_VALUE)] = REDACTED if hidden else clean(value, MOST_VALUE)
        if len(fields) == MOST_FIELDS:
            break
    return fields


def headline(
    environ: WSGIEnvironment,
    *,
    record: Record,
    fingerprint: str,
    status: int | None,
    phase: Phase,
    method: object,
) -> str:
    """Return the one line that stands over a traceback in a log."""
    outcome = _OUTCOMES[phase] if status is None else f"answered {status}"
    request = f"{method or '-'} {_path(environ) or '/'}"
    name = f"request {record.request_id}, " if record.request_id else ""
    said = clean(f"{request}: {outcome}, {name}fingerprint {fingerprint}", MOST_VALUE)
    return said.replace("\n", "\\n")


_OUTCOMES = {
    "before_bytes": "no answer",
    "midstream": "the response is cut off",
    "in_close": "raised in close(), after the response",
}


def write_error(environ: WSGIEnvironment, said: str) -> None:
    """Write to `wsgi.errors` in one call, whatever the stream can encode; never raise."""
    stream: Any = environ.get("wsgi.errors") or sys.stderr
    try:
        try:
            stream.write(said)
        except UnicodeError:
            stream.write(said.encode("ascii", "backslashreplace").decode())
        stream.flush()
    except Exception:  # rule 31 is broken by the server, and there is nobody left to tell
        return


def note_failure(environ: WSGIEnvironment, layer: str, who: object, error: BaseException) -> None:
    """Say on `wsgi.errors` that a callable of the user raised while a layer asked it."""
    said = f"wsgimw {layer}: {describe(who)} raised {type_name(type(error))}: {message(error)}"
    write_error(environ, said.replace("\n", "\\n") + "\n")
