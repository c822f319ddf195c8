"""How many: calls at once."""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from dialer.domain.calls import Capacity
from dialer.engine.clock import loop_time
from dialer.engine.events import Observe, SlotsChanged


class ResizableSemaphore:
    """So many at once, first come first served. The bound may change, also below what is taken.

    As `anyio.CapacityLimiter`, but that it does not ask who it was that took a place: with that, and with a
    turn of the loop for each wait, a call's two places cost as much as its claim.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.taken = 0

    async def enter(self) -> None:
        """Take a place; wait for one if there is none, or if others wait already."""
        if self.taken < self._size and not self._waiting:
            self.taken += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # it was passed over already
                    self._waiting.remove(turn)
            else:
                self.leave()  # it was let in while it was told to go
            raise

    def leave(self) -> None:
        """Give a place back. Raises `RuntimeError` if nobody has one: it was given back twice."""
        if not self.taken:
            raise RuntimeError("a place was given back that nobody has")
        self.taken -= 1
        self._let_in()

    def resize(self, size: int) -> None:
        """From now on so many; who is over it leaves when he does."""
        self._size = size
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self.taken < self._size:
            turn = self._waiting.popleft()
            if not turn.done():
                self.taken += 1
                turn.set_result(None)


@dataclass(eq=False, slots=True)
class Slot:
    """The place of one call, from before its request until it has ended."""

    has_call: bool = False
    """An attempt was claimed for it."""
    is_taken: bool = False
    """It was not waited for."""


OTHERS_LOOKS = 3
"""Looks at the account in a row that have to show fewer calls of others, before there are fewer."""


class Others:
    """How many calls on the account are not ours: more at once, fewer only when several looks agree."""

    def __init__(self) -> None:
        self.calls = 0
        self._fewer: list[int] = []

    @property
    def may_be_fewer(self) -> bool:
        """The last look said so; the next ones decide."""
        return bool(self._fewer)

    def seen(self, calls: int) -> None:
        """A look showed so many."""
        self._fewer = [*self._fewer, calls] if calls < self.calls else []
        self.calls = max(self.calls, calls)
        if len(self._fewer) == OTHERS_LOOKS:
            self.calls, self._fewer = max(self._fewer), []


class Ceiling:
    """How many calls at once are allowed: the lowest of what is configured, what the account leaves us, and
    what it just showed. It does not count the calls itself."""

    def __init__(self, configured: int, *, recover_s: float, burst: bool) -> None:
        """`recover_s`: after the account said it is full, one slot comes back each so many seconds."""
        self._configured = configured
        self._recover_s = recover_s
        self._burst = burst
        self._account: int | None = None
        self._said: Capacity | None = None
        self._others = Others()
        self._shown: int | None = None
        self._shrunk_at = 0.0

    @property
    def limit(self) -> int:
        """Calls at once that are allowed now."""
        allowed = self._allowed
        return max(0, allowed if self._shown is None else min(allowed, self._shown))

    @property
    def why_none(self) -> str | None:
        """Why no call at all is allowed; None: some are."""
        if self._said is None or self.limit > 0:
            return None
        kept = f", keeps {self._said.reserved_inbound} for inbound" if self._said.reserved_inbound else ""
        others = f", and {self._others.calls} are others'" if self._others.calls else ""
        return f"the account allows {self._said.limit} calls at once{kept}{others}"

    @property
    def _allowed(self) -> int:
        return self._configured if self._account is None else min(self._configured, self._account)

    @property
    def wants_another_look(self) -> bool:
        """The last look showed fewer calls of others than the ones before."""
        return self._others.may_be_fewer

    def account_says(self, capacity: Capacity, ours: int) -> None:
        """Take over what get-concurrency said: its limit less inbound's share and others' calls.

        `ours`: as `account.look_at` counts them.
        """
        if capacity.limit is None:
            return
        self._said, limit = capacity, capacity.limit
        if self._burst and capacity.burst_limit is not None:
            limit = max(limit, capacity.burst_limit)
        if capacity.in_use is not None:
            self._others.seen(max(0, capacity.in_use - ours))
        self._account = limit - capacity.reserved_inbound - self._others.calls
        self._forget()

    def configure(self, configured: int) -> None:
        """From now on at most so many."""
        self._configured = configured
        self._forget()

    def shrink(self, calls: int) -> None:
        """The account refused a call for want of room: no more at once than were going on."""
        self._shown = max(1, min(calls, self.limit) - 1)
        self._shrunk_at = loop_time()

    def recover(self) -> None:
        """Give back what `shrink` took, one slot per `recover_s` since then."""
        if self._shown is None:
            return
        steps = int((loop_time() - self._shrunk_at) / self._recover_s)
        if steps > 0:
            self._shown += steps
            self._shrunk_at += steps * self._recover_s
            self._forget()

    def _forget(self) -> None:
        if self._shown is not None and self._shown >= self._allowed:
            self._shown = None


class Slots:
    """The calls of one process, within a ceiling."""

    def __init__(self, configured: int, *, recover_s: float, burst: bool, observe: Observe) -> None:
        """As `Ceiling`."""
        self._ceiling = Ceiling(configured, recover_s=recover_s, burst=burst)
        self._observe = observe
        self._limit = configured
        self._room = ResizableSemaphore(configured)
        self._taken = 0
        self._calls = 0

    @property
    def limit(self) -> int:
        """Calls at once that are allowed now."""
        return self._limit

    @property
    def in_use(self) -> int:
        """Slots that are held."""
        return self._room.taken + self._taken

    async def acquire(self) -> Slot:
        """Wait for a free slot, first come first served."""
        await self._room.enter()
        return Slot()

    def fill(self, slot: Slot) -> None:
        """An attempt was claimed for the slot: until its release it counts as a call of ours."""
        slot.has_call = True
        self._calls += 1

    def take(self) -> Slot:
        """A slot for a call that exists already, even over the limit and before those who wait."""
        slot = Slot(is_taken=True)
        self.fill(slot)
        self._taken += 1
        self._leave_the_rest()
        return slot

    def release(self, slot: Slot) -> None:
        """The call has ended, or there will be none."""
        self._calls -= slot.has_call
        if slot.is_taken:
            self._taken -= 1
            self._leave_the_rest()
        else:
            self._room.leave()

    @property
    def ceiling(self) -> Ceiling:
        """What bounds them."""
        return self._ceiling

    def account_says(self, capacity: Capacity, ours: int) -> None:
        """See `Ceiling.account_says`."""
        self._ceiling.account_says(capacity, ours)
        self._apply("the account's limit")

    def configure(self, configured: int) -> None:
        """From now on at most so many; calls that are over it go on to their end."""
        self._ceiling.configure(configured)
        self._apply("set by an operator")

    def shrink(self) -> None:
        """See `Ceiling.shrink`."""
        self._ceiling.shrink(self._calls)
        self._apply("the account is full")

    def recover(self) -> None:
        """See `Ceiling.recover`."""
        self._ceiling.recover()
        self._apply("recovering")

    def _apply(self, why: str) -> None:
        limit = self._ceiling.limit
        if limit != self._limit:
            self._limit = limit
            self._leave_the_rest()
            self._observe(SlotsChanged(limit, why))

    def _leave_the_rest(self) -> None:
        self._room.resize(max(0, self._limit - self._taken))
