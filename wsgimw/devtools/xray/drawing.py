"""The pen of the X-ray's pictures: its colours, light and dark, and the way text gets into an SVG.

Each shape has its colour as an attribute, so that a picture stands alone, and a class (`x-bar`), so
that the page's style, which has the same colours, can turn it dark with the rest.

>>> Pen()("rect", "bar", x=1, y=2.25, width=3, height=4)
'<rect class="x-bar" fill="#d9e4f5" x="1" y="2.2" width="3" height="4"/>'
>>> Pen(dark=True)("text", "ink", "a < b", x=0, y=0)
'<text class="x-ink" fill="#e7eaf0" x="0" y="0">a &lt; b</text>'
"""

from __future__ import annotations

from html import escape

SANS = '-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Liberation Sans",Arial,sans-serif'
MONO = 'ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace'

LIGHT = {
    "paper": "#f5f6f9",
    "card": "#ffffff",
    "ink": "#1a2230",
    "soft": "#566073",
    "line": "#dde3ec",
    "code": "#f4f6fa",
    "accent": "#1d5bb8",
    "tint": "#e8f0fc",
    "bar": "#d9e4f5",
    "self": "#2f6bc4",
    "core": "#f7dfb2",
    "coreself": "#b86e00",
    "flow": "#9bbbe8",
    "bad": "#b3261e",
    "wash": "#fdeceb",
    "warn": "#855600",
    "sand": "#fdf3df",
    "good": "#146c3a",
    "mint": "#e6f5ec",
    "ring": "#2f6bc4",
}
DARK = {
    "paper": "#0e1218",
    "card": "#161c25",
    "ink": "#e7eaf0",
    "soft": "#a4aebd",
    "line": "#2b3441",
    "code": "#10151c",
    "accent": "#8fbcff",
    "tint": "#1c2b42",
    "bar": "#243650",
    "self": "#7fb0f5",
    "core": "#664c1c",
    "coreself": "#e3ac4f",
    "flow": "#4a77b5",
    "bad": "#ff8f86",
    "wash": "#3b2022",
    "warn": "#ecbd66",
    "sand": "#352a13",
    "good": "#74d59b",
    "mint": "#14301f",
    "ring": "#7fb0f5",
}

# What each kind of shape is painted with, and in which colour.
KINDS = {
    "ink": ("fill", "ink"),
    "soft": ("fill", "soft"),
    "bar": ("fill", "bar"),
    "self": ("fill", "self"),
    "core": ("fill", "core"),
    "coreself": ("fill", "coreself"),
    "flow": ("fill", "flow"),
    "wire": ("stroke", "flow"),
    "leader": ("stroke", "soft"),
    "ring": ("fill", "ring"),
    "bad": ("fill", "bad"),
    "badline": ("stroke", "bad"),
    "warn": ("fill", "warn"),
    "warnline": ("stroke", "warn"),
    "accent": ("fill", "accent"),
    "card": ("fill", "card"),
}


class Pen:
    """Writes the elements of one picture."""

    def __init__(self, *, dark: bool = False) -> None:
        self.colours = DARK if dark else LIGHT

    def __call__(self, tag: str, kind: str, text: str = "", /, **attributes: str | float) -> str:
        """Return one element; `text` is escaped, `font_size` stands for `font-size`."""
        paint, colour = KINDS[kind]
        start = f'<{tag} class="x-{kind}" {paint}="{self.colours[colour]}"{_written(attributes)}'
        return f"{start}>{escape(text)}</{tag}>" if text else f"{start}/>"

    def picture(self, width: float, height: float, says: str, inner: str, kind: str) -> str:
        """Return the whole SVG; `says` is what it shows, for those who do not see it."""
        size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="x-{kind}" {size} '
            f'font-family="{escape(SANS)}" role="img" aria-label="{escape(says)}">\n'
            f"{inner}</svg>\n"
        )


def _written(attributes: dict[str, str | float]) -> str:
    return "".join(
        f' {name.replace("_", "-")}="{_value(value)}"' for name, value in attributes.items()
    )


def _value(value: str | float) -> str:
    if isinstance(value, str):
        return escape(value)
    return f"{value:.1f}".removesuffix(".0")


def fitted(text: str, room: float, character: float) -> str:
    """Cut a text to the room there is, in pixels, by the width of a character.

    >>> fitted("AccessLog(format='dev')", 80, 8), fitted("Compress()", 80, 8)
    ('AccessLog…', 'Compress()')
    """
    most = int(room / character)
    if len(text) <= most:
        return text
    return f"{text[: most - 1]}…" if most > 1 else ""


def variables() -> str:
    """Return the colours as custom properties, and the kinds as rules, for the page's style."""
    light, dark = (
        "".join(f"--{name}:{colour};" for name, colour in colours.items())
        for colours in (LIGHT, DARK)
    )
    rules = "".join(f".x-{kind}{{{paint}:var(--{c})}}\n" for kind, (paint, c) in KINDS.items())
    texts = "".join(
        f"text.x-{kind}{{color:var(--{colour})}}\n"
        for kind, (paint, colour) in KINDS.items()
        if paint == "fill"
    )
    return (
        f":root{{color-scheme:light dark;{light}}}\n"
        f"@media(prefers-color-scheme:dark){{:root{{{dark}}}}}\n{rules}{texts}"
    )
