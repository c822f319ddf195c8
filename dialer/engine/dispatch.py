"""Dispatch: capacity first, the job last. Slot, permit, token, then the claim; then the attempt lives."""

import math
from collections.abc import Awaitable, Callable

import anyio
import anyio.abc

from dialer.domain.calls import Attempt, AttemptId, CallJob, CampaignId
from dialer.domain.errors import LedgerLost
from dialer.domain.gates import Stop
from dialer.domain.screening import CampaignPolicy
from dialer.engine.account_gate import AccountGate
from dialer.engine.capacity.pacing import Pace
from dialer.engine.capacity.slots import ResizableSemaphore, Slot, Slots
from dialer.ports.engine import ClaimRequest, Clock, Ledger, NothingDue
from dialer.ports.sharing import Limits

LOOK_AGAIN_S = 60.0
"""Between two looks at the clock while nothing is due: it may have been set, or the machine have slept."""
STOPPED_LOOK_S = 30.0
"""Where a rule said that nobody may be called any more, and the process goes on with other campaigns."""
REFUSED_LOOK_S = 1.0
"""Where the API refuses the account: a lane looks again so often whether it does."""
LOST_LOOK_S = 1.0
"""Where the ledger's server is lost, and waited for."""


class Due:
    """When the ledger is worth asking again: at a time, or when somebody has news of work."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._news = anyio.Event()
        self._next_at = math.inf

    def at(self, due_at: float) -> None:
        """A job will be due then (Unix seconds)."""
        if due_at < self._next_at:
            self.now()

    def now(self) -> None:
        """Something has changed: ask at once."""
        self._next_at = math.inf
        self._news.set()
        self._news = anyio.Event()

    def asking(self) -> anyio.Event:
        """Taken before the ledger is asked: news that comes before its answer is news too."""
        return self._news

    async def wait(self, next_due_at: float | None, asked: anyio.Event) -> None:
        """Wait for that time (None: for ever) or for news since `asked`."""
        due_at = math.inf if next_due_at is None else next_due_at
        self._next_at = min(self._next_at, due_at)
        # look again after each sleep: the clock may have been set
        while not asked.is_set() and (left_s := due_at - self._clock.now()) > 0:
            with anyio.move_on_after(min(left_s, LOOK_AGAIN_S)):
                await asked.wait()
        if not asked.is_set():
            self._next_at = math.inf


class _Round:
    """One claim whose answer holds for all lanes."""

    def __init__(self) -> None:
        self.answer: NothingDue | None = None
        self.is_answered = anyio.Event()


class Dispatcher:
    """Fills free capacity with due jobs until there is none, or it is stopped."""

    def __init__(
        self,
        ledger: Ledger,
        slots: Slots,
        pace: Pace,
        due: Due,
        clock: Clock,
        *,
        in_flight_max: int,
        lanes: int,
        screen: Callable[[], CampaignPolicy],
        encode: Callable[[CallJob, AttemptId, str | None], bytes],
        new_id: Callable[[float], AttemptId],
        start: Callable[[Attempt, Slot, Callable[[], None]], None],
        idle: Callable[[CampaignId, float | None], Awaitable[bool]],
        on_stop: Callable[[Stop], None],
        on_answer: Callable[[NothingDue | None], None],
        limit: int | None,
        limits: Callable[[], Limits | None],
        waits: bool,
        gate: AccountGate,
        call_max_s: float,
    ) -> None:
        """`start` begins an attempt's life with its slot and a function that gives its permit back.

        `idle` is told when nothing is due and says whether the work is finished. `on_stop`: a rule
        says that nobody may be called any more. `on_answer`: what each claim got; None: a job.
        `limit`: claims at most. `limits`: as `Capacity.limits`. `waits`: where the process goes on with other
        campaigns no rule stops it for good, and a lost ledger is waited for.
        `gate`: whether the API takes the account.
        `call_max_s`: as `tracking.TrackingConfig`.
        """
        self._ledger = ledger
        self._slots = slots
        self._pace = pace
        self._due = due
        self._clock = clock
        self._permits = ResizableSemaphore(in_flight_max)
        self._lanes = lanes
        self._screen = screen
        self._encode = encode
        self._new_id = new_id
        self._start = start
        self._idle = idle
        self._on_stop = on_stop
        self._on_answer = on_answer
        self._left = limit
        self._limits = limits
        self._waits = waits
        self._gate = gate
        self._call_max_s = call_max_s
        self._tasks: anyio.abc.TaskGroup | None = None
        self._stopped = False
        self._was_nothing = False
        self._round: _Round | None = None

    @property
    def in_flight(self) -> int:
        """Requests under way, and lanes about to claim."""
        return self._permits.taken

    def stop(self) -> None:
        """Claim nothing any more."""
        self._stopped = True
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()

    async def run(self, campaign_id: CampaignId) -> None:
        """Dispatch until the work is finished, the limit is reached, or `stop`."""
        async with anyio.create_task_group() as self._tasks:
            if self._stopped:
                self._tasks.cancel_scope.cancel()
            for _ in range(self._lanes):
                self._tasks.start_soon(self._lane, campaign_id, self._tasks)

    async def _lane(self, campaign_id: CampaignId, tasks: anyio.abc.TaskGroup) -> None:
        while not self._stopped and (self._left is None or self._left > 0):
            asked = self._due.asking()
            nothing = await (self._ask_once if self._was_nothing else self._ask)(campaign_id)
            self._was_nothing = nothing is not None
            self._on_answer(nothing)
            if nothing is not None:
                if nothing.stop is not None:
                    self._on_stop(nothing.stop)
                if await self._idle(campaign_id, nothing.next_due_at):
                    tasks.cancel_scope.cancel()
                await self._due.wait(nothing.next_due_at, asked)

    async def _ask_once(self, campaign_id: CampaignId) -> NothingDue | None:
        """As `_ask`, for all lanes: where nothing was due a moment ago there will seldom be work for each."""
        if self._round is not None:
            begun = self._round
            await begun.is_answered.wait()
            return begun.answer
        begun = self._round = _Round()
        try:
            begun.answer = await self._ask(campaign_id)
        finally:
            self._round = None
            begun.is_answered.set()
        if begun.answer is None:
            self._due.now()  # there is work again, also for those who have gone to wait
        return begun.answer

    async def _ask(self, campaign_id: CampaignId) -> NothingDue | None:
        """As `_one`; where the process goes on with others it is held by what would end it alone."""
        if not self._waits:
            return await self._one(campaign_id)
        try:
            nothing = await self._one(campaign_id)
        except LedgerLost as error:
            return NothingDue(self._clock.now() + LOST_LOOK_S, held=str(error))
        if nothing is None or nothing.stop is None:
            return nothing
        return NothingDue(self._clock.now() + STOPPED_LOOK_S, held=nothing.stop.why)

    async def _one(self, campaign_id: CampaignId) -> NothingDue | None:
        """Take capacity, claim a job with it and start it; or give the capacity back.

        None: a job was started, or none may be any more.
        """
        slot = await self._slots.acquire()
        claimed: Attempt | NothingDue | None = None
        try:
            await self._permits.enter()
            try:
                token = await self._pace.token()
                claimed = await self._claim(campaign_id)
                if not isinstance(claimed, Attempt):
                    self._pace.give_back(token)
            finally:
                if not isinstance(claimed, Attempt):
                    self._permits.leave()
        finally:
            if not isinstance(claimed, Attempt):
                self._slots.release(slot)
        if isinstance(claimed, Attempt):
            self._slots.fill(slot)
            self._start(claimed, slot, self._permits.leave)
            return None
        return claimed

    async def _claim(self, campaign_id: CampaignId) -> Attempt | NothingDue | None:
        held = self._gate.may_claim()
        if held is not None:
            return NothingDue(self._clock.now() + REFUSED_LOOK_S, held=held)
        if self._left is not None:
            if self._left <= 0:
                return None  # another lane took the last one
            self._left -= 1
        is_probe, now = self._gate.held is not None, self._clock.now()
        request = ClaimRequest(
            campaign_id,
            self._new_id(now),
            now,
            self._screen(),
            self._encode,
            self._limits(),
            self._call_max_s,
        )
        # what was claimed must be started, also when we are stopped meanwhile
        with anyio.CancelScope(shield=True):
            claimed = await self._ledger.claim(request)
        if isinstance(claimed, NothingDue):
            if is_probe:
                self._gate.probe_unused()
            if self._left is not None:
                self._left += 1
        return claimed
