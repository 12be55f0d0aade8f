"""The site in Django: its URLs and views."""

from __future__ import annotations

import json
from typing import Any

from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.urls import path

from tests.matrix.pages import DATA, ETAG, HTML, PAGE, big_file, digest, endless, steps


def in_json(value: object) -> HttpResponse:
    return HttpResponse(json.dumps(value).encode(), content_type="application/json")


def page(request: Any) -> HttpResponse:
    return HttpResponse(PAGE, content_type=HTML, headers={"ETag": ETAG})


def stream(request: Any) -> StreamingHttpResponse:
    return StreamingHttpResponse(steps(request.GET["n"]), content_type="text/plain")


def gone(request: Any) -> StreamingHttpResponse:
    return StreamingHttpResponse(endless(request.GET["n"]), content_type="text/plain")


def error(request: Any) -> HttpResponse:
    raise RuntimeError("meant")


def empty(request: Any) -> HttpResponse:
    return HttpResponse(status=204, headers={"X-Kept": "1"})


def not_modified(request: Any) -> HttpResponse:
    return HttpResponse(status=304, headers={"ETag": ETAG})


def file(request: Any) -> FileResponse:
    return FileResponse(big_file().open("rb"), content_type="text/plain")


def cookies(request: Any) -> HttpResponse:
    response = HttpResponse(b"two", content_type="text/plain")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


def where(request: Any) -> HttpResponse:
    # Django's `path` has the prefix in it.
    script = request.META["SCRIPT_NAME"]
    return in_json({"script": script, "path": request.path.removeprefix(script)})


urlpatterns = [
    path("page", page),
    path("json", lambda request: in_json(DATA)),
    path("stream", stream),
    path("gone", gone),
    path("upload", lambda request: in_json(digest(request.body))),
    path("error", error),
    path("empty", empty),
    path("not-modified", not_modified),
    path("file", file),
    path("cookies", cookies),
    path("unicode/<name>", lambda request, name: in_json({"name": name})),
    path("where", where),
]
