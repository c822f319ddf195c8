"""The account as a process knows it that has it to itself: how many calls it allows, how its calls end."""

from collections.abc import Awaitable, Callable

import anyio

from dialer.domain.errors import AccountBlocked, CallError
from dialer.engine.slots import Slots
from dialer.engine.tracking import Tracker
from dialer.ports import CallApi


class Account:
    """Keeps slots and tracking going while calls are made."""

    def __init__(
        self,
        api: CallApi,
        slots: Slots,
        tracker: Tracker,
        *,
        refresh_s: float,
        recover_s: float,
        on_blocked: Callable[[CallError], Awaitable[None]],
    ) -> None:
        """`refresh_s`: between two looks at the account; `recover_s`: between two slots that come back."""
        self._api = api
        self._slots = slots
        self._tracker = tracker
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
            self._slots.account_says(await self._api.capacity())
        except AccountBlocked as error:
            await self._on_blocked(error)
        except CallError:
            return

    async def _keep_slots(self) -> None:
        while True:
            await anyio.sleep(self._refresh_s)
            await self.look()

    async def _give_back_slots(self) -> None:
        while True:
            await anyio.sleep(self._recover_s)
            self._slots.recover()
