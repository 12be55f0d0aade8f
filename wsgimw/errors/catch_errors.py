r"""`CatchErrors`: an exception becomes an answer, a log entry and a report; nothing of it leaks.

Use it under every app that may raise: once, inside `AccessLog`, outside the rest. Do not use it to
replace a framework's own error pages: a framework that catches its errors gives this layer nothing
to catch (docs: the switch of each framework), and for its empty 404s there is `StatusPages`.

>>> from wsgimw import CatchErrors, compose
>>> def app(environ, start_response):
...     raise LookupError("the key is 0815")
>>> application = compose(CatchErrors(log=False, handlers={LookupError: 404}))(app)
>>> environ = {"REQUEST_METHOD": "GET", "HTTP_ACCEPT": "application/json"}
>>> application(environ, lambda status, headers, exc_info: print(status))
404 Not Found
[b'{"type": "about:blank", "title": "Not Found", "status": 404}']

**What happens.** If the app raises, in the call or in its body before the first block that is not
empty, the error is reported and answered: `start_response(500, headers, exc_info)`, so nothing of
the app's own head survives. Once bytes have left it is reported and raised again, so that the
server cuts the connection. What `close()` raises is reported. Only `Exception` is caught:
`SystemExit`, `KeyboardInterrupt`, gevent's `Timeout` pass. The inner body is closed once, always.

**Which body.** HTML, problem+json (RFC 9457) or text, by `Accept` (`wsgimw.errors.pages`); a
production body never holds message, type, path or source.

**Which status.** `HTTPError(404)` says it itself, as does an exception that is a WSGI app
(Werkzeug's, WebOb's); `handlers` says it for any other type. The nearest class in the exception's
MRO decides. Below 500 it is an answer like any other, and nothing is reported.

Reads `REQUEST_METHOD`, `HTTP_ACCEPT`, `HTTP_SEC_FETCH_DEST`, `wsgi.errors`, and
`paste.throw_errors`: where that is true (WebTest sets it) errors are raised, not answered or
printed. Writes `error` and `fingerprint` of `wsgimw.record`. Sends `Content-Type`,
`Content-Length`, `Cache-Control: no-store`, `Vary: Accept`, `X-Content-Type-Options`,
`X-Error-Fingerprint`, and `Content-Security-Policy` with HTML.

On granian, mod_wsgi and socketify a stream that fails midway looks complete; only a
`Content-Length` shows the cut.

What it costs: a `try` and two looks into environ for a list; one object and a generator for a
stream. `start_response`, lists, tuples, file wrappers and `write()` pass as they are.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from wsgimw.answers import status_line, whole
from wsgimw.compose import BaseLayer
from wsgimw.describe import describe
from wsgimw.errors import pages
from wsgimw.errors.fingerprint import fingerprint, type_name
from wsgimw.errors.http_error import HTTPError, check_status
from wsgimw.errors.report import Phase, Reporter, build, headline, note_failure, write_error
from wsgimw.errors.tree import text
from wsgimw.errors.where import locate
from wsgimw.exchange import Flow, flow_after
from wsgimw.record import Record, record

if TYPE_CHECKING:
    import logging

    from _typeshed import OptExcInfo
    from _typeshed.wsgi import WSGIApplication

__all__ = ["CatchErrors"]

Handler: TypeAlias = "int | Callable[[Any], int | HTTPError | WSGIApplication]"

# Made beforehand: it is what is sent when there is no memory left to make anything.
_FALLBACK = b"500 Internal Server Error\n"
_FALLBACK_HEADERS = (
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Content-Length", str(len(_FALLBACK))),
    ("Cache-Control", "no-store"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchErrors(BaseLayer):
    """Answer what the app raises, and report it.

    Raises `TypeError` for an option of a wrong kind and `ValueError` for a wrong value.
    """

    report: Reporter | Iterable[Reporter] = ()
    """One or more `f(report, exception)`, called for each error of 500 and above."""
    handlers: Mapping[type[Exception], Handler] | None = field(default=None, hash=False)
    """Exception type to status, or to `f(exception)` returning a status, `HTTPError` or app."""
    render: Mapping[str, pages.Page] | None = field(default=None, hash=False)
    """Media type to `f(problem)` returning the text of a page of your own."""
    log: bool | logging.Logger = True
    """True: the traceback goes to `wsgi.errors`; a `logging.Logger`: to it; False: nowhere."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "report", _check_report(self.report))
        if self.handlers is not None:
            object.__setattr__(self, "handlers", _check_handlers(self.handlers))
        if self.render is not None:
            own = pages.check_pages(self.render, "CatchErrors(render=...)")
            object.__setattr__(self, "render", MappingProxyType(own))
        _check_log(self.log)

    def _bind(self, app: WSGIApplication) -> WSGIApplication:
        def begin(flow: _Catch, method: Any) -> None:
            flow.layer = self
            flow.method = method
            flow.bound = this

        bound = flow_after(app, _Catch, begin)
        this = weakref.ref(bound)
        return bound


class _Catch(Flow):
    """One request that failed, or whose body might."""

    __slots__ = ("bound", "layer", "method")

    bound: Callable[[], WSGIApplication | None]
    layer: CatchErrors
    method: Any

    def failed(self, error: Exception, /) -> Iterable[bytes] | None:
        traceback = error.__traceback__
        try:
            return self._answer(error)
        except Exception:  # out of memory, or a fault of ours: say at least that it failed
            headers = [*_FALLBACK_HEADERS]
            if not self._start(status_line(500), headers, error):
                return None
            return [b"" if self.method == "HEAD" else _FALLBACK]
        finally:
            # A refused head has raised the exception once more; nothing of ours stays on it, and
            # it does not stay on us (rules 9, 39).
            BaseException.with_traceback(error, traceback)
            self.error = traceback = None

    def close_failed(self, error: Exception, /) -> bool:
        self._tell(error, "in_close", None)
        # Rule 25: a layer whose job is errors reports it instead.
        return not self.environ.get("paste.throw_errors")

    def _answer(self, error: Exception) -> Iterable[bytes] | None:
        if self.bytes:
            self._tell(error, "midstream", None)
            return None
        try:
            decided = _decide(error, self.layer.handlers or {})
        except Exception as second:  # the error that it should have dealt with is its context
            return self._send(second, HTTPError(500))
        if isinstance(decided, HTTPError):
            return self._send(error, decided)
        return self._let_answer(error, decided)

    def _send(self, error: Exception, decided: HTTPError) -> list[bytes] | None:
        """Answer with a page of ours; None if nothing may be sent."""
        ours = decided.status >= 500
        if ours and self.environ.get("paste.throw_errors"):
            self._tell(error, "before_bytes", None)
            return None
        known = record(self.environ)
        mark = self._fingerprint(error, known) if ours else None
        media_type = pages.choose(self.environ)
        problem = pages.problem(decided, known.request_id, mark)
        data, headers = pages.render(problem, media_type, self.layer.render or {}, self._excuse)
        if mark is not None:
            headers.append(("X-Error-Fingerprint", mark))
        answer = whole(
            decided.status,
            pages.content_type(media_type),
            data,
            [*headers, *decided.headers],
            method=self.method,
        )
        if not self._start(answer.status, answer.headers, error):
            return None
        if ours:
            self._tell(error, "before_bytes", decided.status)
        return answer.body

    def _start(self, status: str, headers: list[tuple[str, str]], error: Exception) -> bool:
        """Send a head in place of the app's; False, and a report, if it was refused."""
        try:
            self.start_response(status, headers, (type(error), error, error.__traceback__))  # type: ignore[arg-type]
        except Exception as refused:
            # A server that has sent bytes raises the very exception (PEP 3333, "Error Handling").
            self._tell(error, "midstream" if refused is error else "before_bytes", None)
            return False
        return True

    def _let_answer(self, error: Exception, app: WSGIApplication) -> Iterable[bytes] | None:
        """Let an app answer: its head takes the place of the failed one.

        It may fail like any other, so it runs inside of a flow like this one.
        """
        pending: Any = (type(error), error, error.__traceback__)

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
        ) -> Callable[[bytes], object]:
            nonlocal pending
            given, pending = exc_info or pending, None  # rule 9
            ours = given is not None and given[1] is error and status >= "5"
            if ours and self.environ.get("paste.throw_errors"):
                raise error
            if given is None:
                return self.start_response(status, headers)
            write = self.start_response(status, headers, given)
            if ours:
                self._tell(error, "before_bytes", int(status[:3]))
            return write

        def begin(flow: _Answering, method: Any) -> None:
            flow.layer = self.layer
            flow.method = self.method
            flow.bound = self.bound

        try:
            return flow_after(app, _Answering, begin)(self.environ, start_response)
        except Exception:  # it has been told, and its own 500 was refused
            self._tell(error, "midstream", None)
            return None
        finally:
            del app, begin

    def _fingerprint(self, error: BaseException, known: Record) -> str:
        """Return the fingerprint, the same for an outer layer of this kind."""
        if known.fingerprint is not None and _told(error, known):
            return known.fingerprint
        return fingerprint(error)

    def _tell(self, error: Exception, phase: Phase, status: int | None) -> None:
        """Mark the record, log and report, once for all layers of this kind; never raise."""
        known = record(self.environ)
        try:
            mark = self._fingerprint(error, known)
        except Exception:
            mark = "0" * 12
        if _told(error, known):
            return
        known.error = type_name(type(error))
        known.fingerprint = mark
        _mark_told(error, known)
        if self.environ.get("paste.throw_errors"):
            return
        details = {"record": known, "fingerprint": mark, "status": status, "phase": phase}
        details["method"] = self.method
        try:
            self._log(error, details)
        except Exception as broken:
            self._excuse(broken, self.layer.log)
        if self.layer.report:
            self._report(error, details)

    def _log(self, error: Exception, details: dict[str, Any]) -> None:
        log = self.layer.log
        if log is False:
            return
        line = headline(error, self.environ, **details)
        if log is True:
            write_error(self.environ, f"wsgimw CatchErrors: {line}\n{text(error)}")
        else:
            log.error("%s", line, exc_info=(type(error), error, error.__traceback__))

    def _report(self, error: Exception, details: dict[str, Any]) -> None:
        bound = self.bound()
        layers, layer = locate(bound, error)
        try:
            report = build(error, self.environ, layers=layers, layer=layer, **details)
        except Exception as broken:
            self._excuse(broken, build)
            return
        reporters: Any = self.layer.report
        for reporter in reporters:
            try:
                reporter(report, error)
            except Exception as broken:
                self._excuse(broken, reporter)

    def _excuse(self, broken: Exception, who: object) -> None:
        note_failure(self.environ, who, broken)


class _Answering(_Catch):
    """An app that answers for an error. If it fails, no handler is asked again."""

    __slots__ = ()

    def _answer(self, error: Exception) -> Iterable[bytes] | None:
        if self.bytes:
            self._tell(error, "midstream", None)
            return None
        return self._send(error, HTTPError(500))


def _decide(error: Exception, handlers: Mapping[Any, Any]) -> Any:
    """Return the `HTTPError` or the app that answers; the nearest class in the MRO decides."""
    for cls in type(error).__mro__:
        handler = handlers.get(cls)
        if handler is not None:
            made = handler(error) if callable(handler) else handler
            if isinstance(made, HTTPError) or callable(made):
                return made
            check_status(made, f"CatchErrors: what {describe(handler)} returned")
            return HTTPError(made)
        if cls is HTTPError or "__call__" in vars(cls):
            return error  # an exception that is a WSGI app: Werkzeug's, WebOb's
    return HTTPError(500)


# Which request an exception was told for. It stands on the exception, since an outer layer sees the
# same one; the record may hold none, and a weak reference to it cannot be had.
_TOLD = "__wsgimw_told__"


def _told(error: BaseException, known: Record) -> bool:
    return getattr(error, "__dict__", {}).get(_TOLD) is known


def _mark_told(error: BaseException, known: Record) -> None:
    try:
        error.__dict__[_TOLD] = known
    except Exception:  # a `__dict__` of its own kind: then it is told twice
        return


def _check_report(report: Any) -> tuple[Reporter, ...]:
    if callable(report):
        return (report,)
    example = "CatchErrors(report=function), or several: report=(one, two)"
    if isinstance(report, (str, bytes, Mapping)) or not isinstance(report, Iterable):
        raise TypeError(f"CatchErrors() was given report={describe(report)}; write {example}")
    reporters = tuple(report)
    for reporter in reporters:
        if not callable(reporter) or isinstance(reporter, type):
            raise TypeError(
                f"CatchErrors(report=...) holds {describe(reporter)}, which is not a function of "
                f"(report, exception); write {example}"
            )
    return reporters


def _check_handlers(handlers: Any) -> Mapping[type[Exception], Handler]:
    example = "CatchErrors(handlers={KeyError: 404})"
    if not isinstance(handlers, Mapping):
        raise TypeError(f"CatchErrors() was given handlers={describe(handlers)}; write {example}")
    for cls, handler in handlers.items():
        if not isinstance(cls, type) or not issubclass(cls, BaseException):
            raise TypeError(
                f"CatchErrors(handlers=...) has the key {describe(cls)}; a key is an exception "
                f"type: {example}"
            )
        if not issubclass(cls, Exception):
            raise ValueError(
                f"CatchErrors(handlers=...) has the key {describe(cls)}, which is never caught; a "
                f"key derives from Exception: {example}"
            )
        if not callable(handler):
            check_status(handler, f"CatchErrors(handlers={{{describe(cls)}: ...}})")
    return MappingProxyType(dict(handlers))


def _check_log(log: Any) -> None:
    if isinstance(log, bool):
        return
    import logging  # only for who uses it

    if not isinstance(log, logging.Logger):
        raise TypeError(
            f"CatchErrors() was given log={describe(log)}; it is True (the traceback goes to "
            "wsgi.errors), False, or a logger: log=logging.getLogger('errors')"
        )
