"""What is told while a line is held, and from when the longest call is counted."""

from dataclasses import replace

import anyio
import orjson
import pytest

from dialer.domain.lifecycle import AttemptState, JobState
from dialer.engine.events import AttemptParked, AttemptUncertain, CallPlaced, RequestHeld
from tests.engine.test_placing_limits import relay_of, says
from tests.engine.test_placing_uncertain import LOST, NOT_MADE
from tests.support.campaigns import EPOCH, in_virtual_time, world
from tests.support.people import STEADY, job

DROPPED = "ServerDisconnectedError: Server disconnected"


@in_virtual_time
async def test_each_hold_of_the_line_says_why() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on(
            "create", *[says(429, RateLimit_Reset="3")] * 3, NOT_MADE, says(429, RateLimit_Reset="5")
        )
        p = await w.run([job()], settle_s=5)
        held = p.of(RequestHeld)
        assert [each.wait_s for each in held] == pytest.approx([3, 3, 3, 5], abs=0.1)
        assert all(each.why.startswith("HTTP 429") for each in held)
        assert p.jobs == {JobState.DONE: 1}


@in_virtual_time
async def test_a_repeat_that_is_told_to_wait_begins_with_the_first_wait() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", NOT_MADE, says(429))
        p = await w.run([job()], settle_s=5, backoff_initial_s=8.0)
        (held,) = p.of(RequestHeld)
        assert 4.0 <= held.wait_s < 8.0


@in_virtual_time
async def test_what_is_given_up_says_what_was_heard_last() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", NOT_MADE, says(500), NOT_MADE)
        p = await w.run([job()], settle_s=5, looks_max=2)
        (parked,) = p.of(AttemptParked)
        assert parked.why == DROPPED


@in_virtual_time
async def test_the_longest_call_is_counted_from_when_its_attempt_began() -> None:
    async with world(relayed=True) as w:
        relay_of(w).always("list", says(200, orjson.dumps({"items": [], "has_more": False})))
        relay_of(w).always("get-call", says(422, b'{"message":"Cannot find requested asset"}'))
        await anyio.sleep(500)
        p = await w.run([job()], call_max_s=600)
        assert p.jobs == {JobState.UNKNOWN: 1}
        assert p.ended_at is not None
        assert 1100 < p.ended_at < 1110


@in_virtual_time
async def test_a_repeat_is_written_down_before_it_leaves_with_its_time() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", NOT_MADE, NOT_MADE)
        async with w.running([job()], settle_s=20) as p:
            await anyio.sleep(30)
            first, second = relay_of(w).creates()
            (kept,) = await p.ledger.open_attempts(p.campaign_id, frozenset({AttemptState.UNCERTAIN}))
            assert kept.claimed_at == pytest.approx(EPOCH + first.at, abs=0.1)
            assert kept.last_sent_at == pytest.approx(EPOCH + second.at, abs=0.1)
            told = p.of(AttemptUncertain)[-1].attempt
            assert (told.state, told.last_sent_at) == (AttemptState.UNCERTAIN, kept.last_sent_at)
            assert [each.why for each in p.of(AttemptUncertain)] == [DROPPED] * 2
        assert (p.jobs, w.report.calls) == ({JobState.DONE: 1}, 1)


@in_virtual_time
async def test_a_call_that_is_heard_of_at_the_gate_is_adopted() -> None:
    account = replace(STEADY, listing_lag_s=500, talk_s=40, talk_sigma=0)
    async with world(account, "webhook_late=1,webhook_late_s=40", relayed=True, webhooks=True) as w:
        relay_of(w).on("create", LOST)
        async with w.running([job()], settle_s=20) as p:
            await anyio.sleep(15)
            p.campaign.pace.hold("429", 60)
        (placed,) = p.of(CallPlaced)
        assert placed.adopted
        assert len(relay_of(w).creates()) == 1
