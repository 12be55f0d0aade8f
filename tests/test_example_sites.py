"""The examples of event streams and of many apps, in the process and over real sockets."""

from __future__ import annotations

import http.client
import json
import re
import zlib
from contextlib import closing
from typing import Any

import pytest
import webtest

from tests.serving import PATIENCE, serving
from tests.venvs import ROOT
from wsgimw.testing import lint


def command_of(name: str) -> list[str]:
    """Return the command that ends an example, on a free port."""
    last = (ROOT / "examples" / f"{name}.py").read_text().splitlines()[-1]
    return [*last.removeprefix("# ").split(), "--port", "0"]


@pytest.fixture
def many() -> Any:
    from examples.mounting_many_apps import application

    return webtest.TestApp(lint(application))


def test_each_app_finds_its_own_urls(many: Any) -> None:
    assert '"/blog/posts/2"' in many.get("/blog/posts/1")
    assert "Your cart" in many.get("/shop/cart")
    assert many.get("/cart", status=308).headers["Location"] == "/shop/cart"
    many.get("/blog/", status=404)
    many.get("/nowhere", status=404)
    assert many.head("/").body == b""


def test_a_layer_of_one_app_is_not_asked_for_the_others(
    many: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = many.get("/reports/2026", status=401)
    assert refused.headers["WWW-Authenticate"].startswith('Basic realm="Reports"')
    many.authorization = ("Basic", ("staff", "staff"))
    assert many.get("/reports/2026").text == "/2026 below /reports\n"
    assert many.head("/reports/2026").body == b""
    line = capsys.readouterr().err.splitlines()[-2]
    assert " staff [" in line and '"GET /reports/2026 HTTP/1.0" 200 21 ' in line


def test_event_streams_are_asked_for_by_get(capsys: pytest.CaptureFixture[str]) -> None:
    from examples.server_sent_events import application

    client = webtest.TestApp(lint(application))
    assert 'EventSource("events")' in client.get("/")
    assert client.head("/").body == b""
    assert client.head("/events").content_type == "text/event-stream"
    client.post("/events", status=405)


@pytest.mark.slow
def test_many_apps_over_a_real_server() -> None:
    with serving(*command_of("mounting_many_apps")) as server:
        status, fields, page = server.get("/blog/posts/7")
        assert (status, server.get("/reports/")[0], server.get("/shop/cart")[0]) == (200, 401, 200)
        server.until('"GET /shop/cart HTTP/1.1" 200 ')
    assert b'"/blog/posts/8"' in page
    assert len(fields["X-Request-ID"]) == 32


@pytest.mark.slow
def test_events_over_a_real_server() -> None:
    with serving(*command_of("server_sent_events")) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        with closing(connection):
            headers = {"Accept-Encoding": "gzip", "Last-Event-ID": "41"}
            connection.request("GET", "/events", headers=headers)
            with connection.getresponse() as response:
                assert response.headers["Content-Type"] == "text/event-stream"
                assert response.headers["Content-Encoding"] == "gzip"
                unzip, text = zlib.decompressobj(31), b""
                while text.count(b"\n\n") < 2:  # two of a stream that does not end by itself
                    text += unzip.decompress(response.read1())
        server.until(r"closed after event \d+")
        line = server.until(r'\{.*"path": ?"/events".*\}')[0]
    assert re.fullmatch(rb"id: 42\ndata: [\d:]{8}\n\nid: 43\ndata: [\d:]{8}\n\n", text)
    assert json.loads(line)["outcome"] == "client_gone"
