"""Where the person behind a number may be: every zone and every region, since rules of all of them hold.

What the row says goes before what the number says: its `timezone`, then its `state` or `postal_code`, then
the number's area code. Regions add up: the law of the number's state and of the row's state both hold.
Outside of +1 a number that may be a mobile one is in every zone of its country, unless the row says.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_geographical_number, time_zones_for_number

from dialer.domain.country_zones import COUNTRY_ZONES
from dialer.domain.north_america import ZONES, area_code_regions, postal_regions, state_region

SHOWN_CHARS_MAX = 40
"""Characters of a cell that an error shows."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a callee may be. Both sorted, without doubles."""

    zones: tuple[str, ...] = ()
    """IANA zones; empty: unknown, and then nobody is called."""
    regions: tuple[str, ...] = ()
    """ISO 3166-2 (`US-FL`) where states are told apart, else ISO 3166-1 (`DE`)."""

    @property
    def text(self) -> str:
        """One line, such as `America/Chicago America/New_York|US-FL`, for one column of a table."""
        return f"{' '.join(self.zones)}|{' '.join(self.regions)}"

    @staticmethod
    @lru_cache(maxsize=4096)
    def from_text(text: str) -> "Place":
        zones, _, regions = text.partition("|")
        return Place(tuple(zones.split()), tuple(regions.split()))


@dataclass(frozen=True, slots=True)
class AreaOverrides:
    """Area codes whose zones are given by hand, before the phonenumbers package is asked."""

    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By country code and area code, such as `+1689`; all of North America (+1)."""
    regions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of area codes that the phonenumbers package does not know."""

    def with_codes(self, placed: Mapping[str, str]) -> "AreaOverrides":
        """With area codes that are let in, each with its state (`US-MO`) or its zone."""
        states = {code: place for code, place in placed.items() if place in ZONES}
        return AreaOverrides(
            {**self.zones, **{f"+1{code}": ZONES.get(place, (place,)) for code, place in placed.items()}},
            {**self.regions, **{f"+1{code}": (state,) for code, state in states.items()}},
        )


def find_place(
    to_number: str,
    *,
    timezone: str | None,
    state: str | None,
    postal_code: str | None,
    overrides: AreaOverrides,
) -> Place:
    """Where the callee may be, from the row's columns and the number (E.164).

    `timezone` is an IANA zone. `state` and `postal_code` are read for numbers of the US and Canada and for
    toll-free ones of +1; for others only a full code such as `US-FL`. Raises `ValueError` if a column cannot
    be used: a sentence that begins with the column's name and holds nothing of the number.
    """
    number = _place_of_number(to_number, overrides)
    told = _told_regions(to_number, number, (state or "").strip(), (postal_code or "").strip())
    regions = tuple(sorted({*told, *number.regions}))
    if timezone is not None and timezone.strip():
        return Place((_zone_of_a_place(timezone.strip()),), regions)
    if told:
        return Place(_sorted(zone for region in told for zone in ZONES[region]), regions)
    return Place(number.zones, regions)


_OFFSETS = frozenset(
    (
        "EST",
        "MST",
        "HST",
        "GMT",
        "GMT0",
        "GMT+0",
        "GMT-0",
        "Greenwich",
        "UCT",
        "UTC",
        "Universal",
        "Zulu",
        "Factory",
    )
)


def _zone_of_a_place(name: str) -> str:
    if name in _OFFSETS or name.startswith("Etc/"):
        raise ValueError(
            f"timezone {name} is a distance from UTC all the year and not the time of a place: "
            "write it like America/New_York"
        )
    return name


def _told_regions(to_number: str, number: Place, state: str, postal_code: str) -> set[str]:
    """The regions that the row names itself."""
    abroad = not to_number.startswith("+1") or any(
        region[:2] not in ("US", "CA") for region in number.regions
    )
    told: set[str] = set()
    if state and (not abroad or "-" in state):
        region = state_region(state)
        if region is not None:
            told.add(region)
        elif not abroad:
            raise ValueError(
                f"state {state[:SHOWN_CHARS_MAX]!r} is no state or province of the US or Canada: "
                "write it like FL or Florida, or leave it empty"
            )
    if postal_code and not abroad:
        regions = postal_regions(postal_code)
        if not regions:
            raise ValueError(
                f"postal_code {postal_code[:SHOWN_CHARS_MAX]!r} is in no state or province of the US or "
                "Canada (military mail says nothing of where a person is): correct it, or leave it empty"
            )
        told.update(regions)
    return told


def _place_of_number(to_number: str, overrides: AreaOverrides) -> Place:
    """Where a number belongs by its digits alone."""
    if not to_number.startswith("+1"):
        return _ask_phonenumbers(to_number)
    place = _ask_about_exchange(to_number[:8])
    area = to_number[:5]
    zones, regions = overrides.zones.get(area), overrides.regions.get(area)
    return Place(_sorted(zones), regions or place.regions) if zones else place


@lru_cache(maxsize=65_536)
def _ask_about_exchange(prefix: str) -> Place:
    """The place of the numbers of North America that begin with +1, an area code and an exchange.

    An area code that the package does not know yet has all zones of its state.
    """
    place = _ask_phonenumbers(f"{prefix}0100")
    regions = area_code_regions(prefix[2:5])
    zones = place.zones or _sorted(zone for region in regions for zone in ZONES[region])
    return Place(zones, _sorted(regions) or place.regions)


_SOMEWHERE = frozenset(
    {PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
)


def _ask_phonenumbers(to_number: str) -> Place:
    """What the package knows; toll-free, personal, internet and shared-cost numbers are nowhere."""
    try:
        number = phonenumbers.parse(to_number, None)
    except phonenumbers.NumberParseException:  # a number of a private telephone system
        return Place()
    region = phonenumbers.region_code_for_number(number)
    if region is None or phonenumbers.number_type(number) not in _SOMEWHERE:
        return Place()
    of_area_code = number.country_code == 1  # mobile numbers have one too, which the package passes over
    zones = time_zones_for_geographical_number(number) if of_area_code else time_zones_for_number(number)
    if _says_only_the_country(number, zones):
        # what the package says counts too: it may know a zone that the table does not
        zones = (*zones, *COUNTRY_ZONES.get(region, ()))
    return Place(_sorted(zone for zone in zones if zone != UNKNOWN_TIMEZONE), (region,))


def _says_only_the_country(number: phonenumbers.PhoneNumber, zones: Iterable[str]) -> bool:
    """Whether its digits say no more of where the person is than the country.

    So it is with every number that may be a mobile one, whatever single zone the package gives it, and with a
    landline whose area the package does not know. Numbers of +1 go by their area code and their state.
    """
    if number.country_code == 1:
        return False
    if phonenumbers.number_type(number) != PhoneNumberType.FIXED_LINE:
        return True
    country = phonenumbers.PhoneNumber(country_code=number.country_code, national_number=0)
    return set(zones) == set(time_zones_for_geographical_number(country))


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
