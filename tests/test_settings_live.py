"""What may be changed on a running campaign, and what is said when it may not."""

import json

import pytest

from dialer.domain.errors import BadInput
from dialer.settings import Pace, Settings
from dialer.settings.catalogue import FIELDS
from dialer.settings.live import live_names, parse_change, with_changes


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("pace.cps=10", "pace.cps", 10),
        ("pace.cps=0.5", "pace.cps", 0.5),
        (" pace.slots = 7 ", "pace.slots", 7),
    ],
)
def test_a_change_is_read(text: str, name: str, value: object) -> None:
    assert parse_change(text) == (name, value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pace.cps", "'pace.cps' is no change: write KEY=VALUE, such as pace.cps=10"),
        ("=3", "is no change"),
        ("pace.cps=0", "pace.cps = 0 must be a number from 0.01 to 1,000"),
        ("pace.cps=fast", "pace.cps = fast must be a number from 0.01 to 1,000"),
        ("pace.cps=nan", "pace.cps = nan must be a number from 0.01 to 1,000"),
        ("pace.cps=true", "pace.cps = true must be a number from 0.01 to 1,000"),
        ("pace.slots=2.5", "pace.slots = 2.5 must be a whole number from 1 to 10,000"),
        ("cps=3", "there is no setting cps to be changed; did you mean pace.cps?"),
        ("pace.slot=3", "did you mean pace.slots?"),
        ("weather=fine", "what can be changed: pace.cps, pace.slots"),
        ("ledger.url=other.db", "ledger.url cannot be changed while a campaign runs: stop it"),
    ],
)
def test_a_wrong_change_is_said_plainly(text: str, says: str) -> None:
    with pytest.raises(BadInput) as wrong:
        parse_change(text)
    assert says in str(wrong.value)


def test_the_changed_settings_are_the_others_too() -> None:
    settings = Settings(pace=Pace(cps=2.0), from_numbers=("+12125550100",))
    changed = with_changes(settings, {"pace.slots": 7})
    assert (changed.pace.cps, changed.pace.slots) == (2.0, 7)
    assert changed.from_numbers == settings.from_numbers
    assert with_changes(settings, {}) == settings


@pytest.mark.parametrize("changes", [{"pace.slots": 0}, {"pace.speed": 1}, {"ledger.url": "x"}])
def test_what_a_ledger_holds_is_checked_again(changes: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        with_changes(Settings(), changes)


@pytest.mark.parametrize("name", live_names())
def test_a_setting_can_be_set_to_what_it_is(name: str) -> None:
    value = FIELDS[name].get_default(call_default_factory=True)
    shown = json.dumps(list(map(str, value)) if isinstance(value, tuple) else value)
    assert parse_change(f"{name}={shown}")[0] == name
