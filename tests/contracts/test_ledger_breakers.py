"""Breakers in the ledger: what failed is left alone, tried with one call, and nothing is lost meanwhile."""

from dataclasses import replace
from typing import Any

import pytest
from ledger_contract import NOW, SCREEN, WAIT_S_MAX, Desk, Store, a_job, number
from test_ledger_lines import NUMBERS, attempts, claim_all, due, lines

from dialer.domain.breakers import PROVIDER_REST, BreakerRules
from dialer.domain.calls import CALL_MAX_S, Attempt, CallId, CallUpdate, CampaignId
from dialer.domain.decisions import Ruling
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.screening import CampaignPolicy
from dialer.ports.engine import NothingDue

HOUR_S = 3600.0
ONE = lines(1)
SHARED = replace(SCREEN, breakers=BreakerRules(provider_is_shared=True))


async def flag(desk: Desk, attempt: Attempt) -> None:
    news = CallUpdate(CallId(f"call-{attempt.id}"), "not_connected", reason="marked_as_spam")
    await desk.end(attempt, Outcome.SPAM_BLOCKED, news=news)


async def refuse(desk: Desk, attempt: Attempt, rules: BreakerRules | None = None) -> None:
    made = desk.finishing(attempt, JobState.FAILED, AttemptState.REFUSED, Outcome.REFUSED)
    await desk.ledger.finish(replace(made, error="no such agent", breakers=rules or BreakerRules()))


async def nothing(desk: Desk, screen: CampaignPolicy = ONE, places: int = 3) -> NothingDue:
    """What every one of so many places is told, while no job changes."""
    before = await due(desk)
    (answer,) = set(await claim_all(desk, screen, places))
    assert isinstance(answer, NothingDue)
    assert await due(desk) == before, "what is held stays as it is and spends nothing"
    return answer


def test_a_flagged_line_rests_and_is_then_tried_with_one_call(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(9)])
        await flag(desk, await desk.claim(ONE))
        why = "the line is flagged: marked_as_spam"
        assert await nothing(desk) == NothingDue(NOW + HOUR_S, held=why)
        desk.now = NOW + HOUR_S
        answers = await claim_all(desk, ONE, 3)
        (trial,) = attempts(answers)
        held = [str(each.held) for each in answers if isinstance(each, NothingDue)]
        assert [each.endswith("its trial call is under way") for each in held] == [True, True]
        await nothing(desk)
        await desk.end(trial)
        assert len(attempts(await claim_all(desk, ONE, 3))) == 3
        assert await desk.problems() == []

    store.work(case)


def test_the_other_lines_go_on(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(9)])
        await flag(desk, await desk.claim(lines(2)))
        made = attempts(await claim_all(desk, lines(2), 4))
        assert [each.from_number for each in made] == [NUMBERS[1]] * 4
        desk.now = NOW + HOUR_S
        made = attempts(await claim_all(desk, lines(2), 4))
        assert sorted(str(each.from_number) for each in made) == [NUMBERS[0], *[NUMBERS[1]] * 3]

    store.work(case)


def test_a_line_rests_in_every_campaign(store: Store) -> None:
    async def case(desk: Desk) -> None:
        other = await desk.other()
        await desk.read([a_job(1)])
        await other.read([a_job(9)])
        await flag(desk, await desk.claim())
        assert (await nothing(other, SCREEN)).next_due_at == NOW + HOUR_S

    store.work(case)


async def on_trial(desk: Desk) -> Attempt:
    await desk.read([a_job(n) for n in range(9)])
    await flag(desk, await desk.claim(ONE))
    desk.now = NOW + HOUR_S
    (trial,) = attempts(await claim_all(desk, ONE, 2))
    return trial


@pytest.mark.parametrize(
    ("end", "rests_s"),
    [("flagged", 2 * HOUR_S), ("unclear", HOUR_S), ("parked", HOUR_S), ("put back", 0), ("refused", 0)],
)
def test_what_the_end_of_a_trial_means(store: Store, end: str, rests_s: float) -> None:
    async def case(desk: Desk) -> None:
        trial = await on_trial(desk)
        match end:
            case "flagged":
                await flag(desk, trial)
            case "unclear":
                await desk.end(trial, Outcome.PLATFORM_FAULT)
            case "parked":  # nobody will ever tell how it ended, and the line is not held for ever
                await desk.move(trial, AttemptState.UNCERTAIN)
                await desk.move(trial, AttemptState.UNKNOWN, breakers=BreakerRules())
            case "put back":
                await desk.put_back(trial)
            case "refused":
                await refuse(desk, trial)
        if rests_s:
            assert (await nothing(desk)).next_due_at == desk.now + rests_s
            desk.now += rests_s
        assert len(attempts(await claim_all(desk, ONE, 3))) == 1, "the next trial"

    store.work(case)


def test_a_trial_of_a_process_that_is_not_run_again_is_none(store: Store) -> None:
    async def case(desk: Desk) -> None:
        other = await desk.other()
        await other.read([a_job(n, to_number=number(n + 50)) for n in range(9)])
        await on_trial(desk)
        other.now += HOUR_S
        await other.elapse(CALL_MAX_S - WAIT_S_MAX)
        assert isinstance(await other.ask(ONE), NothingDue)
        await other.elapse(WAIT_S_MAX + 1.0)
        (trial,) = attempts(await claim_all(other, ONE, 3))
        await other.end(trial)
        assert len(attempts(await claim_all(other, ONE, 3))) == 3

    store.work(case)


def test_a_rest_and_its_trial_are_known_after_a_restart(kept: Store) -> None:
    async def before(desk: Desk) -> None:
        await on_trial(desk)

    async def after(desk: Desk) -> None:
        desk.now = NOW + HOUR_S + 1
        assert "trial call is under way" in str((await nothing(desk)).held)
        (trial,) = await desk.ledger.open_attempts(desk.campaign_id, frozenset({AttemptState.CLAIMED}))
        await flag(desk, trial)
        assert (await nothing(desk)).next_due_at == desk.now + 2 * HOUR_S

    kept.work(before)
    kept.work(after)


@pytest.mark.parametrize("screen", [SHARED, ONE], ids=["all lines", "one line"])
def test_a_provider_that_is_down_is_left_alone_for_longer_and_longer(
    store: Store, screen: CampaignPolicy
) -> None:
    rules = screen.breakers

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(20)])
        for made in attempts(await claim_all(desk, screen, 5)):
            await desk.end(made, Outcome.PROVIDER_UNAVAILABLE, breakers=rules)
        for rests in (1, 2, 3):
            rest_s = PROVIDER_REST.rest_s(rests)
            assert (await nothing(desk, screen)).next_due_at == desk.now + rest_s
            desk.now += rest_s
            (trial,) = attempts(await claim_all(desk, screen, 3))
            if rests < 3:
                await desk.end(trial, Outcome.PROVIDER_UNAVAILABLE, breakers=rules)
        await desk.end(trial, breakers=rules)
        assert len(attempts(await claim_all(desk, screen, 3))) == 3

    store.work(case)


def test_three_configuration_faults_in_a_row_stop_the_campaign_until_it_is_run_again(kept: Store) -> None:
    news = CallUpdate(CallId("call"), "not_connected", reason="sip_routing_error")

    async def fail(desk: Desk, attempt: Attempt) -> None:
        await desk.put_back(attempt, Outcome.CONFIGURATION, news=replace(news, call_id=CallId(attempt.id)))

    async def before(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(9)])
        for made in attempts(await claim_all(desk, SCREEN, 2)):
            await fail(desk, made)
        await desk.end(await desk.claim())  # the set-up works: from the start again
        for _ in range(3):
            await fail(desk, await desk.claim())
        stop = (await nothing(desk, SCREEN)).stop
        assert stop is not None
        assert stop.why.startswith("3 calls in a row failed for the telephony's configuration")
        (history,) = set(await desk.sql("SELECT history FROM job WHERE state = 'open'"))
        assert history == ("",), "no attempt is spent"

    async def looked_at() -> None:
        async with kept.open(dispatches=False) as ledger:
            assert (await nothing(Desk(ledger, CampaignId(1)), SCREEN)).stop is not None

    async def after(desk: Desk) -> None:
        desk.ids = 100
        assert len(attempts(await claim_all(desk, SCREEN, 3))) == 3
        assert await desk.problems() == []

    kept.work(before)
    kept.run(looked_at)
    kept.work(after)  # which opens the campaign


def test_twenty_refused_requests_in_a_row_stop_it(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(60)])
        for _ in range(19):
            await refuse(desk, await desk.claim())
        await desk.move(await desk.claim(), AttemptState.PLACED, breakers=BreakerRules())
        for _ in range(20):
            assert (await desk.ledger.counts(desk.campaign_id)).jobs[JobState.OPEN] > 0
            await refuse(desk, await desk.claim())
        assert "refused 20 requests in a row" in str((await nothing(desk, SCREEN)).stop)

    store.work(case)


@pytest.mark.parametrize("most", [2, 5])
def test_many_refused_in_a_minute_hold_until_it_is_over(store: Store, most: int) -> None:
    rules = BreakerRules(refused_in_a_row_max=0, refused_a_minute_max=most)
    screen = replace(SCREEN, breakers=rules)

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(30)])
        for n in range(most):
            desk.now = NOW + n
            (made,) = attempts([await desk.ask(screen)])
            await refuse(desk, made, rules)
        held = await nothing(desk, screen)
        assert (held.next_due_at, held.stop) == (NOW + 61.0, None)
        desk.now = NOW + 60.9
        assert (await nothing(desk, screen)).next_due_at == NOW + 61.0
        desk.now = NOW + 61.0
        assert len(attempts(await claim_all(desk, screen, 9))) == 1, "the others of that minute still count"

    store.work(case)


def test_requests_without_an_answer_count_as_if_they_were_refused(store: Store) -> None:
    rules = BreakerRules(refused_in_a_row_max=0, refused_a_minute_max=5)
    screen = replace(SCREEN, breakers=rules)

    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(30)])
        await refuse(desk, await desk.claim(screen), rules)
        made = attempts(await claim_all(desk, screen, 9))
        assert len(made) == 4
        assert "too many are under way" in str((await nothing(desk, screen)).held)
        await desk.move(made[0], AttemptState.PLACED, breakers=rules)
        assert len(attempts(await claim_all(desk, screen, 9))) == 1

    store.work(case)


def test_each_hold_is_told_once(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(n) for n in range(9)])
        await flag(desk, await desk.claim(ONE))
        for n in range(5):
            desk.now = NOW + n
            await nothing(desk)
        (held,) = await desk.made(Ruling.WAIT)
        told: tuple[Any, ...] = (held.number, held.rule, held.why, held.at, held.until)
        assert told == (None, "campaign", "the line is flagged: marked_as_spam", NOW, NOW + HOUR_S)
        why, until = (await desk.sql("SELECT held, held_until FROM campaign"))[0]
        assert (why, until) == (held.why, NOW + HOUR_S)
        desk.now = NOW + HOUR_S
        await desk.claim(ONE)
        assert await desk.sql("SELECT held, held_until FROM campaign") == [(None, None)]
        assert await desk.ledger.decision_problems(desk.campaign_id) == []

    store.work(case)
