"""What all tests share: fixed seeds, and coverage in the processes that share the work."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.browsing import chromium

settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.load_profile("fixed")

MEASURE = "WSGIMW_MEASURE"  # set by `python3 -m tests`


def pytest_configure(config: pytest.Config) -> None:
    """Measure a worker of pytest-xdist as `coverage run` measures the process that starts it."""
    if os.environ.get(MEASURE) and hasattr(config, "workerinput"):
        from coverage import Coverage

        measured = Coverage(data_suffix=True)
        measured.start()

        def stop() -> None:
            measured.stop()
            measured.save()

        config.add_cleanup(stop)


def pytest_collection_finish() -> None:
    """Take the thousands of collected tests out of what each `gc.collect()` in a test looks at."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A running Chromium, of Playwright's API."""
    with chromium() as running:
        yield running
