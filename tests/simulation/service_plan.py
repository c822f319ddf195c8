"""What happens in one run of services: campaigns that share an account, a ledger and people.

All of it is drawn from one integer. Faults are few here: the first kind of run is for them. What is tried is
what campaigns share: slots, pace, people, the rules, and what operators do meanwhile.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from dialer.domain.breakers import BreakerRules
from dialer.domain.budget import BudgetRule
from dialer.domain.calls import CallContent, CallJob
from dialer.domain.caps import Cap, CapsRule
from dialer.domain.hours import Hours, HoursRule
from dialer.domain.outcomes import Outcome
from dialer.domain.screening import CampaignPolicy
from dialer.domain.windows import parse_week
from dialer.engine.campaign import CampaignConfig
from dialer.simulator.account import Account
from dialer.simulator.faults import Faults
from tests.simulation.acts import What
from tests.support.people import config

NAMES = ("spring", "summer", "autumn")
CALLERS = ("+12125550199", "+13125550199")
AREA = 202
"""Where everybody lives: at the start of a run it is 03:00 there."""
OPENINGS = ("02:00-23:00", "02:00-03:04", "03:02-23:00", "02:00-03:03, 03:06-23:00")
CALM_S = 240.0
"""From then on nothing is drawn any more: no faults, no pauses, the whole account."""
STEPS_S = (10_800.0, -10_800.0, 900.0, -900.0, 40.0)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """One process of a worker."""

    lasts_s: float
    crashes: bool
    """Else it is stopped."""
    down_s: float


@dataclass(frozen=True, slots=True)
class Order:
    """What an operator does to a campaign, or to a number in all of them."""

    at: float
    what: What
    campaign: str
    number: str = ""


@dataclass(frozen=True, slots=True)
class ServicePlan:
    seed: int
    account: Account
    faults: Faults
    configs: Mapping[str, CampaignConfig]
    """By the name of the campaign. Slots and pace are the account's, the same in all."""
    submitted: tuple[tuple[float, str, tuple[CallJob, ...]], ...]
    lives: tuple[Lifetime, ...]
    """One behind the other, and then one that goes on to the end. From a file one process dials at a time:
    workers side by side need a server, and are tried by `make crew`."""
    orders: tuple[Order, ...]
    others: tuple[tuple[float, int], ...]
    """Calls of others on the account, each from a time on."""
    steps: tuple[tuple[float, float], ...]
    """The dialer's wall clock steps: when, how far."""
    hears_webhooks: bool

    @property
    def bounds(self) -> CampaignConfig:
        """Whatever is the account's is the same in all."""
        return next(iter(self.configs.values()))


def draw_service(seed: int) -> ServicePlan:
    """The plan of this seed. Each part has a chance of its own: changing one leaves the rest."""

    def chance(part: str) -> Random:
        return Random(f"services/{seed}/{part}")

    basis = chance("basis")
    slots = basis.choice((1, 2, 4, 10))
    cps = basis.choice((0.5, 2.0, 5.0, 10.0))
    names = NAMES[: basis.choice((1, 2, 2, 3))]
    numbers = [f"+1{AREA}55501{ending:02d}" for ending in basis.sample(range(60), basis.choice((6, 12, 25)))]
    capping = CapsRule((Cap(1, basis.choice((200.0, 500.0))),)) if basis.random() < 0.5 else CapsRule()
    rules = chance("rules")
    configs = {name: _config(rules, slots, cps, capping) for name in names}
    submitting = chance("submitted")
    return ServicePlan(
        seed,
        _account(chance("account"), slots),
        _faults(chance("faults")),
        configs,
        tuple(sorted((_submitted(submitting, name, numbers) for name in names), key=lambda each: each[0])),
        _lives(chance("lives")),
        _orders(chance("orders"), names, numbers),
        _others(chance("others"), slots),
        _steps(chance("steps")),
        hears_webhooks=basis.random() < 0.5,
    )


def _account(chance: Random, slots: int) -> Account:
    return Account(
        concurrency_limit=chance.choice((slots, slots + 3, slots * 2)),
        burst_enabled=True,  # it takes what goes over, and bills it
        listing_lag_s=chance.choice((0.0, 5.0)),
        latency_s=chance.choice((0.0, 0.05, 0.3)),
        ring_s=4.0,
        talk_s=chance.choice((15.0, 40.0)),
        no_answer_s=20.0,
        max_call_s=120.0,
    )


def _faults(chance: Random) -> Faults:
    if chance.random() < 0.6:
        return Faults()
    names = chance.sample(("drop_after", "drop_before", "rate_limited", "error_after", "webhook_lost"), 2)
    return Faults(**dict.fromkeys(names, chance.choice((0.05, 0.2))))


def _config(chance: Random, slots: int, cps: float, caps: CapsRule) -> CampaignConfig:
    hours, budget = HoursRule(), None
    if chance.random() < 0.4:
        week = parse_week({"mon-sun": chance.choice(OPENINGS)})
        hours = HoursRule((Hours("campaign", week),), ring_s=0)
    if chance.random() < 0.3:
        cents = chance.choice((20.0, 60.0, 200.0))
        budget = BudgetRule(cents, None, per_minute_cents=10.0, expected_s=60.0, prior_calls=3)
    policy = CampaignPolicy(CALLERS[:1], hours=hours, caps=caps, budget=budget, breakers=BreakerRules())
    retried = (Outcome.BUSY, Outcome.NO_ANSWER, Outcome.VOICEMAIL, Outcome.PLATFORM_FAULT)
    made = config(
        cps=cps,
        slots=slots,
        control_s=1.0,
        in_flight_max=8,
        poll_s=3.0,
        call_max_s=300.0,
        refresh_s=20.0,
        put_back_s=10.0,
        attempts_max=chance.choice((1, 2, 3)),
        redial_delays=dict.fromkeys(retried, (chance.choice((5.0, 60.0)),) * 3),
        screen=policy,
    )
    return replace(made, grace_s=5.0)


def _submitted(chance: Random, name: str, numbers: list[str]) -> tuple[float, str, tuple[CallJob, ...]]:
    """Many are in several campaigns."""
    of_it = [number for number in numbers if chance.random() < 0.7] or numbers[:1]
    return (
        chance.choice((0.0, 0.0, chance.uniform(0.0, 100.0))),
        name,
        tuple(
            CallJob(number, number, line=line, content=CallContent(agent_id="agent_of_the_row"))
            for line, number in enumerate(of_it, start=2)
        ),
    )


def _lives(chance: Random) -> tuple[Lifetime, ...]:
    return tuple(
        Lifetime(
            chance.uniform(1.0, chance.choice((20.0, 100.0))),
            chance.random() < 0.6,
            chance.choice((0.1, 5.0, 40.0)),
        )
        for _ in range(chance.choice((0, 1, 2, 4)))
    )


def _orders(chance: Random, names: tuple[str, ...], numbers: list[str]) -> tuple[Order, ...]:
    orders: list[Order] = []
    for _ in range(chance.choice((0, 0, 2, 4))):
        at, name = chance.uniform(0.0, CALM_S / 2), chance.choice(names)
        if chance.random() < 0.5:
            until = min(CALM_S, at + chance.choice((5.0, 60.0, 150.0)))
            orders += [Order(at, What.PAUSE, name), Order(until, What.RESUME, name)]
        else:
            orders += [Order(at, What.SUPPRESS, name, number) for number in chance.sample(numbers, 3)]
    return tuple(sorted(orders, key=lambda order: order.at))


def _others(chance: Random, slots: int) -> tuple[tuple[float, int], ...]:
    if chance.random() < 0.5:
        return ()
    times = sorted(chance.uniform(0.0, CALM_S) for _ in range(chance.choice((1, 3))))
    return (*((at, chance.randint(0, slots)) for at in times), (CALM_S, 0))


def _steps(chance: Random) -> tuple[tuple[float, float], ...]:
    if chance.random() < 0.75:
        return ()
    return tuple(sorted((chance.uniform(0.0, CALM_S), chance.choice(STEPS_S)) for _ in range(2)))
