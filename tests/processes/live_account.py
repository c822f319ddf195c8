"""A simulated account in a thread of the test, which changes its limits and answers while programs call."""

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import anyio

from dialer.adapters.system.clock import SystemClock
from dialer.simulator.account import Account
from dialer.simulator.report import Report
from dialer.simulator.server import Simulator
from tests.support.relay import Relay, Twist

QUICK = Account(ring_s=0.2, ring_sigma=0.0, talk_s=0.3, talk_sigma=0.0, analysis_s=0.1)
START_S_MAX = 30.0


class LiveAccount:
    """A context. `url`: where programs find the API."""

    def __init__(self, account: Account = QUICK) -> None:
        self._sim = Simulator(account, now=SystemClock().now)
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    async def _serve(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), anyio.Event()
        async with self._sim, Relay(self._sim.url) as self._relay:
            self.url = self._relay.url
            self._started.set()
            await self._stopped.wait()

    def change(self, **account: Any) -> None:
        """As `Simulator.set_account`."""
        self._do(lambda: self._sim.set_account(**account))

    def always(self, part: str, twist: Twist) -> None:
        """As `Relay.always`: what requests get whose path has that part."""
        self._do(lambda: self._relay.always(part, twist))

    def asked(self, part: str) -> int:
        """Requests so far whose path has that part."""
        return sum(part in seen.path for seen in self._relay.seen)

    @property
    def report(self) -> Report:
        return self._sim.report()

    def _do(self, act: Callable[[], None]) -> None:
        done = threading.Event()

        def carry_out() -> None:
            act()
            done.set()

        self._loop.call_soon_threadsafe(carry_out)
        assert done.wait(START_S_MAX)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(START_S_MAX)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(START_S_MAX)
