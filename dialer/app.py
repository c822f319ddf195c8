"""Wiring: settings in, a running campaign out. The only place that builds adapters from settings."""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import anyio

from dialer.adapters.clock import LoopClock, SystemClock
from dialer.adapters.ledger.store import SqlLedger, open_sqlite
from dialer.adapters.retell.answers import parse_event
from dialer.adapters.retell.client import open_api
from dialer.adapters.retell.config import RetellConfig
from dialer.adapters.retell.requests import check_content
from dialer.adapters.retell.signature import verify
from dialer.adapters.sinks.csv_file import RejectsFile
from dialer.adapters.sinks.jsonl import JsonlLog
from dialer.adapters.sources.csv_file import CsvFile, CsvOptions
from dialer.domain.calls import CallContent, CallNews, CampaignId, JobKind
from dialer.domain.errors import BadInput, DialerError
from dialer.domain.redial import RedialPolicy
from dialer.domain.screening import Screen
from dialer.engine.campaign import Campaign, CampaignConfig
from dialer.engine.events import Event, Observe
from dialer.engine.intake import Intake
from dialer.engine.placing import PlacingConfig
from dialer.engine.tracking import TrackingConfig
from dialer.ports import CampaignCounts, Clock, IntakeCounts, Ledger, ResultSink
from dialer.rehearsal.loop import ClockLoop
from dialer.settings import Loaded, Settings
from dialer.simulation import SIMULATED_KEY, Simulation, fresh_places, simulated
from dialer.web.server import serve
from dialer.web.webhooks import PATH, webhook_app

SLOT_RECOVERS_S = 5.0
"""After the account said it is full, one slot comes back each so many seconds."""
INTERRUPTED = "interrupted"
COLLECTOR_THRESHOLDS = (50_000, 20, 100)
"""Allocations before a look at the youngest objects; then how many of those before the next older ones."""

T = TypeVar("T")


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


View = Callable[[Running], Coroutine[Any, Any, None]]
"""Shows a running campaign until it is cancelled. It changes nothing."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a campaign, after a run."""

    campaign: str
    intake: IntakeCounts
    counts: CampaignCounts
    seconds: float
    """On the campaign's own clock."""
    ledger: str
    results: Path
    rejects: Path | None
    stopped: str | None
    """Why it stopped before its end; None: it did not."""
    way_out: str
    account_refused: bool
    interrupted: bool


def run_campaign(
    loaded: Loaded, request: RunRequest, *, observers: Sequence[Observe], view: View | None = None
) -> Summary:
    """Run a campaign to its end, or until a signal or the account stops it.

    Raises `BadInput` and `LedgerError`.
    """
    simulate = request.simulate
    settings = loaded.settings if simulate is None else fresh_places(loaded)
    speed = 1.0 if simulate is None else simulate.speed
    return run_on_loop(partial(_run, settings, request, observers, view), speed=speed)


def run_on_loop(main: Callable[[], Awaitable[T]], *, speed: float | None = 1.0) -> T:
    """Run `main` on a loop of that speed (None: virtual); a plain error comes out alone, not in a group."""

    async def call() -> T:
        return await main()

    try:
        with asyncio.Runner(loop_factory=lambda: _new_loop(speed)) as runner:
            return runner.run(call())
    except BaseExceptionGroup as group:
        plain = _first_plain(group)
        if plain is None:
            raise
        raise plain from group


def _first_plain(group: BaseExceptionGroup[BaseException]) -> DialerError | None:
    for error in group.exceptions:
        found = _first_plain(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, DialerError):
            return found
    return None


def _new_loop(speed: float | None) -> asyncio.AbstractEventLoop:
    if speed != 1.0:
        return ClockLoop(speed)
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _run(
    settings: Settings, request: RunRequest, observers: Sequence[Observe], view: View | None
) -> Summary:
    def observe(event: Event) -> None:
        for each in observers:
            each(event)

    simulate = request.simulate
    clock = (
        SystemClock() if simulate is None else LoopClock(simulate.epoch(settings), asyncio.get_running_loop())
    )
    results = Path(settings.results.dir) / f"{request.campaign}.jsonl"
    began = anyio.current_time()
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(simulated(settings, simulate, clock))
        retell = retell_config(settings, base_url=None if simulator is None else simulator.url)
        ledger = await stack.enter_async_context(open_ledger(settings, simulate, dispatches=True))
        connections = settings.retell.connections_max
        api = await stack.enter_async_context(open_api(retell, connections_max=connections))
        campaign_id = await ledger.open_campaign(request.campaign, clock.now(), simulated=bool(simulate))
        sink = stack.enter_context(JsonlLog(results))
        rejects = stack.enter_context(RejectsFile(results.with_suffix(".rejects.csv")))
        before = await ledger.counts(campaign_id)
        chance = Random() if simulate is None else Random(simulate.seed)  # noqa: S311 - ids, no secrets
        await _check_log(ledger, campaign_id, sink, results)
        config = campaign_config(settings, request.limit)
        campaign = Campaign(request.campaign, ledger, api, sink, clock, chance, config, observe)
        intake = Intake(
            ledger,
            CsvFile(
                request.leads, replace(csv_options(settings), needs_from_number=not settings.from_numbers)
            ),
            clock,
            rows_max=settings.intake.batch_rows,
            refuse=rejects.write,
            observe=observe,
        )
        background = await stack.enter_async_context(anyio.create_task_group())
        background.start_soon(_stop_on_signals, campaign)
        listening = await stack.enter_async_context(_webhooks(settings, retell.api_key, campaign, clock))
        if simulator is not None and listening is not None:
            simulator.set_account(webhook_url=listening + PATH)
        if view is not None:
            slots = campaign.slots
            running = Running(request.campaign, clock, lambda: (slots.in_use, slots.limit), before)
            background.start_soon(view, running)
        with _rare_collections():
            await campaign.run(campaign_id, intake)
        counts, stopping = await ledger.counts(campaign_id), campaign.stopping
        background.cancel_scope.cancel()
        return Summary(
            request.campaign,
            intake.counts,
            counts,
            anyio.current_time() - began,
            settings.ledger.url,
            results,
            rejects.path if intake.counts.rejected else None,
            stopped=stopping.why if stopping else None,
            way_out=stopping.way_out if stopping else "",
            account_refused=stopping is not None and stopping.account,
            interrupted=stopping is not None and stopping.why == INTERRUPTED,
        )


async def _check_log(ledger: Ledger, campaign_id: CampaignId, sink: ResultSink, path: Path) -> None:
    """Raise `BadInput` if the results log is ahead of the ledger: then it is another ledger's."""
    last = sink.last_seq()
    if last and not await ledger.results_after(campaign_id, last - 1, 1):
        raise BadInput(
            f"results log {path} ends with line {last}, which this ledger does not have: it belongs to "
            "another ledger. Give this campaign another --results or --campaign, or move the log away"
        )


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let the garbage collector look seldom, and not at what start-up made.

    A live call holds a few dozen objects, so with its usual thresholds the collector walked over all live
    calls again and again: a third of the time per job.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@asynccontextmanager
async def open_ledger(
    settings: Settings, simulate: Simulation | None = None, *, dispatches: bool
) -> AsyncIterator[SqlLedger]:
    """The ledger that the settings name. `dispatches`: to dial from it. Raises `LedgerError`."""
    virtual = simulate is not None and simulate.speed is None
    async with open_sqlite(Path(settings.ledger.url), dispatches=dispatches, on_thread=not virtual) as ledger:
        yield ledger


@asynccontextmanager
async def _webhooks(
    settings: Settings, api_key: str, campaign: Campaign, clock: Clock
) -> AsyncIterator[str | None]:
    """The receiver, if one is wanted; gives its URL."""
    listen = settings.webhooks.listen
    if listen is None:
        yield None
        return

    def is_signed(header: str | None, body: bytes) -> bool:
        return header is not None and verify(api_key, header, body, round(clock.now() * 1000))

    def hear(event: str, news: CallNews) -> None:
        del event  # the status of the call says as much
        campaign.tracker.heard(news, by_webhook=True)

    app = webhook_app(is_signed, parse_event, hear, body_bytes_max=settings.webhooks.body_bytes_max)
    async with serve(app, listen) as url:
        yield url


async def _stop_on_signals(campaign: Campaign) -> None:
    """The first signal stops politely, the second at once."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            if campaign.stopping is not None and campaign.stopping.why == INTERRUPTED:
                os._exit(130)  # everything is in the ledger; unwinding could hang on what hangs
            campaign.stop(INTERRUPTED, way_out="run the same command again to go on")


def retell_config(settings: Settings, *, base_url: str | None) -> RetellConfig:
    """`base_url`: the simulator's, if there is one. Raises `BadInput` without a key for the real API."""
    if base_url is not None:
        return replace(_requests(settings), api_key=SIMULATED_KEY, base_url=base_url)
    if settings.retell_api_key is None:
        raise BadInput(
            "RETELL_API_KEY is not set: set it to dial for real, "
            "or add --simulate to try it without calling anyone"
        )
    key = settings.retell_api_key.get_secret_value()
    return replace(_requests(settings), api_key=key, base_url=settings.retell.base_url)


def _requests(settings: Settings) -> RetellConfig:
    """What goes into every request."""
    call = settings.call
    return RetellConfig(
        api_key="",
        timeout_s=settings.retell.timeout_s,
        agent_id=call.agent_id,
        agent_version=call.agent_version,
        agent_override=call.agent_override,
        metadata=call.metadata,
        ignore_e164_validation=call.ignore_e164_validation,
        honor_internal_dnc=call.honor_internal_dnc,
    )


def csv_options(settings: Settings) -> CsvOptions:
    """How leads are read. Raises `BadInput` if what the settings give every call would be refused."""
    config = _requests(settings)
    problems = check_content(JobKind.PHONE_CALL, CallContent(), config)
    if problems:
        raise BadInput("\n".join(f"setting call.{problem}" for problem in problems))
    return CsvOptions(
        region=settings.intake.region,
        encoding=settings.intake.encoding,
        default_kind=settings.call.kind,
        default_timezone=settings.intake.timezone,
        check=lambda kind, content: check_content(kind, content, config),
    )


def campaign_config(settings: Settings, limit: int | None) -> CampaignConfig:
    """What the engine has to know."""
    pace, placing, tracking = settings.pace, settings.placing, settings.tracking
    return CampaignConfig(
        cps=pace.cps,
        burst_s=pace.burst_s,
        guard_s=pace.guard_s,
        slots=pace.slots,
        refresh_s=pace.refresh_s,
        recover_s=SLOT_RECOVERS_S,
        use_paid_burst=pace.use_paid_burst,
        in_flight_max=placing.in_flight_max,
        grace_s=settings.shutdown.grace_s,
        placing=PlacingConfig(
            settle_s=placing.settle_s,
            looks_max=placing.looks_max,
            tries_max=placing.tries_max,
            backoff_initial_s=placing.backoff_initial_s,
            backoff_max_s=placing.backoff_max_s,
            key_lifetime_s=placing.key_lifetime_s,
            api_honours_key=placing.api_honours_key,
        ),
        tracking=TrackingConfig(
            poll_s=tracking.poll_s,
            poll_with_webhooks_s=tracking.poll_with_webhooks_s,
            call_max_s=tracking.call_max_s,
            missing_s=placing.settle_s,
        ),
        redial=RedialPolicy(settings.redial.attempts_max, put_back_s=placing.put_back_s),
        screen=Screen(settings.from_numbers),
        limit=limit,
    )
