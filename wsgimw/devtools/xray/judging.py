"""Who broke a rule: the linter's own checker sees a request once more, from what was noted of it.

The spies only note (`wsgimw.devtools.xray.spy`). Here the notes are told to the linter's
`Crossing`s, one for each boundary, in the order in which things happened: so there is one set of
rules, one text for each fault, and one way to blame. Where a value was an object, what is kept of
it stands in; where it is a secret, it is masked, but for what is wrong with it.
"""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable, Mapping
from typing import Any

from wsgimw.devtools.xray import tape as tapes
from wsgimw.devtools.xray.things import Thing, plain, stand_in
from wsgimw.redact import REDACTED
from wsgimw.testing.crossing import Boundary, Crossing, Room
from wsgimw.testing.faults import CONTROL, REQUIRED

Secret = Callable[[str], bool]


class _Stream:
    """A `wsgi.input` or `wsgi.errors` that has all its methods."""

    def read(self) -> None: ...

    readline = readlines = __iter__ = write = writelines = flush = read


# What the server gives is not on trial: an environ without a fault, but for what layers changed.
_SOUND: dict[str, Any] = {
    **dict.fromkeys(REQUIRED, ""),
    "wsgi.input": _Stream(),
    "wsgi.errors": _Stream(),
}
_ERROR = ValueError()
_EXC_INFO = (ValueError, _ERROR, None)

Blamed = dict[Room, list[tuple[int, str]]]


class Judge:
    """Hears the notes of one request, and knows afterwards who is to blame for what."""

    def __init__(self, method: str, secret: Secret = lambda name: False) -> None:
        self.method = method
        self.secret = secret
        self.blamed: Blamed = {}
        self.crossings: dict[int, Replayed] = {}
        self.environs: dict[int, Any] = {}
        self.masked: dict[int, Any] = {}  # the same header stays the same tuple

    def blame(self, room: Room, rule: int, sentence: str) -> None:
        """Note a fault once."""
        faults = self.blamed.setdefault(room, [])
        if (rule, sentence) not in faults:
            faults.append((rule, sentence))

    def hear(self, tape: list[tuple[Any, ...]]) -> None:
        """Hear all notes."""
        self.base = {**_SOUND, "REQUEST_METHOD": self.method, **self._before(tape)}
        for what, number, *rest in tape:
            if what == tapes.CUT:
                return  # what comes now would be judged by halves
            if what == tapes.CAME:
                self._came(number, *rest)
            elif what == tapes.ENDED:
                for one, *_ in number:
                    if one in self.crossings:
                        self._ended(self.crossings[one], *rest[:-1])
            elif number in self.crossings:
                _HEAR[what](self, self.crossings[number], *rest)

    def _before(self, tape: list[tuple[Any, ...]]) -> dict[str, Any]:
        """Return the values that layers changed or took away, as they were before."""
        before: dict[str, Any] = {}
        for what, _, *rest in tape:
            if what == tapes.CAME and rest[1] is not None:
                added, changed, removed = rest[1]
                for key in added:
                    before.setdefault(key, _ABSENT)
                for key, (old, _) in changed.items():
                    before.setdefault(key, self._value(key, old))
                for key, old in removed.items():
                    before.setdefault(key, self._value(key, old))
        return {
            key: _SOUND.get(key) if isinstance(value, _Stream) else value
            for key, value in before.items()
            if value is not _ABSENT
        }

    def _value(self, key: Any, kept: Any) -> Any:
        value = stand_in(kept)
        if type(key) is str and type(value) is str and self.secret(key):
            return masked(value)
        return value

    def _came(
        self, number: int, parent: int | None, edits: Any, kind: Any, rooms: tuple[Room, Room]
    ) -> None:
        outer, inner = rooms
        above = None if parent is None else self.crossings.get(parent)
        boundary: Any = Boundary(self, outer, inner)  # type: ignore[arg-type]
        crossing = self.crossings[number] = Replayed(boundary, above)
        environ = self.base if parent is None else self.environs[parent]
        if edits is not None:
            added, changed, removed = edits
            environ = {key: value for key, value in environ.items() if key not in removed}
            for key, kept in added.items():
                environ[_key(key)] = self._value(key, kept)
            for key, (_, kept) in changed.items():
                environ[_key(key)] = self._value(key, kept)
        self.environs[number] = environ
        if kind is not None:
            environ = _of_kind(kind, environ)
        crossing.came(environ)
        if kind is not None and not hasattr(environ, "get"):
            crossing.closed = True

    def _head(self, crossing: Replayed, status: Any, headers: Any, rest: Any, at: float) -> None:
        count, keywords, exc_info = rest or (2, False, None)
        if type(headers) is tuple:
            headers = [self._item(item) for item in headers]
        elif type(headers) is list:
            headers = (*[self._item(item) for item in headers[0]],)
        else:
            headers = stand_in(headers)
        if exc_info is not None:
            exc_info = _EXC_INFO if exc_info is True else stand_in(exc_info[0])
        values = [stand_in(status), headers, exc_info, *[None] * count]
        crossing.head_came(values[:count], keywords)

    def _item(self, item: Any) -> Any:
        found = self.masked.get(id(item))
        if found is None:
            found = item
            if type(item) is tuple:
                parts = tuple([stand_in(part) for part in item])
                texts = len(parts) == 2 and all(isinstance(part, str) for part in parts)
                if texts and self.secret(parts[0]):
                    parts = (parts[0], masked(parts[1]))
                found = parts
            elif type(item) is Thing:
                found = stand_in(item)
            self.masked[id(item)] = found
        return found

    def _head_done(self, crossing: Replayed, write: Any, raised: bool) -> None:
        if raised:
            crossing.head_raised(_ERROR)
        crossing.forwarding = None
        if write is not True and not raised:
            crossing.head_done(stand_in(write))

    def _write(self, crossing: Replayed, size: int, odd: Any) -> None:
        crossing.writing = _Block(size, odd)
        crossing.before = crossing.write_came(crossing.writing)

    def _written(self, crossing: Replayed) -> None:
        crossing.write_done(crossing.writing, crossing.before)

    def _returned(self, crossing: Replayed, body: Any, final: bool, promised: int | None) -> None:
        crossing.promised = promised
        if body is None:
            crossing.returned(iter(()), final)
        elif len(body) == 1:
            crossing.returned(stand_in(body[0]), False)
            crossing.closed = True
        else:
            crossing.returned([body], True)

    def _block(self, crossing: Replayed, size: int, odd: Any) -> None:
        crossing.block((1, not size, size, odd and ((0, size, odd[0]),)))

    def _tally(self, crossing: Replayed, tally: Any) -> None:
        if tally is None:
            return
        crossing.blocks, crossing.empties, sent, held, crossing.last_empty = tally
        crossing.sent = sent + crossing.written
        crossing.held = crossing.held or held
        crossing.judge()
        if crossing.length is not None and crossing.sent > crossing.length:
            crossing._false_length(f"{crossing.sent} bytes came already")

    def _tallies(self, crossing: Replayed, tallies: Any) -> None:
        own, inner = tallies or (None, None)
        if inner is not None and inner[0] in self.crossings:
            child = self.crossings[inner[0]]
            if not child.closed:
                self._tally(child, inner[1])
        self._tally(crossing, own)

    def _finished(self, crossing: Replayed, tallies: Any) -> None:
        self._tallies(crossing, tallies)
        crossing.finish()

    def _ended(
        self,
        crossing: Replayed,
        complete: bool | None,
        error: str,
        pulled: int,
        iterated: bool,
        tallies: Any,
    ) -> None:
        if not crossing.exhausted:
            self._tallies(crossing, tallies)
        crossing.iterated = iterated or bool(complete)
        crossing.ended(complete, _ERROR if error else None, pulled)


_ABSENT: Any = object()
_HEAR: Mapping[int, Callable[..., None]] = {
    tapes.HEAD: Judge._head,
    tapes.HEAD_DONE: Judge._head_done,
    tapes.WRITE: Judge._write,
    tapes.WRITTEN: Judge._written,
    tapes.RETURNED: Judge._returned,
    tapes.BLOCK: Judge._block,
    tapes.FINISHED: Judge._finished,
    tapes.FAILED: lambda judge, crossing, name: crossing.failed(),
    tapes.HANDED_ON_CLOSED: lambda judge, crossing: crossing.handed_on_closed(),
    tapes.PULLED_LATE: lambda judge, crossing: crossing.pulled_after_close(),
    tapes.CLOSED_AGAIN: lambda judge, crossing: crossing.closed_again(),
}


class _Block:
    """What was given to `write()`."""

    def __init__(self, size: int, odd: Any) -> None:
        self.size = size
        self.block = b"" if odd is None else stand_in(odd[0])

    def __len__(self) -> int:
        return self.size


class Replayed(Crossing):
    """The linter's crossing, told of a request that is over."""

    __slots__ = ("before", "given", "writing")

    before: int
    writing: _Block

    def __init__(self, boundary: Boundary, parent: Replayed | None) -> None:
        self.given = parent
        super().__init__(boundary, None)
        self.given = None

    def _find_parent(self) -> Crossing | None:
        return self.given

    def _tell(
        self,
        rule: int,
        room: Room,
        sentence: str,
        cause: BaseException | None = None,
        quiet: bool = False,
    ) -> None:
        judge: Any = self.boundary.linter
        judge.blame(room, rule, sentence)

    def _watch_stream(self, environ: Any, key: str, kind: Any, *args: Any) -> None:
        """Watch nothing: it is over."""

    def _count(self, block: Any) -> None:
        """See blocks as they were noted: how many, how many empty, the bytes, the odd ones."""
        count, empties, size, odd = block
        self.blocks += count
        self.empties += empties
        self.last_empty = not size
        for _, of_odd, kept in odd or ():
            size -= of_odd
            super()._see(stand_in(kept), of_odd)
        if size or not odd:
            super()._see(b"", size)

    def _see(self, block: Any, size: int) -> None:
        super()._see(block.block if isinstance(block, _Block) else block, size)


def masked(value: str) -> str:
    """Return what may be shown of a secret: what is wrong with it.

    >>> masked("hunter2"), masked("hunter2\\r\\n")
    ('[redacted]', '[redacted]\\r\\n')
    """
    wrong = [char for char in value if CONTROL.match(char) or ord(char) > 255]
    return REDACTED + "".join(wrong[:8])


def _key(kept: Any) -> Any:
    return stand_in(kept) if type(kept) is Thing else kept


def _of_kind(kind: Thing, environ: dict[str, Any]) -> Any:
    if kind.base is dict:
        return type(kind.kind, (dict,), {})(environ)
    if "get" in kind.has:
        return type(kind.kind, (UserDict,), {})(environ)
    return stand_in(plain(kind))
