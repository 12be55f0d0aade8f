"""What a server of the matrix serves: every framework, bare and wrapped, side by side.

The framework is the second segment; with the first it is moved to SCRIPT_NAME, so that each app is
behind a mount prefix. A field of the request says whether the bare app is asked or the wrapped one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.matrix.apps import FRAMEWORKS
from tests.matrix.pages import room
from tests.whole_stack import whole_stack

_stack = whole_stack(room() / "static", room() / "access.log")
_bare = {name: make() for name, make in FRAMEWORKS.items()}
_wrapped = {name: _stack(app) for name, app in _bare.items()}


def application(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Send `/site/flask/page` to Flask, as `/page`."""
    _, site, framework, *rest = environ["PATH_INFO"].split("/")
    environ["SCRIPT_NAME"] += f"/{site}/{framework}"
    environ["PATH_INFO"] = "/" + "/".join(rest)
    apps = _bare if environ.pop("HTTP_X_VARIANT") == "bare" else _wrapped
    return apps[framework](environ, start_response)
