"""Faults of single campaigns that a worker meets, written down for `dialer status` and the HTTP API."""

from dataclasses import replace

import anyio

from dialer.domain.errors import LedgerError
from dialer.engine.events import CampaignFailing, CampaignPart, Event, Observe
from dialer.engine.results_log import AGAIN_S
from dialer.engine.service import FAULT_REST_S
from dialer.ports.engine import Clock
from dialer.ports.sharing import CampaignFault, Sharing

REPEAT_S = 15.0
"""What still fails is told again so often; what was told long ago is taken for a dead worker's."""
CHANGED_S_MIN = 0.5
"""Between two writes."""


class CampaignFaults:
    """Keeps what fails now, and lets the ledger know."""

    def __init__(self, sharing: Sharing, worker: str, clock: Clock) -> None:
        self._sharing = sharing
        self._worker = worker
        self._clock = clock
        self._faults: dict[tuple[str, str], CampaignFault] = {}
        self._changed = anyio.Event()

    def observer(self, campaign: str) -> Observe:
        """Of the events of this campaign."""

        def observe(event: Event) -> None:
            if isinstance(event, CampaignFailing):
                self._take(campaign, event.part, event.why)

        return observe

    def _take(self, campaign: str, part: CampaignPart, why: str | None) -> None:
        now = self._clock.now()
        before = self._faults.pop((campaign, part), None)
        if why is not None:
            since = now if before is None else before.since
            told = CampaignFault(campaign, part, why, since, now + _again_s(part), self._worker)
            self._faults[campaign, part] = told
        self._changed.set()

    async def run(self) -> None:
        """Tell what changes, and from time to time what still fails."""
        while True:
            with anyio.move_on_after(REPEAT_S if self._faults else None):
                await self._changed.wait()
            self._changed = anyio.Event()
            await self._tell()
            await anyio.sleep(CHANGED_S_MIN)

    async def _tell(self) -> None:
        now = self._clock.now()
        told = [_with_next_try(each, now) for each in self._faults.values()]
        try:
            await self._sharing.tell_faults(self._worker, told, now)
        except LedgerError:  # those who dial say so; it is told again
            if not told:
                self._changed.set()


def _again_s(part: str) -> float:
    return AGAIN_S if part == CampaignPart.RESULTS_LOG else FAULT_REST_S


def _with_next_try(fault: CampaignFault, now: float) -> CampaignFault:
    """One that is tried again without a word when it fails as before."""
    if fault.next_try_at > now:
        return fault
    return replace(fault, next_try_at=now + _again_s(fault.part))
