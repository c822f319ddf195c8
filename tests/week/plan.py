"""What a simulated week is given: times, lines, caps and hours, as plain tables for engine and checker."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S

CAMPAIGN_ZONE = "America/New_York"
"""Where the campaign's days begin."""
RING_S = 45
"""No call is started so shortly before the hours end."""
CPS = 3.0
CAPS = ((2, DAY_S, "2 per 1d"), (4, 7 * DAY_S, "4 per 1w"))
"""Calls, seconds, and its words."""
GAP_S = 4 * HOUR_S
FLAGGED_REST_S = (3600.0, 86_400.0)
"""The first rest of a flagged line, and the longest."""
PROVIDER_REST_S = (60.0, 1800.0)
PROVIDER_AFTER = 3
"""Calls in a row that the provider must fail."""
POLL_S = 20.0
"""Between two looks at how calls end, so that an end is heard of at most a little later."""
HEARD_S = POLL_S + 10.0
"""No end is heard of later than this."""


@dataclass(frozen=True, slots=True)
class LineRow:
    """A from-number and its bounds; None: no bound."""

    number: str
    cps: float
    slots: int
    per_day: int | None
    warm_up: tuple[tuple[int, int], ...] = ()
    """(Age in days since the day before the week, calls a day)."""


LINES = (
    LineRow("+12125550199", 1.0, 4, 800),
    LineRow("+13105550199", 1.0, 4, 900),
    LineRow("+13125550199", 0.5, 4, 700),
    LineRow("+17135550199", 2.0, 6, None),
    LineRow("+14045550199", 1.0, 4, 1000),
    LineRow("+16025550199", 0.5, 4, None, ((0, 40), (2, 120), (4, 400))),
)
FLAGGED_LINE = LINES[1].number


@dataclass(frozen=True, slots=True)
class Week:
    """One of the weeks that may be simulated."""

    start: datetime
    """Local time of the campaign; a day before it, an earlier campaign calls some of the same people."""
    windows: tuple[str, ...]
    """Of the campaign itself, Monday first: `08:00-21:00`, or empty for a day without calls."""

    @property
    def start_at(self) -> float:
        return self.start.timestamp()

    @property
    def warm_up_since(self) -> date:
        return date.fromordinal(self.start.toordinal() - 1)


def _at_six(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 6, 0, tzinfo=ZoneInfo(CAMPAIGN_ZONE))


WEEKS = {
    "clocks": Week(_at_six(2026, 10, 30), (*["08:00-21:00"] * 6, "10:00-18:30")),
    "thanksgiving": Week(_at_six(2026, 11, 21), (*["09:00-20:30"] * 6, "")),
    "eve": Week(_at_six(2026, 11, 25), (*["09:00-20:30"] * 6, "")),
}
"""Clocks go back on the Sunday of the first; there are holidays and no Sunday in the second, and the third is
its last days."""
EARLIER_S = 20 * HOUR_S
"""The earlier campaign begins so long before the week; it ends when the week begins."""


FULL_MANY = 20_000
"""Leads for which the lines are made; for fewer their bounds are narrower."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One simulated week, or its first days."""

    many: int = FULL_MANY
    week: str = "clocks"
    seed: int = 1
    days: int = 7

    @property
    def times(self) -> Week:
        return WEEKS[self.week]

    @property
    def ends_at(self) -> float:
        """Of the campaign."""
        return self.times.start_at + self.days * DAY_S

    @property
    def flagged_s(self) -> tuple[float, float]:
        """Since the start: while the networks mark the line as spam."""
        if self.days < 5:
            return 4 * HOUR_S, 8 * HOUR_S
        return 3 * DAY_S + 12 * HOUR_S, 4 * DAY_S + 14 * HOUR_S

    @property
    def down_s(self) -> tuple[float, float]:
        """Since the start: while the telephony provider is unavailable."""
        return 10 * HOUR_S, 11 * HOUR_S

    @property
    def slots(self) -> int:
        """Calls of the campaign at once: fewer than its lines have together."""
        return 22 if self.many > FULL_MANY // 4 else 12

    @property
    def lines(self) -> tuple[LineRow, ...]:
        if self.many > FULL_MANY // 4:
            return LINES
        share = 7 * self.many / self.days / FULL_MANY
        return tuple(
            replace(
                line,
                per_day=None if line.per_day is None else 5 + round(line.per_day * share),
                warm_up=tuple((age, 2 + round(calls * share)) for age, calls in line.warm_up),
            )
            for line in LINES
        )
