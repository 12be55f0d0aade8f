"""A recorded request again: as a `curl` command, and as a WebTest test of what it got.

Secrets are masked in the recording, so who replays a request that needs one puts it in.

>>> request = {"method": "GET", "path": "/it's", "query": "page=2", "status": "200 OK"}
>>> print(curl(request, "http://127.0.0.1:8000"))
curl -X GET --globoff 'http://127.0.0.1:8000/it'"'"'s?page=2'
>>> print(webtest(request))
def test_replay(app):
    from webtest import TestApp
<BLANKLINE>
    response = TestApp(app).request(
        "/it's?page=2",
        method='GET',
        expect_errors=True,
    )
    assert response.status == '200 OK'
<BLANKLINE>
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from wsgimw.devtools.xray.reading import shown
from wsgimw.http.paths import percent_path, percent_query

ORIGIN = "http://127.0.0.1:8000"
"""Where the app is served, as long as no browser has said."""


def target(request: Mapping[str, Any]) -> str:
    """Return path and query as they are sent; the recording has the path as environ has it."""
    path = percent_path(str(request.get("path") or "/"))
    query = percent_query(str(request.get("query") or "")).replace("#", "%23")
    path = path if path.startswith("/") else f"/{path}"
    return f"{path}?{query}" if query else path


def curl(request: Mapping[str, Any], origin: str = ORIGIN) -> str:
    """Return a command that repeats method and URL; `shlex.split` reads it."""
    method = shown(request.get("method"), 100) or "GET"
    words = ["curl", "-X", method, "--globoff"]
    if method == "HEAD":
        words.append("--head")
    return " ".join(shlex.quote(word) for word in [*words, f"{origin}{target(request)}"])


def webtest(request: Mapping[str, Any]) -> str:
    """Return the source of `test_replay(app)`, which expects the status that was recorded."""
    method = shown(request.get("method"), 100) or "GET"
    return (
        "def test_replay(app):\n"
        "    from webtest import TestApp\n\n"
        "    response = TestApp(app).request(\n"
        f"        {target(request)!a},\n"
        f"        method={method!a},\n"
        "        expect_errors=True,\n"
        "    )\n"
        f"    assert response.status == {shown(request.get('status'), 300)!a}\n"
    )
