"""Nobody can say whether a request made a call: wait, look, repeat. Never two calls for one attempt."""

from dataclasses import replace
from typing import Any

import anyio
import pytest

from dialer.adapters.ledger.store import SqlLedger
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.engine.events import AttemptClosed, AttemptParked, AttemptUncertain, CallPlaced
from tests.engine.test_placing_limits import relay_of, says
from tests.support.campaigns import Process, World, in_virtual_time, world
from tests.support.people import STEADY, answering, job
from tests.support.relay import Twist

LOST = Twist(drops=True)
"""The call is made and nobody hears of it."""
NOT_MADE = Twist(passes=False, drops=True)
FAULTS = {
    "500, no call": "error_before=1",
    "500, a call": "error_after=1",
    "dropped, no call": "drop_before=1",
    "dropped, a call": "drop_after=1",
    "unreadable 201": "unreadable=1",
    "stalled past the timeout": "stall=1,stall_s=150",
    "made after the timeout": "made_late=1,made_late_s=8",
}
MAKES_NO_CALL = {"500, no call", "dropped, no call"}


def everyone_once(w: World, p: Process, many: int) -> None:
    assert p.tally.jobs == {JobState.DONE: many}
    assert set(w.report.calls_per_number.values()) == {1}
    assert w.report.calls == many


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("honoured", [True, False])
@pytest.mark.parametrize("lag_s", [0.0, 12.0])
@in_virtual_time
async def test_looking_after_the_settle_time_is_enough(fault: str, honoured: bool, lag_s: float) -> None:
    account = replace(STEADY, idempotency=honoured, listing_lag_s=lag_s, talk_s=100, talk_sigma=0)
    async with world(account, FAULTS[fault] + ",only_first=1") as w:
        p = await w.run(answering(8), timeout_s=5.0, settle_s=20.0)
        everyone_once(w, p, 8)
        assert p.tally.uncertain == 8
        made = fault not in MAKES_NO_CALL
        assert (p.tally.adopted, w.report.create_requests) == ((8, 8) if made else (0, 16))


@pytest.mark.parametrize("fault", FAULTS)
@in_virtual_time
async def test_a_listing_that_lags_longer_is_caught_by_the_key(fault: str) -> None:
    account = replace(STEADY, listing_lag_s=55.0, talk_s=100, talk_sigma=0)
    async with world(account, FAULTS[fault] + ",only_first=1") as w:
        p = await w.run(answering(8), timeout_s=5.0, settle_s=20.0)
        everyone_once(w, p, 8)
        made = fault not in MAKES_NO_CALL
        assert w.report.replays == (8 if made else 0), "the same bytes, or the API would have refused them"
        assert w.report.create_requests == 16


@in_virtual_time
async def test_a_repeat_is_the_same_bytes() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", NOT_MADE, says(500), says(503), Twist(drops=True, passes=False))
        await w.run([job(job_id="a-1")], settle_s=5, looks_max=9)
        bodies = [seen.body for seen in relay_of(w).creates()]
        assert len(bodies) == 5
        assert len(set(bodies)) == 1
        assert b"a-1" in bodies[0]
        (call,) = w.sim.calls
        assert call.request.idempotency_key == call.attempt_id


@in_virtual_time
async def test_the_settle_time_counts_from_when_a_repeat_really_left() -> None:
    """The line is held while the repeat waits, and the listing lags nearly as long as we settle."""
    account = replace(STEADY, idempotency=False, listing_lag_s=15.0, talk_s=200, talk_sigma=0)
    async with world(account, relayed=True) as w:
        relay_of(w).on("create", NOT_MADE, LOST)
        async with w.running([job()], settle_s=20) as p:
            await anyio.sleep(15)
            p.campaign.pace.hold("429", 40)
        assert len(relay_of(w).creates()) == 2
        everyone_once(w, p, 1)


@in_virtual_time
async def test_the_settle_time_counts_from_the_end_of_a_slow_repeat() -> None:
    account = replace(STEADY, idempotency=False, listing_lag_s=15.0, talk_s=200, talk_sigma=0)
    async with world(account, relayed=True) as w:
        relay_of(w).on("create", NOT_MADE, Twist(before_s=28, drops=True))
        p = await w.run([job()], settle_s=20, timeout_s=30)
        assert len(relay_of(w).creates()) == 2
        everyone_once(w, p, 1)


@in_virtual_time
async def test_a_look_that_fails_is_no_miss() -> None:
    account = replace(STEADY, idempotency=False, talk_s=200, talk_sigma=0)
    async with world(account, relayed=True) as w:
        relay_of(w).on("create", LOST)
        relay_of(w).on("list", *[says(500), says(429), Twist(passes=False, drops=True), says(200, b"{}")] * 2)
        p = await w.run([job()], settle_s=10)
        everyone_once(w, p, 1)
        assert len(relay_of(w).creates()) == 1


@in_virtual_time
async def test_many_are_looked_for_in_one_request() -> None:
    account = replace(STEADY, concurrency_limit=100, talk_s=300, talk_sigma=0)
    async with world(account, "drop_after=1") as w:
        p = await w.run(answering(60), cps=200, slots=100, poll_s=60)
        everyone_once(w, p, 60)
        lists = w.report.requests["POST /v3/list-calls"]["200"]
        assert lists < 20, "sixty looks within a third of a second are one request"


@in_virtual_time
async def test_a_key_that_is_too_old_is_not_sent_again() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", NOT_MADE)
        p = await w.run([job()], settle_s=20, looks_max=3, key_lifetime_s=15)
        assert len(relay_of(w).creates()) == 1
        (parked,) = p.of(AttemptParked)
        assert parked.attempt.state is AttemptState.UNKNOWN
        assert (await p.counts()).jobs[JobState.UNKNOWN] == 1
        (line,) = w.log.of("unknown")
        assert (line["state"], line["outcome"]) == ("unknown", "unknown")
        again = await w.run([job()])
        assert (await again.counts()).jobs[JobState.UNKNOWN] == 1, "never redialled by itself"
        assert len(relay_of(w).creates()) == 1


@in_virtual_time
async def test_a_key_that_ages_while_the_repeat_waits_is_not_sent_again() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", NOT_MADE)
        async with w.running([job()], settle_s=10, looks_max=2, key_lifetime_s=30) as p:
            await anyio.sleep(5)
            p.campaign.pace.hold("429", 60)
        assert len(relay_of(w).creates()) == 1
        assert "too old" in p.of(AttemptParked)[0].why


@in_virtual_time
async def test_an_api_that_keeps_no_keys_is_only_asked_to_look() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", NOT_MADE)
        p = await w.run([job()], api_honours_key=False, settle_s=5)
        assert len(relay_of(w).creates()) == 1
        assert p.tally.parked == 1


@in_virtual_time
async def test_a_refusal_of_the_repeat_says_nothing_of_the_first_request() -> None:
    account = replace(STEADY, listing_lag_s=50, talk_s=200, talk_sigma=0)
    async with world(account, relayed=True) as w:
        relay_of(w).on("create", LOST, says(400, b'{"message":"no such agent"}'))
        p = await w.run([job()], settle_s=20)
        assert len(relay_of(w).creates()) == 2, "it is not sent a third time"
        everyone_once(w, p, 1)
        relay_of(w).on("create", NOT_MADE, says(400, b'{"message":"no such agent"}'))
        p = await w.run([job(1)], settle_s=20)
        assert p.of(AttemptParked)[0].why == "HTTP 400: no such agent"
        assert len(relay_of(w).creates()) == 4


@pytest.mark.parametrize("answer", [says(429, RateLimit_Reset="30"), says(429), says(503)])
@in_virtual_time
async def test_only_repeats_that_may_have_been_carried_out_are_counted(answer: Twist) -> None:
    """While an API recovers it refuses for minutes: that is no reason to give attempts up as unknown."""
    async with world(relayed=True) as w:
        relay_of(w).on("create", NOT_MADE, *[answer] * 9)
        p = await w.run([job()], settle_s=5, looks_max=3)
        counted = answer.status == 503
        assert (p.tally.parked, w.report.calls) == ((1, 0) if counted else (0, 1))
        assert len(relay_of(w).creates()) == (4 if counted else 11)


@in_virtual_time
async def test_an_account_that_is_refused_meanwhile_leaves_it_open() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", NOT_MADE)
        relay_of(w).always("create", says(402))
        p = await w.run([job()], settle_s=5)
        assert p.campaign.stopping is not None
        assert p.campaign.stopping.account
        (open_,) = await p.ledger.open_attempts(p.campaign_id, frozenset({AttemptState.UNCERTAIN}))
        assert open_.state is AttemptState.UNCERTAIN
        relay_of(w).always("create", Twist())
        again = await w.run([job()], settle_s=5)
        everyone_once(w, again, 1)


@in_virtual_time
async def test_one_refusal_of_a_repeat_is_asked_again_where_nobody_else_is_to_be_called() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", NOT_MADE, says(402))
        p = await w.run([job()], settle_s=5)
        everyone_once(w, p, 1)


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
@in_virtual_time
async def test_a_clock_that_is_set_while_settling(step_s: float) -> None:
    account = replace(STEADY, idempotency=False, listing_lag_s=15, talk_s=200, talk_sigma=0)
    for first in (LOST, NOT_MADE):
        async with world(account, relayed=True) as w:
            relay_of(w).on("create", first)
            async with w.running([job()], settle_s=20, looks_max=2) as p:
                await anyio.sleep(5)
                w.clock.step_s = step_s
                await anyio.sleep(21)
                assert p.tally.adopted == (first is LOST), "an hour more or less is no settle time"
            repeated = first is NOT_MADE and step_s < 0
            assert len(relay_of(w).creates()) == 1 + repeated, "an hour on, the key may be too old"


@in_virtual_time
async def test_an_unknown_attempt_is_found_later_and_goes_on_as_any_other() -> None:
    account = replace(
        STEADY, idempotency=True, listing_lag_s=200, ring_s=5, ring_sigma=0, talk_s=600, talk_sigma=0
    )
    async with world(account, relayed=True) as w:
        relay_of(w).on("create", LOST)
        # the second keeps the campaign going
        p = await w.run(answering(2), cps=1, settle_s=10, looks_max=2, api_honours_key=False, call_max_s=3000)
        assert (p.tally.parked, p.tally.adopted) == (1, 1)
        everyone_once(w, p, 2)
        assert [line["kind"] for line in map(dict, w.log.of("unknown"))] == ["unknown"]
        assert p.campaign.slots.in_use == 0, "its call is over, so its slot is free"


@in_virtual_time
async def test_an_unknown_attempt_holds_its_slot_as_long_as_its_call_could_last() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", NOT_MADE)
        options: dict[str, Any] = {"slots": 1, "settle_s": 5, "looks_max": 1, "call_max_s": 400}
        async with w.running(answering(2), api_honours_key=False, **options) as p:
            await anyio.sleep(390)
            assert (p.tally.claimed, p.campaign.slots.in_use, p.tally.parked) == (1, 1, 1)
            await anyio.sleep(20)
            assert p.tally.claimed == 2
        assert w.report.calls == 1


@in_virtual_time
async def test_what_is_told_of_an_uncertain_attempt() -> None:
    async with world(STEADY, "drop_after=1,only_first=1") as w:
        p = await w.run([job()], settle_s=7)
        (uncertain,), (placed,), (closed,) = p.of(AttemptUncertain), p.of(CallPlaced), p.of(AttemptClosed)
        assert (uncertain.why, placed.adopted) == ("ServerDisconnectedError: Server disconnected", True)
        assert placed.answer_s == pytest.approx(7.3, abs=1.0)
        assert closed.attempt.call_id == placed.call_id
        (line,) = w.log.of("attempt")
        assert (line["call_id"], line["state"]) == (placed.call_id, "ended")


@in_virtual_time
async def test_one_that_is_found_after_an_operator_resolved_it_is_counted_no_more() -> None:
    account = replace(STEADY, listing_lag_s=200, talk_s=600, talk_sigma=0)
    options: dict[str, Any] = {"cps": 1, "settle_s": 10, "looks_max": 2, "call_max_s": 3000}
    async with world(account, relayed=True) as w:
        relay_of(w).on("create", LOST)
        async with w.running(answering(2), api_honours_key=False, **options) as p:
            await anyio.sleep(100)
            (parked,) = p.of(AttemptParked)
            assert isinstance(p.ledger, SqlLedger)
            await p.ledger.resolve_not_called([parked.attempt.id], "somebody", w.clock.now())
        (found,) = [event for event in p.of(AttemptUncertain) if "had resolved" in event.why]
        assert found.attempt.id == parked.attempt.id
        assert p.tally.live_ids == p.tally.uncertain_ids == p.tally.unknown_ids == set()
