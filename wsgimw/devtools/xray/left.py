"""The left of the page: the stack as an onion, the layers, and what the doctor found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsgimw.devtools.xray import reading
from wsgimw.devtools.xray.markup import badge, code, text
from wsgimw.devtools.xray.onion_svg import onion
from wsgimw.devtools.xray.reading import (
    call,
    items,
    mapping,
    name,
    number,
    plural,
    shown,
    stack_layers,
)

KINDS = {"error": "bad", "warning": "warn", "note": "note"}
MOST_DEPTH = 8


def stack_section(stack: Mapping[str, Any] | None, recording: Mapping[str, Any]) -> str:
    """Return the stack; without an explanation it is read off the recording."""
    layers = stack_layers(stack)
    if not layers:
        seen = max(map(reading.layers, reading.requests(recording)), key=len, default=[])
        layers = [{"layer": name(layer)} for layer in seen]
    if not layers:
        return '<p class="soft">The stack is shown with the first request.</p>\n'
    findings = [mapping(each) for layer in layers for each in items(layer.get("findings"))]
    whole = [mapping(each) for each in items(mapping(stack).get("findings"))]
    whole = [finding for finding in whole if finding.get("layer") is None]
    count = len(findings) + len(whole)
    if stack is None:
        verdict = ""
    elif count:
        verdict = f'<p class="verdict">The doctor found {plural(count, "thing")}.</p>\n'
    else:
        verdict = '<p class="verdict fine">The doctor found nothing.</p>\n'
    rows = "".join(_layer(layer) for layer in layers)
    about = "".join(_finding(finding) for finding in whole)
    return f'{onion(layers)}{verdict}{about}<ol class="stack">\n{rows}</ol>\n'


def _layer(layer: Mapping[str, Any]) -> str:
    depth = min(MOST_DEPTH, int(number(layer.get("depth"))))
    findings = "".join(_finding(mapping(each)) for each in items(layer.get("findings")))
    cost = layer.get("cost")
    known = cost and cost != "?"
    touches = f'<span class="cost soft">touches {text(cost, 20)}</span>' if known else ""
    row = f'<div class="row">{code(call(layer))}{touches}</div>'
    return f'<li class="depth{depth}">{row}{findings}</li>\n'


def _finding(finding: Mapping[str, Any]) -> str:
    severity = shown(finding.get("severity"), 40)
    kind = KINDS.get(severity, "note")
    said = " ".join(shown(finding.get(key), 800) for key in ("message", "why")).strip()
    fix = finding.get("fix")
    shown_fix = f"<p><b>Fix:</b> {text(fix, 800)}</p>" if fix else ""
    return (
        f'<div class="finding {kind}"><p>{badge(kind, severity or "note")} '
        f'<span class="soft">{text(finding.get("id"), 80)}</span></p>'
        f"<p>{text(said[:1].upper() + said[1:])}</p>{shown_fix}</div>"
    )
