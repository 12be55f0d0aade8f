"""The stage: a koan's layer between apps that tell what they do and a client that tells what it
saw.

A `Request` is driven step by step, as a strict server does it, and every step leaves a line in the
transcript: `>` went to the server, `<` came to the client, `*` was done behind the scenes, `!` went
wrong. What went wrong against a rule is noted as a fault as well.

>>> def app(environ, start_response):
...     start_response("200 OK", [("Content-Length", "4")])
...     return [b"hello"]
>>> stage = Stage(lambda app: app)
>>> _ = stage.serve(app)
>>> print(*stage.lines, sep="\\n")
> GET /
< 200 OK
< Content-Length: 4
< b'hello'
! Content-Length says 4, and 5 bytes came: the client cuts off the last 1
>>> stage.faults[0].rule
15
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wsgimw.devtools.koans.clock import Clock
from wsgimw.testing.server import App, Call, Headers, Input, make_environ

MOST_BLOCKS = 1000  # no scene has more than five
LONGEST = 60  # characters of a value that are shown
LONGEST_MESSAGE = 300  # characters of what an exception says


class Endless(Exception):
    """A body did not end."""


class NoLayer(Exception):
    """What should be a layer made nothing that can be called; the text says what."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that was broken on the stage; None is the law of order, which has no number."""

    rule: int | None
    message: str


class Log(io.StringIO):
    """A `wsgi.errors` whose lines stand in the transcript."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._say = tell

    def write(self, text: str, /) -> int:
        for line in filter(str.strip, text.splitlines()):  # print() writes its line end apart
            self._say(f"* log: {line}")
        return super().write(text)

    def close(self) -> None:
        """Stay open: the kit judges who closes it (rule 31), the garbage collector does too."""

    @property
    def entries(self) -> list[str]:
        return [line for line in self.getvalue().splitlines() if line.strip()]


class Stage:
    """One layer, the transcript of what was played with it, and what went wrong."""

    def __init__(self, layer: Callable[[Any], Any], clock: Clock | None = None) -> None:
        self.layer = layer
        self.clock = clock or Clock()
        self.lines: list[str] = []
        self.faults: list[Fault] = []
        self.lost: list[str] = []
        self.errors: list[BaseException] = []
        self._until = 0
        self._playing = False

    def tell(self, line: str) -> None:
        """Add a line to the transcript."""
        self.lines.append(line)

    def breaks(self, rule: int | None, message: str) -> None:
        """Note that a rule was broken."""
        self.faults.append(Fault(rule, message))
        self._mark()

    def misses(self, sentence: str) -> None:
        """Note that the layer does not do what it is meant to do."""
        self.lost.append(sentence)
        self._mark()

    def _mark(self) -> None:
        """End the transcript here, or with the request that is being played."""
        if not self._playing and (self.errors or self.faults or self.lost):
            self._until = self._until or len(self.lines)

    @property
    def transcript(self) -> tuple[str, ...]:
        """The lines up to where it was clear that something is wrong."""
        return tuple(self.lines[: self._until or None])

    def bind(self, app: App) -> App:
        """Wrap `app` with the layer."""
        bound: App = self.layer(app)
        if not callable(bound):
            raise NoLayer(
                f"called with an app, it gave back {show(bound)}; a layer gives back the app that "
                "it made (is a `return` missing?)"
            )
        return bound

    def request(self, app: App, method: str = "GET", path: str = "/", **options: Any) -> Request:
        """Return a request to `app` behind the layer, not yet begun."""
        return Request(self, self.bind(app), method, path, **options)

    def serve(
        self, app: App, method: str = "GET", path: str = "/", *, pulls: int = -1, **options: Any
    ) -> Request:
        """Play a whole request; with `pulls` the client leaves after so many blocks."""
        request = self.request(app, method, path, **options)
        if self.lines:
            self.tell("")
        self._playing = True
        request.begin()
        while pulls and request.pull():
            pulls -= 1
        if not (request.over or request.error):
            when = "after a block" if request.call.blocks else "before the first block"
            self.tell(f"* the client leaves {when}")
        request.finish()
        self._playing = False
        self._mark()
        return request


class Request:
    """One request on the stage."""

    def __init__(
        self,
        stage: Stage,
        bound: App,
        method: str,
        path: str,
        *,
        client: str = "",
        **keys: Any,
    ) -> None:
        self.stage = stage
        self.client = f"{client} " if client else ""
        self.log = Log(stage.tell)
        given = {"REQUEST_METHOD": method, "PATH_INFO": path, "wsgi.errors": self.log}
        self.call = Call(bound, make_environ(**{"wsgi.input": Input(), **given, **keys}))
        self.call.start = self._start
        self.method = method
        self.path = path
        self.over = False
        self.refused = False  # the server gave up, because of what it got
        self.error: BaseException | None = None
        self._told_head: tuple[str, Headers] | None = None

    def begin(self) -> Request:
        """Send the request: the server calls the app."""
        self.stage.tell(f"{self.client}> {self.method} {self.path}")
        self._step(self.call.begin)
        body = self.call.body
        if isinstance(body, (bytes, bytearray, str)):
            self._refuse(f"the body is a bare {type(body).__name__}, and no list of blocks")
        elif self.error is None and not any(
            hasattr(type(body), name) for name in ("__iter__", "__getitem__")
        ):
            self._refuse(f"the body is {show(body)}, and no iterable of blocks")
        return self

    def pull(self) -> bool:
        """Take one block; tell whether there was one."""
        if self.over or self.error is not None:
            return False
        if len(self.call.blocks) >= MOST_BLOCKS:
            raise Endless(f"the body had not ended after {MOST_BLOCKS:,} blocks")
        count = len(self.call.blocks)
        self._step(self.call.pull)
        if len(self.call.blocks) == count:
            self.over = self.error is None
            return False
        block = self.call.blocks[-1]
        if type(block) is not bytes:
            kind = type(block).__name__
            self._refuse(f"the server cannot send {show(block)}: it is a {kind}, and no bytes")
            return False
        self._arrives(block)
        return self.error is None

    def finish(self) -> Request:
        """End the request: the server closes the body, the client looks at what it has."""
        self._step(self.call.close)
        if self.error is not None or self.refused:
            return self
        if self.over:
            self._tell_head()
        call, sent = self.call, len(self.call.raw)
        if not call.heads:
            if self.over:
                self._fail(6, "no head came: the client gets a bare 500")
        elif sent and self.bodiless:
            what = "a HEAD" if self.method == "HEAD" else call.status
            self._fail(
                16, f"{sent} bytes follow {what}: the client takes them for its next response"
            )
        elif self.over and not self.bodiless:
            self._judge_length(sent)
        return self

    @property
    def bodiless(self) -> bool:
        """Whether the answer has no body by its head."""
        return self.method == "HEAD" or self.call.status[:3] in ("204", "304")

    def _judge_length(self, sent: int) -> None:
        for value in self.call.values("Content-Length"):
            if value == str(sent):
                continue
            said = f"Content-Length says {value}, and {sent} bytes came: the client "
            more = sent - int(value) if value.isdecimal() else 0
            ends = (
                f"cuts off the last {more}" if more > 0 else "waits for the rest until it is bored"
            )
            self._fail(15, said + ends)

    def _step(self, act: Callable[[], object]) -> None:
        try:
            act()
        except (Exception, SystemExit) as error:
            self.stage.errors.append(error)
            if self.error is None:
                self.error = error
                self.stage.tell(f"{self.client}! {words(error)}: {self._ends}")

    def _start(self, status: str, headers: Headers, exc_info: Any = None, /) -> Any:
        try:
            write = self.call.start_response(status, headers, exc_info)
        finally:
            exc_info = None  # rule 9

        def told(data: bytes) -> None:
            write(data)
            self._arrives(data)

        return told

    def _arrives(self, block: bytes) -> None:
        if block:
            self._tell_head()
        self.stage.tell(f"{self.client}< {show(block)}")

    def _tell_head(self) -> None:
        """Tell the head as it goes out: with the first byte, or at the end."""
        head = (self.call.status, self.call.headers)
        if self.call.heads and self._told_head is None:
            self._told_head = head
            self.stage.tell(f"{self.client}< {head[0]}")
            for name, value in head[1]:
                self.stage.tell(f"{self.client}< {name}: {value}")

    @property
    def _ends(self) -> str:
        """What the client gets when the server has to give up."""
        return "the connection is cut" if self._told_head else "the client gets a bare 500"

    def _refuse(self, message: str) -> None:
        self.over = self.refused = True
        self.stage.tell(f"{self.client}! {message}: {self._ends}")
        self.stage.faults.append(Fault(20, message))

    def _fail(self, rule: int, message: str) -> None:
        self.stage.tell(f"{self.client}! {message}")
        self.stage.faults.append(Fault(rule, message))


def words(error: BaseException) -> str:
    """Return what was raised on one line, whatever its `str` does."""
    try:
        said = " ".join(str(error).split())
    except Exception:
        said = ""
    return f"{type(error).__name__}: {said}".removesuffix(": ")[:LONGEST_MESSAGE]


def show(value: object) -> str:
    """Return a short `repr`, whatever the object does."""
    try:
        text = repr(value)
    except Exception:
        text = f"a {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
