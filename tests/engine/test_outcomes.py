"""What an end means: done, again later, put back, or a reason to stop for everybody."""

import anyio
import pytest

from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.redial import DEFAULT_DELAYS
from dialer.engine.events import AttemptClosed
from dialer.simulator.people import Behaviour
from tests.support.campaigns import EPOCH, Process, World, in_virtual_time, world
from tests.support.people import STEADY, answering, job, number


def closings(p: Process) -> list[tuple[AttemptState, Outcome, JobState]]:
    return [(closed.state, closed.outcome, closed.job_state) for closed in p.of(AttemptClosed)]


def created_at(w: World, to_number: str) -> list[float]:
    return [call.created_at for call in w.sim.calls if call.to_number == to_number]


@pytest.mark.parametrize(
    ("behaviour", "outcome", "state"),
    [
        (Behaviour.ANSWERS, Outcome.REACHED, JobState.DONE),
        (Behaviour.TRANSFERRED, Outcome.REACHED, JobState.DONE),
        (Behaviour.WANTS_NO_CALLS, Outcome.DO_NOT_CALL, JobState.DONE),
        (Behaviour.WANTS_CALLBACK, Outcome.CALLBACK, JobState.DONE),
        (Behaviour.VOICEMAIL, Outcome.VOICEMAIL, JobState.FAILED),
        (Behaviour.INVALID, Outcome.INVALID_NUMBER, JobState.FAILED),
        (Behaviour.SPAM, Outcome.SPAM_BLOCKED, JobState.FAILED),
        (Behaviour.RETELL_BREAKS, Outcome.PLATFORM_FAULT, JobState.FAILED),
        (Behaviour.FUTURE_REASON, Outcome.REACHED, JobState.DONE),
        (Behaviour.FUTURE_STATUS, Outcome.REACHED, JobState.DONE),
    ],
)
@in_virtual_time
async def test_what_an_end_means_for_its_job(behaviour: Behaviour, outcome: Outcome, state: JobState) -> None:
    async with world(people={number(0): behaviour}) as w:
        p = await w.run([job(0), job(1)])
        assert (AttemptState.ENDED, outcome, state) in closings(p)
        assert p.campaign.stopping is None
        (line,) = [line for line in w.log.of("job") if line["to_number"] == number(0)]
        assert (line["outcome"], line["state"]) == (outcome, state)
        (told,) = [line for line in w.log.of("attempt") if line["to_number"] == number(0)]
        (call,) = [call for call in w.sim.calls if call.to_number == number(0)]
        assert (told["call_id"], told["disconnection_reason"]) == (call.call_id, call.reason)
        assert told["status"] == call.status


@pytest.mark.parametrize("ending", [93, 94, 97, 98])
@in_virtual_time
async def test_a_reason_of_the_account_stops_the_campaign(ending: int) -> None:
    people = [*answering(10), job(ending, area=501), *answering(40)[20:]]
    async with world() as w:
        p = await w.run(people, cps=2)
        assert p.campaign.stopping is not None
        assert p.campaign.stopping.account
        assert p.campaign.stopping.way_out
        assert (AttemptState.UNSPENT, Outcome.ACCOUNT, JobState.OPEN) in closings(p)
        assert p.tally.claimed < 20, "nobody is claimed after that"
        assert p.jobs[JobState.OPEN] > 0


@pytest.mark.parametrize("ending", [95, 96])
@in_virtual_time
async def test_a_reason_of_the_configuration_stops_it_the_third_time(ending: int) -> None:
    async with world() as w:
        two = await w.run([job(ending), job(ending, 203), *answering(10)], cps=2, put_backs_max=1)
        assert two.campaign.stopping is None
        assert two.jobs == {JobState.DONE: 10, JobState.FAILED: 2}
    async with world() as w:
        people = [job(ending, 202 + n) for n in range(5)]
        p = await w.run(people, cps=0.5)
        assert p.campaign.stopping is not None
        assert not p.campaign.stopping.account
        assert p.tally.closed[Outcome.CONFIGURATION] in (3, 4), "one may be on its way when the third ends"
        assert p.jobs == {JobState.OPEN: 5}


@in_virtual_time
async def test_no_slot_although_accepted_puts_back_unspent_and_shrinks() -> None:
    people = {number(0): Behaviour.NO_SLOT}
    async with world(STEADY, people=people) as w:
        rows = [job(0), *answering(6)]
        p = await w.run(rows, slots=20, cps=5, put_back_s=10, put_backs_max=3)
        assert p.tally.closed == {Outcome.NOT_RUNG: 3, Outcome.REACHED: 6}
        assert len([1 for state, *_ in closings(p) if state is AttemptState.UNSPENT]) == 3
        assert p.jobs == {JobState.DONE: 6, JobState.FAILED: 1}
        assert p.tally.slots is not None
        assert p.tally.slots < 20, "the account was found to be full"


@in_virtual_time
async def test_redial_delays_are_honoured_to_the_second() -> None:
    async with world(people={number(1): Behaviour.BUSY, number(2): Behaviour.NO_ANSWER_TWICE}) as w:
        p = await w.run([job(1), job(2)], redial_delays=DEFAULT_DELAYS, attempts_max=3)
        assert p.jobs == {JobState.FAILED: 1, JobState.DONE: 1}
        closed = p.of(AttemptClosed)
        for ending, delays in ((1, (300, 1800)), (2, (3600, 14400))):
            mine = [each for each in closed if each.attempt.job.job.to_number == number(ending)]
            again = created_at(w, number(ending))
            assert [each.due_at for each in mine[:-1]] == [
                each.at + delay for each, delay in zip(mine, delays, strict=False)
            ]
            for each, at in zip(mine, again[1:], strict=False):
                assert each.due_at is not None
                assert 0 <= at + EPOCH - each.due_at < 1
        assert [len(created_at(w, number(n))) for n in (1, 2)] == [3, 3]


@in_virtual_time
async def test_an_attempt_that_spent_nothing_does_not_count() -> None:
    """Busy, then thrice no room, then busy again: two attempts count."""
    async with world(people={number(1): Behaviour.BUSY}) as w:
        async with w.running([job(1)], redial_delays={Outcome.BUSY: (60.0, 60.0)}, attempts_max=3) as p:
            await anyio.sleep(30)
            w.sim.set_faults(concurrency_refused=1.0)
            await anyio.sleep(200)
            w.sim.set_faults(concurrency_refused=0.0)
        assert p.tally.closed[Outcome.BUSY] == 3
        assert p.tally.closed[Outcome.NOT_RUNG] >= 2
        last = p.of(AttemptClosed)[-1]
        assert last.attempt.job.history == (Outcome.BUSY, Outcome.BUSY)
        assert p.jobs == {JobState.FAILED: 1}


@in_virtual_time
async def test_not_before_is_honoured_to_the_second() -> None:
    async with world() as w:
        due = {number(n): EPOCH + 100.25 * n for n in range(10)}
        await w.run([job(n, not_before=due[number(n)]) for n in range(10)])
        for to_number, at in due.items():
            (made,) = created_at(w, to_number)
            assert 0 <= made + EPOCH - at < 1


@in_virtual_time
async def test_expires_at_is_honoured_to_the_second() -> None:
    """One slot, so that the others wait until they expire."""
    async with world() as w:
        rows = [job(n, expires_at=EPOCH + 40 * n + 20.5, priority=-n) for n in range(6)]
        p = await w.run([*rows, job(18, expires_at=EPOCH)], slots=1)
        for row in rows:
            assert row.to_number is not None
            for at in created_at(w, row.to_number):
                assert row.expires_at is not None
                assert at + EPOCH < row.expires_at
        assert p.jobs[JobState.EXPIRED] == 7 - w.report.calls
        assert 0 < w.report.calls < 6
        expired = [line for line in w.log.of("job") if line["state"] == "expired"]
        assert {(line["call_id"], line["attempt"]) for line in expired} == {(None, 0)}


@in_virtual_time
async def test_a_redial_that_would_come_too_late_expires_now() -> None:
    async with world(people={number(1): Behaviour.BUSY}) as w:
        p = await w.run([job(1, expires_at=EPOCH + 200)], redial_delays={Outcome.BUSY: (300.0,)})
        assert p.jobs == {JobState.EXPIRED: 1}
        assert p.ended_at is not None
        assert p.ended_at < 20


@in_virtual_time
async def test_higher_priority_goes_first_and_the_rest_in_the_order_of_the_rows() -> None:
    async with world() as w:
        rows = [job(n, priority=n % 3, line=n) for n in range(15)]
        await w.run(rows, slots=1)
        called = [call.to_number for call in w.sim.calls]
        wanted = sorted(rows, key=lambda row: (-row.priority, row.line))
        assert called == [row.to_number for row in wanted]


@in_virtual_time
async def test_one_from_number_after_the_other_unless_the_row_has_its_own() -> None:
    async with world() as w:
        await w.run([job(0, from_number="+12125550123"), *answering(2)])
        assert [call.from_number for call in w.sim.calls] == ["+12125550123", "+12125550199", "+12125550199"]
