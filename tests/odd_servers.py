"""Stand-ins for servers with the oddities of matrix.md 1: each does one thing as they do."""

from __future__ import annotations

import io
from typing import Any

from tests.wsgi import make_environ


class OddServer:
    """Serves one request; strict where some server is strict, and without `write` as granian is.

    A body without a block is an error (hypercorn), so are a head that is no exact list of exact
    tuples of ASCII, or a status without a reason (S11, S12).
    """

    def __init__(self, **environ: Any) -> None:
        self.environ = make_environ(**environ)
        self.status = ""
        self.headers: list[tuple[str, str]] = []

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        assert type(headers) is list
        assert all(type(item) is tuple and len(item) == 2 for item in headers)
        assert all(value.isascii() for item in headers for value in item)
        code, _, reason = status.partition(" ")
        assert code.isdigit() and reason
        self.status, self.headers = status, headers
        return None

    def serve(self, app: Any) -> bytes:
        assert type(self.environ) is dict
        body: Any = app(self.environ, self.start_response)
        try:
            blocks = list(body)
        finally:
            if hasattr(body, "close"):
                body.close()
        assert blocks, "a body without a block: hypercorn makes a 500 of it"
        return b"".join(blocks)


class WaryInput(io.BytesIO):
    """A request body that hangs where a socket would: past its length, or without a size (S7)."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.left = len(data)

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None and 0 <= size <= self.left, "this read would hang"
        self.left -= size
        return super().read(size)
