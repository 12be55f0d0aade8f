"""What the X-ray itself answers: the page and `requests.json`, to this machine alone.

The gates are those of the debug page (`wsgimw.peers.closed_gates`): a loopback peer, no field of a
proxy, a Host that is a name of this machine. To all others there is nothing here: the request goes
to the app, untouched.
"""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from wsgimw.answers import Answer, text_answer, whole
from wsgimw.devtools.xray.recording import Recording
from wsgimw.peers import closed_gates

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["Serving"]

JSON = "application/json"
HTML = "text/html; charset=utf-8"
PRIVATE = [
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Robots-Tag", "noindex"),
]
METHODS = ("GET", "HEAD")


class Serving:
    """Answers what is asked below `path`."""

    def __init__(
        self, recording: Recording, path: str, stack: Callable[[], dict[str, Any] | None]
    ) -> None:
        self.recording = recording
        self.path = path
        self.stack = stack

    def answer(self, environ: WSGIEnvironment) -> Answer | None:
        """Return the answer to a request, or None: it is the app's."""
        below = environ.get("PATH_INFO", "").removeprefix(self.path)
        if below[:1] not in ("", "/") or closed_gates(environ, (), _nobody, "xray("):
            return None
        method = environ.get("REQUEST_METHOD")
        if method not in METHODS:
            return text_answer(405, [("Allow", ", ".join(METHODS)), *PRIVATE], method=method)
        path = environ.get("SCRIPT_NAME", "") + self.path
        if below == "":
            return text_answer(308, [("Location", f"{path}/"), *PRIVATE], method=method)
        if below == "/requests.json":
            data = self.recording.as_json().encode()
            return whole(200, JSON, data, PRIVATE, method=method)
        if below == "/":
            asked = parse_qs(str(environ.get("QUERY_STRING", ""))).get("id")
            return self._page(path, asked[0] if asked else None, method)
        return text_answer(404, PRIVATE, method=method)

    def _page(self, path: str, asked: str | None, method: str | None) -> Answer:
        from wsgimw.devtools.xray.page import page, policy, request_page

        recording, stack, nonce = self.recording.as_dict(), self.stack(), token_urlsafe(16)
        if asked is None:
            made: str | None = page(recording, path=path, stack=stack, nonce=nonce)
        else:
            made = request_page(recording, asked, path=path, stack=stack, nonce=nonce)
        if made is None:
            text = "this request is not, or no longer, among those that were recorded"
            return text_answer(404, PRIVATE, method=method, text=text)
        return whole(200, HTML, made.encode(), [*PRIVATE, *policy(nonce)], method=method)


def _nobody(environ: WSGIEnvironment) -> bool:
    return False
