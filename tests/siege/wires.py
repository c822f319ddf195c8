"""What stands between workers and the world: each way can be open, closed, or hang, at any moment."""

import asyncio
import logging
import threading
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, urlsplit

from tests.support.relay import Relay, Twist
from tests.support.tunnel import READ_BYTES, Tunnel

T = TypeVar("T")
START_S_MAX = 30.0


class Way(Tunnel):
    """To a server at an address, or at PostgreSQL's socket in a folder."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._to = urlsplit(url)
        self._flows = asyncio.Event()
        self._flows.set()

    async def reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        folder = parse_qs(self._to.query).get("host")
        if folder is not None:
            return await asyncio.open_unix_connection(f"{folder[0]}/.s.PGSQL.5432")
        return await asyncio.open_connection(self._to.hostname, self._to.port)

    async def ask(self, client: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
        try:
            while data := await client.read(READ_BYTES):
                await self._flows.wait()
                there.write(data)
                await there.drain()
            there.close()
        except (OSError, RuntimeError):
            return

    def open(self) -> None:
        self.is_closed = False
        self._flows.set()

    def close(self) -> None:
        """Every connection is lost, and whoever comes is sent away."""
        self.is_closed = True
        self.cut()

    def hang(self) -> None:
        """Connections stay, and nothing is answered."""
        self._flows.clear()


class Wires:
    """A context: the ways to API, ledger and broker, on a thread of their own."""

    def __init__(self, api: str, ledger: str, broker: str) -> None:
        self._urls = api, ledger, broker
        self._loop = asyncio.new_event_loop()
        self._ready, self._over = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    async def _serve(self) -> None:
        logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # of what the simulator drops on purpose
        api, ledger, broker = self._urls
        async with AsyncExitStack() as stack:
            self._api = await stack.enter_async_context(Relay(api))
            self.ledger, self.broker = Way(ledger), Way(broker)
            ports = [await stack.enter_async_context(each.listen()) for each in (self.ledger, self.broker)]
            self.api_url, self.ledger_port, self.broker_port = self._api.url, *ports
            self._ready.set()
            await self._over.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(START_S_MAX)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(START_S_MAX)

    def act(self, what: Any, *args: object) -> None:
        """Carry out what a way can do, in its loop."""
        self._loop.call_soon_threadsafe(what, *args)

    def stop_api(self) -> None:
        self._wait(self._api.stop())

    def start_api(self) -> None:
        self._wait(self._api.start())

    def answer(self, part: str, twist: Twist) -> None:
        """Every request whose path holds `part` gets this from now on."""
        self.act(self._api.always, part, twist)

    def _wait(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(START_S_MAX)
