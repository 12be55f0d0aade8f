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

**For developers.** `debug=True` shows where it broke, in all three bodies: frames, locals, layers,
the request as a `curl` command and as a WebTest test that fails today. It is shown to this machine
alone: the peer is loopback (or in `debug_peers`), no field tells of a proxy, and the Host is
`localhost` or the like (or in `debug_hosts`). Everybody else gets the production body, and
`wsgi.errors` a line that says which gate was closed. `WSGIMW_DEBUG=0` in the process environment
switches it off. There is no console, and nothing is evaluated. It also raises where an app returns
what no server takes (None, `str`), so that there is a page for it.

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

import re
import weakref
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from wsgimw.compose import BaseLayer
from wsgimw.describe import describe
from wsgimw.errors import pages
from wsgimw.errors.catching import Catching, Handler
from wsgimw.errors.http_error import check_status
from wsgimw.errors.report import Reporter
from wsgimw.errors.telling import Teller
from wsgimw.exchange import flow_after
from wsgimw.facts import Facts
from wsgimw.peers import trust

if TYPE_CHECKING:
    import logging

    from _typeshed.wsgi import WSGIApplication

__all__ = ["CatchErrors"]

_HEADERS = (
    "Content-Type",
    "Content-Length",
    "Cache-Control",
    "Vary",
    "X-Content-Type-Options",
    "X-Error-Fingerprint",
    "Content-Security-Policy",
)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]").fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchErrors(BaseLayer):
    """Answer what the app raises, and report it.

    Raises `TypeError` for an option of a wrong kind and `ValueError` for a wrong value.
    """

    debug: bool = False
    """True: detail for developers, where all gates are open. Never in production."""
    report: Reporter | Iterable[Reporter] = ()
    """One or more `f(report, exception)`, called for each error of 500 and above."""
    handlers: Mapping[type[Exception], Handler] | None = field(default=None, hash=False)
    """Exception type to status, or to `f(exception)` returning a status, `HTTPError` or app."""
    render: Mapping[str, pages.Page] | None = field(default=None, hash=False)
    """Media type to `f(problem)` returning the text of a page of your own."""
    log: bool | logging.Logger = True
    """True: the traceback goes to `wsgi.errors`; a `logging.Logger`: to it; False: nowhere."""
    debug_hosts: Collection[str] = ()
    """Names, without port, under which a developer may ask besides `localhost`."""
    debug_peers: Collection[str] = ()
    """Addresses and networks of developers besides this machine."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "report", _check_report(self.report))
        if self.handlers is not None:
            object.__setattr__(self, "handlers", _check_handlers(self.handlers))
        if self.render is not None:
            own = pages.check_pages(self.render, "CatchErrors(render=...)")
            object.__setattr__(self, "render", MappingProxyType(own))
        _check_log(self.log)
        if not isinstance(self.debug, bool):
            raise TypeError(
                f"CatchErrors() was given debug={describe(self.debug)}; it is True or False"
            )
        object.__setattr__(self, "debug_hosts", _check_hosts(self.debug_hosts))
        _check_peers(self.debug_peers)
        object.__setattr__(self, "debug_peers", tuple(self.debug_peers))

    @property
    def facts(self) -> Facts:
        """What `wsgimw.explain` knows of it."""
        return Facts(
            reads=["peer"] if self.debug else [],
            does=["catches errors", *(["shows internals"] if self.debug else [])],
            cost="body",
            headers=_HEADERS,
            environ=["wsgimw.record"],
        )

    def _bind(self, app: WSGIApplication) -> WSGIApplication:
        handlers: Any = self.handlers or {}
        own_pages: Any = self.render or {}
        reporters: Any = self.report

        def begin(flow: Catching, method: Any) -> None:
            flow.method = method
            flow.handlers = handlers
            flow.own_pages = own_pages
            flow.teller = teller

        if self.debug:
            from wsgimw.errors.debug.flow import bind

            bound = bind(app, begin, self.debug_hosts, self.debug_peers)
        else:
            bound = flow_after(app, Catching, begin)
        teller = Teller(self.log, reporters, weakref.ref(bound))
        return bound


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


def _check_hosts(hosts: Any) -> tuple[str, ...]:
    example = "CatchErrors(debug=True, debug_hosts=('shop.test',))"
    if isinstance(hosts, (str, bytes, Mapping)) or not isinstance(hosts, Collection):
        raise TypeError(f"CatchErrors() was given debug_hosts={describe(hosts)}; write {example}")
    for host in hosts:
        if not isinstance(host, str):
            raise TypeError(
                f"debug_hosts holds {describe(host)}, which is no name; write {example}"
            )
        if not _HOST(host):
            raise ValueError(
                f"debug_hosts holds {host!r}; a name is exact and has no port, scheme or wildcard: "
                f"{example}"
            )
    return tuple(host.lower() for host in hosts)


def _check_peers(peers: Any) -> None:
    if isinstance(peers, bool) or callable(peers):
        raise TypeError(
            f"CatchErrors() was given debug_peers={describe(peers)}; it takes addresses and "
            "networks only: debug_peers=('192.0.2.7', '10.0.0.0/8')"
        )
    trust("debug_peers", peers)
