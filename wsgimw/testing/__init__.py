"""The conformance kit, the linter and the pytest plugin.

>>> from wsgimw.testing import check_middleware
>>> check_middleware(lambda app: app).ok
True

Names are loaded when they are asked for: the pytest plugin stands in every process that tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgimw.testing.faults import Fault
    from wsgimw.testing.kit import Report, check_middleware
    from wsgimw.testing.linter import lint

__all__ = ["Fault", "Report", "check_middleware", "lint"]

_HOMES = {"Fault": "faults", "Report": "kit", "check_middleware": "kit", "lint": "linter"}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
