"""Count how many faults of the catalogue each linter sees: `python -m tests.compare_linters`.

Each fault stands alone, as in `test_linter.py`: an app inside one checker, a layer between two.
Whatever a linter raises, warns of or prints of its own counts as seen; that an app or the server
fails by itself does not. `-v` lists what each one misses.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
import warnings
import wsgiref.validate
from collections.abc import Callable
from typing import Any

from tests.faults import CASES, Case
from tests.test_linter import request
from wsgimw.testing import Fault, lint
from wsgimw.testing.server import Call

Seen = Callable[[Case], bool]


def ours(case: Case) -> bool:
    faults: list[Fault] = []
    linted: Any = lint(case.broken, report=faults.append)
    with contextlib.suppress(Exception):
        Call(linted if case.where == "app" else linted(case.inner), request(case)).run()
    return bool(faults)


def by(checker: Callable[[Any], Any]) -> Seen:
    """Return the judgement of a middleware that checks what passes."""
    home = sys.modules[checker.__module__].__file__

    def sees(case: Case) -> bool:
        if case.where == "app":
            app = checker(case.broken)
        else:
            app = checker(case.broken(checker(case.inner)))
        told = io.StringIO()
        raised = False
        with (
            warnings.catch_warnings(record=True) as warned,
            contextlib.redirect_stderr(told),
        ):
            warnings.simplefilter("always")
            call = Call(app, request(case) | {"wsgi.errors": told})
            try:
                call.run()
            except AssertionError as error:
                trace = error.__traceback__
                while trace is not None:
                    raised = trace.tb_frame.f_code.co_filename == home
                    trace = trace.tb_next
            except Exception:
                pass
            call.drop()
            del call, app
        return raised or bool(warned) or "garbage collected" in told.getvalue()

    return sees


def peers() -> dict[str, Seen]:
    """Return those that are installed."""
    found: dict[str, Seen] = {"wsgimw": ours, "wsgiref.validate": by(wsgiref.validate.validator)}
    for name, module, attribute in (
        ("werkzeug LintMiddleware", "werkzeug.middleware.lint", "LintMiddleware"),
        ("paste.lint", "paste.lint", "middleware"),
    ):
        with contextlib.suppress(ImportError):
            found[name] = by(getattr(importlib.import_module(module), attribute))
    return found


def main() -> None:
    """Print the table."""
    print(f"{len(CASES)} faults")
    for name, sees in peers().items():
        missed = [case.id for case in CASES if not sees(case)]
        print(f"{name:24} {len(CASES) - len(missed):4}")
        if "-v" in sys.argv[1:]:
            print(*(f"    {fault}" for fault in missed), sep="\n")


if __name__ == "__main__":
    main()
