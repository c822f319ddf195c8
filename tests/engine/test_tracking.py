"""Hearing of ends: by webhook or by looking, in any order, any number of times."""

import asyncio
import json
from dataclasses import replace
from itertools import pairwise, permutations

import anyio
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.adapters.retell.client import open_api
from dialer.adapters.retell.config import RetellConfig
from dialer.adapters.system.clock import SystemClock
from dialer.app.clock_loop import run_virtual
from dialer.domain.calls import Attempt, AttemptId, CallId, CallJob, CallUpdate, CampaignId, JobId, OpenJob
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.engine.attempts.tracking import Tracker, TrackingConfig
from dialer.engine.events import AttemptClosed, AttemptParked, CallPlaced
from dialer.engine.failures import Failures
from tests.engine.test_placing_limits import relay_of, says
from tests.engine.test_placing_uncertain import LOST
from tests.support.campaigns import KEY, World, in_virtual_time, world
from tests.support.people import ANSWERED_S, STEADY, answering, job
from tests.support.relay import Twist

BRIEF = replace(STEADY, concurrency_limit=50, ring_s=1, ring_sigma=0, talk_s=1, talk_sigma=0)
CALL = CallId("call_1")
ATTEMPT = AttemptId("attempt_1")
JOB = OpenJob(JobId(1), CampaignId(1), CallJob(key="a", to_number="+12125550100"), due_at=0.0, claims=0)
STAGES = (
    CallUpdate(CALL, "registered"),
    CallUpdate(CALL, "ongoing", ATTEMPT),
    CallUpdate(CALL, "ended", ATTEMPT, reason="user_hangup"),
    CallUpdate(CALL, "ended", reason="user_hangup", cost_cents=3.0),
    CallUpdate(CALL, "error", ATTEMPT, reason="error_unknown"),
)


def failures() -> Failures:
    return Failures(SystemClock(), lambda event: None)


def attempt(call_id: CallId | None = None, of: AttemptId = ATTEMPT) -> Attempt:
    return Attempt(of, JOB, 1, AttemptState.CLAIMED, None, b"{}", 0.0, 0.0, call_id=call_id)


def lists(w: World) -> int:
    return sum(w.report.requests["POST /v3/list-calls"].values())


@pytest.mark.parametrize("known", [True, False])
@in_virtual_time
async def test_the_first_word_that_it_is_over_wins(known: bool) -> None:
    async with open_api(RetellConfig(api_key=KEY), connections_max=1) as api:
        for order in permutations(STAGES):
            if not known and order[0].attempt_id is None:
                continue  # a call that nobody can tell to be ours
            tracker = Tracker(api, TrackingConfig(2.0, 15.0, 7500.0, 20.0), failures())
            with tracker.follow(attempt(CALL if known else None)) as followed:
                for news in order:
                    assert tracker.heard(news, by_webhook=True)
                    assert tracker.heard(news)
                assert followed.is_over
                assert followed.news == next(news for news in order if news.is_over)
                assert await tracker.look(followed) == followed.news
            assert not tracker.heard(STAGES[1]), "nobody follows it any more"


@in_virtual_time
async def test_news_of_calls_that_are_not_ours_change_nothing() -> None:
    async with open_api(RetellConfig(api_key=KEY), connections_max=1) as api:
        tracker = Tracker(api, TrackingConfig(2.0, 15.0, 7500.0, 20.0), failures())
        with tracker.follow(attempt()) as followed:
            assert not tracker.heard(CallUpdate(CallId("another"), "ended", AttemptId("another")))
            assert not tracker.heard(CallUpdate(CallId("another"), "ended"))
            assert (followed.news, followed.is_over) == (None, False)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000), read_fault=st.sampled_from(["read_error", "read_dropped"]))
def test_webhooks_that_are_lost_late_doubled_and_out_of_order(seed: int, read_fault: str) -> None:
    faults = (
        "webhook_lost=0.2,webhook_doubled=0.3,webhook_late=0.2,webhook_late_s=40,webhook_reordered=0.3,"
        f"analysis_missing=0.2,{read_fault}=0.2"
    )

    async def main() -> None:
        async with world(STEADY, faults, seed=seed, webhooks=True) as w:
            p = await w.run(answering(20), slots=10)
            assert p.jobs == {JobState.DONE: 20}
            assert w.report.calls == len(w.log.of("attempt")) == len(w.log.of("job")) == 20

    run_virtual(main)


@pytest.mark.parametrize("webhooks", [True, False])
@in_virtual_time
async def test_a_call_that_is_over_before_its_201_has_come(webhooks: bool) -> None:
    async with world(BRIEF, webhooks=webhooks, relayed=True) as w:
        relay_of(w).always("create", Twist(after_s=9))
        p = await w.run([job()])
        (placed,), (closed,) = p.of(CallPlaced), p.of(AttemptClosed)
        assert closed.outcome is Outcome.REACHED
        assert closed.news is not None
        assert closed.news.duration_s == 1.0
        assert placed.answer_s == pytest.approx(9, abs=0.1)
        if webhooks:
            assert closed.at - closed.attempt.claimed_at == pytest.approx(9, abs=0.1)


@in_virtual_time
async def test_a_call_that_is_over_before_it_is_looked_for() -> None:
    for webhooks in (True, False):
        async with world(BRIEF, webhooks=webhooks, relayed=True) as w:
            relay_of(w).on("create", LOST)
            p = await w.run([job()], settle_s=30)
            (closed,) = p.of(AttemptClosed)
            assert (closed.outcome, p.tally.adopted) == (Outcome.REACHED, 1)
            waited = closed.at - closed.attempt.claimed_at
            assert waited < 3 if webhooks else 30 <= waited < 33, "a webhook ends the settling"


@in_virtual_time
async def test_a_webhook_frees_the_slot_at_once() -> None:
    delay_s = STEADY.webhook_delay_s
    async with world(STEADY, webhooks=True) as w:
        await w.run(answering(20), slots=1, cps=50)
        calls = w.sim.calls
        assert len(calls) == 20
        for before, after in pairwise(calls):
            assert before.ended_at is not None
            assert after.created_at - (before.ended_at + delay_s) < 0.1


@in_virtual_time
async def test_webhooks_thin_out_the_looking_and_their_end_brings_it_back() -> None:
    asked: dict[bool, int] = {}
    for webhooks in (True, False):
        async with world(STEADY, webhooks=webhooks) as w:
            await w.run(answering(60), slots=10, poll_s=2, poll_with_webhooks_s=15)
            asked[webhooks] = lists(w)
    assert asked[True] < asked[False] / 4
    async with world(STEADY, webhooks=True) as w, w.running(answering(60), slots=10) as p:
        await anyio.sleep(100)
        w.sim.set_account(webhook_url="http://127.0.0.1:1/")
        await anyio.sleep(100)
        before = lists(w)
        await anyio.sleep(20)
        assert lists(w) - before >= 9, "every two seconds again"
        del p


@in_virtual_time
async def test_a_call_that_is_never_listed_is_asked_for_by_its_id() -> None:
    async with world(replace(STEADY, listing_lag_s=1e9, talk_s=60)) as w:
        p = await w.run(answering(30), slots=30, missing_s=20)
        assert p.jobs == {JobState.DONE: 30}
        assert w.report.requests["GET /v2/get-call/{call_id}"]["200"] >= 30
        assert "429" not in w.report.requests["GET /v2/get-call/{call_id}"]


@in_virtual_time
async def test_calls_that_never_end_do_not_keep_others_from_being_asked_for() -> None:
    people = [job(54, 300 + n) for n in range(20)]
    async with world(replace(STEADY, listing_lag_s=1e9, max_call_s=150)) as w:
        p = await w.run([*people, *answering(10)], slots=50)
        ends = [closed for closed in p.of(AttemptClosed) if closed.attempt.job.job not in people]
        assert len(ends) == 10
        assert max(closed.at - closed.attempt.claimed_at for closed in ends) < ANSWERED_S + 15


@in_virtual_time
async def test_a_call_id_that_nobody_knows_is_given_up_after_the_longest_call() -> None:
    async with world(relayed=True) as w:
        relay_of(w).always("list", says(200, orjson.dumps({"items": [], "has_more": False})))
        relay_of(w).always("get-call", says(422, b'{"message":"Cannot find requested asset"}'))
        p = await w.run([job()], call_max_s=600)
        assert p.jobs == {JobState.UNKNOWN: 1}
        (line,) = w.log.of("unknown")
        assert line["error"] == "the API does not know the call id any more"
        assert line["call_id"] is not None
        assert p.ended_at is not None
        assert 600 < p.ended_at < 610
        assert w.report.calls == 1


@in_virtual_time
async def test_one_call_that_cannot_be_read_keeps_nobody_else_from_being_looked_for() -> None:
    async with world(replace(STEADY, listing_lag_s=1e9, talk_s=900), relayed=True) as w:
        relay_of(w).on("create", Twist(), says(500))
        relay_of(w).always("get-call", says(500))
        async with w.running(answering(2), cps=0.02, settle_s=5) as p:
            await anyio.sleep(200)
            assert len(relay_of(w).creates()) == 3, "the second was looked for and then repeated"
            relay_of(w).always("get-call", Twist())
        assert p.jobs == {JobState.DONE: 2}


@in_virtual_time
async def test_listing_is_kept_within_its_own_limit() -> None:
    account = replace(STEADY, concurrency_limit=300, ring_s=5, talk_s=20)
    async with world(account) as w:
        p = await w.run(answering(300), cps=200, slots=300, poll_s=0.1)
        assert p.jobs == {JobState.DONE: 300}
        assert set(w.report.requests["POST /v3/list-calls"]) == {"200"}


@in_virtual_time
async def test_a_look_that_is_cancelled_leaves_nothing_behind() -> None:
    async with (
        world() as w,
        open_api(RetellConfig(api_key=KEY, base_url=w.sim.url), connections_max=2) as api,
    ):
        tracker = Tracker(api, TrackingConfig(2.0, 15.0, 7500.0, 20.0), failures())

        def nobody(_: object) -> None:
            raise AssertionError

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(tracker.run, nobody)
            for _ in range(20):
                with tracker.follow(attempt()) as followed, anyio.move_on_after(0.1):
                    await tracker.look(followed)
            with tracker.follow(attempt()) as followed:
                assert await tracker.look(followed) is None
            tasks.cancel_scope.cancel()
        assert not tracker._by_attempt
        assert not tracker._by_call
        assert asyncio.get_running_loop().time() < 10


@in_virtual_time
async def test_an_answer_about_another_call_is_no_word_on_this_one() -> None:
    """Neither listed nor known, as far as anybody says: it is given up once no call could still go on."""
    async with world(relayed=True) as w:

        def forget() -> None:
            other = {"call_id": "another", "call_status": "ongoing"}
            nothing = b'{"items": [], "has_more": false}'
            relay_of(w).always("list-calls", Twist(passes=False, status=200, body=nothing))
            body = json.dumps(other).encode()
            relay_of(w).always("get-call", Twist(passes=False, status=200, body=body))

        relay_of(w).on("create", Twist(then=forget))
        async with w.running([job()], call_max_s=300.0) as p:
            await anyio.sleep(400)
            assert [event.attempt.state for event in p.of(AttemptParked)] == [AttemptState.UNKNOWN]
            p.campaign.stop("enough seen")
