"""What all tests share: fixed seeds, and coverage in the processes that share the work."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.browsing import chromium

settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
# Fewer examples, where the same tests have run with all of them: `--hypothesis-profile=brief`.
settings.register_profile("brief", settings.get_profile("fixed"), max_examples=20)
settings.load_profile("fixed")

MEASURE = "WSGIMW_MEASURE"  # set by `python3 -m tests`
COVERAGE = pytest.StashKey[Any]()


def pytest_configure(config: pytest.Config) -> None:
    """Measure a worker of pytest-xdist as `coverage run` measures the process that starts it."""
    if os.environ.get(MEASURE) and hasattr(config, "workerinput"):
        from coverage import Coverage

        measured = Coverage(data_suffix=True)
        measured.start()
        config.stash[COVERAGE] = measured

        def stop() -> None:
            measured.stop()
            measured.save()

        config.add_cleanup(stop)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Leave a test unmeasured that runs the same lines a thousand times over."""
    measured = item.config.stash.get(COVERAGE, None)
    if measured is None or item.get_closest_marker("unmeasured") is None:
        return (yield)
    measured.stop()
    try:
        return (yield)
    finally:
        measured.start()


def pytest_collection_finish() -> None:
    """Take the thousands of collected tests out of what each `gc.collect()` in a test looks at."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A running Chromium, of Playwright's API."""
    with chromium() as running:
        yield running
