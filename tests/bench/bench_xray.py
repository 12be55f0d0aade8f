"""What the X-ray costs at each boundary: on standby, and while it records.

A boundary is what lies between two neighbours of a stack, and that to the server: six closures and
an app have seven. It stands beside the plain closure, which passes on and does nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.bench.bench_core import blocks_app, closure, list_app
from tests.bench.drive import difference, drive, make_environ
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
                # With 2.5 us at each of seven boundaries, and nothing for the request itself.
                Ratio(
                    "recording / closures, added",
                    "recording",
                    "six closures",
                    101 if app is list_app else None,
                    minus="app alone",
                ),
            ],
        )
    closures = compose(*[closure] * DEPTH)(list_app)
    app_alone, six = partial(drive, list_app, environ), partial(drive, closures, environ)
    recorded, six_recorded = (partial(drive, xray(app), environ) for app in (list_app, closures))
    yield Bench(
        "X-ray: a list, what six further boundaries cost",
        cases=[
            Case("six closures", partial(difference, six, app_alone), reports_seconds=True),
            Case(
                "recording them", partial(difference, six_recorded, recorded), reports_seconds=True
            ),
        ],
        # With 2.5 us at a boundary where a plain closure is 29 ns.
        ratios=[Ratio("recording / closures", "recording them", "six closures", 86)],
    )
