"""The results log follows the ledger: from whatever line it has last, up to the ledger's."""

import anyio

from dialer.domain.calls import CampaignId
from dialer.ports import Ledger, ResultSink

LINES_MAX = 1000
"""Lines that go from the ledger to the results log at a time."""
EVERY_S = 0.2


class Reporter:
    """Keeps one campaign's results log up to date."""

    def __init__(self, ledger: Ledger, sink: ResultSink) -> None:
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
            await anyio.sleep(EVERY_S)

    async def write(self, campaign_id: CampaignId) -> None:
        """Write all there is."""
        while True:
            lines = await self._ledger.results_after(campaign_id, self._sink.last_seq(), LINES_MAX)
            if not lines:
                return
            await self._sink.append(lines)
