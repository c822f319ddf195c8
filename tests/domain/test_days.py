"""The day of a campaign, from one local midnight to the next."""

from datetime import UTC, date, datetime, timedelta
from math import floor, nextafter
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.days import Day, day_of

HOUR_S = 3600.0
zones = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
moments = st.floats(
    datetime(2025, 12, 1, tzinfo=UTC).timestamp(), datetime(2028, 1, 31, tzinfo=UTC).timestamp()
)


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def day(text: str, zone: str) -> Day:
    return day_of(at(text), ZoneInfo(zone))


def test_a_plain_day() -> None:
    found = day("2026-07-01T12:00:00Z", "America/New_York")
    assert found == Day(date(2026, 7, 1), at("2026-07-01T00:00:00-04:00"), at("2026-07-02T00:00:00-04:00"))


@pytest.mark.parametrize(
    ("text", "zone", "hours"),
    [
        ("2026-03-08T12:00:00Z", "America/New_York", 23),
        ("2026-11-01T12:00:00Z", "America/New_York", 25),
        ("2026-04-05T12:00:00Z", "Australia/Lord_Howe", 24.5),
        ("2026-04-24T12:00:00Z", "Africa/Cairo", 23),
        ("2011-12-31T12:00:00Z", "Pacific/Apia", 24),
    ],
)
def test_days_on_which_the_clocks_change(text: str, zone: str, hours: float) -> None:
    found = day(text, zone)
    assert (found.end - found.start) / HOUR_S == hours


def test_where_midnight_is_skipped_the_day_begins_right_after() -> None:
    found = day("2026-04-24T12:00:00Z", "Africa/Cairo")
    assert found.start == at("2026-04-24T01:00:00+03:00")
    assert day_of(found.start - 0.001, ZoneInfo("Africa/Cairo")).end == found.start


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu"])
def test_the_last_moment_of_a_day_is_not_in_the_next(zone: str) -> None:
    found = day("2026-07-01T12:00:00Z", zone)
    assert day_of(nextafter(found.end, 0.0), ZoneInfo(zone)) == found
    assert day_of(found.start, ZoneInfo(zone)) == found


@given(zones, moments)
def test_every_moment_is_in_its_day_and_days_follow_on_each_other(zone: ZoneInfo, now: float) -> None:
    found = day_of(now, zone)
    assert found.start <= now < found.end
    assert datetime.fromtimestamp(floor(now), zone).date() == found.date
    following = day_of(found.end, zone)
    assert following.start == found.end
    assert following.date == found.date + timedelta(days=1)
