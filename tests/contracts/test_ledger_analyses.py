"""What the API makes of a call: one line for a closed attempt, whenever and however often it comes."""

from dataclasses import replace
from functools import partial
from typing import Any

import orjson
import pytest
from ledger_contract import NOW, Desk, Store, a_job, together

from dialer.domain.calls import Attempt, AttemptId, CallId, CallUpdate
from dialer.domain.lifecycle import CLOSED_ATTEMPTS, AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.results import analysis_line


def analysed(attempt: Attempt, **changes: Any) -> CallUpdate:
    """As the webhook tells it."""
    said = {"call_summary": f"of {attempt.id}", "custom_analysis_data": {"wants": ["á", None, 1.5]}}
    news = CallUpdate(CallId(f"call-{attempt.id}"), "ended", attempt.id, cost_cents=2.5, analysis=said)
    return replace(news, **changes)


async def analyses(desk: Desk) -> list[dict[str, Any]]:
    lines = await desk.ledger.results_after(desk.campaign_id, 0, 1000)
    assert [orjson.loads(each.line)["seq"] for each in lines] == list(range(1, len(lines) + 1))
    return [line for line in (orjson.loads(each.line) for each in lines) if line["kind"] == "analysis"]


async def ended(desk: Desk, n: int = 1) -> Attempt:
    await desk.read([a_job(n)])
    return await desk.to_state(AttemptState.ENDED)


def test_one_line_more_and_nothing_else_is_changed(store: Store) -> None:
    async def case(desk: Desk) -> None:
        attempt = await ended(desk)
        before = await desk.dump()
        assert len(await desk.ledger.analysed([analysed(attempt)], NOW + 5)) == 1
        after = await desk.dump()
        assert {table for table in before if before[table] != after[table]} == {"campaign", "result"}
        (line,) = await analyses(desk)
        assert line == {
            "seq": 3,
            "kind": "analysis",
            "job_id": "job-1",
            "line": 3,
            "to_number": attempt.job.job.to_number,
            "call_kind": "phone_call",
            "variables": {"first_name": "Ann 1"},
            "attempt": 1,
            "attempt_id": attempt.id,
            "call_id": f"call-{attempt.id}",
            "closed_at": "2027-01-15T08:00:05.000Z",
            "duration_s": None,
            "cost_cents": 2.5,
            "analysis": {
                "call_summary": f"of {attempt.id}",
                "custom_analysis_data": {"wants": ["á", None, 1.5]},
            },
        }
        assert await desk.problems() == []

    store.work(case)


def test_it_is_written_once_however_often_it_comes(store: Store) -> None:
    async def case(desk: Desk) -> None:
        attempt = await ended(desk)
        other = analysed(attempt, analysis={"call_summary": "a second thought"})
        answers = await together(
            *[partial(desk.ledger.analysed, [analysed(attempt), other], NOW) for _ in range(3)]
        )
        assert [len(each) for each in answers] == [1, 0, 0]
        assert len(await desk.ledger.analysed([other], NOW)) == 0
        (line,) = await analyses(desk)
        assert line["analysis"]["call_summary"] == f"of {attempt.id}"

    store.work(case)


def test_it_is_written_once_over_restarts(kept: Store) -> None:
    async def case() -> None:
        async with kept.desk() as desk:
            early, late = await ended(desk, 1), await ended(desk, 2)
            await desk.ledger.analysed([analysed(early)], NOW)
        async with kept.desk() as desk:
            both = [analysed(early), analysed(late)]
            assert len(await desk.ledger.analysed(both, NOW)) == 1
            assert [line["attempt_id"] for line in await analyses(desk)] == [early.id, late.id]
            assert await desk.problems() == []

    kept.run(case)


@pytest.mark.parametrize("state", sorted(set(AttemptState) - CLOSED_ATTEMPTS))
def test_an_open_attempt_gets_none(store: Store, state: AttemptState) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        attempt = await desk.to_state(state)
        before = await desk.dump()
        assert len(await desk.ledger.analysed([analysed(attempt)], NOW)) == 0
        assert await desk.dump() == before

    store.work(case)


def test_what_is_of_no_call_of_ours_is_passed_over(store: Store) -> None:
    async def case(desk: Desk) -> None:
        attempt = await ended(desk)
        await desk.read([a_job(2)])
        refused = await desk.to_state(AttemptState.REFUSED)
        before = await desk.dump()
        strangers = [
            analysed(attempt, call_id=CallId("another call of the attempt")),
            analysed(refused),
            analysed(attempt, attempt_id=AttemptId("nobody's")),
            analysed(attempt, attempt_id=None),
            analysed(attempt, analysis=None),
        ]
        for each in strangers:
            assert len(await desk.ledger.analysed([each], NOW)) == 0
        assert len(await desk.ledger.analysed([], NOW)) == 0
        assert await desk.dump() == before

    store.work(case)


@pytest.mark.parametrize("with_the_end", [True, False])
def test_asked_for_together_with_the_end_it_is_written_once_behind_it(
    store: Store, with_the_end: bool
) -> None:
    """The end has brought it already, or has not: what comes right behind the end knows."""

    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        attempt = await desk.claim()
        finish = desk.finishing(attempt)
        if with_the_end:
            lines = [*finish.lines, analysis_line(attempt, analysed(attempt), NOW)]
            finish = replace(finish, lines=lines)
        answers = await together(
            partial(desk.ledger.finish, finish), partial(desk.ledger.analysed, [analysed(attempt)], NOW)
        )
        assert answers == [None, [] if with_the_end else [desk.campaign_id]]
        assert [line["seq"] for line in await analyses(desk)] == [3]
        assert await desk.problems() == []

    store.work(case)


def test_each_attempt_of_a_job_has_its_own(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        first = await desk.claim()
        await desk.finish(first, JobState.OPEN, outcome=Outcome.VOICEMAIL, due_at=NOW)
        second = await desk.to_state(AttemptState.ENDED)
        assert len(await desk.ledger.analysed([analysed(second), analysed(first)], NOW)) == 2
        assert [line["attempt"] for line in await analyses(desk)] == [2, 1]

    store.work(case)


def test_an_earlier_campaigns_call_is_numbered_there(store: Store) -> None:
    async def case(desk: Desk) -> None:
        other = Desk(desk.ledger, await desk.ledger.open_campaign("autumn", NOW, simulated=False))
        attempts = [await ended(desk), await ended(other)]
        assert len(await desk.ledger.analysed([analysed(each) for each in attempts], NOW)) == 2
        assert [line["seq"] for each in (desk, other) for line in await analyses(each)] == [3, 3]

    store.work(case)


def test_the_database_itself_takes_no_second_one(store: Store) -> None:
    async def case(desk: Desk) -> None:
        attempt = await ended(desk)
        await desk.ledger.analysed([analysed(attempt)], NOW)
        with pytest.raises(Exception, match=r"(?i)unique"):
            await desk.sql(
                "INSERT INTO result SELECT campaign_id, 9, kind, job_id, attempt_id, line FROM result "
                "WHERE kind = 'analysis'"
            )

    store.work(case)
