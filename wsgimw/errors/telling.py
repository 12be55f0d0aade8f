"""Who hears of an error: the record, the log, the reporters; once for all layers of one stack.

An outer `CatchErrors` sees the exceptions that an inner one has told and let go. It must not tell
them again, and must show the same fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wsgimw.errors.fingerprint import fingerprint
from wsgimw.errors.report import Phase, Report, Reporter, build, headline, note_failure, write_error
from wsgimw.errors.tree import text
from wsgimw.errors.where import locate
from wsgimw.record import Record, record, type_name

if TYPE_CHECKING:
    import logging

    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment


class Teller:
    """What one bound `CatchErrors` does with an error besides answering. Holds no request."""

    __slots__ = ("bound", "log", "reporters")

    def __init__(
        self,
        log: bool | logging.Logger,
        reporters: tuple[Reporter, ...],
        bound: Callable[[], WSGIApplication | None],
    ) -> None:
        self.log = log
        self.reporters = reporters
        self.bound = bound

    def tell(
        self,
        error: Exception,
        environ: WSGIEnvironment,
        phase: Phase,
        status: int | None,
        method: object,
    ) -> None:
        """Mark the record, log and report, unless that was done; raise no `Exception`."""
        try:
            known = record(environ)
            if _is_told(error, known):
                return
            known.fingerprint = self.fingerprint(error, known)
            known.error = type_name(type(error))
            _mark_told(error, known)
            if not environ.get("paste.throw_errors"):
                details = {"record": known, "fingerprint": known.fingerprint, "method": method}
                self._spread(error, environ, {**details, "phase": phase, "status": status})
        except Exception as broken:  # out of memory, or a fault of ours
            note_failure(environ, "CatchErrors", Teller.tell, broken)

    def fingerprint(self, error: BaseException, known: Record) -> str:
        """Return the fingerprint, the same for an outer layer of this kind; never raise."""
        if known.fingerprint is not None and _is_told(error, known):
            return known.fingerprint
        try:
            return fingerprint(error)
        except Exception:
            return "0" * 12

    def report(self, error: Exception, environ: WSGIEnvironment, **details: Any) -> Report:
        """Return the report of an error; `details` are those of `build`."""
        layers, layer = locate(self.bound(), error)
        return build(error, environ, layers=layers, layer=layer, **details)

    def _spread(self, error: Exception, environ: WSGIEnvironment, details: dict[str, Any]) -> None:
        try:
            self._log(error, environ, details)
        except Exception as broken:
            note_failure(environ, "CatchErrors", self.log, broken)
        if not self.reporters:
            return
        report = self.report(error, environ, **details)
        for reporter in self.reporters:
            try:
                reporter(report, error)
            except Exception as broken:
                note_failure(environ, "CatchErrors", reporter, broken)

    def _log(self, error: Exception, environ: WSGIEnvironment, details: dict[str, Any]) -> None:
        if self.log is False:
            return
        line = headline(environ, **details)
        if self.log is True:
            write_error(environ, f"wsgimw CatchErrors: {line}\n{text(error)}")
        else:
            self.log.error("%s", line, exc_info=(type(error), error, error.__traceback__))


# Which request an exception was told for. It stands on the exception, since an outer layer sees the
# same one; the record may hold none, and a weak reference to it cannot be had.
_TOLD = "__wsgimw_told__"


def _is_told(error: BaseException, known: Record) -> bool:
    try:
        return error.__dict__.get(_TOLD) is known
    except Exception:  # a `__dict__` of its own kind: then it is told twice
        return False


def _mark_told(error: BaseException, known: Record) -> None:
    try:
        error.__dict__[_TOLD] = known
    except Exception:
        return
