"""Where the people of countries with several times may be: the table, beside the tz data and the numbers."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType
from phonenumbers.timezone import TIMEZONE_DATA

from dialer.domain.country_zones import COUNTRY_ZONES
from dialer.domain.places import AreaOverrides, Place, find_place

YEARS = range(2026, 2030)


def place(number: str, timezone: str | None = None) -> Place:
    return find_place(number, timezone=timezone, state=None, postal_code=None, overrides=AreaOverrides())


def clock(zone: str) -> tuple[timedelta | None, ...]:
    """What it shows twice a day, for some years."""
    with (files("tzdata") / "zoneinfo" / zone).open("rb") as file:
        info = ZoneInfo.from_file(file)
    first = datetime(YEARS[0], 1, 1, tzinfo=UTC)
    moments = (first + timedelta(hours=12 * step) for step in range(2 * 365 * len(YEARS)))
    return tuple(moment.astimezone(info).utcoffset() for moment in moments)


def countries() -> dict[str, list[str]]:
    """The zones of each country, as the tz database lists them."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8").splitlines():
        if not row.startswith("#"):
            country, _, zone, *_ = row.split("\t")
            found[country].append(zone)
    return found


def test_the_table_has_every_time_that_is_kept_somewhere_in_a_country() -> None:
    for country, zones in countries().items():
        if country in ("US", "CA", "UM"):  # by state, in north_america; nobody lives on the last
            continue
        kept = {clock(zone) for zone in zones}
        named = {clock(zone) for zone in COUNTRY_ZONES.get(country, ())}
        assert named == kept if len(kept) > 1 else not named, f"the times of {country} are others by now"


def many_zone_mobiles() -> Iterator[tuple[str, str]]:
    """A number that may be a mobile one, of each country that has several times."""
    for country in COUNTRY_ZONES:
        number = phonenumbers.example_number_for_type(country, PhoneNumberType.MOBILE)
        if number is not None:
            yield country, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@pytest.mark.parametrize(("country", "number"), list(many_zone_mobiles()))
def test_a_mobile_number_may_be_anywhere_in_its_country(country: str, number: str) -> None:
    found = place(number)
    assert set(COUNTRY_ZONES[country]) <= set(found.zones)
    assert found.regions == (country,)


def test_where_landlines_look_like_mobiles_the_area_code_says_nothing() -> None:
    # The package still has Chihuahua in Mazatlan's time, which it left in 2022.
    assert {"America/Mexico_City", "America/Mazatlan", "America/Tijuana"} <= set(place("+526141234567").zones)


@pytest.mark.parametrize(
    ("number", "zone"),
    [
        ("+74951234567", "Europe/Moscow"),
        ("+61212345678", "Australia/Sydney"),
        ("+551123456789", "America/Sao_Paulo"),
        ("+62218350123", "Asia/Jakarta"),
        ("+34912345678", "Europe/Madrid"),
    ],
)
def test_a_landline_is_where_its_area_is(number: str, zone: str) -> None:
    assert place(number).zones == (zone,)


def test_a_landline_of_an_area_that_the_package_cannot_tell_may_be_anywhere() -> None:
    assert place("+6753123456").zones == ("Pacific/Bougainville", "Pacific/Port_Moresby")


def test_the_row_says_where_a_mobile_number_is() -> None:
    assert place("+6281234567890", timezone="Asia/Makassar").zones == ("Asia/Makassar",)


def test_every_zone_that_the_package_may_name_is_in_the_zone_data() -> None:
    assert {zone for zones in TIMEZONE_DATA.values() for zone in zones} <= available_timezones()
