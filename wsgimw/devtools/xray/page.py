"""The X-ray's page: one HTML document that shows a recording, with and without JavaScript.

Left the stack as an onion, in the middle the last requests, on the right one of them: a waterfall
that dives to the app and comes back, what each layer did, the headers with who wrote them, and the
request once more for a terminal or a test. The document asks nobody for anything but the recording
itself (`policy`). All data goes through `wsgimw.devtools.xray.markup.text`; what the script adds,
it adds as text.

>>> from html.parser import HTMLParser
>>> html = page({"version": 1, "requests": []}, path="/_xray", stack=None, nonce="abc")
>>> HTMLParser().feed(html)
>>> request_page({"version": 1, "requests": []}, "x", path="/_xray", stack=None, nonce="abc")
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from wsgimw.devtools.xray import drawing
from wsgimw.devtools.xray.left import stack_section
from wsgimw.devtools.xray.markup import text
from wsgimw.devtools.xray.middle import requests_section
from wsgimw.devtools.xray.reading import requests, shown, target
from wsgimw.devtools.xray.right import WELCOME, request_section

__all__ = ["page", "policy", "request_page"]


def policy(nonce: str) -> list[tuple[str, str]]:
    """Return the fields that keep the page to itself; it may ask its own server for the recording.

    `nonce`: the one that the page was made with; a new one for each response.
    """
    return [
        (
            "Content-Security-Policy",
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
            "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        )
    ]


def page(
    recording: Mapping[str, Any], *, path: str, stack: Mapping[str, Any] | None, nonce: str
) -> str:
    """Return the page with the list of requests.

    `recording`: `{"version": 1, "requests": [...]}`, newest last. `path`: the path of the X-ray as
    the browser knows it, without a slash at its end; the script asks `{path}/requests.json`.
    `stack`: `Explanation.to_dict()`, or None. `nonce`: for `policy`.
    """
    return _document("X-ray", recording, WELCOME, None, path=path, stack=stack, nonce=nonce)


def request_page(
    recording: Mapping[str, Any],
    id: str,
    *,
    path: str,
    stack: Mapping[str, Any] | None,
    nonce: str,
) -> str | None:
    """Return the page with one request, or None if the recording has none of that id."""
    for request in requests(recording):
        if request.get("id") == id:
            title = f"{shown(request.get('method'), 40)} {target(request)} - X-ray"
            main = request_section(request, stack)
            return _document(title, recording, main, id, path=path, stack=stack, nonce=nonce)
    return None


@cache
def _part(name: str) -> str:
    return files("wsgimw.devtools.xray").joinpath(name).read_text(encoding="utf-8")


def _document(
    title: str,
    recording: Mapping[str, Any],
    main: str,
    current: str | None,
    *,
    path: str,
    stack: Mapping[str, Any] | None,
    nonce: str,
) -> str:
    mark = f' nonce="{text(nonce)}"'
    source = text(f"{path.rstrip('/')}/requests.json")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title, 300)}</title>\n"
        f"<style{mark}>\n{drawing.variables()}{_part('page.css')}</style>\n</head>\n"
        f'<body data-requests="{source}">\n'
        '<a class="skip" href="#main">Skip to the request</a>\n'
        '<header><p class="brand"><a href="?">X-ray</a> <span class="soft">one request, layer by '
        'layer</span></p>\n<p class="live"><span id="live" class="soft" role="status"></span>'
        '<button type="button" id="pause" hidden>Pause</button>'
        f'<a class="button" href="{source}" download="xray.json">Download JSON</a></p></header>\n'
        '<div class="columns">\n'
        f'<aside aria-labelledby="h-stack"><details open id="stack"><summary><h2 id="h-stack">The '
        f"stack</h2></summary>\n{stack_section(stack, recording)}</details></aside>\n"
        '<nav aria-labelledby="h-requests"><h2 id="h-requests">Requests</h2>\n'
        f"{requests_section(recording, current)}</nav>\n"
        f'<main id="main" tabindex="-1">\n{main}</main>\n</div>\n'
        f"<script{mark}>\n{_part('page.js')}</script>\n</body>\n</html>\n"
    )
