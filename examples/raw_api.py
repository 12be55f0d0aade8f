"""A small API of raw WSGI apps: routes, a layer for one route, URLs written from names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

from wsgimw import Exchange, Hooks, Include, Redirect, Route, Router, compose, not_found, params

NOTES: dict[int, str] = {1: "Routes are values.", 2: "The most specific one wins."}
NUMBERS = count(3)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFor(Hooks):
    """Let clients keep a response for a while. It wraps one route only."""

    seconds: int = 60

    def on_head(self, x: Exchange) -> None:
        x.headers.append(("Cache-Control", f"max-age={self.seconds}"))


def answer(
    start_response: StartResponse, data: object, status: str = "200 OK", *more: tuple[str, str]
) -> Iterable[bytes]:
    """Answer in JSON."""
    body = json.dumps(data).encode()
    head = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *more]
    start_response(status, head)
    return [body]


def here(environ: Environ, name: str, **values: Any) -> str:
    """Return the URL of a route, below wherever this app is mounted."""
    path: str = environ.get("SCRIPT_NAME", "") + router.url_for(name, **values)
    return path


def list_notes(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    urls = [here(environ, "notes.one", id=number) for number in sorted(NOTES)]
    return answer(start_response, urls)


def add_note(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    size = int(environ.get("CONTENT_LENGTH") or 0)
    number = next(NUMBERS)
    NOTES[number] = environ["wsgi.input"].read(size).decode("utf-8", "replace")
    url = here(environ, "notes.one", id=number)
    return answer(start_response, url, "201 Created", ("Location", url))


def show_note(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    number = params(environ)["id"]
    if number not in NOTES:
        return not_found(environ, start_response)
    # HEAD has GET's head and no body.
    body = answer(start_response, NOTES[number])
    return [b""] if environ["REQUEST_METHOD"] == "HEAD" else body


def drop_note(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    if NOTES.pop(params(environ)["id"], None) is None:
        return not_found(environ, start_response)
    start_response("204 No Content", [])
    return [b""]


router = Router(
    [
        Include(
            "/notes",
            [
                Route("", list_notes, methods=["GET"], name="all"),
                Route("", add_note, methods=["POST"]),
                Route("/<int:id>", compose(CacheFor())(show_note), methods=["GET"], name="one"),
                Route("/<int:id>", drop_note, methods=["DELETE"]),
            ],
            name="notes",
        ),
        Redirect("/", "/notes", status=303),
        Redirect("/n/<int:id>", "/notes/<id>"),
    ]
)
application = router(not_found)

# wsgimw run examples.raw_api:application
