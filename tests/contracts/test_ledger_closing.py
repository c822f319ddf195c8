"""Moving attempts on and closing them: what the tables allow, and nothing else."""

from functools import partial

import orjson
import pytest
from ledger_contract import NOW, Desk, Store, a_job, together

from dialer.domain.calls import CallId, CallUpdate
from dialer.domain.errors import LedgerError
from dialer.domain.lifecycle import (
    ATTEMPT_TRANSITIONS,
    CLOSED_ATTEMPTS,
    FINAL_JOBS,
    JOB_TRANSITIONS,
    AttemptState,
    IllegalTransition,
    JobState,
)
from dialer.domain.outcomes import Outcome
from dialer.ports.engine import AttemptUpdate, Finish


async def go(desk: Desk, origin: AttemptState, target: AttemptState) -> None:
    attempt = await desk.to_state(origin)
    before = await desk.dump()
    reopened = {"job_state": JobState.BUSY} if origin is AttemptState.UNKNOWN else {}
    try:
        if target in CLOSED_ATTEMPTS:
            await desk.finish(attempt, JobState.OPEN, target, due_at=NOW + 1e6)
        else:
            await desk.move(attempt, target, **reopened)
    except IllegalTransition:
        assert target not in ATTEMPT_TRANSITIONS[origin], f"{origin} to {target} was refused"
        assert await desk.dump() == before
    else:
        assert target in ATTEMPT_TRANSITIONS[origin], f"{origin} to {target} was let through"
        assert await desk.sql(f"SELECT state FROM attempt WHERE id = '{attempt.id}'") == [(target,)]  # noqa: S608


@pytest.mark.parametrize("origin", AttemptState)
def test_every_way_of_an_attempt(store: Store, origin: AttemptState) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(len(AttemptState))])
        for target in AttemptState:
            await go(desk, origin, target)
        assert await desk.problems() == []

    store.work(case)


@pytest.mark.parametrize("origin", [AttemptState.PLACED, AttemptState.UNKNOWN])
def test_every_way_of_a_job_whose_attempt_is_finished(store: Store, origin: AttemptState) -> None:
    job_was = JobState.UNKNOWN if origin is AttemptState.UNKNOWN else JobState.BUSY

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(len(JobState))])
        for target in JobState:
            attempt = await desk.to_state(origin)
            before = await desk.dump()
            legal = target in JOB_TRANSITIONS[job_was] and target in FINAL_JOBS | {JobState.OPEN}
            try:
                await desk.finish(attempt, target, due_at=NOW + 1e6)
            except IllegalTransition:
                assert not legal, target
                assert await desk.dump() == before
            else:
                assert legal, target
        assert await desk.problems() == []

    store.work(case)


@pytest.mark.parametrize(
    ("state", "job_state"),
    [
        (AttemptState.UNKNOWN, None),
        (AttemptState.UNKNOWN, JobState.DONE),
        (AttemptState.PLACED, JobState.OPEN),
        (AttemptState.PLACED, JobState.UNKNOWN),
        (AttemptState.ENDED, None),
        (AttemptState.ENDED, JobState.DONE),
    ],
)
def test_an_update_keeps_attempt_and_job_in_step(
    store: Store, state: AttemptState, job_state: JobState | None
) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        attempt = await desk.to_state(AttemptState.UNCERTAIN)
        before = await desk.dump()
        with pytest.raises(IllegalTransition):
            await desk.ledger.update(AttemptUpdate(attempt, state, NOW, job_state=job_state))
        assert await desk.dump() == before

    store.work(case)


def test_what_an_update_says_is_kept(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        made = await desk.claim()
        await desk.move(made, AttemptState.UNCERTAIN, last_sent_at=NOW + 5, error="timeout")
        await desk.move(made, AttemptState.UNCERTAIN, error="again")
        desk.now = NOW + 7
        await desk.move(made, AttemptState.PLACED, call_id=CallId("call_1"))
        (stored,) = await desk.ledger.open_attempts(desk.campaign_id, frozenset({AttemptState.PLACED}))
        assert (stored.last_sent_at, stored.call_id, stored.placed_at) == (NOW + 5, "call_1", NOW + 7)
        assert (stored.claimed_at, stored.body) == (NOW, made.body)

    store.work(case)


def test_what_a_finish_says_is_kept(store: Store) -> None:
    news = CallUpdate(
        CallId("call_2"), "ended", reason="user_hangup", duration_s=12.5, cost_cents=3.25, ended_at=NOW
    )

    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        made = await desk.claim()
        lines = [{"kind": "attempt", "attempt_id": made.id, "a": "ü"}, {"kind": "job"}]
        await desk.ledger.finish(
            Finish(
                made,
                AttemptState.ENDED,
                Outcome.REACHED,
                NOW + 9,
                JobState.DONE,
                None,
                (Outcome.REACHED,),
                lines,
                news,
                "an error",
            )
        )
        row = "state, call_id, status, reason, duration_s, cost_cents, error, closed_at, outcome"
        assert await desk.sql(f"SELECT {row} FROM attempt") == [  # noqa: S608
            ("ended", "call_2", "ended", "user_hangup", 12.5, 3.25, "an error", NOW + 9, "reached")
        ]
        assert await desk.sql("SELECT state, outcome, history, closed_at FROM job") == [
            ("done", "reached", "reached", NOW + 9)
        ]
        stored = await desk.ledger.results_after(desk.campaign_id, 0, 10)
        assert [(each.seq, orjson.loads(each.line)) for each in stored] == [
            (1, {"seq": 1, **lines[0]}),
            (2, {"seq": 2, **lines[1]}),
        ]

    store.work(case)


def test_due_again_with_its_history_and_a_new_attempt(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        await desk.finish(await desk.claim(), JobState.OPEN, outcome=Outcome.BUSY, due_at=NOW + 300)
        desk.now = NOW + 300
        unspent = await desk.claim()
        await desk.finish(unspent, JobState.OPEN, AttemptState.UNSPENT, Outcome.NOT_RUNG, desk.now)
        third = await desk.claim()
        assert (third.number, third.job.claims, third.job.history) == (3, 2, (Outcome.BUSY,))
        counts = await desk.ledger.counts(desk.campaign_id)
        assert (counts.attempts, counts.calls, counts.live) == (3, 1, 1)

    store.work(case)


def test_an_illegal_one_fails_alone_in_its_group(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(8)])
        made = [await desk.claim() for _ in range(6)]
        await desk.finish(made[0])
        answers = await together(
            partial(desk.finish, made[1]),
            partial(desk.move, made[0], AttemptState.PLACED),
            partial(desk.move, made[2], AttemptState.PLACED),
            partial(desk.finish, made[0]),
            partial(desk.finish, made[3]),
            desk.claim,
        )
        assert [type(each).__name__ for each in answers] == [
            "NoneType",
            "IllegalTransition",
            "NoneType",
            "IllegalTransition",
            "NoneType",
            "Attempt",
        ]
        states = await desk.sql("SELECT state FROM attempt ORDER BY claimed_at, job_id, number")
        assert [each[0] for each in states] == [
            "ended",
            "ended",
            "placed",
            "ended",
            "claimed",
            "claimed",
            "claimed",
        ]
        assert await desk.problems() == []

    store.work(case)


def test_an_attempt_is_closed_once_also_within_one_group(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1), a_job(2)])
        made = await desk.claim()
        answers = await together(*(partial(desk.finish, made) for _ in range(3)))
        assert [type(each) for each in answers] == [type(None), IllegalTransition, IllegalTransition]
        lines = await desk.ledger.results_after(desk.campaign_id, 0, 10)
        assert [each.seq for each in lines] == [1, 2]
        assert await desk.problems() == []

    store.work(case)


def test_moves_of_one_attempt_within_one_group_go_one_after_the_other(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        made = await desk.claim()
        answers = await together(
            partial(desk.move, made, AttemptState.UNCERTAIN),
            partial(desk.move, made, AttemptState.PLACED),
            partial(desk.finish, made),
        )
        assert answers == [None] * 3
        assert await desk.sql("SELECT state FROM attempt") == [("ended",)]

    store.work(case)


def test_an_attempt_that_is_not_there(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        made = await desk.claim()
        await desk.sql("DELETE FROM attempt")
        for call in (partial(desk.move, made, AttemptState.PLACED), partial(desk.finish, made)):
            with pytest.raises(LedgerError, match="does not hold attempt"):
                await call()

    store.work(case)
