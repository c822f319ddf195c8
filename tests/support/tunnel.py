"""Passes bytes between clients and a server, until a test cuts it off."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio

READ_BYTES = 65_536


class Tunnel(ABC):
    """Each client has a connection of its own to the server."""

    def __init__(self) -> None:
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self.is_closed = False
        """Whoever comes is sent away."""
        self.sent_away = 0

    def cut(self) -> None:
        """Every connection is lost."""
        for each in self._open:
            each.transport.abort()

    @abstractmethod
    async def reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the server."""

    async def ask(self, client: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
        """Bytes on their way to the server."""
        await pass_on(client, there)

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[int]:
        """Listens on loopback, at the port that this gives; leaves nothing open behind it."""
        listening = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield listening.sockets[0].getsockname()[1]
        finally:
            listening.close()
            self.cut()
            serving = list(self._serving)
            for each in serving:
                each.cancel()
            await asyncio.gather(*serving, return_exceptions=True)
            await listening.wait_closed()

    async def _serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self._open.add(back)
        try:
            await self._connect(client, back)
        except asyncio.CancelledError:
            pass  # only `listen` cancels it
        finally:
            back.close()
            self._open.discard(back)
            self._serving.discard(task)

    async def _connect(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        if self.is_closed:
            self.sent_away += 1
            return
        server, there = await self.reach()
        self._open.add(there)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self.ask, client, there)
                tasks.start_soon(pass_on, server, back)
        finally:
            there.close()
            self._open.discard(there)


async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Until the one side has no more, or the other takes no more."""
    with suppress(OSError, RuntimeError):  # uvloop's word for a connection that was cut meanwhile
        while data := await source.read(READ_BYTES):
            sink.write(data)
            await sink.drain()
        sink.close()
