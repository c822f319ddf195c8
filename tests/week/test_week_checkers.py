"""Each checker sees what it is there for: rules with that one taken out are caught."""

from dataclasses import replace
from functools import cache

import pytest

from dialer.domain.breakers import BreakerRules
from dialer.domain.caps import CapsRule, parse_cap
from dialer.domain.hours import HoursRule
from dialer.domain.resting import RestRule
from tests.week import broken, checks
from tests.week.checks import violations
from tests.week.plan import CAPS, FLAGGED_REST_S, GAP_S, PROVIDER_AFTER, PROVIDER_REST_S, Plan
from tests.week.record import RECORD_CHECKS, Record, disagreements
from tests.week.run import Alter, Evidence, Made, run

SHORT = Plan(many=200, days=1)
EVE = Plan(many=200, week="eve", days=2)
CAPPED = tuple(parse_cap(words) for _, _, words in CAPS)
FLAGGED = RestRule(1, *FLAGGED_REST_S)
PROVIDER = RestRule(PROVIDER_AFTER, *PROVIDER_REST_S)


def caught(plan: Plan, alter: Alter) -> set[str]:
    """The checkers that object. The rules as they are pass them all."""
    assert named(whole(plan)) == set()
    return named(run(plan, alter))


@cache
def whole(plan: Plan) -> Evidence:
    return run(plan)


def named(seen: Evidence) -> set[str]:
    return {name for name, problems in (violations(seen) | disagreements(seen)).items() if problems}


def test_calls_at_any_hour_are_caught() -> None:
    found = caught(SHORT, broken.with_screen(hours=HoursRule()))
    assert {"only_in_hours", "each_dial_was_allowed"} <= found


def test_calls_by_federal_hours_alone_are_caught() -> None:
    states = (f"US-{state}" for state in ("CT", "FL", "KY", "ME", "NV", "OK", "RI", "SD", "TX", "WA"))
    assert {"only_in_hours", "each_dial_was_allowed"} <= caught(SHORT, broken.without_regions(*states))


def test_calls_on_holidays_are_caught() -> None:
    assert {"only_in_hours", "each_dial_was_allowed"} <= caught(EVE, broken.without_holidays)


def test_calls_without_caps_are_caught() -> None:
    found = caught(SHORT, broken.with_screen(caps=CapsRule(CAPPED[1:], GAP_S)))
    assert "within_caps" in found


def test_calls_without_a_gap_are_caught() -> None:
    assert "with_gaps" in caught(SHORT, broken.with_screen(caps=CapsRule(CAPPED)))


def test_calls_to_suppressed_numbers_are_caught() -> None:
    assert caught(SHORT, broken.deaf) == {"nobody_suppressed"}


def test_lines_without_a_pace_are_caught() -> None:
    assert caught(SHORT, broken.with_lines(cps=None)) == {"within_pace"}


def test_a_campaign_that_goes_too_fast_is_caught() -> None:
    assert "within_pace" in caught(SHORT, lambda config: replace(config, cps=30.0))


def test_lines_without_slots_are_caught() -> None:
    assert "within_slots" in caught(SHORT, broken.with_lines(2, slots=None, per_day=None))


def test_a_campaign_with_too_many_slots_is_caught() -> None:
    assert "within_slots" in caught(SHORT, lambda config: replace(config, slots=30))


def test_lines_without_a_day_are_caught() -> None:
    assert caught(SHORT, broken.with_lines(per_day=None, warm_up=None)) == {"within_days"}


def test_a_flagged_line_that_does_not_rest_is_caught() -> None:
    rules = BreakerRules(flagged=None, provider=PROVIDER, provider_is_shared=True)
    assert caught(SHORT, broken.with_screen(breakers=rules)) == {"calls_of_resting_lines"}


def test_a_flagged_line_that_rests_too_briefly_is_caught() -> None:
    rules = BreakerRules(
        flagged=RestRule(1, FLAGGED_REST_S[0], FLAGGED_REST_S[0]), provider=PROVIDER, provider_is_shared=True
    )
    assert caught(SHORT, broken.with_screen(breakers=rules)) == {"calls_of_resting_lines"}


def test_calls_without_a_provider_are_caught() -> None:
    rules = BreakerRules(flagged=FLAGGED, provider=None)
    assert caught(SHORT, broken.with_screen(breakers=rules)) == {"calls_without_a_provider"}


def test_two_calls_at_once_are_caught() -> None:
    seen = whole(SHORT)
    first = seen.calls[0]
    second = replace(first, at=first.at + 1.0)
    assert list(checks.one_at_a_time(_with_calls(seen, second)))


def test_a_call_after_the_end_is_caught() -> None:
    seen = whole(SHORT)
    late = replace(seen.calls[-1], at=seen.plan.ends_at, until=seen.plan.ends_at + 1.0)
    assert list(checks.only_in_its_week(_with_calls(seen, late)))


def test_a_call_from_an_unknown_number_is_caught() -> None:
    seen = whole(SHORT)
    assert list(checks.only_from_lines(_with_calls(seen, replace(seen.calls[0], line="+12025550100"))))


def _with_calls(seen: Evidence, *more: Made) -> Evidence:
    return replace(seen, calls=sorted([*seen.calls, *more], key=lambda call: call.at))


def _tampered(seen: Evidence, verdict: str, rule: str, old: str, new: str) -> Evidence:
    """The record with another word in the first decision of that kind that has it."""
    marks = (f'"{verdict}"', f'"{rule}"')
    decisions = list(seen.decisions)
    for index, body in enumerate(decisions):
        text = body.decode()
        if all(mark in text for mark in marks) and old in text:
            decisions[index] = text.replace(old, new, 1).encode()
            return replace(seen, decisions=decisions)
    raise AssertionError("there is no such decision")


@pytest.mark.parametrize("many", [0, 2])
def test_a_call_without_exactly_one_entry_is_caught(many: int) -> None:
    seen = whole(SHORT)
    attempt = seen.calls[0].attempt_id.encode()
    decisions = [body for body in seen.decisions for _ in range(many if attempt in body else 1)]
    found = disagreements(replace(seen, decisions=decisions))
    assert found["each_call_is_explained"]
    assert found["each_dial_is_an_attempt"]


def test_an_entry_that_says_something_else_is_caught() -> None:
    seen = whole(SHORT)
    call = seen.calls[0]
    for old, new in ((call.line, "+12025550100"), (call.number, "+12025550100")):
        other = _tampered(seen, "dial", call.attempt_id, old, new)
        assert list(RECORD_CHECKS[0](Record(other)))


def test_a_count_that_is_not_the_calls_is_caught() -> None:
    other = _tampered(whole(SHORT), "dial", "line", '"2 per 1d":0', '"2 per 1d":1')
    assert disagreements(other)["each_dial_was_allowed"]


@pytest.mark.parametrize(
    ("rule", "check"), [("hours", "each_wait_for_hours_was_due"), ("caps", "each_wait_for_caps_was_due")]
)
def test_a_wait_without_need_is_caught(rule: str, check: str) -> None:
    seen = whole(SHORT)
    lead = next(call for call in seen.calls)
    free = [body for body in seen.decisions if b'"dial"' in body and lead.number.encode() in body][:1]
    text = free[0].decode().replace('"dial"', '"wait"').replace('"line"', f'"{rule}"')
    assert disagreements(replace(seen, decisions=[*seen.decisions, text.encode()]))[check]


def test_a_drop_without_need_is_caught() -> None:
    seen = whole(SHORT)
    body = next(body for body in seen.decisions if b'"dial"' in body).decode()
    text = body.replace('"dial"', '"drop"').replace('"line"', '"do_not_call"')
    assert disagreements(replace(seen, decisions=[*seen.decisions, text.encode()]))["each_drop_was_due"]
