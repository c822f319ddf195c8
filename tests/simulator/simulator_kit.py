"""A simulator in virtual time, the official SDK pointed at it, and a receiver for its webhooks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
from aiohttp import web
from retell import AsyncRetell

from dialer.app.clock_loop import run_virtual
from dialer.simulator.account import Account
from dialer.simulator.faults import Faults
from dialer.simulator.people import Behaviour
from dialer.simulator.server import Simulator

FROM = "+12025550100"
EPOCH_S = 1_790_000_000.0
STEADY = Account(ring_s=5.0, ring_sigma=0.0, talk_s=60.0, talk_sigma=0.0, client_errors_per_minute=0)
"""Every call takes as long as the mean."""


def number(last_two: int, area: int = 202) -> str:
    """A number of fiction that behaves as its last two digits say."""
    return f"+1{area}55501{last_two:02d}"


@dataclass
class Bench:
    sim: Simulator
    sdk: AsyncRetell
    http: httpx.AsyncClient

    async def dial(self, to_number: str, attempt: str | None = None, **more: Any) -> Any:
        if attempt is not None:
            more |= {"metadata": {"attempt_id": attempt}, "idempotency_key": attempt}
        return await self.sdk.call.create_phone_call(from_number=FROM, to_number=to_number, **more)

    async def post(self, path: str, body: object, **more: Any) -> httpx.Response:
        """Past the SDK: whatever it would not send."""
        headers = {"Authorization": "Bearer sim-key", "Content-Type": "application/json"}
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return await self.http.post(
            self.sim.url + path, content=content, headers=headers | more.pop("headers", {}), **more
        )


@asynccontextmanager
async def bench(
    account: Account = STEADY,
    faults: Faults | str = "",
    *,
    seed: int = 1,
    people: dict[str, Behaviour] | None = None,
    timeout_s: float = 120.0,
) -> AsyncIterator[Bench]:
    loop = asyncio.get_running_loop()
    unlucky = Faults.parse(faults) if isinstance(faults, str) else faults
    simulator = Simulator(account, unlucky, seed=seed, now=lambda: EPOCH_S + loop.time(), people=people)
    async with simulator as sim, httpx.AsyncClient(trust_env=False, timeout=timeout_s) as http:
        sdk = AsyncRetell(api_key="sim-key", base_url=sim.url, max_retries=0, http_client=http)
        sdk._platform = "Linux"  # it would ask a thread, which a virtual clock does not wait for
        yield Bench(sim, sdk, http)


def in_virtual_time(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Makes a pytest test of an async one."""

    def run() -> None:
        run_virtual(test)

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@dataclass
class Receiver:
    """What a client's webhook endpoint would see."""

    url: str = ""
    deliveries: list[tuple[float, bytes, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """Answers to give, in order; then 204 for ever."""

    def events(self) -> list[tuple[str, str]]:
        loaded = [orjson.loads(body) for _, body, _ in self.deliveries]
        return [(one["event"], one["call"]["to_number"]) for one in loaded]

    async def handle(self, request: web.Request) -> web.Response:
        at = asyncio.get_running_loop().time()
        self.deliveries.append((at, await request.read(), request.headers["X-Retell-Signature"]))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield receiver
    finally:
        await runner.cleanup()
