"""Results, counts and the balance: what the ledger says of what was done."""

from functools import partial

import orjson
import pytest
from ledger_contract import NOW, Desk, Store, a_job, judging, together

from dialer.adapters.ledger.reports.counts import speeds_of
from dialer.domain.balance import Balance, ReadInPart
from dialer.domain.errors import LedgerError
from dialer.domain.lifecycle import OPEN_ATTEMPTS, AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.screening import Drop
from dialer.ports.engine import CampaignCounts, Speed


async def numbers(desk: Desk) -> list[int]:
    lines = await desk.ledger.results_after(desk.campaign_id, 0, 100_000)
    assert all(orjson.loads(each.line)["seq"] == each.seq for each in lines)
    return [each.seq for each in lines]


def test_sequence_numbers_of_interleaved_campaigns(store: Store) -> None:
    async def case(desk: Desk) -> None:
        other = Desk(desk.ledger, await desk.ledger.open_campaign("autumn", NOW, simulated=False))
        for each in (desk, other):
            await each.read([a_job(n) for n in range(20)])
        made = [await each.claim() for each in (desk, other, desk) * 6]
        for at in (0, 5, 11):
            await together(*(partial(desk.finish, attempt) for attempt in made[at : at + 7]))
        assert await numbers(desk) == list(range(1, 25))
        assert await numbers(other) == list(range(1, 13))

    store.work(case)


def test_sequence_numbers_after_what_was_rolled_back(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(6)])
        made = [await desk.claim() for _ in range(6)]
        for at in range(0, 6, 2):
            again = partial(desk.finish, made[0])
            await together(partial(desk.finish, made[at]), again, partial(desk.finish, made[at + 1]))
        assert await numbers(desk) == list(range(1, 13))
        assert await desk.problems() == []

    store.work(case)


def test_sequence_numbers_over_restarts(kept: Store) -> None:
    async def case() -> None:
        for run in range(1, 4):
            async with kept.desk() as desk:
                await desk.read([a_job(10 * run + n) for n in range(2)])
                desk.now = NOW + run
                for _ in range(2):
                    await desk.finish(await desk.claim())
                assert await numbers(desk) == list(range(1, 4 * run + 1))

    kept.run(case)


def test_paging_through_the_results(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(5)])
        for _ in range(5):
            await desk.finish(await desk.claim())
        pages, seq = [], 0
        while page := await desk.ledger.results_after(desk.campaign_id, seq, 4):
            pages.append([each.seq for each in page])
            seq = page[-1].seq
        assert pages == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
        assert await desk.ledger.results_after(desk.campaign_id, 10, 4) == []

    store.work(case)


async def history(desk: Desk) -> None:
    """One job of every fate."""
    await desk.read([a_job(n) for n in range(9)])
    await desk.read([a_job(n) for n in range(3)])
    await desk.add(await desk.begin(), [a_job(1, line=5)], rejected=2)
    await desk.to_state(AttemptState.ENDED)
    await desk.to_state(AttemptState.REFUSED)
    await desk.to_state(AttemptState.PLACED)
    await desk.to_state(AttemptState.UNCERTAIN)
    await desk.to_state(AttemptState.CLAIMED)
    await desk.to_state(AttemptState.UNKNOWN)
    await desk.finish(await desk.claim(), JobState.OPEN, outcome=Outcome.BUSY, due_at=NOW + 60)
    await desk.claimed_keys(judging(lambda job: Drop(JobState[("SKIPPED", "EXPIRED")[job.id % 2]], "a rule")))


def test_counts_of_a_history(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await history(desk)
        counts = await desk.ledger.counts(desk.campaign_id)
        assert counts == CampaignCounts(
            jobs={
                JobState.OPEN: 1,
                JobState.BUSY: 3,
                JobState.DONE: 1,
                JobState.FAILED: 1,
                JobState.SKIPPED: 1,
                JobState.EXPIRED: 1,
                JobState.CANCELLED: 0,
                JobState.UNKNOWN: 1,
            },
            outcomes={"reached": 1, "refused": 1, "skipped": 1, "expired": 1},
            live=3,
            uncertain=1,
            attempts=7,
            calls=3,
            next_due_at=NOW + 60,
        )
        for later_s, speed in ((0, Speed(7, 4)), (61, Speed(0, 4)), (601, Speed(0, 0)), (-1, Speed(0, 0))):
            assert await speed_of(desk, NOW + later_s) == speed

    store.work(case)


async def speed_of(desk: Desk, now: float) -> Speed:
    found = await desk.ledger.ask(lambda conn: speeds_of(conn, [desk.campaign_id], now))
    return found[desk.campaign_id]


def test_balance_of_a_history(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await history(desk)
        balance = await desk.ledger.balance("spring", desk.campaign_id)
        assert balance == Balance(
            campaign="spring",
            rows=15,
            new=9,
            met_again=4,
            rejected=2,
            jobs=balance.jobs,
            closed_attempts=3,
            reopened_attempts=0,
            attempt_lines=3,
            final_jobs=4,
            job_lines=4,
            busy_attempts=3,
            unknown_attempts=1,
            last_seq=8,
            lines=8,
            highest_seq=8,
            in_part=[ReadInPart("leads.csv", 3, None)],
        )
        assert (balance.problems(), balance.open_jobs) == ([], 4)

    store.work(case)


def test_an_empty_campaign_balances(store: Store) -> None:
    async def case(desk: Desk) -> None:
        assert await desk.problems() == []
        assert (await desk.ledger.counts(desk.campaign_id)).next_due_at is None

    store.work(case)


BROKEN = {
    "rows read = new jobs + met again + rejected": "UPDATE intake SET rows = rows + 1 WHERE id = 1",
    "new jobs = done + failed + skipped + expired + cancelled + unknown + open": (
        "DELETE FROM job WHERE key = 'job-20'"
    ),
    "busy jobs = attempts under way": "UPDATE attempt SET state = 'ended' WHERE state = 'placed'",
    "unknown jobs = unknown attempts": "UPDATE attempt SET state = 'placed' WHERE state = 'unknown'",
    "closed attempts + reopened = their result lines": "UPDATE result SET kind = 'job' WHERE seq = 1",
    "final jobs = their lines in the results": "UPDATE job SET state = 'open' WHERE state = 'done'",
    "last sequence number = lines in the results": "DELETE FROM result WHERE seq = 3",
    "last sequence number = highest one": "UPDATE result SET seq = 99 WHERE seq = 3",
}


@pytest.mark.parametrize("equation", BROKEN)
def test_each_equation_sees_its_own_damage(store: Store, equation: str) -> None:
    async def case(desk: Desk) -> None:
        await history(desk)
        await desk.read([a_job(20)])
        assert await desk.problems() == []
        await desk.sql(BROKEN[equation])
        assert [each for each in await desk.problems() if each.startswith(f"{equation}: ")]

    store.work(case)


def test_open_attempts_after_reopening_are_what_was_stored(kept: Store) -> None:
    states = frozenset({*OPEN_ATTEMPTS, AttemptState.UNKNOWN})

    async def case() -> None:
        async with kept.desk() as desk:
            await history(desk)
            before = await desk.ledger.open_attempts(desk.campaign_id, states)
            bodies = await desk.sql(
                "SELECT body FROM attempt WHERE closed_at IS NULL ORDER BY claimed_at, id"
            )
        async with kept.desk() as desk:
            after = await desk.ledger.open_attempts(desk.campaign_id, states)
            assert after == before
            assert [(each.body,) for each in after] == bodies
            assert [each.id for each in after] == sorted(each.id for each in after)
            for state in states:
                some = await desk.ledger.open_attempts(desk.campaign_id, frozenset({state}))
                assert some == [each for each in after if each.state is state]
            assert await desk.ledger.open_attempts(desk.campaign_id, frozenset()) == []
            assert await desk.ledger.open_attempts(desk.campaign_id, frozenset({AttemptState.ENDED})) == []

    kept.run(case)


def test_a_question_after_closing_is_refused(store: Store) -> None:
    async def case() -> None:
        async with store.desk() as desk:
            pass
        with pytest.raises(LedgerError, match="closed"):
            await desk.ledger.counts(desk.campaign_id)

    store.run(case)
