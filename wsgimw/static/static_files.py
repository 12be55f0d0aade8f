"""The layer itself: its options, and what is done for each request."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from re import Pattern
from typing import TYPE_CHECKING, Any, Literal

from wsgimw.compose import BaseLayer
from wsgimw.facts import Facts
from wsgimw.http.headers import Headers
from wsgimw.static import options
from wsgimw.static.assets import KEY, Assets
from wsgimw.static.serving import serve
from wsgimw.static.site import Site

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_BLANK = (b"",)
_HEADERS = (  # of its own answers; what comes from inside passes as it is
    "Accept-Ranges",
    "Access-Control-Allow-Origin",
    "Allow",
    "Cache-Control",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "ETag",
    "Last-Modified",
    "Location",
    "Retry-After",
    "Vary",
    "X-Content-Type-Options",
)


@dataclass(frozen=True, slots=True)
class StaticFiles(BaseLayer):
    """Answer requests for the files below `root`, pass everything else on.

    Raises `TypeError` for an option of the wrong kind and `ValueError` for a wrong value, here; and
    `ValueError` when it is bound, if a root is a file. RFC 9110, 8, 9, 13, 14, 15.

    >>> StaticFiles("public", prefix="/assets/", mode="frozen")
    StaticFiles('public', prefix='/assets', mode='frozen')
    """

    root: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
    """A directory, or several: the first that holds a name wins."""
    _: KW_ONLY
    prefix: str = "/static"
    """Where the files are, in whole segments of PATH_INFO; "" is the whole space."""
    mode: Literal["check", "frozen"] = "check"
    """"check": always as on the disk, one stat per hit. "frozen": the index is made once."""
    index: str | None = None
    """The name of the file that answers for its directory, such as "index.html"."""
    spa: str | None = None
    """The name of the page that answers navigations which miss."""
    miss: Literal["app", "404"] = "app"
    """Who answers a miss below the prefix."""
    max_age: int | None = 60
    """Seconds in `Cache-Control: public, max-age=N`; None sends no Cache-Control."""
    immutable: str | Pattern[str] | Callable[[str], bool] | None = None
    """Which names are sent as immutable, for one year: a regex that is searched, or a question."""
    precompressed: bool = True
    """Send the siblings `.br`, `.zst`, `.gz` that are not older than their source."""
    compress: bool = True
    """Without such a sibling compress text of 512 bytes to 64 KiB once, in memory."""
    memory: int = 32 * 2**20
    """Bytes of content that a bound app may hold; files above 64 KiB are never held."""
    dotfiles: bool = False
    """Whether names that begin with a dot exist. `.well-known` always does."""
    hide: Sequence[str] = ()
    """Globs for the last segment and for the whole name: these names do not exist."""
    follow_symlinks: bool = False
    """False: a link counts only while its real path is inside its root."""
    types: Mapping[str, str] | None = field(default=None, hash=False)
    """Media types by extension, before the built-in table."""
    cors: Literal["fonts", "*"] | None = "fonts"
    """What `Access-Control-Allow-Origin: *` is sent with."""
    headers: Callable[[str, Headers], object] | None = None
    """Edits the head (a list of pairs) in place, once per version of a representation."""
    snapshot: str | os.PathLike[str] | None = None
    """The file that `wsgimw static build --snapshot` has written, of the first root."""

    facts = Facts(
        does=["serves files", "answers early"],
        cost="nothing",
        headers=_HEADERS,
        environ=[KEY],
    )

    def __post_init__(self) -> None:
        """Check all options, and bring them into one form."""
        put = object.__setattr__
        put(self, "root", options.roots(self.root))
        put(self, "prefix", options.prefix(self.prefix))
        options.one_of("mode", self.mode, "check", "frozen")
        options.file_name("index", self.index, below=False)
        options.file_name("spa", self.spa, below=True)
        options.one_of("miss", self.miss, "app", "404")
        options.count("max_age", self.max_age, "seconds", none="to send no Cache-Control")
        options.immutable(self.immutable)
        for name in ("precompressed", "compress", "dotfiles", "follow_symlinks"):
            options.flag(name, getattr(self, name))
        options.count("memory", self.memory, "bytes")
        put(self, "hide", options.globs(self.hide))
        put(self, "types", options.types(self.types))
        options.one_of("cors", self.cors, "fonts", "*", None)
        options.head_editor(self.headers)
        put(self, "snapshot", options.snapshot(self.snapshot))

    @property
    def roots(self) -> tuple[str, ...]:
        """All roots, the first of which wins."""
        root = self.root
        return (root,) if isinstance(root, str) else tuple(map(os.fspath, root))  # type: ignore[arg-type]

    def _bind(self, app: WSGIApplication) -> WSGIApplication:
        site = Site(self)
        assets = Assets(site)
        check, prefix, inside = site.check, site.prefix, site.inside
        stat = os.stat

        def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            path = environ.get("PATH_INFO", "")
            found = site.places.get(path)
            if found is not None:
                # The plainest and most frequent requests, spelled out: this is what files cost.
                ready = found.ready.get(environ.get("HTTP_ACCEPT_ENCODING"))
                if (
                    ready is not None
                    and "HTTP_RANGE" not in environ
                    and "HTTP_IF_MATCH" not in environ
                    and "HTTP_IF_UNMODIFIED_SINCE" not in environ
                    and (not check or _is_current(found, stat))
                ):
                    method = environ["REQUEST_METHOD"]
                    field = environ.get("HTTP_IF_NONE_MATCH")
                    if field is not None:
                        same = field == ready.etag
                    else:
                        field = environ.get("HTTP_IF_MODIFIED_SINCE")
                        same = field is not None and field == ready.modified
                    if same:
                        if method == "GET" or method == "HEAD":
                            start_response("304 Not Modified", list(ready.bare))
                            return iter(_BLANK)  # of a list servers make a Content-Length
                    elif field is None:
                        if method == "GET":
                            if ready.data is not None:
                                start_response("200 OK", list(ready.head))
                                return [ready.data]
                        elif method == "HEAD":
                            start_response("200 OK", list(ready.head))
                            return [b""]
            if found is not None or path.startswith(inside) or path == prefix:
                body = serve(site, path, found, environ, start_response)
                if body is not None:
                    return body
            outer = environ.get(KEY)
            script_name = environ.get("SCRIPT_NAME")
            if outer is None and not script_name:
                environ[KEY] = assets
            else:
                environ[KEY] = Assets(site, script_name or "", outer)
            return app(environ, start_response)

        return bound


def _is_current(resource: Any, stat: Callable[[bytes], os.stat_result]) -> bool:
    """Is a resource of the first root what the disk has?"""
    version = resource.version
    try:
        st = stat(version.path)
    except OSError:
        return False
    return (
        (st.st_dev, st.st_ino, st.st_size, st.st_mtime_ns) == version.key
        and version.settled
        and not version.root.order
    )
