"""What is seen of one request at one boundary between two layers, and who is to blame for it.

A *boundary* lies between what is outside (a layer, or the server) and what is inside (a layer, or
the innermost app). A `Crossing` is one request on its way through one boundary. It hears the head,
the blocks and the end, compares them with the rules of PROTOCOL.md and with what the crossings of
the next boundary inwards have seen, and blames:

- for a head or a block what lies inside, unless it was seen further inside already;
- for environ what lies outside, unless it was seen further outside already;
- for what got lost between two boundaries the layer between them.

Crossings find each other by who is running: `running` holds, innermost first, the layers whose code
is on the way, so that a layer may copy environ, replace `start_response` or call its app twice.

An observer (the X-ray, say) subclasses `Crossing`, overrides the methods that tell it what passes
(`came`, `start_response`, `write`, `returned`, `block`, `finish`, `failed`, `ended`) and calls the
inherited ones; a `Linter` makes crossings of its `crossing` class.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextvars import ContextVar
from operator import is_
from typing import TYPE_CHECKING, Any, TypeAlias

from wsgimw.testing.faults import (
    Fault,
    block_fault,
    body_fault,
    code_of,
    content_length,
    environ_faults,
    exc_info_fault,
    has_no_body,
    head_faults,
    show,
    size_of,
    type_of,
)
from wsgimw.testing.streams import Errors, Input, Place, Watched, watched

if TYPE_CHECKING:
    from wsgimw.testing.linter import Linter

Running: TypeAlias = "tuple[Room, Crossing | None, Running] | None"
running: ContextVar[Any] = ContextVar("wsgimw.testing.running", default=None)


class Room:
    """A layer, the innermost app or the server, as a place where code runs."""

    __slots__ = ("depth", "name")

    def __init__(self, name: str, depth: float) -> None:
        self.name = name
        self.depth = depth  # how far out: the innermost app is 0


SERVER = Room("server", float("inf"))


class Boundary:
    """Where two rooms meet."""

    __slots__ = ("inner", "linter", "outer")

    def __init__(self, linter: Linter, outer: Room, inner: Room) -> None:
        self.linter = linter
        self.outer = outer
        self.inner = inner


class Request:
    """What all crossings of one request share: `pending`, a Fault that was raised and has not yet
    left the outermost boundary; `over`, nothing more is blamed; `seen`, faults of the streams.
    """

    __slots__ = ("over", "pending", "seen")

    def __init__(self) -> None:
        self.over = False
        self.pending: Fault | None = None
        self.seen: set[Hashable] = set()


class StreamWatch:
    """Blames faults of `wsgi.input` and `wsgi.errors` on who is running."""

    __slots__ = ("boundary", "request")

    def __init__(self, boundary: Boundary, request: Request) -> None:
        self.boundary = boundary
        self.request = request

    def reader(self) -> Room | None:
        entry: Running = running.get()
        return None if entry is None else entry[0]

    def tell(self, rule: int, key: Hashable, sentence: str, who: Place | None = None) -> None:
        room = who or self.reader()
        if room is None or room is SERVER:
            return  # the server may do with its streams what it likes
        key = (rule, key, room)
        if not self.request.over and key not in self.request.seen:
            self.request.seen.add(key)
            self.boundary.linter.tell(self.request, Fault(rule, room.name, sentence))

    def call(self, method: Callable[..., Any], *args: Any) -> Any:
        former = running.get()
        running.set((self.boundary.outer, None, former))
        try:
            return method(*args)
        finally:
            running.set(former)


class Crossing:
    """One request on its way through one boundary."""

    __slots__ = (
        "__weakref__",
        "blocks",
        "body",
        "boundary",
        "children",
        "closed",
        "closing",
        "code",
        "empties",
        "environ",
        "environ_keys",
        "errored",
        "exhausted",
        "forwarding",
        "garbled",
        "head_keys",
        "heads",
        "heads_outside",
        "held",
        "items",
        "iterated",
        "last_empty",
        "length",
        "listed",
        "media",
        "method",
        "opaque",
        "out",
        "parent",
        "promised",
        "request",
        "restarted",
        "root",
        "seen",
        "sent",
        "start",
        "status",
        "strayed",
        "unsent",
        "writer",
        "writes",
        "written",
    )

    def __init__(self, boundary: Boundary, start_response: Any) -> None:
        self.boundary = boundary
        self.start = start_response
        self.writer: Any = None
        self.parent: Crossing | None = self._find_parent()
        self.root = self.parent is None
        self.strayed = self.root and boundary.outer is not SERVER  # on another thread, perhaps
        self.children: list[Crossing] = []
        self.request: Request = Request() if self.parent is None else self.parent.request
        self.seen: set[Hashable] = set()
        self.method: Any = None
        self.environ: dict[str, Any] | None = None  # as it was
        self.environ_keys: frozenset[Hashable] = frozenset()  # of its faults
        # the head
        self.heads = 0  # how many came
        self.status: Any = None
        self.code = 0
        self.media: str | None = None
        self.items: tuple[Any, ...] | None = None  # the headers
        self.head_keys: frozenset[Hashable] = frozenset()  # of their faults
        self.length: int | None = None
        self.forwarding: Any = None  # the exc_info of a head that is on its way out
        self.restarted = False  # a head with exc_info has not reached the parent
        # the body
        self.body: Any = None  # a weak reference to a list
        self.sent = 0  # bytes, write() included
        self.written = self.writes = 0  # bytes and calls of write()
        self.blocks = self.empties = 0
        self.last_empty = False
        self.garbled = False  # blocks came that cannot be counted
        self.promised: int | None = None  # the len() of a body that is no list
        self.out = False  # the call has returned
        self.listed = self.opaque = self.iterated = False
        self.exhausted = self.errored = False
        self.heads_outside = 0  # those that the parent had seen when this one failed
        self.closing = self.closed = False
        # what the layer outside did with it, told when its own head is known
        self.held = 0  # the rule that holding blocks back breaks
        self.unsent = False
        if self.parent is not None:
            self.parent.children.append(self)

    def _find_parent(self) -> Crossing | None:
        outer = self.boundary.outer
        entry: Running = None if outer is SERVER else running.get()
        while entry is not None:
            if entry[0] is outer and entry[1] is not None:
                return entry[1]
            entry = entry[2]
        return None

    # Blame

    def blame(
        self, rule: int, key: Hashable, sentence: str, cause: BaseException | None = None
    ) -> None:
        """Blame what lies inside, unless the same was seen further inside."""
        if key not in self.seen:
            self.seen.add(key)
            if not any(key in child.seen for child in self.children):
                self._tell(rule, self.boundary.inner, sentence, cause)

    def blame_outside(self, rule: int, key: Hashable, sentence: str, quiet: bool = False) -> None:
        """Blame what lies outside; `quiet`: where nothing can be raised."""
        if key not in self.seen:
            self.seen.add(key)
            self._tell(rule, self.boundary.outer, sentence, quiet=quiet)

    def _tell(
        self,
        rule: int,
        room: Room,
        sentence: str,
        cause: BaseException | None = None,
        quiet: bool = False,
    ) -> None:
        if not self.request.over:
            fault = Fault(rule, room.name, sentence)
            self.boundary.linter.tell(self.request, fault, cause, quiet)

    def deliver(self, passing: BaseException | None = None) -> None:
        """At the outermost boundary: raise a Fault that a layer has swallowed or replaced.

        `passing` is the exception that is leaving already.
        """
        pending = self.request.pending
        if pending is None or not self.root:
            return
        self.request.pending = None  # rule 39
        if passing is not pending:
            raise pending

    # The request

    def came(self, environ: Any) -> None:
        """See the environ of a call."""
        parent = self.parent
        if parent is not None and _same_environ(environ, parent.environ):
            self.environ, self.environ_keys = parent.environ, parent.environ_keys
            self.method = parent.method
            return
        outside = frozenset() if parent is None else parent.environ_keys
        faults = [*environ_faults(environ)]
        self.environ_keys = frozenset(key for _, key, _ in faults)
        for rule, key, sentence in faults:
            if not self.strayed and key not in outside:
                self.blame_outside(rule, ("environ", key), sentence)
        if not hasattr(environ, "get"):
            return
        self.method = environ.get("REQUEST_METHOD")  # rule 3: before the call
        length = environ.get("CONTENT_LENGTH")
        known = isinstance(length, str) and length.isascii() and length.isdigit()
        limit = int(str(length)) if known and not environ.get("wsgi.input_terminated") else None
        self._watch_stream(environ, "wsgi.input", Input, limit)
        self._watch_stream(environ, "wsgi.errors", Errors)
        self.environ = {**environ}

    def _watch_stream(self, environ: Any, key: str, kind: type[Watched], *args: Any) -> None:
        stream = environ.get(key)
        if stream is None:
            return
        if isinstance(stream, Watched) and isinstance(stream._watch, StreamWatch):
            watch = stream._watch
            if watch.request is self.request:
                return
            if watch.boundary.linter is self.boundary.linter:  # of a request before this one
                stream = stream._stream
        watch = StreamWatch(self.boundary, self.request)
        environ[key] = watched(kind, stream, watch, *args)

    # The head

    def start_response(self, *args: Any, **keywords: Any) -> Any:
        """Stand in for the outer `start_response`."""
        values = [*args, *keywords.values()]
        try:
            self.head_came(values, bool(keywords))
            write = self._outward(self.start, *args, **keywords)
        except BaseException as error:
            self.head_raised(error)
            raise
        finally:
            self.forwarding = None
            args, values, keywords = (), [], {}  # rules 9, 39
        if not callable(write):
            self.head_done(write)
            return write
        self.writer = write
        return self.write

    def head_came(self, values: list[Any], keywords: bool) -> None:
        """See what `start_response` was called with; the head is on its way out from now on."""
        self._check_head(values, keywords)
        self._note_head(values)
        if len(values) > 2 and exc_info_fault(values[2]) is None:
            self.restarted, self.forwarding = True, values[2]

    def head_raised(self, error: BaseException) -> None:
        """See what the outer `start_response` raised."""
        if self.forwarding is not None and error is self.forwarding[1]:
            self._raised_instead(error)

    def head_done(self, write: Any) -> None:
        """See that the outer `start_response` returned what is no `write()`."""
        if self.parent is not None and "no write" in self.parent.seen:
            self.seen.add("no write")
        sentence = f"start_response returned {show(write)}; it returns a write() callable."
        self.blame_outside(10, "no write", sentence)

    def _check_head(self, values: list[Any], keywords: bool) -> None:
        if keywords or len(values) not in (2, 3):
            what = "keyword arguments" if keywords else f"{len(values)} arguments"
            self.blame(
                2,
                "arguments of start_response",
                f"start_response was called with {what}; it takes two or three positional ones: "
                "(status, headers) or (status, headers, exc_info).",
            )
            return
        if self._passed_on(*values[:2]) is None:
            faults = [*head_faults(*values[:2])]
            self.head_keys = frozenset(key for _, key, _ in faults)
            for rule, key, sentence in faults:
                self.blame(rule, key, sentence)
        exc_info = values[2] if len(values) == 3 else None
        if exc_info is None:
            self._check_second()
        else:
            self._check_restart(exc_info)
        for child in self.children:
            child.restarted = False
        del exc_info

    def _check_second(self) -> None:
        forwarding = any(child.forwarding is not None for child in self.children)
        restarted = any(child.restarted for child in self.children)
        if forwarding or (restarted and self.heads):
            sentence = "The inner app gave exc_info with its head, and it was not passed on."
            self.blame(8, "second head", sentence)
        elif self.heads:
            sentence = "start_response was called twice; the second call needs exc_info."
            self.blame(7, "second head", sentence)

    def _check_restart(self, exc_info: Any) -> None:
        wrong = exc_info_fault(exc_info)
        given = [child.forwarding for child in self.children if child.forwarding is not None]
        if wrong and given:
            self.blame(8, "second head", f"It was passed on changed: {wrong}")
        elif wrong:
            self.blame(7, "second head", wrong)
        elif self.sent:
            self.blame(
                7,
                "second head",
                f"start_response was called with exc_info after {self.sent} bytes of the body; the "
                "head has left and cannot be replaced.",
                exc_info[1],
            )
        del exc_info, given  # rule 9

    def _note_head(self, values: list[Any]) -> None:
        self.heads += 1
        self.status = values[0] if values else None
        headers = values[1] if len(values) > 1 else None
        self.items = (*headers,) if type(headers) is list else None
        child = self._passed_on(self.status, headers)
        if child is not None:
            self.code, self.length, self.media = child.code, child.length, child.media
            self.head_keys = child.head_keys
            self.seen |= child.head_keys
            return
        self.code = code_of(self.status)
        self.length = content_length(headers)
        content_type = type_of(headers)
        self.media = content_type and content_type.partition(";")[0].strip().lower()

    def _passed_on(self, status: Any, headers: Any) -> Crossing | None:
        """Return the crossing that has seen this very head, further inside."""
        child = self.children[-1] if self.children else None
        if child is None or child.items is None or child.status is not status:
            return None
        if type(headers) is not list or len(headers) != len(child.items):
            return None
        return child if all(map(is_, headers, child.items)) else None

    def _raised_instead(self, error: BaseException) -> None:
        parent = self.parent
        if parent is not None and not parent.sent and not self.sent:
            sentence = (
                "start_response got exc_info before any byte of the body, and raised it; it passes "
                "the new head and exc_info on."
            )
            parent.blame(8, "second head", sentence, error)

    def _outward(self, function: Any, *args: Any, **keywords: Any) -> Any:
        former = running.get()
        running.set((self.boundary.outer, self.parent, former))
        try:
            return function(*args, **keywords)
        finally:
            running.set(former)
            args, keywords = (), {}  # rule 39: exc_info may be among them

    # The body

    def write(self, data: Any, /) -> Any:
        """Stand in for the outer `write()`."""
        before = self.write_came(data)
        result = self._outward(self.writer, data)
        self.write_done(data, before)
        return result

    def write_came(self, data: Any) -> int:
        """See what `write()` was called with; return how much went further out before it."""
        if self.out:
            sentence = (
                "write() was called during iteration; what is not written before the app returns "
                "is yielded."
            )
            self.blame(11, "late write", sentence)
        self.writes += 1
        size = size_of(data)
        self._see(data, size)
        self.written += size
        return 0 if self.parent is None else self.parent.written

    def write_done(self, data: Any, before: int) -> None:
        """See that the outer `write()` returned."""
        parent = self.parent
        if parent is not None and size_of(data) and parent.written == before:
            self.unsent = True
            parent.judge()

    def _see(self, block: Any, size: int) -> None:
        wrong = block_fault(block)
        if wrong:
            self.garbled = True
            self.blame(20, ("block", type(block)), wrong)
        if not size:
            return
        self.sent += size
        if not self.heads:
            sentence = "A block came before start_response was called; the head comes first."
            self.blame(6, "no head", sentence)
        elif has_no_body(self.method, self.code):
            what = "HEAD" if self.method == "HEAD" else self.code
            sentence = f"A block of {size} bytes answers a {what}; such a response has no body."
            self.blame(16, "body", sentence)
        elif not self.garbled:
            if self.media is None and self.sent == size:
                sentence = "A body without Content-Type; the client cannot tell what it is."
                self.blame(13, "no type", sentence)
            if self.length is not None and self.sent > self.length:
                self._false_length(f"{self.sent} bytes came already")

    def _false_length(self, came: str) -> None:
        sentence = f"The Content-Length is {self.length}, and {came}; it is true, or left out."
        self.blame(15, ("false length", self.length), sentence)

    def _short(self) -> bool:
        return (
            self.length is not None
            and self.sent < self.length
            and not self.garbled
            and not has_no_body(self.method, self.code)
        )

    def _headless(self) -> None:
        sentence = "The response ended without start_response; an empty one has a head, too."
        self.blame(6, "no head", sentence)

    def returned(self, body: Any, final: bool) -> None:
        """See the body that the call returned; `final`: a list, tuple or file wrapper."""
        self.out = True
        wrong = body_fault(body)
        if wrong:
            self.opaque = True
            self.blame(20, "body type", wrong)
            self.seen |= {("block", str), ("block", int)}  # what comes of it further out
            return
        listed = final and isinstance(body, (list, tuple))
        if listed:
            self.listed = True
            for block in body[:]:
                self._count(block)
        if final and not self._judge_error():
            if not self.heads:
                self._headless()
            elif listed and self._short():
                self._false_length(f"the body has {self.sent} bytes")
        self.judge()

    def block(self, block: Any) -> None:
        """See a block of a stream."""
        parent = self.parent
        self._count(block)
        if parent is not None and self.blocks - self.empties > parent.blocks + 2:
            self.held = self.held or (18 if parent.out else 17)
            parent.judge()
        self.judge()

    def _count(self, block: Any) -> None:
        size = size_of(block)
        self.blocks += 1
        self.last_empty = not size
        self.empties += not size
        self._see(block, size)

    def finish(self) -> None:
        """See the end of a stream."""
        self.exhausted = True
        if self.parent is not None and self.blocks > self.empties and not self.parent.out:
            self.held = 17
        self.judge()
        if self._judge_end():
            return
        if not self.heads:
            self._headless()
        elif self._short():
            self._false_length(f"only {self.sent} bytes came")
        elif self.promised is not None and self.promised != self.blocks:
            sentence = f"The body has a len() of {self.promised}, and {self.blocks} blocks came."
            self.blame(21, "len", sentence)

    def failed(self) -> None:
        """See that the call or a pull raised."""
        self.errored = True
        self.heads_outside = 0 if self.parent is None else self.parent.heads

    def ended(self, complete: bool | None, error: BaseException | None, pulled: int) -> None:
        """See the end: the body was closed, whatever came before. `pulled` counts bytes."""
        if error is not None and not self.errored and not self.exhausted:
            self.failed()
        self.closing = self.closed = True
        if self.listed:
            self.exhausted = bool(complete) or pulled == self.sent - self.written
        try:
            if complete is not None:  # else nobody can know
                self._judge_close()
            if complete and error is None:
                self._judge_end()
        finally:
            self.children = []  # rule 39
            self.parent = self.environ = self.items = None

    def _judge_close(self) -> None:
        for child in self.children:
            child.check_list()
            if not child.closed:
                sentence = "The body of the inner app was never closed; close() goes on to it."
                self.blame(22, "not closed", sentence)

    def handed_on_closed(self) -> None:
        """See that the body that was returned is one that was closed already."""
        sentence = "The body was closed before it was handed on; it is closed at the end."
        self.blame(26, "handed on closed", sentence)
        self.seen.add("no head")  # it may not have been started
        for child in self.children:
            child.seen |= {"pulled after close", "closed twice"}

    def pulled_after_close(self, quiet: bool = False) -> None:
        """See that somebody pulls a body that was closed."""
        sentence = "The body was pulled after it had been closed; after close() nothing is pulled."
        self.blame_outside(26, "pulled after close", sentence, quiet)
        self.seen.add("closed twice")  # it is closed once more, then

    def closed_again(self) -> None:
        """See that somebody closes a body that was closed."""
        sentence = "The body was closed twice; close() comes exactly once."
        self.blame_outside(23, "closed twice", sentence)

    def check_list(self) -> None:
        """See whether somebody pulled a list after it was closed: it tells nobody when."""
        listed = None if self.body is None else self.body()
        if listed is not None and listed._crossing is self and listed.was_pulled_late():
            self.pulled_after_close()

    def dropped(self) -> None:
        """See that the body is gone, and nobody closed it."""
        if self.root and not self.strayed and not self.closed:
            self.closed = True
            self.blame_outside(22, "dropped", NEVER_CLOSED, quiet=True)

    # What got lost between the next boundary inwards and this one

    def _last(self) -> Crossing | None:
        """The crossing of the response that is passed on, if it is: not one of the layer's own."""
        if not self.children or not self.heads:
            return None
        last = self.children[-1]
        if last.heads and (self.status, self.media) == (last.status, last.media):
            return last
        return None

    def judge(self) -> None:
        """Blame the layer inside for holding back what comes from further inside."""
        last = self._last()
        if last is None or has_no_body(self.method, self.code):
            return
        came = f"{last.blocks} blocks of the inner app went in"
        if last.held == 17:
            sentence = f"{came} before the call returned; a layer returns at once and then pulls."
            self.blame(17, "held back", sentence)
        elif last.held:
            sentence = f"{came} and {self.blocks} came out; one comes out for each."
            self.blame(18, "held back", sentence)
        if last.unsent:
            sentence = "What the inner app gave to write() did not go on at once."
            self.blame(10, "write lost", sentence)

    def _judge_error(self) -> bool:
        """Blame the layer inside for an exception that did not come out; tell if there is one."""
        last = self.children[-1] if self.children else None
        if last is None or not last.errored:
            return False
        if self.heads > last.heads_outside and (
            not last.heads or self.code >= 500 or self.status != last.status
        ):
            return False  # it answered the error
        sentence = "The inner app raised, and the response went on as if it were whole."
        self.blame(27, "swallowed", sentence)
        self.seen.add("no head")
        return True

    def _judge_end(self) -> bool:
        """Blame the layer inside for what did not come out by the end; tell if something is."""
        if self._judge_error():
            return True
        last = self.children[-1] if self.children else None
        if last is not None and last.restarted and last.heads > 1 and self.heads:
            sentence = "The inner app gave a new head with exc_info, and it was not passed on."
            self.blame(8, "second head", sentence)
            return True
        last = self._last()
        if last is None or has_no_body(self.method, self.code) or last.errored:
            return False
        if not last.exhausted and (last.iterated if last.listed else last.blocks):
            if not last.listed and last.length is not None and last.sent >= last.length:
                return False  # all is there, the rest is cut off anyway
            empty = last.empties > 0 if last.listed else last.last_empty
            self._blocks_lost(empty, "the inner app was not asked for the rest")
            return True
        if last.blocks > self.blocks and self.writes > last.writes:
            sentence = "Blocks of the inner app went out by write(), which is the app's alone."
            self.blame(11, "written blocks", sentence)
            return True
        if last.exhausted and not last.listed and self.blocks < last.blocks:
            empty = self.blocks >= last.blocks - last.empties
            came = f"{last.blocks} blocks of the inner app went in and {self.blocks} came out"
            self._blocks_lost(empty, came)
            return True
        return False

    def _blocks_lost(self, empty: bool, what: str) -> None:
        if "held back" in self.seen or ("false length", self.length) in self.seen:
            return  # the same, told already
        if empty:
            sentence = f"The inner app gave an empty block, and {what}; b'' is no end."
            self.blame(19, "blocks lost", sentence)
        else:
            self.blame(18, "blocks lost", f"Blocks were lost: {what}.")


def _same_environ(environ: Any, before: dict[str, Any] | None) -> bool:
    return (
        before is not None
        and type(environ) is dict
        and [*environ] == [*before]
        and all(map(is_, environ.values(), before.values()))
    )


NEVER_CLOSED = "The body was never closed; whoever calls an app closes its body."
