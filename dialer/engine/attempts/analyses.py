"""What the API makes of a call comes after its end, when nobody follows the call any more, or never.

Before the attempt is closed its analysis is kept by the tracker and goes into the ledger with the end; from
then on it is written here. The ledger says which of the two it is: it takes operations in the order in which
they were asked for, and an attempt's analysis once.
"""

from collections.abc import Callable, Collection

import anyio

from dialer.domain.calls import CallUpdate, CampaignId
from dialer.ports.engine import Clock, Ledger

WAITING_MAX = 10_000
"""Analyses heard and not yet written; more are dropped, as if their webhooks had been lost."""
TOGETHER_MAX = 200
"""Analyses written in one transaction."""


class Analyses:
    """Writes down the analyses that webhooks bring."""

    def __init__(
        self, ledger: Ledger, clock: Clock, on_written: Callable[[Collection[CampaignId]], None]
    ) -> None:
        """`on_written`: told of campaigns that have lines more."""
        self._ledger = ledger
        self._clock = clock
        self._on_written = on_written
        self._waiting: list[CallUpdate] = []
        self._wake = anyio.Event()

    def heard(self, news: CallUpdate) -> None:
        """Take it in, if it is an analysis. Of one attempt any number may come, at any time."""
        if news.analysis is not None and len(self._waiting) < WAITING_MAX:
            self._waiting.append(news)
            self._wake.set()

    async def run(self) -> None:
        """Write for ever. Raises `LedgerError`."""
        while True:
            await self._wake.wait()
            self._wake = anyio.Event()
            await self.write()

    async def write(self) -> None:
        """Write what has been heard so far. Raises `LedgerError`."""
        while self._waiting:
            some, self._waiting = self._waiting[:TOGETHER_MAX], self._waiting[TOGETHER_MAX:]
            if written := await self._ledger.analysed(some, self._clock.now()):
                self._on_written(written)
