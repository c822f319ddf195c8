"""When rules allow calls in local time, as spans of Unix seconds."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from dialer.domain.wall_clock import DAY_S, stretches
from dialer.domain.windows import MINUTES_A_DAY, WEEKDAYS, Span, Week, common, in_words, joined

_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Hours:
    """When one rule allows calls, in local time."""

    name: str
    """As it is told to people: `US-FL`, `campaign`."""
    week: Week
    citation: str = ""
    dates_off: frozenset[date] = frozenset()
    on_holidays: bool = True
    """Whether calls are allowed on the public holidays of the region."""


@dataclass(frozen=True, slots=True)
class LocalRule:
    """One rule as it holds for one place."""

    hours: Hours
    holidays: tuple[frozenset[date], ...] = ()
    years: frozenset[int] = frozenset()

    def windows(self, day: date) -> tuple[Span, ...]:
        return () if self.day_off(day) else self.hours.week[day.weekday()]

    def day_off(self, day: date) -> str:
        """Why there is no call on this day whatever its weekday; empty: there may be."""
        if day in self.hours.dates_off:
            return "a date off"
        if self.hours.on_holidays:
            return ""
        if any(day in dates for dates in self.holidays):
            return "a public holiday"
        return "" if day.year in self.years else f"public holidays of {day.year} not loaded"


def open_on(zones: tuple[ZoneInfo, ...], rules: tuple[LocalRule, ...], utc_day: int) -> list[Span]:
    """The spans of one day (UTC) that are open in all zones by all rules."""
    result: list[Span] = [(utc_day * DAY_S, (utc_day + 1) * DAY_S)]
    for zone in zones:
        in_zone: list[Span] = []
        for stretch in stretches(zone, utc_day):
            spans: list[Span] = [(stretch.start, stretch.end)]
            for offset in stretch.offsets:
                spans = common(spans, _open_at(rules, spans, offset))
            in_zone += spans
        result = common(result, in_zone)
    return joined(result)


def _open_at(rules: tuple[LocalRule, ...], spans: list[Span], offset: int) -> list[Span]:
    """What all rules allow by clocks that are so many seconds ahead of UTC, around the given spans."""
    if not spans:
        return []
    opens: list[Span] = []
    for day in range((spans[0][0] + offset) // DAY_S, (spans[-1][1] - 1 + offset) // DAY_S + 1):
        local = date.fromordinal(_EPOCH + day)
        windows: list[Span] = [(0, MINUTES_A_DAY)]
        for rule in rules:
            windows = common(windows, rule.windows(local))
        midnight = day * DAY_S - offset
        opens += [(midnight + start * 60, midnight + end * 60) for start, end in windows]
    return opens


def is_open(rule: LocalRule, zone: ZoneInfo, at: float, ring_s: int) -> bool:
    """Whether this one rule, in this one zone, lets a call start and ring."""
    for moment in (int(at), int(at) + ring_s):
        stretch = next(found for found in stretches(zone, moment // DAY_S) if moment < found.end)
        for offset in stretch.offsets:
            if not common(_open_at((rule,), [(moment, moment + 1)], offset), [(moment, moment + 1)]):
                return False
    return True


def line(rule: LocalRule, zone: ZoneInfo, now: float, ring_s: int) -> str:
    """What the rule says for this day, and what the clock there shows."""
    local = datetime.fromtimestamp(now, zone)
    windows = rule.windows(local.date())
    cited = f" ({rule.hours.citation})" if rule.hours.citation else ""
    says = rule.day_off(local.date()) or in_words(windows)
    day = WEEKDAYS[local.weekday()]
    text = f"{rule.hours.name}{cited}, {day}, {says} in {zone.key}: it is {local:%H:%M} there"
    minute = local.hour * 60 + local.minute
    if not any(start <= minute < end for start, end in windows) or is_open(rule, zone, now, ring_s):
        return text
    if is_open(rule, zone, now, 0):
        return f"{text}, and a call may ring for {ring_s} s"
    return f"{text}, while clocks are being set back"
