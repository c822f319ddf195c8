"""Tells the client's receiver about events, as unreliably as the faults say."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Final, TypeAlias

import anyio
import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout

from dialer.simulator.calls import Call, Wall, as_call
from dialer.simulator.faults import WebhookFault
from dialer.simulator.world import Event, World

TIMEOUT_S: Final = 10.0
RETRIES_MAX: Final = 3
RETRY_PAUSE_S: Final = 1.0
"""Timeout and retries are documented, the pause between them is not."""
WAITING_MAX: Final = 100_000
"""Events told but not yet taken up; more are counted as failed."""

_Sending: TypeAlias = tuple[list[bytes], float]
"""Bodies to send one after the other, and the seconds before the first."""


def signature(api_key: str, body: bytes, wall_ms: int) -> str:
    """The value of X-Retell-Signature: HMAC-SHA256 by the API key over the raw body and the time as text."""
    digest = hmac.new(api_key.encode(), body + str(wall_ms).encode(), hashlib.sha256).hexdigest()
    return f"v={wall_ms},d={digest}"


class Webhooks:
    """Sends each event in a task of its own. A receiver that cannot be reached is only counted."""

    def __init__(self, world: World, session: ClientSession, wall: Wall, now: Callable[[], float]) -> None:
        self._world = world
        self._session = session
        self._wall = wall
        self._now = now
        self._held: dict[str, list[bytes]] = {}
        self._tell, self._told = anyio.create_memory_object_stream[_Sending](WAITING_MAX)

    async def run(self) -> None:
        """Sends what is told until it is cancelled; then what is under way is lost."""
        async with self._tell, self._told, anyio.create_task_group() as tasks:
            async for bodies, delay_s in self._told:
                tasks.start_soon(self._send, bodies, delay_s)

    def tell(self, call: Call, event: Event, last: bool) -> None:
        """Sends the event as the call is now; the faults decide when, how often, and whether.

        `last`: there will be no other for this call.
        """
        account, faults, seed = self._world.account, self._world.faults, self._world.seed
        if account.webhook_url is None:
            return
        body = orjson.dumps({"event": event, "call": as_call(call, self._wall)})
        if faults.hits("webhook_reordered", seed, call.call_id):
            self._hold(call, body, last)
            return
        fault = faults.of_event(seed, call.call_id, event)
        if fault is not None:
            self._world.tally.faults[fault] += 1
        if fault is WebhookFault.LOST:
            self._world.tally.webhooks["lost"] += 1
            return
        late_s = faults.webhook_late_s if fault is WebhookFault.LATE else 0.0
        times = 2 if fault is WebhookFault.DOUBLED else 1
        self._enqueue([body] * times, account.webhook_delay_s + late_s)

    def _hold(self, call: Call, body: bytes, last: bool) -> None:
        self._held.setdefault(call.call_id, []).append(body)
        if last:
            self._world.tally.faults["webhook_reordered"] += 1
            self._enqueue(self._held.pop(call.call_id)[::-1], self._world.account.webhook_delay_s)

    def _enqueue(self, bodies: list[bytes], delay_s: float) -> None:
        """Timers tell of events outside of any task, where none can be started."""
        try:
            self._tell.send_nowait((bodies, delay_s))
        except anyio.WouldBlock:
            self._world.tally.webhooks["failed"] += len(bodies)

    async def _send(self, bodies: list[bytes], delay_s: float) -> None:
        """One after the other, so that their order is the list's."""
        await anyio.sleep(delay_s)
        for body in bodies:
            sent = await self._deliver(body)
            self._world.tally.webhooks["sent" if sent else "failed"] += 1

    async def _deliver(self, body: bytes) -> bool:
        for attempt in range(1 + RETRIES_MAX):
            if attempt:
                await anyio.sleep(RETRY_PAUSE_S)
            if await self._post(body):
                return True
        return False

    async def _post(self, body: bytes) -> bool:
        account = self._world.account
        if account.webhook_url is None:
            return False
        headers = {
            "Content-Type": "application/json",
            "X-Retell-Signature": signature(account.api_key, body, round(self._now() * 1000)),
        }
        try:
            async with self._session.post(
                account.webhook_url,
                data=body,
                headers=headers,
                timeout=ClientTimeout(total=TIMEOUT_S),
                allow_redirects=False,
            ) as answer:
                return 200 <= answer.status < 300
        except (ClientError, OSError, TimeoutError, ValueError):
            return False
