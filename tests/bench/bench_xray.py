"""What the X-ray costs at each boundary: on standby, and while it records.

A boundary is what lies between two neighbours of a stack, and that to the server: six closures and
an app have seven. It stands beside the plain closure, which passes on and does nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from tests.bench.bench_core import blocks_app, closure, list_app
from tests.bench.drive import drive, make_environ
from tests.bench.frame import Bench, Case, Ratio
from wsgimw import compose, xray

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

DEPTH = 6
BOUNDARIES = DEPTH + 1
CALLS = 200
ROUNDS = 5


def spent(app: WSGIApplication, environ: Any) -> float:
    """Return the least seconds that a batch of requests took."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = perf_counter()
        for _ in range(CALLS):
            drive(app, environ)
        best = min(best, perf_counter() - began)
    return best


def microseconds(what: str, bare: WSGIApplication, app: WSGIApplication) -> str:
    """Say what one boundary adds to a request."""
    environ = make_environ()
    added = (spent(app, environ) - spent(bare, environ)) / CALLS / BOUNDARIES
    return f"{what}: {added * 1e6:.3f} us a boundary"


def benches() -> Iterator[Bench]:
    """Yield a list and a stream of ten blocks, each bare, on standby and recorded."""
    environ = make_environ()
    for name, app in (("a list", list_app), ("ten blocks", blocks_app)):
        bare = compose(*[closure] * DEPTH)(app)
        standby, recording = xray(bare, sample=0), xray(bare)
        print(f"# {name}: {microseconds('standby', bare, standby)}")
        print(f"# {name}: {microseconds('recording', bare, recording)}")
        yield Bench(
            f"X-ray: {name}, six layers deep",
            cases=[
                Case("app alone", partial(drive, app, environ)),
                Case("six closures", partial(drive, bare, environ)),
                Case("standby", partial(drive, standby, environ)),
                Case("recording", partial(drive, recording, environ)),
            ],
            ratios=[
                # A spy is a closure that asks one list: 40 ns where the plain closure is 29.
                Ratio(
                    "standby / closures, added", "standby", "six closures", 3.4, minus="app alone"
                ),
                Ratio(
                    "recording / closures, added",
                    "recording",
                    "six closures",
                    minus="app alone",
                ),
            ],
        )
