"""One line that proves a layer: `check_middleware(layer)`.

Every probe of the protocol's 41 rules is run against the layer, each with an app of its own inside
and a strict server outside. Use it in the tests of any WSGI middleware, ours or not; it needs no
network and takes some tens of milliseconds. It judges how a layer behaves where it passes things
on. Give `environ` what makes the layer do its work, and use `skip` for rules that it breaks on
purpose.

>>> def textbook(app):
...     def bound(environ, start_response):
...         body = app(environ, start_response)
...         try:
...             yield from body
...         finally:
...             if hasattr(body, "close"):
...                 body.close()
...     return bound
>>> report = check_middleware(textbook)
>>> report.ok, sorted({result.rule for result in report.failures})
(False, [21, 22, 29])
>>> bool(check_middleware(lambda app: app))
True

In a test `assert check_middleware(Compress(), environ={"HTTP_ACCEPT_ENCODING": "gzip"})` prints,
for each broken rule, what was expected, what came, and why it matters.
"""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from wsgimw.testing.probes import RULES
from wsgimw.testing.rules import KINDS, Broken, Hung, Kit, Layer, Probe, Rule, bounded, said

MOST_HANGS = 2  # after the first hang every probe runs on a thread; after the second none does
Status = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Result:
    """What one probe found; `message`: what was expected and what came, or why it was not run."""

    id: str
    rule: int
    status: Status
    message: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """What the kit found about one layer. True when nothing failed."""

    layer: str
    results: tuple[Result, ...]

    @property
    def failures(self) -> tuple[Result, ...]:
        """The results of the probes that failed, in the order of the rules."""
        return tuple(result for result in self.results if result.status == "failed")

    @property
    def ok(self) -> bool:
        """Whether no probe failed."""
        return not self.failures

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return _Page(_page(self))


def check_middleware(
    layer: Layer, *, skip: Iterable[int | str] = (), environ: Mapping[str, Any] | None = None
) -> Report:
    """Run every probe against `layer`, each on a fresh request to a strict server.

    `skip`: numbers of rules, or ids of probes, that the layer breaks on purpose; an unknown one is
    a `ValueError`. A rule that others' probes judge (40) skips those. `environ`: keys that are
    added to every request. Whatever the layer does, nothing is raised: that is a failed probe.
    """
    skipped = _skipped(skip)
    keys = dict(environ or {})
    results: list[Result] = []
    hung = 0
    for rule in RULES.values():
        for probe in rule.probes.values():
            if probe.id in skipped:
                results.append(Result(probe.id, probe.rule, "skipped"))
            elif hung == MOST_HANGS:  # a lock of the layer is held for good
                message = "not run, since the layer never came back from other probes"
                results.append(Result(probe.id, probe.rule, "skipped", message))
            else:
                result, hangs = _judge(probe, Kit(layer, keys), bool(hung))
                results.append(result)
                hung += hangs
    return Report(_name(layer), tuple(results))


def rules_markdown() -> str:
    """Return the page of the rules in Markdown: every rule with its text, its reason, and its
    probes.
    """
    parts = [
        "# The rules that every layer keeps",
        "",
        "Each rule is a promise of every layer here, and is judged by the probes named under it: "
        "`wsgimw.testing.check_middleware(layer)` runs them all. "
        + "; ".join(f"**{kind}** is {meaning}" for kind, meaning in KINDS.items())
        + ".",
    ]
    for rule in RULES.values():
        parts += ["", *_rule_markdown(rule)]
    return "\n".join(parts) + "\n"


def _rule_markdown(rule: Rule) -> list[str]:
    lines = [f"## {rule.number}. {_plain(rule.title)}", "", f"**{rule.kind}.** {_plain(rule.text)}"]
    lines += ["", f"*Why:* {_plain(rule.why)}", "", f"*Source:* {_plain(rule.source)}."]
    if rule.seen:
        lines += ["", f"*Seen:* {_plain(rule.seen)}."]
    probes = [f"- `{probe.id}`: {_plain(probe.story)}" for probe in rule.probes.values()]
    borrowed = [f"- the probes of rule {number}" for number in rule.borrows]
    return [*lines, "", "Probes:", "", *probes, *borrowed]


def _plain(text: str) -> str:
    """Return text as Markdown that shows it as it is: `__len__` is no bold word."""
    return re.sub(r"([\\`*_<])", r"\\\1", text)


def _skipped(skip: Iterable[int | str]) -> set[str]:
    """Return the ids of all probes that `skip` names."""
    if isinstance(skip, str):
        raise ValueError(f"skip is a string; write skip=({skip!r},)")
    probes = {probe.id for rule in RULES.values() for probe in rule.probes.values()}
    skipped: set[str] = set()
    for item in skip:
        if isinstance(item, int) and item in RULES:
            for number in (item, *RULES[item].borrows):
                skipped.update(RULES[number].probes)
        elif isinstance(item, str) and item in probes:
            skipped.add(item)
        else:
            near = difflib.get_close_matches(str(item), probes, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"skip holds {item!r}, which is neither a rule (1 to 41) nor a probe's id.{hint}"
            )
    return skipped


def _judge(probe: Probe, layer: Kit, warily: bool) -> tuple[Result, bool]:
    """Run one probe, `warily` on a thread of its own; return its result and whether it hung."""
    message = ""
    hangs = False
    try:
        if warily:
            bounded(lambda: probe.run(layer))
        else:
            probe.run(layer)
    except Broken as fault:
        message = str(fault)
        hangs = isinstance(fault, Hung)
    except KeyboardInterrupt as interrupt:
        if type(interrupt) is KeyboardInterrupt:
            raise  # from the keyboard
        message = _raised(interrupt)
    except BaseException as error:  # SystemExit, too: the layer is on trial, not this process
        message = _raised(error)
    return Result(probe.id, probe.rule, "failed" if message else "passed", message), hangs


def _raised(error: BaseException) -> str:
    """Say what was raised and where."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f", at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    return f"expected the request to be served; but {said(error)}{place}"


def _name(layer: object) -> str:
    """Name a layer without an address, whatever its `repr` does."""
    named = getattr(layer, "__qualname__", None)
    try:
        text = named if isinstance(named, str) else repr(layer)
    except BaseException:
        text = ""
    return text if text and " at 0x" not in text else type(layer).__qualname__


def _page(report: Report) -> str:
    count = len(report.failures)
    if not count:
        skipped = sum(result.status == "skipped" for result in report.results)
        left = f", {skipped} skipped" if skipped else ""
        return f"<Report on {report.layer}: {len(report.results) - skipped} probes passed{left}>"
    lines = [f"{report.layer} breaks the protocol: {count} of {len(report.results)} probes failed"]
    same: dict[tuple[int, str], list[str]] = {}
    for result in report.failures:
        same.setdefault((result.rule, result.message), []).append(result.id)
    for (number, message), ids in same.items():
        rule = RULES[number]
        expected, _, came = message.partition("; but ")
        lines += ["", f"rule {number}: {rule.title} ({', '.join(ids)})"]
        for label, text in (
            ("", expected),
            ("but ", came),
            ("why: ", rule.why),
            ("see ", rule.source),
        ):
            lines += textwrap.wrap(label + text, 88, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(lines)


class _Page(str):
    """A `repr` of many lines that pytest prints whole.

    For `assert report` pytest takes `repr(report)`, cuts it at 240 characters and writes its line
    ends as backslash and n. Both would hide the reason. So this text says that it is short, and
    answers pytest's two ways to `replace` line ends with pytest's own mark for a line that goes on
    (`~`), once. All else is a plain `str`.
    """

    __slots__ = ()

    def __len__(self) -> int:
        return min(super().__len__(), 200)

    def replace(self, old: str, new: str, count: Any = -1, /) -> str:
        if (old, new) == ("\n", "\\n"):
            return _Page(super().replace("\n", "\n~"))
        if (old, new) == ("\n", "\n~") and "\n~" in self:
            return self
        return super().replace(old, new, count)
