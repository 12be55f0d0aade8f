"""The left of the page: the stack as an onion, the layers, and what the doctor found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsgimw.devtools.xray import reading
from wsgimw.devtools.xray.markup import badge, code, text
from wsgimw.devtools.xray.onion_svg import onion
from wsgimw.devtools.xray.reading import items, mapping, number, plural, shown

KINDS = {"error": "bad", "warning": "warn", "note": "note"}
MOST_DEPTH = 8


def stack_section(stack: Mapping[str, Any] | None, recording: Mapping[str, Any]) -> str:
    """Return the stack; without an explanation it is read off the newest request."""
    layers = [mapping(layer) for layer in items(mapping(stack).get("layers"))]
    if not layers:
        seen = max(
            map(reading.layers, reading.requests(recording)),
            key=len,
            default=[],
        )
        layers = [{"text": reading.name(layer)} for layer in seen]
    if not layers:
        return '<p class="soft">The stack is shown with the first request.</p>\n'
    findings = [mapping(each) for layer in layers for each in items(layer.get("findings"))]
    if stack is None:
        verdict = ""
    elif findings:
        verdict = f'<p class="verdict">The doctor found {plural(len(findings), "thing")}.</p>\n'
    else:
        verdict = '<p class="verdict fine">The doctor found nothing.</p>\n'
    rows = "".join(_layer(layer) for layer in layers)
    return f'{onion(layers)}{verdict}<ol class="stack">\n{rows}</ol>\n'


def _layer(layer: Mapping[str, Any]) -> str:
    depth = min(MOST_DEPTH, int(number(layer.get("depth"))))
    findings = "".join(_finding(mapping(each)) for each in items(layer.get("findings")))
    return f'<li class="depth{depth}">{code(layer.get("text"), 400)}{findings}</li>\n'


def _finding(finding: Mapping[str, Any]) -> str:
    severity = shown(finding.get("severity"), 40)
    fix = finding.get("fix")
    shown_fix = f"<p><b>Fix:</b> {text(fix, 800)}</p>" if fix else ""
    return (
        f'<div class="finding {KINDS.get(severity, "note")}">'
        f"<p>{badge(KINDS.get(severity, 'note'), severity or 'note')} "
        f'<span class="soft">{text(finding.get("id"), 80)}</span></p>'
        f"<p>{text(finding.get('why'), 800)}</p>{shown_fix}</div>"
    )
