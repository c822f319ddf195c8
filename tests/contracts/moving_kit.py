"""What it needs to see campaigns move from a file to a server."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from ledger_contract import NOW, SCREEN, Desk, Store, a_job, judging, number

from dialer.adapters.ledger.move.copy import Copied
from dialer.adapters.ledger.operators import campaigns
from dialer.adapters.ledger.schema.tables import job, published
from dialer.commands.ledger_copy import copy_campaigns
from dialer.domain.budget import BudgetRule
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.screening import Drop, Verdict, Wait
from dialer.domain.suppression import Suppressed
from dialer.ports.engine import Operation

BY = Operation("ann", NOW + 1000, "a server is there now")
ALL = frozenset(AttemptState)
CHANGED = replace(SCREEN, version=1)


def told(verdict: Verdict) -> Any:
    return judging(lambda job: verdict)


async def lived(desk: Desk) -> None:
    """Every state that a job and an attempt may have, and every table that a campaign may have rows in."""
    await desk.read([a_job(n) for n in range(7)])
    screen = replace(SCREEN, budget=BudgetRule(10_000.0, None, 10.0, 60.0))
    for state in AttemptState:
        await desk.to_state(state, await desk.claim(screen))
    for n, state in ((7, JobState.SKIPPED), (8, JobState.EXPIRED)):
        await desk.read([a_job(n)])
        await desk.ask(told(Drop(state, "so it is")))
    await desk.read([a_job(9), a_job(10)])
    await desk.put_back(await desk.claim())
    await desk.end(await desk.claim(), Outcome.BUSY)
    await desk.read([a_job(11)])
    await desk.ask(told(Wait(NOW + 60, "hours", "too early")))

    def act(conn: sa.Connection) -> None:
        campaigns.pause(conn, desk.campaign_id, Operation("bob", NOW, "lunch"))
        campaigns.change(conn, desk.campaign_id, {"pace.cps": 2.0}, Operation("bob", NOW))
        campaigns.suppress(conn, Suppressed(number(50), "by hand", "asked", NOW), Operation("bob", NOW))
        conn.execute(sa.insert(published).values(campaign_id=desk.campaign_id, target="redis", seq=3))

    await desk.operate(act)
    assert await desk.problems() == []


async def finished(desk: Desk) -> None:
    await desk.read([a_job(n) for n in range(20, 23)])
    await desk.finish(await desk.claim())
    await desk.operate(lambda conn: campaigns.cancel(conn, desk.campaign_id, Operation("bob", NOW)))
    await desk.ledger.cancel_open(desk.campaign_id, NOW)


def a_move(file: Store, postgres: Store) -> tuple[Path, str]:
    """A file with two campaigns, and the URL of a server with an empty ledger."""

    async def case(desk: Desk) -> None:
        await lived(desk)
        await finished(await desk.other())

    file.work(case)
    postgres.run(partial(opened, postgres))
    assert file.path is not None
    assert postgres.url is not None
    return file.path, postgres.url


async def opened(store: Store) -> None:
    async with store.open():
        pass


def moved(moving: tuple[Path, str], *names: str) -> list[Copied]:
    return copy_campaigns(*moving, names, BY)


def dumped(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Everything there is, in the types that the tables have."""
    found: dict[str, list[tuple[Any, ...]]] = {}

    async def case() -> None:
        async with store.open(dispatches=False) as ledger:

            def read(conn: sa.Connection) -> None:
                for table in job.metadata.sorted_tables:
                    rows = conn.execute(sa.select(table).order_by(*table.primary_key))
                    found[table.name] = [tuple(row) for row in rows]

            await ledger.ask(read)

    store.run(case)
    return found
