"""One run: the plan of a seed carried out on a virtual clock, and what is left of it afterwards."""

import asyncio
import gc
import logging
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from random import Random

import anyio
import sqlalchemy as sa

from dialer.adapters.ledger.drivers.database import bare_engine, sqlite_engine
from dialer.adapters.ledger.drivers.ledger_time import TIME, keep_time
from dialer.adapters.ledger.schema.versions import prepare
from dialer.adapters.retell.client import open_api
from dialer.domain.lifecycle import JobState
from dialer.simulator.faults import Faults
from dialer.simulator.server import Simulator
from tests.simulation.acts import Act, What, carry_out, deny
from tests.simulation.evidence import Evidence, Heard, Lived, ledger_tables
from tests.simulation.plan import EPOCH_S, Life, Plan
from tests.simulation.process import NAME, Parts, World, live, retell_config
from tests.simulation.rows import Rows
from tests.simulation.troubles import Change
from tests.simulation.wire import Weather, WireLoop

LAST_LIVES_MAX = 40
"""Restarts without faults in which the campaign must reach its end; an account that stops it costs one."""
LAST_DOWN_S = 30.0
_PLAIN = Parts()


def run(plan: Plan, parts: Parts = _PLAIN) -> Evidence:
    """Carry the plan out."""
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # a crash leaves futures nobody asks for
    with (
        tempfile.TemporaryDirectory(prefix="dialer-simulation-") as folder,
        asyncio.Runner(loop_factory=WireLoop) as runner,
        parts.during(),
    ):
        return runner.run(_run(plan, parts, Path(folder)))


class _SteppingClock:
    """The dialer's wall clock: goes with the loop, but for its steps."""

    def __init__(self, plan: Plan, loop: WireLoop) -> None:
        self.steps = list(plan.steps)
        self._loop = loop

    def now(self) -> float:
        return self.at(self._loop.time())

    def step(self, seconds: float) -> None:
        self.steps.append((self._loop.time(), seconds))

    def at(self, time: float) -> float:
        return EPOCH_S + time + sum(seconds for at, seconds in self.steps if at <= time)


@cache
def _in_memory() -> sa.Engine:
    """One for all runs, so that what it has compiled is kept. Disposed of, it begins anew, empty."""
    return bare_engine(None)


class _Store:
    """The ledger's database, which outlives every process."""

    def __init__(self, path: Path | None, clock: _SteppingClock) -> None:
        self._path = path
        self._clock = clock
        self._kept = _in_memory() if path is None else None
        if self._kept is not None:
            with self._kept.connect() as conn:
                prepare(conn, "in memory", makes=True, alone=nullcontext)

    @contextmanager
    def connect(self, *, dials: bool = False) -> Iterator[sa.Connection]:
        """A process's connection. Its time is the run's, never the machine's."""
        engine = self._kept or sqlite_engine(self._path, dispatches=True)
        try:
            with engine.connect() as conn:
                if dials or TIME not in conn.info:  # in memory it is the connection of the life that dials
                    keep_time(conn, self._clock)
                yield conn
        finally:
            if engine is not self._kept:
                engine.dispose()

    def close(self) -> None:
        if self._kept is not None:
            self._kept.dispose()


async def _run(plan: Plan, parts: Parts, folder: Path) -> Evidence:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, WireLoop)
    clock, heard = _SteppingClock(plan, loop), Heard()
    loop.set_ways(plan.ways, Random(f"ways/{plan.seed}"))
    heard.arrivals = loop.arrivals
    simulator = Simulator(plan.account, plan.faults, seed=plan.seed, now=lambda: EPOCH_S + loop.time())
    with ExitStack() as stack:
        store = _Store(folder / "dialer.db" if plan.in_file else None, clock)
        stack.callback(store.close)
        async with simulator:
            world = World(plan, parts, simulator, clock, folder / "results.jsonl", heard)
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_change, plan.changes, simulator, loop)
                    tasks.start_soon(_operate, world, store, loop)
                    await _live_all(world, store, clock)
                    tasks.cancel_scope.cancel()
                    _calm(world, loop)
                    _let_go_on(world, store, loop)
                await _finish(world, store)
            except Exception as error:
                heard.troubles.append(_said(error))
            calls, report = tuple(simulator.calls), simulator.report()
        with store.connect() as conn:
            found = ledger_tables(conn, NAME)
        log = world.log.read_bytes() if world.log.exists() else b""
    gc.collect(0)
    steps = tuple(sorted(clock.steps))
    return Evidence(
        plan, heard, calls, report, log=log, wall=clock.at, steps=steps, hours=loop.time() / 3600, **found
    )


async def _change(changes: tuple[Change, ...], simulator: Simulator, loop: WireLoop) -> None:
    for change in changes:
        await anyio.sleep(max(0.0, change.at - loop.time()))
        if change.weather is not None:
            loop.set_weather(change.weather)
        if change.faults is not None:
            simulator.set_faults(**{name: getattr(change.faults, name) for name in Faults.__slots__})
        if change.account:
            simulator.set_account(**dict(change.account))


async def _operate(world: World, store: "_Store", loop: WireLoop) -> None:
    for act in world.plan.acts:
        await anyio.sleep(max(0.0, act.at - loop.time()))
        if act.what is What.DENY:
            await _deny(world, store, act, loop)
        else:
            _act(world, store, act, loop)


async def _deny(world: World, store: "_Store", act: Act, loop: WireLoop) -> None:
    async with open_api(retell_config(world), connections_max=1) as api:
        with store.connect() as conn:
            if await deny(conn, api, world.clock.now(), loop.time(), world.simulator.calls):
                world.heard.acts.append((loop.time(), act))


def _act(world: World, store: "_Store", act: Act, loop: WireLoop) -> None:
    with store.connect() as conn:
        if carry_out(conn, NAME, act, world.clock.now(), loop.time(), world.simulator.calls):
            world.heard.acts.append((loop.time(), act))


def _let_go_on(world: World, store: "_Store", loop: WireLoop) -> None:
    """Nothing stays paused."""
    _act(world, store, Act(loop.time(), What.RESUME), loop)


def _calm(world: World, loop: WireLoop) -> None:
    """No more faults, and the account as it was."""
    loop.set_weather(Weather.FINE)
    world.simulator.set_faults(**dict.fromkeys(Faults.__slots__, 0))
    account = world.plan.account
    world.simulator.set_account(
        concurrency_limit=account.concurrency_limit,
        used_by_others=account.used_by_others,
        paid=account.paid,
    )


async def _live_all(world: World, store: _Store, clock: _SteppingClock) -> None:
    for nth, life in enumerate(world.plan.lives):
        await _live(world, life, world.plan.readings[nth], store, nth)
        await anyio.sleep(life.down_s / 2)
        if life.step_s:
            clock.step(life.step_s)
        await anyio.sleep(life.down_s / 2)


async def _finish(world: World, store: _Store) -> None:
    """Restart until nothing is open."""
    last = Life(slots=world.plan.config.slots)
    for nth in range(LAST_LIVES_MAX):
        await _live(world, last, world.plan.readings[-1], store, len(world.plan.lives) + nth)
        with store.connect() as conn:
            jobs = ledger_tables(conn, NAME)["jobs"]
        if not any(job["state"] in (JobState.OPEN, JobState.BUSY) for job in jobs):
            return
        await anyio.sleep(LAST_DOWN_S)


async def _live(world: World, life: Life, rows: Rows, store: _Store, nth: int) -> None:
    lived = Lived(anyio.current_time(), life.slots)
    world.heard.lives.append(lived)
    try:
        with store.connect(dials=True) as conn:
            lived.crashed = not await live(world, life, rows, conn, Random(f"dialer/{world.plan.seed}/{nth}"))
    finally:
        lived.ended = anyio.current_time()
    if lived.crashed and world.plan.torn_bytes and world.log.exists():
        with world.log.open("r+b") as log:
            log.truncate(max(1, world.log.stat().st_size - world.plan.torn_bytes))


def _said(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_said(each) for each in error.exceptions)
    return f"{type(error).__name__}: {error}"
