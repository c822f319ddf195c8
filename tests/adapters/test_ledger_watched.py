"""What those who watch are told of the ledger: each transaction, and where a campaign stands."""

import sqlite3
from typing import NoReturn

import anyio
import pytest
import sqlalchemy as sa

from dialer.adapters.ledger.reports.campaign_state import standings
from dialer.adapters.ledger.schema.tables import campaign, line, money
from dialer.adapters.ledger.store import SqlLedger, open_sqlite
from dialer.app.clock_loop import run_virtual
from dialer.domain.breakers import CampaignBreaker, LineBreaker
from dialer.domain.calls import CampaignId
from dialer.domain.errors import BadInput, LedgerError
from dialer.domain.gates import Stop
from dialer.domain.resting import Rest
from dialer.domain.standing import Standing

NOW = 1_800_000_000.0
LINE, CLOSED_LINE = "+12125550199", "+12125550198"
RESTING = Rest(rests=1, until=NOW + 60, since=NOW, why="the line is flagged")


async def opened(ledger: SqlLedger) -> CampaignId:
    return await ledger.open_campaign("spring", NOW, simulated=False)


def test_a_new_campaign_stands_free() -> None:
    async def main() -> None:
        async with open_sqlite(None, dispatches=True, on_thread=False) as ledger:
            campaign_id = await opened(ledger)
            found = (await ledger.ask(lambda conn: standings(conn, [campaign_id])))[campaign_id]
            assert found == Standing(breakers={"stop": False, "provider": False})

    run_virtual(main)


def test_what_holds_a_campaign_and_what_it_has_spent() -> None:
    async def main() -> None:
        async with open_sqlite(None, dispatches=True, on_thread=False) as ledger:
            campaign_id = await opened(ledger)

            def write(conn: sa.Connection) -> None:
                stopped = CampaignBreaker(stop=Stop("unpaid", "pay"), provider=RESTING).to_text()
                changed = {"breaker": stopped, "held": "unpaid", "paused": "ana: lunch"}
                conn.execute(sa.update(campaign).values(**changed))
                spent = {"campaign_id": campaign_id, "spent_cents": 1234.0, "reserved_cents": 50.0}
                conn.execute(sa.insert(money).values(**spent))
                for number, breaker in ((LINE, LineBreaker(flagged=RESTING)), (CLOSED_LINE, LineBreaker())):
                    row = {"from_number": number, "day_start": NOW, "calls": 1, "starts": ""}
                    conn.execute(sa.insert(line).values(**row, breaker=breaker.to_text()))

            await ledger.operate(write)
            found = (await ledger.ask(lambda conn: standings(conn, [campaign_id])))[campaign_id]
            assert (found.held, found.paused) == (True, True)
            assert (found.spent_cents, found.reserved_cents) == (1234.0, 50.0)
            assert found.breakers == {"stop": True, "provider": True}
            assert found.line_breakers == {
                (LINE, "flagged"): True,
                (LINE, "provider"): False,
                (CLOSED_LINE, "flagged"): False,
                (CLOSED_LINE, "provider"): False,
            }

    run_virtual(main)


def damaged(conn: sa.Connection) -> NoReturn:
    raise sa.exc.OperationalError("", {}, sqlite3.OperationalError("database or disk is full"))


def refused(conn: sa.Connection) -> NoReturn:
    raise BadInput("no")


@pytest.mark.parametrize("on_thread", [True, False])
def test_each_transaction_is_told(on_thread: bool) -> None:
    told: list[tuple[bool, bool]] = []

    def on_commit(seconds: float, wrote: bool, failed: bool) -> None:
        assert seconds >= 0
        told.append((wrote, failed))

    async def main() -> None:
        async with open_sqlite(None, dispatches=True, on_thread=on_thread) as ledger:
            ledger.on_commit = on_commit
            campaign_id = await opened(ledger)
            await ledger.counts(campaign_id)
            with pytest.raises(BadInput):  # an operator's mistake is not the database's
                await ledger.operate(refused)
            with pytest.raises(LedgerError, match="disk is full"):
                await ledger.operate(damaged)

    anyio.run(main) if on_thread else run_virtual(main)
    assert told == [(True, False), (False, False), (True, False), (True, True)]
