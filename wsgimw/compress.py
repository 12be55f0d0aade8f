"""Compress response bodies: `Compress`, and `Gzip` for gzip alone.

Use it where no server in front compresses: pages, JSON, exports and event streams go out smaller,
at once. Leave it out where a proxy does it, or let the proxy leave alone what has a
Content-Encoding. For some paths only, write `when("/api", Compress())`; an app or an inner layer
that wants one response left alone sets `environ["wsgimw.compress"] = False`.

>>> from wsgimw import compose
>>> def app(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain")])
...     return [b"hello " * 200]
>>> application = compose(Gzip())(app)
>>> environ = {"REQUEST_METHOD": "GET", "HTTP_ACCEPT_ENCODING": "gzip"}
>>> def start_response(status, headers):
...     print(status, [header for header in headers if header[0] != "Content-Length"])
>>> body = application(environ, start_response)
200 OK [('Content-Type', 'text/plain'), ('Vary', 'Accept-Encoding'), ('Content-Encoding', 'gzip')]
>>> environ["wsgimw.record"].reasons
['compress:gzip']

**What it decides.** Each response has one reason, `compress:<code>`, in `wsgimw.record`. The first
row that fits:

| code | when | `Vary` |
| --- | --- | --- |
| `opt-out` | `wsgimw.compress` is False when the head comes; `Content-Encoding: identity` | no |
| `encoded` | another Content-Encoding, or a Transfer-Encoding | no |
| `status` | 1xx, 204, 205 | no |
| `no-transform` | that Cache-Control directive, in request or response | no |
| `type` | the media type is not in `types`, or there is none | no |
| `status` | 304 | yes |
| `range` | 206, or a Content-Range | yes |
| `sendfile` | X-Sendfile, X-Accel-Redirect: another server writes the body | yes |
| `accept` | the client takes no coding of `codings` | yes |
| `cross-site` | the guard, below | yes |
| `empty`, `too-small` | no body, or one shorter than `min_size` | yes |
| `no-gain` | the coded body is not shorter; the original goes out | yes |
| `zstd`, `br`, `gzip` | compressed | yes |

(`late`: a head with `exc_info` that would be compressed came after the body was handed on as it
was. `unreadable`: the head is no list of pairs of texts; it goes on as it came, for the server to
refuse.)

**What it does with the body.** A list, and a first block as long as its Content-Length (Flask,
Django), is coded in one call and has an exact Content-Length. A stream is coded block by block;
where its length is unknown, each block is flushed (`flush`), so that what was yielded decodes
before the next block is asked for. Event streams get a coder that holds little memory. A body that
breaks off is never given the end of a complete stream.

**Entity tags.** `"x"` goes out as `"x--gzip"`; what comes back in If-None-Match and If-Match has
the app's own tag added, so 304 and 412 work, and nothing is weakened.

**The cross-site guard** (`breach_guard`; BREACH, RFC 9110 17.6). A response is not compressed when
all of these hold: the request has `Sec-Fetch-Site: cross-site`, a Cookie or Authorization, and no
`Sec-Fetch-User`; the response has neither `Cache-Control: public` nor
`Access-Control-Allow-Credentials: true`. The attack needs thousands of such requests; what pays for
it are embedded frames with third-party cookies.

Headers read: Accept-Encoding, Cache-Control, If-Match, If-None-Match, Sec-Fetch-Site,
Sec-Fetch-User, Cookie, Authorization, and of the response those named here. Written: Content-
Encoding, Content-Length, ETag, Vary, Server-Timing (`server_timing`); removed: Accept-Ranges,
Content-MD5, Digest, Content-Digest, Repr-Digest. Environ: makes `wsgimw.record`; adds to
`HTTP_IF_NONE_MATCH` and `HTTP_IF_MATCH`; `wsgimw.compress`.

In the order it stands outside of what makes bodies and inside of AccessLog, which so counts what is
sent. It costs the codec and some microseconds.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from wsgimw import misuse
from wsgimw.coded_tags import for_if_match, with_plain_tags
from wsgimw.codings import CODINGS, LEVELS
from wsgimw.compose import BaseLayer
from wsgimw.compress_flow import FRESH, NOTHING, CompressFlow, Plan, take
from wsgimw.compress_options import (
    check_bool,
    check_codings,
    check_levels,
    check_names,
    check_size,
)
from wsgimw.compressible import TYPES
from wsgimw.exchange import flow_held
from wsgimw.facts import Facts
from wsgimw.http.headers import has_directive
from wsgimw.record import KEY as RECORD
from wsgimw.record import Record

if TYPE_CHECKING:
    from typing import TypedDict, Unpack

    from _typeshed.wsgi import WSGIApplication

__all__ = ["CODINGS", "TYPES", "Compress", "Gzip"]

Function = TypeVar("Function", bound=Callable[..., Any])


_HEADERS = (
    "Content-Encoding",
    "Content-Length",
    "ETag",
    "Vary",
    "Server-Timing",
    "Accept-Ranges",
    "Content-MD5",
    "Digest",
    "Content-Digest",
    "Repr-Digest",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compress(BaseLayer):
    """Compress response bodies by what the client accepts and by how the body comes.

    Raises `TypeError` for an option of the wrong kind, `ValueError` for a wrong value, and
    `ImportError` for a coding whose package is not installed. RFC 9110, 8.4, 12.5.3.

    >>> Compress(codings=("gzip",), min_size=1000)
    Compress(codings=('gzip',), min_size=1000)
    """

    codings: tuple[str, ...] = CODINGS
    """Names out of zstd, br, gzip; their order breaks ties."""
    levels: Mapping[str, int] = field(default_factory=dict)
    """Coding to level: zstd 1 to 19 (3 if it is missing), br 1 to 11 (5), gzip 1 to 9 (6)."""
    min_size: int = 500
    """A body known to have fewer bytes is left alone."""
    types: tuple[str, ...] = TYPES
    """Patterns of media types, `*` is any run."""
    flush: bool = True
    """Flush a stream of unknown length after every block; False: live types only."""
    breach_guard: bool = True
    """Leave alone what a foreign page asks for with the visitor's cookies."""
    cache_size: int = 0
    """Bytes that the cache of coded bodies may hold, for each bound app; 0: no cache."""
    server_timing: bool = False
    """Append a Server-Timing member that tells what was done, or why not."""

    facts = Facts(
        reads=["body"],
        changes=["body"],
        does=["compresses"],
        cost="body",
        headers=_HEADERS,
        environ=["wsgimw.record", "HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH"],
    )

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "codings", check_codings(self.codings))
        put(self, "levels", check_levels(self.levels))
        put(self, "types", check_names("types", self.types, "text/*"))
        for name in ("min_size", "cache_size"):
            check_size(name, getattr(self, name))
        for name in ("flush", "breach_guard", "server_timing"):
            check_bool(name, getattr(self, name))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Compress):
            return NotImplemented
        return self._value() == other._value() and self._levels() == other._levels()

    def __hash__(self) -> int:
        return hash(self._value())

    def _value(self) -> tuple[object, ...]:
        return (
            self.codings,
            self.min_size,
            self.types,
            self.flush,
            self.breach_guard,
            self.cache_size,
            self.server_timing,
        )

    def _levels(self) -> dict[str, int]:
        """Return the levels in effect."""
        return {coding: self.levels.get(coding, LEVELS[coding].default) for coding in self.codings}

    def _bind(self, app: WSGIApplication) -> WSGIApplication:
        plan = Plan(
            levels=self._levels(),
            min_size=self.min_size,
            types=self.types,
            flush=self.flush,
            cache_size=self.cache_size,
            server_timing=self.server_timing,
        )
        choices = plan.choices
        guards, plain = self.breach_guard, not self.server_timing

        def begin(flow: CompressFlow) -> None:
            environ = flow.environ
            get = environ.get
            flow._plan = plan
            known = get(RECORD)  # rule 3: before the call, as all that is read here
            if known is None:
                known = environ[RECORD] = Record()
            flow._record = known
            flow._state = FRESH
            flow.settled = flow.complete = False
            flow.bytes = 0
            flow._reason = flow._encoder = flow._held = None
            accepted = get("HTTP_ACCEPT_ENCODING")
            flow._choice = choice = choices[accepted] if accepted else NOTHING
            flow._is_plain = plain
            flow._is_head = get("REQUEST_METHOD") == "HEAD"
            flow._keeps = "HTTP_CACHE_CONTROL" in environ and has_directive(
                environ["HTTP_CACHE_CONTROL"], "no-transform"
            )
            flow._is_foreign = (
                guards
                and "HTTP_SEC_FETCH_SITE" in environ
                and environ["HTTP_SEC_FETCH_SITE"].strip().lower() == "cross-site"
                and ("HTTP_COOKIE" in environ or "HTTP_AUTHORIZATION" in environ)
                and "HTTP_SEC_FETCH_USER" not in environ
            )
            if "HTTP_IF_NONE_MATCH" in environ and choice[0] and not flow._keeps:
                environ["HTTP_IF_NONE_MATCH"], flow._held = with_plain_tags(
                    environ["HTTP_IF_NONE_MATCH"], choice[0]
                )
                flow._is_plain = False
            if "HTTP_IF_MATCH" in environ:
                environ["HTTP_IF_MATCH"] = for_if_match(environ["HTTP_IF_MATCH"])

        return flow_held(app, CompressFlow, begin, take)


if TYPE_CHECKING:

    class _GzipOptions(TypedDict, total=False):
        min_size: int
        types: tuple[str, ...]
        flush: bool
        breach_guard: bool
        cache_size: int
        server_timing: bool


def _with_messages(function: Function) -> Function:
    """Give a function that makes layers the messages that a class of ours gets from its base."""
    own = inspect.signature(function).parameters
    options = [
        *(parameter for parameter in own.values() if parameter.kind is parameter.KEYWORD_ONLY),
        *(
            parameter
            for name, parameter in inspect.signature(Compress).parameters.items()
            if name not in ("codings", "levels")
        ),
    ]
    signature = inspect.Signature(options, return_annotation=Compress)

    @wraps(function)
    def checked(*args: Any, **given: Any) -> Any:
        misuse.check_options(function.__name__, signature, args, given)
        return function(**given)

    checked.__signature__ = signature  # type: ignore[attr-defined]
    checked.__wsgimw_makes_layers__ = True  # type: ignore[attr-defined]
    return cast("Function", checked)


@_with_messages
def Gzip(*, level: int = 6, **options: Unpack[_GzipOptions]) -> Compress:
    """Return a `Compress` for gzip alone, which needs no package but the standard library.

    `level` is 1 to 9; the options are those of `Compress` but `codings` and `levels`.

    >>> Gzip(level=9) == Compress(codings=("gzip",), levels={"gzip": 9})
    True
    """
    return Compress(codings=("gzip",), levels={"gzip": level}, **options)
