"""The example and the guide of static files are true."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import webtest

from tests.venvs import ROOT


def test_the_example() -> None:
    from examples.static_site import application

    client: Any = webtest.TestApp(application)
    page = client.get("/")
    found = re.search(r'href="([^"]+)" integrity="(sha384-[^"]+)"', page.text)
    assert found
    css = client.get(unescape(found[1]))
    assert css.content_type == "text/css"
    assert css.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert b"font" in css.body
    assert client.get("/static/robots.txt").status_int == 200


def test_the_guide_names_every_command() -> None:
    guide = (ROOT / "docs" / "static.md").read_text()
    for command in ("static build", "static check", "static explain", "tests.bench static"):
        assert command in guide


def test_every_option_is_explained() -> None:
    """The reference page is made of what stands under each field."""
    from wsgimw import StaticFiles

    assert "wsgimw.StaticFiles" in (ROOT / "docs/reference/static_files.md").read_text()
    source = (ROOT / "wsgimw/static/static_files.py").read_text()
    explained = re.findall(r'^    (\w+): .*\n    """', source, re.MULTILINE)
    assert explained == list(StaticFiles.__dataclass_fields__)


def test_the_snippets_of_the_guide_run() -> None:
    guide = (ROOT / "docs" / "static.md").read_text()
    snippets = re.findall(r"^```python\n(.*?)^```$", guide, re.DOTALL | re.MULTILINE)
    assert snippets
    names: dict[str, Any] = {"app": lambda environ, start_response: []}
    for snippet in snippets:
        exec(compile(snippet, "docs/static.md", "exec"), names)
