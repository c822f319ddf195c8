"""Clocks that go wrong: one that somebody sets, one whose timers are not exact."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVarTuple, Unpack

from dialer.adapters.system.clock import LoopClock
from dialer.app.clock_loop import ClockLoop

Ts = TypeVarTuple("Ts")


class SteppingClock(LoopClock):
    """A wall clock that somebody sets in the middle of a run."""

    step_s = 0.0

    def now(self) -> float:
        return super().now() + self.step_s


class ShiftedLoop(ClockLoop):
    """A virtual-time loop whose timers fire at `shifted(when)`."""

    def __init__(self, shifted: Callable[[float], float]) -> None:
        super().__init__(speed=None)
        self._shifted = shifted

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Any = None,
    ) -> asyncio.TimerHandle:
        return super().call_at(self._shifted(when), callback, *args, context=context)
