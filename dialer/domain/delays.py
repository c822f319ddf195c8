"""How long to wait before a person is called again: seconds, or until a time on the callee's own clock."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from dialer.domain.caps import UNITS_S, parse_duration

DELAYS_MAX = 50
"""A list of delays has at most so many."""
DAYS_MAX = 365
NEVER = "never"

_LOCAL = re.compile(r"(?:next day|in ([0-9]{1,3}) days?)\s+([01]?[0-9]|2[0-3]):([0-5][0-9])\s+local")


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A time on the callee's clock, on the day that comes `days` after today."""

    days: int
    hour: int
    minute: int


Delay = float | LocalTime
"""Seconds, or a local time."""


def parse_delays(text: str, count: int | None = None) -> tuple[Delay, ...]:
    """The delays in `5m, 30m, 4h, next day 10:00 local`; `never` is none.

    Each is for one redial. With a larger `count` the last is used again, up to so many redials. Raises
    `ValueError`, which says how to write it.
    """
    delays = () if text.strip() == NEVER else tuple(_parse_delay(part.strip()) for part in text.split(","))
    if count is None:
        count = len(delays)
    if count > DELAYS_MAX:
        raise ValueError(f"{count} redials are too many: at most {DELAYS_MAX}")
    if count < len(delays) or (count and not delays):
        raise ValueError(
            f"{text!r} has {len(delays)} delays and the count of redials is {count}: "
            "write a count that is not smaller, or leave it out"
        )
    return delays + delays[-1:] * (count - len(delays))


def _parse_delay(text: str) -> Delay:
    match = _LOCAL.fullmatch(text)
    if match is not None:
        days = int(match[1] or 1)
        if not 1 <= days <= DAYS_MAX:
            raise ValueError(f"{text!r}: write a number of days from 1 to {DAYS_MAX}")
        return LocalTime(days, int(match[2]), int(match[3]))
    try:
        seconds = parse_duration(text)
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise ValueError(
            f"{text!r} is no delay: write for example 5m, 4h, next day 10:00 local or in 2 days 9:30 local, "
            f"or {NEVER} instead of the whole list"
        )
    return seconds


def due_after(delay: Delay, now: float, zone: tzinfo | None) -> float:
    """When to call again; never before `now`. Without a zone a local time is so many times 24 hours away."""
    if not isinstance(delay, LocalTime):
        return now + delay
    if zone is None:
        return now + delay.days * UNITS_S["d"]
    day = datetime.fromtimestamp(now, zone).date() + timedelta(days=delay.days)
    return wall_time(day, delay.hour, delay.minute, zone, now)


def wall_time(day: date, hour: int, minute: int, zone: tzinfo, after: float) -> float:
    """Unix seconds of a local time, not before `after`.

    A time that the clocks skip is as much later as they skip; of a time that they show twice the first is
    taken that is not too early.
    """
    local = datetime.combine(day, time(hour, minute), zone)
    first = local.timestamp()
    return first if first >= after else max(after, local.replace(fold=1).timestamp())
