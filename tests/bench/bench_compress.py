"""`Compress` beside the codec alone and beside its peers. (compression.md 10)

The bare codec is an app that codes its own body: what is added to that is the price of the layer.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from tests.bench.drive import answer, difference, drive, make_environ
from tests.bench.frame import Bench, Case, Ratio
from wsgimw import codings
from wsgimw.codings import compressor
from wsgimw.compress import Compress
from wsgimw.decompress import Decompress
from wsgimw.record import KEY, Record

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

ACCEPT = "gzip, deflate, br, zstd"
HEADERS = [
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-cache"),
    ("X-Frame-Options", "DENY"),
    ("Server", "bench"),
]
SMALL, LARGE = 1_300, 50_000
# Coding, targets at 50 KB and 1.3 KB.
TARGETS = {
    "gzip, zlib": (1.03, 1.35),
    "gzip, libdeflate": (1.03, 1.35),
    "br": (1.03, 1.35),
    "zstd": (1.08, 1.6),
}


def make_json(size: int) -> bytes:
    """Return an ordinary JSON answer of about `size` bytes, the same each time."""
    dice = random.Random(1)
    items: list[dict[str, Any]] = []
    while len(json.dumps(items)) < size:
        items.append(
            {
                "id": len(items),
                "name": f"user{dice.randrange(9999)}",
                "score": round(dice.random(), 4),
                "tags": dice.sample(["red", "green", "blue", "large", "small"], 2),
            }
        )
    return json.dumps(items).encode()


def raw_app(
    body: bytes,
    code: Callable[[bytes], bytes] = bytes,
    content_type: str = "application/json",
    length: bool = False,
) -> WSGIApplication:
    """Return an app that sends `body`, coded by itself."""
    fields = [("Content-Type", content_type), *HEADERS[1:]]
    if length:
        fields.append(("Content-Length", str(len(body))))

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [*fields])
        return [code(body)]

    return app


def layer_of(name: str) -> tuple[Compress, Callable[[bytes], bytes]]:
    """Return the layer and the bare codec of one row of TARGETS."""
    coding = name.partition(",")[0]
    layer = Compress(codings=(coding,))
    return layer, compressor(coding, codings.LEVELS[coding].default)


def bind(name: str, app: WSGIApplication, **options: Any) -> tuple[WSGIApplication, Any]:
    """Bind the layer of a row, with the codec of that row; return the codec, too."""
    library = None if name.endswith("zlib") else codings._deflate
    compressor.cache_clear()
    with patch.object(codings, "_deflate", library):
        layer, code = layer_of(name)
        bound = layer(app)
    compressor.cache_clear()
    return bound, code


def added(size: int, column: int) -> Bench:
    """What the layer and Paste add, over what the codec alone adds."""
    body = make_json(size)
    environ = make_environ(HTTP_ACCEPT_ENCODING=ACCEPT)
    cases = [Case("bare app", partial(drive, raw_app(body), environ))]
    ratios = []
    for name, targets in TARGETS.items():
        bound, code = bind(name, raw_app(body))
        inline = raw_app(body, code)
        assert answer(bound, environ)[2] == answer(inline, environ)[2]
        cases.append(Case(f"codec alone: {name}", partial(drive, inline, environ)))
        cases.append(Case(f"Compress: {name}", partial(drive, bound, environ)))
        ratios.append(
            Ratio(
                f"added / bare, {name}",
                of=f"Compress: {name}",
                over=f"codec alone: {name}",
                minus="bare app",
                target=targets[column],
            )
        )
    from paste.gzipper import middleware

    paste = middleware(raw_app(body), compress_level=6)
    cases.append(Case("Paste gzipper", partial(drive, paste, environ)))
    ratios.append(
        Ratio(
            "added / bare, Paste gzipper",
            of="Paste gzipper",
            over="codec alone: gzip, zlib",
            minus="bare app",
        )
    )
    return Bench(f"added at {len(body)} bytes of JSON", cases, ratios)


def glue() -> Bench:
    """What is left when the codec is taken off; each peer where it lives, ours in all places."""
    body = make_json(SMALL)
    environ = make_environ(HTTP_ACCEPT_ENCODING="gzip")
    code = bind("gzip, zlib", raw_app(body))[1]
    cases = []
    for name, (coded, plain, peers) in {
        "raw app": paste_apps(body, code),
        "Flask": flask_apps(body, code),
        "Django": django_apps(body, code),
    }.items():
        ours = bind("gzip, zlib", plain)[0]
        for label, app in {f"Compress, {name}": ours, **peers}.items():
            fields = {field.lower(): value for field, value in answer(app, environ)[1]}
            assert fields["content-encoding"] == "gzip", label
            call = partial(difference, partial(drive, app, environ), partial(drive, coded, environ))
            cases.append(Case(label, call, reports_seconds=True))
    return Bench(
        "glue at 1.3 KB, gzip 6 by zlib (target: 4 us)",
        cases,
        [
            Ratio("glue / Paste", "Compress, raw app", "Paste gzipper", 0.75),
            Ratio("glue / Django's", "Compress, raw app", "GZipMiddleware", 1 / 3),
            Ratio("glue / Flask-Compress", "Compress, raw app", "Flask-Compress", 1 / 7),
            Ratio("glue in Django / Django's", "Compress, Django", "GZipMiddleware"),
            Ratio("glue in Flask / Flask-Compress", "Compress, Flask", "Flask-Compress"),
        ],
    )


Apps = tuple[Any, Any, dict[str, Any]]


def paste_apps(body: bytes, code: Callable[[bytes], bytes]) -> Apps:
    """Return an app that codes by itself, the same without, and the peers round the latter."""
    from paste.gzipper import middleware

    peer = middleware(raw_app(body), compress_level=6)
    return raw_app(body, code), raw_app(body), {"Paste gzipper": peer}


def flask_apps(body: bytes, code: Callable[[bytes], bytes]) -> Apps:
    """The same in Flask."""
    from flask import Flask, Response
    from flask_compress import Compress as FlaskCompress

    def make(code: Callable[[bytes], bytes] = bytes) -> Flask:
        app = Flask("bench")
        app.add_url_rule("/", view_func=lambda: Response(code(body), mimetype="application/json"))
        return app

    peer = make()
    peer.config["COMPRESS_ALGORITHM"] = ["gzip"]
    FlaskCompress(peer)
    return make(code).wsgi_app, make().wsgi_app, {"Flask-Compress": peer.wsgi_app}


def django_apps(body: bytes, code: Callable[[bytes], bytes]) -> Apps:
    """The same in Django."""
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.test.utils import override_settings
    from django.urls import path

    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"], MIDDLEWARE=[], ROOT_URLCONF=None, SECRET_KEY="x")
        django.setup()

    def make(code: Callable[[bytes], bytes] = bytes, *middleware: str) -> Any:
        class Urls:
            urlpatterns = (
                path("", lambda _: HttpResponse(code(body), content_type="application/json")),
            )

        with override_settings(MIDDLEWARE=list(middleware)):
            handler = WSGIHandler()

        def app(environ: Any, start_response: Any) -> Any:
            settings.ROOT_URLCONF = Urls  # three of them live side by side
            return handler(environ, start_response)

        return app

    peer = make(bytes, "django.middleware.gzip.GZipMiddleware")
    return make(code), make(), {"GZipMiddleware": peer}


def skipped() -> Bench:
    """What a response costs that is left alone: to be read in microseconds.

    As inside of RequestId or AccessLog, where the record of the request is there; alone it is made.
    """
    body, small = make_json(SMALL), make_json(200)
    known = Record()
    alone = make_environ(HTTP_ACCEPT_ENCODING=ACCEPT)
    asking = {**alone, KEY: known}
    plain = {**asking, "HTTP_ACCEPT_ENCODING": "identity"}
    image = raw_app(body, content_type="image/png")
    rows = {
        "type": (image, asking),
        "accept": (raw_app(body), plain),
        "size": (raw_app(small), asking),
        "declared size": (raw_app(small, length=True), asking),
        "type, alone": (image, alone),
    }

    def ask(app: WSGIApplication, environ: dict[str, Any]) -> None:
        drive(app, environ)
        known.reasons.clear()

    from paste.gzipper import middleware

    cases = [Case("bare app", partial(ask, image, asking))]
    for name, (app, environ) in rows.items():
        cases.append(Case(f"Compress: {name}", partial(ask, Compress()(app), environ)))
    cases.append(Case("Paste: accept", partial(ask, middleware(raw_app(body)), plain)))
    ratios = [
        Ratio(
            f"skipped for {name} / for type",
            f"Compress: {name}",
            "Compress: type",
            None,
            "bare app",
        )
        for name in rows
        if name != "type"
    ]
    return Bench("skipped (targets: 1.5 us for type and accept, 2 us for size)", cases, ratios)


def cached() -> Bench:
    """A look-up in the cache beside the codec it saves."""
    body = make_json(LARGE)
    environ = make_environ(HTTP_ACCEPT_ENCODING="gzip")
    layer = Compress(codings=("gzip",))
    # The app makes its page each time: bytes remember their hash.
    pages = [body + b"%d" % number for number in range(8)]

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [*HEADERS])
        pages.append(pages.pop(0))
        return [bytes(bytearray(pages[0]))]

    bound = Compress(codings=("gzip",), cache_size=10**7)(app)
    for _ in range(3 * len(pages)):
        drive(bound, environ)
    return Bench(
        "a look-up in the cache at 50 KB",
        [
            Case("bare app", partial(drive, app, environ)),
            Case("no cache", partial(drive, layer(app), environ)),
            Case("cache", partial(drive, bound, environ)),
        ],
        [Ratio("cache / no cache", of="cache", over="no cache", minus="bare app", target=0.1)],
    )


def requests() -> Bench:
    """What `Decompress` costs a request without Content-Encoding, and one with it."""
    from io import BytesIO

    body = make_json(SMALL)
    plain = make_environ(method="POST")
    app = raw_app(body)
    coded = compressor("gzip", 6)(body)

    def post(bound: WSGIApplication) -> None:
        more: dict[str, Any] = {
            "HTTP_CONTENT_ENCODING": "gzip",
            "CONTENT_LENGTH": str(len(coded)),
            "wsgi.input": BytesIO(coded),
        }
        drive(bound, make_environ(method="POST", **more))

    return Bench(
        "requests (target: Decompress adds 0.15 us without the header)",
        [
            Case("bare app", partial(drive, app, plain)),
            Case("Decompress, no header", partial(drive, Decompress()(app), plain)),
            Case("Decompress, 1.3 KB of gzip", partial(post, Decompress()(app))),
        ],
        [],
    )


def benches() -> Iterator[Bench]:
    """Yield the tables."""
    yield added(LARGE, 0)
    yield added(SMALL, 1)
    yield glue()
    yield skipped()
    yield cached()
    yield requests()
