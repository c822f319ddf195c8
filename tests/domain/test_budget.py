"""A ceiling in money, per campaign and per day."""

from dataclasses import dataclass, replace
from datetime import date
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.budget import BudgetFacts, BudgetRule, Reserve
from dialer.domain.calls import CallId, CallUpdate
from dialer.domain.days import Day
from dialer.domain.gates import Hold, Stop

NOW = 1_800_000_000.0
DAY = Day(date(2027, 1, 15), NOW - 30_000.0, NOW + 56_400.0)
RULE = BudgetRule(1000.0, 400.0, 15.0, 120.0, 20)
"""A call is expected to cost 30 cents."""


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        (BudgetFacts(), Reserve(30)),
        (BudgetFacts(spent_cents=970), Reserve(30)),
        (BudgetFacts(spent_cents=940, reserved_cents=30), Reserve(30)),
        (BudgetFacts(spent_cents=971), Stop),
        (BudgetFacts(spent_cents=1500), Stop),
        (BudgetFacts(spent_cents=941, reserved_cents=30), Hold),
        (BudgetFacts(reserved_cents=971), Hold),
        (BudgetFacts(spent_today_cents=370), Reserve(30)),
        (BudgetFacts(spent_today_cents=371), Hold),
        (BudgetFacts(spent_today_cents=340, reserved_today_cents=30), Reserve(30)),
        (BudgetFacts(spent_today_cents=341, reserved_today_cents=30), Hold),
        (BudgetFacts(spent_cents=971, spent_today_cents=371), Stop),
    ],
)
def test_the_verdict(facts: BudgetFacts, verdict: Reserve | type) -> None:
    judged = RULE.judge(facts, DAY)
    assert isinstance(judged, verdict) if isinstance(verdict, type) else judged == verdict


def test_a_day_that_is_used_up_waits_for_the_next_and_reservations_for_the_calls() -> None:
    used_up = RULE.judge(BudgetFacts(spent_today_cents=390), DAY)
    assert isinstance(used_up, Hold)
    assert used_up.until == DAY.end
    for facts in (BudgetFacts(reserved_cents=990), BudgetFacts(reserved_today_cents=390)):
        reserved = RULE.judge(facts, DAY)
        assert isinstance(reserved, Hold)
        assert reserved.until is None


def test_the_words_say_how_much_and_what_to_do() -> None:
    stop = RULE.judge(BudgetFacts(spent_cents=980.4), DAY)
    assert isinstance(stop, Stop)
    assert (
        stop.why == "the campaign's budget is used up: $9.80 of $10.00 is spent and a call costs about $0.30"
    )
    assert "budget.per_campaign_usd" in stop.way_out
    hold = RULE.judge(BudgetFacts(spent_today_cents=380), DAY)
    assert isinstance(hold, Hold)
    assert hold.why == "today's budget is used up: $3.80 of $4.00 is spent and a call costs about $0.30"


def test_what_is_held_for_live_calls_is_told_as_that() -> None:
    campaign, day = (
        RULE.judge(facts, DAY) for facts in (BudgetFacts(reserved_cents=990), BudgetFacts(0, 0, 0, 390))
    )
    assert campaign == Hold("what is left of the campaign's budget is reserved for calls under way")
    assert day == Hold("what is left of today's budget is reserved for calls under way")


def test_a_day_that_is_enough_for_one_call_allows_one() -> None:
    assert replace(RULE, per_day_cents=30.0).judge(BudgetFacts(), DAY) == Reserve(30)
    too_little = replace(RULE, per_day_cents=29.0).judge(BudgetFacts(spent_today_cents=28.0), DAY)
    assert isinstance(too_little, Stop)
    why = "the day's budget is less than one call: $0.00 of $0.29 is spent and a call costs about $0.30"
    assert too_little == Stop(why, "raise budget.per_day_usd and run again")


@pytest.mark.parametrize(("whole", "day"), [(29.0, None), (None, 29.0), (29.0, 29.0)])
def test_a_budget_of_less_than_one_call_stops_instead_of_waiting_for_ever(
    whole: float | None, day: float | None
) -> None:
    judged = replace(RULE, per_campaign_cents=whole, per_day_cents=day).judge(BudgetFacts(), DAY)
    assert isinstance(judged, Stop)
    assert "$0.30" in judged.why


def test_without_a_ceiling_nothing_is_held() -> None:
    free = replace(RULE, per_campaign_cents=None, per_day_cents=None)
    facts = BudgetFacts(1e9, 1e9, 1e9, 1e9)
    assert free.judge(facts, DAY) == Reserve(30)


@pytest.mark.parametrize(
    ("calls", "cents", "estimate"),
    [(0, 0.0, 30.0), (20, 0.0, 15.0), (20, 1800.0, 60.0), (180, 5400.0, 30.0), (1980, 0.0, 0.3)],
)
def test_the_estimate_comes_from_the_settings_and_then_from_what_was_seen(
    calls: int, cents: float, estimate: float
) -> None:
    assert RULE.estimate(BudgetFacts(seen_calls=calls, seen_cents=cents)) == pytest.approx(estimate)


@pytest.mark.parametrize(
    ("cents", "duration_s", "status", "cost"),
    [
        (70.0, 60.0, "ended", 70.0),
        (0.0, 60.0, "ended", 0.0),
        (None, 60.0, "ended", 15.0),
        (None, None, "not_connected", 0.0),
        (None, None, "registered", 0.0),
        (None, None, "ended", 33.0),
        (None, None, "error", 33.0),
        (-70.0, 60.0, "ended", 15.0),
        (1e300, 60.0, "ended", 15.0),
        (100_001.0, 60.0, "ended", 15.0),
        (None, -60.0, "ended", 33.0),
        (None, 86_401.0, "ended", 33.0),
        (-1.0, -1.0, "not_connected", 33.0),
        (1e300, 1e300, "ended", 33.0),
    ],
)
def test_what_an_ended_call_has_cost_as_far_as_it_can_be_believed(
    cents: float | None, duration_s: float | None, status: str, cost: float
) -> None:
    news = CallUpdate(CallId("call_1"), status, duration_s=duration_s, cost_cents=cents)
    assert RULE.cost(news, 33.0) == cost


@dataclass(frozen=True)
class Made:
    """A call of the world below: recounted for each question."""

    day: int
    reserved: float
    cost: float | None = None


def facts(calls: list[Made], today: int) -> BudgetFacts:
    known = [call.cost for call in calls if call.cost is not None]
    return BudgetFacts(
        sum(known),
        sum(call.reserved for call in calls if call.cost is None),
        sum(call.cost for call in calls if call.cost is not None and call.day == today),
        sum(call.reserved for call in calls if call.cost is None and call.day == today),
        len(known),
        sum(known),
    )


rules = st.builds(
    BudgetRule,
    st.none() | st.integers(0, 600).map(float),
    st.none() | st.integers(0, 300).map(float),
    st.sampled_from([8.0, 16.0, 32.0]),
    st.sampled_from([30.0, 60.0, 240.0]),
    st.integers(1, 32),
)


@given(rules, st.integers(), st.integers(1, 120))
def test_never_over_in_any_order_of_starts_and_ends_if_no_call_costs_more_than_reserved(
    rule: BudgetRule, seed: int, steps: int
) -> None:
    chance, calls, today = Random(seed), list[Made](), 0
    whole, daily = rule.per_campaign_cents, rule.per_day_cents
    for _ in range(steps):
        what = chance.random()
        open_calls = [at for at, call in enumerate(calls) if call.cost is None]
        verdict = rule.judge(facts(calls, today), DAY)
        if what < 0.1:
            today += 1
        elif what < 0.6 and isinstance(verdict, Reserve):
            calls.append(Made(today, verdict.cents))
        elif open_calls:
            at = chance.choice(open_calls)
            calls[at] = replace(calls[at], cost=calls[at].reserved * chance.choice([0.0, 0.5, 1.0]))
        worst = [call.reserved if call.cost is None else call.cost for call in calls]
        assert whole is None or sum(worst) <= whole + 1e-6
        for day in {call.day for call in calls}:
            of_day = [cents for cents, call in zip(worst, calls, strict=True) if call.day == day]
            assert daily is None or sum(of_day) <= daily + 1e-6


@given(rules, st.integers(0, 400), st.integers(0, 400))
def test_what_fits_is_allowed(rule: BudgetRule, spent: int, reserved: int) -> None:
    seen = BudgetFacts(spent, reserved, spent, reserved)
    estimate = rule.per_minute_cents * rule.expected_s / 60
    fits = all(
        ceiling is None or spent + reserved + estimate <= ceiling
        for ceiling in (rule.per_campaign_cents, rule.per_day_cents)
    )
    assert isinstance(rule.judge(seen, DAY), Reserve) == fits
