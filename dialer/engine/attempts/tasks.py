"""The tasks in which attempts live: one each, from the claim to the end of the call.

Plain tasks under one keeper. A task of an anyio group, with the scope and the handle it brings, costs a fifth
of all that an attempt costs, and there are as many as there are calls.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import anyio


class AttemptTasks:
    """Any number of lives under way. `keep` has to run as long as one may be."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._trouble: asyncio.Future[None] | None = None
        self._none_left = anyio.Event()

    def begin(self, life: Coroutine[Any, Any, None]) -> None:
        """Start a life."""
        task = asyncio.get_running_loop().create_task(life)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    @property
    def count(self) -> int:
        """Lives under way."""
        return len(self._tasks)

    async def until_none_is_left(self) -> None:
        """Wait for the last one to end."""
        while self._tasks:
            self._none_left = anyio.Event()
            await self._none_left.wait()

    async def keep(self) -> None:
        """Run for ever; raises what a life raises. However it ends, no life is left then."""
        self._trouble = asyncio.get_running_loop().create_future()
        try:
            await self._trouble
        finally:
            with anyio.CancelScope(shield=True):
                for task in self._tasks:
                    task.cancel()
                await self.until_none_is_left()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and self._trouble is not None and not self._trouble.done():
            self._trouble.set_exception(error)
        if not self._tasks:
            self._none_left.set()
