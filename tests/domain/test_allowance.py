"""So many in any sliding period, recounted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.allowance import Allowance

SECONDS = st.lists(st.integers(0, 400), max_size=60).map(
    lambda eighths: [each / 8 for each in sorted(eighths)]
)


@given(SECONDS, st.integers(1, 4), st.integers(1, 40))
def test_who_asks_first_never_gets_more_than_so_many_in_a_period(
    times: list[float], per_period: int, eighths: int
) -> None:
    period_s = eighths / 8
    known, used = Allowance(per_period, period_s), list[float]()
    for now in times:
        known = Allowance.unpacked(per_period, period_s, known.packed()).seen_at(now)
        expected = sum(1 for each in used if each > now - period_s)
        assert known.room == per_period - expected
        if known.room:
            assert known.next_at(now) == now
            known = known.take(1, now)
            used.append(now)
        else:
            assert known.next_at(now) == used[-per_period] + period_s > now
            assert known.seen_at(known.next_at(now)).room > 0, "not later than it has to be"


def test_several_are_taken_at_once_and_all_count() -> None:
    known = Allowance(3, 1.0).take(2, 10.0)
    assert (known.room, known.taken) == (1, (10.0, 10.0))
    assert known.take(1, 10.5).next_at(10.5) == 11.0
    assert known.take(1, 10.5).seen_at(11.0).room == 2


def test_a_lower_bound_counts_what_was_taken_under_the_higher_one() -> None:
    stored = Allowance(4, 1.0).take(2, 10.0).take(2, 10.5).packed()
    lower = Allowance.unpacked(2, 1.0, stored).seen_at(10.6)
    assert (lower.room, lower.next_at(10.6)) == (0, 11.5)
    assert Allowance.unpacked(2, 2.0, stored).seen_at(11.9).room == 0


@pytest.mark.parametrize(("now", "room"), [(10.0, 0), (4.0, 0), (4.9, 0), (5.0, 2)])
def test_a_clock_that_was_set_back_is_too_late_and_never_too_early(now: float, room: int) -> None:
    known = Allowance(2, 1.0).take(2, 10.0)
    back = known.seen_at(4.0)
    assert back.taken == (4.0, 4.0)
    assert (known if now == 10.0 else back).seen_at(now).room == room
