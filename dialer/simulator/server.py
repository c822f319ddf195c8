"""The simulator: a world behind an HTTP server on a port of this machine.

async with Simulator(Account(concurrency_limit=5), now=clock) as sim:
    ...  # point a client at sim.url
print(sim.report().to_json())
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import anyio
from aiohttp import ClientSession, web

from dialer.simulator.account import Account
from dialer.simulator.api import Api
from dialer.simulator.calls import Call
from dialer.simulator.faults import Faults
from dialer.simulator.people import Behaviour, behaviour_of
from dialer.simulator.population import Population
from dialer.simulator.report import Report, live_seconds
from dialer.simulator.webhooks import Webhooks
from dialer.simulator.world import Event, Who, World

_SHUTDOWN_S = 0.05
"""Time for answers under way when the server stops; then their connections close."""
_BACKLOG = 1024
_PLAIN_ACCOUNT = Account()
_NO_FAULTS = Faults()


class Simulator:
    """A fake Retell. All its time is the running loop's; all its chance comes from the seed.

    `now` gives Unix seconds: the loop's clock measures, `now` only dates. `people` overrides what the last
    digits say, or what `population` draws. `signs_at`: the receiver's clock, if that is another than `now`.
    Served once: what the world holds can still be read afterwards.
    """

    def __init__(
        self,
        account: Account = _PLAIN_ACCOUNT,
        faults: Faults = _NO_FAULTS,
        *,
        seed: int = 1,
        now: Callable[[], float],
        signs_at: Callable[[], float] | None = None,
        people: Mapping[str, Behaviour] | None = None,
        population: Population | None = None,
    ) -> None:
        self.url = ""
        """`http://host:port` while it is served."""
        self._now = now
        self._signs_at = signs_at or now
        self._world = World(
            account, faults, seed=seed, who=_who(people or {}, population, seed), tell=self._told
        )
        self._webhooks: Webhooks | None = None
        self._epoch_s = 0.0
        self._stopped_at = 0.0
        self._open = AsyncExitStack()

    @asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Self]:
        """Answers on that port, 0 being any free one, until the context ends; then the calls freeze."""
        loop = asyncio.get_running_loop()
        self._epoch_s = self._now() - loop.time()
        failure: Exception | None = None
        async with ClientSession() as session, anyio.create_task_group() as tasks:
            self._webhooks = Webhooks(self._world, session, self._wall_ms, self._signs_at)
            self._world.start(loop)
            tasks.start_soon(self._webhooks.run)
            try:
                async with self._listening(host, port):
                    yield self
            except Exception as error:
                failure = error  # raised below: not ours, so not to be wrapped in the task group's error
            finally:
                self._stopped_at = loop.time()
                self._world.stop()
                self._webhooks = None
                tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure

    @asynccontextmanager
    async def _listening(self, host: str, port: int) -> AsyncIterator[None]:
        app = Api(self._world, self._wall_ms).app()
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        try:
            await runner.setup()
            await web.TCPSite(runner, host, port, backlog=_BACKLOG).start()
            bound_host, bound_port = runner.addresses[0][:2]
            self.url = f"http://{bound_host}:{bound_port}"
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await runner.cleanup()

    async def __aenter__(self) -> Self:
        return await self._open.enter_async_context(self.serve())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._open.__aexit__(kind, error, trace)

    def set_account(self, **changes: Any) -> None:
        """Changes limits in the middle of a run; names as in Account. Calls that are live stay."""
        self._world.account = replace(self._world.account, **changes)

    def set_faults(self, **changes: Any) -> None:
        """Changes fault ratios in the middle of a run; names as in Faults."""
        self._world.faults = replace(self._world.faults, **changes)

    @property
    def account(self) -> Account:
        return self._world.account

    @property
    def calls(self) -> Sequence[Call]:
        """Every call, in order of creation. For reading."""
        return self._world.calls

    def call(self, call_id: str) -> Call:
        """KeyError: there is no such call."""
        return self._world.by_id[call_id]

    def report(self) -> Report:
        return self._world.tally.report(self._world.calls, self._at())

    def forget(self) -> None:
        """Lets go of the calls that are over, whom a day of them would fill the memory with.

        From now on the API does not know them, their keys are new again, and the report counts without them.
        """
        self._world.forget()

    def live_seconds(self, since: float, until: float) -> float:
        """Sum of live calls over that time of the loop's clock; / (limit x time) it is the slot use."""
        return live_seconds(self._world.calls, since, until)

    def _at(self) -> float:
        return self._world.now() if self._webhooks is not None else self._stopped_at

    def _wall_ms(self, at: float) -> int:
        return round((self._epoch_s + at) * 1000)

    def _told(self, call: Call, event: Event, last: bool) -> None:
        if self._webhooks is not None:
            self._webhooks.tell(call, event, last)


def _who(people: Mapping[str, Behaviour], population: Population | None, seed: int) -> Who:
    """What a number does at a call, by how many it has had before."""

    def who(number: str, calls_before: int) -> Behaviour:
        if number in people:
            return people[number]
        if population is None:
            return behaviour_of(number)
        return population.who(number, calls_before, seed)

    return who
