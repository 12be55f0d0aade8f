"""Say on `wsgi.errors` that something of the log itself has failed, at most once a minute."""

from __future__ import annotations

import sys
from threading import Lock
from time import monotonic
from typing import Any

from wsgimw.access_log.escaping import escape

__all__ = ["Notes"]

MINUTE = 60.0


class Notes:
    """The notes of one bound layer."""

    __slots__ = ("_last", "_lock")

    def __init__(self) -> None:
        self._last: float | None = None
        self._lock = Lock()

    def say(self, environ: dict[str, Any], what: str, error: Exception) -> None:
        """Say that `what` has raised; never raises, and is silent where nobody can be told."""
        now = monotonic()
        with self._lock:
            if self._last is not None and now - self._last < MINUTE:
                return
            self._last = now
        try:
            text = escape(str(error))[:500]
        except Exception:
            text = ""
        try:
            # An app may have emptied its environ.
            stream = environ.get("wsgi.errors") or sys.stderr
            stream.write(
                f"wsgimw AccessLog: {what} raised {type(error).__qualname__}: {text} "
                "(at most one note a minute)\n"
            )
            stream.flush()
        except Exception:
            return
