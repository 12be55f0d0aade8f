"""A catalogue of what apps and layers do wrong, for the linter to see.

Each breaks one rule, once. An app stands alone, inside a stack, and as a layer in its middle that
answers by itself; a layer stands next to the app, in the middle of a stack, and alone.
"""

from __future__ import annotations

import sys
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from wsgimw.testing.server import App, Environ, StartResponse

Layer = Callable[[Any], Any]
TEXT = ("Content-Type", "text/plain")


@dataclass(frozen=True)
class Case:
    """Something that breaks `rule`, and the environ keys of a request that shows it."""

    id: str
    rule: int
    where: Literal["app", "layer"]
    broken: Any
    environ: Environ = field(default_factory=dict)
    inner: Any = None  # the app that shows what a layer does wrong


CASES: list[Case] = []


def app(rule: int, name: str, **environ: Any) -> Callable[[App], App]:
    """Enter an app in the catalogue."""

    def enter(function: App) -> App:
        function.__qualname__ = f"app: {name}"
        CASES.append(Case(name, rule, "app", function, environ))
        return function

    return enter


def layer(rule: int, name: str, inner: Any = None, **environ: Any) -> Callable[[Layer], Layer]:
    """Enter a layer in the catalogue."""

    def enter(function: Layer) -> Layer:
        function.__qualname__ = f"layer: {name}"
        CASES.append(Case(name, rule, "layer", function, environ, inner or hello_stream))
        return function

    return enter


def hello(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("Content-Length", "5")])
    return [b"hello"]


def hello_stream(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    return (block for block in (b"one", b"two", b"three", b"four"))


def late_stream(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    yield b"one"
    yield b"two"


def with_empty_blocks(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    return (block for block in (b"one", b"", b"two", b""))


def list_with_empty_blocks(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    return [b"one", b"", b"two"]


def writer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    write = start_response("200 OK", [TEXT])
    write(b"written")
    return [b"yielded"]


def restarter(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    try:
        raise ValueError("a page failed")
    except ValueError:
        start_response("500 Internal Server Error", [TEXT], sys.exc_info())
    return [b"an error page"]


def breaks_off(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    yield b"one"
    raise ValueError("the stream failed")


def fails_after_its_head(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    raise ValueError("the call failed")


def reads_its_form(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    return [environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])) or b"nothing"]


# ---- start_response: twice, never, after a block; exc_info ------------------------------------


@app(7, "start_response twice")
def _(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    start_response("404 Not Found", [TEXT])
    return [b"hello"]


@app(6, "start_response never, a list")
def _(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return [b"hello"]


@app(6, "start_response never, a stream")
def _(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    yield b"hello"


@app(6, "start_response never, an empty stream")
def _(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return iter(())


@app(6, "start_response after a block")
def _(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    yield b"hello"
    start_response("200 OK", [TEXT])


@app(7, "exc_info malformed")
def _(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("500 Internal Server Error", [TEXT], True)
    return [b"an error page"]


@app(7, "exc_info of nothing")
def _(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("500 Internal Server Error", [TEXT], sys.exc_info())
    return [b"an error page"]


@app(7, "exc_info after bytes")
def _(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    yield b"hello"
    try:
        raise ValueError("a page failed")
    except ValueError:
        start_response("500 Internal Server Error", [TEXT], sys.exc_info())
    yield b"an error page"


@app(2, "start_response by keywords")
def _(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response(status="200 OK", headers=[TEXT])
    return [b"hello"]


@app(2, "start_response with one argument")
def _(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK")
    return [b"hello"]


# ---- Content-Length, responses without a body, hop-by-hop -------------------------------------


def answering(rule: int, name: str, status: Any, headers: Any, body: Any, **environ: Any) -> None:
    """Enter an app that gives this head and this body."""

    @app(rule, name, **environ)
    def answer(environ: Environ, start_response: Any) -> Any:
        start_response(status, headers)
        return body

    CASES[-1].broken.__name__ = "answer"


def heading(rule: int, name: str, *items: Any, status: Any = "200 OK") -> None:
    """Enter an app with these headers, and a Content-Type."""
    answering(rule, name, status, [TEXT, *items], [b"hello"])


heading(15, "Content-Length too long", ("Content-Length", "9"))
heading(15, "Content-Length too short", ("Content-Length", "2"))
heading(15, "Content-Length twice", ("Content-Length", "5"), ("content-length", "5"))
heading(15, "Content-Length no digits", ("Content-Length", "five"))
heading(15, "Content-Length negative", ("Content-Length", "-5"))


@app(15, "Content-Length too long for a stream")
def _(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("Content-Length", "9")])
    yield b"hello"


@app(15, "Content-Length too short for a stream")
def _(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("Content-Length", "2")])
    yield b"hel"
    yield b"lo"


answering(16, "Content-Length on 204", "204 No Content", [("Content-Length", "0")], [])
answering(16, "bytes on 204", "204 No Content", [], [b"hello"])
answering(16, "bytes on 304", "304 Not Modified", [], [b"hello"])
answering(16, "bytes on HEAD", "200 OK", [TEXT], [b"hello"], REQUEST_METHOD="HEAD")
heading(14, "Connection", ("Connection", "close"))
heading(14, "Transfer-Encoding", ("transfer-encoding", "identity"))
heading(14, "Proxy-Authenticate", ("Proxy-Authenticate", "Basic"))

# ---- the syntax of the head -------------------------------------------------------------------

heading(13, "CR in a value", ("X-Note", "a\rb"))
heading(13, "LF in a value", ("X-Note", "a\nSet-Cookie: b"))
heading(13, "NUL in a value", ("X-Note", "a\0b"))
heading(13, "DEL in a value", ("X-Note", "a\x7fb"))
heading(13, "a value beyond latin-1", ("X-Note", "\u20ac"))
heading(13, "a name with a space", ("X Note", "a"))
heading(13, "a name with a colon", ("X-Note:", "a"))
heading(13, "an empty name", ("", "a"))
heading(13, "a header Status", ("Status", "200 OK"))
heading(13, "status without reason", status="200")
heading(13, "status with an empty reason", status="200 ")
heading(13, "status below 100", status="099 Low")
heading(13, "status above 599", status="600 High")
heading(13, "status with a line end", status="200 OK\r\nX: y")
heading(13, "status of bytes", status=b"200 OK")
heading(13, "status an int", status=200)
heading(13, "status beyond latin-1", status="200 \u20ac")
answering(12, "headers a tuple", "200 OK", (TEXT,), [b"hello"])
answering(12, "headers an iterator", "200 OK", iter([TEXT]), [])
heading(12, "an item a list", ["X-Note", "a"])
heading(12, "an item of three", ("X-Note", "a", "b"))
heading(12, "a name of bytes", (b"X-Note", "a"))
heading(12, "a value an int", ("X-Note", 5))
answering(13, "no Content-Type on a body", "200 OK", [], [b"hello"])


@app(13, "no Content-Type on a stream")
def _(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    yield b""
    yield b"hello"


# ---- bodies and blocks, write() ---------------------------------------------------------------


class Bytes(bytes):
    """A subclass."""


answering(20, "a body of str", "200 OK", [TEXT], "hello")
answering(20, "a body of bytes", "200 OK", [TEXT], b"hello")
answering(20, "a body None", "200 OK", [TEXT], None)
answering(20, "a body an int", "200 OK", [TEXT], 5)
answering(20, "a block of str", "200 OK", [TEXT], ["hello"])
answering(20, "a block of bytearray", "200 OK", [TEXT], [bytearray(b"hello")])
answering(20, "a block of memoryview", "200 OK", [TEXT], (memoryview(b"hello"),))
answering(20, "a block of a subclass", "200 OK", [TEXT], [Bytes(b"hello")])
answering(20, "a block None", "200 OK", [TEXT], [None])


@app(20, "a block of str in a stream")
def _(environ: Environ, start_response: StartResponse) -> Iterable[Any]:
    start_response("200 OK", [TEXT])
    yield "hello"


@app(20, "a block None in a stream")
def _(environ: Environ, start_response: StartResponse) -> Iterable[Any]:
    start_response("200 OK", [TEXT])
    yield None


@app(21, "a false len")
def _(environ: Environ, start_response: StartResponse) -> Any:
    class Body:
        def __len__(self) -> int:
            return 1

        def __iter__(self) -> Iterator[bytes]:
            return iter([b"one", b"two"])

    start_response("200 OK", [TEXT])
    return Body()


@app(20, "write() of str")
def _(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])("hello")
    return []


@app(11, "write() during iteration")
def _(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    write = start_response("200 OK", [TEXT])
    yield b"one"
    write(b"two")


# ---- wsgi.input and wsgi.errors ---------------------------------------------------------------

FORM = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "5"}


@app(30, "input read past its length", **FORM)
def _(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    environ["wsgi.input"].read(6)
    return hello(environ, start_response)


@app(30, "input read again at its end", **FORM)
def _(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    while environ["wsgi.input"].read(5):
        pass
    return hello(environ, start_response)


@app(30, "input closed")
def _(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    environ["wsgi.input"].close()
    return hello(environ, start_response)


@app(31, "errors closed")
def _(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    environ["wsgi.errors"].close()
    return hello(environ, start_response)


@app(31, "bytes written to errors")
def _(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    environ["wsgi.errors"].write(b"oops")
    return hello(environ, start_response)


@layer(30, "reads the form and leaves nothing", reads_its_form, **FORM)
def _(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.input"].read(5)
        return app(environ, start_response)

    return bound


# ---- environ ----------------------------------------------------------------------------------


def editing(rule: int, name: str, edit: Callable[[Any], Any]) -> None:
    """Enter a layer that passes on what `edit` returns, or the environ that it changed."""

    @layer(rule, name, hello)
    def editor(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            edited = edit(environ)
            return app(environ if edited is None else edited, start_response)

        return bound


def removing(rule: int, key: str) -> None:
    """Enter a layer that takes this key out of environ."""
    editing(rule, f"{key} removed", lambda environ: environ.__delitem__(key))


class Dict(dict[str, Any]):
    """A subclass."""


removing(3, "REQUEST_METHOD")
removing(3, "SERVER_NAME")
removing(3, "wsgi.url_scheme")
removing(30, "wsgi.input")
removing(31, "wsgi.errors")
removing(34, "wsgi.run_once")
editing(30, "wsgi.input without readlines", lambda environ: environ | {"wsgi.input": object()})
editing(32, "a variable an int", lambda environ: environ.update(SERVER_PORT=80))
editing(32, "a variable of bytes", lambda environ: environ.update(QUERY_STRING=b"a=b"))
editing(32, "a variable None", lambda environ: environ.update(REMOTE_USER=None))
editing(32, "a variable beyond latin-1", lambda environ: environ.update(PATH_INFO="/\u20ac"))
editing(32, "a header beyond latin-1", lambda environ: environ.update(HTTP_X="\u20ac"))
editing(32, "a key of bytes", lambda environ: environ.__setitem__(b"HTTP_X", "a"))
editing(32, "HTTP_CONTENT_TYPE", lambda environ: environ.update(HTTP_CONTENT_TYPE="text/plain"))
editing(32, "HTTP_CONTENT_LENGTH", lambda environ: environ.update(HTTP_CONTENT_LENGTH="5"))
editing(30, "CONTENT_LENGTH no digits", lambda environ: environ.update(CONTENT_LENGTH="-1"))
editing(33, "SCRIPT_NAME a slash", lambda environ: environ.update(SCRIPT_NAME="/"))
editing(33, "SCRIPT_NAME without slash", lambda environ: environ.update(SCRIPT_NAME="shop"))
editing(33, "PATH_INFO without slash", lambda environ: environ.update(PATH_INFO="cart"))
editing(3, "environ a subclass", Dict)
editing(3, "environ a ChainMap", lambda environ: ChainMap({}, environ))


@layer(1, "the app called by keywords")
def _(app: Any) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Any:
        return app(environ=environ, start_response=start_response)

    return bound


# ---- what gets lost in a layer: the head, exc_info, write() -----------------------------------


@layer(8, "drops exc_info", restarter)
def _(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return app(environ, lambda status, headers, *_: start_response(status, headers))

    return bound


@layer(8, "empties exc_info", restarter)
def _(app: App) -> App:
    def bound(environ: Environ, start_response: Any) -> Iterable[bytes]:
        def start(status: Any, headers: Any, exc_info: Any = None) -> Any:
            more = [(None, None, None)] if exc_info else []
            return start_response(status, headers, *more)

        return app(environ, start)

    return bound


@layer(8, "ignores the second head", restarter)
def _(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        write: Any = None

        def start(status: Any, headers: Any, exc_info: Any = None) -> Any:
            nonlocal write
            write = write or start_response(status, headers)
            return write

        return app(environ, start)

    return bound


@layer(8, "raises exc_info in place of a head", restarter)
def _(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: Any, headers: Any, exc_info: Any = None) -> Any:
            if exc_info:
                raise exc_info[1]
            return start_response(status, headers)

        return app(environ, start)

    return bound


@layer(6, "drops the head")
def _(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return app(environ, lambda *_: lambda data: None)

    return bound


@layer(10, "a deaf write()", writer)
def _(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        def start(*args: Any) -> Any:
            start_response(*args)
            return lambda data: None

        return app(environ, start)

    return bound


@layer(10, "write() held back", writer)
def _(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        held: list[bytes] = []

        def start(*args: Any) -> Any:
            start_response(*args)
            return held.append

        body = app(environ, start)
        return Passing(body, lambda blocks: iter([*held, *blocks]))

    return bound


@layer(10, "no write()")
def _(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        def start(*args: Any) -> Any:
            start_response(*args)

        return app(environ, start)

    return bound


@layer(11, "writes the blocks", hello)
def _(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        writes: list[Any] = []

        def start(*args: Any) -> Any:
            writes.append(start_response(*args))
            return writes[-1]

        body: Any = app(environ, start)
        try:
            for block in body:
                writes[-1](block)
        finally:
            close(body)
        return []

    return bound


# ---- what gets lost in a layer: close(), blocks, exceptions -----------------------------------


def close(body: Any) -> None:
    if hasattr(body, "close"):
        body.close()


class Passing:
    """A body that passes another one on, by a function of its blocks, and its close()."""

    def __init__(self, body: Any, change: Callable[[Any], Iterator[bytes]] = iter) -> None:
        self.body = body
        self.change = change

    def __iter__(self) -> Iterator[bytes]:
        return self.change(self.body)

    def close(self) -> None:
        close(self.body)


def passing(
    rule: int, name: str, kind: Callable[[Any], Any], inner: Any = None, **environ: Any
) -> None:
    """Enter a layer that makes a body of this kind of the inner one."""

    @layer(rule, name, inner, **environ)
    def passer(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Any:
            return kind(app(environ, start_response))

        return bound


class ClosesTwice(Passing):
    def close(self) -> None:
        close(self.body)
        close(self.body)


class NeverCloses(Passing):
    def close(self) -> None:
        pass


class ClosesTheIterator(Passing):
    def __iter__(self) -> Iterator[bytes]:
        self.iterator: Iterator[bytes] = iter(self.body)
        return self.iterator

    def close(self) -> None:
        close(self.iterator)


class PullsAfterClose(Passing):
    def close(self) -> None:
        close(self.body)
        for _ in self.body:
            pass


def stops_at_an_empty_block(blocks: Iterable[bytes]) -> Iterator[bytes]:
    for block in blocks:
        if not block:
            return
        yield block


def without_the_rest(blocks: Iterable[bytes]) -> Iterator[bytes]:
    for count, block in enumerate(blocks):
        if count == 2:
            return
        yield block


def without_errors(blocks: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from blocks
    except ValueError:
        return


def text_of(block: bytes) -> Any:
    return block.decode()


def joined(blocks: Iterable[bytes]) -> Iterator[bytes]:
    yield b"".join(blocks)


def in_pairs(blocks: Iterable[bytes]) -> Iterator[bytes]:
    held = b""
    for count, block in enumerate(blocks, 1):
        held += block
        if count % 2 == 0:
            yield held
            held = b""


def textbook(body: Any) -> Iterator[bytes]:
    yield from body


def joined_in_the_call(body: Any) -> list[bytes]:
    try:
        return [b"".join(body)]
    finally:
        close(body)


def emptied(body: Any) -> Passing:
    for _ in body:
        pass
    return Passing(body)


def closed_first(body: Any) -> Any:
    close(body)
    return body


passing(22, "the textbook generator", textbook)
passing(22, "never closes", NeverCloses)
passing(22, "never closes a list", NeverCloses, hello)
passing(22, "makes a list and never closes", lambda body: [block.upper() for block in body], hello)
passing(22, "closes the iterator", ClosesTheIterator)
passing(23, "closes twice", ClosesTwice)
passing(23, "closes a list twice", ClosesTwice, hello)
passing(26, "pulls after close()", PullsAfterClose)
passing(26, "pulls a list after close()", PullsAfterClose, hello)
passing(26, "closes before it hands on", closed_first)
passing(26, "closes a list before it hands on", closed_first, hello)
passing(17, "buffers in the call", joined_in_the_call)
passing(17, "empties the body in the call", emptied)
passing(18, "buffers in the stream", lambda body: Passing(body, joined))
passing(18, "two blocks for one", lambda body: Passing(body, in_pairs))
passing(18, "loses the rest", lambda body: Passing(body, without_the_rest))
passing(
    19,
    "stops at an empty block",
    lambda body: Passing(body, stops_at_an_empty_block),
    with_empty_blocks,
)
passing(
    19,
    "stops at an empty block of a list",
    lambda body: Passing(body, stops_at_an_empty_block),
    list_with_empty_blocks,
)
passing(
    19,
    "drops empty blocks",
    lambda body: Passing(body, lambda blocks: (block for block in blocks if block)),
    with_empty_blocks,
)
passing(
    20,
    "makes str of blocks",
    lambda body: Passing(body, lambda blocks: map(text_of, blocks)),
)
passing(27, "swallows an error", lambda body: Passing(body, without_errors), breaks_off)


@layer(15, "lengthens the body", hello)
def _(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return Passing(app(environ, start_response), lambda blocks: iter([*blocks, b"!"]))

    return bound


@layer(27, "swallows an error of the call", fails_after_its_head)
def _(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return app(environ, start_response)
        except ValueError:
            return []

    return bound
