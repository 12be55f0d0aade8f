"""The pictures of docs/: `python -m tests.pictures [--record]` draws them with the X-ray's own pen.

They show the stack of the first page: as an onion, and as a waterfall what it did with one request,
each in light and in dark, the waterfall in two widths. The request is docs/data/request.json, as
the X-ray has recorded it; `--record` makes a new one.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tests.venvs import ROOT
from wsgimw import AccessLog, CatchErrors, Compress, RequestId, compose, xray
from wsgimw.devtools.xray.onion_svg import onion
from wsgimw.devtools.xray.waterfall_svg import waterfall

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

DATA = ROOT / "docs" / "data" / "request.json"
STATIC = ROOT / "docs" / "_static"
WIDE, NARROW = 720, 320


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with a stream."""
    start_response("200 OK", [("Content-Type", "text/csv; charset=utf-8")])
    return rows()


def rows() -> Iterator[bytes]:
    for start in range(0, 1000, 100):
        yield b"".join(b"%d,%d\r\n" % (n, n * n) for n in range(start, start + 100))


def recorded() -> dict[str, Any]:
    """Return one request, the quickest of some: its times are the least disturbed."""
    from werkzeug.test import Client

    watched = xray(compose(RequestId(), AccessLog(), CatchErrors(), Compress())(app))
    with contextlib.redirect_stderr(io.StringIO()):  # where AccessLog writes
        for _ in range(30):
            with Client(watched).get("/export", headers={"Accept-Encoding": "gzip"}) as response:
                response.get_data()
    return min(watched.recording.requests, key=lambda request: float(request["total_ms"]))


def pictures(request: dict[str, Any]) -> dict[str, str]:
    """Return each picture by the name of its file."""
    rings = [layer["layer"] for layer in request["layers"]]
    drawn = {}
    for shade in ("light", "dark"):
        dark = shade == "dark"
        drawn[f"onion-{shade}.svg"] = onion(rings, dark=dark)
        drawn[f"waterfall-{shade}.svg"] = waterfall(request, dark=dark, width=WIDE)
        drawn[f"waterfall-narrow-{shade}.svg"] = waterfall(request, dark=dark, width=NARROW)
    return {name: svg + "\n" for name, svg in drawn.items()}


def main(arguments: list[str]) -> None:
    """Draw the pictures; with `--record` of a new request."""
    if "--record" in arguments:
        DATA.write_text(json.dumps(recorded(), indent=1) + "\n")
    for name, svg in pictures(json.loads(DATA.read_text())).items():
        (STATIC / name).write_text(svg)


if __name__ == "__main__":
    main(sys.argv[1:])
