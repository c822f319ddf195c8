"""From which number a call goes out."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from dialer.domain.days import Day
from dialer.domain.gates import Hold, Trial
from dialer.domain.lines import (
    ASK_AGAIN_S,
    POOL_ASK_AGAIN_S,
    UNUSED,
    Callee,
    Chosen,
    Line,
    LineReason,
    LineRule,
    LineUsage,
    LineWait,
    NoLine,
    WarmUp,
    area_code,
    choose_line,
    pool_wait,
)

NOW = 1_800_000_000.0
DAY = Day(date(2027, 1, 15), NOW - 30_000.0, NOW + 60_000.0)
"""One of 25 hours."""
NYC = Line("+12125550100", area="212", regions=("US-NY", "US-NJ"))
NYC_2 = Line("+12125550101", area="212", regions=("US-NY", "US-NJ"))
BUFFALO = Line("+17165550100", area="716", regions=("US-NY", "US-NJ"))
DENVER = Line("+13035550100", area="303", regions=("US-CO",))
POOL = (DENVER, BUFFALO, NYC, NYC_2)
ANYBODY = Callee()


def chosen(callee: Callee, usage: Mapping[str, LineUsage], *lines: Line) -> tuple[str, LineReason]:
    """What is chosen from these lines, else from POOL."""
    choice = choose_line(lines or POOL, usage, callee, DAY, NOW)
    assert isinstance(choice, Chosen)
    return choice.line.number, choice.why


def waits(line: Line, usage: LineUsage) -> LineWait:
    choice = choose_line([line], {line.number: usage}, ANYBODY, DAY, NOW)
    assert isinstance(choice, LineWait)
    return choice


@pytest.mark.parametrize(
    ("callee", "line", "why"),
    [
        (Callee("+13035550100", NYC.number, "212", ("US-NY",)), DENVER, LineReason.OWN),
        (Callee(None, BUFFALO.number, "212", ("US-CO",)), BUFFALO, LineReason.SAME_LINE),
        (Callee(None, "+12125550199", "716", ("US-CO",)), BUFFALO, LineReason.SAME_AREA),
        (Callee(None, None, "518", ("US-CO",)), DENVER, LineReason.SAME_REGION),
        (Callee(None, None, "518", ("US-WY",)), DENVER, LineReason.LEAST_USED),
        (ANYBODY, DENVER, LineReason.LEAST_USED),
    ],
)
def test_the_order_of_preference(callee: Callee, line: Line, why: LineReason) -> None:
    assert chosen(callee, {}) == (line.number, why)


def test_lines_of_unknown_place_match_nobody_of_unknown_place() -> None:
    assert chosen(ANYBODY, {}, Line("+4930555010")) == ("+4930555010", LineReason.LEAST_USED)


def test_the_rows_own_number_binds_also_outside_the_pool() -> None:
    own = Callee("+12125550199", NYC.number, "212", ("US-NY",))
    assert chosen(own, {}) == ("+12125550199", LineReason.OWN)
    resting = {"+12125550199": LineUsage(rest=Hold("flagged", NOW + 60))}
    assert choose_line(POOL, resting, own, DAY, NOW) == LineWait(NOW + 60, LineRule.REST, "flagged")
    assert isinstance(choose_line((), {}, own, DAY, NOW), Chosen)


def test_an_own_number_of_the_pool_keeps_its_bounds() -> None:
    full = {NYC.number: LineUsage(calls_today=50)}
    capped = replace(NYC, per_day=50)
    choice = choose_line([capped, DENVER], full, Callee(NYC.number), DAY, NOW)
    assert choice == LineWait(DAY.end, LineRule.CAP, "the line has made its 50 calls of today")


def test_without_any_number_there_is_no_line() -> None:
    choice = choose_line((), {}, ANYBODY, DAY, NOW)
    assert isinstance(choice, NoLine)
    assert "no from-number" in choice.why
    assert pool_wait((), {}, DAY, NOW) is None


@pytest.mark.parametrize(
    ("used", "unused"),
    [
        (LineUsage(1, 1, (NOW - 9,)), LineUsage(9, 0, (NOW - 1,))),  # live calls first
        (LineUsage(2, 1, (NOW - 9,)), LineUsage(1, 1, (NOW - 1,))),  # then those of today
        (LineUsage(2, 1, (NOW - 1,)), LineUsage(2, 1, (NOW - 9,))),  # then the longest silence
        (LineUsage(0, 0, (NOW - 99_999,)), UNUSED),
    ],
)
def test_the_least_used(used: LineUsage, unused: LineUsage) -> None:
    for first, second in ((NYC, NYC_2), (NYC_2, NYC)):
        usage = {first.number: used, second.number: unused}
        assert chosen(ANYBODY, usage, NYC, NYC_2)[0] == second.number
        assert chosen(Callee(area="212"), usage, NYC, NYC_2) == (second.number, LineReason.SAME_AREA)


@pytest.mark.parametrize(
    ("bounds", "usage", "until", "rule", "why"),
    [
        ({"per_day": 3}, LineUsage(3), DAY.end, LineRule.CAP, "3 calls of today"),
        ({"slots": 2}, LineUsage(2, 2), NOW + POOL_ASK_AGAIN_S, LineRule.SLOTS, "all 2 slots"),
        ({"cps": 1}, LineUsage(starts=(NOW - 0.25,)), NOW + 0.75, LineRule.PACE, "1 calls per second"),
        ({"cps": 0.5}, LineUsage(starts=(NOW - 0.5,)), NOW + 1.5, LineRule.PACE, "0.5 calls per second"),
        ({"cps": 2}, LineUsage(starts=(NOW - 0.75, NOW - 0.5)), NOW + 0.25, LineRule.PACE, "2 calls"),
        ({"cps": 1.5}, LineUsage(starts=(NOW - 0.25, NOW)), NOW - 0.25 + 2 / 1.5, LineRule.PACE, "1.5 calls"),
        ({}, LineUsage(rest=Hold("flagged", NOW + 3600)), NOW + 3600, LineRule.REST, "flagged"),
        ({}, LineUsage(rest=Hold("trial")), NOW + POOL_ASK_AGAIN_S, LineRule.REST, "trial"),
        ({"per_day": 3, "cps": 1}, LineUsage(3, 0, (NOW,)), DAY.end, LineRule.CAP, "today"),
        (
            {"cps": 1},
            LineUsage(rest=Hold("flagged", NOW + 9), starts=(NOW,)),
            NOW + 9,
            LineRule.REST,
            "flagged",
        ),
    ],
)
def test_what_holds_a_line(
    bounds: Mapping[str, Any], usage: LineUsage, until: float, rule: LineRule, why: str
) -> None:
    wait = waits(replace(NYC, **bounds), usage)
    assert wait.until == pytest.approx(until, abs=1e-6)
    assert wait.rule is rule
    assert why in wait.why


@pytest.mark.parametrize(
    ("bounds", "usage"),
    [
        ({"per_day": 3}, LineUsage(2)),
        ({"slots": 2}, LineUsage(9, 1)),
        ({"cps": 1}, LineUsage(starts=(NOW - 1,))),
        ({"cps": 2}, LineUsage(starts=(NOW - 1, NOW))),
        ({"cps": 2}, LineUsage(starts=(NOW,))),
        ({}, LineUsage(9999, 9999, (NOW,) * 9)),
    ],
)
def test_what_does_not(bounds: Mapping[str, Any], usage: LineUsage) -> None:
    assert chosen(ANYBODY, {NYC.number: usage}, replace(NYC, **bounds))[0] == NYC.number


def test_who_waits_for_its_own_number_alone_asks_sooner() -> None:
    wait = choose_line([NYC], {NYC.number: LineUsage(live=9)}, Callee(own=NYC.number), DAY, NOW)
    assert wait == Chosen(NYC, LineReason.OWN)
    held = choose_line(
        [replace(NYC, slots=9)], {NYC.number: LineUsage(live=9)}, Callee(own=NYC.number), DAY, NOW
    )
    assert isinstance(held, LineWait)
    assert held.until == NOW + ASK_AGAIN_S


def test_the_first_that_could_is_waited_for() -> None:
    usage = {
        NYC.number: LineUsage(rest=Hold("flagged", NOW + 60)),
        DENVER.number: LineUsage(rest=Hold("flagged too", NOW + 30)),
    }
    assert choose_line([NYC, DENVER], usage, Callee(last_line=NYC.number), DAY, NOW) == LineWait(
        NOW + 30, LineRule.REST, "flagged too"
    )
    assert pool_wait([NYC, DENVER], usage, DAY, NOW) == LineWait(NOW + 30, LineRule.REST, "flagged too")
    assert pool_wait([NYC, DENVER, BUFFALO], usage, DAY, NOW) is None


def test_a_trial_is_one_call() -> None:
    usage = {NYC.number: LineUsage(rest=Trial("flagged"))}
    choice = choose_line([NYC], usage, ANYBODY, DAY, NOW)
    assert choice == Chosen(NYC, LineReason.LEAST_USED, trial=True)
    assert choose_line([NYC], usage, Callee(NYC.number), DAY, NOW) == Chosen(NYC, LineReason.OWN, trial=True)
    usage[NYC.number] = usage[NYC.number].started(NYC, NOW)
    assert isinstance(choose_line([NYC], usage, ANYBODY, DAY, NOW), LineWait)


def test_a_clock_that_was_set_back_holds_a_line_for_one_period_only() -> None:
    wait = waits(replace(NYC, cps=1), LineUsage(starts=(NOW + 86_400,)))
    assert wait.until == NOW + 1


@pytest.mark.parametrize(
    ("age", "calls"), [(-1, 0), (0, 20), (6, 20), (7, 60), (13, 60), (14, 200), (5000, 200)]
)
def test_warming_up(age: int, calls: int) -> None:
    ramp = WarmUp(DAY.date - timedelta(days=age), ((0, 20), (7, 60), (14, 200)))
    assert ramp.calls_max(DAY.date) == calls
    assert Line("+12125550100", warm_up=ramp).calls_max(DAY.date) == calls
    assert Line("+12125550100", per_day=100, warm_up=ramp).calls_max(DAY.date) == min(100, calls)
    assert Line("+12125550100", per_day=100).calls_max(DAY.date) == 100


@pytest.mark.parametrize(
    ("number", "area"),
    [("+12125550100", "212"), ("+1212555010", None), ("+442079460100", None), ("+493055501001", None)],
)
def test_area_codes(number: str, area: str | None) -> None:
    assert area_code(number) == area
