"""What failing requests leave behind: nothing."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from tests.errors_apps import HEAD, raised
from wsgimw import CatchErrors, StatusPages, compose
from wsgimw.testing.server import App, Call, Environ, StartResponse, make_environ


class Gone(Exception):
    """An exception that can be watched."""


class Local:
    """A local of a frame that fails."""


watched: list[weakref.ref[Any]] = []


def fail() -> None:
    local, error = Local(), Gone("x")
    watched.extend([weakref.ref(local), weakref.ref(error)])
    try:
        raise error
    finally:
        del error


def call(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", HEAD)
    fail()
    return []


def first_block(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", HEAD)
    yield b""
    fail()


def midstream(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", HEAD)
    yield b"block"
    fail()


def written(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", HEAD)(b"written")
    fail()
    return []


class InClose:
    def __init__(self, environ: Environ, start_response: StartResponse) -> None:
        start_response("200 OK", HEAD)

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"x"])

    def close(self) -> None:
        fail()


def answering(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("404 N", [])
    return [b"x"]


def failing_handler(error: Exception) -> int:
    raise ValueError


LAYERS = {
    "plain": CatchErrors(),
    "with a report": CatchErrors(report=lambda report, error: None),
    "two": compose(CatchErrors(), CatchErrors()),
    "an app answers": CatchErrors(handlers={Gone: lambda error: answering}),
    "the answer fails": CatchErrors(handlers={Gone: lambda error: call}),
    "the handler fails": CatchErrors(handlers={Gone: failing_handler}),
    "under StatusPages": compose(StatusPages(), CatchErrors()),
}


def one(app: App, drive: Callable[[Call], object]) -> None:
    request = Call(app, make_environ())
    # The server's own hold on a refused exception is not ours.
    error = raised(lambda: drive(request))
    if error is not None:
        error.__traceback__ = None


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("app", [call, first_block, midstream, written, InClose])
@pytest.mark.parametrize(
    "drive",
    [
        pytest.param(lambda request: request.run(), id="whole"),
        pytest.param(lambda request: (request.begin(), request.pull(), request.close()), id="part"),
    ],
)
def test_no_frame_and_no_exception_lives_on(app: App, layer: Any, drive: Any) -> None:
    bound = layer(app)
    watched.clear()
    one(bound, drive)
    watched.clear()
    gc.collect()
    gc.disable()
    try:
        one(bound, drive)
        assert [alive() for alive in watched] == [None] * len(watched)
    finally:
        gc.enable()


@pytest.mark.slow
@pytest.mark.unmeasured
@pytest.mark.parametrize("app", [call, first_block, midstream])
def test_ten_thousand_failing_requests_keep_no_memory(app: App) -> None:
    bound = CatchErrors(log=False, report=lambda report, error: None)(app)

    def many(count: int) -> None:
        for number in range(count):
            if number % 20:
                one(bound, Call.run)
            else:  # 5 % are abandoned
                one(bound, lambda request: request.begin().close())
            watched.clear()

    many(300)
    gc.collect()
    before = sys.getallocatedblocks()
    many(10_000)
    gc.collect()
    assert sys.getallocatedblocks() - before < 1_000
