"""What operators and rules say to one campaign of a service: it holds or ends, and the others go on."""

import anyio

from dialer.adapters.ledger.operators import campaigns
from dialer.domain.canary import CanaryRule
from dialer.domain.lifecycle import JobState
from dialer.domain.screening import CampaignPolicy
from dialer.ports.engine import Operation
from dialer.simulator.people import Behaviour
from tests.support.campaigns import in_virtual_time
from tests.support.people import ANSWERED_S, CALLER, answering, job
from tests.support.service_world import ServiceWorld, service_world


def ann(w: ServiceWorld) -> Operation:
    return Operation("ann", w.clock.now())


@in_virtual_time
async def test_what_the_canary_stopped_waits_for_an_operator_and_the_others_go_on() -> None:
    bad = {each.to_number or "": Behaviour.DIAL_FAILS for each in answering(4)}
    screen = CampaignPolicy((CALLER,), canary=CanaryRule(4, 0.5))
    async with service_world(people=bad) as w:
        await w.submit("spring", answering(10))
        async with w.working(screen=screen, slots=10):
            await anyio.sleep(400)
            held = (await w.ledger.control(await w.id_of("spring"))).stopped
            assert held is not None
            assert "first 4 calls failed" in held.why
            calls = w.report.calls
            await w.submit("autumn", answering(30)[20:])
            await w.until_done("autumn", many=10)
            assert w.report.calls == calls + 10
            spring = await w.id_of("spring")
            await w.ledger.operate(lambda conn: campaigns.resume(conn, spring, ann(w)))
            await anyio.sleep(1)
            assert w.report.calls > calls + 10, "within a second, as nothing else is waited for"
            await w.until_done("spring")
        assert (await w.jobs("spring"))[JobState.DONE] == 6


@in_virtual_time
async def test_a_pause_holds_one_campaign_until_it_is_taken_back() -> None:
    async with service_world() as w, w.working(cps=1.0):
        await w.submit("spring", answering(20))
        await w.submit("autumn", answering(40)[20:])
        await anyio.sleep(6)
        spring = await w.id_of("spring")
        await w.ledger.operate(lambda conn: campaigns.pause(conn, spring, ann(w)))
        await w.until_done("autumn", many=20)
        await anyio.sleep(ANSWERED_S)
        open_jobs = (await w.jobs("spring"))[JobState.OPEN]
        assert 10 < open_jobs < 20
        await anyio.sleep(500)
        assert (await w.jobs("spring"))[JobState.OPEN] == open_jobs
        await w.ledger.operate(lambda conn: campaigns.resume(conn, spring, ann(w)))
        await w.until_done("spring", many=20)


@in_virtual_time
async def test_a_cancelled_campaign_ends_with_its_calls_and_takes_no_more() -> None:
    async with service_world() as w, w.working(cps=1.0) as worker:
        await w.submit("spring", answering(20))
        await anyio.sleep(6)
        spring = await w.id_of("spring")
        await w.ledger.operate(lambda conn: campaigns.cancel(conn, spring, ann(w)))
        await anyio.sleep(2)
        calls = w.report.calls
        assert 3 <= calls <= 8
        await w.until_done("spring")
        assert await w.jobs("spring") == {JobState.DONE: calls, JobState.CANCELLED: 20 - calls}
        await anyio.sleep(5)
        assert worker.service.campaigns == []
        await w.submit("spring", [job(44, to_number="+12025550144")])
        await anyio.sleep(10)
        assert (await w.jobs("spring"))[JobState.CANCELLED] == 21 - calls
        assert w.report.calls == calls
