"""What drawn runs have found, each as a small plan of its own, so that it stays found."""

from dataclasses import replace

from dialer.domain.calls import CallContent, JobKind
from dialer.simulator.faults import Faults
from tests.simulation.broken import bounded_rows, calm_plan
from tests.simulation.checks import violations
from tests.simulation.crash import Crash, Moment
from tests.simulation.plan import Life, Plan
from tests.simulation.rows import Rows
from tests.simulation.run import run
from tests.simulation.troubles import Change


def crash_after(seconds: float) -> Crash:
    return Crash(Moment.TIME, nth=0, after_s=seconds, commits=False)


def broken_promises(plan: Plan) -> list[tuple[str, str]]:
    return violations(run(plan))


def test_the_pace_holds_across_a_quick_restart() -> None:
    """Seed 47: a new process began with an empty window, right behind the last requests of the old one."""
    plan = calm_plan(lives=(Life(20, crash_after(2.5), down_s=0.01),))
    assert broken_promises(replace(plan, config=replace(plan.config, cps=0.5))) == []


def test_a_repeat_does_not_go_beyond_expires_at() -> None:
    """Seed 200: an uncertain request was repeated when nobody could be called any more."""
    plan = calm_plan(faults=Faults(drop_before=1.0, only_first=1), readings=bounded_rows(expires_s=8.0))
    assert broken_promises(plan) == []


def test_a_request_that_was_told_to_wait_does_not_go_beyond_expires_at() -> None:
    """A 429 holds the line; what waited at the gate left without another look at the rules."""
    plan = calm_plan(faults=Faults(rate_limited=1.0, only_first=2), readings=bounded_rows(expires_s=2.0))
    assert broken_promises(plan) == []


def test_what_is_found_uncertain_is_not_repeated_beyond_expires_at() -> None:
    plan = calm_plan(
        faults=Faults(drop_before=1.0, only_first=1),
        lives=(Life(20, crash_after(2.0), down_s=60.0),),
        readings=bounded_rows(expires_s=30.0),
    )
    assert broken_promises(plan) == []


def test_the_settle_time_is_not_the_wall_clocks() -> None:
    """The clock went forward while nobody ran: an uncertain attempt was looked for too soon, and repeated."""
    plan = calm_plan(
        faults=Faults(drop_after=1.0, only_first=1),
        lives=(Life(20, crash_after(3.0), down_s=0.5, step_s=900.0),),
    )
    plan = replace(plan, account=replace(plan.account, idempotency=False))
    assert broken_promises(plan) == []


def test_an_unknown_attempt_holds_its_slot_as_long_as_its_last_repeat_may_ring() -> None:
    """Seed 72: the hold was counted from the claim, and the repeat came much later."""
    plan = calm_plan(
        slots=1,
        faults=Faults(drop_before=1.0),
        lives=(Life(1, crash_after(1.0), down_s=400.0), Life(1)),
        changes=(Change(100.0, faults=Faults(drop_after=1.0)), Change(450.0, faults=Faults())),
    )
    plan = replace(plan, readings=plan.readings * 2)
    config = plan.config
    plan = replace(plan, config=replace(config, placing=replace(config.placing, looks_max=1)))
    assert broken_promises(plan) == []


def test_what_has_no_key_is_not_repeated() -> None:
    """Seed 741: a registered call, which the listing did not show, was registered again."""
    plan = calm_plan(lives=(Life(20, Crash(Moment.FINISH, nth=1, after_s=0.0, commits=False)),))
    rows = [
        replace(row, kind=JobKind.REGISTER_PHONE_CALL, content=CallContent(agent_id="agent_of_the_row"))
        for row in plan.readings[0].jobs
    ]
    plan = replace(plan, readings=(Rows(tuple(rows)),) * 2)
    assert broken_promises(replace(plan, account=replace(plan.account, lists_registered=False))) == []
