"""Where a number may be: tables, and every area code beside what phonenumbers says of it."""

from datetime import UTC, datetime
from itertools import product
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import geocoder
from phonenumbers.tzdata import TIMEZONE_DATA

from dialer.adapters.rules.rules_file import load_rules, shipped_rules
from dialer.domain.north_america import ZONES, area_code_regions, postal_regions, state_region
from dialer.domain.places import AreaOverrides, Place, find_place

SHIPPED = load_rules(shipped_rules(), [2026]).overrides
NEW_YORK, CHICAGO, DENVER = "America/New_York", "America/Chicago", "America/Denver"


def find(
    number: str, *, timezone: str | None = None, state: str | None = None, postal_code: str | None = None
) -> Place:
    return find_place(number, timezone=timezone, state=state, postal_code=postal_code, overrides=SHIPPED)


@pytest.mark.parametrize(
    ("number", "zones", "regions"),
    [
        ("+12125550100", (NEW_YORK,), ("US-NY",)),
        ("+13105550100", ("America/Los_Angeles",), ("US-CA",)),
        ("+16895550100", (NEW_YORK,), ("US-FL",)),
        ("+18505550100", (CHICAGO, NEW_YORK), ("US-FL",)),
        ("+12085550100", ("America/Boise", "America/Los_Angeles"), ("US-ID",)),
        ("+17875550100", ("America/Puerto_Rico",), ("US-PR",)),
        ("+19025550100", ("America/Halifax",), ("CA-NS", "CA-PE")),
        ("+14745550100", ("America/Edmonton", "America/Regina"), ("CA-SK",)),
        ("+442079460000", ("Europe/London",), ("GB",)),
        ("+493023125000", ("Europe/Berlin",), ("DE",)),
        ("+18765550100", ("America/Jamaica",), ("JM",)),
        ("+14365550100", (NEW_YORK,), ("US-OH",)),  # too new for the package
        ("+18005550100", (), ()),
        ("+15005550100", (), ()),
        ("+80012345678", (), ()),
        ("1001", (), ()),
        ("+1", (), ()),
    ],
)
def test_by_the_number_alone(number: str, zones: tuple[str, ...], regions: tuple[str, ...]) -> None:
    assert find(number) == Place(zones, regions)


@pytest.mark.parametrize(
    ("number", "columns", "zones", "regions"),
    [
        # The timezone column sets the zone; the law of the number's state and of the row's both hold.
        ("+12125550100", {"timezone": "America/Denver"}, (DENVER,), ("US-NY",)),
        ("+12125550100", {"timezone": "America/Denver", "state": "CO"}, (DENVER,), ("US-CO", "US-NY")),
        ("+12125550100", {"timezone": " "}, (NEW_YORK,), ("US-NY",)),
        ("+12125550100", {"state": "FL"}, (CHICAGO, NEW_YORK), ("US-FL", "US-NY")),
        ("+12125550100", {"state": " florida "}, (CHICAGO, NEW_YORK), ("US-FL", "US-NY")),
        ("+12125550100", {"postal_code": "80202"}, (DENVER,), ("US-CO", "US-NY")),
        ("+12125550100", {"postal_code": "2139"}, (NEW_YORK,), ("US-MA", "US-NY")),
        ("+12125550100", {"state": "NJ", "postal_code": "80202"}, (DENVER, NEW_YORK), None),
        ("+12125550100", {"postal_code": "H2X 1Y4"}, None, ("CA-QC", "US-NY")),
        ("+14165550100", {"state": "BC"}, None, ("CA-BC", "CA-ON")),
        ("+18005550100", {"timezone": "America/Denver"}, (DENVER,), ()),
        ("+18005550100", {"state": "CO"}, (DENVER,), ("US-CO",)),
        ("+18005550100", {"postal_code": "80202-1234"}, (DENVER,), ("US-CO",)),
        # Elsewhere `state` means other things: DE is no Delaware.
        ("+493023125000", {"state": "DE", "postal_code": "10115"}, ("Europe/Berlin",), ("DE",)),
        ("+18765550100", {"state": "WA", "postal_code": "JMAAW15"}, ("America/Jamaica",), ("JM",)),
        ("+493023125000", {"state": "US-CO"}, (DENVER,), ("DE", "US-CO")),
    ],
)
def test_by_the_columns_of_the_row(
    number: str, columns: dict[str, str], zones: tuple[str, ...] | None, regions: tuple[str, ...] | None
) -> None:
    place = find(number, **columns)
    assert zones is None or place.zones == zones
    assert regions is None or place.regions == regions


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"timezone": "EST"}, "timezone EST is a distance from UTC"),
        ({"timezone": "Etc/GMT+5"}, "timezone Etc/GMT"),
        ({"state": "Fla"}, "state 'Fla' is no state or province"),
        ({"state": "-"}, "leave it empty"),
        ({"postal_code": "09012"}, "military mail"),
        ({"postal_code": "123"}, "postal_code '123' is in no state"),
        ({"postal_code": "Q1A 1A1"}, "postal_code"),
        ({"state": "x" * 1000}, "^state 'x{40}' is"),
    ],
)
def test_a_column_that_cannot_be_used_is_refused_by_its_name(columns: dict[str, str], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        find("+12125550100", **columns)


def test_a_mobile_number_is_wherever_its_plan_lets_it_be() -> None:
    assert {"Australia/Perth", "Australia/Sydney"} < set(find("+61491570156").zones), "all of the country"
    assert find("+18765550100").zones == ("America/Jamaica",), "in North America it has an area code"


AREA_CODES = [f"{a}{b}{c}" for a, b, c in product("23456789", "0123456789", "0123456789")]


def in_service(area_code: str) -> bool:
    """In the US or Canada by the package, and bound to a place."""
    number = phonenumbers.parse(f"+1{area_code}5550100")
    usual = phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE
    return phonenumbers.number_type(number) == usual and phonenumbers.region_code_for_number(number) in (
        "US",
        "CA",
        "PR",
        "VI",
        "GU",
        "MP",
        "AS",
    )


IN_SERVICE = [code for code in AREA_CODES if in_service(code)]


def clocks(zone: str) -> tuple[str, ...]:
    """How far the zone is from UTC in each month of 2027: zones of the same clocks are the same to us."""
    months = (datetime(2027, month, 15, 12, tzinfo=UTC) for month in range(1, 13))
    return tuple(f"{month.astimezone(ZoneInfo(zone)):%z}" for month in months)


def test_every_area_code_has_the_state_that_the_package_describes() -> None:
    assert len(IN_SERVICE) > 380
    for area_code in IN_SERVICE:
        place = find(f"+1{area_code}5550100")
        assert place.regions == area_code_regions(area_code) != (), area_code
        text = geocoder.description_for_number(phonenumbers.parse(f"+1{area_code}5550100"), "en")
        described = state_region(text.removesuffix(" State")) or state_region(text.rpartition(", ")[2])
        assert described is None or described in place.regions, area_code


def test_every_area_code_has_zones_of_its_state() -> None:
    for area_code in IN_SERVICE:
        place = find(f"+1{area_code}5550100")
        of_state = {clocks(zone) for region in place.regions for zone in ZONES[region]}
        assert place.zones, area_code
        assert {clocks(zone) for zone in place.zones} <= of_state, area_code


PACKAGE_IS_WRONG = {
    "689": "Orlando is not on Central time",
    "474": "Saskatchewan is not on Manitoba's",
    "867": "Vancouver and Fort Nelson are not in the territories",
    "879": "nor Puerto Rico in Newfoundland",
    "907": "nor an exchange of Alaska, 581, in Hawaii",
}


def test_an_area_code_has_every_zone_that_the_package_knows_of_any_of_its_exchanges() -> None:
    """A number whose exchange is not known, or moved, is not called by the clock of the neighbours."""
    ours = {code: {clocks(zone) for zone in find(f"+1{code}5550100").zones} for code in IN_SERVICE}
    for prefix, zones in TIMEZONE_DATA.items():
        area_code = prefix[1:4]
        if prefix[0] == "1" and area_code in ours and area_code not in PACKAGE_IS_WRONG:
            assert {clocks(zone) for zone in zones} <= ours[area_code], prefix


def test_the_overrides_are_needed_still() -> None:
    """Each says another thing than the package does of some exchange; once it agrees, the entry can go."""
    for prefix, zones in SHIPPED.zones.items():
        theirs = [there for known, there in TIMEZONE_DATA.items() if known.startswith(prefix[1:])]
        ours = {clocks(zone) for zone in zones}
        assert any({clocks(zone) for zone in there} != ours for there in theirs), prefix


def test_every_state_has_zones_a_name_and_postal_codes() -> None:
    assert {zone for zones in ZONES.values() for zone in zones} <= available_timezones()
    by_zip = {region for prefix in range(1000) for region in postal_regions(f"{prefix:03}01")}
    by_letter = {region for letter in "ABCEGHJKLMNPRSTVXY" for region in postal_regions(f"{letter}1A 1A1")}
    assert by_zip | by_letter == set(ZONES)
    assert all(state_region(region) == state_region(region[3:].lower()) == region for region in ZONES)
    codes = {region for code in AREA_CODES for region in area_code_regions(code)}
    assert codes == set(ZONES)


@pytest.mark.parametrize(
    ("postal_code", "regions"),
    [
        ("10001", ("US-NY",)),
        ("06390", ("US-NY", "US-CT")),
        ("20500", ("US-DC",)),
        ("33139", ("US-FL",)),
        ("60601", ("US-IL",)),
        ("73301", ("US-TX",)),
        ("79901", ("US-TX",)),
        ("88510", ("US-TX",)),
        ("83414", ("US-WY", "US-ID")),
        ("90210", ("US-CA",)),
        ("96701", ("US-HI", "US-AS")),
        ("96910", ("US-GU", "US-MP")),
        ("99501", ("US-AK",)),
        ("00901", ("US-PR",)),
        ("00801", ("US-VI",)),
        ("V6B 1A1", ("CA-BC",)),
        ("x0a0h0", ("CA-NT", "CA-NU")),
        ("", ()),
        ("1234567", ()),
        ("601", ()),
        ("M", ()),
        ("٠٠٩٠١", ()),
    ],
)
def test_postal_codes(postal_code: str, regions: tuple[str, ...]) -> None:
    assert postal_regions(postal_code) == regions


names = st.lists(st.sampled_from(sorted(available_timezones())), unique=True, max_size=5)


@given(zones=names, regions=st.lists(st.sampled_from(sorted(ZONES)), unique=True, max_size=4))
def test_the_text_of_a_place_is_the_place(zones: list[str], regions: list[str]) -> None:
    place = Place(tuple(zones), tuple(regions))
    assert Place.from_text(place.text) == place


@given(
    number=st.from_regex(r"\+1[2-9][0-9]{2}5550[0-9]{3}", fullmatch=True)
    | st.sampled_from(["+493023125000", "+61491570006", "+79161234567", "+881612345678"]),
    state=st.none() | st.text(max_size=6) | st.sampled_from(["FL", "Texas", "CA-QC"]),
    postal_code=st.none() | st.text(max_size=6) | st.from_regex(r"[0-9]{5}", fullmatch=True),
)
def test_any_row_has_a_place_or_a_reason(number: str, state: str | None, postal_code: str | None) -> None:
    columns = {"timezone": None, "state": state, "postal_code": postal_code}
    try:
        place = find_place(number, **columns, overrides=AreaOverrides())
    except ValueError:
        with pytest.raises(ValueError, match=r"\A(state|postal_code) ['\"]"):
            find_place(number, **columns, overrides=AreaOverrides())
        return
    assert place.zones == tuple(sorted(set(place.zones)))
    assert place.regions == tuple(sorted(set(place.regions)))
    assert set(place.zones) <= available_timezones()


def test_an_area_code_that_is_let_in_is_where_the_operator_says() -> None:
    overrides = AreaOverrides().with_codes({"232": "US-ID", "233": "America/Boise"})

    def place(number: str, state: str | None = None) -> Place:
        return find_place(number, timezone=None, state=state, postal_code=None, overrides=overrides)

    assert place("+12325550142") == Place(("America/Denver", "America/Los_Angeles"), ("US-ID",))
    assert place("+12335550142") == Place(("America/Boise",), ())
    assert place("+12335550142", state="ID").regions == ("US-ID",)


def test_a_new_area_code_of_the_own_table_has_all_zones_of_its_state() -> None:
    assert find("+15655550142") == Place(("America/New_York",), ("US-GA",))
