"""The X-ray's page as a document: whole, escaped in each place, and alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from werkzeug.test import Client

from tests.failing_site import VECTORS
from tests.xray_recording import (
    DENIED,
    LEAK,
    RECORDING,
    SHOP,
    STACK,
    hostile,
    hostile_stack,
    layer,
    line,
)
from wsgimw import Compress, RequestId, compose
from wsgimw.devtools.xray import xray
from wsgimw.devtools.xray.layer_view import did
from wsgimw.devtools.xray.page import page, policy, request_page

NONCE = "bm9uY2U"
LOCAL = {"REMOTE_ADDR": "127.0.0.1"}
VOID = {"meta", "input"}
SVG = {"rect", "circle", "path"}


class Document(HTMLParser):
    """Elements, attributes and text of a page; each tag that is opened is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.ids: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SVG
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["script"], ["style"]):
            self.text += data

    def values(self, name: str) -> list[str]:
        return [value for _, each, value in self.attributes if each == name]


def listed(recording: Any = RECORDING, stack: Any = STACK, path: str = "/_xray") -> Document:
    return Document(page(recording, path=path, stack=stack, nonce=NONCE))


def one(request: Any, stack: Any = STACK) -> Document:
    recording = {"version": 1, "requests": [request]}
    html = request_page(recording, request["id"], path="/_xray", stack=stack, nonce=NONCE)
    assert html is not None
    return Document(html)


PAGES: dict[str, Callable[[], Document]] = {
    "list": listed,
    "empty list": lambda: listed({"version": 1, "requests": []}, None),
    "shop": lambda: one(SHOP),
    "leak": lambda: one(LEAK),
    "denied": lambda: one(DENIED),
    "no layers": lambda: one({"id": "x"}, None),
}


@pytest.mark.parametrize("name", PAGES)
def test_it_is_one_sound_document(name: str) -> None:
    made = PAGES[name]()
    for landmark in ("header", "aside", "nav", "main", "h1", "title"):
        assert made.tags.count(landmark) == 1, landmark
    assert len(set(made.ids)) == len(made.ids)
    for reference in ("aria-labelledby", "for"):
        assert set(made.values(reference)) <= {*made.ids}
    anchors = [value[1:] for value in made.values("href") if value.startswith("#")]
    assert set(anchors) <= {*made.ids}
    assert ("html", "lang", "en") in made.attributes


@pytest.mark.parametrize("name", PAGES)
def test_it_asks_nobody_and_keeps_the_policy(name: str) -> None:
    made = PAGES[name]()
    attributes = {attribute for _, attribute, _ in made.attributes}
    assert not {each for each in attributes if each.startswith("on")}
    assert not attributes & {"style", "src", "srcset", "srcdoc", "action", "background"}
    assert made.tags.count("script") == made.tags.count("style") == 1
    assert made.values("nonce") == [NONCE, NONCE]
    assert not {"link", "img", "iframe", "object", "base", "form", "use", "image"} & {*made.tags}
    assert all(re.match(r"\?|#|/_xray/requests\.json$", href) for href in made.values("href"))
    html = page(RECORDING, path="/_xray", stack=STACK, nonce=NONCE)
    addresses = {*re.findall(r"https?://[^\s\"'<)]+", html)}
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"@import|url\(|(inner|outer)HTML|insertAdjacent|eval\(|\.write\(", html)


def test_the_policy() -> None:
    fields = dict(policy("abc"))
    assert fields["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'nonce-abc'; script-src 'nonce-abc'; connect-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


def test_the_list_has_the_newest_first() -> None:
    made = listed()
    assert [href for href in made.values("href") if "id=" in href][:-1] == [
        "?id=c0ffee",
        "?id=b21c04",
        "?id=7f3a9c",
    ]
    assert made.values("data-requests") == ["/_xray/requests.json"]
    assert "2 faults" in made.text
    assert "Choose a request" in made.text
    assert listed(path="/shop/_xray/").values("data-requests") == ["/shop/_xray/requests.json"]


def test_the_stack_has_what_the_doctor_found() -> None:
    made = listed()
    assert "The doctor found 1 thing." in made.text
    for key in ("id", "severity", "message", "why", "fix"):
        assert STACK["layers"][2]["findings"][0][key] in made.text
    whole = {**STACK, "findings": [{"layer": None, "severity": "note", "message": "Of all."}]}
    assert "The doctor found 2 things." in listed(stack=whole).text
    assert "Of all." in listed(stack=whole).text
    sound = {"layers": [line("A()", "head"), line("app", None, kind="app")], "findings": []}
    assert "The doctor found nothing." in listed(stack=sound).text


def test_without_an_explanation_the_stack_is_read_off_the_requests() -> None:
    made = listed(stack=None)
    assert "The doctor" not in made.text
    assert made.text.count("partial(ProxyFix, x_for=1)") == 1
    assert "shown with the first request" in listed({"requests": []}, None).text


def test_one_request() -> None:
    made = one(SHOP)
    assert "GET /items?page=2&token=[redacted] - X-ray" in made.text
    assert "4.91 ms in all" in made.text
    assert "first byte after 3.90 ms" in made.text
    assert [ident for ident in made.ids if ident.startswith("layer-")] == [
        f"layer-{index}" for index in range(5)
    ]
    assert made.tags.count("svg") == 3
    assert "The whole story in 20 steps" in made.text
    assert made.values("aria-current") == ["page"]


def test_no_such_request() -> None:
    assert request_page(RECORDING, "?", path="/_xray", stack=None, nonce=NONCE) is None
    assert request_page({}, "?", path="/_xray", stack=None, nonce=NONCE) is None


def sections(html: str) -> list[str]:
    """Return what stands below each layer, as text."""
    below = r'<div class="diffs" id="layer-\d">\n(.*?)</div></details>\n(?=<det|</div>)'
    found = re.findall(below, html, re.DOTALL)
    return [" ".join(re.sub("<[^>]*>", " ", part).split()) for part in found]


def test_the_diff_of_each_layer() -> None:
    html = request_page(RECORDING, "7f3a9c", path="/_xray", stack=STACK, nonce=NONCE)
    assert html is not None
    first, second, third, fourth, last = sections(html)
    assert first.startswith(
        "environ + added wsgimw.request_id : 01JD2M9Q7E3K head + added X-Request-ID : "
        "01JD2M9Q7E3K body 10 blocks, 412 B; closed after 4.90 ms time on the way in 0.03 ms"
    )
    assert second.startswith("unchanged: environ, head body 10 blocks, 412 B;")
    assert third.startswith(
        "head + added Content-Encoding : gzip + added Vary : Accept-Encoding "
        "\u2212 removed Content-Length : 10240 unchanged: environ "
        "body 10 blocks, 10,240 B \u2192 10 blocks, 412 B;"
    )
    assert "~ changed REMOTE_ADDR : 127.0.0.1 \u2192 203.0.113.7" in fourth
    assert last.startswith("head + gave status : 200 OK + added Content-Type : text/html; chars")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param({"status": ["200 OK", "304 Not Modified"]},
                     "head ~ changed status : 200 OK \u2192 304 Not Modified", id="status"),
        pytest.param({"status": [None, "404 Not Found"]}, "+ gave status : 404 Not Found",
                     id="its own head"),
        pytest.param({"write": True}, "write() was used", id="write"),
        pytest.param({"closed": False}, "close() never came", id="never closed"),
        pytest.param({"closed": True}, "412 B; closed time", id="closed"),
        pytest.param({"closed": None}, "412 B time", id="unseen close"),
        pytest.param({"bytes": [None, None], "blocks": [None, None]},
                     "a file, which passes as it is", id="a file"),
        pytest.param({"error": "raised KeyError"}, "exception raised KeyError", id="exception"),
        pytest.param({"environ": {"removed": {"HTTP_RANGE": "0-"}}}, "\u2212 removed HTTP_RANGE",
                     id="environ"),
        pytest.param({"faults": [{"rule": 99, "message": "Odd."}]}, "Rule 99 : Odd.",
                     id="an unknown rule"),
    ],
)  # fmt: skip
def test_a_diff_says(given: Any, says: str) -> None:
    request = {**SHOP, "layers": [layer("A()", **given), SHOP["layers"][-1]]}
    html = request_page({"requests": [request]}, SHOP["id"], path="/x", stack=None, nonce=NONCE)
    assert html is not None
    assert says in sections(html)[0]


def test_a_broken_rule_is_explained_on_the_page() -> None:
    made = one(LEAK)
    assert "Rule 22: close() of the inner body was never called." in made.text
    assert "Rule 22: close() always arrives" in made.text
    assert "a MUST of PEP 3333" in made.text


def test_who_answered_by_itself() -> None:
    name = DENIED["layers"][2]["layer"]
    known = {"layers": [line(name, "head"), line("app", None, kind="app")]}
    assert "answered by itself" in one(DENIED, known).text
    assert "by itself: nothing further in" in one(DENIED, known).text
    assert "answered by itself" not in one(SHOP).text


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param({}, "passed all of it on", id="nothing"),
        pytest.param({"bytes": [10240, 412]}, "10,240 B \u2192 412 B", id="bytes"),
        pytest.param({"answered": True, "bytes": [0, 5]}, "no head", id="no head"),
    ],
)
def test_what_a_layer_did(given: Any, says: str) -> None:
    assert did(given) == says


def test_the_headers_have_their_writers() -> None:
    html = request_page(RECORDING, "7f3a9c", path="/_xray", stack=STACK, nonce=NONCE)
    assert html is not None
    rows = re.findall(r'<tr><th scope="row">(.*?)</tr>', html)
    assert [re.sub("<[^>]*>", " ", row).split()[0] for row in rows] == [
        header["name"] for header in [*SHOP["request_headers"], *SHOP["headers"]]
    ]
    rows = rows[len(SHOP["request_headers"]) :]
    assert re.sub("<[^>]*>", "|", rows[1]) == "|Vary||||Accept-Encoding||||Compress()||"
    assert "No header was sent." in one({**SHOP, "headers": []}).text


def test_the_headers_of_the_request() -> None:
    html = request_page(RECORDING, "7f3a9c", path="/_xray", stack=STACK, nonce=NONCE)
    assert html is not None
    (inner,) = re.findall(r'<section aria-labelledby="h-came".*?</section>', html, re.DOTALL)
    cells = re.sub("<[^>]*>", " ", inner[inner.index("<tbody>") :]).split()
    assert cells == ["Host", "localhost:8000", "Accept-Encoding", "gzip", "Cookie", "[redacted]"]
    assert "No header came." in one({**SHOP, "request_headers": []}).text
    older = {key: value for key, value in SHOP.items() if key != "request_headers"}
    assert "h-came" not in one(older).ids


def test_the_commands_have_the_headers() -> None:
    made = one(SHOP).text
    assert "# Masked or cut in the recording, so put in yours: the query, Cookie.\ncurl -X" in made
    assert "-H 'Host: localhost:8000' -H 'Accept-Encoding: gzip' -H 'Cookie: [redacted]'" in made
    assert "'Cookie': '[redacted]',  # masked or cut" in made
    many = [{"name": f"X-{number}", "value": "'" * 500} for number in range(200)]
    assert made.count("\n") < (whole := one({**SHOP, "request_headers": many}).text).count("\n")
    assert whole.count("X-199: ") == 1, "a command is never cut"
    assert "characters ...]" not in whole


@pytest.mark.parametrize("name", VECTORS)
def test_hostile_text_stays_text(name: str) -> None:
    vector = VECTORS[name]
    request = hostile(vector)
    plain = one(hostile("plain"), hostile_stack("plain"))
    planted = one(request, hostile_stack(vector))
    # Where the texts of the pictures stand depends on how long they are.
    assert [tag for tag in planted.tags if tag != "text"] == [t for t in plain.tags if t != "text"]
    names = [
        [(tag, name) for tag, name, _ in made.attributes if tag != "text"]
        for made in (planted, plain)
    ]
    assert names[0] == names[1]
    assert planted.text.count(vector) > 80  # less than of a short one: some places cut
    recording = {"version": 1, "requests": [request]}
    harmless = {"version": 1, "requests": [hostile("plain")]}
    plain = listed(harmless, hostile_stack("plain"))
    planted = listed(recording, hostile_stack(vector))
    assert planted.tags == plain.tags
    assert all(re.match(r"\?|#|/_xray/", href) for href in planted.values("href"))


def test_xray_serves_it() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    made = xray(compose(RequestId(), Compress())(app))
    client = Client(made)
    client.get("/shop/caf%C3%A9?token=1").close()
    (recorded,) = made.recording.requests
    own = f"/_xray/?id={recorded['id']}"
    answers = [client.get(url, environ_base=LOCAL) for url in ("/_xray/", own)]
    for answer in answers:
        shown = Document(answer.text)
        (nonce,) = {*shown.values("nonce")}
        assert f"script-src 'nonce-{nonce}'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.content_type == "text/html; charset=utf-8"
        assert "The doctor found nothing." in shown.text
        assert "/shop/café?token=[redacted]" in shown.text
    nonces = [answer.headers["Content-Security-Policy"] for answer in answers]
    assert nonces[0] != nonces[1]
    assert client.get("/_xray/?id=none", environ_base=LOCAL).status_code == 404
    answer = client.get("/_xray/requests.json", environ_base=LOCAL)
    assert answer.json == {"version": 1, "requests": [recorded]}
    assert client.get("/_xray/").text == "hello"  # to a stranger there is no such page


def test_hostile_options_stay_text() -> None:
    html = page({}, path='/"><script>', stack=None, nonce='"><script>')
    assert '"><script>' not in html


def test_secrets_of_the_recording_are_shown_as_they_were_masked() -> None:
    assert "token=[redacted]" in one(SHOP).text
