"""Debian's Chromium, headless, driven by Playwright: the fixture `browser` of tests/conftest.py."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP evil.test 127.0.0.1",
]


@contextmanager
def chromium() -> Iterator[Any]:
    """Start the browser; without one the tests are skipped, and in CI they fail."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        absent("playwright, of the development group, is not installed")
    if CHROMIUM is None:
        absent("chromium is not installed")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield made
        finally:
            made.close()


def absent(what: str) -> NoReturn:
    """Say that a program is not here, which no run of CI may pass over."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)
