"""Campaigns that move from a file to a server: nothing lost, nothing twice, and nobody dials what went."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from ledger_contract import FROM, NOW, Desk, Store, a_job, number
from moving_kit import ALL, BY, CHANGED, dumped, moved

from dialer.adapters.ledger.operators import campaigns
from dialer.adapters.ledger.shared import open_shared_sqlite
from dialer.domain.breakers import LineBreaker
from dialer.domain.calls import CampaignId
from dialer.domain.decisions import FIRST_HASH, chain, decode
from dialer.domain.errors import BadInput
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.resting import Rest
from dialer.domain.suppression import Suppressed
from dialer.ports.engine import NothingDue, Operation
from tests.support.postgres import sql


def test_everything_is_there_as_it_was(file: Store, postgres: Store, moving: tuple[Path, str]) -> None:
    before = dumped(file)
    done = moved(moving)
    after = dumped(postgres)
    assert [(each.name, each.jobs, each.hashes_kept) for each in done] == [
        ("spring", 12, True),
        ("autumn", 3, True),
    ]
    mine = {name: rows for name, rows in before.items() if rows}
    assert {"campaign", "intake", "job", "attempt", "result", "money", "decision", "published"} <= set(mine)
    for name in set(mine) - {"operation", "line"}:
        assert after[name] == before[name], name
    assert after["operation"][: len(before["operation"])] == before["operation"]
    recorded = after["operation"][len(before["operation"]) :]
    assert [(row[3], row[2], row[7]) for row in recorded] == [("ledger copy", "ann", BY.reason)] * 2
    assert {row[4] for row in before["attempt"]} == set(AttemptState)
    assert {row[14] for row in before["job"]} == set(JobState)
    with pytest.raises(BadInput, match=r"campaign spring was moved to .* before; it is there"):
        moved(moving, "spring")
    assert moved(moving) == []
    assert dumped(postgres) == after


def test_the_work_goes_on_there_and_not_here(file: Store, postgres: Store, moving: tuple[Path, str]) -> None:
    moved(moving, "spring")

    async def there(desk: Desk) -> None:
        desk.now = NOW + 120
        assert len(await desk.ledger.open_attempts(desk.campaign_id, ALL)) == 4
        assert (await desk.ledger.control(desk.campaign_id)).paused == "paused by bob: lunch"
        await desk.operate(lambda conn: campaigns.resume(conn, desk.campaign_id, BY))
        made = await desk.claim(CHANGED)
        await desk.finish(made)
        for each in await desk.ledger.open_attempts(desk.campaign_id, ALL):
            await desk.finish(each)
        assert (await desk.read([a_job(90), a_job(91)]))[0].how == "new"
        assert await desk.problems() == []
        assert await desk.ledger.decision_problems(desk.campaign_id) == []

    postgres.work(there)

    async def here() -> None:
        async with file.open() as ledger:
            with pytest.raises(BadInput, match="campaign spring of this ledger was moved to postgresql:"):
                await ledger.open_campaign("spring", NOW, simulated=False)
            spring = (await ledger.campaigns())["spring"]
            desk = Desk(ledger, spring, NOW + 120)
            for act in (campaigns.resume, campaigns.pause, campaigns.cancel):
                with pytest.raises(BadInput, match="name that ledger with --ledger"):
                    await ledger.operate(partial(act, campaign_id=spring, by=BY))
            asked = await desk.ask(CHANGED)
            assert isinstance(asked, NothingDue)
            assert "moved to" in str(asked.held)
            assert await desk.problems() == []
            await ledger.open_campaign("autumn", NOW, simulated=False)

    file.run(here)


def test_a_worker_takes_over_nothing_that_went(file: Store, moving: tuple[Path, str]) -> None:
    found: dict[str, tuple[int, list[str]]] = {}

    async def look(worker: str) -> None:
        async with open_shared_sqlite(moving[0], on_thread=False) as ledger:
            adopted = await ledger.adopt(worker, NOW + 60, 100)
            found[worker] = len(adopted), list(await ledger.campaigns_at_work(NOW + 60))

    file.run(partial(look, "before"))
    moved(moving, "spring")
    file.run(partial(look, "after"))
    assert found == {"before": (4, ["spring"]), "after": (0, [])}


def test_numbers_that_are_taken_are_shifted_and_the_record_is_chained_anew(
    postgres: Store, moving: tuple[Path, str]
) -> None:
    async def already(desk: Desk) -> None:
        winter = await desk.other("winter")
        winter.now += 1  # attempts are named by it
        await winter.read([a_job(n) for n in range(30, 37)])
        await winter.finish(await winter.claim())

    async def begin() -> None:
        async with postgres.open() as ledger:
            await already(Desk(ledger, CampaignId(0)))

    postgres.run(begin)
    (_, url) = moving
    before = sql(url, "SELECT id, key FROM job ORDER BY id")
    done = moved(moving)
    assert [each.hashes_kept for each in done] == [False, False]
    assert sql(url, "SELECT id, key FROM job WHERE campaign_id = 1 ORDER BY id") == before
    spring = done[0].campaign_id
    (detail,) = sql(
        url, f"SELECT detail FROM operation WHERE campaign_id = {spring} ORDER BY id DESC LIMIT 1"  # noqa: S608
    )[0]  # fmt: skip
    said = json.loads(detail)
    shift = said["shifted_by"]
    assert (said["campaign"], shift["campaign"], shift["job"]) == (1, spring - 1, 7)
    last = FIRST_HASH
    for (body,) in sql(url, f"SELECT body FROM decision WHERE campaign_id = {spring} ORDER BY seq"):  # noqa: S608
        made = decode(body)
        job_id = made.job_id - shift["job"] if made.job_id else made.job_id
        back = replace(made, campaign_id=made.campaign_id - shift["campaign"], job_id=job_id)
        last = chain(last, back)
    assert last.hex() == said["head"]

    async def there(desk: Desk) -> None:
        assert await desk.ledger.decision_problems(desk.campaign_id) == []
        await desk.operate(lambda conn: campaigns.resume(conn, desk.campaign_id, BY))
        desk.now = NOW + 120
        await desk.finish(await desk.claim(CHANGED))
        await desk.read([a_job(95)])
        assert await desk.problems() == []

    postgres.work(there)


def test_lists_lines_and_acts_of_both_come_together(postgres: Store, moving: tuple[Path, str]) -> None:
    path, url = moving
    rests = LineBreaker(flagged=Rest(rests=1, until=NOW + 900, why="the line is flagged"))
    shorter = LineBreaker(flagged=Rest(rests=1, until=NOW + 60, why="the line is flagged"))

    async def begin() -> None:
        async with postgres.open() as ledger:

            def act(conn: sa.Connection) -> None:
                for who in (number(50), number(51)):
                    campaigns.suppress(conn, Suppressed(who, "theirs", "", NOW), Operation("eve", NOW))
                text = "INSERT INTO line VALUES (%s, 5.0, 3, '7.5 1.0', %s)"
                values = (FROM, rests.to_text())
                conn.exec_driver_sql(text % tuple(f"'{each}'" for each in values))

            await ledger.operate(act)

    postgres.run(begin)
    conn = sa.create_engine(f"sqlite:///{path}")
    with conn.begin() as at:
        at.exec_driver_sql("UPDATE line SET breaker = ?, starts = '7.5 9.0'", (shorter.to_text(),))
    conn.dispose()
    moved(moving, "spring")
    moved(moving, "autumn")
    assert sql(url, "SELECT number, source FROM suppressed ORDER BY number") == [
        (number(50), "theirs"),
        (number(51), "theirs"),
    ]
    ((day, calls, starts, breaker),) = sql(url, "SELECT day_start, calls, starts, breaker FROM line")
    assert (day, calls, starts) == (0.0, 0, "1.0 7.5 9.0")
    assert LineBreaker.from_text(breaker) == rests
    added = "SELECT who FROM operation WHERE command = 'dnc add' ORDER BY who"
    assert sql(url, added) == [("bob",), ("eve",), ("eve",)]
