"""The X-ray's page in a real browser, from the first request to the last step of one.

Set `WSGIMW_SHOTS` to a directory to have the screenshots kept, and look at them.
"""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.browsing import LISTEN, MILLISECONDS, STICKS_OUT, TOO_FAINT, Server, serving
from tests.failing_site import VECTORS
from tests.xray_recording import (
    RECORDING,
    SHOP,
    STACK,
    Site,
    hostile_recording,
    hostile_stack,
)
from wsgimw import CatchErrors, Compress, RequestId, compose
from wsgimw.devtools.xray import xray
from wsgimw.devtools.xray.story import story

pytestmark = pytest.mark.slow

SHOTS = os.environ.get("WSGIMW_SHOTS")


@pytest.fixture(scope="module")
def site() -> Site:
    return Site({}, STACK)


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    with serving(site) as made:
        yield made


@dataclass
class Seen:
    """An opened page, and what it did."""

    page: Any
    origin: str
    requests: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).first.inner_text())

    def dismiss(self, dialog: Any) -> None:
        self.said.append(dialog.message)
        dialog.dismiss()

    def rows(self) -> list[str]:
        return list(self.page.locator("#requests li:visible .target").all_inner_texts())

    def check_quiet(self) -> None:
        """Nothing was asked of anybody else, nothing was refused, nothing was complained of."""
        own = re.compile(re.escape(f"{self.origin}/_xray") + r"(/.*)?")
        assert [url for url in self.requests if not own.fullmatch(url)] == []
        assert self.said == []
        assert self.page.evaluate("window.violations || []") == []


@pytest.fixture
def visit(browser: Any, server: Server, site: Site) -> Iterator[Any]:
    contexts = []
    origin = f"http://127.0.0.1:{server.server_port}"

    def open_page(
        rest: str = "", recording: Any = RECORDING, stack: Any = STACK, **more: Any
    ) -> Seen:
        site.recording, site.stack = copy.deepcopy(recording), stack
        context = browser.new_context(**more)
        contexts.append(context)
        context.set_default_timeout(MILLISECONDS)
        page = context.new_page()
        seen = Seen(page, origin)
        if more.get("java_script_enabled", True):
            page.add_init_script(LISTEN)
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("console", lambda message: seen.said.append(message.text))
        page.on("pageerror", lambda error: seen.said.append(str(error)))
        page.on("dialog", seen.dismiss)
        page.goto(f"{origin}/_xray/{rest}")
        return seen

    yield open_page
    for context in contexts:
        context.close()


def shoot(seen: Seen, name: str) -> None:
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        seen.page.screenshot(path=Path(SHOTS) / f"xray-{name}.png", full_page=True)


def open_layer(seen: Seen, index: int) -> Any:
    seen.page.locator(f".picture .x-lane[data-layer='{index}']:visible").click()
    return seen.page.locator(f".layer[data-layer='{index}']")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("name", "rest", "layer"),
    [
        pytest.param("list", "", None, id="list"),
        pytest.param("request", "?id=7f3a9c", None, id="request"),
        pytest.param("layer", "?id=b21c04", 3, id="layer"),
    ],
)
def test_it_is_readable(visit: Any, name: str, rest: str, layer: int | None, scheme: str) -> None:
    seen = visit(rest, color_scheme=scheme)
    for width in (320, 360, 1280):
        seen.page.set_viewport_size({"width": width, "height": 800})
        if layer is not None and not seen.page.locator(".layer[open]").count():
            open_layer(seen, layer)
        shoot(seen, f"{name}-{width}-{scheme}")
    for width in (320, 360, 1000, 1280, 1920):
        seen.page.set_viewport_size({"width": width, "height": 800})
        assert seen.page.evaluate(STICKS_OUT) == [0, []], width
        assert seen.page.evaluate(TOO_FAINT) == [], width
    back = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", back)[:3])) < 200) is (scheme == "dark")
    seen.check_quiet()


def test_a_request_appears_by_itself_and_is_told(visit: Any, site: Site) -> None:
    seen = visit("", {"version": 1, "requests": []})
    assert seen.page.locator("#none").is_visible()
    assert seen.text("#told") == "0 requests"
    site.recording["requests"].append(SHOP)
    seen.page.locator("#requests li").wait_for()
    assert seen.page.locator("#told[role=status]").inner_text() == (
        "1 request. New request: GET /items, 200 OK"
    )
    assert not seen.page.locator("#none").is_visible()
    site.recording["requests"].append({**SHOP, "id": "second", "path": "/caf\xc3\xa9", "query": ""})
    seen.page.locator("#requests li").nth(1).wait_for()
    assert seen.rows() == ["/café", "/items?page=2&token=[redacted]"]
    row = seen.page.locator("#requests li").nth(1)
    assert [row.locator(f".{part}").inner_text() for part in ("method", "spent", "status")] == [
        "GET",
        "4.91 ms",
        "200 OK",
    ]
    del site.recording["requests"][0]  # the oldest one has made room
    seen.page.locator("#requests li").nth(1).wait_for(state="detached")
    assert seen.rows() == ["/café"]
    assert seen.page.evaluate("performance.getEntriesByType('navigation').length") == 1
    seen.check_quiet()


def test_rows_of_the_script_are_those_of_the_server(visit: Any) -> None:
    """Both make the same row of the same request."""
    parts = 'all => all.map(each => each.outerHTML.replace(/ class="new"|\\.000|0+(?=")/g, \'\'))'
    odd = {"path": "/caf\xc3\xa9\x00\u202e\n", "query": "\x85", "method": "\t", "status": "700"}
    site_of = [*RECORDING["requests"], {**SHOP, "id": "odd", "layers": None, "time": "now", **odd}]
    served = visit("", {"requests": site_of}).page.eval_on_selector_all("#requests li", parts)
    seen = visit("", {"version": 1, "requests": []})
    seen.page.route(
        "**/requests.json", lambda route: route.fulfill(json={"version": 1, "requests": site_of})
    )
    seen.page.locator("#requests li").nth(3).wait_for()
    made = seen.page.eval_on_selector_all("#requests li", parts)
    same = [re.sub(r'datetime="[^"]*"|data-ms="[^"]*"', "", each) for each in made]
    assert same == [re.sub(r'datetime="[^"]*"|data-ms="[^"]*"', "", each) for each in served]


@pytest.mark.parametrize(
    ("selector", "value", "rows"),
    [
        pytest.param("#by-path", "EXP", ["/export"], id="path"),
        pytest.param("#by-status", "4", ["/admin"], id="status"),
        pytest.param("#by-time", "50", ["/admin", "/export"], id="slow"),
        pytest.param("#by-faults", None, ["/export"], id="faults"),
    ],
)
def test_filters(visit: Any, site: Site, selector: str, value: str | None, rows: list[str]) -> None:
    seen = visit()
    control = seen.page.locator(selector)
    if value is None:
        control.check()
    elif selector == "#by-status":
        control.select_option(value)
    else:
        control.fill(value)
    assert seen.rows() == rows
    assert seen.text("#told") == f"{len(rows)} of 3 requests"
    with seen.page.expect_response("**/requests.json"):
        site.recording["requests"].append({**SHOP, "id": "new", "path": "/new"})
    seen.page.locator("#requests li[data-id=new]").wait_for(state="attached")
    assert seen.rows() == rows  # what comes is filtered, too
    seen.check_quiet()


def test_pause_and_a_server_that_is_gone(visit: Any, site: Site) -> None:
    seen = visit()
    seen.page.locator("#live[data-on]").wait_for()
    seen.page.locator("#pause").click()
    assert seen.text("#live") == "paused"
    seen.page.locator("#pause").click()
    seen.page.route("**/requests.json", lambda route: route.fulfill(status=500, body=""))
    seen.page.locator("#live:has-text('does not answer')").wait_for()
    seen.page.unroute("**/requests.json")
    seen.page.locator("#live[data-on]").wait_for()


def test_a_request_is_opened_in_place(visit: Any) -> None:
    seen = visit()
    seen.page.evaluate("window.same = true")
    seen.page.locator("#requests a[href='?id=b21c04']").click()
    seen.page.locator("h1:has-text('/export')").wait_for()
    assert seen.page.url.endswith("/_xray/?id=b21c04")
    assert seen.page.title() == "GET /export - X-ray"
    assert seen.page.evaluate("document.activeElement.id") == "request"
    assert seen.page.locator("#requests [aria-current=page]").inner_text().startswith("GET /export")
    seen.page.locator("#requests a[href='?id=c0ffee']").click()
    seen.page.locator("h1:has-text('/admin')").wait_for()
    seen.page.go_back()
    seen.page.locator("h1:has-text('/export')").wait_for()
    assert seen.page.locator(".player").is_visible()
    seen.page.go_back()
    seen.page.locator("h1:has-text('Choose a request')").wait_for()
    assert seen.page.evaluate("window.same")
    seen.check_quiet()


def test_a_request_that_is_gone(visit: Any, site: Site) -> None:
    seen = visit()
    seen.page.locator("#pause").click()
    site.recording = {"version": 1, "requests": []}
    seen.page.locator("#requests a").first.click()
    seen.page.locator("main:has-text('not in the recording any more')").wait_for()


def test_the_diff_of_a_header_is_right(visit: Any) -> None:
    seen = visit("?id=7f3a9c")
    compress = open_layer(seen, 2)
    added = compress.locator(".diff .add").all_inner_texts()
    assert [" ".join(line.split()) for line in added] == [
        "+ added Content-Encoding: gzip",
        "+ added Vary: Accept-Encoding",
    ]
    removed = compress.locator(".diff .del").all_inner_texts()
    assert [" ".join(line.split()) for line in removed] == ["\u2212 removed Content-Length: 10240"]
    rows = [row.split() for row in seen.page.locator("tbody tr").all_inner_texts()]
    assert ["Vary", "Accept-Encoding", "Compress()"] in rows
    assert ["X-Request-ID", "01JD2M9Q7E3K", "RequestId()"] in rows
    seen.check_quiet()


def test_a_broken_rule_is_explained(visit: Any) -> None:
    seen = visit("?id=b21c04")
    layer = open_layer(seen, 3)
    assert "Rule 22: close() of the inner body was never called." in layer.inner_text()
    layer.locator("summary:has-text('close() always arrives')").click()
    assert "Why:" in layer.locator(".rule[open]").inner_text()
    seen.check_quiet()


def test_play_goes_to_the_end(visit: Any) -> None:
    seen = visit()
    seen.page.clock.install()
    seen.page.goto(f"{seen.origin}/_xray/?id=7f3a9c")
    steps = story(SHOP)
    play = seen.page.locator("[data-play=play]")
    play.click()
    said = [seen.text(".step")]
    places = []
    for _ in steps[1:]:
        seen.page.clock.run_for(2200)
        said.append(seen.text(".step"))
        places.append(seen.page.locator(".x-lane.here").count())
    assert [line.split("\n", 1)[1] for line in said] == [step.text for step in steps]
    assert set(places) == {2}  # in the wide picture and in the narrow one
    assert play.inner_text() == "Play"
    assert seen.text(".player .count") == "20 of 20"
    play.click()  # from the start again
    assert seen.text(".player .count") == "1 of 20"
    assert play.inner_text() == "Stop"
    play.click()
    seen.page.clock.run_for(9000)
    assert seen.text(".player .count") == "1 of 20"


def test_steps_go_forth_and_back_by_keyboard(visit: Any) -> None:
    seen = visit("?id=7f3a9c")
    button = seen.page.locator("[data-play=next]")
    button.focus()
    spots = []
    for _ in range(8):
        seen.page.keyboard.press("ArrowRight")
        dot = seen.page.locator(".wide circle[data-dot]")
        spots.append((float(dot.get_attribute("cx")), float(dot.get_attribute("cy"))))
    depths = [y for _, y in spots]
    assert depths[:5] == sorted(depths[:5])  # down to the app
    assert depths[5] == depths[4]
    assert depths[5:] == sorted(depths[5:], reverse=True)  # and up again
    assert spots[0][0] < spots[5][0] < spots[6][0]
    shoot(seen, "step")
    seen.page.keyboard.press("ArrowLeft")
    assert seen.text(".player .count") == "7 of 20"
    assert seen.page.locator(".step").get_attribute("aria-live") == "polite"
    seen.check_quiet()


def test_it_is_used_by_keyboard_alone(visit: Any) -> None:
    seen = visit()
    press = seen.page.keyboard.press
    press("Tab")
    assert seen.page.evaluate("document.activeElement.textContent") == "Skip to the request"
    assert seen.page.locator(".skip").bounding_box()["x"] >= 0
    stops = []
    for _ in range(14):
        press("Tab")
        stops.append(seen.page.evaluate(
            "[document.activeElement.closest('header, aside, nav, main').localName,"
            " getComputedStyle(document.activeElement).outlineStyle !== 'none']"
        ))  # fmt: skip
        if seen.page.evaluate("document.activeElement.matches('.requests a')"):
            break
    order = [where for where, _ in stops]
    assert order == sorted(order, key=["header", "aside", "nav", "main"].index)
    assert all(outlined for _, outlined in stops)
    press("Enter")
    seen.page.locator("h1#request").wait_for()
    for _ in range(12):
        press("Tab")
        if seen.page.evaluate("document.activeElement.matches('.x-lane')"):
            break
    press("Enter")
    assert seen.page.locator(".layer[open]").count() == 1
    assert seen.page.evaluate("document.activeElement.matches('.layer > summary')")


@pytest.mark.parametrize("way", ["clipboard", "selection"])
@pytest.mark.parametrize("name", ["curl", "webtest"])
def test_copy_buttons(visit: Any, name: str, way: str) -> None:
    evil = 'it\'s "$(id)" `id` \\ \xe2\x82\xac \xe9'
    headers = [{"name": "X-Evil", "value": evil}, {"name": "Cookie", "value": "[redacted]"}]
    target = {"path": '/it\'s "$(id)"', "query": "a='b'"}
    request = {**SHOP, **target, "request_headers": headers}
    seen = visit(
        "?id=7f3a9c",
        {"version": 1, "requests": [request]},
        permissions=["clipboard-read", "clipboard-write"],
    )
    seen.page.evaluate("window.clipboard = navigator.clipboard")
    if way == "selection":  # a page that is no secure context has no `navigator.clipboard`
        seen.page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    seen.page.locator(f"[data-copy={name}]").click()
    seen.page.locator(f"[data-copy={name}]:text('Copied')").wait_for()
    copied = seen.page.evaluate("window.clipboard.readText()")
    sent = "/it's%20%22$(id)%22?a='b'"
    if name == "curl":
        comment, command = copied.split("\n")
        assert comment == "# Masked or cut in the recording, so put in yours: Cookie."
        script = f"curl() {{ printf '%s\\0' \"$@\"; }}\n{command}".encode()
        words = subprocess.run(["sh"], input=script, capture_output=True, check=True, timeout=60)
        assert words.stdout.decode("latin-1").split("\0")[:-1] == [
            "-X", "GET", "--globoff", f"{seen.origin}{sent}",
            "-H", f"X-Evil: {evil}", "-H", "Cookie: [redacted]",
        ]  # fmt: skip
    else:
        space: dict[str, Any] = {}
        exec(copied, space)
        assert sent in space["test_replay"].__code__.co_consts
        assert "'Cookie': '[redacted]',  # masked or cut" in copied
        assert f"'X-Evil': {evil!a},\n" in copied
    seen.check_quiet()


def test_downloads(visit: Any) -> None:
    seen = visit("?id=b21c04")
    with seen.page.expect_download() as one:
        seen.page.locator("[data-download]").click()
    assert one.value.suggested_filename == "xray-b21c04.json"
    assert json.loads(Path(one.value.path()).read_text()) == {
        "version": 1,
        "requests": [RECORDING["requests"][1]],
    }
    with seen.page.expect_download() as whole:
        seen.page.locator("a[download]").click()
    assert json.loads(Path(whole.value.path()).read_text()) == RECORDING


def test_it_is_complete_without_javascript(visit: Any) -> None:
    seen = visit(java_script_enabled=False)
    shoot(seen, "no-script")
    assert len(seen.rows()) == 3
    assert seen.page.locator("button:visible, .filters:visible").count() == 0
    seen.page.locator("#requests a").nth(1).click()
    seen.page.wait_for_url("**/?id=b21c04")
    assert seen.text("h1") == "GET /export"
    assert seen.page.locator(".layer[open]").count() == 0
    seen.page.locator(".wide .x-lane[data-layer='3']").click()
    seen.page.wait_for_url("**#layer-3")
    assert seen.page.locator(".layer[open]").get_attribute("data-layer") == "3"
    assert seen.page.locator("button:visible").count() == 0
    seen.page.locator(".story summary").click()
    assert seen.page.locator(".steps li:visible").count() == 22
    assert "curl -X GET" in seen.text("#curl")
    assert seen.said == []


def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Evil", VECTORS["script"])])
    yield b"hello " * 400


def forgets_close(inner: Any) -> Any:
    def forgetting(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        yield from inner(environ, start_response)

    return forgetting


def test_the_real_thing(browser: Any) -> None:
    """Requests through a stack, recorded and served by `xray` itself."""
    stack = compose(RequestId(), CatchErrors(), Compress(), forgets_close)
    with serving(xray(stack(app))) as server:
        origin = f"http://127.0.0.1:{server.server_port}"
        context = browser.new_context()
        try:
            context.set_default_timeout(MILLISECONDS)
            page = context.new_page()
            seen = Seen(page, origin)
            page.add_init_script(LISTEN)
            page.on("request", lambda request: seen.requests.append(request.url))
            page.on("console", lambda message: seen.said.append(message.text))
            page.goto(f"{origin}/_xray")
            assert page.locator(".stack li").all_inner_texts()[3].startswith("forgets_close")
            ask = urllib.request.Request(f"{origin}/shop", headers={"Accept-Encoding": "gzip"})
            with urllib.request.urlopen(ask, timeout=20) as answer:
                answer.read()
            page.locator("#requests a").click()
            page.locator("h1:has-text('GET /shop')").wait_for()
            assert "Rule 22" in open_layer(seen, 3).text_content()
            added = open_layer(seen, 2).locator(".diff .add, .diff .mod").all_inner_texts()
            assert any("Content-Encoding: gzip" in line for line in added)
            rows = page.locator("tbody tr").all_inner_texts()
            assert any(VECTORS["script"] in row and row.endswith("app") for row in rows)
            shoot(seen, "real")
            page.reload()
            page.locator("h1:has-text('GET /shop')").wait_for()
            seen.check_quiet()
        finally:
            context.close()


@pytest.mark.parametrize("bypass", [False, True], ids=["policy", "without the policy"])
def test_hostile_text_stays_text(visit: Any, site: Site, server: Server, bypass: bool) -> None:
    everything = hostile_recording()
    first, *rest = everything["requests"]
    stack = hostile_stack(" ".join(VECTORS.values()))
    seen = visit("", {"version": 1, "requests": [first]}, stack, bypass_csp=bypass)
    site.recording["requests"] += rest  # the one came by the server, these come by the script
    seen.page.locator("#requests li").nth(len(rest)).wait_for()
    shown = seen.page.locator("#requests li").all_inner_texts()
    for vector, row in zip(reversed(VECTORS.values()), shown, strict=True):
        assert vector[:60] in row
    for index in range(len(shown)):
        link = seen.page.locator("#requests a").nth(index)
        link.click()
        seen.page.locator("#requests li").nth(index).locator("[aria-current]").wait_for()
        assert seen.page.locator("h1").get_attribute("data-id") in VECTORS.values()
        seen.page.locator("[data-play=next]").click()
        assert seen.page.evaluate(STICKS_OUT) == [0, []]
    found = set(seen.page.evaluate("[...document.querySelectorAll('*')].map(e => e.localName)"))
    assert not {"img", "iframe", "object", "link", "form", "base", "textarea"} & found
    assert seen.page.locator("script").count() == seen.page.locator("style").count() == 1
    handlers = "[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames())"
    assert not [each for each in seen.page.evaluate(handlers) if each.startswith("on")]
    if bypass:  # the policy keeps the browser from asking for an icon
        seen.said = [said for said in seen.said if "404 (Not Found)" not in said]
        assert "/owned" not in server.asked
    seen.check_quiet()
