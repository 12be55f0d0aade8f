"""See a stack without a request: `wsgimw.explain`, and the command of the same name.

>>> from wsgimw import AccessLog, Compress, RequestId, compose, explain
>>> def app(environ, start_response): ...
>>> print(explain(compose(RequestId(), Compress(), AccessLog())(app)))
cost     layer
body     RequestId()
           headers: X-Request-ID
           environ: wsgimw.request_id, wsgimw.record, HTTP_X_REQUEST_ID
body     Compress()
           headers: Content-Encoding, Content-Length, ETag, Vary, Server-Timing, Accept-Ranges,
             Content-MD5, Digest, Content-Digest, Repr-Digest
           environ: wsgimw.record, HTTP_IF_NONE_MATCH, HTTP_IF_MATCH
body     AccessLog()
           environ: wsgimw.record
           warning log-inside-compression: it stands inside of Compress(). The log counts the bytes
             before compression, which is not what is sent. Put the layer that logs outside of
             compression.
app      app
<BLANKLINE>
0 errors, 1 warning, 0 notes

Nothing is called and nothing is bound: it reads what layers say of themselves (`wsgimw.facts`),
takes apart what was bound by hand, and lists branches and routes as an indented tree.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from wsgimw import misuse
from wsgimw.devtools.doctor import Finding, examine
from wsgimw.devtools.places import survey
from wsgimw.devtools.rules import check_ids, check_server
from wsgimw.facts import Facts

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["Explained", "Explanation", "Finding", "explain"]

WIDTH = 100
_COST = len("nothing") + 2
_SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Explained:
    """One line of an explanation: a layer, a route of a router, or an app."""

    text: str
    """The call that made it; what is listed beneath it is left out as `...`."""
    kind: Literal["layer", "route", "app"]
    depth: int
    """0 for what every request comes to; one more in each branch and below each route."""
    facts: Facts | None
    """What is known of it; None: nothing, or it is no layer."""
    findings: tuple[Finding, ...]
    """What the doctor says of it."""
    layer: Any = field(repr=False, compare=False)
    """The layer that bound it, or the item of a routing table; None: bound by hand."""
    bound: Any = field(repr=False, compare=False)
    """The app as its outer neighbour calls it; None within a branch, which is bound elsewhere."""

    @property
    def cost(self) -> str:
        """`nothing`, `head`, `end` or `body`; `?` of a layer of which nothing is known."""
        if self.kind != "layer":
            return self.kind
        return (self.facts.cost if self.facts is not None else None) or "?"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        facts = self.facts or Facts()
        return {
            "layer": self.text,
            "kind": self.kind,
            "depth": self.depth,
            "cost": self.cost if self.kind == "layer" else None,
            "headers": list(facts.headers),
            "environ": list(facts.environ),
            "reads": sorted(facts.reads),
            "changes": sorted(facts.changes),
            "does": sorted(facts.does),
            "known": self.facts is not None,
            "findings": [finding.to_dict() for finding in self.findings],
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """What `explain` returns: the lines, outermost first, and the findings. `print` it."""

    layers: tuple[Explained, ...]
    """All lines, in the order in which a request comes to them."""
    findings: tuple[Finding, ...]
    """All findings; those of no layer are of the whole stack."""
    server: str | None = None

    def count(self, severity: str) -> int:
        """Return how many findings have a severity: `note`, `warning` or `error`."""
        return sum(finding.severity == severity for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, which JSON can write; `version` changes with its shape."""
        return {
            "version": 1,
            "server": self.server,
            "layers": [line.to_dict() for line in self.layers],
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def outline(self) -> str:
        """Return the lines alone, without what layers touch and without findings."""
        return "\n".join([_row("cost", "layer"), *(_line(each) for each in self.layers)])

    def __str__(self) -> str:
        rows = [_row("cost", "layer")]
        for each in self.layers:
            rows.append(_line(each))
            if each.facts is not None:
                for name in ("headers", "environ"):
                    touched = getattr(each.facts, name)
                    if touched:
                        rows += _wrapped(f"{name}: {', '.join(touched)}", each.depth)
            for finding in each.findings:
                rows += _wrapped(str(finding), each.depth)
        whole = [str(finding) for finding in self.findings if finding.layer is None]
        for text in whole:
            rows += ["", *textwrap.wrap(text, WIDTH, subsequent_indent="  ")]
        counted = Counter[str](finding.severity for finding in self.findings)
        total = [
            f"{counted[name]} {name}{'' if counted[name] == 1 else 's'}" for name in _SEVERITIES
        ]
        return "\n".join([*rows, "", ", ".join(total)])


def explain(
    app: WSGIApplication, *, ignore: Collection[str] = (), server: str | None = None
) -> Explanation:
    """Tell which layers an app consists of, what they touch and cost, and what clashes.

    `app`: a bound app; it is never called. `ignore`: ids of rules to leave out (the table is in
    docs/explain.md). `server`: the name of the server that it is for, such as `gunicorn`; without
    it the rules that depend on one are silent. Raises `TypeError` for what is no app, and for
    options of the wrong kind, `ValueError` for an id or a server that is not known.

    >>> from wsgimw import Compress, explain
    >>> def app(environ, start_response): ...
    >>> explanation = explain(Compress()(app), server="hypercorn")
    >>> [line.text for line in explanation.layers], [each.id for each in explanation.findings]
    (['Compress()', 'app'], ['repair-missing'])
    """
    misuse.check_app(app)
    ignored, known = check_ids(ignore), check_server(server)
    places = survey(app)
    findings = examine(places, ignored, known)
    lines = [
        Explained(
            place.text,
            place.kind,
            place.depth,
            place.facts,
            tuple([finding for finding in findings if finding.layer == place.index]),
            place.layer,
            place.bound,
        )
        for place in places
    ]
    return Explanation(tuple(lines), findings, known)


def _row(cost: str, text: str) -> str:
    return f"{cost:<{_COST}}{text}"


def _line(each: Explained) -> str:
    return _row(each.cost, "    " * each.depth + each.text)


def _wrapped(text: str, depth: int) -> list[str]:
    indent = " " * (_COST + 2) + "    " * depth
    return textwrap.wrap(
        text,
        max(WIDTH, len(indent) + 40),
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
