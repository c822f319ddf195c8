"""Requests that the API refuses: a run of them waits, or stops the campaign, before the API blocks all."""

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.breakers import (
    GUARD_S,
    WINDOW_S,
    BreakerRules,
    CampaignBreaker,
    LineBreaker,
    no_line_left,
)
from dialer.domain.calls import AttemptId
from dialer.domain.gates import GO, Hold, Stop, Trial
from dialer.domain.signs import Event, Sign

NOW = 1_800_000_000.0
RULES = BreakerRules()
OFF = BreakerRules(None, None, False, 0, 0, 0)
FRESH = CampaignBreaker()


def event(sign: Sign) -> Event:
    return Event(sign, AttemptId("call"), "+12125550100", NOW, f"because {sign}")


def campaign(signs: Iterable[Sign]) -> CampaignBreaker:
    """The campaign's state after these, all at once."""
    state = FRESH
    for sign in signs:
        state = state.after(event(sign), RULES, NOW)
    return state


def held(state: CampaignBreaker, under_way: int, now: float) -> Hold:
    verdict = state.judge(RULES, under_way, now)
    assert isinstance(verdict, Hold)
    return verdict


def test_twenty_refused_in_a_row_stop_the_campaign() -> None:
    assert campaign([Sign.REFUSED] * 19).judge(RULES, 0, NOW) == GO
    stop = campaign([Sign.REFUSED] * 20).judge(RULES, 0, NOW)
    assert isinstance(stop, Stop)
    assert "20 requests in a row" in stop.why
    assert "because refused" in stop.why
    assert "check the agent" in stop.way_out
    assert campaign([*[Sign.REFUSED] * 19, Sign.ACCEPTED, *[Sign.REFUSED] * 19]).judge(RULES, 0, NOW) == GO


def test_fifty_refused_within_a_minute_wait_for_the_minute() -> None:
    state = campaign([Sign.REFUSED, Sign.ACCEPTED] * 49)
    assert state.judge(RULES, 0, NOW) == GO
    state = state.after(event(Sign.REFUSED), RULES, NOW + 20)
    hold = held(state, 0, NOW + 20)
    assert hold.until == NOW + WINDOW_S + GUARD_S
    assert "50 requests were refused" in hold.why
    assert held(state, 0, NOW + WINDOW_S).until == hold.until
    assert state.judge(RULES, 0, hold.until or 0) == GO


def test_once_one_was_refused_the_requests_under_way_count_too() -> None:
    assert FRESH.judge(RULES, 500, NOW) == GO
    state = campaign([Sign.REFUSED])
    assert state.judge(RULES, 48, NOW) == GO
    assert held(state, 49, NOW).until is None
    assert state.judge(RULES, 500, NOW + WINDOW_S + GUARD_S) == GO


def test_a_clock_that_was_set_back_does_not_hold_for_long() -> None:
    state = campaign([Sign.REFUSED, Sign.ACCEPTED] * 50)
    assert state.judge(RULES, 0, NOW - 3600) == GO


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=150), st.integers(1, 8))
def test_no_minute_holds_more_refused_requests_than_the_bound(
    requests: list[tuple[float, bool]], most: int
) -> None:
    rules = replace(OFF, refused_a_minute_max=most)
    state, now, refused = FRESH, NOW, list[float]()
    for gap, is_refused in requests:
        now += gap
        verdict = state.judge(rules, 0, now)
        recent = sum(now - at < WINDOW_S + GUARD_S for at in refused)
        assert isinstance(verdict, Hold) == (recent >= most)
        if isinstance(verdict, Hold):
            assert verdict.until is not None
            assert verdict.until > now
            assert sum(verdict.until - at < WINDOW_S + GUARD_S - 1e-6 for at in refused) < most
            continue
        state = state.after(event(Sign.REFUSED if is_refused else Sign.ACCEPTED), rules, now)
        refused += [now] * is_refused
        assert len(state.refused_at) <= most
    for start in refused:
        assert sum(start <= at <= start + WINDOW_S for at in refused) <= most


@given(st.integers(2, 30), st.lists(st.sampled_from(["send", "accept", "refuse"]), max_size=200))
def test_the_bound_holds_too_while_answers_are_under_way(most: int, steps: list[str]) -> None:
    rules = replace(OFF, refused_a_minute_max=most)
    state, under_way, refused = FRESH.after(event(Sign.REFUSED), rules, NOW), 0, 1
    for step in steps:
        if step == "send" and state.judge(rules, under_way, NOW) == GO:
            under_way += 1
        elif step != "send" and under_way:
            under_way -= 1
            refused += step == "refuse"
            sign = Sign.REFUSED if step == "refuse" else Sign.ACCEPTED
            state = state.after(event(sign), rules, NOW)
        assert refused + under_way <= most


def test_after_resuming_the_run_is_counted_anew_and_the_minute_goes_on() -> None:
    again = campaign([Sign.REFUSED] * 20).resumed()
    assert again.judge(RULES, 0, NOW) == GO
    assert again.refused_in_a_row == 0
    assert len(again.refused_at) == 20
    for _ in range(19):
        again = again.after(event(Sign.REFUSED), RULES, NOW)
    assert again.stop is None


def test_a_line_that_the_api_does_not_take_rests_and_a_call_from_it_ends_that() -> None:
    line = LineBreaker().after(event(Sign.LINE_REFUSED), RULES, NOW)
    hold = line.judge(RULES, NOW + 299)
    assert isinstance(hold, Hold)
    assert "does not take calls from this line: because line_refused" in hold.why
    assert isinstance(line.judge(RULES, NOW + 300), Trial)
    assert isinstance(line.tried_anew(NOW + 1).judge(RULES, NOW + 1), Trial)
    tried = line.try_with(RULES, AttemptId("call"), NOW + 300)
    assert isinstance(tried.after(event(Sign.REFUSED), RULES, NOW + 301).judge(RULES, NOW + 301), Trial)
    assert tried.after(event(Sign.RANG), RULES, NOW + 301).judge(RULES, NOW + 301) == GO


def test_what_an_older_version_wrote_is_read() -> None:
    line = '{"flagged":%s,"provider":%s}'
    rest = '{"failures":0,"rests":0,"until":null,"trial":null,"since":0.0,"why":""}'
    assert LineBreaker.from_text(line % (rest, rest)) == LineBreaker()
    text = CampaignBreaker(refused_in_a_row=3).to_text().replace('"setup_refused":0,', "")
    assert "setup" not in text
    assert CampaignBreaker.from_text(text).refused_in_a_row == 3


def test_a_campaign_stops_when_the_api_takes_none_of_its_lines() -> None:
    refused = LineBreaker().after(event(Sign.LINE_REFUSED), RULES, NOW)
    flagged = LineBreaker().after(event(Sign.FLAGGED), RULES, NOW)
    assert no_line_left([], NOW) is None
    assert no_line_left([refused, None], NOW) is None
    assert no_line_left([refused, flagged], NOW) is None
    assert no_line_left([refused, refused], NOW + 300) is None, "one of them is to be tried"
    stop = no_line_left([refused, refused], NOW + 299)
    assert stop is not None
    assert "because line_refused" in stop.why


def test_three_requests_in_a_row_that_blame_the_setup_stop_the_campaign() -> None:
    assert campaign([Sign.SETUP_REFUSED] * 2).judge(RULES, 0, NOW) == GO
    assert isinstance(campaign([Sign.SETUP_REFUSED] * 3).judge(RULES, 0, NOW), Stop)
    mixed = [Sign.SETUP_REFUSED, Sign.SETUP_REFUSED, Sign.ACCEPTED]
    assert campaign(mixed * 3).judge(RULES, 0, NOW) == GO
    assert len(campaign(mixed * 3).refused_at) == 6, "the API counts them all"
    assert len(campaign([Sign.LINE_REFUSED] * 6).refused_at) == 6
    assert campaign([Sign.SETUP_REFUSED] * 3).resumed().judge(RULES, 0, NOW) == GO
