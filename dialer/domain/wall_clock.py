"""What clocks on the wall show, also while they are being changed.

When clocks are set back by an hour at T, everything from an hour before T to an hour after it is read twice.
Some clocks have been set by then and some have not, so in that time both readings count. When clocks are set
forward, the hour that is left out is shown by none.
"""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `start` up to `end` (Unix seconds) clocks are ahead of UTC by each of these seconds."""

    start: int
    end: int
    offsets: tuple[int, ...]


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo:
    """Raises `ZoneInfoNotFoundError` or `ValueError` if the machine's time zone data has no such zone."""
    return ZoneInfo(name)


def offset_at(zone: ZoneInfo, at: int) -> int:
    """Seconds by which the zone's official time is ahead of UTC."""
    ahead = datetime.fromtimestamp(at, UTC).astimezone(zone).utcoffset()
    return 0 if ahead is None else ahead.days * DAY_S + ahead.seconds


@lru_cache(maxsize=8192)
def stretches(zone: ZoneInfo, utc_day: int) -> tuple[Stretch, ...]:
    """One day (number of days since 1970, UTC) in stretches of constant offsets."""
    start, end = utc_day * DAY_S, (utc_day + 1) * DAY_S
    changes = [change for day in (-1, 0, 1) if (change := _change(zone, start + day * DAY_S)) is not None]
    edges = {start, end}
    for at, by in changes:
        edges |= {edge for edge in (at - by, at, at + by) if start < edge < end} if by > 0 else {at}
    cuts = sorted(edge for edge in edges if start <= edge <= end)
    return tuple(
        Stretch(since, until, _offsets(zone, since, changes)) for since, until in itertools.pairwise(cuts)
    )


def _offsets(zone: ZoneInfo, at: int, changes: list[tuple[int, int]]) -> tuple[int, ...]:
    official = offset_at(zone, at)
    for change, by in changes:
        if change - by <= at < change:
            return official, official - by
        if change <= at < change + by:
            return official, official + by
    return (official,)


def _change(zone: ZoneInfo, start: int) -> tuple[int, int] | None:
    """When, in the day from `start`, clocks are set, and by how many seconds back; None: they are not."""
    before, after = offset_at(zone, start), offset_at(zone, start + DAY_S)
    if before == after:
        return None
    low, high = start, start + DAY_S
    while high - low > 1:
        middle = (low + high) // 2
        if offset_at(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high, before - after
