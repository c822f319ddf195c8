"""Moves that are refused, or end in the middle: whatever happens, nobody dials from two ledgers."""

import threading
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
import sqlalchemy as sa
from ledger_contract import NOW, Desk, Store, a_job
from moving_kit import BY, dumped, moved, opened

from dialer.adapters.ledger.drivers.database import dispatcher_lock
from dialer.adapters.ledger.move.copy import Copied
from dialer.adapters.ledger.schema.moved import seal
from dialer.adapters.ledger.schema.tables import SCHEMA_VERSION
from dialer.adapters.ledger.shared import open_shared_sqlite
from dialer.adapters.sources.messages import read_message
from dialer.adapters.sources.options import JobOptions
from dialer.adapters.system.clock import SystemClock
from dialer.app.api_backend import LedgerDesk
from dialer.commands import ledger_copy
from dialer.commands.ledger_copy import copy_campaigns
from dialer.domain.errors import BadInput, LedgerError, MovedAway
from dialer.domain.rights import Grant
from dialer.engine.submissions import Submissions
from dialer.settings import Settings
from dialer.web.front_desk import NotAsItStands
from tests.support.cut import At, Way, a_way
from tests.support.postgres import sql


def emptied(url: str) -> bool:
    return sql(url, "SELECT count(*) FROM campaign") == [(0,)]


def spoil(path: Path, statement: str) -> None:
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as conn:
        conn.exec_driver_sql(statement)
    engine.dispose()


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE decision SET body = replace(body, 'dial', 'wait') WHERE seq = 1", "does not add up"),
        ("DELETE FROM result WHERE seq = 1", "does not add up"),
        ("UPDATE job SET key = 'job-' || char(0) WHERE id = 3", "does not take it, nothing was changed"),
    ],
)
def test_what_is_not_whole_is_not_moved(
    file: Store, moving: tuple[Path, str], statement: str, says: str
) -> None:
    path, url = moving
    spoil(path, statement)
    before = dumped(file)
    with pytest.raises(LedgerError, match=says) as caught:
        moved(moving, "spring")
    assert "+1" not in str(caught.value)
    assert emptied(url)
    assert dumped(file) == before


def test_a_name_that_no_campaign_can_have_stays_where_it_is(file: Store, moving: tuple[Path, str]) -> None:
    path, url = moving
    spoil(path, "UPDATE campaign SET name = '../autumn' WHERE name = 'autumn'")
    refused(moving, "campaign '../autumn' is no campaign's name.*name the others with --campaign", BadInput)
    assert emptied(url)
    assert [each.name for each in moved(moving, "spring")] == ["spring"]


def test_a_file_that_all_was_moved_out_of_takes_no_new_campaign(
    file: Store, moving: tuple[Path, str]
) -> None:
    path, _ = moving

    async def begin(name: str) -> str:
        async with open_shared_sqlite(path, on_thread=False) as ledger:
            try:
                await ledger.campaign_named(name, NOW)
            except MovedAway as error:
                return str(error)
        return "begun"

    moved(moving, "spring")
    assert anyio.run(begin, "summer") == "begun"  # autumn is still dialled from here
    moved(moving)
    assert "all campaigns of this ledger were moved to" in anyio.run(begin, "winter")
    assert "campaign summer of this ledger was moved to" in anyio.run(begin, "summer")


def test_over_http_nobody_hears_where_it_went(file: Store, moving: tuple[Path, str]) -> None:
    path, _ = moving
    moved(moving)
    said: list[object] = []

    async def ask() -> None:
        async with open_shared_sqlite(path, on_thread=False) as ledger:
            read = partial(read_message, options=JobOptions())
            submit = Submissions(ledger, ledger, SystemClock(), "http").submit
            desk = LedgerDesk(ledger, ledger, Settings, read, submit)
            given = [{"campaign": name, "to_number": "+12125550100"} for name in ("spring", "new")]
            said.extend(await desk.submit(given, Grant()))
            for order in (desk.pause, desk.resume, desk.cancel):
                with pytest.raises(NotAsItStands) as refusal:
                    await order("spring", "ann", "")
                said.append(refusal.value)
            with pytest.raises(NotAsItStands) as refusal:
                await desk.change("spring", {"pace.cps": 1.0}, "ann", "", Grant())
            said.extend([refusal.value, await desk.campaign("spring", shows_numbers=True)])

    anyio.run(ask)
    assert all("moved to another ledger" in str(each) for each in said)
    assert not any(part in str(said) for part in ("postgresql", "127.0.0.1", "schema "))


def refused(moving: tuple[Path, str], says: str, kind: type[Exception], *names: str) -> None:
    with pytest.raises(kind, match=says):
        moved(moving, *names)


def test_what_is_refused(file: Store, postgres: Store, moving: tuple[Path, str], tmp_path: Path) -> None:
    path, url = moving
    before = dumped(file)
    with dispatcher_lock(path):
        refused(moving, "is in use: another dialer is dialling from it", LedgerError)
    refused(moving, "has no campaign 'summer'; it has: spring, autumn", BadInput, "summer")
    refused((tmp_path / "none.db", url), "there is no ledger at", LedgerError)
    sql(url, "UPDATE alembic_version SET version_num = '0001'")
    refused(moving, "is of version 0001: `dialer migrate", LedgerError)
    sql(url, "UPDATE alembic_version SET version_num = '0917'")
    refused(moving, "was written by a newer dialer", LedgerError)
    sql(url, f"UPDATE alembic_version SET version_num = '{SCHEMA_VERSION}'")  # noqa: S608
    sql(url, "INSERT INTO campaign (name, created_at, simulated) VALUES ('spring', 1, false)")
    refused(moving, "has a campaign spring of its own", BadInput, "spring")
    refused(moving, "has a campaign spring of its own", BadInput)
    assert dumped(file) == before


def test_an_end_between_the_two_commits_is_gone_on_from(
    file: Store, postgres: Store, another: Store, moving: tuple[Path, str]
) -> None:
    """The file is sealed and the server has nothing: nobody dials it, and the same command moves it."""
    path, url = moving
    moved(moving, "spring")
    everything = dumped(postgres)
    for table in ("published", "money", "decision", "result", "attempt", "job", "intake", "operation"):
        sql(url, f"DELETE FROM {table}")  # noqa: S608
    sql(url, "DELETE FROM campaign")
    another.run(partial(opened, another))
    assert another.url is not None
    refused((path, another.url), "was moved to .* before: it cannot be in two ledgers", BadInput, "spring")
    (done,) = moved(moving, "spring")
    assert done.jobs == 12
    assert sql(url, "SELECT paused FROM campaign") == [("paused by bob: lunch",)]
    assert len(dumped(postgres)["job"]) == len(everything["job"])


def test_who_writes_at_the_server_goes_on_meanwhile(postgres: Store, moving: tuple[Path, str]) -> None:
    """A campaign there is worked on while another one comes: no number is given twice."""
    done: list[Copied] = []

    async def main() -> None:
        async with postgres.open() as ledger:
            winter = await ledger.open_campaign("winter", NOW, simulated=False)
            desk = Desk(ledger, winter, NOW + 1)
            await desk.read([a_job(n) for n in range(40)])
            mover = threading.Thread(target=lambda: done.extend(moved(moving, "spring")))
            mover.start()
            while mover.is_alive():
                await desk.put_back(await desk.claim())
            assert (await ledger.balance("winter", winter)).problems() == []

    postgres.run(main)
    assert [each.name for each in done] == ["spring"]


@pytest.mark.parametrize("cut_at", At)
def test_a_server_that_is_lost_at_the_last_moment(
    cut_at: At, postgres: Store, moving: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its commit arrived or not, nobody dials the campaign twice, and the same command tells."""
    path, url = moving
    said: list[Exception] = []

    def move(way: Way) -> list[Copied]:
        try:
            return copy_campaigns(path, way.url, ["spring"], BY)
        except (BadInput, LedgerError) as error:
            said.append(error)
            return []

    async def main() -> None:
        async with a_way(url) as way:

            def sealed(*given: Any) -> None:
                seal(*given)
                way.cut_at = cut_at  # the next commit is the last

            monkeypatch.setattr(ledger_copy, "seal", sealed)
            assert await anyio.to_thread.run_sync(move, way) == []
            monkeypatch.undo()
            empty = await anyio.to_thread.run_sync(emptied, url)
            assert empty is (cut_at is At.BEFORE_COMMIT)
            again = await anyio.to_thread.run_sync(move, way)
            assert [each.jobs for each in again] == ([12] if cut_at is At.BEFORE_COMMIT else [])

    postgres.run(main)
    assert "the server was lost at the last moment" in str(said[0])
    assert [str(each) for each in said[1:] if "it is there" not in str(each)] == []
    assert len(said) == (1 if cut_at is At.BEFORE_COMMIT else 2)
    assert not emptied(url)
