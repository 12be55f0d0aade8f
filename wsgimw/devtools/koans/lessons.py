"""The table of the koans, in the order in which people err.

A koan is judged by the probes of the conformance kit: by all but those that a later koan teaches,
so that nobody is asked for what nobody has told him yet.

>>> [koan.name for koan in KOANS][:3]
['01_order.py', '02_after.py', '03_text.py']
>>> "close_unstarted" in KOANS[4].skip, "close_unstarted" in KOANS[5].skip
(True, False)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wsgimw.testing.probes import RULES

BROKEN = Path(__file__).parent / "broken"

# What no koan asks for: to leave a third argument out when it is None is for odd test drivers, and
# forwarding None is what PEP 3333 itself shows.
NEVER = ("two_arguments",)

LAW = (
    "The first layer of a stack is the outermost",
    'PEP 3333, "Middleware: Components that Play Both Sides"',
)


@dataclass(frozen=True, slots=True)
class Koan:
    """One koan. Its file is `broken/NAME`; its scene is entered under the same name."""

    name: str
    topic: str
    layer: str  # the name that the file defines
    rule: int | None  # the rule that it breaks; None is the law of order
    hints: tuple[str, str, str]  # each bigger than the one before
    mistake: str
    lesson: str
    teaches: tuple[str, ...] = ()  # probes that are judged from this koan on
    environ: Mapping[str, Any] = field(default_factory=dict)  # for the kit: makes the layer work

    @property
    def number(self) -> int:
        return int(self.name[:2])

    @property
    def source(self) -> str:
        """What a learner gets."""
        return (BROKEN / self.name).read_text(encoding="utf-8")

    @property
    def skip(self) -> tuple[str, ...]:
        """The probes that this koan is not judged by."""
        later = KOANS[self.number :]
        return (*NEVER, *(probe for koan in later for probe in koan.teaches))


def named(rule: int | None) -> tuple[str, str]:
    """Return title and section of a rule, or of the law of order."""
    return LAW if rule is None else (RULES[rule].title, RULES[rule].source)


KOANS = (
    Koan(
        "01_order.py",
        "Reading the order of a stack",
        layer="stack",
        rule=None,
        hints=(
            "A request goes through the list from top to bottom, its answer from bottom to top. "
            "Which layer answers a stranger, and which ones does that answer still pass?",
            "The 401 is made by members_only. It passes only the layers that stand above it in "
            "compose(): there are none.",
            "In compose(), put nosniff above members_only.",
        ),
        mistake="The list was read as a list of steps, 'first the check, then the header'. But a "
        "stack is an onion: what stands first is the outer skin. A layer that answers by itself "
        "does so without the layers inside of it, and they never hear of that answer.",
        lesson="First is outermost. What every answer needs stands outside of whatever may answer.",
        environ={"REMOTE_USER": "ada"},
    ),
    Koan(
        "02_after.py",
        "After the call is not after the response",
        layer="diary",
        rule=24,
        hints=(
            "When app(...) returns, what has the client got by then? Look where the log says "
            '"end", and where the blocks are made.',
            "The app returned an iterable, and nobody has iterated it yet: the server does that "
            "after your function has returned. It says that all is over by calling close() on "
            "what you returned.",
            "Return Ending(body, ...) in place of body, and give it a function that writes "
            '"end\\n": that class calls it when the server closes the body.',
        ),
        mistake="The line after `app(environ, start_response)` looks like the line after the "
        "response. But the app has only handed over an iterable. Its blocks are made later, when "
        "the server asks for them. Nor may a layer run the body itself to be sure that it is over: "
        "a layer returns at once.",
        lesson="The response is over when the server calls close() on the body, and not before.",
    ),
    Koan(
        "03_text.py",
        "Text is not bytes",
        layer="health",
        rule=20,
        hints=(
            "What is the type of the thing in the list that health returns, and what can go "
            "through a socket?",
            "A body is an iterable of bytes. Text becomes bytes by encode(), in the charset that "
            "the Content-Type promises.",
            'Return ["well ✓".encode("utf-8")]: a list, with one block of bytes in it.',
        ),
        mistake="The text was put into the body as it was. Python's text has no bytes until "
        "somebody chooses an encoding, and a server refuses to guess.",
        lesson="A body is an iterable of bytes. Keep the list: a bare bytes iterates as numbers.",
        teaches=("block_type",),
    ),
    Koan(
        "04_joined.py",
        "A body that is joined stands still",
        layer="size",
        rule=18,
        hints=(
            "Look at the order: when is the first block made, and when has the client got it?",
            "join() asks for all blocks before it gives one away. Count each block as it passes, "
            "and give it away at once: a function with `yield` can do that.",
            "Make it `for block in app(environ, start_response):` with `total += len(block)` and "
            "`yield block` in it, and write the log after the loop.",
        ),
        mistake="To know the size the body was joined. So a download is held in memory as a whole, "
        "a progress bar jumps from nothing to all, and an endless stream never arrives.",
        lesson="A block for a block: what you pull you pass on before you pull again.",
        teaches=("pace", "event_stream", "empty_blocks"),
    ),
    Koan(
        "05_close.py",
        "A close() that is lost",
        layer="size",
        rule=22,
        hints=(
            "What the app returned is more than its blocks. Which of its methods does a server "
            "call at the end, and who is the server of this app?",
            "You took the app's iterable and gave the server another one, so the server cannot "
            "close the app's: you must, at the end, after an error, and when the client leaves in "
            "the middle. Not every body has a close().",
            "Name it (`body = app(environ, start_response)`), loop in `try:`, and in `finally:` "
            'write `if hasattr(body, "close"): body.close()`.',
        ),
        mistake="The loop takes the blocks out of the app's iterable and forgets the iterable. "
        "Its close() gives back files, locks and database connections; now it is never called, "
        "and after some hundred requests the pool is empty.",
        lesson="Whoever wraps a body owes it a close(): at the end, on an error, on an early stop.",
        teaches=(
            "close_full",
            "close_early",
            "close_on_error",
            "close_falsy",
            "close_on_iterable",
            "close_order",
            "close_error",
        ),
    ),
    Koan(
        "06_never_started.py",
        "A generator that never starts never closes",
        layer="size",
        rule=22,
        hints=(
            "The client was gone before the first block, so the server called close() and nothing "
            "else. Which line of a generator runs first when it is closed before it ran at all?",
            "None does: a generator that has not started has not reached its `try`, so there is no "
            "`finally` to run. You need an object whose close() is a method of its own.",
            "Write a class: __init__ keeps body and log, __iter__ counts and yields, close() "
            "closes the body (once, even if it is called twice) and then writes the log in a "
            "`finally`. The class Ending of 02_after.py shows how.",
        ),
        mistake="`try ... finally` in a generator looks safe, and it is, from the first next() on. "
        "A client that is gone at once, or a HEAD that nobody iterates, closes a generator that "
        "never began: nothing in it runs. Well-known tracing libraries lose connections this way.",
        lesson="A body that must do something at the end is a class with a close() of its own.",
        teaches=("close_unstarted", "close_once"),
    ),
    Koan(
        "07_length.py",
        "A Content-Length of yesterday",
        layer="crlf",
        rule=15,
        hints=(
            "Compare what the head promises with what arrives.",
            "The app counted its own bytes, and this layer makes more of them. It cannot know how "
            "many before they are made, so it must not promise anything: remove the promise, but "
            "only from the answers that it changes.",
            "In start(), if csv: keep those items of headers whose name in lower case is not "
            '"content-length". Make a new list, the old one is the app\'s.',
        ),
        mistake="The body got longer and the head did not. A client believes the head: it cuts the "
        "last bytes off, or, where the body got shorter, waits for bytes that never come.",
        lesson="Who may change the length removes Content-Length, however its name is written.",
        teaches=("length_true",),
    ),
    Koan(
        "08_exc_info.py",
        "A start_response that takes two arguments",
        layer="served_by",
        rule=8,
        hints=(
            "The app calls start_response a second time, when it has failed and wants to send an "
            "error page. How many arguments does it give?",
            "The third is exc_info. With it the server knows that the second head shall replace "
            "the first; a start_response of yours takes it and hands it on.",
            "Write `def start(status, headers, *exc_info):` and call start_response(status, "
            "headers, *exc_info) in it.",
        ),
        mistake="Two arguments are enough for every page that goes well. The third one comes when "
        "an app has started its response and then fails: without it the error page becomes a "
        "TypeError, and nobody sees the real error.",
        lesson="Your start_response has three parameters, and the third goes through untouched.",
        teaches=(
            "positional",
            "restart_in_call",
            "restart_in_body",
            "restart_after_bytes",
            "restart_after_write",
            "exc_info_forwarded",
            "exc_info_freed",
            "generator_final_head",
        ),
    ),
    Koan(
        "09_write.py",
        "A start_response that returns nothing",
        layer="visited",
        rule=10,
        hints=(
            "The app does something with what start_response gave it. What does yours give?",
            "The server's start_response returns write(), by which older apps send their bytes. A "
            "function without `return` returns None.",
            "Put `return` in front of start_response(...) in start().",
        ),
        mistake="Most apps throw away what start_response returns, so nobody notices for years. "
        "Then somebody mounts an app that uses write(), and it fails in a line that has nothing "
        "to do with this layer.",
        lesson="Your start_response returns what the server's returned.",
        teaches=("write_order", "write_at_once", "write_only"),
    ),
    Koan(
        "10_late.py",
        "A head that comes late",
        layer="status_log",
        rule=5,
        hints=(
            "Not every app has called start_response when its call returns. Which kind of function "
            "does not even begin when it is called?",
            "An app that is a generator starts its response at the first next(), and an app that "
            "fails may replace its head after that. So the status is certain when the response is "
            "over. How did you learn of that in koan 2?",
            "Put the line that writes the log into a function, `def done():`, and return "
            "Ending(app(environ, start), done). A body that is closed unstarted has no head: "
            "mind the empty list.",
        ),
        mistake="The status was read when the call returned. Flask and Django have called "
        "start_response by then, so it works with them; the first app that is a generator function "
        "ends in an IndexError, or in a log that says nothing.",
        lesson="Nobody knows the status when the call returns. It is final when the body is over.",
        teaches=("late_generator", "late_class", "late_empty", "head_before_block"),
    ),
    Koan(
        "11_self.py",
        "What belongs to a request stands on self",
        layer="AskedBy",
        rule=38,
        hints=(
            "There is one AskedBy, and Ada's request is not over when Bob's begins. What is in "
            "self.user then?",
            "self belongs to all requests at once. What belongs to one request is a local variable "
            "of __call__, and a function that is defined inside of it can use it.",
            "In __call__: `user = environ.get(...)`, then `def start(status, headers, "
            "*exc_info):` inside of __call__, which uses user and the start_response of this call.",
        ),
        mistake="The layer is made once, when the server starts, and lives on. What is put on "
        "self during a request is overwritten by the next one. With one request at a time nothing "
        "happens; under load one person sees another's name.",
        lesson="A layer holds its options. What belongs to a request is a local of that call.",
        teaches=("threads", "two_apps"),
    ),
    Koan(
        "12_head.py",
        "HEAD",
        layer="robots",
        rule=16,
        hints=(
            "A client that asks with HEAD reads the head and stops. What does it find in the "
            "connection when it sends its next request?",
            "HEAD is answered as GET is, with the same headers, the length included, and without "
            "a single byte of body.",
            'Return [] where environ["REQUEST_METHOD"] == "HEAD", and leave the headers alone.',
        ),
        mistake="The layer answers every method in the same way. The bytes after a HEAD are "
        "nobody's: on a connection that stays open they are read as the start of the next answer. "
        "Some servers drop them for you, and then you learn of it on another one.",
        lesson="HEAD: the headers of GET, and no body.",
        teaches=("head_request",),
    ),
    Koan(
        "13_not_modified.py",
        "304 Not Modified",
        layer="default_type",
        rule=16,
        hints=(
            "Some answers have no body at all. What does a Content-Type describe there?",
            "A 304 says: what you hold is good. A cache takes the headers of the 304 over into "
            "what it holds, so a made-up type spoils the page. 204 and 1xx have no body either.",
            'Do nothing where status.startswith(("1", "204", "304")). The reason after the number '
            "may be any text.",
        ),
        mistake="The header was added wherever it was missing. In a 304 it is missing because the "
        "client has it already; a cache that updates its copy from the 304 would now show a "
        "picture as HTML.",
        lesson="204, 304 and 1xx have no body, so nothing is added to describe one.",
        teaches=("no_content", "not_modified"),
    ),
    Koan(
        "14_time.py",
        "Time that is taken round the call",
        layer="timing",
        rule=37,
        hints=(
            "What runs between `with` and the end of its block, and what runs after it?",
            "The call returns an iterable, the work is done when that is iterated (koan 2). The "
            "clock must be read at the end of the body, and also when the client leaves early.",
            "Drop `with`: take `started` before the call, and return the body in a class whose "
            "close() closes the body and then writes the log, as Ending in 02_after.py does it.",
        ),
        mistake="`with` round the call measures how long it takes to get an iterable: nothing, "
        "for an app that streams. The page that takes a minute is logged with a millisecond. "
        "Spans of many tracing tools end too early in this way.",
        lesson="A with statement round the call does not cover the stream; close() is its end.",
        teaches=("contexts",),
    ),
    Koan(
        "15_environ.py",
        "An environ that outer layers share",
        layer="shop",
        rule=4,
        hints=(
            "Whose dict is environ? Look at what the layer outside sees after the call.",
            "There is one dict, and everybody outside of you holds it too. Do not put it back "
            "after the call: the app's body runs later and would see the change undone.",
            "Make a copy, `inside = dict(environ)`, change that, and call the app with it. It "
            "must be a dict, exactly.",
        ),
        mistake="The layer moved a piece of the path, in the dict that it got. An access log "
        "outside, which looks at the path when all is over, writes /cart for /shop/cart, and a "
        "router outside that tries again finds nothing.",
        lesson="What only the inside may see is changed on a copy of environ.",
        teaches=("environ_outside", "path_sum"),
        environ={"PATH_INFO": "/shop"},
    ),
    Koan(
        "16_file_wrapper.py",
        "A file that is not sent as a file",
        layer="traffic",
        rule=29,
        hints=(
            "The app used the server's wsgi.file_wrapper. What does the server get, and can it "
            "still see that this is a file?",
            "A server recognises its own object and lets the kernel send the file. Return that "
            "very object. wsgi.file_wrapper may be a class, or a function that hands back the file "
            "itself, which has a read().",
            'Read `wrapper = environ.get("wsgi.file_wrapper")` before the call. After it: if '
            "isinstance(wrapper, type) and isinstance(body, wrapper), or if body has a read(), "
            'write "a file" and return body as it is.',
        ),
        mistake="Everything was wrapped, to count its bytes. The file reaches the client all the "
        "same, so no test fails; but each download is now copied through Python, block by block, "
        "and a worker is busy with it until the slowest client has it.",
        lesson="What the layer does not change goes on as the very same object.",
        teaches=("file_wrapper_type", "file_wrapper_function", "len_one", "len_invented"),
    ),
)
