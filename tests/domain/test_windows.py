"""Weekly windows as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.windows import Span, common, in_words, parse_week


@pytest.mark.parametrize(
    ("table", "week"),
    [
        ({}, ((),) * 7),
        ({"mon-fri": "09:00-18:00", "sat": "10:00-14:00"}, (((540, 1080),),) * 5 + (((600, 840),), ())),
        ({"Mon": " 9:00 - 12:00 ,13:00-24:00"}, (((540, 720), (780, 1440)),) + ((),) * 6),
        ({"mon": "09:59-10:59"}, (((599, 659),),) + ((),) * 6),
        ({"mon": "12:00-13:00,09:00-12:00"}, (((540, 780),),) + ((),) * 6),
        ({"sat-mon": "00:00-24:00"}, (((0, 1440),), (), (), (), (), ((0, 1440),), ((0, 1440),))),
        ({"mon-sun": "08:00-21:00", "": ""}, None),
        ({"sun": ""}, ((),) * 7),
    ],
)
def test_a_week(table: dict[str, str], week: tuple[tuple[Span, ...], ...] | None) -> None:
    if week is None:
        with pytest.raises(ValueError, match="has the day"):
            parse_week(table)
    else:
        assert parse_week(table) == week


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"monday": "09:00-18:00"}, "has the day 'monday': write mon"),
        ({"mon-": "09:00-18:00"}, "has the day 'mon-'"),
        ({"mon-fri": "9-18"}, "has '9-18' on mon-fri: write hours as 09:00-18:00"),
        ({"mon": "09:00-18:60"}, "a day goes from 00:00 to 24:00"),
        ({"mon": "09:60-18:00"}, "a day goes from 00:00 to 24:00"),
        ({"mon": "24:00-24:00"}, "a day goes from 00:00 to 24:00"),
        ({"mon": "09:00-24:01"}, "a day goes from 00:00 to 24:00"),
        ({"mon": "22:00-06:00"}, "write 22:00-24:00 and, on the next day, 00:00-06:00"),
        ({"mon": "09:00-09:00"}, "does not end on the day it begins"),
        ({"mon": "09:00-12:00, 11:00-14:00"}, "has windows on mon that overlap"),
        ({"mon-wed": "09:00-18:00", "tue": "10:00-11:00"}, "names Tuesday twice"),
    ],
)
def test_what_is_no_week_is_refused_with_the_way_out(table: dict[str, str], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_week(table)


def test_windows_in_words() -> None:
    assert in_words(parse_week({"mon": "09:00-12:30, 13:00-24:00"})[0]) == "09:00-12:30, 13:00-24:00"
    assert in_words(()) == "no calls"


spans = st.sets(st.integers(0, 60), max_size=10).map(
    lambda cuts: list(zip(sorted(cuts)[::2], sorted(cuts)[1::2], strict=False))
)


@given(some=spans, others=spans)
def test_what_is_common_is_what_lies_in_both(some: list[Span], others: list[Span]) -> None:
    def points(of: list[Span]) -> set[int]:
        return {point for start, end in of for point in range(start, end)}

    result = common(some, others)
    assert points(result) == points(some) & points(others)
    assert all(start < end for start, end in result)
    assert result == sorted(result)
