"""A service in virtual time: many campaigns of one ledger, the real engine, and the account as the judge.

async with service_world(account) as w:
    async with w.working() as worker:            # a process that serves
        await w.submit("spring", answering(20))
        await w.until_done("spring")
    # left: it was stopped, and has signed off
    async with w.working() as next_one: ...      # the next, on the same ledger
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

import anyio

from dialer.adapters.ledger.shared import SharedLedger, open_shared_sqlite
from dialer.adapters.retell.answers import parse_event
from dialer.adapters.retell.client import open_api
from dialer.adapters.retell.config import RetellConfig
from dialer.adapters.retell.signature import Signatures
from dialer.domain.calls import Attempt, CallJob, CallUpdate, CampaignId
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.engine.campaign import Campaign, CampaignConfig
from dialer.engine.capacity.shared import Crew, CrewConfig
from dialer.engine.events import Event
from dialer.engine.service import Service
from dialer.engine.submissions import Submissions
from dialer.ports.engine import CallApi, Control
from dialer.simulator.account import Account
from dialer.simulator.faults import Faults
from dialer.simulator.people import Behaviour
from dialer.simulator.report import Report
from dialer.simulator.server import Simulator
from dialer.web.server import serve
from dialer.web.webhooks import PATH, webhook_app
from tests.support.campaigns import EPOCH, KEY, Log
from tests.support.clock import SteppingClock
from tests.support.people import STEADY, config

DONE_S_MAX = 20_000.0
GRACE_S = 12.0
LEASE_S = 30.0

E = TypeVar("E")


@dataclass
class Worker:
    """One process that serves, while it lasts and afterwards."""

    world: "ServiceWorld"
    name: str
    api: CallApi
    made: CampaignConfig
    observed: bool = True
    """Somebody keeps its events."""
    service: Service = field(init=False)
    crew: Crew = field(init=False)
    events: list[tuple[str, Event]] = field(default_factory=list)
    """Beside the campaign's name; of the account: beside none."""
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)
    crashed: bool = False
    opened: int = 0
    """Campaigns so far: each time one is opened its ids are others."""

    def __post_init__(self) -> None:
        w, made = self.world, self.made
        crew = CrewConfig(
            worker=self.name,
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
        self.crew = Crew(w.ledger, self.api, w.clock, crew, lambda event: self.events.append(("", event)))
        self.service = Service(
            w.ledger,
            w.ledger,
            self.crew,
            w.clock,
            self._campaign,
            control_s=made.control_s,
            failing=lambda name, why: w.failing.append((name, why)),
        )

    @asynccontextmanager
    async def _campaign(self, name: str, campaign_id: CampaignId) -> AsyncIterator[Campaign]:
        w = self.world

        def observe(event: Event) -> None:
            if self.observed:
                self.events.append((name, event))

        def changed(_: Control) -> CampaignConfig:
            return self.made

        if name in w.faults:
            raise w.faults[name]
        log = w.logs.setdefault(name, Log())
        self.opened += 1
        chance = Random(f"{w.seed}/{self.name}/{name}/{self.opened}")
        yield Campaign(
            name,
            w.ledger,
            self.api,
            log,
            w.clock,
            chance,
            self.made,
            observe,
            changed,
            self.crew,
            served=True,
        )

    def of(self, kind: type[E], campaign: str | None = None) -> list[E]:
        """The events of that kind."""
        return [
            event
            for name, event in self.events
            if isinstance(event, kind) and (campaign is None or name == campaign)
        ]

    def stop(self) -> None:
        """As SIGTERM does."""
        self.service.stop("interrupted")

    def crash(self) -> None:
        """Gone between two instructions; what was asked of the ledger in the last moment is still written."""
        self.crashed = True
        self.scope.cancel()

    async def work(self) -> None:
        with self.scope:
            await self.service.run()
        self.ended.set()


@dataclass
class ServiceWorld:
    """The account, the ledger and the logs, which outlive a worker."""

    sim: Simulator
    clock: SteppingClock
    ledger: SharedLedger
    seed: int
    logs: dict[str, Log] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)
    takes_webhooks: bool = True
    faults: dict[str, Exception] = field(default_factory=dict)
    """Why a campaign cannot be made, by its name."""
    failing: list[tuple[str, str | None]] = field(default_factory=list)
    """As a service tells it."""

    def __post_init__(self) -> None:
        self.submissions = Submissions(self.ledger, self.ledger, self.clock, "queue", self._tell)

    @property
    def report(self) -> Report:
        return self.sim.report()

    def _tell(self, of: Collection[CampaignId]) -> None:
        """They took the jobs in."""
        for worker in self.workers:
            worker.crew.news(of)

    def hear(self, _: str, news: CallUpdate) -> None:
        """A webhook: lost while nobody serves."""
        if self.workers and not self.workers[-1].ended.is_set() and self.takes_webhooks:
            self.workers[-1].service.heard(news)

    async def submit(self, campaign: str, jobs: Sequence[CallJob]) -> None:
        await self.submissions.submit(campaign, jobs)

    async def id_of(self, campaign: str) -> CampaignId:
        return await self.ledger.campaign_named(campaign, self.clock.now())

    async def jobs(self, campaign: str) -> Counter[JobState]:
        """How many are in which state."""
        return +Counter((await self.ledger.counts(await self.id_of(campaign))).jobs)

    async def attempts(self, campaign: str, *states: AttemptState) -> list[Attempt]:
        return [*await self.ledger.open_attempts(await self.id_of(campaign), frozenset(states))]

    async def until_done(self, *campaigns: str, many: int | None = None) -> None:
        """Until none of their jobs is open or under way; then `many` are done."""
        with anyio.fail_after(DONE_S_MAX):
            for each in campaigns:
                while await self._has_open(each):  # noqa: ASYNC110 - the ledger tells nobody
                    await anyio.sleep(0.5)
                if many is not None:
                    assert await self.jobs(each) == {JobState.DONE: many}

    async def _has_open(self, campaign: str) -> bool:
        return bool((await self.jobs(campaign)).keys() & {JobState.OPEN, JobState.BUSY})

    @asynccontextmanager
    async def working(self, *, observed: bool = True, **overrides: Any) -> AsyncIterator[Worker]:
        """A worker that serves; leaving stops it and waits for its end. `overrides` as in `people.config`."""
        retell = RetellConfig(api_key=KEY, base_url=self.sim.url, timeout_s=120.0, agent_id="agent_kit")
        made = config(**{"control_s": 0.5, "grace_s": GRACE_S, **overrides})
        async with AsyncExitStack() as stack:
            before_list = lambda: self.workers[-1].crew.may_list()  # noqa: E731
            api = await stack.enter_async_context(
                open_api(retell, connections_max=100, before_list=before_list)
            )
            worker = Worker(self, f"w{len(self.workers)}", api, made, observed)
            self.workers.append(worker)
            tasks = await stack.enter_async_context(anyio.create_task_group())
            tasks.start_soon(worker.work)
            yield worker
            if not worker.crashed:
                worker.stop()
            with anyio.fail_after(GRACE_S + 3.0):
                await worker.ended.wait()
        await self._audit(worker)

    async def _audit(self, worker: Worker) -> None:
        """What must hold whenever one has ended."""
        assert self.report.doubled_calls == 0, "an attempt made two calls"
        for name, campaign_id in (await self.ledger.campaigns()).items():
            balance = await self.ledger.balance(name, campaign_id)
            assert balance.problems() == []
            if not worker.crashed and name in self.logs:
                stored = await self.ledger.results_after(campaign_id, 0, 1_000_000)
                assert self.logs[name].lines == stored, "the results log has the ledger's lines"
                claimed = await self.ledger.open_attempts(campaign_id, frozenset({AttemptState.CLAIMED}))
                assert claimed == [], "what had not left was put back"
        assert worker.service.campaigns == [] or worker.crashed


@asynccontextmanager
async def service_world(
    account: Account = STEADY,
    faults: str = "",
    *,
    seed: int = 1,
    people: Mapping[str, Behaviour] | None = None,
    webhooks: bool = False,
) -> AsyncIterator[ServiceWorld]:
    """Everything but a worker. `webhooks`: the account sends them."""
    clock = SteppingClock(EPOCH, asyncio.get_running_loop())
    sim = Simulator(account, Faults.parse(faults), seed=seed, now=clock.now, people=people)
    async with (
        sim,
        open_shared_sqlite(None, on_thread=False, clock=clock) as ledger,
        AsyncExitStack() as stack,
    ):
        w = ServiceWorld(sim, clock, ledger, seed)
        if webhooks:
            app = webhook_app(Signatures([KEY], clock.now), parse_event, w.hear, body_bytes_max=1_000_000)
            sim.set_account(webhook_url=await stack.enter_async_context(serve(app, "127.0.0.1:0")) + PATH)
        yield w
