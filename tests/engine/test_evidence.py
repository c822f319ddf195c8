"""What was heard of a call goes before any answer, or reason, that says there was none."""

import json
from dataclasses import replace

import anyio
import pytest

from dialer.domain.caps import Cap, CapsRule
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.screening import CampaignPolicy
from dialer.engine.events import AttemptClosed, AttemptParked, AttemptUncertain
from dialer.simulator.people import Behaviour
from tests.engine.test_placing_limits import relay_of
from tests.support.campaigns import in_virtual_time, world
from tests.support.people import CALLER, STEADY, job, number
from tests.support.relay import Twist

NO_CALL = {
    429: b'{"status":"error","message":"Too many requests"}',
    400: b'{"status":"error","message":"Bad request"}',
    402: b'{"status":"error","message":"Payment required"}',
}
RUNG_SAYS = (
    "sip_routing_error",
    "telephony_provider_permission_denied",
    "scam_detected",
    "credit_exhausted",
    "budget_reached",
    "concurrency_limit_reached",
    "no_concurrency_fallback",
    "registered_call_timeout",
)


@pytest.mark.parametrize("status", NO_CALL)
@in_virtual_time
async def test_an_answer_that_comes_after_the_webhook_does_not_beat_it(status: int) -> None:
    """The call is made, `call_started` comes after five seconds, and only then the answer: "no call"."""
    async with world(relayed=True, webhooks=True) as w:
        relay_of(w).on("create", Twist(status=status, body=NO_CALL[status], after_s=15.0))
        p = await w.run([job()])
        assert p.of(AttemptUncertain), "that the two contradict each other is told"
        (closed,) = p.of(AttemptClosed)
        assert (closed.state, closed.outcome) == (AttemptState.ENDED, Outcome.REACHED)
        assert len(w.sim.calls) == 1
        assert (await p.counts()).calls == 1


@in_virtual_time
async def test_a_call_that_is_heard_of_during_the_last_repeat_is_not_unknown() -> None:
    """Nothing is listed, the last repeat is answered by nobody; meanwhile `call_started` came."""
    account = replace(STEADY, listing_lag_s=900.0)
    async with world(account, relayed=True, webhooks=True) as w:
        relay_of(w).on("create", Twist(passes=False, drops=True), Twist(drops=True, after_s=15.0))
        p = await w.run([job()], looks_max=1, settle_s=5.0)
        assert len(relay_of(w).creates()) == 2
        assert p.of(AttemptParked) == []
        (closed,) = p.of(AttemptClosed)
        assert (closed.state, closed.outcome) == (AttemptState.ENDED, Outcome.REACHED)


@in_virtual_time
async def test_a_call_that_is_heard_of_between_two_tries_is_not_made_again() -> None:
    """429 at once; the webhook comes while the line waits."""
    async with world(relayed=True, webhooks=True) as w:
        headers = {"RateLimit-Reset": "20"}
        relay_of(w).on("create", Twist(status=429, body=NO_CALL[429], headers=headers))
        p = await w.run([job()])
        (closed,) = p.of(AttemptClosed)
        assert (closed.state, closed.outcome) == (AttemptState.ENDED, Outcome.REACHED)
        assert len(relay_of(w).creates()) == 1


@pytest.mark.parametrize(
    "said",
    [{"start_timestamp": 1_800_000_000_000}, {"duration_ms": 4_000}, {"call_cost": {"combined_cost": 7.0}}],
)
@pytest.mark.parametrize("reason", RUNG_SAYS)
@in_virtual_time
async def test_a_call_with_a_start_a_length_or_a_cost_rang_somebody(
    reason: str, said: dict[str, object]
) -> None:
    """Whatever its reason says: with one call in seven days nobody is rung again."""
    caps = CapsRule((Cap(1, 7 * 86_400.0),))
    async with world(relayed=True) as w:

        def end() -> None:
            (call,) = w.sim.calls
            news = {"call_id": call.call_id, "call_status": "error", "disconnection_reason": reason, **said}
            twist = Twist(
                passes=False, status=200, body=json.dumps({"items": [news], "has_more": False}).encode()
            )
            relay_of(w).always("list-calls", twist)
            relay_of(w).always("get-call", Twist(passes=False, status=200, body=json.dumps(news).encode()))

        relay_of(w).on("create", Twist(then=end))
        async with w.running([job()], screen=CampaignPolicy((CALLER,), caps=caps), slots=1) as p:
            await anyio.sleep(600)
            p.campaign.stop("enough seen")
        assert len(relay_of(w).creates()) == 1
        (closed,) = p.of(AttemptClosed)
        assert (closed.state, closed.outcome) == (AttemptState.ENDED, Outcome.PLATFORM_FAULT)
        assert reason in str(closed.error)


@in_virtual_time
async def test_nobody_was_rung_is_not_believed_while_get_call_does_not_answer() -> None:
    """The listing's reason stands alone, since what an earlier process heard is not in memory any more."""
    async with world(relayed=True) as w:

        def end() -> None:
            (call,) = w.sim.calls
            news = {
                "call_id": call.call_id,
                "call_status": "error",
                "disconnection_reason": "concurrency_limit_reached",
            }
            body = json.dumps({"items": [news], "has_more": False}).encode()
            relay_of(w).always("list-calls", Twist(passes=False, status=200, body=body))
            down = Twist(passes=False, status=500, body=b"{}")
            whole = {**news, "call_status": "ended", "disconnection_reason": "user_hangup"}
            shown = json.dumps({**whole, "start_timestamp": 1_800_000_000_000}).encode()
            relay_of(w).on("get-call", down, down, down)
            relay_of(w).always("get-call", Twist(passes=False, status=200, body=shown))

        relay_of(w).on("create", Twist(then=end))
        async with w.running([job()], slots=1) as p:
            await anyio.sleep(600)
            p.campaign.stop("enough seen")
        assert len(relay_of(w).creates()) == 1
        (closed,) = p.of(AttemptClosed)
        assert (closed.state, closed.outcome) == (AttemptState.ENDED, Outcome.REACHED)


@in_virtual_time
async def test_the_api_is_asked_once_more_before_nobody_was_rung() -> None:
    """The listing says no more than the reason; get-call has the start."""
    async with world(relayed=True) as w:

        def end() -> None:
            (call,) = w.sim.calls
            news = {
                "call_id": call.call_id,
                "call_status": "error",
                "disconnection_reason": "concurrency_limit_reached",
            }
            body = json.dumps({"items": [news], "has_more": False}).encode()
            relay_of(w).always("list-calls", Twist(passes=False, status=200, body=body))
            whole = json.dumps({**news, "start_timestamp": 1_800_000_000_000}).encode()
            relay_of(w).always("get-call", Twist(passes=False, status=200, body=whole))

        relay_of(w).on("create", Twist(then=end))
        async with w.running([job()], slots=1) as p:
            await anyio.sleep(60)
            p.campaign.stop("enough seen")
        (closed,) = p.of(AttemptClosed)
        assert (closed.state, closed.outcome) == (AttemptState.ENDED, Outcome.PLATFORM_FAULT)


@in_virtual_time
async def test_a_call_that_get_call_says_goes_on_is_not_over() -> None:
    """The listing says that nobody was rung, but the person is on the phone: the slot is kept."""
    async with world(replace(STEADY, talk_s=200.0, max_call_s=400.0), relayed=True) as w:

        def deny() -> None:
            (call,) = w.sim.calls
            news = {
                "call_id": call.call_id,
                "call_status": "error",
                "disconnection_reason": "concurrency_limit_reached",
            }
            body = json.dumps({"items": [news], "has_more": False}).encode()
            relay_of(w).on("list-calls", Twist(passes=False, status=200, body=body))

        relay_of(w).on("create", Twist(then=deny))
        people = [job(0), job(1)]
        async with w.running(people, slots=1, poll_s=5.0, call_max_s=500.0) as p:
            await anyio.sleep(1000)
            p.campaign.stop("enough seen")
        first, second = w.sim.calls
        assert first.ended_at is not None
        assert first.to_number != second.to_number
        assert second.created_at >= first.ended_at
        assert [each.outcome for each in p.of(AttemptClosed)] == [Outcome.REACHED, Outcome.REACHED]


@in_virtual_time
async def test_where_nothing_shows_a_ring_the_person_goes_back() -> None:
    async with world(people={number(0): Behaviour.SIP_ROUTING}) as w:
        async with w.running([job(0)]) as p:
            await anyio.sleep(60)
            p.campaign.stop("enough seen")
        closed = p.of(AttemptClosed)[0]
        assert (closed.state, closed.job_state) == (AttemptState.UNSPENT, JobState.OPEN)


@pytest.mark.parametrize("names", [{"metadata": {"attempt_id": "somebody_elses"}}, {"call_id": "another"}])
@in_virtual_time
async def test_what_get_call_says_of_another_call_is_not_ours(names: dict[str, object]) -> None:
    """The listing says that nobody was rung; get-call answers with somebody else's, which was answered."""
    async with world(relayed=True) as w:

        def end() -> None:
            (call,) = w.sim.calls
            news = {
                "call_id": call.call_id,
                "call_status": "error",
                "disconnection_reason": "concurrency_limit_reached",
            }
            body = json.dumps({"items": [news], "has_more": False}).encode()
            relay_of(w).on("list-calls", Twist(passes=False, status=200, body=body))
            whole = json.dumps({**news, "start_timestamp": 1_800_000_000_000, **names}).encode()
            relay_of(w).on("get-call", Twist(passes=False, status=200, body=whole))

        relay_of(w).on("create", Twist(then=end))
        async with w.running([job()], slots=1) as p:
            await anyio.sleep(5)
            p.campaign.stop("enough seen")
        if "metadata" in names:  # then the call is not ours, and nobody knows what became of ours
            (parked,) = p.of(AttemptParked)
            assert "is another attempt's" in parked.why
            assert p.of(AttemptClosed) == []
        else:
            assert p.of(AttemptClosed)[0].state is AttemptState.UNSPENT
