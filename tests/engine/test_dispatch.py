"""When the ledger is asked, and how often: nothing due is slept through, nothing is claimed in vain."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from dialer.adapters.system.clock import LoopClock
from dialer.domain.calls import Attempt
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.engine.dispatch import Due
from dialer.engine.events import AttemptClaimed, CampaignStopping, IntakeProgressed
from dialer.ports.engine import ClaimRequest, NothingDue
from tests.support.campaigns import EPOCH, Process, in_virtual_time, world
from tests.support.people import STEADY, Listed, Rows, answering, job


def claimed_at(p: Process) -> list[float]:
    """The loop's times."""
    return [at for at, event in p.events if isinstance(event, AttemptClaimed)]


async def a_due() -> Due:
    return Due(LoopClock(EPOCH, asyncio.get_running_loop()))


@in_virtual_time
async def test_news_that_comes_while_the_ledger_is_asked_is_not_slept_through() -> None:
    due = await a_due()
    asked = due.asking()
    due.now()  # the ledger has answered "nothing" before this, and the answer is on its way
    with anyio.fail_after(1):
        await due.wait(None, asked)


@in_virtual_time
async def test_everyone_who_waits_is_woken_by_news() -> None:
    due = await a_due()
    woken: list[float] = []

    async def lane(next_due_at: float | None) -> None:
        await due.wait(next_due_at, due.asking())
        woken.append(anyio.current_time())

    async with anyio.create_task_group() as tasks:
        for next_due_at in (None, EPOCH + 500, EPOCH + 1000):
            tasks.start_soon(lane, next_due_at)
        await anyio.sleep(10)
        due.at(EPOCH + 2000)
        await anyio.sleep(10)
        assert woken == [], "they are awake by then"
        due.at(EPOCH + 400)
    assert woken == [20, 20, 20]


@in_virtual_time
async def test_it_wakes_when_the_time_has_come_and_not_a_tick_before() -> None:
    due = await a_due()
    clock = due._clock
    for n in range(100):
        due_at = clock.now() + 1.0 + n * 10 / 7
        await due.wait(due_at, due.asking())
        assert 0 <= clock.now() - due_at < 0.001


@in_virtual_time
async def test_a_time_that_was_earlier_for_another_lane_is_not_forgotten() -> None:
    due = await a_due()
    clock = due._clock
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(due.wait, EPOCH + 50, due.asking())
        tasks.start_soon(due.wait, EPOCH + 300, due.asking())
        await anyio.sleep(100)
        due.at(EPOCH + 150)
    assert clock.now() == pytest.approx(EPOCH + 100, abs=0.01)


class Unlucky(Listed):
    """Its second batch reaches the ledger just when the lanes ask again, and there is no third for long."""

    process: Process

    async def batches(self, rows_max: int) -> AsyncIterator[Rows]:
        del rows_max
        yield self._rows[:2]
        await anyio.sleep(100)
        self.process.campaign._due.now()
        yield self._rows[2:]
        await anyio.sleep(1000)


@in_virtual_time
async def test_rows_that_come_while_the_ledger_is_asked_are_not_slept_through() -> None:
    source = Unlucky(answering(4))
    async with world() as w, w.running(source=source, cps=100.0, burst_s=1.0) as p:
        source.process = p
        await anyio.sleep(101)
        assert p.tally.claimed == 4


@in_virtual_time
async def test_what_was_claimed_when_the_stop_came_is_begun_or_put_back() -> None:
    for turns in range(40):
        async with world() as w:
            async with w.running(answering(6), cps=100.0, burst_s=1.0) as p:
                for _ in range(turns):
                    await anyio.lowlevel.checkpoint()
                p.stop()
            claimed = frozenset({AttemptState.CLAIMED})
            assert await p.ledger.open_attempts(p.campaign_id, claimed) == []


@pytest.mark.parametrize("cps", [0.2, 5.0, 100.0])
@in_virtual_time
async def test_rows_that_trickle_in_are_called_at_once(cps: float) -> None:
    async with world() as w:
        p = await w.run(source=Listed(answering(12), pause_s=100.0), rows_max=3, cps=cps)
        taken_in = [at for at, event in p.events if isinstance(event, IntakeProgressed)][:4]
        for n, at in enumerate(taken_in):
            last = claimed_at(p)[3 * n + 2]
            assert last - at <= 2.1 / cps + 0.1


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.3, 0.7])
@in_virtual_time
async def test_a_job_that_becomes_due_does_not_wait_for_a_wasted_token(fraction: float) -> None:
    async with world() as w:
        due = [EPOCH + 200 * n + fraction for n in range(1, 9)]
        await w.run([job(n, not_before=at) for n, at in enumerate(due)], cps=0.02)
        late = [call.created_at + EPOCH - at for call, at in zip(w.sim.calls, due, strict=True)]
        assert min(late) >= 0
        assert max(late) < 0.5


@in_virtual_time
async def test_a_clock_that_is_set_forward_makes_jobs_due() -> None:
    async with world() as w, w.running([job(not_before=EPOCH + 7200)]) as p:
        await anyio.sleep(600)
        w.clock.step_s = 6000
        await anyio.sleep(660)
        assert p.tally.claimed == 1, "within a minute of its time"


@pytest.mark.parametrize("options", [{"cps": 1.0}, {"cps": 300.0}, {"cps": 50.0, "burst_s": 1.0}])
@pytest.mark.parametrize("limit", [1, 2, 7])
@in_virtual_time
async def test_a_limit_is_kept_exactly(options: dict[str, Any], limit: int) -> None:
    async with world() as w:
        p = await w.run(answering(20), limit=limit, **options)
        assert (p.tally.claimed, w.report.calls) == (limit, limit)
        assert p.jobs == {JobState.DONE: limit, JobState.OPEN: 20 - limit}
        again = await w.run(answering(20), **options)
        assert again.jobs == {JobState.DONE: 20}


@pytest.mark.parametrize("burst_s", [0.02, 1.0])
@in_virtual_time
async def test_a_limit_waits_for_jobs_that_are_due_later(burst_s: float) -> None:
    people = [*answering(3), *answering(6, not_before=EPOCH + 500)[3:]]
    async with world() as w:
        p = await w.run(people, limit=5, cps=300.0, burst_s=burst_s)
        assert p.jobs == {JobState.DONE: 5, JobState.OPEN: 1}


@in_virtual_time
async def test_a_limit_counts_redials_too() -> None:
    async with world() as w:
        p = await w.run([job(42), job(43)], limit=3, redial_delays={Outcome.BUSY: (60.0, 60.0)})
        assert p.tally.claimed == 3


@in_virtual_time
async def test_nothing_is_claimed_after_a_stop() -> None:
    """Also not by a lane that is just claiming, has capacity for more and never has to wait."""
    async with world() as w:
        stopped: list[Process] = []

        def on_event(event: object) -> None:
            if isinstance(event, AttemptClaimed) and len(stopped[0].of(AttemptClaimed)) == 3:
                stopped[0].stop()

        async with w.running(answering(60), cps=100.0, burst_s=1.0, on_event=on_event) as p:
            stopped.append(p)
        kinds = [type(event) for _, event in p.events]
        after = kinds[kinds.index(CampaignStopping) :]
        assert after.count(AttemptClaimed) <= 9, "only what the ledger was just asked for"
        assert p.jobs[JobState.OPEN] >= 48


@in_virtual_time
async def test_every_lane_has_its_share() -> None:
    async with world(replace(STEADY, concurrency_limit=200, ring_s=1, talk_s=1)) as w:
        p = await w.run(answering(200), cps=100.0, slots=200)
        at = claimed_at(p)
        assert at[-1] - at[0] <= 2.05


@in_virtual_time
async def test_a_campaign_without_work_ends() -> None:
    async with world() as w:
        p = await w.run([])
        assert p.ended_at is not None
        assert p.ended_at < 1
        assert p.tally.intake_complete


def slowed(p: Process, first_s: float = 0.5) -> list[float]:
    """Each claim is answered half a second after it was carried out, the first one after `first_s`.

    Gives the times of the claims.
    """
    asked_at: list[float] = []
    claim = p.ledger.claim

    async def slow(request: ClaimRequest) -> Attempt | NothingDue:
        asked_at.append(anyio.current_time())
        answer_s = 0.5 if len(asked_at) > 1 else first_s
        answer = await claim(request)
        await anyio.sleep(answer_s)
        return answer

    p.ledger.claim = slow  # type: ignore[method-assign]
    return asked_at


@in_virtual_time
async def test_where_nothing_is_due_one_lane_asks_for_all_and_the_others_come_with_the_work() -> None:
    """A service has hundreds of campaigns that wait for tomorrow, and news of others all the time."""
    later = [replace(each, not_before=EPOCH + 100.0) for each in answering(9)]
    async with world() as w, w.running(later, cps=100.0, burst_s=0.1) as p:  # ten lanes
        await anyio.sleep(10)
        asked_at = slowed(p)
        for _ in range(5):
            p.campaign.news()
            await anyio.sleep(1)
        assert len(asked_at) == 5
        await anyio.sleep(100)
        began = claimed_at(p)
        assert len(began) == 9
        assert began[-1] - began[0] == pytest.approx(0.5), "one after the other they would take four seconds"


@in_virtual_time
async def test_a_lane_that_went_by_an_older_answer_comes_with_the_work_too() -> None:
    class Late(Listed):
        """Its rows are there when a claim for all was carried out and is not answered yet."""

        async def batches(self, rows_max: int) -> AsyncIterator[Rows]:
            del rows_max
            await anyio.sleep(2.2)
            yield self._rows
            await anyio.sleep(1000)

    async with world() as w, w.running(source=Late(answering(8)), cps=20.0, burst_s=1.0) as p:  # two lanes
        asked_at = slowed(p, first_s=2.0)
        await anyio.sleep(1)
        p.campaign.news()  # one lane is still waiting for an answer from before, and asks for all after it
        await anyio.sleep(20)
        assert asked_at[:5] == pytest.approx([0.0, 0.0, 1.0, 2.0, 2.5])
        assert len(claimed_at(p)) == 8
        assert claimed_at(p)[-1] == pytest.approx(5.0), "one lane alone would take until 6.5"
