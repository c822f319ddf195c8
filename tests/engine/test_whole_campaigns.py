"""The promises, over whole campaigns: never twice, never lost, never over and yet in full use."""

from dataclasses import replace

import anyio
import orjson
import pytest

from dialer.app.clock_loop import run_virtual
from dialer.domain.calls import CallJob, JobKind, RejectedRow
from dialer.domain.lifecycle import JobState
from dialer.domain.outcomes import Outcome
from dialer.engine.events import AttemptClosed, IntakeProgressed
from dialer.simulator.account import Account
from dialer.simulator.calls import Kind
from tests.support.campaigns import World, in_virtual_time, world
from tests.support.people import STEADY, Listed, answering, job, number

FIRST_S = 1.0
"""Until the line has found its pace."""


@pytest.mark.parametrize("seed", range(5))
@in_virtual_time
async def test_with_20_percent_429s_and_5_percent_500s_everybody_is_still_dialled_once(seed: int) -> None:
    account = replace(STEADY, listing_lag_s=5, idempotency=seed % 2 == 0)
    faults = "rate_limited=0.2,error_before=0.025,error_after=0.025"
    async with world(account, faults, seed=seed) as w:
        p = await w.run(answering(150), cps=20)
        assert set(w.report.calls_per_number.values()) == {1}
        assert w.report.calls == len(w.report.calls_per_number) == 150
        assert p.jobs == {JobState.DONE: 150}
        assert p.tally.uncertain > 0
        assert p.tally.held > 0


@pytest.mark.parametrize("seed", range(3))
@in_virtual_time
async def test_with_everything_wrong_at_once_nobody_is_dialled_twice_or_lost(seed: int) -> None:
    faults = (
        "rate_limited=0.1,error_before=0.05,drop_before=0.05,concurrency_refused=0.05,error_after=0.05,"
        "drop_after=0.05,unreadable=0.05,stall=0.02,stall_s=40,made_late=0.05,listing_late=0.1,"
        "listing_late_s=30,read_error=0.1,read_dropped=0.1,webhook_lost=0.2,webhook_doubled=0.1,"
        "webhook_late=0.2,webhook_reordered=0.2,analysis_missing=0.1"
    )
    async with world(STEADY, faults, seed=seed, webhooks=True) as w:
        p = await w.run(answering(80), timeout_s=20, looks_max=10, put_back_s=5)
        assert p.jobs == {JobState.DONE: 80}
        assert set(w.report.calls_per_number.values()) == {1}


async def used(w: World, since: float, until: float, slots: int) -> float:
    return w.sim.live_seconds(since, until) / (slots * (until - since))


@in_virtual_time
async def test_short_calls_use_the_pace_and_never_more() -> None:
    """5 a second, 10 slots, calls of a second: the pace binds."""
    account = replace(STEADY, ring_s=0.5, talk_s=0.5)
    async with world(account, webhooks=True) as w:
        await w.run(answering(300), cps=5, slots=10)
        report = w.report
        assert report.peak_requests_1s == 5
        assert report.peak_live <= 10
        made = [
            call.created_at for call in w.sim.calls if call.created_at >= w.sim.calls[0].created_at + FIRST_S
        ]
        assert (len(made) - 1) / (made[-1] - made[0]) >= 0.95 * 5


@pytest.mark.parametrize("webhooks", [True, False])
@pytest.mark.parametrize("talk_s", [115.0, 35.0])
@in_virtual_time
async def test_long_calls_use_the_slots_and_never_more(webhooks: bool, talk_s: float) -> None:
    """5 a second, 10 slots, calls of minutes: the slots bind."""
    account = replace(STEADY, ring_s=5, talk_s=talk_s, talk_sigma=0.5)
    async with world(account, webhooks=webhooks) as w:
        await w.run(answering(120), cps=5, slots=10, poll_s=2)
        report = w.report
        assert report.peak_requests_1s <= 5
        assert report.peak_live == 10
        first, last = w.sim.calls[0].created_at, w.sim.calls[-1].created_at
        full = first + FIRST_S + 1.0  # ten calls take two seconds to be begun
        assert await used(w, full, last, 10) >= (0.98 if webhooks else 0.95)


@in_virtual_time
async def test_the_account_is_shared_and_never_over_its_limit() -> None:
    account = replace(
        STEADY, concurrency_limit=20, used_by_others=6, reserved_inbound_concurrency=4, talk_s=20
    )
    async with world(account) as w, w.running(answering(150), slots=50, cps=10, refresh_s=20) as p:
        await anyio.sleep(45)
        assert p.campaign.slots.limit == 10
        w.sim.set_account(used_by_others=0)
        await anyio.sleep(60)
        assert p.campaign.slots.limit == 16
    assert w.report.peak_concurrency <= 16
    assert w.report.refusals == {}
    assert p.jobs == {JobState.DONE: 150}


@in_virtual_time
async def test_paid_burst_only_when_allowed() -> None:
    account = replace(STEADY, concurrency_limit=5, burst_enabled=True)
    for allowed, peak in ((False, 5), (True, 15)):
        async with world(account) as w:
            await w.run(answering(40), slots=50, use_paid_burst=allowed)
            assert w.report.peak_live == peak


@in_virtual_time
async def test_the_simulators_own_limit_is_never_met() -> None:
    """The account refuses what is over 7 a second; we ask for 7 a second."""
    account = Account(concurrency_limit=100, calls_per_second=7, cps_window_s=0.99, ring_s=1, talk_s=2)
    async with world(account) as w:
        await w.run(answering(150), cps=7, slots=100)
        assert w.report.refusals == {}
        assert w.report.create_requests == 150


@pytest.mark.parametrize("kind", [JobKind.WEB_CALL, JobKind.REGISTER_PHONE_CALL])
@in_virtual_time
async def test_kinds_that_settle_when_they_are_created(kind: JobKind) -> None:
    rows = [
        replace(job(n, kind=kind, job_id=f"w-{n}"), to_number=None if kind is JobKind.WEB_CALL else number(n))
        for n in range(12)
    ]
    async with world() as w:
        p = await w.run(rows, slots=3)
        assert p.ended_at is not None
        assert p.ended_at < 2, "nobody waits for an end"
        assert p.jobs == {JobState.DONE: 12}
        assert p.tally.closed == {Outcome.CREATED: 12}
        calls = {call.call_id: call for call in w.sim.calls}
        assert {call.kind for call in calls.values()} == {
            Kind.WEB if kind is JobKind.WEB_CALL else Kind.REGISTERED
        }
        lines = w.log.of("attempt")
        assert {line["call_id"] for line in lines} == set(calls)
        for line in lines:
            token = f"sim-token-{line['call_id'][-32:]}" if kind is JobKind.WEB_CALL else None
            assert line.get("access_token") == token


@in_virtual_time
async def test_rows_are_taken_in_while_calls_are_made() -> None:
    async with world() as w:
        p = await w.run(source=Listed(answering(60), pause_s=20.0), rows_max=10, cps=5)
        kinds = [type(event) for _, event in p.events]
        assert kinds.index(AttemptClosed) < len(kinds) - kinds[::-1].index(IntakeProgressed)
        assert p.jobs == {JobState.DONE: 60}
        assert p.intake.counts.rows == p.intake.counts.new == 60


@in_virtual_time
async def test_rejected_and_repeated_rows_are_counted_and_called_once() -> None:
    bad = RejectedRow(4, "no_number", "column phone is empty", ("", "x"))
    rows: list[CallJob | RejectedRow] = [
        job(0, line=2, job_id="a"),
        job(1, line=3),
        bad,
        job(2, line=5, job_id="a"),
        job(1, line=6),
        job(0, line=7, job_id="b"),
        job(3, line=8),
    ]
    async with world() as w:
        for rows_max in (2, 200):
            p = await w.run(rows, rows_max=rows_max)
            assert [(row.line, row.code) for row in p.refused] == [
                (4, "no_number"),
                (5, "duplicate_job_id"),
                (6, "duplicate_number"),
                (7, "duplicate_number"),
            ]
            assert (p.intake.counts.rows, p.intake.counts.rejected) == (7, 4)
            assert p.jobs == {JobState.DONE: 3}
        assert w.report.calls == 3, "the second reading calls nobody again"


@in_virtual_time
async def test_the_results_log_has_a_line_for_every_attempt_and_every_job() -> None:
    people = [*answering(20), *(job(n, area=700) for n in range(30, 60) if n != 54)]
    async with world() as w:
        delays = {Outcome.BUSY: (30.0,), Outcome.NO_ANSWER: (60.0, 60.0)}
        p = await w.run(people, redial_delays=delays)
        read = [orjson.loads(line.line) for line in w.log.lines]
        assert [line["seq"] for line in read] == list(range(1, len(read) + 1))
        assert {line["attempt_id"] for line in w.log.of("attempt")} == {
            closed.attempt.id for closed in p.of(AttemptClosed)
        }
        assert {line["call_id"] for line in w.log.of("attempt")} == {call.call_id for call in w.sim.calls}
        assert sorted(line["to_number"] for line in w.log.of("job")) == sorted(
            str(row.to_number) for row in people
        )
        states = [line["state"] for line in w.log.of("job")]
        assert {state: states.count(state) for state in states} == {
            str(state): many for state, many in p.jobs.items()
        }


@in_virtual_time
async def test_the_log_catches_up_from_whatever_it_has() -> None:
    async with world() as w:
        await w.run(answering(30))
        whole, w.log.lines = w.log.lines, w.log.lines[:17]
        await w.run(answering(30))
        assert w.log.lines == whole


def test_the_same_seed_gives_the_same_run() -> None:
    async def trace(seed: int) -> list[tuple[float, str]]:
        async with world(STEADY, "rate_limited=0.2,drop_after=0.1", seed=seed) as w:
            p = await w.run(answering(30))
            return [(at, type(event).__name__) for at, event in p.events]

    assert run_virtual(trace, 3) == run_virtual(trace, 3) != run_virtual(trace, 4)
