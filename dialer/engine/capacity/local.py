"""The account, by a process that has it to itself: how many calls it allows, how many of those are ours."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

import anyio

from dialer.domain.calls import Attempt, CallId, CampaignId, Capacity
from dialer.domain.errors import AccountBlocked, CallError
from dialer.domain.lifecycle import OPEN_ATTEMPTS, AttemptState
from dialer.engine.attempts.active import Work
from dialer.engine.attempts.left_behind import Beside
from dialer.engine.attempts.tracking import Tracker, TrackingConfig
from dialer.engine.capacity.capacity import Bounds, Campaigns, OnBlocked
from dialer.engine.capacity.slots import Slots
from dialer.engine.events import Observe
from dialer.ports.engine import CallApi, Clock, Ledger

OTHERS_LOOK_S = 2.0
"""Between two looks at the account while it is doubtful whether others have fewer calls by now."""

Answered = Callable[[], Awaitable[Sequence[CallId]]]
"""Gives the calls of all campaigns on the ledger that were placed, and whose end nobody has heard."""


async def look_at(api: CallApi, answered: Answered) -> tuple[Capacity, int]:
    """What the account says, and how many of its calls are surely ours.

    Ours are those that had answered before it was asked, less those that the listing shows as over since.
    What is doubtful is another's for a look: a request under way, or a call that ended in between. So others
    never have fewer calls than they have. Raises `CallError`, and `LedgerError`.
    """
    ours = await answered()
    capacity = await api.capacity()
    over = 0
    if ours and capacity.in_use:
        over = sum(news.is_over for news in await api.list(ours))
    return capacity, len(ours) - over


class LocalConfig(Bounds, Protocol):
    """What the campaign's configuration says of its account."""

    @property
    def refresh_s(self) -> float:
        """Between two looks at what the account allows."""
        ...

    @property
    def tracking(self) -> TrackingConfig: ...


class LocalCapacity:
    """Fulfils `Capacity` for one campaign: what leaves and what goes on is counted in this process."""

    def __init__(
        self,
        ledger: Ledger,
        api: CallApi,
        clock: Clock,
        campaign_id: CampaignId,
        config: LocalConfig,
        observe: Observe,
    ) -> None:
        self._ledger = ledger
        self._api = api
        self._clock = clock
        self._campaign_id = campaign_id
        self._config = config
        self._campaigns: Campaigns | None = None
        self._left_beside: list[Work] = []
        self._slots = Slots(
            config.slots, recover_s=config.recover_s, burst=config.use_paid_burst, observe=observe
        )
        self.tracker = Tracker(api, config.tracking)
        self.beside = Beside(self._slots, self.tracker, clock)

    def slots(self, bounds: Bounds, observe: Observe) -> Slots:
        """The account's: there is one campaign."""
        del bounds, observe
        return self._slots

    def change(self, slots: Slots, bounds: Bounds) -> None:
        """See `Capacity`."""
        slots.configure(bounds.slots)

    def limits(self) -> None:
        """Nobody else claims."""

    async def leave(self, attempt: Attempt) -> Attempt:
        """Nobody else sends."""
        return attempt

    def is_full(self) -> None:
        """See `Capacity`."""
        self._slots.shrink()

    def held(self, wait_s: float) -> None:
        """The campaign's own pace holds what leaves."""

    def has_room(self) -> None:
        """See `Capacity`."""
        if self._campaigns is not None:
            self._campaigns.has_room()

    async def is_done_with(self, campaign_id: CampaignId) -> bool:
        """Nobody else dials."""
        return campaign_id == self._campaign_id

    async def begin(self, campaigns: Campaigns) -> None:
        """Go on with what an earlier process left open; it takes its slots before anything new.

        So do the calls that it left in other campaigns: they are the account's, too.
        """
        self._campaigns = campaigns
        call_max_s = self._config.tracking.call_max_s
        left = await self._ledger.left_beside(self._campaign_id, call_max_s, self._clock.now())
        self.beside.hold(left, call_max_s, self._left_beside.append)
        for states in (OPEN_ATTEMPTS, frozenset({AttemptState.UNKNOWN})):
            await campaigns.take_over([*await self._ledger.open_attempts(self._campaign_id, states)])

    async def look(self, on_blocked: OnBlocked) -> None:
        """See `Capacity`."""
        answered = partial(self._ledger.answered_calls, self._campaign_id)
        try:
            self._slots.account_says(*await look_at(self._api, answered))
        except AccountBlocked as error:
            await on_blocked(error)
        except CallError:
            return

    async def run(self, campaigns: Campaigns, on_blocked: OnBlocked) -> None:
        """See `Capacity`."""
        del campaigns
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.tracker.run, on_blocked)
            tasks.start_soon(self._keep_slots, on_blocked)
            tasks.start_soon(self._give_back_slots)
            for work in self._left_beside:
                tasks.start_soon(work)

    async def sign_off(self) -> None:
        """There is nobody to tell."""

    async def _keep_slots(self, on_blocked: OnBlocked) -> None:
        while True:
            refresh_s = self._config.refresh_s
            doubtful = self._slots.wants_another_look
            await anyio.sleep(min(OTHERS_LOOK_S, refresh_s) if doubtful else refresh_s)
            await self.look(on_blocked)

    async def _give_back_slots(self) -> None:
        while True:
            await anyio.sleep(self._config.recover_s)
            self._slots.recover()
