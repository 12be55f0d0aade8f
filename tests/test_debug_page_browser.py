"""The error pages in a real browser: Debian's Chromium, headless, driven by Playwright.

Set `WSGIMW_SHOTS` to a directory to have the screenshots kept, and look at them.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.browsing import (
    LISTEN,
    MILLISECONDS,
    STICKS_OUT,
    TOO_FAINT,
    Server,
    serving,
)
from tests.failing_site import VECTORS, application, basket
from tests.test_errors_debug import IDS
from wsgimw import CatchErrors

pytestmark = pytest.mark.slow

SHOTS = os.environ.get("WSGIMW_SHOTS")
DEBUG_PAGES = ["/basket/ada?page=2&token=s3cr3t", "/deep", "/group", "/long", "/none"]
PRODUCTION_PAGES = ["/production/deep", "/production/detail", "/production/empty", "/nowhere"]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(application) as made:
        yield made


@dataclass
class Seen:
    """An opened page, and what it did."""

    page: Any
    url: str
    server: Server
    before: int
    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).text_content())

    def dismiss(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def check_quiet(self, *besides: str) -> None:
        """No request has left the page, nothing ran, and the browser had nothing to say."""
        path = re.sub(r"^http://[^/]+", "", self.url)
        assert self.requests == [self.url]
        asked = [each for each in self.server.asked[self.before :] if each not in besides]
        assert asked == [path]
        assert (self.dialogs, self.errors) == ([], [])
        # That the page itself came with an error's status is what it is about.
        about = f"Failed to load resource: the server responded with a status of [45]{'[0-9]' * 2} "
        assert [said for said in self.console if not re.match(about, said)] == []
        assert len(self.console) <= 1 + len(besides)
        assert self.page.evaluate("window.violations || []") == []


@pytest.fixture
def visit(browser: Any, server: Server) -> Iterator[Any]:
    contexts = []

    def open_page(path: str, *, host: str = "127.0.0.1", **options: Any) -> Seen:
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(MILLISECONDS)
        context.add_cookies([{"name": "sid", "value": "s3cr3t", "domain": host, "path": "/"}])
        page = context.new_page()
        if options.get("java_script_enabled", True):
            page.add_init_script(LISTEN)
        url = f"http://{host}:{server.server_port}{path}"
        seen = Seen(page, url, server, len(server.asked))
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("console", lambda message: seen.console.append(message.text))
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("dialog", seen.dismiss)
        page.goto(url, wait_until="networkidle")
        return seen

    yield open_page
    for context in contexts:
        context.close()


def shoot(seen: Seen, name: str) -> None:
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        plain = re.sub(r"\W+", "-", f"{name}").strip("-")
        seen.page.screenshot(path=Path(SHOTS) / f"{plain}.png", full_page=True)


@pytest.mark.parametrize("path", [*DEBUG_PAGES, *PRODUCTION_PAGES])
def test_it_is_readable(visit: Any, path: str) -> None:
    seen = visit(path)
    assert seen.page.title()
    for width, scheme in product((360, 1280), ("light", "dark")):
        seen.page.set_viewport_size({"width": width, "height": 900})
        seen.page.emulate_media(color_scheme=scheme)
        shoot(seen, f"{path}-{width}-{scheme}")
        assert seen.page.evaluate(STICKS_OUT) == [0, []], (width, scheme)
        assert seen.page.evaluate(TOO_FAINT) == [], (width, scheme)
        back = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", back)[:3])) < 200) is (scheme == "dark")
    seen.check_quiet()


@pytest.mark.parametrize("path", DEBUG_PAGES)
def test_it_is_complete_without_javascript(visit: Any, path: str) -> None:
    without = visit(path, java_script_enabled=False)
    shoot(without, f"{path}-no-script")
    assert without.requests == [without.url]
    assert (without.dialogs, without.errors, len(without.console)) == ([], [], 1)
    ids = without.page.eval_on_selector_all("section", "all => all.map(each => each.id)")
    assert [name for name in ids if name != "hints"] == IDS.split()
    for name in ids:
        assert without.page.locator(f"#{name}").inner_text().strip()
    assert without.page.locator("button:visible").count() == 0
    closed = without.page.locator("details:not([open]) > summary")
    for index in reversed(range(closed.count())):
        closed.nth(index).click()
    assert without.page.locator("details:not([open])").count() == 0
    seen = visit(path)
    assert seen.page.locator("button:visible").count() == 2
    times = r"0x[0-9a-f]+|[0-9a-f]{32}"
    for name in set(ids) - {"request", "curl", "webtest", "line", "frames"}:
        shown = [re.sub(times, "", each.text(f"#{name}")) for each in (without, seen)]
        assert shown[0] == shown[1]


@pytest.mark.parametrize("bypass", [False, True], ids=["policy", "without the policy"])
@pytest.mark.parametrize("name", VECTORS)
def test_hostile_text_stays_text(visit: Any, name: str, bypass: bool) -> None:
    seen = visit(f"/hostile/{name}", bypass_csp=bypass)
    seen.check_quiet(*["/favicon.ico"] * bypass)  # the policy keeps the browser from that, too
    if not bypass and name == "script":
        shoot(seen, "hostile")
    vector = VECTORS[name]
    for section in ("error", "line", "layers", "chain", "frames", "response", "request"):
        assert vector in seen.text(f"#{section}"), section
    assert repr(vector) in seen.text("#frames")  # of a local
    assert vector in "\n".join(shlex.split(seen.text("#curl-text")))
    assert vector in seen.text("#versions")
    tags = set(seen.page.evaluate("[...document.querySelectorAll('*')].map(e => e.localName)"))
    assert not {"img", "svg", "iframe", "object", "a", "link", "form", "base", "textarea"} & tags
    assert seen.page.locator("script").count() == seen.page.locator("style").count() == 1
    assert seen.page.locator("meta[http-equiv]").count() == 0
    handlers = "[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames())"
    assert not [name for name in seen.page.evaluate(handlers) if name.startswith("on")]
    assert seen.page.evaluate(STICKS_OUT) == [0, []]


@pytest.mark.parametrize("way", ["clipboard", "selection"])
@pytest.mark.parametrize("name", ["curl", "webtest"])
def test_copy_buttons(visit: Any, name: str, way: str) -> None:
    seen = visit(
        "/basket/it's?page=2&token=s3cr3t", permissions=["clipboard-read", "clipboard-write"]
    )
    if way == "selection":  # a page that is no secure context has no `navigator.clipboard`
        seen.page.evaluate(
            "window.clipboard = navigator.clipboard;"
            "Object.defineProperty(navigator, 'clipboard', {value: undefined})"
        )
    else:
        seen.page.evaluate("window.clipboard = navigator.clipboard")
    button = seen.page.locator(f"#{name} button")
    button.focus()
    seen.page.keyboard.press("Enter")
    seen.page.locator(f"#{name} button:text('copied')").wait_for()
    copied = seen.page.evaluate("window.clipboard.readText()")
    assert copied == seen.text(f"#{name}-text")
    seen.check_quiet()
    if name == "curl":
        words = shlex.split(copied)
        assert words[:2] == ["curl", "-X"]
        assert seen.url.replace("s3cr3t", "[redacted]") in words
    else:
        space: dict[str, Any] = {}
        exec(copied, space)
        with pytest.raises(ValueError, match="no price"):
            space["test_replay"](CatchErrors()(basket))


def test_nobody_sees_it_under_another_name(visit: Any) -> None:
    seen = visit("/basket/ada", host="evil.test")
    assert seen.page.locator("section").count() == 0
    assert "Something went wrong on our side." in seen.text("main")
    assert "price" not in seen.page.content()
    assert visit("/basket/ada", host="shop.localhost").page.locator("section").count() > 0


def test_no_secret_is_on_it(visit: Any) -> None:
    content = visit("/basket/ada?token=s3cr3t").page.content()
    assert "s3cr3t" not in content
    assert "correct horse" not in content
    assert "[redacted 28 chars]" in content
