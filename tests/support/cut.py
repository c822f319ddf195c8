"""A way to a PostgreSQL server that a test can cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import StrEnum, auto

import sqlalchemy as sa

from tests.support.tunnel import READ_BYTES, Tunnel

COMMIT = b"COMMIT"


class At(StrEnum):
    """When it is cut: at the next end of a transaction, which then has not arrived, or has."""

    BEFORE_COMMIT = auto()
    AFTER_COMMIT = auto()


class Way(Tunnel):
    """A tunnel that knows where a transaction ends."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._server = sa.make_url(url)
        self.cut_at: At | None = None
        """Cuts once."""
        self.url = ""

    def listen_at(self, port: int) -> None:
        url = self._server.set(host="127.0.0.1", port=port)
        self.url = url.difference_update_query(["host", "port"]).render_as_string(hide_password=False)

    async def reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        folder, port = self._server.query.get("host"), self._server.port or 5432
        if isinstance(folder, str):
            return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self._server.host, port)

    async def ask(self, client: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
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


@asynccontextmanager
async def a_way(url: str) -> AsyncIterator[Way]:
    """To the server of this URL, by one of its own."""
    way = Way(url)
    async with way.listen() as port:
        way.listen_at(port)
        yield way
