"""An operator says that no call was made, and then the call is heard of: the person is rung once."""

from dataclasses import replace
from typing import Any

import anyio
import pytest

from dialer.adapters.ledger.operators import campaigns
from dialer.adapters.ledger.queue.contradictions import Contradiction, contradictions
from dialer.adapters.ledger.store import SqlLedger
from dialer.domain.calls import AttemptId, CallId, CallUpdate, CampaignId
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.engine.events import AttemptClosed, AttemptParked, AttemptUncertain
from dialer.ports.engine import Operation
from dialer.simulator.calls import Call
from tests.engine.test_placing_limits import relay_of
from tests.engine.test_placing_uncertain import NOT_MADE
from tests.support.campaigns import NAME, in_virtual_time, world
from tests.support.people import STEADY, job, number
from tests.support.relay import Twist
from tests.support.service_world import service_world

LONG = replace(STEADY, listing_lag_s=10_000.0, talk_s=2_000.0, talk_sigma=0.0)
UNHEARD: dict[str, Any] = {"api_honours_key": False, "settle_s": 5.0, "looks_max": 1, "control_s": 0.5}
"""A dropped answer is parked after six seconds."""
PARKED_S = 30.0
SOON_S = 8.0


def news_of(call: Call) -> CallUpdate:
    """As `call_started` says."""
    return CallUpdate(CallId(call.call_id), "ongoing", AttemptId(str(call.attempt_id)))


async def say_not_called(ledger: SqlLedger, campaign_id: CampaignId, at: float) -> None:
    """The job is due at once, but waits for the pause to end."""
    await ledger.operate(lambda conn: campaigns.pause(conn, campaign_id, Operation("ann", at)))
    (unknown,) = await ledger.unknown_attempts()
    await ledger.resolve_not_called([unknown.id], "ann", at)


async def go_on(ledger: SqlLedger, campaign_id: CampaignId, at: float) -> None:
    await ledger.operate(lambda conn: campaigns.resume(conn, campaign_id, Operation("ann", at)))


async def on_record(ledger: SqlLedger, campaign_id: CampaignId) -> Contradiction:
    (shown,) = await ledger.ask(lambda conn: contradictions(conn, campaign_id))
    return shown


@pytest.mark.parametrize("restarts", [False, True], ids=["looked for", "followed by nobody"])
@in_virtual_time
async def test_a_run_follows_the_call_that_an_operator_denied(restarts: bool) -> None:
    async with world(LONG, relayed=True) as w:
        ledger = w.memory
        assert ledger is not None
        relay_of(w).on("create", Twist(drops=True))
        async with w.running([job(0), job(1)], cps=1.0, **UNHEARD) as p:
            await anyio.sleep(PARKED_S)
            assert p.of(AttemptParked)
            if not restarts:
                await say_not_called(ledger, p.campaign_id, w.clock.now())
                await anyio.sleep(2)
                w.hear("", news_of(w.sim.calls[0]))
                await anyio.sleep(2)
                await go_on(ledger, p.campaign_id, w.clock.now())
            else:
                p.stop()
        if restarts:
            await say_not_called(ledger, p.campaign_id, w.clock.now())
            async with w.running([job(0), job(1)], **UNHEARD) as p:
                await anyio.sleep(2)
                w.hear("", news_of(w.sim.calls[0]))
                await anyio.sleep(2)
                await go_on(ledger, p.campaign_id, w.clock.now())
        assert w.report.calls_per_number == {number(0): 1, number(1): 1}, "the person was rung once"
        closed = next(each for each in p.of(AttemptClosed) if each.attempt.job.job == job(0))
        assert (closed.state, closed.outcome) == (AttemptState.ENDED, Outcome.REACHED)
        assert p.jobs == {JobState.DONE: 2}
        assert p.of(AttemptUncertain), "that the word was wrong is told"
        assert (await on_record(ledger, p.campaign_id)).is_followed
        assert p.tally.live_ids == p.tally.uncertain_ids == set()


@pytest.mark.parametrize("restarts", [False, True], ids=["looked for", "followed by nobody"])
@in_virtual_time
async def test_a_service_follows_the_call_that_an_operator_denied(restarts: bool) -> None:
    async with service_world(LONG, "drop_after=1,only_first=1") as w:
        campaign_id = await w.id_of(NAME)
        await w.submit(NAME, [job()])
        async with w.working(**UNHEARD) as worker:
            await anyio.sleep(PARKED_S)
            assert worker.of(AttemptParked)
            if not restarts:
                await say_not_called(w.ledger, campaign_id, w.clock.now())
                w.hear("", news_of(w.sim.calls[0]))
                await anyio.sleep(2)
                await go_on(w.ledger, campaign_id, w.clock.now())
                await anyio.sleep(3_000)
        if restarts:
            await say_not_called(w.ledger, campaign_id, w.clock.now())
            async with w.working(**UNHEARD) as worker:
                await anyio.sleep(10)
                w.hear("", news_of(w.sim.calls[0]))
                await anyio.sleep(2)
                await go_on(w.ledger, campaign_id, w.clock.now())
                await anyio.sleep(3_000)
        assert w.report.calls == 1, "the person was rung once"
        closed = worker.of(AttemptClosed)[-1]
        assert (closed.state, closed.outcome) == (AttemptState.ENDED, Outcome.REACHED)
        assert await w.jobs(NAME) == {JobState.DONE: 1}
        assert (await on_record(w.ledger, campaign_id)).is_followed


@in_virtual_time
async def test_what_is_heard_when_the_job_has_gone_on_is_on_record() -> None:
    """The person was called again before the call was heard of; that cannot be undone, but it is told."""
    async with world(LONG, relayed=True) as w:
        ledger = w.memory
        assert ledger is not None
        relay_of(w).on("create", Twist(drops=True))
        async with w.running([job(0), job(1)], cps=1.0, **UNHEARD) as p:
            await anyio.sleep(PARKED_S)
            (unknown,) = await ledger.unknown_attempts()
            await ledger.resolve_not_called([unknown.id], "ann", w.clock.now())
            p.campaign.news()
            await anyio.sleep(60)
            w.hear("", news_of(w.sim.calls[0]))
        assert w.report.calls_per_number == {number(0): 2, number(1): 1}
        shown = await on_record(ledger, p.campaign_id)
        assert (shown.attempt_id, shown.is_followed) == (unknown.id, False)
        assert "an operator had resolved" in shown.why
        assert (await p.counts()).calls == 3


@in_virtual_time
async def test_a_job_that_an_operator_puts_back_during_a_run_is_called_soon() -> None:
    """Also while nothing else ends. Its attempt is looked for on: the operator may be wrong."""
    async with world(LONG, relayed=True) as w:
        ledger = w.memory
        assert ledger is not None
        relay_of(w).on("create", NOT_MADE)
        async with w.running([job(0), job(1)], slots=3, cps=1.0, **UNHEARD) as p:
            await anyio.sleep(PARKED_S)
            assert p.of(AttemptParked)
            assert (w.report.calls_per_number, p.campaign.slots.in_use) == ({number(1): 1}, 2)
            (unknown,) = await ledger.unknown_attempts()
            await ledger.resolve_not_called([unknown.id], "ann", w.clock.now())
            await anyio.sleep(SOON_S)
            assert w.report.calls_per_number == {number(1): 1, number(0): 1}
            p.crash()
