"""A mailbox that ends as a person does is a voicemail: the analysis says so, before the end or after it."""

from dataclasses import replace
from typing import Any

import anyio
import pytest

from dialer.domain.lifecycle import JobState
from dialer.domain.outcomes import Outcome
from dialer.engine.events import AttemptClosed
from dialer.simulator.people import Behaviour
from tests.support.campaigns import Process, in_virtual_time, world
from tests.support.people import ANSWERED_S, STEADY, answering, job, number

PEOPLE = {number(0): Behaviour.MAILBOX}
ROW: dict[str, Any] = {"redial_delays": {"voicemail": (600.0,)}, "analysis_wait_s": 5.0}


def outcomes(p: Process) -> list[Outcome]:
    return [closed.outcome for closed in p.of(AttemptClosed)]


@pytest.mark.parametrize("analysis_s", [0.0, 3.0])
@pytest.mark.parametrize("webhooks", [True, False])
@in_virtual_time
async def test_a_mailbox_is_called_again_by_the_row_of_voicemails(webhooks: bool, analysis_s: float) -> None:
    account = replace(STEADY, analysis_s=analysis_s)
    async with world(account, people=PEOPLE, webhooks=webhooks) as w:
        p = await w.run([job(0), job(1)], **ROW)
        assert sorted(outcomes(p)) == [Outcome.REACHED, Outcome.VOICEMAIL, Outcome.VOICEMAIL]
        assert p.jobs == {JobState.DONE: 1, JobState.FAILED: 1}
        first, second = [call for call in w.sim.calls if call.to_number == number(0)]
        assert second.created_at - first.created_at > 600.0
        assert {line["disconnection_reason"] for line in w.log.of("attempt")} == {"user_hangup"}


@in_virtual_time
async def test_the_row_of_the_reason_is_not_the_mailboxes() -> None:
    async with world(people=PEOPLE) as w:
        rows = {"user_hangup": (60.0,), "voicemail": (600.0,)}
        p = await w.run([job(0)], redial_delays=rows, analysis_wait_s=5.0)
        assert outcomes(p) == [Outcome.VOICEMAIL] * 2
        first, second = w.sim.calls
        assert second.created_at - first.created_at > 600.0


@in_virtual_time
async def test_who_waits_for_an_analysis_holds_no_slot() -> None:
    account = replace(STEADY, analysis_s=400.0)
    async with world(account) as w:
        p = await w.run(answering(3), slots=1, analysis_wait_s=300.0)
        assert outcomes(p) == [Outcome.REACHED] * 3
        at = sorted(call.created_at for call in w.sim.calls)
        assert at[2] - at[0] < 2 * (ANSWERED_S + 5)


@in_virtual_time
async def test_a_stop_does_not_wait_for_an_analysis() -> None:
    account = replace(STEADY, analysis_s=400.0)
    async with world(account) as w:
        async with w.running(answering(2), analysis_wait_s=300.0) as p:
            await anyio.sleep(ANSWERED_S + 10)
            p.stop()
        assert p.ended_at is not None
        assert p.ended_at < ANSWERED_S + 30
        assert p.jobs == {JobState.DONE: 2}
