"""A page whose style sheet is cached for a year, and new as soon as it changes on the disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from wsgimw import StaticFiles, compose

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PAGE = """<!doctype html>
<html lang="en">
<title>A static site</title>
<link rel="stylesheet" href="{css}" integrity="{integrity}">
<p>This style sheet is at <code>{css}</code>. Change the file and load the page again.
</html>
"""


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    assets = environ["wsgimw.static"]
    name = "css/site.css"
    page = PAGE.format(css=assets.url(name), integrity=assets.integrity(name)).encode()
    fields = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page)))]
    start_response("200 OK", fields)
    return [page]


stack = compose(StaticFiles(Path(__file__).parent / "site", prefix="/static"))
application: WSGIApplication = stack(app)

# wsgimw run examples.static_site:application
