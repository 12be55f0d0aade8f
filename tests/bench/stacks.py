"""The three stacks of `bench_stack`: ours, what a user would assemble today, and the floor by hand.

Six duties each: a log line, gzip, static files, passwords, who asks where, and the proxy's header,
which is werkzeug's ProxyFix in all three.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import os
import time
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any
from unittest.mock import patch

from werkzeug.middleware.proxy_fix import ProxyFix

from wsgimw import (
    AccessLog,
    Authenticate,
    Compress,
    Mount,
    Require,
    Router,
    StaticFiles,
    codings,
    compose,
    not_found,
)
from wsgimw.auth import Basic, Users

App = Callable[[Any, Any], Iterable[bytes]]

USER, PASSWORD = "ada", "correct horse"
DIGEST = hashlib.sha1(PASSWORD.encode()).digest()
CREDENTIALS = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
WRONG = "Basic " + b64encode(f"{USER}:nonsense".encode()).decode()
MOUNT = "/app"
TEXTS = ("text/", "application/json")


class Null:
    """A stream that takes every line and keeps none."""

    def write(self, text: str) -> None:
        """Take a line."""

    def flush(self) -> None:
        """Do nothing."""


def ours(app: App, root: Path, *, fast: bool = False) -> App:
    """Return our stack; `fast` takes the codecs of the extra `compress-fast` if they are here."""
    sink: Any = Null()
    layers = compose(
        AccessLog(sink=sink),
        Compress(codings=("gzip",)),
        StaticFiles(root, compress=False),
        Authenticate(Basic(Users({USER: "{SHA}" + b64encode(DIGEST).decode()}))),
        Require("authenticated"),
        Router([Mount(MOUNT, app)]),
    )
    codings.compressor.cache_clear()
    with patch.object(codings, "_deflate", codings._deflate if fast else None):
        bound = layers(not_found)
    codings.compressor.cache_clear()
    return ProxyFix(bound, x_for=1)


def peers(app: App, root: Path) -> App:
    """Return a stack of published parts, each with its defaults.

    Its line goes to a stream that keeps nothing, as those of the two others do.
    """
    import logging

    from paste.gzipper import middleware as gzipper
    from paste.translogger import TransLogger
    from werkzeug.middleware.dispatcher import DispatcherMiddleware
    from whitenoise import WhiteNoise
    from wsgi_basic_auth import BasicAuth

    logger = logging.getLogger("wsgimw.bench.stack")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logger.handlers[:] = [logging.StreamHandler(Null())]
    options: dict[str, Any] = {"setup_console_handler": False, "set_logger_level": None}
    dispatched: Any = DispatcherMiddleware(not_found, {MOUNT: app})
    guarded = BasicAuth(dispatched, users={USER: PASSWORD})
    static = WhiteNoise(guarded, str(root), prefix="static", max_age=60)
    logged = TransLogger(gzipper(static, 6), logger=logger, **options)
    return ProxyFix(logged, x_for=1)


def floor(app: App, root: Path) -> App:
    """Return the same six duties, written by hand for just this."""
    return ProxyFix(
        by_hand_log(by_hand_gzip(by_hand_static(by_hand_auth(by_hand_mount(app)), root)))
    )


def by_hand_log(app: App) -> App:
    """Write a combined line when the body has ended."""
    write = Null().write

    def logged(environ: Any, start_response: Any) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        given = ""

        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            nonlocal given
            given = status
            return start_response(status, headers)

        def line(size: int) -> None:
            write(
                f"{environ['REMOTE_ADDR']} - {environ.get('REMOTE_USER', '-')} "
                f"[{time.strftime('%d/%b/%Y:%H:%M:%S %z')}] "
                f'"{method} {path} {environ["SERVER_PROTOCOL"]}" {given[:3]} {size} '
                f'"{environ.get("HTTP_REFERER", "-")}" "{environ.get("HTTP_USER_AGENT", "-")}"\n'
            )

        body = app(environ, start)
        if type(body) is list:
            line(sum(map(len, body)))
            return body
        return counted(body, line)

    return logged


def counted(body: Any, line: Callable[[int], None]) -> Iterator[bytes]:
    """Count a stream, close it, and write its line."""
    size = 0
    try:
        for block in body:
            size += len(block)
            yield block
    finally:
        if hasattr(body, "close"):
            body.close()
        line(size)


def by_hand_gzip(app: App) -> App:
    """Compress text: a list at once, a stream block by block."""

    def gzipped(environ: Any, start_response: Any) -> Iterable[bytes]:
        if "gzip" not in environ.get("HTTP_ACCEPT_ENCODING", ""):
            return app(environ, start_response)
        head: list[Any] = []

        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            head[:] = [status, headers]
            return refuse_write

        body = app(environ, start)
        status, headers = head
        fields = {name.lower(): value for name, value in headers}
        text = fields.get("content-type", "").startswith(TEXTS)
        whole = type(body) is list
        size = sum(map(len, body)) if whole else -1
        if not text or "content-encoding" in fields or 0 <= size < 500:
            start_response(status, headers)
            return body
        kept = [field for field in headers if field[0].lower() != "content-length"]
        kept += [("Vary", "Accept-Encoding"), ("Content-Encoding", "gzip")]
        coder = zlib.compressobj(6, zlib.DEFLATED, 31)
        if not whole:
            start_response(status, kept)
            return coded(body, coder)
        content = coder.compress(b"".join(body)) + coder.flush()
        start_response(status, [*kept, ("Content-Length", str(len(content)))])
        return [content]

    return gzipped


def refuse_write(block: bytes) -> None:
    """Do as most code by hand does."""
    raise NotImplementedError


def coded(body: Any, coder: Any) -> Iterator[bytes]:
    """Compress a stream, so that each block can be read at once."""
    try:
        for block in body:
            yield coder.compress(block) + coder.flush(zlib.Z_SYNC_FLUSH)
        yield coder.flush()
    finally:
        if hasattr(body, "close"):
            body.close()


def by_hand_static(app: App, root: Path) -> App:
    """Serve the files that were there at the start."""
    known = {f"/static/{path.name}": str(path) for path in root.iterdir()}

    def static(environ: Any, start_response: Any) -> Iterable[bytes]:
        path = known.get(environ["PATH_INFO"])
        if path is None or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return app(environ, start_response)
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            content = file.read()
        tag = f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
        head = [
            ("Content-Type", "text/css; charset=utf-8"),
            ("Last-Modified", formatdate(found.st_mtime, usegmt=True)),
            ("ETag", tag),
            ("Cache-Control", "public, max-age=60"),
        ]
        if environ.get("HTTP_IF_NONE_MATCH") == tag:
            start_response("304 Not Modified", head)
            return [b""]
        start_response("200 OK", [*head, ("Content-Length", str(len(content)))])
        return [content]

    return static


def by_hand_auth(app: App) -> App:
    """Let one user in, by the digest of the password."""

    def guarded(environ: Any, start_response: Any) -> Iterable[bytes]:
        scheme, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                user, _, password = b64decode(given).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                user = password = ""
            found = hashlib.sha1(password.encode()).digest()
            if hmac.compare_digest(found, DIGEST) and user == USER:
                environ["REMOTE_USER"] = user
                return app(environ, start_response)
        body = b"401 Unauthorized\n"
        head = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
        start_response("401 Unauthorized", [*head, ("WWW-Authenticate", 'Basic realm="x"')])
        return [body]

    return guarded


def by_hand_mount(app: App) -> App:
    """Send what is below one prefix to the app."""

    def mounted(environ: Any, start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.startswith(MOUNT + "/"):
            environ["SCRIPT_NAME"] += MOUNT
            environ["PATH_INFO"] = path[len(MOUNT) :]
            return app(environ, start_response)
        return not_found(environ, start_response)

    return mounted
