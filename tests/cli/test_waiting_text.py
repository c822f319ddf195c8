"""The sentence that says why nobody is called now."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from dialer.cli.waiting_text import waiting_text
from dialer.domain.screening import Wait
from dialer.domain.waiting import Waiting, from_kept, kept

UTC = ZoneInfo("UTC")
NIGHT = datetime(2026, 11, 24, 2, 38, tzinfo=UTC).timestamp()
IN_LONDON = datetime(2026, 11, 24, 8, 0, tzinfo=UTC).timestamp()
IN_NEW_YORK = datetime(2026, 11, 24, 13, 0, tzinfo=UTC).timestamp()
LONDON = Waiting("hours", ("Europe/London",), 1, IN_LONDON)
NEW_YORK = Waiting("hours", ("America/New_York",), 2, IN_NEW_YORK)


def test_calling_hours_by_the_clocks_where_the_people_are() -> None:
    assert waiting_text([NEW_YORK, LONDON], NIGHT, UTC) == (
        "outside calling hours: 1 from 08:00 London, 2 from Tue 08:00 New York (in 5 h 22 min)"
    )


def test_a_number_that_may_be_in_two_zones_is_named_by_the_later_clock() -> None:
    both = Waiting("hours", ("America/Los_Angeles", "America/New_York"), 3, IN_NEW_YORK + 3 * 3600)
    assert "3 from Tue 08:00 Los Angeles" in waiting_text([both], NIGHT, UTC)


def test_more_places_than_fit_are_counted() -> None:
    many = [Waiting("hours", ("Europe/London",), 1, IN_LONDON + n * 3600) for n in range(6)]
    said = waiting_text(many, NIGHT, UTC)
    assert said.count("London") == 3
    assert "3 in other places later" in said


def test_several_rules_the_one_that_holds_most_people_first() -> None:
    redial = Waiting("redial", (), 40, NIGHT + 2100)
    assert waiting_text([LONDON, redial], NIGHT, UTC) == (
        "to be called again: 40 from 03:13 (in 35 min); "
        "outside calling hours: 1 from 08:00 London (in 5 h 22 min)"
    )


def test_nobody_waits() -> None:
    assert waiting_text([], NIGHT, UTC) == ""


@pytest.mark.parametrize(
    ("wait", "text", "what"),
    [
        (
            Wait(1.0, "hours", "", {"place": "America/New_York|US-NY"}),
            "hours America/New_York",
            "outside calling",
        ),
        (Wait(1.0, "hours"), "hours", "outside calling hours"),
        (Wait(1.0, "caps"), "caps", "called as often as the caps allow"),
        (Wait(1.0, "a_rule_of_tomorrow"), "a_rule_of_tomorrow", "a rule of tomorrow"),
    ],
)
def test_what_is_kept_can_be_read_again(wait: Wait, text: str, what: str) -> None:
    assert kept(wait) == text
    assert from_kept(text, 1, 2.0).what.startswith(what)
