"""So many in any sliding period, whatever the clock does; and no longer held than that needs."""

from collections.abc import Sequence
from math import inf, nextafter

from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.allowance import Allowance

BEGAN = 1_000_000.0
LAST_DIGIT_S = 1e-9
"""What doubles of that size lose when they are added up."""

bounds = st.tuples(st.integers(1, 6), st.floats(0.1, 20.0))
moments = st.lists(
    st.tuples(st.floats(0.0, 8.0), st.integers(1, 4), st.one_of(st.just(0.0), st.floats(0.0, 100.0))),
    max_size=60,
)
"""Seconds that pass, how many are wanted then, and by how much the clock is set back before."""


def taken_by(bound: tuple[int, float], asked: Sequence[tuple[float, int, float]]) -> list[float]:
    """When they were taken, in true seconds, by a clock that is set back now and then."""
    allowance, now, back, made = Allowance(*bound), 0.0, 0.0, list[float]()
    for passed, wanted, step in asked:
        now, back = now + passed, back + step
        seen = allowance.seen_at(BEGAN + now - back)
        took = min(wanted, seen.room)
        made += [now] * took
        if took:
            allowance = seen.take(took, BEGAN + now - back)
    return made


@given(bounds, moments)
def test_any_row_of_one_more_takes_at_least_a_period(
    bound: tuple[int, float], asked: list[tuple[float, int, float]]
) -> None:
    number, period_s = bound
    made = taken_by(bound, asked)
    for first, last in zip(made, made[number:], strict=False):
        assert last - first >= period_s - LAST_DIGIT_S


@given(bounds, st.lists(st.tuples(st.floats(0.0, 8.0), st.integers(1, 4)), max_size=60))
def test_by_the_ledgers_own_clock_not_a_digit_is_missing(
    bound: tuple[int, float], asked: list[tuple[float, int]]
) -> None:
    number, period_s = bound
    allowance, now, made = Allowance(*bound), BEGAN, list[float]()
    for passed, wanted in asked:
        now += passed
        allowance = allowance.seen_at(now)
        took = min(wanted, allowance.room)
        allowance = allowance.take(took, now)
        made += [now] * took
    for first, last in zip(made, made[number:], strict=False):
        assert first + period_s <= last


@given(bounds, moments, st.floats(0.0, 30.0))
def test_the_next_may_be_taken_at_the_first_moment_with_room(
    bound: tuple[int, float], asked: list[tuple[float, int, float]], later: float
) -> None:
    _, period_s = bound
    allowance, now = Allowance(*bound), BEGAN
    for passed, wanted, _ in asked:
        now += passed
        seen = allowance.seen_at(now)
        allowance = seen.take(min(wanted, seen.room), now)
    now += later
    seen = allowance.seen_at(now)
    at = seen.next_at(now)
    assert now <= at <= now + period_s
    assert (at == now) == (seen.room > 0)
    if at > now:
        assert allowance.seen_at(at).room > 0, "to the last digit, else who waits asks in a circle"
        assert allowance.seen_at(max(now, at - 2 * LAST_DIGIT_S)).room == 0


@given(bounds, st.lists(st.floats(0.0, 2e9), max_size=20), st.integers(1, 6))
def test_it_is_stored_and_read_to_the_last_digit(
    bound: tuple[int, float], at: list[float], other: int
) -> None:
    allowance = Allowance(*bound, tuple(sorted(at)))
    assert Allowance.unpacked(*bound, allowance.packed()) == allowance
    assert Allowance.unpacked(other, 1.5, allowance.packed()) == Allowance(other, 1.5, allowance.taken)


def test_a_bound_that_was_lowered_counts_what_was_taken_under_the_other() -> None:
    stored = Allowance(4, 1.0).take(2, 10.0).take(2, 10.5).packed()
    lowered = Allowance.unpacked(2, 1.0, stored)
    assert (lowered.seen_at(10.6).room, lowered.seen_at(10.6).next_at(10.6)) == (0, 11.5)
    assert lowered.seen_at(11.2).room == 0
    assert lowered.seen_at(11.5).room == 2


def test_the_edge_of_the_period() -> None:
    one = Allowance(1, 2.0).take(1, 10.0)
    assert one.seen_at(nextafter(12.0, -inf)).room == 0
    assert one.seen_at(12.0).room == 1
    assert Allowance(3, 1.0).next_at(5.0) == 5.0


def test_what_is_seen_behind_a_clock_that_was_set_back_lasts_one_period() -> None:
    seen = Allowance(1, 2.0).take(1, 5000.0).seen_at(10.0)
    assert (seen.room, seen.next_at(10.0)) == (0, 12.0)
    assert seen.seen_at(12.0).room == 1
