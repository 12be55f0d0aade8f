"""The request again: as a `curl` command, and as a WebTest test that fails today.

Secrets are masked in both, so who replays a request that needs one puts it in.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote

from wsgimw.errors.report import Report
from wsgimw.http.headers import is_token

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_LEFT_OUT = ("Content-Length", "Host")


def url(report: Report, environ: WSGIEnvironment) -> str:
    """Return the URL of the request, masked (PEP 3333, "URL Reconstruction")."""
    scheme = str(environ.get("wsgi.url_scheme") or "http")
    host = report["headers"].get("Host") or str(environ.get("SERVER_NAME") or "localhost")
    return f"{quote(scheme[:20])}://{quote(host[:300], safe=':[]')}{target(report)}"


def target(report: Report) -> str:
    """Return path and query."""
    path = report["path"] or "/"
    return f"{path}?{report['query']}" if report["query"] else path


def curl(report: Report, environ: WSGIEnvironment) -> str:
    """Return a command that repeats method, URL and fields; `shlex.split` reads it."""
    words = ["curl", "-X", report["method"], "--globoff"]
    if report["method"] == "HEAD":
        words.append("--head")
    words.append(url(report, environ))
    for name, value in _fields(report):
        if name not in _LEFT_OUT:
            # Without a value curl would take the field away, unless there is a semicolon.
            words += ["-H", f"{name}: {value}" if value else f"{name};"]
    return " ".join(shlex.quote(word) for word in words)


def _fields(report: Report) -> list[tuple[str, str]]:
    """Return the fields whose names can be sent; `-H @name` would have curl read a file."""
    return [field for field in report["headers"].items() if is_token(field[0])]


def webtest(report: Report) -> str:
    """Return the source of `test_replay(app)`."""
    fields = [field for field in _fields(report) if field[0] != "Content-Length"]
    shown = "".join(f"            {name!a}: {value!a},\n" for name, value in fields)
    length = report["headers"].get("Content-Length", "")
    counted = length.isascii() and length.isdigit()
    body = f"    # The request had a body of {length} bytes, which is not kept.\n"
    return (
        "def test_replay(app):\n"
        "    from webtest import TestApp\n\n"
        f"{body if counted else ''}"
        "    response = TestApp(app).request(\n"
        f"        {target(report)!a},\n"
        f"        method={report['method']!a},\n"
        f"        headers={{\n{shown}        }},\n"
        "        expect_errors=True,\n"
        "    )\n"
        "    assert response.status_int < 500\n"
    )
