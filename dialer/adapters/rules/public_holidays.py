"""The public holidays of countries and states, from the `holidays` package, as plain sets of dates."""

from collections.abc import Iterable
from datetime import date

from holidays import country_holidays, list_supported_countries

from dialer.domain.hours import PublicHolidays
from dialer.domain.north_america import ZONES


def public_holidays(regions: Iterable[str], years: Iterable[int]) -> PublicHolidays:
    """The holidays of the regions (`US-FL`, `DE`); one that the package does not know is left out.

    Of a country alone, the holidays of all its parts: which of them a number is in is not known.
    """
    wanted = frozenset(years)
    found = {region: _dates(region, wanted) for region in set(regions)}
    return PublicHolidays({region: dates for region, dates in found.items() if dates is not None}, wanted)


def every_region() -> frozenset[str]:
    """Each region that a place may name and whose holidays are known; loading all takes half a second."""
    return frozenset(list_supported_countries(include_aliases=False)) | frozenset(ZONES)


def _dates(region: str, years: frozenset[int]) -> frozenset[date] | None:
    country, _, part = region.partition("-")
    try:
        if part:
            return frozenset(country_holidays(country, subdiv=part, years=years))
        dates = set(country_holidays(country, years=years))
        for each in list_supported_countries(include_aliases=False)[country]:
            dates.update(country_holidays(country, subdiv=each, years=years))
        return frozenset(dates)
    except NotImplementedError:
        return None
