"""What a claim says when nobody may be called, and what it writes of the one who may."""

from dataclasses import replace

import orjson
import pytest
from ledger_contract import FROM, NOW, SCREEN, Desk, Store, a_job, number

from dialer.adapters.ledger.queue.claim import HELD_LOOK_S, WAIT_MIN_S, claim_many
from dialer.domain.agents import AgentChoice
from dialer.domain.budget import BudgetRule
from dialer.domain.calls import Attempt, CallContent
from dialer.domain.canary import CanaryRule
from dialer.domain.decisions import Ruling
from dialer.domain.gates import Hold
from dialer.domain.lifecycle import AttemptState
from dialer.domain.lines import Line
from dialer.domain.results import rfc3339
from dialer.domain.screening import CampaignPolicy
from dialer.ports.engine import ClaimRequest, NothingDue

FIRST_ALONE = replace(SCREEN, canary=CanaryRule(1, 0.5))
BUDGET = BudgetRule(per_campaign_cents=50.0, per_day_cents=None, per_minute_cents=30.0, expected_s=60.0)
NO_MONEY = replace(SCREEN, budget=replace(BUDGET, per_campaign_cents=10.0))
ANN = AgentChoice("agent_ann", 3)
CANARY_SINGS = "canary: 0 of the first 1 calls have ended"


async def in_one_group(desk: Desk, *requests: ClaimRequest) -> list[Attempt | NothingDue]:
    """As the writer carries out what has gathered while it was at work."""
    return await desk.ledger._call(lambda conn: claim_many(conn, requests))


def paced(**bounds: float | int) -> CampaignPolicy:
    return CampaignPolicy(lines=(Line(FROM, **bounds),))


def test_a_stop_is_told_with_the_time_that_the_next_is_due(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1, not_before=NOW + 9), a_job(2, not_before=NOW + 7)])
        answer = await desk.ask(NO_MONEY)
        assert isinstance(answer, NothingDue)
        assert answer.stop is not None
        assert "budget is used up" in answer.stop.why
        assert answer == NothingDue(NOW + 7, stop=answer.stop)

    store.work(case)


def test_with_no_open_job_nothing_is_held(store: Store) -> None:
    async def case(desk: Desk) -> None:
        assert await desk.ask(NO_MONEY) == NothingDue(None)
        assert await desk.sql("SELECT held FROM campaign") == [(None,)]

    store.work(case)


def test_a_hold_of_unknown_length_is_looked_at_again_and_leaves_the_jobs_as_they_are(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1), a_job(2)])
        await desk.claim(FIRST_ALONE)
        assert await desk.ask(FIRST_ALONE) == NothingDue(NOW + HELD_LOOK_S, held=CANARY_SINGS)
        assert await desk.sql("SELECT due_at FROM job WHERE state = 'open'") == [(NOW,)]
        assert await desk.sql("SELECT held FROM campaign") == [(CANARY_SINGS,)], "for whoever looks"

    store.work(case)


def test_a_hold_does_not_bring_a_later_job_forward(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1), a_job(2, not_before=NOW + 2 * HELD_LOOK_S)])
        await desk.claim(FIRST_ALONE)
        assert await desk.ask(FIRST_ALONE) == NothingDue(NOW + 2 * HELD_LOOK_S, held=CANARY_SINGS)

    store.work(case)


@pytest.mark.parametrize("until", [NOW, NOW - 5])
def test_a_hold_that_names_no_later_time_is_not_asked_in_a_circle(store: Store, until: float) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        held = NothingDue(NOW + WAIT_MIN_S, held="a list")
        assert await desk.ask(replace(SCREEN, hold=Hold("a list", until))) == held

    store.work(case)


def test_in_the_middle_of_a_group_a_hold_ends_it(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(4)])
        answers = await in_one_group(desk, *(desk.request(FIRST_ALONE) for _ in range(3)))
        assert isinstance(answers[0], Attempt)
        assert answers[1:] == [NothingDue(NOW + HELD_LOOK_S, held=CANARY_SINGS)] * 2
        assert await desk.sql("SELECT count(*) FROM job WHERE state = 'open' AND due_at = 1800000000") == [
            (3,)
        ]
        assert await desk.problems() == []

    store.work(case)


def test_lines_that_are_at_work_name_their_time_and_are_no_hold(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1), a_job(2)])
        await desk.claim(paced(cps=0.1))
        assert await desk.ask(paced(cps=0.1)) == NothingDue(NOW + 10, busy=True)
        desk.now = NOW + 10
        assert (await desk.claim(paced(cps=0.1))).job.job.key == "job-2"

    store.work(case)


def test_a_line_that_has_made_its_calls_of_the_day_holds_until_the_next(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1), a_job(2)])
        await desk.claim(paced(per_day=1))
        why = "the line has made its 1 calls of today"
        assert await desk.ask(paced(per_day=1)) == NothingDue(NOW + 16 * 3600, held=why)

    store.work(case)


def test_rules_that_were_changed_meanwhile_judge_nobody(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1)])
        await desk.sql("UPDATE campaign SET version = 2")
        held = NothingDue(NOW + HELD_LOOK_S, held="the rules were just changed")
        assert await desk.ask(replace(SCREEN, version=1)) == held
        newer, older = replace(SCREEN, version=2), replace(NO_MONEY, version=1)
        answers = await in_one_group(desk, desk.request(older), desk.request(newer))
        assert isinstance(answers[0], Attempt), "the newest of the group judges for all"
        assert answers[1] == NothingDue(None)

    store.work(case)


def test_a_group_is_judged_at_the_latest_of_its_times(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1, not_before=NOW + 5)])
        early = desk.request()
        desk.now = NOW + 5
        answers = await in_one_group(desk, early, desk.request())
        assert isinstance(answers[0], Attempt)
        assert (answers[0].claimed_at, answers[0].last_sent_at) == (NOW + 5, NOW + 5)

    store.work(case)


@pytest.mark.parametrize("own", [None, "agent_of_the_row"])
def test_the_agent_that_was_drawn_talks_unless_the_row_names_one(store: Store, own: str | None) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1, content=CallContent(agent_id=own, agent_version=7 if own else None))])
        made = await desk.claim(replace(SCREEN, agents=(ANN,)))
        content = made.job.job.content
        expected = ("agent_of_the_row", 7) if own else ("agent_ann", 3)
        assert (content.agent_id, content.agent_version) == expected
        assert made.agent_id == expected[0]
        (stored,) = await desk.ledger.open_attempts(desk.campaign_id, frozenset({AttemptState.CLAIMED}))
        assert stored.agent_id == expected[0]

    store.work(case)


def test_what_the_call_may_cost_is_kept_with_its_attempt(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1), a_job(2)])
        screen = replace(SCREEN, budget=BUDGET)
        assert (await desk.claim(screen)).reserved_cents == 30.0
        (stored,) = await desk.ledger.open_attempts(desk.campaign_id, frozenset({AttemptState.CLAIMED}))
        assert stored.reserved_cents == 30.0
        why = "what is left of the campaign's budget is reserved for calls under way"
        assert await desk.ask(screen) == NothingDue(NOW + HELD_LOOK_S, held=why)
        assert (await desk.claim()).reserved_cents is None, "without a budget nothing is"

    store.work(case)


def test_the_claim_knows_when_the_number_was_rung_before(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1), a_job(2)])
        first = await desk.claim()
        assert first.job.rung_at == ()
        await desk.finish(await desk.to_state(AttemptState.PLACED, first))
        await desk.finish(await desk.to_state(AttemptState.PLACED))
        other = Desk(desk.ledger, await desk.ledger.open_campaign("autumn", NOW, simulated=False), NOW + 90)
        await other.read([a_job(1)])
        again = await other.claim()
        assert again.job.job.to_number == number(1)
        assert again.job.rung_at == (NOW,), "in another campaign, too"
        assert again.number == 1

    store.work(case)


def test_each_place_of_a_group_gets_the_attempt_of_its_own_id(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n, priority=n % 2) for n in range(6)])
        requests = [desk.request(attempt_id=f"attempt-{n}") for n in range(5)]
        answers = await in_one_group(desk, *requests)
        assert all(isinstance(each, Attempt) for each in answers)
        assert [each.id for each in answers] == [request.attempt_id for request in requests]
        assert [each.job.job.key for each in answers] == ["job-1", "job-3", "job-5", "job-0", "job-2"]

    store.work(case)


def test_the_record_names_the_attempt_and_the_line_its_time(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(1), a_job(2, expires_at=NOW + 9)])
        made = await desk.claim()
        (dialled,) = await desk.ledger.decisions_of(number(1))
        assert (dialled.verdict, dialled.attempt_id, dialled.number) == (Ruling.DIAL, made.id, number(1))
        desk.now = NOW + 9
        assert await desk.ask() == NothingDue(None)
        (dropped,) = await desk.ledger.decisions_of(number(2))
        assert (dropped.verdict, dropped.attempt_id) == (Ruling.DROP, None)
        (line,) = await desk.ledger.results_after(desk.campaign_id, 0, 10)
        assert orjson.loads(line.line)["closed_at"] == rfc3339(NOW + 9)

    store.work(case)
