"""From which number a call goes out."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.days import Day
from dialer.domain.gates import GO, Hold, Trial
from dialer.domain.lines import (
    ASK_AGAIN_S,
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
        ({"slots": 2}, LineUsage(2, 2), NOW + ASK_AGAIN_S, LineRule.SLOTS, "all 2 slots"),
        ({"cps": 1}, LineUsage(starts=(NOW - 0.25,)), NOW + 0.75, LineRule.PACE, "1 calls per second"),
        ({"cps": 0.5}, LineUsage(starts=(NOW - 0.5,)), NOW + 1.5, LineRule.PACE, "0.5 calls per second"),
        ({"cps": 2}, LineUsage(starts=(NOW - 0.75, NOW - 0.5)), NOW + 0.25, LineRule.PACE, "2 calls"),
        ({"cps": 1.5}, LineUsage(starts=(NOW - 0.25, NOW)), NOW - 0.25 + 2 / 1.5, LineRule.PACE, "1.5 calls"),
        ({}, LineUsage(rest=Hold("flagged", NOW + 3600)), NOW + 3600, LineRule.REST, "flagged"),
        ({}, LineUsage(rest=Hold("trial")), NOW + ASK_AGAIN_S, LineRule.REST, "trial"),
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


bounds = st.builds(
    Line,
    st.sampled_from([f"+12125550{number}" for number in range(100, 106)]),
    st.none() | st.sampled_from([0.25, 0.5, 1, 1.5, 2, 3]),
    st.none() | st.integers(1, 3),
    st.none() | st.integers(1, 8),
    st.none() | st.builds(WarmUp, st.just(DAY.date), st.just(((0, 2), (1, 5)))),
    st.sampled_from([None, "212", "303"]),
    st.sampled_from([(), ("US-NY",), ("US-CO", "US-NY")]),
)
pools = st.lists(bounds, max_size=5, unique_by=lambda line: line.number)
callees = st.builds(
    Callee,
    st.none() | st.sampled_from(["+12125550100", "+12125550199"]),
    st.none() | st.sampled_from([f"+12125550{number}" for number in range(100, 106)]),
    st.sampled_from([None, "212", "303"]),
    st.sampled_from([(), ("US-NY",), ("US-CO", "US-NY")]),
)


class World:
    """Every call that was made, recounted from scratch for each question: the rules, written another way."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, float]] = []
        self.live: list[str] = []
        self.resting: dict[str, float] = {}
        self.now = DAY.start

    @property
    def day(self) -> Day:
        days = int((self.now - DAY.start) // 86_400)
        start = DAY.start + days * 86_400
        return Day(DAY.date + timedelta(days=days), start, start + 86_400)

    def usage(self, number: str) -> LineUsage:
        starts = tuple(at for of, at in self.calls if of == number)
        today = sum(at >= self.day.start for at in starts)
        until = self.resting.get(number, 0.0)
        rest = Hold("resting", until) if until > self.now else GO
        return LineUsage(today, self.live.count(number), starts, rest)

    def may(self, line: Line) -> bool:
        mine = [at for of, at in self.calls if of == line.number]
        today = [at for at in mine if at >= self.day.start]
        if self.resting.get(line.number, 0.0) > self.now:
            return False
        if line.per_day is not None and len(today) >= line.per_day:
            return False
        if line.warm_up is not None and len(today) >= (2 if self.day.date == DAY.date else 5):
            return False
        if line.slots is not None and self.live.count(line.number) >= line.slots:
            return False
        if line.cps is None:
            return True
        most, period = (
            (1, 1 / line.cps) if line.cps < 1 else (-(-line.cps // 1), -(-line.cps // 1) / line.cps)
        )
        return sum(at + period > self.now for at in mine) < most


def reason(line: Line, callee: Callee) -> LineReason:
    if callee.own == line.number:
        return LineReason.OWN
    if callee.last_line == line.number:
        return LineReason.SAME_LINE
    if callee.area is not None and callee.area == line.area:
        return LineReason.SAME_AREA
    if set(callee.regions) & set(line.regions):
        return LineReason.SAME_REGION
    return LineReason.LEAST_USED


@given(pools, st.lists(callees, min_size=1, max_size=60), st.integers())
def test_agrees_with_rules_that_are_written_another_way(
    pool: list[Line], people: list[Callee], seed: int
) -> None:
    chance, world, memory = Random(seed), World(), dict[str, LineUsage]()
    for callee in people:
        world.now += chance.choice([0, 0, 0.2, 0.5, 1, 7, 40_000])
        if chance.random() < 0.2:
            world.resting[chance.choice(["+12125550100", "+12125550101"])] = world.now + chance.choice(
                [1, 9e4]
            )
        while world.live and chance.random() < 0.3:
            world.live.remove(chance.choice(world.live))
        numbers = {line.number for line in pool} | {callee.own or ""}
        usage = {number: used for number in numbers if (used := world.usage(number)) != UNUSED}
        bound = [line for line in pool if line.number == callee.own] or [Line(callee.own or "")]
        allowed = [line for line in (bound if callee.own else pool) if world.may(line)]
        match choose_line(pool, usage, callee, world.day, world.now):
            case Chosen(line, why, trial):
                assert line in allowed
                assert why is min((reason(each, callee) for each in allowed), key=list(LineReason).index)
                assert why is reason(line, callee)
                assert not trial
                memory[line.number] = usage.get(line.number, UNUSED).started(line, world.now)
                world.calls.append((line.number, world.now))
                world.live.append(line.number)
                again = world.usage(line.number)
                assert (again.calls_today, again.live) == (
                    memory[line.number].calls_today,
                    memory[line.number].live,
                )
            case LineWait(until):
                assert not allowed
                assert until > world.now
                assert callee.own or pool_wait(pool, usage, world.day, world.now)
            case NoLine():
                assert callee.own is None
                assert not pool


@given(
    bounds.filter(lambda line: line.cps is not None),
    st.lists(st.sampled_from([0, 0.1, 0.4, 2]), min_size=1, max_size=80),
)
def test_no_period_of_a_line_holds_more_calls_than_its_pace_allows(line: Line, gaps: list[float]) -> None:
    assert line.cps is not None
    paced = Line(line.number, line.cps)
    used, starts, now = UNUSED, list[float](), NOW
    for gap in gaps:
        now += gap
        choice = choose_line([paced], {paced.number: used}, ANYBODY, DAY, now)
        if isinstance(choice, LineWait):
            assert choice.until - now <= max(1.0, 2 / line.cps)
            now = choice.until
            choice = choose_line([paced], {paced.number: used}, ANYBODY, DAY, now)
        assert isinstance(choice, Chosen), "at the time that was named it is free"
        used = used.started(paced, now)
        starts.append(now)
    most = max(1, -int(-line.cps // 1))
    for first, last in zip(starts, starts[most:], strict=False):
        assert last - first >= most / line.cps - 1e-6
    assert all(earlier <= later for earlier, later in pairwise(starts))


@given(pools.filter(bool), callees)
def test_a_person_is_called_from_the_same_line_while_it_is_free(pool: list[Line], callee: Callee) -> None:
    world = World()
    person = replace(callee, own=None, last_line=pool[-1].number)
    choice = choose_line(pool, {}, person, world.day, world.now)
    assert choice == Chosen(pool[-1], LineReason.SAME_LINE)
