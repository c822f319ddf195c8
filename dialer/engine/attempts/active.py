"""A campaign's attempts that are under way in this process, each with its slot and a life of its own."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import anyio

from dialer.domain.calls import Attempt, AttemptId, live_for_s
from dialer.domain.lifecycle import AttemptState, TakenOver
from dialer.engine.attempts.runner import AttemptRunner
from dialer.engine.attempts.tasks import AttemptTasks
from dialer.engine.capacity.slots import Slot, Slots
from dialer.engine.events import AttemptClaimed, AttemptTakenOver, Observe
from dialer.ports.engine import Clock

PARKED_LOOK_S = 60.0
"""Between two looks for an attempt that is unknown."""


Work = Callable[[], Coroutine[Any, Any, None]]


class ActiveAttempts:
    """Begins lives, and does with the slot what their end asks for. No attempt has two at a time."""

    def __init__(
        self,
        lives: AttemptRunner,
        slots: Slots,
        clock: Clock,
        observe: Observe,
        *,
        beside: Callable[[Work], None],
        call_max_s: Callable[[], float],
        on_end: Callable[[], None],
        on_none: Callable[[], None],
    ) -> None:
        """`beside`: begins what the campaign does not wait for. `call_max_s`: as `tracking.TrackingConfig`.

        `on_end`: told when a life has ended. `on_none`: told when it was the last one that `count` counts.
        """
        self._lives = lives
        self._slots = slots
        self._clock = clock
        self._observe = observe
        self._beside = beside
        self._call_max_s = call_max_s
        self._on_end = on_end
        self._on_none = on_none
        self._lifetimes = AttemptTasks()
        self._known: set[AttemptId] = set()
        self.count = 0
        """Attempts with a slot whose call may still be made or go on; not those that are unknown.

        Except an unknown one that an earlier process left, until it has been looked for once."""

    @property
    def is_empty(self) -> bool:
        """None is under way, also none that only is attended."""
        return self.count == 0 and self._lifetimes.count == 0

    async def keep(self) -> None:
        """Run for ever; raises what a life raises. However it ends, no life is left then."""
        await self._lifetimes.keep()

    async def until_none_is_left(self) -> None:
        """Wait for the last one to end."""
        await self._lifetimes.until_none_is_left()

    def begin(self, attempt: Attempt, slot: Slot, sent: Callable[[], None]) -> None:
        """It was just claimed. `sent`: as in `Lives.begin`."""
        self._observe(AttemptClaimed(attempt, resumed=False))
        self.count += 1
        self._known.add(attempt.id)
        self._lifetimes.begin(self._live_fresh(attempt, slot, sent))

    def take_over(self, attempt: Attempt) -> None:
        """Go on with an attempt that another process left open, unless that is done already."""
        if attempt.id in self._known:
            return
        self._known.add(attempt.id)
        if attempt.state is AttemptState.UNKNOWN:
            self._watch(attempt, self._slots.take(), first_s=0.0)
            return
        self._observe(AttemptClaimed(attempt, resumed=True))
        self.count += 1
        self._lifetimes.begin(self._live_resumed(attempt, self._slots.take()))

    def attend(self, attempt: Attempt) -> None:
        """Hear how a call ends that another process placed. It may do so, too: the first one writes it."""
        if attempt.id in self._known:
            return
        self._known.add(attempt.id)
        self._lifetimes.begin(self._live_beside(attempt))

    async def _live_fresh(self, attempt: Attempt, slot: Slot, sent: Callable[[], None]) -> None:
        held = _Held(self._slots, slot)
        self._ended(await self._theirs(self._lives.begin(attempt, sent, held.release), attempt), held)

    async def _live_resumed(self, attempt: Attempt, slot: Slot) -> None:
        held = _Held(self._slots, slot)
        self._ended(await self._theirs(self._lives.resume(attempt, held.release), attempt), held)

    async def _live_beside(self, attempt: Attempt) -> None:
        parked = await self._theirs(self._lives.resume(attempt, _no_slot), attempt)
        self._on_end()
        if parked is not None:
            self._watch(parked, self._slots.take())

    async def _theirs(self, life: Awaitable[Attempt | None], attempt: Attempt) -> Attempt | None:
        """As the life ends; nothing comes of one that another worker has by now."""
        parked = None
        try:
            parked = await life
        except TakenOver as why:
            self._observe(AttemptTakenOver(attempt, str(why)))
        finally:
            if parked is None:
                self._known.discard(attempt.id)
        return parked

    def _ended(self, parked: Attempt | None, held: "_Held") -> None:
        self._on_end()
        if parked is None:
            held.release()
        else:
            self._watch(parked, held.slot)
        self._counts(-1)

    def _counts(self, by: int) -> None:
        self.count += by
        if by and self.count == 0:
            self._on_none()

    def _watch(self, parked: Attempt, slot: Slot, first_s: float = PARKED_LOOK_S) -> None:
        """An unknown attempt keeps its slot as long as its call could last, and is looked for.

        One that is to be looked for at once counts until then, and one that was found until it is closed.
        """
        closed = anyio.Event()
        counted = not first_s
        self._counts(int(counted))

        def looked(found: bool) -> None:
            nonlocal counted
            self._counts(found - counted)
            counted = found

        async def watch() -> None:
            await self._lives.watch_parked(parked, first_s, PARKED_LOOK_S, looked)
            self._known.discard(parked.id)
            looked(False)
            closed.set()

        async def hold() -> None:
            with anyio.move_on_after(live_for_s(parked, self._call_max_s(), self._clock.now())):
                await closed.wait()
            self._slots.release(slot)

        self._beside(watch)
        self._beside(hold)


class _Held:
    """A slot that is given back once."""

    __slots__ = ("_released", "_slots", "slot")

    def __init__(self, slots: Slots, slot: Slot) -> None:
        self._slots = slots
        self._released = False
        self.slot = slot

    def release(self) -> None:
        """The call is over, whatever may still come of it."""
        if not self._released:
            self._released = True
            self._slots.release(self.slot)


def _no_slot() -> None:
    """It was another process that took one."""
