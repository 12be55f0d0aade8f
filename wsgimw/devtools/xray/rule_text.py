"""What a broken rule means, from the conformance kit's own words, so that the page needs no other.

>>> rule = explained(22)
>>> rule.title, rule.kind
('close() always arrives', 'a MUST of PEP 3333')
>>> explained(99) is None
True
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explained:
    """A rule of the protocol as a reader needs it."""

    number: int
    kind: str
    title: str
    text: str
    why: str
    source: str


def explained(number: int) -> Explained | None:
    """Return the rule of that number, or None."""
    # Only for who has broken one: with its probes that is a great module.
    from wsgimw.testing.probes import RULES
    from wsgimw.testing.rules import KINDS

    rule = RULES.get(number)
    if rule is None:
        return None
    kind = KINDS[rule.kind]
    return Explained(number, kind, rule.title, rule.text, rule.why, rule.source)
