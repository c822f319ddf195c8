"""Who waits, for what and until when: the ledger says it without reading the record of decisions."""

import sqlalchemy as sa
from ledger_contract import NOW, Desk, Store, a_job, judging

from dialer.adapters.ledger.reports.waiting import waiting_of
from dialer.domain.calls import OpenJob
from dialer.domain.lifecycle import JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.screening import Verdict, Wait
from dialer.domain.waiting import Waiting


async def asked(desk: Desk, now: float = NOW) -> list[Waiting]:
    def read(conn: sa.Connection) -> list[Waiting]:
        return waiting_of(conn, [desk.campaign_id], now)[desk.campaign_id]

    return sorted(await desk.ledger.ask(read), key=lambda each: each.rule)


def hours_first(open_job: OpenJob) -> Verdict:
    """The first three wait for the morning of two places, all others for a cap."""
    key = int(open_job.id) - 1
    if key < 2:
        return Wait(NOW + 3600, "hours", "closed", {"place": "America/New_York|US-NY"})
    if key == 2:
        return Wait(NOW + 1800, "hours", "closed", {"place": "Europe/London|GB"})
    return Wait(NOW + 60 * key, "caps", "1 per 7d")


def test_each_is_counted_with_what_it_waits_for(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(5)])
        assert await asked(desk) == []
        await desk.ask(judging(hours_first))
        assert await asked(desk) == [
            Waiting("caps", (), 2, NOW + 180),
            *sorted(
                [
                    Waiting("hours", ("America/New_York",), 2, NOW + 3600),
                    Waiting("hours", ("Europe/London",), 1, NOW + 1800),
                ],
                key=lambda each: each.rule,
            ),
        ]
        assert await asked(desk, NOW + 3600) == [], "who is due waits for nothing"

    store.work(case)


def test_who_is_called_again_waits_for_that_and_who_is_done_for_nothing(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(3)])
        first = await desk.claim()
        await desk.finish(first, JobState.OPEN, outcome=Outcome.NO_ANSWER, due_at=NOW + 900)
        await desk.finish(await desk.claim())
        await desk.put_back(await desk.claim())
        assert await asked(desk) == [Waiting("redial", (), 1, NOW + 900)]

    store.work(case)


def test_what_a_ledger_of_before_did_not_keep_is_still_counted(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        await desk.sql(f"UPDATE job SET due_at = {NOW + 60}, waits = NULL")  # noqa: S608
        assert await asked(desk) == [Waiting("", (), 1, NOW + 60)]

    store.work(case)
