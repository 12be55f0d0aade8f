"""URLs that a Router writes: targets of redirects, the Location of an added slash.

A Location is a path of this site, or the `http(s)://` text that the developer wrote: neither Host,
scheme nor a forwarded header gets into it, and it begins with exactly one slash.

>>> Target("/n/<id>?from=old").url({"id": "7"}, "/app", "a=1")
'/app/n/7?from=old&a=1'
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from wsgimw.describe import describe
from wsgimw.http.paths import location, location_query, percent_path
from wsgimw.routing.converters import tidy

_NAME = re.compile(r"<([^\W\d]\w*)>")
_SITE = re.compile(
    r"(https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?)(?=[/?#]|\Z)(.*)", re.DOTALL
)


class Target:
    """The target of a Redirect, read once: a site or none, then texts and names in turn."""

    __slots__ = ("_parts", "_query_from", "_site", "names")

    def __init__(self, to: str) -> None:
        if not isinstance(to, str):
            raise TypeError(f"a Redirect goes to a text, and was given {describe(to)}")
        self._site, rest = "", to
        if found := _SITE.fullmatch(to):
            self._site, rest = found.groups()
        elif not to.startswith("/"):
            raise ValueError(
                f"a Redirect cannot go to {to!r}; write '/path', or 'https://host/path' "
                "with no parameter in its host"
            )
        if re.match(r"[/\\]{2}", rest) or "//" in re.split(r"[?#]", rest, maxsplit=1)[0]:
            raise ValueError(f"a Redirect cannot go to {to!r}: its path holds '//'")
        parts = _NAME.split(rest)
        if any(char in text for text in parts[::2] for char in "<>"):
            raise ValueError(f"a Redirect cannot go to {to!r}: write a parameter as <name>")
        try:
            self._parts = [part if at % 2 else tidy(part) for at, part in enumerate(parts)]
        except UnicodeEncodeError:
            raise ValueError(f"a Redirect cannot go to {to!r}, which is no valid text") from None
        self.names = frozenset(parts[1::2])
        # From the part that holds the first `?` or `#` on, a value must not break out of its place.
        self._query_from = next(
            (at for at, part in enumerate(parts) if not at % 2 and re.search("[?#]", part)),
            len(parts),
        )

    def url(self, values: Mapping[str, str], script: str, query: str) -> str:
        """Return the Location. `values` are encoded; `script` and `query` are WSGI strings."""
        pieces = [
            part if not at % 2 else self._value(values[part], at)
            for at, part in enumerate(self._parts)
        ]
        url, hash_, fragment = "".join(pieces).partition("#")
        if not self._site:
            # A run of slashes would name another host.
            url = "/" + (percent_path(script.lstrip("/\\")) + url).lstrip("/\\")
        if query:
            url += ("&" if "?" in url else "?") + location_query(query)
        return self._site + url + hash_ + fragment

    def _value(self, value: str, at: int) -> str:
        return tidy(value, "&=+;?#" if at > self._query_from else "?#")


def slash_location(script: str, path: str, query: str, raw: Sequence[str] | None = None) -> str:
    r"""Return the Location of the same path with a slash at its end, from WSGI strings.

    `raw`: the segments of script and path where an encoded slash stays inside its segment.

    >>> slash_location("", "//evil.example", "a=1")
    '/evil.example/?a=1'
    """
    if raw is None:
        return location(script + path + "/", query)
    encoded = "/".join([percent_path(segment).replace("/", "%2F") for segment in raw])
    url = "/" + encoded.lstrip("/\\") + "/"
    return f"{url}?{location_query(query)}" if query else url
