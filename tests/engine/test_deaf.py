"""list-calls or get-concurrency fails for ever: told, gone round, and nothing is held for ever."""

from dataclasses import replace

import anyio
import pytest

from dialer.domain.lifecycle import JobState
from dialer.domain.service_parts import ServicePart
from dialer.engine.attempts.placing import BLIND_S_MAX
from dialer.engine.events import AttemptClosed, AttemptParked, ServiceFailing
from tests.engine.test_placing_limits import relay_of, says
from tests.engine.test_placing_uncertain import LOST
from tests.support.campaigns import Process, World, in_virtual_time, world
from tests.support.people import ANSWERED_S, STEADY, answering, job
from tests.support.relay import Twist
from tests.support.service_world import service_world

GONE = says(404, b'{"status":"error","message":"Not Found"}')


def told(p: Process, part: ServicePart) -> list[str | None]:
    return [event.why for event in p.of(ServiceFailing) if event.part is part]


def gets(w: World) -> list[float]:
    return [seen.at for seen in relay_of(w).seen if "get-call" in seen.path]


@pytest.mark.parametrize("twist", [GONE, says(500), Twist(drops=True)])
@in_virtual_time
async def test_a_listing_that_fails_for_ever_holds_no_slot_and_is_told(twist: Twist) -> None:
    async with world(replace(STEADY, concurrency_limit=20), relayed=True) as w:
        relay_of(w).always("list-calls", twist)
        p = await w.run(answering(40), slots=20, cps=20)
        assert p.jobs == {JobState.DONE: 40}
        [said] = told(p, ServicePart.LISTING)
        assert said is not None
        assert said.startswith("cannot hear how calls end: ")
        assert said.endswith("from list-calls since 08:00 UTC")
        ends = [closed.at - closed.attempt.claimed_at for closed in p.of(AttemptClosed)]
        assert max(ends) < ANSWERED_S + 10, "within one round of get-call"
        times = gets(w)
        assert max(sum(at <= other < at + 10 for other in times) for at in times) <= 100
        assert set(w.report.requests["GET /v2/get-call/{call_id}"]) == {"200"}
        assert await p.ledger.failing(w.clock.now()) == [], "a run that has ended fails no more"


@in_virtual_time
async def test_a_listing_that_works_again_is_told_and_asked_as_before() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("list-calls", *[GONE] * 5)
        p = await w.run(answering(10), slots=5)
        assert p.jobs == {JobState.DONE: 10}
        assert len(told(p, ServicePart.LISTING)) == 2
        assert told(p, ServicePart.LISTING)[1] is None


@in_virtual_time
async def test_two_failures_in_a_row_are_nothing_to_tell() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("list-calls", GONE, GONE, Twist(), GONE, GONE)
        p = await w.run(answering(5), slots=5)
        assert told(p, ServicePart.LISTING) == []


@in_virtual_time
async def test_an_attempt_that_nobody_could_look_for_becomes_unknown_after_the_bound() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", LOST)
        relay_of(w).always("list-calls", GONE)
        p = await w.run([job()], settle_s=20)
        (parked,) = p.of(AttemptParked)
        assert parked.why == "nobody could look for its call for 15 minutes: HTTP 404: Not Found"
        assert told(p, ServicePart.LISTING)[0] is not None
        assert p.ended_at is not None
        assert BLIND_S_MAX < p.ended_at < BLIND_S_MAX + 100
        relay_of(w).always("list-calls", Twist())
        again = await w.run()
        assert again.jobs == {JobState.DONE: 1}, "it is found once somebody can look"
        assert w.report.calls == 1


@in_virtual_time
async def test_uncertain_attempts_are_looked_for_beside_calls_that_cannot_be_followed() -> None:
    """Only the request for calls by their ids fails."""
    async with world(replace(STEADY, talk_s=600), relayed=True) as w:
        relay = relay_of(w)
        relay.on("create", Twist(), LOST)
        relay.always_with(b'"call_id"', GONE)
        async with w.running(answering(2), slots=2, cps=1, settle_s=20) as p:
            await anyio.sleep(60)
            assert p.tally.adopted == 1
            assert told(p, ServicePart.LISTING)
        assert p.jobs == {JobState.DONE: 2}


@in_virtual_time
async def test_a_concurrency_that_is_not_told_is_told_and_the_last_one_holds() -> None:
    async with world(replace(STEADY, concurrency_limit=3), relayed=True) as w:
        relay_of(w).on("get-concurrency", Twist(), *[GONE] * 4)
        p = await w.run(answering(30), slots=10, cps=5, refresh_s=30)
        assert p.jobs == {JobState.DONE: 30}
        first, last = told(p, ServicePart.CONCURRENCY)
        assert first is not None
        assert first.startswith("cannot ask how many calls at once are allowed: HTTP 404: Not Found")
        assert last is None
        assert w.report.peak_live <= 3
        assert "429" not in w.report.requests["POST /v2/create-phone-call"]


@in_virtual_time
async def test_no_slots_at_all_is_told_with_the_numbers_and_ends() -> None:
    account = replace(STEADY, concurrency_limit=10, reserved_inbound_concurrency=4, used_by_others=6)
    async with service_world(account) as w:
        await w.submit("spring", answering(2))
        async with w.working(slots=5, refresh_s=30) as worker:
            await anyio.sleep(300)
            [said] = worker.of(ServiceFailing)
            numbers = "the account allows 10 calls at once, keeps 4 for inbound, and 6 are others'"
            assert (said.part, said.why) == (ServicePart.SLOTS, f"no call may be made: {numbers}")
            assert "buy concurrency" in said.remedy
            [seen] = await w.ledger.failing(w.clock.now())
            assert seen.failure.part is ServicePart.SLOTS
            w.sim.set_account(used_by_others=0)
            await w.until_done("spring", many=2)
            assert worker.of(ServiceFailing)[-1].why is None
