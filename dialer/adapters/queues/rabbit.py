"""RabbitMQ: a durable queue, and a durable exchange and queue for dead letters.

What is there already is used as it is, whatever its type and arguments.
"""

import logging
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, cast

import anyio
from aio_pika import DeliveryMode, ExchangeType, Message, connect
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue
from aiormq.exceptions import AMQPError, ChannelInvalidStateError
from yarl import URL

from dialer.adapters.queues.broker import (
    ANSWER_S_MAX,
    CODE_HEADER,
    CONNECT_S_MAX,
    REASON_HEADER,
    BrokerLost,
    Delivery,
    Outgoing,
    QueueConfig,
    losses,
    lost,
)

HEARTBEAT_S = 10
"""A server that is gone without a word is noticed within two of them."""
_LOSSES = (AMQPError, OSError, TimeoutError, ChannelInvalidStateError)
_losses = partial(losses, _LOSSES)


@asynccontextmanager
async def open_rabbit(config: QueueConfig) -> AsyncIterator["RabbitQueue"]:
    """Raises `BrokerLost`."""
    async with _connected(config.url) as connection:
        with _losses(config.url, "cannot be read"):
            channel = await connection.channel(publisher_confirms=True)
            await channel.set_qos(prefetch_count=config.prefetch)
            await _dead_letters(connection, config.dead_letter)
            queue = await _queue(connection, channel, config.name, config.dead_letter)
        reading = RabbitQueue(channel, queue, config)
        connection.close_callbacks.add(reading.hear_end)
        channel.close_callbacks.add(reading.hear_end)
        yield reading


@asynccontextmanager
async def open_rabbit_sender(url: str, name: str, dead_letter: str | None) -> AsyncIterator["RabbitSender"]:
    """`dead_letter`: of the queue, should it have to be made. Raises `BrokerLost`."""
    async with _connected(url) as connection:
        with _losses(url, "cannot be written to"):
            channel = await connection.channel(publisher_confirms=True)
            if dead_letter is not None:
                await _dead_letters(connection, dead_letter)
            await _queue(connection, channel, name, dead_letter)
        yield RabbitSender(channel, url, name)


async def ping(url: str) -> None:
    """Reach it once; nothing is made. Raises `BrokerLost`."""
    async with _connected(url):
        pass


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[AbstractConnection]:
    for name in ("aio_pika", "aiormq"):  # what they would say is told as events
        logging.getLogger(name).setLevel(logging.CRITICAL)
    parsed = URL(url)
    beating = parsed if "heartbeat" in parsed.query else parsed.update_query(heartbeat=str(HEARTBEAT_S))
    with _losses(url, "cannot be reached"), anyio.fail_after(CONNECT_S_MAX):
        connection = await connect(beating)
    try:
        yield connection
    finally:
        with anyio.move_on_after(CONNECT_S_MAX, shield=True), suppress(*_LOSSES):
            await connection.close()


async def _dead_letters(connection: AbstractConnection, name: str) -> None:
    """An exchange and a queue of this name, the one bound to the other."""
    channel = await connection.channel()
    exchange = await channel.declare_exchange(name, ExchangeType.FANOUT, durable=True)
    await (await _queue(connection, channel, name, None)).bind(exchange)
    await channel.close()


async def _queue(
    connection: AbstractConnection, channel: AbstractChannel, name: str, dead_letter: str | None
) -> AbstractQueue:
    looking = await connection.channel()
    try:
        await looking.declare_queue(name, passive=True)
        is_there = True
    except AMQPError:  # the server closes the channel of whoever asks for what is not there
        is_there = False
    if not looking.is_closed:
        await looking.close()
    if is_there:
        return await channel.declare_queue(name, passive=True)
    arguments = {} if dead_letter is None else {"x-dead-letter-exchange": dead_letter}
    return await channel.declare_queue(name, durable=True, arguments=cast(Any, arguments))


class RabbitQueue:
    """Fulfils `broker.Broker`."""

    def __init__(self, channel: AbstractChannel, queue: AbstractQueue, config: QueueConfig) -> None:
        self._channel = channel
        self._queue = queue
        self._config = config
        self._tag: str | None = None
        self._here: deque[AbstractIncomingMessage] = deque()
        """At most as many as the prefetch: the server waits for their acknowledgements."""
        self._news = anyio.Event()
        self._end: BrokerLost | None = None

    def hear_end(self, sender: object, error: BaseException | None) -> None:
        del sender
        self._end = lost(self._config.url, "was lost", error or ConnectionError("connection closed"))
        self._news.set()

    async def _hear(self, message: AbstractIncomingMessage) -> None:
        self._here.append(message)
        self._news.set()

    async def pull(self, messages_max: int, wait_s: float) -> Sequence[Delivery]:
        with _losses(self._config.url, "cannot be read"):
            if self._tag is None and self._end is None:
                self._tag = await self._queue.consume(self._hear)
        if not self._here and self._end is None:
            self._news = anyio.Event()
            with anyio.move_on_after(wait_s):
                await self._news.wait()
        if self._end is not None:
            raise self._end
        messages = [self._here.popleft() for _ in range(min(messages_max, len(self._here)))]
        return [Delivery(message.body, message) for message in messages]

    async def rest(self) -> None:
        with _losses(self._config.url, "cannot be left alone"):
            if self._tag is not None:
                tag, self._tag = self._tag, None
                await self._queue.cancel(tag)
            while self._here:
                await self._here.popleft().nack(requeue=True)

    async def acknowledge(self, delivery: Delivery) -> None:
        with _losses(self._config.url, "did not take an acknowledgement"):
            await _message(delivery).ack()

    async def give_back(self, delivery: Delivery) -> None:
        with _losses(self._config.url, "did not take a message back"):
            await _message(delivery).nack(requeue=True)

    async def bury(self, delivery: Delivery, code: str, reason: str) -> None:
        message = _message(delivery)
        headers: Mapping[str, Any] = {**message.headers, CODE_HEADER: code, REASON_HEADER: reason}
        with _losses(self._config.url, "did not take a dead letter"), anyio.fail_after(ANSWER_S_MAX):
            letter = Message(
                delivery.body,
                headers=dict(headers),
                message_id=message.message_id,
                content_type=message.content_type,
                delivery_mode=DeliveryMode.PERSISTENT,
            )
            await self._channel.default_exchange.publish(letter, self._config.dead_letter)
            await message.ack()

    async def keep(self, deliveries: Sequence[Delivery]) -> None:
        """They are this connection's as long as it lives."""

    async def waiting(self) -> int | None:
        with _losses(self._config.url, "cannot be asked"):
            declared = await self._channel.declare_queue(self._config.name, passive=True)
            return declared.declaration_result.message_count


def _message(delivery: Delivery) -> AbstractIncomingMessage:
    return cast(AbstractIncomingMessage, delivery.handle)


class RabbitSender:
    """Fulfils `broker.Sender`."""

    def __init__(self, channel: AbstractChannel, url: str, name: str) -> None:
        self._channel = channel
        self._url = url
        self._name = name

    async def send(self, messages: Sequence[Outgoing]) -> None:
        with _losses(self._url, "did not take a message"):
            try:
                with anyio.fail_after(ANSWER_S_MAX):
                    async with (
                        anyio.create_task_group() as sending
                    ):  # they begin, and so are written, in order
                        for each in messages:
                            sending.start_soon(self._send, each)
            except* _LOSSES as errors:
                raise errors.exceptions[0] from None

    async def _send(self, outgoing: Outgoing) -> None:
        message = Message(
            outgoing.body,
            headers=dict(outgoing.headers),
            message_id=outgoing.id,
            content_type="application/json",
            delivery_mode=DeliveryMode.PERSISTENT,
        )
        await self._channel.default_exchange.publish(message, self._name)
