"""Wiring of a service: settings in, campaigns at work until it is told to stop."""

import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from random import Random

import anyio
import anyio.abc

from dialer.adapters.sinks.shared_log import NoLog, ResultsFolder, SharedLog
from dialer.adapters.system.clock import SystemClock
from dialer.adapters.system.systemd import Supervisor
from dialer.app.campaign_faults import CampaignFaults
from dialer.app.engine_config import publisher_config, retell_config
from dialer.app.event_loop import rare_collections, run_on_loop
from dialer.app.http_api import api_served
from dialer.app.ledger import open_ledger
from dialer.app.monitoring import Monitor, WorkerState, tracing
from dialer.app.queue_intake import queue_taken
from dialer.app.results_log import check_log
from dialer.app.rulebook import Rulebook
from dialer.app.shared_account import crew_config, shared_account, worker_name
from dialer.app.webhooks import WebhookUse, webhooks_served
from dialer.domain.calls import CampaignId
from dialer.domain.errors import BadInput, DialerError
from dialer.domain.phone import load_plans
from dialer.engine.campaign import Campaign
from dialer.engine.events import CampaignFailing, CampaignPart, CampaignStopping, Event, Observe
from dialer.engine.results_publisher import ResultsPublisher
from dialer.engine.service import Service
from dialer.engine.submissions import Submissions
from dialer.settings import Settings, reloading
from dialer.telemetry.self_watch import Notice, SelfWatch
from dialer.web.api import Answered

INTERRUPTED = "interrupted"

Reload = Callable[[], Settings]
"""Reads the settings again, with what was given on the command line. Raises `BadInput`."""


@dataclass(frozen=True, slots=True)
class Told:
    """Where a service tells what it does."""

    observers: Callable[[str], Sequence[Observe]]
    """Of a campaign, by its name."""
    account: Sequence[Observe]
    """Of what is no campaign's own."""
    started: Callable[[str, Settings], None]
    """The worker's name, once it dials."""
    reloaded: Callable[[reloading.Reload], None]
    """What came of the settings that were read again."""
    refused: Callable[[BadInput], None]
    """New settings are wrong: the old ones hold."""
    noticed: Callable[[Notice, float], None]
    """What the worker saw of itself, and the seconds of it."""
    asked: Callable[[Answered], None]
    """Something was asked over HTTP."""
    unpublished: Callable[[str], None]
    """Why results could not be published now; it is tried again."""


def serve_campaigns(settings: Settings, reload: Reload, told: Told) -> None:
    """Serve until a signal stops it. Raises `BadInput` and `LedgerError`."""

    run_on_loop(_Serving(settings, reload, told).run)


class _Serving:
    """One worker, from its start to its end."""

    def __init__(self, settings: Settings, reload: Reload, told: Told) -> None:
        self._settings = settings
        self._reload = reload
        self._told = told
        self._clock = SystemClock()
        self._worker = worker_name(settings)
        self._rulebooks: dict[str, tuple[Rulebook, Campaign]] = {}
        self._folder: ResultsFolder | None = None
        self._supervisor = Supervisor.of(os.environ)
        self._self = SelfWatch(
            self._clock, lambda: self._crew.beaten_at, lambda: self._settings.service.lease_s, told.noticed
        )
        now = self._clock.now()
        state = WorkerState(self._heard_at, now, lambda: self._self.clock_steps, self._stopping)
        self._monitor = Monitor(settings, "", speed=1.0, worker=state)

    async def run(self) -> None:
        settings = self._settings
        load_plans()
        Rulebook(settings, settings.service.campaign, self._clock.now())  # its faults are those of all
        async with AsyncExitStack() as stack:
            if settings.results.folder is not None:
                self._folder = ResultsFolder(settings.results.folder)
                stack.callback(self._folder.close)
            opened = shared_account(settings, self._worker, self._clock, self._tell_account)
            account = await stack.enter_async_context(opened)
            self._ledger, self._api, self._crew = account.ledger, account.api, account.crew
            ledger, grace_s = self._ledger, settings.shutdown.grace_s
            self._faults = CampaignFaults(ledger, self._worker, self._clock)
            self._service = Service(
                ledger,
                ledger,
                self._crew,
                self._clock,
                self._campaign,
                grace_s=grace_s,
                failing=self._campaign_failing,
                campaigns_max=lambda: self._settings.service.campaigns_max,
            )
            self._traced = stack.enter_context(tracing(settings))
            await stack.enter_async_context(self._watched())
            self._tasks = await stack.enter_async_context(anyio.create_task_group())
            await stack.enter_async_context(self._webhooks())
            await stack.enter_async_context(self._http())
            await stack.enter_async_context(self._queue())
            self._tasks.start_soon(self._publish)
            self._tasks.start_soon(self._self.run)
            self._tasks.start_soon(self._faults.run)
            await self._tasks.start(self._follow_signals)
            self._tasks.start_soon(self._supervisor.keep_fed, self._status)
            self._supervisor.ready(self._status())
            self._told.started(self._worker, settings)
            with rare_collections():
                await self._service.run()
            self._tasks.cancel_scope.cancel()

    @asynccontextmanager
    async def _campaign(self, name: str, campaign_id: CampaignId) -> AsyncIterator[Campaign]:
        """One of the ledger's campaigns, with its own rules and log."""
        rulebook = Rulebook(self._settings, name, self._clock.now())
        sink = NoLog() if self._folder is None else SharedLog(self._folder, name)
        if sink.path is not None:
            await check_log(self._ledger, campaign_id, sink.path)
        campaign = Campaign(
            name,
            self._ledger,
            self._api,
            sink,
            self._clock,
            Random(),  # noqa: S311 - ids and jitter, no secrets
            rulebook.config,
            self._tell(name),
            rulebook.changed,
            self._crew,
            served=True,
        )
        self._rulebooks[name] = rulebook, campaign
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(rulebook.watch, campaign.change)
                yield campaign
                tasks.cancel_scope.cancel()
        finally:
            del self._rulebooks[name]
            self._close(name, sink)

    def _close(self, name: str, sink: SharedLog | NoLog) -> None:
        """Its lines are in the ledger: what the file may have lost comes again."""
        try:
            sink.close()
        except DialerError as error:
            self._tell(name)(CampaignFailing(CampaignPart.RESULTS_LOG, str(error)))

    def _campaign_failing(self, name: str, why: str | None) -> None:
        self._tell(name)(CampaignFailing(CampaignPart.CAMPAIGN, why))

    def _tell(self, name: str) -> Observe:
        observers = (
            *self._told.observers(name),
            *self._monitor.observers_of(name),
            *self._traced(name, self._clock),
            self._faults.observer(name),
        )

        def tell(event: Event) -> None:
            for each in observers:
                each(event)

        return tell

    def _tell_account(self, event: Event) -> None:
        for each in (*self._told.account, *self._monitor.observers):
            each(event)

    def _watched(self) -> AbstractAsyncContextManager[None]:
        questions = open_ledger(self._settings, dispatches=False)
        return self._monitor.watching(self._ledger, questions, self._at_work, self._clock)

    def _at_work(self) -> dict[str, CampaignId]:
        return {campaign.name: campaign_id for campaign_id, campaign in self._service.at_work.items()}

    def _webhooks(self) -> AbstractAsyncContextManager[str | None]:
        service = self._service
        key = lambda: retell_config(self._settings, base_url=None).api_key  # noqa: E731
        use = WebhookUse(service.heard, service.webhook_refused, self._api.get, key)
        webhooks = self._settings.webhooks
        return webhooks_served(webhooks, use, self._clock, self._monitor, self._tell_account)

    def _queue(self) -> AbstractAsyncContextManager[None]:
        """Jobs from the queue, where the settings name one."""
        return queue_taken(
            lambda: self._settings,
            self._ledger,
            self._clock,
            self._worker,
            self._tell_account,
            self._monitor,
            self._crew.news,
        )

    def _http(self) -> AbstractAsyncContextManager[str | None]:
        """Jobs and orders over HTTP, where somebody has a token."""
        opened = partial(open_ledger, self._settings, dispatches=False)
        submissions = Submissions(self._ledger, self._ledger, self._clock, "http", self._crew.news)

        def asked(answered: Answered) -> None:
            self._told.asked(answered)
            self._monitor.answered(answered)

        return api_served(lambda: self._settings, opened, submissions.submit, self._clock, observe=asked)

    async def _publish(self) -> None:
        """Result lines into a queue, where the settings name one."""
        config = publisher_config(self._settings)
        if config is None:
            return
        from dialer.adapters.queues.publisher import open_publisher  # what it needs is an extra

        async with open_publisher(config) as publisher:
            failed = self._told.unpublished
            outlet = ResultsPublisher(self._ledger, publisher.publish, self._worker, config.name, failed)
            self._monitor.publishing(lambda: outlet.is_failing)
            await outlet.run()

    async def _follow_signals(
        self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """SIGHUP: settings and results logs anew. Else the first one stops politely, the second at once."""
        wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        with anyio.open_signal_receiver(*wanted) as signals:
            task_status.started()  # before anybody is told that it works: a reload would kill it
            async for number in signals:
                if number is signal.SIGHUP:
                    if self._folder is not None:
                        self._folder.reopen()
                    self._take_settings_again()
                elif self._service.why_stopped == INTERRUPTED:
                    os._exit(130)  # everything is in the ledger; unwinding could hang on what hangs
                else:
                    self._supervisor.stopping(INTERRUPTED)
                    self._service.stop(INTERRUPTED)

    def _take_settings_again(self) -> None:
        """All of them or none: what opens a connection or an address holds from the next start."""
        self._supervisor.reloading()
        try:
            given = self._reload()
            key = retell_config(given, base_url=None).api_key
            Rulebook(given, given.service.campaign, self._clock.now())
        except BadInput as wrong:
            self._told.refused(wrong)
            self._monitor.reloaded(failed=True)
        else:
            read = reloading.reload(self._settings, given)
            self._settings = read.settings
            self._api.use_key(key)
            self._crew.configure(crew_config(self._settings, self._worker))
            for rulebook, campaign in self._rulebooks.values():
                campaign.change(rulebook.configured(read.settings))
            self._told.reloaded(read)
            self._monitor.reloaded(failed=False)
        self._crew.gate.wake()
        self._supervisor.ready(self._status())

    def _heard_at(self) -> float | None:
        """When the ledger last heard of this worker, Unix seconds."""
        beaten_at = self._crew.beaten_at
        return None if beaten_at is None else self._clock.now() - (anyio.current_time() - beaten_at)

    def _stopping(self) -> CampaignStopping | None:
        why = self._service.why_stopped
        return None if why is None else CampaignStopping(why, "", account=False)

    def _status(self) -> str:
        campaigns = self._service.campaigns
        calls = sum(campaign.slots.in_use for campaign in campaigns)
        return f"{len(campaigns)} campaigns at work, {calls} calls of this worker"
