"""Hundreds of campaigns that wait for tomorrow cost nothing while others are at work."""

from collections import Counter
from collections.abc import Collection, Mapping

import anyio

from dialer.adapters.ledger.operators import campaigns
from dialer.domain.calls import Attempt, CampaignId
from dialer.engine.capacity.shared import WORK_LOOK_S
from dialer.engine.events import AttemptClaimed
from dialer.ports.engine import ClaimRequest, Control, NothingDue, Operation
from tests.support.campaigns import EPOCH, in_virtual_time
from tests.support.people import answering, job
from tests.support.service_world import ServiceWorld, Worker, service_world

DAY_S = 86_400.0
ANN = Operation("ann", EPOCH, "")
IDLE = tuple(f"idle-{n}" for n in range(20))


async def submit_for_tomorrow(w: ServiceWorld) -> None:
    for name in IDLE:
        await w.submit(name, [job(1, not_before=EPOCH + DAY_S)])


def asked(w: ServiceWorld) -> tuple[Counter[CampaignId], list[int]]:
    """How often each campaign asks for a job from now on; and of how many it is asked what operators want."""
    claims, looks = Counter[CampaignId](), list[int]()
    claim, controls = w.ledger.claim, w.ledger.controls

    async def counted_claim(request: ClaimRequest) -> Attempt | NothingDue:
        claims[request.campaign_id] += 1
        return await claim(request)

    async def counted_controls(campaign_ids: Collection[CampaignId]) -> Mapping[CampaignId, Control]:
        looks.append(len(campaign_ids))
        return await controls(campaign_ids)

    w.ledger.claim = counted_claim  # type: ignore[method-assign]
    w.ledger.controls = counted_controls  # type: ignore[method-assign]
    return claims, looks


def claimed(worker: Worker, campaign: str) -> int:
    return len(worker.of(AttemptClaimed, campaign))


@in_virtual_time
async def test_news_of_one_campaign_wakes_no_other() -> None:
    async with service_world() as w:
        await submit_for_tomorrow(w)
        await w.submit("spring", answering(60))
        async with w.working(cps=2.0, control_s=0.5) as worker:
            await anyio.sleep(10)
            claims, looks = asked(w)
            for _ in range(200):  # as another worker's ends do, many of them in a moment
                worker.crew.news([await w.id_of("spring")])
                await anyio.sleep(0.1)
            idle = [claims[await w.id_of(name)] for name in IDLE]
            assert claims[await w.id_of("spring")] > 40
            assert max(idle) == 0, "they sleep"
            assert len(worker.service.campaigns) == 1
            assert 35 <= len(looks) <= 45, "one question for all campaigns"
            assert set(looks) == {1}
            await w.until_done("spring", many=60)


@in_virtual_time
async def test_whoever_is_given_to_a_campaign_that_waits_is_called_at_once() -> None:
    async with service_world() as w:
        await submit_for_tomorrow(w)
        async with w.working() as worker:
            await anyio.sleep(9.9)
            await w.submit(IDLE[7], answering(20)[10:])
            await anyio.sleep(0.1)
            assert claimed(worker, IDLE[7]) > 0
            await w.submit("new", answering(3))
            await anyio.sleep(0.1)
            assert claimed(worker, "new") > 0
            await w.until_done("new", many=3)


@in_virtual_time
async def test_what_nobody_told_of_is_found_all_the_same() -> None:
    async with service_world() as w:
        await w.submit("spring", [job(1, not_before=EPOCH + DAY_S)])
        async with w.working() as worker:
            await anyio.sleep(10)
            w.submissions._on_added = lambda of: None
            await w.submit("spring", answering(20)[10:])
            await anyio.sleep(WORK_LOOK_S + 1.0)
            assert claimed(worker, "spring") == 10


@in_virtual_time
async def test_no_more_are_at_work_than_may_be_and_each_has_its_turn() -> None:
    """Those that are paused have no call, and keep their place from nobody."""
    async with service_world() as w:
        for n in range(4):
            await w.submit(f"paused-{n}", [job(1)])
            paused = await w.id_of(f"paused-{n}")
            await w.ledger.operate(
                lambda conn, of=paused: campaigns.pause(conn, of, Operation("ann", EPOCH, ""))
            )
        for n in range(4):
            await w.submit(f"busy-{n}", answering(5))
        async with w.working() as worker:
            worker.service._campaigns_max = lambda: 3
            seen = 0
            for _ in range(40):
                await anyio.sleep(10)
                seen = max(seen, len(worker.service.at_work))
            assert seen == 3
            for n in range(4):
                assert claimed(worker, f"busy-{n}") == 5
