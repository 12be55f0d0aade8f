"""Tell a request boundary by boundary, in the order in which things happen, a sentence a step.

The way in, the answer, the head on its way out, the body, `close()`: that is how a chain works.

>>> app = {"layer": "app", "status": [None, "200 OK"], "bytes": [0, 5], "blocks": [0, 1]}
>>> for step in story({"method": "GET", "path": "/", "layers": [{**app, "closed": True}]}):
...     print(step.phase, "|", step.text)
in | The server calls app with GET /.
answer | app answers 200 OK.
stream | app gives its body to the server: 1 block, 5 bytes.
close | The server calls close() of the body: app is closed, and the request is over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from wsgimw.devtools.xray.reading import (
    changes,
    items,
    layers,
    mapping,
    name,
    number,
    pairs,
    plural,
    shown,
    target,
    two,
)

Phase: TypeAlias = Literal["in", "answer", "error", "head", "stream", "close", "fault"]

WORDS: dict[Phase, str] = {
    "in": "the way in",
    "answer": "the answer",
    "error": "an exception",
    "head": "the head, on the way out",
    "stream": "the body",
    "close": "closing",
    "fault": "a broken rule",
}
"""What each phase is called on the page."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens, at one layer."""

    layer: int
    phase: Phase
    text: str


def story(request: Mapping[str, Any], known: Collection[str] = ()) -> list[Step]:
    """Return the steps of a request, a dict of the recording.

    `known`: the names of the layers of the stack, without the app's: one of them that is innermost
    has answered by itself.
    """
    found = layers(request)
    if not found:
        return []
    told = _Story(request, found, known)
    return [*told.way_in(), *told.answer(), *told.head(), *told.stream(), *told.close()]


def listed(words: list[str]) -> str:
    """Join words as a sentence does.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


class _Story:
    def __init__(
        self, request: Mapping[str, Any], found: list[Mapping[str, Any]], known: Collection[str]
    ) -> None:
        self.request = request
        self.layers = found
        self.known = known
        self.names = [name(layer) for layer in found]
        self.last = len(found) - 1

    def outside(self, index: int) -> str:
        return self.names[index - 1] if index else "the server"

    def way_in(self) -> Iterator[Step]:
        for index, layer in enumerate(self.layers):
            caller = self.names[index - 1] if index else "The server"
            what = f" with {shown(self.request.get('method'))} {target(self.request)}"
            said = f"{caller} calls {self.names[index]}{'' if index else what}"
            if index < self.last:
                said += f", which {_environ(mapping(layer.get('environ')))}"
            yield Step(index, "in", f"{said}.")
            yield from self.faults(index, "in")

    def answer(self) -> Iterator[Step]:
        layer, who = self.layers[self.last], self.names[self.last]
        status = shown(two(layer.get("status"))[1])
        if status:
            alone = ", by itself: nothing further in hears of this request"
            said = f"{who} answers {status}{alone if who in self.known else ''}"
            yield Step(self.last, "answer", f"{said}.")
        yield from self.error(self.last, late=False)
        yield from self.faults(self.last, "head")

    def error(self, index: int, *, late: bool) -> Iterator[Step]:
        """Tell an exception; `late`: one that came when the head was given, so from the body."""
        layer = self.layers[index]
        error = shown(layer.get("error"), 400)
        given = bool(two(layer.get("status"))[1]) and not error.startswith("handled")
        if error and given is late:
            yield Step(index, "error", f"{self.names[index]} {error}.")

    def head(self) -> Iterator[Step]:
        for index in reversed(range(self.last)):
            layer = self.layers[index]
            yield from self.error(index, late=False)
            inner, outer = (shown(status) for status in two(layer.get("status")))
            if outer:
                edits = _edits(layer, inner, outer)
                said = listed(edits) if edits else f"passes the head on as it is, {outer}"
                yield Step(index, "head", f"{self.names[index]} {said}.")
            yield from self.faults(index, "head")

    def stream(self) -> Iterator[Step]:
        for index in reversed(range(len(self.layers))):
            layer = self.layers[index]
            (taken, given), (came, left) = two(layer.get("blocks")), two(layer.get("bytes"))
            into, out = _body(taken, came), _body(given, left)
            whom = self.outside(index)
            if two(layer.get("status"))[1]:  # without a head there is no body to tell of
                if left is None:
                    said = f"gives {whom} a file as it is, unseen"
                elif not number(given):
                    said = f"has no body for {whom}"
                elif index == self.last:
                    said = f"gives its body to {whom}: {out}"
                elif out == into:
                    said = f"passes the body on to {whom} as it is: {out}"
                else:
                    said = f"takes {into} and gives {whom} {out}"
                by_write = ", some of it by write()" if layer.get("write") else ""
                yield Step(index, "stream", f"{self.names[index]} {said}{by_write}.")
            yield from self.error(index, late=True)
            yield from self.faults(index, "stream")

    def close(self) -> Iterator[Step]:
        for index, layer in enumerate(self.layers):
            who = self.names[index]
            closed = layer.get("closed")
            if closed is not None:  # else it cannot be seen: a file, or an exception
                start = "The server calls close() of the body: " if index == 0 else ""
                if closed is False:
                    said = f"{who} never hears of close()"
                elif index == self.last:
                    said = f"{who} is closed, and the request is over"
                elif self.layers[index + 1].get("closed") is False:
                    said = f"{who} gets it, and does not hand it on"
                else:
                    said = f"{who} gets it, and hands it on"
                yield Step(index, "close", f"{start}{said}.")
            yield from self.faults(index, "close")

    def faults(self, index: int, phase: Phase) -> Iterator[Step]:
        """Tell the broken rules that belong to a phase."""
        for fault in map(mapping, items(self.layers[index].get("faults"))):
            rule = int(number(fault.get("rule")))
            if _phase_of(rule) == phase:
                message = shown(fault.get("message"), 600).rstrip(".")
                yield Step(index, "fault", f"{self.names[index]} breaks rule {rule}: {message}.")


def _phase_of(rule: int) -> Phase:
    """Return where a broken rule is told; what is of no phase, at the end."""
    if 1 <= rule <= 4 or 30 <= rule <= 36:
        return "in"
    if 5 <= rule <= 16:
        return "head"
    return "stream" if 17 <= rule <= 21 or rule == 29 else "close"


def _environ(environ: Mapping[str, Any]) -> str:
    parts = []
    for verb, found in (
        ("adds", [key for key, _ in pairs(environ.get("added"))]),
        ("changes", [key for key, *_ in changes(environ.get("changed"))]),
        ("removes", [key for key, _ in pairs(environ.get("removed"))]),
    ):
        if found:
            parts.append(f"{verb} {listed(found)}")
    return f"{listed(parts)} in environ" if parts else "leaves environ as it is"


def _edits(layer: Mapping[str, Any], inner: str, outer: str) -> list[str]:
    head = mapping(layer.get("head"))
    edits = [f"makes {outer} of the status {inner}"] if inner and inner != outer else []
    edits += [f"starts the response itself, {outer}"] if not inner else []
    for verb, found in (
        ("adds", [f"{field}: {value}" for field, value in pairs(head.get("added"))]),
        ("changes", [f"{field} to {value}" for field, _, value in changes(head.get("changed"))]),
        ("removes", [field for field, _ in pairs(head.get("removed"))]),
    ):
        if found:
            edits.append(f"{verb} {listed(found)}")
    return edits


def _body(blocks: Any, size: Any) -> str:
    return f"{plural(int(number(blocks)), 'block')}, {plural(int(number(size)), 'byte')}"
