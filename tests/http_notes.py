"""What httplint says of a response: the one way in which the tests ask it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from email.utils import formatdate
from typing import Any

import pytest


def notes(
    status: str,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    method: str = "GET",
    allowed: Collection[str] = (),
) -> list[str]:
    """Return what it calls bad, or warns of, but for the notes that are `allowed` by name.

    It is fed with a `Date`, which is the server's to send.
    """
    httplint: Any = pytest.importorskip("httplint")
    linter = httplint.HttpResponseLinter(start_time=time.time())
    linter.is_head_response = method == "HEAD"
    code, _, phrase = status.partition(" ")
    linter.process_response_topline(b"HTTP/1.1", code.encode(), phrase.encode("latin-1"))
    fields = [*headers, ("Date", formatdate(usegmt=True))]
    linter.process_headers([(n.encode("latin-1"), v.encode("latin-1")) for n, v in fields])
    linter.feed_content(body)
    linter.finish_content(True)
    return [
        f"{note.level.name} {type(note).__name__}: {note.summary}"
        for note in linter.notes
        if note.level.name in ("BAD", "WARN") and type(note).__name__ not in allowed
    ]
