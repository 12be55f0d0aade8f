"""`wsgimw check`: hold a layer, a stack or an app to the rules of WSGI.

A layer or a stack gets every probe of the conformance kit. An app is requested (GET, HEAD, a GET
that is abandoned after one block, POST) under the linter; layers that lie round it are taken off
and put on again with a checker at each boundary, so that a fault names its layer. With the extra
`check`, httplint's findings about the answers are printed as notes; they change nothing.

The requests go to `/`, in this process: what the app writes to its log is seen.
"""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wsgimw import CatchErrors, misuse
from wsgimw.compose import Layer, Stack, compose, describe
from wsgimw.devtools.walk import flat, peel

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

    from wsgimw.testing import Fault

__all__ = ["NothingToCheck", "check"]

MOST = 10_000_000  # bytes of a body, and
PATIENCE = 5.0  # seconds for it: an endless stream is left then


class NothingToCheck(Exception):
    """What was named is neither a layer nor an app; the text says what it is."""


def check(subject: Any) -> bool:
    """Check a layer, a stack or an app, print what was found, and tell whether it is clean.

    Raises `NothingToCheck` for anything else.
    """
    if is_layer(subject):
        return _check_layer(subject)
    try:
        misuse.check_app(subject)
    except TypeError as error:
        raise NothingToCheck(str(error)) from None
    return _check_app(subject)


def is_layer(subject: Any) -> bool:
    """Tell a layer from an app: a layer can be called with one argument."""
    if misuse.is_layer_class(subject):
        raise NothingToCheck(f"this is a class; {subject.__name__}() would be a layer")
    if getattr(type(subject), "__wsgimw_layer_value__", False):
        return True
    return callable(subject) and misuse.accepts(subject, 1) is True


def _check_layer(layer: Layer) -> bool:
    from wsgimw.testing import check_middleware

    skip = sorted({rule for part in _parts(layer) for rule in _on_purpose(part)})
    made_up = io.StringIO()  # what the layer prints and logs about the kit's requests
    with contextlib.redirect_stdout(made_up), contextlib.redirect_stderr(made_up):
        report = check_middleware(layer, skip=skip)
    print(repr(report))
    if skip:
        numbers = ", ".join(map(str, skip))
        print(f"left out, because CatchErrors is there to break them: rules {numbers}")
    return bool(report)


def _parts(layer: Layer) -> Iterator[Layer]:
    return flat(layer if isinstance(layer, Stack) else (layer,))


def _on_purpose(layer: Layer) -> tuple[int, ...]:
    """Return the rules that a layer breaks because that is its job."""
    return (25, 27) if isinstance(layer, CatchErrors) else ()


@dataclass(slots=True)
class Trial:
    """One request to the app, and what came."""

    name: str
    environ: WSGIEnvironment
    blocks: int | None = None
    """How many blocks are read before the client leaves; None: all."""
    status: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    whole: bool = True
    error: Exception | None = None

    def run(self, app: WSGIApplication) -> None:
        """Stand in the server's place."""
        came: list[bytes] = []

        def start_response(status: str, headers: Any, exc_info: Any = None, /) -> Any:
            if exc_info and any(came):
                raise exc_info[1]
            self.status, self.headers = status, headers
            return came.append

        body: Any = None
        deadline = time.monotonic() + PATIENCE
        size = 0
        try:
            body = app(self.environ, start_response)
            # Of a body or block of a wrong type the linter tells.
            for number, block in enumerate(() if body is None else body, 1):
                if isinstance(block, bytes):
                    came.append(block)
                    size += len(block)
                if number == self.blocks or size > MOST or time.monotonic() > deadline:
                    self.whole = False
                    break
        except Exception as error:
            self.error = error
        finally:
            self._close(body)
        self.body = b"".join(came)

    def _close(self, body: Any) -> None:
        try:
            if hasattr(body, "close"):
                body.close()
        except Exception as error:
            self.error = self.error or error


def _check_app(app: WSGIApplication) -> bool:
    from wsgimw.testing import lint

    faults: list[Fault] = []
    layers, inner = peel(app)
    checked = (
        lint(compose(*layers), report=faults.append)(inner)
        if layers
        else lint(app, report=faults.append)
    )
    found: dict[str, list[str]] = {}
    for trial in _trials():
        trial.run(checked)
        shown = trial.status or "no head"
        print(f"{trial.name:<14}  {shown}, {len(trial.body):,} B")
        faulty = bool(faults)
        for fault in faults:
            found.setdefault(_line(fault), []).append(trial.name)
        faults.clear()
        if trial.error is not None:
            line = f"raised {type(trial.error).__name__}: {trial.error}"
            found.setdefault(f"{describe(inner)} {line}", []).append(trial.name)
        if not faulty and trial.error is None and trial.whole and trial.status:
            for note in _notes(trial):
                print(f"  note: {note}")
    for line, names in found.items():
        print(f"{line} ({', '.join(names)})")
    print(f"{describe(inner)}: {len(found) or 'no'} fault{'' if len(found) == 1 else 's'}")
    return not found


def _line(fault: Fault) -> str:
    return f"rule {fault.rule}, {fault.layer}: {fault.message}"


def _trials() -> list[Trial]:
    from werkzeug.test import EnvironBuilder

    def environ(method: str, **options: Any) -> WSGIEnvironment:
        headers = [("Accept-Encoding", "gzip"), ("User-Agent", "wsgimw-check")]
        builder = EnvironBuilder(
            method=method, headers=headers, errors_stream=sys.stderr, multithread=True, **options
        )
        environ = builder.get_environ()
        builder.close()
        return environ | {"REMOTE_ADDR": "127.0.0.1"}

    return [
        Trial("GET", environ("GET")),
        Trial("HEAD", environ("HEAD")),
        Trial("abandoned GET", environ("GET"), blocks=1),
        Trial("POST", environ("POST", data={"name": "value"})),
    ]


def _notes(trial: Trial) -> Iterator[str]:
    """Yield what httplint, where it is installed, finds wrong with a sound, whole answer."""
    try:
        from httplint import HttpResponseLinter
    except ImportError:
        return
    linter = HttpResponseLinter(start_time=time.time())
    linter.is_head_response = trial.environ["REQUEST_METHOD"] == "HEAD"
    code, _, phrase = trial.status.partition(" ")
    linter.process_response_topline(b"HTTP/1.1", code.encode(), phrase.encode("latin-1"))
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())  # the server's to give
    fields = [*trial.headers, ("Date", date)]
    linter.process_headers([(n.encode("latin-1"), v.encode("latin-1")) for n, v in fields])
    linter.feed_content(trial.body)
    linter.finish_content(True)
    for note in linter.notes:
        # Every answer without an Expires has that one.
        if note.level.name in ("BAD", "WARN") and type(note).__name__ != "FRESHNESS_HEURISTIC":
            yield f"{note.level.name}: {note.summary}"
