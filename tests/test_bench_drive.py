"""The driver of the benches does what a server must, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from wsgiref.validate import validator

import pytest

from tests.bench.drive import answer, deep, drive, make_environ

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Body:
    """A body that counts what is done to it."""

    def __init__(self, *, fails: bool = False) -> None:
        self.pulled = self.closed = 0
        self.fails = fails

    def __iter__(self) -> Iterator[bytes]:
        for block in (b"a", b"b"):
            self.pulled += 1
            yield block
        if self.fails:
            raise OSError("broken")

    def close(self) -> None:
        self.closed += 1


def app_of(body: Body) -> WSGIApplication:
    """Return an app that writes one block and answers with `body`."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Body:
        environ["seen"] = True
        start_response("200 OK", [("Content-Type", "text/plain")])(b"w")
        return body

    return app


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Answer without a `close()`."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def test_drive_takes_all_and_closes() -> None:
    body, environ = Body(), make_environ()
    drive(app_of(body), environ)
    assert (body.pulled, body.closed) == (2, 1)
    assert "seen" not in environ, "each request has its own environ"


def test_drive_closes_after_an_error() -> None:
    body = Body(fails=True)
    with pytest.raises(OSError, match="broken"):
        drive(app_of(body), make_environ())
    assert body.closed == 1


def test_drive_takes_a_list() -> None:
    drive(hello, make_environ())


def test_answer() -> None:
    body = Body()
    expected = ("200 OK", [("Content-Type", "text/plain")], b"wab")
    assert answer(app_of(body), make_environ()) == expected
    assert body.closed == 1
    assert answer(hello, make_environ())[2] == b"hello"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_environ_and_driver_are_valid(method: str) -> None:
    environ = make_environ("/x", method, HTTP_ACCEPT_ENCODING="gzip")
    assert environ["HTTP_ACCEPT_ENCODING"] == "gzip"
    drive(validator(hello), environ)


def test_deep() -> None:
    calls: list[int] = []

    def layer(app: WSGIApplication) -> WSGIApplication:
        def bound(environ: WSGIEnvironment, start_response: StartResponse) -> object:
            calls.append(1)
            return app(environ, start_response)

        return bound  # type: ignore[return-value]

    drive(deep(layer, 6, hello), make_environ())
    assert len(calls) == 6
    assert deep(layer, 0, hello) is hello
