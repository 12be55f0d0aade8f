"""What the tests of authentication share: cheap hashes, headers, an app, one request."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterable
from typing import Any

from tests.http_notes import notes
from wsgimw import compose
from wsgimw.testing import Fault, lint
from wsgimw.testing.server import Call, Environ, Input, StartResponse, make_environ

# What httplint says of every 400; of four schemes, which read four headers; of `Vary: *`, which is
# the truth where an answer depends on what no header tells.
SAID = {"STATUS_BAD_REQUEST", "VARY_COMPLEX", "VARY_ASTERISK"}
ADA, PASSWORD = "ada", "correct horse"


def sha(password: str) -> str:
    """Hash cheaply; nobody should in earnest."""
    return "{SHA}" + base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()


def encoded(text: str | bytes) -> str:
    """Write base64."""
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def sent(text: str | bytes) -> str:
    """Write a header of Basic that holds this."""
    return f"Basic {encoded(text)}"


def basic(user: str = ADA, password: str = PASSWORD) -> str:
    """Write the header of Basic."""
    return sent(f"{user}:{password}")


def show(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with who it is."""
    identity = environ.get("wsgimw.identity")
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    if environ["REQUEST_METHOD"] == "HEAD":
        return [b""]
    return [(identity.subject if identity else "nobody").encode()]


def headed(status: str, *headers: tuple[str, str]) -> Any:
    """Make an app that gives this head."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, [("Content-Type", "text/plain"), *headers])
        return [b"inner"]

    return app


def ask(*layers: Any, app: Any = show, auth: str | None = None, **keys: Any) -> Call:
    """Make one request through layers, the whole under the linter; httplint reads a refusal."""
    if auth is not None:
        keys["HTTP_AUTHORIZATION"] = auth
    faults: list[Fault] = []
    call = Call(lint(compose(*layers)(app), report=faults.append), make_environ(**keys)).run()
    # What a test makes a broken server send is not ours.
    assert not [fault for fault in faults if fault.layer != "server"]
    if call.status[:1] in "45":
        sent = b"" if call.environ["REQUEST_METHOD"] == "HEAD" else call.raw
        assert notes(call.status, call.headers, sent, call.environ["REQUEST_METHOD"], SAID) == []
    return call


def status_of(layer: Any, auth: str) -> str:
    """Give the status of one request, in a thread or a forked child: nothing in it may skip."""
    return Call(layer(show), make_environ(HTTP_AUTHORIZATION=auth)).run().status[:3]


def posting(data: bytes, **keys: Any) -> dict[str, Any]:
    """Give the environ keys of a request with a body."""
    return {
        "REQUEST_METHOD": "POST",
        "CONTENT_LENGTH": str(len(data)),
        "wsgi.input": Input(data),
        **keys,
    }


def left_of(call: Call) -> bytes:
    """Give what nobody has read of the body."""
    body: io.BytesIO = call.environ["wsgi.input"]
    return body.read()


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
