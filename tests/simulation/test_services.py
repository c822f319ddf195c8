"""Campaigns that share an account, a ledger and people keep every promise, and the checkers see."""

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from dialer.domain.caps import Cap, CapsRule
from dialer.domain.hours import Hours, HoursRule
from dialer.domain.windows import parse_week
from dialer.engine.campaign import CampaignConfig
from tests.simulation.acts import What
from tests.simulation.batch import reproduce, summarize_service
from tests.simulation.service_checks import service_violations
from tests.simulation.service_plan import Order, ServicePlan, draw_service
from tests.simulation.service_process import ServiceEvidence, run_service

SEEDS = range(4)
HOURS = HoursRule((Hours("campaign", parse_week({"mon-sun": "02:00-02:30"})),))


@pytest.mark.parametrize("seed", SEEDS)
def test_drawn_services_keep_every_promise(seed: int) -> None:
    one = summarize_service(seed)
    assert not one.broken, f"{one.broken[:5]}: {reproduce(one)}"


def busy_plan() -> ServicePlan:
    """Two campaigns with the same people and no rule."""
    plan = draw_service(1)
    jobs = plan.submitted[0][2]
    made = replace(plan.bounds, slots=10, cps=5.0)
    policy = replace(made.screen, hours=HoursRule(), caps=CapsRule(), budget=None)
    return replace(
        plan,
        account=replace(plan.account, concurrency_limit=20),
        configs=dict.fromkeys(("spring", "summer"), replace(made, screen=policy)),
        submitted=((0.0, "spring", jobs), (0.0, "summer", jobs)),
        lives=(),
        orders=(),
        others=(),
        steps=(),
    )


@cache
def busy() -> ServiceEvidence:
    return run_service(busy_plan())


def judged_by(**rules: Any) -> set[str]:
    """The checkers that object to the same run where these rules had held."""
    seen = busy()
    configs: dict[str, CampaignConfig] = {
        name: replace(made, **{part: rules[part] for part in ("slots", "cps") if part in rules})
        for name, made in seen.plan.configs.items()
    }
    policy = {part: rules[part] for part in ("caps", "hours") if part in rules}
    configs = {name: replace(made, screen=replace(made.screen, **policy)) for name, made in configs.items()}
    judged = replace(seen, plan=replace(seen.plan, configs=configs), orders=rules.get("orders", []))
    return {name for name, _ in service_violations(judged)}


def test_the_run_itself_breaks_nothing() -> None:
    assert service_violations(busy()) == []
    assert len(busy().calls) > len(busy().plan.submitted[0][2]), "several campaigns call the same people"


@pytest.mark.parametrize(
    ("rules", "checker"),
    [
        ({"slots": 1}, "slots_hold"),
        ({"cps": 0.5}, "no_faster"),
        ({"caps": CapsRule((Cap(1, 86_400.0),))}, "caps_hold"),
        ({"hours": HOURS}, "only_in_hours"),
        (
            {"orders": [(-20.0, Order(0.0, What.PAUSE, "spring")), (9e9, Order(0.0, What.RESUME, "spring"))]},
            "operators_are_obeyed",
        ),
    ],
)
def test_a_run_under_other_rules_is_caught(rules: dict[str, Any], checker: str) -> None:
    assert judged_by(**rules) == {checker}


def test_a_call_too_many_is_caught() -> None:
    seen = busy()
    twice = replace(seen, calls=(*seen.calls, seen.calls[0]))
    assert "one_call_per_attempt" in {name for name, _ in service_violations(twice)}


def test_a_ring_that_nobody_counts_is_caught() -> None:
    seen = busy()
    attempts = [{**each, "state": "unspent"} for each in seen.attempts]
    assert "ledger_knows_each_call" in {
        name for name, _ in service_violations(replace(seen, attempts=attempts))
    }


def test_a_call_into_a_call_is_caught() -> None:
    seen = busy()
    first, second, *_ = (call for call in seen.calls if call.to_number == seen.calls[0].to_number)
    early = replace(second, created_at=first.created_at + 0.5)
    assert "one_call_per_person" in {
        name for name, _ in service_violations(replace(seen, calls=(first, early)))
    }
