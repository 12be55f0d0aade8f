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
was.)

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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial, wraps
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar, cast

from wsgimw import compress_head as head
from wsgimw import misuse
from wsgimw.coded_cache import CodedCache
from wsgimw.coded_tags import for_if_match, with_plain_tags
from wsgimw.codings import CODINGS, LEVELS, Encoder, compressor, encoder, require
from wsgimw.compose import BaseLayer
from wsgimw.compress_head import Verdict
from wsgimw.compressible import LEFT_ALONE, LIVE, TYPES, classifier
from wsgimw.describe import describe
from wsgimw.exchange import Flow, flow_through
from wsgimw.http.headers import Headers, has_directive
from wsgimw.http.negotiation import choose_coding
from wsgimw.record import Record, record

if TYPE_CHECKING:
    from typing import TypedDict, Unpack

    from _typeshed import OptExcInfo
    from _typeshed.wsgi import WSGIApplication

    from wsgimw.exchange import Block

__all__ = ["CODINGS", "TYPES", "Compress", "Gzip"]

Function = TypeVar("Function", bound=Callable[..., Any])

_OPT_OUT = Verdict("opt-out", varies=False)
_ENCODED = Verdict("encoded", varies=False)
_STATUS = Verdict("status", varies=False)
_NO_TRANSFORM = Verdict("no-transform", varies=False)
_TYPE = Verdict("type", varies=False)
_NOT_MODIFIED = Verdict("status", varies=True)
_RANGE = Verdict("range", varies=True)
_SENDFILE = Verdict("sendfile", varies=True)
_ACCEPT = Verdict("accept", varies=True)
_CROSS_SITE = Verdict("cross-site", varies=True)
_EMPTY = Verdict("empty", varies=True)
_TOO_SMALL = Verdict("too-small", varies=True)
_NO_GAIN = Verdict("no-gain", varies=True)
_LATE = Verdict("late", varies=True)
_NO_BODY = frozenset({"204", "205"})
_CODED = {coding: Verdict(coding, varies=True) for coding in LEVELS}


class _Levels(Mapping[str, int]):
    """A mapping of its own that nobody can change, and that shows as a dict."""

    __slots__ = ("_levels",)

    def __init__(self, levels: Mapping[str, int]) -> None:
        self._levels = dict(levels)

    def __getitem__(self, coding: str) -> int:
        return self._levels[coding]

    def __iter__(self) -> Iterator[str]:
        return iter(self._levels)

    def __len__(self) -> int:
        return len(self._levels)

    def __repr__(self) -> str:
        return repr(self._levels)


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

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "codings", _check_codings(self.codings))
        put(self, "levels", _check_levels(self.levels))
        put(self, "types", _check_names("types", self.types, "text/*"))
        for name in ("min_size", "cache_size"):
            size = _check_int(f"{name}:", getattr(self, name), "a number of bytes")
            if size < 0:
                raise ValueError(f"{name}={size} is negative; give a number of bytes, 0 or more")
        for name in ("flush", "breach_guard", "server_timing"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name}={describe(getattr(self, name))} must be True or False")

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
        plan = _Plan(self)
        choose = plan.choose
        guards = self.breach_guard

        def begin(flow: _CompressFlow) -> None:
            environ = flow.environ
            get = environ.get
            flow._plan = plan
            flow._record = record(environ)  # rule 3: before the call, as all that is read here
            flow._state = _FRESH
            flow._reason = flow._encoder = flow._exc_info = flow._held = flow._coded = None
            accepted = get("HTTP_ACCEPT_ENCODING")
            # What is too long is not read; so it is not remembered, either.
            choice = choose(accepted) if accepted and len(accepted) <= 1024 else _NOTHING
            flow._choice = choice
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
            if "HTTP_IF_MATCH" in environ:
                environ["HTTP_IF_MATCH"] = for_if_match(environ["HTTP_IF_MATCH"])

        return flow_through(app, _CompressFlow, begin)


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


def _check_names(option: str, names: Any, example: str) -> tuple[str, ...]:
    if isinstance(names, str):
        raise TypeError(f"{option}={names!r} is a str; write a tuple: {option}=({names!r},)")
    if not isinstance(names, (tuple, list)):
        raise TypeError(
            f"{option}={describe(names)} must be a tuple of str: {option}=({example!r},)"
        )
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{option} holds {describe(name)}; its members must be str")
    return tuple(names)


def _check_codings(names: Any) -> tuple[str, ...]:
    codings = _check_names("codings", names, "gzip")
    known = ", ".join(LEVELS)
    if not codings:
        raise ValueError(f"codings is empty; name one or more of {known}, or leave the layer out")
    for coding in codings:
        if coding not in LEVELS:
            raise ValueError(f"codings holds {coding!r}, which is not known; there are {known}")
        if codings.count(coding) > 1:
            raise ValueError(f"codings holds {coding!r} more than once; name each coding once")
        require(coding)
    return codings


def _check_levels(levels: Any) -> Mapping[str, int]:
    if not isinstance(levels, Mapping):
        raise TypeError(
            f"levels={describe(levels)} must be a mapping of coding to level: levels={{'gzip': 6}}"
        )
    for coding, level in levels.items():
        if coding not in LEVELS:
            raise ValueError(
                f"levels names {coding!r}, which is not known; there are {', '.join(LEVELS)}"
            )
        _, lowest, highest = LEVELS[coding]
        _check_int(f"the level of {coding},", level, f"{lowest} to {highest}")
        if not lowest <= level <= highest:
            raise ValueError(
                f"the level of {coding}, {level}, is out of range; give {lowest} to {highest}"
            )
    return _Levels(levels)


def _check_int(what: str, value: Any, accepted: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{what} {value!r} must be an int, {accepted}")
    return value


_Choice = tuple[str | None, str | None]


class _Plan:
    """What a bound app needs of its layer, worked out once. It holds nothing of a request."""

    __slots__ = ("choose", "compressors", "flush", "kind_of", "levels", "min_size", "server_timing")

    def __init__(self, layer: Compress) -> None:
        levels = layer._levels()
        compressors = {coding: compressor(coding, level) for coding, level in levels.items()}
        self.choose = _chooser(layer.codings)
        self.levels = levels
        self.flush = layer.flush
        self.kind_of = classifier(layer.types)
        self.min_size = layer.min_size
        self.server_timing = layer.server_timing
        if layer.cache_size:
            cache = CodedCache(layer.cache_size, compressors)
            compressors = {coding: partial(cache.coded, coding) for coding in levels}
        self.compressors: Mapping[str, Callable[[bytes], bytes]] = compressors


def _chooser(codings: tuple[str, ...]) -> Callable[[str], _Choice]:
    """Return the function from Accept-Encoding to the coding of a body, and to that of a live one.

    Live: gzip first. It makes less of small flushed events than others do, in less memory.
    """
    live = tuple(sorted(codings, key=lambda coding: coding != "gzip"))

    @lru_cache(512)
    def choose(accepted: str) -> _Choice:
        first, second = choose_coding(accepted, codings), choose_coding(accepted, live)
        return (first if first in LEVELS else None, second if second in LEVELS else None)

    return choose


_NOTHING: _Choice = (None, None)

# Where a response stands. FRESH: no head yet. PENDING: a head that is to be compressed is held,
# until it is known how the body comes. CODING: the head is out, blocks are coded. PLAIN: the head
# is out, blocks pass. HANDED: the same, and the inner body itself was handed on. MUTE: the body is
# out, or is none (HEAD); what still comes is dropped.
_FRESH, _PENDING, _CODING, _PLAIN, _HANDED, _MUTE = range(6)


class _CompressFlow(Flow):
    """One request on its way through `Compress`."""

    __slots__ = (
        "_choice",
        "_coded",
        "_coding",
        "_encoder",
        "_exc_info",
        "_flushes",
        "_found",
        "_held",
        "_is_foreign",
        "_is_head",
        "_keeps",
        "_left",
        "_live",
        "_plan",
        "_reason",
        "_record",
        "_state",
    )

    ends = False

    _choice: _Choice
    _coded: bytes | None
    _coding: str
    _encoder: Encoder | None
    _exc_info: OptExcInfo | None
    _flushes: bool
    _found: head.Found
    _held: Mapping[str, str] | None
    _is_foreign: bool
    _is_head: bool
    _keeps: bool
    _left: int | None
    _live: bool
    _plan: _Plan
    _reason: str | None
    _record: Record
    _state: int

    # The head.

    def start(
        self, status: str, headers: Headers, exc_info: OptExcInfo | None = None, /
    ) -> Callable[[Block], object]:
        found = head.look(headers)
        if self._state:
            return self._start_anew(status, headers, exc_info, found)
        self.status = status
        self._found = found
        self._exc_info = exc_info
        verdict = self._judge(status, found)
        if verdict is not None:
            self.headers = headers
            return self._leave(verdict, _PLAIN)
        self.headers = [*headers]  # rule 12: a fresh list, the app may have given us a constant
        self._state = _PENDING
        return self.write

    def _start_anew(
        self, status: str, headers: Headers, exc_info: OptExcInfo | None, found: head.Found
    ) -> Callable[[Block], object]:
        """Take a head that replaces a former one (rule 7): decide all of it anew."""
        if exc_info is None and self._state == _PENDING:
            self._commit_stream()  # a second head, which the server must refuse
        if exc_info is None or self.bytes:
            self.forward(status, headers, exc_info)  # bytes have left: it raises
            return self.write
        self._encoder = None
        verdict, state = self._judge(status, found), self._state
        if state == _HANDED:
            verdict = verdict or _LATE
        self.status, self._found, self._exc_info = status, found, exc_info
        if verdict is not None:
            self.headers = headers
            self._leave(verdict, _HANDED if state == _HANDED else _PLAIN)
        else:
            self.headers = [*headers]
            if state != _PENDING:
                self._commit_stream()  # the head before it is out, so this one cannot wait
        return self.write

    def _judge(self, status: str, found: head.Found) -> Verdict | None:
        """Return the first row of the table that fits, or None: compress.

        What only the body shows (its size, no gain) comes later.
        """
        plan = self._plan
        if self.environ.get("wsgimw.compress") is False:
            return _OPT_OUT
        if "content-encoding" in found:
            return _OPT_OUT if head.is_identity(found) else _ENCODED
        if "transfer-encoding" in found:
            return _ENCODED
        code = status[:3]
        if code != "200" and (code in _NO_BODY or code[:1] == "1"):
            return _STATUS
        cache_control = found.get("cache-control")
        if self._keeps or (cache_control is not None and head.forbids(cache_control[1])):
            return _NO_TRANSFORM
        content_type = found.get("content-type")
        kind = LEFT_ALONE if content_type is None else plan.kind_of(content_type[1])
        if kind == LEFT_ALONE and (code != "304" or content_type is not None):
            return _TYPE
        if code == "304":
            return _NOT_MODIFIED
        if code == "206" or "content-range" in found:
            return _RANGE
        if "x-sendfile" in found or "x-accel-redirect" in found:
            return _SENDFILE
        declared = found.get("content-length")
        self._left = length = None if declared is None else head.content_length(declared[1])
        self._live = live = kind == LIVE and length is None
        coding = self._choice[live]
        if coding is None:
            return _ACCEPT
        if self._is_foreign and not head.is_for_all(found):
            return _CROSS_SITE
        if length is None:
            self._flushes = live or plan.flush
        elif not length:
            return _EMPTY
        elif length < plan.min_size:
            return _TOO_SMALL
        else:
            self._flushes = False
        self._coding = coding
        return None

    def _leave(self, verdict: Verdict, state: int) -> Callable[[Block], object]:
        """Send the app's own head on: the body goes out as it is."""
        headers = self.headers
        if verdict.varies:
            headers = [*headers]
            head.vary(headers, self._found)
        elif verdict is _OPT_OUT and head.is_identity(self._found):
            headers = head.without_identity(headers)
            self.environ["wsgimw.compress"] = False  # outer layers do not see the wish else
        if self._held and self.status[:3] == "304":
            headers = head.with_held_tag(headers, self._held)
        if self._plan.server_timing:
            headers = head.with_timing(headers, verdict.code)
        exc_info, self._exc_info = self._exc_info, None  # rule 9
        write = self.forward(self.status, headers, exc_info)
        self._state = state
        if self._reason is None:
            self._reason = reason = verdict.reason
            self._record.reasons.append(reason)
        else:
            self._note(verdict)
        return write

    def _commit(self, length: int | None, state: int, seconds: float | None = None) -> None:
        """Send the head of the coded body."""
        headers, coding = self.headers, self._coding
        head.make_coded(headers, self._found, coding, length)
        if self._plan.server_timing:
            headers = head.with_timing(headers, coding, seconds)
        exc_info, self._exc_info = self._exc_info, None  # rule 9
        self.forward(self.status, headers, exc_info)
        self._state = state
        verdict = _CODED[coding]
        if self._reason is None:
            self._reason = reason = verdict.reason
            self._record.reasons.append(reason)
        else:
            self._note(verdict)

    def _commit_stream(self) -> None:
        self._commit(None, _MUTE if self._is_head else _CODING)

    def _note(self, verdict: Verdict) -> None:
        """Put this reason in the place of the former one (rule 7: decided anew, not added to)."""
        reasons = self._record.reasons
        if self._reason in reasons:
            reasons.remove(self._reason)
        self._reason = reason = verdict.reason
        reasons.append(reason)

    # The body.

    def hand_on(self, body: Any, final: bool, /) -> bool:
        state = self._state
        if state == _PLAIN:
            self._state = _HANDED
            return True
        if state != _PENDING:
            return False
        listed = final and isinstance(body, (list, tuple))
        if listed:
            data = body[0] if len(body) == 1 else b"".join(body)
            size, declared = len(data), self._left
            if declared is None:
                if not size:
                    # To HEAD an empty list does not show the size of what GET would be sent.
                    if not self._is_head:
                        self._leave(_EMPTY, _HANDED)
                        return True
                elif size < self._plan.min_size:
                    self._leave(_TOO_SMALL, _HANDED)
                    return True
            elif size > declared:
                data = data[:declared]  # matrix.md S4: a server would have cut it
            if not self._is_head and (declared is None or size >= declared):
                self._coded = self._code_whole(data, _HANDED)
                return self._coded is None
        elif final:
            self._flushes = False  # a file: nobody waits for a block of it
        if listed or self._is_head:
            self._commit_stream()
        return False

    def whole(self, blocks: list[Block]) -> list[Block] | None:
        return None if self._coded is None else [self._coded]

    def _code_whole(self, data: bytes, otherwise: int) -> bytes | None:
        """Code a whole body and send its head; None: that gains nothing, and the app's was sent."""
        compress, seconds = self._plan.compressors[self._coding], None
        if self._plan.server_timing:
            started = perf_counter()
            coded = compress(data)
            seconds = perf_counter() - started
        else:
            coded = compress(data)
        if len(coded) >= len(data):
            self._leave(_NO_GAIN, otherwise)
            return None
        self._commit(len(coded), _MUTE, seconds)
        return coded

    def block(self, block: Block, /) -> Block:
        state = self._state
        if state == _PENDING:
            length = self._left
            if length is not None and len(block) >= length and not self._is_head:
                data = block[:length]  # matrix.md S4
                self._coded = self._code_whole(data, _MUTE)
                return data if self._coded is None else self._coded
            self._commit_stream()
            state = self._state
        if state == _CODING:
            return self._code(block, self._flushes) if block else block  # rule 19
        return block if state in (_PLAIN, _FRESH) else b""

    def _code(self, block: bytes, flushes: bool) -> bytes:
        stream = self._encoder
        if stream is None:
            stream = self._encoder = self._new_encoder()
        left = self._left
        if left is not None:
            if len(block) >= left:
                # matrix.md S4: not a byte more than was declared.
                return stream.encode(block[:left]) + self._end()
            self._left = left - len(block)
        return stream.flushed(block) if flushes else stream.encode(block)

    def _new_encoder(self) -> Encoder:
        return encoder(self._coding, self._plan.levels[self._coding], live=self._live)

    def _end(self) -> bytes:
        """Write the codec's end; what was never fed has one, too, since its head names a coding."""
        stream = self._encoder or self._new_encoder()
        self._encoder = None
        self._state = _MUTE
        return stream.end()

    def finish(self) -> Block:
        if self._state == _PENDING:
            if self._is_head:
                self._commit_stream()
            else:
                self._leave(_EMPTY, _PLAIN)
        elif self._state == _CODING:
            if self._left is None:
                return self._end()
            if self._encoder is not None:
                # Shorter than was declared: all of it, but not the end of a complete stream.
                return self._encoder.flushed(b"")
        return b""

    def write(self, data: Block, /) -> object:
        if self._state == _PENDING:
            self._commit_stream()
        if self._state == _CODING:
            data = self._code(data, True) if data else data
        elif self._state == _MUTE:
            data = b""
        return Flow.write(self, data)

    def ended(self) -> None:
        # The server may hold this object for a while.
        self._encoder = self._coded = self._exc_info = None
