"""A server that says exactly the bytes a test wants, and a client pointed at it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import anyio
import pytest

from dialer.adapters.retell.client import RetellApi, open_api
from dialer.adapters.retell.config import RetellConfig
from dialer.domain.calls import AttemptId, CallJob, JobKind
from dialer.domain.errors import CallError
from dialer.ports.engine import Clock

KEY = "key_kit_secret"
CALLER = "+12125550100"
CALLEE = "+12125550101"
CONFIG = RetellConfig(api_key=KEY, agent_id="agent_kit")
JOB = CallJob(key="kit", to_number=CALLEE)
CREATED = b'{"call_id":"call_1","call_status":"registered","metadata":{"attempt_id":"attempt_1"}}'

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Wire:
    """What the server saw."""

    url: str
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)


def answer(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """A whole answer; `length` lies about the body."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """One request with its body; raises IncompleteReadError at the end of the connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return head + await reader.readexactly(length)


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[Wire]:
    """Runs `script` on each connection, as it comes."""

    open_writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire.connections += 1
        open_writers.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            await script(reader, writer)
        with suppress(OSError):
            writer.close()
            await writer.wait_closed()
        open_writers.remove(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    wire = Wire(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield wire
    finally:
        server.close()
        while open_writers:
            for writer in open_writers:
                writer.transport.abort()
            await anyio.sleep(0.001)


@asynccontextmanager
async def saying(*answers: bytes) -> AsyncIterator[Wire]:
    """Gives the answers in turn, one per request, on as many connections as the client opens."""
    left = list(answers)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            wire.requests.append(await read_request(reader))
            writer.write(left.pop(0))
            await writer.drain()

    async with scripted(script) as wire:
        yield wire


@asynccontextmanager
async def api_at(
    url: str, config: RetellConfig = CONFIG, *, connections_max: int = 10, clock: Clock | None = None
) -> AsyncIterator[RetellApi]:
    config = replace(config, base_url=url)
    async with open_api(config, connections_max=connections_max, clock=clock) as api:
        yield api


def body_of(request: bytes) -> bytes:
    return request.partition(b"\r\n\r\n")[2]


def phone_body(api: RetellApi) -> bytes:
    return api.encode(JOB, AttemptId("attempt_1"), CALLER)


async def create(api: RetellApi) -> object:
    return await api.create(JobKind.PHONE_CALL, phone_body(api))


async def failure(api: RetellApi, *, creates: bool = True) -> CallError:
    """The error of a create, or of a request that makes no call."""
    with pytest.raises(CallError) as caught:
        await (create(api) if creates else api.capacity())
    return caught.value
