"""Tell what was noted of a request: the dict that `recording.requests` holds.

The spies of two neighbouring boundaries saw what went into a layer and what came out of it; a lane
is the difference. A layer that was crossed twice in one request (a retry, a page for an error) is
one lane, its times and counts added up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from wsgimw.devtools.xray.judging import Judge
from wsgimw.devtools.xray.tape import CAME, ENDED, FAILED, HEAD, Streams
from wsgimw.redact import REDACTED, is_secret, mask_query, mask_url, of_the_process
from wsgimw.shapes import mask_shapes
from wsgimw.testing.crossing import Room

VERSION = 1
MOST_VALUE = 500

LINE = frozenset(
    ["REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH"]
)
"""What is told of an environ beside its `HTTP_` keys."""
_NO_HTTP = ("CONTENT_TYPE", "CONTENT_LENGTH")  # PEP 3333, "environ Variables"; may be empty
_PATHS = {"script_name", "path_info"}
_QUERIES = ("QUERY_STRING",)
_URLS = ("REQUEST_URI", "RAW_URI", "HTTP_REFERER", "Location", "Content-Location", "Link")


class Facts(NamedTuple):
    """What one spy has counted. Times are seconds; `came` and `closed` by the same clock."""

    came: float
    called: float
    heading: float
    closing: float
    closed: float | None
    whole: bool | None
    out: bool
    blocks: int
    bytes: int
    pulled: float
    writing: float
    writes: int
    written: int


_NOTHING = Facts(0, 0, 0, 0, None, False, False, 0, 0, 0, 0, 0, 0)


class Kept:
    """A request that is over: what was noted of it, and its dict once somebody has read it."""

    __slots__ = ("noted", "told")

    def __init__(self, noted: tuple[Any, ...]) -> None:
        self.noted: tuple[Any, ...] | None = noted
        self.told: dict[str, Any] | None = None


def tell(kept: Kept) -> dict[str, Any]:
    """Return the dict of a request, and let go of what it was made of."""
    if kept.told is None:
        assert kept.noted is not None
        kept.told = _Story(*kept.noted).tell()
        kept.noted = None
    return kept.told


class _Story:
    def __init__(
        self,
        id: tuple[str, int],
        time: float,
        request: tuple[tuple[str, ...], tuple[str, ...]],
        tape: list[tuple[Any, ...]],
        facts: dict[int, tuple[Any, ...]],
        streams: Streams,
        first: float | None,
        redacted: frozenset[str],
    ) -> None:
        self.id = f"{id[0]}-{id[1]}"
        self.time = time
        self.request = dict(zip(*request, strict=True))
        self.method = self.request.get("REQUEST_METHOD", "")
        self.tape = tape
        rooms = {event[1]: event[-1] for event in tape if event[0] == CAME}
        self.rooms: list[tuple[Room, Room]] = [rooms[number] for number in sorted(rooms)]
        self.streams = streams
        self.first = first
        for event in tape:
            if event[0] == ENDED:
                for number, *own in event[1]:
                    facts[number] = (*own, *event[-1])
        self.spies = [
            Facts(*facts[number]) if number in facts else _NOTHING
            for number in range(len(self.rooms))
        ]
        fields = {name[5:].replace("_", "-").lower() for name in redacted if name[:5] == "HTTP_"}
        self.hidden = {name.lower() for name in redacted} | fields
        self.parents: dict[int, int | None] = {}
        self.edits: dict[int, Any] = {}
        self.heads: dict[int, tuple[Any, Any]] = {}  # the last one of each
        self.errors: dict[int, str] = {}
        for what, number, *rest in self.tape:
            if what == CAME:
                self.parents[number], self.edits[number] = rest[0], rest[1]
            elif what == HEAD:
                self.heads[number] = rest[0], _pairs(rest[1])
            elif what == FAILED:
                self.errors.setdefault(number, rest[0])
            elif what == ENDED and rest[1]:
                for one, *_ in number:
                    self.errors.setdefault(one, rest[1])
        self.children: dict[int, list[int]] = {number: [] for number in range(len(self.spies))}
        for number, parent in self.parents.items():
            if parent is not None:
                self.children[parent].append(number)

    def is_secret(self, name: str) -> bool:
        return name.lower() in self.hidden or is_secret(name)

    def tell(self) -> dict[str, Any]:
        """Return the dict."""
        judge = Judge(self.method, self.is_secret)
        judge.hear(self.tape)
        for (room, rule, _), sentence in self.streams.items():
            judge.blame(room, rule, sentence)
        lanes: dict[Room, list[int]] = {}
        for number, (_, room) in enumerate(self.rooms):
            lanes.setdefault(room, []).append(number)
        told = [self._lane(room, numbers, judge) for room, numbers in lanes.items()]
        total = sum(lane["ms"]["self"] for lane in told)
        return {
            "id": self.id,
            "time": self.time,
            "method": _text(self.method),
            **self._target(),
            "request_headers": self._request_headers(),
            "status": _status(self.heads.get(0, (None, ()))[0]),
            "total_ms": round(total, 3),
            "first_byte_ms": None if self.first is None else _ms(self.first),
            "headers": self._headers(),
            "layers": told,
        }

    def _lane(self, room: Room, numbers: list[int], judge: Judge) -> dict[str, Any]:
        inner = [child for number in numbers for child in self.children[number]]
        # Of a second call of the app, that whose head went on.
        last = numbers[-1]
        given = self.heads.get(last)
        within = self.children[last][-1:]
        came = self.heads.get(within[0]) if within else None
        return {
            "layer": room.name,
            "answered": not inner,
            "environ": self._environ(inner),
            "status": [came and _status(came[0]), given and _status(given[0])],
            "head": self._head(came[1] if came else [], given[1] if given else []),
            "blocks": [self._sum(inner, "blocks"), self._sum(numbers, "blocks")],
            "bytes": [self._sum(inner, "bytes"), self._sum(numbers, "bytes")],
            "ms": self._times(numbers, inner),
            "write": any(self.spies[number].writes for number in numbers),
            "closed": self._closed(self.spies[last]),
            "error": self._error(numbers, inner),
            "faults": [
                {"rule": rule, "message": sentence} for rule, sentence in judge.blamed.get(room, ())
            ],
        }

    def _environ(self, inner: list[int]) -> dict[str, Any]:
        added: dict[str, str] = {}
        changed: dict[str, list[str]] = {}
        removed: dict[str, str] = {}
        for number in inner:
            if self.edits.get(number) is None:
                continue
            new, other, gone = self.edits[number]
            added |= {_name(key): self._shown(key, value) for key, value in new.items()}
            for key, (before, after) in other.items():
                changed[_name(key)] = [self._shown(key, before), self._shown(key, after)]
            removed |= {_name(key): self._shown(key, value) for key, value in gone.items()}
        return {"added": added, "changed": changed, "removed": removed}

    def _shown(self, key: Any, value: Any) -> str:
        name = key if type(key) is str else repr(key)
        if type(value) is str:
            return self._value(name, value)
        if value is None or type(value) in (int, float, bool):
            return repr(value)
        return REDACTED if self.is_secret(name) else _text(mask_shapes(repr(value)[:MOST_VALUE]))

    def _value(self, name: str, value: str) -> str:
        if self.is_secret(name):
            return REDACTED
        if name in _QUERIES:
            return _text(mask_query(value))
        if name in _URLS or name.title() in _URLS:
            masked = mask_url(value)
            if masked != value:
                return _text(masked)
        # Cut first, and then masked; where something was cut off, it says so.
        masked = mask_shapes(value[:MOST_VALUE])
        return _text(masked) if len(value) <= MOST_VALUE else f"{masked[:MOST_VALUE]} ..."

    def _head(
        self, before: list[tuple[str, str]], after: list[tuple[str, str]]
    ) -> dict[str, list[list[str]]]:
        gone = [*(Counter(before) - Counter(after)).elements()]
        new = [*(Counter(after) - Counter(before)).elements()]
        added, changed = [], []
        for name, value in new:
            old = next((item for item in gone if item[0].lower() == name.lower()), None)
            if old is None:
                added.append([name, self._value(name, value)])
            else:
                gone.remove(old)
                changed.append([name, self._value(name, old[1]), self._value(name, value)])
        removed = [[name, self._value(name, value)] for name, value in gone]
        return {"added": added, "changed": changed, "removed": removed}

    def _target(self) -> dict[str, str]:
        get = self.request.get
        path = f"{get('SCRIPT_NAME', '')}{get('PATH_INFO', '')}" or "/"
        if self.hidden & _PATHS:
            path = f"/{REDACTED}"
        query = mask_query(get("QUERY_STRING", ""))
        if query and "query_string" in self.hidden:
            query = REDACTED
        return {"path": _text(path), "query": _text(query)}

    def _request_headers(self) -> list[dict[str, str]]:
        """Return the fields of the request by their usual spelling, as the stack got them."""
        found = []
        fields = [item for item in self.request.items() if item[0].startswith("HTTP_")]
        for key in _NO_HTTP:
            if value := self.request.get(key):
                fields.append((key, value))
        for key, value in fields:
            if of_the_process(key, value):  # HTTP_PROXY, which no client has sent
                continue
            name = key.removeprefix("HTTP_").replace("_", "-").title()
            shown = REDACTED if self.is_secret(name) else self._value(key, value)
            found.append({"name": _text(name), "value": shown})
        return found

    def _headers(self) -> list[dict[str, str]]:
        """Return the head that was sent, each header with the layer that wrote its value."""
        by = self._written(0)
        return [
            {"name": name, "value": self._value(name, value), "by": by[name, value].pop(0)}
            for name, value in self.heads.get(0, (None, []))[1]
        ]

    def _written(self, number: int) -> dict[tuple[str, str], list[str]]:
        """Return for each header at a boundary who wrote it, as often as it stands there."""
        chain = [number]
        while self.children[chain[-1]]:
            chain.append(self.children[chain[-1]][-1])
        by: dict[tuple[str, str], list[str]] = {}
        for number in reversed(chain):
            if number not in self.heads:
                continue
            inside, by = by, {}
            for item in self.heads[number][1]:
                writers = inside.get(item)
                room = self.rooms[number][1].name
                by.setdefault(item, []).append(writers.pop(0) if writers else room)
        return by

    def _sum(self, numbers: Iterable[int], what: str) -> int | None:
        total = 0
        for number in numbers:
            spy = self.spies[number]
            if spy.whole is None and spy.closed is not None:
                return None  # a file wrapper
            total += getattr(spy, what) + (spy.written if what == "bytes" else spy.writes)
        return total

    def _times(self, numbers: list[int], inner: list[int]) -> dict[str, float]:
        mine = [self.spies[number] for number in numbers]
        theirs = [self.spies[number] for number in inner]
        total = sum(map(_inside, mine))
        within = sum(map(_inside, theirs))
        own = max(0.0, total - within)
        if theirs:
            before = sum(
                max(0.0, self.spies[self.children[number][0]].came - self.spies[number].came)
                for number in numbers
                if self.children[number]
            )
        else:
            before = sum(spy.called - spy.heading - spy.writing for spy in mine)
        before = min(max(0.0, before), own)
        head = sum(spy.heading for spy in theirs) - sum(spy.heading for spy in mine)
        head = min(max(0.0, head), own - before) if theirs else 0.0
        close = sum(spy.closing for spy in mine) - sum(spy.closing for spy in theirs)
        close = min(max(0.0, close), own - before - head)
        parts = [_ms(before), _ms(within), _ms(head), _ms(own - before - head - close), _ms(close)]
        mine_ms = round(parts[0] + parts[2] + parts[3] + parts[4], 3)
        return {
            **dict(zip(("in", "inner", "head", "stream", "close"), parts, strict=True)),
            "self": mine_ms,
            "total": round(mine_ms + parts[1], 3),
        }

    def _closed(self, spy: Facts) -> float | bool | None:
        if not spy.out or (spy.closed is not None and spy.whole is None):
            return None
        return False if spy.closed is None else _ms(spy.closed - self.spies[0].came)

    def _error(self, numbers: list[int], inner: list[int]) -> str | None:
        went = next((self.errors[number] for number in numbers if number in self.errors), None)
        came = next((self.errors[number] for number in inner if number in self.errors), None)
        if came is None:
            return went and f"raised {went}"
        if went is None:
            return f"handled {came}"
        return f"passed on {came}" if went == came else f"raised {went} for {came}"


def _inside(spy: Facts) -> float:
    """Return the time that was spent inside of a boundary."""
    return spy.called + spy.pulled + spy.closing - spy.heading - spy.writing


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _pairs(headers: Any) -> list[tuple[str, str]]:
    """Return headers as they were noted, as pairs of text, whatever was given."""
    if type(headers) is list:  # that is how a tuple is kept
        headers = headers[0]
    found = []
    for item in headers if type(headers) is tuple else ():
        name, value = item if type(item) is tuple and len(item) == 2 else (item, "")
        found.append((_name(name), value if type(value) is str else repr(value)))
    return found


def _status(status: Any) -> str | None:
    return None if status is None else _name(status)


def _name(key: Any) -> str:
    return _text(key if type(key) is str else repr(key))


def _text(value: str) -> str:
    return value if len(value) <= MOST_VALUE else f"{value[:MOST_VALUE]} ..."
