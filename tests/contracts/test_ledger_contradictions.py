"""A call, or a ring, is shown of an attempt that was closed as one without it: as often as that happens."""

from dataclasses import replace

import pytest
from ledger_contract import FROM, Desk, Store, a_job
from test_ledger_money import BUDGET, both, money

from dialer.adapters.ledger.queue.contradictions import contradictions
from dialer.domain.calls import Attempt, CallId, CallUpdate, JobKind
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.results import analysis_line

WHY = "the call was heard of afterwards"


def ring(attempt: Attempt) -> CallUpdate:
    return CallUpdate(CallId(f"call-{attempt.id}"), "ongoing", attempt.id, started_at=1.0)


async def on_record(desk: Desk) -> list[bool]:
    """Of each contradiction whether its call was followed."""
    found = await desk.ledger.ask(lambda conn: contradictions(conn, desk.campaign_id))
    return [each.is_followed for each in found]


def test_it_is_followed_while_the_job_waits(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        made = await desk.claim()
        await desk.put_back(made)
        shown = await desk.ledger.contradict(ring(made), WHY, desk.now)
        assert shown is not None
        assert (shown.is_followed, shown.attempt.state) == (True, AttemptState.PLACED)
        assert await desk.ledger.contradict(ring(made), WHY, desk.now) is None, "it is on record"
        assert await desk.problems() == []
        await desk.finish(shown.attempt)
        assert await desk.problems() == []
        assert await on_record(desk) == [True]

    store.work(case)


def test_one_call_may_be_denied_and_shown_again_and_again(store: Store) -> None:
    """The API says in the end that nobody was rung, and then that somebody was."""

    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        made = await desk.claim()
        await desk.put_back(made)
        for times in range(1, 4):
            shown = await desk.ledger.contradict(ring(made), WHY, desk.now)
            assert shown is not None
            assert shown.is_followed
            await desk.put_back(shown.attempt)
            assert await desk.problems() == []
            assert await on_record(desk) == [True] * times

    store.work(case)


def test_its_analysis_is_written_once_although_it_ends_twice(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        made = await desk.to_state(AttemptState.PLACED)
        told = replace(ring(made), analysis={"call_summary": "spoke"})
        line = analysis_line(made, told, desk.now)
        first = desk.finishing(made, JobState.OPEN, AttemptState.UNSPENT, Outcome.NOT_RUNG, desk.now)
        await desk.ledger.finish(replace(first, lines=[*first.lines, line]))
        shown = await desk.ledger.contradict(told, WHY, desk.now)
        assert shown is not None
        last = desk.finishing(shown.attempt)
        await desk.ledger.finish(replace(last, lines=[*last.lines, line]))
        assert [line["kind"] for line in await desk.said()] == ["attempt", "analysis", "attempt", "job"]
        assert await desk.problems() == []

    store.work(case)


def test_a_job_that_has_gone_on_keeps_its_result(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        made = await desk.to_state(AttemptState.REFUSED)
        shown = await desk.ledger.contradict(ring(made), WHY, desk.now)
        assert shown is not None
        assert not shown.is_followed
        assert (await desk.ledger.counts(desk.campaign_id)).jobs[JobState.FAILED] == 1
        assert await desk.problems() == []
        assert await on_record(desk) == [False]

    store.work(case)


@pytest.mark.parametrize("goes_on", [True, False])
def test_what_it_may_have_cost_is_kept_or_spent(store: Store, goes_on: bool) -> None:
    """Kept while the call is followed; else its cost will never come, and it counts as spent."""

    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        made = await desk.claim(BUDGET)
        if goes_on:
            await desk.finish(made, JobState.FAILED, AttemptState.REFUSED, Outcome.REFUSED)
        else:
            await desk.put_back(made)
        assert await money(desk) == {}
        assert await desk.ledger.contradict(ring(made), WHY, desk.now) is not None
        amounts = {"spent" if goes_on else "reserved": 10.0}
        assert await money(desk) == pytest.approx(both(**amounts))

    store.work(case)


@pytest.mark.parametrize("kind", [JobKind.WEB_CALL, JobKind.REGISTER_PHONE_CALL])
def test_what_dials_nobody_is_not_followed(store: Store, kind: JobKind) -> None:
    """It is settled when it is created: nobody would ever hear of its end."""

    async def case(desk: Desk) -> None:
        await desk.read([a_job(1, kind=kind)])
        made = await desk.claim()
        assert made.from_number in (FROM, None)
        await desk.put_back(made)
        assert await desk.ledger.contradict(ring(made), WHY, desk.now) is None

    store.work(case)
