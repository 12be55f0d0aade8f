"""Every layer that exists, ready for the conformance kit: one row a layer, for all matrices.

A row may name the rules that its layer breaks on purpose; a stack breaks those of its members.
"""

from __future__ import annotations

import io
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wsgimw import (
    AccessLog,
    Authenticate,
    CatchErrors,
    Compress,
    Decompress,
    Exchange,
    Gzip,
    Hooks,
    Portable,
    RequestId,
    Require,
    Route,
    Router,
    StaticFiles,
    StatusPages,
    layer,
    not_found,
    unless,
    when,
)
from wsgimw.auth import Basic, RemoteUser

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from wsgimw import Layer


@dataclass(frozen=True, slots=True)
class NoHooks(Hooks):
    """Pass on."""


@dataclass(frozen=True, slots=True)
class RequestHook(Hooks):
    """Look at the request."""

    def on_request(self, environ: WSGIEnvironment) -> str:
        environ["tests.seen"] = "yes"
        return "state"


@dataclass(frozen=True, slots=True)
class HeadHook(Hooks):
    """Edit the head."""

    def on_head(self, x: Exchange) -> None:
        x.headers.append(("X-Head", "hook"))


@dataclass(frozen=True, slots=True)
class EndHook(Hooks):
    """See the end."""

    def on_end(self, x: Exchange) -> None:
        x.state = (x.bytes, x.complete)


@dataclass(frozen=True, slots=True)
class AllHooks(Hooks):
    """Do all three."""

    def on_request(self, environ: WSGIEnvironment) -> dict[str, int]:
        return {}

    def on_head(self, x: Exchange) -> None:
        x.headers.append(("X-All", "hooks"))

    def on_end(self, x: Exchange) -> None:
        x.state["bytes"] = x.bytes


@layer
def both_yields(
    environ: WSGIEnvironment, *, name: str = "X-Onion"
) -> Generator[None, Exchange, None]:
    """See head and end."""
    head = yield
    head.headers.append((name, "peeled"))
    end = yield
    assert end.status


@layer
def head_only(environ: WSGIEnvironment) -> Generator[None, Exchange, None]:
    """Be done after the head."""
    head = yield
    head.headers.append(("X-Half", "onion"))


@layer
def step_aside(environ: WSGIEnvironment) -> Generator[None, Exchange, None]:
    """Step aside for every request."""
    if "QUERY_STRING" in environ:
        return
    yield


class Row(NamedTuple):
    """A layer, its name in test ids, and the rules it breaks on purpose."""

    name: str
    layer: Layer
    skip: tuple[int | str, ...] = ()


def rows() -> list[Row]:
    """Make every layer anew, those that hold a stream with one of their own."""
    return [
        # Of rules 10, 17 and 27: it holds `write()`, pulls first blocks, and guards SystemExit.
        Row("Portable", Portable(), skip=("write_at_once", "nothing_pulled", "base_exception")),
        Row("no-hooks", NoHooks()),
        Row("request-hook", RequestHook()),
        Row("head-hook", HeadHook()),
        Row("end-hook", EndHook()),
        Row("all-hooks", AllHooks()),
        Row("generator", both_yields()),
        Row("generator-head", head_only()),
        Row("generator-aside", step_aside()),
        Row("when", when("/", EndHook())),
        Row("unless", unless("/elsewhere", HeadHook())),
        Row("RequestId", RequestId()),
        Row("RequestId-trace", RequestId(trace=True, trust=True)),
        Row("AccessLog", AccessLog(sink=io.StringIO())),
        Row("AccessLog-json", AccessLog(format="json", sink=io.StringIO())),
        # Rules 25 and 27: to answer an exception, and to report what `close()` raised, is its job.
        Row("CatchErrors", CatchErrors(log=False), skip=(25, 27)),
        Row("CatchErrors-debug", CatchErrors(debug=True, log=False), skip=(25, 27)),
        Row("StatusPages", StatusPages()),
        Row("StaticFiles", StaticFiles(Path(__file__).parent, prefix="/elsewhere")),
        Row("Gzip", Gzip()),
        Row("Authenticate", Authenticate(Basic(_nobody), RemoteUser(), required=False)),
        Row("Require", Require({"/": "anyone", "/nowhere": "nobody"})),
        Row("Compress", Compress(min_size=0)),
        Row("Decompress", Decompress()),
        Row("Router", Router([Route("/elsewhere/<path:p>", not_found)])),
    ]


def _nobody(username: str, password: str) -> None:
    """Know nobody."""
