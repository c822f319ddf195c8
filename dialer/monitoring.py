"""What is measured of a run and where it is shown: wiring, for `app`. Nothing of it is on a call's path."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import anyio

from dialer.adapters.ledger.standing import standing
from dialer.adapters.ledger.store import SqlLedger
from dialer.domain.calls import CallNews, CampaignId
from dialer.domain.errors import BadInput, LedgerError
from dialer.engine.events import Observe
from dialer.ports import Clock
from dialer.settings import Settings
from dialer.web.exposition import Textfile, monitor_app
from dialer.web.health import Health
from dialer.web.metrics import BAD_SIGNATURE, TAKEN, Metrics, Sample
from dialer.web.server import serve

SAMPLING_SHARE = 20
"""After a sample there is a pause of so many times its length: a big ledger is asked less often."""
VIRTUAL_EVERY_S = 3600.0


class Monitor:
    """One run's metrics. Without `metrics.listen` and `metrics.file` it does nothing at all."""

    def __init__(self, settings: Settings, campaign: str, *, speed: float | None) -> None:
        """`speed`: of the campaign's clock, None if it is virtual."""
        self._settings = settings.metrics
        self._scale = 1.0 if speed is None else speed
        every_s = self._settings.every_s
        self._every_s = max(every_s, VIRTUAL_EVERY_S) if speed is None else every_s * speed
        self._metrics = Metrics(campaign, settings.pace.slots, settings.budget.per_campaign_usd)
        self._health = Health(self._metrics.tally, scale=self._scale)
        path = self._settings.file
        self._file = None if path is None else Textfile(Path(path), self._metrics)

    @property
    def _is_wanted(self) -> bool:
        return self._file is not None or self._settings.listen is not None

    @property
    def observers(self) -> list[Observe]:
        """For the engine's events."""
        return [self._metrics.observe] if self._is_wanted else []

    def checked(self, is_signed: Callable[[str | None, bytes], bool]) -> Callable[[str | None, bytes], bool]:
        """The same check of a webhook's signature, counted."""

        def check(header: str | None, body: bytes) -> bool:
            taken = is_signed(header, body)
            self._metrics.webhooks[TAKEN if taken else BAD_SIGNATURE] += 1
            return taken

        return check

    def heard(self, news: CallNews, now: float) -> None:
        """A webhook told this of a call."""
        if news.ended_at is not None and news.analysis is None:  # an analysis comes long after the end
            self._metrics.webhook_lag.observe(now - news.ended_at)

    @asynccontextmanager
    async def watching(
        self,
        ledger: SqlLedger,
        questions: AbstractAsyncContextManager[SqlLedger],
        campaign_id: CampaignId,
        clock: Clock,
    ) -> AsyncIterator[None]:
        """Measure and show while the context is open, and write the file once more at its end.

        `questions`: the same ledger, to be opened for reading: a long question holds up no claim there.
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
                    counts = await asked.counts(campaign_id)
                    stands = await asked.ask(lambda conn: standing(conn, campaign_id))
                    self._metrics.sample = Sample(counts, stands, clock.now())

            await sample()
            self._write_file()
            if self._settings.listen is not None:
                app = monitor_app(self._metrics, self._health)
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
