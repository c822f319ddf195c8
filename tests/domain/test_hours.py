"""Calling hours: tables, and every zone of 2026 and 2027 beside a slow checker that reads wall clocks."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from math import inf
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.hours import Allowed, HoursRule, Never, PublicHolidays, RegionalHours, Until
from dialer.domain.local_hours import Hours
from dialer.domain.places import Place
from dialer.domain.windows import parse_week

ZONES = sorted(available_timezones())
STEP_S = 300
"""All windows of these tests begin and end at whole five minutes; so do all changes of clocks."""
START, END = 1767225600, 1830297600
"""2026 and 2027."""
Table = dict[str, str]
NEW_YORK = Place(("America/New_York",))
FEDERAL = {"mon-sun": "08:00-21:00"}


def at(text: str, zone: str = "America/New_York", fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def rule_of(*tables: Table, ring_s: int = 0) -> HoursRule:
    return HoursRule(tuple(Hours(f"rule {n}", parse_week(t)) for n, t in enumerate(tables)), ring_s=ring_s)


class SlowChecker:
    """The same rules, asked of one second after the other."""

    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

    def __init__(self, tables: tuple[Table, ...], zones: tuple[str, ...], ring_s: int) -> None:
        self.weeks = [[self.spans(table, name) for name in self.names] for table in tables]
        self.zones = [ZoneInfo(zone) for zone in zones]
        self.ring_s = ring_s

    def spans(self, table: Table, name: str) -> list[tuple[timedelta, timedelta]]:
        found = []
        for days, text in table.items():
            first, _, last = days.partition("-")
            if self.names.index(first) <= self.names.index(name) <= self.names.index(last or first) and text:
                for part in text.split(", "):
                    hours = [
                        timedelta(hours=int(clock[:2]), minutes=int(clock[3:])) for clock in part.split("-")
                    ]
                    found.append((hours[0], hours[1]))
        return found

    def readings(self, zone: ZoneInfo, moment: int) -> Iterator[datetime]:
        """What clocks there show; while they are set back, also what the others show."""
        local = datetime.fromtimestamp(moment, zone)
        yield local.replace(tzinfo=None)
        official, other = local.utcoffset(), local.replace(fold=1 - local.fold).utcoffset()
        assert official is not None
        assert other is not None
        if official != other:
            yield local.replace(tzinfo=None) + (other - official)

    def is_open(self, moment: int) -> bool:
        for zone in self.zones:
            for reading in self.readings(zone, moment):
                since_midnight = reading - datetime.combine(reading.date(), time())
                for week in self.weeks:
                    spans = week[reading.weekday()]
                    if not any(start <= since_midnight < end for start, end in spans):
                        return False
        return True

    def is_allowed(self, moment: int) -> bool:
        moments = {moment, moment + self.ring_s, *range(moment, moment + self.ring_s, 60)}
        return all(self.is_open(each) for each in moments)


def check(rule: HoursRule, checker: SlowChecker, zones: tuple[str, ...], now: int) -> None:
    """`next_allowed` is allowed, and nothing before it is."""
    found, why = rule.next_allowed(Place(zones), now)
    last = int(found) if found != inf else now + 21 * 86_400
    step = (now // STEP_S + 1) * STEP_S
    for moment in (now, *range(step, last, STEP_S), *range(max(now, last - 3), last)):
        if moment < found:
            assert not checker.is_allowed(moment), (zones, now, moment, found, why)
    if found != inf:
        assert checker.is_allowed(int(found)), (zones, now, found)
    assert bool(why) == (found != now)
    if found == now:
        verdict = rule.judge(Place(zones), now)
        assert isinstance(verdict, Allowed)
        for moment in (now + 1, (now + int(verdict.until)) // 2, int(verdict.until) - 1):
            if moment < verdict.until:
                assert checker.is_allowed(moment), (zones, now, moment, verdict)


def clock_changes(zone: str) -> list[int]:
    """The days in whose course the clocks of a zone are set."""
    tz = ZoneInfo(zone)
    days = range(START, END, 86_400)
    offsets = [datetime.fromtimestamp(day, tz).utcoffset() for day in days]
    return [day for day, before, after in zip(days, offsets, offsets[1:], strict=False) if before != after]


@pytest.mark.parametrize("part", range(4))
def test_in_every_zone_the_next_moment_is_allowed_and_nothing_before_it_is(part: int) -> None:
    chance = random.Random(part)
    table = {"mon-fri": "00:00-01:30, 02:30-03:30, 09:00-24:00", "sat": "10:00-14:00", "sun": "01:30-02:45"}
    for zone in ZONES[part::4]:
        ring_s = chance.choice((0, 45, 90))
        rule, checker = rule_of(table, FEDERAL, ring_s=ring_s), SlowChecker((table, FEDERAL), (zone,), ring_s)
        early = rule_of(table, ring_s=ring_s), SlowChecker((table,), (zone,), ring_s)
        for _ in range(4):
            check(rule, checker, (zone,), chance.randrange(START, END))
        for day in clock_changes(zone):
            for _ in range(8):
                check(*early, (zone,), day + chance.randrange(-7200, 86_400))


@st.composite
def weeks(draw: st.DrawFn) -> Table:
    table: Table = {}
    for name in SlowChecker.names:
        cuts = sorted(draw(st.sets(st.integers(0, 288), max_size=4)))
        pairs = zip(cuts[::2], cuts[1::2], strict=False)
        clocks = [f"{a // 12:02}:{a % 12 * 5:02}-{b // 12:02}:{b % 12 * 5:02}" for a, b in pairs]
        table[name] = ", ".join(clocks)
    return table


@given(
    tables=st.lists(weeks(), min_size=1, max_size=2),
    zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True),
    now=st.integers(START, END),
    ring_s=st.sampled_from((0, 45, 240)),
    near_change=st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_any_rules_in_any_zones_together(
    tables: list[Table], zones: list[str], now: int, ring_s: int, near_change: bool
) -> None:
    changes = clock_changes(zones[0]) if near_change else []
    now = changes[now % len(changes)] + now % 86_400 if changes else now
    rule, checker = rule_of(*tables, ring_s=ring_s), SlowChecker(tuple(tables), tuple(zones), ring_s)
    check(rule, checker, tuple(zones), now)
    check(rule, checker, tuple(zones), now + 40)  # with what is remembered
    check(rule, checker, tuple(zones), now - 86_400)  # and a clock that was set back


@pytest.mark.parametrize(
    ("sunday", "now", "opens"),
    [
        # Clocks go forward at 02:00 on 2026-03-08.
        ("02:30-05:00", "2026-03-08T00:00-05:00", "2026-03-08T03:00-04:00"),
        ("02:00-03:00", "2026-03-08T00:00-05:00", "2026-03-15T02:00-04:00"),
        ("01:00-02:30", "2026-03-08T01:59:59-05:00", "2026-03-08T01:59:59-05:00"),
        ("01:00-02:30", "2026-03-08T03:00-04:00", "2026-03-15T01:00-04:00"),
        # They are set back at 02:00 on 2026-11-01; 01:30-04:00 is open once both readings are.
        ("01:30-05:00", "2026-11-01T00:00-04:00", "2026-11-01T01:30-05:00"),
        ("00:00-01:30", "2026-11-01T01:29:59-04:00", "2026-11-01T01:29:59-04:00"),
        ("00:00-01:30", "2026-11-01T01:30-04:00", "2026-11-08T00:00-05:00"),
        ("00:00-01:30", "2026-11-01T01:10-05:00", "2026-11-08T00:00-05:00"),
        ("01:15-01:45", "2026-11-01T00:00-04:00", "2026-11-08T01:15-05:00"),
        ("00:00-24:00", "2026-11-01T01:30-05:00", "2026-11-01T01:30-05:00"),
    ],
)
def test_hours_while_clocks_are_being_set(sunday: str, now: str, opens: str) -> None:
    moment, expected = (datetime.fromisoformat(text).timestamp() for text in (now, opens))
    assert rule_of({"sun": sunday}).next_allowed(NEW_YORK, moment)[0] == expected


def test_lord_howe_sets_its_clocks_by_half_an_hour() -> None:
    place, rule = Place(("Australia/Lord_Howe",)), rule_of({"sun": "01:40-05:00"})
    opens, _ = rule.next_allowed(place, at("2026-04-05T00:00", "Australia/Lord_Howe"))
    assert opens == at("2026-04-05T01:40", "Australia/Lord_Howe", fold=1)


def test_the_date_is_that_of_the_callee() -> None:
    off = Hours("campaign", parse_week(FEDERAL), dates_off=frozenset({date(2026, 11, 26)}))
    rule = HoursRule((off,), ring_s=0)
    for zone in ("Pacific/Apia", "Pacific/Pago_Pago", "Pacific/Kiritimati"):
        now = at("2026-11-25T21:00", zone)
        assert rule.next_allowed(Place((zone,)), now)[0] == at("2026-11-27T08:00", zone)


def test_every_zone_must_allow() -> None:
    rule, place = rule_of(FEDERAL), Place(("America/Los_Angeles", "America/New_York"))
    assert rule.next_allowed(place, at("2026-11-21T09:00"))[0] == at("2026-11-21T11:00")
    verdict = rule.judge(place, at("2026-11-21T12:00"))
    assert verdict == Allowed(at("2026-11-21T21:00"))


def test_nothing_is_started_that_would_still_ring_when_the_hours_end() -> None:
    rule = rule_of(FEDERAL, ring_s=45)
    assert isinstance(rule.judge(NEW_YORK, at("2026-11-21T20:59:14")), Allowed)
    verdict = rule.judge(NEW_YORK, at("2026-11-21T20:59:15"))
    assert isinstance(verdict, Until)
    assert verdict.at == at("2026-11-22T08:00")
    assert verdict.why.endswith("it is 20:59 there, and a call may ring for 45 s")


def test_the_last_minute_of_a_day_that_goes_on_is_no_end() -> None:
    rule = rule_of({"sat-sun": "00:00-24:00"}, ring_s=45)
    assert isinstance(rule.judge(NEW_YORK, at("2026-11-21T23:59:50")), Allowed)
    assert isinstance(rule.judge(NEW_YORK, at("2026-11-22T23:59:50")), Until)


def test_what_is_remembered_ends_with_a_span_of_days() -> None:
    utc, rule = Place(("UTC",)), rule_of({"mon-fri": "00:00-24:00"}, ring_s=45)
    wednesday, saturday = at("2026-11-18T00:00", "UTC"), at("2026-11-21T00:00", "UTC")
    for now in range(int(wednesday), int(saturday) - 45, 3599):
        assert isinstance(rule.judge(utc, now), Allowed)
    assert isinstance(rule.judge(utc, wednesday), Allowed)
    assert isinstance(rule.judge(utc, saturday - 45), Until)


US = Hours("US", parse_week(FEDERAL), "47 CFR 64.1200(c)(1)")
FLORIDA = Hours("US-FL", parse_week({"mon-sun": "08:00-20:00"}), "Fla. Stat. 501.616(6)")
ALABAMA = Hours("US-AL", parse_week({"mon-sat": "08:00-20:00"}), "r. 770-X-5-.17", on_holidays=False)
OTHERS = Hours("default", parse_week({"mon-sun": "09:00-21:00"}))
LAW = RegionalHours({"US": US, "US-FL": FLORIDA, "US-AL": ALABAMA}, default=OTHERS)
HOLIDAYS = PublicHolidays({"US-AL": frozenset({date(2026, 12, 25)})}, frozenset({2026}))


def test_the_reason_names_rule_zone_local_time_and_citation() -> None:
    rule = HoursRule(regional=LAW, holidays=HOLIDAYS)
    florida = Place(("America/New_York",), ("US-FL",))
    assert rule.judge(florida, at("2026-11-22T07:41")) == Until(
        at("2026-11-22T08:00"),
        "US-FL (Fla. Stat. 501.616(6)), Sunday, 08:00-20:00 in America/New_York: it is 07:41 there",
    )
    alabama = Place(("America/Chicago",), ("US-AL",))
    assert rule.next_allowed(alabama, at("2026-11-22T12:00", "America/Chicago"))[1] == (
        "US-AL (r. 770-X-5-.17), Sunday, no calls in America/Chicago: it is 12:00 there"
    )
    opens, why = rule.next_allowed(alabama, at("2026-12-25T09:00", "America/Chicago"))
    assert opens == at("2026-12-26T08:00", "America/Chicago")
    assert "Friday, a public holiday in America/Chicago: it is 09:00 there" in why


def test_the_reason_keeps_pace_with_the_clock() -> None:
    rule = HoursRule(regional=LAW)
    texts = [rule.next_allowed(NEW_YORK, at("2026-11-22T07:41") + s)[1][-14:] for s in (0, 59, 60, 1139)]
    assert texts == ["it is 07:41 there"[-14:]] * 2 + ["it is 07:42 there"[-14:], "it is 07:59 there"[-14:]]


def test_the_reason_is_a_rule_that_is_closed_to_the_end() -> None:
    """At 23:00 all are closed; it is the last to open that says when."""
    for hours, named in (("10:00-18:00", "campaign"), ("07:00-18:00", "US (47 CFR 64.1200(c)(1))")):
        rule = HoursRule((Hours("campaign", parse_week({"mon-sun": hours})),), LAW)
        georgia = Place(("America/New_York",), ("US-GA",))
        assert rule.next_allowed(georgia, at("2026-11-21T23:00"))[1].startswith(f"{named}, Saturday")


def test_the_laws_of_all_regions_hold_and_that_of_the_country() -> None:
    rule = HoursRule(regional=LAW, holidays=HOLIDAYS, ring_s=0)
    both = Place(("America/New_York",), ("US-AL", "US-FL", "US-GA"))
    assert [line.partition(" (")[0] for line in rule.explain(both, at("2026-11-22T20:30"))] == [
        "closed: US-AL",
        "closed: US-FL",
        "open: US",
    ]
    assert rule.next_allowed(both, at("2026-11-22T07:00"))[0] == at("2026-11-23T08:00")


def test_what_is_told_changes_with_the_minute_and_with_every_closing() -> None:
    rule = rule_of({"mon-sun": "08:00-21:00"}, {"mon-sun": "09:00-20:00"}, ring_s=45)
    for seconds, clock, says in (
        (0, "19:59:00", "open open"),
        (10, "19:59:10", "open open"),
        (15, "19:59:15", "open closed"),
        (60, "20:00:00", "open closed"),
        (3615, "20:59:15", "closed closed"),
        (-60, "19:58:00", "open open"),
        (0, "19:59:00", "open open"),
    ):
        lines = rule.explain(NEW_YORK, at("2026-11-21T19:59") + seconds)
        assert " ".join(line.partition(":")[0] for line in lines) == says
        assert all(f"it is {clock[:5]} there" in line for line in lines)
    here, there = Place(("America/New_York",)), Place(("America/Chicago",))
    now = at("2026-11-21T12:00")
    assert "12:00" in rule.explain(here, now)[0]
    assert "11:00" in rule.explain(there, now)[0]
    assert rule.explain(here, now) is rule.explain(here, now + 59.9), "every call that is made asks"


def test_in_doubt_there_is_no_call() -> None:
    now = at("2026-11-21T12:00")
    strict = HoursRule(regional=RegionalHours({"US": US}, default=None))
    unknown_holidays = HoursRule((Hours("campaign", parse_week(FEDERAL), on_holidays=False),))
    for rule, place, way_out in (
        (HoursRule(regional=LAW), Place((), ("US-FL",)), "`timezone` column"),
        (HoursRule(regional=LAW), Place(("Mars/Olympus",), ("US-FL",)), "update `tzdata`"),
        (strict, Place(("Europe/Berlin",), ("DE",)), "no rule for DE"),
        (strict, Place(("Europe/Berlin",)), "no rule for an unknown region"),
        (unknown_holidays, Place(("Europe/Berlin",), ("DE",)), "those of DE are not known"),
        (unknown_holidays, Place(("Europe/Berlin",)), "`state` column"),
        (rule_of({}), NEW_YORK, "no moment of the next fifteen months"),
        (rule_of({"sat": "09:00-12:00"}, {"sun": "09:00-12:00"}), NEW_YORK, "rule 0, rule 1"),
    ):
        verdict = rule.judge(place, now)
        assert isinstance(verdict, Never)
        assert way_out in verdict.why
        assert rule.next_allowed(place, now) == (inf, verdict.why)
        assert rule.explain(place, now)


def test_a_year_whose_holidays_are_not_loaded_has_no_call() -> None:
    rule = HoursRule(regional=LAW, holidays=HOLIDAYS)
    verdict = rule.judge(Place(("America/Chicago",), ("US-AL",)), at("2026-12-31T23:00", "America/Chicago"))
    assert isinstance(verdict, Never)


def test_without_rules_every_call_is_allowed() -> None:
    assert HoursRule().judge(Place(), 0.0) == Allowed(inf)


def test_a_region_without_a_rule_has_the_default() -> None:
    rule = HoursRule(regional=LAW, ring_s=0)
    for place in (Place(("Europe/Berlin",), ("DE",)), Place(("Europe/Berlin",))):
        now = at("2026-11-21T08:30", "Europe/Berlin")
        opens, why = rule.next_allowed(place, now)
        assert opens == at("2026-11-21T09:00", "Europe/Berlin")
        assert why.startswith("default, Saturday")


def test_a_rule_for_none_of_the_regions_does_not_hold() -> None:
    rule = HoursRule(regional=LAW, ring_s=0)
    georgia = Place(("America/New_York",), ("US-GA",))
    assert rule.judge(georgia, at("2026-11-22T20:30")) == Allowed(at("2026-11-22T21:00"))


def test_seconds_between_do_not_matter() -> None:
    rule = rule_of(FEDERAL, ring_s=45)
    assert rule.judge(NEW_YORK, at("2026-11-21T20:59:14.999")) == Allowed(at("2026-11-21T20:59:15"))
    assert rule.judge(NEW_YORK, at("2026-11-21T07:59:59.999")).__class__ is Until


def test_a_moment_is_told_in_utc_seconds() -> None:
    opens, _ = rule_of(FEDERAL).next_allowed(NEW_YORK, at("2026-11-21T05:00"))
    assert datetime.fromtimestamp(opens, UTC).isoformat() == "2026-11-21T13:00:00+00:00"
