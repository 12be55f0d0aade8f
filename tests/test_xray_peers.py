"""Published middleware under the X-ray: those that break a rule are blamed, and nobody else is.

The rules are those that the linter blames them for, with the releases that the table names. What
the kit finds besides needs requests that these apps do not make.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests import faults
from tests.published import PUBLISHED
from tests.test_linter import Ending, passing, timing
from wsgimw import compose, xray
from wsgimw.testing.server import App, Call, make_environ

APPS: dict[str, App] = {
    "a list": faults.hello,
    "a stream": faults.hello_stream,
    "a late head": faults.late_stream,
    "empty blocks": faults.with_empty_blocks,
    "write()": faults.writer,
    "a second head": faults.restarter,
    "a broken stream": faults.breaks_off,
    "an error": faults.fails_after_its_head,
}

# Seen with Werkzeug 3.1.9, OpenTelemetry 0.66b2, elastic-apm 6.26.2, Paste 3.10.1, raygun4py 8.0.0,
# backlash 0.5.1, WebOb 1.8.11, wsgi-request-logger 0.4.6. Clean are Beaker 1.14.1, repoze.profile
# 2.3, Sentry 2.75.0, WhiteNoise 6.12.0, wsgicors 0.7.0, and what else the table does not name.
GUILTY: dict[str, set[int]] = {
    "werkzeug Lint": {30},
    "werkzeug Profiler": {10, 17, 22},
    "DebuggedApplication": {7, 11, 15, 22},
    "OpenTelemetry": {22},
    "elastic-apm": {11, 22},
    "Paste TransLogger": {8},
    "Paste gzipper": {10},
    "Paste ErrorMiddleware": {10, 27},
    "raygun4py": {11},
    "backlash": {7, 22},
    "webob wsgify": {8, 10, 17},
    "wsgi-request-logger": {17, 22},
}


def test_there_are_enough() -> None:
    assert len(PUBLISHED) >= 20


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
    logging.disable(logging.NOTSET)


@pytest.mark.filterwarnings("ignore")  # theirs
@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_blame(name: str) -> None:
    try:
        layer = PUBLISHED[name]()
    except ImportError as error:
        pytest.skip(str(error))
    guilty = layer.__qualname__
    found: set[tuple[int, str]] = set()
    for app in APPS.values():
        bound: Any = compose(passing, Ending(), layer, timing(), passing)(app)
        for pulls in (None, 1, 0):
            xrayed = xray(bound)
            with suppress(Exception):
                _ask(xrayed, pulls)
            for request in xrayed.recording.requests:
                assert len(request["layers"]) >= 3
                for lane in request["layers"]:
                    found |= {(fault["rule"], lane["layer"]) for fault in lane["faults"]}
    assert found == {(rule, guilty) for rule in GUILTY.get(name, set())}


def _ask(app: App, pulls: int | None) -> None:
    call = Call(app, make_environ(HTTP_ACCEPT_ENCODING="gzip"))
    if pulls is None:
        call.run()
        return
    call.begin()
    for _ in range(pulls):
        call.pull()
    call.close()
