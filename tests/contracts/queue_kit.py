"""Take messages from a queue for a while, and see what is told."""

import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import anyio

from dialer.adapters.queues.broker import QueueConfig
from dialer.adapters.queues.intake import Queue, open_queue
from dialer.engine.events import Event

E = TypeVar("E", bound=Event)

SECONDS_MAX = 20.0
LOOK_EACH_S = 0.01


class Taker:
    """A handler that counts, and an observer that keeps what it was told."""

    def __init__(self, handle: Callable[[bytes], Awaitable[None]] | None = None) -> None:
        self._handle = handle
        self.begun: Counter[bytes] = Counter()
        self.done: Counter[bytes] = Counter()
        self.events: list[Event] = []
        self.at_once = 0
        self.at_once_max = 0

    async def handle(self, body: bytes) -> None:
        self.begun[body] += 1
        self.at_once += 1
        self.at_once_max = max(self.at_once_max, self.at_once)
        try:
            if self._handle is not None:
                await self._handle(body)
        finally:
            self.at_once -= 1
        self.done[body] += 1

    def told(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    @asynccontextmanager
    async def open(self, config: QueueConfig) -> AsyncIterator[Queue]:
        async with open_queue(config, self.handle, self.events.append) as queue:
            yield queue


async def until(is_so: Callable[[], Any]) -> None:
    """Wait for it; a test that waits in vain fails."""
    with anyio.fail_after(SECONDS_MAX):
        while not is_so():  # noqa: ASYNC110 - a broker tells nobody
            await anyio.sleep(LOOK_EACH_S)


async def until_async(is_so: Callable[[], Awaitable[Any]]) -> None:
    """As `until`."""
    with anyio.fail_after(SECONDS_MAX):
        while not await is_so():  # noqa: ASYNC110
            await anyio.sleep(LOOK_EACH_S * 5)


def run(main: Callable[[], Awaitable[None]]) -> None:
    """On a loop of its own, bounded."""

    async def bounded() -> None:
        with anyio.fail_after(SECONDS_MAX * 2):
            await main()

    anyio.run(bounded, backend_options={"use_uvloop": sys.platform != "win32"})  # as the service does
