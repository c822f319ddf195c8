"""What is measured of a run and where it is shown: wiring, for `app`. Nothing of it is on a call's path."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import anyio
from prometheus_client.registry import Collector

from dialer.adapters.ledger.reports.campaign_state import standings
from dialer.adapters.ledger.reports.counts import counts_of
from dialer.adapters.ledger.store import SqlLedger
from dialer.adapters.sources.reject_codes import REJECT_CODES
from dialer.adapters.system.installed import needs_extra
from dialer.domain.calls import CallUpdate, CampaignId
from dialer.domain.errors import BadInput, LedgerError
from dialer.domain.figures import believed_time
from dialer.engine.events import CampaignStopping, Observe
from dialer.ports.engine import Clock
from dialer.settings import Settings
from dialer.telemetry.exposition import Textfile, monitor_app
from dialer.telemetry.health import Health
from dialer.telemetry.metrics import TAKEN, Metrics, Sample
from dialer.telemetry.service_metrics import ServiceMetrics
from dialer.telemetry.worker_metrics import Readings, WorkerMetrics
from dialer.web.api import Answered
from dialer.web.server import serve

SAMPLING_SHARE = 20
"""After a sample there is a pause of so many times its length: a big ledger is asked less often."""
VIRTUAL_EVERY_S = 3600.0


Observers = Callable[[str, Clock], Sequence[Observe]]
"""Gives the observers of a campaign, by its name and clock."""


@contextmanager
def tracing(settings: Settings) -> Iterator[Observers]:
    """What sends traces, if `traces.endpoint` is set; in the end it waits `traces.flush_s` for the last.

    Raises `BadInput` without the packages that it needs.
    """
    wanted = settings.traces
    if wanted.endpoint is None:
        yield lambda campaign, clock: []
        return
    try:
        from dialer.telemetry.traces import open_traces  # what it needs is an extra
    except ImportError as error:
        raise needs_extra("traces.endpoint", "traces", error) from error
    with open_traces(wanted.endpoint, wanted.flush_s) as observer:
        yield lambda campaign, clock: [observer(campaign, clock)]


@dataclass(frozen=True, slots=True)
class WorkerState:
    """What a service's worker knows of itself."""

    heard_at: Callable[[], float | None]
    """When the ledger last heard of it, Unix seconds."""
    started_at: float
    """When it was started, Unix seconds."""
    clock_steps: Callable[[], int]
    """How often the machine's clock was set since."""
    stopping: Callable[[], CampaignStopping | None]
    """Why it claims nothing more, of any campaign; None while it does."""


class Monitor:
    """One run's metrics. Without `metrics.listen` and `metrics.file` it does nothing at all."""

    def __init__(
        self,
        settings: Settings,
        campaign: str,
        *,
        speed: float | None,
        worker: WorkerState | None = None,
    ) -> None:
        """`speed`: of the campaign's clock, None if it is virtual. `worker`: that of a service."""
        self._settings = settings.metrics
        self._scale = 1.0 if speed is None else speed
        every_s = self._settings.every_s
        self._every_s = max(every_s, VIRTUAL_EVERY_S) if speed is None else every_s * speed
        slots, budget_usd = settings.pace.slots, settings.budget.per_campaign_usd
        self._service = None if worker is None else ServiceMetrics(slots, budget_usd)
        of_run = Metrics(campaign, slots, budget_usd)
        self._metrics = of_run if self._service is None else self._service.account
        stopping = (lambda: self._metrics.tally.stopping) if worker is None else worker.stopping
        self._health = Health(stopping, lambda: self._metrics.tally.failing, scale=self._scale)
        self.worker: WorkerMetrics | None = None
        if worker is not None:
            readings = Readings(
                lambda: self._health.ledger_trouble() is not None,
                worker.heard_at,
                lambda: worker.started_at,
                worker.clock_steps,
            )
            self.worker = WorkerMetrics(readings, REJECT_CODES)
        path = self._settings.file
        self._file = None if path is None else Textfile(Path(path), self._collectors)

    @property
    def _collectors(self) -> list[Collector]:
        shown = self._metrics if self._service is None else self._service
        return [shown] if self.worker is None else [shown, self.worker]

    @property
    def _is_wanted(self) -> bool:
        return self._file is not None or self._settings.listen is not None

    @property
    def observers(self) -> list[Observe]:
        """For the engine's events: a run's, or a service's that are no campaign's."""
        if not self._is_wanted:
            return []
        return [self._metrics.observe, *([] if self.worker is None else [self.worker.observe])]

    def observers_of(self, campaign: str) -> list[Observe]:
        """For the events of one of a service's campaigns."""
        if self._service is None or self.worker is None or not self._is_wanted:
            return []
        return [partial(self._service.observe, campaign), self.worker.observe]

    def webhook_taken(self) -> None:
        """A webhook had the right signature. What was refused is an event."""
        self._metrics.webhooks[TAKEN] += 1

    def heard(self, news: CallUpdate, now: float) -> None:
        """A webhook told this of a call."""
        ended_at = believed_time(news.ended_at)
        if ended_at is not None and news.analysis is None:  # an analysis comes long after the end
            self._metrics.webhook_lag.observe(now - ended_at)

    def queue_opened(self, waiting: Callable[[], int | None], is_held: Callable[[], bool]) -> None:
        """Jobs come from a queue: what tells how many messages wait there, and whether none are taken."""
        if self.worker is not None:
            now = self.worker.readings
            self.worker.readings = replace(now, queue_waiting=waiting, intake_held=is_held)

    def publishing(self, is_failing: Callable[[], bool]) -> None:
        """Results are published: what tells whether that fails now."""
        if self.worker is not None:
            self.worker.readings = replace(self.worker.readings, publishing_fails=is_failing)

    def message_taken(self) -> None:
        """A message is a job by now."""
        if self.worker is not None:
            self.worker.taken += 1

    def answered(self, answered: Answered) -> None:
        """The HTTP API answered."""
        if self.worker is not None:
            self.worker.answered(answered.endpoint, answered.status, answered.seconds)

    def reloaded(self, *, failed: bool) -> None:
        """The settings were read again; `failed`: and refused."""
        if self.worker is not None:
            self.worker.reload_failed = failed

    @asynccontextmanager
    async def watching(
        self,
        ledger: SqlLedger,
        questions: AbstractAsyncContextManager[SqlLedger],
        campaigns: Callable[[], Mapping[str, CampaignId]],
        clock: Clock,
    ) -> AsyncIterator[None]:
        """Measure and show while the context is open, and write the file once more at its end.

        `campaigns`: those at work now. `questions`: the same ledger, to be opened for reading: a long
        question holds up no claim there.
        Raises `BadInput` if the address or the file cannot be used.
        """
        if not self._is_wanted:
            yield
            return
        ledger.on_commit = self._committed
        async with AsyncExitStack() as stack:
            asked = await stack.enter_async_context(questions)

            async def sample() -> None:
                # what the ledger cannot say now it may say the next time; the readiness probe tells
                with suppress(LedgerError):
                    self._metrics.samples = await _samples(asked, campaigns(), clock)

            await sample()
            self._write_file()
            if self._settings.listen is not None:
                app = monitor_app(self._collectors, self._health)
                await stack.enter_async_context(serve(app, self._settings.listen, setting="metrics.listen"))
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._health.beat, self._metrics.loop_lag.observe)
                    tasks.start_soon(self._keep_sampling, sample)
                    yield
                    tasks.cancel_scope.cancel()
            finally:
                with anyio.CancelScope(shield=True), suppress(BadInput):
                    await sample()
                    self._write_file()

    def _committed(self, seconds: float, wrote: bool, failed: bool) -> None:
        self._health.committed(failed)
        if wrote:
            self._metrics.commit.observe(seconds)

    async def _keep_sampling(self, sample: Callable[[], Awaitable[None]]) -> None:
        while True:
            await anyio.sleep(self._every_s)
            began = anyio.current_time()
            await sample()
            with suppress(BadInput):  # its directory is full, or gone: the campaign goes on
                self._write_file()
            await anyio.sleep(SAMPLING_SHARE * (anyio.current_time() - began))

    def _write_file(self) -> None:
        if self._file is not None:
            self._file.write()


async def _samples(ledger: SqlLedger, campaigns: Mapping[str, CampaignId], clock: Clock) -> dict[str, Sample]:
    """Of all of them at once: each question looks at every job of the ledger."""
    ids = [*campaigns.values()]
    if not ids:
        return {}
    counts, standing = await ledger.ask(lambda conn: (counts_of(conn, ids), standings(conn, ids)))
    return {name: Sample(counts[each], standing[each], clock.now()) for name, each in campaigns.items()}
