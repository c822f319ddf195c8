"""When calls fail for a reason that the next calls would fail for too, no further call is made."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.breakers import BreakerRules, CampaignBreaker, LineBreaker
from dialer.domain.calls import AttemptId
from dialer.domain.gates import GO, Go, Hold, Stop, Trial
from dialer.domain.resting import CLOSED, Rest, RestRule
from dialer.domain.signs import Event, Sign

NOW = 1_800_000_000.0
RULES = BreakerRules()
SHARED = replace(RULES, provider_is_shared=True)
OFF = BreakerRules(None, None, False, 0, 0, 0)
A, B = "+12125550100", "+12125550101"
FRESH, NEW_LINE = CampaignBreaker(), LineBreaker()
events = st.builds(
    Event,
    st.sampled_from(Sign),
    st.sampled_from(["1", "2", "3"]).map(AttemptId),
    st.sampled_from([A, B, None]),
    st.just(NOW),
    st.sampled_from(["credit_exhausted", "marked_as_spam", 'HTTP 422: {"é"}']),
)


def event(sign: Sign, line: str | None = A, attempt_id: str = "call", claimed_at: float = NOW) -> Event:
    return Event(sign, AttemptId(attempt_id), line, claimed_at, f"because {sign}")


def campaign(signs: Iterable[Sign | tuple[Sign, str]], rules: BreakerRules = RULES) -> CampaignBreaker:
    """The campaign's state after these, all at once."""
    state = FRESH
    for each in signs:
        sign, line = each if isinstance(each, tuple) else (each, A)
        state = state.after(event(sign, line), rules, NOW)
    return state


def line_after(*signs: Sign, rules: BreakerRules = RULES) -> LineBreaker:
    state = NEW_LINE
    for sign in signs:
        state = state.after(event(sign), rules, NOW)
    return state


def stopped(state: CampaignBreaker, rules: BreakerRules = RULES) -> Stop:
    verdict = state.judge(rules, 0, NOW)
    assert isinstance(verdict, Stop)
    return verdict


def held(verdict: Go | Hold | Trial | Stop) -> Hold:
    assert isinstance(verdict, Hold)
    return verdict


# the account


@pytest.mark.parametrize(
    ("reason", "way_out"),
    [
        ("no_valid_payment", "payment method"),
        ("credit_exhausted", "add credit"),
        ("budget_reached", "raise the workspace's budget"),
        ("scam_detected", "write to its support"),
        ("added_tomorrow", "dashboard"),
    ],
)
@pytest.mark.parametrize("rules", [RULES, OFF])
def test_the_account_stops_the_campaign_and_says_what_to_do(
    reason: str, way_out: str, rules: BreakerRules
) -> None:
    told = Event(Sign.ACCOUNT, AttemptId("a"), A, NOW, reason)
    stop = stopped(FRESH.after(told, rules, NOW), rules)
    assert reason in stop.why
    assert way_out in stop.way_out


def test_an_error_that_knows_the_way_out_says_it_itself() -> None:
    told = Event(Sign.ACCOUNT, AttemptId("a"), A, NOW, "HTTP 401", "check the key")
    assert stopped(FRESH.after(told, RULES, NOW)).way_out == "check the key"


def test_a_stop_stays_with_its_first_reason_until_an_operator_resumes() -> None:
    state = campaign([Sign.ACCOUNT, *[Sign.CONFIGURATION] * 3, Sign.RANG, Sign.ACCEPTED])
    assert "account" in stopped(state).why
    assert state.judge(RULES, 0, NOW + 1e9) == stopped(state)
    assert state.resumed().judge(RULES, 0, NOW) == GO


# configuration


@pytest.mark.parametrize(
    ("ends", "stops"),
    [
        ("AA", False),
        ("AAA", True),
        ("ABA", True),
        ("AAaA", False),
        ("AAaAAA", True),
        ("AbAbA", True),  # that B works shows nothing of A
        ("AbBbA", False),
        ("AbaAbA", False),
        ("AAaAA", False),
        ("AAbaA", False),  # A has shown that it works, though nothing was held against the campaign
        ("AAbB", False),  # and the campaign, though nothing was held against B
        ("AxAxA", True),  # unclear ends show nothing
    ],
)
def test_configuration_faults_stop_after_three_in_a_row(ends: str, stops: bool) -> None:
    signs = {
        "A": (Sign.CONFIGURATION, A),
        "B": (Sign.CONFIGURATION, B),
        "a": (Sign.RANG, A),
        "b": (Sign.RANG, B),
        "x": (Sign.UNCLEAR, A),
    }
    state = campaign(signs[end] for end in ends)
    assert isinstance(state.judge(RULES, 0, NOW), Stop) == stops
    assert campaign((signs[end] for end in ends), OFF).judge(OFF, 0, NOW) == GO


def test_after_resuming_the_faults_are_counted_anew() -> None:
    again = campaign([Sign.CONFIGURATION] * 3).resumed()
    for _ in range(2):
        again = again.after(event(Sign.CONFIGURATION), RULES, NOW)
        assert again.judge(RULES, 0, NOW) == GO
    stop = stopped(again.after(event(Sign.CONFIGURATION), RULES, NOW))
    assert "3 calls in a row" in stop.why
    assert "the from-number's telephony settings" in stop.way_out


# a line that is flagged, a provider that is down


def test_a_flagged_line_rests_an_hour_then_one_call_decides() -> None:
    state = line_after(Sign.FLAGGED)
    hold = held(state.judge(RULES, NOW))
    assert hold == Hold("the line is flagged: because flagged", NOW + 3600)
    assert isinstance(state.judge(RULES, NOW + 3600), Trial)
    state = state.try_with(RULES, AttemptId("trial"), NOW + 3600)
    assert held(state.judge(RULES, NOW + 9999)).until is None
    failed = state.after(event(Sign.FLAGGED, A, "trial"), RULES, NOW + 3700)
    assert held(failed.judge(RULES, NOW + 3700)).until == NOW + 3700 + 7200
    assert state.after(event(Sign.RANG, A, "trial"), RULES, NOW + 3700).judge(RULES, NOW + 3700) == GO
    assert line_after(Sign.FLAGGED, rules=OFF) is NEW_LINE


def test_a_line_whose_provider_is_down_rests_after_three() -> None:
    down = Sign.PROVIDER_DOWN
    assert line_after(down, down, Sign.RANG, down, down).judge(RULES, NOW) == GO
    why = "the telephony provider is unavailable: because provider_down"
    assert held(line_after(down, down, down).judge(RULES, NOW)) == Hold(why, NOW + 30)
    assert line_after(down, down, down, rules=SHARED).judge(SHARED, NOW) == GO
    assert campaign([down] * 3).judge(RULES, 0, NOW) == GO


def test_a_shared_provider_that_is_down_holds_the_campaign() -> None:
    state = campaign([(Sign.PROVIDER_DOWN, A), (Sign.PROVIDER_DOWN, B), (Sign.PROVIDER_DOWN, A)], SHARED)
    down = "the telephony provider is unavailable: because provider_down"
    assert held(state.judge(SHARED, 0, NOW)) == Hold(down, NOW + 30)
    assert isinstance(state.judge(SHARED, 0, NOW + 30), Trial)
    state = state.try_with(SHARED, AttemptId("trial"), NOW + 30)
    assert held(state.judge(SHARED, 0, NOW + 30)).until is None
    assert state.after(event(Sign.FLAGGED, A, "trial"), SHARED, NOW + 60).judge(SHARED, 0, NOW + 60) == GO


def test_a_line_with_two_causes_rests_for_the_longer_and_one_call_tries_both() -> None:
    state = line_after(*[Sign.PROVIDER_DOWN] * 3, Sign.FLAGGED)
    assert held(state.judge(RULES, NOW)).until == NOW + 3600
    assert held(state.judge(RULES, NOW + 100)).until == NOW + 3600
    state = state.try_with(RULES, AttemptId("trial"), NOW + 3600)
    assert state.flagged.trial == state.provider.trial == "trial"
    flagged = state.after(event(Sign.FLAGGED, A, "trial"), RULES, NOW + 3700)
    assert flagged.provider.until is None  # the provider carried it
    assert held(flagged.judge(RULES, NOW + 3700)).until == NOW + 3700 + 7200
    down = state.after(event(Sign.PROVIDER_DOWN, A, "trial"), RULES, NOW + 3700)
    assert down.flagged.until == NOW + 3700 + 3600  # nothing is known of it: as long again
    assert down.provider.until == NOW + 3700 + 60


def test_a_cause_whose_end_nobody_knows_holds_before_one_that_names_a_time() -> None:
    on_trial = Rest(rests=1, until=NOW - 1, trial="call", why="on trial")
    resting = Rest(rests=1, until=NOW + 9, why="resting")
    for line in (LineBreaker(on_trial, resting), LineBreaker(resting, on_trial)):
        assert held(line.judge(RULES, NOW)).until is None


def test_what_was_claimed_before_is_not_sent_while_something_rests() -> None:
    call, trial = AttemptId("call"), AttemptId("trial")
    assert NEW_LINE.allows(RULES, call)
    assert FRESH.allows(SHARED, call)
    for signs in ([Sign.FLAGGED], [Sign.PROVIDER_DOWN] * 3):
        line = line_after(*signs)
        assert not line.allows(RULES, call)
        assert line.allows(OFF, call)
        line = line.try_with(RULES, trial, NOW + 3600)
        assert (line.allows(RULES, call), line.allows(RULES, trial)) == (False, True)
    shared = campaign([Sign.PROVIDER_DOWN] * 3, SHARED)
    assert (shared.allows(SHARED, call), shared.allows(RULES, call)) == (False, True)
    shared = shared.try_with(SHARED, trial, NOW + 30)
    assert (shared.allows(SHARED, call), shared.allows(SHARED, trial)) == (False, True)
    assert not campaign([Sign.ACCOUNT]).allows(RULES, call)


def test_no_trial_is_taken_where_none_is_asked_for() -> None:
    assert NEW_LINE.try_with(RULES, AttemptId("trial"), NOW) == NEW_LINE
    assert FRESH.try_with(SHARED, AttemptId("trial"), NOW) is FRESH


# as text


@given(st.lists(st.tuples(events, st.floats(0, 200)), max_size=40), st.sampled_from([RULES, SHARED, OFF]))
def test_the_text_holds_all_of_it_and_a_restart_changes_nothing(
    told: list[tuple[Event, float]], rules: BreakerRules
) -> None:
    state, line, now = FRESH, NEW_LINE, NOW
    other, other_line = state, line
    for each, gap in told:
        now += gap
        state, line = state.after(each, rules, now), line.after(each, rules, now)
        other, other_line = other.after(each, rules, now), other_line.after(each, rules, now)
        if isinstance(line.judge(rules, now), Trial):
            line, other_line = (of.try_with(rules, each.attempt_id, now) for of in (line, other_line))
        other, other_line = (
            CampaignBreaker.from_text(other.to_text()),
            LineBreaker.from_text(other_line.to_text()),
        )
        assert (other, other_line) == (state, line)
        assert "\n" not in state.to_text() + line.to_text()
        assert len(state.to_text()) < 3000


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "7", "{}", '{"flagged":{},"provider":{}}', '{"stop":1}']
)
def test_a_text_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        LineBreaker.from_text(text)
    with pytest.raises(ValueError):
        CampaignBreaker.from_text(text)


# nothing without a cause


@given(st.lists(events, max_size=40))
def test_calls_that_go_out_open_nothing_and_are_no_work_for_the_ledger(told: list[Event]) -> None:
    state, line = FRESH, NEW_LINE
    for each in told:
        if each.sign in (Sign.RANG, Sign.ACCEPTED, Sign.UNCLEAR, Sign.NO_CALL):
            assert state.after(each, SHARED, NOW) is state
            assert line.after(each, RULES, NOW) is line


@given(st.lists(events, max_size=60))
def test_a_campaign_that_is_off_is_held_by_the_account_only(told: list[Event]) -> None:
    state = FRESH
    for each in told:
        state = state.after(each, OFF, NOW)
    account = any(each.sign is Sign.ACCOUNT for each in told)
    assert isinstance(state.judge(OFF, 99, NOW), Stop) == account
    assert account or state.judge(OFF, 99, NOW) == GO


def test_the_first_rest_is_the_rules() -> None:
    rules = replace(RULES, flagged=RestRule(2, 5.0, 9.0))
    assert line_after(Sign.FLAGGED, rules=rules).judge(rules, NOW) == GO
    assert held(line_after(Sign.FLAGGED, Sign.FLAGGED, rules=rules).judge(rules, NOW)).until == NOW + 5
    assert NEW_LINE.flagged == CLOSED
