"""The whole recommended stack, with one of each kind of file, user and route to try it with.

The soak and the matrix put the same stack round their apps.
"""

from __future__ import annotations

import hashlib
import json
import os
from base64 import b64encode
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

from wsgimw import (
    AccessLog,
    Authenticate,
    CatchErrors,
    Compress,
    Mount,
    Portable,
    RequestId,
    Require,
    Route,
    Router,
    Stack,
    StaticFiles,
    compose,
    params,
)
from wsgimw.auth import Basic, Throttle, Users

USER, PASSWORD = "ada", "correct horse"
CREDENTIALS = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
# A fast hash: what is tried is the stack, not scrypt.
USERS = Users({USER: "{SHA}" + b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()})
STYLE = b".page { color: #123456; margin: 0 auto }\n" * 64  # 2.6 KB
MEGABYTE = 1024 * 1024


def lay_out(root: Path) -> None:
    """Write the files that the stack serves below `/static`."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "site.css").write_bytes(STYLE)
    (root / "big.bin").write_bytes(os.urandom(MEGABYTE))


def whole_stack(
    root: str | os.PathLike[str], log: str | os.PathLike[str], *, portable: bool = False
) -> Stack:
    """Return the stack, in the order that is recommended; `log` is where the access log goes."""
    return compose(
        Portable() if portable else None,
        RequestId(),
        AccessLog(format="json", sink=log),
        CatchErrors(log=False),
        partial(ProxyFix, x_for=1),
        Compress(),
        StaticFiles(root),
        Authenticate(Basic(USERS, throttle=Throttle(per_client=(20, 60))), required=False),
        Require({"/": "anyone", "/private": "authenticated"}),
        Router(
            [
                Route("/numbers/<int:n>", number, methods=["GET"]),
                Mount("/mounted", mounted),
            ]
        ),
    )


def number(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Answer with the number of the path."""
    return in_json(start_response, {"n": params(environ)["n"]})


def mounted(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Answer with the two halves of the path."""
    return in_json(start_response, [environ["SCRIPT_NAME"], environ["PATH_INFO"]])


def in_json(start_response: Any, value: object) -> list[bytes]:
    """Answer in JSON."""
    body = json.dumps(value).encode()
    head = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("200 OK", head)
    return [body]
