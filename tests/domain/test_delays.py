"""Delays as they are written, and the moment that they come to on the callee's clock."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.delays import DELAYS_MAX, Delay, LocalTime, due_after, parse_delays, wall_time

NEW_YORK = ZoneInfo("America/New_York")
ZONES = sorted(available_timezones())


def at(text: str, zone: str = "America/New_York", fold: int = 0) -> float:
    """Unix seconds of a local time."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@pytest.mark.parametrize(
    ("text", "count", "delays"),
    [
        ("5m", None, (300.0,)),
        ("5m, 30m, 4h, next day 10:00 local", None, (300.0, 1800.0, 14400.0, LocalTime(1, 10, 0))),
        ("90s,1.5h", None, (90.0, 5400.0)),
        ("1s, 0.5s", None, (1.0, 0.5)),
        ("in 365 days 10:00 local", None, (LocalTime(365, 10, 0),)),
        ("next day 9:05 local", None, (LocalTime(1, 9, 5),)),
        ("in 2 days 18:30 local", None, (LocalTime(2, 18, 30),)),
        ("in 1 day 00:00 local", None, (LocalTime(1, 0, 0),)),
        ("never", None, ()),
        (" never ", 0, ()),
        ("5m, 1h", 2, (300.0, 3600.0)),
        ("5m, 1h", 4, (300.0, 3600.0, 3600.0, 3600.0)),
        ("next day 10:00 local", 3, (LocalTime(1, 10, 0),) * 3),
    ],
)
def test_lists_of_delays(text: str, count: int | None, delays: tuple[Delay, ...]) -> None:
    assert parse_delays(text, count) == delays


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "5m,", ",5m", "5m 30m", "0s", "5m; 1h", "never, 5m", "-5m"),
        *("tomorrow 10:00 local", "next day 10:00", "next day 10 local", "next day 24:00 local"),
        *("next day 10:60 local", "in 0 days 10:00 local", "in 999 days 10:00 local", "next day 10:00 EST"),
    ],
)
def test_what_is_no_delay_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no delay: write for example 5m, 4h|number of days from 1"):
        parse_delays(text)


@pytest.mark.parametrize(("text", "count"), [("5m, 1h", 1), ("5m", 0), ("never", 1), ("5m", -1)])
def test_a_count_that_does_not_fit_its_delays(text: str, count: int) -> None:
    with pytest.raises(ValueError, match=r"the count of redials is .*: write a count"):
        parse_delays(text, count)


def test_the_number_of_delays_has_a_bound() -> None:
    assert len(parse_delays("5m", DELAYS_MAX)) == DELAYS_MAX
    for text, count in (("5m", DELAYS_MAX + 1), (", ".join(["5m"] * (DELAYS_MAX + 1)), None)):
        with pytest.raises(ValueError, match="too many"):
            parse_delays(text, count)


@pytest.mark.parametrize(
    ("now", "delay", "due"),
    [
        (at("2027-01-15 20:00"), LocalTime(1, 10, 0), at("2027-01-16 10:00")),
        (at("2027-01-15 00:00"), LocalTime(1, 0, 0), at("2027-01-16 00:00")),
        (at("2027-01-15 23:59:59"), LocalTime(1, 0, 0), at("2027-01-16 00:00")),
        (at("2027-01-15 01:00"), LocalTime(2, 10, 0), at("2027-01-17 10:00")),
        (at("2027-03-13 10:00"), LocalTime(1, 10, 0), at("2027-03-13 10:00") + 23 * 3600),
        (at("2027-11-06 10:00"), LocalTime(1, 10, 0), at("2027-11-06 10:00") + 25 * 3600),
        (at("2027-03-13 10:00"), LocalTime(1, 2, 30), at("2027-03-14 03:30")),
        (at("2027-11-06 10:00"), LocalTime(1, 1, 30), at("2027-11-07 01:30", fold=0)),
    ],
)
def test_a_local_time_keeps_the_clock_on_both_changes(now: float, delay: Delay, due: float) -> None:
    assert due_after(delay, now, NEW_YORK) == due


def test_of_a_time_that_is_shown_twice_the_first_that_is_not_too_early() -> None:
    day, zone = date(2027, 11, 7), ZoneInfo("America/New_York")
    first, second = (at("2027-11-07 01:30", fold=fold) for fold in (0, 1))
    assert second == first + 3600
    for after, due in ((first - 9, first), (first, first), (first + 9, second), (second + 9, second + 9)):
        assert wall_time(day, 1, 30, zone, after) == due


def test_where_the_clocks_go_back_over_midnight_it_is_the_second_midnight() -> None:
    zone = "America/St_Johns"
    now = at("2010-11-06 23:30", zone, fold=1)
    assert at("2010-11-07 00:00", zone, fold=0) < now
    assert due_after(LocalTime(1, 0, 0), now, ZoneInfo(zone)) == at("2010-11-07 00:00", zone, fold=1)


def test_where_a_day_was_left_out_it_is_the_day_behind() -> None:
    zone = "Pacific/Apia"
    due = due_after(LocalTime(1, 10, 0), at("2011-12-29 20:00", zone), ZoneInfo(zone))
    assert due == at("2011-12-31 10:00", zone)


def test_without_a_zone_a_local_time_is_whole_days_away() -> None:
    assert due_after(LocalTime(2, 10, 0), 1000.0, None) == 1000.0 + 2 * 86_400
    assert due_after(60.0, 1000.0, None) == 1060.0
    assert due_after(60, 1000.0, NEW_YORK) == 1060.0


moments = st.floats(at("2026-01-01", "UTC"), at("2028-01-01", "UTC"))
local_times = st.builds(LocalTime, st.integers(1, 5), st.integers(0, 23), st.integers(0, 59))


@given(st.sampled_from(ZONES).map(ZoneInfo), moments, local_times)
def test_in_every_zone_it_is_that_time_on_that_day(zone: ZoneInfo, now: float, delay: LocalTime) -> None:
    due = due_after(delay, now, zone)
    assert due > now
    day = datetime.fromtimestamp(now, zone).date() + timedelta(days=delay.days)
    wall = datetime.combine(day, time(delay.hour, delay.minute))
    shown = datetime.fromtimestamp(due, zone).replace(tzinfo=None)
    there_and_back = wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    if there_and_back == wall:
        assert shown == wall
    else:
        assert wall < shown <= wall + timedelta(hours=2)
