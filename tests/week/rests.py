"""No call while a line rests, nor while the provider does, but one trial at a time.

An end is heard of some seconds after it, so what begins with an end begins for certain only after that; and a
rest lasts at least its time from the end on. In between nothing is checked.

After failed calls a rest of `first_s` begins. Then one call: if it fails too, the next rest is twice as
long; if it shows nothing, as long; if it worked, calls go on. A rest that comes after a calm that was as long
as the last rest is a first one again.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum

from tests.week.plan import FLAGGED_REST_S, HEARD_S, PROVIDER_AFTER, PROVIDER_REST_S
from tests.week.run import Evidence, Made

FLAGGED = frozenset({"marked_as_spam", "network_blocked"})
DOWN = frozenset({"telephony_provider_unavailable"})
RANG = frozenset(
    {
        "user_hangup",
        "agent_hangup",
        "voicemail_reached",
        "dial_no_answer",
        "dial_busy",
        "user_declined",
        "user_requested_dnc",
        "user_requested_callback",
    }
)


class Shows(StrEnum):
    WORKED = "worked"
    FAILED = "failed"
    NOTHING = "nothing"


def calls_of_resting_lines(seen: Evidence) -> Iterator[str]:
    """A line whose call was marked as spam rests, and then tries one."""
    for line in seen.plan.lines:
        calls = [call for call in seen.calls if call.line == line.number]
        for call in in_rests(calls, FLAGGED, RANG, 1, *FLAGGED_REST_S):
            yield f"{line.number} called {call.number} at {call.at:.0f} while it rested"


def calls_without_a_provider(seen: Evidence) -> Iterator[str]:
    """After some calls in a row that the provider failed all lines rest."""
    for call in in_rests(seen.calls, DOWN, RANG | FLAGGED, PROVIDER_AFTER, *PROVIDER_REST_S):
        yield f"{call.line} called {call.number} at {call.at:.0f} while the provider rested"


def in_rests(
    calls: Sequence[Made],
    failing: frozenset[str],
    working: frozenset[str],
    after: int,
    first_s: float,
    most_s: float,
) -> Iterator[Made]:
    """The calls, given in the order of their creation, that should not have been made."""
    ends = sorted(calls, key=lambda call: call.until)
    rests, calm_since, begin_at = 0, float("-inf"), float("-inf")
    while True:
        opened = _opening(ends, failing, working, after, calm_since, begin_at)
        if opened is None:
            return
        earliest, certain = opened
        length = min(most_s, first_s * 2.0 ** max(0, rests - 1))
        rests = 1 if earliest + HEARD_S - calm_since >= length else rests + 1
        while True:
            rest_s = min(most_s, first_s * 2.0 ** (rests - 1))
            yield from (call for call in calls if certain < call.at < earliest + rest_s)
            trial = next((call for call in calls if call.at >= max(earliest + rest_s, certain)), None)
            if trial is None:
                return
            yield from (call for call in calls if trial.at < call.at < trial.until)
            earliest, certain = trial.until, trial.until + HEARD_S
            shows = _shows(trial, failing, working)
            if shows is Shows.WORKED:
                break
            rests += shows is Shows.FAILED
        calm_since = begin_at = trial.until


def _shows(call: Made, failing: frozenset[str], working: frozenset[str]) -> Shows:
    if call.reason in failing:
        return Shows.FAILED
    return Shows.WORKED if call.reason in working else Shows.NOTHING


def _opening(
    ends: Sequence[Made],
    failing: frozenset[str],
    working: frozenset[str],
    after: int,
    calm_since: float,
    begin_at: float,
) -> tuple[float, float] | None:
    """When the next rest begins at the earliest, and when it has begun for certain.

    For certain: so many failed one after the other, and nothing that ended near them had worked.
    """
    row: list[Made] = []
    failures = 0
    earliest: float | None = None
    for call in ends:
        if call.until <= begin_at or call.at < calm_since:
            continue
        if call.reason in failing:
            failures += 1
            row.append(call)
            if earliest is None and failures >= after:
                earliest = call.until
            if len(row) >= after and earliest is not None:
                return earliest, _heard(ends, row[-after], call, working)
        elif call.reason in working:
            row.clear()
    return None


def _heard(ends: Sequence[Made], first: Made, last: Made, working: frozenset[str]) -> float:
    """When the row has been heard of: later if something that worked may be heard of in between."""
    near = [
        call.until
        for call in ends
        if call.reason in working and first.until - HEARD_S <= call.until <= last.until + HEARD_S
    ]
    return max([last.until, *near]) + HEARD_S
