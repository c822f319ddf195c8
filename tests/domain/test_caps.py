"""How often one number may be rung."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.caps import (
    ALLOWED,
    DURATION_MAX_S,
    LIVE_CALL_WAIT_S,
    Allowed,
    Cap,
    CapsRule,
    Until,
    parse_cap,
    parse_duration,
    spell_duration,
)

NOW = 1_800_000_000.0
HOUR_S, DAY_S = 3600.0, 86_400.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("4h", 4 * HOUR_S),
        (" 7 d ", 7 * DAY_S),
        ("2w", 14 * DAY_S),
        ("1.5h", 5400),
        ("0s", 0),
        ("0.25s", 0.25),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "m", "5 min", "5M", "-5m", "1h30m", "1e3s", "٥m", "5m,", ".5h", "1."]
)
def test_what_is_no_duration_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="for example 5m") as caught:
        parse_duration(text)
    assert repr(text) in str(caught.value)


def test_a_duration_has_a_bound() -> None:
    assert parse_duration("3650d") == DURATION_MAX_S
    for text in ("3651d", "999999999w"):
        with pytest.raises(ValueError, match="ten years"):
            parse_duration(text)


@given(st.integers(0, 600_000), st.sampled_from("smhdw"))
def test_a_duration_is_spelt_as_it_is_read(count: int, unit: str) -> None:
    try:
        seconds = parse_duration(f"{count}{unit}")
    except ValueError:
        return
    assert parse_duration(spell_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "cap", "spelt"),
    [
        ("3 per 7d", Cap(3, 7 * DAY_S), "3 per 1w"),
        ("1 per 4h", Cap(1, 4 * HOUR_S), "1 per 4h"),
        (" 10  per  90 m ", Cap(10, 5400), "10 per 90m"),
        ("1 per 1s", Cap(1, 1), "1 per 1s"),
    ],
)
def test_caps_as_they_are_written(text: str, cap: Cap, spelt: str) -> None:
    assert parse_cap(text) == cap
    assert str(cap) == spelt
    assert parse_cap(spelt) == cap


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("", "3 per 7d"),
        ("3", "3 per 7d"),
        ("3/7d", "3 per 7d"),
        ("three per 7d", "3 per 7d"),
        ("-1 per 7d", "3 per 7d"),
        ("1.5 per 7d", "3 per 7d"),
        ("3 per", "3 per 7d"),
        ("3 per week", "for example 5m"),
        ("3 per 7", "for example 5m"),
        ("0 per 7d", "at least 1"),
        ("3 per 0d", "above 0"),
    ],
)
def test_what_is_no_cap_says_how_to_write_one(text: str, way_out: str) -> None:
    with pytest.raises(ValueError, match=way_out):
        parse_cap(text)


def until(verdict: Allowed | Until) -> Until:
    assert isinstance(verdict, Until)
    return verdict


def test_a_cap_holds_until_its_window_has_rolled_on_and_not_longer() -> None:
    rule = CapsRule((Cap(2, HOUR_S),))
    rung_at = (NOW - 3000, NOW - 600)
    assert until(rule.judge(rung_at, False, NOW)).at == NOW + 600
    assert rule.judge(rung_at, False, NOW + 599.999) != ALLOWED
    assert rule.judge(rung_at, False, NOW + 600) == ALLOWED
    assert rule.judge(rung_at[1:], False, NOW) == ALLOWED
    assert rule.judge((), False, NOW) == ALLOWED


def test_the_rule_that_holds_longest_is_named() -> None:
    rule = CapsRule((Cap(1, HOUR_S), Cap(2, DAY_S)), gap_s=2 * HOUR_S)
    assert until(rule.judge((NOW - 60,), False, NOW)) == Until(
        NOW - 60 + 2 * HOUR_S, "at least 2h between two attempts"
    )
    assert until(rule.judge((NOW - 90, NOW - 60), False, NOW)) == Until(NOW - 90 + DAY_S, "at most 2 per 1d")
    assert until(CapsRule().judge((), True, NOW)) == Until(
        NOW + LIVE_CALL_WAIT_S, "the number has a call under way"
    )
    assert until(rule.judge((NOW - 60,), True, NOW)).at == NOW - 60 + 2 * HOUR_S


def test_one_live_call_holds_without_any_cap() -> None:
    assert CapsRule().judge((NOW,), False, NOW) == ALLOWED
    assert CapsRule().judge((NOW + 5,), False, NOW) == ALLOWED
    assert CapsRule().judge((), True, NOW) != ALLOWED


def test_facts_tell_each_count() -> None:
    rule = CapsRule((Cap(2, HOUR_S), Cap(3, DAY_S)), gap_s=60)
    assert rule.facts((NOW - 5000, NOW - 60), True, NOW) == {
        "counts": {"2 per 1h": 1, "3 per 1d": 2},
        "gap_s": 60,
        "last_rung_at": NOW - 60,
        "has_live_call": True,
    }
    assert rule.facts((), False, NOW)["last_rung_at"] is None
    assert rule.facts((NOW - HOUR_S,), False, NOW)["counts"] == {"2 per 1h": 0, "3 per 1d": 1}, "as it judges"


def test_how_far_back_the_rule_looks() -> None:
    assert (CapsRule().history_s, CapsRule().history_max) == (0, 0)
    assert (CapsRule(gap_s=60).history_s, CapsRule(gap_s=60).history_max) == (60, 1)
    rule = CapsRule((Cap(3, HOUR_S), Cap(2, DAY_S)), gap_s=60)
    assert (rule.history_s, rule.history_max) == (DAY_S, 3)


caps = st.builds(Cap, st.integers(1, 5), st.integers(1, 500).map(float))
rules = st.builds(CapsRule, st.lists(caps, max_size=3).map(tuple), st.integers(0, 300).map(float))
times = st.lists(st.integers(-1000, 1000).map(lambda ago: NOW + ago / 2), max_size=12).map(sorted)


def naive(rule: CapsRule, rung_at: list[float], now: float) -> bool:
    """Whether one more attempt at `now` leaves every window and gap as it should be, by counting."""
    attempts = [at for at in rung_at if at <= now]
    for cap in rule.caps:
        if sum(now - cap.window_s < at for at in attempts) + 1 > cap.calls:
            return False
    return all(now - at >= rule.gap_s for at in attempts)


@given(rules, times)
def test_as_counting_says_and_not_a_moment_longer(rule: CapsRule, rung_at: list[float]) -> None:
    rung_at = [at for at in rung_at if at <= NOW]
    match rule.judge(rung_at, False, NOW):
        case Allowed():
            assert naive(rule, rung_at, NOW)
        case Until(at):
            assert at > NOW
            assert not naive(rule, rung_at, NOW)
            assert not naive(rule, rung_at, at - 0.25)
            assert naive(rule, rung_at, at)
            assert rule.judge(rung_at, False, at) == ALLOWED


@given(rules, st.integers(1, 30), st.floats(0, 50))
def test_who_keeps_asking_never_gets_over_a_cap(rule: CapsRule, calls: int, pause_s: float) -> None:
    now, rung_at = NOW, list[float]()
    while len(rung_at) < calls:
        match rule.judge(rung_at, False, now):
            case Allowed():
                rung_at.append(now)
                now += pause_s
            case Until(at):
                now = at
    for cap in rule.caps:
        for first, last in zip(rung_at, rung_at[cap.calls :], strict=False):
            assert last - first >= cap.window_s - 1e-6
    assert all(later - sooner >= rule.gap_s - 1e-6 for sooner, later in pairwise(rung_at))


@given(rules, times, st.booleans())
def test_older_and_more_history_than_it_asks_for_changes_nothing(
    rule: CapsRule, rung_at: list[float], has_live_call: bool
) -> None:
    verdict = rule.judge(rung_at, has_live_call, NOW)
    recent = [at for at in rung_at if at >= NOW - rule.history_s]
    assert rule.judge(recent, has_live_call, NOW) == verdict
    few = rung_at[-rule.history_max :] if rule.history_max else []
    assert rule.judge(few, has_live_call, NOW) == verdict


@given(rules, times)
def test_facts_count_up_to_each_cap(rule: CapsRule, rung_at: list[float]) -> None:
    counts = rule.facts(rung_at, False, NOW)["counts"]
    assert counts == {
        str(cap): min(cap.calls, sum(at > NOW - cap.window_s for at in rung_at)) for cap in rule.caps
    }
