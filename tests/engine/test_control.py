"""What operators do to a running campaign takes hold within a second; nobody is lost, and nothing spins."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest

from dialer.adapters.ledger.operators import campaigns
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.engine.campaign import CampaignConfig
from dialer.engine.events import (
    AttemptClosed,
    AttemptParked,
    CallPlaced,
    CampaignChanged,
    CampaignHeld,
    CampaignStopping,
)
from dialer.ports.engine import Control, Operation
from tests.engine.test_placing_limits import relay_of, says
from tests.engine.test_placing_uncertain import NOT_MADE
from tests.support.campaigns import EPOCH, Process, World, in_virtual_time, world
from tests.support.people import ANSWERED_S, answering, config, job
from tests.support.relay import Twist

SOON_S = 1.0
LOOKS = {"control_s": 0.5}


async def order(p: Process, what: Callable[..., object], *more: object) -> None:
    """As another process does it."""
    by = Operation("ann", p.world.clock.now(), "lunch")
    await p.ledger.operate(lambda conn: what(conn, p.campaign_id, *more, by))


@contextmanager
def quiet(w: World, *, after_s: float = 0.0) -> Iterator[None]:
    """No request arrives in the meantime, from so long after its beginning on."""
    since = anyio.current_time() + after_s
    yield
    assert [each.created_at for each in w.sim.calls if each.created_at > since] == []


def changing(p: Process) -> None:
    """Its configuration is made of its changes."""

    def changed(control: Control) -> CampaignConfig:
        return config(**LOOKS, **{name.replace(".", "_"): value for name, value in control.changes.items()})

    p.campaign._changed = changed


async def ledger_says(p: Process, what: str) -> list[Any]:
    def ask(conn: Any) -> list[Any]:
        return [tuple(row) for row in conn.exec_driver_sql(what)]

    return await p.ledger.operate(ask)


# --- pause and resume -----------------------------------------------------------------------------------


@in_virtual_time
async def test_a_pause_takes_hold_at_once_and_calls_go_on_to_their_end() -> None:
    async with world() as w, w.running(answering(100), cps=5, **LOOKS) as p:
        await anyio.sleep(5)
        await order(p, campaigns.pause)
        with quiet(w, after_s=0.1):
            await anyio.sleep(600)
        live = len(w.sim.calls)
        assert 20 <= live <= 30
        assert len(p.of(AttemptClosed)) == live, "each was heard to its end"
        assert [held.why for held in p.of(CampaignHeld)] == ["paused by ann: lunch"]
        assert p.tally.claimed <= live + 1, "nobody is claimed in vain while it is paused"
        since = anyio.current_time()
        await order(p, campaigns.resume)
        await anyio.sleep(SOON_S)
        assert len(w.sim.calls) > live
        assert min(call.created_at for call in w.sim.calls[live:]) - since < SOON_S
        await p.ended.wait()
        assert [held.why for held in p.of(CampaignHeld)] == ["paused by ann: lunch", None]
        assert p.tally.claimed <= 101, "nor after that"
    assert p.jobs == {JobState.DONE: 100}


@pytest.mark.parametrize("looked_s", [0.0, 0.2, 0.4, 0.45])
@in_virtual_time
async def test_right_after_a_resume_nobody_is_claimed_in_vain(looked_s: float) -> None:
    """The ledger gives jobs again before the engine has looked: what it gives is dialled."""
    async with world() as w, w.running(answering(60), cps=100.0, slots=60, **LOOKS) as p:
        await order(p, campaigns.pause)
        await anyio.sleep(30 + looked_s)
        await order(p, campaigns.resume)
        p.campaign._due.now()  # a lane that happens to ask
        await p.ended.wait()
        states = await ledger_says(p, "SELECT state, count(*) FROM attempt GROUP BY state")
        assert dict(states).get("unspent", 0) <= 1
        assert len(w.sim.calls) == 60


@in_virtual_time
async def test_a_pause_reaches_what_waits_out_a_429_and_nothing_is_spent() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", *[says(429, RateLimit_Reset="20")] * 3)
        async with w.running(answering(5), **LOOKS) as p:
            await anyio.sleep(5)
            assert await ledger_says(p, "SELECT DISTINCT state FROM attempt") == [("claimed",)]
            await order(p, campaigns.pause)
            seen = len(relay_of(w).creates())
            await anyio.sleep(500)
            assert len(relay_of(w).creates()) == seen
            assert await ledger_says(p, "SELECT state, history FROM job GROUP BY 1, 2") == [("open", "")]
            why = {closed.error for closed in p.of(AttemptClosed)}
            assert why == {"not sent after all: paused by ann: lunch"}
            await order(p, campaigns.resume)
        assert (p.jobs, w.report.calls) == ({JobState.DONE: 5}, 5)


@pytest.mark.parametrize("pause_s", [100.0, 1000.0, 5000.0])
@in_virtual_time
async def test_a_pause_gives_no_uncertain_attempt_up_before_its_key_is_too_old(pause_s: float) -> None:
    async with world(relayed=True) as w:
        relay_of(w).on("create", NOT_MADE)
        async with w.running([job()], settle_s=20, looks_max=2, **LOOKS) as p:
            await anyio.sleep(5)
            await order(p, campaigns.pause)
            await anyio.sleep(pause_s)
            assert w.report.calls == 0
            await order(p, campaigns.resume)
            await anyio.sleep(300)
            assert w.report.calls == (pause_s < 3300)
            if pause_s > 3300:
                assert len(p.of(AttemptParked)) == 1
                p.stop()
        assert p.jobs == {JobState.DONE if pause_s < 3300 else JobState.UNKNOWN: 1}


@in_virtual_time
async def test_a_paused_campaign_with_nothing_left_ends() -> None:
    async with world() as w, w.running(answering(5), **LOOKS) as p:
        await anyio.sleep(5)
        await order(p, campaigns.pause)
    assert (p.jobs, w.report.calls) == ({JobState.DONE: 5}, 5)


# --- cancel ---------------------------------------------------------------------------------------------


@in_virtual_time
async def test_a_cancelled_campaign_ends_with_its_last_call_and_closes_everything() -> None:
    people = [*answering(60), *[job(42, area=300 + n) for n in range(5)]]
    async with world() as w, w.running(people, cps=5, redial_delays={"busy": (9000.0,)}, **LOOKS) as p:
        await anyio.sleep(5)
        since = anyio.current_time()
        await order(p, campaigns.cancel)
        with quiet(w, after_s=0.1):
            await p.ended.wait()
        assert anyio.current_time() - since < ANSWERED_S + 5
        assert p.campaign.stopping == CampaignStopping(
            "the campaign was cancelled", p.campaign.stopping.way_out, account=False
        )
    assert p.jobs[JobState.DONE] == w.report.calls
    assert p.jobs[JobState.CANCELLED] == 65 - w.report.calls


@in_virtual_time
async def test_cancelling_reaches_what_waits_redials_and_what_nobody_can_tell() -> None:
    async with world(relayed=True) as w:
        relay_of(w).on(
            "create", NOT_MADE, Twist(status=429, passes=False, headers={"RateLimit-Reset": "900"})
        )
        people = [job(0), job(1), job(2), job(3, not_before=EPOCH + 90_000)]
        async with w.running(people, settle_s=20, looks_max=2, cps=1.0, **LOOKS) as p:
            await anyio.sleep(10)
            await order(p, campaigns.cancel)
            with anyio.fail_after(120):
                await p.ended.wait()
        assert (w.report.calls, len(p.of(AttemptParked))) == (0, 1)
        assert p.jobs == {JobState.CANCELLED: 3, JobState.UNKNOWN: 1}


@pytest.mark.parametrize("state", [AttemptState.CLAIMED, AttemptState.UNCERTAIN, AttemptState.PLACED])
@in_virtual_time
async def test_a_campaign_cancelled_while_nobody_ran_it_settles_what_was_open(state: AttemptState) -> None:
    async with world(relayed=True) as w:
        if state is AttemptState.UNCERTAIN:
            relay_of(w).on("create", NOT_MADE)
        elif state is AttemptState.CLAIMED:
            relay_of(w).always("create", Twist(after_s=50))
        async with w.running(answering(1), settle_s=20, looks_max=2, **LOOKS) as p:
            await anyio.sleep(3)
            p.crash()
        async with w.running(
            [*answering(1), *answering(30)[25:]], settle_s=20, looks_max=2, **LOOKS
        ) as again:
            await order(again, campaigns.cancel)
        assert again.tally.claimed == 0
        assert again.jobs[JobState.UNKNOWN] == (state is AttemptState.UNCERTAIN)
        assert again.jobs[JobState.DONE] == (state is not AttemptState.UNCERTAIN)
        assert w.report.calls == again.jobs[JobState.DONE]


# --- changes --------------------------------------------------------------------------------------------


@in_virtual_time
async def test_a_slow_pace_is_raised_within_a_second_for_those_who_wait_for_it() -> None:
    async with world() as w, w.running(answering(40), cps=0.01, **LOOKS) as p:
        changing(p)
        await anyio.sleep(30)
        assert len(w.sim.calls) == 1
        await order(p, campaigns.change, {"cps": 10.0})
        await anyio.sleep(3)
        assert len(w.sim.calls) >= 20
        assert [each.changes for each in p.of(CampaignChanged)] == [{"cps": 10.0}]
        await order(p, campaigns.change, {"cps": 0.1})
        await anyio.sleep(SOON_S)
        done = len(w.sim.calls)
        await anyio.sleep(50)
        assert done + 4 <= len(w.sim.calls) <= done + 6
        p.stop()


@in_virtual_time
async def test_slots_are_changed_within_a_second_and_calls_over_them_go_on() -> None:
    async with world() as w, w.running(answering(60), slots=2, **LOOKS) as p:
        changing(p)
        await anyio.sleep(10)
        assert len(w.sim.calls) == 2
        await order(p, campaigns.change, {"slots": 10})
        await anyio.sleep(2)
        assert len(w.sim.calls) == 10
        await order(p, campaigns.change, {"slots": 3})
        await anyio.sleep(ANSWERED_S * 3)
        assert max(p.campaign.slots.in_use, 3) == 3
        p.stop()
    assert p.tally.claimed == len(p.of(CallPlaced))


@in_virtual_time
async def test_until_the_engine_knows_the_new_rules_it_claims_nothing_and_does_not_spin() -> None:
    async with world() as w, w.running(answering(10), cps=1.0, control_s=100.0) as p:
        changing(p)
        await anyio.sleep(3.5)
        await order(p, campaigns.change, {"cps": 20.0})
        with quiet(w, after_s=0.01):
            await anyio.sleep(90)
        assert [held.why for held in p.of(CampaignHeld)] == ["the rules were just changed"]
    assert (p.jobs, w.report.calls) == ({JobState.DONE: 10}, 10)
    assert len(p.of(CampaignChanged)) == 1
