"""What the suite of a shared ledger needs: stores as a service opens them, desks of several workers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
from ledger_contract import NOW, SCREEN, WAIT_S_MAX, Desk, Store

from dialer.adapters.ledger.postgres import open_shared_postgres
from dialer.adapters.ledger.shared import SharedLedger, open_shared_sqlite
from dialer.domain.calls import Attempt, CampaignId
from dialer.domain.screening import CampaignPolicy
from dialer.ports.engine import ClaimRequest, NothingDue
from dialer.ports.sharing import Limits

LEASE_S = 60.0
CALL_MAX_S = 7200.0
MANY = 1000
"""More than any test makes: no bound."""


def shared(
    store: Store, on_news: Callable[[Collection[CampaignId] | None], None] = lambda of: None
) -> AbstractAsyncContextManager[SharedLedger]:
    """The store as one of a crew opens it."""
    if store.url is not None:
        return open_shared_postgres(store.url, on_news)
    return open_shared_sqlite(store.path, on_thread=store.on_thread)


def limits(worker: str = "a", **more: Any) -> Limits:
    """Of a claim that is made now; without bounds but those that are given."""
    given = {"cps": float(MANY), "slots": MANY, "guard_s": 0.0, "call_max_s": CALL_MAX_S, **more}
    at = given.pop("at", None)
    clock = asyncio.get_running_loop().time  # asked on the ledger's thread, too
    return Limits(worker, clock if at is None else lambda: at, **given)


@dataclass(slots=True)
class CrewDesk(Desk):
    """A worker's desk: what it claims is within the account's bounds."""

    worker: str = "a"
    bounds: dict[str, Any] = field(default_factory=dict)

    @property
    def shared(self) -> SharedLedger:
        assert isinstance(self.ledger, SharedLedger)
        return self.ledger

    def limits(self, **more: Any) -> Limits:
        return limits(self.worker, **{**self.bounds, **more})

    def request(self, screen: CampaignPolicy = SCREEN, attempt_id: str | None = None) -> ClaimRequest:
        made = attempt_id or f"{self.worker}-{self.campaign_id}-{self.now:.0f}-{self.ids + 1}"
        limits = self.limits()
        return replace(Desk.request(self, screen, made), limits=limits, call_max_s=limits.call_max_s)

    async def claims(self, number: int) -> list[Attempt | NothingDue]:
        """So many, one after the other."""
        return [await self.ask() for _ in range(number)]

    async def beat(self, lease_s: float = LEASE_S) -> None:
        await self.shared.beat(self.worker, lease_s, anyio.current_time(), self.now)

    async def adopted(self, rows_max: int = MANY) -> list[Attempt]:
        return [*await self.shared.adopt(self.worker, anyio.current_time(), rows_max)]

    def as_worker(self, worker: str, ledger: SharedLedger | None = None) -> "CrewDesk":
        """The same campaign, worked by another one."""
        return CrewDesk(ledger or self.ledger, self.campaign_id, self.now, worker=worker, bounds=self.bounds)

    async def beside(self, campaign: str = "autumn") -> "CrewDesk":
        """Another campaign of the same worker."""
        campaign_id = await self.shared.campaign_named(campaign, self.now)
        return CrewDesk(self.ledger, campaign_id, self.now, worker=self.worker, bounds=self.bounds)


def claimed(answers: list[Attempt | NothingDue]) -> list[Attempt]:
    return [each for each in answers if isinstance(each, Attempt)]


def crew(store: Store, case: Callable[[CrewDesk], Awaitable[Any]], **bounds: Any) -> None:
    """Run a case at worker a's desk. `bounds`: the account's, as `Limits` has them."""

    async def main() -> None:
        with anyio.fail_after(WAIT_S_MAX):
            async with a_desk(store, **bounds) as desk:
                await case(desk)

    store.run(main)


@asynccontextmanager
async def a_desk(store: Store, **bounds: Any) -> AsyncIterator[CrewDesk]:
    async with shared(store) as ledger:
        campaign_id = await ledger.campaign_named("spring", NOW)
        yield CrewDesk(ledger, campaign_id, worker="a", bounds=bounds)
