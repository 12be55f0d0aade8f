"""Composable middleware for WSGI (PEP 3333): correct by proof, fast by measurement.

>>> from wsgimw import Compress, RequestId, compose
>>> compose(RequestId(), Compress())
compose(
    RequestId(),
    Compress(),
)

`compose`, `when`, `unless` and the ways to write a layer are here at once; a layer is loaded when
its name is first asked for.
"""

from typing import TYPE_CHECKING

from wsgimw.exchange import Exchange, Hooks
from wsgimw.lazy import lazily
from wsgimw.onion import layer

# Last: importing the module has put its own name here, and the name is the function's.
from wsgimw.compose import Layer, Stack, compose, unless, when  # isort: skip

if TYPE_CHECKING:
    from wsgimw.access_log import AccessLog as AccessLog
    from wsgimw.auth import Authenticate as Authenticate
    from wsgimw.auth import Require as Require
    from wsgimw.compress import Compress as Compress
    from wsgimw.compress import Gzip as Gzip
    from wsgimw.decompress import Decompress as Decompress
    from wsgimw.devtools.explain import explain as explain
    from wsgimw.devtools.xray import xray as xray
    from wsgimw.errors import CatchErrors as CatchErrors
    from wsgimw.errors import StatusPages as StatusPages
    from wsgimw.portable import Portable as Portable
    from wsgimw.request_id import RequestId as RequestId
    from wsgimw.routing import Host as Host
    from wsgimw.routing import Include as Include
    from wsgimw.routing import Mount as Mount
    from wsgimw.routing import Redirect as Redirect
    from wsgimw.routing import Route as Route
    from wsgimw.routing import Router as Router
    from wsgimw.routing import not_found as not_found
    from wsgimw.routing import params as params
    from wsgimw.static import StaticFiles as StaticFiles

__version__ = "0.1.0"

__all__ = [
    "AccessLog",
    "Authenticate",
    "CatchErrors",
    "Compress",
    "Decompress",
    "Exchange",
    "Gzip",
    "Hooks",
    "Host",
    "Include",
    "Layer",
    "Mount",
    "Portable",
    "Redirect",
    "RequestId",
    "Require",
    "Route",
    "Router",
    "Stack",
    "StaticFiles",
    "StatusPages",
    "compose",
    "explain",
    "layer",
    "not_found",
    "params",
    "unless",
    "when",
    "xray",
]

_LAZY = {
    "AccessLog": "wsgimw.access_log",
    "Authenticate": "wsgimw.auth",
    "CatchErrors": "wsgimw.errors",
    "Compress": "wsgimw.compress",
    "Decompress": "wsgimw.decompress",
    "Gzip": "wsgimw.compress",
    "Host": "wsgimw.routing",
    "Include": "wsgimw.routing",
    "Mount": "wsgimw.routing",
    "Portable": "wsgimw.portable",
    "Redirect": "wsgimw.routing",
    "RequestId": "wsgimw.request_id",
    "Require": "wsgimw.auth",
    "Route": "wsgimw.routing",
    "Router": "wsgimw.routing",
    "StatusPages": "wsgimw.errors",
    "explain": "wsgimw.devtools.explain",
    "not_found": "wsgimw.routing",
    "params": "wsgimw.routing",
    "StaticFiles": "wsgimw.static",
    "xray": "wsgimw.devtools.xray",
}

if not TYPE_CHECKING:  # a visible __getattr__ makes checkers accept any misspelt name
    __getattr__, __dir__ = lazily(globals(), _LAZY)
