"""The middle of the page: the last requests, the newest first, and what filters them.

A row is made here and, for what comes while the page is open, of the same template by the script,
which sets text and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsgimw.devtools.xray.markup import link_to, status_kind, text
from wsgimw.devtools.xray.reading import (
    faults,
    moment,
    number,
    plural,
    requests,
    shown,
    target,
    times,
)

FILTERS = """\
<div class="filters" role="search" aria-label="Filter the requests" hidden>
<label class="wide">Path contains <input type="search" id="by-path" autocomplete="off" \
spellcheck="false"></label>
<label>Status <select id="by-status"><option value="">all</option><option value="2">2xx</option>\
<option value="3">3xx</option><option value="4">4xx</option><option value="5">5xx</option>\
</select></label>
<label>Slower than <span class="unit"><input type="number" id="by-time" min="0" step="any" \
inputmode="decimal" placeholder="0"> ms</span></label>
<label class="check"><input type="checkbox" id="by-faults"> with faults</label>
</div>
"""


def requests_section(recording: Mapping[str, Any], current: str | None) -> str:
    """Return filters, list and the template of a row; `current` is the id of the one shown."""
    found = requests(recording)
    rows = "".join(_row(request, current) for request in reversed(found))
    return (
        f'{FILTERS}<p id="told" class="soft" role="status">{plural(len(found), "request")}</p>\n'
        f'<ol id="requests" class="requests">\n{rows}</ol>\n'
        f'<p id="none" class="soft"{" hidden" if found else ""}>No request was recorded yet. Ask '
        "the app for something; it appears here by itself.</p>\n"
        f'<template id="row">{_row({}, None)}</template>\n'
    )


def _row(request: Mapping[str, Any], current: str | None) -> str:
    ident = shown(request.get("id"), 200)
    at, clock = moment(request.get("time"))
    count = faults(request)
    kind = status_kind(request.get("status"))
    mark = ' aria-current="page"' if request and request.get("id") == current else ""
    return (
        f'<li data-id="{text(ident, 200)}" data-path="{text(target(request), 2048)}" '
        f'data-status="{kind[1]}" data-ms="{number(request.get("total_ms")):.3f}" '
        f'data-faults="{count}"><a href="{link_to(request.get("id", ""))}"{mark}>'
        f'<span class="what"><b class="method">{text(request.get("method"), 40)}</b> '
        f'<span class="target">{text(target(request), 300)}</span></span>'
        f'<span class="spent">{times(request.get("total_ms"))}</span>'
        f'<span class="how"><span class="badge status {kind}">'
        f"{text(request.get('status') or 'no head', 60)}</span> "
        f'<span class="badge bad count"{"" if count else " hidden"}>{plural(count, "fault")}</span>'
        f'</span><time datetime="{at}">{text(clock)}</time></a></li>\n'
    )
