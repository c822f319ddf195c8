"""Requests that the API refuses: only what is about the person closes a job; others are called later."""

from collections import Counter
from dataclasses import replace

import anyio
import pytest

from dialer.domain.breakers import BreakerRules
from dialer.domain.calls import CallJob
from dialer.domain.canary import CanaryRule
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.screening import CampaignPolicy
from dialer.engine.events import AttemptClosed, RequestHeld
from tests.engine.test_placing_limits import relay_of, says
from tests.support.campaigns import World, in_virtual_time, world
from tests.support.people import CALLER, STEADY, answering, job
from tests.support.relay import PLAIN, Twist

OTHER = "+12125550198"
OURS = replace(STEADY, from_numbers=frozenset({CALLER}))
NOT_OURS = f"Item {OTHER} not found from phone-number"
REQUIRED = b'{"status":"error","message":"request/body must have required property \'consent\'"}'
DNC = b'{"status":"error","message":"The contact for to_number is marked do_not_call."}'
UNCLEAR = b'{"status":"error","message":"Bad request"}'


async def everyone_is_called(w: World, people: list[CallJob], pool: tuple[str, ...] = (CALLER,)) -> None:
    p = await w.run(people, screen=CampaignPolicy(pool))
    assert p.jobs == {JobState.DONE: len(people)}
    assert set(Counter(call.to_number for call in w.sim.calls).values()) == {1}
    assert len(w.sim.calls) == len(people)


@in_virtual_time
async def test_a_from_number_that_is_not_ours_stops_the_campaign_and_loses_nobody() -> None:
    async with world(OURS) as w:
        p = await w.run(answering(3), screen=CampaignPolicy((OTHER,)))
        assert p.jobs == {JobState.OPEN: 3}
        assert p.campaign.stopping is not None
        assert NOT_OURS in p.campaign.stopping.why
        assert "from_numbers" in p.campaign.stopping.way_out
        assert p.ended_at is not None
        assert p.ended_at < 60.0
        assert {closed.outcome for closed in p.of(AttemptClosed)} == {Outcome.CONFIGURATION}
        control = await p.ledger.control(p.campaign_id)
        assert control.stopped is not None
        assert NOT_OURS in control.stopped.why
        await everyone_is_called(w, answering(3))


@in_virtual_time
async def test_a_from_number_that_is_bought_meanwhile_is_tried_at_once_by_the_same_command() -> None:
    async with world(OURS) as w:
        p = await w.run(answering(3), screen=CampaignPolicy((OTHER,)))
        assert p.jobs == {JobState.OPEN: 3}
        p = await w.run(answering(3), screen=CampaignPolicy((OTHER,)))
        assert p.jobs == {JobState.OPEN: 3}
        assert p.campaign.stopping is not None
        w.sim.set_account(from_numbers=frozenset({CALLER, OTHER}))
        await everyone_is_called(w, answering(3), (OTHER,))


@in_virtual_time
async def test_one_line_that_is_not_ours_rests_and_the_others_call_everybody() -> None:
    async with world(OURS, relayed=True) as w:
        await everyone_is_called(w, answering(40), (OTHER, CALLER))
        refused = [seen for seen in relay_of(w).creates() if OTHER.encode() in seen.body]
        assert 1 <= len(refused) <= 4, "those that were under way when it was told"


@in_virtual_time
async def test_rows_with_a_line_of_their_own_wait_for_it_and_the_others_are_called() -> None:
    async with world(OURS) as w:
        people = [job(0, from_number=OTHER), *answering(5)[1:]]
        async with w.running(people) as p:
            await anyio.sleep(200)
            counts = await p.counts()
            assert counts.jobs[JobState.DONE] == 4
            assert counts.jobs[JobState.FAILED] == 0
            w.sim.set_account(from_numbers=frozenset({CALLER, OTHER}))
        assert p.jobs == {JobState.DONE: 5}


@pytest.mark.parametrize(("status", "body"), [(422, b""), (400, REQUIRED)])
@pytest.mark.parametrize("many", [1, 4])
@in_virtual_time
async def test_what_all_requests_have_stops_the_campaign_at_once_and_loses_nobody(
    status: int, body: bytes, many: int
) -> None:
    async with world(relayed=True) as w:
        relay_of(w).always("create", says(status, body))
        p = await w.run(answering(many), cps=1.0)
        assert p.jobs == {JobState.OPEN: many}
        assert len(relay_of(w).creates()) == 3
        assert p.campaign.stopping is not None
        assert f"HTTP {status}" in p.campaign.stopping.why
        assert "agent" in p.campaign.stopping.way_out
        assert p.ended_at is not None
        assert p.ended_at < 60.0
        relay_of(w).always("create", PLAIN)
        await everyone_is_called(w, answering(many))


@pytest.mark.parametrize("many", [1, 3, 30])
@in_virtual_time
async def test_a_refusal_that_names_nobody_closes_nobody_while_all_get_it(many: int) -> None:
    async with world(relayed=True) as w:
        relay_of(w).always("create", says(400, UNCLEAR))
        p = await w.run(answering(many))
        assert p.jobs == {JobState.OPEN: many}
        assert p.campaign.stopping is not None
        assert "20 requests in a row" in p.campaign.stopping.why
        relay_of(w).always("create", PLAIN)
        await everyone_is_called(w, answering(many))


@in_virtual_time
async def test_a_request_that_alone_is_refused_again_and_again_is_given_up() -> None:
    async with world(relayed=True) as w:
        relay = relay_of(w)
        relay.always_with(b"+12015550100", says(400, UNCLEAR))
        people = answering(1) + [job(n, 301, priority=-n) for n in range(20)]
        p = await w.run(people, cps=0.2)
        assert p.jobs == {JobState.DONE: 20, JobState.FAILED: 1}
        assert 3 <= sum(b"+12015550100" in seen.body for seen in relay.creates()) <= 5


@in_virtual_time
async def test_with_the_rule_off_a_wrong_agent_stops_with_the_run_of_refusals() -> None:
    async with world(relayed=True) as w:
        relay_of(w).always("create", says(422))
        p = await w.run(
            answering(30), screen=CampaignPolicy((CALLER,), breakers=BreakerRules(configuration_max=0))
        )
        assert p.jobs == {JobState.OPEN: 30}
        assert p.campaign.stopping is not None


@in_virtual_time
async def test_a_page_of_a_firewall_is_waited_out_and_nobody_is_rung_twice_or_lost() -> None:
    async with world(relayed=True) as w:
        page = Twist(passes=False, status=403, body=b"<html>Just a moment...</html>")
        relay_of(w).always("create", page)
        async with w.running(answering(30), settle_s=5) as p:
            await anyio.sleep(1200)
            assert len(relay_of(w).creates()) < 120, "the line is held the longer, the longer it lasts"
            assert "HTML page" in p.of(RequestHeld)[0].why
            relay_of(w).always("create", PLAIN)
        assert p.jobs == {JobState.DONE: 30}
        assert p.campaign.stopping is None
        assert len(w.sim.calls) == 30


@in_virtual_time
async def test_who_is_marked_do_not_call_there_is_suppressed_and_no_failed_request() -> None:
    """Thirty of them in a row stop nothing, and none of them is one of the canary's calls."""
    async with world(relayed=True) as w:
        marked = answering(30)
        relay_of(w).on("create", *[says(400, DNC)] * 30)
        canary = CanaryRule(calls=5, failure_share_max=0.0)
        rest = [job(n, 401, priority=-1) for n in range(10)]
        p = await w.run([*marked, *rest], screen=CampaignPolicy((CALLER,), canary=canary), cps=1.0)
        assert p.campaign.stopping is None
        assert p.jobs == {JobState.DONE: 40}
        assert p.tally.closed == {Outcome.DO_NOT_CALL: 30, Outcome.REACHED: 10}
        assert {closed.state for closed in p.of(AttemptClosed)} == {AttemptState.REFUSED, AttemptState.ENDED}
        (first, fifth) = sorted(call.created_at for call in w.sim.calls)[:6:5]
        assert fifth - first > 60, "the sixth call waits for the canary's five, of which none is theirs"
        said = await p.ledger.suppressed(marked[0].to_number or "")
        assert said is not None
        assert (said.source, said.reason) == ("retell", "is marked do-not-call in Retell's contacts")
