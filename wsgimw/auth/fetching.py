"""One GET of a small document: no redirects, no proxies, bounded in bytes and in time."""

from __future__ import annotations

import http.client
import ssl
from contextlib import closing
from time import monotonic
from urllib.parse import urlsplit

__all__ = ["check_url", "fetch"]

_PIECE = 16384


def check_url(url: object, where: str, *, allow_http: bool) -> None:
    """Raise unless it is a URL that may be fetched; userinfo is refused, and not shown."""
    if not isinstance(url, str):
        raise TypeError(f"{where} takes a URL, and was given a {type(url).__name__}")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        parts, port, host = urlsplit(""), None, None
    if not host or port == 0 or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(f'{where} was given no URL; write {where[:-2]}("https://id.example/jwks")')
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"{where} was given a URL with a user in it; keys are public")
    if parts.scheme == "http" and not allow_http:
        raise ValueError(
            f"{where} was given an http URL, where anybody on the way can put keys of their own; "
            "write https, or allow_http=True for tests"
        )
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{where} was given a URL that is not of https")


def fetch(url: str, *, timeout: float, max_bytes: int) -> bytes:
    """Give the content; OSError, ValueError or HTTPException for anything but a whole 200."""
    parts = urlsplit(url)
    deadline = monotonic() + timeout
    host = str(parts.hostname)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=timeout)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with closing(connection):
        headers = {"Accept": "application/json", "User-Agent": "wsgimw"}
        connection.request("GET", path, headers=headers)
        with connection.getresponse() as response:
            if response.status != 200:
                raise ValueError(f"the answer is {response.status}")
            data = b""
            while piece := response.read1(_PIECE):
                data += piece
                if len(data) > max_bytes:
                    raise ValueError(f"the answer is longer than {max_bytes} bytes")
                if monotonic() > deadline:
                    raise TimeoutError(f"the answer took longer than {timeout} s")
            return data
