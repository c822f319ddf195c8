"""Redis Streams: a stream, a consumer group; entries that nobody acknowledged are claimed from the dead.

An entry has the message in its field `job`. It is removed when it was taken, so that the stream holds what is
waiting and does not grow.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any, cast

import anyio
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

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

JOB_FIELD = "job"
RESULT_FIELD = "result"
_LOSSES = (RedisError, OSError, TimeoutError, ValueError)
_losses = partial(losses, _LOSSES)
CLAIMS_EACH = 0.25
"""Stale entries are looked for each time this part of `stale_s` has passed."""


@asynccontextmanager
async def open_redis(config: QueueConfig) -> AsyncIterator["RedisStream"]:
    """Raises `BrokerLost`."""
    async with _connected(config.url) as client:
        stream = RedisStream(client, config)
        await stream.make_group()
        yield stream


@asynccontextmanager
async def open_redis_sender(url: str, name: str, field: str) -> AsyncIterator["RedisSender"]:
    """`field`: of an entry, for the message. Raises `BrokerLost`."""
    async with _connected(url) as client:
        yield RedisSender(client, url, name, field)


async def ping(url: str) -> None:
    """Reach it once; nothing is made. Raises `BrokerLost`."""
    async with _connected(url):
        pass


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Redis]:
    with _losses(url, "is no URL that is understood"):
        client = Redis.from_url(url, socket_connect_timeout=CONNECT_S_MAX, socket_timeout=ANSWER_S_MAX)
    try:
        with _losses(url, "cannot be reached"):
            await client.ping()
        yield client
    finally:
        with anyio.CancelScope(shield=True), suppress(RedisError, OSError):
            await client.aclose()


class RedisStream:
    """Fulfils `broker.Broker`."""

    def __init__(self, client: Redis, config: QueueConfig) -> None:
        self._redis = client
        self._config = config
        self._claim_at = 0.0

    async def make_group(self) -> None:
        """The stream and its group, if they are not there; the group begins with what waits already."""
        config = self._config
        with _losses(config.url, "cannot be read"):
            try:
                await self._redis.xgroup_create(config.name, config.group, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    async def pull(self, messages_max: int, wait_s: float) -> Sequence[Delivery]:
        try:
            with _losses(self._config.url, "cannot be read"):
                return await self._stale(messages_max) or await self._new(messages_max, wait_s)
        except _GroupGone:
            await self.make_group()  # the server lost what it had in memory
            return ()

    async def rest(self) -> None:
        """Nothing is here that was not pulled."""

    async def acknowledge(self, delivery: Delivery) -> None:
        with _losses(self._config.url, "did not take an acknowledgement"):
            pipe = self._redis.pipeline(transaction=True)
            self._forget(pipe, delivery)
            await pipe.execute()

    async def give_back(self, delivery: Delivery) -> None:
        """It is as old as what a dead consumer left: whoever looks next claims it."""
        config = self._config
        with _losses(config.url, "did not take a message back"):
            await self._redis.xclaim(
                config.name,
                config.group,
                config.consumer,
                0,
                [cast(Any, delivery.handle)],
                idle=round(config.stale_s * 1000),
                justid=True,
            )

    async def bury(self, delivery: Delivery, code: str, reason: str) -> None:
        entry = {JOB_FIELD: delivery.body, CODE_HEADER: code, REASON_HEADER: reason}
        with _losses(self._config.url, "did not take a dead letter"):
            pipe = self._redis.pipeline(transaction=True)
            pipe.xadd(self._config.dead_letter, cast(Any, entry))
            self._forget(pipe, delivery)
            await pipe.execute()

    async def keep(self, deliveries: Sequence[Delivery]) -> None:
        config = self._config
        with _losses(config.url, "did not hear that messages are under way"):
            ids = [cast(Any, each.handle) for each in deliveries]
            await self._redis.xclaim(config.name, config.group, config.consumer, 0, ids, justid=True)

    async def waiting(self) -> int | None:
        with _losses(self._config.url, "cannot be asked"):
            return int(await self._redis.xlen(self._config.name))

    def _forget(self, pipe: Any, delivery: Delivery) -> None:
        pipe.xack(self._config.name, self._config.group, delivery.handle)
        pipe.xdel(self._config.name, delivery.handle)

    async def _stale(self, messages_max: int) -> Sequence[Delivery]:
        now = anyio.current_time()
        if now < self._claim_at:
            return ()
        config = self._config
        with _group_gone():
            answer = await self._redis.xautoclaim(
                config.name,
                config.group,
                config.consumer,
                round(config.stale_s * 1000),
                count=messages_max,
            )
        claimed = _deliveries(answer[1])
        if len(claimed) < messages_max:
            self._claim_at = now + config.stale_s * CLAIMS_EACH
        return claimed

    async def _new(self, messages_max: int, wait_s: float) -> Sequence[Delivery]:
        config = self._config
        with _group_gone():
            answer = await self._redis.xreadgroup(
                config.group,
                config.consumer,
                {config.name: ">"},
                count=messages_max,
                block=max(1, round(wait_s * 1000)),
            )
        if not answer:
            return ()
        streams = answer.values() if isinstance(answer, dict) else [entries for _, entries in answer]
        return [delivery for entries in streams for delivery in _deliveries(entries)]


class _GroupGone(Exception):
    """The stream or its group are not there any more."""


@contextmanager
def _group_gone() -> Iterator[None]:
    try:
        yield
    except ResponseError as error:
        if any(word in str(error) for word in ("NOGROUP", "UNBLOCKED")):
            raise _GroupGone from None
        raise


def _deliveries(entries: Any) -> list[Delivery]:
    """An entry without the field is a message that is no job: it is refused as such."""
    return [
        Delivery(bytes(fields.get(JOB_FIELD.encode(), b"")), entry_id)
        for entry_id, fields in entries
        if fields
    ]


class RedisSender:
    """Fulfils `broker.Sender`."""

    def __init__(self, client: Redis, url: str, name: str, field: str) -> None:
        self._redis = client
        self._url = url
        self._name = name
        self._field = field

    async def send(self, messages: Sequence[Outgoing]) -> None:
        with _losses(self._url, "did not take a message"):
            pipe = self._redis.pipeline(transaction=True)
            for each in messages:
                named = {"id": each.id} if each.id is not None else {}
                pipe.xadd(self._name, cast(Any, {self._field: each.body, **named, **each.headers}))
            await pipe.execute()
