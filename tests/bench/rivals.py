"""What one would write instead: a bare aiohttp loop, and the official SDK. Neither reads, stores or paces.

They send the very bodies that the product would send, from a file with one a line.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import orjson
import uvloop

from tests.bench.spending import spend

Place = Callable[[bytes], Awaitable[str]]


def bare(given: Mapping[str, Any]) -> dict[str, Any]:
    """aiohttp, uvloop, orjson and nothing else."""
    return _measured(given, _bare)


def sdk_best(given: Mapping[str, Any]) -> dict[str, Any]:
    """The SDK on its aiohttp transport, with a connection for each request in flight."""
    from retell import AsyncRetell, DefaultAioHttpClient

    width = given["in_flight"]
    limits = httpx.Limits(max_connections=width, max_keepalive_connections=width)

    def client() -> AsyncRetell:
        transport = DefaultAioHttpClient(limits=limits)
        return AsyncRetell(api_key="bench-key", base_url=given["url"], http_client=transport)

    return _sdk(given, client)


def sdk_default(given: Mapping[str, Any]) -> dict[str, Any]:
    """The SDK as `AsyncRetell()` gives it."""
    from retell import AsyncRetell

    return _sdk(given, lambda: AsyncRetell(api_key="bench-key", base_url=given["url"]))


async def _bare(url: str, width: int, work: Iterator[bytes]) -> int:
    headers = {"Authorization": "Bearer bench-key", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=width)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def place(body: bytes) -> str:
            async with session.post(f"{url}/v2/create-phone-call", data=body, headers=headers) as answer:
                call_id: str = orjson.loads(await answer.read())["call_id"]
                return call_id

        return await _in_turn(width, work, place)


def _sdk(given: Mapping[str, Any], client: Callable[[], Any]) -> dict[str, Any]:
    async def run(url: str, width: int, work: Iterator[bytes]) -> int:
        async with client() as retell:

            async def place(body: bytes) -> str:
                call = await retell.call.create_phone_call(**orjson.loads(body))
                call_id: str = call.call_id
                return call_id

            return await _in_turn(width, work, place)

    return _measured(given, run)


async def _in_turn(width: int, work: Iterator[bytes], place: Place) -> int:
    """`width` tasks take one body after the other; the number of calls made."""
    call_ids: list[str] = []

    async def take() -> None:
        for body in work:
            call_ids.append(await place(body))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(width):
            tasks.create_task(take())
    return len(set(call_ids))


def _measured(
    given: Mapping[str, Any], run: Callable[[str, int, Iterator[bytes]], Awaitable[int]]
) -> dict[str, Any]:
    bodies = Path(given["bodies"]).read_bytes().splitlines()[: given["jobs"]]
    placed = 0

    async def main() -> None:
        nonlocal placed
        placed = await run(given["url"], given["in_flight"], iter(bodies))

    return {**spend(lambda: uvloop.run(main())), "jobs": placed}
