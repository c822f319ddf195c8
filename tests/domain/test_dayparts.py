"""Redials go to the parts of the day in which nobody has tried yet."""

from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.dayparts import DayPart, part_of, spread_out

NEW_YORK = ZoneInfo("America/New_York")
ZONES = sorted(available_timezones())
MORNING, AFTERNOON, EVENING = DayPart


def at(text: str, zone: str = "America/New_York") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("clock", "part"),
    [
        ("07:59:59", None),
        ("08:00", MORNING),
        ("11:59:59", MORNING),
        ("12:00", AFTERNOON),
        ("16:59:59", AFTERNOON),
        ("17:00", EVENING),
        ("20:59:59", EVENING),
        ("21:00", None),
        ("00:00", None),
    ],
)
def test_the_parts_of_the_day(clock: str, part: DayPart | None) -> None:
    assert part_of(at(f"2027-01-15 {clock}"), NEW_YORK) is part
    assert part_of(at(f"2027-07-15 {clock}"), NEW_YORK) is part
    assert part_of(at(f"2027-01-15 {clock}") + 0.9999998, NEW_YORK) is part


@pytest.mark.parametrize(
    ("due", "rung", "moved"),
    [
        ("15 11:00", ["15 10:00"], "15 12:00"),
        ("15 13:00", ["15 10:00"], "15 13:00"),
        ("15 13:00", ["15 10:00", "15 12:30"], "15 17:00"),
        ("15 18:00", ["15 17:30"], "16 08:00"),
        ("15 18:00", ["15 17:30", "14 08:00"], "16 12:00"),
        ("15 23:00", ["15 19:00"], "16 08:00"),
        ("16 02:00", ["15 19:00", "15 10:00"], "16 12:00"),
        ("15 22:00", [], "16 08:00"),
        ("15 07:00", ["15 06:00"], "15 08:00"),
        ("15 10:00", ["14 08:00", "14 12:00", "14 17:00"], "15 10:00"),
        ("15 23:00", ["14 08:00", "14 12:00", "14 17:00"], "15 23:00"),
        ("15 12:00", ["15 10:00", "15 18:00"], "15 12:00"),
    ],
)
def test_where_a_redial_is_moved_to(due: str, rung: list[str], moved: str) -> None:
    month = "2027-01-"
    assert spread_out(at(month + due), [at(month + each) for each in rung], NEW_YORK) == at(month + moved)


def test_the_callees_clock_counts_on_the_days_of_change() -> None:
    assert spread_out(at("2027-03-13 22:00"), [], NEW_YORK) == at("2027-03-14 08:00")
    assert spread_out(at("2027-11-06 22:00"), [], NEW_YORK) == at("2027-11-07 08:00")
    assert at("2027-03-14 08:00") - at("2027-03-13 22:00") == 9 * 3600


moments = st.floats(at("2026-01-01", "UTC"), at("2028-01-01", "UTC"))


@given(st.sampled_from(ZONES).map(ZoneInfo), moments, st.lists(moments, max_size=5))
def test_in_every_zone_it_picks_the_first_moment_in_an_untried_part(
    zone: ZoneInfo, due_at: float, rung_at: list[float]
) -> None:
    untried = set(DayPart) - {part_of(rung, zone) for rung in rung_at}
    moved = spread_out(due_at, rung_at, zone)
    assert due_at <= moved <= due_at + 26 * 3600
    if not untried:
        assert moved == due_at
        return
    assert part_of(moved, zone) in untried
    if moved > due_at:
        assert part_of(moved - 0.001, zone) not in untried
    between = due_at
    while between < moved:
        assert part_of(between, zone) not in untried
        between += 1800


def test_the_day_is_the_callees_and_not_the_machines() -> None:
    pacific = "America/Los_Angeles"
    due, morning, afternoon, evening = (at(f"2027-01-15 {hour}:30", pacific) for hour in (16, 10, 15, 17))
    assert spread_out(due, [morning, afternoon], ZoneInfo(pacific)) == evening - 1800, "tomorrow by UTC"
