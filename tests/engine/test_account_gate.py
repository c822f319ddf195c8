"""The API refuses the account: asked again before it is believed; a service waits, a run ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.service_parts import ServicePart
from dialer.engine.account_gate import ASK_AGAIN_S_MAX, BELIEVED_AFTER
from dialer.engine.events import CampaignHeld, ServiceFailing
from tests.engine.test_placing_limits import relay_of, says
from tests.support.campaigns import in_virtual_time, world
from tests.support.people import STEADY, answering
from tests.support.relay import Relay, Twist
from tests.support.service_world import ServiceWorld, Worker, service_world

HTML = Twist(passes=False, status=403, body=b"<html>sign in</html>", headers={"Content-Type": "text/html"})
AWAY = Twist(passes=False, status=307, headers={"Location": "http://portal.invalid/"})


@asynccontextmanager
async def at_work(**options: float) -> AsyncIterator[tuple[ServiceWorld, Worker]]:
    async with service_world() as w:
        await w.submit("spring", answering(30))
        async with w.working(**{"cps": 1.0, "slots": 10, **options}) as worker:
            await anyio.sleep(5)
            yield w, worker


def told(worker: Worker) -> list[tuple[ServicePart, bool]]:
    """Whether the account was said to be refused, or taken again."""
    account = [event for event in worker.of(ServiceFailing) if event.part is ServicePart.ACCOUNT]
    return [(event.part, event.why is not None) for event in account]


@in_virtual_time
async def test_a_service_outlives_a_key_that_is_revoked_and_given_back() -> None:
    async with at_work() as (w, worker):
        w.sim.set_account(api_key="another")
        await anyio.sleep(600)
        assert not worker.ended.is_set()
        assert told(worker) == [(ServicePart.ACCOUNT, True)]
        failing, listing = worker.of(ServiceFailing)
        assert listing.part is ServicePart.LISTING
        assert failing.why is not None
        assert "HTTP 401" in failing.why
        assert "RETELL_API_KEY" in failing.remedy
        seen = min(await w.ledger.failing(w.clock.now()), key=lambda each: each.failure.part)
        assert (seen.worker, seen.failure.part, seen.failure.why) == ("w0", ServicePart.ACCOUNT, failing.why)
        created = w.report.requests["POST /v2/create-phone-call"]["401"]
        assert created <= 10, "what was under way; nothing is claimed after that"
        await w.submit("autumn", answering(2))
        w.sim.set_account(api_key=STEADY.api_key)
        await w.until_done("spring", "autumn")
        assert told(worker) == [(ServicePart.ACCOUNT, True), (ServicePart.ACCOUNT, False)]
        assert await w.ledger.failing(w.clock.now()) == []
        assert await w.jobs("spring") == {JobState.DONE: 30}
    assert w.report.calls == 32


@in_virtual_time
async def test_it_is_asked_again_at_once_when_somebody_says_that_it_is_mended() -> None:
    async with at_work() as (w, worker):
        w.sim.set_account(api_key="another")
        await anyio.sleep(600)
        w.sim.set_account(api_key=STEADY.api_key)
        worker.crew.gate.wake()
        await anyio.sleep(3)
        assert told(worker)[-1] == (ServicePart.ACCOUNT, False)
        await w.until_done("spring", many=30)


@in_virtual_time
async def test_an_account_that_has_not_paid_is_tried_with_one_call_at_a_time() -> None:
    async with at_work() as (w, worker):
        w.sim.set_account(paid=False)
        await anyio.sleep(1200)
        assert told(worker) == [(ServicePart.ACCOUNT, True)]
        refused = w.report.requests["POST /v2/create-phone-call"]["402"]
        assert refused <= 12 + 1200 / ASK_AGAIN_S_MAX
        assert [held.why for held in worker.of(CampaignHeld, "spring") if held.why]
        w.sim.set_account(paid=True)
        await w.until_done("spring", many=30)
        assert told(worker)[-1] == (ServicePart.ACCOUNT, False)
        attempts = await w.attempts("spring", AttemptState.UNCERTAIN, AttemptState.UNKNOWN)
        assert attempts == []
    assert w.report.calls == 30


@in_virtual_time
async def test_campaigns_with_nobody_to_call_do_not_keep_a_refusal_from_being_told() -> None:
    async with at_work() as (w, worker):
        w.sim.set_account(paid=False)
        for at in range(40):
            await w.submit(f"waits-{at}", answering(1, not_before=w.clock.now() + 55))
            await anyio.sleep(0.05)
        await anyio.sleep(20)
        assert told(worker) == [(ServicePart.ACCOUNT, True)]


@in_virtual_time
async def test_a_worker_with_nobody_to_call_learns_from_anothers_calls_that_the_account_is_taken() -> None:
    async with at_work(refresh_s=2.0) as (w, worker):
        w.sim.set_account(paid=False)
        await anyio.sleep(620)
        assert told(worker) == [(ServicePart.ACCOUNT, True)]
        w.sim.set_account(paid=True)
        async with w.working(cps=20.0, slots=10, refresh_s=2.0) as other:
            await anyio.sleep(10)
            assert told(other) == []
            assert told(worker)[1:] == [(ServicePart.ACCOUNT, False)]
            await w.until_done("spring", many=30)


@pytest.mark.parametrize("twist", [says(401), says(402), says(403), AWAY, HTML])
@pytest.mark.parametrize("part", ["create", "list-calls", "get-concurrency"])
@in_virtual_time
async def test_one_refusal_ends_no_run_wherever_it_comes_from(part: str, twist: Twist) -> None:
    async with world(relayed=True) as w:
        relay_of(w).on(part, Twist(), twist)
        p = await w.run(answering(10), cps=1, settle_s=5)
        assert p.campaign.stopping is None
        assert p.jobs == {JobState.DONE: 10}
    assert w.report.calls == 10


@pytest.mark.parametrize("twist", [says(401), says(402), says(403), AWAY])
@in_virtual_time
async def test_a_refusal_that_lasts_is_believed_within_seconds(twist: Twist) -> None:
    async with world(relayed=True) as w:
        relay: Relay = relay_of(w)
        relay.always("create", twist)
        p = await w.run(answering(10), cps=1)
        assert p.campaign.stopping is not None
        assert p.campaign.stopping.account
        assert len(relay.creates()) == BELIEVED_AFTER
        assert p.ended_at is not None
        assert p.ended_at < 10
        assert (await p.counts()).jobs[JobState.OPEN] == 10
        relay.always("create", Twist())
        again = await w.run(answering(10))
        assert (await again.counts()).jobs[JobState.DONE] == 10
    assert w.report.calls == 10


@in_virtual_time
async def test_a_listing_that_alone_is_forbidden_stops_nobody() -> None:
    async with world(relayed=True) as w:
        relay_of(w).always("list-calls", says(403))
        p = await w.run(answering(3), missing_s=1)
        assert p.campaign.stopping is None
        assert p.jobs == {JobState.DONE: 3}
