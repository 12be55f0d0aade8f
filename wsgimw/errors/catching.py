"""What `CatchErrors` does with one request whose app, or body, raised.

The flow of the layer: it decides who answers, sends the head in place of the app's own, and has the
error told. It is made when the inner call has returned or raised; a list body never sees one.

A nested flow of the same kind runs the apps that answer for an error, since they may fail as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from wsgimw.answers import status_line, whole
from wsgimw.describe import describe
from wsgimw.errors import pages
from wsgimw.errors.http_error import HTTPError, check_status
from wsgimw.errors.report import Phase, note_failure
from wsgimw.errors.telling import Teller
from wsgimw.exchange import Flow, flow_after
from wsgimw.record import record

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import WSGIApplication

Page: TypeAlias = tuple[str, bytes, list[tuple[str, str]]]
Handler: TypeAlias = "int | Callable[[Any], int | HTTPError | WSGIApplication]"

# Made beforehand: it is what is sent when there is no memory left to make anything.
_FALLBACK = b"500 Internal Server Error\n"
_FALLBACK_HEADERS = (
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Content-Length", str(len(_FALLBACK))),
    ("Cache-Control", "no-store"),
)


class Catching(Flow):
    """One request that failed, or whose body might."""

    __slots__ = ("handlers", "method", "own_pages", "teller")

    handlers: Mapping[type[Exception], Handler]
    own_pages: Mapping[str, pages.Page]
    teller: Teller
    method: Any

    def failed(self, error: Exception, /) -> Iterable[bytes] | None:
        traceback = error.__traceback__
        try:
            return self._answer(error)
        except Exception:  # out of memory, or a fault of ours: say at least that it failed
            headers = [*_FALLBACK_HEADERS]
            if not self._start(status_line(500), headers, error):
                return None
            self._tell(error, "before_bytes", 500)
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

    def _tell(self, error: Exception, phase: Phase, status: int | None) -> None:
        self.teller.tell(error, self.environ, phase, status, self.method)

    def _answer(self, error: Exception) -> Iterable[bytes] | None:
        if self.bytes:
            self._tell(error, "midstream", None)
            return None
        try:
            decided = _decide(error, self.handlers)
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
        mark = self.teller.fingerprint(error, known) if ours else None
        problem = pages.problem(decided, known.request_id, mark)
        media_type, data, headers = self._page(problem, pages.choose(self.environ), error)
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

    def _page(self, problem: pages.Problem, media_type: str, error: Exception) -> Page:
        """Return the type, the body and the fields of the answer."""
        own = self.own_pages.get(media_type)
        if own is not None:
            try:
                data = pages.made_by(own, problem)
                return media_type, data, pages.fields(media_type, own=True)
            except Exception as broken:
                note_failure(self.environ, "CatchErrors", own, broken)
        data = pages.built_in(problem, media_type)
        return media_type, data, pages.fields(media_type, own=False)

    def _start(self, status: str, headers: list[tuple[str, str]], error: Exception) -> bool:
        """Send a head in place of the app's; False, and a report, if it was refused."""
        traceback = error.__traceback__
        exc_info: Any = (type(error), error, traceback)
        try:
            self.start_response(status, headers, exc_info)
        except Exception as refused:
            # A server that has sent bytes raises the very exception (PEP 3333, "Error Handling").
            midstream = refused is error
            BaseException.with_traceback(error, traceback)
            self._tell(error, "midstream" if midstream else "before_bytes", None)
            return False
        finally:
            exc_info = traceback = None  # rule 9
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

        def begin(flow: Answering, method: Any) -> None:
            flow.method = self.method
            flow.handlers = self.handlers
            flow.own_pages = self.own_pages
            flow.teller = self.teller

        try:
            return flow_after(app, Answering, begin)(self.environ, start_response)
        except Exception:  # it has been told, and its own 500 was refused
            self._tell(error, "midstream", None)
            return None


class Answering(Catching):
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
            made: Any = handler(error) if callable(handler) else handler
            if isinstance(made, HTTPError) or callable(made):
                return made
            check_status(made, f"CatchErrors: what {describe(handler)} returned")
            return HTTPError(made)
        if cls is HTTPError or "__call__" in vars(cls):
            return error  # an exception that is a WSGI app: Werkzeug's, WebOb's
    return HTTPError(500)
