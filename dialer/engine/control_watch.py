"""What operators want of a campaign while it runs: paused, cancelled, other settings. It is in the ledger."""

from collections.abc import Callable
from dataclasses import replace
from math import inf

import anyio

from dialer.domain.calls import CampaignId
from dialer.domain.gates import Hold
from dialer.domain.screening import CampaignPolicy
from dialer.ports.engine import Control, Ledger


class Operators:
    """Looks what they want; it takes hold within a second."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        on_cancel: Callable[[], None],
        on_pause: Callable[[], None],
        on_changes: Callable[[Control], None],
    ) -> None:
        """`on_pause`: it was paused, or is no more. `on_changes`: settings are others from now on."""
        self._ledger = ledger
        self._on_cancel = on_cancel
        self._on_pause = on_pause
        self._on_changes = on_changes
        self._version: int | None = None
        self.paused: str | None = None
        """Who paused it and why."""
        self.is_cancelled = False

    async def follow(self, campaign_id: CampaignId, every_s: Callable[[], float]) -> None:
        """Look for ever."""
        while True:
            self.take(await self._ledger.control(campaign_id))
            await anyio.sleep(every_s())

    def take(self, control: Control) -> None:
        """What they want now."""
        if control.cancelled and not self.is_cancelled:
            self.is_cancelled = True
            self._on_cancel()
        if control.version != (self._version or 0):
            self._version = control.version
            self._on_changes(control)
        if control.paused != self.paused:
            self.paused = control.paused
            self._on_pause()

    def at_the_gate(self, screen: CampaignPolicy, stopping: str | None, *, is_repeat: bool) -> CampaignPolicy:
        """The rules for a request that was claimed already: a pause reaches it there, and a stop.

        One whose first request may have made a call is done with by a stop only if the campaign is cancelled:
        then it is looked for and not repeated.
        """
        if is_repeat and self.is_cancelled:
            return replace(screen, hold=None, ends_at=-inf)
        why = self.paused
        if stopping is not None and not is_repeat:
            why = stopping
        return screen if why is None else replace(screen, hold=Hold(why))
