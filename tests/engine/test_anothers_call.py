"""Two answers with one call id: a call is one attempt's alone, and each person is rung."""

from dataclasses import replace

import anyio
import orjson
import pytest

from dialer.adapters.ledger.reports.audit import doubled_calls
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.engine.events import AttemptClosed, AttemptParked, AttemptUncertain
from tests.engine.test_placing_limits import relay_of
from tests.support.campaigns import in_virtual_time, world
from tests.support.people import STEADY, answering, job
from tests.support.relay import Twist


def answer(call_id: str, attempt_id: str | None = None) -> Twist:
    """The call is made, and another one's is shown."""
    metadata = {} if attempt_id is None else {"metadata": {"attempt_id": attempt_id}}
    body = orjson.dumps({"call_id": call_id, "call_status": "registered", **metadata})
    return Twist(status=201, body=body)


@pytest.mark.parametrize("webhooks", [True, False])
@in_virtual_time
async def test_an_answer_that_names_another_attempt_is_uncertain_and_ours_is_looked_for(
    webhooks: bool,
) -> None:
    async with world(faults="foreign_answer=1,only_first=1", webhooks=webhooks) as w:
        p = await w.run(answering(12), settle_s=5)
        assert p.jobs == {JobState.DONE: 12}
        assert set(w.report.calls_per_number.values()) == {1}
        closed = p.of(AttemptClosed)
        assert len({each.news.call_id for each in closed if each.news}) == 12
        assert p.tally.uncertain == 11, "the first call is its own"
        assert all(
            w.sim.call(each.news.call_id).attempt_id == each.attempt.id for each in closed if each.news
        )


@in_virtual_time
async def test_a_call_that_an_attempt_under_way_has_is_not_taken_by_another() -> None:
    """The answers name no attempt, so that only the call's id tells."""
    account = replace(STEADY, talk_s=100, talk_sigma=0)
    async with world(account, relayed=True) as w:
        async with w.running([job(0), job(1)], cps=1, settle_s=5) as p:
            await anyio.sleep(0.5)
            (first,) = w.sim.calls
            relay_of(w).on("create", answer(first.call_id))
        assert p.jobs == {JobState.DONE: 2}
        assert w.report.calls == 2
        assert len({each.news.call_id for each in p.of(AttemptClosed) if each.news}) == 2
        (uncertain,) = p.of(AttemptUncertain)
        assert "another attempt's" in uncertain.why


@in_virtual_time
async def test_a_call_that_a_closed_attempt_has_is_not_taken_by_another() -> None:
    async with world(relayed=True) as w:
        await w.run([job(0)])
        (first,) = w.sim.calls
        relay_of(w).on("create", answer(first.call_id))
        p = await w.run([job(0), job(1)], settle_s=5)
        assert (p.jobs, w.report.calls) == ({JobState.DONE: 2}, 2)
        assert [each.news.call_id for each in p.of(AttemptClosed) if each.news] == [w.sim.calls[1].call_id]
        assert await p.ledger.ask(lambda conn: doubled_calls(conn, p.campaign_id)) == []


@in_virtual_time
async def test_what_was_given_another_ones_call_lets_it_go_when_the_call_says_whose_it_is() -> None:
    """The first answer names the second's call, and no attempt; the listing then says whose it is."""
    account = replace(STEADY, talk_s=100, talk_sigma=0)
    async with world(account, relayed=True) as w:
        await w.run([job(0)])
        (theirs,) = w.sim.calls
        relay_of(w).on("create", answer("call_of_nobody_yet"), Twist())
        relay_of(w).on("list", Twist(status=200, body=page("call_of_nobody_yet", theirs.attempt_id)))
        p = await w.run([job(0), job(1)])
        (parked,) = p.of(AttemptParked)
        assert "is another attempt's" in parked.why
        (line,) = w.log.of("unknown")
        assert line["call_id"] is None
        assert w.report.calls == 2


def page(call_id: str, attempt_id: str | None) -> bytes:
    """A listing with one call."""
    call = {"call_id": call_id, "call_status": "ended", "metadata": {"attempt_id": attempt_id}}
    return orjson.dumps({"items": [call], "has_more": False})


@in_virtual_time
async def test_a_doubled_call_of_an_older_ledger_is_named() -> None:
    async with world() as w:
        p = await w.run(answering(3))
        first, second, _ = [each.call_id for each in w.sim.calls]
        await p.ledger.operate(
            lambda conn: conn.exec_driver_sql(
                "UPDATE attempt SET call_id = ? WHERE call_id = ?", (first, second)
            )
        )
        (said,) = await p.ledger.ask(lambda conn: doubled_calls(conn, p.campaign_id))
        assert said.startswith(f"call {first} is on record for 2 attempts")
        assert {each.state for each in p.of(AttemptClosed)} == {AttemptState.ENDED}
