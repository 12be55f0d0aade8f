"""`wsgimw static explain ROOT PATH`: each decision about one request in a line, then the head.

The request goes through a bound `StaticFiles`; what is said of it comes from the very functions
that decide.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from wsgimw.http.paths import unescape
from wsgimw.http.ranges import parse_range
from wsgimw.http.validators import if_range, precondition
from wsgimw.static.answers import Decision, decide
from wsgimw.static.names import readable, untagged
from wsgimw.static.opening import Exhausted, Gone
from wsgimw.static.resources import Representation, Resource
from wsgimw.static.serving import asked_for
from wsgimw.static.site import IMMUTABLE, Site
from wsgimw.static.static_files import StaticFiles
from wsgimw.static.tree import Redirect

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_CONDITIONS = (
    "If-Match",
    "If-Unmodified-Since",
    "If-None-Match",
    "If-Modified-Since",
    "Range",
    "If-Range",
)


def explain(layer: StaticFiles, target: str, headers: Sequence[tuple[str, str]]) -> list[str]:
    """Return the lines: what was decided, an empty one, status and head. A miss says so."""
    site = Site(layer)
    environ = _environ(target, headers)
    lines = _place(site, environ["PATH_INFO"], environ)
    status, head = _answer(layer, environ)
    if status is None:
        return [*lines, "miss: the request goes to the inner app, unchanged"]
    if status.startswith("404"):
        lines.append("miss: answered with 404")
    return [*lines, "", status, *(f"{name}: {value}" for name, value in head)]


def is_miss(lines: Iterable[str]) -> bool:
    """Tell whether what was explained is a miss."""
    return any(line.startswith("miss") for line in lines)


def _environ(target: str, headers: Sequence[tuple[str, str]]) -> WSGIEnvironment:
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": unescape(path.encode("utf-8", "surrogateescape")).decode("latin-1"),
        "QUERY_STRING": query,
    }
    for name, value in headers:
        key = "HTTP_" + name.upper().replace("-", "_")
        environ[key] = f"{environ[key]}, {value}" if key in environ else value
    return environ


def _answer(
    layer: StaticFiles, environ: WSGIEnvironment
) -> tuple[str | None, list[tuple[str, str]]]:
    """Send the request through the layer; the status is None if the inner app was asked."""
    asked: list[bool] = []
    heads: list[tuple[str, list[tuple[str, str]]]] = []

    def inner(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        asked.append(True)
        return [b""]

    def start_response(status: str, head: list[tuple[str, str]], exc_info: Any = None) -> Any:
        heads.append((status, head))

    body = layer(inner)(environ, start_response)
    close = getattr(body, "close", None)
    if close is not None:
        close()
    return (None, []) if asked else heads[-1]


def _place(site: Site, path: str, environ: WSGIEnvironment) -> list[str]:
    if not (path.startswith(site.inside) or path == site.prefix):
        return [f"prefix: {readable(path)!r} is not below {site.prefix or '/'!r}"]
    name = path[len(site.inside) :]
    found = site.places.get(path)
    if isinstance(found, Redirect):
        return [f"name: {readable(name)!r} leads to " + ("./name/" if found.to_directory else "./")]
    if found is None:
        return [f"name: {readable(name)!r} is not in the index", *_missed(site, path, environ)]
    root, file = (found, name) if not hasattr(found, "name") else (found.root, found.name)  # type: ignore[union-attr]
    try:
        resource = site.view(site.current(root, file))  # type: ignore[arg-type]
    except (Gone, Exhausted) as problem:
        return [f"name: {readable(name)!r} is in the index, and cannot be had: {problem}"]
    return [f"name: {readable(name)!r} is {readable(file)!r} of the index", *_of(resource, environ)]


def _missed(site: Site, path: str, environ: WSGIEnvironment) -> list[str]:
    form = untagged(path)
    if form is not None:
        resource = site.fingerprinted(path)
        if resource is None:
            return [f"fingerprint: no file of that name has the content {form[1]}"]
        return [f"fingerprint: the content is {form[1]}, {IMMUTABLE}", *_of(resource, environ)]
    lines = ["fingerprint: not of that form"]
    if site.layer.spa is not None:
        lines.append(f"spa: the request is for: {asked_for(path, environ, site.types)}")
    return lines


def _of(resource: Resource, environ: WSGIEnvironment) -> list[str]:
    """Say what is decided once there is a file."""
    version = resource.version
    decision = decide(resource, environ)
    chosen = decision.representation
    kind = "small, by its content" if chosen.data is not None else "large, by mtime and size"
    lines = [
        f"content: {version.identity.size:,} bytes, {version.content_type}",
        f"codings: {', '.join(version.offers) or 'none'}"
        + (" (siblings)" if version.siblings else " (made in memory)" if version.offers else ""),
        f"representation: {chosen.content.coding or 'identity'} for Accept-Encoding "
        f"{environ.get('HTTP_ACCEPT_ENCODING')!r}, {chosen.size:,} bytes",
        f"validators: {chosen.etag} ({kind}), {chosen.modified or 'no Last-Modified'}",
        f"cache: {resource.cache_control or 'no Cache-Control'}",
    ]
    sent = [name for name in _CONDITIONS if environ.get(_key(name))]
    if not sent:
        return [*lines, "conditions: none"]
    lines.append(f"conditions: {', '.join(sent)}")
    return [*lines, *_conditions(decision, chosen, environ)]


def _key(name: str) -> str:
    return "HTTP_" + name.upper().replace("-", "_")


def _conditions(decision: Decision, chosen: Representation, environ: WSGIEnvironment) -> list[str]:
    status = precondition(environ, chosen.etag, chosen.last_modified)
    said = {0: "hold, go on", 304: "the client has this version", 412: "do not hold"}
    lines = [f"preconditions: {said[status]}"]
    wanted = environ.get("HTTP_RANGE")
    if wanted and not status:
        if not if_range(environ, chosen.etag, chosen.last_modified, time.time()):
            lines.append("range: ignored, since If-Range names another version")
        elif decision.status == 416:
            lines.append("range: nothing of it is there")
        elif decision.status == 206:
            pairs = ", ".join(f"{start}-{stop - 1}" for start, stop in decision.ranges)
            lines.append(f"range: {pairs}")
        elif parse_range(wanted, chosen.size) is None:
            lines.append("range: ignored, it is no set of at most 16 byte ranges")
        else:
            lines.append("range: ignored, all of it is not longer than its parts")
    return lines
