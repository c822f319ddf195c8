"""What goes wrong in a run, drawn in swarms: in most runs whole classes are off, in few they are high."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from dialer.simulator.account import Account
from dialer.simulator.faults import CreateFault, Faults, WebhookFault
from tests.simulation.acts import Act, What, denials
from tests.simulation.wire import Ways, Weather

STEPS_S = (3600.0, -3600.0, 900.0, 40.0, -40.0, 3.0, -3.0)
NEAR = Ways()
CREATE = (
    *(CreateFault.RATE_LIMITED, CreateFault.ERROR_BEFORE, CreateFault.DROP_BEFORE),
    *(CreateFault.CONCURRENCY_REFUSED, CreateFault.ERROR_AFTER, CreateFault.DROP_AFTER),
    *(CreateFault.UNREADABLE, CreateFault.STALL, CreateFault.MADE_LATE),
)
"""Those after which the API means what it says."""
TOGETHER = (
    ("drop_after", "listing_late"),
    ("drop_after", "rate_limited", "listing_late"),
    ("error_after", "rate_limited"),
    ("drop_before", "rate_limited"),
)
"""An answer is lost, and what would find its call again comes late or is refused."""
OTHER = ("read_error", "read_dropped", "analysis_missing", "webhook_reordered")
ODD_CREATE = (
    *(CreateFault.REFUSED_AFTER, CreateFault.CONFLICT_AFTER, CreateFault.PAGE_AFTER),
    CreateFault.FOREIGN_ANSWER,
)
ODD_WITH_KEYS = (CreateFault.LIMITED_AFTER, CreateFault.UNPAID_AFTER)
"""Such a request goes again: without a key it would be a second call."""
ODD = (*ODD_CREATE, "reason_denies_ring", "odd_figures", "listing_denies", "get_denies")
"""What is said of a call contradicts itself."""


@dataclass(frozen=True, slots=True)
class Change:
    """At this time of the loop the network, the faults or the account become so."""

    at: float
    weather: Weather | None = None
    faults: Faults | None = None
    account: tuple[tuple[str, Any], ...] = ()


def draw_faults(chance: Random, slack_s: float, honoured: bool) -> Faults:
    """`slack_s`: how late a call may be made and still be listed within the settle time."""
    values: dict[str, Any] = {}
    swarm = chance.random()
    late = ("listing_late",) if honoured else ()  # else a repeat may be a second call
    if swarm < 0.5:  # a little of many
        chosen = [name for name in (*CREATE, *OTHER, *WebhookFault, *late) if chance.random() < 0.4]
        values = dict.fromkeys(chosen, chance.choice((0.02, 0.05, 0.1)))
    elif swarm < 0.65:  # what only together puts a rule to the test
        for name in chance.choice(TOGETHER):
            if name != "listing_late" or honoured:
                values[name] = chance.choice((0.2, 0.4))
    elif swarm < 0.85:  # much of few
        for name in chance.sample((*CREATE, *OTHER, *WebhookFault, *late), chance.randint(1, 3)):
            values[name] = chance.choice((0.1, 0.3, 0.6))
        for group in (CREATE, WebhookFault):
            total = sum(values.get(name, 0.0) for name in group)
            values |= {name: values[name] * 0.9 / total for name in group if name in values and total > 0.9}
    return Faults(
        **values,
        rate_limited_s=chance.choice((1.0, 1.0, 20.0, 60.0)),
        stall_s=chance.choice((1.0, 15.0, 150.0)),
        made_late_s=chance.choice((1.0, 12.0, 200.0)) if honoured else min(5.0, slack_s * 0.8),
        listing_late_s=chance.choice((40.0, 400.0)),
        webhook_late_s=chance.choice((5.0, 90.0)),
    )


def contradict(chance: Random, faults: Faults, honoured: bool) -> Faults:
    """In few runs the evidence contradicts itself, too."""
    if chance.random() < 0.75:
        return faults
    pool = (*ODD, *ODD_WITH_KEYS) if honoured else ODD
    odd = dict.fromkeys(chance.sample(pool, chance.randint(1, 3)), chance.choice((0.1, 0.3, 0.6)))
    values: dict[str, float] = {name: getattr(faults, name) for name in CREATE} | odd
    total = sum(values.get(name, 0.0) for name in CreateFault)
    if total > 0.9:
        values |= {name: values[name] * 0.9 / total for name in CreateFault if name in values}
    return replace(faults, **values)


def draw_held(chance: Random, numbers: Sequence[str]) -> tuple[Faults, tuple[Change, ...], tuple[Act, ...]]:
    """The line is held for long while answers are lost, keys grow old and people refuse to be called."""
    lost_before, lost_after = chance.choice(((0.0, 0.0), (0.0, 0.3), (0.5, 0.0), (0.5, 0.3), (0.8, 0.0)))
    before = Faults(drop_before=lost_before, drop_after=lost_after)
    at = chance.uniform(0.0, chance.choice((5.0, 60.0)))
    holds = replace(before, rate_limited=0.2, rate_limited_s=chance.choice((20.0, 60.0)))
    said = at + chance.uniform(1.0, 60.0)
    acts = tuple(Act(said, What.SUPPRESS, number) for number in numbers if chance.random() < 0.4)
    return before, (Change(at, faults=holds), Change(at + 300.0, faults=before)), acts


def draw_denied(chance: Random) -> tuple[Faults, tuple[Act, ...]]:
    """Answers are lost, the listing comes late, and operators say of what is unknown that it made no call."""
    late_s = chance.choice((40.0, 100.0))
    faults = Faults(drop_after=chance.choice((0.3, 0.6)), listing_late=0.6, listing_late_s=late_s)
    return faults, denials(chance.uniform(0.0, 100.0))


def draw_steps_back(chance: Random, held_at: float) -> tuple[tuple[float, float], ...]:
    """While the line is held the wall clock goes back by less than keys are old, so that they look young."""
    if chance.random() < 0.3:
        return ()
    return ((held_at + chance.uniform(10.0, 70.0), -chance.choice((20.0, 40.0, 50.0))),)


def draw_changes(
    chance: Random, account: Account, faults: Faults, horizon_s: float, honoured: bool
) -> tuple[Change, ...]:
    changes: list[Change] = []
    for _ in range(chance.choice((0, 0, 1, 2, 4))):
        at = chance.uniform(0.0, horizon_s)
        end = at + chance.choice((0.5, 10.0, 90.0, 700.0))
        worse, better = draw_trouble(chance, account, faults, honoured)
        changes += [replace(worse, at=at), replace(better, at=end)]
    return tuple(sorted(changes, key=lambda change: change.at))


def draw_trouble(chance: Random, account: Account, faults: Faults, honoured: bool) -> tuple[Change, Change]:
    """How it begins and how it ends."""
    calm = Change(0.0, faults=faults)
    limit = account.concurrency_limit
    troubles = [
        (Change(0.0, weather=Weather.REFUSES), Change(0.0, weather=Weather.FINE)),
        (Change(0.0, faults=Faults(drop_before=1.0, read_dropped=1.0)), calm),
        (Change(0.0, faults=Faults(error_after=1.0, read_error=1.0)), calm),
        (Change(0.0, faults=Faults(drop_after=1.0)), calm),
        (Change(0.0, faults=Faults(rate_limited=1.0, rate_limited_s=chance.choice((1.0, 30.0)))), calm),
        (Change(0.0, faults=Faults(concurrency_refused=1.0)), calm),
        (
            Change(0.0, account=(("concurrency_limit", max(1, limit // 2)),)),
            Change(0.0, account=(("concurrency_limit", limit),)),
        ),
        (Change(0.0, account=(("used_by_others", limit),)), Change(0.0, account=(("used_by_others", 0),))),
        (Change(0.0, account=(("paid", False),)), Change(0.0, account=(("paid", True),))),
    ]
    troubles.append((Change(0.0, weather=Weather.STALLS), Change(0.0, weather=Weather.FINE)))
    if honoured:  # what is held may arrive later than any settle time
        troubles.append((Change(0.0, weather=Weather.HOLDS), Change(0.0, weather=Weather.FINE)))
    return chance.choice(troubles)


def share(chance: Random, account: Account, horizon_s: float) -> tuple[Account, tuple[Change, ...]]:
    """In few runs others dial on the account, too, and what is over its limit is billed as burst."""
    if chance.random() < 0.75:
        return account, ()
    limit = account.concurrency_limit
    ours = limit - account.reserved_inbound_concurrency
    shared = replace(account, burst_enabled=True, used_by_others=chance.randint(0, ours - 1))
    times = sorted(chance.uniform(0.0, horizon_s) for _ in range(chance.choice((0, 2, 8))))
    most = [*([limit] * (len(times) - 1)), ours - 1]  # in the end there is room
    return shared, tuple(
        Change(at, account=(("used_by_others", chance.randint(0, up_to)),))
        for at, up_to in zip(times, most, strict=False)
    )


def draw_steps(chance: Random, horizon_s: float) -> tuple[tuple[float, float], ...]:
    if chance.random() < 0.6:
        return ()
    times = sorted(chance.uniform(0.0, horizon_s) for _ in range(chance.choice((1, 3, 12))))
    return tuple((at, chance.choice(STEPS_S)) for at in times)


def draw_ways(chance: Random) -> Ways:
    """In most runs the network costs nothing; in few it is far away."""
    if chance.random() < 0.6:
        return NEAR
    return Ways(
        name_s=chance.choice((0.0, 0.02, 0.5)),
        trip_s=chance.choice((0.01, 0.05, 0.3)),
        jitter=chance.choice((0.0, 1.0, 5.0)),
        resets=chance.choice((0.0, 0.0, 0.1)),
    )


def held_s(changes: tuple[Change, ...], faults: Faults) -> float:
    """How much later than it was sent a request may be looked at, at most."""
    longest = 0.0
    for nth, change in enumerate(changes):
        if change.weather is Weather.HOLDS:
            ends = [later.at for later in changes[nth + 1 :] if later.weather is not None]
            longest = max(longest, max(ends, default=change.at) - change.at)
    return longest + (faults.made_late_s if faults.made_late else 0.0)
