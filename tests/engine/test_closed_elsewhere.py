"""Calls whose end another worker heard first and wrote: nothing of them is kept here."""

import anyio

from dialer.adapters.ledger.store import SqlLedger
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.engine.events import AttemptClosed, AttemptTakenOver, CallPlaced
from tests.contracts.ledger_contract import Desk
from tests.support.campaigns import in_virtual_time, world
from tests.support.people import answering


@in_virtual_time
async def test_an_attempt_that_another_worker_closed_is_let_go_and_told_of() -> None:
    async with world() as w, w.running(answering(6), slots=6, cps=6) as p:
        await anyio.sleep(8)
        placed = [event.attempt for event in p.of(CallPlaced)]
        assert (len(placed), p.tally.live) == (6, 6)
        assert isinstance(p.ledger, SqlLedger)
        desk = Desk(p.ledger, p.campaign_id, w.clock.now())
        for attempt in placed[:2]:
            await desk.finish(attempt, JobState.DONE, AttemptState.ENDED, Outcome.REACHED)
            p.campaign.tracker.closed(attempt.id)
        await anyio.sleep(0.1)
        let_go = p.of(AttemptTakenOver)
        assert {event.attempt.id for event in let_go} == {attempt.id for attempt in placed[:2]}
        assert all(event.closed for event in let_go)
        assert p.tally.live == 4
        await p.ended.wait()
    assert {event.attempt.id for event in p.of(AttemptClosed)} == {attempt.id for attempt in placed[2:]}
    assert p.tally.live_ids == p.tally.uncertain_ids == p.tally.unknown_ids == set()


@in_virtual_time
async def test_an_attempt_that_is_closed_here_is_no_other_s() -> None:
    async with world() as w:
        p = await w.run(answering(6))
        assert (len(p.of(AttemptClosed)), p.of(AttemptTakenOver)) == (6, [])
