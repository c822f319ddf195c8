"""Event loops whose clock is not the machine's: faster, or virtual.

Everything in `dialer` and in the simulator takes its time from the running loop, so on one of these loops
the real engine, the real HTTP client and the real HTTP server run unchanged:

- `speed=60.0`: a minute passes in a second. Timers are real, only shorter.
- `speed=None`: virtual. When no socket has anything to say the clock jumps to the next timer, so hours
  pass in as long as the work in them takes, and the same seed gives the same run.

A virtual loop must never be given work on threads: it would not wait for them.
"""

import asyncio
import selectors
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

TIMER_AHEAD_MIN_S = 1e-6
"""Every timer is at least this far ahead: a limiter that asks for 1e-16 s would never get on."""


class _ClockSelector(selectors.DefaultSelector):
    """Waits for sockets as long as the loop's own clock says, and lets that clock pass."""

    def __init__(self, speed: float | None) -> None:
        super().__init__()
        self._speed = speed
        self._started = time.monotonic()  # noqa: TID251 - this file makes the loop's clock
        self._virtual_s = 0.0

    def time(self) -> float:
        if self._speed is None:
            return self._virtual_s
        return (time.monotonic() - self._started) * self._speed  # noqa: TID251 - as above

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self._speed is not None:
            return super().select(timeout / self._speed)
        events = super().select(0)
        if not events:
            self._virtual_s += timeout
        return events


class ClockLoop(asyncio.SelectorEventLoop):
    """A selector loop on a clock of its own; see the module."""

    def __init__(self, speed: float | None) -> None:
        self._clock = _ClockSelector(speed)
        self._clock_resolution = 1e-9
        super().__init__(self._clock)

    def time(self) -> float:
        """Seconds on the loop's own clock."""
        return self._clock.time()

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Any = None,
    ) -> asyncio.TimerHandle:
        """As asyncio's, but never nearer than `TIMER_AHEAD_MIN_S`."""
        return super().call_at(max(when, self.time() + TIMER_AHEAD_MIN_S), callback, *args, context=context)


def run(main: Callable[[Unpack[Ts]], Awaitable[T]], *args: *Ts, speed: float | None) -> T:
    """Run `main(*args)` to its end on a loop of that speed (None: virtual) and give its result."""

    async def call() -> T:
        return await main(*args)

    with asyncio.Runner(loop_factory=lambda: ClockLoop(speed)) as runner:
        return runner.run(call())


def run_virtual(main: Callable[[Unpack[Ts]], Awaitable[T]], *args: *Ts) -> T:
    """Run `main(*args)` in virtual time."""
    return run(main, *args, speed=None)
