"""The conformance kit, the linter and the pytest plugin.

>>> from wsgimw.testing import check_middleware
>>> check_middleware(lambda app: app).ok
True

Names are loaded when they are asked for: the pytest plugin stands in every process that tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgimw.lazy import lazily

if TYPE_CHECKING:
    from wsgimw.testing.faults import Fault
    from wsgimw.testing.kit import Report, check_middleware
    from wsgimw.testing.linter import lint

__all__ = ["Fault", "Report", "check_middleware", "lint"]

_LAZY = {
    "Fault": "wsgimw.testing.faults",
    "Report": "wsgimw.testing.kit",
    "check_middleware": "wsgimw.testing.kit",
    "lint": "wsgimw.testing.linter",
}

if not TYPE_CHECKING:  # a visible __getattr__ makes checkers accept any misspelt name
    __getattr__, __dir__ = lazily(globals(), _LAZY)
