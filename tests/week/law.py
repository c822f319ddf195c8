"""When a call to somebody is allowed: the checker's own reading of the rules file, asked moment by moment.

The holidays are typed here, from the states' statutes: AL Code 1-3-8, La. R.S. 1:55, Neb. Rev. Stat. 62-301,
44 P.S. 11, R.I. Gen. Laws 25-1-1, Utah Code 63G-1-301. Only those that fall into the weeks are there.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from tests.week import places
from tests.week.leads import Lead
from tests.week.plan import RING_S, Week

US_RULES = Path(__file__).parents[2] / "config" / "rules" / "us.toml"

HOLIDAYS: Final = {
    "2026-11-03": ("LA", "PA", "RI"),
    "2026-11-26": ("AL", "LA", "NE", "PA", "RI", "UT"),
    "2026-11-27": ("NE", "PA"),
}
"""Election day of the state's officers, Thanksgiving, the day after it."""
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Spans = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Where:
    """Every zone that somebody may be in, and every state whose law may hold."""

    zones: frozenset[str]
    states: frozenset[str]


class Law:
    """The rules of one week."""

    def __init__(self, week: Week) -> None:
        rules = tomllib.loads(US_RULES.read_text(encoding="utf-8"))
        self._regions: dict[str, Any] = rules["regions"]
        self._default: dict[str, Any] = rules["default"]
        self._corrected = {
            code: frozenset(row["zones"]) for row in rules["area_codes"] for code in row["codes"]
        }
        self._own = week.windows
        self._zones: dict[str, ZoneInfo] = {}
        self._spans: dict[tuple[str, frozenset[str]], Spans] = {}

    def where(self, lead: Lead) -> Where:
        """What the row says goes before what the number says, but for laws: those add up."""
        code = lead.number[2:5]
        states = set()
        zones: frozenset[str] = frozenset()
        if code in places.area_codes():
            states.add(places.area_codes()[code])
            zones = places.zones_of_area_code(code) | self._corrected.get(code, frozenset())
        told = {state for state in (lead.state, lead.postal_state) if state is not None}
        if told:
            zones = frozenset().union(*map(places.zones_of_state, told))
        if lead.timezone is not None:
            zones = frozenset((lead.timezone,))
        return Where(zones, frozenset(states | told))

    def allows(self, where: Where, at: float) -> bool:
        """Whether a call may start: also its ringing has to be over before the hours are."""
        if not where.zones:
            return False
        return all(
            self._is_open(zone, where.states, moment) for zone in where.zones for moment in (at, at + RING_S)
        )

    def _is_open(self, zone: str, states: frozenset[str], at: float) -> bool:
        info = self._zones.get(zone)
        if info is None:
            info = self._zones[zone] = ZoneInfo(zone)
        local = datetime.fromtimestamp(int(at), info)
        date = local.date().isoformat()
        spans = self._spans.get((date, states))
        if spans is None:
            spans = self._spans[date, states] = self._spans_of(local, date, states)
        second = local.hour * 3600 + local.minute * 60 + local.second
        return any(start <= second < end for start, end in spans)

    def _spans_of(self, local: datetime, date: str, states: frozenset[str]) -> Spans:
        day = local.weekday()
        tables = [_windows(self._own[day])]
        laws = [self._regions["US"]] if states else [self._default]
        for state in states:
            rule = self._regions.get(f"US-{state}")
            if rule is not None:
                laws.append(rule)
                if rule.get("holidays") == "closed" and state in HOLIDAYS.get(date, ()):
                    return []
        for rule in laws:
            if {date, date[5:]} & set(rule.get("dates_off", ())):
                return []
            tables.append(_windows(_of_day(rule["hours"], day)))
        return _met(tables)


def _of_day(hours: dict[str, str], day: int) -> str:
    for days, windows in hours.items():
        first, _, last = days.partition("-")
        if _DAYS.index(first) <= day <= _DAYS.index(last or first):
            return windows
    return ""


def _windows(text: str) -> Spans:
    """Seconds since midnight."""
    return [
        (_seconds(start), _seconds(end))
        for window in filter(None, text.split(","))
        for start, _, end in [window.strip().partition("-")]
    ]


def _seconds(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60


def _met(tables: Sequence[Spans]) -> Spans:
    """What is in a window of every table."""
    met: Spans = [(0, 86_400)]
    for table in tables:
        met = [
            (max(start, from_s), min(end, to_s))
            for start, end in met
            for from_s, to_s in table
            if max(start, from_s) < min(end, to_s)
        ]
    return met
