"""A run that counts in the ledger, as it does on a server: it has its campaign to itself."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import anyio
import sqlalchemy as sa

from dialer.adapters.ledger.operators import campaigns
from dialer.adapters.ledger.schema.tables import campaign as campaign_table
from dialer.adapters.retell.client import open_api
from dialer.adapters.retell.config import RetellConfig
from dialer.domain.calls import CallJob, CampaignId
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.engine.campaign import Campaign
from dialer.engine.capacity.shared import Crew, CrewConfig
from dialer.engine.events import CampaignHeld
from dialer.engine.intake import Intake
from dialer.engine.run import Run
from dialer.ports.engine import Operation
from tests.support.campaigns import KEY, Log, in_virtual_time
from tests.support.people import Listed, answering, config
from tests.support.service_world import LEASE_S, ServiceWorld, service_world

NAME = "spring"
MANY = 20


@dataclass
class Process:
    """A run under way."""

    run: Run
    crew: Crew
    campaign_id: CampaignId
    ended: anyio.Event


@asynccontextmanager
async def running(
    w: ServiceWorld, rows: Sequence[CallJob], worker: str, **more: Any
) -> AsyncIterator[Process]:
    """A run at work; leaving the context waits for its end."""
    made = config(**{"control_s": 0.5, "slots": 5, **more})
    retell = RetellConfig(api_key=KEY, base_url=w.sim.url, timeout_s=120.0, agent_id="agent_kit")
    async with open_api(retell, connections_max=100) as api:
        campaign_id = await w.ledger.open_campaign(NAME, w.clock.now(), simulated=False)
        bounds = CrewConfig(
            worker=worker,
            is_alone=False,
            lease_s=LEASE_S,
            cps=made.cps,
            slots=made.slots,
            guard_s=0.1,
            use_paid_burst=False,
            refresh_s=made.refresh_s,
            recover_s=made.recover_s,
            tracking=made.tracking,
            campaign_id=campaign_id,
        )
        observe = lambda event: None  # noqa: E731
        crew = Crew(w.ledger, api, w.clock, bounds, observe)
        log = w.logs.setdefault(NAME, Log())
        chance = Random(worker)
        spring = Campaign(NAME, w.ledger, api, log, w.clock, chance, made, observe, lambda _: made, crew)
        intake = Intake(w.ledger, Listed(rows), w.clock, rows_max=50, refuse=lambda _: None, observe=observe)
        process = Process(Run(spring, w.ledger, crew, w.clock), crew, campaign_id, anyio.Event())

        async def work() -> None:
            await process.run.work(campaign_id, intake)
            process.ended.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work)
            yield process
            with anyio.fail_after(5_000.0):
                await process.ended.wait()


async def run_by(w: ServiceWorld, campaign_id: CampaignId) -> str | None:
    wanted = sa.select(campaign_table.c.run_by).where(campaign_table.c.id == campaign_id)
    found: str | None = await w.ledger.ask(lambda conn: conn.execute(wanted).scalar_one())
    return found


@in_virtual_time
async def test_it_ends_with_its_work_and_leaves_its_campaign_to_all() -> None:
    async with service_world() as w:
        async with running(w, answering(MANY), "r0") as p:
            await anyio.sleep(10.0)
            assert await run_by(w, p.campaign_id) == "r0"
        assert await w.jobs(NAME) == {JobState.DONE: MANY}
        assert await run_by(w, p.campaign_id) is None
        assert (w.report.peak_live, w.report.doubled_calls) == (5, 0)


@in_virtual_time
async def test_what_a_run_left_waits_for_it_and_not_for_a_service() -> None:
    async with service_world() as w:
        async with running(w, answering(MANY), "r0") as p:
            await anyio.sleep(30.0)
            p.run.campaign.stop("interrupted")
        open_jobs = (await w.jobs(NAME))[JobState.OPEN]
        async with w.working(slots=5) as service:
            await anyio.sleep(600.0)
            assert await w.jobs(NAME) == {JobState.OPEN: open_jobs, JobState.DONE: MANY - open_jobs}
            (held,) = service.of(CampaignHeld, NAME)
            assert held.why is not None and "`dialer run` worked on it" in held.why  # noqa: PT018
        async with running(w, answering(MANY), "r1"):
            pass
        assert await w.jobs(NAME) == {JobState.DONE: MANY}
        assert (w.report.calls, set(w.report.calls_per_number.values())) == (MANY, {1})


@in_virtual_time
async def test_resume_leaves_it_to_the_service() -> None:
    async with service_world() as w:
        async with running(w, answering(MANY), "r0") as p:
            await anyio.sleep(30.0)
            p.run.campaign.stop("interrupted")
        async with w.working(slots=5):
            by = Operation("somebody", w.clock.now())
            await w.ledger.operate(lambda conn: campaigns.resume(conn, p.campaign_id, by))
            await w.until_done(NAME, many=MANY)
        assert (w.report.calls, set(w.report.calls_per_number.values())) == (MANY, {1})


@in_virtual_time
async def test_it_goes_on_with_what_the_run_before_left_open() -> None:
    async with service_world() as w:
        async with running(w, answering(5), "r0") as p:
            await anyio.sleep(10.0)
            assert len(await w.attempts(NAME, AttemptState.PLACED)) == 5
            p.run.campaign.stop("interrupted")
        began = anyio.current_time()
        async with running(w, answering(5), "r1") as again:
            await anyio.sleep(1.0)
            assert {each.worker for each in await w.attempts(NAME, AttemptState.PLACED)} == {"r1"}
            assert again.run.campaign.slots.in_use == 5
        assert anyio.current_time() - began < LEASE_S + 70.0
        assert (w.report.calls, set(w.report.calls_per_number.values())) == (5, {1})


@in_virtual_time
async def test_its_bounds_are_those_of_its_campaign() -> None:
    async with service_world() as w, running(w, answering(3), "r0") as p:
        p.run.campaign.change(replace(p.run.campaign.config, cps=0.5, slots=2))
        limits = p.crew.limits()
        assert (limits.cps, limits.slots) == (0.5, 2)
