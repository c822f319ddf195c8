"""The results log follows the ledger: from whatever line it has last, up to the ledger's."""

from collections.abc import Callable

import anyio

from dialer.domain.calls import CampaignId
from dialer.domain.errors import DialerError, LedgerError, LogShortened
from dialer.ports.engine import Ledger, ResultSink

LINES_MAX = 1000
"""Lines that go from the ledger to the results log at a time."""
EVERY_S = 0.2
AGAIN_S = 5.0
"""After the log could not be written."""

Failing = Callable[[str | None], None]
"""Told why the log cannot be written, and None once it can again."""


class Reporter:
    """Keeps one campaign's results log up to date."""

    def __init__(
        self,
        ledger: Ledger,
        sink: ResultSink,
        shortened: Callable[[str], None],
        failing: Failing | None = None,
    ) -> None:
        """`shortened`: told that somebody cut the log; what it lost is written again.

        `failing`: then nothing ends for want of the log: the ledger has its lines, and it is tried again.
        None: an error of the log is raised.
        """
        self._shortened = shortened
        self._failing = failing
        self._fails: str | None = None
        self._ledger = ledger
        self._sink = sink
        self._news = anyio.Event()

    def tell(self) -> None:
        """The ledger may have more lines."""
        self._news.set()

    async def follow(self, campaign_id: CampaignId) -> None:
        """Write what comes, for ever."""
        while True:
            await self._news.wait()
            self._news = anyio.Event()
            await self.write(campaign_id)
            if self._fails is None:
                await anyio.sleep(EVERY_S)
            else:
                await anyio.sleep(AGAIN_S)
                self.tell()

    async def write(self, campaign_id: CampaignId) -> None:
        """Write all there is. Raises `LedgerError`, and what the log raises if nobody is told."""
        fails: str | None = None
        try:
            await self._write_all(campaign_id)
        except LedgerError:
            raise
        except DialerError as error:
            if self._failing is None:
                raise
            fails = str(error)
        if self._failing is not None and fails != self._fails:
            self._failing(fails)
        self._fails = fails

    async def _write_all(self, campaign_id: CampaignId) -> None:
        while True:
            lines = await self._ledger.results_after(campaign_id, self._sink.last_seq(), LINES_MAX)
            if not lines:
                return
            try:
                await self._sink.append(lines)
            except LogShortened as error:
                self._shortened(str(error))
