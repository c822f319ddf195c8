"""Who waits, for what and until when: one sentence for the live view, `status` and the end."""

from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from dialer.cli import formatting
from dialer.domain.waiting import HOURS, Waiting, by_rule
from dialer.domain.wall_clock import zone_named

GROUPS_MAX = 3
"""Places that are named; the others are counted."""


def waiting_text(waiting: Iterable[Waiting], now: float, zone: ZoneInfo) -> str:
    """As `outside calling hours: 2 from 08:00 New York, 1 from 08:00 London (in 5 h 22 min)`.

    Times are by the clocks where the people are, for calling hours, else by `zone`. Empty: nobody waits.
    """
    return "; ".join(_rule(what, groups, now, zone) for what, groups in by_rule(waiting))


def _rule(what: str, groups: Sequence[Waiting], now: float, zone: ZoneInfo) -> str:
    if groups[0].rule != HOURS:
        people = sum(each.people for each in groups)
        from_when = formatting.moment(groups[0].first_at, now, zone)
        named = f"{formatting.count(people)} from {from_when}"
    else:
        shown = [_place(each, now) for each in groups[:GROUPS_MAX]]
        if others := sum(each.people for each in groups[GROUPS_MAX:]):
            shown.append(f"{formatting.count(others)} in other places later")
        named = ", ".join(shown)
    return f"{what}: {named} (in {formatting.span(groups[0].first_at - now)})"


def _place(group: Waiting, now: float) -> str:
    """`2 from 08:00 New York`; with several zones the one whose clock is furthest behind."""
    if not group.zones:
        return formatting.count(group.people)
    zones = [zone_named(name) for name in group.zones]
    last = min(zones, key=lambda each: _offset_s(each, group.first_at))
    city = (last.key or "").rpartition("/")[2].replace("_", " ")
    return f"{formatting.count(group.people)} from {formatting.moment(group.first_at, now, last)} {city}"


def _offset_s(zone: ZoneInfo, at: float) -> float:
    from datetime import datetime

    offset = datetime.fromtimestamp(at, zone).utcoffset()
    return 0.0 if offset is None else offset.total_seconds()
