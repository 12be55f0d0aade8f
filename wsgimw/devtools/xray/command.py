"""`wsgimw xray MODULE:ATTR [METHOD] PATH`: run one request in this process, print its waterfall.

Nothing is served. What the app writes to its log is seen, on stderr.
"""

from __future__ import annotations

import argparse
import sys
from secrets import token_hex
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wsgimw.devtools.check import Trial
from wsgimw.devtools.xray import xray
from wsgimw.devtools.xray.waterfall import waterfall
from wsgimw.http.headers import is_token

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

__all__ = ["add_arguments", "environ_of", "run"]


class Mistake(ValueError):
    """The request cannot be made; the text says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("target", metavar="MODULE:ATTR", help="the WSGI app")
    parser.add_argument(
        "request", nargs="+", metavar="[METHOD] PATH", help="as in /a?b=c, or in POST /a"
    )
    parser.add_argument(
        "-H", dest="headers", action="append", default=[], metavar="'Name: value'", help="a header"
    )
    parser.add_argument("-d", dest="body", metavar="BODY", help="a request body; POST unless said")


def environ_of(options: argparse.Namespace) -> WSGIEnvironment:
    """Return the environ of the request; raise `Mistake` for one that cannot be made."""
    from werkzeug.test import EnvironBuilder

    *methods, target = options.request
    if len(methods) > 1:
        raise Mistake(f"{' '.join(options.request)!r} is no request; write it as in POST /a")
    method = methods[0] if methods else "GET" if options.body is None else "POST"
    if not is_token(method):
        raise Mistake(f"{method!r} is no method; write it as in GET")
    if not target.startswith("/"):
        raise Mistake(f"{target!r} is no path; it begins with a slash: /{target}")
    headers = [("Host", "localhost"), ("User-Agent", "wsgimw-xray"), ("Accept", "*/*")]
    given = [_field(text) for text in options.headers]
    names = {name.lower() for name, _ in given}
    if options.body is not None and "content-type" not in names:
        given.append(("Content-Type", "application/x-www-form-urlencoded"))
    headers = [item for item in headers if item[0].lower() not in names] + given
    url = urlsplit(f"//localhost{target}")
    builder = EnvironBuilder(
        url.path,
        method=method,
        query_string=url.query,
        headers=headers,
        data=None if options.body is None else options.body.encode(),
        errors_stream=sys.stderr,
        multithread=True,
    )
    environ = builder.get_environ()
    builder.close()
    return environ | {"REMOTE_ADDR": "127.0.0.1"}


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not is_token(name) or "\r" in value or "\n" in value:
        raise Mistake(f"{text!r} is no header; write it as in 'Accept: text/html'")
    return name, value.strip()


def run(app: WSGIApplication, options: argparse.Namespace) -> bool:
    """Run the request, print what was seen, and tell whether it was clean.

    Not clean: a rule was broken, or an exception came out. Raises `Mistake`.
    """
    environ = environ_of(options)
    xrayed: Any = xray(app, capacity=1, path=f"/{token_hex()}")  # no path is ours here
    trial = Trial("", environ)
    trial.run(xrayed)
    (request,) = xrayed.recording.requests
    print(waterfall(request))
    faults = [fault for layer in request["layers"] for fault in layer["faults"]]
    if not trial.whole:
        print("\nthe body was left before its end: it is long, or slow")
    if trial.error is not None:
        print(f"\nraised {type(trial.error).__name__}: {trial.error}")
    return not faults and trial.error is None
