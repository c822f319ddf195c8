"""The choice of a line, compared with the same rules written another way: a recount of every call."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.days import Day
from dialer.domain.gates import GO, Hold
from dialer.domain.lines import (
    UNUSED,
    Callee,
    Chosen,
    Line,
    LineReason,
    LineUsage,
    LineWait,
    NoLine,
    WarmUp,
    choose_line,
    pool_wait,
)

NOW = 1_800_000_000.0
DAY = Day(date(2027, 1, 15), NOW - 30_000.0, NOW + 56_400.0)
ANYBODY = Callee()

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
