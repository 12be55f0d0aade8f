"""Which body an error gets, and what is in it."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from io import BytesIO
from typing import Any
from wsgiref.validate import validator

import pytest

from tests.errors_apps import Fault, ask, printed, raising
from tests.http_notes import notes
from wsgimw import CatchErrors
from wsgimw.errors import HTTPError
from wsgimw.errors.pages import HTML, PROBLEM, TEXT, html_page
from wsgimw.record import Record
from wsgimw.testing.server import Call, make_environ

SECRET = "5ecret-in-the-message"
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CHROME = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,"
    "*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
)

TABLE = [
    pytest.param(None, None, TEXT, id="none"),
    pytest.param("", None, TEXT, id="empty"),
    pytest.param("*/*", None, TEXT, id="anything"),
    pytest.param("text/*", None, TEXT, id="any text"),
    pytest.param(";;;,,,q=", None, TEXT, id="malformed"),
    pytest.param("\xff\x00", None, TEXT, id="garbage"),
    pytest.param("image/png", None, TEXT, id="nothing that fits"),
    pytest.param("a" * 5000, None, TEXT, id="too long"),
    pytest.param(None, "document", HTML, id="none, a navigation"),
    pytest.param("", "document", HTML, id="empty, a navigation"),
    pytest.param("*/*", "document", HTML, id="anything, a navigation"),
    pytest.param("text/*", "document", HTML, id="any text, a navigation"),
    pytest.param(";;;", "document", HTML, id="malformed, a navigation"),
    pytest.param("image/png", "document", HTML, id="nothing that fits, a navigation"),
    pytest.param("image/png", "image", TEXT, id="an image"),
    pytest.param(FIREFOX, None, HTML, id="Firefox"),
    pytest.param(CHROME, None, HTML, id="Chrome"),
    pytest.param("text/html", None, HTML, id="html"),
    pytest.param("application/json", None, PROBLEM, id="json"),
    pytest.param("application/vnd.api+json", None, PROBLEM, id="+json"),
    pytest.param("application/problem+json", None, PROBLEM, id="problem+json"),
    pytest.param("application/*", None, PROBLEM, id="any application"),
    pytest.param("application/json, text/plain, */*", None, PROBLEM, id="axios"),
    pytest.param("text/html;q=0, */*", None, TEXT, id="no html"),
    pytest.param("application/json;q=0.5, text/html;q=0.4", None, PROBLEM, id="json first"),
    pytest.param("application/json;q=0.4, text/html;q=0.5", None, HTML, id="html first"),
    pytest.param("text/plain, text/html", None, HTML, id="tie: html before text"),
    pytest.param("text/plain, application/json", None, PROBLEM, id="tie: problem before text"),
    pytest.param("text/html;q=nonsense, text/plain;q=0.1", None, TEXT, id="no weight is 0"),
]
TYPES = {HTML: "text/html; charset=utf-8", PROBLEM: PROBLEM, TEXT: "text/plain; charset=utf-8"}


@pytest.mark.parametrize(("accept", "destination", "media_type"), TABLE)
def test_which_body(accept: str | None, destination: str | None, media_type: str) -> None:
    keys = {}
    if accept is not None:
        keys["HTTP_ACCEPT"] = accept
    if destination is not None:
        keys["HTTP_SEC_FETCH_DEST"] = destination
    call = ask(raising(Fault(SECRET)), **keys)
    assert call.values("Content-Type") == [TYPES[media_type]]
    assert call.values("Content-Length") == [str(len(call.raw))]
    for hidden in (SECRET, "Fault", __file__, "Traceback", "tests"):
        assert hidden.encode() not in call.raw
    policy = call.values("Content-Security-Policy")
    assert bool(policy) is (media_type == HTML)


def known_as(request_id: str) -> dict[str, Any]:
    known = Record()
    known.request_id = request_id
    return {"wsgimw.record": known}


def test_the_problem_document() -> None:
    call = ask(raising(Fault()), HTTP_ACCEPT="application/json", **known_as("abc"))
    assert json.loads(call.raw) == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "request_id": "abc",
        "fingerprint": call.values("X-Error-Fingerprint")[0],
    }
    assert list(json.loads(call.raw))[:3] == ["type", "title", "status"]


def test_the_text() -> None:
    call = ask(raising(HTTPError(503, "Down until six.")), **known_as("abc"))
    (mark,) = call.values("X-Error-Fingerprint")
    assert call.raw.decode() == (
        f"503 Service Unavailable\nRequest id: abc\nFingerprint: {mark}\nDown until six.\n"
    )


class Outline(HTMLParser):
    """What a browser would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


def test_the_page_is_static_and_loads_nothing() -> None:
    call = ask(raising(Fault()), HTTP_ACCEPT="text/html", **known_as("<b>&\"'"))
    outline = Outline()
    outline.feed(call.raw.decode())
    assert not {"script", "link", "img", "iframe", "form", "a"} & set(outline.tags)
    assert not {"src", "href", "style", "onclick"} & set(outline.attributes)
    assert b"&lt;b&gt;&amp;&quot;&#x27;" in call.raw
    assert b"prefers-color-scheme:dark" in call.raw
    assert b'<html lang="en">' in call.raw
    (policy,) = call.values("Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script-src" not in policy


def test_the_hash_of_the_policy_is_that_of_the_style() -> None:
    import base64
    import hashlib

    call = ask(raising(Fault()), HTTP_ACCEPT="text/html")
    style = call.raw.split(b"<style>")[1].split(b"</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style).digest()).decode()
    assert f"'sha256-{digest}'" in call.values("Content-Security-Policy")[0]


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "\ud800", "]]>", "\x00"], ids=repr)
@pytest.mark.parametrize("accept", ["text/html", "application/json", "text/plain"])
def test_any_detail_is_only_text(text: str, accept: str) -> None:
    call = ask(raising(HTTPError(404, text)), HTTP_ACCEPT=accept)
    assert call.status[:3] == "404"
    assert b"<script" not in call.raw or accept != "text/html"
    call.raw.decode()


def test_statuses_without_a_sentence_or_a_phrase() -> None:
    assert "<p>" not in html_page({"status": 599, "title": "Server Error"})
    assert ask(raising(HTTPError(599))).status == "599 Server Error"
    assert ask(raising(HTTPError(499))).status == "499 Client Error"
    assert ask(raising(HTTPError(413))).status == "413 Content Too Large"


class TestRender:
    """`render=`: pages of one's own."""

    def test_it_gets_the_problem_and_gives_the_text(self) -> None:
        seen: list[Any] = []

        def page(problem: dict[str, Any]) -> str:
            seen.append(dict(problem))
            problem.clear()
            return "<h1>caf\xe9</h1>"

        layer = CatchErrors(render={"text/html": page})
        call = ask(raising(Fault(SECRET)), layer, HTTP_ACCEPT="text/html")
        assert call.raw == "<h1>caf\xe9</h1>".encode()
        assert call.values("Content-Type") == ["text/html; charset=utf-8"]
        assert call.values("Content-Length") == [str(len(call.raw))]
        assert set(seen[0]) == {"type", "title", "status", "fingerprint"}
        (policy,) = call.values("Content-Security-Policy")
        assert "script-src 'self'" in policy
        other = ask(raising(Fault()), layer, HTTP_ACCEPT="application/json")
        assert json.loads(other.raw)["status"] == 500

    @pytest.mark.parametrize(
        ("page", "says"),
        [
            pytest.param(lambda problem: 1 / 0, "raised ZeroDivisionError", id="raises"),
            pytest.param(lambda problem: b"x", "this one returned bytes", id="no str"),
        ],
    )
    def test_one_that_fails_is_replaced_by_ours(self, page: Any, says: str) -> None:
        layer = CatchErrors(render={"text/plain": page}, log=False)
        call = ask(raising(Fault()), layer)
        assert call.raw.startswith(b"500 Internal Server Error\nFingerprint")
        assert says in printed(call)


def test_the_front_door_of_errors() -> None:
    import wsgimw.errors

    assert {"CatchErrors", "HTTPError", "Report", "StatusPages"} <= set(dir(wsgimw.errors))
    with pytest.raises(AttributeError, match="has no attribute 'CatchError'"):
        wsgimw.errors.CatchError  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("accept", ["text/html", "application/json", "text/plain"])
@pytest.mark.parametrize("debug", [False, True], ids=["production", "debug"])
@pytest.mark.parametrize(
    "error",
    [Fault(), HTTPError(405, "Only GET.", headers=[("Allow", "GET")])],
    ids=["500", "405"],
)
def test_httplint_and_wsgiref_find_nothing(
    error: Exception, debug: bool, accept: str, method: str
) -> None:
    app: Any = validator(CatchErrors(debug=debug, log=False)(validator(raising(error))))
    environ = make_environ(HTTP_ACCEPT=accept, REQUEST_METHOD=method)
    environ["wsgi.input"] = BytesIO()
    call = Call(app, environ).run()
    assert notes(call.status, call.headers, b"" if method == "HEAD" else call.raw, method) == []
