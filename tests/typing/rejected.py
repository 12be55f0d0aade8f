"""What mypy --strict and pyright reject: each line is a mistake, and says so.

A line that either of them accepts fails its run over this file: mypy by its unused-ignore, pyright
by the comment below.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

import wsgimw
from tests.typing.accepted import (
    ServedBy,
    flask_app,
    forbidden,
    is_post,
    plain,
    silent,
    stack,
    timing,
)
from wsgimw import Compress, Hooks, compose, explain, layer, unless, when

# At the front door.
wsgimw.Compres  # type: ignore[attr-defined]  # noqa: B018

# In compose().
compose(ServedBy)  # type: ignore[arg-type]
compose(timing)  # type: ignore[arg-type]
compose(Compress)  # type: ignore[arg-type]
compose(forbidden)  # type: ignore[arg-type]
compose(flask_app)  # type: ignore[arg-type]
compose(flask_app.wsgi_app)  # type: ignore[arg-type]
compose([plain])  # type: ignore[arg-type]
compose((plain, plain))  # type: ignore[arg-type]
compose(plain(forbidden))  # type: ignore[arg-type]
compose(3)  # type: ignore[arg-type]
compose("/admin", plain)  # type: ignore[arg-type]
compose(layers=[plain])  # type: ignore[call-arg]

# Options.
ServedBy(nam="X")  # type: ignore[call-arg]
ServedBy(name=3)  # type: ignore[arg-type]
ServedBy("X")  # type: ignore[call-arg]
ServedBy(forbidden)  # type: ignore[call-arg, arg-type]
Compress(lvl=3)  # type: ignore[call-arg]
Compress(forbidden)  # type: ignore[call-arg, arg-type]
timing(heder="X")  # type: ignore[call-arg]
timing(header=3)  # type: ignore[arg-type]
timing("X")  # type: ignore[call-arg]
silent(forbidden)  # type: ignore[call-arg]

# In the second call.
stack(ServedBy())  # type: ignore[arg-type]
stack(Compress())  # type: ignore[arg-type]
stack(stack)  # type: ignore[arg-type]
stack(plain)  # type: ignore[arg-type]
stack(None)  # type: ignore[arg-type]
stack(3)  # type: ignore[arg-type]
stack(forbidden, forbidden)  # type: ignore[call-arg]
compose()(ServedBy())  # type: ignore[arg-type]
ServedBy()(ServedBy())  # type: ignore[arg-type]
timing()(plain)  # type: ignore[arg-type]

# Conditions.
when(3, plain)  # type: ignore[arg-type]
when(None, plain)  # type: ignore[arg-type]
when(lambda: True, plain)  # type: ignore[arg-type, misc]
when("/admin", ServedBy)  # type: ignore[arg-type]
when("/admin", [plain])  # type: ignore[arg-type]
when("/admin", forbidden)  # type: ignore[arg-type]
unless(b"/admin", plain)  # type: ignore[arg-type]
unless(is_post, 3)  # type: ignore[arg-type]

# A stack is an immutable sequence.
stack[0] = plain  # type: ignore[index]
stack + stack  # type: ignore[operator]

# Ways to write a layer.
layer(plain)  # type: ignore[arg-type]
layer()  # type: ignore[call-overload]
layer(facts=3)  # type: ignore[call-overload]
explain(stack)  # type: ignore[arg-type]
explain(forbidden, ignore=3)  # type: ignore[arg-type]


class Hooked(Hooks):
    """A hook of another shape."""

    def on_end(self, environ: str, status: str) -> None:  # type: ignore[override]
        """Take what it is not given."""
