"""One request on its way through `Compress`: what its head decides, and how its body goes out.

`wsgimw.compress` says what is promised; here it is kept. The rows of the table are judged in
`CompressFlow._judge`, and what only the body can show (its size, no gain) where the body comes.

>>> plan = Plan(
...     levels={"gzip": 6}, min_size=500, types=("text/*",), flush=True, cache_size=0,
...     server_timing=False,
... )
>>> plan.choices["br, gzip;q=0.5"]
('gzip', 'gzip')
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from wsgimw import compress_head as head
from wsgimw.coded_cache import CodedCache
from wsgimw.codings import LEVELS, Encoder, compressor, encoder
from wsgimw.compress_head import Verdict
from wsgimw.compressible import LEFT_ALONE, LIVE, kinds
from wsgimw.exchange import Flow
from wsgimw.http.headers import Headers
from wsgimw.http.negotiation import choose_coding
from wsgimw.record import Record
from wsgimw.remembered import Remembered

if TYPE_CHECKING:
    from _typeshed import OptExcInfo

    from wsgimw.exchange import Block

__all__ = ["FRESH", "NOTHING", "CompressFlow", "Plan", "take"]

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
_UNREADABLE = Verdict("unreadable", varies=False)
_NO_BODY = frozenset({"204", "205"})
_CODED_BY_THE_APP = head.ENCODING | head.TRANSFER
_CODED = {coding: Verdict(coding, varies=True) for coding in LEVELS}


Choice = tuple[str, str]


class Plan:
    """What a bound app needs of its layer, worked out once. It holds nothing of a request."""

    __slots__ = (
        "choices",
        "compressors",
        "flush",
        "kinds",
        "levels",
        "min_size",
        "server_timing",
    )

    def __init__(
        self,
        *,
        levels: dict[str, int],
        min_size: int,
        types: tuple[str, ...],
        flush: bool,
        cache_size: int,
        server_timing: bool,
    ) -> None:
        compressors = {coding: compressor(coding, level) for coding, level in levels.items()}
        if cache_size:
            cache = CodedCache(cache_size, compressors)
            compressors = {coding: partial(cache.coded, coding) for coding in levels}
        self.compressors: Mapping[str, Callable[[bytes], bytes]] = compressors
        self.choices = _choices(tuple(levels))
        self.levels = levels
        self.flush = flush
        self.kinds = kinds(types)
        self.min_size = min_size
        self.server_timing = server_timing


def _choices(codings: tuple[str, ...]) -> Remembered[Choice]:
    """Map Accept-Encoding to the coding of a body, and to that of a live one.

    Live: gzip first. It makes less of small flushed events than others do, in less memory.
    """
    live = tuple(sorted(codings, key=lambda coding: coding != "gzip"))

    def choose(accepted: str) -> Choice:
        first, second = choose_coding(accepted, codings), choose_coding(accepted, live)
        if first is None or second is None or first not in LEVELS:  # identity, and then both are
            return NOTHING
        return first, second

    return Remembered(choose, 512)


NOTHING: Choice = ("", "")

# Where a response stands. FRESH: no head yet. PENDING: a head that is to be compressed is held,
# until it is known how the body comes. CODING: the head is out, blocks are coded. PLAIN: the head
# is out, blocks pass (and mostly the body itself was handed on: `complete` is None then). MUTE: the
# body is out, or is none (HEAD); what still comes is dropped.
FRESH, _PENDING, _CODING, _PLAIN, _MUTE = range(5)


class CompressFlow(Flow):
    """One request on its way through `Compress`."""

    __slots__ = (
        "_choice",
        "_coded",
        "_coding",
        "_encoder",
        "_exc_info",
        "_flushes",
        "_held",
        "_is_foreign",
        "_is_head",
        "_is_plain",
        "_keeps",
        "_left",
        "_live",
        "_plan",
        "_reason",
        "_record",
        "_seen",
        "_state",
        "settled",
    )

    ends = False

    _choice: Choice
    _coded: bytes | None
    _coding: str
    _encoder: Encoder | None
    _exc_info: OptExcInfo | None
    _flushes: bool
    _held: Mapping[str, str] | None
    _is_foreign: bool
    _is_head: bool
    _is_plain: bool  # the head of what is left alone gains a Vary at most
    _keeps: bool
    _left: int | None
    _live: bool
    _plan: Plan
    _reason: str | None
    _record: Record
    _seen: int  # the bits of the head that was judged
    _state: int
    settled: bool

    # The head.

    def start(
        self, status: str, headers: Headers, exc_info: OptExcInfo | None = None, /
    ) -> Callable[[Block], object]:
        if self._state:
            return self._start_anew(status, headers, exc_info)
        try:
            verdict = self._judge(status, headers)
        except (TypeError, ValueError, AttributeError):
            return self._hand_over(status, headers, exc_info)
        if verdict is not None and verdict is not _OPT_OUT and exc_info is None and self._is_plain:
            # `_leave`, written out for what is left alone, since each such response pays for it.
            if verdict.varies:
                if self._seen & head.VARY:
                    headers = [*headers]
                    head.vary(headers, self._seen)
                else:
                    headers = [*headers, head.VARIES]
            write = self.start_response(status, headers)
            self._state = _PLAIN
            self.settled = True
            self._reason = reason = verdict.reason
            self._record.reasons.append(reason)
            return write
        self.status = status
        self.headers = headers
        self._exc_info = exc_info
        if verdict is not None:
            return self._leave(verdict)
        self.headers = [*headers]  # rule 12: a fresh list, the app may have given us a constant
        self._state = _PENDING
        return self

    def _start_anew(
        self, status: str, headers: Headers, exc_info: OptExcInfo | None
    ) -> Callable[[Block], object]:
        """Take a head that replaces a former one (rule 7): decide all of it anew."""
        if exc_info is None and self._state == _PENDING:
            self._commit_stream()  # a second head, which the server must refuse
        if exc_info is None or self.bytes:
            self.forward(status, headers, exc_info)  # bytes have left: it raises
            return self
        seen = self._seen
        try:
            verdict = self._judge(status, headers)
        except (TypeError, ValueError, AttributeError):
            self._seen = seen  # the former head may have to do after all
            return self._hand_over(status, headers, exc_info)
        if self.complete is None:  # the body was handed on
            verdict = verdict or _LATE
        self.status, self.headers = status, [*headers]
        self._exc_info = exc_info
        self._encoder = None
        self.settled = False
        if verdict is not None:
            self._leave(verdict)
        elif self._state != _PENDING:
            self._commit_stream()  # the head before it is out, so this one cannot wait
        return self

    def _judge(self, status: str, headers: Headers) -> Verdict | None:
        """Return the first row of the table that fits, or None: compress.

        What only the body shows (its size, no gain) comes later.
        """
        seen, content_type, cache_control, declared = head.look(headers)
        self._seen = seen
        environ = self.environ
        if "wsgimw.compress" in environ and environ["wsgimw.compress"] is False:
            return _OPT_OUT
        if seen >= head.LEFT_ALONE and seen & _CODED_BY_THE_APP:
            plain = seen & head.ENCODING and head.is_identity(headers)
            return _OPT_OUT if plain else _ENCODED
        code = "200" if status == "200 OK" else status[:3]
        if code != "200" and (code in _NO_BODY or code[:1] == "1"):
            return _STATUS
        if self._keeps or (cache_control is not None and head.forbids[cache_control]):
            return _NO_TRANSFORM
        plan = self._plan
        kind = LEFT_ALONE if content_type is None else plan.kinds[content_type]
        if kind == LEFT_ALONE and (code != "304" or content_type is not None):
            return _TYPE
        if code != "200":
            if code == "304":
                return _NOT_MODIFIED
            if code == "206":
                return _RANGE
        if seen >= head.LEFT_ALONE:
            return _RANGE if seen & head.RANGE else _SENDFILE
        if self._choice is NOTHING:
            return _ACCEPT
        length = None if declared is None else head.content_length(declared)
        live = kind == LIVE and length is None
        if self._is_foreign and not head.is_for_all(headers, cache_control):
            return _CROSS_SITE
        if length is None:
            self._flushes = live or plan.flush
        elif not length:
            return _EMPTY
        elif length < plan.min_size:
            return _TOO_SMALL
        else:
            self._flushes = False
        self._left = length
        self._live = live
        self._coding = self._choice[live]
        return None

    def _hand_over(
        self, status: str, headers: Headers, exc_info: OptExcInfo | None
    ) -> Callable[[Block], object]:
        """Send a head on that cannot be read: it is the server that refuses it."""
        write = self.forward(status, headers, exc_info)
        self.status, self.headers, self._seen = status, headers, 0
        self._exc_info = None  # rule 9
        self._state = _PLAIN
        self.settled = True
        self._note(_UNREADABLE)
        return write

    def _leave(self, verdict: Verdict) -> Callable[[Block], object]:
        """Send the app's own head on: the body goes out as it is."""
        headers = self.headers
        if verdict.varies:
            if self._state != _PENDING:
                self.headers = headers = [*headers]  # rule 12; a head that was held is a copy
            head.vary(headers, self._seen)
        elif verdict is _OPT_OUT and head.is_identity(headers):
            headers = head.without_identity(headers)
            self.environ["wsgimw.compress"] = False  # outer layers do not see the wish else
        if not self._is_plain:
            if self._held and self.status[:3] == "304":
                headers = head.with_held_tag(headers, self._held)
            if self._plan.server_timing:
                headers = head.with_timing(headers, verdict.code)
        exc_info, self._exc_info = self._exc_info, None  # rule 9
        write = self.forward(self.status, headers, exc_info)
        self._state = _PLAIN
        self.settled = True
        if self._reason is None:
            self._reason = reason = verdict.reason
            self._record.reasons.append(reason)
        else:
            self._note(verdict)
        return write

    def _commit(self, length: int | None, state: int, seconds: float | None = None) -> None:
        """Send the head of the coded body."""
        headers, coding = self.headers, self._coding
        head.make_coded(headers, self._seen, coding, length)
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
        self._coded = None
        if self._state != _PENDING:
            return False
        listed = final and isinstance(body, (list, tuple))
        if listed:
            self._coded = self._code_list(body)
            if self._state != _PENDING:
                return self._coded is None
        elif final:
            self._flushes = False  # a file: nobody waits for a block of it
        if listed or self._is_head:
            self._commit_stream()
        return False

    def _code_list(self, blocks: Sequence[Block]) -> Block | None:
        """Code what is all there, and send its head. None: it goes out as it is, or block by block.

        Then its head is held still: for HEAD, and what is shorter than was declared.
        """
        data = blocks[0] if len(blocks) == 1 else b"".join(blocks)
        size, declared = len(data), self._left
        if declared is None:
            if not size or size < self._plan.min_size:
                # To HEAD an empty list does not show the size of what GET would be sent.
                if size or not self._is_head:
                    self._leave(_TOO_SMALL if size else _EMPTY)
                return None
        elif size < declared:
            return None
        elif size > declared:
            data = data[:declared]  # matrix.md S4: a server would have cut it
        return None if self._is_head else self._code_whole(data)

    def whole(self, blocks: list[Block]) -> list[Block] | None:
        return None if self._coded is None else [self._coded]

    def _code_whole(self, data: bytes) -> bytes | None:
        """Code a whole body and send its head; None: that gains nothing, and the app's was sent."""
        compress, seconds = self._plan.compressors[self._coding], None
        if self._plan.server_timing:
            started = perf_counter()
            coded = compress(data)
            seconds = perf_counter() - started
        else:
            coded = compress(data)
        if len(coded) >= len(data):
            self._leave(_NO_GAIN)
            return None
        self._commit(len(coded), _MUTE, seconds)
        return coded

    def block(self, block: Block, /) -> Block:
        state = self._state
        if state == _PENDING:
            length = self._left
            if length is not None and len(block) >= length and not self._is_head:
                data = block[:length]  # matrix.md S4
                coded = self._code_whole(data)
                self._state = _MUTE
                return data if coded is None else coded
            self._commit_stream()
            state = self._state
        if state == _CODING:
            return self._code(block, self._flushes) if block else block  # rule 19
        return block if state in (_PLAIN, FRESH) else b""

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
                self._leave(_EMPTY)
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

    __call__ = write
    """So the flow itself is the `write` that goes inwards, and a bound method less is made."""

    def ended(self) -> None:
        # The server may hold this object for a while.
        self._encoder = self._coded = self._exc_info = None


def take(flow: CompressFlow, body: list[Block]) -> list[Block] | None:
    """Code a plain list: `hand_on` and `whole`, made short for most of all."""
    if flow._state != _PENDING or flow._is_head:
        return None
    coded = flow._code_list(body)
    if coded is not None:
        return [coded]
    if flow._state == _PENDING:
        return None
    flow.complete = None  # it is handed on
    return body
