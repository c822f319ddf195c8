"""What has to happen in a batch of drawn runs, and what happened in one: a promise that is never put to
the test is not held."""

from collections.abc import Iterator

from dialer.domain.lifecycle import ATTEMPT_TRANSITIONS, OPEN_ATTEMPTS, AttemptState
from dialer.ports.engine import AttemptUpdate
from tests.simulation.acts import What
from tests.simulation.crash import Crash, Moment
from tests.simulation.evidence import Evidence
from tests.simulation.troubles import CREATE
from tests.simulation.wire import Weather

BATCH_MIN = 1000
"""Runs in which all of it has to happen."""
SELDOM = frozenset(
    {
        "attempt claimed to ended",  # web and registered calls are few
        "attempt uncertain to ended",
        "attempt unknown to ended",
        "attempt unknown to unspent",
        "attempt placed to unknown",
    }
)
"""What only some thousand runs are sure to show."""


def reached(seen: Evidence) -> set[str]:
    """The names of what happened."""
    return {*_transitions(seen), *_crashes(seen), *_troubles(seen)}


def expected() -> set[str]:
    """What has to happen in a batch of `BATCH_MIN` runs."""
    moves = {
        f"attempt {origin} to {target}" for origin, ways in ATTEMPT_TRANSITIONS.items() for target in ways
    }
    crashes = {f"{how} with {state}" for how in _HOW for state in (*OPEN_ATTEMPTS, AttemptState.UNKNOWN)}
    faults = {f"fault {name}" for name in CREATE}
    acts = {f"operator: {what}" for what in What}
    weathers = {f"network {weather}" for weather in (Weather.REFUSES, Weather.HOLDS)}
    return (moves | {f"crash {each}" for each in crashes} | faults | acts | weathers | _OTHER) - SELDOM


_HOW = (
    "at a time",
    *(
        f"{place} a {moment}"
        for moment in Moment
        if moment is not Moment.TIME
        for place in ("before", "after")
    ),
)
_OTHER = {
    "clock forward",
    "clock back",
    "webhooks heard",
    "call found later",
    "request repeated",
    "log torn",
    "job cancelled",
    "job skipped",
    "job expired",
}


def _transitions(seen: Evidence) -> Iterator[str]:
    state = {attempt["id"]: AttemptState.CLAIMED for attempt in seen.attempts}
    for _, what in seen.heard.written:
        if what.attempt.id in state:
            yield f"attempt {state[what.attempt.id]} to {what.state}"
            state[what.attempt.id] = what.state
    for attempt in seen.attempts:  # what operators wrote beside the process
        if state[attempt["id"]] != attempt["state"]:
            yield f"attempt {state[attempt['id']]} to {attempt['state']}"


def _crashes(seen: Evidence) -> Iterator[str]:
    for life, plan in zip(seen.heard.lives, seen.plan.lives, strict=False):
        if life.crashed and plan.crash is not None:
            for state in set(_states_at(seen, life.ended).values()):
                yield f"crash {_how(plan.crash)} with {state}"


def _how(crash: Crash) -> str:
    if crash.moment is Moment.TIME:
        return "at a time"
    return f"{'after' if crash.commits else 'before'} a {crash.moment}"


def _states_at(seen: Evidence, at: float) -> dict[str, AttemptState]:
    """Of the attempts that were claimed by then."""
    found = {who: AttemptState.CLAIMED for who, claimed_at in seen.claimed.items() if claimed_at <= at}
    for when, what in seen.heard.written:
        if when <= at:
            found[what.attempt.id] = what.state
    return found


def _troubles(seen: Evidence) -> Iterator[str]:
    yield from (f"fault {name}" for name in seen.report.faults)
    yield from (f"operator: {act.what}" for _, act in seen.heard.acts)
    yield from (f"network {change.weather}" for change in seen.plan.changes if change.weather is not None)
    yield from (f"clock {'forward' if by > 0 else 'back'}" for _, by in seen.steps)
    yield from (f"job {job['state']}" for job in seen.jobs)
    if seen.heard.webhooks:
        yield "webhooks heard"
    if seen.plan.torn_bytes and any(life.crashed for life in seen.heard.lives):
        yield "log torn"
    if seen.heard.repeats:
        yield "request repeated"
    states = (what for _, what in seen.heard.written)
    if any(
        isinstance(each, AttemptUpdate) and each.attempt.state is AttemptState.UNCERTAIN for each in states
    ):
        yield "call found later"
