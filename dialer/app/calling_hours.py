"""The calling hours of a campaign: the law's and its own."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dialer.adapters.rules.data_in_use import DataInUse, data_in_use, in_words
from dialer.adapters.rules.public_holidays import every_region, public_holidays
from dialer.adapters.rules.rules_file import SHIPPED, load_rules, shipped_rules
from dialer.domain.hours import HoursRule
from dialer.domain.places import AreaOverrides
from dialer.domain.wall_clock import DAY_S
from dialer.settings import Rules
from dialer.settings.contact import ALWAYS, own_hours

HOLIDAY_YEARS = 3
"""Years whose public holidays are known, this one the first."""


@dataclass(frozen=True, slots=True)
class HoursInForce:
    """The calling hours of a campaign; kept as long as the settings stay, since they remember verdicts."""

    rule: HoursRule
    overrides: AreaOverrides
    data: tuple[DataInUse, ...]
    """What decides where and when people may be called."""


def hours_in_force(rules: Rules, now: float) -> HoursInForce:
    """The law's hours and the campaign's own, with the public holidays of the years from `now` (Unix) on.

    Raises `BadInput` if the rules file cannot be read.
    """
    first = datetime.fromtimestamp(now - DAY_S, UTC).year  # somewhere it is still yesterday
    years = range(first, first + HOLIDAY_YEARS)
    is_shipped = rules.hours in (SHIPPED, ALWAYS)
    # where the law's hours are off nobody asks for its holidays
    law_years = () if rules.hours == ALWAYS else years
    file = shipped_rules() if is_shipped else Path(rules.hours)
    law = load_rules(file, law_years)
    data = data_in_use(file, law.checked)
    own = own_hours(rules)
    holidays = law.holidays if rules.holidays == "open" else public_holidays(every_region(), years)
    rule = HoursRule(
        everywhere=() if own is None else (own,),
        regional=None if rules.hours == ALWAYS else law.regional,
        holidays=holidays,
        ring_s=rules.ring_s,
        data=in_words(data),
    )
    return HoursInForce(rule, law.overrides, data)
