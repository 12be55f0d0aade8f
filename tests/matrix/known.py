"""Everything that the matrix finds and nobody can mend here, with its cause; `docs/matrix.md`.

A row that no longer comes true fails the tests as a difference without a row does.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.matrix.apps import FRAMEWORKS
from tests.servers import SERVERS

ALL = tuple(FRAMEWORKS)


@dataclass(frozen=True, slots=True)
class Known:
    """What is seen on which servers under which frameworks, why, and where it is told upstream."""

    servers: tuple[str, ...]
    frameworks: tuple[str, ...]
    check: str
    what: tuple[str, ...]
    """Words of the checks: "status", "framing", "fields", "fault", "outcome", ..."""
    seen: str
    cause: str
    reference: str = ""
    variants: tuple[str, ...] = ("wrapped", "portable")
    coded: bool | None = None
    """True: only where Accept-Encoding was sent; False: only where not; None: both."""

    def covers(
        self, server: str, variant: str, framework: str, check: str, coding: str, what: str
    ) -> bool:
        """Say whether this is the row of something that was found."""
        return (
            server in self.servers
            and variant in self.variants
            and framework in self.frameworks
            and check == self.check
            and what in self.what
            and (self.coded is None or self.coded is bool(coding))
        )


DIFFERENCES = (
    Known(
        ("waitress",),
        tuple(name for name in ALL if name != "django"),
        "HEAD",
        ("fault",),
        "behind the head of a compressed HEAD come the five bytes of an empty chunk",
        "the length of what GET would send is not known before it is compressed, so there is no "
        "Content-Length, and waitress chunks what has none, HEAD too; 204 it leaves alone",
        "Pylons/waitress#166 (204 only)",
        coded=True,
    ),
    Known(
        ("gevent",),
        tuple(name for name in ALL if name != "django"),
        "HEAD",
        ("fault",),
        "the same",
        "gevent.pywsgi, too, ends chunks that it never began",
        coded=True,
    ),
    Known(
        ("hypercorn", "uvicorn"),
        ALL,
        "aborted client",
        ("outcome",),
        "the line says `complete`, not `client_gone`",
        "the bridge takes a stream to its end after the client has gone, and then closes it",
        "pgjones/hypercorn#154, abersheeran/a2wsgi#42",
    ),
    Known(
        ("granian",),
        ("pyramid",),
        "cookies",
        ("framing", "fields"),
        "chunks in place of a Content-Length that granian makes of a list",
        "granian closes no list, so Portable hands on the blocks of a list with a `close()` as a "
        "stream",
        "emmett-framework/granian#29",
        ("portable",),
    ),
)
"""What differs between bare and wrapped after undoing what the layers are meant to do."""

NO_TRAILER = (
    "the framework reads CONTENT_LENGTH bytes, and a chunked body has no such; "
    "`Portable(buffer_chunked=65536)` reads it first"
)
CHUNKS_KEPT = tuple(name for name in SERVERS if name != "waitress")
BROKEN = (
    Known(
        CHUNKS_KEPT,
        ("django", "falcon"),
        "chunked upload",
        ("content",),
        "an empty body",
        NO_TRAILER,
        "django/django#20406, falconry/falcon#212",
        ("bare",),
    ),
    Known(
        tuple(name for name in CHUNKS_KEPT if name != "wsgiref"),
        ("bottle",),
        "chunked upload",
        ("status",),
        "400",
        "Bottle undoes the chunks that the server has undone; `Portable(buffer_chunked=65536)`",
        "bottlepy/bottle#700",
        ("bare",),
    ),
    Known(
        ("wsgiref",),
        ("raw", "flask", "pyramid"),
        "chunked upload",
        ("content",),
        "an empty body",
        "wsgiref does not undo chunks",
        "",
        ("bare",),
    ),
    Known(
        ("hypercorn", "uvicorn"),
        ("raw", "flask", "pyramid"),
        "chunked upload",
        ("content",),
        "an empty body",
        "the bridge sets neither CONTENT_LENGTH nor `wsgi.input_terminated`; "
        "`Portable(buffer_chunked=65536)`",
        "",
        ("bare",),
    ),
    Known(
        ("wsgiref", "werkzeug", "waitress", "cheroot", "gevent"),
        ("django",),
        "HEAD",
        ("framing",),
        "the body of GET",
        "Django leaves it to the server to drop the body, and these send what they get; Portable "
        "drops it, Compress and StaticFiles do where they answer",
        "django/django#16502 (runserver)",
        ("bare",),
    ),
    Known(
        ("hypercorn",),
        ("raw", "flask", "bottle", "falcon"),
        "204",
        ("status",),
        "500",
        "hypercorn takes an empty body for none; Portable gives it an empty block",
        "pgjones/hypercorn#331",
        ("bare",),
    ),
    Known(
        ("hypercorn",),
        ("raw", "flask", "bottle", "falcon"),
        "304",
        ("status",),
        "500",
        "the same",
        "pgjones/hypercorn#331",
        ("bare",),
    ),
    Known(
        ("hypercorn",),
        ("flask", "bottle", "falcon", "pyramid"),
        "HEAD",
        ("status",),
        "500",
        "the same",
        "pgjones/hypercorn#331",
        ("bare",),
    ),
    Known(
        ("wsgiref",),
        tuple(name for name in ALL if name != "django"),
        "204",
        ("length",),
        "`Content-Length: 0`",
        "wsgiref counts an empty list, whatever the status (RFC 9110, 8.6: never with 204)",
        "",
        ("bare",),
    ),
)
"""What a server makes of the bare app: pairs that are broken without any layer."""

NEED_PORTABLE = {
    "granian": (
        "a stream that Compress codes has its head at the first block (rule 5), and granian sends "
        "200 without any field (emmett-framework/granian#845); bodies that are lists are closed "
        "when they die (emmett-framework/granian#29)"
    ),
    "hypercorn": "an empty body is a 500 (pgjones/hypercorn#331), and no layer but Portable adds "
    "blocks",
}
"""Servers where the stack needs Portable, and is tried with it alone; and why."""
