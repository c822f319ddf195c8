"""Calling hours: may this person be called now, and if not, when?

Every rule that may hold for a place is asked in every zone it may be in, and all of them must allow the same
moment. Where it is in doubt, no call: an unknown zone, a region without a rule, a holiday that is not known.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dialer.domain.local_hours import Hours, LocalRule, is_open, line, open_on
from dialer.domain.places import Place
from dialer.domain.wall_clock import DAY_S, zone_named

RING_S = 45
"""Seconds that a call may ring: none is started so shortly before the hours end."""
SEARCH_DAYS_MAX = 460
"""How far ahead an allowed moment is looked for: fifteen months."""
PLACES_MAX = 4096
"""Places whose verdict is remembered."""
_SETTLED_S = 2 * DAY_S
"""A span that goes on for longer is not followed to its end."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """A call may be started now, and until `until` (Unix seconds) nothing changes that."""

    until: float


@dataclass(frozen=True, slots=True)
class Until:
    """Not now; at `at` (Unix seconds) it is allowed, and not before."""

    at: float
    why: str


@dataclass(frozen=True, slots=True)
class Never:
    """Not in the next fifteen months, unless something is put right."""

    why: str


Verdict = Allowed | Until | Never


@dataclass(frozen=True, slots=True)
class PublicHolidays:
    """The public holidays of some regions, in these years. Outside of both nothing is known."""

    dates: Mapping[str, frozenset[date]] = field(default_factory=dict)
    years: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class RegionalHours:
    """The law of the land: for each region its rule; `US-FL` comes under the rule of `US` too."""

    by_region: Mapping[str, Hours]
    default: Hours | None
    """For a region that has no rule, and where no region is known; None: no call there."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A verdict, and the time for which it stands."""

    since: float
    until: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class _Told:
    """Lines that explain, and the time for which they stand."""

    since: float
    until: float
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HoursRule:
    """All rules about hours of a campaign. With neither `everywhere` nor `regional` every call is allowed."""

    everywhere: tuple[Hours, ...] = ()
    """Hold wherever the callee is: the campaign's own windows."""
    regional: RegionalHours | None = None
    holidays: PublicHolidays = PublicHolidays()
    ring_s: int = RING_S
    data: str = ""
    """The versions of the data that decide, for the record of decisions."""
    _known: dict[Place, _Known] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Verdicts that still stand: a memory, not a state."""
    _told: dict[Place, tuple[float, tuple[str, ...]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What was told of open places, and in which minute."""

    @property
    def is_on(self) -> bool:
        """False: every call is allowed at any time, wherever it goes."""
        return bool(self.everywhere) or self.regional is not None

    def judge(self, place: Place, now: float) -> Verdict:
        """May a call to this place be started at `now` (Unix seconds)?"""
        known = self._known.get(place)
        if known is None or not known.since <= now < known.until:
            known = self._decide(place, now)
            if len(self._known) >= PLACES_MAX:
                self._known.clear()
            self._known[place] = known
        return known.verdict

    def next_allowed(self, place: Place, now: float) -> tuple[float, str]:
        """The first moment from `now` on at which a call may be started (infinity: never), and what holds
        it until then (empty: nothing)."""
        match self.judge(place, now):
            case Allowed():
                return now, ""
            case Until(at, why):
                return at, why
            case Never(why):
                return math.inf, why

    def explain(self, place: Place, now: float) -> tuple[str, ...]:
        """One line for each rule in each zone: what it says at `now`."""
        if not isinstance(self.judge(place, now), Allowed):
            return self._explain(place, now)
        # while all are open a line changes with the minute that it names, and every call that is made asks
        told = self._told.get(place)
        if told is None or told[0] != now // 60:
            if len(self._told) >= PLACES_MAX:
                self._told.clear()
            told = self._told[place] = now // 60, self._explain(place, now)
        return told[1]

    def _explain(self, place: Place, now: float) -> tuple[str, ...]:
        rules = self._rules(place)
        if isinstance(rules, Never):
            return (rules.why,)
        return tuple(
            f"{'open' if is_open(rule, zone, now, self.ring_s) else 'closed'}: "
            f"{line(rule, zone, now, self.ring_s)}"
            for zone, rule in _pairs(place, rules)
        )

    def _decide(self, place: Place, now: float) -> _Known:
        if not self.is_on:
            return _Known(-math.inf, math.inf, Allowed(math.inf))
        rules = self._rules(place)
        if isinstance(rules, Never):
            return _Known(-math.inf, math.inf, rules)
        span = _next_span(place, rules, now, self.ring_s)
        if span is None:
            names = ", ".join(rule.hours.name for rule in rules)
            why = (
                f"no moment of the next fifteen months is allowed by all of: {names}; {' '.join(place.zones)}"
            )
            return _Known(now, now + DAY_S, Never(why))
        opens, closes = span
        if opens <= now:
            return _Known(now, closes, Allowed(float(closes)))
        until = min(opens, (now // 60 + 1) * 60)  # the reason tells the local time to the minute
        return _Known(now, until, Until(float(opens), _held_by(place, rules, now, opens, self.ring_s)))

    def _rules(self, place: Place) -> tuple[LocalRule, ...] | Never:
        """Every rule that holds for the place, or why no call is possible."""
        if not place.zones:
            return Never(
                "it is not known where this number is: give the row a `timezone` column, or `state` or "
                "`postal_code`"
            )
        for name in place.zones:
            try:
                zone_named(name)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                return Never(f"the time zone {name} is not in this machine's time zone data: update `tzdata`")
        rules = [self._rule(hours, place.regions) for hours in self.everywhere]
        rules += [self._rule(hours, regions) for hours, regions in self._regional(place)]
        for rule in rules:
            if isinstance(rule, Never):
                return rule
        return tuple(rule for rule in rules if isinstance(rule, LocalRule))

    def _regional(self, place: Place) -> Iterator[tuple[Hours | None, tuple[str, ...]]]:
        """Each law that holds for the place, with the regions of the place that come under it."""
        if self.regional is None:
            return
        under: dict[str, list[str]] = {}
        default: list[str] = []
        for region in place.regions:
            laws = [law for law in (region, region[:2]) if law in self.regional.by_region]
            for law in dict.fromkeys(laws):
                under.setdefault(law, []).append(region)
            if not laws:
                default.append(region)
        for law in sorted(under, key=len, reverse=True):
            yield self.regional.by_region[law], tuple(under[law])
        if default or not place.regions:
            yield self.regional.default, tuple(default)

    def _rule(self, hours: Hours | None, regions: tuple[str, ...]) -> LocalRule | Never:
        if hours is None:
            return Never(f"the rules file has no rule for {', '.join(regions) or 'an unknown region'}")
        if hours.on_holidays:
            return LocalRule(hours)
        if not regions:
            return Never(
                f"{hours.name} allows no call on public holidays, and the region is not known: give the "
                "row a `state` column"
            )
        for region in regions:
            if region not in self.holidays.dates:
                return Never(
                    f"{hours.name} allows no call on public holidays, and those of {region} are not known"
                )
        return LocalRule(hours, tuple(self.holidays.dates[region] for region in regions), self.holidays.years)


def _pairs(place: Place, rules: tuple[LocalRule, ...]) -> Iterator[tuple[ZoneInfo, LocalRule]]:
    return ((zone_named(name), rule) for rule in rules for name in place.zones)


def _next_span(place: Place, rules: tuple[LocalRule, ...], now: float, ring_s: int) -> tuple[int, int] | None:
    """When calls may be started from now on: the first span that all rules and zones share, less the ring.

    A span that goes on for days is given up to a moment to which it certainly lasts."""
    zones = tuple(map(zone_named, place.zones))
    today = int(now // DAY_S)
    pending: tuple[int, int] | None = None
    for utc_day in range(today, today + SEARCH_DAYS_MAX):
        for start, end in open_on(zones, rules, utc_day):
            if pending is not None and pending[1] == start:
                start = pending[0]
            elif pending is not None and pending[1] - ring_s > max(pending[0], now):
                return pending[0], pending[1] - ring_s
            pending = (start, end)
        if pending is not None and pending[1] > max(pending[0], now) + ring_s + _SETTLED_S:
            break
    if pending is not None and pending[1] - ring_s > max(pending[0], now):
        return pending[0], pending[1] - ring_s
    return None


def _held_by(place: Place, rules: tuple[LocalRule, ...], now: float, opens: int, ring_s: int) -> str:
    """The line of a rule that is closed now; of several, one that still is right before the opening."""
    closed = [(zone, rule) for zone, rule in _pairs(place, rules) if not is_open(rule, zone, now, ring_s)]
    last = [(zone, rule) for zone, rule in closed if not is_open(rule, zone, opens - 1, ring_s)]
    zone, rule = next(iter(last or closed or _pairs(place, rules)))
    return line(rule, zone, now, ring_s)
