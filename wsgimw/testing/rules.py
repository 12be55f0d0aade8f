"""What a rule and a probe are. The rules themselves stand in `probes.py`, each above its probes.

A probe is a function that takes a `Kit`, tells one small story with the layer under test (an app
inside, a request, what must come out) and raises `Broken` by `expect()` where the story goes wrong.
It registers itself under its rule:

>>> rule = Rule(99, "Q", "Be kind", text="A layer is kind.", why="People use it.", source="none")
>>> @rule.probe
... def kindness(kit):
...     \"\"\"A plain request is answered kindly.\"\"\"
...     expect(False, "a kind answer", "silence")
>>> rule.probes["kindness"].story
'A plain request is answered kindly.'
>>> RULES.pop(99) is rule
True
"""

from __future__ import annotations

import gc
import inspect
import logging
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from wsgimw.testing.server import App, Call, Environ, make_environ

Layer = Callable[[Any], Any]
Kind = Literal["M", "H", "Q"]

KINDS: dict[Kind, str] = {
    "M": "a MUST of PEP 3333",
    "H": "HTTP",
    "Q": "quality that servers and users depend on",
}
HANG = 10.0  # seconds after which a request is held for one that never comes back


class Broken(Exception):
    """A rule is broken: what was expected, and what came."""

    def __init__(self, expected: str, came: object) -> None:
        super().__init__(f"expected {expected}; but {show(came)}")


class Hung(Broken):
    """Something never came back, and its thread may still hold what others wait for."""


def expect(condition: object, expected: str, came: object) -> None:
    """Raise `Broken` unless `condition` holds. `came` is a sentence, or bytes to be shown."""
    if not condition:
        raise Broken(expected, came)


def show(value: object) -> str:
    """Return a sentence as it is, anything else as a short `repr`."""
    if isinstance(value, str):
        return value
    text = repr(value)
    return f"{text if len(text) <= 70 else text[:45] + '...' + text[-15:]} came"


def said(error: BaseException) -> str:
    """Say what was raised, in a sentence; the error itself may have no words."""
    try:
        text = f": {error}" if str(error) else ""
    except BaseException:
        text = ""
    return f"{type(error).__name__} was raised{text}"


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe of one rule."""

    id: str
    rule: int
    story: str  # one line: what it does
    run: Callable[[Kit], None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the protocol, and the probes that judge it. Made at import, it enters `RULES`."""

    number: int
    kind: Kind
    title: str
    text: str  # what must be kept
    why: str  # what happens to people when it is not
    source: str  # the section that says so
    seen: str = ""  # who was seen getting it wrong
    borrows: tuple[int, ...] = ()  # judged by the probes of these rules
    probes: dict[str, Probe] = field(default_factory=dict)

    def __post_init__(self) -> None:
        RULES[self.number] = self

    def probe(self, run: Callable[[Kit], None]) -> Callable[[Kit], None]:
        """Register `run` under this rule; its name is the id, its docstring the story."""
        story = " ".join((inspect.getdoc(run) or "").partition("\n\n")[0].split())
        self.probes[run.__name__] = Probe(run.__name__, self.number, story, run)
        return run


RULES: dict[int, Rule] = {}


class Kit:
    """What a probe works with: the layer under test, and the user's keys for every environ."""

    def __init__(self, layer: Layer, environ: Environ) -> None:
        self.layer = layer
        self.extra = environ

    def bind(self, app: App) -> App:
        """Wrap `app` with the layer."""
        bound: App = self.layer(app)
        if not callable(bound):
            raise Broken(
                "a layer that returns an app when it is called with one", f"{bound!r} came"
            )
        return bound

    def path(self, rest: str) -> str:
        """Return `rest` below the path that the user asked for, so that a layer for some paths is
        met.
        """
        return str(self.extra.get("PATH_INFO", "")).rstrip("/") + rest

    def request(self, bound: App, keys: Environ | None = None, /, **cgi: Any) -> Call:
        """Return a request to a bound app; the user's keys lie over the plain ones, the probe's
        over those.
        """
        return Call(bound, make_environ(**{**self.extra, **(keys or {}), **cgi}))

    def call(self, app: App, keys: Environ | None = None, /, **cgi: Any) -> Call:
        """Wrap `app` and return a request to it."""
        return self.request(self.bind(app), keys, **cgi)


def bounded(story: Callable[[], None]) -> None:
    """Tell `story` on a thread of its own, so that a layer that waits for itself is a fault and no
    hang.
    """
    raised: list[BaseException] = []

    def told() -> None:
        try:
            story()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=told, daemon=True)
    thread.start()
    thread.join(HANG)
    if thread.is_alive():
        raise Hung("an answer", f"none had come after {HANG:g} seconds: a deadlock")
    if raised:
        raise raised.pop()


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector off: what it would free now may be somebody else's."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def left_alive(story: Callable[[], dict[str, list[weakref.ref[Any]]]]) -> list[str]:
    """Tell `story` without the garbage collector; return the names of what is still alive."""
    silenced = logging.root.manager.disable
    logging.disable()  # a handler that keeps its records (pytest's does) keeps their exceptions too
    try:
        with uncollected():
            watched = story()
            return [
                name for name, refs in watched.items() if any(ref() is not None for ref in refs)
            ]
    finally:
        logging.disable(silenced)
