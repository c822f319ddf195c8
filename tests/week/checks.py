"""What must hold for every call of a week, recounted from the account's own list of calls.

Each checker yields its problems. None shares code with the dialer; what the week was given is in `plan`.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.week.law import Law
from tests.week.plan import CAMPAIGN_ZONE, CAPS, CPS, GAP_S, LineRow
from tests.week.rests import calls_of_resting_lines, calls_without_a_provider
from tests.week.run import Evidence, Made

JITTER_S = 0.01
"""Counted where calls arrive, no window that is shorter by this holds more than the rate."""
AT_ONCE_S = 1.0
"""Whose request is about to leave is suppressed within this."""
NEVER_RANG = frozenset({"concurrency_limit_reached", "no_concurrency_fallback", "registered_call_timeout"})
"""The account had no room: such an attempt is given back."""

Check = Callable[[Evidence], Iterator[str]]


def only_in_hours(seen: Evidence) -> Iterator[str]:
    """In every zone that somebody may be in, by every law that may hold, and by the campaign's own hours."""
    law = Law(seen.plan.times)
    leads = {lead.number: lead for lead in seen.leads}
    for call in seen.calls:
        where = law.where(leads[call.number])
        if not law.allows(where, call.at):
            local = [
                f"{datetime.fromtimestamp(call.at, ZoneInfo(zone)):%a %H:%M:%S} {zone}"
                for zone in where.zones
            ]
            yield f"{call.number} of {sorted(where.states)} at {', '.join(local) or 'nobody knows what time'}"


def only_in_its_week(seen: Evidence) -> Iterator[str]:
    """Nobody is called once the campaign has ended."""
    for call in seen.calls:
        if call.at >= seen.plan.ends_at:
            yield f"{call.number} after the campaign's end"


def within_caps(seen: Evidence) -> Iterator[str]:
    """In no window more calls to a number than a cap allows, counted over both campaigns."""
    for number, calls in _by(seen.calls, _number).items():
        times = [call.at for call in calls if call.reason not in NEVER_RANG]
        for most, window_s, name in CAPS:
            for first, last in zip(times, times[most:], strict=False):
                if last - first < window_s:
                    yield f"{number} was called {most + 1} times within {last - first:.3f} s: at most {name}"


def with_gaps(seen: Evidence) -> Iterator[str]:
    """Between two calls to a number there is at least the gap."""
    for number, calls in _by(seen.calls, _number).items():
        times = [call.at for call in calls if call.reason not in NEVER_RANG]
        for one, next_one in itertools.pairwise(times):
            if next_one - one < GAP_S:
                yield f"{number} was called again after {next_one - one:.3f} s"


def one_at_a_time(seen: Evidence) -> Iterator[str]:
    """Nobody has two calls at once."""
    for number, calls in _by(seen.calls, _number).items():
        for one, next_one in itertools.pairwise(calls):
            if next_one.at < one.until:
                yield f"{number} was called during a call"


def nobody_suppressed(seen: Evidence) -> Iterator[str]:
    """Not once a number is on the list, nor once somebody has asked for it in a call."""
    since = dict(seen.suppressed)
    for call in seen.calls:
        if call.reason == "user_requested_dnc":
            since[call.number] = min(since.get(call.number, float("inf")), call.until)
    for call in seen.calls:
        if call.number in since and call.at > since[call.number] + AT_ONCE_S:
            yield f"{call.number} was called {call.at - since[call.number]:.3f} s after it was suppressed"


def within_pace(seen: Evidence) -> Iterator[str]:
    """The campaign's calls per second, and each line's."""
    yield from _too_fast("the campaign", [call.at for call in seen.calls], CPS)
    by_line = _by(seen.calls, _line)
    for line in seen.plan.lines:
        yield from _too_fast(line.number, [call.at for call in by_line[line.number]], line.cps)


def within_slots(seen: Evidence) -> Iterator[str]:
    """The campaign's calls at once, and each line's."""
    yield from _too_many("the campaign", seen.calls, seen.plan.slots)
    by_line = _by(seen.calls, _line)
    for line in seen.plan.lines:
        yield from _too_many(line.number, by_line[line.number], line.slots)


def within_days(seen: Evidence) -> Iterator[str]:
    """What a line may do in a day of the campaign, its warm-up included."""
    zone = ZoneInfo(CAMPAIGN_ZONE)
    by_line = _by(seen.calls, _line)
    first_day = (seen.plan.times.start - timedelta(days=1)).date()
    for line in seen.plan.lines:
        days = [datetime.fromtimestamp(int(call.at), zone).date() for call in by_line[line.number]]
        for day in sorted(set(days)):
            most = _of_day(line, (day - first_day).days)
            if most is not None and days.count(day) > most:
                yield f"{line.number} made {days.count(day)} calls on {day}, and may make {most}"


def only_from_lines(seen: Evidence) -> Iterator[str]:
    """No other number calls anybody."""
    known = {line.number for line in seen.plan.lines}
    for call in seen.calls:
        if call.line not in known:
            yield f"a call from {call.line}"


def books_balance(seen: Evidence) -> Iterator[str]:
    """The ledger's own account of itself: rows, attempts and the chain of decisions."""
    yield from seen.problems


CHECKS: tuple[Check, ...] = (
    only_in_hours,
    only_in_its_week,
    within_caps,
    with_gaps,
    one_at_a_time,
    nobody_suppressed,
    within_pace,
    within_slots,
    within_days,
    only_from_lines,
    calls_of_resting_lines,
    calls_without_a_provider,
    books_balance,
)


def violations(seen: Evidence) -> dict[str, list[str]]:
    """The problems of each checker."""
    return {check.__name__: list(check(seen)) for check in CHECKS}


def _by(calls: Sequence[Made], key: Callable[[Made], str]) -> dict[str, list[Made]]:
    found: dict[str, list[Made]] = defaultdict(list)
    for call in calls:
        found[key(call)].append(call)
    return found


def _number(call: Made) -> str:
    return call.number


def _line(call: Made) -> str:
    return call.line


def _of_day(line: LineRow, age: int) -> int | None:
    bounds = [line.per_day] if line.per_day is not None else []
    steps = [calls for since, calls in line.warm_up if since <= age]
    if line.warm_up:
        bounds.append(steps[-1] if steps else 0)
    return min(bounds, default=None)


def _too_fast(who: str, times: Sequence[float], cps: float) -> Iterator[str]:
    """N calls in each sliding N / cps seconds, for the least N that makes it a second or more."""
    most = max(1, -int(-cps // 1))
    width_s = most / cps - JITTER_S
    ordered = sorted(times)
    for first, last in zip(ordered, ordered[most:], strict=False):
        if last - first < width_s:
            yield f"{who} made {most + 1} calls within {last - first:.3f} s"


def _too_many(who: str, calls: Iterable[Made], slots: int) -> Iterator[str]:
    changes = sorted(
        change
        for call in calls
        if call.reason not in NEVER_RANG
        for change in ((call.at, 1), (call.until, -1))
    )
    live = 0
    for at, by in changes:
        live += by
        if by > 0 and live > slots:
            yield f"{who} had {live} calls at once at {at:.3f}"
