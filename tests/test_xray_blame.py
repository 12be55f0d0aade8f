"""The X-ray blames as the linter does: every fault of the catalogue, once, and who did it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from tests.faults import CASES, Case, hello
from tests.test_linter import INNER, OUTER, PLACES, answering, request
from wsgimw import compose, xray
from wsgimw.testing.server import App, Call

# To hear of keywords would cost each call: a spy's signature has the two names of PEP 3333.
UNSEEN = {"the app called by keywords"}


def placed(case: Case, place: str) -> tuple[App, str]:
    """Return the app with the case at its place, and who is to blame."""
    broken: Any = case.broken
    if case.where == "app":
        if place == "alone":
            return broken, f"app: {case.id}"
        if place == "innermost":
            return compose(*OUTER, *INNER)(broken), f"app: {case.id}"
        return compose(*OUTER, answering(broken), *INNER)(hello), "bad_layer"
    stack = {
        "alone": compose(broken),
        "innermost": compose(*OUTER, *INNER, broken),
        "in the middle": compose(*OUTER, broken, *INNER),
    }
    return stack[place](case.inner), f"layer: {case.id}"


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
@PLACES
def test_a_fault_is_blamed_once_and_rightly(case: Case, place: str) -> None:
    app, guilty = placed(case, place)
    xrayed: Any = xray(app)
    with suppress(Exception):  # what is broken may break others
        Call(xrayed, request(case)).run()
    (recorded,) = xrayed.recording.requests
    blamed = [
        (fault["rule"], lane["layer"]) for lane in recorded["layers"] for fault in lane["faults"]
    ]
    assert blamed == ([] if case.id in UNSEEN else [(case.rule, guilty)])
