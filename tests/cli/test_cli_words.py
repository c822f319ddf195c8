"""Numbers and times as people read them."""

from zoneinfo import ZoneInfo

import pytest

from dialer.cli import formatting
from dialer.domain.lifecycle import JobState

NEW_YORK = ZoneInfo("America/New_York")
MONDAY_NOON_S = 1_763_398_800.0
"""2025-11-17 12:00 in New York."""
HOUR_S = 3600.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0.4, "0 s"),
        (45, "45 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (29 * 60, "29 min"),
        (89 * 60, "89 min"),
        (90 * 60, "1 h 30 min"),
        (65 * 60 + 3600, "2 h 05 min"),
        (51 * 3600, "2 d 03 h"),
    ],
)
def test_a_length_of_time(seconds: float, text: str) -> None:
    assert formatting.span(seconds) == text


@pytest.mark.parametrize(
    ("ahead_s", "text"),
    [
        (0, "12:00"),
        (2 * HOUR_S + 300, "14:05"),
        (24 * HOUR_S, "Tue 12:00"),
        (7 * 24 * HOUR_S, "2025-11-24 12:00"),
        (-24 * HOUR_S, "2025-11-16 12:00"),
    ],
)
def test_a_moment(ahead_s: float, text: str) -> None:
    assert formatting.moment(MONDAY_NOON_S + ahead_s, MONDAY_NOON_S, NEW_YORK) == text


def test_counts_name_the_most_first_and_no_zeros() -> None:
    of = {"no_answer": 2, "reached": 1200, "busy": 2, "voicemail": 0}
    assert formatting.counts(of) == "reached 1,200, busy 2, no answer 2"
    assert formatting.counts({}) == ""


def test_a_job_under_way_is_not_called_busy() -> None:
    assert formatting.jobs({JobState.BUSY: 2, JobState.DONE: 3, JobState.OPEN: 0}) == "done 3, under way 2"


def test_lines_are_whole_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    formatting.print_aligned([("results", "x" * 200, "red"), ("next", "[bold]as it is", "")])
    assert capsys.readouterr().out == f"results  {'x' * 200}\nnext     [bold]as it is\n"
