"""Services, one behind the other, on one ledger in virtual time, wired as `app.serve` does it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import anyio
import sqlalchemy as sa

from dialer.adapters.ledger.operators import campaigns as operators
from dialer.adapters.ledger.queue import decisions
from dialer.adapters.ledger.reports import counts
from dialer.adapters.ledger.schema import tables
from dialer.adapters.ledger.shared import SharedLedger, open_shared_sqlite
from dialer.adapters.retell.answers import parse_event
from dialer.adapters.retell.client import RetellApi, open_api
from dialer.adapters.retell.config import RetellConfig
from dialer.adapters.retell.signature import Signatures
from dialer.domain.calls import CallUpdate, CampaignId
from dialer.domain.lifecycle import JobState
from dialer.domain.suppression import Suppressed
from dialer.engine.campaign import Campaign, CampaignConfig
from dialer.engine.capacity.shared import Crew, CrewConfig
from dialer.engine.events import Event
from dialer.engine.service import Service
from dialer.engine.submissions import Submissions
from dialer.ports.engine import Control, Operation
from dialer.simulator.calls import Call
from dialer.simulator.faults import Faults
from dialer.simulator.server import Simulator
from dialer.web.server import serve
from dialer.web.webhooks import PATH, webhook_app
from tests.simulation.acts import What
from tests.simulation.plan import EPOCH_S
from tests.simulation.service_plan import CALM_S, Lifetime, Order, ServicePlan
from tests.simulation.wire import Arrival, WireLoop
from tests.support.campaigns import Log
from tests.support.clock import SteppingClock

LEASE_S = 12.0
END_S = 6000.0
"""By then everybody has been called, or a rule says why not."""
LOOK_S = 5.0
_OPEN = sa.select(tables.job.c.campaign_id, tables.job.c.state).where(
    tables.job.c.state.in_([JobState.OPEN.value, JobState.BUSY.value])
)


@dataclass(slots=True)
class ServiceEvidence:
    """What a run leaves behind: the world, the ledger, the logs."""

    plan: ServicePlan
    calls: tuple[Call, ...] = ()
    arrivals: list[Arrival] = field(default_factory=list)
    orders: list[tuple[float, Order]] = field(default_factory=list)
    """When operators did what."""
    campaigns: Mapping[str, CampaignId] = field(default_factory=dict)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What `dialer verify` says, and where a log is not the ledger's."""
    events: list[tuple[float, str, Event]] = field(default_factory=list)
    lives: list[tuple[float, float]] = field(default_factory=list)
    """Processes: from when, until when."""
    crashes: int = 0
    troubles: list[str] = field(default_factory=list)
    hours: float = 0.0


@dataclass(eq=False)
class _World:
    plan: ServicePlan
    seen: ServiceEvidence
    sim: Simulator
    ledger: SharedLedger
    clock: SteppingClock
    logs: dict[str, Log] = field(default_factory=dict)
    at_work: Service | None = None
    crew: Crew | None = None
    ends: anyio.Event = field(default_factory=anyio.Event)

    def hear(self, _: str, news: CallUpdate) -> None:
        """A webhook is lost while nobody serves."""
        if self.at_work is not None:
            self.at_work.heard(news)


def run_service(plan: ServicePlan) -> ServiceEvidence:
    """Carry the plan out."""
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # a crash leaves futures nobody asks for
    with asyncio.Runner(loop_factory=WireLoop) as runner:
        return runner.run(_run(plan))


async def _run(plan: ServicePlan) -> ServiceEvidence:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, WireLoop)
    seen = ServiceEvidence(plan)
    seen.arrivals = loop.arrivals
    clock = SteppingClock(EPOCH_S, loop)
    sim = Simulator(plan.account, plan.faults, seed=plan.seed, now=SteppingClock(EPOCH_S, loop).now)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(sim)
        ledger = await stack.enter_async_context(open_shared_sqlite(None, on_thread=False, clock=clock))
        world = _World(plan, seen, sim, ledger, clock)
        if plan.hears_webhooks:
            keys = Signatures([plan.account.api_key], SteppingClock(EPOCH_S, loop).now)
            app = webhook_app(keys, parse_event, world.hear, body_bytes_max=1_000_000)
            sim.set_account(webhook_url=await stack.enter_async_context(serve(app, "127.0.0.1:0")) + PATH)
        try:
            async with anyio.create_task_group() as tasks:
                for happens in (_serve, _submit, _operate, _change, _step):
                    tasks.start_soon(happens, world)
                await _until_done(world)
                world.ends.set()
        except Exception as error:
            seen.troubles.append(_said(error))
        seen.calls = tuple(sim.calls)
        await _read(world)
    seen.hours = loop.time() / 3600
    return seen


async def _until_done(world: _World) -> None:
    """Until nobody is open, or a rule ends it."""
    await anyio.sleep(CALM_S + LOOK_S)
    world.sim.set_faults(**dict.fromkeys(Faults.__slots__, 0))
    while anyio.current_time() < END_S:
        rows = await world.ledger.ask(lambda conn: conn.execute(_OPEN).all())
        names = {campaign_id: name for name, campaign_id in (await world.ledger.campaigns()).items()}
        waiting = [row for row in rows if not _is_bounded(world.plan, names[row.campaign_id])]
        busy = [row for row in rows if row.state == JobState.BUSY]
        if not waiting and not busy:
            return
        await anyio.sleep(LOOK_S)
    world.seen.troubles.append("somebody is still to be called, and no rule says why not")


def _is_bounded(plan: ServicePlan, name: str) -> bool:
    """Its budget, or the hours of this day, may end it before everybody was called."""
    rules = plan.configs[name].screen
    return rules.budget is not None or rules.hours.is_on


async def _serve(world: _World) -> None:
    for nth, life in enumerate((*world.plan.lives, None)):
        if world.ends.is_set():
            return
        await _live(world, nth, life)
        if life is not None:
            await anyio.sleep(life.down_s)


async def _live(world: _World, nth: int, life: Lifetime | None) -> None:
    """One process. None: to the end."""
    plan, seen, began = world.plan, world.seen, anyio.current_time()
    retell = RetellConfig(
        api_key=plan.account.api_key, base_url=world.sim.url, timeout_s=30.0, agent_id=plan.account.agent_id
    )
    name = f"w{nth}"
    async with open_api(
        retell, connections_max=40, before_list=lambda: crew.may_list(), clock=world.clock
    ) as api:
        crew = _crew(world, name, api)
        service = _service(world, name, api, crew)
        scope = anyio.CancelScope()

        async def until_its_end() -> None:
            with anyio.move_on_after(None if life is None else life.lasts_s):
                await world.ends.wait()
            if life is not None and life.crashes and not world.ends.is_set():
                seen.crashes += 1
                scope.cancel()
            service.stop("interrupted")

        world.at_work, world.crew = service, crew
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(until_its_end)
                with scope:
                    await service.run()
                tasks.cancel_scope.cancel()
        finally:
            world.at_work = world.crew = None
            seen.lives.append((began, anyio.current_time()))


def _crew(world: _World, name: str, api: RetellApi) -> Crew:
    made = world.plan.bounds
    config = CrewConfig(
        worker=name,
        is_alone=True,
        lease_s=LEASE_S,
        cps=made.cps,
        slots=made.slots,
        guard_s=made.guard_s,
        use_paid_burst=False,
        refresh_s=made.refresh_s,
        recover_s=made.recover_s,
        tracking=made.tracking,
    )
    return Crew(world.ledger, api, world.clock, config, lambda event: _told(world, "", event))


def _service(world: _World, name: str, api: RetellApi, crew: Crew) -> Service:
    @asynccontextmanager
    async def campaign(of: str, campaign_id: CampaignId) -> AsyncIterator[Campaign]:
        made, log = world.plan.configs[of], world.logs.setdefault(of, Log())
        chance = Random(f"services/{world.plan.seed}/{name}/{of}/{anyio.current_time()}")

        def changed(_: Control) -> CampaignConfig:
            return made

        def observe(event: Event) -> None:
            _told(world, of, event)

        clock = world.clock
        yield Campaign(of, world.ledger, api, log, clock, chance, made, observe, changed, crew, served=True)

    return Service(
        world.ledger,
        world.ledger,
        crew,
        world.clock,
        campaign,
        grace_s=5.0,
        control_s=world.plan.bounds.control_s,
        failing=lambda of, why: world.seen.troubles.append(f"{of} failed: {why}") if why else None,
    )


def _told(world: _World, of: str, event: Event) -> None:
    world.seen.events.append((anyio.current_time(), of, event))


async def _submit(world: _World) -> None:
    def tell(of: Any) -> None:
        if world.crew is not None:
            world.crew.news(of)

    taking = Submissions(world.ledger, world.ledger, world.clock, "queue", tell)
    for at, name, jobs in world.plan.submitted:
        await anyio.sleep(max(0.0, at - anyio.current_time()))
        await taking.submit(name, jobs)


async def _operate(world: _World) -> None:
    for order in world.plan.orders:
        await anyio.sleep(max(0.0, order.at - anyio.current_time()))
        now = EPOCH_S + anyio.current_time()
        by = Operation("operator", now, "simulated")
        campaign_id = (await world.ledger.campaigns()).get(order.campaign)
        if order.what is What.SUPPRESS:
            said = Suppressed(order.number, "operator", "", now)
            await world.ledger.operate(lambda conn, said=said, by=by: operators.suppress(conn, said, by))
        elif campaign_id is None:
            continue
        else:
            act = operators.pause if order.what is What.PAUSE else operators.resume
            await world.ledger.operate(lambda conn, act=act, of=campaign_id, by=by: act(conn, of, by))
        world.seen.orders.append((anyio.current_time(), order))


async def _change(world: _World) -> None:
    for at, others in world.plan.others:
        await anyio.sleep(max(0.0, at - anyio.current_time()))
        world.sim.set_account(used_by_others=others)


async def _step(world: _World) -> None:
    for at, seconds in world.plan.steps:
        await anyio.sleep(max(0.0, at - anyio.current_time()))
        world.clock.step_s += seconds


async def _read(world: _World) -> None:
    seen, ledger = world.seen, world.ledger
    seen.campaigns = await ledger.campaigns()

    def read(conn: sa.Connection) -> None:
        seen.jobs = [dict(row) for row in conn.execute(sa.select(tables.job)).mappings()]
        seen.attempts = [dict(row) for row in conn.execute(sa.select(tables.attempt)).mappings()]
        for name, campaign_id in seen.campaigns.items():
            seen.problems += counts.balance(conn, name, campaign_id).problems()
            seen.problems += decisions.chain_problems(conn, campaign_id)

    await ledger.ask(read)
    for name, campaign_id in seen.campaigns.items():
        stored = await ledger.results_after(campaign_id, 0, 1_000_000)
        if name in world.logs and world.logs[name].lines != stored:
            seen.problems.append(f"the results log of {name} is not the ledger's")


def _said(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_said(each) for each in error.exceptions)
    return f"{type(error).__name__}: {error}"
