"""The record of decisions beside the account's calls: whoever asks why is told what was done.

Read as it is kept, an array in JSON, and judged by the checker's own rules.
"""

import bisect
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.week.checks import NEVER_RANG
from tests.week.law import Law
from tests.week.plan import CAPS, GAP_S
from tests.week.run import Evidence

LATE_S = 120.0
"""A call whose answer was lost is found at most so much later, and counts from then on."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision."""

    at: float
    attempt_id: str | None
    number: str | None
    verdict: str
    rule: str
    why: str
    until: float | None
    input: dict[str, Any]


class Record:
    """The decisions, and what the checker needs to judge them."""

    def __init__(self, seen: Evidence) -> None:
        self.seen = seen
        self.law = Law(seen.plan.times)
        self.leads = {lead.number: lead for lead in seen.leads}

    @cached_property
    def entries(self) -> list[Entry]:
        found = []
        for body in self.seen.decisions:
            at, _, _, attempt_id, number, verdict, rule, why, until, facts = json.loads(body)
            found.append(Entry(at, attempt_id, number, verdict, rule, why, until, facts))
        return found

    @cached_property
    def dials(self) -> dict[str, list[Entry]]:
        """By attempt."""
        found: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.entries:
            if entry.verdict == "dial":
                found[entry.attempt_id or ""].append(entry)
        return found

    @cached_property
    def rung(self) -> dict[str, list[float]]:
        """When each number was called, ascending."""
        found: dict[str, list[float]] = defaultdict(list)
        for call in self.seen.calls:
            if call.reason not in NEVER_RANG:
                found[call.number].append(call.at)
        return found

    def rung_before(self, number: str, at: float) -> list[float]:
        times = self.rung.get(number, [])
        return times[: bisect.bisect_left(times, at)]

    def is_live(self, number: str, at: float) -> bool:
        return any(call.at < at < call.until for call in self.calls_of.get(number, ()))

    @cached_property
    def calls_of(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = defaultdict(list)
        for call in self.seen.calls:
            found[call.number].append(call)
        return found


def each_call_is_explained(record: Record) -> Iterator[str]:
    """Exactly one dial entry with the call's attempt, its number, its line and its time."""
    for call in record.seen.calls:
        found = record.dials.get(call.attempt_id, [])
        if len(found) != 1:
            yield f"the call to {call.number} has {len(found)} entries"
            continue
        entry = found[0]
        if (entry.number, entry.input.get("from_number")) != (call.number, call.line):
            yield f"the entry of the call to {call.number} is of {entry.number}"
        if entry.at != record.seen.attempts.get(call.attempt_id) or entry.at > call.at:
            yield f"the entry of the call to {call.number} is of another time"


def each_dial_is_an_attempt(record: Record) -> Iterator[str]:
    """Each attempt of the ledger has one entry, and there is no other."""
    for attempt_id, found in record.dials.items():
        if len(found) != 1 or attempt_id not in record.seen.attempts:
            yield f"attempt {attempt_id} has {len(found)} entries"
    for attempt_id in record.seen.attempts.keys() - record.dials.keys():
        yield f"attempt {attempt_id} has no entry"


def each_dial_was_allowed(record: Record) -> Iterator[str]:
    """At the time of the entry, by what the checker knows; and by the counts that the entry names."""
    for found in record.dials.values():
        for entry in found:
            number = entry.number or ""
            if not record.law.allows(record.law.where(record.leads[number]), entry.at):
                yield f"{number} at {entry.at:.0f}: not in its hours"
            before = record.rung_before(number, entry.at)
            if before and entry.at - before[-1] < GAP_S:
                yield f"{number} at {entry.at:.0f}: under the gap"
            for most, window_s, name in CAPS:
                counted = sum(entry.at - at < window_s for at in before)
                at_most = sum(entry.at - at < window_s + LATE_S for at in before)
                named = entry.input.get("counts", {}).get(name, -1)
                if counted >= most or not min(counted, most) <= named <= at_most:
                    yield f"{number} at {entry.at:.0f}: {counted} calls for {name}, and the entry has {named}"


def each_wait_for_hours_was_due(record: Record) -> Iterator[str]:
    """Not allowed then; allowed at the moment it names, and not a second before."""
    ends = (record.seen.plan.times.start_at, record.seen.plan.ends_at)  # of the two campaigns
    for entry in _waits(record, "hours"):
        where = record.law.where(record.leads[entry.number or ""])
        if record.law.allows(where, entry.at):
            yield f"{entry.number} at {entry.at:.0f} could have been called: {entry.why}"
        elif entry.until is None or entry.until in ends:
            continue  # it was cut short
        elif not record.law.allows(where, entry.until) or record.law.allows(where, entry.until - 1):
            yield f"{entry.number} at {entry.at:.0f} waits for {entry.until:.0f}, which is not the moment"


def each_wait_for_caps_was_due(record: Record) -> Iterator[str]:
    """A cap was full, the gap not over, or a call under way."""
    for entry in _waits(record, "caps"):
        number = entry.number or ""
        before = record.rung_before(number, entry.at)
        full = any(
            sum(entry.at - at < window_s + LATE_S for at in before) >= most for most, window_s, _ in CAPS
        )
        gap = bool(before) and entry.at - before[-1] < GAP_S + LATE_S
        if not (full or gap or record.is_live(number, entry.at)):
            yield f"{number} at {entry.at:.0f} could have been called: {entry.why}"


def each_drop_was_due(record: Record) -> Iterator[str]:
    """On the list by then; or nobody knows where it is; or it had expired."""
    asked = {call.number: call.until for call in record.seen.calls if call.reason == "user_requested_dnc"}
    for entry in record.entries:
        if entry.verdict != "drop":
            continue
        number = entry.number or ""
        match entry.rule:
            case "do_not_call":
                since = min(record.seen.suppressed.get(number, float("inf")), asked.get(number, float("inf")))
                due = since <= entry.at
            case "hours":
                due = not record.law.where(record.leads[number]).zones
            case "campaign.ends_at":
                due = True
            case _:
                due = False
        if not due:
            yield f"{number} was dropped at {entry.at:.0f} for {entry.rule}: {entry.why}"


def _waits(record: Record, rule: str) -> Iterator[Entry]:
    return (entry for entry in record.entries if entry.verdict == "wait" and entry.rule == rule)


RecordCheck = Callable[[Record], Iterator[str]]
RECORD_CHECKS: tuple[RecordCheck, ...] = (
    each_call_is_explained,
    each_dial_is_an_attempt,
    each_dial_was_allowed,
    each_wait_for_hours_was_due,
    each_wait_for_caps_was_due,
    each_drop_was_due,
)


def disagreements(seen: Evidence) -> dict[str, list[str]]:
    """Where the record and the account's calls differ, by checker."""
    record = Record(seen)
    return {check.__name__: list(check(record)) for check in RECORD_CHECKS}
