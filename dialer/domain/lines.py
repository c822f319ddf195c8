"""From which of the campaign's numbers a call goes out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import ceil, inf

from dialer.domain.days import Day
from dialer.domain.gates import GO, Go, Hold, Trial

ASK_AGAIN_S = 5.0
"""A line that is waiting for a call to end names no time: it is asked again after this."""
POOL_ASK_AGAIN_S = 30.0
"""The same where all lines wait: whoever asks for any of them is told of each end of a call."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """A new number starts with few calls a day, or it is soon marked as spam."""

    since: date
    """Its first day; before it no call is made."""
    steps: tuple[tuple[int, int], ...]
    """(age in days, calls a day from that age on), ages rising; the last holds from then on."""

    def calls_max(self, today: date) -> int:
        """Calls that it may make on this day."""
        age = (today - self.since).days
        return next((calls for from_age, calls in reversed(self.steps) if age >= from_age), 0)


@dataclass(frozen=True, slots=True)
class Line:
    """A number to call from. None: no bound of its own."""

    number: str
    cps: float | None = None
    """Calls per second, in any sliding second."""
    slots: int | None = None
    """Calls at once."""
    per_day: int | None = None
    warm_up: WarmUp | None = None
    area: str | None = None
    """Its `area_code`."""
    regions: tuple[str, ...] = ()
    """Where it may be from, in the words of `Callee.regions`."""

    def calls_max(self, today: date) -> int | None:
        """Calls that it may make on this day: the lower of its daily cap and its warm-up."""
        if self.warm_up is None:
            return self.per_day
        ramp = self.warm_up.calls_max(today)
        return ramp if self.per_day is None else min(self.per_day, ramp)


@dataclass(frozen=True, slots=True)
class LineUsage:
    """What the ledger knows of a line, over all campaigns."""

    calls_today: int = 0
    """Attempts claimed since the day's start and not put back or refused; open ones count."""
    live: int = 0
    """Attempts under way, unknown ones included as long as their call could last."""
    starts: tuple[float, ...] = ()
    """When its last calls were claimed, oldest first: at least the last `ceil(cps)` and the very last."""
    rest: Go | Hold | Trial = GO
    """What its breakers say."""

    def started(self, line: Line, now: float) -> "LineUsage":
        """With one more call: the usage that the next candidate of the same claim sees."""
        kept = self.starts[-ceil(line.cps) :] if line.cps is not None else ()
        rest = Hold("its trial call is under way") if isinstance(self.rest, Trial) else self.rest
        return LineUsage(self.calls_today + 1, self.live + 1, (*kept, now), rest)


UNUSED = LineUsage()


@dataclass(frozen=True, slots=True)
class Callee:
    """What the choice of a line depends on."""

    own: str | None = None
    """The row's own from-number: it binds, also when it is not one of the lines."""
    last_line: str | None = None
    """The from-number of the last call to this number, in any campaign."""
    area: str | None = None
    """The `area_code` of the number to call."""
    regions: tuple[str, ...] = ()
    """Where the person may be: `Place.regions`."""


class LineReason(StrEnum):
    """Why a line was chosen, best first."""

    OWN = "the row's own"
    SAME_LINE = "called from it before"
    SAME_AREA = "same area code"
    SAME_REGION = "same region"
    LEAST_USED = "least used"


@dataclass(frozen=True, slots=True)
class Chosen:
    line: Line
    why: LineReason
    trial: bool = False
    """Its breakers have to be told: this attempt is the trial call."""


class LineRule(StrEnum):
    """What holds a line."""

    CAP = "line_cap"
    """Its daily cap or its warm-up."""
    REST = "line_rest"
    """Its breakers."""
    SLOTS = "line_slots"
    PACE = "line_pace"


@dataclass(frozen=True, slots=True)
class LineWait:
    """All lines that could be used are busy, capped or resting."""

    until: float
    """Unix seconds, after now: when the first of them may be free."""
    rule: LineRule
    """What holds that one."""
    why: str


@dataclass(frozen=True, slots=True)
class NoLine:
    why: str


def choose_line(
    lines: Sequence[Line], usage: Mapping[str, LineUsage], callee: Callee, day: Day, now: float
) -> Chosen | LineWait | NoLine:
    """The line for a call now. `usage` by number; a line that is not in it is unused.

    Only the row's own number binds. All else is a preference among the lines that are free at the moment:
    a person is rather called from another line than later. The least used has the fewest live calls, then
    the fewest today, then has been silent for longest; by live calls first, so that a line that comes back
    from its rest is not made to catch up.
    """
    if callee.own is not None:
        line = next((line for line in lines if line.number == callee.own), Line(callee.own))
        used = usage.get(line.number, UNUSED)
        return held(line, used, day, now) or Chosen(line, LineReason.OWN, isinstance(used.rest, Trial))
    best: tuple[_Order, Line, LineReason, LineUsage] | None = None
    for line in lines:
        used = usage.get(line.number, UNUSED)
        if held(line, used, day, now) is None:
            reason = _reason(line, callee)
            order = (_RANKS[reason], used.live, used.calls_today, used.starts[-1] if used.starts else -inf)
            if best is None or order < best[0]:
                best = (order, line, reason, used)
    if best is not None:
        return Chosen(best[1], best[2], isinstance(best[3].rest, Trial))
    nobody = NoLine("no from-number: neither the row nor the campaign has one")
    return pool_wait(lines, usage, day, now) or nobody


_Order = tuple[int, int, int, float]
"""Less is better: the rank of the reason, live calls, calls of today, when the last was started."""
_RANKS = {reason: rank for rank, reason in enumerate(LineReason)}


def _reason(line: Line, callee: Callee) -> LineReason:
    if line.number == callee.last_line:
        return LineReason.SAME_LINE
    if line.area is not None and line.area == callee.area:
        return LineReason.SAME_AREA
    if any(region in callee.regions for region in line.regions):
        return LineReason.SAME_REGION
    return LineReason.LEAST_USED


def pool_wait(lines: Sequence[Line], usage: Mapping[str, LineUsage], day: Day, now: float) -> LineWait | None:
    """Why and until when none of the lines may make a call; None: one may, or there is none.

    Until then only jobs with a from-number of their own need be looked at.
    """
    waits = [held(line, usage.get(line.number, UNUSED), day, now, POOL_ASK_AGAIN_S) for line in lines]
    busy = [wait for wait in waits if wait is not None]
    return min(busy, key=lambda wait: wait.until) if busy and len(busy) == len(waits) else None


def held(
    line: Line, used: LineUsage, day: Day, now: float, ask_again_s: float = ASK_AGAIN_S
) -> LineWait | None:
    """Why and until when this line may make no call; None: it may."""
    waits: list[LineWait] = []
    most = line.calls_max(day.date)
    if most is not None and used.calls_today >= most:
        waits.append(LineWait(day.end, LineRule.CAP, f"the line has made its {most} calls of today"))
    if isinstance(used.rest, Hold):
        until = now + ask_again_s if used.rest.until is None else used.rest.until
        waits.append(LineWait(until, LineRule.REST, used.rest.why))
    if line.slots is not None and used.live >= line.slots:
        why = f"all {line.slots} slots of the line are in use"
        waits.append(LineWait(now + ask_again_s, LineRule.SLOTS, why))
    next_at = _next_at(line, used, now)
    if next_at > now:
        waits.append(LineWait(next_at, LineRule.PACE, f"the line makes {line.cps:g} calls per second"))
    return max(waits, key=lambda wait: wait.until, default=None)


def _next_at(line: Line, used: LineUsage, now: float) -> float:
    """When the line's pace allows its next call: N per period, the period one second or more."""
    if line.cps is None:
        return -inf
    per_period = ceil(line.cps)
    if len(used.starts) < per_period:
        return -inf
    # a start in the future: the clock was set back
    return min(used.starts[-per_period], now) + per_period / line.cps


def area_code(number: str) -> str | None:
    """The area code of a number of North America; None for any other, whose codes have no fixed length."""
    return number[2:5] if number.startswith("+1") and len(number) == 12 else None
