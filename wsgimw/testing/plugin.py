"""The pytest plugin: the fixture `wsgi_lint`. It is there wherever wsgimw is installed.

    def test_upload(wsgi_lint):
        client = webtest.TestApp(wsgi_lint(stack)(app))
        client.post("/upload", b"...")

It is `wsgimw.testing.lint` but for one thing: faults are collected, what passes is not changed, and
at the end of the test each fault, and each body that was never closed, fails it with rule and
layer. Name the fixture of a client that closes bodies after `wsgi_lint`, or let it ask for it, so
that it is done before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from wsgimw.testing.faults import Fault


@pytest.fixture
def wsgi_lint() -> Iterator[Callable[..., Any]]:
    """Check an app, or each boundary of a stack, and fail the test for what breaks a rule.

    `wsgi_lint(app)` is a checked app, `wsgi_lint(stack)` a layer with a checker on each boundary,
    as `wsgimw.testing.lint`. Faults go to `report=` instead if that is given.
    """
    from wsgimw.testing.linter import Linter  # only for tests that ask

    faults: list[Fault] = []
    linter = Linter(faults.append)

    def lint(app_or_stack: Any, *, report: Callable[[Fault], object] | None = None) -> Any:
        return (linter if report is None else Linter(report)).lint(app_or_stack)

    yield lint
    faults += linter.unclosed()
    if faults:
        told = "\n".join(f"rule {fault.rule}, {fault.layer}: {fault.message}" for fault in faults)
        pytest.fail(f"{len(faults)} broken WSGI rule(s):\n{told}", pytrace=False)
