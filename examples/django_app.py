"""A Django project in one file, with the stack round the app that its server is given."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from werkzeug.middleware.proxy_fix import ProxyFix

from wsgimw import AccessLog, CatchErrors, Gzip, RequestId, compose, when

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1", "[::1]"],
    DEBUG_PROPAGATE_EXCEPTIONS=True,  # or Django answers its errors before CatchErrors can
    ROOT_URLCONF=__name__,
    SECRET_KEY="of this example alone",
)


def index(request: HttpRequest) -> HttpResponse:
    page = f"<h1>Hello</h1><p>This is request {request.META['wsgimw.request_id']}.</p>"
    return HttpResponse(page.encode())


def export(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(squares(), content_type="text/csv; charset=utf-8")


def squares() -> Iterator[str]:
    """Make CSV, a hundred rows to a block: each block is compressed and sent at once."""
    for start in range(0, 1000, 100):
        yield "".join(f"{number},{number**2}\n" for number in range(start, start + 100))


def fail(request: HttpRequest) -> HttpResponse:
    raise LookupError("no such order")


urlpatterns = [path("", index), path("export", export), path("fail", fail)]

stack = compose(  # the first is the outermost
    RequestId(),
    AccessLog(format="combined"),
    CatchErrors(),
    partial(ProxyFix, x_for=1),  # anybody's middleware is a layer
    when("/export", Gzip()),
)
# Django is untyped: what pyright infers of its handler does not fit a WSGI app.
application = stack(get_wsgi_application())  # pyright: ignore[reportArgumentType]

# wsgimw run examples.django_app:application
