"""The guide's table of events: as the siege has it, over logs, metrics and alerts that exist."""

import re
from pathlib import Path

import pytest

from tests.deploy.prometheus_kit import every_series
from tests.siege.causes import CAUSES
from tests.siege.events import EVENTS, Told, table

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "deploy" / "README.md").read_text()
ALERTS = (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text()
CODE = "\n".join(path.read_text() for path in (ROOT / "dialer").rglob("*.py"))


def test_the_guide_has_the_table() -> None:
    assert table() in GUIDE


@pytest.mark.parametrize("told", EVENTS, ids=lambda told: told.event)
def test_what_it_names_exists_and_something_causes_it(told: Told) -> None:
    assert f'"{told.log}"' in CODE, "no log line has this event"
    assert f"- alert: {told.alert}\n" in ALERTS
    name = re.match(r"\w+", told.metric)
    assert name is not None
    series = every_series()
    assert name[0] == "up" or {name[0], f"{name[0]}_sum"} & series
    cells = (told.event, told.log, told.metric, told.alert, told.status, told.readyz, told.ends)
    assert all(cells)
    assert not any(re.search(r"\bnever\b", cell) for cell in cells)
    if told.caused_by == "siege":
        assert told.event in CAUSES
    else:
        assert (ROOT / told.caused_by).is_file()


def test_each_event_is_there_once_and_each_cause_has_its_row() -> None:
    names = [told.event for told in EVENTS]
    assert len(set(names)) == len(names)
    assert set(CAUSES) == {told.event for told in EVENTS if told.caused_by == "siege"}
