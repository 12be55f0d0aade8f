"""What one layer did to one request: its diff of environ, head, body, and the rules it broke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wsgimw.devtools.xray.markup import badge, code, text
from wsgimw.devtools.xray.reading import (
    bytes_text,
    changes,
    items,
    mapping,
    name,
    number,
    pairs,
    plural,
    shown,
    times,
    two,
)
from wsgimw.devtools.xray.rule_text import explained

SPENT = (
    ("in", "on the way in"),
    ("inner", "inside"),
    ("head", "editing the head"),
    ("stream", "streaming"),
    ("close", "closing"),
    ("self", "by itself"),
    ("total", "in all"),
)


def did(layer: Mapping[str, Any], *, innermost: bool = False) -> str:
    """Return in one line what a layer did.

    >>> did({"head": {"added": {"Vary": "Origin"}, "removed": ["Content-Length"]}})
    'header +Vary \u2212Content-Length'
    >>> did({})
    'passed all of it on'
    """
    parts = []
    if layer.get("answered") or innermost:
        parts.append(shown(two(layer.get("status"))[1], 80) or "no head")
    for what, diff in (("environ", layer.get("environ")), ("header", layer.get("head"))):
        marks = [] if innermost and what == "header" else _marks(mapping(diff))
        if marks:
            parts.append(" ".join([what, *marks]))
    came, left = (number(size) for size in two(layer.get("bytes")))
    if innermost and left:
        parts.append(bytes_text(left))
    elif came != left and not layer.get("answered"):
        parts.append(f"{bytes_text(came)} \u2192 {bytes_text(left)}")
    return " \u00b7 ".join(parts) or "passed all of it on"


def _marks(diff: Mapping[str, Any]) -> list[str]:
    added = [f"+{name}" for name, _ in pairs(diff.get("added"))]
    changed = [f"~{name}" for name, *_ in changes(diff.get("changed"))]
    removed = [f"\u2212{name}" for name, _ in pairs(diff.get("removed"))]
    return [*added, *changed, *removed]


def layer_section(
    layer: Mapping[str, Any], index: int, *, innermost: bool, alone: bool = False
) -> str:
    """Return a layer, folded; `#layer-INDEX` unfolds it, with and without a script.

    `innermost`: it is the app, or (`alone`) a layer that has answered by itself.
    """
    found = [mapping(fault) for fault in items(layer.get("faults"))]
    mark = badge("bad", plural(len(found), "fault")) if found else ""
    mark += badge("note", "answered by itself") if alone else ""
    error = shown(layer.get("error"), 80)
    mark += badge("bad" if error.startswith("raised") else "note", error) if error else ""
    summary = (
        f'<span class="call">{code(name(layer), 300)}</span>'
        f'<span class="did">{text(did(layer, innermost=innermost), 300)} {mark}</span>'
        f'<span class="spent">{times(mapping(layer.get("ms")).get("self"))}</span>'
    )
    parts = [_faults(found), _error(layer), _diff("environ", layer.get("environ"))]
    parts += [_diff("head", layer.get("head"), _status(layer)), _unchanged(layer, innermost)]
    parts += [_body(layer, innermost), _spent(layer)]
    return (
        f'<details class="layer{" core" if innermost else ""}" data-layer="{index}">'
        f'<summary>{summary}</summary>\n<div class="diffs" id="layer-{index}">\n'
        f"{''.join(parts)}</div></details>\n"
    )


def _unchanged(layer: Mapping[str, Any], innermost: bool) -> str:
    same = [] if innermost or any(_marks(mapping(layer.get("environ")))) else ["environ"]
    if not _status(layer) and not any(_marks(mapping(layer.get("head")))):
        same.append("head")
    return f'<p class="soft">unchanged: {", ".join(same)}</p>\n' if same else ""


def _diff(what: str, value: Any, first: Sequence[str] = ()) -> str:
    """Return a diff of names and values, or nothing; `first`: lines that stand above."""
    diff = mapping(value)
    added, changed = pairs(diff.get("added")), changes(diff.get("changed"))
    removed = pairs(diff.get("removed"))
    rows = [*first]
    rows += [_line("add", "added", name, value) for name, value in added]
    rows += [_change(name, before, after) for name, before, after in changed]
    rows += [_line("del", "removed", name, value) for name, value in removed]
    return f'<h4>{text(what)}</h4>\n<ul class="diff">\n{"".join(rows)}</ul>\n' if rows else ""


def _line(kind: str, word: str, name: str, value: str) -> str:
    sign = "+" if kind == "add" else "\u2212"
    rest = f'<span class="sep">: </span><span class="value">{text(value)}</span>' if value else ""
    return (
        f'<li class="{kind}"><span class="sign" aria-hidden="true">{sign}</span>'
        f'<span class="unseen">{word} </span><code><b>{text(name)}</b>{rest}</code></li>\n'
    )


def _change(name: str, before: str, after: str) -> str:
    return (
        '<li class="mod"><span class="sign" aria-hidden="true">~</span>'
        f'<span class="unseen">changed </span><code><b>{text(name)}</b><span class="sep">: </span>'
        f'<del>{text(before)}</del> <span aria-hidden="true">\u2192</span> '
        f"<ins>{text(after)}</ins></code></li>\n"
    )


def _status(layer: Mapping[str, Any]) -> list[str]:
    inner, outer = two(layer.get("status"))
    if not outer or inner == outer:
        return []
    if inner:
        return [_change("status", shown(inner), shown(outer))]
    return [_line("add", "gave", "status", shown(outer))]


def _body(layer: Mapping[str, Any], innermost: bool) -> str:
    (taken, given), (came, left) = two(layer.get("blocks")), two(layer.get("bytes"))
    into = f"{plural(int(number(taken)), 'block')}, {bytes_text(came)}"
    out = f"{plural(int(number(given)), 'block')}, {bytes_text(left)}"
    said = out if innermost or into == out else f"{into} \u2192 {out}"
    facts = ["a file, which passes as it is and is not seen"] if left is None else [said]
    if layer.get("write"):
        facts.append("write() was used")
    closed = layer.get("closed")
    if closed is False:
        facts.append("close() never came")
    elif isinstance(closed, (int, float)) and closed is not True:
        facts.append(f"closed after {times(closed)}")
    elif closed:
        facts.append("closed")
    return f"<h4>body</h4>\n<p>{text('; '.join(facts))}</p>\n"


def _spent(layer: Mapping[str, Any]) -> str:
    ms = mapping(layer.get("ms"))
    cells = "".join(
        f"<div><dt>{words}</dt><dd>{times(ms.get(key))}</dd></div>" for key, words in SPENT
    )
    return f'<h4>time</h4>\n<dl class="spent-table">{cells}</dl>\n'


def _error(layer: Mapping[str, Any]) -> str:
    error = layer.get("error")
    return f'<h4>exception</h4>\n<p class="fault">{text(error)}</p>\n' if error else ""


def _faults(found: list[Mapping[str, Any]]) -> str:
    if not found:
        return ""
    shown_faults = []
    for fault in found:
        number_of = int(number(fault.get("rule")))
        rule = explained(number_of)
        said = f"<p><b>Rule {number_of}</b>: {text(fault.get('message'), 1200)}</p>"
        if rule is not None:
            said += (
                f'<details class="rule"><summary>Rule {rule.number}: {text(rule.title)}</summary>'
                f"<p>{text(rule.text)}</p><p><b>Why:</b> {text(rule.why)}</p>"
                f'<p class="soft">{text(rule.source)}; {text(rule.kind)}</p></details>'
            )
        shown_faults.append(f'<div class="fault">{said}</div>\n')
    return f"<h4>broken rules</h4>\n{''.join(shown_faults)}"
