"""One of the workers that dial on the same account from the same ledger, as a service or as a run.

What they share is in the ledger: each claim counts the calls and requests of all of them in its transaction
(`limits`), a request that leaves later than its place allows takes another place first (`leave`), one of them
sweeps the listing for all, and what a worker leaves open that is not alive any more the others take over.
Beside that nobody waits for anybody: whoever hears how a placed call ended writes it.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from math import inf

import anyio

from dialer.domain.calls import Attempt, CallId, CampaignId
from dialer.domain.errors import AccountBlocked, CallError, CallNotStarted, Limit
from dialer.domain.service_parts import PartFailure, ServicePart
from dialer.engine.account_gate import AccountGate, Asked
from dialer.engine.attempts.tracking import Tracker, TrackingConfig
from dialer.engine.capacity.capacity import Bounds, Campaigns
from dialer.engine.capacity.local import look_at, tell_room, until_next_look_s, watched_room
from dialer.engine.capacity.slots import Ceiling, Slots
from dialer.engine.events import Observe, SlotsChanged
from dialer.engine.failures import Failures
from dialer.ports.engine import CallApi, Clock
from dialer.ports.sharing import Limits, Sharing

BEATS = 4
"""Signs of life in one lease."""
LEAVE_S_MAX = 1.0
"""A request waits so long for another place; then the rules are asked again."""
ADOPT_MAX = 50
"""Attempts that are taken over at a time, so that others take some, too."""
CLOSED_LOOK_S = 1.0
"""Between two looks which calls others have written the end of, where nobody told of any."""
WORK_LOOK_S = 5.0
"""Between two looks for work in every campaign, whether anybody told of any or not."""
LISTS, LISTS_PER_PERIOD, LISTS_PERIOD_S = "lists", 14, 10.5
"""Requests for the listing of all workers; the API answers 15 in 10 seconds."""
SWEEP = "sweep"
NEWS_S = 0.05
"""News gathers for so long."""


@dataclass(frozen=True, slots=True)
class CrewConfig:
    worker: str
    """The name of this process, which no other may have."""
    is_alone: bool
    """No other process can dial from this ledger: whatever is open was left by one before."""
    lease_s: float
    """A worker that gave no sign of life for so long is gone."""
    cps: float
    slots: int
    guard_s: float
    """As `sharing.Limits`: all three are the account's."""
    use_paid_burst: bool
    refresh_s: float
    """Between two looks at what the account allows."""
    recover_s: float
    """Between two slots that come back after the account was full."""
    tracking: TrackingConfig
    refused_max: int = 0
    """As `sharing.Limits`."""
    campaign_id: CampaignId | None = None
    """The one that this process runs, and alone; None: it works on all, with the others."""


class Crew:
    """Fulfils `Capacity` for the campaigns of this process, one among those that share the ledger."""

    def __init__(
        self, ledger: Sharing, api: CallApi, clock: Clock, config: CrewConfig, observe: Observe
    ) -> None:
        self._ledger = ledger
        self._api = api
        self._clock = clock
        self._config = config
        self._observe = observe
        self._ceiling = Ceiling(config.slots, recover_s=config.recover_s, burst=config.use_paid_burst)
        self._told_slots = config.slots
        self._campaigns: Campaigns | None = None
        self._news = anyio.Event()
        self._told: set[CampaignId] | None = set()
        self._full = anyio.Event()
        self._held: list[float] = []
        self._beaten_at = self._in_touch_since = -inf
        self.failures = Failures(clock, observe)
        self._room = watched_room(self.failures)
        self.gate = AccountGate(api, self._refused, lambda: self.failures.works(ServicePart.ACCOUNT))
        self.tracker = Tracker(api, config.tracking, self.failures, self._lists)

    @property
    def worker(self) -> str:
        """The name of this process."""
        return self._config.worker

    @property
    def beaten_at(self) -> float | None:
        """When the ledger last took a sign of life, by the loop's clock; None: it has not yet."""
        return None if self._beaten_at == -inf else self._beaten_at

    def slots(self, bounds: Bounds, observe: Observe) -> Slots:
        """The campaign's own bound in this process; the account's is kept in the ledger."""
        return Slots(bounds.slots, recover_s=bounds.recover_s, burst=bounds.use_paid_burst, observe=observe)

    def change(self, slots: Slots, bounds: Bounds) -> None:
        """See `Capacity`. Where the process runs one campaign, its bounds are those of the account."""
        slots.configure(bounds.slots)
        if self._config.campaign_id is not None:
            self.configure(replace(self._config, cps=bounds.cps, slots=bounds.slots))

    def limits(self) -> Limits:
        """The account's bounds, for a claim that is made now."""
        config = self._config
        return Limits(
            config.worker,
            asyncio.get_running_loop().time,
            config.cps,
            self._ceiling.limit,
            config.guard_s,
            config.tracking.call_max_s,
            config.refused_max,
        )

    async def leave(self, attempt: Attempt) -> Attempt:
        """Wait until the request may leave now. Raises `CallNotStarted` and `TakenOver`: it may not."""
        if attempt.leaves_by is not None and anyio.current_time() <= attempt.leaves_by:
            return attempt
        with anyio.move_on_after(LEAVE_S_MAX):
            while True:
                place = await self._ledger.place(attempt, self.limits())
                if place.leaves_by is not None:
                    attempt = replace(attempt, place_at=place.at, leaves_by=place.leaves_by)
                    if anyio.current_time() <= place.leaves_by:
                        return attempt
                await anyio.sleep(place.wait_s)
        raise CallNotStarted("the account's other workers leave no room now", limit=Limit.SHARED)

    async def may_list(self) -> None:
        """Wait until all workers together leave room for another request for the listing."""
        wait_s = inf
        while wait_s > 0.0:
            at = anyio.current_time()
            wait_s = await self._ledger.allow(LISTS, LISTS_PER_PERIOD, LISTS_PERIOD_S, at)
            await anyio.sleep(wait_s)

    def is_full(self) -> None:
        """The account refused a call for want of room."""
        self._full.set()

    def held(self, wait_s: float) -> None:
        """The API holds up a campaign's requests: so are those of all workers."""
        self._held.append(wait_s)
        self._news.set()

    def has_room(self) -> None:
        """A call has ended, or a request was answered: any campaign may get the place."""
        if self._campaigns is not None:
            self._campaigns.has_room()

    def configure(self, config: CrewConfig) -> None:
        """From now on with these bounds."""
        self._config = config
        self._ceiling.configure(config.slots)
        self._tell_slots("set by an operator")

    def news(self, of: Collection[CampaignId] | None = None) -> None:
        """Another worker wrote something of these campaigns, or an intake of this one did; None: of any."""
        self._told = None if of is None or self._told is None else {*self._told, *of}
        self._news.set()

    async def begin(self, campaigns: Campaigns) -> None:
        """Tell the others; a run takes its campaign, and what an earlier one left of it."""
        self._campaigns = campaigns
        await self._beat()
        config = self._config
        if config.campaign_id is not None:
            now = anyio.current_time()
            left = await self._ledger.take_campaign(config.campaign_id, config.worker, now)
            await campaigns.take_over([*left])

    async def is_done_with(self, campaign_id: CampaignId) -> bool:
        """See `Capacity`."""
        return not await self._ledger.others_at_work(campaign_id, self._config.worker)

    async def run(self, campaigns: Campaigns) -> None:
        """Be one of them, for ever. Raises `LedgerError`."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.gate.run)
            tasks.start_soon(self.failures.keep, self._keep_failing)
            tasks.start_soon(self.tracker.run, lambda error: self.gate.refused(error, Asked.CALLS))
            tasks.start_soon(self._keep_alive)
            tasks.start_soon(self._adopt, campaigns)
            tasks.start_soon(self._follow_news, campaigns)
            tasks.start_soon(self._keep_slots)
            tasks.start_soon(self._give_back_slots)
            tasks.start_soon(self._shrink_slots)

    def _refused(self, error: AccountBlocked) -> None:
        self.failures.fails(ServicePart.ACCOUNT, f"the API refuses the account: {error}", error.way_out)
        if self._campaigns is not None:
            self._campaigns.refused(error)

    async def _keep_failing(self, failing: Sequence[PartFailure], at: float) -> None:
        await self._ledger.keep_failing(self._config.worker, failing, at)

    async def sign_off(self) -> None:
        """What is open is anybody's from now on, and so is a campaign whose work is done."""
        await self._keep_failing([], self._clock.now())
        if self._config.campaign_id is not None:
            await self._ledger.leave_campaign(self._config.campaign_id, self._config.worker)
        await self._ledger.beat(self._config.worker, 0.0, anyio.current_time(), self._clock.now())

    async def _keep_alive(self) -> None:
        while True:
            await anyio.sleep(self._config.lease_s / BEATS)
            await self._beat()

    async def _beat(self) -> None:
        began = anyio.current_time()
        await self._ledger.beat(self._config.worker, self._config.lease_s, began, self._clock.now())
        now = anyio.current_time()
        if now - self._beaten_at > self._config.lease_s:
            self._in_touch_since = now
        self._beaten_at = now

    async def _adopt(self, campaigns: Campaigns) -> None:
        """Take over what nobody has; not before all who are alive had the time to say so."""
        while True:
            now, lease_s = anyio.current_time(), self._config.lease_s
            adopted: Sequence[Attempt] = ()
            if self._config.is_alone or now - self._in_touch_since >= lease_s:
                adopted = await self._ledger.adopt(
                    self._config.worker, now, ADOPT_MAX, self._config.campaign_id
                )
            if adopted:
                await campaigns.take_over([*adopted])
            else:
                await anyio.sleep(lease_s / BEATS)

    async def _lists(self) -> bool:
        """Whether this process sweeps for all; then it follows all placed calls. A run sweeps for itself."""
        if self._config.campaign_id is not None:
            await self._attend(self._config.campaign_id)
            return True
        lease_s = max(self._config.lease_s, 4 * self._config.tracking.poll_s)
        if not await self._ledger.lead(SWEEP, self._config.worker, lease_s, anyio.current_time()):
            return False
        await self._attend(None)
        return True

    async def _attend(self, like: CampaignId | None) -> None:
        beside = await self._ledger.placed_beside(self.tracker.known(), like)
        if beside and self._campaigns is not None:
            await self._campaigns.attend([*beside])

    async def _follow_news(self, campaigns: Campaigns) -> None:
        look_at = anyio.current_time() + WORK_LOOK_S
        while True:
            with anyio.move_on_after(CLOSED_LOOK_S):
                await self._news.wait()
            self._news = anyio.Event()
            if anyio.current_time() >= look_at:
                look_at, self._told = anyio.current_time() + WORK_LOOK_S, None
            told, self._told = self._told, set()
            campaigns.news(told)
            campaigns.has_room()  # those that wait for a place ask together, and the ledger shares them out
            held, self._held = self._held, []
            if held:
                await self._ledger.hold(max(held), anyio.current_time())
            for attempt_id in await self._ledger.closed_of([*self.tracker.known()]):
                self.tracker.closed(attempt_id)
            await anyio.sleep(NEWS_S)

    async def _keep_slots(self) -> None:
        while True:
            await anyio.sleep(until_next_look_s(self._config.refresh_s, self._ceiling, self._room))
            await self.look()

    async def look(self) -> None:
        """See `Capacity`."""
        try:
            capacity, ours = await look_at(self._api, self._answered_calls)
        except AccountBlocked as error:
            self.gate.refused(error, Asked.CONCURRENCY)
        except CallError as error:
            self._room.failed(error)
        else:
            self._room.answered()
            self._ceiling.account_says(capacity, ours)
            tell_room(self.failures, self._ceiling)
            self._tell_slots("the account's limit")

    async def _answered_calls(self) -> Sequence[CallId]:
        live = await self._ledger.answered_calls()
        self.gate.calls_are(live)
        return live

    async def _shrink_slots(self) -> None:
        while True:
            await self._full.wait()
            self._full = anyio.Event()
            self._ceiling.shrink(await self._live_calls())
            self._tell_slots("the account is full")

    async def _give_back_slots(self) -> None:
        while True:
            await anyio.sleep(self._config.recover_s)
            self._ceiling.recover()
            self._tell_slots("recovering")

    async def _live_calls(self) -> int:
        return await self._ledger.live_calls(self._config.tracking.call_max_s, self._clock.now())

    def _tell_slots(self, why: str) -> None:
        if self._ceiling.limit != self._told_slots:
            self._told_slots = self._ceiling.limit
            self._observe(SlotsChanged(self._told_slots, why))
