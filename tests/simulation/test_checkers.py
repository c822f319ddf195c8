"""Each checker sees what it is there for: an engine with that one rule taken out is caught."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from dialer.adapters.ledger.queue import claim
from dialer.adapters.ledger.queue.claim_context import ClaimContext
from dialer.adapters.ledger.schema.tables import job
from dialer.domain.calls import CallJob
from dialer.domain.redial import RedialPolicy
from dialer.engine.campaign import CampaignConfig
from dialer.simulator.faults import Faults
from tests.simulation import broken
from tests.simulation.broken import bounded_rows, calm_plan
from tests.simulation.checks import violations
from tests.simulation.crash import Crash, Moment
from tests.simulation.plan import Life, Plan
from tests.simulation.process import Parts
from tests.simulation.rows import Rows
from tests.simulation.run import run

LOSES_ANSWERS = Faults(drop_after=0.5, only_first=2)


def caught(plan: Plan, parts: Parts) -> set[str]:
    """The checkers that object to it. The real engine passes them all."""
    assert violations(run(plan)) == []
    return {name for name, _ in violations(run(plan, parts))}


def test_a_repeat_without_a_look_is_caught() -> None:
    plan = calm_plan(faults=LOSES_ANSWERS)
    assert "one_call_per_attempt" in caught(plan, Parts(alter=broken.repeats_at_once))


def test_a_look_without_settling_is_caught() -> None:
    def hasty(config: CampaignConfig) -> CampaignConfig:
        return replace(config, placing=replace(config.placing, settle_s=0.0))

    plan = calm_plan(faults=LOSES_ANSWERS)
    plan = replace(plan, account=replace(plan.account, idempotency=False))
    assert "one_call_per_attempt" in caught(plan, Parts(config=hasty))


def test_a_restart_that_forgets_what_was_under_way_is_caught() -> None:
    crash = Crash(Moment.UPDATE, nth=3, after_s=0.0, commits=False)
    plan = calm_plan(lives=(Life(slots=20, crash=crash),))
    names = caught(plan, Parts(alter=broken.forgets_what_was_under_way))
    assert {"one_call_per_attempt", "ledger_knows_each_call"} <= names


def test_a_claim_that_leaves_the_job_open_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    assert violations(run(calm_plan())) == []
    still_open = sa.update(job).where(job.c.id.in_(sa.bindparam("ids", expanding=True)))
    monkeypatch.setattr(claim, "_BUSY", still_open.values(claims=job.c.claims + 1))
    # the ledger's table of transitions objects before anybody is rung twice
    assert "it_ends" in {name for name, _ in violations(run(calm_plan()))}


def test_calls_without_slots_are_caught() -> None:
    assert "no_more_at_once" in caught(calm_plan(slots=2), Parts(alter=broken.has_no_slots))


def test_an_end_that_was_none_is_caught() -> None:
    assert "no_more_at_once" in caught(calm_plan(slots=2), Parts(alter=broken.takes_an_answer_for_an_end))


def test_requests_without_a_pace_are_caught() -> None:
    assert "no_faster" in caught(calm_plan(), Parts(alter=broken.has_no_pace))


def test_a_row_that_is_passed_over_is_caught() -> None:
    parts = Parts(source=lambda rows: Rows(rows.rows[1:]))
    assert "one_final_result_each" in caught(calm_plan(), parts)


def test_a_job_without_a_last_word_is_caught() -> None:
    assert {"one_final_result_each", "balance_closes"} <= caught(
        calm_plan(), Parts(ledger=broken.SilentLedger)
    )


@pytest.mark.parametrize("sink", [broken.StutteringSink, broken.ForgetfulSink])
def test_a_log_that_is_not_the_ledger_is_caught(
    sink: type[broken.StutteringSink] | type[broken.ForgetfulSink],
) -> None:
    assert "log_is_the_ledger" in caught(calm_plan(), Parts(sink=sink))


def test_a_call_that_is_not_the_one_that_was_made_is_caught() -> None:
    assert "ledger_knows_each_call" in caught(calm_plan(), Parts(ledger=broken.MixedUpLedger))


def test_a_call_after_its_time_is_caught() -> None:
    def lawless(config: CampaignConfig) -> CampaignConfig:
        return replace(config, screen=broken.LawlessScreen(config.screen.from_numbers))

    plan = calm_plan(readings=bounded_rows(expires_s=2.0))
    assert caught(plan, Parts(config=lawless)) == {"only_when_allowed"}


def test_a_call_before_its_time_is_caught() -> None:
    def at_once(rows: Rows) -> Rows:
        return Rows(tuple(replace(row, not_before=None) for row in rows.rows if isinstance(row, CallJob)))

    plan = calm_plan(readings=bounded_rows(not_before_s=600.0))
    assert caught(plan, Parts(source=at_once)) == {"only_when_allowed"}


def test_a_redial_without_its_delay_is_caught() -> None:
    def eager(config: CampaignConfig) -> CampaignConfig:
        redial = config.redial
        return replace(
            config, redial=broken.EagerRedial(attempts_max=redial.attempts_max, delays=redial.delays)
        )

    assert caught(calm_plan(), Parts(config=eager)) == {"redials_wait"}


def test_a_redial_without_end_is_caught() -> None:
    def tireless(config: CampaignConfig) -> CampaignConfig:
        delays = {outcome: waits * 3 for outcome, waits in config.redial.delays.items()}
        return replace(config, redial=RedialPolicy(attempts_max=6, delays=delays))

    assert "redials_wait" in caught(calm_plan(), Parts(config=tireless))


def test_a_campaign_that_never_ends_is_caught() -> None:
    plan = calm_plan(readings=(Rows(calm_plan().readings[0].rows[:2]),) * 2)
    assert "it_ends" in caught(plan, Parts(alter=broken.never_listens))


def test_an_analysis_that_is_not_the_apis_is_caught() -> None:
    assert caught(calm_plan(), Parts(ledger=broken.GossipingLedger)) == {"analyses_are_the_calls"}


@pytest.mark.parametrize("lack", [broken.MuteDesk, broken.SlipperyDesk])
def test_a_call_without_its_reason_is_caught(
    monkeypatch: pytest.MonkeyPatch, lack: type[ClaimContext]
) -> None:
    assert violations(run(calm_plan())) == []
    monkeypatch.setattr(claim, "ClaimContext", lack)
    assert {name for name, _ in violations(run(calm_plan()))} == {"each_call_is_explained"}


def test_rows_that_do_not_add_up_are_caught() -> None:
    assert caught(calm_plan(), Parts(ledger=broken.MiscountingLedger)) == {"balance_closes"}
