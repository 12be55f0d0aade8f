"""Errors: `CatchErrors`, `StatusPages`, `HTTPError`, and the type of a `Report`.

Each name is loaded when it is first asked for, so an app that raises `HTTPError` loads no layer.

>>> from wsgimw.errors import CatchErrors, HTTPError
>>> CatchErrors(handlers={KeyError: 404})
CatchErrors(handlers={KeyError: 404})
"""

from typing import TYPE_CHECKING

from wsgimw.lazy import lazily

if TYPE_CHECKING:
    from wsgimw.errors.catch_errors import CatchErrors as CatchErrors
    from wsgimw.errors.http_error import HTTPError as HTTPError
    from wsgimw.errors.report import Report as Report
    from wsgimw.errors.status_pages import StatusPages as StatusPages

__all__ = ["CatchErrors", "HTTPError", "Report", "StatusPages"]

_LAZY = {
    "CatchErrors": "wsgimw.errors.catch_errors",
    "HTTPError": "wsgimw.errors.http_error",
    "Report": "wsgimw.errors.report",
    "StatusPages": "wsgimw.errors.status_pages",
}

if not TYPE_CHECKING:  # a visible __getattr__ makes checkers accept any misspelt name
    __getattr__, __dir__ = lazily(globals(), _LAZY)
