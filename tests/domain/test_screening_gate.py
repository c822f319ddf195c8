"""What holds for every job of a campaign, asked before any job is looked at."""

from dataclasses import replace

import pytest

from dialer.domain.breakers import CampaignBreaker
from dialer.domain.budget import BudgetFacts, BudgetRule, Reserve
from dialer.domain.calls import CallJob, CampaignId, JobId, OpenJob
from dialer.domain.canary import CanaryFacts, CanaryRule
from dialer.domain.gates import GO, Hold, Stop
from dialer.domain.lifecycle import JobState
from dialer.domain.resting import Rest
from dialer.domain.screening import (
    HELD_LOOK_S,
    NOT_BEGUN,
    BreakerRules,
    CampaignFacts,
    CampaignPolicy,
    Dial,
    Drop,
    Wait,
)
from dialer.domain.wall_clock import zone_named

NOW = 1_800_000_000.0
"""08:00 UTC, 03:00 in New York."""
LINE = "+12125550190"
UNREAD = Hold("the list cannot be read: mend it")
BROKEN = Stop("unpaid", "settle it")
CANARY = CanaryRule(calls=2, failure_share_max=0.5)
BUDGET = BudgetRule(per_campaign_cents=100.0, per_day_cents=None, per_minute_cents=10.0, expected_s=60.0)
DAILY = replace(BUDGET, per_campaign_cents=None, per_day_cents=100.0)
SHARED = BreakerRules(provider_is_shared=True)
ON_TRIAL = CampaignBreaker(provider=Rest(rests=1, until=NOW - 1, why="no provider"))
HELD = CampaignBreaker(provider=Rest(rests=1, until=NOW + 9, why="no provider"))


def gate(facts: CampaignFacts, screen: CampaignPolicy | None = None) -> object:
    return (screen or CampaignPolicy((LINE,))).gate(facts, NOW)


def test_nothing_is_in_the_way_of_a_campaign_without_rules() -> None:
    assert gate(CampaignFacts()) is GO
    assert gate(CampaignFacts(canary=CanaryFacts(2, 2, 2), budget=BudgetFacts(spent_cents=1e9))) is GO


@pytest.mark.parametrize(
    ("facts", "screen", "expected"),
    [
        (CampaignFacts(paused="ann"), CampaignPolicy((LINE,), hold=UNREAD), UNREAD),
        (
            CampaignFacts(cancelled=True, paused="ann", breaker=CampaignBreaker(stop=BROKEN)),
            CampaignPolicy((LINE,), hold=UNREAD),
            Stop("the campaign was cancelled", "nothing is left to do"),
        ),
        (
            CampaignFacts(paused="ann", breaker=CampaignBreaker(stop=BROKEN)),
            CampaignPolicy((LINE,), starts_at=NOW + 9),
            Hold("ann"),
        ),
        (
            CampaignFacts(breaker=CampaignBreaker(stop=BROKEN)),
            CampaignPolicy((LINE,), starts_at=NOW + 9),
            Hold(NOT_BEGUN, NOW + 9),
        ),
        (CampaignFacts(), CampaignPolicy((LINE,), starts_at=NOW), GO),
        (
            CampaignFacts(breaker=CampaignBreaker(stop=BROKEN), canary=CanaryFacts(2, 2, 2)),
            CampaignPolicy((LINE,), canary=CANARY),
            BROKEN,
        ),
        (CampaignFacts(breaker=HELD), CampaignPolicy((LINE,), breakers=SHARED), Hold("no provider", NOW + 9)),
        (CampaignFacts(breaker=HELD), CampaignPolicy((LINE,)), GO),
        (
            CampaignFacts(breaker=CampaignBreaker(refused_at=(NOW,)), under_way=49),
            CampaignPolicy((LINE,)),
            Hold("requests were refused, and too many are under way to send more before their answers"),
        ),
        (
            CampaignFacts(breaker=CampaignBreaker(refused_at=(NOW,)), under_way=48),
            CampaignPolicy((LINE,)),
            GO,
        ),
        (
            CampaignFacts(canary=CanaryFacts(2, 1, 0), budget=BudgetFacts(spent_cents=100.0)),
            CampaignPolicy((LINE,), canary=CANARY, budget=BUDGET),
            Hold("canary: 1 of the first 2 calls have ended"),
        ),
    ],
)
def test_the_first_that_objects_decides(
    facts: CampaignFacts, screen: CampaignPolicy, expected: object
) -> None:
    assert gate(facts, screen) == expected


def test_a_canary_that_sang_lets_the_budget_decide() -> None:
    screen = CampaignPolicy((LINE,), canary=CANARY, budget=BUDGET)
    assert gate(CampaignFacts(canary=CanaryFacts(2, 2, 1), budget=BudgetFacts()), screen) == Reserve(10.0)
    spent = gate(CampaignFacts(canary=CanaryFacts(2, 2, 1), budget=BudgetFacts(spent_cents=95.0)), screen)
    assert isinstance(spent, Stop)
    assert gate(CampaignFacts(canary=CanaryFacts(2, 2, 1)), CampaignPolicy((LINE,), canary=CANARY)) is GO


def test_a_rule_whose_facts_are_not_counted_does_not_object() -> None:
    assert gate(CampaignFacts(), CampaignPolicy((LINE,), canary=CANARY, budget=BUDGET)) is GO


def test_a_trial_call_is_paid_for_as_any_other() -> None:
    screen = CampaignPolicy((LINE,), breakers=SHARED, budget=BUDGET)
    assert gate(CampaignFacts(breaker=ON_TRIAL, budget=BudgetFacts()), screen) == Reserve(10.0)
    spent = gate(CampaignFacts(breaker=ON_TRIAL, budget=BudgetFacts(spent_cents=100.0)), screen)
    assert isinstance(spent, Stop), "but not if there is no money for it"


def test_a_spent_day_ends_at_the_campaigns_own_midnight() -> None:
    facts = CampaignFacts(budget=BudgetFacts(spent_today_cents=95.0))
    utc, new_york = (
        CampaignPolicy((LINE,), zone=zone_named(name), budget=DAILY) for name in ("UTC", "America/New_York")
    )
    for screen, midnight in ((utc, NOW + 16 * 3600), (new_york, NOW + 21 * 3600)):
        held = gate(facts, screen)
        assert isinstance(held, Hold)
        assert held.until == midnight


def test_the_day_is_the_one_that_now_is_in() -> None:
    screen = CampaignPolicy((LINE,))
    first = screen.day(NOW)
    assert first.start <= NOW < first.end
    assert screen.day(first.start) is screen.day(first.end - 1) is first, "found once, then remembered"
    second = screen.day(first.end)
    assert (second.start, second.end) == (first.end, first.end + 86_400)
    assert screen.day(first.start - 1).end == first.start, "also when the clock is set back"
    assert screen.day(NOW) == first


def test_where_the_rules_cannot_be_known_a_job_waits_and_is_neither_dropped_nor_dialled() -> None:
    expired = OpenJob(JobId(1), CampaignId(1), CallJob("a", "+12125550100", expires_at=NOW), NOW, 0)
    verdict = CampaignPolicy((LINE,), hold=UNREAD).judge(expired, NOW)
    assert verdict == Wait(NOW + HELD_LOOK_S, "hold", UNREAD.why)


def test_no_job_goes_before_the_campaigns_start_nor_waits_for_it_past_its_own_end() -> None:
    row = CallJob("a", "+12125550100", not_before=NOW + 3)
    job = OpenJob(JobId(1), CampaignId(1), row, NOW, 0)
    screen = CampaignPolicy((LINE,), starts_at=NOW + 9)
    assert screen.judge(job, NOW) == Wait(NOW + 3, "not_before")
    assert screen.judge(job, NOW + 3) == Wait(NOW + 9, "campaign.starts_at", NOT_BEGUN)
    assert screen.judge(job, NOW + 9) == Dial(LINE, why="least used")
    late = replace(job, job=replace(job.job, expires_at=NOW + 5))
    assert screen.judge(late, NOW + 4) == Wait(NOW + 5, "campaign.starts_at", NOT_BEGUN)
    assert screen.judge(late, NOW + 5) == Drop(JobState.EXPIRED, "expires_at has passed", "expires_at")


def test_facts_that_are_stopped_stop_and_stay_what_they_were() -> None:
    facts = CampaignFacts(breaker=replace(HELD, faults=2), under_way=3)
    after = facts.stopped(BROKEN)
    assert gate(after) == BROKEN
    assert replace(after, breaker=replace(after.breaker, stop=None)) == facts
