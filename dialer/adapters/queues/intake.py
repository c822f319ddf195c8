"""Messages into the ledger: pulled, handled, and only then acknowledged, at least once each.

A message that was handled is acknowledged; one that can never become a job goes to the dead letters with its
reason; any other failure leaves it unacknowledged, and it comes again. A broker that is lost is waited for.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from random import Random

import anyio

from dialer.adapters.queues.broker import Broker, BrokerLost, Delivery, QueueConfig, shown
from dialer.adapters.queues.opening import open_broker
from dialer.domain.errors import BadMessage
from dialer.engine.events import MessageFailed, MessageRefused, Observe, QueueLost, QueueReached

PULL_S_MAX = 0.25
"""A pull waits so long for messages; so long after it a pause or an end are noticed."""
LEAVE_S_MAX = 2.0
"""At the end a broker is waited for so long when no message is under way: longer than a pull."""
LAG_EACH_S = 5.0
AGAIN_S = 1.0
"""A message that could not be handled is held so long before it is given back: a ledger that does not answer
is not asked in a hot loop."""
KEEPS_EACH = 0.3
"""Messages under way are said to be so each time this part of `stale_s` has passed."""
DOUBLINGS_MAX = 32

Handle = Callable[[bytes], Awaitable[None]]
"""Returns when the job is durable. Raises `BadMessage`; any other error, and the message comes again."""


@asynccontextmanager
async def open_queue(
    queue: QueueConfig, handle: Handle, observe: Observe, *, chance: Random | None = None
) -> AsyncIterator["Queue"]:
    """Take messages from the broker as long as the context lasts, whether it can be reached or not.

    At the end nothing more is pulled, messages under way are waited for `grace_s` seconds, and the rest comes
    again. Raises `BadInput` for a URL of no broker, or without the extra.
    """
    open_broker(queue)  # says what is wrong with the URL, or not installed
    taking = Queue(queue, handle, observe, chance or Random())  # noqa: S311 - jitter, no secret
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(taking.run)
        try:
            yield taking
        finally:
            taking.stop()
            with anyio.CancelScope(shield=True):
                await taking.end_within(queue.grace_s)
            tasks.cancel_scope.cancel()


class Queue:
    """The intake from one queue."""

    def __init__(self, config: QueueConfig, handle: Handle, observe: Observe, chance: Random) -> None:
        self._config = config
        self._handle = handle
        self._observe = observe
        self._chance = chance
        self._under_way: set[Delivery] = set()
        self._waiting: int | None = None
        self._is_stopping = False
        self._is_lost = False
        self._turn = anyio.Event()
        """Something that is waited for has changed."""
        self.is_paused = False
        self._losses = 0
        """In a row, without a pull in between that went well."""
        self._ended = anyio.Event()

    def pause(self) -> None:
        """Pull nothing more; a pull under way may still bring what it has, at most the prefetch."""
        self.is_paused = True

    def resume(self) -> None:
        """Go on pulling."""
        self.is_paused = False
        self._notify()

    def lag(self) -> int | None:
        """Messages that wait in the broker, as it said some seconds ago; None: it did not say."""
        return self._waiting

    def stop(self) -> None:
        """Pull nothing more, and end when what is under way is done."""
        self._is_stopping = True
        self._notify()

    async def end_within(self, seconds: float) -> None:
        """Wait so long for messages under way; a broker that does not answer is waited for shortly only."""
        with anyio.move_on_after(seconds):
            with anyio.move_on_after(min(seconds, LEAVE_S_MAX)):
                await self._ended.wait()
            while self._under_way and not self._ended.is_set():
                await self._turn.wait()

    async def run(self) -> None:
        """Until `stop`."""
        while not self._is_stopping:
            try:
                async with open_broker(self._config) as broker:
                    self._observe(QueueReached(shown(self._config.url)))
                    await self._serve(broker)
            except BrokerLost as error:
                self._waiting = None
                longest = min(self._config.backoff_initial_s * 2**self._losses, self._config.backoff_max_s)
                wait_s = longest * self._chance.uniform(0.5, 1.0)
                self._losses = min(self._losses + 1, DOUBLINGS_MAX)
                self._observe(QueueLost(str(error), wait_s))
                await self._pass(wait_s, lambda: self._is_stopping)
        self._ended.set()
        self._notify()

    async def _serve(self, broker: Broker) -> None:
        """Until `stop`, or it is lost: that is raised when what is under way is done."""
        error: BrokerLost | None = None
        self._is_lost = False
        async with anyio.create_task_group() as beside:
            beside.start_soon(self._keep, broker)
            beside.start_soon(self._measure, broker)
            async with anyio.create_task_group() as handlers:
                try:
                    while await self._may_pull(broker):
                        free = self._config.prefetch - len(self._under_way)
                        deliveries = await broker.pull(free, PULL_S_MAX)
                        self._losses = 0
                        for delivery in deliveries:
                            self._under_way.add(delivery)
                            handlers.start_soon(self._take, broker, delivery)
                    await broker.rest()
                except BrokerLost as lost:
                    error, self._is_lost = lost, True
                    self._notify()
            beside.cancel_scope.cancel()
        if error is not None:
            raise error

    async def _may_pull(self, broker: Broker) -> bool:
        """Wait until there is room and it is wanted; false: it is time to end."""
        if self.is_paused:
            await broker.rest()
        while (self.is_paused or len(self._under_way) >= self._config.prefetch) and not self._is_stopping:
            await self._turn.wait()
        return not self._is_stopping

    async def _take(self, broker: Broker, delivery: Delivery) -> None:
        try:
            await self._carry_out(broker, delivery)
        except BrokerLost:
            pass  # it comes again; the next pull says so, too
        finally:
            self._under_way.discard(delivery)
            self._notify()

    async def _carry_out(self, broker: Broker, delivery: Delivery) -> None:
        try:
            await self._handle(delivery.body)
        except BadMessage as bad:
            await broker.bury(delivery, bad.code, bad.reason)
            self._observe(MessageRefused(bad.code, bad.reason))
        except Exception as error:  # a fault in one message must not stop the others, nor lose it
            wait_s = AGAIN_S * self._chance.uniform(0.5, 1.0)
            self._observe(MessageFailed(f"{type(error).__name__}: {error}", wait_s))
            await self._pass(wait_s, lambda: self._is_stopping or self._is_lost)
            await broker.give_back(delivery)
        else:
            await broker.acknowledge(delivery)

    async def _keep(self, broker: Broker) -> None:
        while True:
            await anyio.sleep(self._config.stale_s * KEEPS_EACH)
            if self._under_way:
                with suppress(BrokerLost):  # the next pull says so
                    await broker.keep(list(self._under_way))

    async def _measure(self, broker: Broker) -> None:
        while True:
            try:
                self._waiting = await broker.waiting()
            except BrokerLost:
                self._waiting = None  # if it is lost altogether, the next pull says so
            await anyio.sleep(LAG_EACH_S)

    async def _pass(self, seconds: float, is_over: Callable[[], bool]) -> None:
        """Wait so long, or until it is over."""
        with anyio.move_on_after(seconds):
            while not is_over():
                await self._turn.wait()

    def _notify(self) -> None:
        self._turn.set()
        self._turn = anyio.Event()
