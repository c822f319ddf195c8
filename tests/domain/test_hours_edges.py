"""Calling hours to the second and to the word: openings, closings, midnight, clocks that are set, memory."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from dialer.domain.hours import PLACES_MAX, Allowed, HoursRule, Never, RegionalHours, Until
from dialer.domain.local_hours import Hours
from dialer.domain.places import Place
from dialer.domain.wall_clock import DAY_S, Stretch, offset_at, stretches
from dialer.domain.windows import parse_week

NEW_YORK = Place(("America/New_York",))


def at(text: str, zone: str = "America/New_York") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def campaign(*tables: dict[str, str], ring_s: int = 45, off: frozenset[date] = frozenset()) -> HoursRule:
    hours = (Hours("abc"[n], parse_week(table), dates_off=off) for n, table in enumerate(tables))
    return HoursRule(tuple(hours), ring_s=ring_s)


@pytest.mark.parametrize(
    ("window", "ring_s", "clock", "told"),
    [
        ("08:00-21:00", 45, "20:00:00", "open: it is 20:00 there"),
        ("08:00-21:00", 45, "20:59:14", "open: it is 20:59 there"),
        ("08:00-21:00", 45, "20:59:15", "closed: it is 20:59 there, and a call may ring for 45 s"),
        ("08:00-21:00", 45, "20:59:59", "closed: it is 20:59 there, and a call may ring for 45 s"),
        ("08:00-21:00", 45, "21:00:00", "closed: it is 21:00 there"),
        ("20:30-21:00", 45, "20:59:30", "closed: it is 20:59 there, and a call may ring for 45 s"),
        ("09:00-09:01", 90, "09:00:30", "closed: it is 09:00 there, and a call may ring for 90 s"),
        ("09:00-09:01", 90, "08:59:59", "closed: it is 08:59 there"),
        ("00:00-24:00", 45, "00:00:00", "open: it is 00:00 there"),
        ("00:00-24:00", 45, "23:59:15", "open: it is 23:59 there"),
    ],
)
@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Honolulu", "Asia/Tokyo", "UTC"])
def test_what_is_told_right_before_and_after_an_edge(
    zone: str, window: str, ring_s: int, clock: str, told: str
) -> None:
    state, _, ending = told.partition(": ")
    [line] = campaign({"mon-sun": window}, ring_s=ring_s).explain(
        Place((zone,)), at(f"2026-11-21T{clock}", zone)
    )
    assert line == f"{state}: a, Saturday, {window} in {zone}: {ending}"


def test_right_after_clocks_were_set_back_only_the_new_time_counts() -> None:
    rule, since = campaign({"sun": "02:00-02:30"}, ring_s=0), at("2026-11-01T02:00")
    assert [rule.explain(NEW_YORK, since + s)[0].partition(":")[0] for s in (-1, 0, 1799, 1800)] == [
        "closed",
        "open",
        "open",
        "closed",
    ]
    both = campaign({"sun": "01:00-01:30"}, ring_s=0).explain(NEW_YORK, at("2026-11-01T01:10"))
    assert both[0].endswith("it is 01:10 there, while clocks are being set back")


def test_a_date_off_is_told() -> None:
    rule = campaign({"mon-sun": "08:00-21:00"}, off=frozenset({date(2026, 11, 26)}))
    assert rule.judge(NEW_YORK, at("2026-11-26T12:00")) == Until(
        at("2026-11-27T08:00"), "a, Thursday, a date off in America/New_York: it is 12:00 there"
    )


def test_of_two_zones_the_closed_one_is_the_reason() -> None:
    coasts = Place(("America/New_York", "America/Los_Angeles"))
    verdict = campaign({"mon-sun": "08:00-21:00"}).judge(coasts, at("2026-11-21T09:00"))
    assert verdict == Until(
        at("2026-11-21T11:00"), "a, Saturday, 08:00-21:00 in America/Los_Angeles: it is 06:00 there"
    )


def test_a_rule_that_is_open_now_is_no_reason_though_it_closes_before_the_opening() -> None:
    rule = campaign({"mon-sun": "08:00-09:00, 11:00-12:00"}, {"mon-sun": "09:00-12:00"})
    assert rule.judge(NEW_YORK, at("2026-11-21T08:30")) == Until(
        at("2026-11-21T11:00"), "b, Saturday, 09:00-12:00 in America/New_York: it is 08:30 there"
    )


def test_a_break_that_is_shorter_than_a_ring_holds_too() -> None:
    rule = campaign({"mon-sun": "09:00-12:00, 12:01-18:00"}, ring_s=90)
    why = "a, Saturday, 09:00-12:00, 12:01-18:00 in America/New_York: it is 11:59 there"
    assert rule.judge(NEW_YORK, at("2026-11-21T11:59:45")) == Until(at("2026-11-21T12:01"), why)


def test_where_nobody_knows_the_zone_the_way_out_is_told() -> None:
    assert campaign({"mon-sun": "08:00-21:00"}).next_allowed(Place(()), 0.0)[1] == (
        "it is not known where this number is: give the row a `timezone` column, or `state` or `postal_code`"
    )


def test_what_is_remembered_is_bounded() -> None:
    rule, now = campaign({"mon-sun": "00:00-24:00"}), at("2026-11-21T12:00:00.5", "UTC")
    places = [Place(("UTC",), (f"region {n}",)) for n in range(PLACES_MAX + 1)]
    first_verdict, first_told = rule.judge(places[0], now), rule.explain(places[0], now)
    for place in places[1:-1]:
        rule.explain(place, now)
    assert rule.judge(places[0], now) is first_verdict
    assert rule.explain(places[0], now + 59) is first_told, "every call that is made asks"
    rule.explain(places[-1], now)
    assert rule.judge(places[0], now) is not first_verdict
    assert rule.explain(places[0], now) is not first_told
    assert isinstance(first_verdict, Allowed)


@pytest.mark.parametrize(
    ("zone", "on"),
    [
        ("Africa/Monrovia", date(1972, 1, 7)),
        ("Asia/Kolkata", date(1905, 12, 31)),
        ("Europe/Paris", date(1911, 3, 10)),
    ],
)
def test_clocks_that_are_set_at_an_odd_second(zone: str, on: date) -> None:
    tz, day = ZoneInfo(zone), on.toordinal() - date(1970, 1, 1).toordinal()
    found = [stretch for each in (day - 1, day, day + 1) for stretch in stretches(tz, each)]
    assert len({stretch.offsets[0] for stretch in found}) == 2, "they are set on this day"
    for stretch in found:
        assert {offset_at(tz, stretch.start), offset_at(tz, stretch.end - 1)} == {stretch.offsets[0]}


def test_a_day_on_which_nothing_changes_is_one_stretch() -> None:
    day = int(at("2026-11-21T00:00", "UTC")) // DAY_S
    assert stretches(ZoneInfo("America/New_York"), day) == (
        Stretch(day * DAY_S, (day + 1) * DAY_S, (-5 * 3600,)),
    )


@pytest.mark.parametrize("ring_s", [60, 90])
def test_hours_that_are_over_within_a_ring_never_open(ring_s: int) -> None:
    rule = campaign({"mon-sun": "09:00-09:01"}, ring_s=ring_s)
    place, since = Place(("America/New_York", "America/Toronto")), at("2026-11-21T09:00:00")
    for now in (since, since + 30, since - 30):
        verdict = rule.judge(place, now)
        assert verdict == Never(
            "no moment of the next fifteen months is allowed by all of: a; America/New_York America/Toronto"
        )
        assert rule.judge(place, now + 3600) is verdict, "it takes long to find"


def test_a_span_that_has_no_end_is_followed_for_some_days() -> None:
    now = at("2026-11-21T12:00")
    verdict = campaign({"mon-sun": "00:00-24:00"}).judge(NEW_YORK, now)
    assert isinstance(verdict, Allowed)
    assert 2 * DAY_S < verdict.until - now < 4 * DAY_S


def test_what_always_holds_is_found_once() -> None:
    unknown, nobody = Place(()), HoursRule()
    for rule in (nobody, campaign({"mon-sun": "08:00-21:00"})):
        assert rule.judge(unknown, 0.0) is rule.judge(unknown, 1e9)


def test_whose_law_or_holidays_are_missing_is_told_in_full() -> None:
    workdays = Hours("campaign", parse_week({"mon-sun": "08:00-21:00"}), on_holidays=False)
    lawless = HoursRule(regional=RegionalHours({}, default=None))
    assert lawless.next_allowed(Place(("Europe/Berlin",), ("DE", "AT")), 0.0)[1] == (
        "the rules file has no rule for DE, AT"
    )
    assert HoursRule((workdays,)).next_allowed(Place(("Europe/Berlin",)), 0.0)[1] == (
        "campaign allows no call on public holidays, and the region is not known: "
        "give the row a `state` column"
    )


def test_a_verdict_is_found_once_for_as_long_as_it_stands() -> None:
    rule, opens = campaign({"mon-sun": "08:00-21:00"}), at("2026-11-21T08:00")
    allowed = rule.judge(NEW_YORK, opens)
    assert allowed is rule.judge(NEW_YORK, opens)
    assert allowed is rule.judge(NEW_YORK, opens + 12 * 3600)
    waits = rule.judge(NEW_YORK, opens - 90)
    assert waits is rule.judge(NEW_YORK, opens - 61)
    assert rule.next_allowed(NEW_YORK, opens - 60)[1].endswith("it is 07:59 there")
