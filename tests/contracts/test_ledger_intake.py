"""Taking jobs in: the same row is the same work once, however often and in whatever pieces it is read."""

from dataclasses import replace

import pytest
from ledger_contract import NOW, Desk, Store, a_job, number

from dialer.domain.balance import ReadInPart
from dialer.domain.calls import CallContent, JobKind
from dialer.domain.errors import BadInput
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.ports.engine import Added, AddedAs, IntakeCounts, NothingDue

pieces = pytest.mark.parametrize("batch", [1, 2, 100])
"""The answers do not depend on where a batch ends."""


def how(added: list[Added]) -> list[AddedAs]:
    return [each.how for each in added]


def test_new_then_the_same(store: Store) -> None:
    async def case(desk: Desk) -> None:
        jobs = [a_job(n) for n in range(5)]
        assert how(await desk.read(jobs, batch=2)) == [AddedAs.NEW] * 5
        assert how(await desk.read(jobs, batch=3)) == [AddedAs.SAME] * 5
        assert await desk.claimed_keys() == [each.key for each in jobs]

    store.work(case)


@pieces
def test_a_key_twice_in_one_reading(store: Store, batch: int) -> None:
    async def case(desk: Desk) -> None:
        rows = [a_job(1), a_job(2), a_job(1, line=9, to_number=number(7))]
        for first in (AddedAs.NEW, AddedAs.SAME):
            added = await desk.read(rows, batch)
            assert how(added) == [first, first, AddedAs.DUPLICATE]
            assert (added[2].line, added[2].by_key) == (3, True)
        by_number = [replace(a_job(3), job_id=None), replace(a_job(3), job_id=None, line=9)]
        added = await desk.read(by_number, batch)
        assert (added[1].how, added[1].by_key) == (AddedAs.DUPLICATE, False)

    store.work(case)


@pieces
def test_a_number_twice_with_other_job_ids(store: Store, batch: int) -> None:
    async def case(desk: Desk) -> None:
        rows = [a_job(1), a_job(2, to_number=number(1)), a_job(3)]
        for first in (AddedAs.NEW, AddedAs.SAME):
            added = await desk.read(rows, batch)
            assert how(added) == [first, AddedAs.DUPLICATE, first]
            assert (added[1].line, added[1].by_key) == (3, False)
        assert await desk.claimed_keys() == ["job-1", "job-3"]

    store.work(case)


@pieces
def test_the_order_of_two_rows_with_one_number_changes(store: Store, batch: int) -> None:
    async def case(desk: Desk) -> None:
        first, second = a_job(1), a_job(2, to_number=number(1))
        await desk.read([first, second], batch)
        added = await desk.read([replace(second, line=2), replace(first, line=3)], batch)
        assert how(added) == [AddedAs.DUPLICATE, AddedAs.SAME]
        assert added[0].line is None  # the one that has the number was not met yet in this reading
        assert await desk.claimed_keys() == ["job-1"]

    store.work(case)


def test_a_duplicate_names_the_line_of_this_reading(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        added = await desk.read([a_job(1, line=40), a_job(2, to_number=number(1), line=41)])
        assert added[1] == Added(AddedAs.DUPLICATE, line=40)

    store.work(case)


@pieces
def test_a_changed_row_gives_its_number_up(store: Store, batch: int) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        added = await desk.read([a_job(1, to_number=number(5)), a_job(2, to_number=number(1))], batch)
        assert how(added) == [AddedAs.CHANGED, AddedAs.NEW]
        assert how(await desk.read([a_job(3, to_number=number(5))])) == [AddedAs.DUPLICATE]

    store.work(case)


@pieces
@pytest.mark.parametrize("closed", [AttemptState.ENDED, AttemptState.UNSPENT])
def test_a_number_stays_taken_once_it_was_claimed(store: Store, batch: int, closed: AttemptState) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        await desk.finish(await desk.claim(), JobState.OPEN, closed, Outcome.BUSY, due_at=NOW + 300)
        rows = [a_job(1, to_number=number(5)), a_job(2, to_number=number(1))]
        for first in (AddedAs.CHANGED, AddedAs.SAME):
            added = await desk.read(rows, batch)
            assert added == [Added(first, line=3), Added(AddedAs.DUPLICATE, line=None)]
        # nor may a job that was added with another number take it over
        await desk.read([a_job(3)])
        assert how(await desk.read([a_job(3, to_number=number(1))], batch)) == [AddedAs.DUPLICATE]
        # the job that claimed it may have it again
        assert how(await desk.read([a_job(1)], batch)) == [AddedAs.CHANGED]
        desk.now = NOW + 300
        assert await desk.claimed_keys() == ["job-3", "job-1"]
        assert await desk.problems() == []

    store.work(case)


def test_a_number_that_another_campaign_claimed_is_free_in_this_one(store: Store) -> None:
    async def case(desk: Desk) -> None:
        other = await desk.other()
        await other.read([a_job(1)])
        await other.claim()
        assert how(await desk.read([a_job(2, to_number=number(1))])) == [AddedAs.NEW]

    store.work(case)


@pieces
def test_two_rows_change_their_numbers_with_each_other(store: Store, batch: int) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1), a_job(2)])
        added = await desk.read([a_job(1, to_number=number(2)), a_job(2, to_number=number(1))], batch)
        assert how(added) == [AddedAs.DUPLICATE] * 2
        numbers = [(await desk.claim()).job.job.to_number for _ in range(2)]
        assert numbers == [number(1), number(2)]

    store.work(case)


@pieces
@pytest.mark.parametrize("state", [AttemptState.PLACED, AttemptState.UNKNOWN, AttemptState.ENDED])
def test_a_job_that_is_not_open_keeps_the_number_it_was_called_on(
    store: Store, batch: int, state: AttemptState
) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        await desk.to_state(state)
        rows = [
            a_job(1, to_number=number(5)),
            a_job(2, to_number=number(5), line=7),
            a_job(3, to_number=number(1), line=8),
        ]
        added = await desk.read(rows, batch)
        met = AddedAs.FINISHED if state is AttemptState.ENDED else AddedAs.SAME
        assert added == [
            Added(met, line=3, was_changed=True),
            Added(AddedAs.NEW, line=7),
            Added(AddedAs.DUPLICATE, line=3),
        ]

    store.work(case)


@pieces
def test_a_finished_job_is_finished_also_when_its_row_says_anothers_number(store: Store, batch: int) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1), a_job(2)])
        await desk.to_state(AttemptState.ENDED)
        added = await desk.read([a_job(2), a_job(1, to_number=number(2), line=9)], batch)
        assert added == [Added(AddedAs.SAME, line=4), Added(AddedAs.FINISHED, line=9, was_changed=True)]

    store.work(case)


CHANGES = {
    "priority": 5,
    "timezone": "America/New_York",
    "from_number": number(9),
    "expires_at": NOW + 9,
    "kind": JobKind.REGISTER_PHONE_CALL,
    "to_number": number(8),
    "content": CallContent(metadata={"crm": 1}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_row_of_an_open_job_is_taken_over(store: Store, what: str) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        changed = a_job(1, line=8, **{what: CHANGES[what]})
        assert await desk.read([changed]) == [Added(AddedAs.CHANGED, line=8)]
        assert await desk.read([changed]) == [Added(AddedAs.SAME, line=8)]
        claimed = await desk.claim()
        assert claimed.job.job == changed

    store.work(case)


def test_a_job_that_waits_for_its_redial_goes_on_waiting(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1), a_job(2)])
        for _ in range(2):
            await desk.finish(await desk.claim(), JobState.OPEN, outcome=Outcome.BUSY, due_at=NOW + 300)
        rows = [a_job(1, priority=7), a_job(2, priority=7, not_before=NOW + 900)]
        assert how(await desk.read(rows)) == [AddedAs.CHANGED] * 2
        assert await desk.ask() == NothingDue(NOW + 300)
        desk.now = NOW + 300
        again = await desk.claim()
        assert (again.job.job.priority, again.number, again.job.history) == (7, 2, (Outcome.BUSY,))
        assert await desk.ask() == NothingDue(NOW + 900)

    store.work(case)


def test_an_unstarted_job_follows_its_row_in_both_directions(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1, not_before=NOW + 60)])
        assert await desk.ask() == NothingDue(NOW + 60)
        await desk.read([a_job(1, not_before=NOW + 90)])
        assert await desk.ask() == NothingDue(NOW + 90)
        await desk.read([a_job(1)])
        await desk.claim()

    store.work(case)


def test_busy_unknown_and_final_jobs_stay_as_they_are(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(3)])
        for state in (AttemptState.PLACED, AttemptState.UNKNOWN, AttemptState.REFUSED):
            await desk.to_state(state)
        jobs = await desk.sql("SELECT to_number, priority, state, due_at FROM job ORDER BY id")
        for changed in (False, True):
            rows = [a_job(n, priority=9 if changed else 0) for n in range(3)]
            added = await desk.read(rows)
            assert how(added) == [AddedAs.SAME, AddedAs.SAME, AddedAs.FINISHED]
            assert [each.was_changed for each in added] == [changed] * 3
        assert await desk.sql("SELECT to_number, priority, state, due_at FROM job ORDER BY id") == jobs
        assert await desk.problems() == []

    store.work(case)


def test_what_goes_in_comes_out(store: Store) -> None:
    full = a_job(
        1,
        kind=JobKind.REGISTER_PHONE_CALL,
        from_number=number(9),
        timezone="Europe/Berlin",
        priority=-3,
        not_before=NOW - 0.123456,
        expires_at=NOW + 0.1,
        content=CallContent(
            agent_id="agent_1",
            agent_version=0,
            agent_override={"a": {"b": [1, 2.5, None, True]}},
            metadata={"n": 1, "s": "Zoë ☎"},
            variables={"empty": "", "name": "O'Brien; DROP TABLE job"},
            sip_headers={"X-A": "b"},
        ),
    )
    bare = replace(a_job(2), job_id=None, line=None, content=CallContent())
    web = [a_job(n, kind=JobKind.WEB_CALL, to_number=None) for n in (3, 4)]

    async def case(desk: Desk) -> None:
        assert how(await desk.read([full, bare, *web])) == [AddedAs.NEW] * 4
        assert {(await desk.claim()).job.job.key for _ in range(4)} == {"job-1", "job-2", "job-3", "job-4"}
        stored = await desk.ledger.open_attempts(desk.campaign_id, frozenset({AttemptState.CLAIMED}))
        assert {each.job.job.key: each.job.job for each in stored} == {
            each.key: each for each in (full, bare, *web)
        }

    store.work(case)


def test_an_empty_batch_counts_its_refused_rows(store: Store) -> None:
    async def case(desk: Desk) -> None:
        assert await desk.add(await desk.begin(), [], rejected=3) == []
        balance = await desk.ledger.balance("spring", desk.campaign_id)
        assert (balance.rows, balance.rejected, balance.problems()) == (3, 3, [])

    store.work(case)


def test_a_reading_cut_off_between_batches_still_adds_up(kept: Store) -> None:
    class Crash(Exception):
        pass

    jobs = [a_job(n) for n in range(6)] + [a_job(7, to_number=number(1))]

    async def crash() -> None:
        async with kept.desk() as desk:
            intake_id = await desk.begin()
            await desk.add(intake_id, jobs[:4], rejected=1)
            raise Crash

    async def again(desk: Desk) -> None:
        assert await desk.problems() == []
        assert how(await desk.read(jobs, 4)) == [AddedAs.SAME] * 4 + [AddedAs.NEW] * 2 + [AddedAs.DUPLICATE]
        balance = await desk.ledger.balance("spring", desk.campaign_id)
        assert (balance.rows, balance.new, balance.met_again, balance.rejected) == (12, 6, 4, 2)
        assert await desk.problems() == []
        assert await desk.sql("SELECT rows, complete FROM intake ORDER BY id") == [(5, 0), (7, 1)]

    with pytest.raises(Crash):
        kept.run(crash)
    kept.work(again)


def test_a_batch_whose_counting_fails_has_not_happened(store: Store) -> None:
    def fail(added: object) -> IntakeCounts:
        raise ValueError("counting failed")

    async def case(desk: Desk) -> None:
        intake_id = await desk.begin()
        before = await desk.dump()
        with pytest.raises(ValueError, match="counting failed"):
            await desk.ledger.add(intake_id, desk.campaign_id, [a_job(1)], fail, NOW)
        assert await desk.dump() == before

    store.work(case)


def test_a_campaign_is_for_real_or_simulated_for_ever(store: Store) -> None:
    async def case(desk: Desk) -> None:
        assert await desk.ledger.open_campaign("spring", NOW + 1, simulated=False) == desk.campaign_id
        with pytest.raises(BadInput, match="was for real"):
            await desk.ledger.open_campaign("spring", NOW, simulated=True)
        other = await desk.ledger.open_campaign("autumn", NOW, simulated=True)
        with pytest.raises(BadInput, match="was simulated"):
            await desk.ledger.open_campaign("autumn", NOW, simulated=False)
        assert await desk.ledger.campaigns() == {"spring": desk.campaign_id, "autumn": other}

    store.work(case)


@pieces
@pytest.mark.parametrize("spelt", [("+541123456789", "+5491123456789"), ("+5511987654321", "+551187654321")])
def test_one_person_under_two_spellings_is_one_job(store: Store, batch: int, spelt: tuple[str, str]) -> None:
    async def case(desk: Desk) -> None:
        rows = [replace(a_job(n, to_number=to), line=n) for n, to in enumerate((*spelt, spelt[0]), 1)]
        for first in (AddedAs.NEW, AddedAs.SAME):
            added = await desk.read(rows, batch)
            assert how(added) == [first, AddedAs.DUPLICATE, AddedAs.DUPLICATE]
            assert added[1].line == 1
        assert await desk.claimed_keys() == ["job-1"]

    store.work(case)


def test_a_list_that_was_read_in_part_is_a_term_of_the_books(store: Store) -> None:
    async def in_part(desk: Desk) -> list[ReadInPart]:
        balance = await desk.ledger.balance("spring", desk.campaign_id)
        assert balance.problems() == []
        return [*balance.in_part]

    async def case(desk: Desk) -> None:
        other = await desk.other()
        for source in ("leads.csv", "http", "queue orders"):
            await desk.add(await desk.begin(source), [a_job(1), a_job(2)], rejected=1)
        assert await in_part(desk) == [ReadInPart("leads.csv", 3, None)], "a stream has no end"
        assert await desk.ledger.leave_unread(desk.campaign_id, "leads.csv", 10) == 7
        assert await in_part(desk) == [ReadInPart("leads.csv", 3, 7)]
        assert await in_part(other) == []
        again = await desk.begin("leads.csv")
        await desk.add(again, [a_job(1), a_job(2), a_job(3)])
        assert await in_part(desk) == [ReadInPart("leads.csv", 3, None)], "it is being read again"
        await desk.ledger.end_intake(again, desk.intakes[again])
        assert await in_part(desk) == []

    store.work(case)
