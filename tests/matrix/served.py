"""What a server of the matrix serves: every framework, bare and wrapped.

The framework is the second segment; with the first it is moved to SCRIPT_NAME, so that each app is
behind a mount prefix. A field of the request says which variant is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.matrix.apps import FRAMEWORKS, here
from tests.matrix.pages import room
from tests.whole_stack import whole_stack
from wsgimw import compose

_root, _log = room() / "static", room() / "access.log"
_bare = {name: FRAMEWORKS[name]() for name in here()}
VARIANTS = {
    "bare": compose(),
    "wrapped": whole_stack(_root, _log),
    "portable": whole_stack(_root, _log, portable=True),
}
_apps = {
    variant: {name: stack(app) for name, app in _bare.items()}
    for variant, stack in VARIANTS.items()
}


def application(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Send `/site/flask/page` to Flask, as `/page`."""
    _, site, framework, *rest = environ["PATH_INFO"].split("/")
    environ["SCRIPT_NAME"] += f"/{site}/{framework}"
    environ["PATH_INFO"] = "/" + "/".join(rest)
    return _apps[environ.pop("HTTP_X_VARIANT")][framework](environ, start_response)
