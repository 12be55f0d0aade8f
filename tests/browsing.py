"""A real browser for the tests: Debian's Chromium, headless, driven by Playwright, and a server."""

from __future__ import annotations

import os
import shutil
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MILLISECONDS = 20_000  # a bound for what hangs, not a wait
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


class Server(socketserver.ThreadingMixIn, WSGIServer):
    """A browser opens connections ahead, so one thread is not enough."""

    daemon_threads = True
    asked: list[str]


class Handler(WSGIRequestHandler):
    """Notes what is asked for: Playwright does not see all of it, such as the icon."""

    def log_message(self, format: str, *args: Any) -> None:
        assert isinstance(self.server, Server)
        self.server.asked.append(getattr(self, "path", "?"))


@contextmanager
def serving(app: Callable[..., Any]) -> Iterator[Server]:
    """Serve `app` on a free port."""
    with Server(("127.0.0.1", 0), Handler) as made:
        made.asked = []
        made.set_app(app)
        thread = threading.Thread(target=made.serve_forever, args=[0.05])
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()


@contextmanager
def chromium() -> Iterator[Any]:
    """Give a browser, or skip; CI must have one."""
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
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


LISTEN = """
window.violations = [];
document.addEventListener("securitypolicyviolation",
    event => window.violations.push(event.violatedDirective + " " + event.blockedURI));
"""

# The page is wider than the window; or something sticks out of it, and cannot be scrolled to.
STICKS_OUT = """() => {
    document.querySelectorAll("details").forEach(each => each.open = true);
    const width = document.documentElement.clientWidth;
    const out = [...document.querySelectorAll("body *")].filter(each =>
        !each.parentElement.closest("pre") && each.getBoundingClientRect().right > width + 0.5);
    return [document.documentElement.scrollWidth - width, out.map(each => each.outerHTML)];
}"""

# Every text against what lies behind it, by WCAG 2's formula; those below its AA.
TOO_FAINT = """() => {
    const channels = text => (text.match(/[0-9.]+/g) || []).map(Number);
    const linear = part => part <= 10.31475 ? part / 3294.6 : ((part / 255 + .055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
    const behind = element => {
        for (let each = element; each; each = each.parentElement) {
            const found = channels(getComputedStyle(each).backgroundColor);
            if (found.length === 3 || found[3] === 1) return found;
        }
        return [255, 255, 255];
    };
    const faint = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || ["SCRIPT", "STYLE"].includes(element.tagName))
            continue;
        for (let each = element; each; each = each.parentElement)
            if (getComputedStyle(each).opacity !== "1") faint.push("opacity " + each.outerHTML);
        const pair = [light(channels(getComputedStyle(element).color)), light(behind(element))];
        const contrast = (Math.max(...pair) + .05) / (Math.min(...pair) + .05);
        if (contrast < 4.5) faint.push(contrast.toFixed(2) + " " + element.outerHTML.slice(0, 200));
    }
    return faint;
}"""
