"""The rules that a layer keeps, each above the probes that judge it. docs/ prints the rules from
here.

Every probe is one story: an app inside, a request, what must come out. It judges its own rule
alone: what belongs to another rule is let pass, so that a report names what is broken and not what
follows from it. A layer may add headers, code the body (the probes compare what a client reads),
answer an error by itself (only rules 25 and 27 ask that it goes up), or log: all of that is unusual
and right.

>>> rule = RULES[22]
>>> rule.number, rule.title, sorted(rule.probes)[:2]
(22, 'close() always arrives', ['close_early', 'close_falsy'])
>>> len(RULES), sum(len(rule.probes) for rule in RULES.values())
(41, 69)

What a probe uses is in `rules.py` (`Kit`, `expect`) and `server.py` (`Call`, the strict server).
"""

from __future__ import annotations

import contextlib
import contextvars
import io
import re
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from wsgimw.testing.apps import (
    BLOCKS,
    LENGTH,
    MARK,
    MENDED,
    NAME,
    OK,
    PNG,
    TEXT,
    WHOLE,
    Body,
    Interrupted,
    Leaving,
    ListBody,
    Planted,
    answer,
    failure,
    late,
)
from wsgimw.testing.rules import (
    HANG,
    RULES,
    Broken,
    Hung,
    Kit,
    Rule,
    bounded,
    expect,
    left_alive,
    said,
    uncollected,
)
from wsgimw.testing.server import (
    App,
    Call,
    Environ,
    Errors,
    FileWrapper,
    Headers,
    Input,
    ItemWrapper,
    StartResponse,
    file_itself,
)

__all__ = ["RULES"]


def arrived(call: Call, content: bytes = WHOLE, status: str = OK) -> None:
    """Expect that the app's answer came to the client whole."""
    expect(call.heads, f"the app's head, {status!r}", "no head came at all")
    expect(call.status == status, f"the app's status {status!r}", f"{call.status!r} came")
    expect("yes" in call.values("X-App"), "the app's header X-App: yes", f"{call.headers} came")
    expect(
        call.content == content and call.complete,
        f"the {len(content)} bytes of the app's body",
        f"{len(call.content)} bytes came" + (", other ones" if call.content else ""),
    )


def times(count: int) -> str:
    """Say how often something was done."""
    return ("it never was", "it was once", "it was twice", f"it was {count} times")[min(count, 3)]


# ---- Calling ----------------------------------------------------------------------------------

rule_1 = Rule(
    1,
    "M",
    "Re-entrant",
    text="A bound app may be called again while a former call is still running or streaming, "
    "by another request or by the inner app itself. It calls the inner app with two "
    "positional arguments and no keywords.",
    why="Servers with threads, sub-requests and error pages fetched from the app all call it "
    "again; an app's own names for the two arguments are its own business.",
    source='PEP 3333, "The Application/Framework Side"',
)


@rule_1.probe
def reentrant(kit: Kit) -> None:
    """While an app is called, and while it streams, it asks the same bound app again."""
    arguments: list[tuple[int, list[str]]] = []
    inside: list[Call] = []

    def app(*args: Any, **keywords: Any) -> Iterable[bytes]:
        arguments.append((len(args), sorted(keywords)))
        environ, start_response = (*args, *keywords.values())
        if environ.get(NAME) == "inside":
            start_response(OK, [TEXT, MARK])
            return [BLOCKS[1]]
        inside.append(kit.request(bound, {NAME: "inside"}).run())
        start_response(MENDED, [TEXT, MARK])
        return stream()

    def stream() -> Iterator[bytes]:
        yield BLOCKS[0]
        inside.append(kit.request(bound, {NAME: "inside"}).run())
        yield BLOCKS[2]

    bound = kit.bind(app)

    def story() -> None:
        outside = kit.request(bound).run()
        for call in inside:
            arrived(call, BLOCKS[1])
        arrived(outside, BLOCKS[0] + BLOCKS[2], MENDED)

    bounded(story)
    odd = [came for came in arguments if came != (2, [])]
    expect(
        not odd,
        "the app to be called with two positional arguments",
        f"(positional, keywords) came as {odd and odd[0]}",
    )


@rule_1.probe
def interleaved(kit: Kit) -> None:
    """Two requests to one bound app are served block by block in turn, on one thread."""

    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        name = environ.get(NAME, "")
        start_response(OK, [TEXT, MARK, ("X-Kit-Name", name)])
        yield from BLOCKS[:2] if name == "a" else BLOCKS[1:]

    bound = kit.bind(app)

    def story() -> None:
        a, b = (kit.request(bound, {NAME: name}).begin() for name in "ab")
        for call in (a, b, b, a, a, b):
            call.pull()
        b.close()
        a.close()
        for name, call, content in (("a", a, BLOCKS[:2]), ("b", b, BLOCKS[1:])):
            arrived(call, b"".join(content))
            came = call.values("X-Kit-Name")
            expect(
                came == [name], f"request {name!r} to get its own head", f"X-Kit-Name: {came} came"
            )

    bounded(story)


rule_2 = Rule(
    2,
    "M",
    "start_response by position",
    text="start_response is called by position, as (status, headers) or (status, headers, "
    "exc_info). A start_response of the layer's own accepts a third argument and forwards "
    "it. It leaves it out when it is None.",
    why="The names of a server's parameters are its own, so keywords fail on some servers; "
    "and some test drivers take two arguments only (Sentry leaves None out for the client "
    "of Django REST framework).",
    source='PEP 3333, "The start_response() Callable"',
)


@rule_2.probe
def positional(kit: Kit) -> None:
    """The app gives two arguments, a third that is None, an exc_info; the server knows no names."""
    _given(kit)
    _given(kit, None)
    _given(kit, failure())


def _given(kit: Kit, *third: Any) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(OK, [TEXT, MARK], *third)
        return [WHOLE]

    def by_position(status: str, headers: Headers, exc_info: Any = None, /) -> Any:
        return call.start_response(status, headers, exc_info)

    call = kit.call(app)
    call.start = by_position
    try:
        call.run()
    except TypeError as error:
        count = 2 + len(third)
        raise Broken(f"start_response with {count} arguments to pass", str(error)) from None
    arrived(call)


@rule_2.probe
def two_arguments(kit: Kit) -> None:
    """The server's start_response takes exactly two arguments, and the app gives two."""
    for app in (answer([WHOLE]), answer(Body(*BLOCKS))):
        _to_a_driver(kit, app)


def _to_a_driver(kit: Kit, app: App) -> None:
    def driver(status: str, headers: Headers) -> Any:
        return call.start_response(status, headers)

    call = kit.call(app)
    call.start = driver
    try:
        call.run()
    except TypeError as error:
        raise Broken("a third argument that is None to be left out", str(error)) from None
    arrived(call)


rule_3 = Rule(
    3,
    "M",
    "environ is a plain dict, and not the layer's",
    text="environ stays an exact dict: no subclass, no ChainMap, no proxy. The inner app may "
    "change it or even empty it, so what a layer needs after the call (method, path, "
    "file_wrapper, its own key) it reads before the call.",
    why="Frameworks and C servers ask for the exact type; and an app that mounts others has "
    "moved PATH_INFO by the time the layer looks again, so a late look-up logs the wrong "
    "path or raises KeyError in the middle of a response.",
    source='PEP 3333, "environ Variables"',
    seen="named as a trap in wsgi_lite's README",
)


@rule_3.probe
def environ_type(kit: Kit) -> None:
    """The app looks at the type of its environ."""
    types: list[type] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        types.append(type(environ))
        start_response(OK, [TEXT, MARK])
        return [WHOLE]

    kit.call(app).run()
    expect(types, "the app to be called", "it was not")
    expect(types == [dict], "environ to be an exact dict", f"a {types[0].__qualname__} came")


@rule_3.probe
def environ_emptied(kit: Kit) -> None:
    """The app empties its environ before it answers, with a list and with a stream."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        streams = environ.get(NAME) == "streams"
        environ.clear()
        start_response(OK, [TEXT, MARK])
        return Body(*BLOCKS) if streams else [WHOLE]

    for name in ("list", "streams"):
        call = kit.call(app, {NAME: name})
        try:
            call.run()
        except KeyError as error:
            raise Broken(
                "what is needed after the call to be read before it",
                f"the app had emptied environ, and a look-up of {error} failed",
            ) from None
        arrived(call)


rule_4 = Rule(
    4,
    "Q",
    "Edits of environ in place leak outwards",
    text="A change that must not be seen outside (a mount, a retry, a sub-request) is made on "
    "a copy of environ. It is never undone after the call: the body still runs then. "
    "To copy 30 keys costs as much as to set five.",
    why="The access log outside logs the rest of a path, an outer router matches it twice, "
    "and a generator app that is only now running sees the path of its parent.",
    source='PEP 3333, "environ Variables": the app may modify the dictionary in any way it desires',
)


@rule_4.probe
def environ_outside(kit: Kit) -> None:
    """Method, path and query stay: outside after the call, inside while the body runs."""
    keys = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING")
    views: list[list[Any]] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        views.append([environ.get(key) for key in keys])
        start_response(OK, [TEXT, MARK])
        return body(environ)

    def body(environ: Environ) -> Iterator[bytes]:
        for block in BLOCKS:
            views.append([environ.get(key) for key in keys])
            yield block

    call = kit.call(app, PATH_INFO=kit.path("/a/b"), QUERY_STRING="q=1")
    before = [call.environ[key] for key in keys]
    call.begin()
    after = [call.environ.get(key) for key in keys]
    expect(after == before, f"{keys} outside to stay {before}", f"they were {after} after the call")
    call.rest()
    expect(views, "the app to be called", "it was not")
    for view in views[1:]:
        expect(
            view == views[0],
            f"the app to see {views[0]} in {keys} while its body runs, as in the call",
            f"it saw {view}",
        )


# ---- Starting the response --------------------------------------------------------------------

rule_5 = Rule(
    5,
    "M",
    "The head may come late",
    text="start_response may be called as late as the first next() of the body: nobody knows "
    "status or headers when the inner call returns. Every app that is a generator "
    "function does so.",
    why="A layer that reads the status at return has none yet: it raises, logs 0, or empties "
    "the body. It works with Flask and Django and breaks on the first generator app.",
    source='PEP 3333, "The Application/Framework Side"',
    seen="Paste gzipper (ValueError), wsgi-request-logger (empties the body), hypercorn#331, "
    "granian#845 (a server that ignores a late status, won't fix), talisker#431, "
    "wsgi-intercept#61, httpx#887",
)


@rule_5.probe
def late_generator(kit: Kit) -> None:
    """The app is a generator function: its head comes at the first next()."""
    call = kit.call(late(*BLOCKS))
    try:
        call.run()
    except Exception as error:
        raise Broken(
            "a head that comes at the first next() to be waited for", said(error)
        ) from None
    arrived(call)


@rule_5.probe
def late_class(kit: Kit) -> None:
    """The app is a class whose instances are the bodies, as in PEP 3333's own example."""

    class AppClass:
        def __init__(self, environ: Environ, start_response: StartResponse) -> None:
            self.start_response = start_response

        def __iter__(self) -> Iterator[bytes]:
            self.start_response(OK, [TEXT, MARK])
            yield from BLOCKS

    call = kit.call(AppClass)
    try:
        call.run()
    except Exception as error:
        raise Broken("a head that comes in __iter__ to be waited for", said(error)) from None
    arrived(call)


rule_6 = Rule(
    6,
    "M",
    "The head comes before the first non-empty block",
    text="The head reaches the server before the first non-empty block, and also when the body "
    "is empty. It is forwarded even when the layer throws the body away.",
    why="A server that gets bytes without a head can only cut the connection or answer 500; "
    "one that gets neither hangs or raises. HEAD through a layer that drops the body "
    "unread is how it happens.",
    source='PEP 3333, "The start_response() Callable"',
    seen="layers that close a HEAD's body without iterating it (webob)",
)


@rule_6.probe
def late_empty(kit: Kit) -> None:
    """A generator app starts its response and yields nothing, for GET and for HEAD."""
    for method in ("GET", "HEAD"):
        call = kit.call(late(), REQUEST_METHOD=method).run()
        expect(call.heads, f"the head of an empty body ({method})", "no head came at all")
        expect(call.status == OK, f"the app's status {OK!r} ({method})", f"{call.status!r} came")


@rule_6.probe
def head_before_block(kit: Kit) -> None:
    """At the first non-empty block the server has the head, whatever the shape of the body."""
    shapes = (answer([WHOLE]), answer(Body(b"", *BLOCKS)), late(*BLOCKS), late(b"", *BLOCKS))
    for app in shapes:
        call = kit.call(app).run()
        expect(not call.headless, "the head before the first byte", "bytes came before any head")


rule_7 = Rule(
    7,
    "M",
    "A second head needs exc_info, and replaces the first",
    text="A second start_response without exc_info is fatal. With it, and before bytes left, "
    "it replaces status and headers wholly. After bytes left the server raises the "
    "exception again, and a layer lets that pass. So what a layer decided for the first "
    "head (encoding, edits, counters) is decided anew, not added to.",
    why="This is how an app turns a failed page into an error page. A layer that breaks it "
    "serves the error page under the failed page's status, length or encoding, or hides "
    "from the app that it is too late.",
    source='PEP 3333, "Error Handling"',
    seen="Paste TransLogger, webob wsgify, werkzeug Response.from_app, Dozer, apistar#504, "
    "tornado#39",
)


def _restarting(first: Headers, second: Headers, where: str) -> App:
    """Return an app that replaces its head: in the call, at the first next(), or later."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(OK, list(first))
        if where == "in the call":
            restart(start_response)
            return [WHOLE]
        return stream(start_response)

    def stream(start_response: StartResponse) -> Iterator[bytes]:
        if where == "after an empty block":
            yield b""
        restart(start_response)
        yield WHOLE

    def restart(start_response: StartResponse) -> None:
        try:
            raise Planted("the app failed before a byte had left")
        except Planted:
            start_response(MENDED, list(second), sys.exc_info())

    return app


def _starting(second: Headers, where: str) -> App:
    """Return an app that gives the same final answer in the same shape, with one head."""
    blocks = [b"", WHOLE] if where == "after an empty block" else [WHOLE]

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(MENDED, list(second))
        return [WHOLE] if where == "in the call" else (block for block in blocks)

    return app


def _decided_anew(kit: Kit, where: str) -> None:
    text: Headers = [TEXT, ("Content-Length", "17"), ("X-First", "yes")]
    for first, kind in ((text, PNG), ([PNG, *text[1:]], TEXT)):
        second = [kind, LENGTH, MARK]
        call = kit.call(_restarting(first, second, where)).run()
        once, again = (kit.call(_starting(second, where)).run() for _ in range(2))
        arrived(call, status=MENDED)
        left = call.values("X-First")
        expect(
            not left,
            f"a head given {where} to replace the first wholly",
            f"X-First: {left} of the first was left",
        )
        for name in sorted(_names(call) - {"content-length"}):
            wanted, came = once.values(name), call.values(name)
            stable = wanted == again.values(name)  # a request id or a duration differs anyhow
            expect(
                wanted and (came == wanted or not stable) and len(came) == len(wanted),
                f"the head given {where} to be treated as the only one ({name}: {wanted})",
                f"{name}: {came} came",
            )
        lengths = call.values("Content-Length")
        expect("17" not in lengths, "the length of the first head to go with it", "it was left")


def _names(call: Call) -> set[str]:
    return {str(name).lower() for name, _ in call.headers}


@rule_7.probe
def restart_in_call(kit: Kit) -> None:
    """The app gives a second head with exc_info while it is called, of another type and length."""
    _decided_anew(kit, "in the call")


@rule_7.probe
def restart_in_body(kit: Kit) -> None:
    """The app gives the second head at the first next(), and after an empty block."""
    _decided_anew(kit, "at the first next()")
    _decided_anew(kit, "after an empty block")


@rule_7.probe
def restart_after_bytes(kit: Kit) -> None:
    """The app gives a second head after bytes left: it gets its own exception back."""
    error = Planted("the app failed after bytes had left")
    got: list[object] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(OK, [TEXT, MARK])
        return stream(start_response)

    def stream(start_response: StartResponse) -> Iterator[bytes]:
        yield from BLOCKS
        _restart_late(start_response, call, error, got)

    call = kit.call(app)
    with suppress(Exception):
        call.run()
    _raised_again(got, error)


@rule_7.probe
def restart_after_write(kit: Kit) -> None:
    """The same after bytes went out by write()."""
    error = Planted("the app failed after it had written bytes")
    got: list[object] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        write = start_response(OK, [TEXT, MARK])
        if callable(write):  # else: rule 10
            for block in BLOCKS:
                write(block)
            _restart_late(start_response, call, error, got)
        return [b""]

    call = kit.call(app)
    with suppress(Exception):
        call.run()
    _raised_again(got, error)


def _restart_late(start: StartResponse, call: Call, error: Exception, got: list[object]) -> None:
    if not call.raw:  # the layer holds the bytes back: that is a matter of rules 10 and 18
        return
    try:
        raise error
    except Planted:
        try:
            start(MENDED, [TEXT, MARK], sys.exc_info())
        except BaseException as raised:
            got.append(raised)
            raise
        got.append(None)


def _raised_again(got: list[object], error: Exception) -> None:
    for raised in got:
        expect(
            raised is error,
            "start_response to raise the app's own exception again, since bytes had left",
            f"{raised!r} was raised" if raised is not None else "it returned as if all were well",
        )


rule_8 = Rule(
    8,
    "M",
    "exc_info goes through",
    text="The exc_info that the app gives reaches the server, the very tuple.",
    why="Without it the server must refuse the second head, so the app's error page turns "
    "into a broken connection; with another tuple the server raises the wrong error or "
    "none.",
    source='PEP 3333, "Error Handling"',
    seen="Paste TransLogger and gzipper drop it; webob, werkzeug and Dozer raise instead and "
    "so lose the app's error page",
)


@rule_8.probe
def exc_info_forwarded(kit: Kit) -> None:
    """The server looks whether it gets the tuple that the app gave, in the call and in the body."""
    _the_very_tuple(kit, "in the call")
    _the_very_tuple(kit, "after an empty block")


def _the_very_tuple(kit: Kit, where: str) -> None:
    given: list[Any] = []
    got: list[Any] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        def noting(status: str, headers: Headers, *exc_info: Any) -> Any:
            given.extend(exc_info)
            return start_response(status, headers, *exc_info)

        return _restarting([TEXT, MARK], [TEXT, MARK], where)(environ, noting)

    def server(status: str, headers: Headers, exc_info: Any = None) -> Any:
        got.append(exc_info)
        return call.start_response(status, headers, given[-1] if call.heads else None)

    call = kit.call(app)
    call.start = server
    call.run()
    expect(
        not given or any(came is given[-1] for came in got),
        f"the very exc_info that the app gave {where}",
        f"{got[-1]!r} came" if got else "no head came at all",
    )


rule_9 = Rule(
    9,
    "M",
    "exc_info is not kept",
    text="No variable that lives on holds exc_info: an argument is cleared before the function "
    "that got it goes on, and nothing is stored on an object of the request.",
    why="A traceback refers to frames, the frames to the layer's objects, those to the "
    "traceback: a cycle. Everything the failed request touched stays in memory until the "
    "collector runs, and under load that is long.",
    source='PEP 3333, "Error Handling"',
)


@rule_9.probe
def exc_info_freed(kit: Kit) -> None:
    """After a request with exc_info nothing holds the exception, with the garbage collector off."""

    def story() -> dict[str, list[weakref.ref[Any]]]:
        marks: list[weakref.ref[Any]] = []

        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            start_response(OK, [TEXT, MARK])
            return (
                stream(start_response) if environ.get(NAME) == "streams" else page(start_response)
            )

        def page(start_response: StartResponse) -> list[bytes]:
            try:
                _fail(marks)
            except Planted:
                start_response(MENDED, [TEXT, MARK], sys.exc_info())
            return [WHOLE]

        def stream(start_response: StartResponse) -> Iterator[bytes]:
            yield from page(start_response)

        for name in ("list", "streams"):
            call = kit.call(app, {NAME: name})
            with suppress(Exception):  # a lost exc_info is rule 8's
                call.run()
            call.drop()
        return {"exception": marks}

    alive = left_alive(story)
    expect(not alive, "the exception to be freed with the request", "it was still alive afterwards")


def _fail(marks: list[weakref.ref[Any]]) -> None:
    """Raise an exception that leaves no cycle of its own; put a weak reference into `marks`."""
    error = Planted("an error whose traceback is watched")
    marks.append(weakref.ref(error))
    try:
        raise error
    finally:
        del error


rule_10 = Rule(
    10,
    "M",
    "start_response returns write",
    text="start_response always returns a write callable. A layer that has a start_response of "
    "its own wraps or hands on the server's and returns it, never None. What was written "
    "comes before what is iterated, and comes at once.",
    why="Old frameworks, streaming exports and error handlers write. A layer without write "
    "turns them into TypeError, one that holds it back turns a live export into one that "
    "stalls.",
    source='PEP 3333, "The write() Callable"',
    seen="ProfilerMiddleware, webob and wsgi_lite style triples hold it back; Paste "
    "ErrorMiddleware ends in its own error page",
)


def _writing(written: tuple[bytes, ...], body: list[bytes], after: Callable[[], None]) -> App:
    """Return an app that writes, calling `after` each time, and then returns `body`."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        write = start_response(OK, [TEXT, MARK])
        if callable(write):
            for block in written:
                write(block)
                after()
        return body

    return app


def _nothing() -> None:
    return None


@rule_10.probe
def write_order(kit: Kit) -> None:
    """The app writes one block and returns two: they arrive in that order."""
    arrived(kit.call(_writing(BLOCKS[:1], list(BLOCKS[1:]), _nothing)).run())


@rule_10.probe
def write_at_once(kit: Kit) -> None:
    """When write() returns, the client can read what was written."""
    readable: list[int] = []
    call = kit.call(_writing(BLOCKS[:2], [BLOCKS[2]], lambda: readable.append(len(call.content))))
    call.run()
    wanted = [len(BLOCKS[0]), len(BLOCKS[0]) + len(BLOCKS[1])]
    expect(
        readable == wanted,
        f"{wanted} bytes to be readable after the first and the second write()",
        f"{readable} were" if readable else "start_response gave the app no write",
    )


@rule_10.probe
def write_only(kit: Kit) -> None:
    """The app writes all of its body and returns an empty list."""
    arrived(kit.call(_writing(BLOCKS, [], _nothing)).run())


rule_11 = Rule(
    11,
    "M",
    "write is the app's",
    text="A layer never uses the server's write for blocks of its own or of the iterable, and "
    "nobody calls it during iteration.",
    why="On asynchronous servers write blocks a whole worker, on several it is missing or "
    "broken (granian, hypercorn, bjoern).",
    source='PEP 3333, "The write() Callable"',
)


@rule_11.probe
def write_not_for_blocks(kit: Kit) -> None:
    """The app only iterates; the server's write is never called."""
    for app in (answer([WHOLE]), answer(Body(*BLOCKS)), answer([])):
        call = kit.call(app).run()
        written = sum(event.kind == "write" for event in call.events)
        expect(
            not written,
            "the server's write not to be called, since the app did not",
            times(written),
        )


rule_12 = Rule(
    12,
    "M",
    "Headers are a real, fresh list",
    text="The header list is an exact list of exact 2-tuples of str, and the receiver may "
    "change it. A layer copies before it edits: the app may hand in a module constant.",
    why="A constant that is edited grows with each request (Paste gzipper) until the server "
    "refuses the head; a tuple or dict fails on servers that append to it or check it.",
    source='PEP 3333, "The start_response() Callable"',
    seen="Paste gzipper",
)


@rule_12.probe
def header_constant(kit: Kit) -> None:
    """Three requests whose app hands in one constant list, to a server that edits its own."""
    constant: Headers = [TEXT, MARK, LENGTH, ("Set-Cookie", "a=1")]
    before = list(constant)

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(OK, constant)
        return [WHOLE]

    bound = kit.bind(app)
    for _ in range(3):
        call = kit.request(bound).run()
        expect(
            constant == before,
            "the app's constant list to stay as it is",
            f"{constant} was left of it",
        )
        headers = call.given_headers
        expect(type(headers) is list, "a list of headers", f"a {type(headers).__name__} came")
        for item in headers:
            expect(
                type(item) is tuple and [type(part) for part in item] == [str, str],
                "each header to be a tuple of two str",
                f"{item!r} came",
            )
        expect(
            "x-server" not in _names(call),
            "a fresh list each time",
            "it held what the server had added before",
        )
        if headers is not constant:
            headers.append(("X-Server", "the receiver may change the list"))


rule_13 = Rule(
    13,
    "M",
    "The syntax of the head",
    text="The status is three digits (100 to 599), a space and a reason without controls; "
    "names are tokens; values hold no NUL, CR, LF or DEL; all are str with latin-1 "
    "content. What the layer does not own passes unchanged, doubles (Set-Cookie), case "
    "and order included.",
    why="A control character in a value is response splitting; a merged Set-Cookie logs "
    "people out; servers answer 500 to a status without a reason.",
    source="RFC 9110 5.1, 5.5, 15",
)

_STATUS = re.compile(r"[1-5][0-9][0-9] [^\x00-\x1f\x7f]+")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[^\x00\r\n\x7f\u0100-\U0010ffff]*")


@rule_13.probe
def head_unchanged(kit: Kit) -> None:
    """An odd but legal head: doubles, odd names, latin-1 and empty values, an own reason."""
    status = "203 All  is (Well)"
    given = [
        ("X-oDd-cAsE", "kept"),
        ("Set-Cookie", "b=2; Path=/"),
        TEXT,
        ("X-Empty", ""),
        ("X-Latin", "caf\xe9"),
        ("Set-Cookie", "a=1; Path=/"),
        ("X-!#$%&'*+.^_`|~9", "a,  b"),
        ("Link", "</a>; rel=next"),
        ("Link", "</b>; rel=prev"),
    ]
    apps = ((answer([WHOLE], *given, status=status), status), (late(*BLOCKS, headers=given), OK))
    for app, wanted in apps:
        call = kit.call(app).run()
        expect(call.status == wanted, f"the app's status {wanted!r}", f"{call.status!r} came")
        rest = iter(call.headers)
        missing = [item for item in given if item not in rest]  # a subsequence: the layer may add
        expect(
            not missing,
            "what the app gave to pass unchanged and in order",
            f"{missing and missing[0]} was lost, changed or moved; {call.headers} came",
        )
        for name, value in call.headers:
            expect(_TOKEN.fullmatch(name), "each header's name to be a token", f"{name!r} came")
            expect(
                _VALUE.fullmatch(value),
                f"the value of {name} to be latin-1 without NUL, CR, LF and DEL",
                f"{value!r} came",
            )
    plain = kit.call(answer([WHOLE])).run()
    expect(
        _STATUS.fullmatch(plain.status),
        "a status of three digits (100 to 599), a space and a reason",
        f"{plain.status!r} came",
    )


rule_14 = Rule(
    14,
    "M",
    "No hop-by-hop headers",
    text="A layer adds none of Connection, Keep-Alive, Proxy-*, TE, Trailer, "
    "Transfer-Encoding, Upgrade.",
    why="The connection is the server's: wsgiref fails an assertion, others send two framings "
    "of one body, which is request smuggling's favourite.",
    source='PEP 3333, "Other HTTP Features"; RFC 9110 7.6.1',
)

_HOP_BY_HOP = {
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
    *("te", "trailer", "trailers", "transfer-encoding", "upgrade"),
}


@rule_14.probe
def hop_by_hop(kit: Kit) -> None:
    """Whole, streamed and empty answers, over HTTP/1.1 and 1.0."""
    for protocol in ("HTTP/1.1", "HTTP/1.0"):
        for app in (
            answer([WHOLE], LENGTH),
            answer(Body(*BLOCKS)),
            answer([], status="204 No Content"),
        ):
            call = kit.call(app, SERVER_PROTOCOL=protocol).run()
            found = sorted(_HOP_BY_HOP & _names(call))
            expect(
                not found, "no header that belongs to the connection", f"{', '.join(found)} came"
            )


rule_15 = Rule(
    15,
    "M",
    "Content-Length is true",
    text="Content-Length comes once, in digits, and is the number of bytes that follow. A "
    "layer that may change the length removes it in the head, however its name is "
    "written.",
    why="Too small cuts the page, too large hangs the client until it times out; two of them "
    "make proxies disagree.",
    source="RFC 9110 8.6",
    seen="wrong lengths from an etag layer outside gzip (stick#53)",
)


@rule_15.probe
def length_true(kit: Kit) -> None:
    """With a length, with none, in odd case, whole and streamed: what is said is what comes."""
    odd = ("content-LENGTH", LENGTH[1])
    apps = [
        *(answer(body, LENGTH) for body in ([WHOLE], list(BLOCKS), Body(*BLOCKS))),
        *(answer(body, odd) for body in ([WHOLE], Body(*BLOCKS))),
        *(answer(body) for body in ([WHOLE], list(BLOCKS), Body(*BLOCKS), [])),
    ]
    for app in apps:
        call = kit.call(app).run()
        lengths = call.values("Content-Length")
        expect(len(lengths) <= 1, "one Content-Length at the most", f"{lengths} came")
        for length in lengths:
            expect(
                length == str(len(call.raw)),
                f"Content-Length to be {len(call.raw)}, the bytes that came",
                f"{length!r} was said",
            )


rule_16 = Rule(
    16,
    "H",
    "HEAD, 204, 304 and 1xx have no body",
    text="No body bytes with HEAD, 204, 304, 1xx. HEAD has the headers of GET, and none that "
    "was computed from the empty body. No Content-Length with 204 and 1xx; a 304 may "
    "carry that of the 200. No new Content-Type or Content-Encoding on them.",
    why="Bytes after such a head are read as the start of the next response; a HEAD that says "
    "length 0 or a 304 that says gzip spoils what a cache holds.",
    source="RFC 9110 8.6, 9.3.2, 15.3.5, 15.4.5",
    seen="wsgitools answers HEAD and 304 with a 20-byte gzip stream",
)


def _empty_bodies() -> list[list[bytes] | Body]:
    return [[], [b""], Body(), Body(b"")]


def _no_bytes(call: Call, what: str) -> None:
    expect(not call.raw, f"no byte of body with {what}", call.raw)


@rule_16.probe
def head_request(kit: Kit) -> None:
    """HEAD of an app that answers it without a body, beside the same GET."""
    head = [TEXT, MARK, LENGTH, ("ETag", '"kit"'), ("X-Page", "as GET")]
    get = kit.call(answer([WHOLE], *head[2:])).run()
    for body in _empty_bodies():
        call = kit.call(answer(body, *head[2:]), REQUEST_METHOD="HEAD").run()
        expect(call.status == OK, f"the app's status {OK!r}", f"{call.status!r} came")
        _no_bytes(call, "HEAD")
        expect(call.values("X-Page") == ["as GET"], "the headers of GET", f"{call.headers} came")
        for length in call.values("Content-Length"):
            expect(
                length in (str(len(get.raw)), *get.values("Content-Length")),
                f"HEAD to say GET's Content-Length, {len(get.raw)}, or none",
                f"{length!r} was said",
            )
        for name in ("ETag", "Content-Type", "Content-Encoding"):
            came = call.values(name)
            expect(
                not came or came == get.values(name),
                f"HEAD to say GET's {name}, {get.values(name)}",
                f"{came} came",
            )
        unsized = kit.call(answer(body), REQUEST_METHOD="HEAD").run()
        _no_bytes(unsized, "HEAD")
        expect(
            not unsized.values("Content-Length"),
            "no Content-Length, since the app gave HEAD none",
            f"{unsized.values('Content-Length')} was computed from the empty body",
        )


@rule_16.probe
def no_content(kit: Kit) -> None:
    """A 204 stays without body, length, type and coding."""
    for body in _empty_bodies():
        _stays_bare(
            kit,
            "204 No Content",
            body,
            [MARK],
            ("Content-Length", "Content-Type", "Content-Encoding"),
        )


@rule_16.probe
def not_modified(kit: Kit) -> None:
    """A 304 stays without body, new type and coding, and keeps its validators."""
    for body in _empty_bodies():
        for given in ([MARK, ("ETag", '"kit"')], [MARK, ("ETag", '"kit"'), LENGTH]):
            call = _stays_bare(
                kit, "304 Not Modified", body, given, ("Content-Type", "Content-Encoding")
            )
            expect(
                len(call.values("ETag")) == 1, "the 304 to keep its ETag", f"{call.headers} came"
            )
            for length in call.values("Content-Length"):
                expect(
                    LENGTH in given and length == LENGTH[1],
                    "no new Content-Length",
                    f"{length!r} came",
                )


def _stays_bare(
    kit: Kit, status: str, body: Iterable[bytes], given: Headers, absent: tuple[str, ...]
) -> Call:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, list(given))
        return body

    call = kit.call(app).run()
    expect(call.status == status, f"the app's status {status!r}", f"{call.status!r} came")
    _no_bytes(call, status)
    for name in absent:
        expect(not call.values(name), f"no {name} with {status}", f"{call.values(name)} came")
    return call


# ---- Body -------------------------------------------------------------------------------------

rule_17 = Rule(
    17,
    "M",
    "Return at once",
    text="A layer returns its body without having run the inner one: nothing is pulled before "
    "the server asks. (A list or tuple is there already and may be looked at.)",
    why="A stream that is run inside the call sends nothing until it is over, an endless one "
    "never returns, and memory holds all of it.",
    source='PEP 3333, "Buffering and Streaming"',
    seen="ProfilerMiddleware; wsgi-request-logger joins what it then returns (its #4, #9, #16)",
)


@rule_17.probe
def nothing_pulled(kit: Kit) -> None:
    """When the bound app returns, no block was pulled and no generator app has begun."""
    body = Body(*BLOCKS)
    begun: list[bool] = []

    def generator_app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        begun.append(True)
        start_response(OK, [TEXT, MARK])
        yield from BLOCKS

    call = kit.call(answer(body)).begin()
    pulled = body.pulled
    call.rest()
    expect(not pulled, "no block to be pulled before the layer returns", f"{pulled} were")
    call = kit.call(generator_app).begin()
    ran = bool(begun)
    call.rest()
    expect(not ran, "a generator app not to run before the layer returns", "it had begun")


rule_18 = Rule(
    18,
    "M",
    "A block for a block",
    text='For each block that is pulled a block goes out, b"" if nothing is ready. One block '
    "of look-ahead at the most, none for event streams. Nothing is joined, held back or "
    "added; only a layer that codes the body may add a last block.",
    why="Progress bars, log tails and server-sent events stand still when a layer collects "
    "blocks; asynchronous servers are blocked while it does.",
    source='PEP 3333, "Middleware Handling of Block Boundaries"',
    seen="Profiler (5 for 1), wsgi-request-logger (6 for 1), Paste gzipper",
)


def _block_for_block(call: Call, body: Body) -> None:
    """Drive a request one block at a time and expect as many blocks out as were pulled."""
    call.begin()
    asked = 0
    worst = 0
    try:
        while call.pull() is not None:
            asked += 1
            worst = max(worst, body.pulled - asked)
    finally:
        call.close()
    expect(worst <= 1, "one block of look-ahead at the most", f"the layer was {worst} blocks ahead")
    given = len(body.items)
    most = given + 1 if call.coding else given  # a coded stream has an end of its own
    expect(given <= asked <= most, f"{given} blocks out for {given} blocks in", f"{asked} came")


@rule_18.probe
def pace(kit: Kit) -> None:
    """Nine blocks are asked for one by one."""
    body = Body(*BLOCKS, *BLOCKS, *BLOCKS)
    call = kit.call(answer(body))
    _block_for_block(call, body)
    arrived(call, WHOLE * 3)


@rule_18.probe
def event_stream(kit: Kit) -> None:
    """Of a text/event-stream the client can read every event before the next is made."""
    events = [f"id: {n}\ndata: event number {n}\n\n".encode() for n in range(5)]
    readable: list[bytes] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(OK, [("Content-Type", "text/event-stream"), MARK])
        return stream()

    def stream() -> Iterator[bytes]:
        for event in events:
            readable.append(call.content)
            yield event

    call = kit.call(app)
    call.run()
    for number, came in enumerate(readable):
        expect(
            came == b"".join(events[:number]),
            f"the client to have all of the {number} events before the next is made",
            f"it could read {len(came)} of {sum(map(len, events[:number]))} bytes",
        )
    arrived(call, b"".join(events))


rule_19 = Rule(
    19,
    "M",
    "An empty block is legal",
    text='b"" is neither the end of the body nor a reason to send the head. For an empty block '
    "pulled a block goes out.",
    why="Apps yield it to say that nothing is ready; a layer that takes it for the end cuts "
    "the page there, one that drops it loops and starves the server.",
    source='PEP 3333, "Handling the Content-Length Header" and "Middleware Handling of Block '
    'Boundaries"',
)


@rule_19.probe
def empty_blocks(kit: Kit) -> None:
    """Empty blocks at the start, in the middle, in a row and at the end."""
    body = Body(b"", BLOCKS[0], b"", b"", b"", BLOCKS[1], BLOCKS[2], b"")
    call = kit.call(answer(body))
    _block_for_block(call, body)
    arrived(call)
    expect(
        kit.call(answer([b"", WHOLE, b""])).run().content == WHOLE,
        "a list with empty blocks whole",
        "it was not",
    )


rule_20 = Rule(
    20,
    "M",
    "Bytes only",
    text="Every block is exactly bytes, and so is what is written: no str, bytearray or "
    "memoryview. The body is never a bare bytes or str.",
    why="A str fails on every server, a bytearray on some; a bare bytes goes out as one block "
    "for each byte, or as numbers.",
    source='PEP 3333, "Unicode Issues"',
)


@rule_20.probe
def block_type(kit: Kit) -> None:
    """The server looks at the type of the body and of everything that comes."""
    apps = (
        *(answer(body) for body in ([WHOLE], list(BLOCKS), tuple(BLOCKS), Body(*BLOCKS), [])),
        _writing(BLOCKS[:2], [BLOCKS[2]], _nothing),
    )
    for app in apps:
        call = kit.call(app).begin()
        expect(
            not isinstance(call.body, (bytes, bytearray, memoryview, str)),
            "an iterable of bytes as the body",
            f"a bare {type(call.body).__name__} came",
        )
        call.rest()
        for event in call.events:
            if event.kind in ("block", "write"):
                came = type(event.value)
                expect(came is bytes, f"bytes in each {event.kind}", f"a {came.__name__} came")


rule_21 = Rule(
    21,
    "M",
    "len() is true",
    text="The len() == 1 of a list is kept: wsgiref and waitress make Content-Length of it. A "
    "stream is never given a __len__.",
    why="Without the length small pages go out chunked or close the connection (9 of 27 "
    "layers lose it); a false one breaks all streaming under waitress.",
    source='PEP 3333, "Handling the Content-Length Header"',
    seen="dd-trace-py#5858",
)


@rule_21.probe
def len_one(kit: Kit) -> None:
    """A list of one block comes out with a len() of 1; what a longer one says is true."""
    for blocks in ([WHOLE], ListBody([WHOLE])):
        call = kit.call(answer(blocks)).begin()
        length = _length(call.body)
        call.rest()
        expect(length == 1, "len(body) to be 1, as of the app's list", _said_length(length))
    call = kit.call(answer(list(BLOCKS))).begin()
    length = _length(call.body)
    call.rest()
    expect(
        length in (None, len(call.blocks)),
        f"len(body) {len(call.blocks)} or none",
        _said_length(length),
    )


@rule_21.probe
def len_invented(kit: Kit) -> None:
    """A stream comes out without a len()."""
    for app in (answer(Body(*BLOCKS)), answer(block for block in BLOCKS)):
        call = kit.call(app).begin()
        length = _length(call.body)
        call.rest()
        expect(length is None, "a stream without len()", _said_length(length))


def _length(body: Any) -> int | None:
    try:
        return len(body)
    except Exception:
        return None


def _said_length(length: int | None) -> str:
    return "it had no len()" if length is None else f"its len() was {length}"


rule_22 = Rule(
    22,
    "M",
    "close() always arrives",
    text="If the inner iterable has a close(), the layer calls it: after the end, after an "
    "error, after an early stop, and when the body was never started. It belongs to the "
    "iterable, not to its iterator. Whether there is a body is asked with `is not None`, "
    "not by its truth.",
    why="close() gives back database connections, files and locks. A generator that was never "
    "started does not run its finally, so the textbook wrapper (try, for, yield, finally) "
    "loses it whenever a client is gone early or a HEAD is not iterated.",
    source='PEP 3333, "Specification Details"',
    seen="OpenTelemetry, raygun4py, backlash, DebuggedApplication (never started); "
    "werkzeug#1259, raven-python#885, hio#192, wsgitools (the iterator closed); webob#74 "
    "(truth); ElasticAPM never calls it",
)


def _was_closed(closes: int, when: str) -> None:
    expect(closes, f"the body's close() to be called {when}", times(closes))


@rule_22.probe
def close_full(kit: Kit) -> None:
    """The body is iterated to its end and closed, be it a stream or a list with a close()."""
    for body in (Body(*BLOCKS), Body(), ListBody(BLOCKS), ListBody()):
        kit.call(answer(body)).run()
        _was_closed(body.closes, "after the end")


@rule_22.probe
def close_early(kit: Kit) -> None:
    """The server stops after one block and closes."""
    for body in (Body(*BLOCKS), ListBody(BLOCKS)):
        call = kit.call(answer(body)).begin()
        call.pull()
        call.close()
        _was_closed(body.closes, "after an early stop")


@rule_22.probe
def close_unstarted(kit: Kit) -> None:
    """The server closes without having iterated, as for HEAD or a client that is gone."""
    for body in (Body(*BLOCKS), ListBody(BLOCKS)):
        kit.call(answer(body)).begin().close()
        _was_closed(body.closes, "though the body was never started")


@rule_22.probe
def close_on_error(kit: Kit) -> None:
    """The body fails, early or late, or the server refuses its head: it is closed all the same."""
    for body in (Body(Planted("at the first block")), Body(*BLOCKS, Planted("in the middle"))):
        call = kit.call(answer(body))
        with suppress(Exception):
            call.run()
        _was_closed(body.closes, "after an error")
    for make in (Body, lambda *blocks: ListBody(blocks)):
        _closed_when_refused(kit, make)


def _closed_when_refused(kit: Kit, make: Callable[..., Any]) -> None:
    """Refuse every head, in the call and later: what the app returned must be closed."""
    returned: list[Any] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(OK, [TEXT, MARK])
        body: Iterable[bytes] = make(*BLOCKS)
        returned.append(body)
        return body

    class LateBody(Body):
        start: StartResponse

        def __iter__(self) -> Iterator[bytes]:
            self.start(OK, [TEXT, MARK])
            return super().__iter__()

    def late_app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = LateBody(*BLOCKS)
        body.start = start_response
        returned.append(body)
        return body

    for refused in (app, late_app):
        call = kit.call(refused)
        call.start = _refuse
        with suppress(Exception):
            call.run()
    for body in returned:
        _was_closed(body.closes, "though the server refused the head")


def _refuse(status: str, headers: Headers, exc_info: Any = None) -> Any:
    raise Planted("the server refuses this head")


@rule_22.probe
def close_falsy(kit: Kit) -> None:
    """The body is false in a condition, and is iterated and closed like any other."""

    class Falsy(Body):
        def __bool__(self) -> bool:
            return False

    body = Falsy(*BLOCKS)
    call = kit.call(answer(body)).run()
    _was_closed(body.closes, "though it is false in a condition")
    arrived(call)


@rule_22.probe
def close_on_iterable(kit: Kit) -> None:
    """The body's iterator is another object with its own close(); the body's is what counts."""

    class Apart(Body):
        def __iter__(self) -> Iterator[bytes]:
            return iter(Body(*self.items))  # a generator: it has a close() too

    for pulls in (1, len(BLOCKS) + 1):
        body = Apart(*BLOCKS)
        call = kit.call(answer(body)).begin()
        for _ in range(pulls):
            call.pull()
        call.close()
        _was_closed(body.closes, "on the iterable, not on its iterator")


rule_23 = Rule(
    23,
    "Q",
    "Exactly once downwards",
    text="The inner close() is called once, whatever is done above: an iteration that ends by "
    "itself, an error, a second close().",
    why="A connection that is given back twice is used by two requests at once.",
    source='PEP 3333, "Specification Details"',
    seen="couchdb-python#170",
)


@rule_23.probe
def close_once(kit: Kit) -> None:
    """Whole, early, unstarted, failed: the server closes, and closes again what the layer made."""
    whole = len(BLOCKS) + 1
    for pulls, items in (
        (whole, BLOCKS),
        (1, BLOCKS),
        (0, BLOCKS),
        (2, (BLOCKS[0], Planted("once"))),
    ):
        for body in (Body(*items), ListBody(BLOCKS)):
            call = kit.call(answer(body)).begin()
            with suppress(Exception):
                for _ in range(pulls):
                    call.pull()
            with suppress(Exception):
                call.close()
            expect(body.closes <= 1, "the inner close() to be called once", times(body.closes))
            if call.body is not body:  # a body that passes as it is answers for itself
                with suppress(Exception):
                    call.close()
            expect(body.closes <= 1, "a second close() to stop at the layer", times(body.closes))


rule_24 = Rule(
    24,
    "Q",
    "Inner first, own work in finally",
    text="In close() the layer closes the inner body first and does its own work in a finally. "
    "If the inner close() raises, the layer's own cleanup still runs and the exception "
    "goes up.",
    why="Work that is done first reports a request that is still running; work that is left "
    "out when the inner close() fails leaks just when something is wrong.",
    source='PEP 3333, "Specification Details"',
)


@rule_24.probe
def close_order(kit: Kit) -> None:
    """What the layer does on close comes after the inner close(), even after a failing one."""

    def end(error: Exception | None) -> bool:
        """Serve one request; return whether the layer did something of its own after the inner
        close().
        """
        traces: list[Any] = []

        class Watched(Body):
            def close(self) -> None:
                traces.append(trace())
                super().close()

        def trace() -> Any:
            kept = {key: id(value) for key, value in call.environ.items()}
            return kept, call.environ["wsgi.errors"].getvalue(), stderr.getvalue()

        with contextlib.redirect_stderr(io.StringIO()) as stderr:
            call = kit.call(answer(Watched(*BLOCKS, close_error=error)), {"wsgi.errors": Errors()})
            call.begin()
            with suppress(Planted):
                while call.pull() is not None:
                    pass
            closed_in_the_body = bool(traces)
            before = trace()
            with suppress(Planted):
                call.close()
            if closed_in_the_body:
                return False
            expect(
                not traces or traces[0] == before,
                "the inner close() first and the layer's own work after it",
                "the layer had done its work before",
            )
            return bool(traces) and trace() != traces[0]

    worked = end(None)
    still_worked = end(Planted("the inner close() fails"))
    expect(
        still_worked or not worked,
        "the layer's own work to be done though the inner close() raised",
        "it was left out",
    )


rule_25 = Rule(
    25,
    "Q",
    "A failing close() is not hidden",
    text="What the inner close() raises goes up. A layer whose job is errors may report it "
    "instead.",
    why="A commit that failed in close() and was swallowed is data lost in silence.",
    source='PEP 3333, "Specification Details"',
    seen="raygun4py#22",
)


@rule_25.probe
def close_error(kit: Kit) -> None:
    """The inner close() raises, after the end and unstarted: that very exception goes up."""
    for pulls in (len(BLOCKS) + 1, 0):
        error = Planted("the inner close() fails")
        body = Body(*BLOCKS, close_error=error)
        call = kit.call(answer(body))
        try:
            call.begin()
            for _ in range(pulls):
                call.pull()  # a layer that closes at the end of the body raises here
            call.close()
        except Exception as raised:
            expect(raised is error, "what the inner close() raised to go up", said(raised))
        else:
            expect(not body.closes, "what the inner close() raised to go up", "it was swallowed")


rule_26 = Rule(
    26,
    "M",
    "Nothing is pulled after close()",
    text="Once close() was called the layer pulls nothing more from the inner body, not to "
    "drain it, not to finish. A consumer may drop a body, or close it on another thread.",
    why="What close() gave back is used again: reads on a closed file, queries on another "
    "request's connection. A drain of an endless stream never ends.",
    source='PEP 3333, "Specification Details"',
    seen="flask#6130 (closed on another thread)",
)


@rule_26.probe
def after_close(kit: Kit) -> None:
    """The server closes early, late and unstarted; from then on no block is pulled."""
    for pulls in (0, 1, len(BLOCKS) + 1):
        body = Body(*BLOCKS)
        call = kit.call(answer(body)).begin()
        for _ in range(pulls):
            call.pull()
        pulled = body.pulled
        call.close()
        call.drop()
        more = body.pulled - pulled
        expect(not more, "no block to be pulled once close() was called", f"{more} were")


@rule_26.probe
def close_elsewhere(kit: Kit) -> None:
    """The body is begun on one thread and closed on another."""
    for pulls in (0, 1):
        here, there = Body(*BLOCKS), Body(*BLOCKS)
        for body in (here, there):
            call = kit.call(answer(body)).begin()
            for _ in range(pulls):
                call.pull()
            if body is here:
                call.close()
                continue
            pulled = body.pulled
            try:
                bounded(call.close)
            except Broken:
                raise
            except Exception as error:
                raise Broken("close() to work on another thread", said(error)) from None
            more = body.pulled - pulled
            expect(not more, "no block to be pulled by close() on another thread", f"{more} were")
        expect(
            there.closes == here.closes,
            "close() on another thread to do what it does on this one",
            f"the inner close(): {times(there.closes)}",
        )


@rule_26.probe
def dropped(kit: Kit) -> None:
    """The consumer forgets a body without closing it: nothing is pulled, nothing complains."""
    complaints: list[str] = []
    hook = sys.unraisablehook
    sys.unraisablehook = lambda unraisable: complaints.append(f"{unraisable.exc_value!r}")
    try:
        for pulls in (0, 1):
            body = Body(*BLOCKS)
            call = kit.call(answer(body)).begin()
            for _ in range(pulls):
                call.pull()
            pulled = body.pulled
            call.drop()
            more = body.pulled - pulled
            expect(not more, "no block to be pulled from a body that was dropped", f"{more} were")
    finally:
        sys.unraisablehook = hook
    expect(
        not complaints,
        "a body to be dropped in silence",
        f"{complaints and complaints[0]} was raised in it",
    )


rule_27 = Rule(
    27,
    "M",
    "Exceptions go up",
    text="What the app, its body or its close() raises goes up as it is, unless handling it is "
    "the layer's job; and after the first byte even that layer can only report it and "
    "raise again. BaseException always passes.",
    why="The server must know that a response failed, or it ends half a page as if it were "
    "whole; a swallowed SystemExit or KeyboardInterrupt is a worker that cannot be "
    "stopped.",
    source='PEP 3333, "Error Handling"',
)


def _goes_up(act: Callable[[], object], error: BaseException, where: str) -> None:
    """Expect that `act` raises this very exception."""
    kind = type(error).__mro__[1].__name__ if not isinstance(error, Planted) else "the exception"
    try:
        act()
    except BaseException as raised:
        if raised is error:
            return
        if isinstance(raised, KeyboardInterrupt) and not isinstance(raised, Interrupted):
            raise  # a real one, from the keyboard
        came = f"{said(raised)} came in its place"
        raise Broken(f"{kind} {where} to go up as it is", came) from None
    raise Broken(f"{kind} {where} to go up", "it was swallowed")


def _raising(error: BaseException) -> App:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        raise error

    return app


@rule_27.probe
def error_at_call(kit: Kit) -> None:
    """The app raises when it is called."""
    error = Planted("raised in the call")
    _goes_up(kit.call(_raising(error)).run, error, "from the call")


@rule_27.probe
def error_first(kit: Kit) -> None:
    """The body raises at its first block, with the head given before, or not at all."""
    error = Planted("raised at the first block")

    def headless(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return Body(error)

    for app in (answer(Body(error)), headless):
        _goes_up(kit.call(app).run, error, "from the first block")


@rule_27.probe
def error_midstream(kit: Kit) -> None:
    """The body raises after two blocks: they arrive, then the exception."""
    error = Planted("raised in the middle")
    call = kit.call(answer(Body(*BLOCKS[:2], error)))
    _goes_up(call.run, error, "from the middle of the body")
    expect(
        (BLOCKS[0] + BLOCKS[1]).startswith(call.content),
        "nothing of the layer's own in a stream that failed",
        call.content,
    )


@rule_27.probe
def base_exception(kit: Kit) -> None:
    """SystemExit, KeyboardInterrupt and GeneratorExit pass from the call and from the body."""
    for error in (Leaving(3), Interrupted(), GeneratorExit()):
        _goes_up(kit.call(_raising(error)).run, error, "from the call")
    for error in (Leaving(3), Interrupted()):
        _goes_up(kit.call(answer(Body(error))).run, error, "from the first block")
        _goes_up(kit.call(answer(Body(*BLOCKS, error))).run, error, "from the middle of the body")


rule_28 = Rule(
    28,
    "M",
    "No iterable, no close",
    text="If the inner call raises there is no body and nobody will call close(): what the "
    "layer opened before the call (a lock, a file, a context variable) it releases "
    "itself.",
    why="A layer that cleans up in close() alone leaks with every failing request: the pool "
    "is empty exactly when there is trouble.",
    source='PEP 3333, "Specification Details"',
)


@rule_28.probe
def released_on_raise(kit: Kit) -> None:
    """After failing calls locks are free, files closed, context variables as they were."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get(NAME) == "fails":
            raise Planted("raised in the call")
        start_response(OK, [TEXT, MARK])
        return [WHOLE]

    bound = kit.bind(app)

    def variables() -> dict[contextvars.ContextVar[Any], Any]:
        return dict(contextvars.copy_context().items())

    def story() -> None:
        kit.request(bound).run()
        first = variables()
        kit.request(bound).run()
        good = variables()
        for _ in range(8):
            with suppress(Exception):
                kit.request(bound, {NAME: "fails"}).run()
        failed = variables()
        left = [
            variable.name
            for variable, value in failed.items()
            if first.get(variable) is good.get(variable) and good.get(variable) is not value
        ]
        expect(
            not left, "context variables to be set back after a failing call", f"{left} were not"
        )
        arrived(kit.request(bound).run())

    with uncollected(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        bounded(story)
    leaks = [str(warning.message) for warning in caught if warning.category is ResourceWarning]
    expect(not leaks, "what was opened before the call to be closed", f"{leaks and leaks[0]}")


rule_29 = Rule(
    29,
    "Q",
    "A file_wrapper's result passes as the same object",
    text="If the layer does not change the body, a wsgi.file_wrapper result goes out as the "
    "very object that the app returned. file_wrapper may be a type (gunicorn, wsgiref) or "
    "a function that hands back the file itself (uWSGI); both are recognised. The end of "
    "such a body cannot be seen: end events come at return, with the length from "
    "Content-Length. A layer that does change it consumes and closes it.",
    why="Servers recognise the object and let the kernel send the file; in any wrapper a "
    "download is copied through Python (12 of 27 layers).",
    source='PEP 3333, "Optional Platform-Specific File Handling"',
)


def _wrapped_file(kit: Kit, wrapper: Any) -> None:
    def begin() -> tuple[io.BytesIO, Call, bool]:
        file = io.BytesIO(WHOLE)
        call = kit.call(_serving(file), {"wsgi.file_wrapper": wrapper}).begin()
        kept = isinstance(call.body, wrapper) if isinstance(wrapper, type) else call.body is file
        return file, call, kept

    file, call, kept = begin()
    call.rest()
    expect(
        kept or call.coding,
        "the server's own file object, since the body is not changed",
        f"a {type(call.body).__name__} came",
    )
    arrived(call)
    expect(file.closed, "the file to be closed", "it was left open")
    for pulls in (0, 1):
        file, call, kept = begin()
        for _ in range(pulls):
            call.pull()
        call.close()
        expect(file.closed, f"the file to be closed after {pulls} blocks", "it was left open")


def _serving(file: io.BytesIO) -> App:
    """Return an app that serves a file by the server's wrapper, or by blocks if there is none."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(OK, [TEXT, MARK, LENGTH])
        wrapper = environ.get("wsgi.file_wrapper") or _Plain
        served: Iterable[bytes] = wrapper(file, 8192)
        return served

    return app


class _Plain(FileWrapper):
    """What an app uses where the server offers no wrapper; not a type that any server knows."""


@rule_29.probe
def file_wrapper_type(kit: Kit) -> None:
    """wsgi.file_wrapper is a type, with __iter__ (wsgiref) or __getitem__ alone (gunicorn)."""
    _wrapped_file(kit, FileWrapper)
    _wrapped_file(kit, ItemWrapper)


@rule_29.probe
def file_wrapper_function(kit: Kit) -> None:
    """wsgi.file_wrapper is a function that hands the file itself back, as uWSGI's."""
    _wrapped_file(kit, file_itself)


# ---- Request ----------------------------------------------------------------------------------

rule_30 = Rule(
    30,
    "M",
    "wsgi.input is the app's",
    text="wsgi.input is not read past CONTENT_LENGTH and not closed. Who consumes it puts an "
    "equal stream back; who changes its length changes CONTENT_LENGTH. read() without a "
    "size is legal (wsgiref.validate and Paste lint wrongly complain), and so are "
    "readline, readlines and iteration.",
    why="A layer that has eaten the form leaves the app waiting for it; one that reads on "
    "eats the next request of the connection.",
    source='PEP 3333, "Input and Error Streams"',
)

_FORM = b"".join(b"line %d of the request's body, which the app reads\n" % n for n in range(20))


@rule_30.probe
def input_equal(kit: Kit) -> None:
    """The app reads its request body in each legal way, in the call and while it streams."""
    ways: list[tuple[str, Callable[[Any], bytes]]] = [
        ("read(n)", lambda stream: bytes(stream.read(len(_FORM)))),
        ("read()", lambda stream: bytes(stream.read())),
        ("readline()", lambda stream: b"".join(iter(stream.readline, b""))),
        ("readlines()", lambda stream: b"".join(stream.readlines())),
        ("iteration", lambda stream: b"".join(stream)),
    ]
    for streams in (False, True):
        for way, read in ways:
            _reads(kit, way, read, streams)


def _reads(kit: Kit, way: str, read: Callable[[Any], bytes], streams: bool) -> None:
    came: list[tuple[str, bytes]] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(OK, [TEXT, MARK])
        return stream(environ) if streams else list(stream(environ))

    def stream(environ: Environ) -> Iterator[bytes]:
        came.append((environ.get("CONTENT_LENGTH", ""), read(environ["wsgi.input"])))
        yield WHOLE

    # Where the app gives a size, the next request of the connection lies behind the body.
    posted = Input(_FORM + b"GET /next HTTP/1.1\r\n\r\n" if way == "read(n)" else _FORM)
    form = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": str(len(_FORM)),
        "wsgi.input": posted,
    }
    call = kit.call(app, form).run()
    arrived(call)
    for length, data in came:
        expect(data == _FORM, f"the request's {len(_FORM)} bytes by {way}", f"{len(data)} came")
        expect(length == str(len(data)), f"CONTENT_LENGTH {len(data)}", f"{length!r} was said")
    expect(
        posted.tell() <= len(_FORM),
        "nothing to be read past CONTENT_LENGTH",
        f"{posted.tell()} bytes were",
    )
    expect(not posted.closes, "wsgi.input not to be closed", times(posted.closes))


rule_31 = Rule(
    31,
    "M",
    "wsgi.errors stays open",
    text="wsgi.errors takes str, by write, writelines and flush, and is never closed.",
    why="It is the server's log: closed once, it is gone for every request of the process; "
    "bytes raise TypeError in the middle of an error report.",
    source='PEP 3333, "Input and Error Streams"',
)


@rule_31.probe
def errors_open(kit: Kit) -> None:
    """The app logs in the call, while it streams and in close(); and one that fails."""

    class Logging(Body):
        log: Any = None

        def __iter__(self) -> Iterator[bytes]:
            self.log.writelines(["while\n", "streaming\n"])
            return super().__iter__()

        def close(self) -> None:
            self.log.write("in close\n")
            self.log.flush()
            super().close()

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = Logging(*environ[NAME])
        body.log = environ["wsgi.errors"]
        body.log.write("in the call\n")
        start_response(OK, [TEXT, MARK])
        return body

    for items in (BLOCKS, (Planted("an error for the log"),)):
        errors = Errors()
        call = kit.call(app, {"wsgi.errors": errors, NAME: items})
        with suppress(Exception):
            call.run()
        expect(not errors.closes, "wsgi.errors not to be closed", times(errors.closes))
        odd = errors.not_text
        expect(not odd, "str to be written on wsgi.errors", f"{odd and type(odd[0]).__name__} came")


rule_32 = Rule(
    32,
    "M",
    "Native strings",
    text="CGI values are str with latin-1 content: the bytes of the request, one character "
    "each. To decode them, encode latin-1 first; decoded text never goes back into "
    "environ.",
    why="The framework inside decodes once more: every name with an accent becomes mojibake "
    "or a 400.",
    source='PEP 3333, "A Note on String Types" and "Unicode Issues"',
)


@rule_32.probe
def native_strings(kit: Kit) -> None:
    """Path, query and a header hold UTF-8 bytes as latin-1 characters, and still do so inside."""
    odd = {
        "PATH_INFO": kit.path("/caf\xc3\xa9/\xe6\x97\xa5\xe6\x9c\xac"),
        "QUERY_STRING": "q=caf\xc3\xa9&r=%C3%A9",
        "HTTP_X_NAME": "Ren\xc3\xa9e \xff",
    }
    seen: list[Environ] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        seen.append(dict(environ))
        start_response(OK, [TEXT, MARK])
        return [WHOLE]

    kit.call(app, odd).run()
    for environ in seen:
        for key, value in environ.items():
            if re.fullmatch("[A-Z][A-Z0-9_]*", key):
                expect(
                    type(value) is str and all(character <= "\xff" for character in value),
                    f"{key} to be str with latin-1 content",
                    f"{value!r} came",
                )
        for key in ("QUERY_STRING", "HTTP_X_NAME"):
            expect(
                environ.get(key) == odd[key],
                f"{key} to stay {odd[key]!r}",
                f"{environ.get(key)!r} came",
            )


rule_33 = Rule(
    33,
    "M",
    "SCRIPT_NAME + PATH_INFO is constant",
    text="What a mount takes from PATH_INFO it adds to SCRIPT_NAME: the sum stays the path of "
    'the request. SCRIPT_NAME is "" or "/x", never "/" and never with a slash at its end.',
    why="Every URL that the app makes is built from the sum: redirects and links lead "
    "nowhere, or gain a double slash.",
    source='PEP 3333, "URL Reconstruction"; RFC 3875 4.1',
)


@rule_33.probe
def path_sum(kit: Kit) -> None:
    """Plain and odd paths, at the root and below a mount, reach the app as the same sum."""
    seen: list[tuple[Any, Any]] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        seen.append((environ.get("SCRIPT_NAME"), environ.get("PATH_INFO")))
        start_response(OK, [TEXT, MARK])
        return [WHOLE]

    bound = kit.bind(app)
    for script in ("", "/mount"):
        for path in ("", "/", "/a", "/a/", "/a//b/", "/a/./b;x=1/%2541", "/A b"):
            seen.clear()
            asked = kit.path(path)
            kit.request(bound, SCRIPT_NAME=script, PATH_INFO=asked).run()
            for name, info in seen:  # a layer may answer an odd path by itself
                expect(
                    isinstance(name, str)
                    and isinstance(info, str)
                    and name + info == script + asked,
                    f"SCRIPT_NAME + PATH_INFO to be {script + asked!r}",
                    f"{name!r} + {info!r} came",
                )
                expect(
                    name == "" or (name.startswith("/") and not name.endswith("/")),
                    'SCRIPT_NAME to be "" or "/x"',
                    f"{name!r} came",
                )


rule_34 = Rule(
    34,
    "M",
    "The flags stay honest",
    text="wsgi.multithread, wsgi.multiprocess and wsgi.run_once say inside what the server said.",
    why="Apps choose locks, caches and thread locals by them.",
    source='PEP 3333, "environ Variables" and "Thread Support"',
)


@rule_34.probe
def flags(kit: Kit) -> None:
    """All three true, then all three false."""
    keys = ("wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once")
    seen: list[Environ] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        seen.append(dict(environ))
        start_response(OK, [TEXT, MARK])
        return [WHOLE]

    for told in (True, False):
        kit.call(app, dict.fromkeys(keys, told)).run()
        for key in keys:
            came = seen[-1].get(key) if seen else told
            expect(came == told, f"{key} to be {told} inside, as the server said", f"{came!r} came")


rule_35 = Rule(
    35,
    "M",
    "No way round",
    text="A layer that alters bodies removes or wraps the extension keys by which the app "
    "would bypass it, wsgi.file_wrapper first of all.",
    why="The head says gzip and the kernel sends the plain file; or the filter that everybody "
    "relies on sees every page but the downloads.",
    source='PEP 3333, "Server Extension APIs"',
)


@rule_35.probe
def bypass(kit: Kit) -> None:
    """If a plain answer is altered, so is a file by wsgi.file_wrapper from a sendfile server."""
    altered = kit.call(answer(Body(*BLOCKS), LENGTH)).run().raw != WHOLE
    for wrapper in (FileWrapper, file_itself):
        file = io.BytesIO(WHOLE)
        call = kit.call(_serving(file), {"wsgi.file_wrapper": wrapper}).begin()
        sendfile = type(call.body) is FileWrapper or call.body is file
        call.rest()
        if sendfile:
            expect(
                not altered and not call.coding,
                "a layer that alters bodies to alter this one too",
                "the file went round it, out of the server's hands",
            )
        else:
            expect(
                (call.raw != WHOLE) == altered,
                "a file to be altered as other bodies are",
                "it was not",
            )


rule_36 = Rule(
    36,
    "M",
    "100-continue is the server's",
    text="wsgi.input is not read before the inner app asks for it: the first read is what "
    "makes a server send 100 Continue.",
    why="The client uploads gigabytes that the app was about to refuse by the head alone.",
    source='PEP 3333, "HTTP 1.1 Expect/Continue"',
)


@rule_36.probe
def no_early_read(kit: Kit) -> None:
    """A POST with Expect: 100-continue whose app never reads; then one whose app does."""
    seen: list[int] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        seen.append(posted.reads)
        if environ[NAME] == "reads":
            environ["wsgi.input"].read(len(_FORM))
        start_response(OK, [TEXT, MARK])
        return [WHOLE]

    for name in ("does not read", "reads"):
        posted = Input(_FORM)
        form = {
            "REQUEST_METHOD": "POST",
            "CONTENT_LENGTH": str(len(_FORM)),
            "HTTP_EXPECT": "100-continue",
            "wsgi.input": posted,
            NAME: name,
        }
        kit.call(app, form).run()
        early = seen[-1] if seen else posted.reads
        expect(not early, "wsgi.input not to be read before the app asks", f"{early} reads came")
        late_reads = posted.reads if name != "reads" else 0
        expect(not late_reads, "wsgi.input to be left unread", f"{late_reads} reads came")


rule_37 = Rule(
    37,
    "Q",
    "Contexts change",
    text="The call, each next() and close() may run in different contexts. So a context "
    "variable is set back to its former value, never by Token.reset, which raises in "
    "another context. A `with` round the call does not cover the stream.",
    why="Servers on threads, gevent and asyncio bridges run the steps where they like: "
    "Token.reset is a ValueError in the middle of a response, and spans that end with the "
    "call time nothing.",
    source="PEP 567",
    seen="gevent#1930, crawl4ai#1922 (reset); instana#821, baseplate.py#489, elastic-apm#201, "
    "opentelemetry-contrib#4723 (spans that end too early)",
)


@rule_37.probe
def contexts(kit: Kit) -> None:
    """Call, each next() and close() run in contexts of their own, to the end, early, failing."""
    for items, pulls in ((BLOCKS, len(BLOCKS) + 1), (BLOCKS, 1), ((BLOCKS[0], Planted("here")), 2)):
        here, apart = (_in_steps(kit, Body(*items), pulls, spread) for spread in (False, True))
        expect(apart == here, f"a request over several contexts to end {here}", f"it ended {apart}")


def _in_steps(kit: Kit, body: Body, pulls: int, spread: bool) -> str:
    """Serve a request in one context, or each step in one of its own; say how it ended."""

    def step(act: Callable[[], object]) -> None:
        (contextvars.copy_context().run if spread else one.run)(act)

    one = contextvars.copy_context()
    call = kit.call(answer(body))
    try:
        step(call.begin)
        try:
            for _ in range(pulls):
                step(call.pull)
        finally:
            step(call.close)
    except Exception as error:
        return f"badly: {said(error)}"
    return f"well, with {len(call.content)} bytes"


rule_38 = Rule(
    38,
    "Q",
    "No state of a request on a layer",
    text="Neither a layer nor a bound app holds state of a request; and one layer may wrap "
    "several apps, each on its own.",
    why="Two requests at once see each other's status, user or body: the bug that only shows "
    "under load, and shows one person another's page.",
    source='PEP 3333, "Thread Support"',
    seen="Starlette's documentation has a chapter of gotchas on this alone",
)


@rule_38.probe
def threads(kit: Kit) -> None:
    """Eight threads are in one bound app at the same time, in the call and in the stream."""
    count = 8
    together = threading.Barrier(count)

    def meet() -> None:
        with suppress(threading.BrokenBarrierError):  # a layer may let in fewer at a time
            together.wait(HANG / 50)

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        name = environ.get(NAME, "")
        meet()
        start_response(f"200 {name}", [TEXT, MARK, ("X-Kit-Name", name)])
        return stream(name)

    def stream(name: str) -> Iterator[bytes]:
        meet()
        yield name.encode()
        meet()
        yield WHOLE

    bound = kit.bind(app)
    wrong: list[str] = []

    def serve(name: str) -> None:
        call = kit.request(bound, {NAME: name})
        try:
            call.run()
        except BaseException as error:
            wrong.append(said(error))
            return
        came = (call.status, call.values("X-Kit-Name"), call.content)
        if came != (f"200 {name}", [name], name.encode() + WHOLE):
            wrong.append(
                f"{name} got status {came[0]!r}, X-Kit-Name {came[1]}, body {came[2][:12]!r}..."
            )

    workers = [
        threading.Thread(target=serve, args=(f"thread-{n}",), daemon=True) for n in range(count)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(HANG)
    if any(worker.is_alive() for worker in workers):
        raise Hung("all threads to be served", "some never were")
    expect(not wrong, "each thread to get its own answer", f"{wrong and wrong[0]}")


@rule_38.probe
def two_apps(kit: Kit) -> None:
    """One layer wraps two apps: each request reaches the app that was asked, also in turn."""

    def named(name: str) -> App:
        return answer(Body(*BLOCKS), ("X-Kit-Name", name))

    bound = [kit.bind(named(name)) for name in ("first", "second")]
    one, two, three = (kit.request(app).begin() for app in (bound[0], bound[1], bound[0]))
    for call, name in ((one, "first"), (two, "second"), (three, "first")):
        call.rest()
        came = call.values("X-Kit-Name")
        expect(came == [name], f"the {name} app to answer", f"X-Kit-Name: {came} came")
        arrived(call)


rule_39 = Rule(
    39,
    "Q",
    "No reference cycle is left",
    text="Neither a request that went well nor one that failed leaves a reference cycle: when "
    "the server lets go of it, its environ, body and exception are freed at once.",
    why="What waits for the garbage collector holds files, sockets and uploads meanwhile; "
    "under load the process grows and stutters.",
    source="measured; the same reason as rule 9",
)


class _Token:
    """Something in environ whose life can be watched."""


class _Watched:
    """The apps of this rule: they keep nothing of a request but weak references."""

    def __init__(self) -> None:
        self.refs: dict[str, list[weakref.ref[Any]]] = {"environ": [], "body": [], "exception": []}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        kind = environ[NAME]
        self.refs["environ"].append(weakref.ref(environ["kit.token"]))
        if kind == "a generator app":
            return self.generator(start_response)
        start_response(OK, [TEXT, MARK])
        if kind == "the call fails":
            self.fail()
        body = _WatchedList(BLOCKS) if kind == "a list" else _WatchedStream(self, kind)
        self.refs["body"].append(weakref.ref(body))
        return body

    def generator(self, start_response: StartResponse) -> Iterator[bytes]:
        start_response(OK, [TEXT, MARK])
        yield from BLOCKS

    def fail(self) -> None:
        _fail(self.refs["exception"])


class _WatchedList(list[bytes]):
    """A list that can be watched."""


class _WatchedStream:
    """A stream that can be watched, and fails where its kind says so."""

    def __init__(self, app: _Watched, kind: str) -> None:
        self.app = app
        self.kind = kind

    def __iter__(self) -> Iterator[bytes]:
        if self.kind == "the first block fails":
            self.app.fail()
        yield from BLOCKS
        if self.kind == "the stream fails":
            self.app.fail()

    def close(self) -> None:
        if self.kind == "close() fails":
            self.app.fail()


def _freed(kit: Kit, *kinds: str) -> None:
    """Serve these kinds of answers whole, in part and unstarted; expect that all is freed."""
    app = _Watched()
    bound = kit.bind(app)  # it lives on: only what belongs to a request is judged

    def story() -> dict[str, list[weakref.ref[Any]]]:
        for kind in kinds:
            for pulls in (len(BLOCKS) + 1, 1, 0):
                _serve(kit.request(bound, {NAME: kind, "kit.token": _Token()}), pulls)
        return app.refs

    alive = left_alive(story)
    expect(
        not alive,
        "what belongs to a request to be freed when it is over",
        f"its {' and '.join(alive)} waited for the garbage collector",
    )


def _serve(call: Call, pulls: int) -> None:
    """Serve a request that may fail, and keep nothing of it."""
    with suppress(Exception):
        call.begin()
        try:
            for _ in range(pulls):
                call.pull()
        finally:
            call.close()
    call.drop()  # as a server lets go of the body, which may know the server's start_response


@rule_39.probe
def freed_list(kit: Kit) -> None:
    """A list body: served whole, stopped early, never started."""
    _freed(kit, "a list")


@rule_39.probe
def freed_stream(kit: Kit) -> None:
    """A stream, and a generator app: served whole, stopped early, never started."""
    _freed(kit, "a stream", "a generator app")


@rule_39.probe
def freed_error(kit: Kit) -> None:
    """Requests that fail in the call, at the first block, in the middle and in close()."""
    _freed(kit, "the call fails", "the first block fails", "the stream fails", "close() fails")


rule_40 = Rule(
    40,
    "Q",
    "No priming",
    text="The first block is not pulled early to see the status. Only an explicit option does "
    "so, for servers that break rule 5.",
    why="Priming loses laziness and write(), and moves exceptions from the body into the call.",
    source="follows from rules 5, 10 and 17, whose probes judge it",
    borrows=(5, 10, 17),
)

rule_41 = Rule(
    41,
    "Q",
    "A head that is held is sent in time, and is the final one",
    text="A layer that edits the head edits the one that is sent. @layer, whose generator "
    "cannot run its head part twice, holds the head until the inner app returned a list, "
    "tuple or file wrapper, called write(), or gave its first block (or ended): then the "
    "head part runs once, on the final head. A head after that is forwarded as it is. A "
    "body that is closed unstarted sends no head.",
    why="Held too long, the head comes after bytes or never; committed too early, the error "
    "page lacks what the layer adds to every page, such as its security headers.",
    source="follows from rules 5, 6 and 7",
)


@rule_41.probe
def generator_final_head(kit: Kit) -> None:
    """The app replaces its head before its first block: the final one has the layer's edits."""
    for where in ("in the call", "at the first next()"):
        given: Headers = [TEXT, MARK]
        plain = kit.call(_starting(given, where)).run()
        call = kit.call(_restarting([*given, ("X-First", "yes")], given, where)).run()
        expect(call.status == MENDED, f"the final status {MENDED!r}", f"{call.status!r} came")
        missing = sorted(_names(plain) - _names(call))
        expect(
            not missing,
            f"the final head to have {', '.join(missing)}, as one without a predecessor has",
            "the layer had edited a former head alone",
        )


@rule_41.probe
def generator_commit(kit: Kit) -> None:
    """Whatever the body's shape, one head comes, before its first byte or at an empty end."""
    shapes: dict[str, App] = {
        "a list": answer([WHOLE]),
        "a tuple": answer(tuple(BLOCKS)),
        "a stream": answer(Body(*BLOCKS)),
        "a generator app": late(*BLOCKS),
        "write()": _writing(BLOCKS[:2], [BLOCKS[2]], _nothing),
        "an empty list": answer([]),
        "an empty stream": answer(Body()),
        "an empty generator app": late(),
        "a file wrapper": _serving(io.BytesIO(WHOLE)),
    }
    for shape, app in shapes.items():
        call = kit.call(app, {"wsgi.file_wrapper": FileWrapper}).run()
        expect(call.heads == 1, f"one head for {shape}", times(call.heads))
        expect(not call.headless, f"the head of {shape} before its first byte", "it came after")
        expect(call.status == OK, f"the status {OK!r} for {shape}", f"{call.status!r} came")
