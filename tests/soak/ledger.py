"""Hold what clients saw beside what the log says: one line for each request that was answered."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.soak.requests import Plan

MOST_PROBLEMS = 50  # are kept: the first say what it is
LONGEST = 400
OF_THE_SERVER = (400, 408, 413, 414, 417, 431, 501, 505)
"""What a server answers by itself, before the app is asked."""


@dataclass(slots=True)
class Seen:
    """What a client saw of a request: its status, its id, and the bytes of its body."""

    plan: Plan
    status: int
    id: str
    size: int | None


@dataclass
class Ledger:
    """Requests without a line, lines without an answer, and what did not fit."""

    closing: threading.Event = field(default_factory=threading.Event)
    problems: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _next: int = 0
    _waiting: dict[int, Seen] = field(default_factory=dict)
    """Answered, and no line yet: it comes after the client has its answer."""
    _early: dict[int, dict[str, Any]] = field(default_factory=dict)
    """A line, and the client is not yet done."""
    _open: dict[int, Plan] = field(default_factory=dict)
    _lines: bytearray = field(default_factory=bytearray)
    """Lines by request, up to 255."""

    def number(self, plan: Plan) -> int:
        """Give the next request its number."""
        with self._lock:
            number = self._next
            self._next += 1
            self._open[number] = plan
            self._lines.append(0)
            self.counts["requests"] += 1
            self.counts[f"kind {plan.kind}"] += 1
            return number

    def answered(
        self, plan: Plan, number: int, status: int, identity: str | None, size: int | None
    ) -> None:
        """A client got an answer; with an id it came through the stack."""
        if status >= 500 if not plan.status else status not in plan.status:
            by_server = identity is None and not plan.status and status in OF_THE_SERVER
            if not by_server:
                self.problem(plan, number, f"status {status}")
        if identity is None:
            self.counts["answered by the server"] += 1
            if plan.status or status not in OF_THE_SERVER:
                self.problem(plan, number, f"status {status} without an id")
            return self._done(number, None)
        self.counts["answered"] += 1
        self._done(number, Seen(plan, status, identity, size))

    def left(self, plan: Plan, number: int) -> None:
        """A client has left, or got nothing: there may be a line."""
        self.counts["left"] += bool(plan.leaves)
        self._done(number, None)

    def failed(self, plan: Plan, number: int, error: Exception) -> None:
        """A client got no answer it could read."""
        if plan.status and not plan.leaves:
            self.problem(plan, number, repr(error))
        self._done(number, None)

    def line(self, text: str) -> None:
        """Take one line of the log."""
        try:
            entry = json.loads(text)
            number = int(re.fullmatch(r"soak/(\d+)", entry["user_agent"])[1])  # type: ignore[index]
        except (ValueError, KeyError, TypeError):
            # Only what is not HTTP may come without a name.
            self.counts["lines without a number"] += 1
            return
        with self._lock:
            self.counts["lines"] += 1
            self.outcomes[entry["outcome"]] += 1
            if number >= len(self._lines):
                self._problem(f"a line for request {number}, which was never sent")
                return
            self._lines[number] = min(255, self._lines[number] + 1)
            if self._lines[number] > 1:
                self._problem(f"request {number} has {self._lines[number]} lines: {text}")
            if number in self._waiting:
                self._compare(number, self._waiting.pop(number), entry)
            elif number in self._open:
                self._early[number] = entry
            elif entry["status"] >= 500:
                self._problem(f"an error of ours for a client that left: {text}")

    def finish(self) -> None:
        """No line comes any more: what was answered and has none is missing."""
        with self._lock:
            for number, seen in self._waiting.items():
                self._problem(f"{seen.plan.kind} {number}: no line")

    @property
    def lag(self) -> int:
        """How many answers wait for their line."""
        return len(self._waiting)

    def problem(self, plan: Plan, number: int, text: str) -> None:
        """Note what should not be."""
        with self._lock:
            asked = repr(plan.raw[:80]) if plan.raw else f"{plan.method} {plan.path[:80]}"
            fields = str(plan.headers)[:160]
            self._problem(f"{plan.kind} {number} ({asked} {fields}): {text}")

    def _problem(self, text: str) -> None:
        self.counts["problems"] += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(text if len(text) < LONGEST else text[:LONGEST] + " ...")

    def _done(self, number: int, seen: Seen | None) -> None:
        with self._lock:
            plan = self._open.pop(number)
            entry = self._early.pop(number, None)
            if entry is None:
                if seen is not None and not self._lines[number]:
                    self._waiting[number] = seen
            elif seen is not None:
                self._compare(number, seen, entry)
            elif entry["status"] >= 500:
                self._problem(f"{plan.kind} {number}: an error of ours: {entry}")

    def _compare(self, number: int, seen: Seen, entry: dict[str, Any]) -> None:
        found = (entry["status"], entry["request_id"])
        if found != (seen.status, seen.id):
            self._problem(
                f"{seen.plan.kind} {number}: the line has {found}, the client has "
                f"{seen.status, seen.id}"
            )
        if seen.size is None or seen.plan.leaves:
            return
        allowed = ("failed_midstream",) if seen.plan.cut else ("complete", "handed_off")
        if entry["outcome"] not in allowed:
            self._problem(f"{seen.plan.kind} {number}: outcome {entry['outcome']}")
        if not seen.plan.cut and entry.get("bytes") not in (seen.size, None):
            self._problem(
                f"{seen.plan.kind} {number}: {entry.get('bytes')} bytes on the line, "
                f"{seen.size} at the client"
            )
