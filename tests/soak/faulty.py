"""The site with every fault that the soak looks for, to see that it finds them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any

from tests.soak.site import make
from wsgimw import AccessLog

KEPT: list[Any] = []

_log = AccessLog(format="json", sink=os.environ.get("SOAK_LOG", os.devnull))
_site = make(os.environ.get("SOAK_LOG", os.devnull), os.environ.get("SOAK_ROOT", os.curdir))


def leaking(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Keep something of each request, leave a file open, complain, and fail now and then."""
    if environ["PATH_INFO"] != "/soak":
        KEPT.append([{} for _ in range(50)])
        KEPT.append(bytearray(20_000))
        if len(KEPT) < 400:
            KEPT.append(os.open(os.devnull, os.O_RDONLY))
        if len(KEPT) % 50 == 0:
            sys.stderr.write("ValueError: nobody meant it\n")
            start_response("503 Service Unavailable", [("Content-Length", "0")])
            return [b""]
    return _site(environ, start_response)


_twice = _log(leaking)


def application(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Write two lines for each request."""
    app = leaking if environ["PATH_INFO"] == "/soak" else _twice
    return app(environ, start_response)
