"""What the X-ray costs at each boundary: on standby, and while it records.

A boundary is what lies between two neighbours of a stack, and that to the server: six closures and
an app have seven. It stands beside the plain closure, which passes on and does nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.bench.bench_core import blocks_app, closure, list_app
from tests.bench.drive import drive, make_environ
from tests.bench.frame import Bench, Case, Ratio
from wsgimw import compose, xray

DEPTH = 6


def benches() -> Iterator[Bench]:
    """Yield a list and a stream of ten blocks, each bare, on standby and recorded."""
    environ = make_environ()
    for name, app in (("a list", list_app), ("ten blocks", blocks_app)):
        bare = compose(*[closure] * DEPTH)(app)
        standby, recording = xray(bare, sample=0), xray(bare)
        yield Bench(
            f"X-ray: {name}, six layers deep",
            cases=[
                Case("app alone", partial(drive, app, environ)),
                Case("six closures", partial(drive, bare, environ)),
                Case("standby", partial(drive, standby, environ)),
                Case("recording", partial(drive, recording, environ)),
            ],
            ratios=[
                # With 40 ns for a spy where a plain closure is 29, and one function at the door.
                Ratio(
                    "standby / closures, added", "standby", "six closures", 3.4, minus="app alone"
                ),
                # With 2.5 us at each of seven boundaries.
                Ratio(
                    "recording / closures, added",
                    "recording",
                    "six closures",
                    101 if app is list_app else None,
                    minus="app alone",
                ),
            ],
        )
