"""The counts follow the events."""

from dataclasses import replace

import pytest

from dialer.domain.calls import Attempt, AttemptId, CallId, CallJob, CampaignId, JobId, OpenJob
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.engine.events import (
    AttemptClaimed,
    AttemptClosed,
    AttemptParked,
    AttemptUncertain,
    CallPlaced,
    CampaignStopping,
    IntakeProgressed,
    RequestHeld,
    SlotsChanged,
)
from dialer.ports.engine import IntakeCounts
from dialer.telemetry.tally import CLAIMS_KEPT_MAX, Tally

JOB = OpenJob(JobId(1), CampaignId(1), CallJob(key="a", to_number="+12125550100"), due_at=0.0, claims=0)


def attempt(name: str = "a1", claimed_at: float = 0.0) -> Attempt:
    return Attempt(AttemptId(name), JOB, 1, AttemptState.CLAIMED, None, b"{}", claimed_at, claimed_at)


def closed(of: Attempt, outcome: Outcome, job_state: JobState) -> AttemptClosed:
    due_at = 60.0 if job_state is JobState.OPEN else None
    return AttemptClosed(of, AttemptState.ENDED, outcome, job_state, due_at, None, None, 5.0)


def test_an_attempt_from_claim_to_end() -> None:
    tally, one = Tally(), attempt()
    tally.observe(AttemptClaimed(one, resumed=False))
    assert (tally.claimed, tally.live) == (1, 1)
    tally.observe(CallPlaced(one, CallId("c1"), adopted=False, answer_s=0.2))
    assert (tally.placed, tally.adopted, tally.live) == (1, 0, 1)
    tally.observe(closed(one, Outcome.REACHED, JobState.DONE))
    assert (tally.live, tally.final) == (0, 1)
    assert tally.closed == {Outcome.REACHED: 1}
    assert tally.jobs == {JobState.DONE: 1}


def test_a_job_that_is_due_again_is_not_final() -> None:
    tally = Tally()
    tally.observe(closed(attempt(), Outcome.BUSY, JobState.OPEN))
    assert tally.closed == {Outcome.BUSY: 1}
    assert tally.final == 0


def test_a_resumed_attempt_is_no_new_claim() -> None:
    tally = Tally()
    tally.observe(AttemptClaimed(attempt(), resumed=True))
    assert (tally.claimed, tally.resumed, tally.live) == (0, 1, 1)
    assert tally.per_second(0.0) == 0.0


def test_uncertain_then_adopted() -> None:
    tally, one = Tally(), attempt()
    tally.observe(AttemptUncertain(one, "timeout"))
    assert (tally.uncertain, len(tally.uncertain_ids)) == (1, 1)
    tally.observe(CallPlaced(one, CallId("c1"), adopted=True, answer_s=20.0))
    assert (tally.uncertain, len(tally.uncertain_ids), tally.adopted) == (1, 0, 1)


def test_unknown_until_it_is_found() -> None:
    tally, one = Tally(), attempt()
    tally.observe(AttemptClaimed(one, resumed=False))
    tally.observe(AttemptUncertain(one, "timeout"))
    tally.observe(AttemptParked(one, "not listed"))
    assert (tally.live, len(tally.uncertain_ids), len(tally.unknown_ids), tally.parked) == (0, 0, 1, 1)
    tally.observe(closed(replace(one, state=AttemptState.UNKNOWN), Outcome.REACHED, JobState.DONE))
    assert (len(tally.unknown_ids), tally.parked) == (0, 1)


def test_what_is_said_of_the_whole() -> None:
    tally = Tally()
    stopping = CampaignStopping("402", "pay the bill", account=True)
    tally.observe(IntakeProgressed(IntakeCounts(rows=10, new=9, rejected=1), complete=True))
    tally.observe(SlotsChanged(7, "the account's limit"))
    tally.observe(RequestHeld("429", 1.0))
    tally.observe(stopping)
    assert (tally.intake.rows, tally.intake_complete, tally.slots, tally.held) == (10, True, 7, 1)
    assert tally.stopping is stopping


@pytest.mark.parametrize("cps", [0.5, 1.0, 20.0, 500.0])
def test_calls_per_second_now(cps: float) -> None:
    tally = Tally()
    for n in range(round(30 * cps)):
        tally.observe(AttemptClaimed(attempt(f"a{n}", n / cps), resumed=False))
    assert len(tally.claim_times) <= CLAIMS_KEPT_MAX
    assert tally.per_second(30.0) == pytest.approx(cps, rel=0.25)
    assert tally.per_second(45.0) == 0.0


def test_calls_per_second_just_after_the_start() -> None:
    tally = Tally()
    tally.observe(AttemptClaimed(attempt(), resumed=False))
    assert tally.per_second(0.0) == 1.0, "one call in no time is not infinitely many a second"
