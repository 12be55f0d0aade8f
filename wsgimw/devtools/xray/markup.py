"""The words of the page's HTML: every piece of data goes through `text`, or is a picture's.

>>> text("<b>"), code("a & b"), table("Names", [("<b>", "1")], ("name", "value")).count("&lt;b&gt;")
('&lt;b&gt;', '<code>a &amp; b</code>', 1)
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from wsgimw.devtools.xray.reading import MOST, shown


def text(value: Any, most: int = MOST) -> str:
    """Return data for an element or a double-quoted attribute: the one way onto the page."""
    return escape(shown(value, most))


def code(value: Any, most: int = MOST) -> str:
    """Return data as code."""
    return f"<code>{text(value, most)}</code>"


def link_to(ident: Any) -> str:
    """Return the address of one request, for an attribute."""
    return escape(f"?id={quote(str(ident).encode(errors='replace'), safe='')}")


def badge(kind: str, words: str) -> str:
    """Return a short mark; `kind` is one of ours, never data."""
    return f'<span class="badge {kind}">{text(words, 80)}</span>'


def status_kind(status: Any) -> str:
    """Return the class of a status: `s2` to `s5`, `s0` for what is none.

    >>> status_kind("404 Not Found"), status_kind(None)
    ('s4', 's0')
    """
    first = str(status or "")[:1]
    return f"s{first}" if first in ("1", "2", "3", "4", "5") else "s0"


def table(caption: str, rows: Sequence[Sequence[str]], heads: Sequence[str]) -> str:
    """Return a table of data; the first column names the row."""
    head = "".join(f'<th scope="col">{text(each)}</th>' for each in heads)
    body = "".join(
        f'<tr><th scope="row">{code(row[0])}</th>'
        + "".join(f"<td>{code(cell) if cell else ''}</td>" for cell in row[1:])
        + "</tr>\n"
        for row in rows
    )
    return (
        f'<table><caption class="unseen">{text(caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>\n"
    )
