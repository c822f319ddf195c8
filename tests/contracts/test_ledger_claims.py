"""Claiming: the right job, once, with its attempt written ahead."""

from collections.abc import Sequence
from functools import partial

import orjson
import pytest
from ledger_contract import FROM, NOW, Desk, Store, a_job, encode, judging, number, together

from dialer.adapters.ledger.queue.claim import CLAIM_ROWS_MAX, WAIT_MIN_S
from dialer.domain.calls import Attempt, OpenJob
from dialer.domain.errors import LedgerError
from dialer.domain.lifecycle import AttemptState, IllegalTransition, JobState
from dialer.domain.screening import CampaignPolicy, Dial, Drop, Verdict, Wait
from dialer.ports.engine import NothingDue


def holding(until: float) -> CampaignPolicy:
    return judging(lambda job: Wait(until, "calling hours"))


async def drops(desk: Desk) -> Sequence[dict[str, object]]:
    lines = await desk.ledger.results_after(desk.campaign_id, 0, 10_000)
    return [orjson.loads(each.line) for each in lines]


def test_priority_then_due_then_age(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read(
            [
                a_job(1, priority=-100, not_before=NOW - 50),
                a_job(2),
                a_job(3, priority=100, not_before=NOW + 2),
                a_job(4),
                a_job(5, priority=100, not_before=NOW + 1),
                a_job(6, priority=7, not_before=NOW + 3),
                a_job(7, not_before=NOW + 4),
            ]
        )
        desk.now = NOW + 3
        order = ["job-5", "job-3", "job-6", "job-2", "job-4", "job-1"]
        assert await desk.claimed_keys() == order
        assert await desk.ask() == NothingDue(NOW + 4)

    store.work(case)


def test_next_due_is_the_earliest_of_all_priorities(store: Store) -> None:
    async def case(desk: Desk) -> None:
        assert await desk.ask() == NothingDue(None)
        await desk.read([a_job(n, priority=n, not_before=NOW + 100 + abs(n - 3)) for n in range(-5, 6)])
        assert await desk.ask() == NothingDue(NOW + 100)
        assert (await desk.ledger.counts(desk.campaign_id)).next_due_at == NOW + 100
        desk.now = NOW + 1000
        assert len(await desk.claimed_keys()) == 11
        assert await desk.ask() == NothingDue(None)

    store.work(case)


def test_a_claim_is_the_whole_attempt(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        made = await desk.claim()
        (job_id,) = await desk.sql("SELECT id FROM job")
        expected = Attempt(
            made.id,
            OpenJob(made.job.id, desk.campaign_id, a_job(1), NOW, 0),
            1,
            AttemptState.CLAIMED,
            FROM,
            encode(a_job(1), made.id, FROM),
            NOW,
            NOW,
        )
        assert made == expected
        assert (made.job.id,) == job_id
        stored = await desk.ledger.open_attempts(desk.campaign_id, frozenset({AttemptState.CLAIMED}))
        assert [(each.id, each.body, each.from_number) for each in stored] == [(made.id, made.body, FROM)]

    store.work(case)


def test_waiting_moves_the_due_time_and_spends_nothing(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        assert await desk.ask(holding(NOW + 60)) == NothingDue(NOW + 60)
        assert await desk.ask() == NothingDue(NOW + 60)
        desk.now = NOW + 60
        claimed = await desk.claim()
        assert (claimed.number, claimed.job.claims, claimed.job.due_at) == (1, 0, NOW + 60)

    store.work(case)


@pytest.mark.parametrize("until", [NOW, NOW - 5])
def test_a_rule_that_names_no_later_time_is_not_asked_in_a_circle(store: Store, until: float) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        assert await desk.ask(holding(until)) == NothingDue(NOW + WAIT_MIN_S)

    store.work(case)


def test_a_held_job_lets_the_next_one_pass(store: Store) -> None:
    def first_waits(job: OpenJob) -> Verdict:
        return Wait(NOW + 9, "zone") if job.job.key == "job-1" else Dial(FROM)

    async def case(desk: Desk) -> None:
        await desk.read([a_job(1, priority=9), a_job(2)])
        assert await desk.claimed_keys(judging(first_waits)) == ["job-2"]

    store.work(case)


@pytest.mark.parametrize("state", [JobState.SKIPPED, JobState.EXPIRED, JobState.CANCELLED])
def test_dropping_closes_the_job_with_a_line(store: Store, state: JobState) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1), a_job(2)])
        assert await desk.ask(judging(lambda job: Drop(state, "on the list"))) == NothingDue(None)
        lines = await drops(desk)
        assert [(each["seq"], each["kind"], each["job_id"]) for each in lines] == [
            (1, "job", "job-1"),
            (2, "job", "job-2"),
        ]
        assert {(each["state"], each["outcome"], each["error"], each["attempt"]) for each in lines} == {
            (state, state, "on the list", 0)
        }
        counts = await desk.ledger.counts(desk.campaign_id)
        assert (counts.jobs[state], counts.outcomes, counts.attempts) == (2, {state: 2}, 0)
        assert await desk.problems() == []

    store.work(case)


def test_a_rule_may_not_drop_a_job_as_done(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        before = await desk.dump()
        with pytest.raises(IllegalTransition):
            await desk.ask(judging(lambda job: Drop(JobState.DONE, "no")))
        assert await desk.dump() == before

    store.work(case)


def test_a_claim_looks_at_so_many_jobs_and_no_more(store: Store) -> None:
    jobs = [a_job(n, line=n) for n in range(CLAIM_ROWS_MAX + 20)]

    def rule(job: OpenJob) -> Verdict:
        wanted = job.job.line is not None and job.job.line >= CLAIM_ROWS_MAX + 10
        return Dial(FROM) if wanted else Drop(JobState.SKIPPED, "no")

    async def case(desk: Desk) -> None:
        await desk.read(jobs)
        assert await desk.ask(judging(rule)) == NothingDue(NOW)  # ask again at once
        counts = await desk.ledger.counts(desk.campaign_id)
        assert counts.jobs[JobState.SKIPPED] == CLAIM_ROWS_MAX
        assert len(await desk.claimed_keys(judging(rule))) == 10

    store.work(case)


def test_many_claims_at_once_get_different_jobs(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(40)])
        answers = await together(*(desk.ask for _ in range(50)))
        made = [each for each in answers if isinstance(each, Attempt)]
        assert [each.job.job.key for each in made] == [f"job-{n}" for n in range(40)]
        assert len({each.id for each in made}) == 40
        assert answers[40:] == [NothingDue(None)] * 10
        assert await desk.problems() == []

    store.work(case)


def test_claims_at_once_across_priorities_and_rules(store: Store) -> None:
    def rule(job: OpenJob) -> Verdict:
        n = int(job.job.key.removeprefix("job-"))
        return (Dial(FROM), Wait(NOW + n, "later"), Drop(JobState.SKIPPED, "no"))[n % 3]

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n, priority=n % 4) for n in range(36)])
        answers = await together(*(partial(desk.ask, judging(rule)) for _ in range(20)))
        keys = [each.job.job.key for each in answers if isinstance(each, Attempt)]
        wanted = sorted(range(0, 36, 3), key=lambda n: (-(n % 4), n))
        assert keys == [f"job-{n}" for n in wanted]
        assert answers[12:] == [NothingDue(NOW + 1)] * 8
        assert await desk.problems() == []

    store.work(case)


def test_two_campaigns_do_not_mix(store: Store) -> None:
    async def case(desk: Desk) -> None:
        other = Desk(desk.ledger, await desk.ledger.open_campaign("autumn", NOW, simulated=False))
        await desk.read([a_job(n) for n in range(3)])
        await other.read([a_job(n, priority=9, to_number=number(n + 50)) for n in range(2)])
        answers = await together(*(each.ask for each in (desk, other) * 4))
        assert [each.job.job.key for each in answers[::2] if isinstance(each, Attempt)] == [
            "job-0",
            "job-1",
            "job-2",
        ]
        assert [type(each) for each in answers[1::2]] == [Attempt, Attempt, NothingDue, NothingDue]
        for each, number_of in ((desk, 3), (other, 2)):
            open_ones = await each.ledger.open_attempts(each.campaign_id, frozenset({AttemptState.CLAIMED}))
            assert len(open_ones) == number_of
            assert {one.job.campaign_id for one in open_ones} == {each.campaign_id}

    store.work(case)


def test_an_attempt_id_is_used_once_and_fails_alone(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(4)])
        used = await desk.claim()
        answers = await together(
            desk.ask, lambda: desk.ledger.claim(desk.request(attempt_id=used.id)), desk.ask
        )
        assert [type(each) for each in answers] == [Attempt, LedgerError, Attempt]
        assert await desk.claimed_keys() == ["job-3"]
        assert await desk.problems() == []

    store.work(case)


def test_a_word_of_a_newer_dialer_in_the_history_counts_as_an_attempt(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        await desk.sql("UPDATE job SET history = 'busy teleported', claims = 2")
        assert (await desk.claim()).job.history == ("busy", "unknown")

    store.work(case)


@pytest.mark.parametrize("state", list(AttemptState))
def test_the_claim_does_not_look_at_what_is_not_open(store: Store, state: AttemptState) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        await desk.to_state(state)
        assert await desk.ask() == NothingDue(None)

    store.work(case)


@pytest.mark.parametrize("places", [1, 2])
def test_what_is_read_behind_those_who_wait_is_not_claimed_beyond_the_places(
    store: Store, places: int
) -> None:
    def rule(job: OpenJob) -> Verdict:
        return Wait(NOW + 9, "later") if int(job.job.key.removeprefix("job-")) < 9 else Dial(FROM)

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(40)])
        answers = await together(*(partial(desk.ask, judging(rule)) for _ in range(places)))
        assert [each.job.job.key for each in answers] == [f"job-{9 + n}" for n in range(places)]
        due = "SELECT count(*) FROM job WHERE state = 'open' AND due_at = 1800000000.0"
        assert await desk.sql(due) == [(31 - places,)]
        assert len(await desk.claimed_keys(judging(rule))) == 31 - places

    store.work(case)
