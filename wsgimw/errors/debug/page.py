"""The debug page: one HTML document that says what broke, where in the stack, and how to repeat it.

All data goes through `escaped` (`wsgimw.errors.debug.markup`) and stands in element text or
double-quoted attributes, never in a script, style, URL or comment. A page has at most 256 KiB and
takes at most a quarter of a second, whatever happens; what was cut says so.
"""

from __future__ import annotations

import platform
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from wsgimw.answers import reason
from wsgimw.errors.debug import replay
from wsgimw.errors.debug.assets import SCRIPT, STYLE
from wsgimw.errors.debug.markup import bullets, escaped, pre, table
from wsgimw.errors.debug.source import frames, gather, line
from wsgimw.errors.report import Report
from wsgimw.errors.tree import MOST_MESSAGE, ErrorData, clean, message

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MOST_BYTES = 256 * 1024
MOST_SECONDS = 0.15
"""Of gathering frames; the rest of the quarter of a second is for what is always there."""
MOST_SECTION = 40 * 1024
MOST_WHOLE = 8 * 1024
"""Characters of a message, folded."""
MOST_CHAIN = 40


@dataclass(slots=True)
class Scene:
    """What was seen of the request beside the report; plain data, but for `error`."""

    error: BaseException
    environ: WSGIEnvironment
    route: str | None
    hints: list[str]
    heads: int
    status: str | None
    headers: list[tuple[str, str]]
    blocks: int


def policy(nonce: str) -> list[tuple[str, str]]:
    """Return the fields that keep the page to itself."""
    return [
        (
            "Content-Security-Policy",
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
            "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        ("Referrer-Policy", "no-referrer"),
        ("X-Robots-Tag", "noindex"),
    ]


def debug_page(report: Report, scene: Scene) -> tuple[bytes, list[tuple[str, str]]]:
    """Return the page and the part of its head that goes with it."""
    nonce = secrets.token_urlsafe(16)
    deadline = perf_counter() + MOST_SECONDS
    title = escaped(f"{report['type']} at {report['path'] or '/'}", 300)
    top = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{title}</title>\n<style nonce="{nonce}">{STYLE}</style>\n</head>\n<body>\n<main>\n'
    )
    bottom = f'</main>\n<script nonce="{nonce}">{SCRIPT}</script>\n</body>\n</html>\n'
    room = MOST_BYTES - len(top.encode()) - len(bottom)
    parts = []
    for name, heading, make in _sections(report, scene, lambda: perf_counter() > deadline):
        head = f"<h2>{heading}</h2>\n" if heading else ""
        try:
            inner = make()
        except (MemoryError, RecursionError):
            raise
        except Exception as broken:  # one section that fails takes no other with it
            inner = f'<p class="cut">this section failed: {escaped(type(broken).__name__)}</p>\n'
        part = f'<section id="{name}">\n{head}{inner}</section>\n'
        size = len(part.encode())
        if size > MOST_SECTION * 2 or size > room - 4096:
            part = (
                f'<section id="{name}">\n{head}<p class="cut">cut: {size} bytes</p>\n</section>\n'
            )
            size = len(part.encode())
        room -= size
        parts.append(part)
    return f"{top}{''.join(parts)}{bottom}".encode(errors="replace"), policy(nonce)


def _sections(
    report: Report, scene: Scene, time_is_up: Callable[[], bool]
) -> Iterator[tuple[str, str, Callable[[], str]]]:
    gathered = gather(scene.error, time_is_up)
    yield "error", "", lambda: _error(report, scene)
    yield "line", "The line", lambda: line(gathered)
    if scene.hints:
        yield "hints", "Hints", lambda: bullets(scene.hints)
    yield "layers", "Layers, from server to app", lambda: _layers(report, scene)
    yield "chain", "Exceptions, the root cause first", lambda: _chain(report["exception"])
    yield "frames", "Frames", lambda: frames(gathered)
    yield "response", "Response given so far", lambda: _response(scene)
    yield "request", "Request", lambda: _request(report, scene)
    yield (
        "curl",
        "As a curl command",
        lambda: _curl(report, scene),
    )
    yield "webtest", "As a test", lambda: _webtest(report)
    yield "traceback", "Traceback", lambda: pre(report["text"], MOST_SECTION, "", "block")
    yield "gates", "Why you see this", lambda: _gates(scene.environ)
    yield "versions", "Versions", lambda: _versions(scene.environ)


def _error(report: Report, scene: Scene) -> str:
    status = report["status"] or 500
    chips = [
        f"{status} {reason(status)}",
        f"{report['method']} {report['path'] or '/'}",
        f"route {scene.route}" if scene.route else "",
        f"request {report['request_id']}" if report["request_id"] else "",
        f"fingerprint {report['fingerprint']}",
    ]
    shown = "".join(f"<li>{escaped(chip, 300)}</li>" for chip in chips if chip)
    first, rest = _headline(report["message"])
    said = f' <span class="said">{escaped(first, 400)}</span>' if first else ""
    colon = ":" if first else ""
    more = pre(rest, 4 * MOST_MESSAGE) if rest else ""
    whole = message(scene.error, MOST_WHOLE)
    if whole != report["message"]:
        more += f"<details><summary>the whole message</summary>{pre(whole, 16384)}</details>\n"
    kind = f'<span class="type">{escaped(report["type"], 200)}{colon}</span>'
    return f'<h1>{kind}{said}</h1>\n{more}<ul class="chips">{shown}</ul>\n'


def _headline(said: str) -> tuple[str, str]:
    """Return the first line of a message for the heading, and the message if that is not all."""
    first, _, rest = said.partition("\n")
    if len(first) <= 240:
        return first, said if rest else ""
    return f"{first[:160].rstrip()}...", said


def _layers(report: Report, scene: Scene) -> str:
    rows = ['<li class="faint">the server</li>']
    failed = report["layer"]
    for name in report["layers"]:
        mark = ' class="failed"' if name == failed else ""
        rows.append(f"<li{mark}>{escaped(name, 400)}</li>")
    mark = ' class="failed"' if failed is None else ""
    rows.append(f"<li{mark}>the app</li>")
    when = "before the head was given" if not scene.heads else "after the head, before any byte"
    if scene.blocks:
        when = f"after {scene.blocks} blocks, 0 bytes"
    return f"<ol>\n{''.join(rows)}\n</ol>\n<p>It failed {when}.</p>\n"


def _chain(data: ErrorData, depth: int = 0) -> str:
    links: list[tuple[str, ErrorData]] = []
    waiting: ErrorData | None = data
    how = ""
    while waiting is not None and len(links) < MOST_CHAIN:
        links.append((how, waiting))
        if waiting["cause"] is not None:
            waiting, how = waiting["cause"], "which caused"
        elif waiting["context"] is not None:
            how = "suppressed, before" if waiting["suppressed"] else "while it was handled"
            waiting = waiting["context"]
        else:
            waiting = None
    shown = "".join(_link(how, link, depth) for how, link in reversed(links))
    cut_off = "" if waiting is None else '<li class="cut">cut: more behind it</li>\n'
    return f"<ol>\n{cut_off}{shown}</ol>\n"


def _link(how: str, data: ErrorData, depth: int) -> str:
    faint = ' class="faint"' if how.startswith("suppressed") else ""
    said = f"<strong>{escaped(data['type'], 200)}</strong>"
    if data["message"]:
        short = data["message"][:500]  # from the front: it may have a cut in its middle already
        more = " [...]" if short != data["message"] else ""
        said += f': <span class="said">{escaped(short, 500)}{more}</span>'
    notes = "".join(f'<p class="note">note: {escaped(note, 500)}</p>' for note in data["notes"])
    then = f"<p><em>{escaped(how)}</em></p>" if how else ""
    return f"<li{faint}>{said}{notes}{_group(data['group'], depth)}{then}</li>\n"


def _group(children: list[ErrorData], depth: int) -> str:
    if not children:
        return ""
    most = 20 if depth == 0 else 5
    shown = [] if depth == 4 else children[:most]
    inner = "".join(f"<li>{_chain(child, depth + 1)}</li>\n" for child in shown)
    more = len(children) - len(shown)
    cut_off = f'<p class="cut">cut: {more} more</p>' if more else ""
    return f"<p>{len(children)} exceptions in it</p><ul>{inner}</ul>{cut_off}"


def _response(scene: Scene) -> str:
    if not scene.heads:
        return '<p class="faint">no head was given</p>\n'
    return f"<p>{escaped(str(scene.status), 300)}</p>\n{table(scene.headers)}"


def _request(report: Report, scene: Scene) -> str:
    cookie = scene.environ.get("HTTP_COOKIE")
    names = []
    if isinstance(cookie, str):
        names = [part.partition("=")[0].strip() for part in cookie[:4096].split(";")]
    rows = [
        ("method", report["method"]),
        ("URL", replay.url(report, scene.environ)),
        ("query", report["query"]),
        ("cookies", ", ".join(names[:50])),
        ("length", str(scene.environ.get("CONTENT_LENGTH") or "none")),
    ]
    return f"{table(rows)}<h3>Fields</h3>\n{table([*report['headers'].items()])}"


def _curl(report: Report, scene: Scene) -> str:
    return _copied("curl", replay.curl(report, scene.environ), "text")


def _webtest(report: Report) -> str:
    return _copied("webtest", replay.webtest(report), "block")


def _copied(name: str, text: str, kind: str) -> str:
    button = f'<button type="button" data-copy="{name}-text" hidden>copy</button>'
    return f"{button}\n{pre(text, 16384, f'{name}-text', kind)}"


def _gates(environ: WSGIEnvironment) -> str:
    peer, host = (clean(str(environ.get(key)), 200) for key in ("REMOTE_ADDR", "HTTP_HOST"))
    return bullets(
        [
            "debug=True stands in the code, and WSGIMW_DEBUG=0 does not stand in the environment.",
            f"The peer, {peer}, is this machine, or one of debug_peers.",
            "No field says that a proxy stands between.",
            f"The Host, {host}, is a name of this machine, or one of debug_hosts.",
            "Were one of these not so, this would be the page that strangers get.",
        ]
    )


def _versions(environ: WSGIEnvironment) -> str:
    rows: list[tuple[str, Any]] = [
        ("Python", f"{platform.python_version()} ({sys.implementation.name})"),
        ("wsgimw", getattr(sys.modules["wsgimw"], "__version__", "unknown")),
        ("server", clean(str(environ.get("SERVER_SOFTWARE") or "unknown"), 200)),
    ]
    return table(rows)
