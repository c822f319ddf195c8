"""Results go out of the ledger to others: in order, at least once, by one worker at a time."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import anyio

from dialer.domain.calls import CampaignId
from dialer.domain.errors import DialerError, LedgerError
from dialer.domain.results import ResultLine
from dialer.ports.sharing import Sharing

POST = "publish"
LINES_MAX = 500
"""Lines that go at a time."""
EVERY_S = 1.0
"""Between two looks for more."""
AGAIN_S = 5.0
"""After they could not be sent."""
LEASE_S = 30.0
"""Whoever sends keeps the others from it for so long."""

Publish = Callable[[str, Sequence[ResultLine]], Awaitable[None]]
"""Returns when a campaign's lines have arrived. Raises `DialerError`: perhaps some of them have."""


class Results(Sharing, Protocol):
    """What is asked of the ledger."""

    async def results_after(self, campaign_id: CampaignId, seq: int, rows_max: int) -> Sequence[ResultLine]:
        """See `ports.Ledger`."""
        ...


class ResultsPublisher:
    """Sends what the ledger has and the other side has not."""

    def __init__(
        self,
        ledger: Results,
        publish: Publish,
        worker: str,
        target: str,
        failed: Callable[[str], None],
    ) -> None:
        """`target`: how the ledger calls the other side. `failed`: told why nothing could be sent."""
        self._ledger = ledger
        self._publish = publish
        self._worker = worker
        self._target = target
        self._failed = failed
        self.is_failing = False
        """The last lines could not be sent. They are tried again, and nothing is lost."""

    async def run(self) -> None:
        """Send for ever. Raises `LedgerError`."""
        while True:
            try:
                sent = await self._send_some()
            except LedgerError:
                raise
            except DialerError as error:
                self.is_failing = True
                self._failed(str(error))
                await anyio.sleep(AGAIN_S)
            else:
                self.is_failing = False
                await anyio.sleep(0.0 if sent else EVERY_S)

    async def _send_some(self) -> bool:
        """Whether there was anything to send."""
        if not await self._ledger.lead(POST, self._worker, LEASE_S, anyio.current_time()):
            return False
        behind = await self._ledger.unpublished(self._target)
        for name, campaign_id, seq in behind:
            lines = await self._ledger.results_after(campaign_id, seq, LINES_MAX)
            if lines:
                await self._publish(name, lines)
                await self._ledger.published(campaign_id, self._target, lines[-1].seq)
        return bool(behind)
