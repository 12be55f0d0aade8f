"""The words of the debug page's HTML: every piece of data passes through `escaped` or `pre`.

>>> print(table([("<b>", "1 & 2")]), end="")
<table>
<tr><th scope="row">&lt;b&gt;</th><td>1 &amp; 2</td></tr>
</table>
"""

from __future__ import annotations

from html import escape

from wsgimw.errors.tree import cut


def escaped(text: str, most: int = 2048) -> str:
    """Return text for an element or a double-quoted attribute: the one way for data onto the page.

    At most `most` characters before, and four times as many bytes after.
    """
    shown = escape(cut(text, most))
    while len(shown.encode(errors="replace")) > 4 * most:
        text = cut(text, max(1, len(text) // 2))
        shown = escape(text)
    return shown


def pre(text: str, most: int, name: str = "", kind: str = "text") -> str:
    """Return preformatted text of about `most` bytes; `name` is its id.

    `kind`: `text`, whose long lines wrap, or `block`, whose lines stay as they are.
    """
    shown = escape(cut(text, most))
    while len(shown.encode(errors="replace")) > most + 64:
        text = cut(text, int(min(len(text), most) * 0.7))
        shown = escape(text)
    ident = f' id="{name}"' if name else ""
    # A line feed that comes first would be the parser's own.
    first = "\n" if shown.startswith("\n") else ""
    return f'<pre class="{kind}"{ident}>{first}{shown}</pre>\n'


def bullets(items: list[str]) -> str:
    """Return a list."""
    return f"<ul>\n{''.join(f'<li>{escaped(item)}</li>' for item in items)}\n</ul>\n"


def table(rows: list[tuple[str, str]]) -> str:
    """Return names and values."""
    body = "".join(
        f'<tr><th scope="row">{escaped(name, 200)}</th><td>{escaped(value, 600)}</td></tr>\n'
        for name, value in rows
    )
    return f"<table>\n{body}</table>\n" if rows else '<p class="faint">none</p>\n'
