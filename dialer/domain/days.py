"""The day of a campaign: what is counted per day is counted from one local midnight to the next."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from math import floor


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    """By the calendar of the campaign's zone."""
    start: float
    """Unix seconds; belongs to the day."""
    end: float
    """Unix seconds; belongs to the next day."""


def day_of(now: float, zone: tzinfo) -> Day:
    """The day that `now` (Unix seconds) is in. It has 23 or 25 hours where the clocks change.

    Where midnight is skipped the day begins with the first moment after it.
    """
    # whole seconds: fromtimestamp rounds, and the last microsecond of a day would be in the next
    today = datetime.fromtimestamp(floor(now), UTC).astimezone(zone).date()
    return Day(today, _midnight(today, zone), _midnight(today + timedelta(days=1), zone))


def _midnight(day: date, zone: tzinfo) -> float:
    return datetime.combine(day, time(), zone).timestamp()
