"""Each equation of the balance, broken alone or with its neighbours, is named with both numbers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from dialer.domain.balance import Balance, ReadInPart
from dialer.domain.lifecycle import JobState

WHOLE = Balance(
    campaign="spring",
    rows=30,
    new=20,
    met_again=7,
    rejected=3,
    jobs={
        JobState.OPEN: 4,
        JobState.BUSY: 3,
        JobState.DONE: 5,
        JobState.FAILED: 2,
        JobState.SKIPPED: 1,
        JobState.EXPIRED: 1,
        JobState.CANCELLED: 2,
        JobState.UNKNOWN: 2,
    },
    closed_attempts=8,
    reopened_attempts=1,
    attempt_lines=9,
    final_jobs=11,
    job_lines=11,
    busy_attempts=3,
    unknown_attempts=2,
    last_seq=22,
    lines=22,
    highest_seq=22,
)
ROWS = "rows read = new jobs + met again + rejected"
JOBS = "new jobs = done + failed + skipped + expired + cancelled + unknown + open"
BUSY = "busy jobs = attempts under way"
UNKNOWN = "unknown jobs = unknown attempts"
ATTEMPTS = "closed attempts + reopened = their result lines"
FINAL = "final jobs = their lines in the results"
SEQ = "last sequence number = lines in the results"
HIGHEST = "last sequence number = highest one"


def test_a_balance_that_closes() -> None:
    assert WHOLE.problems() == []
    assert WHOLE.open_jobs == 7


def test_a_campaign_of_nothing() -> None:
    nothing = Balance("none", *([0] * 4), {}, *([0] * 10))
    assert nothing.problems() == []
    assert nothing.open_jobs == 0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"rows": 31}, [f"{ROWS}: 31 is not 30"]),
        ({"met_again": 6}, [f"{ROWS}: 30 is not 29"]),
        ({"rejected": 4}, [f"{ROWS}: 30 is not 31"]),
        ({"new": 21}, [f"{ROWS}: 30 is not 31", f"{JOBS}: 21 is not 20"]),
        ({"jobs": {**WHOLE.jobs, JobState.DONE: 4}}, [f"{JOBS}: 20 is not 19"]),
        (
            {"jobs": {**WHOLE.jobs, JobState.BUSY: 2, JobState.OPEN: 5}},
            [f"{BUSY}: 2 is not 3"],
        ),
        ({"jobs": {**WHOLE.jobs, JobState.UNKNOWN: 1, JobState.OPEN: 5}}, [f"{UNKNOWN}: 1 is not 2"]),
        ({"busy_attempts": 4}, [f"{BUSY}: 3 is not 4"]),
        ({"unknown_attempts": 0}, [f"{UNKNOWN}: 2 is not 0"]),
        ({"closed_attempts": 10}, [f"{ATTEMPTS}: 11 is not 9"]),
        ({"attempt_lines": 8}, [f"{ATTEMPTS}: 9 is not 8"]),
        ({"final_jobs": 12}, [f"{FINAL}: 12 is not 11"]),
        ({"job_lines": 12}, [f"{FINAL}: 11 is not 12"]),
        ({"lines": 21}, [f"{SEQ}: 22 is not 21"]),
        ({"highest_seq": 23}, [f"{HIGHEST}: 22 is not 23"]),
        ({"last_seq": 23}, [f"{SEQ}: 23 is not 22", f"{HIGHEST}: 23 is not 22"]),
    ],
)
def test_what_does_not_add_up_is_named(change: Mapping[str, Any], named: list[str]) -> None:
    assert replace(WHOLE, **change).problems() == named


def test_every_state_of_a_job_is_in_the_balance() -> None:
    for state in JobState:
        more = replace(WHOLE, jobs={**WHOLE.jobs, state: WHOLE.jobs[state] + 1})
        assert f"{JOBS}: 20 is not 21" in more.problems()


def test_what_is_told_of_a_list_that_was_read_in_part() -> None:
    assert str(ReadInPart("l.csv", 606, 59_394)) == (
        "l.csv: 59,394 rows not read yet: run the same command again"
    )
    assert str(ReadInPart("l.csv", 1606, None)) == (
        "l.csv: 1,606 rows read, and not its end: unless it is being read now, run the same command again"
    )
