"""A request that surely made no call: the line slows down, the request goes again, nothing is spent."""

from itertools import pairwise
from typing import Any

import anyio
import pytest

from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.engine.account_gate import BELIEVED_AFTER
from dialer.engine.events import AttemptClosed, RequestHeld
from tests.support.campaigns import World, in_virtual_time, world
from tests.support.people import STEADY, answering, job
from tests.support.relay import Relay, Twist

SLACK_S = 0.5
"""For a pace of 20 a second and the way there."""


def relay_of(w: World) -> Relay:
    assert w.relay is not None
    return w.relay


def says(status: int, body: bytes = b"", **headers: str) -> Twist:
    """Answered by the relay; the simulator does not see it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Twist(passes=False, status=status, body=body, headers=named)


def gaps(w: World) -> list[float]:
    """Seconds between create requests."""
    at = [seen.at for seen in relay_of(w).creates()]
    return [later - earlier for earlier, later in pairwise(at)]


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"RateLimit_Reset": "7"}, 7.0),
        ({"Retry_After": "9"}, 9.0),
        ({"RateLimit_Reset": "7", "Retry_After": "30"}, 7.0),
        ({"RateLimit_Reset": "0", "Retry_After": "4"}, 4.0),
    ],
)
@in_virtual_time
async def test_a_429_says_when_to_go_again(headers: dict[str, str], wait_s: float) -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", says(429, b"", **headers))
        p = await w.run([job()])
        assert gaps(w) == [pytest.approx(wait_s, abs=SLACK_S)]
        assert gaps(w)[0] >= wait_s
        first, second = relay_of(w).creates()
        assert first.body == second.body
        (closed,) = p.of(AttemptClosed)
        assert (closed.outcome, closed.job_state) == (Outcome.REACHED, JobState.DONE)
        assert (await p.counts()).attempts == 1, "it is the same attempt that goes again"


@in_virtual_time
async def test_a_429_that_names_no_time_is_waited_out_longer_and_longer() -> None:
    seen: list[list[float]] = []
    for seed in (1, 1, 2):
        async with world(relayed=True, seed=seed) as w:
            relay_of(w).on("create", *[says(429)] * 5)
            await w.run([job()], backoff_initial_s=2.0, backoff_max_s=16.0)
            for gap, ceiling in zip(gaps(w), (2, 4, 8, 16, 16), strict=True):
                assert ceiling / 2 <= gap <= ceiling + SLACK_S
            seen.append([round(gap, 3) for gap in gaps(w)])
    assert seen[0] == seen[1], "the jitter comes from the seed"
    assert seen[0] != seen[2]


@in_virtual_time
async def test_a_429_slows_the_whole_line() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", Twist(), says(429, RateLimit_Reset="20"))
        p = await w.run(answering(40), cps=10)
        at = [seen.at for seen in relay_of(w).creates()]
        assert len(at) == 41
        assert max(gaps(w)) >= 20.0, "nobody goes meanwhile"
        assert len([moment for moment in at if moment < at[0] + 1]) <= 4, "only who was on the way already"
        assert w.report.peak_creates_1s <= 10
        assert len(p.of(RequestHeld)) == 1


@pytest.mark.parametrize("tries_max", [1, 2, 6])
@in_virtual_time
async def test_after_so_many_tries_the_job_is_put_back_unspent(tries_max: int) -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", *[says(429, RateLimit_Reset="1")] * tries_max)
        p = await w.run([job()], tries_max=tries_max, put_back_s=30, attempts_max=1)
        assert len(relay_of(w).creates()) == tries_max + 1
        assert max(gaps(w)) == pytest.approx(30.0, abs=SLACK_S)
        back, done = p.of(AttemptClosed)
        assert (back.state, back.outcome, back.job_state) == (
            AttemptState.UNSPENT,
            Outcome.NOT_RUNG,
            JobState.OPEN,
        )
        assert back.error is not None
        assert "429" in back.error
        assert (done.attempt.number, done.attempt.job.history, done.job_state) == (2, (), JobState.DONE)
        bodies = {seen.body for seen in relay_of(w).creates()}
        assert len(bodies) == 2, "another attempt is another request"


@in_virtual_time
async def test_a_job_that_is_put_back_again_and_again_is_given_up() -> None:
    async with world(relayed=True) as w:
        relay_of(w).always("create", says(429, RateLimit_Reset="1"))
        p = await w.run([job()], tries_max=2, put_back_s=10, put_backs_max=4)
        assert [closed.job_state for closed in p.of(AttemptClosed)] == [JobState.OPEN] * 3 + [JobState.FAILED]
        assert len(relay_of(w).creates()) == 8
        (line,) = w.log.of("job")
        assert (line["state"], line["outcome"], line["attempt"], line["call_id"]) == (
            "failed",
            "not_rung",
            4,
            None,
        )
        put_back = [closed.due_at - closed.at for closed in p.of(AttemptClosed) if closed.due_at is not None]
        assert put_back == pytest.approx([10, 20, 40], abs=0.01)
        assert w.report.calls == 0


@in_virtual_time
async def test_nothing_listens_for_a_while() -> None:
    async with world(relayed=True) as w:
        await relay_of(w).stop()
        async with w.running(answering(20), put_back_s=20) as p:
            await anyio.sleep(90)
            assert p.tally.held > 0
            assert p.tally.uncertain == 0, "nothing was sent"
            await relay_of(w).start()
        assert (p.tally.uncertain, p.tally.jobs) == (0, {JobState.DONE: 20})
        assert len(relay_of(w).creates()) == w.report.calls == 20


@pytest.mark.parametrize(
    ("rows", "options"),
    [(1, {"in_flight_max": 1}), (30, {"in_flight_max": 3}), (30, {"tries_max": 2, "put_back_s": 3})],
)
@in_virtual_time
async def test_a_storm_of_429s_ends(rows: int, options: dict[str, Any]) -> None:
    async with world(STEADY, "rate_limited=0.7") as w:
        p = await w.run(answering(rows), **options)
        assert p.tally.jobs == {JobState.DONE: rows}
        assert w.report.calls == rows


@in_virtual_time
async def test_a_refused_request_fails_its_job_and_nobody_elses() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", Twist(), says(400, b'{"status":"error","message":"to_number is invalid"}'))
        p = await w.run(answering(5))
        assert p.tally.closed == {Outcome.REACHED: 4, Outcome.REFUSED: 1}
        (refused,) = [line for line in w.log.of("job") if line["state"] == "failed"]
        assert (refused["outcome"], refused["error"]) == ("refused", "HTTP 400: to_number is invalid")
        assert len(relay_of(w).creates()) == 5, "it is not asked again"


@pytest.mark.parametrize("status", [401, 402, 403])
@in_virtual_time
async def test_a_refused_account_stops_the_campaign_and_spends_nothing(status: int) -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", Twist(), Twist(), *[says(status)] * BELIEVED_AFTER)
        p = await w.run(answering(10), cps=1)
        assert p.campaign.stopping is not None
        assert (p.campaign.stopping.account, p.campaign.stopping.why) == (True, f"HTTP {status}")
        assert p.campaign.stopping.way_out
        assert len(relay_of(w).creates()) == 2 + BELIEVED_AFTER, "nobody is asked for after that"
        assert (await p.counts()).jobs[JobState.OPEN] >= 8
        unspent = [closed for closed in p.of(AttemptClosed) if closed.state is AttemptState.UNSPENT]
        assert len(unspent) == BELIEVED_AFTER
        for closed in unspent:
            assert (closed.job_state, closed.due_at) == (JobState.OPEN, closed.at)
        again = await w.run(answering(10))
        assert (await again.counts()).jobs[JobState.DONE] == 10
        assert w.report.calls == 10


@in_virtual_time
async def test_a_wrong_key_is_seen_before_anyone_is_called() -> None:
    async with world() as w:
        w.sim.set_account(api_key="another")
        p = await w.run(answering(5))
        assert p.campaign.stopping is not None
        assert "RETELL_API_KEY" in p.campaign.stopping.way_out
        assert ((await p.counts()).attempts, w.report.create_requests) == (0, 0)


@in_virtual_time
async def test_a_key_that_is_withdrawn_stops_the_campaign_at_the_next_look() -> None:
    async with world() as w, w.running(answering(5)) as p:
        await anyio.sleep(30)
        w.sim.set_account(api_key="another")
        await anyio.sleep(5)
        assert p.campaign.stopping is not None
        assert p.campaign.stopping.account
        w.sim.set_account(api_key=STEADY.api_key)


@pytest.mark.parametrize("status", [400, 429])
@in_virtual_time
async def test_no_room_puts_back_unspent_and_shrinks(status: int) -> None:
    full = b'{"status":"error","message":"Concurrency limit reached"}'
    async with world(relayed=True) as w:
        relay_of(w).on("create", *[Twist()] * 4, says(status, full))
        async with w.running(answering(5), slots=10, cps=5, put_back_s=15, recover_s=5) as p:
            await anyio.sleep(2.5)
            assert p.campaign.slots.limit == 4, "no more at once than were going on"
        back, *_ = p.of(AttemptClosed)
        assert (back.state, back.outcome) == (AttemptState.UNSPENT, Outcome.NOT_RUNG)
        assert p.tally.jobs == {JobState.DONE: 5}
        assert p.tally.held == 0, "a full account is no reason to go slower"
        assert len(relay_of(w).creates()) == 6, "it is put back at once, not tried again"
        assert p.campaign.slots.limit == 10
