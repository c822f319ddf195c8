"""Whether a campaign goes on after a change of its settings: asked before the change is written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dialer.adapters.rules.rules_file import SHIPPED
from dialer.app.calling_hours import hours_in_force
from dialer.domain.errors import BadInput
from dialer.settings import Settings
from dialer.settings.contact import ALWAYS
from dialer.settings.live import with_changes

_RIGHT_HOURS = (
    f"rules.hours is {SHIPPED}, {ALWAYS}, or the path of a rules file; "
    """hours of your own are rules.windows='{"mon-fri": "09:00-18:00"}'"""
)


def check_applies(settings: Settings, changes: Mapping[str, Any], now: float) -> None:
    """Raises `BadInput` if a campaign with these changes would be held, since its rules could not be made."""
    rules = with_changes(settings, changes).rules
    if rules.hours == settings.rules.hours and rules.holidays == settings.rules.holidays:
        return  # what is configured was read at the start
    try:
        hours_in_force(rules, now)
    except BadInput as error:
        raise BadInput(f"rules.hours: {error}. {_RIGHT_HOURS}") from None


def from_anywhere(settings: Settings, name: str, value: Any) -> Any:
    """A rules file that holds too for a run started in another folder."""
    if name != "rules.hours" or value in (SHIPPED, ALWAYS, settings.rules.hours):
        return value
    return str(Path(value).absolute())
