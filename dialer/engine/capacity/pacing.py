"""How fast: calls per second.

A token is taken before a job is claimed, and the gate is passed before a connection is sought, since the
claim takes a varying time. The first byte is counted where it leaves, since a connection may take long to
come. Bucket and gate smooth; the window of first bytes holds the promise: of any N+1 requests the last
leaves at least one period and a guard after the first (N per period, one second or more).
"""

from collections import deque
from collections.abc import Awaitable, Callable
from math import ceil

import anyio
from aiolimiter import AsyncLimiter

from dialer.engine.clock import loop_time
from dialer.engine.events import Observe, RequestHeld


class PaceStopped(Exception):
    """The line is stopped: the request that waited at the gate does not leave."""


class _Window:
    """The last moments of something that may be so many times in a period; also of each from-number."""

    def __init__(self, guard_s: float) -> None:
        """`guard_s`: kept beyond each period."""
        self._guard_s = guard_s
        self._at: deque[float] = deque()
        self._at_from: dict[str, deque[float]] = {}
        self._period_s = 0.0

    def change(self, cps: float) -> float:
        """From now on so many a second; what was before counts. Gives the mean distance of two."""
        per_period = max(1, ceil(cps))
        self._at = deque(self._at, maxlen=per_period)
        self._period_s = per_period / cps + self._guard_s
        return self._period_s / per_period

    def assume_full(self, now: float) -> None:
        self._at.extend([now] * (self._at.maxlen or 0))

    def next_at(self) -> float:
        return self._at[0] + self._period_s if len(self._at) == self._at.maxlen else 0.0

    def line_next_at(self, line: str | None, cps: float | None) -> float:
        if line is None or cps is None:
            return 0.0
        known, per_period = self._at_from.get(line, ()), ceil(cps)
        return known[-per_period] + per_period / cps + self._guard_s if len(known) >= per_period else 0.0

    def count(self, now: float, line: str | None, cps: float | None) -> None:
        self._at.append(now)
        if line is not None and cps is not None:
            kept = self._at_from.get(line, ())
            self._at_from[line] = deque([*kept, now], maxlen=ceil(cps))


class Pace:
    """One line's calls per second. All times are the loop's."""

    def __init__(
        self,
        cps: float,
        *,
        burst_s: float,
        guard_s: float,
        observe: Observe,
        on_hold: Callable[[float], None] = lambda wait_s: None,
    ) -> None:
        """`burst_s`: how many seconds' worth may go at once; `guard_s`: kept beyond the period.

        `on_hold`: given the seconds of each hold, where it holds the account's other campaigns, too.
        """
        self._on_hold = on_hold
        self._burst_s = burst_s
        self._passed = _Window(guard_s)
        self._left = _Window(guard_s)
        self._unused: float | None = None
        self._held_until = 0.0
        self._is_stopped = False
        self._news = anyio.Event()
        self._at_the_bucket: set[anyio.CancelScope] = set()
        self._observe = observe
        self._turn = anyio.Lock(fast_acquire=True)
        self.change(cps)

    def change(self, cps: float) -> None:
        """From now on so many calls per second; what was sent before counts."""
        self._left.change(cps)
        burst = 1.0 + cps * self._burst_s  # beyond the one, what makes up for timers that fire late
        # as fast as the gate and no faster, or claimed attempts would gather before it
        self._spacing_s = self._passed.change(cps)
        self._bucket = AsyncLimiter(burst, burst * self._spacing_s)
        # whoever waits does so at the old pace, which may be minutes
        for scope in self._at_the_bucket:
            scope.cancel()
        self._wake()

    def assume_full(self) -> None:
        """A process before this one may have sent up to now: leave its period alone."""
        self._passed.assume_full(loop_time())
        self._left.assume_full(loop_time())

    async def token(self) -> float:
        """Wait for a place in the line's schedule; gives its time."""
        if self._held_until:
            await self._wait_until(lambda: self._held_until)
        unused, self._unused = self._unused, None
        if unused is not None and loop_time() < unused + self._spacing_s:
            return unused
        if self._bucket.has_capacity():
            await self._bucket.acquire()  # at once, so there is nothing that a change would have to end
            return loop_time()
        while True:
            with anyio.CancelScope() as scope:
                self._at_the_bucket.add(scope)
                try:
                    await self._bucket.acquire()
                    return loop_time()
                finally:
                    self._at_the_bucket.discard(scope)

    def give_back(self, token: float) -> None:
        """No job was there for it: until the next place comes, this one may still be taken."""
        self._unused = token

    async def gate(
        self,
        line: str | None = None,
        cps: float | None = None,
        passes: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """Wait until the next request may seek a connection, and count it as passed. Raises `PaceStopped`.

        `cps`: of the from-number, if it has a bound of its own. The claim keeps to it; but what was held here
        since then would leave as fast as the campaign may. `passes`: asked of one that had to wait, right
        before it is counted, since asking takes time and the next one keeps its distance from this one's
        leaving; if not, it is not counted.
        """
        now = loop_time()
        passed = self._passed
        if self._may(passed, now, line, cps) and not self._turn.locked():
            # as always when slots are the bound: nobody waits, nothing is awaited
            passed.count(now, line, cps)
            return
        while True:
            # not in turn: the others need not wait for this line
            await self._wait_until(lambda: passed.line_next_at(line, cps))
            async with self._turn:
                await self._wait_until(lambda: max(self._held_until, passed.next_at()))
                if self._is_stopped:
                    raise PaceStopped
                if passed.line_next_at(line, cps) > loop_time():
                    continue
                if passes is not None and not await passes():
                    return
                now = loop_time()
                if self._may(passed, now):
                    passed.count(now, line, cps)
                    return

    def leaves(self, line: str | None = None, cps: float | None = None) -> bool:
        """Whether a request that has its connection may leave at this moment; then it is counted as sent.

        Nothing may be awaited between this and its first byte. `cps`: as for `gate`.
        """
        now = loop_time()
        if not self._may(self._left, now, line, cps):
            return False
        self._left.count(now, line, cps)
        return True

    async def until_it_may_leave(self, line: str | None, cps: float | None, by: float) -> bool:
        """Wait until `leaves` may say yes; False: not by that time of the loop. Raises `PaceStopped`."""
        left = self._left

        def at() -> float:
            return max(self._held_until, left.next_at(), left.line_next_at(line, cps))

        await self._wait_until(lambda: min(by, at()))
        if self._is_stopped:
            raise PaceStopped
        return at() <= loop_time()

    def hold(self, why: str, wait_s: float) -> None:
        """Nothing leaves for this long: the API asked for less, or does not answer."""
        until = loop_time() + wait_s
        if until > self._held_until:
            self._held_until = until
            self._on_hold(wait_s)
            self._observe(RequestHeld(why, wait_s))

    def release(self) -> None:
        """End a hold: what waited is not going to leave, but to be told so."""
        self._held_until = 0.0
        self._wake()

    def stop(self) -> None:
        """Nothing leaves any more."""
        self._is_stopped = True
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = anyio.Event()

    def _may(self, window: _Window, now: float, line: str | None = None, cps: float | None = None) -> bool:
        if self._is_stopped or self._held_until > now:
            return False
        return window.next_at() <= now and window.line_next_at(line, cps) <= now

    async def _wait_until(self, at: Callable[[], float]) -> None:
        # look again after each sleep: timers may fire early, and a hold may have come meanwhile
        while not self._is_stopped and (wait_s := at() - loop_time()) > 0:
            with anyio.move_on_after(wait_s):
                await self._news.wait()
