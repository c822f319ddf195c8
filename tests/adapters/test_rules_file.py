"""Rules files: the one that ships, and those that people write."""

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dialer.adapters.rules.public_holidays import every_region, public_holidays
from dialer.adapters.rules.rules_file import Rules, load_rules, shipped_rules
from dialer.domain.errors import BadInput
from dialer.domain.hours import Allowed, HoursRule
from dialer.domain.north_america import ZONES
from dialer.domain.places import Place

YEARS = range(2026, 2029)
GOOD = """
title = "test"
[regions.US-FL]
hours = { mon-sun = "08:00-20:00" }
citation = "Fla. Stat. 501.616(6)"
checked = ""
source = "memory"
"""


def load(directory: Path, text: str) -> Rules:
    path = directory / "rules.toml"
    path.write_text(text)
    return load_rules(path, YEARS)


@pytest.fixture(scope="module")
def shipped() -> Rules:
    return load_rules(shipped_rules(), YEARS)


def allowed(rules: Rules, region: str, local: str) -> bool:
    zone = ZONES[region][0]
    now = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).timestamp()
    rule = HoursRule(regional=rules.regional, holidays=rules.holidays)
    return isinstance(rule.judge(Place((zone,), (region,)), now), Allowed)


@pytest.mark.parametrize(
    ("region", "is_allowed", "is_not"),
    [
        ("US-NY", "2026-11-21T20:59", "2026-11-21T21:00"),
        ("US-NY", "2026-11-22T08:00", "2026-11-22T07:59:59"),
        ("US-PR", "2026-11-22T08:00", "2026-11-22T07:59:59"),
        ("CA-ON", "2026-11-22T08:00", "2026-11-22T07:59:59"),
        ("US-FL", "2026-11-21T19:59", "2026-11-21T20:00"),
        ("US-AL", "2026-11-21T08:00", "2026-11-22T12:00"),
        ("US-AL", "2026-12-24T12:00", "2026-12-25T12:00"),
        ("US-CT", "2026-11-21T09:00", "2026-11-21T08:59"),
        ("US-KY", "2026-11-21T10:00", "2026-11-21T09:59"),
        ("US-LA", "2026-11-20T12:00", "2026-11-27T12:00"),
        ("US-LA", "2027-02-10T12:00", "2027-02-09T12:00"),
        ("US-MA", "2026-11-22T19:00", "2026-11-22T20:00"),
        ("US-MS", "2026-11-26T12:00", "2026-11-22T12:00"),
        ("US-PA", "2026-11-22T20:00", "2026-11-26T12:00"),
        ("US-RI", "2026-11-20T17:00", "2026-11-21T17:00"),
        ("US-TX", "2026-11-22T12:00", "2026-11-22T11:00"),
        ("US-UT", "2026-07-23T12:00", "2026-07-24T12:00"),
    ],
)
def test_what_the_shipped_file_allows(shipped: Rules, region: str, is_allowed: str, is_not: str) -> None:
    assert allowed(shipped, region, is_allowed)
    assert not allowed(shipped, region, is_not)


def test_the_shipped_file_names_states_that_are_and_only_stricter_hours(shipped: Rules) -> None:
    assert set(shipped.regional.by_region) <= set(ZONES) | {"US"}
    assert shipped.regional.default is not None
    federal = shipped.regional.by_region["US"]
    for region, hours in shipped.regional.by_region.items():
        for windows in hours.week:
            assert all(8 * 60 <= start < end <= 21 * 60 for start, end in windows), region
        assert region == "US" or (hours.week, hours.on_holidays) != (federal.week, True), region
    assert shipped.attempts["US-FL"] == "3 per 24h"
    assert set(shipped.attempts) <= set(shipped.regional.by_region)


def test_the_shipped_file_says_that_it_is_no_legal_advice_and_what_is_unverified() -> None:
    text = shipped_rules().read_text()
    assert "NO LEGAL ADVICE" in text
    for entry in text.split("\n["):
        if entry.startswith(("regions.", "default]")):
            unchecked = 'checked = ""' in entry
            assert unchecked == ("from memory of the statute, not verified" in entry or "a choice" in entry)


def test_a_file_without_default_and_area_codes(tmp_path: Path) -> None:
    rules = load(tmp_path, GOOD)
    assert rules.title == "test"
    assert rules.regional.default is None
    assert rules.overrides.zones == {}
    assert rules.holidays.dates == {}


def test_dates_off_are_one_day_or_one_of_every_year(tmp_path: Path) -> None:
    rules = load(tmp_path, GOOD + 'dates_off = ["2026-11-27", "06-14", "02-29"]')
    assert rules.regional.by_region["US-FL"].dates_off == {
        date(2026, 11, 27),
        *(date(year, 6, 14) for year in YEARS),
        date(2028, 2, 29),
    }


def test_holidays_of_a_country_are_those_of_all_its_parts(tmp_path: Path) -> None:
    country = GOOD.replace("US-FL", "US") + 'holidays = "closed"'
    rules = load(tmp_path, country)
    assert {region for region in ZONES if region.startswith("US-")} | {"US"} == set(rules.holidays.dates)
    assert date(2026, 7, 24) in rules.holidays.dates["US"]  # Utah's Pioneer Day
    assert date(2026, 7, 24) not in rules.holidays.dates["US-NY"]
    assert rules.holidays.years == set(YEARS)
    assert not allowed(rules, "US-UT", "2026-07-24T12:00")
    assert allowed(rules, "US-NY", "2026-07-24T12:00")


def test_a_default_that_is_closed_on_holidays_knows_those_of_every_region(tmp_path: Path) -> None:
    table = GOOD[GOOD.index("hours") :]
    rules = load(tmp_path, f'title = "test"\n[default]\n{table}holidays = "closed"\n[regions]\n')
    assert {"DE", "GB", "CA-QC", "US-FL"} <= set(rules.holidays.dates)
    assert not allowed(rules, "CA-QC", "2026-06-24T12:00")


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("title", "titel", "titel is no key of a rules file; did you mean title?"),
        ("title", "titel", "title is missing"),
        ("US-FL", "USA", "[regions.USA] is no region: write US, US-FL or DE"),
        ("hours =", "hour =", "[regions.US-FL] hour is no key of a rules file; did you mean hours?"),
        ("hours =", "hour =", "[regions.US-FL] hours is missing"),
        ("mon-sun", "always", "[regions.US-FL] hours has the day 'always': write mon, tue"),
        ("08:00-20:00", "20:00-08:00", "[regions.US-FL] hours has '20:00-08:00' on mon-sun, which does not"),
        ('checked = ""', 'checked = "today"', "[regions.US-FL] checked 'today' is no date"),
        ('checked = ""', "checked = 2026-11-21", "[regions.US-FL] checked is wrong: "),
        ('source = "memory"', 'source = ""', "[regions.US-FL] source is wrong: "),
        ('source = "memory"', 'source = "m"\nholidays = "off"', "holidays is wrong: input should be 'open'"),
        (
            'source = "memory"',
            'source = "m"\ndates_off = ["2-30"]',
            "dates_off '2-30' is no date: write",
        ),
        ("[regions", "[[regions", "is not valid TOML"),
        ("title", '[[area_codes]]\ncodes = ["+1"]\nzones = []\nwhy = ""\n[x]\ntitle', "codes must hold area"),
        ("title", '[[area_codes]]\ncodes = []\nzones = []\nwhy = ""\n[x]\ntitle', "number 1 zones is empty"),
        (
            "title",
            '[[area_codes]]\ncodes = ["689"]\nzones = ["US/Estern"]\nwhy = ""\n[x]\ntitle',
            "[[area_codes]] number 1 zones 'US/Estern' is no IANA time zone such as 'America/Chicago'; "
            "did you mean 'US/Eastern'?",
        ),
        (
            'US-FL]\nhours = { mon-sun = "08:00-20:00" }',
            'US-QQ]\nhours = { mon-sun = "08:00-20:00" }\nholidays = "closed"',
            '[regions.US-QQ] holidays = "closed": the holidays of US-QQ are not known; write "open"',
        ),
    ],
)
def test_what_is_wrong_is_told_with_file_table_key_and_way_out(
    tmp_path: Path, before: str, after: str, problem: str
) -> None:
    assert before in GOOD
    with pytest.raises(BadInput) as caught:
        load(tmp_path, GOOD.replace(before, after))
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{tmp_path / 'rules.toml'}: ") for line in lines)
    assert any(problem in line for line in lines), lines


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        load_rules(tmp_path / "none.toml", YEARS)
    (tmp_path / "latin.toml").write_bytes(b'title = "\xe9"')
    with pytest.raises(BadInput, match="is not UTF-8 text"):
        load_rules(tmp_path / "latin.toml", YEARS)


def test_public_holidays() -> None:
    found = public_holidays(["US-FL", "DE", "DE-BY", "XX", "US-QQ"], [2026])
    assert set(found.dates) == {"US-FL", "DE", "DE-BY"}
    assert found.years == {2026}
    assert date(2026, 11, 26) in found.dates["US-FL"]
    assert date(2026, 1, 6) in found.dates["DE-BY"] < found.dates["DE"]
    assert all(day.year == 2026 for dates in found.dates.values() for day in dates)
    assert {"US-FL", "CA-QC", "DE"} <= every_region()
