"""What is said at the end of a run."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.app.run import Summary
from dialer.app.simulation import Simulation
from dialer.cli import exits, summary
from dialer.domain.lifecycle import JobState
from dialer.ports.engine import CampaignCounts, IntakeCounts

JOBS = dict.fromkeys(JobState, 0) | {JobState.DONE: 2000, JobState.FAILED: 100}
DONE = Summary(
    campaign="spring",
    intake=IntakeCounts(rows=2100, new=2100),
    counts=CampaignCounts(
        jobs=JOBS,
        outcomes={"reached": 2000, "no_answer": 100},
        live=0,
        uncertain=0,
        attempts=2400,
        calls=2390,
        next_due_at=None,
    ),
    calls_before=0,
    seconds=7500.0,
    ledger="./dialer.db",
    results=Path("results/spring.jsonl"),
    rejects=None,
    stopped=None,
    way_out="",
    account_refused=False,
    interrupted=False,
)
LEFT = replace(
    DONE,
    intake=IntakeCounts(rows=2101, new=2100, rejected=1),
    counts=replace(DONE.counts, jobs=JOBS | {JobState.OPEN: 40, JobState.BUSY: 2, JobState.UNKNOWN: 1}),
    rejects=Path("results/spring.rejects.csv"),
)
INTERRUPTED = replace(LEFT, stopped="interrupted", way_out="run it again", interrupted=True)
UNPAID = replace(LEFT, stopped="402 unpaid", way_out="pay the bill", account_refused=True)
MISCONFIGURED = replace(LEFT, stopped="three calls failed for SIP routing", way_out="mend the trunk")


@pytest.mark.parametrize(
    ("of", "code"),
    [
        (DONE, exits.DONE),
        (LEFT, exits.DONE),
        (INTERRUPTED, exits.INTERRUPTED),
        (UNPAID, exits.ACCOUNT_REFUSED),
        (MISCONFIGURED, exits.FAILED),
    ],
)
def test_the_exit_code(of: Summary, code: int) -> None:
    assert summary.exit_code(of) == code
    assert json.loads(summary.as_json(of))["exit_code"] == code


def test_a_campaign_that_is_done() -> None:
    assert [(label, text) for label, text, _ in summary.lines(DONE)] == [
        ("campaign", "spring"),
        ("rows", "2,100"),
        ("jobs", "done 2,000, failed 100"),
        ("outcomes", "reached 2,000, no answer 100"),
        ("calls", "2,390 in 2 h 05 min"),
        ("ledger", "./dialer.db"),
        ("results", "results/spring.jsonl"),
    ]


def test_simulated_calls_are_called_so() -> None:
    assert ("calls", "2,390 simulated in 2 h 05 min", "") in list(summary.lines(DONE, Simulation()))


def test_the_time_of_a_run_stands_beside_the_calls_of_that_run() -> None:
    again = replace(DONE, calls_before=2000)
    said = "2,390, 390 of them in this run, in 2 h 05 min"
    assert ("calls", said, "") in list(summary.lines(again))
    shown = json.loads(summary.as_json(again))
    assert (shown["calls"], shown["calls_in_this_run"]) == (2390, 390)


def test_what_is_left_is_said_with_what_to_do() -> None:
    steps = list(summary.next_steps(LEFT))
    assert steps[0] == "42 still open: run the same command again to go on"
    assert steps[1].startswith("1 unknown: a call may have been made")
    assert "`dialer resolve`" in steps[1]
    assert steps[2].startswith("fix the rejected rows")
    assert ("rejected", "results/spring.rejects.csv", "") in list(summary.lines(LEFT))


def test_a_simulation_that_begins_anew_is_not_said_to_go_on() -> None:
    steps = list(summary.next_steps(INTERRUPTED, begins_anew=True))
    assert steps[0] == "42 still open: each simulation starts fresh; pass --ledger FILE to keep one"
    assert "only they are added" not in steps[2]


def test_why_it_stopped_comes_first() -> None:
    steps = list(summary.next_steps(UNPAID))
    assert [each for each in steps if "open" in each] == ["42 still open, until then"], "it would stop again"
    assert steps[0] == "pay the bill"
    assert ("stopped", "402 unpaid", "red") in list(summary.lines(UNPAID))
    assert next(iter(summary.next_steps(INTERRUPTED))).startswith("42 still open")


def test_the_json_has_the_same() -> None:
    shown = json.loads(summary.as_json(LEFT))
    assert shown["jobs"]["open"] == 40
    assert set(shown["jobs"]) == {state.value for state in JobState}
    assert shown["outcomes"] == {"reached": 2000, "no_answer": 100}
    assert (shown["rows"], shown["rejected"], shown["calls"]) == (2101, 1, 2390)
    assert shown["rejects"] == "results/spring.rejects.csv"
    assert len(shown["next"]) == 3
