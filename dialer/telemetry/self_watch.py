"""A worker looks at itself: the machine's clock, its own loop, and whether the ledger answers."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import anyio

from dialer.ports.engine import Clock

LOOK_S = 1.0
LATE_S = 5.0
"""A loop that comes round later than this is told of, as `/livez` does."""
STEP_S = 2.0
"""A wall clock that went so much more or less than the loop's was set."""


class Notice(StrEnum):
    """What is told, as the log's event."""

    CLOCK_STEPPED = "clock.stepped"
    LOOP_LATE = "loop.late"
    LEDGER_LOST = "ledger.lost"
    LEDGER_REACHED = "ledger.reached"


REMEDIES = {
    Notice.CLOCK_STEPPED: "check the time service: calling hours and webhook signatures go by this clock",
    Notice.LOOP_LATE: "the process got no CPU, or was stopped: what else runs on this machine?",
    Notice.LEDGER_LOST: "nobody is dialled; is its server up, is its disk full? It goes on by itself",
}


@dataclass(eq=False, slots=True)
class SelfWatch:
    """`run` it beside the worker's work."""

    clock: Clock
    heard_at: Callable[[], float | None]
    """When the ledger last took a sign of life, by the loop's clock; None: not yet."""
    silent_s_max: Callable[[], float]
    """The ledger is lost when it has been silent for longer."""
    tell: Callable[[Notice, float], None]
    """What was seen, and the seconds of it."""
    clock_steps: int = 0
    _is_lost: bool = False

    async def run(self) -> None:
        """Look each second, for ever."""
        at, wall = anyio.current_time(), self.clock.now()
        while True:
            await anyio.sleep(LOOK_S)
            went_s, went_by_wall_s = anyio.current_time() - at, self.clock.now() - wall
            at, wall = at + went_s, wall + went_by_wall_s
            if abs(went_by_wall_s - went_s) > STEP_S:
                self.clock_steps += 1
                self.tell(Notice.CLOCK_STEPPED, went_by_wall_s - went_s)
            if went_s - LOOK_S > LATE_S:
                self.tell(Notice.LOOP_LATE, went_s - LOOK_S)
            else:  # after a late one the ledger had no chance to answer
                self._look_at_ledger(at)

    def _look_at_ledger(self, now: float) -> None:
        heard_at = self.heard_at()
        if heard_at is None:
            return
        silent_s = now - heard_at
        if (silent_s > self.silent_s_max()) != self._is_lost:
            self._is_lost = not self._is_lost
            self.tell(Notice.LEDGER_LOST if self._is_lost else Notice.LEDGER_REACHED, silent_s)
