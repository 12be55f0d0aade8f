"""The checks of a pair: requests that are sent to the bare app and to the wrapped one.

What the layers are meant to do is undone, and then the two must agree.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from tests.matrix.pages import BIG, DATA, FIRST, PAGE, PATIENCE, digest
from tests.matrix.wire import Answer, body_so_far, leave, request, take
from wsgimw.testing.server import decode

CODINGS = ("gzip", "br", "zstd")
UPLOAD = bytes(range(256)) * 300
CHUNKED = b"".join(
    b"%x\r\n%s\r\n" % (len(part), part)
    for part in (UPLOAD[:10], UPLOAD[10:70_000], UPLOAD[70_000:])
)
WITHOUT_RANGES = ("raw", "django", "falcon")
NAME = "größe€"
QUOTED = "gr%C3%B6%C3%9Fe%E2%82%AC"


@dataclass(frozen=True, slots=True)
class Check:
    """One request; `expects` is what a sound pair makes of it."""

    name: str
    path: str
    method: str = "GET"
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    codings: tuple[str, ...] = ("",)
    status: int = 200
    content: bytes | None = None
    json: Any = None


ABORTED = Check("aborted client", "/gone")
CHECKS = (
    Check("page", "/page", codings=("", *CODINGS), content=PAGE),
    Check("JSON", "/json", codings=("", *CODINGS), json=DATA),
    Check("stream", "/stream", codings=("", *CODINGS), content=FIRST + b"in steps, and the end"),
    Check(
        *("upload", "/upload", "POST"),
        fields={"Content-Length": str(len(UPLOAD))},
        body=UPLOAD,
        json=digest(UPLOAD),
    ),
    Check(
        *("chunked upload", "/upload", "POST"),
        fields={"Transfer-Encoding": "chunked"},
        body=CHUNKED + b"0\r\n\r\n",
        json=digest(UPLOAD),
    ),
    Check("error", "/error", status=500),
    Check("HEAD", "/page", "HEAD", codings=("", *CODINGS), content=b""),
    Check("204", "/empty", status=204, codings=("", "gzip"), content=b""),
    Check("304", "/not-modified", status=304, codings=("", "gzip"), content=b""),
    Check("1 MB file", "/file", codings=("", *CODINGS), content=BIG),
    Check("range", "/file", fields={"Range": "bytes=1000-1999"}, codings=("", "gzip"), status=206),
    Check("cookies", "/cookies", codings=("", "gzip"), content=b"two"),
    Check("non-ASCII path", f"/unicode/{QUOTED}", json={"name": NAME}),
    Check("mount prefix", "/where"),
    ABORTED,
)


@dataclass(slots=True)
class Difference:
    """Where bare and wrapped do not agree, or the log does not say what was."""

    variant: str
    framework: str
    check: str
    coding: str
    what: str
    bare: object
    wrapped: object

    def __str__(self) -> str:
        coding = f", {self.coding}" if self.coding else ""
        return (
            f"{self.variant} {self.framework}, {self.check}{coding}: {self.what}: "
            f"{str(self.bare)[:150]!r} / {str(self.wrapped)[:150]!r}"
        )


@dataclass(slots=True)
class Sent:
    """A request through the stack, and what its line must say."""

    variant: str
    framework: str
    check: Check
    coding: str
    answer: Answer

    def differs(self, what: str, one: object, other: object) -> Difference:
        """Note that two things should agree and do not."""
        name = self.check.name
        return Difference(self.variant, self.framework, name, self.coding, what, one, other)


@dataclass
class Pairs:
    """The checks against one running server."""

    port: int
    room: Path
    variants: tuple[str, ...] = ("wrapped", "portable")
    """What is held against the bare app."""
    prefix: str = "/site/{framework}"
    differences: list[Difference] = field(default_factory=list)
    broken: list[Difference] = field(default_factory=list)
    """Where the bare app does not get through the server as it should."""
    mended: list[Difference] = field(default_factory=list)
    """Where it does so behind the stack."""
    sent: dict[int, Sent] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)

    def run(self, frameworks: Iterable[str], checks: tuple[Check, ...] = CHECKS) -> None:
        """Send all requests; last those whose client leaves: a server may be busy with them."""
        frameworks = list(frameworks)
        for framework in frameworks:
            for check in checks:
                if check is not ABORTED:
                    self._compare(framework, check)
        for framework in frameworks if ABORTED in checks else ():
            self._abort(framework)

    def _compare(self, framework: str, check: Check) -> None:
        bare = self.send("bare", framework, check, "")
        broken = [bare.differs(*found) for found in judge(check, framework, bare.answer)]
        self.broken += broken
        for variant in self.variants:
            for coding in check.codings:
                sent = self.send(variant, framework, check, coding)
                found = [
                    sent.differs(*three)
                    for three in compare(check, coding, bare.answer, sent.answer)
                ]
                ours = any(one.what in ("request id", "coding") for one in found)
                sound = not list(judge(check, framework, undone(sent.answer)))
                if found and broken and sound and not ours:
                    self.mended.append(found[0])
                else:
                    self.differences += found

    def send(self, variant: str, framework: str, check: Check, coding: str) -> Sent:
        """Send one request; a stream is told when its first block has come."""
        number = next(self._numbers)
        fields = {"User-Agent": f"matrix/{number}", "X-Variant": variant, **check.fields}
        if coding:
            fields["Accept-Encoding"] = coding
        query = f"?n={number}" if check.path in ("/stream", "/gone") else ""
        target = self.prefix.format(framework=framework) + check.path + query
        connection = request(self.port, check.method, target, fields, check.body)
        if check is ABORTED:
            answer = self._leave(connection, number)
        elif check.name == "stream":
            answer = take(connection, check.method, lambda received: self._signal(received, number))
        else:
            answer = take(connection, check.method)
        sent = Sent(variant, framework, check, coding, answer)
        if variant != "bare":
            self.sent[number] = sent
        return sent

    def lines(self, text: str) -> None:
        """Hold the log against what was sent: exactly one line each, and true."""
        entries: dict[int, list[dict[str, Any]]] = {}
        for line in text.splitlines():
            entry = json.loads(line)
            number = int(str(entry.get("user_agent", "/-1")).partition("/")[2])
            entries.setdefault(number, []).append(entry)
        for number, sent in self.sent.items():
            found = entries.pop(number, [])
            if len(found) != 1:
                self.differences.append(sent.differs("log lines", 1, len(found)))
                continue
            for what, one, other in judge_line(sent, found[0]):
                self.differences.append(sent.differs(what, one, other))
        if entries:
            raise AssertionError(f"lines of no request through the stack: {entries}")

    def _signal(self, received: bytes, number: int) -> None:
        signal = self.room / f"go-{number}"
        coding, content = body_so_far(received)
        with contextlib.suppress(ValueError):  # not yet enough to decode
            if not signal.exists() and decode(coding, content)[0].startswith(FIRST):
                signal.touch()

    def _abort(self, framework: str) -> None:
        """The client leaves; the body is closed in all variants."""
        for variant in ("bare", *self.variants):
            sent = self.send(variant, framework, ABORTED, "")
            if sent.answer.content != b"closed":
                found = self.broken if variant == "bare" else self.differences
                found.append(sent.differs("body closed", True, False))

    def _leave(self, connection: Any, number: int) -> Answer:
        leave(connection)
        note = self.room / f"closed-{number}"
        deadline = time.monotonic() + PATIENCE
        while not note.exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        return Answer(200, "", [], b"closed" if note.exists() else b"", "none")


def judge(check: Check, framework: str, answer: Answer) -> Iterator[tuple[str, object, object]]:
    """Yield what is not as it should be, whoever sent it."""
    whole = check.name == "range" and framework in WITHOUT_RANGES
    status = 200 if whole else check.status
    if answer.status != status:
        yield "status", status, answer.status
        return
    if answer.fault:
        yield "framing", "", answer.fault
    if status == 204 and answer.values("content-length"):
        yield "length", [], answer.values("content-length")
    if check.content is not None and answer.content != check.content:
        yield "content", check.content, answer.content
    if check.json is not None and in_json(answer.content) != check.json:
        yield "content", check.json, in_json(answer.content)


def in_json(content: bytes) -> Any:
    """Read JSON; what is none is returned as it is."""
    try:
        return json.loads(content)
    except ValueError:
        return content


def compare(
    check: Check, coding: str, bare: Answer, wrapped: Answer
) -> Iterator[tuple[str, object, object]]:
    """Yield what differs after undoing what the layers are meant to do."""
    if wrapped.status and len(wrapped.values("x-request-id")) != 1:
        yield "request id", "one", wrapped.values("x-request-id")
    if check.name == "error" and wrapped.values("x-error-fingerprint"):
        # CatchErrors has answered in place of the server.
        if bare.status != wrapped.status:
            yield "status", bare.status, wrapped.status
        return
    is_text = check.name in ("page", "JSON", "stream", "1 MB file")
    coded = wrapped.value("content-encoding")
    if coded != (coding if is_text else coded):
        yield "coding", coding, coded
    bare, wrapped = (without_dates(answer) for answer in (bare, undone(wrapped)))
    if coded:
        # The length of the coded body is another, and ranges of it would be others.
        bare, wrapped = (
            without(answer, "content-length", "accept-ranges") for answer in (bare, wrapped)
        )
        bare, wrapped = (replace(answer, framing="") for answer in (bare, wrapped))
    if check.status == 304:
        # Content-Length: 0 is nothing a 304 should have; wsgiref makes it of an empty list.
        bare, wrapped = (
            replace(without(answer, "content-length"), framing="") for answer in (bare, wrapped)
        )
    for what in ("status", "reason", "framing", "fault", "content"):
        one, other = getattr(bare, what), getattr(wrapped, what)
        if one != other:
            yield what, one, other
    if bare.fields != wrapped.fields:
        one = [pair for pair in bare.fields if pair not in wrapped.fields]
        other = [pair for pair in wrapped.fields if pair not in bare.fields]
        yield "fields", one, other


OF_THE_SERVER = ("date", "server", "connection", "keep-alive", "transfer-encoding")
OURS = ("accept-encoding", "authorization")


def without_dates(answer: Answer) -> Answer:
    """Leave out what the server writes, and the order of fields of different names."""
    fields = sorted(
        (pair for pair in answer.fields if pair[0] not in OF_THE_SERVER), key=lambda pair: pair[0]
    )
    return replace(answer, fields=fields)


def without(answer: Answer, *names: str) -> Answer:
    """Leave out fields."""
    return replace(answer, fields=[pair for pair in answer.fields if pair[0] not in names])


def undone(answer: Answer) -> Answer:
    """Undo what the layers add: the id, the coding with its tag, and what the answer varies by."""
    coding = answer.value("content-encoding")
    fields = []
    for name, value in answer.fields:
        if name in ("x-request-id", "content-encoding"):
            continue
        if name == "vary":
            words = [word.strip() for word in value.split(",")]
            value = ", ".join([word for word in words if word.lower() not in OURS])
            if not value:
                continue
        if name == "etag" and coding:
            value = value.replace(f'--{coding}"', '"')
        fields.append((name, value))
    content = answer.content
    fault = answer.fault
    if coding:
        content, whole = decode(coding, content)
        fault = fault or ("" if whole else "not decoded to its end")
    return replace(answer, fields=fields, content=content, fault=fault)


def judge_line(sent: Sent, entry: dict[str, Any]) -> Iterator[tuple[str, object, object]]:
    """Yield what the line of a request says and should not."""
    answer = sent.answer
    if sent.check is ABORTED:
        if entry["outcome"] != "client_gone":
            yield "outcome", "client_gone", entry["outcome"]
        return
    if entry["status"] != answer.status:
        yield "logged status", answer.status, entry["status"]
    if entry.get("request_id") not in answer.values("x-request-id"):
        yield "logged id", answer.values("x-request-id"), entry.get("request_id")
    if entry["outcome"] not in ("complete", "handed_off"):
        yield "outcome", "complete", entry["outcome"]
    if entry["outcome"] == "complete" and entry["bytes"] != len(answer.content):
        yield "logged bytes", len(answer.content), entry["bytes"]
