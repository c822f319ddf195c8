"""The week carried out: the real engine, ledger and HTTP client against the simulator, in virtual time."""

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import anyio
import sqlalchemy as sa
from anyio.abc import TaskGroup

from dialer.adapters.ledger.operators import campaigns
from dialer.adapters.ledger.schema import tables
from dialer.adapters.ledger.store import SqlLedger, open_sqlite
from dialer.adapters.retell.client import open_api
from dialer.adapters.retell.config import RetellConfig
from dialer.adapters.system.clock import LoopClock
from dialer.app.clock_loop import run_virtual
from dialer.domain.results import ResultLine
from dialer.domain.suppression import Suppressed
from dialer.engine.campaign import Campaign, CampaignConfig
from dialer.engine.capacity.local import LocalCapacity
from dialer.engine.events import (
    AttemptClaimed,
    AttemptClosed,
    AttemptUncertain,
    CallPlaced,
    Event,
    RequestHeld,
)
from dialer.engine.intake import Intake
from dialer.engine.run import Run
from dialer.ports.engine import CallApi, Operation
from dialer.simulator.account import Account
from dialer.simulator.faults import Faults
from dialer.simulator.server import Simulator
from tests.support.people import Listed
from tests.week.configured import campaign_config, rows
from tests.week.leads import Lead, draw
from tests.week.plan import (
    DAY_S,
    EARLIER_S,
    FLAGGED_LINE,
    Plan,
)

ACCOUNT = Account(concurrency_limit=30, talk_s=150.0, talk_sigma=0.5, max_call_s=1800.0)
FAULTS = Faults(rate_limited=0.004, error_before=0.002, drop_after=0.002)
LASTS_MAX_S = 9 * DAY_S
"""A campaign that is still at work then will never end."""
BATCH_ROWS = 500
EARLIER, WEEK = "earlier", "week"


@dataclass(frozen=True, slots=True)
class Made:
    """A call as the account has it. All times are Unix seconds."""

    number: str
    line: str
    at: float
    until: float
    """When it ended."""
    reason: str
    attempt_id: str


@dataclass(slots=True)
class Evidence:
    """What is left of a week, for the checkers."""

    plan: Plan
    leads: Sequence[Lead]
    calls: list[Made] = field(default_factory=list)
    """Every call of the account, in the order of their creation."""
    suppressed: dict[str, float] = field(default_factory=dict)
    """Since when numbers are on the list because somebody put them there."""
    decisions: list[bytes] = field(default_factory=list)
    """The record, as it is kept."""
    attempts: dict[str, float] = field(default_factory=dict)
    """When each was claimed, as the ledger has it."""
    problems: list[str] = field(default_factory=list)
    """What the ledger itself finds wrong with its books and its record."""
    jobs: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    """Events of the campaigns, and requests of the account."""


Alter = Callable[[CampaignConfig], CampaignConfig]


def run(plan: Plan, alter: Alter = lambda config: config) -> Evidence:
    """Carry it out. `alter`: what the tests of the checkers do to the configuration."""
    with _rare_collections():
        return run_virtual(_run, plan, alter)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """As the program itself does while a campaign runs."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@dataclass(slots=True)
class _Log:
    """The results log."""

    last: int = 0

    def last_seq(self) -> int:
        return self.last

    async def append(self, lines: Sequence[ResultLine]) -> None:
        self.last = lines[-1].seq


@dataclass(frozen=True, slots=True)
class _World:
    seen: Evidence
    clock: LoopClock
    simulator: Simulator
    ledger: SqlLedger
    api: CallApi
    alter: Alter
    background: TaskGroup


async def _run(plan: Plan, alter: Alter) -> Evidence:
    loop = asyncio.get_running_loop()
    seen = Evidence(plan, draw(plan.many, plan.seed))
    start = plan.times.start_at
    clock = LoopClock(start - EARLIER_S, loop)
    people = {lead.number: lead.behaviour for lead in seen.leads}
    simulator = Simulator(ACCOUNT, FAULTS, seed=plan.seed, now=clock.now, people=people)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(simulator)
        opened = open_sqlite(None, dispatches=False, on_thread=False, clock=clock)
        ledger = await stack.enter_async_context(opened)
        retell = RetellConfig(api_key=ACCOUNT.api_key, base_url=simulator.url, agent_id=ACCOUNT.agent_id)
        api = await stack.enter_async_context(open_api(retell, connections_max=100))
        async with anyio.create_task_group() as background:
            world = _World(seen, clock, simulator, ledger, api, alter, background)
            for number in [lead.number for lead in seen.leads if lead.suppressed_at == -1.0]:
                await _suppress(world, number)
            background.start_soon(_suppress_later, world)
            background.start_soon(_change_account, world)
            await _dial(world, EARLIER, [lead for lead in seen.leads if lead.earlier], start)
            await anyio.sleep(max(0.0, start - clock.now()))
            await _dial(world, WEEK, seen.leads, plan.ends_at)
            background.cancel_scope.cancel()
        await _keep(world)
    return seen


async def _dial(world: _World, name: str, leads: Sequence[Lead], ends_at: float) -> None:
    seen = world.seen

    unsent: dict[str, None] = {}

    def observe(event: Event) -> None:
        seen.seen[type(event).__name__] += 1
        match event:
            case AttemptClaimed(attempt):
                unsent[attempt.job.job.key] = None
            case CallPlaced(attempt) | AttemptClosed(attempt) | AttemptUncertain(attempt):
                unsent.pop(attempt.job.job.key, None)
            case RequestHeld() if unsent:  # the worst moment: it is claimed, and its request has not left
                world.background.start_soon(_suppress, world, next(iter(unsent)))

    config = world.alter(campaign_config(seen.plan, name, ends_at))
    campaign_id = await world.ledger.open_campaign(name, world.clock.now(), simulated=True)
    chance = Random(f"{seen.plan.seed}/{name}")
    capacity = LocalCapacity(world.ledger, world.api, world.clock, campaign_id, config, observe)
    campaign = Campaign(
        name, world.ledger, world.api, _Log(), world.clock, chance, config, observe, None, capacity
    )
    source = Listed(rows(leads))
    intake = Intake(
        world.ledger, source, world.clock, rows_max=BATCH_ROWS, refuse=lambda row: None, observe=observe
    )
    with anyio.fail_after(LASTS_MAX_S):
        await Run(campaign, world.ledger, capacity, world.clock).work(campaign_id, intake)
    if campaign.stopping is not None:
        seen.problems.append(f"{name} was stopped: {campaign.stopping.why}")


async def _suppress(world: _World, number: str) -> None:
    at = world.clock.now()
    said = Suppressed(number, "operator", "asked for it", at)
    await world.ledger.operate(lambda conn: campaigns.suppress(conn, said, Operation("tests", at)))
    world.seen.suppressed.setdefault(number, world.clock.now())


async def _suppress_later(world: _World) -> None:
    start = world.seen.plan.times.start_at
    later = [(lead.suppressed_at, lead.number) for lead in world.seen.leads if lead.suppressed_at is not None]
    for after_s, number in sorted(each for each in later if each[0] >= 0.0):
        await anyio.sleep(max(0.0, start + after_s - world.clock.now()))
        await _suppress(world, number)


async def _change_account(world: _World) -> None:
    plan, start = world.seen.plan, world.seen.plan.times.start_at
    changes_at: list[tuple[float, dict[str, Any]]] = [
        (plan.down_s[0], {"provider_down": True}),
        (plan.down_s[1], {"provider_down": False}),
        (plan.flagged_s[0], {"flagged_numbers": frozenset({FLAGGED_LINE})}),
        (plan.flagged_s[1], {"flagged_numbers": frozenset()}),
    ]
    for after_s, changes in sorted(changes_at, key=lambda each: each[0]):
        await anyio.sleep(max(0.0, start + after_s - world.clock.now()))
        world.simulator.set_account(**changes)


async def _keep(world: _World) -> None:
    """Take from the account and from the ledger what the checkers want."""
    seen, ledger = world.seen, world.ledger
    offset = world.clock.now() - asyncio.get_running_loop().time()
    for call in world.simulator.calls:
        until = float("inf") if call.ended_at is None else offset + call.ended_at
        made = Made(
            call.to_number,
            call.from_number,
            offset + call.created_at,
            until,
            call.reason or "live",
            call.attempt_id or "",
        )
        seen.calls.append(made)
    seen.decisions = await ledger.operate(_decisions)
    seen.attempts = await ledger.operate(_attempts)
    for name, campaign_id in (await ledger.campaigns()).items():
        balance = await ledger.balance(name, campaign_id)
        seen.problems += balance.problems()
        seen.problems += await ledger.decision_problems(campaign_id)
        if name == WEEK:
            seen.jobs = Counter({str(state): many for state, many in balance.jobs.items() if many})
    for endpoint, answers in world.simulator.report().requests.items():
        seen.seen.update({f"{endpoint} {status}": many for status, many in answers.items()})


def _decisions(conn: sa.Connection) -> list[bytes]:
    wanted = sa.select(tables.decision.c.body).order_by(tables.decision.c.campaign_id, tables.decision.c.seq)
    return list(conn.scalars(wanted))


def _attempts(conn: sa.Connection) -> dict[str, float]:
    return {
        row[0]: row[1] for row in conn.execute(sa.select(tables.attempt.c.id, tables.attempt.c.claimed_at))
    }
