"""A stop: requests under way get their answer, everything else is left to the next start. No slot is lost."""

from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from dialer.domain.lifecycle import AttemptState, JobState
from dialer.engine.events import AttemptClosed, CallPlaced, CampaignStopping, Event
from tests.engine.test_placing_limits import relay_of, says
from tests.engine.test_placing_uncertain import NOT_MADE
from tests.support.campaigns import Process, in_virtual_time, world
from tests.support.people import STEADY, Listed, answering, job
from tests.support.relay import Twist


async def stopped_within(p: Process) -> float:
    """Seconds from the stop to the end."""
    since = anyio.current_time()
    p.stop()
    await p.ended.wait()
    return anyio.current_time() - since


async def states(p: Process) -> list[AttemptState]:
    """Of the attempts that are open."""
    every = frozenset({AttemptState.CLAIMED, AttemptState.UNCERTAIN, AttemptState.PLACED})
    return [attempt.state for attempt in await p.ledger.open_attempts(p.campaign_id, every)]


@in_virtual_time
async def test_requests_under_way_get_their_answer() -> None:
    async with world(replace(STEADY, concurrency_limit=60, latency_s=3.0, ring_s=5, talk_s=60)) as w:
        async with w.running(answering(60), cps=5, slots=60) as p:
            await anyio.sleep(10)
            requests = w.report.create_requests
            assert requests - len(p.of(CallPlaced)) >= 15, "else there is nothing to wait for"
            assert 2.5 < await stopped_within(p) < 3.5
            assert w.report.create_requests == requests
            assert len(p.of(CallPlaced)) == requests
            assert set(await states(p)) == {AttemptState.PLACED}
            assert p.tally.uncertain == 0
        again = await w.run(answering(60), cps=5)
        assert again.jobs == {JobState.DONE: 60}
        assert w.report.calls == 60


@in_virtual_time
async def test_calls_that_go_on_are_no_reason_to_wait() -> None:
    async with world() as w:
        async with w.running(answering(20)) as p:
            await anyio.sleep(10)
            assert await stopped_within(p) < 0.1
        await anyio.sleep(1000)
        again = await w.run(answering(20))
        assert (again.tally.resumed, again.tally.claimed, again.jobs) == (20, 0, {JobState.DONE: 20})


@pytest.mark.parametrize("failures", [1, 2, 3])
@in_virtual_time
async def test_what_waits_out_a_429_is_put_back_at_once(failures: int) -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", *[says(429, RateLimit_Reset="5")] * (failures - 1))
        relay_of(w).always("create", says(429, RateLimit_Reset="200"))
        async with w.running(answering(10)) as p:
            await anyio.sleep(30)
            assert p.tally.claimed > 0
            assert await stopped_within(p) < 0.1
            assert await states(p) == []
            assert {closed.due_at == closed.at for closed in p.of(AttemptClosed)} == {True}
        assert p.jobs == {JobState.OPEN: 10}
        relay_of(w).always("create", Twist())
        again = await w.run(answering(10))
        assert (again.tally.uncertain, again.jobs, w.report.calls) == (0, {JobState.DONE: 10}, 10)


@in_virtual_time
async def test_what_waits_for_its_turn_is_put_back_at_once() -> None:
    async with world() as w:
        async with w.running(answering(10), cps=5, burst_s=1.0) as p:
            p.campaign.pace.hold("a slow line", 100)
            await anyio.sleep(10)
            assert await stopped_within(p) < 0.1
        assert (p.jobs, w.report.create_requests) == ({JobState.OPEN: 10}, 0)


@in_virtual_time
async def test_an_uncertain_attempt_stays_so_and_is_settled_by_the_next_start() -> None:
    for moment_s in (5, 19.9, 20.1, 25):
        async with world(relayed=True) as w:
            relay_of(w).on("create", NOT_MADE, Twist(before_s=3))
            async with w.running([job()], settle_s=20) as p:
                await anyio.sleep(moment_s)
                assert await stopped_within(p) < 0.1
                assert await states(p) == [AttemptState.UNCERTAIN if moment_s < 25 else AttemptState.PLACED]
            again = await w.run([job()], settle_s=20)
            assert (again.jobs, w.report.calls) == ({JobState.DONE: 1}, 1)


@in_virtual_time
async def test_an_uncertain_answer_after_the_stop_is_written_down() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", Twist(after_s=4, drops=True))
        async with w.running([job()]) as p:
            await anyio.sleep(1)
            assert 2.5 < await stopped_within(p) < 3.5
            assert await states(p) == [AttemptState.UNCERTAIN]
        again = await w.run([job()])
        assert (again.tally.adopted, w.report.calls) == (1, 1)


@in_virtual_time
async def test_grace_is_a_bound_and_what_it_cuts_is_resumed() -> None:
    async with world(relayed=True) as w:
        relay_of(w).always("create", Twist(after_s=60))
        async with w.running(answering(5), grace_s=12) as p:
            await anyio.sleep(1)
            assert await stopped_within(p) == pytest.approx(12, abs=0.1)
            assert await states(p) == [AttemptState.CLAIMED] * 5
            p.crashed = True  # those were cut off, with their slots
        again = await w.run(answering(5))
        assert (again.tally.adopted, again.jobs, w.report.calls) == (5, {JobState.DONE: 5}, 5)


@in_virtual_time
async def test_reading_stops_too() -> None:
    async with world() as w:
        async with w.running(source=Listed(answering(2000), pause_s=5.0), rows_max=2) as p:
            await anyio.sleep(21)
            assert await stopped_within(p) < 0.1
        assert not p.intake.complete
        assert p.tally.intake.rows == 10
        again = await w.run(answering(10))
        assert again.jobs == {JobState.DONE: 10}


@in_virtual_time
async def test_a_stop_before_anything_has_begun() -> None:
    async with world() as w:
        async with w.running(answering(10)) as p:
            p.stop()
            p.stop()
        assert (w.report.create_requests, len(p.of(CampaignStopping))) == (0, 1)


@in_virtual_time
async def test_a_stop_is_carried_out_also_when_an_observer_fails() -> None:
    def observe(event: Event) -> None:
        if isinstance(event, CampaignStopping):
            raise BrokenPipeError("nobody reads the terminal any more")

    async with world() as w:
        async with w.running(answering(200), cps=5, on_event=observe) as p:
            await anyio.sleep(5)
            with pytest.raises(BrokenPipeError):
                p.stop()
        assert p.jobs[JobState.OPEN] > 100


@pytest.mark.parametrize("seed", range(4))
@in_virtual_time
async def test_stopped_again_and_again(seed: int, tmp_path: Path) -> None:
    account = replace(STEADY, latency_s=0.4, ring_s=3, talk_s=20, listing_lag_s=8, idempotency=seed % 2 == 0)
    faults = "rate_limited=0.15,error_before=0.1,error_after=0.1,drop_after=0.1,drop_before=0.1"
    path = tmp_path if seed < 2 else None
    async with world(account, faults, seed=seed, path=path, webhooks=seed % 3 == 0) as w:
        for round_ in range(10):
            async with w.running(answering(30), cps=4, slots=12, settle_s=10, looks_max=8) as p:
                await anyio.sleep(3.0 + (seed + round_) % 7)
                p.stop()
        last = await w.run(answering(30), cps=4, slots=12, settle_s=10, looks_max=8)
        assert last.jobs == {JobState.DONE: 30}
        assert set(w.report.calls_per_number.values()) == {1}
