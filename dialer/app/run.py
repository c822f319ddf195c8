"""Wiring: settings in, a running campaign out. The only place that builds adapters from settings."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import anyio

from dialer.adapters.ledger.drivers.server import is_server
from dialer.adapters.ledger.reports.waiting import waiting_of
from dialer.adapters.ledger.store import SqlLedger
from dialer.adapters.retell.client import RetellApi, open_api
from dialer.adapters.retell.config import RetellConfig
from dialer.adapters.sinks.csv_file import RejectsFile
from dialer.adapters.sinks.jsonl import JsonlLog
from dialer.adapters.sinks.shared_log import NoLog, RunLog
from dialer.adapters.sources.csv_file import CsvFile
from dialer.adapters.system.clock import LoopClock, SystemClock
from dialer.app.engine_config import csv_options, retell_config
from dialer.app.event_loop import rare_collections, run_on_loop
from dialer.app.ledger import open_ledger
from dialer.app.monitoring import Monitor, tracing
from dialer.app.results_log import check_log
from dialer.app.rulebook import Rulebook
from dialer.app.shared_account import shared_account, worker_name
from dialer.app.simulation import Simulation, fresh_places, simulated
from dialer.app.webhooks import WebhookUse, webhooks_served
from dialer.domain.calls import CampaignId
from dialer.domain.waiting import Waiting
from dialer.engine.campaign import Campaign, CampaignConfig
from dialer.engine.capacity.capacity import Capacity
from dialer.engine.capacity.local import LocalCapacity
from dialer.engine.events import Event, Observe
from dialer.engine.intake import Intake
from dialer.engine.run import Run
from dialer.ports.engine import CampaignCounts, Clock, IntakeCounts, ResultSink
from dialer.settings import Loaded, Settings
from dialer.settings.contact import hours_notice
from dialer.settings.problems import without_password
from dialer.simulator.server import Simulator

INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What `dialer run` was asked for, besides the settings."""

    leads: Path
    campaign: str
    simulate: Simulation | None = None
    limit: int | None = None
    """Attempts to make at most; None: no bound."""


@dataclass(frozen=True, slots=True)
class Running:
    """What a view of a running campaign may look at."""

    campaign: str
    clock: Clock
    slots: Callable[[], tuple[int, int]]
    """Slots in use and allowed, now."""
    before: CampaignCounts
    """What the ledger held when this run began."""
    waiting: Callable[[], Awaitable[Sequence[Waiting]]]
    """Asks the ledger who is not due now, and for what they wait."""
    changes: Mapping[str, Any]
    """What operators had changed when this run began, by dotted names."""


View = Callable[[Running], Coroutine[Any, Any, None]]
"""Shows a running campaign until it is cancelled. It changes nothing."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a campaign, after a run."""

    campaign: str
    intake: IntakeCounts
    counts: CampaignCounts
    calls_before: int
    """Calls that were made before this run."""
    seconds: float
    """On the campaign's own clock."""
    ledger: str
    results: Path | None
    """None: no results log is written."""
    rejects: Path | None
    stopped: str | None
    """Why it stopped before its end; None: it did not."""
    way_out: str
    account_refused: bool
    interrupted: bool
    read_in_part: bool = False
    """The leads were not read to their end."""
    unread: int | None = None
    """Rows that were not read; None: nobody knows how many."""
    unclear: Mapping[str, str] = field(default_factory=dict)
    """Columns of the leads that are not understood, and what each looks like."""
    hours_notice: str | None = None
    """What is to be said of calling hours that the settings take off."""
    waiting: Sequence[Waiting] = ()
    """Who is not due yet, and for what they wait."""
    now: float = 0.0
    """Unix seconds on the campaign's clock, at the end."""
    zone: str = "UTC"
    """The campaign's."""


def run_campaign(
    loaded: Loaded, request: RunRequest, *, observers: Sequence[Observe], view: View | None = None
) -> Summary:
    """Run a campaign to its end, or until a signal or the account stops it.

    Raises `BadInput` and `LedgerError`.
    """
    simulate = request.simulate
    settings = loaded.settings if simulate is None else fresh_places(loaded)
    speed = _speed(simulate)
    return run_on_loop(partial(_run, settings, request, observers, view), speed=speed)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What one run works with, opened."""

    clock: Clock
    simulator: Simulator | None
    retell: RetellConfig
    api: RetellApi
    ledger: SqlLedger
    capacity: Capacity
    campaign_id: CampaignId
    before: CampaignCounts
    results: Path | None
    sink: ResultSink
    rejects: RejectsFile

    async def waiting(self) -> Sequence[Waiting]:
        """Who of the campaign is not due now, and for what they wait. Raises `LedgerError`."""
        now, asked = self.clock.now(), self.campaign_id
        return await self.ledger.ask(lambda conn: waiting_of(conn, [asked], now)[asked])


async def _run(
    settings: Settings, request: RunRequest, observers: Sequence[Observe], view: View | None
) -> Summary:
    simulate = request.simulate
    monitor = Monitor(settings, request.campaign, speed=_speed(simulate))
    observers = (*observers, *monitor.observers)

    def observe(event: Event) -> None:
        for each in observers:
            each(event)

    # what can be refused is refused before anything is opened
    if simulate is None:
        retell_config(settings, base_url=None)
    rulebook = _rulebook(settings, request)
    leads = _leads(settings, rulebook, request)
    began = anyio.current_time()
    async with AsyncExitStack() as stack:
        traced = stack.enter_context(tracing(settings))
        parts = await _open(stack, settings, request, rulebook.config, observe)
        observers = (*observers, *traced(request.campaign, parts.clock))
        run = _run_of(rulebook, request, parts, observe)
        campaign = run.campaign
        intake = Intake(
            parts.ledger,
            leads,
            parts.clock,
            rows_max=settings.intake.batch_rows,
            refuse=parts.rejects.write,
            observe=observe,
        )
        questions = open_ledger(settings, dispatches=False, speed=_speed(simulate))
        watching = monitor.watching(
            parts.ledger, questions, lambda: {request.campaign: parts.campaign_id}, parts.clock
        )
        await stack.enter_async_context(watching)
        background = await stack.enter_async_context(anyio.create_task_group())
        background.start_soon(_stop_on_signals, campaign)
        background.start_soon(rulebook.watch, campaign.change)
        use = WebhookUse(run.heard, run.webhook_refused, parts.api.get, lambda: parts.retell.api_key)
        receiver = webhooks_served(settings.webhooks, use, parts.clock, monitor, observe)
        webhook_url = await stack.enter_async_context(receiver)
        if parts.simulator is not None and webhook_url is not None:
            parts.simulator.set_account(webhook_url=webhook_url)
        if view is not None:
            slots = campaign.slots
            used = lambda: (slots.in_use, slots.limit)  # noqa: E731
            control = await parts.ledger.control(parts.campaign_id)
            running = Running(
                request.campaign, parts.clock, used, parts.before, parts.waiting, control.changes
            )
            background.start_soon(view, running)
        with rare_collections():
            await run.work(parts.campaign_id, intake)
        summary = await _summary(settings, parts, campaign, intake, anyio.current_time() - began)
        summary = replace(summary, unclear=leads.unclear, read_in_part=not intake.complete)
        if not intake.complete and (rows := leads.count_rows()) is not None:
            # the batch that was being written when the reading was stopped is in, too
            unread = await parts.ledger.leave_unread(parts.campaign_id, leads.name, rows)
            summary = replace(summary, unread=unread)
        background.cancel_scope.cancel()
    return summary


def _rulebook(settings: Settings, request: RunRequest) -> Rulebook:
    """The campaign's rules. Raises `BadInput` if a file of theirs cannot be read."""
    simulate = request.simulate
    return Rulebook(
        settings,
        request.campaign,
        SystemClock().now() if simulate is None else simulate.epoch(settings),
        limit=request.limit,
        speed=_speed(simulate),
    )


def _leads(settings: Settings, rulebook: Rulebook, request: RunRequest) -> CsvFile:
    screen = rulebook.config.screen
    options = replace(csv_options(settings, screen), needs_from_number=not screen.pool)
    leads = CsvFile(request.leads, options)
    leads.examine()
    return leads


async def _open(
    stack: AsyncExitStack, settings: Settings, request: RunRequest, config: CampaignConfig, observe: Observe
) -> _Parts:
    simulate = request.simulate
    clock: Clock = SystemClock()
    if simulate is not None:
        clock = LoopClock(simulate.epoch(settings), asyncio.get_running_loop())
    simulator = await stack.enter_async_context(simulated(settings, simulate, clock))
    retell = retell_config(settings, base_url=None if simulator is None else simulator.url)
    folder = settings.results.folder
    results = None if folder is None else folder / f"{request.campaign}.jsonl"
    api: RetellApi
    ledger: SqlLedger
    capacity: Capacity
    is_shared = simulate is None and is_server(settings.ledger.url)
    if is_shared:
        opened = shared_account(settings, worker_name(settings), clock, observe, run=request.campaign)
        account = await stack.enter_async_context(opened)
        ledger, api, capacity = account.ledger, account.api, account.crew
        campaign_id = await ledger.open_campaign(request.campaign, clock.now(), simulated=False)
    else:
        ledger = await stack.enter_async_context(
            open_ledger(settings, dispatches=True, speed=_speed(simulate), clock=clock)
        )
        connections = settings.retell.connections_max
        reached = open_api(retell, connections_max=connections, clock=clock, observe=observe)
        api = await stack.enter_async_context(reached)
        campaign_id = await ledger.open_campaign(request.campaign, clock.now(), simulated=bool(simulate))
        capacity = LocalCapacity(ledger, api, clock, campaign_id, config, observe)
    sink: JsonlLog | RunLog | NoLog = NoLog()
    if results is not None:
        sink = stack.enter_context(closing(RunLog(results) if is_shared else JsonlLog(results)))
        await check_log(ledger, campaign_id, results)
    rejects = stack.enter_context(RejectsFile(results and results.with_suffix(".rejects.csv")))
    before = await ledger.counts(campaign_id)
    return _Parts(
        clock, simulator, retell, api, ledger, capacity, campaign_id, before, results, sink, rejects
    )


def _run_of(rulebook: Rulebook, request: RunRequest, parts: _Parts, observe: Observe) -> Run:
    chance = Random()  # noqa: S311 - ids and jitter, no secrets
    if request.simulate is not None:
        # the same seed gives the same day, and never an id that the ledger has already
        chance.seed(f"{request.simulate.seed} {parts.campaign_id} {parts.before.attempts}")
    campaign = Campaign(
        request.campaign,
        parts.ledger,
        parts.api,
        parts.sink,
        parts.clock,
        chance,
        rulebook.config,
        observe,
        rulebook.changed,
        parts.capacity,
    )
    return Run(campaign, parts.ledger, parts.capacity, parts.clock)


async def _summary(
    settings: Settings, parts: _Parts, campaign: Campaign, intake: Intake, seconds: float
) -> Summary:
    stopping = campaign.stopping
    return Summary(
        campaign.name,
        intake.counts,
        await parts.ledger.counts(parts.campaign_id),
        parts.before.calls,
        seconds,
        without_password(settings.ledger.url),
        parts.results,
        parts.rejects.path if intake.counts.rejected else None,
        stopped=stopping.why if stopping else None,
        way_out=stopping.way_out if stopping else "",
        account_refused=stopping is not None and stopping.account,
        interrupted=stopping is not None and stopping.why == INTERRUPTED,
        hours_notice=hours_notice(settings.rules),
        waiting=await parts.waiting(),
        now=parts.clock.now(),
        zone=settings.campaign.timezone,
    )


def _speed(simulate: Simulation | None) -> float | None:
    return 1.0 if simulate is None else simulate.speed


async def _stop_on_signals(campaign: Campaign) -> None:
    """The first signal stops politely, the second at once."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            if campaign.stopping is not None and campaign.stopping.why == INTERRUPTED:
                os._exit(130)  # everything is in the ledger; unwinding could hang on what hangs
            campaign.stop(INTERRUPTED)
