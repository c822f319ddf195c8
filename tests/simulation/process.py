"""One life of the dialer: wired as `app` does it, but on a ledger that crashes and an API that is watched."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeVar

import anyio
import orjson
import sqlalchemy as sa

from dialer.adapters.retell.answers import parse_event
from dialer.adapters.retell.client import open_api
from dialer.adapters.retell.config import RetellConfig
from dialer.adapters.retell.signature import Signatures
from dialer.adapters.sinks.jsonl import JsonlLog
from dialer.domain.calls import AttemptId, CallId, CallJob, CallUpdate, Capacity, JobKind
from dialer.domain.errors import CallError
from dialer.domain.lifecycle import AttemptState
from dialer.engine.campaign import Campaign, CampaignConfig
from dialer.engine.capacity.local import LocalCapacity
from dialer.engine.events import Event
from dialer.engine.intake import Intake
from dialer.engine.run import Run
from dialer.ports.engine import AttemptUpdate, CallApi, Clock, Control, Finish, ResultSink
from dialer.simulator.server import Simulator
from dialer.web.server import serve
from dialer.web.webhooks import PATH, webhook_app
from tests.simulation.crash import CrashError, CrashingLedger, Moment
from tests.simulation.evidence import Heard, Shown, rang
from tests.simulation.plan import Life, Plan
from tests.simulation.rows import Rows

T = TypeVar("T")

NAME = "simulated"
WEBHOOK_PORT = 39_000
LIFE_MAX_S = 16 * 3600.0
"""A life that is still at work then will never end."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the tests of the checkers put in place of the real thing."""

    config: Callable[[CampaignConfig], CampaignConfig] = lambda config: config
    ledger: type[CrashingLedger] = CrashingLedger
    sink: Callable[[JsonlLog], ResultSink] = lambda log: log
    source: Callable[[Rows], Rows] = lambda rows: rows
    alter: Callable[[Campaign], None] = lambda campaign: None
    during: Callable[[], AbstractContextManager[None]] = nullcontext
    """Entered for the whole run."""


@dataclass(frozen=True, slots=True)
class World:
    """What outlives a process."""

    plan: Plan
    parts: Parts
    simulator: Simulator
    clock: Clock
    log: Path
    heard: Heard


def retell_config(world: World) -> RetellConfig:
    """How the account is reached."""
    plan = world.plan
    return RetellConfig(
        api_key=world.simulator.account.api_key,
        base_url=world.simulator.url,
        timeout_s=plan.timeout_s,
        list_timeout_s=min(30.0, plan.timeout_s),
        agent_id=world.simulator.account.agent_id,
        honor_internal_dnc=plan.honours_dnc,
    )


class Endless(Exception):
    """A life that would have gone on for ever."""


async def live(world: World, life: Life, rows: Rows, conn: sa.Connection, chance: Random) -> bool:
    """Run a process to its end, whichever that is; False if that was a crash. Raises what the engine does."""
    scope = anyio.CancelScope(deadline=anyio.current_time() + LIFE_MAX_S)
    ledger = world.parts.ledger(conn, life.crash, scope.cancel, partial(_written, world.heard))
    with _takes_crash():
        async with anyio.create_task_group() as writer:
            writer.start_soon(ledger.write)
            try:
                with scope:
                    await _dial(world, life, rows, ledger, chance)
            finally:
                writer.cancel_scope.cancel()
    if scope.cancelled_caught and not ledger.is_dead:
        raise Endless(f"still at work after {LIFE_MAX_S / 3600:.0f} hours")
    return not ledger.is_dead


@contextmanager
def _takes_crash() -> Iterator[None]:
    """Takes a crash, alone or in a group. What else is in the group goes on."""
    try:
        yield
    except CrashError:
        pass
    except BaseExceptionGroup as group:
        rest = group.split(CrashError)[1]
        if rest is not None:
            raise rest from None


async def _dial(world: World, life: Life, rows: Rows, ledger: CrashingLedger, chance: Random) -> None:
    plan, parts, heard = world.plan, world.parts, world.heard
    config = parts.config(replace(plan.config, slots=life.slots))

    def observe(event: Event) -> None:
        heard.events.append((anyio.current_time(), event))

    async with AsyncExitStack() as stack:
        background = await stack.enter_async_context(anyio.create_task_group())
        if life.crash is not None and life.crash.moment is Moment.TIME:
            background.start_soon(_call_later, life.crash.after_s, ledger.die)
        real = await stack.enter_async_context(
            open_api(retell_config(world), connections_max=config.in_flight_max + 8)
        )
        api = WatchedApi(real, heard)
        campaign_id = await ledger.open_campaign(NAME, world.clock.now(), simulated=True)
        sink = parts.sink(stack.enter_context(JsonlLog(world.log)))
        capacity = LocalCapacity(ledger, api, world.clock, campaign_id, config, observe)
        changed = partial(_changed, config)
        campaign = Campaign(NAME, ledger, api, sink, world.clock, chance, config, observe, changed, capacity)
        run = Run(campaign, ledger, capacity, world.clock)
        parts.alter(campaign)
        intake = Intake(
            ledger,
            parts.source(rows),
            world.clock,
            rows_max=plan.batch_rows,
            refuse=lambda row: None,
            observe=observe,
        )
        if plan.hears_webhooks:
            await stack.enter_async_context(_hearing(world, run))
        if life.stop_after_s is not None:
            background.start_soon(_call_later, life.stop_after_s, lambda: campaign.stop("interrupted"))
        await run.work(campaign_id, intake)
        background.cancel_scope.cancel()


def _written(heard: Heard, what: AttemptUpdate | Finish) -> None:
    now = anyio.current_time()
    heard.written.append((now, what))
    is_repeat = (
        isinstance(what, AttemptUpdate) and what.state is AttemptState.UNCERTAIN and what.error is None
    )
    if is_repeat:
        heard.repeats.append((now, what.attempt.id))


def _changed(config: CampaignConfig, control: Control) -> CampaignConfig:
    changes = {**control.changes}
    return replace(config, **changes | {"slots": min(config.slots, changes.get("slots", config.slots))})


async def _call_later(after_s: float, step: Callable[[], None]) -> None:
    await anyio.sleep(after_s)
    step()


@asynccontextmanager
async def _hearing(world: World, run: Run) -> AsyncIterator[None]:
    key = world.simulator.account.api_key

    def hear(event: str, news: CallUpdate) -> None:
        del event
        if news.attempt_id is not None:
            world.heard.webhooks.append((anyio.current_time(), news.attempt_id))
            world.heard.shown.append(Shown(anyio.current_time(), news.attempt_id, rang(news)))
        run.heard(news)

    app = webhook_app(Signatures([key], world.clock.now), parse_event, hear, body_bytes_max=1_000_000)
    async with serve(app, f"127.0.0.1:{WEBHOOK_PORT}") as url:
        world.simulator.set_account(webhook_url=url + PATH)
        yield


class WatchedApi(CallApi):
    """Writes down what is asked and what comes of it."""

    def __init__(self, api: CallApi, heard: Heard) -> None:
        self._api = api
        self._heard = heard

    def encode(self, job: CallJob, attempt_id: AttemptId, from_number: str | None) -> bytes:
        return self._api.encode(job, attempt_id, from_number)

    async def create(
        self, kind: JobKind, body: bytes, leave: Callable[[], Awaitable[None]] | None = None
    ) -> CallUpdate:
        attempt_id = orjson.loads(body)["metadata"]["attempt_id"]
        if kind is JobKind.PHONE_CALL:
            self._heard.creates.append((anyio.current_time(), attempt_id))
        news = await self._noted(f"create {attempt_id}", self._api.create(kind, body, leave))
        return self._shown([news] if news.attempt_id == attempt_id else [], news)

    async def find(self, attempt_ids: Sequence[AttemptId]) -> Sequence[CallUpdate]:
        found = await self._noted(f"find {','.join(attempt_ids)}", self._api.find(attempt_ids))
        return self._shown(found, found)

    async def list(self, call_ids: Sequence[CallId]) -> Sequence[CallUpdate]:
        found = await self._noted(f"list {','.join(call_ids)}", self._api.list(call_ids))
        return self._shown(found, found)

    async def get(self, call_id: CallId) -> CallUpdate | None:
        news = await self._noted(f"get {call_id}", self._api.get(call_id))
        return self._shown([] if news is None else [news], news)

    async def stop(self, call_id: CallId) -> None:
        await self._api.stop(call_id)

    async def capacity(self) -> Capacity:
        return await self._noted("capacity", self._api.capacity())

    def _shown(self, said: Sequence[CallUpdate], answer: T) -> T:
        now = anyio.current_time()
        self._heard.shown += [Shown(now, news.attempt_id, rang(news)) for news in said if news.attempt_id]
        return answer

    async def _noted(self, request: str, asking: Awaitable[T]) -> T:
        try:
            answer = await asking
        except CallError as error:
            self._heard.requests.append((anyio.current_time(), request, repr(error)))
            raise
        self._heard.requests.append((anyio.current_time(), request, repr(answer)))
        return answer
