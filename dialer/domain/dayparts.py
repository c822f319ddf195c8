"""Parts of the day: somebody who does not answer in the morning is tried in the afternoon or the evening."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from dialer.domain.delays import wall_time


class DayPart(StrEnum):
    MORNING = "morning"
    AFTERNOON = "afternoon"
    EVENING = "evening"


HOURS = {DayPart.MORNING: (8, 12), DayPart.AFTERNOON: (12, 17), DayPart.EVENING: (17, 21)}
"""Local hours from and to (the latter excluded), in the order of the day; the night is no part."""


def part_of(at: float, zone: tzinfo) -> DayPart | None:
    """The part of the callee's day at `at`; None at night."""
    hour = datetime.fromtimestamp(int(at), zone).hour  # of the whole second: a float would be rounded up
    for part, (start, end) in HOURS.items():
        if start <= hour < end:
            return part
    return None


def spread_out(due_at: float, rung_at: Sequence[float], zone: tzinfo) -> float:
    """`due_at`, or the next beginning of a part in which nobody has tried yet. Never earlier.

    It stays as it is in an untried part, and when every part has been tried.
    """
    untried = set(DayPart) - {part_of(at, zone) for at in rung_at}
    if not untried or part_of(due_at, zone) in untried:
        return due_at
    today = datetime.fromtimestamp(due_at, zone).date()
    for day in (today, today + timedelta(days=1)):
        for part, (start, _) in HOURS.items():
            at = wall_time(day, start, 0, zone, due_at) if part in untried else due_at
            if at > due_at:
                return at
    return due_at
