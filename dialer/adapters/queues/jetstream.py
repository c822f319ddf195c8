"""NATS JetStream: a stream, and a durable pull consumer with explicit acknowledgement.

A stream that has the subject already is used as it is.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import cast
from urllib.parse import quote

import anyio
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig
from nats.js.errors import NotFoundError

from dialer.adapters.queues.broker import (
    ANSWER_S_MAX,
    CODE_HEADER,
    CONNECT_S_MAX,
    REASON_HEADER,
    Delivery,
    Outgoing,
    QueueConfig,
    losses,
)

PING_EACH_S = 5
PINGS_OUT_MAX = 2
"""A server that is gone without a word is noticed after so many unanswered pings."""
UNACKNOWLEDGED_MAX = 10_000
"""Of all workers together."""
MESSAGE_ID = "Nats-Msg-Id"
"""The server drops a message whose id it had a moment ago."""
_PLAIN = "".join(char for char in map(chr, range(32, 127)) if char != "%")
_LOSSES = (nats.errors.Error, OSError, TimeoutError)
_losses = partial(losses, _LOSSES)


@asynccontextmanager
async def open_nats(config: QueueConfig) -> AsyncIterator["JetStreamQueue"]:
    """Raises `BrokerLost`."""
    async with _connected(config.url) as client:
        with _losses(config.url, "cannot be read"):
            stream = client.jetstream(timeout=ANSWER_S_MAX)
            await _stream(stream, config.dead_letter, RetentionPolicy.LIMITS)
            name = await _stream(stream, config.name, RetentionPolicy.WORK_QUEUE)
            consumer = ConsumerConfig(
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=config.stale_s,
                max_deliver=-1,
                max_ack_pending=UNACKNOWLEDGED_MAX,
            )
            reading = await stream.pull_subscribe(
                config.name, durable=config.group, stream=name, config=consumer
            )
        yield JetStreamQueue(client, stream, reading, config)


@asynccontextmanager
async def open_nats_sender(url: str, name: str, *, is_work: bool) -> AsyncIterator["JetStreamSender"]:
    """`is_work`: what was acknowledged need not be kept, should the stream be made. Raises `BrokerLost`."""
    closed = anyio.Event()
    async with _connected(url, closed) as client:
        with _losses(url, "cannot be written to"):
            stream = client.jetstream(timeout=ANSWER_S_MAX)
            await _stream(stream, name, RetentionPolicy.WORK_QUEUE if is_work else RetentionPolicy.LIMITS)
        yield JetStreamSender(stream, closed, url, name)


async def ping(url: str) -> None:
    """Reach it once, and see that it has JetStream; nothing is made. Raises `BrokerLost`."""
    async with _connected(url) as client:
        with _losses(url, "has no JetStream"):
            await client.jetstream(timeout=ANSWER_S_MAX).account_info()


@asynccontextmanager
async def _connected(url: str, closed: anyio.Event | None = None) -> AsyncIterator[Client]:
    """`closed` is set when the connection ends, whoever ends it."""

    async def hear_end() -> None:
        if closed is not None:
            closed.set()

    client = Client()
    try:
        with _losses(url, "cannot be reached"), anyio.fail_after(CONNECT_S_MAX):
            await _connect(client, url, hear_end)
        yield client
    finally:
        with anyio.move_on_after(CONNECT_S_MAX, shield=True), suppress(*_LOSSES):
            await client.close()


async def _connect(client: Client, url: str, hear_end: Callable[[], Awaitable[None]]) -> None:
    faults: deque[Exception] = deque(maxlen=1)

    async def hear_fault(fault: Exception) -> None:
        faults.append(fault)  # once connected, the next call says it, too

    try:
        await client.connect(
            url,
            name="dialer",
            allow_reconnect=False,  # who is lost is left, and all is asked for anew
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=round(CONNECT_S_MAX),
            ping_interval=PING_EACH_S,
            max_outstanding_pings=PINGS_OUT_MAX,
            error_cb=hear_fault,
            closed_cb=hear_end,
        )
    except nats.errors.NoServersError:
        raise faults.pop() if faults else ConnectionError("no server answers") from None


async def _stream(stream: JetStreamContext, subject: str, retention: RetentionPolicy) -> str:
    """The name of the stream with this subject; made if there is none."""
    try:
        return await stream.find_stream_name_by_subject(subject)
    except NotFoundError:
        await stream.add_stream(StreamConfig(name=subject, subjects=[subject], retention=retention))
        return subject


class JetStreamQueue:
    """Fulfils `broker.Broker`."""

    def __init__(
        self,
        client: Client,
        stream: JetStreamContext,
        reading: JetStreamContext.PullSubscription,
        config: QueueConfig,
    ) -> None:
        self._client = client
        self._stream = stream
        self._reading = reading
        self._config = config

    async def pull(self, messages_max: int, wait_s: float) -> Sequence[Delivery]:
        with _losses(self._config.url, "cannot be read"):
            try:
                messages = await self._reading.fetch(messages_max, timeout=wait_s)
            except (TimeoutError, nats.errors.TimeoutError):
                messages = []
            except asyncio.CancelledError:
                # a client that closes cancels what waits for it; that is not a cancellation of ours
                if not self._client.is_closed or _is_cancelled():
                    raise
                messages = []
            if not messages and not self._client.is_connected:
                raise ConnectionError("connection closed")
            return [Delivery(message.data, message) for message in messages]

    async def rest(self) -> None:
        """Nothing is here that was not pulled."""

    async def acknowledge(self, delivery: Delivery) -> None:
        with _losses(self._config.url, "did not take an acknowledgement"):
            await _message(delivery).ack()

    async def give_back(self, delivery: Delivery) -> None:
        with _losses(self._config.url, "did not take a message back"):
            await _message(delivery).nak()

    async def bury(self, delivery: Delivery, code: str, reason: str) -> None:
        message = _message(delivery)
        headers = {**(message.headers or {}), CODE_HEADER: code, REASON_HEADER: _ascii(reason)}
        with _losses(self._config.url, "did not take a dead letter"):
            await self._stream.publish(self._config.dead_letter, delivery.body, headers=headers)
            await message.ack()

    async def keep(self, deliveries: Sequence[Delivery]) -> None:
        with _losses(self._config.url, "did not hear that messages are under way"):
            for each in deliveries:
                await _message(each).in_progress()

    async def waiting(self) -> int | None:
        with _losses(self._config.url, "cannot be asked"):
            info = await self._reading.consumer_info()
            return (info.num_pending or 0) + (info.num_ack_pending or 0)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _message(delivery: Delivery) -> Msg:
    return cast(Msg, delivery.handle)


class JetStreamSender:
    """Fulfils `broker.Sender`."""

    def __init__(self, stream: JetStreamContext, closed: anyio.Event, url: str, name: str) -> None:
        self._stream = stream
        self._closed = closed
        self._url = url
        self._name = name

    async def send(self, messages: Sequence[Outgoing]) -> None:
        with _losses(self._url, "did not take a message"), anyio.fail_after(ANSWER_S_MAX):
            if self._closed.is_set():
                raise ConnectionError("connection closed")
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._end_when_closed)
                    await self._send(messages)
                    tasks.cancel_scope.cancel()
            except* _LOSSES as errors:
                raise errors.exceptions[0] from None

    async def _send(self, messages: Sequence[Outgoing]) -> None:
        answers = [
            await self._stream.publish_async(self._name, each.body, headers=_headers(each))
            for each in messages
        ]
        for answer in answers:
            await answer

    async def _end_when_closed(self) -> None:
        """Answers of a connection that is closed would be waited for."""
        await self._closed.wait()
        raise ConnectionError("connection closed")


def _headers(outgoing: Outgoing) -> dict[str, str]:
    named = {} if outgoing.id is None else {MESSAGE_ID: outgoing.id}
    return {name: _ascii(value) for name, value in {**outgoing.headers, **named}.items()}


def _ascii(value: str) -> str:
    """Percent-encoded where it is not ASCII: clients do not agree on what else a header may hold."""
    return quote(value, safe=_PLAIN)
