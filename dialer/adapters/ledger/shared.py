"""The ledger as a service's workers see it: any number of them on one PostgreSQL, or one on a SQLite file."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from dialer.adapters.ledger.operators import campaign_faults, campaigns
from dialer.adapters.ledger.queue import account_limits, outbox
from dialer.adapters.ledger.store import SqlLedger, serve, sqlite_writer
from dialer.domain.calls import Attempt, AttemptId, CallId, CampaignId
from dialer.ports.engine import Clock
from dialer.ports.sharing import CampaignFault, Limits, SendPermit


@asynccontextmanager
async def open_shared_sqlite(
    path: Path | None, *, on_thread: bool, clock: Clock | None = None
) -> AsyncIterator["SharedLedger"]:
    """The ledger of a service with one worker. As `store.open_sqlite`."""
    with sqlite_writer(path, dispatches=True, on_thread=on_thread, clock=clock) as carry_out:
        async with serve(SharedLedger(carry_out)) as ledger:
            yield ledger


class SharedLedger(SqlLedger):
    """`ports.Ledger` and `sharing.Sharing` on a database."""

    async def beat(self, worker: str, lease_s: float, at: float, now: float) -> None:
        await self._call(
            lambda conn: account_limits.beat(conn, worker, lease_s, at, now), tells=() if lease_s else None
        )

    async def adopt(
        self, worker: str, at: float, rows_max: int, like: CampaignId | None = None
    ) -> Sequence[Attempt]:
        return await self._call(lambda conn: account_limits.adopt(conn, worker, at, rows_max, like))

    async def take_campaign(self, campaign_id: CampaignId, worker: str, at: float) -> Sequence[Attempt]:
        return await self._call(
            lambda conn: account_limits.take_campaign(conn, campaign_id, worker, at), tells=(campaign_id,)
        )

    async def leave_campaign(self, campaign_id: CampaignId, worker: str) -> None:
        await self._call(
            lambda conn: account_limits.leave_campaign(conn, campaign_id, worker), tells=(campaign_id,)
        )

    async def others_at_work(self, campaign_id: CampaignId, worker: str) -> int:
        return await self._read(lambda conn: account_limits.others_at_work(conn, campaign_id, worker))

    async def place(self, attempt: Attempt, limits: Limits) -> SendPermit:
        return await self._call(lambda conn: account_limits.place(conn, attempt, limits))

    async def allow(self, name: str, per_period: int, period_s: float, at: float) -> float:
        return await self._call(lambda conn: account_limits.allow(conn, name, per_period, period_s, at))

    async def hold(self, wait_s: float, at: float) -> None:
        await self._call(lambda conn: account_limits.hold(conn, wait_s, at))

    async def lead(self, post: str, worker: str, lease_s: float, at: float) -> bool:
        return await self._call(lambda conn: account_limits.lead(conn, post, worker, lease_s, at))

    async def live_calls(self, call_max_s: float, now: float) -> int:
        at = anyio.current_time()
        return await self._read(lambda conn: account_limits.live_calls(conn, call_max_s, now, at))

    async def placed_beside(
        self, known: Collection[AttemptId], like: CampaignId | None = None
    ) -> Sequence[Attempt]:
        at = anyio.current_time()
        return await self._read(lambda conn: account_limits.placed_beside(conn, known, like, at))

    async def placed_call(self, call_id: CallId) -> Attempt | None:
        at = anyio.current_time()
        return await self._read(lambda conn: account_limits.placed_call(conn, call_id, at))

    async def campaign_name(self, campaign_id: CampaignId) -> str:
        return await self._read(lambda conn: account_limits.campaign_name(conn, campaign_id))

    async def campaigns_at_work(self, due_by: float) -> Mapping[str, CampaignId]:
        at = anyio.current_time()
        return await self._read(lambda conn: account_limits.campaigns_at_work(conn, due_by, at))

    async def open_jobs(self) -> int:
        return await self._read(account_limits.open_jobs)

    async def tell_faults(self, worker: str, faults: Sequence[CampaignFault], now: float) -> None:
        await self._call(lambda conn: campaign_faults.tell_faults(conn, worker, faults, now))

    async def unpublished(self, target: str) -> Sequence[tuple[str, CampaignId, int]]:
        return await self._read(lambda conn: outbox.unpublished(conn, target))

    async def published(self, campaign_id: CampaignId, target: str, seq: int) -> None:
        await self._call(lambda conn: outbox.published(conn, campaign_id, target, seq))

    async def campaign_named(self, name: str, now: float) -> CampaignId:
        return await self._call(lambda conn: campaigns.campaign_named(conn, name, now, simulated=False))
