"""The account: how many calls it allows, how many of its calls are ours, how they end."""

from collections.abc import Awaitable, Callable, Sequence

import anyio

from dialer.domain.calls import CallId, Capacity
from dialer.domain.errors import AccountBlocked, CallError
from dialer.engine.attempts.tracking import Tracker
from dialer.engine.capacity.slots import Slots
from dialer.ports.engine import CallApi

OTHERS_LOOK_S = 2.0
"""Between two looks at the account while it is doubtful whether others have fewer calls by now."""

Answered = Callable[[], Awaitable[Sequence[CallId]]]
"""Gives the calls of all campaigns on the ledger that were placed, and whose end nobody has heard."""


async def look_at(api: CallApi, answered: Answered) -> tuple[Capacity, int]:
    """What the account says, and how many of its calls are surely ours.

    Ours are those that had answered before it was asked, less those that the listing shows as over since.
    What is doubtful is another's for a look: a request under way, or a call that ended in between. So others
    never have fewer calls than they have. Raises `CallError`, and `LedgerError`.
    """
    ours = await answered()
    capacity = await api.capacity()
    over = 0
    if ours and capacity.in_use:
        over = sum(news.is_over for news in await api.list(ours))
    return capacity, len(ours) - over


class Account:
    """Keeps slots and tracking going while a process dials that has the account to itself."""

    def __init__(
        self,
        api: CallApi,
        slots: Slots,
        tracker: Tracker,
        *,
        answered: Answered,
        refresh_s: float,
        recover_s: float,
        on_blocked: Callable[[CallError], Awaitable[None]],
    ) -> None:
        """`refresh_s`: between two looks at the account; `recover_s`: between two slots that come back."""
        self._api = api
        self._slots = slots
        self._tracker = tracker
        self._answered = answered
        self._refresh_s = refresh_s
        self._recover_s = recover_s
        self._on_blocked = on_blocked

    async def run(self) -> None:
        """Follow the account for ever."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._tracker.run, self._on_blocked)
            tasks.start_soon(self._keep_slots)
            tasks.start_soon(self._give_back_slots)

    async def look(self) -> None:
        """Ask once how many calls it allows; what was known of it holds until it answers."""
        try:
            self._slots.account_says(*await look_at(self._api, self._answered))
        except AccountBlocked as error:
            await self._on_blocked(error)
        except CallError:
            return

    async def _keep_slots(self) -> None:
        while True:
            doubtful = self._slots.wants_another_look
            await anyio.sleep(min(OTHERS_LOOK_S, self._refresh_s) if doubtful else self._refresh_s)
            await self.look()

    async def _give_back_slots(self) -> None:
        while True:
            await anyio.sleep(self._recover_s)
            self._slots.recover()
