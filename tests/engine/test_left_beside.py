"""A second campaign on the ledger, after the first one was stopped or killed: its live calls count."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import anyio
import pytest

from dialer.domain.lifecycle import AttemptState
from dialer.engine.events import AttemptParked
from dialer.simulator.account import Account
from tests.engine.test_first_byte import in_any_second
from tests.engine.test_placing_limits import relay_of
from tests.engine.test_placing_uncertain import NOT_MADE
from tests.support.campaigns import Process, in_virtual_time, world
from tests.support.people import STEADY, answering, job

ROOMY = replace(STEADY, concurrency_limit=100)
FIRST, SECOND = answering(20), answering(60)[20:]


@pytest.mark.parametrize("leave", [Process.stop, Process.crash], ids=["stopped", "killed"])
@pytest.mark.parametrize("webhooks", [True, False], ids=["webhooks", "none"])
@in_virtual_time
async def test_the_slots_hold_over_all_campaigns_of_the_ledger(
    leave: Callable[[Process], None], webhooks: bool
) -> None:
    async with world(ROOMY, webhooks=webhooks) as w:
        async with w.running(FIRST, slots=10) as one:
            await anyio.sleep(30.0)
            assert w.sim.report().peak_live == 10
            leave(one)
        began = anyio.current_time()
        two = await w.run(SECOND, name="second", slots=10)
        assert w.report.peak_live == 10
        assert two.tally.jobs.total() == len(SECOND)
        assert anyio.current_time() - began < 400.0, "a slot is free again when its call is over"
        assert await two.ledger.open_attempts(one.campaign_id, frozenset({AttemptState.PLACED})), (
            "the first campaign is none of its business"
        )
        await w.run(FIRST, slots=10)
        assert w.report.calls == len(FIRST) + len(SECOND)


@in_virtual_time
async def test_a_request_that_may_have_made_a_call_holds_its_slot_in_the_next_campaign() -> None:
    async with world(ROOMY, relayed=True) as w:
        relay_of(w).on("create", NOT_MADE)
        async with w.running([job()], slots=2, call_max_s=600.0) as one:
            await anyio.sleep(2.0)
            one.crash()
        async with w.running(SECOND, name="second", slots=2) as two:
            await anyio.sleep(500.0)
            assert w.report.peak_live == 1, "nobody knows whether there is a call"
            await anyio.sleep(200.0)
            assert w.report.peak_live == 2, "none lasts so long"
            two.stop()


@in_virtual_time
async def test_the_first_second_of_the_next_campaign_is_the_same_account() -> None:
    account = Account(concurrency_limit=100, creates_per_10s=0)
    async with world(account) as w:
        async with w.running(FIRST, cps=5.0, slots=50) as one:
            await anyio.sleep(3.5)
            one.crash()
        await w.run(SECOND, name="second", cps=5.0, slots=50)
        assert in_any_second([call.created_at for call in w.sim.calls]) <= 5


@pytest.mark.parametrize("step_s", [3 * 3600.0, -3 * 3600.0], ids=["forward", "back"])
@in_virtual_time
async def test_a_wall_clock_that_steps_frees_no_slot_of_another_campaign(step_s: float) -> None:
    async with world(replace(ROOMY, talk_s=300.0)) as w:
        async with w.running(FIRST, slots=10) as one:
            await anyio.sleep(30.0)
            one.crash()
        w.clock.step_s = step_s
        async with w.running(SECOND, name="second", slots=10) as two:
            await anyio.sleep(60.0)
            assert w.report.peak_live == 10
            two.crash()


@pytest.mark.parametrize("step_s", [3 * 3600.0, -3 * 3600.0], ids=["forward", "back"])
@pytest.mark.parametrize("again", [False, True], ids=["the same process", "the next one"])
@in_virtual_time
async def test_a_wall_clock_that_steps_frees_no_slot_of_an_unknown_attempt(
    step_s: float, again: bool
) -> None:
    """It may be a live call for as long as any lasts from its last request on, and no longer."""
    options: dict[str, Any] = {"slots": 1, "settle_s": 5, "api_honours_key": False, "call_max_s": 400}
    async with world(relayed=True) as w:
        relay_of(w).on("create", NOT_MADE)
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(w.running(answering(5), **options))
            await anyio.sleep(60.0)
            [parked_at] = [at for at, event in one.events if isinstance(event, AttemptParked)]
            w.clock.step_s = step_s
            if again:
                await anyio.sleep(100.0)
                one.crash()
                await one.ended.wait()
                one = await stack.enter_async_context(w.running(answering(5), **options))
            await anyio.sleep(390.0 - (anyio.current_time() - parked_at))
            assert (w.report.calls, one.campaign.slots.in_use) == (0, 1)
            await anyio.sleep(20.0)
            # a clock that was set back holds the next job: it is due by the wall clock
            assert w.report.calls == 1 or one.campaign.slots.in_use == 0
            one.crash()
