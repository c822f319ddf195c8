"""Calls that an earlier process left in other campaigns of the ledger: each holds a slot until it is over."""

from collections.abc import Callable, Iterable
from functools import partial

import anyio

from dialer.domain.calls import Attempt, live_for_s
from dialer.domain.errors import CallError
from dialer.engine.attempts.active import Work
from dialer.engine.attempts.tracking import Followed, Tracker
from dialer.engine.capacity.slots import Slot, Slots
from dialer.ports.engine import Clock

LOOK_S = 20.0
"""Between two looks for a call of which only the request is known."""


class Beside:
    """Follows them, and writes nothing: their campaign goes on with them when it is run again."""

    def __init__(self, slots: Slots, tracker: Tracker, clock: Clock) -> None:
        self._slots = slots
        self._tracker = tracker
        self._clock = clock
        self.count = 0
        """Those that hold a slot now."""

    def hold(self, attempts: Iterable[Attempt], call_max_s: float, start: Callable[[Work], None]) -> None:
        """Each takes its slot now, and `start` begins what gives it back.

        `call_max_s`: of those of which the ledger does not say how long they may last.
        """
        for attempt in attempts:
            self.count += 1
            start(partial(self._until_over, attempt, self._slots.take(), call_max_s))

    async def _until_over(self, attempt: Attempt, slot: Slot, call_max_s: float) -> None:
        with (
            anyio.move_on_after(live_for_s(attempt, call_max_s, self._clock.now())),
            self._tracker.follow(attempt) as followed,
        ):
            if followed.call_id is None:
                await self._find(followed)
            await followed.until_over()
        self.count -= 1
        self._slots.release(slot)

    async def _find(self, followed: Followed) -> None:
        while followed.news is None:
            try:
                if await self._tracker.look(followed) is not None:
                    return
            except CallError:
                pass  # nobody could look; the next round will
            with anyio.move_on_after(LOOK_S):
                await followed.until_found()
