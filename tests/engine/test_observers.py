"""Observers observe: what a campaign does is the same whether anybody listens or not."""

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from dialer.adapters.ledger.schema.tables import metadata
from dialer.adapters.ledger.store import SqlLedger
from dialer.app.clock_loop import run_virtual
from tests.support.campaigns import world
from tests.support.people import STEADY, answering, job
from tests.support.service_world import service_world

TROUBLES = "rate_limited=0.15,error_before=0.05,error_after=0.05,drop_after=0.05"
TIGHT = replace(STEADY, concurrency_limit=6, talk_s=20.0)
ROWS = [*answering(20), *[job(n, 301) for n in range(20, 40)]]
"""With people who do not answer."""

Rows = dict[str, list[tuple[Any, ...]]]


async def all_rows(ledger: SqlLedger) -> Rows:
    """The whole ledger, to the microsecond."""

    def read(conn: sa.Connection) -> Rows:
        return {
            table.name: [tuple(row) for row in conn.execute(sa.select(table).order_by(*table.primary_key))]
            for table in metadata.sorted_tables
        }

    return await ledger.ask(read)


async def _campaign(observed: bool, webhooks: bool) -> Rows:
    async with world(TIGHT, TROUBLES, seed=3, webhooks=webhooks) as w:
        p = await w.run(ROWS, observed=observed, slots=10, cps=5.0)
        assert bool(p.events) == observed
        assert w.report.calls >= len(ROWS)
        return await all_rows(p.ledger)


async def _service(observed: bool) -> Rows:
    async with service_world(TIGHT, TROUBLES, seed=3) as w:
        async with w.working(observed=observed, slots=10, cps=5.0) as worker:
            for name in ("spring", "summer"):
                await w.submit(name, ROWS)
            await w.until_done("spring", "summer")
        assert any(name for name, _ in worker.events) == observed
        return await all_rows(w.ledger)


@pytest.mark.parametrize("webhooks", [True, False], ids=["webhooks", "none"])
def test_the_ledger_of_a_campaign_is_the_same_without_observers(webhooks: bool) -> None:
    assert run_virtual(_campaign, True, webhooks) == run_virtual(_campaign, False, webhooks)


def test_the_ledger_of_a_service_is_the_same_without_observers() -> None:
    with_observers = run_virtual(_service, True)
    assert with_observers == run_virtual(_service, False)
    held = {row[0]: row[2] for row in with_observers["allowance"]}
    assert held["creates"] > 0.0, "a 429 of one campaign held all of them"
