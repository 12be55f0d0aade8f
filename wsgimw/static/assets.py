"""`environ["wsgimw.static"]`: the URLs and hashes of static files, for templates.

>>> import os, tempfile
>>> from wsgimw import StaticFiles
>>> root = tempfile.TemporaryDirectory()
>>> with open(os.path.join(root.name, "app.css"), "w") as file:
...     _ = file.write("a{}")
>>> def app(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain")])
...     assets = environ["wsgimw.static"]
...     print(assets.url("app.css"), assets.integrity("app.css")[:12])
...     return [b""]
>>> environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SCRIPT_NAME": "/shop"}
>>> body = StaticFiles(root.name)(app)(environ, lambda status, headers: None)
/shop/static/app.~X1RutGBrXCt9KkSa.css sha384-m4Zcd
>>> root.cleanup()

The URL has the content in it and is served with `immutable`, so it is never asked for again, and a
changed file has another one at once. No copy is written anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wsgimw.http.paths import percent_path, to_wsgi
from wsgimw.static.names import nearest, readable, tagged
from wsgimw.static.opening import Gone, Root

if TYPE_CHECKING:
    from wsgimw.static.site import Site

KEY = "wsgimw.static"


class Assets:
    """The static files as the app of one request sees them."""

    __slots__ = ("_outer", "_script_name", "_site")

    def __init__(self, site: Site, script_name: str = "", outer: Any = None) -> None:
        self._site = site
        self._script_name = script_name
        self._outer = outer
        while isinstance(outer, Assets):
            if outer._site is site:  # an environ that comes again brings our own object along
                self._outer = outer._outer
            outer = outer._outer

    def url(self, name: str) -> str:
        """Return the fingerprinted URL path of a file, with SCRIPT_NAME in front.

        `name` is the path below the root, `css/app.css`. Raises `KeyError`, with the nearest name,
        for one that no layer knows.
        """

        def make(root: Root, file: str) -> str:
            path = self._site.inside + tagged(to_wsgi(name), self._site.hashes.tag(root, file)[0])
            return percent_path(self._script_name + path)

        return self._of(name, "url", make)

    def integrity(self, name: str) -> str:
        """Return the value of an `integrity` attribute: `sha384-...` of the file as it is.

        Raises `KeyError` as `url` does.
        """
        return self._of(name, "integrity", self._site.hashes.integrity)

    def _of(self, name: str, method: str, make: Callable[[Root, str], str]) -> str:
        site = self._site
        try:
            wanted = to_wsgi(name)
        except UnicodeEncodeError:
            raise KeyError(f"{name!r} is no name of a file") from None
        if site.check:
            site.refresh(site.inside + wanted)
        for tree in site.trees:
            file = site.file(tree.root, wanted)
            if file is not None:
                try:
                    return make(tree.root, file)
                except Gone:
                    continue
        if self._outer is not None:
            found: str = getattr(self._outer, method)(name)
            return found
        skip = len(site.inside)
        near = nearest(wanted, [path[skip:] for path in site.places if len(path) > skip])
        hint = f"; did you mean {readable(near)!r}?" if near else ""
        raise KeyError(f"no static file {name!r}{hint}")
