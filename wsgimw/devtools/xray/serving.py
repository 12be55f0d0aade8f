"""What the X-ray itself answers: the page and `requests.json`, to this machine alone.

The gates are those of the debug page (`wsgimw.peers.closed_gates`): a loopback peer, no field of a
proxy, a Host that is a name of this machine. To all others there is nothing here: the request goes
to the app, untouched.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from wsgimw.answers import Answer, text_answer, whole
from wsgimw.devtools.xray.recording import Recording
from wsgimw.peers import closed_gates

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

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

    def __init__(self, recording: Recording, path: str, app: WSGIApplication) -> None:
        self.recording = recording
        self.path = path
        self.app = app
        self.explained: dict[str, Any] | None = None

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

        recording, stack = self.recording.as_dict(), self._stack()
        nonce = secrets.token_urlsafe(16)
        html: str | None
        if asked is None:
            html = page(recording, path=path, stack=stack, nonce=nonce)
        else:
            html = request_page(recording, asked, path=path, stack=stack, nonce=nonce)
        if html is None:
            text = "this request is not, or no longer, among those that were recorded"
            return text_answer(404, PRIVATE, method=method, text=text)
        data = html.encode(errors="backslashreplace")
        return whole(200, HTML, data, [*PRIVATE, *policy(nonce)], method=method)

    def _stack(self) -> dict[str, Any] | None:
        """Return what `explain` says of the app, asked once."""
        if self.explained is None:
            from wsgimw.devtools.explain import explain

            try:
                self.explained = explain(self.app).to_dict()
            except Exception:  # an app that cannot be walked is shown without its stack
                self.explained = {}
        return self.explained or None


def _nobody(environ: WSGIEnvironment) -> bool:
    return False
