"""A webhook of GitHub: only what is signed with the shared secret reaches the app."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from wsgimw import Authenticate, CatchErrors, compose, when
from wsgimw.auth import Signature, new_token

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SECRET = os.environ.get("WEBHOOK_SECRET") or new_token()


def hook(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] != "/hook":
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"Post to /hook\n"]
    event = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"Thanks for {event['action']}\n".encode()]


application = compose(CatchErrors(), when("/hook", Authenticate(Signature(SECRET))))(hook)

# wsgimw run examples.webhook:application
