"""A way to a PostgreSQL server that a test can cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import StrEnum, auto

import anyio
import sqlalchemy as sa

READ_BYTES = 65_536
COMMIT = b"COMMIT"


class At(StrEnum):
    """When it is cut: at the next end of a transaction, which then has not arrived, or has."""

    BEFORE_COMMIT = auto()
    AFTER_COMMIT = auto()


class Way:
    """Passes bytes between clients and the server, until it is cut."""

    def __init__(self, url: str) -> None:
        self._server = sa.make_url(url)
        self._open: set[asyncio.StreamWriter] = set()
        self.cut_at: At | None = None
        """Cuts once."""
        self.is_closed = False
        """Whoever comes is sent away."""
        self.sent_away = 0
        self.url = ""

    def cut(self) -> None:
        """Every connection is lost."""
        for each in self._open:
            each.transport.abort()

    async def serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        if self.is_closed:
            self.sent_away += 1
            back.transport.abort()
            return
        server, there = await self._reach()
        self._open |= {back, there}
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._ask, client, there)
            tasks.start_soon(self._answer, server, back)
        self._open -= {back, there}

    def listen_at(self, port: int) -> None:
        url = self._server.set(host="127.0.0.1", port=port)
        self.url = url.difference_update_query(["host", "port"]).render_as_string(hide_password=False)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        folder, port = self._server.query.get("host"), self._server.port or 5432
        if isinstance(folder, str):
            return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self._server.host, port)

    async def _ask(self, client: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await client.read(READ_BYTES):
                ends = COMMIT in data
                if ends and self.cut_at is At.BEFORE_COMMIT:
                    self.cut_at = None
                    self.cut()
                    return
                there.write(data)
                await there.drain()
                if ends and self.cut_at is At.AFTER_COMMIT:
                    self.cut_at = None
                    for each in self._open - {there}:
                        each.transport.abort()
            there.close()

    async def _answer(self, server: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await server.read(READ_BYTES):
                back.write(data)
                await back.drain()
            back.close()


@asynccontextmanager
async def a_way(url: str) -> AsyncIterator[Way]:
    """To the server of this URL, by one of its own."""
    way = Way(url)
    listening = await asyncio.start_server(way.serve, "127.0.0.1", 0)
    way.listen_at(listening.sockets[0].getsockname()[1])
    try:
        yield way
    finally:
        listening.close()
        way.cut()
        await listening.wait_closed()
