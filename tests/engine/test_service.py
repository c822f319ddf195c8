"""A service: many campaigns of one ledger at work, as the only one or the next of a crew."""

from dataclasses import replace

import anyio
import pytest

from dialer.domain.calls import CallUpdate
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.engine import submissions
from dialer.engine.events import AttemptClaimed, AttemptClosed, CampaignStopping
from dialer.engine.service import IDLE_S, LOOK_S
from tests.support.campaigns import in_virtual_time
from tests.support.people import ANSWERED_S, STEADY, answering, job
from tests.support.service_world import GRACE_S, ServiceWorld, service_world


@in_virtual_time
async def test_campaigns_share_slots_and_pace() -> None:
    async with service_world(replace(STEADY, concurrency_limit=60)) as w:
        for n, name in enumerate(("spring", "summer", "autumn")):
            await w.submit(name, answering(40)[n::2])
        async with w.working(cps=3.0, slots=12):
            await w.until_done("spring", "summer", "autumn")
        report = w.report
        assert (report.calls, report.peak_live) == (20 + 20 + 19, 12)
        assert report.peak_creates_1s == 3
        # a slot that is free is used: at most the moment of a look goes by
        assert w.clock.now() - 1_800_000_000.0 < (59 / 12 + 1) * (ANSWERED_S + 5.0) + 20.0


@in_virtual_time
async def test_requests_that_are_told_to_come_again_take_places_of_their_own() -> None:
    account = replace(STEADY, concurrency_limit=60)
    async with service_world(account, "rate_limited=0.4") as w:
        await w.submit("spring", answering(60))
        async with w.working(cps=4.0, slots=50, backoff_initial_s=0.1, backoff_max_s=0.3):
            await w.until_done("spring", many=60)
        assert w.report.faults["rate_limited"] > 10
        assert w.report.peak_requests_1s <= 4


@in_virtual_time
async def test_a_campaign_that_appears_is_served() -> None:
    async with service_world() as w, w.working() as worker:
        await anyio.sleep(300)
        assert worker.service.campaigns == []
        await w.submit("spring", answering(3))
        await anyio.sleep(LOOK_S + 2.0)
        assert w.report.calls == 3
        await w.submit("autumn", answering(2))
        await w.until_done("spring", many=3)
        await w.until_done("autumn", many=2)


@in_virtual_time
async def test_an_idle_one_is_let_go_and_served_again_when_it_has_work() -> None:
    async with service_world() as w, w.working() as worker:
        await w.submit("spring", answering(3))
        await w.until_done("spring", many=3)
        await anyio.sleep(IDLE_S - 5.0)
        assert [each.name for each in worker.service.campaigns] == ["spring"]
        await anyio.sleep(10.0)
        assert worker.service.campaigns == []
        assert [stop.why for stop in worker.of(CampaignStopping)] == ["there is nothing to do"]
        await w.submit("spring", [job(55, to_number="+12025550155")])
        await anyio.sleep(LOOK_S + 2.0)
        assert w.report.calls == 4
        await w.until_done("spring")
        lines = w.logs["spring"].lines
        assert [each.seq for each in lines] == [*range(1, len(lines) + 1)]


@in_virtual_time
async def test_a_job_that_is_due_much_later_keeps_nobody_from_it() -> None:
    async with service_world() as w, w.working():
        later = w.clock.now() + 600.0
        await w.submit("spring", [job(1, not_before=later), job(2)])
        await anyio.sleep(500)
        assert w.report.calls == 1
        await anyio.sleep(110)
        assert w.report.calls == 2


@in_virtual_time
async def test_a_stop_ends_within_its_grace_and_signs_off() -> None:
    slow = replace(STEADY, latency_s=5.0)
    async with service_world(slow) as w:
        await w.submit("spring", answering(30))
        async with w.working(cps=2.0) as worker:
            await anyio.sleep(9.0)
            began = anyio.current_time()
            worker.stop()
            await worker.ended.wait()
            assert anyio.current_time() - began <= GRACE_S
            assert anyio.current_time() - began >= 1.0, "requests under way were waited for"
        assert await w.attempts("spring", AttemptState.CLAIMED, AttemptState.UNCERTAIN) == []
        placed = await w.attempts("spring", AttemptState.PLACED)
        assert len(placed) == w.report.calls >= 5
        assert await w.ledger.ask(lambda conn: conn.exec_driver_sql("SELECT lease_until FROM worker").all())
        async with w.working():
            await w.until_done("spring", many=30)
        assert set(w.report.calls_per_number.values()) == {1}


@in_virtual_time
async def test_a_stop_while_an_answer_never_comes_ends_all_the_same() -> None:
    async with service_world() as w, w.working() as worker:
        await anyio.sleep(1.0)
        w.sim.set_account(latency_s=100.0)
        await w.submit("spring", answering(3))
        await anyio.sleep(5.0)
        began = anyio.current_time()
        worker.stop()
        await worker.ended.wait()
        assert GRACE_S - 0.1 <= anyio.current_time() - began <= GRACE_S + 1.0
        worker.crashed = True  # its requests have no answer: it leaves them as a crash would


@in_virtual_time
async def test_a_stop_is_heard_while_the_account_does_not_answer_at_the_start() -> None:
    async with service_world(replace(STEADY, latency_s=100.0)) as w:
        await w.submit("spring", answering(3))
        async with w.working() as worker:
            await anyio.sleep(5.0)
            began = anyio.current_time()
            worker.stop()
            await worker.ended.wait()
            assert anyio.current_time() - began < 1.0
        assert w.report.calls == 0


@in_virtual_time
async def test_what_an_earlier_worker_left_comes_to_its_end_with_nobody_called_twice() -> None:
    faults = "error_after=0.2,drop_after=0.2,error_before=0.1,only_first=2"
    async with service_world(replace(STEADY, listing_lag_s=3.0), faults) as w:
        await w.submit("spring", answering(40))
        await w.submit("autumn", answering(40)[20:])
        for _ in range(6):
            async with w.working(cps=4.0, slots=20) as worker:
                await anyio.sleep(11.3)
                worker.crash()
        left = [each.state for name in ("spring", "autumn") for each in await open_of(w, name)]
        assert {AttemptState.PLACED, AttemptState.UNCERTAIN} <= set(left)
        async with w.working(cps=4.0, slots=20) as last:
            await w.until_done("spring", many=40)
            await w.until_done("autumn", many=20)
        assert any(event.resumed for event in last.of(AttemptClaimed))
        assert w.report.doubled_rings == 0
        assert max(w.report.calls_per_number.values()) == 2, "20 are in both campaigns"
        assert w.report.calls == 60


@in_virtual_time
async def test_a_call_that_is_attended_and_then_taken_over_is_lived_once() -> None:
    async with service_world() as w:
        await w.submit("spring", answering(3))
        async with w.working():
            await anyio.sleep(10)
        placed = await w.attempts("spring", AttemptState.PLACED)
        assert len(placed) == 3
        async with w.working() as worker:
            await anyio.sleep(1)
            await worker.service.attend([*placed])
            await worker.service.take_over([*placed])
            (campaign,) = worker.service.campaigns
            await w.until_done("spring")
            await anyio.sleep(30)
            assert (campaign.is_idle, campaign.slots.in_use) == (True, 0)
        assert w.report.calls == 3


async def open_of(w: ServiceWorld, name: str) -> list[object]:
    states = (AttemptState.CLAIMED, AttemptState.UNCERTAIN, AttemptState.PLACED, AttemptState.UNKNOWN)
    return [*await w.attempts(name, *states)]


@in_virtual_time
async def test_one_that_nobody_knew_of_is_looked_for_by_the_next_worker() -> None:
    """It parks as unknown, since the listing shows it late; then it is found and comes to its end."""
    account = replace(STEADY, listing_lag_s=200.0, idempotency=False, talk_s=600.0)
    async with service_world(account, "drop_after=1") as w:
        await w.submit("spring", answering(2))
        options = {"api_honours_key": False, "settle_s": 5.0, "looks_max": 2}
        async with w.working(**options):
            await anyio.sleep(100)
            assert await w.jobs("spring") == {JobState.UNKNOWN: 2}
        w.sim.set_faults(drop_after=0.0)
        async with w.working(**options):
            await w.until_done("spring")
            await anyio.sleep(700)
            assert await w.jobs("spring") == {JobState.DONE: 2}
        assert w.report.calls == 2


@in_virtual_time
async def test_a_webhook_ends_a_call_that_this_worker_does_not_follow() -> None:
    async with service_world(webhooks=True) as w:
        await w.submit("spring", answering(3))
        options = {"poll_s": 5_000.0, "poll_with_webhooks_s": 5_000.0}
        async with w.working(**options):
            await anyio.sleep(10)
        assert len(await w.attempts("spring", AttemptState.PLACED)) == 3
        await take_from_nobody(w)
        async with w.working(**options) as worker:
            await anyio.sleep(ANSWERED_S)
            assert await w.jobs("spring") == {JobState.DONE: 3}
        assert len(worker.of(AttemptClosed, "spring")) == 3


async def take_from_nobody(w: ServiceWorld) -> None:
    """As if another worker that is alive had them: this one does not take them over."""
    await w.ledger.operate(lambda conn: conn.exec_driver_sql("UPDATE attempt SET worker = 'w1'"))


@in_virtual_time
async def test_an_end_that_is_told_of_a_call_of_nobodys_is_passed_over() -> None:
    async with service_world() as w, w.working() as worker:
        await w.submit("spring", answering(1))
        worker.service.heard(CallUpdate("call_of_others", "ended"))
        await w.until_done("spring", many=1)


@pytest.mark.parametrize("moment", ["stopping", "gone"])
@in_virtual_time
async def test_what_is_taken_over_while_its_campaign_is_let_go_is_not_forgotten(moment: str) -> None:
    async with service_world() as w:
        await w.submit("spring", answering(2))
        async with w.working() as first:
            await anyio.sleep(3)
            first.crash()
        async with w.working() as worker:
            await w.until_done("spring", many=2)
            await w.submit("spring", [job(25)])
            await anyio.sleep(5)
            [placed] = await w.attempts("spring", AttemptState.PLACED)
            worker.crew.tracker.closed(placed.id)  # as if another had it
            await anyio.sleep(0.1)
            [spring] = worker.service.campaigns
            spring.stop("there is nothing to do")
            if moment == "gone":
                await anyio.sleep(0.1)
            await worker.service.take_over([placed])
            await anyio.sleep(0.1)
            assert placed.id in worker.crew.tracker.known(), "not only once the sweep finds it"
            await w.until_done("spring", many=3)


@in_virtual_time
async def test_of_campaigns_that_came_long_ago_nothing_is_kept() -> None:
    async with service_world() as w:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(submissions, "STREAMS_MAX", 3)
            for n in range(9):
                await w.submit(f"campaign-{n}", [job(n)])
                await w.submit("always", [job(n, 303)])
        assert sorted(w.submissions._streams) == ["always", "campaign-7", "campaign-8"]
        await w.submit("campaign-0", [job(0, job_id="another"), job(0)])
        async with w.working():
            await w.until_done("campaign-0", many=2)
            await w.until_done("always", many=9)
