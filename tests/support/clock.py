"""A clock for tests."""

from dialer.adapters.clock import LoopClock


class SteppingClock(LoopClock):
    """A wall clock that somebody sets in the middle of a run."""

    step_s = 0.0

    def now(self) -> float:
        return super().now() + self.step_s
