"""Which changes of a campaign's rules let people be called where the service's own rules do not."""

from collections.abc import Mapping
from typing import Any

from dialer.domain.caps import parse_cap, parse_duration
from dialer.domain.windows import common, parse_week
from dialer.settings.catalogue import Settings
from dialer.settings.contact import ALWAYS, Rules
from dialer.settings.live import with_changes


def weaker_rules(settings: Settings, changes: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the `rules` among the changes that are weaker than the settings' own.

    Nobody can tell which of two rules files is the weaker one, so another file counts as weaker. Raises
    `BadInput` as `with_changes`.
    """
    names = [name for name in changes if name.startswith("rules.")]
    wanted = with_changes(settings, {name: changes[name] for name in names}).rules
    return tuple(name for name in names if _is_weaker(name, wanted, settings.rules))


def _is_weaker(name: str, wanted: Rules, own: Rules) -> bool:
    match name:
        case "rules.hours":
            return own.hours not in (ALWAYS, wanted.hours)
        case "rules.windows":
            return bool(own.windows) and not _lies_within(wanted.windows, own.windows)
        case "rules.caps":
            return not all(_is_implied(cap, wanted.caps) for cap in own.caps)
        case "rules.gap":
            return own.gap is not None and (
                wanted.gap is None or parse_duration(wanted.gap) < parse_duration(own.gap)
            )
        case "rules.dates_off":
            return not set(own.dates_off) <= set(wanted.dates_off)
        case "rules.holidays":
            return own.holidays == "closed" and wanted.holidays == "open"
        case _:
            return True  # a rule that is not judged here


def _lies_within(inner: Mapping[str, str], outer: Mapping[str, str]) -> bool:
    if not inner:
        return False  # no table: at any time
    days = zip(parse_week(inner), parse_week(outer), strict=True)
    return all(common(some, others) == list(some) for some, others in days)


def _is_implied(cap: str, by: tuple[str, ...]) -> bool:
    """A cap of fewer calls in a longer time holds whatever this one holds."""
    own = parse_cap(cap)
    return any(each.calls <= own.calls and each.window_s >= own.window_s for each in map(parse_cap, by))
