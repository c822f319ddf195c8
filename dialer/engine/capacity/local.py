"""The account, by a process that has it to itself: how many calls it allows, how many of those are ours."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

import anyio

from dialer.domain.calls import Attempt, AttemptId, CallId, CampaignId, Capacity
from dialer.domain.errors import AccountBlocked, CallError
from dialer.domain.lifecycle import OPEN_ATTEMPTS, AttemptState
from dialer.domain.service_parts import ServicePart
from dialer.engine.account_gate import AccountGate, Asked
from dialer.engine.attempts.active import Work
from dialer.engine.attempts.left_behind import Beside
from dialer.engine.attempts.tracking import Tracker, TrackingConfig
from dialer.engine.capacity.capacity import Bounds, Campaigns
from dialer.engine.capacity.slots import Ceiling, Slots
from dialer.engine.events import Observe
from dialer.engine.failures import Endpoint, Failures
from dialer.ports.engine import CallApi, Clock, Ledger

OTHERS_LOOK_S = 2.0
"""Between two looks at the account while it is doubtful whether others have fewer calls by now."""

CLOSED_LOOK_S = 5.0
"""Between two looks which attempts an operator has resolved."""

AGAIN_S = 10.0
"""Between two looks while get-concurrency gives no good answer."""
RUN = "run"
"""The name in the ledger of a process that has the account to itself."""
GETS_PER_LOOK_MAX = 15
"""Calls that one look asks for one by one, because the listing does not show them."""

Answered = Callable[[], Awaitable[Sequence[CallId]]]
"""Gives the calls of all campaigns on the ledger that were placed, and whose end nobody has heard."""


async def look_at(api: CallApi, answered: Answered) -> tuple[Capacity, int]:
    """What the account says, and how many of its calls are surely ours.

    Ours are those that had answered before it was asked and that the API shows as going on since: in the
    listing or, where that leaves them out, one by one. What is doubtful is another's for a look: a request
    under way, a call that ended in between, or one that the API does not show yet. So others never have
    fewer calls than they have. Raises `CallError`, and `LedgerError`.
    """
    ours = await answered()
    capacity = await api.capacity()
    if not ours or not capacity.in_use:
        return capacity, 0
    try:
        return capacity, await _going_on(api, ours)
    except CallError:  # of others' calls what was known holds
        return replace(capacity, in_use=None), 0


async def _going_on(api: CallApi, ours: Sequence[CallId]) -> int:
    shown = {news.call_id: news for news in await api.list(ours)}
    for call_id in [call_id for call_id in ours if call_id not in shown][:GETS_PER_LOOK_MAX]:
        if (news := await api.get(call_id)) is not None:
            shown[call_id] = news
    return sum(not news.is_over for news in shown.values())


def watched_room(failures: Failures) -> Endpoint:
    """get-concurrency, whose failing is told."""
    remedy = "check the network and status.retellai.com; what the account allowed last holds meanwhile"
    return failures.watch(ServicePart.CONCURRENCY, "cannot ask how many calls at once are allowed", remedy)


def tell_room(failures: Failures, ceiling: Ceiling) -> None:
    """That there is room for no call at all is told."""
    none = ceiling.why_none
    if none is None:
        failures.works(ServicePart.SLOTS)
    else:
        remedy = "buy concurrency, keep less of it for inbound calls, or wait until others' calls have ended"
        failures.fails(ServicePart.SLOTS, f"no call may be made: {none}", remedy)


def until_next_look_s(refresh_s: float, ceiling: Ceiling, room: Endpoint) -> float:
    """Seconds until the account is asked again: sooner while something is doubtful."""
    if ceiling.wants_another_look:
        return min(OTHERS_LOOK_S, refresh_s)
    return min(AGAIN_S, refresh_s) if room.has_failed else refresh_s


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
        self._failures = Failures(clock, observe)
        self._room = watched_room(self._failures)
        self.gate = AccountGate(api, self._refused, lambda: None)
        self.tracker = Tracker(api, config.tracking, self._failures)
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

    def _refused(self, error: AccountBlocked) -> None:
        if self._campaigns is not None:
            self._campaigns.refused(error)

    async def look(self) -> None:
        """See `Capacity`."""
        answered = partial(self._ledger.answered_calls, self._campaign_id)
        try:
            self._slots.account_says(*await look_at(self._api, answered))
        except AccountBlocked as error:
            self.gate.refused(error, Asked.CONCURRENCY)
        except CallError as error:
            self._room.failed(error)
        else:
            self._room.answered()
            tell_room(self._failures, self._slots.ceiling)

    async def run(self, campaigns: Campaigns) -> None:
        """See `Capacity`."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.gate.run)
            tasks.start_soon(self._failures.keep, partial(self._ledger.keep_failing, RUN))
            tasks.start_soon(self.tracker.run, lambda error: self.gate.refused(error, Asked.CALLS))
            tasks.start_soon(self._keep_slots)
            tasks.start_soon(self._give_back_slots)
            tasks.start_soon(self._follow_closed, campaigns)
            for work in self._left_beside:
                tasks.start_soon(work)

    async def _follow_closed(self, campaigns: Campaigns) -> None:
        """The job of an attempt that an operator resolved may be due. The call is looked for on."""
        told: set[AttemptId] = set()
        while True:
            await anyio.sleep(CLOSED_LOOK_S)
            told.intersection_update(self.tracker.known())
            followed = [each for each in self.tracker.known() if each not in told]
            closed = await self._ledger.closed_of(followed) if followed else ()
            told.update(closed)
            if closed:
                campaigns.news(None)

    async def sign_off(self) -> None:
        """There is nobody to tell, but what failed fails no more."""
        await self._ledger.keep_failing(RUN, [], self._clock.now())

    async def _keep_slots(self) -> None:
        while True:
            wait_s = until_next_look_s(self._config.refresh_s, self._slots.ceiling, self._room)
            await anyio.sleep(wait_s)
            await self.look()

    async def _give_back_slots(self) -> None:
        while True:
            await anyio.sleep(self._config.recover_s)
            self._slots.recover()
