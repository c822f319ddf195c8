"""News of calls that nobody here follows: another worker's, or one whose attempt is closed already."""

from collections.abc import Awaitable, Callable

import anyio

from dialer.domain.calls import CallUpdate

STRANGERS_MAX = 10_000
"""Waiting at most; of what comes beyond, ends of calls under way are found by the sweep."""


class Strangers:
    """Meets them one after another, while others are heard of."""

    def __init__(self, meet: Callable[[CallUpdate], Awaitable[None]]) -> None:
        """`meet`: asks the ledger whose it is; raises `LedgerError`."""
        self._meet = meet
        self._waiting: list[CallUpdate] = []
        self._come = anyio.Event()

    def heard(self, news: CallUpdate) -> None:
        """Take it in, if it says what the ledger may not know."""
        is_worth_a_look = news.is_over or news.attempt_id is not None
        if is_worth_a_look and len(self._waiting) < STRANGERS_MAX:
            self._waiting.append(news)
            self._come.set()

    async def run(self) -> None:
        """Meet them for ever. Raises `LedgerError`."""
        while True:
            await self._come.wait()
            self._come = anyio.Event()
            while self._waiting:
                await self._meet(self._waiting.pop(0))
