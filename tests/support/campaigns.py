"""Whole campaigns in virtual time: the real engine, ledger and HTTP client against the real simulator.

    async with world(account, "rate_limited=0.2") as w:
        await w.run(answering(200), cps=5, slots=10)     # a process that works to the end
        async with w.running(answering(200)) as p:       # one that does not
            await anyio.sleep(30)
            p.stop()                                      # or p.crash()
        await w.run(answering(200))                      # the next, on the same ledger, in the same world

The account, its calls and the results log outlive a process. Each process that ends is audited: whatever
happened, the books balance, nothing is leaked and nobody has two calls for one attempt.
"""

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial, wraps
from pathlib import Path
from random import Random
from typing import Any, ParamSpec, TypeVar

import anyio
import orjson

from dialer.adapters.ledger.store import SqlLedger, open_sqlite
from dialer.adapters.retell.answers import parse_event
from dialer.adapters.retell.client import open_api
from dialer.adapters.retell.config import RetellConfig
from dialer.adapters.retell.signature import Signatures
from dialer.app.clock_loop import run_virtual
from dialer.domain.calls import CallUpdate, CampaignId, RejectedRow
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.results import ResultLine
from dialer.engine.campaign import Campaign
from dialer.engine.capacity.local import LocalCapacity
from dialer.engine.events import Event
from dialer.engine.intake import Intake
from dialer.engine.run import Run
from dialer.ports.engine import CallApi, CampaignCounts
from dialer.simulator.account import Account
from dialer.simulator.faults import Faults
from dialer.simulator.people import Behaviour
from dialer.simulator.report import Report
from dialer.simulator.server import Simulator
from dialer.telemetry.tally import Tally
from dialer.web.server import serve
from dialer.web.webhooks import PATH, webhook_app
from tests.support.clock import SteppingClock
from tests.support.people import STEADY, Listed, Rows, config
from tests.support.relay import Relay
from tests.support.slow_network import make_slow

EPOCH = 1_800_000_000.0
NAME = "campaign"
KEY = STEADY.api_key
RUN_MAX_S = 40_000.0
"""A process that has not ended by then never will: the test fails instead of going on for ever."""

P = ParamSpec("P")
E = TypeVar("E")


def in_virtual_time(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Makes a pytest test of an async one."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        run_virtual(partial(test, *args, **kwargs))

    return run


@dataclass
class Log:
    """The results log, as far as it is written."""

    lines: list[ResultLine] = field(default_factory=list)

    def last_seq(self) -> int:
        return self.lines[-1].seq if self.lines else 0

    async def append(self, lines: Sequence[ResultLine]) -> None:
        self.lines += lines

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The lines of that kind, read."""
        read = [orjson.loads(each.line) for each in self.lines]
        return [line for line in read if line["kind"] == kind]


@dataclass
class Process:
    """One process that works on the campaign, while it lasts and afterwards."""

    dials: Run
    capacity: LocalCapacity
    campaign_id: CampaignId
    ledger: SqlLedger
    intake: Intake
    world: "World"
    tally: Tally
    events: list[tuple[float, Event]]
    refused: list[RejectedRow]
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    crashed: bool = False
    ended: anyio.Event = field(default_factory=anyio.Event)
    ended_at: float | None = None
    """The loop's time."""
    jobs: Counter[JobState] = field(default_factory=Counter)
    """As the ledger had them when it had ended; empty after a crash."""

    @property
    def campaign(self) -> Campaign:
        return self.dials.campaign

    def stop(self) -> None:
        """As SIGTERM does."""
        self.campaign.stop("interrupted", way_out="run the same command again to go on")

    def crash(self) -> None:
        """Gone between two instructions: what the ledger's file holds now is all that is left.

        With a ledger in memory what was asked of it in the last moment is still written.
        """
        if not self.crashed:
            self.crashed = True
            self.world.keep_ledger_as_it_is()
            self.scope.cancel()

    def of(self, kind: type[E]) -> list[E]:
        """The events of that kind."""
        return [event for _, event in self.events if isinstance(event, kind)]

    async def counts(self) -> CampaignCounts:
        return await self.ledger.counts(self.campaign_id)

    async def work(self) -> None:
        with self.scope:
            await self.dials.work(self.campaign_id, self.intake)
        self.ended_at = anyio.current_time()
        self.ended.set()

    async def audit(self) -> None:
        """What must hold whenever a process has ended by itself."""
        name = self.campaign.name
        balance = await self.ledger.balance(name, self.campaign_id)
        assert balance.problems() == []
        self.jobs = +Counter(balance.jobs)
        stored = await self.ledger.results_after(self.campaign_id, 0, 1_000_000)
        log = self.world.log if name == NAME else self.world.other_logs[name]
        assert log.lines == stored, "the results log has the ledger's lines"
        assert self.campaign._dispatcher.in_flight == 0, "every permit was given back"
        unknown = await self.ledger.open_attempts(self.campaign_id, frozenset({AttemptState.UNKNOWN}))
        held = len(unknown) + self.capacity.beside.count
        assert self.campaign.slots.in_use <= held, "only unknown attempts and other campaigns' may hold slots"
        if self.campaign.stopping is None and self.campaign.config.limit is None:
            assert self.jobs[JobState.OPEN] == self.jobs[JobState.BUSY] == 0, "it was not finished"


@dataclass
class World:
    """The account and whatever outlives a process."""

    sim: Simulator
    clock: SteppingClock
    path: Path | None
    memory: SqlLedger | None
    base_url: str
    relay: Relay | None
    seed: int
    allows_doubles: bool
    log: Log = field(default_factory=Log)
    other_logs: dict[str, Log] = field(default_factory=dict)
    """Of other campaigns, by name."""
    processes: list[Process] = field(default_factory=list)

    @property
    def report(self) -> Report:
        return self.sim.report()

    def keep_ledger_as_it_is(self) -> None:
        """From now on the ledger's file is a copy of what it is at this moment."""
        if self.path is None:
            return
        kept = self.path.with_name(f"{len(self.processes)}-{self.path.name.partition('-')[2]}")
        for end in ("", "-wal"):
            part = self.path.with_name(self.path.name + end)
            if part.exists():
                shutil.copyfile(part, kept.with_name(kept.name + end))
        self.path = kept

    def hear(self, _: str, news: CallUpdate) -> None:
        """A webhook: lost while no process runs."""
        if self.processes and self.processes[-1].ended_at is None:
            self.processes[-1].dials.heard(news)

    async def run(self, rows: Rows = (), **options: Any) -> Process:
        """A process from its start to its end. `options` as in `running`."""
        async with self.running(rows, **options) as process:
            pass
        return process

    @asynccontextmanager
    async def running(
        self,
        rows: Rows = (),
        *,
        source: Listed | None = None,
        rows_max: int = 200,
        timeout_s: float = 120.0,
        sends_key: bool = True,
        on_event: Callable[[Event], None] | None = None,
        connects_in: Callable[[], float] | None = None,
        name: str = NAME,
        observed: bool = True,
        **overrides: Any,
    ) -> AsyncIterator[Process]:
        """A process at work; leaving the context waits for its end. `overrides` as in `people.config`.

        `connects_in`: seconds until the next connection is there, as with a TLS handshake.
        """
        async with AsyncExitStack() as stack:
            ledger = self.memory
            if ledger is None:
                opened = open_sqlite(self.path, dispatches=True, on_thread=False, clock=self.clock)
                ledger = await stack.enter_async_context(opened)
            retell = RetellConfig(
                api_key=KEY,
                base_url=self.base_url,
                timeout_s=timeout_s,
                agent_id="agent_kit",
                sends_idempotency_key=sends_key,
            )
            api = await stack.enter_async_context(open_api(retell, connections_max=100))
            if connects_in is not None:
                make_slow(api, connects_in)
            campaign_id = await ledger.open_campaign(name, self.clock.now(), simulated=True)
            opening = await ledger.balance(name, campaign_id)
            assert opening.problems() == [], "the books balance whenever somebody looks"
            read = source or Listed(rows)
            process = self._process(
                name, ledger, api, campaign_id, read, rows_max, on_event, config(**overrides), observed
            )
            tasks = await stack.enter_async_context(anyio.create_task_group())
            tasks.start_soon(process.work)
            yield process
            with anyio.fail_after(RUN_MAX_S):
                await process.ended.wait()
            assert self.allows_doubles or self.report.doubled_calls == 0, "an attempt made two calls"
            if not process.crashed:
                await process.audit()

    def _process(
        self,
        name: str,
        ledger: SqlLedger,
        api: CallApi,
        campaign_id: CampaignId,
        source: Listed,
        rows_max: int,
        on_event: Callable[[Event], None] | None,
        made: Any,
        observed: bool,
    ) -> Process:
        tally, events, refused = Tally(), list[tuple[float, Event]](), list[RejectedRow]()

        def observe(event: Event) -> None:
            if not observed:
                return
            events.append((anyio.current_time(), event))
            tally.observe(event)
            if on_event is not None:
                on_event(event)

        chance = Random(f"{self.seed}/{len(self.processes)}")
        log = self.log if name == NAME else self.other_logs.setdefault(name, Log())
        capacity = LocalCapacity(ledger, api, self.clock, campaign_id, made, observe)
        campaign = Campaign(name, ledger, api, log, self.clock, chance, made, observe, None, capacity)
        dials = Run(campaign, ledger, capacity, self.clock)
        intake = Intake(ledger, source, self.clock, rows_max=rows_max, refuse=refused.append, observe=observe)
        process = Process(dials, capacity, campaign_id, ledger, intake, self, tally, events, refused)
        self.processes.append(process)
        return process


@asynccontextmanager
async def world(
    account: Account = STEADY,
    faults: str = "",
    *,
    seed: int = 1,
    people: Mapping[str, Behaviour] | None = None,
    path: Path | None = None,
    webhooks: bool = False,
    relayed: bool = False,
    allows_doubles: bool = False,
    api_ahead_s: float = 0.0,
) -> AsyncIterator[World]:
    """`path`: the ledger's folder; None: in memory. `relayed`: by a relay. `api_ahead_s`: the API's clock."""
    clock = SteppingClock(EPOCH, asyncio.get_running_loop())
    sim = Simulator(
        account, Faults.parse(faults), seed=seed, now=lambda: clock.now() + api_ahead_s, people=people
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(sim)
        relay = await stack.enter_async_context(Relay(sim.url)) if relayed else None
        memory = None
        if path is None:
            opened = open_sqlite(None, dispatches=False, on_thread=False, clock=clock)
            memory = await stack.enter_async_context(opened)
        w = World(
            sim,
            clock,
            path and path / "0-ledger.db",
            memory,
            relay.url if relay else sim.url,
            relay,
            seed,
            allows_doubles,
        )
        if webhooks:
            app = webhook_app(Signatures([KEY], clock.now), parse_event, w.hear, body_bytes_max=1_000_000)
            sim.set_account(webhook_url=await stack.enter_async_context(serve(app, "127.0.0.1:0")) + PATH)
        yield w
